//! The crate's functions for each row of a matrix.
//!
//! A [`Rows`] views a slice as rows of `columns` elements, `stride` apart. A function
//! here with the name of one at the crate's root gives, for each row, the same bits.

#[cfg(doc)]
use crate::Error;
use crate::backend::Backend;
use crate::error::Result;
pub use crate::matrix::{Iter, IterMut, Rows, RowsMut};
pub(crate) use crate::matrix::{check_column_count, check_row_count, check_shape};

/// The scores of a linear classifier, s = W x + b, for each row x:
/// `out[i][k] = Σⱼ weights[k][j] · x[i][j] + bias[k]`.
///
/// `x` is examples × features, `weights` classes × features, `out` examples × classes;
/// `bias` has one element per class. [`linear_backward`] gives its derivatives.
///
/// Products are rounded; sums are compensated. NaN and infinities follow IEEE 754. A sum of finite
/// products is infinite only if its value is beyond `f32::MAX`, even if a partial sum overflows.
///
/// **Accuracy.** [`contract::LINEAR`](crate::contract::LINEAR).
///
/// # Errors
/// [`Error::ColumnCount`] if `weights` has not as many columns as `x`, or `out` not as
/// many columns as `weights` has rows; [`Error::Length`] if `bias` has not one element
/// per class; [`Error::RowCount`] if `out` has not as many rows as `x`.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let x = Rows::new(&[1.0, 2.0], 2)?;
/// let weights = Rows::new(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2)?;
/// let mut scores = [0.0; 3];
/// rows::linear(x, weights, &[0.5, 0.0, -1.0], RowsMut::new(&mut scores, 3)?)?;
/// assert_eq!(scores, [1.5, 2.0, 2.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn linear(x: Rows<'_>, weights: Rows<'_>, bias: &[f32], out: RowsMut<'_>) -> Result {
    Backend::best().rows_linear(x, weights, bias, out)
}

/// The derivatives of a loss by the weights and the bias of [`linear`], from its derivatives
/// g = `upstream` by the scores: `weight_gradient[k][j] = Σᵢ g[i][k] · x[i][j]`, which is gᵀx,
/// and `bias_gradient[k] = Σᵢ g[i][k]`.
///
/// `x` is examples × features, `upstream` examples × classes, `weight_gradient` classes ×
/// features; `bias_gradient` has one element per class. Both gradients are overwritten, not added
/// to; without examples they become 0. The derivative by x is g·W, see [`weighted_sums`].
///
/// Products are rounded; sums are compensated. NaN and infinities follow IEEE 754. A sum of finite
/// products is infinite only if its value is beyond `f32::MAX`. If g is the gradient of a
/// [sum of losses](crate::loss::Loss), the results are gradients of this sum, too:
/// [`mean_gradient`](crate::loss::Loss::mean_gradient) turns them into gradients of the mean.
///
/// **Accuracy.** [`contract::WEIGHTED_SUM`](crate::contract::WEIGHTED_SUM).
///
/// # Errors
/// [`Error::RowCount`] if `upstream` has not as many rows as `x`, or `weight_gradient` not one row
/// per class; [`Error::ColumnCount`] if `weight_gradient` has not as many columns as `x`;
/// [`Error::Length`] if `bias_gradient` has not one element per class.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// // Two examples of three features, and the derivatives by the scores of two classes.
/// let x = Rows::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3)?;
/// let upstream = Rows::new(&[1.0, 0.0, 0.5, -1.0], 2)?;
/// let (mut weights, mut bias) = ([0.0; 6], [0.0; 2]);
/// rows::linear_backward(x, upstream, RowsMut::new(&mut weights, 3)?, &mut bias)?;
/// assert_eq!(weights, [3.0, 4.5, 6.0, -4.0, -5.0, -6.0]);
/// assert_eq!(bias, [1.5, -1.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn linear_backward(
    x: Rows<'_>,
    upstream: Rows<'_>,
    weight_gradient: RowsMut<'_>,
    bias_gradient: &mut [f32],
) -> Result {
    Backend::best().rows_linear_backward(x, upstream, weight_gradient, bias_gradient)
}

