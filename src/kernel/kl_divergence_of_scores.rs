//! Kullback-Leibler divergence of the distributions that two rows of scores stand for,
//! with its gradient.
//!
//! **Method.** With P = softmax(x), Q = softmax(y) and c = Σ p·(x − y), the mean
//! difference of the scores, v = x − y − c has the mean 0, so that
//!
//! ```text
//! KL(P‖Q) = ln Σ p·e^-v = ln(1 + Σ p·f(v))      f(v) = e^-v − 1 + v ≥ 0
//! ```
//!
//! No probability is formed and no summand is negative: divergence keeps its digits
//! however close Q is to P, and however certain both are. f(v) is a series for small v;
//! else p·f(v) ∝ e^(y + c) − e^x + e^x·v, where no e^-v overflows. From x its largest
//! element is taken, from y the one in the same place: what P is sure of has no part in c,
//! and c keeps its digits. Where Q holds that one impossible, nothing cancels, and the
//! largest of y takes its place. All of them are in two words, which leaves no error in v.
//! Errors of e^x are those of other weights p: they change each summand by as much,
//! relatively, and nothing else, because c is the mean of the same weights.
//!
//! Where KL is ¼ or more, it is c + ln Σ e^y − ln Σ e^x, which cancels little: errors of e^x
//! are 2.2e-9·(Σ p·|v| + 2) there, and Σ p·|v| is at most 2·KL + ln 2. Below, e^(y + c) is so
//! small that no sum of it overflows.
//!
//! ```text
//! gradient by y = q − p = p·(e^(−KL − v) − 1)
//! ```
//!
//! of which the last is used where it is close to 0. Either is of two words, rounded once,
//! and e^x of `shifted_exp_of_words`.
//!
//! **Tried.** With [`Shift::words`] and `exp_m1`, KL errs by up to 1.5 ULP, its gradient by
//! 2.1. With the largest of y throughout, a KL of 1e-32 of a P that is sure errs by 4 ULP.

use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{LEVEL, NOWHERE, Scaled, Shift, maximum};
use crate::kernel::target_loss::position;
use crate::loss::add_words;
use crate::math::exp_m1::{SMALL, exp_m1_small};
use crate::math::ln::ln_1p_positive_words;
use crate::math::polynomial::horner;
use crate::math::shifted_exp::Scale;
use crate::math::words::{add, divide, fast_two_sum, product, times, two_product, two_sum};
use crate::rows::{Rows, RowsMut, check_column_count, check_row_count, check_shape};
use crate::simd::{Kernel, Lanes, Mask, Simd};
use crate::sweep::{self, Terms};

/// KL(softmax(p)‖softmax(q)) of each row.
pub struct KlDivergenceOfScores<'a> {
    p: Rows<'a>,
    q: Rows<'a>,
    out: &'a mut [f32],
    gradient: Option<RowsMut<'a>>,
}

impl<'a> KlDivergenceOfScores<'a> {
    /// # Errors
    /// [`Error::RowCount`] or [`Error::ColumnCount`] if `q` has another shape than `p`,
    /// [`Error::Length`] if `out` has not one element a row.
    #[inline]
    pub fn new(p: Rows<'a>, q: Rows<'a>, out: &'a mut [f32]) -> Result<Self, Error> {
        check_row_count("q", p.rows(), q.rows())?;
        check_column_count("q", p.columns(), q.columns())?;
        check_length("out", p.rows(), out.len())?;
        Ok(Self { p, q, out, gradient: None })
    }

    /// The derivative by each score of `q` goes to `gradient`.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::RowCount`] or [`Error::ColumnCount`] if `gradient`
    /// has another shape than `q`.
    #[inline]
    pub fn with_gradient(
        p: Rows<'a>,
        q: Rows<'a>,
        out: &'a mut [f32],
        gradient: RowsMut<'a>,
    ) -> Result<Self, Error> {
        let kernel = Self::new(p, q, out)?;
        check_shape("gradient", q, &gradient)?;
        Ok(Self { gradient: Some(gradient), ..kernel })
    }
}

impl Kernel for KlDivergenceOfScores<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { p, q, out, mut gradient } = self;
        for (i, ((x, y), out)) in p.iter().zip(q.iter()).zip(out).enumerate() {
            let row = match &mut gradient {
                Some(gradient) => gradient.row(i),
                None => None,
            };
            *out = divergence(simd, x, y, row.unwrap_or(&mut []));
        }
    }
}

