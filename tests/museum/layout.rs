//! In place and strides, tails and alignment, and reproducibility.

use crate::common::{Random, assert_same, backends, class_of_rows, elementwise, same};
use crate::{NAN, assert_close, of};
use logits::contract::SOFTMAX;
use logits::loss::CrossEntropy;
use logits::{Backend, Rows, RowsMut};

// In place and strides.

/// exp and log read strided input as if it were contiguous. Here rows with a stride give the
/// bits of rows without, and what lies between them is neither read nor written.
#[test]
fn numpy_13512() {
    let mut random = Random::new(13_512);
    for (columns, gap) in [(1, 1), (3, 2), (7, 9), (16, 1), (33, 5), (100, 3)] {
        let (count, stride) = (5, columns + gap);
        let dense = random.normal(count * columns, 3.0);
        let mut strided = vec![NAN; (count - 1) * stride + columns];
        for (i, row) in dense.chunks(columns).enumerate() {
            strided[i * stride..][..columns].copy_from_slice(row);
        }
        let rows = || Rows::with_stride(&strided, columns, stride).unwrap();
        let dense_rows = || Rows::new(&dense, columns).unwrap();
        for backend in backends() {
            let what = format!("{columns} of {stride} columns on {backend:?}");
            let (mut a, mut b) = (vec![9.0; count], vec![9.0; count]);
            backend.rows_log_sum_exp(rows(), &mut a).unwrap();
            backend.rows_log_sum_exp(dense_rows(), &mut b).unwrap();
            assert_same(&a, &b, &what);
            let mut expected = vec![9.0; dense.len()];
            let place = RowsMut::new(&mut expected, columns).unwrap();
            backend.rows_log_softmax(dense_rows(), place).unwrap();
            let mut out = vec![77.0; strided.len()];
            let place = RowsMut::with_stride(&mut out, columns, stride).unwrap();
            backend.rows_log_softmax(rows(), place).unwrap();
            let mut in_place = strided.clone();
            let place = RowsMut::with_stride(&mut in_place, columns, stride).unwrap();
            backend.rows_log_softmax_in_place(place);
            for (i, expected) in expected.chunks(columns).enumerate() {
                assert_same(&out[i * stride..][..columns], expected, &what);
                assert_same(&in_place[i * stride..][..columns], expected, &what);
            }
            for i in (0..out.len()).filter(|i| i % stride >= columns) {
                assert!(out[i] == 77.0 && in_place[i].is_nan(), "between rows: {what}");
            }
        }
    }
}

/// Where output overlapped input, vectors were read after they had been written. Here the forms
/// in place give the bits of those that are not, at every length.
#[test]
fn numpy_15612() {
    let mut random = Random::new(15_612);
    for n in (1..=67).chain([200, 1000]) {
        let (x, g) = (random.vector(n, 0.1, 5.0), random.normal(n, 1.0));
        let label = [random.below(n)];
        for backend in backends() {
            let what = format!("{n} elements on {backend:?}");
            for case in elementwise() {
                let mut in_place = x.clone();
                (case.in_place)(backend, &mut in_place);
                assert_same(&in_place, &of(case.map, backend, &x), &what);
            }
            let (p, log) =
                (of(Backend::softmax, backend, &x), of(Backend::log_softmax, backend, &x));
            let mut in_place = x.clone();
            backend.softmax_in_place(&mut in_place);
            assert_same(&in_place, &p, &what);
            in_place.copy_from_slice(&x);
            backend.log_softmax_in_place(&mut in_place);
            assert_same(&in_place, &log, &what);
            let mut out = vec![9.0; n];
            backend.softmax_backward(&p, &g, &mut out).unwrap();
            in_place.copy_from_slice(&g);
            backend.softmax_backward_in_place(&p, &mut in_place).unwrap();
            assert_same(&in_place, &out, &what);
            backend.log_softmax_backward(&log, &g, &mut out).unwrap();
            in_place.copy_from_slice(&g);
            backend.log_softmax_backward_in_place(&log, &mut in_place).unwrap();
            assert_same(&in_place, &out, &what);
            let loss = CrossEntropy::new().on(backend);
            let place = RowsMut::new(&mut out, n).unwrap();
            loss.loss_and_gradient(Rows::new(&x, n).unwrap(), &label, place).unwrap();
            in_place.copy_from_slice(&x);
            let place = RowsMut::new(&mut in_place, n).unwrap();
            loss.gradient_in_place(place, &label).unwrap();
            assert_same(&in_place, &out, &what);
        }
    }
}

