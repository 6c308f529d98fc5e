//! A fixed set of inputs, and a number for all results of each function on it.
#![allow(dead_code, unreachable_pub)] // tests/mutants has its own uses

use crate::common::{Call, Random, every, softmax};
use logits::{Backend, contract};

/// Rows for one call of a function.
pub struct Sample {
    pub columns: usize,
    pub scores: Vec<f32>,
    pub probabilities: Vec<f32>,
    /// Not of any scores, but of any numbers: for functions of each element.
    pub is_elementwise: bool,
}

/// Rows of which the results of some function change with the last bit of a coefficient that
/// changes hardly any result: found by tests/mutants. A line has the bits of up to four scores,
/// then those of as many probabilities; or of one number, for functions of each element.
const SENSITIVE: &str = include_str!("sensitive.txt");

/// Every length at which drivers and passes do something else, with scores of several sizes; any
/// numbers for functions of each element; what is close, for divergences; and what is sensitive.
pub fn samples() -> Vec<Sample> {
    let mut random = Random::fixed(80);
    let mut samples = Vec::new();
    for columns in
        [1, 2, 3, 5, 8, 10, 15, 16, 17, 31, 32, 33, 64, 100, 128, 129, 150, 300, 1000, 2049, 4200]
    {
        let rows = if columns <= 150 { 17 } else { 2 };
        for sigma in [0.3, 3.0, 20.0, 300.0, 3e4] {
            let scores = random.normal(rows * columns, sigma);
            let others = random.normal(rows * columns, 3.0);
            let probabilities = others.chunks(columns).flat_map(softmax).map(|p| p as f32);
            let probabilities = probabilities.collect();
            samples.push(Sample { columns, scores, probabilities, is_elementwise: false });
        }
    }
    // Distributions that are close to themselves reversed, and scores that are close to those.
    for columns in [2, 5, 17, 40, 300] {
        for apart in [1e-3, 0.03, 0.1, 0.3, 1.0] {
            let deviations = random.vector(17 * columns, -apart, apart);
            let row = |x: &[f32]| softmax(x).into_iter().map(|p| p as f32).collect::<Vec<_>>();
            let probabilities: Vec<_> = deviations.chunks(columns).flat_map(row).collect();
            let shifts = random.vector(17 * columns, -apart, apart);
            let scores = probabilities.iter().zip(shifts).map(|(p, shift)| p + shift).collect();
            samples.push(Sample { columns, scores, probabilities, is_elementwise: false });
        }
    }
    for (low, high) in [(-104.0, 89.0), (-20.0, 20.0), (-1.0, 1.0), (0.3, 3.0)] {
        samples.push(elementwise(random.vector(1 << 13, low, high)));
    }
    let spread = |i: u32| f32::from_bits(i.wrapping_mul(0x9E37_79B1));
    samples.push(elementwise((0..1 << 14).map(spread).collect()));
    samples.extend(SENSITIVE.lines().map(|line| {
        let bits = line.split_whitespace().map(|bits| u32::from_str_radix(bits, 16).unwrap());
        let numbers: Vec<_> = bits.map(f32::from_bits).collect();
        if numbers.len() == 1 {
            return elementwise(numbers);
        }
        let (scores, probabilities) = numbers.split_at(numbers.len() / 2);
        row(scores, probabilities)
    }));
    samples
}

/// A row by itself, for every function.
pub fn row(scores: &[f32], probabilities: &[f32]) -> Sample {
    Sample {
        columns: scores.len(),
        scores: scores.to_vec(),
        probabilities: probabilities.to_vec(),
        is_elementwise: false,
    }
}

/// Numbers for functions of each element.
pub fn elementwise(numbers: Vec<f32>) -> Sample {
    Sample {
        columns: numbers.len(),
        scores: numbers.clone(),
        probabilities: numbers,
        is_elementwise: true,
    }
}

/// The results of a function.
pub fn results(backend: Backend, sample: &Sample, is_of_rows: bool, call: Call) -> Vec<f32> {
    let Sample { columns, scores, probabilities, .. } = sample;
    // Functions in place start from the scores, others must overwrite them.
    let length = if is_of_rows { scores.len() / columns } else { scores.len() };
    let mut out = scores[..length].to_vec();
    call(backend, [scores, probabilities], *columns, &mut out);
    out
}

/// Results as a number of 64 bits: FNV-1a, of 32 bits a step. Every NaN is the same.
#[derive(Clone, Copy)]
pub struct Hash(pub u64);

impl Hash {
    pub const fn new() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }

    pub fn add(&mut self, results: &[f32]) {
        for y in results {
            let bits = if y.is_nan() { f32::NAN.to_bits() } else { y.to_bits() };
            self.0 = (self.0 ^ u64::from(bits)).wrapping_mul(0x0100_0000_01B3);
        }
    }
}

/// Whether a sample is for a function.
pub fn is_for(sample: &Sample, name: &str) -> bool {
    !sample.is_elementwise || contract::ELEMENTWISE.iter().any(|row| row.name == name)
}

/// Every function with the hash of its results.
pub fn hashes(backend: Backend, samples: &[Sample]) -> Vec<(&'static str, u64)> {
    let hash = |(name, is_of_rows, call): (&'static str, bool, Call)| {
        let mut hash = Hash::new();
        for sample in samples.iter().filter(|sample| is_for(sample, name)) {
            hash.add(&results(backend, sample, is_of_rows, call));
        }
        (name, hash.0)
    };
    every().into_iter().map(hash).collect()
}
