//! Cross-entropy with every option, of any scores: all rows where an option needs it, else those
//! that other passes mark: extreme scores, certain answers, NaN.
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
//! added up from the other coefficients: a right answer given with confidence keeps its tiny loss and gradient.
//!
//! First x/2 − m/2 is computed, then multiplied by 2μ: s, and even x − m, may overflow where d does
//! not. Where Σ a[k]·d[k] overflows, or nearly so, the row is summed once more with all scores
//! [`FAR`] times as large: a[k]·d[k] may be finite where d[k] is not, and terms of both signs where
//! targets are negative. Its loss is scaled back at the end.
//!
//! Everything is of two words until results are rounded: a score of 100/T in one
//! word would be off by 64 ULP of its probability. Up to [`GROUP`] rows are taken at once, so that
//! their numbers are computed one row a lane; in pieces of [`PIECE`] elements, whose e^d and
//! coefficients stay on the stack.
//!
//! **Error.** Half an ULP for the last addition, and that of e^d, see `shifted_exp_of_words`:
//! 0.04 ULP of a probability; where a gradient is half of its probability, 0.08 ULP of that. A soft cap adds that
//! of tanh, see `tanh.rs`, times c/T, for each of two scores.
#![allow(unsafe_code)] // tiles and pieces have what they say
#![allow(clippy::too_many_arguments)] // what a pass works on comes as values, all of it

use super::accumulator::{Accumulator, Term, Totals};
use super::coefficients::splat;
use super::link::{Link, finite};
use super::search::{maximum, position};
use super::{Coefficients, DoubleWords, GROUP, PerRow, Tile};
use crate::math::double_word::{add, divide, fast_two_sum, product, rounded, times, two_sum};
use crate::math::ln::ln_1p_positive_words;
use crate::math::shift::{LEVEL, Shift};
use crate::simd::{BLOCK, Lanes, Mask, Simd};
use core::mem::MaybeUninit;

/// Elements of a piece.
pub(crate) const PIECE: usize = if super::TILE < 512 { super::TILE } else { 512 };

/// Gradients are computed 2^60 times too large and scaled at the end, so that a subnormal is
/// rounded once; unless a coefficient is so large that the product might overflow.
const HEADROOM: f32 = 1_152_921_504_606_846_976.0;
const LARGE: f32 = 1_099_511_627_776.0; // 2^40
/// With a target above this, coefficients and loss of a row are computed times 2^-100, and scaled
/// back when they are stored: weights and sums of many have room.
const MOST_TARGET: f32 = 1_152_921_504_606_846_976.0;
const DOWN: f32 = 7.888_609e-31;
/// Where scores are huge. Loss and scores keep all digits that the sum shows: 2^-64.
const FAR: f32 = 5.421_010_862_427_522e-20;

/// Terms are e^d · 2^LEVEL.
const SHIFT: Shift = Shift { center: 0.0, exponent: -LEVEL };

/// A cross-entropy with its options.
#[derive(Clone, Copy)]
pub(crate) struct General<'a> {
    pub(crate) link: Link,
    pub(crate) coefficients: Coefficients<'a>,
    /// λ.
    pub(crate) z: f32,
}

/// What losses are taken against: rows of targets, or a label of each row.
#[derive(Clone, Copy)]
pub(crate) struct Against<'a> {
    pub(crate) targets: Option<&'a Tile<'a>>,
    pub(crate) labels: &'a [usize],
}

impl Against<'_> {
    /// The targets of row i from a column on, `count` of which are there.
    #[inline(always)]
    unsafe fn load<S: Simd>(&self, simd: S, i: usize, at: usize, count: usize) -> S::F32 {
        if let Some(targets) = self.targets {
            let from = targets.x.wrapping_add(i * targets.x_stride + at);
            return unsafe { simd.load_part(from, count, 0.0) };
        }
        let label = self.labels.get(i).copied().unwrap_or(usize::MAX);
        simd.only(simd.splat(1.0), label.wrapping_sub(at))
    }

    /// That of one element.
    #[inline(always)]
    fn get(&self, i: usize, column: usize) -> f32 {
        match self.targets {
            Some(targets) => targets.get(i, column),
            None => f32::from(self.labels.get(i) == Some(&column)),
        }
    }
}

/// e^d · 2^-N and the coefficients of a piece of a row, or of several rows without gaps; as
/// double-word numbers, and 0 for the largest scores. And u′(x), with a soft cap.
#[repr(C, align(64))]
pub(crate) struct Piece(MaybeUninit<[[f32; PIECE + BLOCK]; 6]>);

impl Piece {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// The k-th of its six rows from a place on.
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
}

