//! Overflow and underflow: numbers that leave the range of `f32` on the way to a result that
//! does not.

use crate::common::{backends, log_softmax, ulp};
use crate::{
    INF, assert_close, assert_function, assert_row_loss, assert_special, binary,
    binary_of_probability, of, row_loss,
};
use logits::contract::{BINARY_GRADIENT, BINARY_LOSS, BINARY_PROBABILITY, LOG_SOFTMAX};
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Softmax};

/// softplus(100) was infinite and its gradient NaN: e^x was formed first. Here it is 100 and
/// the gradient, the sigmoid, 1.
#[test]
fn burn_5373() {
    assert_function("softplus", &[88.0, 88.73, 89.0, 100.0, 1e4, 3e38, f32::MAX]);
    assert_special("softplus", &[(100.0, 100.0), (f32::MAX, f32::MAX)]);
    assert_special("sigmoid", &[(100.0, 1.0), (f32::MAX, 1.0)]);
    for backend in backends() {
        let loss = BinaryCrossEntropy::new().on(backend);
        assert_eq!(binary(loss, 100.0, 0.0), (100.0, 1.0), "{backend:?}");
    }
}

/// Log-softmax of scores of some thousands was −∞ everywhere, as ln of a probability of 0.
/// Here every element has its distance from the largest.
#[test]
fn burn_315() {
    let x = [
        -781.1664, -1043.7303, 890.2518, -1234.9999, -1622.5167, -2174.6855, -1304.8042,
        -1730.8314, -1072.6201, -1899.7662,
    ];
    for backend in backends() {
        let found = of(Backend::log_softmax, backend, &x);
        assert_close(&found, &log_softmax(&x), LOG_SOFTMAX, backend);
        assert_eq!(found[2], 0.0);
    }
}

/// Softmax gave a pure 0, and ln made the cost of it infinite. Here the loss comes from the
/// scores and stays finite, as log-softmax does.
#[test]
fn onednn_30() {
    let x = [0.0, -200.0, 3.0, -1e4];
    for backend in backends() {
        let p = of(Backend::softmax, backend, &x);
        assert_eq!([p[1], p[3]], [0.0; 2], "below the range of f32");
        let found = of(Backend::log_softmax, backend, &x);
        assert_close(&found, &log_softmax(&x), LOG_SOFTMAX, backend);
    }
    for label in 0..x.len() {
        assert_row_loss(&x, label);
    }
}

/// A loss of 1.5e11 was reported as a defect, and is right. Here, too, it is the difference of the
/// scores, and the gradient is 1 and −1.
#[test]
fn tensorflow_1513() {
    let rows = [
        [-2.88181912e11, -4.40300175e11],
        [-2.29688918e11, -3.53027424e11],
        [-2.14650274e11, -3.81851140e11],
    ];
    for x in rows {
        assert_row_loss(&x, 0);
        assert_row_loss(&x, 1);
        for backend in backends() {
            let (loss, gradient) = row_loss(CrossEntropy::new().on(backend), &x, 1);
            assert_eq!((loss, gradient), (x[0] - x[1], vec![1.0, -1.0]), "{backend:?}");
        }
    }
}

/// Sigmoid of inputs of some thousands was NaN or one half. Here it is 0, 1 or between.
#[test]
fn dynet_1525() {
    let x = [
        -1662.726929,
        3212.539307,
        -1093.661743,
        2063.799561,
        91.38743591,
        -1471.004910,
        1823.160767,
        1935.291138,
        0.0,
        -0.5,
    ];
    assert_function("sigmoid", &x);
    assert_special("sigmoid", &[(x[0], 0.0), (x[1], 1.0), (x[4], 1.0), (0.0, 0.5)]);
}

/// e^-103 was 0: results below the normal numbers were flushed. Here they are rounded.
#[test]
fn numpy_14049() {
    assert_function("exp", &[-87.3, -87.4, -88.0, -95.0, -100.0, -103.0, -103.5]);
    assert_special("exp", &[(-103.0, f32::from_bits(1)), (-103.97208, f32::from_bits(1))]);
}

/// e^x became infinite a little below where it exceeds the largest number. Here the last
/// finite result, that of 0x42B17217, is kept.
#[test]
fn sleef_523() {
    let last = f32::from_bits(0x42B1_7217);
    assert_function("exp", &[88.0, 88.5, 88.7, 88.72, last.next_down(), last]);
    for backend in backends() {
        let found = of(Backend::exp, backend, &[last, last.next_up()]);
        assert!(found[0].is_finite() && found[1] == INF, "{found:?} on {backend:?}");
    }
}

/// ln(1 + x) was infinite for x above 1e38. Here it is ln x, 88.7 at most.
#[test]
fn sleef_473() {
    assert_function("ln_1p", &[9e37, 1e38, 1.1e38, 1.7e38, 1.8e38, 3e38, f32::MAX]);
}

