//! Softmax and its logarithm with options: a scale, and rows that are masked.

use crate::Backend;
#[cfg(doc)]
use crate::Error;
use crate::drive::scaled_softmax::scaled_softmax;
use crate::error::{Result, check_length};
use crate::loss::check_finite;
use crate::pass::Tile;
use crate::rows::{Rows, RowsMut, check_shape};

/// [`softmax`](crate::softmax) and [`log_softmax`](crate::log_softmax) with options.
///
/// **Formulas.** `out[k] = e^(s·x[k]) / Σⱼ e^(s·x[j])`, or its logarithm
/// s·x\[k\] − ln Σⱼ e^(s·x\[j\]), for a vector or for each row of a matrix.
///
/// | option | |
/// |---|---|
/// | [`scale`](Self::scale)`(s)` | s; the default is 1 |
/// | [`zeros_where_masked`](Self::zeros_where_masked)`()` | 0, and the logarithm −∞, for a row of only −∞ |
///
/// **Special values.** For every s, −∞ gives exactly 0, and the logarithm −∞. A NaN or a +∞
/// makes every result of its row NaN. So does a row of only −∞, without the option.
///
/// **Accuracy.** As that of the plain functions,
/// [`contract::SOFTMAX`](crate::contract::SOFTMAX) and
/// [`contract::LOG_SOFTMAX`](crate::contract::LOG_SOFTMAX): s·x is never rounded, because
/// e^(s·x) is computed from x itself. With s = 1 the results have the bits of the plain functions.
///
/// ```
/// use logits::{Rows, RowsMut, Softmax};
///
/// // The weights of attention: scores of queries by keys, over √64, and a mask.
/// const MASK: f32 = f32::NEG_INFINITY;
/// let scores = Rows::new(&[8.0, 8.0, MASK, MASK, MASK, MASK], 3)?;
/// let attention = Softmax::new().scale(0.125).zeros_where_masked();
/// let mut weights = [9.0; 6];
/// attention.softmax_rows(scores, RowsMut::new(&mut weights, 3)?)?;
/// assert_eq!(weights, [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
#[non_exhaustive]
pub struct Softmax {
    scale: f32,
    zeros_where_masked: bool,
    backend: Option<Backend>,
}

impl Default for Softmax {
    fn default() -> Self {
        Self::new()
    }
}

impl Softmax {
    /// The plain functions.
    #[inline]
    pub const fn new() -> Self {
        Self { scale: 1.0, zeros_where_masked: false, backend: None }
    }

    /// Multiplies the scores by s ≥ 0 first: s < 1 flattens the probabilities, s > 1
    /// sharpens them. For a temperature T, s = 1/T.
    ///
    /// s = 0 gives all elements but −∞ the same probability. For a negative scale (the
    /// softmin), negate the scores.
    ///
    /// ```
    /// use logits::Softmax;
    ///
    /// let mut p = [0.0; 2];
    /// Softmax::new().scale(0.5).softmax(&[2.0, 6.0], &mut p)?;
    /// let mut same = [1.0, 3.0];
    /// logits::softmax_in_place(&mut same);
    /// assert!((p[0] - same[0]).abs() < 1e-7);
    ///
    /// Softmax::new().scale(0.0).softmax(&[2.0, 6.0], &mut p)?;
    /// assert_eq!(p, [0.5, 0.5]);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn scale(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// Makes softmax 0, and its logarithm −∞, for a row of only −∞ (fully masked). Without
    /// this option they are NaN.
    ///
    /// ```
    /// use logits::Softmax;
    ///
    /// let mut p = [f32::NEG_INFINITY; 2];
    /// Softmax::new().zeros_where_masked().softmax_in_place(&mut p)?;
    /// assert_eq!(p, [0.0, 0.0]);
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn zeros_where_masked(self) -> Self {
        Self { zeros_where_masked: true, ..self }
    }

    /// Runs on this backend instead of [`Backend::best`].
    ///
    /// ```
    /// use logits::{Backend, Softmax};
    ///
    /// for backend in Backend::available() {
    ///     let mut p = [7.0, 7.0];
    ///     Softmax::new().on(backend).softmax_in_place(&mut p)?;
    ///     assert_eq!(p, [0.5, 0.5]);
    /// }
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[inline]
    pub const fn on(self, backend: Backend) -> Self {
        Self { backend: Some(backend), ..self }
    }

