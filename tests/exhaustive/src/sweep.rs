//! Runs inputs through subjects and judges every output.

use crate::functions::Target;
use crate::neighbours::COUNT;
use crate::oracle::{Oracle, Truths, has_choice, same};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The inputs are cut by their leading bits into bins, 16 to a binade.
pub const BINS: usize = 1 << 13;
pub const BIN: usize = 1 << 19;
/// Inputs at a time: what is known of them stays in the cache.
const BLOCK: usize = 1024;
/// Outputs that are judged together if all of them are right.
const LANES: usize = 16;

/// Computes the function from one slice to another.
pub type Call<'a> = Box<dyn FnMut(&[f32], &mut [f32]) + 'a>;

/// Something that computes the function.
pub struct Subject<'a> {
    pub name: String,
    /// Subjects of a class must agree in every bit.
    pub class: String,
    pub call: Call<'a>,
}

/// What was found about many outputs.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    /// Outputs where rounding has a choice.
    choices: u64,
    /// Those of them that are correctly rounded.
    rounded: u64,
    /// The sum of their errors.
    sum: f64,
    /// The largest error, and its input.
    pub largest: (f64, f32),
    /// Wrong infinities, NaN and signs of zero.
    pub wrong: u64,
    /// The input of the first wrong one.
    pub wrong_at: Option<f32>,
}

impl Tally {
    fn judge(x: &[f32], y: &[f32], truths: &Truths) -> Self {
        let mut tally = Self::default();
        let mut rounded = Rounded::default();
        for first in (0..x.len()).step_by(LANES) {
            let all = first..(first + LANES).min(x.len());
            let (nearest, least) = (&truths.nearest[all.clone()], &truths.least[all.clone()]);
            if !rounded.add(&y[all.clone()], nearest, least, tally.largest.0) {
                all.for_each(|i| tally.add_output(x[i], y[i], truths, i));
            }
        }
        let choices = rounded.choices.iter().sum::<f64>() as u64;
        tally.choices += choices;
        tally.rounded += choices;
        tally.sum += rounded.sum.iter().sum::<f64>();
        tally
    }

    fn add_output(&mut self, x: f32, y: f32, truths: &Truths, i: usize) {
        let Some(error) = truths.error(i, y) else {
            self.wrong += 1;
            self.wrong_at.get_or_insert(x);
            return;
        };
        if has_choice(truths.least[i]) {
            self.choices += 1;
            self.rounded += u64::from(same(y, truths.nearest[i]));
            self.sum += error;
        }
        if error > self.largest.0 {
            self.largest = (error, x);
        }
    }

    fn add(&mut self, other: &Self) {
        self.choices += other.choices;
        self.rounded += other.rounded;
        self.sum += other.sum;
        if other.largest.0 > self.largest.0 {
            self.largest = other.largest;
        }
        self.wrong += other.wrong;
        self.wrong_at = self.wrong_at.or(other.wrong_at);
    }

    pub fn mean(&self) -> f64 {
        self.sum / self.choices as f64
    }

    pub fn share_rounded(&self) -> f64 {
        self.rounded as f64 / self.choices as f64
    }
}

/// Outputs that are correctly rounded, as most are, and no worse than others.
#[derive(Default)]
struct Rounded {
    choices: [f64; LANES], // as wide as the errors: vector code
    sum: [f64; LANES],
}

impl Rounded {
    /// Adds `y` if all of them are so.
    fn add(&mut self, y: &[f32], nearest: &[f32], least: &[f64], largest: f64) -> bool {
        let arrays = (<&[f32; LANES]>::try_from(y), nearest.try_into(), least.try_into());
        let (Ok(y), Ok::<&[f32; LANES], _>(nearest), Ok::<&[f64; LANES], _>(least)) = arrays else {
            return false;
        };
        let outputs = y.iter().zip(nearest).zip(least);
        let all = outputs.fold(true, |all, ((y, nearest), least)| {
            all & same(*y, *nearest) & (*least <= largest)
        });
        if !all {
            return false;
        }
        for ((choices, sum), least) in self.choices.iter_mut().zip(&mut self.sum).zip(least) {
            let choice = has_choice(*least);
            *choices += if choice { 1.0 } else { 0.0 };
            *sum += if choice { *least } else { 0.0 };
        }
        true
    }
}

/// What was found about a subject.
#[derive(Clone)]
pub struct Report {
    pub name: String,
    pub class: String,
    pub tally: Tally,
    /// Outputs that differ from those of the first subject of the class.
    pub differ: u64,
    /// The largest error in each bin of inputs, infinite if something was wrong.
    pub bins: Vec<f64>,
}

impl Report {
    fn new(subject: &Subject) -> Self {
        Self {
            name: subject.name.clone(),
            class: subject.class.clone(),
            tally: Tally::default(),
            differ: 0,
            bins: vec![0.0; BINS],
        }
    }

    fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.differ += other.differ;
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            *bin = bin.max(*other);
        }
    }
}

/// Judges subjects bin by bin, at every `step`th block of [`COUNT`] neighbouring inputs.
pub struct Judge<'a> {
    oracle: Oracle,
    step: usize,
    subjects: Vec<Subject<'a>>,
    pub reports: Vec<Report>,
    x: Vec<f32>,
    truths: Truths,
    /// Each subject's outputs for `x`, and what was found about them.
    judged: Vec<(Vec<f32>, Tally)>,
}

impl<'a> Judge<'a> {
    pub fn new(target: Target, subjects: Vec<Subject<'a>>, step: usize) -> Self {
        Self {
            oracle: Oracle::new(target.formulas),
            step,
            reports: subjects.iter().map(Report::new).collect(),
            x: Vec::with_capacity(BLOCK),
            truths: Truths::default(),
            judged: subjects.iter().map(|_| (vec![0.0; BLOCK], Tally::default())).collect(),
            subjects,
        }
    }

