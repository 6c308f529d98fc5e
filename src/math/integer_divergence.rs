//! The terms of divergences by integer arithmetic, for the scalar backend.
//!
//! **Method.** p and q are m·2^e with an m of 24 bits. Let s = (q − p)/(q + p). If p and q are
//! close, the summands of a term would cancel. Then a term is computed as a product, as in
//! `pass/distribution.rs`:
//!
//! - p·ln(p/q) + q − p is (q − p)·s·(1 − s·(1 − s)·A) with A = (atanh(s)/s − 1)/s², for |s| < 1/6.
//! - The term of the Jensen-Shannon divergence is s·(q − p)/4·(1 + B·s²), for |s| < 1/4.
//!
//! For other p and q, p·ln(p/q) has the logarithm of a quotient, and the term of the Jensen-Shannon
//! divergence is (p + q)/4·((1 + s)·ln(1 + s) + (1 − s)·ln(1 − s)).
//!
//! **Error.** Relative to the term: p·ln(p/q) 6.9e-9, and the term of the Jensen-Shannon divergence
//! 8.2e-9. p·ln(p/q) + q − p has up to 6.1e-8, just outside |s| = 1/6, where p·ln(p/q) is 5 to 7
//! times the term. Most of that is the error of a quotient, 1.9e-9, and what is cut off, 2^-30.
//!
//! **Coefficients** by `integer_divergence.py`, beside this file.

use super::integer::{ATANH, high, reciprocal};
use super::integer_ln::Logarithm;

/// ln 2 in units of 2^-31.
const LN_2: i64 = 0x58B9_0BFC;

/// The coefficients of B, a polynomial in s², in units of 2^-32.
const MEAN: [i32; 4] = [0x2AAA_AAA2, 0x1111_2210, 0x091F_4D24, 0x0634_ABBF];

/// The number m·2^e with 2^23 ≤ m < 2^24.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    pub(crate) m: u32,
    pub(crate) e: i32,
}

/// `(t, e)`: a term t·2^e with |t| < 2^62.
pub(crate) type Term = (i64, i32);

/// The factors of the terms of close p and q.
struct Close {
    /// |q − p| is d·2^-zeros, in the unit of the difference that [`new`](Self::new) gets.
    d: u32,
    zeros: i32,
    /// The |s| of the formula is this s·2^(−30 − down).
    s: u32,
    down: i32,
    /// The s of the formula, with its sign, in units of 2^-32.
    signed: i32,
    /// s² in units of 2^-32.
    square: i32,
}

impl Close {
    /// The factors for a difference q − p that is not 0, and a sum q + p. |s| is below a third.
    #[inline(always)]
    fn new(difference: i32, sum: u32) -> Self {
        let size = difference.unsigned_abs();
        let (zeros, of_sum) = (size.leading_zeros(), sum.leading_zeros());
        let d = size << (zeros & 31);
        let inverse = reciprocal(sum << (of_sum & 31) | 1 << 31);
        let s = ((u64::from(d) * u64::from(inverse)) >> 32) as u32;
        let down = zeros as i32 - of_sum as i32;
        let size = (s >> ((down - 2) & 31)) as i32;
        let sign = difference >> 31;
        Self {
            d,
            zeros: zeros as i32,
            s,
            down,
            signed: (size ^ sign) - sign,
            square: high(size, size),
        }
    }

    /// |q − p|·|s|·(1 + more), with more in units of 2^-32.
    #[inline(always)]
    fn product(&self, more: i32) -> Term {
        let square = u64::from(self.d) * u64::from(self.s);
        let more = i64::from((square >> 32) as i32) * i64::from(more);
        ((square >> 2) as i64 + (more >> 2), 2 - 30 - self.zeros - self.down)
    }
}

/// `(q − p, q + p, e)`, the first two in units of 2^e, if |q − p| < (q + p)/6.
#[inline(always)]
fn close(p: Number, q: Number) -> Option<(i32, u32, i32)> {
    let k = q.e - p.e;
    if !(-1..2).contains(&k) {
        return None;
    }
    let (p_m, q_m) = (p.m << u32::from(k < 0), q.m << u32::from(k > 0));
    let (difference, sum) = (q_m as i32 - p_m as i32, q_m + p_m);
    (6 * difference.unsigned_abs() < sum).then_some((difference, sum, p.e.min(q.e)))
}

/// p·ln(p/q), or if `with_rest` p·ln(p/q) + q − p, for p other than q. If the second result is
/// true, the term lacks q, and the caller adds it.
#[inline(always)]
pub(crate) fn kullback_leibler(p: Number, q: Number, with_rest: bool) -> (Term, bool) {
    let [c1, c2, c3, c4] = ATANH;
    if let Some((difference, sum, e)) = close(p, q) {
        let close = Close::new(difference, sum);
        let z = close.square;
        let a = high(z, high(z, high(z, c4) + c3) + c2) + c1;
        if with_rest {
            let (t, down) = close.product(-high(close.signed - z, a));
            return ((t, e + down), false);
        }
        // ln(p/q) is −2·atanh(s).
        let more = high(close.s as i32, high(z, a));
        let t = i64::from(p.m) * (i64::from(close.s) + i64::from(more));
        return ((if difference < 0 { t } else { -t }, p.e + 1 - 30 - close.down), false);
    }
    let inverse = reciprocal(q.m << 8 | 1 << 31);
    let m = ((u64::from(p.m << 8) * u64::from(inverse)) >> 32) as u32;
    // p/q·2^(30 + q.e − p.e), from 2^29 to 2^31.
    let less = (m >> 30) ^ 1;
    let ln = Logarithm::of_32_bits(m << 1 << less, 126 + p.e - q.e - less as i32);
    // The logarithm, less 1 if `with_rest`, in units of 2^-30.
    let t = (ln.number(5) - if with_rest { 1 << 30 } else { 0 }) * i64::from(p.m);
    ((t, p.e - 30), with_rest)
}

