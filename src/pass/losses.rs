//! Losses of rows from their sums, one row a lane.
//!
//! Here x are the scores and s = 1/T, which [`super::general`] calls μ. Of a row with label y, own is
//! the label's e^(s·x) · 2^-N and others the sum of all other terms. With tail = others/own,
//!
//! ```text
//! loss        = A·ln(1 + tail) + Σ a[k]·s·(x[y] − x[k]) + λ·L²
//! gradient[y] = s·((B − a[y])/(1 + tail) − a[y]·tail/(1 + tail))         B = A + 2λL
//! gradient[k] = s·(B·softmax(s·x)[k] − a[k])                          for k ≠ y
//! ```
//!
//! with coefficients a, A = Σ a and L = ln Σ e^(s·x). B − a[y] is added up from the other
//! coefficients, not subtracted: a right answer given with confidence keeps its tiny true loss and
//! gradient, where ln Σ e^x − x[y] cancels.
//! For plain labels a is the weight at y and 0 elsewhere.
//!
//! A row is marked, and [`super::general`] takes it, if its tail is outside 2^-60 to 2^64, its mass
//! times s outside 2^-60 to 2^24, its loss not finite, another coefficient larger than the
//! label's, or, with z-loss, the error of L would show.
#![allow(unsafe_code)] // a `PerRow` has room for a vector from each row on

use super::accumulator::{Accumulator, Term, Totals};
use super::coefficients::splat;
use super::rows::{exponents, inverse, words_of_each};
use super::shifts::Shifts;
use super::{Coefficients, DoubleWords, GROUP, PerRow, ROWS, Tile};
use crate::math::double_word::{add, fast_two_sum, product, rounded, times};
use crate::math::ln::ln_1p_positive_words;
use crate::math::shifted_exp::Scale;
use crate::simd::{BLOCK, Lanes, Mask, Simd};

/// Between these, a tail and its logarithm keep both words: 2^-60 and 2^64.
const LEAST_TAIL: f32 = 8.673_617_4e-19;
const MOST_TAIL: f32 = 1.844_674_4e19;
/// Where s times weights and sums of targets stays between these, no result loses digits to
/// subnormal numbers, and the gradient is 0 where terms stop falling: 2^-60 and 2^24.
const MASS: [f32; 2] = [8.673_617_4e-19, 16_777_216.0];

/// With z-loss, the surprise ln(1 + tail) is at most so many times the larger of 1 and |L|, and
/// the loss at least so many times λ·|L| times the surprise or 1.
const MOST_SURPRISE: f32 = 8.0;
const LEAST_LOSS: f32 = 3.0;

/// Which classes have a coefficient.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// The label alone.
    Label,
    /// All, ε/K each, and the label 1 − ε more.
    Even,
    /// All, each its own.
    Each,
}

/// What all rows of a call have in common.
#[derive(Clone, Copy)]
pub(crate) struct LossFormula<'a> {
    pub(crate) scale: Scale,
    /// λ.
    pub(crate) z: f32,
    pub(crate) spread: Spread,
    pub(crate) coefficients: Coefficients<'a>,
    /// K.
    pub(crate) columns: f32,
    /// s·ε/K as a double-word number.
    pub(crate) scaled: (f32, f32),
    /// A bound of the other coefficients; 0 where the label's is known to be the largest.
    pub(crate) most: f32,
}

/// Numbers of rows that losses are made of, and those that they give.
pub(crate) struct LossRows {
    /// The label's score.
    pub(crate) score: PerRow,
    pub(crate) weight: PerRow,
    /// t at the label, and Σ a of the others.
    pub(crate) target: PerRow,
    pub(crate) rest: DoubleWords,
    /// Σ x, or Σ a·x of the others.
    pub(crate) moment: DoubleWords,
    pub(crate) loss: PerRow,
    /// The gradient at the label.
    pub(crate) at_label: PerRow,
    /// By what e^(s·x) · 2^-N is multiplied elsewhere.
    pub(crate) factor: DoubleWords,
}

