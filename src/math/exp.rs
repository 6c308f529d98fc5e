//! e^x.
//!
//! **Method.** x = k·ln2 + r with k a whole number of eighths and |r| ≤ ln2/16,
//! so e^x = 2^⌊k⌋ · 2^(j/8) · e^r with j = 8k mod 8. The factor 2^(j/8) comes
//! from a table as T·(1 + δ), e^r − 1 = r + r²(C2 + C3·r + C4·r²) takes δ along,
//! and the one rounding that matters is the last, T + T·(e^r − 1 + δ). Vectors
//! of which all results are normal add ⌊k⌋ to the exponent of T beforehand; others
//! are clamped, scaled afterwards, and rounded once more carefully where they are
//! subnormal.
//!
//! Shifting an exponent is exact where subtracting from x is not: e^(x − N·ln2)
//! is the same computation with N taken from the power, see [`Parts::new`].
//!
//! **Error.** Half an ULP for the last addition; the addend is below 2^-4.5 of
//! the sum, so its own roundings, that of r and that of the polynomial
//! (2.4e-10) add less than a tenth.
//!
//! **Tried.** Without a table, degree 7 on ±ln2/2 with 1 + r in two words errs
//! by 0.635 ULP where multiplication is not fused, degree 6 by 0.686. With δ added
//! to the product instead, T + (T·(e^r − 1) + T′), there is an operation more and
//! 0.590 ULP fused, 0.620 unfused.
//!
//! **Coefficients** by `exp.sollya`, beside this file. Tables of 2^(i/n): P. T. P.
//! Tang, "Table-driven implementation of the exponential function in IEEE
//! floating-point arithmetic", ACM TOMS 15 (1989).

use super::double_word::{fast_two_sum, two_product, two_sum};
use super::polynomial::horner;
use crate::simd::{EIGHTHS, Lanes, call};

const LOG2_E: f32 = 1.44269502162933349609375;

/// ln 2 in two words, for each k of a magnitude. The product with the first must be
/// exact: a fused multiply-add never rounds it, otherwise 8k and it may have 24
/// bits together. The more it has, the less the second product rounds.
type Ln2 = [f32; 2];
const LN_2: Ln2 = [0.693147182464599609375, -1.9046542121259335544891655445098876953125e-9];
/// For |k| < 2^8: all that e^x needs.
const LN_2_13: Ln2 = [0.693115234375, 3.1946183298714458942413330078125e-5];
/// For |k| < 2^10.
const LN_2_11: Ln2 = [0.693359375, -2.12194441701285541057586669921875e-4];

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

/// What [`TABLE`] leaves, relative to it.
const TABLE_LOW: [f32; 8] = [
    0.0,
    -1.199215748926008018315769731998443603515625e-8,
    3.1934181521364735090173780918121337890625e-8,
    -3.0990719324108795262873172760009765625e-8,
    1.7114270889351246296428143978118896484375e-8,
    5.233334210430484745302237570285797119140625e-9,
    -1.47196050903630748507566750049591064453125e-8,
    -6.12825967749586197896860539913177490234375e-9,
];

/// (e^r − 1 − r) / r² on |r| ≤ ln2/16 and 1%, largest error 2.4e-10 of e^r.
const POLYNOMIAL: [f32; 3] = [0.5, 0.1666798889636993408203125, 4.16684187948703765869140625e-2];

/// 2^(j/8) in two words.
struct Table {
    high: [f32; 8],
    /// Relative to `high`.
    low: [f32; 8],
}

impl Table {
    /// As they are.
    const PLAIN: Self = Self { high: TABLE, low: TABLE_LOW };

    /// As [`Lanes::add_power`] takes them.
    const BITS: Self = {
        let mut high = TABLE;
        let mut j = 0;
        while j < 8 {
            high[j] = f32::from_bits(TABLE[j].to_bits() - ((j as u32) << 20));
            j += 1;
        }
        Self { high, low: TABLE_LOW }
    };
}

