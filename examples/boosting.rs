//! Gradient boosting: trees of one split, each fitted to the gradient of cross-entropy.
//!
//! The scores of an example are a sum of steps. Each round adds one tree of one split for each class,
//! fitted to the residuals, which are −gradient. The step in a leaf is Newton's,
//! Σ residual / Σ p·(1 − p) (Friedman, 2001). The data are three rings in a plane, which no linear
//! classifier tells apart.

use logits::loss::CrossEntropy;
use logits::{Rows, RowsMut, rows};

const CLASSES: usize = 3;
const ROUNDS: usize = 60;
const RATE: f32 = 0.3;

/// A tree of one split: a step for a feature below the threshold, and a step for other values.
struct Stump {
    feature: usize,
    threshold: f32,
    steps: [f32; 2],
}

impl Stump {
    fn step(&self, x: [f32; 2]) -> f32 {
        self.steps[usize::from(x[self.feature] >= self.threshold)]
    }

    /// The split after which Newton's steps lower the loss most.
    fn fit(points: &[[f32; 2]], residuals: &[f32], curvatures: &[f32]) -> Self {
        let mut best = (f32::NEG_INFINITY, Self { feature: 0, threshold: 0.0, steps: [0.0; 2] });
        for feature in 0..2 {
            for threshold in (-15..=15).map(|i| i as f32 / 10.0) {
                let (mut slope, mut curvature) = ([0.0; 2], [1e-3; 2]);
                for ((x, r), c) in points.iter().zip(residuals).zip(curvatures) {
                    let side = usize::from(x[feature] >= threshold);
                    slope[side] += r;
                    curvature[side] += c;
                }
                let gain = (0..2).map(|side| slope[side] * slope[side] / curvature[side]).sum();
                if gain > best.0 {
                    let steps = [0, 1].map(|side| RATE * slope[side] / curvature[side]);
                    best = (gain, Self { feature, threshold, steps });
                }
            }
        }
        best.1
    }
}

/// Points in three rings, and the ring of each.
fn data(n: usize, start: f32) -> (Vec<[f32; 2]>, Vec<u8>) {
    let point = |i: usize| {
        let (ring, angle) = (i % 3, start + 2.4 * i as f32);
        let radius = 0.15 + 0.5 * ring as f32 + 0.35 * (i as f32 * 0.618).fract();
        ([radius * angle.cos(), radius * angle.sin()], ring as u8)
    };
    (0..n).map(point).unzip()
}

/// The mean loss, and the fraction of examples whose largest score is that of the label.
fn evaluate(scores: &[f32], labels: &[u8]) -> Result<[f32; 2], logits::Error> {
    let loss = CrossEntropy::new().loss(Rows::new(scores, CLASSES)?, labels)?;
    let best = |s: &[f32]| (0..CLASSES).max_by(|&a, &b| s[a].total_cmp(&s[b])).unwrap_or(0);
    let right =
        scores.chunks(CLASSES).zip(labels).filter(|(s, l)| best(s) == usize::from(**l)).count();
    Ok([loss.mean(), right as f32 / labels.len() as f32])
}

fn main() -> Result<(), logits::Error> {
    let ((points, labels), (test, test_labels)) = (data(600, 0.0), data(300, 1.0));
    let mut scores = vec![0.0; points.len() * CLASSES];
    let mut test_scores = vec![0.0; test.len() * CLASSES];
    let mut before = f32::INFINITY;
    for round in 0..=ROUNDS {
        if round % 10 == 0 {
            let [loss, accuracy] = evaluate(&scores, &labels)?;
            let [test_loss, test_accuracy] = evaluate(&test_scores, &test_labels)?;
            println!(
                "{round:3} rounds: loss {loss:.4}, accuracy {accuracy:.3}; of test {test_loss:.4}, {test_accuracy:.3}"
            );
            assert!(loss < before, "each ten rounds must lower the loss");
            before = loss;
        }
        // The first derivative of the loss by each score, and from p the second.
        let mut gradient = scores.clone();
        CrossEntropy::new().gradient_in_place(RowsMut::new(&mut gradient, CLASSES)?, &labels)?;
        let mut p = scores.clone();
        rows::softmax_in_place(RowsMut::new(&mut p, CLASSES)?);
        for class in 0..CLASSES {
            let of_class =
                |all: &[f32]| all.iter().copied().skip(class).step_by(CLASSES).collect::<Vec<_>>();
            let residuals: Vec<f32> = of_class(&gradient).iter().map(|g| -g).collect();
            let curvatures: Vec<f32> = of_class(&p).iter().map(|p| p * (1.0 - p)).collect();
            let stump = Stump::fit(&points, &residuals, &curvatures);
            for (scores, points) in [(&mut scores, &points), (&mut test_scores, &test)] {
                for (scores, &x) in scores.chunks_mut(CLASSES).zip(points) {
                    scores[class] += stump.step(x);
                }
            }
        }
    }
    let [loss, accuracy] = evaluate(&test_scores, &test_labels)?;
    assert!(loss < 0.3 && accuracy > 0.9, "{loss}, {accuracy}");
    Ok(())
}
