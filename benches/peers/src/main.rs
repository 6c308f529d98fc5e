//! `logits` and its peers on the same data in one run.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml [ROUNDS] [FILTER…]`
//!
//! Contenders take turns; each line gives the best of all rounds in
//! nanoseconds per element and the ratio to `logits` on its best backend. Only the
//! ratios mean anything from one machine to another. `plain-vs-native` beside
//! this package compares two builds of it.
//!
//! A filter that names a function keeps only that, any other only the contenders
//! whose names contain it.

use logits::kernel::{self, Exp, Ln, LogSumExp, Map, RowMap, Sigmoid, Softmax};
use logits::{Backend, Error, Rows, RowsMut};
use logits_peers::{Aligned, FUNCTIONS, Function, Isa, Peer, WIRED, native, python, uninitialized};
use rten_simd::SimdOp;
use std::hint::black_box;
use std::time::Instant;

/// A public function of `logits`.
type Public = fn(&[f32], &mut [f32]) -> Result<(), Error>;

/// What `logits` has: the function's name, its kernel on each backend, and itself.
/// Exp_m1, ln_1p, log_sigmoid and softplus need one line each here, no more.
const OURS: [(&str, fn() -> Vec<Peer>, Public); 3] = [
    ("exp", || elementwise(Exp), logits::exp),
    ("ln", || elementwise(Ln), logits::ln),
    ("sigmoid", || elementwise(Sigmoid), logits::sigmoid),
];

/// How many times as fast as the best of these peers `logits` shall be with 16 Ki
/// elements: the function, the backend, the ratio, and how the peers' names begin.
const REQUIRED: [(&str, &str, f64, &[&str]); 12] = [
    ("exp", "avx512", 1.0, &["ONNX Runtime"]),
    ("exp", "avx512", 1.3, &["rten-vecmath"]),
    ("exp", "avx512", 1.5, &["SLEEF"]),
    ("exp", "avx512", 1.5, &["libmvec"]),
    ("exp", "avx512", 1.5, &["MKL"]),
    ("exp", "avx512", 1.5, &["NumPy"]),
    ("exp", "avx512", 1.5, &["PyTorch"]),
    ("ln", "avx512", 2.5, &["NumPy", "MKL", "SLEEF", "libmvec", "std"]),
    ("sigmoid", "avx512", 1.5, &["PyTorch"]),
    ("exp", "avx2", 1.2, &AVX2),
    ("ln", "avx2", 1.2, &AVX2),
    ("exp", "portable", 2.0, &["wide"]),
    ("ln", "portable", 2.0, &["wide"]),
];
const AVX2: [&str; 4] = ["SLEEF u10 avx2", "libmvec avx2", "rten-vecmath avx2", "tract avx2"];

/// The longest call on 8 elements, in nanoseconds, dispatch included.
const REQUIRED_CALL: f64 = 15.0;

fn on_each(call: impl Fn(Backend, &[f32], &mut [f32]) + Copy + Send + 'static) -> Vec<Peer> {
    let peer = |backend: Backend| {
        let isa = match backend.name() {
            "avx512" => Isa::Avx512,
            "avx2" => Isa::Avx2,
            _ => Isa::Sse2,
        };
        Peer::new(format!("logits {}", backend.name()), isa, move |x, out| call(backend, x, out))
    };
    Backend::available().map(peer).collect()
}

fn elementwise(f: impl kernel::Function + Send + 'static) -> Vec<Peer> {
    on_each(move |backend, x, out| backend.run(Map::new(f, x, out).unwrap()))
}

fn softmax() -> Vec<Peer> {
    let mut contenders = on_each(|backend, x, out| {
        let (x, out) = (Rows::new(x, x.len()).unwrap(), RowsMut::new(out, x.len()).unwrap());
        backend.run(RowMap::new(Softmax, x, out).unwrap());
    });
    contenders.push(Peer::new("rten-vecmath", Isa::Avx512, |x, out| {
        rten_vecmath::Softmax::new(x, uninitialized(out)).dispatch();
    }));
    contenders
}

fn log_sum_exp() -> Vec<Peer> {
    on_each(|backend, x, out| out[0] = backend.run(LogSumExp::new(x)))
}

