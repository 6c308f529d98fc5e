//! AVX2 with FMA: eight lanes.
//!
//! Why the `unsafe` here is sound: an [`Avx2`] is made only by the entries of passes, which are
//! compiled for AVX2 and FMA and called only through a [`Backend`](crate::Backend) of this kind,
//! which exists only where the CPU was seen to have both. Vectors come from that token or from
//! one another, so every intrinsic below runs on a CPU that has it. Pointers are those of
//! [`Simd`], whose callers vouch for them.
#![allow(unsafe_code)]
#![allow(clippy::wildcard_imports)] // half a hundred intrinsics

use super::interleaved::Interleaved;
use super::{EIGHTHS, Lanes, Logarithms, Mask, Reduced, Simd};
#[cfg(target_arch = "x86")]
use core::arch::x86::*;
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

cpufeatures::new!(cpu, "avx2", "fma");

/// Asks the CPU, once; a constant where the build enables both.
#[inline(always)]
pub(crate) fn is_available() -> bool {
    cpu::get()
}

/// The token of AVX2 with FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU has AVX2 and FMA.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        Self(())
    }
}

/// Eight lanes.
#[derive(Clone, Copy)]
pub(crate) struct F32(__m256);

/// The first n words of `&TAIL[8 - n..]` select n lanes.
static TAIL: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// Selects the first `count` lanes.
#[inline(always)]
fn tail(count: usize) -> __m256i {
    // SAFETY: from 8 − count on there are 8 words or more.
    unsafe { _mm256_loadu_si256(TAIL.as_ptr().add(8 - count.min(8)).cast()) }
}

/// The word 7 − n + 8 of `ONE` selects lane n of `&ONE[7 - n..]`.
static ONE: [i32; 16] = [0, 0, 0, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Simd for Avx2 {
    type F32 = F32;
    type Block = [F32; 2];
    type Wide = Interleaved<F32, 4>;
    type MapWide = Interleaved<F32, 3>;
    const IS_NATIVE: bool = true;

    inlined! {
        fn splat(self, value: f32) -> F32 = F32(unsafe { _mm256_set1_ps(value) });
        fn prefetch(self, from: *const f32) = unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) };
        fn block(self, value: F32) -> Self::Block = [value; 2];
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F32 {
        F32(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_first(self, from: *const f32, count: usize) -> F32 {
        F32(unsafe { _mm256_maskload_ps(from, tail(count)) })
    }

    #[inline(always)]
    unsafe fn store(self, value: F32, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, value.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, value: F32, mut to: *mut f32, count: usize) {
        // By halves: a masked store takes a dozen cycles on Zen.
        unsafe {
            let mut rest = _mm256_castps256_ps128(value.0);
            if count & 4 != 0 {
                _mm_storeu_ps(to, rest);
                to = to.add(4);
                rest = _mm256_extractf128_ps::<1>(value.0);
            }
            if count & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
                to = to.add(2);
                rest = _mm_movehl_ps(rest, rest);
            }
            if count & 1 != 0 {
                _mm_store_ss(to, rest);
            }
        }
    }

    #[inline(always)]
    fn keep_first(self, value: F32, count: usize, fill: f32) -> F32 {
        let mask = tail(count);
        F32(unsafe {
            if fill == 0.0 {
                _mm256_and_ps(value.0, _mm256_castsi256_ps(mask))
            } else {
                _mm256_blendv_ps(_mm256_set1_ps(fill), value.0, _mm256_castsi256_ps(mask))
            }
        })
    }

    #[inline(always)]
    fn only(self, value: F32, lane: usize) -> F32 {
        // SAFETY: from 7 − lane on there are 8 words or more; of a lane that is not there, the
        // last 8 words, all 0.
        unsafe {
            let from = if lane < 8 { 7 - lane } else { 8 };
            let mask = _mm256_loadu_si256(ONE.as_ptr().add(from).cast());
            F32(_mm256_and_ps(value.0, _mm256_castsi256_ps(mask)))
        }
    }

    #[inline(always)]
    fn exchange<const HALF: usize>(
        self,
        a: Self::Block,
        b: Self::Block,
    ) -> (Self::Block, Self::Block) {
        if HALF == 8 {
            return ([a[0], b[0]], [a[1], b[1]]);
        }
        let (mut first, mut second) = (a, b);
        for j in 0..2 {
            let (F32(a), F32(b)) = (a[j], b[j]);
            (first[j].0, second[j].0) = unsafe {
                match HALF {
                    4 => {
                        (_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b))
                    }
                    2 => {
                        let (a, b) = (_mm256_castps_pd(a), _mm256_castps_pd(b));
                        (
                            _mm256_castpd_ps(_mm256_unpacklo_pd(a, b)),
                            _mm256_castpd_ps(_mm256_unpackhi_pd(a, b)),
                        )
                    }
                    _ => (
                        _mm256_blend_ps::<0xAA>(a, _mm256_moveldup_ps(b)),
                        _mm256_blend_ps::<0x55>(b, _mm256_movehdup_ps(a)),
                    ),
                }
            };
        }
        (first, second)
    }

    #[inline(always)]
    fn largest(self, [a, b]: Self::Block) -> f32 {
        unsafe {
            let all = a.max(b).0;
            let half = _mm_max_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps::<1>(all));
            let half = _mm_max_ps(half, _mm_movehl_ps(half, half));
            _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)))
        }
    }
}

