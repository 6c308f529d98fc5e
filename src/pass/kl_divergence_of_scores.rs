//! Kullback-Leibler divergence of the distributions that two rows of scores stand for, and its
//! gradient.
//!
//! **Method.** With P = softmax(x), Q = softmax(y) and c = Σ p·(x − y), the mean difference of
//! the scores, v = x − y − c has the mean 0, so that
//!
//! ```text
//! KL(P‖Q) = ln Σ p·e^-v = ln(1 + Σ p·f(v))      f(v) = e^-v − 1 + v ≥ 0
//! ```
//!
//! No probability is formed and no summand is negative: the divergence keeps its digits however
//! close Q is to P, and however certain both are. f(v) is a series for small v; else
//! p·f(v) ∝ e^(y + c) − e^x + e^x·v, where no e^-v overflows.
//!
//! The largest element of x is subtracted from x, and from y the one in the same place: then
//! what P is sure of has no part in c, and c keeps its digits. Where Q holds that one
//! impossible, nothing cancels, and the largest of y takes its place. All of these are
//! double-word numbers, which leaves no error in v. Errors of e^x are those of other weights p:
//! they change each summand by as much, relatively, and nothing else, because c is the mean of
//! the same weights.
//!
//! Where KL is ¼ or more, it is c + ln Σ e^y − ln Σ e^x, which cancels little: errors of e^x are
//! 2.2e-9·(Σ p·|v| + 2) there, and Σ p·|v| is at most 2·KL + ln 2. Below, e^(y + c) is so small
//! that no sum of it overflows.
//!
//! ```text
//! gradient by y = q − p = p·(e^(−KL − v) − 1)
//! ```
//!
//! The last form is used where the gradient is close to 0. Either is a double-word number,
//! rounded once, with e^x of `shifted_exp_of_words`.
//!
//! **Tried.** With `Shift::words` and `exp_m1`, KL erred by up to 1.5 ULP, its gradient by 2.1.
//! With the largest of y throughout, a KL of 1e-32 of a P that is sure erred by 4 ULP.
//!
//! The `unsafe` here is sound because searches, sums and loops touch as many elements as both
//! tiles have.
#![allow(unsafe_code)]

use super::Tile;
use super::map::{Map, map};
use super::search::{maximum, position};
use super::sum::{NOWHERE, Terms, sums};
use crate::math::double_word::{add, add_words, divide, product, times, two_product, two_sum};
use crate::math::exp_m1::{SMALL, exp_m1_small};
use crate::math::ln::ln_1p_positive_words;
use crate::math::polynomial::horner;
use crate::math::shift::{LEVEL, Scaled, Shift};
use crate::simd::{Lanes, Mask, Simd, call};

/// Sums are of e^x · 2^LEVEL, x less its row's largest.
const SHIFT: Shift = Shift { center: 0.0, exponent: -LEVEL };
/// Differences of scores are multiplied by this, so that no product with them overflows. 2^-64
const DISTANCE: f32 = 5.421_010_862_427_522e-20;
/// From this KL on, the difference of logarithms is as good as the sum of what is not negative.
const LARGE: f32 = 0.25;
/// How far the largest y may be above y's origin: no sum of 2^24 e^y times 2^LEVEL overflows.
const MOST: f32 = 34.0;

