//! Handwritten digits: from scores to probabilities to loss, on real data.
//!
//! A picture of 8 × 8 pixels is a vector x of 64 features from 0 to 1. Each of
//! ten classes gives it a score, and softmax makes probabilities of the scores:
//!
//! ```text
//! s = W x + b          p[k] = e^s[k] / Σⱼ e^s[j]          loss = −ln p[label]
//! ```
//!
//! Training looks for the W and b with the least
//!
//! ```text
//! objective = mean loss + ½ ‖W‖² / n          n training examples
//! ```
//!
//! by Nesterov's accelerated gradient. The crate gives scores, probabilities,
//! losses, and the derivatives d = ∂loss/∂s; what is left to do here is the
//! chain rule, ∂loss/∂W = d xᵀ and ∂loss/∂b = d.
//!
//! The trained model shows what it is sure of, what it is not, and where it is
//! wrong; its predictions P and those of a younger model, Q, satisfy
//! H(P, Q) = H(P) + KL(P ‖ Q). Last it trains on without the penalty, until the
//! scores are so large that e^s overflows. That is the end of the formula as
//! written above, but not of the crate's softmax.
//!
//! ```text
//! cargo run --release --example digits
//! cargo run --release --example digits -- --svg loss.svg --firmware weights.rs
//! ```

use logits::loss::CrossEntropy;
use logits::{Rows, RowsMut, rows};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{array, env, error, fs};

/// The pictures and their classes; `data/README.md` tells where they are from.
const DATA: &str = include_str!("data/digits.csv");
/// How many examples are for training, from the first; the others are for test.
const TRAINING: usize = 1437;
/// Pixels along each side of a picture.
const SIDE: usize = 8;
const FEATURES: usize = SIDE * SIDE;
const CLASSES: usize = 10;
/// A black pixel in the data: features are fractions of it.
const BLACK: f32 = 16.0;

/// Training ends when the gradient is as short as this,
const SHORT: f64 = 1e-7;
/// or after so many steps in any case.
const MOST_STEPS: usize = 10_000;
/// The step whose model is kept as the younger one.
const YOUNG: usize = 20;

/// How good a model is.
struct Figures {
    objective: f64,
    loss: f64,
    accuracy: f64,
    test_loss: f64,
    test_accuracy: f64,
}

/// The optimum as published, to compare with.
const PUBLISHED: Figures = Figures {
    objective: 0.196356,
    loss: 0.096791,
    accuracy: 0.98956,
    test_loss: 0.335358,
    test_accuracy: 0.902778,
};

const USAGE: &str = "\
Usage: digits [--svg FILE] [--firmware FILE]

Trains softmax regression on handwritten digits and shows what it learned.

  --svg FILE       draw the loss curve
  --firmware FILE  write weights, bias and some digits as Rust source
  --help           print this
";

type Result<T> = std::result::Result<T, Box<dyn error::Error>>;

