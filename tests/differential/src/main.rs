//! Answers questions about the crate's functions, a line each.
//!
//! A question is a function's name and its arguments, `softmax x=1,2,3 columns=3`; an
//! answer has the same form, `out=9.0030566e-2,…`. Numbers are those of Rust's `parse` and
//! `{:e}`, which lose nothing. The first line out is the contract.

use logits::loss::{BinaryCrossEntropy, CrossEntropy, Loss};
use logits::{Error, Rows, RowsMut, contract, rows};
use std::collections::HashMap;
use std::fmt::{Debug, LowerExp, Write as _};
use std::io::{BufRead, Write as _, stdin, stdout};
use std::str::FromStr;

fn main() -> std::io::Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{}", promises().0)?;
    for line in stdin().lock().lines() {
        let line = line?;
        let question = Question::new(&line);
        let mut answer = Answer::default();
        question.answer(&mut answer).unwrap_or_else(|error| panic!("{error}: {line}"));
        writeln!(out, "{}", answer.0)?;
    }
    Ok(())
}

fn promises() -> Answer {
    let mut answer = Answer::default();
    answer.put("softmax", &[contract::SOFTMAX]);
    answer.put("log_softmax", &[contract::LOG_SOFTMAX]);
    answer.put("log_sum_exp", &[contract::LOG_SUM_EXP]);
    answer.put("entropy_of_scores", &[contract::ENTROPY_OF_SCORES]);
    answer.put("kl_divergence_of_scores", &contract::KL_DIVERGENCE_OF_SCORES);
    answer.put("distribution", &[contract::DISTRIBUTION]);
    answer.put("divergence", &[contract::DIVERGENCE]);
    answer.put("loss", &[contract::LOSS, contract::GRADIENT]);
    answer.put("smooth_loss", &[contract::SMOOTH_LOSS, contract::SMOOTH_GRADIENT]);
    answer.put("capped_loss", &[contract::CAPPED_LOSS, contract::CAPPED_GRADIENT]);
    let [plain, weighted] =
        [0, 1].map(|i| [contract::BINARY_LOSS[i], contract::BINARY_GRADIENT[i]]);
    answer.put("binary", &plain);
    answer.put("weighted_binary", &weighted);
    answer.put("focal", &[contract::FOCAL_LOSS, contract::FOCAL_GRADIENT]);
    answer.put("binary_of_probabilities", &contract::BINARY_PROBABILITY);
    answer
}

/// Named lists of numbers.
#[derive(Default)]
struct Answer(String);

impl Answer {
    fn put<T: LowerExp>(&mut self, name: &str, values: &[T]) {
        let space = if self.0.is_empty() { "" } else { " " };
        write!(self.0, "{space}{name}=").unwrap();
        for (i, value) in values.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(self.0, "{comma}{value:e}").unwrap();
        }
    }

    fn put_loss(&mut self, loss: Loss) {
        self.put("sum", &[loss.sum]);
        self.put("mean", &[loss.mean()]);
        self.put("weight", &[loss.weight]);
    }
}

/// A function's name, and its arguments by theirs.
struct Question<'a> {
    name: &'a str,
    arguments: HashMap<&'a str, &'a str>,
}

impl<'a> Question<'a> {
    fn new(line: &'a str) -> Self {
        let (name, arguments) = line.split_once(' ').unwrap_or((line, ""));
        let arguments = arguments.split(' ').filter_map(|argument| argument.split_once('='));
        Self { name, arguments: arguments.collect() }
    }

    fn list<T: FromStr<Err: Debug>>(&self, name: &str) -> Option<Vec<T>> {
        let list = self.arguments.get(name)?.split(',');
        Some(list.map(|number| number.parse().expect(name)).collect())
    }

    fn numbers(&self, name: &str) -> Vec<f32> {
        self.list(name).unwrap_or_default()
    }

    fn number<T: FromStr<Err: Debug>>(&self, name: &str) -> Option<T> {
        self.list(name)?.pop()
    }

