//! Rows on the scalar backend: each row is computed whole, by integer arithmetic.
//!
//! **Method.** The largest element is found first. Each e^(s·x) becomes a term: m·2^-d times the
//! largest term's power of two, see `fixed_exp.rs`. The terms add up exactly in 64 bits, so neither
//! the order nor the length of a row matters. Each m, rounded to 24 bits, and its d wait as one
//! word in the output. At the end each word is multiplied by an integer reciprocal of the sum.
//!
//! Where |s·max| is 224 or more, the maximum is subtracted from each x, see `shift.rs`.
//!
//! **Error.** Of a probability, in ULP: 0.5 for rounding it (1 just below a power of two), up to
//! 1.02 for rounding m, and 0.6 for e^x and the sum. A dominant element's m is used unrounded.
//!
//! The `unsafe` here is sound because a row's places are those of its tile.
#![allow(unsafe_code)]

use super::Tile;
use super::write::difference;
use crate::math::double_word::{add, product, rounded, times, two_sum};
use crate::math::fixed_exp::{Reduction, fixed_exp};
use crate::math::fixed_point::{
    BELOW, Factor, LEAST, Sum, high, ln_of, plus, power_of_two, scaled, subnormal, surprise,
};
use crate::math::shift::is_extreme;
use crate::math::shifted_exp::Scale;
use crate::simd::scalar::F32;

/// A number in two words.
type DoubleWord = (F32, F32);

/// From this d on, a term counts as 0: it is less than about 2^-255 of the largest.
const NOTHING: u32 = 255;
/// Elements whose sum is sure to fit into 64 bits.
const RUN: usize = 1 << 15;
/// Up to this number of elements, the bits cut off terms are negligible: 2^-29 of the sum.
const MANY: usize = 1 << 18;
/// Whether there is code for rows of more elements. A microcontroller has no memory for such rows.
const MAY_BE_MANY: bool = !cfg!(all(target_os = "none", target_pointer_width = "32"));

/// The larger of `least` and the largest element. A negative NaN does not count.
#[inline(never)]
pub(super) unsafe fn maximum(x: *const f32, count: usize, least: f32) -> f32 {
    let most = unsafe { largest(x, count, least, 0) };
    // As integers, bits of positive numbers have their order, bits of negative ones the reverse.
    let most = if most < 0 { !unsafe { largest(x, count, least, -1) } } else { most };
    f32::from_bits(most as u32)
}

/// The largest of the elements' bits, as integers after an exclusive or with `mask`.
unsafe fn largest(x: *const f32, count: usize, least: f32, mask: i32) -> i32 {
    let mut most = least.to_bits() as i32 ^ mask;
    for i in 0..count {
        most = most.max(unsafe { *x.add(i) }.to_bits() as i32 ^ mask);
    }
    most
}

/// What turns the elements of a row into terms.
#[derive(Clone, Copy)]
struct Terms<'a> {
    by: Reduction<'a>,
    /// The power of two of the largest term, which all terms are relative to.
    power: i32,
}

impl<'a> Terms<'a> {
    #[inline(always)]
    fn new(scale: &'a Scale) -> Self {
        Self { by: Reduction::new(scale), power: 0 }
    }

    /// Prepares for a row with this maximum. `largest` is the largest score that is summed. Returns
    /// the m of its term; None if the maximum is not finite.
    #[inline(always)]
    fn of_row(&mut self, max: f32, largest: f32) -> Option<u32> {
        let mut center = None;
        if is_extreme(self.by.scale, max) {
            if !max.is_finite() {
                return None;
            }
            center = Some(max);
        }
        self.by.set_center(center);
        let (m, power) = fixed_exp(&self.by, largest.to_bits());
        self.power = power;
        Some(m)
    }

    /// The term of a score: m, and d, the powers of two that it is below the largest term.
    #[inline(always)]
    fn of(&self, x: f32) -> (u32, i32) {
        self.of_bits(x.to_bits())
    }

