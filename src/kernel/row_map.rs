//! out.row(i) = f(x.row(i)).

use crate::error::Error;
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Simd};
use crate::sweep::{self, Function};

/// A function of a whole row.
pub trait RowFunction: Copy {
    #[doc(hidden)]
    fn apply<S: Simd>(self, simd: S, row: impl Row);
}

/// Where a row comes from and goes to.
pub trait Row {
    /// The row before anything is written.
    fn input(&self) -> &[f32];
    /// Writes a function of each element of the input.
    fn map<S: Simd>(&mut self, simd: S, f: impl Function);
    /// The same, and adds the results up in two words; see [`sweep::Run`].
    fn map_sum<S: Simd>(&mut self, simd: S, f: impl Function, bias: f32) -> (f32, f32);
    /// Writes a function of each element that was written.
    fn map_again<S: Simd>(&mut self, simd: S, f: impl Function);
}

impl Row for (&[f32], &mut [f32]) {
    #[inline(always)]
    fn input(&self) -> &[f32] {
        self.0
    }

    #[inline(always)]
    fn map<S: Simd>(&mut self, simd: S, f: impl Function) {
        sweep::map(simd, f, self.0, self.1);
    }

    #[inline(always)]
    fn map_sum<S: Simd>(&mut self, simd: S, f: impl Function, bias: f32) -> (f32, f32) {
        sweep::map_sum(simd, f, bias, self.0, self.1)
    }

    #[inline(always)]
    fn map_again<S: Simd>(&mut self, simd: S, f: impl Function) {
        sweep::map_in_place(simd, f, self.1);
    }
}

impl Row for &mut [f32] {
    #[inline(always)]
    fn input(&self) -> &[f32] {
        self
    }

    #[inline(always)]
    fn map<S: Simd>(&mut self, simd: S, f: impl Function) {
        sweep::map_in_place(simd, f, self);
    }

    #[inline(always)]
    fn map_sum<S: Simd>(&mut self, simd: S, f: impl Function, bias: f32) -> (f32, f32) {
        sweep::map_sum_in_place(simd, f, bias, self)
    }

    #[inline(always)]
    fn map_again<S: Simd>(&mut self, simd: S, f: impl Function) {
        sweep::map_in_place(simd, f, self);
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
    fn run<S: Simd>(mut self, simd: S) {
        for row in self.x.iter().zip(self.out.iter_mut()) {
            self.function.apply(simd, row);
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
    fn run<S: Simd>(mut self, simd: S) {
        for row in &mut self.x {
            self.function.apply(simd, row);
        }
    }
}
