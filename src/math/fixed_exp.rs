//! e^(s·x) as an integer times a power of two: what the scalar backend sums.
//!
//! **Method.** The bits of x give |x| as a fixed-point number, whose product with the integer of
//! s·log2(e) is ±s·x·log2(e): n + j/64 + (w − ½)/64 with whole n and j and 0 ≤ w < 1. The table has
//! p·2^(j/64), and 2^((w − ½)/64) = p·(1 + w·(C1 + w·C2)). Only integers are multiplied: where there is no
//! floating-point unit, this takes a small part of what `f32` would; and integers add up exactly, in
//! any order.
//!
//! **Error.** 6.9e-9 of the polynomial, 2.6e-9 of what is cut off w, 1.3e-9 of a small |x|, 0.5e-9 of
//! products; where |s·x| is small, s·log2(e) adds 0.7e-9. Together 1.2e-8 for every s and |s·x| up to 330.
//!
//! **Coefficients** by `fixed_exp.py`, beside this file.

use super::double_word::{fast_two_sum, product};
use super::fixed_point::power_of_two;
use super::shift::whole;
use super::shifted_exp::Scale;
use crate::simd::scalar::F32;

/// log2(e) in units of 2^-30, and what that lacks, in units of 2^-61.
const LOG2_E: u32 = 0x5C55_1D95;
const LOG2_E_LOW: i32 = -0x28FA_03D1;
/// log2(e) as a double-word number.
const LOG2_E_WORDS: (F32, F32) = (F32(core::f32::consts::LOG2_E), F32(1.925_963e-8));

/// The integers of the formula.
struct Integers {
    /// C1 and C2 in units of 2^-38.
    polynomial: [u32; 2],
    /// p·2^(31 + j/64).
    table: [u32; 64],
}

static INTEGERS: Integers = Integers { polynomial: POLYNOMIAL, table: TABLE };
const POLYNOMIAL: [u32; 2] = [0xB171_9778, 0x00F7_5409];

#[rustfmt::skip]
const TABLE: [u32; 64] = [
    0x7F4F_08C2, 0x80B1_ED64, 0x8218_AF58, 0x8383_5963, 0x84F1_F66B, 0x8664_9170, 0x87DB_3595, 0x8955_EE19,
    0x8AD4_C65B, 0x8C57_C9DA, 0x8DDF_0436, 0x8F6A_812E, 0x90FA_4CA2, 0x928E_7294, 0x9426_FF27, 0x95C3_FE9E,
    0x9765_7D61, 0x990B_87FA, 0x9AB6_2B15, 0x9C65_7380, 0x9E19_6E31, 0x9FD2_283E, 0xA18F_AEE4, 0xA352_0F82,
    0xA519_57A0, 0xA6E5_94EA, 0xA8B6_D531, 0xAA8D_266D, 0xAC68_96BF, 0xAE49_346E, 0xB02F_0DE7, 0xB21A_31C2,
    0xB40A_AEBE, 0xB600_93C5, 0xB7FB_EFE7, 0xB9FC_D262, 0xBC03_4A9C, 0xBE0F_6827, 0xC021_3AC0, 0xC238_D24F,
    0xC456_3EEB, 0xC679_90D4, 0xC8A2_D87C, 0xCAD2_267E, 0xCD07_8BA6, 0xCF43_18EF, 0xD184_DF83, 0xD3CC_F0BA,
    0xD61B_5E20, 0xD870_396E, 0xDACB_9491, 0xDD2D_81A7, 0xDF96_1301, 0xE205_5B23, 0xE47B_6CC4, 0xE6F8_5ACF,
    0xE97C_3865, 0xEC07_18DB, 0xEE99_0FBD, 0xF132_30CD, 0xF3D2_9004, 0xF67A_4193, 0xF929_59E2, 0xFBDF_ED94,
];

/// The upper half of a product.
#[inline(always)]
pub(crate) fn high(a: u32, b: u32) -> u32 {
    ((u64::from(a) * u64::from(b)) >> 32) as u32
}

/// The numbers of the formula for an s, and what is taken from x.
#[derive(Clone, Copy)]
pub(crate) struct Reduction<'a> {
    /// The exponent of the largest x that goes the short way, as their bits have it: [`most`](Self::most)
    /// if there is no center.
    short: i32,
    /// s·log2(e), of 30 or 31 bits, and what that lacks, in units of 2^-31.
    log2_e: u32,
    log2_e_low: i32,
    /// The exponent of the largest x with |s·x·log2(e)| < 12.
    most: i32,
    center: f32,
    /// In memory: as constants, each would take two instructions, every time.
    integers: &'static Integers,
    pub(crate) scale: &'a Scale,
}

impl<'a> Reduction<'a> {
    /// Without a center.
    #[inline(always)]
    pub(crate) fn new(scale: &'a Scale) -> Self {
        if scale.is_one() { Self::by(scale, LOG2_E, LOG2_E_LOW, 129) } else { Self::of(scale) }
    }

    #[inline(always)]
    fn by(scale: &'a Scale, log2_e: u32, log2_e_low: i32, most: i32) -> Self {
        Self { short: most, log2_e, log2_e_low, most, center: 0.0, integers: &INTEGERS, scale }
    }

    /// What is taken from x.
    #[inline(always)]
    pub(crate) fn center(&self) -> f32 {
        self.center
    }

    /// Takes another number from x, or none.
    #[inline(always)]
    pub(crate) fn set_center(&mut self, center: Option<f32>) {
        self.center = center.unwrap_or(0.0);
        self.short = if center.is_some() { NONE } else { self.most };
    }

