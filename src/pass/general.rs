//! One row's cross-entropy with every option, and rows that other passes mark: extreme scores,
//! certain answers, NaN.
//!
//! **Method.** The scores are s = μ·u with u = x and μ = 1/T or, with a soft cap c,
//! u = tanh(x/c) and μ = c/T; the coefficients a[k] = w[k]·((1 − ε)·t[k] + ε/K), where t is 1 at
//! a label and 0 elsewhere. With m the class of the largest score, d[k] = s[k] − s[m] ≤ 0,
//! tail = Σ_{k≠m} e^d[k], A = Σ a[k] and L = ln Σ e^s[k],
//!
//! ```text
//! loss        = A·ln(1 + tail) − Σ a[k]·d[k] + λ·L²
//! gradient[k] = (B·p[k] − a[k])·s′(x[k])                              B = A + 2λL
//! gradient[m] = ((B − a[m])·p[m] − a[m]·tail/(1 + tail))·s′(x[m])
//! ```
//!
//! where p = softmax(s). No summand of the loss is negative unless a target is, and B − a[m] is
//! summed as such: a right answer given with confidence keeps its tiny loss and gradient.
//!
//! Differences are taken before they are multiplied by μ, of halves: s itself may overflow where
//! d does not. Everything is of two words until results are rounded: a score of 100/T in one
//! word would be off by 64 ULP of its probability. A row is taken in pieces of [`PIECE`]
//! elements, whose e^d and coefficients stay on the stack.
//!
//! **Error.** Half an ULP for the last addition, and that of e^d, see `shifted_exp_of_words`:
//! 0.04 ULP of a probability, twice that of a gradient that is half of it. A soft cap adds that
//! of tanh, see `tanh.rs`, times c/T, for each of two scores.
#![allow(unsafe_code)] // tiles and pieces have what they say
#![allow(clippy::too_many_arguments)] // what a pass works on comes as values, all of it

use super::Tile;
use super::coefficients::{Coefficients, splat};
use super::sum::Total;
use crate::math::ln::ln_1p_positive_words;
use crate::math::shift::{LEVEL, Shift};
use crate::math::shifted_exp::Scale;
use crate::math::tanh::{SCALE, tanh, tanh_derivative};
use crate::math::words::{add, divide, fast_two_sum, product, rounded, times, two_sum};
use crate::simd::scalar::F32;
use crate::simd::{BLOCK, Lanes, Simd, unroll};
use core::mem::MaybeUninit;

/// Elements of a piece.
pub(crate) const PIECE: usize = if super::TILE < 512 { super::TILE } else { 512 };

/// By which a gradient is above the result, so that no subnormal is rounded twice: 2^60, unless a
/// coefficient is so large that the product might overflow.
const HEADROOM: f32 = 1_152_921_504_606_846_976.0;
const LARGE: f32 = 1_099_511_627_776.0; // 2^40

/// Terms are e^d · 2^LEVEL.
const SHIFT: Shift = Shift { scale: Scale::ONE, center: 0.0, exponent: -LEVEL };

/// A double-word number.
type Number = (f32, f32);

#[inline(always)]
fn first<V: Lanes>((high, low): (V, V)) -> Number {
    (high.first(), low.first())
}

/// a / b
#[inline(always)]
pub(crate) fn quotient(a: f32, b: f32) -> Number {
    first(divide((F32(a), F32(0.0)), (F32(b), F32(0.0))))
}

/// The second word, unless the first is infinite: then it means nothing.
#[inline(always)]
fn finite<V: Lanes>((high, low): (V, V)) -> (V, V) {
    let zero = high.splat(0.0);
    (high, V::select(high.abs().lt(high.splat(f32::INFINITY)), low, zero))
}

/// s(x) = μ·u(x).
#[derive(Clone, Copy)]
pub(crate) struct Link {
    /// 1/c of a soft cap.
    cap: Option<Number>,
    /// 1/T.
    inverse: Number,
    /// μ.
    factor: Number,
}

impl Link {
    /// Of a cap and a temperature from 2^-60 to 2^60.
    pub(crate) fn new(cap: Option<f32>, temperature: f32) -> Self {
        let inverse = quotient(1.0, temperature);
        match cap {
            None => Self { cap: None, inverse, factor: inverse },
            Some(c) => {
                Self { cap: Some(quotient(1.0, c)), inverse, factor: quotient(c, temperature) }
            }
        }
    }

