//! ln x and ln(1 + x) by integer arithmetic, for the scalar backend.
//!
//! **Method.** x = m·2^e with 1 ≤ m < 2. A table has 1/c and ln c for a number c near m. 1/c has so
//! few bits that q = 1 − m/c is exact. Then ln x = e·ln2 + ln c − q − q²·(½ + q·(C2 + q·C3)). This
//! is computed as a large integer in units of 2^-16 and a small one in units of 2^-35. Both are
//! converted to `f32` and added, which rounds the small one and the result. For x near 1 the large
//! integer is 0, and the small one has too few digits. There, with d = −q, ln x = d + d·(d·P(d)),
//! whose products keep the digits of d. Every processor gives the same bits.
//!
//! **Error.** The rounding of the result is half an ULP. For x away from 1, the rounding of the
//! small number, which may be half as large as the result, adds up to 0.25, the polynomial 0.02
//! (3.6e-11) and what is cut off 0.03. For m up to 33/32, where c is 1, q is as large as 1/32.
//! There the polynomial adds up to 0.08 (4.4e-9), and the rounding of the small number only 0.02.
//! For x near 1, relative to the result, P adds 7.5e-10 and what is cut off 2^-31.
//!
//! **Coefficients** by `integer_ln.py`, beside this file. `ln.rs` has more of the method.

use super::integer::{INFINITY, SIGN, high, rounded, significand};
use super::integer_sum::IntegerSum;

/// ln 2 rounded to units of 2^-16, and the exact value less the rounded one, in units of 2^-35.
pub(super) const LN_2: [i32; 2] = [0x0000_B172, 0x0000_BFBF];

/// Three numbers for each 32nd of 1 ≤ m < 2.
struct Table {
    /// 1/c in units of 2^-12.
    reciprocal: [u32; 32],
    /// ln c − 126·ln 2 as two numbers `high` and `low`, in the units of [`LN_2`].
    high: [i32; 32],
    low: [i32; 32],
}

#[rustfmt::skip]
static TABLE: Table = Table {
    reciprocal: [
        0x1000, 0x0F49, 0x0ED7, 0x0E6C, 0x0E07, 0x0DA7, 0x0D4C, 0x0CF6, 0x0CA4, 0x0C56,
        0x0C0C, 0x0BC5, 0x0B81, 0x0B41, 0x0B03, 0x0AC7, 0x0A8F, 0x0A58, 0x0A23, 0x09F1,
        0x09C1, 0x0992, 0x0965, 0x093A, 0x0910, 0x08E8, 0x08C1, 0x089B, 0x0876, 0x0853,
        0x0831, 0x0800,
    ],
    high: [
        -0x0057_561C, -0x0057_4A69, -0x0057_42D7, -0x0057_3B87, -0x0057_346D, -0x0057_2D7D, -0x0057_26BC,
        -0x0057_202F, -0x0057_19C7, -0x0057_1388, -0x0057_0D76, -0x0057_0780, -0x0057_01A8, -0x0056_FC08,
        -0x0056_F676, -0x0056_F0F4, -0x0056_EBB4, -0x0056_E671, -0x0056_E144, -0x0056_DC49, -0x0056_D769,
        -0x0056_D28C, -0x0056_CDCD, -0x0056_C92E, -0x0056_C496, -0x0056_C023, -0x0056_BBB8, -0x0056_B757,
        -0x0056_B301, -0x0056_AED5, -0x0056_AAB7, -0x0056_A4AA,
    ],
    low: [
        -0x005E_6002, -0x005A_FB73, -0x005D_A327, -0x005A_F60C, -0x005C_7835, -0x005D_A8DB, -0x005D_CE9D,
        -0x005D_CAA1, -0x005D_E85B, -0x005D_C2D3, -0x005E_2084, -0x005A_D52B, -0x005A_ADA0, -0x005B_5B78,
        -0x005D_580D, -0x005D_DB02, -0x005E_CA87, -0x005C_AC3D, -0x005C_8DEA, -0x005C_13B3, -0x005D_4C6F,
        -0x005A_C8F2, -0x005B_7876, -0x0060_B17F, -0x0062_29D2, -0x005B_E1A1, -0x005E_35DD, -0x005F_C53B,
        -0x005F_6C32, -0x0062_5AA4, -0x0061_EA3B, -0x005D_A043,
    ],
};