    #[cold]
    #[inline(never)]
    fn of(scale: &'a Scale) -> Self {
        let (s, low) = scale.words;
        let (high, low) = product((F32(s), F32(low)), LOG2_E_WORDS);
        let (high, low) = fast_two_sum(high, low);
        // From 1.5 on, its bits are those of a number below 1: products have room for half a 64th.
        let bits = high.0.to_bits();
        let tall = bits >> 22 & 1;
        let exponent = exponent(bits) - 127 + tall as i32;
        // In units of the last bit.
        let low = low.0 * power_of_two(30 - exponent);
        let log2_e = (significand(bits) >> (1 + tall)).wrapping_add_signed(whole(low) as i32);
        let low = ((low - whole(low)) * 2_147_483_648.0) as i32; // 2^31
        Self::by(scale, log2_e, low, 129 - exponent)
    }
}

/// An exponent that every x exceeds.
const NONE: i32 = -1000;

/// n of an x that is so far below 0 that a sum has nothing of it. That of NaN is twice as far.
const FAR_BELOW: i32 = -1 << 20;

/// [`fixed_exp`] of any x.
#[cold]
#[inline(never)]
fn long(by: &Reduction<'_>, mut bits: u32) -> (u32, i32) {
    if by.center.to_bits() != 0 {
        bits = (f32::from_bits(bits) - by.center).to_bits();
    }
    let shift = by.most - exponent(bits);
    if shift < -7 {
        return (0, if f32::from_bits(bits).is_nan() { 2 * FAR_BELOW } else { FAR_BELOW });
    }
    let m = significand(bits);
    let low = (i64::from(m) * i64::from(by.log2_e_low)) >> 31;
    let product = (u64::from(m) * u64::from(by.log2_e)).wrapping_add_signed(low);
    // In units of 2^-52.
    let t = product as i64 >> (7 + shift).min(63) ^ i64::from(bits as i32 >> 31);
    let t = t + (i64::from(HALF) << 25);
    (power(by, (t >> 25) as i32), (t >> 52) as i32)
}

/// Half of a 64th in units of 2^-27.
const HALF: i32 = 1 << 20;

/// 2^(31 + t), where t is in units of 2^-27 and [`HALF`] more, and its whole part does not count.
#[inline(always)]
fn power(by: &Reduction<'_>, t: i32) -> u32 {
    let ([c1, c2], w) = (by.integers.polynomial, (t as u32) << 11);
    let table = by.integers.table[(t >> 21) as usize & 63];
    let exp_m1 = high(w, c1 + high(w, c2));
    table.wrapping_add(high(table, exp_m1) >> 6)
}

#[inline(always)]
fn significand(bits: u32) -> u32 {
    bits << 8 | 1 << 31
}

#[inline(always)]
fn exponent(bits: u32) -> i32 {
    (bits >> 23 & 0xFF) as i32
}

/// `(m, n)` with e^(s·(x − center)) = m·2^(n − 31) and 0.99·2^31 < m < 1.99·2^31, for
/// the bits of an x, and exponents of e within ±350. Farther down m is 0, and n [`FAR_BELOW`].
#[inline(always)]
pub(crate) fn fixed_exp(by: &Reduction<'_>, bits: u32) -> (u32, i32) {
    let shift = (by.short - exponent(bits)) as u32;
    if shift > 31 {
        return long(by, bits);
    }
    let t = high(significand(bits) >> shift, by.log2_e) as i32 ^ bits as i32 >> 31;
    let t = t + HALF;
    (power(by, t), t >> 27)
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::assert_about;
    use super::*;

    /// The largest error of e^x for |x| up to a bound.
    fn largest(scale: &Scale, most: f64) -> f64 {
        let by = Reduction::new(scale);
        let s = f64::from(scale.words.0) + f64::from(scale.words.1);
        let even = (-20_000..=20_000).map(|i| (most / s * f64::from(i) / 20_000.0) as f32);
        // And where ways end: numbers below powers of two.
        let ends = (-20..10).map(|i| libm::exp2f(i as f32)).filter(|x| f64::from(*x) * s < most);
        let ends = ends.flat_map(|x| [x.next_down(), -x.next_down(), x, -x]);
        let errors = even.chain(ends).map(|x| {
            let (m, n) = fixed_exp(&by, x.to_bits());
            let found = f64::from(m) * libm::exp2(f64::from(n - 31));
            (found / libm::exp(s * f64::from(x)) - 1.0).abs()
        });
        errors.fold(0.0, f64::max)
    }

    /// The figures that [`SOFTMAX_WORST`](crate::contract::SOFTMAX_WORST) adds up.
    #[test]
    fn it_errs_as_stated() {
        // One has a product with log2(e) of just below 2, another of just below 1.5.
        let scales = (0..60).map(|i| 1.0 + i as f32 / 60.0).chain([1.386_294, 1.039_72]);
        let scales = scales.flat_map(|s| [Scale::of(s), Scale::of_inverse(s)]);
        // Of the short way, and of the long one.
        for (most, of_one, stated) in [(7.9, 1.11e-8, 1.2e-8), (330.0, 1.09e-8, 1.2e-8)] {
            let found = scales.clone().map(|scale| largest(&scale, most)).fold(0.0, f64::max);
            assert_about(stated, found);
            assert_about(of_one, largest(&Scale::ONE, most));
        }
    }
}
