//! Σ e^(s·x) over a row, in one pass: what log-sum-exp, softmax and the losses share. What
//! follows is for s = 1; another s is in [`Scale`], and what is said of x holds for s·x.
//!
//! **Method.** Not Σ e^(x − max), whose subtraction rounds, but Σ e^x · 2^-N with one
//! whole N for the row: the shift is exact, and f32's exponents leave so much room
//! that the maximum of the row's first elements tells N. e^x is T·(1 + δ) with T
//! from a table (see `math/exp.rs`); T and T·δ are summed apart, so that no term is
//! rounded before it is added.
//!
//! A sum starts from a bias above every T. Then three operations tell exactly what an
//! addition rounds off (Dekker's sum needs the larger operand first), and what is far
//! below the bias is summed with the T·δ. A block that passes what the bias is for
//! raises it: nothing that was summed changes. What has gathered beside a sum is carried
//! into it after every [`RUN`]. A bias far above most T would leave too much of them to
//! plain additions, so it follows the largest T of a [`SECTION`], unless it is as good.
//!
//! Rows are taken in steps of several vectors, on AVX-512 by [`Simd::exp_steps`]. A step
//! with a hole, for an element that is left out, and the row's end have something in their
//! place that is in range and nothing against what is summed.
//!
//! From |max| ≥ 224 on the roles change: reducing x would lose digits, but there
//! x − max is exact wherever it matters (both are multiples of 2^-16 and their
//! difference is below 2^7). Such rows, and those that rise by more than [`ROOM`]
//! above their first elements, take a pass for the maximum before.

use crate::kernel::row::Row;
pub(crate) use crate::loss::label::NOWHERE;
use crate::math::ln::{ln_1p_positive_words, ln_scaled};
use crate::math::shifted_exp::{self, LN_FACTOR, Scale};
use crate::math::words::{add, divide, fast_two_sum, rounded, times, two_sum};
use crate::simd::{
    Aligned, BLOCK, EIGHTHS, ExpSteps, Lanes, Mask, SIXTEENTHS, Simd, Vectors, unroll,
};
use crate::sweep::{self, AHEAD, Itself, RUN, Run, Total};

/// From this magnitude of s·max on, x − max is exact where it matters.
const EXTREME: f32 = 224.0;
/// Blocks whose maxima are taken side by side.
const GROUP: usize = 4;
/// Elements at the head of a row whose maximum tells N.
const HEAD: usize = GROUP * BLOCK;
/// e^x · 2^-N of that maximum is about 2^50, so that whatever is subnormal as a
/// probability is a normal number here.
pub(crate) const LEVEL: f32 = 50.0;
/// Powers of two between what a bias was made for and what it is good for.
const RISE: f32 = 4.0;
/// Elements after which the bias is chosen anew.
const SECTION: usize = 32 * RUN;
/// Fewer steps are not worth a call of [`Simd::exp_steps`].
const FEW: usize = 6;
/// The same if one of them has the hole.
const FEW_WITH_HOLE: usize = 2;
/// Powers of two that elements may rise above the head's maximum: 2^24 of them
/// have a finite sum.
const ROOM: f32 = 46.0;
/// Powers of two below N where terms stop falling: 2^24 of those, over a sum of 2^50,
/// are less than half the least subnormal number.
const DEPTH: f32 = 125.0;

/// What is taken from the elements of a row before they are summed.
#[derive(Clone, Copy)]
pub(crate) struct Shift {
    pub(crate) scale: Scale,
    /// Subtracted from x: zero, or the row's maximum where that is extreme.
    pub(crate) center: f32,
    /// N, subtracted from the power of two.
    pub(crate) exponent: f32,
}

impl Shift {
    /// For a row whose maximum is about `max`, a finite number.
    #[inline(always)]
    pub(crate) fn new(scale: Scale, max: f32) -> Self {
        if is_extreme(scale, max) {
            Self { scale, center: max, exponent: -LEVEL }
        } else {
            Self { scale, center: 0.0, exponent: whole(max * scale.log2_e) - LEVEL }
        }
    }

    /// `(t, δ)` of e^(s·x) · 2^-N, from x less the center and not below the floor.
    #[inline(always)]
    pub(crate) fn terms<V: Lanes>(self, x: V) -> (V, V) {
        let zero_point = self.zero_point(x);
        self.scale.exp::<_, true>(x, self.scale.power(x, zero_point), zero_point)
    }

