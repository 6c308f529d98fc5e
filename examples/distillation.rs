//! Distillation: a small classifier learns from a large one's probabilities instead of labels.
//!
//! A teacher's scores say more than the right class: they also say which other classes the example
//! resembles. A temperature T above 1 makes the teacher's probabilities softer. The student's loss is
//! cross-entropy against these probabilities, so it learns the resemblances, too (Hinton and others,
//! 2015).
//!
//! Points in the plane belong to the nearest of six centres. The teacher knows the distances. The
//! student is linear and sees only 12 points, with their labels or with the teacher's probabilities.
//! The probabilities are enough to find the teacher's scores.

use logits::loss::CrossEntropy;
use logits::{Rows, RowsMut, Softmax, rows};

const CLASSES: usize = 6;
/// x, y, 1 as inputs: the constant takes the place of a bias.
const FEATURES: usize = 3;

type Result<T> = std::result::Result<T, logits::Error>;

/// Points on a spiral, as rows of features.
fn points(n: usize, start: f32) -> Vec<f32> {
    (0..n)
        .flat_map(|i| {
            let (angle, radius) = (start + 2.4 * i as f32, 0.4 + (i as f32 * 0.71).fract());
            [radius * angle.cos(), radius * angle.sin(), 1.0]
        })
        .collect()
}

/// The teacher's scores: −‖x − c‖² · 4 for each centre c on the unit circle.
fn teacher(points: &[f32]) -> Vec<f32> {
    let distance = |point: &[f32], k: usize| {
        let angle = std::f32::consts::TAU * k as f32 / CLASSES as f32;
        (point[0] - angle.cos()).powi(2) + (point[1] - angle.sin()).powi(2)
    };
    points
        .chunks(FEATURES)
        .flat_map(|point| (0..CLASSES).map(|k| -4.0 * distance(point, k)))
        .collect()
}

fn scores(points: &[f32], weights: &[f32]) -> Result<Vec<f32>> {
    let (x, w) = (Rows::new(points, FEATURES)?, Rows::new(weights, FEATURES)?);
    let mut scores = vec![0.0; x.rows() * CLASSES];
    rows::linear(x, w, &[0.0; CLASSES], RowsMut::new(&mut scores, CLASSES)?)?;
    Ok(scores)
}

/// A linear student after 2000 steps against targets, at a temperature.
fn train(points: &[f32], targets: &[f32], temperature: f32) -> Result<Vec<f32>> {
    let mut weights = vec![0.0; CLASSES * FEATURES];
    let loss = CrossEntropy::new().temperature(temperature);
    for _ in 0..2000 {
        let mut by_scores = scores(points, &weights)?;
        let place = RowsMut::new(&mut by_scores, CLASSES)?;
        let loss = loss.gradient_in_place_soft(place, Rows::new(targets, CLASSES)?)?;
        loss.mean_gradient(&mut by_scores);

        let (mut by_weights, mut by_bias) = ([0.0; CLASSES * FEATURES], [0.0; CLASSES]);
        let (x, place) = (Rows::new(points, FEATURES)?, RowsMut::new(&mut by_weights, FEATURES)?);
        rows::linear_backward(x, Rows::new(&by_scores, CLASSES)?, place, &mut by_bias)?;
        // The gradient of a loss of scores / T, against targets at T, is about 1/T² as large.
        weights.iter_mut().zip(by_weights).for_each(|(w, g)| *w -= 0.5 * temperature.powi(2) * g);
    }
    Ok(weights)
}

/// KL(teacher ‖ student), the mean over points, from the scores of both.
fn divergence(points: &[f32], weights: &[f32]) -> Result<f32> {
    let (p, q) = (teacher(points), scores(points, weights)?);
    let mut each = vec![0.0; p.len() / CLASSES];
    rows::kl_divergence_of_scores(Rows::new(&p, CLASSES)?, Rows::new(&q, CLASSES)?, &mut each)?;
    Ok(each.iter().sum::<f32>() / each.len() as f32)
}

fn main() -> Result<()> {
    let (training, test) = (points(12, 0.0), points(500, 1.0));
    let taught = teacher(&training);

    // Labels: 1 for the teacher's likeliest class, 0 for the others.
    let mut hard = vec![0.0; taught.len()];
    for (row, out) in taught.chunks(CLASSES).zip(hard.chunks_mut(CLASSES)) {
        let best = (0..CLASSES).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
        out[best] = 1.0;
    }
    let of_labels = divergence(&test, &train(&training, &hard, 1.0)?)?;
    println!("KL(teacher ‖ student) on 500 new points, the student taught by 12:");
    println!("  labels             {of_labels:.1e} nats");

    let mut best = f32::INFINITY;
    for temperature in [1.0, 2.0, 4.0] {
        let mut soft = vec![0.0; taught.len()];
        let place = RowsMut::new(&mut soft, CLASSES)?;
        Softmax::new()
            .scale(1.0 / temperature)
            .softmax_rows(Rows::new(&taught, CLASSES)?, place)?;
        let of_soft = divergence(&test, &train(&training, &soft, temperature)?)?;
        println!(
            "  probabilities, T={temperature} {of_soft:.1e} nats; of the first point {:.3?}",
            &soft[..CLASSES]
        );
        best = best.min(of_soft);
    }
    assert!(best < 1e-3 * of_labels, "{best} is not much less than {of_labels}");
    Ok(())
}
