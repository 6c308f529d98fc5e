//! What becomes of e^x · 2^-N and of x when a row's sum is known.
#![allow(unsafe_code)] // tiles and scratches have what they say

use super::exp::terms;
use super::rows::product_rounded;
use super::shifts::{Shifts, floor_of};
use super::{PerRow, ROWS, SHORT, Scratch, Tile, Words};
use crate::math::shifted_exp::Scale;
use crate::math::words::{times, two_product};
use crate::simd::{Lanes, SIXTEENTHS, Simd, Vectors, unroll};

/// What is subtracted from a multiple of a probability.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    /// Nothing.
    None,
    /// A number in two words from each.
    Uniform((f32, f32)),
    /// What stands in the place of each in rows of the same shape, times a number in two words;
    /// so many rows come before the first.
    Rows(&'a Tile<'a>, (f32, f32), usize),
}

impl Target<'_> {
    /// Whether its rows, if it has any, follow one another without gaps.
    #[inline(always)]
    fn is_flat(&self, columns: usize) -> bool {
        if let Self::Rows(rows, ..) = self { rows.x_stride == columns } else { true }
    }

    /// Those of the rows from one on.
    pub(crate) fn from(self, first: usize) -> Self {
        match self {
            Self::Rows(rows, scale, before) => Self::Rows(rows, scale, before + first),
            other => other,
        }
    }
}

/// Products below 2^-123 are computed 2^32 times as large: near 2^-126 a second word would be
/// lost.
const SMALL: f32 = 9.403_955e-38;
const HEADROOM: f32 = 4_294_967_296.0;

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
}

impl<V: Lanes> Factor<V> {
    #[inline(always)]
    fn new(like: V, (high, low): (f32, f32), largest: f32) -> Self {
        let likely = if largest > LIKELY { LIKELY } else { f32::INFINITY };
        Self {
            high: like.splat(high),
            low: like.splat(low),
            likely: like.splat(likely),
            largest: like.splat(largest),
            small: 2.0 * SMALL / high,
        }
    }

    /// The product with x, rounded once.
    #[inline(always)]
    fn times(self, x: V) -> V {
        let y = product(x, self.high, x * self.low);
        let y = V::select(self.likely.lt(y), self.largest, y);
        if x.all_above(self.small) {
            return y;
        }
        let small = product(x, self.high * HEADROOM, x * (self.low * HEADROOM));
        V::select(y.abs().lt(y.splat(SMALL)), small * (1.0 / HEADROOM), y)
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

/// Kept e^x · 2^-N times the factor of its row; the tile's first row has the factor `first`.
/// Results may be streamed past the caches.
#[inline(always)]
pub(super) unsafe fn scale<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    first: usize,
    factors: &Words,
    largest: Option<&PerRow>,
    stream: bool,
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
            if const { S::STREAMS } && stream {
                at = unaligned(out).min(tile.columns);
                if at > 0 {
                    simd.store_part(one.times(simd.load_part(x, at, 0.0)), out, at);
                }
                while at + S::F32::COUNT <= tile.columns {
                    simd.stream(one.times(simd.load(x.add(at))), out.add(at));
                    at += S::F32::COUNT;
                }
            }
            while const { S::IS_WIDE } && at + S::Wide::COUNT <= tile.columns {
                let y = wide.times(<S::Wide as Vectors<S>>::load(simd, x.add(at)));
                y.store(simd, out.add(at));
                at += S::Wide::COUNT;
            }
            while at < tile.columns {
                let rest = tile.columns - at;
                let y = one.times(simd.load_part(x.add(at), rest, 0.0));
                simd.store_part(y, out.add(at), rest);
                at += S::F32::COUNT;
            }
        }
    }
    if stream {
        simd.fence();
    }
}

/// Elements from a place up to the next that a vector may be streamed to.
#[inline(always)]
fn unaligned(place: *const f32) -> usize {
    (place.addr().wrapping_neg() % 64) / 4
}

