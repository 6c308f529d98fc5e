//! The algebra of softmax, log-sum-exp, entropies and losses, as properties of
//! random scores on every backend.
//!
//! Nothing here depends on how a value is computed: each property ties results
//! to each other, or to a few lines of f64.
//!
//! Beside each bound stands the largest error met in 25 000 cases on every
//! backend. The bound adds up to a quarter; where errors are whole it admits no
//! larger one.
//! `PROPTEST_CASES=40000 PROPTEST_RNG_SEED=1 cargo test --release` looks further
//! than the cases that are run by default, which are always the same.

mod common;

use common::{backends, ulp, unit};
use logits::loss::CrossEntropy;
use logits::{Backend, Rows, RowsMut, contract};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{RngSeed, TestCaseResult, TestRunner};
use std::f64::consts::LN_2;

/// Checks a property of random input on every backend.
#[track_caller]
fn check<S: Strategy>(input: S, property: impl Fn(On, &S::Value) -> TestCaseResult) {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(0);
    }
    let backends = backends();
    TestRunner::new(config)
        .run(&input, |value| backends.iter().try_for_each(|&b| property(On(b), &value)))
        .unwrap_or_else(|error| panic!("{error}"));
}

/// The crate's functions on one backend.
#[derive(Clone, Copy, Debug)]
struct On(Backend);

impl On {
    fn softmax(self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        self.0.softmax(x, &mut out).unwrap();
        out
    }

    fn log_softmax(self, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        self.0.log_softmax(x, &mut out).unwrap();
        out
    }

    fn log_sum_exp(self, x: &[f32]) -> f32 {
        self.0.log_sum_exp(x)
    }

    fn sigmoid(self, x: f32) -> f32 {
        let mut out = [0.0];
        self.0.sigmoid(&[x], &mut out).unwrap();
        out[0]
    }

    fn entropy(self, p: &[f32]) -> f32 {
        self.0.entropy(p)
    }

    fn cross_entropy(self, p: &[f32], q: &[f32]) -> f32 {
        self.0.cross_entropy(p, q).unwrap()
    }

    fn kl_divergence(self, p: &[f32], q: &[f32]) -> f32 {
        self.0.kl_divergence(p, q).unwrap()
    }

    /// The divergence and its gradient.
    fn kl_divergence_of_scores(self, x: &[f32], y: &[f32]) -> (f32, Vec<f32>) {
        let (mut out, mut gradient) = ([0.0], vec![0.0; y.len()]);
        let place = row_mut(&mut gradient);
        self.0.rows_kl_divergence_of_scores_and_gradient(row(x), row(y), &mut out, place).unwrap();
        (out[0], gradient)
    }

    fn js_divergence(self, p: &[f32], q: &[f32]) -> f32 {
        self.0.js_divergence(p, q).unwrap()
    }

    fn loss(self, scores: &[f32], label: usize) -> f32 {
        CrossEntropy::new().on(self.0).loss(row(scores), &[label as u32]).unwrap().sum
    }

    fn gradient(self, scores: &[f32], label: usize) -> Vec<f32> {
        let mut out = vec![0.0; scores.len()];
        let labels = [label as u32];
        let loss = CrossEntropy::new().on(self.0);
        loss.loss_and_gradient(row(scores), &labels, row_mut(&mut out)).unwrap();
        out
    }

    /// Fails unless `error` is at most `bound`; NaN fails.
    fn within(self, what: &str, error: f64, bound: f64) -> TestCaseResult {
        prop_assert!(error <= bound, "{what}: error {error}, bound {bound} on {:?}", self.0);
        Ok(())
    }

    /// As [`within`](Self::within), for logarithms and what they should be.
    fn logs_within(self, what: &str, found: &[f32], exact: &[f32], bound: f64) -> TestCaseResult {
        for (&found, &exact) in found.iter().zip(exact) {
            let (found, exact) = (f64::from(found), f64::from(exact));
            self.within(what, (found - exact).abs() / unit_from_1(exact), bound)?;
        }
        Ok(())
    }

    /// As [`within`](Self::within), for each of two rows in ULP.
    fn each_within(self, what: &str, found: &[f32], exact: &[f32], bound: f64) -> TestCaseResult {
        for (&found, &exact) in found.iter().zip(exact) {
            self.within(what, ulp(found, f64::from(exact)), bound)?;
        }
        Ok(())
    }
}