impl Lanes for F32 {
    const COUNT: usize = 8;
    const FUSED: bool = true;
    type Mask = Mask8;

    inlined! {
        fn splat(self, value: f32) -> Self = Self(unsafe { _mm256_set1_ps(value) });
        fn first(self) -> f32 = unsafe { _mm256_cvtss_f32(self.0) };
        fn mul_add(self, factor: Self, term: Self) -> Self
            = Self(unsafe { _mm256_fmadd_ps(self.0, factor.0, term.0) });
        fn min(self, other: Self) -> Self = Self(unsafe { _mm256_min_ps(self.0, other.0) });
        fn max(self, other: Self) -> Self = Self(unsafe { _mm256_max_ps(self.0, other.0) });
        fn max_magnitude(self, other: Self) -> Self = self.max_positive(other.abs());
        fn abs(self) -> Self = Self(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) });
        fn lt(self, other: Self) -> Mask8
            = Mask8(unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, other.0) });
        fn le(self, other: Self) -> Mask8
            = Mask8(unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, other.0) });
        fn eq(self, other: Self) -> Mask8
            = Mask8(unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(self.0, other.0) });
        fn bits(mask: Mask8) -> u64 = unsafe { _mm256_movemask_ps(mask.0) as u64 };
        fn select(mask: Mask8, yes: Self, no: Self) -> Self
            = Self(unsafe { _mm256_blendv_ps(no.0, yes.0, mask.0) });
    }

    #[inline(always)]
    fn truncated(self) -> Self {
        Self(unsafe { _mm256_and_ps(_mm256_castsi256_ps(_mm256_set1_epi32(-1 << 12)), self.0) })
    }

    #[inline(always)]
    fn max_positive(self, other: Self) -> Self {
        // As integers, for which there are more ports.
        unsafe {
            let (a, b) = (_mm256_castps_si256(self.0), _mm256_castps_si256(other.0));
            Self(_mm256_castsi256_ps(_mm256_max_epi32(a, b)))
        }
    }

    #[inline(always)]
    fn min_positive(self, other: Self) -> Self {
        unsafe {
            let (a, b) = (_mm256_castps_si256(self.0), _mm256_castps_si256(other.0));
            Self(_mm256_castsi256_ps(_mm256_min_epi32(a, b)))
        }
    }

    #[inline(always)]
    fn all_within<const N: usize>(vectors: [Self; N], bound: f32) -> bool {
        // As integers: magnitudes in order, NaN above all.
        unsafe {
            let mut largest = _mm256_castps_si256(vectors[0].abs().0);
            for x in &vectors[1..] {
                largest = _mm256_max_epi32(largest, _mm256_castps_si256(x.abs().0));
            }
            let bound = _mm256_set1_epi32(bound.to_bits() as i32);
            _mm256_movemask_epi8(_mm256_cmpgt_epi32(largest, bound)) == 0
        }
    }

    #[inline(always)]
    fn lookup<const L: usize, const T: usize>(self, tables: [&[f32; L]; T]) -> [Self; T] {
        // The permute looks at the lowest three bits of each index only, the blend at
        // the sign: there the fourth goes.
        let index = unsafe { _mm256_castps_si256(self.0) };
        let mut values = [self; T];
        unroll!(t in 0..T, {
            let mut eights = tables[t].as_chunks::<8>().0.iter();
            values[t] = Self(unsafe {
                let first = _mm256_loadu_ps(eights.next().unwrap_or(&[0.0; 8]).as_ptr());
                let first = _mm256_permutevar8x32_ps(first, index);
                match eights.next() {
                    None => first,
                    Some(second) => {
                        let second = _mm256_loadu_ps(second.as_ptr());
                        let second = _mm256_permutevar8x32_ps(second, index);
                        let upper = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(index));
                        _mm256_blendv_ps(first, second, upper)
                    }
                }
            });
        });
        values
    }

    #[inline(always)]
    fn scale_exp2(self, power: Self) -> Self {
        // Two factors, each a normal power of two: the first product is exact.
        unsafe {
            let offset = _mm256_set1_epi32((EIGHTHS.to_bits() - 8 * 254) as i32);
            let eighths = _mm256_sub_epi32(_mm256_castps_si256(power.0), offset);
            let n = _mm256_srli_epi32::<3>(eighths);
            let half = _mm256_srli_epi32::<4>(eighths);
            let rest = _mm256_sub_epi32(n, half);
            let first = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(half));
            let second = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(rest));
            Self(_mm256_mul_ps(_mm256_mul_ps(self.0, first), second))
        }
    }

    #[inline(always)]
    fn scale_exp2_normal(self, power: Self) -> Self {
        unsafe {
            let n = _mm256_slli_epi32::<20>(_mm256_castps_si256(power.0));
            let whole = _mm256_and_si256(n, _mm256_set1_epi32(-0x0080_0000));
            let bits = _mm256_add_epi32(_mm256_castps_si256(self.0), whole);
            Self(_mm256_castsi256_ps(bits))
        }
    }

    #[inline(always)]
    fn add_power<const L: usize>(self, power: Self) -> Self {
        unsafe {
            let power = _mm256_castps_si256(power.0);
            let power = match L {
                8 => _mm256_slli_epi32::<20>(power),
                _ => _mm256_slli_epi32::<19>(power),
            };
            Self(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), power)))
        }
    }

    #[inline(always)]
    fn max_distance(self, x: Self, least: f32) -> Self {
        unsafe {
            let least = _mm256_set1_epi32(least.to_bits() as i32);
            let distance = _mm256_sub_epi32(_mm256_castps_si256(x.0), least);
            Self(_mm256_castsi256_ps(_mm256_max_epu32(_mm256_castps_si256(self.0), distance)))
        }
    }

    #[inline(always)]
    fn all_up_to(self, most: f32, least: f32) -> bool {
        unsafe {
            let most = _mm256_set1_epi32(most.to_bits().wrapping_sub(least.to_bits()) as i32);
            let largest = _mm256_max_epu32(_mm256_castps_si256(self.0), most);
            _mm256_movemask_epi8(_mm256_cmpeq_epi32(largest, most)) == -1
        }
    }

    #[inline(always)]
    fn split_exp2(self) -> (Self, Self) {
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            let one = _mm256_set1_epi32(1f32.to_bits() as i32);
            let e = _mm256_srai_epi32::<23>(_mm256_sub_epi32(bits, one));
            let mantissa = _mm256_and_si256(bits, _mm256_set1_epi32(0x007F_FFFF));
            let m = _mm256_or_si256(mantissa, one);
            (Self(_mm256_castsi256_ps(m)), Self(_mm256_cvtepi32_ps(e)))
        }
    }

    #[inline(always)]
    fn lookup_eighth<const T: usize>(self, tables: [&[f32; 8]; T]) -> [Self; T] {
        let eighth = unsafe { _mm256_srli_epi32::<20>(_mm256_castps_si256(self.0)) };
        Self(unsafe { _mm256_castsi256_ps(eighth) }).lookup(tables)
    }

    #[inline(always)]
    fn reduce(self, tables: &Logarithms) -> Reduced<Self> {
        // Both parts of x stay where they are: the table takes the exponent, as bits,
        // and its bias; e comes as 2^23 (e + 127). All of that is exact.
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            let eighth = Self(_mm256_castsi256_ps(_mm256_srli_epi32::<20>(bits)));
            let exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7F80_0000));
            let e = Self(_mm256_cvtepi32_ps(exponent));

            let one = _mm256_set1_epi32(1f32.to_bits() as i32);
            let [ln_2, ln_2_low] = tables.ln_2;
            let biased = |table: &[f32; 8], ln_2: f32| {
                let table = _mm256_loadu_ps(table.as_ptr());
                Self(_mm256_fmadd_ps(_mm256_set1_ps(-127.0), _mm256_set1_ps(ln_2), table))
                    .to_array()
            };
            let reciprocal = _mm256_loadu_si256(tables.reciprocal.as_ptr().cast());
            let reciprocal =
                Self(_mm256_castsi256_ps(_mm256_add_epi32(reciprocal, one))).to_array();
            let [reciprocal, ln, ln_low] = eighth.lookup([
                &reciprocal,
                &biased(&tables.ln, ln_2),
                &biased(&tables.ln_low, ln_2_low),
            ]);
            let reciprocal = _mm256_sub_epi32(_mm256_castps_si256(reciprocal.0), exponent);
            let reciprocal = Self(_mm256_castsi256_ps(reciprocal));
            let unit = 1.0 / 8_388_608.0;
            Reduced {
                r: self.mul_add(reciprocal, self.splat(-1.0)),
                high: e.mul_add(self.splat(ln_2 * unit), ln),
                low: e.mul_add(self.splat(ln_2_low * unit), ln_low),
            }
        }
    }
}

impl F32 {
    #[inline(always)]
    fn to_array(self) -> [f32; 8] {
        let mut array = [0.0; 8];
        unsafe { _mm256_storeu_ps(array.as_mut_ptr(), self.0) };
        array
    }
}

/// All bits of a lane, or none.
#[derive(Clone, Copy)]
pub(crate) struct Mask8(__m256);

impl Mask for Mask8 {
    inlined! {
        fn all(self) -> bool = unsafe { _mm256_movemask_ps(self.0) == 0xFF };
        fn and(self, other: Self) -> Self = Self(unsafe { _mm256_and_ps(self.0, other.0) });
    }
}

vector! {
    F32 of Avx2,
    Neg::neg = |a| F32(unsafe { _mm256_xor_ps(a.0, _mm256_set1_ps(-0.0)) }),
    Add::add = |a, b| F32(unsafe { _mm256_add_ps(a.0, b.0) }),
    Sub::sub = |a, b| F32(unsafe { _mm256_sub_ps(a.0, b.0) }),
    Mul::mul = |a, b| F32(unsafe { _mm256_mul_ps(a.0, b.0) }),
    Div::div = |a, b| F32(unsafe { _mm256_div_ps(a.0, b.0) }),
}
