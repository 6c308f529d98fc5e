//! `logits` and its peers on the same data in one run.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml [ROUNDS] [FILTER…]`
//!
//! Contenders take turns; each line gives the best of all rounds in
//! nanoseconds per element and the ratio to the first contender, `logits` on its
//! best backend. Only the ratios mean anything from one machine to another.
//! `plain-vs-native` beside this package compares two builds of it.
//!
//! A filter that names a function keeps that function, any other the contenders
//! whose names contain it.

use logits::kernel::{self, LogSumExp, Map, RowMap, Softmax};
use logits::{Backend, Error, Rows, RowsMut};
use logits_peers::{Aligned, FUNCTIONS, Function, Isa, Peer, WIRED, native, python, uninitialized};
use rten_simd::SimdOp;
use std::collections::BTreeMap;

type Contenders = fn() -> Vec<Peer>;
type Contender = fn() -> Peer;

/// The elementwise functions of `logits`: on each backend, and as users call them.
const ELEMENTWISE: &[(&str, Contenders, Contender)] = &[
    ("exp", || elementwise(kernel::Exp), || public(logits::exp)),
    ("exp_m1", || elementwise(kernel::ExpM1), || public(logits::exp_m1)),
    ("ln", || elementwise(kernel::Ln), || public(logits::ln)),
    ("ln_1p", || elementwise(kernel::Ln1p), || public(logits::ln_1p)),
    ("sigmoid", || elementwise(kernel::Sigmoid), || public(logits::sigmoid)),
    ("log_sigmoid", || elementwise(kernel::LogSigmoid), || public(logits::log_sigmoid)),
    ("softplus", || elementwise(kernel::Softplus), || public(logits::softplus)),
];

/// The functions of rows, with the peers that have them.
const ROWS: [(&str, Contenders); 2] =
    [("softmax", softmax), ("log_sum_exp", || on_each(log_sum_exp))];

/// The length that the ratios are required for: neither the calls nor the memory
/// take much of the time.
const MIDDLE: usize = 1 << 14;

/// How many times as fast as the best of some peers `logits` shall be: function,
/// backend, ratio, and how the peers' names begin.
const RATIOS: [(&str, &str, f64, &[&str]); 13] = [
    ("exp", "avx512", 1.0, &["ONNX Runtime"]),
    ("exp", "avx512", 1.3, &["rten-vecmath"]),
    ("exp", "avx512", 1.5, &["SLEEF"]),
    ("exp", "avx512", 1.5, &["libmvec"]),
    ("exp", "avx512", 1.5, &["MKL"]),
    ("exp", "avx512", 1.5, &["NumPy"]),
    ("exp", "avx512", 1.5, &["PyTorch"]),
    ("ln", "avx512", 2.5, &["NumPy", "MKL", "SLEEF", "libmvec", "rten-vecmath", "std"]),
    ("sigmoid", "avx512", 1.5, &["PyTorch"]),
    ("exp", "avx2", 1.2, &AVX2),
    ("ln", "avx2", 1.2, &AVX2),
    ("exp", "portable", 2.0, &["wide"]),
    ("ln", "portable", 2.0, &["wide"]),
];
const AVX2: [&str; 4] = ["SLEEF u10 avx2", "libmvec avx2", "rten-vecmath avx2", "tract avx2"];

/// The nanoseconds that a call on 8 elements may take, dispatch included.
const CALLS: [(&str, f64); 3] = [("exp", 15.0), ("ln", 15.0), ("sigmoid", 15.0)];

fn on_each(call: impl Fn(Backend, &[f32], &mut [f32]) + Copy + Send + 'static) -> Vec<Peer> {
    let on = |backend: Backend| {
        let isa = match backend.name() {
            "avx512" => Isa::Avx512,
            "avx2" => Isa::Avx2,
            _ => Isa::Sse2,
        };
        Peer::new(format!("logits {}", backend.name()), isa, move |x, out| call(backend, x, out))
    };
    Backend::available().map(on).collect()
}

fn elementwise(f: impl kernel::Function + Send + 'static) -> Vec<Peer> {
    on_each(move |backend, x, out| backend.run(Map::new(f, x, out).unwrap()))
}

