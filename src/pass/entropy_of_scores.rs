//! The entropy of the distribution that a row of scores stands for.
//!
//! **Method.** With m the class of the largest score, tail = Σ_{k≠m} e^(x[k] − x[m]) and
//! p = softmax(x),
//!
//! ```text
//! H = ln Σ e^x − Σ p·x = ln(1 + tail) + Σ p[k]·(x[m] − x[k])
//! ```
//!
//! The scalar backend does it by integers, see `row_entropy.rs`; what follows is for the others.
//!
//! No summand is negative and no probability is formed: a certain row keeps its tiny entropy.
//! All sums are double-word numbers, and so is everything up to the result.
//!
//! **Tried.** With one pass less, from the rounded logarithm of a sum of rounded e^x, entropy
//! erred by up to 1.8 ULP.
//!
//! The `unsafe` here is sound because searches and sums read as many elements as the tile has.
#![allow(unsafe_code)]

use super::search::{maximum, position};
use super::sum::{Terms, sums};
use super::{Tile, row_entropy};
use crate::math::double_word::{add, divide, times, two_sum};
use crate::math::ln::ln_1p_positive_words;
use crate::math::shift::Shift;
use crate::math::shifted_exp::Scale;
use crate::simd::{Lanes, Simd};

/// H(softmax(x)).
#[inline(always)]
pub(super) unsafe fn entropy<S: Simd>(simd: S, x: &Tile<'_>) -> f32 {
    if const { S::TAKES_ROWS } {
        return unsafe { row_entropy::entropy_of_scores(x.x, x.columns) };
    }
    let max = unsafe { maximum(simd, x.x, x.columns) };
    if !max.is_finite() {
        return f32::NAN;
    }
    let row = Uncertainty { shift: Shift::of(&Scale::ONE, max), max };
    let [others, sum] = unsafe {
        let top = position(simd, x.x, x.columns, max);
        sums(simd, row, [x.x], x.columns, top)
    };
    let others = (simd.splat(others.0), simd.splat(others.1));
    let sum = (simd.splat(sum.0), simd.splat(sum.1));
    let (own, _) = row.of(simd.splat(max));
    let all = add(own, others);
    if others.0.first() < own.0.first() * (1.0 / HEADROOM) {
        // The logarithm is the ratio, whose digits a subnormal number would lose.
        let (high, low) = add(divide(scaled(others), own), divide(scaled(sum), all));
        return ((high + low) * (1.0 / HEADROOM)).first();
    }
    let (high, low) = add(ln_1p_positive_words(divide(others, own)), divide(sum, all));
    (high + low).first()
}

/// By how much a tiny entropy is kept larger until it is rounded. 2^60
const HEADROOM: f32 = 1_152_921_504_606_846_976.0;

/// Times [`HEADROOM`].
#[inline(always)]
fn scaled<V: Lanes>((high, low): (V, V)) -> (V, V) {
    (high * HEADROOM, low * HEADROOM)
}

/// e^x · 2^-N and its product with x[m] − x, of a row with that maximum.
#[derive(Clone, Copy)]
struct Uncertainty {
    shift: Shift,
    max: f32,
}

impl Uncertainty {
    /// Both are double-word numbers, and 0 where e^x · 2^-N stops falling.
    #[inline(always)]
    fn of<V: Lanes>(self, x: V) -> ((V, V), (V, V)) {
        let (from_center, zero) = (x - self.shift.center, x.splat(0.0));
        let is_nothing = from_center.le(x.splat(self.shift.floor()));
        let e = self.shift.words((from_center, zero));
        let (distance, error) = two_sum(x.splat(self.max), -x);
        let (product, low) = times(e.0, (distance, error));
        let low = e.1.mul_add(distance, low);
        (e, (V::select(is_nothing, zero, product), V::select(is_nothing, zero, low)))
    }
}

impl Terms<1, 2> for Uncertainty {
    const NOTHING: [f32; 1] = [f32::NEG_INFINITY];
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn terms<V: Lanes>(self, [x]: [V; 1]) -> [(V, V); 2] {
        let (e, product) = self.of(x);
        [e, product]
    }
}
