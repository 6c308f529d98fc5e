//! Labels and reductions: labels out of range, ignored rows, weights, smoothing and means.

use crate::common::{backends, same};
use crate::{INF, NAN, assert_close, assert_near, exact_loss, row_loss};
use logits::contract::{GRADIENT, LOSS, SMOOTH_GRADIENT, SMOOTH_LOSS};
use logits::loss::{CrossEntropy, Loss};
use logits::{Error, Rows, RowsMut};

/// Loss, gradient and each row's loss.
#[track_caller]
fn losses(
    of: CrossEntropy<'_>,
    scores: &[f32],
    columns: usize,
    labels: &[i64],
) -> (Loss, Vec<f32>, Vec<f32>) {
    let (mut each, mut gradient) = (vec![9.0; labels.len()], vec![9.0; scores.len()]);
    let rows = Rows::new(scores, columns).unwrap();
    let loss = of.losses(rows, labels, &mut each).unwrap();
    let place = RowsMut::new(&mut gradient, columns).unwrap();
    let again = of.loss_and_gradient(rows, labels, place).unwrap();
    assert!(same(loss.sum, again.sum) && loss.count == again.count, "{loss:?} and {again:?}");
    (loss, gradient, each)
}

/// The loss of a row with smoothing ε and class weights, in f64.
fn exact_smooth(x: &[f32], label: usize, epsilon: f32, weights: &[f32]) -> f64 {
    let (log, epsilon) = (crate::common::log_softmax(x), f64::from(epsilon));
    let uniform = epsilon / x.len() as f64;
    let target = |k| if k == label { 1.0 - epsilon + uniform } else { uniform };
    (0..x.len()).map(|k| -target(k) * f64::from(weights[k]) * log[k]).sum()
}

/// A label out of range gave a NaN loss on one device and an error on another. Here it is an
/// error on every backend that names row, label and columns.
#[test]
fn tensorflow_8484() {
    let scores = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let rows = Rows::new(&scores, 3).unwrap();
    for backend in backends() {
        let of = CrossEntropy::new().on(backend);
        for label in [3, 4, 100, -1, -100, i64::MAX, i64::MIN] {
            let error = Err(Error::Label { row: 1, label, columns: 3 });
            assert_eq!(of.loss(rows, &[2, label]), error, "{backend:?}");
            let mut gradient = [9.0; 6];
            let place = RowsMut::new(&mut gradient, 3).unwrap();
            assert_eq!(of.loss_and_gradient(rows, &[2, label], place), error, "{backend:?}");
        }
    }
}

/// Labels were not checked at all and read what lies behind the row. Here labels of every type
/// are, whatever the row's length, and the one just past the last class is an error.
#[test]
fn caffe_2143() {
    for backend in backends() {
        let of = CrossEntropy::new().on(backend);
        for columns in [1, 2, 16, 17, 200] {
            let scores = vec![0.5; columns];
            let rows = Rows::new(&scores, columns).unwrap();
            let error = Err(Error::Label { row: 0, label: columns as i64, columns });
            assert_eq!(of.loss(rows, &[columns as u8]), error, "{backend:?}");
            assert_eq!(of.loss(rows, &[columns as u16]), error, "{backend:?}");
            assert_eq!(of.loss(rows, &[columns as u32]), error, "{backend:?}");
            assert_eq!(of.loss(rows, &[columns as i32]), error, "{backend:?}");
            assert_eq!(of.loss(rows, &[columns]), error, "{backend:?}");
            assert!(of.loss(rows, &[columns - 1]).is_ok(), "{backend:?}");
        }
    }
}

/// A label in the data, and not its row, said where to read: past the probabilities, with weights
/// or without. Here every form and option checks it before anything is written.
#[test]
fn onnxruntime_27568() {
    let scores = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let rows = Rows::new(&scores, 3).unwrap();
    for backend in backends() {
        let plain = CrossEntropy::new().on(backend);
        let weighted = plain.class_weights(&[1.0, 2.0, 3.0]);
        let options = [plain, weighted, weighted.label_smoothing(0.1), plain.z_loss(0.01)];
        for of in options.into_iter().chain([plain.soft_cap(9.0), plain.ignored_label(-100)]) {
            for label in [3, 1 << 20, 1 << 40, -1, -3] {
                let (labels, error) = ([0, label], Err(Error::Label { row: 1, label, columns: 3 }));
                assert_eq!(of.loss(rows, &labels), error, "{of:?}");
                let mut each = [9.0; 2];
                assert_eq!(of.losses(rows, &labels, &mut each), error, "{of:?}");
                let mut gradient = [9.0; 6];
                let place = RowsMut::new(&mut gradient, 3).unwrap();
                assert_eq!(of.loss_and_gradient(rows, &labels, place), error, "{of:?}");
                let mut in_place = scores;
                let place = RowsMut::new(&mut in_place, 3).unwrap();
                assert_eq!(of.gradient_in_place(place, &labels), error, "{of:?}");
                assert_eq!((each, gradient, in_place), ([9.0; 2], [9.0; 6], scores), "{of:?}");
            }
        }
    }
}

