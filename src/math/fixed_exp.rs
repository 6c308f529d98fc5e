//! e^(s·x) as an integer times a power of two. The scalar backend adds up these integers.
//!
//! **Method.** |x| becomes a fixed-point number and is multiplied by s·log2(e), as an integer. With
//! the sign of x, the product is s·x·log2(e) = n + j/64 + (w − ½)/64, where n and j are whole and
//! 0 ≤ w < 1. 2^((w − ½)/64) is p·(1 + w·(C1 + w·C2)) with a constant p, and a table has
//! p·2^(j/64). Only integers are multiplied. Without a floating-point unit this takes a small part
//! of the instructions of a computation in `f32`. Integers also add up exactly, in any order.
//!
//! **Error.** Relative to e^(s·x): the polynomial 6.9e-9, the bits cut off w 5.2e-9, the bits cut
//! off |x| 3.7e-9, the products 0.5e-9, and the rounding of s·log2(e). Together they are at most
//! 1.7e-8, for every s and for |s·x| up to 330.
//!
//! **Coefficients** by `fixed_exp.py`, beside this file.

use super::double_word::{fast_two_sum, product};
use super::fixed_point::{high, power_of_two};
use super::integer::significand;
use super::shift::whole;
use super::shifted_exp::Scale;
use crate::simd::scalar::F32;

/// log2(e) rounded to units of 2^-30, and the exact value less the rounded one, in units of 2^-61.
const LOG2_E: u32 = 0x5C55_1D95;
const LOG2_E_LOW: i32 = -0x28FA_03D1;
/// log2(e) as a double-word number.
const LOG2_E_WORDS: (F32, F32) = (F32(core::f32::consts::LOG2_E), F32(1.925963e-8));

/// The constants of the formula, as integers.
struct Integers {
    /// C1 and C2 in units of 2^-38.
    polynomial: [u32; 2],
    /// p·2^(j/64) in units of 2^-31.
    table: [u32; 64],
}

static INTEGERS: Integers = Integers { polynomial: POLYNOMIAL, table: TABLE };
const POLYNOMIAL: [u32; 2] = [0xB171_9778, 0x00F7_5409];

#[rustfmt::skip]
const TABLE: [u32; 64] = [
    0x7F4F_08C7, 0x80B1_ED69, 0x8218_AF5D, 0x8383_5969, 0x84F1_F671, 0x8664_9176, 0x87DB_359B, 0x8955_EE1F,
    0x8AD4_C661, 0x8C57_C9E0, 0x8DDF_043C, 0x8F6A_8134, 0x90FA_4CA9, 0x928E_729B, 0x9426_FF2D, 0x95C3_FEA5,
    0x9765_7D68, 0x990B_8801, 0x9AB6_2B1B, 0x9C65_7387, 0x9E19_6E38, 0x9FD2_2845, 0xA18F_AEEB, 0xA352_0F89,
    0xA519_57A7, 0xA6E5_94F1, 0xA8B6_D538, 0xAA8D_2675, 0xAC68_96C7, 0xAE49_3475, 0xB02F_0DEF, 0xB21A_31CA,
    0xB40A_AEC6, 0xB600_93CC, 0xB7FB_EFEF, 0xB9FC_D26A, 0xBC03_4AA4, 0xBE0F_682F, 0xC021_3AC8, 0xC238_D258,
    0xC456_3EF3, 0xC679_90DD, 0xC8A2_D884, 0xCAD2_2686, 0xCD07_8BAF, 0xCF43_18F8, 0xD184_DF8C, 0xD3CC_F0C4,
    0xD61B_5E29, 0xD870_3977, 0xDACB_949B, 0xDD2D_81B1, 0xDF96_130B, 0xE205_5B2D, 0xE47B_6CCE, 0xE6F8_5AD9,
    0xE97C_386F, 0xEC07_18E5, 0xEE99_0FC7, 0xF132_30D7, 0xF3D2_900F, 0xF67A_419D, 0xF929_59ED, 0xFBDF_ED9F,
];

/// The numbers of the formula for a scale s, and the center, which is subtracted from each x.
#[derive(Clone, Copy)]
pub(crate) struct Reduction<'a> {
    /// The largest exponent, as stored in the bits of x, that [`moderate`] takes at once. Without a
    /// center it is [`most`](Self::most), with one [`NONE`].
    short: i32,
    /// s·log2(e) times a power of two, as an integer of 30 or 31 bits.
    log2_e: u32,
    /// The exact value less that integer, in units of 2^-31 of the integer's last bit.
    log2_e_low: i32,
    /// An exponent, as stored in the bits of x, up to which |s·x·log2(e)| < 24.
    most: i32,
    /// The number that is subtracted from each x, or 0.
    center: f32,
    /// A reference, so that they are loaded from memory: as constants in the code, each of them
    /// would take two instructions for every x.
    integers: &'static Integers,
    pub(crate) scale: &'a Scale,
}

impl<'a> Reduction<'a> {
    /// The numbers for a scale, without a center.
    #[inline(always)]
    pub(crate) fn new(scale: &'a Scale) -> Self {
        if scale.is_one() { Self::by(scale, LOG2_E, LOG2_E_LOW, 130) } else { Self::of(scale) }
    }

    #[inline(always)]
    fn by(scale: &'a Scale, log2_e: u32, log2_e_low: i32, most: i32) -> Self {
        Self { short: most, log2_e, log2_e_low, most, center: 0.0, integers: &INTEGERS, scale }
    }

    /// The number that is subtracted from each x, or 0.
    #[inline(always)]
    pub(crate) fn center(&self) -> f32 {
        self.center
    }

