//! e^(s·x) · 2^-N for sums: with a factor of its own, and normal results only.
//!
//! **Method.** As `exp.rs`, with 16 entries: s·x = k·ln2 + r with k a whole number of
//! sixteenths and |r| ≤ ln2/32, so e^(s·x) · 2^-N = 2^⌊k − N⌋ · 2^(j/16) · e^r. The product
//! s·x would be rounded, and is not made: x less k·(ln2/s), exact as it is for s = 1, is r/s,
//! and the polynomial in that has powers of s in its coefficients, see [`Scale`]. Any s takes
//! as long as none. Sums and quotients do not mind a common factor. All results have one, [`FACTOR`], chosen so
//! that all 16 values FACTOR · 2^(j/16) are close to f32 at once and need no second
//! word, and that the polynomial's error goes both ways.
//!
//! **Error.** As t · (1 + δ) it is 2^-25.9 from the table, 2^-29.5 from the polynomial
//! and 2^-29 from roundings, 1.94e-8 together; an s that is rounded adds 6e-10. Where multiplication is not fused, the
//! product with the second word of ln 2 rounds, too: 2.3e-8 for |x| ≤ 360, 2.7e-8 for
//! all, and 3.83e-8 for an s other than 1 and |s·x| ≤ 360. Of x in two words, the table has second words and the polynomial one more
//! coefficient: what roundings leave is 2.21e-9.
//!
//! **Coefficients** by `shifted_exp.sollya` and `shifted_exp.py`, beside this file.

use super::double_word::{divide, fast_two_sum, product};
use super::polynomial::horner;
use crate::simd::scalar::F32;
use crate::simd::{Lanes, call};

const LOG2_E: f32 = 1.44269502162933349609375;

/// ln 2 in two words, see `exp.rs`; the first of nine bits where multiplication is not
/// fused.
const LN_2: [f32; 2] = [0.693147182464599609375, -1.9046542121259335544891655445098876953125e-9];
const LN_2_9: [f32; 2] = [0.693359375, -2.12194441701285541057586669921875e-4];
/// The second of nine bits, too: with the second of [`LN_2`], ln 2 in three words.
const LN_2_MIDDLE: f32 = -2.12192535400390625e-4;

/// What every result has been multiplied with.
#[cfg(test)]
const FACTOR: f64 = 1.0323659081309846;
/// Its logarithm in two words.
pub(crate) const LN_FACTOR: [f32; 2] =
    [3.18531654775142669677734375e-2, 8.81981154776667608530260622501373291015625e-10];

/// FACTOR · 2^(j/16), less j at the place of the exponent's sixteenths.
const TABLE: [f32; 16] = {
    let bits: [u32; 16] = [
        0x3F84_2491,
        0x3F89_FE49,
        0x3F90_1A50,
        0x3F96_7B96,
        0x3F9D_252C,
        0x3FA4_1A45,
        0x3FAB_5E39,
        0x3FB2_F486,
        0x3FBA_E0D1,
        0x3FC3_26E9,
        0x3FCB_CAC8,
        0x3FD4_D094,
        0x3FDE_3CA4,
        0x3FE8_137E,
        0x3FF2_59DD,
        0x3FFD_14B1,
    ];
    let mut table = [0.0; 16];
    let mut j = 0;
    while j < 16 {
        table[j] = f32::from_bits(bits[j] - ((j as u32) << 19));
        j += 1;
    }
    table
};

/// By how much FACTOR · 2^(j/16) is above the table's, as a part of that.
const TABLE_LOW: [f32; 16] = [
    -9.71409464e-09,
    -1.42743921e-08,
    1.06434392e-08,
    1.66606440e-08,
    -1.00706884e-08,
    -1.13423112e-08,
    -2.04343942e-09,
    -3.97140554e-09,
    1.12117107e-08,
    1.41485275e-08,
    -8.37713654e-09,
    8.93418295e-09,
    -1.28186136e-08,
    1.15599397e-09,
    7.36224481e-09,
    4.75847917e-09,
];

