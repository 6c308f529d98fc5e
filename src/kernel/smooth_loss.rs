//! Softmax cross-entropy on class labels with label smoothing, with its gradient: as fast
//! as without.
//!
//! **Method.** With the label y, ε/K the target of every class and as much more as 1 − ε at
//! the label, tail = Σ_{j≠y} e^(x[j] − x[y]) is summed as in [`super::cross_entropy`], and
//!
//! ```text
//! loss        = ln(1 + tail) + ε/K·(K·x[y] − Σ x)
//! gradient[y] = ((ε − ε/K) − (1 − ε + ε/K)·tail)/(1 + tail)
//! gradient[k] = softmax(x)[k] − ε/K           for k ≠ y
//! ```
//!
//! The second term of the loss may be negative, but both are of two words, and the loss is
//! not small against them: at least (1 − ε)·ln(1 + tail), and at least ε·ln K.
//!
//! In panels, whose sums are of positive numbers, Σ x is Σ (x + 64) − 64·K of small x. Rows
//! that have a large x there, no finite loss, or e^x that is not exact about 0, are left to
//! [`super::target_loss`], each by itself.
//!
//! **Error.** See [`crate::contract::SMOOTH_LOSS`].

use super::cross_entropy::{
    FAR, LabelRows, Labelled, NEAR, Results, Scores, Tally, of_row, write_at_labels,
};
use super::target_loss::{AnyRow, Coefficients, Formula, OneRow, Target, splat};
use crate::error::Error;
use crate::kernel::exp_sum::{NOWHERE, Shift, ShiftedSum, finite_sum, head, words_of_each};
use crate::kernel::panel::{
    Panel, PanelFunction, PanelTerm, PerRow, RowsFunction, Values, are_calm, map_rows,
};
use crate::kernel::row::{Matrix, Row, WithQueue};
use crate::kernel::row_map::{Memory, RowFunction, for_rows};
use crate::kernel::softmax::{shifts, values};
use crate::loss::label::Labels;
use crate::loss::{CrossEntropy, Label, Loss, add_words};
use crate::math::ln::ln_1p_positive_words;
use crate::math::shifted_exp::Scale;
use crate::math::words::{add, divide, fast_two_sum, product, rounded, times, two_product};
use crate::simd::scalar::F32;
use crate::simd::{Kernel, Lanes, Mask, Simd};
use crate::sweep::{self, Function, Itself};

/// The loss of rows of scores against class labels, if its options are among label smoothing,
/// z-loss, an ordinary temperature and an ignored label; [`TargetLoss`](super::TargetLoss) has
/// them all.
pub struct SmoothLoss<'a, M> {
    scores: Scores<'a, M>,
    labels: Labels<'a>,
    formula: Formula<'a>,
    temperature: f32,
}

impl<'a, M> SmoothLoss<'a, M> {
    /// # Errors
    /// As [`CrossEntropy::loss`]; [`Error::Parameter`] for other options, and where there is
    /// no label smoothing.
    #[inline]
    pub fn new<L: Label>(
        loss: CrossEntropy<'a>,
        scores: Scores<'a, M>,
        labels: &'a [L],
    ) -> Result<Self, Error> {
        let formula = loss.formula(scores.columns)?;
        if !loss.is_smooth() {
            let (name, expected) = ("options", "such as `SmoothLoss` has");
            return Err(Error::Parameter { name, expected, found: f32::NAN });
        }
        let temperature = loss.checked_temperature()?;
        let labels = Labels::new(labels, scores.count, scores.columns, loss.ignored_label)?;
        Ok(Self { scores, labels, formula, temperature })
    }
}

impl<M: Matrix> Kernel for SmoothLoss<'_, M> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let Self { scores: Scores { rows, count, columns, losses }, labels, .. } = self;
        let (tally, weights) = (Tally::new(losses), &[][..]);
        let (formula, scale) = (self.formula, Scale::of_inverse(self.temperature));
        let smooth = Smooth::new(&formula, scale, columns);
        let of = LabelRows { labels, weights, scale, tally };
        let mut f = SmoothRows { of, formula, smooth };
        for_rows(simd, &mut f, [count, columns], rows);
        f.of.tally.total.sum()
    }
}

/// A number in two words.
type Words = (f32, f32);

/// Of a row the loss, a NaN if it is to be found elsewhere, its derivative by the label's
/// score, and by what e^(s·x) · 2^-N is multiplied: from the sum of the others, the label's
/// score, the center and N, and the sum of the scores.
#[derive(Clone, Copy)]
struct Smooth {
    scale: Scale,
    /// λ.
    z: f32,
    columns: f32,
    /// What every score of the sum has been raised by, times the columns.
    offset: f32,
    /// s·ε/K.
    uniform: Words,
    /// ε − ε/K.
    rest: Words,
    /// 1 − ε + ε/K.
    at_label: Words,
}

