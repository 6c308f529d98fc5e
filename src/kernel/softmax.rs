//! e^x / Σ e^x and its logarithm, row by row.
//!
//! **Method.** A first pass takes Σ e^x · 2^-N (see [`super::log_sum_exp`]), a
//! second computes e^x again from a table of 2^(j/8) over that sum, so that
//! dividing costs neither an operation nor a rounding; the exponent is shifted
//! last.

use crate::kernel::log_sum_exp::{ExpSum, Scaled};
use crate::kernel::row_map::{Row, RowFunction};
use crate::math::exp::{Parts, Table};
use crate::math::words::divide;
use crate::simd::{EIGHTHS, Lanes, Simd};
use crate::sweep::Function;
use core::f32::consts::LN_2;

/// The second pass of softmax: e^x over the sum.
#[derive(Clone, Copy)]
pub(crate) struct Normalize {
    center: f32,
    zero_point: f32,
    floor: f32,
    /// 2^(j/8) over the sum.
    table: Table,
}

impl Normalize {
    #[inline(always)]
    pub(crate) fn new<S: Simd>(simd: S, sum: Scaled) -> Self {
        let one = (simd.splat(1.0), simd.splat(0.0));
        let (high, low) = divide(one, sum.words(simd));
        Self {
            center: sum.center,
            zero_point: EIGHTHS - sum.exponent,
            floor: (sum.exponent - 170.0) * LN_2, // 2^-170 rounds to zero
            table: Table::scaled(simd, (high.first(), low.first())),
        }
    }
}

impl Function for Normalize {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let x = (x - self.center).max(x.splat(self.floor));
        let e = Parts::with_table(x, x.splat(self.zero_point), &self.table);
        e.mantissa().scale_exp2_down(e.power)
    }
}

/// The second pass of log-softmax: x less the logarithm of the sum.
#[derive(Clone, Copy)]
struct Subtract {
    center: f32,
    high: f32,
    low: f32,
}

impl Function for Subtract {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        ((x - self.center) - self.high) - self.low
    }
}

/// The same value throughout: NaN, for a row without a meaning.
#[derive(Clone, Copy)]
pub(crate) struct Constant(pub(crate) f32);

impl Function for Constant {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        x.splat(self.0)
    }
}

/// Softmax: `out[k] = e^x[k] / Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl RowFunction for Softmax {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, mut row: impl Row) {
        match ExpSum::new(simd, row.input(), None) {
            ExpSum::Finite(sum) => row.map(simd, Normalize::new(simd, sum)),
            _ => row.map(simd, Constant(f32::NAN)),
        }
    }
}

/// The logarithm of softmax: `out[k] = x[k] − ln Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct LogSoftmax;

impl RowFunction for LogSoftmax {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, mut row: impl Row) {
        match ExpSum::new(simd, row.input(), None) {
            ExpSum::Finite(sum) => {
                let (high, low) = sum.ln(simd);
                row.map(simd, Subtract { center: sum.center, high, low });
            }
            _ => row.map(simd, Constant(f32::NAN)),
        }
    }
}
