//! A sum of numbers of either sign, as an integer with an exponent that rises with the largest
//! number. The scalar backend adds up p·ln q, divergences and the entropy of scores in such sums.
//!
//! **Error.** An addition cuts off less than 2^-50 of the largest number so far, and so does each
//! rise of the exponent. The value is rounded once.

use super::integer::{INFINITY, SIGN, reciprocal};

/// The sum m·2^e.
#[derive(Clone, Copy)]
pub(crate) struct IntegerSum {
    m: i64,
    e: i32,
}

impl IntegerSum {
    /// The sum of nothing: its exponent is below all others.
    pub(crate) const ZERO: Self = Self { m: 0, e: -1000 };

    /// The sum plus t·2^e, for |t| < 2^62.
    #[inline(always)]
    pub(crate) fn plus(self, mut t: i64, e: i32) -> Self {
        let (sum, d, more) = self.ready(e);
        if more > 0 {
            t = shifted(t, more);
        }
        // t >> d for 1 ≤ d < 32, as shifts of its two words.
        let (high, low) = ((t >> 32) as i32, t as u32);
        let low = low >> d | (high as u32) << (32 - d);
        Self { m: sum.m + (i64::from(high >> d) << 32 | i64::from(low)), ..sum }
    }

    /// The sum plus m·2^(e + 31).
    #[inline(always)]
    pub(crate) fn plus_word(self, mut m: u32, e: i32) -> Self {
        let (sum, d, more) = self.ready(e);
        if more > 0 {
            m = shifted(m.into(), more) as u32;
        }
        let (high, low) = (m >> 1 >> d, m << (31 - d));
        Self { m: sum.m + (i64::from(high) << 32 | i64::from(low)), ..sum }
    }

    /// `(sum, d, more)`: the sum with an exponent at which it has room for a number with the
    /// exponent e, and the shift d + more of that number to the right. d is from 1 to 31, and more
    /// is 0 or what is left.
    #[inline(always)]
    fn ready(self, e: i32) -> (Self, i32, i32) {
        let Self { mut m, e: mut to } = self;
        if ((m >> 32) as i32).wrapping_add(1 << 30) < 0 {
            // |m| is 2^62 or more: half of it leaves room for another number.
            (m, to) = (shifted(m, 1), to + 1);
        }
        let (mut d, mut more) = (to - e, 0);
        if !(1..32).contains(&d) {
            if d > 31 {
                // The number is far smaller than one before.
                (d, more) = (31, d - 31);
            } else {
                // The number has an exponent above that of the sum.
                if m != 0 {
                    m = shifted(m, 1 - d);
                }
                (to, d) = (e + 1, 1);
            }
        }
        (Self { m, e: to }, d, more)
    }

    /// The sum with the other sign.
    #[inline(always)]
    pub(crate) fn opposite(self) -> Self {
        Self { m: -self.m, ..self }
    }

    /// Whether the sum differs from another, which is not negative, by at most 2^-20 of the other.
    pub(crate) fn is_close_to(self, other: Self) -> bool {
        let difference = self.plus(-(other.m >> 1), other.e + 1);
        // The difference has at least the exponent of `other`.
        let most = other.m >> (difference.e - other.e + 20).min(63);
        difference.m.abs() <= most
    }

    /// Whether the sum is 0.
    pub(crate) fn is_0(self) -> bool {
        self.m == 0
    }

    /// `(m, e)` with |sum| = m·2^e and m ≥ 2^31, for a sum that is not 0. Lower bits are cut off.
    #[inline(always)]
    pub(crate) fn normalized(self) -> (u32, i32) {
        let size = self.m.unsigned_abs();
        let zeros = size.leading_zeros();
        (((size << (zeros & 63)) >> 32) as u32, self.e + 32 - zeros as i32)
    }

    /// self + sum/(1 + less), where neither `sum` nor `less` is negative.
    pub(crate) fn plus_quotient(self, sum: Self, less: Self) -> Self {
        if sum.m == 0 {
            return self;
        }
        let ((a, a_e), (b, b_e)) = (sum.normalized(), less.plus(1 << 60, -60).normalized());
        let quotient = (u64::from(a) * u64::from(reciprocal(b | 1 << 31))) >> 1;
        self.plus(quotient as i64, a_e - b_e - 61)
    }

