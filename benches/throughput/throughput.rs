//! Elements per second of every function: groups `function/implementation/length`.
//!
//! `cargo bench --manifest-path benches/throughput/Cargo.toml` runs all;
//! `… -- softmax/avx2` one function on one backend, `… -- softmax/.*/1000$` one length on each.
//! `naive` is a plain loop with the standard library's functions. Compare figures of one run
//! only: other processes and the clock move them together.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use logits::loss::{BinaryCrossEntropy, CrossEntropy, Loss};
use logits::{Backend, Error, Rows, RowsMut};
use std::hint::black_box;
use std::time::Duration;

/// Of one vector: one element, a few, what the caches hold, and what they do not.
const LENGTHS: [usize; 9] = [1, 2, 10, 100, 1000, 1 << 14, 1 << 17, 1 << 20, 1 << 24];
/// Of many rows: how many there are, and their columns.
const SHAPES: [[usize; 2]; 7] = [
    [100_000, 2],
    [100_000, 10],
    [16_384, 100],
    [4096, 1000],
    [1024, 4096],
    [512, 32_000],
    [64, 128_256],
];

/// Scores as a network gives them, about normal with a deviation of 4; the same on every machine.
fn scores(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut uniform = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 - 0.5
    };
    // The deviation of a sum of six is √½.
    (0..n)
        .map(|_| (0..6).map(|_| uniform()).sum::<f32>() * 4.0 * std::f32::consts::SQRT_2)
        .collect()
}

fn group<'a>(
    c: &'a mut Criterion,
    name: &str,
) -> criterion::BenchmarkGroup<'a, criterion::measurement::WallTime> {
    let mut group = c.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(400));
    group
}

/// The plain loop for a function.
type Naive<'a> = Option<&'a dyn Fn(&[f32], &mut [f32]) -> f32>;

/// Measures a call over a vector of each length, on each backend and naively.
fn measure<O>(
    c: &mut Criterion,
    name: &str,
    call: impl Fn(Backend, &[f32], &mut [f32]) -> O,
    naive: Naive<'_>,
) {
    let mut group = group(c, name);
    for n in LENGTHS {
        let mut x = scores(n);
        if name.starts_with("ln") {
            x.iter_mut().for_each(|x| *x = x.abs());
        }
        let mut out = vec![0.0; n];
        group.throughput(Throughput::Elements(n as u64));
        for backend in Backend::available() {
            group.bench_function(BenchmarkId::new(backend.name(), n), |b| {
                b.iter(|| black_box(call(backend, black_box(&x), black_box(&mut out))));
            });
        }
        if let Some(naive) = naive {
            group.bench_function(BenchmarkId::new("naive", n), |b| {
                b.iter(|| black_box(naive(black_box(&x), black_box(&mut out))));
            });
        }
    }
    group.finish();
}

/// Half of a row is masked, as in attention that does not look ahead.
fn masked(row: &mut [f32]) {
    let half = row.len().div_ceil(2);
    row[half..].fill(f32::NEG_INFINITY);
}

/// Scores over a temperature of 0.1: many probabilities are subnormal or 0.
fn cold(row: &mut [f32]) {
    row.iter_mut().for_each(|x| *x *= 10.0);
}

/// Measures a call over rows of each shape, prepared by a function, on each backend.
fn measure_rows<O>(
    c: &mut Criterion,
    name: &str,
    prepare: fn(&mut [f32]),
    call: impl Fn(Backend, Rows<'_>, RowsMut<'_>) -> Result<O, Error>,
) {
    let mut group = group(c, &format!("rows/{name}"));
    group.sample_size(10);
    for [rows, columns] in SHAPES {
        let (mut x, mut out) = (scores(rows * columns), vec![0.0; rows * columns]);
        x.chunks_mut(columns).for_each(prepare);
        group.throughput(Throughput::Elements(x.len() as u64));
        for backend in Backend::available() {
            let id = BenchmarkId::new(backend.name(), format!("{rows}x{columns}"));
            group.bench_function(id, |b| {
                b.iter(|| {
                    let x = Rows::new(black_box(&x), columns)?;
                    call(backend, x, RowsMut::new(black_box(&mut out), columns)?)
                });
            });
        }
    }
    group.finish();
}

/// A plain loop over the elements.
fn each(f: impl Fn(f32) -> f32) -> impl Fn(&[f32], &mut [f32]) -> f32 {
    move |x, out| {
        out.iter_mut().zip(x).for_each(|(out, x)| *out = f(*x));
        0.0
    }
}

