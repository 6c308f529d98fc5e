//! Numbers at random, the same on every machine.

pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self(1)
    }

    /// In [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn within(&mut self, from: f64, to: f64) -> f32 {
        (from + (to - from) * self.uniform()) as f32
    }
}