// Tails and alignment.

/// A masked load of the last elements, where there are not 16, crashed. Here every length and
/// alignment gives the same bits, and nothing beyond the slice is written.
#[test]
fn numpy_32017() {
    let mut random = Random::new(32_017);
    for n in 0..=67 {
        let x = random.vector(n, 0.1, 8.0);
        for backend in backends() {
            for case in elementwise() {
                let what = format!("{} of {n} on {backend:?}", case.contract.name);
                let expected = of(case.map, backend, &x);
                let exact: Vec<_> = x.iter().map(|&x| (case.exact)(f64::from(x))).collect();
                assert_close(&expected, &exact, case.contract.error(backend).ulp, backend);
                for start in [0, 1, 3, 15] {
                    let (mut input, mut out) = (vec![NAN; start + n], vec![77.0; start + n + 1]);
                    input[start..].copy_from_slice(&x);
                    // The input ends where its allocation does.
                    input.shrink_to_fit();
                    (case.map)(backend, &input[start..], &mut out[start..start + n]).unwrap();
                    assert_same(&out[start..start + n], &expected, &what);
                    (case.in_place)(backend, &mut input[start..]);
                    assert_same(&input[start..], &expected, &what);
                    let outside = out[..start].iter().chain(&out[start + n..]);
                    assert!(outside.copied().all(|x| x == 77.0), "outside: {what}");
                }
            }
            let p = of(Backend::softmax, backend, &x);
            assert_close(&p, &crate::common::softmax(&x), SOFTMAX, backend);
        }
    }
}

/// Softmax of a single class was 1 less one unit from 8 rows on, and 1 in the remainder: the vector's
/// reciprocal was not rounded. Here it is 1 in every batch, and its logarithm +0.
#[test]
fn tensorflow_116933() {
    let mut random = Random::new(116_933);
    for batch in (1..=67).chain([128, 129, 1000]) {
        let x = random.normal(batch, 5.0);
        let rows = || Rows::new(&x, 1).unwrap();
        for backend in backends() {
            let what = format!("{batch} rows on {backend:?}");
            let mut out = vec![9.0; batch];
            backend.rows_softmax(rows(), RowsMut::new(&mut out, 1).unwrap()).unwrap();
            assert_same(&out, &vec![1.0; batch], &what);
            backend.rows_log_softmax(rows(), RowsMut::new(&mut out, 1).unwrap()).unwrap();
            assert_same(&out, &vec![0.0; batch], &what);
        }
    }
}

/// Elements of the tail went through scalar code and differed from the same ones in a vector.
/// Here a value has one result at every place of every length.
#[test]
fn pytorch_196999() {
    for x in [0.3, 0.37, 0.9999, 1.7, 5.1, 12.3, 30.0, 80.0, -0.6, -3.3, -20.0, -90.0] {
        for backend in backends() {
            for case in elementwise() {
                let expected = of(case.map, backend, &[x])[0];
                for n in (1..=67).chain([257]) {
                    let found = of(case.map, backend, &vec![x; n]);
                    assert!(
                        found.iter().all(|&y| same(y, expected)),
                        "{} of {n} times {x} on {backend:?}",
                        case.contract.name
                    );
                }
            }
        }
    }
}

/// Sigmoid of 65 numbers alike was one value 64 times and another once, in the remainder. Here
/// alike scores have alike results, in whole rows and in their probabilities, too.
#[test]
fn pytorch_107030() {
    let sigmoid = |x: f32| 1.0 / (1.0 + libm::exp(-f64::from(x)));
    for backend in backends() {
        let bound = crate::function("sigmoid").contract.error(backend).ulp;
        for n in [63, 64, 65, 66, 75, 79, 81, 127, 129] {
            for x in [0.5 / 255.0, 0.25, 1.0, -2.5, 16.0, 514.0] {
                let found = of(Backend::sigmoid, backend, &vec![x; n]);
                assert_close(&found, &vec![sigmoid(x); n], bound, backend);
                assert_same(&found, &vec![found[0]; n], &format!("{n} times {x} on {backend:?}"));
                let found = of(Backend::softmax, backend, &vec![x; n]);
                assert_close(&found, &vec![1.0 / n as f64; n], SOFTMAX, backend);
                assert_same(&found, &vec![found[0]; n], &format!("{n} times {x} on {backend:?}"));
            }
        }
    }
}

