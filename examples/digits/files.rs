//! What the example writes: the loss curves, and the model as Rust source.

use super::model::{Examples, FEATURES, Model, Result, WEIGHTS};
use plotters::prelude::*;
use std::path::Path;

/// Objective and test loss of each step as SVG, over a logarithmic axis, and the optimum.
pub(crate) fn draw(path: &Path, losses: &[[f64; 2]], optimum: f64) -> Result<()> {
    let area = SVGBackend::new(path, (760, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let (steps, most) = (losses.len() as f64, losses[0][0].max(losses[0][1]));
    let mut chart = ChartBuilder::on(&area)
        .caption("Softmax regression on handwritten digits", ("sans-serif", 20))
        .margin(20)
        .set_label_area_size(LabelAreaPosition::Left, 50)
        .set_label_area_size(LabelAreaPosition::Bottom, 40)
        .build_cartesian_2d((1.0..steps).log_scale(), 0.0..most * 1.05)?;
    chart.configure_mesh().x_desc("step").y_desc("nats").light_line_style(WHITE).draw()?;

    let [objective, test] = losses[losses.len() - 1];
    let mut draw = |name: String, colour: RGBColor, loss: &dyn Fn(usize) -> f64| {
        // Of points that fall together, one in twenty is drawn.
        let drawn = (0..losses.len()).filter(|i| *i < 200 || i % 20 == 0);
        let points = drawn.map(|i| ((i + 1) as f64, loss(i)));
        let series = chart.draw_series(LineSeries::new(points, colour))?.label(name);
        series.legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    draw(format!("published optimum: {optimum}"), BLACK, &|_| optimum)?;
    draw(format!("objective, training: {objective:.4}"), BLUE, &|i| losses[i][0])?;
    draw(format!("mean log-loss, test: {test:.4}"), RED, &|i| losses[i][1])?;
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    Ok(area.present()?)
}

/// The model in whole numbers and some digits, for a program that cannot read files: a Rust module.
/// The largest weight of a class becomes ±127.
pub(crate) fn firmware(
    path: &Path,
    model: &Model,
    test: &Examples,
    samples: &[usize],
) -> Result<()> {
    let name = path.file_name().unwrap_or_default().display();
    let (weights, bias) = model.0.split_at(WEIGHTS);
    let step = |row: &[f32]| row.iter().fold(0f32, |most, w| most.max(w.abs())) / 127.0;
    let quantised = weights.chunks(FEATURES).flat_map(|row| row.iter().map(move |w| w / step(row)));
    let scales: Vec<f32> = weights.chunks(FEATURES).map(|row| step(row) / 16.0).collect();
    let pictures = samples.iter().flat_map(|&i| &test.features[i * FEATURES..][..FEATURES]);
    let labels: Vec<u32> = samples.iter().map(|&i| test.labels[i]).collect();
    let source = [
        "//! Softmax regression on handwritten digits, trained by\n",
        &format!("//! `cargo run --release --example digits -- --firmware {name}`.\n//!\n"),
        "//! The score of class k is `SCALES[k]`·Σⱼ `WEIGHTS[k][j]`·x[j] + `BIAS[k]`. Data: Optical\n",
        "//! Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning\n",
        "//! Repository, CC BY 4.0.\n\n/// A row of 64 weights for each of 10 classes.\n",
        &table("WEIGHTS", "i8", &quantised.collect::<Vec<_>>()),
        "\n/// What a weight of 1 is worth, for each class.\n",
        &floats("SCALES", &scales),
        "\n/// The score of each class for an empty picture.\n",
        &floats("BIAS", bias),
        &format!("\n/// Test digits {samples:?}: pixels from 0 to 16.\n"),
        &table("SAMPLES", "u8", &pictures.map(|x| x * 16.0).collect::<Vec<_>>()),
        &format!("\n/// What they are.\npub static LABELS: [u8; {}] = {labels:?};\n", labels.len()),
    ];
    Ok(std::fs::write(path, source.concat())?)
}

/// Whole numbers, a picture in brackets.
fn table(name: &str, number: &str, values: &[f32]) -> String {
    let pictures = values.chunks(FEATURES).map(|picture| {
        format!("    [\n{}    ],\n", lines(picture, 8, "        ", |x| x.round().to_string()))
    });
    let (count, pictures) = (values.len() / FEATURES, pictures.collect::<String>());
    format!(
        "#[rustfmt::skip]\npub static {name}: [[{number}; {FEATURES}]; {count}] = [\n{pictures}];\n"
    )
}

/// Numbers bit for bit.
fn floats(name: &str, values: &[f32]) -> String {
    let (length, lines) = (values.len(), lines(values, 5, "    ", |x| format!("{x:?}")));
    format!("#[rustfmt::skip]\npub static {name}: [f32; {length}] = [\n{lines}];\n")
}

fn lines(values: &[f32], length: usize, indent: &str, text: impl Fn(f32) -> String) -> String {
    let line = |line: &[f32]| {
        let numbers: Vec<String> = line.iter().map(|&x| text(x)).collect();
        format!("{indent}{},\n", numbers.join(", "))
    };
    values.chunks(length).map(line).collect()
}
