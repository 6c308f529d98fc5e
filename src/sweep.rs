//! The only loops over elements: map and sum.
//!
//! Both load whole vectors and treat the tail as one padded vector, so every
//! element goes through the same formula, and sums run over [`BLOCK`] logical
//! lanes in an order that depends on the length alone.

use crate::math::words::{fast_two_sum, two_sum};
use crate::simd::{BLOCK, Lanes, Simd};

/// A function of one element, for every lane alike.
pub trait Function: Copy {
    /// The function's value.
    fn apply<V: Lanes>(self, x: V) -> V;
}

/// `out[i] = f(x[i])` over the shorter of the two.
#[inline(always)]
pub(crate) fn map<S: Simd>(simd: S, f: impl Function, x: &[f32], out: &mut [f32]) {
    let length = x.len().min(out.len());
    let (Some(x), Some(out)) = (x.get(..length), out.get_mut(..length)) else { return };
    let mut x = x.chunks_exact(S::F32::COUNT);
    let mut out = out.chunks_exact_mut(S::F32::COUNT);
    for (x, out) in (&mut x).zip(&mut out) {
        simd.store(f.apply(simd.load(x, 0.0)), out);
    }
    if !x.remainder().is_empty() {
        simd.store(f.apply(simd.load(x.remainder(), 0.0)), out.into_remainder());
    }
}

/// `x[i] = f(x[i])`.
#[inline(always)]
pub(crate) fn map_in_place<S: Simd>(simd: S, f: impl Function, x: &mut [f32]) {
    let mut chunks = x.chunks_exact_mut(S::F32::COUNT);
    for x in &mut chunks {
        simd.store(f.apply(simd.load(x, 0.0)), x);
    }
    let x = chunks.into_remainder();
    if !x.is_empty() {
        simd.store(f.apply(simd.load(x, 0.0)), x);
    }
}

/// What a sum adds up: a function of one element of each input.
pub(crate) trait Term<const N: usize>: Copy {
    /// The function's value; of zeros, zero.
    fn term<V: Lanes>(self, x: [V; N]) -> V;
}

/// `Σᵢ term(x₀[i], x₁[i], …)` as two words whose sum it is, over the length of
/// the first input; the others are taken to continue with zeros.
#[inline(always)]
pub(crate) fn sum<S: Simd, const N: usize>(
    simd: S,
    f: impl Term<N>,
    inputs: [&[f32]; N],
) -> (f32, f32) {
    let length = inputs.first().map_or(0, |x| x.len());
    let mut total = Total::new(simd);
    for start in (0..length).step_by(BLOCK) {
        let mut terms = simd.block(simd.splat(0.0));
        for (j, term) in terms.as_mut().iter_mut().enumerate() {
            let at = start + j * S::F32::COUNT;
            let mut x = [simd.splat(0.0); N];
            for (x, input) in x.iter_mut().zip(inputs) {
                *x = simd.load(input.get(at..).unwrap_or(&[]), 0.0);
            }
            *term = f.term(x);
        }
        total.add(terms);
    }
    total.value(simd)
}

/// A compensated sum in each of [`BLOCK`] lanes.
pub(crate) struct Total<S: Simd> {
    high: S::Block,
    low: S::Block,
}

impl<S: Simd> Total<S> {
    /// Nothing yet.
    #[inline(always)]
    pub(crate) fn new(simd: S) -> Self {
        let zero = simd.block(simd.splat(0.0));
        Self { high: zero, low: zero }
    }

    /// Adds a block; what the addition rounds off is kept in `low`.
    #[inline(always)]
    pub(crate) fn add(&mut self, block: S::Block) {
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        for (j, x) in block.as_ref().iter().enumerate() {
            let (sum, error) = two_sum(high[j], *x);
            high[j] = sum;
            low[j] = low[j] + error;
        }
    }

    /// Multiplies what was summed so far by a power of two.
    #[inline(always)]
    pub(crate) fn scale(&mut self, factor: f32) {
        for sum in self.high.as_mut() {
            *sum = *sum * factor;
        }
        for sum in self.low.as_mut() {
            *sum = *sum * factor;
        }
    }

    /// The lanes added up in a fixed tree: the sum, and what it leaves.
    #[inline(always)]
    pub(crate) fn value(self, simd: S) -> (f32, f32) {
        let mut high = simd.block_to_array(self.high);
        let mut low = simd.block_to_array(self.low);
        let mut half = BLOCK / 2;
        while half > 0 {
            for i in 0..half {
                let (sum, error) = two_sum(high[i], high[i + half]);
                high[i] = sum;
                low[i] = (low[i] + low[i + half]) + error;
            }
            half /= 2;
        }
        // Infinities and NaN live in `high`; their "error" means nothing.
        if high[0].is_finite() { fast_two_sum(high[0], low[0]) } else { (high[0], 0.0) }
    }
}
