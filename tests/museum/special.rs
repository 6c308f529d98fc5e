//! NaN and infinities: rows masked by −∞, limits, and zeros with a sign.

use crate::common::{
    MapFunction, assert_same, backends, elementwise, log_softmax, same, softmax, unit,
};
use crate::{
    INF, NAN, assert_close, assert_near, assert_special, binary, binary_of_probability, exact_loss,
    log_sum_exp, of,
};
use logits::contract::{
    BINARY_GRADIENT, BINARY_LOSS, BINARY_PROBABILITY, ENTROPY_OF_SCORES, LOG_SOFTMAX,
    LOG_SOFTMAX_BACKWARD, SMOOTH_GRADIENT, SMOOTH_LOSS, SOFTMAX, SOFTMAX_BACKWARD,
};
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Rows, RowsMut, Softmax};

// Rows masked by −∞.

/// Log-sum-exp of nothing but −∞ was NaN, −∞ less −∞. Here it is −∞ at every length.
#[test]
fn onnxruntime_28461() {
    for backend in backends() {
        for n in [1, 2, 5, 8, 15, 16, 17, 33, 64, 100, 1000] {
            assert_eq!(log_sum_exp(backend, &vec![-INF; n]), -INF, "{n} on {backend:?}");
        }
        assert_eq!(backend.log_add_exp(-INF, -INF), -INF);
    }
}

/// Log-sum-exp of nothing was an error about the maximum of nothing. Here it is −∞, the
/// logarithm of an empty sum.
#[test]
fn scipy_20399() {
    for backend in backends() {
        assert_eq!(backend.log_sum_exp(&[]), -INF, "{backend:?}");
        let empty: [f32; 0] = [];
        assert_eq!(of(Backend::softmax, backend, &empty), empty);
        assert_eq!(of(Backend::log_softmax, backend, &empty), empty);
    }
}

/// Softmax of a row of −∞ was NaN from 128 elements on and 0 below, by the kernel that ran.
/// Here it is NaN at every length, and 0 at every length by option.
#[test]
fn mlx_1467() {
    for backend in backends() {
        for n in (1..=260).chain([1023, 1024, 1025, 5000]) {
            let x = vec![-INF; n];
            let found = of(Backend::softmax, backend, &x);
            assert!(found.iter().all(|p| p.is_nan()), "{n} on {backend:?}");
            let mut found = x;
            let zeros = Softmax::new().zeros_where_masked().on(backend);
            zeros.softmax_in_place(&mut found).unwrap();
            assert!(found.iter().all(|p| p.to_bits() == 0), "{n} on {backend:?}");
        }
    }
}

/// Softmax of a wholly masked row was NaN, and a warning was wished for. Here that is documented:
/// there is no such distribution, and nothing but NaN says so.
#[test]
fn pytorch_25110() {
    for backend in backends() {
        let found = of(Backend::softmax, backend, &[-INF; 3]);
        assert_same(&found, &[NAN; 3], &format!("{backend:?}"));
        let found = of(Backend::log_softmax, backend, &[-INF; 3]);
        assert_same(&found, &[NAN; 3], &format!("{backend:?}"));
        // One score that counts is enough.
        let found = of(Backend::softmax, backend, &[-INF, -3e38, -INF]);
        assert_eq!(found, [0.0, 1.0, 0.0], "{backend:?}");
    }
}

/// A wish for a softmax that is safe in attention: 0 for rows without a key. Here an option
/// does it, forward and backward, and changes nothing for other rows.
#[test]
fn pytorch_55056() {
    let x = [-INF, -INF, -INF, 0.5, -INF, 2.0];
    for backend in backends() {
        let safe = Softmax::new().zeros_where_masked().on(backend);
        let (mut y, mut log) = ([9.0; 6], [9.0; 6]);
        let rows = Rows::new(&x, 3).unwrap();
        safe.softmax_rows(rows, RowsMut::new(&mut y, 3).unwrap()).unwrap();
        safe.log_softmax_rows(rows, RowsMut::new(&mut log, 3).unwrap()).unwrap();
        assert_eq!((y[..3].to_vec(), log[..3].to_vec()), (vec![0.0; 3], vec![-INF; 3]));
        assert_same(&y[3..], &of(Backend::softmax, backend, &x[3..]), &format!("{backend:?}"));
        assert_same(&log[3..], &of(Backend::log_softmax, backend, &x[3..]), &"logarithms");
        let mut gradient = [9.0; 3];
        backend.softmax_backward(&y[..3], &[1.0, -2.0, 3.0], &mut gradient).unwrap();
        assert_eq!(gradient, [0.0; 3], "{backend:?}");
    }
}

