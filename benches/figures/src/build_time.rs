//! How long cargo takes to build a crate with its dependencies, in release mode from nothing.

use crate::chart::{Bar, Bars, bars, colour};
use crate::data::{Table, write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use std::{env, fs};

/// What goes into the manifest of a package that has nothing else.
const PACKAGES: [(&str, &str); 7] = [
    ("logits", ""),
    ("libm", "\"0.2\""),
    ("rten-vecmath", "\"0.25\""),
    ("ndarray", "\"0.17\""),
    ("tract-linalg", "\"0.23\""),
    ("burn-ndarray", "\"0.22\""),
    ("candle-core", "\"0.11\""),
];

/// One after the other, each with all threads; if quick, without burn and candle, which
/// take minutes.
pub fn measure(root: &Path, quick: bool) -> Result<Table, String> {
    let mut table =
        Table::new(["package", "seconds", "processor seconds", "packages"]).of_this_machine();
    for &(name, version) in &PACKAGES[..if quick { 5 } else { PACKAGES.len() }] {
        let directory = env::temp_dir().join("logits-build-time").join(name);
        let source = match version {
            "" => format!("{{ path = {:?} }}", root.display().to_string()),
            version => version.into(),
        };
        let manifest = format!(
            "[package]\nname = \"nothing-else\"\nedition = \"2024\"\n\n\
             [dependencies]\n{name} = {source}\n\n[workspace]\n"
        );
        write(&directory.join("Cargo.toml"), &manifest)?;
        write(&directory.join("src/lib.rs"), "")?;
        cargo(&directory, &["fetch", "--quiet"])?;
        let target = directory.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)
                .map_err(|error| format!("{}: {error}", target.display()))?;
        }
        let (start, used) = (Instant::now(), processor_seconds());
        let printed = cargo(&directory, &["build", "--release", "--offline"])?;
        let seconds = start.elapsed().as_secs_f64();
        let used = processor_seconds().zip(used).map(|(now, before)| now - before);
        let packages =
            printed.lines().filter(|line| line.trim().starts_with("Compiling")).count() - 1;
        eprintln!("{name} {seconds:.1} s, {packages} packages");
        table.push([
            name.into(),
            format!("{seconds:.1}"),
            used.map_or_else(String::new, |used| format!("{used:.1}")),
            packages.to_string(),
        ]);
        fs::remove_dir_all(&directory).map_err(|error| error.to_string())?;
    }
    Ok(table)
}

/// What cargo prints on stderr.
fn cargo(directory: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(directory);
    // What this run was told is not for the measured ones.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_JOBS");
    command.env("CARGO_TARGET_DIR", directory.join("target"));
    let output = command.output().map_err(|error| format!("cargo: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(printed) } else { Err(printed) }
}

/// Of all child processes that have ended, where the system says so: on a busy machine they mean
/// more than the time of the clock.
fn processor_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = text.rsplit_once(") ")?.1;
    let mut of_children = after_name.split(' ').skip(13).take(2).map(|ticks| ticks.parse::<f64>());
    Some((of_children.next()?.ok()? + of_children.next()?.ok()?) / 100.0)
}

pub fn draw(table: &Table) -> Result<String, String> {
    let column = |name| table.column(name).ok_or(format!("no column {name}"));
    let (seconds, packages) = (column("seconds")?, column("packages")?);
    let bar = |row: usize| {
        let cells = &table.rows[row];
        let count = match &*cells[packages] {
            "1" => "1 package".into(),
            count => format!("{count} packages"),
        };
        Some(Bar {
            label: cells[0].clone(),
            value: table.number(row, seconds)?,
            figure: format!("{} s, {count}", cells[seconds]),
            colour: colour(if cells[0] == "logits" { "logits" } else { "plain loop" }),
        })
    };
    let group = Bars {
        title: "cargo build --release, from nothing, with dependencies".into(),
        bars: (0..table.rows.len()).filter_map(bar).collect(),
    };
    let subtitle =
        format!("{}, {}, {}.", table.noted("machine"), table.noted("rustc"), table.date());
    bars("Time to build", &subtitle, &[group])
}
