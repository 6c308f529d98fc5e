//! Σ e^x over a row, in one pass: what log-sum-exp, softmax and the losses share.
//!
//! **Method.** Not Σ e^(x − max), whose subtraction rounds, but Σ e^x · 2^-N with one
//! whole N for the row: the shift is exact, and f32's exponents leave so much room
//! that the maximum of the row's first elements tells N. e^x is T·(1 + δ) with T
//! from a table (see `math/exp.rs`); T and T·δ are summed apart, so that no term is
//! rounded before it is added.
//!
//! A sum starts from a bias above every T. Then three operations tell exactly what an
//! addition rounds off (Dekker's sum needs the larger operand first), and what is far
//! below the bias is summed with the T·δ. A block that passes the limit of the bias
//! raises it: nothing that was summed changes.
//!
//! From |max| ≥ 256 on the roles change: reducing x would lose digits, but there
//! x − max is exact wherever it matters (both are multiples of 2^-16 and their
//! difference is below 2^7). Such rows, and those that rise by more than [`ROOM`]
//! above their first elements, take a pass for the maximum before.

use crate::kernel::row::Row;
use crate::math::exp::Parts;
use crate::math::ln::ln_scaled;
use crate::simd::{BLOCK, EIGHTHS, Lanes, Mask, Simd, Vectors};
use crate::sweep::{Run, Total};
use core::f32::consts::{LN_2, LOG2_E};

/// From this magnitude of the maximum on, x − max is exact where it matters.
const EXTREME: f32 = 256.0;
/// Blocks whose maxima are taken side by side.
const GROUP: usize = 4;
/// Elements at the head of a row whose maximum tells N.
const HEAD: usize = GROUP * BLOCK;
/// e^x · 2^-N of that maximum is about 2^30, so that whatever is subnormal as a
/// probability is a normal number here.
pub(crate) const LEVEL: f32 = 30.0;
/// Powers of two between what a bias was made for and what it is good for.
const RISE: f32 = 8.0;
/// Powers of two that elements may rise above the head's maximum: 2^24 of them
/// have a finite sum.
const ROOM: f32 = 60.0;
/// Powers of two below N where terms stop falling. Beside a sum of 2^30 they are
/// nothing, 2^24 times over.
const DEPTH: f32 = 125.0;

/// What is taken from the elements of a row before they are summed.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    /// Subtracted from x: zero, or the row's maximum where that is extreme.
    pub(crate) center: f32,
    /// N, subtracted from the power of two.
    pub(crate) exponent: f32,
}

impl Shift {
    /// For a row whose maximum is about `max`, a finite number.
    #[inline(always)]
    pub(crate) fn new(max: f32) -> Self {
        if max.abs() < EXTREME {
            Self { center: 0.0, exponent: whole(max * LOG2_E) - LEVEL }
        } else {
            Self { center: max, exponent: -LEVEL }
        }
    }

    /// x · (1 + δ) of e^x · 2^-N, from x less the center.
    #[inline(always)]
    pub(crate) fn exp<V: Lanes>(self, x: V) -> (V, V) {
        // In this order a NaN stays one.
        let x = x.splat((self.exponent - DEPTH) * LN_2).max(x);
        Parts::shifted(x, x.splat(EIGHTHS - self.exponent))
    }
}

/// The nearest whole number, for |x| < 2^22.
#[inline(always)]
fn whole(x: f32) -> f32 {
    (x + 12_582_912.0) - 12_582_912.0 // 1.5 · 2^23
}

/// Σ e^x of a row, `total · 2^exponent · e^center`.
#[derive(Clone, Copy)]
pub(crate) struct ShiftedSum<S: Simd> {
    pub(crate) total: Total<S>,
    pub(crate) shift: Shift,
}

/// The number `(high + low) · 2^exponent · e^center`.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    pub(crate) center: f32,
    /// A whole number of moderate size.
    pub(crate) exponent: f32,
    /// Within [1, 2) or, where multiplication is not fused, [√½, √2).
    pub(crate) high: f32,
    /// At most half the last bit of `high`.
    pub(crate) low: f32,
}

impl Scaled {
    /// From a positive sum in two words of any normal size.
    #[inline(always)]
    pub(crate) fn new<S: Simd>(simd: S, shift: Shift, (high, low): (f32, f32)) -> Self {
        let Shift { center, exponent } = shift;
        let (high, e) = simd.splat(high).split_exp2();
        let (high, e) = (high.first(), e.first());
        Self { center, exponent: exponent + e, high, low: low * exp2(-e) }
    }