// Reproducibility.

/// Results changed in the last digits with the vector instructions of the machine. Here all
/// backends that fuse multiplication and addition give the same bits, as do those that do not;
/// the scalar one has bits of its own.
#[test]
fn numpy_23523() {
    let mut random = Random::new(23_523);
    for class in 0..2 {
        let alike: Vec<_> = backends().into_iter().filter(|b| class_of_rows(*b) == class).collect();
        let Some((&first, others)) = alike.split_first() else { continue };
        for n in [1, 7, 16, 33, 100, 1000, 4099] {
            let x = random.normal(n, 6.0);
            for &backend in others {
                let mut functions: Vec<_> = elementwise().iter().map(|case| case.map).collect();
                functions.extend([Backend::softmax, Backend::log_softmax]);
                let what = format!("{n} elements on {first:?} and {backend:?}");
                for &function in &functions {
                    assert_same(&of(function, first, &x), &of(function, backend, &x), &what);
                }
                let rows = Rows::new(&x, n).unwrap();
                let sums = [first, backend].map(|backend| {
                    let loss = CrossEntropy::new().on(backend).loss(rows, &[n - 1]).unwrap();
                    [backend.log_sum_exp(&x), loss.sum]
                });
                assert_same(&sums[0], &sums[1], &what);
            }
        }
    }
}

/// Log-probabilities of a prompt changed with the number of prompts in the batch. Here a row has
/// the same bits in every batch, from the linear layer to the loss and its gradient.
#[test]
fn vllm_11778() {
    let mut random = Random::new(11_778);
    for (features, classes) in [(3, 2), (20, 7), (64, 33), (50, 1000)] {
        let batch = 9;
        let x = random.normal(batch * features, 1.0);
        let weights = random.normal(classes * features, 1.0);
        let bias = random.normal(classes, 1.0);
        let labels: Vec<_> = (0..batch).map(|_| random.below(classes)).collect();
        for backend in backends() {
            // Scores, log-probabilities, losses and gradients of the rows from a to b.
            let run = |a: usize, b: usize| {
                let x = Rows::new(&x[a * features..b * features], features).unwrap();
                let weights = Rows::new(&weights, features).unwrap();
                let mut scores = vec![9.0; (b - a) * classes];
                let place = RowsMut::new(&mut scores, classes).unwrap();
                backend.rows_linear(x, weights, &bias, place).unwrap();
                let rows = Rows::new(&scores, classes).unwrap();
                let mut log = vec![9.0; scores.len()];
                let place = RowsMut::new(&mut log, classes).unwrap();
                backend.rows_log_softmax(rows, place).unwrap();
                let (mut losses, mut gradient) = (vec![9.0; b - a], vec![9.0; scores.len()]);
                let loss = CrossEntropy::new().on(backend);
                loss.losses(rows, &labels[a..b], &mut losses).unwrap();
                let place = RowsMut::new(&mut gradient, classes).unwrap();
                loss.loss_and_gradient(rows, &labels[a..b], place).unwrap();
                [scores, log, losses, gradient]
            };
            let alone: Vec<_> = (0..batch).map(|i| run(i, i + 1)).collect();
            for size in [2, 3, 4, 8, 9] {
                for start in [0, batch - size] {
                    for (k, found) in run(start, start + size).iter().enumerate() {
                        let rows = alone[start..start + size].iter();
                        let expected: Vec<_> = rows.flat_map(|row| row[k].clone()).collect();
                        let what = format!("[{k}] of {size} rows of {classes} on {backend:?}");
                        assert_same(found, &expected, &what);
                    }
                }
            }
        }
    }
}
