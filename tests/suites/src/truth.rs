//! The true results of a case, by their definitions in f64.

use crate::case::Case;
use logits::contract;

/// A true value, and what the contract says of its error.
#[derive(Clone, Copy, Default)]
pub struct Truth {
    pub value: f64,
    /// The unit in the last place (ULP) that errors are measured in.
    unit: f64,
    /// The largest error where multiplication and addition are fused, and where not.
    pub bounds: [f64; 2],
    /// The row of the input that it belongs to, if not all do.
    pub row: Option<usize>,
}

impl Truth {
    fn new(value: f64, bound: f64, row: usize) -> Self {
        Self { value, unit: unit(value), bounds: [bound; 2], row: Some(row) }
    }

    /// In ULP; for infinities and NaN 0 or infinite.
    pub fn error(&self, found: f64) -> f64 {
        let nearest = self.value as f32;
        if nearest.is_finite() && found.is_finite() {
            return (found - self.value).abs() / self.unit;
        }
        let is_same = found as f32 == nearest || (found.is_nan() && nearest.is_nan());
        if is_same { 0.0 } else { f64::INFINITY }
    }
}

/// The distance between neighbouring `f32` at the size of `x`.
fn unit(x: f64) -> f64 {
    let size = x.abs().min(f32::MAX.into()).max(f32::MIN_POSITIVE.into());
    libm::ldexp(1.0, libm::ilogb(size) - 23)
}

/// The true values, in the order of those that the suite expects.
pub fn truth(case: &Case) -> Vec<Truth> {
    let x: Vec<f64> = case.x.iter().map(|x| f64::from(*x)).collect();
    let row = |row| &x[row * case.columns..][..case.columns];
    let rows = |f: fn(&[f64], usize) -> f64, bound| -> Vec<_> {
        let places = (0..x.len()).map(|i| (i / case.columns, i % case.columns));
        places.map(|(i, column)| Truth::new(f(row(i), column), bound, i)).collect()
    };
    if let Some((_, name, _, f)) = case.elementwise() {
        let contract = contract::ELEMENTWISE.iter().find(|row| row.name == *name).expect(name);
        let bounds = [contract.fused.ulp, contract.unfused.ulp];
        let each = x.iter().enumerate();
        return each.map(|(i, x)| Truth { bounds, ..Truth::new(f(*x), 0.0, i) }).collect();
    }
    match case.op {
        "Softmax" => rows(|x, at| libm::exp(log_softmax(x, at)), contract::SOFTMAX),
        "LogSoftmax" => rows(log_softmax, contract::LOG_SOFTMAX),
        "ReduceLogSumExp" => {
            let values = (0..case.rows).map(|i| (i, log_sum_exp(row(i))));
            let each = values.map(|(i, value)| Truth {
                unit: unit(value.abs().max(1.0)),
                ..Truth::new(value, contract::LOG_SUM_EXP, i)
            });
            each.collect()
        }
        "SoftmaxCrossEntropyLoss" => losses(case, &rows(log_softmax, 0.0)),
        op => panic!("no definition of {op}"),
    }
}

/// Where the largest element is.
fn largest(x: &[f64]) -> Option<usize> {
    (0..x.len()).max_by(|i, j| x[*i].total_cmp(&x[*j]))
}

/// ln Σ e^(x − max): by the terms of the others, so that no small one is lost.
fn rise(x: &[f64], top: usize) -> f64 {
    let others = x.iter().enumerate().filter(|(i, _)| *i != top);
    libm::log1p(others.map(|(_, value)| libm::exp(value - x[top])).sum())
}

fn log_softmax(x: &[f64], at: usize) -> f64 {
    let top = largest(x).unwrap_or(at);
    x[at] - x[top] - rise(x, top)
}

fn log_sum_exp(x: &[f64]) -> f64 {
    match largest(x) {
        Some(top) if x[top].is_finite() => x[top] + rise(x, top),
        // An infinity is its own logarithm of e^x.
        Some(top) => x[top],
        None => f64::NEG_INFINITY,
    }
}

/// The losses of rows, their sum or their mean.
fn losses(case: &Case, ln_p: &[Truth]) -> Vec<Truth> {
    let (mut each, mut weights) = (Vec::new(), 0.0);
    for (row, label) in case.labels.iter().enumerate() {
        let mut loss = 0.0;
        if Some(*label) != case.ignored {
            let label = usize::try_from(*label).expect("a class");
            let weight = case.weights.get(label).map_or(1.0, |weight| f64::from(*weight));
            loss = -weight * ln_p[row * case.columns + label].value;
            weights += weight;
        }
        each.push(Truth::new(loss, contract::LOSS, row));
    }
    // A mean also rounds the sum of the weights and the quotient.
    let (divisor, roundings) = match case.reduction {
        "sum" => (1.0, 0.0),
        "mean" => (weights, 2.0),
        _ => return each,
    };
    let sum: f64 = each.iter().map(|loss| loss.value).sum();
    let error: f64 = each.iter().map(|loss| contract::LOSS * loss.unit).sum();
    let bound = (error + unit(sum)) / divisor / unit(sum / divisor) + roundings;
    vec![Truth { row: None, ..Truth::new(sum / divisor, bound, 0) }]
}
