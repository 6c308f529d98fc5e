//! Turns one mutant on after the other and looks for another result than without, see `run.py`.
//!
//! The argument is how many rounds to search for rows that notice a survivor; standard input has a
//! line for each mutant: its number, then where it is.

#[path = "../common/mod.rs"]
mod common;
#[path = "../golden/sample.rs"]
mod sample;

use common::{Call, Random, backends, class_of_rows, every, same, softmax};
use logits::{Backend, contract, mutant};
use sample::{Hash, Sample, elementwise, hashes, is_for, results, row, samples};
use std::collections::BTreeSet;

/// Up by one in the last place, and down.
const STEPS: [i32; 2] = [1, -1];
/// A change that every result shows that depends on a number at all.
const LARGE: i32 = 1 << 14;

/// What `run.py` says of numbers that a script in src/math prints.
const PRINTED: &str = "(a script prints it)";

/// The first backend of each class, others have the same bits; and what it finds without a mutant.
struct Class {
    backend: Backend,
    usual: Vec<u64>,
}

fn classes(samples: &[Sample]) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    for backend in backends() {
        let class = class_of_rows(backend);
        if classes.iter().all(|other| class_of_rows(other.backend) != class) {
            let usual = each(backend, samples).map(|(_, hash)| hash).collect();
            classes.push(Class { backend, usual });
        }
    }
    classes
}

/// Each function on each sample, as it is asked for: small samples first, as most mutants show there.
fn each(backend: Backend, samples: &[Sample]) -> impl Iterator<Item = (&'static str, u64)> {
    let of_sample = move |sample| {
        let functions = every().into_iter().filter(move |(name, ..)| is_for(sample, name));
        functions.map(move |(name, is_of_rows, call)| {
            let mut hash = Hash::new();
            hash.add(&results(backend, sample, is_of_rows, call));
            (name, hash.0)
        })
    };
    samples.iter().flat_map(of_sample)
}

impl Class {
    /// The functions with other results if a mutant is on, again for each sample.
    fn users(
        &self,
        samples: &[Sample],
        index: u32,
        step: i32,
    ) -> impl Iterator<Item = &'static str> {
        mutant::set(index, step);
        let found = each(self.backend, samples).zip(&self.usual);
        found.filter(|((_, found), usual)| found != *usual).map(|((name, _), _)| name)
    }
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut samples = samples();
    samples.sort_by_key(|sample| sample.scores.len());
    let classes = classes(&samples);
    let table = include_str!("../golden/table.txt");
    for (name, hash) in classes.iter().flat_map(|class| hashes(class.backend, &sample::samples())) {
        let is_known = |line: &str| {
            line.ends_with(&format!(" {name}")) && line.contains(&format!("{hash:016x}"))
        };
        assert!(table.lines().any(is_known), "{name} of no mutant is not what the table says");
    }

    let (mut count, mut noticed, mut printed) = (0, 0, 0);
    for line in std::io::stdin().lines() {
        let line = line.expect("text");
        let Some((index, place)) = line.split_once(' ') else { continue };
        let index = index.parse().expect("a number");
        for step in STEPS {
            count += 1;
            if classes.iter().any(|class| class.users(&samples, index, step).next().is_some()) {
                noticed += 1;
                continue;
            }
            if place.ends_with(PRINTED) {
                printed += 1;
                println!("noticed by the section `coefficients` alone: {place} {step:+}");
                continue;
            }
            println!("survives: {place} {step:+}");
            // That takes as long as ten mutants that are noticed.
            for class in classes.iter().filter(|_| rounds > 0) {
                let users: BTreeSet<_> = class.users(&samples, index, step * LARGE).collect();
                let users: Vec<_> = users.into_iter().collect();
                let name = class.backend.name();
                println!("  2^14 times as much shows on {name} in {}", users.join("; "));
                if search(class.backend, &users, index, step, rounds) {
                    break;
                }
            }
        }
        mutant::set(u32::MAX, 0);
    }
    let survivors = count - noticed - printed;
    println!(
        "{count} mutants: {noticed} noticed by golden, {printed} by coefficients, {survivors} survive"
    );
}

/// Looks for a row of which some function gives other results, and prints it; whether it did.
fn search(backend: Backend, users: &[&str], index: u32, step: i32, rounds: u32) -> bool {
    let mut random = Random::fixed(u64::from(index));
    let every = every();
    let users = every.iter().filter(|(name, ..)| users.contains(name));
    // Functions of each element are the fastest by far.
    let is_elementwise = |name: &str| contract::ELEMENTWISE.iter().any(|row| row.name == name);
    let (elements, others): (Vec<_>, Vec<_>) = users.partition(|&&(name, ..)| is_elementwise(name));
    for _ in 0..rounds {
        if let Some(&&(name, is_of_rows, call)) = elements.get(random.below(elements.len().max(1)))
        {
            let sigma = [0.1, 1.0, 20.0, 100.0][random.below(4)];
            let x = random.vector(1 << 13, -sigma, sigma);
            if let Some(at) =
                difference(backend, &elementwise(x.clone()), is_of_rows, call, index, step)
            {
                print(name, backend, &elementwise(vec![x[at]]));
                return true;
            }
        } else if let Some(&&(name, is_of_rows, call)) =
            others.get(random.below(others.len().max(1)))
        {
            for _ in 0..1 << 9 {
                let sample = candidate(&mut random);
                if difference(backend, &sample, is_of_rows, call, index, step).is_some() {
                    print(name, backend, &sample);
                    return true;
                }
            }
        }
    }
    false
}

/// Where a result differs if a mutant is on.
fn difference(
    backend: Backend,
    sample: &Sample,
    is_of_rows: bool,
    call: Call,
    index: u32,
    step: i32,
) -> Option<usize> {
    mutant::set(u32::MAX, 0);
    let usual = results(backend, sample, is_of_rows, call);
    mutant::set(index, step);
    let found = results(backend, sample, is_of_rows, call);
    usual.iter().zip(&found).position(|(a, b)| !same(*a, *b))
}

/// A short row of some size, and probabilities.
fn candidate(random: &mut Random) -> Sample {
    let n = 1 + random.below(4);
    let sigma = [0.1, 1.0, 5.0, 30.0, 200.0][random.below(5)];
    let scores = random.normal(n, sigma);
    let p: Vec<_> = softmax(&random.normal(n, sigma)).iter().map(|&p| p as f32).collect();
    row(&scores, &p)
}

/// Prints a row as `tests/golden/sensitive.txt` has it.
fn print(name: &str, backend: Backend, sample: &Sample) {
    let probabilities: &[f32] = if sample.is_elementwise { &[] } else { &sample.probabilities };
    let all = sample.scores.iter().chain(probabilities);
    let bits: Vec<_> = all.map(|x| format!("{:08x}", x.to_bits())).collect();
    println!("  {name} on {} notices: {}", backend.name(), bits.join(" "));
}
