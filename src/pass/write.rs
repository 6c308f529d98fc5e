//! What becomes of e^x · 2^-N and of x when a row's sum is known.
#![allow(unsafe_code)] // tiles and scratches have what they say

use super::coefficients::splat;
use super::exp::terms;
use super::rows::product_rounded;
use super::shifts::Shifts;
use super::{Coefficients, DoubleWords, PerRow, ROWS, Scratch, Tile};
use crate::math::double_word::{self, times, two_product, two_sum};
use crate::math::shift::floor_of;
use crate::math::shifted_exp::Scale;
use crate::simd::{Lanes, SIXTEENTHS, Simd, Vectors, call, unroll};

/// What is subtracted from a multiple of a probability.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    /// A number in two words from each.
    Uniform((f32, f32)),
    /// From each what is its own.
    Rows(TargetRows<'a>),
}

/// Targets of rows: a·s of each element.
#[derive(Clone, Copy)]
pub(crate) struct TargetRows<'a> {
    /// t of rows of the same shape; 0 where there are none.
    pub(crate) targets: Option<&'a Tile<'a>>,
    pub(crate) coefficients: &'a Coefficients<'a>,
    /// s as a double-word number.
    pub(crate) scale: (f32, f32),
    /// So many rows come before the first.
    pub(crate) before: usize,
}

impl Target<'_> {
    /// Those of the rows from one on.
    pub(crate) fn from(self, first: usize) -> Self {
        match self {
            Self::Rows(rows) => Self::Rows(TargetRows { before: rows.before + first, ..rows }),
            Self::Uniform(words) => Self::Uniform(words),
        }
    }
}

/// Products below 2^-100 are computed 2^64 times as large: near 2^-126 their second word would be
/// subnormal. It would be lost, and to multiply then takes a CPU a hundred times as long.
const SMALL: f32 = 7.888_609e-31;
const HEADROOM: f32 = 18_446_744_073_709_551_616.0;
/// Times [`SMALL`] it is 2^-151: half the least subnormal number, and half of that.
const NOTHING: f32 = 4.440_892e-16;

/// From this factor on, products of a moderate row are at least 2^-123: 2^-65, as s·x is −40 at
/// least.
const LEAST_FACTOR: f32 = 2.710_505_4e-20;

/// Whether products of a moderate row may be smaller than 2^-123.
#[inline(always)]
pub(super) fn may_be_small(factor: f32) -> bool {
    factor.abs() < LEAST_FACTOR
}

/// The probability from which on an element's own is computed for itself: of e^x as it was kept,
/// rounded, a certain class would not be quite certain.
const LIKELY: f32 = 0.75;

/// exp·factor less a target, all in two words.
#[inline(always)]
fn less<V: Lanes>((e, low): (V, V), factor: (V, V), (target, target_low): (V, V)) -> V {
    let (p, error) = two_product(e, factor.0);
    let p_low = e.mul_add(factor.1, low.mul_add(factor.0, error));
    // What the difference leaves, exactly where p is more than half of the target. Below, what
    // e^x is off by counts half, and there is room for a rounding.
    let difference = p - target;
    let left = (p - difference) - target;
    difference + (left + (p_low - target_low))
}

/// By what kept e^x · 2^-N of a row are multiplied.
#[derive(Clone, Copy)]
struct Factor<V> {
    high: V,
    low: V,
    /// Above this, a product is replaced by `largest`.
    likely: V,
    largest: V,
    /// Up to this e^x · 2^-N, products may be [`SMALL`].
    small: f32,
    /// Below this, products are 0.
    nothing: V,
}

impl<V: Lanes> Factor<V> {
    #[inline(always)]
    fn new(like: V, (high, low): (f32, f32), largest: f32) -> Self {
        let likely = if largest > LIKELY { LIKELY } else { f32::INFINITY };
        let small = 2.0 * SMALL / high.abs();
        Self {
            high: like.splat(high),
            low: like.splat(low),
            likely: like.splat(likely),
            largest: like.splat(largest),
            small,
            nothing: like.splat(0.5 * small * NOTHING),
        }
    }

    /// The product with x, rounded once.
    #[inline(always)]
    fn times(self, x: V) -> V {
        if self.is_usual(x) {
            return self.usual(x);
        }
        call!(V, (self, x), |(factor, x)| {
            let zero = x.splat(0.0);
            let x = V::select(x.lt(factor.nothing), zero, x);
            let small = product(x, factor.high * HEADROOM, x * (factor.low * HEADROOM));
            let is_small = small.abs().lt(x.splat(SMALL * HEADROOM));
            let usual = factor.usual(V::select(is_small, zero, x));
            V::select(is_small, scaled_down(small), usual)
        })
    }

