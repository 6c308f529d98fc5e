//! Binary cross-entropy of scores and of probabilities, with its gradient.
//!
//! **Method, scores.** With coefficients a = w·t and b = w′·(1 − t), and z = e^-|x|, the loss
//! a·softplus(−x) + b·softplus(x) is
//!
//! ```text
//! loss     = (a + b)·ln(1 + z) + (x < 0 ? a : b)·|x|
//! gradient = b·σ(x) − a·σ(−x) = (x < 0 ? b·z − a : b − a·z) / (1 + z)
//! ```
//!
//! of which only the last numerator can cancel, and not where t is 0 or 1: a tiny loss and a
//! tiny gradient keep all their digits. For other targets, and for weights that are not exact,
//! what rounding took from a, b and the numerator is added; for targets of 0 and 1 it is
//! nothing and is not computed.
//!
//! **Method, probabilities.** The loss is −a·ln p − b·ln(1 − p), the gradient
//! b/(1 − p) − a/p. The difference is taken in the numerator, (b·p − a·(1 − p))/(p·(1 − p)),
//! where neither term is 0.
//!
//! **Error.** The loss of a score has half an ULP for each of the last two additions and, where
//! a + b is about 1, little more for ln(1 + z); a weight may double the latter. The numerator of
//! its gradient is a double-word number, as good as z: where it cancels to an eighth of its
//! terms, z's 2^-30 is an eighth of an ULP.
//!
//! **Tried.** Without the corrections, up to 2.2 ULP in the gradient for targets between 0
//! and 1 where fused, 2.9 where not; without those for weights, 3.6 ULP in the loss.
//!
//! The `unsafe` here is sound because the loop over pairs stays within the shorter of the
//! tile's row and the targets, and writes only where the tile has a place for results.
#![allow(unsafe_code)]

use super::Tile;
use super::accumulator::{Accumulator, Term};
use crate::math::double_word::{
    add, divide, fast_two_sum, product, rounded, times, two_product, two_sum,
};
use crate::math::ln::{ln_1m_words, ln_words};
use crate::math::logistic::{Logistic, Precise, Tail};
use crate::simd::{BLOCK, Lanes, Mask, Simd, Vectors, call, unroll};

/// What is written for each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Nothing: only the sum of the losses is wanted.
    Nothing,
    /// The pair's loss.
    Losses,
    /// The derivative of the loss by x.
    Gradients,
}

/// The weights of a call: a = α·w·t and b = (1 − α)·(1 − t), or a = w·t and b = 1 − t.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// w, finite and not negative.
    pub(crate) pos_weight: f32,
    /// α, from 0 to 1.
    pub(crate) alpha: Option<f32>,
}

/// Binary cross-entropy of scores, the sum of the losses as a double-word number.
///
/// # Safety
/// Of this and the following: the CPU has the instructions of the token.
#[inline(always)]
pub(super) unsafe fn scores<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    targets: &[f32],
    keep: Keep,
    weights: &Weights,
) -> (f32, f32) {
    let loss = OnScores { factors: Factors::new(simd, weights) };
    unsafe { pair_sum(simd, loss, tile, targets, keep) }
}

/// Binary cross-entropy of probabilities, likewise.
#[inline(always)]
pub(super) unsafe fn probabilities<S: Simd>(
    simd: S,
    tile: &Tile<'_>,
    targets: &[f32],
    keep: Keep,
    weights: &Weights,
) -> (f32, f32) {
    let loss = OnProbabilities { factors: Factors::new(simd, weights) };
    unsafe { pair_sum(simd, loss, tile, targets, keep) }
}

/// A loss of pairs of an x and a target, with its gradient.
pub(super) trait PairFunction: Copy {
    /// The x that vectors are padded with: with a target of 0, its loss is 0.
    const NOTHING: f32;
    /// Loss and gradient. Without `slope` the gradient is not computed and has no meaning.
    fn apply<V: Lanes>(self, x: V, t: V, slope: bool) -> (V, V);
    /// What [`apply`](Self::apply) gives, to the bit, if a shorter formula serves all lanes of
    /// several vectors side by side; else nothing. No loss is negative.
    #[inline(always)]
    fn apply_short<V: Lanes>(self, x: V, t: V, slope: bool) -> Option<(V, V)> {
        let _ = (x, t, slope);
        None
    }
}

/// Pairs after which the second words of the sum are carried into the first: a multiple of
/// what every backend takes at once.
const CARRY: usize = 2048 * BLOCK;

