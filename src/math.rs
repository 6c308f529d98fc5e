//! Formulas over lanes: method, error, and the script behind each coefficient.

pub(crate) mod exp;
pub(crate) mod exp_m1;
pub(crate) mod ln;
pub(crate) mod ln_1p;
pub(crate) mod logistic;
pub(crate) mod polynomial;
pub(crate) mod shifted_exp;
pub(crate) mod sigmoid;
pub(crate) mod softplus;
pub(crate) mod tanh;
pub(crate) mod words;
