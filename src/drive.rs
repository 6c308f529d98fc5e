//! Drivers: which tiles, which passes, in what order.
//!
//! Ordinary safe code, compiled once for all backends. A driver holds control flow, copies and
//! exact operations; arithmetic that rounds belongs to a [pass](crate::pass), so that no bit
//! depends on the instructions that the driver was compiled for.
#![allow(clippy::missing_errors_doc)] // those of the function that a method names

mod backward;
pub(crate) mod cross_entropy;
mod distribution;
mod linear;
mod log_softmax;
mod log_sum_exp;
pub(crate) mod loss_options;
mod map;
pub(crate) mod scaled_softmax;
mod softmax;
mod sum;

use crate::pass::Tile;

/// Calls a function for each row of a tile.
#[inline(never)]
fn each(tile: &Tile<'_>, of_row: &mut dyn FnMut(&Tile<'_>)) {
    for i in 0..tile.rows() {
        of_row(&tile.part(i, 1));
    }
}

/// The places of the bits that are 1.
fn ones(mut bits: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = bits.trailing_zeros();
        bits &= bits.wrapping_sub(1);
        (place < 64).then_some(place as usize)
    })
}

/// The runs of bits that are 1: the place of the first, and how many there are.
fn runs(mut bits: u64) -> impl Iterator<Item = (usize, usize)> {
    core::iter::from_fn(move || {
        let first = bits.trailing_zeros();
        let count = (!bits.checked_shr(first)?).trailing_zeros();
        // All below the end of the run are done.
        bits &= u64::MAX.checked_shl(first + count).unwrap_or(0);
        Some((first as usize, count as usize))
    })
}