/// e^(s·x) · 2^-N times the factor of its row less a target, from x once more; the tile's first
/// row has the numbers `first`. Without a target it is what [`scale`] makes of it. Results may be
/// streamed past the caches.
#[inline(always)]
pub(super) unsafe fn exp_write<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    first: usize,
    formula: Again<'_>,
    target: Target<'_>,
    stream: bool,
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
        let head = if const { S::STREAMS } && stream { unaligned(out) } else { 0 };
        let mut at = 0;
        while at < tile.columns {
            let rest = tile.columns - at;
            // The first step goes up to where vectors are aligned.
            let count = if at < head { rest.min(head) } else { rest.min(S::F32::COUNT) };
            unsafe {
                let x = simd.load_part(x.add(at), count, 0.0);
                let (t, delta) = terms(scale, floor.max(x), zero_point);
                let y = if let Some(target) = target_of(simd, target, i, at, count) {
                    less((t, t * delta), factor, target)
                } else {
                    plain.times(t.mul_add(delta, t))
                };
                if const { S::STREAMS } && stream && count == S::F32::COUNT {
                    simd.stream(y, out.add(at));
                } else {
                    simd.store_part(y, out.add(at), count);
                }
            }
            at += count;
        }
    }
    if stream {
        simd.fence();
    }
}

/// What it takes to compute e^(s·x) · 2^-N of rows once more, and their results.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a> {
    pub(crate) scale: &'a Scale,
    pub(crate) shifts: &'a Shifts,
    pub(crate) factors: &'a Words,
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
) -> Option<(S::F32, S::F32)> {
    match target {
        Target::None => None,
        Target::Uniform((high, low)) => Some((simd.splat(high), simd.splat(low))),
        Target::Rows(rows, (scale, scale_low), before) => {
            let from = rows.x.wrapping_add((before + i) * rows.x_stride + at);
            let t = unsafe { simd.load_part(from, rest, 0.0) };
            Some(times(t, (simd.splat(scale), simd.splat(scale_low))))
        }
    }
}

/// A short row's e^(s·x) · 2^-N times its factor, less a target if there is one; `any_size` if the
/// product may be [`SMALL`].
#[inline(always)]
fn short_result<V: Lanes>(e: (V, V), factor: (V, V), target: Option<(V, V)>, any_size: bool) -> V {
    if let Some(target) = target {
        return less(e, factor, target);
    }
    let y = product_rounded(e, factor);
    if !any_size {
        return y;
    }
    let large = (factor.0 * HEADROOM, factor.1 * HEADROOM);
    let small = product_rounded(e, large) * (1.0 / HEADROOM);
    V::select(y.abs().lt(y.splat(SMALL)), small, y)
}

/// A walk over the elements of short rows without gaps, in whole vectors, where each lane needs
/// the numbers of its row.
struct Flat<V> {
    /// The next element, the row it is in, and its place there.
    at: usize,
    row: usize,
    place: usize,
    columns: usize,
    /// Rows and elements that a vector goes on by.
    rows_by: usize,
    places_by: usize,
    /// Elements before the first that is aligned.
    head: usize,
    lanes: V,
    inverse: f32,
}

/// A number of lane, less half of −1: see [`Flat::numbers`].
static LANES: [f32; 16] =
    [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.5, 12.5, 13.5, 14.5, 15.5];

impl<V: Lanes> Flat<V> {
    #[inline(always)]
    fn new<S: Simd<F32 = V>>(simd: S, columns: usize, stream: bool, out: *const f32) -> Self {
        let inverse = 1.0 / columns as f32;
        // SAFETY: no vector has more lanes.
        let lanes = unsafe { simd.load(LANES.as_ptr()) } - 0.5 * columns as f32;
        Self {
            at: 0,
            row: 0,
            place: 0,
            columns,
            rows_by: V::COUNT / columns,
            places_by: V::COUNT % columns,
            head: if stream { unaligned(out) } else { 0 },
            lanes,
            inverse,
        }
    }

