//! What σ(x), σ(−x), softplus(x) and softplus(−x) have in common.
//!
//! **Method.** With z = e^-|x| ≤ 1 the lesser σ is z/(1 + z), the greater 1/(1 + z),
//! the lesser softplus ln(1 + z), and the greater that and |x|. One exponential serves
//! them all. z is carried in two words.
//!
//! With fused multiplication one table serves the rest: 1/c and ln c for c near
//! 1 + k/15 and k the whole number nearest to 15z, so that with r = (1 + z)/c − 1
//!
//! ```text
//! 1/(1 + z) = 1/c · 1/(1 + r)
//! ln(1 + z) = ln c + ln(1 + r)
//! ```
//!
//! are a polynomial each, without a division. Each ln c is nearly an f32, so that one word
//! will do; the first c is 1 and the last 2, so that what is small or 1/2 comes out so.
//! Without, and where the results are to be in two words, it is a division, with what it
//! leaves of 1, and the logarithm of 1 + z.
//!
//! **Error.** By the table, r errs by 2^-30, which is at most a quarter of an ULP of
//! ln(1 + z), and not at all where k is 0; the polynomials err by 4.3e-10 and 2.6e-9. Else
//! ln(1 + z) errs as in `ln.rs`, and by the rounding of what 1 + z leaves; most where z is
//! about 2^-24, but in two words not there. A quotient has the last addition's half an ULP
//! and less than a tenth for z; where multiplication is not fused, another half for that
//! of the numerator.
//!
//! **Coefficients** by `logistic.sollya`, beside this file.

use super::double_word::{fast_two_sum, product, remainder};
#[cfg(doc)]
use super::exp::NORMAL;
use super::exp::{Parts, exp_words};
use super::ln::{Sum, ln_1p_words, or_series};
use super::polynomial::horner;
use crate::simd::{EIGHTHS, Lanes, SIXTEENTHS, call};

/// 1/c for c near 1 + k/15.
const RECIPROCAL: [f32; 16] = [
    1.0,
    0.93752634525299072265625,
    0.882316052913665771484375,
    0.833305537700653076171875,
    0.789446890354156494140625,
    0.750065326690673828125,
    0.714264571666717529296875,
    0.681782186031341552734375,
    0.652181923389434814453125,
    0.62493503093719482421875,
    0.60008561611175537109375,
    0.57697260379791259765625,
    0.555632412433624267578125,
    0.535728037357330322265625,
    0.51721632480621337890625,
    0.5,
];

/// ln c, but for 2^-34, that of 2 but for 2^-28.
const LN: [f32; 16] = [
    0.0,
    6.451041996479034423828125e-2,
    0.1252049505710601806640625,
    0.18235491216182708740234375,
    0.236422717571258544921875,
    0.287594974040985107421875,
    0.3365018367767333984375,
    0.3830450475215911865234375,
    0.4274317324161529541015625,
    0.4701075851917266845703125,
    0.51068294048309326171875,
    0.54996049404144287109375,
    0.587648332118988037109375,
    0.624128639698028564453125,
    0.659294068813323974609375,
    0.693147182464599609375,
];

/// (ln(1 + r) − r) / r² on −1/31.5 ≤ r ≤ 1/30, largest error 4.3e-10 of ln(1 + r).
const LN_1P: [f32; 4] = [
    -0.499999940395355224609375,
    0.3333336412906646728515625,
    -0.2502214908599853515625,
    0.199654996395111083984375,
];

/// (1/(1 + r) − 1) / r on the same domain, largest error 2.6e-9 of 1/(1 + r).
const INVERSE: [f32; 4] = [
    -0.99999964237213134765625,
    1.0000016689300537109375,
    -1.00132930278778076171875,
    0.998267233371734619140625,
];

/// z = e^-|x| for |x| ≤ [`NORMAL`], and what is made of it.
#[derive(Clone, Copy)]
pub(crate) struct Logistic<V> {
    /// z in two words.
    pub(crate) z: (V, V),
    /// 1/(1 + z) = reciprocal · (1 + left).
    reciprocal: V,
    left: V,
    /// ln(1 + z) as an exact summand and a rounded one.
    pub(crate) ln_1p: (V, V),
}

impl<V: Lanes> Logistic<V> {
    #[inline(always)]
    pub(crate) fn new(x: V) -> Self {
        if !V::FUSED {
            return Precise::new(x).logistic();
        }
        let (z, z_low) = exp_words(-x.abs());
        let index = z.mul_add(x.splat(15.0 / 16.0), x.splat(SIXTEENTHS));
        let [reciprocal, ln] = index.lookup([&RECIPROCAL, &LN]);
        let r = z.mul_add(reciprocal, reciprocal - 1.0);
        let rest = z_low * reciprocal;
        let left = r.mul_add(horner(r, INVERSE), -rest);
        let ln_low = r + (r * horner(r, LN_1P)).mul_add(r, rest);
        Self { z: (z, z_low), reciprocal, left, ln_1p: (ln, ln_low) }
    }

