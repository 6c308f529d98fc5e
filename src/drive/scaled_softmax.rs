//! softmax(s·x) of rows and its logarithm, for every s ≥ 0.
//!
//! Within [`Scale::RANGE`] the passes have it. Of an s beyond, the power of two goes into the
//! scores, which is exact. Where s·max would overflow, so do the scores, less their largest:
//! exactly where it matters, see [`crate::math::shift`].

use super::each;
use super::log_softmax::log_softmax;
use super::softmax::softmax;
use crate::math::shift::is_extreme;
use crate::math::shifted_exp::Scale;
use crate::pass::{Passes, Tile};

/// softmax(s·x) of each row, or its logarithm.
pub(crate) fn scaled_softmax(b: Passes, tile: &Tile<'_>, scale: f32, log: bool) {
    let run = if log { log_softmax } else { softmax };
    let [least, most] = Scale::RANGE;
    let scale = scale.abs(); // −0 is 0
    if (least..=most).contains(&scale) {
        return run(b, tile, &Scale::of(scale));
    }
    let (scale, power) = split(scale);
    each(tile, &mut |row| {
        let max = b.maximum(row);
        let is_far = power > 1.0 && is_extreme(&Scale::ONE, scale * (power * max));
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
