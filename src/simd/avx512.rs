//! AVX-512 (F, DQ, BW, VL): sixteen lanes.
//!
//! Why the `unsafe` here is sound: an [`Avx512`] is made only by the entries of passes, which
//! are compiled for these features and called only through a [`Backend`](crate::Backend) of this
//! kind, which exists only where the CPU was seen to have them. Vectors come from that token or
//! from one another, so every intrinsic below runs on a CPU that has it. Pointers are those of
//! [`Simd`], whose callers vouch for them.
#![allow(unsafe_code)]
#![allow(clippy::wildcard_imports)] // half a hundred intrinsics

use super::interleaved::Interleaved;
use super::{EIGHTHS, Lanes, Mask, Simd};
#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

cpufeatures::new!(cpu, "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx2", "fma");

/// Asks the CPU, once; a constant where the build enables the features.
#[inline(always)]
pub(crate) fn is_available() -> bool {
    cpu::get()
}

/// The token of AVX-512.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has the features above.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Sixteen lanes.
#[derive(Clone, Copy)]
pub(crate) struct F32(__m512);

/// Selects the first `count` lanes.
#[inline(always)]
fn tail(count: usize) -> __mmask16 {
    ((1u32 << count.min(16)) - 1) as __mmask16
}

impl Simd for Avx512 {
    type F32 = F32;
    type Block = [F32; 1];
    type Wide = Interleaved<F32, 4>;
    type MapWide = Interleaved<F32, 4>;
    const IS_NATIVE: bool = true;

    inlined! {
        fn splat(self, value: f32) -> F32 = F32(unsafe { _mm512_set1_ps(value) });
        fn prefetch(self, from: *const f32) = unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) };
        fn keep_first(self, value: F32, count: usize, fill: f32) -> F32
            = F32(unsafe { _mm512_mask_mov_ps(_mm512_set1_ps(fill), tail(count), value.0) });
        fn block(self, value: F32) -> Self::Block = [value];
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F32 {
        F32(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> F32 {
        // Eight lanes at most in 32 bytes, as in `store_first`: a load waits for an earlier
        // masked store whose 64 bytes touch its own, written or not, such as to a short `out`
        // next to a short `x`. That made a call take twice as long.
        let mask = tail(count);
        F32(unsafe {
            if count <= 8 {
                _mm512_zextps256_ps512(_mm256_maskz_loadu_ps(mask as __mmask8, from))
            } else {
                _mm512_maskz_loadu_ps(mask, from)
            }
        })
    }

    #[inline(always)]
    unsafe fn store(self, value: F32, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, value.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, value: F32, to: *mut f32, count: usize) {
        let mask = tail(count);
        unsafe {
            if count <= 8 {
                let half = _mm512_castps512_ps256(value.0);
                _mm256_mask_storeu_ps(to, mask as __mmask8, half);
            } else {
                _mm512_mask_storeu_ps(to, mask, value.0);
            }
        }
    }

    #[inline(always)]
    fn only(self, value: F32, lane: usize) -> F32 {
        let mask = if lane < 16 { 1 << lane } else { 0 };
        F32(unsafe { _mm512_maskz_mov_ps(mask, value.0) })
    }

    #[inline(always)]
    fn exchange<const HALF: usize>(
        self,
        [F32(a)]: Self::Block,
        [F32(b)]: Self::Block,
    ) -> (Self::Block, Self::Block) {
        let (first, second) = unsafe {
            match HALF {
                8 => (_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xEE>(a, b)),
                4 => (
                    _mm512_mask_shuffle_f32x4::<0b10_10_00_00>(a, 0xF0F0, b, b),
                    _mm512_mask_shuffle_f32x4::<0b11_11_01_01>(b, 0x0F0F, a, a),
                ),
                2 => {
                    let (a, b) = (_mm512_castps_pd(a), _mm512_castps_pd(b));
                    (
                        _mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                        _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)),
                    )
                }
                _ => (_mm512_mask_moveldup_ps(a, 0xAAAA, b), _mm512_mask_movehdup_ps(b, 0x5555, a)),
            }
        };
        ([F32(first)], [F32(second)])
    }

    #[inline(always)]
    fn largest(self, [F32(block)]: Self::Block) -> f32 {
        unsafe { _mm512_reduce_max_ps(block) }
    }
}

impl Lanes for F32 {
    const COUNT: usize = 16;
    const FUSED: bool = true;
    type Mask = __mmask16;

