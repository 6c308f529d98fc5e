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

use super::accumulator::{Accumulator, Term};
use crate::simd::{BLOCK, Lanes, Simd, Vectors, unroll};

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
    let mut totals = [Accumulator::zero(simd); K];
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
    unroll!(i in 0..K, sums[i] = totals[i].sum(simd));
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
    totals: &mut [Accumulator<S>; K],
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
                    totals[i].add(j % (BLOCK / S::F32::COUNT), Term::Signed(high[j], low[j]));
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
        unroll!(i in 0..K, totals[i].add_at(lane, Term::Signed(terms[i].0, terms[i].1)));
        lane = (lane + S::F32::COUNT) % BLOCK;
        at += S::F32::COUNT;
    }
    unroll!(i in 0..K, totals[i].carry());
    end
}
