//! What is taken from the scores of a row before e^x, and logarithms of what that leaves.
//!
//! **Method.** Terms are e^(s·x) · 2^-N with one whole N for the row, not e^(x − max): the
//! subtraction of max would round, and a power of two is exact. N is chosen so that the term of
//! the row's maximum is about 2^[`LEVEL`]; then a term that is subnormal as a probability is a
//! normal number here. From |s·max| ≥ 224 on, the reduction of x would lose digits. There
//! x − max is exact wherever the term counts: both are multiples of 2^-16, and their difference
//! is below 2^7. So the maximum is subtracted instead, and N is −[`LEVEL`].
//!
//! Terms stop falling at a floor, so that no power leaves the range of normal numbers.
//!
//! **Error.** That of [`shifted_exp`]; the logarithm adds that of
//! [`ln_scaled`], about 2^-26 of itself.

use super::double_word::{fast_two_sum, two_sum};
use super::ln::ln_scaled;
use super::shifted_exp::{self, LN_FACTOR, Scale};
use crate::simd::{Lanes, SIXTEENTHS, Simd, call};

/// From this magnitude of s·max on, the maximum is subtracted.
const EXTREME: f32 = 224.0;
/// The term of the row's maximum is about two to this power.
pub(crate) const LEVEL: f32 = 50.0;
/// Powers of two below N where terms stop falling: 2^24 of those, over a sum of 2^50, are less
/// than half the least subnormal number.
pub(crate) const DEPTH: f32 = 125.0;

/// What is taken from the scores of a row.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    /// Subtracted from x: 0, or the row's maximum where that is extreme.
    pub(crate) center: f32,
    /// N, subtracted from the power of two: a whole number.
    pub(crate) exponent: f32,
}

impl Shift {
    /// For a row with a maximum; NaN where that is not finite.
    #[inline(always)]
    pub(crate) fn of(scale: &Scale, max: f32) -> Self {
        if !is_extreme(scale, max) {
            Self::moderate(scale, max)
        } else if max.is_finite() {
            Self { center: max, exponent: -LEVEL }
        } else {
            Self { center: f32::NAN, exponent: f32::NAN }
        }
    }

    /// For a row with a maximum that is not extreme.
    #[inline(always)]
    pub(crate) fn moderate(scale: &Scale, max: f32) -> Self {
        Self { center: 0.0, exponent: exponent_of(scale, max) }
    }

    /// `(t, δ)` with t · (1 + δ) = FACTOR · e^x · 2^-N, for a double-word x from which the center
    /// has been taken and which is not below the [`floor`](Self::floor).
    #[inline(always)]
    pub(crate) fn terms_of_words<V: Lanes>(self, x: (V, V)) -> (V, V) {
        let zero_point = x.0.splat(SIXTEENTHS - self.exponent);
        shifted_exp::shifted_exp_of_words(x, Scale::ONE.power(x.0, zero_point), zero_point)
    }

    /// FACTOR · e^x · 2^-N as a double-word number, likewise; 0 from the floor down.
    #[inline(always)]
    pub(crate) fn words<V: Lanes>(self, x: (V, V)) -> (V, V) {
        call!(V, (x, self.exponent), |(x, exponent)| {
            let shift = Shift { center: 0.0, exponent };
            let (t, delta) = shift.terms_of_words(x);
            let (is_nothing, zero) = (x.0.le(t.splat(shift.floor())), t.splat(0.0));
            let (e, low) = fast_two_sum(t, t * delta);
            (V::select(is_nothing, zero, e), V::select(is_nothing, zero, low))
        })
    }

    /// Where terms stop falling, for s = 1: an x from which the center has been taken.
    #[inline(always)]
    pub(crate) fn floor(self) -> f32 {
        floor_of(&Scale::ONE, self.exponent)
    }
}

/// Whether s·x is extreme, or a NaN.
#[inline(always)]
pub(crate) fn is_extreme(scale: &Scale, x: f32) -> bool {
    let is_moderate = x.abs() * scale.words.0 < EXTREME;
    !is_moderate
}

/// The nearest whole number, for |x| < 2^22.
#[inline(always)]
pub(crate) fn whole(x: f32) -> f32 {
    (x + 12_582_912.0) - 12_582_912.0 // 1.5 · 2^23
}

/// N of a row with a maximum that is not extreme.
#[inline(always)]
pub(crate) fn exponent_of(scale: &Scale, max: f32) -> f32 {
    whole(max * scale.log2_e) - LEVEL
}

