//! The host by imported functions: `run.mjs`.

use core::fmt::{Arguments, Write};

#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// The next number of the table, or −1.
    safe fn next() -> i64;
    safe fn put(character: u32);
}

pub struct Table;

impl Table {
    pub fn open() -> Option<Self> {
        Some(Self)
    }

    pub fn next(&mut self) -> Option<u32> {
        u32::try_from(next()).ok()
    }
}

struct Host;

impl Write for Host {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        text.chars().for_each(|character| put(character.into()));
        Ok(())
    }
}

pub fn print(text: Arguments<'_>) {
    let _ = writeln!(Host, "{text}");
}

pub fn end(_: bool) -> ! {
    core::arch::wasm32::unreachable()
}

/// Whether everything is as expected.
#[unsafe(no_mangle)]
pub extern "C" fn run() -> bool {
    crate::compare()
}
