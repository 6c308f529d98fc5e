//! Softmax cross-entropy on a coefficient for each class, with its gradient: soft
//! targets, label smoothing and every other option.
//!
//! **Method.** The scores are s = f(x), f(x) = c·tanh(x/c)/T or as much of it as there
//! is, and the coefficients a[k] = w[k]·((1 − ε)·t[k] + ε/K), where t is 1 at a label and
//! 0 elsewhere. With m the class of the largest score, tail = Σ_{k≠m} e^(s[k] − s[m]),
//! A = Σ a[k] and L = ln Σ e^s[k],
//!
//! ```text
//! loss        = A·ln(1 + tail) + Σ a[k]·(s[m] − s[k]) + λ·L²
//! gradient[k] = (B·p[k] − a[k])·f′(x[k])                              B = A + 2λL
//! gradient[m] = ((B − a[m])·p[m] − a[m]·tail/(1 + tail))·f′(x[m])
//! ```
//!
//! where p = softmax(s). No summand of the loss is negative, and B − a[m] is summed as
//! such: a right answer given with confidence keeps its tiny loss and gradient.
//!
//! Scores, coefficients, e^s and all that is made of them are of two words, and only
//! results are rounded. A score of 100/T in one word would be off by 64 ULP of its
//! probability, and a gradient of rounded p and a by as many ULP as they cancel.
//!
//! A row is taken in parts of [`RUN`] elements, whose e^s and coefficients fit on the
//! stack: once for the sums, and a longer row once more for the gradient. Each block of a
//! part has one loop for all of it.
//!
//! **Error.** Half an ULP for the last addition, and that of e^s, see
//! `shifted_exp_of_words`: 0.04 ULP of a probability, twice that of a gradient that is half
//! of it. A soft cap adds that of tanh, see `tanh.rs`, times c/T, for each of two scores:
//! where that is 32, up to ¾ ULP of a probability.

use super::cross_entropy::{InPlace, Read, Scores, WithGradient};
use crate::error::Error;
use crate::kernel::exp_sum::{NOWHERE, Shift, maximum};
use crate::loss::label::Labels;
use crate::loss::{CrossEntropy, Label, Loss, Losses, add_words};
use crate::math::ln::ln_1p_positive_words;
use crate::math::shifted_exp::Scale;
use crate::math::tanh::{SCALE, tanh, tanh_derivative};
use crate::math::words::{add, divide, fast_two_sum, product, rounded, times};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count};
use crate::simd::scalar::F32;
use crate::simd::{BLOCK, Kernel, Lanes, Simd, unroll};
use crate::sweep::{RUN, Total, fill};

/// What a loss is taken against: class labels, or a distribution for each row.
pub trait Targets<'a> {
    #[doc(hidden)]
    fn check(self, rows: usize, columns: usize, ignored: Option<i64>)
    -> Result<Checked<'a>, Error>;
}

/// Targets of the right shape.
#[derive(Clone, Copy)]
pub enum Checked<'a> {
    #[doc(hidden)]
    Labels(OneARow<'a>),
    #[doc(hidden)]
    Soft(Rows<'a>),
}

/// Labels that have been checked.
#[derive(Clone, Copy)]
pub struct OneARow<'a>(Labels<'a>);

impl<'a, L: Label> Targets<'a> for &'a [L] {
    #[inline]
    fn check(
        self,
        rows: usize,
        columns: usize,
        ignored: Option<i64>,
    ) -> Result<Checked<'a>, Error> {
        Ok(Checked::Labels(OneARow(Labels::new(self, rows, columns, ignored)?)))
    }
}

impl<'a> Targets<'a> for Rows<'a> {
    #[inline]
    fn check(self, rows: usize, columns: usize, _: Option<i64>) -> Result<Checked<'a>, Error> {
        check_row_count("targets", rows, self.rows())?;
        check_column_count("targets", columns, self.columns())?;
        Ok(Checked::Soft(self))
    }
}