/// The sum of the losses of all pairs as a double-word number; what is to be kept of each pair
/// is written.
#[inline(always)]
pub(super) unsafe fn pair_sum<S: Simd, F: PairFunction>(
    simd: S,
    f: F,
    tile: &Tile<'_>,
    targets: &[f32],
    keep: Keep,
) -> (f32, f32) {
    let length = if tile.rows == 0 { 0 } else { tile.columns.min(targets.len()) };
    let (x, t, out) = (tile.x, targets.as_ptr(), tile.out);
    let keep = if out.is_null() { Keep::Nothing } else { keep };
    let slope = keep == Keep::Gradients;
    // Where the shorter formula would be a good part of the code, there is only the general one.
    let wide = if const { S::IS_NATIVE } { S::Wide::COUNT } else { usize::MAX };
    // Adding −0 is nothing to do.
    let nothing = simd.splat(-0.0);
    let mut total = Accumulator::zero(simd);
    let mut at = 0;
    unsafe {
        while at < length {
            let run = length.min(at.saturating_add(CARRY));
            while at < run {
                while const { S::IS_NATIVE } && wide <= run - at {
                    let x = <S::Wide as Vectors<S>>::load(simd, x.add(at));
                    let t = <S::Wide as Vectors<S>>::load(simd, t.add(at));
                    let Some((loss, gradient)) = f.apply_short(x, t, slope) else { break };
                    match keep {
                        Keep::Nothing => {}
                        Keep::Losses => loss.store(simd, out.add(at)),
                        Keep::Gradients => gradient.store(simd, out.add(at)),
                    }
                    let loss = loss.as_ref();
                    unroll!(j in 0..S::Wide::COUNT / S::F32::COUNT, {
                        let loss = Term::Positive(loss[j], nothing);
                        total.add(j % (BLOCK / S::F32::COUNT), loss);
                    });
                    at += wide;
                }
                // As many pairs in the general way, whichever of them needed it.
                let end = run.min(at.saturating_add(wide));
                while at < end {
                    let mut losses = simd.block(simd.splat(0.0));
                    let mut j = 0;
                    while j < BLOCK / S::F32::COUNT && at < end {
                        let rest = end - at;
                        let x = simd.load_part(x.add(at), rest, F::NOTHING);
                        let t = simd.load_part(t.add(at), rest, 0.0);
                        let (loss, gradient) = f.apply(x, t, slope);
                        match keep {
                            Keep::Nothing => {}
                            Keep::Losses => simd.store_part(loss, out.add(at), rest),
                            Keep::Gradients => simd.store_part(gradient, out.add(at), rest),
                        }
                        losses.as_mut()[j] = loss;
                        j += 1;
                        at += S::F32::COUNT;
                    }
                    unroll!(j in 0..BLOCK / S::F32::COUNT, {
                        total.add(j, Term::Signed(losses.as_ref()[j], nothing));
                    });
                }
                at = at.min(run);
            }
            total.carry();
        }
    }
    total.sum(simd)
}

/// Binary cross-entropy of scores.
#[derive(Clone, Copy)]
struct OnScores {
    factors: Factors,
}

impl PairFunction for OnScores {
    const NOTHING: f32 = f32::NEG_INFINITY;

    #[inline(always)]
    fn apply<V: Lanes>(self, x: V, t: V, slope: bool) -> (V, V) {
        let valid = x.splat(0.0).le(t).and(t.le(x.splat(1.0)));
        let near = self.near(x.clamp(-NEAR, NEAR), t, slope);
        if V::all_within([x], NEAR) && valid.all() {
            return near;
        }
        let far = self.far(x, t);
        let (is_far, nan) = (x.splat(NEAR).lt(x.abs()), x.splat(f32::NAN));
        let loss = V::select(is_far, far.0, near.0);
        let gradient = V::select(is_far, far.1, near.1);
        (V::select(valid, loss, nan), V::select(valid, gradient, nan))
    }

    /// Without weights, for t = 1 what x gives, for t = 0 what −x does:
    ///
    /// ```text
    /// s        = t = 1 ? −x : x
    /// loss     = ln(1 + z) + max(s, 0)
    /// gradient = ±σ(s) = ±(s < 0 ? z : 1) / (1 + z)
    /// ```
    ///
    /// All that is left out of [`near`](Self::near) are products with 0 and ±1.
    #[inline(always)]
    fn apply_short<V: Lanes>(self, x: V, t: V, slope: bool) -> Option<(V, V)> {
        let (zero, one) = (x.splat(0.0), x.splat(1.0));
        let is_hard = t.mul_add(-t, t).eq(zero);
        if !self.factors.are_one || !V::all_within([x], NEAR) || !is_hard.all() {
            return None;
        }
        let is_zero = t.eq(zero);
        let s = V::select(is_zero, x, -x);
        let logistic = Logistic::new(s);
        let ((z, z_low), (ln, ln_low)) = (logistic.z, logistic.ln_1p);
        let loss = ln + (s.max(zero) + ln_low);
        if !slope {
            return Some((loss, loss));
        }
        let is_tail = s.lt(zero);
        let numerator = (V::select(is_tail, z, one), V::select(is_tail, z_low, zero));
        let sigmoid = logistic.quotient(numerator);
        Some((loss, V::select(is_zero, sigmoid, -sigmoid)))
    }
}

