//! Rows of random scores.

pub const LENGTHS: [usize; 4] = [2, 10, 100, LONGEST];
pub const LONGEST: usize = 1000;

/// Marsaglia's xorshift, 32 bits.
pub struct Random(u32);

impl Random {
    pub fn new() -> Self {
        Self(0x9E37_79B9)
    }

    /// Scores within ±`most`.
    pub fn fill(&mut self, scores: &mut [f32], most: f32) {
        for score in scores {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 17;
            self.0 ^= self.0 << 5;
            *score = (self.0 >> 8) as f32 * (2.0 * most / 16_777_216.0) - most;
        }
    }
}
