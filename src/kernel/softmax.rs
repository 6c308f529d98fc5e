//! e^(s·x) / Σ e^(s·x) and its logarithm, row by row. What follows is for s = 1; another is in
//! [`Scale`], and of the logarithm, where s·x is of two words.
//!
//! **Method.** Softmax of a row that stays in cache sums e^x · 2^-N and stores it (see
//! [`super::exp_sum`]), then multiplies by the sum's reciprocal in two words, which is
//! cheaper there than e^x again. Where results go past the caches, a longer row is read
//! twice and written once: the second time e^x · 2^-N is computed again and multiplied.
//!
//! Its logarithm reads for the sum and once more for x − ln Σ e^x. An element of more than
//! about ¾ is found by the largest term; only such rows are summed again, without it: the
//! total is exact to 2^-28 of itself, so what others leave of it is not exact enough.
//!
//! **Tried.** To subtract beside the next batch's sums, in place of a pass over scratch
//! memory: it took a quarter longer on AVX-512 and twice as long on AVX2.
//!
//! **Error.** That of e^x, the roundings of it and of the product, and 2^-27 from the sum:
//! see [`crate::contract::SOFTMAX`].

use crate::kernel::exp_sum::{
    NOWHERE, Shift, ShiftedSum, finite_sum, head, largest, words_of_each,
};
use crate::kernel::panel::{
    GROUPS, Ln, Panel, PanelFunction, PerRow, ROWS, RowsFunction, Values, map_rows,
};
use crate::kernel::row::{Row, WithQueue};
use crate::kernel::row_map::{Memory, RowFunction};
use crate::kernel::target_loss::position;
use crate::math::ln::ln_1p_positive;
use crate::math::shifted_exp::Scale;
use crate::math::words::{divide, fast_two_sum, two_product, two_sum};
use crate::simd::{Lanes, Simd};
use crate::sweep::{self, Function, Total};

/// x less the logarithm of the sum, of s = 1.
#[derive(Clone, Copy, Default)]
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

/// s·x less the logarithm of the sum.
#[derive(Clone, Copy)]
struct SubtractScaled {
    scale: f32,
    subtract: Subtract,
}

impl Function for SubtractScaled {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let Subtract { center, high, low } = self.subtract;
        scaled_difference(x, self.scale, [x.splat(center), x.splat(high), x.splat(low)])
    }
}

/// s·(x − center) less two words, the product in two words.
#[inline(always)]
fn scaled_difference<V: Lanes>(x: V, scale: f32, [center, high, low]: [V; 3]) -> V {
    // Halves: x − center may overflow where s·(x − center) does not.
    let (half, twice) = if scale < 1.0 { (0.5, 2.0 * scale) } else { (1.0, scale) };
    let distance = x * half - center * half;
    let (y, y_low) = two_product(distance, x.splat(twice));
    let difference = (y - high) + (y_low - low);
    // An infinity leaves nothing beside it.
    let infinity = x.splat(f32::NEG_INFINITY);
    V::select(y.eq(infinity), infinity, difference)
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

    /// By each of some factors.
    #[inline(always)]
    pub(super) fn by<const H: usize>(Values([high, low]): &Values<1, 2>) -> [Self; H] {
        let mut factors = [Self::default(); H];
        for (factor, (high, low)) in factors.iter_mut().zip(high[0].iter().zip(&low[0])) {
            *factor = Self::new(*high, *low);
        }
        factors
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
    // Two roundings instead of one would be half an ULP more.
    let (product, error) = two_product(x, factor);
    product + (error + low)
}

/// Products below are computed 2^32 times as large: near 2^-126 a second word would be
/// lost.
const SMALL: f32 = 9.403_955e-38; // 2^-123
const ROOM: f32 = 4_294_967_296.0;

/// The element of a row that is likely, if one is, and its probability, before stored
/// results are multiplied. Stored, e^x is rounded, and so is its product: a certain class
/// would not be quite certain.
#[inline(always)]
fn likely<S: Simd, R: Row>(
    simd: S,
    scale: Scale,
    sum: &ShiftedSum<S>,
    factor: Multiply,
    row: &mut R,
) -> (usize, f32) {
    let is_likely = sum.most * factor.high > LIKELY;
    if !is_likely {
        return (NOWHERE, 0.0);
    }
    let (max, at) = if R::IN_PLACE {
        (sum.max, position_of_largest(simd, row.output()))
    } else {
        (largest(simd, row.input()), position_of_largest(simd, row.input()))
    };
    let all = sum.total.value(simd);
    let all = (simd.splat(all.0), simd.splat(all.1));
    let (high, low) = divide(sum.shift(scale).words(simd.splat(max)), all);
    (at, (high + low).first())
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
        // For roundings.
        let hair = shift.scale.inverse;
        let least = shift.center + shift.x_of(multiply.small).max(shift.floor()) + hair;
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
pub struct Softmax<'a> {
    scale: &'a Scale,
}

impl Default for Softmax<'_> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Softmax<'a> {
    /// For s = 1; [`ScaledSoftmax`](super::ScaledSoftmax) has others.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { scale: &Scale::ONE }
    }

    #[inline]
    pub(super) const fn scaled(scale: &'a Scale) -> Self {
        Self { scale }
    }
}