    #[inline(always)]
    fn of_bits(&self, bits: u32) -> (u32, i32) {
        let (m, power) = fixed_exp(&self.by, bits);
        (m, self.power.wrapping_sub(power))
    }

    /// Adds up the terms of up to [`RUN`] elements, and writes each as a word to `out`, which then
    /// moves by `step`. [`NAN`](Sum::NAN), which no sum is, if an element is NaN.
    unsafe fn run(&self, x: *const f32, out: *mut f32, step: usize, count: usize) -> u64 {
        let (mut x, mut out, end) =
            (x.cast::<u32>(), out.cast::<u32>(), x.wrapping_add(count).cast());
        let mut sum = 0u64;
        while x != end {
            let bits = unsafe { *x };
            let (mut m, d) = self.of_bits(bits);
            let mut d = d as u32;
            if d <= BELOW {
                sum += u64::from(m) * u64::from((1u32 << BELOW) >> d);
            } else if d < NOTHING {
                sum += u64::from(m >> (d - BELOW).min(31));
            } else if f32::from_bits(bits).is_nan() {
                return Sum::NAN;
            } else {
                // With a bit above d's byte the compiler uses the instruction that sets a byte.
                (m, d) = (0, NOTHING | 0x100);
            }
            unsafe { *out = (m.wrapping_add(128) & !0xFF) | d & 0xFF };
            (x, out) = (x.wrapping_add(1), out.wrapping_add(step));
        }
        sum
    }

    /// Adds up the terms of a row, and writes each as a word if there is an output. None if an x is
    /// NaN.
    #[inline(always)]
    unsafe fn sum(&self, x: *const f32, out: *mut f32, count: usize) -> Option<Sum> {
        // Without an output, words go where nobody reads them.
        let mut nowhere = 0.0;
        let (out, step) = if out.is_null() { (&raw mut nowhere, 0) } else { (out, 1) };
        if count > RUN {
            return unsafe { self.long(x, out, step, count) };
        }
        let m = unsafe { self.run(x, out, step, count) };
        (m != Sum::NAN).then_some(Sum { m, e: 0 })
    }

    /// [`sum`](Self::sum) of more than [`RUN`] elements.
    #[cold]
    #[inline(never)]
    unsafe fn long(&self, x: *const f32, out: *mut f32, step: usize, count: usize) -> Option<Sum> {
        let (mut sum, mut at) = (Sum { m: 0, e: 0 }, 0);
        // Before words are written: the output may be the row itself.
        let is_many = MAY_BE_MANY && count > MANY;
        let lost = if is_many { unsafe { self.lost(x, count) } } else { 0 };
        while at < count {
            let (x, out) = (x.wrapping_add(at), out.wrapping_add(step * at));
            let more = unsafe { self.run(x, out, step, RUN.min(count - at)) };
            if more == Sum::NAN {
                return None;
            }
            sum = sum.plus(Sum { m: more, e: 0 });
            at += RUN;
        }
        sum.m = sum.m.wrapping_add_signed(lost >> sum.e);
        Some(sum)
    }

    /// The exact sum less that of [`run`](Self::run), where a term far below may count too much.
    unsafe fn lost(&self, x: *const f32, count: usize) -> i64 {
        // In units of 2^-16 of the sum's last bit.
        let mut sum = 0;
        for i in 0..count {
            let (m, d) = self.of(unsafe { *x.add(i) });
            let d = (d as u32).wrapping_sub(BELOW);
            if d < NOTHING - BELOW {
                let exact = (u64::from(m) << 16) >> d.min(63);
                sum += exact as i64 - (i64::from(m >> d.min(31)) << 16);
            }
        }
        sum >> 16
    }
}

