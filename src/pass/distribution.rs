//! Entropy, cross-entropy and divergences of distributions, each of one row.
//!
//! **Method.** Each is a sum of one formula over the elements. A coefficient of 0 wins over an
//! infinite logarithm by selection, never by multiplication. Logarithm, product and sum are
//! double-word numbers, so that only the last addition rounds to one word. The terms of the
//! divergences are ≥ 0. Where p and q are so close that the summands of a term cancel, the term
//! is a series in (q − p)/(q + p), whose first term is a double-word number.
//!
//! The scalar backend does it by integers instead, see `pair.rs`; what follows is for the others.
//!
//! **Error.** Half an ULP for the last addition. The logarithm errs by at most 0.13 ULP where
//! multiplication is fused and 0.16 where it is not (found by trying every mantissa), or 2^-26.1
//! of itself; of a product, just below a power of two, that is 0.23 ULP. The products' errors
//! are below 2^-46, the sums' below 2^-26 for 2^24 elements, all rounded to one side. A product
//! below 2^-100 has no room for its second word: counting 2^-120 more allows for five roundings
//! to 2^-149. In a divergence, just outside the series, logarithms up to 8 times the term
//! cancel: 1.9 ULP.
//!
//! The `unsafe` here is sound because sums read as many elements as every tile has.
#![allow(unsafe_code)]

use super::pair::NORMALIZED;
use super::sum::{NOWHERE, Terms, sums};
use super::{Tile, pair};
use crate::math::double_word::{remainder, times, two_product, two_sum};
use crate::math::ln::{ln_ratio, ln_words, odd_ln_over_s_less_2};
use crate::math::polynomial::horner;
use crate::simd::{Lanes, Mask, Simd, call};
use core::f32::consts::LN_2;

/// By what terms of a cross-entropy are multiplied to scale them down: 2^-32.
const DOWN: f32 = 2.328_306_4e-10;

/// H(P, Q) = −Σ p·ln q, which is H(P) where Q is P.
///
/// Terms have both signs where a q is above 1, and may overflow where their sum does not, unless
/// they are scaled down.
#[inline(always)]
pub(super) unsafe fn cross_entropy<S: Simd>(
    simd: S,
    p: &Tile<'_>,
    q: &Tile<'_>,
    is_scaled: bool,
) -> f32 {
    let (inputs, length) = both(p, q);
    if const { S::TAKES_ROWS } {
        let [p, q] = inputs;
        return unsafe { pair::cross_entropy(p, q, length) };
    }
    let [(high, low)] = unsafe { sums(simd, CrossEntropy { is_scaled }, inputs, length, NOWHERE) };
    let entropy = 0.0 - (high + low);
    if is_scaled { entropy / DOWN } else { entropy }
}

/// KL(P‖Q) = Σ p·ln(p/q).
///
/// Its terms have both signs and cancel where P is close to Q. Those of Σ p·ln(p/q) + (q − p)
/// do not: each is ≥ 0. Where the sums of P and Q count as equal, the second sum takes the place
/// of the first: of normalised inputs both are the same but for rounding.
#[inline(always)]
pub(super) unsafe fn kl_divergence<S: Simd>(simd: S, p: &Tile<'_>, q: &Tile<'_>) -> f32 {
    let (inputs, length) = both(p, q);
    if const { S::TAKES_ROWS } {
        let [p, q] = inputs;
        return unsafe { pair::kl_divergence(p, q, length) };
    }
    let [surplus, mass] = unsafe { sums(simd, SurplusAndMass, inputs, length, NOWHERE) };
    let is_normalized = surplus.0.abs() <= NORMALIZED * mass.0;
    let terms = Divergence { is_normalized };
    let [(high, low)] = unsafe { sums(simd, terms, inputs, length, NOWHERE) };
    high + low
}

