//! What each function promises: its largest error and its special values.
//!
//! Tests, fuzz targets and documentation read this table; nothing repeats its
//! figures by hand. Errors are in units in the last place (ULP): the distance
//! of neighbouring `f32` at the size of the exact result, 2⁻¹⁴⁹ for subnormals.
//! Those of the elementwise functions are the maxima over all 2³² inputs, found by
//! `tests/exhaustive`; the others the largest of random samples, hundreds of times those of
//! `cargo test` (`.ci/seeds`), and a margin of at most 5%.
//!
//! ```
//! for row in logits::contract::ELEMENTWISE {
//!     println!("{}: at most {} ULP, at {:e}", row.name, row.fused.ulp, row.fused.at);
//! }
//! ```
//!
//! # Special values of rows
//!
//! Those of elementwise functions are in [`ELEMENTWISE`]. Of all short rows of special values,
//! `tests/lattice` compares what functions of rows give with this; the functions'
//! documentation says more.
//!
//! | function | of | gives |
//! |---|---|---|
//! | softmax, log-softmax | −∞ | 0, −∞ |
//! | | NaN, +∞, nothing but −∞ | NaN in all of the row |
//! | log-sum-exp | nothing but −∞ | −∞ |
//! | | +∞, NaN anywhere | +∞, NaN |
//! | softmax's derivative | y = 0 | 0, whatever g |
//! | | infinite or NaN g elsewhere | IEEE 754 |
//! | | y outside 0 to 1 | the formula, while no product overflows or is subnormal |
//! | log-softmax's derivative | y = −∞ | g |
//! | | infinite Σ g | g − Σ g |
//! | | NaN y, g or Σ g | NaN |
//! | | y above 0 | the formula up to 40 |
//! | entropy | p = ∞ | −∞ |
//! | cross-entropy of distributions | p = 0 | 0, whatever q |
//! | | q = 0 < p; q = ∞, p > 0 | +∞; −∞ |
//! | | p = ∞ | +∞ for q < 1, −∞ for q > 1, NaN for q = 1 |
//! | divergences of distributions | p = 0 | 0, whatever q; of Jensen and Shannon q/2·ln 2 |
//! | | q = 0 < p | +∞; of Jensen and Shannon p/2·ln 2 |
//! | | an infinite element | NaN |
//! | all of these | a negative or NaN p; such a q, of a cross-entropy under p > 0 | NaN |
//! | entropy, divergence of scores | −∞; in Q alone | adds nothing; +∞ |
//! | | NaN, +∞, nothing but −∞ | NaN |
//! | loss, gradient | NaN, +∞, nothing but −∞; NaN or infinite target | NaN in all of the row |
//! | | −∞ at a positive, negative target | loss +∞, −∞; a finite gradient |
//! | | −∞ at a coefficient of 0 | nothing more |
//! | binary losses | a target outside 0 to 1, a NaN score; a probability outside 0 to 1 | NaN, loss and gradient |
//! | | ±∞ that is right | 0, loss and gradient |
//! | | ±∞ that is wrong | loss +∞, a finite gradient |
//!
//! Else finite inputs give a value, or an infinity where that is beyond `f32::MAX`, though what
//! it is computed of may be beyond it too; but for divergences of what is no distribution.

/// The promise of one elementwise function.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Elementwise {
    /// The function's name.
    pub name: &'static str,
    /// Between which inputs the result is neither NaN nor infinite.
    pub domain: (f32, f32),
    /// The largest error over all inputs where multiplication and addition are
    /// fused ([`Backend::is_fused`](crate::Backend::is_fused)).
    pub fused: LargestError,
    /// The same where they are not.
    pub unfused: LargestError,
    /// Inputs and their exact results, signs of zero included; a NaN means any
    /// NaN.
    pub special: &'static [(f32, f32)],
}

impl Elementwise {
    /// The largest error on a backend.
    #[must_use]
    pub fn error(&self, backend: crate::Backend) -> LargestError {
        if backend.is_fused() { self.fused } else { self.unfused }
    }
}

/// A largest error and where it occurs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LargestError {
    /// In ULP: what the exhaustive run found, rounded up to a thousandth.
    pub ulp: f64,
    /// The input.
    pub at: f32,
}

const fn error(ulp: f64, at: u32) -> LargestError {
    LargestError { ulp, at: f32::from_bits(at) }
}