/// One row.
fn row(x: &[f32]) -> Rows<'_> {
    Rows::new(x, x.len()).unwrap()
}

fn row_mut(x: &mut [f32]) -> RowsMut<'_> {
    let columns = x.len();
    RowsMut::new(x, columns).unwrap()
}

/// The distance of `f32` neighbours at x, or at 1 where |x| is less: for results
/// that are sums of larger terms.
fn unit_from_1(x: f64) -> f64 {
    unit(x.abs().max(1.0))
}

/// What the sum of a row may err by for each ULP of its elements' errors.
fn units(x: &[f32]) -> f64 {
    x.iter().map(|&x| unit(f64::from(x))).sum()
}

fn max(x: &[f32]) -> f32 {
    x.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn sum(x: &[f32]) -> f64 {
    x.iter().map(|&x| f64::from(x)).sum()
}

/// ln(1 + e^z) in f64.
fn softplus(z: f64) -> f64 {
    z.max(0.0) + libm::log1p(libm::exp(-z.abs()))
}

/// −ln softmax(x)\[label\] in f64, as the loss of the label against all others.
fn loss(x: &[f64], label: usize) -> f64 {
    let others = x.iter().enumerate().filter(|&(k, _)| k != label).map(|(_, x)| x);
    let max = others.clone().copied().fold(f64::NEG_INFINITY, f64::max);
    let others = max + libm::log(others.map(|x| libm::exp(x - max)).sum());
    softplus(others - x[label])
}

/// Row lengths: around the sizes of vectors and blocks, and sometimes long.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 1..=70_usize, 1 => 71..=2000_usize]
}

/// Like a network's scores: a bell within ±10.
fn bell() -> impl Strategy<Value = f32> {
    [-1f32..1.0, -1f32..1.0, -1f32..1.0].prop_map(|[a, b, c]| (a + b + c) * (10.0 / 3.0))
}

fn scores_of(n: usize) -> impl Strategy<Value = Vec<f32>> {
    prop_oneof![
        4 => vec(bell(), n),
        2 => vec(-300f32..300.0, n),
        // Far from 0, yet every class counts.
        2 => (-1e4f32..1e4, vec(bell(), n))
            .prop_map(|(offset, x)| x.into_iter().map(|x| x + offset).collect()),
        1 => vec(-1e4f32..1e4, n),
        1 => vec(-1e30f32..1e30, n),
        // Where every addition of a sum rounds the same way.
        1 => (-300f32..300.0).prop_map(move |x| vec![x; n]),
        // Everything in one row.
        1 => vec(prop_oneof![bell(), -300f32..300.0, -1e4f32..1e4, -1e30f32..1.0], n),
    ]
}

fn scores() -> impl Strategy<Value = Vec<f32>> {
    length().prop_flat_map(scores_of)
}

/// Two rows of the same length, unrelated or close to each other.
fn pair() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    let close = |(x, noise, step): (Vec<f32>, Vec<f32>, f32)| {
        let y = x.iter().zip(noise).map(|(x, noise)| x + step * noise).collect();
        (x, y)
    };
    length().prop_flat_map(move |n| {
        let step = prop_oneof![Just(1e-6f32), Just(1e-3), Just(0.1)];
        prop_oneof![
            2 => (scores_of(n), scores_of(n)),
            1 => (scores_of(n), vec(-1f32..1.0, n), step).prop_map(close),
        ]
    })
}

/// Scores and the label of one of them.
fn labelled() -> impl Strategy<Value = (Vec<f32>, usize)> {
    (scores(), any::<Index>()).prop_map(|(x, label)| {
        let label = label.index(x.len());
        (x, label)
    })
}

#[test]
fn softmax_is_a_distribution() {
    check(scores(), |on, x| {
        let (p, exact) = (on.softmax(x), common::softmax(x));
        for (&p, &exact) in p.iter().zip(&exact) {
            prop_assert!((0.0..=1.0).contains(&p), "{p:e} on {on:?}");
            on.within("softmax", ulp(p, exact), contract::SOFTMAX)?;
        }
        // The sum errs by at most what its elements err by.
        on.within("sum of softmax", (sum(&p) - 1.0).abs() / units(&p), 1.5) // 1.32
    });
}

