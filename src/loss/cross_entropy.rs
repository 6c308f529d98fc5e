//! Softmax cross-entropy: options, checks, and the calls of drivers.

use super::label::Labels;
use super::{Label, Loss};
use crate::Backend;
use crate::drive::cross_entropy::{Targets, cross_entropy, of_labels};
use crate::drive::loss_options::Options;
#[cfg(doc)]
use crate::error::Error;
use crate::error::{Result, check_length, check_parameter};
use crate::math::shifted_exp::Scale;
use crate::pass::Tile;
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count, check_shape};

/// Softmax cross-entropy, −ln softmax(scores) at the label: large where the classifier
/// gives the right answer a small probability.
///
/// **Formulas.** With scores s, the label y, and tail = Σ e^(s\[j\] − s\[y\]) over all j ≠ y:
/// loss = ln(1 + tail), gradient −tail/(1 + tail) at the label and softmax(s)
/// elsewhere. The tail is summed without the label, so a confident right answer keeps its
/// small loss and gradient; ln Σ e^s − s\[y\] would cancel to 0.
///
/// Options apply from top to bottom, to a row x with K classes and targets t (1 at the label,
/// 0 elsewhere, or a distribution):
///
/// | option | what it does |
/// |---|---|
/// | [`soft_cap`](Self::soft_cap)`(c)` | s = c·tanh(x/c) |
/// | [`temperature`](Self::temperature)`(T)` | s/T replaces s |
/// | [`label_smoothing`](Self::label_smoothing)`(ε)` | (1 − ε)·t + ε/K replaces t |
/// | [`class_weights`](Self::class_weights)`(w)` | aₖ = wₖ·tₖ, else aₖ = tₖ |
/// | the loss | Σ aₖ·(L − sₖ) with L = ln Σ e^s |
/// | [`z_loss`](Self::z_loss)`(λ)` | adds λ·L² |
///
/// The gradient is ((Σa + 2λL)·softmax(s)ₖ − aₖ)·dsₖ/dxₖ. Without options its
/// exact elements sum to 0. Without w and λ, and with Σ t = 1, the loss is
/// [`cross_entropy`](crate::cross_entropy)`(t, softmax(s))`: the [`entropy`](crate::entropy)
/// of t plus its [divergence](crate::kl_divergence) from softmax(s). A distribution that is
/// 1 at one class gives the loss of that label.
///
/// **Special values.** A NaN or +∞ score, a row of only −∞, or a NaN or infinite target makes
/// the row's loss and gradient NaN. In all other rows, a score of −∞ at the label or at a
/// positive target gives loss +∞ and a finite gradient (−1 at a label without options). At a
/// negative target it gives loss −∞; scores of −∞ at targets of both signs give NaN. Without options,
/// loss and gradient are 0 if every score but the label's is −∞. A term with aₖ = 0 is 0, even
/// if sₖ is −∞. [`soft_cap`](Self::soft_cap) makes infinite scores finite, and their gradient 0.
/// Finite scores never give NaN if all aₖ and their sum are finite, even for negative aₖ. The loss
/// is then infinite only if its value is beyond `f32::MAX`: an overflow of s/T or of a term alone
/// does no harm.
///
/// **Accuracy.** The largest errors are
///
/// | with | loss | gradient |
/// |---|---|---|
/// | labels; also with an ignored label, class weights or a temperature | [`LOSS`](crate::contract::LOSS) | [`GRADIENT`](crate::contract::GRADIENT) |
/// | label smoothing, z-loss or distributions; also with class weights or a temperature | [`SMOOTH_LOSS`](crate::contract::SMOOTH_LOSS) | [`SMOOTH_GRADIENT`](crate::contract::SMOOTH_GRADIENT) |
/// | a soft cap | [`CAPPED_LOSS`](crate::contract::CAPPED_LOSS) | [`CAPPED_GRADIENT`](crate::contract::CAPPED_GRADIENT) |
///
/// The last two rows hold for weights and sums Σa + 2λL that are 0 or of magnitudes from 2⁻⁴⁰ to
/// 2⁴⁰, for targets that are 0 or at least 2⁻¹⁰⁰, and for temperatures and caps from 2⁻⁴⁰ to
/// 2⁴⁰ with c/T ≤ 2⁵. Temperatures and caps from 2⁻⁶⁰ to 2⁶⁰ are accepted; for c/T > 2⁵,
/// errors grow with c/T. A gradient is a difference. If a probability nearly equals its target,
/// their leading digits cancel, and the error is small relative to the probability and the target,
/// not to the difference. The sum of the losses is held as two `f32`.
///
/// ```
/// use logits::{Rows, RowsMut, loss::CrossEntropy};
///
/// let scores = Rows::new(&[2.0, 2.0, 0.0, 40.0], 2)?;
/// let mut gradient = [0.0; 4];
/// let loss = CrossEntropy::new()
///     .loss_and_gradient(scores, &[0, 1], RowsMut::new(&mut gradient, 2)?)?;
/// assert_eq!(loss.sum, 2f32.ln() + (-40f32).exp());
/// assert_eq!(gradient[..2], [-0.5, 0.5]);
/// assert_eq!(gradient[3], -(-40f32).exp()); // not 0: the tail is kept
///
/// // The target is ¾ at the label and ¼ at the other class.
/// let smooth = CrossEntropy::new().label_smoothing(0.5);
/// assert_eq!(smooth.loss(scores, &[0, 1])?.sum, 2f32.ln() + 0.25 * 40.0);
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
#[non_exhaustive]
pub struct CrossEntropy<'a> {
    label_smoothing: f32,
    ignored_label: Option<i64>,
    class_weights: Option<&'a [f32]>,
    z_loss: f32,
    soft_cap: Option<f32>,
    temperature: f32,
    backend: Option<Backend>,
}

