//! Other implementations, sampled.

use crate::functions::Target;
use crate::sweep::{BINS, Judge, Report, Subject};

/// One of so many blocks of neighbouring inputs: some 4000 inputs in each bin.
pub const STEP: usize = 127;

/// What was found about every peer on this machine that has the function.
pub fn sample(target: Target) -> Vec<Report> {
    let subject = |mut peer: logits_peers::Peer| {
        let name = peer.name.clone();
        // A library on all instruction sets is one class, though none need agree.
        let class = name.trim_end_matches(peer.isa.name()).trim_end().into();
        Subject { name, class, call: Box::new(move |x, y| peer.call(x, y)) }
    };
    let subjects = logits_peers::peers(target.name).into_iter().map(subject).collect();
    let mut judge = Judge::new(target, subjects, STEP);
    (0..BINS).for_each(|bin| judge.bin(bin));
    judge.reports
}
