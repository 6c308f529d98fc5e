//! e^x / Σ e^x and its logarithm, row by row.
//!
//! **Method.** Softmax of a row that stays in cache takes three passes: the
//! maximum; e^(x − max) · 2^60, by exponent shift and a table over the maximum's
//! mantissa, stored and summed; and the product with the sum's reciprocal in two
//! words, which is cheaper there than e^x again. A longer row is read twice and
//! written once: Σ e^x · 2^-N (see [`super::log_sum_exp`]), then e^x again from a
//! table of 2^(j/8) over that sum, so that dividing costs neither an operation nor
//! a rounding.
//!
//! **Error.** Stored results carry their own rounding, that of the product, and
//! little of the sum's: see [`crate::contract::SOFTMAX`].

use crate::kernel::log_sum_exp::{ExpSum, Scaled, Shift, row_maximum};
use crate::kernel::row_map::{Row, RowFunction};
use crate::math::exp::{Parts, Table};
use crate::math::words::{divide, two_product};
use crate::simd::{EIGHTHS, Lanes, Simd};
use crate::sweep::Function;
use core::f32::consts::LN_2;

/// How far, in powers of two, below the sum elements become 0.
const FALL: f32 = 170.0;

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
            floor: (sum.exponent - FALL) * LN_2,
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

/// Where results stay in cache until they are multiplied: up to here e^x is
/// stored, beyond it is computed again.
const STORED: usize = 1 << 21;

/// Powers of two by which stored results lie above e^(x − max): no subnormal
/// probability is rounded before the last multiplication.
const HEADROOM: f32 = 60.0;
/// 2^-60.
const DOWN: f32 = 8.673_617_379_884_035e-19;
/// Above every stored result.
const BIAS: f32 = 18_446_744_073_709_551_616.0; // 2^64

/// 2^60 · e^(x − max), for a row's maximum.
#[derive(Clone, Copy)]
struct Unnormalized {
    center: f32,
    zero_point: f32,
    floor: f32,
    /// 2^(j/8) over the maximum's own mantissa. That makes e^0 exactly 1: with a
    /// rounded largest term, a row that it dominates was 2.4 ULP off.
    table: Table,
}

impl Unnormalized {
    #[inline(always)]
    fn new<S: Simd>(simd: S, max: f32) -> Self {
        let shift = Shift::for_maximum(max);
        let zero_point = simd.splat(EIGHTHS - shift.exponent);
        let largest = Parts::new(simd.splat(max - shift.center), zero_point);
        let one = (simd.splat(1.0), simd.splat(0.0));
        let (high, low) = divide(one, largest.words());
        let exponent = shift.exponent + largest.exponent();
        Self {
            center: shift.center,
            zero_point: EIGHTHS - (exponent - HEADROOM),
            floor: (exponent - FALL) * LN_2,
            table: Table::scaled(simd, (high.first(), low.first())),
        }
    }
}

impl Function for Unnormalized {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let x = (x - self.center).max(x.splat(self.floor));
        let e = Parts::with_table(x, x.splat(self.zero_point), &self.table);
        e.mantissa().scale_exp2_normal(e.power)
    }
}

/// The product with a factor in two words, less the headroom.
#[derive(Clone, Copy)]
struct Multiply {
    high: f32,
    low: f32,
}

impl Function for Multiply {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let low = x * self.low;
        let product = if V::FUSED {
            x.mul_add(x.splat(self.high), low)
        } else {
            // Two roundings instead of one would take softmax to 2.5 ULP.
            let (product, error) = two_product(x, x.splat(self.high));
            product + (error + low)
        };
        product * DOWN
    }
}

/// Softmax: `out[k] = e^x[k] / Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl RowFunction for Softmax {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, mut row: impl Row) {
        if row.input().len() <= STORED {
            let max = row_maximum(simd, row.input());
            if max.is_finite() {
                let (high, low) = row.map_sum(simd, Unnormalized::new(simd, max), BIAS);
                let one = (simd.splat(1.0), simd.splat(0.0));
                let sum = (simd.splat(high * DOWN), simd.splat(low * DOWN));
                let (high, low) = divide(one, sum);
                row.map_again(simd, Multiply { high: high.first(), low: low.first() });
            } else {
                row.map(simd, Constant(f32::NAN));
            }
        } else {
            match ExpSum::new(simd, row.input(), None) {
                ExpSum::Finite(sum) => row.map(simd, Normalize::new(simd, sum)),
                _ => row.map(simd, Constant(f32::NAN)),
            }
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
