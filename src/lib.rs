//! From scores to probabilities to loss, in `f32`, with explicit SIMD and
//! without `std`.
//!
//! # Scores, probabilities, loss
//!
//! A linear classifier gives **scores** s = W x + b ([`rows::linear`]): unbounded
//! numbers of which only differences matter. With two classes, the probability of
//! the first is σ(s₁ − s₂) ([`sigmoid`]). With more, the probabilities are [`softmax`],
//! pₖ = e^sₖ / Σⱼ e^sⱼ; their logarithms are sₖ − [`log_sum_exp`]\(s\).
//!
//! The **loss** against a label is −ln p of that class ([`loss::CrossEntropy`], for two classes
//! [`loss::BinaryCrossEntropy`]). Against a distribution P it is the [`cross_entropy`]
//! H(P, Q) = −Σ p·ln q with Q = softmax(s). The loss of a confident mistake has no upper bound.
//! The gradient by the scores is softmax(s) − P; [`rows::linear_backward`] turns it into
//! the gradient by W and b. Since H(P, Q) = H(P) + KL(P‖Q) ([`entropy`],
//! [`kl_divergence`]), minimising cross-entropy over Q minimises the divergence.
//!
//! ```
//! use logits::{Rows, RowsMut, loss::CrossEntropy};
//!
//! let scores = Rows::new(&[2.0, 1.0, -1.0], 3)?;
//! let mut gradient = [0.0; 3];
//! let loss = CrossEntropy::new()
//!     .loss_and_gradient(scores, &[0], RowsMut::new(&mut gradient, 3)?)?;
//!
//! let mut p = [0.0; 3];
//! logits::softmax(&[2.0, 1.0, -1.0], &mut p)?;
//! assert!((loss.mean() + p[0].ln()).abs() < 1e-6);
//! assert!((gradient[0] - (p[0] - 1.0)).abs() < 1e-6);
//! assert!((gradient[1] - p[1]).abs() < 1e-6);
//! # Ok::<(), logits::Error>(())
//! ```
//!
//! # Promises
//!
//! - The documentation of every function has its results for infinities and NaN, and a bound on
//!   its error ([`contract`]).
//! - A function that can fail returns [`Error`] before it writes anything. No function panics
//!   or allocates.
//! - The crate finds the best instructions of the CPU at run time ([`Backend`]). All backends that
//!   fuse multiplication and addition give the same bits, and so do all backends that do not, at
//!   every alignment, in place or not, and whatever the other rows are. The exceptions are, on the
//!   scalar backend, softmax, log-softmax, log-sum-exp (with [`LogSumExp`] and [`log_dot_exp`]),
//!   [`loss::CrossEntropy`], [`exp()`], [`exp_m1`], [`sigmoid`], [`log_sigmoid`] and [`softplus`].
//!   These have bits of their own, the same on every microcontroller.
//! - These promises hold in the default floating-point mode: rounding to nearest, with subnormal
//!   numbers. If the host flushes subnormal numbers to zero, subnormal inputs and results are 0;
//!   results below 2⁻⁸⁸, and gradients by probabilities below 2⁻¹¹⁴, may have lost digits. If the
//!   host rounds in another direction, a result is within 16 ULP of its usual value, in ULP of the
//!   larger of the usual value and ½, or, where products are added, of the sum of their magnitudes.
//!   A result that is not NaN in the default mode is not NaN in any other mode. No mode changes
//!   the results of the five elementwise functions named above on the scalar backend.
//!
//! A debug build does not optimise dependencies, and the functions are then many times slower.
//! These lines in the program's `Cargo.toml` optimise this crate alone:
//!
//! ```toml
//! [profile.dev.package.logits]
//! opt-level = 3
//! ```
#![no_std]
// There the scalar backend takes rows whole, and nothing reaches what tiles need.
#![cfg_attr(all(target_os = "none", target_pointer_width = "32"), allow(dead_code))]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backend;
pub mod contract;
mod drive;
mod elementwise;
mod error;
pub mod guide;
mod log_sum_exp;
pub mod loss;
mod math;
mod matrix;
mod pass;
pub mod rows;
pub mod scalar;
mod simd;
mod softmax;
#[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
pub mod vector;

