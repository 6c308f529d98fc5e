//! Bytes that a call adds to a program.

use crate::chart::{Bar, Bars, bars, colour};
use crate::data::Table;
use std::fs;
use std::path::Path;
use std::process::Command;

const X86: &str = "x86-64";

/// What `.ci/size` prints of programs, and what `benches/microcontrollers` has of a Cortex-M.
pub fn measure(root: &Path) -> Result<Table, String> {
    let output = Command::new(root.join(".ci/size")).output();
    let output = output.map_err(|error| format!(".ci/size: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut table = Table::new(["target", "what", "bytes"]);
    for line in printed.lines() {
        let added = line.strip_prefix("bytes that `").and_then(|line| {
            let (name, rest) = line.split_once("` adds to a program: ")?;
            Some((name, rest.split_once(',')?.0))
        });
        if let Some((name, bytes)) = added {
            table.push([X86, name, bytes].map(String::from));
        }
    }
    if table.rows.is_empty() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!(".ci/size prints no sizes of programs: {why}"));
    }
    table.rows.extend(microcontroller(root));
    Ok(table)
}

/// What a Cortex-M4F has, if `benches/microcontrollers/figures.tsv` is there: its lines
/// `bytes⇥M4F⇥call_NAME⇥BYTES`.
fn microcontroller(root: &Path) -> Vec<Vec<String>> {
    const CALLS: [(&str, &str); 3] =
        [("call_exp", "exp"), ("call_softmax", "softmax"), ("call_loss_and_gradient", "loss")];
    let text = fs::read_to_string(root.join("benches/microcontrollers/figures.tsv"));
    let text = text.unwrap_or_default();
    let of = |(call, name): (&str, &str)| {
        let start = format!("bytes\tM4F\t{call}\t");
        let bytes = text.lines().find_map(|line| line.strip_prefix(&start))?;
        Some(["Cortex-M4F", name, bytes].map(String::from).into())
    };
    CALLS.into_iter().filter_map(of).collect()
}

pub fn draw(table: &Table) -> Result<String, String> {
    let mut targets: Vec<&str> = vec![];
    for row in &table.rows {
        if !targets.contains(&&*row[0]) {
            targets.push(&row[0]);
        }
    }
    let group = |target: &&str| Bars {
        title: format!(
            "{target}: {}",
            if *target == X86 {
                "all backends that the CPU may need"
            } else {
                "the scalar backend"
            }
        ),
        bars: (table.rows.iter().filter(|row| row[0] == *target))
            .filter_map(|row| {
                let value: f64 = row[2].parse().ok()?;
                let figure = kilobytes(value);
                Some(Bar { label: row[1].clone(), value, figure, colour: colour("logits") })
            })
            .collect(),
    };
    let groups: Vec<_> = targets.iter().map(group).collect();
    let subtitle =
        "Stripped release builds of programs that make one such call, less one that makes none.";
    bars("What a call adds to a program", subtitle, &groups)
}

/// `4.3 KB`, of 1024 bytes.
pub fn kilobytes(bytes: f64) -> String {
    format!("{:.1} KB", bytes / 1024.0)
}
