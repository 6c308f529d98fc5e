//! The largest element of each row of a tile, from which its N follows.
#![allow(unsafe_code)] // a tile has what it says

use super::shifts::{MODERATE, Shifts};
use super::skip::Skip;
use super::{ROWS, SHORT, Tile};
use crate::math::shift::{exponent_of, is_extreme};
use crate::math::shifted_exp::Scale;
use crate::simd::{Lanes, Simd, Vectors, unroll};

/// The largest element of a row but one. A NaN may count or not.
#[inline(always)]
unsafe fn of_row<S: Simd>(simd: S, x: *const f32, columns: usize, skipped: usize) -> f32 {
    let mut skip = Skip::none();
    unsafe { skip.set(simd, x, columns, skipped, f32::NEG_INFINITY) };
    let least = simd.splat(f32::NEG_INFINITY);
    let mut wide = <S::Wide as Vectors<S>>::splat_of(simd, f32::NEG_INFINITY);
    let mut at = 0;
    while const { S::IS_WIDE } && at + S::Wide::COUNT <= columns {
        wide = unsafe { <S::Wide as Vectors<S>>::load(simd, skip.place(x, at)) }.max(wide);
        at += S::Wide::COUNT;
    }
    let mut most = least;
    unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, most = wide.as_ref()[j].max(most));
    while at < columns {
        let part = unsafe { simd.load_part(skip.place(x, at), columns - at, f32::NEG_INFINITY) };
        most = part.max(most);
        at += S::F32::COUNT;
    }
    let mut block = simd.block(least);
    block.as_mut()[0] = most;
    simd.largest(block)
}

/// Whether N = 0 will do for every element of a row.
#[inline(always)]
unsafe fn is_moderate<S: Simd>(simd: S, x: *const f32, columns: usize, scale: &Scale) -> bool {
    let (mut most, mut at) = (simd.splat(0.0), 0);
    while at < columns {
        most = most.max_magnitude(unsafe { simd.load_part(x.add(at), columns - at, 0.0) });
        at += S::F32::COUNT;
    }
    S::F32::all_within([most], MODERATE * scale.inverse)
}

/// The largest element of each row but the skipped, and N for all of the row; a bit for each row
/// whose maximum is extreme or not finite.
///
/// N of a moderate short row is 0, as it is where all rows of a batch are moderate: else what
/// subnormal numbers lose would depend on the batch. That of no other short row is.
#[inline(always)]
pub(super) unsafe fn maxima<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    skipped: &[usize],
    scale: &Scale,
    shifts: &mut Shifts,
) -> u64 {
    let mut extreme = 0;
    for i in 0..tile.rows.min(ROWS) {
        let skipped = skipped.get(i).copied().unwrap_or(usize::MAX);
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let others = unsafe { of_row(simd, x, tile.columns, skipped) };
        let mut max = others;
        if skipped < tile.columns {
            let own = unsafe { *x.add(skipped) };
            max = if own > max { own } else { max };
        }
        extreme |= u64::from(is_extreme(scale, max)) << i;
        let mut exponent = exponent_of(scale, max);
        if tile.columns <= SHORT {
            let is_moderate = unsafe { is_moderate(simd, x, tile.columns, scale) };
            exponent = match exponent {
                _ if is_moderate => 0.0,
                0.0 => -1.0,
                exponent => exponent,
            };
        }
        // Whole vectors, as they will be loaded: a part would not be forwarded.
        shifts.max.store(simd, i, simd.splat(others));
        shifts.exponent.store(simd, i, simd.splat(exponent));
    }
    extreme
}
