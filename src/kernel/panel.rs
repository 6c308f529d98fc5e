//! Short rows, many at a time.
//!
//! A row of ten fills ten lanes of sixteen, and adding up its lanes takes longer than
//! their exponentials. A group of sixteen rows of ten is ten full vectors, and sixteen
//! sums are added up together, a row a lane. A panel takes each step for several groups
//! before the next: what one group waits for, the others fill. Where only sums are kept,
//! they are of more groups than e^x has room for.
//!
//! Nothing here depends on N but the range of f32: every operation on e^x · 2^-N
//! rounds alike for all N. So one N serves all rows of which no |x| is large, and in
//! other panels each row has its own.

use crate::kernel::exp_sum::{Shift, largest, ln_of_shifted};
use crate::kernel::row::{Row, take};
use crate::math::shifted_exp::Scale;
use crate::simd::{Aligned, BLOCK, Lanes, Mask, Part, SIXTEENTHS, Simd, unroll};
use crate::sweep::Total;

/// Rows of a group: a lane each where there is one value a row.
pub(crate) const ROWS: usize = BLOCK;
/// Groups of a panel, at most.
pub(crate) const GROUPS: usize = 8;
/// Columns of a short row, at most.
pub(crate) const COLUMNS: usize = 8 * BLOCK;
/// Elements for one row, for a few short ones, and for a panel: whole blocks are read from any
/// element on.
pub(crate) const ONE: usize = COLUMNS + BLOCK;
pub(crate) const FEW: usize = 4 * COLUMNS + BLOCK;
pub(crate) const ALL: usize = 16 * COLUMNS + BLOCK;
/// Groups of a few rows, at most.
pub(crate) const FEW_GROUPS: usize = 2;

/// Magnitudes of s·x up to which one N serves.
const CALM: f32 = 40.0;
/// The center and N that it has.
const CALM_CENTER: f32 = 0.0;
const CALM_EXPONENT: f32 = 0.0;

/// Columns from which on most blocks lie within a row, and none in more than two.
const MANY: usize = 2 * BLOCK;

/// The lanes' numbers.
const NUMBERS: [f32; BLOCK] =
    [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];

/// Rows of a whole panel, of which e^x `is_kept` or only summed: whole groups.
#[inline(always)]
pub(crate) fn height(columns: usize, is_kept: bool) -> usize {
    let all = GROUPS * ROWS;
    if is_kept { all.min((ALL - BLOCK) / columns.max(1) / ROWS * ROWS) } else { all }
}

/// Whether so many rows have room where [`FEW`] have: what a larger panel is before anything
/// is in it takes longer to write than those take.
#[inline(always)]
pub(crate) fn are_few(rows: usize, columns: usize) -> bool {
    rows <= FEW_GROUPS * ROWS && rows.saturating_mul(columns) <= FEW - BLOCK
}

/// The rows within their group of a group's elements, as [`Lanes::lookup`] takes them, where
/// a block may lie in several.
pub(crate) struct RowNumbers(Aligned<{ ROWS * MANY }>);

/// What nobody reads of longer rows.
static NO_NUMBERS: Aligned<{ ROWS * COLUMNS }> = Aligned([0.0; ROWS * COLUMNS]);

impl RowNumbers {
    #[inline(always)]
    pub(crate) fn new<S: Simd>(simd: S, columns: usize) -> Self {
        let mut all = Aligned([0.0; ROWS * MANY]);
        let group = if columns < MANY { ROWS * columns } else { 0 };
        for (at, numbers) in (0..group).step_by(BLOCK).zip(all.0.as_chunks_mut().0) {
            let mut row = simd.load_block(&NUMBERS, 0.0);
            for row in row.as_mut() {
                // No quotient is within 1/256 of a whole number.
                let rows = (*row + (at as f32 + 0.5)) * (1.0 / columns as f32) - 0.5;
                *row = rows * (1.0 / 16.0) + SIXTEENTHS;
            }
            *numbers = simd.block_to_array(row);
        }
        Self(all)
    }
}

/// A value a row.
pub(crate) type PerRow<const G: usize> = [[f32; ROWS]; G];
/// Several values a row, on cache lines of their own.
#[repr(align(64))]
pub(crate) struct Values<const G: usize, const T: usize>(pub(crate) [PerRow<G>; T]);

impl<const G: usize, const T: usize> Values<G, T> {
    /// Not known yet.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        // No zeros: those would be a call of memset.
        Self([[[f32::NAN; ROWS]; G]; T])
    }

    #[inline(always)]
    pub(crate) fn each(&self) -> [&PerRow<G>; T] {
        self.0.each_ref()
    }

    #[inline(always)]
    pub(crate) fn each_mut(&mut self) -> [&mut PerRow<G>; T] {
        self.0.each_mut()
    }
}

/// What a panel sums besides e^x.
pub(crate) trait PanelTerm: Copy {
    /// Of an x and a t a number in two words, of which the first is not negative.
    fn apply<V: Lanes>(self, x: V, t: V) -> (V, V);
}

/// A function of e^x · 2^-N in two words, of a t beside it, and of values that belong to its
/// row.
pub(crate) trait PanelFunctionOfTwo<const T: usize>: Copy {
    fn apply<V: Lanes>(self, exp: (V, V), t: V, of_row: [V; T]) -> V;
}

