//! What passes work on: rows of elements, and numbers of which each row has one.
//!
//! The `unsafe` here is sound because a [`Tile`] is made of slices and never reaches beyond them:
//! its rows and pieces are clamped to what it has. What a [`PerRow`] or a [`Scratch`] holds is
//! written by one pass before another reads it. They begin without values: zeros cost a short call
//! 30 to 130 ns.
#![allow(unsafe_code)]

use crate::rows::{Rows, RowsMut};
use crate::simd::BLOCK;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;

/// Whether there are no vectors, nor caches, and little memory: a microcontroller.
const IS_SMALL: bool = cfg!(all(target_os = "none", target_pointer_width = "32"));

/// Rows whose numbers are taken together, one a lane.
pub(crate) const GROUP: usize = BLOCK;
/// Rows that a driver takes at once, at most: while one group waits, another is computed.
pub(crate) const ROWS: usize = if IS_SMALL { 1 } else { 4 * GROUP };
/// Elements of a piece of a long row, and of a scratch: they stay in the nearest cache.
pub(crate) const TILE: usize = if IS_SMALL { SHORT } else { 2048 };
/// Elements of which e^x, rounded, find room in a scratch.
pub(crate) const KEPT: usize = 2 * TILE;
/// Elements of a short row, at most: its e^x are kept in two words.
pub(crate) const SHORT: usize = 128;
/// Elements of a row that stays in registers, alone.
pub(crate) const LINE: usize = if IS_SMALL { 0 } else { 2 * BLOCK };

/// Rows of one length, at equal distances, and where their results go.
#[derive(Clone, Copy)]
pub(crate) struct Tile<'a> {
    pub(super) x: *const f32,
    pub(super) x_stride: usize,
    /// Null for nowhere, `x` for in place.
    pub(super) out: *mut f32,
    pub(super) out_stride: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
    slices: PhantomData<&'a mut [f32]>,
}

impl<'a> Tile<'a> {
    /// A row that is only read.
    #[inline(always)]
    pub(crate) fn of_read(x: &'a [f32]) -> Self {
        Self {
            x: x.as_ptr(),
            x_stride: x.len(),
            out: ptr::null_mut(),
            out_stride: 0,
            rows: 1,
            columns: x.len(),
            slices: PhantomData,
        }
    }

    /// A row, and where its results go: as many as both have.
    #[inline(always)]
    pub(crate) fn of(x: &'a [f32], out: &'a mut [f32]) -> Self {
        let columns = x.len().min(out.len());
        let (out, out_stride) = (out.as_mut_ptr(), columns);
        Self { x_stride: columns, out, out_stride, columns, ..Self::of_read(x) }
    }

    /// A row of which results take the place.
    #[inline(always)]
    pub(crate) fn of_in_place(x: &'a mut [f32]) -> Self {
        let (out, out_stride) = (x.as_mut_ptr(), x.len());
        Self { x: out, out, out_stride, ..Self::of_read(x) }
    }

    /// A row that is only read, so many times.
    #[inline]
    pub(crate) fn repeated(x: &'a [f32], rows: usize) -> Self {
        Self { x_stride: 0, rows, ..Self::of_read(x) }
    }

    /// Rows that are only read.
    #[inline]
    pub(crate) fn read(x: Rows<'a>) -> Self {
        Self {
            x: x.as_ptr(),
            x_stride: x.stride(),
            out: ptr::null_mut(),
            out_stride: 0,
            rows: x.rows(),
            columns: x.columns(),
            slices: PhantomData,
        }
    }

    /// Rows of which results go elsewhere. If the shapes differ, the tile covers what both have.
    #[inline]
    pub(crate) fn write(x: Rows<'a>, mut out: RowsMut<'a>) -> Self {
        Self {
            out: out.as_mut_ptr(),
            out_stride: out.stride(),
            rows: x.rows().min(out.rows()),
            columns: x.columns().min(out.columns()),
            ..Self::read(x)
        }
    }