/// One wholly masked row made attention NaN. Here it is 0 in the middle of a batch, in place,
/// and the rows around it are as ever.
#[test]
fn burn_4697() {
    let (a, b) = ([1.0, -2.0, 0.5, -INF, 3.0], [0.0, 100.0, -INF, 99.0, 98.0]);
    for backend in backends() {
        let mut x = [a, [-INF; 5], b].concat();
        let rows = RowsMut::new(&mut x, 5).unwrap();
        let safe = Softmax::new().zeros_where_masked().on(backend);
        safe.softmax_rows_in_place(rows).unwrap();
        assert_close(&x[..5], &softmax(&a), SOFTMAX, backend);
        assert_eq!(x[5..10], [0.0; 5], "{backend:?}");
        assert_close(&x[10..], &softmax(&b), SOFTMAX, backend);
    }
}

/// A row with a NaN had the softmax of its other elements: the maximum left it out, and e^NaN was 0.
/// Here all of the row is NaN, wherever the NaN is, and other rows are as ever.
#[test]
fn lattice_740() {
    for n in [2, 3, 8, 17, 33, 100, 130, 2100] {
        let mut x = vec![0.5; 3 * n];
        for at in [0, 1, n / 2, n - 1] {
            x[n + at] = NAN;
            for backend in backends() {
                let what = format!("{at} of {n} on {backend:?}");
                let (mut p, mut log) = (vec![9.0; 3 * n], vec![9.0; 3 * n]);
                let rows = || Rows::new(&x, n).unwrap();
                backend.rows_softmax(rows(), RowsMut::new(&mut p, n).unwrap()).unwrap();
                backend.rows_log_softmax(rows(), RowsMut::new(&mut log, n).unwrap()).unwrap();
                for (found, function) in
                    [(p, Backend::softmax as MapFunction), (log, Backend::log_softmax)]
                {
                    let other = of(function, backend, &x[..n]);
                    assert_same(&found, &[&other[..], &vec![NAN; n], &other].concat(), &what);
                }
                assert!(log_sum_exp(backend, &x[n..2 * n]).is_nan(), "{what}");
            }
            x[n + at] = 0.5;
        }
    }
}

/// Log-softmax of NaN, +∞ and −∞ was NaN for two of them, and −∞ for the last. Here the row is NaN,
/// and the next is as ever.
#[test]
fn mindspore_378() {
    let x = [NAN, INF, -INF, -0.06634701043367386, 0.13211409747600555, -0.04101350158452988];
    for backend in backends() {
        let mut found = [9.0; 6];
        let place = RowsMut::new(&mut found, 3).unwrap();
        backend.rows_log_softmax(Rows::new(&x, 3).unwrap(), place).unwrap();
        assert_same(&found[..3], &[NAN; 3], &format!("{backend:?}"));
        assert_close(&found[3..], &log_softmax(&x[3..]), LOG_SOFTMAX, backend);
        for row in [[NAN, -INF], [-INF, NAN], [INF, -INF], [-INF, INF]] {
            assert_same(&of(Backend::log_softmax, backend, &row), &[NAN; 2], &"a pair");
        }
    }
}

