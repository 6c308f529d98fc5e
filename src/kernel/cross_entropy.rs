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
//! logsumexp(x) − x[y] cancels to zero. A weight multiplies all three.

use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{ExpSum, Scaled, Shift, exp_sum, ln_1p_of_ratio, scale};
use crate::kernel::row::Row;
use crate::kernel::softmax::Multiply;
use crate::loss::label::Labels;
use crate::loss::{CrossEntropy, Label, Loss};
use crate::math::words::{divide, fast_two_sum, two_sum};
use crate::rows::{Iter, IterMut, Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Function};
use core::iter::Zip;

/// What an element and the sum of the others give.
pub(super) struct Share {
    /// ln(1 + others / own): the loss of a label there.
    pub(super) surprise: f32,
    /// others / (own + others).
    pub(super) others: f32,
    /// own, that is e^score · 2^-N.
    pub(super) own: f32,
    /// own + others, in two words.
    pub(super) all: (f32, f32),
}

impl Share {
    /// From a score and the sum of the others.
    #[inline(always)]
    pub(super) fn new<S: Simd>(simd: S, shift: Shift, score: f32, sum: (f32, f32)) -> Self {
        let own = shift.words(simd.splat(score));
        let own = (own.0.first(), own.1.first());
        if sum.0 == 0.0 {
            return Self { surprise: 0.0, others: 0.0, own: own.0, all: own };
        }
        let surprise = ln_1p_of_ratio(simd, shift, score, sum, own);

        let (high, error) = two_sum(sum.0, own.0);
        let all = fast_two_sum(high, error + (sum.1 + own.1));
        let (others, scaled) = (Scaled::new(simd, shift, sum), Scaled::new(simd, shift, all));
        let (share, share_low) = divide(others.words(simd), scaled.words(simd));
        let share = scale(simd, share + share_low, others.exponent - scaled.exponent);
        Self { surprise, others: share.first(), own: own.0, all }
    }
}

/// One row's loss, and its gradient at the label and elsewhere.
struct RowLoss {
    loss: f32,
    at_label: f32,
    /// Of e^x · 2^-N.
    elsewhere: Multiply,
}

impl RowLoss {
    /// Of a row without a loss.
    #[inline(always)]
    fn nan() -> Self {
        let nan = f32::NAN;
        Self { loss: nan, at_label: nan, elsewhere: Multiply { high: nan, low: nan } }
    }

    /// Writes e^x · 2^-N, too.
    #[inline(always)]
    fn new<S: Simd, R: Row>(simd: S, row: &mut R, label: usize) -> Self {
        let score = row.input().get(label).copied().unwrap_or(f32::NAN);
        let ExpSum::Finite(others) = exp_sum::<_, _, true>(simd, row, label, true) else {
            return Self::nan();
        };
        let sum = others.total.value(simd);
        if sum.0.is_nan() || score.is_nan() {
            return Self::nan();
        }
        let share = Share::new(simd, others.shift, score, sum);
        // 0 less the share: where it is 0, so is the gradient.
        Self {
            loss: share.surprise,
            at_label: 0.0 - share.others,
            elsewhere: Multiply::by_inverse(simd, share.all),
        }
    }

    /// All of it times a weight, of which 0 wins over an infinity.
    #[inline(always)]
    fn times<S: Simd>(self, simd: S, weight: f32) -> Self {
        let loss = if weight == 0.0 && !self.loss.is_nan() { 0.0 } else { self.loss * weight };
        Self {
            loss,
            at_label: 0.0 + self.at_label * weight,
            elsewhere: self.elsewhere.times(simd, weight),
        }
    }
}

/// Rows of scores, and where their losses or gradients go.
pub struct Scores<'a, I> {
    pub(super) rows: I,
    pub(super) count: usize,
    pub(super) columns: usize,
    pub(super) losses: &'a mut [f32],
}

