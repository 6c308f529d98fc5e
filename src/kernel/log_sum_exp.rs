//! ln Σ e^x, and the sum itself for softmax and the losses.
//!
//! **Method.** Not Σ e^(x − max), whose subtraction rounds, but
//! Σ e^x · 2^-N with one whole N for the row: the shift is exact and no pass for
//! the maximum is needed. N starts from the first block and is raised when a
//! block passes 2^(N + 8), by scaling the sums with a power of two.
//!
//! From |max| ≥ 256 on the roles change: reducing x would lose digits, but there
//! x − max is exact wherever it matters (both are multiples of 2^-16 and their
//! difference is below 2^7). Such rows take a pass for the maximum after all.

use crate::error::{Error, check_length};
use crate::math::exp::Parts;
use crate::math::ln::ln_scaled;
use crate::rows::Rows;
use crate::simd::{BLOCK, EIGHTHS, Kernel, Lanes, Mask, Simd, Vectors};
use crate::sweep::{Run, Total};
use core::f32::consts::{LN_2, LOG2_E};

/// From this magnitude of the maximum on, x − max is exact where it matters.
const EXTREME: f32 = 256.0;
/// How far, in powers of two, a block may rise above N.
const RISE: f32 = 8.0;
/// Above every term, and 2^-23 of it still below the sum.
const BIAS: f32 = 1024.0;
/// Blocks whose maxima are taken side by side.
const GROUP: usize = 4;
/// How far below N elements stop counting: 2^-120 against a sum of at least
/// 2^-9 is nothing even 2^24 times over, and products stay normal.
const FALL: f32 = 120.0;

/// Σ e^x over a row.
pub(crate) enum ExpSum {
    /// No element, or only −∞.
    Empty,
    /// A NaN among them.
    Nan,
    /// A +∞ and no NaN.
    Infinite,
    /// Anything else.
    Finite(Scaled),
}

/// The number `(high + low) · 2^exponent · e^center`.
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    /// Zero, or the row's maximum where that is extreme.
    pub(crate) center: f32,
    /// N, a whole number of moderate size.
    pub(crate) exponent: f32,
    /// Within [0.75, 1.5).
    pub(crate) high: f32,
    /// At most half the last bit of `high`.
    pub(crate) low: f32,
}

impl Scaled {
    /// From a positive sum in two words of any normal size.
    #[inline(always)]
    pub(crate) fn new<S: Simd>(
        simd: S,
        center: f32,
        exponent: f32,
        (high, low): (f32, f32),
    ) -> Self {
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

impl ExpSum {
    /// Over `x`, without the element at `skip`.
    #[inline(always)]
    pub(crate) fn new<S: Simd>(simd: S, x: &[f32], skip: Option<usize>) -> Self {
        let skip = skip.unwrap_or(usize::MAX);
        // The block that holds `skip` and the tail are copied and padded with
        // −∞, so that one loop serves all: before, block, after, tail.
        let whole = x.len() - x.len() % BLOCK;
        let (x, tail) = x.split_at_checked(whole).unwrap_or((x, &[]));
        let at = (skip - skip % BLOCK).min(whole);
        let (before, x) = x.split_at_checked(at).unwrap_or((x, &[]));
        let (block, after) = x.split_at_checked(BLOCK).unwrap_or((&[], x));
        let block = padded(simd, block, skip.wrapping_sub(at));
        let tail = padded(simd, tail, skip.wrapping_sub(whole));
        let row = [before, &block[..if x.is_empty() { 0 } else { BLOCK }], after, &tail];

        match sum::<S, false>(simd, &row, Shift::unknown()) {
            Pass::Done(sum) => sum,
            Pass::Extreme => match maximum(simd, &row) {
                max if max.is_nan() => Self::Nan,
                f32::INFINITY => Self::Infinite,
                f32::NEG_INFINITY => Self::Empty,
                max => match sum::<S, true>(simd, &row, Shift::for_maximum(max)) {
                    Pass::Done(sum) => sum,
                    Pass::Extreme => Self::Nan, // cannot be: nothing exceeds the maximum
                },
            },
        }
    }

    /// The sum's logarithm.
    #[inline(always)]
    pub(crate) fn ln<S: Simd>(self, simd: S) -> f32 {
        match self {
            Self::Empty => f32::NEG_INFINITY,
            Self::Nan => f32::NAN,
            Self::Infinite => f32::INFINITY,
            Self::Finite(sum) => {
                let (high, low) = sum.ln(simd);
                sum.center + high + low
            }
        }
    }
}

/// The largest element of a row, as [`maximum`].
#[inline(always)]
pub(crate) fn row_maximum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let (whole, tail) = x.split_at_checked(x.len() - x.len() % BLOCK).unwrap_or((x, &[]));
    maximum(simd, &[whole, &padded(simd, tail, usize::MAX)])
}

/// At most one block, padded with −∞, with −∞ at `skip` too.
#[inline(always)]
fn padded<S: Simd>(simd: S, x: &[f32], skip: usize) -> [f32; BLOCK] {
    let mut block = simd.block_to_array(simd.load_block(x, f32::NEG_INFINITY));
    if let Some(x) = block.get_mut(skip) {
        *x = f32::NEG_INFINITY;
    }
    block
}

/// What is taken from the elements of a row before they are summed.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    /// Subtracted from x.
    pub(crate) center: f32,
    /// N, subtracted from the power of two.
    pub(crate) exponent: f32,
    /// Above this N must rise; NaN while N is not known.
    limit: f32,
}

