//! Softmax cross-entropy on distributions, with its gradient: as fast as on labels, but for
//! what it takes to read the targets.
//!
//! **Method.** With y the class of the largest target t[y], tail = Σ_{j≠y} e^(x[j] − x[y]) is
//! summed as in [`super::cross_entropy`], and with A = Σ t and L = ln Σ e^x
//!
//! ```text
//! loss        = A·ln(1 + tail) + Σ_{k≠y} t[k]·(x[y] − x[k]) + λ·L²
//! gradient[y] = ((B − t[y]) − t[y]·tail)/(1 + tail)              B = A + 2λL
//! gradient[k] = B·softmax(x)[k] − t[k]                for k ≠ y
//! ```
//!
//! The second term of the loss may be negative, but all are of two words, and the loss is not
//! small against them: where another class is likely, t[y] pays for it. A − t[y] is summed as
//! such, and a right answer given with confidence keeps its tiny loss and gradient. With a
//! temperature, x is s·x, see [`Scale`], and s multiplies the gradients.
//!
//! What the panels cannot do is left to [`super::target_loss`], a row by itself, as by
//! [`super::smooth_loss`]; negative targets, too.
//!
//! **Error.** See [`crate::contract::SMOOTH_LOSS`].

use super::cross_entropy::{Labelled, Results, Scores, Tally, of_row, write_at_labels};
use super::smooth_loss::{RowTerms, less, row_of, set_at_label};
use super::target_loss::{AnyRow, Formula, OneRow, Target, position, splat};
use crate::error::Error;
use crate::kernel::exp_sum::{NOWHERE, Shift, ShiftedSum, finite_sum, head, words_of_each};
use crate::kernel::panel::{
    Panel, PanelFunctionOfTwo, PanelTerm, PerRow, RowsFunction, Values, are_calm, map_rows,
};
use crate::kernel::row::{Matrix, Row, WithQueue};
use crate::kernel::row_map::{Memory, RowFunction, for_rows};
use crate::kernel::softmax::{shifts, values};
use crate::loss::{CrossEntropy, Loss};
use crate::math::shifted_exp::Scale;
use crate::math::words::{add, fast_two_sum, product, times, two_product};
use crate::rows::{Rows, check_column_count, check_row_count};
use crate::simd::{BLOCK, Kernel, Lanes, Mask, Simd, unroll};
use crate::sweep::{self, FunctionOfTwo, Terms};

/// The loss of rows of scores against distributions, if its options are among z-loss and an
/// ordinary temperature, and the distributions follow each other without a gap;
/// [`TargetLoss`](super::TargetLoss) has them all.
pub struct SoftLoss<'a, M> {
    scores: Scores<'a, M>,
    targets: &'a [f32],
    formula: Formula<'a>,
    temperature: f32,
}

impl<'a, M> SoftLoss<'a, M> {
    /// # Errors
    /// As [`CrossEntropy::loss_soft`]; [`Error::Parameter`] for other options, and for rows of
    /// targets with gaps.
    #[inline]
    pub fn new(
        loss: CrossEntropy<'a>,
        scores: Scores<'a, M>,
        targets: Rows<'a>,
    ) -> Result<Self, Error> {
        let formula = loss.formula(scores.columns)?;
        let temperature = loss.checked_temperature()?;
        check_row_count("targets", scores.count, targets.rows())?;
        check_column_count("targets", scores.columns, targets.columns())?;
        match targets.flat() {
            Some(targets) if loss.is_soft() => Ok(Self { scores, targets, formula, temperature }),
            _ => {
                let (name, expected) = ("options", "such as `SoftLoss` has");
                Err(Error::Parameter { name, expected, found: f32::NAN })
            }
        }
    }
}

impl<M: Matrix> Kernel for SoftLoss<'_, M> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let Self { scores: Scores { rows, count, columns, losses }, targets, formula, .. } = self;
        let scale = Scale::of_inverse(self.temperature);
        let soft = Soft { scale, z: formula.z, offset: 0.0 };
        let mut f = SoftRows { tally: Tally::new(losses), targets, formula, soft };
        for_rows(simd, &mut f, [count, columns], rows);
        f.tally.total.sum()
    }
}

