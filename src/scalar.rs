//! The elementwise functions on one `f32`: what the scalar backend computes.

use crate::math;
use crate::simd::scalar::F32;

/// e^x, as [`crate::exp`].
///
/// ```
/// assert_eq!(logits::scalar::exp(0.0), 1.0);
/// ```
#[inline]
#[must_use]
pub fn exp(x: f32) -> f32 {
    math::exp::exp(F32(x)).0
}

/// ln x, as [`crate::ln`].
///
/// ```
/// assert_eq!(logits::scalar::ln(0.0), f32::NEG_INFINITY);
/// ```
#[inline]
#[must_use]
pub fn ln(x: f32) -> f32 {
    math::ln::ln(F32(x)).0
}

/// 1 / (1 + e^-x), as [`crate::sigmoid`].
///
/// ```
/// assert_eq!(logits::scalar::sigmoid(0.0), 0.5);
/// ```
#[inline]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    math::sigmoid::sigmoid(F32(x)).0
}