/// ½, C2 and C3 in units of 2^-29, 2^-26 and 2^-23.
const POLYNOMIAL: [i32; 3] = [0x1000_0000, 0x0155_6222, 0x0020_0000];

/// (ln(1 + d) − d)/d² in units of 2^-31, 2^-28, 2^-25 and 2^-22.
const NEAR: [i32; 4] = [-0x3FFF_FFCF, 0x0555_5550, -0x0080_16CE, 0x000C_CF3E];

/// A logarithm as high·2^-16 + (low − q − rest)·2^-35.
#[derive(Clone, Copy)]
pub(crate) struct Logarithm {
    high: i32,
    low: i32,
    /// m/c − 1 = −q in units of 2^-35, modulo 2^32.
    quotient: u32,
    /// The polynomial q²·(½ + q·(C2 + q·C3)) in units of 2^-35.
    rest: i32,
}

impl Logarithm {
    /// ln(m·2^(e − 149)) for 2^23 ≤ m < 2^24.
    #[inline(always)]
    fn of_24_bits(m: u32, e: i32) -> Self {
        let j = (m >> 18) as usize & 31;
        // The product is m/c in units of 2^-35. Its overflow takes 1 away.
        Self::new(e, j, m.wrapping_mul(TABLE.reciprocal[j]))
    }

    /// ln x for the bits of a normal x.
    #[inline(always)]
    pub(crate) fn of_normal(bits: u32) -> Self {
        let e = bits.wrapping_sub(1 << 23) >> 23;
        // With the bit that is not stored.
        Self::of_24_bits(bits.wrapping_sub(e << 23), e as i32)
    }

    /// ln x for the bits of a subnormal x.
    #[inline(always)]
    pub(crate) fn of_subnormal(bits: u32) -> Self {
        let zeros = bits.leading_zeros() - 8;
        Self::of_24_bits(bits << zeros, -(zeros as i32))
    }

    /// ln(m·2^(e − 157)) for m ≥ 2^31.
    #[inline(always)]
    pub(crate) fn of_32_bits(m: u32, e: i32) -> Self {
        let j = (m >> 26) as usize & 31;
        Self::new(e, j, ((u64::from(m) * u64::from(TABLE.reciprocal[j])) >> 8) as u32)
    }

    /// The logarithm of 2^(e − 126)·m, for the j-th c and the [`quotient`](Self::quotient).
    #[inline(always)]
    fn new(e: i32, j: usize, quotient: u32) -> Self {
        let (q, [c1, c2, c3]) = (quotient.wrapping_neg() as i32, POLYNOMIAL);
        // This is −(C2 + q·C3). Of C2 + q·C3 the compiler would see that it is positive, and would
        // multiply it as an unsigned number, with more instructions.
        let minus_c = -c2 - high(q, c3);
        let rest = high(q, high(q, c1 - high(q, minus_c)));
        let [ln_2, ln_2_low] = LN_2;
        Self { high: e * ln_2 + TABLE.high[j], low: e * ln_2_low + TABLE.low[j], quotient, rest }
    }

    /// q in units of 2^-35.
    #[inline(always)]
    fn q(self) -> i32 {
        self.quotient.wrapping_neg() as i32
    }

    /// The small number with the opposite sign: the logarithm is high·2^-16 − less·2^-35.
    #[inline(always)]
    fn less(self) -> i32 {
        self.q() + self.rest - self.low
    }

    /// The logarithm times m in units of 2^-31, for m < 2^24. It is too small by less than m units.
    #[inline(always)]
    pub(crate) fn times(self, m: u32) -> i64 {
        let high = i64::from((m << 7) as i32) * i64::from(self.high << 8);
        high + i64::from(m as i32) * i64::from((self.low + self.quotient as i32 - self.rest) >> 4)
    }

    /// The logarithm in units of 2^(cut − 35), too large by less than one unit. With `cut` = 0, its
    /// size is below 2^43.
    #[inline(always)]
    pub(crate) fn number(self, cut: u32) -> i64 {
        (i64::from(self.high) << (19 - cut)) - i64::from(self.less() >> cut)
    }

