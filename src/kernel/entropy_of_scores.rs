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
use super::target_loss::{Distance, position};
use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{ExpSum, Shift, exp_sum, maximum};
use crate::loss::add_words;
use crate::math::words::divide;
use crate::rows::Rows;
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Function, RUN};

/// e^x · 2^-N, 0 where it stops falling.
#[derive(Clone, Copy)]
struct Shifted(Shift);

impl Function for Shifted {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let is_nothing = (x - self.0.center).le(x.splat(self.0.floor()));
        V::select(is_nothing, x.splat(0.0), self.0.rounded(x))
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
    let ExpSum::Finite(others) = exp_sum::<_, _, true>(simd, &mut x, top, false) else {
        return f32::NAN;
    };
    let shift = others.shift;
    let share = Share::new(simd, shift, max, others.total.value(simd));
    let mut sum = (0.0, 0.0);
    let mut exp = [f32::NAN; RUN];
    for x in x.chunks(RUN) {
        let Some(exp) = exp.get_mut(..x.len()) else { break };
        sweep::map(simd, Shifted(shift), x, exp);
        sum = add_words(sum, sweep::sum(simd, Distance(max), [&*exp, x]));
    }
    let (sum, all) = ((simd.splat(sum.0), simd.splat(sum.1)), share.all);
    let (mean, low) = divide(sum, (simd.splat(all.0), simd.splat(all.1)));
    share.surprise + (mean + low).first()
}
