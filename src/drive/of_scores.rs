//! Entropy and divergence of the distributions that scores stand for, on a backend.

use super::distribution::pair;
use crate::backend::Backend;
use crate::error::{Error, check_length};
use crate::pass::Tile;
use crate::rows::{Rows, RowsMut, check_shape};

impl Backend {
    /// As [`rows::entropy_of_scores`](crate::rows::entropy_of_scores).
    ///
    /// # Errors
    /// As there.
    pub fn rows_entropy_of_scores(self, scores: Rows<'_>, out: &mut [f32]) -> Result<(), Error> {
        check_length("out", scores.rows(), out.len())?;
        let scores = Tile::read(scores);
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.0.entropy_of_scores(&scores.part(i, 1));
        }
        Ok(())
    }

    /// As [`rows::kl_divergence_of_scores`](crate::rows::kl_divergence_of_scores).
    ///
    /// # Errors
    /// As there.
    pub fn rows_kl_divergence_of_scores(
        self,
        p: Rows<'_>,
        q: Rows<'_>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        let [p, q] = pair(p, q, out)?;
        self.each_kl_divergence_of_scores(&p, &q, out);
        Ok(())
    }

    /// As [`rows::kl_divergence_of_scores_and_gradient`].
    ///
    /// [`rows::kl_divergence_of_scores_and_gradient`]:
    /// crate::rows::kl_divergence_of_scores_and_gradient
    ///
    /// # Errors
    /// As there.
    pub fn rows_kl_divergence_of_scores_and_gradient(
        self,
        p: Rows<'_>,
        q: Rows<'_>,
        out: &mut [f32],
        gradient: RowsMut<'_>,
    ) -> Result<(), Error> {
        let [p, _] = pair(p, q, out)?;
        check_shape("gradient", q, &gradient)?;
        self.each_kl_divergence_of_scores(&p, &Tile::write(q, gradient), out);
        Ok(())
    }

    /// The divergence of each row, and its gradient if `q` has a place for it.
    fn each_kl_divergence_of_scores(self, p: &Tile<'_>, q: &Tile<'_>, out: &mut [f32]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.0.kl_divergence_of_scores(&p.part(i, 1), &q.part(i, 1));
        }
    }
}
