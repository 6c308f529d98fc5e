//! Other implementations of the elementwise functions, behind one signature.
//!
//! What a machine lacks is left out, with a line on stderr that says why.

mod portable;
mod python;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::time::Instant;

pub use portable::uninitialized;
pub use python::peers as python;

/// An elementwise function.
pub struct Function {
    /// `logits`' name of it.
    pub name: &'static str,
    /// Its value, far better than `f32` can hold.
    pub exact: fn(f64) -> f64,
    /// Whether it is compared on positive numbers only.
    pub positive: bool,
}

/// All that is compared.
pub static FUNCTIONS: [Function; 7] = [
    Function { name: "exp", exact: f64::exp, positive: false },
    Function { name: "exp_m1", exact: f64::exp_m1, positive: false },
    Function { name: "ln", exact: f64::ln, positive: true },
    Function { name: "ln_1p", exact: f64::ln_1p, positive: true },
    Function { name: "sigmoid", exact: |x| 1.0 / (1.0 + (-x).exp()), positive: false },
    Function { name: "log_sigmoid", exact: |x| -softplus(-x), positive: false },
    Function { name: "softplus", exact: softplus, positive: false },
];

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl Function {
    /// The one of that name.
    pub fn of(name: &str) -> &'static Self {
        FUNCTIONS.iter().find(|f| f.name == name).expect("one of FUNCTIONS")
    }

    /// Numbers in ±6, or their absolute values, on a cache line of their own: an
    /// unaligned start would cost the widest vectors most.
    pub fn data(&self, n: usize) -> Aligned {
        let mut data = Aligned::new(n);
        let mut state = 1u32;
        for x in &mut *data {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *x = (state >> 8) as f32 / (1 << 24) as f32 * 12.0 - 6.0;
            if self.positive {
                *x = x.abs();
            }
        }
        data
    }

    /// The largest error of a peer on [`Function::data`], in units in the last
    /// place: it tells a wrongly wired peer, not how good one is.
    pub fn error(&self, peer: &mut Peer) -> f64 {
        const N: usize = 1003; // a tail whatever the vector
        let (x, mut out) = (self.data(N), [f32::NAN; N]);
        peer.call(&x, &mut out);
        x.iter().zip(out).fold(0.0, |worst, (&x, y)| {
            let exact = (self.exact)(x.into());
            let power = f64::from_bits(exact.to_bits() & f64::INFINITY.to_bits());
            let error = (f64::from(y) - exact).abs() / (power * f64::from(f32::EPSILON));
            if error >= worst || error.is_nan() { error } else { worst }
        })
    }
}

/// Floats that start on a cache line.
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
        Self { floats, start, n }
    }
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

/// An implementation of an elementwise function.
pub struct Peer {
    pub name: String,
    pub isa: Isa,
    run: Box<dyn Run>,
}

trait Run: Send {
    fn call(&mut self, x: &[f32], out: &mut [f32]);

    fn time(&mut self, x: &[f32], out: &mut [f32], calls: u32) -> f64 {
        self.call(x, out);
        let start = Instant::now();
        for _ in 0..calls {
            self.call(black_box(x), black_box(out));
        }
        start.elapsed().as_nanos() as f64 / f64::from(calls)
    }
}

impl<F: FnMut(&[f32], &mut [f32]) + Send> Run for F {
    #[inline]
    fn call(&mut self, x: &[f32], out: &mut [f32]) {
        self(x, out);
    }
}

impl Peer {
    pub fn new(
        name: impl Into<String>,
        isa: Isa,
        call: impl FnMut(&[f32], &mut [f32]) + Send + 'static,
    ) -> Self {
        Self { name: name.into(), isa, run: Box::new(call) }
    }

    /// `out[i] = f(x[i])`; both have the same length, at least 1.
    pub fn call(&mut self, x: &[f32], out: &mut [f32]) {
        self.run.call(x, out);
    }

    /// Nanoseconds of a call, the mean of several after one that does not count.
    /// Python's own part of a call is not in it: see `peers.py`.
    pub fn time(&mut self, x: &[f32], out: &mut [f32], calls: u32) -> f64 {
        self.run.time(x, out, calls)
    }
}

/// Every peer on this machine that has the function, by `logits`' name of it.
pub fn elementwise(function: &str) -> Vec<Peer> {
    let mut peers = native(function);
    peers.extend(python(function, |_| true));
    peers
}

/// The peers that run in this process.
pub fn native(function: &str) -> Vec<Peer> {
    let mut peers = portable::peers(function);
    #[cfg(target_arch = "x86_64")]
    peers.extend(x86::peers(function));
    peers
}

/// An error in ULP that only a wrongly wired peer has on [`Function::data`]; the
/// worst of the others, tract's sigmoid, has 306.
pub const WIRED: f64 = 1000.0;

/// Says why something is missing, once.
fn left_out(name: &str, why: impl Display) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(name.into()) {
        eprintln!("{name} is left out: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, elementwise};

    #[test]
    fn peers_compute_what_they_should() {
        for function in &FUNCTIONS {
            for mut peer in elementwise(function.name) {
                let error = function.error(&mut peer);
                println!("{:12} {:18} {error:8.3} ULP", function.name, peer.name);
                assert!(error < super::WIRED, "{} of {} ", function.name, peer.name);
            }
        }
    }
}
