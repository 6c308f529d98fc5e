//! Numbers near the largest and the least that there are: what a result is computed of overflows or
//! underflows, the result does not.

mod common;

use common::{backends, class_of_rows, ulp};
use logits::contract::{
    DISTRIBUTION, GRADIENT, KL_DIVERGENCE_OF_SCORES, LOG_SOFTMAX_BACKWARD, LOSS, SMOOTH_LOSS,
    SOFTMAX_BACKWARD,
};
use logits::loss::CrossEntropy;
use logits::{Backend, Rows, RowsMut};

const INF: f32 = f32::INFINITY;
const MAX: f32 = f32::MAX;
const LEAST: f32 = f32::from_bits(1);

#[track_caller]
fn assert_near(found: f32, exact: f64, bound: f64, backend: Backend) {
    let error = ulp(found, exact);
    assert!(error <= bound, "{found:e} for {exact:e}: {error} ULP on {backend:?}");
}

/// Σ y·g, and g − Σ y·g, may be beyond the largest number.
#[test]
fn derivatives_of_softmax() {
    for (y, g) in [
        ([0.25, 0.75, 0.0], [MAX, -MAX, f32::NAN]),
        ([0.25, 0.25, 0.5], [MAX, -MAX, -MAX]),
        ([1.0, 1.0, 0.5], [MAX, MAX, MAX]),
        ([1e-30, 0.75, 1e-38], [MAX, -MAX, 1.0]),
    ] {
        let pairs = || y.into_iter().zip(g).filter(|(y, _)| *y != 0.0);
        let sum: f64 = pairs().map(|(y, g): (f32, f32)| f64::from(y) * f64::from(g)).sum();
        for backend in backends() {
            let mut out = [7.0; 3];
            backend.softmax_backward(&y, &g, &mut out).unwrap();
            for ((y, g), out) in pairs().zip(out) {
                assert_near(out, f64::from(y) * (f64::from(g) - sum), SOFTMAX_BACKWARD, backend);
            }
        }
    }
}

/// Σ g may be, and a share of it is not small because e^y is.
#[test]
fn derivatives_of_log_softmax() {
    for (y, g) in [
        ([-2.0, -1.0, -1.0, -1.5], [MAX, MAX, 0.0, 0.0]),
        ([-1.0, -1.0, -1.4, -3.0], [MAX, MAX, MAX, MAX]),
        ([-0.0, -104.0, -90.0, -160.0], [0.0, 0.0, 0.0, MAX]),
        ([-0.1, -150.0, -170.0, -174.0], [MAX, 0.0, LEAST, 0.0]),
        ([-0.1, -100.0, -103.0, -3.0], [5e8, 0.0, 0.0, 1e8]),
    ] {
        let sum: f64 = g.iter().map(|&g: &f32| f64::from(g)).sum();
        for backend in backends() {
            let mut out = [7.0; 4];
            backend.log_softmax_backward(&y, &g, &mut out).unwrap();
            for ((y, g), out) in y.into_iter().zip(g).zip(out) {
                let p = libm::exp(f64::from(y));
                let exact = f64::from(g) - p * sum;
                let size = f64::from(g).abs().max(p * sum.abs()).max(exact.abs());
                let error = (f64::from(out.clamp(-MAX, MAX))
                    - exact.clamp(-3.4028235677973366e38, 3.4028235677973366e38))
                .abs();
                let bound = LOG_SOFTMAX_BACKWARD * common::unit(size);
                assert!(error <= bound, "{out:e} for {exact:e} of y = {y} on {backend:?}");
            }
        }
    }
}