/// Sums of the rows of `values`, each times a weight: `out[i] = Σₖ weights[i][k] · values[k]`,
/// the matrix product weights·values.
///
/// With weights = softmax(scores) the result is attention; with a row of probabilities it is an
/// expected value. With g, the derivatives by the scores of [`linear`], as `weights`, and the W of
/// [`linear`] as `values`, the result is g·W, the derivatives by x.
///
/// Products are rounded; sums are compensated. NaN and infinities follow IEEE 754, even with a
/// weight of 0. A sum of finite products is infinite only if its value is beyond `f32::MAX`. Sums of
/// no rows are 0.
///
/// **Accuracy.** [`contract::WEIGHTED_SUM`](crate::contract::WEIGHTED_SUM).
///
/// # Errors
/// [`Error::RowCount`] if `values` has not one row for each column of `weights`, or `out` not as
/// many rows as `weights`; [`Error::ColumnCount`] if `out` has not as many columns as `values`.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let weights = Rows::new(&[0.5, 0.5, 0.0, 1.0], 2)?;
/// let values = Rows::new(&[1.0, 2.0, 3.0, 5.0, 6.0, 7.0], 3)?;
/// let mut out = [0.0; 6];
/// rows::weighted_sums(weights, values, RowsMut::new(&mut out, 3)?)?;
/// assert_eq!(out, [3.0, 4.0, 5.0, 5.0, 6.0, 7.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn weighted_sums(weights: Rows<'_>, values: Rows<'_>, out: RowsMut<'_>) -> Result {
    Backend::best().rows_weighted_sums(weights, values, out)
}

/// The logarithm of each row's sum of exponentials, as [`crate::log_sum_exp`].
///
/// # Errors
/// [`Error::Length`] if `out` has not one element per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let mut out = [0.0; 2];
/// rows::log_sum_exp(Rows::new(&[0.0, 0.0, 7.0, f32::NEG_INFINITY], 2)?, &mut out)?;
/// assert_eq!(out, [2f32.ln(), 7.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_sum_exp(x: Rows<'_>, out: &mut [f32]) -> Result {
    Backend::best().rows_log_sum_exp(x, out)
}

/// ln Σₖ e^(aₖ + bₖ) for each row a of a matrix, with the same b, as [`crate::log_dot_exp`]: the
/// product of a matrix and a vector, given by the logarithms of their elements.
///
/// It is one step of the forward algorithm: row i of `a` has the logarithms of the transition
/// probabilities *into* state i, and `b` those of the forward probabilities.
///
/// # Errors
/// [`Error::Length`] if `b` has not one element per column, or `out` not one per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let transitions = [0.5f32, 0.5, 0.25, 0.75].map(f32::ln);
/// let mut out = [0.0; 2];
/// rows::log_dot_exp(Rows::new(&transitions, 2)?, &[-1000.0, f32::NEG_INFINITY], &mut out)?;
/// assert_eq!(out, [-1000.0 + 0.5f32.ln(), -1000.0 + 0.25f32.ln()]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_dot_exp(a: Rows<'_>, b: &[f32], out: &mut [f32]) -> Result {
    Backend::best().rows_log_dot_exp(a, b, out)
}

/// Each row's softmax, as [`crate::softmax`].
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `out` has another shape.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let mut out = [0.0; 4];
/// rows::softmax(Rows::new(&[0.0, 0.0, 100.0, -100.0], 2)?, RowsMut::new(&mut out, 2)?)?;
/// assert_eq!(out, [0.5, 0.5, 1.0, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softmax(x: Rows<'_>, out: RowsMut<'_>) -> Result {
    Backend::best().rows_softmax(x, out)
}