    /// The bits of the sum times 2^unit, rounded to an `f32`.
    pub(crate) fn value(self, unit: i32) -> u32 {
        if self.m == 0 {
            return 0;
        }
        let ((m, e), sign) = (self.normalized(), (self.m >> 32) as u32 & SIGN);
        let e = e + (unit + 31 + 127);
        if 0 < e && e < 255 {
            // The upper bit of m adds 1 to the exponent.
            return ((((m >> 7) + 1) >> 1) + ((e as u32 - 1) << 23)) | sign;
        }
        beyond(m, e) | sign
    }
}

/// The bits of m·2^(e − 127 − 31), for an e at which it is too large or too small for a normal
/// number.
#[cold]
#[inline(never)]
fn beyond(m: u32, e: i32) -> u32 {
    if e > 0 { INFINITY } else { ((m >> 7 >> (1 - e).min(31)) + 1) >> 1 }
}

/// m >> by. It is a function of its own because a shift of 64 bits takes many instructions on a
/// processor of 32 bits, and few additions need it.
#[cold]
#[inline(never)]
fn shifted(m: i64, by: i32) -> i64 {
    m >> by.min(63)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers rise, fall, fill the sum up, or are far from all others.
    #[test]
    fn sums_lose_little() {
        for step in [-40i32, -3, 0, 1, 7, 33, 70] {
            let (mut sum, mut exact, mut most) = (IntegerSum::ZERO, 0.0f64, 0.0f64);
            for i in 0..40i32 {
                let t = i64::from(i).wrapping_mul(0x1234_5678_9ABC_DEF1).rotate_left(7) >> 2;
                let e = (i * step) % 90;
                sum = sum.plus(t, e);
                exact += t as f64 * libm::exp2(f64::from(e));
                let word = 0x00FF_FFFF - i as u32;
                sum = sum.plus_word(word, e + 3);
                exact += f64::from(word) * libm::exp2(f64::from(e + 34));
                most = most.max(libm::exp2(f64::from(e + 62)));
            }
            let found = f64::from(f32::from_bits(sum.value(-40)));
            let exact = exact * libm::exp2(-40.0);
            let error = (found - exact).abs() - exact.abs() * libm::exp2(-24.0);
            assert!(error <= 80.0 * most * libm::exp2(-50.0 - 40.0), "{found} for {exact}");
        }
    }

    #[test]
    fn values_are_rounded_once() {
        let value = |m: i64, e: i32| f32::from_bits(IntegerSum { m, e }.value(0));
        assert_eq!(value(0, 5).to_bits(), 0);
        assert_eq!(value(-3, 0), -3.0);
        assert_eq!(value((1 << 60) - 1, 0), libm::exp2f(60.0));
        assert_eq!(value(0x00FF_FFFF, 104), f32::MAX);
        assert_eq!(value(0x01FF_FFFF, 103), f32::INFINITY);
        assert_eq!(value(-1, 128), f32::NEG_INFINITY);
        assert_eq!(value(1, -149), f32::from_bits(1));
        assert_eq!(value(1, -150), f32::from_bits(1));
        assert_eq!(value(1, -151), 0.0);
        assert_eq!(value(0x00FF_FFFF, -150), f32::MIN_POSITIVE);
    }

    #[test]
    fn sums_are_close_up_to_a_millionth() {
        let of = |m: u32, e: i32| IntegerSum::ZERO.plus_word(m, e);
        assert!(IntegerSum::ZERO.is_close_to(IntegerSum::ZERO));
        assert!(!of(1 << 23, 0).is_close_to(IntegerSum::ZERO));
        assert!(!IntegerSum::ZERO.is_close_to(of(1 << 23, 0)));
        for e in [-140, 0, 100] {
            let one = of(1 << 23, e);
            assert!(of((1 << 23) + 8, e).is_close_to(one) && of((1 << 23) - 8, e).is_close_to(one));
            assert!(
                !of((1 << 23) + 9, e).is_close_to(one) && !of((1 << 23) - 9, e).is_close_to(one)
            );
            assert!(!of(1 << 23, e + 60).is_close_to(one) && !one.is_close_to(of(1 << 23, e + 60)));
        }
    }
}
