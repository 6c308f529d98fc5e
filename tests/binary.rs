//! Binary cross-entropy on every backend: error, special values, gradients, and the
//! equality of all its forms.
//!
//! The contract's figures are from many times as many pairs as are tried here.

mod common;

use common::{Random, assert_same, backends, same, ulp, unit};
use logits::Backend;
use logits::contract::{
    BINARY_GRADIENT, BINARY_LOSS, BINARY_PROBABILITY, FOCAL_GRADIENT, FOCAL_LOSS,
};
use logits::loss::{BinaryCrossEntropy, Loss};

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;

/// What the x of pairs are.
#[derive(Clone, Copy)]
enum Of {
    Scores(BinaryCrossEntropy),
    Probabilities(BinaryCrossEntropy),
}

/// The losses and gradients of pairs, the same in all forms.
fn run(backend: Backend, f: Of, x: &[f32], t: &[f32]) -> (Loss, Vec<f32>, Vec<f32>) {
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

fn on_scores(loss: BinaryCrossEntropy) -> Of {
    Of::Scores(loss)
}

/// softplus(x) and σ(x) in f64.
fn logistic(x: f64) -> (f64, f64) {
    let z = libm::exp(-x.abs());
    (x.max(0.0) + libm::log1p(z), if x < 0.0 { z / (1.0 + z) } else { 1.0 / (1.0 + z) })
}

/// Loss, and the two terms whose difference the gradient is.
fn exact(x: f32, t: f32, weights: [f32; 2]) -> (f64, [f64; 2]) {
    let (x, t) = (f64::from(x), f64::from(t));
    let (a, b) = (f64::from(weights[0]) * t, f64::from(weights[1]) * (1.0 - t));
    let ((wrong, p), (right, q)) = (logistic(x), logistic(-x));
    (a * right + b * wrong, [b * p, a * q])
}

/// The difference of two terms, and the size its error is measured by.
fn gradient_and_size([plus, minus]: [f64; 2]) -> (f64, f64) {
    let difference = plus - minus;
    (difference, difference.abs().max(plus.max(minus) / 8.0))
}

/// Targets that are 0 or 1, or close to what the scores say, or anything.
fn targets(random: &mut Random, x: &[f32], soft: bool) -> Vec<f32> {
    let mut target = |x: &f32| match random.below(if soft { 5 } else { 2 }) {
        kind @ (0 | 1) => kind as f32,
        2 => (logistic(f64::from(*x)).1 as f32).max(1e-30),
        3 => (random.unit() * 1e-3) as f32,
        _ => random.unit() as f32,
    };
    x.iter().map(&mut target).collect()
}

#[test]
fn errors_on_scores_stay_within_the_contract() {
    for backend in backends() {
        for weight in [1.0, 0.3, 2.7, 40.0] {
            let f = on_scores(BinaryCrossEntropy::new().pos_weight(weight));
            let mut random = Random::new(21);
            let mut worst = [(0.0, 0.0, 0.0); 2];
            for round in 0..50 {
                let bound = [2.0, 10.0, 20.0, 100.0, 130.0][round % 5];
                let x = random.vector(1000, -bound, bound);
                let t = targets(&mut random, &x, round % 2 == 0);
                let (_, losses, gradient) = run(backend, f, &x, &t);
                for i in 0..x.len() {
                    let (loss, terms) = exact(x[i], t[i], [weight, 1.0]);
                    let (g, size) = gradient_and_size(terms);
                    let errors =
                        [ulp(losses[i], loss), ulp(gradient[i], g) * (unit(g) / unit(size))];
                    for (worst, error) in worst.iter_mut().zip(errors) {
                        if error > worst.0 || error.is_nan() {
                            *worst = (error, x[i], t[i]);
                        }
                    }
                }
            }
            println!("{backend:?}, weight {weight}: {worst:?}");
            let is_weighted = usize::from(weight != 1.0);
            assert!(worst[0].0 <= BINARY_LOSS[is_weighted], "loss on {backend:?}: {worst:?}");
            assert!(
                worst[1].0 <= BINARY_GRADIENT[is_weighted],
                "gradient on {backend:?}: {worst:?}"
            );
        }
    }
}

/// Focal loss, and the terms of its gradient.
fn exact_focal(x: f32, t: f32, gamma: f32) -> (f64, [f64; 2]) {
    let (t, gamma) = (f64::from(t), f64::from(gamma));
    // σ(s)^γ·softplus(s) and its derivative.
    let f = |s: f64| {
        let ((softplus, sigmoid), (exponent, rest)) = (logistic(s), logistic(-s));
        let power = libm::exp(-gamma * exponent);
        (power * softplus, power * (gamma * rest * softplus + sigmoid))
    };
    let ((right, q), (wrong, p)) = (f(-f64::from(x)), f(f64::from(x)));
    (t * right + (1.0 - t) * wrong, [(1.0 - t) * p, t * q])
}

#[test]
fn focal_errors_stay_within_the_contract() {
    for backend in backends() {
        for gamma in [0.01, 0.5, 1.0, 2.0, 5.0] {
            let f = on_scores(BinaryCrossEntropy::new().focal(gamma));
            let mut random = Random::new(27);
            let mut worst = [(0.0, 0.0, 0.0); 2];
            for round in 0..20 {
                let bound = [2.0, 10.0, 20.0, 100.0, 130.0][round % 5];
                let x = random.vector(1000, -bound, bound);
                let t = targets(&mut random, &x, round % 2 == 0);
                let (_, losses, gradient) = run(backend, f, &x, &t);
                for i in 0..x.len() {
                    let (loss, terms) = exact_focal(x[i], t[i], gamma);
                    let (g, size) = gradient_and_size(terms);
                    let errors =
                        [ulp(losses[i], loss), ulp(gradient[i], g) * (unit(g) / unit(size))];
                    for (worst, error) in worst.iter_mut().zip(errors) {
                        if error > worst.0 || error.is_nan() {
                            *worst = (error, x[i], t[i]);
                        }
                    }
                }
            }
            println!("focal {gamma} on {backend:?}: {worst:?}");
            assert!(worst[0].0 <= FOCAL_LOSS, "loss, {gamma} on {backend:?}: {worst:?}");
            assert!(worst[1].0 <= FOCAL_GRADIENT, "gradient, {gamma} on {backend:?}: {worst:?}");
        }
    }
}

#[test]
fn errors_on_probabilities_stay_within_the_contract() {
    for backend in backends() {
        for weight in [1.0, 2.7] {
            let mut random = Random::new(28);
            let loss = BinaryCrossEntropy::new().pos_weight(weight);
            let f = Of::Probabilities(loss);
            let mut worst = [(0.0, 0.0, 0.0); 2];
            for round in 0..60 {
                let scores = random.vector(1000, -80.0, 17.0);
                let mut p = random.vector(1000, 0.0, 1.0);
                if round % 2 == 0 {
                    p = scores.iter().map(|&s| logistic(s.into()).1 as f32).collect();
                }
                let t = targets(&mut random, &scores, round % 4 < 2);
                let (_, losses, gradient) = run(backend, f, &p, &t);
                for i in 0..p.len() {
                    let (p, t) = (f64::from(p[i]), f64::from(t[i]));
                    let (a, b) = (f64::from(weight) * t, 1.0 - t);
                    let term = |c: f64, x: f64| if c == 0.0 { 0.0 } else { c * x };
                    let loss = term(a, -libm::log(p)) + term(b, -libm::log1p(-p));
                    let (plus, minus) = (term(b, 1.0 / (1.0 - p)), term(a, 1.0 / p));
                    let (g, size) = gradient_and_size([plus, minus]);
                    let errors =
                        [ulp(losses[i], loss), ulp(gradient[i], g) * (unit(g) / unit(size))];
                    for (worst, error) in worst.iter_mut().zip(errors) {
                        if error > worst.0 || error.is_nan() {
                            *worst = (error, p as f32, t as f32);
                        }
                    }
                }
            }
            println!("probabilities, weight {weight} on {backend:?}: {worst:?}");
            assert!(worst[0].0 <= BINARY_PROBABILITY[0], "loss on {backend:?}: {worst:?}");
            assert!(worst[1].0 <= BINARY_PROBABILITY[1], "gradient on {backend:?}: {worst:?}");
        }
    }
}

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

/// Every length, offset, neighbour and form, and every backend of a class: the results
/// of the best backend.
fn assert_same_everywhere(f: Of, x: &[f32], t: &[f32]) -> [Vec<f32>; 2] {
    let mut results: Vec<(Backend, Vec<f32>)> = Vec::new();
    for backend in backends() {
        let (_, all, gradients) = run(backend, f, x, t);
        for i in 0..x.len() {
            let (_, loss, gradient) = run(backend, f, &x[i..=i], &t[i..=i]);
            assert!(same(loss[0], all[i]) && same(gradient[0], gradients[i]), "[{i}] alone");
        }
        let mut found = [all.clone(), gradients.clone()].concat();
        for n in 0..=200 {
            let range = n % 16..n % 16 + n;
            let (sum, l, g) = run(backend, f, &x[range.clone()], &t[range.clone()]);
            let what = format!("{backend:?}, {range:?}");
            assert_same(&l, &all[range.clone()], &what);
            assert_same(&g, &gradients[range], &what);
            found.extend([sum.sum, sum.mean()]);
        }
        results.push((backend, found));
    }
    for (a, x) in &results {
        for (b, y) in &results {
            if a.is_fused() == b.is_fused() {
                assert_same(x, y, &format!("{a:?} and {b:?}"));
            }
        }
    }
    let (losses, rest) = results[0].1.split_at(x.len());
    [losses.to_vec(), rest[..x.len()].to_vec()]
}

#[test]
fn a_pair_gives_the_same_bits_everywhere() {
    let mut random = Random::new(22);
    let mut x = random.normal(216, 30.0);
    let mut t = targets(&mut random, &x, true);
    let mut p: Vec<f32> = x.iter().map(|&x| logistic(x.into()).1 as f32).collect();
    for i in 0..x.len() {
        match random.below(40) {
            0 => (x[i], p[i]) = (random.any(), random.any()),
            1 => t[i] = random.any(),
            _ => {}
        }
    }
    let plain = BinaryCrossEntropy::new();
    for loss in [plain, plain.pos_weight(2.7), plain.alpha(0.25), plain.focal(2.0)] {
        let [losses, gradient] = assert_same_everywhere(on_scores(loss), &x, &t);
        // The public functions run on the best backend.
        let (mut l, mut g, mut in_place) = (vec![7.0; x.len()], vec![7.0; x.len()], x.clone());
        let sums = [
            loss.loss(&x, &t).unwrap(),
            loss.losses(&x, &t, &mut l).unwrap(),
            loss.loss_and_gradient(&x, &t, &mut g).unwrap(),
            loss.gradient_in_place(&mut in_place, &t).unwrap(),
        ];
        assert!(sums.iter().all(|sum| same(sum.sum, sums[0].sum)));
        assert_same(&l, &losses, &"public");
        assert_same(&g, &gradient, &"public");
        assert_same(&in_place, &gradient, &"public, in place");
    }
    let loss = plain.pos_weight(2.7);
    let f = Of::Probabilities(loss);
    let [_, gradient] = assert_same_everywhere(f, &p, &t);
    let mut g = vec![7.0; p.len()];
    let both = loss.loss_and_gradient_of_probabilities(&p, &t, &mut g).unwrap();
    assert!(same(both.sum, loss.loss_of_probabilities(&p, &t).unwrap().sum));
    assert_same(&g, &gradient, &"public, probabilities");
}

/// Targets of 0 and 1 without weights have a way of their own, for many pairs at once: the
/// same bits as alone, and as beside targets and scores that keep their vectors from it.
#[test]
fn short_way_gives_the_same_bits() {
    let mut random = Random::new(31);
    for bound in [1.0, 12.0, 64.0] {
        let mut x = random.vector(1000, -bound, bound);
        (x[7], x[8], x[9], x[10]) = (0.0, -0.0, bound, -bound);
        let t = targets(&mut random, &x, false);
        let plain = on_scores(BinaryCrossEntropy::new());
        assert_same_everywhere(plain, &x, &t);
        // Every other pair is one that takes the long way.
        let mixed = |y: f32, u: f32| -> [Vec<f32>; 2] {
            [
                x.iter().map(|&x| [x, y]).collect::<Vec<_>>().concat(),
                t.iter().map(|&t| [t, u]).collect::<Vec<_>>().concat(),
            ]
        };
        for backend in backends() {
            let (_, alone, alone_gradient) = run(backend, plain, &x, &t);
            for (y, u) in [(0.5, 0.25), (65.0, 0.0), (NAN, 1.0), (1.0, NAN), (1.0, 2.0)] {
                let [x, t] = mixed(y, u);
                let (_, l, g) = run(backend, plain, &x, &t);
                for i in 0..alone.len() {
                    assert!(same(l[2 * i], alone[i]), "beside ({y}, {u}) on {backend:?}");
                    assert!(same(g[2 * i], alone_gradient[i]), "beside ({y}, {u}) on {backend:?}");
                }
            }
        }
    }
}

/// The sum of ten million losses, and of few of very different sizes.
#[test]
fn sums_keep_every_digit() {
    let mut random = Random::new(23);
    let backend = Backend::best();
    let f = on_scores(BinaryCrossEntropy::new());
    let block = random.normal(10_000, 8.0);
    let (mut x, mut t) = (block.clone(), targets(&mut random, &block, false));
    let (_, losses, _) = run(backend, f, &x, &t);
    // Each an integer multiple of 2^-80, added exactly.
    let scaled = |x: f32| (f64::from(x) * libm::exp2(80.0)) as i128;
    let exact = losses.iter().map(|&loss| scaled(loss)).sum::<i128>();
    for _ in 0..10 {
        x.extend_from_within(..);
        t.extend_from_within(..);
    }
    let times = x.len() / block.len();
    let sum = BinaryCrossEntropy::new().on(backend).loss(&x, &t).unwrap().sum;
    let error = ulp(sum, (exact * times as i128) as f64 * libm::exp2(-80.0));
    println!("sum of ten million: {error} ULP");
    assert!(error <= 0.51, "{error} ULP of {sum}");
}

/// The gradient is the slope of the exact loss, whatever formula gave it.
#[test]
fn gradient_is_the_slope_of_the_loss() {
    const STEP: f64 = 1e-5;
    let mut random = Random::new(25);
    for backend in backends() {
        for (weight, gamma) in [(1.0, 0.0), (0.3, 0.0), (5.0, 0.0), (1.0, 0.5), (2.0, 3.0)] {
            let x = random.vector(200, -12.0, 12.0);
            let t = targets(&mut random, &x, true);
            let f = on_scores(BinaryCrossEntropy::new().pos_weight(weight).focal(gamma));
            let (_, _, gradient) = run(backend, f, &x, &t);
            let part = |s: f64| libm::pow(logistic(s).1, f64::from(gamma)) * logistic(s).0;
            for i in 0..x.len() {
                let (x, t) = (f64::from(x[i]), f64::from(t[i]));
                let loss = |x: f64| f64::from(weight) * t * part(-x) + (1.0 - t) * part(x);
                let slope = (loss(x + STEP) - loss(x - STEP)) / (2.0 * STEP);
                let error = (f64::from(gradient[i]) - slope).abs();
                assert!(error <= 1e-6, "{} for {slope} at ({x}, {t})", gradient[i]);
            }
        }
    }
}

/// A weight is a factor of the positive term.
#[test]
fn weights_compose() {
    let mut random = Random::new(26);
    for backend in backends() {
        let x = random.normal(300, 10.0);
        for (target, loss, factor) in [
            (1.0, BinaryCrossEntropy::new().pos_weight(4.0), 4.0),
            (0.0, BinaryCrossEntropy::new().pos_weight(4.0), 1.0),
            (1.0, BinaryCrossEntropy::new().alpha(0.25), 0.25),
            (0.0, BinaryCrossEntropy::new().alpha(0.75), 0.25),
            (1.0, BinaryCrossEntropy::new().alpha(0.25).pos_weight(2.0), 0.5),
        ] {
            let t = vec![target; x.len()];
            let (_, plain, plain_gradient) =
                run(backend, on_scores(BinaryCrossEntropy::new()), &x, &t);
            let (_, weighted, gradient) = run(backend, on_scores(loss), &x, &t);
            for i in 0..x.len() {
                let (exact, slope) = (plain[i] * factor, plain_gradient[i] * factor);
                if backend.is_fused() {
                    // Powers of two: exact but for subnormals.
                    assert_eq!(weighted[i], exact, "{loss:?} on {backend:?}");
                    assert_eq!(gradient[i], slope, "{loss:?} on {backend:?}");
                } else {
                    let bounds = [BINARY_LOSS, BINARY_GRADIENT].map(|[a, b]| a + b);
                    assert!(ulp(weighted[i], exact.into()) <= bounds[0], "{loss:?}");
                    assert!(ulp(gradient[i], slope.into()) <= bounds[1], "{loss:?}");
                }
            }
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
