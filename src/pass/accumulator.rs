//! Compensated sums of e^x · 2^-N, 16 lanes each, and their values.
//!
//! Sums of long rows start from a bias above every term: then three operations give the error of an
//! addition exactly (Dekker's sum needs the larger operand first). In short rows, and for terms
//! of both signs, operands are compared. Without compensation, softmax of 16 blocks was 5 ULP
//! off, of 2 blocks 2 ULP. Lanes are added up in a fixed tree, sixteen
//! rows at once by a transposition.
#![allow(unsafe_code)] // memory is that of values here, or a scratch that has what it says

use super::{DoubleWords, GROUP, PerRow, Scratch};
use crate::math::double_word::{fast_two_sum, two_sum};
use crate::math::shift::exp2;
use crate::simd::{BLOCK, Lane16, Lanes, Simd, unroll};
use core::hint::black_box;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// A double-word sum in each of [`BLOCK`] lanes.
#[derive(Clone, Copy)]
pub(super) struct Accumulator<S: Simd> {
    pub(super) high: S::Block,
    pub(super) low: S::Block,
}

/// What is added to lanes: the less is known of it, the more additions it takes.
#[derive(Clone, Copy)]
pub(super) enum Term<V> {
    /// t·(1 + δ) below the bias that the sum began with.
    Below(V, V),
    /// Two words that are not negative, to a sum that is not.
    Positive(V, V),
    /// Two words of any sign. The second word of an infinity or a NaN has no meaning.
    Signed(V, V),
}

/// For j over the vectors of a block.
macro_rules! each {
    ($s:ident, $j:ident, $body:expr) => {
        unroll!($j in 0..BLOCK / $s::F32::COUNT, $body)
    };
}

impl<S: Simd> Accumulator<S> {
    #[inline(always)]
    pub(super) fn zero(simd: S) -> Self {
        Self::from_bias(simd, 0.0)
    }

    /// Starts from a bias, which [`without_bias`](Self::without_bias) takes back.
    #[inline(always)]
    pub(super) fn from_bias(simd: S, bias: f32) -> Self {
        Self { high: simd.block(simd.splat(bias)), low: simd.block(simd.splat(0.0)) }
    }

    /// Adds a term to the lanes of vector j.
    #[inline(always)]
    pub(super) fn add(&mut self, j: usize, term: Term<S::F32>) {
        let (high, low) = (self.high.as_ref()[j], self.low.as_ref()[j]);
        // In these orders `low` waits for one addition only, or for two short ones.
        (self.high.as_mut()[j], self.low.as_mut()[j]) = match term {
            Term::Below(t, delta) => {
                let (sum, error) = fast_two_sum(high, t);
                (sum, low + t.mul_add(delta, error))
            }
            Term::Positive(t, t_low) => {
                let (sum, error) = two_sum_positive(high, t);
                (sum, (low + t_low) + error)
            }
            Term::Signed(t, t_low) => {
                let (sum, error) = two_sum(high, t);
                (sum, low + (error + t_low))
            }
        };
    }

    /// [`add`](Self::add) to the lanes of the vector that begins at an element.
    #[inline(always)]
    pub(super) fn add_at(&mut self, at: usize, term: Term<S::F32>) {
        let vector = at / S::F32::COUNT % (BLOCK / S::F32::COUNT);
        if const { S::F32::CALLS || BLOCK / S::F32::COUNT > 4 } {
            self.add(vector, term);
        } else {
            // By an index that is not constant, lanes would be in memory.
            each!(
                S,
                j,
                if vector == j {
                    self.add(j, term);
                }
            );
        }
    }

