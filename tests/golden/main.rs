//! The bits of every function's results on a fixed set of inputs, as `table.txt` has them: one
//! number for each class of backends: portable where it does not fuse multiplication and addition,
//! those that fuse, and scalar where it does not. It pins results across releases, compilers and processors, and notices a coefficient that is off
//! by one in its last bit.
//!
//! After a change of a kernel that is meant to change results, this writes the table anew, and
//! `git diff` shows which functions changed on which backends:
//!
//! ```sh
//! LOGITS_GOLDEN=write cargo test --test golden
//! ```

#[path = "../common/mod.rs"]
mod common;
mod sample;

use common::{backends, class_of_rows};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A line for each function: the numbers of the classes, then the name.
const TABLE: &str = include_str!("table.txt");

/// Numbers of the classes that `class_of_rows` tells, by the name of a function.
type Table = BTreeMap<String, [u64; 3]>;

fn table() -> Table {
    let line = |line: &str| {
        let mut columns = line.splitn(4, ' ');
        let mut next = || columns.next().expect("four columns");
        let numbers = [(); 3].map(|()| u64::from_str_radix(next(), 16).expect("a number"));
        (next().to_string(), numbers)
    };
    TABLE.lines().map(line).collect()
}

#[test]
fn every_function_gives_the_bits_of_the_table() {
    let (table, mut found) = (table(), Table::new());
    let mut differences = Vec::new();
    let samples = sample::samples();
    for backend in backends() {
        let class = class_of_rows(backend);
        if class == 2 && backend.is_fused() {
            // In a build with FMA, which no column is for.
            continue;
        }
        for (name, hash) in sample::hashes(backend, &samples) {
            let expected = table.get(name).map(|numbers| numbers[class]);
            if expected != Some(hash) {
                differences.push(format!("{name} on {}", backend.name()));
            }
            // What this machine does not run stays as it is.
            let before = table.get(name).copied().unwrap_or_default();
            found.entry(name.to_string()).or_insert(before)[class] = hash;
        }
    }
    if std::env::var("LOGITS_GOLDEN").is_ok_and(|value| value == "write") {
        let mut text = String::new();
        for (name, [portable, fused, scalar]) in found {
            writeln!(text, "{portable:016x} {fused:016x} {scalar:016x} {name}").unwrap();
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/table.txt");
        std::fs::write(path, text).expect("the table can be written");
        return;
    }
    assert!(
        differences.is_empty(),
        "other bits than those of tests/golden/table.txt:\n  {}\nIf they are meant to change: \
         LOGITS_GOLDEN=write cargo test --test golden",
        differences.join("\n  ")
    );
    assert_eq!(table.len(), found.len(), "the table has functions that are no more");
}
