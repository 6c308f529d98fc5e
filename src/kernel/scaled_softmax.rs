//! e^(s·x) / Σ e^(s·x) and its logarithm, row by row, for every s ≥ 0.
//!
//! **Method.** Within [`Scale::RANGE`], [`Softmax`] and [`LogSoftmax`] have it. Of an s beyond,
//! the power of two goes into the scores, which is exact. Where s·max would overflow, so do
//! the scores, less their largest: exactly where it matters, see [`super::exp_sum`].
//!
//! **Error.** That of s = 1: see [`crate::contract::SOFTMAX`].

use crate::error::Error;
use crate::kernel::exp_sum::{is_extreme, maximum};
use crate::kernel::row_map::{RowMap, RowMapInPlace};
use crate::kernel::softmax::{LogSoftmax, Softmax};
use crate::loss::check_finite;
use crate::math::shifted_exp::Scale;
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Function};

/// softmax(s·x) of each row, or its logarithm.
pub struct ScaledSoftmax<'a> {
    scale: f32,
    log: bool,
    /// If not in place.
    x: Option<Rows<'a>>,
    out: RowsMut<'a>,
}

impl<'a> ScaledSoftmax<'a> {
    /// # Errors
    /// [`Error::Parameter`] if `scale` is negative or not finite; [`Error::RowCount`] or
    /// [`Error::ColumnCount`] if `out` has another shape than `x`.
    #[inline]
    pub fn new(scale: f32, x: Rows<'a>, out: RowsMut<'a>) -> Result<Self, Error> {
        check_shape("out", x, &out)?;
        Ok(Self { x: Some(x), ..Self::in_place(scale, out)? })
    }

    /// # Errors
    /// [`Error::Parameter`] if `scale` is negative or not finite.
    #[inline]
    pub fn in_place(scale: f32, x: RowsMut<'a>) -> Result<Self, Error> {
        check_finite("scale", scale)?;
        Ok(Self { scale: scale.abs(), log: false, x: None, out: x }) // −0 is 0
    }

    /// The logarithm.
    #[inline]
    #[must_use]
    pub fn ln(self) -> Self {
        Self { log: true, ..self }
    }
}

impl Kernel for ScaledSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { mut scale, log, mut x, mut out } = self;
        let [least, most] = Scale::RANGE;
        if !(least..=most).contains(&scale) {
            let power;
            (scale, power) = split(scale);
            for (i, out) in out.iter_mut().enumerate() {
                let from = x.and_then(|x| x.row(i));
                let product = Product::new(simd, scale, power, from.unwrap_or(out));
                match from {
                    Some(from) => sweep::map(simd, product, from, out),
                    None => sweep::map_in_place(simd, product, out),
                }
            }
            x = None;
        }
        let scale = Scale::of(scale);
        let (softmax, ln) = (Softmax::scaled(&scale), LogSoftmax::scaled(&scale));
        // The entries that s = 1 has: each is compiled once, for one caller.
        match (x, log) {
            (Some(x), false) => simd.call(RowMap { function: softmax, x, out }),
            (Some(x), true) => simd.call(RowMap { function: ln, x, out }),
            (None, false) => simd.call(RowMapInPlace { function: softmax, x: out }),
            (None, true) => simd.call(RowMapInPlace { function: ln, x: out }),
        }
    }
}

/// A number from 1 to 2 and a power of two, whose product it is; 1 and 0 for 0.
fn split(scale: f32) -> (f32, f32) {
    const TINY: f32 = 5.960_464_5e-8; // 2^-24
    let (scale, tiny) = if scale < f32::MIN_POSITIVE { (scale / TINY, TINY) } else { (scale, 1.0) };
    let power = f32::from_bits(scale.to_bits() & f32::INFINITY.to_bits());
    if power == 0.0 { (1.0, 0.0) } else { (scale / power, power * tiny) }
}

/// (x − center)·power
#[derive(Clone, Copy)]
struct Product {
    center: f32,
    power: f32,
}

impl Product {
    /// For a row, whose s·x is scale·power·x.
    #[inline(always)]
    fn new<S: Simd>(simd: S, scale: f32, power: f32, x: &[f32]) -> Self {
        let max = maximum(simd, x);
        let is_far = power > 1.0 && is_extreme(Scale::ONE, scale * (power * max));
        Self { center: if is_far { max } else { 0.0 }, power }
    }
}

impl Function for Product {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        // A power of 0 leaves no infinity of itself.
        let impossible = x.splat(f32::NEG_INFINITY);
        V::select(x.eq(impossible), impossible, (x - self.center) * self.power)
    }
}
