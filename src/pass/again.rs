//! Sums of products that were infinite or NaN, once more: 2^-64 times as large.
//!
//! Their partial sums may overflow where the sums do not, and next to the largest number the error
//! of an addition may be no number. Scaled down neither happens. What a subnormal loses is nothing
//! beside the largest number. Products are rounded as before: one that overflows stays infinite.
//!
//! **Error.** That of [`super::weighted_sums`].
//!
//! The `unsafe` here is sound because sums read and write what tiles have: as many rows and columns
//! as all of them.
#![allow(unsafe_code)]

use super::Tile;
use crate::math::double_word::{rounded, two_sum};
use crate::simd::Simd;
use crate::simd::scalar::F32;

/// 2^-64, and its reciprocal.
const DOWN: f32 = 5.421_010_862_427_522e-20;
const UP: f32 = 18_446_744_073_709_551_616.0;

/// Terms after which second words are carried.
const RUN: usize = 32;

/// Where the numbers of results and terms are.
#[derive(Clone, Copy)]
struct Numbers {
    place: *const f32,
    of_result: usize,
    of_term: usize,
    results: usize,
    terms: usize,
}

impl Numbers {
    /// Of a tile with a row a result, or if it is transposed a column a result.
    fn new(tile: &Tile<'_>, transposed: bool) -> Self {
        let Tile { x: place, x_stride, rows, columns, .. } = *tile;
        if transposed {
            Self { place, of_result: 1, of_term: x_stride, results: columns, terms: rows }
        } else {
            Self { place, of_result: x_stride, of_term: 1, results: rows, terms: columns }
        }
    }

    /// That of a result and a term.
    unsafe fn get(&self, result: usize, term: usize) -> F32 {
        unsafe { F32(*self.place.add(result * self.of_result + term * self.of_term)) }
    }
}

/// Computes results that are not finite once more: out[i][k] = Σⱼ a[i][j]·b[k][j], and an element of
/// the row of a bias where there is one. Either of a and b may be transposed.
#[inline(always)]
pub(super) unsafe fn again<S: Simd>(
    _: S,
    a: (&Tile<'_>, bool),
    b: (&Tile<'_>, bool),
    bias: Option<&Tile<'_>>,
    out: &Tile<'_>,
) {
    let (a, b) = (Numbers::new(a.0, a.1), Numbers::new(b.0, b.1));
    let (rows, columns) = (a.results.min(out.rows), b.results.min(out.columns));
    for i in 0..rows {
        for k in 0..columns {
            let place = out.out.wrapping_add(i * out.out_stride + k);
            // SAFETY: there is such a result.
            if unsafe { (*place).is_finite() } {
                continue;
            }
            let bias = bias.map_or(0.0, |bias| bias.get(0, k));
            let (mut high, mut low) = (F32(bias * DOWN), F32(0.0));
            for j in 0..a.terms.min(b.terms) {
                // SAFETY: there are so many terms.
                let product = unsafe { a.get(i, j) * b.get(k, j) };
                let (sum, error) = two_sum(high, product * DOWN);
                (high, low) = (sum, low + error);
                if j % RUN == RUN - 1 && high.0.is_finite() {
                    (high, low) = two_sum(high, low);
                }
            }
            // SAFETY: as above.
            unsafe { *place = rounded((high, low)).0 * UP };
        }
    }
}