/// Any share of an infinity is infinite, but that of an impossible class.
#[test]
fn infinite_derivatives_of_log_softmax() {
    for backend in backends() {
        let y = [-0.1, -0.5, -5.0, -90.0, -1e4, f32::MIN, -INF, f32::NAN];
        let mut out = [7.0; 8];
        let g = [-INF, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        backend.log_softmax_backward(&y, &g, &mut out).unwrap();
        assert!(out[0].is_nan() && out[7].is_nan(), "{out:?} on {backend:?}");
        assert_eq!(out[1..7], [INF, INF, INF, INF, INF, 1.0], "{backend:?}");
    }
}

/// Scores that are further apart than the largest number.
#[test]
fn divergences_of_scores() {
    let few = [MAX, -MAX];
    let far = 2.0 * f64::from(MAX);
    // Of an even P half of the distance; of one that is nearly sure, the share of its other class.
    let mut x = [0.0; 100];
    x[99] = -120.0;
    let mut y = [MAX; 100];
    y[99] = -MAX;
    let share = libm::exp(-120.0);
    for backend in backends() {
        for (x, y, exact) in [
            (&[0.0, 0.0][..], &few[..], far / 2.0),
            (&[0.0, -1.5], &few, far / (1.0 + libm::exp(1.5))),
            (&[0.0, -20.0], &few, far / (1.0 + libm::exp(20.0))),
            (&x, &y, far * share / (99.0 + share)),
            (&[-MAX, MAX], &few, f64::INFINITY),
            (&[0.0, -200.0], &few, 0.0),
        ] {
            let (mut out, mut gradient) = ([7.0], vec![7.0; x.len()]);
            let [p, q] = [x, y].map(|x| Rows::new(x, x.len()).unwrap());
            let to = RowsMut::new(&mut gradient, x.len()).unwrap();
            backend.rows_kl_divergence_of_scores_and_gradient(p, q, &mut out, to).unwrap();
            assert_near(out[0], exact, KL_DIVERGENCE_OF_SCORES[0], backend);
            assert!(gradient.iter().all(|g| g.abs() <= 1.0), "{gradient:?} on {backend:?}");
        }
    }
}

/// A score divided by the temperature, or how far it is below the largest, is beyond the largest
/// number; what a coefficient leaves of it is not.
#[test]
fn losses() {
    let far = 2.0 * f64::from(MAX);
    let plain = CrossEntropy::new();
    let smooth = f64::from(0.1f32) / 2.0;
    for backend in backends() {
        for (loss, x, label, exact, bound) in [
            (
                plain.class_weights(&[1.0, 0.2]).temperature(0.5),
                [MAX, -MAX],
                1,
                f64::from(0.2f32) * 2.0 * far,
                LOSS,
            ),
            (
                plain.class_weights(&[1.0, 0.2]).temperature(0.125),
                [MAX, -MAX],
                1,
                f64::INFINITY,
                LOSS,
            ),
            // A weight so small that a part of the distance times it would be subnormal.
            (
                plain.class_weights(&[1.0, 4.28e-40]).temperature(1.36e5),
                [1e24, 0.0],
                1,
                f64::from(4.28e-40f32) * f64::from(1e24f32) / 1.36e5,
                LOSS,
            ),
            (plain.label_smoothing(0.1), [-MAX, MAX], 1, smooth * far, SMOOTH_LOSS),
            (plain.temperature(1e-6), [MAX, MAX], 1, core::f64::consts::LN_2, LOSS),
            (
                plain.z_loss(1e-10),
                [1e20, 0.0],
                0,
                f64::from(1e-10f32) * f64::from(1e20f32).powi(2),
                SMOOTH_LOSS,
            ),
        ] {
            let found = loss.on(backend).loss(Rows::new(&x, 2).unwrap(), &[label]).unwrap().sum;
            assert_near(found, exact, bound, backend);
        }
    }
}

/// Terms of both signs overflow, their sum does not.
#[test]
fn losses_against_negative_targets() {
    for backend in backends() {
        let of = |x: [f32; 3], t: [f32; 3]| {
            let [x, t] = [&x, &t].map(|x| Rows::new(x, 3).unwrap());
            CrossEntropy::new().on(backend).loss_soft(x, t).unwrap().sum
        };
        assert_near(
            of([0.0, -MAX, -MAX], [0.0, 2.0, -1.5]),
            f64::from(MAX) / 2.0,
            SMOOTH_LOSS,
            backend,
        );
        assert_near(
            of([MAX, -MAX, -MAX], [0.0, 4.0, -3.75]),
            f64::from(MAX) / 2.0,
            SMOOTH_LOSS,
            backend,
        );
        assert_eq!(of([0.0, -MAX, -MAX], [0.0, -4.0, 2.0]), -INF, "{backend:?}");
        assert_eq!(of([0.0, -INF, -MAX], [0.0, 4.0, -4.0]), INF, "{backend:?}");
        assert!(of([0.0, -INF, -INF], [0.0, 4.0, -4.0]).is_nan(), "{backend:?}");
        // A quadratic term is larger than all others, unless one is infinite.
        let of_z = |x: [f32; 2], t: [f32; 2]| {
            let [x, t] = [&x, &t].map(|x| Rows::new(x, 2).unwrap());
            CrossEntropy::new().z_loss(0.01).on(backend).loss_soft(x, t).unwrap().sum
        };
        assert_eq!(of_z([MAX, -MAX], [0.5, -1.0]), INF, "{backend:?}");
        assert_eq!(of_z([MAX, -INF], [0.5, -1.0]), -INF, "{backend:?}");
    }
}

/// A target that its weight makes 0 still is one, and an infinite one is none.
#[test]
fn least_and_infinite_targets() {
    for backend in backends() {
        let loss = CrossEntropy::new().class_weights(&[1.0, 0.25]).on(backend);
        let of = |t: [f32; 2]| {
            let mut gradient = [7.0; 2];
            let to = RowsMut::new(&mut gradient, 2).unwrap();
            let [x, t] = [[0.0, -INF], t];
            let [x, t] = [&x, &t].map(|x| Rows::new(x, 2).unwrap());
            (loss.loss_and_gradient_soft(x, t, to).unwrap().sum, gradient)
        };
        assert_eq!(of([1.0, LEAST]).0, INF, "{backend:?}");
        assert_eq!(of([1.0, -LEAST]).0, -INF, "{backend:?}");
        assert_eq!(of([1.0, 0.0]).0, 0.0, "{backend:?}");
        for t in [[1.0, INF], [-INF, 1.0]] {
            let (sum, gradient) = of(t);
            assert!(sum.is_nan() && gradient.iter().all(|g| g.is_nan()), "{backend:?}");
        }
    }
}

/// Terms of both signs overflow, their sum does not.
#[test]
fn cross_entropy_of_distributions() {
    let exact = core::f64::consts::LN_2 * f64::from(MAX);
    for backend in backends() {
        for (p, q, exact) in [
            ([MAX, MAX, 0.0], [0.25, 2.0, 0.0], exact),
            ([MAX, MAX, 1.0], [0.5, 4.0, 0.5], -exact),
            ([MAX, MAX, LEAST], [0.5, 4.0, 0.0], f64::INFINITY),
            ([MAX, MAX, 1.0], [0.25, 4.0, 0.5], core::f64::consts::LN_2),
        ] {
            // Measured by the terms where these cancel.
            let found = backend.cross_entropy(&p, &q).unwrap();
            if exact.abs() < 1.0 {
                let most = [1e18, 1e18, 1.6e29][class_of_rows(backend)];
                assert!(found.abs() < most, "{found:e} on {backend:?}");
            } else {
                assert_near(found, exact, DISTRIBUTION, backend);
            }
        }
        assert_eq!(backend.entropy(&[MAX, 0.5]), -INF);
        assert_eq!(backend.entropy(&[INF, 0.5]), -INF);
    }
}

/// Weights over a temperature of 2^24 and more: a class of no probability, −∞ or too far down, has
/// no gradient, and all others have the right one.
#[test]
fn gradients_of_large_weights_over_small_temperatures() {
    for backend in backends() {
        for (w, t) in [(1i32, -28i32), (0, -60), (30, -28), (60, 0), (9, -60), (60, -8)] {
            let [weight, t] = [w, t].map(|e| libm::exp2(f64::from(e)) as f32);
            // Rows that are short, that fill a tile, and of several.
            for columns in [3, 20, 300, 5000] {
                if cfg!(miri) && columns > 20 {
                    continue;
                }
                let mut x = vec![-INF; columns];
                x[columns / 2..].fill(-400.0 * t);
                x[..3].copy_from_slice(&[0.0, -t, -1.5 * t]);
                let weights = vec![weight; columns];
                let mut gradient = vec![7.0; columns];
                CrossEntropy::new()
                    .temperature(t)
                    .class_weights(&weights)
                    .on(backend)
                    .loss_and_gradient(
                        Rows::new(&x, columns).unwrap(),
                        &[1],
                        RowsMut::new(&mut gradient, columns).unwrap(),
                    )
                    .unwrap();
                let e = [0.0, -1.0, -1.5].map(libm::exp);
                let sum = e[0] + e[1] + e[2];
                let slope = f64::from(weight) / f64::from(t);
                for (k, exact) in [e[0], -e[0] - e[2], e[2]].into_iter().enumerate() {
                    let exact = exact / sum * slope;
                    let found = f64::from(gradient[k]);
                    let error = ulp(gradient[k], exact);
                    assert!(error <= GRADIENT, "{found:e} for {exact:e}: {error} on {backend:?}");
                }
                let is_nothing = gradient[3..].iter().all(|g| *g == 0.0);
                assert!(is_nothing, "w = {weight:e}, T = {t:e}, {columns} columns on {backend:?}");
            }
        }
    }
}

/// A gradient of 2^68 is finite with a soft cap, too: the product of 1/T and its headroom overflows.
#[test]
fn gradients_of_large_weights_with_a_soft_cap() {
    let t = libm::exp2(-60.0) as f32;
    for backend in backends() {
        let mut gradient = [7.0; 2];
        CrossEntropy::new()
            .temperature(t)
            .soft_cap(t)
            .class_weights(&[512.0, 512.0])
            .on(backend)
            .loss_and_gradient(
                Rows::new(&[0.0, 0.0], 2).unwrap(),
                &[0],
                RowsMut::new(&mut gradient, 2).unwrap(),
            )
            .unwrap();
        let half = libm::exp2(68.0) as f32;
        assert_eq!(gradient, [-half, half], "{backend:?}");
    }
}
