//! What a function's result should have been.
//!
//! The system's f64 functions decide the error to about 1e-8 ULP of f32. Only
//! where their result lies next to the middle of two f32 is it in doubt which of
//! the two is the right one; there 512 bits decide, which [`Oracle::check`] also
//! compares with f64 on a sample.

use astro_float_num::{BigFloat, Consts, RoundingMode};
use std::cmp::Ordering;

/// How far the f64 formulas may be off, in ULP of f64, and how much nearer than
/// that to the middle of two f32 a result may come before it is in doubt.
const CHECKED: u64 = 4;
const DOUBT: f64 = 2.0 * CHECKED as f64 * ULP_OF_F64;
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

/// The right result for one input.
#[derive(Clone, Copy, Default)]
pub struct Truth {
    near: f64,
    nearest: f32,
    /// The error of `nearest`.
    least: f64,
    /// How many ULP of f32 make 1 at the size of the result.
    per_one: f64,
}

impl Truth {
    /// Whether the result is not next to an f32, as e^x is to 1 for tiny x. Such
    /// results are so many that they would make every function look good.
    pub fn has_choice(&self) -> bool {
        self.nearest.is_finite() && self.least > 1.0 / 1024.0
    }

    /// Whether `y` is the correctly rounded result.
    pub fn is_rounded_to(&self, y: f32) -> bool {
        same(self.nearest, y)
    }

    /// The error of `y` in ULP; none if it is infinite or NaN and should not be, or
    /// should be and is not, or a zero of the wrong sign.
    pub fn error(&self, y: f32) -> Option<f64> {
        if !y.is_finite() || !self.nearest.is_finite() {
            return self.is_rounded_to(y).then_some(0.0);
        }
        let wrong_zero = y == 0.0 && y.is_sign_negative() != self.near.is_sign_negative();
        (!wrong_zero).then(|| (f64::from(y) - self.near).abs() * self.per_one)
    }
}

/// The same bits, any NaN standing for every other.
pub fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// How many ULP of f32 make 1 at the size of `x`: 1 / 2^(e - 23), where e is the
/// exponent of `x` and at least -126.
fn ulp_per_one(x: f64) -> f64 {
    let power = f64::from_bits(x.to_bits() & f64::INFINITY.to_bits());
    (1u64 << 23) as f64 / power.max(f64::from(f32::MIN_POSITIVE))
}

/// The value of `x`, infinity being the next after the largest number.
fn number(x: f32) -> f64 {
    if x.is_infinite() { f64::from(x.signum()) * 2f64.powi(128) } else { f64::from(x) }
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

    /// What the function should give for `x`.
    pub fn truth(&mut self, x: f32) -> Truth {
        let near = (self.formulas.near)(f64::from(x));
        let per_one = ulp_per_one(near);
        let nearest = near as f32;
        let least = (near - number(nearest)).abs() * per_one;
        let doubtful = (least - 0.5).abs() < DOUBT;
        let nearest = if doubtful { self.decide(x, near) } else { nearest };
        Truth { near, nearest, least, per_one }
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

    /// Compares f64 with 512 bits for inputs spread over all f32.
    pub fn check(&mut self) -> Result<(), String> {
        for bits in (0..=u32::MAX).step_by(1_048_573) {
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

    #[test]
    fn errors_are_in_units_of_the_exact_results_binade() {
        let identity = |x| oracle(|x| x).truth(x);
        assert_eq!(identity(1.0).error(1f32.next_up()), Some(1.0));
        assert_eq!(identity(1.0).error(1f32.next_down()), Some(0.5));
        assert_eq!(identity(1f32.next_down()).error(1.0), Some(1.0));
        assert_eq!(identity(1e-40).error(1e-40f32.next_up()), Some(1.0));
        assert_eq!(identity(f32::MIN_POSITIVE).error(0.0), Some(8_388_608.0));
    }

    #[test]
    fn infinities_nan_and_signs_of_zero_must_be_right() {
        let exp = |x| Oracle::new(EXP).truth(x);
        assert_eq!(exp(89.0).error(f32::INFINITY), Some(0.0));
        assert_eq!(exp(89.0).error(f32::MAX), None);
        assert_eq!(exp(88.0).error(f32::INFINITY), None);
        assert!(exp(-200.0).error(0.0) < Some(1e-30));
        assert_eq!(exp(-200.0).error(-0.0), None);
        assert_eq!(exp(f32::NAN).error(-f32::NAN), Some(0.0));
        assert_eq!(exp(f32::NAN).error(1.0), None);
        assert_eq!(exp(1.0).error(f32::NAN), None);
    }

    /// f64 results put on the middle of two f32 are rounded as the exact ones are.
    #[test]
    fn the_exact_result_decides_what_is_next_to_the_middle() {
        // e^x is 1 + 2^-24 + 2^-49 here, and 1 - 2^-25 + 2^-51.
        let rounded = |near, x| oracle(near).truth(x).nearest;
        assert_eq!(rounded(|_| 1.0 + 2f64.powi(-24), 2f32.powi(-24)), 1f32.next_up());
        assert_eq!(rounded(|_| 1.0 - 2f64.powi(-25), -(2f32.powi(-25))), 1.0);
        // Without a doubt f64 alone decides.
        assert_eq!(rounded(|_| 1.0 + 2f64.powi(-25), 2f32.powi(-24)), 1.0);
    }

    #[test]
    fn the_largest_number_and_infinity_have_a_middle_too() {
        let limit = 2f64.powi(128) - 2f64.powi(103);
        let rounded = |near, x| oracle(near).truth(x).nearest;
        assert_eq!((limit as f32, limit.next_down() as f32), (f32::INFINITY, f32::MAX));
        assert_eq!(rounded(|_| 2f64.powi(128) - 2f64.powi(103), 88.0), f32::MAX);
        assert_eq!(rounded(|_| (2f64.powi(128) - 2f64.powi(103)).next_down(), 89.0), f32::INFINITY);
    }

    #[test]
    fn both_formulas_agree() {
        for target in crate::functions::FUNCTIONS {
            Oracle::new(target.formulas).check().unwrap();
        }
        assert!(oracle(|x| x.exp() * (1.0 + 1e-14)).check().is_err());
    }
}