impl<'a> Checked<'a> {
    /// The target of a row, `None` if the row does not count.
    #[inline(always)]
    fn get<S: Simd>(self, simd: S, row: usize) -> Option<Target<'a>> {
        match self {
            Self::Labels(labels) => {
                let mut label = [NOWHERE];
                labels.0.read(simd, row, &mut label);
                (label != [NOWHERE]).then_some(Target { label: label[0], soft: &[] })
            }
            Self::Soft(rows) => Some(Target { label: NOWHERE, soft: rows.row(row)? }),
        }
    }
}

/// 1 at a label, or what `soft` says.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) label: usize,
    pub(super) soft: &'a [f32],
}

/// A number in two words.
type Words = (f32, f32);

#[inline(always)]
pub(super) fn splat<V: Lanes>(like: V, (high, low): Words) -> (V, V) {
    (like.splat(high), like.splat(low))
}

#[inline(always)]
fn first<V: Lanes>((high, low): (V, V)) -> Words {
    (high.first(), low.first())
}

/// a / b
#[inline(always)]
fn quotient(a: f32, b: f32) -> Words {
    first(divide((F32(a), F32(0.0)), (F32(b), F32(0.0))))
}

/// f(x) = c·tanh(x/c)/T.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    cap: Option<Cap>,
    /// 1/T.
    inverse: Words,
    /// Whether it is x.
    is_none: bool,
}

#[derive(Clone, Copy)]
struct Cap {
    /// 1/c.
    inverse: Words,
    /// c/T.
    scale: Words,
}

impl Link {
    #[inline]
    pub(crate) fn new(cap: Option<f32>, temperature: f32) -> Self {
        let inverse = quotient(1.0, temperature);
        let is_none = cap.is_none() && temperature == 1.0;
        let cap = cap.map(|c| Cap { inverse: quotient(1.0, c), scale: quotient(c, temperature) });
        Self { cap, inverse, is_none }
    }

    /// f(x) in two words: of a large score a rounding would be many of its probability.
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> (V, V) {
        let zero = x.splat(0.0);
        if self.is_none {
            return (x, zero);
        }
        if let Some(Cap { inverse, scale }) = self.cap {
            let y = tanh(times(x, splat(x, inverse)));
            return product(y, splat(x, scale));
        }
        let (s, low) = times(x, splat(x, self.inverse));
        let is_finite = s.abs().lt(x.splat(f32::INFINITY));
        (s, V::select(is_finite, low, zero))
    }

    /// y·f′(x) for y in two words, times [`HEADROOM`].
    #[inline(always)]
    fn chain<V: Lanes>(self, y: (V, V), x: V) -> V {
        if self.is_none {
            return (y.0 + y.1) * (1.0 / HEADROOM);
        }
        let slope = splat(x, self.inverse);
        let Some(Cap { inverse, .. }) = self.cap else {
            let (high, low) = product(y, slope);
            return (high + low) * (1.0 / HEADROOM);
        };
        let derivative = tanh_derivative(times(x, splat(x, inverse)));
        let (high, low) = product(y, product(derivative, slope));
        (high + low) * (1.0 / HEADROOM / SCALE)
    }
}

/// What goes into the coefficient of a class.
#[derive(Clone, Copy)]
pub(crate) struct Coefficients<'a> {
    /// 1 − ε.
    pub(super) keep: Words,
    /// ε/K.
    pub(super) uniform: Words,
    /// w, or nothing where all are 1.
    weights: &'a [f32],
}

impl<'a> Coefficients<'a> {
    #[inline]
    pub(crate) fn new(smoothing: f32, columns: usize, weights: &'a [f32]) -> Self {
        let uniform = quotient(smoothing, columns as f32);
        Self { keep: fast_two_sum(1.0, -smoothing), uniform, weights }
    }

    /// In two words.
    #[inline(always)]
    fn of<V: Lanes>(self, t: V, weight: V) -> (V, V) {
        let mut a = (t, t.splat(0.0));
        if self.keep.0 != 1.0 {
            a = add(times(t, splat(t, self.keep)), splat(t, self.uniform));
        }
        if self.weights.is_empty() { a } else { times(weight, a) }
    }

    /// That of a label.
    #[inline(always)]
    fn of_label<S: Simd>(self, simd: S, label: usize) -> Words {
        let weight = self.weights.get(label).copied().unwrap_or(1.0);
        first(self.of(simd.splat(1.0), simd.splat(weight)))
    }
}

