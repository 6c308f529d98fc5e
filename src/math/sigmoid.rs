//! σ(x) = 1 / (1 + e^-x).
//!
//! **Method.** With z = e^-|x| ≤ 1, which never overflows: σ = 1/(1 + z) for
//! x ≥ 0 and z/(1 + z) below. The negative tail is z itself there, subnormals
//! included.
//!
//! **Error.** That of z, of 1 + z and of the division.

use super::exp::exp;
use crate::simd::Lanes;
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
    let one = x.splat(1.0);
    let z = exp(-x.abs());
    V::select(x.lt(x.splat(0.0)), z, one) / (z + one)
}
