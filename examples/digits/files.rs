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

/// The model and a digit that it knows, for a program that cannot read files: a Rust module.
pub(crate) fn firmware(path: &Path, model: &Model, test: &Examples, digit: usize) -> Result<()> {
    let array = |name: &str, doc: &str, values: &[f32]| {
        let row = |row: &[f32]| {
            let numbers: Vec<String> = row.iter().map(|value| format!("{value:?}")).collect();
            format!("    {},\n", numbers.join(", "))
        };
        let (rows, length): (String, _) = (values.chunks(8).map(row).collect(), values.len());
        format!("\n/// {doc}\n#[rustfmt::skip]\npub static {name}: [f32; {length}] = [\n{rows}];\n")
    };
    let (name, label) = (path.file_name().unwrap_or_default().display(), test.labels[digit]);
    let (weights, bias) = model.0.split_at(WEIGHTS);
    let source = [
        "//! Softmax regression on handwritten digits, trained by\n",
        &format!("//! `cargo run --release --example digits -- --firmware {name}`.\n//!\n"),
        "//! Scores are W x + b. Data: Optical Recognition of Handwritten Digits,\n",
        "//! E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0.\n",
        &array("WEIGHTS", "W: a row of 64 features for each of 10 classes.", weights),
        &array("BIAS", "b: one element a class.", bias),
        &array(
            "DIGIT",
            &format!("x: test digit {digit}, which the model knows."),
            &test.features[digit * FEATURES..][..FEATURES],
        ),
        &format!("\n/// The class of `DIGIT`.\npub static LABEL: u32 = {label};\n"),
    ];
    Ok(std::fs::write(path, source.concat())?)
}
