//! [`Simd::exp_steps`](crate::simd::Simd::exp_steps) in assembly.
//!
//! As on AVX-512, halves of steps are on their way at once: the terms of one are added while
//! the remainders of the next are computed and the powers of the one after. A compiler keeps
//! four vectors side by side, which does not fit into sixteen registers: it needs a quarter
//! more instructions for what it puts on the stack and fetches again.

use super::{Avx2, F32};
use crate::simd::{ExpFormula, Simd};
use crate::sweep::RUN;
use core::arch::asm;
use core::mem::offset_of;

/// Elements of a step.
const STEP: usize = 32;

/// The sum so far, and the formula, each number in all lanes, as the loop finds them: an
/// operand in memory costs no instruction. Only the table goes into registers: a permutation
/// of memory takes twice as long (Zen 3).
#[repr(C, align(64))]
struct State {
    /// Both words, of two vectors each.
    sum: [[F32; 2]; 2],
    reach: F32,
    log2_e: F32,
    zero_point: F32,
    minus_ln_2: [F32; 2],
    polynomial: [F32; 3],
    minus_least: [u32; 8],
    most: [u32; 8],
    table: [f32; 16],
}

// The loop tells places in it by numbers.
const _: () = {
    assert!(offset_of!(State, reach) == 128 && offset_of!(State, zero_point) == 192);
    assert!(offset_of!(State, minus_ln_2) == 224 && offset_of!(State, polynomial) == 288);
    assert!(offset_of!(State, minus_least) == 384 && offset_of!(State, most) == 416);
    assert!(offset_of!(State, table) == 448);
};

