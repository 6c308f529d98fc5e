//! Peers in Rust that run on every target.

use crate::{Input, Isa, Peer};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_vecmath::{LogSoftmax, Softmax};
use std::mem::MaybeUninit;
use wide::f32x8;

pub(crate) fn peers(function: &str) -> Vec<Peer> {
    match function {
        "exp" => vec![rten(rten_vecmath::Exp {}), wide(f32x8::exp), std(f32::exp)],
        "ln" => vec![wide(f32x8::ln), std(f32::ln)],
        "exp_m1" => vec![std(f32::exp_m1)],
        "ln_1p" => vec![std(f32::ln_1p)],
        "sigmoid" => vec![rten(rten_vecmath::Sigmoid {})],
        "softmax" => vec![rten_rows(|x, out| {
            Softmax::new(x, out).dispatch();
        })],
        "log_softmax" => vec![rten_rows(|x, out| {
            LogSoftmax::new(x, out).dispatch();
        })],
        _ => vec![],
    }
}

/// The same memory, as rten wants it.
pub(crate) fn uninitialized(out: &mut [f32]) -> &mut [MaybeUninit<f32>] {
    // SAFETY: the same layout, and what is written back are initialised floats.
    unsafe { &mut *(std::ptr::from_mut(out) as *mut [MaybeUninit<f32>]) }
}

fn rten(f: impl SimdUnaryOp<f32> + Send + 'static) -> Peer {
    Peer::new("rten-vecmath", Isa::Avx512, move |x, out| {
        f.map(x, uninitialized(out));
    })
}

fn rten_rows(f: impl Fn(&[f32], &mut [MaybeUninit<f32>]) + Send + 'static) -> Peer {
    Peer::of_rows("rten-vecmath", Isa::Avx512, row_by_row(f))
}

/// A call a row.
pub(crate) fn row_by_row(
    f: impl Fn(&[f32], &mut [MaybeUninit<f32>]) + Send + 'static,
) -> impl Fn(Input, &mut [f32]) + Send + 'static {
    move |input, out| {
        for (x, out) in input.rows().zip(out.chunks_exact_mut(input.shape.columns)) {
            f(x, uninitialized(out));
        }
    }
}

/// With what the target guarantees, as `wide` has no run-time dispatch.
fn wide(f: impl Fn(f32x8) -> f32x8 + Send + 'static) -> Peer {
    Peer::new("wide", Isa::Sse2, move |x, out| {
        let ((x, tail), (out, out_tail)) = (x.as_chunks::<8>(), out.as_chunks_mut::<8>());
        let (mut last, mut last_out) = ([1.0; 8], [0.0; 8]);
        last[..tail.len()].copy_from_slice(tail);
        // One place that calls f, so that it is inlined.
        for (x, out) in x.iter().chain([&last]).zip(out.iter_mut().chain([&mut last_out])) {
            *out = f(f32x8::new(*x)).to_array();
        }
        out_tail.copy_from_slice(&last_out[..tail.len()]);
    })
}

fn std(f: impl Fn(f32) -> f32 + Send + 'static) -> Peer {
    Peer::new("std", Isa::Sse2, move |x, out| {
        for (x, out) in x.iter().zip(out) {
            *out = f(*x);
        }
    })
}