    /// Rows of which results take the place.
    #[inline]
    pub(crate) fn in_place(mut x: RowsMut<'a>) -> Self {
        let (place, stride) = (x.as_mut_ptr(), x.stride());
        Self {
            x: place,
            x_stride: stride,
            out: place,
            out_stride: stride,
            rows: x.rows(),
            columns: x.columns(),
            slices: PhantomData,
        }
    }

    /// How many rows there are.
    #[inline]
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Elements of a row.
    #[inline]
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Whether results are written.
    #[inline]
    pub(crate) fn writes(&self) -> bool {
        !self.out.is_null()
    }

    /// Whether results take the place of what is read.
    #[inline]
    pub(crate) fn is_in_place(&self) -> bool {
        ptr::eq(self.x, self.out)
    }

    /// Up to so many rows from the i-th on.
    #[inline(never)]
    pub(crate) fn part(&self, i: usize, rows: usize) -> Self {
        let i = i.min(self.rows);
        let out = if self.writes() { self.out.wrapping_add(i * self.out_stride) } else { self.out };
        let x = self.x.wrapping_add(i * self.x_stride);
        Self { x, out, rows: rows.min(self.rows - i), ..*self }
    }

    /// Elements of each row from `at` up to `end`.
    #[inline(never)]
    pub(crate) fn piece(&self, at: usize, end: usize) -> Self {
        let end = end.min(self.columns);
        let at = at.min(end);
        let out = if self.writes() { self.out.wrapping_add(at) } else { self.out };
        Self { x: self.x.wrapping_add(at), out, columns: end - at, ..*self }
    }

    /// The same rows, read only.
    #[inline]
    pub(crate) fn input(&self) -> Self {
        Self { out: ptr::null_mut(), out_stride: 0, ..*self }
    }

    /// The output as a tile: read from there and written there.
    #[inline]
    pub(crate) fn output(&self) -> Self {
        Self { x: self.out, x_stride: self.out_stride, ..*self }
    }

    /// The same rows, of which results go where those of another tile go.
    #[inline]
    pub(crate) fn with_output_of(&self, other: &Tile<'a>) -> Self {
        let (rows, columns) = (self.rows.min(other.rows), self.columns.min(other.columns));
        Self { out: other.out, out_stride: other.out_stride, rows, columns, ..*self }
    }

    /// The same rows, of which results go to what another tile reads.
    #[inline]
    pub(crate) fn to(&self, other: &Tile<'a>) -> Self {
        let (rows, columns) = (self.rows.min(other.rows), self.columns.min(other.columns));
        Self { out: other.x.cast_mut(), out_stride: other.x_stride, rows, columns, ..*self }
    }

    /// The i-th row, while nothing is written to it.
    #[inline]
    pub(crate) fn row(&self, i: usize) -> &[f32] {
        if i >= self.rows || self.columns == 0 {
            return &[];
        }
        // SAFETY: the row is there.
        unsafe { core::slice::from_raw_parts(self.x.add(i * self.x_stride), self.columns) }
    }

    /// An element, or NaN where there is none.
    #[inline]
    pub(crate) fn get(&self, i: usize, column: usize) -> f32 {
        if i < self.rows && column < self.columns {
            // SAFETY: the element is there.
            unsafe { *self.x.add(i * self.x_stride + column) }
        } else {
            f32::NAN
        }
    }

    /// Writes a result, where there is a place for it.
    #[inline]
    pub(crate) fn set(&self, i: usize, column: usize, value: f32) {
        if i < self.rows && column < self.columns && self.writes() {
            // SAFETY: the place is there.
            unsafe { *self.out.add(i * self.out_stride + column) = value };
        }
    }

    /// Writes one value to all of a row.
    #[inline(never)]
    pub(crate) fn fill(&self, i: usize, value: f32) {
        for column in 0..self.columns {
            self.set(i, column, value);
        }
    }
}

/// A number for each row of a tile, and room for a vector from the last row on.
#[repr(C, align(64))]
pub(crate) struct PerRow(MaybeUninit<[f32; ROWS + GROUP]>);

impl PerRow {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// That of row i, which has been written.
    #[inline(always)]
    pub(crate) fn get(&self, i: usize) -> f32 {
        // SAFETY: the place is there.
        unsafe { *self.at(i.min(ROWS)) }
    }