/// Where FACTOR · e^(s·x) · 2^-N stops falling.
#[inline(always)]
pub(crate) fn floor_of(scale: &Scale, exponent: f32) -> f32 {
    (exponent - DEPTH) * scale.octave
}

/// 2^n for whole n up to 127; 0 from −127 down.
#[inline(always)]
pub(crate) fn exp2(n: f32) -> f32 {
    // The exponent comes to lie in the lowest bits, without a conversion.
    f32::from_bits((n.clamp(-127.0, 127.0) + (8_388_608.0 + 127.0)).to_bits() << 23)
}

/// The positive number `(high + low) / FACTOR · 2^exponent`, of which the exponent may be far
/// beyond those of f32.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    /// A whole number of moderate size.
    pub(crate) exponent: f32,
    /// From 1 to below 2; from √½ to below √2 where multiplication is not fused.
    pub(crate) high: f32,
    /// At most half the last bit of `high`.
    pub(crate) low: f32,
}

impl Scaled {
    /// A positive double-word sum of any normal size, times 2^exponent.
    #[inline(always)]
    pub(crate) fn new<S: Simd>(simd: S, exponent: f32, (high, low): (f32, f32)) -> Self {
        let (high, e) = simd.splat(high).split_exp2();
        let (high, e) = (high.first(), e.first());
        Self { exponent: exponent + e, high, low: low * exp2(-e) }
    }

    /// The number's logarithm as a double-word number.
    #[inline(always)]
    pub(crate) fn ln<S: Simd>(self, simd: S) -> (f32, f32) {
        let words = (simd.splat(self.high), simd.splat(self.low));
        let (high, low) = ln_of_shifted(words, simd.splat(self.exponent));
        (high.first(), low.first())
    }
}

/// The logarithm of `(high + low) / FACTOR · 2^exponent` as a double-word number.
#[inline(always)]
pub(crate) fn ln_of_shifted<V: Lanes>(sum: (V, V), exponent: V) -> (V, V) {
    let (high, low) = ln_scaled(sum, exponent);
    let (sum, error) = two_sum(high, high.splat(-LN_FACTOR[0]));
    fast_two_sum(sum, error + (low - LN_FACTOR[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::scalar::{F32, Scalar};

    /// FACTOR in f64.
    fn factor() -> f64 {
        libm::exp(f64::from(LN_FACTOR[0]) + f64::from(LN_FACTOR[1]))
    }

    #[test]
    fn terms_are_exponentials_of_what_the_maximum_leaves() {
        for max in [0.0, -0.0, 1.0, -90.0, 223.0, 224.0, -1e4, 3e38] {
            let shift = Shift::of(&Scale::ONE, max);
            for below in [0.0, 0.5, 17.0, 80.0] {
                let x = max - below;
                let exponent = f64::from(x) - f64::from(shift.center);
                let exact = factor()
                    * libm::exp(exponent - f64::from(shift.exponent) * core::f64::consts::LN_2);
                let (high, low) = shift.words((F32(x - shift.center), F32(0.0)));
                let error = (f64::from(high.0) + f64::from(low.0)) / exact - 1.0;
                assert!(error.abs() < 3e-8, "{max} − {below}: {error:e}");
            }
            let (high, low) = shift.words((F32(f32::NEG_INFINITY), F32(0.0)));
            assert_eq!((high.0, low.0), (0.0, 0.0));
            let (t, _) = shift.terms_of_words((F32(shift.floor()), F32(0.0)));
            assert!(t.0 < exp2(-124.0) && t.0.is_normal(), "{}", t.0);
            assert!(shift.words((F32(f32::NAN), F32(0.0))).0.0.is_nan());
        }
    }

    #[test]
    fn logarithms_take_the_factor_back() {
        for (exponent, high, low) in [(0.0, 1.0, 0.0), (-400.0, 3e30, 1e22), (1e4, 1e-37, 0.0)] {
            let (ln, ln_low) = Scaled::new(Scalar, exponent, (high, low)).ln(Scalar);
            let exact = libm::log((f64::from(high) + f64::from(low)) / factor())
                + f64::from(exponent) * core::f64::consts::LN_2;
            let error = (f64::from(ln) + f64::from(ln_low) - exact) / exact;
            assert!(error.abs() < 2e-8, "{exponent}: {error:e}");
        }
    }

    #[test]
    fn powers_of_two_are_exact() {
        for n in -126..=127 {
            assert_eq!(exp2(n as f32), libm::exp2f(n as f32));
        }
        assert_eq!((exp2(-127.0), exp2(-1000.0)), (0.0, 0.0));
    }
}
