//! `logits` and its peers on the same data in one run.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml [--markdown FILE] [ROUNDS]
//! [FILTER…]`
//!
//! Contenders take turns; each line gives the best of all rounds in
//! nanoseconds per element and the ratio to the first contender, `logits` on its
//! best backend. Only the ratios mean anything from one machine to another.
//! `plain-vs-native` beside this package compares two builds of it, and
//! `--bin accuracy` compares errors.
//!
//! `--markdown` also writes tables: the times and errors of each contender, every cell where a peer
//! is faster, and what each peer computes and promises.
//!
//! A filter that names a function keeps that function, any other the contenders
//! whose names contain it.

mod markdown;
mod required;

use logits_peers::{
    Aligned, FUNCTIONS, Function, Peer, Shape, WIRED, limits, native, ours, public, remote,
};
use required::{CALLS, Found, MIDDLE, best, required, shapes, verdict};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What the command line asks for.
struct Wanted {
    rounds: usize,
    functions: Vec<String>,
    contenders: Vec<String>,
    markdown: Option<PathBuf>,
}

impl Wanted {
    fn parse(arguments: impl Iterator<Item = String>) -> Self {
        let mut arguments = arguments.peekable();
        let markdown = arguments
            .next_if(|argument| argument == "--markdown")
            .map(|_| arguments.next().expect("a file").into());
        let rounds = arguments.next().map_or(200, |rounds| rounds.parse().expect("a number"));
        let (functions, contenders) =
            arguments.partition(|name| FUNCTIONS.iter().any(|f| f.name == name));
        Self { rounds, functions, contenders, markdown }
    }

    fn function(&self, name: &str) -> bool {
        self.functions.is_empty() || self.functions.iter().any(|wanted| wanted == name)
    }

    fn contender(&self, name: &str) -> bool {
        self.contenders.is_empty() || self.contenders.iter().any(|part| name.contains(part))
    }

    /// Every contender that is wanted, `logits` first. Those in other processes are for sizes of
    /// which they do not spend most of the time on the way to their loop.
    fn contenders(&self, function: &Function, shape: Shape) -> Vec<Peer> {
        let mut contenders = ours(function.name);
        contenders.extend(native(function.name));
        contenders.retain(|contender| self.contender(&contender.name));
        if shape.elements() >= MIDDLE {
            contenders.extend(remote(function.name, |name| self.contender(name)));
        }
        for contender in &mut contenders {
            let error = function.error(contender);
            assert!(error < WIRED, "{} of {}: {error} ULP", function.name, contender.name);
        }
        if shape.rows == 1 {
            let limits = limits(function.name).into_iter();
            contenders.extend(limits.filter(|limit| self.contender(&limit.name)));
        }
        contenders
    }

    /// Nanoseconds per call, the best of all rounds of each contender.
    fn measure(&self, mut contenders: Vec<Peer>, function: &Function, shape: Shape) -> Found {
        let data = function.data(shape);
        let mut out = Aligned::new(function.results(shape));
        let calls = (200_000 / shape.elements()).max(1) as u32;
        let fewer = match shape.elements() {
            n if n <= MIDDLE => 1,
            n if n <= 1 << 20 => 4,
            // Enough to meet a quiet moment.
            n if n <= 1 << 23 => 8,
            _ => 20,
        };
        let mut best = vec![[f64::INFINITY; 2]; contenders.len()];
        for _ in 0..self.rounds.div_ceil(fewer) {
            for (contender, best) in contenders.iter_mut().zip(&mut best) {
                let [call, own] = contender.time(data.input(), &mut out, calls);
                *best = [best[0].min(call), best[1].min(own)];
            }
        }
        let names = contenders.into_iter().map(|contender| contender.name);
        names.zip(best.into_iter().map(|[call, own]| call - own)).collect()
    }
}

fn main() {
    let wanted = Wanted::parse(std::env::args().skip(1));
    let functions = || FUNCTIONS.iter().filter(|function| wanted.function(function.name));

    let mut calls = BTreeMap::new();
    for function in functions() {
        let name = function.name;
        let public = public(name).filter(|public| wanted.contender(&public.name));
        let found = wanted.measure(public.into_iter().collect(), function, Shape::vector(8));
        for (contender, ns) in &found {
            println!("{name:24} {:>10} {contender:18} {ns:8.4} ns a call", 8);
        }
        calls.insert(name, found);
    }

    let (mut measured, mut errors) = (BTreeMap::new(), BTreeMap::new());
    for function in functions() {
        for shape in shapes(function.name) {
            let mut contenders = wanted.contenders(function, shape);
            if wanted.markdown.is_some() {
                for contender in &mut contenders {
                    let key = (function.name, contender.name.clone());
                    errors.entry(key).or_insert_with(|| markdown::error(function, contender));
                }
            }
            let found = wanted.measure(contenders, function, shape);
            for (contender, ns) in &found {
                let (each, ratio) = (ns / shape.elements() as f64, ns / found[0].1);
                let name = function.name;
                println!("{name:24} {shape:>10} {contender:18} {each:8.4} ns {ratio:6.2}x");
            }
            measured.insert((function.name, shape), found);
        }
    }

    if let Some(path) = &wanted.markdown {
        let text = markdown::tables(&measured, &errors, wanted.rounds);
        std::fs::write(path, text).expect("a file that can be written");
    }

    println!("\nRequired, and found:");
    for required in required().iter().filter(|required| wanted.function(required.function)) {
        println!("{}", required.verdict(measured.get(&(required.function, required.shape))));
    }
    println!("\nRequired of a call on 8 elements, and found:");
    for (name, limit) in CALLS.iter().filter(|(name, _)| wanted.function(name)) {
        print!("{name:24} {limit:5.1} ns ");
        match calls.get(name).and_then(|found| best(found, &["logits"])) {
            Some((_, ns)) => println!("{ns:6.2} ns {}", verdict(ns <= limit)),
            None => println!("not measured"),
        }
    }
}
