//! The summary, as Markdown that is also a table to the eye.
//!
//! Mean and share are over results more than 1/1024 ULP from every f32; in the
//! rest, rounding has no choice.

use crate::functions::Target;
use crate::sweep::Report;

const HEAD: [&str; 9] = [
    "function",
    "backend",
    "largest ULP",
    "at",
    "that is",
    "mean ULP",
    "rounded right",
    "wrong",
    "differ",
];

pub type Row = [String; HEAD.len()];

pub fn row(target: Target, report: &Report) -> Row {
    let tally = &report.tally;
    let (largest, x) = tally.largest;
    [
        target.name.into(),
        report.name.clone(),
        ulps(largest),
        format!("0x{:08X}", x.to_bits()),
        format!("{x:e}"),
        ulps(tally.mean()),
        format!("{:.3} %", 100.0 * tally.share_rounded()),
        tally.wrong.to_string(),
        report.differ.to_string(),
    ]
}

/// Four digits after the point, while it is worth while.
fn ulps(error: f64) -> String {
    if error < 1e4 { format!("{error:.4}") } else { format!("{error:.1e}") }
}

pub fn print(rows: &[Row]) {
    let head = HEAD.map(String::from);
    let all = || std::iter::once(&head).chain(rows);
    let widths: [usize; HEAD.len()] =
        std::array::from_fn(|column| all().map(|row| row[column].len()).max().unwrap_or(0));
    // Names to the left, figures to the right.
    let line = |row: &Row| {
        let cell = |column: usize| match column {
            0 | 1 => format!("{:<1$}", row[column], widths[column]),
            _ => format!("{:>1$}", row[column], widths[column]),
        };
        println!("| {} |", std::array::from_fn::<_, { HEAD.len() }, _>(cell).join(" | "));
    };
    line(&head);
    line(&std::array::from_fn(|column| match column {
        0 | 1 => "-".repeat(widths[column]),
        _ => "-".repeat(widths[column] - 1) + ":",
    }));
    rows.iter().for_each(line);
}