/// a·(s[m] − s): a coefficient of 0 wins over an infinity.
#[inline(always)]
fn distance<V: Lanes>(a: (V, V), top: Words, s: (V, V)) -> (V, V) {
    let (product, low) = product(a, add(splat(s.0, top), (-s.0, -s.1)));
    let (none, zero) = (a.0.eq(s.0.splat(0.0)), s.0.splat(0.0));
    (V::select(none, zero, product), V::select(none, zero, low))
}

/// e^s · 2^-N of scores in two words.
#[derive(Clone, Copy)]
struct Exp {
    shift: Shift,
    /// Subtracted from s: 0, or s[m] where that is extreme.
    center: Words,
}

impl Exp {
    #[inline(always)]
    fn new(top: Words) -> Self {
        let shift = Shift::new(Scale::ONE, top.0);
        Self { shift, center: if shift.center == 0.0 { (0.0, 0.0) } else { top } }
    }

    /// In two words.
    #[inline(always)]
    fn apply<V: Lanes>(self, (mut s, mut low): (V, V)) -> (V, V) {
        if self.shift.center != 0.0 {
            let center = splat(s, self.center);
            (s, low) = add((s, low), (-center.0, -center.1));
        }
        let (t, delta) = self.shift.terms_of_words((s, low));
        let (nothing, zero) = (s.le(s.splat(self.shift.floor())), s.splat(0.0));
        (V::select(nothing, zero, t), V::select(nothing, zero, t * delta))
    }
}

/// The rows of [`Scores`] in any form: the kernel is large, and exists once for all.
pub struct AnyRows<'a> {
    /// `None` in place.
    x: Option<Rows<'a>>,
    /// Without a gradient, no rows.
    out: RowsMut<'a>,
}

impl<'a> From<Read<'a>> for AnyRows<'a> {
    #[inline]
    fn from(x: Read<'a>) -> Self {
        Self { x: Some(x), out: RowsMut::one(&mut []) }
    }
}

impl<'a> From<WithGradient<'a>> for AnyRows<'a> {
    #[inline]
    fn from((x, out): WithGradient<'a>) -> Self {
        Self { x: Some(x), out }
    }
}

impl<'a> From<InPlace<'a>> for AnyRows<'a> {
    #[inline]
    fn from(out: InPlace<'a>) -> Self {
        Self { x: None, out }
    }
}

impl AnyRows<'_> {
    #[inline(always)]
    fn row(&mut self, i: usize) -> AnyRow<'_> {
        let x = match &self.x {
            Some(x) => Some(x.row(i).unwrap_or(&[])),
            None => None,
        };
        AnyRow { x, out: self.out.row(i).unwrap_or(&mut []) }
    }
}

/// A row of scores, and where its gradient goes: nowhere if that is empty.
pub(super) struct AnyRow<'a> {
    /// `None` in place.
    pub(super) x: Option<&'a [f32]>,
    pub(super) out: &'a mut [f32],
}

impl AnyRow<'_> {
    #[inline(always)]
    fn input(&self) -> &[f32] {
        match self.x {
            Some(x) => x,
            None => self.out,
        }
    }
}

/// The loss of rows of scores against class labels or distributions, with every option
/// of [`CrossEntropy`].
pub struct TargetLoss<'a> {
    scores: Scores<'a, AnyRows<'a>>,
    targets: Checked<'a>,
    formula: Formula<'a>,
}

impl<'a> TargetLoss<'a> {
    /// # Errors
    /// As [`CrossEntropy::loss`] and [`CrossEntropy::loss_soft`].
    #[inline]
    pub fn new(
        loss: CrossEntropy<'a>,
        scores: Scores<'a, impl Into<AnyRows<'a>>>,
        targets: impl Targets<'a>,
    ) -> Result<Self, Error> {
        let formula = loss.formula(scores.columns)?;
        let targets = targets.check(scores.count, scores.columns, loss.ignored_label)?;
        let Scores { rows, count, columns, losses } = scores;
        let scores = Scores { rows: rows.into(), count, columns, losses };
        Ok(Self { scores, targets, formula })
    }
}

