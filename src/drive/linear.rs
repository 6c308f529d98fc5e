//! The scores of a linear classifier, on a backend.

use crate::backend::Backend;
use crate::error::{Error, check_length};
use crate::pass::Tile;
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count};

impl Backend {
    /// As [`rows::linear`](crate::rows::linear).
    ///
    /// # Errors
    /// As there.
    pub fn rows_linear(
        self,
        x: Rows<'_>,
        weights: Rows<'_>,
        bias: &[f32],
        mut out: RowsMut<'_>,
    ) -> Result<(), Error> {
        check_column_count("weights", x.columns(), weights.columns())?;
        check_length("bias", weights.rows(), bias.len())?;
        check_row_count("out", x.rows(), out.rows())?;
        check_column_count("out", weights.rows(), out.columns())?;
        let (x, weights) = (Tile::read(x), Tile::read(weights));
        for i in 0..x.rows() {
            // There is no such row only where there are no classes.
            let Some(scores) = out.row(i) else { break };
            self.0.linear_of_row(&x.part(i, 1), &weights, &Tile::of(bias, scores));
        }
        Ok(())
    }
}
