//! e^x / Σ e^x and its logarithm, row by row.
//!
//! **Method.** Softmax of a row that stays in cache sums e^x · 2^-N and stores it (see
//! [`super::exp_sum`]), then multiplies by the sum's reciprocal in two words, which is
//! cheaper there than e^x again. A longer row is read twice and written once: the
//! second time e^x · 2^-N is computed again and multiplied.
//!
//! **Error.** That of e^x, the roundings of it and of the product, and 2^-27 from the sum:
//! see [`crate::contract::SOFTMAX`].

use crate::kernel::exp_sum::{ExpSum, NOWHERE, Shift, ShiftedSum, exp_sum, finite_sum, largest};
use crate::kernel::panel::{Ln, Panel, PanelFunction, PerRow, RowsFunction};
use crate::kernel::row::{Row, WithQueue};
use crate::kernel::row_map::{Memory, RowFunction};
use crate::kernel::target_loss::position;
use crate::math::ln::ln_1p_positive;
use crate::math::words::{divide, fast_two_sum, times, two_product, two_sum};
use crate::simd::{BLOCK, Lanes, Simd};
use crate::sweep::{self, Function, Total};

/// The sums of rows in two words, with N of each.
struct Sums<const H: usize> {
    words: ([f32; H], [f32; H]),
    exponent: [f32; H],
}

impl<const H: usize> Sums<H> {
    /// Of one row, or of [`BLOCK`] at most.
    #[inline(always)]
    fn new<S: Simd>(simd: S, sums: &[ShiftedSum<S>; H]) -> Self {
        let (mut words, mut exponent) = (([0.0; H], [0.0; H]), [0.0; H]);
        for i in 0..H {
            exponent[i] = sums[i].shift.exponent;
        }
        if H == 1 {
            (words.0[0], words.1[0]) = sums[0].total.value(simd);
            return Self { words, exponent };
        }
        let mut all = [Total::zero(simd); BLOCK];
        for (all, sum) in all.iter_mut().zip(sums) {
            *all = sum.total;
        }
        let mut pairs = [Total::zero(simd); BLOCK / 2];
        for i in 0..BLOCK / 2 {
            pairs[i] = all[i].with(simd, all[i + BLOCK / 2]);
        }
        let (high, low) = Total::values(simd, pairs);
        let (high, low) = (simd.block_to_array(high), simd.block_to_array(low));
        for i in 0..H.min(BLOCK) {
            (words.0[i], words.1[i]) = (high[i], low[i]);
        }
        Self { words, exponent }
    }

    /// A function of each row's sum, of two words more, and of N.
    #[inline(always)]
    fn map<S: Simd>(
        &self,
        simd: S,
        f: impl RowsFunction,
        (other, other_low): &([f32; H], [f32; H]),
    ) -> ([f32; H], [f32; H]) {
        let mut results = ([0.0; H], [0.0; H]);
        for at in (0..H).step_by(S::F32::COUNT) {
            let load = [&self.words.0, &self.words.1, other, other_low, &self.exponent];
            let mut of_row = [simd.splat(1.0); 5];
            for i in 0..load.len() {
                of_row[i] = simd.load(load[i].get(at..).unwrap_or(&[]), 1.0);
            }
            let [high, low, other, other_low, exponent] = of_row;
            let (high, low) = f.apply((high, low), (other, other_low), exponent);
            simd.store(high, results.0.get_mut(at..).unwrap_or(&mut []));
            simd.store(low, results.1.get_mut(at..).unwrap_or(&mut []));
        }
        results
    }
}

/// x less the logarithm of the sum.
#[derive(Clone, Copy, Default)]
struct Subtract {
    center: f32,
    high: f32,
    low: f32,
}

impl Subtract {
    /// Where a row has a likely element.
    #[inline(always)]
    fn find_likely<S: Simd>(self, simd: S, x: &[f32]) -> usize {
        let max = largest(simd, x);
        let is_likely = self.apply(simd.splat(max)).first() > LN_LIKELY;
        if is_likely { position(simd, x, max) } else { NOWHERE }
    }
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
    pub(super) high: f32,
    pub(super) low: f32,
    /// Up to this x, products may be [`SMALL`].
    small: f32,
}

impl Multiply {
    #[inline(always)]
    pub(crate) fn new(high: f32, low: f32) -> Self {
        Self { high, low, small: 2.0 * SMALL / high }
    }

