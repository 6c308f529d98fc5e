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
//! else the roundings of f²/2 and of what is taken from it, largest where |f| is.
//! In two words neither rounding counts, with f²/2 in two words where multiplication is
//! not fused; what is left errs by at most 0.16 ULP.
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

use super::double_word::{fast_two_sum, remainder, two_sum};
use super::polynomial::horner;
use crate::simd::{Lanes, Logarithms, Reduced, call, reduce};

/// ln 2 in two words, multiples of 2^-16 and of 2^-36.
const LN_2: [f32; 2] = [0.693145751953125, 1.428605173714458942413330078125e-6];

/// For each eighth of 1 ≤ m < 2. The words are multiples of 2^-16 and of 2^-36, so that
/// whole numbers of ln 2 may be added to both exactly.
const LOGARITHMS: Logarithms = Logarithms {
    reciprocal: [1.0, 0.84375, 0.75, 0.6875, 0.625, 0.59375, 0.5625, 0.5],
    ln: [
        0.0,
        0.1699066162109375,
        0.287689208984375,
        0.37469482421875,
        0.470001220703125,
        0.52130126953125,
        0.5753631591796875,
        LN_2[0],
    ],
    ln_low: [
        0.0,
        -7.579408702440559864044189453125e-6,
        -7.136535714380443096160888671875e-6,
        -1.37477763928472995758056640625e-6,
        2.40854569710791110992431640625e-6,
        -4.345900379121303558349609375e-6,
        9.8571763373911380767822265625e-7,
        LN_2[1],
    ],
    ln_2: LN_2,
};

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

