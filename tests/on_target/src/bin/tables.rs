//! Writes what a backend gives to a file, or compares what it gives with such a file.

use logits::Backend;
use std::error::Error;
use std::process::ExitCode;
use std::{env, fs};

const USAGE: &str = "\
Usage: tables write BACKEND FILE      write the results of all calls
       tables compare BACKEND FILE    compare them with another target's";

fn backend(name: &str) -> Result<Backend, String> {
    let mut all = Backend::available();
    all.find(|backend| backend.name() == name).ok_or(format!("this CPU has no backend {name}"))
}

fn write(name: &str, file: &str) -> Result<(), Box<dyn Error>> {
    let mut table = Vec::new();
    let calls = on_target::run(backend(name)?, |_, _, _, bits| {
        table.extend(bits.to_le_bytes());
        true
    });
    fs::write(file, &table)?;
    println!("{calls} calls on {name}, {} numbers", table.len() / 4);
    Ok(())
}

fn compare(name: &str, file: &str) -> Result<(), Box<dyn Error>> {
    let table = fs::read(file)?;
    let (mut expected, _) = table.as_chunks();
    let mut mismatch = None;
    let calls = on_target::run(backend(name)?, |case, input, i, found| {
        let Some((first, rest)) = expected.split_first() else { return false };
        expected = rest;
        let first = u32::from_le_bytes(*first);
        if first != found {
            mismatch = Some(format!(
                "{case}: number {i} is {found:08x}, expected {first:08x}, of {:x?}",
                [input.x, input.y, input.p, input.q]
                    .map(|x| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>())
            ));
        }
        mismatch.is_none()
    });
    if let Some(mismatch) = mismatch {
        return Err(mismatch.into());
    }
    if !expected.is_empty() {
        return Err(format!("{} numbers more were expected", expected.len()).into());
    }
    println!("{calls} calls on {name}: {} numbers have the expected bits", table.len() / 4);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["write", name, file] => write(name, file),
        ["compare", name, file] => compare(name, file),
        _ => Err(USAGE.into()),
    };
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("{error}");
    ExitCode::FAILURE
}