    /// Moves into `high` what fits there, so that `low`, whose additions round, stays small
    /// against it however many terms there are.
    #[inline(always)]
    pub(super) fn carry(&mut self) {
        each!(S, j, {
            let (high, low) = (self.high.as_ref()[j], self.low.as_ref()[j]);
            let (sum, error) = two_sum(high, low);
            // The `low` of an infinity or a NaN has no meaning.
            let finite = sum.abs().lt(sum.splat(f32::INFINITY));
            self.high.as_mut()[j] = S::F32::select(finite, sum, high);
            self.low.as_mut()[j] = S::F32::select(finite, error, low);
        });
    }

    /// As [`carry`](Self::carry), of a finite sum that is larger than its second word.
    #[inline(always)]
    pub(super) fn carry_finite(&mut self) {
        each!(S, j, {
            let (sum, error) = fast_two_sum(self.high.as_ref()[j], self.low.as_ref()[j]);
            (self.high.as_mut()[j], self.low.as_mut()[j]) = (sum, error);
        });
    }

    /// The sum without the bias it started from.
    #[inline(always)]
    pub(super) fn without_bias(mut self, bias: f32) -> Self {
        each!(S, j, {
            self.high.as_mut()[j] = self.high.as_ref()[j] - bias;
        });
        self
    }

    /// Adds another sum; whether terms may be negative or infinite.
    #[inline(always)]
    pub(super) fn plus(mut self, other: Self, is_signed: bool) -> Self {
        each!(S, j, {
            let (a, error) = two_sum(self.high.as_ref()[j], other.high.as_ref()[j]);
            let (b, rest) = two_sum(a, other.low.as_ref()[j]);
            let (b, low) = fast_two_sum(b, self.low.as_ref()[j] + error + rest);
            let words = if is_signed { if_finite(a, (b, low)) } else { (b, low) };
            (self.high.as_mut()[j], self.low.as_mut()[j]) = words;
        });
        self
    }

    /// Two sums: lanes i and i + HALF added up, those of `self` where i & HALF = 0 and those of
    /// `other` elsewhere. Lanes from `count` on hold 0, and are not added.
    #[inline(always)]
    pub(super) fn fold<const HALF: usize>(self, simd: S, other: Self, count: usize) -> Self {
        let (mut high, second) = simd.exchange::<HALF>(self.high, other.high);
        let (mut low, second_low) = simd.exchange::<HALF>(self.low, other.low);
        if count <= HALF {
            return Self { high, low };
        }
        each!(S, j, {
            let (sum, error) = two_sum(high.as_ref()[j], second.as_ref()[j]);
            high.as_mut()[j] = sum;
            low.as_mut()[j] = (low.as_ref()[j] + second_low.as_ref()[j]) + error;
        });
        Self { high, low }
    }

    /// The sum of all lanes as a double-word number.
    #[inline(always)]
    pub(super) fn sum(self, simd: S) -> (f32, f32) {
        if const { S::F32::CALLS } {
            let (high, low) = (simd.block_to_array(self.high), simd.block_to_array(self.low));
            let (high, low) = sum_of_lanes(&high, &low);
            return words(high, low);
        }
        let all = self.fold::<8>(simd, self, BLOCK);
        let all = all.fold::<4>(simd, all, BLOCK);
        let all = all.fold::<2>(simd, all, BLOCK);
        let all = all.fold::<1>(simd, all, BLOCK);
        words(all.high.as_ref()[0].first(), all.low.as_ref()[0].first())
    }