/// Of a row the loss, a NaN if it is to be found elsewhere, its derivative by the score of the
/// likeliest target, and by what e^(s·x) · 2^-N is multiplied: from the sum of the others, that
/// score, the center and N, the target, and the sums of the others and of their products with
/// their scores.
#[derive(Clone, Copy)]
struct Soft {
    scale: Scale,
    /// λ.
    z: f32,
    /// What every score of the sum has been raised by.
    offset: f32,
}

/// Between these, no sum of targets makes anything subnormal that counts. 2^±60
const ORDINARY: [f32; 2] = [8.673_617_4e-19, 1.152_921_5e18];

impl RowsFunction<10, 4> for Soft {
    #[inline(always)]
    fn apply<V: Lanes>(
        self,
        [others, low, score, center, exponent, own, rest, rest_low, sum, sum_low]: [V; 10],
    ) -> [V; 4] {
        let (zero, rest) = (score.splat(0.0), (rest, rest_low));
        let raised = add((score.splat(self.offset), zero), (score, zero));
        let distance = add(product(rest, raised), (-sum, -sum_low));
        let mass = add((own, zero), rest);
        let terms = RowTerms {
            others: (others, low),
            own: words_of_each(self.scale, score, center, exponent),
            score,
            at_label: (own, zero),
            rest,
            mass,
            distance: product(distance, splat(score, self.scale.words)),
        };
        let [loss, at_label, factor, factor_low] = terms.results(self.scale, self.z);
        let (least, most) = (score.splat(ORDINARY[0]), score.splat(ORDINARY[1]));
        let is_ordinary = center.eq(zero).and(least.lt(mass.0)).and(mass.0.lt(most));
        [V::select(is_ordinary, loss, score.splat(f32::NAN)), at_label, factor, factor_low]
    }
}

/// The gradient where the target is not the largest: a multiple of e^(s·x) · 2^-N, less s·t.
#[derive(Clone, Copy)]
struct Gradient {
    scale: Scale,
}

impl PanelFunctionOfTwo<2> for Gradient {
    #[inline(always)]
    fn apply<V: Lanes>(self, exp: (V, V), t: V, factor: [V; 2]) -> V {
        less(exp, factor, times(t, splat(t, self.scale.words)))
    }
}

/// The same from x, for a row that is read again.
#[derive(Clone, Copy)]
struct OfScores {
    gradient: Gradient,
    shift: Shift,
    factor: (f32, f32),
}

impl FunctionOfTwo for OfScores {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, t: V) -> V {
        let (e, delta) = self.shift.terms(self.shift.floored(x));
        let factor = [x.splat(self.factor.0), x.splat(self.factor.1)];
        self.gradient.apply((e, e * delta), t, factor)
    }
}

/// t.
#[derive(Clone, Copy)]
struct Itself;

impl PanelTerm for Itself {
    #[inline(always)]
    fn apply<V: Lanes>(self, _: V, t: V) -> (V, V) {
        (t, t.splat(0.0))
    }
}

/// t·(x + offset)
#[derive(Clone, Copy)]
struct Weighted {
    offset: f32,
}

impl PanelTerm for Weighted {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, t: V) -> (V, V) {
        times(t, fast_two_sum(x.splat(self.offset), x))
    }
}

/// t and t·x.
#[derive(Clone, Copy)]
struct Moments;

impl Terms<2, 2> for Moments {
    const NOTHING: [f32; 2] = [0.0; 2];

    #[inline(always)]
    fn terms<V: Lanes>(self, [x, t]: [V; 2]) -> [(V, V); 2] {
        [(t, t.splat(0.0)), two_product(t, x)]
    }
}

/// Where a row's largest target is, and that, a NaN if there is a negative one.
#[inline(always)]
fn likeliest<S: Simd>(simd: S, t: &[f32]) -> (usize, f32) {
    let zero = simd.block(simd.splat(0.0));
    let (mut most, mut least) = (zero, zero);
    for at in (0..t.len()).step_by(BLOCK) {
        let t = simd.load_block(t.get(at..).unwrap_or(&[]), 0.0);
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            most.as_mut()[j] = t.as_ref()[j].max(most.as_ref()[j]);
            least.as_mut()[j] = t.as_ref()[j].min(least.as_ref()[j]);
        });
    }
    let mut none_negative = true;
    for least in least.as_ref() {
        none_negative &= simd.splat(0.0).le(*least).all();
    }
    let most = simd.largest(most);
    (position(simd, t, most), if none_negative { most } else { f32::NAN })
}

