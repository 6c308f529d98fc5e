//! Entropy, cross-entropy and divergences of distributions, given by probabilities or by scores, on
//! a backend.

use crate::backend::Backend;
use crate::error::{Result, check_length};
use crate::pass::{Passes, Tile};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count, check_shape};

impl Backend {
    /// As [`entropy`](crate::entropy).
    #[inline]
    #[must_use]
    pub fn entropy(self, p: &[f32]) -> f32 {
        let p = Tile::of_read(p);
        cross_entropy(self.0, &p, &p)
    }

    /// As [`rows::entropy`](crate::rows::entropy).
    pub fn rows_entropy(self, p: Rows<'_>, out: &mut [f32]) -> Result {
        of_rows(p, out, |p| cross_entropy(self.0, p, p))
    }

    /// As [`rows::entropy_of_scores`](crate::rows::entropy_of_scores).
    pub fn rows_entropy_of_scores(self, scores: Rows<'_>, out: &mut [f32]) -> Result {
        of_rows(scores, out, |scores| self.0.entropy_of_scores(scores))
    }

    /// As [`cross_entropy`](crate::cross_entropy).
    #[inline]
    pub fn cross_entropy(self, p: &[f32], q: &[f32]) -> Result<f32> {
        check_length("q", p.len(), q.len())?;
        Ok(cross_entropy(self.0, &Tile::of_read(p), &Tile::of_read(q)))
    }

    /// As [`rows::cross_entropy`](crate::rows::cross_entropy).
    pub fn rows_cross_entropy(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
        of_pairs(p, q, out, |p, q| cross_entropy(self.0, p, q))
    }

    /// As [`kl_divergence`](crate::kl_divergence).
    #[inline]
    pub fn kl_divergence(self, p: &[f32], q: &[f32]) -> Result<f32> {
        check_length("q", p.len(), q.len())?;
        Ok(self.0.kl_divergence_of_row(&Tile::of_read(p), &Tile::of_read(q)))
    }

    /// As [`rows::kl_divergence`](crate::rows::kl_divergence).
    pub fn rows_kl_divergence(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
        of_pairs(p, q, out, |p, q| self.0.kl_divergence_of_row(p, q))
    }

    /// As [`rows::kl_divergence_of_scores`](crate::rows::kl_divergence_of_scores).
    pub fn rows_kl_divergence_of_scores(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
        of_pairs(p, q, out, |p, q| self.0.kl_divergence_of_scores(p, q))
    }

    /// As [`rows::kl_divergence_of_scores_and_gradient`].
    ///
    /// [`rows::kl_divergence_of_scores_and_gradient`]:
    /// crate::rows::kl_divergence_of_scores_and_gradient
    pub fn rows_kl_divergence_of_scores_and_gradient(
        self,
        p: Rows<'_>,
        q: Rows<'_>,
        out: &mut [f32],
        gradient: RowsMut<'_>,
    ) -> Result {
        check_pair(p, q, out)?;
        check_shape("gradient", q, &gradient)?;
        let (p, q) = (Tile::read(p), Tile::write(q, gradient));
        each(out, |i| self.0.kl_divergence_of_scores(&p.part(i, 1), &q.part(i, 1)));
        Ok(())
    }

    /// As [`js_divergence`](crate::js_divergence).
    #[inline]
    pub fn js_divergence(self, p: &[f32], q: &[f32]) -> Result<f32> {
        check_length("q", p.len(), q.len())?;
        Ok(self.0.js_divergence_of_row(&Tile::of_read(p), &Tile::of_read(q)))
    }

    /// As [`rows::js_divergence`](crate::rows::js_divergence).
    pub fn rows_js_divergence(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result {
        of_pairs(p, q, out, |p, q| self.0.js_divergence_of_row(p, q))
    }
}

/// That of a row; scaled down, if it is no number without. A backend that takes rows whole adds up
/// integers, which do not overflow.
#[inline]
fn cross_entropy(b: Passes, p: &Tile<'_>, q: &Tile<'_>) -> f32 {
    let entropy = b.cross_entropy_of_row(p, q, false);
    if entropy.is_finite() || b.take_rows() { entropy } else { b.cross_entropy_of_row(p, q, true) }
}

/// A number for each row.
#[inline]
fn of_rows(x: Rows<'_>, out: &mut [f32], of_row: impl Fn(&Tile<'_>) -> f32) -> Result {
    check_length("out", x.rows(), out.len())?;
    let x = Tile::read(x);
    each(out, |i| of_row(&x.part(i, 1)));
    Ok(())
}

/// A number for each pair of rows of two matrices of one shape.
#[inline]
fn of_pairs(
    p: Rows<'_>,
    q: Rows<'_>,
    out: &mut [f32],
    of_pair: impl Fn(&Tile<'_>, &Tile<'_>) -> f32,
) -> Result {
    check_pair(p, q, out)?;
    let (p, q) = (Tile::read(p), Tile::read(q));
    each(out, |i| of_pair(&p.part(i, 1), &q.part(i, 1)));
    Ok(())
}

#[inline]
fn each(out: &mut [f32], of_row: impl Fn(usize) -> f32) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = of_row(i);
    }
}

/// `Ok` for two matrices of one shape, with one result a row.
fn check_pair(p: Rows<'_>, q: Rows<'_>, out: &[f32]) -> Result {
    check_row_count("q", p.rows(), q.rows())?;
    check_column_count("q", p.columns(), q.columns())?;
    check_length("out", p.rows(), out.len())
}