/// The mean of no row, empty or all ignored, was 0 or NaN by the kernel; weights below 0 had
/// wrong gradients. Here it is NaN, or what the caller names, and such weights are an error.
#[test]
fn pytorch_64572() {
    for backend in backends() {
        let of = CrossEntropy::new().ignored_label(-100).on(backend);
        let empty = of.loss::<i64>(Rows::new(&[], 3).unwrap(), &[]).unwrap();
        let ignored = losses(of, &[1.0, 2.0, 3.0], 3, &[-100]).0;
        for loss in [empty, ignored] {
            assert_eq!((loss.sum, loss.weight, loss.count), (0.0, 0.0, 0), "{backend:?}");
            assert!(loss.mean().is_nan() && loss.mean_or(0.0) == 0.0, "{backend:?}");
        }
        let weighted = of.class_weights(&[1.0, -0.5, 1.0]);
        let error = weighted.loss(Rows::new(&[1.0, 2.0, 3.0], 3).unwrap(), &[0]);
        assert!(matches!(error, Err(Error::Parameter { .. })), "{error:?} on {backend:?}");
    }
}

/// A batch with every label ignored divided by 0, and NaN went into the gradients. Here sum and
/// gradients are 0.
#[test]
fn liger_177() {
    let scores = [0.3, -7.0, 2.0, 100.0, 0.0, 1.0];
    for backend in backends() {
        let of = CrossEntropy::new().ignored_label(-100).on(backend);
        for of in [of, of.label_smoothing(0.1), of.z_loss(1e-4), of.class_weights(&[2.0; 3])] {
            let (loss, gradient, each) = losses(of, &scores, 3, &[-100, -100]);
            assert_eq!((loss.sum, loss.count), (0.0, 0), "{backend:?}");
            assert_eq!((gradient, each), (vec![0.0; 6], vec![0.0; 2]), "{backend:?}");
            assert!(loss.mean_or(0.0) == 0.0 && loss.mean().is_nan());
        }
    }
}

/// An ignored row with −∞ or NaN scores made gradients NaN, 0 times NaN. Here it is not read.
#[test]
fn pytorch_11551() {
    let scores = [1.0, 2.0, -INF, -INF, NAN, 0.0, INF, 1.0, 2.0, -1.0];
    let labels = [0, -100, -100, -100, 1];
    let (first, last) = (exact_loss(&[1.0, 2.0], 0), exact_loss(&[2.0, -1.0], 1));
    for backend in backends() {
        let of = CrossEntropy::new().ignored_label(-100).on(backend);
        let (loss, gradient, each) = losses(of, &scores, 2, &labels);
        assert_close(&each, &[first.0, 0.0, 0.0, 0.0, last.0], LOSS, backend);
        assert_close(&gradient[..2], &first.1, GRADIENT, backend);
        assert_eq!(gradient[2..8], [0.0; 6], "{backend:?}");
        assert_close(&gradient[8..], &last.1, GRADIENT, backend);
        assert_eq!((loss.count, loss.weight), (2, 2.0), "{backend:?}");
    }
}

/// Weights, smoothing and an ignored label together were an index error: the label −100 looked
/// up a weight. Here the ignored row has none.
#[test]
fn pytorch_69339() {
    let (scores, weights) = ([1.0, 2.0, 3.0, 0.4], [0.2, 0.3]);
    let exact = exact_smooth(&scores[2..], 1, 0.1, &weights);
    for backend in backends() {
        let of = CrossEntropy::new().ignored_label(-100).on(backend);
        let of = of.label_smoothing(0.1).class_weights(&weights);
        let (loss, gradient, each) = losses(of, &scores, 2, &[-100, 1]);
        assert_close(&each, &[0.0, exact], SMOOTH_LOSS, backend);
        assert_eq!((loss.sum, loss.weight, loss.count), (each[1], 0.3, 1), "{backend:?}");
        assert_eq!(gradient[..2], [0.0; 2], "{backend:?}");
        assert_eq!(gradient[2..], row_loss(of, &scores[2..], 1).1, "{backend:?}");
    }
}