impl RowFunction for Softmax<'_> {
    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        columns: usize,
        rows: &mut R,
        memory: &mut Memory<'_>,
    ) {
        write_long_quotients::<S, R, H>(simd, *self.scale, columns, rows, memory, self);
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        panels: impl Iterator<Item = R>,
    ) {
        let (mut sums, mut inverses) = (Values::new(), Values::new());
        panel.scale = *self.scale;
        for mut rows in panels {
            panel.exp_sums::<S, false, false>(simd, rows.input(), &[[NOWHERE; ROWS]; G], &mut sums);
            panel.map_rows(simd, Inverse, sums.each(), inverses.each_mut());
            write_quotients(simd, panel, inverses.each(), rows.output());
        }
    }
}

impl OfRows for Softmax<'_> {
    #[inline(always)]
    fn hole(&self, _: usize) -> Option<usize> {
        Some(NOWHERE)
    }

    #[inline(always)]
    fn factors<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        sums: &[ShiftedSum<S>; H],
    ) -> [Multiply; H] {
        let mut inverses = Values::new();
        map_rows(simd, Inverse, H, values(simd, sums).each(), inverses.each_mut());
        Multiply::by(&inverses)
    }

    #[inline(always)]
    fn apart<S: Simd, R: Row>(
        &self,
        simd: S,
        _: usize,
        sum: &ShiftedSum<S>,
        factor: Multiply,
        row: &mut R,
    ) -> (usize, f32) {
        likely(simd, *self.scale, sum, factor, row)
    }
}

/// What goes into the quotients of long rows, besides their sums.
pub(super) trait OfRows {
    /// The element of row i that is not summed; `None` if there is to be nothing but zeros.
    fn hole(&self, i: usize) -> Option<usize>;
    /// By what e^x · 2^-N of each row are multiplied.
    fn factors<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        sums: &[ShiftedSum<S>; H],
    ) -> [Multiply; H];
    /// An element of row i that is no such product, and its value.
    fn apart<S: Simd, R: Row>(
        &self,
        simd: S,
        i: usize,
        sum: &ShiftedSum<S>,
        factor: Multiply,
        row: &mut R,
    ) -> (usize, f32);
}

