//! Handwritten digits: from scores to probabilities to loss, on real data.
//!
//! A picture of 8 × 8 pixels is a vector x of 64 features from 0 to 1. Each of ten classes gives
//! it a score, and softmax makes probabilities of the scores:
//!
//! ```text
//! s = W x + b          p[k] = e^s[k] / Σⱼ e^s[j]          loss = −ln p[label]
//! ```
//!
//! Training looks for the W and b with the least mean loss + ½ ‖W‖² / n. What the model then says
//! of the test digits is looked at from all sides, and every section checks what it shows.
//!
//! ```text
//! cargo run --release --example digits -- --svg loss.svg --firmware weights.rs
//! ```

mod files;
mod model;

use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Rows, RowsMut, rows};
use model::{CLASSES, Descent, Examples, FEATURES, Model, Result, WEIGHTS};
use std::path::PathBuf;

/// The optimum as published: objective, mean log-loss and accuracy, and the last two in test.
const PUBLISHED: [f64; 5] = [0.196356, 0.096791, 0.98956, 0.335358, 0.902778];
/// The step whose model is kept as the younger one.
const YOUNG: usize = 20;

fn main() -> Result<()> {
    let (mut svg, mut firmware) = (None, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("svg") => svg = Some(PathBuf::from(arguments.value()?)),
            lexopt::Arg::Long("firmware") => firmware = Some(PathBuf::from(arguments.value()?)),
            _ => Err(format!("{}; usage: [--svg FILE] [--firmware FILE]", argument.unexpected()))?,
        }
    }
    println!(
        "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI, CC BY 4.0"
    );
    let [training, test] = &Examples::load()?;
    let [young, model] = &train(training, test, svg)?;
    let scores = &model.scores(test)?;
    let p = &softmax(scores)?;

    let mut entropies = vec![0.0; test.labels.len()];
    rows::entropy(Rows::new(p, CLASSES)?, &mut entropies)?;
    let mut order: Vec<usize> = (0..entropies.len()).collect();
    order.sort_by(|&a, &b| entropies[a].total_cmp(&entropies[b]));
    show_digits(test, p, [0, 179, 323, 359].map(|rank| order[rank]));
    show_mistake(test, scores, p)?;
    show_identity(p, &softmax(&young.scores(test)?)?)?;
    show_targets(test, Rows::new(scores, CLASSES)?)?;
    show_two_classes(test, scores)?;
    show_overflow(model, training)?;

    if let Some(path) = firmware {
        // From the surest answer to the least sure.
        files::firmware(&path, model, test, &[0, 179, 269, 323, 359].map(|rank| order[rank]))?;
        println!("\nWrote {}.", path.display());
    }
    Ok(())
}

/// A section's title, ruled to 78 columns.
fn title(text: &str) {
    println!("\n── {text} {:─<1$}\n", "", 74 - text.chars().count());
}

fn softmax(scores: &[f32]) -> Result<Vec<f32>> {
    let mut p = scores.to_vec();
    rows::softmax_in_place(RowsMut::new(&mut p, CLASSES)?);
    Ok(p)
}

fn row(all: &[f32], i: usize) -> &[f32] {
    &all[i * CLASSES..][..CLASSES]
}

/// The classes, the likeliest first.
fn ranking(scores: &[f32]) -> [usize; CLASSES] {
    let mut classes = std::array::from_fn(|class| class);
    classes.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    classes
}

/// The part of examples of which the likeliest class is the right one.
fn accuracy(model: &Model, examples: &Examples) -> Result<f64> {
    let scores = model.scores(examples)?;
    let all = scores.chunks(CLASSES).zip(&examples.labels);
    let right = all.filter(|(scores, label)| ranking(scores)[0] == **label as usize).count();
    Ok(right as f64 / examples.labels.len() as f64)
}

