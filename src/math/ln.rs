//! ln x.
//!
//! **Method.** x = m·2^e, so ln x = e·ln2 + ln m, kept as three summands: a
//! large one that is exact (ln2 and the table in multiples of 2^-16), one of
//! moderate size, and a small one that takes what the others leave.
//!
//! With fused multiplication: 1 ≤ m < 2 and 1/c from a table of eight, of so few
//! bits that r = m/c − 1 is exact; ln m = ln c + r + r²·P(r). The first entry
//! is 1 and the last 1/2, so that no digits cancel around x = 1, from either
//! side. Without: √½ ≤ m < √2, f = m − 1 and s = f/(2 + f), so
//! ln m = f − (f²/2 − s·(f²/2 + R)) with R = 2s²/3 + 2s⁴/5 + …: a table's r would
//! have to be rounded, and lookups are slow where multiplication is not fused.
//!
//! **Error.** Half an ULP for the last addition. Fused, up to a quarter where r
//! joins the small summand (r is up to half the result) and 0.05 for P (3.0e-9);
//! else the roundings of f²/2 and of what is
//! taken from it, largest where |f| is.
//!
//! **Tried.** Without a table, degree 10 over 0.75 ≤ m < 1.5 errs by 0.781 ULP and
//! takes 1.7 times as long on AVX-512 (by 0.888 where multiplication is not fused).
//! f − s·(f − R) in the place of f − (f²/2 − s·(f²/2 + R)) saves three operations and
//! errs by 0.94.
//!
//! **Coefficients** by `ln.sollya`, beside this file. The table method: P. T. P.
//! Tang, "Table-driven implementation of the logarithm function in IEEE
//! floating-point arithmetic", ACM TOMS 16 (1990). The form with s: K. C. Ng,
//! FreeBSD's msun, 1993.

use super::polynomial::horner;
use super::words::{fast_two_sum, two_sum};
use crate::simd::Lanes;
use crate::sweep::Function;

/// ln 2 in two words, the first a multiple of 2^-16.
const LN_2: [f32; 2] = [0.693145751953125, 1.428606765330187045037746429443359375e-6];

/// 1/c for each eighth of 1 ≤ m < 2.
const RECIPROCAL: [f32; 8] = [1.0, 0.84375, 0.75, 0.6875, 0.625, 0.59375, 0.5625, 0.5];

/// ln c, the nearest multiple of 2^-16.
const LN: [f32; 8] = [
    0.0,
    0.1699066162109375,
    0.287689208984375,
    0.37469482421875,
    0.470001220703125,
    0.52130126953125,
    0.5753631591796875,
    LN_2[0],
];

/// What [`LN`] leaves.
const LN_LOW: [f32; 8] = [
    0.0,
    -7.57941552365082316100597381591796875e-6,
    -7.13653253114898689091205596923828125e-6,
    -1.3747772982242167927324771881103515625e-6,
    2.40854251387645490467548370361328125e-6,
    -4.34589810538454912602901458740234375e-6,
    9.857238865151884965598583221435546875e-7,
    LN_2[1],
];

/// (ln(1 + r) − r) / r² on −1/16 ≤ r ≤ 1/8, largest error 3.0e-9 of ln(1 + r).
const POLYNOMIAL: [f32; 5] = [
    -0.4999998509883880615234375,
    0.33333480358123779296875,
    -0.2501244246959686279296875,
    0.2000420987606048583984375,
    -0.14439134299755096435546875,
];

/// (ln((1 + s)/(1 − s))/s − 2) / z in z = s² up to (√2 − 1)⁴, largest error
/// 1.7e-9 before the division by z.
const ODD: [f32; 3] =
    [0.666667759418487548828125, 0.3997758328914642333984375, 0.29870808124542236328125];

/// No correction: adding −0 is no operation at all, adding +0 would be one.
const NOTHING: f32 = -0.0;

/// ln x.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ln;

impl Function for Ln {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        ln(x)
    }
}

/// ln x for every x.
#[inline(always)]
pub(crate) fn ln<V: Lanes>(x: V) -> V {
    if V::SPLITS_ALL || V::all_normal_positive([x]) {
        return Sum::new(x.split_exp2(), x.splat(NOTHING)).value();
    }
    let zero = x.splat(0.0);
    let y = Sum::new(split(x), x.splat(NOTHING)).value();
    let not_positive = V::select(x.eq(zero), x.splat(f32::NEG_INFINITY), x.splat(f32::NAN));
    let y = V::select(zero.lt(x), y, not_positive);
    V::select(x.eq(x.splat(f32::INFINITY)), x, y)
}

/// ln((x + low) · 2^exponent) in two words, for positive normal x and a `low`
/// of at most half its last bit.
#[inline(always)]
pub(crate) fn ln_scaled<V: Lanes>((x, low): (V, V), exponent: V) -> (V, V) {
    let (m, e) = x.split_exp2();
    Sum::new((m, e + exponent), low / x).words()
}

