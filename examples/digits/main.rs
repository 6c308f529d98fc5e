//! Handwritten digits: from scores to probabilities to loss, on real data.
//!
//! A picture of 8 × 8 pixels is a vector x of 64 numbers from 0 to 1. Each of ten classes gives it
//! a score, and softmax makes probabilities of the scores:
//!
//! ```text
//! s = W x + b          p[k] = e^s[k] / Σⱼ e^s[j]          loss = −ln p[label]
//! ```
//!
//! Training finds the W and b with the least mean loss + ½ ‖W‖² / n. Each later section shows one
//! property of the model's predictions, and asserts it.
//!
//! ```text
//! cargo run --release --example digits -- --svg loss.svg
//! ```

mod model;

use lexopt::Arg::Long;
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::rows;
use model::{CLASSES, Examples, Model, PIXELS, Result, Row};
use model::{ranking, rows_mut, rows_of};
use plotters::prelude::*;
use std::iter::zip;
use std::path::{Path, PathBuf};

/// The optimum that scikit-learn 1.9 finds with `LogisticRegression(C=1, tol=1e-12)`: objective, mean
/// loss and accuracy in training, mean loss and accuracy in test.
const REFERENCE: [f32; 5] = [0.196356, 0.096791, 0.98956, 0.335358, 0.902778];

fn main() -> Result<()> {
    let (mut svg, mut arguments) = (None, lexopt::Parser::from_env());
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("svg") => svg = Some(PathBuf::from(arguments.value()?)),
            _ => Err(format!("{}; usage: [--svg FILE]", argument.unexpected()))?,
        }
    }
    println!(
        "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI, CC BY 4.0"
    );
    let [training, test] = &Examples::load()?;
    let (model, losses) = &train(training, test)?;
    let scores = &model.scores(test)?;
    let p = &softmax(scores);
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| logits::entropy(&p[a]).total_cmp(&logits::entropy(&p[b])));

    show_digits(test, p, [0, 179, 323, 359].map(|rank| order[rank]));
    show_mistake(test, scores, p)?;
    show_identity(training, test, p)?;
    show_targets(test, scores)?;
    show_two_classes(test, scores)?;
    show_overflow(model, training)?;
    if let Some(path) = svg {
        draw(&path, losses)?;
    }
    Ok(())
}

/// A section's title, ruled to 78 columns.
fn title(text: &str) {
    println!("\n── {text} {:─<1$}\n", "", 74 - text.chars().count());
}

