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
//! entropy.

use super::cross_entropy::Share;
use super::target_loss::position;
use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{ExpSum, Shift, exp_sum, head, maximum};
use crate::math::words::{divide, times, two_sum};
use crate::rows::Rows;
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Term};

/// e^x · 2^-N · (x[m] − x), 0 where e^x · 2^-N stops falling.
///
/// With a rounded e^x entropy errs by up to 1.6 ULP.
#[derive(Clone, Copy)]
struct Uncertainty {
    shift: Shift,
    max: f32,
}

impl Term<1> for Uncertainty {
    const NOTHING: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn term<V: Lanes>(self, [x]: [V; 1]) -> (V, V) {
        let (e, e_low) = self.shift.words(x);
        let (distance, error) = two_sum(x.splat(self.max), -x);
        let (product, low) = times(e, (distance, error));
        let (low, zero) = (e_low.mul_add(distance, low), x.splat(0.0));
        let is_nothing = (x - self.shift.center).le(x.splat(self.shift.floor()));
        (V::select(is_nothing, zero, product), V::select(is_nothing, zero, low))
    }
}

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
fn entropy<S: Simd>(simd: S, mut x: &[f32]) -> f32 {
    let max = maximum(simd, x);
    let top = position(simd, x, max);
    let head = head(simd, x, top);
    let ExpSum::Finite(others) = exp_sum::<_, _, true>(simd, &mut x, head, top, false) else {
        return f32::NAN;
    };
    let shift = others.shift;
    let share = Share::new(simd, 1.0, shift, max, others.total.value(simd));
    let sum = sweep::sum(simd, Uncertainty { shift, max }, [x]);
    let (sum, all) = ((simd.splat(sum.0), simd.splat(sum.1)), share.all);
    let (mean, low) = divide(sum, (simd.splat(all.0), simd.splat(all.1)));
    share.surprise + (mean + low).first()
}
