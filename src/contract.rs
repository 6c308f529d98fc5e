//! The largest error and the special values of each function.
//!
//! Tests, fuzz targets and the README's tables read these constants. Errors are in
//! units in the last place (ULP): the distance of neighbouring `f32` at the size of
//! the exact result, 2⁻¹⁴⁹ for subnormals. "In ULP of s" means at the size of s instead.
//! The errors of the elementwise functions are the maxima over all 2³² inputs, found by
//! `tests/exhaustive`. The other errors, unless their docs give an analysis, are the largest found
//! in random samples, plus a margin of at most 5%, rounded up to a hundredth. The samples
//! (`.ci/seeds`) are hundreds of times as large as those of `cargo test`.
//!
//! ```
//! for row in logits::contract::ELEMENTWISE {
//!     println!("{}: at most {} ULP, at {:e}", row.name, row.fused.ulp, row.fused.at);
//! }
//! ```
//!
//! # Special values of rows
//!
//! This table is for functions of rows; their documentation says more. [`ELEMENTWISE`] has the
//! special values of the elementwise functions. `tests/lattice` checks the table on all short rows
//! of special values. "Only −∞" means that every element of the row is −∞.
//!
//! | function | of | gives |
//! |---|---|---|
//! | softmax, log-softmax | −∞ | 0, −∞ |
//! | | NaN, +∞, only −∞ | NaN in all of the row |
//! | log-sum-exp | only −∞ | −∞ |
//! | | +∞, NaN anywhere | +∞, NaN |
//! | softmax's derivative | y = 0 | 0, for every g |
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
//! | all of these | a negative or NaN p or q (in cross-entropy, a q with p > 0) | NaN |
//! | entropy, divergence of scores | −∞; −∞ in Q alone | adds nothing; +∞ |
//! | | NaN, +∞, only −∞ | NaN |
//! | loss, gradient | NaN, +∞, only −∞; NaN or infinite target | NaN in all of the row |
//! | | −∞ at a positive, negative target | loss +∞, −∞; a finite gradient |
//! | | −∞ at a coefficient of 0 | adds nothing |
//! | binary losses | a target outside 0 to 1, a NaN score; a probability outside 0 to 1 | NaN, loss and gradient |
//! | | +∞ with coefficient b = 0, −∞ with a = 0 | 0, loss and gradient |
//! | | +∞ with b > 0, −∞ with a > 0 | loss +∞, a finite gradient |
//!
//! Other finite inputs give the value, or an infinity if the value is beyond `f32::MAX`. An
//! overflow of an intermediate result does no harm, except in divergences of elements above 2¹²⁰.

/// The bounds and special values of one elementwise function.
///
/// ```
/// let exp = logits::contract::ELEMENTWISE[0];
/// assert_eq!((exp.name, exp.fused.ulp, exp.unfused.ulp), ("exp", 0.565, 0.593));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Elementwise {
    /// The function's name.
    pub name: &'static str,
    /// The smallest and the largest input whose result is finite.
    pub domain: (f32, f32),
    /// The largest error over all inputs where multiplication and addition are
    /// fused ([`Backend::is_fused`](crate::Backend::is_fused)).
    pub fused: LargestError,
    /// The same where they are not.
    pub unfused: LargestError,
    /// The largest error on the scalar backend, which computes these functions by integers.
    pub scalar: LargestError,
    /// Inputs and their exact results, signs of zero included; a NaN stands for any
    /// NaN.
    pub special: &'static [(f32, f32)],
}

impl Elementwise {
    /// The largest error on a backend.
    ///
    /// ```
    /// for function in logits::contract::ELEMENTWISE {
    ///     assert!(function.error(logits::Backend::best()).ulp < 0.9);
    /// }
    /// ```
    #[must_use]
    pub fn error(&self, backend: crate::Backend) -> LargestError {
        match backend.name() {
            "scalar" => self.scalar,
            _ if backend.is_fused() => self.fused,
            _ => self.unfused,
        }
    }
}

/// A largest error and where it occurs.
///
/// ```
/// let exp = logits::contract::ELEMENTWISE[0].fused;
/// println!("at most {} ULP, at {:e}", exp.ulp, exp.at);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LargestError {
    /// The error in ULP that the exhaustive run found, rounded up to a thousandth.
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
        scalar: error(0.57, 0x40F3_BDCD),
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
        scalar: error(0.598, 0xBF05_13C1),
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
        scalar: error(0.749, 0x3F7B_FC12),
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
        scalar: error(0.643, 0x3D83_C2B9),
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
        scalar: error(0.573, 0xC0F3_F9B7),
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
        scalar: error(0.619, 0x3FAB_DBF4),
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
        scalar: error(0.619, 0xBFAB_DBF4),
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

