//! Cancellation: digits lost in sums and differences.

use crate::common::{
    Random, TERM, backends, js_term, kl_term, log_softmax, same, softmax, sum, x_ln_x_over_y,
};
use crate::{
    assert_close, assert_function, assert_near, assert_row_loss, assert_special, binary,
    log_sum_exp, of,
};
use logits::contract::{
    BINARY_GRADIENT, BINARY_LOSS, DISTRIBUTION, DIVERGENCE, LOG_ADD_EXP, LOG_SOFTMAX,
    LOG_SOFTMAX_BACKWARD, LOG_SUM_EXP_RISE, SOFTMAX,
};
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Rows};

/// softplus(−12.3392) was 4.41e-6 instead of 4.377e-6: 1 + e^x was rounded before ln. Here
/// nothing is added to 1.
#[test]
fn onnxruntime_10491() {
    assert_function("softplus", &[-12.3392, -8.0, -15.9, -16.7, -17.5, -30.0, -87.0, -100.0]);
    assert_function("log_sigmoid", &[12.3392, 8.0, 15.9, 16.7, 17.5, 30.0, 87.0, 100.0]);
}

/// ln(e^0 + e^-40) was 0 instead of 4.2e-18: the largest term's 1 swallowed the others. Here
/// they are summed apart.
#[test]
fn scipy_18295() {
    for x in [[0.0, -40.0], [-40.0, 0.0], [0.0, -17.0], [0.0, -60.0]] {
        let exact = libm::log1p(libm::exp(f64::from(x[0] + x[1])));
        for backend in backends() {
            assert_close(&[log_sum_exp(backend, &x)], &[exact], LOG_SUM_EXP_RISE, backend);
            assert_close(&[backend.log_add_exp(x[0], x[1])], &[exact], LOG_ADD_EXP, backend);
        }
    }
}

/// e^x − 1 of small x was 0, as e^x is rounded to 1 before the difference. Here it is x and a
/// little more.
#[test]
fn llama_cpp_23759() {
    let x = [1e-1f32, 1e-3, 1e-5, 1e-7, 1e-8, 1e-20, 1e-40, 0.0];
    assert_function("exp_m1", &x);
    assert_function("exp_m1", &x.map(|x| -x));
    assert_special("exp_m1", &[(1e-8, 1e-8), (-1e-20, -1e-20), (1e-40, 1e-40)]);
}

/// Log-softmax of an element 17 above the other was 0, so a confident answer cost nothing.
/// Here it is −e^-17: the tail is kept.
#[test]
fn pytorch_113708() {
    let top = (1.0 - libm::log(f64::from(f32::EPSILON))) as f32;
    for x in [[top, 0.0], [0.0, top], [0.0, 16.0], [30.0, 0.0], [0.0, 87.0]] {
        let exact = log_softmax(&x);
        assert!(exact.iter().all(|&y| y < 0.0));
        for backend in backends() {
            let found = of(Backend::log_softmax, backend, &x);
            assert_close(&found, &exact, LOG_SOFTMAX, backend);
            assert!(found.iter().all(|&y| y < 0.0), "{found:?} on {backend:?}");
        }
    }
}

/// Cross-entropy of a right answer was 0 from a lead of about 16 on. Here loss and gradient fall
/// as e^-x.
#[test]
fn tensorflow_62400() {
    let top = (1.0 - libm::log(1e-7)) as f32;
    for top in [top, 15.0, 16.0, 16.7, 20.0, 50.0, 86.0] {
        assert_row_loss(&[top, 0.0], 0);
        assert_row_loss(&[0.0, top, 0.0], 1);
    }
}

/// Log-softmax of scores near −1e7 was a whole number: the sum was taken at their size. Here
/// only differences count.
#[test]
fn pytorch_38839() {
    let x = [[-1e7, -1e7, -1e7], [-1e7, -1e7, -1e7 + 1.0], [-1e7 + 1.0, -1e7, -1e7 - 1.0]];
    for x in x {
        for backend in backends() {
            let found = of(Backend::log_softmax, backend, &x);
            assert_close(&found, &log_softmax(&x), LOG_SOFTMAX, backend);
        }
    }
}

/// Log-softmax of two large scores alike was 0, for x − ln Σ e^x has no digits left for ln 2.
/// Here it is −ln 2 whatever their size.
#[test]
fn mlx_4169() {
    let half = -core::f64::consts::LN_2;
    for v in [1.0, 1e4, 1e8, 1e20, 1e36, f32::MAX, -1e8, -f32::MAX] {
        for backend in backends() {
            let found = of(Backend::log_softmax, backend, &[v, v]);
            assert_close(&found, &[half, half], LOG_SOFTMAX, backend);
        }
    }
}

