//! The largest error of an elementwise function against its input, from what `tests/exhaustive`
//! finds. The axis of inputs is that of their bits: every binade is as wide as the next, negative
//! inputs are mirrored at the left, and what is between them is cut out.

use crate::chart::{Axis, Curve, Entry, Mark, Panel, colour, panels};
use crate::data::Table;
use logits::Backend;
use std::path::Path;
use std::process::Command;

/// What is larger is drawn as a bar above the area.
const LIMIT: f64 = 4.0;
/// Between negative and positive inputs, as a part of both.
const GAP: f64 = 0.06;

/// Runs the proof of these functions, which leaves a table of each in the directory: on one backend
/// of each class, as all of a class agree in every bit.
pub fn measure(root: &Path, directory: &Path, quick: bool) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--release", "--manifest-path"]);
    command.arg(root.join("tests/exhaustive/Cargo.toml"));
    if cfg!(feature = "peers") {
        command.args(["--features", "peers"]);
    }
    command.args(["--", "exp", "ln", "--csv"]).arg(directory);
    let of_class = |fused| Backend::available().find(|backend| backend.is_fused() == fused);
    let backends = [true, false].into_iter().filter_map(of_class).map(Backend::name);
    command.arg("--backend").arg(backends.collect::<Vec<_>>().join(","));
    if quick {
        command.args(["--step", "127"]);
    }
    let status = command.status().map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("the proof fails".into()) }
}

/// Inputs of one sign: where its axis begins and ends, in steps from 0 outward.
struct Side {
    negative: bool,
    first: f64,
    last: f64,
    /// What is added to a step, negated or not, for its place.
    shift: f64,
}

impl Side {
    fn place(&self, step: f64) -> f64 {
        if self.negative { self.shift - step } else { self.shift + step }
    }
}

/// From an input to its step: how many bits of its place are below it.
fn step(x: f32, width: u32) -> f64 {
    f64::from(x.abs().to_bits()) / f64::from(width)
}

/// Where an error is drawn; the scale has room for small and large ones.
fn height(error: f64) -> f64 {
    (1.0 + 2.0 * error).ln()
}

/// Each row's input, and the row; the first row, of all inputs, has none.
fn inputs(table: &Table) -> Vec<(f32, usize)> {
    let input = |(at, row): (usize, &Vec<String>)| Some((row[0].parse().ok()?, at));
    table.rows.iter().enumerate().skip(1).filter_map(input).collect()
}

fn sides(inputs: &[(f32, usize)], width: u32) -> Vec<Side> {
    let mut sides = vec![];
    for negative in [true, false] {
        let steps = inputs.iter().filter(|input| input.0.is_sign_negative() == negative);
        let (first, last) = steps
            .map(|input| step(input.0, width))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(first, last), step| {
                (step.min(first), step.max(last))
            });
        if first <= last {
            sides.push(Side { negative, first, last: last + 1.0, shift: 0.0 });
        }
    }
    let all: f64 = sides.iter().map(|side| side.last - side.first).sum();
    if let [negative, positive] = &mut sides[..] {
        let gap = all * GAP / 2.0;
        (negative.shift, positive.shift) = (negative.first - gap, gap - positive.first);
    }
    sides
}

fn power_of_ten(exponent: i32) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let small = |c: char| c.to_digit(10).map_or('⁻', |digit| digits[digit as usize]);
    match exponent {
        0 => "1".into(),
        1 => "10".into(),
        _ => format!("10{}", exponent.to_string().chars().map(small).collect::<String>()),
    }
}

/// Powers of ten, as many as have room.
fn axis(sides: &[Side], width: u32) -> Axis {
    let place = |side: &Side, decade: i32| {
        let power: f32 = format!("1e{decade}").parse().expect("a number");
        let step = step(power, width);
        (side.first..side.last).contains(&step).then(|| side.place(step))
    };
    let places = |every: i32| {
        sides.iter().flat_map(move |side| {
            let decades = (-45..=38).filter(move |decade| decade % every == 0);
            decades.filter_map(move |decade| {
                let sign = if side.negative { "−" } else { "" };
                Some((place(side, decade)?, format!("{sign}{}", power_of_ten(decade))))
            })
        })
    };
    let every = [1, 2, 3, 5].into_iter().find(|&every| places(every).count() <= 15).unwrap_or(10);
    let mut ticks: Vec<_> = places(every).collect();
    if sides.len() == 2 {
        ticks.push((0.0, "0".into()));
    }
    let ends = sides.iter().flat_map(|side| [side.place(side.first), side.place(side.last)]);
    let (low, high) = ends
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (end.min(low), end.max(high)));
    Axis { label: "x".into(), range: low..high, ticks }
}

