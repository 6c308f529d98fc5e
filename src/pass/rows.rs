//! Arithmetic with the numbers of rows, one row a lane: reciprocals, logarithms and shares.
//! Losses are in [`super::losses`].
#![allow(unsafe_code)] // a `PerRow` has room for a vector from each row on

use super::exp::terms;
use super::shifts::{Shifts, floors_of};
use super::{DoubleWords, PerRow, ROWS};
use crate::math::double_word::{divide, fast_two_sum, two_product, two_sum};
use crate::math::ln::ln_1p_positive;
use crate::math::log_add_exp::{log_add_exp, log_add_exp_by_integers};
use crate::math::shift::ln_of_shifted;
use crate::math::shifted_exp::Scale;
use crate::simd::{Lanes, SIXTEENTHS, Simd};

/// ln ¾: from about this logarithm of its share on, an element is computed by what the others
/// leave of the sum.
const LN_LIKELY: f32 = -0.287_682_08;

impl PerRow {
    /// Those of the rows from i on.
    #[inline(always)]
    pub(super) fn load<S: Simd>(&self, simd: S, i: usize) -> S::F32 {
        unsafe { simd.load(self.at(i)) }
    }

    /// Writes those of the rows from i on.
    #[inline(always)]
    pub(super) fn store<S: Simd>(&mut self, simd: S, i: usize, value: S::F32) {
        unsafe { simd.store(value, self.at_mut(i)) }
    }
}

impl DoubleWords {
    /// Those of the rows from i on.
    #[inline(always)]
    pub(super) fn load<S: Simd>(&self, simd: S, i: usize) -> (S::F32, S::F32) {
        (self.high.load(simd, i), self.low.load(simd, i))
    }

    /// Writes those of the rows from i on.
    #[inline(always)]
    pub(super) fn store<S: Simd>(&mut self, simd: S, i: usize, (high, low): (S::F32, S::F32)) {
        self.high.store(simd, i, high);
        self.low.store(simd, i, low);
    }
}

/// N of the rows from i on.
#[inline(always)]
pub(super) fn exponents<S: Simd>(simd: S, shifts: Option<&Shifts>, i: usize) -> S::F32 {
    if let Some(shifts) = shifts { shifts.exponent.load(simd, i) } else { simd.splat(0.0) }
}

/// FACTOR · e^(s·x) · 2^-N of one x a lane, each with an N of its own, in two words.
#[inline(always)]
pub(super) fn words_of_each<V: Lanes>(scale: &Scale, x: V, exponent: V) -> (V, V) {
    let x = floors_of(scale, exponent).max(x);
    let (t, delta) = terms(scale, x, x.splat(SIXTEENTHS) - exponent);
    fast_two_sum(t, t * delta)
}

/// The product of two numbers in two words each, rounded once.
#[inline(always)]
pub(super) fn product_rounded<V: Lanes>((a, low): (V, V), (factor, factor_low): (V, V)) -> V {
    let rest = a.mul_add(factor_low, low * factor);
    if V::FUSED {
        return a.mul_add(factor, rest);
    }
    let (product, error) = two_product(a, factor);
    product + (error + rest)
}

/// 1 / (high + low) in two words.
#[inline(always)]
pub(super) fn inverse<V: Lanes>((high, low): (V, V)) -> (V, V) {
    let one = high.splat(1.0);
    if V::FUSED {
        // The second word to 2^-24 of itself: one division.
        let y = one / high;
        let rest = (-y).mul_add(low, (-y).mul_add(high, one));
        return (y, rest * y);
    }
    divide((one, high.splat(0.0)), (high, low))
}

/// What e^x · 2^-N of each row is multiplied by: the reciprocal of its sum, in two words, in the
/// place of the sum; and the probability of its largest element, rounded once.
#[inline(always)]
pub(super) unsafe fn factors<S: Simd>(
    simd: S,
    rows: usize,
    scale: &Scale,
    shifts: Option<&Shifts>,
    sums: &mut DoubleWords,
    largest: &mut PerRow,
) {
    let mut at = 0;
    while at < rows.min(ROWS) {
        let inverse = inverse(sums.load(simd, at));
        sums.store(simd, at, inverse);
        if let Some(shifts) = shifts {
            let (max, exponent) = (shifts.max.load(simd, at), shifts.exponent.load(simd, at));
            let own = words_of_each(scale, max, exponent);
            largest.store(simd, at, product_rounded(own, inverse));
        }
        at += S::F32::COUNT;
    }
}