pub use backend::Backend;
pub use elementwise::{
    exp, exp_in_place, exp_m1, exp_m1_in_place, ln, ln_1p, ln_1p_in_place, ln_in_place,
    log_sigmoid, log_sigmoid_in_place, sigmoid, sigmoid_in_place, softplus, softplus_in_place,
};
pub use error::Error;
use error::Result;
pub use log_sum_exp::LogSumExp;
#[doc(inline)]
pub use rows::{Rows, RowsMut};
pub use softmax::Softmax;

/// ln Σ e^x: the smooth maximum, and the logarithm of softmax's denominator.
///
/// It exceeds the largest element by at most ln n, and its derivative by x\[k\] is
/// [`softmax`]\(x\)\[k\]. No finite score overflows: the terms are e^x·2^-N with a whole
/// number N. [`LogSumExp`] takes scores that arrive in pieces.
///
/// **Special values.** Empty input and all −∞ give −∞; a NaN gives NaN; a +∞
/// without a NaN gives +∞. A single element is returned as it is.
///
/// **Accuracy.** [`contract::LOG_SUM_EXP`]. For results near 0, where e^x of one element is
/// more than ¾ of the sum, [`contract::LOG_SUM_EXP_RISE`].
///
/// ```
/// assert_eq!(logits::log_sum_exp(&[1000.0, 1000.0]), 1000.0 + 2f32.ln());
/// assert_eq!(logits::log_sum_exp(&[0.0, -30.0]), (-30f32).exp());
/// assert_eq!(logits::log_sum_exp(&[]), f32::NEG_INFINITY);
/// ```
#[must_use]
pub fn log_sum_exp(x: &[f32]) -> f32 {
    Backend::best().log_sum_exp(x)
}

/// ln(e^a + e^b) = max(a, b) + ln(1 + e^-|a − b|): [`log_sum_exp`] of two numbers. It adds
/// two numbers given by their logarithms.
///
/// Exchanging a and b changes no bit. To fold many numbers with this function rounds at every
/// step; [`LogSumExp`] rounds once, at the end.
///
/// **Special values.** If b is −∞, the result is a, bit for bit; if a is −∞, it is b. A NaN
/// gives NaN; a +∞ without a NaN gives +∞.
///
/// **Accuracy.** [`contract::LOG_ADD_EXP`]. What is added to a = 0 is not lost:
/// `log_add_exp(0, x)` is [`softplus`]\(x).
///
/// ```
/// assert_eq!(logits::log_add_exp(1000.0, 1000.0), 1000.0 + 2f32.ln());
/// assert_eq!(logits::log_add_exp(0.0, -30.0), (-30f32).exp());
/// assert_eq!(logits::log_add_exp(-0.0, f32::NEG_INFINITY), -0.0);
/// ```
#[must_use]
pub fn log_add_exp(a: f32, b: f32) -> f32 {
    Backend::best().log_add_exp(a, b)
}

/// ln Σ e^(aₖ + bₖ): the logarithm of a scalar product of two vectors, given by the logarithms of
/// their elements. Probabilities of long sequences are such vectors.
///
/// It is the [`log_sum_exp`] of the rounded sums aₖ + bₖ. Its derivative by aₖ and by bₖ is
/// element k of the [`softmax`] of these sums.
///
/// **Special values.** aₖ = −∞ or bₖ = −∞ stands for a factor of 0: the term is 0 if the other
/// logarithm is less than +∞. −∞ + ∞ is NaN, as in IEEE 754. Other special values are as in
/// [`log_sum_exp`].
///
/// **Accuracy.** [`contract::LOG_DOT_EXP`].
///
/// # Errors
/// [`Error::Length`] if `b` has another length than `a`.
///
/// ```
/// // ½·e^-1000 + ¼·e^-1000, which f32 rounds to 0.
/// let (a, b) = ([0.5f32.ln(), 0.25f32.ln()], [-1000.0, -1000.0]);
/// let found = logits::log_dot_exp(&a, &b)?;
/// assert!((found - (-1000.0 + 0.75f32.ln())).abs() < 1e-4);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_dot_exp(a: &[f32], b: &[f32]) -> Result<f32> {
    Backend::best().log_dot_exp(a, b)
}