    /// Whether there is a soft cap: then infinite scores are finite.
    pub(crate) fn has_cap(&self) -> bool {
        self.cap.is_some()
    }

    /// u(x)/2 in two words.
    #[inline(always)]
    fn half<V: Lanes>(self, x: V) -> (V, V) {
        if let Some(inverse) = self.cap {
            let (high, low) = tanh(finite(times(x, splat(x, inverse))));
            return (high * 0.5, low * 0.5);
        }
        (x * 0.5, x.splat(0.0))
    }

    /// μ·(u(x) − u(m)) in two words, from halves of both.
    #[inline(always)]
    fn difference<V: Lanes>(self, half: (V, V), top: (V, V)) -> (V, V) {
        let (difference, error) = two_sum(half.0, -top.0);
        let (high, low) = finite((difference, error + (half.1 - top.1)));
        let half = finite(fast_two_sum(high, low));
        let (high, low) = product(half, splat(half.0, self.factor));
        let (high, low) = finite((high * 2.0, low * 2.0));
        finite(fast_two_sum(high, low))
    }

    /// y·s′(x)/headroom for y in two words.
    #[inline(always)]
    fn chain<V: Lanes>(self, y: (V, V), x: V, headroom: f32) -> V {
        let slope = splat(x, self.inverse);
        let Some(inverse) = self.cap else {
            let (high, low) = finite(product(y, slope));
            return (high + low) * (1.0 / headroom);
        };
        let derivative = tanh_derivative(finite(times(x, splat(x, inverse))));
        let (high, low) = finite(product(y, product(derivative, slope)));
        // At the cap nothing moves the loss, be y infinite.
        let at_cap = derivative.0.eq(x.splat(0.0));
        V::select(at_cap, x.splat(0.0), (high + low) * (1.0 / headroom / SCALE))
    }
}

/// A cross-entropy with its options.
#[derive(Clone, Copy)]
pub(crate) struct General<'a> {
    pub(crate) link: Link,
    pub(crate) coefficients: Coefficients<'a>,
    /// λ.
    pub(crate) z: f32,
}

/// A row's largest score, and where it is.
#[derive(Clone, Copy)]
pub(crate) struct Top {
    pub(crate) at: usize,
    pub(crate) x: f32,
}

/// What a row's loss is taken against.
#[derive(Clone, Copy)]
pub(crate) enum Against<'a> {
    /// 1 at a label.
    Label(usize),
    /// What stands in a row.
    Row(&'a [f32]),
}

/// e^d · 2^-N and the coefficients of a piece of a row, in two words.
#[repr(C, align(64))]
pub(crate) struct Piece(MaybeUninit<[[f32; PIECE + BLOCK]; 4]>);

impl Piece {
    /// Nothing yet.
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// The k-th of its four rows from a place on.
    #[inline(always)]
    fn place(&mut self, k: usize, at: usize) -> *mut f32 {
        self.0.as_mut_ptr().cast::<f32>().wrapping_add(k * (PIECE + BLOCK) + at)
    }

    #[inline(always)]
    unsafe fn store<S: Simd>(&mut self, simd: S, k: usize, at: usize, words: (S::F32, S::F32)) {
        unsafe {
            simd.store(words.0, self.place(k, at));
            simd.store(words.1, self.place(k + 1, at));
        }
    }

    #[inline(always)]
    unsafe fn load<S: Simd>(&mut self, simd: S, k: usize, at: usize) -> (S::F32, S::F32) {
        unsafe { (simd.load(self.place(k, at)), simd.load(self.place(k + 1, at))) }
    }

    /// Takes an element out, and gives its coefficient.
    #[inline(always)]
    fn take(&mut self, at: usize) -> Number {
        let mut taken = [0.0; 4];
        for (k, taken) in taken.iter_mut().enumerate() {
            // SAFETY: the place is there, and was written.
            unsafe { *taken = self.place(k, at.min(PIECE)).replace(0.0) };
        }
        (taken[2], taken[3])
    }
}

