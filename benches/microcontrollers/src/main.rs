//! Prints how many instructions a call of each function takes, and how many bytes of stack: a
//! line for each function, library and length, of numbers with tabs between them.
#![no_std]
#![no_main]

mod counter;
mod functions;
mod scores;
mod stack;

use core::hint::black_box;
use counter::instructions;
use functions::{FUNCTIONS, Function, Input};
use scores::{LENGTHS, LONGEST, Random};
use semihosting::{println, process};

/// Rows of every length begin here, in flash as the scores of a sensor would not; what is read
/// has no influence on the number of instructions but by its values.
struct Rows {
    scores: [f32; LONGEST],
    probabilities: [f32; LONGEST],
    others: [f32; LONGEST],
    out: [f32; LONGEST],
}

fn measure(function: &Function, rows: &mut Rows, n: usize) -> Option<()> {
    let p = rows.probabilities.get_mut(..n)?;
    logits::softmax(rows.scores.get(..n)?, p).ok()?;
    let q = rows.others.get_mut(..n)?;
    for (q, p) in q.iter_mut().zip(p.iter().rev()) {
        *q = *p;
    }
    let input = Input { x: rows.scores.get(..n)?, p, q };
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
    let mut rows = Rows {
        scores: [0.0; LONGEST],
        probabilities: [0.0; LONGEST],
        others: [0.0; LONGEST],
        out: [0.0; LONGEST],
    };
    Random::new().fill(&mut rows.scores, 8.0);
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
