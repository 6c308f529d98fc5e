//! Entropy, cross-entropy and Kullback-Leibler divergence of distributions.
//!
//! Each is a sum of one formula over the elements; a coefficient of zero wins
//! over an infinite logarithm by selection, never by multiplication.

use crate::error::{Error, check_length};
use crate::math::ln::{ln, ln_ratio};
use crate::rows::Rows;
use crate::simd::{Kernel, Lanes, Mask, Simd};
use crate::sweep::{self, Term};

/// p·ln q with 0·ln q = 0 for every q, and NaN for negative p.
#[inline(always)]
fn x_ln_y<V: Lanes>(p: V, q: V) -> V {
    let zero = p.splat(0.0);
    let product = V::select(zero.le(p), p * ln(q), p.splat(f32::NAN));
    V::select(p.eq(zero), zero, product)
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
    fn term<V: Lanes>(self, [p]: [V; 1]) -> V {
        x_ln_y(p, p)
    }
}

#[inline(always)]
fn entropy<S: Simd>(simd: S, p: &[f32]) -> f32 {
    let (high, low) = sweep::sum(simd, EntropyTerm, [p]);
    0.0 - (high + low)
}

impl Kernel for Entropy<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        entropy(simd, self.p)
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
}

impl Kernel for RowsEntropy<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (p, out) in self.p.iter().zip(self.out) {
            *out = entropy(simd, p);
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
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> V {
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

/// p·ln(p/q) with 0·ln(0/q) = 0 and p·ln(p/0) = ∞, and with `more` added where
/// both are positive. Negative, infinite or NaN on either side gives NaN.
#[inline(always)]
fn x_ln_x_over_y<V: Lanes>(p: V, q: V, more: V) -> V {
    let (zero, infinity) = (p.splat(0.0), p.splat(f32::INFINITY));
    let term = V::select(q.eq(zero), infinity, p.mul_add(ln_ratio(p, q), more));
    let term = V::select(p.eq(zero), zero, term);
    let valid = zero.le(p).and(zero.le(q)).and(p.lt(infinity)).and(q.lt(infinity));
    V::select(valid, term, p.splat(f32::NAN))
}

#[derive(Clone, Copy)]
struct Divergence;

impl Term<2> for Divergence {
    #[inline(always)]
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> V {
        x_ln_x_over_y(p, q, p.splat(0.0))
    }
}

#[derive(Clone, Copy)]
struct NormalizedDivergence;

impl Term<2> for NormalizedDivergence {
    #[inline(always)]
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> V {
        let zero = p.splat(0.0);
        let term = x_ln_x_over_y(p, q, q - p);
        // Rounding may leave less than nothing; an impossible p leaves q.
        let term = V::select(term.lt(zero), zero, term);
        V::select(p.eq(zero).and(zero.lt(q)), q, term)
    }
}

#[derive(Clone, Copy)]
struct Difference;

impl Term<2> for Difference {
    #[inline(always)]
    fn term<V: Lanes>(self, [p, q]: [V; 2]) -> V {
        q - p
    }
}

#[derive(Clone, Copy)]
struct Identity;

impl Term<1> for Identity {
    #[inline(always)]
    fn term<V: Lanes>(self, [p]: [V; 1]) -> V {
        p
    }
}

impl Kernel for KlDivergence<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        let (surplus, _) = sweep::sum(simd, Difference, [self.p, self.q]);
        let (mass, _) = sweep::sum(simd, Identity, [self.p]);
        let (high, low) = if surplus.abs() <= NORMALIZED * mass {
            sweep::sum(simd, NormalizedDivergence, [self.p, self.q])
        } else {
            sweep::sum(simd, Divergence, [self.p, self.q])
        };
        high + low
    }
}