/// Replaces each word by [`Factor::of`] it. What all words share is computed once, before the loop.
unsafe fn write(out: *mut f32, count: usize, factor: Factor) {
    let (place, most) = (out.cast::<u32>(), factor.e - LEAST);
    let power = ((factor.e - 30) as u32) << 23;
    for i in 0..count {
        let word = unsafe { *place.add(i) };
        let (product, d) = (high(word & !0xFF, factor.m), word & 0xFF);
        let mut bits = (product as f32).to_bits().wrapping_add(power).wrapping_sub(d << 23);
        if d as i32 > most {
            bits = subnormal(product, factor.e - d as i32).to_bits();
        }
        unsafe { *place.add(i) = bits };
    }
}

/// Makes every result of a row NaN.
#[cold]
#[inline(never)]
unsafe fn fill(out: *mut f32, count: usize) {
    for i in 0..count {
        unsafe { *out.add(i) = f32::NAN };
    }
}

/// Pointers to the i-th row and to its results.
fn row(tile: &Tile<'_>, i: usize) -> (*const f32, *mut f32) {
    let out = if tile.writes() { tile.out.wrapping_add(i * tile.out_stride) } else { tile.out };
    (tile.x.wrapping_add(i * tile.x_stride), out)
}

/// A row's maximum, terms and sum.
struct Whole<'a, 'b> {
    max: f32,
    /// m of the maximum's term.
    largest: u32,
    terms: &'a Terms<'b>,
    sum: Sum,
}

impl<'a, 'b> Whole<'a, 'b> {
    /// Adds up a row, and writes each term as a word if there is an output. None if the row has a
    /// NaN or +∞, or if all elements are −∞.
    #[inline(always)]
    unsafe fn new(
        x: *const f32,
        out: *mut f32,
        count: usize,
        terms: &'a mut Terms<'b>,
    ) -> Option<Self> {
        let max = unsafe { maximum(x, count, f32::NEG_INFINITY) };
        let largest = terms.of_row(max, max)?;
        let sum = unsafe { terms.sum(x, out, count) }?;
        Some(Self { max, largest, terms, sum })
    }

    /// m of the largest term, if the sum of all others is less than half of it.
    #[inline(always)]
    fn dominant(&self) -> Option<u32> {
        // So large are also all sums with an exponent above 0.
        if self.sum.m >= 3 << 47 {
            return None;
        }
        (self.sum.m < u64::from(self.largest) * (3 << (BELOW - 1))).then_some(self.largest)
    }

    /// ln Σ e^(s·(x − center)).
    #[inline(always)]
    fn ln(&self) -> DoubleWord {
        let (top, more) = self.sum.normalized_of_terms();
        ln_of(top, self.terms.power + more - BELOW as i32)
    }
}

/// For a row with a dominant element: its place, and ln Σ e^(s·(x − max)). This is computed from
/// the sum of the other elements, so that it keeps the digits of that sum.
#[cold]
#[inline(never)]
unsafe fn surprise_of_largest(
    x: *const f32,
    count: usize,
    max: f32,
    terms: &Terms<'_>,
) -> (usize, (DoubleWord, i32)) {
    let mut at = 0;
    while at + 1 < count && unsafe { *x.add(at) } != max {
        at += 1;
    }
    let mut terms = *terms;
    let others = unsafe { Others::new(x, core::ptr::null_mut(), count, at, &mut terms) };
    (at, others.map_or(((F32(f32::NAN), F32(0.0)), 0), |others| others.surprise()))
}

/// The sum of a row without one element, and that element.
struct Others {
    max: f32,
    /// m of the largest of the other terms.
    largest: u32,
    sum: Sum,
    /// m of that element, and the powers of two that it is below the largest of the others.
    own: u32,
    below: i32,
}

