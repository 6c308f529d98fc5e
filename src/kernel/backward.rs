//! The derivatives of softmax and of its logarithm, from those by their results.
//!
//! **Method.** With results y and the derivatives g of a loss by them, the derivatives by
//! the scores are
//!
//! ```text
//! softmax       y[k]·(g[k] − Σ y·g)
//! log-softmax   g[k] − e^y[k]·Σ g
//! ```
//!
//! with sums in two words, of which the first cancels exactly where the difference is
//! small. For a likely class, y near 0, the second is (1 − e^y[k])·Σ g − (Σ g − g[k]):
//! neither cancels, and a confident right answer keeps its small gradient. All is in two
//! words until one rounding: what errs is the probability.

use super::cross_entropy::{InPlace, WithGradient};
use crate::error::Error;
use crate::kernel::row::{Matrix, Row};
use crate::math::exp::exp;
use crate::math::exp_m1::exp_m1;
use crate::math::words::{add, rounded, times};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count, check_shape};
use crate::simd::{Kernel, Lanes, Mask, Simd, Vectors};
use crate::sweep::{self, Itself, Term};

/// The derivative of a function of a row.
pub trait BackwardFunction: Copy {
    /// What is summed over the row.
    #[doc(hidden)]
    fn sum<S: Simd>(simd: S, y: &[f32], g: &[f32]) -> (f32, f32);
    /// The derivative by a score.
    #[doc(hidden)]
    fn derivative<V: Lanes>(y: V, g: V, sum: (f32, f32)) -> V;
}

/// Of [`Softmax`](super::Softmax).
#[derive(Clone, Copy, Debug)]
pub struct SoftmaxBackward;

/// y·g: a probability of 0 wins over an infinity and a NaN.
#[derive(Clone, Copy)]
struct Product;

impl Term<2> for Product {
    #[inline(always)]
    fn term<V: Lanes>(self, [y, g]: [V; 2]) -> (V, V) {
        let (none, zero) = (y.eq(y.splat(0.0)), y.splat(0.0));
        let (product, low) = times(y, (g, zero));
        (V::select(none, zero, product), V::select(none, zero, low))
    }
}

impl BackwardFunction for SoftmaxBackward {
    #[inline(always)]
    fn sum<S: Simd>(simd: S, y: &[f32], g: &[f32]) -> (f32, f32) {
        sweep::sum(simd, Product, [y, g])
    }

    #[inline(always)]
    fn derivative<V: Lanes>(y: V, g: V, (high, low): (f32, f32)) -> V {
        let zero = y.splat(0.0);
        let rest = add((g, zero), (g.splat(-high), g.splat(-low)));
        V::select(y.eq(zero), zero, rounded(weighted(y, rest)))
    }
}

/// The product of a probability and a number in two words, in two words: where they would be
/// a few subnormal parts, each rounded, in one.
#[inline(always)]
fn weighted<V: Lanes>(p: V, number: (V, V)) -> (V, V) {
    let (product, low) = times(p, number);
    let is_tiny = product.abs().lt(product.splat(7.888_609e-31)); // 2^-100
    let rough = p * (number.0 + number.1);
    (V::select(is_tiny, rough, product), V::select(is_tiny, p.splat(0.0), low))
}

/// Of [`LogSoftmax`](super::LogSoftmax).
#[derive(Clone, Copy, Debug)]
pub struct LogSoftmaxBackward;

impl BackwardFunction for LogSoftmaxBackward {
    #[inline(always)]
    fn sum<S: Simd>(simd: S, _: &[f32], g: &[f32]) -> (f32, f32) {
        sweep::sum(simd, Itself, [g])
    }

    #[inline(always)]
    fn derivative<V: Lanes>(y: V, g: V, (high, low): (f32, f32)) -> V {
        let (minus_sum, zero) = ((g.splat(-high), g.splat(-low)), g.splat(0.0));
        let p = exp(y);
        let unlikely = rounded(add((g, zero), weighted(p, minus_sum)));
        // Impossible, whatever the sum.
        let unlikely = V::select(p.eq(zero), g, unlikely);
        let is_unlikely = y.le(y.splat(-core::f32::consts::LN_2));
        if is_unlikely.all() {
            return unlikely;
        }
        let likely = add(add((g, zero), minus_sum), weighted(exp_m1(y), minus_sum));
        V::select(is_unlikely, unlikely, rounded(likely))
    }
}

/// A derivative by each score of each row.
pub struct Backward<'a, F, M> {
    function: F,
    y: Rows<'a>,
    /// The derivatives by the results.
    rows: M,
}

impl<'a, F: BackwardFunction> Backward<'a, F, WithGradient<'a>> {
    /// # Errors
    /// [`Error::RowCount`] or [`Error::ColumnCount`] if `upstream` or `out` has another
    /// shape than `y`.
    #[inline]
    pub fn new(
        function: F,
        y: Rows<'a>,
        upstream: Rows<'a>,
        out: RowsMut<'a>,
    ) -> Result<Self, Error> {
        check_row_count("upstream", y.rows(), upstream.rows())?;
        check_column_count("upstream", y.columns(), upstream.columns())?;
        check_shape("out", y, &out)?;
        Ok(Self { function, y, rows: (upstream, out) })
    }
}

impl<'a, F: BackwardFunction> Backward<'a, F, InPlace<'a>> {
    /// Takes the place of the derivatives by the results.
    ///
    /// # Errors
    /// [`Error::RowCount`] or [`Error::ColumnCount`] if `upstream` has another shape than
    /// `y`.
    #[inline]
    pub fn in_place(function: F, y: Rows<'a>, upstream: RowsMut<'a>) -> Result<Self, Error> {
        check_shape("upstream", y, &upstream)?;
        Ok(Self { function, y, rows: upstream })
    }
}

impl<F: BackwardFunction, M: Matrix> Kernel for Backward<'_, F, M> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { function, y, rows } = self;
        for (y, mut row) in y.iter().zip(rows.several(1)) {
            let sum = F::sum(simd, y, row.input());
            write(simd, function, y, &mut row, sum);
        }
    }
}

#[inline(always)]
fn write<S: Simd, F: BackwardFunction, R: Row>(
    simd: S,
    _: F,
    y: &[f32],
    row: &mut R,
    sum: (f32, f32),
) {
    let mut wide = y.chunks_exact(S::MapWide::COUNT);
    let mut at = 0;
    for y in &mut wide {
        let range = at..at + S::MapWide::COUNT;
        let g = S::MapWide::load(simd, row.input().get(range.clone()).unwrap_or(&[]));
        let derivative = F::derivative(S::MapWide::load(simd, y), g, sum);
        derivative.store(simd, row.output().get_mut(range).unwrap_or(&mut []));
        at += S::MapWide::COUNT;
    }
    for y in wide.remainder().chunks(S::F32::COUNT) {
        let g = simd.load(row.input().get(at..).unwrap_or(&[]), 0.0);
        let derivative = F::derivative(simd.load(y, 0.0), g, sum);
        simd.store(derivative, row.output().get_mut(at..).unwrap_or(&mut []));
        at += S::F32::COUNT;
    }
}
