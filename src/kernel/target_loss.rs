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
//! A row is taken in parts of [`RUN`] elements, whose scores and coefficients fit on the
//! stack: once for the sums, and a longer row once more for the gradient.

use super::cross_entropy::{InPlace, Read, Scores, Share, WithGradient, fill};
use crate::error::Error;
use crate::kernel::exp_sum::{NOWHERE, Scaled, Shift, largest, maximum, part_sum};
use crate::kernel::softmax::Multiply;
use crate::loss::label::Labels;
use crate::loss::{CrossEntropy, Label, Loss, add_words};
use crate::math::exp::exp;
use crate::math::exp_m1::exp_m1;
use crate::math::words::{remainder, times, two_sum};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count};
use crate::simd::{Kernel, Lanes, Simd};
use crate::sweep::{self, Function, Itself, RUN, Term, Total};

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
    fn get(self, row: usize) -> Option<Target<'a>> {
        match self {
            Self::Labels(labels) => labels.0.class(row).map(|label| Target { label, soft: &[] }),
            Self::Soft(rows) => Some(Target { label: NOWHERE, soft: rows.row(row)? }),
        }
    }
}

/// 1 at a label, or what `soft` says.
#[derive(Clone, Copy)]
struct Target<'a> {
    label: usize,
    soft: &'a [f32],
}

/// f(x) = c·tanh(x/c)/T.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    pub(crate) cap: Option<f32>,
    pub(crate) temperature: f32,
}

impl Function for Link {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V) -> V {
        let Some(cap) = self.cap else { return x / self.temperature };
        // tanh y = −m/(2 + m) with m = e^-2y − 1
        let m = exp_m1((x / cap).abs() * -2.0);
        let y = -m / (m + 2.0) * cap;
        V::select(x.lt(x.splat(0.0)), -y, y) / self.temperature
    }
}

impl Link {
    /// y·f′(x).
    #[inline(always)]
    fn chain<V: Lanes>(self, y: V, x: V) -> V {
        let Some(cap) = self.cap else { return y / self.temperature };
        // 1 − tanh²z = 4u/(1 + u)² with u = e^-2|z|, which would multiply the rounding of
        // z; beyond 64 it is 0.
        let z = (x / cap).abs();
        let low = remainder(x.abs(), z, x.splat(cap)) / cap;
        let low = V::select(z.lt(x.splat(64.0)), low, x.splat(0.0));
        let u = exp(z * -2.0);
        let u = u - u * (low * 2.0);
        let sum = u + 1.0;
        y * (u * 4.0 / (sum * sum)) / self.temperature
    }
}

/// What goes into the coefficient of a class.
#[derive(Clone, Copy)]
pub(crate) struct Coefficients<'a> {
    /// 1 − ε.
    pub(crate) keep: f32,
    /// ε/K.
    pub(crate) uniform: f32,
    /// w, or nothing where all are 1.
    pub(crate) weights: &'a [f32],
}

impl Coefficients<'_> {
    #[inline(always)]
    fn of<V: Lanes>(self, t: V, weight: V) -> V {
        t.mul_add(t.splat(self.keep), t.splat(self.uniform)) * weight
    }

    /// Those of the columns from `start` on.
    #[inline(always)]
    fn write<S: Simd>(self, simd: S, target: Target<'_>, start: usize, out: &mut [f32]) {
        let soft = target.soft.get(start..).unwrap_or(&[]);
        let weights = self.weights.get(start..).unwrap_or(&[]);
        for at in (0..out.len()).step_by(S::F32::COUNT) {
            let t = simd.load(soft.get(at..).unwrap_or(&[]), 0.0);
            let weight = simd.load(weights.get(at..).unwrap_or(&[]), 1.0);
            simd.store(self.of(t, weight), out.get_mut(at..).unwrap_or(&mut []));
        }
        if let Some(out) = out.get_mut(target.label.wrapping_sub(start)) {
            let weight = self.weights.get(target.label).copied().unwrap_or(1.0);
            *out = self.of(simd.splat(1.0), simd.splat(weight)).first();
        }
    }
}

/// a·(s[m] − s): a coefficient of 0 wins over an infinity.
#[derive(Clone, Copy)]
struct Distance(f32);

impl Term<2> for Distance {
    #[inline(always)]
    fn term<V: Lanes>(self, [a, s]: [V; 2]) -> (V, V) {
        let (distance, error) = two_sum(a.splat(self.0), -s);
        let (product, zero) = (a * distance, a.splat(0.0));
        let low = a.mul_add(error, a.mul_add(distance, -product));
        let none = a.eq(zero);
        (V::select(none, zero, product), V::select(none, zero, low))
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
struct AnyRow<'a> {
    /// `None` in place.
    x: Option<&'a [f32]>,
    out: &'a mut [f32],
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
        let mut total = Loss::default();
        let mut losses = losses.iter_mut();
        // No zeros: those would be a call of memset.
        let mut part = Part { exp: [f32::NAN; RUN], coefficients: [f32::NAN; RUN] };
        for i in 0..count {
            let mut row = rows.row(i);
            let mut loss = 0.0;
            if let Some(target) = targets.get(i) {
                loss = formula.row(simd, &mut row, target, &mut part);
                let weight = formula.coefficients.weights.get(target.label);
                total.add_row(loss, weight.copied().unwrap_or(1.0));
            } else {
                fill(simd, 0.0, row.out);
            }
            if let Some(out) = losses.next() {
                *out = loss;
            }
        }
        total.carried()
    }
}