impl Smooth {
    fn new(formula: &Formula<'_>, scale: Scale, columns: usize) -> Self {
        let Formula { coefficients: Coefficients { keep, uniform, .. }, z, .. } = *formula;
        let at_label = add_words(keep, uniform);
        let rest = add_words((1.0, 0.0), (-at_label.0, -at_label.1));
        let one = F32(1.0);
        let (high, low) = product(splat(one, uniform), splat(one, scale.words));
        let (columns, uniform) = (columns as f32, (high.0, low.0));
        Self { scale, z, columns, offset: 0.0, uniform, rest, at_label }
    }

    /// Whether a loss is no different without the sum of the scores.
    #[inline(always)]
    fn is_sharp(self) -> bool {
        self.uniform.0 == 0.0
    }
}

impl RowsFunction<7, 4> for Smooth {
    #[inline(always)]
    fn apply<V: Lanes>(
        self,
        [others, low, score, center, exponent, sum, sum_low]: [V; 7],
    ) -> [V; 4] {
        let (zero, one) = (score.splat(0.0), score.splat(1.0));
        let mut distance = (zero, zero);
        if !self.is_sharp() {
            let scores = times(score.splat(self.columns), (score, zero));
            let scores = add(scores, (score.splat(self.offset), zero));
            distance = product(add(scores, (-sum, -sum_low)), splat(score, self.uniform));
        }
        let terms = RowTerms {
            others: (others, low),
            own: words_of_each(self.scale, score, center, exponent),
            score,
            at_label: splat(score, self.at_label),
            rest: splat(score, self.rest),
            mass: (one, zero),
            distance,
        };
        let [loss, at_label, factor, factor_low] = terms.results(self.scale, self.z);
        let loss = V::select(center.eq(zero), loss, score.splat(f32::NAN));
        [loss, at_label, factor, factor_low]
    }
}

/// What a row's results are made of, in two words.
pub(super) struct RowTerms<V> {
    /// The sums of e^(s·x) · 2^-N of the others, and of the label.
    pub(super) others: (V, V),
    pub(super) own: (V, V),
    /// The label's score.
    pub(super) score: V,
    /// The label's coefficient, the sum of the others, and that of all.
    pub(super) at_label: (V, V),
    pub(super) rest: (V, V),
    pub(super) mass: (V, V),
    /// Σ a[k]·s·(x[y] − x[k]).
    pub(super) distance: (V, V),
}

impl<V: Lanes> RowTerms<V> {
    /// The loss, a NaN if others / own is extreme or the loss is not finite; its derivative by
    /// the label's score; and by what e^(s·x) · 2^-N is multiplied elsewhere.
    #[inline(always)]
    pub(super) fn results(self, scale: Scale, z: f32) -> [V; 4] {
        let Self { others, own, score, at_label, mut rest, mut mass, distance } = self;
        let s = splat(score, scale.words);
        let ratio = divide(others, own);
        let surprise = ln_1p_positive_words(ratio);
        let mut loss = add(product(mass, surprise), distance);
        if z != 0.0 {
            let ln = add(times(score, s), surprise);
            loss = add(loss, times(score.splat(z), product(ln, ln)));
            let slope = times(score.splat(2.0 * z), ln);
            (mass, rest) = (add(mass, slope), add(rest, slope));
        }
        let loss = rounded(loss);
        let is_ordinary = ratio.0.lt(score.splat(FAR)).and(score.splat(NEAR).lt(ratio.0));
        let is_ordinary = is_ordinary.and(loss.lt(score.splat(f32::INFINITY)));

        let (high, low) = add(others, own);
        let all = fast_two_sum(high, low);
        let (minus, low) = product(at_label, divide(others, all));
        let at_label = add(product(rest, divide(own, all)), (-minus, -low));
        let (at_label, at_label_low) = product(at_label, s);
        let (factor, factor_low) = product(mass, divide(s, all));
        let loss = V::select(is_ordinary, loss, score.splat(f32::NAN));
        [loss, at_label + at_label_low, factor, factor_low]
    }
}

/// The gradient where the label is not: a multiple of e^(s·x) · 2^-N, less s·ε/K.
#[derive(Clone, Copy)]
struct Gradient {
    uniform: Words,
}

impl PanelFunction<2> for Gradient {
    #[inline(always)]
    fn apply<V: Lanes>(self, exp: (V, V), factor: [V; 2]) -> V {
        less(exp, factor, splat(exp.0, self.uniform))
    }
}

