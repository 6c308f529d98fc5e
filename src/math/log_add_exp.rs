//! ln(e^a + e^b) of logarithms in two words.
//!
//! **Method.** For a ≥ b it is a + ln(1 + e^(b − a)): the difference, the exponential and the
//! logarithm are of two words each.
//!
//! **Error.** What is added to a errs by 2^-25 of itself, the sum by 2^-48.

use super::double_word::{fast_two_sum, two_sum};
use super::exp::Parts;
use super::fixed_point::{BELOW, Sum, plus, surprise};
use super::integer::exp_parts;
use super::ln::ln_scaled;
use crate::simd::{EIGHTHS, Lanes};

/// Below this distance ln(1 + z) is a short series in z = e^d, and from here on z is 0.
const SERIES: f32 = -7.0;
const NOTHING: f32 = -104.0;

/// ln(e^a + e^b); `lanes` may hold anything. Of −∞ and b it is b, to the bit.
#[inline(always)]
pub(crate) fn log_add_exp<V: Lanes>(lanes: V, a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    let (a, b) = if a < b { (b, a) } else { (a, b) };
    if b.0.is_nan() {
        return b;
    }
    let (difference, error) = two_sum(b.0, -a.0);
    let (d, d_low) = two_sum(difference, error + (b.1 - a.1));
    // NaN where the difference is infinite or overflows.
    if d.is_nan() || d < NOTHING {
        return a;
    }
    let exp = Parts::new(lanes.splat(d), lanes.splat(EIGHTHS)).and(lanes.splat(d_low));
    let (z, z_low) = exp.words();
    let z = z.scale_exp2(exp.power);
    let z_low = z_low * z.splat(1.0).scale_exp2(exp.power);
    let (high, low) = if d >= SERIES {
        let (sum, error) = fast_two_sum(z.splat(1.0), z);
        ln_scaled((sum, error + z_low), z.splat(0.0))
    } else {
        // z − z²/2 + z³/3: the next term is below 2^-32 of it.
        (z, z_low - z * z * (-z).mul_add(z.splat(1.0 / 3.0), z.splat(0.5)))
    };
    let (sum, error) = two_sum(a.0, high.first());
    two_sum(sum, error + (a.1 + low.first()))
}

/// ln(e^a + e^b) of double-word numbers by integers, as the scalar backend computes it. If one of them is −∞, it is exactly the other.
pub(crate) fn log_add_exp_by_integers(a: (f32, f32), b: (f32, f32)) -> (f32, f32) {
    let (a, b) = if a < b { (b, a) } else { (a, b) };
    if b.0.is_nan() {
        return b;
    }
    let (difference, error) = two_sum(b.0, -a.0);
    let (d, low) = two_sum(difference, error + (b.1 - a.1));
    // NaN where the difference is infinite or overflows; e^-104 is nothing.
    if d.is_nan() || d < -104.0 {
        return a;
    }
    let (y, n) = exp_parts(d.to_bits());
    // y is multiplied by e^low, which is 1 + low.
    let low = (low * 4_294_967_296.0) as i32;
    let m = (u64::from(y) << 1).wrapping_add_signed((i64::from(y) * i64::from(low)) >> 31);
    let (ln, e) = surprise(Sum { m: m << BELOW, e: 0 }, 1 << 31, n);
    plus(a, ln, e)
}
