//! Binary cross-entropy where numbers are special, very large or very small.

mod common;
mod pairs;

use common::{Random, backends, ulp};
use logits::contract::{BINARY_GRADIENT, BINARY_LOSS, FOCAL_GRADIENT, FOCAL_LOSS};
use logits::loss::BinaryCrossEntropy;
use pairs::{Of, gradient_and_size, logistic, on_scores, run, targets};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

#[test]
fn special_scores() {
    const LAST: f32 = 103.97208; // e^-x is the least subnormal
    for backend in backends() {
        for n in [1, 5, 16, 33] {
            let f = on_scores(BinaryCrossEntropy::new());
            // The special pair among ordinary ones.
            let with = |f: Of, x: f32, t: f32| {
                let (mut scores, mut targets) = (vec![1.0; n], vec![1.0; n]);
                (scores[n / 2], targets[n / 2]) = (x, t);
                let (_, losses, gradient) = run(backend, f, &scores, &targets);
                (losses[n / 2], gradient[n / 2])
            };
            let cases = [
                ((INF, 1.0), (0.0, 0.0)),
                ((-INF, 0.0), (0.0, 0.0)),
                ((INF, 0.0), (INF, 1.0)),
                ((-INF, 1.0), (INF, -1.0)),
                ((INF, 0.25), (INF, 0.75)),
                ((-INF, 0.25), (INF, -0.25)),
                ((f32::MAX, 0.0), (f32::MAX, 1.0)),
                ((f32::MIN, 1.0), (f32::MAX, -1.0)),
                ((1000.0, 0.5), (500.0, 0.5)),
                ((LAST, 1.0), (f32::from_bits(1), -f32::from_bits(1))),
                ((-LAST, 0.0), (f32::from_bits(1), f32::from_bits(1))),
                ((LAST.next_up(), 1.0), (0.0, 0.0)),
                ((0.0, 0.0), (std::f32::consts::LN_2, 0.5)),
                ((-0.0, 1.0), (std::f32::consts::LN_2, -0.5)),
                ((0.0, -0.0), (std::f32::consts::LN_2, 0.5)),
                ((1.0, NAN), (NAN, NAN)),
                ((NAN, 0.0), (NAN, NAN)),
                ((NAN, 1.0), (NAN, NAN)),
                ((NAN, 0.5), (NAN, NAN)),
                ((1.0, 1f32.next_up()), (NAN, NAN)),
                ((1.0, -f32::from_bits(1)), (NAN, NAN)),
                ((INF, INF), (NAN, NAN)),
                ((-INF, -INF), (NAN, NAN)),
            ];
            for ((x, t), expected) in cases {
                let (loss, gradient) = with(f, x, t);
                let found = format!("({x}, {t}) gives {loss:e}, {gradient:e} on {backend:?}");
                assert!(loss == expected.0 || loss.is_nan() && expected.0.is_nan(), "{found}");
                assert!(
                    gradient == expected.1 || gradient.is_nan() && expected.1.is_nan(),
                    "{found}"
                );
            }
            // Weights of 0 and of any size.
            let weighted = |w| on_scores(BinaryCrossEntropy::new().pos_weight(w));
            assert_eq!(with(weighted(0.0), -INF, 1.0), (0.0, 0.0));
            assert_eq!(with(weighted(f32::MAX), -2.0, 1.0).0, INF);
            assert!(with(weighted(f32::MAX), -2.0, 1.0).1.is_finite());
            assert!(with(weighted(f32::MAX), 200.0, 0.5).1.is_finite());
            // e^-100 is subnormal, a thousand times as much is not.
            let (loss, gradient) = with(weighted(1000.0), 100.0, 1.0);
            let exact = 1000.0 * libm::exp(-100.0);
            assert!(ulp(loss, exact) <= 1.0 && ulp(-gradient, exact) <= 1.0, "{loss:e}");
        }
        let empty = BinaryCrossEntropy::new().on(backend).loss(&[], &[]).unwrap();
        assert!(empty.sum == 0.0 && empty.count == 0 && empty.mean().is_nan());
    }
}

