//! Entropy, cross-entropy and divergences of a row on the scalar backend, by integer arithmetic.
//!
//! **Method.** p, ln q (`integer_ln.rs`) and the term of a divergence (`integer_divergence.rs`)
//! are each an integer times a power of two. So is the sum (`integer_sum.rs`), which is exact
//! except for bits far below its largest term. Functions of their own compute terms with numbers
//! that are not positive, finite and normal, and in a cross-entropy also with every q from 0.75 on.
//!
//! **Error.** Half an ULP for the last rounding. A logarithm adds 2^-27 of its term. What a term of
//! a divergence adds is in `integer_divergence.rs`.
//!
//! The `unsafe` here is sound because a sum reads as many elements as both rows have.
#![allow(unsafe_code)]

use crate::math::integer::{INFINITY, SIGN};
use crate::math::integer_divergence::{
    Number, jensen_shannon, jensen_shannon_of_one, kullback_leibler,
};
use crate::math::integer_ln::{Logarithm, NEAR_1, ln_near_1};
use crate::math::integer_sum::IntegerSum;
use core::f32::consts::LN_2;

/// Sums of P and Q that differ by less than this part of P's count as equal. Softmax results
/// are each within 2 ULP, at most 2^-22 of their value.
pub(super) const NORMALIZED: f32 = 9.536_743_164_062_5e-7; // 2^-20

const ONE: u32 = 1f32.to_bits();
/// The least normal number.
const NORMAL: u32 = f32::MIN_POSITIVE.to_bits();
/// Below this number a logarithm is less than −0.28, and so has enough digits in units of 2^-31.
/// These bits less [`NORMAL`] are a constant that an instruction of ARM can hold.
const AWAY_FROM_1: u32 = 0.75f32.to_bits();
/// The exponent of a sum's unit. A p is m·2^(e − 149) with an e that starts at 0 for the least
/// normal number, and ln q is in units of 2^-31.
const UNIT: i32 = -149 - 31;

/// An exponent below that of any term.
const LEAST: i32 = -1000;
/// Stands in the place of an exponent if a term is not finite. The term then is [`PLUS`] for +∞,
/// [`MINUS`] for −∞, or both bits for NaN, because the sum of +∞ and −∞ is NaN.
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
        0 => sum.opposite().value(UNIT),
        PLUS => INFINITY | SIGN,
        MINUS => INFINITY,
        _ => f32::NAN.to_bits(),
    })
}

/// `(t, e)`: the term t·2^e of p·ln q, for a p that is not 0 and any q.
#[cold]
#[inline(never)]
fn rare(p: u32, q: u32) -> (i64, i32) {
    if p >= INFINITY || q.wrapping_sub(1) >= INFINITY - 1 {
        return (not_finite(p, q).into(), NOT_FINITE);
    }
    // m gets the bit 2^23, which a normal number does not store; a subnormal number is shifted up.
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
    // Between about ¼ and 4 a logarithm may be small: it is taken in units of 2^-35.
    if q.abs_diff(ONE) < 2 << 23 { (ln.number(0) * i64::from(m), e - 4) } else { (ln.times(m), e) }
}

/// The term p·ln q as [`PLUS`], [`MINUS`] or both, for a p that is not 0, where p is negative or
/// not finite, or ln q is not finite.
fn not_finite(p: u32, q: u32) -> u32 {
    let is_nan = p > INFINITY || (q > INFINITY && q != SIGN);
    match q & !SIGN {
        ONE => PLUS | MINUS,
        _ if is_nan => PLUS | MINUS,
        q if q < ONE => MINUS,
        _ => PLUS,
    }
}

/// The number with these bits, if it is positive and normal.
#[inline(always)]
fn normal(x: u32) -> Option<Number> {
    let above = x.wrapping_sub(NORMAL);
    let (m, e) = (x.wrapping_sub(above & INFINITY), (above >> 23) as i32);
    (above < INFINITY - NORMAL).then_some(Number { m, e })
}