#[test]
fn an_exact_shift_changes_only_log_sum_exp() {
    // Eighths below 2^12 have 15 bits: sums are exact.
    let eighths = |limit: i16| (-limit..=limit).prop_map(|k| f32::from(k) / 8.0);
    let x = length().prop_flat_map(move |n| {
        prop_oneof![vec(eighths(80), n), vec(eighths(2400), n), vec(eighths(8000), n)]
    });
    check((x, eighths(16000)), |on, (x, c)| {
        let shifted: Vec<_> = x.iter().map(|x| x + c).collect();
        on.each_within("softmax", &on.softmax(&shifted), &on.softmax(x), 3.25)?; // 3
        on.logs_within("log-softmax", &on.log_softmax(&shifted), &on.log_softmax(x), 1.25)?; // 1
        let (moved, lse) = (f64::from(on.log_sum_exp(&shifted)), f64::from(on.log_sum_exp(x)));
        let error = (moved - (lse + f64::from(*c))).abs();
        on.within("log-sum-exp", error / (unit_from_1(moved) + unit_from_1(lse)), 0.6) // 0.5
    });
}

#[test]
fn a_rounded_shift_changes_softmax_by_the_rounding_alone() {
    let x = length().prop_flat_map(|n| prop_oneof![vec(bell(), n), vec(-300f32..300.0, n)]);
    let shift = prop_oneof![-1f32..1.0, -300f32..300.0, -1e4f32..1e4];
    check((x, shift), |on, (x, c)| {
        let shifted: Vec<_> = x.iter().map(|x| x + c).collect();
        let p = on.softmax(x);
        // What rounding does to each score multiplies its probability.
        let factors = x
            .iter()
            .zip(&shifted)
            .map(|(&x, &shifted)| libm::exp(f64::from(shifted) - (f64::from(x) + f64::from(*c))));
        let expected: Vec<_> = p.iter().zip(factors).map(|(&p, f)| f64::from(p) * f).collect();
        let total: f64 = expected.iter().sum::<f64>() / sum(&p);
        for (found, expected) in on.softmax(&shifted).into_iter().zip(expected) {
            on.within("softmax", ulp(found, expected / total), 2.95)?; // 2.82
        }
        Ok(())
    });
}

#[test]
fn log_sum_exp_exceeds_the_maximum_by_at_most_ln_n() {
    check(scores(), |on, x| {
        let lse = f64::from(on.log_sum_exp(x));
        let low = f64::from(max(x));
        let high = low + libm::log(x.len() as f64);
        on.within("below", (low - lse) / unit_from_1(low), 0.6)?; // 0.5: from 1 on, not at all
        on.within("above", (lse - high) / unit_from_1(high), 0.85)?; // 0.79
        if let &[x] = &x[..] {
            prop_assert_eq!(on.log_sum_exp(&[x]).to_bits(), x.to_bits());
        }
        Ok(())
    });
}

#[test]
fn log_sum_exp_is_monotone() {
    let raised = length().prop_flat_map(|n| {
        let step = prop_oneof![Just(0.0), 0f32..1e-5, 0f32..1.0, 0f32..100.0];
        (scores_of(n), vec(step, n))
    });
    check(raised, |on, (x, steps)| {
        let y: Vec<_> = x.iter().zip(steps).map(|(x, step)| x + step).collect();
        let (before, after) = (f64::from(on.log_sum_exp(x)), f64::from(on.log_sum_exp(&y)));
        on.within("fall", (before - after) / unit_from_1(before), 0.25)?; // 0
        let most = x.iter().zip(&y).map(|(&x, &y)| f64::from(y) - f64::from(x)).fold(0.0, f64::max);
        let excess = (after - before) - most;
        on.within("rise", excess / (unit_from_1(after) + unit_from_1(before)), 0.75) // 0.5
    });
}

#[test]
fn all_scores_twice_add_ln_2_to_log_sum_exp() {
    check(scores(), |on, x| {
        let (once, twice) = (on.log_sum_exp(x), on.log_sum_exp(&[&x[..], x].concat()));
        let expected = f64::from(once) + LN_2;
        let error = (f64::from(twice) - expected).abs();
        on.within("twice", error / unit_from_1(expected), 1.3) // 1.25
    });
}