/// The quotients of at most H long rows.
#[inline(always)]
pub(super) fn write_long_quotients<S: Simd, R: Row, const H: usize>(
    simd: S,
    scale: Scale,
    columns: usize,
    rows: &mut R,
    Memory { stream, scratch, queue }: &mut Memory<'_>,
    of_rows: &mut impl OfRows,
) {
    let length = rows.input().len();
    // A long row out of cache is not stored, but computed again.
    let again = H == 1 && R::WRITES && *stream;
    // All heads first: each waits for itself, not for the row before.
    let mut heads = [f32::NAN; H];
    for (i, largest) in heads.iter_mut().enumerate() {
        if let Some(row) = rows.input().get(i * columns..(i + 1) * columns) {
            *largest = head(simd, row, of_rows.hole(i).unwrap_or(NOWHERE));
        }
    }
    let mut sums = [ShiftedSum::nan(simd); H];
    for (i, (sum, head)) in sums.iter_mut().zip(heads).enumerate() {
        let row = i * columns..(i + 1) * columns;
        if row.end > length {
            break;
        }
        let Some(hole) = of_rows.hole(i) else { continue };
        let scratch = scratch.get_mut(row.clone());
        let row = rows.part(row, scratch);
        *sum = if const { H == 1 } {
            finite_sum(simd, scale, &mut { row }, head, hole, !again)
        } else {
            finite_sum(simd, scale, &mut WithQueue { row, queue }, head, hole, true)
        };
    }
    let factors = of_rows.factors::<_, R, H>(simd, &sums);
    if !R::WRITES {
        return;
    }
    for i in 0..H {
        let (row, sum, factor) = (i * columns..(i + 1) * columns, &sums[i], factors[i]);
        if row.end > length {
            break;
        }
        let is_zero = of_rows.hole(i).is_none();
        let (at, y) = of_rows.apart(simd, i, sum, factor, &mut rows.part(row.clone(), None));
        let out = if const { H == 1 } && again && !is_zero {
            let (x, out) = rows.both();
            sweep::map_streaming(simd, Again::new(sum.shift(scale), factor), x, out);
            out
        } else {
            let out = scratch.get_mut(row.clone());
            let out = out.or(rows.output().get_mut(row)).unwrap_or(&mut []);
            if is_zero {
                sweep::fill(simd, 0.0, out);
            } else {
                sweep::map_back(simd, factor, out);
            }
            out
        };
        if let Some(out) = out.get_mut(at) {
            *out = y;
        }
    }
    if again {
        simd.fence();
    }
}

/// Each of at most [`ROWS`] sums, in two words.
#[inline(always)]
pub(super) fn values<S: Simd, const H: usize>(simd: S, sums: &[ShiftedSum<S>; H]) -> Values<1, 2> {
    let mut of_rows = Values::new();
    let Values(values) = &mut of_rows;
    if let [sum] = &sums[..] {
        (values[0][0][0], values[1][0][0]) = sum.total.value(simd);
        return of_rows;
    }
    let mut all = [Total::zero(simd); ROWS];
    for (all, sum) in all.iter_mut().zip(sums) {
        *all = sum.total;
    }
    let mut pairs = [Total::zero(simd); ROWS / 2];
    for i in 0..ROWS / 2 {
        pairs[i] = all[i].with(simd, all[i + ROWS / 2]);
    }
    let (high, low) = Total::values(simd, pairs);
    (values[0][0], values[1][0]) = (simd.block_to_array(high), simd.block_to_array(low));
    of_rows
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

/// The same, where e^x was.
#[inline(always)]
pub(super) fn quotients_in_place<'a, S: Simd, const N: usize, const G: usize>(
    simd: S,
    panel: &'a mut Panel<'_, N, G>,
    inverses: [&PerRow<G>; 2],
) -> &'a mut [f32] {
    if panel.is_calm {
        panel.map_in_place(simd, Quotient, inverses)
    } else {
        panel.map_in_place(simd, AnyQuotient, inverses)
    }
}

/// The reciprocal of a row's sum.
#[derive(Clone, Copy)]
pub(super) struct Inverse;

impl RowsFunction<2, 2> for Inverse {
    #[inline(always)]
    fn apply<V: Lanes>(self, [sum, low]: [V; 2]) -> [V; 2] {
        let (inverse, inverse_low) = divide((sum.splat(1.0), sum.splat(0.0)), (sum, low));
        [inverse, inverse_low]
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
pub struct LogSoftmax<'a> {
    scale: &'a Scale,
}

impl Default for LogSoftmax<'_> {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> LogSoftmax<'a> {
    /// For s = 1; [`ScaledSoftmax`](super::ScaledSoftmax) has others.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { scale: &Scale::ONE }
    }

