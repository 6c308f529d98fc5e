//! What holds where the host has set a mode of floating-point arithmetic that Rust does not
//! expect: subnormal numbers flushed to zero, or results rounded in another direction.
#![cfg(target_arch = "x86_64")]
#![allow(unsafe_code)] // the mode is set by an instruction

mod common;

use common::{Random, backends};
use logits::loss::CrossEntropy;
use logits::{Backend, Rows, RowsMut};
use std::arch::asm;

/// Bits of MXCSR: flush results to zero and take subnormals as zeros; round down, up, to zero.
const MODES: [(&str, u32); 4] =
    [("flush to zero", 0x8040), ("round down", 0x2000), ("round up", 0x4000), ("truncate", 0x6000)];

/// Calls a function while bits of MXCSR are set.
fn with_mode<T>(bits: u32, f: impl FnOnce() -> T) -> T {
    let (mut before, after) = (0u32, 0x1F80 | bits);
    // SAFETY: the mode is set back, and only arithmetic comes between.
    unsafe {
        asm!("stmxcsr [{}]", in(reg) &raw mut before);
        asm!("ldmxcsr [{}]", in(reg) &raw const after);
    }
    let value = f();
    unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const before) };
    value
}

/// Results of every function on rows of scores, and of probabilities.
fn all(b: Backend, x: &[f32], p: &[f32], columns: usize) -> Vec<(&'static str, Vec<f32>)> {
    let mut results = Vec::new();
    let rows = |x| Rows::new(x, columns).unwrap();
    let mut one = |name, f: &dyn Fn(&mut [f32])| {
        let mut out = vec![7.0; x.len()];
        f(&mut out);
        results.push((name, out));
    };
    one("exp", &|out| b.exp(x, out).unwrap());
    one("exp_m1", &|out| b.exp_m1(x, out).unwrap());
    one("ln", &|out| b.ln(p, out).unwrap());
    one("ln_1p", &|out| b.ln_1p(p, out).unwrap());
    one("sigmoid", &|out| b.sigmoid(x, out).unwrap());
    one("softplus", &|out| b.softplus(x, out).unwrap());
    one("softmax", &|out| b.rows_softmax(rows(x), RowsMut::new(out, columns).unwrap()).unwrap());
    one("log_softmax", &|out| {
        b.rows_log_softmax(rows(x), RowsMut::new(out, columns).unwrap()).unwrap();
    });
    let labels: Vec<u32> = (0..x.len() / columns).map(|i| (i % columns) as u32).collect();
    for (name, loss) in [
        ("loss", CrossEntropy::new()),
        ("smoothing", CrossEntropy::new().label_smoothing(0.1)),
        ("cap", CrossEntropy::new().soft_cap(30.0)),
    ] {
        let loss = loss.on(b);
        one(name, &|out| {
            loss.loss_and_gradient(rows(x), &labels, RowsMut::new(out, columns).unwrap()).unwrap();
        });
        one(name, &|out| {
            out.fill(0.0);
            loss.losses(rows(x), &labels, &mut out[..x.len() / columns]).unwrap();
        });
    }
    type OfRows<'a> = &'a dyn Fn(&mut [f32]);
    let mut of_rows = |name, f: OfRows<'_>| {
        let mut out = vec![7.0; x.len() / columns];
        f(&mut out);
        results.push((name, out));
    };
    of_rows("log_sum_exp", &|out| b.rows_log_sum_exp(rows(x), out).unwrap());
    of_rows("entropy", &|out| b.rows_entropy(rows(p), out).unwrap());
    of_rows("entropy_of_scores", &|out| b.rows_entropy_of_scores(rows(x), out).unwrap());
    let mut q = p.to_vec();
    q.rotate_left(1);
    of_rows("cross_entropy", &|out| b.rows_cross_entropy(rows(p), rows(&q), out).unwrap());
    of_rows("kl_divergence", &|out| b.rows_kl_divergence(rows(p), rows(&q), out).unwrap());
    of_rows("js_divergence", &|out| b.rows_js_divergence(rows(p), rows(&q), out).unwrap());
    let mut y = x.to_vec();
    y.rotate_left(1);
    of_rows("kl_divergence_of_scores", &|out| {
        b.rows_kl_divergence_of_scores(rows(x), rows(&y), out).unwrap();
    });
    results
}

/// Asserts that results are near those of the usual mode, in ULP of the larger of them and a size.
#[track_caller]
fn assert_near(usual: &[f32], found: &[f32], size: f32, bound: f64, what: &str) {
    for (&usual, &found) in usual.iter().zip(found) {
        assert_eq!(usual.is_nan(), found.is_nan(), "{what}: {found:e} for {usual:e}");
        // Where infinity is not the nearest number, the largest is.
        let [a, b] = [usual, found].map(|x| f64::from(x.clamp(-f32::MAX, f32::MAX)));
        let error = (a - b).abs() / common::unit(a.abs().max(f64::from(size)));
        assert!(usual.is_nan() || error <= bound, "{what}: {found:e} for {usual:e}");
    }
}

#[test]
fn every_mode_gives_results_that_are_near() {
    let mut random = Random::new(60);
    for columns in [1, 2, 3, 5, 10, 16, 20, 33, 100, 300, 3000] {
        for sigma in [1.0, 10.0, 100.0, 1000.0] {
            let x = random.normal(4 * columns, sigma);
            let mut p = x.clone();
            logits::rows::softmax_in_place(RowsMut::new(&mut p, columns).unwrap());
            // Subnormal inputs are 0 where they are flushed.
            p.iter_mut().filter(|p| p.is_subnormal()).for_each(|p| *p = 0.0);
            for backend in backends() {
                let usual = all(backend, &x, &p, columns);
                for (mode, bits) in MODES {
                    let found = with_mode(bits, || all(backend, &x, &p, columns));
                    for ((name, usual), (_, found)) in usual.iter().zip(&found) {
                        let what = format!("{name} of {columns}, {sigma}, {mode} on {backend:?}");
                        // Second words of less than 2^-96 may be subnormal.
                        let (size, bound) =
                            if mode == MODES[0].0 { (2e-29, 1.0) } else { (0.5, 8.0) };
                        assert_near(usual, found, size, bound, &what);
                    }
                }
            }
        }
    }
}

/// Padding and second words that are flushed once made this a NaN.
#[test]
fn flushing_leaves_a_divergence_of_two() {
    for backend in backends() {
        let found = with_mode(MODES[0].1, || backend.js_divergence(&[0.5, 0.5], &[0.25, 0.75]));
        assert!((found.unwrap() - 0.033_822_075).abs() < 4e-9, "{found:?} on {backend:?}");
    }
}
