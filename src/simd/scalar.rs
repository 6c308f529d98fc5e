//! One lane: any target, and what a microcontroller runs.
//!
//! `unsafe` is in what touches memory, whose pointers are those of [`Simd`] and vouched for by
//! its callers; and in the fused multiply-add, whose instruction is part of the target that the
//! crate was built for, as its `cfg` says.
#![allow(unsafe_code)]

use super::{BLOCK, EIGHTHS, Lanes, Mask, Simd, least_mantissa};

/// The token of the scalar backend.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

/// One lane.
#[derive(Clone, Copy)]
pub(crate) struct F32(pub(crate) f32);

impl Simd for Scalar {
    type F32 = F32;
    type Block = [F32; BLOCK];
    type Wide = F32;
    type MapWide = F32;
    const TAKES_ROWS: bool = true;

    #[inline(always)]
    fn splat(self, value: f32) -> F32 {
        F32(value)
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F32 {
        F32(unsafe { *from })
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, _: usize) -> F32 {
        F32(unsafe { *from })
    }

    #[inline(always)]
    unsafe fn store(self, value: F32, to: *mut f32) {
        unsafe { *to = value.0 }
    }

    #[inline(always)]
    unsafe fn store_first(self, value: F32, to: *mut f32, _: usize) {
        unsafe { *to = value.0 }
    }

    #[inline(always)]
    fn keep_first(self, value: F32, count: usize, fill: f32) -> F32 {
        if count == 0 { F32(fill) } else { value }
    }

    #[inline(always)]
    fn only(self, value: F32, lane: usize) -> F32 {
        if lane == 0 { value } else { F32(0.0) }
    }

    #[inline(always)]
    fn block(self, value: F32) -> Self::Block {
        [value; BLOCK]
    }
}

impl Lanes for F32 {
    const COUNT: usize = 1;
    const FUSED: bool = FUSED;
    const CALLS: bool = true;
    type Mask = bool;

    #[inline(always)]
    fn by_integers(self, function: impl Fn(u32) -> u32) -> Option<Self> {
        Some(Self(f32::from_bits(function(self.0.to_bits()))))
    }

    #[inline(always)]
    fn splat(self, value: f32) -> Self {
        Self(value)
    }

    #[inline(always)]
    fn first(self) -> f32 {
        self.0
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(mul_add(self.0, factor.0, term.0))
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if self.0 > other.0 { self } else { other }
    }

    #[inline(always)]
    fn max_magnitude(self, other: Self) -> Self {
        // As integers: magnitudes in order, NaN above all.
        Self(f32::from_bits(self.0.to_bits().max(other.abs().0.to_bits())))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Self(self.0.abs())
    }

    #[inline(always)]
    fn truncated(self) -> Self {
        Self(f32::from_bits(self.0.to_bits() & 0xFFFF_F000))
    }

    #[inline(always)]
    fn lt(self, other: Self) -> bool {
        self.0 < other.0
    }

    #[inline(always)]
    fn le(self, other: Self) -> bool {
        self.0 <= other.0
    }

    #[inline(always)]
    fn eq(self, other: Self) -> bool {
        self.0 == other.0
    }

    #[inline(always)]
    fn bits(mask: bool) -> u64 {
        u64::from(mask)
    }

    #[inline(always)]
    fn select(mask: bool, yes: Self, no: Self) -> Self {
        if mask { yes } else { no }
    }

    #[inline(always)]
    fn lookup<const L: usize, const T: usize>(self, tables: [&[f32; L]; T]) -> [Self; T] {
        // Written out: optimised for size, `map` is a loop with its results in memory.
        let (index, mut values) = (self.0.to_bits() as usize % L, [self; T]);
        unroll!(i in 0..T, values[i] = Self(tables[i][index]));
        values
    }

    #[inline(always)]
    fn scale_exp2(self, power: Self) -> Self {
        // Two factors, each a normal power of two: the first product is exact.
        let n = (power.0.to_bits().wrapping_sub(EIGHTHS.to_bits()) as i32 >> 3) + 254;
        let half = n >> 1;
        Self(self.0 * exp2_biased(half) * exp2_biased(n - half))
    }

