//! Where a row comes from and goes to.

/// A row that is read and, perhaps, written.
pub trait Row {
    /// Whether there is an output.
    const WRITES: bool;
    /// Whether the output is the input.
    const IN_PLACE: bool;
    /// What is read.
    fn input(&self) -> &[f32];
    /// What is written: as long as the input, or nothing.
    fn output(&mut self) -> &mut [f32];
}

impl Row for &[f32] {
    const WRITES: bool = false;
    const IN_PLACE: bool = false;

    #[inline(always)]
    fn input(&self) -> &[f32] {
        self
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        &mut []
    }
}

impl Row for (&[f32], &mut [f32]) {
    const WRITES: bool = true;
    const IN_PLACE: bool = false;

    #[inline(always)]
    fn input(&self) -> &[f32] {
        self.0
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        self.1
    }
}

impl Row for &mut [f32] {
    const WRITES: bool = true;
    const IN_PLACE: bool = true;

    #[inline(always)]
    fn input(&self) -> &[f32] {
        self
    }

    #[inline(always)]
    fn output(&mut self) -> &mut [f32] {
        self
    }
}
