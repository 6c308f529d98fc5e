//! Sums and factors of the scalar backend, each a whole number times a power of two. The terms of
//! a row are added up to a [`Sum`] and multiplied by a [`Factor`]. A processor without a
//! floating-point unit does each step in a few instructions, and the order of additions does not
//! change a sum.

use super::double_word::{fast_two_sum, two_sum};
use super::integer;
use super::integer_ln::{LN_2, and_1};
use crate::simd::scalar::F32;

/// Bits that a sum has below the last bit of its largest term. A term that is smaller by more
/// than this number of powers of two loses its last bits.
pub(crate) const BELOW: u32 = 16;

/// The upper 32 of the 64 bits of a product.
#[inline(always)]
pub(crate) fn high(a: u32, b: u32) -> u32 {
    ((u64::from(a) * u64::from(b)) >> 32) as u32
}

/// A sum of terms: m·2^e with m < 2^63. Terms are relative to a power of two, which counts as 2^47.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    pub(crate) m: u64,
    pub(crate) e: i32,
}

impl Sum {
    /// An m that says that a term was NaN.
    pub(crate) const NAN: u64 = u64::MAX;

    /// Adds another sum.
    #[inline(never)]
    pub(crate) fn plus(self, more: Self) -> Self {
        let (large, small) = if self.e < more.e { (more, self) } else { (self, more) };
        let (mut m, mut e) = (large.m + (small.m >> (large.e - small.e)), large.e);
        while m >> 62 != 0 {
            (m, e) = (m >> 1, e + 1);
        }
        Self { m, e }
    }

    /// The sum relative to a power of two that is higher by `above`. After that, a term of this
    /// power can be added.
    #[inline(always)]
    pub(crate) fn below(self, above: i32) -> Self {
        let e = (self.e - above).max(0);
        Self { m: self.m >> (above - (self.e - e)).min(63), e }
    }

    /// `(top, more)`: the sum is top·2^more, with top ≥ 2^31 unless the sum is 0. Lower bits are
    /// cut off.
    #[inline(always)]
    pub(crate) fn normalized(self) -> (u32, i32) {
        let zeros = self.m.leading_zeros();
        let top = (self.m << (zeros & 63)) >> 32;
        (top as u32, 32 - zeros as i32 + self.e)
    }

    /// [`normalized`](Self::normalized) in fewer instructions, for a sum that has a term of the
    /// power of two that terms are relative to: then m ≥ 2^46. For a sum of 0, top is 0, and the
    /// exponent means nothing.
    #[inline(always)]
    pub(crate) fn normalized_of_terms(self) -> (u32, i32) {
        let (high, low) = ((self.m >> 32) as u32, self.m as u32);
        // With `| 1` the compiler knows that a shift is less than 32 and does not mask it.
        let zeros = (high | 1).leading_zeros();
        let top = high << zeros | low >> 1 >> (zeros ^ 31);
        (top, 32 - zeros as i32 + self.e)
    }

    /// What a term adds to m, for the term's m and the powers of two d that it is below. 0 if it is
    /// too small for the sum.
    #[inline(always)]
    pub(crate) fn term(self, m: u32, d: i32) -> u64 {
        if d < 48 { (u64::from(m) << BELOW) >> (d + self.e).min(63) } else { 0 }
    }
}

/// m/2 as a double-word number, for m ≥ 2^31.
#[inline(always)]
pub(crate) fn words_of_half(m: u32) -> (F32, F32) {
    let half = m >> 1;
    let high = (half + 64) & !127;
    (F32(high as f32), F32(half.wrapping_sub(high) as i32 as f32))
}

/// ln(1 + z) in units of 2^(-31 − k), for z = y·2^(-31 − k) below 1 and k up to 31. It is
/// [`integer::ln_1p`], compiled once for all callers.
#[inline(never)]
pub(crate) fn ln_1p(y: u32, k: i32) -> u32 {
    integer::ln_1p(y, k)
}

/// ln(m·2^(e − 31)) for m ≥ 2^31 as a double-word number.
#[inline(never)]
pub(crate) fn ln_of(m: u32, e: i32) -> (F32, F32) {
    let ln = ln_1p(m ^ 1 << 31, 0);
    // `high` is in units of 2^-16, and `low`, the rest, in units of 2^-35.
    let [ln_2, ln_2_low] = LN_2;
    let high = e * ln_2 + (ln >> 15) as i32;
    let low = e * ln_2_low + ((ln & 0x7FFF) << 4) as i32;
    (F32(high as f32 * 1.525_878_906_25e-5), F32(low as f32 * 2.910_383_045_673_370_4e-11))
}

/// x · 2^e, rounded once, for e up to 127 and an x for which x · 2^(e/2) is normal.
#[inline(always)]
pub(crate) fn scaled(x: f32, e: i32) -> f32 {
    if e == 0 { x } else { moved(x, e) }
}

#[cold]
#[inline(never)]
fn moved(x: f32, e: i32) -> f32 {
    let half = e / 2;
    x * power_of_two(half) * power_of_two(e - half)
}

/// 2^n for n up to 127; 0 from −127 down.
#[inline(always)]
pub(crate) fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n.clamp(-127, 127) + 127) as u32) << 23)
}

