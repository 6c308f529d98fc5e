//! s = W x + b.

use crate::error::{Error, check_length};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count};
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Term};

/// The scores of a linear classifier for each row of features.
pub struct Linear<'a> {
    x: Rows<'a>,
    weights: Rows<'a>,
    bias: &'a [f32],
    out: RowsMut<'a>,
}

impl<'a> Linear<'a> {
    /// # Errors
    /// As [`crate::rows::linear`].
    #[inline]
    pub fn new(
        x: Rows<'a>,
        weights: Rows<'a>,
        bias: &'a [f32],
        out: RowsMut<'a>,
    ) -> Result<Self, Error> {
        check_column_count("weights", x.columns(), weights.columns())?;
        check_length("bias", weights.rows(), bias.len())?;
        check_row_count("out", x.rows(), out.rows())?;
        check_column_count("out", weights.rows(), out.columns())?;
        Ok(Self { x, weights, bias, out })
    }
}

/// The summand of a scalar product.
#[derive(Clone, Copy)]
struct Product;

impl Term<2> for Product {
    #[inline(always)]
    fn term<V: Lanes>(self, [w, x]: [V; 2]) -> (V, V) {
        (w * x, w.splat(0.0))
    }
}

impl Kernel for Linear<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) {
        for (x, scores) in self.x.iter().zip(self.out.iter_mut()) {
            for ((w, b), s) in self.weights.iter().zip(self.bias).zip(scores) {
                let (high, low) = sweep::sum(simd, Product, [w, x]);
                *s = (high + b) + low;
            }
        }
    }
}
