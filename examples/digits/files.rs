//! The files that the example writes: the loss curves as SVG, and the model as Rust source.

use super::model::{Examples, Model, PIXELS, Result, WEIGHTS};
use plotters::prelude::*;
use std::path::Path;

/// The objective in training and the mean test loss of each step, over a logarithmic axis.
pub(crate) fn draw(path: &Path, losses: &[[f32; 2]]) -> Result<()> {
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

/// The model in whole numbers and some test digits as a Rust module, for a program that cannot read
/// files. The largest weight of a class becomes ±127. `cargo fmt` breaks the lines.
pub(crate) fn firmware(path: &Path, model: &Model, test: &Examples, of: [usize; 5]) -> Result<()> {
    let (weights, bias) = model.numbers.split_at(WEIGHTS);
    let bias: Vec<f32> = bias.iter().map(|&b| b as f32).collect();
    let (mut whole, mut scales) = (vec![], vec![]);
    for row in weights.chunks(PIXELS) {
        let unit = row.iter().fold(0.0, |most: f64, w| most.max(w.abs())) / 127.0;
        whole.push(row.iter().map(|w| (w / unit).round() as i8).collect::<Vec<_>>());
        scales.push((unit / 16.0) as f32);
    }
    let samples = of.map(|i| test.pictures[i].map(|x| (x * 16.0) as u8));
    let labels = of.map(|i| test.labels[i]);
    let text = format!(
        "//! Softmax regression on handwritten digits, trained by `examples/digits`.
//!
//! The score of class k is `SCALES[k]`·Σⱼ `WEIGHTS[k][j]`·x[j] + `BIAS[k]`. Data: Optical
//! Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning
//! Repository, CC BY 4.0.

/// A row of 64 weights for each of 10 classes.
pub static WEIGHTS: [[i8; 64]; 10] = {whole:?};

/// What a weight of 1 is worth, for each class.
pub static SCALES: [f32; 10] = {scales:?};

/// The score of each class for an empty picture.
pub static BIAS: [f32; 10] = {bias:?};

/// Test digits {of:?}: pixels from 0 to 16.
pub static SAMPLES: [[u8; 64]; 5] = {samples:?};

/// What they are.
pub static LABELS: [u8; 5] = {labels:?};
"
    );
    Ok(std::fs::write(path, text)?)
}