impl Kernel for TargetLoss<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let Self { scores: Scores { mut rows, count, losses, .. }, targets, formula } = self;
        let mut total = Losses::default();
        let mut losses = losses.iter_mut();
        let mut part = parts();
        for i in 0..count {
            let mut row = rows.row(i);
            let mut loss = 0.0;
            if let Some(target) = targets.get(simd, i) {
                loss = formula.row(simd, &mut row, target, &mut part);
                let weight = formula.coefficients.weights.get(target.label);
                total.add(&[loss], &[weight.copied().unwrap_or(1.0)], 1);
            } else {
                fill(simd, 0.0, row.out);
            }
            if let Some(out) = losses.next() {
                *out = loss;
            }
        }
        total.sum()
    }
}

/// A row by itself.
pub(super) struct OneRow<'a> {
    pub(super) formula: Formula<'a>,
    pub(super) row: AnyRow<'a>,
    pub(super) target: Target<'a>,
}

impl Kernel for OneRow<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> f32 {
        self.formula.row(simd, &mut self.row, self.target, &mut parts())
    }
}

/// Room for a part of a row. No zeros: those would be a call of memset.
#[inline(always)]
fn parts() -> [Part; RUN / BLOCK] {
    let nothing = [[f32::NAN; BLOCK]; 2];
    [Part { exp: nothing, coefficients: nothing }; RUN / BLOCK]
}

/// Of a block of a row e^s · 2^-N and the coefficients, in two words.
#[derive(Clone, Copy)]
struct Part {
    exp: [[f32; BLOCK]; 2],
    coefficients: [[f32; BLOCK]; 2],
}

impl Part {
    /// Takes an element out, and gives its coefficient.
    #[inline(always)]
    fn take(&mut self, at: usize) -> Words {
        let mut taken = [0.0; 4];
        let rows = self.exp.iter_mut().chain(&mut self.coefficients);
        for (taken, row) in taken.iter_mut().zip(rows) {
            if let Some(element) = row.get_mut(at) {
                *taken = core::mem::take(element);
            }
        }
        (taken[2], taken[3])
    }
}

/// What all rows have in common.
#[derive(Clone, Copy)]
pub(crate) struct Formula<'a> {
    pub(crate) link: Link,
    pub(crate) coefficients: Coefficients<'a>,
    /// λ.
    pub(crate) z: f32,
}

/// The sums of a row.
#[derive(Clone, Copy, Default)]
struct Sums {
    /// Σ_{k≠m} e^s[k] · 2^-N.
    others: Words,
    /// A − a[m].
    rest: Words,
    /// a[m].
    at_top: Words,
    /// Σ a[k]·(s[m] − s[k]).
    distance: Words,
}

/// What they come to.
#[derive(Clone, Copy, Default)]
struct RowLoss {
    loss: f32,
    /// B over the sum of e^s · 2^-N, times [`HEADROOM`].
    factor: Words,
    /// The derivative by s[m], times [`HEADROOM`].
    at_top: Words,
}

/// By which a gradient is above the result, so that no subnormal is rounded twice. 2^60
pub(super) const HEADROOM: f32 = 1_152_921_504_606_846_976.0;

impl RowLoss {
    #[inline(always)]
    fn new<S: Simd>(simd: S, top: Words, z: f32, sums: Sums) -> Self {
        let one = simd.splat(1.0);
        let (top, others, distance) =
            (splat(one, top), splat(one, sums.others), splat(one, sums.distance));
        let (mut rest, at_top) = (splat(one, sums.rest), splat(one, sums.at_top));
        let (t, low) = Exp::new(first(top)).apply(top);
        let own = fast_two_sum(t, low);
        let (sum, low) = add(own, others);
        let all = fast_two_sum(sum, low);

        let surprise = ln_1p_positive_words(divide(others, own));
        let mut mass = add(rest, at_top);
        let mut loss = product(mass, surprise);
        if surprise.0.first() < 1.0 / HEADROOM {
            // It is the ratio, whose digits a subnormal may have lost; and is rounded once.
            let (high, low) = product(mass, divide(scaled(others), own));
            loss = ((high + low) * (1.0 / HEADROOM), simd.splat(0.0));
        }
        loss = add(loss, distance);
        if z != 0.0 {
            let ln = add(top, surprise);
            loss = add(loss, times(simd.splat(z), product(ln, ln)));
            let slope = times(simd.splat(2.0 * z), ln);
            (mass, rest) = (add(mass, slope), add(rest, slope));
        }

        let share = divide(scaled(own), all);
        let share_of_others = divide(scaled(others), all);
        let factor = product(mass, divide(scaled((one, simd.splat(0.0))), all));
        let (minus, low) = product(at_top, share_of_others);
        let at_top = add(product(rest, share), (-minus, -low));
        Self { loss: rounded(loss).first(), factor: first(factor), at_top: first(at_top) }
    }
}

