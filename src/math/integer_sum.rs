//! A sum of numbers of either sign as an integer with an exponent, which rises with the largest
//! number: what the scalar backend adds up p·ln q in.
//!
//! **Error.** An addition cuts off less than 2^-50 of the largest number so far, as does each rise
//! of the exponent. The value is rounded once.

use super::integer::{INFINITY, SIGN};

/// m·2^e.
#[derive(Clone, Copy)]
pub(crate) struct IntegerSum {
    m: i64,
    e: i32,
}

impl IntegerSum {
    /// The sum of nothing: its exponent is below all others.
    pub(crate) const ZERO: Self = Self { m: 0, e: -1000 };

    /// A number t·2^e more, with |t| < 2^62.
    #[inline(always)]
    pub(crate) fn plus(self, mut t: i64, e: i32) -> Self {
        let Self { mut m, e: mut to } = self;
        if ((m >> 32) as i32).wrapping_add(1 << 30) < 0 {
            // Room for as much again.
            (m, to) = (shifted(m, 1), to + 1);
        }
        let mut d = to - e;
        if !(1..32).contains(&d) {
            if d > 31 {
                // Far smaller than one before.
                (t, d) = (shifted(t, d - 31), 31);
            } else {
                // Larger than all before.
                (m, to, d) = (shifted(m, 1 - d), e + 1, 1);
            }
        }
        // A shift by less than a word, of words.
        let (high, low) = ((t >> 32) as i32, t as u32);
        let low = low >> d | (high as u32) << (32 - d);
        m += i64::from(high >> d) << 32 | i64::from(low);
        Self { m, e: to }
    }

    /// The sum with the other sign.
    #[inline(always)]
    pub(crate) fn opposite(self) -> Self {
        Self { m: -self.m, ..self }
    }

    /// Another sum less.
    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(-(other.m >> 1), other.e + 1)
    }

    /// The bits of the sum times 2^unit.
    pub(crate) fn value(self, unit: i32) -> u32 {
        let size = self.m.unsigned_abs();
        if size == 0 {
            return 0;
        }
        let zeros = size.leading_zeros();
        let (m, sign) = (((size << zeros) >> 32) as u32, (self.m >> 32) as u32 & SIGN);
        let e = self.e + (unit + 63 + 127) - zeros as i32;
        if 0 < e && e < 255 {
            // 1, the upper bit of m, adds to the exponent.
            return ((((m >> 7) + 1) >> 1) + ((e as u32 - 1) << 23)) | sign;
        }
        beyond(m, e) | sign
    }
}

/// The bits of m·2^(e − 127 − 31), which is too large or too small for a normal number.
#[cold]
#[inline(never)]
fn beyond(m: u32, e: i32) -> u32 {
    if e > 0 { INFINITY } else { ((m >> 7 >> (1 - e).min(31)) + 1) >> 1 }
}

#[cold]
#[inline(never)]
fn shifted(m: i64, by: i32) -> i64 {
    m >> by.min(63)
}
