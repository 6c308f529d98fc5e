//! softmax(s·x) of rows and its logarithm, for every s ≥ 0.
//!
//! Within [`Scale::RANGE`] the passes have it. Of an s beyond, a power of two goes into the scores,
//! which is exact. Where that of the largest would overflow, it is subtracted from all: those whose
//! s·(x − max) is finite are within 2^-29 of it, and what they leave is exact.

use super::each;
use super::log_softmax::log_softmax;
use super::softmax::softmax;
use crate::math::shifted_exp::Scale;
use crate::pass::{Passes, Tile};

/// Half of the largest scale: 2^29.
const LARGE: f32 = 536_870_912.0;

/// softmax(s·x) of each row, or its logarithm.
pub(crate) fn scaled_softmax(b: Passes, tile: &Tile<'_>, scale: f32, log: bool) {
    let run = if log { log_softmax } else { softmax };
    let [least, most] = Scale::RANGE;
    let scale = scale.abs(); // −0 is 0
    if (least..=most).contains(&scale) {
        return run(b, tile, &Scale::of(scale));
    }
    let (mut scale, mut power) = split(scale);
    if power > 1.0 {
        (scale, power) = (scale * LARGE, power / LARGE);
    }
    each(tile, &mut |row| {
        let max = b.maximum(row);
        let is_far = power > 1.0 && !(power * max).is_finite();
        b.multiply(row, if is_far { max } else { 0.0 }, power);
    });
    run(b, &tile.output(), &Scale::of(scale));
}

/// A number from 1 to 2 and a power of two, whose product it is; 1 and 0 for 0.
fn split(scale: f32) -> (f32, f32) {
    const TINY: f32 = 5.960_464_5e-8; // 2^-24
    let (scale, tiny) = if scale < f32::MIN_POSITIVE { (scale / TINY, TINY) } else { (scale, 1.0) };
    let power = f32::from_bits(scale.to_bits() & f32::INFINITY.to_bits());
    if power == 0.0 { (1.0, 0.0) } else { (scale / power, power * tiny) }
}