/// Up to [`GROUP`] rows: where their largest scores are, what their elements sum up to, and what
/// that comes to.
pub(crate) struct GeneralRows {
    /// m, x[m], u(x[m])/2, u′(x[m]), t[m] and w[m].
    pub(crate) at: [usize; GROUP],
    pub(crate) top: PerRow,
    half: DoubleWords,
    slope: DoubleWords,
    target: PerRow,
    weight: PerRow,
    /// 1 or [`DOWN`].
    down: PerRow,
    /// 1 or [`FAR`].
    far: PerRow,
    /// Whether |a[k]| is [`LARGE`] anywhere but at m, a bit a row.
    has_large: u64,
    /// Σ_{k≠m} of e^d[k] · 2^-N, of a[k], and of −a[k]·d[k].
    pub(crate) others: DoubleWords,
    pub(crate) rest: DoubleWords,
    pub(crate) distance: DoubleWords,
    pub(crate) loss: PerRow,
    /// B over the sum of e^d · 2^-N, times the headroom.
    factor: DoubleWords,
    headroom: PerRow,
    /// The derivative by x[m].
    pub(crate) at_top: PerRow,
}

impl GeneralRows {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self {
            at: [usize::MAX; GROUP],
            top: PerRow::new(),
            half: DoubleWords::new(),
            slope: DoubleWords::new(),
            target: PerRow::new(),
            weight: PerRow::new(),
            down: PerRow::new(),
            far: PerRow::new(),
            has_large: 0,
            others: DoubleWords::new(),
            rest: DoubleWords::new(),
            distance: DoubleWords::new(),
            loss: PerRow::new(),
            factor: DoubleWords::new(),
            headroom: PerRow::new(),
            at_top: PerRow::new(),
        }
    }

    /// Nothing is scaled down in so many rows.
    pub(crate) fn start(&mut self, rows: usize) {
        self.far.fill(rows, 1.0);
    }

    /// Whether rows must be summed once more, scaled down, as a sum overflowed or nearly so.
    pub(crate) fn again(&mut self, rows: usize) -> bool {
        let mut again = false;
        for i in 0..rows.min(GROUP) {
            let is_moderate = self.distance.high.get(i).abs() <= 1.0 / DOWN;
            if !is_moderate && self.far.get(i) == 1.0 {
                self.far.set(i, FAR);
                again = true;
            }
        }
        again
    }

    /// Whether a target of row i is NaN or infinite, when the sums are there.
    pub(crate) fn has_nan(&self, i: usize) -> bool {
        self.rest.high.get(i).is_nan() || self.target.get(i).is_nan()
    }
}

/// Where the largest scores of up to [`GROUP`] rows are, and what is there.
#[inline(always)]
pub(super) unsafe fn general_tops<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    against: Against<'_>,
    formula: &General<'_>,
    rows: &mut GeneralRows,
) {
    let count = tile.rows.min(GROUP);
    for (i, at) in rows.at.iter_mut().enumerate().take(count) {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let top = unsafe { maximum(simd, x, tile.columns) };
        *at = unsafe { position(simd, x, tile.columns, top) };
        rows.top.set(i, top);
        rows.target.set(i, against.get(i, *at));
        rows.weight.set(i, formula.coefficients.weights.get(*at).copied().unwrap_or(1.0));
        let (mut largest, mut at) = (simd.splat(0.0), 0);
        while against.targets.is_some() && at < tile.columns {
            largest =
                largest.max_magnitude(unsafe { against.load(simd, i, at, tile.columns - at) });
            at += S::F32::COUNT;
        }
        let is_usual = S::F32::all_within([largest], MOST_TARGET);
        rows.down.set(i, if is_usual { 1.0 } else { DOWN });
        if !is_usual && !S::F32::all_within([largest], f32::MAX) {
            rows.target.set(i, f32::NAN);
        }
    }
    let mut at = 0;
    while at < count {
        let (top, far) = unsafe { (simd.load(rows.top.at(at)), simd.load(rows.far.at(at))) };
        let [half, slope] = formula.link.half(top, far);
        rows.half.store(simd, at, half);
        rows.slope.store(simd, at, slope);
        at += S::F32::COUNT;
    }
}