    fn answer(&self, answer: &mut Answer) -> Result<(), Error> {
        match self.name {
            "cross_entropy" => return self.cross_entropy(answer),
            "binary" => return self.binary(answer),
            "binary_of_probabilities" => return self.binary_of_probabilities(answer),
            _ => {}
        }
        let (x, y) = (self.numbers("x"), self.numbers("y"));
        let columns = self.number("columns").unwrap_or(x.len());
        let (x, y) = (Rows::new(&x, columns)?, Rows::new(&y, columns)?);
        let (mut each, mut all) = (vec![0.0; x.rows()], vec![0.0; x.rows() * columns]);
        match self.name {
            "softmax" => rows::softmax(x, RowsMut::new(&mut all, columns)?)?,
            "log_softmax" => rows::log_softmax(x, RowsMut::new(&mut all, columns)?)?,
            "log_sum_exp" => rows::log_sum_exp(x, &mut each)?,
            "entropy" => rows::entropy(x, &mut each)?,
            "entropy_of_scores" => rows::entropy_of_scores(x, &mut each)?,
            "cross_entropy_of_distributions" => rows::cross_entropy(x, y, &mut each)?,
            "kl_divergence_of_scores" => {
                let gradient = RowsMut::new(&mut all, columns)?;
                rows::kl_divergence_of_scores_and_gradient(x, y, &mut each, gradient)?;
                answer.put("gradient", &all);
            }
            "kl_divergence" => rows::kl_divergence(x, y, &mut each)?,
            "js_divergence" => rows::js_divergence(x, y, &mut each)?,
            name => panic!("no function is called {name}"),
        }
        answer.put("out", if self.name.ends_with("softmax") { &all } else { &each });
        Ok(())
    }

    fn cross_entropy(&self, answer: &mut Answer) -> Result<(), Error> {
        let weights = self.numbers("class_weights");
        let mut f = CrossEntropy::new();
        if let Some(epsilon) = self.number("label_smoothing") {
            f = f.label_smoothing(epsilon);
        }
        if let Some(label) = self.number("ignored_label") {
            f = f.ignored_label(label);
        }
        if !weights.is_empty() {
            f = f.class_weights(&weights);
        }
        if let Some(lambda) = self.number("z_loss") {
            f = f.z_loss(lambda);
        }
        if let Some(cap) = self.number("soft_cap") {
            f = f.soft_cap(cap);
        }
        if let Some(temperature) = self.number("temperature") {
            f = f.temperature(temperature);
        }
        let (x, columns) = (self.numbers("x"), self.number("columns").expect("columns"));
        let mut gradient = vec![0.0; x.len()];
        let (x, out) = (Rows::new(&x, columns)?, RowsMut::new(&mut gradient, columns)?);
        let mut losses = vec![0.0; x.rows()];
        let loss = if let Some(labels) = self.list::<i64>("labels") {
            f.losses(x, &labels, &mut losses)?;
            f.loss_and_gradient(x, &labels, out)?
        } else {
            let targets = self.numbers("targets");
            let targets = Rows::new(&targets, columns)?;
            f.losses_soft(x, targets, &mut losses)?;
            f.loss_and_gradient_soft(x, targets, out)?
        };
        answer.put_loss(loss);
        answer.put("losses", &losses);
        answer.put("gradient", &gradient);
        Ok(())
    }

    fn binary(&self, answer: &mut Answer) -> Result<(), Error> {
        let mut f = BinaryCrossEntropy::new();
        if let Some(weight) = self.number("pos_weight") {
            f = f.pos_weight(weight);
        }
        if let Some(alpha) = self.number("alpha") {
            f = f.alpha(alpha);
        }
        if let Some(gamma) = self.number("gamma") {
            f = f.focal(gamma);
        }
        let (x, targets) = (self.numbers("x"), self.numbers("targets"));
        let (mut losses, mut gradient) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        f.losses(&x, &targets, &mut losses)?;
        answer.put_loss(f.loss_and_gradient(&x, &targets, &mut gradient)?);
        answer.put("losses", &losses);
        answer.put("gradient", &gradient);
        Ok(())
    }

    /// Each loss by a call of its own: there is no other way.
    fn binary_of_probabilities(&self, answer: &mut Answer) -> Result<(), Error> {
        let f = BinaryCrossEntropy::new();
        let (p, targets) = (self.numbers("x"), self.numbers("targets"));
        let (mut losses, mut gradient) = (Vec::new(), vec![0.0; p.len()]);
        for (p, target) in p.iter().zip(&targets) {
            losses.push(f.loss_of_probabilities(&[*p], &[*target])?.sum);
        }
        answer.put_loss(f.loss_and_gradient_of_probabilities(&p, &targets, &mut gradient)?);
        answer.put("losses", &losses);
        answer.put("gradient", &gradient);
        Ok(())
    }
}
