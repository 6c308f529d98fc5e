//! out.row(i) = f(x.row(i)).

use crate::error::Error;
use crate::kernel::panel::{self, Panel};
use crate::kernel::row::Row;
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Simd};

/// A function of a row.
pub trait RowFunction: Copy {
    /// Of one row.
    #[doc(hidden)]
    fn long<S: Simd, R: Row>(self, simd: S, row: R);
    /// Of a panel of short rows, one after the other.
    #[doc(hidden)]
    fn short<S: Simd, R: Row, const N: usize>(self, simd: S, panel: &mut Panel<N>, rows: R);
}

/// Applies the function row by row.
#[inline(always)]
fn by_row<S: Simd, R: Row>(
    simd: S,
    f: impl RowFunction,
    columns: usize,
    rows: impl Iterator<Item = R>,
) {
    if columns > panel::COLUMNS {
        for row in rows {
            f.long(simd, row);
        }
    } else {
        let mut panel = Panel::<{ panel::ONE }>::new(columns);
        for row in rows {
            f.short(simd, &mut panel, row);
        }
    }
}

/// Applies the function to many rows at a time.
#[inline(always)]
fn by_panel<S: Simd, R: Row>(
    simd: S,
    f: impl RowFunction,
    columns: usize,
    panels: impl Iterator<Item = R>,
) {
    let mut panel = Panel::<{ panel::ALL }>::new(columns);
    for rows in panels {
        f.short(simd, &mut panel, rows);
    }
}

/// A function of each row, from one matrix to another.
pub struct RowMap<'a, F> {
    function: F,
    x: Rows<'a>,
    out: RowsMut<'a>,
}

impl<'a, F: RowFunction> RowMap<'a, F> {
    /// # Errors
    /// [`Error::RowCount`] or [`Error::ColumnCount`] if `out` has another shape
    /// than `x`.
    #[inline]
    pub fn new(function: F, x: Rows<'a>, out: RowsMut<'a>) -> Result<Self, Error> {
        check_shape("out", x, &out)?;
        Ok(Self { function, x, out })
    }
}

impl<F: RowFunction> Kernel for RowMap<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { function, x, mut out } = self;
        let columns = x.columns();
        if panel::serves::<S>(x.rows(), columns)
            && let (Some(x), Some(out)) = (x.flat(), out.flat())
        {
            let length = columns * panel::ROWS;
            by_panel(simd, function, columns, x.chunks(length).zip(out.chunks_mut(length)));
        } else {
            by_row(simd, function, columns, x.iter().zip(out.iter_mut()));
        }
    }
}

/// A function of each row, in place.
pub struct RowMapInPlace<'a, F> {
    function: F,
    x: RowsMut<'a>,
}

impl<'a, F: RowFunction> RowMapInPlace<'a, F> {
    /// Nothing to check.
    #[inline]
    pub fn new(function: F, x: RowsMut<'a>) -> Self {
        Self { function, x }
    }
}

impl<F: RowFunction> Kernel for RowMapInPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { function, mut x } = self;
        let columns = x.columns();
        if panel::serves::<S>(x.as_rows().rows(), columns)
            && let Some(x) = x.flat()
        {
            by_panel(simd, function, columns, x.chunks_mut(columns * panel::ROWS));
        } else {
            by_row(simd, function, columns, x.iter_mut());
        }
    }
}