/// The number with these bits, which is positive and finite.
#[inline(always)]
fn number(x: u32) -> Number {
    normal(x).unwrap_or_else(|| {
        let zeros = x.leading_zeros() - 8;
        Number { m: x << (zeros & 31), e: -(zeros as i32) }
    })
}

/// Whether these are the bits of +0 or −0.
#[inline(always)]
fn is_0(x: u32) -> bool {
    x << 1 == 0
}

/// Σ x. None if an x is negative, infinite or NaN.
unsafe fn mass(x: *const f32, count: usize) -> Option<IntegerSum> {
    let (mut sum, mut next) = (IntegerSum::ZERO, x);
    while next != x.wrapping_add(count) {
        let x = unsafe { *next }.to_bits();
        next = next.wrapping_add(1);
        let number = match normal(x) {
            Some(number) => number,
            None if is_0(x) => continue,
            None if x >= INFINITY => return None,
            None => number(x),
        };
        sum = sum.plus_word(number.m, number.e);
    }
    Some(sum)
}

/// Σ p·ln(p/q), or Σ (p·ln(p/q) + q − p) if Σ p and Σ q count as equal.
pub(super) unsafe fn kl_divergence(p: *const f32, q: *const f32, count: usize) -> f32 {
    let masses = unsafe { (mass(p, count), mass(q, count)) };
    let (Some(p_mass), Some(q_mass)) = masses else { return f32::NAN };
    let is_normalized = q_mass.is_close_to(p_mass);
    let (mut sum, mut next) = (IntegerSum::ZERO, (p, q));
    while next.0 != p.wrapping_add(count) {
        let (p, q) = unsafe { ((*next.0).to_bits(), (*next.1).to_bits()) };
        next = (next.0.wrapping_add(1), next.1.wrapping_add(1));
        if p == q {
            continue;
        }
        let pair = match (normal(p), normal(q)) {
            (Some(p), Some(q)) => Some((p, q)),
            _ if is_0(p) => None,
            _ if is_0(q) => return f32::INFINITY,
            _ => Some((number(p), number(q))),
        };
        let rest = match pair {
            Some((p, q)) => {
                let ((t, e), is_less) = kullback_leibler(p, q, is_normalized);
                sum = sum.plus(t, e + 31);
                is_less.then_some(q)
            }
            None => (is_normalized && !is_0(q)).then(|| number(q)),
        };
        if let Some(Number { m, e }) = rest {
            sum = sum.plus_word(m, e);
        }
    }
    f32::from_bits(sum.value(UNIT))
}

/// Σ ½·(p·ln(p/m) + q·ln(q/m)) with m = (p + q)/2.
pub(super) unsafe fn js_divergence(p: *const f32, q: *const f32, count: usize) -> f32 {
    let mut sum = IntegerSum::ZERO;
    for i in 0..count {
        let (p, q) = unsafe { ((*p.add(i)).to_bits(), (*q.add(i)).to_bits()) };
        let (one, other) = match (normal(p), normal(q)) {
            (Some(p), Some(q)) => (p, Some(q)),
            _ if (p >= INFINITY && !is_0(p)) || (q >= INFINITY && !is_0(q)) => return f32::NAN,
            _ if is_0(p) && is_0(q) => continue,
            _ if is_0(p) => (number(q), None),
            _ if is_0(q) => (number(p), None),
            _ => (number(p), Some(number(q))),
        };
        let (t, e) = match other {
            Some(_) if p == q => continue,
            Some(other) => jensen_shannon(one, other),
            None => jensen_shannon_of_one(one),
        };
        sum = sum.plus(t, e + 31);
    }
    let divergence = f32::from_bits(sum.value(UNIT));
    // The divergence may exceed ln 2, as rounded probabilities may add up to more than 1.
    if LN_2 < divergence && divergence <= LN_2 * (1.0 + NORMALIZED) {
        let is_1 = |x| {
            let mass = f32::from_bits(unsafe { mass(x, count) }.map_or(0, |mass| mass.value(UNIT)));
            (mass - 1.0).abs() <= NORMALIZED
        };
        if is_1(p) && is_1(q) {
            return LN_2;
        }
    }
    divergence
}