    /// Sets the number that is subtracted from each x; with None, nothing is subtracted.
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
        // A significand of 1.5 or more is halved: all are from ¾ to 1½, and the product with an x
        // of the exponent `most` is below 24.
        let bits = high.0.to_bits();
        let tall = bits >> 22 & 1;
        let exponent = exponent(bits) - 127 + tall as i32;
        // The lower word in units of the integer's last bit.
        let low = low.0 * power_of_two(30 - exponent);
        let log2_e = (significand(bits) >> (1 + tall)).wrapping_add_signed(whole(low) as i32);
        let low = ((low - whole(low)) * 2_147_483_648.0) as i32; // 2^31
        Self::by(scale, log2_e, low, 130 - exponent)
    }
}

/// An exponent that is below that of every x.
const NONE: i32 = -1000;

/// n for an x so far below the others that its term does not change a sum. For NaN, n is twice
/// this number.
const FAR_BELOW: i32 = -1 << 20;

/// [`fixed_exp`] of any x: with a center, or with an exponent above [`most`](Reduction::most).
#[cold]
#[inline(never)]
fn long(by: &Reduction<'_>, mut bits: u32) -> (u32, i32) {
    if by.center.to_bits() != 0 {
        bits = (f32::from_bits(bits) - by.center).to_bits();
    }
    let shift = by.most - exponent(bits);
    if shift >= 0 {
        return moderate(by, bits, shift.min(31) as u32);
    }
    if shift < -7 {
        return (0, if f32::from_bits(bits).is_nan() { 2 * FAR_BELOW } else { FAR_BELOW });
    }
    // This cuts off only zeros: the lower 8 bits of the significand are 0.
    let m = significand(bits) >> (7 + shift);
    let low = (i64::from(m) * i64::from(by.log2_e_low)) >> 31;
    let product = (u64::from(m) * u64::from(by.log2_e)).wrapping_add_signed(low);
    // s·x·log2(e) in units of 2^-51.
    let t = product as i64 ^ i64::from(bits as i32 >> 31);
    let t = t + (i64::from(HALF) << 25);
    (power(by, (t >> 25) as i32), (t >> 51) as i32)
}

/// 1/128, half of a 64th, in units of 2^-26.
const HALF: i32 = 1 << 19;

/// 2^31·2^f for the fractional part f of s·x·log2(e), where t is s·x·log2(e) in units of 2^-26
/// plus [`HALF`].
#[inline(always)]
fn power(by: &Reduction<'_>, t: i32) -> u32 {
    let ([c1, c2], w) = (by.integers.polynomial, (t as u32) << 12);
    let table = by.integers.table[(t >> 20) as usize & 63];
    let exp_m1 = high(w, c1 + high(w, c2));
    table.wrapping_add(high(table, exp_m1) >> 6)
}

/// The exponent as it is stored: 127 more than that of the value.
#[inline(always)]
fn exponent(bits: u32) -> i32 {
    (bits >> 23 & 0xFF) as i32
}

/// `(m, n)` for the bits of x, with e^(s·(x − center)) = m·2^(n − 31) and
/// 0.99·2^31 < m < 1.99·2^31.
///
/// The power of e should be within ±330, where the error is known. If the power of two is below
/// −3072, m is 0 and n is [`FAR_BELOW`]; between −1536 and −3072 this depends on s.
#[inline(always)]
pub(crate) fn fixed_exp(by: &Reduction<'_>, bits: u32) -> (u32, i32) {
    let shift = (by.short - exponent(bits)) as u32;
    if shift > 31 {
        return long(by, bits);
    }
    moderate(by, bits, shift)
}

/// [`fixed_exp`] of an x with |s·x·log2(e)| < 24.
#[inline(always)]
fn moderate(by: &Reduction<'_>, bits: u32, shift: u32) -> (u32, i32) {
    let t = high(significand(bits) >> shift, by.log2_e) as i32 ^ bits as i32 >> 31;
    let t = t + HALF;
    (power(by, t), t >> 26)
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::assert_about;
    use super::*;

    /// The largest relative error of e^(s·x) for |s·x| up to a bound.
    fn largest(scale: &Scale, most: f64) -> f64 {
        let by = Reduction::new(scale);
        let s = f64::from(scale.words.0) + f64::from(scale.words.1);
        let even = (-20_000..=20_000).map(|i| (most / s * f64::from(i) / 20_000.0) as f32);
        // And numbers next to powers of two, where `moderate` ends and `long` begins.
        let ends = (-20..10).map(|i| libm::exp2f(i as f32)).filter(|x| f64::from(*x) * s < most);
        let ends = ends.flat_map(|x| [x.next_down(), -x.next_down(), x, -x]);
        let errors = even.chain(ends).map(|x| {
            let (m, n) = fixed_exp(&by, x.to_bits());
            let found = f64::from(m) * libm::exp2(f64::from(n - 31));
            (found / libm::exp(s * f64::from(x)) - 1.0).abs()
        });
        errors.fold(0.0, f64::max)
    }

    /// [`SOFTMAX_WORST`](crate::contract::SOFTMAX_WORST) counts these relative errors in ULP.
    #[test]
    fn it_errs_as_stated() {
        // The last two have a product with log2(e) just below 2 and just below 1.5.
        let scales = (0..60).map(|i| 1.0 + i as f32 / 60.0).chain([1.386_294, 1.039_72]);
        let scales = scales.flat_map(|s| [Scale::of(s), Scale::of_inverse(s)]);
        // With s = 1, |s·x| up to 11 needs only `moderate`, and up to 330 also `long`.
        for (most, of_one, stated) in [(11.0, 1.43e-8, 1.7e-8), (330.0, 1.52e-8, 1.7e-8)] {
            let found = scales.clone().map(|scale| largest(&scale, most)).fold(0.0, f64::max);
            assert_about(stated, found);
            assert_about(of_one, largest(&Scale::ONE, most));
        }
    }
}
