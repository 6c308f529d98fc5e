//! Formulas over lanes: method, error, and the script behind each coefficient.

pub(crate) mod exp;
pub(crate) mod exp_m1;
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
pub(crate) mod words;

use crate::simd::Lanes;

/// A function of one element, for every lane alike.
pub(crate) trait Function {
    /// The function's value.
    fn apply<V: Lanes>(x: V) -> V;
}
