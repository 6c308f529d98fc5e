//! The largest error against the input, as a table that `benches/figures` draws.
//!
//! `#` lines say what it is of; then come a head with the names of what is compared, a row of the
//! largest error of all inputs, and one of each cell: its input nearest to 0, and the largest errors
//! in it, infinite if an infinity, a NaN or the sign of a zero is wrong.

use crate::functions::Target;
use crate::sweep::{BIN, BINS, Report};
use std::fmt::Write;
use std::ops::Range;

/// Where `logits` errs less, the ends of the axis and its middle are left out.
const FLAT: f64 = 0.05;
/// Rows at most: bins are joined until they are so few.
const ROWS: usize = 1200;

/// The backends of a class, or a peer on all its instruction sets.
struct Column {
    name: String,
    bins: Vec<f64>,
    largest: f64,
}

fn columns(reports: &[Report]) -> Vec<Column> {
    let mut columns: Vec<Column> = Vec::new();
    for report in reports {
        let at = columns.iter().position(|column| column.name == report.class);
        let at = at.unwrap_or_else(|| {
            let (name, bins) = (report.class.clone(), vec![0.0; BINS]);
            columns.push(Column { name, bins, largest: 0.0 });
            columns.len() - 1
        });
        let column = &mut columns[at];
        column.bins.iter_mut().zip(&report.bins).for_each(|(bin, other)| *bin = bin.max(*other));
        column.largest = column.largest.max(report.tally.largest.0);
    }
    columns
}

/// The bins of positive and of negative inputs in which `logits` errs.
fn sides(columns: &[Column]) -> Vec<Range<usize>> {
    let finite = f32::INFINITY.to_bits() as usize / BIN;
    let ours = || columns.iter().filter(|column| column.name.starts_with("logits"));
    let side = |start: usize| {
        let errs = |&bin: &usize| ours().any(|column| column.bins[bin] > FLAT);
        let mut erring = (start..start + finite).filter(errs);
        let first = erring.next()?;
        Some(first..erring.next_back().unwrap_or(first) + 1)
    };
    [0, BINS / 2].into_iter().filter_map(side).collect()
}

/// The table of one function; `note` says which inputs it has seen.
pub fn csv(target: Target, reports: &[Report], note: &str) -> String {
    let columns = columns(reports);
    let contract = target.contract();
    let mut text = format!("# function: {}\n# inputs: {note}\n", target.name);
    let contract = contract.fused.ulp.max(contract.unfused.ulp);
    write(&mut text, &columns, contract).expect("a string takes all");
    text
}

fn write(text: &mut String, columns: &[Column], contract: f64) -> std::fmt::Result {
    let sides = sides(columns);
    let bins: usize = sides.iter().map(Range::len).sum();
    let joined = [1, 2, 4, 8, 16].into_iter().find(|joined| bins / joined < ROWS).unwrap_or(16);
    writeln!(text, "# contract: {contract}\n# width: {}", joined * BIN)?;
    let names: Vec<_> = columns.iter().map(|column| &*column.name).collect();
    writeln!(text, "x,{}", names.join(","))?;
    write!(text, "all")?;
    columns.iter().try_for_each(|column| write!(text, ",{:.3}", column.largest))?;
    writeln!(text)?;
    for side in sides {
        // Cells start where their width says, so that those of both sides are alike.
        for cell in side.start / joined..side.end.div_ceil(joined) {
            let bins = cell * joined..(cell + 1) * joined;
            write!(text, "{:e}", f32::from_bits((bins.start * BIN) as u32))?;
            for column in columns {
                let largest = column.bins[bins.clone()].iter().copied().fold(0.0, f64::max);
                write!(text, ",{largest:.3}")?;
            }
            writeln!(text)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of one column, whose error is 1 ULP at the bins of `x`, and 0 elsewhere.
    fn rows(x: &[f32]) -> Vec<(f32, f64)> {
        let (name, mut bins) = ("logits fused".into(), vec![0.0; BINS]);
        x.iter().for_each(|x| bins[x.to_bits() as usize / BIN] = 1.0);
        let mut text = String::new();
        write(&mut text, &[Column { name, bins, largest: 1.0 }], 1.0).expect("a string");
        let row = |line: &str| {
            let (x, error) = line.split_once(',').expect("two cells");
            (x.parse().expect("an input"), error.parse().expect("an error"))
        };
        text.lines().skip_while(|line| !line.starts_with("all")).skip(1).map(row).collect()
    }

    #[test]
    fn every_cell_between_errors_is_written() {
        let x = [-9.0, -1.0, -0.125, 0.125, 1.0, 9.0];
        let rows = rows(&x);
        for x in x {
            assert!(rows.contains(&(x, 1.0)), "{x}");
        }
        assert_eq!(rows.iter().filter(|row| row.1 == 1.0).count(), x.len());
        // 1/8 to 9 are 6 binades and 1/8 of one.
        assert_eq!(rows.len(), 2 * (6 * 16 + 2 + 1));
    }

    #[test]
    fn only_sides_with_errors_are_written() {
        assert!(rows(&[1e-3, 1e3]).iter().all(|row| row.0 > 0.0));
    }

    #[test]
    fn wide_ranges_have_wide_cells() {
        let rows = rows(&[f32::MIN_POSITIVE, f32::MAX]);
        assert!(rows.len() <= ROWS && rows.len() > ROWS / 2, "{}", rows.len());
    }
}
