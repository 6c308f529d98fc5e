//! What each function promises: its largest error and its special values.
//!
//! Tests, fuzz targets and documentation read this table; nothing repeats its
//! figures by hand. Errors are in units in the last place (ULP): the distance
//! of neighbouring `f32` at the size of the exact result, 2⁻¹⁴⁹ for subnormals.
//! Each figure is the measured maximum and a margin of at most 5%.
//!
//! ```
//! for row in logits::contract::ELEMENTWISE {
//!     println!("{}: at most {} ULP", row.name, row.ulp);
//! }
//! ```

/// The promise of one elementwise function.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Elementwise {
    /// The function's name.
    pub name: &'static str,
    /// The largest error, in ULP, for every input and on every backend.
    pub ulp: f64,
    /// Inputs and their exact results, signs of zero included; a NaN means any
    /// NaN.
    pub special: &'static [(f32, f32)],
}

const INFINITY: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// The elementwise functions.
pub const ELEMENTWISE: [Elementwise; 3] = [
    Elementwise {
        name: "exp",
        ulp: 0.79, // measured 0.764
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
        name: "ln",
        ulp: 0.91, // measured 0.888, without FMA; 0.781 with
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
        name: "sigmoid",
        ulp: 1.12, // measured 1.093, without FMA; 0.785 with
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
];

/// The largest error of each softmax output, in ULP.
pub const SOFTMAX: f64 = 1.84; // measured 1.76

/// The largest error of log-sum-exp, in ULP of the larger of 1 and the result.
pub const LOG_SUM_EXP: f64 = 1.0; // measured 0.960

/// The largest error of each log-softmax output, in ULP of the largest of 1,
/// the result, and the logarithm of the sum.
pub const LOG_SOFTMAX: f64 = 1.34; // measured 1.290

/// The largest error of a row's cross-entropy loss, in ULP, however confident
/// the answer.
pub const LOSS: f64 = 1.8; // measured 1.731

/// The largest error of each element of the loss's gradient, in ULP.
pub const GRADIENT: f64 = 1.56; // measured 1.502

/// The largest error of entropy, cross-entropy and divergence, in ULP of the
/// sum of the magnitudes of their terms, each that is not 0 counting
/// 2⁻¹²⁶ more; those of divergence are p·ln(p/q), q − p and p.
pub const DISTRIBUTION: f64 = 1.9; // measured 1.827
