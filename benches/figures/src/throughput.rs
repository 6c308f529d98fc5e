//! Elements per second of softmax against the length of the row.

use crate::chart::{Axis, Curve, Entry, Mark, Panel, colour, panels};
use crate::data::Table;
use crate::plain;
use crate::random::Random;
use crate::timing::{Call, Effort, nanoseconds};
use logits::Backend;
use std::fs;
use std::hint::black_box;

/// The longest row: 2^24 elements.
const LONGEST: u32 = 24;

/// Each power of two, and half way to the next.
fn lengths() -> impl Iterator<Item = usize> {
    let between = |power| [2usize.pow(power), 2usize.pow(power) * 3 / 2];
    (1..LONGEST).flat_map(between).chain([2usize.pow(LONGEST)])
}

type Softmax = Box<dyn FnMut(&[f32], &mut [f32])>;

/// Every contender. Those in Python are left out: of a short row, a call from Python is all.
fn contenders() -> Vec<(String, Softmax)> {
    let ours = Backend::available().map(|backend| -> (String, Softmax) {
        let call =
            move |x: &[f32], out: &mut [f32]| backend.softmax(x, out).expect("equal lengths");
        (format!("logits {}", backend.name()), Box::new(call))
    });
    let plain: (String, Softmax) = ("plain loop".into(), Box::new(plain::softmax));
    ours.chain([plain]).chain(peers()).collect()
}

#[cfg(feature = "peers")]
fn peers() -> impl Iterator<Item = (String, Softmax)> {
    let peers = logits_peers::native("softmax").into_iter();
    peers.filter(|peer| !peer.name.ends_with(" avx2")).map(|mut peer| -> (String, Softmax) {
        (peer.name.clone(), Box::new(move |x, out| peer.call(x, out)))
    })
}

#[cfg(not(feature = "peers"))]
fn peers() -> impl Iterator<Item = (String, Softmax)> {
    std::iter::empty()
}

/// Nanoseconds an element of each contender, a length a row.
pub fn measure(effort: Effort) -> Table {
    let mut contenders = contenders();
    let names = contenders.iter().map(|contender| contender.0.clone());
    let head: Vec<String> = std::iter::once("n".into()).chain(names).collect();
    let mut table = Table::new(head).of_this_machine();
    for (name, bytes) in caches() {
        table = table.note(&name, bytes.to_string());
    }
    let mut random = Random::new();
    for n in lengths() {
        let x: Vec<f32> = (0..n).map(|_| random.within(-6.0, 6.0)).collect();
        // Results start some lines further within a page than inputs: a store would otherwise
        // look to the CPU like one to what is loaded next.
        let mut results = vec![0.0; n + 1024];
        let start = (x.as_ptr() as usize % 4096 / 4 + 256 + 1024
            - results.as_ptr() as usize % 4096 / 4)
            % 1024;
        let results = std::cell::RefCell::new(&mut results[start..][..n]);
        let calls = contenders.iter_mut().map(|(_, call)| -> Call {
            Box::new(|| call(black_box(&x), black_box(&mut results.borrow_mut())))
        });
        let found = nanoseconds(&mut calls.collect::<Vec<_>>(), effort);
        let each = found.into_iter().map(|ns| format!("{:.4}", ns / n as f64));
        table.push(std::iter::once(n.to_string()).chain(each));
        eprint!("\rsoftmax of {n}        ");
    }
    eprintln!();
    table
}

/// The caches that this CPU has for data, and their bytes.
fn caches() -> Vec<(String, u64)> {
    let cache = |index: u32| {
        let read = |file| {
            fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/{file}"))
        };
        let (level, kind, size) = (read("level").ok()?, read("type").ok()?, read("size").ok()?);
        let kilobytes: u64 = size.trim().strip_suffix('K')?.parse().ok()?;
        (kind.trim() != "Instruction").then(|| (format!("L{}", level.trim()), kilobytes << 10))
    };
    (0..8).filter_map(cache).collect()
}

/// `2`, `16 Ki` or `4 Mi`.
fn binary(n: f64) -> String {
    match n {
        n if n >= 1048576.0 => format!("{} Mi", n / 1048576.0),
        n if n >= 1024.0 => format!("{} Ki", n / 1024.0),
        n => n.to_string(),
    }
}

pub fn draw(table: &Table) -> Result<String, String> {
    let y = |ns: f64| (1.0 / ns).log2();
    let column = |column: usize| -> Vec<(f64, f64)> {
        let rows = 0..table.rows.len();
        let point = |row| Some((table.number(row, 0)?.log2(), y(table.number(row, column)?)));
        rows.filter_map(point).collect()
    };
    let names = || table.head.iter().enumerate().skip(1);
    let curves: Vec<_> = names()
        .map(|(at, name)| Curve { colour: colour(name), width: 5, pieces: vec![column(at)] })
        .collect();
    let all = || curves.iter().flat_map(|curve| &curve.pieces[0]).map(|point| point.1);
    let low = all().fold(f64::INFINITY, f64::min).floor();
    let high = all().fold(f64::NEG_INFINITY, f64::max).ceil();
    // Input and results, of 8 bytes an element, fill the cache.
    let beyond = |level: &str| table.noted(level).parse().map(|bytes: f64| (bytes / 8.0).log2());
    let mark = |level: &str| {
        let at = beyond(level).ok().filter(|at| *at < f64::from(LONGEST))?;
        Some(Mark { at, label: format!("{level} is full"), below: false })
    };
    let panel = Panel {
        title: String::new(),
        x: Axis::of_powers("elements of the row", 1.0..f64::from(LONGEST), 2, binary),
        y: Axis::of_powers("10⁹ elements per second", low..high + 0.5, 1, |rate| {
            if rate < 1.0 { format!("1/{}", 1.0 / rate) } else { rate.to_string() }
        }),
        curves,
        columns: ["L1", "L2", "L3"].iter().filter_map(|level| mark(level)).collect(),
        levels: vec![],
    };
    let middle = table.rows.iter().position(|row| row[0] == "1024").unwrap_or(0);
    let heading = Entry::text("ns per element at", "1 Ki");
    let legend = names().map(|(at, name)| Entry::new(name, table.rows[middle][at].clone()));
    let legend: Vec<_> = std::iter::once(heading).chain(legend).collect();
    let subtitle =
        format!("One thread of {}, {}. Higher is better.", table.noted("machine"), table.date());
    panels(500, "softmax: speed against length", &subtitle, &[panel], &legend)
}