/// ln(1 + x + low) for 0 ≤ x < 2^100 and a `low` of at most its last bit;
/// small x to full relative accuracy.
#[inline(always)]
pub(crate) fn ln_1p_positive<V: Lanes>((x, low): (V, V)) -> V {
    let (sum, error) = two_sum(x.splat(1.0), x);
    Sum::new(sum.split_exp2(), (error + low) / sum).value()
}

/// ln(x/y) for positive finite x and y, without over- or underflow of the
/// quotient; +0 for x = y.
#[inline(always)]
pub(crate) fn ln_ratio<V: Lanes>(x: V, y: V) -> V {
    let ((x, x_exponent), (y, y_exponent)) = (split(x), split(y));
    let (m, e) = (x / y).split_exp2();
    Sum::new((m, e + (x_exponent - y_exponent)), m.splat(NOTHING)).value()
}

/// [`Lanes::split_exp2`] for positive finite x, subnormals included.
#[inline(always)]
fn split<V: Lanes>(x: V) -> (V, V) {
    if V::SPLITS_ALL {
        return x.split_exp2();
    }
    let subnormal = x.lt(x.splat(f32::MIN_POSITIVE));
    let (m, e) = V::select(subnormal, x * 16_777_216.0, x).split_exp2();
    (m, e - V::select(subnormal, x.splat(24.0), x.splat(0.0)))
}

/// A logarithm as three summands, in falling order of size or the first zero.
#[derive(Clone, Copy)]
pub(super) struct Sum<V> {
    /// Exact.
    high: V,
    /// Exact, and at most 0.6 of `high`.
    middle: V,
    low: V,
}

impl<V: Lanes> Sum<V> {
    /// ln(m · 2^e) + c, for what [`Lanes::split_exp2`] gives and |c| ≤ 2^-23.
    #[inline(always)]
    pub(super) fn new((m, e): (V, V), c: V) -> Self {
        if V::FUSED {
            let [reciprocal, ln, ln_low] = m.lookup_eighth([&RECIPROCAL, &LN, &LN_LOW]);
            let r = m.mul_add(reciprocal, m.splat(-1.0));
            let low = e.mul_add(m.splat(LN_2[1]), ln_low) + c;
            Self {
                high: e.mul_add(m.splat(LN_2[0]), ln),
                middle: r,
                low: (r * r).mul_add(horner(r, POLYNOMIAL), low),
            }
        } else {
            let f = m - 1.0;
            let s = f / (f + 2.0);
            let z = s * s;
            let half = f * f * 0.5;
            let low = (s * (half + z * horner(z, ODD)) + (e * LN_2[1] + c)) - half;
            Self { high: e * LN_2[0], middle: f, low }
        }
    }

    #[inline(always)]
    pub(super) fn value(self) -> V {
        if V::FUSED {
            self.high + (self.middle + self.low)
        } else {
            let (sum, error) = fast_two_sum(self.high, self.middle);
            sum + (error + self.low)
        }
    }

    /// x more, rounded once as far as the two words of a sum go.
    #[inline(always)]
    pub(super) fn plus(self, x: V) -> V {
        let (sum, error) = two_sum(self.high, x);
        let (sum, middle_error) = two_sum(sum, self.middle);
        sum + ((error + middle_error) + self.low)
    }

    #[inline(always)]
    fn words(self) -> (V, V) {
        let (sum, error) = fast_two_sum(self.high, self.middle);
        fast_two_sum(sum, error + self.low)
    }
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::{assert_error, assert_words, value};
    use super::*;

    #[test]
    fn tables_are_logarithms() {
        for ((reciprocal, ln), low) in RECIPROCAL.into_iter().zip(LN).zip(LN_LOW) {
            assert_words(ln, low, -libm::log(reciprocal.into()));
            assert_eq!((ln * 65536.0).fract(), 0.0, "{ln:e} is no multiple of 2^-16");
            assert_eq!((reciprocal * 32.0).fract(), 0.0, "{reciprocal:e} has too many bits");
        }
        assert_words(LN_2[0], LN_2[1], core::f64::consts::LN_2);
    }

    /// r = m/c − 1 is exact and within the polynomial's domain.
    #[test]
    fn every_eighth_reduces_into_the_domain() {
        for (j, reciprocal) in RECIPROCAL.into_iter().enumerate() {
            let first = 1.0 + j as f32 / 8.0;
            for m in [first, (first + 0.125).next_down()] {
                let r = f64::from(m) * f64::from(reciprocal) - 1.0;
                assert_eq!(r, f64::from(r as f32), "{m:e} · {reciprocal:e} − 1");
                assert!((-0.0625..=0.125).contains(&r), "{r:e}");
            }
        }
    }

    #[test]
    fn polynomials_err_as_stated() {
        assert_error(3.0e-9, [-0.0625, 0.125], |r| {
            if r == 0.0 {
                return 0.0;
            }
            (r + r * r * value(&POLYNOMIAL, r) - libm::log1p(r)) / libm::log1p(r)
        });
        let bound = libm::pow(core::f64::consts::SQRT_2 - 1.0, 2.0);
        assert_error(1.7e-9, [1e-3, bound], |s| {
            let exact = libm::log1p(2.0 * s / (1.0 - s)) / s - 2.0;
            s * s * value(&ODD, s * s) - exact
        });
    }
}
