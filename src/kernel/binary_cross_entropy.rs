//! Binary cross-entropy, with its gradient.
//!
//! **Method.** With coefficients a = w·t and b = 1 − t, and z = e^-|x|, the loss
//! a·softplus(−x) + b·softplus(x) is
//!
//! ```text
//! loss     = (a + b)·ln(1 + z) + (x < 0 ? a : b)·|x|
//! gradient = b·σ(x) − a·σ(−x) = (x < 0 ? b·z − a : b − a·z) / (1 + z)
//! ```
//!
//! of which only the last numerator can cancel, and not where t is 0 or 1: a tiny
//! loss and a tiny gradient keep all their digits. Other targets, and weights that are not
//! exact, have what rounding took from a, b and the numerator added, which for 0 and 1 is
//! nothing and not computed.
//!
//! **Error.** Of the loss half an ULP for each of the last two additions and, where a + b
//! is about 1, little more for ln(1 + z); a weight may double the latter. The numerator is
//! of two words, as good as z: where it cancels to an eighth of its terms, z's 2^-30 is an
//! eighth of an ULP.
//!
//! **Tried.** Without the corrections, up to 2.2 ULP in the gradient for targets between 0
//! and 1 where fused, 2.9 where not; without those for weights, 3.6 ULP in the loss.

use super::focal::Focal;
use crate::error::{Error, check_length};
use crate::loss::{BinaryCrossEntropy, Loss};
use crate::math::exp::NORMAL;
use crate::math::ln::{ln_1m_words, ln_words};
use crate::math::logistic::{Logistic, Precise, Tail};
use crate::math::words::{add, divide, product, rounded, times, two_product, two_sum};
use crate::simd::{Kernel, Lanes, Mask, Simd, Vectors};
use crate::sweep::{self, PairFunction, Place};
use core::ops::Range;

/// A binary loss with its parameters checked.
pub trait BinaryFunction: Copy {
    /// The sum of the losses in two words.
    #[doc(hidden)]
    fn sum<S: Simd, P: Place>(self, simd: S, place: P, targets: &[f32]) -> (f32, f32);
}

/// Binary cross-entropy of scores.
#[derive(Clone, Copy, Debug)]
pub struct OnScores {
    weights: Weights,
    gamma: f32,
}

impl OnScores {
    /// # Errors
    /// As [`BinaryCrossEntropy::loss`], of the parameters.
    #[inline]
    pub fn new(loss: BinaryCrossEntropy) -> Result<Self, Error> {
        Ok(Self { weights: Weights::new(loss)?, gamma: loss.gamma()? })
    }
}

impl BinaryFunction for OnScores {
    #[inline(always)]
    fn sum<S: Simd, P: Place>(self, simd: S, place: P, targets: &[f32]) -> (f32, f32) {
        if self.gamma == 0.0 {
            sweep::pair_sum(simd, self, place, targets)
        } else {
            sweep::pair_sum(simd, Focal::new(self.gamma, self.weights), place, targets)
        }
    }
}

impl PairFunction for OnScores {
    const NOTHING: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, t: V) -> (V, V) {
        apply_on_scores(self, x, t)
    }

    /// Without weights, for t = 1 what x gives, for t = 0 what −x does:
    ///
    /// ```text
    /// s        = t = 1 ? −x : x
    /// loss     = ln(1 + z) + max(s, 0)
    /// gradient = ±σ(s) = ±(s < 0 ? z : 1) / (1 + z)
    /// ```
    ///
    /// All that is left out of [`near`](ScoreFunction::near) are products with 0 and ±1.
    #[inline(always)]
    fn apply_short<V: Lanes>(self, x: V, t: V) -> Option<(V, V)> {
        let (zero, one) = (x.splat(0.0), x.splat(1.0));
        let is_hard = t.mul_add(-t, t).eq(zero);
        if !self.weights.are_one || !V::all_within([x], Self::NEAR) || !is_hard.all() {
            return None;
        }
        let is_zero = t.eq(zero);
        let s = V::select(is_zero, x, -x);
        let is_tail = s.lt(zero);
        let logistic = Logistic::new(s);
        let ((z, z_low), (ln, ln_low)) = (logistic.z, logistic.ln_1p);
        let numerator = (V::select(is_tail, z, one), V::select(is_tail, z_low, zero));
        let sigmoid = logistic.quotient(numerator);
        Some((ln + (s.max(zero) + ln_low), V::select(is_zero, sigmoid, -sigmoid)))
    }
}