/// The number m · 2^(e − 31) that terms are multiplied by.
#[derive(Clone, Copy)]
pub(crate) struct Factor {
    pub(crate) m: u32,
    pub(crate) e: i32,
}

impl Factor {
    /// The reciprocal of a sum, in which the power of two that its terms are relative to counts as
    /// 1. The sum has a term of this power.
    #[inline(always)]
    pub(crate) fn inverse(sum: Sum) -> Self {
        let (top, more) = sum.normalized_of_terms();
        // A step of Newton's method: it makes 30 correct bits of 15.
        let rough = (u32::MAX / (top >> 16 | 1 << 15)) << 15;
        let rest = high(rough, top).wrapping_neg();
        let m = ((u64::from(rough) * u64::from(rest)) >> 31) as u32;
        Self { m, e: BELOW as i32 - 1 - more }
    }

    /// The factor times a number in two words, which is not negative.
    #[inline(always)]
    pub(crate) fn times(self, words: (f32, f32)) -> Self {
        if words == (1.0, 0.0) { self } else { self.times_other(words) }
    }

    /// [`times`](Self::times) for a number other than 1. If it were inlined, instructions that
    /// prepare for it would also run where the number is 1.
    #[inline(never)]
    fn times_other(self, (x, low): (f32, f32)) -> Self {
        let (x, tiny) = if x < f32::MIN_POSITIVE { (x * 16_777_216.0, -24) } else { (x, 0) };
        let e = (x.to_bits() >> 23) as i32 - 127;
        let low = low * power_of_two(31 - e);
        let m = ((x.to_bits() << 8) | 1 << 31).wrapping_add(low as i32 as u32);
        if x == 0.0 || self.m == 0 {
            return Self { m: 0, e: -1000 };
        }
        let product = u64::from(self.m) * u64::from(m);
        let zeros = product.leading_zeros();
        Self { m: ((product << zeros) >> 32) as u32, e: self.e + e + tiny + 1 - zeros as i32 }
    }

    /// The factor times m·2^(−31 − d), rounded.
    #[inline(always)]
    pub(crate) fn of(self, m: u32, d: i32) -> f32 {
        let (product, e) = (high(m, self.m), self.e - d);
        if e < LEAST { subnormal(product, e) } else { normal(product, e) }
    }
}

/// From this exponent on, a product is 0 or a normal number.
pub(crate) const LEAST: i32 = -125;

/// m · 2^(e − 30), which must be a normal number.
#[inline(always)]
fn normal(m: u32, e: i32) -> f32 {
    f32::from_bits((m as f32).to_bits().wrapping_add(((e - 30) as u32) << 23))
}

/// m · 2^(e − 30), where e is below [`LEAST`].
#[cold]
#[inline(never)]
pub(crate) fn subnormal(m: u32, e: i32) -> f32 {
    // The result in units of the least subnormal number, 2^-149.
    let shift = (-119 - e).min(40) as u32;
    let bits = (u64::from(m) + (1 << (shift - 1))) >> shift;
    if bits < 1 << 24 { f32::from_bits(bits as u32) } else { normal(m, e) }
}

/// `(words, n)` with ln(1 + others/own) = words·2^n. The others' terms are relative to a power of
/// two that is higher than own's by `power`.
pub(crate) fn surprise(others: Sum, own: u32, power: i32) -> ((F32, F32), i32) {
    let (top, more) = others.normalized();
    if top == 0 {
        return ((F32(0.0), F32(0.0)), 0);
    }
    // A sum has 16 bits more than the m of a term.
    let inverse = Factor::inverse(Sum { m: u64::from(own) << BELOW, e: 0 });
    let tail = high(top, inverse.m);
    let zeros = tail.leading_zeros();
    let tail = tail << (zeros & 31);
    // The tail is m·2^(e − 31).
    let e = inverse.e + more - BELOW as i32 + 1 + power - zeros as i32;
    if e < -30 {
        return (words_of_half(tail), e - 30);
    }
    if e < 0 {
        return (words_of_half(ln_1p(tail >> 1, !e)), e - 29);
    }
    let (m, e) = and_1(tail, e);
    (ln_of(m, e), 0)
}

/// A double-word number plus another times 2^e.
pub(crate) fn plus(a: (f32, f32), (high, low): (F32, F32), e: i32) -> (f32, f32) {
    let (sum, error) = two_sum(a.0, scaled(high.0, e));
    fast_two_sum(sum, error + (a.1 + scaled(low.0, e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum is as large as that of 2^30 terms. Relative to a much higher power it has fewer
    /// bits, and a term of that power can be added.
    #[test]
    fn sums_move_to_a_power_above() {
        let sum = Sum { m: (1 << 62) - 1, e: 16 };
        for (above, m, e) in
            [(0, sum.m, 16), (10, sum.m, 6), (16, sum.m, 0), (20, sum.m >> 4, 0), (1000, 0, 0)]
        {
            let moved = sum.below(above);
            assert_eq!((moved.m, moved.e), (m, e), "{above}");
            let all = Sum { m: moved.m + moved.term(1 << 31, 0), ..moved };
            assert!(all.m >= 1 << 46);
            assert_eq!(all.normalized(), all.normalized_of_terms());
        }
    }
}
