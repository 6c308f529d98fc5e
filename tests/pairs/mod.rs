//! Binary cross-entropy in all its forms, and what it is in f64.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use super::common::{Random, assert_same, same};
use logits::Backend;
use logits::loss::{BinaryCrossEntropy, Loss};

/// What the x of pairs are.
#[derive(Clone, Copy)]
pub enum Of {
    Scores(BinaryCrossEntropy),
    Probabilities(BinaryCrossEntropy),
}

/// The losses and gradients of pairs, the same in all forms.
pub fn run(backend: Backend, f: Of, x: &[f32], t: &[f32]) -> (Loss, Vec<f32>, Vec<f32>) {
    let (mut losses, mut gradient) = (vec![7.0; x.len()], vec![7.0; x.len()]);
    let sums = match f {
        Of::Scores(loss) => {
            let loss = loss.on(backend);
            let mut in_place = x.to_vec();
            let sums = vec![
                loss.loss(x, t).unwrap(),
                loss.losses(x, t, &mut losses).unwrap(),
                loss.loss_and_gradient(x, t, &mut gradient).unwrap(),
                loss.gradient_in_place(&mut in_place, t).unwrap(),
            ];
            assert_same(&gradient, &in_place, &format!("{backend:?}, in place"));
            sums
        }
        Of::Probabilities(loss) => {
            let loss = loss.on(backend);
            for ((x, t), out) in x.chunks(1).zip(t.chunks(1)).zip(&mut losses) {
                *out = loss.loss_of_probabilities(x, t).unwrap().sum;
            }
            vec![
                loss.loss_of_probabilities(x, t).unwrap(),
                loss.loss_and_gradient_of_probabilities(x, t, &mut gradient).unwrap(),
            ]
        }
    };
    for sum in &sums {
        assert_eq!((sum.count, sum.weight), (x.len(), x.len() as f32));
        assert!(same(sum.sum, sums[0].sum) && same(sum.mean(), sums[0].mean()), "{backend:?}");
    }
    (sums[0], losses, gradient)
}

pub fn on_scores(loss: BinaryCrossEntropy) -> Of {
    Of::Scores(loss)
}

/// softplus(x) and σ(x) in f64.
pub fn logistic(x: f64) -> (f64, f64) {
    let z = libm::exp(-x.abs());
    (x.max(0.0) + libm::log1p(z), if x < 0.0 { z / (1.0 + z) } else { 1.0 / (1.0 + z) })
}

/// Loss, and the two terms whose difference the gradient is.
pub fn exact(x: f32, t: f32, weights: [f32; 2]) -> (f64, [f64; 2]) {
    let (x, t) = (f64::from(x), f64::from(t));
    let (a, b) = (f64::from(weights[0]) * t, f64::from(weights[1]) * (1.0 - t));
    let ((wrong, p), (right, q)) = (logistic(x), logistic(-x));
    (a * right + b * wrong, [b * p, a * q])
}

/// The difference of two terms, and the size its error is measured by.
pub fn gradient_and_size([plus, minus]: [f64; 2]) -> (f64, f64) {
    let difference = plus - minus;
    (difference, difference.abs().max(plus.max(minus) / 8.0))
}

/// Targets that are 0 or 1, or close to what the scores say, or anything.
pub fn targets(random: &mut Random, x: &[f32], soft: bool) -> Vec<f32> {
    let mut target = |x: &f32| match random.below(if soft { 5 } else { 2 }) {
        kind @ (0 | 1) => kind as f32,
        2 => (logistic(f64::from(*x)).1 as f32).max(1e-30),
        3 => (random.unit() * 1e-3) as f32,
        _ => random.unit() as f32,
    };
    x.iter().map(&mut target).collect()
}