const INFINITY: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// The elementwise functions.
pub const ELEMENTWISE: [Elementwise; 7] = [
    Elementwise {
        name: "exp",
        domain: (-INFINITY, f32::from_bits(0x42B1_7217)),
        fused: error(0.565, 0xBF39_E999),
        unfused: error(0.593, 0x420F_FB5A),
        special: &[
            (INFINITY, INFINITY),
            (-INFINITY, 0.0),
            (0.0, 1.0),
            (-0.0, 1.0),
            (NAN, NAN),
            // 0x42B17217 is the last that is finite, 0xC2CFF1B4 the last that is not 0.
            (f32::from_bits(0x42B1_7217), f32::from_bits(0x7F7F_FF84)),
            (f32::from_bits(0x42B1_7218), INFINITY),
            (f32::from_bits(0xC2CF_F1B4), f32::from_bits(1)),
            (f32::from_bits(0xC2CF_F1B5), 0.0),
            (f32::MAX, INFINITY),
            (f32::MIN, 0.0),
            (f32::from_bits(1), 1.0),
            (-f32::from_bits(1), 1.0),
        ],
    },
    Elementwise {
        name: "exp_m1",
        domain: (-INFINITY, f32::from_bits(0x42B1_7217)),
        fused: error(0.715, 0x3ECD_55DA),
        unfused: error(0.795, 0xBE91_45C7),
        special: &[
            (INFINITY, INFINITY),
            (-INFINITY, -1.0),
            (0.0, 0.0),
            (-0.0, -0.0),
            (NAN, NAN),
            (f32::from_bits(0x42B1_7217), f32::from_bits(0x7F7F_FF84)),
            (f32::from_bits(0x42B1_7218), INFINITY),
            (f32::MAX, INFINITY),
            (f32::MIN, -1.0),
            (f32::from_bits(1), f32::from_bits(1)),
            (-f32::from_bits(1), -f32::from_bits(1)),
            (-f32::MIN_POSITIVE, -f32::MIN_POSITIVE),
        ],
    },
    Elementwise {
        name: "ln",
        domain: (f32::from_bits(1), f32::MAX),
        fused: error(0.774, 0x3F90_003C),
        unfused: error(0.84, 0x3FB4_E79F),
        special: &[
            (INFINITY, INFINITY),
            (-INFINITY, NAN),
            (0.0, -INFINITY),
            (-0.0, -INFINITY),
            (1.0, 0.0),
            (-1.0, NAN),
            (-f32::from_bits(1), NAN),
            (NAN, NAN),
            (f32::from_bits(1), -103.278_93),
            (f32::MIN_POSITIVE, -87.336_55),
            (f32::MAX, 88.722_84),
        ],
    },
    Elementwise {
        name: "ln_1p",
        domain: (-1.0 + f32::EPSILON / 2.0, f32::MAX),
        fused: error(0.775, 0x3E02_2921),
        unfused: error(0.866, 0x3ED0_EA9D),
        special: &[
            (INFINITY, INFINITY),
            (-INFINITY, NAN),
            (0.0, 0.0),
            (-0.0, -0.0),
            (-1.0, -INFINITY),
            (-1.0 - f32::EPSILON, NAN),
            (f32::MIN, NAN),
            (NAN, NAN),
            (f32::from_bits(1), f32::from_bits(1)),
            (-f32::from_bits(1), -f32::from_bits(1)),
            (f32::MIN_POSITIVE, f32::MIN_POSITIVE),
            (f32::MAX, 88.722_84),
        ],
    },
    Elementwise {
        name: "sigmoid",
        domain: (-INFINITY, INFINITY),
        fused: error(0.572, 0xBFF9_8646),
        unfused: error(0.592, 0xBFF9_7C7A),
        special: &[
            (INFINITY, 1.0),
            (-INFINITY, 0.0),
            (0.0, 0.5),
            (-0.0, 0.5),
            (NAN, NAN),
            (f32::from_bits(0xC2CF_F1B4), f32::from_bits(1)),
            (f32::from_bits(0xC2CF_F1B5), 0.0),
            (f32::MAX, 1.0),
            (f32::MIN, 0.0),
        ],
    },
    Elementwise {
        name: "log_sigmoid",
        domain: (f32::MIN, INFINITY),
        fused: error(0.63, 0x400E_BE31),
        unfused: error(0.885, 0x3F6A_5EE2),
        special: &[
            (INFINITY, -0.0),
            (-INFINITY, -INFINITY),
            (0.0, -core::f32::consts::LN_2),
            (-0.0, -core::f32::consts::LN_2),
            (NAN, NAN),
            (f32::from_bits(0x42CF_F1B4), -f32::from_bits(1)),
            (f32::from_bits(0x42CF_F1B5), -0.0),
            (f32::MAX, -0.0),
            (f32::MIN, f32::MIN),
        ],
    },
    Elementwise {
        name: "softplus",
        domain: (-INFINITY, f32::MAX),
        fused: error(0.63, 0xC00E_BE31),
        unfused: error(0.885, 0xBF6A_5EE2),
        special: &[
            (INFINITY, INFINITY),
            (-INFINITY, 0.0),
            (0.0, core::f32::consts::LN_2),
            (-0.0, core::f32::consts::LN_2),
            (NAN, NAN),
            (f32::from_bits(0xC2CF_F1B4), f32::from_bits(1)),
            (f32::from_bits(0xC2CF_F1B5), 0.0),
            (f32::MAX, f32::MAX),
            (f32::MIN, 0.0),
        ],
    },
];