/// As [`softmax`], in place.
///
/// ```
/// let mut x = [0.0, 0.0, 100.0, -100.0];
/// logits::rows::softmax_in_place(logits::RowsMut::new(&mut x, 2)?);
/// assert_eq!(x, [0.5, 0.5, 1.0, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softmax_in_place(x: RowsMut<'_>) {
    Backend::best().rows_softmax_in_place(x);
}

/// The logarithm of each row's softmax, as [`crate::log_softmax`].
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `out` has another shape.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let mut out = [0.0; 2];
/// rows::log_softmax(Rows::new(&[3.0, 3.0], 2)?, RowsMut::new(&mut out, 2)?)?;
/// assert_eq!(out, [-2f32.ln(); 2]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_softmax(x: Rows<'_>, out: RowsMut<'_>) -> Result {
    Backend::best().rows_log_softmax(x, out)
}

/// As [`log_softmax`], in place.
///
/// ```
/// let mut x = [3.0, 3.0, -1.0, -1.0];
/// logits::rows::log_softmax_in_place(logits::RowsMut::new(&mut x, 2)?);
/// assert_eq!(x, [-2f32.ln(); 4]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_softmax_in_place(x: RowsMut<'_>) {
    Backend::best().rows_log_softmax_in_place(x);
}

/// The derivatives by each row's scores, as [`crate::softmax_backward`].
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `upstream` or `out` has another shape
/// than `y`.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let (y, upstream) = (Rows::new(&[0.5; 4], 2)?, Rows::new(&[1.0, 0.0, 1.0, 1.0], 2)?);
/// let mut out = [9.0; 4];
/// rows::softmax_backward(y, upstream, RowsMut::new(&mut out, 2)?)?;
/// assert_eq!(out, [0.25, -0.25, 0.0, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softmax_backward(y: Rows<'_>, upstream: Rows<'_>, out: RowsMut<'_>) -> Result {
    Backend::best().rows_softmax_backward(y, upstream, out)
}

/// As [`softmax_backward`]; the results overwrite `upstream`.
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `upstream` has another shape than `y`.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let mut g = [1.0, 0.0, 1.0, 1.0];
/// rows::softmax_backward_in_place(Rows::new(&[0.5; 4], 2)?, RowsMut::new(&mut g, 2)?)?;
/// assert_eq!(g, [0.25, -0.25, 0.0, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn softmax_backward_in_place(y: Rows<'_>, upstream: RowsMut<'_>) -> Result {
    Backend::best().rows_softmax_backward_in_place(y, upstream)
}

/// The derivatives by each row's scores, as [`crate::log_softmax_backward`].
///
/// # Errors
/// As [`softmax_backward`].
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let y = [0.5f32.ln(); 2];
/// let (y, upstream) = (Rows::new(&y, 2)?, Rows::new(&[-1.0, 0.0], 2)?);
/// let mut out = [9.0; 2];
/// rows::log_softmax_backward(y, upstream, RowsMut::new(&mut out, 2)?)?;
/// assert_eq!(out, [-0.5, 0.5]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_softmax_backward(y: Rows<'_>, upstream: Rows<'_>, out: RowsMut<'_>) -> Result {
    Backend::best().rows_log_softmax_backward(y, upstream, out)
}

/// As [`log_softmax_backward`]; the results overwrite `upstream`.
///
/// # Errors
/// As [`softmax_backward_in_place`].
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let (y, mut g) = ([0.5f32.ln(); 2], [-1.0, 0.0]);
/// rows::log_softmax_backward_in_place(Rows::new(&y, 2)?, RowsMut::new(&mut g, 2)?)?;
/// assert_eq!(g, [-0.5, 0.5]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn log_softmax_backward_in_place(y: Rows<'_>, upstream: RowsMut<'_>) -> Result {
    Backend::best().rows_log_softmax_backward_in_place(y, upstream)
}

