//! What a function's result should have been.
//!
//! The system's f64 functions, and their interpolation in [`neighbours`], decide the
//! error to about 2e-8 ULP of f32. Only where their result lies next to the middle of
//! two f32 is it in doubt which of the two is the right one; there 512 bits decide,
//! which [`Oracle::check`] also compares with f64 on a sample.

use crate::neighbours;
use astro_float_num::{BigFloat, Consts, RoundingMode};
use std::cmp::Ordering;

/// How far the f64 formulas may be off, in ULP of f64.
const CHECKED: u64 = 4;
/// How near to the middle of two f32 a result is in doubt: twice what the formulas and
/// [`neighbours`] may be off.
const DOUBT: f64 = 2.0 * (CHECKED + neighbours::CHECKED) as f64 * ULP_OF_F64;
/// One ULP of f64 in ULP of f32.
const ULP_OF_F64: f64 = 1.0 / (1u64 << 29) as f64;

/// The formulas of one function.
#[derive(Clone, Copy)]
pub struct Formulas {
    /// A few ULP of f64 off at most, the sign of zero included.
    pub near: fn(f64) -> f64,
    /// The definition, for results that are not 0 in f32: e^-104 added to 1 leaves
    /// 360 of its 512 bits.
    pub exact: fn(&mut Real, &BigFloat) -> BigFloat,
}

pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

pub fn softplus(x: f64) -> f64 {
    if x > 0.0 { x + (-x).exp().ln_1p() } else { x.exp().ln_1p() }
}

pub fn log_sigmoid(x: f64) -> f64 {
    -softplus(-x)
}

/// Arithmetic with 512 bits.
pub struct Real {
    one: BigFloat,
    constants: Consts,
}

impl Real {
    const BITS: usize = 512;
    const MODE: RoundingMode = RoundingMode::ToEven;

    fn new() -> Self {
        let constants = Consts::new().expect("memory for constants");
        Self { one: Self::of(1.0), constants }
    }

    fn of(x: f64) -> BigFloat {
        BigFloat::from_f64(x, Self::BITS)
    }

    pub fn exp(&mut self, x: &BigFloat) -> BigFloat {
        x.exp(Self::BITS, Self::MODE, &mut self.constants)
    }

    pub fn ln(&mut self, x: &BigFloat) -> BigFloat {
        x.ln(Self::BITS, Self::MODE, &mut self.constants)
    }

    pub fn exp_m1(&mut self, x: &BigFloat) -> BigFloat {
        self.exp(x).sub(&self.one, Self::BITS, Self::MODE)
    }

    pub fn ln_1p(&mut self, x: &BigFloat) -> BigFloat {
        self.ln(&x.add(&self.one, Self::BITS, Self::MODE))
    }

    pub fn sigmoid(&mut self, x: &BigFloat) -> BigFloat {
        let sum = self.exp(&x.neg()).add(&self.one, Self::BITS, Self::MODE);
        sum.reciprocal(Self::BITS, Self::MODE)
    }

    /// ln(1 + e^x) = x + ln(1 + e^-x), where e^x would overflow.
    pub fn softplus(&mut self, x: &BigFloat) -> BigFloat {
        if x.is_positive() {
            x.add(&self.softplus(&x.neg()), Self::BITS, Self::MODE)
        } else {
            let exp = self.exp(x);
            self.ln_1p(&exp)
        }
    }

    pub fn log_sigmoid(&mut self, x: &BigFloat) -> BigFloat {
        self.softplus(&x.neg()).neg()
    }
}

/// The right results for some inputs, by columns, so that many are compared at a time.
#[derive(Default)]
pub struct Truths {
    near: Vec<f64>,
    /// The correctly rounded results.
    pub nearest: Vec<f32>,
    /// Their errors, 0 where they are infinite or NaN.
    pub least: Vec<f64>,
}

impl Truths {
    /// The error of `y` as the `i`th output in ULP; none if it is infinite or NaN and should not
    /// be, or should be and is not, or a zero of the wrong sign.
    pub fn error(&self, i: usize, y: f32) -> Option<f64> {
        let (near, nearest) = (self.near[i], self.nearest[i]);
        if same(nearest, y) {
            return Some(self.least[i]);
        }
        let wrong_zero = y == 0.0 && y.is_sign_negative() != near.is_sign_negative();
        let right = y.is_finite() && nearest.is_finite() && !wrong_zero;
        right.then(|| distance(f64::from(y), near))
    }
}

