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

mod accumulator;
mod exp;
mod line;
mod map;
mod maximum;
mod rows;
pub(crate) mod shifts;
mod skip;
pub(crate) mod tile;
mod write;

use crate::backend::{Backend, Kind};
use crate::math::shifted_exp::Scale;
use crate::simd::scalar::Scalar;
pub(crate) use accumulator::Totals;
pub(crate) use rows::Marked;
pub(crate) use shifts::{Shift, Shifts};
pub(crate) use write::Target;
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

    // One row of at most `LINE` elements in registers.
    /// Softmax, if no |s·x| is large: else false, and nothing is written.
    fn line_softmax(tile: &Tile<'_>, scale: &Scale) -> bool = line::line_softmax;
    /// ln Σ e^x in two words, if no |x| is large, else NaN.
    fn line_log_sum_exp(tile: &Tile<'_>) -> (f32, f32) = line::line_log_sum_exp;

    // e^x · 2^-N and its sums.
    /// The largest element of each row but the skipped, and N for all of the row; a bit for each
    /// row whose maximum is extreme or not finite.
    fn maxima(tile: &Tile<'_>, skipped: &[usize], scale: &Scale, shifts: &mut Shifts) -> u64 = maximum::maxima;
    /// The largest element of one row but the skipped: −∞ if there is none. A NaN may count or not.
    fn largest(tile: &Tile<'_>, skipped: usize) -> f32 = maximum::largest;
    /// Where an element of one row has a value: `usize::MAX` if none has.
    fn position(tile: &Tile<'_>, value: f32) -> usize = maximum::position;
    /// e^(s·x) · 2^-N of short rows in two words; whether no |s·x| is large.
    fn exp_short(tile: &Tile<'_>, scale: &Scale, shifts: Option<&Shifts>, scratch: &mut Scratch) -> bool = exp::exp_short;
    /// The sums of short rows.
    fn short_sums(rows: usize, columns: usize, scratch: &Scratch, sums: &mut Words) = accumulator::short_sums;
    /// Σ e^(s·x) · 2^-N of each row but the skipped element, which is kept where there is an output.
    fn exp_sums(tile: &Tile<'_>, skipped: &[usize], scale: &Scale, shifts: &Shifts, first: bool, totals: &mut Totals) = exp::exp_sums;
    /// The values of sums.
    fn sums(rows: usize, totals: &mut Totals, sums: &mut Words) = accumulator::sums;

    // Numbers of rows.
    /// Reciprocals of sums, and the probabilities of the largest elements.
    fn factors(rows: usize, scale: &Scale, shifts: Option<&Shifts>, sums: &mut Words, largest: &mut PerRow) = rows::factors;
    /// Logarithms of sums, and which rows need a second look.
    fn logarithms(rows: usize, scale: &Scale, shifts: Option<&Shifts>, sums: &mut Words) -> Marked = rows::logarithms;
    /// The logarithm of the share of one element a row, by what the others leave of it.
    fn shares(rows: usize, scale: &Scale, shifts: Option<&Shifts>, score: &PerRow, others: &Words, ln: &mut PerRow) = rows::shares;
    /// The places of dominant elements of short rows.
    fn dominant(rows: usize, columns: usize, scratch: &Scratch, sums: &Words, places: &mut [usize; ROWS]) -> u64 = write::dominant;

    // Results.
    /// ln(e^a + e^b) of logarithms in two words.
    fn log_add(a: (f32, f32), b: (f32, f32)) -> (f32, f32) = rows::log_add;
    /// Kept e^x · 2^-N times the factor of its row.
    fn scale(tile: &Tile<'_>, factors: &Words, largest: Option<&PerRow>) = write::scale;
    /// Short rows' e^x · 2^-N times the factor of its row, less a target.
    fn short_write(tile: &Tile<'_>, scratch: &Scratch, factors: &Words, target: Target<'_>, any_size: bool) = write::short_write;
    /// e^(s·x) · 2^-N times the factor of its row, less a target, from x once more.
    fn exp_write(tile: &Tile<'_>, scale: &Scale, shifts: &Shifts, factors: &Words, target: Target<'_>) = write::exp_write;
    /// s·(x − center) less a logarithm.
    fn subtract(tile: &Tile<'_>, scale: &Scale, center: f32, logarithms: &Words) = write::subtract;
}