    /// Whether no product with x is [`SMALL`].
    #[inline(always)]
    fn is_usual(self, x: V) -> bool {
        x.all_above(self.small)
    }

    /// The product with such an x.
    #[inline(always)]
    fn usual(self, x: V) -> V {
        let y = product(x, self.high, x * self.low);
        V::select(self.likely.lt(y), self.largest, y)
    }
}

/// x over [`HEADROOM`]. A subnormal quotient is put together from bits, since a CPU computes slowly
/// where a result is subnormal.
#[inline(always)]
fn scaled_down<V: Lanes>(x: V) -> V {
    const LEAST: f32 = f32::MIN_POSITIVE;
    call!(V, x, |x| {
        let (zero, size, border) = (x.splat(0.0), x.abs(), x.splat(LEAST * HEADROOM));
        // 2^23 and the quotient, rounded to a multiple of the least number, 2^-149; times that it is
        // 2^-126 and the quotient, whose bits are the difference of theirs.
        let multiple = size.min(border) * 3.868_562_6e25 + 8_388_608.0;
        let subnormal = zero.max_distance(multiple * 2.646_977_96e-23 * 5.293_955_92e-23, LEAST);
        let normal = size.max(border) * (1.0 / HEADROOM);
        let quotient = V::select(size.lt(border), subnormal, normal);
        V::select(x.lt(zero), -quotient, quotient)
    })
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

/// Kept e^x · 2^-N times the factor of its row; the tile's first row has the factor `first`.
#[inline(always)]
pub(super) unsafe fn scale<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    first: usize,
    factors: &DoubleWords,
    largest: Option<&PerRow>,
) {
    for i in 0..tile.rows.min(ROWS) {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let out = tile.out.wrapping_add(i * tile.out_stride);
        let words = factors.get(first + i);
        let largest = if let Some(largest) = largest { largest.get(first + i) } else { 0.0 };
        let wide = <S::Wide as Vectors<S>>::splat_of(simd, 0.0);
        let wide = Factor::new(wide, words, largest);
        let one = Factor::new(simd.splat(0.0), words, largest);
        let mut at = 0;
        unsafe {
            while at < tile.columns {
                if const { S::IS_WIDE } && at + S::Wide::COUNT <= tile.columns {
                    let x = <S::Wide as Vectors<S>>::load(simd, x.add(at));
                    if wide.is_usual(x) {
                        wide.usual(x).store(simd, out.add(at));
                        at += S::Wide::COUNT;
                        continue;
                    }
                }
                let rest = tile.columns - at;
                let y = one.times(simd.load_part(x.add(at), rest, 0.0));
                simd.store_part(y, out.add(at), rest);
                at += S::F32::COUNT;
            }
        }
    }
}

/// e^(s·x) · 2^-N times the factor of its row less a target, from x once more; the tile's first
/// row has the numbers `first`. Without a target it is what [`scale`] makes of it.
#[inline(always)]
pub(super) unsafe fn exp_write<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    first: usize,
    formula: Again<'_>,
    target: Option<Target<'_>>,
) {
    let Again { scale, shifts, factors, largest } = formula;
    for i in 0..tile.rows.min(ROWS) {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let out = tile.out.wrapping_add(i * tile.out_stride);
        let exponent = shifts.exponent.get(first + i);
        let floor = simd.splat(floor_of(scale, exponent));
        let zero_point = simd.splat(SIXTEENTHS - exponent);
        let words = factors.get(first + i);
        let factor = (simd.splat(words.0), simd.splat(words.1));
        let largest = if let Some(largest) = largest { largest.get(first + i) } else { 0.0 };
        let plain = Factor::new(floor, words, largest);
        let mut at = 0;
        while at < tile.columns {
            let rest = tile.columns - at;
            unsafe {
                let x = simd.load_part(x.add(at), rest, 0.0);
                let (t, delta) = terms(scale, floor.max(x), zero_point);
                let t = S::F32::select(x.le(floor), simd.splat(0.0), t);
                let y = if let Some(target) = target {
                    less((t, t * delta), factor, target_of(simd, target, i, at, rest))
                } else {
                    plain.times(t.mul_add(delta, t))
                };
                simd.store_part(y, out.add(at), rest);
            }
            at += S::F32::COUNT;
        }
    }
}