    /// The sum of the first `count` lanes, where the others hold 0 and no term was negative or
    /// infinite: in the first lane of both words. Of a NaN the first word of a term may be any
    /// number, as exponents are put together from bits, and a sum of those infinite. The second is
    /// a NaN, and makes one of the sum.
    #[inline(always)]
    pub(super) fn value(mut self, simd: S, count: usize) -> (S::F32, S::F32) {
        if const { S::F32::CALLS } {
            let (high, low) = (simd.block_to_array(self.high), simd.block_to_array(self.low));
            let (high, low) = sum_of_lanes(&high, &low);
            let (high, low) = fast_two_sum(high, low);
            return (simd.splat(high), simd.splat(low));
        }
        macro_rules! level {
            ($half:literal) => {
                if count > $half {
                    if const { $half >= S::F32::COUNT } {
                        // Whole vectors.
                        let apart = $half / S::F32::COUNT;
                        for j in 0..apart {
                            let (a, b) = (self.high.as_ref()[j], self.high.as_ref()[j + apart]);
                            let (sum, error) = two_sum_positive(a, b);
                            let low = self.low.as_ref()[j] + self.low.as_ref()[j + apart];
                            self.high.as_mut()[j] = sum;
                            self.low.as_mut()[j] = low + error;
                        }
                    } else {
                        // All that is left is in the first vector.
                        let high = simd.block(self.high.as_ref()[0]);
                        let low = simd.block(self.low.as_ref()[0]);
                        self = Self { high, low };
                        self = self.fold::<$half>(simd, self, BLOCK);
                    }
                }
            };
        }
        level!(8);
        level!(4);
        level!(2);
        level!(1);
        fast_two_sum(self.high.as_ref()[0], self.low.as_ref()[0])
    }
}

/// The sum of all lanes and of what rounding left of it, lane by lane: lanes i and i + 8, then i + 4, 2
/// and 1. One function for backends without instructions that exchange lanes.
#[inline(never)]
fn sum_of_lanes(Lane16(high): &Lane16, Lane16(low): &Lane16) -> (f32, f32) {
    let (mut high, mut low) = (*high, *low);
    let mut half = BLOCK / 2;
    while half > 0 {
        for i in 0..half {
            let (sum, error) = two_sum(high[i], high[i + half]);
            high[i] = sum;
            low[i] = (low[i] + low[i + half]) + error;
        }
        half /= 2;
    }
    (high[0], low[0])
}

/// Two words as a double-word number. The second of an infinity or a NaN has no meaning.
#[inline(always)]
fn words(high: f32, low: f32) -> (f32, f32) {
    if high.is_finite() { fast_two_sum(high, low) } else { (high, 0.0) }
}

/// Both words, if a number is finite; else that, without a second word.
#[inline(always)]
fn if_finite<V: Lanes>(a: V, (high, low): (V, V)) -> (V, V) {
    let is_finite = a.abs().lt(a.splat(f32::INFINITY));
    (V::select(is_finite, high, a), V::select(is_finite, low, a.splat(0.0)))
}

/// As [`two_sum`] for positive numbers, with fewer additions: where those are scarce, integers
/// are compared at their side.
#[inline(always)]
pub(super) fn two_sum_positive<V: Lanes>(a: V, b: V) -> (V, V) {
    let sum = a + b;
    (sum, a.min_positive(b) - (sum - a.max_positive(b)))
}

/// The sums of up to [`GROUP`] rows, each in 16 lanes of two words.
#[repr(C, align(64))]
pub(crate) struct Totals(MaybeUninit<[[f32; 2 * BLOCK]; GROUP]>);

impl Totals {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Times 2^n, for n ≤ 0, of the first row.
    pub(crate) fn scale_first(&mut self, n: f32) {
        let factor = exp2(n);
        for j in 0..2 * BLOCK {
            // SAFETY: the place is there.
            unsafe { *self.place(0).wrapping_add(j) *= factor };
        }
    }

    /// Where the lanes of row i are.
    #[inline(always)]
    fn place(&mut self, i: usize) -> *mut f32 {
        self.0.as_mut_ptr().cast::<f32>().wrapping_add(i * 2 * BLOCK)
    }

    /// Writes the sum of row i, or adds it to what is there; whether terms may be negative or
    /// infinite.
    #[inline(always)]
    pub(super) fn store<S: Simd>(
        &mut self,
        simd: S,
        i: usize,
        mut sum: Accumulator<S>,
        first: bool,
        is_signed: bool,
    ) {
        if !first {
            sum = self.load(simd, i).plus(sum, is_signed);
        }
        let place = self.place(i);
        // SAFETY: i is below GROUP.
        unsafe {
            simd.store_block(sum.high, place);
            simd.store_block(sum.low, place.wrapping_add(BLOCK));
        }
    }

