//! Focal loss, with its gradient.
//!
//! **Method.** With f(s) = σ(s)^γ·softplus(s), which is (1 − p)^γ·(−ln p) for a
//! positive at p = σ(−s), the loss is a·f(−x) + b·f(x), and
//!
//! ```text
//! f′(s) = σ(s)^γ · (γ·σ(−s)·softplus(s) + σ(s))
//! ```
//!
//! has no difference in it. σ(s)^γ is e^(−γ·softplus(−s)), whose exponent is kept in two
//! words: its error is the power's. So is all else, down to the last addition: a product of
//! three rounded factors errs by up to 3.8 ULP. T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár,
//! "Focal loss for dense object detection", ICCV 2017.

use super::binary_cross_entropy::{ScoreFunction, Weights, apply_on_scores};
use crate::math::exp::Parts;
use crate::math::logistic::Precise;
use crate::math::words::{add, product, rounded, times, two_sum};
use crate::simd::{EIGHTHS, Lanes};
use crate::sweep::PairFunction;

/// Focal loss of scores.
#[derive(Clone, Copy)]
pub(super) struct Focal {
    gamma: f32,
    weights: Weights,
}

impl Focal {
    #[inline(always)]
    pub(super) fn new(gamma: f32, weights: Weights) -> Self {
        Self { gamma, weights }
    }

    /// The coefficients of f(|x|) and f(−|x|).
    #[inline(always)]
    fn coefficients<V: Lanes>(self, x: V, t: V) -> [(V, V); 2] {
        let [a, b] = self.weights.coefficients(t);
        let is_negative = x.lt(x.splat(0.0));
        let select = V::select;
        [
            (select(is_negative, a.0, b.0), select(is_negative, a.1, b.1)),
            (select(is_negative, b.0, a.0), select(is_negative, b.1, a.1)),
        ]
    }
}

impl PairFunction for Focal {
    const NOTHING: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, t: V) -> (V, V) {
        apply_on_scores(self, x, t)
    }
}

impl ScoreFunction for Focal {
    #[inline(always)]
    fn near<V: Lanes>(self, x: V, t: V) -> (V, V) {
        let (zero, one, gamma) = (x.splat(0.0), x.splat(1.0), x.splat(self.gamma));
        let logistic = Precise::new(x);
        let lesser = logistic.quotient_words(logistic.z);
        let greater = logistic.quotient_words((one, zero));
        // softplus(−|x|) and softplus(|x|)
        let below = logistic.ln_1p_words();
        let above = add((x.abs(), zero), below);

        let (y_below, y_above) = (times(gamma, below), times(gamma, above));
        let [wrong, right] = self.coefficients(x, t);
        let (up, down) = (Power::of(y_below).times(wrong), Power::of(y_above).times(right));
        let loss = add(up.times(above).words(), down.times(below).words());
        let up_slope = add(greater, product(lesser, y_above));
        let down_slope = add(lesser, product(greater, y_below));
        let slope = difference(x, up.times(up_slope).words(), down.times(down_slope).words());
        (rounded(loss), rounded(slope))
    }

    /// f(|x|) is |x|, its slope 1; f(−|x|) is e^(−(1 + γ)·|x|), its slope 1 + γ times
    /// that.
    #[inline(always)]
    fn far<V: Lanes>(self, x: V, t: V) -> (V, V) {
        let (zero, one, gamma) = (x.splat(0.0), x.splat(1.0), x.splat(self.gamma));
        let [wrong, right] = self.coefficients(x, t);
        let slope = two_sum(gamma, one);
        let down = Power::of(times(x.abs().clamp(0.0, 230.0), slope)).times(right);
        // A coefficient of 0 wins over an infinity, of which its second word takes nothing.
        let low = wrong.1 * x.abs().clamp(0.0, f32::MAX);
        let up = V::select(wrong.0.eq(zero), zero, wrong.0.mul_add(x.abs(), low));
        let loss = add((up, zero), down.words());
        (rounded(loss), rounded(difference(x, wrong, down.times(slope).words())))
    }
}

/// up − down, or for negative x the opposite.
#[inline(always)]
fn difference<V: Lanes>(x: V, up: (V, V), down: (V, V)) -> (V, V) {
    let (slope, low) = add(up, (-down.0, -down.1));
    let is_negative = x.lt(x.splat(0.0));
    (V::select(is_negative, -slope, slope), V::select(is_negative, -low, low))
}

/// A multiple of e^-y in two words, times 2^48: a small y² would leave the normal numbers.
#[derive(Clone, Copy)]
struct Power<V>((V, V));

impl<V: Lanes> Power<V> {
    /// e^-(y + low) for y ≥ 0.
    #[inline(always)]
    fn of((y, low): (V, V)) -> Self {
        // Below e^-200 nothing is left, whatever it is multiplied by.
        let most = y.splat(200.0);
        let low = V::select(y.lt(most), low, y.splat(0.0));
        let e = Parts::new(-most.min(y), y.splat(EIGHTHS + 48.0)).and(-low);
        Self(e.scaled_words())
    }

    #[inline(always)]
    fn times(self, factor: (V, V)) -> Self {
        Self(product(self.0, factor))
    }

    #[inline(always)]
    fn words(self) -> (V, V) {
        let scale = 3.552_713_678_800_501e-15; // 2^-48
        (self.0.0 * scale, self.0.1 * scale)
    }
}
