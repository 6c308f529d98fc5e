//! out.row(i) = f(x.row(i)).

use crate::error::Error;
use crate::kernel::panel::{self, Panel, RowNumbers};
use crate::kernel::row::{BATCH, Matrix, Queue, Row};
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Aligned, Kernel, Simd};

/// A function of a row.
pub trait RowFunction {
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

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 16;

/// Elements from which on results are written past the caches.
const STREAM: usize = 1 << 20;

/// Applies a function to so many rows of a matrix.
#[inline(always)]
pub(super) fn for_rows<S: Simd, F: RowFunction, M: Matrix>(
    simd: S,
    f: &mut F,
    [count, columns]: [usize; 2],
    rows: M,
) {
    let several = S::EXCHANGES && rows.is_flat() && count > 1;
    // Each way is an entry of its own: unoptimised, all in one took 2 MB of stack.
    if columns > panel::COLUMNS {
        let stream = S::STREAMS && !M::Row::IN_PLACE && count * columns >= STREAM;
        if const { S::EXCHANGES } && several && columns <= BATCH / 2 {
            // Filled with zeros for nothing, they would take as long as a few rows.
            if stream {
                let (mut scratch, mut other) = (Aligned([0.0; BATCH]), Aligned([0.0; BATCH]));
                let memory = Some([&mut scratch, &mut other]);
                simd.call(Batches { f, columns, rows, memory });
            } else {
                simd.call(Batches { f, columns, rows, memory: None });
            }
        } else {
            simd.call(OneByOne { f, columns, rows, stream });
        }
    } else if const { S::EXCHANGES } && several {
        let stream = S::STREAMS && !M::Row::IN_PLACE && count * columns >= STREAM;
        if panel::are_few(count, columns) {
            simd.call(Panels::<_, _, { panel::FEW }, { panel::FEW_GROUPS }> {
                f,
                columns,
                rows,
                stream,
            });
        } else {
            simd.call(Panels::<_, _, { panel::ALL }, { panel::GROUPS }> {
                f,
                columns,
                rows,
                stream,
            });
        }
    } else {
        simd.call(PanelsOfOne { f, columns, rows });
    }
}

/// Short rows, many at a time.
struct Panels<'a, F, M, const N: usize, const G: usize> {
    f: &'a mut F,
    columns: usize,
    rows: M,
    stream: bool,
}

impl<F: RowFunction, M: Matrix, const N: usize, const G: usize> Kernel for Panels<'_, F, M, N, G> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { f, columns, rows, stream } = self;
        let numbers = if M::Row::WRITES { Some(RowNumbers::new(simd, columns)) } else { None };
        let mut panel = Panel::<N, G>::new(columns, numbers.as_ref());
        panel.streams = stream;
        f.short(simd, &mut panel, rows.several(panel::height(columns, M::Row::WRITES)));
        simd.fence();
    }
}

/// Short rows that do not follow each other, or whose lanes are not exchanged.
struct PanelsOfOne<'a, F, M> {
    f: &'a mut F,
    columns: usize,
    rows: M,
}

impl<F: RowFunction, M: Matrix> Kernel for PanelsOfOne<'_, F, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { f, columns, rows } = self;
        let mut panel = Panel::<{ panel::ONE }, 1>::new(columns, None);
        f.short(simd, &mut panel, rows.several(1));
    }
}

/// Longer rows, several at a time.
struct Batches<'a, F, M> {
    f: &'a mut F,
    columns: usize,
    rows: M,
    /// For the results of a batch and of the one before, if they go past the caches.
    memory: Option<[&'a mut Aligned<BATCH>; 2]>,
}

impl<F: RowFunction, M: Matrix> Kernel for Batches<'_, F, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { f, columns, rows, memory } = self;
        let stream = memory.is_some();
        let (mut scratch, mut other): (&mut [f32], &mut [f32]) = match memory {
            Some([scratch, other]) => (&mut scratch.0, &mut other.0),
            None => (&mut [], &mut []),
        };
        let mut before: Option<M::Row> = None;
        let height = if M::Row::WRITES { BATCH / columns.max(1) } else { BATCH_ROWS };
        for mut rows in rows.several(height.clamp(1, BATCH_ROWS)) {
            let queue = Queue::of(simd, other, before.as_mut());
            let stores = stream && M::Row::WRITES;
            let scratch_or_none = if stores { &mut *scratch } else { &mut [] };
            let mut memory = Memory { stream, scratch: scratch_or_none, queue };
            f.long::<_, _, BATCH_ROWS>(simd, columns, &mut rows, &mut memory);
            memory.queue.finish(simd);
            before = if stores { Some(rows) } else { None };
            (scratch, other) = (other, scratch);
        }
        Queue::of(simd, other, before.as_mut()).finish(simd);
        simd.fence();
    }
}

/// Long rows.
struct OneByOne<'a, F, M> {
    f: &'a mut F,
    columns: usize,
    rows: M,
    stream: bool,
}

impl<F: RowFunction, M: Matrix> Kernel for OneByOne<'_, F, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { f, columns, rows, stream } = self;
        for mut row in rows.several(1) {
            let (queue, scratch): (_, &mut [f32]) = (Queue::none(), &mut []);
            let mut memory = Memory { stream, scratch, queue };
            f.long::<_, _, 1>(simd, columns, &mut row, &mut memory);
        }
    }
}

/// A function of each row, from one matrix to another.
pub struct RowMap<'a, F> {
    pub(super) function: F,
    pub(super) x: Rows<'a>,
    pub(super) out: RowsMut<'a>,
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
    pub(super) function: F,
    pub(super) x: RowsMut<'a>,
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
