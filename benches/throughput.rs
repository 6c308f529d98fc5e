//! Elements per second of the main functions, on every backend.
//!
//! `cargo bench` runs all; `cargo bench -- softmax/16384` one size. Compare
//! figures of one run only: other processes and the clock move them together.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use logits::loss::{BinaryCrossEntropy, CrossEntropy};
use logits::{Backend, Rows, RowsMut};
use std::hint::black_box;
use std::time::Duration;

const LENGTHS: [usize; 6] = [8, 64, 1 << 10, 1 << 14, 1 << 17, 1 << 20];

/// Scores in ±6, the same on every machine.
fn scores(n: usize) -> Vec<f32> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32 * 12.0 - 6.0
    };
    (0..n).map(|_| next()).collect()
}

/// Measures a call over a vector of each length, on each backend.
fn measure<O>(c: &mut Criterion, name: &str, call: impl Fn(Backend, &[f32], &mut [f32]) -> O) {
    let mut group = c.benchmark_group(name);
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(500));
    for n in LENGTHS {
        let x: Vec<f32> = scores(n)
            .into_iter()
            .map(|x| if name.starts_with("ln") { x.abs() } else { x })
            .collect();
        let mut out = vec![0.0; n];
        group.throughput(Throughput::Elements(n as u64));
        for backend in Backend::available() {
            let id = BenchmarkId::new(n.to_string(), backend.name());
            group.bench_function(id, |b| {
                b.iter(|| black_box(call(backend, black_box(&x), black_box(&mut out))));
            });
        }
    }
    group.finish();
}

fn benches(c: &mut Criterion) {
    measure(c, "exp", Backend::exp);
    measure(c, "exp_m1", Backend::exp_m1);
    measure(c, "ln", Backend::ln);
    measure(c, "ln_1p", Backend::ln_1p);
    measure(c, "sigmoid", Backend::sigmoid);
    measure(c, "log_sigmoid", Backend::log_sigmoid);
    measure(c, "softplus", Backend::softplus);
    measure(c, "log_sum_exp", |backend, x, _| backend.log_sum_exp(x));
    measure(c, "softmax", Backend::softmax);
    measure(c, "cross_entropy_and_gradient", |backend, x, out| {
        let (x, out) = (Rows::new(x, x.len())?, RowsMut::new(out, x.len())?);
        CrossEntropy::new().on(backend).loss_and_gradient(x, &[3u32], out)
    });
    let targets: Vec<f32> = (0..LENGTHS[5]).map(|i| (i * i % 3 % 2) as f32).collect();
    for (name, gamma) in [("binary_cross_entropy", 0.0), ("focal_loss", 2.0)] {
        measure(c, &format!("{name}_and_gradient"), |backend, x, out| {
            let loss = BinaryCrossEntropy::new().focal(gamma).on(backend);
            loss.loss_and_gradient(x, &targets[..x.len()], out)
        });
    }
}

criterion_group!(throughput, benches);
criterion_main!(throughput);
