//! Compensated sums over a row.
//!
//! **Method.** A sum runs in 16 lanes, whatever the width of a vector, each lane a double-word
//! accumulator: what an addition rounds off is kept exactly (Knuth's two-sum) and added to the
//! second word, with the second word of the term. After every [`RUN`] elements the second word
//! is carried into the first, so that it stays small against it. At the end the lanes are added
//! up in a fixed tree. The order depends on the number of elements alone: every backend, every
//! alignment and every form of a call gives the same bits.
//!
//! **Error.** Below 2^-26 of the sum of the magnitudes, for up to 2^24 elements.
//!
//! The `unsafe` here is sound because [`sums`] reads, of each input, only the elements that its
//! caller vouches for.
#![allow(unsafe_code)]

use crate::math::words::{fast_two_sum, two_sum};
use crate::simd::{BLOCK, Lane16, Lanes, Simd, Vectors, unroll};

/// Elements after which second words are carried.
const RUN: usize = 32 * BLOCK;

/// No place is left out of a sum.
pub(super) const NOWHERE: usize = usize::MAX;

/// What K sums add up: functions of one element of each of N inputs.
pub(super) trait Terms<const N: usize, const K: usize>: Copy {
    /// The elements that vectors are padded with: their terms are 0.
    const NOTHING: [f32; N];
    /// Whether several vectors are taken side by side. It pays where a formula needs few
    /// registers.
    const IS_WIDE: bool;
    /// Whether they are for this row: not where it needs more work than others.
    #[inline(always)]
    fn is_wide(self) -> bool {
        true
    }
    /// The terms, each a double-word number. The second word of an infinity or a NaN has no
    /// meaning.
    fn terms<V: Lanes>(self, x: [V; N]) -> [(V, V); K];
}

/// K sums over N inputs, without one of the places or [`NOWHERE`]; each is a double-word number.
///
/// # Safety
/// Each of the inputs has `length` elements.
#[inline(always)]
pub(super) unsafe fn sums<S: Simd, T: Terms<N, K>, const N: usize, const K: usize>(
    simd: S,
    f: T,
    x: [*const f32; N],
    length: usize,
    without: usize,
) -> [(f32, f32); K] {
    let mut totals = [Total::zero(simd); K];
    let mut at = 0;
    // Runs begin anew after the place that is left out.
    let mut end = without.min(length);
    loop {
        while at < end {
            let stop = end.min(at + RUN);
            // SAFETY: `stop` is at most `length`.
            at = unsafe { add_run(simd, f, x, at, stop, &mut totals) };
        }
        if end == length {
            break;
        }
        (at, end) = (end + 1, length);
    }
    let mut sums = [(0.0, 0.0); K];
    unroll!(i in 0..K, sums[i] = totals[i].value(simd));
    sums
}

/// Adds the elements from `at` up to `end`, and carries. Returns `end`.
#[inline(always)]
unsafe fn add_run<S: Simd, T: Terms<N, K>, const N: usize, const K: usize>(
    simd: S,
    f: T,
    x: [*const f32; N],
    mut at: usize,
    end: usize,
    totals: &mut [Total<S>; K],
) -> usize {
    // With one lane there is nothing to take side by side.
    if const { T::IS_WIDE && S::IS_NATIVE } && f.is_wide() {
        while S::Wide::COUNT <= end - at {
            let mut elements = [S::Wide::splat_of(simd, 0.0); N];
            unroll!(i in 0..N, {
                // SAFETY: there are as many elements before the end.
                elements[i] = unsafe { <S::Wide as Vectors<S>>::load(simd, x[i].add(at)) };
            });
            let terms = f.terms(elements);
            unroll!(i in 0..K, {
                let (high, low) = (terms[i].0.as_ref(), terms[i].1.as_ref());
                unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
                    totals[i].add(j % (BLOCK / S::F32::COUNT), high[j], low[j]);
                });
            });
            at += S::Wide::COUNT;
        }
    }
    // The formula is compiled once for all vectors of a block, and only the addition for each.
    let mut lane = 0;
    while at < end {
        let mut elements = [simd.splat(0.0); N];
        unroll!(i in 0..N, {
            // SAFETY: there is an element before the end.
            elements[i] = unsafe { simd.load_part(x[i].add(at), end - at, T::NOTHING[i]) };
        });
        let terms = f.terms(elements);
        unroll!(i in 0..K, totals[i].add_to(lane, terms[i].0, terms[i].1));
        lane = (lane + S::F32::COUNT) % BLOCK;
        at += S::F32::COUNT;
    }
    unroll!(i in 0..K, totals[i].carry());
    end
}