    #[inline]
    pub(super) const fn scaled(scale: &'a Scale) -> Self {
        Self { scale }
    }
}

/// From this probability on, about, x less the logarithm of the sum cancels: it
/// is −ln(1 + tail) with the others' tail.
const LIKELY: f32 = 0.75;
/// ln of that.
const LN_LIKELY: f32 = -0.287_682_08;
/// Where no result exceeds this, no t without its δ, of at most 0.022, is likely.
const LN_PERHAPS: f32 = LN_LIKELY - 0.023;
/// The part of a sum that [`ShiftedSum::most`] exceeds where there is a likely element: it
/// is 0.947 of that at least.
const PERHAPS: f32 = 0.94 * LIKELY;

impl RowFunction for LogSoftmax<'_> {
    #[inline(always)]
    fn long<S: Simd, R: Row, const H: usize>(
        &mut self,
        simd: S,
        columns: usize,
        rows: &mut R,
        Memory { stream, scratch, queue }: &mut Memory<'_>,
    ) {
        let (stream, length, scale) = (*stream, rows.input().len(), *self.scale);
        let (mut subtract, mut likely) = ([Subtract::default(); H], [NOWHERE; H]);
        // Of the likely elements.
        let (mut x, mut y) = (Values::<1, 1>::new(), Values::<1, 1>::new());
        let mut again = false;
        loop {
            let mut sums = [ShiftedSum::nan(simd); H];
            for i in 0..H {
                let (row, hole) = (i * columns..(i + 1) * columns, likely[i]);
                if row.end > length {
                    break;
                }
                if again && hole == NOWHERE {
                    continue;
                }
                let row = rows.input().get(row).unwrap_or(&[]);
                let head = head(simd, row, hole);
                sums[i] = if const { H == 1 } {
                    finite_sum(simd, scale, &mut { row }, head, hole, false)
                } else {
                    finite_sum(simd, scale, &mut WithQueue { row, queue }, head, hole, false)
                };
            }
            let (of_sums, mut ln) = (values(simd, &sums), Values::<1, 2>::new());
            let ([sum, low], Values([center, exponent])) = (of_sums.each(), shifts(&sums));
            if again {
                let [x] = x.each();
                let of_rows = [sum, low, x, &center, &exponent];
                map_rows(simd, LnOfShare { scale }, H, of_rows, y.each_mut());
                break;
            }
            map_rows(simd, Ln, H, [sum, low, &exponent], ln.each_mut());
            let [high, low] = ln.each();
            for i in 0..H {
                subtract[i] = Subtract { center: center[0][i], high: high[0][i], low: low[0][i] };
                if sums[i].most > PERHAPS * sum[0][i] {
                    let row = i * columns..(i + 1) * columns;
                    let row = rows.input().get(row).unwrap_or(&[]);
                    let max = largest(simd, row);
                    let subtract = SubtractScaled { scale: scale.words.0, subtract: subtract[i] };
                    if subtract.apply(simd.splat(max)).first() > LN_LIKELY {
                        likely[i] = position(simd, row, max);
                        x.0[0][0][i] = max;
                        again = true;
                    }
                }
            }
            if !again {
                break;
            }
            // Once more without the likely elements.
        }
        for i in 0..H {
            let row = i * columns..(i + 1) * columns;
            if row.end > length {
                break;
            }
            let mut row = rows.part(row.clone(), scratch.get_mut(row));
            let (subtract, is_streamed) = (subtract[i], const { H == 1 } && stream);
            if scale.is_one() {
                write_differences(simd, subtract, &mut row, is_streamed);
            } else {
                let subtract = SubtractScaled { scale: scale.words.0, subtract };
                write_differences(simd, subtract, &mut row, is_streamed);
            }
            if let Some(out) = row.output().get_mut(likely[i]) {
                *out = y.0[0][0][i];
            }
        }
    }

    #[inline(always)]
    fn short<S: Simd, R: Row, const N: usize, const G: usize>(
        &mut self,
        simd: S,
        panel: &mut Panel<'_, N, G>,
        panels: impl Iterator<Item = R>,
    ) {
        let (mut sums, mut ln) = (Values::new(), Values::new());
        panel.scale = *self.scale;
        for mut rows in panels {
            panel.exp_sums::<S, false, false>(simd, rows.input(), &[[NOWHERE; ROWS]; G], &mut sums);
            let [sum, sum_low] = sums.each();
            panel.map_rows(simd, Ln, [sum, sum_low, &panel.exponent], ln.each_mut());
            let [high, low] = ln.each();
            let none_likely = if !self.scale.is_one() {
                let of_rows = [high, low, &panel.center];
                let difference = ScaledDifference(self.scale.words.0);
                panel.map_rows_of(simd, difference, of_rows, &mut rows, LN_PERHAPS)
            } else if panel.is_calm {
                panel.map_rows_of(simd, Difference, [high, low], &mut rows, LN_PERHAPS)
            } else {
                let of_rows = [high, low, &panel.center];
                panel.map_rows_of(simd, FarDifference, of_rows, &mut rows, LN_PERHAPS)
            };
            if none_likely {
                continue;
            }
            if panel.columns < FEW {
                write_all_likely(simd, panel, sums.each(), rows.output());
            } else {
                write_likely(simd, panel, rows.output());
            }
        }
    }
}

