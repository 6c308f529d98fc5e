//! Focal loss of scores, with its gradient.
//!
//! **Method.** With f(s) = σ(s)^γ·softplus(s), which is (1 − p)^γ·(−ln p) for a
//! positive at p = σ(−s), the loss is a·f(−x) + b·f(x), and
//!
//! ```text
//! f′(s) = σ(s)^γ · (γ·σ(−s)·softplus(s) + σ(s))
//! ```
//!
//! has no difference in it. σ(s)^γ is e^(−γ·softplus(−s)), whose exponent is a double-word
//! number: its error is the power's. So is all else, down to the last addition: a product of
//! three rounded factors errs by up to 3.8 ULP. T.-Y. Lin, P. Goyal, R. Girshick, K. He,
//! P. Dollár, "Focal loss for dense object detection", ICCV 2017.
//!
//! **Range.** γ and the weights may be as large as numbers are. A power is kept as 2^110 times
//! itself, and a weight w ≥ 2 as a number below 2 and a power of two that is applied last. For
//! w above 2^62, a loss or a gradient below w·2^-212 loses digits, down to 0.
//!
//! The `unsafe` here is sound because all memory is touched by
//! [`pair_sum`](super::binary::pair_sum), whose argument is stated there.
#![allow(unsafe_code)]

use super::Tile;
use super::binary::{
    Factors, Keep, PairFunction, ScoreFunction, Weights, apply_on_scores, pair_sum,
};
use crate::math::exp::{NORMAL, Parts};
use crate::math::logistic::{Precise, Tail};
use crate::math::words::{add, product, rounded, times, two_sum};
use crate::simd::{EIGHTHS, Lanes, Simd};

/// Focal loss of scores, the sum of the losses as a double-word number.
///
/// # Safety
/// The CPU has the instructions of the token.
#[inline(always)]
pub(super) unsafe fn focal<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    targets: &[f32],
    keep: Keep,
    weights: &Weights,
    gamma: f32,
) -> (f32, f32) {
    let loss = Focal { gamma, factors: Factors::new(simd, weights).normal() };
    unsafe { pair_sum(simd, loss, tile, targets, keep) }
}

/// Focal loss with its parameters.
#[derive(Clone, Copy)]
struct Focal {
    gamma: f32,
    factors: Factors,
}

/// A coefficient, and what a product of it and a [`Power`] is multiplied by last.
#[derive(Clone, Copy)]
struct Coefficient<V> {
    value: (V, V),
    scale: V,
}

impl Focal {
    /// The coefficients of f(|x|) and f(−|x|).
    #[inline(always)]
    fn coefficients<V: Lanes>(self, x: V, t: V) -> [Coefficient<V>; 2] {
        let [a, b] = self.factors.coefficients(t);
        let is_negative = x.lt(x.splat(0.0));
        let one = x.splat(Power::<V>::INVERSE);
        let unit = x.splat(self.factors.unit) * one;
        let select = V::select;
        [
            Coefficient {
                value: (select(is_negative, a.0, b.0), select(is_negative, a.1, b.1)),
                scale: select(is_negative, unit, one),
            },
            Coefficient {
                value: (select(is_negative, b.0, a.0), select(is_negative, b.1, a.1)),
                scale: select(is_negative, one, unit),
            },
        ]
    }
}

impl PairFunction for Focal {
    const NOTHING: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, t: V, slope: bool) -> (V, V) {
        apply_on_scores(self, x, t, slope)
    }
}

impl ScoreFunction for Focal {
    const NEAR: f32 = NORMAL;

    #[inline(always)]
    fn near<V: Lanes>(self, x: V, t: V, slope: bool) -> (V, V) {
        let (zero, one, gamma) = (x.splat(0.0), x.splat(1.0), x.splat(self.gamma));
        let logistic = Precise::new(x);
        // softplus(−|x|) and softplus(|x|)
        let below = logistic.ln_1p_words();
        let above = add((x.abs(), zero), below);

        let y_below = times(gamma, below);
        let [wrong, right] = self.coefficients(x, t);
        let up = Power::of(y_below).times(wrong.value);
        let down = Power::of(times(gamma, above)).times(right.value);
        let loss = add(up.times(above).words(wrong.scale), down.times(below).words(right.scale));
        let loss = rounded(loss);
        if !slope {
            return (loss, loss);
        }
        let lesser = logistic.quotient_words(logistic.z);
        let greater = logistic.quotient_words((one, zero));
        // γ·softplus(|x|) may be infinite, γ·σ(−|x|) is not.
        let up_slope = add(greater, product(times(gamma, lesser), above));
        let down_slope = add(lesser, product(greater, y_below));
        let slopes = [up.times(up_slope), down.times(down_slope)];
        (loss, difference(x, slopes, [wrong, right]))
    }

