//! ln x.
//!
//! **Method.** x = m·2^e with 0.75 ≤ m < 1.5, so that f = m − 1 is exact and no
//! digits cancel around x = 1; ln(1 + f) = f − f²/2 + f³·P(f). The sum e·ln2 + f
//! is kept in two words (ln2's first word has 11 bits, its product with e is
//! exact), and everything smaller joins the second.
//!
//! **Error.** Half an ULP for the last addition, 0.07 for the polynomial
//! (5.0e-9), and about a quarter for f²/2, largest where e = 0 and f is near
//! its ends.
//!
//! **Coefficients** by `ln.sollya`, beside this file.

use super::polynomial::horner;
use super::words::{fast_two_sum, two_sum};
use crate::simd::Lanes;
use crate::sweep::Function;

const LN_2: [f32; 2] = [0.693359375, -2.12194441701285541057586669921875e-4];

/// (ln(1 + f) − f + f²/2) / f³ on −1/4 ≤ f ≤ 1/2, largest error 5.0e-9 of
/// ln(1 + f).
const POLYNOMIAL: [f32; 8] = [
    0.333334505558013916015625,
    -0.2500009834766387939453125,
    0.19990806281566619873046875,
    -0.16647164523601531982421875,
    0.144788205623626708984375,
    -0.1316298544406890869140625,
    0.104645304381847381591796875,
    -4.50736097991466522216796875e-2,
];

/// ln x.
#[derive(Clone, Copy, Debug)]
pub struct Ln;

impl Function for Ln {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        ln(x)
    }
}

/// ln x for every x.
#[inline(always)]
pub(crate) fn ln<V: Lanes>(x: V) -> V {
    let zero = x.splat(0.0);
    let (high, low) = ln_words(x, zero, zero);
    let not_positive = V::select(x.eq(zero), x.splat(f32::NEG_INFINITY), x.splat(f32::NAN));
    let y = V::select(zero.lt(x), high + low, not_positive);
    V::select(x.eq(x.splat(f32::INFINITY)), x, y)
}

/// ln((x + low) · 2^exponent) in two words, for positive finite x and a `low`
/// of at most half its last bit.
#[inline(always)]
pub(crate) fn ln_scaled<V: Lanes>((x, low): (V, V), exponent: V) -> (V, V) {
    let (high, rest) = ln_words(x, low / x, exponent);
    fast_two_sum(high, rest)
}

/// ln(1 + x + low) for 0 ≤ x < 2^100 and a `low` of at most its last bit;
/// small x to full relative accuracy.
#[inline(always)]
pub(crate) fn ln_1p_positive<V: Lanes>((x, low): (V, V)) -> V {
    let (sum, error) = two_sum(x.splat(1.0), x);
    let (high, rest) = ln_words(sum, (error + low) / sum, x.splat(0.0));
    high + rest
}

/// ln x + c + exponent·ln2 as two words that are not yet added, |c| ≤ 2^-23.
#[inline(always)]
fn ln_words<V: Lanes>(x: V, c: V, exponent: V) -> (V, V) {
    let (m, e) = x.split_exp2();
    let f = m - 1.0;
    let e = e + exponent;
    let (high, error) = fast_two_sum(e * LN_2[0], f);
    let cubic = (f * f * f).mul_add(horner(f, POLYNOMIAL), e.mul_add(x.splat(LN_2[1]), c));
    // Adding −f²/2 last spares it a rounding of its own where fused.
    let low = f.mul_add(f * -0.5, cubic);
    (high, low + error)
}

/// ln(x/y) for positive finite x and y, without over- or underflow of the
/// quotient; +0 for x = y.
#[inline(always)]
pub(crate) fn ln_ratio<V: Lanes>(x: V, y: V) -> V {
    let (x, x_exponent) = x.split_exp2();
    let (y, y_exponent) = y.split_exp2();
    let (high, low) = ln_words(x / y, x.splat(0.0), x_exponent - y_exponent);
    high + low
}
