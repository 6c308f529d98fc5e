//! softplus(x) = ln(1 + e^x), and ln σ(x) = −softplus(−x).
//!
//! **Method.** max(x, 0) + ln(1 + z) with z = e^-|x| ≤ 1 in two words, which
//! never overflows; what 1 + z leaves reaches the logarithm as in `ln_1p.rs`.
//! Below −7 that would round too often (1.12 ULP where z is about 2^-24), and
//! ln(1 + z) is three terms of its series. Beyond ±40 the value is x or e^x itself.
//!
//! **Error.** Half an ULP for the last addition, and little more where the other
//! summands are added exactly: fused, and above zero. Below zero, where multiplication
//! is not fused, what ln(1 + z) has, see `ln.rs`, and the rounding of the division.

use super::double_word::fast_two_sum;
use super::exp::{exp, exp_words};
use super::ln::Sum;
use super::sigmoid::FAR;
use crate::simd::Lanes;

/// ln σ(x) for every x.
#[inline(always)]
pub(crate) fn log_sigmoid<V: Lanes>(x: V) -> V {
    -softplus(-x)
}

/// ln(1 + e^x) for every x.
#[inline(always)]
pub(crate) fn softplus<V: Lanes>(x: V) -> V {
    let y = near(x);
    if V::all_within([x], FAR) {
        return y;
    }
    let y = V::select(x.lt(x.splat(-FAR)), exp(x), y);
    V::select(x.splat(FAR).lt(x), x, y)
}

/// Below this ln(1 + e^x) is a short series in e^x.
const SERIES: f32 = -7.0;

/// ln(1 + e^x) for |x| ≤ `FAR`; elsewhere any number, but of NaN NaN.
#[inline(always)]
fn near<V: Lanes>(x: V) -> V {
    // In this order a NaN stays one.
    let (z, z_low) = exp_words(x.splat(-FAR).max(-x.abs()));
    let (sum, error) = fast_two_sum(x.splat(1.0), z);
    let ln_1p = Sum::new(sum.split_exp2(), (error + z_low) / sum);
    let near = ln_1p.plus(x.splat(0.0).max(x));
    // z − z²/2 + z³/3: the next term is below 2^-32 of it.
    let far = z + (z_low - z * z * (-z).mul_add(z.splat(1.0 / 3.0), z.splat(0.5)));
    V::select(x.lt(x.splat(SERIES)), far, near)
}