    /// `high` and `low` as vectors.
    #[inline(always)]
    pub(crate) fn words<S: Simd>(self, simd: S) -> (S::F32, S::F32) {
        (simd.splat(self.high), simd.splat(self.low))
    }

    /// The number's logarithm less `center`, in two words.
    #[inline(always)]
    pub(crate) fn ln<S: Simd>(self, simd: S) -> (f32, f32) {
        let (high, low) = ln_scaled(self.words(simd), simd.splat(self.exponent));
        (high.first(), low.first())
    }
}

/// A row's sum.
pub(crate) enum ExpSum<S: Simd> {
    /// No element, or only −∞.
    Empty,
    /// A NaN among them.
    Nan,
    /// A +∞ and no NaN.
    Infinite,
    /// Anything else.
    Finite(ShiftedSum<S>),
}

/// No hole.
pub(crate) const NOWHERE: usize = usize::MAX;

/// Sums the row, without the element at `hole`, and writes e^x · 2^-N.
#[inline(always)]
pub(crate) fn exp_sum<S: Simd, R: Row>(simd: S, row: &mut R, hole: usize) -> ExpSum<S> {
    let mut max = largest(simd, row.input().get(..HEAD).unwrap_or(row.input()), hole);
    let mut most = max + ROOM * LN_2;
    // In place nothing may be written before the row is known to stay in range.
    let mut known = !(max.abs() < EXTREME)
        || R::IN_PLACE && !(maximum(simd, row.input(), hole) <= most);
    loop {
        if known {
            max = maximum(simd, row.input(), hole);
            most = max;
            if max.is_nan() {
                return ExpSum::Nan;
            } else if max == f32::INFINITY {
                return ExpSum::Infinite;
            } else if max == f32::NEG_INFINITY {
                return ExpSum::Empty;
            }
        }
        if let Some(sum) = sum(simd, row, Shift::new(max), most, hole) {
            return ExpSum::Finite(sum);
        }
        known = true;
    }
}

/// One pass, `None` if an element exceeds `most`.
#[inline(always)]
fn sum<S: Simd, R: Row>(
    simd: S,
    row: &mut R,
    shift: Shift,
    most: f32,
    hole: usize,
) -> Option<ShiftedSum<S>> {
    let mut total = Total::zero(simd);
    let length = row.input().len();
    let mut bias = Bias::above(LEVEL, shift, most);
    let mut at = 0;
    while at < length {
        let done = sum_run(simd, row, shift, bias, at, hole, &mut total);
        at += done;
        if done == 0 {
            let x = row.input().get(at..).unwrap_or(&[]);
            let max = largest(simd, x.get(..HEAD).unwrap_or(x), hole.wrapping_sub(at));
            if max > most {
                return None;
            }
            let power = whole((max - shift.center) * LOG2_E) - shift.exponent;
            bias = Bias::above(power, shift, most);
        }
    }
    Some(ShiftedSum { total, shift })
}

/// Where sums start, and how far x may go.
#[derive(Clone, Copy)]
struct Bias {
    bias: f32,
    /// Of x less the center.
    limit: f32,
}

impl Bias {
    /// For terms up to 2^(power + RISE), and no x above `most`.
    #[inline(always)]
    fn above(power: f32, shift: Shift, most: f32) -> Self {
        let limit = (shift.exponent + power + RISE) * LN_2;
        Self { bias: exp2(power + RISE + 2.0), limit: limit.min(most - shift.center) }
    }
}

