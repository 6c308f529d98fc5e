//! σ(x) = 1 / (1 + e^-x).
//!
//! **Method.** With z = e^-|x| ≤ 1, which never overflows: σ = 1/(1 + z) for
//! x ≥ 0 and z/(1 + z) below. The negative tail is z itself there, subnormals
//! included. z and 1 + z are carried in two words, and the quotient is corrected
//! once by what those words and, where fused, the division left.
//!
//! **Error.** Half an ULP for the last addition and, without fused operations,
//! as much again for the division; subnormal results carry that of z.

use super::exp::Parts;
use super::words::fast_two_sum;
use crate::simd::{EIGHTHS, Lanes};
use crate::sweep::Function;

/// 1 / (1 + e^-x).
#[derive(Clone, Copy, Debug)]
pub struct Sigmoid;

impl Function for Sigmoid {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        sigmoid(x)
    }
}

/// σ(x) for every x.
#[inline(always)]
pub(crate) fn sigmoid<V: Lanes>(x: V) -> V {
    let (zero, one) = (x.splat(0.0), x.splat(1.0));
    // e^-104 is zero.
    let z = Parts::new(-x.abs().min(x.splat(104.0)), x.splat(EIGHTHS));
    let (high, low) = z.words();
    let (high, low) = (high.scale_exp2(z.power), low.scale_exp2(z.power));

    let (sum, error) = fast_two_sum(one, high);
    let sum_low = error + low;
    let negative = x.lt(zero);
    let numerator = V::select(negative, high, one);
    let quotient = numerator / sum;
    let mut left = V::select(negative, low, zero) - quotient * sum_low;
    if V::FUSED {
        left = left + quotient.mul_add(-sum, numerator);
    }
    V::select(x.eq(x), quotient + left / sum, x)
}
