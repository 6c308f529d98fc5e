//! Losses on scores, with their gradients, in one pass over each row.
//!
//! A loss adds up over rows and is divided at the end: [`Loss`] keeps the sum,
//! the weight that counted and the number of rows, so that batches can be added
//! and the mean taken once.

use crate::Backend;
use crate::error::Error;
use crate::kernel::{LabelLoss, LabelLossAndGradient};
use crate::math::words::{fast_two_sum, two_sum};
use crate::rows::{Rows, RowsMut};

/// What a loss function returns: the losses of all rows, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Loss {
    /// The sum of the rows' losses, in nats.
    pub sum: f32,
    /// The sum of the rows' weights: what the mean divides by.
    pub weight: f32,
    /// The number of rows that counted.
    pub count: usize,
    /// What rounding took from `sum`.
    low: f32,
}

impl Loss {
    /// The loss of an average row: `sum / weight`, NaN if no row counted.
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[0.0, 0.0, 0.0, 0.0], 2)?;
    /// let loss = CrossEntropy::new().loss(scores, &[0, 1])?;
    /// assert_eq!((loss.mean(), loss.count), (2f32.ln(), 2));
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[must_use]
    pub fn mean(self) -> f32 {
        (self.sum + self.low) / self.weight
    }

    /// As [`mean`](Self::mean), but `value` if no row counted.
    #[must_use]
    pub fn mean_or(self, value: f32) -> f32 {
        if self.count == 0 { value } else { self.mean() }
    }

    /// Counts a row of weight 1.
    #[inline(always)]
    pub(crate) fn add(&mut self, loss: f32) {
        let (sum, error) = two_sum(self.sum, loss);
        (self.sum, self.low) =
            if sum.is_finite() { fast_two_sum(sum, self.low + error) } else { (sum, 0.0) };
        self.count += 1;
        self.weight = self.count as f32;
    }
}

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
