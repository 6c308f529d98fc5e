//! Polynomials with constant coefficients.

use crate::simd::{Lanes, unroll};

/// `c₀ + c₁x + c₂x² + …` by Horner's rule.
#[inline(always)]
pub(crate) fn horner<V: Lanes, const N: usize>(x: V, c: [f32; N]) -> V {
    let mut sum = x.splat(c[N - 1]);
    unroll!(i in 0..N - 1, sum = sum.mul_add(x, x.splat(c[N - 2 - i])));
    sum
}

/// Coefficients against the functions they stand for, in f64.
#[cfg(test)]
pub(crate) mod check {
    /// The polynomial's exact value.
    pub(crate) fn value(c: &[f32], x: f64) -> f64 {
        c.iter().rev().fold(0.0, |sum, &c| sum * x + f64::from(c))
    }

    /// Asserts that the largest error over a domain is what the comment beside the
    /// coefficients states, rounded up to two digits.
    #[track_caller]
    pub(crate) fn assert_error(stated: f64, domain: [f64; 2], error: impl Fn(f64) -> f64) {
        const POINTS: i32 = 20_000;
        let at = |i| domain[0] + (domain[1] - domain[0]) * f64::from(i) / f64::from(POINTS);
        assert_about(stated, (0..=POINTS).map(|i| error(at(i)).abs()).fold(0.0, f64::max));
    }

    /// Asserts that a largest error is what is stated, rounded up.
    #[track_caller]
    pub(crate) fn assert_about(stated: f64, largest: f64) {
        let range = stated * 0.95..=stated;
        assert!(range.contains(&largest), "{largest:e} is not about {stated:e}");
    }

    /// The relative error of a number, which is exact where that is 0.
    pub(crate) fn relative(found: f64, exact: f64) -> f64 {
        if found == exact { 0.0 } else { (found - exact) / exact }
    }

    /// Asserts that two words are a number, as exactly as stated.
    #[track_caller]
    pub(crate) fn assert_words(high: f32, low: f32, exact: f64, stated: f64) {
        let left = exact - f64::from(high) - f64::from(low);
        assert!(left.abs() <= stated, "{high:e} + {low:e} lacks {left:e}");
    }
}
