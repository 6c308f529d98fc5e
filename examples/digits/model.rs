//! The data, the model and its training.

use logits::loss::CrossEntropy;
use logits::{Rows, RowsMut, rows};
use std::error::Error;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) const CLASSES: usize = 10;
pub(crate) const FEATURES: usize = 64;
pub(crate) const WEIGHTS: usize = CLASSES * FEATURES;

/// Pictures as rows of features from 0 to 1, and the class of each.
pub(crate) struct Examples {
    pub(crate) features: Vec<f32>,
    pub(crate) labels: Vec<u32>,
}

impl Examples {
    /// The first 1437 to train on, and the others to test.
    pub(crate) fn load() -> Result<[Self; 2]> {
        let mut all = Self { features: Vec::new(), labels: Vec::new() };
        for line in include_str!("../data/digits.csv").lines() {
            let (pixels, class) = line.rsplit_once(',').ok_or("a line has no class")?;
            for pixel in pixels.split(',') {
                all.features.push(pixel.parse::<f32>()? / 16.0);
            }
            all.labels.push(class.parse()?);
        }
        let features = all.features.split_off(1437 * FEATURES);
        let test = Self { features, labels: all.labels.split_off(1437) };
        Ok([all, test])
    }

    /// The mean and the largest of ‖x‖² + 1; the 1 is the constant feature of the bias.
    fn squared_lengths(&self) -> [f64; 2] {
        let squares = |x: &[f32]| x.iter().map(|&x| f64::from(x * x)).sum::<f64>() + 1.0;
        let all = self.features.chunks(FEATURES).map(squares);
        [all.clone().sum::<f64>() / self.labels.len() as f64, all.fold(0.0, f64::max)]
    }
}

/// W by rows, then b.
pub(crate) struct Model(pub(crate) Vec<f32>);

impl Model {
    /// s = W x + b for each x.
    pub(crate) fn scores(&self, examples: &Examples) -> Result<Vec<f32>> {
        let mut scores = vec![0.0; examples.labels.len() * CLASSES];
        let (weights, bias) = self.0.split_at(WEIGHTS);
        let x = Rows::new(&examples.features, FEATURES)?;
        let out = RowsMut::new(&mut scores, CLASSES)?;
        rows::linear(x, Rows::new(weights, FEATURES)?, bias, out)?;
        Ok(scores)
    }

    /// The mean loss, and the same with ½ ‖W‖² / n.
    pub(crate) fn loss(&self, examples: &Examples) -> Result<[f64; 2]> {
        let scores = self.scores(examples)?;
        let loss = CrossEntropy::new().loss(Rows::new(&scores, CLASSES)?, &examples.labels)?;
        let squares: f64 = self.0[..WEIGHTS].iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        let mean = f64::from(loss.mean());
        Ok([mean, mean + 0.5 * squares / f64::from(loss.weight)])
    }

    /// The mean loss and its gradient: by the scores first, and from there by W and b.
    fn loss_and_gradient(&self, examples: &Examples) -> Result<(f64, Vec<f32>)> {
        let mut scores = self.scores(examples)?;
        let place = RowsMut::new(&mut scores, CLASSES)?;
        let loss = CrossEntropy::new().gradient_in_place(place, &examples.labels)?;

        let mut gradient = vec![0.0; WEIGHTS + CLASSES];
        let (by_weights, by_bias) = gradient.split_at_mut(WEIGHTS);
        let (x, by_scores) =
            (Rows::new(&examples.features, FEATURES)?, Rows::new(&scores, CLASSES)?);
        rows::linear_backward(x, by_scores, RowsMut::new(by_weights, FEATURES)?, by_bias)?;
        loss.mean_gradient(&mut gradient);
        Ok((loss.mean().into(), gradient))
    }
}

/// Nesterov's accelerated gradient: a step against the gradient from where momentum leads.
/// Parameters are f64, as steps far shorter than an f32 can tell still add up.
pub(crate) struct Descent {
    at: Vec<f64>,
    previous: Vec<f64>,
    since_restart: f64,
}

impl Descent {
    pub(crate) fn new(from: &Model) -> Self {
        let at: Vec<f64> = from.0.iter().map(|&w| w.into()).collect();
        Self { previous: at.clone(), at, since_restart: 0.0 }
    }

    pub(crate) fn model(&self) -> Model {
        Model(self.at.iter().map(|&w| w as f32).collect())
    }

    /// One step, 1 / curvature long, on the loss with or without the penalty. Returns the
    /// gradient's length.
    ///
    /// A row's curvature is at most ½ (‖x‖² + 1), and near its end 2 · loss · (‖x‖² + 1).
    pub(crate) fn step(&mut self, examples: &Examples, penalty: bool) -> Result<f64> {
        let momentum = self.since_restart / (self.since_restart + 3.0);
        let steps = self.at.iter().zip(&self.previous);
        let ahead: Vec<f64> = steps.map(|(at, before)| at + momentum * (at - before)).collect();
        let model = Model(ahead.iter().map(|&w| w as f32).collect());
        let (loss, gradient) = model.loss_and_gradient(examples)?;
        let mut gradient: Vec<f64> = gradient.into_iter().map(f64::from).collect();

        let (n, [mean, largest]) = (examples.labels.len() as f64, examples.squared_lengths());
        let curvature = if penalty { 0.5 * mean + 1.0 / n } else { 2.0 * loss * largest };
        if penalty {
            gradient.iter_mut().zip(&model.0[..WEIGHTS]).for_each(|(g, &w)| *g += f64::from(w) / n);
        }
        let next = ahead.iter().zip(&gradient).map(|(w, g)| w - g / curvature).collect();
        self.previous = std::mem::replace(&mut self.at, next);

        // Momentum that leads uphill is dropped.
        let steps = self.at.iter().zip(&self.previous).map(|(at, before)| at - before);
        let slope: f64 = gradient.iter().zip(steps).map(|(g, step)| g * step).sum();
        self.since_restart = if slope > 0.0 { 0.0 } else { self.since_restart + 1.0 };
        Ok(gradient.iter().map(|g| g * g).sum::<f64>().sqrt())
    }
}
