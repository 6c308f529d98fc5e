//! out.row(i) = f(x.row(i)).

use crate::error::Error;
use crate::kernel::panel::{self, Panel};
use crate::kernel::row::{Matrix, Queue, Row};
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Simd};

/// A function of a row.
pub trait RowFunction {
    /// Whether it gains from several long rows at once.
    #[doc(hidden)]
    const BATCHES: bool;
    /// Of at most H long rows, one after the other.
    #[doc(hidden)]
    fn long<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        columns: usize,
        rows: &mut R,
        memory: &mut Memory<'_>,
    );
    /// Of short rows, a panel at a time.
    #[doc(hidden)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        panels: impl Iterator<Item = R>,
    );
}

/// How what is out of cache is read and written.
pub struct Memory<'a> {
    /// Whether results go past the caches.
    pub(crate) stream: bool,
    /// For the results of rows that fit: from there they are queued.
    pub(crate) scratch: &'a mut [f32],
    /// Results of the rows before.
    pub(crate) queue: Queue<'a>,
}

/// Elements of the rows that are handled together: they stay in the cache next to the
/// core.
const BATCH: usize = 1 << 12;
/// Rows of a batch, at most.
const BATCH_ROWS: usize = 16;

/// Elements from which on results are written past the caches.
const STREAM: usize = 1 << 20;

/// How many rows are handled at a time, and how.
enum Way {
    Panels,
    Panel,
    Batches,
    Row,
}

impl Way {
    #[inline(always)]
    fn new<S: Simd, F: RowFunction>(rows: usize, columns: usize, flat: bool) -> Self {
        let several = S::EXCHANGES && flat && rows > 1;
        match columns {
            ..=panel::COLUMNS if several => Self::Panels,
            ..=panel::COLUMNS => Self::Panel,
            _ if several && F::BATCHES && columns <= BATCH / 2 => Self::Batches,
            _ => Self::Row,
        }
    }
}

/// Applies a function to so many rows of a matrix.
#[inline(always)]
pub(super) fn for_rows<S: Simd, F: RowFunction, M: Matrix>(
    simd: S,
    f: &mut F,
    [count, columns]: [usize; 2],
    rows: M,
) {
    let ahead = rows.ahead();
    let stream = S::STREAMS && !M::Row::IN_PLACE && count * columns >= STREAM;
    let (writes, columns_or_1) = (M::Row::WRITES, columns.max(1));
    match Way::new::<S, F>(count, columns, rows.is_flat()) {
        Way::Panels => {
            let numbers = panel::row_numbers(simd, columns);
            let mut panel = Panel::<{ panel::ALL }, { panel::GROUPS }>::new(columns, &numbers);
            f.short(simd, &mut panel, rows.several(panel::height(columns)));
        }
        Way::Panel => {
            let mut panel = Panel::<{ panel::ONE }, 1>::new(columns, &[0.0; panel::ONE]);
            f.short(simd, &mut panel, rows.several(1));
        }
        Way::Batches => {
            let (mut scratch, mut other) = ([0.0; BATCH], [0.0; BATCH]);
            let (mut scratch, mut other) = (&mut scratch[..], &mut other[..]);
            let (mut read, mut before): (usize, Option<M::Row>) = (0, None);
            for mut rows in rows.several((BATCH / columns_or_1).clamp(1, BATCH_ROWS)) {
                read += rows.input().len();
                let ahead = if stream { ahead.get(read..).unwrap_or(&[]) } else { &[] };
                let queue = Queue::of(simd, other, before.as_mut(), ahead);
                let scratch_or_none = if stream && writes { &mut *scratch } else { &mut [] };
                let mut memory = Memory { stream, scratch: scratch_or_none, queue };
                f.long::<_, _, BATCH_ROWS>(simd, columns, &mut rows, &mut memory);
                memory.queue.finish(simd);
                before = if stream && writes { Some(rows) } else { None };
                (scratch, other) = (other, scratch);
            }
            Queue::of(simd, other, before.as_mut(), &[]).finish(simd);
            simd.fence();
        }
        Way::Row => {
            for mut row in rows.several(1) {
                let (queue, scratch): (_, &mut [f32]) = (Queue::none(), &mut []);
                let mut memory = Memory { stream, scratch, queue };
                f.long::<_, _, 1>(simd, columns, &mut row, &mut memory);
            }
        }
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
        let Self { mut function, x, out } = self;
        for_rows(simd, &mut function, [x.rows(), x.columns()], (x, out));
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
        let Self { mut function, x } = self;
        for_rows(simd, &mut function, [x.as_rows().rows(), x.columns()], x);
    }
}
