//! Formulas over lanes: method, error, and the script behind each coefficient.

pub(crate) mod double_word;
pub(crate) mod exp;
pub(crate) mod exp_m1;
pub(crate) mod fixed_exp;
pub(crate) mod fixed_point;
pub(crate) mod ln;
pub(crate) mod ln_1p;
pub(crate) mod log_add_exp;
pub(crate) mod logistic;
pub(crate) mod polynomial;
pub(crate) mod shift;
pub(crate) mod shifted_exp;
pub(crate) mod sigmoid;
pub(crate) mod softplus;
pub(crate) mod tanh;

use crate::simd::Lanes;

/// A formula that is long, or in many passes.
pub(crate) trait Formula<V> {
    /// What it is of.
    type Arguments;
    /// What it gives.
    type Value;
    /// The formula.
    fn value(arguments: Self::Arguments) -> Self::Value;
}

/// The value of a formula: in place where lanes need instructions that a function of its own would
/// not be compiled for, by a call elsewhere. There, the same formulas in a dozen passes were half
/// of all code.
#[inline(always)]
pub(crate) fn value<V: Lanes, F: Formula<V>>(arguments: F::Arguments) -> F::Value {
    #[inline(never)]
    fn apart<V: Lanes, F: Formula<V>>(arguments: F::Arguments) -> F::Value {
        F::value(arguments)
    }
    if const { V::CALLS } { apart::<V, F>(arguments) } else { F::value(arguments) }
}

/// A function of one element, for every lane alike.
pub(crate) trait Function: Copy {
    /// The function's value.
    fn apply<V: Lanes>(self, x: V) -> V;
}
