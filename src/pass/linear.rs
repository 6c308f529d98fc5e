//! The scores of a linear classifier, s = W x + b, of one row x.
//!
//! **Method.** Each product w·x is rounded; their sum is compensated. Where that gives infinity or
//! NaN, as it also does where a partial sum overflows, see `again.rs`.
//!
//! The `unsafe` here is sound because sums read as many elements as x and a row of weights have,
//! of rows that the weights have, and what is written has a place in the output.
#![allow(unsafe_code)]

use super::Tile;
use super::sum::{NOWHERE, Terms, sums};
use crate::simd::{Lanes, Simd};

/// The scores of all classes for the first row of x: each is the sum over a row of `weights`,
/// and an element of the first row of `bias`, whose results they are. Returns whether all are finite.
#[inline(always)]
pub(super) unsafe fn linear<S: Simd>(
    simd: S,
    x: &Tile<'_>,
    weights: &Tile<'_>,
    bias: &Tile<'_>,
) -> bool {
    let (features, mut are_finite) = (x.columns.min(weights.columns), true);
    for class in 0..weights.rows.min(bias.columns) {
        unsafe {
            let w = weights.x.add(class * weights.x_stride);
            let [(high, low)] = sums(simd, Product, [w, x.x], features, NOWHERE);
            let score = (high + *bias.x.add(class)) + low;
            are_finite &= score.is_finite();
            *bias.out.add(class) = score;
        }
    }
    are_finite
}

/// w·x.
#[derive(Clone, Copy)]
struct Product;

impl Terms<2, 1> for Product {
    const NOTHING: [f32; 2] = [0.0; 2];
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn terms<V: Lanes>(self, [w, x]: [V; 2]) -> [(V, V); 1] {
        [(w * x, w.splat(0.0))]
    }
}
