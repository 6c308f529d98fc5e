//! A function of each element of a row, or of the elements of several rows in the same place.
//!
//! The `unsafe` here is sound because loops read and write as many elements as all tiles have.
#![allow(unsafe_code)]

use super::Tile;
use crate::math::{exp, exp_m1, integer, integer_ln, ln, ln_1p, sigmoid, softplus};
use crate::simd::{Lanes, Simd, Vectors, unroll};

/// A function of one element of each of N rows.
pub(super) trait Map<const N: usize>: Copy {
    /// Whether several vectors are taken side by side: it pays for a short formula.
    const IS_WIDE: bool;
    /// Whether that is so for this row.
    #[inline(always)]
    fn is_wide(self) -> bool {
        true
    }
    /// The function.
    fn apply<V: Lanes>(self, x: [V; N]) -> V;
}

/// Writes a function of the first `length` elements of N rows.
///
/// # Safety
/// Each row and `out` have as many elements.
#[inline(always)]
pub(super) unsafe fn map<S: Simd, F: Map<N>, const N: usize>(
    simd: S,
    f: F,
    x: [*const f32; N],
    out: *mut f32,
    length: usize,
) {
    let mut at = 0;
    while const { F::IS_WIDE && S::MapWide::COUNT > S::F32::COUNT }
        && f.is_wide()
        && S::MapWide::COUNT <= length - at
    {
        let mut elements = [S::MapWide::splat_of(simd, 0.0); N];
        unroll!(i in 0..N, {
            elements[i] = unsafe { <S::MapWide as Vectors<S>>::load(simd, x[i].add(at)) };
        });
        unsafe { f.apply(elements).store(simd, out.add(at)) };
        at += S::MapWide::COUNT;
    }
    while at < length {
        let rest = length - at;
        let mut elements = [simd.splat(0.0); N];
        unroll!(i in 0..N, elements[i] = unsafe { simd.load_part(x[i].add(at), rest, 0.0) });
        unsafe { simd.store_part(f.apply(elements), out.add(at), rest) };
        at += S::F32::COUNT;
    }
}

/// Passes that map functions of one element, for the first row of a tile: each of lanes, and by
/// integers.
macro_rules! passes_of {
    ($($name:ident = $function:path, $integers:path;)*) => {$(
        #[inline(always)]
        pub(super) unsafe fn $name<S: Simd>(simd: S, tile: &Tile<'_>) {
            #[derive(Clone, Copy)]
            struct Function;
            impl Map<1> for Function {
                const IS_WIDE: bool = true;
                #[inline(always)]
                fn apply<V: Lanes>(self, [x]: [V; 1]) -> V {
                    if let Some(y) = x.by_integers($integers) {
                        return y;
                    }
                    $function(x)
                }
            }
            unsafe { map(simd, Function, [tile.x], tile.out, tile.columns) }
        }
    )*};
}

passes_of! {
    exp = exp::exp, integer::exp;
    exp_m1 = exp_m1::exp_m1, integer::exp_m1;
    ln = ln::ln, integer_ln::ln;
    ln_1p = ln_1p::ln_1p, integer_ln::ln_1p;
    sigmoid = sigmoid::sigmoid, integer::sigmoid;
}

/// ln(1 + e^x); or, with a sign of −1 instead of 1, ln σ(x) = −ln(1 + e^-x).
#[inline(always)]
pub(super) unsafe fn softplus<S: Simd>(simd: S, tile: &Tile<'_>, sign: f32) {
    unsafe { map(simd, Softplus { sign }, [tile.x], tile.out, tile.columns) }
}

/// sign · ln(1 + e^(sign · x)).
#[derive(Clone, Copy)]
struct Softplus {
    /// A number, not a choice: of that, the compiler would make two loops.
    sign: f32,
}

impl Map<1> for Softplus {
    const IS_WIDE: bool = true;

    #[inline(always)]
    fn apply<V: Lanes>(self, [x]: [V; 1]) -> V {
        let sign = self.sign.to_bits() & (-0f32).to_bits();
        if let Some(y) = x.by_integers(|x| integer::softplus(x ^ sign) ^ sign) {
            return y;
        }
        // Not a product: a CPU multiplies slowly what is subnormal.
        let is_negative = x.splat(self.sign).lt(x.splat(0.0));
        let y = softplus::softplus(V::select(is_negative, -x, x));
        V::select(is_negative, -y, y)
    }
}

/// a + b of two rows, the results of a.
#[inline(always)]
pub(super) unsafe fn add<S: Simd>(simd: S, a: &Tile<'_>, b: &Tile<'_>) {
    unsafe { map(simd, Sum, [a.x, b.x], a.out, a.columns.min(b.columns)) }
}

/// a + b.
#[derive(Clone, Copy)]
struct Sum;

impl Map<2> for Sum {
    const IS_WIDE: bool = false;

    #[inline(always)]
    fn apply<V: Lanes>(self, [a, b]: [V; 2]) -> V {
        a + b
    }
}