/// Adds a run of blocks from `start` to the total, as far as they stay within the
/// limit; says how many elements that was.
#[inline(always)]
fn sum_run<S: Simd, R: Row>(
    simd: S,
    row: &mut R,
    shift: Shift,
    Bias { bias, limit }: Bias,
    start: usize,
    hole: usize,
    total: &mut Total<S>,
) -> usize {
    let mut run = Run::new(simd, bias);
    let end = row.input().len().min(start + Run::<S>::LENGTH);
    let mut at = start;
    // The hole's block is not for the loop.
    let stop = if hole < end && hole >= start { hole - (hole - start) % Run::<S>::WIDE } else { end };
    while let Some(x) = row.input().get(at..stop).and_then(|x| x.get(..Run::<S>::WIDE)) {
        let x = S::Wide::load(simd, x) - shift.center;
        if !within(simd, x.as_ref(), limit) {
            break;
        }
        let (table, exp_m1) = shift.exp(x);
        if R::WRITES {
            table.mul_add(exp_m1, table).store(simd, row.output().get_mut(at..at + Run::<S>::WIDE).unwrap_or(&mut []));
        }
        run.add_wide(table, exp_m1);
        at += S::Wide::COUNT;
    }
    // The row's last blocks, those of the hole, or those before the limit.
    while at < end {
        let mut x = load(simd, row.input().get(at..).unwrap_or(&[]), hole.wrapping_sub(at));
        for x in x.as_mut() {
            *x = *x - shift.center;
        }
        if !within(simd, x.as_ref(), limit) {
            break;
        }
        for (j, x) in x.as_ref().iter().enumerate() {
            let (table, exp_m1) = shift.exp(*x);
            if R::WRITES {
                let out = row.output().get_mut(at + j * S::F32::COUNT..).unwrap_or(&mut []);
                simd.store(table.mul_add(exp_m1, table), out);
            }
            run.add(j, table, exp_m1);
        }
        at += BLOCK;
    }
    run.flush(total);
    at - start
}

/// A block, with −∞ in the hole and past the end.
#[inline(always)]
fn load<S: Simd>(simd: S, x: &[f32], hole: usize) -> S::Block {
    let block = simd.load_block(x, f32::NEG_INFINITY);
    if hole >= BLOCK {
        return block;
    }
    let mut lanes = simd.block_to_array(block);
    if let Some(x) = lanes.get_mut(hole) {
        *x = f32::NEG_INFINITY;
    }
    simd.load_block(&lanes, f32::NEG_INFINITY)
}

/// Whether nothing exceeds the limit. A NaN does not count; it shows in the sum.
#[inline(always)]
fn within<S: Simd>(simd: S, x: &[S::F32], limit: f32) -> bool {
    let mut most = simd.splat(f32::NEG_INFINITY);
    for x in x {
        most = x.max(most);
    }
    most.le(simd.splat(limit)).all()
}

/// The largest element without that in the hole, −∞ if there is none. A NaN does
/// not count.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, x: &[f32], hole: usize) -> f32 {
    let mut most = simd.block(simd.splat(f32::NEG_INFINITY));
    for at in (0..x.len()).step_by(BLOCK) {
        let x = load(simd, x.get(at..).unwrap_or(&[]), hole.wrapping_sub(at));
        for (most, x) in most.as_mut().iter_mut().zip(x.as_ref()) {
            *most = x.max(*most);
        }
    }
    simd.largest(most)
}

/// The largest element without that in the hole, −∞ if there is none, or NaN if
/// there is one.
#[inline(always)]
fn maximum<S: Simd>(simd: S, x: &[f32], hole: usize) -> f32 {
    // Several blocks at once: one alone would wait for itself.
    let mut most = [simd.block(simd.splat(f32::NEG_INFINITY)); GROUP];
    let mut nan = simd.block(simd.splat(0.0));
    for start in (0..x.len()).step_by(GROUP * BLOCK) {
        for i in 0..GROUP {
            let at = start + i * BLOCK;
            let x = load(simd, x.get(at..).unwrap_or(&[]), hole.wrapping_sub(at));
            for (j, x) in x.as_ref().iter().enumerate() {
                most[i].as_mut()[j] = x.max(most[i].as_ref()[j]);
                nan.as_mut()[j] = S::F32::select(x.eq(*x), nan.as_ref()[j], *x);
            }
        }
    }
    for i in 1..GROUP {
        for j in 0..most[0].as_ref().len() {
            most[0].as_mut()[j] = most[i].as_ref()[j].max(most[0].as_ref()[j]);
        }
    }
    for nan in nan.as_ref() {
        if !nan.eq(*nan).all() {
            return f32::NAN;
        }
    }
    simd.largest(most[0])
}

/// 2^n for whole n, zero from −127 down.
#[inline(always)]
pub(crate) fn exp2(n: f32) -> f32 {
    if n < -126.0 { 0.0 } else { f32::from_bits(((n as i32 + 127) as u32) << 23) }
}
