//! ln Σ e^x.

use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{ExpSum, NOWHERE, exp_sum};
use crate::rows::Rows;
use crate::simd::{Kernel, Simd};

/// ln Σ e^x of one vector.
pub struct LogSumExp<'a> {
    x: &'a [f32],
}

impl<'a> LogSumExp<'a> {
    /// Nothing to check.
    #[inline]
    #[must_use]
    pub fn new(x: &'a [f32]) -> Self {
        Self { x }
    }
}

impl Kernel for LogSumExp<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        log_sum_exp(simd, self.x)
    }
}

/// ln Σ e^x of each row.
pub struct RowsLogSumExp<'a> {
    x: Rows<'a>,
    out: &'a mut [f32],
}

impl<'a> RowsLogSumExp<'a> {
    /// # Errors
    /// [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn new(x: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_length("out", x.rows(), out.len())?;
        Ok(Self { x, out })
    }
}

impl Kernel for RowsLogSumExp<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, out) in self.x.iter().zip(self.out) {
            *out = log_sum_exp(simd, x);
        }
    }
}

#[inline(always)]
fn log_sum_exp<S: Simd>(simd: S, x: &[f32]) -> f32 {
    match *x {
        [x] => x,
        _ => match exp_sum::<_, _, false>(simd, &mut &*x, NOWHERE, false) {
            ExpSum::Empty => f32::NEG_INFINITY,
            ExpSum::Nan => f32::NAN,
            ExpSum::Infinite => f32::INFINITY,
            ExpSum::Finite(sum) => {
                let (center, high, low) = sum.ln(simd);
                center + high + low
            }
        },
    }
}
