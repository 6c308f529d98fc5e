//! The scores of a linear classifier and their derivatives, and weighted sums, on a backend.

use crate::backend::Backend;
use crate::error::{Result, check_length};
use crate::pass::{Passes, Tile};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count};

impl Backend {
    /// As [`rows::linear`](crate::rows::linear).
    pub fn rows_linear(
        self,
        x: Rows<'_>,
        weights: Rows<'_>,
        bias: &[f32],
        mut out: RowsMut<'_>,
    ) -> Result {
        check_column_count("weights", x.columns(), weights.columns())?;
        check_length("bias", weights.rows(), bias.len())?;
        check_row_count("out", x.rows(), out.rows())?;
        check_column_count("out", weights.rows(), out.columns())?;
        let (x, weights) = (Tile::read(x), Tile::read(weights));
        for i in 0..x.rows() {
            // There is no such row only where there are no classes.
            let Some(scores) = out.row(i) else { break };
            let (x, bias) = (x.part(i, 1), Tile::of(bias, scores));
            if !self.0.linear_of_row(&x, &weights, &bias) {
                self.0.sums_again((&x, false), (&weights, false), Some(&bias), &bias);
            }
        }
        Ok(())
    }

    /// As [`rows::linear_backward`](crate::rows::linear_backward).
    pub fn rows_linear_backward(
        self,
        x: Rows<'_>,
        upstream: Rows<'_>,
        weight_gradient: RowsMut<'_>,
        bias_gradient: &mut [f32],
    ) -> Result {
        check_row_count("upstream", x.rows(), upstream.rows())?;
        check_row_count("weight_gradient", upstream.columns(), weight_gradient.rows())?;
        check_column_count("weight_gradient", x.columns(), weight_gradient.columns())?;
        check_length("bias_gradient", upstream.columns(), bias_gradient.len())?;
        let (x, upstream) = (Tile::read(x), Tile::read(upstream));
        let ones = Tile::repeated(&[1.0], upstream.rows());
        weighted_sums(self.0, &upstream, true, &x, &Tile::in_place(weight_gradient));
        weighted_sums(self.0, &ones, true, &upstream, &Tile::of_in_place(bias_gradient));
        Ok(())
    }

    /// As [`rows::weighted_sums`](crate::rows::weighted_sums).
    pub fn rows_weighted_sums(
        self,
        weights: Rows<'_>,
        values: Rows<'_>,
        out: RowsMut<'_>,
    ) -> Result {
        check_row_count("values", weights.columns(), values.rows())?;
        check_row_count("out", weights.rows(), out.rows())?;
        check_column_count("out", values.columns(), out.columns())?;
        let (weights, values) = (Tile::read(weights), Tile::read(values));
        weighted_sums(self.0, &weights, false, &values, &Tile::in_place(out));
        Ok(())
    }
}

/// Σ w·x over the rows of x, for each row of weights, or where these are transposed for each column.
fn weighted_sums(b: Passes, weights: &Tile<'_>, transposed: bool, x: &Tile<'_>, out: &Tile<'_>) {
    if !b.weighted_sums(weights, transposed, x, out) {
        b.sums_again((weights, transposed), (x, true), None, out);
    }
}
