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
//! itself, and a weight w ≥ 1024 as a number below that and a power of two that is applied last.
//! (A smaller one as a number below 2 would lose digits in products with subnormal targets.)
//! For w above 2^71, a loss or a gradient below w·2^-221 loses digits, down to 0.
//!
//! The `unsafe` here is sound because all memory is touched by
//! [`pair_sum`](super::binary::pair_sum), whose argument is stated there.
#![allow(unsafe_code)]

use super::Tile;
use super::binary::{Factors, Keep, PairFunction, Weights, pair_sum};
use crate::math::double_word::{add, product, rounded, times, two_sum};
use crate::math::exp::{NORMAL, Parts};
use crate::math::logistic::{Precise, Tail};
use crate::simd::{EIGHTHS, Lanes, Mask, Simd, call};

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
        [
            Coefficient {
                value: select(is_negative, a, b),
                scale: V::select(is_negative, unit, one),
            },
            Coefficient {
                value: select(is_negative, b, a),
                scale: V::select(is_negative, one, unit),
            },
        ]
    }
}

/// What f(|x|) or f(−|x|) is made of: e^-exponent · loss, and of its derivative by s:
/// e^-exponent · slope.
#[derive(Clone, Copy)]
struct Part<V> {
    exponent: (V, V),
    loss: (V, V),
    slope: (V, V),
}

impl<V: Lanes> Part<V> {
    #[inline(always)]
    fn select(mask: V::Mask, yes: Self, no: Self) -> Self {
        Self {
            exponent: select(mask, yes.exponent, no.exponent),
            loss: select(mask, yes.loss, no.loss),
            slope: select(mask, yes.slope, no.slope),
        }
    }
}

#[inline(always)]
fn select<V: Lanes>(mask: V::Mask, yes: (V, V), no: (V, V)) -> (V, V) {
    (V::select(mask, yes.0, no.0), V::select(mask, yes.1, no.1))
}

impl Focal {
    /// The parts for |x| ≤ [`NORMAL`].
    #[inline(always)]
    fn near<V: Lanes>(self, x: V, slope: bool) -> [Part<V>; 2] {
        let (zero, one, gamma) = (x.splat(0.0), x.splat(1.0), x.splat(self.gamma));
        let logistic = Precise::new(x);
        // softplus(−|x|) and softplus(|x|)
        let below = logistic.ln_1p_words();
        let above = add((x.abs(), zero), below);
        let y_below = times(gamma, below);
        let mut slopes = [(zero, zero); 2];
        if slope {
            let lesser = logistic.quotient_words(logistic.z);
            let greater = logistic.quotient_words((one, zero));
            // γ·softplus(|x|) may be infinite, γ·σ(−|x|) is not.
            slopes[0] = add(greater, product(times(gamma, lesser), above));
            slopes[1] = add(lesser, product(greater, y_below));
        }
        [
            Part { exponent: y_below, loss: above, slope: slopes[0] },
            Part { exponent: times(gamma, above), loss: below, slope: slopes[1] },
        ]
    }

    /// The parts farther from 0. With z = e^-|x|,
    ///
    /// ```text
    /// f(|x|)  = e^(−γ·z)·|x|         f′(|x|)  = e^(−γ·z)·(1 + γ·z·|x|)
    /// f(−|x|) = e^(−(1 + γ)·|x|)     f′(−|x|) = (1 + γ)·e^(−(1 + γ)·|x|)
    /// ```
    ///
    /// and beyond [`LAST`], which they take for |x|, γ·z is nothing whatever γ.
    #[inline(always)]
    fn far<V: Lanes>(self, x: V) -> [Part<V>; 2] {
        let (zero, one, gamma) = (x.splat(0.0), x.splat(1.0), x.splat(self.gamma));
        let distance = x.abs().clamp(0.0, LAST);
        let y = Tail::new(x).times((gamma, zero));
        let factor = two_sum(gamma, one);
        [
            Part {
                exponent: y,
                loss: (distance, zero),
                slope: add((one, zero), times(distance, y)),
            },
            Part { exponent: times(distance, factor), loss: (one, zero), slope: factor },
        ]
    }

    /// The loss beyond [`LAST`], a·|x|. A coefficient of 0 wins over an infinity, of which its
    /// second word takes nothing.
    #[inline(always)]
    fn beyond<V: Lanes>(x: V, wrong: Coefficient<V>) -> V {
        let low = wrong.value.1 * x.abs().clamp(0.0, f32::MAX);
        let loss = wrong.value.0.mul_add(x.abs(), low) * (wrong.scale * Power::<V>::SCALE);
        V::select(wrong.value.0.eq(x.splat(0.0)), x.splat(0.0), loss)
    }
}

/// The |x| from which f(|x|) is |x|, and e^-|x| times the largest number is 0.
const LAST: f32 = 230.0;

impl PairFunction for Focal {
    const NOTHING: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, t: V, slope: bool) -> (V, V) {
        let [wrong, right] = self.coefficients(x, t);
        let valid = x.splat(0.0).le(t).and(t.le(x.splat(1.0)));
        let is_ordinary = V::all_within([x], NORMAL) && valid.all();

        let [mut up, mut down] = self.near(x.clamp(-NORMAL, NORMAL), slope);
        if !is_ordinary {
            let is_far = x.splat(NORMAL).lt(x.abs());
            let far = self.far(x);
            up = Part::select(is_far, far[0], up);
            down = Part::select(is_far, far[1], down);
        }
        let up_power = Power::of(up.exponent).times(wrong.value);
        let down_power = Power::of(down.exponent).times(right.value);
        let loss = up_power.times(up.loss).words(wrong.scale);
        let mut loss = rounded(add(loss, down_power.times(down.loss).words(right.scale)));
        let mut gradient = loss;
        if slope {
            let slopes = [up_power.times(up.slope), down_power.times(down.slope)];
            gradient = difference(x, slopes, [wrong, right]);
        }
        if !is_ordinary {
            let nan = x.splat(f32::NAN);
            loss = V::select(x.splat(LAST).lt(x.abs()), Self::beyond(x, wrong), loss);
            loss = V::select(valid, loss, nan);
            gradient = V::select(valid, gradient, nan);
        }
        (loss, gradient)
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
/// normal numbers nor, with factors below 2^10 and 2^7.8, what is large the finite ones.
#[derive(Clone, Copy)]
struct Power<V>((V, V));

impl<V: Lanes> Power<V> {
    const SCALE: f32 = 1.298_074_214_633_706_9e33; // 2^110
    const INVERSE: f32 = 7.703_719_777_548_943e-34; // 2^-110

    /// e^-(y + low) for y ≥ 0, and 0 from y = 200 on.
    #[inline(always)]
    fn of(y: (V, V)) -> Self {
        call!(V, y, |(y, low)| {
            let most = y.splat(200.0);
            let low = V::select(y.lt(most), low, y.splat(0.0));
            let e = Parts::new(-most.min(y), y.splat(EIGHTHS + 110.0)).and(-low);
            Self(e.scaled_words())
        })
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
