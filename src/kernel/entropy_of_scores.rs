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
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Terms};

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
    let [others, sum] = sweep::sums(simd, row, [x], position(simd, x, max));
    let words = |(high, low): (f32, f32)| (simd.splat(high), simd.splat(low));
    let (others, sum) = (words(others), words(sum));
    let (own, _) = row.of(simd.splat(max));
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
    fn of<V: Lanes>(self, x: V) -> (Words<V>, Words<V>) {
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
}

impl Terms<1, 2> for Uncertainty {
    const NOTHING: [f32; 1] = [f32::NEG_INFINITY];

    #[inline(always)]
    fn terms<V: Lanes>(self, [x]: [V; 1]) -> [Words<V>; 2] {
        let (e, product) = self.of(x);
        [e, product]
    }
}
