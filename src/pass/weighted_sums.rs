//! Weighted sums of rows, out[k] = Σᵢ w[k][i]·x[i]: of values by attention, and the gradient of a
//! linear layer.
//!
//! **Method.** Each product w·x is rounded. A sum runs over the rows in order, in two words: what
//! an addition rounds off is kept exactly (Knuth's two-sum) and added to the second word, which
//! is carried into the first after every [`RUN`] rows. An element of the result depends on its
//! column alone, so that every backend gives the same bits. Where that gives infinity or NaN, as it
//! also does where a partial sum overflows, see `again.rs`.
//!
//! **Error.** Half an ULP for the last rounding and 2^-24 of the magnitude of each product; the
//! sums add less than 2^-26 of all magnitudes, for up to 2^18 rows.
//!
//! The `unsafe` here is sound because loops read and write what tiles have: as many rows and
//! columns as all of them.
#![allow(unsafe_code)]

use super::Tile;
use crate::math::double_word::{rounded, two_sum};
use crate::simd::{Lanes, Simd, unroll};

/// Rows after which second words are carried.
const RUN: usize = 32;

/// Results that are summed side by side, so that additions need not wait for each other.
const TOGETHER: usize = 4;

/// The sums of the rows of x, by the rows of `weights`, or where these are `transposed` by its
/// columns. They are written to the rows of `out`. Returns whether all are finite.
#[inline(always)]
pub(super) unsafe fn weighted_sums<S: Simd>(
    simd: S,
    weights: &Tile<'_>,
    transposed: bool,
    x: &Tile<'_>,
    out: &Tile<'_>,
) -> bool {
    let (mut strides, mut shape) = ([weights.x_stride, 1], [weights.rows, weights.columns]);
    if transposed {
        strides.swap(0, 1);
        shape.swap(0, 1);
    }
    let (results, terms) = (shape[0].min(out.rows), shape[1].min(x.rows));
    let (columns, x_stride) = (x.columns.min(out.columns), x.x_stride);
    let (mut k, mut are_finite) = (0, true);
    while k < results {
        let (w, to) = (weights.x.wrapping_add(k * strides[0]), k * out.out_stride);
        let several = results - k >= TOGETHER;
        let mut at = 0;
        while at < columns {
            let (x, to) = (x.x.wrapping_add(at), out.out.wrapping_add(to + at));
            let rest = columns - at;
            // SAFETY: all of them have so many rows, and so many elements from here on.
            unsafe {
                are_finite &= if several {
                    column::<S, TOGETHER>(
                        simd,
                        (w, strides),
                        (x, x_stride, terms),
                        (to, out.out_stride),
                        rest,
                    )
                } else {
                    column::<S, 1>(
                        simd,
                        (w, strides),
                        (x, x_stride, terms),
                        (to, out.out_stride),
                        rest,
                    )
                };
            }
            at += S::F32::COUNT;
        }
        k += if several { TOGETHER } else { 1 };
    }
    are_finite
}

/// K results of one vector of columns, of which `rest` are left; whether they are finite.
#[inline(always)]
unsafe fn column<S: Simd, const K: usize>(
    simd: S,
    (w, [of_result, of_term]): (*const f32, [usize; 2]),
    (x, x_stride, terms): (*const f32, usize, usize),
    (to, stride): (*mut f32, usize),
    rest: usize,
) -> bool {
    let mut sums = [(simd.splat(0.0), simd.splat(0.0)); K];
    let mut i = 0;
    while i < terms {
        let end = terms.min(i + RUN);
        while i < end {
            // SAFETY: the caller vouches for them.
            let x = unsafe { simd.load_part(x.add(i * x_stride), rest, 0.0) };
            unroll!(k in 0..K, {
                // SAFETY: as above.
                let w = unsafe { *w.add(k * of_result + i * of_term) };
                let (sum, error) = two_sum(sums[k].0, x * w);
                sums[k] = (sum, sums[k].1 + error);
            });
            i += 1;
        }
        unroll!(k in 0..K, sums[k] = carried(sums[k]));
    }
    let mut largest = simd.splat(0.0);
    unroll!(k in 0..K, {
        let sum = rounded(sums[k]);
        largest = largest.max_magnitude(sum);
        // SAFETY: as above.
        unsafe { simd.store_part(sum, to.add(k * stride), rest) };
    });
    S::F32::all_within([largest], f32::MAX)
}

/// The same sum with all in the first word that fits there, if that is finite. A second word that is
/// NaN, as it may be next to the largest number, makes the result NaN.
#[inline(always)]
fn carried<V: Lanes>((high, low): (V, V)) -> (V, V) {
    let (sum, error) = two_sum(high, low);
    let finite = sum.abs().lt(sum.splat(f32::INFINITY));
    (V::select(finite, sum, high), V::select(finite, error, low))
}
