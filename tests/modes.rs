//! What holds where the host has set a mode of floating-point arithmetic that Rust does not
//! expect: subnormal numbers flushed to zero, or results rounded in another direction.
#![cfg(target_arch = "x86_64")]
#![allow(unsafe_code)] // the mode is set by an instruction

mod common;

use common::{Random, backends, every};
use logits::{Backend, RowsMut};
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
    let results = every().into_iter().map(|(name, is_of_rows, call)| {
        let mut out = if is_of_rows { vec![7.0; x.len() / columns] } else { x.to_vec() };
        call(b, [x, p], columns, &mut out);
        (name, out)
    });
    results.collect()
}

/// Asserts that results are near those of the usual mode, in ULP of the larger of them and a size,
/// and of sizes of their own, if there are any.
#[track_caller]
fn assert_near(
    [usual, found]: [&[f32]; 2],
    size: f32,
    sizes: Option<&[f32]>,
    bound: f64,
    what: &str,
) {
    for (i, (&usual, &found)) in usual.iter().zip(found).enumerate() {
        let size = size.max(sizes.map_or(0.0, |sizes| sizes[i]));
        assert_eq!(usual.is_nan(), found.is_nan(), "{what}: {found:e} for {usual:e}");
        // Where infinity is not the nearest number, the largest is.
        let [a, b] = [usual, found].map(|x| f64::from(x.clamp(-f32::MAX, f32::MAX)));
        let error = (a - b).abs() / common::unit(a.abs().max(f64::from(size)));
        assert!(usual.is_nan() || error <= bound, "{what}: {found:e} for {usual:e}");
    }
}

/// How far results may be off where the direction of rounding is another, in ULP: what 24 seeds of
/// this test found, and one more.
fn bound(name: &str) -> f64 {
    match name.split(',').next().unwrap_or(name) {
        "binary gradient" => 15.0,
        "binary loss" | "loss" | "scaled_log_softmax" => 5.0,
        "linear"
        | "softmax"
        | "softmax_in_place"
        | "log_softmax"
        | "log_softmax_in_place"
        | "gradient"
        | "gradient_in_place" => 4.0,
        _ => 3.0,
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
                // Sums of the same functions of magnitudes.
                let sums =
                    all(backend, &x.iter().map(|x| x.abs()).collect::<Vec<_>>(), &p, columns);
                for (mode, bits) in MODES {
                    let found = with_mode(bits, || all(backend, &x, &p, columns));
                    for (((name, usual), (_, found)), (_, sums)) in
                        usual.iter().zip(&found).zip(&sums)
                    {
                        // Of p below 2^-114 it loses digits where what p·(1 − p) leaves is
                        // flushed.
                        if *name == "binary gradient, of probabilities" && mode == MODES[0].0 {
                            continue;
                        }
                        let what = format!("{name} of {columns}, {sigma}, {mode} on {backend:?}");
                        // Second words of results below 2^-88 may be subnormal: 0.45 ULP were
                        // not found.
                        let (size, bound) =
                            if mode == MODES[0].0 { (3.2e-27, 0.5) } else { (0.5, bound(name)) };
                        // What is subtracted from g is a probability times Σ g.
                        let sum = x.iter().map(|x| x.abs()).sum::<f32>();
                        let size =
                            if name.contains("backward") { size * sum.max(1.0) } else { size };
                        // Where products cancel, errors are in ULP of the sum of their magnitudes.
                        let is_sum = name.starts_with("linear") || *name == "weighted_sums";
                        let sizes = is_sum.then_some(&sums[..]);
                        assert_near([usual, found], size, sizes, bound, &what);
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
