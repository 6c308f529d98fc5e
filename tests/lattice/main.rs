//! Short rows of special values: every function, with its options, on every backend, against a
//! model in f64.
//!
//! The model is written from the documentation alone and shares no code with the crate. For each
//! result it says what the documentation promises: NaN, certain bits, a value and how far from
//! it the result may be ([`contract`](logits::contract)), or no more than that it is no NaN.
//!
//! **Which rows.** Of functions of one row: all of up to 4 elements from [`SCORES`] or
//! [`PROBABILITIES`], of softmax with options and of log-sum-exp in pieces of up to 3. Where two
//! rows are combined, all pairs of rows of up to 2 elements, and of 3 a fixed pseudo-random part,
//! as a full product would be millions. Elementwise functions, and cross-entropy on labels, take
//! all rows of up to 3 elements (with every label), and of 4 such a part; losses with options a
//! part of all these. The tests print how many there are.
//!
//! There are no exceptions: what contradicts the model is mended, or said in the documentation and
//! in the model.

#[path = "../common/mod.rs"]
mod common;

mod backward;
mod binary;
mod cross_entropy;
mod distribution;
mod elementwise;
mod of_scores;
mod softmax;

use common::{Random, backends, unit};
use logits::Backend;
use std::fmt::Write;

const INF: f32 = f32::INFINITY;
const LEAST: f32 = f32::from_bits(1);
const TINY: f32 = f32::MIN_POSITIVE;

/// Scores, and derivatives.
const SCORES: [f32; 23] = [
    0.0,
    -0.0,
    LEAST,
    -LEAST,
    TINY,
    -TINY,
    0.5,
    -0.5,
    1.0,
    -1.0,
    40.0,
    -40.0,
    88.0,
    -88.0,
    104.0,
    -104.0,
    1e4,
    -1e4,
    f32::MAX,
    f32::MIN,
    INF,
    -INF,
    f32::NAN,
];

/// Probabilities and targets, and what is none.
const PROBABILITIES: [f32; 11] =
    [0.0, -0.0, LEAST, 0.25, 0.5, 1.0, 2.0, f32::MAX, -1.0, INF, f32::NAN];

/// What the documentation promises of a result.
#[derive(Clone, Copy, Debug)]
enum Want {
    Nan,
    /// These bits.
    Bits(f32),
    /// 0 of either sign.
    Zero,
    /// At most `most` ULP of `size` from `value`; an infinity where that is one, or rounds to it.
    Near {
        value: f64,
        size: f64,
        most: f64,
    },
    /// Any number or infinity: the documentation promises no digits here.
    NotNan,
    /// The documentation says nothing.
    Anything,
}

impl Want {
    /// Measured by itself.
    fn near(value: f64, most: f64) -> Self {
        Self::Near { value, size: value.abs(), most }
    }

    /// In ULP of the size, of a finite value and result.
    fn error(self, found: f32) -> f64 {
        match self {
            Self::Near { value, size, .. } if value.is_finite() && found.is_finite() => {
                (f64::from(found) - value).abs() / unit(size)
            }
            _ => f64::INFINITY,
        }
    }

    fn accepts(self, found: f32) -> bool {
        match self {
            Self::Nan => found.is_nan(),
            Self::Bits(bits) => found.to_bits() == bits.to_bits(),
            Self::Zero => found == 0.0,
            Self::NotNan => !found.is_nan(),
            Self::Anything => true,
            Self::Near { value, size, most } => {
                assert!(!value.is_nan(), "the model is no number");
                if value.is_infinite() || found.is_nan() {
                    return f64::from(found) == value;
                }
                if found.is_infinite() {
                    let past = f64::from(f32::MAX) + unit(f64::from(f32::MAX)) / 2.0;
                    let farthest = value.abs() + most * unit(size);
                    return farthest >= past && value.is_sign_negative() == (found < 0.0);
                }
                // 0.1% for the rounding of the model itself.
                self.error(found) <= 1.001 * most || value as f32 == found
            }
        }
    }
}

/// A result and where it comes from.
struct Case<'a> {
    function: &'a str,
    backend: Backend,
    rows: &'a [&'a [f32]],
    index: usize,
    found: f32,
    want: Want,
}

/// Counts results, and keeps those that are not as documented.
#[derive(Default)]
struct Tally {
    rows: usize,
    results: usize,
    /// Of functions: how many, and the first ones.
    faults: Vec<(String, usize, String)>,
}

impl Tally {
    /// Compares what a function gives on every backend with what it is to give. The inputs are
    /// rows of so many columns; each gives as many results as the other.
    fn meet(
        &mut self,
        function: &str,
        (inputs, columns): (&[&[f32]], usize),
        wants: &[Want],
        run: impl Fn(Backend) -> Vec<f32>,
    ) {
        for backend in backends() {
            let found = run(backend);
            self.meet_one(function, backend, (inputs, columns), wants, &found);
        }
    }