/// The largest error of each softmax output, in ULP, for random rows and any scale.
///
/// A search has found rows of a few nearly equal scores near 0 with an error of 2.03.
/// [`SOFTMAX_WORST`] is the bound for every row.
pub const SOFTMAX: f64 = 2.0; // measured 1.945 as a gradient, 1.17 for rows of 2 to 8

/// The largest error of each softmax output, and of each element of the gradient of a loss of
/// labels, in ULP, for every row.
///
/// It is the sum of the bounds of all errors, rounded up:
///
/// | | fused | portable | scalar |
/// |---|---|---|---|
/// | rounding the result: ½, or 1 if it rises from just below a power of two | 1 | 1 | 1 |
/// | rounding e^(s·x) to the 24 bits that are kept | 1 | 1 | 1.02 |
/// | e^(s·x), with a scale s or temperature 1/s | 0.34 | 0.59 | 0.29 |
/// | the sum, whose terms may all err in one direction | 0.34 | 0.57 | 0.29 |
/// | together | 2.68 | 3.16 | 2.6 |
/// | with s = 1 | 2.65 | 2.75 | 2.58 |
///
/// `tests/rows.rs` has the worst rows that a search has found. On a microcontroller the bound holds
/// for rows of up to 2²⁰ elements.
pub const SOFTMAX_WORST: f64 = 3.2; // found 2.317, on portable with a scale

/// The largest error of log-sum-exp, in ULP of the larger of 1 and the result.
pub const LOG_SUM_EXP: f64 = 0.71; // measured 0.677

/// The largest error of log-sum-exp for results within ±1, if e^x of one element is more than
/// ¾ of the sum: in ULP of the larger of |result| and the rise ln(1 + Σ e^(x − max)), summed
/// over the other elements. It holds for a rise of at least 2⁻¹⁰⁰.
pub const LOG_SUM_EXP_RISE: f64 = 0.92; // measured 0.877

/// The largest error of ln(e^a + e^b), in ULP of the larger of |result| and the rise
/// ln(1 + e^-|a − b|). It holds for a rise of at least 2⁻¹⁰⁰.
pub const LOG_ADD_EXP: f64 = 0.73; // measured 0.703

/// The largest error of ln Σ e^(a + b), in ULP of the largest of 1, the result, and the mean
/// Σ p·|a + b| with p = softmax(a + b).
///
/// It is [`LOG_SUM_EXP`] plus 1 for the rounding of the sums a + b.
pub const LOG_DOT_EXP: f64 = 1.71; // measured 0.999

/// The largest error of each log-softmax output, in ULP, however near 0 and for any scale.
pub const LOG_SOFTMAX: f64 = 1.83; // measured 1.741 with a scale, 1.663 without

/// The largest error of linear scores, in ULP of |bias| + Σ (|product| + 2⁻¹²⁶) over all
/// products that are not 0.
///
/// It is [`WEIGHTED_SUM`] plus 0.5 for the addition of the bias.
pub const LINEAR: f64 = 2.0; // measured 1.687

/// The largest error of the derivatives of linear scores by weights and bias, and of weighted
/// sums of up to 2¹⁸ rows, in the same unit as [`LINEAR`].
///
/// The last rounding is 0.5. The roundings of the products add up to at most 1, which they reach
/// if the sum of their magnitudes is just below a power of two.
pub const WEIGHTED_SUM: f64 = 1.5; // measured 1.268

/// The largest error of each result of softmax's derivative, in ULP of
/// y·|g − Σ y·g| + 2⁻²⁰·y·Σ |y·g|.
pub const SOFTMAX_BACKWARD: f64 = 1.54; // measured 1.462

/// The largest error of each result r of log-softmax's derivative, in ULP of
/// m + 2⁻²⁰·e^y·Σ |g|, where m is the largest of |r|, |g| and e^y·|Σ g| for y ≤ −ln 2, and of
/// |r|, (1 − e^y)·|Σ g| and |Σ g − g| for y > −ln 2.
pub const LOG_SOFTMAX_BACKWARD: f64 = 1.51; // measured 1.434

/// The largest error of a row's cross-entropy loss, in ULP, however confident the answer, for
/// random rows of K columns.
///
/// It holds for a class weight w of the label and a temperature T with w = 0, or with w ≥ 2⁻¹³,
/// w/T ≥ 2⁻¹³ and w ≤ 2²⁴/K. Without weights, w is 1.
pub const LOSS: f64 = 1.52; // measured 1.469 with weights, 0.983 without

/// The largest error of each element of the loss's gradient, in ULP, for random rows, and weights
/// and temperatures as in [`LOSS`]. [`SOFTMAX_WORST`] is the bound for every row.
///
/// A probability below 2⁻¹⁷⁴ may count as 0. While w/T ≤ 2²⁴, that is less than half the least
/// number.
pub const GRADIENT: f64 = 2.0; // measured 1.945