fn public(f: impl Fn(&[f32], &mut [f32]) -> Result<(), Error> + Send + 'static) -> Peer {
    Peer::new("logits", Isa::Avx512, move |x, out| f(x, out).unwrap())
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

fn log_sum_exp(backend: Backend, x: &[f32], out: &mut [f32]) {
    out[0] = backend.run(LogSumExp::new(x));
}

/// What the command line asks for.
struct Wanted {
    rounds: usize,
    functions: Vec<String>,
    contenders: Vec<String>,
}

impl Wanted {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let rounds = arguments.next().map_or(200, |rounds| rounds.parse().expect("a number"));
        let functions = || FUNCTIONS.iter().map(|f| f.name).chain(ROWS.map(|(name, _)| name));
        let (functions, contenders) = arguments.partition(|name| functions().any(|f| f == name));
        Self { rounds, functions, contenders }
    }

    fn function(&self, name: &str) -> bool {
        self.functions.is_empty() || self.functions.iter().any(|wanted| wanted == name)
    }

    fn contender(&self, name: &str) -> bool {
        self.contenders.is_empty() || self.contenders.iter().any(|part| name.contains(part))
    }

    /// Nanoseconds per call, the best of all rounds of each contender that is wanted.
    fn measure(&self, mut contenders: Vec<Peer>, x: &[f32]) -> Vec<(String, f64)> {
        contenders.retain(|contender| self.contender(&contender.name));
        let mut out = Aligned::new(x.len());
        let calls = (200_000 / x.len()).max(1) as u32;
        let rounds = if x.len() > MIDDLE { self.rounds.div_ceil(4) } else { self.rounds };
        let mut best = vec![f64::INFINITY; contenders.len()];
        for _ in 0..rounds {
            for (contender, best) in contenders.iter_mut().zip(&mut best) {
                *best = best.min(contender.time(x, &mut out, calls));
            }
        }
        contenders.into_iter().map(|contender| contender.name).zip(best).collect()
    }
}

/// Every peer that has the function, after `logits`. Python's are for lengths of
/// which they do not spend most of the time on the way to their loop.
fn contenders(function: &Function, ours: Vec<Peer>, n: usize, wanted: &Wanted) -> Vec<Peer> {
    let mut contenders = ours;
    contenders.extend(native(function.name));
    if n >= MIDDLE {
        contenders.extend(python(function.name, |name| wanted.contender(name)));
    }
    for contender in &mut contenders {
        let error = function.error(contender);
        assert!(error < WIRED, "{} of {}: {error} ULP", function.name, contender.name);
    }
    contenders
}

fn print(function: &str, n: usize, found: &[(String, f64)]) {
    for (name, ns) in found {
        let (each, ratio) = (ns / n as f64, ns / found[0].1);
        println!("{function:12} {n:8} {name:18} {each:7.4} ns {ratio:6.2}x");
    }
}

/// The fastest of those whose names begin so, among what was found of a function.
fn best<'a>(found: Option<&'a Vec<(String, f64)>>, names: &[&str]) -> Option<&'a (String, f64)> {
    let named = |(name, _): &&(String, f64)| names.iter().any(|start| name.starts_with(start));
    found?.iter().filter(named).min_by(|a, b| a.1.total_cmp(&b.1))
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "FAILS" }
}

fn main() {
    let wanted = Wanted::parse(std::env::args().skip(1));
    let ours = ELEMENTWISE.iter().copied().filter(|(name, ..)| wanted.function(name));
    let rows = ROWS.into_iter().filter(|(name, _)| wanted.function(name));
    let (mut calls, mut middle) = (BTreeMap::new(), BTreeMap::new());
    for (name, _, public) in ours.clone() {
        let found = wanted.measure(vec![public()], &Function::of(name).data(8));
        for (contender, ns) in &found {
            println!("{name:12} {:8} {contender:18} {ns:7.4} ns a call", 8);
        }
        calls.insert(name, found);
    }
    for n in [1 << 10, MIDDLE, 1 << 20] {
        for (name, ours, _) in ours.clone() {
            let function = Function::of(name);
            let found = wanted.measure(contenders(function, ours(), n, &wanted), &function.data(n));
            print(name, n, &found);
            if n == MIDDLE {
                middle.insert(name, found);
            }
        }
        for (name, contenders) in rows.clone() {
            print(name, n, &wanted.measure(contenders(), &Function::of("exp").data(n)));
        }
    }

    println!("\nRequired of {MIDDLE} elements, and found:");
    for (name, backend, ratio, peers) in RATIOS {
        print!("{name:8} logits {backend:8} {ratio:4.1}x ");
        let ours = best(middle.get(name), &[&format!("logits {backend}")]);
        if let (Some((_, ours)), Some((peer, theirs))) = (ours, best(middle.get(name), peers)) {
            let found = theirs / ours;
            println!("{found:6.2}x {} against {peer}", verdict(found >= ratio));
        } else {
            println!("not measured against {}", peers.join(", "));
        }
    }
    println!("\nRequired of a call on 8 elements, and found:");
    for (name, limit) in CALLS {
        print!("{name:8} {limit:5.1} ns ");
        match best(calls.get(name), &["logits"]) {
            Some((_, ns)) => println!("{ns:6.2} ns {}", verdict(*ns <= limit)),
            None => println!("not measured"),
        }
    }
}
