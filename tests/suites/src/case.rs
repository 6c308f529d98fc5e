//! A case of a suite, and how a user would compute it.

use logits::loss::CrossEntropy;
use logits::{Backend, Error, Rows, RowsMut};
use std::collections::HashMap;
use std::fmt::Debug;
use std::str::FromStr;

/// What the suite gives and expects. The names of operators and options are ONNX's.
pub struct Case<'a> {
    pub suite: &'a str,
    pub name: &'a str,
    pub op: &'a str,
    pub expected: Vec<f64>,
    /// How far the suite lets a result be from that: so many `f32` on, as
    /// `numpy.testing.assert_array_max_ulp`, or ...
    ulp: Option<u32>,
    /// ... by atol + rtol·|expected|, as `numpy.testing.assert_allclose`.
    close: Vec<f64>,
    /// The input by rows, along the axes that the function is of.
    pub x: Vec<f32>,
    pub rows: usize,
    pub columns: usize,
    pub labels: Vec<i64>,
    pub ignored: Option<i64>,
    pub weights: Vec<f32>,
    pub reduction: &'a str,
}

/// ONNX's name, the crate's, the function, and its definition.
type Elementwise = (
    &'static str,
    &'static str,
    fn(Backend, &[f32], &mut [f32]) -> Result<(), Error>,
    fn(f64) -> f64,
);

const ELEMENTWISE: [Elementwise; 6] = [
    ("Exp", "exp", Backend::exp, libm::exp),
    ("ExpM1", "exp_m1", Backend::exp_m1, libm::expm1),
    ("Log", "ln", Backend::ln, libm::log),
    ("Log1P", "ln_1p", Backend::ln_1p, libm::log1p),
    ("Sigmoid", "sigmoid", Backend::sigmoid, |x| 1.0 / (1.0 + libm::exp(-x))),
    ("Softplus", "softplus", Backend::softplus, |x| x.max(0.0) + libm::log1p(libm::exp(-x.abs()))),
];

impl<'a> Case<'a> {
    /// From `key=value` pairs; a list has commas.
    pub fn new(line: &'a str) -> Self {
        let fields: HashMap<_, _> =
            line.split(' ').filter_map(|field| field.split_once('=')).collect();
        let text = |key| fields.get(key).copied().unwrap_or_default();
        fn list<T: FromStr<Err: Debug>>(text: &str) -> Vec<T> {
            let numbers = text.split(',').filter(|number| !number.is_empty());
            numbers.map(|number| number.parse().expect(text)).collect()
        }
        Self {
            suite: text("suite"),
            name: text("name"),
            op: text("op"),
            expected: list(text("expected")),
            ulp: list(text("ulp")).pop(),
            close: list(text("close")),
            x: list(text("x")),
            rows: list(text("rows"))[0],
            columns: list(text("columns"))[0],
            labels: list(text("labels")),
            ignored: list(text("ignored")).pop(),
            weights: list(text("weights")),
            reduction: text("reduction"),
        }
    }

    pub fn elementwise(&self) -> Option<&'static Elementwise> {
        ELEMENTWISE.iter().find(|function| function.0 == self.op)
    }

    /// The crate's results, in the order of `expected`.
    pub fn run(&self, backend: Backend) -> Result<Vec<f32>, Error> {
        let (mut all, mut each) = (vec![0.0; self.x.len()], vec![0.0; self.rows]);
        if let Some((_, _, map, _)) = self.elementwise() {
            return map(backend, &self.x, &mut all).map(|()| all);
        }
        if self.columns == 0 {
            // Data of no elements has no rows, but the suite wants results.
            return Ok(vec![backend.log_sum_exp(&[]); self.rows]);
        }
        let (x, out) = (Rows::new(&self.x, self.columns)?, RowsMut::new(&mut all, self.columns)?);
        match self.op {
            "Softmax" => backend.rows_softmax(x, out).map(|()| all),
            "LogSoftmax" => backend.rows_log_softmax(x, out).map(|()| all),
            "ReduceLogSumExp" => backend.rows_log_sum_exp(x, &mut each).map(|()| each),
            "SoftmaxCrossEntropyLoss" => {
                let mut f = CrossEntropy::new().on(backend);
                if let Some(label) = self.ignored {
                    f = f.ignored_label(label);
                }
                if !self.weights.is_empty() {
                    f = f.class_weights(&self.weights);
                }
                let loss = f.losses(x, &self.labels, &mut each)?;
                Ok(match self.reduction {
                    "none" => each,
                    "sum" => vec![loss.sum],
                    _ => vec![loss.mean()],
                })
            }
            op => panic!("no function for {op}"),
        }
    }

    /// Whether the suite accepts a result.
    pub fn accepts(&self, found: f32, expected: f64) -> bool {
        // Neighbouring numbers have neighbouring places.
        let place =
            |x: f32| if x < 0.0 { -i64::from(x.abs().to_bits()) } else { x.abs().to_bits().into() };
        let wide = f64::from(found);
        if wide.is_nan() || expected.is_nan() {
            wide.is_nan() && expected.is_nan()
        } else if let Some(ulp) = self.ulp {
            place(found).abs_diff(place(expected as f32)) <= ulp.into()
        } else {
            wide == expected
                || (wide - expected).abs() <= self.close[0] * expected.abs() + self.close[1]
                    && expected.is_finite()
        }
    }
}
