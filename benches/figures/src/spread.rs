//! The largest error of softmax against the spread of the scores.

use crate::chart::{Axis, Curve, Entry, Mark, Panel, colour, panels};
use crate::data::Table;
use crate::plain;
use crate::random::Random;
use logits::{Backend, contract};

/// Elements of a row, and rows of each spread.
const COLUMNS: usize = 64;
const ROWS: usize = 10_000;
/// Everything is exact but this difference, the argument of exp.
const ROUNDED: &str = "x − max in f32";

type Softmax = Box<dyn FnMut(&[f32], &mut [f32])>;

fn contenders() -> Vec<(String, Softmax)> {
    let mut contenders: Vec<(String, Softmax)> = vec![];
    for (name, fused) in [("logits fused", true), ("logits unfused", false)] {
        if let Some(backend) = Backend::available().find(|backend| backend.is_fused() == fused) {
            let call =
                move |x: &[f32], out: &mut [f32]| backend.softmax(x, out).expect("equal lengths");
            contenders.push((name.into(), Box::new(call)));
        }
    }
    contenders.push(("plain loop".into(), Box::new(plain::softmax)));
    contenders.push((ROUNDED.into(), Box::new(with_rounded_arguments)));
    #[cfg(feature = "peers")]
    contenders.extend(logits_peers::peers("softmax").into_iter().filter_map(|mut peer| {
        let own: (String, Softmax) =
            (peer.name.clone(), Box::new(move |x: &[f32], out: &mut [f32]| peer.call(x, out)));
        (!own.0.ends_with(" avx2")).then_some(own)
    }));
    contenders
}

/// Of arguments that are exact, or as a subtraction in f32 rounds them; the rest is done in f64.
fn softmax(x: &[f32], less: impl Fn(f32) -> f64) -> impl Iterator<Item = f64> {
    let e: Vec<f64> = x.iter().map(|&x| less(x).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.into_iter().map(move |e| e / sum)
}

fn largest(x: &[f32]) -> f32 {
    x.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

fn exact(x: &[f32]) -> Vec<f64> {
    let max = f64::from(largest(x));
    softmax(x, |x| f64::from(x) - max).collect()
}

fn with_rounded_arguments(x: &[f32], out: &mut [f32]) {
    let max = largest(x);
    let p = softmax(x, |x| f64::from(x - max));
    out.iter_mut().zip(p).for_each(|(out, p)| *out = p as f32);
}

/// In units in the last place of the exact result, 2^-149 of a subnormal one.
fn error(found: f32, exact: f64) -> f64 {
    let power = f64::from_bits(exact.to_bits() & f64::INFINITY.to_bits());
    let unit = power.max(f32::MIN_POSITIVE.into()) * f64::from(f32::EPSILON);
    (f64::from(found) - exact).abs() / unit
}

/// The largest error of each contender, a spread a row.
pub fn measure() -> Table {
    let mut contenders = contenders();
    let names = contenders.iter().map(|contender| contender.0.clone());
    let head: Vec<String> = std::iter::once("spread".into()).chain(names).collect();
    let mut table = Table::new(head).note("rows", format!("{ROWS} rows of {COLUMNS} elements"));
    let mut random = Random::new();
    for half_power in 0..=16 {
        let spread = f64::from(half_power).exp2().sqrt();
        let mut worst = vec![0.0f64; contenders.len()];
        let mut out = [0.0; COLUMNS];
        for _ in 0..ROWS {
            let middle = f64::from(random.within(-10.0, 10.0));
            let (low, high) = (middle - spread / 2.0, middle + spread / 2.0);
            let mut x: [f32; COLUMNS] = std::array::from_fn(|_| random.within(low, high));
            [x[0], x[1]] = [low as f32, high as f32];
            let exact = exact(&x);
            for ((_, call), worst) in contenders.iter_mut().zip(&mut worst) {
                call(&x, &mut out);
                let errors = out.iter().zip(&exact).map(|(&found, &exact)| error(found, exact));
                *worst = errors.fold(*worst, f64::max);
            }
        }
        let worst = worst.into_iter().map(|error| format!("{error:.3}"));
        table.push(std::iter::once(format!("{spread:.3}")).chain(worst));
    }
    table
}

pub fn draw(table: &Table) -> Result<String, String> {
    let column = |column: usize| -> Vec<(f64, f64)> {
        let point = |row| {
            let (x, y) = (table.number(row, 0)?, table.number(row, column)?);
            Some((x.log2(), y.log2()))
        };
        (0..table.rows.len()).filter_map(point).collect()
    };
    let names = || table.head.iter().enumerate().skip(1);
    let curves: Vec<_> = names()
        .map(|(at, name)| Curve { colour: colour(name), width: 5, pieces: vec![column(at)] })
        .collect();
    let all = curves.iter().flat_map(|curve| &curve.pieces[0]).map(|point| point.1);
    let high = all.fold(5.0, f64::max).ceil();
    let panel = Panel {
        title: String::new(),
        x: Axis::of_powers(
            "spread of the scores: largest − smallest of a row",
            0.0..8.0,
            1,
            |s| s.to_string(),
        ),
        y: Axis::of_powers("largest error in ULP", -1.0..high, 1, |ulp| ulp.to_string()),
        curves,
        columns: vec![],
        levels: vec![Mark {
            at: contract::SOFTMAX.log2(),
            label: format!("contract of logits: {:.1}", contract::SOFTMAX),
            below: false,
        }],
    };
    let last = |at: usize| {
        let all = (0..table.rows.len()).filter_map(|row| table.number(row, at));
        format!("{:.2}", all.fold(0.0, f64::max))
    };
    let heading = Entry::text("", "largest");
    let legend = names().map(|(at, name)| Entry::new(name, last(at)));
    let legend: Vec<_> = std::iter::once(heading).chain(legend).collect();
    let subtitle = format!(
        "{}, uniform around a middle within ±10. “{ROUNDED}”: all else is exact.",
        table.noted("rows")
    );
    panels(430, "softmax: error against the spread of the scores", &subtitle, &[panel], &legend)
}
