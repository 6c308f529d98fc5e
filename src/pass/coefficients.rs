//! The coefficients of −ln p[k] in a loss.

use crate::math::double_word::{add, times};
use crate::simd::{Lanes, Simd, call};

/// a[k] = w[k]·((1 − ε)·t[k] + ε/K), where t is a row of targets, or 1 at a label and 0 elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Coefficients<'a> {
    /// 1 − ε as a double-word number.
    pub(crate) keep: (f32, f32),
    /// ε/K as a double-word number.
    pub(crate) uniform: (f32, f32),
    /// w, or nothing where all are 1.
    pub(crate) weights: &'a [f32],
}

#[inline(always)]
pub(super) fn splat<V: Lanes>(like: V, (high, low): (f32, f32)) -> (V, V) {
    (like.splat(high), like.splat(low))
}

impl Coefficients<'_> {
    /// Those of classes with targets t and weights, as double-word numbers.
    #[inline(always)]
    pub(super) fn of<V: Lanes>(&self, t: V, weight: V) -> (V, V) {
        self.times(t, weight, t.splat(1.0))
    }

    /// [`of`](Self::of) times a power of two, which keeps large targets from overflowing when they
    /// are multiplied by weights.
    #[inline(always)]
    pub(super) fn times<V: Lanes>(&self, t: V, weight: V, power: V) -> (V, V) {
        let arguments = ([self.keep, self.uniform], !self.weights.is_empty(), [t, weight, power]);
        call!(V, arguments, |([keep, uniform], has_weights, [t, weight, power])| {
            let mut a = (t, t.splat(0.0));
            if keep.0 != 1.0 {
                a = add(times(t, splat(t, keep)), splat(t, uniform));
            }
            a = (a.0 * power, a.1 * power);
            if has_weights { times(weight, a) } else { a }
        })
    }

    /// The weights from a class on, `count` of which are there; anything where all are 1.
    #[inline(always)]
    pub(super) fn weights<S: Simd>(&self, simd: S, at: usize, count: usize) -> S::F32 {
        match self.weights.get(at..at + count.min(S::F32::COUNT)) {
            // SAFETY: there are as many.
            Some(weights) => unsafe { simd.load_part(weights.as_ptr(), count, 0.0) },
            None => simd.splat(0.0),
        }
    }
}