/// How many steps of `from` were taken, all or those before one out of range. Of those, e^x
/// is kept at `to` if it is to be.
///
/// # Safety
/// There are so many steps, at least one, at `from` and, if they are kept, at `to`; and one at
/// the patch, if there is one.
#[inline(always)]
#[allow(clippy::too_many_lines)] // one loop
pub(super) unsafe fn exp_steps<const EXACT: bool, const KEEP: bool, const PATCH: bool>(
    simd: Avx2,
    (from, to, steps): (*const f32, *mut f32, usize),
    (patched, patch): (usize, *const f32),
    ahead: *const f32,
    formula: &ExpFormula,
    carry: usize,
    ([high, low], reach): ([&mut [F32; 2]; 2], &mut F32),
) -> usize {
    let ([ln_2, ln_2_low], [a, b, c]) = (formula.minus_ln_2, formula.polynomial);
    let mut state = State {
        sum: [*high, *low],
        reach: *reach,
        log2_e: simd.splat(formula.log2_e),
        zero_point: simd.splat(formula.zero_point),
        minus_ln_2: [simd.splat(ln_2), simd.splat(ln_2_low)],
        polynomial: [simd.splat(a), simd.splat(b), simd.splat(c)],
        minus_least: [formula.minus_least; 8],
        most: [formula.most; 8],
        table: formula.table,
    };
    // Addresses count from the end: one number tells them all, and when to stop.
    let (end, bytes) = (STEP * steps, (4 * STEP).cast_signed());
    let mut i = -(bytes * steps.cast_signed());
    // SAFETY: memory is touched at multiples of a step from `from` and `to`, as often as the
    // caller says there are steps; at the patch; and at `state`. A prefetch never faults.
    unsafe {
        asm!(
            // Two powers and how far they reach.
            r".macro logits_powers p, q, at",
            r"vmovaps ymm5, [{state} + 160]",
            r"vmovaps \p, [{state} + 192]",
            r"vmovaps \q, [{state} + 192]",
            r".if {has_patch}",
            r"vfmadd231ps \p, ymm5, [{x} + \at]",
            r"vfmadd231ps \q, ymm5, [{x} + \at + 32]",
            r".else",
            r"vfmadd231ps \p, ymm5, [{from} + {i} + \at]",
            r"vfmadd231ps \q, ymm5, [{from} + {i} + \at + 32]",
            r".endif",
            r"vpaddd ymm5, \p, [{state} + 384]",
            r"vpmaxud ymm4, ymm4, ymm5",
            r"vpaddd ymm5, \q, [{state} + 384]",
            r"vpmaxud ymm4, ymm4, ymm5",
            r".endm",
            // What is left of x.
            r".macro logits_rest r, p, at",
            r".if {has_patch}",
            r"vmovups \r, [{x} + \at]",
            r".else",
            r"vmovups \r, [{from} + {i} + \at]",
            r".endif",
            r"vsubps ymm5, \p, [{state} + 192]",
            r"vfmadd231ps \r, ymm5, [{state} + 224]",
            r".if {exact}",
            r"vfmadd231ps \r, ymm5, [{state} + 256]",
            r".endif",
            r".endm",
            r".macro logits_first_powers",
            r".if {has_patch}",
            r"lea {x}, [{from} + {i}]",
            r"cmp {i}, {patched}",
            r"cmove {x}, {patch}",
            r".endif",
            r".endm",
            // Whether none is out of range.
            r".macro logits_check",
            r"vpmaxud ymm5, ymm4, [{state} + 416]",
            r"vpcmpeqd ymm5, ymm5, [{state} + 416]",
            r"vpmovmskb {mask:e}, ymm5",
            r"cmp {mask:e}, -1",
            r".endm",
            // t and δ of a power and of what is left.
            r".macro logits_term r, p, t, d, at",
            r"vmovaps \d, [{state} + 288]",
            r"vpermps \t, \p, ymm14",
            r"vfmadd213ps \d, \r, [{state} + 320]",
            r"vpslld ymm5, \p, 28",
            r"vfmadd213ps \d, \r, [{state} + 352]",
            r"vmulps \d, \d, \r",
            r"vpermps \r, \p, ymm15",
            r"vblendvps \t, \t, \r, ymm5",
            r"vpslld \p, \p, 19",
            r"vpaddd \t, \t, \p",
            r".if {keep}",
            r"vmovaps ymm5, \t",
            r"vfmadd231ps ymm5, \d, \t",
            r"vmovups [{to} + {i} + \at], ymm5",
            r".endif",
            r".endm",
            // Adds t to a sum, and to the second word t · δ and what the addition rounds off.
            r".macro logits_add t, d, high, low",
            r"vaddps ymm5, \high, \t",
            r"vsubps \high, ymm5, \high",
            r"vsubps \high, \t, \high",
            r"vfmadd213ps \d, \t, \high",
            r"vaddps \low, \low, \d",
            r"vmovaps \high, ymm5",
            r".endm",
            // Moves into the sum what fits there.
            r".macro logits_carry high, low",
            r"vaddps ymm5, \high, \low",
            r"vsubps \high, ymm5, \high",
            r"vsubps \low, \low, \high",
            r"vmovaps \high, ymm5",
            r".endm",
            "vmovaps ymm0, [{state}]",
            "vmovaps ymm1, [{state} + 32]",
            "vmovaps ymm2, [{state} + 64]",
            "vmovaps ymm3, [{state} + 96]",
            "vmovaps ymm4, [{state} + 128]",
            "vmovaps ymm14, [{state} + 448]",
            "vmovaps ymm15, [{state} + 480]",
            "logits_first_powers",
            "logits_powers ymm6, ymm7, 0",
            "logits_powers ymm8, ymm9, 64",
            "logits_check",
            "jne 9f",
            "logits_rest ymm10, ymm6, 0",
            "logits_rest ymm11, ymm7, 32",
            ".p2align 5",
            "2:",
            "vmovaps [{state} + 128], ymm4",
            "prefetcht0 [{ahead} + {i}]",
            "prefetcht0 [{ahead} + {i} + 64]",
            "logits_term ymm10, ymm6, ymm13, ymm12, 0",
            "logits_term ymm11, ymm7, ymm6, ymm10, 32",
            "logits_rest ymm11, ymm8, 64",
            "logits_rest ymm7, ymm9, 96",
            "logits_add ymm13, ymm12, ymm0, ymm2",
            "logits_add ymm6, ymm10, ymm1, ymm3",
            "add {i}, 128",
            "jz 5f",
            "logits_first_powers",
            "logits_powers ymm6, ymm10, 0",
            "logits_term ymm11, ymm8, ymm13, ymm12, -64",
            "logits_term ymm7, ymm9, ymm8, ymm11, -32",
            "logits_powers ymm7, ymm9, 64",
            "logits_check",
            "logits_add ymm13, ymm12, ymm0, ymm2",
            "logits_add ymm8, ymm11, ymm1, ymm3",
            "jne 8f",
            "vmovaps ymm8, ymm7",
            "vmovaps ymm7, ymm10",
            "logits_rest ymm10, ymm6, 0",
            "logits_rest ymm11, ymm7, 32",
            "dec {carry}",
            "jnz 2b",
            "logits_carry ymm0, ymm2",
            "logits_carry ymm1, ymm3",
            "mov {carry}, {run}",
            "jmp 2b",
            "5:",
            "logits_term ymm11, ymm8, ymm13, ymm12, -64",
            "logits_term ymm7, ymm9, ymm8, ymm11, -32",
            "logits_add ymm13, ymm12, ymm0, ymm2",
            "logits_add ymm8, ymm11, ymm1, ymm3",
            "8:",
            "dec {carry}",
            "jnz 7f",
            "logits_carry ymm0, ymm2",
            "logits_carry ymm1, ymm3",
            "7:",
            "vmovaps [{state}], ymm0",
            "vmovaps [{state} + 32], ymm1",
            "vmovaps [{state} + 64], ymm2",
            "vmovaps [{state} + 96], ymm3",
            "9:",
            ".purgem logits_powers",
            ".purgem logits_first_powers",
            ".purgem logits_check",
            ".purgem logits_rest",
            ".purgem logits_term",
            ".purgem logits_add",
            ".purgem logits_carry",
            state = in(reg) &raw mut state,
            i = inout(reg) i,
            from = in(reg) from.wrapping_add(end),
            to = in(reg) to.wrapping_add(end),
            patch = in(reg) patch,
            patched = in(reg) i + bytes * patched.cast_signed(),
            x = out(reg) _,
            mask = out(reg) _,
            ahead = in(reg) ahead.wrapping_add(end),
            carry = inout(reg) carry => _,
            run = const RUN / STEP,
            exact = const EXACT as i32,
            keep = const KEEP as i32,
            has_patch = const PATCH as i32,
            out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
            out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
            out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
            options(nostack),
        );
    }
    [*high, *low] = state.sum;
    *reach = state.reach;
    steps.wrapping_add_signed(i / bytes)
}