/// Whether a result off by `least` when rounded is not next to an f32, as e^x is to 1 for tiny
/// x. Such results are so many that they would make every function look good.
#[inline]
pub fn has_choice(least: f64) -> bool {
    least > 1.0 / 1024.0
}

/// The same bits, any NaN standing for every other.
#[inline]
pub fn same(a: f32, b: f32) -> bool {
    (a.to_bits() == b.to_bits()) | (a.is_nan() & b.is_nan())
}

/// How far `y` is from `near`, in ULP of f32: 2^(e - 23), where e is the exponent of `near` and at
/// least -126.
#[inline]
fn distance(y: f64, near: f64) -> f64 {
    let power = f64::from_bits(near.to_bits() & f64::INFINITY.to_bits());
    let least = f64::from(f32::MIN_POSITIVE);
    let power = if power > least { power } else { least };
    // Exponents subtracted: a division takes longer than all the rest.
    (y - near).abs() * f64::from_bits(((2 * 1023 + 23) << 52) - power.to_bits())
}

/// Whether f64 cannot tell which f32 is nearest if one is `distance` away.
#[inline]
fn is_doubtful(distance: f64) -> bool {
    (distance - 0.5).abs() < DOUBT
}

/// The value of `x`, infinity being the next after the largest number.
#[inline]
fn number(x: f32) -> f64 {
    const NEXT: f64 = 2.0 * (1u128 << 127) as f64;
    if x.is_infinite() { NEXT.copysign(f64::from(x)) } else { f64::from(x) }
}

/// One function's oracle.
pub struct Oracle {
    formulas: Formulas,
    real: Real,
}

impl Oracle {
    pub fn new(formulas: Formulas) -> Self {
        Self { formulas, real: Real::new() }
    }

    /// What the function should give for each of `x`.
    pub fn truths(&mut self, x: &[f32], truths: &mut Truths) {
        let Truths { near, nearest, least } = truths;
        near.clear();
        for x in x.chunks(neighbours::COUNT) {
            match self.near_neighbours(x) {
                Some(values) => near.extend(values),
                None => near.extend(x.iter().map(|x| (self.formulas.near)(f64::from(*x)))),
            }
        }
        nearest.clear();
        nearest.extend(near.iter().map(|near| *near as f32));
        least.clear();
        least.extend(near.iter().zip(&*nearest).map(|(a, b)| distance(number(*b), *a)));
        if least.iter().fold(false, |any, least| any | is_doubtful(*least)) {
            for i in (0..x.len()).filter(|i| is_doubtful(least[*i])) {
                nearest[i] = self.decide(x[i], near[i]);
            }
        }
        if nearest.iter().fold(false, |any, nearest| any | !nearest.is_finite()) {
            let infinite =
                least.iter_mut().zip(nearest).filter(|(_, nearest)| !nearest.is_finite());
            infinite.for_each(|(least, _)| *least = 0.0);
        }
    }

    /// The results in f64, if `x` are neighbours and the function is smooth there.
    fn near_neighbours(&self, x: &[f32]) -> Option<[f64; neighbours::COUNT]> {
        let [first, last] = [x[0], x[x.len() - 1]].map(|x| x.to_bits() as usize);
        let all = x.len() == neighbours::COUNT
            && first % neighbours::COUNT == 0
            && last.wrapping_sub(first) == neighbours::COUNT - 1;
        all.then(|| neighbours::values(self.formulas.near, x[0]))?
    }

    /// Which of the two f32 around `near` is the right one.
    #[cold]
    fn decide(&mut self, x: f32, near: f64) -> f32 {
        let a = near as f32;
        let b = if near > number(a) { a.next_up() } else { a.next_down() };
        let middle = Real::of(f64::midpoint(number(a), number(b)));
        match self.exact(x).partial_cmp(&middle).expect("numbers") {
            Ordering::Less => a.min(b),
            Ordering::Equal => a, // which is the even one
            Ordering::Greater => a.max(b),
        }
    }

    fn exact(&mut self, x: f32) -> BigFloat {
        (self.formulas.exact)(&mut self.real, &Real::of(f64::from(x)))
    }

