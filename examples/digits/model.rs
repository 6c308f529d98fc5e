//! The data, the model and its training.

use logits::loss::CrossEntropy;
use logits::{Rows, RowsMut, rows};
use std::iter::zip;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

pub(crate) const CLASSES: usize = 10;
pub(crate) const PIXELS: usize = 64;
pub(crate) const WEIGHTS: usize = CLASSES * PIXELS;
/// A number for each class: scores or probabilities.
pub(crate) type Row = [f32; CLASSES];
/// The part of the step before that each step repeats.
const MOMENTUM: f64 = 0.99;

/// Pictures of 64 pixels from 0 to 1, and the class of each.
pub(crate) struct Examples {
    pub(crate) pictures: Vec<[f32; PIXELS]>,
    pub(crate) labels: Vec<u32>,
}

impl Examples {
    /// The first 1437 to train on, and the others to test.
    pub(crate) fn load() -> Result<[Self; 2]> {
        let (mut pictures, mut labels) = (Vec::new(), Vec::new());
        for line in include_str!("../data/digits.csv").lines() {
            let numbers = line.split(',').map(|number| Ok(number.parse::<f32>()?));
            let numbers = numbers.collect::<Result<Vec<_>>>()?;
            pictures.push(std::array::from_fn(|i| numbers[i] / 16.0));
            labels.push(numbers[PIXELS] as u32);
        }
        let test = Self { pictures: pictures.split_off(1437), labels: labels.split_off(1437) };
        Ok([Self { pictures, labels }, test])
    }
}

/// Arrays as the rows of a matrix.
pub(crate) fn rows_of<const N: usize>(arrays: &[[f32; N]]) -> Rows<'_> {
    Rows::new(arrays.as_flattened(), N).expect("whole rows")
}

pub(crate) fn rows_mut<const N: usize>(arrays: &mut [[f32; N]]) -> RowsMut<'_> {
    RowsMut::new(arrays.as_flattened_mut(), N).expect("whole rows")
}

/// W by rows, then b. The numbers are f64: many steps too short for an f32 still add up.
#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) numbers: Vec<f64>,
    /// The sum of the steps so far, each times `MOMENTUM` for every step after it.
    velocity: Vec<f64>,
}

impl Model {
    pub(crate) fn new() -> Self {
        let zeros = vec![0.0; WEIGHTS + CLASSES];
        Self { velocity: zeros.clone(), numbers: zeros }
    }

    /// s = W x + b for each picture x.
    pub(crate) fn scores(&self, examples: &Examples) -> Result<Vec<Row>> {
        let mut scores = vec![[0.0; CLASSES]; examples.labels.len()];
        let numbers: Vec<f32> = self.numbers.iter().map(|&w| w as f32).collect();
        let (weights, bias) = numbers.split_at(WEIGHTS);
        let (x, weights) = (rows_of(&examples.pictures), Rows::new(weights, PIXELS)?);
        rows::linear(x, weights, bias, rows_mut(&mut scores))?;
        Ok(scores)
    }

    /// The objective mean loss + ½ ‖W‖² / n, the mean loss, and the fraction of right answers.
    pub(crate) fn evaluate(&self, examples: &Examples) -> Result<[f32; 3]> {
        let scores = self.scores(examples)?;
        let loss = CrossEntropy::new().loss(rows_of(&scores), &examples.labels)?;
        let squares: f64 = self.numbers[..WEIGHTS].iter().map(|w| w * w).sum();
        let answers = zip(&scores, &examples.labels);
        let right = answers.filter(|(scores, label)| ranking(scores)[0] == **label as usize);
        let (n, right) = (loss.weight, right.count() as f32);
        Ok([loss.mean() + 0.5 * squares as f32 / n, loss.mean(), right / n])
    }

    /// One step on the mean loss + ½ `penalty` ‖W‖², with Nesterov's momentum. Returns the length
    /// of the gradient by W and b, which is computed from the gradient by the scores.
    pub(crate) fn step(&mut self, examples: &Examples, penalty: f64) -> Result<f64> {
        let (mut scores, mut gradient) = (self.scores(examples)?, vec![0.0; self.numbers.len()]);
        let by_scores = CrossEntropy::new();
        let loss = by_scores.gradient_in_place(rows_mut(&mut scores), &examples.labels)?;
        let (by_weights, by_bias) = gradient.split_at_mut(WEIGHTS);
        let (x, by_weights) = (rows_of(&examples.pictures), RowsMut::new(by_weights, PIXELS)?);
        rows::linear_backward(x, rows_of(&scores), by_weights, by_bias)?;
        loss.mean_gradient(&mut gradient);
        let mut gradient: Vec<f64> = gradient.into_iter().map(f64::from).collect();
        zip(&mut gradient[..WEIGHTS], &self.numbers).for_each(|(g, w)| *g += penalty * w);

        // Longer steps could overshoot: the curvature is at most (‖x‖² + 1)·min(½, 2·loss).
        let lengths = examples.pictures.iter().map(|x| x.iter().map(|x| x * x).sum());
        let longest = f64::from(lengths.fold(0.0, f32::max)) + 1.0;
        let rate = 1.0 / (longest * f64::from(2.0 * loss.mean()).min(0.5) + penalty);
        for (i, g) in gradient.iter().enumerate() {
            self.velocity[i] = MOMENTUM * self.velocity[i] - rate * g;
            self.numbers[i] += MOMENTUM * self.velocity[i] - rate * g;
        }
        Ok(gradient.iter().map(|g| g * g).sum::<f64>().sqrt())
    }
}

/// The classes, the likeliest first.
pub(crate) fn ranking(scores: &Row) -> [usize; CLASSES] {
    let mut classes = std::array::from_fn(|class| class);
    classes.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    classes
}