/// Cross-entropy of scores with a large offset lost its digits, down to 0. Here it is that of
/// their differences, and so is the gradient.
#[test]
fn mlx_4188() {
    for offset in [0.0, 1e4, 1e6, 1e8, -1e8, 1e30] {
        for x in [[2.0 + offset, -1.0 + offset], [offset, offset]] {
            assert_row_loss(&x, 0);
            assert_row_loss(&x, 1);
        }
    }
}

/// The gradient of sigmoid was 0 from x = 17 on, as y·(1 − y) with y = 1. Here σ(−x) keeps its
/// digits, and the loss's gradient with them, alike on both sides.
#[test]
fn tensorflow_126060() {
    let x = [10.0, 16.0, 17.0, 20.0, 40.0, 80.0, 100.0];
    assert_function("sigmoid", &x.map(|x| -x));
    for x in x {
        let small = libm::exp(-f64::from(x));
        for backend in backends() {
            let of = BinaryCrossEntropy::new().on(backend);
            let (loss, gradient) = binary(of, x, 1.0);
            assert_close(&[loss], &[libm::log1p(small)], BINARY_LOSS[0], backend);
            assert_close(&[gradient], &[-small / (1.0 + small)], BINARY_GRADIENT[0], backend);
            assert!(gradient < 0.0 && binary(of, -x, 0.0) == (loss, -gradient), "{backend:?}");
        }
    }
}

/// The divergence of equal distributions was below 0, as softmax and log-softmax are rounded
/// differently. Here it is exactly 0, and of rounded neighbours never negative.
#[test]
fn pytorch_80488() {
    for x in [[1.0, 2.0, 3.0], [8.0, 10.0, 6.0], [0.1, 0.7, -0.3]] {
        for backend in backends() {
            let rows = Rows::new(&x, 3).unwrap();
            let mut of_scores = [0.5];
            backend.rows_kl_divergence_of_scores(rows, rows, &mut of_scores).unwrap();
            assert_eq!(of_scores[0].to_bits(), 0, "{backend:?}");
            let p = of(Backend::softmax, backend, &x);
            let q = of(Backend::exp, backend, &of(Backend::log_softmax, backend, &x));
            assert_eq!(backend.kl_divergence(&p, &p).unwrap().to_bits(), 0, "{backend:?}");
            let exact = sum(p.iter().zip(&q).map(|(&p, &q)| kl_term(p, q)));
            let found = backend.kl_divergence(&p, &q).unwrap();
            assert_near(&[found], &[exact], &[exact + 3.0 * TERM], DIVERGENCE, backend);
            assert!(found >= 0.0, "{found:e} on {backend:?}");
        }
    }
}

/// A divergence was negative, and the inputs were not normalised. Here that is documented: it
/// is Σ p·ln(p/q), and of the same numbers normalised it is positive.
#[test]
fn pytorch_60928() {
    let (q, p) = ([0.1132f32, 0.5477, 0.3390], [0.1541f32, 0.0511, 0.0947]);
    let terms = |p: &[f32], q: &[f32]| -> Vec<f64> {
        p.iter().zip(q).map(|(&p, &q)| x_ln_x_over_y(p.into(), q.into())).collect()
    };
    let exact: f64 = terms(&p, &q).iter().sum();
    let size: f64 = terms(&p, &q).iter().map(|term| term.abs() + TERM).sum();
    assert!(exact < 0.0);
    let unit = |x: [f32; 3]| {
        let sum: f64 = x.iter().map(|&x| f64::from(x)).sum();
        x.map(|x| (f64::from(x) / sum) as f32)
    };
    let (p_1, q_1) = (unit(p), unit(q));
    let exact_1: f64 = (0..3).map(|i| kl_term(p_1[i], q_1[i])).sum();
    for backend in backends() {
        let found = backend.kl_divergence(&p, &q).unwrap();
        assert_near(&[found], &[exact], &[size], DISTRIBUTION, backend);
        let found = backend.kl_divergence(&p_1, &q_1).unwrap();
        assert_near(&[found], &[exact_1], &[exact_1 + 3.0 * TERM], DIVERGENCE, backend);
    }
}

