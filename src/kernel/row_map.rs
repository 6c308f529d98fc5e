//! out.row(i) = f(x.row(i)).

use crate::error::Error;
use crate::kernel::panel::{self, Panel};
use crate::kernel::row::Row;
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Simd};

/// A function of a row.
pub trait RowFunction: Copy {
    /// Whether it gains from several long rows at once.
    #[doc(hidden)]
    const BATCHES: bool;
    /// Of at most H long rows.
    #[doc(hidden)]
    fn long<S: Simd, R: Row, const H: usize>(self, simd: S, rows: &mut [R], memory: Memory<'_>);
    /// Of a panel of short rows, one after the other.
    #[doc(hidden)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        rows: R,
    );
}

/// How a result out of cache is written.
pub struct Memory<'a> {
    /// Past the caches.
    pub(crate) stream: bool,
    /// For what is written twice, if the rows fit.
    pub(crate) scratch: &'a mut [f32],
}

/// Elements of the rows that are handled together: they stay in the cache next to the
/// core.
const BATCH: usize = 1 << 12;

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 16;

/// Elements from which on results are written past the caches.
const STREAM: usize = 1 << 20;

/// Applies the function row by row.
#[inline(always)]
fn by_row<S: Simd, R: Row, F: RowFunction>(
    simd: S,
    f: F,
    columns: usize,
    mut rows: impl ExactSizeIterator<Item = R>,
) {
    if columns <= panel::COLUMNS {
        let mut panel = Panel::<{ panel::ONE }, 1>::new(columns, &[0.0; panel::ONE]);
        for row in rows {
            f.short(simd, &mut panel, row);
        }
        return;
    }
    let stream = S::STREAMS && !R::IN_PLACE && rows.len() * columns >= STREAM;
    if !(F::BATCHES && S::EXCHANGES) || rows.len() == 1 || columns > BATCH / 2 {
        for mut row in rows {
            let memory = Memory { stream, scratch: &mut [] };
            f.long::<_, _, 1>(simd, core::slice::from_mut(&mut row), memory);
        }
        return;
    }
    let height = (BATCH / columns).min(BATCH_ROWS);
    let mut memory = [0.0; BATCH];
    let scratch = if stream { &mut memory[..] } else { &mut [] };
    loop {
        let mut batch: [R; BATCH_ROWS] = core::array::from_fn(|_| R::default());
        let mut count = 0;
        for (slot, row) in batch.iter_mut().take(height).zip(&mut rows) {
            *slot = row;
            count += 1;
        }
        match batch.get_mut(..count) {
            Some(rows) if count > 0 => {
                let memory = Memory { stream, scratch };
                f.long::<_, _, { BATCH_ROWS }>(simd, rows, memory);
            }
            _ => return,
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
    let row = panel::row_numbers(simd, columns);
    let mut panel = Panel::<{ panel::ALL }, { panel::GROUPS }>::new(columns, &row);
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
            let length = columns * panel::height(columns);
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
            by_panel(simd, function, columns, x.chunks_mut(columns * panel::height(columns)));
        } else {
            by_row(simd, function, columns, x.iter_mut());
        }
    }
}
