//! e^x and functions of it by integer arithmetic: what the scalar backend computes.
//!
//! **Method.** The bits of x give |x| as a fixed-point number, whose product with log2(e) is
//! −log2(e^x) or its opposite: k + (j + ½)/16 + w/16 with whole k and j and |w| ≤ ½. The table has
//! 2^(1 − (j + ½)/16), and 2^(-w/16) = 1 + w·(w·(A2 − w·A3) − A1). σ(x) and ln(1 + e^x) are made of
//! e^-|x| with one division, e^x − 1 up to |x| = 0.4 is a polynomial. Results are rounded once, as
//! their bits are put together. Where there is no floating-point unit, all this takes a thirtieth of
//! what `f32` would, and elsewhere less than it. Every processor gives the same bits.
//!
//! **Error.** Half an ULP for the rounding of the result. Of e^x in units of it, at most 0.04 for the
//! polynomial (2.4e-9), 0.03 for what is cut off |x| below 2^-6 (2^-29), 0.03 for log2(e) (1.7e-9 for
//! |x| < 8, from there on nothing), 0.02 for what is cut off products. σ(x) adds 0.03 for the
//! reciprocal (1.9e-9), ln(1 + e^x) 0.08 for its series (4.6e-9). e^x − 1 has more of e^x's error
//! where it is less than e^x.
//!
//! **Coefficients** by `integer.py`, beside this file.

/// log2(e) in units of 2^-30, and what that is too much, in units of 2^-62.
const LOG2_E: u32 = 0x5C55_1D95;
const LOG2_E_LOW: u32 = 0x51F4_07A2;

/// A1, A2 and A3 in units of 2^-35.
const POLYNOMIAL: [i32; 3] = [0x58B9_0CAC, 0x01EC_0000, 0x0007_1800];

/// 2^(1 − (j + ½)/16) in units of 2^-30, and [`HALF`] more.
#[rustfmt::skip]
static TABLE: [i32; 16] = [
    0x7D41_D9AD, 0x77F2_5D0D, 0x72DC_83B3, 0x6DFD_DC0B, 0x6954_0F08, 0x64DC_DF02, 0x6096_26A4, 0x5C7D_D7E3,
    0x5891_FB00, 0x54D0_AD9A, 0x5138_21C1, 0x4DC6_9D1C, 0x4A7A_7814, 0x4752_1D05, 0x444C_0780, 0x4166_C38C,
];

/// Half an ULP of a number from 1 to 2, in units of 2^-30.
const HALF: u32 = 64;

pub(crate) const INFINITY: u32 = f32::INFINITY.to_bits();
pub(crate) const SIGN: u32 = 1 << 31;

/// The upper half of a product.
#[inline(always)]
pub(super) fn high(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b)) >> 32) as i32
}

/// The significand of a normal number, in units of 2^-31.
#[inline(always)]
pub(super) fn significand(bits: u32) -> u32 {
    bits << 8 | 1 << 31
}

/// 2^(1 − t) without its whole part, in units of 2^-30 and [`HALF`] more, for t in units of 2^-59.
#[inline(always)]
fn power(t: u64) -> u32 {
    let (w, [a1, a2, a3]) = (rest(t), POLYNOMIAL);
    times_table(t, high(w, high(w, a2 - high(w, a3)) - a1))
}

/// w of t, in units of 2^-32.
#[inline(always)]
fn rest(t: u64) -> i32 {
    ((t >> 23) as u32 ^ 1 << 31) as i32
}

/// The table's number for t, times 1 + m1.
#[inline(always)]
fn times_table(t: u64, m1: i32) -> u32 {
    let table = TABLE[(t >> 55) as usize & 15];
    (table as u32).wrapping_add((high(table, m1) >> 3) as u32)
}

/// How far the significand of x is shifted to be |x| in units of 2^-29: at most 31 if |x| is
/// below 8 and not below 2^-29, else more.
#[inline(always)]
fn shift(bits: u32) -> u32 {
    129u32.wrapping_sub(bits >> 23 & 0xFF)
}

/// |x|·log2(e) in units of 2^-59, where [`shift`] is at most 31.
#[inline(always)]
fn product(bits: u32, shift: u32) -> u64 {
    u64::from(significand(bits) >> shift) * u64::from(LOG2_E)
}

