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

pub use timer::start;

/// The instructions of a call, to the period of the timer.
pub fn count(call: impl FnOnce()) -> u32 {
    let before = timer::now();
    call();
    (timer::now().wrapping_sub(before) & timer::MOST) * timer::INSTRUCTIONS
}
