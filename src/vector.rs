//! The elementwise functions on [`wide::f32x8`], for code that already holds
//! lanes.
//!
//! They run on the instructions the build enables, without dispatch, and are
//! inlined into the caller. Each lane has the value of the backend "portable", to the bit.

use crate::math;
use crate::simd::portable::F32;
use wide::f32x8;

/// Functions of each lane: each with its formula, and a result as an example.
macro_rules! functions {
    ($($name:ident: $formula:literal = $function:path, $x:literal gives $y:literal;)*) => {$(
        #[doc = concat!($formula, " in each lane, as [`crate::", stringify!($name), "`].\n")]
        #[doc = "```"]
        #[doc = "use wide::f32x8;"]
        #[doc = concat!("assert_eq!(logits::vector::", stringify!($name), "(", $x, "), ", $y, ");")]
        #[doc = "```"]
        #[inline]
        #[must_use]
        pub fn $name(v: f32x8) -> f32x8 {
            $function(F32(v)).0
        }
    )*};
}

functions! {
    exp: "e^v" = math::exp::exp, "f32x8::ZERO" gives "f32x8::ONE";
    ln: "ln v" = math::ln::ln, "f32x8::ONE" gives "f32x8::ZERO";
    sigmoid: "1 / (1 + e^-v)" = math::sigmoid::sigmoid, "f32x8::ZERO" gives "f32x8::HALF";
    exp_m1: "e^v − 1" = math::exp_m1::exp_m1, "f32x8::ZERO" gives "f32x8::ZERO";
    ln_1p: "ln(1 + v)" = math::ln_1p::ln_1p, "f32x8::ZERO" gives "f32x8::ZERO";
    log_sigmoid: "ln σ(v)" = math::softplus::log_sigmoid, "f32x8::ZERO" gives "-f32x8::LN_2";
    softplus: "ln(1 + e^v)" = math::softplus::softplus, "f32x8::ZERO" gives "f32x8::LN_2";
}
