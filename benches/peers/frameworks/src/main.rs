//! Serves the functions of candle and burn to `benches/peers`: `logits-frameworks candle|burn`.
//!
//! It speaks as `peers.py` does, which says how; nothing is taken off its times. One thread works.
//! Both make a new tensor of each result, as their users get it.

mod burn;
mod candle;

use std::error::Error;
use std::hint::black_box;
use std::io::{Read, Write, stdin, stdout};
use std::time::Instant;

/// What a function is called on: a matrix, row by row, and a label for each row or nothing.
pub struct Input {
    pub rows: usize,
    pub columns: usize,
    pub x: Vec<f32>,
    pub labels: Vec<u32>,
}

/// What a call returns: its tensor, and how to read it.
pub trait Call {
    fn call(&self);
    fn results(&self) -> Vec<f32>;
}

/// Makes tensors of the input, and a call on them.
pub type Bind = fn(&Input) -> Box<dyn Call>;

/// The next 32 bits of the requests.
fn word(requests: &mut impl Read) -> Option<usize> {
    let mut word = [0; 4];
    requests.read_exact(&mut word).ok()?;
    Some(u32::from_ne_bytes(word) as usize)
}

fn words(requests: &mut impl Read, count: usize) -> Result<Vec<[u8; 4]>, Box<dyn Error>> {
    let mut words = vec![[0; 4]; count];
    requests.read_exact(words.as_flattened_mut())?;
    Ok(words)
}

fn main() -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new().num_threads(1).build_global()?;
    let functions: &[(&str, Bind)] = match std::env::args().nth(1).as_deref() {
        Some("candle") => &candle::FUNCTIONS,
        Some("burn") => &burn::FUNCTIONS,
        _ => return Err("which one: candle or burn?".into()),
    };
    let (mut requests, mut answers) = (stdin().lock(), stdout().lock());
    let names: Vec<_> = functions.iter().map(|function| function.0).collect();
    writeln!(answers, "functions: {}", names.join(" "))?;
    answers.flush()?;
    while let Some(which) = word(&mut requests) {
        let mut number = || word(&mut requests).ok_or("a request ends early");
        let [calls, rows, columns, second, _] =
            [number()?, number()?, number()?, number()?, number()?];
        let x = words(&mut requests, rows * columns)?.into_iter().map(f32::from_ne_bytes).collect();
        let labels = words(&mut requests, second)?.into_iter().map(u32::from_ne_bytes).collect();
        let bound = functions[which].1(&Input { rows, columns, x, labels });
        if calls == 0 {
            bound
                .results()
                .iter()
                .try_for_each(|result| answers.write_all(&result.to_ne_bytes()))?;
        } else {
            bound.call();
            let start = Instant::now();
            (0..calls).for_each(|_| bound.call());
            let nanoseconds = start.elapsed().as_nanos() as f64 / calls as f64;
            answers.write_all(&nanoseconds.to_ne_bytes())?;
            answers.write_all(&0f64.to_ne_bytes())?;
        }
        answers.flush()?;
    }
    Ok(())
}

/// A call of a function from tensor to tensor.
pub struct Bound<T, F, R> {
    pub x: T,
    pub function: F,
    pub read: R,
}

impl<T, F: Fn(&T) -> T, R: Fn(T) -> Vec<f32>> Call for Bound<T, F, R> {
    fn call(&self) {
        black_box((self.function)(black_box(&self.x)));
    }

    fn results(&self) -> Vec<f32> {
        (self.read)((self.function)(&self.x))
    }
}