    /// The sum of row i.
    #[inline(always)]
    fn load<S: Simd>(&self, simd: S, i: usize) -> Accumulator<S> {
        // SAFETY: i is below GROUP.
        unsafe { self.lanes().load(simd, i) }
    }

    /// Where the lanes of all rows are.
    #[inline(always)]
    pub(crate) fn lanes(&self) -> RowsOfLanes<'_> {
        let high = self.0.as_ptr().cast::<f32>();
        let low = high.wrapping_add(BLOCK);
        RowsOfLanes { high, low, stride: 2 * BLOCK, count: BLOCK, of: PhantomData }
    }
}

/// Where up to [`GROUP`] rows of lanes are, each of `count` lanes of two words; the other lanes
/// count as 0. They are totals, or e^(s·x) · 2^-N of short rows where these lie in a scratch.
#[derive(Clone, Copy)]
pub(crate) struct RowsOfLanes<'a> {
    high: *const f32,
    low: *const f32,
    stride: usize,
    count: usize,
    of: PhantomData<&'a ()>,
}

impl<'a> RowsOfLanes<'a> {
    /// Of the rows from the `first` on in a scratch, each of at most [`BLOCK`] elements.
    #[inline]
    pub(crate) fn of(scratch: &'a Scratch, first: usize, columns: usize) -> Self {
        let [high, low] = scratch.places().map(|place| place.wrapping_add(first * columns));
        Self { high, low, stride: columns, count: columns, of: PhantomData }
    }

    /// The sum of row i.
    ///
    /// # Safety
    /// From where row i begins there is a block in memory.
    #[inline(always)]
    unsafe fn load<S: Simd>(self, simd: S, i: usize) -> Accumulator<S> {
        let at = i * self.stride;
        let (high, low) = (self.high.wrapping_add(at), self.low.wrapping_add(at));
        // SAFETY: the caller's.
        let (mut high, mut low) = unsafe { (simd.load_block(high), simd.load_block(low)) };
        each!(S, j, {
            let rest = self.count.saturating_sub(j * S::F32::COUNT).min(S::F32::COUNT);
            high.as_mut()[j] = simd.keep_first(high.as_ref()[j], rest, 0.0);
            low.as_mut()[j] = simd.keep_first(low.as_ref()[j], rest, 0.0);
        });
        Accumulator { high, low }
    }

    /// The value of each row's sum, the first of them at `to`: one row by itself, or sixteen by a
    /// transposition. Rows that are not there repeat the last.
    ///
    /// # Safety
    /// From where each row begins there is a block in memory.
    #[inline(always)]
    unsafe fn values<S: Simd>(
        self,
        simd: S,
        rows: usize,
        is_signed: bool,
        to: usize,
        sums: &mut DoubleWords,
    ) {
        macro_rules! row {
            ($i:expr) => {
                // SAFETY: the caller's.
                unsafe { self.load(simd, $i) }
            };
        }
        if const { S::F32::CALLS } || rows == 1 && !is_signed {
            for i in 0..rows.min(GROUP) {
                let words = if is_signed {
                    let (high, low) = row!(i).sum(simd);
                    (simd.splat(high), simd.splat(low))
                } else {
                    row!(i).value(simd, self.count)
                };
                // In whole vectors, as they will be loaded: a part would not be forwarded.
                sums.store(simd, to + i, words);
            }
            return;
        }
        let (last, count) = (rows.clamp(1, GROUP) - 1, self.count);
        macro_rules! present {
            ($i:expr) => {
                row!($i.min(last))
            };
        }
        let mut quarters = [present!(0); 4];
        for i in 0..4 {
            // Unknown, or the compiler makes a loop for each answer: twice the code.
            let count = black_box(count);
            let a = present!(i).fold::<8>(simd, present!(i + 8), count);
            let b = present!(i + 4).fold::<8>(simd, present!(i + 12), count);
            quarters[i] = a.fold::<4>(simd, b, count);
        }
        let a = quarters[0].fold::<2>(simd, quarters[2], count);
        let b = quarters[1].fold::<2>(simd, quarters[3], count);
        let mut all = a.fold::<1>(simd, b, count);
        each!(S, j, {
            let (high, low) = (all.high.as_ref()[j], all.low.as_ref()[j]);
            let words = fast_two_sum(high, low);
            let words = if is_signed { if_finite(high, words) } else { words };
            (all.high.as_mut()[j], all.low.as_mut()[j]) = words;
        });
        // SAFETY: a `PerRow` has room for a group from each row on.
        unsafe {
            simd.store_block(all.high, sums.high.at_mut(to));
            simd.store_block(all.low, sums.low.at_mut(to));
        }
    }
}

