//! Proves the contract of the elementwise functions: all 2³² inputs, on every
//! backend, against an oracle.
//!
//! `cargo run --release --manifest-path tests/exhaustive/Cargo.toml -- \
//!     [FUNCTION…] [--backend NAME,…] [--step N] [--csv DIRECTORY]`
//!
//! `--csv` leaves a table of the largest error against the input of each function, `error-NAME.csv`,
//! which `benches/figures` draws. With `--features peers`, the libraries of `benches/peers` are
//! sampled beside it.
//!
//! Fails if a largest error exceeds `logits::contract::ELEMENTWISE`, if an
//! infinity, a NaN or the sign of a zero is wrong, or if two backends of a class
//! (`Backend::is_fused`; scalar is one of its own) differ in a bit.

mod csv;
mod functions;
mod neighbours;
mod oracle;
#[cfg(feature = "peers")]
mod peers;
mod sweep;
mod table;

use functions::{FUNCTIONS, Target};
use logits::Backend;
use neighbours::COUNT;
use oracle::Oracle;
use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use sweep::{BINS, Report, Subject};

struct Options {
    targets: Vec<Target>,
    backends: Vec<Backend>,
    step: NonZero<usize>,
    /// Where to put a table of each function.
    csv: Option<PathBuf>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            targets: Vec::new(),
            backends: Backend::available().collect(),
            step: NonZero::<usize>::MIN,
            csv: None,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
            match argument.as_str() {
                "--backend" => options.backends = named(&value()?)?,
                "--step" => {
                    options.step = value()?.parse().map_err(|error| format!("--step: {error}"))?;
                }
                "--csv" => options.csv = Some(value()?.into()),
                name => options.targets.push(
                    FUNCTIONS
                        .into_iter()
                        .find(|target| target.name == name)
                        .ok_or(format!("no function or option {name}"))?,
                ),
            }
        }
        if options.targets.is_empty() {
            options.targets.extend(FUNCTIONS);
        }
        Ok(options)
    }

    /// What the figures stand for.
    fn inputs(&self) -> String {
        let inputs = match self.step.get() {
            1 => "all 2³² inputs".into(),
            step => format!("every {step}th block of {COUNT} of all 2³² inputs"),
        };
        #[cfg(feature = "peers")]
        let inputs = format!("{inputs}; peers: every {}th block", peers::STEP);
        inputs
    }
}

/// The backends of a list of names; this CPU must have them all.
fn named(names: &str) -> Result<Vec<Backend>, String> {
    let find = |name| Backend::available().find(|backend| backend.name() == name);
    names.split(',').map(|name| find(name).ok_or(format!("no backend {name}"))).collect()
}

fn class(backend: Backend) -> &'static str {
    if backend.name() == "scalar" {
        return "logits scalar";
    }
    if backend.is_fused() { "logits fused" } else { "logits unfused" }
}

fn prove(target: Target, options: &Options) -> Vec<Report> {
    let subjects = || {
        let subject = |&backend: &Backend| Subject {
            name: backend.name().into(),
            class: class(backend).into(),
            call: Box::new(move |x, y| (target.run)(backend, x, y).expect("equal lengths")),
        };
        options.backends.iter().map(subject).collect()
    };
    let start = Instant::now();
    let terminal = stderr().is_terminal();
    let progress = |bin| {
        if terminal && bin % (BINS / 100) == 0 {
            eprint!("\r{} {:3} %", target.name, bin * 100 / BINS);
            let _ = stderr().flush();
        }
    };
    let reports = sweep::all(target, subjects, options.step.get(), progress);
    let back = if terminal { "\r" } else { "" };
    eprintln!("{back}{} {:.1} s", target.name, start.elapsed().as_secs_f64());
    reports
}

/// What breaks the function's promise.
fn faults(target: Target, backends: &[Backend], reports: &[Report]) -> Vec<String> {
    let mut faults = Vec::new();
    for (&backend, Report { name, class, tally, differ, .. }) in backends.iter().zip(reports) {
        let mut fault = |what| faults.push(format!("{} on {name}: {what}", target.name));
        let (error, limit) = (tally.largest.0, target.contract().error(backend).ulp);
        if error > limit {
            fault(format!("{error} ULP exceed {limit}"));
        }
        if let Some(x) = tally.wrong_at {
            fault(format!("wrong infinity, NaN or zero at {x:e} and {} more", tally.wrong - 1));
        }
        if *differ > 0 {
            fault(format!("{differ} outputs differ from the first backend's in {class}"));
        }
    }
    faults
}

fn run() -> Result<(), String> {
    let options = Options::parse(std::env::args().skip(1))?;
    for target in &options.targets {
        Oracle::new(target.formulas)
            .check(options.step.get())
            .map_err(|error| format!("the oracle of {}: {error}", target.name))?;
    }
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for &target in &options.targets {
        let reports = prove(target, &options);
        faults.extend(self::faults(target, &options.backends, &reports));
        #[cfg(feature = "peers")]
        let reports = [reports, peers::sample(target)].concat();
        rows.extend(reports.iter().map(|report| table::row(target, report)));
        if let Some(directory) = &options.csv {
            let path = directory.join(format!("error-{}.csv", target.name));
            fs::create_dir_all(directory)
                .and_then(|()| fs::write(&path, csv::csv(target, &reports, &options.inputs())))
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    table::print(&rows);
    println!("\nFrom {}.", options.inputs());
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("FAILED\n{message}");
            ExitCode::FAILURE
        }
    }
}
