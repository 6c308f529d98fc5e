//! Softmax cross-entropy of rows, with its gradient: labels, smoothing and distributions, with
//! every option.
//!
//! | rows | passes |
//! |---|---|
//! | any, plain labels, on the scalar backend | one, whole |
//! | any other, on the scalar backend | general |
//! | one of 1 to 32 scores, a plain label | one, in registers |
//! | 2 to 128 scores | e^x in two words, without the label's · sums · losses · products |
//! | to 2048 | maxima · sums that keep e^x · losses · products; with smoothing or distributions e^x once more, less a target |
//! | more | the same tile by tile |
//! | with a soft cap, T outside 2^±30 or ε < 2^-20; marked by `losses`; extreme | general |

use super::loss_options::Options;
use super::sum::{Sum, height, short_sums};
use super::{ones, runs, softmax};
use crate::loss::label::{Labels, NOWHERE};
use crate::loss::{Loss, Losses};
use crate::math::shifted_exp::Scale;
use crate::pass::{
    Again, Against, DoubleWords, GROUP, General, GeneralRows, KEPT, LINE, LossFormula, LossRows,
    PIECE, Passes, Piece, ROWS, SHORT, Scratch, Shifts, Spread, TILE, Target, TargetRows, Tile,
    Totals,
};
use crate::rows::Rows;

/// What losses are taken against.
#[derive(Clone, Copy)]
pub(crate) enum Targets<'a> {
    Labels(Labels<'a>),
    Rows(Rows<'a>),
}

/// [`cross_entropy`] of plain labels, where passes take rows whole.
#[inline(never)]
pub(crate) fn of_labels(
    b: Passes,
    all: &Tile<'_>,
    labels: Labels<'_>,
    weights: &[f32],
    scale: &Scale,
    losses: &mut [f32],
) -> Loss {
    let (mut total, mut losses) = (Loss::default(), losses.iter_mut());
    for i in 0..all.rows() {
        let mut label = [NOWHERE];
        labels.read(i, &mut label);
        let [label] = label;
        let mut loss = 0.0;
        if label == NOWHERE {
            all.fill(i, 0.0);
        } else {
            let weight = weights.get(label).copied().unwrap_or(1.0);
            // A single row is the tile itself.
            let row = if all.rows() == 1 { *all } else { all.part(i, 1) };
            loss = b.line_loss(&row, label, weight, scale);
            total += Loss::of_one(loss, weight);
        }
        if let Some(out) = losses.next() {
            *out = loss;
        }
    }
    total
}

/// The losses of rows of scores, whose gradient goes where the tile has an output; each goes to
/// `losses`, if that is not empty.
pub(crate) fn cross_entropy(
    b: Passes,
    all: &Tile<'_>,
    targets: Targets<'_>,
    options: &Options<'_>,
    losses: &mut [f32],
) -> Loss {
    if all.rows() == 1 {
        let loss = one(b, all, targets, options);
        if let Some(out) = losses.first_mut() {
            *out = loss.sum;
        }
        return loss;
    }
    let formula = options.formula(all.columns());
    let mut total = Losses::default();
    let (mut losses, height) = (losses, height(all.columns()));
    // Made once, outside the loop: as part of a batch it would be copied.
    let mut of_rows = LossRows::new();
    let mut i = 0;
    while i < all.rows() {
        let tile = all.part(i, height);
        let mut batch = Batch::new(b, &tile, targets, i, options, formula.as_ref(), &mut of_rows);
        batch.run();
        let (found, weights) = (batch.losses(), batch.weights());
        total.add(found, weights, tile.rows() - batch.ignored.count_ones() as usize);
        let (now, later) = losses.split_at_mut(losses.len().min(tile.rows()));
        for (now, found) in now.iter_mut().zip(found) {
            *now = *found;
        }
        losses = later;
        i += height;
    }
    total.sum()
}

/// The loss of a single row.
#[inline]
fn one(b: Passes, row: &Tile<'_>, targets: Targets<'_>, options: &Options<'_>) -> Loss {
    if let Targets::Labels(labels) = targets
        && b.has_lines()
        && options.are_plain()
        && row.columns() <= LINE
        && let Some(scale) = options.scale()
    {
        let mut label = [NOWHERE];
        labels.read(0, &mut label);
        let [label] = label;
        let weight = options.weights.get(label).copied().unwrap_or(1.0);
        if label == 0 && row.columns() == 1 && row.get(0, 0).is_finite() {
            // The only class is certain.
            row.set(0, 0, 0.0);
            return Loss::of_one(0.0, weight);
        }
        if label != NOWHERE {
            let loss = b.line_loss(row, label, weight, &scale);
            if !loss.is_nan() {
                return Loss::of_one(loss, weight);
            }
        }
    }
    one_of_any(b, row, targets, options)
}

/// The loss of a single row that `line_loss` does not take.
#[inline(never)]
fn one_of_any(b: Passes, row: &Tile<'_>, targets: Targets<'_>, options: &Options<'_>) -> Loss {
    let formula = options.formula(row.columns());
    let mut of_rows = LossRows::new();
    let mut batch = Batch::new(b, row, targets, 0, options, formula.as_ref(), &mut of_rows);
    batch.run();
    if batch.ignored != 0 {
        return Loss::default();
    }
    let weight = batch.weights().first().copied().unwrap_or(1.0);
    Loss::of_one(batch.of_rows.loss.get(0), weight)
}

/// Rows that are taken together.
struct Batch<'a> {
    b: Passes,
    tile: &'a Tile<'a>,
    targets: Option<Tile<'a>>,
    options: &'a Options<'a>,
    formula: Option<&'a LossFormula<'a>>,
    /// What general passes take, once one is needed.
    general: Option<General<'a>>,
    /// The column of each row's label, or of its largest target.
    labels: [usize; ROWS],
    /// Rows that do not count, a bit each.
    ignored: u64,
    of_rows: &'a mut LossRows,
}

