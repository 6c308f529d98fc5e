//! Entropy, cross-entropy and divergences of distributions.
//!
//! **Method.** Each is a sum of one formula over the elements; a coefficient of zero
//! wins over an infinite logarithm by selection, never by multiplication. Logarithm,
//! product and sum are of two words, so that nothing but the last addition rounds to
//! one. Those of the divergences are ≥ 0 each; where p and q are so close that the
//! summands of a term cancel, it is a series in (q − p)/(q + p), whose first term is
//! of two words.
//!
//! **Error.** Half an ULP for the last addition. The logarithm errs by at most 0.13 ULP
//! where multiplication is fused and 0.16 where not (found by trying every mantissa),
//! or 2^-26.1 of itself; of a product, just below a power of two, that is 0.23 ULP.
//! The products' errors are below 2^-46, the sums' below 2^-26 for 2^24 elements, all
//! rounded to one side. A product below 2^-100 has no room for its second word: five
//! roundings to 2^-149 are allowed for by counting 2^-120 more. In a divergence, just
//! outside the series, logarithms up to 8 times the term cancel: 1.9 ULP.

use crate::error::{Error, check_length};
use crate::math::ln::{ln_ratio, ln_words, odd_ln_over_s_less_2};
use crate::math::polynomial::horner;
use crate::math::words::{remainder, times, two_product, two_sum};
use crate::rows::{Rows, check_column_count, check_row_count};
use crate::simd::{Kernel, Lanes, Mask, Simd};
use crate::sweep::{self, Itself, Term};
use core::f32::consts::LN_2;
use core::marker::PhantomData;

/// p·ln q with 0·ln q = 0 for every q, and NaN for negative p.
#[inline(always)]
fn x_ln_y<V: Lanes>(p: V, q: V) -> (V, V) {
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
}

/// H(P) = −Σ p·ln p.
pub struct Entropy<'a> {
    p: &'a [f32],
}

impl<'a> Entropy<'a> {
    /// Nothing to check.
    #[inline]
    #[must_use]
    pub fn new(p: &'a [f32]) -> Self {
        Self { p }
    }
}

#[derive(Clone, Copy)]
struct EntropyTerm;

impl Term<1> for EntropyTerm {
    #[inline(always)]
    fn term<V: Lanes>(self, [p]: [V; 1]) -> (V, V) {
        x_ln_y(p, p)
    }
}

impl Kernel for Entropy<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (high, low) = sweep::sum(simd, EntropyTerm, [self.p]);
        0.0 - (high + low)
    }
}

/// H(P) of each row.
pub struct RowsEntropy<'a> {
    p: Rows<'a>,
    out: &'a mut [f32],
}

impl<'a> RowsEntropy<'a> {
    /// # Errors
    /// [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn new(p: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_length("out", p.rows(), out.len())?;
        Ok(Self { p, out })
    }

    /// Of one vector, which is no row if it is empty: `out` stays as it is.
    #[inline]
    pub(crate) fn one(p: &'a [f32], out: &'a mut [f32; 1]) -> Self {
        Self { p: Rows::one(p), out }
    }
}

impl Kernel for RowsEntropy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (p, out) in self.p.iter().zip(self.out) {
            *out = Entropy::new(p).run(simd);
        }
    }
}

/// H(P, Q) = −Σ p·ln q.
pub struct CrossEntropy<'a> {
    p: &'a [f32],
    q: &'a [f32],
}

impl<'a> CrossEntropy<'a> {
    /// # Errors
    /// [`Error::Length`] if `q` has another length than `p`.
    #[inline]
    pub fn new(p: &'a [f32], q: &'a [f32]) -> Result<Self, Error> {
        check_length("q", p.len(), q.len())?;
        Ok(Self { p, q })
    }
}

#[derive(Clone, Copy)]
struct CrossEntropyTerm;

impl Term<2> for CrossEntropyTerm {
    #[inline(always)]
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> (V, V) {
        x_ln_y(p, q)
    }
}

impl Kernel for CrossEntropy<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (high, low) = sweep::sum(simd, CrossEntropyTerm, [self.p, self.q]);
        0.0 - (high + low)
    }
}

