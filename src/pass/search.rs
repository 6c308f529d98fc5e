//! The largest element of a row, and where an element is.
//!
//! The `unsafe` here is sound because the functions read only the elements that their callers
//! vouch for, and the passes only those of their tile.
#![allow(unsafe_code)]

use super::Tile;
use crate::simd::{BLOCK, Lanes, Mask, Simd, unroll};

/// Blocks whose maxima are taken side by side: those of one would wait for each other.
const GROUP: usize = 4;

/// The largest element of the first row: NaN if one is NaN, −∞ if there is none.
#[inline(always)]
pub(super) unsafe fn maximum_of_row<S: Simd>(simd: S, tile: &Tile<'_>) -> f32 {
    unsafe { maximum(simd, tile.x, tile.columns) }
}

/// Where the first element of the first row is that equals a value: `usize::MAX` if none does.
#[inline(always)]
pub(super) unsafe fn position_in_row<S: Simd>(simd: S, tile: &Tile<'_>, value: f32) -> usize {
    unsafe { position(simd, tile.x, tile.columns, value) }
}

/// The largest of `length` elements: NaN if one is NaN, −∞ if there is none.
///
/// # Safety
/// There are as many elements.
#[inline(always)]
pub(super) unsafe fn maximum<S: Simd>(simd: S, x: *const f32, length: usize) -> f32 {
    /// A function of its own, for backends whose code needs no instructions of the pass's.
    #[inline(never)]
    unsafe fn apart<S: Simd>(simd: S, x: *const f32, length: usize) -> f32 {
        unsafe { of_blocks(simd, x, length) }
    }
    unsafe {
        if const { S::F32::CALLS } { apart(simd, x, length) } else { of_blocks(simd, x, length) }
    }
}

/// The same, in place.
#[inline(always)]
unsafe fn of_blocks<S: Simd>(simd: S, x: *const f32, length: usize) -> f32 {
    let mut most = [simd.block(simd.splat(f32::NEG_INFINITY)); GROUP];
    // A NaN, if there was one, in its lane.
    let mut nan = simd.block(simd.splat(0.0));
    let mut at = 0;
    while const { !S::F32::CALLS } && GROUP * BLOCK <= length - at {
        for i in 0..GROUP {
            let x = unsafe { simd.load_block(x.add(at + i * BLOCK)) };
            unroll!(j in 0..BLOCK / S::F32::COUNT, {
                let x = x.as_ref()[j];
                most[i].as_mut()[j] = x.max(most[i].as_ref()[j]);
                nan.as_mut()[j] = S::F32::select(x.eq(x), nan.as_ref()[j], x);
            });
        }
        at += GROUP * BLOCK;
    }
    while at < length {
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let at = at + j * S::F32::COUNT;
            if at < length {
                let x = unsafe { simd.load_part(x.add(at), length - at, f32::NEG_INFINITY) };
                most[0].as_mut()[j] = x.max(most[0].as_ref()[j]);
                nan.as_mut()[j] = S::F32::select(x.eq(x), nan.as_ref()[j], x);
            }
        });
        at += BLOCK;
    }
    if const { !S::F32::CALLS } {
        for i in 1..GROUP {
            unroll!(j in 0..BLOCK / S::F32::COUNT, {
                most[0].as_mut()[j] = most[i].as_ref()[j].max(most[0].as_ref()[j]);
            });
        }
    }
    let mut is_number = true;
    unroll!(j in 0..BLOCK / S::F32::COUNT, {
        is_number &= nan.as_ref()[j].eq(nan.as_ref()[j]).all();
    });
    if is_number { simd.largest(most[0]) } else { f32::NAN }
}

/// As [`maximum`], in fewer bytes of code and more time.
///
/// # Safety
/// There are as many elements.
#[inline(always)]
pub(super) unsafe fn largest<S: Simd>(simd: S, x: *const f32, length: usize) -> f32 {
    let mut most = simd.splat(f32::NEG_INFINITY);
    let mut nan = simd.splat(0.0);
    let mut at = 0;
    while at < length {
        let x = unsafe { simd.load_part(x.add(at), length - at, f32::NEG_INFINITY) };
        most = x.max(most);
        nan = S::F32::select(x.eq(x), nan, x);
        at += S::F32::COUNT;
    }
    let mut block = simd.block(simd.splat(f32::NEG_INFINITY));
    block.as_mut()[0] = most;
    if nan.eq(nan).all() { simd.largest(block) } else { f32::NAN }
}

/// Where the first of `length` elements is that equals a value: `usize::MAX` if none does.
///
/// # Safety
/// There are as many elements.
#[inline(always)]
pub(super) unsafe fn position<S: Simd>(simd: S, x: *const f32, length: usize, value: f32) -> usize {
    let value = simd.splat(value);
    let mut at = 0;
    while at < length {
        // A NaN equals nothing.
        let x = unsafe { simd.load_part(x.add(at), length - at, f32::NAN) };
        let found = S::F32::bits(x.eq(value));
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += S::F32::COUNT;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;

    #[test]
    fn every_place_is_searched() {
        const INF: f32 = f32::INFINITY;
        for backend in Backend::available() {
            for n in 0..150 {
                let mut all = [-1.0; 150];
                let Some(x) = all.get_mut(..n) else { continue };
                for at in 0..n {
                    x[at] = 3.0;
                    let (max, found) = {
                        let tile = Tile::of_read(x);
                        (backend.0.maximum(&tile), backend.0.position(&tile, 3.0))
                    };
                    assert_eq!((max, found), (3.0, at), "{n} on {backend:?}");
                    x[at] = f32::NAN;
                    assert!(backend.0.maximum(&Tile::of_read(x)).is_nan(), "{at} of {n}");
                    x[at] = -1.0;
                }
                let tile = Tile::of_read(x);
                assert_eq!(backend.0.maximum(&tile), if n == 0 { -INF } else { -1.0 });
                assert_eq!(backend.0.position(&tile, -1.0), if n == 0 { usize::MAX } else { 0 });
                for nowhere in [3.0, 0.0, -INF, f32::NAN] {
                    assert_eq!(backend.0.position(&tile, nowhere), usize::MAX);
                }
            }
            assert_eq!(backend.0.maximum(&Tile::of_read(&[-INF; 3])), -INF);
        }
    }
}