    inlined! {
        fn splat(self, value: f32) -> Self = Self(unsafe { _mm512_set1_ps(value) });
        fn first(self) -> f32 = unsafe { _mm512_cvtss_f32(self.0) };
        fn mul_add(self, factor: Self, term: Self) -> Self
            = Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) });
        fn min(self, other: Self) -> Self = Self(unsafe { _mm512_min_ps(self.0, other.0) });
        fn max(self, other: Self) -> Self = Self(unsafe { _mm512_max_ps(self.0, other.0) });
        fn max_magnitude(self, other: Self) -> Self = self.max_positive(other.abs());
        fn abs(self) -> Self = Self(unsafe { _mm512_abs_ps(self.0) });
        fn lt(self, other: Self) -> __mmask16
            = unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, other.0) };
        fn le(self, other: Self) -> __mmask16
            = unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(self.0, other.0) };
        fn eq(self, other: Self) -> __mmask16
            = unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(self.0, other.0) };
        fn bits(mask: __mmask16) -> u64 = u64::from(mask);
        fn select(mask: __mmask16, yes: Self, no: Self) -> Self
            = Self(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) });
        fn scale_exp2_normal(self, power: Self) -> Self = self.scale_exp2(power);
    }

    #[inline(always)]
    fn truncated(self) -> Self {
        Self(unsafe { _mm512_and_ps(_mm512_castsi512_ps(_mm512_set1_epi32(-1 << 12)), self.0) })
    }

    #[inline(always)]
    fn max_positive(self, other: Self) -> Self {
        // As integers, for which there are more ports.
        unsafe {
            let (a, b) = (_mm512_castps_si512(self.0), _mm512_castps_si512(other.0));
            Self(_mm512_castsi512_ps(_mm512_max_epi32(a, b)))
        }
    }

    #[inline(always)]
    fn min_positive(self, other: Self) -> Self {
        unsafe {
            let (a, b) = (_mm512_castps_si512(self.0), _mm512_castps_si512(other.0));
            Self(_mm512_castsi512_ps(_mm512_min_epi32(a, b)))
        }
    }

    #[inline(always)]
    fn all_within<const N: usize>(vectors: [Self; N], bound: f32) -> bool {
        // As integers: magnitudes in order, NaN above all.
        unsafe {
            let mut largest = _mm512_castps_si512(vectors[0].abs().0);
            for x in &vectors[1..] {
                largest = _mm512_max_epi32(largest, _mm512_castps_si512(x.abs().0));
            }
            let bound = _mm512_set1_epi32(bound.to_bits() as i32);
            _mm512_cmpgt_epi32_mask(largest, bound) == 0
        }
    }

    #[inline(always)]
    fn max_distance(self, x: Self, least: f32) -> Self {
        unsafe {
            let least = _mm512_set1_epi32(least.to_bits() as i32);
            let distance = _mm512_sub_epi32(_mm512_castps_si512(x.0), least);
            Self(_mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(self.0), distance)))
        }
    }

    #[inline(always)]
    fn all_up_to(self, most: f32, least: f32) -> bool {
        unsafe {
            let most = _mm512_set1_epi32(most.to_bits().wrapping_sub(least.to_bits()) as i32);
            _mm512_cmpgt_epu32_mask(_mm512_castps_si512(self.0), most) == 0
        }
    }

    #[inline(always)]
    fn lookup<const L: usize, const T: usize>(self, tables: [&[f32; L]; T]) -> [Self; T] {
        let index = unsafe { _mm512_castps_si512(self.0) };
        let mut values = [self; T];
        unroll!(t in 0..T, {
            // The permute looks at the lowest four bits of each index: of eight entries
            // it gets two copies.
            let table = if let Some(table) = tables[t].first_chunk::<16>() {
                unsafe { _mm512_loadu_ps(table.as_ptr()) }
            } else {
                let table = tables[t].first_chunk::<8>().unwrap_or(&[0.0; 8]);
                unsafe { _mm512_broadcast_f32x8(_mm256_loadu_ps(table.as_ptr())) }
            };
            values[t] = Self(unsafe { _mm512_permutexvar_ps(index, table) });
        });
        values
    }

    #[inline(always)]
    fn scale_exp2(self, power: Self) -> Self {
        // The instruction takes the floor itself, and rounds once.
        Self(unsafe { _mm512_scalef_ps(self.0, (power - EIGHTHS).0) })
    }

    #[inline(always)]
    fn add_power<const L: usize>(self, power: Self) -> Self {
        unsafe {
            let power = _mm512_castps_si512(power.0);
            let power = match L {
                8 => _mm512_slli_epi32::<20>(power),
                _ => _mm512_slli_epi32::<19>(power),
            };
            Self(_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self.0), power)))
        }
    }

    #[inline(always)]
    fn split_exp2(self) -> (Self, Self) {
        unsafe {
            let m = _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_NAN>(self.0);
            (Self(m), Self(_mm512_getexp_ps(self.0)))
        }
    }

    const SPLITS_ALL: bool = true;

    #[inline(always)]
    fn lookup_eighth<const T: usize>(self, tables: [&[f32; 8]; T]) -> [Self; T] {
        let eighth = unsafe { _mm512_srli_epi32::<20>(_mm512_castps_si512(self.0)) };
        Self(unsafe { _mm512_castsi512_ps(eighth) }).lookup(tables)
    }
}

impl Mask for __mmask16 {
    inlined! {
        fn all(self) -> bool = self == 0xFFFF;
        fn and(self, other: Self) -> Self = self & other;
    }
}

vector! {
    F32 of Avx512,
    Neg::neg = |a| F32(unsafe { _mm512_xor_ps(a.0, _mm512_set1_ps(-0.0)) }),
    Add::add = |a, b| F32(unsafe { _mm512_add_ps(a.0, b.0) }),
    Sub::sub = |a, b| F32(unsafe { _mm512_sub_ps(a.0, b.0) }),
    Mul::mul = |a, b| F32(unsafe { _mm512_mul_ps(a.0, b.0) }),
    Div::div = |a, b| F32(unsafe { _mm512_div_ps(a.0, b.0) }),
}
