//! candle: `candle-core` and `candle-nn` on the CPU.

use crate::{Bind, Bound, Call, Input};
use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::{loss, ops};

pub const FUNCTIONS: [(&str, Bind); 8] = [
    ("exp", |input| of(input, Tensor::exp)),
    ("ln", |input| of(input, Tensor::log)),
    ("sigmoid", |input| of(input, ops::sigmoid)),
    ("softmax", |input| of(input, ops::softmax_last_dim)),
    ("log_softmax", |input| of(input, |x| ops::log_softmax(x, D::Minus1))),
    ("log_sum_exp", |input| of(input, |x| x.log_sum_exp(D::Minus1))),
    ("loss", |input| {
        let labels = labels(input);
        let rows = input.rows as f64;
        // The mean, and so their sum by the number of rows.
        of(input, move |x| loss::cross_entropy(x, &labels)?.affine(rows, 0.0))
    }),
    ("loss_and_gradient", |input| {
        let (labels, rows) = (labels(input), input.rows as f64);
        of(input, move |x| {
            let x = Var::from_tensor(x)?;
            let loss = loss::cross_entropy(&x, &labels)?.affine(rows, 0.0)?;
            let gradient = loss.backward()?.remove(&x);
            gradient.ok_or_else(|| candle_core::Error::Msg("no gradient".into()))
        })
    }),
];

fn labels(input: &Input) -> Tensor {
    Tensor::from_slice(&input.labels, input.rows, &Device::Cpu).expect("a label a row")
}

fn of(input: &Input, function: impl Fn(&Tensor) -> Result<Tensor> + 'static) -> Box<dyn Call> {
    let shape = (input.rows, input.columns);
    Box::new(Bound {
        x: Tensor::from_slice(&input.x, shape, &Device::Cpu).expect("a matrix"),
        function: move |x: &Tensor| function(x).expect("candle has no error here"),
        read: |result: Tensor| {
            result.flatten_all().and_then(|all| all.to_vec1()).expect("numbers in f32")
        },
    })
}