/// e^x · 2^-N as `table · (1 + exp_m1) · 2^power`.
#[derive(Clone, Copy)]
pub(crate) struct Parts<V> {
    /// 2^(j/8), rounded.
    table: V,
    /// e^r − 1 and what the table left: at most 0.045.
    exp_m1: V,
    /// The power of two that is still to be applied, as [`Lanes::scale_exp2`]
    /// takes it.
    pub(crate) power: V,
}

impl<V: Lanes> Parts<V> {
    /// `zero_point` is `EIGHTHS − N` for a whole N. |x| must be below 700, and
    /// |x/ln2 − N| below 2^17; up to |x| = 360 the error is as stated above.
    #[inline(always)]
    pub(crate) fn new(x: V, zero_point: V) -> Self {
        Self::reduced(x, zero_point, LN_2_11, &Table::PLAIN)
    }

    /// e^x as `table · (1 + exp_m1)` for |x| ≤ [`NORMAL`].
    #[inline(always)]
    pub(crate) fn normal(x: V) -> (V, V) {
        let e = Self::reduced(x, x.splat(EIGHTHS), LN_2_13, &Table::BITS);
        (e.table.add_power::<8>(e.power), e.exp_m1)
    }

    /// With the ln 2 for the k that occur, where multiplication is not fused.
    #[inline(always)]
    fn reduced(x: V, zero_point: V, unfused: Ln2, table: &Table) -> Self {
        let power = x.mul_add(x.splat(LOG2_E), zero_point);
        let k = power - zero_point;
        let ln_2 = if V::FUSED { LN_2 } else { unfused };
        let r = k.mul_add(x.splat(-ln_2[0]), x);
        let r = k.mul_add(x.splat(-ln_2[1]), r);
        let [table, low] = power.lookup([&table.high, &table.low]);
        let exp_m1 = r + (r * r).mul_add(horner(r, POLYNOMIAL), low);
        Self { table, exp_m1, power }
    }

    /// The value times e^low, for |low| ≤ 2^-15.
    #[inline(always)]
    pub(crate) fn and(self, low: V) -> Self {
        Self { exp_m1: self.exp_m1 + low.mul_add(self.exp_m1, low), ..self }
    }

    /// The value before its power of two: within [0.95, 2].
    #[inline(always)]
    pub(crate) fn mantissa(self) -> V {
        self.table.mul_add(self.exp_m1, self.table)
    }

    /// [`mantissa`](Self::mantissa) in two words.
    #[inline(always)]
    pub(crate) fn words(self) -> (V, V) {
        fast_two_sum(self.table, self.table * self.exp_m1)
    }

    /// The value in two words, while it is normal.
    #[inline(always)]
    pub(crate) fn scaled_words(self) -> (V, V) {
        let table = self.table.scale_exp2(self.power);
        fast_two_sum(table, table * self.exp_m1)
    }

    /// The value rounded once, for values from 2^-151 to 2^-126 and N = 0. It is put together from
    /// bits: a CPU computes slowly where a result is subnormal.
    #[inline(always)]
    fn subnormal(self) -> V {
        // In multiples of the least number, 2^-149. Next to 2^23 they are whole, and the difference
        // of the bits is that number of them.
        let least = self.power.splat(EIGHTHS - 125.0).min(self.power);
        let multiple = self.table.scale_exp2_normal(least + 149.0);
        let (high, low) = fast_two_sum(multiple.splat(8_388_608.0), multiple);
        let sum = high + multiple.mul_add(self.exp_m1, low);
        sum.splat(0.0).max_distance(sum, 8_388_608.0)
    }
}

/// Where e^x is normal, and so are the products that make it up.
pub(crate) const NORMAL: f32 = 83.0;

/// e^x in two words for |x| ≤ `NORMAL`.
#[inline(always)]
pub(crate) fn exp_words<V: Lanes>(x: V) -> (V, V) {
    let (table, exp_m1) = Parts::normal(x);
    if !V::FUSED {
        return fast_two_sum(table, table * exp_m1);
    }
    let high = table.mul_add(exp_m1, table);
    (high, table.mul_add(exp_m1, table - high))
}