/// Rows' targets, and their losses as they come.
struct SoftRows<'a> {
    tally: Tally<'a>,
    /// Of all rows.
    targets: &'a [f32],
    formula: Formula<'a>,
    soft: Soft,
}

/// What is known of some rows' targets.
#[repr(C, align(64))]
struct Likeliest<const G: usize> {
    /// The largest target of each row.
    own: PerRow<G>,
    /// The sums of the others.
    rest: Values<G, 2>,
    /// Those of their products with their scores.
    weighted: Values<G, 2>,
}

impl<const G: usize> Likeliest<G> {
    #[inline(always)]
    fn new() -> Self {
        Self { own: [[f32::NAN; BLOCK]; G], rest: Values::new(), weighted: Values::new() }
    }
}

impl RowFunction for SoftRows<'_> {
    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        columns: usize,
        rows: &mut R,
        Memory { scratch, queue, .. }: &mut Memory<'_>,
    ) {
        let (scale, targets) = (self.soft.scale, self.targets_of(rows.input().len(), columns));
        let (mut labelled, mut results) = (Labelled::<1>::new(), Results::<1>::new());
        let mut of_targets = Likeliest::<1>::new();
        self.read(simd, &mut labelled, &mut of_targets, rows.input(), columns);
        let (mut sums, mut heads) = ([ShiftedSum::nan(simd); H], [f32::NAN; H]);
        // All heads first: each waits for itself, not for the row before.
        for i in 0..labelled.rows.min(H) {
            heads[i] = head(simd, row_of(rows.input(), i, columns), labelled.label[0][i]);
        }
        for i in 0..labelled.rows.min(H) {
            let (hole, row) = (labelled.label[0][i], row_of(rows.input(), i, columns));
            let [rest, weighted] =
                sweep::sums(simd, Moments, [row, row_of(targets, i, columns)], hole);
            for (words, value) in
                [(&mut of_targets.rest, rest), (&mut of_targets.weighted, weighted)]
            {
                (words.0[0][0][i], words.0[1][0][i]) = value;
            }
            sums[i] = if const { H == 1 } {
                finite_sum(simd, scale, &mut { row }, heads[i], hole, false)
            } else {
                finite_sum(simd, scale, &mut WithQueue { row, queue }, heads[i], hole, false)
            };
        }
        let (sums_of_exp, shifts) = (values(simd, &sums), shifts(&sums));
        self.map(simd, &labelled, &of_targets, &sums_of_exp, shifts.each(), &mut results);
        for i in 0..labelled.rows.min(H) {
            let range = i * columns..(i + 1) * columns;
            let mut row = rows.part(range.clone(), scratch.get_mut(range));
            if self.is_left(simd, i, targets, &mut results, &mut row) || !R::WRITES {
                continue;
            }
            let [center, exponent] = shifts.each();
            let shift = Shift { scale, center: of_row(center, i), exponent: of_row(exponent, i) };
            let Values([high, low]) = &results.factor;
            let factor = (of_row(high, i), of_row(low, i));
            let of_scores = OfScores { gradient: Gradient { scale }, shift, factor };
            sweep::map_row_with(simd, of_scores, &mut row, row_of(targets, i, columns));
            set_at_label(i, &labelled, &results, row.output());
        }
        self.tally.add(simd, &results, [labelled.rows; 2], &[]);
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        panels: impl Iterator<Item = R>,
    ) {
        let columns = panel.columns;
        panel.scale = self.soft.scale;
        self.soft.offset = panel.offset();
        let (mut labelled, mut results) = (Labelled::<G>::new(), Results::<G>::new());
        let (mut of_targets, mut sums) = (Likeliest::<G>::new(), Values::new());
        for mut rows in panels {
            let targets = self.targets_of(rows.input().len(), columns);
            self.read(simd, &mut labelled, &mut of_targets, rows.input(), columns);
            let Likeliest { rest, weighted, .. } = &mut of_targets;
            let (inputs, holes) = ([rows.input(), targets], &labelled.label);
            panel.sums_of::<S, _, true>(simd, Itself, inputs, holes, rest);
            let product = Weighted { offset: self.soft.offset };
            panel.sums_of::<S, _, true>(simd, product, inputs, holes, weighted);
            panel.exp_sums::<S, true, false>(simd, rows.input(), holes, &mut sums);
            if !panel.is_calm {
                let sums = weighted.0[0].as_flattened_mut().iter_mut().enumerate();
                for (i, sum) in sums.take(labelled.rows) {
                    if !are_calm(simd, panel.scale, row_of(rows.input(), i, columns)) {
                        *sum = f32::NAN;
                    }
                }
            }
            let (shifts, gradient) =
                ([&panel.center, &panel.exponent], Gradient { scale: panel.scale });
            if self.map(simd, &labelled, &of_targets, &sums, shifts, &mut results) {
                if R::WRITES {
                    let factor = results.factor.each();
                    panel.map_with(simd, gradient, factor, targets, rows.output());
                    write_at_labels(simd, &labelled, &results, columns, rows.output());
                }
            } else {
                for i in 0..labelled.rows {
                    let mut row = rows.part(i * columns..(i + 1) * columns, None);
                    if !self.is_left(simd, i, targets, &mut results, &mut row) && R::WRITES {
                        let (t, factor) = (row_of(targets, i, columns), results.factor.each());
                        panel.map_row_with(simd, i, gradient, factor, t, row.output());
                        set_at_label(i, &labelled, &results, row.output());
                    }
                }
            }
            self.tally.add(simd, &results, [labelled.rows; 2], &[]);
        }
    }
}