/// A double-word sum in each of [`BLOCK`] lanes.
#[derive(Clone, Copy)]
pub(super) struct Total<S: Simd> {
    high: S::Block,
    low: S::Block,
}

impl<S: Simd> Total<S> {
    /// Nothing yet.
    #[inline(always)]
    pub(super) fn zero(simd: S) -> Self {
        let zero = simd.block(simd.splat(0.0));
        Self { high: zero, low: zero }
    }

    /// Adds a double-word term to lanes `j · COUNT` and following.
    #[inline(always)]
    pub(super) fn add(&mut self, j: usize, high: S::F32, low: S::F32) {
        let (sum, error) = two_sum(self.high.as_ref()[j], high);
        self.high.as_mut()[j] = sum;
        self.low.as_mut()[j] = self.low.as_ref()[j] + (error + low);
    }

    /// Adds a term that is not negative to lanes `j · COUNT` and following, with fewer
    /// additions and the same bits as [`add`](Self::add).
    #[inline(always)]
    pub(super) fn add_positive(&mut self, j: usize, term: S::F32) {
        let high = self.high.as_ref()[j];
        let sum = high + term;
        let error = high.min_positive(term) - (sum - high.max_positive(term));
        self.high.as_mut()[j] = sum;
        self.low.as_mut()[j] = self.low.as_ref()[j] + error;
    }

    /// As [`add`](Self::add), to a lane that is a multiple of COUNT.
    #[inline(always)]
    pub(super) fn add_to(&mut self, lane: usize, high: S::F32, low: S::F32) {
        if const { BLOCK / S::F32::COUNT > 4 } {
            self.add(lane / S::F32::COUNT % (BLOCK / S::F32::COUNT), high, low);
        } else {
            // An index that is not constant would keep the accumulators out of registers.
            unroll!(j in 0..BLOCK / S::F32::COUNT, {
                if lane == j * S::F32::COUNT {
                    self.add(j, high, low);
                }
            });
        }
    }

    /// Moves into `high` what fits there, so that `low`, whose additions round, stays small
    /// against it however many terms there are.
    #[inline(always)]
    pub(super) fn carry(&mut self) {
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (sum, error) = two_sum(high[j], low[j]);
            // The `low` of an infinity or a NaN has no meaning.
            let finite = sum.abs().lt(sum.splat(f32::INFINITY));
            high[j] = S::F32::select(finite, sum, high[j]);
            low[j] = S::F32::select(finite, error, low[j]);
        });
    }

    /// The sum of all lanes as a double-word number.
    #[inline(always)]
    pub(super) fn value(self, simd: S) -> (f32, f32) {
        if const { S::F32::CALLS } {
            return sum_of_lanes(&simd.block_to_array(self.high), &simd.block_to_array(self.low));
        }
        let all = self.fold::<8>(simd).fold::<4>(simd).fold::<2>(simd).fold::<1>(simd);
        let (high, low) = (all.high.as_ref()[0].first(), all.low.as_ref()[0].first());
        // The `low` of an infinity or a NaN has no meaning.
        if high.is_finite() { fast_two_sum(high, low) } else { (high, 0.0) }
    }

    /// Adds lanes i and i + HALF, and leaves the sum in both.
    #[inline(always)]
    fn fold<const HALF: usize>(self, simd: S) -> Self {
        let (mut high, second) = simd.exchange::<HALF>(self.high, self.high);
        let (mut low, second_low) = simd.exchange::<HALF>(self.low, self.low);
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let (sum, error) = two_sum(high.as_ref()[j], second.as_ref()[j]);
            high.as_mut()[j] = sum;
            low.as_mut()[j] = (low.as_ref()[j] + second_low.as_ref()[j]) + error;
        });
        Self { high, low }
    }
}

/// The sum of all lanes as a double-word number, lane by lane: lanes i and i + 8, then i + 4, 2
/// and 1. One function for backends without instructions that exchange lanes.
#[inline(never)]
pub(super) fn sum_of_lanes(Lane16(high): &Lane16, Lane16(low): &Lane16) -> (f32, f32) {
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
    // The `low` of an infinity or a NaN has no meaning.
    if high[0].is_finite() { fast_two_sum(high[0], low[0]) } else { (high[0], 0.0) }
}