impl<'a> Batch<'a> {
    fn new(
        b: Passes,
        tile: &'a Tile<'a>,
        targets: Targets<'a>,
        first: usize,
        options: &'a Options<'a>,
        formula: Option<&'a LossFormula<'a>>,
        of_rows: &'a mut LossRows,
    ) -> Self {
        let mut batch = Self {
            b,
            tile,
            targets: None,
            options,
            formula,
            general: None,
            labels: [NOWHERE; ROWS],
            ignored: 0,
            of_rows,
        };
        match targets {
            Targets::Labels(labels) => {
                let rows = tile.rows().min(ROWS);
                labels.read(first, batch.labels.get_mut(..rows).unwrap_or(&mut []));
                batch.of_rows.weight.fill(rows, 1.0);
                if options.weights.is_empty() && labels.ignored.is_none() {
                    return batch;
                }
                for (i, label) in batch.labels.iter().enumerate().take(rows) {
                    let is_ignored = *label == NOWHERE;
                    batch.ignored |= u64::from(is_ignored) << i;
                    let one = if is_ignored { 0.0 } else { 1.0 };
                    let weight = options.weights.get(*label).copied().unwrap_or(one);
                    batch.of_rows.weight.set(i, weight);
                }
            }
            Targets::Rows(rows) => batch.targets = Some(Tile::read(rows).part(first, tile.rows())),
        }
        batch
    }

    /// The rows' losses.
    fn losses(&self) -> &[f32] {
        self.of_rows.loss.first(self.tile.rows())
    }

    /// The rows' weights, or none where all are 1.
    fn weights(&self) -> &[f32] {
        if self.targets.is_some() || self.options.weights.is_empty() {
            return &[];
        }
        self.of_rows.weight.first(self.tile.rows())
    }

    /// The rows' losses, and their gradients where these go.
    fn run(&mut self) {
        let mut marked = u64::MAX;
        if !self.b.take_rows()
            && let Some(formula) = self.formula
        {
            let columns = self.tile.columns();
            marked = 0;
            if let Some(targets) = &self.targets {
                marked = self.b.likeliest(targets, &formula.coefficients, &mut self.labels);
            }
            self.read_scores();
            if formula.spread != Spread::Label {
                self.moments(formula);
            }
            match columns {
                0..=SHORT => self.short(formula, marked),
                _ if columns <= TILE => self.middle(formula, marked),
                _ => self.long(formula, marked),
            }
            return;
        }
        marked &= !self.ignored;
        self.finish(marked, &mut |_, _, _| {});
    }

    /// The scores at the labels, and their targets; of a row that does not count, any numbers.
    fn read_scores(&mut self) {
        let rows = self.tile.rows();
        self.of_rows.score.fill(rows, 0.0);
        self.of_rows.target.fill(rows, 1.0);
        for (i, label) in self.labels.iter().enumerate().take(rows) {
            if *label != NOWHERE {
                self.of_rows.score.set(i, self.tile.get(i, *label));
            }
        }
        if let Some(targets) = &self.targets {
            self.of_rows.weight.fill(rows, 1.0);
            for (i, label) in self.labels.iter().enumerate().take(rows) {
                self.of_rows.target.set(i, targets.get(i, *label));
                if let Some(weight) = self.options.weights.get(*label) {
                    self.of_rows.weight.set(i, *weight);
                }
            }
        }
    }