    /// By the reciprocals of sums.
    #[inline(always)]
    fn by_inverses<S: Simd, const H: usize>(simd: S, sums: &Sums<H>) -> [Self; H] {
        let mut multiply = [Self::default(); H];
        let (high, low) = sums.map(simd, Inverse, &sums.words);
        for i in 0..H {
            multiply[i] = Self::new(high[i], low[i]);
        }
        multiply
    }

    /// By the reciprocal.
    #[inline(always)]
    pub(crate) fn by_inverse<S: Simd>(simd: S, (high, low): (f32, f32)) -> Self {
        let one = (simd.splat(1.0), simd.splat(0.0));
        let (high, low) = divide(one, (simd.splat(high), simd.splat(low)));
        Self::new(high.first(), low.first())
    }

    /// By a number more.
    #[inline(always)]
    pub(crate) fn times<S: Simd>(self, simd: S, factor: f32) -> Self {
        let words = (simd.splat(self.high), simd.splat(self.low));
        let (high, low) = times(simd.splat(factor), words);
        Self::new(high.first(), low.first())
    }
}

impl Multiply {
    /// Unless the product is [`SMALL`].
    #[inline(always)]
    fn times_large<V: Lanes>(self, x: V) -> V {
        product(x, x.splat(self.high), x * self.low)
    }
}

impl Function for Multiply {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let y = self.times_large(x);
        if x.all_above(self.small) {
            return y;
        }
        let small = product(x, x.splat(self.high * ROOM), x * (self.low * ROOM)) * (1.0 / ROOM);
        V::select(y.abs().lt(y.splat(SMALL)), small, y)
    }
}

/// x · factor + low
#[inline(always)]
fn product<V: Lanes>(x: V, factor: V, low: V) -> V {
    if V::FUSED {
        return x.mul_add(factor, low);
    }
    // Two roundings instead of one would take softmax to 2.5 ULP.
    let (product, error) = two_product(x, factor);
    product + (error + low)
}

/// Products below are computed 2^32 times as large: near 2^-126 a second word would be
/// lost.
const SMALL: f32 = 9.403_955e-38; // 2^-123
const ROOM: f32 = 4_294_967_296.0;

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
        let likely = sum.most * multiply.high > LIKELY;
        if !likely {
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
    position(simd, x, largest(simd, x))
}

/// e^x · 2^-N of x, and its product.
#[derive(Clone, Copy)]
struct Again {
    shift: Shift,
    multiply: Multiply,
    /// Above it, x is in range and its product not [`SMALL`].
    least: f32,
}

impl Again {
    #[inline(always)]
    fn new(shift: Shift, multiply: Multiply) -> Self {
        // A hair is for roundings.
        let least = shift.center + shift.x_of(multiply.small).max(shift.floor()) + 1.0;
        Self { shift, multiply, least }
    }
}

impl Function for Again {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        if x.all_above(self.least) {
            let x = self.shift.in_range(x - self.shift.center);
            return self.multiply.times_large(x);
        }
        self.multiply.apply(self.shift.rounded(x))
    }
}

/// Softmax: `out[k] = e^x[k] / Σⱼ e^x[j]`.
#[derive(Clone, Copy, Debug)]
pub struct Softmax;

impl RowFunction for Softmax {
    const BATCHES: bool = true;

    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        self,
        simd: S,
        columns: usize,
        rows: &mut R,
        Memory { stream, scratch, queue }: &mut Memory<'_>,
    ) {
        let stream = *stream;
        let length = rows.input().len();
        // A long row out of cache is not stored, but computed again.
        let again = H == 1 && stream;
        let mut sums = [ShiftedSum::nan(simd); H];
        for (i, sum) in sums.iter_mut().enumerate() {
            let row = i * columns..(i + 1) * columns;
            if row.end > length {
                break;
            }
            let scratch = scratch.get_mut(row.clone());
            let row = rows.part(row, scratch);
            *sum = if H == 1 {
                finite_sum(simd, &mut { row }, !again)
            } else {
                finite_sum(simd, &mut WithQueue { row, queue }, true)
            };
        }
        let multiply = Multiply::by_inverses(simd, &Sums::new(simd, &sums));
        for i in 0..H {
            let (row, sum, multiply) = (i * columns..(i + 1) * columns, &sums[i], multiply[i]);
            if row.end > length {
                break;
            }
            let likely = Likely::find(simd, sum, multiply, &mut rows.part(row.clone(), None));
            if again {
                let (x, out) = rows.both();
                sweep::map_streaming(simd, Again::new(sum.shift, multiply), x, out);
                likely.write(out);
            } else {
                let out = scratch.get_mut(row.clone());
                let out = out.or(rows.output().get_mut(row)).unwrap_or(&mut []);
                sweep::map_back(simd, multiply, out);
                likely.write(out);
            }
        }
        if again {
            simd.fence();
        }
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        mut rows: R,
    ) {
        panel.exp(simd, rows.input());
        let sums = panel.sums(simd);
        let (high, low) = panel.map_rows(simd, Inverse, &sums, &sums);
        write_quotients(simd, panel, [&high, &low], rows.output());
    }
}