impl LossRows {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self {
            score: PerRow::new(),
            weight: PerRow::new(),
            target: PerRow::new(),
            rest: DoubleWords::new(),
            moment: DoubleWords::new(),
            loss: PerRow::new(),
            at_label: PerRow::new(),
            factor: DoubleWords::new(),
        }
    }
}

/// What a row's results are made of, in two words.
#[derive(Clone, Copy)]
pub(super) struct Terms<V> {
    /// The sums of e^(s·x) · 2^-N of the others, and of the label.
    pub(super) others: (V, V),
    pub(super) own: (V, V),
}

/// Of a row the loss, the derivative by the label's score, and by what e^(s·x) · 2^-N is
/// multiplied elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Results<V> {
    pub(super) loss: V,
    pub(super) at_label: V,
    pub(super) factor: (V, V),
}

impl<V: Lanes> Terms<V> {
    /// The results of plain labels, and where they hold.
    #[inline(always)]
    pub(super) fn of_label(self, scale: &Scale, weight: V) -> (Results<V>, V::Mask) {
        let Self { others, own } = self;
        let zero = weight.splat(0.0);
        // By reciprocals: that of the label's own does not wait for the others' sum.
        let tail = product(others, inverse(own));
        let loss = rounded(times(weight, ln_1p_positive_words(tail)));
        let (high, low) = add(others, own);
        let inverse = inverse(fast_two_sum(high, low));
        let mut share = times(weight, product(others, inverse));
        let mut factor = times(weight, inverse);
        if !scale.is_one() {
            let s = splat(weight, scale.words);
            (share, factor) = (product(share, s), product(factor, s));
        }
        // Zero less the share: where it is 0, so is the gradient.
        let at_label = zero - (share.0 + share.1);
        let has_mass = is_mass(weight, scale);
        (Results { loss, at_label, factor }, is_ordinary(tail.0, loss).and(has_mass))
    }

    /// The results of any coefficients, and where they hold. For those of plain labels they are
    /// [`of_label`](Self::of_label)'s, to the bit.
    #[inline(always)]
    fn of_coefficients(
        self,
        formula: &LossFormula<'_>,
        score: V,
        coefficients: [(V, V); 4],
    ) -> (Results<V>, V::Mask) {
        let Self { others, own } = self;
        let [at_label, mut rest, mut mass, distance] = coefficients;
        let mut has_mass = is_mass(mass.0, &formula.scale);
        let s = splat(score, formula.scale.words);
        let tail = product(others, inverse(own));
        let surprise = ln_1p_positive_words(tail);
        let mut loss = add(product(mass, surprise), distance);
        if formula.z != 0.0 {
            let ln = add(times(score, s), surprise);
            loss = add(loss, times(score.splat(formula.z), product(ln, ln)));
            let slope = times(score.splat(2.0 * formula.z), ln);
            (mass, rest) = (add(mass, slope), add(rest, slope));
            has_mass = has_mass.and(is_mass(mass.0.abs(), &formula.scale));
            // L is what a low score leaves of its surprise, which errs by 2^-30 of itself; and by
            // 2^-25 of tail/(1 + tail), which shows where the loss is little more than λ·L².
            let (size, one) = (ln.0.abs(), score.splat(1.0));
            let is_clear = surprise.0.lt(size.max(one) * MOST_SURPRISE);
            let shown = size * surprise.0.min(one) * (LEAST_LOSS * formula.z);
            has_mass = has_mass.and(is_clear).and(shown.le(loss.0));
        }
        let loss = rounded(loss);
        let (high, low) = add(others, own);
        let inverse = inverse(fast_two_sum(high, low));
        let (high, low) = product(at_label, product(others, inverse));
        let mut at_label = (-high, -low);
        if formula.spread != Spread::Label || formula.z != 0.0 {
            at_label = add(product(rest, product(own, inverse)), at_label);
        }
        let mut factor = product(mass, inverse);
        if !formula.scale.is_one() {
            (at_label, factor) = (product(at_label, s), product(factor, s));
        }
        // Of −0 makes 0.
        let at_label = (score.splat(0.0) + at_label.0) + at_label.1;
        let results = Results { loss, at_label, factor };
        (results, is_ordinary(tail.0, loss).and(has_mass))
    }
}

