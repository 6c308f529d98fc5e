//! Prints how many instructions a call of each function takes, and how many bytes of stack: a
//! line for each function, library and length, of numbers with tabs between them.
#![no_std]
#![no_main]

mod counter;
mod functions;
mod stack;

use core::hint::black_box;
use functions::{FUNCTIONS, Function, Input};
use semihosting::{println, process};

const LENGTHS: [usize; 4] = [2, 10, 100, LONGEST];
const LONGEST: usize = 1000;

/// Rows of every length begin here, in flash as the scores of a sensor would not; what is read
/// has no influence on the number of instructions but by its values.
struct Rows {
    scores: [f32; LONGEST],
    probabilities: [f32; LONGEST],
    out: [f32; LONGEST],
}

/// Scores within ±8: Marsaglia's xorshift, 32 bits.
fn fill(scores: &mut [f32; LONGEST]) {
    let mut random = 0x9E37_79B9u32;
    for score in scores {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        *score = (random >> 8) as f32 * (16.0 / 16_777_216.0) - 8.0;
    }
}

/// The instructions of a call, of so many that their number is exact to a five-hundredth of one
/// or to a ten-thousandth of itself.
fn instructions(mut call: impl FnMut()) -> f32 {
    call();
    let once = counter::count(|| call());
    let repetitions = (1_000_000 / once.max(1)).clamp(2, 20_000) as u32;
    let all = counter::count(|| {
        for _ in 0..black_box(repetitions) {
            call();
        }
    });
    let empty = counter::count(|| {
        for _ in 0..black_box(repetitions) {
            black_box(());
        }
    });
    all.saturating_sub(empty) as f32 / repetitions as f32
}

fn measure(function: &Function, rows: &mut Rows, n: usize) -> Option<()> {
    let p = rows.probabilities.get_mut(..n)?;
    logits::softmax(rows.scores.get(..n)?, p).ok()?;
    let input = Input { x: rows.scores.get(..n)?, p };
    let out = rows.out.get_mut(..n)?;
    let mut call = || {
        black_box((function.call)(black_box(&input), black_box(out)));
    };
    let stack = stack::used(&mut call);
    let tenths = (instructions(&mut call) * 10.0 + 0.5) as u32;
    let Function { name, library, .. } = function;
    println!("{name}\t{library}\t{n}\t{}.{}\t{stack}", tenths / 10, tenths % 10);
    Some(())
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    counter::start();
    let mut rows =
        Rows { scores: [0.0; LONGEST], probabilities: [0.0; LONGEST], out: [0.0; LONGEST] };
    fill(&mut rows.scores);
    for function in &FUNCTIONS {
        for n in LENGTHS {
            if measure(function, &mut rows, n).is_none() {
                process::exit(1);
            }
        }
    }
    process::exit(0)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::exit(1)
}
