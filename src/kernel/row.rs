//! Where a row comes from and goes to.

use crate::rows::{Rows, RowsMut};
use crate::simd::{Beside, Elements, Lanes, Simd};
use core::ops::Range;

/// A row that is read and, perhaps, written.
pub trait Row: Sized {
    /// A row with a part of the input.
    type Through<'b>: Row
    where
        Self: 'b;
    /// Whether there is an output.
    const WRITES: bool;
    /// Whether the output is the input.
    const IN_PLACE: bool;
    /// As many elements as there may be: a few, and the compiler leaves out what long rows need.
    const MOST: usize = usize::MAX;
    /// What is read.
    fn input(&self) -> &[f32];
    /// What is written: as long as the input, or nothing.
    fn output(&mut self) -> &mut [f32];
    /// What is read and what is written, for a row that is not in place.
    fn both(&mut self) -> (&[f32], &mut [f32]);
    /// A part of it for a loop of the backend's, written if it is to be kept, and whole steps
    /// that are to be copied beside: all of them.
    fn elements(
        &mut self,
        step: usize,
        range: Range<usize>,
        keep: bool,
    ) -> (Elements<'_>, Option<Beside<'_>>);
    /// Work to be done beside each step of a loop over the input.
    #[inline(always)]
    fn beside<S: Simd>(&mut self, _: S) {}
    /// A part of it, with other memory to write to, if there is one and it is not in place.
    fn part<'b>(
        &'b mut self,
        range: Range<usize>,
        scratch: Option<&'b mut [f32]>,
    ) -> Self::Through<'b>;
}

/// Takes the first elements off, or all there are.
#[inline(always)]
pub(crate) fn take<'a>(from: &mut &'a [f32], count: usize) -> &'a [f32] {
    from.split_off(..count.min(from.len())).unwrap_or(&[])
}

#[inline(always)]
#[allow(clippy::mut_mut)] // what is taken lives as long as the whole
pub(crate) fn take_mut<'a>(from: &mut &'a mut [f32], count: usize) -> &'a mut [f32] {
    from.split_off_mut(..count.min(from.len())).unwrap_or(&mut [])
}

impl Row for &[f32] {
    type Through<'b>
        = &'b [f32]
    where
        Self: 'b;
    const WRITES: bool = false;
    const IN_PLACE: bool = false;

    #[inline(always)]
    fn input(&self) -> &[f32] {
        self
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        &mut []
    }

    #[inline(always)]
    fn elements(
        &mut self,
        _: usize,
        range: Range<usize>,
        _: bool,
    ) -> (Elements<'_>, Option<Beside<'_>>) {
        (Elements::Read(self.get(range).unwrap_or(&[])), None)
    }

    #[inline(always)]
    fn both(&mut self) -> (&[f32], &mut [f32]) {
        (self, &mut [])
    }

    #[inline(always)]
    fn part<'b>(&'b mut self, range: Range<usize>, _: Option<&'b mut [f32]>) -> &'b [f32] {
        self.get(range).unwrap_or(&[])
    }
}

impl Row for (&[f32], &mut [f32]) {
    type Through<'b>
        = (&'b [f32], &'b mut [f32])
    where
        Self: 'b;
    const WRITES: bool = true;
    const IN_PLACE: bool = false;

    #[inline(always)]
    fn input(&self) -> &[f32] {
        self.0
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        self.1
    }

    #[inline(always)]
    fn elements(
        &mut self,
        _: usize,
        range: Range<usize>,
        keep: bool,
    ) -> (Elements<'_>, Option<Beside<'_>>) {
        let x = self.0.get(range.clone()).unwrap_or(&[]);
        let x = if keep {
            Elements::Write(x, self.1.get_mut(range).unwrap_or(&mut []))
        } else {
            Elements::Read(x)
        };
        (x, None)
    }

    #[inline(always)]
    fn both(&mut self) -> (&[f32], &mut [f32]) {
        (self.0, self.1)
    }

    #[inline(always)]
    fn part<'b>(
        &'b mut self,
        range: Range<usize>,
        scratch: Option<&'b mut [f32]>,
    ) -> (&'b [f32], &'b mut [f32]) {
        let output = scratch.or(self.1.get_mut(range.clone()));
        (self.0.get(range).unwrap_or(&[]), output.unwrap_or(&mut []))
    }
}

impl Row for &mut [f32] {
    type Through<'b>
        = &'b mut [f32]
    where
        Self: 'b;
    const WRITES: bool = true;
    const IN_PLACE: bool = true;

    #[inline(always)]
    fn input(&self) -> &[f32] {
        self
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        self
    }

    #[inline(always)]
    fn elements(
        &mut self,
        _: usize,
        range: Range<usize>,
        keep: bool,
    ) -> (Elements<'_>, Option<Beside<'_>>) {
        let x = self.get_mut(range).unwrap_or(&mut []);
        (if keep { Elements::InPlace(x) } else { Elements::Read(x) }, None)
    }

    #[inline(always)]
    fn both(&mut self) -> (&[f32], &mut [f32]) {
        (&[], self)
    }

    #[inline(always)]
    fn part<'b>(&'b mut self, range: Range<usize>, _: Option<&'b mut [f32]>) -> &'b mut [f32] {
        self.get_mut(range).unwrap_or(&mut [])
    }
}

/// What is to be written past the caches. A burst of such stores would wait for memory:
/// a few at a time go beside other work.
pub(crate) struct Queue<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
}

