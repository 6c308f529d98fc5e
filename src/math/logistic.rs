//! What σ(x), σ(−x), softplus(x) and softplus(−x) have in common.
//!
//! **Method.** With z = e^-|x| ≤ 1 the lesser σ is z/(1 + z), the greater 1/(1 + z),
//! the lesser softplus ln(1 + z), and the greater that and |x|. One exponential, one
//! reciprocal and one logarithm serve them all. z is carried in two words, and the
//! reciprocal with what it leaves of 1.
//!
//! **Error.** ln(1 + z) errs as in `ln.rs`, and by the rounding of what 1 + z
//! leaves; most where z is about 2^-24, but in two words not there. A quotient has the
//! last addition's half an ULP and less than a tenth for z; where multiplication is not fused, another half for that of the numerator.

#[cfg(doc)]
use super::exp::NORMAL;
use super::exp::{Parts, exp_words};
use super::ln::{Sum, ln_1p_words, or_series};
use super::words::{fast_two_sum, product, remainder};
use crate::simd::{EIGHTHS, Lanes};

/// z = e^-|x| for |x| ≤ [`NORMAL`], and what is made of it.
#[derive(Clone, Copy)]
pub(crate) struct Logistic<V> {
    /// z in two words.
    pub(crate) z: (V, V),
    /// 1/(1 + z) = reciprocal · (1 + left).
    reciprocal: V,
    left: V,
    /// ln(1 + z) is that of `sum` and `rest`.
    sum: V,
    rest: V,
}

impl<V: Lanes> Logistic<V> {
    #[inline(always)]
    pub(crate) fn new(x: V) -> Self {
        let one = x.splat(1.0);
        let (z, z_low) = exp_words(-x.abs());
        let (sum, error) = fast_two_sum(one, z);
        let reciprocal = one / sum;
        let left = z_low.mul_add(-reciprocal, remainder(one - reciprocal, reciprocal, z));
        Self { z: (z, z_low), reciprocal, left, sum, rest: (error + z_low) * reciprocal }
    }

    /// ln(1 + z) as an exact summand and a rounded one.
    #[inline(always)]
    pub(crate) fn ln_1p(&self) -> (V, V) {
        let near = Sum::new(self.sum.split_exp2(), self.rest).summands();
        or_series(self.z, self.z.0, near)
    }

    /// ln(1 + z) in two words.
    #[inline(always)]
    pub(crate) fn ln_1p_words(&self) -> (V, V) {
        ln_1p_words(self.z, self.sum, self.rest)
    }

    /// (numerator + low) / (1 + z).
    #[inline(always)]
    pub(crate) fn quotient(&self, (numerator, low): (V, V)) -> V {
        let quotient = numerator * self.reciprocal;
        let error = numerator.mul_add(self.reciprocal, -quotient);
        quotient + low.mul_add(self.reciprocal, quotient.mul_add(self.left, error))
    }

    /// As [`quotient`](Self::quotient), in two words.
    #[inline(always)]
    pub(crate) fn quotient_words(&self, numerator: (V, V)) -> (V, V) {
        product(numerator, (self.reciprocal, self.reciprocal * self.left))
    }
}

/// e^-|x| in two words far from 0, where 1 + z is 1.
#[derive(Clone, Copy)]
pub(crate) struct Tail<V>(V, V);

impl<V: Lanes> Tail<V> {
    /// By which it is too large, so that nothing is lost while it is multiplied: 2^96.
    const SCALE: f32 = 96.0;

    #[inline(always)]
    pub(crate) fn new(x: V) -> Self {
        // Beyond 230 even the largest factor gives 0.
        let x = -x.abs().clamp(0.0, 230.0);
        let (z, low) = Parts::new(x, x.splat(EIGHTHS + Self::SCALE)).scaled_words();
        Self(z, low)
    }

    /// factor · e^-|x|.
    #[inline(always)]
    pub(crate) fn times(self, factor: (V, V)) -> (V, V) {
        let (high, low) = product(factor, (self.0, self.1));
        let scale = 1.262_177_448_353_618_9e-29; // 2^-96
        (high * scale, low * scale)
    }
}
