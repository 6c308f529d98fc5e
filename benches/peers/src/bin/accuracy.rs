//! How far softmax, its logarithm and log-sum-exp are off, `logits` and its peers.
//!
//! `cargo run --release --manifest-path benches/peers/Cargo.toml --bin accuracy [FUNCTION…]`
//!
//! Each line has the largest error over some rows, in units in the last place of
//! the exact result (of a subnormal one, 2^-149); of log-sum-exp in those of the
//! larger of 1 and the result. The exact results are computed in f64, with sums
//! in two words and the tail of each row apart: see `function.rs`.

use logits_peers::{Aligned, Function, Input, Peer, Shape, error, native, ours, remote, sum};
use std::f64::consts::TAU;

/// From an exact result to the number whose last place is the unit.
type Size = fn(f64) -> f64;

/// What is judged, and the bound that `logits` shall keep.
const FUNCTIONS: [(&str, f64, Size); 3] = [
    ("softmax", 2.0, |exact| exact),
    ("log_softmax", 2.0, |exact| exact),
    ("log_sum_exp", 1.0, |exact| exact.abs().max(1.0)),
];

/// The length of a row, and how many are tried.
const SHAPES: [Shape; 3] = [
    Shape { rows: 100_000, columns: 10 },
    Shape { rows: 1_000, columns: 1_000 },
    Shape { rows: 20, columns: 1 << 17 },
];
const LONGEST: Shape = Shape::vector(1 << 24);

/// What |Σ softmax − 1| may be.
const SUM: f64 = 1.0 / (1 << 23) as f64;

/// A kind of row.
type Fill = fn(&mut Random, &mut [f32]);

const ROWS: [(&str, Fill); 12] = [
    ("normal, σ = 1", |random, x| x.fill_with(|| random.normal(1.0))),
    ("normal, σ = 4", |random, x| x.fill_with(|| random.normal(4.0))),
    ("normal, σ = 10", |random, x| x.fill_with(|| random.normal(10.0))),
    ("normal, σ = 30", |random, x| x.fill_with(|| random.normal(30.0))),
    ("one by 20 to 80 ahead", |random, x| {
        let margin = random.within(20.0, 80.0);
        ahead(random, x, margin);
    }),
    ("one by 1000 ahead", |random, x| ahead(random, x, 1000.0)),
    ("all equal", |random, x| x.fill(random.normal(10.0))),
    ("±80 in turn", |random, x| {
        let sign = random.within(-1.0, 1.0).signum();
        (0..).zip(x).for_each(|(i, x)| *x = if i % 2 == 0 { 80.0 } else { -80.0 } * sign);
    }),
    ("every third 1e30", |random, x| {
        (0..).zip(x).for_each(|(i, x)| *x = if i % 3 == 0 { 1e30 } else { random.normal(4.0) });
    }),
    ("subnormal results", |random, x| {
        x.fill_with(|| random.within(-110.0, -85.0));
        x[random.index(x.len())] = 0.0;
    }),
    ("subnormal scores", |random, x| x.fill_with(|| random.normal(1e-39))),
    ("up to ±10^38", |random, x| {
        x.fill_with(|| random.within(-1.0, 1.0).signum() * 10f32.powf(random.within(-38.0, 38.0)));
    }),
];

/// One that exceeds all others by a margin.
fn ahead(random: &mut Random, x: &mut [f32], margin: f32) {
    x.fill_with(|| random.normal(1.0));
    let most = x.iter().copied().fold(f32::MIN, f32::max);
    x[random.index(x.len())] = most + margin;
}

/// Numbers at random, the same on every machine but for the last digits of `std`.
struct Random(u64);

impl Random {
    /// In [0, 1).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn within(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.uniform() as f32
    }

    fn index(&mut self, n: usize) -> usize {
        (self.uniform() * n as f64) as usize
    }

    fn normal(&mut self, deviation: f32) -> f32 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        (radius * (TAU * self.uniform()).cos() * f64::from(deviation)) as f32
    }
}