/// Times [`HEADROOM`].
#[inline(always)]
pub(super) fn scaled<V: Lanes>((high, low): (V, V)) -> (V, V) {
    (high * HEADROOM, low * HEADROOM)
}

/// Where the largest score of a row is, and what f makes of it.
#[derive(Clone, Copy)]
struct Top {
    at: usize,
    s: Words,
}

impl Formula<'_> {
    /// The loss of a row, whose output becomes the gradient.
    #[inline(always)]
    fn row<S: Simd>(
        self,
        simd: S,
        row: &mut AnyRow<'_>,
        target: Target<'_>,
        part: &mut [Part],
    ) -> f32 {
        let x = maximum(simd, row.input());
        let s = first(self.link.apply(simd.splat(x)));
        if !s.0.is_finite() {
            fill(simd, f32::NAN, row.out);
            return f32::NAN;
        }
        let top = Top { at: position(simd, row.input(), x), s };
        let length = row.input().len();
        let mut sums = Sums::default();
        let mut result = RowLoss::default();
        // One body for both passes: it is large.
        for pass in 0..=usize::from(!row.out.is_empty()) {
            for start in (0..length).step_by(RUN) {
                // A row of one part still has it.
                if pass == 0 || length > RUN {
                    let x = row.input().get(start..length.min(start + RUN)).unwrap_or(&[]);
                    self.sum(simd, x, start, top, target, part, &mut sums);
                }
                if pass == 1 {
                    self.write(simd, row, start, result.factor, part);
                }
            }
            if pass == 0 {
                result = RowLoss::new(simd, s, self.z, sums);
            }
        }
        if let Some(out) = row.out.get_mut(top.at) {
            let y = splat(simd.splat(0.0), result.at_top);
            *out = self.link.chain(y, simd.splat(x)).first();
        }
        result.loss
    }

    /// Fills a part from the columns from `start` on and adds it up.
    #[inline(always)]
    #[allow(clippy::too_many_arguments)]
    fn sum<S: Simd>(
        self,
        simd: S,
        x: &[f32],
        start: usize,
        top: Top,
        target: Target<'_>,
        part: &mut [Part],
        sums: &mut Sums,
    ) {
        let exp = Exp::new(top.s);
        let zero = Total::zero(simd);
        let (mut others, mut rest, mut distances) = (zero, zero, zero);
        for (i, part) in part.iter_mut().enumerate() {
            let (at, x) = (start + i * BLOCK, x.get(i * BLOCK..).unwrap_or(&[]));
            if x.is_empty() {
                break;
            }
            let t = block(simd, target.soft.get(at..).unwrap_or(&[]), 0.0);
            let weights = block(simd, self.coefficients.weights.get(at..).unwrap_or(&[]), 1.0);
            let mut s = (block(simd, x, f32::NEG_INFINITY), t);
            for j in 0..BLOCK / S::F32::COUNT {
                let words = self.link.apply(s.0.as_ref()[j]);
                (s.0.as_mut()[j], s.1.as_mut()[j]) = words;
                store(simd, exp.apply(words), j, &mut part.exp);
                let a = self.coefficients.of(t.as_ref()[j], weights.as_ref()[j]);
                store(simd, a, j, &mut part.coefficients);
            }
            let (label, hole) = (target.label.wrapping_sub(at), top.at.wrapping_sub(at));
            let [a, a_low] = &mut part.coefficients;
            if let (Some(a), Some(low)) = (a.get_mut(label), a_low.get_mut(label)) {
                (*a, *low) = self.coefficients.of_label(simd, target.label);
            }
            for nothing in x.len()..BLOCK {
                part.take(nothing);
            }
            if hole < BLOCK {
                sums.at_top = part.take(hole);
            }
            for j in 0..BLOCK / S::F32::COUNT {
                let (e, a) = (load(simd, &part.exp, j), load(simd, &part.coefficients, j));
                let distance = distance(a, top.s, (s.0.as_ref()[j], s.1.as_ref()[j]));
                others.add_term(j, e.0, e.1);
                rest.add_term(j, a.0, a.1);
                distances.add_term(j, distance.0, distance.1);
            }
        }
        sums.others = add_words(sums.others, others.value(simd));
        sums.rest = add_words(sums.rest, rest.value(simd));
        sums.distance = add_words(sums.distance, distances.value(simd));
    }

    /// Writes the gradient of a part.
    #[inline(always)]
    fn write<S: Simd>(
        self,
        simd: S,
        row: &mut AnyRow<'_>,
        start: usize,
        factor: Words,
        part: &[Part],
    ) {
        for (i, part) in part.iter().enumerate() {
            let at = start + i * BLOCK;
            let x = row.input().get(at..).unwrap_or(&[]);
            if x.is_empty() {
                break;
            }
            let mut y = block(simd, x, 0.0);
            for j in 0..BLOCK / S::F32::COUNT {
                let x = y.as_ref()[j];
                let p = product(load(simd, &part.exp, j), splat(x, factor));
                let (a, low) = scaled(load(simd, &part.coefficients, j));
                y.as_mut()[j] = self.link.chain(add(p, (-a, -low)), x);
            }
            let out = row.out.get_mut(at..).unwrap_or(&mut []);
            match out.first_chunk_mut::<BLOCK>() {
                Some(out) => store_block(simd, y, out),
                None => store_block(simd, y, out),
            }
        }
    }
}