/// ln((high + low) / FACTOR · 2^exponent) in two words.
#[inline(always)]
pub(super) fn logarithm_of<V: Lanes>(sum: (V, V), exponent: V) -> (V, V) {
    let (high, low) = ln_of_shifted(sum, exponent);
    // Not every backend's logarithm keeps a NaN.
    (V::select(sum.0.eq(sum.0), high, sum.0), low)
}

/// Rows that need a second look, a bit each.
#[derive(Clone, Copy, Default)]
pub(crate) struct Marked {
    /// The largest element has about ¾ of the sum or more.
    pub(crate) dominated: u64,
    /// The logarithm is near 0, or NaN.
    pub(crate) near_0: u64,
}

/// How near 0 a logarithm must be for what an element of ¾ of the sum adds to it to be lost: 1,
/// and what that element's share may be below it.
const NEAR_0: f32 = 1.3;

/// ln Σ e^(s·x) of each row from its sum, in its place and in two words.
#[inline(always)]
pub(super) unsafe fn logarithms<S: Simd>(
    simd: S,
    rows: usize,
    scale: &Scale,
    shifts: Option<&Shifts>,
    sums: &mut DoubleWords,
) -> Marked {
    let (mut dominated, mut far_from_0) = (0, 0);
    let rows = rows.min(ROWS);
    let mut at = 0;
    while at < rows {
        let zero = simd.splat(0.0);
        let ln = logarithm_of(sums.load(simd, at), exponents(simd, shifts, at));
        sums.store(simd, at, ln);
        far_from_0 |= S::F32::bits(zero.splat(NEAR_0).le(ln.0.abs())) << at;
        if let Some(shifts) = shifts {
            let max = shifts.max.load(simd, at);
            let share = max.mul_add(max.splat(scale.words.0), -ln.0);
            dominated |= S::F32::bits(share.splat(LN_LIKELY).lt(share)) << at;
        }
        at += S::F32::COUNT;
    }
    let all = if rows < 64 { (1 << rows) - 1 } else { u64::MAX };
    Marked { dominated: dominated & all, near_0: !far_from_0 & all }
}

/// ln of the share of one element a row, by what the others leave of it: −ln(1 + others/own).
#[inline(always)]
pub(super) unsafe fn shares<S: Simd>(
    simd: S,
    rows: usize,
    scale: &Scale,
    shifts: Option<&Shifts>,
    score: &PerRow,
    others: &DoubleWords,
    ln: &mut PerRow,
) {
    let mut at = 0;
    while at < rows.min(ROWS) {
        let own = words_of_each(scale, score.load(simd, at), exponents(simd, shifts, at));
        let tail = ln_1p_positive(divide(others.load(simd, at), own));
        // Zero less zero is +0.
        ln.store(simd, at, simd.splat(0.0) - tail);
        at += S::F32::COUNT;
    }
}

/// ln(e^a + e^b) of logarithms in two words.
#[inline(always)]
pub(super) unsafe fn log_add<S: Simd>(simd: S, a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    if const { S::TAKES_ROWS } {
        return log_add_exp_by_integers(a, b);
    }
    log_add_exp(simd.splat(0.0), a, b)
}

/// The share of a sum from which on an element is dominant.
const DOMINANT: f32 = 0.7;

/// What a term of each row must exceed to be dominant.
#[inline(always)]
pub(super) unsafe fn limits<S: Simd>(
    simd: S,
    rows: usize,
    sums: &DoubleWords,
    limits: &mut PerRow,
) {
    let mut at = 0;
    while at < rows.min(ROWS) {
        limits.store(simd, at, sums.high.load(simd, at) * DOMINANT);
        at += S::F32::COUNT;
    }
}

/// ln of the share of each row's dominant element, by the sum of all and that of the others:
/// −ln(1 + others/(sum − others)). Without such an element it means nothing.
#[inline(always)]
pub(super) unsafe fn shares_of_rest<S: Simd>(
    simd: S,
    rows: usize,
    sums: &DoubleWords,
    others: &DoubleWords,
    ln: &mut PerRow,
) {
    let mut at = 0;
    while at < rows.min(ROWS) {
        let ((sum, low), rest) = (sums.load(simd, at), others.load(simd, at));
        let (high, error) = two_sum(sum, -rest.0);
        let own = fast_two_sum(high, error + (low - rest.1));
        let tail = ln_1p_positive(divide(rest, own));
        // Zero less zero is +0.
        ln.store(simd, at, simd.splat(0.0) - tail);
        at += S::F32::COUNT;
    }
}