/// The largest error of each softmax output, in ULP, of random rows and with any scale.
///
/// Of every row there is, see [`SOFTMAX_WORST`].
pub const SOFTMAX: f64 = 2.0; // measured 1.945 as a gradient, 1.17 for rows of 2 to 8

/// The largest error of each softmax output, and of each element of the gradient of a loss of
/// labels, in ULP, of every row there is.
///
/// It is the sum of all that may be rounded: half an ULP for the result, 1 for e^x where it is
/// stored, 0.42 for the error of e^x and 0.55 for that of the sum, which is one of e^x again and
/// of its reciprocal. `tests/rows.rs` has the worst row that a search has found.
pub const SOFTMAX_WORST: f64 = 2.5; // found 2.071

/// The largest error of log-sum-exp, in ULP of the larger of 1 and the result.
pub const LOG_SUM_EXP: f64 = 0.71; // measured 0.677

/// The largest error of log-sum-exp within ±1 where one element has more than ¾ of the
/// sum: in ULP of the larger of the result and of what the others add to that element,
/// ln(1 + Σ e^(x − max)), where that is at least 2⁻¹⁰⁰.
pub const LOG_SUM_EXP_RISE: f64 = 0.92; // measured 0.877

/// The largest error of ln(e^a + e^b), in ULP of the larger of the result and of what it
/// adds to the larger of both, where that is at least 2⁻¹⁰⁰.
pub const LOG_ADD_EXP: f64 = 0.73; // measured 0.703

/// The largest error of ln Σ e^(a + b), in ULP of the largest of 1, the result, and the mean
/// Σ p·|a + b| with p = softmax(a + b).
///
/// It is that of [`LOG_SUM_EXP`], and one for the roundings of a + b, of which p makes a mean.
pub const LOG_DOT_EXP: f64 = 1.71; // measured 0.999

/// The largest error of each log-softmax output, in ULP, however near 0 and with any scale.
pub const LOG_SOFTMAX: f64 = 1.83; // measured 1.741 with a scale, 1.663 without

/// The largest error of linear scores, in ULP of the sum of the magnitudes of bias and products,
/// each product that is not 0 counting 2⁻¹²⁶ more.
///
/// It is that of [`WEIGHTED_SUM`], and half for the addition of the bias.
pub const LINEAR: f64 = 2.0; // measured 1.687

/// The largest error of the derivatives of linear scores by weights and bias, and of weighted
/// sums of up to 2¹⁸ rows, measured as that of [`LINEAR`] is.
///
/// Half is the last rounding. The products' add up to one, where the sum of their magnitudes is
/// just below a power of two.
pub const WEIGHTED_SUM: f64 = 1.5; // measured 1.268

/// The largest error of each result of softmax's derivative, in ULP of y·|g − Σ y·g| and
/// 2⁻²⁰ of y·Σ |y·g|.
pub const SOFTMAX_BACKWARD: f64 = 1.54; // measured 1.462

/// The largest error of each result of log-softmax's derivative, in ULP of the largest of
/// itself, |g| and e^y·|Σ g|, for y above −ln 2 of itself, (1 − e^y)·|Σ g| and |Σ g − g|;
/// each with 2⁻²⁰ of e^y·Σ |g|.
pub const LOG_SOFTMAX_BACKWARD: f64 = 1.51; // measured 1.434

/// The largest error of a row's cross-entropy loss, in ULP, however confident the answer, of random
/// rows of K columns.
///
/// It holds for a class weight w that is 0, and for one with w ≥ 2⁻¹³, w/T ≥ 2⁻¹³ and
/// w ≤ 2²⁴/K, where T is the temperature. Without weights, w is 1.
pub const LOSS: f64 = 1.52; // measured 1.469 with weights, 0.983 without

