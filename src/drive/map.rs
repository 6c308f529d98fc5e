//! The elementwise functions, on a backend.

use crate::backend::Backend;
use crate::error::{Result, check_length};
use crate::pass::Tile;

/// Two methods for each function: with its results elsewhere, and in place.
macro_rules! elementwise {
    ($($name:ident, $in_place:ident = $pass:ident($($sign:literal)?);)*) => {
        impl Backend {$(
            #[doc = concat!("As [`", stringify!($name), "`](crate::", stringify!($name), ").")]
            #[inline]
            pub fn $name(self, x: &[f32], out: &mut [f32]) -> Result {
                check_length("out", x.len(), out.len())?;
                self.0.$pass(&Tile::of(x, out) $(, $sign)?);
                Ok(())
            }

            #[doc = concat!("As [`", stringify!($name), "`](crate::", stringify!($name), "), in place.")]
            #[inline]
            pub fn $in_place(self, x: &mut [f32]) {
                self.0.$pass(&Tile::of_in_place(x) $(, $sign)?);
            }
        )*}
    };
}

elementwise! {
    exp, exp_in_place = map_exp();
    exp_m1, exp_m1_in_place = map_exp_m1();
    ln, ln_in_place = map_ln();
    ln_1p, ln_1p_in_place = map_ln_1p();
    sigmoid, sigmoid_in_place = map_sigmoid();
    log_sigmoid, log_sigmoid_in_place = map_softplus(-1.0);
    softplus, softplus_in_place = map_softplus(1.0);
}