fn softmax(scores: &[Row]) -> Vec<Row> {
    let mut p = scores.to_vec();
    rows::softmax_in_place(rows_mut(&mut p));
    p
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

/// Trains from zero until ‖gradient‖ < 10⁻⁶. Returns the optimum, and for each step the objective in
/// training and the test loss.
fn train(training: &Examples, test: &Examples) -> Result<(Model, Vec<[f32; 2]>)> {
    title("Training: s = W x + b, objective = mean loss + ½ ‖W‖² / n");
    let (mut model, mut losses) = (Model::new(), vec![]);
    let ([objective, loss, right], [_, test_loss, test_right]) = loop {
        let gradient = model.step(training, 1.0 / training.labels.len() as f64)?;
        let (found, of_test) = (model.evaluate(training)?, model.evaluate(test)?);
        losses.push([found[0], of_test[1]]);
        let (step, last) = (losses.len(), gradient < 1e-6 || losses.len() == 10_000);
        if step % 400 == 0 || last {
            println!("  step {step:5}   objective {:.7}   ‖gradient‖ {gradient:.1e}", found[0]);
        }
        if last {
            break (found, of_test);
        }
    };
    let found = [objective, loss, right, test_loss, test_right];
    println!("\n  {:11}objective       loss   accuracy       of test: loss   accuracy", "");
    for (name, [a, b, c, d, e]) in [("found", found), ("reference", REFERENCE)] {
        println!("  {name:10}{a:10.6}{b:11.6}{c:11.5}{d:20.6}{e:11.6}");
    }
    assert!(zip(found, REFERENCE).all(|(found, reference)| (found - reference).abs() < 5e-6));
    Ok((model, losses))
}

/// A row of a picture as text, two characters a pixel.
fn pixels(picture: &[f32; PIXELS], row: usize) -> String {
    let row = picture.chunks(8).nth(row).unwrap_or(&[]);
    row.iter().map(|x| ["  ", "░░", "▒▒", "▓▓", "██"][(x * 4.0).round() as usize]).collect()
}

fn show_digits(test: &Examples, p: &[Row], shown: [usize; 4]) {
    title("Test digits, from the surest prediction to the least sure");
    for line in 0..13 {
        let cells = shown.map(|i| match line {
            0..8 => pixels(&test.pictures[i], line),
            8 => format!("{i} is a {}", test.labels[i]),
            9..12 => {
                let class = ranking(&p[i])[line - 9];
                format!("  {class}  {:.6}", p[i][class])
            }
            _ => format!("H = {:.6} nats", logits::entropy(&p[i])),
        });
        println!("{}", cells.map(|cell| format!("  {cell:<17}")).concat().trim_end());
    }
}

fn show_mistake(test: &Examples, scores: &[Row], p: &[Row]) -> Result<()> {
    title("The most confident mistake");
    let confidence = |i: usize| p[i][ranking(&p[i])[0]];
    let wrong = (0..p.len()).filter(|&i| ranking(&p[i])[0] != test.labels[i] as usize);
    let worst = wrong.max_by(|&a, &b| confidence(a).total_cmp(&confidence(b)));
    let (i, mut ln_p) = (worst.ok_or("no mistake")?, [0.0; CLASSES]);
    logits::log_softmax(&scores[i], &mut ln_p)?;
    println!("  {:16}   class     score         p       ln p", "");
    for (line, k) in ranking(&p[i]).into_iter().enumerate() {
        let (row, score, p) = (pixels(&test.pictures[i], line), scores[i][k], p[i][k]);
        println!("  {row:16}   {k:5}{score:10.4}{p:10.6}{:11.5}", ln_p[k]);
    }
    let label = test.labels[i];
    let loss = CrossEntropy::new().loss(rows_of(&scores[i..=i]), &[label])?.mean();
    println!("\n  Digit {i} is of class {label}. Loss = −ln p[{label}] = {loss:.6} nats.");
    assert!((loss + ln_p[label as usize]).abs() < 1e-6);
    Ok(())
}

fn show_identity(training: &Examples, test: &Examples, p: &[Row]) -> Result<()> {
    title("Cross-entropy = entropy + divergence");
    let mut young = Model::new();
    for _ in 0..20 {
        young.step(training, 0.0)?;
    }
    let q = softmax(&young.scores(test)?);
    let [mut h_pq, mut h_p, mut kl] = [(); 3].map(|()| vec![0.0; p.len()]);
    rows::cross_entropy(rows_of(p), rows_of(&q), &mut h_pq)?;
    rows::entropy(rows_of(p), &mut h_p)?;
    rows::kl_divergence(rows_of(p), rows_of(&q), &mut kl)?;
    let apart = zip(&h_pq, zip(&h_p, &kl)).map(|(h_pq, (h_p, kl))| (h_pq - h_p - kl).abs());
    let (apart, h_pq, h_p, kl) = (apart.fold(0.0, f32::max), mean(&h_pq), mean(&h_p), mean(&kl));
    println!("  P: predictions of the trained model, Q: after 20 steps. Means over test digits:");
    println!("  H(P,Q) = {h_pq:.6}, H(P) = {h_p:.6}, KL(P‖Q) = {kl:.6} nats");
    println!("  H(P,Q) − H(P) − KL(P‖Q) is at most {apart:.1e} for a digit.");
    assert!(apart < 1e-6);
    Ok(())
}

fn show_targets(test: &Examples, scores: &[Row]) -> Result<()> {
    title("Soft targets and temperature");
    let (scores, labels) = (rows_of(scores), &test.labels);
    // Label smoothing moves a tenth of the target from the label to all classes alike.
    let soft = |label| std::array::from_fn(|k| if k as u32 == label { 0.91 } else { 0.01 });
    let targets: Vec<Row> = labels.iter().map(|&label| soft(label)).collect();
    let smoothed = CrossEntropy::new().label_smoothing(0.1).loss(scores, labels)?.mean();
    let soft = CrossEntropy::new().loss_soft(scores, rows_of(&targets))?.mean();
    println!("  Label smoothing: {smoothed:.6}. The same targets as distributions: {soft:.6}.");
    assert!((smoothed - soft).abs() < 1e-6);

    let loss = |temperature| {
        let loss = CrossEntropy::new().temperature(temperature);
        Result::Ok(loss.loss(scores, labels)?.mean())
    };
    let [sharp, plain, soft] = [loss(0.9)?, loss(1.0)?, loss(1.1)?];
    println!("  Test loss at temperature 0.9: {sharp:.6}, at 1: {plain:.6}, at 1.1: {soft:.6}.");
    // The penalty keeps the scores small, so dividing by T < 1 lowers the test loss.
    assert!(sharp < plain && plain < soft);
    Ok(())
}

fn show_two_classes(test: &Examples, scores: &[Row]) -> Result<()> {
    title("Two classes: p = σ(s₁ − s₂)");
    let digits = zip(scores, &test.labels).filter(|(_, label)| [3, 8].contains(*label));
    let pairs = digits.map(|(s, label)| ([s[8], s[3]], u32::from(*label == 3)));
    let (pairs, labels): (Vec<_>, Vec<_>) = pairs.unzip();
    let differences: Vec<f32> = pairs.iter().map(|[eight, three]| three - eight).collect();
    let targets: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
    let softmax = CrossEntropy::new().loss(rows_of(&pairs), &labels)?.mean();
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
    let with_nan = |p: &[Row]| p.iter().filter(|p| p.iter().any(|p| p.is_nan())).count();
    let mut model = model.clone();
    for step in 0..10_000 {
        let scores = model.scores(training)?;
        // As the formula reads.
        let naive = |s: &Row| {
            let e = s.map(f32::exp);
            e.map(|term| term / e.iter().sum::<f32>())
        };
        let naive: Vec<_> = scores.iter().map(naive).collect();
        let (lost, of_logits) = (with_nan(&naive), with_nan(&softmax(&scores)));
        let last = 2 * lost >= training.labels.len();
        if step % 400 == 0 || last {
            let largest = scores.as_flattened().iter().fold(0f32, |most, s| most.max(*s));
            let loss = CrossEntropy::new().loss(rows_of(&scores), &training.labels)?.mean();
            let losses = zip(&naive, &training.labels).map(|(p, &label)| -p[label as usize].ln());
            let of_naive = mean(&losses.collect::<Vec<_>>());
            println!("  {step:6}{largest:16.5}{loss:15.5e}{of_naive:12.5e}{of_logits:22}{lost:8}");
            assert!(loss > 0.0 && of_logits == 0);
        }
        if last {
            return Ok(());
        }
        model.step(training, 0.0)?;
    }
    Err("no score overflowed".into())
}

/// The objective in training and the mean test loss of each step, over a logarithmic axis.
fn draw(path: &Path, losses: &[[f32; 2]]) -> Result<()> {
    let area = SVGBackend::new(path, (760, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = losses[0][0].max(losses[0][1]);
    let mut chart = ChartBuilder::on(&area)
        .caption("Softmax regression on handwritten digits", ("sans-serif", 20))
        .margin(20)
        .set_label_area_size(LabelAreaPosition::Left, 50)
        .set_label_area_size(LabelAreaPosition::Bottom, 40)
        .build_cartesian_2d((1.0..losses.len() as f32).log_scale(), 0.0..most * 1.05)?;
    chart.configure_mesh().x_desc("step").y_desc("nats").light_line_style(WHITE).draw()?;
    for (which, name, colour) in [(0, "objective, training", BLUE), (1, "loss, test", RED)] {
        let name = format!("{name}: {:.4}", losses[losses.len() - 1][which]);
        let points = (1u16..).zip(losses).map(|(step, losses)| (step.into(), losses[which]));
        let line = chart.draw_series(LineSeries::new(points, colour))?.label(name);
        line.legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    Ok(area.present()?)
}