/// ½·(p·ln(p/m) + q·ln(q/m)) with m = (p + q)/2, for p other than q.
#[inline(always)]
pub(crate) fn jensen_shannon(p: Number, q: Number) -> Term {
    let (large, small) = if p.e < q.e { (q, p) } else { (p, q) };
    let (a, b) = (large.m << 7, small.m << 7 >> (large.e - small.e).min(31));
    let (difference, sum) = (a.abs_diff(b), a + b);
    let e = large.e - 7;
    if 4 * u64::from(difference) < u64::from(sum) {
        let close = Close::new(difference as i32, sum);
        let z = close.square;
        let [c1, c2, c3, c4] = MEAN;
        let b = high(z, high(z, high(z, c4) + c3) + c2) + c1;
        let (t, down) = close.product(high(z, b));
        return (t, e + down - 2);
    }
    let up = (sum >> 31) ^ 1;
    let (difference, sum, e) = (difference << up, sum << up, e - up as i32);
    // `rest` is 1 − |s| in units of 2^-31, and at least 1 unit.
    let s = ((u64::from(difference) * u64::from(reciprocal(sum | 1 << 31))) >> 31) as u32;
    let rest = (1u32 << 31).saturating_sub(s).max(1);
    let zeros = rest.leading_zeros();
    let above = rest.wrapping_neg();
    let ln_above = Logarithm::of_32_bits(above, 126).fraction();
    let ln_rest = Logarithm::of_32_bits(rest << zeros, 126 - zeros as i32).number(3);
    // (1 + s)·ln(1 + s) + (1 − s)·ln(1 − s) in units of 2^-63, up to 2·ln 2.
    let sum_of_logarithms = (u64::from(above) * u64::from(ln_above))
        .wrapping_add((ln_rest as u64).wrapping_mul(u64::from(rest)));
    let zeros = sum_of_logarithms.leading_zeros();
    let top = ((sum_of_logarithms << (zeros & 63)) >> 32) as u32;
    (((u64::from(top) * u64::from(sum)) >> 2) as i64, e - 31 - zeros as i32)
}

/// [`jensen_shannon`] of x and 0: x·½·ln 2.
#[inline(always)]
pub(crate) fn jensen_shannon_of_one(x: Number) -> Term {
    (LN_2 * i64::from(x.m), x.e - 32)
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::{assert_error, relative};
    use super::*;

    #[test]
    fn polynomial_errs_as_stated() {
        assert_eq!(LN_2, (core::f64::consts::LN_2 * libm::exp2(31.0)).round() as i64);
        assert_error(1.31e-10, [0.01, 0.25], |s| {
            let z = s * s;
            let b =
                MEAN.iter().rev().fold(0.0, |sum, &c| sum * z + f64::from(c)) / libm::exp2(32.0);
            let exact = (1.0 + s) * libm::log1p(s) + (1.0 - s) * libm::log1p(-s);
            relative(z + z * z * b, exact)
        });
    }

    /// The errors relative to the term, of 20 000 pairs: in units of 2^23, p is from 1 to 2
    /// and q from ¼ to 8.
    #[test]
    fn terms_err_as_stated() {
        let value = |(t, e): Term| t as f64 * libm::exp2(f64::from(e));
        let mut worst = [0.0f64; 3];
        for i in 0..20_000u32 {
            // Ratios of all sizes, most of them near 1.
            let m = (1 << 23) + i.wrapping_mul(0x9E37_79B9) % (1 << 23);
            let distance = (1 << (i % 24)) + i % 7;
            let (p, e) = (Number { m, e: 0 }, (i / 24 % 5) as i32 - 2);
            let q = Number { m: (m ^ distance) & 0xFF_FFFF | 1 << 23, e };
            let number = |n: Number| f64::from(n.m) * libm::exp2(f64::from(n.e));
            let (x, y) = (number(p), number(q));
            if x == y {
                continue;
            }
            let (d, s) = ((y - x) / x, (y - x) / (y + x));
            // u − ln(1 + u) of small u, as a series.
            let rest = if d.abs() < 1e-2 {
                d * d * (0.5 - d * (1.0 / 3.0 - d * (0.25 - d * (0.2 - d * (1.0 / 6.0 - d / 7.0)))))
            } else {
                d - libm::log1p(d)
            };
            let (term, is_less) = kullback_leibler(p, q, true);
            let found = value(term) + if is_less { y } else { 0.0 };
            worst[0] = worst[0].max((found / (x * rest) - 1.0).abs());
            let (term, _) = kullback_leibler(p, q, false);
            worst[1] = worst[1].max((value(term) / (-x * libm::log1p(d)) - 1.0).abs());
            let z = s * s;
            let of_mean = if s.abs() < 0.02 {
                z * (1.0 + z * (1.0 / 6.0 + z * (1.0 / 15.0 + z / 28.0)))
            } else {
                (1.0 + s) * libm::log1p(s) + (1.0 - s) * libm::log1p(-s)
            };
            let exact = (x + y) * 0.25 * of_mean;
            worst[2] = worst[2].max((value(jensen_shannon(p, q)) / exact - 1.0).abs());
        }
        assert!(worst[0] <= 6.1e-8 && worst[1] <= 6.9e-9 && worst[2] <= 8.2e-9, "{worst:?}");
    }
}