    /// Compares f64 with 512 bits for inputs spread over all f32: 4096 of them, or fewer where
    /// that is more than one for 64 of every `step`th input.
    pub fn check(&mut self, step: usize) -> Result<(), String> {
        for bits in (0..=u32::MAX).step_by(step.saturating_mul(64).max(1_048_573)) {
            let x = f32::from_bits(bits);
            let near = (self.formulas.near)(f64::from(x));
            if near as f32 == 0.0 || !(near as f32).is_finite() {
                continue;
            }
            let off = |ulps| Real::of(f64::from_bits(near.to_bits().wrapping_add_signed(ulps)));
            let (exact, ulps) = (self.exact(x), CHECKED as i64);
            let [inner, outer] = [off(-ulps), off(ulps)];
            if !(inner.min(&outer) <= exact && exact <= inner.max(&outer)) {
                return Err(format!("f64 gives {near:e} at {x:e}, far from {exact}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXP: Formulas = Formulas { near: f64::exp, exact: Real::exp };

    /// The oracle of exp with another formula in f64.
    fn oracle(near: fn(f64) -> f64) -> Oracle {
        Oracle::new(Formulas { near, ..EXP })
    }

    fn truth(mut oracle: Oracle, x: f32) -> Truths {
        let mut truths = Truths::default();
        oracle.truths(&[x], &mut truths);
        truths
    }

    #[test]
    fn errors_are_in_units_of_the_exact_results_binade() {
        let identity = |x| truth(oracle(|x| x), x);
        assert_eq!(identity(1.0).error(0, 1f32.next_up()), Some(1.0));
        assert_eq!(identity(1.0).error(0, 1f32.next_down()), Some(0.5));
        assert_eq!(identity(1f32.next_down()).error(0, 1.0), Some(1.0));
        assert_eq!(identity(1e-40).error(0, 1e-40f32.next_up()), Some(1.0));
        assert_eq!(identity(f32::MIN_POSITIVE).error(0, 0.0), Some(8_388_608.0));
    }

    #[test]
    fn infinities_nan_and_signs_of_zero_must_be_right() {
        let exp = |x| truth(Oracle::new(EXP), x);
        assert_eq!(exp(89.0).error(0, f32::INFINITY), Some(0.0));
        assert_eq!(exp(89.0).error(0, f32::MAX), None);
        assert_eq!(exp(88.0).error(0, f32::INFINITY), None);
        assert!(exp(-200.0).error(0, 0.0) < Some(1e-30));
        assert_eq!(exp(-200.0).error(0, -0.0), None);
        assert_eq!(exp(f32::NAN).error(0, -f32::NAN), Some(0.0));
        assert_eq!(exp(f32::NAN).error(0, 1.0), None);
        assert_eq!(exp(1.0).error(0, f32::NAN), None);
    }

    /// f64 results put on the middle of two f32 are rounded as the exact ones are.
    #[test]
    fn the_exact_result_decides_what_is_next_to_the_middle() {
        // e^x is 1 + 2^-24 + 2^-49 here, and 1 - 2^-25 + 2^-51.
        let rounded = |near, x| truth(oracle(near), x).nearest[0];
        assert_eq!(rounded(|_| 1.0 + 2f64.powi(-24), 2f32.powi(-24)), 1f32.next_up());
        assert_eq!(rounded(|_| 1.0 - 2f64.powi(-25), -(2f32.powi(-25))), 1.0);
        // Without a doubt f64 alone decides.
        assert_eq!(rounded(|_| 1.0 + 2f64.powi(-25), 2f32.powi(-24)), 1.0);
    }

    #[test]
    fn the_largest_number_and_infinity_have_a_middle_too() {
        let limit = 2f64.powi(128) - 2f64.powi(103);
        let rounded = |near, x| truth(oracle(near), x).nearest[0];
        assert_eq!((limit as f32, limit.next_down() as f32), (f32::INFINITY, f32::MAX));
        assert_eq!(rounded(|_| 2f64.powi(128) - 2f64.powi(103), 88.0), f32::MAX);
        assert_eq!(rounded(|_| (2f64.powi(128) - 2f64.powi(103)).next_down(), 89.0), f32::INFINITY);
    }

    #[test]
    fn both_formulas_agree() {
        for target in crate::functions::FUNCTIONS {
            Oracle::new(target.formulas).check(1).unwrap();
        }
        assert!(oracle(|x| x.exp() * (1.0 + 1e-14)).check(1).is_err());
    }
}