/// The gradients of softmax, log-softmax and log-sigmoid were NaN at a score of −∞. Here they
/// are the limits: 0, the incoming gradient, and a slope of 1.
#[test]
fn pytorch_31829() {
    let (x, g) = ([-INF, 0.0, 1.0], [1.0f32, 2.0, -5.0]);
    for backend in backends() {
        let y = of(Backend::softmax, backend, &x);
        let mut found = [9.0; 3];
        backend.softmax_backward(&y, &g, &mut found).unwrap();
        let products = || y.iter().zip(&g).map(|(&y, &g)| f64::from(y) * f64::from(g));
        let (dot, size): (f64, f64) = (products().sum(), products().map(f64::abs).sum());
        let exact = |i: usize| f64::from(y[i]) * (f64::from(g[i]) - dot);
        let sizes = |i: usize| exact(i).abs() + size * f64::from(y[i]) * libm::exp2(-20.0);
        let (exact, sizes) = ([0, 1, 2].map(exact), [0, 1, 2].map(sizes));
        assert_near(&found, &exact, &sizes, SOFTMAX_BACKWARD, backend);
        assert_eq!((y[0], found[0]), (0.0, 0.0), "{backend:?}");

        let y = of(Backend::log_softmax, backend, &x);
        backend.log_softmax_backward(&y, &g, &mut found).unwrap();
        let all: f64 = g.iter().map(|&g| f64::from(g)).sum();
        let term = |i: usize| libm::exp(y[i].into()) * all;
        let exact = [0, 1, 2].map(|i| f64::from(g[i]) - term(i));
        let sizes = [0, 1, 2].map(|i| exact[i].abs().max(f64::from(g[i]).abs()).max(term(i).abs()));
        assert_near(&found, &exact, &sizes, LOG_SOFTMAX_BACKWARD, backend);
        assert_eq!((y[0], found[0]), (-INF, 1.0), "{backend:?}");

        let of = BinaryCrossEntropy::new().on(backend);
        assert_eq!(binary(of, -INF, 1.0), (INF, -1.0), "{backend:?}");
        assert_eq!(binary(of, -INF, 0.0), (0.0, 0.0), "{backend:?}");
    }
    assert_special("log_sigmoid", &[(-INF, -INF), (INF, -0.0)]);
}

/// The gradient of log-sum-exp at nothing but −∞ was NaN, and spread. Here it is that safe
/// softmax's 0, and log-softmax hands the incoming gradient on.
#[test]
fn jax_6811() {
    for backend in backends() {
        let mut y = [-INF; 2];
        let safe = Softmax::new().zeros_where_masked().on(backend);
        safe.softmax_in_place(&mut y).unwrap();
        assert_eq!(y, [0.0; 2], "{backend:?}");
        let mut g = [1.0, 3.0];
        backend.softmax_backward_in_place(&y, &mut g).unwrap();
        assert_eq!(g, [0.0; 2], "{backend:?}");
        let mut g = [1.0, 3.0];
        backend.log_softmax_backward_in_place(&[-INF; 2], &mut g).unwrap();
        assert_eq!(g, [1.0, 3.0], "{backend:?}");
    }
}

/// The entropy of scores with a −∞ was NaN, 0 times infinity. Here the impossible class adds
/// nothing: ln 2 for two others alike.
#[test]
fn pytorch_40553() {
    let x = [0.0, 0.0, -INF, -INF, 7.0, -INF];
    for backend in backends() {
        let mut found = [9.0; 2];
        backend.rows_entropy_of_scores(Rows::new(&x, 3).unwrap(), &mut found).unwrap();
        let exact = [core::f64::consts::LN_2, 0.0];
        assert_close(&found, &exact, ENTROPY_OF_SCORES, backend);
        assert_eq!(backend.entropy(&[0.5, 0.5, 0.0]), core::f32::consts::LN_2, "{backend:?}");
    }
}

/// Cross-entropy on a distribution was NaN for a score of −∞ with a target of 0. Here 0 wins:
/// loss and gradient are those without the class.
#[test]
fn optax_896() {
    let (scores, targets) = ([0.0, 1.0, -INF], [0.25, 0.75, 0.0]);
    let l = libm::log1p(core::f64::consts::E);
    let p = softmax(&scores[..2]);
    let gradient = [p[0] - 0.25, p[1] - 0.75, 0.0];
    let sizes = [0, 1].map(|i| gradient[i].abs().max(p[i].max(f64::from(targets[i])) / 2.0));
    for backend in backends() {
        let mut found = [9.0; 3];
        let of = CrossEntropy::new().on(backend);
        let (x, t) = (Rows::new(&scores, 3).unwrap(), Rows::new(&targets, 3).unwrap());
        let place = RowsMut::new(&mut found, 3).unwrap();
        let loss = of.loss_and_gradient_soft(x, t, place).unwrap();
        assert!(same(loss.sum, of.loss_soft(x, t).unwrap().sum));
        assert_close(&[loss.sum], &[l - 0.75], SMOOTH_LOSS, backend);
        assert_near(&found[..2], &gradient[..2], &sizes, SMOOTH_GRADIENT, backend);
        assert_eq!(found[2], 0.0, "{backend:?}");
    }
}

