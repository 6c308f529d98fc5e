//! The depth of the stack: what is below it is painted, and what a call leaves of the paint is
//! seen afterwards.

use core::arch::asm;

/// More than any function takes.
const PAINTED: usize = 32 * 1024;
const PAINT: u32 = 0xA5A5_A5A5;
/// What is left free for the two loops here.
const OWN: usize = 64;

/// The bytes that a call takes, its return address and what it saves included.
#[inline(never)]
pub fn used(call: &mut dyn FnMut()) -> usize {
    let top = pointer();
    // The boards have megabytes of RAM, and below the stack pointer nothing is in use.
    unsafe {
        let mut at = top - PAINTED;
        while at < top - OWN {
            (at as *mut u32).write_volatile(PAINT);
            at += 4;
        }
    }
    call();
    let mut at = top - PAINTED;
    while at < top - OWN && unsafe { (at as *const u32).read_volatile() } == PAINT {
        at += 4;
    }
    top - at
}

#[inline(always)]
fn pointer() -> usize {
    let pointer: usize;
    // Reading the stack pointer has no effect.
    #[cfg(target_arch = "arm")]
    unsafe {
        asm!("mov {}, sp", out(reg) pointer);
    }
    #[cfg(target_arch = "riscv32")]
    unsafe {
        asm!("mv {}, sp", out(reg) pointer);
    }
    pointer & !3
}