/// The largest |x| that is near 0: beyond, a product of e^-|x| and a weight may have no second
/// word.
const NEAR: f32 = 64.0;

impl OnScores {
    /// Loss and gradient for |x| ≤ [`NEAR`].
    #[inline(always)]
    fn near<V: Lanes>(self, x: V, t: V, slope: bool) -> (V, V) {
        let factors = self.factors;
        let logistic = Logistic::new(x);
        let (z, z_low) = logistic.z;
        // Unfused, a weight would be a rounding more.
        let is_plain = V::FUSED || factors.are_one;
        let (ln, ln_low) = if is_plain { logistic.ln_1p } else { Precise::new(x).ln_1p_words() };
        let ((a, b), is_hard) = factors.rounded(t);
        let terms = Terms::new(x, a, b);
        // Where t is 0 or 1, rounding takes nothing from the terms.
        let is_exact = is_hard && factors.are_exact::<V>();

        let mut low = (x.splat(0.0), x.splat(0.0));
        let mut rest = x.splat(0.0);
        if !is_exact {
            let [a, b] = factors.coefficients(t);
            low = (a.1, b.1);
            let low = Terms::of_low(x, a, b);
            rest = low.both.mul_add(ln + ln_low, low.linear * x.abs());
        }
        let loss = if is_plain {
            let rest = terms.both.mul_add(ln_low, rest);
            terms.both.mul_add(ln, terms.linear.mul_add(x.abs(), rest))
        } else {
            let (product, error) = times(terms.both, (ln, ln_low));
            rounded(add((product, error + rest), two_product(terms.linear, x.abs())))
        };
        if !slope {
            return (loss, loss);
        }
        // Terms that only the gradient needs are computed only here.
        let (terms, low) = (Terms::new(x, a, b), Terms::new(x, low.0, low.1));
        let product = terms.tail * z;
        let numerator = terms.constant + product;
        let mut left = terms.tail.mul_add(z_low, terms.tail.mul_add(z, -product));
        if !is_exact {
            let (_, error) = two_sum(terms.constant, product);
            left = terms.tail.mul_add(z_low, two_product(terms.tail, z).1);
            left = left + (error + low.tail.mul_add(z, low.constant));
        }
        (loss, logistic.quotient((numerator, left)))
    }

    /// Loss and gradient for larger |x|, where 1 + e^-|x| is 1.
    ///
    /// A coefficient of 0 wins over an infinity. A gradient that underflows keeps its sign.
    #[inline(always)]
    fn far<V: Lanes>(self, x: V, t: V) -> (V, V) {
        let z = Tail::new(x);
        let [a, b] = self.factors.coefficients(t);
        let (terms, low) = (Terms::new(x, a.0, b.0), Terms::of_low(x, a, b));
        let (zero, distance) = (x.splat(0.0), x.abs());
        // An infinity here could meet the opposite one.
        let rest = (low.linear * distance.min(x.splat(f32::MAX))).clamp(f32::MIN, f32::MAX);
        let distance = V::select(terms.linear.eq(zero), zero, terms.linear.mul_add(distance, rest));
        let loss = add((distance, zero), z.times((terms.both, low.both)));
        let tail = z.times((terms.tail, low.tail));
        let gradient = rounded(add((terms.constant, low.constant), tail));
        let is_nothing = gradient.eq(zero).and(terms.constant.eq(zero));
        (rounded(loss), V::select(is_nothing, tail.0, gradient))
    }
}

/// w and w′ of the coefficients a = w·t and b = w′·(1 − t), as double-word numbers.
#[derive(Clone, Copy)]
pub(super) struct Factors {
    positive: (f32, f32),
    negative: (f32, f32),
    are_one: bool,
    /// What `positive` is to be multiplied by: 1, or the power of two that
    /// [`normal`](Self::normal) took out.
    pub(super) unit: f32,
}