impl Default for CrossEntropy<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> CrossEntropy<'a> {
    /// The plain loss.
    #[inline]
    pub const fn new() -> Self {
        Self {
            label_smoothing: 0.0,
            ignored_label: None,
            class_weights: None,
            z_loss: 0.0,
            soft_cap: None,
            temperature: 1.0,
            backend: None,
        }
    }

    /// Replaces targets t by (1 − ε)·t + ε/K, 0 ≤ ε < 1. With ℓₖ the loss of label k, the loss of
    /// label y becomes (1 − ε)·ℓᵧ + ε/K·Σ ℓₖ. This keeps scores from growing without bound. From
    /// Szegedy and others, 2015.
    ///
    /// If ε > 0, a score of −∞ has a positive target, and the loss is +∞.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[1.0, 1.0, 1.0, 1.0], 4)?;
    /// let loss = CrossEntropy::new().label_smoothing(0.1).loss(scores, &[2])?;
    /// assert!((loss.mean() - 4f32.ln()).abs() < 1e-6);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn label_smoothing(self, epsilon: f32) -> Self {
        Self { label_smoothing: epsilon, ..self }
    }

    /// Rows with this label are not read and not counted; their loss and gradient are 0. The
    /// label need not name a class. The option has no effect on soft targets, which have no labels.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[0.0, 0.0, f32::NAN, 1.0], 2)?;
    /// let loss = CrossEntropy::new().ignored_label(-100).loss(scores, &[1, -100])?;
    /// assert_eq!((loss.sum, loss.count), (2f32.ln(), 1));
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn ignored_label(self, label: i64) -> Self {
        Self { ignored_label: Some(label), ..self }
    }

    /// Multiplies the target of each class by a weight from 0 to 2^60. The mean divides by the
    /// sum of the labels' weights; with soft targets, by the number of rows.
    ///
    /// With smoothing, every class has its weight: −(1 − ε)·wᵧ·ln pᵧ −
    /// ε/K·Σ wₖ·ln pₖ.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[0.0, 0.0, 0.0, 0.0], 2)?;
    /// let loss = CrossEntropy::new().class_weights(&[1.0, 3.0]).loss(scores, &[0, 1])?;
    /// assert_eq!((loss.sum, loss.weight, loss.mean()), (4.0 * 2f32.ln(), 4.0, 2f32.ln()));
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn class_weights(self, weights: &'a [f32]) -> Self {
        Self { class_weights: Some(weights), ..self }
    }

    /// Adds λ·L² with L = ln Σ e^s, λ from 0 to 2^60, to the loss of each row that is not ignored.
    /// This keeps L near 0, so scores stay near log-probabilities. Class weights do not apply to
    /// λ·L². From Chowdhery and others, 2022.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[3.0, f32::NEG_INFINITY], 2)?;
    /// let loss = CrossEntropy::new().z_loss(0.5).loss(scores, &[0])?;
    /// assert_eq!(loss.sum, 0.5 * 9.0);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn z_loss(self, lambda: f32) -> Self {
        Self { z_loss: lambda, ..self }
    }

    /// Replaces each score x by c·tanh(x/c), which is within ±c. The gradient is by x, so it has
    /// the factor 1 − tanh²(x/c). From Gemma 2, 2024.
    ///
    /// c is from 2^-60 to 2^60. With any other c the call returns [`Error::Parameter`]: the
    /// arithmetic would leave the range of `f32`.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[f32::INFINITY, f32::NEG_INFINITY], 2)?;
    /// let loss = CrossEntropy::new().soft_cap(15.0).loss(scores, &[1])?;
    /// assert_eq!(loss.sum, 30.0);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn soft_cap(self, cap: f32) -> Self {
        Self { soft_cap: Some(cap), ..self }
    }

    /// Divides the scores by T (after [`soft_cap`](Self::soft_cap)): T > 1 flattens the
    /// probabilities, T < 1 sharpens them. The gradient is by the scores before the division. From
    /// Hinton and others, 2015.
    ///
    /// T is from 2^-60 to 2^60. With any other T the call returns [`Error::Parameter`]: the
    /// arithmetic would leave the range of `f32`.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let loss = |scores, t| CrossEntropy::new().temperature(t).loss(Rows::new(scores, 2)?, &[0]);
    /// assert_eq!(loss(&[2.0, 6.0], 2.0)?, loss(&[1.0, 3.0], 1.0)?);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn temperature(self, temperature: f32) -> Self {
        Self { temperature, ..self }
    }

    /// Runs on this backend instead of [`Backend::best`].
    ///
    /// ```
    /// use logits::{Backend, Rows, loss::CrossEntropy};
    ///
    /// for backend in Backend::available() {
    ///     let loss = CrossEntropy::new().on(backend).loss(Rows::new(&[0.0, 0.0], 2)?, &[0])?;
    ///     assert_eq!(loss.sum, 2f32.ln());
    /// }
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn on(self, backend: Backend) -> Self {
        Self { backend: Some(backend), ..self }
    }

    /// The loss of rows of scores, each against the class its label names.
    ///
    /// # Errors
    /// [`Error::Parameter`] unless 0 ≤ ε < 1, λ and all class weights are from 0 to 2^60, and
    /// soft cap and temperature are from 2^-60 to 2^60; [`Error::Length`] if there is not one
    /// class weight per column, or not one label per row; [`Error::Label`] for the first label
    /// that is neither a column's number nor ignored.
    #[inline(always)]
    pub fn loss<L: Label>(self, scores: Rows<'_>, labels: &[L]) -> Result<Loss> {
        self.of_labels(&Tile::read(scores), labels, &mut [])
    }

    /// The loss; each row's own loss goes to `out`.
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::Length`] if `out` has not one element per row.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let mut out = [0.0; 2];
    /// let scores = Rows::new(&[0.0, 0.0, 0.0, f32::NEG_INFINITY], 2)?;
    /// CrossEntropy::new().losses(scores, &[1, 0], &mut out)?;
    /// assert_eq!(out, [2f32.ln(), 0.0]);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline(always)]
    pub fn losses<L: Label>(self, scores: Rows<'_>, labels: &[L], out: &mut [f32]) -> Result<Loss> {
        check_length("out", scores.rows(), out.len())?;
        self.of_labels(&Tile::read(scores), labels, out)
    }

    /// The loss, and the derivative of [`Loss::sum`] by every score. For the
    /// derivative of the mean, use [`Loss::mean_gradient`].
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::RowCount`] or [`Error::ColumnCount`] if
    /// `gradient` has another shape than `scores`.
    #[inline(always)]
    pub fn loss_and_gradient<L: Label>(
        self,
        scores: Rows<'_>,
        labels: &[L],
        gradient: RowsMut<'_>,
    ) -> Result<Loss> {
        check_shape("gradient", scores, &gradient)?;
        self.of_labels(&Tile::write(scores, gradient), labels, &mut [])
    }

    /// As [`loss_and_gradient`](Self::loss_and_gradient); the gradient overwrites the scores.
    ///
    /// # Errors
    /// As [`loss`](Self::loss).
    ///
    /// ```
    /// use logits::{RowsMut, loss::CrossEntropy};
    ///
    /// let mut scores = [7.0, 7.0];
    /// CrossEntropy::new().gradient_in_place(RowsMut::new(&mut scores, 2)?, &[0])?;
    /// assert_eq!(scores, [-0.5, 0.5]);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline(always)]
    pub fn gradient_in_place<L: Label>(self, scores: RowsMut<'_>, labels: &[L]) -> Result<Loss> {
        self.of_labels(&Tile::in_place(scores), labels, &mut [])
    }

    /// The loss of rows of scores, each against a distribution: Σ tₖ·(L − sₖ).
    ///
    /// Targets are not normalised: the gradient is (Σt)·softmax(s) − t. At a target of 0, a
    /// score of −∞ adds 0.
    ///
    /// # Errors
    /// [`Error::Parameter`] and [`Error::Length`] for the options, as
    /// [`loss`](Self::loss); [`Error::RowCount`] or [`Error::ColumnCount`] if `targets`
    /// has another shape than `scores`.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[1.0, 3.0, f32::NEG_INFINITY], 3)?;
    /// let soft = Rows::new(&[0.5, 0.5, 0.0], 3)?;
    /// let loss = CrossEntropy::new().loss_soft(scores, soft)?;
    /// let [first, second] =
    ///     [0, 1].map(|label| CrossEntropy::new().loss(scores, &[label]).unwrap().sum);
    /// assert!((loss.sum - 0.5 * (first + second)).abs() < 1e-6);
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub fn loss_soft(self, scores: Rows<'_>, targets: Rows<'_>) -> Result<Loss> {
        self.of_rows(&Tile::read(scores), targets, &mut [])
    }

    /// The loss against distributions; each row's own loss goes to `out`.
    ///
    /// # Errors
    /// As [`loss_soft`](Self::loss_soft); [`Error::Length`] if `out` has not one element
    /// per row.
    pub fn losses_soft(self, scores: Rows<'_>, targets: Rows<'_>, out: &mut [f32]) -> Result<Loss> {
        check_length("out", scores.rows(), out.len())?;
        self.of_rows(&Tile::read(scores), targets, out)
    }

    /// The loss against distributions, and the derivative of [`Loss::sum`] by every score.
    ///
    /// # Errors
    /// As [`loss_soft`](Self::loss_soft); [`Error::RowCount`] or [`Error::ColumnCount`] if
    /// `gradient` has another shape than `scores`.
    ///
    /// ```
    /// use logits::{Rows, RowsMut, loss::CrossEntropy};
    ///
    /// let (scores, soft) = (Rows::new(&[0.0, 0.0], 2)?, Rows::new(&[0.75, 0.25], 2)?);
    /// let mut gradient = [0.0; 2];
    /// let out = RowsMut::new(&mut gradient, 2)?;
    /// CrossEntropy::new().loss_and_gradient_soft(scores, soft, out)?;
    /// assert_eq!(gradient, [-0.25, 0.25]);
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub fn loss_and_gradient_soft(
        self,
        scores: Rows<'_>,
        targets: Rows<'_>,
        gradient: RowsMut<'_>,
    ) -> Result<Loss> {
        check_shape("gradient", scores, &gradient)?;
        self.of_rows(&Tile::write(scores, gradient), targets, &mut [])
    }

    /// As [`loss_and_gradient_soft`](Self::loss_and_gradient_soft); the gradient overwrites the
    /// scores.
    ///
    /// # Errors
    /// As [`loss_soft`](Self::loss_soft).
    pub fn gradient_in_place_soft(self, scores: RowsMut<'_>, targets: Rows<'_>) -> Result<Loss> {
        self.of_rows(&Tile::in_place(scores), targets, &mut [])
    }

    /// The loss of labels. Inlined: if the caller's compiler sees that no other option is on, and
    /// the backend takes rows whole, the program has no code of the other options.
    #[inline(always)]
    fn of_labels<L: Label>(
        self,
        tile: &Tile<'_>,
        labels: &[L],
        losses: &mut [f32],
    ) -> Result<Loss> {
        let backend = self.backend.unwrap_or_else(Backend::best);
        let Self { label_smoothing: smoothing, z_loss: z, soft_cap: cap, temperature, .. } = self;
        let [least, most] = Scale::RANGE;
        if backend.0.take_rows()
            && (smoothing, z, cap) == (0.0, 0.0, None)
            && (least..=most).contains(&temperature)
        {
            return self.of_plain_labels(backend, tile, labels, losses);
        }
        self.of_any_labels(backend, tile, labels, losses)
    }

    /// [`of_labels`](Self::of_labels) with no options but weights and a moderate temperature, where
    /// passes take rows whole.
    fn of_plain_labels<L: Label>(
        self,
        backend: Backend,
        tile: &Tile<'_>,
        labels: &[L],
        losses: &mut [f32],
    ) -> Result<Loss> {
        let weights = self.weights(tile.columns())?;
        let labels = Labels::new(labels, tile.rows(), tile.columns(), self.ignored_label)?;
        let scale = Scale::of_inverse(self.temperature);
        Ok(of_labels(backend.0, tile, labels, weights, &scale, losses))
    }

    /// [`of_labels`](Self::of_labels) with any options.
    fn of_any_labels<L: Label>(
        self,
        backend: Backend,
        tile: &Tile<'_>,
        labels: &[L],
        losses: &mut [f32],
    ) -> Result<Loss> {
        let options = self.options(tile.columns(), false)?;
        let labels = Labels::new(labels, tile.rows(), tile.columns(), self.ignored_label)?;
        Ok(cross_entropy(backend.0, tile, Targets::Labels(labels), &options, losses))
    }

    /// The loss of distributions.
    fn of_rows(self, tile: &Tile<'_>, targets: Rows<'_>, losses: &mut [f32]) -> Result<Loss> {
        let options = self.options(tile.columns(), true)?;
        check_row_count("targets", tile.rows(), targets.rows())?;
        check_column_count("targets", tile.columns(), targets.columns())?;
        let backend = self.backend.unwrap_or_else(Backend::best);
        Ok(cross_entropy(backend.0, tile, Targets::Rows(targets), &options, losses))
    }

    /// The options, if each is within its range.
    #[inline]
    fn options(self, columns: usize, is_soft: bool) -> Result<Options<'a>> {
        let Self { label_smoothing: smoothing, z_loss: z, soft_cap: cap, temperature, .. } = self;
        let (is_valid, expected) =
            ((0.0..1.0).contains(&smoothing), "a number of at least 0 and below 1");
        check_parameter("label_smoothing", smoothing, is_valid, expected)?;
        check_factor("z_loss", z)?;
        check_moderate("soft_cap", cap.unwrap_or(1.0))?;
        check_moderate("temperature", temperature)?;
        let weights = self.weights(columns)?;
        Ok(Options { is_soft, smoothing, weights, z, cap, temperature })
    }

    /// Class weights, one a column.
    #[inline]
    fn weights(self, columns: usize) -> Result<&'a [f32]> {
        let Some(weights) = self.class_weights else { return Ok(&[]) };
        check_length("class_weights", columns, weights.len())?;
        for &weight in weights {
            check_factor("class_weights", weight)?;
        }
        Ok(weights)
    }
}

/// 2^60
const MOST: f32 = 1.152_921_5e18;

/// `Ok` for a number from 0 to 2^60.
fn check_factor(name: &'static str, found: f32) -> Result {
    check_parameter(name, found, (0.0..=MOST).contains(&found), "a number from 0 to 2^60")
}

/// `Ok` for a number from 2^-60 to 2^60: beyond this range, second words would be subnormal or
/// overflow.
fn check_moderate(name: &'static str, found: f32) -> Result {
    let is_valid = (1.0 / MOST..=MOST).contains(&found);
    check_parameter(name, found, is_valid, "a number from 2^-60 to 2^60")
}
