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

/// e^v − 1 in each lane, as [`crate::exp_m1`].
///
/// ```
/// use wide::f32x8;
/// assert_eq!(logits::vector::exp_m1(f32x8::ZERO), f32x8::ZERO);
/// ```
#[inline]
#[must_use]
pub fn exp_m1(v: f32x8) -> f32x8 {
    math::exp_m1::exp_m1(F32(v)).0
}

/// ln(1 + v) in each lane, as [`crate::ln_1p`].
///
/// ```
/// use wide::f32x8;
/// assert_eq!(logits::vector::ln_1p(f32x8::ZERO), f32x8::ZERO);
/// ```
#[inline]
#[must_use]
pub fn ln_1p(v: f32x8) -> f32x8 {
    math::ln_1p::ln_1p(F32(v)).0
}

/// ln σ(v) in each lane, as [`crate::log_sigmoid`].
///
/// ```
/// use wide::f32x8;
/// assert_eq!(logits::vector::log_sigmoid(f32x8::ZERO), -f32x8::LN_2);
/// ```
#[inline]
#[must_use]
pub fn log_sigmoid(v: f32x8) -> f32x8 {
    math::softplus::log_sigmoid(F32(v)).0
}

/// ln(1 + e^v) in each lane, as [`crate::softplus`].
///
/// ```
/// use wide::f32x8;
/// assert_eq!(logits::vector::softplus(f32x8::ZERO), f32x8::LN_2);
/// ```
#[inline]
#[must_use]
pub fn softplus(v: f32x8) -> f32x8 {
    math::softplus::softplus(F32(v)).0
}
