//! e^x · 2^-N for sums: with a scale of its own, and normal results only.
//!
//! **Method.** As `exp.rs`, with 16 entries: x = k·ln2 + r with k a whole number of
//! sixteenths and |r| ≤ ln2/32, so e^x · 2^-N = 2^⌊k − N⌋ · 2^(j/16) · e^r. Sums and
//! quotients do not mind a common factor. All results have one, [`FACTOR`], chosen so
//! that all 16 values FACTOR · 2^(j/16) are close to f32 at once and need no second
//! word.
//!
//! **Error.** As t · (1 + δ) it is 2^-25.9 from the table, 2^-27.6 from the polynomial
//! and 2^-29 from roundings.
//!
//! **Coefficients** by `shifted_exp.sollya` and `shifted_exp.py`, beside this file.

use super::polynomial::horner;
use crate::simd::Lanes;

const LOG2_E: f32 = 1.44269502162933349609375;

/// ln 2 in two words, see `exp.rs`; the first of nine bits where multiplication is not
/// fused.
const LN_2: [f32; 2] = [0.693147182464599609375, -1.9046542121259335544891655445098876953125e-9];
const LN_2_9: [f32; 2] = [0.693359375, -2.12194441701285541057586669921875e-4];

/// What every result has been multiplied with.
#[cfg(test)]
const FACTOR: f64 = 1.0323659068992423;
/// Its logarithm in two words.
pub(crate) const LN_FACTOR: [f32; 2] = [0.031_853_165_477_514_27, -3.111_445_268_100_254_7e-10];

/// FACTOR · 2^(j/16), less j at the place of the exponent's sixteenths.
const TABLE: [f32; 16] = {
    let bits: [u32; 16] = [
        0x3F84_2491,
        0x3F89_FE49,
        0x3F90_1A50,
        0x3F96_7B96,
        0x3F9D_252C,
        0x3FA4_1A45,
        0x3FAB_5E39,
        0x3FB2_F486,
        0x3FBA_E0D1,
        0x3FC3_26E9,
        0x3FCB_CAC8,
        0x3FD4_D094,
        0x3FDE_3CA4,
        0x3FE8_137E,
        0x3FF2_59DD,
        0x3FFD_14B1,
    ];
    let mut table = [0.0; 16];
    let mut j = 0;
    while j < 16 {
        table[j] = f32::from_bits(bits[j] - ((j as u32) << 19));
        j += 1;
    }
    table
};

/// (e^r − 1 − r) / r² on |r| ≤ ln2/32 and 1%, largest error 4.9e-9 of e^r.
const POLYNOMIAL: [f32; 2] = [0.500009953975677490234375, 0.1666706502437591552734375];

/// x/ln2 − N in sixteenths, as [`Lanes::lookup`] takes it, for `zero_point` =
/// SIXTEENTHS − N with a whole N.
#[inline(always)]
pub(crate) fn power<V: Lanes>(x: V, zero_point: V) -> V {
    x.mul_add(x.splat(LOG2_E), zero_point)
}

/// `(t, δ)` with t · (1 + δ) = FACTOR · e^x · 2^-N, from x and its [`power`], for
/// |x| < 700 and normal results. |δ| ≤ 0.022.
///
/// If it need not be `EXACT`, it is less by e^(k·[`drift`]) with k ≈ x/ln2 and costs
/// less: good for a sum whose terms that count have about the same k.
#[inline(always)]
pub(crate) fn shifted_exp<V: Lanes, const EXACT: bool>(x: V, power: V, zero_point: V) -> (V, V) {
    let k = power - zero_point;
    let ln_2 = if V::FUSED { LN_2 } else { LN_2_9 };
    let mut r = k.mul_add(x.splat(-ln_2[0]), x);
    if EXACT || !V::FUSED {
        r = k.mul_add(x.splat(-ln_2[1]), r);
    }
    let [t] = power.lookup([&TABLE]);
    (t.add_power::<16>(power), r * horner(r, [1.0, POLYNOMIAL[0], POLYNOMIAL[1]]))
}

/// See [`shifted_exp`].
pub(crate) const fn drift(fused: bool) -> f32 {
    if fused { LN_2[1] } else { 0.0 }
}
