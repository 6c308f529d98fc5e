//! What is taken from the elements of a row before e^x.
//!
//! Not e^(x − max), whose subtraction rounds, is summed, but e^x · 2^-N with a whole number N
//! for each row: the shift is exact. With a scale s, what is said of x here holds for s·x.

use super::PerRow;
use crate::math::shifted_exp::Scale;
use crate::simd::Lanes;

/// Up to this |x|, N = 0 will do for every element.
pub(super) const MODERATE: f32 = 40.0;
/// From this |max| on, reducing x would lose digits, but x − max is exact wherever it matters:
/// both are multiples of 2^-16 and their difference is below 2^7.
const EXTREME: f32 = 224.0;
/// e^x · 2^-N of a row's maximum is about 2^50: whatever is subnormal as a probability is a
/// normal number here.
const LEVEL: f32 = 50.0;
/// Powers of two below N where terms stop falling: 2^24 of those, over a sum of 2^50, are less
/// than half the least subnormal number.
const DEPTH: f32 = 125.0;
/// Powers of two that elements may rise above the maximum N was made for: 2^24 of them have a
/// finite sum.
const ROOM: f32 = 46.0;

/// N of each row, and the largest of the elements that are summed.
pub(crate) struct Shifts {
    pub(crate) exponent: PerRow,
    pub(crate) max: PerRow,
}

impl Shifts {
    /// Nothing yet.
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { exponent: PerRow::new(), max: PerRow::new() }
    }
}

/// What is taken from the elements of one row.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    /// Subtracted from x: 0, or the row's maximum where that is extreme.
    pub(crate) center: f32,
    /// N, subtracted from the power of two.
    pub(crate) exponent: f32,
}

impl Shift {
    /// For a row with a maximum; NaN where that is not finite.
    #[inline(always)]
    pub(crate) fn of(scale: &Scale, max: f32) -> Self {
        if !is_extreme(scale, max) {
            Self { center: 0.0, exponent: exponent_of(scale, max) }
        } else if max.is_finite() {
            Self { center: max, exponent: -LEVEL }
        } else {
            Self { center: f32::NAN, exponent: f32::NAN }
        }
    }

    /// Without a center.
    #[inline(always)]
    pub(crate) fn moderate(scale: &Scale, max: f32) -> Self {
        Self { center: 0.0, exponent: exponent_of(scale, max) }
    }
}

/// Whether a maximum is extreme, or not finite.
#[inline(always)]
pub(crate) fn is_extreme(scale: &Scale, max: f32) -> bool {
    let is_moderate = max.abs() * scale.words.0 < EXTREME;
    !is_moderate
}

/// The nearest whole number, for |x| < 2^22.
#[inline(always)]
fn whole(x: f32) -> f32 {
    (x + 12_582_912.0) - 12_582_912.0 // 1.5 · 2^23
}

/// N of a row with a maximum that is not extreme.
#[inline(always)]
pub(super) fn exponent_of(scale: &Scale, max: f32) -> f32 {
    whole(max * scale.log2_e) - LEVEL
}

/// A power of two above every term of elements, less a center, up to a maximum.
#[inline(always)]
pub(super) fn bias_above(scale: &Scale, max: f32, exponent: f32) -> f32 {
    exp2((whole(max * scale.log2_e) - exponent).max(-DEPTH) + 1.0)
}

/// Where e^x · 2^-N stops falling.
#[inline(always)]
pub(super) fn floor_of(scale: &Scale, exponent: f32) -> f32 {
    (exponent - DEPTH) * scale.octave
}

/// Where each of many stops falling.
#[inline(always)]
pub(super) fn floors_of<V: Lanes>(scale: &Scale, exponent: V) -> V {
    (exponent - DEPTH) * scale.octave
}

/// How far elements may rise above the maximum that N was made for.
#[inline(always)]
pub(crate) fn room(scale: &Scale) -> f32 {
    ROOM * scale.octave
}

/// 2^n for a whole n up to 127, and 0 from −127 down.
#[inline(always)]
pub(crate) fn exp2(n: f32) -> f32 {
    // The exponent as a whole number in the lowest bits, without a conversion.
    f32::from_bits((n.clamp(-127.0, 127.0) + (8_388_608.0 + 127.0)).to_bits() << 23)
}