/// The Jensen-Shannon distance of two close `f32` distributions was NaN, the root of a sum just
/// below 0. Here the divergence has its digits and is never negative.
#[test]
fn scipy_20083() {
    let normalised = |x: [f32; 2]| x.map(|y| (f64::from(y) / f64::from(x[0] + x[1])) as f32);
    let a = [0.027501475, 0.055202297];
    for b in [[0.027537677, 0.055334348], [a[0] + 1e-8, a[1]], [a[0], a[1] - 1e-8], a] {
        let (p, q) = (normalised(a), normalised(b));
        let exact = js_term(p[0], q[0]) + js_term(p[1], q[1]);
        for backend in backends() {
            let found = backend.js_divergence(&p, &q).unwrap();
            assert_near(&[found], &[exact], &[exact + 2.0 * TERM], DIVERGENCE, backend);
            assert!(found >= 0.0 && same(found, backend.js_divergence(&q, &p).unwrap()));
        }
    }
    // Neighbours of every kind.
    let mut random = Random::new(20_083);
    for n in [2, 3, 10, 100] {
        let x = random.normal(n, 1.0);
        let p: Vec<_> = softmax(&x).iter().map(|&p| p as f32).collect();
        let q: Vec<_> = p.iter().map(|p| p.next_up()).collect();
        for backend in backends() {
            assert!(backend.js_divergence(&p, &q).unwrap() >= 0.0, "n = {n} on {backend:?}");
        }
    }
}

/// The Jensen-Shannon distance of \[0, 1\] and \[tiny, 1\] was infinite: half of the least number
/// is 0, and p/0 infinite. Here the divergence is tiny.
#[test]
fn scipy_19436() {
    for tiny in [f32::from_bits(1), f32::from_bits(3), 1e-40, f32::MIN_POSITIVE] {
        let exact = js_term(0.0, tiny);
        for backend in backends() {
            for (p, q) in [([0.0, 1.0], [tiny, 1.0]), ([tiny, 1.0], [0.0, 1.0])] {
                let found = backend.js_divergence(&p, &q).unwrap();
                assert_near(&[found], &[exact], &[exact + TERM], DIVERGENCE, backend);
                assert!(found >= 0.0, "{found:e} on {backend:?}");
            }
        }
    }
}

/// ln of numbers next to 1 was −0 or had few right digits. Here ln(1 + 2⁻²³) is 1.19e-7.
#[test]
fn cmsis_dsp_151() {
    let next = 1.0 + f32::EPSILON;
    assert_function("ln", &[next, 1.00000119, 0.9999911, 0.99999994, 0.9999, 1.0001, 1.01]);
    assert_special("ln", &[(1.0, 0.0)]);
}

/// The mean of many losses was too small: a sum in `f32` does not grow any more by what is below its
/// last digit. Here small losses after a large one count.
#[test]
fn pytorch_55657() {
    let (large, small, count) = ([0.0, -1e8], [0.0, 0.0], 4096);
    let exact = 1e8 + f64::from(count) * core::f64::consts::LN_2;
    let mut scores = large.to_vec();
    scores.extend(small.repeat(count as usize));
    let labels = vec![1; 1 + count as usize];
    for backend in backends() {
        let of = CrossEntropy::new().on(backend);
        let loss = of.loss(Rows::new(&scores, 2).unwrap(), &labels).unwrap();
        assert_close(&[loss.sum], &[exact], 0.51, backend);
        assert_close(&[loss.mean()], &[exact / f64::from(1 + count)], 1.02, backend);
    }
}

/// The gradient of log-softmax by a likely score was 0 instead of 4e-18, so that its elements did
/// not sum to 0: 1 less the probability. Here it is what the others have, with the errors of both
/// functions.
#[test]
fn tensorflow_126630() {
    for distance in [17.0f32, 37.0, 40.0, 80.0] {
        for backend in backends() {
            let y = of(Backend::log_softmax, backend, &[distance, 0.0]);
            let mut found = [9.0; 2];
            backend.log_softmax_backward(&y, &[1.0, 0.0], &mut found).unwrap();
            let tail = 1.0 / (1.0 + libm::exp(f64::from(distance)));
            assert_close(&found, &[tail, -tail], LOG_SOFTMAX + LOG_SOFTMAX_BACKWARD, backend);
        }
    }
}

/// Softmax of six scores had steps of powers of two, and a sum of 0.99986: e^x was a power of two
/// near it. Here probabilities have their digits, of three of the scores, too.
#[test]
fn nnpack_174() {
    let x = [9.34623, 8.43469, 7.19462, 6.59385, 5.89481, 5.67304];
    for backend in backends() {
        for x in [&x[..], &x[..3]] {
            let found = of(Backend::softmax, backend, x);
            assert_close(&found, &softmax(x), SOFTMAX, backend);
        }
    }
}