/// A function of e^x · 2^-N in two words, and of values that belong to its row.
pub(crate) trait PanelFunction<const T: usize>: Copy {
    fn apply<V: Lanes>(self, exp: (V, V), of_row: [V; T]) -> V;
}

/// e^x · 2^-N as t + t·δ, row after row; of at most N − [`BLOCK`] elements in G groups.
#[repr(C, align(64))] // both arrays aligned to the longest vector
pub struct Panel<'a, const N: usize, const G: usize> {
    /// t, and t·δ, which is small against it.
    exp: [f32; N],
    low: [f32; N],
    /// See [`RowNumbers`].
    row: &'a [f32],
    pub(crate) columns: usize,
    pub(crate) scale: Scale,
    pub(crate) rows: usize,
    /// Those of which e^x is there: the last that were summed.
    kept: usize,
    /// [`Shift`] of each row.
    pub(crate) center: PerRow<G>,
    pub(crate) exponent: PerRow<G>,
    /// Whether no |x| is large.
    pub(crate) is_calm: bool,
    /// Whether results go past the caches.
    pub(crate) streams: bool,
}

impl<'a, const N: usize, const G: usize> Panel<'a, N, G> {
    /// For rows of so many elements. One row needs no numbers, nor do sums alone.
    #[inline(always)]
    pub(crate) fn new(columns: usize, numbers: Option<&'a RowNumbers>) -> Self {
        let row = numbers.filter(|_| columns < MANY).map_or(&NO_NUMBERS.0[..], |all| &all.0.0);
        Self {
            columns,
            scale: Scale::ONE,
            rows: 0,
            kept: 0,
            exp: [0.0; N],
            low: [0.0; N],
            row,
            center: [[CALM_CENTER; ROWS]; G],
            exponent: [[CALM_EXPONENT; ROWS]; G],
            is_calm: true,
            streams: false,
        }
    }

    /// The sums of rows one after the other, at most [`height`], without the elements in the
    /// columns of the holes if there are `HOLES`. What is to be read `ONCE` is asked for
    /// ahead: a fifth less time out of cache, but a quarter more beside what is written.
    #[inline(always)]
    pub(crate) fn exp_sums<S: Simd, const HOLES: bool, const ONCE: bool>(
        &mut self,
        simd: S,
        mut x: &[f32],
        holes: &[[usize; ROWS]; G],
        sums: &mut Values<G, 2>,
    ) {
        self.rows = x.len().checked_div(self.columns).unwrap_or(1);
        if !self.is_calm {
            self.center = [[CALM_CENTER; ROWS]; G];
            self.exponent = [[CALM_EXPONENT; ROWS]; G];
            self.is_calm = true;
        }
        let (height, mut first) = (if N == ONE { 1 } else { height(self.columns, true) }, 0);
        loop {
            self.kept = height.min(self.rows - first);
            let x = take(&mut x, self.kept * self.columns);
            if N == ONE {
                self.set_exp::<S, ONCE>(simd, x, first);
            } else {
                simd.call(ExpRows::<N, G, ONCE> { panel: self, x, first });
            }
            if HOLES {
                self.remove_holes(holes, first);
            }
            self.sums(simd, first, sums);
            first += height;
            if first >= self.rows {
                break;
            }
        }
    }

    /// More than every |x| of a calm row.
    #[inline(always)]
    pub(crate) fn offset(&self) -> f32 {
        // A power of two.
        f32::from_bits((2.0 * CALM * self.scale.inverse).to_bits() & 0x7F80_0000)
    }

    /// The sums of a function of x and of t, of rows one after the other, in two words; without
    /// the elements in the columns of the holes if there are `HOLES`. It takes the place of e^x.
    #[inline(always)]
    pub(crate) fn sums_of<S: Simd, F: PanelTerm, const HOLES: bool>(
        &mut self,
        simd: S,
        f: F,
        [mut x, mut t]: [&[f32]; 2],
        holes: &[[usize; ROWS]; G],
        sums: &mut Values<G, 2>,
    ) {
        self.rows = x.len().checked_div(self.columns).unwrap_or(1);
        let (height, mut first) = (if N == ONE { 1 } else { height(self.columns, true) }, 0);
        loop {
            self.kept = height.min(self.rows - first);
            let length = self.kept * self.columns;
            let inputs = [take(&mut x, length), take(&mut t, length)];
            if N == ONE {
                self.set_terms(simd, f, inputs);
            } else {
                simd.call(TermsOfRows { panel: self, f, inputs });
            }
            if HOLES {
                self.remove_holes(holes, first);
            }
            self.sums(simd, first, sums);
            first += height;
            if first >= self.rows {
                break;
            }
        }
    }

    /// Leaves the elements in these columns of the rows from the first on out of the sums.
    #[inline(always)]
    fn remove_holes(&mut self, holes: &[[usize; ROWS]; G], first: usize) {
        let holes = holes.as_flattened().get(first..).unwrap_or(&[]);
        for (i, hole) in holes.iter().enumerate().take(self.kept) {
            self.remove((i * self.columns).saturating_add(*hole));
        }
    }

