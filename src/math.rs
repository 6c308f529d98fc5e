//! Formulas over lanes: method, error, and the script behind each coefficient.

pub(crate) mod double_word;
pub(crate) mod exp;
pub(crate) mod exp_m1;
pub(crate) mod fixed_exp;
pub(crate) mod fixed_point;
pub(crate) mod integer;
pub(crate) mod integer_divergence;
pub(crate) mod integer_ln;
pub(crate) mod integer_sum;
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
