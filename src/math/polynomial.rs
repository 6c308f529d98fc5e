//! Polynomials with constant coefficients.

use crate::simd::Lanes;

/// `c₀ + c₁x + c₂x² + …` by Horner's rule.
#[inline(always)]
pub(crate) fn horner<V: Lanes, const N: usize>(x: V, c: [f32; N]) -> V {
    let mut coefficients = c.into_iter().rev();
    let mut sum = x.splat(coefficients.next().unwrap_or(0.0));
    for c in coefficients {
        sum = sum.mul_add(x, x.splat(c));
    }
    sum
}
