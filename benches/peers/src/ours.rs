//! `logits` itself, as a contender.

use crate::function::{SCALE, SMOOTHING, TEMPERATURE};
use crate::{Input, Isa, Peer};
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Error, Rows, RowsMut, Softmax};

/// The function on each backend, the best one first.
pub fn ours(function: &str) -> Vec<Peer> {
    match function {
        "exp" => elementwise(Backend::exp),
        "exp_m1" => elementwise(Backend::exp_m1),
        "ln" => elementwise(Backend::ln),
        "ln_1p" => elementwise(Backend::ln_1p),
        "sigmoid" => elementwise(Backend::sigmoid),
        "log_sigmoid" => elementwise(Backend::log_sigmoid),
        "softplus" => elementwise(Backend::softplus),
        "softmax" => rows(Backend::rows_softmax),
        "log_softmax" => rows(Backend::rows_log_softmax),
        "scaled_softmax" => on_each(|backend, input, out| {
            let (x, out) = (matrix(input), matrix_mut(input, out));
            Softmax::new().scale(SCALE).on(backend).softmax_rows(x, out).unwrap();
        }),
        "log_sum_exp" => on_each(|backend, input, out| {
            backend.rows_log_sum_exp(matrix(input), out).unwrap();
        }),
        "loss" => on_each(|backend, input, out| {
            let loss = CrossEntropy::new().on(backend);
            out[0] = loss.loss(matrix(input), input.labels).unwrap().sum;
        }),
        "loss_and_gradient" => loss_and_gradient(CrossEntropy::new()),
        "smooth_loss_and_gradient" => {
            loss_and_gradient(CrossEntropy::new().label_smoothing(SMOOTHING))
        }
        "cold_loss_and_gradient" => loss_and_gradient(CrossEntropy::new().temperature(TEMPERATURE)),
        "soft_loss_and_gradient" => on_each(|backend, input, out| {
            let (x, gradient) = (matrix(input), matrix_mut(input, out));
            let targets = Rows::new(input.y, input.shape.columns).unwrap();
            CrossEntropy::new().on(backend).loss_and_gradient_soft(x, targets, gradient).unwrap();
        }),
        "binary_loss_and_gradient" => on_each(|backend, input, out| {
            let loss = BinaryCrossEntropy::new().on(backend);
            loss.loss_and_gradient(input.x, input.y, out).unwrap();
        }),
        "entropy" => on_each(|backend, input, out| out[0] = backend.entropy(input.x)),
        "kl_divergence" => on_each(|backend, input, out| {
            out[0] = backend.kl_divergence(input.x, input.y).unwrap();
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

fn loss_and_gradient(loss: CrossEntropy<'static>) -> Vec<Peer> {
    on_each(move |backend, input, out| {
        let (x, gradient) = (matrix(input), matrix_mut(input, out));
        loss.on(backend).loss_and_gradient(x, input.labels, gradient).unwrap();
    })
}

type Elementwise = fn(Backend, &[f32], &mut [f32]) -> Result<(), Error>;

fn elementwise(f: Elementwise) -> Vec<Peer> {
    on_each(move |backend, input, out| f(backend, input.x, out).unwrap())
}

fn rows(f: fn(Backend, Rows<'_>, RowsMut<'_>) -> Result<(), Error>) -> Vec<Peer> {
    on_each(move |backend, input, out| {
        f(backend, matrix(input), matrix_mut(input, out)).unwrap();
    })
}

fn matrix(input: Input) -> Rows {
    Rows::new(input.x, input.shape.columns).unwrap()
}

fn matrix_mut<'a>(input: Input, out: &'a mut [f32]) -> RowsMut<'a> {
    RowsMut::new(out, input.shape.columns).unwrap()
}
