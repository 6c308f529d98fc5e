//! Σ e^(s·x) of a row of any length, tile by tile.

use crate::math::shift::{Shift, is_extreme};
use crate::math::shifted_exp::Scale;
use crate::pass::shifts::room;
use crate::pass::{
    DoubleWords, GROUP, Passes, PerRow, ROWS, RowsOfLanes, SHORT, Scratch, Shifts, TILE, Tile,
    Totals,
};
use crate::simd::BLOCK;

/// Elements of the rows of a tile whose results are written: they stay in the nearest cache.
const BATCH: usize = 2 * TILE;

/// How many rows of a length a tile has.
pub(super) fn height(columns: usize) -> usize {
    let columns = columns.max(1);
    if columns <= SHORT {
        (TILE / columns).clamp(1, ROWS)
    } else {
        (BATCH / columns).clamp(1, GROUP)
    }
}

/// The sum of a row, and what was taken from its elements.
///
/// N comes from the first tile. Once a tile rises too far above that, what follows has an N of
/// its own, from the maximum of what is left: a row has two at most.
pub(super) struct Sum {
    totals: Totals,
    /// The largest element that was summed.
    pub(super) max: f32,
    pub(super) shift: Shift,
    /// Elements before this one had another N.
    pub(super) split: usize,
    pub(super) exponent_before: f32,
}

impl Sum {
    /// Of the first row of a tile but the skipped element; e^(s·x) · 2^-N is kept where there is
    /// an output.
    pub(super) fn of(b: Passes, row: &Tile<'_>, skipped: usize, scale: &Scale) -> Self {
        let columns = row.columns();
        let own = if skipped < columns { row.get(0, skipped) } else { f32::NEG_INFINITY };
        let larger = |a: f32, b: f32| if a > b { a } else { b };
        // Of the others, and of all.
        let of_first = largest(b, &row.piece(0, TILE), skipped);
        let mut max = of_first;
        let mut all = larger(own, max);
        let mut limit = all + room(scale);
        if is_extreme(scale, all) {
            max = largest(b, row, skipped);
            all = larger(own, max);
            limit = f32::INFINITY;
        }
        let mut shift = Shift::of(scale, all);
        let (mut split, mut exponent_before) = (0, 0.0);
        let (mut totals, mut shifts) = (Totals::new(), Shifts::new());
        let mut scratch = Scratch::new();
        let mut at = 0;
        while at < columns {
            let piece = row.piece(at, at + TILE);
            let of_piece = skipped.wrapping_sub(at);
            let mut top = if at == 0 { of_first } else { largest(b, &piece, of_piece) };
            if top > limit || top.is_nan() {
                max = larger(max, largest(b, &row.piece(at, columns), of_piece));
                all = larger(all, max);
                (split, exponent_before) = (at, shift.exponent);
                // From an N of up to 700 powers of e on, nothing is left of what came before.
                shift = if is_far(scale, all) {
                    Shift::of(scale, all)
                } else {
                    Shift::moderate(scale, all)
                };
                let lost = shift.center != 0.0 || shift.exponent.is_nan();
                totals.scale_first(if lost { -127.0 } else { exponent_before - shift.exponent });
                limit = f32::INFINITY;
            }
            max = larger(max, top);
            top -= shift.center;
            shifts.exponent.fill(1, shift.exponent);
            shifts.max.fill(1, top);
            let first = at == 0;
            if shift.center == 0.0 {
                b.exp_sums(&piece, &[of_piece], scale, &shifts, first, &mut totals);
            } else {
                let centered = scratch.tile(piece.columns(), piece);
                center(b, &piece, shift.center, &centered);
                b.exp_sums(&centered, &[of_piece], scale, &shifts, first, &mut totals);
            }
            at += TILE;
        }
        Self { totals, max, shift, split, exponent_before }
    }

    /// N and the largest element less the center, of the first row.
    pub(super) fn shifts(&self) -> Shifts {
        let mut shifts = Shifts::new();
        shifts.exponent.fill(1, self.shift.exponent);
        shifts.max.fill(1, self.max - self.shift.center);
        shifts
    }

    /// Its value, of the first row.
    pub(super) fn value(&mut self, b: Passes) -> DoubleWords {
        let mut sums = DoubleWords::new();
        b.sums(1, self.totals.lanes(), false, 0, &mut sums);
        sums
    }
}

/// Whether a maximum is so large that e^(s·x) cannot be reduced, or not finite.
fn is_far(scale: &Scale, max: f32) -> bool {
    let is_near = max.abs() * scale.words.0 < 600.0;
    !is_near
}

/// x less a center, elsewhere.
pub(super) fn center(b: Passes, piece: &Tile<'_>, center: f32, to: &Tile<'_>) {
    b.multiply(&piece.to(to), center, 1.0);
}

/// The largest element of the first row but the skipped: −∞ if there is none. A NaN may count or
/// not.
#[inline(never)]
pub(super) fn largest(b: Passes, row: &Tile<'_>, skipped: usize) -> f32 {
    let mut shifts = Shifts::new();
    b.maxima(&row.part(0, 1), &[skipped], &Scale::ONE, &mut shifts);
    shifts.max.get(0)
}

/// The sums of short rows whose e^(s·x) · 2^-N are in a scratch, without terms above each row's
/// limit.
pub(super) fn short_sums(
    b: Passes,
    tile: &Tile<'_>,
    scratch: &Scratch,
    limits: Option<&PerRow>,
    sums: &mut DoubleWords,
) {
    let (columns, mut totals) = (tile.columns(), Totals::new());
    let mut first = 0;
    while first < tile.rows() {
        let rows = (tile.rows() - first).min(GROUP);
        let lanes = if columns <= BLOCK && limits.is_none() {
            RowsOfLanes::of(scratch, first, columns)
        } else {
            b.short_sums([first, rows, columns], scratch, limits, &mut totals);
            totals.lanes()
        };
        b.sums(rows, lanes, false, first, sums);
        first += GROUP;
    }
}
