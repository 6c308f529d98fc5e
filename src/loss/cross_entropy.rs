use super::Loss;
use crate::Backend;
use crate::error::Error;
use crate::kernel::{LabelLoss, LabelLossAndGradient};
use crate::rows::{Rows, RowsMut};

/// Softmax cross-entropy, −ln softmax(scores) at the label: how surprised a
/// classifier is by the right answer.
///
/// **Formulas.** With scores s, that of the label t, and tail = Σ e^(sⱼ − t) over
/// all others:
/// loss = ln(1 + tail), gradient −tail/(1 + tail) at the label and softmax(s)
/// elsewhere. The tail is summed as such, so a confident right answer keeps its
/// small true loss and gradient where ln Σ e^s − t would cancel to 0.
///
/// **Special values.** A row with a NaN or +∞ score, or with nothing but −∞,
/// has loss NaN and gradient NaN. A label whose score is −∞ in any other row
/// has loss +∞ and a finite gradient, −1 at the label. If every other score is
/// −∞, loss and gradient are 0.
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
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct CrossEntropy {}

impl CrossEntropy {
    /// The plain loss.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }

    /// The loss of rows of scores, each against the class its label names.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one label a row; [`Error::Label`] for
    /// the first label that is not below the number of columns.
    pub fn loss(self, scores: Rows<'_>, labels: &[u32]) -> Result<Loss, Error> {
        Ok(Backend::best().run(LabelLoss::new(scores, labels)?))
    }

    /// The loss, and the derivative of [`Loss::sum`] by every score. For the
    /// derivative of the mean, divide by [`Loss::weight`].
    ///
    /// # Errors
    /// As [`loss`](Self::loss); [`Error::RowCount`] or [`Error::ColumnCount`] if
    /// `gradient` has another shape than `scores`.
    pub fn loss_and_gradient(
        self,
        scores: Rows<'_>,
        labels: &[u32],
        gradient: RowsMut<'_>,
    ) -> Result<Loss, Error> {
        Ok(Backend::best().run(LabelLossAndGradient::new(scores, labels, gradient)?))
    }
}
