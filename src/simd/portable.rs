//! `wide::f32x8`: whatever vectors the build enables (SSE2, NEON, wasm
//! simd128), or plain arrays.
//!
//! `wide` supplies lanes only. Its own `exp`, `ln` and `round` are slower, less
//! accurate, or differ by target.
//!
//! `unsafe` is only in what touches memory: pointers are those of [`Simd`], whose callers vouch
//! for them.
#![allow(unsafe_code)]

use super::{EIGHTHS, Lanes, Mask, Simd, least_mantissa};
use wide::{f32x8, i16x8, i32x8, u32x8};

/// The token of the portable backend.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

/// Eight lanes.
#[derive(Clone, Copy)]
pub(crate) struct F32(pub(crate) f32x8);

/// What takes parts of vectors is a function of its own: it is for the ends of rows, and in every
/// pass.
impl Simd for Portable {
    type F32 = F32;
    type Block = [F32; 2];
    // Where another backend is the usual one, less code rather than two vectors side by side.
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    type Wide = F32;
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    type Wide = super::interleaved::Interleaved<F32, 2>;
    type MapWide = F32;

    inlined! {
        fn splat(self, value: f32) -> F32 = F32(f32x8::splat(value));
        fn block(self, value: F32) -> Self::Block = [value; 2];
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F32 {
        F32(f32x8::new(unsafe { from.cast::<[f32; 8]>().read() }))
    }

    #[inline(never)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> F32 {
        let mut lanes = [0.0; 8];
        for (j, lane) in lanes.iter_mut().enumerate().take(count) {
            *lane = unsafe { *from.add(j) };
        }
        F32(f32x8::new(lanes))
    }

    #[inline(always)]
    unsafe fn store(self, value: F32, to: *mut f32) {
        unsafe { to.cast::<[f32; 8]>().write(value.0.to_array()) }
    }

    #[inline(never)]
    unsafe fn store_first(self, value: F32, to: *mut f32, count: usize) {
        for (j, lane) in value.0.as_array().iter().enumerate().take(count) {
            unsafe { *to.add(j) = *lane };
        }
    }

    #[inline(never)]
    fn keep_first(self, value: F32, count: usize, fill: f32) -> F32 {
        let mut lanes = value.0.to_array();
        for lane in lanes.iter_mut().skip(count) {
            *lane = fill;
        }
        F32(f32x8::new(lanes))
    }

    #[inline(never)]
    fn only(self, value: F32, lane: usize) -> F32 {
        let mut lanes = [0.0; 8];
        if let (Some(only), Some(value)) = (lanes.get_mut(lane), value.0.as_array().get(lane)) {
            *only = *value;
        }
        F32(f32x8::new(lanes))
    }
}

/// Whether `wide`'s minimum and maximum keep a NaN that is their second operand: with
/// x86's and Arm's instructions, but not everywhere.
const ORDERED: bool =
    cfg!(any(target_feature = "sse", all(target_arch = "aarch64", target_feature = "neon"),));

/// Whether `wide` fuses here: its own condition, that of its `f32x4` included.
pub(crate) const FUSED: bool = cfg!(any(
    all(any(target_arch = "x86", target_arch = "x86_64"), target_feature = "fma"),
    all(target_arch = "aarch64", target_feature = "neon"),
));

impl Lanes for F32 {
    const COUNT: usize = 8;
    const FUSED: bool = FUSED;
    const CALLS: bool = true;
    type Mask = Mask8;

    inlined! {
        fn splat(self, value: f32) -> Self = Self(f32x8::splat(value));
        fn first(self) -> f32 = self.0.as_array()[0];
        fn mul_add(self, factor: Self, term: Self) -> Self = Self(self.0.mul_add(factor.0, term.0));
        fn abs(self) -> Self = Self(f32x8::from_bits(self.0.to_bits() & u32x8::splat(0x7FFF_FFFF)));
        fn truncated(self) -> Self
            = Self(f32x8::from_bits(self.0.to_bits() & u32x8::splat(0xFFFF_F000)));
        fn lt(self, other: Self) -> Mask8 = Mask8(self.0.simd_lt(other.0));
        fn le(self, other: Self) -> Mask8 = Mask8(self.0.simd_le(other.0));
        fn eq(self, other: Self) -> Mask8 = Mask8(self.0.simd_eq(other.0));
        fn bits(mask: Mask8) -> u64 = u64::from(mask.0.to_bitmask());
        fn select(mask: Mask8, yes: Self, no: Self) -> Self
            = Self(no.0 ^ (mask.0 & (yes.0 ^ no.0)));
    }

    #[inline(always)]
    fn lookup_eighth<const T: usize>(self, tables: [&[f32; 8]; T]) -> [Self; T] {
        Self(f32x8::from_bits(self.0.to_bits() >> 20u32)).lookup(tables)
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        if ORDERED {
            Self(self.0.fast_min(other.0))
        } else {
            Self::select(self.lt(other), self, other)
        }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        if ORDERED {
            Self(self.0.fast_max(other.0))
        } else {
            Self::select(other.lt(self), self, other)
        }
    }