/// The largest element, and the sum of e^(x − max), which go to `out`.
fn naive_sum(x: &[f32], out: &mut [f32]) -> (f32, f32) {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    each(|x| (x - max).exp())(x, out);
    (max, out.iter().sum())
}

fn naive_log_sum_exp(x: &[f32], out: &mut [f32]) -> f32 {
    let (max, sum) = naive_sum(x, out);
    max + sum.ln()
}

fn naive_softmax(x: &[f32], out: &mut [f32]) -> f32 {
    let (max, sum) = naive_sum(x, out);
    out.iter_mut().for_each(|p| *p /= sum);
    max + sum.ln()
}

/// Softmax, and what makes its results the gradient of the loss of the first label.
fn naive_loss(x: &[f32], out: &mut [f32]) -> f32 {
    let loss = naive_softmax(x, out) - x[0];
    out[0] -= 1.0;
    loss
}

fn naive_entropy(p: &[f32], _: &mut [f32]) -> f32 {
    p.iter().map(|p| -p * p.ln()).sum()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn one_loss(backend: Backend, x: &[f32], out: &mut [f32]) -> Result<Loss, Error> {
    let (x, out) = (Rows::new(x, x.len())?, RowsMut::new(out, x.len())?);
    CrossEntropy::new().on(backend).loss_and_gradient(x, &[0u32], out)
}

fn elementwise(c: &mut Criterion) {
    measure(c, "exp", Backend::exp, Some(&each(f32::exp)));
    measure(c, "exp_m1", Backend::exp_m1, Some(&each(f32::exp_m1)));
    measure(c, "ln", Backend::ln, Some(&each(f32::ln)));
    measure(c, "ln_1p", Backend::ln_1p, Some(&each(f32::ln_1p)));
    measure(c, "sigmoid", Backend::sigmoid, Some(&each(sigmoid)));
    measure(c, "log_sigmoid", Backend::log_sigmoid, Some(&each(|x| sigmoid(x).ln())));
    measure(c, "softplus", Backend::softplus, Some(&each(|x| x.exp().ln_1p())));
}

fn vectors(c: &mut Criterion) {
    measure(c, "log_sum_exp", |backend, x, _| backend.log_sum_exp(x), Some(&naive_log_sum_exp));
    measure(c, "softmax", Backend::softmax, Some(&naive_softmax));
    measure(c, "log_softmax", Backend::log_softmax, None);
    measure(c, "loss_and_gradient", one_loss, Some(&naive_loss));
    measure(c, "entropy", |backend, x, _| backend.entropy(x), Some(&naive_entropy));
    let targets: Vec<f32> = (0..1 << 24).map(|i: usize| (i % 3 % 2) as f32).collect();
    let naive_binary = |x: &[f32], out: &mut [f32]| {
        each(sigmoid)(x, out);
        out.iter_mut().zip(&targets).for_each(|(out, t)| *out -= t);
        x.iter().zip(&targets).map(|(x, t)| x.exp().ln_1p() - t * x).sum()
    };
    let binary = |gamma: f32| {
        let (loss, targets) = (BinaryCrossEntropy::new().focal(gamma), &targets);
        move |backend, x: &[f32], out: &mut [f32]| {
            loss.on(backend).loss_and_gradient(x, &targets[..x.len()], out)
        }
    };
    measure(c, "binary_loss_and_gradient", binary(0.0), Some(&naive_binary));
    measure(c, "focal_loss_and_gradient", binary(2.0), None);
}

fn rows(c: &mut Criterion) {
    let plain = |_: &mut [f32]| {};
    measure_rows(c, "softmax", plain, |backend, x, out| backend.rows_softmax(x, out));
    measure_rows(c, "softmax_masked", masked, |backend, x, out| backend.rows_softmax(x, out));
    measure_rows(c, "softmax_cold", cold, |backend, x, out| backend.rows_softmax(x, out));
    measure_rows(c, "log_softmax", plain, |backend, x, out| backend.rows_log_softmax(x, out));
    let labels = vec![1u32; SHAPES[0][0]];
    measure_rows(c, "loss_and_gradient", plain, |backend, x, out| {
        let labels = &labels[..x.rows()];
        CrossEntropy::new().on(backend).loss_and_gradient(x, labels, out)
    });
}

criterion_group!(throughput, elementwise, vectors, rows);
criterion_main!(throughput);
