//! Passes: the functions that are compiled once for each instruction set.
//!
//! A pass does one step on a [`Tile`]. Its options are arguments, not types, and so is the place of
//! its results: another slice, the input, or none. The body of a pass is generic over
//! [`Simd`](crate::simd::Simd) and inlined into one `#[target_feature]` function for each backend.
//! [`Passes`] has a method of the same name, which calls the function of the backend directly, so
//! the linker drops every pass that no public function reaches.
//!
//! To add a pass, write its body in a file below `pass/` and add it to the list here.
//!
//! The `unsafe` here is sound because a value of [`Passes`] exists only where the CPU has the
//! instructions, and because a body reads and writes only elements of its arguments.
#![allow(unsafe_code)]
#![allow(clippy::too_many_arguments)] // a pass gets all of its input as arguments

mod accumulator;
mod again;
mod backward;
pub(crate) mod binary;
mod coefficients;
mod distribution;
mod entropy_of_scores;
mod exp;
mod focal;
mod general;
mod kl_divergence_of_scores;
mod line;
mod linear;
mod link;
mod losses;
mod map;
mod maximum;
mod pair;
mod row;
mod row_entropy;
mod rows;
mod search;
pub(crate) mod shifts;
mod skip;
mod sum;
pub(crate) mod tile;
mod weighted_sums;
mod write;

use crate::math::shifted_exp::Scale;
use crate::simd::scalar::Scalar;
pub(crate) use accumulator::{RowsOfLanes, Totals};
use binary::{Keep, Weights};
pub(crate) use coefficients::Coefficients;
pub(crate) use general::{Against, General, GeneralRows, PIECE, Piece};
pub(crate) use link::{Link, quotient};
pub(crate) use losses::{LossFormula, LossRows, Spread};
pub(crate) use rows::Marked;
pub(crate) use shifts::Shifts;
pub(crate) use tile::{DoubleWords, GROUP, KEPT, LINE, PerRow, ROWS, SHORT, Scratch, TILE, Tile};
pub(crate) use write::{Again, Logarithms, Target, TargetRows};

/// The passes of an instruction set. A value exists only if the CPU has the instruction set.
#[derive(Clone, Copy)]
pub(crate) enum Passes {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    Avx512,
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    Avx2,
    #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
    Portable,
    #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
    Scalar(&'static ScalarPasses),
    #[cfg(all(target_os = "none", target_pointer_width = "32"))]
    Scalar,
}

impl Passes {
    /// Whether a row of at most [`LINE`] elements has passes of its own. On x86 without AVX2 it has
    /// none; the passes for short rows give the same bits.
    #[inline(always)]
    pub(crate) fn has_lines(self) -> bool {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        return !matches!(self, Self::Portable);
        #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
        true
    }

    /// Whether the passes `line_…` take every row, whatever its length and however many there are.
    #[inline(always)]
    pub(crate) fn take_rows(self) -> bool {
        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        return matches!(self, Self::Scalar(_));
        #[cfg(all(target_os = "none", target_pointer_width = "32"))]
        true
    }
}

/// From each body of a list a function of a backend, with an attribute.
macro_rules! functions {
    ($simd:expr, #$attribute:tt, $(
        $(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $result:ty)? = $body:path;
    )*) => {
        $(
            #$attribute
            pub(super) fn $name($($arg: $ty),*) $(-> $result)? {
                // SAFETY: see the module.
                unsafe { $body($simd, $($arg),*) }
            }
        )*
    };
}

/// In place of passes that a backend never runs, functions that do nothing.
macro_rules! unused {
    ($(
        $(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $result:ty)? = $body:path;
    )*) => {
        $(
            #[inline(always)]
            pub(super) fn $name($(_: $ty),*) $(-> $result)? {
                Default::default()
            }
        )*
    };
}