impl Others {
    /// Like [`Whole::new`], without the element `at`. Inlined, or its result would be copied.
    #[inline(always)]
    unsafe fn new(
        x: *const f32,
        out: *mut f32,
        count: usize,
        at: usize,
        terms: &mut Terms<'_>,
    ) -> Option<Self> {
        let (own, next) = (unsafe { *x.add(at) }, at + 1);
        let (after, rest) = (x.wrapping_add(next), count - next);
        let mut max = unsafe { maximum(x, at, f32::NEG_INFINITY) };
        max = unsafe { maximum(after, rest, max) };
        if own.is_nan() {
            return None;
        }
        let all = if own > max { own } else { max };
        let largest = terms.of_row(all, if max > f32::NEG_INFINITY { max } else { all })?;
        let before = unsafe { terms.sum(x, out, at) }?;
        let out = if out.is_null() { out } else { out.wrapping_add(next) };
        let sum = before.plus(unsafe { terms.sum(after, out, rest) }?);
        let (own, below) = terms.of(own);
        Some(Self { max, largest, sum, own, below })
    }

    /// ln(1 + others/own): the loss of a label whose element this is.
    fn surprise(&self) -> (DoubleWord, i32) {
        surprise(self.sum, self.own, self.below)
    }
}

/// Softmax of each row.
pub(super) unsafe fn softmax(tile: &Tile<'_>, scale: &Scale) {
    let mut terms = Terms::new(scale);
    for i in 0..tile.rows {
        let (x, out) = row(tile, i);
        let Some(row) = (unsafe { Whole::new(x, out, tile.columns, &mut terms) }) else {
            unsafe { fill(out, tile.columns) };
            continue;
        };
        let factor = Factor::inverse(row.sum);
        unsafe { write(out, tile.columns, factor) };
        let out = unsafe { core::slice::from_raw_parts_mut(out, tile.columns) };
        if let Some(m) = row.dominant()
            && let Some(out) = out.iter_mut().find(|p| **p > 0.6)
        {
            // No other than the dominant element has more than 0.6.
            // From an m rounded to 24 bits, a certain class would not have exactly 1.
            *out = factor.of(m, 0);
        }
    }
}

/// ln Σ e^x of the first row in two words; NaN where that is not finite.
pub(super) unsafe fn log_sum_exp(tile: &Tile<'_>) -> (f32, f32) {
    let (x, _) = row(tile, 0);
    let mut terms = Terms::new(&Scale::ONE);
    let row = unsafe { Whole::new(x, core::ptr::null_mut(), tile.columns, &mut terms) };
    let Some(row) = row else { return (f32::NAN, 0.0) };
    // Near 0 the result has room for the digits of what the other elements add.
    if row.max.abs() < 2.0 && row.dominant().is_some() {
        let (_, (ln, e)) = unsafe { surprise_of_largest(x, tile.columns, row.max, row.terms) };
        return plus((row.max, 0.0), ln, e);
    }
    let (center, ln) = (row.terms.by.center(), row.ln());
    if center == 0.0 { (ln.0.0, ln.1.0) } else { plus((center, 0.0), ln, 0) }
}

/// The logarithm of softmax of each row.
pub(super) unsafe fn log_softmax(tile: &Tile<'_>, scale: &Scale) {
    let mut terms = Terms::new(scale);
    for i in 0..tile.rows {
        let (x, out) = row(tile, i);
        let row = unsafe { Whole::new(x, core::ptr::null_mut(), tile.columns, &mut terms) };
        let Some(row) = row else {
            unsafe { fill(out, tile.columns) };
            continue;
        };
        let ln = row.ln();
        let dominant = row
            .dominant()
            .map(|_| unsafe { surprise_of_largest(x, tile.columns, row.max, row.terms) });
        for k in 0..tile.columns {
            let x = F32(unsafe { *x.add(k) });
            let y = difference(x, scale.words.0, row.terms.by.center(), ln);
            unsafe { *out.add(k) = y.0 };
        }
        if let Some((at, (ln, e))) = dominant {
            tile.set(i, at, 0.0 - scaled(rounded(ln).0, e));
        }
    }
}

/// 2^60: from this distance of scores on, products with it may overflow.
const FAR: f32 = 1_152_921_504_606_846_976.0;