/// Trains from zero until the gradient is short. Returns a young model and the optimum.
fn train(training: &Examples, test: &Examples, svg: Option<PathBuf>) -> Result<[Model; 2]> {
    title("Training: s = W x + b, objective = mean loss + ½ ‖W‖² / n");
    let mut young = Model(vec![0.0; WEIGHTS + CLASSES]);
    let mut descent = Descent::new(&young);
    let (mut losses, mut gradient) = (Vec::new(), 1.0);
    while gradient >= 1e-7 && losses.len() < 10_000 {
        gradient = descent.step(training, true)?;
        let model = descent.model();
        let objective = model.loss(training)?[1];
        losses.push([objective, model.loss(test)?[0]]);
        let step = losses.len();
        if step == YOUNG {
            young = model;
        }
        if step % 400 == 0 || gradient < 1e-7 {
            println!("  step {step:5}   objective {objective:.7}   ‖gradient‖ {gradient:.1e}");
        }
    }
    let model = descent.model();
    let ([loss, objective], [test_loss, _]) = (model.loss(training)?, model.loss(test)?);
    let found = [objective, loss, accuracy(&model, training)?, test_loss, accuracy(&model, test)?];
    println!("\n  {:11}objective   log-loss   accuracy   of test: log-loss   accuracy", "");
    for (name, [a, b, c, d, e]) in [("found", found), ("published", PUBLISHED)] {
        println!("  {name:10}{a:10.6}{b:11.6}{c:11.5}{d:20.6}{e:11.6}");
    }
    for (found, published) in found.into_iter().zip(PUBLISHED) {
        assert!((found - published).abs() < 5e-6, "{found} is not the published {published}");
    }
    if let Some(path) = svg {
        files::draw(&path, &losses, PUBLISHED[0])?;
        println!("\n  Wrote {}.", path.display());
    }
    Ok([young, model])
}

/// A row of a picture, two columns a pixel.
fn picture(examples: &Examples, i: usize, row: usize) -> String {
    let row = examples.features[i * FEATURES..][..FEATURES].chunks(8).nth(row).unwrap_or(&[]);
    row.iter().map(|x| ["  ", "░░", "▒▒", "▓▓", "██"][(x * 4.0).round() as usize]).collect()
}

fn show_digits(test: &Examples, p: &[f32], examples: [usize; 4]) {
    title("Test digits, from the surest prediction to the least sure");
    for line in 0..13 {
        let cells = examples.map(|i| match line {
            0..8 => picture(test, i, line),
            8 => format!("{i} is a {}", test.labels[i]),
            9..12 => {
                let class = ranking(row(p, i))[line - 9];
                format!("  {class}  {:.6}", row(p, i)[class])
            }
            _ => format!("H = {:.6} nats", logits::entropy(row(p, i))),
        });
        println!("{}", cells.map(|cell| format!("  {cell:<17}")).concat().trim_end());
    }
}

fn show_mistake(test: &Examples, scores: &[f32], p: &[f32]) -> Result<()> {
    title("The most confident mistake");
    let believed = |i: usize| ranking(row(p, i))[0];
    let wrong = (0..test.labels.len()).filter(|&i| believed(i) != test.labels[i] as usize);
    let confidence = |i: usize| row(p, i)[believed(i)];
    let worst = wrong.max_by(|&a, &b| confidence(a).total_cmp(&confidence(b)));
    let (i, mut ln_p) = (worst.ok_or("no mistake")?, [0.0; CLASSES]);
    logits::log_softmax(row(scores, i), &mut ln_p)?;
    println!("  {:16}   class     score         p       ln p", "");
    for (line, k) in ranking(row(p, i)).into_iter().enumerate() {
        let (picture, score, p) = (picture(test, i, line), row(scores, i)[k], row(p, i)[k]);
        println!("  {picture:16}   {k:5}{score:10.4}{p:10.6}{:11.5}", ln_p[k]);
    }
    let label = test.labels[i];
    let loss = CrossEntropy::new().loss(Rows::new(row(scores, i), CLASSES)?, &[label])?.mean();
    println!("\n  Digit {i} is of class {label}. Loss = −ln p[{label}] = {loss:.6} nats.");
    assert!((loss + ln_p[label as usize]).abs() < 1e-6);
    Ok(())
}

fn show_identity(p: &[f32], q: &[f32]) -> Result<()> {
    title("Cross-entropy = entropy + divergence");
    let n = p.len() / CLASSES;
    let [mut h_pq, mut h_p, mut kl] = [(); 3].map(|()| vec![0.0; n]);
    let [p, q] = [Rows::new(p, CLASSES)?, Rows::new(q, CLASSES)?];
    rows::cross_entropy(p, q, &mut h_pq)?;
    rows::entropy(p, &mut h_p)?;
    rows::kl_divergence(p, q, &mut kl)?;
    let apart = (0..n).map(|i| (f64::from(h_pq[i]) - f64::from(h_p[i]) - f64::from(kl[i])).abs());
    let apart = apart.fold(0.0, f64::max);
    let [h_pq, h_p, kl] = [h_pq, h_p, kl].map(|all| all.iter().sum::<f32>() / n as f32);
    println!(
        "  P: the trained model's predictions. Q: those of step {YOUNG}. Mean over test digits:"
    );
    println!(
        "  H(P,Q) = {h_pq:.6}, H(P) = {h_p:.6}, KL(P‖Q) = {kl:.6} nats; at most {apart:.1e} apart"
    );
    assert!(apart < 5e-7);
    Ok(())
}