/// The quotients, from reciprocals of sums.
#[inline(always)]
pub(super) fn write_quotients<S: Simd, const N: usize, const G: usize>(
    simd: S,
    panel: &Panel<'_, N, G>,
    inverses: [&PerRow<G>; 2],
    out: &mut [f32],
) {
    if panel.is_calm {
        panel.map(simd, Quotient, inverses, out);
    } else {
        panel.map(simd, AnyQuotient, inverses, out);
    }
}

/// The reciprocal of a row's sum.
#[derive(Clone, Copy)]
pub(super) struct Inverse;

impl RowsFunction for Inverse {
    #[inline(always)]
    fn apply<V: Lanes>(self, sum: (V, V), _: (V, V), _: V) -> (V, V) {
        divide((sum.0.splat(1.0), sum.0.splat(0.0)), sum)
    }
}

/// e^x · 2^-N by the sum, from its reciprocal, unless that is [`SMALL`].
#[derive(Clone, Copy)]
struct Quotient;

impl PanelFunction<2> for Quotient {
    #[inline(always)]
    fn apply<V: Lanes>(self, (x, low): (V, V), [inverse, inverse_low]: [V; 2]) -> V {
        product(x, inverse, x.mul_add(inverse_low, low * inverse))
    }
}

/// The same, however small.
#[derive(Clone, Copy)]
struct AnyQuotient;

impl PanelFunction<2> for AnyQuotient {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: (V, V), [inverse, inverse_low]: [V; 2]) -> V {
        let y = Quotient.apply(x, [inverse, inverse_low]);
        let small = Quotient.apply(x, [inverse * ROOM, inverse_low * ROOM]) * (1.0 / ROOM);
        V::select(y.abs().lt(y.splat(SMALL)), small, y)
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
/// Where no result exceeds this, no t without its δ, of at most 0.022, is likely.
const LN_PERHAPS: f32 = LN_LIKELY - 0.023;
/// The part of a sum that [`ShiftedSum::most`] of one with a likely element exceeds.
const PERHAPS: f32 = 0.94 * LIKELY;

impl RowFunction for LogSoftmax {
    const BATCHES: bool = true;

    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        self,
        simd: S,
        columns: usize,
        rows: &mut R,
        Memory { stream, scratch, queue }: &mut Memory<'_>,
    ) {
        let length = rows.input().len();
        let mut subtract = [Subtract::default(); H];
        let (mut likely, mut of_likely) = ([NOWHERE; H], [0.0; H]);
        let mut again = false;
        // Once more without the likely elements, if there are any.
        loop {
            let mut sums = [ShiftedSum::nan(simd); H];
            let mut own = ([1.0; H], [0.0; H]);
            for i in 0..H {
                let (row, hole) = (i * columns..(i + 1) * columns, likely[i]);
                if row.end > length {
                    break;
                }
                if again && hole == NOWHERE {
                    continue;
                }
                let x = rows.input().get(row).unwrap_or(&[]);
                let sum = if H == 1 {
                    exp_sum::<_, _, true>(simd, &mut &*x, hole, false)
                } else {
                    exp_sum::<_, _, true>(simd, &mut WithQueue { row: x, queue }, hole, false)
                };
                if let ExpSum::Finite(sum) = sum {
                    sums[i] = sum;
                }
                if let Some(x) = x.get(hole) {
                    let (high, low) = sums[i].shift.words(simd.splat(*x));
                    (own.0[i], own.1[i]) = (high.first(), low.first());
                }
            }
            let words = Sums::new(simd, &sums);
            if again {
                (of_likely, _) = words.map(simd, LnOfShare, &own);
                break;
            }
            let (high, low) = words.map(simd, Ln, &words.words);
            for i in 0..H {
                subtract[i] = Subtract { center: sums[i].shift.center, high: high[i], low: low[i] };
                if sums[i].most > words.words.0[i] * PERHAPS {
                    let x = rows.input().get(i * columns..(i + 1) * columns).unwrap_or(&[]);
                    likely[i] = subtract[i].find_likely(simd, x);
                    again |= likely[i] != NOWHERE;
                }
            }
            if !again {
                break;
            }
        }
        for i in 0..H {
            let row = i * columns..(i + 1) * columns;
            if row.end > length {
                break;
            }
            let mut row = rows.part(row.clone(), scratch.get_mut(row));
            if H == 1 && *stream {
                let (x, out) = row.both();
                sweep::map_streaming(simd, subtract[i], x, out);
                simd.fence();
            } else {
                sweep::map_row(simd, subtract[i], &mut row);
            }
            if let Some(out) = row.output().get_mut(likely[i]) {
                *out = of_likely[i];
            }
        }
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        mut rows: R,
    ) {
        panel.exp(simd, rows.input());
        let sums = panel.sums(simd);
        let (high, low) = panel.map_rows(simd, Ln, &sums, &sums);
        let none_likely = if panel.is_calm {
            panel.map_rows_of(simd, Difference, [&high, &low], &mut rows, LN_PERHAPS)
        } else {
            let (center, _) = panel.center();
            panel.map_rows_of(simd, FarDifference, [&high, &low, &center], &mut rows, LN_PERHAPS)
        };
        if none_likely {
            return;
        }
        let (least, _) = panel.map_rows(simd, Likelihood, &sums, &sums);
        if panel.remove_above(simd, &least) {
            let others = panel.sums(simd);
            let (likely, _) = panel.map_rows(simd, LnOfLikely, &sums, &others);
            panel.map_rows_of(simd, OrLikely, [&likely], &mut rows.output(), 0.0);
        }
    }
}

