//! Softmax cross-entropy on class labels, with its gradient.
//!
//! **Method.** For a row with label y, tail = Σ_{j≠y} e^(x[j] − x[y]) is summed
//! without the label's own element. Then
//!
//! ```text
//! loss        = ln(1 + tail)
//! gradient[y] = −tail / (1 + tail)
//! gradient[k] = softmax(x)[k]                 for k ≠ y
//! ```
//!
//! and a right answer given with confidence keeps its tiny true loss, where
//! logsumexp(x) − x[y] cancels to zero.

use crate::error::{Error, check_length};
use crate::kernel::exp_sum::{ExpSum, Scaled, Shift, exp_sum, exp2};
use crate::kernel::softmax::{Constant, Normalize};
use crate::loss::Loss;
use crate::math::exp::Parts;
use crate::math::ln::{ln_1p_positive, ln_scaled};
use crate::math::words::{divide, fast_two_sum, two_sum};
use crate::rows::{Rows, RowsMut, check_shape};
use crate::simd::{EIGHTHS, Kernel, Lanes, Simd};
use crate::sweep;

/// One row's loss, and its gradient at the label and elsewhere.
struct RowLoss {
    loss: f32,
    at_label: f32,
    elsewhere: Elsewhere,
}

/// The gradient at the other classes.
enum Elsewhere {
    Softmax(Normalize),
    Constant(Constant),
}

impl RowLoss {
    /// The same value for loss and gradient.
    #[inline(always)]
    fn constant(value: f32) -> Self {
        Self { loss: value, at_label: value, elsewhere: Elsewhere::Constant(Constant(value)) }
    }

    #[inline(always)]
    fn new<S: Simd>(simd: S, scores: &[f32], label: usize) -> Self {
        let score = scores.get(label).copied().unwrap_or(f32::NAN);
        match exp_sum(simd, &mut &*scores, label) {
            _ if score.is_nan() || score == f32::INFINITY => Self::constant(f32::NAN),
            ExpSum::Nan | ExpSum::Infinite => Self::constant(f32::NAN),
            ExpSum::Empty if score == f32::NEG_INFINITY => Self::constant(f32::NAN),
            ExpSum::Empty => Self::constant(0.0), // no other class is possible
            ExpSum::Finite(sum) => {
                let words = sum.total.value(simd);
                if words.0.is_nan() {
                    return Self::constant(f32::NAN);
                }
                Self::finite(simd, score, Scaled::new(simd, sum.shift, words))
            }
        }
    }

    /// For a score below +∞ and the sum over the other classes.
    #[inline(always)]
    fn finite<S: Simd>(simd: S, score: f32, others: Scaled) -> Self {
        // The label's own share. Beyond ±700 the lesser of it and the others'
        // is nothing to the greater, whatever its exact size.
        let distance = score - others.center;
        let own = Parts::new(simd.splat(distance.clamp(-700.0, 700.0)), simd.splat(EIGHTHS));
        let own_words = own.words();
        let own_exponent = own.exponent();

        // tail = others / own = (ratio + ratio_low) · 2^gap
        let (ratio, ratio_low) = divide(others.words(simd), own_words);
        let gap = others.exponent - own_exponent;
        let loss = if distance < -700.0 {
            // A difference of logarithms, far apart.
            let (high, low) = others.ln(simd);
            (high - distance) + low
        } else if gap > 64.0 {
            let (high, low) = ln_scaled((ratio, ratio_low), simd.splat(gap));
            (high + low).first()
        } else {
            let tail = scale(simd, ratio, gap);
            ln_1p_positive((tail, ratio_low * exp2(gap))).first()
        };

        // The sum of both, at the greater exponent.
        let top = others.exponent.max(own_exponent);
        let (a, b) = (exp2(others.exponent - top), exp2(own_exponent - top));
        let (high, error) = two_sum(others.high * a, own_words.0.first() * b);
        let low = (others.low * a + own_words.1.first() * b) + error;
        let all = Scaled::new(simd, Shift { center: others.center, exponent: top }, fast_two_sum(high, low));
        let (share, share_low) = divide(others.words(simd), all.words(simd));
        let share = scale(simd, share + share_low, others.exponent - all.exponent);
        Self {
            loss,
            at_label: -share.first(),
            elsewhere: Elsewhere::Softmax(Normalize::new(simd, all)),
        }
    }
}

/// x · 2^n for x of moderate size and n ≤ 64, with one rounding.
#[inline(always)]
fn scale<S: Simd>(simd: S, x: S::F32, n: f32) -> S::F32 {
    x.scale_exp2(simd.splat(EIGHTHS + n.max(-250.0)))
}

/// Checked scores and labels.
struct Labelled<'a> {
    scores: Rows<'a>,
    labels: &'a [u32],
}

impl<'a> Labelled<'a> {
    fn new(scores: Rows<'a>, labels: &'a [u32]) -> Result<Self, Error> {
        check_length("labels", scores.rows(), labels.len())?;
        let columns = scores.columns();
        for (row, &label) in labels.iter().enumerate() {
            if label as usize >= columns {
                return Err(Error::Label { row, label, columns });
            }
        }
        Ok(Self { scores, labels })
    }

    fn iter(&self) -> impl Iterator<Item = (&'a [f32], usize)> {
        self.scores.iter().zip(self.labels.iter().map(|&label| label as usize))
    }
}

/// The loss of rows of scores against class labels.
pub struct LabelLoss<'a> {
    rows: Labelled<'a>,
}

impl<'a> LabelLoss<'a> {
    /// # Errors
    /// As [`crate::loss::CrossEntropy::loss`].
    #[inline]
    pub fn new(scores: Rows<'a>, labels: &'a [u32]) -> Result<Self, Error> {
        Ok(Self { rows: Labelled::new(scores, labels)? })
    }
}

impl Kernel for LabelLoss<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) -> Loss {
        let mut total = Loss::default();
        for (scores, label) in self.rows.iter() {
            total.add(RowLoss::new(simd, scores, label).loss);
        }
        total
    }
}

/// The loss of rows of scores against class labels, and its gradient.
pub struct LabelLossAndGradient<'a> {
    rows: Labelled<'a>,
    gradient: RowsMut<'a>,
}

impl<'a> LabelLossAndGradient<'a> {
    /// # Errors
    /// As [`crate::loss::CrossEntropy::loss_and_gradient`].
    #[inline]
    pub fn new(scores: Rows<'a>, labels: &'a [u32], gradient: RowsMut<'a>) -> Result<Self, Error> {
        check_shape("gradient", scores, &gradient)?;
        Ok(Self { rows: Labelled::new(scores, labels)?, gradient })
    }
}

impl Kernel for LabelLossAndGradient<'_> {
    type Output = Loss;

    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S) -> Loss {
        let mut total = Loss::default();
        for ((scores, label), gradient) in self.rows.iter().zip(self.gradient.iter_mut()) {
            let row = RowLoss::new(simd, scores, label);
            total.add(row.loss);
            match row.elsewhere {
                Elsewhere::Softmax(softmax) => sweep::map(simd, softmax, scores, gradient),
                Elsewhere::Constant(value) => sweep::map(simd, value, scores, gradient),
            }
            if let Some(at_label) = gradient.get_mut(label) {
                *at_label = row.at_label;
            }
        }
        total
    }
}
