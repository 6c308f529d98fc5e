//! N of each row, and what follows from it: see [`crate::math::shift`].

use super::PerRow;
use crate::math::shift::{DEPTH, exp2, whole};
use crate::math::shifted_exp::Scale;
use crate::simd::Lanes;

/// Up to this |s·x|, N = 0 will do for every element.
pub(super) const MODERATE: f32 = 40.0;
/// Powers of two that elements may rise above the maximum N was made for: 2^24 of them have a
/// finite sum.
const ROOM: f32 = 46.0;

/// N of each row, and the largest of the elements that are summed.
pub(crate) struct Shifts {
    pub(crate) exponent: PerRow,
    pub(crate) max: PerRow,
}

impl Shifts {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { exponent: PerRow::new(), max: PerRow::new() }
    }
}

/// Powers of two that a bias is below the largest term's level at most. Where terms are smaller, what
/// their sum has below it is nothing beside that; and no error of an addition is subnormal, for
/// which a CPU takes a hundred times as long.
const LEAST_BIAS: f32 = -100.0;

/// A power of two above every term of elements, less a center, up to a maximum.
#[inline(always)]
pub(super) fn bias_above(scale: &Scale, max: f32, exponent: f32) -> f32 {
    exp2((whole(max * scale.log2_e) - exponent).max(LEAST_BIAS) + 1.0)
}

/// Where the terms of many rows stop falling.
#[inline(always)]
pub(super) fn floors_of<V: Lanes>(scale: &Scale, exponent: V) -> V {
    (exponent - DEPTH) * scale.octave
}

/// How far elements may rise above the maximum that N was made for.
#[inline(always)]
pub(crate) fn room(scale: &Scale) -> f32 {
    ROOM * scale.octave
}
