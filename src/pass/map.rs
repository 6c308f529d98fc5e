//! A function of each element.
#![allow(unsafe_code)] // a tile has what it says

use super::Tile;
use crate::math::Function;
use crate::math::exp::Exp;
use crate::math::exp_m1::ExpM1;
use crate::math::ln::Ln;
use crate::math::ln_1p::Ln1p;
use crate::math::sigmoid::Sigmoid;
use crate::math::softplus::Softplus;
use crate::simd::{Lanes, Simd, Vectors};

/// `out[i] = f(x[i])` for the first row of a tile.
#[inline(always)]
unsafe fn map<S: Simd, F: Function>(simd: S, f: F, tile: &Tile<'_>) {
    let (x, out, length) = (tile.x, tile.out, tile.columns);
    let mut at = 0;
    unsafe {
        while const { S::MapWide::COUNT > S::F32::COUNT } && at + S::MapWide::COUNT <= length {
            let y = f.apply(<S::MapWide as Vectors<S>>::load(simd, x.add(at)));
            y.store(simd, out.add(at));
            at += S::MapWide::COUNT;
        }
        while at < length {
            let rest = length - at;
            simd.store_part(f.apply(simd.load_part(x.add(at), rest, 0.0)), out.add(at), rest);
            at += S::F32::COUNT;
        }
    }
}

#[inline(always)]
pub(super) unsafe fn exp<S: Simd>(simd: S, tile: &Tile<'_>) {
    unsafe { map(simd, Exp, tile) }
}

#[inline(always)]
pub(super) unsafe fn exp_m1<S: Simd>(simd: S, tile: &Tile<'_>) {
    unsafe { map(simd, ExpM1, tile) }
}

#[inline(always)]
pub(super) unsafe fn ln<S: Simd>(simd: S, tile: &Tile<'_>) {
    unsafe { map(simd, Ln, tile) }
}

#[inline(always)]
pub(super) unsafe fn ln_1p<S: Simd>(simd: S, tile: &Tile<'_>) {
    unsafe { map(simd, Ln1p, tile) }
}

#[inline(always)]
pub(super) unsafe fn sigmoid<S: Simd>(simd: S, tile: &Tile<'_>) {
    unsafe { map(simd, Sigmoid, tile) }
}

/// ln(1 + e^x); or, with a sign of −1 instead of 1, ln σ(x) = −ln(1 + e^-x).
#[inline(always)]
pub(super) unsafe fn softplus<S: Simd>(simd: S, tile: &Tile<'_>, sign: f32) {
    unsafe { map(simd, Softplus { sign }, tile) }
}
