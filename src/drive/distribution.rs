//! Entropy, cross-entropy and divergences of distributions, on a backend.

use crate::backend::Backend;
use crate::error::{Error, check_length};
use crate::pass::{Passes, Tile};
use crate::rows::{Rows, check_column_count, check_row_count};

/// That of a row; scaled down, if it is no number without.
#[inline]
fn cross_entropy(b: Passes, p: &Tile<'_>, q: &Tile<'_>) -> f32 {
    let entropy = b.cross_entropy_of_row(p, q, false);
    if entropy.is_finite() { entropy } else { b.cross_entropy_of_row(p, q, true) }
}

impl Backend {
    /// As [`entropy`](crate::entropy).
    #[inline]
    #[must_use]
    pub fn entropy(self, p: &[f32]) -> f32 {
        let p = Tile::of_read(p);
        cross_entropy(self.0, &p, &p)
    }

    /// As [`rows::entropy`](crate::rows::entropy).
    ///
    /// # Errors
    /// As there.
    pub fn rows_entropy(self, p: Rows<'_>, out: &mut [f32]) -> Result<(), Error> {
        check_length("out", p.rows(), out.len())?;
        let p = Tile::read(p);
        for (i, out) in out.iter_mut().enumerate() {
            let p = p.part(i, 1);
            *out = cross_entropy(self.0, &p, &p);
        }
        Ok(())
    }

    /// As [`cross_entropy`](crate::cross_entropy).
    ///
    /// # Errors
    /// [`Error::Length`] if `q` has another length than `p`.
    #[inline]
    pub fn cross_entropy(self, p: &[f32], q: &[f32]) -> Result<f32, Error> {
        check_length("q", p.len(), q.len())?;
        Ok(cross_entropy(self.0, &Tile::of_read(p), &Tile::of_read(q)))
    }

    /// As [`rows::cross_entropy`](crate::rows::cross_entropy).
    ///
    /// # Errors
    /// As there.
    pub fn rows_cross_entropy(
        self,
        p: Rows<'_>,
        q: Rows<'_>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        let [p, q] = pair(p, q, out)?;
        for (i, out) in out.iter_mut().enumerate() {
            *out = cross_entropy(self.0, &p.part(i, 1), &q.part(i, 1));
        }
        Ok(())
    }

    /// As [`kl_divergence`](crate::kl_divergence).
    ///
    /// # Errors
    /// [`Error::Length`] if `q` has another length than `p`.
    #[inline]
    pub fn kl_divergence(self, p: &[f32], q: &[f32]) -> Result<f32, Error> {
        check_length("q", p.len(), q.len())?;
        Ok(self.0.kl_divergence_of_row(&Tile::of_read(p), &Tile::of_read(q)))
    }

    /// As [`rows::kl_divergence`](crate::rows::kl_divergence).
    ///
    /// # Errors
    /// As there.
    pub fn rows_kl_divergence(
        self,
        p: Rows<'_>,
        q: Rows<'_>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        let [p, q] = pair(p, q, out)?;
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.0.kl_divergence_of_row(&p.part(i, 1), &q.part(i, 1));
        }
        Ok(())
    }

    /// As [`js_divergence`](crate::js_divergence).
    ///
    /// # Errors
    /// [`Error::Length`] if `q` has another length than `p`.
    #[inline]
    pub fn js_divergence(self, p: &[f32], q: &[f32]) -> Result<f32, Error> {
        check_length("q", p.len(), q.len())?;
        Ok(self.0.js_divergence_of_row(&Tile::of_read(p), &Tile::of_read(q)))
    }

    /// As [`rows::js_divergence`](crate::rows::js_divergence).
    ///
    /// # Errors
    /// As there.
    pub fn rows_js_divergence(
        self,
        p: Rows<'_>,
        q: Rows<'_>,
        out: &mut [f32],
    ) -> Result<(), Error> {
        let [p, q] = pair(p, q, out)?;
        for (i, out) in out.iter_mut().enumerate() {
            *out = self.0.js_divergence_of_row(&p.part(i, 1), &q.part(i, 1));
        }
        Ok(())
    }
}

/// The tiles of two matrices of one shape, with one result a row.
pub(super) fn pair<'a>(p: Rows<'a>, q: Rows<'a>, out: &[f32]) -> Result<[Tile<'a>; 2], Error> {
    check_row_count("q", p.rows(), q.rows())?;
    check_column_count("q", p.columns(), q.columns())?;
    check_length("out", p.rows(), out.len())?;
    Ok([Tile::read(p), Tile::read(q)])
}