#[inline(always)]
fn write_differences<S: Simd, R: Row>(
    simd: S,
    subtract: impl Function,
    row: &mut R,
    is_streamed: bool,
) {
    if is_streamed {
        let (x, out) = row.both();
        sweep::map_streaming(simd, subtract, x, out);
        simd.fence();
    } else {
        sweep::map_row(simd, subtract, row);
    }
}

/// Columns from which on it is worth while to find likely elements one by one.
const FEW: usize = 8;

/// The likely elements, one by one, of a panel whose other results are written.
#[inline(always)]
fn write_likely<S: Simd, const N: usize, const G: usize>(
    simd: S,
    panel: &mut Panel<'_, N, G>,
    out: &mut [f32],
) {
    let mut places = [0; GROUPS * ROWS];
    let (mut own, mut others, mut y) = (Values::new(), Values::new(), Values::new());
    let count = positions_above(simd, out, LN_LIKELY, &mut places);
    let places = places.get(..count).unwrap_or(&[]);
    panel.remove_all(places, &mut own);
    for (i, places) in places.chunks(ROWS).enumerate() {
        let Values([own, own_low]) = &own;
        panel.sums_about(simd, places, &mut others);
        let [others, others_low] = others.each();
        let of_rows = [group(own, i), group(own_low, i), others, others_low];
        map_rows(simd, LnOfLikely, places.len(), of_rows, y.each_mut());
        for (at, y) in places.iter().zip(&y.0[0][0]) {
            if let Some(out) = out.get_mut(*at) {
                *out = *y;
            }
        }
    }
}

/// The same, of all rows at once.
#[inline(always)]
fn write_all_likely<S: Simd, const N: usize, const G: usize>(
    simd: S,
    panel: &mut Panel<'_, N, G>,
    [sum, sum_low]: [&PerRow<G>; 2],
    mut out: &mut [f32],
) {
    let (mut least, mut others) = (Values::new(), Values::new());
    let (mut own, mut y) = (Values::new(), Values::new());
    panel.map_rows(simd, Likelihood, [sum], least.each_mut());
    let [least] = least.each();
    if panel.remove_above(simd, least) {
        panel.sums(simd, 0, &mut others);
        let [others, others_low] = others.each();
        panel.map_rows(simd, Own, [sum, sum_low, others, others_low], own.each_mut());
        let [own, own_low] = own.each();
        panel.map_rows(simd, LnOfLikely, [own, own_low, others, others_low], y.each_mut());
        panel.map_rows_of(simd, OrLikely, y.each(), &mut out, 0.0);
    }
}