    /// Terms in the place of e^x.
    #[inline(always)]
    fn set_terms<S: Simd>(&mut self, simd: S, f: impl PanelTerm, [x, t]: [&[f32]; 2]) {
        let (exp, low) = (blocks_mut(&mut self.exp), blocks_mut(&mut self.low));
        for i in 0..x.len().div_ceil(BLOCK) {
            let (Some(exp), Some(low)) = (exp.get_mut(i), low.get_mut(i)) else { break };
            for at in (0..BLOCK).step_by(S::F32::COUNT) {
                let from = i * BLOCK + at;
                let x = simd.load(x.get(from..).unwrap_or(&[]), 0.0);
                let (term, error) = f.apply(x, simd.load(t.get(from..).unwrap_or(&[]), 0.0));
                simd.store(term, exp.get_mut(at..).unwrap_or(&mut []));
                simd.store(error, low.get_mut(at..).unwrap_or(&mut []));
            }
        }
    }

    /// e^x of rows from the first on.
    #[inline(always)]
    fn set_exp<S: Simd, const ONCE: bool>(&mut self, simd: S, x: &[f32], first: usize) {
        let (center, exponent) = (CALM_CENTER, CALM_EXPONENT);
        let shift = Shift { scale: self.scale, center, exponent };
        if !self.exp_of::<S, true, ONCE>(simd, x, 0, shift) {
            self.is_calm = false;
            self.exp_by_row(simd, x, first);
        }
    }

    /// With an N for each row. Rows without a finite maximum give NaN.
    #[inline(always)]
    fn exp_by_row<S: Simd>(&mut self, simd: S, x: &[f32], first: usize) {
        for (i, row) in x.chunks_exact(self.columns.max(1)).enumerate() {
            let max = largest(simd, row);
            let shift = Shift::new(self.scale, if max.is_finite() { max } else { f32::NAN });
            if let (Some(center), Some(exponent)) = (
                self.center.as_flattened_mut().get_mut(first + i),
                self.exponent.as_flattened_mut().get_mut(first + i),
            ) {
                (*center, *exponent) = (shift.center, shift.exponent);
            }
            self.exp_of::<S, false, false>(simd, row, i * self.columns, shift);
        }
    }

    /// Of each x, to be found from `start` on; whether no |x| is large. Whole vectors:
    /// what goes beyond a row is written again by the next.
    #[inline(always)]
    fn exp_of<S: Simd, const ONE_FOR_ALL: bool, const ONCE: bool>(
        &mut self,
        simd: S,
        x: &[f32],
        start: usize,
        shift: Shift,
    ) -> bool {
        let mut most = simd.splat(0.0);
        let exp = blocks_mut(self.exp.get_mut(start..).unwrap_or(&mut []));
        let low = blocks_mut(self.low.get_mut(start..).unwrap_or(&mut []));
        let (x, rest) = x.as_chunks::<BLOCK>();
        for i in 0..x.len() {
            let (Some(x), Some(exp), Some(low)) = (x.get(i), exp.get_mut(i), low.get_mut(i)) else {
                break;
            };
            if ONCE {
                simd.prefetch_ahead(x);
            }
            exp_of_block::<S, ONE_FOR_ALL>(simd, x, shift, &mut most, exp, low);
        }
        if let (false, Some(exp), Some(low)) =
            (rest.is_empty(), exp.get_mut(x.len()), low.get_mut(x.len()))
        {
            exp_of_block::<S, ONE_FOR_ALL>(simd, rest, shift, &mut most, exp, low);
        }
        S::F32::all_within([most], CALM * shift.scale.inverse)
    }

    /// The lanes' sums of some rows, or anything for those that are not there: side by side,
    /// as each addition waits for the one before.
    #[inline(always)]
    fn totals<S: Simd, const M: usize>(&self, simd: S, rows: [usize; M]) -> [Total<S>; M] {
        let mut totals = [Total::zero(simd); M];
        unroll!(i in 0..M, {
            totals[i] = self.first(simd, rows[i]);
        });
        if self.columns <= BLOCK {
            return totals;
        }
        let rest = self.columns % BLOCK;
        for at in (BLOCK..self.columns - rest).step_by(BLOCK) {
            unroll!(i in 0..M, {
                totals[i].add_positive(self.block(simd, rows[i] * self.columns + at, BLOCK));
            });
        }
        if rest > 0 {
            let at = self.columns - rest;
            unroll!(i in 0..M, {
                totals[i].add_positive(self.block(simd, rows[i] * self.columns + at, rest));
            });
        }
        totals
    }

    /// Those of the first block.
    #[inline(always)]
    fn first<S: Simd>(&self, simd: S, i: usize) -> Total<S> {
        self.block(simd, i * self.columns, self.columns)
    }

    /// A block of which `count` lanes count.
    #[inline(always)]
    fn block<S: Simd>(&self, simd: S, at: usize, count: usize) -> Total<S> {
        // Rows that there are begin before; what is read for others does not matter.
        let at = at.min(N - BLOCK);
        let mut high = simd.load_block(&self.exp[at..at + BLOCK], 0.0);
        let mut low = simd.load_block(&self.low[at..at + BLOCK], 0.0);
        if count < BLOCK {
            let (numbers, zero) = (simd.load_block(&NUMBERS, 0.0), simd.splat(0.0));
            unroll!(j in 0..BLOCK / S::F32::COUNT, {
                let counts = numbers.as_ref()[j].lt(simd.splat(count as f32));
                high.as_mut()[j] = S::F32::select(counts, high.as_ref()[j], zero);
                low.as_mut()[j] = S::F32::select(counts, low.as_ref()[j], zero);
            });
        }
        Total::new(high, low)
    }

