//! The host by semihosting: QEMU, or a debugger.

use core::fmt::Arguments;
use semihosting::fs::File;
use semihosting::io::Read;
use semihosting::{println, process};

/// What is expected, read piece by piece: all of it is more than the memory of some boards.
pub struct Table {
    file: File,
    piece: [u8; 512],
    next: usize,
    length: usize,
}

impl Table {
    pub fn open() -> Option<Self> {
        let file = File::open(c"target/scalar.table").ok()?;
        Some(Self { file, piece: [0; 512], next: 0, length: 0 })
    }

    pub fn next(&mut self) -> Option<u32> {
        if self.next == self.length {
            (self.next, self.length) = (0, self.file.read(&mut self.piece).ok()?);
        }
        let bytes = self.piece.get(self.next..self.length)?.first_chunk()?;
        self.next += bytes.len();
        Some(u32::from_le_bytes(*bytes))
    }
}

pub fn print(text: Arguments<'_>) {
    println!("{text}");
}

pub fn end(is_right: bool) -> ! {
    process::exit(i32::from(!is_right))
}

#[cfg_attr(target_arch = "arm", cortex_m_rt::entry)]
#[cfg_attr(target_arch = "riscv32", riscv_rt::entry)]
fn main() -> ! {
    end(crate::compare())
}