/// The gradient of the binomial loss was infinite or NaN where e^x of a large score
/// overflows. Here it is within ±1 and the loss finite.
#[test]
fn scikit_learn_28046() {
    for score in [37.0, 88.0, 89.0, 103.0, 710.0, 745.0, 1e4, 1e30, f32::MAX] {
        let small = libm::exp(-f64::from(score));
        let (tail, rest) = (small / (1.0 + small), 1.0 / (1.0 + small));
        let loss = libm::log1p(small);
        for backend in backends() {
            let of = BinaryCrossEntropy::new().on(backend);
            let exact = [
                (score, 1.0, loss, -tail),
                (-score, 0.0, loss, tail),
                (score, 0.0, f64::from(score) + loss, rest),
                (-score, 1.0, f64::from(score) + loss, -rest),
            ];
            for (s, t, loss, gradient) in exact {
                let found = binary(of, s, t);
                assert_close(&[found.0], &[loss], BINARY_LOSS[0], backend);
                assert_close(&[found.1], &[gradient], BINARY_GRADIENT[0], backend);
            }
        }
    }
}

/// The log-loss of saturated predictions was NaN. Here a margin counts itself where it is wrong
/// and 0 where it is right, as a probability of 0 or 1 does.
#[test]
fn xgboost_213() {
    let margins = [1e3, -1e3, 1e3, -1e20, 1e20, -5e30];
    let targets = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
    for backend in backends() {
        let of = BinaryCrossEntropy::new().on(backend);
        let mut losses = [0.5; 6];
        let loss = of.losses(&margins, &targets, &mut losses).unwrap();
        assert_eq!(losses, [0.0, 0.0, 1e3, 1e20, 1e20, 0.0], "{backend:?}");
        let sum = f64::from(1e20f32) * 2.0 + 1e3;
        assert!(ulp(loss.sum, sum) <= 0.51 && loss.count == 6, "{loss:?} on {backend:?}");
        let right = of.loss_of_probabilities(&[1.0, 0.0, 1.0], &[1.0, 0.0, 1.0]).unwrap();
        assert_eq!((right.sum, right.mean()), (0.0, 0.0), "{backend:?}");
    }
}

/// Binary cross-entropy of a large score was NaN: σ(x) is 1, and ln(1 − 1) came times 0. Here
/// the score itself gives the loss.
#[test]
fn candle_2561() {
    let (scores, targets) = ([17.0, 50.0, 104.0, 1e4, 50.0], [1.0, 1.0, 1.0, 1.0, 0.0]);
    let tail = |x: f32| libm::log1p(libm::exp(-f64::from(x)));
    let exact = [0, 1, 2, 3, 4].map(|i| tail(scores[i]) + if i == 4 { 50.0 } else { 0.0 });
    for backend in backends() {
        let mut losses = [9.0; 5];
        let of = BinaryCrossEntropy::new().on(backend);
        let loss = of.losses(&scores, &targets, &mut losses).unwrap();
        assert_close(&losses, &exact, BINARY_LOSS[0], backend);
        assert!(ulp(loss.sum, losses.iter().map(|&x| f64::from(x)).sum()) <= 0.51);
    }
}

/// Cross-entropy was NaN for 100,000 classes all masked but the label's, for the first block
/// of them had nothing but −∞. Here loss and gradient are 0 wherever the label is.
#[test]
fn flash_attention_1930() {
    let mut scores = vec![-INF; 100_000];
    for label in [0, 1, 31, 4096, 50_000, 99_999] {
        scores[label] = 10.0;
        for backend in backends() {
            let (loss, gradient) = row_loss(CrossEntropy::new().on(backend), &scores, label as i64);
            assert_eq!(loss, 0.0, "label {label} on {backend:?}");
            assert!(gradient.iter().all(|&g| g == 0.0), "label {label} on {backend:?}");
            assert_eq!(backend.log_sum_exp(&scores), 10.0);
        }
        scores[label] = -INF;
    }
}

/// The gradient of focal loss was NaN for score 1000 and a focus γ of 0: 0 to the power of −1.
/// Here it is 0, and −1 or 1 where the answer is wrong.
#[test]
fn optax_1267() {
    for backend in backends() {
        for gamma in [0.0, 0.5, 1.0, 2.0] {
            let focal = BinaryCrossEntropy::new().focal(gamma).on(backend);
            assert_eq!(binary(focal, 1000.0, 1.0), (0.0, 0.0), "γ = {gamma} on {backend:?}");
            assert_eq!(binary(focal, -1000.0, 0.0), (0.0, 0.0), "γ = {gamma} on {backend:?}");
            assert_eq!(binary(focal, 1000.0, 0.0), (1000.0, 1.0), "γ = {gamma} on {backend:?}");
            assert_eq!(binary(focal, -1000.0, 1.0), (1000.0, -1.0), "γ = {gamma} on {backend:?}");
        }
    }
}

/// The loss of σ(−50) against 1 had a gradient of 1e-10: its denominator was clamped. Here the
/// score's is −1, and the probability's −1/p.
#[test]
fn pytorch_103316() {
    let sigmoid = |x: f64| 1.0 / (1.0 + libm::exp(-x));
    let p = sigmoid(-50.0) as f32;
    for backend in backends() {
        let of = BinaryCrossEntropy::new().on(backend);
        let found = binary(of, -50.0, 1.0);
        assert_close(&[found.0], &[50.0 + libm::exp(-50.0)], BINARY_LOSS[0], backend);
        assert_close(&[found.1], &[-sigmoid(50.0)], BINARY_GRADIENT[0], backend);
        let found = binary_of_probability(of, p, 1.0);
        assert_close(&[found.0], &[-libm::log(p.into())], BINARY_PROBABILITY[0], backend);
        assert_close(&[found.1], &[-1.0 / f64::from(p)], BINARY_PROBABILITY[1], backend);
    }
}

