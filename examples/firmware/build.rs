//! Gives the linker the `memory.x` of the target's board. Other packages use this file, too.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    if env::var("CARGO_CFG_TARGET_OS")? != "none" {
        return Ok(());
    }
    println!("cargo::rerun-if-env-changed=BOARD");
    let target = env::var("TARGET")?;
    let board = env::var("BOARD");
    let board = match board.as_deref().unwrap_or(&target) {
        "microbit" => "microbit",
        "thumbv6m-none-eabi" | "thumbv7m-none-eabi" | "thumbv7em-none-eabihf" => "mps2",
        "thumbv8m.main-none-eabihf" => "mps2-an505",
        "riscv32imac-unknown-none-elf" => "virt",
        _ => return Err(format!("no board for {target}").into()),
    };
    let memory = Path::new(file!()).with_file_name("memory").join(format!("{board}.x"));
    let directory = PathBuf::from(env::var("OUT_DIR")?);
    fs::copy(&memory, directory.join("memory.x"))?;
    println!("cargo::rustc-link-search={}", directory.display());
    println!("cargo::rerun-if-changed={}", memory.display());

    // Both start-up crates have a script `link.x`. That of RISC-V does not ask for `memory.x`.
    if board == "virt" {
        println!("cargo::rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    Ok(())
}
