//! The derivatives of softmax and of its logarithm, from those by their results, of one row.
//!
//! **Method.** With results y and the derivatives g of a loss by them, the derivatives by the
//! scores are
//!
//! ```text
//! softmax       y[k]·(g[k] − Σ y·g)
//! log-softmax   g[k] − e^y[k]·Σ g
//! ```
//!
//! The sums are double-word numbers, of which the first word cancels exactly where the
//! difference is small. For a likely class, y near 0, the second formula is
//! (1 − e^y[k])·Σ g − (Σ g − g[k]): neither difference cancels, and a confident right answer
//! keeps its small gradient.
//!
//! **Error.** Everything is a double-word number until one rounding; what errs is the
//! probability.
//!
//! The `unsafe` here is sound because loops read and write as many elements as both tiles have.
#![allow(unsafe_code)]

use super::Tile;
use super::sum::{NOWHERE, Terms, sums};
use crate::math::exp::exp;
use crate::math::exp_m1::exp_m1;
use crate::math::words::{add, rounded, times};
use crate::simd::{Lanes, Mask, Simd, Vectors};
use core::f32::consts::LN_2;

/// The derivatives of softmax, from its results and from the derivatives by them.
#[inline(always)]
pub(super) unsafe fn softmax<S: Simd>(simd: S, y: &Tile<'_>, g: &Tile<'_>) {
    let length = y.columns.min(g.columns);
    unsafe {
        let [sum] = sums(simd, Product, [y.x, g.x], length, NOWHERE);
        write(simd, Softmax { sum }, y, g);
    }
}

/// The derivatives of log-softmax, from its results and from the derivatives by them.
#[inline(always)]
pub(super) unsafe fn log_softmax<S: Simd>(simd: S, y: &Tile<'_>, g: &Tile<'_>) {
    let length = y.columns.min(g.columns);
    unsafe {
        let [sum] = sums(simd, Itself, [g.x], length, NOWHERE);
        write(simd, LogSoftmax { sum }, y, g);
    }
}

/// y·g. A probability of 0 wins over an infinity and a NaN.
#[derive(Clone, Copy)]
struct Product;

impl Terms<2, 1> for Product {
    const NOTHING: [f32; 2] = [0.0; 2];
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn terms<V: Lanes>(self, [y, g]: [V; 2]) -> [(V, V); 1] {
        let (none, zero) = (y.eq(y.splat(0.0)), y.splat(0.0));
        let (product, low) = times(y, (g, zero));
        [(V::select(none, zero, product), V::select(none, zero, low))]
    }
}

/// g.
#[derive(Clone, Copy)]
struct Itself;

impl Terms<1, 1> for Itself {
    const NOTHING: [f32; 1] = [0.0];
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn terms<V: Lanes>(self, [g]: [V; 1]) -> [(V, V); 1] {
        [(g, g.splat(0.0))]
    }
}

/// The derivative by a score, from y and g.
trait Derivative: Copy {
    /// Whether several vectors are taken side by side: it pays for a short formula.
    const IS_WIDE: bool;
    fn apply<V: Lanes>(self, y: V, g: V) -> V;
}

#[derive(Clone, Copy)]
struct Softmax {
    /// Σ y·g as a double-word number.
    sum: (f32, f32),
}

impl Derivative for Softmax {
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn apply<V: Lanes>(self, y: V, g: V) -> V {
        let (zero, (high, low)) = (y.splat(0.0), self.sum);
        let rest = add((g, zero), (g.splat(-high), g.splat(-low)));
        V::select(y.eq(zero), zero, rounded(weighted(y, rest)))
    }
}

#[derive(Clone, Copy)]
struct LogSoftmax {
    /// Σ g as a double-word number.
    sum: (f32, f32),
}

impl Derivative for LogSoftmax {
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn apply<V: Lanes>(self, y: V, g: V) -> V {
        let (zero, (high, low)) = (g.splat(0.0), self.sum);
        let minus_sum = (g.splat(-high), g.splat(-low));
        let p = exp(y);
        let unlikely = rounded(add((g, zero), weighted(p, minus_sum)));
        // The probability of an impossible class does not move, whatever the sum.
        let unlikely = V::select(p.eq(zero), g, unlikely);
        let is_unlikely = y.le(y.splat(-LN_2));
        if is_unlikely.all() {
            return unlikely;
        }
        let likely = add(add((g, zero), minus_sum), weighted(exp_m1(y), minus_sum));
        V::select(is_unlikely, unlikely, rounded(likely))
    }
}

/// The product of a probability and a double-word number, as a double-word number; in one word
/// where both would be a few subnormal parts, each rounded.
#[inline(always)]
fn weighted<V: Lanes>(p: V, number: (V, V)) -> (V, V) {
    let (product, low) = times(p, number);
    let is_tiny = product.abs().lt(product.splat(7.888_609e-31)); // 2^-100
    let rough = p * (number.0 + number.1);
    (V::select(is_tiny, rough, product), V::select(is_tiny, p.splat(0.0), low))
}

/// Writes the derivatives where the results of the second tile go.
#[inline(always)]
unsafe fn write<S: Simd, D: Derivative>(simd: S, f: D, y: &Tile<'_>, g: &Tile<'_>) {
    let length = y.columns.min(g.columns);
    let (y, g, out) = (y.x, g.x, g.out);
    let mut at = 0;
    unsafe {
        while const { D::IS_WIDE && S::MapWide::COUNT > S::F32::COUNT }
            && S::MapWide::COUNT <= length - at
        {
            let y = <S::MapWide as Vectors<S>>::load(simd, y.add(at));
            let g = <S::MapWide as Vectors<S>>::load(simd, g.add(at));
            f.apply(y, g).store(simd, out.add(at));
            at += S::MapWide::COUNT;
        }
        while at < length {
            let rest = length - at;
            let y = simd.load_part(y.add(at), rest, 0.0);
            let g = simd.load_part(g.add(at), rest, 0.0);
            simd.store_part(f.apply(y, g), out.add(at), rest);
            at += S::F32::COUNT;
        }
    }
}
