//! Elements per second of the main functions, on every backend.
//!
//! `cargo bench` runs all; `cargo bench -- softmax/16384` one size. Compare
//! figures of one run only: other processes and the clock move them together.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use logits::kernel::{
    BinaryLoss, Exp, ExpM1, Kernel, LabelLoss, Ln, Ln1p, LogSigmoid, LogSumExp, Map, OnScores,
    RowMap, Scores, Sigmoid, Softmax, Softplus,
};
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

/// Runs a kernel whose arguments fit by construction.
fn run<K: Kernel>(backend: Backend, kernel: Result<K, logits::Error>) -> Option<K::Output> {
    kernel.ok().map(|kernel| backend.run(kernel))
}

fn benches(c: &mut Criterion) {
    measure(c, "exp", |backend, x, out| run(backend, Map::new(Exp, x, out)));
    measure(c, "exp_m1", |backend, x, out| run(backend, Map::new(ExpM1, x, out)));
    measure(c, "ln", |backend, x, out| run(backend, Map::new(Ln, x, out)));
    measure(c, "ln_1p", |backend, x, out| run(backend, Map::new(Ln1p, x, out)));
    measure(c, "sigmoid", |backend, x, out| run(backend, Map::new(Sigmoid, x, out)));
    measure(c, "log_sigmoid", |backend, x, out| run(backend, Map::new(LogSigmoid, x, out)));
    measure(c, "softplus", |backend, x, out| run(backend, Map::new(Softplus, x, out)));
    measure(c, "log_sum_exp", |backend, x, _| backend.run(LogSumExp::new(x)));
    measure(c, "softmax", |backend, x, out| {
        let (x, out) = (Rows::new(x, x.len()).ok()?, RowsMut::new(out, x.len()).ok()?);
        run(backend, RowMap::new(Softmax::new(), x, out))
    });
    measure(c, "cross_entropy_and_gradient", |backend, x, out| {
        let (x, out) = (Rows::new(x, x.len()).ok()?, RowsMut::new(out, x.len()).ok()?);
        let scores = Scores::with_gradient(x, out).ok()?;
        run(backend, LabelLoss::new(CrossEntropy::new(), scores, &[3u32]))
    });
    let targets: Vec<f32> = (0..LENGTHS[5]).map(|i| (i * i % 3 % 2) as f32).collect();
    for (name, gamma) in [("binary_cross_entropy", 0.0), ("focal_loss", 2.0)] {
        measure(c, &format!("{name}_and_gradient"), |backend, x, out| {
            let function = OnScores::new(BinaryCrossEntropy::new().focal(gamma)).ok()?;
            run(backend, BinaryLoss::with_gradient(function, x, targets.get(..x.len())?, out))
        });
    }
}

criterion_group!(throughput, benches);
criterion_main!(throughput);
