//! Other implementations of `logits`' functions, behind one signature.
//!
//! What a machine lacks is left out, with a line on stderr that says why.

mod function;
#[cfg(target_arch = "x86_64")]
mod hand_written;
mod ours;
mod portable;
mod remote;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::time::Instant;

pub use function::{Data, FUNCTIONS, Function, WIRED, error, sum};
pub use ours::{ours, public};
pub use remote::peers as remote;

/// The size of a matrix; a vector is one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    pub rows: usize,
    pub columns: usize,
}

impl Shape {
    pub const fn vector(columns: usize) -> Self {
        Self { rows: 1, columns }
    }

    /// How many elements it has.
    pub const fn elements(self) -> usize {
        self.rows * self.columns
    }
}

/// `16384`, or `100x10` with more rows than one.
impl Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows {
            1 => f.pad(&self.columns.to_string()),
            rows => f.pad(&format!("{rows}x{}", self.columns)),
        }
    }
}

/// What a function is called on. Those that take less leave the rest empty.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub shape: Shape,
    /// All elements, row by row.
    pub x: &'a [f32],
    /// A class a row, for losses.
    pub labels: &'a [u32],
    /// A second matrix, for functions of two.
    pub y: &'a [f32],
}

/// One row and nothing else.
impl<'a> From<&'a [f32]> for Input<'a> {
    fn from(x: &'a [f32]) -> Self {
        Self { shape: Shape::vector(x.len()), x, labels: &[], y: &[] }
    }
}

impl<'a> Input<'a> {
    pub fn rows(self) -> impl Iterator<Item = &'a [f32]> {
        self.x.chunks_exact(self.shape.columns)
    }
}

/// Floats that start on a cache line: an unaligned start would cost the widest
/// vectors most.
pub struct Aligned {
    floats: Vec<f32>,
    start: usize,
    n: usize,
}

impl Aligned {
    /// `n` zeros.
    pub fn new(n: usize) -> Self {
        let floats = vec![0.0; n + 16];
        let start = floats.as_ptr().align_offset(64);
        large_pages(&floats);
        Self { floats, start, n }
    }
}

/// Asks for large pages before the first touch, as NumPy does for the arrays of
/// the peers in Python: out of cache they make a difference.
fn large_pages(floats: &[f32]) {
    #[cfg(target_os = "linux")]
    {
        unsafe extern "C" {
            fn madvise(start: *mut u8, length: usize, advice: i32) -> i32;
        }
        const PAGE: usize = 4096;
        const HUGEPAGE: i32 = 14;
        let (from, bytes) = (floats.as_ptr() as usize, size_of_val(floats));
        let start = from.next_multiple_of(PAGE);
        if bytes >= 1 << 22 {
            // SAFETY: pages within the allocation; only how they are mapped changes.
            unsafe { madvise(start as *mut u8, from + bytes - start, HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = floats;
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.floats[self.start..][..self.n]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.floats[self.start..][..self.n]
    }
}

/// The widest instructions an implementation may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// What the target guarantees.
    Sse2,
    /// AVX2 with FMA.
    Avx2,
    /// Whatever this CPU has.
    Avx512,
}

impl Isa {
    /// `"sse2"`, `"avx2"` or `"avx512"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sse2 => "sse2",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// An implementation of a function.
pub struct Peer {
    pub name: String,
    pub isa: Isa,
    run: Box<dyn Run>,
}

trait Run: Send {
    fn call(&mut self, input: Input, out: &mut [f32]);

    fn time(&mut self, input: Input, out: &mut [f32], calls: u32) -> [f64; 2] {
        self.call(input, out);
        let start = Instant::now();
        for _ in 0..calls {
            self.call(black_box(input), black_box(out));
        }
        [start.elapsed().as_nanos() as f64 / f64::from(calls), 0.0]
    }
}

impl<F: FnMut(Input, &mut [f32]) + Send> Run for F {
    #[inline]
    fn call(&mut self, input: Input, out: &mut [f32]) {
        self(input, out);
    }
}

impl Peer {
    /// Of an elementwise function.
    pub fn new(
        name: impl Into<String>,
        isa: Isa,
        mut call: impl FnMut(&[f32], &mut [f32]) + Send + 'static,
    ) -> Self {
        Self::of_rows(name, isa, move |input, out| call(input.x, out))
    }

    /// Of a function of rows.
    pub fn of_rows(
        name: impl Into<String>,
        isa: Isa,
        call: impl FnMut(Input, &mut [f32]) + Send + 'static,
    ) -> Self {
        Self { name: name.into(), isa, run: Box::new(call) }
    }

    /// Fills `out`, which has the length of the function's results: at least 1.
    pub fn call<'a>(&mut self, input: impl Into<Input<'a>>, out: &mut [f32]) {
        self.run.call(input.into(), out);
    }

    /// Nanoseconds of a call, the mean of several after one that does not count; and what
    /// of them is Python's own: see `peers.py`. The least of each counts, wherever it is
    /// met: from one slow moment, too much would be taken off.
    pub fn time(&mut self, input: Input, out: &mut [f32], calls: u32) -> [f64; 2] {
        self.run.time(input, out, calls)
    }
}

/// Every peer on this machine that has the function, by `logits`' name of it.
pub fn peers(function: &str) -> Vec<Peer> {
    let mut peers = native(function);
    peers.extend(remote(function, |_| true));
    peers
}

/// The peers that run in this process.
pub fn native(function: &str) -> Vec<Peer> {
    let mut peers = portable::peers(function);
    #[cfg(target_arch = "x86_64")]
    peers.extend(x86::peers(function));
    peers
}

/// What memory allows the function: a plain sum reads its input, and copies write
/// as much as it does. They do not compute it.
pub fn limits(function: &str) -> Vec<Peer> {
    #[cfg(target_arch = "x86_64")]
    return x86::limits(function);
    #[cfg(not(target_arch = "x86_64"))]
    vec![]
}

/// Says why something is missing, once.
fn left_out(name: &str, why: impl Display) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(name.into()) {
        eprintln!("{name} is left out: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, WIRED, ours, peers};

    #[test]
    fn peers_compute_what_they_should() {
        for function in &FUNCTIONS {
            for mut peer in ours(function.name).into_iter().chain(peers(function.name)) {
                let error = function.error(&mut peer);
                println!("{:24} {:18} {error:8.3} ULP", function.name, peer.name);
                assert!(error < WIRED, "{} of {} ", function.name, peer.name);
            }
        }
    }
}