    /// The sums of the rows that are there, from the first on, in two words. What is kept for
    /// rows is written in place: arrays for all groups take long to make.
    #[inline(always)]
    pub(crate) fn sums<S: Simd>(&self, simd: S, first: usize, sums: &mut Values<G, 2>) {
        if N == ONE || self.rows == 1 {
            let [total] = self.totals(simd, [0]);
            (sums.0[0][0][0], sums.0[1][0][0]) = total.value(simd);
        } else {
            simd.call(SumRows { panel: self, first, sums });
        }
    }

    #[inline(always)]
    fn set_sums<S: Simd>(&self, simd: S, first: usize, Values(sums): &mut Values<G, 2>) {
        let [highs, lows] = sums;
        for g in 0..G {
            let to = first / ROWS + g;
            let (Some(sum), Some(sum_low)) = (highs.get_mut(to), lows.get_mut(to)) else { break };
            if g * ROWS >= self.kept {
                break;
            }
            let mut totals = [Total::zero(simd); ROWS / 2];
            if self.columns <= BLOCK {
                for i in 0..ROWS / 2 {
                    let (row, other) = (g * ROWS + i, g * ROWS + i + ROWS / 2);
                    totals[i] = self.first(simd, row).with(simd, self.first(simd, other));
                }
            } else if const { 2 * S::F32::COUNT <= BLOCK } {
                // More would not stay in registers.
                for i in 0..ROWS / 2 {
                    let row = g * ROWS + i;
                    let [a, b] = self.totals(simd, [row, row + ROWS / 2]);
                    totals[i] = a.with(simd, b);
                }
            } else {
                for i in 0..ROWS / 4 {
                    let row = g * ROWS + i;
                    let [a, b, c, d] = self.totals(simd, [row, row + 4, row + 8, row + 12]);
                    (totals[i], totals[i + 4]) = (a.with(simd, c), b.with(simd, d));
                }
            }
            let (high, low) = Total::values(simd, totals);
            (*sum, *sum_low) = (simd.block_to_array(high), simd.block_to_array(low));
        }
    }

    /// A function of values of each row.
    #[inline(always)]
    pub(crate) fn map_rows<S: Simd, F: RowsFunction<T, U>, const T: usize, const U: usize>(
        &self,
        simd: S,
        f: F,
        of_rows: [&PerRow<G>; T],
        results: [&mut PerRow<G>; U],
    ) {
        map_rows(simd, f, self.rows, of_rows, results);
    }

    /// Leaves an element out of the sums.
    #[inline(always)]
    fn remove(&mut self, at: usize) {
        if let (Some(exp), Some(low)) = (self.exp.get_mut(at), self.low.get_mut(at)) {
            (*exp, *low) = (0.0, 0.0);
        }
    }

    /// Leaves several out, at most one a row; both words of each.
    #[inline(always)]
    pub(crate) fn remove_all(&mut self, all: &[usize], Values([own, low]): &mut Values<G, 2>) {
        let (own, low) = (own.as_flattened_mut().iter_mut(), low.as_flattened_mut().iter_mut());
        for (at, (own, own_low)) in all.iter().zip(own.zip(low)) {
            if let (Some(exp), Some(low)) = (self.exp.get_mut(*at), self.low.get_mut(*at)) {
                (*own, *own_low) = (*exp, *low);
                (*exp, *low) = (0.0, 0.0);
            }
        }
    }

    /// The sums of the rows with these elements, at most [`ROWS`].
    #[inline(always)]
    pub(crate) fn sums_about<S: Simd>(
        &self,
        simd: S,
        all: &[usize],
        Values(sums): &mut Values<1, 2>,
    ) {
        if N == ONE || self.rows == 1 {
            let [total] = self.totals(simd, [0]);
            (sums[0][0][0], sums[1][0][0]) = total.value(simd);
            return;
        }
        let mut rows = [0; ROWS];
        for (row, at) in rows.iter_mut().zip(all) {
            *row = at / self.columns.max(1);
        }
        let mut totals = [Total::zero(simd); ROWS / 2];
        for i in 0..ROWS / 2 {
            let [a, b] = self.totals(simd, [rows[i], rows[i + ROWS / 2]]);
            totals[i] = a.with(simd, b);
        }
        let (high, low) = Total::values(simd, totals);
        (sums[0][0], sums[1][0]) = (simd.block_to_array(high), simd.block_to_array(low));
    }

    /// A function of every t and t·δ.
    #[inline(always)]
    pub(crate) fn map<S: Simd, const T: usize>(
        &self,
        simd: S,
        f: impl PanelFunction<T>,
        of_rows: [&PerRow<G>; T],
        out: &mut [f32],
    ) {
        for (g, out) in out.chunks_mut((ROWS * self.columns).max(1)).enumerate().take(G) {
            let start = g * ROWS * self.columns;
            let tables = tables(of_rows, g);
            let (exp, low) = (self.exp.get(start..), self.low.get(start..));
            let (exp, low) = (blocks(exp.unwrap_or(&[])), blocks(low.unwrap_or(&[])));
            let (row, (out, rest)) = (blocks(self.row), out.as_chunks_mut::<BLOCK>());
            let (whole, mut border) = (out.len(), Border::new(self.columns));
            // Of one length: nothing is checked in the loop.
            if let (Some(exp), Some(low), Some(row)) =
                (exp.get(..whole), low.get(..whole), row.get(..whole))
            {
                if self.streams {
                    for i in 0..whole {
                        let of_row = Self::of_block(simd, border.place_of(i), &row[i], &tables);
                        let words = [&exp[i], &low[i]];
                        Self::map_words::<S, T, true>(simd, f, words, of_row, &mut out[i]);
                    }
                } else {
                    for i in 0..whole {
                        let of_row = Self::of_block(simd, border.place_of(i), &row[i], &tables);
                        let words = [&exp[i], &low[i]];
                        Self::map_words::<S, T, false>(simd, f, words, of_row, &mut out[i]);
                    }
                }
            }
            if let (false, Some(exp), Some(low), Some(row)) =
                (rest.is_empty(), exp.get(whole), low.get(whole), row.get(whole))
            {
                let of_row = Self::of_block(simd, border.place_of(whole), row, &tables);
                Self::map_words::<S, T, false>(simd, f, [exp, low], of_row, rest);
            }
        }
    }