    /// The same of one backend.
    fn meet_one(
        &mut self,
        function: &str,
        backend: Backend,
        (inputs, columns): (&[&[f32]], usize),
        wants: &[Want],
        found: &[f32],
    ) {
        let rows = (inputs[0].len() / columns.max(1)).max(1);
        self.rows += rows;
        self.results += found.len();
        assert_eq!(found.len(), wants.len(), "{function}");
        let width = found.len() / rows;
        for (i, (&found, &want)) in found.iter().zip(wants).enumerate() {
            if !want.accepts(found) {
                let row = i / width * columns;
                let rows: Vec<_> = inputs.iter().map(|x| &x[row..row + columns]).collect();
                let (rows, index) = (&rows[..], i % width);
                self.fault(&Case { function, backend, rows, index, found, want });
            }
        }
    }

    fn fault(&mut self, case: &Case<'_>) {
        let at = self.faults.iter().position(|fault| fault.0 == case.function);
        let at = at.unwrap_or_else(|| {
            self.faults.push((case.function.to_owned(), 0, String::new()));
            self.faults.len() - 1
        });
        let (_, count, examples) = &mut self.faults[at];
        *count += 1;
        // Some of the first, and fewer and fewer later ones.
        if *count <= 8 || count.is_power_of_two() {
            let Case { backend, rows, index, found, want, .. } = case;
            writeln!(
                examples,
                "    {backend:?}, [{index}] of {rows:?}: {found:?} for {want:?}, {:.2} ULP",
                want.error(*found)
            )
            .unwrap();
        }
    }

    #[track_caller]
    fn assert_none(self, what: &str) {
        println!("{what}: {} rows, {} results", self.rows, self.results);
        for (name, count, examples) in &self.faults {
            println!("{name}, {count} times:\n{examples}");
        }
        assert!(self.faults.is_empty(), "{what}: not as documented");
    }
}

/// All rows of `n` of the values, one after the other.
fn all_rows(values: &[f32], n: usize) -> Vec<f32> {
    let mut x = Vec::new();
    for i in 0..values.len().pow(n as u32) {
        let mut rest = i;
        for _ in 0..n {
            x.push(values[rest % values.len()]);
            rest /= values.len();
        }
    }
    x
}

/// Pairs of rows of `n` of the values of each: all of them if there are no more than `most`,
/// else so many of them at random, always the same.
fn pairs_of_rows(first: &[f32], second: &[f32], n: usize, most: usize) -> [Vec<f32>; 2] {
    let mut pairs = [Vec::new(), Vec::new()];
    let count = (first.len() * second.len()).pow(n as u32);
    let mut random = Random::new(51);
    for i in 0..count.min(most) {
        let mut rest = i;
        for _ in 0..n {
            let [a, b] = if count <= most {
                let at = [rest % first.len(), rest / first.len() % second.len()];
                rest /= first.len() * second.len();
                at
            } else {
                [random.below(first.len()), random.below(second.len())]
            };
            pairs[0].push(first[a]);
            pairs[1].push(second[b]);
        }
    }
    pairs
}

/// The numbers of rows that are also tried alone: all, or of many a part.
fn alone(rows: usize) -> impl Iterator<Item = usize> {
    (0..rows).step_by(rows / 10_000 + 1)
}

/// A row of scores s without NaN and +∞ that are not all −∞.
struct Scores {
    s: Vec<f64>,
    /// A largest one.
    top: usize,
    /// Σ e^(s − max) over all others.
    tail: f64,
}

impl Scores {
    /// None for a NaN, a +∞, or nothing but −∞.
    fn new(s: Vec<f64>) -> Option<Self> {
        let top = (0..s.len()).reduce(|top, k| if s[k] > s[top] { k } else { top })?;
        if s.iter().any(|s| s.is_nan()) || s[top].is_infinite() {
            return None;
        }
        let tail = (0..s.len()).filter(|&k| k != top).map(|k| libm::exp(s[k] - s[top])).sum();
        Some(Self { s, top, tail })
    }

    fn of(x: &[f32]) -> Option<Self> {
        Self::new(x.iter().map(|&x| x.into()).collect())
    }

    fn max(&self) -> f64 {
        self.s[self.top]
    }

    /// What the others add to the largest: ln(1 + tail).
    fn rise(&self) -> f64 {
        libm::log1p(self.tail)
    }

    fn ln_sum(&self) -> f64 {
        self.max() + self.rise()
    }

    fn p(&self, k: usize) -> f64 {
        libm::exp(self.s[k] - self.max()) / (1.0 + self.tail)
    }

    fn ln_p(&self, k: usize) -> f64 {
        (self.s[k] - self.max()) - self.rise()
    }
}
