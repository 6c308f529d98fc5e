//! The elementwise functions on [`wide::f32x8`], for code that already holds
//! lanes.
//!
//! They run on the instructions the build enables, without dispatch, and are
//! inlined into the caller. Each lane has the value of the function of the same
//! name in [`scalar`](crate::scalar), to the bit, where the build fuses both or
//! neither ([`Backend::is_fused`](crate::Backend::is_fused)).

use crate::math;
use crate::simd::portable::F32;
use wide::f32x8;

/// e^v in each lane, as [`crate::exp`].
///
/// ```
/// use wide::f32x8;
/// assert_eq!(logits::vector::exp(f32x8::ZERO), f32x8::ONE);
/// ```
#[inline]
#[must_use]
pub fn exp(v: f32x8) -> f32x8 {
    math::exp::exp(F32(v)).0
}

/// ln v in each lane, as [`crate::ln`].
///
/// ```
/// use wide::f32x8;
/// assert_eq!(logits::vector::ln(f32x8::ONE), f32x8::ZERO);
/// ```
#[inline]
#[must_use]
pub fn ln(v: f32x8) -> f32x8 {
    math::ln::ln(F32(v)).0
}

/// 1 / (1 + e^-v) in each lane, as [`crate::sigmoid`].
///
/// ```
/// use wide::f32x8;
/// assert_eq!(logits::vector::sigmoid(f32x8::ZERO), f32x8::HALF);
/// ```
#[inline]
#[must_use]
pub fn sigmoid(v: f32x8) -> f32x8 {
    math::sigmoid::sigmoid(F32(v)).0
}