/// The sums of a row.
#[derive(Clone, Copy)]
pub(crate) struct GeneralSums {
    /// Σ_{k≠m} e^d[k] · 2^-N.
    others: Number,
    /// A − a[m].
    rest: Number,
    /// a[m].
    at_top: Number,
    /// −Σ a[k]·d[k].
    distance: Number,
    /// The largest |a[k]|.
    largest: f32,
}

impl GeneralSums {
    /// Nothing yet.
    pub(crate) const ZERO: Self = Self {
        others: (0.0, 0.0),
        rest: (0.0, 0.0),
        at_top: (0.0, 0.0),
        distance: (0.0, 0.0),
        largest: 0.0,
    };
}

/// What they come to.
#[derive(Clone, Copy)]
pub(crate) struct GeneralResults {
    pub(crate) loss: f32,
    /// B over the sum of e^d · 2^-N, times the headroom.
    factor: Number,
    /// The derivative by x[m].
    pub(crate) at_top: f32,
    headroom: f32,
}

/// The sum of two numbers; what is not finite leaves nothing.
#[inline(always)]
fn plus((a, a_low): Number, (b, b_low): Number) -> Number {
    let (sum, error) = two_sum(a, b);
    if sum.is_finite() { fast_two_sum(sum, error + (a_low + b_low)) } else { (sum, 0.0) }
}

/// Adds a piece of a row, from the column `start` on, to its sums, and keeps what they are of.
#[inline(always)]
pub(super) unsafe fn general_sums<S: Simd>(
    simd: S,
    row: &Tile<'_>,
    start: usize,
    top: Top,
    against: Against<'_>,
    formula: &General<'_>,
    piece: &mut Piece,
    sums: &mut GeneralSums,
) {
    let zero = simd.splat(0.0);
    let half_top = formula.link.half(simd.splat(top.x));
    let columns = row.columns.min(PIECE);
    let (mut others, mut rest, mut distances) =
        (Total::zero(simd), Total::zero(simd), Total::zero(simd));
    let mut largest = zero;
    let label = if let Against::Label(label) = against { label } else { usize::MAX };
    let mut block = 0;
    while block < columns {
        // All is compiled once for all vectors of a block, but what is added.
        let mut lane = 0;
        while lane < BLOCK {
            let at = block + lane;
            let count = columns.saturating_sub(at);
            let (mut e, mut a) = ((zero, zero), (zero, zero));
            if count > 0 {
                let x = unsafe { simd.load_part(row.x.add(at), count, f32::NEG_INFINITY) };
                let mut t = zero;
                if let Against::Row(targets) = against {
                    if let Some(from) = targets.get(start + at..start + at + count) {
                        t = unsafe { simd.load_part(from.as_ptr(), count, 0.0) };
                    }
                } else {
                    t = simd.only(simd.splat(1.0), label.wrapping_sub(start + at));
                }
                let weight = formula.coefficients.weights(simd, start + at, count);
                a = formula.coefficients.of(t, weight);
                let d = formula.link.difference(formula.link.half(x), half_top);
                let is_nothing = d.0.le(zero.splat(SHIFT.floor()));
                let (power, delta) = SHIFT.terms_of_words(d);
                e = (
                    S::F32::select(is_nothing, zero, power),
                    S::F32::select(is_nothing, zero, power * delta),
                );
                if count < S::F32::COUNT {
                    // Through a soft cap −∞ is not nothing.
                    e = (simd.keep_first(e.0, count, 0.0), simd.keep_first(e.1, count, 0.0));
                    a = (simd.keep_first(a.0, count, 0.0), simd.keep_first(a.1, count, 0.0));
                }
                // A coefficient of 0 wins over an infinity.
                let (far, far_low) = finite(product(a, (-d.0, -d.1)));
                let is_free = a.0.eq(zero);
                let far = S::F32::select(is_free, zero, far);
                distances.add_to(lane, far, S::F32::select(is_free, zero, far_low));
                largest = largest.max_magnitude(a.0);
            }
            unsafe {
                piece.store(simd, 0, at, e);
                piece.store(simd, 2, at, a);
            }
            lane += S::F32::COUNT;
        }
        let at_top = top.at.wrapping_sub(start);
        if (block..(block + BLOCK).min(columns)).contains(&at_top) {
            sums.at_top = piece.take(at_top);
        }
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let at = block + j * S::F32::COUNT;
            let (e, a) = unsafe { (piece.load(simd, 0, at), piece.load(simd, 2, at)) };
            others.add(j, e.0, e.1);
            rest.add(j, a.0, a.1);
        });
        block += BLOCK;
    }
    let mut most = simd.block(zero);
    most.as_mut()[0] = largest;
    let most = simd.largest(most);
    sums.largest = if most > sums.largest { most } else { sums.largest };
    sums.others = plus(sums.others, others.value(simd));
    sums.rest = plus(sums.rest, rest.value(simd));
    sums.distance = plus(sums.distance, distances.value(simd));
}

