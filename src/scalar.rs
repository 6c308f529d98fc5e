//! The elementwise functions on one `f32`: what the scalar backend computes.

use crate::math;
use crate::simd::Lanes;
use crate::simd::scalar::F32;

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
        pub fn $name(x: f32) -> f32 {
            let $x = F32(x);
            $value.0
        }
    )*};
}

functions! {
    exp: "e^x" = |x| x.elementwise(math::exp::exp, math::integer::exp), "0.0" gives "1.0";
    ln: "ln x" = |x| math::ln::ln(x), "0.0" gives "f32::NEG_INFINITY";
    sigmoid: "1 / (1 + e^-x)" = |x| x.elementwise(math::sigmoid::sigmoid, math::integer::sigmoid), "0.0" gives "0.5";
    exp_m1: "e^x − 1" = |x| x.elementwise(math::exp_m1::exp_m1, math::integer::exp_m1), "0.0" gives "0.0";
    ln_1p: "ln(1 + x)" = |x| math::ln_1p::ln_1p(x), "0.0" gives "0.0";
    log_sigmoid: "ln σ(x)" = |x| x.elementwise(math::softplus::log_sigmoid, |x| math::integer::softplus(x ^ (1 << 31)) ^ (1 << 31)), "0.0" gives "-core::f32::consts::LN_2";
    softplus: "ln(1 + e^x)" = |x| x.elementwise(math::softplus::softplus, math::integer::softplus), "0.0" gives "core::f32::consts::LN_2";
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