/// x less the logarithm of the sum, in words.
#[derive(Clone, Copy)]
struct Difference;

impl PanelFunction<2> for Difference {
    #[inline(always)]
    fn apply<V: Lanes>(self, (_, x): (V, V), [high, low]: [V; 2]) -> V {
        (x - high) - low
    }
}

/// The same with centers.
#[derive(Clone, Copy)]
struct FarDifference;

impl PanelFunction<3> for FarDifference {
    #[inline(always)]
    fn apply<V: Lanes>(self, (exp, x): (V, V), [high, low, center]: [V; 3]) -> V {
        Difference.apply((exp, x - center), [high, low])
    }
}

/// What a likely element exceeds.
#[derive(Clone, Copy)]
struct Likelihood;

impl RowsFunction for Likelihood {
    #[inline(always)]
    fn apply<V: Lanes>(self, (sum, low): (V, V), _: (V, V), _: V) -> (V, V) {
        (sum * LIKELY, low)
    }
}

/// −ln(1 + tail) of a row's sum, and of its sum without the likely element.
#[derive(Clone, Copy)]
struct LnOfLikely;

impl RowsFunction for LnOfLikely {
    #[inline(always)]
    fn apply<V: Lanes>(self, sum: (V, V), others: (V, V), exponent: V) -> (V, V) {
        let (high, error) = two_sum(sum.0, -others.0);
        let own = fast_two_sum(high, error + (sum.1 - others.1));
        LnOfShare.apply(others, own, exponent)
    }
}

/// −ln(1 + others / own).
#[derive(Clone, Copy)]
struct LnOfShare;

impl RowsFunction for LnOfShare {
    #[inline(always)]
    fn apply<V: Lanes>(self, others: (V, V), own: (V, V), _: V) -> (V, V) {
        let ln = ln_1p_positive(divide(others, own));
        // Zero less zero is +0.
        (ln.splat(0.0) - ln, ln)
    }
}

/// A likely element's own where it was removed.
#[derive(Clone, Copy)]
struct OrLikely;

impl PanelFunction<1> for OrLikely {
    #[inline(always)]
    fn apply<V: Lanes>(self, (exp, y): (V, V), [likely]: [V; 1]) -> V {
        V::select(exp.eq(exp.splat(0.0)), likely, y)
    }
}
