//! The derivatives of softmax and of its logarithm, on a backend.

use crate::backend::Backend;
use crate::error::{Result, check_length};
use crate::pass::{Passes, Tile};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count, check_shape};

impl Backend {
    /// As [`softmax_backward`](crate::softmax_backward).
    #[inline]
    pub fn softmax_backward(self, y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result {
        of_slices(y, upstream, out).map(|tiles| softmax(self.0, &tiles))
    }

    /// As [`softmax_backward_in_place`](crate::softmax_backward_in_place).
    #[inline]
    pub fn softmax_backward_in_place(self, y: &[f32], upstream: &mut [f32]) -> Result {
        of_slices_in_place(y, upstream).map(|tiles| softmax(self.0, &tiles))
    }

    /// As [`rows::softmax_backward`](crate::rows::softmax_backward).
    pub fn rows_softmax_backward(
        self,
        y: Rows<'_>,
        upstream: Rows<'_>,
        out: RowsMut<'_>,
    ) -> Result {
        of_rows(y, upstream, out).map(|tiles| each(&tiles, |row| softmax(self.0, row)))
    }

    /// As [`rows::softmax_backward_in_place`](crate::rows::softmax_backward_in_place).
    pub fn rows_softmax_backward_in_place(self, y: Rows<'_>, upstream: RowsMut<'_>) -> Result {
        of_rows_in_place(y, upstream).map(|tiles| each(&tiles, |row| softmax(self.0, row)))
    }

    /// As [`log_softmax_backward`](crate::log_softmax_backward).
    #[inline]
    pub fn log_softmax_backward(self, y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result {
        of_slices(y, upstream, out).map(|tiles| log_softmax(self.0, &tiles))
    }

    /// As [`log_softmax_backward_in_place`](crate::log_softmax_backward_in_place).
    #[inline]
    pub fn log_softmax_backward_in_place(self, y: &[f32], upstream: &mut [f32]) -> Result {
        of_slices_in_place(y, upstream).map(|tiles| log_softmax(self.0, &tiles))
    }

    /// As [`rows::log_softmax_backward`](crate::rows::log_softmax_backward).
    pub fn rows_log_softmax_backward(
        self,
        y: Rows<'_>,
        upstream: Rows<'_>,
        out: RowsMut<'_>,
    ) -> Result {
        of_rows(y, upstream, out).map(|tiles| each(&tiles, |row| log_softmax(self.0, row)))
    }

    /// As [`rows::log_softmax_backward_in_place`](crate::rows::log_softmax_backward_in_place).
    pub fn rows_log_softmax_backward_in_place(self, y: Rows<'_>, upstream: RowsMut<'_>) -> Result {
        of_rows_in_place(y, upstream).map(|tiles| each(&tiles, |row| log_softmax(self.0, row)))
    }
}

/// The tiles of y, and of g with the place of the results.
type Tiles<'a> = [Tile<'a>; 2];

fn of_slices<'a>(y: &'a [f32], g: &'a [f32], out: &'a mut [f32]) -> Result<Tiles<'a>> {
    check_length("upstream", y.len(), g.len())?;
    check_length("out", y.len(), out.len())?;
    Ok([Tile::of_read(y), Tile::of(g, out)])
}

fn of_slices_in_place<'a>(y: &'a [f32], g: &'a mut [f32]) -> Result<Tiles<'a>> {
    check_length("upstream", y.len(), g.len())?;
    Ok([Tile::of_read(y), Tile::of_in_place(g)])
}

fn of_rows<'a>(y: Rows<'a>, g: Rows<'a>, out: RowsMut<'a>) -> Result<Tiles<'a>> {
    check_row_count("upstream", y.rows(), g.rows())?;
    check_column_count("upstream", y.columns(), g.columns())?;
    check_shape("out", y, &out)?;
    Ok([Tile::read(y), Tile::write(g, out)])
}

fn of_rows_in_place<'a>(y: Rows<'a>, g: RowsMut<'a>) -> Result<Tiles<'a>> {
    check_shape("upstream", y, &g)?;
    Ok([Tile::read(y), Tile::in_place(g)])
}

/// Calls a function for each row.
#[inline]
fn each([y, g]: &Tiles<'_>, of_row: impl Fn(&Tiles<'_>)) {
    for i in 0..g.rows() {
        of_row(&[y.part(i, 1), g.part(i, 1)]);
    }
}

/// The derivatives of softmax of one row; scaled down, if its sum is too large without.
#[inline]
fn softmax(b: Passes, [y, g]: &Tiles<'_>) {
    if !b.softmax_backward_of_row(y, g, false) {
        b.softmax_backward_of_row(y, g, true);
    }
}

/// The same of log-softmax.
#[inline]
fn log_softmax(b: Passes, [y, g]: &Tiles<'_>) {
    if !b.log_softmax_backward_of_row(y, g, false) {
        b.log_softmax_backward_of_row(y, g, true);
    }
}