/// JS(P, Q) = ½KL(P‖M) + ½KL(Q‖M) with M = (P + Q)/2.
///
/// The terms are ½(p·ln(p/m) + q·ln(q/m)) ≥ 0. The rounding of m would show in both logarithms;
/// 2m − p − q, which it leaves, takes it back, as the slope by m is 0 where m is the mean. Close
/// together, with s = (q − p)/(q + p), they are s·(q − p)/4·(1 + s²/6 + s⁴/15 + …).
#[inline(always)]
pub(super) unsafe fn js_divergence<S: Simd>(simd: S, p: &Tile<'_>, q: &Tile<'_>) -> f32 {
    let (inputs, length) = both(p, q);
    if const { S::TAKES_ROWS } {
        let [p, q] = inputs;
        return unsafe { pair::js_divergence(p, q, length) };
    }
    let [(high, low)] = unsafe { sums(simd, SymmetricDivergence, inputs, length, NOWHERE) };
    let divergence = high + low;
    // Rounded probabilities may add up to more than 1, and the divergence exceed ln 2.
    if LN_2 < divergence && divergence <= LN_2 * (1.0 + NORMALIZED) {
        let [p, q] = unsafe { sums(simd, Masses, inputs, length, NOWHERE) };
        if (p.0 - 1.0).abs() <= NORMALIZED && (q.0 - 1.0).abs() <= NORMALIZED {
            return LN_2;
        }
    }
    divergence
}

/// Two rows, and how many elements both have.
#[inline(always)]
fn both(p: &Tile<'_>, q: &Tile<'_>) -> ([*const f32; 2], usize) {
    ([p.x, q.x], p.columns.min(q.columns))
}

/// p·ln q with 0·ln q = 0 for every q, and NaN for negative p.
#[inline(always)]
fn x_ln_y<V: Lanes>(p: V, q: V) -> (V, V) {
    call!(V, (p, q), |(p, q)| {
        let (product, low) = times(p, ln_words(q));
        if V::all_invertible([p, q]) {
            return (product, low);
        }
        let (zero, infinity, nan) = (p.splat(0.0), p.splat(f32::INFINITY), p.splat(f32::NAN));
        let beyond = V::select(q.eq(infinity), infinity, V::select(q.eq(zero), -infinity, nan));
        let product = V::select(zero.lt(q).and(q.lt(infinity)), product, p * beyond);
        let product = V::select(zero.le(p), product, nan);
        let nothing = p.eq(zero);
        (V::select(nothing, zero, product), V::select(nothing, zero, low))
    })
}

/// p·ln q.
#[derive(Clone, Copy)]
struct CrossEntropy {
    /// Whether p is multiplied by [`DOWN`].
    is_scaled: bool,
}

impl Terms<2, 1> for CrossEntropy {
    const NOTHING: [f32; 2] = [0.0; 2];
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn is_wide(self) -> bool {
        !self.is_scaled
    }

    #[inline(always)]
    fn terms<V: Lanes>(self, [p, q]: [V; 2]) -> [(V, V); 1] {
        if !self.is_scaled {
            return [x_ln_y(p, q)];
        }
        // What scaling makes 0 is still something, and too little to show.
        let scaled = p * DOWN;
        [x_ln_y(V::select(scaled.eq(p.splat(0.0)), p, scaled), q)]
    }
}

/// q − p, and p.
#[derive(Clone, Copy)]
struct SurplusAndMass;

impl Terms<2, 2> for SurplusAndMass {
    const NOTHING: [f32; 2] = [0.0; 2];
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn terms<V: Lanes>(self, [p, q]: [V; 2]) -> [(V, V); 2] {
        [two_sum(q, -p), (p, p.splat(0.0))]
    }
}

/// p, and q.
#[derive(Clone, Copy)]
struct Masses;

impl Terms<2, 2> for Masses {
    const NOTHING: [f32; 2] = [0.0; 2];
    // It is rarely needed: the shorter code is enough.
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn terms<V: Lanes>(self, [p, q]: [V; 2]) -> [(V, V); 2] {
        [(p, p.splat(0.0)), (q, q.splat(0.0))]
    }
}

/// p·ln(p/q) with 0·ln(0/q) = 0 and p·ln(p/0) = ∞. A negative, infinite or NaN element on either
/// side gives NaN.
#[inline(always)]
fn x_ln_x_over_y<V: Lanes>(p: V, q: V) -> (V, V) {
    call!(V, (p, q), |(p, q)| {
        let (term, low) = times(p, ln_ratio(p, q));
        if V::all_invertible([p, q]) {
            return (term, low);
        }
        let (zero, infinity) = (p.splat(0.0), p.splat(f32::INFINITY));
        let term = V::select(q.eq(zero), infinity, term);
        let nothing = p.eq(zero);
        let (term, low) = (V::select(nothing, zero, term), V::select(nothing, zero, low));
        let valid = zero.le(p).and(zero.le(q)).and(p.lt(infinity)).and(q.lt(infinity));
        (V::select(valid, term, p.splat(f32::NAN)), low)
    })
}

