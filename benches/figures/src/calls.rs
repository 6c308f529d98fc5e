//! Nanoseconds of one call on a short row.

use crate::chart::{Axis, Curve, Entry, Panel, colour, panels};
use crate::data::Table;
use crate::plain;
use crate::random::Random;
use crate::timing::{Call, Effort, nanoseconds};
use logits::loss::CrossEntropy;
use logits::{Rows, RowsMut};
use std::cell::RefCell;
use std::hint::black_box;

const LONGEST: usize = 100;
const FUNCTIONS: [&str; 3] = ["softmax", "log_sum_exp", "loss_and_gradient"];
const WHO: [&str; 2] = ["logits", "plain loop"];

/// A column for each function, by `logits` and by a plain loop.
pub fn measure(effort: Effort) -> Table {
    let columns = FUNCTIONS.iter().flat_map(|name| WHO.map(|who| format!("{name} {who}")));
    let head: Vec<String> = std::iter::once("n".into()).chain(columns).collect();
    let mut table = Table::new(head).of_this_machine();
    let mut random = Random::new();
    for n in 1..=LONGEST {
        let x: Vec<f32> = (0..n).map(|_| random.within(-6.0, 6.0)).collect();
        let (x, out) = (&x[..], RefCell::new(vec![0.0; n]));
        let loss = CrossEntropy::new();
        let mut calls: [Call; 6] = [
            Box::new(|| {
                let softmax = logits::softmax(black_box(x), black_box(&mut out.borrow_mut()));
                black_box(softmax).expect("equal lengths");
            }),
            Box::new(|| plain::softmax(black_box(x), black_box(&mut out.borrow_mut()))),
            Box::new(|| _ = black_box(logits::log_sum_exp(black_box(x)))),
            Box::new(|| _ = black_box(plain::log_sum_exp(black_box(x)))),
            Box::new(|| {
                let mut out = out.borrow_mut();
                let rows = Rows::new(black_box(x), n).expect("a row");
                let out = RowsMut::new(black_box(&mut out), n).expect("a row");
                let result = loss.loss_and_gradient(rows, black_box(&[0u32]), out);
                black_box(result.expect("a label"));
            }),
            Box::new(|| {
                let out = &mut out.borrow_mut();
                black_box(plain::loss_and_gradient(black_box(x), 0, black_box(out)));
            }),
        ];
        let found = nanoseconds(&mut calls, effort);
        table.push(std::iter::once(n.to_string()).chain(found.iter().map(|ns| format!("{ns:.1}"))));
    }
    table
}

pub fn draw(table: &Table) -> Result<String, String> {
    let column = |name: &str, who: &str| -> Vec<(f64, f64)> {
        let column = table.column(&format!("{name} {who}"));
        let point = |row| Some((table.number(row, 0)?, table.number(row, column?)?));
        (0..table.rows.len()).filter_map(point).collect()
    };
    let largest = |who: &str| {
        let all = FUNCTIONS.iter().flat_map(|name| column(name, who));
        // A row of one element may take a way of its own: the legend has it.
        all.filter(|point| point.0 > 1.0).map(|point| point.1).fold(0.0, f64::max)
    };
    let most = WHO.iter().map(|who| largest(who)).fold(0.0, f64::max);
    let y = Axis::from_zero("ns per call", most);
    let within = |(n, ns): (f64, f64)| (n, ns.min(y.range.end));
    let panel = |name: &&str| Panel {
        title: (*name).into(),
        x: Axis {
            label: "elements of the row".into(),
            range: 0.0..100.0,
            ticks: (0..=5).map(|i| (f64::from(i) * 20.0, (i * 20).to_string())).collect(),
        },
        y: y.clone(),
        curves: WHO
            .iter()
            .map(|who| Curve {
                colour: colour(who),
                width: 5,
                pieces: vec![column(name, who).into_iter().map(within).collect()],
            })
            .collect(),
        columns: vec![],
        levels: vec![],
    };
    let panels_of: Vec<_> = FUNCTIONS.iter().map(panel).collect();
    let at = |n: &str, name: &str, who: &str| {
        let row = table.rows.iter().position(|row| row[0] == n)?;
        table.number(row, table.column(&format!("{name} {who}"))?)
    };
    let mut legend: Vec<_> = WHO.iter().map(|who| Entry::new(who, "")).collect();
    for n in ["1", "8", "100"] {
        legend.push(Entry::text("", ""));
        legend.push(Entry::text(&format!("n = {n}"), "ns, ours/loop"));
        for name in FUNCTIONS {
            let [ours, plain] = WHO.map(|who| at(n, name, who).unwrap_or(f64::NAN));
            legend.push(Entry::text(name, &format!("{ours:.0}/{plain:.0}")));
        }
    }
    let subtitle = format!(
        "Checks and dispatch included. One thread of {}, {}. Lower is better.",
        table.noted("machine"),
        table.date()
    );
    panels(440, "One call on a short row", &subtitle, &panels_of, &legend)
}