#[test]
fn special_probabilities() {
    let plain = BinaryCrossEntropy::new();
    let weightless = plain.pos_weight(0.0);
    let cases = [
        (plain, 1.0, 1.0, 0.0, -1.0),
        (plain, 0.0, 0.0, 0.0, 1.0),
        (plain, 0.0, 1.0, INF, -INF),
        (plain, 1.0, 0.0, INF, INF),
        (plain, 0.0, 0.5, INF, -INF),
        (plain, 1.0, 0.5, INF, INF),
        (plain, 0.5, 0.5, std::f32::consts::LN_2, 0.0),
        (plain, -0.0, -0.0, 0.0, 1.0),
        (plain, -f32::from_bits(1), 0.0, NAN, NAN),
        (plain, 1f32.next_up(), 1.0, NAN, NAN),
        (plain, NAN, 0.0, NAN, NAN),
        (plain, 0.5, NAN, NAN, NAN),
        (plain, 0.5, 1.5, NAN, NAN),
        (weightless, 0.0, 1.0, 0.0, 0.0),
        (weightless, 1.0, 1.0, 0.0, 0.0),
    ];
    for backend in backends() {
        for (loss, p, t, expected, slope) in cases {
            let f = Of::Probabilities(loss);
            let (_, losses, gradient) = run(backend, f, &[0.5, p, 0.5], &[0.0, t, 0.0]);
            let what = format!("p = {p}, t = {t} on {backend:?}: {losses:?}, {gradient:?}");
            assert!(losses[1] == expected || losses[1].is_nan() && expected.is_nan(), "{what}");
            assert!(gradient[1] == slope || gradient[1].is_nan() && slope.is_nan(), "{what}");
            assert_eq!([losses[0], losses[2]], [std::f32::consts::LN_2; 2], "{what}");
        }
    }
}

#[test]
fn special_focal_losses() {
    let focal = |gamma| on_scores(BinaryCrossEntropy::new().focal(gamma));
    for backend in backends() {
        let with = |gamma, x, t| {
            let (_, losses, gradient) = run(backend, focal(gamma), &[x], &[t]);
            (losses[0], gradient[0])
        };
        for gamma in [1e-30, 0.5, 2.0, 1e30, f32::MAX] {
            assert_eq!(with(gamma, INF, 1.0), (0.0, 0.0), "{gamma} on {backend:?}");
            assert_eq!(with(gamma, -INF, 0.0), (0.0, 0.0), "{gamma} on {backend:?}");
            assert_eq!(with(gamma, INF, 0.0), (INF, 1.0), "{gamma} on {backend:?}");
            assert_eq!(with(gamma, -INF, 1.0), (INF, -1.0), "{gamma} on {backend:?}");
            for x in [-200.0, -83.5, -1.0, 0.0, 1.0, 83.5, 200.0] {
                for t in [0.0, 0.3, 1.0] {
                    let (loss, gradient) = with(gamma, x, t);
                    assert!(loss >= 0.0 && loss.is_finite(), "{loss}");
                    assert!(gradient.is_finite(), "{gradient}");
                }
            }
            for (x, t) in [(NAN, 0.0), (NAN, 1.0), (1.0, NAN), (1.0, 1.5), (1.0, -0.5)] {
                let (loss, gradient) = with(gamma, x, t);
                assert!(loss.is_nan() && gradient.is_nan(), "({x}, {t}) on {backend:?}");
            }
        }
        // γ = 0 is no focal loss, and a tiny one almost none.
        let mut random = Random::new(30);
        let x = random.normal(300, 30.0);
        let t = targets(&mut random, &x, false);
        let (_, plain, gradient) = run(backend, focal(0.0), &x, &t);
        let (_, focal, focal_gradient) = run(backend, focal(1e-30), &x, &t);
        for i in 0..x.len() {
            assert!(ulp(focal[i], plain[i].into()) <= FOCAL_LOSS + BINARY_LOSS[0]);
            let bound = FOCAL_GRADIENT + BINARY_GRADIENT[0];
            assert!(ulp(focal_gradient[i], gradient[i].into()) <= bound);
        }
    }
}

/// Weights and exponents of every size.
const SIZES: [f32; 11] = [0.0, 1e-45, 1e-20, 0.5, 1.0, 3.7, 1e10, 1.9e19, 1e30, 1.7e38, f32::MAX];