/// What the terms of close p and q are made of.
struct Close<V> {
    /// (q − p)/2, which is exact where they are close.
    difference: V,
    /// (p + q)/2 as a double-word number.
    mean: (V, V),
    /// s = difference/mean.
    s: V,
    /// s · difference as a double-word number.
    square: (V, V),
}

impl<V: Lanes> Close<V> {
    #[inline(always)]
    fn new(p: V, q: V) -> Self {
        let (p, q) = (p * 0.5, q * 0.5);
        let (d, (m, m_low)) = (q - p, two_sum(p, q));
        let s = d / m;
        let (square, error) = two_product(d, s);
        // What s lacks, times d, with s for d/m.
        let low = s.mul_add(remainder(d, s, m) - s * m_low, error);
        Self { difference: d, mean: (m, m_low), s, square: (square, low) }
    }

    /// Whether |s| < `bound`: false where both are 0, or one is negative or NaN.
    #[inline(always)]
    fn is_within(&self, bound: f32) -> V::Mask {
        self.difference.abs().lt(self.mean.0 * bound)
    }
}

/// p·ln(p/q), and q − p more if the sums of P and Q count as equal.
#[derive(Clone, Copy)]
struct Divergence {
    is_normalized: bool,
}

impl Terms<2, 1> for Divergence {
    const NOTHING: [f32; 2] = [0.0; 2];
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn terms<V: Lanes>(self, [p, q]: [V; 2]) -> [(V, V); 1] {
        let (far, low) = x_ln_x_over_y(p, q);
        if !self.is_normalized {
            return [(far, low)];
        }
        let (surplus, surplus_low) = two_sum(q, -p);
        let (far, error) = two_sum(far, surplus);
        let low = (low + surplus_low) + error;
        // With s = (q − p)/(q + p), ln(q/p) = s·(2 + R(s²)) and q − p − 2ps = (q − p)·s.
        let close = Close::new(p, q);
        let (s, (square, square_low)) = (close.s, close.square);
        let series_low = square_low * 2.0 - p * s * odd_ln_over_s_less_2(s * s);
        let is_close = close.is_within(1.0 / 6.0);
        [(V::select(is_close, square * 2.0, far), V::select(is_close, series_low, low))]
    }
}

/// 1/((k + 1)(2k + 1)) from k = 1 on: the next, times 2^-24 as |s| ≤ 1/4, is 6.6e-10.
const SERIES: [f32; 5] = [1.0 / 6.0, 1.0 / 15.0, 1.0 / 28.0, 1.0 / 45.0, 1.0 / 66.0];

/// ½(p·ln(p/m) + q·ln(q/m)) with m = (p + q)/2.
#[derive(Clone, Copy)]
struct SymmetricDivergence;

impl Terms<2, 1> for SymmetricDivergence {
    const NOTHING: [f32; 2] = [0.0; 2];
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn terms<V: Lanes>(self, [p, q]: [V; 2]) -> [(V, V); 1] {
        let close = Close::new(p, q);
        let (s, (square, square_low)) = (close.s, close.square);
        let z = s * s;
        let series = square * 0.5;
        let series_low = square_low * 0.5 + series * (z * horner(z, SERIES));
        let is_close = close.is_within(0.25);

        let (m, m_low) = close.mean;
        let zero = m.splat(0.0);
        // Half of each is 0 where both are, where they are the least subnormal number, and where
        // they are subnormal on a CPU that takes those for 0: so is the term.
        let is_nothing = m.eq(zero).and(zero.le(p)).and(zero.le(q));
        let ((p, p_low), (q, q_low)) = (x_ln_x_over_y(p, m), x_ln_x_over_y(q, m));
        let (far, error) = two_sum(p, q);
        let low = ((p_low + q_low) + error) * 0.5 - m_low;
        let far = (V::select(is_nothing, zero, far * 0.5), V::select(is_nothing, zero, low));
        [(V::select(is_close, series, far.0), V::select(is_close, series_low, far.1))]
    }
}
