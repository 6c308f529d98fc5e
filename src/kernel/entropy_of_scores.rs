//! The entropy of the distribution that scores stand for.
//!
//! **Method.** With m the class of the largest score, tail = Σ_{k≠m} e^(x[k] − x[m]) and
//! p = softmax(x),
//!
//! ```text
//! H = ln Σ e^x − Σ p·x = ln(1 + tail) + Σ p[k]·(x[m] − x[k])
//! ```
//!
//! No summand is negative and no probability is formed: a certain row keeps its tiny
//! entropy. All sums are of two words, and so is what they come to but for the result.
//!
//! **Tried.** With the sum of [`super::exp_sum`] and its logarithm as a rounded number, one
//! pass more, entropy errs by up to 1.8 ULP.

use super::target_loss::{HEADROOM, position, scaled};
use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{Shift, maximum};
use crate::math::ln::ln_1p_positive_words;
use crate::math::shifted_exp::Scale;
use crate::math::words::{add, divide, fast_two_sum, times, two_sum};
use crate::rows::Rows;
use crate::simd::{BLOCK, Kernel, Lanes, Simd, unroll};
use crate::sweep::{RUN, Total};

/// H(softmax(x)) of each row.
pub struct EntropyOfScores<'a> {
    scores: Rows<'a>,
    out: &'a mut [f32],
}

impl<'a> EntropyOfScores<'a> {
    /// # Errors
    /// [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn new(scores: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_length("out", scores.rows(), out.len())?;
        Ok(Self { scores, out })
    }
}

impl Kernel for EntropyOfScores<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, out) in self.scores.iter().zip(self.out) {
            *out = entropy(simd, x);
        }
    }
}

#[inline(always)]
fn entropy<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let max = maximum(simd, x);
    if !max.is_finite() {
        return f32::NAN;
    }
    let row = Uncertainty { shift: Shift::new(Scale::ONE, max), max };
    let (others, sum) = row.sums(simd, x, position(simd, x, max));
    let (own, _) = row.terms(simd.splat(max));
    let all = add(own, others);
    if others.0.first() < own.0.first() * (1.0 / HEADROOM) {
        // The logarithm is the ratio, whose digits a subnormal would lose.
        let (high, low) = add(divide(scaled(others), own), divide(scaled(sum), all));
        return ((high + low) * (1.0 / HEADROOM)).first();
    }
    let (high, low) = add(ln_1p_positive_words(divide(others, own)), divide(sum, all));
    (high + low).first()
}

/// Numbers in two words.
type Words<V> = (V, V);

/// The summands of a row with that maximum.
#[derive(Clone, Copy)]
struct Uncertainty {
    shift: Shift,
    max: f32,
}

impl Uncertainty {
    /// e^x · 2^-N and its product with x[m] − x, 0 where the former stops falling.
    #[inline(always)]
    fn terms<V: Lanes>(self, x: V) -> (Words<V>, Words<V>) {
        let (from_center, zero) = (x - self.shift.center, x.splat(0.0));
        let (t, delta) = self.shift.terms_of_words((from_center, zero));
        let is_nothing = from_center.le(x.splat(self.shift.floor()));
        let (e, low) = fast_two_sum(t, t * delta);
        let e = (V::select(is_nothing, zero, e), V::select(is_nothing, zero, low));
        let (distance, error) = two_sum(x.splat(self.max), -x);
        let (product, low) = times(e.0, (distance, error));
        let low = e.1.mul_add(distance, low);
        (e, (V::select(is_nothing, zero, product), V::select(is_nothing, zero, low)))
    }

    /// The sums of both without the element `top`.
    #[inline(always)]
    fn sums<S: Simd>(self, simd: S, x: &[f32], top: usize) -> (Words<S::F32>, Words<S::F32>) {
        let (mut others, mut sum) = (Total::zero(simd), Total::zero(simd));
        for (start, end) in [(0, top), (top.saturating_add(1), x.len())] {
            for run in x.get(start..end).unwrap_or(&[]).chunks(RUN) {
                for block in run.chunks(BLOCK) {
                    unroll!(j in 0..BLOCK / S::F32::COUNT, {
                        let x = block.get(j * S::F32::COUNT..).unwrap_or(&[]);
                        let (e, product) = self.terms(simd.load(x, f32::NEG_INFINITY));
                        others.add_term(j, e.0, e.1);
                        sum.add_term(j, product.0, product.1);
                    });
                }
                others.carry();
                sum.carry();
            }
        }
        let (others, sum) = (others.value(simd), sum.value(simd));
        let words = |(high, low): (f32, f32)| (simd.splat(high), simd.splat(low));
        (words(others), words(sum))
    }
}