    /// How many elements are next, of so many.
    #[inline(always)]
    fn step<S: Simd<F32 = V>>(&self, all: usize) -> usize {
        let rest = all - self.at;
        if self.at < self.head { rest.min(self.head) } else { rest.min(V::COUNT) }
    }

    /// The numbers of the lanes' rows, in two words; those of the walk begin with the `first`.
    #[inline(always)]
    unsafe fn numbers<S: Simd<F32 = V>>(&self, simd: S, first: usize, words: &Words) -> (V, V) {
        /// 1.5 · 2^23: what is added to it is rounded to a whole number in the lowest bits.
        const WHOLE: f32 = 12_582_912.0;
        // ⌊(place + lane)/columns⌋, as (place + lane + ½)/columns − ½ rounded.
        let place = self.lanes + self.place as f32;
        let index = place.mul_add(place.splat(self.inverse), place.splat(WHOLE));
        let (high, low) = (words.high.at(first + self.row), words.low.at(first + self.row));
        let _ = simd;
        // SAFETY: a `PerRow` has room for a vector from each row on.
        unsafe {
            if const { V::COUNT == 16 } {
                let (high, low) = (&*high.cast::<[f32; 16]>(), &*low.cast::<[f32; 16]>());
                let [high, low] = index.lookup([high, low]);
                (high, low)
            } else {
                let (high, low) = (&*high.cast::<[f32; 8]>(), &*low.cast::<[f32; 8]>());
                let [high, low] = index.lookup([high, low]);
                (high, low)
            }
        }
    }

    #[inline(always)]
    unsafe fn store<S: Simd<F32 = V>>(
        &self,
        simd: S,
        y: V,
        out: *mut f32,
        step: usize,
        stream: bool,
    ) {
        unsafe {
            if const { S::STREAMS } && stream && step == V::COUNT {
                simd.stream(y, out.add(self.at));
            } else {
                simd.store_part(y, out.add(self.at), step);
            }
        }
    }

    #[inline(always)]
    fn advance(&mut self, step: usize) {
        self.at += step;
        if step == V::COUNT {
            self.row += self.rows_by;
            self.place += self.places_by;
            if self.place >= self.columns {
                self.place -= self.columns;
                self.row += 1;
            }
        } else {
            self.row = self.at / self.columns;
            self.place = self.at % self.columns;
        }
    }
}

