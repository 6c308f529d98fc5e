//! The functions under test, one line each.

use crate::oracle::{Formulas, Real, log_sigmoid, sigmoid, softplus};
use astro_float_num::BigFloat;
use logits::contract::{ELEMENTWISE, Elementwise};
use logits::{Backend, Error};

/// Runs one function on a backend.
pub type Run = fn(Backend, &[f32], &mut [f32]) -> Result<(), Error>;

/// One function with its oracle.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub run: Run,
    pub formulas: Formulas,
}

pub const FUNCTIONS: [Target; 7] = [
    target("exp", Backend::exp, f64::exp, Real::exp),
    target("exp_m1", Backend::exp_m1, f64::exp_m1, Real::exp_m1),
    target("ln", Backend::ln, f64::ln, Real::ln),
    target("ln_1p", Backend::ln_1p, f64::ln_1p, Real::ln_1p),
    target("sigmoid", Backend::sigmoid, sigmoid, Real::sigmoid),
    target("log_sigmoid", Backend::log_sigmoid, log_sigmoid, Real::log_sigmoid),
    target("softplus", Backend::softplus, softplus, Real::softplus),
];

const fn target(
    name: &'static str,
    run: Run,
    near: fn(f64) -> f64,
    exact: fn(&mut Real, &BigFloat) -> BigFloat,
) -> Target {
    Target { name, run, formulas: Formulas { near, exact } }
}

impl Target {
    /// What the function promises.
    pub fn contract(&self) -> Elementwise {
        let row = ELEMENTWISE.into_iter().find(|row| row.name == self.name);
        row.expect("every function has a contract")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contract_is_under_test() {
        let names = |rows: &[Elementwise]| rows.iter().map(|row| row.name).collect::<Vec<_>>();
        assert_eq!(names(&ELEMENTWISE), FUNCTIONS.map(|target| target.name));
    }
}