/// The largest error of each element of the loss's gradient, in ULP, of random rows and with
/// class weights as [`LOSS`] has them. Of every row there is, see [`SOFTMAX_WORST`].
pub const GRADIENT: f64 = 2.0; // measured 1.945

/// The largest error of a row's cross-entropy loss with a soft cap, in ULP of the sum of the
/// magnitudes of aₖ·(L − sₖ) and λ·L², an |L| below ⅛ counting ⅛: where no target is negative
/// and L is not near 0, of the loss.
pub const CAPPED_LOSS: f64 = 0.9; // measured 0.856

/// The largest error of each element of its gradient, in ULP of itself, unless the two terms
/// whose difference it is cancel to less than half of the larger: then of that half.
///
/// They are (Σa + 2λL)·pₖ and aₖ, or for the likeliest class what is left of them without
/// aₖ·pₖ, an |L| below ⅛ counting ⅛; times the slope of the soft cap.
pub const CAPPED_GRADIENT: f64 = 1.12; // measured 1.074

/// The largest error of a row's cross-entropy loss with label smoothing or z-loss, or on a
/// distribution, without a soft cap: measured as that of [`CAPPED_LOSS`] is, but that an |L|
/// below 1 counts 1.
pub const SMOOTH_LOSS: f64 = 1.0; // measured 0.952

/// The largest error of each element of its gradient, measured as that of [`CAPPED_GRADIENT`]
/// is, but that an |L| below 1 counts 1.
pub const SMOOTH_GRADIENT: f64 = 2.0; // measured 1.934

/// The largest error of the entropy of a row of scores, in ULP, however certain.
pub const ENTROPY_OF_SCORES: f64 = 0.79; // measured 0.751

/// The largest errors of the Kullback-Leibler divergence of two rows of scores, in ULP,
/// however close or certain, where e^x below 2⁻¹⁷⁵ of the row's largest counts 0; and of each
/// element of its gradient q − p, in ULP of itself, unless they cancel to less than half of the
/// larger: then of that half.
pub const KL_DIVERGENCE_OF_SCORES: [f64; 2] = [1.39, 0.98]; // measured 1.319, 0.934

/// The largest error of entropy and cross-entropy, in ULP of the sum of the magnitudes
/// of their terms, each that is not 0 counting 2⁻¹²⁰ more; and of Kullback-Leibler divergence
/// for inputs whose sums differ by more than 2⁻²⁰ of P's, which is Σ p·ln(p/q).
///
/// Half is the last rounding; a quarter bounds the error of a logarithm, as
/// `tests/distribution.rs` finds for every mantissa.
pub const DISTRIBUTION: f64 = 0.75;

/// The largest error of Kullback-Leibler divergence, for inputs whose sums differ by at most
/// 2⁻²⁰ of P's, where it is Σ p·ln(p/q) + q − p; and of Jensen-Shannon divergence, in ULP of the
/// result, each term that is not 0 counting 2⁻¹²⁰ more.
///
/// The bound of the analysis in `src/pass/distribution.rs`.
pub const DIVERGENCE: f64 = 2.4; // measured 1.25

/// The largest error of each binary cross-entropy on scores, in ULP, however confident
/// the answer: without a weight, and with one of at most a thousand whose products with
/// the targets are not subnormal.
pub const BINARY_LOSS: [f64; 2] = [1.55, 1.88]; // measured 1.483, 1.848

/// The largest error of each element of its gradient, in ULP of itself, unless the terms
/// b·σ(s) and a·σ(−s) whose difference it is cancel to less than an eighth of the larger:
/// then of that eighth. A target of 0 or 1 leaves one term. Without and with a weight.
pub const BINARY_GRADIENT: [f64; 2] = [1.51, 1.58]; // measured 1.443, 1.502

/// The largest errors of binary cross-entropy on probabilities, in ULP, and of each
/// element of its gradient, measured as [`BINARY_GRADIENT`] is by b/(1 − p) and a/p; with a
/// weight as for [`BINARY_LOSS`].
pub const BINARY_PROBABILITY: [f64; 2] = [1.83, 0.52]; // measured 1.743, 0.500

/// The largest error of each focal loss, in ULP, for γ up to 5 and a weight as for
/// [`BINARY_LOSS`].
pub const FOCAL_LOSS: f64 = 1.45; // measured 1.383

/// The largest error of each element of its gradient, measured as
/// [`BINARY_GRADIENT`] is.
pub const FOCAL_GRADIENT: f64 = 1.65; // measured 1.574