    /// The same of x in two words, for a scale of 1.
    #[inline(always)]
    pub(crate) fn terms_of_words<V: Lanes>(self, x: (V, V)) -> (V, V) {
        let zero_point = self.zero_point(x.0);
        shifted_exp::shifted_exp_of_words(x, Scale::ONE.power(x.0, zero_point), zero_point)
    }

    /// [`rounded`](Self::rounded), from x less the center and not below the floor.
    #[inline(always)]
    pub(crate) fn in_range<V: Lanes>(self, x: V) -> V {
        let (t, delta) = self.terms(x);
        t.mul_add(delta, t)
    }

    /// What x less the center is at most, of a positive normal e^x · 2^-N.
    #[inline(always)]
    pub(crate) fn x_of(self, exp: f32) -> f32 {
        let power = (exp.to_bits() >> 23) as f32 - 126.0;
        (self.exponent + power) * self.scale.octave
    }

    /// Of the power, for N.
    #[inline(always)]
    fn zero_point<V: Lanes>(self, x: V) -> V {
        x.splat(SIXTEENTHS - self.exponent)
    }

    /// FACTOR · e^x · 2^-N in two words, exactly rounded together.
    #[inline(always)]
    pub(crate) fn words<V: Lanes>(self, x: V) -> (V, V) {
        let (t, delta) = self.terms(self.floored(x - self.center));
        fast_two_sum(t, t * delta)
    }

    /// FACTOR · e^x · 2^-N, as it is stored.
    #[inline(always)]
    pub(crate) fn rounded<V: Lanes>(self, x: V) -> V {
        self.in_range(self.floored(x - self.center))
    }

    /// An x that is in range, where that is possible, and nothing against what is not.
    #[inline(always)]
    fn nothing(self) -> f32 {
        if self.center == 0.0 { self.floor() + self.scale.inverse } else { f32::NEG_INFINITY }
    }

    /// Where e^x · 2^-N stops falling.
    #[inline(always)]
    pub(crate) fn floor(self) -> f32 {
        (self.exponent - DEPTH) * self.scale.octave
    }

    /// x, but nothing below the floor.
    #[inline(always)]
    pub(crate) fn floored<V: Lanes>(self, x: V) -> V {
        // In this order a NaN stays one.
        x.splat(self.floor()).max(x)
    }
}

/// [`Shift::words`] of one x a lane, each with a shift of its own.
#[inline(always)]
pub(crate) fn words_of_each<V: Lanes>(scale: Scale, x: V, center: V, exponent: V) -> (V, V) {
    let floor = (exponent - DEPTH) * scale.octave;
    let x = floor.max(x - center);
    let zero_point = x.splat(SIXTEENTHS) - exponent;
    let (t, delta) = scale.exp::<_, true>(x, scale.power(x, zero_point), zero_point);
    fast_two_sum(t, t * delta)
}

/// Whether s·x is extreme, or a NaN.
#[inline(always)]
pub(super) fn is_extreme(scale: Scale, x: f32) -> bool {
    let is_moderate = x.abs() * scale.words.0 < EXTREME;
    !is_moderate
}

/// The nearest whole number, for |x| < 2^22.
#[inline(always)]
fn whole(x: f32) -> f32 {
    (x + 12_582_912.0) - 12_582_912.0 // 1.5 · 2^23
}

/// Σ e^x of a row, `total / FACTOR · 2^exponent · e^(center − drift)`.
#[derive(Clone, Copy)]
pub(crate) struct ShiftedSum<S: Simd> {
    pub(crate) total: Total<S>,
    /// Of its [`Shift`].
    pub(crate) center: f32,
    pub(crate) exponent: f32,
    pub(crate) drift: f32,
    /// The largest t that was summed, without a meaning beside a hole.
    pub(crate) most: f32,
    /// The largest element, if the row is in place.
    pub(crate) max: f32,
}

impl<S: Simd> ShiftedSum<S> {
    /// Without a meaning.
    #[inline(always)]
    pub(crate) fn nan(simd: S) -> Self {
        let (total, center) = (Total::constant(simd, f32::NAN), f32::NAN);
        Self { total, center, exponent: 0.0, drift: 0.0, most: 0.0, max: f32::NAN }
    }

    /// What was taken from x.
    #[inline(always)]
    pub(crate) fn shift(&self, scale: Scale) -> Shift {
        Shift { scale, center: self.center, exponent: self.exponent }
    }