impl<'a> Queue<'a> {
    /// Of two slices of one length.
    #[inline(always)]
    fn new<S: Simd>(simd: S, from: &'a [f32], to: &'a mut [f32]) -> Self {
        let mut queue = Self { from, to };
        // As far as the first place that is aligned; what is beyond is written again.
        let head = queue.to.as_ptr().align_offset(4 * S::F32::COUNT).min(queue.to.len());
        if head > 0 {
            simd.store(simd.load(queue.from, 0.0), queue.to);
            (_, _) = (take(&mut queue.from, head), take_mut(&mut queue.to, head));
        }
        queue
    }

    /// Results of rows, if there are.
    #[inline(always)]
    pub(crate) fn of<S: Simd, R: Row>(
        simd: S,
        results: &'a [f32],
        rows: Option<&'a mut R>,
    ) -> Self {
        match rows {
            Some(rows) => {
                let length = rows.input().len();
                Self::new(simd, results.get(..length).unwrap_or(&[]), rows.output())
            }
            None => Self::none(),
        }
    }

    /// Nothing.
    #[inline(always)]
    pub(crate) fn none() -> Self {
        Self { from: &[], to: &mut [] }
    }

    /// The next vectors.
    #[inline(always)]
    fn step<S: Simd>(&mut self, simd: S) {
        // Of known length: without a check for every vector.
        if let Some(from) = self.from.split_off(..S::Wide::COUNT)
            && let Some(to) = self.to.split_off_mut(..S::Wide::COUNT)
        {
            for at in (0..S::Wide::COUNT).step_by(S::F32::COUNT) {
                let y = simd.load(from.get(at..).unwrap_or(&[]), 0.0);
                simd.stream(y, to.get_mut(at..).unwrap_or(&mut []));
            }
        }
    }

    /// What is to be written beside whole steps, of so many elements at most.
    #[inline(always)]
    fn copies(&mut self, step: usize, count: usize) -> Beside<'_> {
        let count = count.min(self.from.len() / step * step);
        Beside { from: take(&mut self.from, count), to: take_mut(&mut self.to, count) }
    }

    /// All the rest.
    #[inline(always)]
    pub(crate) fn finish<S: Simd>(&mut self, simd: S) {
        for at in (0..self.from.len()).step_by(S::F32::COUNT) {
            let y = simd.load(self.from.get(at..).unwrap_or(&[]), 0.0);
            simd.stream(y, self.to.get_mut(at..).unwrap_or(&mut []));
        }
        *self = Self::none();
    }
}

/// Elements of the rows that are handled together: they stay in the cache next to the
/// core.
pub(crate) const BATCH: usize = 1 << 12;

/// A row of a batch, and a queue that is written beside.
pub(crate) struct WithQueue<'a, 'q, R> {
    pub(crate) row: R,
    pub(crate) queue: &'a mut Queue<'q>,
}

impl<R: Row> Row for WithQueue<'_, '_, R> {
    type Through<'b>
        = R::Through<'b>
    where
        Self: 'b;
    const WRITES: bool = R::WRITES;
    const IN_PLACE: bool = R::IN_PLACE;
    const MOST: usize = BATCH;

    #[inline(always)]
    fn input(&self) -> &[f32] {
        self.row.input()
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        self.row.output()
    }

    #[inline(always)]
    fn elements(
        &mut self,
        step: usize,
        range: Range<usize>,
        keep: bool,
    ) -> (Elements<'_>, Option<Beside<'_>>) {
        let beside = self.queue.copies(step, range.len());
        let (x, _) = self.row.elements(step, range, keep);
        (x, Some(beside))
    }

    #[inline(always)]
    fn both(&mut self) -> (&[f32], &mut [f32]) {
        self.row.both()
    }

    #[inline(always)]
    fn beside<S: Simd>(&mut self, simd: S) {
        self.queue.step(simd);
    }

    #[inline(always)]
    fn part<'b>(
        &'b mut self,
        range: Range<usize>,
        scratch: Option<&'b mut [f32]>,
    ) -> R::Through<'b> {
        self.row.part(range, scratch)
    }
}

/// Rows that are read, read and written elsewhere, or changed in place.
pub trait Matrix {
    /// Of one of them, or of several.
    type Row: Row;
    /// Whether the rows follow each other without a gap.
    #[doc(hidden)]
    fn is_flat(&self) -> bool;
    /// So many rows at a time, one after the other: more than one only if it is flat.
    #[doc(hidden)]
    fn several(self, count: usize) -> impl Iterator<Item = Self::Row>;
}

impl<'a> Matrix for Rows<'a> {
    type Row = &'a [f32];

    #[inline(always)]
    fn is_flat(&self) -> bool {
        self.flat().is_some()
    }

    #[inline(always)]
    fn several(self, count: usize) -> impl Iterator<Item = Self::Row> {
        Rows::several(&self, count)
    }
}

impl<'a> Matrix for (Rows<'a>, RowsMut<'a>) {
    type Row = (&'a [f32], &'a mut [f32]);

    #[inline(always)]
    fn is_flat(&self) -> bool {
        self.0.is_flat() && self.1.is_flat()
    }

    #[inline(always)]
    fn several(self, count: usize) -> impl Iterator<Item = Self::Row> {
        self.0.several(count).zip(self.1.several(count))
    }
}

impl<'a> Matrix for RowsMut<'a> {
    type Row = &'a mut [f32];

    #[inline(always)]
    fn is_flat(&self) -> bool {
        self.as_rows().is_flat()
    }

    #[inline(always)]
    fn several(self, count: usize) -> impl Iterator<Item = Self::Row> {
        RowsMut::several(self, count)
    }
}
