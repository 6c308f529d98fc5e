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

use crate::kernel::exp_sum::{
    ExpSum, NOWHERE, Shift, ShiftedSum, exp_sum, finite_sum, largest, ln_1p_of_ratio,
};
use crate::kernel::panel::{self, Panel};
use crate::kernel::row::Row;
use crate::kernel::row_map::{Memory, RowFunction};
use crate::math::words::{divide, times, two_product};
use crate::simd::{BLOCK, Lanes, Simd};
use crate::sweep::{self, Function, Total};

/// x less the logarithm of the sum.
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

/// The product with a factor in two words.
#[derive(Clone, Copy, Default)]
pub(crate) struct Multiply {
    pub(crate) high: f32,
    pub(crate) low: f32,
}

impl Multiply {
    /// By the reciprocals of sums.
    #[inline(always)]
    fn by_inverses<S: Simd, const H: usize>(simd: S, sums: &[ShiftedSum<S>; H]) -> [Self; H] {
        let mut multiply = [Self { high: 0.0, low: 0.0 }; H];
        if let [sum] = sums[..] {
            multiply[0] = Self::by_inverse(simd, sum.total.value(simd));
            return multiply;
        }
        let mut all = [Total::zero(simd); BLOCK];
        for (all, sum) in all.iter_mut().zip(sums) {
            *all = sum.total;
        }
        let (mut high, mut low) = Total::values(simd, all);
        let one = (simd.splat(1.0), simd.splat(0.0));
        for (high, low) in high.as_mut().iter_mut().zip(low.as_mut()) {
            (*high, *low) = divide(one, (*high, *low));
        }
        let (high, low) = (simd.block_to_array(high), simd.block_to_array(low));
        for ((multiply, high), low) in multiply.iter_mut().zip(high).zip(low) {
            *multiply = Self { high, low };
        }
        multiply
    }

    /// By the reciprocal.
    #[inline(always)]
    pub(crate) fn by_inverse<S: Simd>(simd: S, (high, low): (f32, f32)) -> Self {
        let one = (simd.splat(1.0), simd.splat(0.0));
        let (high, low) = divide(one, (simd.splat(high), simd.splat(low)));
        Self { high: high.first(), low: low.first() }
    }

    /// By a number more.
    #[inline(always)]
    pub(crate) fn times<S: Simd>(self, simd: S, factor: f32) -> Self {
        let words = (simd.splat(self.high), simd.splat(self.low));
        let (high, low) = times(simd.splat(factor), words);
        Self { high: high.first(), low: low.first() }
    }
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

/// The element of a row that is likely, if one is, and its probability. Stored, e^x is
/// rounded, and so is its product: a certain class would not be quite certain.
struct Likely {
    at: usize,
    p: f32,
}

impl Likely {
    /// Before the row's stored results are multiplied.
    #[inline(always)]
    fn find<S: Simd, R: Row>(
        simd: S,
        sum: &ShiftedSum<S>,
        multiply: Multiply,
        row: &mut R,
    ) -> Self {
        if !(sum.most * multiply.high > LIKELY) {
            return Self { at: NOWHERE, p: 0.0 };
        }
        let (max, at) = if R::IN_PLACE {
            (sum.max, position_of_largest(simd, row.output()))
        } else {
            (largest(simd, row.input()), position_of_largest(simd, row.input()))
        };
        let all = sum.total.value(simd);
        let all = (simd.splat(all.0), simd.splat(all.1));
        let (high, low) = divide(sum.shift.words(simd.splat(max)), all);
        Self { at, p: (high + low).first() }
    }

    #[inline(always)]
    fn write(self, out: &mut [f32]) {
        if let Some(out) = out.get_mut(self.at) {
            *out = self.p;
        }
    }
}

#[inline(always)]
fn position_of_largest<S: Simd>(simd: S, x: &[f32]) -> usize {
    let max = largest(simd, x);
    x.iter().position(|&x| x == max).unwrap_or(NOWHERE)
}

/// e^x · 2^-N of x, and its product.
#[derive(Clone, Copy)]
struct Again {
    shift: Shift,
    multiply: Multiply,
}

impl Function for Again {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        self.multiply.apply(self.shift.rounded(x))
    }
}