/// KL(P‖Q) = Σ p·ln(p/q).
///
/// Its terms have both signs and cancel where P is close to Q. Those of
/// Σ p·ln(p/q) + (q − p) do not: each is ≥ 0. For normalised inputs, where
/// Σ(q − p) is zero but for rounding, the second sum stands for the first.
pub struct KlDivergence<'a> {
    p: &'a [f32],
    q: &'a [f32],
}

/// Sums of P and Q that differ by less, relative to P's, count as equal. Softmax
/// outputs are each within 2 ULP, at most 2^-22 of their value.
const NORMALIZED: f32 = 9.536_743_164_062_5e-7; // 2^-20

impl<'a> KlDivergence<'a> {
    /// # Errors
    /// [`Error::Length`] if `q` has another length than `p`.
    #[inline]
    pub fn new(p: &'a [f32], q: &'a [f32]) -> Result<Self, Error> {
        check_length("q", p.len(), q.len())?;
        Ok(Self { p, q })
    }
}

/// p·ln(p/q) with 0·ln(0/q) = 0 and p·ln(p/0) = ∞. Negative, infinite or NaN on
/// either side gives NaN.
#[inline(always)]
fn x_ln_x_over_y<V: Lanes>(p: V, q: V) -> (V, V) {
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
}

/// What the terms of close p and q are made of.
struct Close<V> {
    /// (q − p)/2, exactly where they are close.
    difference: V,
    /// (p + q)/2 in two words.
    mean: (V, V),
    /// s = difference/mean.
    s: V,
    /// s · difference in two words.
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

    /// Whether |s| < `bound`; not where both are 0, one is negative or NaN.
    #[inline(always)]
    fn is_within(&self, bound: f32) -> V::Mask {
        self.difference.abs().lt(self.mean.0 * bound)
    }
}

/// p·ln(p/q), and q − p more if the sums of P and Q are equal.
#[derive(Clone, Copy)]
struct Divergence {
    normalized: bool,
}

impl Term<2> for Divergence {
    #[inline(always)]
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> (V, V) {
        let (far, low) = x_ln_x_over_y(p, q);
        if !self.normalized {
            return (far, low);
        }
        let (surplus, surplus_low) = two_sum(q, -p);
        let (far, error) = two_sum(far, surplus);
        let low = (low + surplus_low) + error;
        // With s = (q − p)/(q + p), ln(q/p) = s·(2 + R(s²)) and q − p − 2ps = (q − p)·s.
        let close = Close::new(p, q);
        let (s, (square, square_low)) = (close.s, close.square);
        let series_low = square_low * 2.0 - p * s * odd_ln_over_s_less_2(s * s);
        let is_close = close.is_within(1.0 / 6.0);
        (V::select(is_close, square * 2.0, far), V::select(is_close, series_low, low))
    }
}

#[derive(Clone, Copy)]
struct Difference;

impl Term<2> for Difference {
    #[inline(always)]
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> (V, V) {
        two_sum(q, -p)
    }
}

impl Kernel for KlDivergence<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (surplus, _) = sweep::sum(simd, Difference, [self.p, self.q]);
        let (mass, _) = sweep::sum(simd, Itself, [self.p]);
        let normalized = surplus.abs() <= NORMALIZED * mass;
        let (high, low) = sweep::sum(simd, Divergence { normalized }, [self.p, self.q]);
        high + low
    }
}

/// JS(P, Q) = ½KL(P‖M) + ½KL(Q‖M) with M = (P + Q)/2.
///
/// The terms are ½(p·ln(p/m) + q·ln(q/m)) ≥ 0. The rounding of m would show in both
/// logarithms; 2m − p − q, which it leaves, takes it back, as the slope by m is 0
/// where m is the mean. Close together, with s = (q − p)/(q + p), they are
/// s·(q − p)/4·(1 + s²/6 + s⁴/15 + …).
pub struct JsDivergence<'a> {
    p: &'a [f32],
    q: &'a [f32],
}

impl<'a> JsDivergence<'a> {
    /// # Errors
    /// [`Error::Length`] if `q` has another length than `p`.
    #[inline]
    pub fn new(p: &'a [f32], q: &'a [f32]) -> Result<Self, Error> {
        check_length("q", p.len(), q.len())?;
        Ok(Self { p, q })
    }
}

