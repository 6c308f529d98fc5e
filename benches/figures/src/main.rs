//! Measures and draws the pictures of the README, and writes its figures.
//!
//! `cargo run --release --manifest-path benches/figures/Cargo.toml -- [FIGURE…] [--draw] [--quick]
//!     [--directory DIRECTORY]`
//!
//! measures the figures, or all of them, writes what it finds to `pictures/NAME.csv`, and draws
//! `pictures/NAME.svg`. `--draw` only draws what is there. `--quick` measures so briefly that times
//! mean little, and leaves burn and candle out of `build`, where they take minutes. `--features
//! peers` adds other libraries to `throughput`, `spread` and `errors`.
//!
//! `… -- readme` writes the parts of the README that are figures, `… -- readme --check` fails if one
//! is stale.

mod build_time;
mod calls;
mod chart;
mod data;
mod errors;
mod plain;
mod random;
mod readme;
mod size;
mod spread;
mod throughput;
mod timing;

use data::{Table, write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fs};
use timing::Effort;

/// All that can be drawn. Times come first: what runs before warms a machine up.
const FIGURES: [&str; 6] = ["calls", "throughput", "spread", "size", "errors", "build"];

struct Options {
    figures: Vec<String>,
    draw: bool,
    quick: bool,
    check: bool,
    directory: PathBuf,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two above").into()
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            figures: vec![],
            draw: false,
            quick: false,
            check: false,
            directory: root().join("pictures"),
        };
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--draw" => options.draw = true,
                "--quick" => options.quick = true,
                "--check" => options.check = true,
                "--directory" => {
                    options.directory = arguments.next().ok_or("--directory wants a value")?.into();
                }
                name if FIGURES.contains(&name) || name == "readme" => {
                    options.figures.push(name.into());
                }
                name => {
                    return Err(format!("no {name}; there are {} and readme", FIGURES.join(", ")));
                }
            }
        }
        if options.figures.is_empty() {
            options.figures.extend(FIGURES.map(String::from));
        }
        Ok(options)
    }

    fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.directory.join(name).with_extension(extension)
    }

    fn measure(&self, figure: &str) -> Result<(), String> {
        let effort = |milliseconds, rounds| match self.quick {
            true => Effort { each: Duration::from_millis(1), rounds: 1 },
            false => Effort { each: Duration::from_millis(milliseconds), rounds },
        };
        let note = |table: Table| match self.quick {
            true => table.note("effort", "quick"),
            false => table,
        };
        let table = match figure {
            "calls" => note(calls::measure(effort(20, 5))),
            "throughput" => note(throughput::measure(effort(80, 3))),
            "spread" => spread::measure(),
            "size" => size::measure(&root())?,
            "build" => build_time::measure(&root(), self.quick)?,
            _ => return errors::measure(&root(), &self.directory, self.quick),
        };
        table.write(&self.file(figure, "csv"))
    }

    fn draw(&self, figure: &str) -> Result<(), String> {
        let draw: Draw = match figure {
            "calls" => calls::draw,
            "throughput" => throughput::draw,
            "spread" => spread::draw,
            "size" => size::draw,
            "build" => build_time::draw,
            // One of each function.
            _ => {
                return self
                    .functions()?
                    .iter()
                    .try_for_each(|name| self.draw_as(name, errors::draw));
            }
        };
        self.draw_as(figure, draw)
    }

    fn draw_as(&self, name: &str, draw: Draw) -> Result<(), String> {
        let drawn = draw(&Table::read(&self.file(name, "csv"))?)?;
        write(&self.file(name, "svg"), &drawn)?;
        println!("{}", self.file(name, "svg").display());
        Ok(())
    }

    /// The tables `error-NAME.csv` of the directory, without the extension.
    fn functions(&self) -> Result<Vec<String>, String> {
        let entries = fs::read_dir(&self.directory).map_err(|error| error.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names
            .filter(|name| name.starts_with("error-"))
            .filter_map(|name| name.strip_suffix(".csv").map(String::from))
            .collect();
        names.sort();
        Ok(names)
    }
}

type Draw = fn(&Table) -> Result<String, String>;

fn run() -> Result<(), String> {
    let options = Options::parse(env::args().skip(1))?;
    for figure in &options.figures {
        if figure == "readme" {
            readme::write_parts(&root(), &options.directory, options.check)?;
            continue;
        }
        if !options.draw {
            let start = Instant::now();
            options.measure(figure)?;
            println!("{figure} measured in {:.1} s", start.elapsed().as_secs_f64());
        }
        options.draw(figure)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("FAILED {message}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is committed is what its data say.
    #[test]
    fn pictures_are_those_of_their_data() {
        let options = Options::parse(std::iter::empty()).expect("no arguments");
        let compare = |name: &str, draw: Draw| {
            let table = Table::read(&options.file(name, "csv")).expect("a table");
            let picture = fs::read_to_string(options.file(name, "svg")).expect("a picture");
            assert!(picture == draw(&table).expect("a drawing"), "{name}: run with --draw");
        };
        let drawn: [(&str, Draw); 5] = [
            ("calls", calls::draw),
            ("throughput", throughput::draw),
            ("spread", spread::draw),
            ("size", size::draw),
            ("build", build_time::draw),
        ];
        let there = drawn.into_iter().filter(|(name, _)| options.file(name, "csv").exists());
        there.for_each(|(name, draw)| compare(name, draw));
        options.functions().expect("tables").iter().for_each(|name| compare(name, errors::draw));
    }
}