    /// Softmax of a vector.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is negative or not finite; [`Error::Length`] if
    /// `out` has another length than `x`.
    pub fn softmax(self, x: &[f32], out: &mut [f32]) -> Result {
        check_length("out", x.len(), out.len())?;
        self.run(&Tile::of(x, out), false)
    }

    /// As [`softmax`](Self::softmax), in place.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is negative or not finite.
    pub fn softmax_in_place(self, x: &mut [f32]) -> Result {
        self.run(&Tile::of_in_place(x), false)
    }

    /// The logarithm of a vector's softmax.
    ///
    /// # Errors
    /// As [`softmax`](Self::softmax).
    ///
    /// ```
    /// use logits::Softmax;
    ///
    /// let mut out = [0.0; 2];
    /// Softmax::new().scale(10.0).log_softmax(&[4.0, 0.0], &mut out)?;
    /// assert_eq!(out, [-(-40f32).exp(), -40.0]);
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub fn log_softmax(self, x: &[f32], out: &mut [f32]) -> Result {
        check_length("out", x.len(), out.len())?;
        self.run(&Tile::of(x, out), true)
    }

    /// As [`log_softmax`](Self::log_softmax), in place.
    ///
    /// # Errors
    /// As [`softmax_in_place`](Self::softmax_in_place).
    pub fn log_softmax_in_place(self, x: &mut [f32]) -> Result {
        self.run(&Tile::of_in_place(x), true)
    }

    /// Each row's softmax.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is negative or not finite; [`Error::RowCount`] or
    /// [`Error::ColumnCount`] if `out` has another shape than `x`.
    pub fn softmax_rows(self, x: Rows<'_>, out: RowsMut<'_>) -> Result {
        check_finite("scale", self.scale)?;
        check_shape("out", x, &out)?;
        self.run(&Tile::write(x, out), false)
    }

    /// As [`softmax_rows`](Self::softmax_rows), in place.
    ///
    /// # Errors
    /// As [`softmax_in_place`](Self::softmax_in_place).
    pub fn softmax_rows_in_place(self, x: RowsMut<'_>) -> Result {
        self.run(&Tile::in_place(x), false)
    }

    /// The logarithm of each row's softmax.
    ///
    /// # Errors
    /// As [`softmax_rows`](Self::softmax_rows).
    pub fn log_softmax_rows(self, x: Rows<'_>, out: RowsMut<'_>) -> Result {
        check_finite("scale", self.scale)?;
        check_shape("out", x, &out)?;
        self.run(&Tile::write(x, out), true)
    }

    /// As [`log_softmax_rows`](Self::log_softmax_rows), in place.
    ///
    /// # Errors
    /// As [`softmax_in_place`](Self::softmax_in_place).
    pub fn log_softmax_rows_in_place(self, x: RowsMut<'_>) -> Result {
        self.run(&Tile::in_place(x), true)
    }

    /// Softmax of each row, or its logarithm.
    fn run(self, tile: &Tile<'_>, log: bool) -> Result {
        check_finite("scale", self.scale)?;
        let backend = self.backend.unwrap_or_else(Backend::best);
        let masked = if log { f32::NEG_INFINITY } else { 0.0 };
        let mut i = 0;
        while i < tile.rows() {
            let rest = tile.part(i, tile.rows());
            let count = self.unmasked(&rest);
            scaled_softmax(backend.0, &rest.part(0, count), self.scale, log);
            rest.fill(count, masked);
            i += count + 1;
        }
        Ok(())
    }

    /// The number of rows before the first row that the option makes zeros.
    fn unmasked(self, tile: &Tile<'_>) -> usize {
        if !self.zeros_where_masked {
            return tile.rows();
        }
        let is_masked = |i: &usize| tile.row(*i).iter().all(|x| *x == f32::NEG_INFINITY);
        (0..tile.rows()).find(is_masked).unwrap_or(tile.rows())
    }
}
