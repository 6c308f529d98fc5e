use crate::Backend;
use crate::error::{Error, check_length};
use crate::kernel::{self, LogSoftmax, RowMap, RowMapInPlace, ScaledSoftmax};
use crate::loss::check_finite;
use crate::rows::{Rows, RowsMut, check_shape};

/// [`softmax`](crate::softmax) and [`log_softmax`](crate::log_softmax) with options.
///
/// **Formulas.** `out[k] = e^(s·x[k]) / Σⱼ e^(s·x[j])`, and its logarithm
/// s·x\[k\] − ln Σⱼ e^(s·x\[j\]), of a vector or of each row.
///
/// | option | |
/// |---|---|
/// | [`scale`](Self::scale)`(s)` | s, without it 1 |
/// | [`zeros_where_masked`](Self::zeros_where_masked)`()` | 0, and the logarithm −∞, for a row of only −∞ |
///
/// **Special values.** −∞ gives exactly 0, and the logarithm −∞, whatever s. A NaN, a +∞,
/// or without the option nothing but −∞ makes every result of its row NaN.
///
/// **Accuracy.** That of the plain functions,
/// [`contract::SOFTMAX`](crate::contract::SOFTMAX) and
/// [`contract::LOG_SOFTMAX`](crate::contract::LOG_SOFTMAX), and as fast: s·x is not rounded,
/// as e^(s·x) is reduced from x itself. With s = 1 the bits are those of the plain functions.
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
#[non_exhaustive]
pub struct Softmax {
    scale: f32,
    zeros_where_masked: bool,
}

impl Default for Softmax {
    fn default() -> Self {
        Self::new()
    }
}

impl Softmax {
    /// The plain functions.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { scale: 1.0, zeros_where_masked: false }
    }

    /// Multiplies the scores by s ≥ 0 first: less than 1 flattens the probabilities, more
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
    #[must_use]
    pub const fn scale(self, scale: f32) -> Self {
        Self { scale, ..self }
    }

    /// A row of nothing but −∞, fully masked, gives zeros in the place of NaN, and its
    /// logarithm −∞.
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
    #[must_use]
    pub const fn zeros_where_masked(self) -> Self {
        Self { zeros_where_masked: true, ..self }
    }

    /// Softmax of a vector.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is negative or not finite; [`Error::Length`] if
    /// `out` has another length than `x`.
    pub fn softmax(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.softmax_rows(Rows::one(x), RowsMut::one(out))
    }

    /// As [`softmax`](Self::softmax), in place.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is negative or not finite.
    pub fn softmax_in_place(self, x: &mut [f32]) -> Result<(), Error> {
        self.softmax_rows_in_place(RowsMut::one(x))
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
    pub fn log_softmax(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.log_softmax_rows(Rows::one(x), RowsMut::one(out))
    }

    /// As [`log_softmax`](Self::log_softmax), in place.
    ///
    /// # Errors
    /// As [`softmax_in_place`](Self::softmax_in_place).
    pub fn log_softmax_in_place(self, x: &mut [f32]) -> Result<(), Error> {
        self.log_softmax_rows_in_place(RowsMut::one(x))
    }

    /// Each row's softmax.
    ///
    /// # Errors
    /// [`Error::Parameter`] if the scale is negative or not finite; [`Error::RowCount`] or
    /// [`Error::ColumnCount`] if `out` has another shape than `x`.
    pub fn softmax_rows(self, x: Rows<'_>, out: RowsMut<'_>) -> Result<(), Error> {
        self.run(Some(x), out, false)
    }

    /// As [`softmax_rows`](Self::softmax_rows), in place.
    ///
    /// # Errors
    /// As [`softmax_in_place`](Self::softmax_in_place).
    pub fn softmax_rows_in_place(self, x: RowsMut<'_>) -> Result<(), Error> {
        self.run(None, x, false)
    }

    /// The logarithm of each row's softmax.
    ///
    /// # Errors
    /// As [`softmax_rows`](Self::softmax_rows).
    pub fn log_softmax_rows(self, x: Rows<'_>, out: RowsMut<'_>) -> Result<(), Error> {
        self.run(Some(x), out, true)
    }

    /// As [`log_softmax_rows`](Self::log_softmax_rows), in place.
    ///
    /// # Errors
    /// As [`softmax_in_place`](Self::softmax_in_place).
    pub fn log_softmax_rows_in_place(self, x: RowsMut<'_>) -> Result<(), Error> {
        self.run(None, x, true)
    }

    /// The rows between masked ones at a time.
    fn run(self, mut x: Option<Rows<'_>>, mut out: RowsMut<'_>, log: bool) -> Result<(), Error> {
        check_finite("scale", self.scale)?;
        if let Some(x) = x {
            check_shape("out", x, &out)?;
        }
        while out.rows() > 0 {
            let rows = x.unwrap_or(out.as_rows());
            let count = rows.iter().take_while(|row| !self.gives_zeros(row)).count();
            self.run_plain(x.as_mut().map(|x| x.take(count)), out.take(count), log)?;
            if let Some(x) = &mut x {
                x.take(1);
            }
            if let Some(masked) = out.take(1).row(0) {
                masked.fill(if log { f32::NEG_INFINITY } else { 0.0 });
            }
        }
        Ok(())
    }

    fn gives_zeros(self, row: &[f32]) -> bool {
        self.zeros_where_masked && row.iter().all(|x| *x == f32::NEG_INFINITY)
    }

    /// Without regard to masked rows.
    fn run_plain(self, x: Option<Rows<'_>>, out: RowsMut<'_>, log: bool) -> Result<(), Error> {
        let (backend, scale) = (Backend::best(), self.scale);
        if scale != 1.0 {
            let kernel = match x {
                Some(x) => ScaledSoftmax::new(scale, x, out)?,
                None => ScaledSoftmax::in_place(scale, out)?,
            };
            backend.run(if log { kernel.ln() } else { kernel });
            return Ok(());
        }
        match (x, log) {
            (Some(x), false) => backend.run(RowMap::new(kernel::Softmax::new(), x, out)?),
            (Some(x), true) => backend.run(RowMap::new(LogSoftmax::new(), x, out)?),
            (None, false) => backend.run(RowMapInPlace::new(kernel::Softmax::new(), out)),
            (None, true) => backend.run(RowMapInPlace::new(LogSoftmax::new(), out)),
        }
        Ok(())
    }
}