/// A weight times a logarithm times 2^e.
fn weighted(weight: f32, ln: DoubleWord, e: i32) -> f32 {
    scaled(rounded(if weight == 1.0 { ln } else { times(F32(weight), ln) }).0, e)
}

/// The loss of the first row's label. The gradient is written if there is an output.
pub(super) unsafe fn loss(tile: &Tile<'_>, label: usize, weight: f32, scale: &Scale) -> f32 {
    let mut terms = Terms::new(scale);
    let ((x, out), columns) = (row(tile, 0), tile.columns);
    if label >= columns {
        return f32::NAN;
    }
    let own = unsafe { *x.add(label) };
    let Some(row) = (unsafe { Others::new(x, out, columns, label, &mut terms) }) else {
        if tile.writes() {
            unsafe { fill(out, columns) };
        }
        return f32::NAN;
    };
    let s = (F32(scale.words.0), F32(scale.words.1));
    let (mut all, mut above) = (row.sum, (-row.below).max(0));
    let loss;
    if row.below >= 0 && row.max > f32::NEG_INFINITY {
        // s·(max − own) + ln Σ e^(s·(x − max)). If the scores are far apart, it is multiplied by
        // 2^-64, so that it does not overflow before it is multiplied by the weight.
        let largest = row.largest;
        all.m += all.term(row.own, row.below);
        let rest = Sum { m: all.m - all.term(largest, 0), ..all };
        let (ln, e) = surprise(rest, largest, 0);
        let is_far = (row.max * 0.5 - own * 0.5) * scale.words.0 > FAR;
        let (down, up) = if is_far { (power_of_two(-64), 64) } else { (1.0, 0) };
        let distance = two_sum(F32(row.max * down), F32(own * -down));
        let distance = if scale.is_one() { distance } else { product(distance, s) };
        let ln = (F32(scaled(ln.0.0, e) * down), F32(scaled(ln.1.0, e) * down));
        // A weight below 1 is multiplied by 2^up, or its product with the rest might be subnormal.
        let (weight, up) = if weight < 1.0 { (scaled(weight, up), 0) } else { (weight, up) };
        loss = weighted(weight, add(distance, ln), up);
    } else {
        let (ln, e) = row.surprise();
        loss = weighted(weight, ln, e);
        // From here on, terms are relative to the power of two of the label's term.
        above = above.min(1000);
        all = all.below(above);
        all.m += all.term(row.own, 0);
    }
    if tile.writes() {
        let (top, more) = row.sum.normalized_of_terms();
        let factor = Factor::inverse(all).times((weight, 0.0)).times(scale.words);
        let factor = Factor { e: factor.e - above, ..factor };
        // The sum wrote no word at the label.
        unsafe { *out.add(label) = 0.0 };
        unsafe { write(out, columns, factor) };
        // 0 − 0 is +0, not −0.
        let d = if top == 0 { 1000 } else { BELOW as i32 - more };
        unsafe { *out.add(label) = 0.0 - factor.of(top, d) };
    }
    if weight == 0.0 { 0.0 } else { loss }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run cuts less than 1 off a term, or adds less than 1 if it is far below. For 2^26 such
    /// terms, that would be 4 ULP of a probability.
    #[test]
    fn sums_of_many_elements_lose_nothing() {
        static X: [f32; MANY + 1] = {
            let mut x = [-1.0; MANY + 1];
            x[7] = 0.0;
            x
        };
        for scale in [20.0, 32.0, 33.0, 100.0].map(Scale::of) {
            let terms = Terms::new(&scale);
            let sum = unsafe { terms.sum(X.as_ptr(), core::ptr::null_mut(), X.len()) }.unwrap();
            let ((m, d), largest) = (terms.of(-1.0), f64::from(terms.of(0.0).0) * 65536.0);
            let others = f64::from(m) * libm::exp2(f64::from(16 - d)) * MANY as f64;
            let error = sum.m as f64 - largest - others;
            assert!(sum.e == 0 && error.abs() <= 4.0, "{scale:?}: {error}");
        }
    }
}