/// Whether a weight or a sum of targets is 0, or s times it is within [`MASS`].
#[inline(always)]
fn is_mass<V: Lanes>(mass: V, scale: &Scale) -> V::Mask {
    let is_zero = mass.eq(mass.splat(0.0));
    let size = V::select(is_zero, mass.splat(1.0), mass * scale.words.0);
    size.splat(MASS[0]).lt(size).and(size.lt(size.splat(MASS[1])))
}

/// Whether both words of a tail are there, and its loss is finite.
#[inline(always)]
fn is_ordinary<V: Lanes>(tail: V, loss: V) -> V::Mask {
    let (least, most) = (tail.splat(LEAST_TAIL), tail.splat(MOST_TAIL));
    least.lt(tail).and(tail.lt(most)).and(loss.lt(loss.splat(f32::INFINITY)))
}

/// The losses of rows, what becomes of their gradients, and a bit for each row that is to be
/// taken another way.
#[inline(always)]
pub(super) unsafe fn losses<S: Simd>(
    simd: S,
    rows: usize,
    formula: &LossFormula<'_>,
    shifts: Option<&Shifts>,
    others: &DoubleWords,
    all: &mut LossRows,
) -> u64 {
    let (rows, scale) = (rows.min(ROWS), &formula.scale);
    let mut ordinary = 0;
    let mut at = 0;
    while at < rows {
        let score = all.score.load(simd, at);
        let own = words_of_each(scale, score, exponents(simd, shifts, at));
        let terms = Terms { others: others.load(simd, at), own };
        let coefficients = coefficients(simd, formula, score, all, at);
        let (results, is_ordinary) = terms.of_coefficients(formula, score, coefficients);
        // As no other coefficient is larger, no distance cancels what the label leaves.
        let is_ordinary = is_ordinary.and(simd.splat(formula.most).le(coefficients[0].0));
        ordinary |= S::F32::bits(is_ordinary) << at;
        all.loss.store(simd, at, results.loss);
        all.at_label.store(simd, at, results.at_label);
        all.factor.store(simd, at, results.factor);
        at += S::F32::COUNT;
    }
    !ordinary & if rows < 64 { (1 << rows) - 1 } else { u64::MAX }
}

/// Of rows from one on a[y], A − a[y], A, and Σ a[k]·s·(x[y] − x[k]).
#[inline(always)]
fn coefficients<S: Simd>(
    simd: S,
    formula: &LossFormula<'_>,
    score: S::F32,
    all: &LossRows,
    at: usize,
) -> [(S::F32, S::F32); 4] {
    let zero = simd.splat(0.0);
    let LossFormula { coefficients, scaled, .. } = formula;
    let (weight, target) = (all.weight.load(simd, at), all.target.load(simd, at));
    if formula.spread == Spread::Label {
        return [(weight, zero), (zero, zero), (weight, zero), (zero, zero)];
    }
    let (moment, moment_low) = all.moment.load(simd, at);
    let moment = (-moment, -moment_low);
    if formula.spread == Spread::Even {
        let columns = simd.splat(formula.columns);
        let distance = add(times(columns, (score, zero)), moment);
        let distance = product(distance, splat(zero, *scaled));
        let at_label = add(splat(zero, coefficients.keep), splat(zero, coefficients.uniform));
        let one = (simd.splat(1.0), zero);
        return [at_label, add(one, (-at_label.0, -at_label.1)), one, distance];
    }
    let own = coefficients.of(target, weight);
    let rest = all.rest.load(simd, at);
    let distance = add(times(score, rest), moment);
    [own, rest, add(own, rest), product(distance, splat(zero, formula.scale.words))]
}

