//! e^x / Σ e^x and its logarithm, row by row.
//!
//! **Method.** Softmax of a row that stays in cache sums e^x · 2^-N and stores it (see
//! [`super::exp_sum`]), then multiplies by the sum's reciprocal in two words, which is
//! cheaper there than e^x again. A longer row is read twice and written once: the
//! second time e^x comes from a table of 2^(j/8) over the sum, so that dividing costs
//! neither an operation nor a rounding.
//!
//! **Error.** That of e^x, the rounding of the product, and 2^-27 from the sum: see
//! [`crate::contract::SOFTMAX`].

use crate::kernel::exp_sum::{ExpSum, NOWHERE, Scaled, exp_sum};
use crate::kernel::panel::{self, Panel};
use crate::kernel::row::Row;
use crate::kernel::row_map::RowFunction;
use crate::math::exp::{Parts, Table};
use crate::math::words::{divide, two_product};
use crate::simd::{EIGHTHS, Lanes, Simd};
use crate::sweep::{self, Function};
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

/// The product with a factor in two words.
#[derive(Clone, Copy)]
struct Multiply {
    high: f32,
    low: f32,
}

/// Without fusion the product is rounded before its error is known. Powers of two
/// by which it lies above the result meanwhile: no subnormal is rounded twice.
const HEADROOM: f32 = 1_152_921_504_606_846_976.0; // 2^60

impl Function for Multiply {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let low = x * self.low;
        if V::FUSED {
            return x.mul_add(x.splat(self.high), low);
        }
        // Two roundings instead of one would take softmax to 2.5 ULP.
        let (product, error) = two_product(x, x.splat(self.high * HEADROOM));
        (product + (error + low * HEADROOM)) * (1.0 / HEADROOM)
    }
}

/// Softmax: `out[k] = e^x[k] / Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl RowFunction for Softmax {
    #[inline(always)]
    fn long<S: Simd, R: Row>(self, simd: S, mut row: R) {
        if row.input().len() > STORED {
            return recomputed(simd, &mut row);
        }
        let (high, low) = match exp_sum(simd, &mut row, NOWHERE) {
            ExpSum::Finite(sum) => sum.total.value(simd),
            _ => (f32::NAN, f32::NAN),
        };
        let one = (simd.splat(1.0), simd.splat(0.0));
        let (high, low) = divide(one, (simd.splat(high), simd.splat(low)));
        let multiply = Multiply { high: high.first(), low: low.first() };
        sweep::map_in_place(simd, multiply, row.output());
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize>(self, simd: S, panel: &mut Panel<N>, mut rows: R) {
        panel.exp(simd, rows.input());
        let (mut high, mut low) = panel.sums(simd);
        let one = (simd.splat(1.0), simd.splat(0.0));
        for (high, low) in high.as_mut().iter_mut().zip(low.as_mut()) {
            (*high, *low) = divide(one, (*high, *low));
        }
        let (high, low) = (simd.block_to_array(high), simd.block_to_array(low));
        let mut multiply = [Multiply { high: 0.0, low: 0.0 }; panel::ROWS];
        for ((multiply, high), low) in multiply.iter_mut().zip(high).zip(low) {
            *multiply = Multiply { high, low };
        }
        panel.map(simd, multiply, rows.output());
    }
}

#[inline(always)]
fn recomputed<S: Simd, R: Row>(simd: S, row: &mut R) {
    // Only the sum, this time.
    match exp_sum(simd, &mut row.input(), NOWHERE) {
        ExpSum::Finite(sum) => {
            let sum = Scaled::new(simd, sum.shift, sum.total.value(simd));
            sweep::map_row(simd, Normalize::new(simd, sum), row);
        }
        _ => sweep::map_row(simd, Constant(f32::NAN), row),
    }
}

/// The logarithm of softmax: `out[k] = x[k] − ln Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct LogSoftmax;

impl RowFunction for LogSoftmax {
    #[inline(always)]
    fn long<S: Simd, R: Row>(self, simd: S, mut row: R) {
        match exp_sum(simd, &mut row.input(), NOWHERE) {
            ExpSum::Finite(sum) => {
                let sum = Scaled::new(simd, sum.shift, sum.total.value(simd));
                let (high, low) = sum.ln(simd);
                sweep::map_row(simd, Subtract { center: sum.center, high, low }, &mut row);
            }
            _ => sweep::map_row(simd, Constant(f32::NAN), &mut row),
        }
    }
    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize>(self, simd: S, _: &mut Panel<N>, row: R) {
        self.long(simd, row);
    }
}