impl Shift {
    #[inline(always)]
    fn unknown() -> Self {
        Self { center: 0.0, exponent: 0.0, limit: f32::NAN }
    }

    /// For a row of which nothing exceeds `max`.
    #[inline(always)]
    pub(crate) fn for_maximum(max: f32) -> Self {
        if max.abs() < EXTREME {
            Self::near(max)
        } else {
            Self { center: max, exponent: 0.0, limit: RISE * LN_2 }
        }
    }

    /// x less `center`.
    #[inline(always)]
    fn center<V: Lanes, const CENTERED: bool>(self, x: V) -> V {
        if CENTERED { x - self.center } else { x }
    }

    /// e^x · 2^-N for a centered x within the limit.
    #[inline(always)]
    fn exp<V: Lanes>(self, x: V) -> V {
        let floor = x.splat((self.exponent - FALL) * LN_2);
        let e = Parts::new(x.max(floor), x.splat(EIGHTHS - self.exponent));
        e.mantissa().scale_exp2_normal(e.power)
    }

    /// For a row that goes on with a block of this maximum.
    #[inline(always)]
    fn raised(self, max: f32) -> Self {
        if self.limit.is_nan() && max.abs() <= RISE * LN_2 {
            Self { center: 0.0, exponent: 0.0, limit: RISE * LN_2 } // N = 0 serves
        } else {
            Self::near(max)
        }
    }

    /// N for sums of the order of e^x.
    #[inline(always)]
    fn near(x: f32) -> Self {
        // Adding 1.5 · 2^23 rounds to whole numbers.
        let exponent = (x * LOG2_E + 12_582_912.0) - 12_582_912.0;
        Self { center: 0.0, exponent, limit: (exponent + RISE) * LN_2 }
    }
}

/// How a pass over a row ended.
enum Pass {
    Done(ExpSum),
    /// The maximum is extreme, or not to be had from where the row begins.
    Extreme,
}

/// One pass over a row of whole blocks.
#[inline(always)]
fn sum<S: Simd, const CENTERED: bool>(simd: S, row: &[&[f32]], mut shift: Shift) -> Pass {
    let mut total = Total::new(simd);
    for &piece in row {
        let mut rest = piece;
        while let Some(block) = rest.get(..BLOCK) {
            let done = sum_run::<S, CENTERED>(simd, rest, shift, &mut total);
            let mut next = done;
            if done == 0 {
                // The block in front passes the limit, or is the first of all.
                let max = maximum(simd, &[block]);
                if max == f32::NEG_INFINITY {
                    next = BLOCK; // a first block with nothing in it
                } else if max.abs() < EXTREME {
                    let raised = shift.raised(max);
                    if !shift.limit.is_nan() {
                        total.scale(exp2(shift.exponent - raised.exponent));
                    }
                    shift = raised;
                } else {
                    return Pass::Extreme; // NaN and +∞ too
                }
            }
            rest = rest.get(next..).unwrap_or(&[]);
        }
    }
    if shift.limit.is_nan() {
        return Pass::Done(ExpSum::Empty);
    }
    let sum = Scaled::new(simd, shift.center, shift.exponent, total.value(simd));
    Pass::Done(ExpSum::Finite(sum))
}