/// Σ x of each of up to [`GROUP`] rows; or, where each class has its own coefficient, Σ a and
/// Σ a·x of each row but the skipped element. Σ a means nothing where one is negative.
#[inline(always)]
pub(super) unsafe fn moments<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    targets: Option<&Tile<'_>>,
    skipped: &[usize],
    formula: &LossFormula<'_>,
    [sums, moments]: [&mut Totals; 2],
) {
    /// Elements after which what gathers in the low part of a sum is carried into the high.
    const RUN: usize = 32 * BLOCK;
    let LossFormula { spread, coefficients, .. } = formula;
    let zero = simd.splat(0.0);
    let empty = Accumulator::zero(simd);
    for i in 0..tile.rows.min(GROUP) {
        let x = tile.x.wrapping_add(i * tile.x_stride);
        let skipped = skipped.get(i).copied().unwrap_or(usize::MAX);
        let (mut sum, mut moment) = (empty, empty);
        let mut at = 0;
        while at < tile.columns {
            let rest = tile.columns - at;
            let x = unsafe { simd.load_part(x.add(at), rest, 0.0) };
            if *spread == Spread::Each {
                let mut t = zero;
                if let Some(targets) = targets {
                    let from = targets.x.wrapping_add(i * targets.x_stride + at);
                    t = unsafe { simd.load_part(from, rest, 0.0) };
                }
                let mut a = coefficients.of(t, coefficients.weights(simd, at, rest));
                if rest < S::F32::COUNT {
                    a = (simd.keep_first(a.0, rest, 0.0), simd.keep_first(a.1, rest, 0.0));
                }
                let lane = skipped.wrapping_sub(at);
                if lane < S::F32::COUNT {
                    a = (a.0 - simd.only(a.0, lane), a.1 - simd.only(a.1, lane));
                }
                let term = times(x, a);
                sum.add_at(at, Term::Positive(a.0, a.1));
                moment.add_at(at, Term::Signed(term.0, term.1));
            } else {
                moment.add_at(at, Term::Signed(x, zero));
            }
            at += S::F32::COUNT;
            if at % RUN == 0 {
                sum.carry_finite();
                moment.carry_finite();
            }
        }
        sums.store(simd, i, sum, true, true);
        moments.store(simd, i, moment, true, true);
    }
}

/// The targets of a row from a place on, and the first words of their coefficients: −∞ beyond its
/// end.
#[inline(always)]
unsafe fn coefficients_of<S: Simd>(
    simd: S,
    targets: *const f32,
    columns: usize,
    coefficients: &Coefficients<'_>,
    at: usize,
) -> (S::F32, S::F32) {
    let rest = columns - at;
    let t = unsafe { simd.load_part(targets.wrapping_add(at), rest, 0.0) };
    let (a, _) = coefficients.of(t, coefficients.weights(simd, at, rest));
    (t, if rest < S::F32::COUNT { simd.keep_first(a, rest, f32::NEG_INFINITY) } else { a })
}

/// The place of the largest coefficient of each row of targets; a bit for each row with a negative
/// target or a NaN.
#[inline(always)]
pub(super) unsafe fn likeliest<S: Simd>(
    simd: S,
    targets: &Tile<'_>,
    coefficients: &Coefficients<'_>,
    places: &mut [usize; ROWS],
) -> u64 {
    let mut marked = 0;
    for (i, place) in places.iter_mut().enumerate().take(targets.rows) {
        let t = targets.x.wrapping_add(i * targets.x_stride);
        let (mut most, mut is_negative) = (simd.splat(f32::NEG_INFINITY), false);
        let mut at = 0;
        while at < targets.columns {
            let (t, a) = unsafe { coefficients_of(simd, t, targets.columns, coefficients, at) };
            is_negative |= !t.splat(0.0).le(t).all();
            most = a.max(most);
            at += S::F32::COUNT;
        }
        let mut block = simd.block(simd.splat(f32::NEG_INFINITY));
        block.as_mut()[0] = most;
        let most = simd.splat(simd.largest(block));
        *place = 0;
        at = 0;
        while at < targets.columns {
            let (_, a) = unsafe { coefficients_of(simd, t, targets.columns, coefficients, at) };
            let found = S::F32::bits(a.eq(most));
            if found != 0 {
                *place = at + found.trailing_zeros() as usize;
                break;
            }
            at += S::F32::COUNT;
        }
        marked |= u64::from(is_negative) << i;
    }
    marked
}