    #[inline(always)]
    fn scale_exp2_normal(self, power: Self) -> Self {
        let n = (power.0.to_bits() << 20) & 0xFF80_0000;
        Self(f32::from_bits(self.0.to_bits().wrapping_add(n)))
    }

    #[inline(always)]
    fn add_power<const L: usize>(self, power: Self) -> Self {
        let power = power.0.to_bits().wrapping_mul((1 << 23) / L as u32);
        Self(f32::from_bits(self.0.to_bits().wrapping_add(power)))
    }

    #[inline(always)]
    fn split_exp2(self) -> (Self, Self) {
        let bits = self.0.to_bits();
        let e = bits.wrapping_sub(least_mantissa(FUSED).to_bits()) as i32 >> 23;
        let m = f32::from_bits(bits.wrapping_sub((e << 23) as u32));
        (Self(m), Self(e as f32))
    }

    #[inline(always)]
    fn all_between<const N: usize>(vectors: [Self; N], least: f32, most: f32) -> bool {
        let (least, mut beyond) = (least.to_bits(), 0);
        unroll!(i in 0..N, beyond = vectors[i].0.to_bits().wrapping_sub(least).max(beyond));
        beyond <= most.to_bits().wrapping_sub(least)
    }

    #[inline(always)]
    fn max_distance(self, x: Self, least: f32) -> Self {
        let distance = x.0.to_bits().wrapping_sub(least.to_bits());
        Self(f32::from_bits(self.0.to_bits().max(distance)))
    }

    #[inline(always)]
    fn all_up_to(self, most: f32, least: f32) -> bool {
        self.0.to_bits() <= most.to_bits().wrapping_sub(least.to_bits())
    }

    #[inline(always)]
    fn lookup_eighth<const T: usize>(self, tables: [&[f32; 8]; T]) -> [Self; T] {
        Self(f32::from_bits(self.0.to_bits() >> 20)).lookup(tables)
    }
}

/// `2^(n - 127)` for 1 ≤ n ≤ 254.
#[inline(always)]
fn exp2_biased(n: i32) -> f32 {
    f32::from_bits((n as u32) << 23)
}

impl Mask for bool {
    #[inline(always)]
    fn all(self) -> bool {
        self
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }
}

/// Whether the target has a fused multiply-add that stable Rust can name.
pub(crate) const FUSED: bool = cfg!(any(
    all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "fma"),
    all(target_arch = "aarch64", target_feature = "neon"),
));

#[cfg(all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "fma"))]
#[inline(always)]
fn mul_add(x: f32, factor: f32, term: f32) -> f32 {
    #[cfg(target_arch = "x86")]
    use core::arch::x86::{_mm_cvtss_f32, _mm_fmadd_ss, _mm_set_ss};
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::{_mm_cvtss_f32, _mm_fmadd_ss, _mm_set_ss};
    // SAFETY: the build has FMA.
    unsafe { _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(x), _mm_set_ss(factor), _mm_set_ss(term))) }
}

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
#[inline(always)]
fn mul_add(x: f32, factor: f32, term: f32) -> f32 {
    use core::arch::aarch64::{vdup_n_f32, vfma_f32, vget_lane_f32};
    // SAFETY: the build has NEON.
    unsafe { vget_lane_f32::<0>(vfma_f32(vdup_n_f32(term), vdup_n_f32(x), vdup_n_f32(factor))) }
}

#[cfg(not(any(
    all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "fma"),
    all(target_arch = "aarch64", target_feature = "neon"),
)))]
#[inline(always)]
fn mul_add(x: f32, factor: f32, term: f32) -> f32 {
    x * factor + term
}

vector! {
    F32 of Scalar,
    Neg::neg = |a| F32(-a.0),
    Add::add = |a, b| F32(a.0 + b.0),
    Sub::sub = |a, b| F32(a.0 - b.0),
    Mul::mul = |a, b| F32(a.0 * b.0),
    Div::div = |a, b| F32(a.0 / b.0),
}