fn show_targets(test: &Examples, scores: Rows<'_>) -> Result<()> {
    title("Soft targets and temperature");
    // Label smoothing moves a tenth of the target from the label to all classes alike.
    let soft = |label: u32| (0..10).map(move |k| if k == label { 0.91 } else { 0.01 });
    let targets: Vec<f32> = test.labels.iter().flat_map(|&label| soft(label)).collect();
    let smoothed = CrossEntropy::new().label_smoothing(0.1).loss(scores, &test.labels)?.mean();
    let soft = CrossEntropy::new().loss_soft(scores, Rows::new(&targets, CLASSES)?)?.mean();
    println!("  Label smoothing: {smoothed:.6}. The same targets as distributions: {soft:.6}.");
    assert!((smoothed - soft).abs() < 1e-6);

    let mut losses = Vec::new();
    for temperature in (5..=30).map(|t| t as f32 / 10.0) {
        let loss = CrossEntropy::new().temperature(temperature);
        losses.push((loss.loss(scores, &test.labels)?.mean(), temperature));
    }
    let least = losses.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0)).ok_or("no loss")?;
    println!(
        "  The test loss, {:.6}, is least at temperature {}: {:.6}.",
        losses[5].0, least.1, least.0
    );
    // The penalty has made the model less sure than it may be.
    assert!(least.0 < losses[5].0 && least.1 < 1.0);
    Ok(())
}

fn show_two_classes(test: &Examples, scores: &[f32]) -> Result<()> {
    title("Two classes: p = σ(s₁ − s₂)");
    let digits =
        scores.chunks(CLASSES).zip(&test.labels).filter(|(_, label)| [3, 8].contains(*label));
    let (pairs, labels): (Vec<[f32; 2]>, Vec<u32>) =
        digits.map(|(s, &label)| ([s[8], s[3]], u32::from(label == 3))).unzip();
    let differences: Vec<f32> = pairs.iter().map(|[eight, three]| three - eight).collect();
    let targets: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
    let softmax = CrossEntropy::new().loss(Rows::new(pairs.as_flattened(), 2)?, &labels)?.mean();
    let sigmoid = BinaryCrossEntropy::new().loss(&differences, &targets)?.mean();
    println!("  3 or 8, {} digits: cross-entropy {softmax:.6}, binary {sigmoid:.6}", labels.len());
    assert!((softmax - sigmoid).abs() < 1e-6);
    Ok(())
}

/// Trains on without penalty until e^s overflows in half of the rows.
fn show_overflow(model: &Model, training: &Examples) -> Result<()> {
    title("Training on without penalty, until e^s overflows");
    println!("  The loss falls for ever and the scores grow. Softmax as e^s / Σ e^s first loses");
    println!("  the loss's digits, then is ∞ / ∞.\n");
    println!("    step   largest score   loss: logits       naive   rows of NaN: logits   naive");
    let nan = |p: &[f32]| p.chunks(CLASSES).filter(|p| p.iter().any(|p| p.is_nan())).count();
    let mut descent = Descent::new(model);
    for step in 0..10_000 {
        let model = descent.model();
        let scores = model.scores(training)?;
        // As the formula reads.
        let mut naive = scores.clone();
        logits::exp_in_place(&mut naive);
        for row in naive.chunks_mut(CLASSES) {
            let sum: f32 = row.iter().sum();
            for p in row {
                *p /= sum;
            }
        }
        let last = 2 * nan(&naive) >= training.labels.len();
        if step % 200 == 0 || last {
            let (rows, largest) =
                (naive.chunks(CLASSES), scores.iter().copied().fold(0.0, f32::max));
            let losses = rows.zip(&training.labels).map(|(p, &label)| -p[label as usize].ln());
            let naive_loss = losses.sum::<f32>() / training.labels.len() as f32;
            let (loss, of_logits, of_naive) =
                (model.loss(training)?[0], nan(&softmax(&scores)?), nan(&naive));
            println!(
                "  {step:6}{largest:16.5}{loss:15.5e}{naive_loss:12.5e}{of_logits:22}{of_naive:8}"
            );
            assert!(loss > 0.0 && of_logits == 0);
        }
        if last {
            return Ok(());
        }
        descent.step(training, false)?;
    }
    Err("no score overflowed".into())
}