/// A step for each cell of a column, and bars at `above` where it is beyond the limit.
fn curve(
    table: &Table,
    column: usize,
    inputs: &[(f32, usize)],
    sides: &[Side],
    width: u32,
    above: f64,
) -> [Vec<Vec<(f64, f64)>>; 2] {
    let (mut pieces, mut bars) = (vec![], vec![]);
    for side in sides {
        let of_side = inputs.iter().filter(|input| input.0.is_sign_negative() == side.negative);
        let mut cells: Vec<_> = of_side.map(|&(x, row)| (step(x, width), row)).collect();
        cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut piece, mut bar): (Vec<_>, Vec<_>) = (vec![], vec![]);
        for (step, row) in cells {
            let Some(error) = table.number(row, column) else { continue };
            let ends = [side.place(step), side.place(step + 1.0)];
            let top = height(LIMIT);
            if error <= LIMIT {
                if !bar.is_empty() {
                    bars.push(std::mem::take(&mut bar));
                    piece.push((ends[0], top));
                }
                piece.extend(ends.map(|x| (x, height(error))));
            } else {
                if !piece.is_empty() {
                    piece.push((ends[0], top));
                    pieces.push(std::mem::take(&mut piece));
                }
                bar.extend(ends.map(|x| (x, above)));
            }
        }
        pieces.push(piece);
        bars.push(bar);
    }
    [pieces, bars].map(|mut all| {
        all.retain(|piece| !piece.is_empty());
        all
    })
}

pub fn draw(table: &Table) -> Result<String, String> {
    let width: u32 = table.noted("width").parse().map_err(|_| "no width of cells")?;
    let contract: f64 = table.noted("contract").parse().map_err(|_| "no contract")?;
    let inputs = inputs(table);
    let sides = sides(&inputs, width);
    let (mut curves, mut above) = (vec![], height(LIMIT) + 0.07);
    let names = || table.head.iter().enumerate().skip(1);
    for (at, name) in names() {
        let [pieces, bars] = curve(table, at, &inputs, &sides, width, above);
        let thick = if name.starts_with("logits") { 3 } else { 2 };
        if !bars.is_empty() {
            above += 0.04;
            curves.push(Curve { colour: colour(name), width: 6, pieces: bars });
        }
        curves.push(Curve { colour: colour(name), width: thick, pieces });
    }
    let mut ticks: Vec<_> =
        [0.0, 0.25, 0.5, 1.0, 2.0, LIMIT].map(|error| (height(error), error.to_string())).into();
    let is_above = above > height(LIMIT) + 0.07;
    if is_above {
        ticks.push((height(LIMIT) + 0.1, "> 4".into()));
    }
    // Where nothing errs more, the scale ends at 1.
    let highest = curves.iter().flat_map(|curve| curve.pieces.iter().flatten()).map(|at| at.1);
    let top = if highest.fold(0.0, f64::max) > height(1.0) { above } else { height(1.0) };
    ticks.retain(|tick| tick.0 <= top);
    let level = |ulp: f64, label: String| Mark { at: height(ulp), label, below: ulp == 0.5 };
    let panel = Panel {
        title: String::new(),
        x: axis(&sides, width),
        y: Axis { label: "largest error in ULP".into(), range: 0.0..top, ticks },
        curves,
        columns: vec![],
        levels: vec![
            level(0.5, "correct rounding: 0.5".into()),
            level(contract, format!("contract of logits: {contract}")),
        ],
    };
    let mut legend = vec![Entry::text("", "largest")];
    for (at, name) in names() {
        let figure = match table.number(0, at) {
            Some(largest) if largest < 1e3 => format!("{largest:.3}"),
            Some(largest) => format!("{largest:.0e}"),
            None => String::new(),
        };
        legend.push(Entry::new(name, figure));
    }
    if table.rows.iter().flatten().any(|cell| cell == "inf") {
        legend.push(Entry::text("> 4: some ∞, NaN or −0 is wrong", ""));
    }
    let title = format!("{}: largest error against the input", table.noted("function"));
    let subtitle = format!("Of {}, against an oracle. Lower is better.", table.noted("inputs"));
    panels(430, &title, &subtitle, &[panel], &legend)
}

#[cfg(test)]
mod tests {
    use super::{curve, inputs, sides};
    use crate::data::Table;

    const WIDTH: u32 = 1 << 19;

    fn table(x: &[&str]) -> Table {
        let mut table = Table::new(["x", "logits fused"]);
        table.push(["all".into(), "1".into()]);
        x.iter().for_each(|x| table.push([(*x).into(), "0.5".into()]));
        table
    }

    #[test]
    fn inputs_ascend_from_left_to_right() {
        let table = table(&["-9", "-1", "-0.125", "0.125", "1", "9"]);
        let inputs = inputs(&table);
        let sides = sides(&inputs, WIDTH);
        let [pieces, bars] = curve(&table, 1, &inputs, &sides, WIDTH, 9.0);
        assert!(bars.is_empty() && pieces.len() == 2);
        let [negative, positive] = &pieces[..] else { panic!("two sides") };
        // From 0 outward, on either side.
        let places = negative.iter().rev().chain(positive).map(|point| point.0);
        assert!(places.is_sorted());
    }

    #[test]
    fn a_side_without_inputs_is_not_shown() {
        let sides = sides(&inputs(&table(&["0.001", "1000"])), WIDTH);
        assert!(sides.len() == 1 && !sides[0].negative);
    }
}
