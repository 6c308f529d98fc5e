//! Passes: what is compiled once for each instruction set.
//!
//! A pass does one thing to a [`Tile`], and knows nothing of matrices, batches or forms of a
//! call: whether it reads, writes elsewhere or in place, and every option, is a value. Its body
//! is generic over [`Simd`](crate::simd::Simd) and inlined into one `#[target_feature]` function
//! for each backend; [`Backend`] has a method of the same name that calls the right one
//! directly, so that the linker drops what no public function reaches.
//!
//! To add a pass, write its body in a file below `pass/` and add it to the list here.
//!
//! The `unsafe` here is sound because a [`Backend`] exists only where the CPU has its
//! instructions, and because bodies touch only what their tile or its like has.
#![allow(unsafe_code)]

pub(crate) mod tile;

mod backward;
mod distribution;
mod entropy_of_scores;
mod kl_divergence_of_scores;
mod linear;
mod map;
mod search;
mod sum;

use crate::backend::{Backend, Kind};
use crate::simd::scalar::Scalar;
pub(crate) use tile::{GROUP, LINE, PerRow, ROWS, SHORT, Scratch, TILE, Tile, Words};

/// Declares passes: from each body one function for each backend, and a method of [`Backend`].
macro_rules! passes {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $result:ty)? = $body:path;)*) => {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        mod avx512 {
            use super::*;
            $(
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
                #[inline(never)]
                pub(super) fn $name($($arg: $ty),*) $(-> $result)? {
                    // SAFETY: see the module.
                    unsafe { $body(crate::simd::avx512::Avx512::new(), $($arg),*) }
                }
            )*
        }

        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        mod avx2 {
            use super::*;
            $(
                #[target_feature(enable = "avx2,fma")]
                #[inline(never)]
                pub(super) fn $name($($arg: $ty),*) $(-> $result)? {
                    // SAFETY: see the module.
                    unsafe { $body(crate::simd::avx2::Avx2::new(), $($arg),*) }
                }
            )*
        }

        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        mod portable {
            use super::*;
            $(
                #[inline(never)]
                pub(super) fn $name($($arg: $ty),*) $(-> $result)? {
                    // SAFETY: see the module.
                    unsafe { $body(crate::simd::portable::Portable, $($arg),*) }
                }
            )*
        }

        mod scalar {
            use super::*;
            $(
                #[cfg_attr(
                    not(all(target_os = "none", target_pointer_width = "32")),
                    inline(never)
                )]
                pub(super) fn $name($($arg: $ty),*) $(-> $result)? {
                    // SAFETY: see the module.
                    unsafe { $body(Scalar, $($arg),*) }
                }
            )*
        }

        /// The passes of the scalar backend where there are others: only a program that asks for
        /// that backend names this table, and links them.
        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        pub(crate) struct ScalarPasses {
            $($name: fn($($ty),*) $(-> $result)?,)*
        }

        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        pub(crate) static SCALAR: ScalarPasses = ScalarPasses { $($name: scalar::$name,)* };

        impl Backend {
            $(
                $(#[$doc])*
                #[inline(always)]
                pub(crate) fn $name(self $(, $arg: $ty)*) $(-> $result)? {
                    match self.0 {
                        // SAFETY: see the module.
                        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
                        Kind::Avx512 => unsafe { avx512::$name($($arg),*) },
                        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
                        Kind::Avx2 => unsafe { avx2::$name($($arg),*) },
                        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
                        Kind::Portable => portable::$name($($arg),*),
                        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
                        Kind::Scalar(passes) => (passes.$name)($($arg),*),
                        #[cfg(all(target_os = "none", target_pointer_width = "32"))]
                        Kind::Scalar => scalar::$name($($arg),*),
                    }
                }
            )*
        }
    };
}

passes! {
    // Elementwise: a tile of one row of any length.
    /// e^x.
    fn map_exp(tile: &Tile<'_>) = map::exp;
    /// e^x − 1.
    fn map_exp_m1(tile: &Tile<'_>) = map::exp_m1;
    /// ln x.
    fn map_ln(tile: &Tile<'_>) = map::ln;
    /// ln(1 + x).
    fn map_ln_1p(tile: &Tile<'_>) = map::ln_1p;
    /// 1 / (1 + e^-x).
    fn map_sigmoid(tile: &Tile<'_>) = map::sigmoid;
    /// ln σ(x).
    fn map_log_sigmoid(tile: &Tile<'_>) = map::log_sigmoid;
    /// ln(1 + e^x).
    fn map_softplus(tile: &Tile<'_>) = map::softplus;

    // Of a row: a tile of one row of any length, or two of which the shorter counts.
    /// The largest element: NaN if one is NaN, −∞ if there is none.
    fn maximum(tile: &Tile<'_>) -> f32 = search::maximum_of_row;
    /// Where the first element that equals a value is: `usize::MAX` if none does.
    fn position(tile: &Tile<'_>, value: f32) -> usize = search::position_in_row;
    /// −Σ p·ln p.
    fn entropy_of_row(p: &Tile<'_>) -> f32 = distribution::entropy;
    /// −Σ p·ln q.
    fn cross_entropy_of_row(p: &Tile<'_>, q: &Tile<'_>) -> f32 = distribution::cross_entropy;
    /// Σ p·ln(p/q).
    fn kl_divergence_of_row(p: &Tile<'_>, q: &Tile<'_>) -> f32 = distribution::kl_divergence;
    /// ½KL(P‖M) + ½KL(Q‖M).
    fn js_divergence_of_row(p: &Tile<'_>, q: &Tile<'_>) -> f32 = distribution::js_divergence;
    /// H(softmax(x)).
    fn entropy_of_scores(x: &Tile<'_>) -> f32 = entropy_of_scores::entropy;
    /// KL(softmax(x)‖softmax(y)); the derivatives by y go where the results of y go, if that is
    /// anywhere.
    fn kl_divergence_of_scores(x: &Tile<'_>, y: &Tile<'_>) -> f32
        = kl_divergence_of_scores::kl_divergence;
    /// y·(g − Σ y·g), the results of g.
    fn softmax_backward_of_row(y: &Tile<'_>, g: &Tile<'_>) = backward::softmax;
    /// g − e^y·Σ g, the results of g.
    fn log_softmax_backward_of_row(y: &Tile<'_>, g: &Tile<'_>) = backward::log_softmax;
    /// W x + b, the results of the bias; the weights have a row a class.
    fn linear_of_row(x: &Tile<'_>, weights: &Tile<'_>, bias: &Tile<'_>) = linear::linear;
}