/// A loss of scores in two parts.
pub(super) trait ScoreFunction: Copy {
    /// At most [`NORMAL`].
    const NEAR: f32 = NORMAL;
    /// Loss and gradient for |x| ≤ [`NEAR`](Self::NEAR).
    fn near<V: Lanes>(self, x: V, t: V) -> (V, V);
    /// Beyond it, where 1 + e^-|x| is 1.
    fn far<V: Lanes>(self, x: V, t: V) -> (V, V);
}

/// Loss and gradient of every score and target.
#[inline(always)]
pub(super) fn apply_on_scores<V: Lanes, F: ScoreFunction>(f: F, x: V, t: V) -> (V, V) {
    let valid = x.splat(0.0).le(t).and(t.le(x.splat(1.0)));
    if V::all_within([x], F::NEAR) && valid.all() {
        return f.near(x, t);
    }
    let (near, far) = (f.near(x.clamp(-F::NEAR, F::NEAR), t), f.far(x, t));
    let (is_far, nan) = (x.splat(F::NEAR).lt(x.abs()), x.splat(f32::NAN));
    let loss = V::select(is_far, far.0, near.0);
    let gradient = V::select(is_far, far.1, near.1);
    (V::select(valid, loss, nan), V::select(valid, gradient, nan))
}

impl ScoreFunction for OnScores {
    /// Beyond, a product with a weight may have no second word.
    const NEAR: f32 = 64.0;

    #[inline(always)]
    fn near<V: Lanes>(self, x: V, t: V) -> (V, V) {
        let weights = self.weights;
        let logistic = Logistic::new(x);
        let (z, z_low) = logistic.z;
        // Unfused, a weight would be a rounding more.
        let is_plain = V::FUSED || weights.are_one;
        let (ln, ln_low) = if is_plain { logistic.ln_1p } else { Precise::new(x).ln_1p_words() };
        let (terms, is_hard) = weights.terms(x, t);

        let product = terms.tail * z;
        let numerator = terms.constant + product;
        let mut left = terms.tail.mul_add(z_low, terms.tail.mul_add(z, -product));
        let mut rest = x.splat(0.0);
        if !(is_hard && weights.are_exact::<V>()) {
            // What rounding took: nothing from lanes where t is 0 or 1.
            let low = weights.rounded(x, t);
            let (_, error) = two_sum(terms.constant, product);
            left = terms.tail.mul_add(z_low, two_product(terms.tail, z).1);
            left = left + (error + low.tail.mul_add(z, low.constant));
            rest = low.both.mul_add(ln + ln_low, low.linear * x.abs());
        }
        let loss = if is_plain {
            let rest = terms.both.mul_add(ln_low, rest);
            terms.both.mul_add(ln, terms.linear.mul_add(x.abs(), rest))
        } else {
            let (product, low) = times(terms.both, (ln, ln_low));
            rounded(add((product, low + rest), two_product(terms.linear, x.abs())))
        };
        (loss, logistic.quotient((numerator, left)))
    }

    /// A coefficient of 0 wins over an infinity.
    #[inline(always)]
    fn far<V: Lanes>(self, x: V, t: V) -> (V, V) {
        let z = Tail::new(x);
        let ((terms, _), low) = (self.weights.terms(x, t), self.weights.rounded(x, t));
        let (zero, distance) = (x.splat(0.0), x.abs());
        let rest = low.linear * distance.min(x.splat(f32::MAX)); // never ∞ against ∞
        let distance = V::select(terms.linear.eq(zero), zero, terms.linear.mul_add(distance, rest));
        let loss = add((distance, zero), z.times((terms.both, low.both)));
        let gradient = add((terms.constant, low.constant), z.times((terms.tail, low.tail)));
        (rounded(loss), rounded(gradient))
    }
}

/// w and w′ of the coefficients a = w·t and b = w′·(1 − t), in two words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    positive: (f32, f32),
    negative: (f32, f32),
    are_one: bool,
}

impl Weights {
    #[inline]
    fn new(loss: BinaryCrossEntropy) -> Result<Self, Error> {
        let [positive, negative] = loss.weights()?;
        let are_one = (positive, negative) == ((1.0, 0.0), (1.0, 0.0));
        Ok(Self { positive, negative, are_one })
    }

    /// Whether they leave nothing of products that are not rounded.
    #[inline(always)]
    fn are_exact<V: Lanes>(self) -> bool {
        self.are_one || V::FUSED && self.positive.1 == 0.0 && self.negative.1 == 0.0
    }

    /// a and b.
    #[inline(always)]
    pub(super) fn coefficients<V: Lanes>(self, t: V) -> [(V, V); 2] {
        let ((w, w_low), (v, v_low)) = (self.positive, self.negative);
        let u = t.splat(1.0) - t;
        let u = (u, (t.splat(1.0) - u) - t);
        [times(t, (t.splat(w), t.splat(w_low))), product(u, (t.splat(v), t.splat(v_low)))]
    }

