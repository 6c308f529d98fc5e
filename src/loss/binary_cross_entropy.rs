//! Binary cross-entropy and focal loss: options, checks, and the calls of passes.

use super::{Loss, check_finite};
use crate::Backend;
#[cfg(doc)]
use crate::error::Error;
use crate::error::{Result, check_length, check_parameter};
use crate::pass::Tile;
use crate::pass::binary::{Keep, Weights};

/// Binary cross-entropy of scores: the loss of a classifier that gives "yes" the
/// probability σ(s), against targets t: 1 for yes, 0 for no, or in between.
///
/// **Formulas.** With coefficients a = w·t and b = 1 − t:
/// loss = a·softplus(−s) + b·softplus(s), gradient b·σ(s) − a·σ(−s). Without a weight the
/// gradient is σ(s) − t. Loss and gradient are computed from e^-|s|, so nothing cancels for t = 0 or
/// t = 1: a confident right answer keeps its small loss and gradient.
///
/// It is [`CrossEntropy`](super::CrossEntropy) of the two scores 0 and s. With two
/// scores per example, take s = s₁ − s₀; this subtraction rounds.
///
/// **Special values.** A term with a coefficient of 0 is 0: the loss and gradient of +∞ at
/// t = 1 and of −∞ at t = 0 are 0. Any other infinite score gives loss +∞ and a finite
/// gradient. A NaN score, a NaN target, or a target outside 0 to 1 makes the loss NaN, and the
/// gradient NaN at that element. Nothing else gives NaN, however large a weight or γ.
///
/// **Accuracy.** [`contract::BINARY_LOSS`](crate::contract::BINARY_LOSS) and
/// [`contract::BINARY_GRADIENT`](crate::contract::BINARY_GRADIENT), subnormals included.
/// The sum of the losses is held as two `f32`.
///
/// ```
/// use logits::loss::BinaryCrossEntropy;
///
/// let (scores, targets) = ([0.0, 40.0, -3.0], [1.0, 1.0, 0.25]);
/// let mut gradient = [0.0; 3];
/// let loss = BinaryCrossEntropy::new().loss_and_gradient(&scores, &targets, &mut gradient)?;
///
/// let sigmoid = 1.0 / (1.0 + 3f32.exp());
/// let soft = -0.25 * sigmoid.ln() - 0.75 * (1.0 - sigmoid).ln();
/// assert!((loss.mean() - (2f32.ln() + soft) / 3.0).abs() < 1e-7);
/// assert_eq!(gradient[0], -0.5);
/// assert_eq!(gradient[1], -(-40f32).exp()); // not 0: the tail is kept
/// assert!((gradient[2] - (sigmoid - 0.25)).abs() < 1e-7);
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
#[non_exhaustive]
pub struct BinaryCrossEntropy {
    pos_weight: f32,
    alpha: Option<f32>,
    gamma: f32,
    backend: Option<Backend>,
}

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl BinaryCrossEntropy {
    /// The plain loss.
    #[inline]
    pub const fn new() -> Self {
        Self { pos_weight: 1.0, alpha: None, gamma: 0.0, backend: None }
    }

    /// Multiplies the positive term of the loss by w ≥ 0: a = w·t. With w = (number of
    /// negatives)/(number of positives), both classes have the same weight. The mean still
    /// divides by the number of elements.
    ///
    /// ```
    /// use logits::loss::BinaryCrossEntropy;
    ///
    /// let loss = BinaryCrossEntropy::new().pos_weight(3.0).loss(&[0.0, 0.0], &[1.0, 0.0])?;
    /// assert_eq!((loss.sum, loss.weight), (4.0 * 2f32.ln(), 2.0));
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub const fn pos_weight(self, pos_weight: f32) -> Self {
        Self { pos_weight, ..self }
    }

    /// Balances the two classes by α from 0 to 1: a = α·w·t and b = (1 − α)·(1 − t).
    pub const fn alpha(self, alpha: f32) -> Self {
        Self { alpha: Some(alpha), ..self }
    }

    /// Focal loss of scores (Lin and others, 2017) with γ ≥ 0. It multiplies the term of each answer
    /// by (1 − p)^γ, with p the probability of that answer. So confident right answers count less.
    ///
    /// The loss is a·f(−s) + b·f(s) with f(s) = σ(s)^γ·softplus(s). The gradient is
    /// b·f′(s) − a·f′(−s) with f′(s) = σ(s)^γ·(γ·σ(−s)·softplus(s) + σ(s)).
    ///
    /// γ = 0 changes nothing. **Accuracy.**
    /// [`contract::FOCAL_LOSS`](crate::contract::FOCAL_LOSS) and
    /// [`contract::FOCAL_GRADIENT`](crate::contract::FOCAL_GRADIENT).
    ///
    /// ```
    /// use logits::loss::BinaryCrossEntropy;
    ///
    /// // −α·(1 − p)²·ln p with p = 1/2, and the same of (1 − α).
    /// let focal = BinaryCrossEntropy::new().focal(2.0).alpha(0.25);
    /// let loss = focal.loss(&[0.0, 0.0], &[1.0, 0.0])?;
    /// assert!((loss.sum - 0.25 * 2f32.ln()).abs() < 1e-7);
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub const fn focal(self, gamma: f32) -> Self {
        Self { gamma, ..self }
    }

    /// Runs on this backend instead of [`Backend::best`].
    ///
    /// ```
    /// use logits::{Backend, loss::BinaryCrossEntropy};
    ///
    /// for backend in Backend::available() {
    ///     let loss = BinaryCrossEntropy::new().on(backend).loss(&[0.0], &[1.0])?;
    ///     assert_eq!(loss.sum, 2f32.ln());
    /// }
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub const fn on(self, backend: Backend) -> Self {
        Self { backend: Some(backend), ..self }
    }

    /// The loss of scores, each against the target of the same index.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a weight or γ that is negative or not finite, or an α
    /// outside 0 to 1; [`Error::Length`] if there is not one target per score.
    pub fn loss(self, scores: &[f32], targets: &[f32]) -> Result<Loss> {
        self.check()?;
        check_length("targets", scores.len(), targets.len())?;
        Ok(self.of_scores(&Tile::of_read(scores), targets, Keep::Nothing))
    }

    /// The loss; each score's own loss goes to `out`.
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::Length`] if `out` has another length than
    /// `scores`.
    pub fn losses(self, scores: &[f32], targets: &[f32], out: &mut [f32]) -> Result<Loss> {
        self.check()?;
        check_length("out", scores.len(), out.len())?;
        check_length("targets", scores.len(), targets.len())?;
        Ok(self.of_scores(&Tile::of(scores, out), targets, Keep::Losses))
    }

    /// The loss, and the derivative of [`Loss::sum`] by every score. For the
    /// derivative of the mean, use [`Loss::mean_gradient`].
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::Length`] if `gradient` has another length
    /// than `scores`.
    pub fn loss_and_gradient(
        self,
        scores: &[f32],
        targets: &[f32],
        gradient: &mut [f32],
    ) -> Result<Loss> {
        self.check()?;
        check_length("gradient", scores.len(), gradient.len())?;
        check_length("targets", scores.len(), targets.len())?;
        Ok(self.of_scores(&Tile::of(scores, gradient), targets, Keep::Gradients))
    }

    /// As [`loss_and_gradient`](Self::loss_and_gradient); the gradient overwrites the scores.
    ///
    /// # Errors
    /// As [`loss`](Self::loss).
    pub fn gradient_in_place(self, scores: &mut [f32], targets: &[f32]) -> Result<Loss> {
        self.check()?;
        check_length("targets", scores.len(), targets.len())?;
        Ok(self.of_scores(&Tile::of_in_place(scores), targets, Keep::Gradients))
    }

    /// The loss of probabilities, −a·ln p − b·ln(1 − p), each against the target of the same
    /// index.
    ///
    /// Prefer scores if you have them: p is already rounded, so 1 − p has few digits or none for p
    /// near 1.
    ///
    /// **Special values.** p = t gives 0 if both are 0 or both are 1. p = 0 against t = 1 gives
    /// +∞. A p or t that is NaN or outside 0 to 1 makes the loss NaN, and the gradient NaN at
    /// that element.
    ///
    /// **Accuracy.** [`contract::BINARY_PROBABILITY`](crate::contract::BINARY_PROBABILITY).
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::Parameter`] for a γ that is not 0.
    ///
    /// ```
    /// use logits::loss::BinaryCrossEntropy;
    ///
    /// let (p, targets) = ([0.5, 1.0, 0.0], [1.0, 1.0, 0.0]);
    /// let loss = BinaryCrossEntropy::new().loss_of_probabilities(&p, &targets)?;
    /// assert_eq!(loss.sum, 2f32.ln());
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub fn loss_of_probabilities(self, p: &[f32], targets: &[f32]) -> Result<Loss> {
        self.check_of_probabilities()?;
        check_length("targets", p.len(), targets.len())?;
        Ok(self.of_probabilities(&Tile::of_read(p), targets, Keep::Nothing))
    }

    /// The loss, and the derivative of [`Loss::sum`] by every probability: b/(1 − p) −
    /// a/p. Without a weight this is (p − t)/(p·(1 − p)).
    ///
    /// # Errors
    /// As [`loss_of_probabilities`](Self::loss_of_probabilities); [`Error::Length`] if
    /// `gradient` has another length than `p`.
    pub fn loss_and_gradient_of_probabilities(
        self,
        p: &[f32],
        targets: &[f32],
        gradient: &mut [f32],
    ) -> Result<Loss> {
        self.check_of_probabilities()?;
        check_length("gradient", p.len(), gradient.len())?;
        check_length("targets", p.len(), targets.len())?;
        Ok(self.of_probabilities(&Tile::of(p, gradient), targets, Keep::Gradients))
    }

    /// `Ok` for parameters in their ranges.
    fn check(self) -> Result {
        self.check_weights()?;
        check_finite("gamma", self.gamma)
    }

    /// `Ok` for parameters in their ranges and no focal loss.
    fn check_of_probabilities(self) -> Result {
        check_finite("gamma", self.gamma)?;
        check_parameter("gamma", self.gamma, self.gamma == 0.0, "0")?;
        self.check_weights()
    }

    fn check_weights(self) -> Result {
        check_finite("pos_weight", self.pos_weight)?;
        let alpha = self.alpha.unwrap_or(0.0);
        check_parameter("alpha", alpha, (0.0..=1.0).contains(&alpha), "a number from 0 to 1")
    }

    fn of_scores(self, tile: &Tile<'_>, targets: &[f32], keep: Keep) -> Loss {
        let backend = self.backend.unwrap_or_else(Backend::best);
        let sum = if self.gamma == 0.0 {
            backend.0.binary_scores(tile, targets, keep, &self.weights())
        } else {
            backend.0.binary_focal(tile, targets, keep, &self.weights(), self.gamma)
        };
        Loss::of_sum(sum, targets.len())
    }

    fn of_probabilities(self, tile: &Tile<'_>, targets: &[f32], keep: Keep) -> Loss {
        let backend = self.backend.unwrap_or_else(Backend::best);
        let sum = backend.0.binary_probabilities(tile, targets, keep, &self.weights());
        Loss::of_sum(sum, targets.len())
    }

    fn weights(self) -> Weights {
        Weights { pos_weight: self.pos_weight, alpha: self.alpha }
    }
}
