//! The derivatives of softmax and of its logarithm, on a backend.

use crate::backend::Backend;
use crate::error::{Error, check_length};
use crate::pass::{Passes, Tile};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count, check_shape};

/// The derivatives of a row; scaled down, if its sum is too large without.
#[inline]
fn softmax(b: Passes, y: &Tile<'_>, g: &Tile<'_>) {
    if !b.softmax_backward_of_row(y, g, false) {
        b.softmax_backward_of_row(y, g, true);
    }
}

/// The same of log-softmax.
#[inline]
fn log_softmax(b: Passes, y: &Tile<'_>, g: &Tile<'_>) {
    if !b.log_softmax_backward_of_row(y, g, false) {
        b.log_softmax_backward_of_row(y, g, true);
    }
}

impl Backend {
    /// As [`softmax_backward`](crate::softmax_backward).
    ///
    /// # Errors
    /// [`Error::Length`] if `upstream` or `out` has another length than `y`.
    #[inline]
    pub fn softmax_backward(
        self,
        y: &[f32],
        upstream: &[f32],
        out: &mut [f32],
    ) -> Result<(), Error> {
        check_length("upstream", y.len(), upstream.len())?;
        check_length("out", y.len(), out.len())?;
        softmax(self.0, &Tile::of_read(y), &Tile::of(upstream, out));
        Ok(())
    }

    /// As [`softmax_backward_in_place`](crate::softmax_backward_in_place).
    ///
    /// # Errors
    /// [`Error::Length`] if `upstream` has another length than `y`.
    #[inline]
    pub fn softmax_backward_in_place(self, y: &[f32], upstream: &mut [f32]) -> Result<(), Error> {
        check_length("upstream", y.len(), upstream.len())?;
        softmax(self.0, &Tile::of_read(y), &Tile::of_in_place(upstream));
        Ok(())
    }

    /// As [`rows::softmax_backward`](crate::rows::softmax_backward).
    ///
    /// # Errors
    /// As there.
    pub fn rows_softmax_backward(
        self,
        y: Rows<'_>,
        upstream: Rows<'_>,
        out: RowsMut<'_>,
    ) -> Result<(), Error> {
        let (y, g) = elsewhere(y, upstream, out)?;
        for i in 0..g.rows() {
            softmax(self.0, &y.part(i, 1), &g.part(i, 1));
        }
        Ok(())
    }

    /// As [`rows::softmax_backward_in_place`](crate::rows::softmax_backward_in_place).
    ///
    /// # Errors
    /// As there.
    pub fn rows_softmax_backward_in_place(
        self,
        y: Rows<'_>,
        upstream: RowsMut<'_>,
    ) -> Result<(), Error> {
        let (y, g) = in_place(y, upstream)?;
        for i in 0..g.rows() {
            softmax(self.0, &y.part(i, 1), &g.part(i, 1));
        }
        Ok(())
    }

    /// As [`log_softmax_backward`](crate::log_softmax_backward).
    ///
    /// # Errors
    /// [`Error::Length`] if `upstream` or `out` has another length than `y`.
    #[inline]
    pub fn log_softmax_backward(
        self,
        y: &[f32],
        upstream: &[f32],
        out: &mut [f32],
    ) -> Result<(), Error> {
        check_length("upstream", y.len(), upstream.len())?;
        check_length("out", y.len(), out.len())?;
        log_softmax(self.0, &Tile::of_read(y), &Tile::of(upstream, out));
        Ok(())
    }

    /// As [`log_softmax_backward_in_place`](crate::log_softmax_backward_in_place).
    ///
    /// # Errors
    /// [`Error::Length`] if `upstream` has another length than `y`.
    #[inline]
    pub fn log_softmax_backward_in_place(
        self,
        y: &[f32],
        upstream: &mut [f32],
    ) -> Result<(), Error> {
        check_length("upstream", y.len(), upstream.len())?;
        log_softmax(self.0, &Tile::of_read(y), &Tile::of_in_place(upstream));
        Ok(())
    }

    /// As [`rows::log_softmax_backward`](crate::rows::log_softmax_backward).
    ///
    /// # Errors
    /// As there.
    pub fn rows_log_softmax_backward(
        self,
        y: Rows<'_>,
        upstream: Rows<'_>,
        out: RowsMut<'_>,
    ) -> Result<(), Error> {
        let (y, g) = elsewhere(y, upstream, out)?;
        for i in 0..g.rows() {
            log_softmax(self.0, &y.part(i, 1), &g.part(i, 1));
        }
        Ok(())
    }

    /// As [`rows::log_softmax_backward_in_place`](crate::rows::log_softmax_backward_in_place).
    ///
    /// # Errors
    /// As there.
    pub fn rows_log_softmax_backward_in_place(
        self,
        y: Rows<'_>,
        upstream: RowsMut<'_>,
    ) -> Result<(), Error> {
        let (y, g) = in_place(y, upstream)?;
        for i in 0..g.rows() {
            log_softmax(self.0, &y.part(i, 1), &g.part(i, 1));
        }
        Ok(())
    }
}

/// The tiles of matrices of one shape.
fn elsewhere<'a>(
    y: Rows<'a>,
    upstream: Rows<'a>,
    out: RowsMut<'a>,
) -> Result<(Tile<'a>, Tile<'a>), Error> {
    check_row_count("upstream", y.rows(), upstream.rows())?;
    check_column_count("upstream", y.columns(), upstream.columns())?;
    check_shape("out", y, &out)?;
    Ok((Tile::read(y), Tile::write(upstream, out)))
}

/// The tiles of matrices of one shape, of which results take the place of the second.
fn in_place<'a>(y: Rows<'a>, upstream: RowsMut<'a>) -> Result<(Tile<'a>, Tile<'a>), Error> {
    check_shape("upstream", y, &upstream)?;
    Ok((Tile::read(y), Tile::in_place(upstream)))
}
