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
use crate::kernel::panel::{self, Panel, RowsFunction};
use crate::kernel::row::{Matrix, Row};
use crate::kernel::softmax::{Inverse, Multiply, write_quotients};
use crate::loss::label::Labels;
use crate::loss::{CrossEntropy, Label, Loss};
use crate::math::ln::ln_1p_positive;
use crate::math::words::{divide, fast_two_sum, two_sum};
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Function};

/// What an element and the sum of the others give.
pub(super) struct Share {
    /// ln(1 + others / own): the loss of a label there.
    pub(super) surprise: f32,
    /// others / (own + others).
    pub(super) others: f32,
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
            return Self { surprise: 0.0, others: 0.0, all: own };
        }
        let surprise = ln_1p_of_ratio(simd, shift, score, sum, own);

        let (high, error) = two_sum(sum.0, own.0);
        let all = fast_two_sum(high, error + (sum.1 + own.1));
        let (others, scaled) = (Scaled::new(simd, shift, sum), Scaled::new(simd, shift, all));
        let (share, share_low) = divide(others.words(simd), scaled.words(simd));
        let share = scale(simd, share + share_low, others.exponent - scaled.exponent);
        Self { surprise, others: share.first(), all }
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
        Self { loss: nan, at_label: nan, elsewhere: Multiply::new(nan, nan) }
    }

    /// Writes e^x · 2^-N, too.
    #[inline(always)]
    fn new<S: Simd, R: Row>(simd: S, row: &mut R, label: usize) -> Self {
        let score = row.input().get(label).copied().unwrap_or(f32::NAN);
        let ExpSum::Finite(others) = exp_sum::<_, _, true>(simd, row, label, true) else {
            return Self::nan();
        };
        Self::of_sum(simd, others.shift, score, others.total.value(simd))
    }

    /// From the label's score and the sum of the others.
    #[inline(always)]
    fn of_sum<S: Simd>(simd: S, shift: Shift, score: f32, sum: (f32, f32)) -> Self {
        if sum.0.is_nan() || score.is_nan() || shift.center.is_nan() {
            return Self::nan();
        }
        let share = Share::new(simd, shift, score, sum);
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
pub struct Scores<'a, M> {
    pub(super) rows: M,
    pub(super) count: usize,
    pub(super) columns: usize,
    pub(super) losses: &'a mut [f32],
}

/// The rows of [`Scores`] that are only read.
pub type Read<'a> = Rows<'a>;
/// The rows of [`Scores`] whose gradient goes elsewhere.
pub type WithGradient<'a> = (Rows<'a>, RowsMut<'a>);
/// The rows of [`Scores`] that become their gradient.
pub type InPlace<'a> = RowsMut<'a>;

impl<'a> Scores<'a, Read<'a>> {
    /// Only the sum of the losses is kept.
    #[inline]
    #[must_use]
    pub fn new(scores: Rows<'a>) -> Self {
        let (count, columns) = (scores.rows(), scores.columns());
        Self { rows: scores, count, columns, losses: &mut [] }
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
        Ok(Self { rows: (rows, gradient), count, columns, losses })
    }
}

impl<'a> Scores<'a, InPlace<'a>> {
    /// The derivative by each score takes its place.
    #[inline]
    #[must_use]
    pub fn in_place(scores: RowsMut<'a>) -> Self {
        let (count, columns) = (scores.rows(), scores.columns());
        Self { rows: scores, count, columns, losses: &mut [] }
    }
}

/// The loss of rows of scores against class labels, if it has no option but class
/// weights and an ignored label; [`TargetLoss`](super::TargetLoss) has them all.
pub struct LabelLoss<'a, M> {
    scores: Scores<'a, M>,
    labels: Labels<'a>,
    weights: &'a [f32],
}

impl<'a, M> LabelLoss<'a, M> {
    /// # Errors
    /// As [`CrossEntropy::loss`]; [`Error::Parameter`] for other options.
    #[inline]
    pub fn new<L: Label>(
        loss: CrossEntropy<'a>,
        scores: Scores<'a, M>,
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

impl<M: Matrix> Kernel for LabelLoss<'_, M> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let Self { scores: Scores { rows, count, columns, losses }, labels, weights } = self;
        let mut results = Results { labels, weights, losses, row: 0, total: Loss::default() };
        if panel::serves::<S>(count, columns) && rows.is_flat() {
            let numbers;
            let mut row: &[f32] = &[];
            if M::Row::WRITES {
                numbers = panel::row_numbers(simd, columns);
                row = &numbers;
            }
            let mut panel = Panel::<{ panel::ALL }, { panel::GROUPS }>::new(columns, row);
            for mut rows in rows.several(panel::height(columns)) {
                results.short(simd, &mut panel, &mut rows);
            }
        } else if columns <= panel::COLUMNS {
            let mut panel = Panel::<{ panel::ONE }, 1>::new(columns, &[0.0; panel::ONE]);
            for mut row in rows.several(1) {
                results.short(simd, &mut panel, &mut row);
            }
        } else {
            for mut row in rows.several(1) {
                results.long(simd, &mut row);
            }
        }
        results.total.carried()
    }
}

/// Rows' losses as they come.
struct Results<'a> {
    labels: Labels<'a>,
    weights: &'a [f32],
    losses: &'a mut [f32],
    /// The next one.
    row: usize,
    total: Loss,
}