    /// Σ x of each row, or Σ a and Σ a·x without the label's.
    fn moments(&mut self, formula: &LossFormula<'_>) {
        let (mut sums, mut moments) = (Totals::new(), Totals::new());
        let mut first = 0;
        while first < self.tile.rows() {
            let tile = self.tile.part(first, GROUP);
            let targets = self.targets.map(|targets| targets.part(first, GROUP));
            let labels = self.labels.get(first..).unwrap_or(&[]);
            let totals = [&mut sums, &mut moments];
            self.b.moments(&tile, targets.as_ref(), labels, formula, totals);
            self.b.sums(tile.rows(), moments.lanes(), true, first, &mut self.of_rows.moment);
            if formula.spread == Spread::Each {
                self.b.sums(tile.rows(), sums.lanes(), false, first, &mut self.of_rows.rest);
            }
            first += GROUP;
        }
    }

    /// Rows of at most [`SHORT`] elements.
    #[inline(never)]
    fn short(&mut self, formula: &LossFormula<'_>, mut marked: u64) {
        let (b, tile, scale) = (self.b, self.tile, &formula.scale);
        let (rows, columns) = (tile.rows(), tile.columns());
        let (mut scratch, mut shifts, mut of_rows) = (Scratch::new(), Shifts::new(), None);
        if !b.exp_short(tile, scale, None, &mut scratch) {
            marked |= b.maxima(tile, &[], scale, &mut shifts);
            b.exp_short(tile, scale, Some(&shifts), &mut scratch);
            of_rows = Some(&shifts);
        }
        for (i, label) in self.labels.iter().enumerate().take(rows) {
            if *label < columns {
                scratch.clear(i * columns + label);
            }
        }
        let mut others = DoubleWords::new();
        short_sums(b, tile, &scratch, None, &mut others);
        marked |= b.losses(rows, formula, of_rows, &others, self.of_rows);
        let (targets, shifts) = (self.targets, of_rows);
        let target = target_of(formula, targets.as_ref());
        self.finish(marked, &mut |of_rows, part, first| match target {
            None => b.short_write(part, first, &scratch, &of_rows.factor, shifts),
            Some(target) => {
                let target = target.from(first);
                b.short_write_less(part, first, &scratch, &of_rows.factor, target);
            }
        });
    }

    /// Rows of a tile each.
    #[inline(never)]
    fn middle(&mut self, formula: &LossFormula<'_>, mut marked: u64) {
        let (b, tile, scale) = (self.b, self.tile, &formula.scale);
        let (mut shifts, mut totals, mut others) =
            (Shifts::new(), Totals::new(), DoubleWords::new());
        let mut scratch = Scratch::new();
        let targets = self.targets;
        let target = target_of(formula, targets.as_ref());
        let keeps = tile.writes() && target.is_none();
        let kept = match keeps {
            false => tile.input(),
            // A row that is marked needs its scores once more.
            true if tile.is_in_place() => scratch.keep(tile),
            true => *tile,
        };
        marked |= b.maxima(tile, &self.labels, scale, &mut shifts);
        b.exp_sums(&kept, &self.labels, scale, &shifts, true, &mut totals);
        if keeps {
            // What is kept of a skipped element is so small that to multiply it takes long.
            for (i, label) in self.labels.iter().enumerate().take(tile.rows()) {
                kept.set(i, *label, 1.0);
            }
        }
        b.sums(tile.rows(), totals.lanes(), false, 0, &mut others);
        marked |= b.losses(tile.rows(), formula, Some(&shifts), &others, self.of_rows);
        self.finish(marked, &mut |of_rows, part, first| {
            if keeps {
                let kept = kept.part(first, part.rows()).output().with_output_of(part);
                b.scale(&kept, first, &of_rows.factor, None);
            } else {
                let again =
                    Again { scale, shifts: &shifts, factors: &of_rows.factor, largest: None };
                b.exp_write(part, first, again, target.map(|target| target.from(first)));
            }
        });
    }

    /// One row, tile by tile.
    #[inline(never)]
    fn long(&mut self, formula: &LossFormula<'_>, mut marked: u64) {
        let (b, row, scale) = (self.b, self.tile, &formula.scale);
        let targets = self.targets;
        let target = target_of(formula, targets.as_ref());
        let mut scratch = Scratch::new();
        // What general passes may need once more is not overwritten.
        let is_near = row.columns() <= KEPT;
        let keeps = row.writes() && target.is_none() && (is_near || !row.is_in_place());
        let kept = match keeps {
            false => row.input(),
            true if is_near => scratch.keep(row),
            true => *row,
        };
        let mut sum = if self.ignored == 0 {
            Sum::of(b, &kept, self.labels[0], scale)
        } else {
            Sum::of(b, &row.piece(0, 0), NOWHERE, scale)
        };
        let (others, shifts) = (sum.value(b), sum.shifts());
        marked |= u64::from(sum.shift.center != 0.0);
        marked |= b.losses(1, formula, Some(&shifts), &others, self.of_rows);
        self.finish(marked, &mut |of_rows, part, first| {
            if keeps {
                softmax::write_kept(b, &kept.output(), part, &sum, &of_rows.factor, None);
            } else {
                let again =
                    Again { scale, shifts: &shifts, factors: &of_rows.factor, largest: None };
                b.exp_write(part, first, again, target.map(|target| target.from(first)));
            }
        });
    }