/// 1/((k + 1)(2k + 1)) from k = 1: the next, times 2^-24 as |s| ≤ 1/4, is 6.6e-10.
const SERIES: [f32; 5] = [1.0 / 6.0, 1.0 / 15.0, 1.0 / 28.0, 1.0 / 45.0, 1.0 / 66.0];

#[derive(Clone, Copy)]
struct SymmetricDivergence;

impl Term<2> for SymmetricDivergence {
    #[inline(always)]
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> (V, V) {
        let close = Close::new(p, q);
        let (s, (square, square_low)) = (close.s, close.square);
        let z = s * s;
        let series = square * 0.5;
        let series_low = square_low * 0.5 + series * (z * horner(z, SERIES));
        let is_close = close.is_within(0.25);

        // Half of the least subnormal is 0, and would be impossible.
        let (m, m_low) = close.mean;
        let m = m.splat(f32::from_bits(1)).max(m);
        let ((p, p_low), (q, q_low)) = (x_ln_x_over_y(p, m), x_ln_x_over_y(q, m));
        let (far, error) = two_sum(p, q);
        let low = ((p_low + q_low) + error) * 0.5 - m_low;
        (V::select(is_close, series, far * 0.5), V::select(is_close, series_low, low))
    }
}

impl Kernel for JsDivergence<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (high, low) = sweep::sum(simd, SymmetricDivergence, [self.p, self.q]);
        let divergence = high + low;
        // Rounded probabilities may add up to more than 1, and this exceed ln 2.
        if LN_2 < divergence && divergence <= LN_2 * (1.0 + NORMALIZED) {
            let (p, _) = sweep::sum(simd, Itself, [self.p]);
            let (q, _) = sweep::sum(simd, Itself, [self.q]);
            if (p - 1.0).abs() <= NORMALIZED && (q - 1.0).abs() <= NORMALIZED {
                return LN_2;
            }
        }
        divergence
    }
}

/// A function of two vectors of one length.
pub trait OfTwo<'a>: Kernel<Output = f32> {
    #[doc(hidden)]
    fn of(p: &'a [f32], q: &'a [f32]) -> Self;
}

impl<'a> OfTwo<'a> for CrossEntropy<'a> {
    #[inline(always)]
    fn of(p: &'a [f32], q: &'a [f32]) -> Self {
        Self { p, q }
    }
}

impl<'a> OfTwo<'a> for KlDivergence<'a> {
    #[inline(always)]
    fn of(p: &'a [f32], q: &'a [f32]) -> Self {
        Self { p, q }
    }
}

impl<'a> OfTwo<'a> for JsDivergence<'a> {
    #[inline(always)]
    fn of(p: &'a [f32], q: &'a [f32]) -> Self {
        Self { p, q }
    }
}

/// `out[i] = f(p.row(i), q.row(i))`.
pub struct RowsOfTwo<'a, F> {
    p: Rows<'a>,
    q: Rows<'a>,
    out: &'a mut [f32],
    f: PhantomData<F>,
}

impl<'a, F: OfTwo<'a>> RowsOfTwo<'a, F> {
    /// # Errors
    /// [`Error::RowCount`] or [`Error::ColumnCount`] if `q` has another shape than
    /// `p`, [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn new(p: Rows<'a>, q: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_row_count("q", p.rows(), q.rows())?;
        check_column_count("q", p.columns(), q.columns())?;
        check_length("out", p.rows(), out.len())?;
        Ok(Self { p, q, out, f: PhantomData })
    }

    /// Of two vectors, which are no rows if they are empty: `out` stays as it is.
    ///
    /// # Errors
    /// [`Error::Length`] if `q` has another length than `p`.
    #[inline]
    pub(crate) fn one(p: &'a [f32], q: &'a [f32], out: &'a mut [f32; 1]) -> Result<Self, Error> {
        check_length("q", p.len(), q.len())?;
        Ok(Self { p: Rows::one(p), q: Rows::one(q), out, f: PhantomData })
    }
}

impl<'a, F: OfTwo<'a>> Kernel for RowsOfTwo<'a, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for ((p, q), out) in self.p.iter().zip(self.q.iter()).zip(self.out) {
            *out = F::of(p, q).run(simd);
        }
    }
}