fn main() -> ExitCode {
    match Command::parse(env::args_os().skip(1)) {
        Ok(Command::Help) => report(print_usage()),
        Ok(Command::Run { svg, firmware }) => report(run(svg.as_deref(), firmware.as_deref())),
        Err(message) => {
            eprint!("error: {message}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// What the arguments ask for.
enum Command {
    Help,
    Run { svg: Option<PathBuf>, firmware: Option<PathBuf> },
}

impl Command {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> std::result::Result<Self, String> {
        let (mut svg, mut firmware) = (None, None);
        while let Some(argument) = arguments.next() {
            let file = match argument.to_str() {
                Some("--help" | "-h") => return Ok(Self::Help),
                Some("--svg") => &mut svg,
                Some("--firmware") => &mut firmware,
                _ => return Err(format!("unknown argument {}", argument.display())),
            };
            let value = arguments.next();
            *file = Some(value.ok_or(format!("{} needs a file", argument.display()))?.into());
        }
        Ok(Self::Run { svg, firmware })
    }
}

/// The exit code; a reader who has seen enough and closed the pipe is no error.
fn report(result: Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    match error.downcast_ref::<io::Error>() {
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_usage() -> Result<()> {
    Ok(io::stdout().write_all(USAGE.as_bytes())?)
}

/// The whole story.
fn run(svg: Option<&Path>, firmware: Option<&Path>) -> Result<()> {
    let out = &mut io::stdout().lock();
    let (training, test) = load()?;
    show_header(out, &training, &test)?;

    let History { model, young, objective, test_loss } = train(out, &training, &test)?;
    show_result(out, &model, objective.len(), &training, &test)?;

    let predictions = Predictions::new(&model, &test)?;
    let order = predictions.by_entropy()?;
    let last = order.len() - 1;
    let examples = [0, last / 2, last * 9 / 10, last].map(|rank| order[rank]);
    show_digits(out, &test, &predictions, examples)?;
    show_mistake(out, &test, &predictions)?;
    show_identity(out, &predictions, &Predictions::new(&young, &test)?, examples)?;
    show_overflow(out, &model, &training)?;

    if let Some(path) = svg {
        write_file(out, path, &draw_curves(&objective, &test_loss)?)?;
    }
    if let Some(path) = firmware {
        // From the most certain answer to the least.
        let samples = [0, last / 2, last * 3 / 4, last * 9 / 10, last].map(|rank| order[rank]);
        write_file(out, path, &firmware_source(path, &model, &test, &samples)?)?;
    }
    Ok(())
}

fn write_file(out: &mut impl Write, path: &Path, contents: &str) -> Result<()> {
    fs::write(path, contents)
        .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(writeln!(out, "Wrote {}.", path.display())?)
}

// ---------------------------------------------------------------- the data

/// Pictures as rows of features, and the class of each.
struct Examples {
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl Examples {
    fn len(&self) -> usize {
        self.labels.len()
    }

    fn rows(&self) -> Result<Rows<'_>> {
        Ok(Rows::new(&self.features, FEATURES)?)
    }

    fn picture(&self, i: usize) -> &[f32] {
        &self.features[i * FEATURES..][..FEATURES]
    }

    /// ‖x‖² + 1 of each example: the 1 is the constant feature of the bias.
    fn squared_lengths(&self) -> impl Iterator<Item = f64> {
        let squares = |x: &[f32]| x.iter().map(|&x| f64::from(x * x)).sum::<f64>();
        self.features.chunks(FEATURES).map(move |x| squares(x) + 1.0)
    }
}

/// The training examples and the test examples.
fn load() -> Result<(Examples, Examples)> {
    let mut training = Examples { features: Vec::new(), labels: Vec::new() };
    for (line, text) in DATA.lines().enumerate() {
        let numbers: std::result::Result<Vec<u8>, _> = text.split(',').map(str::parse).collect();
        match numbers.as_deref() {
            Ok([pixels @ .., class]) if pixels.len() == FEATURES => {
                training.features.extend(pixels.iter().map(|&pixel| f32::from(pixel) / BLACK));
                training.labels.push(u32::from(*class));
            }
            _ => return Err(format!("line {} of the data is no picture", line + 1).into()),
        }
    }
    let test = Examples {
        features: training.features.split_off(TRAINING * FEATURES),
        labels: training.labels.split_off(TRAINING),
    };
    Ok((training, test))
}

// ---------------------------------------------------------------- the model

const WEIGHTS: usize = CLASSES * FEATURES;
const PARAMETERS: usize = WEIGHTS + CLASSES;

/// W by rows, then b.
struct Model([f32; PARAMETERS]);

impl Model {
    const ZERO: Self = Self([0.0; PARAMETERS]);

    fn weights(&self) -> &[f32] {
        &self.0[..WEIGHTS]
    }

    fn bias(&self) -> &[f32] {
        &self.0[WEIGHTS..]
    }

    fn scores(&self, examples: &Examples) -> Result<Vec<f32>> {
        let mut scores = vec![0.0; examples.len() * CLASSES];
        let weights = Rows::new(self.weights(), FEATURES)?;
        let out = RowsMut::new(&mut scores, CLASSES)?;
        rows::linear(examples.rows()?, weights, self.bias(), out)?;
        Ok(scores)
    }

    fn loss(&self, examples: &Examples) -> Result<f32> {
        let scores = self.scores(examples)?;
        Ok(CrossEntropy::new().loss(Rows::new(&scores, CLASSES)?, &examples.labels)?.mean())
    }

    /// ½ ‖W‖² / n, which keeps the weights small.
    fn penalty(&self, n: usize) -> f64 {
        let squares: f64 = self.weights().iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        0.5 * squares / n as f64
    }

    fn objective(&self, examples: &Examples) -> Result<f64> {
        Ok(f64::from(self.loss(examples)?) + self.penalty(examples.len()))
    }

    /// The mean loss and its gradient: the crate's by the scores, and from there
    /// the chain rule.
    fn loss_and_gradient(&self, examples: &Examples) -> Result<(f32, Parameters)> {
        let scores = self.scores(examples)?;
        let mut by_scores = vec![0.0; scores.len()];
        let loss = CrossEntropy::new().loss_and_gradient(
            Rows::new(&scores, CLASSES)?,
            &examples.labels,
            RowsMut::new(&mut by_scores, CLASSES)?,
        )?;

        let mut gradient = [0.0; PARAMETERS];
        let (by_weights, by_bias) = gradient.split_at_mut(WEIGHTS);
        for (x, d) in examples.rows()?.iter().zip(by_scores.chunks(CLASSES)) {
            for ((row, bias), &d) in by_weights.chunks_mut(FEATURES).zip(&mut *by_bias).zip(d) {
                *bias += f64::from(d);
                for (w, x) in row.iter_mut().zip(x) {
                    *w += f64::from(d * x);
                }
            }
        }
        Ok((loss.mean(), gradient.map(|sum| sum / f64::from(loss.weight))))
    }
}

// ---------------------------------------------------------------- training

/// A model, or its gradient, while it is trained: steps far shorter than an f32
/// can tell still add up.
type Parameters = [f64; PARAMETERS];

/// Nesterov's accelerated gradient: a gradient step from where momentum leads.
struct Descent {
    at: Parameters,
    previous: Parameters,
    since_restart: u32,
}

impl Descent {
    fn new(model: &Model) -> Self {
        let at = model.0.map(f64::from);
        Self { at, previous: at, since_restart: 0 }
    }

    fn model(&self) -> Model {
        Model(self.at.map(|parameter| parameter as f32))
    }

    /// A step against the gradient. `objective` gives the gradient and a bound
    /// of the curvature, whose inverse is the step's size. Returns the length of
    /// the gradient.
    fn step(&mut self, objective: impl Fn(&Model) -> Result<(f64, Parameters)>) -> Result<f64> {
        let momentum = f64::from(self.since_restart) / f64::from(self.since_restart + 3);
        let ahead: Parameters =
            array::from_fn(|i| self.at[i] + momentum * (self.at[i] - self.previous[i]));
        let (curvature, gradient) = objective(&Model(ahead.map(|parameter| parameter as f32)))?;
        self.previous = self.at;
        self.at = array::from_fn(|i| ahead[i] - gradient[i] / curvature);

        // Momentum that leads uphill is dropped.
        let slope: f64 =
            (0..PARAMETERS).map(|i| gradient[i] * (self.at[i] - self.previous[i])).sum();
        self.since_restart = if slope > 0.0 { 0 } else { self.since_restart + 1 };
        Ok(gradient.iter().map(|g| g * g).sum::<f64>().sqrt())
    }
}

/// What training leaves behind.
struct History {
    model: Model,
    /// The model after the first few steps.
    young: Model,
    /// The objective after each step.
    objective: Vec<f32>,
    /// The mean loss on the test examples after each step.
    test_loss: Vec<f32>,
}

/// Trains from zero to the optimum.
///
/// Softmax's curvature is at most ½, so the objective's is at most half the
/// mean of ‖x‖² + 1, and 1/n for the penalty.
fn train(out: &mut impl Write, training: &Examples, test: &Examples) -> Result<History> {
    let n = training.len() as f64;
    let curvature = 0.5 * training.squared_lengths().sum::<f64>() / n + 1.0 / n;
    let penalised = |model: &Model| {
        let (_, mut gradient) = model.loss_and_gradient(training)?;
        for (g, &w) in gradient.iter_mut().zip(model.weights()) {
            *g += f64::from(w) / n;
        }
        Ok((curvature, gradient))
    };

    title(out, "Training: s = W x + b, objective = mean loss + ½ ‖W‖² / n")?;
    let terminal = io::stdout().is_terminal();
    let mut descent = Descent::new(&Model::ZERO);
    let mut young = Model::ZERO;
    let (mut objectives, mut test_losses) = (Vec::new(), Vec::new());
    for step in 1..=MOST_STEPS {
        let gradient = descent.step(penalised)?;
        let model = descent.model();
        let objective = model.objective(training)?;
        objectives.push(objective as f32);
        test_losses.push(model.loss(test)?);
        if step == YOUNG {
            young = descent.model();
        }

        let last = gradient < SHORT || step == MOST_STEPS;
        if last || step.is_multiple_of(if terminal { 20 } else { 200 }) {
            let (start, end) = if terminal { ("\r", "") } else { ("", "\n") };
            write!(
                out,
                "{start}  step {step:5}   objective {objective:.7}   ‖gradient‖ {gradient:.1e}{end}"
            )?;
            out.flush()?;
        }
        if last {
            break;
        }
    }
    writeln!(out, "{}", if terminal { "\n" } else { "" })?;
    Ok(History { model: descent.model(), young, objective: objectives, test_loss: test_losses })
}

// ------------------------------------------------------------- predictions

/// Scores and probabilities of a model, a row an example.
struct Predictions {
    scores: Vec<f32>,
    probabilities: Vec<f32>,
}

impl Predictions {
    fn new(model: &Model, examples: &Examples) -> Result<Self> {
        let scores = model.scores(examples)?;
        let mut probabilities = vec![0.0; scores.len()];
        let out = RowsMut::new(&mut probabilities, CLASSES)?;
        rows::softmax(Rows::new(&scores, CLASSES)?, out)?;
        Ok(Self { scores, probabilities })
    }

    fn len(&self) -> usize {
        self.scores.len() / CLASSES
    }

    fn scores(&self, i: usize) -> &[f32] {
        &self.scores[i * CLASSES..][..CLASSES]
    }

    fn probabilities(&self, i: usize) -> &[f32] {
        &self.probabilities[i * CLASSES..][..CLASSES]
    }

    /// The classes, the likeliest first.
    fn ranking(&self, i: usize) -> [usize; CLASSES] {
        let mut classes = array::from_fn(|class| class);
        let scores = self.scores(i);
        classes.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        classes
    }

    /// How many examples have the right class as the likeliest.
    fn right(&self, examples: &Examples) -> usize {
        (0..self.len()).filter(|&i| self.ranking(i)[0] == examples.labels[i] as usize).count()
    }

    /// The examples by the entropy of their probabilities.
    fn by_entropy(&self) -> Result<Vec<usize>> {
        let mut entropies = vec![0.0; self.len()];
        rows::entropy(Rows::new(&self.probabilities, CLASSES)?, &mut entropies)?;
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| entropies[a].total_cmp(&entropies[b]));
        Ok(order)
    }
}

// ------------------------------------------------------------- the story

/// A section's title, ruled to 78 columns.
fn title(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "\n── {text} {:─<1$}\n", "", 74 - text.chars().count())
}

fn show_header(out: &mut impl Write, training: &Examples, test: &Examples) -> Result<()> {
    title(out, "Handwritten digits")?;
    writeln!(
        out,
        "  {} pictures of {SIDE} × {SIDE} pixels: {} to train on, {} to test.",
        training.len() + test.len(),
        training.len(),
        test.len()
    )?;
    writeln!(out, "  Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak,")?;
    writeln!(out, "  UCI Machine Learning Repository, CC BY 4.0.")?;
    Ok(())
}

/// Objective, loss and accuracy, ours above the published.
fn show_result(
    out: &mut impl Write,
    model: &Model,
    steps: usize,
    training: &Examples,
    test: &Examples,
) -> Result<()> {
    let right = Predictions::new(model, training)?.right(training);
    let test_right = Predictions::new(model, test)?.right(test);
    let ours = Figures {
        objective: model.objective(training)?,
        loss: f64::from(model.loss(training)?),
        accuracy: right as f64 / training.len() as f64,
        test_loss: f64::from(model.loss(test)?),
        test_accuracy: test_right as f64 / test.len() as f64,
    };

    writeln!(out, "  {:19}{:─^33}   {:─^21}", "", " training part ", " test part ")?;
    writeln!(
        out,
        "  {:19}{:>9}{:>12}{:>12}{:>12}{:>12}",
        "", "objective", "log-loss", "accuracy", "log-loss", "accuracy"
    )?;
    for (name, figures) in
        [(format!("after {steps} steps"), ours), ("published optimum".into(), PUBLISHED)]
    {
        let Figures { objective, loss, accuracy, test_loss, test_accuracy } = figures;
        writeln!(
            out,
            "  {name:19}{objective:9.6}{loss:12.6}{accuracy:12.5}{test_loss:12.6}{test_accuracy:12.6}"
        )?;
    }
    writeln!(
        out,
        "\n  Right: {right} of {} in training, {test_right} of {} in test.",
        training.len(),
        test.len()
    )?;
    Ok(())
}

/// The rows of a picture, two columns a pixel.
fn picture(features: &[f32]) -> impl Iterator<Item = String> {
    const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
    let shade = |&value: &f32| SHADES[(value * 4.0).round() as usize];
    features.chunks(SIDE).map(move |row| row.iter().map(shade).collect())
}

/// Digits side by side, each above what the model thinks of it.
fn show_digits(
    out: &mut impl Write,
    test: &Examples,
    predictions: &Predictions,
    examples: [usize; 4],
) -> Result<()> {
    title(out, "Test digits, from the surest prediction to the least sure")?;
    let columns = examples.map(|i| {
        let p = predictions.probabilities(i);
        let likeliest = predictions.ranking(i).into_iter().take(3);
        let mut lines = vec![format!("digit {i}"), String::new()];
        lines.extend(picture(test.picture(i)));
        lines.extend([String::new(), format!("class {}", test.labels[i])]);
        lines.extend(likeliest.map(|class| format!("  {class}  {:9.6}", p[class])));
        lines.push(format!("H = {:.6} nats", logits::entropy(p)));
        lines
    });
    for line in 0..columns[0].len() {
        let cells = columns.each_ref().map(|column| format!("{:<16}", column[line]));
        writeln!(out, "{}", format!("  {}", cells.join("   ")).trim_end())?;
    }
    Ok(())
}

/// The wrong prediction with the highest probability.
fn show_mistake(out: &mut impl Write, test: &Examples, predictions: &Predictions) -> Result<()> {
    let believed = |i: usize| predictions.ranking(i)[0];
    let confidence = |i: usize| predictions.probabilities(i)[believed(i)];
    let Some(i) = (0..test.len())
        .filter(|&i| believed(i) != test.labels[i] as usize)
        .max_by(|&a, &b| confidence(a).total_cmp(&confidence(b)))
    else {
        return Ok(());
    };

    let (scores, p) = (predictions.scores(i), predictions.probabilities(i));
    let mut ln_p = [0.0; CLASSES];
    logits::log_softmax(scores, &mut ln_p)?;
    let label = test.labels[i];
    let loss = CrossEntropy::new().loss(Rows::new(scores, CLASSES)?, &[label])?.mean();

    title(out, "The most confident mistake")?;
    writeln!(
        out,
        "  Digit {i} is of class {label}; the model believes in {} with p = {:.6}.",
        believed(i),
        confidence(i)
    )?;
    writeln!(out, "  Loss = −ln p[{label}] = {loss:.6} nats.\n")?;
    writeln!(out, "  {:16}   class     score         p       ln p", "")?;
    let mut picture = picture(test.picture(i));
    for class in predictions.ranking(i) {
        let line = format!(
            "  {:16}   {class:5}{:10.4}{:10.6}{:11.5}   {}",
            picture.next().unwrap_or_default(),
            scores[class],
            p[class],
            ln_p[class],
            "█".repeat((20.0 * p[class]).round() as usize)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// H(P, Q) = H(P) + KL(P ‖ Q), for P the trained model's predictions and Q the
/// younger one's.
fn show_identity(
    out: &mut impl Write,
    trained: &Predictions,
    young: &Predictions,
    examples: [usize; 4],
) -> Result<()> {
    let terms = |i: usize| -> Result<[f64; 5]> {
        let (p, q) = (trained.probabilities(i), young.probabilities(i));
        let cross = f64::from(logits::cross_entropy(p, q)?);
        let entropy = f64::from(logits::entropy(p));
        let divergence = f64::from(logits::kl_divergence(p, q)?);
        let sum = entropy + divergence;
        Ok([cross, entropy, divergence, sum, (cross - sum).abs()])
    };
    let all = (0..trained.len()).map(terms).collect::<Result<Vec<_>>>()?;
    let mean = array::from_fn(|k| all.iter().map(|t| t[k]).sum::<f64>() / all.len() as f64);
    let most = array::from_fn(|k| all.iter().map(|t| t[k]).fold(0.0, f64::max));

    title(out, "Cross-entropy = entropy + divergence")?;
    writeln!(out, "  P: the trained model's prediction. Q: that of step {YOUNG}. In nats.\n")?;
    writeln!(
        out,
        "  {:10}{:>12}{:>12}{:>12}{:>16}{:>13}",
        "", "H(P, Q)", "H(P)", "KL(P ‖ Q)", "H(P) + KL(P‖Q)", "|difference|"
    )?;
    let mut line = |name: String, [cross, entropy, divergence, sum, difference]: [f64; 5]| {
        writeln!(
            out,
            "  {name:10}{cross:12.7}{entropy:12.7}{divergence:12.7}{sum:16.7}{difference:13.1e}"
        )
    };
    for i in examples {
        line(format!("digit {i}"), all[i])?;
    }
    line("mean".into(), mean)?;
    line("maximum".into(), most)?;
    Ok(())
}

// ---------------------------------------------------------------- overflow

/// Softmax as the formula reads: e^s over its sum. Here to fail.
fn naive_softmax(scores: &[f32]) -> Result<Vec<f32>> {
    let mut p = vec![0.0; scores.len()];
    logits::exp(scores, &mut p)?;
    for row in p.chunks_mut(CLASSES) {
        let sum: f32 = row.iter().sum();
        for p in row {
            *p /= sum;
        }
    }
    Ok(p)
}

/// How many rows have a NaN.
fn nan_rows(p: &[f32]) -> usize {
    p.chunks(CLASSES).filter(|row| row.iter().any(|p| p.is_nan())).count()
}

/// The mean of −ln p\[label\], from probabilities that are already rounded.
fn naive_loss(p: &[f32], labels: &[u32]) -> Result<f32> {
    let of_labels = p.chunks(CLASSES).zip(labels).map(|(row, &label)| row[label as usize]);
    let of_labels: Vec<f32> = of_labels.collect();
    let mut ln_p = vec![0.0; of_labels.len()];
    logits::ln(&of_labels, &mut ln_p)?;
    Ok(-ln_p.iter().sum::<f32>() / ln_p.len() as f32)
}

/// Trains on without penalty until e^s overflows in half of the rows.
///
/// The loss then has no minimum, and its curvature falls with it: a row's is at
/// most 2 (1 − p\[label\]) (‖x‖² + 1), which is at most 2 · loss · (‖x‖² + 1).
/// So the steps may grow as 1 / loss.
fn show_overflow(out: &mut impl Write, model: &Model, training: &Examples) -> Result<()> {
    let longest = training.squared_lengths().fold(0.0, f64::max);
    let unpenalised = |model: &Model| {
        let (loss, gradient) = model.loss_and_gradient(training)?;
        Ok((2.0 * longest * f64::from(loss), gradient))
    };

    title(out, "Training on without penalty, until e^s overflows")?;
    writeln!(out, "  The loss falls for ever and the scores grow. Softmax as e^s / Σ e^s first")?;
    writeln!(out, "  loses the loss's digits, then is ∞ / ∞. Of {} rows:\n", training.len())?;
    writeln!(out, "  {:21}{:─^27}   {:─^24}", "", " mean loss ", " rows with NaN ")?;
    writeln!(
        out,
        "  {:>6}{:>15}{:>12}{:>15}{:>12}{:>15}",
        "step", "largest score", "logits", "naive", "logits", "naive"
    )?;
    let mut descent = Descent::new(model);
    let mut overflowed = 0;
    for step in 0..=MOST_STEPS {
        let model = descent.model();
        let predictions = Predictions::new(&model, training)?;
        let naive = naive_softmax(&predictions.scores)?;
        let nan = nan_rows(&naive);
        let first = overflowed == 0 && nan > 0;
        let last = 2 * nan >= training.len() || step == MOST_STEPS;
        if step.is_multiple_of(200) || first || last {
            writeln!(
                out,
                "  {step:6}{:15.5}{:12.5e}{:15.5e}{:12}{nan:15}",
                predictions.scores.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                model.loss(training)?,
                naive_loss(&naive, &training.labels)?,
                nan_rows(&predictions.probabilities)
            )?;
        }
        if last {
            return show_overflown_digit(out, training, &predictions, &naive);
        }
        overflowed = nan;
        descent.step(unpenalised)?;
    }
    Ok(())
}

/// The digit with the largest score of all, class by class.
fn show_overflown_digit(
    out: &mut impl Write,
    training: &Examples,
    predictions: &Predictions,
    naive: &[f32],
) -> Result<()> {
    let largest = |&i: &usize| predictions.scores(i)[predictions.ranking(i)[0]];
    let Some(i) = (0..training.len()).max_by(|a, b| largest(a).total_cmp(&largest(b))) else {
        return Ok(());
    };
    let naive = &naive[i * CLASSES..][..CLASSES];
    let (scores, p) = (predictions.scores(i), predictions.probabilities(i));
    let mut exp = [0.0; CLASSES];
    logits::exp(scores, &mut exp)?;

    writeln!(out, "\n  Training digit {i}, class {}:\n", training.labels[i])?;
    writeln!(
        out,
        "  {:16}{:>8}{:>13}{:>15}{:>10}{:>14}",
        "", "class", "score", "e^score", "naive", "logits"
    )?;
    let mut picture = picture(training.picture(i));
    for class in predictions.ranking(i) {
        writeln!(
            out,
            "  {:16}{class:8}{:13.5}{:15?}{:10?}{:14?}",
            picture.next().unwrap_or_default(),
            scores[class],
            exp[class],
            naive[class],
            p[class]
        )?;
    }
    writeln!(out)?;
    Ok(())
}

// ------------------------------------------------------------------- files

/// A logarithmic axis: values between `low` and `high` lie between two pixels.
struct Axis {
    low: f32,
    high: f32,
    pixels: [f32; 2],
}

impl Axis {
    /// Where ticks may be, of which the axis has those in its range.
    const TICKS: [f32; 16] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0,
        5000.0, 10000.0,
    ];

    fn ticks(&self) -> impl Iterator<Item = f32> {
        Self::TICKS.into_iter().filter(|tick| (self.low..=self.high).contains(tick))
    }

    fn pixel(&self, value: f32) -> f32 {
        let mut ln = [self.low, self.high, value];
        logits::ln_in_place(&mut ln);
        let [low, high, value] = ln;
        let [from, to] = self.pixels;
        from + (to - from) * (value - low) / (high - low)
    }
}

/// The loss curves as SVG, both axes logarithmic.
fn draw_curves(objective: &[f32], test_loss: &[f32]) -> Result<String> {
    let curves = [
        ("objective, training part", "#1f5fa8", objective),
        ("mean log-loss, test part", "#cc5a1a", test_loss),
    ];
    let losses = || curves.into_iter().flat_map(|(_, _, losses)| losses.iter().copied());
    let x = Axis { low: 1.0, high: objective.len() as f32, pixels: [64.0, 730.0] };
    let y = Axis {
        low: losses().fold(f32::INFINITY, f32::min) / 1.2,
        high: losses().fold(0.0, f32::max) * 1.1,
        pixels: [400.0, 76.0],
    };
    let ([left, right], [bottom, top]) = (x.pixels, y.pixels);

    let mut svg = String::new();
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 460" width="760" height="460"
  font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="13" fill="#444">
<rect width="760" height="460" fill="#fdfdfb"/>
<text x="24" y="34" font-size="17" fill="#111">Softmax regression on handwritten digits</text>
<text x="{nats}" y="60" text-anchor="end">nats</text>
<text x="{right}" y="440" text-anchor="end">step</text>"##,
        nats = left - 10.0
    )?;
    for tick in y.ticks() {
        let (at, end) = (y.pixel(tick), left - 10.0);
        writeln!(svg, r##"<path d="M{left} {at:.1}H{right}" stroke="#e4e4de"/>"##)?;
        writeln!(svg, r#"<text x="{end}" y="{:.1}" text-anchor="end">{tick}</text>"#, at + 4.5)?;
    }
    for tick in x.ticks() {
        let (at, below) = (x.pixel(tick), bottom + 20.0);
        writeln!(svg, r##"<path d="M{at:.1} {bottom}V{top}" stroke="#f1f1ec"/>"##)?;
        writeln!(svg, r#"<text x="{at:.1}" y="{below}" text-anchor="middle">{tick}</text>"#)?;
    }
    writeln!(svg, r##"<path d="M{left} {bottom}H{right}" stroke="#444"/>"##)?;

    let optimum = y.pixel(PUBLISHED.objective as f32);
    writeln!(
        svg,
        r##"<path d="M{left} {optimum:.1}H{right}" stroke="#777" stroke-dasharray="5 4"/>
<text x="{}" y="{:.1}">published optimum {}</text>"##,
        left + 8.0,
        optimum - 7.0,
        PUBLISHED.objective
    )?;
    for (i, (name, colour, losses)) in curves.into_iter().enumerate() {
        let line = format!(r#"fill="none" stroke="{colour}" stroke-width="2""#);
        write!(svg, r#"<path {line} stroke-linejoin="round" d="M"#)?;
        let mut drawn = f32::NEG_INFINITY;
        for (step, &loss) in (1..).zip(losses) {
            let at = x.pixel(step as f32);
            if at >= drawn + 1.0 || step == losses.len() {
                write!(svg, "{at:.1} {:.1} ", y.pixel(loss))?;
                drawn = at;
            }
        }
        writeln!(svg, r#""/>"#)?;

        let (key, row) = (right - 270.0, top + 24.0 + 24.0 * i as f32);
        writeln!(svg, r#"<path {line} d="M{key} {row}h28"/>"#)?;
        let last = losses.last().copied().unwrap_or(f32::NAN);
        writeln!(svg, r#"<text x="{}" y="{}">{name}: {last:.4}</text>"#, key + 38.0, row + 4.5)?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

/// The model in whole numbers and some test digits, for a program without files or memory to
/// allocate: a Rust module.
fn firmware_source(
    path: &Path,
    model: &Model,
    test: &Examples,
    samples: &[usize],
) -> Result<String> {
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    let mut source = String::new();
    writeln!(
        source,
        "//! Softmax regression on handwritten digits, trained by
//! `cargo run --release --example digits -- --firmware {name}`.
//!
//! The score of class k is `SCALES[k]`·Σⱼ `WEIGHTS[k][j]`·x[j] + `BIAS[k]`. Data: Optical
//! Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
//! Repository, CC BY 4.0."
    )?;

    // The largest weight of a class becomes ±127.
    let weights = model.weights().chunks(FEATURES);
    let largest = |row: &[f32]| row.iter().fold(0f32, |most, w| most.max(w.abs()));
    let steps: Vec<f32> = weights.clone().map(|row| largest(row) / 127.0).collect();
    let quantised: Vec<Vec<f32>> = weights
        .zip(&steps)
        .map(|(row, step)| row.iter().map(|w| (w / step).round()).collect())
        .collect();
    write_table(
        &mut source,
        "WEIGHTS",
        "A row of 64 weights for each of 10 classes.",
        "i8",
        &quantised,
    )?;

    let scales: Vec<f32> = steps.iter().map(|step| step / BLACK).collect();
    write_floats(&mut source, "SCALES", "What a weight of 1 is worth, for each class.", &scales)?;
    write_floats(
        &mut source,
        "BIAS",
        "The score of each class for an empty picture.",
        model.bias(),
    )?;

    let pictures: Vec<Vec<f32>> = samples
        .iter()
        .map(|&i| test.picture(i).iter().map(|x| (x * BLACK).round()).collect())
        .collect();
    let doc = format!("Test digits {samples:?}: pixels from 0 to 16.");
    write_table(&mut source, "SAMPLES", &doc, "u8", &pictures)?;
    let labels: Vec<u32> = samples.iter().map(|&i| test.labels[i]).collect();
    writeln!(
        source,
        "\n/// What they are.\npub static LABELS: [u8; {}] = {labels:?};",
        labels.len()
    )?;
    Ok(source)
}

/// A `static` table of whole numbers, each row of a picture on a line.
fn write_table(
    source: &mut String,
    name: &str,
    doc: &str,
    number: &str,
    rows: &[Vec<f32>],
) -> Result<()> {
    let (count, length) = (rows.len(), FEATURES);
    writeln!(source, "\n/// {doc}\n#[rustfmt::skip]")?;
    writeln!(source, "pub static {name}: [[{number}; {length}]; {count}] = [")?;
    for row in rows {
        writeln!(source, "    [")?;
        for line in row.chunks(SIDE) {
            let numbers: Vec<String> = line.iter().map(|value| format!("{value}")).collect();
            writeln!(source, "        {},", numbers.join(", "))?;
        }
        writeln!(source, "    ],")?;
    }
    writeln!(source, "];")?;
    Ok(())
}

/// A `static` array, bit for bit.
fn write_floats(source: &mut String, name: &str, doc: &str, values: &[f32]) -> Result<()> {
    let length = values.len();
    writeln!(source, "\n/// {doc}\n#[rustfmt::skip]\npub static {name}: [f32; {length}] = [")?;
    for values in values.chunks(5) {
        let numbers: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        writeln!(source, "    {},", numbers.join(", "))?;
    }
    writeln!(source, "];")?;
    Ok(())
}
