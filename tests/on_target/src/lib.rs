//! Calls of every function on rows of every kind, made alike on every target, and what comes of
//! them: the bits that a host's scalar backend gives are those that a microcontroller must give.
#![no_std]

mod calls;
mod inputs;

pub use calls::{CALLS, Call, Outcome};
pub use inputs::{Input, KINDS, LONGEST, Storage};

use core::fmt;
use logits::{Backend, Error};

/// The lengths of rows: shorter than a block of 16, longer, of several blocks, and the longest that
/// a microcontroller takes in one piece.
pub const LENGTHS: [usize; 7] = [1, 2, 3, 10, 17, 100, LONGEST];

/// One call.
#[derive(Clone, Copy)]
pub struct Case {
    pub function: &'static str,
    pub kind: &'static str,
    pub columns: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, kind, columns } = self;
        write!(f, "{function} of rows of {columns}, {kind}")
    }
}

/// Makes every call and gives `each` what came of it, number by number, with its place among the
/// results of the call; stops where `each` says `false`. How many calls were made.
///
/// Results are bits, any NaN as 0x7FC00000: its sign and digits are the processor's.
pub fn run(backend: Backend, mut each: impl FnMut(&Case, &Input<'_>, usize, u32) -> bool) -> usize {
    let mut made = 0;
    let mut storage = Storage::new();
    let mut out = [0.0; 2 * LONGEST];
    for columns in LENGTHS {
        for kind in KINDS {
            let input = storage.fill(kind, columns);
            for (function, call) in CALLS {
                // It runs on the scalar backend, which fuses on some targets only.
                if function.starts_with("scalar::") && backend.is_fused() {
                    continue;
                }
                let case = Case { function, kind: kind.name, columns };
                let out = out.get_mut(..2 * columns).unwrap_or(&mut []);
                // What works in place finds the scores there.
                for (out, x) in out.iter_mut().zip(input.x) {
                    *out = *x;
                }
                let outcome = call(backend, &input, out);
                let numbers = outcome.unwrap_or_default().map(bits);
                let error = [outcome.err().map_or(0, code)];
                made += 1;
                let all = error.into_iter().chain(numbers).chain(out.iter().map(|x| bits(*x)));
                for (i, found) in all.enumerate() {
                    if !each(&case, &input, i, found) {
                        return made;
                    }
                }
            }
        }
    }
    made
}

fn bits(x: f32) -> u32 {
    if x.is_nan() { 0x7FC0_0000 } else { x.to_bits() }
}

/// A number for an error: which it is, and what it expected.
fn code(error: Error) -> u32 {
    let (which, expected, found) = match error {
        Error::Length { argument, expected, found } => (1 + argument.len(), expected, found),
        Error::RowCount { argument, expected, found } => (21 + argument.len(), expected, found),
        Error::ColumnCount { argument, expected, found } => (41 + argument.len(), expected, found),
        Error::NoColumns { length } => (61, length, 0),
        Error::PartialRow { length, columns, stride } => (62, length + columns, stride),
        Error::Stride { expected, found } => (63, expected, found),
        Error::Label { row, label, columns } => (64 + row, columns, label as u32 as usize),
        Error::Parameter { name, expected, found } => {
            (70 + name.len(), expected.len(), bits(found) as usize)
        }
        _ => (99, 0, 0),
    };
    (which as u32).wrapping_mul(0x0100_0193) ^ (expected as u32).wrapping_mul(31) ^ found as u32
}