/// The first elements. Lanes past the end of `from` hold `fill`.
#[inline(always)]
fn block<S: Simd>(simd: S, from: &[f32], fill: f32) -> S::Block {
    // Of an array, the compiler knows that nothing is past the end.
    match from.first_chunk::<BLOCK>() {
        Some(from) => simd.load_block(from, fill),
        None => simd.load_block(from, fill),
    }
}

#[inline(always)]
fn store_block<S: Simd>(simd: S, block: S::Block, to: &mut [f32]) {
    for (j, lanes) in block.as_ref().iter().enumerate() {
        simd.store(*lanes, to.get_mut(j * S::F32::COUNT..).unwrap_or(&mut []));
    }
}

/// The j-th vectors of both words.
#[inline(always)]
fn load<S: Simd>(simd: S, [high, low]: &[[f32; BLOCK]; 2], j: usize) -> (S::F32, S::F32) {
    let at = j * S::F32::COUNT;
    let (high, low) = (high.get(at..).unwrap_or(&[]), low.get(at..).unwrap_or(&[]));
    (simd.load(high, 0.0), simd.load(low, 0.0))
}

#[inline(always)]
fn store<S: Simd>(simd: S, words: (S::F32, S::F32), j: usize, to: &mut [[f32; BLOCK]; 2]) {
    let at = j * S::F32::COUNT;
    let [high, low] = to;
    simd.store(words.0, high.get_mut(at..).unwrap_or(&mut []));
    simd.store(words.1, low.get_mut(at..).unwrap_or(&mut []));
}

/// Where a row's largest element is.
#[inline(always)]
pub(super) fn position<S: Simd>(simd: S, x: &[f32], largest_x: f32) -> usize {
    for at in (0..x.len()).step_by(BLOCK) {
        let block = simd.load_block(x.get(at..).unwrap_or(&[]), f32::NEG_INFINITY);
        let mut found = 0;
        unroll!(j in 0..BLOCK / S::F32::COUNT, {
            let is_largest = block.as_ref()[j].eq(simd.splat(largest_x));
            found |= S::F32::bits(is_largest) << (j * S::F32::COUNT);
        });
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
    }
    NOWHERE
}