/// What it takes to compute e^(s·x) · 2^-N of rows once more, and their results.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a> {
    pub(crate) scale: &'a Scale,
    pub(crate) shifts: &'a Shifts,
    pub(crate) factors: &'a DoubleWords,
    pub(crate) largest: Option<&'a PerRow>,
}

/// The targets of row i from a place on.
#[inline(always)]
unsafe fn target_of<S: Simd>(
    simd: S,
    target: Target<'_>,
    i: usize,
    at: usize,
    rest: usize,
) -> (S::F32, S::F32) {
    match target {
        Target::Uniform(words) => splat(simd.splat(0.0), words),
        Target::Rows(TargetRows { targets, coefficients, scale, before }) => {
            let zero = simd.splat(0.0);
            let mut t = zero;
            if let Some(rows) = targets {
                let from = rows.x.wrapping_add((before + i) * rows.x_stride + at);
                t = unsafe { simd.load_part(from, rest, 0.0) };
            }
            let a = coefficients.of(t, coefficients.weights(simd, at, rest));
            double_word::product(a, splat(zero, scale))
        }
    }
}

/// A short row's e^(s·x) · 2^-N times its factor; `any_size` if the product may be [`SMALL`].
#[inline(always)]
fn short_product<V: Lanes>(e: (V, V), factor: (V, V), any_size: bool) -> V {
    if !any_size {
        return product_rounded(e, factor);
    }
    let zero = e.0.splat(0.0);
    let small = product_rounded(e, (factor.0 * HEADROOM, factor.1 * HEADROOM));
    let is_small = small.abs().lt(zero.splat(SMALL * HEADROOM));
    let usual = (V::select(is_small, zero, e.0), V::select(is_small, zero, e.1));
    V::select(is_small, scaled_down(small), product_rounded(usual, factor))
}

/// Short rows' e^(s·x) · 2^-N, in two words and without gaps, times the factor of the row;
/// with the N of rows that may not be moderate. The tile's first row is that of number `first` there.
#[inline(always)]
pub(super) unsafe fn short_write<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    first: usize,
    scratch: &Scratch,
    factors: &DoubleWords,
    shifts: Option<&Shifts>,
) {
    let (count, columns, rows) = (S::F32::COUNT, tile.columns, tile.rows.min(ROWS));
    let [high, low] = scratch.places();
    // What a row's last vector writes beyond it is written again by the next.
    let end = if tile.out_stride == columns { rows * columns } else { 0 };
    for i in 0..rows {
        let (factor, factor_low) = factors.get(first + i);
        let is_moderate = shifts.is_none_or(|shifts| shifts.exponent.get(first + i) == 0.0);
        let any_size = !is_moderate || may_be_small(factor);
        let factor = (simd.splat(factor), simd.splat(factor_low));
        let (from, to) = ((first + i) * columns, i * tile.out_stride);
        let mut at = 0;
        // Whole vectors of the usual kind, without a question for each.
        while const { !S::F32::CALLS } && !any_size && at + count <= columns {
            unsafe {
                let e = (simd.load(high.add(from + at)), simd.load(low.add(from + at)));
                simd.store(product_rounded(e, factor), tile.out.wrapping_add(to + at));
            }
            at += count;
        }
        while at < columns {
            let rest = columns - at;
            unsafe {
                let e = (simd.load(high.add(from + at)), simd.load(low.add(from + at)));
                let y = short_product(e, factor, any_size);
                let out = tile.out.wrapping_add(to + at);
                if rest >= count || to + at + count <= end {
                    simd.store(y, out);
                } else {
                    simd.store_first(y, out, rest);
                }
            }
            at += count;
        }
    }
}

/// [`short_write`] less a target.
#[inline(always)]
pub(super) unsafe fn short_write_less<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    first: usize,
    scratch: &Scratch,
    factors: &DoubleWords,
    target: Target<'_>,
) {
    let columns = tile.columns;
    let [high, low] = scratch.places();
    for i in 0..tile.rows.min(ROWS) {
        let (factor, factor_low) = factors.get(first + i);
        let factor = (simd.splat(factor), simd.splat(factor_low));
        let from = (first + i) * columns;
        let out = tile.out.wrapping_add(i * tile.out_stride);
        let mut at = 0;
        while at < columns {
            let rest = columns - at;
            unsafe {
                let e = (simd.load(high.add(from + at)), simd.load(low.add(from + at)));
                let target = target_of(simd, target, i, at, rest);
                simd.store_part(less(e, factor, target), out.wrapping_add(at), rest);
            }
            at += S::F32::COUNT;
        }
    }
}

