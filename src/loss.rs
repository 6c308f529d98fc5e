//! Losses on scores, with their gradients.
//!
//! A [`Loss`] holds the sum of the rows' losses, the sum of their weights and the
//! number of rows. Add the values of all batches, and take the mean once, at the end.

mod binary_cross_entropy;
mod cross_entropy;
pub(crate) mod label;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use cross_entropy::CrossEntropy;
pub use label::Label;

use crate::error::{Result, check_parameter};
use crate::math::double_word::add_words;
use crate::simd::BLOCK;
use core::iter::Sum;
use core::ops::{Add, AddAssign};

/// The losses of all rows of a call, added up.
///
/// `+`, `+=` and `sum()` add the losses of batches and threads. Sum and weight are each
/// held as two `f32`. For 10 million rows, both are within an ULP of the exact sum of the
/// rows' losses or weights.
///
/// ```
/// use logits::{Rows, loss::{CrossEntropy, Loss}};
///
/// let batches = [[0.0, 1.0, 2.0, 0.0], [3.0, -1.0, 0.5, 0.5]];
/// let loss_of = |scores| CrossEntropy::new().loss(Rows::new(scores, 2)?, &[0u8, 1]);
/// let total = loss_of(&batches[0])? + loss_of(&batches[1])?;
/// assert_eq!(total.count, 4);
/// let same: Loss = [loss_of(&batches[0])?, loss_of(&batches[1])?].into_iter().sum();
/// assert_eq!(total, same);
/// # Ok::<(), logits::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Loss {
    /// The sum of the rows' losses, in nats.
    pub sum: f32,
    /// The sum of the rows' weights. The mean divides by it.
    pub weight: f32,
    /// The number of rows, without rows of the ignored label.
    pub count: usize,
    /// The rounding error of `sum`.
    low: f32,
    /// The rounding error of `weight`.
    weight_low: f32,
}

impl Loss {
    /// The mean loss, `sum / weight`. It is NaN or +∞ if `weight` is 0: if there are no rows, or all
    /// rows are ignored or have weight 0. (+∞ if a z-loss makes `sum` positive.)
    ///
    /// ```
    /// use logits::{Rows, loss::CrossEntropy};
    ///
    /// let scores = Rows::new(&[0.0, 0.0, 0.0, 0.0], 2)?;
    /// let loss = CrossEntropy::new().loss(scores, &[0, 1])?;
    /// assert_eq!((loss.mean(), loss.count), (2f32.ln(), 2));
    /// # Ok::<(), logits::Error>(())
    /// ```
    #[must_use]
    pub fn mean(self) -> f32 {
        self.sum / self.weight
    }

    /// As [`mean`](Self::mean), but `value` if `weight` is 0.
    ///
    /// ```
    /// let nothing = logits::loss::Loss::default();
    /// assert!(nothing.mean().is_nan());
    /// assert_eq!(nothing.mean_or(0.0), 0.0);
    /// ```
    #[must_use]
    pub fn mean_or(self, value: f32) -> f32 {
        if self.weight == 0.0 { value } else { self.mean() }
    }

    /// Turns the gradient of the sum into the gradient of the mean, in place: divides each element
    /// by `weight`, with one rounding. If `weight` is 0, all elements become 0.
    ///
    /// ```
    /// use logits::{Rows, RowsMut, loss::CrossEntropy};
    ///
    /// let (scores, mut gradient) = (Rows::new(&[1.0; 4], 2)?, [0.0; 4]);
    /// let out = RowsMut::new(&mut gradient, 2)?;
    /// let loss = CrossEntropy::new().loss_and_gradient(scores, &[0, 1], out)?;
    /// loss.mean_gradient(&mut gradient);
    /// assert_eq!(gradient, [-0.25, 0.25, 0.25, -0.25]);
    ///
    /// let out = RowsMut::new(&mut gradient, 2)?;
    /// let all_ignored = CrossEntropy::new().ignored_label(0);
    /// let loss = all_ignored.loss_and_gradient(scores, &[0, 0], out)?;
    /// loss.mean_gradient(&mut gradient);
    /// assert_eq!((loss.mean_or(0.0), gradient), (0.0, [0.0; 4]));
    /// # Ok::<(), logits::Error>(())
    /// ```
    pub fn mean_gradient(self, gradient: &mut [f32]) {
        for g in gradient {
            *g = if self.weight == 0.0 { 0.0 } else { *g / self.weight };
        }
    }

    /// The loss of one row.
    pub(crate) fn of_one(loss: f32, weight: f32) -> Self {
        Self { sum: loss, weight, count: 1, low: 0.0, weight_low: 0.0 }
    }

    /// The sum of `count` losses of weight 1, in two words.
    pub(crate) fn of_sum((sum, low): (f32, f32), count: usize) -> Self {
        let (weight, weight_low) = words(count);
        Self { sum, weight, count, low, weight_low }
    }
}

