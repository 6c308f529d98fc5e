//! What becomes of a score before softmax: a soft cap and a temperature, and their derivative.

use super::coefficients::splat;
use crate::math::double_word::{divide, fast_two_sum, product, times, two_sum};
use crate::math::tanh::{SCALE, tanh};
use crate::simd::scalar::F32;
use crate::simd::{Lanes, call};

/// 2^-60
const DOWN: f32 = 8.673_617_4e-19;

/// A double-word number.
type Number = (f32, f32);

/// a / b
#[inline(always)]
pub(crate) fn quotient(a: f32, b: f32) -> Number {
    let (high, low) = divide((F32(a), F32(0.0)), (F32(b), F32(0.0)));
    (high.0, low.0)
}

/// The second word, unless the first is infinite: then it means nothing.
#[inline(always)]
pub(super) fn finite<V: Lanes>((high, low): (V, V)) -> (V, V) {
    let zero = high.splat(0.0);
    (high, V::select(high.abs().lt(high.splat(f32::INFINITY)), low, zero))
}

/// s(x) = μ·u(x).
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// 1/c of a soft cap.
    cap: Option<Number>,
    /// 1/T over a power of two, and this power.
    inverse: Number,
    octaves: f32,
    /// μ.
    pub(super) factor: Number,
}

impl Link {
    /// Of a cap and a temperature from 2^-60 to 2^60.
    #[inline(never)]
    pub(crate) fn new(cap: Option<f32>, temperature: f32) -> Self {
        let (high, low) = quotient(1.0, temperature);
        let octaves = f32::from_bits(high.to_bits() & f32::INFINITY.to_bits());
        Self {
            cap: cap.map(|c| quotient(1.0, c)),
            inverse: (high / octaves, low / octaves),
            octaves,
            factor: cap.map_or((high, low), |c| quotient(c, temperature)),
        }
    }

    /// Whether there is a soft cap: then infinite scores are finite.
    pub(crate) fn has_cap(&self) -> bool {
        self.cap.is_some()
    }

    /// u(x)/2 times a power of two and, with a soft cap, u′(x) times [`SCALE`], in two words.
    #[inline(always)]
    pub(super) fn half<V: Lanes>(self, x: V, power: V) -> [(V, V); 2] {
        let (zero, half) = (x.splat(0.0), power * 0.5);
        let Some(inverse) = self.cap else {
            return [(x * half, zero), (zero, zero)];
        };
        let [(high, low), slope] = tanh(times(x, splat(x, inverse)));
        [(high * half, low * half), slope]
    }

    /// μ·(u(x) − u(m)) in two words, from halves of both.
    #[inline(always)]
    pub(super) fn difference<V: Lanes>(self, half: (V, V), top: (V, V)) -> (V, V) {
        call!(V, (half, top, self.factor), |(half, top, factor)| {
            let (difference, error) = two_sum(half.0, -top.0);
            // A difference that is infinite, also as a product, has no second word.
            let size = difference * (2.0 * factor.0);
            let half = fast_two_sum(difference, error + (half.1 - top.1));
            let (high, low) = product(half, splat(half.0, factor));
            let (high, low) = fast_two_sum(high * 2.0, low * 2.0);
            let is_finite = size.abs().lt(size.splat(f32::INFINITY));
            (V::select(is_finite, high, size), V::select(is_finite, low, size.splat(0.0)))
        })
    }

    /// y·s′(x) for a double-word y, times a power of two; of u′(x) times [`SCALE`].
    ///
    /// What is large is scaled down before it is multiplied, and the result up, so that nothing
    /// overflows on the way; what is small is scaled down at the end, so that no digits are lost.
    #[inline(always)]
    pub(super) fn chain<V: Lanes>(self, y: (V, V), derivative: (V, V), power: V) -> V {
        call!(V, (self, y, derivative, power), |(link, y, derivative, power)| {
            let one = power.splat(1.0);
            let is_large = power.splat(1024.0).lt(y.0.abs());
            let y = times(V::select(is_large, one * DOWN, one), y);
            let power = V::select(is_large, power * (1.0 / DOWN), power);
            let slope = splat(one, link.inverse);
            if link.cap.is_none() {
                let (high, low) = finite(product(y, slope));
                return (high + low) * link.octaves * power;
            }
            let is_steep = one.le(derivative.0);
            let down = one * (1.0 / SCALE);
            let derivative = times(V::select(is_steep, down, one), derivative);
            let (high, low) = finite(product(y, product(derivative, slope)));
            let y = (high + low) * link.octaves * power * V::select(is_steep, one, down);
            // At the cap nothing moves the loss, be y infinite.
            let zero = power.splat(0.0);
            V::select(derivative.0.eq(zero), zero, y)
        })
    }
}