    /// Its logarithm as a sum of three.
    #[inline(always)]
    pub(crate) fn ln(self, simd: S) -> (f32, f32, f32) {
        let words = self.total.value(simd);
        let (high, low) = Scaled::new(simd, self.exponent, words).ln(simd, self.drift);
        // A NaN among the elements, or several exponents too large.
        let center = if words.0.is_nan() { f32::NAN } else { self.center };
        (center, high, low)
    }
}

/// The number `(high + low) / FACTOR · 2^exponent`, and e^center of its [`Shift`].
#[derive(Clone, Copy)]
pub(crate) struct Scaled {
    /// A whole number of moderate size.
    pub(crate) exponent: f32,
    /// Within [1, 2) or, where multiplication is not fused, [√½, √2).
    pub(crate) high: f32,
    /// At most half the last bit of `high`.
    pub(crate) low: f32,
}

impl Scaled {
    /// From a positive sum in two words of any normal size.
    #[inline(always)]
    pub(crate) fn new<S: Simd>(simd: S, exponent: f32, (high, low): (f32, f32)) -> Self {
        let (high, e) = simd.splat(high).split_exp2();
        let (high, e) = (high.first(), e.first());
        Self { exponent: exponent + e, high, low: low * exp2(-e) }
    }

    /// `high` and `low` as vectors.
    #[inline(always)]
    pub(crate) fn words<S: Simd>(self, simd: S) -> (S::F32, S::F32) {
        (simd.splat(self.high), simd.splat(self.low))
    }

    /// The number's logarithm less a drift, in two words.
    #[inline(always)]
    pub(crate) fn ln<S: Simd>(self, simd: S, drift: f32) -> (f32, f32) {
        let (high, low) = ln_of_shifted(self.words(simd), simd.splat(self.exponent));
        (high.first(), low.first() - drift)
    }
}

/// The logarithm of (high + low) / FACTOR · 2^exponent, in two words.
#[inline(always)]
pub(crate) fn ln_of_shifted<V: Lanes>(sum: (V, V), exponent: V) -> (V, V) {
    let (high, low) = ln_scaled(sum, exponent);
    let (sum, error) = two_sum(high, high.splat(-LN_FACTOR[0]));
    fast_two_sum(sum, error + (low - LN_FACTOR[1]))
}

/// weight · ln(1 + others / own), rounded once. A weight of 0 wins over an infinity.
#[inline(always)]
pub(crate) fn weighted_ln_1p_of_ratio<S: Simd>(
    simd: S,
    weight: f32,
    shift: Shift,
    score: f32,
    others: (f32, f32),
    own: (f32, f32),
) -> f32 {
    if others.0 == 0.0 || weight == 0.0 {
        return 0.0;
    }
    let others = Scaled::new(simd, shift.exponent, others);
    let own = Scaled::new(simd, shift.exponent, own);
    // (ratio + ratio_low) · 2^gap
    let (ratio, ratio_low) = divide(others.words(simd), own.words(simd));
    let gap = others.exponent - own.exponent;
    let distance = score - shift.center;
    if gap < -TINY && distance > shift.floor() {
        // It is the ratio, whose digits a subnormal would lose.
        return scaled_product(simd, weight, (ratio, ratio_low), gap);
    }
    let ln = if distance <= shift.floor() {
        // A difference of logarithms, far apart.
        let (high, low) = others.ln(simd, 0.0);
        let (s, s_low) = shift.scale.words;
        let own = times(simd.splat(distance), (simd.splat(s), simd.splat(s_low)));
        add((simd.splat(high), simd.splat(low)), (-own.0, -own.1))
    } else if gap > 64.0 {
        ln_scaled((ratio, ratio_low), simd.splat(gap))
    } else {
        ln_1p_positive_words((scale(simd, ratio, gap), ratio_low * exp2(gap)))
    };
    rounded(times(simd.splat(weight), ln)).first()
}

/// weight · (x + low) · 2^n of moderate x, rounded once but where it is subnormal.
#[inline(always)]
pub(crate) fn scaled_product<S: Simd>(simd: S, weight: f32, x: (S::F32, S::F32), n: f32) -> f32 {
    if weight == 0.0 {
        return 0.0;
    }
    let (weight, n) =
        if weight < f32::MIN_POSITIVE { (weight * 16_777_216.0, n - 24.0) } else { (weight, n) };
    let (weight, e) = simd.splat(weight).split_exp2();
    let (high, low) = times(weight, x);
    scale(simd, high + low, n + e.first()).first()
}

