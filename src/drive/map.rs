//! The elementwise functions, on a backend.

use crate::backend::Backend;
use crate::error::{Error, check_length};
use crate::pass::Tile;

impl Backend {
    /// As [`exp`](crate::exp).
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn exp(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.0.map_exp(&Tile::of(x, out));
        Ok(())
    }

    /// As [`exp_in_place`](crate::exp_in_place).
    #[inline]
    pub fn exp_in_place(self, x: &mut [f32]) {
        self.0.map_exp(&Tile::of_in_place(x));
    }

    /// As [`exp_m1`](crate::exp_m1).
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn exp_m1(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.0.map_exp_m1(&Tile::of(x, out));
        Ok(())
    }

    /// As [`exp_m1_in_place`](crate::exp_m1_in_place).
    #[inline]
    pub fn exp_m1_in_place(self, x: &mut [f32]) {
        self.0.map_exp_m1(&Tile::of_in_place(x));
    }

    /// As [`ln`](crate::ln).
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn ln(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.0.map_ln(&Tile::of(x, out));
        Ok(())
    }

    /// As [`ln_in_place`](crate::ln_in_place).
    #[inline]
    pub fn ln_in_place(self, x: &mut [f32]) {
        self.0.map_ln(&Tile::of_in_place(x));
    }

    /// As [`ln_1p`](crate::ln_1p).
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn ln_1p(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.0.map_ln_1p(&Tile::of(x, out));
        Ok(())
    }

    /// As [`ln_1p_in_place`](crate::ln_1p_in_place).
    #[inline]
    pub fn ln_1p_in_place(self, x: &mut [f32]) {
        self.0.map_ln_1p(&Tile::of_in_place(x));
    }

    /// As [`sigmoid`](crate::sigmoid).
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn sigmoid(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.0.map_sigmoid(&Tile::of(x, out));
        Ok(())
    }

    /// As [`sigmoid_in_place`](crate::sigmoid_in_place).
    #[inline]
    pub fn sigmoid_in_place(self, x: &mut [f32]) {
        self.0.map_sigmoid(&Tile::of_in_place(x));
    }

    /// As [`log_sigmoid`](crate::log_sigmoid).
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn log_sigmoid(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.0.map_softplus(&Tile::of(x, out), -1.0);
        Ok(())
    }

    /// As [`log_sigmoid_in_place`](crate::log_sigmoid_in_place).
    #[inline]
    pub fn log_sigmoid_in_place(self, x: &mut [f32]) {
        self.0.map_softplus(&Tile::of_in_place(x), -1.0);
    }

    /// As [`softplus`](crate::softplus).
    ///
    /// # Errors
    /// [`Error::Length`] if `out` has another length than `x`.
    #[inline]
    pub fn softplus(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> {
        check_length("out", x.len(), out.len())?;
        self.0.map_softplus(&Tile::of(x, out), 1.0);
        Ok(())
    }

    /// As [`softplus_in_place`](crate::softplus_in_place).
    #[inline]
    pub fn softplus_in_place(self, x: &mut [f32]) {
        self.0.map_softplus(&Tile::of_in_place(x), 1.0);
    }
}