/// Each row's entropy in nats, as [`crate::entropy`].
///
/// # Errors
/// [`Error::Length`] if `out` has not one element per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let mut out = [0.0; 2];
/// rows::entropy(Rows::new(&[0.5, 0.5, 1.0, 0.0], 2)?, &mut out)?;
/// assert_eq!(out, [2f32.ln(), 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn entropy(p: Rows<'_>, out: &mut [f32]) -> Result {
    Backend::best().rows_entropy(p, out)
}

/// The [`entropy`] in nats of the [`softmax`] of each row of scores, computed without the
/// softmax: how uncertain the classifier is.
///
/// H = ln Σ e^x − Σ p·x with p = softmax(x), and its derivative by x\[k\] is
/// −pₖ·(H + ln pₖ). It is [`loss::CrossEntropy`](crate::loss::CrossEntropy) of x against the
/// targets p. A row with a p near 1 keeps its tiny entropy, although 1 − p has no digits left in
/// `f32`.
///
/// **Special values.** A score of −∞ adds nothing. A NaN, a +∞, or only −∞ gives NaN.
///
/// **Accuracy.** [`contract::ENTROPY_OF_SCORES`](crate::contract::ENTROPY_OF_SCORES).
///
/// # Errors
/// [`Error::Length`] if `out` has not one element per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let mut out = [0.0; 2];
/// rows::entropy_of_scores(Rows::new(&[7.0, 7.0, 50.0, 0.0], 2)?, &mut out)?;
/// assert_eq!(out[0], 2f32.ln());
/// assert!((out[1] / (51.0 * (-50f32).exp()) - 1.0).abs() < 1e-6); // the tail is kept
/// # Ok::<(), logits::Error>(())
/// ```
pub fn entropy_of_scores(scores: Rows<'_>, out: &mut [f32]) -> Result {
    Backend::best().rows_entropy_of_scores(scores, out)
}

/// The cross-entropy of each row of `p` and the same row of `q` in nats, as
/// [`crate::cross_entropy`].
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `q` has another shape than `p`;
/// [`Error::Length`] if `out` has not one element per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let mut out = [0.0; 2];
/// let p = Rows::new(&[1.0, 0.0, 0.0, 1.0], 2)?;
/// rows::cross_entropy(p, Rows::new(&[0.5, 0.5, 0.0, 1.0], 2)?, &mut out)?;
/// assert_eq!(out, [2f32.ln(), 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn cross_entropy(p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
    Backend::best().rows_cross_entropy(p, q, out)
}

/// The Kullback-Leibler divergence of each row of `p` from the same row of `q` in
/// nats, as [`crate::kl_divergence`].
///
/// If |Σp − Σq| ≤ 2⁻²⁰·Σp for a pair of rows, its value is Σ (p·ln(p/q) + q − p), which is never
/// negative. Otherwise it is Σ p·ln(p/q).
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `q` has another shape than `p`;
/// [`Error::Length`] if `out` has not one element per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let mut out = [0.0; 2];
/// let p = Rows::new(&[1.0, 0.0, 0.0, 1.0], 2)?;
/// rows::kl_divergence(p, Rows::new(&[0.5, 0.5, 0.0, 1.0], 2)?, &mut out)?;
/// assert_eq!(out, [2f32.ln(), 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn kl_divergence(p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
    Backend::best().rows_kl_divergence(p, q, out)
}