// NaN and +∞.

/// Softmax with a +∞ was 0 for the finite scores and NaN in one place, so that it looked like
/// a distribution. Here all of the row is NaN.
#[test]
fn openvino_35897() {
    let x = [2.5, 7.0, INF, -1.0, 0.5];
    for backend in backends() {
        for place in 0..x.len() {
            let mut x = x;
            x.swap(2, place);
            assert_same(&of(Backend::softmax, backend, &x), &[NAN; 5], &format!("{backend:?}"));
            assert_same(&of(Backend::log_softmax, backend, &x), &[NAN; 5], &format!("{backend:?}"));
            assert_eq!(log_sum_exp(backend, &x), INF, "{backend:?}");
        }
    }
}

/// Binary cross-entropy was NaN for a score of +∞ with a target of 1, infinity less infinity.
/// Here it is 0, and its gradient, too.
#[test]
fn pytorch_102894() {
    let sigmoid = 1.0 / (1.0 + libm::exp(-1.0));
    for backend in backends() {
        let of = BinaryCrossEntropy::new().on(backend);
        let (mut losses, mut gradient) = ([9.0; 3], [9.0; 3]);
        let (scores, targets) = ([INF, 1.0, -INF], [1.0, 0.0, 0.0]);
        of.losses(&scores, &targets, &mut losses).unwrap();
        let sum = of.loss_and_gradient(&scores, &targets, &mut gradient).unwrap().sum;
        let loss = 1.0 + libm::log1p(libm::exp(-1.0));
        assert_close(&losses, &[0.0, loss, 0.0], BINARY_LOSS[0], backend);
        assert_close(&gradient, &[0.0, sigmoid, 0.0], BINARY_GRADIENT[0], backend);
        assert_eq!((losses[0], losses[2], sum), (0.0, 0.0, losses[1]), "{backend:?}");
        assert_eq!(binary(of, INF, 0.0), (INF, 1.0), "{backend:?}");
    }
}

/// Binary cross-entropy was NaN for a score of −∞ with a target of 0. Here it is 0, and infinite
/// for any other target, with a finite gradient.
#[test]
fn pytorch_49844() {
    let (scores, targets) = ([-INF, 0.0, -INF, -INF], [0.0, 1.0, 0.0, 0.0]);
    for backend in backends() {
        let of = BinaryCrossEntropy::new().on(backend);
        let (mut losses, mut gradient) = ([9.0; 4], [9.0; 4]);
        let loss = of.losses(&scores, &targets, &mut losses).unwrap();
        of.loss_and_gradient(&scores, &targets, &mut gradient).unwrap();
        let ln_2 = core::f32::consts::LN_2;
        assert_eq!((losses, loss.sum), ([0.0, ln_2, 0.0, 0.0], ln_2), "{backend:?}");
        assert_eq!(gradient, [0.0, -0.5, 0.0, 0.0], "{backend:?}");
        assert_eq!(of.loss(&[-INF], &[1.0]).unwrap().sum, INF, "{backend:?}");
        assert_eq!(binary(of, -INF, 0.25), (INF, -0.25), "{backend:?}");
    }
}

/// e^x was 0 for NaN, +∞ and overflow; ln was +∞ at 0 and −∞ at −∞. Here they have the
/// values of IEEE 754.
#[test]
fn wide_261() {
    let exp = [(NAN, NAN), (INF, INF), (89.0, INF), (f32::MAX, INF), (-INF, 0.0), (-200.0, 0.0)];
    assert_special("exp", &exp);
    let ln = [(0.0, -INF), (-0.0, -INF), (-INF, NAN), (-1.0, NAN), (INF, INF), (NAN, NAN)];
    assert_special("ln", &ln);
}

/// ln(1 + x) of −0 was +0. Here a zero keeps its sign.
#[test]
fn sleef_1() {
    assert_special("ln_1p", &[(-0.0, -0.0), (0.0, 0.0)]);
    assert_special("ln_1p", &[(-1e-45, -1e-45), (1e-45, 1e-45)]);
}

