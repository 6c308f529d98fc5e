//! Sums of the elements of two rows.
//!
//! The `unsafe` here is sound because the loop reads and writes as many elements as both tiles
//! have.
#![allow(unsafe_code)]

use super::Tile;
use crate::simd::{Lanes, Simd};

/// a + b, the results of a.
#[inline(always)]
pub(super) unsafe fn add<S: Simd>(simd: S, a: &Tile<'_>, b: &Tile<'_>) {
    let columns = a.columns.min(b.columns);
    let mut at = 0;
    while at < columns {
        let rest = columns - at;
        unsafe {
            let sum =
                simd.load_part(a.x.add(at), rest, 0.0) + simd.load_part(b.x.add(at), rest, 0.0);
            simd.store_part(sum, a.out.add(at), rest);
        }
        at += S::F32::COUNT;
    }
}
