//! An element that a loop over a row leaves out, at no cost to the loop: each step reads from
//! the row, or from a copy of that step with a number in the element's place that is nothing.
#![allow(unsafe_code)] // the copy is written before it is read

use crate::simd::{BLOCK, Lanes, Simd};
use core::mem::MaybeUninit;

/// A step is at most so long.
const LONGEST: usize = 4 * BLOCK;

/// The step of a row with the element that is left out.
#[repr(C, align(64))]
pub(super) struct Skip {
    copy: MaybeUninit<[f32; LONGEST]>,
    /// Where the step begins.
    from: usize,
    /// Its length; 0 where nothing is left out.
    length: usize,
}

impl Skip {
    /// Leaves out nothing.
    #[inline(always)]
    pub(super) fn none() -> Self {
        Self { copy: MaybeUninit::uninit(), from: 0, length: 0 }
    }

    /// Leaves out an element of a row, if it is there: `instead` takes its place, and pads the
    /// step. In place: to move the copy would be a call.
    #[inline(always)]
    pub(super) unsafe fn set<S: Simd>(
        &mut self,
        simd: S,
        x: *const f32,
        columns: usize,
        element: usize,
        instead: f32,
    ) {
        self.length = 0;
        if element >= columns {
            return;
        }
        let place = self.copy.as_mut_ptr().cast::<f32>();
        (self.from, self.length) = (element / S::Wide::COUNT * S::Wide::COUNT, S::Wide::COUNT);
        let mut at = 0;
        while at < S::Wide::COUNT {
            let rest = columns.saturating_sub(self.from + at);
            unsafe {
                let part = if rest == 0 {
                    simd.splat(instead)
                } else {
                    simd.load_part(x.add(self.from + at), rest, instead)
                };
                simd.store(part, place.add(at));
            }
            at += S::F32::COUNT;
        }
        unsafe { *place.add(element - self.from) = instead };
    }

    /// Where to read the row from a place on, within a step.
    #[inline(always)]
    pub(super) fn place(&self, x: *const f32, at: usize) -> *const f32 {
        let within = at.wrapping_sub(self.from);
        let copy = self.copy.as_ptr().cast::<f32>();
        if within < self.length { copy.wrapping_add(within) } else { x.wrapping_add(at) }
    }
}
