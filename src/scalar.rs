//! The elementwise functions on one `f32`: what the scalar backend computes.

use crate::math::log_add_exp::log_add_exp_by_integers;
use crate::math::{integer, integer_ln};

/// Functions of one number: each with its formula, and a result as an example.
macro_rules! functions {
    ($(
        $name:ident: $formula:literal = |$x:ident| $value:expr, $of:literal gives $y:literal;
    )*) => {$(
        #[doc = concat!($formula, ", as [`crate::", stringify!($name), "`].\n")]
        #[doc = "```"]
        #[doc = concat!("assert_eq!(logits::scalar::", stringify!($name), "(", $of, "), ", $y, ");")]
        #[doc = "```"]
        #[inline]
        #[must_use]
        pub fn $name($x: f32) -> f32 {
            $value
        }
    )*};
}

functions! {
    exp: "e^x" = |x| of_bits(x, integer::exp), "0.0" gives "1.0";
    ln: "ln x" = |x| of_bits(x, integer_ln::ln), "0.0" gives "f32::NEG_INFINITY";
    sigmoid: "1 / (1 + e^-x)" = |x| of_bits(x, integer::sigmoid), "0.0" gives "0.5";
    exp_m1: "e^x − 1" = |x| of_bits(x, integer::exp_m1), "0.0" gives "0.0";
    ln_1p: "ln(1 + x)" = |x| of_bits(x, integer_ln::ln_1p), "0.0" gives "0.0";
    log_sigmoid: "ln σ(x)" = |x| -softplus(-x), "0.0" gives "-core::f32::consts::LN_2";
    softplus: "ln(1 + e^x)" = |x| of_bits(x, integer::softplus), "0.0" gives "core::f32::consts::LN_2";
}

/// A function of the bits of a number.
#[inline(always)]
fn of_bits(x: f32, function: impl Fn(u32) -> u32) -> f32 {
    f32::from_bits(function(x.to_bits()))
}

/// ln(e^a + e^b), as [`crate::log_add_exp`].
///
/// ```
/// assert_eq!(logits::scalar::log_add_exp(3.0, f32::NEG_INFINITY), 3.0);
/// ```
#[inline]
#[must_use]
pub fn log_add_exp(a: f32, b: f32) -> f32 {
    let (high, low) = log_add_exp_by_integers((a, -0.0), (b, -0.0));
    high + low
}