    /// The coefficients for scores and targets, and whether all targets are 0 or 1.
    #[inline(always)]
    fn terms<V: Lanes>(self, x: V, t: V) -> (Terms<V>, bool) {
        let u = t.splat(1.0) - t;
        let (a, b) = (t * self.positive.0, u * self.negative.0);
        (Terms::new(x, a, b), t.min(u).eq(t.splat(0.0)).all())
    }

    /// What rounding took from the coefficients.
    #[inline(always)]
    fn rounded<V: Lanes>(self, x: V, t: V) -> Terms<V> {
        let [(a, a_low), (b, b_low)] = self.coefficients(t);
        let (_, error) = two_sum(a, b);
        let low = Terms::new(x, a_low, b_low);
        Terms { both: low.both + error, ..low }
    }
}

/// The coefficients of a loss both · ln(1 + z) + linear · |x| and its gradient
/// (constant + tail · z) / (1 + z).
#[derive(Clone, Copy)]
struct Terms<V> {
    both: V,
    linear: V,
    constant: V,
    tail: V,
}

impl<V: Lanes> Terms<V> {
    /// For a·softplus(−x) + b·softplus(x).
    #[inline(always)]
    fn new(x: V, a: V, b: V) -> Self {
        let negative = x.lt(x.splat(0.0));
        Self {
            both: a + b,
            linear: V::select(negative, a, b),
            constant: V::select(negative, -a, b),
            tail: V::select(negative, b, -a),
        }
    }
}

/// Binary cross-entropy of probabilities:
///
/// ```text
/// loss     = −a·ln p − b·ln(1 − p)
/// gradient = b/(1 − p) − a/p
/// ```
///
/// whose difference is taken in the numerator, w·(p − t) for equal weights, where
/// neither term is 0.
#[derive(Clone, Copy, Debug)]
pub struct OnProbabilities {
    weights: Weights,
}

impl OnProbabilities {
    /// # Errors
    /// As [`BinaryCrossEntropy::loss_of_probabilities`], of the parameters.
    #[inline]
    pub fn new(loss: BinaryCrossEntropy) -> Result<Self, Error> {
        match loss.gamma()? {
            0.0 => {}
            found => return Err(Error::Parameter { name: "gamma", expected: "0", found }),
        }
        Ok(Self { weights: Weights::new(loss)? })
    }
}

impl BinaryFunction for OnProbabilities {
    #[inline(always)]
    fn sum<S: Simd, P: Place>(self, simd: S, place: P, targets: &[f32]) -> (f32, f32) {
        sweep::pair_sum(simd, self, place, targets)
    }
}

impl PairFunction for OnProbabilities {
    const NOTHING: f32 = 0.0;

    #[inline(always)]
    fn apply<V: Lanes>(self, p: V, t: V) -> (V, V) {
        let (zero, one) = (p.splat(0.0), p.splat(1.0));
        let q = one - p;
        let q = (q, (one - q) - p);
        let [a, b] = self.weights.coefficients(t);
        let (no_a, no_b) = (a.0.eq(zero), b.0.eq(zero));

        let loss = rounded(add(weighted(a, p, ln_words(p)), weighted(b, q.0, ln_1m_words(p))));

        // b·p − a·q
        let (plus, minus) = (times(p, b), product(a, q));
        let difference = add(plus, (-minus.0, -minus.1));
        let numerator = V::select(no_a, b.0, V::select(no_b, -a.0, difference.0));
        let low = V::select(no_a, b.1, V::select(no_b, -a.1, difference.1));
        let both = times(p, q);
        let denominator = V::select(no_a, q.0, V::select(no_b, p, both.0));
        let denominator_low = V::select(no_a, q.1, V::select(no_b, zero, both.1));
        let gradient = rounded(divide((numerator, low), (denominator, denominator_low)));
        let gradient = V::select(numerator.eq(zero), zero, gradient);

        let valid = zero.le(p).and(p.le(one)).and(zero.le(t)).and(t.le(one));
        let nan = p.splat(f32::NAN);
        (V::select(valid, loss, nan), V::select(valid, gradient, nan))
    }
}