    pub fn bin(&mut self, bin: usize) {
        let blocks = bin * (BIN / COUNT)..(bin + 1) * (BIN / COUNT);
        let first = blocks.start.next_multiple_of(self.step);
        let mut inputs = (first..blocks.end)
            .step_by(self.step)
            .flat_map(|block| block * COUNT..(block + 1) * COUNT)
            .map(|x| x as u32);
        loop {
            self.x.clear();
            self.x.extend(inputs.by_ref().take(BLOCK).map(f32::from_bits));
            if self.x.is_empty() {
                break;
            }
            self.oracle.truths(&self.x, &mut self.truths);
            for at in 0..self.subjects.len() {
                self.block(bin, at);
            }
        }
    }

    /// One subject's turn.
    fn block(&mut self, bin: usize, at: usize) {
        let (earlier, rest) = self.judged.split_at_mut(at);
        let (y, tally) = &mut rest[0];
        y.resize(self.x.len(), 0.0);
        (self.subjects[at].call)(&self.x, y);
        // What has the bits of an earlier subject need not be judged again.
        *tally = match earlier.iter().find(|(other, _)| identical(other, y)) {
            Some((_, tally)) => *tally,
            None => Tally::judge(&self.x, y, &self.truths),
        };
        let class = &self.subjects[at].class;
        let first = self.subjects[..at].iter().position(|subject| subject.class == *class);
        let report = &mut self.reports[at];
        report.differ += first.map_or(0, |first| differing(&earlier[first].0, y));
        report.tally.add(tally);
        let error = if tally.wrong > 0 { f64::INFINITY } else { tally.largest.0 };
        report.bins[bin] = report.bins[bin].max(error);
    }
}

/// How many elements differ, one NaN being as good as another.
fn differing(a: &[f32], b: &[f32]) -> u64 {
    if identical(a, b) { 0 } else { a.iter().zip(b).map(|(a, b)| u64::from(!same(*a, *b))).sum() }
}

/// Whether all bits are the same. Without an early exit, this is vector code.
fn identical(a: &[f32], b: &[f32]) -> bool {
    a.iter().zip(b).fold(0, |bits, (a, b)| bits | (a.to_bits() ^ b.to_bits())) == 0
}

/// Judges all bins with every thread; `subjects` makes each its own.
pub fn all<'a>(
    target: Target,
    subjects: impl Fn() -> Vec<Subject<'a>> + Sync,
    step: usize,
    progress: impl Fn(usize) + Sync,
) -> Vec<Report> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut judge = Judge::new(target, subjects(), step);
        loop {
            let bin = next.fetch_add(1, Ordering::Relaxed);
            if bin >= BINS {
                return judge.reports;
            }
            judge.bin(bin);
            progress(bin);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let reports = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        reports
            .reduce(|mut sum, reports| {
                sum.iter_mut().zip(&reports).for_each(|(sum, report)| sum.add(report));
                sum
            })
            .expect("a thread")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::FUNCTIONS;

    fn subject<'a>(call: impl FnMut(&[f32], &mut [f32]) + 'a) -> Subject<'a> {
        Subject { name: String::new(), class: "same".into(), call: Box::new(call) }
    }

    /// A function of f32 by way of f64, and so almost correctly rounded.
    fn exp(x: &[f32], y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = f64::from(*x).exp() as f32);
    }

    #[test]
    fn every_step_th_block_comes_once_and_in_order() {
        const STEP: usize = 4093;
        let mut seen = Vec::new();
        let note = subject(|x, _| seen.extend(x.iter().map(|x| x.to_bits())));
        let mut judge = Judge::new(FUNCTIONS[0], vec![note], STEP);
        (0..BINS).for_each(|bin| judge.bin(bin));
        drop(judge);
        let blocks = (0..=u32::MAX).step_by(STEP * COUNT);
        assert!(seen.into_iter().eq(blocks.flat_map(|first| (first..=u32::MAX).take(COUNT))));
    }

    #[test]
    fn a_single_wrong_bit_and_a_wrong_zero_are_found() {
        let bad = f32::from_bits(0x4000_1234);
        let off = subject(|x, y| {
            exp(x, y);
            for (x, y) in x.iter().zip(y).filter(|(x, _)| **x == bad) {
                *y = f32::from_bits(x.exp().to_bits() + 5);
            }
        });
        let negative = subject(|x, y| {
            exp(x, y);
            y.iter_mut().filter(|y| **y == 0.0).for_each(|y| *y = -0.0);
        });
        let mut judge = Judge::new(FUNCTIONS[0], vec![subject(exp), off, negative], 1);
        let underflow = -1e30f32;
        for x in [bad, underflow] {
            judge.bin(x.to_bits() as usize / BIN);
        }
        let [right, off, negative] = &judge.reports[..] else { panic!("three subjects") };

        let Tally { largest: (error, at), .. } = right.tally;
        assert!(error > 0.4999 && error < 0.5001, "{error} at {at}");
        assert_eq!((right.differ, right.tally.wrong), (0, 0));

        let Tally { largest: (error, at), .. } = off.tally;
        assert!((4.5..5.5).contains(&error) && at == bad, "{error} at {at}");
        assert_eq!((off.differ, off.tally.wrong), (1, 0));
        assert_eq!(off.bins[bad.to_bits() as usize / BIN], error);

        assert_eq!((negative.differ, negative.tally.wrong), (BIN as u64, BIN as u64));
        assert_eq!(negative.bins[underflow.to_bits() as usize / BIN], f64::INFINITY);
    }
}
