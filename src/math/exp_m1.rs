//! e^x − 1.
//!
//! **Method.** Up to |x| = 0.4, where digits would cancel, a polynomial:
//! x + x·(x/2 + x²·P(x)). Beyond, e^x as table and rest (see `exp.rs`), with 1
//! subtracted from the table exactly, in two words.
//!
//! **Error.** Half an ULP for the last addition. Up to 0.4, where multiplication is
//! not fused, 0.3 for the roundings in x·(…), most where the result is just below a
//! power of two; just beyond 0.4 up to a quarter for the rest, which is below a seventh
//! of the result, and its roundings. From 83 on that of e^x, to which 1 is nothing.
//!
//! **Coefficients** by `exp_m1.sollya`, beside this file.

use super::double_word::two_sum;
use super::exp::{NORMAL, Parts, exp};
use super::polynomial::horner;
use crate::simd::{Lanes, call};

/// How far the polynomial goes.
pub(crate) const SMALL: f32 = 0.4;

/// From −40 down, e^x − 1 is −1.
const FAR: f32 = 40.0;

/// (e^x − 1 − x − x²/2) / x³ on |x| ≤ 0.41, largest error 1.3e-9 of e^x − 1.
const POLYNOMIAL: [f32; 5] = [
    0.1666666567325592041015625,
    4.1666306555271148681640625e-2,
    8.3335004746913909912109375e-3,
    1.39509700238704681396484375e-3,
    1.98179113795049488544464111328125e-4,
];

/// e^x − 1 for every x.
#[inline(always)]
pub(crate) fn exp_m1<V: Lanes>(x: V) -> V {
    call!(V, x, |x| {
        let y = not_large(x);
        if V::all_within([x], NORMAL) {
            return y;
        }
        V::select(x.splat(NORMAL).lt(x), exp(x), y)
    })
}

/// e^x − 1 for x ≤ `NORMAL`; elsewhere anything, but of NaN NaN.
#[inline(always)]
fn not_large<V: Lanes>(x: V) -> V {
    // Zero keeps its sign: with x²/2 in the place of x/2 it would lose it.
    let near = x.mul_add(slope(x), x);

    // In this order a NaN stays one.
    let (table, exp_m1) = Parts::normal(x.splat(-FAR).max(x));
    let (high, low) = two_sum(table, x.splat(-1.0));
    let far = high + table.mul_add(exp_m1, low);
    V::select(x.abs().le(x.splat(SMALL)), near, far)
}

/// e^(x + low) − 1 in two words for |x| ≤ [`SMALL`] and a `low` of at most its last bit:
/// the second is up to a fifth of the first.
#[inline(always)]
pub(crate) fn exp_m1_small<V: Lanes>(x: (V, V)) -> (V, V) {
    call!(V, x, |(x, low)| (x, x.mul_add(slope(x), low.mul_add(x, low))))
}

/// (e^x − 1)/x − 1 for |x| ≤ [`SMALL`].
#[inline(always)]
fn slope<V: Lanes>(x: V) -> V {
    (x * x).mul_add(horner(x, POLYNOMIAL), x * 0.5)
}

#[cfg(test)]
mod tests {
    use super::super::polynomial::check::{assert_error, relative, value};
    use super::*;

    #[test]
    fn polynomial_errs_as_stated() {
        assert_error(1.3e-9, [-0.41, 0.41], |x| {
            relative(x + x * x * (0.5 + x * value(&POLYNOMIAL, x)), libm::expm1(x))
        });
    }
}
