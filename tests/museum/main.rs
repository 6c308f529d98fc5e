//! A museum of defects: what other libraries got wrong, one test for each report, named by
//! project and number, on every backend.
//!
//! The comments give the symptom there and the right behaviour here. The right values are
//! those of `f64` or are derived by hand; the tolerances are those of `logits::contract`.
//!
//! Three reports of the list that the museum began with have no test, as their text could not be
//! found: pytorch 115417, tensorflow 60314 and XNNPACK 441.

mod cancellation;
#[path = "../common/mod.rs"]
mod common;
mod labels;
mod layout;
mod overflow;
mod special;

use common::{Elementwise, MapFunction, backends, elementwise, same, ulp, unit};
use logits::contract::{GRADIENT, LOSS};
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Rows, RowsMut};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// The elementwise function of this name.
fn function(name: &str) -> Elementwise {
    elementwise().into_iter().find(|case| case.contract.name == name).expect(name)
}

/// What a function that writes to a slice gives for `x`.
#[track_caller]
fn of(f: MapFunction, backend: Backend, x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.5; x.len()];
    f(backend, x, &mut out).unwrap();
    out
}

/// Asserts that an elementwise function keeps to the contract on every backend.
#[track_caller]
fn assert_function(name: &str, x: &[f32]) {
    let case = function(name);
    let exact: Vec<_> = x.iter().map(|&x| (case.exact)(f64::from(x))).collect();
    for backend in backends() {
        let bound = case.contract.error(backend).ulp;
        assert_close(&of(case.map, backend, x), &exact, bound, backend);
    }
}

/// Asserts the result of an elementwise function for each input, signs of zero included.
#[track_caller]
fn assert_special(name: &str, pairs: &[(f32, f32)]) {
    for backend in backends() {
        for &(x, y) in pairs {
            let found = of(function(name).map, backend, &[x])[0];
            assert!(same(found, y), "{name}({x:e}) is {found:e}, not {y:e}, on {backend:?}");
        }
    }
}

/// Asserts that results are within `bound` ULP of the exact ones.
#[track_caller]
fn assert_close(found: &[f32], exact: &[f64], bound: f64, backend: Backend) {
    assert_near(found, exact, exact, bound, backend);
}

/// Asserts that results are within `bound` ULP of `sizes` of the exact ones.
#[track_caller]
fn assert_near(found: &[f32], exact: &[f64], sizes: &[f64], bound: f64, backend: Backend) {
    assert_eq!([found.len(), sizes.len()], [exact.len(); 2]);
    for i in 0..found.len() {
        let (found, exact) = (found[i], exact[i]);
        let error = ulp(found, exact);
        let scale = if error == 0.0 || error.is_infinite() || exact.is_infinite() {
            1.0
        } else {
            unit(exact) / unit(sizes[i])
        };
        let error = error * scale;
        assert!(error <= bound, "[{i}] is {found:e}, not {exact:e}: {error} ULP on {backend:?}");
    }
}

/// The loss of one row and its gradient.
#[track_caller]
fn row_loss(of: CrossEntropy<'_>, scores: &[f32], label: i64) -> (f32, Vec<f32>) {
    let mut gradient = vec![0.5; scores.len()];
    let rows = Rows::new(scores, scores.len()).unwrap();
    let place = RowsMut::new(&mut gradient, scores.len()).unwrap();
    let loss = of.loss_and_gradient(rows, &[label], place).unwrap();
    let alone = of.loss(rows, &[label]).unwrap();
    assert!(same(loss.sum, alone.sum), "{loss:?} and {alone:?}");
    (loss.sum, gradient)
}

/// The loss of one row and its gradient in f64, from the scores of the other classes.
fn exact_loss(scores: &[f32], label: usize) -> (f64, Vec<f64>) {
    let loss = -common::log_softmax(scores)[label];
    let mut gradient = common::softmax(scores);
    gradient[label] = 0.0;
    gradient[label] = -common::sum(gradient.iter().copied());
    (loss, gradient)
}

/// Asserts the plain loss and gradient of one row.
#[track_caller]
fn assert_row_loss(scores: &[f32], label: usize) {
    let (loss, gradient) = exact_loss(scores, label);
    for backend in backends() {
        let found = row_loss(CrossEntropy::new().on(backend), scores, label as i64);
        assert_close(&[found.0], &[loss], LOSS, backend);
        assert_close(&found.1, &gradient, GRADIENT, backend);
    }
}

/// The loss of one score and its gradient.
#[track_caller]
fn binary(of: BinaryCrossEntropy, score: f32, target: f32) -> (f32, f32) {
    let mut gradient = [0.5];
    let loss = of.loss_and_gradient(&[score], &[target], &mut gradient).unwrap();
    (loss.sum, gradient[0])
}

/// The loss of one probability and its gradient.
#[track_caller]
fn binary_of_probability(of: BinaryCrossEntropy, p: f32, target: f32) -> (f32, f32) {
    let mut gradient = [0.5];
    let loss = of.loss_and_gradient_of_probabilities(&[p], &[target], &mut gradient).unwrap();
    (loss.sum, gradient[0])
}

/// Log-sum-exp of one row by every way to it.
#[track_caller]
fn log_sum_exp(backend: Backend, x: &[f32]) -> f32 {
    let found = backend.log_sum_exp(x);
    if !x.is_empty() {
        let mut row = [0.5];
        backend.rows_log_sum_exp(Rows::new(x, x.len()).unwrap(), &mut row).unwrap();
        assert!(same(row[0], found), "{found} and {} of rows on {backend:?}", row[0]);
    }
    found
}
