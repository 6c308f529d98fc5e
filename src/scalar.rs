//! The elementwise functions on one `f32`: what the scalar backend computes.

use crate::math;
use crate::simd::scalar::F32;

/// Functions of one number: each with its formula, and a result as an example.
macro_rules! functions {
    ($($name:ident: $formula:literal = $function:path, $x:literal gives $y:literal;)*) => {$(
        #[doc = concat!($formula, ", as [`crate::", stringify!($name), "`].\n")]
        #[doc = "```"]
        #[doc = concat!("assert_eq!(logits::scalar::", stringify!($name), "(", $x, "), ", $y, ");")]
        #[doc = "```"]
        #[inline]
        #[must_use]
        pub fn $name(x: f32) -> f32 {
            $function(F32(x)).0
        }
    )*};
}

functions! {
    exp: "e^x" = math::exp::exp, "0.0" gives "1.0";
    ln: "ln x" = math::ln::ln, "0.0" gives "f32::NEG_INFINITY";
    sigmoid: "1 / (1 + e^-x)" = math::sigmoid::sigmoid, "0.0" gives "0.5";
    exp_m1: "e^x − 1" = math::exp_m1::exp_m1, "0.0" gives "0.0";
    ln_1p: "ln(1 + x)" = math::ln_1p::ln_1p, "0.0" gives "0.0";
    log_sigmoid: "ln σ(x)" = math::softplus::log_sigmoid, "0.0" gives "-core::f32::consts::LN_2";
    softplus: "ln(1 + e^x)" = math::softplus::softplus, "0.0" gives "core::f32::consts::LN_2";
}

/// ln(e^a + e^b), as [`crate::log_add_exp`].
///
/// ```
/// assert_eq!(logits::scalar::log_add_exp(3.0, f32::NEG_INFINITY), 3.0);
/// ```
#[inline]
#[must_use]
pub fn log_add_exp(a: f32, b: f32) -> f32 {
    let (high, low) = math::log_add_exp::log_add_exp(F32(0.0), (a, -0.0), (b, -0.0));
    high + low
}