/// Adds a piece of up to [`GROUP`] rows, from the column `start` on, to their sums, which are
/// those of [`GeneralRows`]; and keeps what they are of.
#[inline(always)]
pub(super) unsafe fn general_sums<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    start: usize,
    against: Against<'_>,
    formula: &General<'_>,
    rows: &mut GeneralRows,
    piece: &mut Piece,
    [others, rest, distance]: &mut [Totals; 3],
) {
    let zero = simd.splat(0.0);
    let empty = Accumulator::zero(simd);
    let columns = tile.columns.min(PIECE);
    let is_first = start == 0;
    if is_first {
        rows.has_large = 0;
    }
    for i in 0..tile.rows.min(GROUP).min(PIECE / columns.max(1)) {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let half_top = splat(zero, rows.half.get(i));
        let (far, up) = (simd.splat(rows.far.get(i)), simd.splat(1.0 / rows.far.get(i)));
        let (top, down) = (rows.at[i].wrapping_sub(start), simd.splat(rows.down.get(i)));
        let (mut e_sum, mut a_sum, mut d_sum, mut largest) = (empty, empty, empty, zero);
        let mut at = 0;
        while at < columns {
            let count = columns - at;
            let x = unsafe { simd.load_part(x.add(at), count, f32::NEG_INFINITY) };
            let t = unsafe { against.load(simd, i, start + at, count) };
            let weight = formula.coefficients.weights(simd, start + at, count);
            let mut a = formula.coefficients.times(t, weight, down);
            let [half, slope] = formula.link.half(x, far);
            let distance = formula.link.difference(half, half_top);
            let d = (distance.0 * up, distance.1 * up);
            if !formula.link.has_cap() && !x.all_above(f32::MIN) {
                a.0 = not_lost(a.0, x, t, weight, !formula.coefficients.weights.is_empty());
            }
            let is_nothing = d.0.le(zero.splat(SHIFT.floor()));
            let (power, delta) = SHIFT.terms_of_words(d);
            let mut e = (
                S::F32::select(is_nothing, zero, power),
                S::F32::select(is_nothing, zero, power * delta),
            );
            if count < S::F32::COUNT {
                // Through a soft cap −∞ is not nothing.
                e = (simd.keep_first(e.0, count, 0.0), simd.keep_first(e.1, count, 0.0));
                a = (simd.keep_first(a.0, count, 0.0), simd.keep_first(a.1, count, 0.0));
            }
            let lane = top.wrapping_sub(at);
            if lane < S::F32::COUNT {
                e = (e.0 - simd.only(e.0, lane), e.1 - simd.only(e.1, lane));
                a = (a.0 - simd.only(a.0, lane), a.1 - simd.only(a.1, lane));
            }
            // A coefficient of 0 wins over an infinity.
            let (term, low) = finite(product(a, (-distance.0, -distance.1)));
            let is_free = a.0.eq(zero);
            let term = (S::F32::select(is_free, zero, term), S::F32::select(is_free, zero, low));
            largest = largest.max_magnitude(a.0);
            e_sum.add_at(at, Term::Signed(e.0, e.1));
            a_sum.add_at(at, Term::Signed(a.0, a.1));
            d_sum.add_at(at, Term::Signed(term.0, term.1));
            unsafe {
                piece.store(simd, 0, i * columns + at, e);
                piece.store(simd, 2, i * columns + at, a);
                if formula.link.has_cap() {
                    piece.store(simd, 4, i * columns + at, slope);
                }
            }
            at += S::F32::COUNT;
        }
        rows.has_large |= u64::from(!S::F32::all_within([largest], LARGE)) << i;
        others.store(simd, i, e_sum, is_first, true);
        rest.store(simd, i, a_sum, is_first, true);
        distance.store(simd, i, d_sum, is_first, true);
    }
}

/// A coefficient, or the target where the score is −∞ and the weight not 0: a product that rounds to
/// 0 makes the loss infinite, too.
#[inline(always)]
fn not_lost<V: Lanes>(a: V, x: V, t: V, weight: V, has_weights: bool) -> V {
    let is_lost = a.eq(a.splat(0.0)).and(x.eq(a.splat(f32::NEG_INFINITY)));
    let is_none = weight.eq(a.splat(0.0));
    let t = if has_weights { V::select(is_none, a, t) } else { t };
    V::select(is_lost, t, a)
}

