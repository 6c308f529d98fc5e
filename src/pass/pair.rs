//! Entropy and cross-entropy of a row on the scalar backend, by integer arithmetic.
//!
//! **Method.** p is an integer times a power of two, and so is ln q (`integer_ln.rs`). Their product
//! is exact but for ln q, and so is the sum but for what is far below its largest term
//! (`integer_sum.rs`). What is not positive, finite and normal, and a q that is near 1 or above it,
//! takes another way.
//!
//! **Error.** Half an ULP for the last rounding, and 2^-27 of each term for its logarithm.
//!
//! The `unsafe` here is sound because a sum reads as many elements as both rows have.
#![allow(unsafe_code)]

use crate::math::integer::{INFINITY, SIGN};
use crate::math::integer_ln::{Logarithm, NEAR_1, ln_near_1};
use crate::math::integer_sum::IntegerSum;

const ONE: u32 = 1f32.to_bits();
/// The least normal number.
const NORMAL: u32 = f32::MIN_POSITIVE.to_bits();
/// Up to here a logarithm is at most −0.28. 0.75 less the least normal number is a constant that an
/// instruction of ARM may hold.
const AWAY_FROM_1: u32 = 0.75f32.to_bits();
/// What an exponent of p from 0 on stands for, in a term with a logarithm in units of 2^-31.
const UNIT: i32 = -149 - 31;

/// An exponent below that of any term.
const LEAST: i32 = -1000;
/// A term that is not finite, in the place of its exponent. The term is [`PLUS`], [`MINUS`], or both if
/// it is NaN, as a sum with infinities of both signs is.
const NOT_FINITE: i32 = i32::MAX;
const PLUS: u32 = 1;
const MINUS: u32 = 2;

/// −Σ p·ln q.
pub(super) unsafe fn cross_entropy(p: *const f32, q: *const f32, count: usize) -> f32 {
    let (mut sum, mut infinities) = (IntegerSum::ZERO, 0);
    for i in 0..count {
        let (p, q) = unsafe { ((*p.add(i)).to_bits(), (*q.add(i)).to_bits()) };
        let (p_above, q_above) = (p.wrapping_sub(NORMAL), q.wrapping_sub(NORMAL));
        let (term, e);
        if p_above < INFINITY - NORMAL && q_above < AWAY_FROM_1 - NORMAL {
            e = (p_above >> 23) as i32;
            term = Logarithm::of_normal(q).times(p - (p_above & INFINITY));
        } else {
            if p << 1 == 0 {
                continue;
            }
            (term, e) = rare(p, q);
            if e == NOT_FINITE {
                infinities |= term as u32;
                continue;
            }
        }
        sum = sum.plus(term, e);
    }
    f32::from_bits(match infinities {
        0 => sum.opposite(UNIT),
        PLUS => INFINITY | SIGN,
        MINUS => INFINITY,
        _ => f32::NAN.to_bits(),
    })
}

/// A term whose p is not 0, and its exponent.
#[cold]
#[inline(never)]
fn rare(p: u32, q: u32) -> (i64, i32) {
    if p >= INFINITY || q.wrapping_sub(1) >= INFINITY - 1 {
        return (not_finite(p, q).into(), NOT_FINITE);
    }
    // With the bit that a normal number does not store, or its like.
    let e = (p >> 23) as i32 - 1;
    let (m, e) = if e < 0 {
        let zeros = p.leading_zeros() - 8;
        (p << zeros, -(zeros as i32))
    } else {
        (p - ((e as u32) << 23), e)
    };
    if NEAR_1.contains(&q) {
        let (l, down) = ln_near_1(q);
        return (l * i64::from(m), if l == 0 { LEAST } else { e + down });
    }
    let ln = if q < NORMAL { Logarithm::of_subnormal(q) } else { Logarithm::of_normal(q) };
    // Up to 4 there may be leading zeros.
    if q.abs_diff(ONE) < 2 << 23 { (ln.times_exactly(m), e - 4) } else { (ln.times(m), e) }
}

/// The term of a p that is not 0, where it or ln q is not finite.
fn not_finite(p: u32, q: u32) -> u32 {
    let is_nan = p > INFINITY || (q > INFINITY && q != SIGN);
    match q & !SIGN {
        ONE => PLUS | MINUS,
        _ if is_nan => PLUS | MINUS,
        q if q < ONE => MINUS,
        _ => PLUS,
    }
}