    /// Writes that of row i.
    #[inline(always)]
    pub(crate) fn set(&mut self, i: usize, value: f32) {
        // SAFETY: the place is there.
        unsafe { *self.at_mut(i.min(ROWS)) = value }
    }

    /// Writes the rows, and the rest of the last vector.
    #[inline(never)]
    pub(crate) fn fill(&mut self, rows: usize, value: f32) {
        for i in 0..rows.min(ROWS).next_multiple_of(GROUP) {
            // SAFETY: the place is there.
            unsafe { *self.at_mut(i) = value }
        }
    }

    /// Those of the first rows, which have been written.
    #[inline]
    pub(crate) fn first(&self, rows: usize) -> &[f32] {
        // SAFETY: there are as many places.
        unsafe { core::slice::from_raw_parts(self.at(0), rows.min(ROWS)) }
    }

    /// Where that of row i is.
    #[inline(always)]
    pub(super) fn at(&self, i: usize) -> *const f32 {
        self.0.as_ptr().cast::<f32>().wrapping_add(i)
    }

    /// Where that of row i goes.
    #[inline(always)]
    pub(super) fn at_mut(&mut self, i: usize) -> *mut f32 {
        self.0.as_mut_ptr().cast::<f32>().wrapping_add(i)
    }
}

/// A number in two words for each row.
pub(crate) struct DoubleWords {
    pub(crate) high: PerRow,
    pub(crate) low: PerRow,
}

impl DoubleWords {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { high: PerRow::new(), low: PerRow::new() }
    }

    /// That of row i.
    #[inline(always)]
    pub(crate) fn get(&self, i: usize) -> (f32, f32) {
        (self.high.get(i), self.low.get(i))
    }

    /// Writes that of row i.
    #[inline(always)]
    pub(crate) fn set(&mut self, i: usize, (high, low): (f32, f32)) {
        self.high.set(i, high);
        self.low.set(i, low);
    }
}

/// As many numbers as a tile has elements, in two words, and room for a block more.
#[repr(C, align(64))]
pub(crate) struct Scratch {
    high: MaybeUninit<[f32; TILE + BLOCK]>,
    low: MaybeUninit<[f32; TILE + BLOCK]>,
}

impl Scratch {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self { high: MaybeUninit::uninit(), low: MaybeUninit::uninit() }
    }

    /// Where both words are.
    #[inline(always)]
    pub(super) fn places(&self) -> [*const f32; 2] {
        [self.high.as_ptr().cast(), self.low.as_ptr().cast()]
    }

    /// Where both words go.
    #[inline(always)]
    pub(super) fn places_mut(&mut self) -> [*mut f32; 2] {
        [self.high.as_mut_ptr().cast(), self.low.as_mut_ptr().cast()]
    }

    /// The first words as a row, of up to a tile, that is read; its results go where those of
    /// another tile do.
    #[inline]
    pub(crate) fn tile<'a>(&'a mut self, columns: usize, results: Tile<'a>) -> Tile<'a> {
        let columns = columns.min(TILE);
        // Results of another tile may go there, too: a pointer to write by.
        let x = self.high.as_mut_ptr().cast::<f32>();
        Tile { x, x_stride: columns, rows: 1, columns, ..results }
    }

    /// The rows of a tile of up to [`KEPT`] elements, of which e^x goes here.
    #[inline]
    pub(crate) fn keep<'a>(&'a mut self, tile: &Tile<'a>) -> Tile<'a> {
        let rows = tile.rows.min(KEPT / tile.columns.max(1));
        let out = (&raw mut *self).cast::<f32>();
        Tile { out, out_stride: tile.columns, rows, ..*tile }
    }

    /// Makes the number at a place 0.
    #[inline(always)]
    pub(crate) fn clear(&mut self, at: usize) {
        let at = at.min(TILE);
        for place in self.places_mut() {
            // SAFETY: the place is there.
            unsafe { *place.add(at) = 0.0 };
        }
    }
}