/// exp·factor less a target, all in two words.
#[inline(always)]
pub(super) fn less<V: Lanes>(
    (e, low): (V, V),
    [factor, factor_low]: [V; 2],
    (target, target_low): (V, V),
) -> V {
    let (p, error) = two_product(e, factor);
    let p_low = e.mul_add(factor_low, low.mul_add(factor, error));
    // What the difference leaves, exactly where p is more than half of the target. Below, what
    // e^x is off by counts half, and there is room for a rounding.
    let difference = p - target;
    let left = (p - difference) - target;
    difference + (left + (p_low - target_low))
}

/// The same from x, for a row that is read again.
#[derive(Clone, Copy)]
struct OfScores {
    gradient: Gradient,
    shift: Shift,
    factor: Words,
}

impl Function for OfScores {
    const IS_SHORT: bool = false;

    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let (t, delta) = self.shift.terms(self.shift.floored(x));
        self.gradient.apply((t, t * delta), [t.splat(self.factor.0), t.splat(self.factor.1)])
    }
}

/// x, raised so that none is negative.
#[derive(Clone, Copy)]
struct Raised(f32);

impl PanelTerm for Raised {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, _: V) -> (V, V) {
        fast_two_sum(x.splat(self.0), x)
    }
}

/// Rows' labels, and their losses as they come.
struct SmoothRows<'a> {
    of: LabelRows<'a>,
    formula: Formula<'a>,
    smooth: Smooth,
}

impl RowFunction for SmoothRows<'_> {
    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        columns: usize,
        rows: &mut R,
        Memory { stream, scratch, queue }: &mut Memory<'_>,
    ) {
        let scale = self.smooth.scale;
        let (mut labelled, mut results) = (Labelled::<1>::new(), Results::<1>::new());
        self.of.read(simd, &mut labelled, rows.input(), columns);
        labelled.read_scores(rows.input(), columns);
        let (mut sums, mut heads) = ([ShiftedSum::nan(simd); H], [f32::NAN; H]);
        let mut scores = Values::<1, 2>::new();
        // All heads first: each waits for itself, not for the row before.
        for i in 0..labelled.rows.min(H) {
            heads[i] = head(simd, row_of(rows.input(), i, columns), labelled.label[0][i]);
        }
        for i in 0..labelled.rows.min(H) {
            let hole = labelled.label[0][i];
            if hole == NOWHERE {
                continue;
            }
            let row = row_of(rows.input(), i, columns);
            if !self.smooth.is_sharp() {
                let sum = sweep::sum(simd, Itself, [row]);
                (scores.0[0][0][i], scores.0[1][0][i]) = sum;
            }
            sums[i] = if const { H == 1 } {
                finite_sum(simd, scale, &mut { row }, heads[i], hole, false)
            } else {
                finite_sum(simd, scale, &mut WithQueue { row, queue }, heads[i], hole, false)
            };
        }
        let (sums_of_exp, shifts) = (values(simd, &sums), shifts(&sums));
        self.map(simd, &labelled, &sums_of_exp, shifts.each(), &scores, &mut results);
        for i in 0..labelled.rows.min(H) {
            let range = i * columns..(i + 1) * columns;
            let mut row = rows.part(range.clone(), scratch.get_mut(range));
            let [center, exponent] = shifts.each();
            let (center, exponent) = (of_row(center, i), of_row(exponent, i));
            let shift = Shift { scale, center, exponent };
            let Values([high, low]) = &results.factor;
            let factor = (of_row(high, i), of_row(low, i));
            let of_scores = OfScores { gradient: self.gradient(), shift, factor };
            if self.is_left(simd, i, &labelled, &mut results, &mut row) {
                continue;
            }
            if const { R::WRITES } {
                if const { H == 1 } && *stream {
                    let (x, out) = row.both();
                    sweep::map_streaming(simd, of_scores, x, out);
                    simd.fence();
                } else {
                    sweep::map_row(simd, of_scores, &mut row);
                }
            }
            set_at_label(i, &labelled, &results, row.output());
        }
        self.of.tally.add(simd, &results, [labelled.rows, labelled.count()], &[]);
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        panels: impl Iterator<Item = R>,
    ) {
        let columns = panel.columns;
        panel.scale = self.smooth.scale;
        self.smooth.offset = columns as f32 * panel.offset();
        let (mut labelled, mut results) = (Labelled::<G>::new(), Results::<G>::new());
        let (mut sums, mut scores) = (Values::new(), Values::new());
        for mut rows in panels {
            self.of.read(simd, &mut labelled, rows.input(), columns);
            if !self.smooth.is_sharp() {
                let (raised, inputs) = (Raised(panel.offset()), [rows.input(); 2]);
                panel.sums_of::<S, _, false>(simd, raised, inputs, &labelled.label, &mut scores);
            }
            panel.exp_sums::<S, true, false>(simd, rows.input(), &labelled.label, &mut sums);
            labelled.read_scores(rows.input(), columns);
            if !(panel.is_calm || self.smooth.is_sharp()) {
                let sums = scores.0[0].as_flattened_mut().iter_mut().enumerate();
                for (i, sum) in sums.take(labelled.rows) {
                    if !are_calm(simd, panel.scale, row_of(rows.input(), i, columns)) {
                        *sum = f32::NAN;
                    }
                }
            }
            let shifts = [&panel.center, &panel.exponent];
            let all = self.map(simd, &labelled, &sums, shifts, &scores, &mut results);
            if !all {
                for i in 0..labelled.rows {
                    let mut row = rows.part(i * columns..(i + 1) * columns, None);
                    if !self.is_left(simd, i, &labelled, &mut results, &mut row) && R::WRITES {
                        let factor = results.factor.each();
                        panel.map_row(simd, i, self.gradient(), factor, row.output());
                        set_at_label(i, &labelled, &results, row.output());
                    }
                }
            } else if R::WRITES && panel.streams {
                let out = panel.map_in_place(simd, self.gradient(), results.factor.each());
                write_at_labels(simd, &labelled, &results, columns, out);
                sweep::map_streaming(simd, Itself, out, rows.output());
            } else if R::WRITES {
                panel.map(simd, self.gradient(), results.factor.each(), rows.output());
                write_at_labels(simd, &labelled, &results, columns, rows.output());
            }
            self.of.tally.add(simd, &results, [labelled.rows, labelled.count()], &[]);
        }
    }
}