impl Factors {
    /// The factors of some weights.
    #[inline(always)]
    pub(super) fn new<S: Simd>(simd: S, weights: &Weights) -> Self {
        let w = weights.pos_weight;
        let Some(alpha) = weights.alpha else {
            return Self { positive: (w, 0.0), negative: (1.0, 0.0), are_one: w == 1.0, unit: 1.0 };
        };
        let (a, a_low) = two_product(simd.splat(w), simd.splat(alpha));
        let (b, b_low) = fast_two_sum(simd.splat(1.0), -simd.splat(alpha));
        Self {
            positive: (a.first(), a_low.first()),
            negative: (b.first(), b_low.first()),
            are_one: false,
            unit: 1.0,
        }
    }

    /// The factors with a positive one below 1024, and the power of two that this took.
    #[inline(always)]
    pub(super) fn normal(self) -> Self {
        let (w, w_low) = self.positive;
        // Biased exponents: of 2^9 it is 136.
        let exponent = (w.to_bits() >> 23).clamp(136, 254) - 9;
        let unit = f32::from_bits(exponent << 23);
        let inverse = f32::from_bits((254 - exponent) << 23);
        Self { positive: (w * inverse, w_low * inverse), unit, ..self }
    }

    /// Whether products with 0 and 1 leave nothing.
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

    /// a and b rounded, and whether all targets are 0 or 1.
    #[inline(always)]
    fn rounded<V: Lanes>(self, t: V) -> ((V, V), bool) {
        let u = t.splat(1.0) - t;
        let is_hard = t.min(u).eq(t.splat(0.0)).all();
        ((t * self.positive.0, u * self.negative.0), is_hard)
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
    /// The coefficients of a·softplus(−x) + b·softplus(x).
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

    /// What rounding took from the coefficients.
    #[inline(always)]
    fn of_low(x: V, (a, a_low): (V, V), (b, b_low): (V, V)) -> Self {
        let (_, error) = two_sum(a, b);
        let low = Self::new(x, a_low, b_low);
        Self { both: low.both + error, ..low }
    }
}

/// Binary cross-entropy of probabilities.
#[derive(Clone, Copy)]
struct OnProbabilities {
    factors: Factors,
}

impl PairFunction for OnProbabilities {
    const NOTHING: f32 = 0.0;

    #[inline(always)]
    fn apply<V: Lanes>(self, p: V, t: V, slope: bool) -> (V, V) {
        let (zero, one) = (p.splat(0.0), p.splat(1.0));
        let valid = zero.le(p).and(p.le(one)).and(zero.le(t)).and(t.le(one));
        // By −0, the gradient would be of the other sign. 1 − 1 is −0 where results are rounded
        // down.
        let p = p.abs();
        let q = (one - p).abs();
        let q = (q, (one - q) - p);
        let [a, b] = self.factors.coefficients(t);
        let nan = p.splat(f32::NAN);

        let loss = rounded(add(weighted(a, p, ln_words(p)), weighted(b, q.0, ln_1m_words(p))));
        let loss = V::select(valid, loss, nan);
        if !slope {
            return (loss, loss);
        }
        // b·p − a·q
        let (no_a, no_b) = (a.0.eq(zero), b.0.eq(zero));
        let (plus, minus) = (times(p, b), product(a, q));
        let difference = add(plus, (-minus.0, -minus.1));
        let numerator = V::select(no_a, b.0, V::select(no_b, -a.0, difference.0));
        let low = V::select(no_a, b.1, V::select(no_b, -a.1, difference.1));
        let both = times(p, q);
        let denominator = V::select(no_a, q.0, V::select(no_b, p, both.0));
        let denominator_low = V::select(no_a, q.1, V::select(no_b, zero, both.1));
        let gradient = rounded(divide((numerator, low), (denominator, denominator_low)));
        let gradient = V::select(numerator.eq(zero), zero, gradient);
        (loss, V::select(valid, gradient, nan))
    }
}

/// −c·ln x: 0 for c = 0, and ∞ for x = 0.
#[inline(always)]
fn weighted<V: Lanes>(c: (V, V), x: V, ln: (V, V)) -> (V, V) {
    call!(V, (c, x, ln), |(c, x, (ln, ln_low))| {
        let (zero, infinity) = (x.splat(0.0), x.splat(f32::INFINITY));
        let (product, low) = product(c, (-ln, -ln_low));
        let (is_nothing, is_infinite) = (c.0.eq(zero), x.eq(zero));
        let product = V::select(is_infinite, infinity, product);
        let low = V::select(is_infinite, zero, low);
        (V::select(is_nothing, zero, product), V::select(is_nothing, zero, low))
    })
}
