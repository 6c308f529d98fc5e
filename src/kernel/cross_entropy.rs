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
//! logsumexp(x) − x[y] cancels to zero. A weight multiplies all three. With a temperature, x
//! is s·x, see [`Scale`], and s multiplies the gradients.

use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{
    NOWHERE, Scaled, Shift, ShiftedSum, scaled_product, weighted_ln_1p_of_ratio, words_of_each,
};
use crate::kernel::panel::{Panel, PerRow, ROWS, RowsFunction, Values, map_rows};
use crate::kernel::row::{Matrix, Row};
use crate::kernel::row_map::{Memory, RowFunction, for_rows};
use crate::kernel::softmax::{
    Multiply, OfRows, quotients_in_place, values, write_long_quotients, write_quotients,
};
use crate::kernel::target_loss::splat;
use crate::loss::label::Labels;
use crate::loss::{CrossEntropy, Label, Loss, Losses};
use crate::math::ln::ln_1p_positive_words;
use crate::math::shifted_exp::Scale;
use crate::math::words::{add, divide, fast_two_sum, product, rounded, times, two_sum};
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::scalar::{F32, Scalar};
use crate::simd::{Kernel, Lanes, Mask, Simd};
use crate::sweep::{self, Itself};

/// What an element and the sum of the others give, times a weight.
pub(super) struct Share {
    /// ln(1 + others / own): the loss of a label there.
    pub(super) surprise: f32,
    /// others / (own + others), times s.
    pub(super) others: f32,
    /// own + others, in two words, without the weight.
    pub(super) all: (f32, f32),
}

impl Share {
    /// From a score and the sum of the others.
    #[inline(always)]
    pub(super) fn new<S: Simd>(
        simd: S,
        weight: f32,
        shift: Shift,
        score: f32,
        sum: (f32, f32),
    ) -> Self {
        let own = shift.words(simd.splat(score));
        let own = (own.0.first(), own.1.first());
        if sum.0 == 0.0 {
            return Self { surprise: 0.0, others: 0.0, all: own };
        }
        let surprise = weighted_ln_1p_of_ratio(simd, weight, shift, score, sum, own);
        let (high, error) = two_sum(sum.0, own.0);
        let all = fast_two_sum(high, error + (sum.1 + own.1));
        let (others, scaled) =
            (Scaled::new(simd, shift.exponent, sum), Scaled::new(simd, shift.exponent, all));
        let share = divide(others.words(simd), scaled.words(simd));
        let share = product(share, splat(share.0, shift.scale.words));
        let gap = others.exponent - scaled.exponent;
        Self { surprise, others: scaled_product(simd, weight, share, gap), all }
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

/// The loss of rows of scores against class labels, if it has no options but class
/// weights, an ignored label and an ordinary temperature; [`TargetLoss`](super::TargetLoss)
/// has them all.
pub struct LabelLoss<'a, M> {
    scores: Scores<'a, M>,
    labels: Labels<'a>,
    weights: &'a [f32],
    temperature: f32,
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
        let temperature = loss.checked_temperature()?;
        if let Some((name, found)) = loss.needs_targets() {
            return Err(Error::Parameter { name, expected: "none for `LabelLoss`", found });
        }
        let weights = loss.weights(scores.columns)?;
        let labels = Labels::new(labels, scores.count, scores.columns, loss.ignored_label)?;
        Ok(Self { scores, labels, weights, temperature })
    }
}

impl<M: Matrix> Kernel for LabelLoss<'_, M> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let Self { scores: Scores { rows, count, columns, losses }, labels, weights, .. } = self;
        let (tally, scale) = (Tally::new(losses), Scale::of_inverse(self.temperature));
        let mut f = LabelRows { labels, weights, scale, tally };
        for_rows(simd, &mut f, [count, columns], rows);
        f.tally.total.sum()
    }
}

/// Rows' labels, and their losses as they come.
pub(super) struct LabelRows<'a> {
    pub(super) labels: Labels<'a>,
    pub(super) weights: &'a [f32],
    pub(super) scale: Scale,
    pub(super) tally: Tally<'a>,
}

/// Rows' losses as they come.
pub(super) struct Tally<'a> {
    /// Where each goes, or nothing.
    losses: &'a mut [f32],
    pub(super) total: Losses,
    /// The row that comes next.
    pub(super) next: usize,
}

impl<'a> Tally<'a> {
    #[inline(always)]
    pub(super) fn new(losses: &'a mut [f32]) -> Self {
        Self { losses, total: Losses::default(), next: 0 }
    }
}