/// Scores at the corners of every formula.
const SCORES: [f32; 27] = [
    0.0, 1e-45, 1e-38, 1e-7, 0.1, 1.0, 5.0, 16.7, 40.0, 63.9, 64.1, 73.0, 82.9, 83.1, 88.7, 103.9,
    104.1, 119.9, 120.1, 140.0, 177.0, 199.0, 229.9, 230.1, 1e3, 1e19, 1e30,
];

/// Pairs of finite scores and targets: of each size, and of both signs.
fn hostile_pairs() -> [Vec<f32>; 2] {
    let mut random = Random::new(41);
    let mut scores = [&SCORES[..], &[f32::MAX]].concat();
    scores.extend(random.vector(10, 0.0, 240.0));
    let mut pairs = [vec![], vec![]];
    for score in scores {
        for score in [score, -score] {
            for t in [0.0, -0.0, 1e-45, 1e-30, 0.25, 0.5, 1f32.next_down(), 1.0] {
                pairs[0].push(score);
                pairs[1].push(t);
            }
        }
    }
    pairs
}

/// No accepted parameter makes a NaN of finite scores, and infinities are where the exact
/// value is beyond the largest number.
#[test]
fn no_accepted_parameter_gives_nan() {
    let [x, t] = hostile_pairs();
    for pos_weight in SIZES {
        for alpha in [None, Some(0.0), Some(0.25), Some(1.0)] {
            for gamma in SIZES {
                let mut loss = BinaryCrossEntropy::new().pos_weight(pos_weight).focal(gamma);
                let mut weights = [f64::from(pos_weight), 1.0];
                if let Some(alpha) = alpha {
                    loss = loss.alpha(alpha);
                    let alpha = f64::from(alpha);
                    weights = [alpha * weights[0], 1.0 - alpha];
                }
                let exact: Vec<_> =
                    (0..x.len()).map(|i| exact_weighted(x[i], t[i], gamma, weights)).collect();
                for backend in backends() {
                    assert_near_exact(loss.on(backend), [&x, &t], weights, &exact);
                }
            }
        }
    }
}

/// Asserts that losses and gradients of scores are near the exact ones; NaN never is.
#[track_caller]
fn assert_near_exact(
    loss: BinaryCrossEntropy,
    [x, t]: [&[f32]; 2],
    weights: [f64; 2],
    exact: &[(f64, [f64; 2])],
) {
    let (mut losses, mut gradient) = (vec![7.0; x.len()], vec![7.0; x.len()]);
    let sum = loss.losses(x, t, &mut losses).unwrap();
    loss.loss_and_gradient(x, t, &mut gradient).unwrap();
    assert!(sum.sum >= 0.0 && sum.mean() >= 0.0, "{sum:?} of {loss:?}");
    for i in 0..x.len() {
        let (value, terms) = exact[i];
        let (slope, size) = gradient_and_size(terms);
        let (x, t, found) = (x[i], t[i], [losses[i], gradient[i]]);
        let what = format!("{found:?} for {value:e} and {slope:e} of ({x}, {t}), {loss:?}");
        assert!(!found[0].is_nan() && !found[1].is_nan(), "{what}");
        // Subnormal targets and coefficients have lost digits.
        let coefficients = [weights[0] * f64::from(t), weights[1] * (1.0 - f64::from(t))];
        let is_exact = |&c: &f64| c == 0.0 || c > 1e-37;
        if is_exact(&t.into()) && coefficients.iter().all(is_exact) {
            assert!(is_close(found[0], value, value, weights[0]), "{what}");
            assert!(is_close(found[1], slope, size, weights[0]), "{what}");
        }
    }
}

/// Whether a number is the exact one but for small errors of `size`, and of what large weights
/// lose. Near the largest number, an infinity is as good.
fn is_close(found: f32, exact: f64, size: f64, weight: f64) -> bool {
    let largest = f64::from(f32::MAX);
    if exact.abs() > largest * (1.0 - 1e-5) {
        return f64::from(found.abs()) > largest * (1.0 - 1e-4)
            && exact.signum() == f64::from(found.signum());
    }
    let lost = 1e-44 + weight * libm::exp2(-206.0);
    (f64::from(found) - exact).abs() <= 1e-5 * size.abs() + lost
}