/// The divergence of a row of y from a row of x. The derivatives by y are written where the
/// results of y go, if that is anywhere.
#[inline(always)]
pub(super) unsafe fn kl_divergence<S: Simd>(simd: S, x: &Tile<'_>, y: &Tile<'_>) -> f32 {
    let (length, inputs) = (x.columns.min(y.columns), [x.x, y.x]);
    let (top, most) = unsafe { (maximum(simd, x.x, length), maximum(simd, y.x, length)) };
    if !(top.is_finite() && most.is_finite()) {
        unsafe { fill(simd, f32::NAN, y.out, length) };
        return f32::NAN;
    }
    let own = y.get(0, unsafe { position(simd, x.x, length, top) });
    let origin = Origin { x: top, y: if most - own <= MOST { own } else { most } };
    let [all, others, distance] = unsafe { sums(simd, Moments(origin), inputs, length, NOWHERE) };
    let words = (simd.splat(all.0), simd.splat(all.1));
    let mean = divide((simd.splat(distance.0), simd.splat(distance.1)), words);
    let mean = (mean.0.first() / DISTANCE, mean.1.first() / DISTANCE);
    let mut divergence = (f32::INFINITY, 0.0);
    if distance.0 != f32::INFINITY {
        let p = Scaled::new(simd, SHIFT.exponent, all).ln(simd);
        let q = Scaled::new(simd, SHIFT.exponent, others).ln(simd);
        divergence = add_words(mean, add_words(q, (-p.0, -p.1)));
        if divergence.0 < LARGE {
            let terms = Summand { origin, mean };
            let [(sum, low)] = unsafe { sums(simd, terms, inputs, length, NOWHERE) };
            let share = divide((simd.splat(sum), simd.splat(low)), words);
            let (high, low) = ln_1p_positive_words(share);
            divergence = (high.first(), low.first());
        }
    }
    if y.writes() {
        let headroom = (simd.splat(HEADROOM), simd.splat(0.0));
        let others = (simd.splat(others.0), simd.splat(others.1));
        let (p, q) = (divide(headroom, words), divide(headroom, others));
        let (p, q) = ((p.0.first(), p.1.first()), (q.0.first(), q.1.first()));
        // An error of a large divergence, as one of the exponent, would cost more than q − p.
        let close = if divergence.0 < LARGE { SMALL } else { -1.0 };
        let derivative = Derivative { origin, mean, divergence, close, p, q };
        unsafe { map(simd, derivative, inputs, y.out, length) };
    }
    divergence.0 + divergence.1
}

/// Writes one value to all of a row, if there is a place for it.
#[inline(always)]
unsafe fn fill<S: Simd>(simd: S, value: f32, out: *mut f32, length: usize) {
    let mut at = 0;
    while at < length && !out.is_null() {
        unsafe { simd.store_part(simd.splat(value), out.add(at), length - at) };
        at += S::F32::COUNT;
    }
}

/// What is subtracted from scores.
#[derive(Clone, Copy)]
struct Origin {
    x: f32,
    y: f32,
}

impl Origin {
    /// e·(x − y) times a power of two, in two words: the product that is given, or a new one where
    /// y is so far below its origin that [`less`] made the least number of it. There
    /// x − y is origin − y, to all digits, wherever e is not 0.
    #[inline(always)]
    fn product<V: Lanes>(
        self,
        (e, e_low): (V, V),
        (y, less): (V, V),
        power: f32,
        product: (V, V),
    ) -> (V, V) {
        if less.all_above(f32::MIN) {
            return product;
        }
        // Half of the distance is a number.
        let (half, low) = two_sum(y.splat(0.5 * self.y), y * -0.5);
        let half = (half * power, low * power);
        let (far, low) = times(e * 2.0, half);
        let low = (e_low * 2.0).mul_add(half.0, low);
        let is_far = less.le(y.splat(f32::MIN)).and(y.splat(0.0).lt(e));
        (V::select(is_far, far, product.0), V::select(is_far, low, product.1))
    }
}

/// x − origin as a double-word number. −∞ becomes the least finite number.
#[inline(always)]
fn less<V: Lanes>(x: V, origin: f32) -> (V, V) {
    call!(V, (x, origin), |(x, origin)| {
        let (high, low) = two_sum(x, -x.splat(origin));
        let least = x.splat(f32::MIN);
        let is_far = high.le(least);
        (V::select(is_far, least, high), V::select(is_far, x.splat(0.0), low))
    })
}

/// The difference of two double-word numbers, as a double-word number.
#[inline(always)]
fn difference<V: Lanes>(x: (V, V), y: (V, V)) -> (V, V) {
    call!(V, (x, y), |((x, x_low), (y, y_low))| {
        let (high, error) = two_sum(x, -y);
        // All of it may be in the second words.
        two_sum(high, error + (x_low - y_low))
    })
}

/// e^x, e^y, and e^x·(x − y) times [`DISTANCE`], which is ∞ where y alone is impossible.
#[derive(Clone, Copy)]
struct Moments(Origin);