impl RowFunction for LabelRows<'_> {
    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        columns: usize,
        rows: &mut R,
        memory: &mut Memory<'_>,
    ) {
        let scale = self.scale;
        let mut long = LongRows { rows: self, labelled: Labelled::new(), results: Results::new() };
        long.rows.read(simd, &mut long.labelled, rows.input(), columns);
        long.labelled.read_scores(rows.input(), columns);
        write_long_quotients::<_, _, H>(simd, scale, columns, rows, memory, &mut long);
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        panels: impl Iterator<Item = R>,
    ) {
        let columns = panel.columns;
        panel.scale = self.scale;
        let (mut labelled, mut sums, mut results) =
            (Labelled::<G>::new(), Values::new(), Results::new());
        for mut rows in panels {
            self.read(simd, &mut labelled, rows.input(), columns);
            if R::WRITES {
                panel.exp_sums::<S, true, false>(simd, rows.input(), &labelled.label, &mut sums);
            } else {
                panel.exp_sums::<S, true, true>(simd, rows.input(), &labelled.label, &mut sums);
            }
            // Now they are near.
            labelled.read_scores(rows.input(), columns);
            let shifts = [&panel.center, &panel.exponent];
            self.add::<_, _, R>(simd, &labelled, &sums, shifts, &mut results);
            if !R::WRITES {
                continue;
            }
            if panel.streams {
                let gradient = quotients_in_place(simd, panel, results.factor.each());
                write_at_labels(simd, &labelled, &results, columns, gradient);
                sweep::map_streaming(simd, Itself, gradient, rows.output());
            } else {
                write_quotients(simd, panel, results.factor.each(), rows.output());
                write_at_labels(simd, &labelled, &results, columns, rows.output());
            }
        }
    }
}

/// The gradients at the labels, and zeros where a row does not count.
#[inline(always)]
pub(super) fn write_at_labels<S: Simd, const G: usize>(
    simd: S,
    labelled: &Labelled<G>,
    results: &Results<G>,
    columns: usize,
    out: &mut [f32],
) {
    let at_labels = results.at_label.as_flattened().iter();
    let labels = labelled.label.as_flattened().iter().zip(at_labels);
    for (i, (label, at_label)) in labels.enumerate().take(labelled.rows) {
        if *label == NOWHERE {
            let row = out.get_mut(i * columns..(i + 1) * columns).unwrap_or(&mut []);
            sweep::fill(simd, 0.0, row);
        } else if let Some(out) = out.get_mut(i * columns + label) {
            *out = *at_label;
        }
    }
}

/// What some rows have besides their elements.
#[repr(C, align(64))]
pub(super) struct Labelled<const G: usize> {
    /// The label's score.
    pub(super) score: PerRow<G>,
    weight: PerRow<G>,
    /// The label's column, [`NOWHERE`] if the row does not count.
    pub(super) label: [[usize; ROWS]; G],
    pub(super) rows: usize,
}

impl<const G: usize> Labelled<G> {
    /// Rows that count.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        let labels = self.label.as_flattened().iter().take(self.rows);
        labels.filter(|label| **label != NOWHERE).count()
    }

    /// The scores at the labels.
    #[inline(always)]
    pub(super) fn read_scores(&mut self, x: &[f32], columns: usize) {
        let Self { rows, label, score, .. } = self;
        let (labels, scores) = (label.as_flattened(), score.as_flattened_mut());
        for (i, (label, score)) in labels.iter().zip(scores).enumerate().take(*rows) {
            // Of a row that does not count, any number.
            *score = x.get((i * columns).saturating_add(*label)).copied().unwrap_or(1.0);
        }
    }

    #[inline(always)]
    pub(super) fn new() -> Self {
        let one = [[1.0; ROWS]; G];
        Self { rows: 0, label: [[NOWHERE; ROWS]; G], score: one, weight: one }
    }
}

/// Their results.
#[repr(C, align(64))]
pub(super) struct Results<const G: usize> {
    pub(super) loss: PerRow<G>,
    /// The gradient at the label.
    pub(super) at_label: PerRow<G>,
    /// By what e^x · 2^-N is multiplied elsewhere, in two words.
    pub(super) factor: Values<G, 2>,
}

impl<const G: usize> Results<G> {
    #[inline(always)]
    pub(super) fn new() -> Self {
        let nan = [[f32::NAN; ROWS]; G];
        Self { loss: nan, at_label: nan, factor: Values::new() }
    }

