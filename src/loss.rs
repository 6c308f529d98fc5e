//! Losses on scores, with their gradients, in one pass over each row.
//!
//! A loss adds up over rows and is divided at the end: [`Loss`] keeps the sum,
//! the weight that counted and the number of rows, so that batches can be added
//! and the mean taken once.

mod binary_cross_entropy;
mod cross_entropy;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use cross_entropy::CrossEntropy;

use crate::math::words::{fast_two_sum, two_sum};

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

    /// The sum of `count` losses of weight 1, in two words.
    pub(crate) fn of_sum((sum, low): (f32, f32), count: usize) -> Self {
        Self { sum, weight: count as f32, count, low }
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
