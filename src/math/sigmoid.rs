//! σ(x) = 1 / (1 + e^-x).
//!
//! **Method.** With z = e^-|x| ≤ 1, which never overflows, σ(x) is z/(1 + z) below
//! zero and 1/(1 + z) above. z is carried in two words; the quotient, computed
//! with one reciprocal, is corrected by what it leaves of the numerator. Below −40
//! the value is e^x itself, subnormals included, and above 40 it is 1.
//!
//! **Error.** Half an ULP for the last addition and less than a tenth for z.
//!
//! **Tried.** Two loops, z into a buffer and the quotient from it, to shorten the
//! chain of operations that wait for one another: 5% faster, not worth a second
//! kind of loop. Six vectors side by side instead of four: 9% faster on AVX-512, but
//! others lose, and calls on few elements pay for dividing by 96.

use super::double_word::remainder;
use super::exp::{exp, exp_words};
use crate::simd::Lanes;

/// From 40 on, z is nothing beside 1. It is not computed, as its second word would become subnormal,
/// and a CPU slow.
pub(crate) const FAR: f32 = 40.0;

/// σ(x) for every x.
#[inline(always)]
pub(crate) fn sigmoid<V: Lanes>(x: V) -> V {
    let y = not_tiny(x);
    if V::all_within([x], FAR) {
        return y;
    }
    V::select(x.lt(x.splat(-FAR)), exp(x), y)
}

/// σ(x) for x ≥ −`FAR`; elsewhere any number, but of NaN NaN.
#[inline(always)]
fn not_tiny<V: Lanes>(x: V) -> V {
    let (zero, one) = (x.splat(0.0), x.splat(1.0));
    // In this order a NaN stays one.
    let (z, z_low) = exp_words(x.splat(-FAR).max(-x.abs()));
    let negative = x.lt(zero);
    let numerator = V::select(negative, z, one);
    let numerator_low = V::select(negative, z_low, zero);

    let reciprocal = one / (one + z);
    let quotient = numerator * reciprocal;
    // numerator − quotient · (1 + z), whose first difference is exact.
    let left =
        remainder(numerator - quotient, quotient, z) + quotient.mul_add(-z_low, numerator_low);
    left.mul_add(reciprocal, quotient)
}