    #[inline(always)]
    fn max_magnitude(self, other: Self) -> Self {
        // As integers: magnitudes in order, NaN above all.
        Self(f32x8::from_bits(self.0.to_bits().max(other.abs().0.to_bits())))
    }

    #[inline(always)]
    fn lookup<const L: usize, const T: usize>(self, tables: [&[f32; L]; T]) -> [Self; T] {
        let mut values = [self; T];
        for (value, table) in values.iter_mut().zip(tables) {
            *value = Self(lookup(self.0.to_bits(), table));
        }
        values
    }

    #[inline(always)]
    fn scale_exp2(self, power: Self) -> Self {
        // Two factors, each a normal power of two: the first product is exact.
        let eighths = power.0.to_bits() - u32x8::splat(EIGHTHS.to_bits() - 8 * 254);
        let n = eighths >> 3u32;
        let half = n >> 1u32;
        let factor = |n: u32x8| f32x8::from_bits(n << 23u32);
        Self(self.0 * factor(half) * factor(n - half))
    }

    #[inline(always)]
    fn scale_exp2_normal(self, power: Self) -> Self {
        let n = (power.0.to_bits() << 20u32) & u32x8::splat(0xFF80_0000);
        Self(f32x8::from_bits(self.0.to_bits() + n))
    }

    #[inline(always)]
    fn add_power<const L: usize>(self, power: Self) -> Self {
        let power = power.0.to_bits() << (23 - L.trailing_zeros());
        Self(f32x8::from_bits(self.0.to_bits() + power))
    }

    #[inline(always)]
    fn all_between<const N: usize>(vectors: [Self; N], least: f32, most: f32) -> bool {
        // As integers, offset so that the least is the least of all: SSE2 compares them
        // with a sign only.
        let offset = 0x8000_0000u32.wrapping_sub(least.to_bits());
        let most = most.to_bits().wrapping_add(offset);
        let mut beyond = i32x8::splat(0);
        for x in vectors {
            let above = signed(x.0.to_bits() + u32x8::splat(offset));
            beyond |= above.simd_gt(i32x8::splat(most as i32));
        }
        beyond.none()
    }

    #[inline(always)]
    fn max_distance(self, x: Self, least: f32) -> Self {
        let distance = x.0.to_bits() - u32x8::splat(least.to_bits());
        Self(f32x8::from_bits(self.0.to_bits().max(distance)))
    }

    #[inline(always)]
    fn all_up_to(self, most: f32, least: f32) -> bool {
        let most = u32x8::splat(most.to_bits().wrapping_sub(least.to_bits()));
        self.0.to_bits().max(most) == most
    }

    #[inline(always)]
    fn split_exp2(self) -> (Self, Self) {
        let bits = self.0.to_bits();
        let above = bits - u32x8::splat(least_mantissa(FUSED).to_bits());
        // The exponent stays where it is: multiplication is cheaper than a shift.
        let e = above & u32x8::splat(0xFF80_0000);
        let m = f32x8::from_bits(bits - e);
        (Self(m), Self(f32x8::from_i32x8(signed(e)) * f32x8::splat(1.0 / 8_388_608.0)))
    }
}

/// `table[i mod L]` for each index. A call where another backend is the usual one: inlined, it
/// was a third of all code of this backend.
#[cfg_attr(any(target_arch = "x86", target_arch = "x86_64"), inline(never))]
#[cfg_attr(not(any(target_arch = "x86", target_arch = "x86_64")), inline(always))]
fn lookup<const L: usize>(indices: u32x8, table: &[f32; L]) -> f32x8 {
    // Moving lanes to indices one by one would cost more than the lookups.
    let indices = signed(indices & u32x8::splat(L as u32 - 1));
    let indices = i16x8::from_i32x8_saturate(indices).to_array().map(i16::cast_unsigned);
    let [a, b, c, d, e, f, g, h] = indices.map(u64::from);
    let halves = [a | b << 16 | c << 32 | d << 48, e | f << 16 | g << 32 | h << 48];
    let mut lanes = [0.0; 8];
    for (j, lane) in lanes.iter_mut().enumerate() {
        *lane = table[(halves[j / 4] >> (16 * (j % 4))) as usize % L];
    }
    f32x8::new(lanes)
}

/// The same bits as signed integers; no instruction.
#[inline(always)]
fn signed(x: u32x8) -> i32x8 {
    i32x8::new(x.to_array().map(u32::cast_signed))
}

/// All bits of a lane, or none.
#[derive(Clone, Copy)]
pub(crate) struct Mask8(f32x8);

impl Mask for Mask8 {
    inlined! {
        fn all(self) -> bool = self.0.all();
        fn and(self, other: Self) -> Self = Self(self.0 & other.0);
    }
}

vector! {
    F32 of Portable,
    Neg::neg = |a| F32(-a.0),
    Add::add = |a, b| F32(a.0 + b.0),
    Sub::sub = |a, b| F32(a.0 - b.0),
    Mul::mul = |a, b| F32(a.0 * b.0),
    Div::div = |a, b| F32(a.0 / b.0),
}
