//! The functions, of this crate and as one would write them with others.

use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Rows, RowsMut, rows};

pub struct Input<'a> {
    /// Scores.
    pub x: &'a [f32],
    /// Their softmax.
    pub p: &'a [f32],
    /// The same in reverse.
    pub q: &'a [f32],
}

pub struct Function {
    pub name: &'static str,
    pub library: &'static str,
    pub call: fn(&Input<'_>, &mut [f32]) -> Option<f32>,
}

type Call = fn(&Input<'_>, &mut [f32]) -> Option<f32>;

const fn ours(name: &'static str, call: Call) -> Function {
    Function { name, library: "logits", call }
}

/// The exponential and the logarithm that loops of others call.
trait Math {
    fn exp(x: f32) -> f32;
    fn ln(x: f32) -> f32;
}

struct Libm;

impl Math for Libm {
    fn exp(x: f32) -> f32 {
        libm::expf(x)
    }

    fn ln(x: f32) -> f32 {
        libm::logf(x)
    }
}

struct Micromath;

impl Math for Micromath {
    fn exp(x: f32) -> f32 {
        micromath::F32(x).exp().0
    }

    fn ln(x: f32) -> f32 {
        micromath::F32(x).ln().0
    }
}

/// The functions, each beside what takes its place.
pub static FUNCTIONS: [Function; 34] = [
    ours("exp", |i, out| done(logits::exp(i.x, out))),
    libm("exp", |i, out| each(i.x, out, Libm::exp)),
    micromath("exp", |i, out| each(i.x, out, Micromath::exp)),
    ours("exp_m1", |i, out| done(logits::exp_m1(i.x, out))),
    libm("exp_m1", |i, out| each(i.x, out, libm::expm1f)),
    ours("ln", |i, out| done(logits::ln(i.p, out))),
    libm("ln", |i, out| each(i.p, out, Libm::ln)),
    micromath("ln", |i, out| each(i.p, out, Micromath::ln)),
    ours("sigmoid", |i, out| done(logits::sigmoid(i.x, out))),
    libm("sigmoid", |i, out| each(i.x, out, sigmoid::<Libm>)),
    micromath("sigmoid", |i, out| each(i.x, out, sigmoid::<Micromath>)),
    ours("softplus", |i, out| done(logits::softplus(i.x, out))),
    libm("softplus", |i, out| each(i.x, out, |x| x.max(0.0) + libm::log1pf(libm::expf(-x.abs())))),
    ours("softmax", |i, out| done(logits::softmax(i.x, out))),
    libm("softmax", softmax::<Libm>),
    micromath("softmax", softmax::<Micromath>),
    ours("log_sum_exp", |i, _| Some(logits::log_sum_exp(i.x))),
    libm("log_sum_exp", |i, _| Some(log_sum_exp::<Libm>(i.x))),
    micromath("log_sum_exp", |i, _| Some(log_sum_exp::<Micromath>(i.x))),
    ours("log_softmax", |i, out| done(logits::log_softmax(i.x, out))),
    libm("log_softmax", log_softmax::<Libm>),
    micromath("log_softmax", log_softmax::<Micromath>),
    ours("loss_and_gradient", |i, out| {
        let (x, n) = (Rows::new(i.x, i.x.len()).ok()?, i.x.len());
        let gradient = RowsMut::new(out, n).ok()?;
        let loss = CrossEntropy::new().loss_and_gradient(x, &[n as u32 / 2], gradient);
        loss.ok().map(|loss| loss.sum)
    }),
    libm("loss_and_gradient", loss_and_gradient::<Libm>),
    micromath("loss_and_gradient", loss_and_gradient::<Micromath>),
    ours("binary loss_and_gradient", |i, out| {
        let loss = BinaryCrossEntropy::new().loss_and_gradient(i.x, i.p, out);
        loss.ok().map(|loss| loss.sum)
    }),
    ours("entropy", |i, _| Some(logits::entropy(i.p))),
    libm("entropy", |i, _| Some(entropy::<Libm>(i.p))),
    ours("kl_divergence", |i, _| logits::kl_divergence(i.p, i.q).ok()),
    libm("kl_divergence", |i, _| Some(pairs(i, kl_term::<Libm>))),
    ours("js_divergence", |i, _| logits::js_divergence(i.p, i.q).ok()),
    libm("js_divergence", |i, _| {
        Some(pairs(i, |p, q| {
            let mean = (p + q) * 0.5;
            0.5 * (kl_term::<Libm>(p, mean) + kl_term::<Libm>(q, mean))
        }))
    }),
    ours("entropy_of_scores", |i, _| {
        let mut out = [0.0];
        rows::entropy_of_scores(Rows::new(i.x, i.x.len()).ok()?, &mut out).ok()?;
        out.first().copied()
    }),
    ours("kl_divergence_of_scores", |i, _| {
        let (mut out, n) = ([0.0], i.x.len());
        let (x, p) = (Rows::new(i.x, n).ok()?, Rows::new(i.p, n).ok()?);
        rows::kl_divergence_of_scores(x, p, &mut out).ok()?;
        out.first().copied()
    }),
];

const fn libm(name: &'static str, call: Call) -> Function {
    Function { name, library: "libm", call }
}

const fn micromath(name: &'static str, call: Call) -> Function {
    Function { name, library: "micromath", call }
}

fn done(result: Result<(), logits::Error>) -> Option<f32> {
    result.ok().map(|()| 0.0)
}

fn each(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) -> Option<f32> {
    for (out, x) in out.iter_mut().zip(x) {
        *out = f(*x);
    }
    Some(0.0)
}

fn sigmoid<M: Math>(x: f32) -> f32 {
    1.0 / (1.0 + M::exp(-x))
}

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(f32::NEG_INFINITY, |most, x| if *x > most { *x } else { most })
}

fn softmax<M: Math>(input: &Input<'_>, out: &mut [f32]) -> Option<f32> {
    let (most, mut sum) = (largest(input.x), 0.0);
    for (out, x) in out.iter_mut().zip(input.x) {
        *out = M::exp(x - most);
        sum += *out;
    }
    for out in out {
        *out /= sum;
    }
    Some(sum)
}

fn log_sum_exp<M: Math>(x: &[f32]) -> f32 {
    let most = largest(x);
    most + M::ln(x.iter().map(|x| M::exp(x - most)).sum())
}

fn log_softmax<M: Math>(input: &Input<'_>, out: &mut [f32]) -> Option<f32> {
    let sum = log_sum_exp::<M>(input.x);
    each(input.x, out, |x| x - sum)
}

fn loss_and_gradient<M: Math>(input: &Input<'_>, out: &mut [f32]) -> Option<f32> {
    let label = input.x.len() / 2;
    let sum = softmax::<M>(input, out)?;
    *out.get_mut(label)? -= 1.0;
    Some(largest(input.x) + M::ln(sum) - input.x.get(label)?)
}

fn entropy<M: Math>(p: &[f32]) -> f32 {
    -p.iter().map(|p| if *p > 0.0 { p * M::ln(*p) } else { 0.0 }).sum::<f32>()
}

fn pairs(input: &Input<'_>, term: impl Fn(f32, f32) -> f32) -> f32 {
    input.p.iter().zip(input.q).map(|(p, q)| term(*p, *q)).sum()
}

fn kl_term<M: Math>(p: f32, q: f32) -> f32 {
    if p > 0.0 { p * M::ln(p / q) } else { 0.0 }
}
