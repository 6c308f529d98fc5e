//! `logits` and its peers on the same data in one run.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml [ROUNDS]`
//!
//! Contenders take turns; each line gives the best of all rounds in
//! nanoseconds per element and the ratio to `logits` on its best backend. Only the
//! ratios mean anything from one machine to another. `plain-vs-native` beside
//! this package compares two builds of it.

use logits::kernel::{Exp, LogSumExp, Map, RowMap, Softmax};
use logits::{Backend, Rows, RowsMut};
use rten_simd::{SimdOp, SimdUnaryOp};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::time::Instant;
use wide::f32x8;

type Call<'a> = Box<dyn FnMut(&[f32], &mut [f32]) + 'a>;

/// Scores in ±6.
fn scores(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 12.0 - 6.0
    };
    (0..n).map(|_| next()).collect()
}

/// The same memory, as peers want it.
fn uninitialized(out: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the same layout, and what is written back are initialised floats.
    unsafe { &mut *(std::ptr::from_mut(out) as *mut [MaybeUninit<f32>]) }
}

fn softmax(backend: Backend, x: &[f32], out: &mut [f32]) {
    let (x, out) = (Rows::new(x, x.len()).unwrap(), RowsMut::new(out, x.len()).unwrap());
    backend.run(RowMap::new(Softmax, x, out).unwrap());
}

fn wide_exp(x: &[f32], out: &mut [f32]) {
    for (x, out) in x.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
        *out = f32x8::new(*x).exp().to_array();
    }
}

fn on_each<'a>(call: fn(Backend, &[f32], &mut [f32])) -> Vec<(String, Call<'a>)> {
    Backend::available()
        .map(|backend| {
            let call: Call = Box::new(move |x, out| call(backend, x, out));
            (format!("logits {}", backend.name()), call)
        })
        .collect()
}

/// Nanoseconds per element of each contender: the best of many turns.
fn measure(n: usize, rounds: usize, contenders: &mut [(String, Call)]) -> Vec<f64> {
    let x = scores(n);
    let mut out = vec![0.0; n];
    let calls = (200_000 / n).max(1);
    let mut best = vec![f64::INFINITY; contenders.len()];
    for _ in 0..rounds {
        for ((_, call), best) in contenders.iter_mut().zip(&mut best) {
            let start = Instant::now();
            for _ in 0..calls {
                call(black_box(&x), black_box(&mut out));
            }
            *best = best.min(start.elapsed().as_nanos() as f64 / (calls * n) as f64);
        }
    }
    best
}

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .map_or(200usize, |rounds| rounds.parse().expect("a number of rounds"));
    for n in [1 << 10, 1 << 14, 1 << 20] {
        let rounds = if n > 1 << 14 { rounds.div_ceil(4) } else { rounds };
        let mut exp = on_each(|backend, x, out| backend.run(Map::new(Exp, x, out).unwrap()));
        exp.push((
            "rten-vecmath".into(),
            Box::new(|x, out| {
                rten_vecmath::Exp {}.map(x, uninitialized(out));
            }),
        ));
        exp.push(("wide".into(), Box::new(wide_exp)));
        let mut soft = on_each(softmax);
        soft.push((
            "rten-vecmath".into(),
            Box::new(|x, out| {
                rten_vecmath::Softmax::new(x, uninitialized(out)).dispatch();
            }),
        ));
        let mut lse = on_each(|backend, x, out| out[0] = backend.run(LogSumExp::new(x)));

        for (function, contenders) in
            [("exp", &mut exp), ("softmax", &mut soft), ("log_sum_exp", &mut lse)]
        {
            let best = measure(n, rounds, contenders);
            for ((name, _), ns) in contenders.iter().zip(&best) {
                println!("{function:12} {n:8} {name:18} {ns:7.4} ns {:6.2}x", ns / best[0]);
            }
        }
    }
}