/// Below 2^-60 a ratio is the logarithm of 1 more.
const TINY: f32 = 60.0;

/// x · 2^n for x of moderate size and n ≤ 250, with one rounding.
#[inline(always)]
pub(crate) fn scale<S: Simd>(simd: S, x: S::F32, n: f32) -> S::F32 {
    x.scale_exp2(simd.splat(EIGHTHS + n.max(-250.0)))
}

/// A row's sum.
pub(crate) enum ExpSum<S: Simd> {
    /// No element, or only −∞.
    Empty,
    /// A NaN among them.
    Nan,
    /// A +∞ and no NaN.
    Infinite,
    /// Anything else.
    Finite(ShiftedSum<S>),
}

/// Sums e^x · 2^-N without the element at `hole`, and writes it if it is to be kept; from
/// the largest of the [`head`].
#[inline(always)]
pub(crate) fn exp_sum<S: Simd, R: Row, const EXACT: bool>(
    simd: S,
    scale: Scale,
    row: &mut R,
    others: f32,
    hole: usize,
    keep: bool,
) -> ExpSum<S> {
    let head = row.input().get(hole).map_or(others, |x| if *x > others { *x } else { others });
    let (mut max, mut most) = (head, head + ROOM * scale.octave);
    let mut top = f32::NAN;
    // In place nothing may be written before the row is known to stay in range.
    let mut scan = R::IN_PLACE || head.is_nan() || is_extreme(scale, head);
    let mut failed = false;
    loop {
        if scan {
            top = maximum(simd, row.input());
            if failed || is_extreme(scale, head) || top.is_nan() || top > most {
                if top.is_nan() {
                    return ExpSum::Nan;
                } else if top == f32::INFINITY {
                    return ExpSum::Infinite;
                } else if top == f32::NEG_INFINITY {
                    return ExpSum::Empty;
                }
                (max, most) = (top, f32::INFINITY);
            }
        }
        let (shift, which) = (Shift::new(scale, max), Which { hole, keep });
        if let Some(sum) = sum::<S, R, EXACT>(simd, row, shift, [others, most], which) {
            return ExpSum::Finite(ShiftedSum { max: top, ..sum });
        }
        (scan, failed) = (true, true);
    }
}

/// [`exp_sum`] of a row that has a sum, else NaN.
#[inline(always)]
pub(crate) fn finite_sum<S: Simd, R: Row>(
    simd: S,
    scale: Scale,
    row: &mut R,
    head: f32,
    hole: usize,
    keep: bool,
) -> ShiftedSum<S> {
    match exp_sum::<S, R, true>(simd, scale, row, head, hole, keep) {
        ExpSum::Finite(sum) => sum,
        _ => ShiftedSum::nan(simd),
    }
}

/// The largest of the first elements without the hole.
#[inline(always)]
pub(crate) fn head<S: Simd>(simd: S, x: &[f32], hole: usize) -> f32 {
    let x = x.get(..HEAD).unwrap_or(x);
    let mut most = simd.block(simd.splat(f32::NEG_INFINITY));
    for at in (0..x.len()).step_by(BLOCK) {
        let mut x = simd.load_block(x.get(at..).unwrap_or(&[]), f32::NEG_INFINITY);
        if hole.wrapping_sub(at) < BLOCK {
            x = without(simd, x, hole - at, f32::NEG_INFINITY);
        }
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            most.as_mut()[j] = x.as_ref()[j].max(most.as_ref()[j]);
        });
    }
    simd.largest(most)
}

