//! Rows of numbers: the same bits on every target, as they come from whole numbers and from
//! operations that IEEE 754 rounds alike everywhere.

/// The longest row: a tile of a microcontroller. Longer ones are cut elsewhere than on a host.
pub const LONGEST: usize = 128;

/// What rows are made of.
#[derive(Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// A score, of a number from 0 to 1, an index and another number.
    score: fn(f32, usize, u32) -> f32,
    /// The same for what becomes probabilities.
    weight: fn(f32, usize, u32) -> f32,
    /// Whether weights are divided by their sum.
    is_normalised: bool,
}

const fn kind(
    name: &'static str,
    score: fn(f32, usize, u32) -> f32,
    weight: fn(f32, usize, u32) -> f32,
    is_normalised: bool,
) -> Kind {
    Kind { name, score, weight, is_normalised }
}

/// A number that special kinds have among ordinary ones.
fn sometimes(special: f32, ordinary: f32, random: u32) -> f32 {
    if random.is_multiple_of(4) { special } else { ordinary }
}

pub const KINDS: [Kind; 14] = [
    kind("scores within 8", |u, _, _| 16.0 * u - 8.0, |u, _, _| u, true),
    kind("scores within 100", |u, _, _| 200.0 * u - 100.0, |u, _, _| u * u * u * u, true),
    kind("scores near 0", |u, _, _| (u - 0.5) * 1e-3, |u, _, _| 1.0 + u * 1e-4, true),
    kind(
        "a certain answer",
        |u, i, _| if i == 0 { 40.0 } else { u },
        |u, i, _| if i == 0 { 1.0 } else { u * 1e-12 },
        true,
    ),
    kind("equal scores", |_, _, _| 3.25, |_, _, _| 1.0, true),
    kind("huge scores", |u, _, _| (u - 0.5) * 1e30, |u, _, _| u * 1e30, false),
    kind("scores beyond 224", |u, _, _| 1000.0 + u * 20.0, |u, _, r| sometimes(0.0, u, r), true),
    kind(
        "subnormal scores",
        |_, _, r| f32::from_bits(r & 0x8000_FFFF),
        |_, _, r| f32::from_bits(r & 0xFFFF),
        false,
    ),
    kind(
        "some −∞",
        |u, _, r| sometimes(f32::NEG_INFINITY, u * 9.0, r),
        |u, _, r| sometimes(0.0, u, r),
        true,
    ),
    kind("only −∞", |_, _, _| f32::NEG_INFINITY, |_, _, _| 0.0, false),
    kind(
        "some ∞",
        |u, _, r| sometimes(f32::INFINITY, u, r),
        |u, _, r| sometimes(f32::INFINITY, u, r),
        false,
    ),
    kind(
        "some NaN",
        |u, _, r| sometimes(f32::NAN, u, r),
        |u, _, r| sometimes(f32::NAN, u, r),
        false,
    ),
    kind(
        "zeros of both signs",
        |_, _, r| f32::from_bits(r & 0x8000_0000),
        |_, i, _| if i == 1 { 1.0 } else { -0.0 },
        false,
    ),
    kind("any bits", |_, _, r| f32::from_bits(r), |_, _, r| f32::from_bits(r), false),
];

/// What a call reads: two rows of scores, others, two of probabilities, others, and labels.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub columns: usize,
    pub x: &'a [f32],
    pub y: &'a [f32],
    pub p: &'a [f32],
    pub q: &'a [f32],
    pub labels: [u32; 2],
}

impl<'a> Input<'a> {
    /// The first row.
    pub fn first(&self, rows: &'a [f32]) -> &'a [f32] {
        rows.get(..self.columns).unwrap_or(&[])
    }
}

/// Where rows lie.
pub struct Storage {
    rows: [[f32; 2 * LONGEST]; 4],
}

impl Default for Storage {
    fn default() -> Self {
        Self::new()
    }
}

impl Storage {
    #[must_use]
    pub const fn new() -> Self {
        Self { rows: [[0.0; 2 * LONGEST]; 4] }
    }

    /// Two rows of each, of a kind.
    pub fn fill(&mut self, kind: Kind, columns: usize) -> Input<'_> {
        let mut random = Random(0x9E37_79B9 ^ (columns as u32) << 8);
        let [x, y, p, q] = &mut self.rows;
        for scores in [&mut *x, &mut *y] {
            for (i, score) in scores.iter_mut().take(2 * columns).enumerate() {
                *score = (kind.score)(random.unit(), i % columns, random.bits());
            }
        }
        for weights in [&mut *p, &mut *q] {
            for row in weights.chunks_exact_mut(columns).take(2) {
                let mut sum = 0.0;
                for (i, weight) in row.iter_mut().enumerate() {
                    *weight = (kind.weight)(random.unit(), i, random.bits());
                    sum += *weight;
                }
                if kind.is_normalised && sum > 0.0 {
                    for weight in row {
                        *weight /= sum;
                    }
                }
            }
        }
        let last = columns as u32 - 1;
        Input {
            columns,
            x: part(x, columns),
            y: part(y, columns),
            p: part(p, columns),
            q: part(q, columns),
            labels: [0, last],
        }
    }
}

fn part(rows: &[f32], columns: usize) -> &[f32] {
    rows.get(..2 * columns).unwrap_or(&[])
}

/// Marsaglia's xorshift, 32 bits.
struct Random(u32);

impl Random {
    fn bits(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        // Mixed, or neighbours would be alike.
        self.0.wrapping_mul(0x9E37_79B1)
    }

    /// From 0 to below 1, exact.
    fn unit(&mut self) -> f32 {
        (self.bits() >> 8) as f32 * (1.0 / 16_777_216.0)
    }
}
