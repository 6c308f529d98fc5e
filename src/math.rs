//! Formulas over lanes: method, error, and the script behind each coefficient.

pub(crate) mod exp;
pub(crate) mod ln;
pub(crate) mod polynomial;
pub(crate) mod sigmoid;
pub(crate) mod words;
