//! The functions of each element of a slice.

use crate::Backend;
use crate::error::Result;
#[cfg(doc)]
use crate::{Error, contract};

/// e^x for each element; its derivative is e^x.
///
/// **Special values.** exp(+∞) = +∞, exp(−∞) = +0, exp(±0) = 1, NaN stays NaN.
/// For x > 88.722839 (bits 0x42B17217) the result is +∞; for x < −103.97208
/// (0xC2CFF1B4) it is 0.
///
/// **Accuracy.** [`contract::ELEMENTWISE`], subnormals included.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 3];
/// logits::exp(&[0.0, 1.0, f32::NEG_INFINITY], &mut out)?;
/// assert_eq!(out, [1.0, core::f32::consts::E, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn exp(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().exp(x, out)
}

/// As [`exp`], in place.
pub fn exp_in_place(x: &mut [f32]) {
    Backend::best().exp_in_place(x);
}

/// e^x − 1 for each element, without cancellation near 0. Its derivative is e^x, its
/// inverse [`ln_1p`].
///
/// **Special values.** ±0 and subnormals are returned as they are. −∞ gives −1,
/// +∞ gives +∞, NaN stays NaN. The result is +∞ for the same x as that of [`exp`].
///
/// **Accuracy.** [`contract::ELEMENTWISE`], subnormals included.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 3];
/// logits::exp_m1(&[1e-30, -0.0, f32::NEG_INFINITY], &mut out)?;
/// assert_eq!(out, [1e-30, -0.0, -1.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn exp_m1(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().exp_m1(x, out)
}

/// As [`exp_m1`], in place.
pub fn exp_m1_in_place(x: &mut [f32]) {
    Backend::best().exp_m1_in_place(x);
}

/// ln x for each element; its derivative is 1/x.
///
/// **Special values.** ln(±0) = −∞, ln 1 = +0, ln(+∞) = +∞; negative x and NaN
/// give NaN. The logarithm of a subnormal x is finite.
///
/// **Accuracy.** [`contract::ELEMENTWISE`], subnormals included.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 3];
/// logits::ln(&[1.0, 0.0, 2.0], &mut out)?;
/// assert_eq!(out, [0.0, f32::NEG_INFINITY, core::f32::consts::LN_2]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn ln(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().ln(x, out)
}

/// As [`ln`], in place.
pub fn ln_in_place(x: &mut [f32]) {
    Backend::best().ln_in_place(x);
}

/// ln(1 + x) for each element, without cancellation near 0. Its derivative is
/// 1/(1 + x), its inverse [`exp_m1`].
///
/// **Special values.** ±0 and subnormals are returned as they are. −1 gives −∞,
/// x < −1 and NaN give NaN, +∞ gives +∞.
///
/// **Accuracy.** [`contract::ELEMENTWISE`], subnormals included.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 3];
/// logits::ln_1p(&[1e-30, 1.0, -1.0], &mut out)?;
/// assert_eq!(out, [1e-30, core::f32::consts::LN_2, f32::NEG_INFINITY]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn ln_1p(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().ln_1p(x, out)
}

/// As [`ln_1p`], in place.
pub fn ln_1p_in_place(x: &mut [f32]) {
    Backend::best().ln_1p_in_place(x);
}

/// The logistic function 1 / (1 + e^-x) of each element: the probability of the
/// first of two classes whose scores differ by x.
///
/// σ(−x) = 1 − σ(x), its derivative is σ(x)·σ(−x), and its logarithm [`log_sigmoid`].
///
/// **Special values.** σ(−∞) = 0, σ(0) = 1/2, σ(+∞) = 1, NaN stays NaN. For very
/// negative x the result follows e^x down to the smallest subnormal.
///
/// **Accuracy.** [`contract::ELEMENTWISE`], subnormals included.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 2];
/// logits::sigmoid(&[0.0, -100.0], &mut out)?;
/// assert_eq!(out, [0.5, (-100f32).exp()]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn sigmoid(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().sigmoid(x, out)
}

/// As [`sigmoid`], in place.
pub fn sigmoid_in_place(x: &mut [f32]) {
    Backend::best().sigmoid_in_place(x);
}

/// ln σ(x) of each element, −[`softplus`]\(−x): the log-probability of the first of
/// two classes whose scores differ by x. Its derivative is σ(−x).
///
/// **Special values.** −∞ gives −∞, 0 gives −ln 2, +∞ gives −0, NaN stays NaN.
/// For large x the result follows −e^-x down to the smallest subnormal.
///
/// **Accuracy.** [`contract::ELEMENTWISE`], subnormals included.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 2];
/// logits::log_sigmoid(&[-1000.0, 40.0], &mut out)?;
/// assert_eq!(out, [-1000.0, -(-40f32).exp()]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_sigmoid(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().log_sigmoid(x, out)
}

/// As [`log_sigmoid`], in place.
pub fn log_sigmoid_in_place(x: &mut [f32]) {
    Backend::best().log_sigmoid_in_place(x);
}

/// ln(1 + e^x) of each element, a smooth max(x, 0): a binary classifier's loss
/// −ln σ(−x) when the answer is no. Its derivative is σ(x).
///
/// **Special values.** −∞ gives 0, 0 gives ln 2, +∞ gives +∞, NaN stays NaN. For
/// very negative x the result follows e^x down to the smallest subnormal.
///
/// **Accuracy.** [`contract::ELEMENTWISE`], subnormals included.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 2];
/// logits::softplus(&[1000.0, -40.0], &mut out)?;
/// assert_eq!(out, [1000.0, (-40f32).exp()]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softplus(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().softplus(x, out)
}

/// As [`softplus`], in place.
pub fn softplus_in_place(x: &mut [f32]) {
    Backend::best().softplus_in_place(x);
}