    /// A function of every t and t·δ, and of what is beside them.
    #[inline(always)]
    pub(crate) fn map_with<S: Simd, const T: usize>(
        &self,
        simd: S,
        f: impl PanelFunctionOfTwo<T>,
        of_rows: [&PerRow<G>; T],
        beside: &[f32],
        out: &mut [f32],
    ) {
        let (group, length) = (ROWS * self.columns, out.len());
        for g in 0..G {
            let (start, end) = (g * group, ((g + 1) * group).min(length));
            if start >= end {
                break;
            }
            let (Some(out), Some(beside)) = (out.get_mut(start..end), beside.get(start..end))
            else {
                break;
            };
            let tables = tables(of_rows, g);
            let (exp, low) = (self.exp.get(start..), self.low.get(start..));
            let (exp, low) = (blocks(exp.unwrap_or(&[])), blocks(low.unwrap_or(&[])));
            let (row, mut border) = (blocks(self.row), Border::new(self.columns));
            let (out, out_rest) = out.as_chunks_mut::<BLOCK>();
            let (beside, rest) = beside.as_chunks::<BLOCK>();
            let whole = out.len();
            // Of one length: nothing is checked in the loop.
            if let (Some(exp), Some(low), Some(row), Some(beside)) =
                (exp.get(..whole), low.get(..whole), row.get(..whole), beside.get(..whole))
            {
                for i in 0..whole {
                    let of_row = Self::of_block(simd, border.place_of(i), &row[i], &tables);
                    let words = [&exp[i], &low[i], &beside[i]];
                    Self::map_words_with(simd, f, words, of_row, &mut out[i]);
                }
            }
            if let (false, Some(exp), Some(low), Some(row)) =
                (out_rest.is_empty(), exp.get(whole), low.get(whole), row.get(whole))
            {
                let of_row = Self::of_block(simd, border.place_of(whole), row, &tables);
                let mut beside = [0.0; BLOCK];
                for (to, t) in beside.iter_mut().zip(rest) {
                    *to = *t;
                }
                Self::map_words_with(simd, f, [exp, low, &beside], of_row, out_rest);
            }
        }
    }

    /// The function, of a block.
    #[inline(always)]
    fn map_words_with<S: Simd, const T: usize>(
        simd: S,
        f: impl PanelFunctionOfTwo<T>,
        [exp, low, beside]: [&[f32; BLOCK]; 3],
        of_row: [S::Block; T],
        out: &mut [f32],
    ) {
        for (j, at) in (0..BLOCK).step_by(S::F32::COUNT).enumerate() {
            let exp = (simd.load(&exp[at..], 0.0), simd.load(&low[at..], 0.0));
            let mut values = [simd.splat(0.0); T];
            unroll!(i in 0..T, values[i] = of_row[i].as_ref()[j]);
            let y = f.apply(exp, simd.load(&beside[at..], 0.0), values);
            simd.store(y, out.get_mut(at..).unwrap_or(&mut []));
        }
    }

    /// The same of row i.
    #[inline(always)]
    pub(crate) fn map_row_with<S: Simd, const T: usize>(
        &self,
        simd: S,
        i: usize,
        f: impl PanelFunctionOfTwo<T>,
        of_rows: [&PerRow<G>; T],
        beside: &[f32],
        out: &mut [f32],
    ) {
        let values = values_of_row(simd, i, of_rows);
        for at in (0..self.columns).step_by(S::F32::COUNT) {
            let from = i * self.columns + at;
            let exp = simd.load(self.exp.get(from..).unwrap_or(&[]), 0.0);
            let low = simd.load(self.low.get(from..).unwrap_or(&[]), 0.0);
            let t = simd.load(beside.get(at..).unwrap_or(&[]), 0.0);
            simd.store(f.apply((exp, low), t, values), out.get_mut(at..).unwrap_or(&mut []));
        }
    }

    /// A function of every t and t·δ in the place of t, to be changed here and there before
    /// it goes past the caches: afterwards that would take longer than all else.
    #[inline(always)]
    pub(crate) fn map_in_place<S: Simd, const T: usize>(
        &mut self,
        simd: S,
        f: impl PanelFunction<T>,
        of_rows: [&PerRow<G>; T],
    ) -> &mut [f32] {
        let (group, length) = (ROWS * self.columns, self.kept * self.columns);
        for g in 0..G {
            let (start, end) = (g * group, ((g + 1) * group).min(length));
            if start >= end {
                break;
            }
            let (tables, count) = (tables(of_rows, g), (end - start).div_ceil(BLOCK));
            let exp = blocks_mut(self.exp.get_mut(start..).unwrap_or(&mut []));
            let low = blocks(self.low.get(start..).unwrap_or(&[]));
            if let (Some(exp), Some(low), Some(row)) =
                (exp.get_mut(..count), low.get(..count), blocks(self.row).get(..count))
            {
                let mut border = Border::new(self.columns);
                for i in 0..count {
                    let of_row = Self::of_block(simd, border.place_of(i), &row[i], &tables);
                    let (t, out) = (exp[i], &mut exp[i]);
                    Self::map_words::<S, T, false>(simd, f, [&t, &low[i]], of_row, out);
                }
            }
        }
        self.exp.get_mut(..length).unwrap_or(&mut [])
    }