/// `logits` on each backend, and those peers that a user would take.
fn contenders(function: &str) -> Vec<Peer> {
    let mut contenders = ours(function);
    contenders.extend(remote(function, |name| ["PyTorch", "ONNX Runtime"].contains(&name)));
    contenders.extend(native(function).into_iter().filter(|peer| peer.name == "rten-vecmath"));
    contenders
}

fn data(shape: Shape, fill: Fill) -> Aligned {
    let (mut random, mut x) = (Random(1), Aligned::new(shape.elements()));
    x.chunks_exact_mut(shape.columns).for_each(|row| fill(&mut random, row));
    x
}

/// A figure of each contender's results.
fn judge(
    contenders: &mut [Peer],
    input: Input,
    results: usize,
    of: impl Fn(&[f32]) -> f64,
) -> Vec<f64> {
    let mut out = Aligned::new(results);
    let figure = |contender: &mut Peer| {
        out.fill(f32::NAN);
        contender.call(input, &mut out);
        of(&out)
    };
    contenders.iter_mut().map(figure).collect()
}

/// The largest, or NaN if there is one: no bound holds for that.
fn largest(figures: impl Iterator<Item = f64>) -> f64 {
    figures.fold(0.0, |largest, figure| if figure <= largest { largest } else { figure })
}

fn heading(what: &str, contenders: &[Peer]) {
    print!("\n{what}\n{:21} {:>8} ", "rows", "columns");
    contenders.iter().for_each(|peer| print!(" {:>12}", peer.name.replace("logits ", "")));
    println!();
}

/// A line of figures, and whether those of `logits` keep the bound.
fn print(rows: &str, columns: usize, contenders: &[Peer], figures: &[f64], bound: f64) {
    print!("{rows:21} {columns:8} ");
    for figure in figures {
        let digits =
            if *figure < 1000.0 { format!("{figure:.3}") } else { format!("{figure:.1e}") };
        print!(" {digits:>12}");
    }
    let ours = contenders.iter().zip(figures).filter(|(peer, _)| peer.name.starts_with("logits"));
    let holds = largest(ours.map(|(_, figure)| *figure)) <= bound;
    println!("  {}", if holds { "holds" } else { "FAILS" });
}

fn errors(name: &str, bound: f64, size: Size) {
    let (function, mut contenders) = (Function::of(name), contenders(name));
    heading(&format!("{name}: largest error in ULP, required ≤ {bound}"), &contenders);
    let mut line = |shape: Shape, (rows, fill): (&str, Fill)| {
        let x = data(shape, fill);
        let input = Input { shape, ..Input::from(&*x) };
        let exact = (function.exact)(input);
        let figures = judge(&mut contenders, input, exact.len(), |out| {
            largest(out.iter().zip(&exact).map(|(&out, &exact)| error(out, exact, size(exact))))
        });
        print(rows, shape.columns, &contenders, &figures, bound);
    };
    for shape in SHAPES {
        ROWS.iter().for_each(|&rows| line(shape, rows));
    }
    if name != "log_softmax" {
        line(LONGEST, ROWS[1]);
    }
}

fn sums() {
    let mut contenders = contenders("softmax");
    heading("softmax: |Σ − 1| in 2^-23, required ≤ 1", &contenders);
    let [.., shape] = SHAPES;
    for (rows, fill) in ROWS {
        let x = data(shape, fill);
        let input = Input { shape, ..Input::from(&*x) };
        let figures = judge(&mut contenders, input, shape.elements(), |out| {
            let one = |row: &[f32]| sum(row.iter().map(|&p| p.into()));
            largest(out.chunks_exact(shape.columns).map(|row| (one(row) - 1.0).abs() / SUM))
        });
        print(rows, shape.columns, &contenders, &figures, 1.0);
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    for (name, bound, size) in FUNCTIONS {
        if wanted(name) {
            errors(name, bound, size);
        }
    }
    if wanted("softmax") {
        sums();
    }
}