/// Sums are of e^x · 2^LEVEL, x less its row's largest.
const SHIFT: Shift = Shift { scale: Scale::ONE, center: 0.0, exponent: -LEVEL };
/// Differences of scores have less, so that no product with them overflows. 2^-64
const DISTANCE: f32 = 5.421_010_862_427_522e-20;
/// From this KL on, the difference of logarithms is as good as the sum of what is not negative.
const LARGE: f32 = 0.25;
/// How far the largest y may be above y's origin: no sum of 2^24 e^y times 2^LEVEL overflows.
const MOST: f32 = 34.0;

/// What is taken from scores.
#[derive(Clone, Copy)]
struct Origin {
    x: f32,
    y: f32,
}

/// x − origin in two words. −∞ is the least number.
#[inline(always)]
fn less<V: Lanes>(x: V, origin: f32) -> (V, V) {
    let (high, low) = two_sum(x, -x.splat(origin));
    let least = x.splat(f32::MIN);
    let is_far = high.le(least);
    (V::select(is_far, least, high), V::select(is_far, x.splat(0.0), low))
}

/// (x + low) − (y + low)
#[inline(always)]
fn difference<V: Lanes>((x, x_low): (V, V), (y, y_low): (V, V)) -> (V, V) {
    let (high, error) = two_sum(x, -y);
    // All of it may be in the second words.
    two_sum(high, error + (x_low - y_low))
}

/// e^(x + low) of [`SHIFT`] in two words, 0 where it stops falling.
#[inline(always)]
fn exp<V: Lanes>(words: (V, V)) -> (V, V) {
    let (t, delta) = SHIFT.terms_of_words(words);
    let (is_nothing, zero) = (words.0.le(t.splat(SHIFT.floor())), t.splat(0.0));
    let (e, low) = fast_two_sum(t, t * delta);
    (V::select(is_nothing, zero, e), V::select(is_nothing, zero, low))
}

/// e^x, e^y, and e^x·(x − y) times [`DISTANCE`]: ∞ where y alone is impossible.
#[derive(Clone, Copy)]
struct Moments(Origin);

impl Terms<2, 3> for Moments {
    const NOTHING: [f32; 2] = [f32::NEG_INFINITY; 2];

    #[inline(always)]
    fn terms<V: Lanes>(self, [x, y]: [V; 2]) -> [(V, V); 3] {
        let impossible = x.splat(f32::NEG_INFINITY);
        let is_infinite = y.eq(impossible).and(impossible.lt(x));
        let (x, y) = (less(x, self.0.x), less(y, self.0.y));
        let (distance, low) = difference(x, y);
        let (distance, low) = (distance * DISTANCE, low * DISTANCE);
        let (e, e_low) = exp(x);
        let (product, low) = times(e, (distance, low));
        let product = V::select(is_infinite, -impossible, product);
        [(e, e_low), exp(y), (product, e_low.mul_add(distance, low))]
    }
}

/// e^x·f(v).
#[derive(Clone, Copy)]
struct Summand {
    origin: Origin,
    mean: (f32, f32),
}

/// The series of f goes this far from −1/2: e^(y + c) − e^x + e^x·v cancels little beyond.
const REACH: f32 = 1.5;
const CENTER: f32 = 0.5;

/// (f(−w)/w² − 1/2)/w, of which the next term is 6e-9 of f(−w)/w² where w is 2.
const SERIES: [f32; 12] = [
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40_320.0,
    1.0 / 362_880.0,
    1.0 / 3_628_800.0,
    1.0 / 39_916_800.0,
    1.0 / 479_001_600.0,
    1.0 / 6_227_020_800.0,
    1.0 / 87_178_291_200.0,
];

impl Terms<2, 1> for Summand {
    const NOTHING: [f32; 2] = [f32::NEG_INFINITY; 2];

    #[inline(always)]
    fn terms<V: Lanes>(self, [x, y]: [V; 2]) -> [(V, V); 1] {
        let mean = (x.splat(self.mean.0), x.splat(self.mean.1));
        let (x, y) = (less(x, self.origin.x), less(y, self.origin.y));
        let (e, e_low) = exp(x);
        let (v, v_low) = difference(difference(x, y), mean);

        let tail = two_product(-v, horner(-v, SERIES));
        let factor = add((v.splat(0.5), v.splat(0.0)), tail);
        let square = product((v, v_low), (v, v_low));
        let (near, near_low) = product((e, e_low), product(square, factor));
        let is_near = (v + CENTER).abs().le(v.splat(REACH));
        if is_near.all() {
            return [(near, near_low)];
        }

        let (other, other_low) = exp(difference(y, (-mean.0, -mean.1)));
        let (change, change_error) = two_sum(other, -e);
        let (product, product_low) = times(e, (v, v_low));
        let (far, error) = two_sum(change, product);
        let far_low =
            ((other_low - e_low) + e_low.mul_add(v, product_low)) + (change_error + error);

        [(V::select(is_near, near, far), V::select(is_near, near_low, far_low))]
    }
}

