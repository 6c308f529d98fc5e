//! Compares this crate with CMSIS-DSP: prints the instructions of calls, the largest errors, and
//! some special values, with tabs between.
#![no_std]
#![no_main]

#[path = "../counter.rs"]
mod counter;
mod dsp;
mod functions;
#[path = "../scores.rs"]
mod scores;

use core::hint::black_box;
use counter::instructions;
use functions::{COUNT, FUNCTIONS, Function, Input};
use scores::{LENGTHS, LONGEST, Random};
use semihosting::{println, process};

/// Kinds of scores: within ±`.1` of `.2`.
const KINDS: [(&str, f32, f32); 3] =
    [("±8", 8.0, 0.0), ("±40", 40.0, 0.0), ("1000 ± 40", 40.0, 1000.0)];
/// Errors are the largest of so many rows of each length.
const ROWS: usize = 100;

type Row = [f32; LONGEST];

/// Memory for the longest rows.
struct Rows {
    x: Row,
    y: Row,
    p: Row,
    q: Row,
    close: Row,
    out: Row,
    exact: [f64; LONGEST],
}

impl Rows {
    fn fill(&mut self, random: &mut Random, spread: f32, offset: f32, n: usize) -> Option<()> {
        let (x, y) = (self.x.get_mut(..n)?, self.y.get_mut(..n)?);
        random.fill(x, spread);
        random.fill(y, spread);
        x.iter_mut().for_each(|x| *x += offset);
        probabilities(x, self.p.get_mut(..n)?, &mut self.exact);
        probabilities(y, self.q.get_mut(..n)?, &mut self.exact);
        // Scores that differ from those of p by at most a tenth.
        let scores = self.out.get_mut(..n)?;
        for ((score, x), y) in scores.iter_mut().zip(x).zip(y) {
            *score = *x + *y / (10.0 * spread);
        }
        probabilities(scores, self.close.get_mut(..n)?, &mut self.exact);
        Some(())
    }

    fn split(&mut self, n: usize) -> Option<(Input<'_>, &mut [f32], &mut [f64])> {
        let (x, y, close) = (self.x.get(..n)?, self.y.get(..n)?, self.close.get(..n)?);
        let (p, q) = (self.p.get(..n)?, self.q.get(..n)?);
        Some((Input { x, y, p, q, close }, self.out.get_mut(..n)?, &mut self.exact))
    }
}

/// The softmax of scores, each rounded once.
fn probabilities(x: &[f32], p: &mut [f32], exact: &mut [f64]) {
    functions::softmax(x, exact);
    for (p, exact) in p.iter_mut().zip(exact) {
        *p = *exact as f32;
    }
}

/// The distance of neighbouring f32 at the size of a number.
fn ulp(size: f64) -> f64 {
    let exponent = ((size.to_bits() >> 52) & 0x7FF).max(1023 - 126);
    f64::from_bits((exponent - 23) << 52)
}

/// The largest error of a function's results for one input, in ULP; NaN if all are infinite.
fn error(
    function: &Function,
    input: &Input<'_>,
    out: &mut [f32],
    exact: &mut [f64],
) -> Option<f64> {
    (function.call)(input, out).ok()?;
    let size = (function.exact)(input, exact);
    let results = if size.is_some() { 1 } else { out.len() };
    let mut largest = f64::NAN;
    for (out, exact) in out.iter().zip(exact).take(results) {
        largest = largest.max((f64::from(*out) - *exact).abs() / ulp(size.unwrap_or(*exact).abs()));
    }
    Some(largest)
}

fn counts(rows: &mut Rows) -> Option<()> {
    for function in &FUNCTIONS {
        for n in LENGTHS {
            rows.fill(&mut Random::new(), 8.0, 0.0, n)?;
            let (input, out, _) = rows.split(n)?;
            let count = instructions(|| {
                black_box((function.call)(black_box(&input), black_box(out))).ok();
            });
            let per_element = count / n as f32;
            println!(
                "instructions\t{}\t{}\tn = {n}\t{per_element}",
                function.name, function.library
            );
        }
    }
    Some(())
}

fn errors(rows: &mut Rows) -> Option<()> {
    for (kind, spread, offset) in KINDS {
        let (mut random, mut largest) = (Random::new(), [f64::NAN; COUNT]);
        for n in LENGTHS {
            for _ in 0..ROWS {
                rows.fill(&mut random, spread, offset, n)?;
                let (input, out, exact) = rows.split(n)?;
                for (largest, function) in largest.iter_mut().zip(&FUNCTIONS) {
                    *largest = largest.max(error(function, &input, out, exact)?);
                }
            }
        }
        for (largest, function) in largest.iter().zip(&FUNCTIONS) {
            println!("error\t{}\t{}\t{kind}\t{largest}", function.name, function.library);
        }
    }
    Some(())
}

fn special_values() -> Option<()> {
    let (infinity, nan) = (f32::INFINITY, f32::NAN);
    for (name, x, p, q) in [
        ("log_sum_exp", [-infinity, -infinity], [0.5; 2], [0.5; 2]),
        ("log_sum_exp", [infinity, 0.0], [0.5; 2], [0.5; 2]),
        ("softmax", [-infinity, 0.0], [0.5; 2], [0.5; 2]),
        ("softmax", [nan, 0.0], [0.5; 2], [0.5; 2]),
        ("entropy", [0.0; 2], [1.0, 0.0], [0.5; 2]),
        ("kl_divergence", [0.0; 2], [1.0, 0.0], [0.5; 2]),
        ("kl_divergence", [0.0; 2], [0.5; 2], [1.0, 0.0]),
    ] {
        for function in FUNCTIONS.iter().filter(|function| function.name == name) {
            let mut out = [0.0; 2];
            let input = Input { x: &x, y: &x, p: &p, q: &q, close: &q };
            (function.call)(&input, &mut out).ok()?;
            let result = out.get(..if name == "softmax" { 2 } else { 1 })?;
            println!("special\t{name}\t{}\t{x:?} {p:?} {q:?}\t{result:?}", function.library);
        }
    }
    Some(())
}

#[cortex_m_rt::entry]
fn main() -> ! {
    counter::start();
    let zeros = [0.0; LONGEST];
    let exact = [0.0; LONGEST];
    let mut rows = Rows { x: zeros, y: zeros, p: zeros, q: zeros, close: zeros, out: zeros, exact };
    let done = counts(&mut rows).and_then(|()| errors(&mut rows)).and_then(|()| special_values());
    process::exit(i32::from(done.is_none()))
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::exit(1)
}