    /// A function of every t and t·δ of row i.
    #[inline(always)]
    pub(crate) fn map_row<S: Simd, const T: usize>(
        &self,
        simd: S,
        i: usize,
        f: impl PanelFunction<T>,
        of_rows: [&PerRow<G>; T],
        out: &mut [f32],
    ) {
        let values = values_of_row(simd, i, of_rows);
        for at in (0..self.columns).step_by(S::F32::COUNT) {
            let from = i * self.columns + at;
            let exp = simd.load(self.exp.get(from..).unwrap_or(&[]), 0.0);
            let low = simd.load(self.low.get(from..).unwrap_or(&[]), 0.0);
            simd.store(f.apply((exp, low), values), out.get_mut(at..).unwrap_or(&mut []));
        }
    }

    /// The function, of a block.
    #[inline(always)]
    fn map_words<S: Simd, const T: usize, const STREAM: bool>(
        simd: S,
        f: impl PanelFunction<T>,
        [exp, low]: [&[f32; BLOCK]; 2],
        of_row: [S::Block; T],
        out: &mut [f32],
    ) {
        for (j, at) in (0..BLOCK).step_by(S::F32::COUNT).enumerate() {
            let exp = (simd.load(&exp[at..], 0.0), simd.load(&low[at..], 0.0));
            let mut values = [simd.splat(0.0); T];
            unroll!(i in 0..T, values[i] = of_row[i].as_ref()[j]);
            let (y, out) = (f.apply(exp, values), out.get_mut(at..).unwrap_or(&mut []));
            if STREAM {
                simd.stream(y, out);
            } else {
                simd.store(y, out);
            }
        }
    }

    /// A function of every t, and of an element of the rows in the place of t·δ; whether no
    /// result exceeds `most`. A NaN may count as either.
    #[inline(always)]
    pub(crate) fn map_rows_of<S: Simd, R: Row, const T: usize>(
        &self,
        simd: S,
        f: impl PanelFunction<T>,
        of_rows: [&PerRow<G>; T],
        rows: &mut R,
        most: f32,
    ) -> bool {
        let (group, length) = (ROWS * self.columns, rows.input().len());
        let mut largest = simd.splat(f32::NEG_INFINITY);
        for g in 0..G {
            let (start, end) = (g * group, ((g + 1) * group).min(length));
            if start >= end {
                break;
            }
            let (tables, mut border) = (tables(of_rows, g), Border::new(self.columns));
            let mut rows = rows.part(start..end, None);
            let (exp, row) = (blocks(self.exp.get(start..).unwrap_or(&[])), blocks(self.row));
            let whole = (end - start) / BLOCK;
            let mut rest = [f32::NEG_INFINITY; BLOCK];
            for (to, x) in rest.iter_mut().zip(rows.input().get(whole * BLOCK..).unwrap_or(&[])) {
                *to = *x;
            }
            // Of one length: nothing is checked in the loops.
            let (Some(whole_exp), Some(whole_row)) = (exp.get(..whole), row.get(..whole)) else {
                break;
            };
            if R::IN_PLACE {
                if let Some(out) = blocks_mut(rows.output()).get_mut(..whole) {
                    for i in 0..whole {
                        let place = border.place_of(i);
                        let of_row = Self::of_block(simd, place, &whole_row[i], &tables);
                        let (exp, x) = (&whole_exp[i], out[i]);
                        Self::map_block(simd, f, [exp, &x], of_row, &mut out[i], &mut largest);
                    }
                }
            } else {
                let (x, out) = rows.both();
                if let (Some(x), Some(out)) =
                    (blocks(x).get(..whole), blocks_mut(out).get_mut(..whole))
                {
                    for i in 0..whole {
                        let place = border.place_of(i);
                        let of_row = Self::of_block(simd, place, &whole_row[i], &tables);
                        let exp = [&whole_exp[i], &x[i]];
                        Self::map_block(simd, f, exp, of_row, &mut out[i], &mut largest);
                    }
                }
            }
            if let (Some(exp), Some(row), Some(out)) =
                (exp.get(whole), row.get(whole), rows.output().get_mut(whole * BLOCK..))
                && !out.is_empty()
            {
                let of_row = Self::of_block(simd, border.place_of(whole), row, &tables);
                Self::map_block(simd, f, [exp, &rest], of_row, out, &mut largest);
            }
        }
        largest.le(simd.splat(most)).all()
    }