/// The i-th row.
#[inline(always)]
pub(super) fn row_of(x: &[f32], i: usize, columns: usize) -> &[f32] {
    x.get(i * columns..(i + 1) * columns).unwrap_or(&[])
}

/// The gradient at the label of row i.
#[inline(always)]
pub(super) fn set_at_label<const G: usize>(
    i: usize,
    labelled: &Labelled<G>,
    results: &Results<G>,
    row: &mut [f32],
) {
    let label = labelled.label.as_flattened().get(i).copied().unwrap_or(NOWHERE);
    if let Some(out) = row.get_mut(label) {
        *out = of_row(&results.at_label, i);
    }
}

impl SmoothRows<'_> {
    #[inline(always)]
    fn gradient(&self) -> Gradient {
        Gradient { uniform: self.smooth.uniform }
    }

    /// The results of rows, from the sums of e^x without the label and of x; whether none is
    /// left.
    #[inline(always)]
    fn map<S: Simd, const G: usize>(
        &self,
        simd: S,
        labelled: &Labelled<G>,
        Values([sum, low]): &Values<G, 2>,
        [center, exponent]: [&PerRow<G>; 2],
        Values([scores, scores_low]): &Values<G, 2>,
        results: &mut Results<G>,
    ) -> bool {
        let of_rows = [sum, low, &labelled.score, center, exponent, scores, scores_low];
        let Results { loss, at_label, factor: Values([high, factor_low]) } = results;
        let written = [&mut *loss, at_label, high, factor_low];
        map_rows(simd, self.smooth, labelled.rows, of_rows, written);
        if self.of.labels.ignored.is_some() {
            let labels = labelled.label.as_flattened().iter().zip(loss.as_flattened_mut());
            for (_, loss) in labels.filter(|(label, _)| **label == NOWHERE) {
                *loss = 0.0;
            }
        }
        results.are_known(simd, labelled.rows)
    }

    /// Whether row i does not count, or is taken by itself: then it is done.
    #[inline(always)]
    fn is_left<S: Simd, R: Row, const G: usize>(
        &self,
        simd: S,
        i: usize,
        labelled: &Labelled<G>,
        results: &mut Results<G>,
        row: &mut R,
    ) -> bool {
        let label = labelled.label.as_flattened().get(i).copied().unwrap_or(NOWHERE);
        if label == NOWHERE {
            sweep::fill(simd, 0.0, row.output());
            return true;
        }
        if !of_row(&results.loss, i).is_nan() {
            return false;
        }
        let (x, out) = row.both();
        let row = AnyRow { x: if R::IN_PLACE { None } else { Some(x) }, out };
        let loss =
            simd.call(OneRow { formula: self.formula, row, target: Target { label, soft: &[] } });
        results.set(i, [loss, 0.0, 0.0, 0.0]);
        true
    }
}
