//! Counts instructions, as QEMU runs one each nanosecond with `-icount shift=0`.

#[cfg(target_arch = "arm")]
mod timer {
    //! The timer SysTick, whose clock has a period of 40 ns on QEMU's boards MPS2.

    const CONTROL: *mut u32 = 0xE000_E010usize as _;
    const RELOAD: *mut u32 = 0xE000_E014usize as _;
    const CURRENT: *mut u32 = 0xE000_E018usize as _;
    pub const MOST: u32 = 0x00FF_FFFF;
    pub const INSTRUCTIONS: u32 = 40;

    pub fn start() {
        // Every Cortex-M on these boards has the timer, and nothing else uses it.
        unsafe {
            RELOAD.write_volatile(MOST);
            CURRENT.write_volatile(0);
            CONTROL.write_volatile(5);
        }
    }

    /// It counts down.
    pub fn now() -> u32 {
        MOST - unsafe { CURRENT.read_volatile() }
    }
}

#[cfg(target_arch = "riscv32")]
mod timer {
    //! The processor's own counter.

    pub const MOST: u32 = u32::MAX;
    pub const INSTRUCTIONS: u32 = 1;

    pub fn start() {}

    pub fn now() -> u32 {
        let count;
        // Reading the counter has no effect.
        unsafe { core::arch::asm!("csrr {}, minstret", out(reg) count) };
        count
    }
}

use core::hint::black_box;
pub use timer::start;

/// The instructions of a call, to the period of the timer.
fn count(call: impl FnOnce()) -> u32 {
    let before = timer::now();
    call();
    (timer::now().wrapping_sub(before) & timer::MOST) * timer::INSTRUCTIONS
}

/// The instructions of a call, of so many that their number is exact to a five-hundredth of one
/// or to a ten-thousandth of itself.
pub fn instructions(mut call: impl FnMut()) -> f32 {
    call();
    let once = count(|| call());
    let repetitions = (1_000_000 / once.max(1)).clamp(2, 20_000) as u32;
    let all = count(|| {
        for _ in 0..black_box(repetitions) {
            call();
        }
    });
    let empty = count(|| {
        for _ in 0..black_box(repetitions) {
            black_box(());
        }
    });
    all.saturating_sub(empty) as f32 / repetitions as f32
}
