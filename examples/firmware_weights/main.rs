//! Writes the weights of `examples/firmware`: the model of `examples/digits` in whole numbers, and five
//! test digits, as a Rust module for a program that cannot read files.
//!
//! ```text
//! cargo run --release --example firmware_weights -- examples/firmware/src/weights.rs
//! cargo fmt --manifest-path examples/firmware/Cargo.toml
//! ```

#[path = "../digits/model.rs"]
#[allow(dead_code)] // this example needs no evaluation
mod model;

use logits::rows;
use model::{Examples, Model, PIXELS, Result, WEIGHTS, rows_mut};
use std::path::Path;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).ok_or("usage: firmware_weights FILE")?;
    let [training, test] = &Examples::load()?;
    let mut model = Model::new();
    while model.step(training, 1.0 / training.labels.len() as f64)? >= 1e-6 {}
    let mut p = model.scores(test)?;
    rows::softmax_in_place(rows_mut(&mut p));
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| logits::entropy(&p[a]).total_cmp(&logits::entropy(&p[b])));
    // From the surest prediction to the least sure.
    let samples = [0, 179, 269, 323, 359].map(|rank| order[rank]);
    write(Path::new(&path), &model, test, samples)
}

/// Writes the model and test digits. The largest weight of a class becomes ±127.
fn write(path: &Path, model: &Model, test: &Examples, of: [usize; 5]) -> Result<()> {
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