    /// Whether no loss of the first rows is a NaN.
    #[inline(always)]
    pub(super) fn are_known<S: Simd>(&self, simd: S, rows: usize) -> bool {
        let mut all = true;
        for at in (0..rows).step_by(S::F32::COUNT) {
            let end = rows.min(at + S::F32::COUNT);
            let losses = simd.load(self.loss.as_flattened().get(at..end).unwrap_or(&[]), 0.0);
            all &= losses.eq(losses).all();
        }
        all
    }

    /// Those of one row.
    #[inline(always)]
    pub(super) fn set(&mut self, i: usize, [loss, at_label, high, low]: [f32; 4]) {
        let Self { loss: losses, at_label: at_labels, factor: Values([highs, lows]) } = self;
        for (of_rows, value) in [(losses, loss), (at_labels, at_label), (highs, high), (lows, low)]
        {
            if let Some(of_row) = of_rows.as_flattened_mut().get_mut(i) {
                *of_row = value;
            }
        }
    }
}

/// [`LossAndGradient`] of a row that is not a number or far from ordinary: rare enough to
/// be a call, and the same for all backends.
#[cold]
#[inline(never)]
fn of_extreme_row(weight: f32, shift: Shift, score: f32, sum: (f32, f32)) -> [f32; 4] {
    if sum.0.is_nan() || score.is_nan() || shift.center.is_nan() {
        return [f32::NAN; 4];
    }
    let share = Share::new(Scalar, weight, shift, score, sum);
    let inverse = divide((F32(1.0), F32(0.0)), (F32(share.all.0), F32(share.all.1)));
    let (factor, low) = times(F32(weight), inverse);
    let (factor, low) = product((factor, low), splat(low, shift.scale.words));
    // 0 less the share: where it is 0, so is the gradient.
    [share.surprise, 0.0 - share.others, factor.0, low.0]
}

/// That of row i.
#[inline(always)]
pub(super) fn of_row<const G: usize>(of_rows: &PerRow<G>, i: usize) -> f32 {
    of_rows.as_flattened().get(i).copied().unwrap_or(f32::NAN)
}

impl LabelRows<'_> {
    /// What belongs to the rows that come next.
    #[inline(always)]
    pub(super) fn read<S: Simd, const G: usize>(
        &self,
        simd: S,
        of_rows: &mut Labelled<G>,
        x: &[f32],
        columns: usize,
    ) {
        let rows = x.len().checked_div(columns).unwrap_or(1);
        of_rows.rows = rows;
        let labels = of_rows.label.as_flattened_mut();
        self.labels.read(simd, self.tally.next, labels.get_mut(..rows).unwrap_or(&mut []));
        if !self.weights.is_empty() || self.labels.ignored.is_some() {
            let weights = of_rows.weight.as_flattened_mut();
            for (label, weight) in labels.iter().zip(weights).take(rows) {
                let one = if *label == NOWHERE { 0.0 } else { 1.0 };
                *weight = self.weights.get(*label).copied().unwrap_or(one);
            }
        }
    }

    /// Adds the losses of these rows, from the sums of the elements but the label.
    #[inline(always)]
    fn add<S: Simd, const G: usize, R: Row>(
        &mut self,
        simd: S,
        labelled: &Labelled<G>,
        Values([sum, low]): &Values<G, 2>,
        [center, exponent]: [&PerRow<G>; 2],
        results: &mut Results<G>,
    ) {
        let Labelled { rows, label, score, weight } = labelled;
        let of_rows = [sum, low, score, center, exponent, weight];
        let Results { loss, at_label, factor: Values([high, factor_low]) } = results;
        let (f, scale) = (LossAndGradient { scale: self.scale }, self.scale);
        if R::WRITES {
            map_rows(simd, f, *rows, of_rows, [loss, at_label, high, factor_low]);
        } else {
            map_rows(simd, f, *rows, of_rows, [loss]);
        }
        for at in (0..*rows).step_by(S::F32::COUNT) {
            let losses = results.loss.as_flattened().get(at..).unwrap_or(&[]);
            let losses = simd.load(losses, 0.0);
            if losses.eq(losses).all() {
                continue;
            }
            let rows = label.as_flattened().iter().enumerate().take(*rows);
            for (i, label) in rows.skip(at).take(S::F32::COUNT) {
                if *label == NOWHERE {
                    results.set(i, [0.0; 4]);
                } else if of_row(&results.loss, i).is_nan() {
                    let (center, exponent) = (of_row(center, i), of_row(exponent, i));
                    let (score, sum) = (of_row(score, i), (of_row(sum, i), of_row(low, i)));
                    let shift = Shift { scale, center, exponent };
                    results.set(i, of_extreme_row(of_row(weight, i), shift, score, sum));
                }
            }
        }
        let weights = if self.weights.is_empty() { &[] } else { weight.as_flattened() };
        self.tally.add(simd, results, [*rows, labelled.count()], weights);
    }
}

