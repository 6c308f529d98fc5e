//! Sums and products in two words: the rounded result and what it leaves.
//!
//! T. J. Dekker, "A floating-point technique for extending the available
//! precision", Numerische Mathematik 18 (1971); D. E. Knuth, TAOCP vol. 2.

use crate::simd::Lanes;
use core::ops::{Add, Sub};

/// `a + b` rounded, and the error of the rounding.
#[inline(always)]
pub(crate) fn two_sum<T: Copy + Add<Output = T> + Sub<Output = T>>(a: T, b: T) -> (T, T) {
    let sum = a + b;
    let b_part = sum - a;
    let a_part = sum - b_part;
    (sum, (a - a_part) + (b - b_part))
}

/// As [`two_sum`] where |a| ≥ |b| or a = 0.
#[inline(always)]
pub(crate) fn fast_two_sum<T: Copy + Add<Output = T> + Sub<Output = T>>(a: T, b: T) -> (T, T) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// `a · b` rounded, and the error of the rounding: exactly, where that and the
/// product are normal or 0.
#[inline(always)]
pub(crate) fn two_product<V: Lanes>(a: V, b: V) -> (V, V) {
    let product = a * b;
    if V::FUSED {
        return (product, a.mul_add(b, -product));
    }
    // Each factor as two numbers of 12 bits, whose products are exact, and so are the
    // sums: what is left of the product after a·b and a·b_low is below 2^24 times the
    // last bit of a_low·b.
    let (a, a_low) = (a.truncated(), a - a.truncated());
    let (b, b_low) = (b.truncated(), b - b.truncated());
    (product, (((a * b - product) + a * b_low) + a_low * b) + a_low * b_low)
}

/// `a` times a number in two words, in two words.
#[inline(always)]
pub(crate) fn times<V: Lanes>(a: V, (b, b_low): (V, V)) -> (V, V) {
    let (product, error) = two_product(a, b);
    (product, a.mul_add(b_low, error))
}

/// The quotient of two numbers in two words, for numbers of moderate size.
#[inline(always)]
pub(crate) fn divide<V: Lanes>((a, a_low): (V, V), (b, b_low): (V, V)) -> (V, V) {
    let quotient = a / b;
    let left = remainder(a, quotient, b) + (a_low - quotient * b_low);
    (quotient, left / b)
}

/// `a − quotient · b`, exactly, where that is small against `a`.
#[inline(always)]
pub(crate) fn remainder<V: Lanes>(a: V, quotient: V, b: V) -> V {
    if V::FUSED {
        return quotient.mul_add(-b, a);
    }
    let (product, error) = two_product(quotient, b);
    (a - product) - error
}