/// Short rows' e^(s·x) · 2^-N, in two words and without gaps, times the factor of the row less a
/// target; `any_size` if products may be [`SMALL`]. The tile's first row is that of number
/// `first` there.
#[inline(always)]
pub(super) unsafe fn short_write<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    first: usize,
    scratch: &Scratch,
    factors: &Words,
    target: Target<'_>,
    any_size: bool,
    stream: bool,
) {
    let (count, columns, rows) = (S::F32::COUNT, tile.columns, tile.rows.min(ROWS));
    let [high, low] = scratch.places();
    if const { S::IS_NATIVE } && rows > 1 && tile.out_stride == columns && target.is_flat(columns) {
        let mut flat = Flat::new(simd, columns, stream, tile.out);
        while flat.at < rows * columns {
            let step = flat.step::<S>(rows * columns);
            let from = first * columns + flat.at;
            unsafe {
                let e = (simd.load(high.add(from)), simd.load(low.add(from)));
                let factor = flat.numbers(simd, first, factors);
                let target = target_of(simd, target, 0, flat.at, step);
                let y = short_result(e, factor, target, any_size);
                flat.store(simd, y, tile.out, step, stream);
            }
            flat.advance(step);
        }
        if stream {
            simd.fence();
        }
        return;
    }
    // What a row's last vector writes beyond it is written again by the next.
    let end = if tile.out_stride == columns { rows * columns } else { 0 };
    for i in 0..rows {
        let (factor, factor_low) = factors.get(first + i);
        let factor = (simd.splat(factor), simd.splat(factor_low));
        let (from, to) = ((first + i) * columns, i * tile.out_stride);
        let mut at = 0;
        while at < columns {
            let rest = columns - at;
            unsafe {
                let e = (simd.load(high.add(from + at)), simd.load(low.add(from + at)));
                let target = target_of(simd, target, i, at, rest);
                let y = short_result(e, factor, target, any_size);
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

/// s·x less a logarithm in two words, each row's own: s·(x − center) − high − low. Results may be
/// streamed past the caches.
#[inline(always)]
pub(super) unsafe fn subtract<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    scale: &Scale,
    center: f32,
    logarithms: &Words,
    stream: bool,
) {
    let (s, columns, rows) = (scale.words.0, tile.columns, tile.rows.min(ROWS));
    let is_flat = tile.x_stride == columns && tile.out_stride == columns;
    if const { S::IS_NATIVE } && is_flat && rows > 1 && (2..=SHORT).contains(&columns) {
        let mut flat = Flat::new(simd, columns, stream, tile.out);
        while flat.at < rows * columns {
            let step = flat.step::<S>(rows * columns);
            unsafe {
                let x = simd.load_part(tile.x.add(flat.at), step, 0.0);
                let y = difference(x, s, center, flat.numbers(simd, 0, logarithms));
                flat.store(simd, y, tile.out, step, stream);
            }
            flat.advance(step);
        }
        if stream {
            simd.fence();
        }
        return;
    }
    for i in 0..rows {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let out = tile.out.wrapping_add(i * tile.out_stride);
        let (high, low) = logarithms.get(i);
        let wide = <S::Wide as Vectors<S>>::splat_of(simd, 0.0);
        let wide = (wide.splat(high), wide.splat(low));
        let one = (simd.splat(high), simd.splat(low));
        let mut at = 0;
        unsafe {
            if const { S::STREAMS } && stream {
                at = unaligned(out).min(columns);
                if at > 0 {
                    let x = simd.load_part(x, at, 0.0);
                    simd.store_part(difference(x, s, center, one), out, at);
                }
                while at + S::F32::COUNT <= columns {
                    let x = simd.load(x.add(at));
                    simd.stream(difference(x, s, center, one), out.add(at));
                    at += S::F32::COUNT;
                }
            }
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
    if stream {
        simd.fence();
    }
}

/// s·(x − center) − high − low, the product in two words.
#[inline(always)]
fn difference<V: Lanes>(x: V, s: f32, center: f32, (high, low): (V, V)) -> V {
    if s == 1.0 {
        return ((x - center) - high) - low;
    }
    // Halves: x − center may overflow where s·(x − center) does not.
    let (half, twice) = if s < 1.0 { (0.5, 2.0 * s) } else { (1.0, s) };
    let distance = x * half - half * center;
    let (y, y_low) = two_product(distance, x.splat(twice));
    let difference = (y - high) + (y_low - low);
    // An infinity leaves nothing to add.
    let infinity = x.splat(f32::NEG_INFINITY);
    V::select(y.eq(infinity), infinity, difference)
}

/// For each short row the place of the element that has about ¾ of its sum or more, if there is
/// one: a bit for each such row.
#[inline(always)]
pub(super) unsafe fn dominant<S: Simd>(
    simd: S,
    rows: usize,
    columns: usize,
    scratch: &Scratch,
    sums: &Words,
    places: &mut [usize; ROWS],
) -> u64 {
    let [high, _] = scratch.places();
    let mut dominated = 0;
    for (i, of_row) in places.iter_mut().enumerate().take(rows) {
        let limit = simd.splat(LIKELY * sums.high.get(i));
        let (mut at, mut place) = (0, usize::MAX);
        // To the end of the row: no branch would foretell where there is one.
        while at < columns {
            // SAFETY: a scratch has room for a block more.
            let t = unsafe { simd.load(high.add(i * columns + at)) };
            let above = S::F32::bits(limit.lt(t));
            let found = at + above.trailing_zeros() as usize;
            // What is beyond the row is no element of it.
            place = if above != 0 && found < columns { found } else { place };
            at += S::F32::COUNT;
        }
        *of_row = place;
        dominated |= u64::from(place < columns) << i;
    }
    dominated
}