/// The derivative by y.
#[derive(Clone, Copy)]
struct Derivative {
    origin: Origin,
    mean: (f32, f32),
    divergence: (f32, f32),
    /// Up to which exponent q is close to p.
    close: f32,
    /// The reciprocals of the sums, times [`HEADROOM`].
    p: (f32, f32),
    q: (f32, f32),
}

/// By which products are above a probability, so that no subnormal is rounded twice. 2^60
const HEADROOM: f32 = 1_152_921_504_606_846_976.0;

impl Derivative {
    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, y: V) -> V {
        let mean = (x.splat(self.mean.0), x.splat(self.mean.1));
        let divergence = (x.splat(self.divergence.0), x.splat(self.divergence.1));
        let p = (x.splat(self.p.0), x.splat(self.p.1));
        let q = (x.splat(self.q.0), x.splat(self.q.1));
        let (x, y) = (less(x, self.origin.x), less(y, self.origin.y));
        let (p, q) = (product(exp(x), p), product(exp(y), q));
        let v = difference(difference(x, y), mean);
        let (exponent, low) = difference((-v.0, -v.1), divergence);

        let near = product(p, exp_m1_small((exponent, low)));
        let far = add(q, (-p.0, -p.1));
        let is_close = exponent.abs().le(exponent.splat(self.close));
        let high = V::select(is_close, near.0, far.0);
        (high + V::select(is_close, near.1, far.1)) * (1.0 / HEADROOM)
    }
}

/// KL of a row; its gradient is written if there is a place for it.
#[inline(always)]
fn divergence<S: Simd>(simd: S, x: &[f32], y: &[f32], gradient: &mut [f32]) -> f32 {
    let (top, most) = (maximum(simd, x), maximum(simd, y));
    if !(top.is_finite() && most.is_finite()) {
        sweep::fill(simd, f32::NAN, gradient);
        return f32::NAN;
    }
    let own = y.get(position(simd, x, top)).copied().unwrap_or(most);
    let origin = Origin { x: top, y: if most - own <= MOST { own } else { most } };
    let [all, others, distance] = sweep::sums(simd, Moments(origin), [x, y], NOWHERE);
    let words = (simd.splat(all.0), simd.splat(all.1));
    let mean = divide((simd.splat(distance.0), simd.splat(distance.1)), words);
    let mean = (mean.0.first() / DISTANCE, mean.1.first() / DISTANCE);
    let mut divergence = (f32::INFINITY, 0.0);
    if distance.0 != f32::INFINITY {
        let p = Scaled::new(simd, SHIFT.exponent, all).ln(simd, 0.0);
        let q = Scaled::new(simd, SHIFT.exponent, others).ln(simd, 0.0);
        divergence = add_words(mean, add_words(q, (-p.0, -p.1)));
        if divergence.0 < LARGE {
            let [(sum, low)] = sweep::sums(simd, Summand { origin, mean }, [x, y], NOWHERE);
            let share = divide((simd.splat(sum), simd.splat(low)), words);
            let (high, low) = ln_1p_positive_words(share);
            divergence = (high.first(), low.first());
        }
    }

    let headroom = (simd.splat(HEADROOM), simd.splat(0.0));
    let others = (simd.splat(others.0), simd.splat(others.1));
    let (p, q) = (divide(headroom, words), divide(headroom, others));
    let (p, q) = ((p.0.first(), p.1.first()), (q.0.first(), q.1.first()));
    // An error of a large divergence, as one of the exponent, would cost more than q − p.
    let close = if divergence.0 < LARGE { SMALL } else { -1.0 };
    let derivative = Derivative { origin, mean, divergence, close, p, q };
    for at in (0..gradient.len()).step_by(S::F32::COUNT) {
        let x = simd.load(x.get(at..).unwrap_or(&[]), 0.0);
        let y = simd.load(y.get(at..).unwrap_or(&[]), 0.0);
        simd.store(derivative.apply(x, y), gradient.get_mut(at..).unwrap_or(&mut []));
    }
    divergence.0 + divergence.1
}