/// The [`kl_divergence`] in nats of the [`softmax`] of two rows of scores, computed without
/// the softmax. In distillation, `p` has the scores of the teacher and `q` those of the
/// student.
///
/// KL(P‖Q) = Σ p·(x − y) − ln Σ e^x + ln Σ e^y with a row x of `p`, a row y of `q`, and
/// p = softmax(x). It is never negative, and exactly +0 if y − x is the same for all elements. It
/// keeps its digits however close the rows are and however certain. From probabilities in `f32`, a
/// divergence below 2⁻⁴⁸ would have no correct digits. KL(P‖Q) equals
/// [`loss::CrossEntropy`](crate::loss::CrossEntropy) of y against the targets softmax(x), minus
/// [`entropy_of_scores`] of x.
///
/// For a temperature T, divide all scores by T first. Multiplied by T², the loss has gradients of the
/// same size at every T (Hinton and others, 2015).
///
/// **Special values.** A score of −∞ in `p` adds nothing; a score of −∞ in `q` alone gives +∞.
/// A NaN, a +∞, or only −∞ on either side gives NaN. Scores further apart than `f32::MAX`
/// give the value, or +∞ if that is beyond `f32::MAX`.
///
/// **Accuracy.**
/// [`contract::KL_DIVERGENCE_OF_SCORES`](crate::contract::KL_DIVERGENCE_OF_SCORES).
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `q` has another shape than `p`;
/// [`Error::Length`] if `out` has not one element per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let mut out = [0.0; 3];
/// let teacher = Rows::new(&[50.0, 0.0, 1.0, 2.0, 1.0, 2.0], 2)?;
/// let student = Rows::new(&[0.0, 0.0, 9.0, 10.0, 1.0, 2.00001], 2)?;
/// rows::kl_divergence_of_scores(teacher, student, &mut out)?;
/// assert_eq!(out[..2], [2f32.ln(), 0.0]);
/// // ½·p₀·p₁·δ², a million times less than an ULP of p.
/// assert!((out[2] / (0.5 * 0.19661193 * 1.0013580e-5f32.powi(2)) - 1.0).abs() < 1e-5);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn kl_divergence_of_scores(p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
    Backend::best().rows_kl_divergence_of_scores(p, q, out)
}

/// [`kl_divergence_of_scores`], and its derivative by each score of `q`, which is
/// softmax(y) − softmax(x).
///
/// The gradient is exactly 0 where softmax(y) − softmax(x) is 0. If the divergence is +∞, the
/// gradient is finite; if the divergence is NaN, the gradient of the row is NaN. The gradient keeps
/// its digits even if Q is close to P.
///
/// # Errors
/// As [`kl_divergence_of_scores`]; [`Error::RowCount`] or [`Error::ColumnCount`] if
/// `gradient` has another shape than `q`.
///
/// ```
/// use logits::{Rows, RowsMut, rows};
///
/// let (mut out, mut gradient) = ([0.0], [9.0; 2]);
/// let (teacher, student) = (Rows::new(&[200.0, 0.0], 2)?, Rows::new(&[7.0, 7.0], 2)?);
/// let place = RowsMut::new(&mut gradient, 2)?;
/// rows::kl_divergence_of_scores_and_gradient(teacher, student, &mut out, place)?;
/// assert_eq!((out, gradient), ([2f32.ln()], [-0.5, 0.5]));
/// # Ok::<(), logits::Error>(())
/// ```
pub fn kl_divergence_of_scores_and_gradient(
    p: Rows<'_>,
    q: Rows<'_>,
    out: &mut [f32],
    gradient: RowsMut<'_>,
) -> Result {
    Backend::best().rows_kl_divergence_of_scores_and_gradient(p, q, out, gradient)
}

/// The Jensen-Shannon divergence of each row of `p` and the same row of `q` in nats,
/// as [`crate::js_divergence`].
///
/// # Errors
/// [`Error::RowCount`] or [`Error::ColumnCount`] if `q` has another shape than `p`;
/// [`Error::Length`] if `out` has not one element per row.
///
/// ```
/// use logits::{Rows, rows};
///
/// let mut out = [0.0; 2];
/// let p = Rows::new(&[1.0, 0.0, 0.0, 1.0], 2)?;
/// rows::js_divergence(p, Rows::new(&[0.0, 1.0, 0.0, 1.0], 2)?, &mut out)?;
/// assert_eq!(out, [2f32.ln(), 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
pub fn js_divergence(p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
    Backend::best().rows_js_divergence(p, q, out)
}