#[test]
fn exp_of_log_softmax_is_softmax() {
    check(scores(), |on, x| {
        for (p, log) in on.softmax(x).into_iter().zip(on.log_softmax(x)) {
            let (p, log) = (f64::from(p), f64::from(log));
            let error = (libm::exp(log) - p).abs();
            // An error of the logarithm is a relative error here.
            on.within("exp", error / (p * unit_from_1(log) + unit(p)), 1.2)?; // 0.97
        }
        Ok(())
    });
}

#[test]
fn sigmoid_is_softmax_of_two() {
    // Scores of 22 bits: their difference is exact.
    let score = (-110 << 14..=110 << 14).prop_map(|k: i32| k as f32 / 16384.0);
    check([score.clone(), score], |on, &[a, b]| {
        let sigmoid = on.sigmoid(a - b);
        on.within("sigmoid", ulp(on.softmax(&[a, b])[0], f64::from(sigmoid)), 2.25) // 2
    });
}

#[test]
fn cross_entropy_is_entropy_plus_divergence() {
    check(pair(), |on, (x, y)| {
        let (p, q) = (on.softmax(x), on.softmax(y));
        let cross = f64::from(on.cross_entropy(&p, &q));
        let (entropy, kl) = (f64::from(on.entropy(&p)), f64::from(on.kl_divergence(&p, &q)));
        if cross == f64::INFINITY {
            prop_assert_eq!(kl, cross, "{:?}", on);
            return Ok(());
        }
        // The divergence takes the sums of P and Q for equal.
        let surplus = (sum(&q) - sum(&p)).abs();
        let error = (cross - (entropy + kl)).abs() - surplus;
        on.within("sum", error / (unit(cross) + unit(1.0)), 1.1)?; // 0.89
        let fall = entropy - cross - surplus;
        on.within("fall", fall / (unit(cross) + unit(1.0)), 0.95) // 0.78
    });
}

#[test]
fn divergence_is_not_negative_and_0_from_itself() {
    check(pair(), |on, (x, y)| {
        let (p, q) = (on.softmax(x), on.softmax(y));
        let kl = on.kl_divergence(&p, &q);
        prop_assert!(kl >= 0.0 && kl.is_sign_positive(), "{kl:e} on {on:?}");
        prop_assert_eq!(on.kl_divergence(&p, &p).to_bits(), 0, "{:?}", on);
        Ok(())
    });
}

#[test]
fn divergence_of_scores_is_not_negative_and_0_from_itself() {
    check(pair(), |on, (x, y)| {
        let (kl, _) = on.kl_divergence_of_scores(x, y);
        prop_assert!(kl >= 0.0 && kl.is_sign_positive(), "{kl:e} on {on:?}");
        let (kl, gradient) = on.kl_divergence_of_scores(x, x);
        prop_assert_eq!(kl.to_bits(), 0, "{:?}", on);
        prop_assert!(gradient.iter().all(|&g| g == 0.0), "{gradient:?} on {on:?}");
        Ok(())
    });
}

#[test]
fn divergence_of_scores_is_that_of_their_softmax() {
    check(pair(), |on, (x, y)| {
        let (p, q) = (on.softmax(x), on.softmax(y));
        let (found, gradient) = on.kl_divergence_of_scores(x, y);
        let (found, kl) = (f64::from(found), f64::from(on.kl_divergence(&p, &q)));
        // Subnormal probabilities have not all their digits.
        let are_normal = p.iter().zip(&q).all(|(&p, &q)| p == 0.0 || q >= f32::MIN_POSITIVE);
        if are_normal {
            // What the roundings of p and q change: each at most 2 ULP.
            let change: f64 = p.iter().zip(&q).map(|(&p, &q)| f64::from((p - q).abs())).sum();
            let most = (change + kl) * libm::exp2(-21.0) + libm::exp2(-42.0) + 1e-35;
            on.within("divergence", (found - kl).abs() / most, 1.0)?;
        }
        for ((&p, &q), &g) in p.iter().zip(&q).zip(&gradient) {
            let error = (f64::from(g) - (f64::from(q) - f64::from(p))).abs();
            on.within("gradient", error / unit(f64::from(p.max(q))), 6.0)?;
        }
        Ok(())
    });
}