/// One pass, for elements of which the first go up to `first`; `None` if one exceeds
/// `most`.
#[inline(always)]
fn sum<S: Simd, R: Row, const EXACT: bool>(
    simd: S,
    row: &mut R,
    shift: Shift,
    [first, most]: [f32; 2],
    which: Which,
) -> Option<ShiftedSum<S>> {
    let most = most - shift.center;
    let power = whole((first - shift.center) * shift.scale.log2_e) - shift.exponent;
    let (bias, reach) = (Bias::above(power), Reach(simd.splat(0.0)));
    let mut sums = Sums { total: Total::zero(simd), bias, reach };
    let (mut largest, length) = (LEAST, row.input().len().min(R::MOST));
    for start in (0..length).step_by(SECTION) {
        let section = [start, length.min(start + SECTION)];
        if !sum_section::<S, R, EXACT>(simd, row, shift, most, section, which, &mut sums) {
            return None;
        }
        // Nobody asks for the largest beside a hole.
        if section[1] == length && which.hole != NOWHERE {
            break;
        }
        let power = sums.reach.largest(simd);
        largest = largest.max(power);
        if section[1] == length {
            break;
        }
        // The next section need not wait for a bias that is as good.
        let bias = Bias::above(whole(power - SIXTEENTHS));
        if (bias.power - sums.bias.power).abs() > 1.0 {
            sums.bias = bias;
        }
        sums.reach = reach;
    }
    let power = shift.exponent + (largest - SIXTEENTHS);
    let drift = if EXACT { 0.0 } else { power * shifted_exp::drift(S::FUSED) };
    let most = simd.splat(1.0).add_power::<16>(simd.splat(largest)).first();
    let (total, Shift { center, exponent, .. }) = (sums.total, shift);
    Some(ShiftedSum { total, center, exponent, drift, most, max: f32::NAN })
}

/// The least power that is in range.
const LEAST: f32 = SIXTEENTHS - DEPTH;

/// Where sums start, and how far the power of an x may go.
#[derive(Clone, Copy)]
struct Bias {
    value: f32,
    power: f32,
}

impl Bias {
    /// For terms up to 2^(power + RISE).
    #[inline(always)]
    fn above(power: f32) -> Self {
        let top = power.max(-DEPTH) + RISE;
        Self { value: exp2(top + 1.0), power: SIXTEENTHS + top }
    }
}

/// How far powers in range lie above [`LEAST`]: the most of each lane.
#[derive(Clone, Copy)]
struct Reach<V>(V);

impl<V: Lanes> Reach<V> {
    /// That, and these too.
    #[inline(always)]
    fn with(self, powers: &[V]) -> Self {
        let mut reach = self.0;
        for power in powers {
            reach = reach.max_distance(*power, LEAST);
        }
        Self(reach)
    }

    #[inline(always)]
    fn is_within(self, bias: Bias) -> bool {
        self.0.all_up_to(bias.power, LEAST)
    }

    /// The largest power.
    #[inline(always)]
    fn largest<S: Simd<F32 = V>>(self, simd: S) -> f32 {
        simd.largest(simd.block(self.0.at_distance(LEAST)))
    }
}

/// Which elements are summed, and whether all are written.
#[derive(Clone, Copy)]
struct Which {
    /// All but this one.
    hole: usize,
    keep: bool,
}

/// What is known of the terms so far.
struct Sums<S: Simd> {
    total: Total<S>,
    bias: Bias,
    /// Of the section.
    reach: Reach<S::F32>,
}

impl<S: Simd> Sums<S> {
    /// The powers of x less the center, raised to the floor where that is lower; `None` if
    /// one is above the bias's. A NaN is not: it shows in the sum.
    #[inline(always)]
    fn powers<V: Vectors<S>>(&mut self, shift: Shift, x: &mut V) -> Option<V> {
        let zero_point = shift.zero_point(*x);
        let mut power = shift.scale.power(*x, zero_point);
        let mut reach = self.reach.with(power.as_ref());
        if !reach.is_within(self.bias) {
            // By the power, as above: whether a bias is raised must not depend on what else
            // is in the vector. In this order a NaN does not count.
            if !power.max(x.splat(f32::NEG_INFINITY)).le(x.splat(self.bias.power)).all() {
                return None;
            }
            *x = shift.floored(*x);
            power = shift.scale.power(*x, zero_point);
            reach = self.reach.with(power.as_ref());
            if !reach.is_within(self.bias) {
                reach = self.reach;
            }
        }
        self.reach = reach;
        Some(power)
    }
}

