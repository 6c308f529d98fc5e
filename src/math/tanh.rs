//! tanh y in two words, and its derivative: what a soft cap needs, since a rounding of a
//! score of 50 would be 32 ULP of its probability.
//!
//! **Method.** With u = e^-2|y| and r = 1/(1 + u), tanh |y| = (1 − u)·r, and the
//! derivative 1 − tanh² y = 4u·r² has no difference in it. Up to |y| = 1/8, where 1 − u
//! would cancel, y + y·P(y²).
//!
//! **Error.** Of tanh y at most 7.0e-10, of the derivative 7.4e-9 of itself.

use super::exp::{Parts, exp_precise};
use super::polynomial::horner;
use super::words::{fast_two_sum, product, remainder};
use super::{Formula, value};
use crate::simd::{EIGHTHS, Lanes};

/// How far the series goes.
const SMALL: f32 = 0.125;

/// (tanh y/y − 1)/y² in y², of which the next term is 5.2e-10 of tanh y where y is 1/8.
const SERIES: [f32; 3] = [-1.0 / 3.0, 2.0 / 15.0, -17.0 / 315.0];

/// By which the derivative is too large, so that its digits are there where it is
/// subnormal: 2^24.
pub(crate) const SCALE: f32 = 16_777_216.0;

/// |y| in two words, but no more than a number from which on nothing changes.
#[inline(always)]
fn magnitude<V: Lanes>((y, low): (V, V), most: f32) -> (V, V) {
    let (zero, most) = (y.splat(0.0), y.splat(most));
    let low = V::select(y.lt(zero), -low, low);
    let is_far = most.le(y.abs());
    (V::select(is_far, most, y.abs()), V::select(is_far, zero, low))
}

/// 1/(1 + u) in two words, for 0 ≤ u ≤ 1.
#[inline(always)]
fn inverse_of_1p<V: Lanes>((u, low): (V, V)) -> (V, V) {
    let one = u.splat(1.0);
    let reciprocal = one / (one + u);
    let left = remainder(one - reciprocal, reciprocal, u) - reciprocal * low;
    (reciprocal, reciprocal * left)
}

/// tanh y for y in two words.
#[inline(always)]
pub(crate) fn tanh<V: Lanes>(y: (V, V)) -> (V, V) {
    struct Tanh;
    impl<V: Lanes> Formula<V> for Tanh {
        type Arguments = (V, V);
        type Value = (V, V);
        #[inline(always)]
        fn value(y: Self::Arguments) -> Self::Value {
            let (distance, low) = magnitude(y, 40.0);
            let square = distance * distance;
            let near_low = (distance * square).mul_add(horner(square, SERIES), low);

            let u = exp_precise((distance * -2.0, low * -2.0));
            let (difference, error) = fast_two_sum(square.splat(1.0), -u.0);
            let (far, far_low) = product((difference, error - u.1), inverse_of_1p(u));

            let is_near = distance.lt(distance.splat(SMALL));
            let (high, low) =
                (V::select(is_near, distance, far), V::select(is_near, near_low, far_low));
            let (high, low) = fast_two_sum(high, low);
            let is_negative = y.0.lt(y.0.splat(0.0));
            (V::select(is_negative, -high, high), V::select(is_negative, -low, low))
        }
    }
    value::<V, Tanh>(y)
}

/// The derivative of [`tanh`] times [`SCALE`].
#[inline(always)]
pub(crate) fn tanh_derivative<V: Lanes>(y: (V, V)) -> (V, V) {
    struct TanhDerivative;
    impl<V: Lanes> Formula<V> for TanhDerivative {
        type Arguments = (V, V);
        type Value = (V, V);
        #[inline(always)]
        fn value(y: Self::Arguments) -> Self::Value {
            let (distance, low) = magnitude(y, 64.0);
            let zero_point = distance.splat(EIGHTHS + 24.0);
            let (u, u_low) = Parts::new(distance * -2.0, zero_point).and(low * -2.0).scaled_words();
            let inverse = inverse_of_1p((u * (1.0 / SCALE), u_low * (1.0 / SCALE)));
            product(product((u * 4.0, u_low * 4.0), inverse), inverse)
        }
    }
    value::<V, TanhDerivative>(y)
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::assert_error;
    use super::super::words::two_sum;
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
        assert_error(stated, [-12.0, 12.0], |y| value(tanh(words(y))) - libm::tanh(y));
    }

    #[test]
    fn derivative_errs_as_stated() {
        let stated = if F32::FUSED { 6.7e-9 } else { 7.4e-9 };
        assert_error(stated, [-50.0, 50.0], |y| {
            let u = libm::exp(-2.0 * y.abs());
            let exact = 4.0 * u / ((1.0 + u) * (1.0 + u));
            value(tanh_derivative(words(y))) / f64::from(SCALE) / exact - 1.0
        });
    }
}