/// What the command line asks for, and what was found.
struct Run {
    rounds: usize,
    functions: Vec<String>,
    contenders: Vec<String>,
    /// Function, length, contender and nanoseconds per element.
    found: Vec<(&'static str, usize, String, f64)>,
}

impl Run {
    fn new(mut arguments: impl Iterator<Item = String>) -> Self {
        let rounds = arguments.next().map_or(200, |rounds| rounds.parse().expect("a number"));
        let is_function = |name: &String| {
            ["softmax", "log_sum_exp"].contains(&&**name) || Function::find(name).is_some()
        };
        let (functions, contenders) = arguments.partition(is_function);
        Self { rounds, functions, contenders, found: vec![] }
    }

    fn wants(&self, function: &str) -> bool {
        self.functions.is_empty() || self.functions.iter().any(|name| name == function)
    }

    fn wants_contender(&self, name: &str) -> bool {
        self.contenders.is_empty() || self.contenders.iter().any(|part| name.contains(part))
    }

    /// Nanoseconds per element of each contender: the best of many turns.
    fn measure(&mut self, function: &'static str, x: &[f32], mut contenders: Vec<Peer>) {
        contenders.retain(|contender| self.wants_contender(&contender.name));
        let n = x.len();
        let mut out = Aligned::new(n);
        let calls = (200_000 / n).max(1) as u32;
        let rounds = if n > MIDDLE { self.rounds.div_ceil(4) } else { self.rounds };
        let mut best = vec![f64::INFINITY; contenders.len()];
        for _ in 0..rounds {
            for (contender, best) in contenders.iter_mut().zip(&mut best) {
                *best = best.min(contender.time(x, &mut out, calls) / n as f64);
            }
        }
        for (Peer { name, .. }, ns) in contenders.into_iter().zip(&best) {
            println!("{function:12} {n:8} {name:18} {ns:7.4} ns {:6.2}x", ns / best[0]);
            self.found.push((function, n, name, *ns));
        }
    }

    /// The least nanoseconds per element of the contenders whose names begin so.
    fn best(&self, function: &str, n: usize, names: &[&str]) -> Option<(&str, f64)> {
        let of_these = self.found.iter().filter(|(its_function, its_n, name, _)| {
            (*its_function, *its_n) == (function, n) && names.iter().any(|n| name.starts_with(n))
        });
        of_these.map(|(.., name, ns)| (&**name, *ns)).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn verdict(&self) {
        println!("\nRequired with {MIDDLE} elements:");
        for (function, backend, ratio, peers) in REQUIRED {
            print!("{function:8} logits {backend:8} >= {ratio:3.1}x  ");
            let ours = self.best(function, MIDDLE, &[&format!("logits {backend}")]);
            match (ours, self.best(function, MIDDLE, peers)) {
                (Some((_, ours)), Some((name, theirs))) => {
                    let found = theirs / ours;
                    println!("{found:6.2}x {name:18} {}", holds(found >= ratio));
                }
                _ => println!("{} not measured", peers.join(", ")),
            }
        }
        println!("\nRequired of a call on 8 elements:");
        for (function, ..) in OURS {
            if let Some((_, ns)) = self.best(function, 8, &["logits"]) {
                let ns = 8.0 * ns;
                println!("{function:8} <= {REQUIRED_CALL} ns  {ns:6.2} ns {}", holds(ns <= REQUIRED_CALL));
            }
        }
    }
}

fn holds(holds: bool) -> &'static str {
    if holds { "holds" } else { "FAILS" }
}

/// Nanoseconds of a call on 8 elements through the public function, which finds
/// the backend each time.
fn call(call: Public, x: &[f32], rounds: usize) -> f64 {
    let (mut out, calls) = ([0.0; 8], 20_000);
    let turn = || {
        let start = Instant::now();
        for _ in 0..calls {
            call(black_box(x), black_box(&mut out)).unwrap();
        }
        start.elapsed().as_nanos() as f64 / f64::from(calls)
    };
    std::iter::repeat_with(turn).take(rounds).fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut run = Run::new(std::env::args().skip(1));
    for (name, ours, public) in OURS.into_iter().filter(|(name, ..)| run.wants(name)) {
    }
    for n in [1 << 10, MIDDLE, 1 << 20] {
        for (name, ours, _) in OURS {
            if !run.wants(name) { continue; }
        }
    }
    run.verdict();
}