/// Adds a section to the total, unless an element exceeds `most`.
///
/// Bits are the same whatever the width of steps: blocks go to the same lanes in the same
/// order, a bias is raised before the same block, and carried after the same.
#[inline(always)]
fn sum_section<S: Simd, R: Row, const EXACT: bool>(
    simd: S,
    row: &mut R,
    shift: Shift,
    most: f32,
    [start, end]: [usize; 2],
    which: Which,
    sums: &mut Sums<S>,
) -> bool {
    let mut run = Run::new(simd, sums.bias.value);
    let (mut at, mut part) = (start, start + RUN);
    while at < end {
        if const { S::EXP_STEPS } && shift.center == 0.0 {
            let next = [at, part, end];
            at = sum_by_hand::<S, R, EXACT>(simd, row, shift, next, which, sums, &mut run);
            while part <= at {
                part += RUN;
            }
        }
        let stop = end.min(part);
        at = sum_steps::<S, R, EXACT>(simd, row, shift, [at, stop], which, sums, &mut run);
        if at < stop {
            let rest = [at, stop];
            match sum_part::<S, R, EXACT>(simd, row, shift, most, rest, which, sums, &mut run) {
                Some(count) => at += count,
                None => return false,
            }
        }
        if at >= part {
            run.carry();
            part += RUN;
        }
    }
    run.flush(&mut sums.total);
    true
}

/// Where the step with the hole begins, if it is not before, else the end.
#[inline(always)]
fn before<S: Simd>(hole: usize, [at, end]: [usize; 2]) -> usize {
    if hole < at || end <= hole { end } else { hole - (hole - at) % step::<S>() }
}

/// Elements of a step, whole or not.
const fn step<S: Simd>() -> usize {
    if S::Wide::COUNT > BLOCK { S::Wide::COUNT } else { BLOCK }
}

/// Adds whole steps by [`Simd::exp_steps`]. Returns how far it came.
#[inline(always)]
fn sum_by_hand<S: Simd, R: Row, const EXACT: bool>(
    simd: S,
    row: &mut R,
    shift: Shift,
    [at, part, end]: [usize; 3],
    Which { hole, keep }: Which,
    sums: &mut Sums<S>,
    run: &mut Run<S>,
) -> usize {
    let (step, rest) = (S::Wide::COUNT, part - at);
    // A run that does not end with a step is not carried beside steps.
    let (end, carry) =
        if rest % step == 0 { (end, rest / step) } else { (end.min(part), usize::MAX) };
    let end = at + (end - at) / step * step;
    let is_here = (at..end).contains(&hole);
    if end - at < step * if is_here { FEW_WITH_HOLE } else { FEW } {
        return at;
    }
    // The step with the hole is read from elsewhere.
    let (patched, mut patch) = (hole.wrapping_sub(at) / step, Aligned([0.0; MOST]));
    let (at_hole, mut of_hole) = (hole.wrapping_sub(at) % step, 0.0);
    if is_here {
        let x = row.input().get(at + patched * step..end).unwrap_or(&[]);
        sweep::map(simd, Itself, x.get(..step).unwrap_or(&[]), &mut patch.0);
        if let Some(hole) = patch.0.get_mut(at_hole) {
            of_hole = shift.rounded(simd.splat(*hole)).first();
            *hole = shift.nothing();
        }
    }
    let ahead = row.input().as_ptr().wrapping_add(at + AHEAD);
    let (x, beside) = row.elements(step, at..end, keep);
    let taken = simd.exp_steps::<EXACT>(ExpSteps {
        x,
        patch: if is_here { Some((patched, &patch.0)) } else { None },
        ahead,
        // Where nothing streams, nothing is queued.
        beside: if const { S::STREAMS } { beside } else { None },
        formula: shift.scale.formula(SIXTEENTHS - shift.exponent, [LEAST, sums.bias.power]),
        carry,
        sum: run.words(),
        reach: &mut sums.reach.0,
    });
    let end = at + taken * step;
    if let Some(out) = row.output().get_mut(hole).filter(|_| is_here && keep && hole < end) {
        *out = of_hole;
    }
    end
}

/// Adds whole steps from `at` on, before `end` and the hole, and before what passes the
/// bias. Returns how far it came.
#[inline(always)]
fn sum_steps<S: Simd, R: Row, const EXACT: bool>(
    simd: S,
    row: &mut R,
    shift: Shift,
    [mut at, end]: [usize; 2],
    Which { hole, keep }: Which,
    sums: &mut Sums<S>,
    run: &mut Run<S>,
) -> usize {
    let end = before::<S>(hole, [at, end]);
    while end - at >= Run::<S>::WIDE {
        let Some(x) = row.input().get(at..at + Run::<S>::WIDE) else { break };
        simd.prefetch_ahead(x);
        let mut x = S::Wide::load(simd, x);
        if shift.center != 0.0 {
            x = x - shift.center;
        }
        row.beside(simd);
        let Some(power) = sums.powers(shift, &mut x) else { break };
        let (t, delta) = shift.scale.exp::<_, EXACT>(x, power, shift.zero_point(x));
        if R::WRITES && keep {
            let out = row.output().get_mut(at..at + Run::<S>::WIDE).unwrap_or(&mut []);
            t.mul_add(delta, t).store(simd, out);
        }
        run.add_wide(t, delta);
        at += Run::<S>::WIDE;
    }
    at
}

