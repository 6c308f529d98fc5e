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

/// e^x − 1, as [`crate::exp_m1`].
///
/// ```
/// assert_eq!(logits::scalar::exp_m1(0.0), 0.0);
/// ```
#[inline]
#[must_use]
pub fn exp_m1(x: f32) -> f32 {
    math::exp_m1::exp_m1(F32(x)).0
}

/// ln(1 + x), as [`crate::ln_1p`].
///
/// ```
/// assert_eq!(logits::scalar::ln_1p(0.0), 0.0);
/// ```
#[inline]
#[must_use]
pub fn ln_1p(x: f32) -> f32 {
    math::ln_1p::ln_1p(F32(x)).0
}

/// ln σ(x), as [`crate::log_sigmoid`].
///
/// ```
/// assert_eq!(logits::scalar::log_sigmoid(0.0), -core::f32::consts::LN_2);
/// ```
#[inline]
#[must_use]
pub fn log_sigmoid(x: f32) -> f32 {
    math::softplus::log_sigmoid(F32(x)).0
}

/// ln(1 + e^x), as [`crate::softplus`].
///
/// ```
/// assert_eq!(logits::scalar::softplus(0.0), core::f32::consts::LN_2);
/// ```
#[inline]
#[must_use]
pub fn softplus(x: f32) -> f32 {
    math::softplus::softplus(F32(x)).0
}

/// ln(e^a + e^b), as [`crate::log_add_exp`].
///
/// ```
/// assert_eq!(logits::scalar::log_add_exp(3.0, f32::NEG_INFINITY), 3.0);
/// ```
#[inline]
#[must_use]
pub fn log_add_exp(a: f32, b: f32) -> f32 {
    let (high, low) = math::log_add_exp::log_add_exp(F32(0.0), (a, -0.0), (b, -0.0));
    high + low
}