/// Adds a run of blocks to the total, as far as they stay within the shift's
/// limit; says how many elements that was.
#[inline(always)]
fn sum_run<S: Simd, const CENTERED: bool>(
    simd: S,
    x: &[f32],
    shift: Shift,
    total: &mut Total<S>,
) -> usize {
    let mut run = Run::new(simd, BIAS);
    let x = x.get(..Run::<S>::LENGTH).unwrap_or(x);
    let mut done = 0;
    for x in x.chunks_exact(Run::<S>::WIDE) {
        let x = shift.center::<_, CENTERED>(S::Wide::load(simd, x));
        if !within(shift, x.as_ref(), simd) {
            break;
        }
        run.add_wide(shift.exp(x));
        done += S::Wide::COUNT;
    }
    // The row's last blocks, or those before the one that passes the limit.
    for x in x.get(done..).unwrap_or(&[]).chunks_exact(BLOCK) {
        let mut block = simd.load_block(x, f32::NEG_INFINITY);
        for x in block.as_mut() {
            *x = shift.center::<_, CENTERED>(*x);
        }
        if !within(shift, block.as_ref(), simd) {
            break;
        }
        for (j, x) in block.as_ref().iter().enumerate() {
            run.add(j, shift.exp(*x));
        }
        done += BLOCK;
    }
    run.flush(total);
    done
}

/// Whether nothing passes the limit: growth, +∞, NaN, or the first block of all,
/// whose limit is NaN.
#[inline(always)]
fn within<S: Simd>(shift: Shift, x: &[S::F32], simd: S) -> bool {
    let limit = simd.splat(shift.limit);
    let mut worst = limit;
    for x in x {
        worst = S::F32::select(x.le(limit), worst, *x);
    }
    worst.le(limit).all()
}

/// The largest element, or NaN if there is one; −∞ if there is none.
#[inline(always)]
fn maximum<S: Simd>(simd: S, row: &[&[f32]]) -> f32 {
    // Several at once: one alone would wait for itself.
    let mut max = [simd.block(simd.splat(f32::NEG_INFINITY)); GROUP];
    let mut nan = [simd.block(simd.splat(0.0)); GROUP];
    for piece in row {
        let (groups, rest) = piece.as_chunks::<{ GROUP * BLOCK }>();
        for group in groups {
            for i in 0..GROUP {
                let x = group.get(i * BLOCK..).unwrap_or(&[]);
                maximum_of_block(simd, x, &mut max[i], &mut nan[i]);
            }
        }
        for x in rest.chunks_exact(BLOCK) {
            maximum_of_block(simd, x, &mut max[0], &mut nan[0]);
        }
    }
    let mut result = f32::NEG_INFINITY;
    for i in 1..GROUP {
        for j in 0..max[0].as_ref().len() {
            let m = max[i].as_ref()[j].max(max[0].as_ref()[j]);
            let n = nan[i].as_ref()[j] + nan[0].as_ref()[j];
            (max[0].as_mut()[j], nan[0].as_mut()[j]) = (m, n);
        }
    }
    let (max, nan) = (simd.block_to_array(max[0]), simd.block_to_array(nan[0]));
    for (max, nan) in max.into_iter().zip(nan) {
        if nan.is_nan() {
            return nan;
        }
        if max > result {
            result = max;
        }
    }
    result
}

#[inline(always)]
fn maximum_of_block<S: Simd>(simd: S, x: &[f32], max: &mut S::Block, nan: &mut S::Block) {
    let x = simd.load_block(x, f32::NEG_INFINITY);
    let (max, nan) = (max.as_mut(), nan.as_mut());
    for (j, x) in x.as_ref().iter().enumerate() {
        max[j] = max[j].max(*x);
        nan[j] = S::F32::select(x.eq(*x), nan[j], *x);
    }
}

/// 2^n for whole n, zero from −127 down.
#[inline(always)]
pub(crate) fn exp2(n: f32) -> f32 {
    if n < -126.0 { 0.0 } else { f32::from_bits(((n as i32 + 127) as u32) << 23) }
}

/// ln Σ e^x of one vector.
pub struct LogSumExp<'a> {
    x: &'a [f32],
}

impl<'a> LogSumExp<'a> {
    /// Nothing to check.
    #[inline]
    #[must_use]
    pub fn new(x: &'a [f32]) -> Self {
        Self { x }
    }
}

impl Kernel for LogSumExp<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> f32 {
        log_sum_exp(simd, self.x)
    }
}

/// ln Σ e^x of each row.
pub struct RowsLogSumExp<'a> {
    x: Rows<'a>,
    out: &'a mut [f32],
}

impl<'a> RowsLogSumExp<'a> {
    /// # Errors
    /// [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn new(x: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_length("out", x.rows(), out.len())?;
        Ok(Self { x, out })
    }
}

impl Kernel for RowsLogSumExp<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        for (x, out) in self.x.iter().zip(self.out) {
            *out = log_sum_exp(simd, x);
        }
    }
}

#[inline(always)]
fn log_sum_exp<S: Simd>(simd: S, x: &[f32]) -> f32 {
    match *x {
        [x] => x,
        _ => ExpSum::new(simd, x, None).ln(simd),
    }
}
