//! From scores to probabilities to loss, in `f32`, with explicit SIMD and
//! without `std`.
//!
//! # The story
//!
//! A linear classifier gives **scores** s = W x + b ([`rows::linear`]): unbounded
//! numbers of which only differences matter. For two classes the probability of
//! the first is σ(s₁ − s₂) ([`sigmoid`]); for many it is [`softmax`],
//! pₖ = e^sₖ / Σⱼ e^sⱼ, whose logarithm is sₖ − [`log_sum_exp`]\(s\).
//!
//! Against a label the **loss** is −ln p there ([`loss::CrossEntropy`], for two classes
//! [`loss::BinaryCrossEntropy`]); against a distribution P it is the [`cross_entropy`]
//! H(P, Q) = −Σ p·ln q. −ln punishes a
//! confident mistake without bound, and its gradient by the scores is simply
//! softmax(s) − P, from which [`rows::linear_backward`] makes that by W and b. Since H(P, Q) = H(P) + KL(P‖Q) ([`entropy`],
//! [`kl_divergence`]), to minimise cross-entropy is to minimise divergence.
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
//! - Every function says what it returns for every input, infinities and NaN
//!   included, and how far it may be off: [`contract`].
//! - What can fail returns [`Error`] before anything is written. Nothing panics
//!   or allocates.
//! - The best instructions of the CPU are found at run time ([`Backend`]). Results
//!   have the same bits on all backends that fuse multiplication and addition, and on
//!   all that do not, whatever the alignment, length or batch, in place or not. Only softmax,
//!   log-softmax, log-sum-exp and [`loss::CrossEntropy`] have bits of their own on the scalar
//!   backend, which are those of every microcontroller.
//! - All this is said of the usual mode of arithmetic: to nearest, with subnormal numbers.
//!   Where the host flushes those to zero, subnormal inputs and results are 0, and results below
//!   2⁻⁸⁸, and gradients by probabilities below 2⁻¹¹⁴, may have lost digits. Where it rounds in
//!   another direction, results are within 40 ULP of the larger of their usual value and ½. No
//!   mode makes a NaN of what is none.
//!
//! A program that is built in debug mode should optimise this crate all the same, or
//! its functions are many times slower. In the program's `Cargo.toml`:
//!
//! ```toml
//! [profile.dev.package.logits]
//! opt-level = 3
//! ```
#![no_std]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod backend;
pub mod contract;
mod drive;
mod error;
pub mod guide;
mod log_sum_exp;
pub mod loss;
mod math;
mod pass;
pub mod rows;
pub mod scalar;
mod simd;
mod softmax;
#[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
pub mod vector;

pub use backend::Backend;
pub use error::Error;
pub use log_sum_exp::LogSumExp;
#[doc(inline)]
pub use rows::{Rows, RowsMut};
pub use softmax::Softmax;

/// e^x for each element; its derivative is e^x.
///
/// **Special values.** exp(+∞) = +∞, exp(−∞) = +0, exp(±0) = 1, NaN stays NaN.
/// Above 88.722839 (bits 0x42B17217) the result is +∞; the last result that
/// is not 0 is at −103.97208 (0xC2CFF1B4).
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
pub fn exp(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().exp(x, out)
}

/// As [`exp`], in place.
pub fn exp_in_place(x: &mut [f32]) {
    Backend::best().exp_in_place(x);
}

/// e^x − 1 for each element, without the cancellation near 0: there it is x. Its
/// derivative is e^x, its inverse [`ln_1p`].
///
/// **Special values.** ±0 and subnormals are returned as they are. −∞ gives −1,
/// +∞ gives +∞, NaN stays NaN. It overflows where [`exp`] does.
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
pub fn exp_m1(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().exp_m1(x, out)
}

/// As [`exp_m1`], in place.
pub fn exp_m1_in_place(x: &mut [f32]) {
    Backend::best().exp_m1_in_place(x);
}