/// The values of up to [`GROUP`] rows' sums, the first of them at `to`; whether terms may be
/// negative or infinite.
#[inline(always)]
pub(super) unsafe fn sums<S: Simd>(
    simd: S,
    rows: usize,
    lanes: RowsOfLanes<'_>,
    is_signed: bool,
    to: usize,
    sums: &mut DoubleWords,
) {
    // SAFETY: totals have blocks of GROUP rows, and a scratch has room for a block more than its
    // rows.
    unsafe { lanes.values(simd, rows.min(GROUP), is_signed, to, sums) };
}

/// The sums of up to [`GROUP`] rows from the `first` on that are in a scratch, row after row
/// without gaps; without terms above each row's limit.
#[inline(always)]
pub(super) unsafe fn short_sums<S: Simd>(
    simd: S,
    [first, rows, columns]: [usize; 3],
    scratch: &Scratch,
    limits: Option<&PerRow>,
    totals: &mut Totals,
) {
    let (count, [high, low]) = (S::F32::COUNT, scratch.places());
    let zero = simd.splat(0.0);
    for i in 0..rows.min(GROUP) {
        let from = (first + i) * columns;
        let limit = if let Some(limits) = limits { limits.get(first + i) } else { f32::INFINITY };
        let limit = simd.splat(limit);
        let mut sum = Accumulator::zero(simd);
        let mut at = 0;
        // Whole blocks, without a question for each vector.
        while const { !S::F32::CALLS } && limits.is_none() && at + BLOCK <= columns {
            // SAFETY: a scratch has room for a block more.
            let (t, t_low) = unsafe {
                (simd.load_block(high.add(from + at)), simd.load_block(low.add(from + at)))
            };
            if at == 0 {
                sum = Accumulator { high: t, low: t_low };
            } else {
                each!(S, j, sum.add(j, Term::Positive(t.as_ref()[j], t_low.as_ref()[j])));
            }
            at += BLOCK;
        }
        while at < columns {
            // To the lanes of whole blocks.
            each!(S, j, {
                let rest = columns.saturating_sub(at);
                if rest > 0 {
                    // SAFETY: a scratch has room for a block more.
                    let (mut t, mut t_low) =
                        unsafe { (simd.load(high.add(from + at)), simd.load(low.add(from + at))) };
                    if rest < count {
                        t = simd.keep_first(t, rest, 0.0);
                        t_low = simd.keep_first(t_low, rest, 0.0);
                    }
                    if limits.is_some() {
                        let is_above = limit.lt(t);
                        t = S::F32::select(is_above, zero, t);
                        t_low = S::F32::select(is_above, zero, t_low);
                    }
                    if at < BLOCK {
                        (sum.high.as_mut()[j], sum.low.as_mut()[j]) = (t, t_low);
                    } else {
                        sum.add(j, Term::Positive(t, t_low));
                    }
                    at += count;
                }
            });
        }
        totals.store(simd, i, sum, true, false);
    }
}
