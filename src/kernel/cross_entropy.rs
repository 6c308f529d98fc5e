//! Softmax cross-entropy on class labels, with its gradient.
//!
//! **Method.** For a row with label y, tail = Σ_{j≠y} e^(x[j] − x[y]) is summed
//! without the label's own element. Then
//!
//! ```text
//! loss        = ln(1 + tail)
//! gradient[y] = −tail / (1 + tail)
//! gradient[k] = softmax(x)[k]                 for k ≠ y
//! ```
//!
//! and a right answer given with confidence keeps its tiny true loss, where
//! logsumexp(x) − x[y] cancels to zero.

use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{ExpSum, Scaled, exp_sum, ln_1p_of_ratio, scale};
use crate::kernel::row::Row;
use crate::kernel::softmax::Multiply;
use crate::loss::Loss;
use crate::math::words::{divide, fast_two_sum, two_sum};
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep;

/// One row's loss, and its gradient at the label and elsewhere.
struct RowLoss {
    loss: f32,
    at_label: f32,
    /// Of e^x · 2^-N.
    elsewhere: Multiply,
}

impl RowLoss {
    /// The same value for loss and gradient.
    #[inline(always)]
    fn constant(value: f32) -> Self {
        Self { loss: value, at_label: value, elsewhere: Multiply { high: value, low: 0.0 } }
    }

    /// Writes e^x · 2^-N, too.
    #[inline(always)]
    fn new<S: Simd, R: Row>(simd: S, row: &mut R, label: usize) -> Self {
        let score = row.input().get(label).copied().unwrap_or(f32::NAN);
        let ExpSum::Finite(others) = exp_sum::<_, _, true>(simd, row, label, true) else {
            return Self::constant(f32::NAN);
        };
        let own = others.shift.words(simd.splat(score));
        let own = (own.0.first(), own.1.first());
        let sum = others.total.value(simd);
        if sum.0.is_nan() || score.is_nan() {
            return Self::constant(f32::NAN);
        }
        if sum.0 == 0.0 {
            return Self::constant(0.0);
        }
        let shift = others.shift;
        let loss = ln_1p_of_ratio(simd, shift, score, sum, own);

        let (high, error) = two_sum(sum.0, own.0);
        let all = fast_two_sum(high, error + (sum.1 + own.1));
        let (others, scaled) = (Scaled::new(simd, shift, sum), Scaled::new(simd, shift, all));
        let (share, share_low) = divide(others.words(simd), scaled.words(simd));
        let share = scale(simd, share + share_low, others.exponent - scaled.exponent);
        // 0 less the share: where it is 0, so is the gradient.
        Self { loss, at_label: 0.0 - share.first(), elsewhere: Multiply::by_inverse(simd, all) }
    }
}

/// Checked scores and labels.
struct Labelled<'a> {
    scores: Rows<'a>,
    labels: &'a [u32],
}

impl<'a> Labelled<'a> {
    fn new(scores: Rows<'a>, labels: &'a [u32]) -> Result<Self, Error> {
        check_length("labels", scores.rows(), labels.len())?;
        let columns = scores.columns();
        for (row, &label) in labels.iter().enumerate() {
            if label as usize >= columns {
                return Err(Error::Label { row, label, columns });
            }
        }
        Ok(Self { scores, labels })
    }

    fn iter(&self) -> impl Iterator<Item = (&'a [f32], usize)> {
        self.scores.iter().zip(self.labels.iter().map(|&label| label as usize))
    }
}

/// The loss of rows of scores against class labels.
pub struct LabelLoss<'a> {
    rows: Labelled<'a>,
}

impl<'a> LabelLoss<'a> {
    /// # Errors
    /// As [`crate::loss::CrossEntropy::loss`].
    #[inline]
    pub fn new(scores: Rows<'a>, labels: &'a [u32]) -> Result<Self, Error> {
        Ok(Self { rows: Labelled::new(scores, labels)? })
    }
}

impl Kernel for LabelLoss<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let mut total = Loss::default();
        for (scores, label) in self.rows.iter() {
            total.add(RowLoss::new(simd, &mut &*scores, label).loss);
        }
        total
    }
}

/// The loss of rows of scores against class labels, and its gradient.
pub struct LabelLossAndGradient<'a> {
    rows: Labelled<'a>,
    gradient: RowsMut<'a>,
}

impl<'a> LabelLossAndGradient<'a> {
    /// # Errors
    /// As [`crate::loss::CrossEntropy::loss_and_gradient`].
    #[inline]
    pub fn new(scores: Rows<'a>, labels: &'a [u32], gradient: RowsMut<'a>) -> Result<Self, Error> {
        check_shape("gradient", scores, &gradient)?;
        Ok(Self { rows: Labelled::new(scores, labels)?, gradient })
    }
}

impl Kernel for LabelLossAndGradient<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Loss {
        let mut total = Loss::default();
        for ((scores, label), gradient) in self.rows.iter().zip(self.gradient.iter_mut()) {
            let mut row = (scores, gradient);
            let result = RowLoss::new(simd, &mut row, label);
            total.add(result.loss);
            let gradient = row.output();
            sweep::map_in_place(simd, result.elsewhere, gradient);
            if let Some(at_label) = gradient.get_mut(label) {
                *at_label = result.at_label;
            }
        }
        total
    }
}