    /// A logarithm from 0 to 1 in units of 2^-32, too large by less than one unit.
    #[inline(always)]
    pub(crate) fn fraction(self) -> u32 {
        ((self.high as u32) << 16).wrapping_sub((self.less() >> 3) as u32)
    }

    /// The bits of the logarithm as an `f32`.
    #[inline(always)]
    fn rounded(self) -> u32 {
        if self.high == 0 {
            return near_1_by(self.q());
        }
        // The factors are 2^-16 and 2^-35.
        let high = self.high as f32 * 1.525_878_906_25e-5;
        let less = self.less() as f32 * 2.910_383_045_673_370_4e-11;
        (high - less).to_bits()
    }
}

/// `(y, n)` with y·2^(n − 31) = 1 + m·2^(e − 31) and y ≥ 2^31, for m ≥ 2^31 and e > −32. Lower bits
/// are cut off.
#[inline(always)]
pub(crate) fn and_1(m: u32, e: i32) -> (u32, i32) {
    if e < 0 {
        return (m >> (-e & 31) | SIGN, 0);
    }
    let one = if e < 32 { SIGN >> (e & 31) } else { 0 };
    let (sum, carry) = m.overflowing_add(one);
    if carry { (sum >> 1 | SIGN, e + 1) } else { (sum, e) }
}

/// `(y, e)` with |ln(1 + d)| = y·2^(e − 31), for d = ±m·2^(−31 − k) with |d| ≤ 0.0323, m ≥ 2^31 and
/// 5 ≤ k ≤ 35. The upper bit of `sign` is the sign of d.
#[inline(always)]
fn near_1(m: u32, k: u32, sign: u32) -> (u32, i32) {
    // d in units of 2^-35.
    let d = (m >> ((k - 4) & 31)) as i32 ^ (sign as i32 >> 31);
    let [c1, c2, c3, c4] = NEAR;
    let rest = high(d, c1 + high(d, c2 + high(d, c3 + high(d, c4))));
    let m = m >> 1;
    (m.wrapping_add((high(m as i32, rest) >> 2) as u32), 1 - k as i32)
}

/// The bits of ln(1 − q), for q in units of 2^-35.
#[cold]
#[inline(never)]
fn near_1_by(q: i32) -> u32 {
    if q == 0 {
        return 0;
    }
    let size = q.unsigned_abs();
    let zeros = size.leading_zeros();
    let sign = !q as u32 & SIGN;
    let (m, e) = near_1(size << zeros, zeros + 4, sign);
    rounded(m, e) | sign
}

/// The bits of the numbers for which [`ln_near_1`] gives the logarithm: from 63/64 to below 33/32.
pub(crate) const NEAR_1: core::ops::Range<u32> = 0x3F7C_0000..0x3F84_0000;

/// `(y, e)` with ln x = y·2^(e − 31) and |y| < 2^32, for the bits of an x in [`NEAR_1`].
#[inline(always)]
pub(crate) fn ln_near_1(bits: u32) -> (i64, i32) {
    // d is x − 1 in units of 2^-24 for x < 1, and of 2^-23 for x ≥ 1; |x − 1| is in units of 2^-24.
    let d = bits.wrapping_sub(1f32.to_bits()) as i32;
    let size = if d < 0 { d.unsigned_abs() } else { d.unsigned_abs() << 1 };
    let (zeros, sign) = ((size | 1).leading_zeros(), d as u32 & SIGN);
    let (m, e) = near_1(size << zeros, zeros - 7, sign);
    (if d < 0 { -i64::from(m) } else { m.into() }, e)
}

/// ln(1 + x) for a sum x > 0.
pub(crate) fn ln_of_sum(x: IntegerSum) -> IntegerSum {
    let (m, e) = x.normalized();
    // 2^power ≤ x < 2^(power + 1).
    let power = e + 31;
    if power < -33 {
        return x;
    }
    if power < -5 {
        let (y, e) = near_1(m, -power as u32, 0);
        return IntegerSum::ZERO.plus(y.into(), e - 31);
    }
    let (m, e) = x.plus(1 << 60, -60).normalized();
    IntegerSum::ZERO.plus(Logarithm::of_32_bits(m, e + 157).number(0), -35)
}

/// The bits of ln x, for the bits of x.
#[inline(always)]
pub(crate) fn ln(bits: u32) -> u32 {
    if bits.wrapping_sub(1 << 23) < 0x7F00_0000 {
        Logarithm::of_normal(bits).rounded()
    } else {
        ln_rare(bits)
    }
}