/// (x − center)·power of a row; −∞ stays so, also with a power of 0.
#[inline(always)]
pub(super) unsafe fn multiply<S: Simd>(simd: S, row: &Tile<'_>, center: f32, power: f32) {
    let mut at = 0;
    while at < row.columns {
        let rest = row.columns - at;
        unsafe {
            let x = simd.load_part(row.x.add(at), rest, 0.0);
            let impossible = x.splat(f32::NEG_INFINITY);
            let y = S::F32::select(x.eq(impossible), impossible, (x - center) * power);
            simd.store_part(y, row.out.add(at), rest);
        }
        at += S::F32::COUNT;
    }
}

/// s·x less a logarithm in two words, each row's own: s·(x − center) − high − low.
#[inline(always)]
pub(super) unsafe fn subtract<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    scale: &Scale,
    center: f32,
    logarithms: &DoubleWords,
) {
    let (s, columns, rows) = (scale.words.0, tile.columns, tile.rows.min(ROWS));
    for i in 0..rows {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let out = tile.out.wrapping_add(i * tile.out_stride);
        let (high, low) = logarithms.get(i);
        let wide = <S::Wide as Vectors<S>>::splat_of(simd, 0.0);
        let wide = (wide.splat(high), wide.splat(low));
        let one = (simd.splat(high), simd.splat(low));
        let mut at = 0;
        unsafe {
            while const { S::IS_WIDE } && at + S::Wide::COUNT <= columns {
                unroll!(j in 0..S::Wide::COUNT.div_ceil(16), {
                    simd.prefetch(x.wrapping_add(at + j * 16 + super::TILE));
                });
                let x = <S::Wide as Vectors<S>>::load(simd, x.add(at));
                difference(x, s, center, wide).store(simd, out.add(at));
                at += S::Wide::COUNT;
            }
            while at < columns {
                let rest = columns - at;
                let x = simd.load_part(x.add(at), rest, 0.0);
                simd.store_part(difference(x, s, center, one), out.add(at), rest);
                at += S::F32::COUNT;
            }
        }
    }
}

/// s·(x − center) − high − low, the product in two words.
#[inline(always)]
pub(super) fn difference<V: Lanes>(x: V, s: f32, center: f32, (high, low): (V, V)) -> V {
    if s == 1.0 {
        return ((x - center) - high) - low;
    }
    let (y, y_low) = if center == 0.0 {
        two_product(x, x.splat(s))
    } else {
        // Halves: x − center may overflow where s·(x − center) does not.
        times(x.splat(2.0 * s), two_sum(x * 0.5, x.splat(-0.5 * center)))
    };
    let difference = (y - high) + (y_low - low);
    // An infinity leaves nothing to add, and has no second word.
    V::select(y.eq(x.splat(f32::NEG_INFINITY)), y - high, difference)
}

/// What the logarithms of short rows are made of, one number a row.
#[derive(Clone, Copy)]
pub(crate) struct Logarithms<'a> {
    pub(crate) scale: &'a Scale,
    /// ln Σ e^(s·x).
    pub(crate) ln: &'a DoubleWords,
    /// What e^(s·x) · 2^-N of a dominant element exceeds, and the logarithm of its share.
    pub(crate) limits: &'a PerRow,
    pub(crate) dominant: &'a PerRow,
}

/// s·x less a logarithm of short rows, whose e^(s·x) · 2^-N are in a scratch; a dominant element
/// has a logarithm of its own.
#[inline(always)]
pub(super) unsafe fn short_subtract<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    scratch: &Scratch,
    numbers: Logarithms<'_>,
) {
    let Logarithms { scale, ln, limits, dominant } = numbers;
    let (s, columns, rows) = (scale.words.0, tile.columns, tile.rows.min(ROWS));
    let [high, _] = scratch.places();
    for i in 0..rows {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let out = tile.out.wrapping_add(i * tile.out_stride);
        let (ln, ln_low) = ln.get(i);
        let (ln, limit) = ((simd.splat(ln), simd.splat(ln_low)), simd.splat(limits.get(i)));
        let dominant = simd.splat(dominant.get(i));
        let mut at = 0;
        while at < columns {
            let rest = columns - at;
            unsafe {
                let x = simd.load_part(x.add(at), rest, 0.0);
                let t = simd.load(high.add(i * columns + at));
                let y = S::F32::select(limit.lt(t), dominant, difference(x, s, 0.0, ln));
                simd.store_part(y, out.add(at), rest);
            }
            at += S::F32::COUNT;
        }
    }
}
