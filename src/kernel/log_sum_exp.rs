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
use crate::math::words::fast_two_sum;
use crate::rows::Rows;
use crate::simd::{BLOCK, EIGHTHS, Kernel, Lanes, Mask, Simd};
use crate::sweep::Total;
use core::f32::consts::{LN_2, LOG2_E};

/// From this magnitude of the maximum on, x − max is exact where it matters.
const EXTREME: f32 = 256.0;
/// How far, in powers of two, a block may rise above N.
const RISE: f32 = 8.0;
/// Above every term, and 2^-23 of it still below the sum.
const BIAS: f32 = 1024.0;
/// Blocks whose terms are summed from [`BIAS`].
const RUN: usize = 16;
/// Blocks that are compared with the limit at once.
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
struct Shift {
    /// Subtracted from x.
    center: f32,
    /// N, subtracted from the power of two.
    exponent: f32,
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
    fn for_maximum(max: f32) -> Self {
        if max.abs() < EXTREME {
            Self::near(max)
        } else {
            Self { center: max, exponent: 0.0, limit: RISE * LN_2 }
        }
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

/// Adds up to [`RUN`] blocks to the total, as far as they stay within the
/// shift's limit; says how many elements that was.
#[inline(always)]
fn sum_run<S: Simd, const CENTERED: bool>(
    simd: S,
    x: &[f32],
    shift: Shift,
    total: &mut Total<S>,
) -> usize {
    let mut run = Run::new(simd, shift);
    let x = x.get(..RUN * BLOCK).unwrap_or(x);
    let mut done = 0;
    for group in x.chunks_exact(GROUP * BLOCK) {
        if !run.add::<CENTERED, GROUP>(simd, group) {
            break;
        }
        done += group.len();
    }
    // The row's last blocks, or those before the one that passes the limit.
    for block in x.get(done..).unwrap_or(&[]).chunks_exact(BLOCK) {
        if !run.add::<CENTERED, 1>(simd, block) {
            break;
        }
        done += block.len();
    }
    for sum in run.high.as_mut() {
        *sum = *sum - BIAS;
    }
    total.add(run.high);
    total.add(run.low);
    done
}

/// The sum of a run of blocks, high − [`BIAS`] + low.
///
/// Starting above every term lets three operations tell exactly what an addition
/// rounds off. Plain sums of 4 blocks were 3 ULP off in softmax, of 2 blocks 2
/// ULP; these are exact to about 2^-40.
struct Run<S: Simd> {
    high: S::Block,
    low: S::Block,
    center: S::F32,
    limit: S::F32,
    floor: S::F32,
    zero_point: S::F32,
}

impl<S: Simd> Run<S> {
    #[inline(always)]
    fn new(simd: S, shift: Shift) -> Self {
        Self {
            high: simd.block(simd.splat(BIAS)),
            low: simd.block(simd.splat(0.0)),
            center: simd.splat(shift.center),
            limit: simd.splat(shift.limit),
            floor: simd.splat((shift.exponent - FALL) * LN_2),
            zero_point: simd.splat(EIGHTHS - shift.exponent),
        }
    }

    /// Adds N blocks, or none if one of them passes the limit.
    #[inline(always)]
    fn add<const CENTERED: bool, const N: usize>(&mut self, simd: S, x: &[f32]) -> bool {
        let mut blocks = [self.high; N];
        // Stays at the limit until something passes it: growth, +∞, NaN, or the
        // first block of all, whose limit is NaN.
        let mut worst = self.limit;
        for (i, block) in blocks.iter_mut().enumerate() {
            *block = simd.load_block(x.get(i * BLOCK..).unwrap_or(&[]), f32::NEG_INFINITY);
            for x in block.as_mut() {
                if CENTERED {
                    *x = *x - self.center;
                }
                worst = S::F32::select(x.le(self.limit), worst, *x);
            }
        }
        if !worst.le(self.limit).all() {
            return false;
        }
        let (high, low) = (self.high.as_mut(), self.low.as_mut());
        for block in &blocks {
            for (j, x) in block.as_ref().iter().enumerate() {
                let e = Parts::new(x.max(self.floor), self.zero_point);
                let term = e.mantissa().scale_exp2_normal(e.power);
                let (sum, error) = fast_two_sum(high[j], term);
                high[j] = sum;
                low[j] = low[j] + error;
            }
        }
        true
    }
}

/// The largest element, or NaN if there is one; −∞ if there is none.
#[inline(always)]
fn maximum<S: Simd>(simd: S, row: &[&[f32]]) -> f32 {
    let mut max = simd.block(simd.splat(f32::NEG_INFINITY));
    let mut nan = simd.block(simd.splat(0.0));
    for block in row.iter().flat_map(|piece| piece.chunks_exact(BLOCK)) {
        let x = simd.load_block(block, f32::NEG_INFINITY);
        let (max, nan) = (max.as_mut(), nan.as_mut());
        for (j, x) in x.as_ref().iter().enumerate() {
            max[j] = max[j].max(*x);
            nan[j] = S::F32::select(x.eq(*x), nan[j], *x);
        }
    }
    let (max, nan) = (simd.block_to_array(max), simd.block_to_array(nan));
    match nan.into_iter().find(|x| x.is_nan()) {
        Some(nan) => nan,
        None => max.into_iter().fold(f32::NEG_INFINITY, |a, b| if b > a { b } else { a }),
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