/// Of a part of a row e^s · 2^-N, before that s, and the coefficients.
struct Part {
    exp: [f32; RUN],
    coefficients: [f32; RUN],
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
#[derive(Clone, Copy)]
struct Sums<S: Simd> {
    /// Σ_{k≠m} e^s[k] · 2^-N.
    others: Total<S>,
    /// A − a[m].
    rest: (f32, f32),
    /// a[m].
    at_top: f32,
    /// Σ a[k]·(s[m] − s[k]).
    distance: (f32, f32),
}

impl<S: Simd> Sums<S> {
    #[inline(always)]
    fn zero(simd: S) -> Self {
        Self { others: Total::zero(simd), rest: (0.0, 0.0), at_top: 0.0, distance: (0.0, 0.0) }
    }
}

/// What they come to.
#[derive(Clone, Copy, Default)]
struct RowLoss {
    loss: f32,
    /// B over the sum of e^s · 2^-N.
    factor: Multiply,
    /// The derivative by s[m].
    at_top: f32,
}

impl RowLoss {
    #[inline(always)]
    fn new<S: Simd>(simd: S, s_top: f32, z: f32, sums: Sums<S>) -> Self {
        let shift = Shift::new(s_top);
        let share = Share::new(simd, shift, s_top, sums.others.value(simd));
        let inverse = Multiply::by_inverse(simd, share.all);

        let mass = add_words(sums.rest, (sums.at_top, 0.0));
        let surprise = times_words(simd, share.surprise, mass);
        let mut loss = add_words(surprise, sums.distance);
        let mut slope = (0.0, 0.0);
        if z != 0.0 {
            // The logarithm of the sum is off by up to 2^-27, however small it is.
            let (center, ln) = if share.surprise < 0.125 {
                (s_top, (share.surprise, 0.0))
            } else {
                (shift.center, Scaled::new(simd, shift, share.all).ln(simd, 0.0))
            };
            let ln = add_words((center, 0.0), ln);
            let square = times_words(simd, ln.0, (ln.0, 2.0 * ln.1));
            loss = add_words(loss, times_words(simd, z, square));
            slope = times_words(simd, 2.0 * z, ln);
        }
        let (high, low) = add_words(mass, slope);
        let mut factor = inverse.times(simd, high);
        factor.low += low * inverse.high;

        let p = inverse.apply(simd.splat(share.own)).first();
        let (rest, rest_low) = add_words(sums.rest, slope);
        let at_top = (rest + rest_low) * p - sums.at_top * share.others;
        Self { loss: loss.0 + loss.1, factor, at_top }
    }
}

/// A product in two words.
#[inline(always)]
fn times_words<S: Simd>(simd: S, factor: f32, (high, low): (f32, f32)) -> (f32, f32) {
    let (high, low) = times(simd.splat(factor), (simd.splat(high), simd.splat(low)));
    (high.first(), low.first())
}

/// Where the largest score of a row is, and what f makes of it.
#[derive(Clone, Copy)]
struct Top {
    at: usize,
    s: f32,
}

impl Formula<'_> {
    /// The loss of a row, whose output becomes the gradient.
    #[inline(always)]
    fn row<S: Simd>(
        self,
        simd: S,
        row: &mut AnyRow<'_>,
        target: Target<'_>,
        part: &mut Part,
    ) -> f32 {
        let x = maximum(simd, row.input());
        let s = self.link.apply(simd.splat(x)).first();
        if !s.is_finite() {
            fill(simd, f32::NAN, row.out);
            return f32::NAN;
        }
        let top = Top { at: position(simd, row.input(), x), s };
        let length = row.input().len();
        let mut sums = Sums::zero(simd);
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
            *out = self.link.chain(simd.splat(result.at_top), simd.splat(x)).first();
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
        part: &mut Part,
        sums: &mut Sums<S>,
    ) {
        let (Some(mut s), Some(a)) =
            (part.exp.get_mut(..x.len()), part.coefficients.get_mut(..x.len()))
        else {
            return;
        };
        sweep::map(simd, self.link, x, s);
        self.coefficients.write(simd, target, start, a);
        let hole = top.at.wrapping_sub(start);
        if let Some(a) = a.get_mut(hole) {
            sums.at_top = *a;
            *a = 0.0;
        }
        sums.rest = add_words(sums.rest, sweep::sum(simd, Itself, [&*a]));
        sums.distance = add_words(sums.distance, sweep::sum(simd, Distance(top.s), [&*a, &*s]));
        // Nothing is above the top but by a rounding of f.
        if let Some(sum) = part_sum(simd, &mut s, top.s, hole) {
            sums.others.add_positive(sum.total);
        }
    }

    /// Writes the gradient of a part.
    #[inline(always)]
    fn write<S: Simd>(
        self,
        simd: S,
        row: &mut AnyRow<'_>,
        start: usize,
        factor: Multiply,
        part: &Part,
    ) {
        for at in (0..RUN.min(row.input().len() - start)).step_by(S::F32::COUNT) {
            let x = simd.load(row.input().get(start + at..).unwrap_or(&[]), 0.0);
            let exp = simd.load(part.exp.get(at..).unwrap_or(&[]), 0.0);
            let a = simd.load(part.coefficients.get(at..).unwrap_or(&[]), 0.0);
            let y = self.link.chain(factor.apply(exp) - a, x);
            simd.store(y, row.out.get_mut(start + at..).unwrap_or(&mut []));
        }
    }
}

/// Where a row's largest element is.
#[inline(always)]
pub(super) fn position<S: Simd>(simd: S, x: &[f32], largest_x: f32) -> usize {
    for (i, part) in x.chunks(RUN).enumerate() {
        if largest(simd, part) == largest_x {
            for (j, x) in part.iter().enumerate() {
                if *x == largest_x {
                    return i * RUN + j;
                }
            }
        }
    }
    NOWHERE
}
