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
//! words: its error is the power's. T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár,
//! "Focal loss for dense object detection", ICCV 2017.

use super::binary_cross_entropy::{OnScores, ScoreFunction, apply_on_scores};
use crate::math::exp::Parts;
use crate::math::logistic::Logistic;
use crate::math::words::{fast_two_sum, two_product, two_sum};
use crate::simd::{EIGHTHS, Lanes};
use crate::sweep::PairFunction;

/// Focal loss of scores.
#[derive(Clone, Copy)]
pub(super) struct Focal {
    gamma: f32,
    coefficients: OnScores,
}

impl Focal {
    #[inline(always)]
    pub(super) fn new(gamma: f32, coefficients: OnScores) -> Self {
        Self { gamma, coefficients }
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
        let logistic = Logistic::new(x);
        let (lesser, greater) = (logistic.quotient(logistic.z), logistic.quotient((one, zero)));
        // softplus(−|x|) and softplus(|x|)
        let below = fast_two_sum(logistic.ln_1p.0, logistic.ln_1p.1);
        let (sum, error) = two_sum(x.abs(), below.0);
        let above = fast_two_sum(sum, error + below.1);

        let up = Power::new(gamma, below);
        let down = Power::new(gamma, above);
        let (terms, _) = self.coefficients.terms(x, t);
        let loss = up.times(above.0, terms.linear) + down.times(below.0, terms.tail.abs());
        let up_slope = (gamma * lesser).mul_add(above.0, greater);
        let down_slope = (gamma * greater).mul_add(below.0, lesser);
        let gradient = up.times(up_slope, terms.constant) + down.times(down_slope, terms.tail);
        (loss, gradient)
    }

    /// f(|x|) is |x|, its slope 1; f(−|x|) is e^(−(1 + γ)·|x|), its slope 1 + γ times
    /// that.
    #[inline(always)]
    fn far<V: Lanes>(self, x: V, t: V) -> (V, V) {
        let (zero, one, gamma) = (x.splat(0.0), x.splat(1.0), x.splat(self.gamma));
        let (terms, _) = self.coefficients.terms(x, t);
        let distance = x.abs().clamp(0.0, 230.0);
        let (product, low) = two_product(gamma, distance);
        let (sum, error) = two_sum(product, distance);
        let down = Power::decay(sum, error + low);
        let up = V::select(terms.linear.eq(zero), zero, terms.linear * x.abs());
        let loss = up + down.times(one, terms.tail.abs());
        (loss, terms.constant + down.times(gamma + 1.0, terms.tail))
    }
}

/// e^-y as `value · scale`, where a small y² would leave the normal numbers.
#[derive(Clone, Copy)]
struct Power<V> {
    value: V,
    scale: V,
}

impl<V: Lanes> Power<V> {
    /// e^(−γ·x) for x in two words.
    #[inline(always)]
    fn new(gamma: V, (x, low): (V, V)) -> Self {
        let (product, error) = two_product(gamma, x);
        Self::decay(product, gamma.mul_add(low, error))
    }

    /// e^-(y + low) for y ≥ 0.
    #[inline(always)]
    fn decay(y: V, low: V) -> Self {
        // Below e^-200 nothing is left, whatever it is multiplied by.
        let most = y.splat(200.0);
        let low = V::select(y.lt(most), low, y.splat(0.0));
        let is_small = y.splat(43.0).lt(y);
        let zero_point = V::select(is_small, y.splat(EIGHTHS + 64.0), y.splat(EIGHTHS));
        let e = Parts::new(-most.min(y), zero_point).and(-low);
        Self {
            value: e.mantissa().scale_exp2(e.power),
            scale: V::select(is_small, y.splat(5.421_010_862_427_522e-20), y.splat(1.0)),
        }
    }

    /// The product with a coefficient and something up to 2^103, rounded to a subnormal
    /// once.
    #[inline(always)]
    fn times(self, x: V, coefficient: V) -> V {
        coefficient * (self.value * x) * self.scale
    }
}