/// Softmax, `out[k] = e^x[k] / Σⱼ e^x[j]`: scores to probabilities.
///
/// The results are from 0 to 1. Their exact sum is within 4·10⁻⁷ of 1
/// ([`contract::SOFTMAX_WORST`]); a sum in `f32` also has the rounding errors of its additions.
/// Mathematically, adding a constant to all scores changes nothing; for two scores, softmax is
/// [`sigmoid`] of their difference. The derivative of `out[k]` by `x[j]` is −pₖ·pⱼ for j ≠ k, and
/// pₖ·(1 − pₖ) for j = k: [`softmax_backward`].
///
/// **Method.** The subtraction in e^(x − max) would round. This function sums e^x·2^-N, with
/// one whole number N for the row, and multiplies each term by the reciprocal of the sum, held
/// as two `f32`. So the error does not grow with the spread of the scores. If |max| ≥ 224, it uses
/// e^(x − max): then x − max is exact for every x whose probability is not 0. [`Softmax`] has a
/// temperature, and an option for rows of only −∞.
///
/// **Special values.** −∞ gives exactly 0. A NaN, a +∞, or only −∞ makes every result NaN.
/// Small probabilities are kept down to the smallest subnormal.
///
/// **Accuracy.** [`contract::SOFTMAX`], whatever the spread.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut p = [0.0; 3];
/// logits::softmax(&[1000.0, 1000.0, f32::NEG_INFINITY], &mut p)?;
/// assert_eq!(p, [0.5, 0.5, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softmax(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().softmax(x, out)
}

/// As [`softmax`], in place.
///
/// ```
/// let mut x = [3.0, 3.0];
/// logits::softmax_in_place(&mut x);
/// assert_eq!(x, [0.5, 0.5]);
/// ```
pub fn softmax_in_place(x: &mut [f32]) {
    Backend::best().softmax_in_place(x);
}

/// The logarithm of softmax, `out[k] = x[k] − ln Σⱼ e^x[j]`: scores to
/// log-probabilities in nats.
///
/// For an element of probability above ¾, whose result is near 0, the formula is −ln(1 + tail)
/// with tail = Σ e^(x\[j\] − x\[k\]) over j ≠ k: nothing cancels. The derivative of `out[k]` by
/// `x[j]` is −pⱼ for j ≠ k, and 1 − pₖ for j = k: [`log_softmax_backward`].
///
/// **Special values.** −∞ stays −∞. A NaN, a +∞, or only −∞ makes every result NaN.
///
/// **Accuracy.** [`contract::LOG_SOFTMAX`], however near 0.
///
/// # Errors
/// [`Error::Length`] if `out` has another length than `x`.
///
/// ```
/// let mut out = [0.0; 2];
/// logits::log_softmax(&[-7.0, -7.0], &mut out)?;
/// assert_eq!(out, [-2f32.ln(); 2]);
/// logits::log_softmax(&[40.0, 0.0], &mut out)?;
/// assert_eq!(out, [-(-40f32).exp(), -40.0]); // not 0: the tail is kept
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_softmax(x: &[f32], out: &mut [f32]) -> Result {
    Backend::best().log_softmax(x, out)
}

/// As [`log_softmax`], in place.
///
/// ```
/// let mut x = [3.0, 3.0];
/// logits::log_softmax_in_place(&mut x);
/// assert_eq!(x, [-2f32.ln(); 2]);
/// ```
pub fn log_softmax_in_place(x: &mut [f32]) {
    Backend::best().log_softmax_in_place(x);
}

/// The derivatives of a loss by scores, from its derivatives g = `upstream` by their
/// [`softmax`] y: `out[k] = y[k]·(g[k] − Σⱼ y[j]·g[j])`.
///
/// The exact results sum to 0. With g = −t/y, from the loss −Σ t·ln y, the result is (Σt)·y − t.
/// Prefer [`loss::CrossEntropy`] for this gradient: it does not divide.
///
/// **Special values.** y\[k\] = 0, a masked class, gives 0, and g\[k\] is not used. For other
/// elements, infinities and NaN follow IEEE 754. Finite g give the value, or ±∞ if the value is
/// beyond `f32::MAX`; an overflow of g − Σ y·g alone does no harm. For y outside 0 to 1 the formula
/// holds as long as no product with y overflows or is subnormal.
///
/// **Accuracy.** [`contract::SOFTMAX_BACKWARD`].
///
/// # Errors
/// [`Error::Length`] if `upstream` or `out` has another length than `y`.
///
/// ```
/// let (y, upstream, mut out) = ([0.5, 0.25, 0.25, 0.0], [1.0, 0.0, 2.0, f32::NAN], [9.0; 4]);
/// logits::softmax_backward(&y, &upstream, &mut out)?;
/// assert_eq!(out, [0.0, -0.25, 0.25, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softmax_backward(y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result {
    Backend::best().softmax_backward(y, upstream, out)
}

