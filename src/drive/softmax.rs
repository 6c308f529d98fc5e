//! Softmax of rows.
//!
//! | rows of | passes |
//! |---|---|
//! | any length, on the scalar backend | one, whole |
//! | 2 to 32, alone, except on portable on x86 | one, in registers |
//! | 2 to 128 | e^x in two words · sums · reciprocals · products |
//! | to 2048 | maxima · sums that keep e^x where results go · reciprocals · products |
//! | more | as before, tile by tile |
//!
//! On one backend, all of these take the same steps for a row, so no bit depends on the other rows.

use super::each;
use super::sum::{Sum, height, short_sums};
use crate::backend::Backend;
use crate::error::{Result, check_length};
use crate::math::shift::exp2;
use crate::math::shifted_exp::Scale;
use crate::pass::{DoubleWords, LINE, Passes, PerRow, SHORT, Scratch, Shifts, TILE, Tile, Totals};
use crate::rows::{Rows, RowsMut, check_shape};

impl Backend {
    /// As [`softmax`](crate::softmax()).
    #[inline]
    pub fn softmax(self, x: &[f32], out: &mut [f32]) -> Result {
        check_length("out", x.len(), out.len())?;
        softmax(self.0, &Tile::of(x, out), &Scale::ONE);
        Ok(())
    }

    /// As [`softmax_in_place`](crate::softmax_in_place).
    #[inline]
    pub fn softmax_in_place(self, x: &mut [f32]) {
        softmax(self.0, &Tile::of_in_place(x), &Scale::ONE);
    }

    /// As [`rows::softmax`](crate::rows::softmax).
    pub fn rows_softmax(self, x: Rows<'_>, out: RowsMut<'_>) -> Result {
        check_shape("out", x, &out)?;
        softmax(self.0, &Tile::write(x, out), &Scale::ONE);
        Ok(())
    }

    /// As [`rows::softmax_in_place`](crate::rows::softmax_in_place).
    pub fn rows_softmax_in_place(self, x: RowsMut<'_>) {
        softmax(self.0, &Tile::in_place(x), &Scale::ONE);
    }
}

/// Softmax of each row.
#[inline]
pub(super) fn softmax(b: Passes, all: &Tile<'_>, scale: &Scale) {
    if b.take_rows() {
        b.line_softmax(all, scale);
        return;
    }
    let is_line = b.has_lines() && all.rows() == 1 && (2..=LINE).contains(&all.columns());
    if !(is_line && b.line_softmax(all, scale)) {
        rows(b, all, scale);
    }
}

fn rows(b: Passes, all: &Tile<'_>, scale: &Scale) {
    let columns = all.columns();
    let height = height(columns);
    let mut i = 0;
    while i < all.rows() {
        let tile = all.part(i, height);
        match columns {
            0 => {}
            1 => one_column(&tile),
            2..=SHORT => short(b, &tile, scale),
            _ => middle(b, &tile, scale),
        }
        i += height;
    }
}

/// What is finite is certain, and anything else has no probability.
fn one_column(tile: &Tile<'_>) {
    each(tile, &mut |row| row.set(0, 0, if row.get(0, 0).is_finite() { 1.0 } else { f32::NAN }));
}

/// Rows of at most [`SHORT`] elements.
#[inline(never)]
fn short(b: Passes, tile: &Tile<'_>, scale: &Scale) {
    let (mut scratch, mut shifts) = (Scratch::new(), Shifts::new());
    let mut of_rows = None;
    if !b.exp_short(tile, scale, None, &mut scratch) {
        if b.maxima(tile, &[], scale, &mut shifts) != 0 {
            return each(tile, &mut |row| {
                if b.maxima(row, &[], scale, &mut Shifts::new()) != 0 {
                    long(b, row, scale);
                } else {
                    short(b, row, scale);
                }
            });
        }
        b.exp_short(tile, scale, Some(&shifts), &mut scratch);
        of_rows = Some(&shifts);
    }
    let (mut sums, mut largest) = (DoubleWords::new(), PerRow::new());
    short_sums(b, tile, &scratch, None, &mut sums);
    b.factors(tile.rows(), scale, None, &mut sums, &mut largest);
    b.short_write(tile, 0, &scratch, &sums, of_rows);
}

/// Longer rows, of a tile each unless they are extreme.
fn middle(b: Passes, tile: &Tile<'_>, scale: &Scale) {
    let mut shifts = Shifts::new();
    if tile.columns() > TILE || b.maxima(tile, &[], scale, &mut shifts) != 0 {
        return each(tile, &mut |row| long(b, row, scale));
    }
    let (mut totals, mut sums, mut largest) = (Totals::new(), DoubleWords::new(), PerRow::new());
    b.exp_sums(tile, &[], scale, &shifts, true, &mut totals);
    b.sums(tile.rows(), totals.lanes(), false, 0, &mut sums);
    b.factors(tile.rows(), scale, Some(&shifts), &mut sums, &mut largest);
    b.scale(&tile.output(), 0, &sums, Some(&largest));
}

/// One row, tile by tile.
#[inline(never)]
fn long(b: Passes, row: &Tile<'_>, scale: &Scale) {
    let mut sum = Sum::of(b, row, usize::MAX, scale);
    let (mut factor, mut largest) = (sum.value(b), PerRow::new());
    b.factors(1, scale, Some(&sum.shifts()), &mut factor, &mut largest);
    write_kept(b, &row.output(), row, &sum, &factor, Some(&largest));
}

/// Writes what a sum has kept of a row, in place, times a factor, where another row goes. The last
/// tiles come first: they are in the nearest cache.
pub(super) fn write_kept(
    b: Passes,
    kept: &Tile<'_>,
    row: &Tile<'_>,
    sum: &Sum,
    factor: &DoubleWords,
    largest: Option<&PerRow>,
) {
    let mut end = row.columns();
    while end > 0 {
        let at = (end - 1) / TILE * TILE;
        let piece = kept.piece(at, end);
        let to = piece.with_output_of(&row.piece(at, end));
        let mut of_piece = largest;
        if at < sum.split {
            // From one N to the other in two steps, each of which there is a power of two for.
            let is_lost = sum.shift.center != 0.0;
            let power = if is_lost { -252.0 } else { sum.exponent_before - sum.shift.exponent };
            for power in [power.max(-126.0), power - power.max(-126.0)] {
                let mut factor = DoubleWords::new();
                factor.set(0, (exp2(power), 0.0));
                b.scale(&piece, 0, &factor, None);
            }
            of_piece = None;
        }
        b.scale(&to, 0, factor, of_piece);
        end = at;
    }
}
