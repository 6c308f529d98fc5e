//! The committed fuzz seeds, and pseudo-random inputs, through the fuzz checks.

mod checks;
mod common;

use common::Random;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The seeds of a folder, by name.
fn seeds(folder: &str) -> BTreeMap<String, Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
    let seeds = fs::read_dir(&path).expect("the folder exists").map(|seed| {
        let seed = seed.expect("a readable folder");
        let bytes = fs::read(seed.path()).expect("a readable file");
        (format!("{folder}/{}", seed.file_name().display()), bytes)
    });
    let seeds: BTreeMap<_, _> = seeds.collect();
    assert!(!seeds.is_empty(), "no seeds in {}", path.display());
    seeds
}

/// Runs a check on every seed of a folder.
fn replay(folder: &str, check: fn(&[u8])) {
    for (name, seed) in seeds(folder) {
        println!("{name}"); // shown if the check fails
        check(&seed);
    }
}

#[test]
fn elementwise_seeds() {
    replay("elementwise", checks::elementwise);
}

#[test]
fn rows_seeds() {
    replay("rows", checks::rows);
}

/// `cargo test --test corpus -- --ignored --nocapture` prints all seeds, to read.
#[test]
#[ignore = "not a check"]
fn print() {
    for (name, seed) in seeds("elementwise") {
        println!("{name}: {}", checks::describe_elementwise(&seed));
    }
    for (name, seed) in seeds("rows") {
        println!("{name}: {}", checks::describe_rows(&seed));
    }
}

/// Values of one kind each, as hostile rows are made of.
fn values(random: &mut Random, n: usize) -> Vec<f32> {
    let center = random.normal(1, 1e3)[0];
    match random.below(8) {
        0 => (0..n).map(|_| random.any()).collect(),
        1 => random.normal(n, 1.0),
        2 => random.normal(n, 100.0),
        3 => random.normal(n, 1e30),
        4 => vec![center; n],
        5 => random.vector(n, center - 20.0, center + 20.0),
        6 => random.vector(n, -150.0, 0.0), // probabilities down to subnormals
        _ => {
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e30, -1e30];
            let mut values = random.normal(n, 10.0);
            if let Some(at) = n.checked_sub(1) {
                for _ in 0..=random.below(3) {
                    values[random.below(at + 1)] = special[random.below(special.len())];
                }
            }
            values
        }
    }
}

/// A header of random bytes, then up to `most` values.
fn input(random: &mut Random, header: usize, most: usize) -> Vec<u8> {
    let n = random.below(most + 1);
    let header: Vec<_> = (0..header).map(|_| random.bits() as u8).collect();
    let values = values(random, n);
    header.into_iter().chain(values.into_iter().flat_map(f32::to_le_bytes)).collect()
}

#[test]
fn elementwise_random() {
    let mut random = Random::new(1);
    for _ in 0..1500 {
        checks::elementwise(&input(&mut random, 1, 40));
    }
}

#[test]
fn rows_random() {
    let mut random = Random::new(2);
    for _ in 0..1000 {
        checks::rows(&input(&mut random, 3, 100));
    }
}
