//! e^x · 2^-N of a tile, and its sums.
//!
//! e^x is t·(1 + δ) with t from a table, see [`crate::math::shifted_exp`]; t and t·δ are summed
//! apart, so that no term is rounded before it is added.
#![allow(unsafe_code)] // a tile has what it says

use super::accumulator::{Accumulator, Term, Totals};
use super::shifts::{MODERATE, Shifts, bias_above};
use super::skip::Skip;
use super::{GROUP, ROWS, Scratch, TILE, Tile};
use crate::math::shift::floor_of;
use crate::math::shifted_exp::Scale;
use crate::simd::{BLOCK, Lanes, SIXTEENTHS, Simd, Vectors, unroll};

/// Elements after which what gathers in the low part of a sum is carried into the high.
const RUN: usize = 32 * BLOCK;

/// `(t, δ)` of e^(s·x) · 2^-N for an x that is in range.
#[inline(always)]
pub(super) fn terms<V: Lanes>(scale: &Scale, x: V, zero_point: V) -> (V, V) {
    scale.exp(x, scale.power(x, zero_point), zero_point)
}

/// `(t, t·δ)` of e^(s·x) · 2^-N, and 0 from the floor down: to multiply by what is subnormal takes
/// a CPU a hundred times as long.
#[inline(always)]
fn words<V: Lanes>(scale: &Scale, x: V, floor: f32, zero_point: V) -> (V, V) {
    let floor = x.splat(floor);
    // In this order a NaN stays one.
    let (t, delta) = terms(scale, floor.max(x), zero_point);
    let t = V::select(x.le(floor), x.splat(0.0), t);
    (t, t * delta)
}

/// e^(s·x) · 2^-N of short rows in two words, row after row without gaps; N = 0, or that of each
/// row. Returns whether all |s·x| are at most [`MODERATE`]: if not, the caller comes again with
/// shifts.
#[inline(always)]
pub(super) unsafe fn exp_short<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    scale: &Scale,
    shifts: Option<&Shifts>,
    scratch: &mut Scratch,
) -> bool {
    let [high, low] = scratch.places_mut();
    let (mut rows, mut columns) = (tile.rows.min(ROWS), tile.columns);
    if shifts.is_none() && (tile.x_stride == columns || rows == 1) {
        // One row as long as all.
        (rows, columns) = (rows.min(1), rows * columns);
    }
    // Sums of rows load whole blocks: what follows the last row is a number, too.
    let zeros = simd.block(simd.splat(0.0));
    unsafe {
        simd.store_block(zeros, high.wrapping_add(rows * columns));
        simd.store_block(zeros, low.wrapping_add(rows * columns));
    }
    let mut most = simd.splat(0.0);
    for i in 0..rows {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let (high, low) = (high.wrapping_add(i * columns), low.wrapping_add(i * columns));
        let exponent = shifts.map_or(0.0, |shifts| shifts.exponent.get(i));
        let floor = if shifts.is_some() {
            floor_of(scale, exponent)
        } else {
            // No moderate row has such an x.
            -2.0 * MODERATE * scale.inverse
        };
        let wide = <S::Wide as Vectors<S>>::splat_of(simd, SIXTEENTHS - exponent);
        let mut at = 0;
        unsafe {
            while const { S::IS_WIDE } && at + S::Wide::COUNT <= columns {
                unroll!(j in 0..S::Wide::COUNT.div_ceil(BLOCK), {
                    simd.prefetch(x.wrapping_add(at + j * BLOCK + TILE));
                });
                let x = <S::Wide as Vectors<S>>::load(simd, x.add(at));
                unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
                    most = most.max_magnitude(x.as_ref()[j]);
                });
                let (t, t_low) = words(scale, x, floor, wide);
                t.store(simd, high.add(at));
                t_low.store(simd, low.add(at));
                at += S::Wide::COUNT;
            }
            while at < columns {
                let x = simd.load_part(x.add(at), columns - at, 0.0);
                most = most.max_magnitude(x);
                let (t, t_low) = words(scale, x, floor, x.splat(SIXTEENTHS - exponent));
                // What is written beyond a row is written again by the next.
                simd.store(t, high.add(at));
                simd.store(t_low, low.add(at));
                at += S::F32::COUNT;
            }
        }
    }
    S::F32::all_within([most], MODERATE * scale.inverse)
}

/// Σ e^(s·x) · 2^-N of each row without the skipped element. Where this is the `first` tile of a
/// row, its total begins; else the sum is added to it. If the tile has an output, each term is
/// stored there, rounded.
#[inline(always)]
pub(super) unsafe fn exp_sums<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    skipped: &[usize],
    scale: &Scale,
    shifts: &Shifts,
    first: bool,
    totals: &mut Totals,
) {
    let mut skip = Skip::none();
    for i in 0..tile.rows.min(GROUP) {
        unsafe {
            let x = tile.x.wrapping_add(i * tile.x_stride);
            let skipped = skipped.get(i).copied().unwrap_or(usize::MAX);
            let out = if tile.out.is_null() {
                tile.out
            } else {
                tile.out.wrapping_add(i * tile.out_stride)
            };
            let shift = [shifts.exponent.get(i), shifts.max.get(i)];
            skip.set(simd, x, tile.columns, skipped, f32::NEG_INFINITY);
            let sum = row_sum(simd, x, out, tile.columns, &skip, scale, shift);
            totals.store(simd, i, sum, first, false);
        }
    }
}

/// Σ e^(s·x) · 2^-N of a row, for elements up to a maximum.
#[inline(always)]
unsafe fn row_sum<S: Simd>(
    simd: S,
    x: *const f32,
    out: *mut f32,
    columns: usize,
    skip: &Skip,
    scale: &Scale,
    [exponent, max]: [f32; 2],
) -> Accumulator<S> {
    let keep = !out.is_null();
    let bias = bias_above(scale, max, exponent);
    let floor = floor_of(scale, exponent);
    let zero_point = SIXTEENTHS - exponent;
    let wide = <S::Wide as Vectors<S>>::splat_of(simd, zero_point);
    let mut sum = Accumulator::from_bias(simd, bias);
    let mut at = 0;
    while at < columns {
        let end = columns.min(at + RUN);
        unsafe {
            while const { S::IS_WIDE } && at + S::Wide::COUNT <= end {
                unroll!(j in 0..S::Wide::COUNT.div_ceil(BLOCK), {
                    simd.prefetch(x.wrapping_add(at + j * BLOCK + TILE));
                });
                let x = <S::Wide as Vectors<S>>::load(simd, skip.place(x, at));
                // In this order a NaN stays one.
                let (t, delta) = terms(scale, x.splat(floor).max(x), wide);
                if keep {
                    t.mul_add(delta, t).store(simd, out.add(at));
                }
                unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
                    let term = Term::Below(t.as_ref()[j], delta.as_ref()[j]);
                    sum.add(j % (BLOCK / S::F32::COUNT), term);
                });
                at += S::Wide::COUNT;
            }
            // The rest, vector by vector.
            while at < end {
                let rest = end - at;
                let x = simd.load_part(skip.place(x, at), rest, f32::NEG_INFINITY);
                let (t, delta) = terms(scale, x.splat(floor).max(x), x.splat(zero_point));
                if keep {
                    simd.store_part(t.mul_add(delta, t), out.add(at), rest);
                }
                let t = if rest < S::F32::COUNT { simd.keep_first(t, rest, 0.0) } else { t };
                sum.add_at(at, Term::Below(t, delta));
                at += S::F32::COUNT;
            }
        }
        at = end;
        sum.carry_finite();
    }
    sum.without_bias(bias)
}