impl<'a> SoftRows<'a> {
    /// Those of the rows that come next.
    #[inline(always)]
    fn targets_of(&self, length: usize, columns: usize) -> &'a [f32] {
        let start = self.tally.next * columns;
        self.targets.get(start..start + length).unwrap_or(&[])
    }

    /// What belongs to the rows that come next.
    #[inline(always)]
    fn read<S: Simd, const G: usize>(
        &self,
        simd: S,
        labelled: &mut Labelled<G>,
        of_targets: &mut Likeliest<G>,
        x: &[f32],
        columns: usize,
    ) {
        let targets = self.targets_of(x.len(), columns);
        labelled.rows = x.len().checked_div(columns).unwrap_or(1);
        let labels = labelled.label.as_flattened_mut().iter_mut();
        let rows = labels.zip(of_targets.own.as_flattened_mut()).take(labelled.rows);
        for (i, (label, own)) in rows.enumerate() {
            (*label, *own) = likeliest(simd, row_of(targets, i, columns));
        }
        labelled.read_scores(x, columns);
    }

    /// The results of rows, from the sums of e^x without the likeliest target; whether none is
    /// left.
    #[inline(always)]
    fn map<S: Simd, const G: usize>(
        &self,
        simd: S,
        labelled: &Labelled<G>,
        Likeliest { own, rest, weighted }: &Likeliest<G>,
        Values([sum, low]): &Values<G, 2>,
        [center, exponent]: [&PerRow<G>; 2],
        results: &mut Results<G>,
    ) -> bool {
        let ([rest, rest_low], [weighted, weighted_low]) = (rest.each(), weighted.each());
        let score = &labelled.score;
        let of_rows =
            [sum, low, score, center, exponent, own, rest, rest_low, weighted, weighted_low];
        let Results { loss, at_label, factor: Values([high, factor_low]) } = results;
        let written = [&mut *loss, at_label, high, factor_low];
        map_rows(simd, self.soft, labelled.rows, of_rows, written);
        results.are_known(simd, labelled.rows)
    }

    /// Whether row i is taken by itself: then it is done.
    #[inline(always)]
    fn is_left<S: Simd, R: Row, const G: usize>(
        &self,
        simd: S,
        i: usize,
        targets: &[f32],
        results: &mut Results<G>,
        row: &mut R,
    ) -> bool {
        if !of_row(&results.loss, i).is_nan() {
            return false;
        }
        let columns = row.input().len();
        let (x, out) = row.both();
        let row = AnyRow { x: if R::IN_PLACE { None } else { Some(x) }, out };
        let target = Target { label: NOWHERE, soft: row_of(targets, i, columns) };
        let loss = simd.call(OneRow { formula: self.formula, row, target });
        results.set(i, [loss, 0.0, 0.0, 0.0]);
        true
    }
}
