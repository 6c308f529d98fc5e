//! The entropy of a row of scores on the scalar backend, by integer arithmetic.
//!
//! **Method.** H = ln(1 + tail) + Σ d·e^-d / (1 + tail), the formula of `entropy_of_scores.rs`. d
//! is the distance of a score from the largest, and tail is Σ e^-d of all scores but the largest,
//! which has d = 0 and e^-d = 1. Distances err by less than 2^-29. `integer.rs` computes e^-d, and
//! `integer_sum.rs` adds up.
//!
//! **Error.** Half an ULP for the last rounding, and 1e-8 of each term.
//!
//! The `unsafe` here is sound because a sum reads as many elements as the row has.
#![allow(unsafe_code)]

use super::row::maximum;
use crate::math::integer::{INFINITY, SIGN, exp_of_minus};
use crate::math::integer_ln::ln_of_sum;
use crate::math::integer_sum::IntegerSum;

/// The distance 128 in units of 2^-29. From this distance on, e^-d counts as 0.
const NOTHING: i64 = 1 << 36;
/// The exponent of 2^33, as it is stored in the bits. From there on, neighbours are 1024 apart or
/// more, which is more than 128.
const FAR: u32 = 160;

/// x in units of 2^-29, cut off, for |x| < 2^33. Other x become ±2^61: [`FAR`] has the reason.
#[inline(always)]
fn fixed(x: u32) -> i64 {
    let e = x >> 23 & 0xFF;
    let m = i64::from(x & 0x7F_FFFF | 1 << 23);
    let size = if e >= FAR {
        1 << 61
    } else if e >= 121 {
        m << (e - 121)
    } else {
        m >> (121 - e).min(31)
    };
    if x & SIGN == 0 { size } else { -size }
}

/// H(softmax(x)) of a row.
pub(super) unsafe fn entropy_of_scores(x: *const f32, count: usize) -> f32 {
    let max = unsafe { maximum(x, count, f32::NEG_INFINITY) };
    if !max.is_finite() {
        return f32::NAN;
    }
    let top = max.to_bits();
    let (fixed_top, is_far) = (fixed(top), top >> 23 & 0xFF >= FAR);
    let (mut tail, mut sum, mut is_own) = (IntegerSum::ZERO, IntegerSum::ZERO, true);
    for i in 0..count {
        let x = unsafe { *x.add(i) }.to_bits();
        let distance = if x == top {
            if is_own {
                is_own = false;
                continue;
            }
            0
        } else if x > INFINITY | SIGN {
            return f32::NAN;
        } else {
            fixed_top - fixed(x)
        };
        if distance >= NOTHING || (is_far && x != top) {
            continue;
        }
        let (m, e, d, unit) = exp_of_minus(distance as u64);
        tail = tail.plus_word(m, e - 31);
        sum = sum.plus(((u64::from(m) * u64::from(d)) >> 1) as i64, e + unit + 1);
    }
    f32::from_bits(if tail.is_0() { 0 } else { ln_of_sum(tail).plus_quotient(sum, tail).value(0) })
}
