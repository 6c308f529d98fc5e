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
//! Where the sum of a row is above [`MOST`], or overflows, it is taken again of g·[`DOWN`], and
//! differences too: Σ g, and g − Σ y·g, may be no `f32` where the derivative is. An e^y that would
//! be subnormal is computed 2^100 times too large, and Σ g so much too small, if that is above 1.
//! An infinite Σ g needs no e^y: any share of it is infinite.
//!
//! **Error.** Everything is a double-word number until one rounding; what errs is the
//! probability.
//!
//! The `unsafe` here is sound because loops read and write as many elements as both tiles have.
#![allow(unsafe_code)]

use super::Tile;
use super::map::{Map, map};
use super::sum::{NOWHERE, Terms, sums};
use crate::math::double_word::{add, rounded, times, two_product, two_sum};
use crate::math::exp::{exp, exp_scaled};
use crate::math::exp_m1::exp_m1;
use crate::simd::{Lanes, Mask, Simd};
use core::f32::consts::LN_2;

/// A sum up to this overflows neither before nor after it is taken from a g: 2^100.
const MOST: f32 = 1.267_650_6e30;
/// By what rows with a larger sum are scaled down: 2^-64.
const DOWN: f32 = 5.421_010_862_427_522e-20;

/// The derivatives of softmax, from its results and from the derivatives by them; if their sum is
/// not large, or they are scaled down: else false.
#[inline(always)]
pub(super) unsafe fn softmax<S: Simd>(
    simd: S,
    y: &Tile<'_>,
    g: &Tile<'_>,
    is_scaled: bool,
) -> bool {
    let (length, power) = (y.columns.min(g.columns), if is_scaled { DOWN } else { 1.0 });
    let [sum] = unsafe { sums(simd, Product { power }, [y.x, g.x], length, NOWHERE) };
    let is_done = is_scaled || sum.0.abs() <= MOST;
    if is_done {
        unsafe { map(simd, Softmax { sum, is_scaled }, [y.x, g.x], g.out, length) };
    }
    is_done
}

/// The derivatives of log-softmax, from its results and from the derivatives by them, likewise.
#[inline(always)]
pub(super) unsafe fn log_softmax<S: Simd>(
    simd: S,
    y: &Tile<'_>,
    g: &Tile<'_>,
    is_scaled: bool,
) -> bool {
    let (length, power) = (y.columns.min(g.columns), if is_scaled { DOWN } else { 1.0 });
    let [sum] = unsafe { sums(simd, Itself { power }, [g.x], length, NOWHERE) };
    let is_done = is_scaled || sum.0.abs() <= MOST;
    if is_done {
        unsafe { map(simd, LogSoftmax { sum, power }, [y.x, g.x], g.out, length) };
    }
    is_done
}

/// y·g. A probability of 0 wins over an infinity and a NaN.
#[derive(Clone, Copy)]
struct Product {
    /// What g is multiplied by.
    power: f32,
}

impl Terms<2, 1> for Product {
    const NOTHING: [f32; 2] = [0.0; 2];
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn terms<V: Lanes>(self, [y, g]: [V; 2]) -> [(V, V); 1] {
        let (none, zero) = (y.eq(y.splat(0.0)), y.splat(0.0));
        let (product, low) = two_product(y, g * self.power);
        [(V::select(none, zero, product), V::select(none, zero, low))]
    }
}

/// g.
#[derive(Clone, Copy)]
struct Itself {
    /// What g is multiplied by.
    power: f32,
}

impl Terms<1, 1> for Itself {
    const NOTHING: [f32; 1] = [0.0];
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn terms<V: Lanes>(self, [g]: [V; 1]) -> [(V, V); 1] {
        // Adding −0 is nothing to do.
        [(g * self.power, g.splat(-0.0))]
    }
}

/// The derivative by a score, from y and g.
#[derive(Clone, Copy)]
struct Softmax {
    /// Σ y·g, of which g may be scaled by [`DOWN`], as a double-word number.
    sum: (f32, f32),
    is_scaled: bool,
}

impl Map<2> for Softmax {
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn is_wide(self) -> bool {
        !self.is_scaled
    }

    #[inline(always)]
    fn apply<V: Lanes>(self, [y, g]: [V; 2]) -> V {
        let (zero, (high, low)) = (y.splat(0.0), self.sum);
        let none = y.eq(zero);
        let (mut y, mut g) = (y, g);
        if self.is_scaled {
            (y, g) = (y * (1.0 / DOWN), g * DOWN);
        }
        let (rest, error) = two_sum(g, zero.splat(-high));
        V::select(none, zero, rounded(weighted(y, (rest, error - low))))
    }
}

/// The same of log-softmax.
#[derive(Clone, Copy)]
struct LogSoftmax {
    /// Σ g times the power, as a double-word number.
    sum: (f32, f32),
    power: f32,
}

/// Below it e^y, and its products with Σ g, may be subnormal.
const TINY: f32 = -69.0;

impl LogSoftmax {
    /// The derivative from [`TINY`] on.
    #[inline(always)]
    fn usual<V: Lanes>(self, y: V, g: V) -> V {
        let minus_sum = (g.splat(-self.sum.0), g.splat(-self.sum.1));
        // Adding −0 is nothing to do.
        let g = (g * self.power, g.splat(-0.0));
        let unlikely = rounded(add(g, weighted(exp(y), minus_sum)));
        let is_unlikely = y.le(y.splat(-LN_2));
        let up = 1.0 / self.power;
        if is_unlikely.all() {
            return unlikely * up;
        }
        let likely = add(add(g, minus_sum), weighted(exp_m1(y), minus_sum));
        V::select(is_unlikely, unlikely, rounded(likely)) * up
    }

    /// The derivative below.
    #[inline(always)]
    fn tiny<V: Lanes>(self, y: V, g: V) -> V {
        // With a Σ g of at most 1, what e^y loses is not missed.
        let (mut exponent, mut down) = if self.power == 1.0 { (0.0, 1.0) } else { (64.0, 1.0) };
        if self.sum.0.abs() > 1.0 {
            (exponent, down) = (exponent + 100.0, 1.0 / MOST);
        }
        let minus_sum = (g.splat(-self.sum.0 * down), g.splat(-self.sum.1 * down));
        let share = weighted(exp_scaled(y, exponent), minus_sum);
        rounded(add((g, g.splat(-0.0)), share))
    }
}

impl Map<2> for LogSoftmax {
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn apply<V: Lanes>(self, [y, g]: [V; 2]) -> V {
        let impossible = y.eq(y.splat(f32::NEG_INFINITY));
        if !self.sum.0.is_finite() {
            // Any share of it is the same; of a NaN y there is none.
            let derivative = V::select(y.eq(y), g - g.splat(self.sum.0), y);
            return V::select(impossible, g, derivative);
        }
        let usual = self.usual(y, g);
        if y.all_above(TINY) {
            return usual;
        }
        let derivative = V::select(y.lt(y.splat(TINY)), self.tiny(y, g), usual);
        // The probability of an impossible class does not move, whatever the sum.
        V::select(impossible, g, derivative)
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