impl Tally<'_> {
    /// Adds the losses of so many rows, of which some count, and their weights unless all are 1.
    #[inline(always)]
    pub(super) fn add<S: Simd, const G: usize>(
        &mut self,
        simd: S,
        results: &Results<G>,
        [rows, count]: [usize; 2],
        weights: &[f32],
    ) {
        let losses = results.loss.as_flattened().get(..rows).unwrap_or(&[]);
        self.total.add(losses, weights.get(..rows).unwrap_or(&[]), count);
        let out = self.losses.get_mut(self.next..).unwrap_or(&mut []);
        sweep::map(simd, Itself, losses, out);
        self.next += rows;
    }
}

/// Up to 16 long rows.
struct LongRows<'a, 'b> {
    rows: &'a mut LabelRows<'b>,
    labelled: Labelled<1>,
    results: Results<1>,
}

impl OfRows for LongRows<'_, '_> {
    #[inline(always)]
    fn hole(&self, i: usize) -> Option<usize> {
        self.labelled.label.as_flattened().get(i).copied().filter(|label| *label != NOWHERE)
    }

    #[inline(always)]
    fn factors<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        sums: &[ShiftedSum<S>; H],
    ) -> [Multiply; H] {
        let (mut center, mut exponent) = ([[f32::NAN; ROWS]], [[f32::NAN; ROWS]]);
        let shifts = center[0].iter_mut().zip(&mut exponent[0]);
        for (sum, (center, exponent)) in sums.iter().zip(shifts) {
            (*center, *exponent) = (sum.center, sum.exponent);
        }
        let (values, shifts) = (values(simd, sums), [&center, &exponent]);
        self.rows.add::<_, _, R>(simd, &self.labelled, &values, shifts, &mut self.results);
        Multiply::by(&self.results.factor)
    }

    #[inline(always)]
    fn apart<S: Simd, R: Row>(
        &self,
        _: S,
        i: usize,
        _: &ShiftedSum<S>,
        _: Multiply,
        _: &mut R,
    ) -> (usize, f32) {
        (self.hole(i).unwrap_or(NOWHERE), of_row(&self.results.at_label, i))
    }
}

/// Between these, others / own is neither far away nor its own logarithm of 1 more.
pub(super) const FAR: f32 = 1.8e19; // 2^64
pub(super) const NEAR: f32 = 8.7e-19; // 2^-60

/// Of a row the loss, a NaN if others / own is extreme, its derivative by the label's
/// score, and by what e^x · 2^-N is multiplied elsewhere.
#[derive(Clone, Copy)]
struct LossAndGradient {
    scale: Scale,
}

impl LossAndGradient {
    #[inline(always)]
    fn loss<V: Lanes>(others: (V, V), own: (V, V), weight: V) -> V {
        let ratio = divide(others, own);
        let loss = rounded(times(weight, ln_1p_positive_words(ratio)));
        let (near, far) = (loss.splat(NEAR), loss.splat(FAR));
        let loss = V::select(ratio.0.lt(far).and(near.lt(ratio.0)), loss, loss.splat(f32::NAN));
        // Alone: 0, or the NaN that its score is.
        V::select(others.0.eq(loss.splat(0.0)), own.0 * 0.0, loss)
    }
}

impl RowsFunction<6, 1> for LossAndGradient {
    #[inline(always)]
    fn apply<V: Lanes>(self, [others, low, score, center, exponent, weight]: [V; 6]) -> [V; 1] {
        [Self::loss((others, low), words_of_each(self.scale, score, center, exponent), weight)]
    }
}

impl RowsFunction<6, 4> for LossAndGradient {
    #[inline(always)]
    fn apply<V: Lanes>(self, [others, low, score, center, exponent, weight]: [V; 6]) -> [V; 4] {
        let (others, own) = ((others, low), words_of_each(self.scale, score, center, exponent));
        let (high, low) = add(others, own);
        let all = fast_two_sum(high, low);
        let mut share = times(weight, divide(others, all));
        let one = (score.splat(1.0), score.splat(0.0));
        let mut factor = times(weight, divide(one, all));
        if !self.scale.is_one() {
            let s = splat(score, self.scale.words);
            (share, factor) = (product(share, s), product(factor, s));
        }
        // 0 less the share: where it is 0, so is the gradient.
        let at_label = score.splat(0.0) - (share.0 + share.1);
        [Self::loss(others, own, weight), at_label, factor.0, factor.1]
    }
}
