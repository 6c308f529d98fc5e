//! [`Simd::exp_steps`](crate::simd::Simd::exp_steps) in assembly.
//!
//! A compiler puts the operations of a step one after the other: their results wait for one
//! another, and what they wait for fills the core's window of instructions. Here four halves
//! of steps are on their way at once: the terms of one are added while those of the next are
//! computed, the remainders of the one after and the powers of the last. Sums of long rows
//! take about an eighth less time so on Zen 5.
//!
//! **Tried.** The same in Rust: what surrounds it takes a quarter more instructions, and
//! little is gained. Three whole steps at once: a few percent slower.

use super::F32;
use crate::simd::{Beside, ExpFormula};
use crate::sweep::RUN;
use core::arch::asm;
use core::mem::offset_of;

/// Elements of a step.
const STEP: usize = 64;

/// The sum so far, and what is broadcast from memory, as the loop finds them.
#[repr(C, align(64))]
struct State {
    /// Both words, and the reach.
    sum: [F32; 3],
    formula: ExpFormula,
}

// The loop tells places in it by numbers.
const _: () = {
    assert!(offset_of!(State, formula) + offset_of!(ExpFormula, log2_e) == 192);
    assert!(offset_of!(State, formula) + offset_of!(ExpFormula, minus_ln_2) == 200);
    assert!(offset_of!(State, formula) + offset_of!(ExpFormula, polynomial) == 208);
    assert!(offset_of!(State, formula) + offset_of!(ExpFormula, minus_least) == 220);
    assert!(offset_of!(State, formula) + offset_of!(ExpFormula, most) == 224);
    assert!(offset_of!(State, formula) + offset_of!(ExpFormula, table) == 228);
};

/// How many steps of `from` were taken, all or those before one out of range. Of those, e^x
/// is kept at `to` if it is to be.
///
/// # Safety
/// There are so many steps, at least one, at `from` and, if they are kept, at `to`; one at
/// the patch, if there is one; and where `beside` copies to is aligned to a vector.
#[inline(always)]
#[allow(clippy::too_many_lines)] // one loop
pub(super) unsafe fn exp_steps<
    const EXACT: bool,
    const KEEP: bool,
    const BESIDE: bool,
    const PATCH: bool,
