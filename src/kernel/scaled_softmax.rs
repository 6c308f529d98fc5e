//! e^(s·x) / Σ e^(s·x) and its logarithm, row by row.
//!
//! **Method.** That of [`super::exp_sum`], with s·x in two words: rounded to one it would
//! cost as many ULP of e^(s·x) as its last bit is large. Where s·max is extreme,
//! s·(x − max) takes its place. The row's largest element is found first and left out of
//! the sum, which so serves a likely element, too: p = own/(own + others), and its
//! logarithm −ln(1 + others/own).
//!
//! **Error.** See [`crate::contract::SCALED_SOFTMAX`].
//!
//! One path for rows of every length, in place of what was copied: with as many as the
//! plain functions have, every kernel of theirs would be there twice.

use crate::error::Error;
use crate::kernel::exp_sum::{Shift, ln_of_shifted, maximum};
use crate::kernel::softmax::Multiply;
use crate::kernel::target_loss::position;
use crate::loss::check_finite;
use crate::math::ln::ln_1p_positive_words;
use crate::math::shifted_exp::{power, shifted_exp_of_words};
use crate::math::words::{divide, fast_two_sum, two_product, two_sum};
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{BLOCK, Kernel, Lanes, SIXTEENTHS, Simd};
use crate::sweep::{self, Function, RUN, Total};

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
        let Self { scale, log, x, out } = self;
        for (i, row) in out.into_iter().enumerate() {
            if let Some(x) = x.and_then(|x| x.row(i)) {
                for (to, from) in row.iter_mut().zip(x) {
                    *to = *from;
                }
            }
            softmax(simd, row, scale, log);
        }
    }
}

#[inline(always)]
fn softmax<S: Simd>(simd: S, row: &mut [f32], scale: f32, log: bool) {
    let max = maximum(simd, row);
    if !max.is_finite() {
        row.fill(f32::NAN);
        return;
    }
    let (top, f) = (position(simd, row, max), ScaledExp::new(scale, max));
    let others = sum(simd, f, row, top, !log);
    let (t, delta) = f.exp(simd.splat(max));
    let rounded = t.mul_add(delta, t).first();
    let (own, own_low) = fast_two_sum(t, t * delta);

    let is_likely = 3.0 * others.0 < own.first();
    let others = (simd.splat(others.0), simd.splat(others.1));
    let (high, error) = two_sum(others.0, own);
    let all = fast_two_sum(high, error + (others.1 + own_low));
    let likely = if log {
        let (high, low) = ln_of_shifted(all, simd.splat(f.exponent));
        sweep::map_in_place(simd, Difference::new(f, high.first(), low.first()), row);
        // 0 less 0 is +0.
        let (ln, low) = ln_1p_positive_words(divide(others, (own, own_low)));
        simd.splat(0.0) - (ln + low)
    } else {
        if let Some(out) = row.get_mut(top) {
            *out = rounded;
        }
        let multiply = Multiply::by_inverse(simd, (all.0.first(), all.1.first()));
        sweep::map_in_place(simd, multiply, row);
        let (p, low) = divide((own, own_low), all);
        p + low
    };
    if is_likely && let Some(out) = row.get_mut(top) {
        *out = likely.first();
    }
}

/// The sum of e^(s·x) · 2^-N without that of `top`, in two words; writes the others if
/// they are to be kept.
#[inline(always)]
fn sum<S: Simd>(simd: S, f: ScaledExp, row: &mut [f32], top: usize, keep: bool) -> (f32, f32) {
    let mut total = Total::zero(simd);
    for (start, end) in [(0, top), (top.saturating_add(1), row.len())] {
        for run in row.get_mut(start..end).unwrap_or(&mut []).chunks_mut(RUN) {
            for block in run.chunks_mut(BLOCK) {
                for j in 0..BLOCK / S::F32::COUNT {
                    let at = j * S::F32::COUNT;
                    if at >= block.len() {
                        break;
                    }
                    let x = simd.load(block.get(at..).unwrap_or(&[]), f32::NEG_INFINITY);
                    let (t, delta) = f.exp(x);
                    if keep {
                        let out = block.get_mut(at..).unwrap_or(&mut []);
                        simd.store(t.mul_add(delta, t), out);
                    }
                    total.add_term(j, t, t * delta);
                }
            }
            total.carry();
        }
    }
    total.value(simd)
}

/// e^(s·(x − center)) · 2^-N, times what [`shifted_exp_of_words`] has as a factor.
#[derive(Clone, Copy)]
struct ScaledExp {
    scale: f32,
    /// Zero, or the row's maximum where s·max is extreme.
    center: f32,
    /// N.
    exponent: f32,
    /// Where x − center gives nothing.
    floor: f32,
}

impl ScaledExp {
    /// For a row with that maximum, a finite number.
    #[inline(always)]
    fn new(scale: f32, max: f32) -> Self {
        let shift = Shift::new(scale * max);
        let center = if shift.center == 0.0 { 0.0 } else { max };
        // −∞ for a scale of 0.
        Self { scale, center, exponent: shift.exponent, floor: shift.floor() / scale }
    }

    /// As `(t, δ)`, t·(1 + δ).
    #[inline(always)]
    fn exp<V: Lanes>(self, x: V) -> (V, V) {
        // Exact where it matters, see `exp_sum.rs`.
        let x = x - self.center;
        let (y, low) = two_product(x, x.splat(self.scale));
        let zero_point = x.splat(SIXTEENTHS - self.exponent);
        let (t, delta) = shifted_exp_of_words((y, low), power(y, zero_point), zero_point);
        let (nothing, zero) = (x.le(x.splat(self.floor)), x.splat(0.0));
        (V::select(nothing, zero, t), V::select(nothing, zero, delta))
    }
}

/// s·(x − center) less the logarithm of the sum.
#[derive(Clone, Copy)]
struct Difference {
    /// A factor by which no x − center overflows whose s·(x − center) does not.
    half: f32,
    scale: f32,
    center: f32,
    high: f32,
    low: f32,
}

impl Difference {
    #[inline(always)]
    fn new(ScaledExp { scale, center, .. }: ScaledExp, high: f32, low: f32) -> Self {
        let half = if scale < 1.0 { 0.5 } else { 1.0 };
        Self { half, scale: scale / half, center: center * half, high, low }
    }
}

impl Function for Difference {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let (distance, error) = two_sum(x * self.half, x.splat(-self.center));
        let (y, low) = two_product(distance, x.splat(self.scale));
        let low = error.mul_add(x.splat(self.scale), low);
        let difference = (y - self.high) + (low - self.low);
        // Infinities leave nothing, and a scale of 0 not even themselves.
        let infinity = x.splat(f32::NEG_INFINITY);
        let difference = V::select(y.eq(infinity), infinity, difference);
        V::select(x.eq(infinity), infinity, difference)
    }
}