/// The largest error of a row's cross-entropy loss with a soft cap, in ULP of
/// Σ |aₖ·(L − sₖ)| + λ·max(|L|, ⅛)². If no target is negative and |L| ≥ ⅛, this is the loss.
pub const CAPPED_LOSS: f64 = 0.9; // measured 0.856

/// The largest error of each element of the gradient of a cross-entropy loss with a soft cap. The
/// element is a difference of two terms; the error is in ULP of the element or of half of the larger
/// term, whichever is larger.
///
/// The terms are (Σa + 2λL)·pₖ and aₖ, times the slope of the soft cap. For the likeliest class,
/// aₖ·pₖ is subtracted from both. In the size of a term, |L| < ⅛ counts as ⅛. A probability below
/// 2⁻¹⁷⁴ may count as 0, and so may the slope of a cap c where |x| ≥ 64·c.
pub const CAPPED_GRADIENT: f64 = 1.12; // measured 1.074

/// The largest error of a row's cross-entropy loss with label smoothing or z-loss, or on a
/// distribution, without a soft cap: in the unit of [`CAPPED_LOSS`] with 1 in the place of ⅛.
pub const SMOOTH_LOSS: f64 = 1.0; // measured 0.952

/// The largest error of each element of the gradient of the loss of [`SMOOTH_LOSS`], in the unit of
/// [`CAPPED_GRADIENT`] with 1 in the place of ⅛.
pub const SMOOTH_GRADIENT: f64 = 2.0; // measured 1.934

/// The largest error of the entropy of a row of scores, in ULP, however certain.
pub const ENTROPY_OF_SCORES: f64 = 0.79; // measured 0.751

/// Two largest errors. The first is of the Kullback-Leibler divergence of two rows of scores, in
/// ULP, however close or certain; there e^x below 2⁻¹⁷⁵ of the row's largest counts as 0. The
/// second is of each element q − p of its gradient, in ULP of the larger of |q − p| and
/// max(p, q)/2.
pub const KL_DIVERGENCE_OF_SCORES: [f64; 2] = [1.39, 0.98]; // measured 1.319, 0.934

/// The largest error of entropy and cross-entropy, in ULP of Σ (|term| + 2⁻¹²⁰) over all terms
/// that are not 0. It is also the largest error of Kullback-Leibler divergence Σ p·ln(p/q) if the
/// sums of the inputs differ: |Σp − Σq| > 2⁻²⁰·Σp.
///
/// The last rounding is 0.5. The error of a logarithm is at most 0.25, as `tests/distribution.rs`
/// finds for every mantissa.
pub const DISTRIBUTION: f64 = 0.75;

/// The largest error of Jensen-Shannon divergence, and of Kullback-Leibler divergence
/// Σ (p·ln(p/q) + q − p) if |Σp − Σq| ≤ 2⁻²⁰·Σp: in ULP of the result plus 2⁻¹²⁰ for each term
/// that is not 0.
///
/// It is the bound of the analysis in `src/pass/distribution.rs`.
pub const DIVERGENCE: f64 = 2.4; // measured 1.25

/// The largest error of each binary cross-entropy on scores, in ULP, however confident
/// the answer: first without a weight, then with a weight of at most a thousand whose
/// products with the targets are not subnormal.
pub const BINARY_LOSS: [f64; 2] = [1.55, 1.88]; // measured 1.483, 1.848

/// The largest error of each element of the gradient b·σ(s) − a·σ(−s) of binary cross-entropy, first
/// without, then with a weight. It is in ULP of the element or of an eighth of the larger term, whichever is larger.
/// A target of 0 or 1 leaves one term.
pub const BINARY_GRADIENT: [f64; 2] = [1.51, 1.58]; // measured 1.443, 1.502

/// Two largest errors. The first is of binary cross-entropy on probabilities, in ULP. The second is
/// of each element b/(1 − p) − a/p of its gradient, in the unit of [`BINARY_GRADIENT`] with these
/// terms. Both hold with a weight as for [`BINARY_LOSS`].
pub const BINARY_PROBABILITY: [f64; 2] = [1.83, 0.52]; // measured 1.743, 0.500

/// The largest error of each focal loss, in ULP, for γ up to 5 and a weight as for
/// [`BINARY_LOSS`].
pub const FOCAL_LOSS: f64 = 1.45; // measured 1.383

/// The largest error of each element of the gradient of focal loss, in the unit of
/// [`BINARY_GRADIENT`].
pub const FOCAL_GRADIENT: f64 = 1.65; // measured 1.574
