//! Nanoseconds of a call.

use std::time::{Duration, Instant};

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// For each contender, at each length.
    pub each: Duration,
    /// Rounds at least.
    pub rounds: usize,
}

/// A batch of calls takes at least that long, if a single one does not: the clock has about 30 ns.
const BATCH: Duration = Duration::from_micros(20);

pub type Call<'a> = Box<dyn FnMut() + 'a>;

/// The nanoseconds of each call, the least of many rounds in which they take turns: what else the
/// machine does only ever adds time.
pub fn nanoseconds(calls: &mut [Call], effort: Effort) -> Vec<f64> {
    let counts: Vec<u32> = calls.iter_mut().map(calls_of_a_batch).collect();
    let mut least = vec![f64::INFINITY; calls.len()];
    let (start, all) = (Instant::now(), effort.each * calls.len() as u32);
    let mut rounds = 0;
    while rounds < effort.rounds || start.elapsed() < all {
        for ((call, &count), least) in calls.iter_mut().zip(&counts).zip(&mut least) {
            let nanoseconds = batch(call, count).as_nanos() as f64 / f64::from(count);
            *least = least.min(nanoseconds);
        }
        rounds += 1;
    }
    least
}

fn batch(call: &mut Call, count: u32) -> Duration {
    let start = Instant::now();
    (0..count).for_each(|_| call());
    start.elapsed()
}

/// How many calls take as long as a batch should.
fn calls_of_a_batch(call: &mut Call) -> u32 {
    let mut count = 1;
    while batch(call, count) < BATCH {
        count *= 2;
    }
    count
}
