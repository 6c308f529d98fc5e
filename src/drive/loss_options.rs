//! The options of a cross-entropy, and the numbers that passes take for them.

use crate::math::double_word::{fast_two_sum, product};
use crate::math::shifted_exp::Scale;
use crate::pass::{Coefficients, General, Link, LossFormula, Spread, quotient};
use crate::simd::scalar::F32;

/// The options of a cross-entropy, each within its range.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// Whether targets are distributions.
    pub(crate) is_soft: bool,
    /// ε.
    pub(crate) smoothing: f32,
    /// One a class, or none where all are 1.
    pub(crate) weights: &'a [f32],
    /// λ.
    pub(crate) z: f32,
    pub(crate) cap: Option<f32>,
    pub(crate) temperature: f32,
}

/// Less of ε is left to the general passes: a loss of certain rows is about ε, and the others'
/// error would show. 2^-20
const LEAST_SMOOTHING: f32 = 9.536_743e-7;

impl<'a> Options<'a> {
    /// Whether labels have no options but weights and a temperature.
    #[inline]
    pub(crate) fn are_plain(&self) -> bool {
        !self.is_soft && self.smoothing == 0.0 && self.z == 0.0 && self.cap.is_none()
    }

    /// 1/T, if it is moderate.
    #[inline]
    pub(crate) fn scale(&self) -> Option<Scale> {
        let [least, most] = Scale::RANGE;
        let is_moderate = (least..=most).contains(&self.temperature);
        is_moderate.then(|| Scale::of_inverse(self.temperature))
    }

    /// What serves for rows that are not extreme, unless there are options for which only the
    /// general passes will do.
    pub(crate) fn formula(&self, columns: usize) -> Option<LossFormula<'a>> {
        let (has_smoothing, weights) = (self.smoothing != 0.0, self.weights);
        let is_general = self.cap.is_some() || has_smoothing && self.smoothing < LEAST_SMOOTHING;
        let scale = self.scale().filter(|_| !is_general)?;
        let spread = if self.is_soft || has_smoothing && !weights.is_empty() {
            Spread::Each
        } else if has_smoothing {
            Spread::Even
        } else {
            Spread::Label
        };
        let coefficients = self.coefficients(columns);
        let uniform = coefficients.uniform;
        let words = |(high, low)| (F32(high), F32(low));
        let (F32(high), F32(low)) = product(words(uniform), words(scale.words));
        // A label may have a smaller coefficient than others, of targets the largest is taken.
        let mut most = 0.0;
        if spread == Spread::Each && !self.is_soft {
            most =
                uniform.0 * weights.iter().fold(0.0, |most, w| if *w > most { *w } else { most });
        }
        let (z, columns, scaled) = (self.z, columns as f32, (high, low));
        Some(LossFormula { scale, z, spread, coefficients, columns, scaled, most })
    }

    /// All options, as the general passes take them.
    #[cold]
    pub(crate) fn general(&self, columns: usize) -> General<'a> {
        let link = Link::new(self.cap, self.temperature);
        General { link, coefficients: self.coefficients(columns), z: self.z }
    }

    /// What −ln p of each class is multiplied by.
    fn coefficients(&self, columns: usize) -> Coefficients<'a> {
        let (mut keep, mut uniform) = ((1.0, 0.0), (0.0, 0.0));
        if self.smoothing != 0.0 {
            keep = fast_two_sum(1.0, -self.smoothing);
            uniform = quotient(self.smoothing, columns as f32);
        }
        Coefficients { keep, uniform, weights: self.weights }
    }
}