/// The losses of up to [`GROUP`] rows, and what their gradients are made of, one row a lane.
#[inline(always)]
pub(super) unsafe fn general_results<S: Simd>(
    simd: S,
    count: usize,
    formula: &General<'_>,
    rows: &mut GeneralRows,
) {
    let (zero, one) = (simd.splat(0.0), simd.splat(1.0));
    let link = formula.link;
    let (t, delta) = SHIFT.terms_of_words((zero, zero));
    let own = fast_two_sum(t, t * delta);
    for i in 0..count.min(GROUP) {
        let is_large = rows.has_large >> i & 1 == 1;
        rows.headroom.set(i, if is_large { 1.0 } else { HEADROOM });
    }
    let mut at = 0;
    while at < count.min(GROUP) {
        let (target, weight, down, headroom) = unsafe {
            let (target, weight) = (simd.load(rows.target.at(at)), simd.load(rows.weight.at(at)));
            (target, weight, simd.load(rows.down.at(at)), simd.load(rows.headroom.at(at)))
        };
        let far = unsafe { simd.load(rows.far.at(at)) };
        let (others, distance) = (rows.others.load(simd, at), rows.distance.load(simd, at));
        let mut rest = rows.rest.load(simd, at);
        let at_top = formula.coefficients.times(target, weight, down);
        let (sum, low) = add(own, others);
        let all = fast_two_sum(sum, low);

        let surprise = ln_1p_positive_words(divide(others, own));
        let mut mass = add(rest, at_top);
        // A small surprise is the ratio, whose digits a subnormal may have lost; and is rounded
        // once.
        let ratio = divide((others.0 * HEADROOM, others.1 * HEADROOM), own);
        let (high, low) = finite(product(mass, ratio));
        let is_small = surprise.0.lt(one * (1.0 / HEADROOM));
        let loss = finite(product(mass, surprise));
        let mut loss = (
            S::F32::select(is_small, (high + low) * (1.0 / HEADROOM), loss.0) * far,
            S::F32::select(is_small, zero, loss.1) * far,
        );
        loss = finite(add(loss, distance));
        if formula.z != 0.0 {
            let half = rows.half.load(simd, at);
            let (high, low) = finite(product(half, splat(zero, link.factor)));
            let scaled = finite((high * 2.0, low * 2.0));
            let ln = finite(add(scaled, (surprise.0 * far, surprise.1 * far)));
            let (z, up) = (simd.splat(formula.z), down / far);
            let slope = finite(times(z, ln));
            let (square, low) = finite(product(slope, ln));
            let sum = finite(add(loss, finite((square * up, low * up))));
            // Of an impossible class, whatever the sign.
            let is_finite = distance.0.abs().lt(one * f32::INFINITY);
            loss =
                (S::F32::select(is_finite, sum.0, loss.0), S::F32::select(is_finite, sum.1, zero));
            let slope = finite((slope.0 * 2.0 * up, slope.1 * 2.0 * up));
            (mass, rest) = (finite(add(mass, slope)), finite(add(rest, slope)));
        }
        let largest = at_top.0.abs().max(mass.0.abs()).max(rest.0.abs());
        let is_large = one.splat(LARGE).lt(largest);
        let headroom = S::F32::select(is_large, one, headroom);
        let share = divide((own.0 * headroom, own.1 * headroom), all);
        let share_of_others = divide((others.0 * headroom, others.1 * headroom), all);
        // Where the sum of the coefficients has cancelled, its second word is no longer small, nor is
        // that of e^d: what their product leaves out would count.
        let mass = finite(two_sum(mass.0, mass.1));
        let factor = finite(product(mass, divide((headroom, zero), all)));
        let (minus, low) = finite(product(at_top, share_of_others));
        let at_top = finite(add(finite(product(rest, share)), (-minus, -low)));
        let at_top = link.chain(at_top, rows.slope.load(simd, at), one / headroom) / down;
        unsafe {
            simd.store(rounded(loss) / down / far, rows.loss.at_mut(at));
            simd.store(at_top, rows.at_top.at_mut(at));
            simd.store(headroom, rows.headroom.at_mut(at));
        }
        rows.factor.store(simd, at, factor);
        at += S::F32::COUNT;
    }
}

/// Writes the gradients of a piece of rows that was just summed, but for their largest scores.
#[inline(always)]
pub(super) unsafe fn general_write<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    formula: &General<'_>,
    rows: &GeneralRows,
    piece: &mut Piece,
) {
    let zero = simd.splat(0.0);
    let columns = tile.columns.min(PIECE);
    for i in 0..tile.rows.min(GROUP).min(PIECE / columns.max(1)) {
        let out = tile.out.wrapping_add(i * tile.out_stride);
        let factor = splat(zero, rows.factor.get(i));
        let headroom = rows.headroom.get(i);
        let (inverse, up) = (simd.splat(1.0 / headroom), 1.0 / rows.down.get(i));
        let mut at = 0;
        while at < columns {
            let count = columns - at;
            unsafe {
                let e = piece.load(simd, 0, i * columns + at);
                let p = finite(product(e, factor));
                // Nothing of an infinity is nothing.
                let is_nothing = e.0.eq(zero);
                let p =
                    (S::F32::select(is_nothing, zero, p.0), S::F32::select(is_nothing, zero, p.1));
                let (a, low) = piece.load(simd, 2, i * columns + at);
                let y = finite(add(p, (-(a * headroom), -(low * headroom))));
                let slope = if formula.link.has_cap() {
                    piece.load(simd, 4, i * columns + at)
                } else {
                    (zero, zero)
                };
                let y = formula.link.chain(y, slope, inverse);
                simd.store_part(y * up, out.wrapping_add(at), count);
            }
            at += S::F32::COUNT;
        }
    }
}
