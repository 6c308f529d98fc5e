//! out[i] = f(x[i]).

use crate::error::{Error, check_length};
use crate::simd::{Kernel, Simd};
use crate::sweep::{self, Function};

/// A function of each element, from one slice to another.
pub struct Map<'a, F> {
    function: F,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<'a, F: Function> Map<'a, F> {
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn new(function: F, x: &'a [f32], out: &'a mut [f32]) -> Result<Self, Error> {
        check_length("out", x.len(), out.len())?;
        Ok(Self { function, x, out })
    }
}

impl<F: Function> Kernel for Map<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        sweep::map(simd, self.function, self.x, self.out);
    }
}

/// A function of each element, in place.
pub struct MapInPlace<'a, F> {
    function: F,
    x: &'a mut [f32],
}

impl<'a, F: Function> MapInPlace<'a, F> {
    /// Nothing to check.
    #[inline]
    pub fn new(function: F, x: &'a mut [f32]) -> Self {
        Self { function, x }
    }
}

impl<F: Function> Kernel for MapInPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        sweep::map_in_place(simd, self.function, self.x);
    }
}