/// The mean alone, and not the sum, looked up the weight of an ignored label: an index error.
/// Here it is the mean of the two rows that count.
#[test]
fn pytorch_91383() {
    let (row, ones) = ([1.0, 0.0, 0.0], [1.0; 3]);
    let exact = [0, 1].map(|label| exact_smooth(&row, label, 0.1, &ones));
    for backend in backends() {
        let of = CrossEntropy::new().ignored_label(-100).on(backend);
        let of = of.label_smoothing(0.1).class_weights(&ones);
        let (loss, gradient, each) = losses(of, &row.repeat(3), 3, &[0, 1, -100]);
        assert_close(&each, &[exact[0], exact[1], 0.0], SMOOTH_LOSS, backend);
        let sum = f64::from(each[0]) + f64::from(each[1]);
        assert_close(&[loss.sum], &[sum], 0.51, backend);
        assert_eq!((loss.weight, loss.mean()), (2.0, loss.sum / 2.0), "{backend:?}");
        assert_eq!(gradient[6..], [0.0; 3], "{backend:?}");
        assert!(gradient[..6].iter().all(|&g| g.abs() > 0.1), "{gradient:?} on {backend:?}");
    }
}

/// Smoothing counted the uniform part of ignored rows, too. Here the loss is that of the other
/// rows alone.
#[test]
fn pytorch_73205() {
    let scores = [1.0, 2.0, 3.0, 3.0, 1.0, 0.5];
    let exact = exact_smooth(&scores[..3], 2, 0.2, &[1.0; 3]);
    for backend in backends() {
        let of = CrossEntropy::new().ignored_label(-100).label_smoothing(0.2).on(backend);
        let (loss, gradient, each) = losses(of, &scores, 3, &[2, -100]);
        assert_close(&each, &[exact, 0.0], SMOOTH_LOSS, backend);
        assert_eq!((loss.sum, loss.mean(), loss.count), (each[0], each[0], 1), "{backend:?}");
        assert_eq!(gradient[3..], [0.0; 3], "{backend:?}");
    }
}

/// The derivation of z-loss had m + d for L = ln Σ e^x, without the logarithm of the sum d. Here
/// the loss has λ·L² and the gradient 2λ·L·p, next to smoothing, and not for ignored rows.
#[test]
fn liger_239() {
    let (epsilon, lambda) = (0.1f32, 0.01f32);
    for (row, label) in [([1.0, 2.0, -0.5, 4.0], 1), ([30.0, 31.0, 29.5, 30.5], 1)] {
        let (p, l) = (crate::common::softmax(&row), crate::common::log_sum_exp(&row));
        let z = f64::from(lambda) * l;
        let exact = exact_smooth(&row, label, epsilon, &[1.0; 4]) + z * l;
        let epsilon_64 = f64::from(epsilon);
        let target = |k| epsilon_64 / 4.0 + if k == label { 1.0 - epsilon_64 } else { 0.0 };
        let top = (0..4).fold(0, |top, k| if row[k] > row[top] { k } else { top });
        let terms = |k: usize| {
            let (likely, target) = ((1.0 + 2.0 * z) * p[k], target(k));
            // What both have of the likeliest class cancels first.
            let both = if k == top { target * p[k] } else { 0.0 };
            (likely - both, target - both)
        };
        let gradient = [0, 1, 2, 3].map(|k| terms(k).0 - terms(k).1);
        let size = |k: usize| gradient[k].abs().max(terms(k).0.max(terms(k).1) / 2.0);
        let sizes = [0, 1, 2, 3].map(size);
        for backend in backends() {
            let of = CrossEntropy::new().ignored_label(-100).on(backend);
            let of = of.label_smoothing(epsilon).z_loss(lambda);
            let (loss, found, each) = losses(of, &row.repeat(2), 4, &[label as i64, -100]);
            assert_close(&each, &[exact, 0.0], SMOOTH_LOSS, backend);
            assert_near(&found[..4], &gradient, &sizes, SMOOTH_GRADIENT, backend);
            assert_eq!((loss.sum, &found[4..]), (each[0], &[0.0; 4][..]), "{backend:?}");
        }
    }
}

/// A class named as ignored still counted in the denominator, to surprise. Here, as documented,
/// only rows with that label are left out; a score of −∞ takes a class away.
#[test]
fn pytorch_63004() {
    for score in [1.0, 0.0, -INF] {
        let scores = [score, 1.0, 1.0];
        let exact = libm::log(2.0 + libm::exp(f64::from(score) - 1.0));
        for backend in backends() {
            let of = CrossEntropy::new().ignored_label(0).on(backend);
            let (loss, _, each) = losses(of, &scores.repeat(3), 3, &[1, 0, 2]);
            assert_close(&each, &[exact, 0.0, exact], LOSS, backend);
            assert_eq!(loss.count, 2, "{backend:?}");
        }
    }
}
