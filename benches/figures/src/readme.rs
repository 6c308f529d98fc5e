//! The parts of the README that are figures: errors, from `logits::contract`; speed and size, from
//! the tables that the pictures are drawn from.

#[path = "../../../tests/readme/parts.rs"]
mod parts;

use crate::data::{Table, write};
use crate::size::kilobytes;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// Writes each part that the README has marks of, or says which are stale.
pub fn write_parts(root: &Path, pictures: &Path, check: bool) -> Result<(), String> {
    let path = root.join("README.md");
    let before = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let table = |name: &str| Table::read(&pictures.join(name).with_extension("csv"));
    let made = [
        ("accuracy", Ok(parts::accuracy())),
        ("speed", table("throughput").and_then(|long| speed(&long, &table("calls")?))),
        ("size", table("size").map(|table| size(&table))),
    ];
    let mut text = before.clone();
    let mut stale = vec![];
    for (name, part) in made {
        let part = part?;
        let Some(range) = parts::range(&text, name) else {
            stale.push(format!("no part <!-- {name} -->"));
            continue;
        };
        if text[range.clone()] != part {
            stale.push(format!("{name} is stale"));
            text.replace_range(range, &part);
        }
    }
    if !check {
        write(&path, &text)?;
        stale.iter().for_each(|what| println!("README.md: {what}, and now as it should be"));
        return Ok(());
    }
    if stale.is_empty() { Ok(()) } else { Err(format!("README.md: {}", stale.join(", "))) }
}

/// Calls on short rows, then elements of long ones.
fn speed(long: &Table, calls: &Table) -> Result<String, String> {
    let mut text = String::from(
        "| ns per call, of n elements | n = 2 | 8 | 32 | 100 |\n|---|--:|--:|--:|--:|\n",
    );
    let rows = [
        "softmax logits",
        "softmax plain loop",
        "log_sum_exp logits",
        "log_sum_exp plain loop",
        "loss_and_gradient logits",
        "loss_and_gradient plain loop",
    ];
    for column in rows {
        let (function, who) = column.split_once(' ').expect("two names");
        line(&mut text, &format!("`{function}`, {who}"), calls, column, ["2", "8", "32", "100"])?;
    }
    text += "\n| `softmax`, ns per element | n = 1 Ki | 16 Ki | 1 Mi | 16 Mi |\n|---|--:|--:|--:|--:|\n";
    for who in &long.head[1..] {
        line(&mut text, who, long, who, ["1024", "16384", "1048576", "16777216"])?;
    }
    let measured = |table: &Table| {
        format!("{}, {}, {}", table.noted("machine"), table.noted("rustc"), table.noted("date"))
    };
    write!(text, "\nOne thread of {}", measured(long)).expect("a string takes all");
    if measured(calls) != measured(long) {
        write!(text, "; calls: {}", measured(calls)).expect("a string takes all");
    }
    if [long, calls].iter().any(|table| !table.noted("effort").is_empty()) {
        text += ". **A quick run on a busy machine: not to be trusted**";
    }
    text += ".\n";
    Ok(text)
}

/// A line of a table: the rows of these lengths, of a column.
fn line(
    text: &mut String,
    name: &str,
    table: &Table,
    column: &str,
    lengths: [&str; 4],
) -> Result<(), String> {
    let column = table.column(column).ok_or(format!("no column {column}"))?;
    write!(text, "| {name} |").expect("a string takes all");
    for length in lengths {
        let row = table.rows.iter().position(|row| row[0] == length);
        let row = row.ok_or(format!("no row of {length}"))?;
        let number = table.number(row, column).ok_or(format!("no number at {length}"))?;
        let number = if number < 10.0 { format!("{number:.2}") } else { format!("{number:.0}") };
        write!(text, " {number} |").expect("a string takes all");
    }
    text.push('\n');
    Ok(())
}

/// `.ci/size` compares the figures of this table with what it finds.
fn size(table: &Table) -> String {
    let mut text = String::from("| target | a call of | adds |\n|---|---|--:|\n");
    for row in &table.rows {
        let bytes = row[2].parse().map_or_else(|_| row[2].clone(), kilobytes);
        writeln!(text, "| {} | `{}` | {bytes} |", row[0], row[1]).expect("a string takes all");
    }
    text
}
