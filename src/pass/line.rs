//! One row of at most [`LINE`] elements, wholly in registers: a call costs what its arithmetic
//! does. Rows with an |s·x| above [`MODERATE`] are left to others. The steps are those of short rows, and so are the bits.
#![allow(unsafe_code)] // a tile has what it says

use super::accumulator::{Accumulator, two_sum_positive};
use super::exp::terms;
use super::losses::Terms;
use super::rows::{inverse, logarithm_of, product_rounded, words_of_each};
use super::shifts::MODERATE;
use super::write::may_be_small;
use super::{LINE, Tile, row};
use crate::math::shifted_exp::Scale;
use crate::simd::{BLOCK, Lanes, Mask, SIXTEENTHS, Simd, unroll};

/// e^(s·x) of a row in two words, and their sum.
pub(super) struct Line<S: Simd> {
    pub(super) is_moderate: bool,
    pub(super) blocks: [Accumulator<S>; 2],
    pub(super) sum: (S::F32, S::F32),
}

/// Vectors of a block.
const fn vectors<S: Simd>() -> usize {
    BLOCK / S::F32::COUNT
}

impl<S: Simd> Line<S> {
    /// Of the first row of a tile; the sum is without the skipped element.
    #[inline(always)]
    pub(super) unsafe fn new(simd: S, tile: &Tile<'_>, scale: &Scale, skipped: usize) -> Self {
        let columns = tile.columns.min(LINE);
        let zero = simd.splat(0.0);
        let empty = Accumulator::<S> { high: simd.block(zero), low: simd.block(zero) };
        let mut blocks = [empty; 2];
        let mut most = zero;
        unroll!(k in 0..2, {
            for j in 0..vectors::<S>() {
                let at = k % 2 * BLOCK + j * S::F32::COUNT;
                if at >= columns {
                    break;
                }
                let rest = columns - at;
                let x = unsafe { simd.load_part(tile.x.add(at), rest, 0.0) };
                most = most.max_magnitude(x);
                let (mut t, delta) = terms(scale, x, simd.splat(SIXTEENTHS));
                if rest < S::F32::COUNT {
                    t = simd.keep_first(t, rest, 0.0);
                }
                let t_low = t * delta;
                blocks[k % 2].high.as_mut()[j] = t;
                blocks[k % 2].low.as_mut()[j] = t_low;
            }
        });
        let mut summed = blocks;
        if skipped < columns {
            unroll!(k in 0..2, unroll!(j in 0..vectors::<S>(), {
                let lane = skipped.wrapping_sub(k % 2 * BLOCK + j * S::F32::COUNT);
                let block = &mut summed[k % 2];
                let (t, t_low) = (block.high.as_ref()[j], block.low.as_ref()[j]);
                block.high.as_mut()[j] = t - simd.only(t, lane);
                block.low.as_mut()[j] = t_low - simd.only(t_low, lane);
            }));
        }
        let mut all = summed[0];
        if columns > BLOCK {
            unroll!(j in 0..vectors::<S>(), {
                let (sum, error) =
                    two_sum_positive(all.high.as_ref()[j], summed[1].high.as_ref()[j]);
                let low = (all.low.as_ref()[j] + summed[1].low.as_ref()[j]) + error;
                all.high.as_mut()[j] = sum;
                all.low.as_mut()[j] = low;
            });
        }
        let sum = all.value(simd, columns.min(BLOCK));
        Self { is_moderate: S::F32::all_within([most], MODERATE * scale.inverse), blocks, sum }
    }

    /// Writes every e^(s·x) times a factor in two words.
    #[inline(always)]
    pub(super) unsafe fn write(&self, simd: S, tile: &Tile<'_>, factor: (S::F32, S::F32)) {
        let columns = tile.columns.min(LINE);
        unroll!(k in 0..2, {
            for j in 0..vectors::<S>() {
                let at = k % 2 * BLOCK + j * S::F32::COUNT;
                if at >= columns {
                    break;
                }
                let block = &self.blocks[k % 2];
                let y = product_rounded((block.high.as_ref()[j], block.low.as_ref()[j]), factor);
                unsafe { simd.store_part(y, tile.out.add(at), columns - at) };
            }
        });
    }
}

/// Softmax, if no |s·x| is large: else false, and nothing is written.
#[inline(always)]
pub(super) unsafe fn line_softmax<S: Simd>(simd: S, tile: &Tile<'_>, scale: &Scale) -> bool {
    if const { S::TAKES_ROWS } {
        unsafe { row::softmax(tile, scale) };
        return true;
    }
    let line = unsafe { Line::new(simd, tile, scale, usize::MAX) };
    if line.is_moderate {
        let (high, low) = inverse(line.sum);
        let factor = (simd.splat(high.first()), simd.splat(low.first()));
        unsafe { line.write(simd, tile, factor) };
    }
    line.is_moderate
}

/// ln Σ e^x in two words, if no |x| is large, else NaN.
#[inline(always)]
pub(super) unsafe fn line_log_sum_exp<S: Simd>(simd: S, tile: &Tile<'_>) -> (f32, f32) {
    if const { S::TAKES_ROWS } {
        return unsafe { row::log_sum_exp(tile) };
    }
    let line = unsafe { Line::new(simd, tile, &Scale::ONE, usize::MAX) };
    if !line.is_moderate {
        return (f32::NAN, 0.0);
    }
    let (high, low) = logarithm_of(line.sum, simd.splat(0.0));
    (high.first(), low.first())
}

/// The loss of a label, if no |s·x| is large, the loss is an ordinary one and the gradient not
/// nearly subnormal: else NaN, and nothing is written. The gradient goes where there is an output.
#[inline(always)]
pub(super) unsafe fn line_loss<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    label: usize,
    weight: f32,
    scale: &Scale,
) -> f32 {
    if const { S::TAKES_ROWS } {
        return unsafe { row::loss(tile, label, weight, scale) };
    }
    let line = unsafe { Line::new(simd, tile, scale, label) };
    let sum = (simd.splat(line.sum.0.first()), simd.splat(line.sum.1.first()));
    let own = words_of_each(scale, simd.splat(tile.get(0, label)), simd.splat(0.0));
    let terms = Terms { others: sum, own };
    let (results, is_ordinary) = terms.of_label(scale, simd.splat(weight));
    if !(line.is_moderate && is_ordinary.all()) || may_be_small(results.factor.0.first()) {
        return f32::NAN;
    }
    if tile.writes() {
        unsafe { line.write(simd, tile, results.factor) };
        tile.set(0, label, results.at_label.first());
    }
    results.loss.first()
}

/// The logarithm of softmax of rows, where a backend takes any: else false, and nothing is written.
#[inline(always)]
pub(super) unsafe fn rows_log_softmax<S: Simd>(_: S, tile: &Tile<'_>, scale: &Scale) -> bool {
    if const { S::TAKES_ROWS } {
        unsafe { row::log_softmax(tile, scale) };
    }
    S::TAKES_ROWS
}