    /// The function, of a block, and the larger of the results and of another number.
    #[inline(always)]
    fn map_block<S: Simd, const T: usize>(
        simd: S,
        f: impl PanelFunction<T>,
        [exp, x]: [&[f32; BLOCK]; 2],
        of_row: [S::Block; T],
        out: &mut [f32],
        largest: &mut S::F32,
    ) {
        for (j, at) in (0..BLOCK).step_by(S::F32::COUNT).enumerate() {
            let mut values = [simd.splat(0.0); T];
            unroll!(i in 0..T, values[i] = of_row[i].as_ref()[j]);
            let y = f.apply((simd.load(&exp[at..], 0.0), simd.load(&x[at..], 0.0)), values);
            *largest = y.max(*largest);
            simd.store(y, out.get_mut(at..).unwrap_or(&mut []));
        }
    }

    /// What belongs to the elements of a block.
    #[inline(always)]
    fn of_block<S: Simd, const T: usize>(
        simd: S,
        place: Place,
        rows: &[f32; BLOCK],
        tables: &[[f32; ROWS]; T],
    ) -> [S::Block; T] {
        let mut of_block = [simd.block(simd.splat(0.0)); T];
        match place {
            Place::Within(row) if N != ONE => {
                unroll!(i in 0..T, of_block[i] = simd.block(simd.splat(tables[i][row % ROWS])));
            }
            Place::Across(row, count) if N != ONE => {
                let numbers = simd.load_block(&NUMBERS, 0.0);
                for j in 0..BLOCK / S::F32::COUNT {
                    let is_first = numbers.as_ref()[j].lt(simd.splat(count as f32));
                    unroll!(i in 0..T, {
                        let (a, b) = (tables[i][row % ROWS], tables[i][(row + 1) % ROWS]);
                        let lanes = S::F32::select(is_first, simd.splat(a), simd.splat(b));
                        of_block[i].as_mut()[j] = lanes;
                    });
                }
            }
            _ => {
                for (j, at) in (0..BLOCK).step_by(S::F32::COUNT).enumerate() {
                    let of_row = Self::of_row(simd, &rows[at..], tables.each_ref());
                    unroll!(i in 0..T, of_block[i].as_mut()[j] = of_row[i]);
                }
            }
        }
        of_block
    }

    /// What belongs to the rows of these numbers.
    #[inline(always)]
    fn of_row<S: Simd, const T: usize>(
        simd: S,
        row: &[f32],
        tables: [&[f32; ROWS]; T],
    ) -> [S::F32; T] {
        if N != ONE {
            return simd.load(row, 0.0).lookup(tables);
        }
        let mut values = [simd.splat(0.0); T];
        unroll!(i in 0..T, {
            values[i] = simd.splat(tables[i][0]);
        });
        values
    }

    /// Sets to zero what is above `least` of its row; whether there was any.
    #[inline(always)]
    pub(crate) fn remove_above<S: Simd>(&mut self, simd: S, least: &PerRow<G>) -> bool {
        let mut any = false;
        let group = ROWS * self.columns;
        for g in 0..G {
            let length = group.min((self.rows * self.columns).saturating_sub(g * group));
            for at in (0..length).step_by(S::F32::COUNT) {
                let row = self.row.get(at..at + S::F32::COUNT).unwrap_or(&[]);
                let [least] = Self::of_row(simd, row, [&least[g]]);
                let at = (g * group + at).min(N - BLOCK);
                let (exp, low) = (&mut self.exp[at..at + BLOCK], &mut self.low[at..at + BLOCK]);
                let (high, zero) = (simd.load(exp, 0.0), simd.splat(0.0));
                if !high.le(least).all() {
                    any = true;
                    // A NaN stays where it is.
                    let above = least.lt(high);
                    simd.store(S::F32::select(above, zero, high), exp);
                    simd.store(S::F32::select(above, zero, simd.load(low, 0.0)), low);
                }
            }
        }
        any
    }
}

/// [`Panel::set_exp`]: one for all kernels.
struct ExpRows<'a, 'b, const N: usize, const G: usize, const ONCE: bool> {
    panel: &'a mut Panel<'b, N, G>,
    x: &'a [f32],
    first: usize,
}

impl<S: Simd, const N: usize, const G: usize, const ONCE: bool> Part<S>
    for ExpRows<'_, '_, N, G, ONCE>
{
    type Output = ();

    #[inline(always)]
    fn run(self, simd: S) {
        self.panel.set_exp::<S, ONCE>(simd, self.x, self.first);
    }
}

/// [`Panel::set_terms`] of a function, as one for all kernels.
struct TermsOfRows<'a, 'b, F, const N: usize, const G: usize> {
    panel: &'a mut Panel<'b, N, G>,
    f: F,
    inputs: [&'a [f32]; 2],
}

impl<S: Simd, F: PanelTerm, const N: usize, const G: usize> Part<S>
    for TermsOfRows<'_, '_, F, N, G>
{
    type Output = ();

    #[inline(always)]
    fn run(self, simd: S) {
        self.panel.set_terms(simd, self.f, self.inputs);
    }
}

/// [`Panel::sums`]: one for all kernels.
struct SumRows<'a, 'b, const N: usize, const G: usize> {
    panel: &'a Panel<'b, N, G>,
    first: usize,
    sums: &'a mut Values<G, 2>,
}

impl<S: Simd, const N: usize, const G: usize> Part<S> for SumRows<'_, '_, N, G> {
    type Output = ();