/// Softplus of −1e7 was infinite, and 0.7 of −8.78e6: a magic number rounds only what is below 2^22.
/// Here it is 0, and log-sigmoid the number itself.
#[test]
fn tt_metal_55798() {
    for x in [-104.0, -4.2e6, -8.72e6, -8.78182e6, -1e7, -3.3e7, -1e10, -3e38, f32::MIN, -INF] {
        assert_special("softplus", &[(x, 0.0), (-x, -x)]);
        assert_special("log_sigmoid", &[(-x, -0.0), (x, x)]);
    }
}

/// Sigmoid of ±5e29 was NaN: what reducing the range left of it was no small number. Here it is 0
/// or 1.
#[test]
fn tensorflow_119354() {
    for x in [1e5, 1e9, 1e15, 5e29, 1e38, f32::MAX] {
        assert_special("sigmoid", &[(x, 1.0), (-x, 0.0)]);
        assert_special("exp", &[(x, INF), (-x, 0.0)]);
        assert_special("exp_m1", &[(x, INF), (-x, -1.0)]);
    }
}

/// Sigmoid of −90 was NaN: e^90 is infinite, and a Newton step made its reciprocal 0 times that.
/// Here it is 8e-40, and falls to 0.
#[test]
fn ncnn_1284() {
    assert_function("sigmoid", &[0.0, 10.0, -88.0, -88.8, -89.0, -90.0, -100.0, -103.0, -103.9]);
    assert_special("sigmoid", &[(-103.0, f32::from_bits(1)), (-104.0, 0.0)]);
}

/// Softmax of \[−10000, −10000\] was NaN: the larger of 0 and the maximum was subtracted. Here it
/// is ½, as of any two scores alike.
#[test]
fn nnlib_43() {
    for x in [-1e2, -1e4, -1e10, -3e38, f32::MIN] {
        for n in [2, 16, 64, 512] {
            for backend in backends() {
                let found = of(Backend::softmax, backend, &vec![x; n]);
                assert_eq!(found, vec![1.0 / n as f32; n], "{x} on {backend:?}");
                let found = of(Backend::log_softmax, backend, &vec![x; n]);
                assert_close(&found, &vec![-libm::log(n as f64); n], LOG_SOFTMAX, backend);
            }
        }
    }
}

/// Softmax of 1e14 times scores was NaN: s·x less the maximum was one fused operation, which leaves
/// the largest with the rounding error of its product. Here the largest has 1.
#[test]
fn pytorch_163932() {
    let x = [-0.90263, -0.24796, 0.75043, -0.31078, 0.31673, 0.98359, 0.11955, 0.89869, -0.9763];
    for scale in [3e9, 1.7e10, 1e14, 7e29, 3e38] {
        for copies in [1, 2, 8] {
            let x = x.repeat(copies);
            let is_top = |x: f32| x == 0.98359;
            for backend in backends() {
                let of = Softmax::new().scale(scale).on(backend);
                let (mut p, mut log) = (x.clone(), x.clone());
                of.softmax_in_place(&mut p).unwrap();
                of.log_softmax_in_place(&mut log).unwrap();
                let most = 1.0 / copies as f32;
                let expected: Vec<_> =
                    x.iter().map(|&x| if is_top(x) { most } else { 0.0 }).collect();
                assert_eq!(p, expected, "{scale} on {backend:?}");
                let exact = -libm::log(copies as f64);
                for (&x, &log) in x.iter().zip(&log) {
                    if is_top(x) {
                        assert_close(&[log], &[exact], LOG_SOFTMAX, backend);
                    } else {
                        assert!(log < -100.0, "{scale} on {backend:?}");
                    }
                }
            }
        }
    }
}

/// A positive weight of 1 made the loss of score −120 NaN, where it was finite without. Here 1 is
/// no weight, and 3 is three times as much.
#[test]
fn pytorch_13773() {
    for backend in backends() {
        let plain = BinaryCrossEntropy::new().on(backend);
        for score in [-89.0, -120.0, -1e4, -1e30] {
            let expected = (-score, -1.0);
            assert_eq!(binary(plain, score, 1.0), expected, "{backend:?}");
            assert_eq!(binary(plain.pos_weight(1.0), score, 1.0), expected, "{backend:?}");
            let found = binary(plain.pos_weight(3.0), score, 1.0);
            assert_eq!(found, (-3.0 * score, -3.0), "{backend:?}");
        }
        let loss = plain.pos_weight(1.0).loss(&[0.0, -120.0], &[0.0, 1.0]).unwrap();
        assert_close(&[loss.sum], &[120.0 + core::f64::consts::LN_2], 0.51, backend);
    }
}
