//! What becomes of a score before softmax: a soft cap and a temperature, and their derivative.

use super::coefficients::splat;
use crate::math::tanh::{SCALE, tanh};
use crate::math::words::{divide, fast_two_sum, product, times, two_sum};
use crate::math::{Formula, value};
use crate::simd::Lanes;
use crate::simd::scalar::F32;

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
    /// 1/T.
    inverse: Number,
    /// A power of two from μ/4 to μ/2: u times this is not much smaller than s, and may be finite
    /// where s is not.
    unit: f32,
    /// μ over the unit.
    pub(super) factor: Number,
}

impl Link {
    /// Of a cap and a temperature from 2^-60 to 2^60.
    pub(crate) fn new(cap: Option<f32>, temperature: f32) -> Self {
        let inverse = quotient(1.0, temperature);
        let (cap, (high, low)) = match cap {
            None => (None, inverse),
            Some(c) => (Some(quotient(1.0, c)), quotient(c, temperature)),
        };
        // The exponent of μ alone, less 1.
        let unit = f32::from_bits((high.to_bits() & f32::INFINITY.to_bits()) - (1 << 23));
        Self { cap, inverse, unit, factor: (high / unit, low / unit) }
    }

    /// Whether there is a soft cap: then infinite scores are finite.
    pub(crate) fn has_cap(&self) -> bool {
        self.cap.is_some()
    }

    /// v = u(x) times the unit and a power of two; and, with a soft cap, u′(x) times [`SCALE`]; in
    /// two words.
    #[inline(always)]
    pub(super) fn scaled<V: Lanes>(self, x: V, power: V) -> [(V, V); 2] {
        let (zero, power) = (x.splat(0.0), power * self.unit);
        let Some(inverse) = self.cap else {
            return [(x * power, zero), (zero, zero)];
        };
        let [(high, low), slope] = tanh(times(x, splat(x, inverse)));
        [(high * power, low * power), slope]
    }

    /// v(x) − v(m), and μ·(u(x) − u(m)), in two words, where v has the power that is given inverted.
    #[inline(always)]
    pub(super) fn difference<V: Lanes>(self, v: (V, V), top: (V, V), inverse: V) -> [(V, V); 2] {
        struct Difference;
        impl<V: Lanes> Formula<V> for Difference {
            type Arguments = ((V, V), (V, V), (V, V));
            type Value = [(V, V); 2];
            #[inline(always)]
            fn value((v, top, factor): Self::Arguments) -> Self::Value {
                let (difference, error) = two_sum(v.0, -top.0);
                let (high, low) = fast_two_sum(difference, error + (v.1 - top.1));
                // An infinite difference has no second word.
                let is_finite = difference.abs().lt(difference.splat(f32::INFINITY));
                let zero = difference.splat(0.0);
                let v = (V::select(is_finite, high, difference), V::select(is_finite, low, zero));
                let (high, low) = product(v, factor);
                let (sum, low) = fast_two_sum(high, low);
                let is_finite = high.abs().lt(high.splat(f32::INFINITY));
                [v, (V::select(is_finite, sum, high), V::select(is_finite, low, zero))]
            }
        }
        let (high, low) = self.factor;
        value::<V, Difference>((v, top, (inverse * high, inverse * low)))
    }

    /// y·s′(x) for a double-word y, times a power of two; of u′(x) times [`SCALE`].
    #[inline(always)]
    pub(super) fn chain<V: Lanes>(self, y: (V, V), derivative: (V, V), power: V) -> V {
        let slope = splat(power, self.inverse);
        if self.cap.is_none() {
            let (high, low) = finite(product(y, slope));
            return (high + low) * power;
        }
        let (high, low) = finite(product(y, product(derivative, slope)));
        // At the cap nothing moves the loss, be y infinite.
        let zero = power.splat(0.0);
        let at_cap = derivative.0.eq(zero);
        V::select(at_cap, zero, (high + low) * (power * (1.0 / SCALE)))
    }
}