#[test]
fn js_divergence_is_symmetric_and_lies_between_0_and_ln_2() {
    check(pair(), |on, (x, y)| {
        let (p, q) = (on.softmax(x), on.softmax(y));
        let js = on.js_divergence(&p, &q);
        prop_assert!(js.is_sign_positive() && js <= std::f32::consts::LN_2, "{js:e} on {on:?}");
        prop_assert_eq!(js.to_bits(), on.js_divergence(&q, &p).to_bits(), "{:?}", on);
        prop_assert_eq!(on.js_divergence(&p, &p).to_bits(), 0, "{:?}", on);
        // Half of each divergence from the mean, which is at most half of the other.
        let kl = f64::from(on.kl_divergence(&p, &q)).min(f64::from(on.kl_divergence(&q, &p)));
        prop_assert!(f64::from(js) <= 0.5 * kl * (1.0 + 1e-6) + 1e-37, "{js:e}, {kl:e} on {on:?}");
        Ok(())
    });
}

#[test]
fn entropy_lies_between_0_and_ln_n() {
    let equal = length().prop_map(|n| vec![0.0; n]);
    check(prop_oneof![4 => scores(), 1 => equal], |on, x| {
        let p = on.softmax(x);
        let entropy = on.entropy(&p);
        prop_assert!(entropy >= 0.0 && entropy.is_sign_positive(), "{entropy:e} on {on:?}");
        // Rounded probabilities of sum s: at most −Σ (s/n)·ln(s/n).
        let s = sum(&p);
        let most = s * libm::log(x.len() as f64 / s);
        let excess = f64::from(entropy) - most;
        on.within("above", excess / unit(most), 0.6)?; // 0.50
        if x.iter().all(|&x| x == 0.0) {
            on.within("equal", excess.abs() / unit(most), 0.6)?; // 0.50
        }
        Ok(())
    });
}

#[test]
fn one_hot_cross_entropy_is_minus_ln_q() {
    check(labelled(), |on, (x, label)| {
        let q = on.softmax(x);
        let mut one_hot = vec![0.0; x.len()];
        one_hot[*label] = 1.0;
        let (cross, q) = (on.cross_entropy(&one_hot, &q), q[*label]);
        if q == 0.0 {
            prop_assert_eq!(cross, f32::INFINITY, "{:?}", on);
        } else {
            on.within("−ln q", ulp(cross, -libm::log(q.into())), contract::DISTRIBUTION)?;
            let (loss, q) = (f64::from(on.loss(x, *label)), f64::from(q));
            let error = (f64::from(cross) - loss).abs();
            // q is rounded, and an error of q is divided by it.
            on.within("label form", error / (unit(q) / q + unit(loss)), 1.5)?; // 1.31
        }
        Ok(())
    });
}

#[test]
fn two_class_loss_is_softplus() {
    let score = || prop_oneof![bell(), -100f32..100.0, -1e4f32..1e4, -1e30f32..1e30];
    check([score(), score()], |on, x| {
        for label in [0, 1] {
            let exact = softplus(f64::from(x[1 - label]) - f64::from(x[label]));
            on.within("softplus", ulp(on.loss(x, label), exact), contract::LOSS)?;
        }
        Ok(())
    });
}

#[test]
fn gradient_is_softmax_less_one_hot() {
    check(labelled(), |on, (x, label)| {
        let (p, mut gradient) = (on.softmax(x), on.gradient(x, *label));
        on.within("sum", sum(&gradient).abs() / units(&gradient), 0.95)?; // 0.80

        let at_label = f64::from(gradient[*label]);
        let expected = f64::from(p[*label]) - 1.0;
        let error = (at_label - expected).abs();
        let size = unit(f64::from(p[*label])) + unit(expected);
        on.within("at label", error / size, 1.5)?; // 1.30
        gradient[*label] = p[*label];
        on.each_within("elsewhere", &gradient, &p, 2.25) // 2
    });
}

#[test]
fn gradient_is_the_slope_of_the_loss() {
    const STEP: f64 = 1.0 / 16384.0; // errs by less than 2e-9, of its square and of f64
    let x = (1..=70_usize).prop_flat_map(|n| prop_oneof![vec(bell(), n), vec(-300f32..300.0, n)]);
    check((x, any::<Index>(), any::<Index>()), |on, (x, label, column)| {
        let (label, column) = (label.index(x.len()), column.index(x.len()));
        let moved = |step| {
            let mut x: Vec<_> = x.iter().copied().map(f64::from).collect();
            x[column] += step;
            loss(&x, label)
        };
        let slope = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let gradient = f64::from(on.gradient(x, label)[column]);
        on.within("slope", ((gradient - slope).abs() - 2e-9) / unit(slope), contract::GRADIENT)
    });
}

