//! tanh y in two words, and its derivative: what a soft cap needs, since a rounding of a
//! score of 50 would be 32 ULP of its probability.
//!
//! **Method.** With u = e^-2|y| and r = 1/(1 + u), tanh |y| = (1 − u)·r, and the
//! derivative 1 − tanh² y = 4u·r² has no difference in it. Up to |y| = 1/8, where 1 − u
//! would cancel, y + y·P(y²).
//!
//! **Error.** Of tanh y at most 7.0e-10, of the derivative 2.0e-9 of itself.

use super::double_word::{fast_two_sum, product, remainder};
use super::exp::exp_precise;
use super::polynomial::horner;
use crate::simd::{EIGHTHS, Lanes, call};

/// How far the series goes.
const SMALL: f32 = 0.125;

/// (tanh y/y − 1)/y² in y², of which the next term is 5.2e-10 of tanh y where y is 1/8.
const SERIES: [f32; 3] = [-1.0 / 3.0, 2.0 / 15.0, -17.0 / 315.0];

/// By which the derivative is too large, so that its digits are there where it is
/// subnormal: 2^64.
pub(crate) const SCALE: f32 = 18_446_744_073_709_551_616.0;

/// |y| from which on the derivative, 1e-55, is 0.
const FAR: f32 = 64.0;

/// 1/(1 + u) in two words, for 0 ≤ u ≤ 1.
#[inline(always)]
fn inverse_of_1p<V: Lanes>((u, low): (V, V)) -> (V, V) {
    let one = u.splat(1.0);
    let reciprocal = one / (one + u);
    let left = remainder(one - reciprocal, reciprocal, u) - reciprocal * low;
    (reciprocal, reciprocal * left)
}

/// tanh y and its derivative times [`SCALE`], for y in two words.
#[inline(always)]
pub(crate) fn tanh<V: Lanes>(y: (V, V)) -> [(V, V); 2] {
    call!(V, y, |(y, low)| {
        let zero = y.splat(0.0);
        let (is_negative, is_far) = (y.lt(zero), y.splat(FAR).le(y.abs()));
        let distance = V::select(is_far, y.splat(FAR), y.abs());
        let low = V::select(is_far, zero, V::select(is_negative, -low, low));
        let square = distance * distance;
        let near_low = (distance * square).mul_add(horner(square, SERIES), low);

        let zero_point = y.splat(EIGHTHS + 64.0);
        let (large, large_low) = exp_precise((distance * -2.0, low * -2.0), zero_point);
        // Below 2^-60 u changes nothing, and as a subnormal number it would take long.
        let is_large = large.splat(16.0).lt(large);
        let u = (
            V::select(is_large, large, zero) * (1.0 / SCALE),
            V::select(is_large, large_low, zero) * (1.0 / SCALE),
        );
        let inverse = inverse_of_1p(u);
        let (difference, error) = fast_two_sum(y.splat(1.0), -u.0);
        let (far, far_low) = product((difference, error - u.1), inverse);

        let is_near = distance.lt(distance.splat(SMALL));
        let (high, low) =
            (V::select(is_near, distance, far), V::select(is_near, near_low, far_low));
        let (high, low) = fast_two_sum(high, low);
        let tanh = (V::select(is_negative, -high, high), V::select(is_negative, -low, low));
        let (slope, slope_low) = product(product((large * 4.0, large_low * 4.0), inverse), inverse);
        [tanh, (V::select(is_far, zero, slope), V::select(is_far, zero, slope_low))]
    })
}

#[cfg(test)]
mod tests {
    use super::super::double_word::two_sum;
    use super::super::polynomial::check::assert_error;
    use super::*;
    use crate::simd::scalar::F32;

    fn words(y: f64) -> (F32, F32) {
        two_sum(F32(y as f32), F32((y - f64::from(y as f32)) as f32))
    }

    fn value((high, low): (F32, F32)) -> f64 {
        f64::from(high.0) + f64::from(low.0)
    }

    #[test]
    fn tanh_errs_as_stated() {
        let stated = if F32::FUSED { 7.0e-10 } else { 6.8e-10 };
        assert_error(stated, [-12.0, 12.0], |y| value(tanh(words(y))[0]) - libm::tanh(y));
    }

    #[test]
    fn derivative_errs_as_stated() {
        let stated = if F32::FUSED { 1.7e-9 } else { 2.0e-9 };
        assert_error(stated, [-50.0, 50.0], |y| {
            let u = libm::exp(-2.0 * y.abs());
            let exact = 4.0 * u / ((1.0 + u) * (1.0 + u));
            value(tanh(words(y))[1]) / f64::from(SCALE) / exact - 1.0
        });
    }
}