/// 1 + r + r²·P(r) is e^r · (1 + b⁴/192) on |r| ≤ b = ln2/32 and 1%, largest error 1.36e-9 of
/// it. The factor is in [`FACTOR`]; without it the error would all be to one side.
const POLYNOMIAL: [f32; 2] = [0.500019967555999755859375, 0.16668663918972015380859375];
/// (e^r − 1 − r) / r² there, largest error 1.1e-11 of e^r.
const LONGER: [f32; 3] = [0.5, 0.16666965186595916748046875, 4.1667275130748748779296875e-2];

/// A number in two words.
type DoubleWord = (f32, f32);

/// What x is multiplied by, s, in the numbers that it takes to reduce x.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// s.
    pub(crate) words: DoubleWord,
    /// 1/s: what the x of a power of e differ by.
    pub(crate) inverse: f32,
    /// ln2/s: what those of a power of two differ by.
    pub(crate) octave: f32,
    /// s/ln2.
    pub(crate) log2_e: f32,
    /// ln2/s, of which the first word is shorter where multiplication is not fused.
    ln_2: [f32; 2],
    ln_2_short: [f32; 2],
    /// [`POLYNOMIAL`] times s² and s³.
    polynomial: [f32; 2],
}

impl Scale {
    /// 1.
    pub(crate) const ONE: Self = Self {
        words: (1.0, 0.0),
        inverse: 1.0,
        octave: LN_2[0],
        log2_e: LOG2_E,
        ln_2: LN_2,
        ln_2_short: LN_2_9,
        polynomial: POLYNOMIAL,
    };
    /// The least and the most: of more, a coefficient might not be a normal number. 2^±30
    pub(crate) const RANGE: [f32; 2] = [9.313_225_7e-10, 1_073_741_824.0];

    /// s, within [`Scale::RANGE`].
    pub(crate) fn of(s: f32) -> Self {
        if s == 1.0 { Self::ONE } else { Self::new((s, 0.0), reciprocal(s)) }
    }

    /// 1/t of a t within [`Scale::RANGE`].
    pub(crate) fn of_inverse(t: f32) -> Self {
        if t == 1.0 { Self::ONE } else { Self::new(reciprocal(t), (t, 0.0)) }
    }

    fn new(s: DoubleWord, inverse: DoubleWord) -> Self {
        let (high, low) = product(lanes((LN_2[0], LN_2[1])), lanes(inverse));
        let (high, low) = fast_two_sum(high.0, low.0);
        // The nearest number of so many bits.
        let short = |bits: u32| {
            let last = 1 << (24 - bits);
            let short = f32::from_bits((high.to_bits() + last / 2) & !(last - 1));
            [short, (high - short) + low]
        };
        Self {
            words: s,
            inverse: inverse.0,
            octave: high,
            log2_e: LOG2_E * s.0,
            ln_2: [high, low],
            ln_2_short: short(10),
            polynomial: [POLYNOMIAL[0] * s.0 * s.0, POLYNOMIAL[1] * s.0 * s.0 * s.0],
        }
    }

    /// Whether it is 1.
    #[inline(always)]
    pub(crate) fn is_one(self) -> bool {
        // As integers, which takes less without a floating-point unit.
        self.words.0.to_bits() == 1f32.to_bits() && self.words.1.to_bits() == 0
    }

    /// s·x/ln2 − N in sixteenths, as [`Lanes::lookup`] takes it, for `zero_point` =
    /// SIXTEENTHS − N with a whole N.
    #[inline(always)]
    pub(crate) fn power<V: Lanes>(self, x: V, zero_point: V) -> V {
        x.mul_add(x.splat(self.log2_e), zero_point)
    }