/// The loss of a row, and what its gradient is made of.
#[inline(always)]
pub(super) unsafe fn general_results<S: Simd>(
    simd: S,
    top: Top,
    formula: &General<'_>,
    sums: &GeneralSums,
) -> GeneralResults {
    let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
    let (others, distance) = (splat(zero, sums.others), splat(zero, sums.distance));
    let (mut rest, at_top) = (splat(zero, sums.rest), splat(zero, sums.at_top));
    let (t, delta) = SHIFT.terms_of_words((zero, zero));
    let own = fast_two_sum(t, t * delta);
    let (sum, low) = add(own, others);
    let all = fast_two_sum(sum, low);

    let surprise = ln_1p_positive_words(divide(others, own));
    let mut mass = add(rest, at_top);
    let mut loss = finite(product(mass, surprise));
    if surprise.0.first() < 1.0 / HEADROOM {
        // It is the ratio, whose digits a subnormal may have lost; and is rounded once.
        let others = (others.0 * HEADROOM, others.1 * HEADROOM);
        let (high, low) = finite(product(mass, divide(others, own)));
        loss = ((high + low) * (1.0 / HEADROOM), zero);
    }
    loss = finite(add(loss, distance));
    if formula.z != 0.0 {
        let half = formula.link.half(simd.splat(top.x));
        let (high, low) = finite(product(half, splat(zero, formula.link.factor)));
        let ln = finite(add(finite((high * 2.0, low * 2.0)), surprise));
        loss = finite(add(loss, finite(times(simd.splat(formula.z), finite(product(ln, ln))))));
        let (slope, slope_low) = finite(times(simd.splat(formula.z), ln));
        let slope = finite((slope * 2.0, slope_low * 2.0));
        (mass, rest) = (finite(add(mass, slope)), finite(add(rest, slope)));
    }
    let most = [sums.largest, mass.0.first().abs(), rest.0.first().abs()];
    let is_large = most.iter().any(|most| *most > LARGE);
    let headroom = if is_large { 1.0 } else { HEADROOM };
    let share = divide((own.0 * headroom, own.1 * headroom), all);
    let share_of_others = divide((others.0 * headroom, others.1 * headroom), all);
    let factor = finite(product(mass, divide((one * headroom, zero), all)));
    let (minus, low) = finite(product(at_top, share_of_others));
    let at_top = finite(add(finite(product(rest, share)), (-minus, -low)));
    GeneralResults {
        loss: rounded(loss).first(),
        factor: first(factor),
        at_top: formula.link.chain(at_top, simd.splat(top.x), headroom).first(),
        headroom,
    }
}

/// Writes the gradient of a piece of a row that was just summed; at its largest score it is
/// another.
#[inline(always)]
pub(super) unsafe fn general_write<S: Simd>(
    simd: S,
    row: &Tile<'_>,
    formula: &General<'_>,
    results: &GeneralResults,
    piece: &mut Piece,
) {
    let zero = simd.splat(0.0);
    let (factor, headroom) = (splat(zero, results.factor), results.headroom);
    let mut at = 0;
    while at < row.columns.min(PIECE) {
        let count = row.columns - at;
        unsafe {
            let x = simd.load_part(row.x.add(at), count, 0.0);
            let e = piece.load(simd, 0, at);
            let p = finite(product(e, factor));
            // Nothing of an infinity is nothing.
            let is_nothing = e.0.eq(zero);
            let p = (S::F32::select(is_nothing, zero, p.0), S::F32::select(is_nothing, zero, p.1));
            let (a, low) = piece.load(simd, 2, at);
            let y = finite(add(p, (-(a * headroom), -(low * headroom))));
            simd.store_part(formula.link.chain(y, x, headroom), row.out.add(at), count);
        }
        at += S::F32::COUNT;
    }
}