/// Losses of rows and their weights, added up a block at a time: an addition for each row would
/// wait for the addition before it.
#[derive(Default)]
pub(crate) struct Losses {
    loss: Numbers,
    /// The weights of rows that have one.
    weight: Numbers,
    /// The number of rows without a weight: each weighs 1.
    ones: usize,
    count: usize,
}

impl Losses {
    /// Adds the losses and the weights of some rows. `count` of the rows count; the loss and the
    /// weight of the other rows are 0. Without weights, each row that counts weighs 1. Not inlined:
    /// it runs once for many rows and needs no vectors.
    #[inline(never)]
    pub(crate) fn add(&mut self, losses: &[f32], weights: &[f32], count: usize) {
        self.loss.add(losses);
        self.weight.add(weights);
        self.count = self.count.saturating_add(count);
        if weights.is_empty() {
            self.ones = self.ones.saturating_add(count);
        }
    }

    /// The sum of all losses and weights added so far.
    #[inline(never)]
    pub(crate) fn sum(&self) -> Loss {
        let (sum, low) = self.loss.sum();
        let ones = words(self.ones);
        let all_ones = self.ones == self.count;
        let (weight, weight_low) = if all_ones { ones } else { add_words(self.weight.sum(), ones) };
        Loss { sum, weight, count: self.count, low, weight_low }
    }
}

/// The sum of numbers. Number i is in lane i mod [`BLOCK`].
#[derive(Default)]
struct Numbers {
    /// The last numbers, fewer than a block, which are not in the sums yet.
    last: [f32; BLOCK],
    /// How many numbers `last` has.
    length: usize,
    /// The sums of all earlier numbers, in two words.
    high: [f32; BLOCK],
    low: [f32; BLOCK],
}

impl Numbers {
    fn add(&mut self, mut x: &[f32]) {
        while !x.is_empty() {
            if self.length == 0
                && let Some((block, rest)) = x.split_first_chunk()
            {
                add(&mut self.high, &mut self.low, block, &[0.0; BLOCK]);
                x = rest;
                continue;
            }
            let (last, added) = (self.last.iter_mut().skip(self.length), self.length);
            for (last, x) in last.zip(x) {
                *last = *x;
                self.length += 1;
            }
            x = x.get(self.length - added..).unwrap_or(&[]);
            if self.length == BLOCK {
                add(&mut self.high, &mut self.low, &self.last, &[0.0; BLOCK]);
                self.length = 0;
            }
        }
    }

    /// The sum of all lanes, by halves: in order, each addition would wait for the one before it.
    fn sum(&self) -> (f32, f32) {
        let (mut high, mut low) = (self.high, self.low);
        let mut last = [0.0; BLOCK];
        for (last, x) in last.iter_mut().zip(&self.last).take(self.length) {
            *last = *x;
        }
        add(&mut high, &mut low, &last, &[0.0; BLOCK]);
        let mut half = BLOCK / 2;
        while half > 0 {
            fold(&mut high, &mut low, half);
            half /= 2;
        }
        (high[0], low[0])
    }
}

/// Adds to the sum of each lane i the sum of lane i + `half`, if there is such a lane.
#[inline(never)]
fn fold(high: &mut [f32; BLOCK], low: &mut [f32; BLOCK], half: usize) {
    let (mut second, mut second_low) = ([0.0; BLOCK], [0.0; BLOCK]);
    let rest = high.iter().zip(&*low).skip(half);
    for ((second, second_low), x) in second.iter_mut().zip(&mut second_low).zip(rest) {
        (*second, *second_low) = (*x.0, *x.1);
    }
    add(high, low, &second, &second_low);
}

/// Adds numbers to sums, both in two words. Not inlined: it would be unrolled at every call.
#[inline(never)]
fn add(high: &mut [f32; BLOCK], low: &mut [f32; BLOCK], x: &[f32; BLOCK], x_low: &[f32; BLOCK]) {
    for ((high, low), x) in high.iter_mut().zip(low).zip(x.iter().zip(x_low)) {
        (*high, *low) = add_words((*high, *low), (*x.0, *x.1));
    }
}

impl AddAssign for Loss {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        (self.sum, self.low) = add_words((self.sum, self.low), (other.sum, other.low));
        (self.weight, self.weight_low) =
            add_words((self.weight, self.weight_low), (other.weight, other.weight_low));
        self.count = self.count.saturating_add(other.count);
    }
}

impl Add for Loss {
    type Output = Self;

    #[inline]
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for Loss {
    #[inline]
    fn sum<I: Iterator<Item = Self>>(losses: I) -> Self {
        losses.fold(Self::default(), Self::add)
    }
}

/// A count in two words.
fn words(count: usize) -> (f32, f32) {
    let high = count as f32;
    (high, (count as i64).wrapping_sub(high as i64) as f32)
}

/// `Ok` for a finite number that is not negative.
pub(crate) fn check_finite(name: &'static str, found: f32) -> Result {
    let is_valid = (0.0..=f32::MAX).contains(&found);
    check_parameter(name, found, is_valid, "a finite number of at least 0")
}