    #[inline(always)]
    fn run(self, simd: S) {
        self.panel.set_sums(simd, self.first, self.sums);
    }
}

/// Whether no |x| of a row is large; a NaN is.
#[inline(always)]
pub(crate) fn are_calm<S: Simd>(simd: S, scale: Scale, x: &[f32]) -> bool {
    let mut most = simd.splat(0.0);
    for at in (0..x.len()).step_by(S::F32::COUNT) {
        most = most.max_magnitude(simd.load(x.get(at..).unwrap_or(&[]), 0.0));
    }
    S::F32::all_within([most], CALM * scale.inverse)
}

/// t and t·δ of a block of x, and the largest |x|.
#[inline(always)]
fn exp_of_block<S: Simd, const ONE_FOR_ALL: bool>(
    simd: S,
    x: &[f32],
    shift: Shift,
    most: &mut S::F32,
    exp: &mut [f32; BLOCK],
    low: &mut [f32; BLOCK],
) {
    for at in (0..BLOCK).step_by(S::F32::COUNT) {
        let mut x = simd.load(x.get(at..).unwrap_or(&[]), 0.0);
        if ONE_FOR_ALL {
            *most = most.max_magnitude(x);
        } else {
            x = shift.floored(x - shift.center);
        }
        let zero_point = x.splat(SIXTEENTHS - shift.exponent);
        let power = shift.scale.power(x, zero_point);
        let (t, delta) = shift.scale.exp::<_, true>(x, power, zero_point);
        simd.store(t, exp.get_mut(at..).unwrap_or(&mut []));
        simd.store(t * delta, low.get_mut(at..).unwrap_or(&mut []));
    }
}

/// Where a block of a group is.
#[derive(Clone, Copy)]
enum Place {
    /// In this row.
    Within(usize),
    /// In this row with so many elements, with the others in the next.
    Across(usize, usize),
    /// In rows that [`RowNumbers`] tell.
    Any,
}

/// Where a group's blocks pass from row to row.
struct Border {
    columns: usize,
    /// The row that was met last, and its end.
    row: usize,
    end: usize,
}

impl Border {
    #[inline(always)]
    fn new(columns: usize) -> Self {
        Self { columns, row: 0, end: columns }
    }

    /// Where the i-th block is: of each, one after the other.
    #[inline(always)]
    fn place_of(&mut self, i: usize) -> Place {
        let (start, end) = (i * BLOCK, (i + 1) * BLOCK);
        if self.columns < MANY {
            return Place::Any;
        }
        if end <= self.end {
            return Place::Within(self.row);
        }
        let (row, count) = (self.row, self.end - start);
        self.row += 1;
        self.end += self.columns;
        if count == 0 { Place::Within(self.row) } else { Place::Across(row, count) }
    }
}

/// The values of row i.
#[inline(always)]
fn values_of_row<S: Simd, const T: usize, const G: usize>(
    simd: S,
    i: usize,
    of_rows: [&PerRow<G>; T],
) -> [S::F32; T] {
    let mut values = [simd.splat(0.0); T];
    unroll!(j in 0..T, {
        let value = of_rows[j].as_flattened().get(i);
        values[j] = simd.splat(value.copied().unwrap_or(f32::NAN));
    });
    values
}

/// Copies of a group's values, which stay in registers: what is written might be the others.
#[inline(always)]
fn tables<const T: usize, const G: usize>(of_rows: [&PerRow<G>; T], g: usize) -> [[f32; ROWS]; T] {
    let mut tables = [[0.0; ROWS]; T];
    unroll!(i in 0..T, {
        tables[i] = of_rows[i].get(g).copied().unwrap_or([0.0; ROWS]);
    });
    tables
}

/// Whole blocks.
#[inline(always)]
fn blocks(x: &[f32]) -> &[[f32; BLOCK]] {
    x.as_chunks().0
}

#[inline(always)]
fn blocks_mut(x: &mut [f32]) -> &mut [[f32; BLOCK]] {
    x.as_chunks_mut().0
}

/// A function of values of a row, for as many rows as there are lanes.
pub(crate) trait RowsFunction<const T: usize, const U: usize>: Copy {
    fn apply<V: Lanes>(self, of_row: [V; T]) -> [V; U];
}

/// A function of values of so many rows.
#[inline(always)]
#[allow(clippy::needless_pass_by_value)] // references
pub(crate) fn map_rows<
    S: Simd,
    F: RowsFunction<T, U>,
    const T: usize,
    const U: usize,
    const G: usize,
>(
    simd: S,
    f: F,
    rows: usize,
    of_rows: [&PerRow<G>; T],
    results: [&mut PerRow<G>; U],
) {
    for g in 0..G {
        for at in (0..ROWS).step_by(S::F32::COUNT) {
            if g * ROWS + at >= rows {
                break;
            }
            let mut x = [simd.splat(0.0); T];
            unroll!(i in 0..T, {
                x[i] = simd.load(of_rows[i][g].get(at..).unwrap_or(&[]), 0.0);
            });
            let y = f.apply(x);
            unroll!(i in 0..U, {
                simd.store(y[i], results[i][g].get_mut(at..).unwrap_or(&mut []));
            });
        }
    }
}

/// The logarithm of a sum of e^x · 2^-N, less the center, from the sum and N.
#[derive(Clone, Copy)]
pub(crate) struct Ln;

impl RowsFunction<3, 2> for Ln {
    #[inline(always)]
    fn apply<V: Lanes>(self, [sum, low, exponent]: [V; 3]) -> [V; 2] {
        let (high, low) = ln_of_shifted((sum, low), exponent);
        // Not every backend keeps a NaN.
        [V::select(sum.eq(sum), high, sum), low]
    }
}