/// e^(x + low) · 2^-N in two words, for |x| < 177 and a `zero_point` of EIGHTHS − N by which the
/// result is normal; with what r and e^r − 1 are rounded by: no error but the polynomial's and
/// 2^-32.
#[inline(always)]
pub(crate) fn exp_precise<V: Lanes>(x: (V, V), zero_point: V) -> (V, V) {
    let (x, low) = x;
    let power = x.mul_add(x.splat(LOG2_E), zero_point);
    let k = power - zero_point;
    let ln_2 = if V::FUSED { LN_2 } else { LN_2_13 };
    let r = k.mul_add(x.splat(-ln_2[0]), x);
    let (r, r_low) = two_sum(r, k.mul_add(x.splat(-ln_2[1]), low));
    let [table, table_low] = power.lookup([&Table::BITS.high, &Table::BITS.low]);
    let table = table.add_power::<8>(power);
    let (m, m_low) = fast_two_sum(r, (r * r).mul_add(horner(r, POLYNOMIAL), table_low));
    let (product, product_low) = two_product(table, m);
    let (high, error) = fast_two_sum(table, product);
    (high, error + table.mul_add(m_low + r_low, product_low))
}

/// The largest x for which e^x is below 2^-126.
const LAST_SUBNORMAL: f32 = -87.336_55;

/// e^x for every x.
#[inline(always)]
pub(crate) fn exp<V: Lanes>(x: V) -> V {
    call!(V, x, |x| {
        // Not fused, a product below 2^-126 is rounded again. From 2^-100 on that does not show.
        if V::all_within([x], if V::FUSED { NORMAL } else { 69.0 }) {
            let (table, exp_m1) = Parts::normal(x);
            return table.mul_add(exp_m1, table);
        }
        // Beyond these, where e^x is 2^128.4 and 2^-150.3, it is +∞ and 0.
        // The same reduction as above: no lane's value may depend on its neighbours.
        let e = Parts::reduced(x.clamp(-104.2, 89.0), x.splat(EIGHTHS), LN_2_13, &Table::PLAIN);
        let y = e.mantissa().scale_exp2(e.power.splat(EIGHTHS - 126.0).max(e.power));
        V::select(x.le(x.splat(LAST_SUBNORMAL)), e.subnormal(), y)
    })
}

/// e^x · 2^exponent for x ≤ 0, of a whole exponent from 0 to 164; rounded twice where that is
/// subnormal.
#[inline(always)]
pub(crate) fn exp_scaled<V: Lanes>(x: V, exponent: f32) -> V {
    call!(V, (x, exponent), |(x, exponent)| {
        // Below, where the result is 2^-240, it is 0.
        let least = (exponent + 240.0) * -core::f32::consts::LN_2;
        let e = Parts::new(x.splat(least).max(x), x.splat(EIGHTHS + exponent));
        e.mantissa().scale_exp2(e.power)
    })
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::{assert_error, assert_words, value};
    use super::*;

    #[test]
    fn tables_are_powers_of_two() {
        for (j, (high, low)) in TABLE.into_iter().zip(TABLE_LOW).enumerate() {
            let exact = libm::exp2(j as f64 / 8.0);
            assert_eq!(high, exact as f32);
            assert_words(1.0, low, exact / f64::from(high), 2e-15);
        }
        for [high, low] in [LN_2, LN_2_13, LN_2_11] {
            assert_words(high, low, core::f64::consts::LN_2, 1e-11);
        }
        assert_eq!((LN_2_13[0] * 8192.0).fract(), 0.0);
        assert_eq!((LN_2_11[0] * 2048.0).fract(), 0.0);
    }

    #[test]
    fn polynomial_errs_as_stated() {
        let bound = core::f64::consts::LN_2 / 16.0 * 1.01; // as k is rounded
        assert_error(2.4e-10, [-bound, bound], |r| {
            (r + r * r * value(&POLYNOMIAL, r) - libm::expm1(r)) / libm::exp(r)
        });
    }
}