    /// `(t, δ)` with t · (1 + δ) = FACTOR · e^(s·x) · 2^-N, from x and its
    /// [`power`](Self::power), for |s·x| < 700 and normal results. |δ| ≤ 0.022.
    #[inline(always)]
    pub(crate) fn exp<V: Lanes>(self, x: V, power: V, zero_point: V) -> (V, V) {
        let k = power - zero_point;
        let ln_2 = if V::FUSED { self.ln_2 } else { self.ln_2_short };
        let r = k.mul_add(x.splat(-ln_2[0]), x);
        let r = k.mul_add(x.splat(-ln_2[1]), r);
        let [t] = power.lookup([&TABLE]);
        let polynomial = [self.words.0, self.polynomial[0], self.polynomial[1]];
        (t.add_power::<16>(power), r * horner(r, polynomial))
    }
}

#[inline(always)]
fn lanes((high, low): DoubleWord) -> (F32, F32) {
    (F32(high), F32(low))
}

/// 1/x.
#[inline(always)]
fn reciprocal(x: f32) -> DoubleWord {
    let (high, low) = divide(lanes((1.0, 0.0)), lanes((x, 0.0)));
    (high.0, low.0)
}

/// As [`Scale::exp`], of s = 1, of x + low for a `low` of at most the last bit of
/// x, whose [`power`](Scale::power) is that of x: with a tenth of the error.
#[inline(always)]
pub(crate) fn shifted_exp_of_words<V: Lanes>(x: (V, V), power: V, zero_point: V) -> (V, V) {
    call!(V, (x, power, zero_point), |((x, low), power, zero_point)| {
        let k = power - zero_point;
        let r = if V::FUSED {
            k.mul_add(x.splat(-LN_2[0]), x)
        } else {
            (x - k * LN_2_9[0]) - k * LN_2_MIDDLE
        };
        let r = r + k.mul_add(x.splat(-LN_2[1]), low);
        let [t, t_low] = power.lookup([&TABLE, &TABLE_LOW]);
        let square = r * r;
        (t.add_power::<16>(power), r + square.mul_add(horner(r, LONGER), t_low))
    })
}

#[cfg(test)]
mod tests {
    use super::super::double_word::two_product;
    use super::super::polynomial::check::{assert_about, assert_error, assert_words, value};
    use super::*;
    use crate::simd::SIXTEENTHS;
    use core::f64;

    /// The polynomial's bound: 1% more, as k is rounded.
    const BOUND: f64 = f64::consts::LN_2 / 32.0 * 1.01;

    /// The polynomial's part of [`FACTOR`].
    fn of_polynomial() -> f64 {
        1.0 + libm::pow(BOUND, 4.0) / 192.0
    }

    #[test]
    fn table_and_words_are_as_stated() {
        assert_error(1.547e-8, [0.0, 15.0], |j| {
            let j = j as u32;
            let entry = f32::from_bits(TABLE[j as usize].to_bits() + (j << 19));
            f64::from(entry) * of_polynomial() / (FACTOR * libm::exp2(f64::from(j) / 16.0)) - 1.0
        });
        assert_words(LN_FACTOR[0], LN_FACTOR[1], libm::log(FACTOR), 2e-17);
        assert_words(LN_2[0], LN_2[1], f64::consts::LN_2, 2e-16);
        assert_words(LN_2_9[0], LN_2_9[1], f64::consts::LN_2, 1e-11);
        assert_eq!(LN_2_9[0] + LN_2_MIDDLE, LN_2[0]);
        assert_error(6.7e-16, [0.0, 15.0], |j| {
            let low = 1.0 + f64::from(TABLE_LOW[j as usize]);
            let entry = f32::from_bits(TABLE[j as usize].to_bits() + ((j as u32) << 19));
            f64::from(entry) * low / (FACTOR * libm::exp2(f64::from(j as u32) / 16.0)) - 1.0
        });
        for sixteenths in 1..1u16 << 14 {
            let k = f32::from(sixteenths) / 16.0;
            for ln_2 in [LN_2_9[0], LN_2_MIDDLE] {
                assert_eq!(f64::from(k * ln_2), f64::from(k) * f64::from(ln_2), "{k}");
            }
        }
    }