    /// (numerator + low) / (1 + z).
    #[inline(always)]
    pub(crate) fn quotient(&self, (numerator, low): (V, V)) -> V {
        let quotient = numerator * self.reciprocal;
        let error = numerator.mul_add(self.reciprocal, -quotient);
        quotient + low.mul_add(self.reciprocal, quotient.mul_add(self.left, error))
    }
}

/// As [`Logistic`], for results in two words.
#[derive(Clone, Copy)]
pub(crate) struct Precise<V> {
    /// z in two words.
    pub(crate) z: (V, V),
    /// 1/(1 + z) = reciprocal · (1 + left).
    reciprocal: V,
    left: V,
    /// ln(1 + z) is that of `sum` and `rest`.
    sum: V,
    rest: V,
}

impl<V: Lanes> Precise<V> {
    #[inline(always)]
    pub(crate) fn new(x: V) -> Self {
        call!(V, x, |x| {
            let one = x.splat(1.0);
            let (z, z_low) = exp_words(-x.abs());
            let (sum, error) = fast_two_sum(one, z);
            let reciprocal = one / sum;
            let left = z_low.mul_add(-reciprocal, remainder(one - reciprocal, reciprocal, z));
            Self { z: (z, z_low), reciprocal, left, sum, rest: (error + z_low) * reciprocal }
        })
    }

    #[inline(always)]
    pub(crate) fn logistic(self) -> Logistic<V> {
        let Self { z, reciprocal, left, sum, rest } = self;
        let near = Sum::new(sum.split_exp2(), rest).summands();
        Logistic { z, reciprocal, left, ln_1p: or_series(z, z.0, near) }
    }

    /// ln(1 + z) in two words.
    #[inline(always)]
    pub(crate) fn ln_1p_words(&self) -> (V, V) {
        ln_1p_words(self.z, self.sum, self.rest)
    }

    /// numerator / (1 + z) in two words.
    #[inline(always)]
    pub(crate) fn quotient_words(&self, numerator: (V, V)) -> (V, V) {
        product(numerator, (self.reciprocal, self.reciprocal * self.left))
    }
}

/// e^-|x| as a double-word number far from 0, where 1 + e^-|x| is 1.
///
/// It is kept as 2^90 or 2^184 times itself, so that a product with any finite factor neither
/// overflows nor loses digits. (With 2^96 throughout, it was infinite for factors above 2^124.)
#[derive(Clone, Copy)]
pub(crate) struct Tail<V> {
    z: (V, V),
    /// The square root of what z is to be multiplied by.
    root: V,
    /// 2^-151 over its square.
    nothing: V,
}

impl<V: Lanes> Tail<V> {
    /// The tail for |x| ≥ 64.
    #[inline(always)]
    pub(crate) fn new(x: V) -> Self {
        // Beyond 195 even the largest factor gives 0.
        let x = -x.abs().clamp(0.0, 195.0);
        let is_small = x.lt(x.splat(-130.0));
        let shift = V::select(is_small, x.splat(EIGHTHS + 184.0), x.splat(EIGHTHS + 90.0));
        let root = V::select(
            is_small,
            x.splat(2.019_483_917_365_790_2e-28), // 2^-92
            x.splat(2.842_170_943_040_401e-14),   // 2^-45
        );
        let nothing = V::select(
            is_small,
            x.splat(8_589_934_592.0),           // 2^33
            x.splat(4.336_808_689_942_018e-19), // 2^-61
        );
        Self { z: Parts::new(x, shift).scaled_words(), root, nothing }
    }

    /// factor · e^-|x|.
    #[inline(always)]
    pub(crate) fn times(self, factor: (V, V)) -> (V, V) {
        let (high, low) = product(factor, self.z);
        // What rounds to 0 is multiplied by 0: a CPU takes long to find out.
        let root = V::select(high.abs().lt(self.nothing), high.splat(0.0), self.root);
        (high * root * root, low * root * root)
    }
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::{assert_error, assert_words, relative, value};
    use super::*;

    #[test]
    fn tables_are_logarithms_of_nearby_numbers() {
        for (k, (reciprocal, ln)) in RECIPROCAL.into_iter().zip(LN).enumerate() {
            let error = if k == 15 { libm::exp2(-28.0) } else { libm::exp2(-34.0) };
            assert_words(ln, 0.0, -libm::log(reciprocal.into()), error);
            for z in [k as f64 - 0.5, k as f64 + 0.5] {
                let r = (1.0 + z.clamp(0.0, 15.0) / 15.0) * f64::from(reciprocal) - 1.0;
                assert!((-1.0 / 31.5..=1.0 / 30.0 + 1e-9).contains(&r), "{r:e}");
            }
        }
    }

    #[test]
    fn polynomials_err_as_stated() {
        let domain = [-1.0 / 31.5, 1.0 / 30.0];
        assert_error(4.3e-10, domain, |r| relative(r + r * r * value(&LN_1P, r), libm::log1p(r)));
        assert_error(2.6e-9, domain, |r| 1.0 + r * value(&INVERSE, r) - 1.0 / (1.0 + r));
    }
}