impl Terms<2, 3> for Moments {
    const NOTHING: [f32; 2] = [f32::NEG_INFINITY; 2];
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn terms<V: Lanes>(self, [x, y]: [V; 2]) -> [(V, V); 3] {
        let impossible = x.splat(f32::NEG_INFINITY);
        let is_infinite = y.eq(impossible).and(impossible.lt(x));
        let (x, (y, score)) = (less(x, self.0.x), (less(y, self.0.y), y));
        let (distance, low) = difference(x, y);
        let (distance, low) = (distance * DISTANCE, low * DISTANCE);
        let e = SHIFT.words(x);
        let (product, low) = times(e.0, (distance, low));
        let product = (product, e.1.mul_add(distance, low));
        let (product, low) = self.0.product(e, (score, y.0), DISTANCE, product);
        [e, SHIFT.words(y), (V::select(is_infinite, -impossible, product), low)]
    }
}

/// e^x·f(v).
#[derive(Clone, Copy)]
struct Summand {
    origin: Origin,
    /// c as a double-word number.
    mean: (f32, f32),
}

/// The series of f goes this far from −½: e^(y + c) − e^x + e^x·v cancels little beyond.
const REACH: f32 = 1.5;
const CENTER: f32 = 0.5;

/// (f(−w)/w² − ½)/w, of which the next term is 6e-9 of f(−w)/w² where w is 2.
const SERIES: [f32; 12] = [
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
    1.0 / 87_178_291_200.0,
];

impl Terms<2, 1> for Summand {
    const NOTHING: [f32; 2] = [f32::NEG_INFINITY; 2];
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn terms<V: Lanes>(self, [x, y]: [V; 2]) -> [(V, V); 1] {
        let mean = (x.splat(self.mean.0), x.splat(self.mean.1));
        let ((x, y), score) = ((less(x, self.origin.x), less(y, self.origin.y)), y);
        let (e, e_low) = SHIFT.words(x);
        let (v, v_low) = difference(difference(x, y), mean);

        let tail = two_product(-v, horner(-v, SERIES));
        let factor = add((v.splat(0.5), v.splat(0.0)), tail);
        let square = product((v, v_low), (v, v_low));
        let (near, near_low) = product((e, e_low), product(square, factor));
        let is_near = (v + CENTER).abs().le(v.splat(REACH));
        if is_near.all() {
            return [(near, near_low)];
        }

        // Where results are rounded down, the least finite number less another is none.
        let (far_y, y) = (y.0, (y.0.splat(f32::MIN / 2.0).max(y.0), y.1));
        let (other, other_low) = SHIFT.words(difference(y, (-mean.0, -mean.1)));
        let (change, change_error) = two_sum(other, -e);
        let (product, low) = times(e, (v, v_low));
        let product = (product, e_low.mul_add(v, low));
        let (product, low) = self.origin.product((e, e_low), (score, far_y), 1.0, product);
        let (far, error) = two_sum(change, product);
        let far_low = ((other_low - e_low) + low) + (change_error + error);

        [(V::select(is_near, near, far), V::select(is_near, near_low, far_low))]
    }
}

/// The derivative by y.
#[derive(Clone, Copy)]
struct Derivative {
    origin: Origin,
    /// c, and KL, as double-word numbers.
    mean: (f32, f32),
    divergence: (f32, f32),
    /// Up to which magnitude of the exponent q counts as close to p.
    close: f32,
    /// The reciprocals of Σ e^x and Σ e^y times [`HEADROOM`], as double-word numbers.
    p: (f32, f32),
    q: (f32, f32),
}

/// By how much products are above a probability, so that no subnormal number is rounded twice.
/// 2^60
const HEADROOM: f32 = 1_152_921_504_606_846_976.0;

impl Map<2> for Derivative {
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn apply<V: Lanes>(self, [x, y]: [V; 2]) -> V {
        let mean = (x.splat(self.mean.0), x.splat(self.mean.1));
        let divergence = (x.splat(self.divergence.0), x.splat(self.divergence.1));
        let p = (x.splat(self.p.0), x.splat(self.p.1));
        let q = (x.splat(self.q.0), x.splat(self.q.1));
        let (x, y) = (less(x, self.origin.x), less(y, self.origin.y));
        let (p, q) = (product(SHIFT.words(x), p), product(SHIFT.words(y), q));
        let v = difference(difference(x, y), mean);
        let (exponent, low) = difference((-v.0, -v.1), divergence);

        let near = product(p, exp_m1_small((exponent, low)));
        let far = add(q, (-p.0, -p.1));
        let is_close = exponent.abs().le(exponent.splat(self.close));
        let high = V::select(is_close, near.0, far.0);
        (high + V::select(is_close, near.1, far.1)) * (1.0 / HEADROOM)
    }
}
