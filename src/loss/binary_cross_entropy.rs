use super::{Loss, check_finite};
use crate::backend;
use crate::error::Error;
use crate::kernel::{BinaryLoss, OnProbabilities, OnScores};
use crate::math::words::{fast_two_sum, two_product};
use crate::simd::scalar::F32;

/// Binary cross-entropy of scores: how surprised a classifier that says "yes" with
/// probability σ(s) is by targets t, which are 1 for yes, 0 for no, or in between.
///
/// **Formulas.** With coefficients a = w·t and b = 1 − t:
/// loss = a·softplus(−s) + b·softplus(s), gradient b·σ(s) − a·σ(−s), which without a
/// weight is σ(s) − t. Both come from one e^-|s| such that nothing cancels where t is
/// 0 or 1: a confident right answer keeps its small true loss and gradient.
///
/// It is [`CrossEntropy`](super::CrossEntropy) of the two scores 0 and s. Of two
/// scores per example, s is their difference s₁ − s₀; the subtraction rounds.
///
/// **Special values.** A coefficient of 0 wins over an infinity: the loss of +∞ at
/// t = 1 and of −∞ at t = 0 is 0, as is their gradient. An infinite score that is
/// wrong has loss +∞ and a finite gradient. A target outside 0 to 1, a NaN target and
/// a NaN score give loss NaN and, there, gradient NaN.
///
/// **Accuracy.** [`contract::BINARY_LOSS`](crate::contract::BINARY_LOSS) and
/// [`contract::BINARY_GRADIENT`](crate::contract::BINARY_GRADIENT), subnormals included.
/// The sum of the losses is kept in two words.
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
#[non_exhaustive]
pub struct BinaryCrossEntropy {
    pos_weight: f32,
    alpha: Option<f32>,
    gamma: f32,
}

impl Default for BinaryCrossEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl BinaryCrossEntropy {
    /// The plain loss.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { pos_weight: 1.0, alpha: None, gamma: 0.0 }
    }

    /// Multiplies the loss of the positive part by w ≥ 0: a = w·t. With w = negatives /
    /// positives both kinds count alike. The mean still divides by the number of
    /// elements.
    ///
    /// ```
    /// use logits::loss::BinaryCrossEntropy;
    ///
    /// let loss = BinaryCrossEntropy::new().pos_weight(3.0).loss(&[0.0, 0.0], &[1.0, 0.0])?;
    /// assert_eq!((loss.sum, loss.weight), (4.0 * 2f32.ln(), 2.0));
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[must_use]
    pub const fn pos_weight(self, pos_weight: f32) -> Self {
        Self { pos_weight, ..self }
    }

    /// Balances the two kinds by α from 0 to 1: a = α·w·t and b = (1 − α)·(1 − t).
    #[must_use]
    pub const fn alpha(self, alpha: f32) -> Self {
        Self { alpha: Some(alpha), ..self }
    }

    /// Focal loss of scores (Lin and others, 2017): multiplies each part by (1 − its
    /// probability)^γ, so that answers which are already right count less:
    ///
    /// loss = a·f(−s) + b·f(s) with f(s) = σ(s)^γ·softplus(s), gradient b·f′(s) − a·f′(−s)
    /// with f′(s) = σ(s)^γ·(γ·σ(−s)·softplus(s) + σ(s)).
    ///
    /// γ = 0 changes nothing; one above 2⁶⁴ counts as that. **Accuracy.**
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
    #[must_use]
    pub const fn focal(self, gamma: f32) -> Self {
        Self { gamma, ..self }
    }

    /// The exponent of focal loss.
    pub(crate) fn gamma(self) -> Result<f32, Error> {
        check_finite("gamma", self.gamma)?;
        Ok(self.gamma.min(1.844_674_4e19))
    }

    /// The factors of the two terms, in two words.
    pub(crate) fn weights(self) -> Result<[(f32, f32); 2], Error> {
        let Self { pos_weight, alpha, .. } = self;
        check_finite("pos_weight", pos_weight)?;
        match alpha {
            None => Ok([(pos_weight, 0.0), (1.0, 0.0)]),
            Some(alpha) if (0.0..=1.0).contains(&alpha) => {
                let (a, low) = two_product(F32(pos_weight), F32(alpha));
                Ok([(a.0, low.0), fast_two_sum(1.0, -alpha)])
            }
            Some(found) => {
                Err(Error::Parameter { name: "alpha", expected: "a number from 0 to 1", found })
            }
        }
    }

    /// The loss of scores, each against the target at its place.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a parameter out of its range; [`Error::Length`] if
    /// there is not one target a score.
    pub fn loss(self, scores: &[f32], targets: &[f32]) -> Result<Loss, Error> {
        let kernel = BinaryLoss::new(OnScores::new(self)?, scores, targets)?;
        Ok(backend::run(kernel))
    }

    /// The loss, and each score's own in `out`.
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::Length`] if `out` has another length than
    /// `scores`.
    pub fn losses(self, scores: &[f32], targets: &[f32], out: &mut [f32]) -> Result<Loss, Error> {
        let kernel = BinaryLoss::each(OnScores::new(self)?, scores, targets, out)?;
        Ok(backend::run(kernel))
    }

    /// The loss, and the derivative of [`Loss::sum`] by every score. For the
    /// derivative of the mean, divide by [`Loss::weight`].
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::Length`] if `gradient` has another length
    /// than `scores`.
    pub fn loss_and_gradient(
        self,
        scores: &[f32],
        targets: &[f32],
        gradient: &mut [f32],
    ) -> Result<Loss, Error> {
        let kernel = BinaryLoss::with_gradient(OnScores::new(self)?, scores, targets, gradient)?;
        Ok(backend::run(kernel))
    }

    /// As [`loss_and_gradient`](Self::loss_and_gradient), the gradient in the place
    /// of the scores.
    ///
    /// # Errors
    /// As [`loss`](Self::loss).
    pub fn gradient_in_place(self, scores: &mut [f32], targets: &[f32]) -> Result<Loss, Error> {
        let kernel = BinaryLoss::gradient_in_place(OnScores::new(self)?, scores, targets)?;
        Ok(backend::run(kernel))
    }

    /// The loss of probabilities, −a·ln p − b·ln(1 − p), each against the target at its
    /// place.
    ///
    /// It forgets what a score knows: p is rounded before the loss begins, and near 1
    /// nothing is left of 1 − p. Prefer scores where there are any.
    ///
    /// **Special values.** 0 and 1 are exact: p = t gives 0, p = 0 against t = 1 gives
    /// +∞. A p or t outside 0 to 1 or NaN gives NaN.
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
    pub fn loss_of_probabilities(self, p: &[f32], targets: &[f32]) -> Result<Loss, Error> {
        let kernel = BinaryLoss::new(OnProbabilities::new(self)?, p, targets)?;
        Ok(backend::run(kernel))
    }

    /// The loss, and the derivative of [`Loss::sum`] by every probability: b/(1 − p) −
    /// a/p, without a weight (p − t)/(p·(1 − p)).
    ///
    /// # Errors
    /// As [`loss_of_probabilities`](Self::loss_of_probabilities); [`Error::Length`] if
    /// `gradient` has another length than `p`.
    pub fn loss_and_gradient_of_probabilities(
        self,
        p: &[f32],
        targets: &[f32],
        gradient: &mut [f32],
    ) -> Result<Loss, Error> {
        let function = OnProbabilities::new(self)?;
        Ok(backend::run(BinaryLoss::with_gradient(function, p, targets, gradient)?))
    }
}
