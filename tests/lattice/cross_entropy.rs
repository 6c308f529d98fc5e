//! Cross-entropy with its options, on labels and on rows of targets.

use super::common::{assert_same, backends, same};
use super::{Case, INF, Known, PROBABILITIES, SCORES, Scores, Tally, Want, alone, all_rows, pairs_of_rows};
use logits::contract::{
    GRADIENT, LOSS, SMOOTH_GRADIENT, SMOOTH_LOSS, TARGET_GRADIENT, TARGET_LOSS,
};
use logits::loss::{CrossEntropy, Loss};
use logits::{Rows, RowsMut};

#[derive(Clone, Copy, Debug)]
struct Options {
    smoothing: f32,
    weights: bool,
    z: f32,
    cap: Option<f32>,
    temperature: f32,
}

const PLAIN: Options =
    Options { smoothing: 0.0, weights: false, z: 0.0, cap: None, temperature: 1.0 };

/// Of classes, where there are weights.
const WEIGHTS: [f32; 4] = [0.5, 2.0, 0.0, 1.5];

/// Every option alone, and with others.
const ALL: [Options; 15] = [
    PLAIN,
    Options { smoothing: 0.1, ..PLAIN },
    Options { weights: true, ..PLAIN },
    Options { z: 0.5, ..PLAIN },
    Options { cap: Some(8.0), ..PLAIN },
    Options { temperature: 0.7, ..PLAIN },
    Options { temperature: 1e3, ..PLAIN },
    Options { temperature: 1e-11, ..PLAIN },
    Options { weights: true, temperature: 0.7, ..PLAIN },
    Options { smoothing: 0.1, z: 0.01, temperature: 4.0, ..PLAIN },
    Options { smoothing: 0.1, weights: true, ..PLAIN },
    Options { weights: true, z: 0.01, ..PLAIN },
    Options { z: 0.01, cap: Some(100.0), ..PLAIN },
    Options { weights: true, cap: Some(15.0), temperature: 0.7, ..PLAIN },
    Options { smoothing: 0.5, weights: true, z: 0.3, cap: Some(30.0), temperature: 2.0 },
];

impl Options {
    fn loss(self, columns: usize) -> CrossEntropy<'static> {
        let mut loss = CrossEntropy::new()
            .label_smoothing(self.smoothing)
            .z_loss(self.z)
            .temperature(self.temperature);
        if self.weights {
            loss = loss.class_weights(&WEIGHTS[..columns]);
        }
        self.cap.map_or(loss, |cap| loss.soft_cap(cap))
    }

    /// aₖ
    fn coefficients(self, t: &[f32]) -> Vec<f64> {
        let epsilon = f64::from(self.smoothing);
        let smooth = |&t: &f32| match self.smoothing {
            0.0 => t.into(),
            _ => (1.0 - epsilon) * f64::from(t) + epsilon / t_len(t, 1.0),
        };
        let _ = smooth;
        let uniform = epsilon / t.len() as f64;
        let weight = |k: usize| if self.weights { f64::from(WEIGHTS[k]) } else { 1.0 };
        let one = |(k, &t): (usize, &f32)| weight(k) * ((1.0 - epsilon) * f64::from(t) + uniform);
        t.iter().enumerate().map(one).collect()
    }
}