/// ln x for every x.
#[inline(always)]
pub(crate) fn ln<V: Lanes>(x: V) -> V {
    if V::SPLITS_ALL || V::all_invertible([x]) {
        return Sum::ln(x).value();
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
pub(crate) fn ln_scaled<V: Lanes>(x: (V, V), exponent: V) -> (V, V) {
    call!(V, (x, exponent), |((x, low), exponent)| {
        let (m, e) = x.split_exp2();
        Sum::precise((m, e + exponent), low / x).words()
    })
}

/// ln(1 + x + low) for 0 ≤ x < 2^100 and a `low` of at most its last bit;
/// small x to full relative accuracy.
#[inline(always)]
pub(crate) fn ln_1p_positive<V: Lanes>(x: (V, V)) -> V {
    call!(V, x, |(x, low)| {
        let (sum, error) = two_sum(x.splat(1.0), x);
        Sum::new(sum.split_exp2(), (error + low) / sum).value()
    })
}

/// As [`ln_1p_positive`], in two words.
#[inline(always)]
pub(crate) fn ln_1p_positive_words<V: Lanes>(x: (V, V)) -> (V, V) {
    call!(V, x, |(x, low)| {
        let (sum, error) = two_sum(x.splat(1.0), x);
        or_series((x, low), x, ln_scaled((sum, error + low), x.splat(NOTHING)))
    })
}

/// ln x in two words, for positive finite x.
#[inline(always)]
pub(crate) fn ln_words<V: Lanes>(x: V) -> (V, V) {
    call!(V, x, |x| {
        if V::FUSED && (V::SPLITS_ALL || V::all_invertible([x])) {
            return Sum::ln(x).words();
        }
        Sum::precise(split(x), x.splat(NOTHING)).words()
    })
}

/// ln(1 − x) in two words for 0 ≤ x < 1.
#[inline(always)]
pub(crate) fn ln_1m_words<V: Lanes>(x: V) -> (V, V) {
    call!(V, x, |x| {
        let (zero, one) = (x.splat(0.0), x.splat(1.0));
        let sum = one - x;
        ln_1p_words((-x, zero), sum, ((one - sum) - x) / sum)
    })
}

/// ln(1 + x) in two words from what 1 + x is rounded to, and the rest of it as a part of
/// that.
#[inline(always)]
pub(super) fn ln_1p_words<V: Lanes>(x: (V, V), sum: V, rest: V) -> (V, V) {
    or_series(x, x.0.abs(), Sum::precise(sum.split_exp2(), rest).words())
}

/// ln(1 + x), but x − x²/2 if x, of that size, is small: the next term is below 2^-33 of
/// it, and what 1 + x leaves would be rounded too often.
#[inline(always)]
pub(super) fn or_series<V: Lanes>((x, low): (V, V), size: V, ln: (V, V)) -> (V, V) {
    let is_small = size.lt(x.splat(SMALL));
    let low = (x * -0.5).mul_add(x, low);
    (V::select(is_small, x, ln.0), V::select(is_small, low, ln.1))
}

const SMALL: f32 = 1.525_878_906_25e-5; // 2^-16

/// ln(x/y) in two words for positive finite x and y, without over- or underflow of
/// the quotient; +0 for x = y.
#[inline(always)]
pub(crate) fn ln_ratio<V: Lanes>(x: V, y: V) -> (V, V) {
    call!(V, (x, y), |(x, y)| {
        let ((x, x_exponent), (y, y_exponent)) = (split(x), split(y));
        let quotient = x / y;
        let (m, e) = quotient.split_exp2();
        // quotient · y is x but for a rounding.
        let rounding = remainder(x, quotient, y) / x;
        Sum::precise((m, e + (x_exponent - y_exponent)), rounding).words()
    })
}

/// ln((1 + s)/(1 − s))/s − 2 for z = s² and |s| ≤ 1/6.
#[inline(always)]
pub(crate) fn odd_ln_over_s_less_2<V: Lanes>(z: V) -> V {
    z * horner(z, ODD)
}

/// [`Lanes::split_exp2`] for positive finite x, subnormals included.
#[inline(always)]
fn split<V: Lanes>(x: V) -> (V, V) {
    if V::SPLITS_ALL || V::all_invertible([x]) {
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
    /// Exact if not [`precise`](Self::precise), and at most 0.6 of `high`.
    middle: V,
    low: V,
}

impl<V: Lanes> Sum<V> {
    /// ln x, for what [`Lanes::all_invertible`] lets through.
    #[inline(always)]
    fn ln(x: V) -> Self {
        if V::FUSED {
            Self::reduced(x.reduce(&LOGARITHMS))
        } else {
            Self::new(x.split_exp2(), x.splat(NOTHING))
        }
    }

    /// ln(m · 2^e) + c, for what [`Lanes::split_exp2`] gives and |c| ≤ 2^-23.
    #[inline(always)]
    pub(super) fn new((m, e): (V, V), c: V) -> Self {
        if V::FUSED {
            let reduced = reduce((m, e), &LOGARITHMS);
            Self::reduced(Reduced { low: reduced.low + c, ..reduced })
        } else {
            let f = m - 1.0;
            let s = f / (f + 2.0);
            let z = s * s;
            let half = f * f * 0.5;
            let low = (s * (half + z * horner(z, ODD)) + (e * LN_2[1] + c)) - half;
            Self { high: e * LN_2[0], middle: f, low }
        }
    }

    /// As [`new`](Self::new), for [`words`](Self::words): `middle` is rounded, and
    /// `low` takes what that leaves.
    #[inline(always)]
    fn precise((m, e): (V, V), c: V) -> Self {
        if V::FUSED {
            return Self::new((m, e), c);
        }
        let f = m - 1.0;
        let s = f / (f + 2.0);
        let z = s * s;
        // f²/2, of which the first word is exact.
        let f_high = f.truncated();
        let half = f_high * f_high * 0.5;
        let half_low = (f + f_high) * (f - f_high) * 0.5;
        let (middle, error) = fast_two_sum(f, -half);
        let tail = s * ((half + half_low) + z * horner(z, ODD)) + (e * LN_2[1] + c);
        Self { high: e * LN_2[0], middle, low: (tail - half_low) + error }
    }

    #[inline(always)]
    fn reduced(Reduced { r, high, low }: Reduced<V>) -> Self {
        Self { high, middle: r, low: (r * r).mul_add(horner(r, POLYNOMIAL), low) }
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

    /// An exact summand and a rounded one, which is at most about as large unless the first
    /// is 0.
    #[inline(always)]
    pub(super) fn summands(self) -> (V, V) {
        (self.high, self.middle + self.low)
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
    use super::super::polynomial::check::{assert_error, assert_words, relative, value};
    use super::*;

    #[test]
    fn tables_are_logarithms() {
        let Logarithms { reciprocal, ln, ln_low, ln_2 } = LOGARITHMS;
        for j in 0..8 {
            assert_words(ln[j], ln_low[j], -libm::log(reciprocal[j].into()), libm::exp2(-37.0));
            assert_eq!((ln[j] * 65536.0).fract(), 0.0, "{:e} is no multiple of 2^-16", ln[j]);
            assert_eq!((ln_low[j] * libm::exp2f(36.0)).fract(), 0.0, "{:e}, of 2^-36", ln_low[j]);
            assert_eq!((reciprocal[j] * 32.0).fract(), 0.0, "{:e} is long", reciprocal[j]);
        }
        assert_words(ln_2[0], ln_2[1], core::f64::consts::LN_2, libm::exp2(-37.0));
        assert_eq!((ln_2[1] * libm::exp2f(36.0)).fract(), 0.0);
    }

    /// r = m/c − 1 is exact and within the polynomial's domain.
    #[test]
    fn every_eighth_reduces_into_the_domain() {
        for (j, reciprocal) in LOGARITHMS.reciprocal.into_iter().enumerate() {
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
            relative(r + r * r * value(&POLYNOMIAL, r), libm::log1p(r))
        });
        let bound = libm::pow(core::f64::consts::SQRT_2 - 1.0, 2.0);
        assert_error(1.7e-9, [1e-3, bound], |s| {
            let exact = libm::log1p(2.0 * s / (1.0 - s)) / s - 2.0;
            s * s * value(&ODD, s * s) - exact
        });
    }
}