#[test]
fn masking_drops_the_class() {
    let masked = labelled().prop_flat_map(|(x, label)| {
        let n = x.len();
        (
            Just(x),
            vec(any::<bool>(), n).prop_map(move |mut keep| {
                keep[label] = true;
                keep
            }),
            Just(label),
        )
    });
    check(masked, |on, (x, keep, label)| {
        let kept = |x: &[f32]| -> Vec<f32> {
            x.iter().zip(keep).filter(|&(_, &keep)| keep).map(|(&x, _)| x).collect()
        };
        let dropped = |x: &[f32], expected: f32| {
            x.iter().zip(keep).all(|(x, &keep)| keep || x.to_bits() == expected.to_bits())
        };
        let rest = kept(x);
        let new_label = keep[..*label].iter().filter(|&&keep| keep).count();
        let masked: Vec<_> = x
            .iter()
            .zip(keep)
            .map(|(&x, &keep)| if keep { x } else { f32::NEG_INFINITY })
            .collect();

        let p = on.softmax(&masked);
        prop_assert!(dropped(&p, 0.0), "{on:?}");
        on.each_within("softmax", &kept(&p), &on.softmax(&rest), 3.25)?; // 3

        let log = on.log_softmax(&masked);
        prop_assert!(dropped(&log, f32::NEG_INFINITY), "{on:?}");
        on.logs_within("log-softmax", &kept(&log), &on.log_softmax(&rest), 1.25)?; // 1
        let lse = [on.log_sum_exp(&masked)];
        on.logs_within("log-sum-exp", &lse, &[on.log_sum_exp(&rest)], 1.25)?; // 1

        let gradient = on.gradient(&masked, *label);
        prop_assert!(dropped(&gradient, 0.0), "{on:?}");
        let expected = on.gradient(&rest, new_label);
        on.each_within("gradient", &kept(&gradient), &expected, 1.25)?; // 1
        let loss = [on.loss(&masked, *label)];
        on.each_within("loss", &loss, &[on.loss(&rest, new_label)], 1.25) // 1
    });
}

#[test]
fn permuting_the_classes_permutes_the_results() {
    let permuted = labelled().prop_flat_map(|(x, label)| {
        let order = (0..x.len()).collect::<Vec<_>>();
        (Just(x), Just(order).prop_shuffle(), Just(label))
    });
    check(permuted, |on, (x, order, label)| {
        let permute = |x: &[f32]| order.iter().map(|&k| x[k]).collect::<Vec<_>>();
        let y = permute(x);
        let new_label = order.iter().position(|k| k == label).unwrap();

        on.each_within("softmax", &on.softmax(&y), &permute(&on.softmax(x)), 3.25)?; // 3
        let log = permute(&on.log_softmax(x));
        on.logs_within("log-softmax", &on.log_softmax(&y), &log, 1.25)?; // 1
        let lse = [on.log_sum_exp(x)];
        on.logs_within("log-sum-exp", &[on.log_sum_exp(&y)], &lse, 1.25)?; // 1
        let gradient = permute(&on.gradient(x, *label));
        on.each_within("gradient", &on.gradient(&y, new_label), &gradient, 1.25)?; // 1
        on.each_within("loss", &[on.loss(&y, new_label)], &[on.loss(x, *label)], 1.25) // 1
    });
}

/// Any finite score.
fn finite() -> impl Strategy<Value = f32> {
    use proptest::num::f32::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO, -300f32..300.0]
}

#[test]
fn a_single_class_has_no_loss() {
    check(finite(), |on, &x| {
        prop_assert_eq!(on.loss(&[x], 0).to_bits(), 0, "{:?}", on);
        Ok(())
    });
}

#[test]
fn a_single_class_is_certain() {
    check(finite(), |on, &x| {
        prop_assert_eq!(on.softmax(&[x])[0].to_bits(), 1f32.to_bits(), "{:?}", on);
        Ok(())
    });
}