/// As [`softmax_backward`]; the results overwrite `upstream`.
///
/// # Errors
/// [`Error::Length`] if `upstream` has another length than `y`.
///
/// ```
/// let mut g = [1.0, 0.0];
/// logits::softmax_backward_in_place(&[0.5, 0.5], &mut g)?;
/// assert_eq!(g, [0.25, -0.25]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softmax_backward_in_place(y: &[f32], upstream: &mut [f32]) -> Result {
    Backend::best().softmax_backward_in_place(y, upstream)
}

/// The derivatives of a loss by scores, from its derivatives g = `upstream` by their
/// [`log_softmax`] y: `out[k] = g[k] − e^y[k]·Σⱼ g[j]`.
///
/// The exact results sum to 0. With g = −1 at a label and 0 elsewhere, from the loss −y at the
/// label, the result is the gradient of [`loss::CrossEntropy`]. Small gradients of confident right
/// answers keep their digits.
///
/// **Special values.** y\[k\] = −∞ gives g\[k\], whatever Σ g is. If Σ g is infinite, any
/// y\[k\] > −∞ gives g\[k\] − Σ g as in IEEE 754, however small e^y\[k\] is. A NaN y\[k\], g\[k\]
/// or Σ g gives NaN. Finite g give the value, or ±∞ if the value is beyond `f32::MAX`; an overflow
/// of Σ g alone does no harm. For 0 < y ≤ 40 the formula holds; for y > 40 nothing is promised.
///
/// **Accuracy.** [`contract::LOG_SOFTMAX_BACKWARD`].
///
/// # Errors
/// [`Error::Length`] if `upstream` or `out` has another length than `y`.
///
/// ```
/// let (scores, mut y, mut out) = ([40.0, 0.0], [0.0; 2], [0.0; 2]);
/// logits::log_softmax(&scores, &mut y)?;
/// logits::log_softmax_backward(&y, &[-1.0, 0.0], &mut out)?;
/// assert_eq!(out, [-(-40f32).exp(), (-40f32).exp()]); // not 0: the tail is kept
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_softmax_backward(y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result {
    Backend::best().log_softmax_backward(y, upstream, out)
}

/// As [`log_softmax_backward`]; the results overwrite `upstream`.
///
/// # Errors
/// [`Error::Length`] if `upstream` has another length than `y`.
///
/// ```
/// let mut g = [-1.0, 0.0];
/// logits::log_softmax_backward_in_place(&[0.5f32.ln(); 2], &mut g)?;
/// assert_eq!(g, [-0.5, 0.5]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_softmax_backward_in_place(y: &[f32], upstream: &mut [f32]) -> Result {
    Backend::best().log_softmax_backward_in_place(y, upstream)
}

/// The entropy −Σ p·ln p of a distribution, in nats: how uncertain it is, from 0
/// (one class has everything) to ln n (all are equal). Shannon, 1948.
///
/// Its derivative by p is −1 − ln p. [`rows::entropy_of_scores`] takes scores instead of
/// probabilities.
///
/// `p` is not normalised. **Special values.** 0·ln 0 = 0; a negative or NaN
/// probability gives NaN; an infinite one gives −∞; no elements give 0.
///
/// **Accuracy.** [`contract::DISTRIBUTION`].
///
/// ```
/// assert_eq!(logits::entropy(&[0.5, 0.5]), 2f32.ln());
/// assert_eq!(logits::entropy(&[0.0, 1.0]), 0.0);
/// ```
#[must_use]
pub fn entropy(p: &[f32]) -> f32 {
    Backend::best().entropy(p)
}