/// e^x − 1 of −0 was +0. Here a zero keeps its sign.
#[test]
fn highway_3273() {
    assert_special("exp_m1", &[(-0.0, -0.0), (0.0, 0.0)]);
    assert_special("exp_m1", &[(-1e-45, -1e-45), (1e-45, 1e-45)]);
}

/// A divergence clipped what was below 0, and hid that its inputs were no distributions. Here
/// they give NaN.
#[test]
fn keras_19520() {
    let (p, negative) = ([0.3, 0.3, 0.4], [0.5, -0.1, 0.6]);
    for backend in backends() {
        for (p, q) in [(negative, p), (p, negative), (negative, negative)] {
            assert!(backend.kl_divergence(&p, &q).unwrap().is_nan(), "{p:?}, {q:?}, {backend:?}");
            assert!(backend.js_divergence(&p, &q).unwrap().is_nan(), "{p:?}, {q:?}, {backend:?}");
        }
    }
}

/// The log-loss of an `f32` probability of 1 was NaN: the bound 1 − 1e-15 is 1 itself. Here
/// nothing is clipped, and a certain right answer costs 0.
#[test]
fn scikit_learn_24315() {
    for backend in backends() {
        let of = BinaryCrossEntropy::new().on(backend);
        assert_eq!(binary_of_probability(of, 1.0, 1.0), (0.0, -1.0), "{backend:?}");
        assert_eq!(binary_of_probability(of, 0.0, 0.0), (0.0, 1.0), "{backend:?}");
        let next = 1.0f32.next_down();
        let (loss, gradient) = binary_of_probability(of, next, 0.0);
        let tail = 1.0 - f64::from(next);
        assert_close(&[loss], &[-libm::log(tail)], BINARY_PROBABILITY[0], backend);
        assert_close(&[gradient], &[1.0 / tail], BINARY_PROBABILITY[1], backend);
        assert_eq!(unit(0.75), tail);
    }
}

/// The log-loss of certain wrong answers was what a clip at 1e-15 made it. Here it is the true
/// value: infinite at 0, and 69.08 at 1e-30.
#[test]
fn scikit_learn_17399() {
    for backend in backends() {
        let of = BinaryCrossEntropy::new().on(backend);
        assert_eq!(binary_of_probability(of, 0.0, 1.0).0, INF, "{backend:?}");
        assert_eq!(binary_of_probability(of, 1.0, 0.0).0, INF, "{backend:?}");
        for p in [1e-16f32, 1e-30, 1e-38, 1e-45] {
            let found = binary_of_probability(of, p, 1.0).0;
            assert_close(&[found], &[-libm::log(p.into())], BINARY_PROBABILITY[0], backend);
        }
        let scores = [-1e3, 0.0];
        assert_eq!(exact_loss(&scores, 0).0, 1e3);
        let rows = Rows::new(&scores, 2).unwrap();
        assert_eq!(CrossEntropy::new().on(backend).loss(rows, &[0u8]).unwrap().sum, 1e3);
    }
}

/// Sigmoid of NaN was 1 in vectors and NaN in the remainder: a clamp kept the number. Here NaN gives
/// NaN at every place of every length, and only there.
#[test]
fn tensorflow_29048() {
    for backend in backends() {
        for case in elementwise() {
            for n in (1..=35).chain([67]) {
                assert_same(&of(case.map, backend, &vec![NAN; n]), &vec![NAN; n], &n);
                for at in 0..n {
                    let mut x = vec![0.5; n];
                    x[at] = NAN;
                    let found = of(case.map, backend, &x);
                    let nans = (0..n).filter(|&i| found[i].is_nan());
                    assert!(nans.eq([at]), "{} of {n} on {backend:?}", case.contract.name);
                }
            }
        }
    }
}

/// The gradient of the loss of score 0 was 0, the slope of |s| there. Here it is ½ or −½.
#[test]
fn pytorch_2298() {
    for backend in backends() {
        let of = BinaryCrossEntropy::new().on(backend);
        for score in [0.0, -0.0] {
            let ln_2 = core::f32::consts::LN_2;
            assert_eq!(binary(of, score, 0.0), (ln_2, 0.5), "{backend:?}");
            assert_eq!(binary(of, score, 1.0), (ln_2, -0.5), "{backend:?}");
        }
    }
}
