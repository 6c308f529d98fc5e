//! `logits` itself, as a contender.

use crate::function::{SCALE, SMOOTHING, TEMPERATURE};
use crate::{Input, Isa, Peer};
use logits::kernel::{
    self, BinaryLoss, Entropy, KlDivergence, LabelLoss, LogSoftmax, Map, OnScores, RowFunction,
    RowMap, RowsLogSumExp, ScaledSoftmax, Scores, SmoothLoss, SoftLoss, Softmax,
};
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Error, Rows, RowsMut};

/// The function on each backend, the best one first.
pub fn ours(function: &str) -> Vec<Peer> {
    match function {
        "exp" => elementwise(kernel::Exp),
        "exp_m1" => elementwise(kernel::ExpM1),
        "ln" => elementwise(kernel::Ln),
        "ln_1p" => elementwise(kernel::Ln1p),
        "sigmoid" => elementwise(kernel::Sigmoid),
        "log_sigmoid" => elementwise(kernel::LogSigmoid),
        "softplus" => elementwise(kernel::Softplus),
        "softmax" => rows(Softmax::new()),
        "log_softmax" => rows(LogSoftmax::new()),
        "scaled_softmax" => on_each(|backend, input, out| {
            let (x, out) = (matrix(input), matrix_mut(input, out));
            backend.run(ScaledSoftmax::new(SCALE, x, out).unwrap());
        }),
        "log_sum_exp" => on_each(|backend, input, out| {
            backend.run(RowsLogSumExp::new(matrix(input), out).unwrap());
        }),
        "loss" => on_each(|backend, input, out| {
            let scores = Scores::new(matrix(input));
            let kernel = LabelLoss::new(CrossEntropy::new(), scores, input.labels);
            out[0] = backend.run(kernel.unwrap()).sum;
        }),
        "loss_and_gradient" => on_each(|backend, input, out| {
            let (x, gradient) = (matrix(input), matrix_mut(input, out));
            let scores = Scores::with_gradient(x, gradient).unwrap();
            backend.run(LabelLoss::new(CrossEntropy::new(), scores, input.labels).unwrap());
        }),
        "smooth_loss_and_gradient" => on_each(|backend, input, out| {
            let (x, gradient) = (matrix(input), matrix_mut(input, out));
            let scores = Scores::with_gradient(x, gradient).unwrap();
            let loss = CrossEntropy::new().label_smoothing(SMOOTHING);
            backend.run(SmoothLoss::new(loss, scores, input.labels).unwrap());
        }),
        "cold_loss_and_gradient" => on_each(|backend, input, out| {
            let (x, gradient) = (matrix(input), matrix_mut(input, out));
            let scores = Scores::with_gradient(x, gradient).unwrap();
            let loss = CrossEntropy::new().temperature(TEMPERATURE);
            backend.run(LabelLoss::new(loss, scores, input.labels).unwrap());
        }),
        "soft_loss_and_gradient" => on_each(|backend, input, out| {
            let (x, gradient) = (matrix(input), matrix_mut(input, out));
            let scores = Scores::with_gradient(x, gradient).unwrap();
            let targets = Rows::new(input.y, input.shape.columns).unwrap();
            backend.run(SoftLoss::new(CrossEntropy::new(), scores, targets).unwrap());
        }),
        "binary_loss_and_gradient" => on_each(|backend, input, out| {
            let function = OnScores::new(BinaryCrossEntropy::new()).unwrap();
            backend.run(BinaryLoss::with_gradient(function, input.x, input.y, out).unwrap());
        }),
        "entropy" => on_each(|backend, input, out| out[0] = backend.run(Entropy::new(input.x))),
        "kl_divergence" => on_each(|backend, input, out| {
            out[0] = backend.run(KlDivergence::new(input.x, input.y).unwrap());
        }),
        _ => vec![],
    }
}

/// The function as users call it, if it is elementwise.
pub fn public(function: &str) -> Option<Peer> {
    Some(match function {
        "exp" => call(logits::exp),
        "exp_m1" => call(logits::exp_m1),
        "ln" => call(logits::ln),
        "ln_1p" => call(logits::ln_1p),
        "sigmoid" => call(logits::sigmoid),
        "log_sigmoid" => call(logits::log_sigmoid),
        "softplus" => call(logits::softplus),
        _ => return None,
    })
}

fn call(f: impl Fn(&[f32], &mut [f32]) -> Result<(), Error> + Send + 'static) -> Peer {
    Peer::new("logits", Isa::Avx512, move |x, out| f(x, out).unwrap())
}

fn on_each(call: impl Fn(Backend, Input, &mut [f32]) + Copy + Send + 'static) -> Vec<Peer> {
    let on = |backend: Backend| {
        let isa = match backend.name() {
            "avx512" => Isa::Avx512,
            "avx2" => Isa::Avx2,
            _ => Isa::Sse2,
        };
        let name = format!("logits {}", backend.name());
        Peer::of_rows(name, isa, move |input, out| call(backend, input, out))
    };
    Backend::available().map(on).collect()
}

fn elementwise(f: impl kernel::Function + Send + 'static) -> Vec<Peer> {
    on_each(move |backend, input, out| backend.run(Map::new(f, input.x, out).unwrap()))
}

fn rows(f: impl RowFunction + Copy + Send + 'static) -> Vec<Peer> {
    on_each(move |backend, input, out| {
        backend.run(RowMap::new(f, matrix(input), matrix_mut(input, out)).unwrap());
    })
}

fn matrix(input: Input) -> Rows {
    Rows::new(input.x, input.shape.columns).unwrap()
}

fn matrix_mut<'a>(input: Input, out: &'a mut [f32]) -> RowsMut<'a> {
    RowsMut::new(out, input.shape.columns).unwrap()
}