/// Focal loss with weights, and the terms of its gradient, in f64.
fn exact_weighted(x: f32, t: f32, gamma: f32, weights: [f64; 2]) -> (f64, [f64; 2]) {
    let (t, gamma) = (f64::from(t), f64::from(gamma));
    let f = |s: f64| {
        let ((softplus, sigmoid), (exponent, rest)) = (logistic(s), logistic(-s));
        let power = libm::exp(-gamma * exponent);
        (power * softplus, power * (gamma * rest * softplus + sigmoid))
    };
    let ((right, q), (wrong, p)) = (f(-f64::from(x)), f(f64::from(x)));
    let (a, b) = (weights[0] * t, weights[1] * (1.0 - t));
    (a * right + b * wrong, [b * p, a * q])
}

/// A gradient that is too small for a number is a zero of its sign.
#[test]
fn gradients_that_underflow_keep_their_sign() {
    for backend in backends() {
        for gamma in [0.0, 1e-3, 0.5, 2.0, 5.0, 1e3, 1e19, f32::MAX] {
            let loss = BinaryCrossEntropy::new().focal(gamma);
            for x in [30.0, 52.0, 60.0, 82.0, 84.0, 104.0, 150.0, 199.0, 231.0, 1e10, f32::MAX] {
                let scores = [x, -x, x, -x];
                let (_, _, g) = run(backend, on_scores(loss), &scores, &[1.0, 0.0, 0.0, 1.0]);
                let signs = g.iter().map(|g| g.is_sign_negative()).collect::<Vec<_>>();
                assert_eq!(signs, [true, false, false, true], "{g:?} at {x}, {gamma}, {backend:?}");
            }
            // Between, the sign is that of the larger term.
            if gamma >= 1e3 {
                let (_, _, g) = run(backend, on_scores(loss), &[1.0, -1.0], &[0.5, 0.5]);
                assert!(
                    !g[0].is_sign_negative() && g[1].is_sign_negative(),
                    "{g:?} on {backend:?}"
                );
            }
        }
    }
}

/// Nor does any weight make a NaN of probabilities.
#[test]
fn no_weight_gives_nan_of_probabilities() {
    let mut pairs = [vec![], vec![]];
    for p in [0.0, -0.0, 1e-45, 1e-38, 1e-20, 0.25, 0.5, 1f32.next_down(), 1.0] {
        for t in [0.0, -0.0, 1e-45, 1e-30, 0.25, 0.5, 1f32.next_down(), 1.0] {
            pairs[0].push(p);
            pairs[1].push(t);
        }
    }
    for backend in backends() {
        for pos_weight in SIZES {
            for alpha in [0.0, 1e-45, 0.25, 1.0] {
                let plain = BinaryCrossEntropy::new().pos_weight(pos_weight);
                for loss in [plain, plain.alpha(alpha)] {
                    let f = Of::Probabilities(loss);
                    let (sum, losses, gradient) = run(backend, f, &pairs[0], &pairs[1]);
                    let what = format!("{loss:?} on {backend:?}: {losses:?} {gradient:?}");
                    assert!(sum.sum >= 0.0 && losses.iter().all(|&loss| loss >= 0.0), "{what}");
                    assert!(gradient.iter().all(|slope| !slope.is_nan()), "{what}");
                }
            }
        }
    }
}

/// A gradient that is too small for a number is a zero of its sign.
#[test]
fn focal_gradients_that_underflow_keep_their_sign() {
    for backend in backends() {
        for gamma in [0.5, 2.0, 5.0] {
            for (x, target) in [(80.0, 1.0), (110.0, 1.0), (1e4, 1.0), (-80.0, 0.0), (-1e4, 0.0)] {
                let mut gradient = [7.0];
                let loss = BinaryCrossEntropy::new().focal(gamma).on(backend);
                loss.loss_and_gradient(&[x], &[target], &mut gradient).unwrap();
                let is_negative = target == 1.0;
                assert_eq!(
                    gradient[0].is_sign_negative(),
                    is_negative,
                    "{x}, {gamma}: {gradient:?}"
                );
            }
        }
    }
}