/// The rows of [`Scores`] that are only read.
pub type Read<'a> = Iter<'a>;
/// The rows of [`Scores`] whose gradient goes elsewhere.
pub type WithGradient<'a> = Zip<Iter<'a>, IterMut<'a>>;
/// The rows of [`Scores`] that become their gradient.
pub type InPlace<'a> = IterMut<'a>;

impl<'a> Scores<'a, Read<'a>> {
    /// Only the sum of the losses is kept.
    #[inline]
    #[must_use]
    pub fn new(scores: Rows<'a>) -> Self {
        let (count, columns) = (scores.rows(), scores.columns());
        Self { rows: scores.iter(), count, columns, losses: &mut [] }
    }

    /// Each row's loss goes to `out`.
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn with_losses(scores: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_length("out", scores.rows(), out.len())?;
        Ok(Self { losses: out, ..Self::new(scores) })
    }
}

impl<'a> Scores<'a, WithGradient<'a>> {
    /// The derivative by each score goes to `gradient`.
    ///
    /// # Errors
    /// [`Error::RowCount`] or [`Error::ColumnCount`] if `gradient` has another shape.
    #[inline]
    pub fn with_gradient(scores: Rows<'a>, gradient: RowsMut<'a>) -> Result<Self, Error> {
        check_shape("gradient", scores, &gradient)?;
        let Scores { rows, count, columns, losses } = Scores::new(scores);
        Ok(Self { rows: rows.zip(gradient), count, columns, losses })
    }
}

impl<'a> Scores<'a, InPlace<'a>> {
    /// The derivative by each score takes its place.
    #[inline]
    #[must_use]
    pub fn in_place(scores: RowsMut<'a>) -> Self {
        let (count, columns) = (scores.rows(), scores.columns());
        Self { rows: scores.into_iter(), count, columns, losses: &mut [] }
    }
}

/// The loss of rows of scores against class labels, if it has no option but class
/// weights and an ignored label; [`TargetLoss`](super::TargetLoss) has them all.
pub struct LabelLoss<'a, I> {
    scores: Scores<'a, I>,
    labels: Labels<'a>,
    weights: &'a [f32],
}

impl<'a, I> LabelLoss<'a, I> {
    /// # Errors
    /// As [`CrossEntropy::loss`]; [`Error::Parameter`] for other options.
    #[inline]
    pub fn new<L: Label>(
        loss: CrossEntropy<'a>,
        scores: Scores<'a, I>,
        labels: &'a [L],
    ) -> Result<Self, Error> {
        if let Some((name, found)) = loss.needs_targets() {
            return Err(Error::Parameter { name, expected: "none for `LabelLoss`", found });
        }
        let weights = loss.weights(scores.columns)?;
        let labels = Labels::new(labels, scores.count, scores.columns, loss.ignored_label)?;
        Ok(Self { scores, labels, weights })
    }
}

impl<I: Iterator<Item: Row>> Kernel for LabelLoss<'_, I> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let Self { scores, labels, weights } = self;
        let mut total = Loss::default();
        let mut losses = scores.losses.iter_mut();
        for (i, mut row) in scores.rows.enumerate() {
            let mut loss = 0.0;
            if let Some(label) = labels.class(i) {
                let weight = weights.get(label).copied().unwrap_or(1.0);
                let result = RowLoss::new(simd, &mut row, label).times(simd, weight);
                sweep::map_back(simd, result.elsewhere, row.output());
                if let Some(at_label) = row.output().get_mut(label) {
                    *at_label = result.at_label;
                }
                loss = result.loss;
                total.add_row(loss, weight);
            } else {
                fill(simd, 0.0, row.output());
            }
            if let Some(out) = losses.next() {
                *out = loss;
            }
        }
        total
    }
}

/// The same value everywhere.
#[derive(Clone, Copy)]
struct Constant(f32);

impl Function for Constant {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        x.splat(self.0)
    }
}

/// Writes a value everywhere.
#[inline(always)]
pub(super) fn fill<S: Simd>(simd: S, value: f32, out: &mut [f32]) {
    // Of a known zero the compiler makes a call of memset.
    sweep::map_in_place(simd, Constant(core::hint::black_box(value)), out);
}
