//! The logarithm of softmax: x − ln Σ e^x.
//!
//! Where one element has most of a row's sum, that difference cancels: the element's logarithm
//! is −ln(1 + tail) then, with the sum of the others' e^(x − its own), which is summed without
//! it.

use super::sum::{Sum, height, short_sums};
use super::{each, ones};
use crate::backend::Backend;
use crate::error::{Result, check_length};
use crate::math::shifted_exp::Scale;
use crate::pass::{
    DoubleWords, Logarithms, Passes, PerRow, ROWS, SHORT, Scratch, Shifts, TILE, Tile, Totals,
};
use crate::rows::{Rows, RowsMut, check_shape};

impl Backend {
    /// As [`log_softmax`](crate::log_softmax()).
    pub fn log_softmax(self, x: &[f32], out: &mut [f32]) -> Result {
        check_length("out", x.len(), out.len())?;
        log_softmax(self.0, &Tile::of(x, out), &Scale::ONE);
        Ok(())
    }

    /// As [`log_softmax_in_place`](crate::log_softmax_in_place).
    pub fn log_softmax_in_place(self, x: &mut [f32]) {
        log_softmax(self.0, &Tile::of_in_place(x), &Scale::ONE);
    }

    /// As [`rows::log_softmax`](crate::rows::log_softmax).
    pub fn rows_log_softmax(self, x: Rows<'_>, out: RowsMut<'_>) -> Result {
        check_shape("out", x, &out)?;
        log_softmax(self.0, &Tile::write(x, out), &Scale::ONE);
        Ok(())
    }

    /// As [`rows::log_softmax_in_place`](crate::rows::log_softmax_in_place).
    pub fn rows_log_softmax_in_place(self, x: RowsMut<'_>) {
        log_softmax(self.0, &Tile::in_place(x), &Scale::ONE);
    }
}

/// The logarithm of softmax of each row.
pub(super) fn log_softmax(b: Passes, all: &Tile<'_>, scale: &Scale) {
    if b.take_rows() {
        b.rows_log_softmax(all, scale);
        return;
    }
    let (columns, height) = (all.columns(), height(all.columns()));
    let mut i = 0;
    while i < all.rows() {
        let tile = all.part(i, height);
        match columns {
            0 => {}
            1..=SHORT => short(b, &tile, scale),
            _ => middle(b, &tile, scale),
        }
        i += height;
    }
}

/// Rows of at most [`SHORT`] elements.
fn short(b: Passes, tile: &Tile<'_>, scale: &Scale) {
    let rows = tile.rows();
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
    let (mut sums, mut others) = (DoubleWords::new(), DoubleWords::new());
    let (mut limits, mut dominant) = (PerRow::new(), PerRow::new());
    short_sums(b, tile, &scratch, None, &mut sums);
    b.limits(rows, &sums, &mut limits);
    short_sums(b, tile, &scratch, Some(&limits), &mut others);
    b.shares_of_rest(rows, &sums, &others, &mut dominant);
    b.logarithms(rows, scale, of_rows, &mut sums);
    let numbers = Logarithms { scale, ln: &sums, limits: &limits, dominant: &dominant };
    b.short_subtract(tile, &scratch, numbers);
}

/// Writes the logarithms of dominant elements.
fn set(tile: &Tile<'_>, dominated: u64, places: &[usize], ln: &PerRow) {
    for i in ones(dominated) {
        tile.set(i, places.get(i).copied().unwrap_or(usize::MAX), ln.get(i));
    }
}

/// Longer rows, of a tile each unless they are extreme.
fn middle(b: Passes, tile: &Tile<'_>, scale: &Scale) {
    let mut shifts = Shifts::new();
    if tile.columns() > TILE || b.maxima(tile, &[], scale, &mut shifts) != 0 {
        return each(tile, &mut |row| long(b, row, scale));
    }
    let (mut totals, mut sums) = (Totals::new(), DoubleWords::new());
    b.exp_sums(&tile.input(), &[], scale, &shifts, true, &mut totals);
    b.sums(tile.rows(), totals.lanes(), false, 0, &mut sums);
    let dominated = b.logarithms(tile.rows(), scale, Some(&shifts), &mut sums).dominated;
    let (mut places, mut ln) = ([usize::MAX; ROWS], PerRow::new());
    for i in ones(dominated) {
        let row = tile.part(i, 1);
        if let Some(place) = places.get_mut(i) {
            *place = b.position(&row, shifts.max.get(i));
            ln.set(i, share(b, &row, *place, scale));
        }
    }
    b.subtract(tile, scale, 0.0, &sums);
    set(tile, dominated, &places, &ln);
}

/// The logarithm of the share of an element of a row, by what the others leave of it.
fn share(b: Passes, row: &Tile<'_>, place: usize, scale: &Scale) -> f32 {
    let mut sum = Sum::of(b, &row.input(), place, scale);
    let (mut score, mut ln) = (PerRow::new(), PerRow::new());
    score.fill(1, row.get(0, place) - sum.shift.center);
    let others = sum.value(b);
    b.shares(1, scale, Some(&sum.shifts()), &score, &others, &mut ln);
    ln.get(0)
}

/// One row, tile by tile.
fn long(b: Passes, row: &Tile<'_>, scale: &Scale) {
    let mut sum = Sum::of(b, &row.input(), usize::MAX, scale);
    let mut ln = sum.value(b);
    let dominated = b.logarithms(1, scale, Some(&sum.shifts()), &mut ln).dominated != 0;
    let mut dominant = (usize::MAX, f32::NAN);
    if dominated {
        let place = b.position(row, sum.max);
        dominant = (place, share(b, row, place, scale));
    }
    b.subtract(row, scale, sum.shift.center, &ln);
    row.set(0, dominant.0, dominant.1);
}