    /// Far from 0, with z = e^-|x|,
    ///
    /// ```text
    /// f(|x|)  = e^(−γ·z)·|x|         f′(|x|)  = e^(−γ·z)·(1 + γ·z·|x|)
    /// f(−|x|) = e^(−(1 + γ)·|x|)     f′(−|x|) = (1 + γ)·e^(−(1 + γ)·|x|)
    /// ```
    ///
    /// and beyond 230, γ·z is nothing whatever γ.
    #[inline(always)]
    fn far<V: Lanes>(self, x: V, t: V) -> (V, V) {
        const LAST: f32 = 230.0;
        let (zero, one, gamma) = (x.splat(0.0), x.splat(1.0), x.splat(self.gamma));
        let [wrong, right] = self.coefficients(x, t);
        let near = x.abs().clamp(0.0, LAST);
        let y = Tail::new(x).times((gamma, zero));
        let exponent = two_sum(gamma, one);
        let up = Power::of(y).times(wrong.value);
        let down = Power::of(times(near, exponent)).times(right.value);

        // A coefficient of 0 wins over an infinity, of which its second word takes nothing.
        let low = wrong.value.1 * x.abs().clamp(0.0, f32::MAX);
        let unit = wrong.scale * Power::<V>::SCALE;
        let beyond = wrong.value.0.mul_add(x.abs(), low) * unit;
        let beyond = V::select(wrong.value.0.eq(zero), zero, beyond);
        let (loss, low) = up.times((near, zero)).words(wrong.scale);
        let is_beyond = x.splat(LAST).lt(x.abs());
        let loss = (V::select(is_beyond, beyond, loss), V::select(is_beyond, zero, low));
        let loss = add(loss, down.words(right.scale));

        let slopes = [up.times(add((one, zero), times(near, y))), down.times(exponent)];
        (rounded(loss), difference(x, slopes, [wrong, right]))
    }
}

/// The gradient up − down, or for negative x the opposite, for slopes that are multiplied by
/// the scales of their coefficients.
///
/// One that underflows keeps its sign, which is that of the larger of the two.
#[inline(always)]
fn difference<V: Lanes>(x: V, [up, down]: [Power<V>; 2], [wrong, right]: [Coefficient<V>; 2]) -> V {
    let (zero, minus_zero) = (x.splat(0.0), x.splat(-0.0));
    let minus = down.words(right.scale);
    let slope = rounded(add(up.words(wrong.scale), (-minus.0, -minus.1)));

    let enlarged = 1.152_921_504_606_846_976e18; // 2^60
    let (plus, minus) = (up.0.0 * (wrong.scale * enlarged), down.0.0 * (right.scale * enlarged));
    let nothing = V::select(plus.lt(minus), minus_zero, zero);
    let nothing = V::select(wrong.value.0.eq(zero), minus_zero, nothing);
    let slope = V::select(slope.eq(zero), nothing, slope);
    V::select(x.lt(zero), -slope, slope)
}

/// A multiple of e^-y as a double-word number, times 2^110: what is small leaves neither the
/// normal numbers nor, with a factor below 2^17, what is large the finite ones.
#[derive(Clone, Copy)]
struct Power<V>((V, V));

impl<V: Lanes> Power<V> {
    const SCALE: f32 = 1.298_074_214_633_706_9e33; // 2^110
    const INVERSE: f32 = 7.703_719_777_548_943e-34; // 2^-110

    /// e^-(y + low) for y ≥ 0, and 0 from y = 200 on.
    #[inline(always)]
    fn of((y, low): (V, V)) -> Self {
        let most = y.splat(200.0);
        let low = V::select(y.lt(most), low, y.splat(0.0));
        let e = Parts::new(-most.min(y), y.splat(EIGHTHS + 110.0)).and(-low);
        Self(e.scaled_words())
    }

    #[inline(always)]
    fn times(self, factor: (V, V)) -> Self {
        Self(product(self.0, factor))
    }

    /// The number itself, or with another scale than 2^-110 a multiple of it.
    #[inline(always)]
    fn words(self, scale: V) -> (V, V) {
        (self.0.0 * scale, self.0.1 * scale)
    }
}