/// Adds a part of a step: at the row's end, about the hole or beyond the limit. Returns how
/// many elements, `None` if one exceeds `most`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn sum_part<S: Simd, R: Row, const EXACT: bool>(
    simd: S,
    row: &mut R,
    shift: Shift,
    most: f32,
    [at, end]: [usize; 2],
    Which { hole, keep }: Which,
    sums: &mut Sums<S>,
    run: &mut Run<S>,
) -> Option<usize> {
    let missing = shift.nothing();
    let mut count = step::<S>().min(end - at);
    // One lane at a time, whole blocks come here, too: they are not copied.
    let is_block = const { S::Wide::COUNT < BLOCK }
        && count == BLOCK
        && shift.center == 0.0
        && BLOCK <= hole.wrapping_sub(at);
    let mut x = Aligned([missing; MOST]);
    let Aligned(x) = &mut x;
    if !is_block {
        for j in (0..step::<S>()).step_by(S::F32::COUNT) {
            let from = row.input().get(at + j..at + count).unwrap_or(&[]);
            let from = simd.load(from, missing) - shift.center;
            simd.store(from, x.get_mut(j..).unwrap_or(&mut []));
        }
    }
    // It may lie beyond the part: then it is for another.
    let score = x.get(hole.wrapping_sub(at)).copied();
    if let Some(hole) = x.get_mut(hole.wrapping_sub(at)) {
        *hole = missing;
    }
    let (mut t, mut delta) = ([simd.splat(0.0); BLOCK], [simd.splat(0.0); BLOCK]);
    let mut is_whole = false;
    if const { S::Wide::COUNT >= BLOCK } {
        let mut x = S::Wide::load(simd, x);
        if let Some(power) = sums.powers(shift, &mut x) {
            is_whole = true;
            let terms = shift.scale.exp::<_, EXACT>(x, power, shift.zero_point(x));
            unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
                (t[j], delta[j]) = (terms.0.as_ref()[j], terms.1.as_ref()[j]);
            });
        }
    }
    if !is_whole {
        // Block by block, whatever the width of steps.
        count = count.min(BLOCK);
        loop {
            let x = if is_block { row.input().get(at..) } else { x.get(..) };
            let x = x.and_then(|x| x.get(..BLOCK)).unwrap_or(&[]);
            let mut within = true;
            unroll!(j in 0..BLOCK / S::F32::COUNT, {
                let mut x = simd.load(x.get(j * S::F32::COUNT..).unwrap_or(&[]), 0.0);
                match sums.powers(shift, &mut x) {
                    Some(power) => {
                        (t[j], delta[j]) =
                            shift.scale.exp::<_, EXACT>(x, power, shift.zero_point(x));
                    }
                    None => within = false,
                }
            });
            if within {
                break;
            }
            let max = largest(simd, x);
            if max > most {
                return None;
            }
            sums.bias = Bias::above(whole(max * shift.scale.log2_e) - shift.exponent);
            run.raise(sums.bias.value);
        }
    }
    for j in 0..step::<S>() / S::F32::COUNT {
        let first = j * S::F32::COUNT;
        // Whole blocks are added, whatever the width of vectors.
        if first >= count.next_multiple_of(BLOCK) {
            break;
        }
        if R::WRITES && keep {
            // A vector that is not whole ends with the row.
            let out = row.output().get_mut(at + first..).unwrap_or(&mut []);
            simd.store(t[j].mul_add(delta[j], t[j]), out);
        }
        run.add(first % BLOCK / S::F32::COUNT, t[j], delta[j]);
    }
    if let (true, Some(score)) = (keep, score)
        && let Some(out) = row.output().get_mut(hole).filter(|_| hole < at + count)
    {
        let score = simd.splat(score);
        *out = shift.in_range(shift.floored(score)).first();
    }
    Some(count)
}

/// Elements of a step, at most.
const MOST: usize = 4 * BLOCK;