/// The i-th group, by itself.
#[inline(always)]
fn group<const G: usize>(of_rows: &PerRow<G>, i: usize) -> &PerRow<1> {
    of_rows.get(i).map_or(&[[0.0; ROWS]], core::array::from_ref)
}

/// The places of what is above a number, in order: how many there are.
#[inline(always)]
fn positions_above<S: Simd>(simd: S, x: &[f32], least: f32, to: &mut [usize]) -> usize {
    let mut count = 0;
    for at in (0..x.len()).step_by(S::F32::COUNT) {
        let x = simd.load(x.get(at..).unwrap_or(&[]), f32::NEG_INFINITY);
        let mut above = S::F32::bits(simd.splat(least).lt(x));
        // No branch would foretell whether there is one; more are rare.
        if let Some(to) = to.get_mut(count) {
            *to = at + above.trailing_zeros() as usize;
        }
        count += usize::from(above != 0);
        above &= above.wrapping_sub(1);
        while above != 0 {
            if let Some(to) = to.get_mut(count) {
                *to = at + above.trailing_zeros() as usize;
            }
            count += 1;
            above &= above.wrapping_sub(1);
        }
    }
    count
}

/// The center and N of each row.
#[inline(always)]
pub(super) fn shifts<S: Simd, const H: usize>(sums: &[ShiftedSum<S>; H]) -> Values<1, 2> {
    let mut shifts = Values::new();
    for i in 0..H.min(ROWS) {
        shifts.0[0][0][i] = sums[i].center;
        shifts.0[1][0][i] = sums[i].exponent;
    }
    shifts
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

/// The same with a scale.
#[derive(Clone, Copy)]
struct ScaledDifference(f32);

impl PanelFunction<3> for ScaledDifference {
    #[inline(always)]
    fn apply<V: Lanes>(self, (_, x): (V, V), [high, low, center]: [V; 3]) -> V {
        scaled_difference(x, self.0, [center, high, low])
    }
}

/// What a likely element exceeds.
#[derive(Clone, Copy)]
struct Likelihood;

impl RowsFunction<1, 1> for Likelihood {
    #[inline(always)]
    fn apply<V: Lanes>(self, [sum]: [V; 1]) -> [V; 1] {
        [sum * LIKELY]
    }
}

/// −ln(1 + others / own).
#[inline(always)]
fn ln_of_share<V: Lanes>(others: (V, V), own: (V, V)) -> V {
    let ln = ln_1p_positive(divide(others, own));
    // Zero less zero is +0.
    ln.splat(0.0) - ln
}

/// What is left of a row's sum without the sum of the others.
#[derive(Clone, Copy)]
struct Own;

impl RowsFunction<4, 2> for Own {
    #[inline(always)]
    fn apply<V: Lanes>(self, [sum, low, others, others_low]: [V; 4]) -> [V; 2] {
        let (high, error) = two_sum(sum, -others);
        let (own, own_low) = fast_two_sum(high, error + (low - others_low));
        [own, own_low]
    }
}

/// −ln(1 + tail) of what is likely, and of the sum of the others.
#[derive(Clone, Copy)]
struct LnOfLikely;

impl RowsFunction<4, 1> for LnOfLikely {
    #[inline(always)]
    fn apply<V: Lanes>(self, [own, own_low, others, others_low]: [V; 4]) -> [V; 1] {
        [ln_of_share((others, others_low), fast_two_sum(own, own_low))]
    }
}

/// The same of the sum without the likely element, and of its score, center and N.
#[derive(Clone, Copy)]
struct LnOfShare {
    scale: Scale,
}

impl RowsFunction<5, 1> for LnOfShare {
    #[inline(always)]
    fn apply<V: Lanes>(self, [others, low, score, center, exponent]: [V; 5]) -> [V; 1] {
        [ln_of_share((others, low), words_of_each(self.scale, score, center, exponent))]
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