/// [`ln`] of an x that is not both positive and normal.
#[cold]
#[inline(never)]
fn ln_rare(bits: u32) -> u32 {
    if bits << 1 == 0 {
        return INFINITY | SIGN;
    }
    if bits >= INFINITY {
        // ln(+∞) = +∞. The rest is negative or NaN, and the result NaN.
        return if bits == INFINITY { bits } else { bits | 0x7FC0_0000 };
    }
    Logarithm::of_subnormal(bits).rounded()
}

/// The bits of ln(1 + x), for the bits of x.
#[inline(always)]
pub(crate) fn ln_1p(bits: u32) -> u32 {
    let size = bits << 1;
    // Up to |x| = 0.032: the sum 1 + x would lose digits of x.
    if size <= 0.032f32.to_bits() << 1 {
        // Below |x| = 2^-26 the result is x.
        let exponent = size >> 24;
        if exponent < 127 - 26 {
            return bits;
        }
        let sign = bits & SIGN;
        let (m, e) = near_1(significand(bits), 127 - exponent, sign);
        return rounded(m, e) | sign;
    }
    if bits >= INFINITY {
        return ln_of_less_than_1(bits);
    }
    let (m, e) = and_1(significand(bits), (bits >> 23) as i32 - 127);
    Logarithm::of_32_bits(m, e + 126).rounded()
}

/// [`ln_1p`] of x < −0.032, +∞ and NaN.
#[cold]
#[inline(never)]
fn ln_of_less_than_1(bits: u32) -> u32 {
    if bits >= (-1f32).to_bits() {
        return match bits {
            0xBF80_0000 => INFINITY | SIGN,
            _ => bits | 0x7FC0_0000,
        };
    }
    if bits < SIGN {
        return if bits == INFINITY { bits } else { bits | 0x40_0000 };
    }
    // 1 + x in units of 2^-32.
    let sum = 0u32.wrapping_sub(significand(bits) >> ((126 - (bits >> 23 & 0xFF)) & 31));
    let zeros = sum.leading_zeros();
    Logarithm::of_32_bits(sum << zeros, 125 - zeros as i32).rounded()
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::{assert_error, relative};
    use super::*;

    #[test]
    fn table_holds_logarithms_and_reduces_into_the_domain() {
        let exact = |high: i32, low: i32| {
            f64::from(high) / libm::exp2(16.0) + f64::from(low) / libm::exp2(35.0)
        };
        let ln_2 = exact(LN_2[0], LN_2[1]);
        assert!((ln_2 - core::f64::consts::LN_2).abs() <= libm::exp2(-36.0));
        for j in 0..32 {
            let one_over_c = f64::from(TABLE.reciprocal[j]) / 4096.0;
            let left = exact(TABLE.high[j], TABLE.low[j]) + 126.0 * ln_2 + libm::log(one_over_c);
            assert!(left.abs() <= libm::exp2(-36.0), "ln c of the {j}th lacks {left}");
            for m in [32 + j, 33 + j] {
                let q = 1.0 - m as f64 / 32.0 * one_over_c;
                let most = if j == 0 { 1.0 / 32.0 } else { 1.0 / 64.0 };
                assert!(q.abs() <= most, "q is {q} at {m}/32");
            }
        }
    }

    #[test]
    fn polynomials_err_as_stated() {
        let value = |c: &[i32], first: f64, step: f64, x: f64| {
            let bits = |i: usize| libm::exp2(first - step * i as f64);
            let terms = c.iter().enumerate().rev();
            terms.fold(0.0, |sum, (i, &c)| sum * x + f64::from(c) / bits(i))
        };
        for (stated, domain) in
            [(3.6e-11, [-1.0 / 64.0, 1.0 / 64.0]), (4.33e-9, [-1.0 / 32.0, 0.0])]
        {
            assert_error(stated, domain, |q| {
                -q - q * q * value(&POLYNOMIAL, 29.0, 3.0, q) - libm::log1p(-q)
            });
        }
        assert_error(7.5e-10, [-0.0323, 0.0323], |d| {
            relative(d + d * d * value(&NEAR, 31.0, 3.0, d), libm::log1p(d))
        });
    }
}