/// Softmax: `out[k] = e^x[k] / Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl RowFunction for Softmax {
    const BATCHES: bool = true;

    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(self, simd: S, rows: &mut [R], memory: Memory<'_>) {
        let Memory { stream, scratch } = memory;
        let columns = rows.first().map_or(0, |row| row.input().len());
        let mut sums = [ShiftedSum::nan(simd); H];
        // A long row out of cache is not stored, but computed again.
        let again = H == 1 && stream;
        for (i, row) in rows.iter_mut().enumerate() {
            let scratch = scratch.get_mut(i * columns..(i + 1) * columns);
            if let Some(sum) = sums.get_mut(i) {
                *sum = finite_sum(simd, &mut row.through(scratch), !again);
            }
        }
        let multiply = Multiply::by_inverses(simd, &sums);
        for (i, row) in rows.iter_mut().enumerate() {
            let (Some(sum), Some(&multiply)) = (sums.get(i), multiply.get(i)) else { break };
            let likely = Likely::find(simd, sum, multiply, row);
            match scratch.get(i * columns..(i + 1) * columns) {
                Some(x) => sweep::map_streaming(simd, multiply, x, row.output()),
                None if again => {
                    let (x, out) = row.both();
                    sweep::map_streaming(simd, Again { shift: sum.shift, multiply }, x, out);
                }
                None => sweep::map_in_place(simd, multiply, row.output()),
            }
            likely.write(row.output());
        }
        if stream {
            simd.fence();
        }
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

/// The logarithm of softmax: `out[k] = x[k] − ln Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct LogSoftmax;

/// From this probability on, about, x less the logarithm of the sum cancels: it
/// is −ln(1 + tail) with the others' tail.
const LIKELY: f32 = 0.75;
/// ln of that.
const LN_LIKELY: f32 = -0.287_682_08;

impl RowFunction for LogSoftmax {
    const BATCHES: bool = false;

    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(self, simd: S, rows: &mut [R], _: Memory<'_>) {
        for row in rows {
            log_softmax(simd, row);
        }
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize>(self, simd: S, panel: &mut Panel<N>, mut rows: R) {
        panel.exp(simd, rows.input());
        let sums = panel.sums(simd);
        let (high, low) = panel.ln(simd, sums);
        let (sum, high, low) =
            (simd.block_to_array(sums.0), simd.block_to_array(high), simd.block_to_array(low));
        let mut likely = [(NOWHERE, 0.0); panel::ROWS];
        for (i, likely) in likely.iter_mut().enumerate().take(panel.rows) {
            *likely = panel.likely(simd, i, sum[i] * LIKELY, rows.input());
        }
        let mut subtract = [Subtract { center: 0.0, high: 0.0, low: 0.0 }; panel::ROWS];
        for (i, subtract) in subtract.iter_mut().enumerate() {
            *subtract = Subtract { center: panel.shift[i].center, high: high[i], low: low[i] };
        }
        panel.copy(simd, rows.input());
        panel.map(simd, subtract, rows.output());
        for (at, y) in likely {
            if let Some(out) = rows.output().get_mut(at) {
                *out = y;
            }
        }
    }
}

#[inline(always)]
fn log_softmax<S: Simd, R: Row>(simd: S, row: &mut R) {
    let max = largest(simd, row.input());
    let (mut subtract, mut likely) = (Subtract { center: f32::NAN, high: 0.0, low: 0.0 }, NOWHERE);
    let mut of_likely = 0.0;
    // Once more without the likely element, if there is one.
    while let ExpSum::Finite(sum) = exp_sum::<_, _, true>(simd, &mut row.input(), likely, false) {
        if likely != NOWHERE {
            let own = sum.shift.words(simd.splat(max));
            let own = (own.0.first(), own.1.first());
            of_likely = 0.0 - ln_1p_of_ratio(simd, sum.shift, max, sum.total.value(simd), own);
            break;
        }
        let (center, high, low) = sum.ln(simd);
        subtract = Subtract { center, high, low };
        if !(((max - center) - high) - low > LN_LIKELY) {
            break;
        }
        likely = row.input().iter().position(|&x| x == max).unwrap_or(NOWHERE);
        if likely == NOWHERE {
            break;
        }
    }
    sweep::map_row(simd, subtract, row);
    if let Some(y) = row.output().get_mut(likely) {
        *y = of_likely;
    }
}