impl Results<'_> {
    /// The next row's label, if it has one, and weight.
    #[inline(always)]
    fn next(&mut self) -> Option<(usize, f32)> {
        let label = self.labels.class(self.row);
        self.row += 1;
        label.map(|label| (label, self.weights.get(label).copied().unwrap_or(1.0)))
    }

    /// Counts the row before the next, or leaves it out.
    #[inline(always)]
    fn add(&mut self, loss: f32, weight: Option<f32>) {
        if let Some(out) = self.losses.get_mut(self.row - 1) {
            *out = loss;
        }
        if let Some(weight) = weight {
            self.total.add_row(loss, weight);
        }
    }

    /// Of a row of any length.
    #[inline(always)]
    fn long<S: Simd, R: Row>(&mut self, simd: S, row: &mut R) {
        let Some((label, weight)) = self.next() else {
            fill(simd, 0.0, row.output());
            return self.add(0.0, None);
        };
        let result = RowLoss::new(simd, row, label).times(simd, weight);
        sweep::map_back(simd, result.elsewhere, row.output());
        if let Some(at_label) = row.output().get_mut(label) {
            *at_label = result.at_label;
        }
        self.add(result.loss, Some(weight));
    }

    /// Of a panel of short rows.
    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        rows: &mut R,
    ) {
        panel.exp(simd, rows.input());
        let (first, columns) = (self.row, panel.columns);
        let mut own = panel.nothing();
        for i in 0..panel.rows {
            if let Some((label, _)) = self.next() {
                panel.take(i * columns + label, i, &mut own);
            }
        }
        self.row = first;
        let others = panel.sums(simd);
        let (losses, mut at_label) = panel.map_rows(simd, LossAndDerivative, &others, &own);
        let mut inverse = panel.map_rows(simd, InverseOfAll, &others, &own);
        for i in 0..panel.rows {
            let Some((label, weight)) = self.next() else {
                self.add(0.0, None);
                continue;
            };
            let mut loss = losses.as_flattened().get(i).copied().unwrap_or(f32::NAN);
            // One by one what is weighted, not a number, or far from right.
            if loss.is_nan() || weight != 1.0 {
                let at = |of_rows: &[[f32; panel::ROWS]]| {
                    of_rows.as_flattened().get(i).copied().unwrap_or(f32::NAN)
                };
                let mut result = RowLoss {
                    loss,
                    at_label: at(&at_label),
                    elsewhere: Multiply::new(at(&inverse.0), at(&inverse.1)),
                };
                if loss.is_nan() {
                    let score = rows.input().get(i * columns + label).copied();
                    let sum = (at(&others.0), at(&others.1));
                    let score = score.unwrap_or(f32::NAN);
                    result = RowLoss::of_sum(simd, panel.shift(i), score, sum);
                }
                result = result.times(simd, weight);
                loss = result.loss;
                for (of_rows, value) in [
                    (&mut at_label, result.at_label),
                    (&mut inverse.0, result.elsewhere.high),
                    (&mut inverse.1, result.elsewhere.low),
                ] {
                    if let Some(of_row) = of_rows.as_flattened_mut().get_mut(i) {
                        *of_row = value;
                    }
                }
            }
            self.add(loss, Some(weight));
        }
        if !R::WRITES {
            return;
        }
        write_quotients(simd, panel, [&inverse.0, &inverse.1], rows.output());
        self.row = first;
        for (i, at_label) in at_label.as_flattened().iter().enumerate().take(panel.rows) {
            let row = rows.output().get_mut(i * columns..(i + 1) * columns).unwrap_or(&mut []);
            match self.next() {
                Some((label, _)) => {
                    if let Some(out) = row.get_mut(label) {
                        *out = *at_label;
                    }
                }
                None => fill(simd, 0.0, row),
            }
        }
    }
}

/// Up to this, others / own is well within range.
const FAR: f32 = 1.8e19; // 2^64

/// ln(1 + others / own), a NaN if it is far from 0, and −others / (own + others).
#[derive(Clone, Copy)]
struct LossAndDerivative;

impl RowsFunction for LossAndDerivative {
    #[inline(always)]
    fn apply<V: Lanes>(self, others: (V, V), own: (V, V), _: V) -> (V, V) {
        let ratio = divide(others, own);
        let loss = ln_1p_positive(ratio);
        let (share, low) = divide(others, sum_of(others, own));
        let known = ratio.0.lt(ratio.0.splat(FAR));
        // 0 less the share: where it is 0, so is the gradient.
        (V::select(known, loss, ratio.0.splat(f32::NAN)), share.splat(0.0) - (share + low))
    }
}

/// 1 / (own + others).
#[derive(Clone, Copy)]
struct InverseOfAll;

impl RowsFunction for InverseOfAll {
    #[inline(always)]
    fn apply<V: Lanes>(self, others: (V, V), own: (V, V), exponent: V) -> (V, V) {
        Inverse.apply(sum_of(others, own), own, exponent)
    }
}

#[inline(always)]
fn sum_of<V: Lanes>(a: (V, V), b: (V, V)) -> (V, V) {
    let (high, error) = two_sum(a.0, b.0);
    fast_two_sum(high, error + (a.1 + b.1))
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