/// −c·ln x: 0 for c = 0, and ∞ for x = 0.
#[inline(always)]
fn weighted<V: Lanes>(c: (V, V), x: V, (ln, ln_low): (V, V)) -> (V, V) {
    let (zero, infinity) = (x.splat(0.0), x.splat(f32::INFINITY));
    let (product, low) = product(c, (-ln, -ln_low));
    let (is_nothing, is_infinite) = (c.0.eq(zero), x.eq(zero));
    let product = V::select(is_infinite, infinity, product);
    let low = V::select(is_infinite, zero, low);
    (V::select(is_nothing, zero, product), V::select(is_nothing, zero, low))
}

/// The loss of pairs of a score or probability and a target.
///
/// P says what is kept beside the sum: nothing, losses or gradients.
pub struct BinaryLoss<'a, F, P> {
    function: F,
    place: P,
    targets: &'a [f32],
}

impl<'a, F: BinaryFunction, P: Place> BinaryLoss<'a, F, P> {
    #[inline]
    fn checked(function: F, length: usize, place: P, targets: &'a [f32]) -> Result<Self, Error> {
        check_length("targets", length, targets.len())?;
        Ok(Self { function, place, targets })
    }
}

impl<'a, F: BinaryFunction> BinaryLoss<'a, F, &'a [f32]> {
    /// # Errors
    /// [`Error::Length`] if there is not one target an x.
    #[inline]
    pub fn new(function: F, x: &'a [f32], targets: &'a [f32]) -> Result<Self, Error> {
        Self::checked(function, x.len(), x, targets)
    }
}

impl<'a, F: BinaryFunction> BinaryLoss<'a, F, Losses<'a>> {
    /// Each pair's loss goes to `out`.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one target an x, or `out` has another length.
    #[inline]
    pub fn each(
        function: F,
        x: &'a [f32],
        targets: &'a [f32],
        out: &'a mut [f32],
    ) -> Result<Self, Error> {
        check_length("out", x.len(), out.len())?;
        Self::checked(function, x.len(), Losses { x, out }, targets)
    }
}

impl<'a, F: BinaryFunction> BinaryLoss<'a, F, Gradient<'a>> {
    /// The derivative by each x goes to `gradient`.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one target an x, or `gradient` has another
    /// length.
    #[inline]
    pub fn with_gradient(
        function: F,
        x: &'a [f32],
        targets: &'a [f32],
        gradient: &'a mut [f32],
    ) -> Result<Self, Error> {
        check_length("gradient", x.len(), gradient.len())?;
        Self::checked(function, x.len(), Gradient { x, gradient }, targets)
    }
}

impl<'a, F: BinaryFunction> BinaryLoss<'a, F, &'a mut [f32]> {
    /// The derivative by each x takes its place.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one target an x.
    #[inline]
    pub fn gradient_in_place(
        function: F,
        x: &'a mut [f32],
        targets: &'a [f32],
    ) -> Result<Self, Error> {
        Self::checked(function, x.len(), x, targets)
    }
}

impl<F: BinaryFunction, P: Place> Kernel for BinaryLoss<'_, F, P> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        Loss::of_sum(self.function.sum(simd, self.place, self.targets), self.targets.len())
    }
}

impl Place for &[f32] {
    #[inline(always)]
    fn x(&self) -> &[f32] {
        self
    }

    #[inline(always)]
    fn store<S: Simd, V: Vectors<S>>(&mut self, _: S, _: Range<usize>, _: V, _: V) {}
}

impl Place for &mut [f32] {
    #[inline(always)]
    fn x(&self) -> &[f32] {
        self
    }

    #[inline(always)]
    fn store<S: Simd, V: Vectors<S>>(&mut self, simd: S, at: Range<usize>, _: V, gradient: V) {
        gradient.store(simd, self.get_mut(at).unwrap_or(&mut []));
    }
}

/// The losses go elsewhere.
pub struct Losses<'a> {
    x: &'a [f32],
    out: &'a mut [f32],
}

impl Place for Losses<'_> {
    #[inline(always)]
    fn x(&self) -> &[f32] {
        self.x
    }

    #[inline(always)]
    fn store<S: Simd, V: Vectors<S>>(&mut self, simd: S, at: Range<usize>, loss: V, _: V) {
        loss.store(simd, self.out.get_mut(at).unwrap_or(&mut []));
    }
}

/// The gradient goes elsewhere.
pub struct Gradient<'a> {
    x: &'a [f32],
    gradient: &'a mut [f32],
}

impl Place for Gradient<'_> {
    #[inline(always)]
    fn x(&self) -> &[f32] {
        self.x
    }

    #[inline(always)]
    fn store<S: Simd, V: Vectors<S>>(&mut self, simd: S, at: Range<usize>, _: V, gradient: V) {
        gradient.store(simd, self.gradient.get_mut(at).unwrap_or(&mut []));
    }
}