/// The cross-entropy −Σ p·ln q of two distributions, in nats: the mean surprise −ln q
/// of outcomes that follow P. It is [`entropy`] of P plus
/// [`kl_divergence`] of P from Q. Its derivative by q is −p/q. [`loss::CrossEntropy::loss_soft`]
/// takes scores instead of Q, and does not compute Q.
///
/// **Special values.** A term with p = 0 is 0, whatever q. For p > 0, q = 0 gives +∞, q = ∞ gives
/// −∞, and a negative or NaN q gives NaN. A negative or NaN p gives NaN. An infinite p gives +∞
/// for q < 1, −∞ for q > 1, and NaN for q = 1. Infinite terms of both signs give NaN; finite terms
/// never do.
///
/// **Accuracy.** [`contract::DISTRIBUTION`].
///
/// # Errors
/// [`Error::Length`] if `q` has another length than `p`.
///
/// ```
/// assert_eq!(logits::cross_entropy(&[0.0, 1.0], &[0.5, 0.5])?, 2f32.ln());
/// assert_eq!(logits::cross_entropy(&[0.0, 1.0], &[1.0, 0.0])?, f32::INFINITY);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn cross_entropy(p: &[f32], q: &[f32]) -> Result<f32> {
    Backend::best().cross_entropy(p, q)
}

/// The Kullback-Leibler divergence Σ p·ln(p/q) of P from Q, in nats: by how much the
/// cross-entropy with Q exceeds the entropy of P. Kullback and Leibler, 1951.
///
/// It is [`cross_entropy`] of P and Q minus [`entropy`] of P, without cancellation. Its
/// derivative by q is −p/q, and by p it is 1 + ln(p/q).
///
/// **Inputs whose sums differ.** If |Σp − Σq| ≤ 2⁻²⁰·Σp, the sums count as equal. The value is
/// then Σ (p·ln(p/q) + q − p). No term is negative, so the result is never negative; it is exactly
/// +0 for q = p. Otherwise it is Σ p·ln(p/q), which may be negative.
///
/// **Special values.** p = 0 gives 0 even if q = 0; p > 0 with q = 0 gives +∞; a negative,
/// infinite or NaN element on either side gives NaN. Elements above 2¹²⁰ may make a sum overflow:
/// then the result is an infinity or NaN.
///
/// **Accuracy.** [`contract::DIVERGENCE`], however close Q is to P, if the sums count as
/// equal; else [`contract::DISTRIBUTION`].
///
/// # Errors
/// [`Error::Length`] if `q` has another length than `p`.
///
/// ```
/// assert_eq!(logits::kl_divergence(&[0.5, 0.5], &[0.5, 0.5])?, 0.0);
/// assert_eq!(logits::kl_divergence(&[1.0, 0.0], &[0.5, 0.5])?, 2f32.ln());
/// // The rounding of a sum is no divergence: ln(1/q) + q − 1.
/// assert!(logits::kl_divergence(&[1.0], &[1.000_000_4])? < 1e-13);
/// assert!(logits::kl_divergence(&[1.0], &[1.5])? < -0.4);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn kl_divergence(p: &[f32], q: &[f32]) -> Result<f32> {
    Backend::best().kl_divergence(p, q)
}

/// The Jensen-Shannon divergence ½KL(P‖M) + ½KL(Q‖M) with M = (P + Q)/2, in nats:
/// how far P and Q are from their mean. Its square root is a metric. Lin, 1991.
///
/// Its derivative by p is ½·ln(p/m), by q ½·ln(q/m).
///
/// Exchanging P and Q changes no bit. The result is exactly +0 for q = p, and from 0 to
/// ln 2 for inputs whose sums are 1 to within 2⁻²⁰. **Special values.** The term of p = 0
/// is q/2·ln 2, and that of q = 0 is p/2·ln 2; a negative, infinite or NaN element on
/// either side gives NaN.
///
/// **Accuracy.** [`contract::DIVERGENCE`], however close P and Q are.
///
/// # Errors
/// [`Error::Length`] if `q` has another length than `p`.
///
/// ```
/// assert_eq!(logits::js_divergence(&[0.5, 0.5], &[0.5, 0.5])?, 0.0);
/// assert_eq!(logits::js_divergence(&[1.0, 0.0], &[0.0, 1.0])?, 2f32.ln());
/// # Ok::<(), logits::Error>(())
/// ```
pub fn js_divergence(p: &[f32], q: &[f32]) -> Result<f32> {
    Backend::best().js_divergence(p, q)
}