/// From a list of passes the methods of [`Passes`], each of which calls one of the functions.
macro_rules! methods {
    ($(
        $(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $result:ty)? = $body:path;
    )*) => {
        /// The passes of the scalar backend where there are others: only a program that asks for
        /// that backend names this table, and links them.
        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        pub(crate) struct ScalarPasses {
            $($name: fn($($ty),*) $(-> $result)?,)*
        }

        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        pub(crate) static SCALAR: ScalarPasses = ScalarPasses { $($name: scalar::$name,)* };

        impl Passes {
            $(
                $(#[$doc])*
                #[cfg_attr(
                    not(all(target_os = "none", target_pointer_width = "32")),
                    inline(never)
                )]
                pub(crate) fn $name(self $(, $arg: $ty)*) $(-> $result)? {
                    match self {
                        // SAFETY: see the module.
                        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
                        Self::Avx512 => unsafe { avx512::$name($($arg),*) },
                        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
                        Self::Avx2 => unsafe { avx2::$name($($arg),*) },
                        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
                        Self::Portable => portable::$name($($arg),*),
                        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
                        Self::Scalar(passes) => (passes.$name)($($arg),*),
                        #[cfg(all(target_os = "none", target_pointer_width = "32"))]
                        Self::Scalar => scalar::$name($($arg),*),
                    }
                }
            )*
        }
    };
}

/// The names of a list of passes, in another backend's module.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
macro_rules! names {
    ($module:ident, $(
        $(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $result:ty)? = $body:path;
    )*) => {
        pub(super) use super::$module::{$($name),*};
    };
}

/// Declares passes, in four lists by which backends have functions of their own:
///
/// | | AVX-512 | AVX2 | portable | scalar |
/// |---|---|---|---|---|
/// | `often` | own | own | own | own |
/// | `tiles` | own | own | own | none: it takes rows whole |
/// | `lines` | AVX2's | own | own, none on x86 | own |
/// | `rarely` | AVX2's | own | own, scalar's on x86 | own |
///
/// The bits are the same wherever a function runs. On x86, portable is for CPUs from before AVX2.
macro_rules! passes {
    (
        often { $($often:tt)* }
        tiles { $($tiles:tt)* }
        lines { $($lines:tt)* }
        rarely { $($rarely:tt)* }
    ) => {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        mod avx512 {
            use super::*;
            functions! {
                crate::simd::avx512::Avx512::new(),
                #[cfg_attr(
                    true,
                    target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"),
                    inline(never)
                )],
                $($often)* $($tiles)*
            }
            names! { avx2, $($lines)* $($rarely)* }
        }

        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        mod avx2 {
            use super::*;
            functions! {
                crate::simd::avx2::Avx2::new(),
                #[cfg_attr(true, target_feature(enable = "avx2,fma"), inline(never))],
                $($often)* $($tiles)* $($lines)* $($rarely)*
            }
        }

        #[cfg(not(all(target_os = "none", target_pointer_width = "32")))]
        mod portable {
            use super::*;
            functions! {
                crate::simd::portable::Portable,
                #[inline(never)],
                $($often)* $($tiles)*
            }
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            names! { scalar, $($rarely)* }
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            unused! { $($lines)* }
            #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
            functions! {
                crate::simd::portable::Portable,
                #[inline(never)],
                $($lines)* $($rarely)*
            }
        }

        mod scalar {
            use super::*;
            functions! {
                Scalar,
                #[cfg_attr(
                    not(all(target_os = "none", target_pointer_width = "32")),
                    inline(never)
                )],
                $($often)* $($lines)* $($rarely)*
            }
            unused! { $($tiles)* }
        }

        methods! { $($often)* $($tiles)* $($lines)* $($rarely)* }
    };
}

