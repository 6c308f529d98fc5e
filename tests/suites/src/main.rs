//! Runs the cases that `run.py` hands over, a line each, on every backend.
//!
//! A value passes if the suite's tolerance accepts it and it is within the contract's error of
//! the true value, which is computed in f64. If it is within the contract, not accepted, and
//! the suite's own value is farther from the true one, that is explained; all else fails.

mod case;
mod report;
mod truth;

use case::Case;
use logits::Backend;
use report::Report;
use std::io::stdin;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut report = Report::default();
    for line in stdin().lines() {
        let line = line.expect("text");
        let case = Case::new(&line);
        let found = Backend::available().map(|backend| {
            (backend, case.run(backend).unwrap_or_else(|error| panic!("{}: {error}", case.name)))
        });
        report.add(&case, &found.collect::<Vec<_>>());
    }
    print!("{report}");
    if report.has_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
