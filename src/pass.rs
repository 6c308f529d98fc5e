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

pub(crate) mod binary;
mod focal;
mod map;
mod sum;

use crate::backend::{Backend, Kind};
use crate::simd::scalar::Scalar;
use binary::{Keep, Weights};
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

    // Pairs of an x and a target, any number of them: the sum of the losses.
    /// Binary cross-entropy of scores.
    fn binary_scores(tile: &Tile<'_>, targets: &[f32], keep: Keep, weights: &Weights) -> (f32, f32)
        = binary::scores;
    /// Binary cross-entropy of probabilities.
    fn binary_probabilities(tile: &Tile<'_>, targets: &[f32], keep: Keep, weights: &Weights)
        -> (f32, f32) = binary::probabilities;
    /// Focal loss of scores.
    fn binary_focal(
        tile: &Tile<'_>, targets: &[f32], keep: Keep, weights: &Weights, gamma: f32
    ) -> (f32, f32) = focal::focal;
}
