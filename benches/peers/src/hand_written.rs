//! What an AVX-512 loop written for one purpose takes, and what memory does.
//!
//! The first is what a careful author arrives at: it knows infinities, a NaN among
//! ordinary numbers makes a NaN, and its e^x errs by less than 1 ULP. But x − max rounds,
//! and its sums are plain.

use crate::{Input, Isa, Peer};
use std::arch::x86_64::*;

/// ln Σ e^x with a pass for the maximum and one for Σ e^(x − max), in both four vectors
/// side by side, each with an accumulator of its own. Elements far below the maximum, −∞
/// among them, are raised to where e^x is 0. The CPU must have AVX-512.
pub(crate) fn log_sum_exp() -> Peer {
    Peer::of_rows("hand-written", Isa::Avx512, |input: Input, out| {
        for (row, out) in input.rows().zip(out) {
            // SAFETY: the caller has checked the CPU.
            *out = unsafe { max_then_exp(row) };
        }
    })
}

/// Reading, and writing too if the function does. The CPU must have AVX-512.
pub(crate) fn limits(writes: bool) -> Vec<Peer> {
    // SAFETY: the caller has checked the CPU.
    let sum = Peer::new("plain sum", Isa::Avx512, |x, out| out[0] = unsafe { plain_sum(x) });
    if !writes {
        return vec![sum];
    }
    // SAFETY: as above.
    let streaming =
        Peer::new("copy streaming", Isa::Avx512, |x, out| unsafe { copy_streaming(x, out) });
    vec![sum, Peer::new("copy", Isa::Sse2, |x, out| out.copy_from_slice(x)), streaming]
}

#[target_feature(enable = "avx512f")]
fn load(x: &[f32; 16]) -> __m512 {
    // SAFETY: sixteen floats.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

/// At most sixteen floats and padding.
#[target_feature(enable = "avx512f")]
fn load_part(x: &[f32], padding: f32) -> __m512 {
    let mask = ((1u32 << x.len().min(16)) - 1) as __mmask16;
    // SAFETY: no more floats than there are.
    unsafe { _mm512_mask_loadu_ps(_mm512_set1_ps(padding), mask, x.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
fn max_then_exp(x: &[f32]) -> f32 {
    let (vectors, rest) = x.as_chunks::<16>();
    let (blocks, vectors) = vectors.as_chunks::<4>();

    let mut maxima = [_mm512_set1_ps(f32::NEG_INFINITY); 4];
    for block in blocks {
        for i in 0..4 {
            maxima[i] = _mm512_max_ps(maxima[i], load(&block[i]));
        }
    }
    for vector in vectors {
        maxima[0] = _mm512_max_ps(maxima[0], load(vector));
    }
    maxima[0] = _mm512_max_ps(maxima[0], load_part(rest, f32::NEG_INFINITY));
    let [a, b, c, d] = maxima;
    let max = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(a, b), _mm512_max_ps(c, d)));
    if max.is_infinite() {
        return max; // x − max would be NaN
    }

    let most = _mm512_set1_ps(max);
    let mut sums = [_mm512_setzero_ps(); 4];
    for block in blocks {
        for i in 0..4 {
            sums[i] = _mm512_add_ps(sums[i], exp(_mm512_sub_ps(load(&block[i]), most)));
        }
    }
    for vector in vectors {
        sums[0] = _mm512_add_ps(sums[0], exp(_mm512_sub_ps(load(vector), most)));
    }
    if !rest.is_empty() {
        let x = load_part(rest, f32::NEG_INFINITY);
        sums[0] = _mm512_add_ps(sums[0], exp(_mm512_sub_ps(x, most)));
    }
    let [a, b, c, d] = sums;
    max + _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d))).ln()
}

/// e^x for x ≤ 0, with n = x/ln 2 to the nearest whole number, r = x − n·ln 2 with ln 2 in
/// two words, e^r within 3.7e-9 by a polynomial of degree 6 (minimax in relative terms),
/// and `vscalefps` for 2^n.
#[target_feature(enable = "avx512f")]
fn exp(x: __m512) -> __m512 {
    use std::f32::consts::{LN_2, LOG2_E};
    const LN_2_LOW: f32 = -1.904_654_3e-9;
    const C: [f32; 7] =
        [1.0, 1.0, 0.499_999_88, 0.166_665_18, 0.041_669_652, 0.008_368_947, 0.001_374_498_6];
    /// Adding it rounds to whole numbers, in one operation with the product.
    const WHOLE: f32 = 12_582_912.0; // 1.5 · 2^23
    // In this order a NaN stays one.
    let x = _mm512_max_ps(_mm512_set1_ps(-104.0), x);
    let whole = _mm512_set1_ps(WHOLE);
    let n = _mm512_sub_ps(_mm512_fmadd_ps(x, _mm512_set1_ps(LOG2_E), whole), whole);
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN_2), x);
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(LN_2_LOW), r);
    let mut p = _mm512_set1_ps(C[6]);
    for i in (0..6).rev() {
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(C[i]));
    }
    _mm512_scalef_ps(p, n)
}

#[target_feature(enable = "avx512f")]
fn plain_sum(x: &[f32]) -> f32 {
    let (vectors, rest) = x.as_chunks::<16>();
    let (blocks, vectors) = vectors.as_chunks::<8>();
    let mut sums = [_mm512_setzero_ps(); 8];
    for block in blocks {
        for i in 0..8 {
            sums[i] = _mm512_add_ps(sums[i], load(&block[i]));
        }
    }
    for vector in vectors {
        sums[0] = _mm512_add_ps(sums[0], load(vector));
    }
    let [a, b, c, d, e, f, g, h] = sums;
    let abcd = _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d));
    let efgh = _mm512_add_ps(_mm512_add_ps(e, f), _mm512_add_ps(g, h));
    _mm512_reduce_add_ps(_mm512_add_ps(abcd, efgh)) + rest.iter().sum::<f32>()
}

/// Past the caches, on the way out only.
#[target_feature(enable = "avx512f")]
fn copy_streaming(x: &[f32], out: &mut [f32]) {
    let ((x, rest), (out, out_rest)) = (x.as_chunks::<16>(), out.as_chunks_mut::<16>());
    assert!(out.as_ptr().cast::<__m512>().is_aligned());
    for (x, out) in x.iter().zip(out) {
        // SAFETY: sixteen floats, aligned as the first are.
        unsafe { _mm512_stream_ps(out.as_mut_ptr(), load(x)) }
    }
    out_rest[..rest.len()].copy_from_slice(rest);
    _mm_sfence();
}