/// e^x as y·2^(n − 30) with 2^30 ≤ y < 2^31, where [`shift`] is at most 31. There is [`HALF`] more
/// in y.
#[inline(always)]
fn near(bits: u32, shift: u32) -> (u32, i32) {
    // As `power(!t)` would, of which only the index is inverted.
    let t = product(bits, shift) ^ i64::from(bits as i32 >> 31) as u64;
    let (w, [a1, a2, a3]) = (rest(t), POLYNOMIAL);
    let y = times_table(!t, high(w, high(w, a2 + high(w, a3)) + a1));
    (y, (t as i64 >> 59) as i32)
}

/// e^-|x| as y·2^(-31 − k), likewise.
#[inline(always)]
fn near_below_1(bits: u32, shift: u32) -> (u32, i32) {
    let t = product(bits, shift);
    (power(t), (t >> 59) as i32)
}

/// e^x as y·2^(-31 − k) for 8 ≤ |x| < 128.
#[cold]
#[inline(never)]
fn far(bits: u32) -> (u32, i32) {
    // |x| in units of 2^-25.
    let x = significand(bits) >> (133u32.wrapping_sub(bits >> 23) & 31);
    let low = (u64::from(x) * u64::from(LOG2_E_LOW)) >> 32;
    let t = (u64::from(x) * u64::from(LOG2_E) - low) ^ i64::from(!bits as i32 >> 31) as u64;
    (power(t << 4), (t as i64 >> 55) as i32)
}

/// `(y, n)` with e^x = y·2^(n − 30) for |x| < 128, and y from 2^30 to 2^31: more exact than the e^x of
/// sums (`fixed_exp.rs`).
#[inline(never)]
pub(crate) fn exp_parts(bits: u32) -> (u32, i32) {
    let shift = shift(bits);
    if shift <= 31 {
        let (y, n) = near(bits, shift);
        return (y - HALF, n);
    }
    if is_tiny(bits) {
        return (1 << 30, 0);
    }
    let (y, k) = far(bits);
    (y - HALF, !k)
}

/// `(m, e, n, unit)` for a distance d in units of 2^-29, up to d = 128: e^-d = m·2^e with m < 2^31,
/// and d = n·2^unit.
#[inline(always)]
pub(crate) fn exp_of_minus(d: u64) -> (u32, i32, u32, i32) {
    if d >> 32 == 0 {
        let t = d * u64::from(LOG2_E);
        return (power(t) - HALF, -31 - (t >> 59) as i32, d as u32, -29);
    }
    // d in units of 2^-25.
    let n = (d >> 4) as u32;
    let low = (u64::from(n) * u64::from(LOG2_E_LOW)) >> 32;
    let rest = ((d & 15) * u64::from(LOG2_E)) >> 4;
    let t = u64::from(n) * u64::from(LOG2_E) - low + rest;
    (power(t << 4) - HALF, -31 - (t >> 55) as i32, n, -25)
}

/// The bits of y·2^(n − 30), which is normal, with [`HALF`] in y.
#[inline(always)]
fn normal(y: u32, n: i32) -> u32 {
    (y >> 7).wrapping_add((n as u32) << 23).wrapping_add(126 << 23)
}

/// The bits of m·2^(e − 31), which is normal.
#[inline(always)]
pub(super) fn rounded(m: u32, e: i32) -> u32 {
    let zeros = m.leading_zeros();
    let m = m << (zeros & 31);
    (((m >> 7) + 1) >> 1).wrapping_add(((e - zeros as i32 + 126) as u32) << 23)
}

/// 2^62 / d for 2^31 ≤ d < 2^32, with a relative error up to 1.9e-9. Callers write `d | 1 << 31`
/// though this bit is set: otherwise the compiler would add a panic for d = 0.
#[inline(always)]
pub(super) fn reciprocal(d: u32) -> u32 {
    // Newton's step: of 15 bits makes 30.
    let rough = (u32::MAX / (d >> 16)) << 14;
    let excess = (((u64::from(rough) * u64::from(d)) >> 32) as u32) << 2;
    rough.wrapping_sub(high(rough as i32, excess as i32) as u32)
}

/// e^x.
#[inline(always)]
pub(crate) fn exp(bits: u32) -> u32 {
    let shift = shift(bits);
    if shift > 31 {
        return exp_far(bits);
    }
    let (y, n) = near(bits, shift);
    normal(y, n)
}