/// ln x for each element; its derivative is 1/x.
///
/// **Special values.** ln(±0) = −∞, ln 1 = +0, ln(+∞) = +∞; negative x and NaN
/// give NaN. Subnormal x have their finite logarithm.
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
pub fn ln(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().ln(x, out)
}

/// As [`ln`], in place.
pub fn ln_in_place(x: &mut [f32]) {
    Backend::best().ln_in_place(x);
}

/// ln(1 + x) for each element, without the cancellation near 0: there it is x. Its
/// derivative is 1/(1 + x), its inverse [`exp_m1`].
///
/// **Special values.** ±0 and subnormals are returned as they are. −1 gives −∞,
/// less and NaN give NaN, +∞ gives +∞.
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
pub fn ln_1p(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
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
/// **Special values.** σ(−∞) = 0, σ(0) = 1/2, σ(+∞) = 1, NaN stays NaN. The
/// negative tail follows e^x down to the last subnormal.
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
pub fn sigmoid(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
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
/// For large x it follows −e^-x down to the last subnormal.
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
pub fn log_sigmoid(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().log_sigmoid(x, out)
}

/// As [`log_sigmoid`], in place.
pub fn log_sigmoid_in_place(x: &mut [f32]) {
    Backend::best().log_sigmoid_in_place(x);
}

/// ln(1 + e^x) of each element, the smooth max(x, 0): the loss −ln σ(−x) of a
/// binary classifier. Its derivative is σ(x).
///
/// **Special values.** −∞ gives 0, 0 gives ln 2, +∞ gives +∞, NaN stays NaN. For
/// very negative x it follows e^x down to the last subnormal.
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
pub fn softplus(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().softplus(x, out)
}

/// As [`softplus`], in place.
pub fn softplus_in_place(x: &mut [f32]) {
    Backend::best().softplus_in_place(x);
}

/// ln Σ e^x: the smooth maximum, and the logarithm of softmax's denominator.
///
/// It exceeds the largest element by at most ln n, and its derivative by x\[k\] is
/// [`softmax`]\(x\)\[k\]. No score is too large: what is summed is e^x·2^-N with a whole N.
/// For scores that come in pieces there is [`LogSumExp`].
///
/// **Special values.** Empty input and all −∞ give −∞; a NaN gives NaN, and
/// without one a +∞ gives +∞. A single element is returned as it is.
///
/// **Accuracy.** [`contract::LOG_SUM_EXP`]. Near 0, where one element has more than ¾ of
/// the sum, what little the others add to it is kept: [`contract::LOG_SUM_EXP_RISE`].
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

/// ln(e^a + e^b) = max(a, b) + ln(1 + e^-|a − b|): [`log_sum_exp`] of two, the sum of
/// two numbers of which the logarithms are known.
///
/// The same to the bit with a and b exchanged. To fold many numbers with it rounds once for each:
/// [`LogSumExp`] rounds once for all.
///
/// **Special values.** a where b is −∞, to the bit, and b where a is; a NaN gives NaN,
/// and without one a +∞ gives +∞.
///
/// **Accuracy.** [`contract::LOG_ADD_EXP`]: what is added to 0 is not lost, and
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

/// ln Σ e^(aₖ + bₖ): the logarithm of the scalar product of two vectors of which the logarithms
/// are known, as probabilities of long sequences are.
///
/// It is the [`log_sum_exp`] of the sums aₖ + bₖ, each rounded. Its derivative by aₖ and by bₖ is
/// the [`softmax`] of these sums.
///
/// **Special values.** −∞ stands for a factor of 0: it leaves out an element whose other is finite.
/// −∞ + ∞ is NaN, as IEEE 754 has it. Else those of [`log_sum_exp`].
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
pub fn log_dot_exp(a: &[f32], b: &[f32]) -> Result<f32, Error> {
    Backend::best().log_dot_exp(a, b)
}

/// Softmax, `out[k] = e^x[k] / Σⱼ e^x[j]`: scores to probabilities.
///
/// The results are from 0 to 1. In exact arithmetic they sum to 1 to within their own errors, and
/// adding a constant to all scores changes nothing. Of two scores it is [`sigmoid`] of their difference. The derivative of
/// `out[k]` by `x[j]` is −pₖ·pⱼ, and pₖ·(1 − pₖ) where j = k: [`softmax_backward`].
///
/// **Method.** The subtraction in e^(x − max) would round. Here e^x·2^-N, with one whole
/// number N for the row, is summed, and multiplied by the reciprocal of the sum, which is
/// held as two `f32`. So the error does not grow with the spread of the scores. For a
/// temperature, and for zeros where everything is masked, there is [`Softmax`].
///
/// **Special values.** −∞ gives exactly 0. A NaN, a +∞, or nothing but −∞ makes
/// every result NaN. Small probabilities are kept down to the last subnormal.
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
pub fn softmax(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().softmax(x, out)
}

/// As [`softmax`], in place.
pub fn softmax_in_place(x: &mut [f32]) {
    Backend::best().softmax_in_place(x);
}

/// The logarithm of softmax, `out[k] = x[k] − ln Σⱼ e^x[j]`: scores to
/// log-probabilities in nats.
///
/// Of a likely element, whose result is near 0, it is −ln(1 + tail) with the sum of the
/// others: nothing cancels, however certain it is. The derivative of `out[k]` by `x[j]` is
/// −pⱼ, and 1 − pₖ where j = k: [`log_softmax_backward`].
///
/// **Special values.** −∞ stays −∞. A NaN, a +∞, or nothing but −∞ makes every
/// result NaN.
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
pub fn log_softmax(x: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().log_softmax(x, out)
}

/// As [`log_softmax`], in place.
pub fn log_softmax_in_place(x: &mut [f32]) {
    Backend::best().log_softmax_in_place(x);
}

/// The derivatives of a loss by scores, from those by their [`softmax`] y, which are
/// `upstream` = g: `out[k] = y[k]·(g[k] − Σⱼ y[j]·g[j])`.
///
/// They sum to 0. With g = −t/y, those of the loss −Σ t·ln y, it is the gradient of
/// [`loss::CrossEntropy`] (Σt)·y − t, which does not divide and is to be preferred.
///
/// **Special values.** y = 0 gives 0 whatever g, which does not count for others: a masked
/// class. Else infinities and NaN follow IEEE 754. Finite g give the value, or ±∞ where that is
/// beyond `f32::MAX`, though g − Σ y·g may be beyond it too. A y outside 0 to 1 is no probability:
/// the formula is followed, but where a product with it overflows or is subnormal, nothing is
/// promised.
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
pub fn softmax_backward(y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().softmax_backward(y, upstream, out)
}

/// As [`softmax_backward`], in the place of the derivatives by y.
///
/// # Errors
/// [`Error::Length`] if `upstream` has another length than `y`.
pub fn softmax_backward_in_place(y: &[f32], upstream: &mut [f32]) -> Result<(), Error> {
    Backend::best().softmax_backward_in_place(y, upstream)
}

/// The derivatives of a loss by scores, from those by their [`log_softmax`] y, which are
/// `upstream` = g: `out[k] = g[k] − e^y[k]·Σⱼ g[j]`.
///
/// They sum to 0. With g = −1 at a label, of the loss −y there, it is the gradient of
/// [`loss::CrossEntropy`], small ones of confident right answers included.
///
/// **Special values.** y = −∞ gives g\[k\], whatever the sum: its probability does not move.
/// With an infinite Σ g, any other share of it is infinite, however small e^y, and g\[k\] − Σ g
/// follows IEEE 754; a NaN y, g\[k\] or Σ g gives NaN. Finite g give the value, or ±∞ where that is
/// beyond `f32::MAX`, though Σ g may be beyond it too. A y above 0 is the logarithm of no
/// probability: the formula is followed up to y = 40, beyond nothing is promised.
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
pub fn log_softmax_backward(y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result<(), Error> {
    Backend::best().log_softmax_backward(y, upstream, out)
}

/// As [`log_softmax_backward`], in the place of the derivatives by y.
///
/// # Errors
/// [`Error::Length`] if `upstream` has another length than `y`.
pub fn log_softmax_backward_in_place(y: &[f32], upstream: &mut [f32]) -> Result<(), Error> {
    Backend::best().log_softmax_backward_in_place(y, upstream)
}

/// The entropy −Σ p·ln p of a distribution, in nats: how uncertain it is, from 0
/// (one class has everything) to ln n (all are equal). Shannon, 1948.
///
/// Its derivative by p is −1 − ln p. Of scores instead of probabilities it is
/// [`rows::entropy_of_scores`].
///
/// `p` is taken as it is, not normalised. **Special values.** 0·ln 0 = 0; a
/// negative or NaN probability gives NaN; an infinite one −∞, as ∞·ln ∞ is ∞; no elements give 0.
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

/// The cross-entropy −Σ p·ln q of two distributions, in nats: how surprised one
/// who believes Q is by outcomes from P. It is [`entropy`] of P plus
/// [`kl_divergence`] of P from Q. Its derivative by q is −p/q; of scores instead of Q it is
/// [`loss::CrossEntropy::loss_soft`], which never forms Q.
///
/// **Special values.** p = 0 gives 0 whatever q; p > 0 with q = 0 gives +∞; a
/// negative or NaN p, or a negative or NaN q under p > 0, gives NaN. Infinities follow IEEE 754: an
/// infinite q under p > 0 gives −∞; an infinite p gives +∞ with q < 1, −∞ with q > 1, and NaN with
/// q = 1; infinite terms of both signs give NaN, finite terms never do.
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
pub fn cross_entropy(p: &[f32], q: &[f32]) -> Result<f32, Error> {
    Backend::best().cross_entropy(p, q)
}

/// The Kullback-Leibler divergence Σ p·ln(p/q) of P from Q, in nats: the
/// surprise that believing Q adds to the entropy of P. Kullback and Leibler, 1951.
///
/// It is [`cross_entropy`] of P and Q less [`entropy`] of P, without the cancellation; its
/// derivative by q is −p/q, and by p it is 1 + ln(p/q).
///
/// **Inputs whose sums differ.** Where they differ by at most 2⁻²⁰ of P's, both count as
/// normalised, and the value is Σ p·ln(p/q) + q − p: of no negative terms, so it is never
/// negative, and exactly +0 for q = p. Where they differ by more, it is Σ p·ln(p/q), which may
/// be negative.
///
/// **Special values.** p = 0 gives 0 even if q = 0; p > 0 with q = 0 gives +∞; a negative,
/// infinite or NaN element on either side gives NaN. Elements above 2¹²⁰ are no probabilities: if
/// sums of terms of both signs overflow, the result is an infinity or NaN.
///
/// **Accuracy.** [`contract::DIVERGENCE`], however close Q is to P, where the sums count as
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
pub fn kl_divergence(p: &[f32], q: &[f32]) -> Result<f32, Error> {
    Backend::best().kl_divergence(p, q)
}

/// The Jensen-Shannon divergence ½KL(P‖M) + ½KL(Q‖M) with M = (P + Q)/2, in nats:
/// how far P and Q are from their mean. Its square root is a metric. Lin, 1991.
///
/// Its derivative by p is ½·ln(p/m), by q ½·ln(q/m).
///
/// The same to the bit with P and Q exchanged, exactly +0 for q = p, and from 0 to
/// ln 2 for inputs whose sums are 1 to within 2⁻²⁰. **Special values.** p = 0 gives
/// q/2·ln 2, where KL(Q‖P) would be +∞; a negative, infinite or NaN element on
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
pub fn js_divergence(p: &[f32], q: &[f32]) -> Result<f32, Error> {
    Backend::best().js_divergence(p, q)
}
