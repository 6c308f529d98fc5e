//! ln(1 + x).
//!
//! **Method.** s = 1 + x with the rounding error e of the sum, then
//! ln(s + e) = ln s + e/s to first order, as |e/s| ≤ 2^-24. Near zero both are
//! exact enough for their sum to be; from 2^-24 down s is 1 and the result e = x.
//!
//! **Error.** That of ln x, see `ln.rs`, and what rounds off e/s.

use super::double_word::two_sum;
use super::ln::Sum;
use crate::simd::Lanes;

/// ln(1 + x) for every x.
#[inline(always)]
pub(crate) fn ln_1p<V: Lanes>(x: V) -> V {
    let (sum, error) = two_sum(x.splat(1.0), x);
    let y = Sum::new(sum.split_exp2(), error / sum).value();
    let zero = x.splat(0.0);
    // Zero keeps its sign.
    let y = V::select(x.eq(zero), x, y);
    if V::all_invertible([sum]) {
        return y;
    }
    let outside = V::select(sum.eq(zero), x.splat(f32::NEG_INFINITY), x.splat(f32::NAN));
    let y = V::select(zero.lt(sum), y, outside);
    V::select(x.eq(x.splat(f32::INFINITY)), x, y)
}