/// A block, with a value in the hole.
#[inline(always)]
fn without<S: Simd>(simd: S, x: S::Block, hole: usize, value: f32) -> S::Block {
    let mut lanes = simd.block_to_array(x);
    if let Some(x) = lanes.get_mut(hole) {
        *x = value;
    }
    simd.load_block(&lanes, 0.0)
}

/// The largest element, −∞ if there is none. A NaN does not count.
#[inline(always)]
pub(crate) fn largest<S: Simd>(simd: S, x: &[f32]) -> f32 {
    let mut most = simd.block(simd.splat(f32::NEG_INFINITY));
    for at in (0..x.len()).step_by(BLOCK) {
        let x = simd.load_block(x.get(at..).unwrap_or(&[]), f32::NEG_INFINITY);
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            most.as_mut()[j] = x.as_ref()[j].max(most.as_ref()[j]);
        });
    }
    simd.largest(most)
}

/// The largest element, −∞ if there is none, or NaN if there is one.
#[inline(always)]
pub(crate) fn maximum<S: Simd>(simd: S, x: &[f32]) -> f32 {
    // Several blocks at once: one alone would wait for itself.
    let mut most = [simd.block(simd.splat(f32::NEG_INFINITY)); GROUP];
    let mut nan = simd.block(simd.splat(0.0));
    for start in (0..x.len()).step_by(GROUP * BLOCK) {
        for i in 0..GROUP {
            let at = start + i * BLOCK;
            let x = simd.load_block(x.get(at..).unwrap_or(&[]), f32::NEG_INFINITY);
            unroll!(j in 0..BLOCK / S::F32::COUNT, {
                let x = x.as_ref()[j];
                most[i].as_mut()[j] = x.max(most[i].as_ref()[j]);
                nan.as_mut()[j] = S::F32::select(x.eq(x), nan.as_ref()[j], x);
            });
        }
    }
    for i in 1..GROUP {
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            most[0].as_mut()[j] = most[i].as_ref()[j].max(most[0].as_ref()[j]);
        });
    }
    for nan in nan.as_ref() {
        if !nan.eq(*nan).all() {
            return f32::NAN;
        }
    }
    simd.largest(most[0])
}

/// 2^n for whole n up to 127, zero from −127 down.
#[inline(always)]
pub(crate) fn exp2(n: f32) -> f32 {
    // The exponent as a whole number in the lowest bits, without a conversion.
    f32::from_bits((n.clamp(-127.0, 127.0) + (8_388_608.0 + 127.0)).to_bits() << 23)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Backend;
    use crate::rows::Rows;
    use crate::simd::Kernel;

    /// Both words of a row's sum.
    struct Words<'a>(&'a [f32]);

    impl Kernel for Words<'_> {
        type Output = (f32, f32);

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> (f32, f32) {
            let head = head(simd, self.0, NOWHERE);
            let mut rows = Rows::one(self.0).several(1);
            match rows.next().map(|mut row| {
                exp_sum::<S, _, true>(simd, Scale::ONE, &mut row, head, NOWHERE, false)
            }) {
                Some(ExpSum::Finite(sum)) => sum.total.value(simd),
                _ => (f32::NAN, f32::NAN),
            }
        }
    }

    /// An impossible element makes a step go the long way, and how many elements do it with
    /// it depends on the width of vectors: none of them may raise the bias for that.
    #[test]
    fn an_impossible_neighbour_raises_no_bias() {
        for i in 0..64 {
            let mut x = [0.0; 1024];
            for (j, x) in x.iter_mut().enumerate() {
                *x = ((j as u32).wrapping_mul(0x9E37_79B9) >> 8) as f32 * -6e-7;
            }
            // What the bias of the first 64 just allows, four doublings above them, and beside
            // it in the same vector or in the same step of the widest vectors.
            for (j, x) in x.chunks_exact_mut(64).enumerate().skip(1) {
                x[5] = 4.0 * core::f32::consts::LN_2 - 0.005 - 0.001 * i as f32;
                x[if j % 2 == 0 { 7 } else { 40 }] = f32::NEG_INFINITY;
            }
            for a in Backend::available() {
                for b in Backend::available().filter(|b| a.is_fused() == b.is_fused()) {
                    assert_eq!(a.run(Words(&x)), b.run(Words(&x)), "{i}: {a:?} and {b:?}");
                }
            }
        }
    }
}