>(
    (from, to, steps): (*const f32, *mut f32, usize),
    (patched, patch): (usize, *const f32),
    ahead: *const f32,
    beside: &mut Beside<'_>,
    formula: ExpFormula,
    carry: usize,
    [high, low, reach]: [&mut F32; 3],
) -> usize {
    let mut state = State { sum: [*high, *low, *reach], formula };
    // Addresses count from the end: one number tells them all, and when to stop.
    let (end, bytes) = (STEP * steps, (4 * STEP).cast_signed());
    let mut i = -(bytes * steps.cast_signed());
    // SAFETY: memory is touched at multiples of a step from `from`, `to` and what is copied,
    // as often as the caller says there are steps; at the patch; and at `state`. A prefetch
    // never faults.
    unsafe {
        asm!(
            // A power and how far it reaches.
            r".macro logits_power x, p, before, at",
            r".if {has_patch}",
            r"vmovups \x, [{x} + \at]",
            r".else",
            r"vmovups \x, [{from} + {i} + \at]",
            r".endif",
            r"vmovaps \p, zmm0",
            r"vfmadd213ps \p, \x, zmm1",
            r"vpaddd zmm31, \p, zmm8",
            r"vpmaxud zmm28, \before, zmm31",
            r".endm",
            // In the place of x, what is left of it.
            r".macro logits_rest x, p",
            r"vsubps zmm29, \p, zmm1",
            r"vfmadd231ps \x, zmm29, zmm2",
            r".if {exact}",
            r"vfmadd231ps \x, zmm29, zmm3",
            r".endif",
            r".endm",
            // The powers of half a step.
            r".macro logits_powers half",
            r".if \half == 0",
            r".if {has_patch}",
            r"lea {x}, [{from} + {i}]",
            r"cmp {i}, {patched}",
            r"cmove {x}, {patch}",
            r".endif",
            r"logits_power zmm12, zmm16, zmm9, 0",
            r"logits_power zmm13, zmm17, zmm28, 64",
            r".else",
            r"logits_power zmm14, zmm18, zmm28, 128",
            r"logits_power zmm15, zmm19, zmm28, 192",
            r"vpcmpud k1, zmm28, [{state} + 224]{{1to16}}, 6",
            r"kortestw k1, k1",
            r".endif",
            r".endm",
            // t and δ of a power and of what is left.
            r".macro logits_term r, p, t, d, at",
            r"vmovaps \d, zmm4",
            r"vfmadd213ps \d, \r, zmm5",
            r"vfmadd213ps \d, \r, zmm6",
            r"vpermps \t, \p, zmm7",
            r"vpslld \p, \p, 19",
            r"vpaddd \t, \t, \p",
            r"vmulps \d, \d, \r",
            r".if {keep}",
            r"vmovaps zmm30, \t",
            r"vfmadd231ps zmm30, \d, \t",
            r"vmovups [{to} + {i} + \at], zmm30",
            r".endif",
            r".endm",
            // Adds t to a sum, and to the second word t · δ and what the addition rounds off.
            r".macro logits_add t, d, from, to",
            r"vaddps \to, \from, \t",
            r"vsubps \from, \to, \from",
            r"vsubps \from, \t, \from",
            r"vfmadd213ps \d, \t, \from",
            r"vaddps zmm11, zmm11, \d",
            r".endm",
            r".macro logits_sum",
            r"logits_add zmm20, zmm24, zmm10, zmm29",
            r"logits_add zmm21, zmm25, zmm29, zmm10",
            r".endm",
            // Moves into the sum what fits there.
            r".macro logits_carry",
            r"vaddps zmm29, zmm10, zmm11",
            r"vsubps zmm10, zmm29, zmm10",
            r"vsubps zmm11, zmm11, zmm10",
            r"vmovaps zmm10, zmm29",
            r".endm",
            "vmovaps zmm10, [{state}]",
            "vmovaps zmm11, [{state} + 64]",
            "vmovaps zmm9, [{state} + 128]",
            "vbroadcastss zmm0, [{state} + 192]",
            "vbroadcastss zmm1, [{state} + 196]",
            "vbroadcastss zmm2, [{state} + 200]",
            "vbroadcastss zmm3, [{state} + 204]",
            "vbroadcastss zmm4, [{state} + 208]",
            "vbroadcastss zmm5, [{state} + 212]",
            "vbroadcastss zmm6, [{state} + 216]",
            "vpbroadcastd zmm8, [{state} + 220]",
            "vmovups zmm7, [{state} + 228]",
            // Before the first step nothing is added.
            "vpxord xmm20, xmm20, xmm20",
            "vpxord xmm21, xmm21, xmm21",
            "vpxord xmm24, xmm24, xmm24",
            "vpxord xmm25, xmm25, xmm25",
            "logits_powers 0",
            "logits_powers 1",
            "jne 9f",
            "logits_rest zmm12, zmm16",
            "logits_rest zmm13, zmm17",
            ".p2align 5",
            "2:",
            "vmovdqa64 zmm9, zmm28",
            "logits_sum",
            "dec {carry}",
            "jz 6f",
            "3:",
            "prefetcht0 [{ahead} + {i}]",
            "prefetcht0 [{ahead} + {i} + 64]",
            "prefetcht0 [{ahead} + {i} + 128]",
            "prefetcht0 [{ahead} + {i} + 192]",
            ".if {has_beside}",
            "dec {copies}",
            "js 4f",
            "vmovups zmm22, [{copy} + {i}]",
            "vmovups zmm23, [{copy} + {i} + 64]",
            "vmovups zmm26, [{copy} + {i} + 128]",
            "vmovups zmm27, [{copy} + {i} + 192]",
            "vmovntps [{copy_to} + {i}], zmm22",
            "vmovntps [{copy_to} + {i} + 64], zmm23",
            "vmovntps [{copy_to} + {i} + 128], zmm26",
            "vmovntps [{copy_to} + {i} + 192], zmm27",
            "4:",
            ".endif",
            "logits_term zmm12, zmm16, zmm20, zmm24, 0",
            "logits_term zmm13, zmm17, zmm21, zmm25, 64",
            "logits_rest zmm14, zmm18",
            "logits_rest zmm15, zmm19",
            "add {i}, 256",
            "jz 5f",
            "logits_powers 0",
            "logits_sum",
            "logits_term zmm14, zmm18, zmm20, zmm24, -128",
            "logits_term zmm15, zmm19, zmm21, zmm25, -64",
            "logits_rest zmm12, zmm16",
            "logits_rest zmm13, zmm17",
            "logits_powers 1",
            "je 2b",
            "jmp 8f",
            "5:",
            "logits_sum",
            "logits_term zmm14, zmm18, zmm20, zmm24, -128",
            "logits_term zmm15, zmm19, zmm21, zmm25, -64",
            "8:",
            "logits_sum",
            "dec {carry}",
            "jnz 7f",
            "logits_carry",
            "jmp 7f",
            "6:",
            "logits_carry",
            "mov {carry}, {run}",
            "jmp 3b",
            "7:",
            "vmovaps [{state}], zmm10",
            "vmovaps [{state} + 64], zmm11",
            "vmovaps [{state} + 128], zmm9",
            "9:",
            ".purgem logits_power",
            ".purgem logits_powers",
            ".purgem logits_rest",
            ".purgem logits_term",
            ".purgem logits_add",
            ".purgem logits_sum",
            ".purgem logits_carry",
            state = in(reg) &raw mut state,
            i = inout(reg) i,
            from = in(reg) from.wrapping_add(end),
            to = in(reg) to.wrapping_add(end),
            patch = in(reg) patch,
            patched = in(reg) i + bytes * patched.cast_signed(),
            x = out(reg) _,
            ahead = in(reg) ahead.wrapping_add(end),
            copies = inout(reg) beside.from.len().min(beside.to.len()) / STEP => _,
            copy = in(reg) beside.from.as_ptr().wrapping_add(end),
            copy_to = in(reg) beside.to.as_mut_ptr().wrapping_add(end),
            // The first round adds nothing yet.
            carry = inout(reg) carry.saturating_add(1) => _,
            run = const RUN / STEP,
            exact = const EXACT as i32,
            keep = const KEEP as i32,
            has_beside = const BESIDE as i32,
            has_patch = const PATCH as i32,
            out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _,
            out("zmm4") _, out("zmm5") _, out("zmm6") _, out("zmm7") _,
            out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
            out("zmm12") _, out("zmm13") _, out("zmm14") _, out("zmm15") _,
            out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
            out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
            out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _,
            out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
            out("k1") _,
            options(nostack),
        );
    }
    [*high, *low, *reach] = state.sum;
    steps.wrapping_add_signed(i / bytes)
}