passes! {
    often {
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
        /// ln(1 + e^x); or, with a sign of −1 instead of 1, ln σ(x) = −ln(1 + e^-x).
        fn map_softplus(tile: &Tile<'_>, sign: f32) = map::softplus;


        /// The values of sums, the first of them at `to`; whether terms may be negative or infinite.
        fn sums(rows: usize, lanes: RowsOfLanes<'_>, is_signed: bool, to: usize, sums: &mut DoubleWords) = accumulator::sums;

        /// ln(e^a + e^b) of logarithms in two words.
        fn log_add(a: (f32, f32), b: (f32, f32)) -> (f32, f32) = rows::log_add;

        // Results.
        /// (x − center)·power of a row; −∞ stays so.
        fn multiply(row: &Tile<'_>, center: f32, power: f32) = write::multiply;

        // Of a row: a tile of one row of any length, or two of which the shorter counts.
        /// The largest element: NaN if one is NaN, −∞ if there is none.
        fn maximum(tile: &Tile<'_>) -> f32 = search::maximum_of_row;
        /// Where the first element that equals a value is: `usize::MAX` if none does.
        fn position(tile: &Tile<'_>, value: f32) -> usize = search::position_in_row;
        /// −Σ p·ln q: the entropy where q is p; of terms that are scaled down or not.
        fn cross_entropy_of_row(p: &Tile<'_>, q: &Tile<'_>, is_scaled: bool) -> f32 = distribution::cross_entropy;
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
        /// y·(g − Σ y·g), the results of g; with g scaled down, or if that is not needed: else false,
        /// and nothing is written.
        fn softmax_backward_of_row(y: &Tile<'_>, g: &Tile<'_>, is_scaled: bool) -> bool = backward::softmax;
        /// g − e^y·Σ g, the results of g, likewise.
        fn log_softmax_backward_of_row(y: &Tile<'_>, g: &Tile<'_>, is_scaled: bool) -> bool = backward::log_softmax;
        /// W x + b, the results of the bias; the weights have a row a class. Whether all are finite.
        fn linear_of_row(x: &Tile<'_>, weights: &Tile<'_>, bias: &Tile<'_>) -> bool = linear::linear;
        /// Σ w·x over the rows of x, for each row of weights, or where these are transposed for each
        /// column. Whether all are finite.
        fn weighted_sums(weights: &Tile<'_>, transposed: bool, x: &Tile<'_>, out: &Tile<'_>) -> bool
            = weighted_sums::weighted_sums;
        /// a + b of two rows, the results of a.
        fn add(a: &Tile<'_>, b: &Tile<'_>) = map::add;
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

    tiles {
        // e^x · 2^-N and its sums.
        /// The largest element of each row but the skipped, and N for all of the row; a bit for each
        /// row whose maximum is extreme or not finite.
        fn maxima(tile: &Tile<'_>, skipped: &[usize], scale: &Scale, shifts: &mut Shifts) -> u64 = maximum::maxima;
        /// e^(s·x) · 2^-N of short rows in two words; whether no |s·x| is large.
        fn exp_short(tile: &Tile<'_>, scale: &Scale, shifts: Option<&Shifts>, scratch: &mut Scratch) -> bool = exp::exp_short;
        /// The sums of up to `GROUP` short rows: the first, how many there are, and their columns.
        fn short_sums(shape: [usize; 3], scratch: &Scratch, limits: Option<&PerRow>, totals: &mut Totals) = accumulator::short_sums;
        /// Σ e^(s·x) · 2^-N of each row without the skipped element; each term is stored where there is an output.
        fn exp_sums(tile: &Tile<'_>, skipped: &[usize], scale: &Scale, shifts: &Shifts, first: bool, totals: &mut Totals) = exp::exp_sums;

        // Numbers of rows.
        /// Reciprocals of sums, and the probabilities of the largest elements.
        fn factors(rows: usize, scale: &Scale, shifts: Option<&Shifts>, sums: &mut DoubleWords, largest: &mut PerRow) = rows::factors;
        /// Logarithms of sums, and which rows need a second look.
        fn logarithms(rows: usize, scale: &Scale, shifts: Option<&Shifts>, sums: &mut DoubleWords) -> Marked = rows::logarithms;
        /// The logarithm of the share of one element a row, by what the others leave of it.
        fn shares(rows: usize, scale: &Scale, shifts: Option<&Shifts>, score: &PerRow, others: &DoubleWords, ln: &mut PerRow) = rows::shares;
        /// What a term of each row must exceed to be dominant.
        fn limits(rows: usize, sums: &DoubleWords, limits: &mut PerRow) = rows::limits;
        /// The logarithm of the share of each row's dominant element, by sums with and without it.
        fn shares_of_rest(rows: usize, sums: &DoubleWords, others: &DoubleWords, ln: &mut PerRow) = rows::shares_of_rest;

        // Results.
        /// Kept e^x · 2^-N times the factor of its row.
        fn scale(tile: &Tile<'_>, first: usize, factors: &DoubleWords, largest: Option<&PerRow>) = write::scale;
        /// Short rows' e^x · 2^-N times the factor of its row.
        fn short_write(tile: &Tile<'_>, first: usize, scratch: &Scratch, factors: &DoubleWords, shifts: Option<&Shifts>) = write::short_write;
        /// e^(s·x) · 2^-N times the factor of its row, less a target, from x once more.
        fn exp_write(tile: &Tile<'_>, first: usize, formula: Again<'_>, target: Option<Target<'_>>) = write::exp_write;
        /// s·x less a logarithm of short rows, of which dominant elements have their own.
        fn short_subtract(tile: &Tile<'_>, scratch: &Scratch, numbers: Logarithms<'_>) = write::short_subtract;
        /// s·(x − center) less a logarithm.
        fn subtract(tile: &Tile<'_>, scale: &Scale, center: f32, logarithms: &DoubleWords) = write::subtract;
    }

    lines {
        // One row of at most `LINE` elements in registers; on scalar any rows.
        /// Softmax, if no |s·x| is large: else false, and nothing is written.
        fn line_softmax(tile: &Tile<'_>, scale: &Scale) -> bool = line::line_softmax;
        /// The logarithm of softmax of rows, where the backend takes rows of any length: else false.
        fn rows_log_softmax(tile: &Tile<'_>, scale: &Scale) -> bool = line::rows_log_softmax;
        /// ln Σ e^x in two words, if no |x| is large, else NaN.
        fn line_log_sum_exp(tile: &Tile<'_>) -> (f32, f32) = line::line_log_sum_exp;
        /// The loss of a label and its gradient, if no |s·x| is large: else NaN.
        fn line_loss(tile: &Tile<'_>, label: usize, weight: f32, scale: &Scale) -> f32 = line::line_loss;
    }

    rarely {
        // Losses.
        /// Σ x of each row, or Σ a and Σ a·x of all but the skipped element.
        fn moments(tile: &Tile<'_>, targets: Option<&Tile<'_>>, skipped: &[usize], formula: &LossFormula<'_>, sums: [&mut Totals; 2]) = losses::moments;
        /// The losses of rows; a bit for each that is to be taken another way.
        fn losses(rows: usize, formula: &LossFormula<'_>, shifts: Option<&Shifts>, others: &DoubleWords, all: &mut LossRows) -> u64 = losses::losses;
        /// Short rows' e^x · 2^-N times the factor of its row, less a target.
        fn short_write_less(tile: &Tile<'_>, first: usize, scratch: &Scratch, factors: &DoubleWords, target: Target<'_>) = write::short_write_less;

        // Matrices.
        /// Of sums of products over the rows or, transposed, the columns of two tiles, those that are
        /// not finite: once more, without overflow on the way.
        fn sums_again(
            a: (&Tile<'_>, bool), b: (&Tile<'_>, bool), bias: Option<&Tile<'_>>, out: &Tile<'_>
        ) = again::again;

        /// The place of the largest coefficient of each row of targets; a bit for each row with a
        /// negative target or a NaN.
        fn likeliest(targets: &Tile<'_>, coefficients: &Coefficients<'_>, places: &mut [usize; ROWS]) -> u64 = losses::likeliest;

        // Cross-entropy with every option, of any scores.
        /// Where the largest scores of up to `GROUP` rows are, and what is there.
        fn general_tops(tile: &Tile<'_>, against: Against<'_>, formula: &General<'_>, rows: &mut GeneralRows) = general::general_tops;
        /// Adds a piece of rows to their sums, and keeps what they are of.
        fn general_sums(tile: &Tile<'_>, start: usize, against: Against<'_>, formula: &General<'_>, rows: &mut GeneralRows, piece: &mut Piece, totals: &mut [Totals; 3]) = general::general_sums;
        /// The losses of rows, and what their gradients are made of.
        fn general_results(count: usize, formula: &General<'_>, rows: &mut GeneralRows) = general::general_results;
        /// Writes the gradients of a piece of rows that was just summed.
        fn general_write(tile: &Tile<'_>, formula: &General<'_>, rows: &GeneralRows, piece: &mut Piece) = general::general_write;
    }
}