    /// Runs the general passes on marked rows. Writes the others: runs of rows by a function, then
    /// the elements at the labels; and zeros where a row does not count.
    #[inline(never)]
    fn finish(&mut self, marked: u64, write: &mut dyn FnMut(&LossRows, &Tile<'_>, usize)) {
        let (tile, rows) = (self.tile, self.tile.rows());
        let all = if rows < 64 { (1 << rows) - 1 } else { u64::MAX };
        let marked = marked & all & !self.ignored;
        for (first, count) in runs(marked) {
            self.general(first, count);
        }
        for i in ones(self.ignored) {
            self.of_rows.loss.set(i, 0.0);
            tile.fill(i, 0.0);
        }
        let written = all & !marked & !self.ignored;
        if !tile.writes() {
            return;
        }
        for (first, count) in runs(written) {
            write(self.of_rows, &tile.part(first, count), first);
        }
        for i in ones(written) {
            if let Some(label) = self.labels.get(i) {
                tile.set(i, *label, self.of_rows.at_label.get(i));
            }
        }
    }

    /// The losses and gradients of rows by the general passes.
    fn general(&mut self, mut first: usize, count: usize) {
        let (b, columns) = (self.b, self.tile.columns());
        let formula = *self.general.get_or_insert_with(|| self.options.general(columns));
        let (height, end) = ((PIECE / columns.max(1)).clamp(1, GROUP), first + count);
        let mut rows = GeneralRows::new();
        while first < end {
            let tile = self.tile.part(first, height.min(end - first));
            let targets = self.targets.map(|targets| targets.part(first, tile.rows()));
            let labels = self.labels.get(first..).unwrap_or(&[]);
            let against = Against { targets: targets.as_ref(), labels };
            general(b, &tile, against, &formula, &mut rows);
            for i in 0..tile.rows() {
                self.of_rows.loss.set(first + i, rows.loss.get(i));
            }
            first += height;
        }
    }
}

/// What is subtracted from multiples of probabilities.
fn target_of<'a>(
    formula: &'a LossFormula<'a>,
    targets: Option<&'a Tile<'a>>,
) -> Option<Target<'a>> {
    let (coefficients, scale) = (&formula.coefficients, formula.scale.words);
    match formula.spread {
        Spread::Label => None,
        Spread::Even => Some(Target::Uniform(formula.scaled)),
        Spread::Each => Some(Target::Rows(TargetRows { targets, coefficients, scale, before: 0 })),
    }
}

/// The losses of up to [`GROUP`] rows that fit in a piece, or of one; the gradient goes where
/// there is an output.
fn general(
    b: Passes,
    tile: &Tile<'_>,
    against: Against<'_>,
    formula: &General<'_>,
    rows: &mut GeneralRows,
) {
    let (columns, count) = (tile.columns(), tile.rows());
    if columns == 0 {
        return rows.loss.fill(count, f32::NAN);
    }
    let mut totals = [Totals::new(), Totals::new(), Totals::new()];
    let mut piece = Piece::new();
    rows.start(count);
    loop {
        b.general_tops(tile, against, formula, rows);
        let mut start = 0;
        while start < columns {
            let part = tile.piece(start, start + PIECE);
            b.general_sums(&part, start, against, formula, rows, &mut piece, &mut totals);
            start += PIECE;
        }
        let [others, rest, distance] = &mut totals;
        b.sums(count, others.lanes(), true, 0, &mut rows.others);
        b.sums(count, rest.lanes(), true, 0, &mut rows.rest);
        b.sums(count, distance.lanes(), true, 0, &mut rows.distance);
        if !rows.again(count) {
            break;
        }
    }
    b.general_results(count, formula, rows);
    let mut start = 0;
    while tile.writes() && start < columns {
        let part = tile.piece(start, start + PIECE);
        if columns > PIECE {
            // Rows of one piece still have what they are made of.
            b.general_sums(&part, start, against, formula, rows, &mut piece, &mut totals);
        }
        b.general_write(&part, formula, rows, &mut piece);
        start += PIECE;
    }
    for i in 0..count {
        let x = rows.top.get(i);
        if x.is_nan() || rows.has_nan(i) || x.is_infinite() && !formula.link.has_cap() {
            rows.loss.set(i, f32::NAN);
            tile.fill(i, f32::NAN);
        } else if let Some(at) = rows.at.get(i) {
            tile.set(i, *at, rows.at_top.get(i));
        }
    }
}