    #[test]
    fn polynomial_errs_as_stated() {
        assert_error(1.36e-9, [-BOUND, BOUND], |r| {
            (r + r * r * value(&POLYNOMIAL, r) + 1.0) / (libm::exp(r) * of_polynomial()) - 1.0
        });
        assert_error(1.08e-11, [-BOUND, BOUND], |r| {
            (r + r * r * value(&LONGER, r) - libm::expm1(r)) / libm::exp(r)
        });
    }

    #[test]
    fn exp_errs_as_stated() {
        for (most, unfused) in [(360.0, 2.3e-8), (700.0, 2.7e-8)] {
            let stated = if F32::FUSED { 1.94e-8 } else { unfused };
            assert_about(stated, largest(Scale::ONE, most, 1 << 17));
        }
    }

    /// The figures that [`SOFTMAX_WORST`](crate::contract::SOFTMAX_WORST) adds up.
    #[test]
    fn exp_of_any_scale_errs_as_stated() {
        let [least, most] = Scale::RANGE;
        for (most_x, unfused) in [(224.0, 3.35e-8), (312.0, 3.5e-8), (360.0, 3.83e-8)] {
            let mut found = 0.0f64;
            for i in 0..300 {
                let s = (1.0 + i as f32 / 300.0) * [1.0, least, most * 0.5][i % 3];
                found = found.max(largest(Scale::of(s), most_x, 1 << 12));
                found = found.max(largest(Scale::of_inverse(s), most_x, 1 << 12));
            }
            assert_about(if F32::FUSED { 2.03e-8 } else { unfused }, found);
        }
    }

    /// The largest error of e^(s·x) up to an |s·x|.
    fn largest(scale: Scale, most: f32, points: i32) -> f64 {
        let mut largest = 0.0f64;
        for i in -points..=points {
            let y = most * i as f32 / points as f32;
            let middle = libm::round(f64::from(y) / f64::consts::LN_2);
            for apart in [-120.0, -71.0, -7.0, 0.0, 7.0, 50.0, 120.0] {
                let (x, n) = (y * scale.inverse, middle + apart);
                largest = largest.max(error(scale, x, n));
            }
        }
        largest
    }

    #[test]
    fn exp_of_words_errs_as_stated() {
        const POINTS: i32 = 1 << 16;
        let mut largest = 0.0f64;
        for i in -POINTS..=POINTS {
            let (x, low) =
                two_product(F32(i as f32 * (340.0 / POINTS as f32)), F32(1.0 / 3.0 + 0.7));
            let (exact, n) = (f64::from(x.0) + f64::from(low.0), libm::round(f64::from(x.0) * 1.4));
            let zero_point = F32(SIXTEENTHS - n as f32);
            let (t, delta) =
                shifted_exp_of_words((x, low), Scale::ONE.power(x, zero_point), zero_point);
            let exact = FACTOR * libm::exp(exact - n * f64::consts::LN_2);
            let error = f64::from(t.0) * (1.0 + f64::from(delta.0)) / exact - 1.0;
            largest = largest.max(error.abs());
        }
        assert_about(2.21e-9, largest);
    }

    /// The error of t · (1 + δ) in relative terms.
    fn error(scale: Scale, x: f32, n: f64) -> f64 {
        let zero_point = F32(SIXTEENTHS - n as f32);
        let power = scale.power(F32(x), zero_point);
        let (t, delta) = scale.exp(F32(x), power, zero_point);
        assert!(delta.0.abs() <= 0.022, "{x}: {}", delta.0);
        let s = f64::from(scale.words.0) + f64::from(scale.words.1);
        let exponent = s * f64::from(x) - n * f64::consts::LN_2;
        (f64::from(t.0) * (1.0 + f64::from(delta.0)) / (FACTOR * libm::exp(exponent)) - 1.0).abs()
    }
}
