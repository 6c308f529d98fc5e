//! Functions of this crate and of CMSIS-DSP, each with its exact results.

use crate::dsp;
use libm::{exp, log, log1p};

pub struct Input<'a> {
    /// Scores.
    pub x: &'a [f32],
    /// Other scores.
    pub y: &'a [f32],
    /// The softmax of x, and that of y.
    pub p: &'a [f32],
    pub q: &'a [f32],
    /// A distribution close to p.
    pub close: &'a [f32],
}

/// Writes results, one for each element or one, to a slice as long as the row.
type Call = fn(&Input<'_>, &mut [f32]) -> Result<(), logits::Error>;
/// Writes exact results. If there is only one, returns the number in whose ULP its error is.
type Exact = fn(&Input<'_>, &mut [f64]) -> Option<f64>;

pub struct Function {
    pub name: &'static str,
    pub library: &'static str,
    pub call: Call,
    pub exact: Exact,
}

const fn ours(name: &'static str, call: Call, exact: Exact) -> Function {
    Function { name, library: "logits", call, exact }
}

const fn cmsis(name: &'static str, call: Call, exact: Exact) -> Function {
    Function { name, library: "CMSIS-DSP", call, exact }
}

pub const COUNT: usize = 16;

pub static FUNCTIONS: [Function; COUNT] = [
    ours("exp", |i, out| logits::exp(i.x, out), |i, out| each(i.x, out, exp)),
    cmsis("exp", |i, out| done(dsp::exp(i.x, out)), |i, out| each(i.x, out, exp)),
    ours("ln", |i, out| logits::ln(i.p, out), |i, out| each(i.p, out, log)),
    cmsis("ln", |i, out| done(dsp::ln(i.p, out)), |i, out| each(i.p, out, log)),
    ours("softmax", |i, out| logits::softmax(i.x, out), |i, out| softmax(i.x, out)),
    cmsis("softmax", |i, out| done(dsp::softmax(i.x, out)), |i, out| softmax(i.x, out)),
    ours("log_sum_exp", |i, out| one(out, logits::log_sum_exp(i.x)), log_sum_exp),
    cmsis("log_sum_exp", |i, out| one(out, dsp::log_sum_exp(i.x)), log_sum_exp),
    ours("log_dot_exp", |i, out| one(out, logits::log_dot_exp(i.x, i.y)?), log_dot_exp),
    cmsis(
        "log_dot_exp",
        |i, out| {
            let result = dsp::log_dot_exp(i.x, i.y, out);
            one(out, result)
        },
        log_dot_exp,
    ),
    ours("entropy", |i, out| one(out, logits::entropy(i.p)), entropy),
    cmsis("entropy", |i, out| one(out, dsp::entropy(i.p)), entropy),
    ours(
        "kl_divergence",
        |i, out| one(out, logits::kl_divergence(i.p, i.q)?),
        |i, out| divergence(i.p, i.q, 1.0, out),
    ),
    cmsis(
        "kl_divergence",
        |i, out| one(out, dsp::kl_divergence(i.p, i.q)),
        |i, out| divergence(i.p, i.q, 0.0, out),
    ),
    ours(
        "kl_divergence, close",
        |i, out| one(out, logits::kl_divergence(i.p, i.close)?),
        |i, out| divergence(i.p, i.close, 1.0, out),
    ),
    cmsis(
        "kl_divergence, close",
        |i, out| one(out, dsp::kl_divergence(i.p, i.close)),
        |i, out| divergence(i.p, i.close, 0.0, out),
    ),
];

#[allow(clippy::unnecessary_wraps)] // a Call can fail
fn done((): ()) -> Result<(), logits::Error> {
    Ok(())
}

fn one(out: &mut [f32], result: f32) -> Result<(), logits::Error> {
    if let Some(out) = out.first_mut() {
        *out = result;
    }
    Ok(())
}

fn each(x: &[f32], out: &mut [f64], f: fn(f64) -> f64) -> Option<f64> {
    for (out, x) in out.iter_mut().zip(x) {
        *out = f(f64::from(*x));
    }
    None
}

fn pairs(a: &[f32], b: &[f32]) -> impl Iterator<Item = (f64, f64)> + Clone {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a), f64::from(*b)))
}

/// ln Σ e^x, of scores whose exponentials are finite in f64 after the first is subtracted.
fn log_of_sum(mut x: impl Iterator<Item = f64> + Clone) -> f64 {
    let first = x.clone().next().unwrap_or(0.0);
    first + log(x.by_ref().map(|x| exp(x - first)).sum())
}

pub fn softmax(x: &[f32], out: &mut [f64]) -> Option<f64> {
    let x = x.iter().map(|x| f64::from(*x));
    let sum = log_of_sum(x.clone());
    for (out, x) in out.iter_mut().zip(x) {
        *out = exp(x - sum);
    }
    None
}

fn log_sum_exp(input: &Input<'_>, out: &mut [f64]) -> Option<f64> {
    let out = out.first_mut()?;
    *out = log_of_sum(input.x.iter().map(|x| f64::from(*x)));
    Some(out.abs().max(1.0))
}

fn log_dot_exp(input: &Input<'_>, out: &mut [f64]) -> Option<f64> {
    let out = out.first_mut()?;
    *out = log_of_sum(pairs(input.x, input.y).map(|(a, b)| a + b));
    Some(out.abs().max(1.0))
}

fn entropy(input: &Input<'_>, out: &mut [f64]) -> Option<f64> {
    let out = out.first_mut()?;
    *out = input.p.iter().map(|p| f64::from(*p)).map(|p| -p * log(p)).sum();
    Some(*out)
}

/// Σ (p·ln(p/q) + c·(q − p)). The sums of p and q are 1 but for rounding, which has no influence
/// if c is 1. This crate has c = 1, and CMSIS-DSP has c = 0, which may be nearer to 0: the errors of
/// both are in ULP of the result for c = 1.
fn divergence(p: &[f32], q: &[f32], c: f64, out: &mut [f64]) -> Option<f64> {
    let term = |c: f64, (p, q): (f64, f64)| {
        let close = q > 0.5 * p && q < 2.0 * p;
        let ratio = if close { log1p((q - p) / p) } else { log(q / p) };
        c * (q - p) - p * ratio
    };
    *out.first_mut()? = pairs(p, q).map(|pair| term(c, pair)).sum();
    Some(pairs(p, q).map(|pair| term(1.0, pair)).sum())
}
