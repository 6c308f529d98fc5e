//! Where a row comes from and goes to.

use crate::rows::{Rows, RowsMut};
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
    /// What is read.
    fn input(&self) -> &[f32];
    /// Takes the first elements off, or all there are.
    fn take(&mut self, count: usize) -> Self;
    /// What is written: as long as the input, or nothing.
    fn output(&mut self) -> &mut [f32];
    /// What is read and what is written, for a row that is not in place.
    fn both(&mut self) -> (&[f32], &mut [f32]);
    /// A part of it, with other memory to write to, if there is one and it is not in place.
    fn part<'b>(
        &'b mut self,
        range: Range<usize>,
        scratch: Option<&'b mut [f32]>,
    ) -> Self::Through<'b>;
}

#[inline(always)]
fn take<'a>(from: &mut &'a [f32], count: usize) -> &'a [f32] {
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
    fn take(&mut self, count: usize) -> Self {
        take(self, count)
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        &mut []
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
    fn take(&mut self, count: usize) -> Self {
        (take(&mut self.0, count), take_mut(&mut self.1, count))
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        self.1
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
    fn take(&mut self, count: usize) -> Self {
        take_mut(self, count)
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        self
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