/// e^x for |x| < 2^-29 or ≥ 8.
#[cold]
#[inline(never)]
fn exp_far(bits: u32) -> u32 {
    if is_tiny(bits) {
        return 1f32.to_bits();
    }
    if bits << 1 > INFINITY << 1 {
        return bits | 0x40_0000; // a quiet NaN
    }
    // Beyond these, where e^x is 2^128 and 2^-150, it is +∞ and 0.
    if bits >= 0xC2CF_F1B5 {
        return 0;
    }
    if bits as i32 >= 0x42B1_7218 {
        return INFINITY;
    }
    let (y, k) = far(bits);
    if k < 126 {
        return normal(y, !k);
    }
    // In units of the least number, 2^-149.
    (((y - HALF) >> ((k - 119) & 31)) + 1) >> 1
}

/// Of x that is not [`near`], whether it is too small rather than too large.
#[inline(always)]
fn is_tiny(bits: u32) -> bool {
    bits << 1 < 1 << 31
}

/// Whether e^-|x| is nothing beside 1: from 22 on, or NaN.
#[inline(always)]
fn is_large(bits: u32) -> bool {
    bits << 1 >= 22f32.to_bits() << 1
}

/// e^x where it is small, `positive` for positive x, for what [`is_large`].
#[cold]
#[inline(never)]
fn large(bits: u32, positive: u32) -> u32 {
    if bits <= INFINITY { positive } else { exp_far(bits) }
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid(bits: u32) -> u32 {
    let shift = shift(bits);
    if shift > 29 {
        return sigmoid_far(bits);
    }
    let (y, k) = near_below_1(bits, shift);
    sigmoid_of(bits, y, k)
}

/// The same for |x| < 2^-27 or ≥ 8.
#[cold]
#[inline(never)]
fn sigmoid_far(bits: u32) -> u32 {
    if is_tiny(bits) {
        return 0.5f32.to_bits();
    }
    if is_large(bits) {
        return large(bits, 1f32.to_bits());
    }
    let (y, k) = far(bits | SIGN);
    sigmoid_of(bits, y, k)
}

/// With z = e^-|x|, z/(1 + z) below 0 and 1/(1 + z) above.
#[inline(always)]
fn sigmoid_of(bits: u32, y: u32, k: i32) -> u32 {
    let y = y - HALF;
    let reciprocal = reciprocal(y >> (k & 31) | 1 << 31);
    if bits as i32 >= 0 {
        return ((reciprocal + 64) >> 7) + (125 << 23);
    }
    // In units of 2^(-31 − k), and within 2^29 and 2^31.
    let quotient = ((u64::from(reciprocal) * u64::from(y << 1)) >> 32) as u32;
    let top = quotient >> 30;
    let m = ((quotient << (top ^ 1)) + 64) >> 7;
    m + (124 << 23) + (top << 23) - ((k as u32) << 23)
}

/// (atanh(s)/s − 1)/s² in units of 2^-32.
pub(super) const ATANH: [i32; 4] = [0x5555_40BC, 0x333A_2AC4, 0x23D8_FC7D, 0x23D4_9B45];

/// ln(1 + e^x).
#[inline(always)]
pub(crate) fn softplus(bits: u32) -> u32 {
    let shift = shift(bits);
    if shift > 29 {
        return softplus_far(bits);
    }
    let (y, k) = near_below_1(bits, shift);
    let ln = ln_1p(y - HALF, k);
    if (bits as i32) < 0 {
        return rounded(ln, -k);
    }
    match (significand(bits) >> shift).checked_add(ln >> (k & 31) >> 2) {
        Some(sum) => rounded(sum, 2),
        None => softplus_far(bits),
    }
}

/// The same for |x| < 2^-27 or > 7.9.
#[cold]
#[inline(never)]
fn softplus_far(bits: u32) -> u32 {
    if is_tiny(bits) {
        return core::f32::consts::LN_2.to_bits();
    }
    if is_large(bits) {
        return large(bits, bits);
    }
    let (y, k) = far(bits | SIGN);
    let ln = ln_1p(y - HALF, k);
    if (bits as i32) < 0 {
        return rounded(ln, -k);
    }
    let x = significand(bits) >> (131u32.wrapping_sub(bits >> 23) & 31);
    rounded(x + (ln >> (k & 31) >> 4), 4)
}

/// ln(1 + z) in units of 2^(-31 − k) for z = y·2^(-31 − k) below 1 and k up to 31, as
/// 2·atanh(z/(2 + z)).
#[inline(always)]
pub(super) fn ln_1p(y: u32, k: i32) -> u32 {
    let k = k & 31;
    let reciprocal = reciprocal(y >> k >> 1 | 1 << 31);
    // s in units of 2^(-32 − k).
    let s = (u64::from(reciprocal) * u64::from(y << 1)) >> 32;
    let z = high(s as i32 >> k, s as i32 >> k);
    let [c1, c2, c3, c4] = ATANH;
    let rest = high(z, c1 + high(z, c2 + high(z, c3 + high(z, c4))));
    (s as i32 + high(s as i32, rest)) as u32
}

/// (e^x − 1 − x)/x² in units of 2^-31.
const EXP_M1: [i32; 6] =
    [0x4000_0018, 0x1555_5558, 0x0555_50A9, 0x0111_108C, 0x002D_BD3A, 0x0006_86E4];

/// e^x − 1.
#[inline(always)]
pub(crate) fn exp_m1(bits: u32) -> u32 {
    let shift = shift(bits);
    if bits << 1 <= 0.4f32.to_bits() << 1 {
        if shift > 31 {
            return bits;
        }
        let m = significand(bits) >> 1;
        // In units of 2^-32.
        let x = (m >> ((shift - 4) & 31)) as i32 ^ (bits as i32 >> 31);
        let [c1, c2, c3, c4, c5, c6] = EXP_M1;
        let h = c3 + high(x, c4 + high(x, c5 + high(x, c6)));
        let rest = high(x, c1 + high(x, c2 + high(x, h)));
        let m = m.wrapping_add((high(m as i32, rest) << 1) as u32);
        return rounded(m, 3 - shift as i32) | bits & SIGN;
    }
    let (y, n) = if shift < 30 {
        near(bits, shift)
    } else if is_large(bits) {
        return if bits >> 31 == 1 && bits << 1 <= INFINITY << 1 {
            (-1f32).to_bits()
        } else {
            exp_far(bits)
        };
    } else {
        let (y, k) = far(bits);
        (y, !k)
    };
    let y = y - HALF;
    if (bits as i32) < 0 {
        return rounded((1 << 30) - (y >> 1 >> (!n & 31)), 1) | SIGN;
    }
    rounded(y - (1 << 30 >> (n & 31)), n + 1)
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::{assert_error, relative};
    use super::*;

    /// A polynomial of integers, in units of 2^-bits.
    fn value(c: &[i32], bits: f64, x: f64) -> f64 {
        c.iter().rev().fold(0.0, |sum, &c| sum * x + f64::from(c)) / libm::exp2(bits)
    }

    #[test]
    fn polynomials_err_as_stated() {
        let [a1, a2, a3] = POLYNOMIAL;
        assert_error(2.6e-9, [-0.5, 0.5], |w| {
            let found = 1.0 + w * value(&[-a1, a2, -a3], 35.0, w);
            relative(found, libm::exp2(-w / 16.0))
        });
        assert_error(7.5e-10, [-0.4, 0.4], |x| {
            relative(x + x * x * value(&EXP_M1, 31.0, x), libm::expm1(x))
        });
        assert_error(4.61e-9, [1e-3, 1.0 / 3.0], |s| {
            relative(s + s * s * s * value(&ATANH, 32.0, s * s), libm::atanh(s))
        });
    }

    #[test]
    fn numbers_are_what_they_stand_for() {
        let log2_e = f64::from(LOG2_E) - f64::from(LOG2_E_LOW) / libm::exp2(32.0);
        assert!((log2_e / libm::exp2(30.0) - core::f64::consts::LOG2_E).abs() < 1e-16);
        for (j, &table) in TABLE.iter().enumerate() {
            let exact = libm::exp2(30.0 + (15.5 - j as f64) / 16.0);
            assert!((f64::from(table) - f64::from(HALF) - exact).abs() < 2e-9 * exact);
        }
    }

    /// What is twice as large has 32 bits.
    #[test]
    fn the_largest_power_is_below_2() {
        assert!((0..16).all(|k| power(k << 59) - HALF < 1 << 31));
    }

    #[test]
    fn reciprocal_errs_as_stated() {
        let found = |d: u32| f64::from(reciprocal(d)) * f64::from(d) / libm::exp2(62.0) - 1.0;
        let errors = (1u32 << 31..u32::MAX).step_by(9973).map(found);
        assert!(errors.into_iter().all(|error| (-8e-10..=1.9e-9).contains(&error)));
    }
}
