//! e^x.
//!
//! **Method.** x = k·ln2 + r with k a whole number of eighths and |r| ≤ ln2/16,
//! so e^x = 2^⌊k⌋ · 2^(j/8) · e^r with j = 8k mod 8. The factor 2^(j/8) comes
//! from a table in two words, T + T′, and e^r − 1 = r + r²(C2 + C3·r + C4·r²),
//! so that the one rounding that matters is the last addition,
//! T + (T·(e^r − 1) + T′); the scaling by 2^⌊k⌋ rounds only into subnormals.
//!
//! Shifting an exponent is exact where subtracting from x is not: e^(x − N·ln2)
//! is the same computation with N taken from the power, see [`Parts::new`].
//!
//! **Error.** Half an ULP for the last addition; the addend is below 2^-4.5 of
//! the sum, so its own rounding, that of r and that of the polynomial
//! (2.4e-10) add less than a tenth.
//!
//! **Coefficients** by `exp.sollya`, beside this file. Tables of 2^(i/n): P. T. P.
//! Tang, "Table-driven implementation of the exponential function in IEEE
//! floating-point arithmetic", ACM TOMS 15 (1989).

use super::polynomial::horner;
use super::words::two_product;
use crate::simd::{EIGHTHS, Lanes, Simd};
use crate::sweep::Function;

const LOG2_E: f32 = 1.44269502162933349609375;

/// ln 2 in two words. The product with the first must be exact: a fused
/// multiply-add never rounds it, otherwise it may have 11 bits, for k below
/// 2^10.
const LN_2: [f32; 2] = [0.693147182464599609375, -1.9046542121259335544891655445098876953125e-9];
const LN_2_SHORT: [f32; 2] = [0.693359375, -2.12194441701285541057586669921875e-4];

/// 2^(j/8), the nearest f32.
const TABLE: [f32; 8] = [
    1.0,
    1.0905077457427978515625,
    1.1892070770263671875,
    1.29683959484100341796875,
    1.41421353816986083984375,
    1.5422108173370361328125,
    1.68179285526275634765625,
    1.83400809764862060546875,
];

/// What [`TABLE`] leaves.
const TABLE_LOW: [f32; 8] = [
    0.0,
    -1.307753993984306362108327448368072509765625e-8,
    3.7976352729174323030747473239898681640625e-8,
    -4.018999533172973315231502056121826171875e-8,
    2.4203234971764686633832752704620361328125e-8,
    8.07090483334604869014583528041839599609375e-9,
    -2.4755326677450284478254616260528564453125e-8,
    -1.12392779527681341278366744518280029296875e-8,
];

/// (e^r − 1 − r) / r² on |r| ≤ ln2/16, largest error 2.4e-10 of e^r.
const POLYNOMIAL: [f32; 3] = [0.5, 0.1666798889636993408203125, 4.16684187948703765869140625e-2];

/// 2^(j/8) times one factor, in two words: what multiplies e^x costs nothing
/// when it is put into the table.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    high: [f32; 8],
    low: [f32; 8],
}

impl Table {
    /// The factor 1.
    pub(crate) const ONE: Self = Self { high: TABLE, low: TABLE_LOW };

    /// The factor `high + low`, for a `high` of moderate size.
    #[inline(always)]
    pub(crate) fn scaled<S: Simd>(simd: S, (high, low): (f32, f32)) -> Self {
        let (factor, factor_low) = (simd.splat(high), simd.splat(low));
        let mut scaled = Self { high: [0.0; 8], low: [0.0; 8] };
        for at in (0..8).step_by(S::F32::COUNT) {
            let table = simd.load(TABLE.get(at..).unwrap_or(&[]), 0.0);
            let table_low = simd.load(TABLE_LOW.get(at..).unwrap_or(&[]), 0.0);
            let (product, error) = two_product(table, factor);
            let rest = table * factor_low + table_low * factor;
            simd.store(product, scaled.high.get_mut(at..).unwrap_or(&mut []));
            simd.store(error + rest, scaled.low.get_mut(at..).unwrap_or(&mut []));
        }
        scaled
    }
}

/// e^x · 2^-N as `(table + rest) · 2^power`.
#[derive(Clone, Copy)]
pub(crate) struct Parts<V> {
    /// 2^(j/8), rounded.
    pub(crate) table: V,
    /// What is to be added to it: at most 2^-4.5 of it.
    pub(crate) rest: V,
    /// The power of two that is still to be applied, as [`Lanes::scale_exp2`]
    /// takes it.
    pub(crate) power: V,
}

impl<V: Lanes> Parts<V> {
    /// `zero_point` is `EIGHTHS − N` for a whole N. |x| must be below 700, and
    /// |x/ln2 − N| below 2^17; up to |x| = 360 the error is as stated above.
    #[inline(always)]
    pub(crate) fn new(x: V, zero_point: V) -> Self {
        Self::with_table(x, zero_point, &Table::ONE)
    }

    /// The same times the factor in the table.
    #[inline(always)]
    pub(crate) fn with_table(x: V, zero_point: V, table: &Table) -> Self {
        let power = x.mul_add(x.splat(LOG2_E), zero_point);
        let k = power - zero_point;
        let ln_2 = if V::FUSED { LN_2 } else { LN_2_SHORT };
        let r = k.mul_add(x.splat(-ln_2[0]), x);
        let r = k.mul_add(x.splat(-ln_2[1]), r);
        let exp_m1 = (r * r).mul_add(horner(r, POLYNOMIAL), r);
        let (high, low) = (power.lookup(&table.high), power.lookup(&table.low));
        Self { table: high, rest: high.mul_add(exp_m1, low), power }
    }

    /// The power of two of the first lane.
    #[inline(always)]
    pub(crate) fn exponent(self) -> f32 {
        let eighths = self.power.first().to_bits() as i32 - EIGHTHS.to_bits() as i32;
        (eighths >> 3) as f32
    }

    /// The value before its power of two: the table's factor times [0.95, 2].
    #[inline(always)]
    pub(crate) fn mantissa(self) -> V {
        self.table + self.rest
    }
}

/// e^x.
#[derive(Clone, Copy, Debug)]
pub struct Exp;

impl Function for Exp {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        exp(x)
    }
}

/// e^x for every x.
#[inline(always)]
pub(crate) fn exp<V: Lanes>(x: V) -> V {
    // Beyond these, where e^x is 2^128.4 and 2^-150.04, it is +∞ and 0.
    let bounded = x.min(x.splat(89.0)).max(x.splat(-104.0));
    let parts = Parts::new(bounded, x.splat(EIGHTHS));
    let y = parts.mantissa().scale_exp2(parts.power);
    V::select(x.eq(x), y, x)
}
