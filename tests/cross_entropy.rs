//! Cross-entropy with every combination of options, on labels and on distributions, on
//! every backend: against f64, against its parts, and in all its forms.

mod common;

use common::{Random, assert_same, backends, same, ulp, unit};
use logits::contract::{TARGET_GRADIENT, TARGET_LOSS};
use logits::kernel::{Scores, TargetLoss};
use logits::loss::{CrossEntropy, Label, Loss};
use logits::{Backend, Error, Rows, RowsMut};

/// Options that change more than a factor.
#[derive(Clone, Copy, Debug)]
struct Options<'a> {
    smoothing: f32,
    /// None, or one a class.
    weights: &'a [f32],
    z: f32,
    cap: Option<f32>,
    temperature: f32,
}

const PLAIN: Options<'_> =
    Options { smoothing: 0.0, weights: &[], z: 0.0, cap: None, temperature: 1.0 };

impl<'a> Options<'a> {
    /// Every combination.
    fn all(weights: &'a [f32]) -> Vec<Self> {
        let with = |bits: u8| Self {
            smoothing: if bits & 1 == 0 { 0.0 } else { 0.1 },
            weights: if bits & 2 == 0 { &[] } else { weights },
            z: if bits & 4 == 0 { 0.0 } else { 0.01 },
            cap: (bits & 8 != 0).then_some(15.0),
            temperature: if bits & 16 == 0 { 1.0 } else { 0.7 },
        };
        (0..32).map(with).collect()
    }

    fn loss(self) -> CrossEntropy<'a> {
        let mut loss = CrossEntropy::new()
            .label_smoothing(self.smoothing)
            .z_loss(self.z)
            .temperature(self.temperature);
        if !self.weights.is_empty() {
            loss = loss.class_weights(self.weights);
        }
        if let Some(cap) = self.cap {
            loss = loss.soft_cap(cap);
        }
        loss
    }

    /// The coefficients of the classes in f64.
    fn coefficients(self, t: &[f32]) -> Vec<f64> {
        let epsilon = f64::from(self.smoothing);
        let uniform = epsilon / t.len() as f64;
        let weight = |k| self.weights.get(k).map_or(1.0, |&w: &f32| f64::from(w));
        t.iter()
            .enumerate()
            .map(|(k, &t)| weight(k) * ((1.0 - epsilon) * f64::from(t) + uniform))
            .collect()
    }
}

/// A value, the size its error is measured by, and what the soft cap's roundings may add.
#[derive(Clone, Copy)]
struct Exact {
    value: f64,
    size: f64,
    slack: f64,
}

impl Exact {
    /// The error in ULP of the size.
    fn error(self, found: f32) -> f64 {
        let error = (f64::from(found) - self.value).abs();
        if error <= self.slack { 0.0 } else { (error - self.slack) / unit(self.size) }
    }
}

/// ULP by which a soft-capped score may be off.
const CAP: f64 = 3.0;

/// The loss of a row and its gradient, for finite scores.
fn exact(options: Options<'_>, x: &[f32], t: &[f32]) -> (Exact, Vec<Exact>) {
    let a = options.coefficients(t);
    let temperature = f64::from(options.temperature);
    let score = |x: f32| match options.cap.map(f64::from) {
        Some(cap) => cap * libm::tanh(f64::from(x) / cap) / temperature,
        None => f64::from(x / options.temperature),
    };
    let s: Vec<_> = x.iter().map(|&x| score(x)).collect();
    let top = (0..s.len()).max_by(|&i, &j| x[i].total_cmp(&x[j])).unwrap();
    let max = s[top];
    let tail: f64 = (0..s.len()).filter(|&k| k != top).map(|k| libm::exp(s[k] - max)).sum();
    let surprise = libm::log1p(tail);
    let (z, ln_sum) = (f64::from(options.z), max + surprise);
    let size = ln_sum.abs().max(1.0);

    let mut off = 0.0;
    if options.cap.is_some() {
        off = s.iter().map(|&s| CAP * unit(s)).fold(0.0, f64::max);
    }
    let mass: f64 = a.iter().sum();
    let terms =
        || a.iter().zip(&s).map(|(&a, &s)| if a == 0.0 { 0.0 } else { a * (surprise + (max - s)) });
    let square = z * ln_sum * ln_sum;
    let loss = Exact {
        value: terms().sum::<f64>() + square,
        size: terms().map(f64::abs).sum::<f64>() + z * size * size,
        slack: 2.0 * off * (mass + 2.0 * z * size),
    };

    let slope = |x: f32| match options.cap.map(f64::from) {
        Some(cap) => {
            let u = libm::exp(-2.0 * (f64::from(x) / cap).abs());
            4.0 * u / ((1.0 + u) * (1.0 + u)) / temperature
        }
        None => 1.0 / temperature,
    };
    let gradient = (0..s.len()).map(|k| {
        let p = libm::exp(s[k] - max) / (1.0 + tail);
        let (plus, minus, most) = if k == top {
            let rest: f64 = (0..s.len()).filter(|&j| j != top).map(|j| a[j]).sum();
            (rest, a[k] * tail / (1.0 + tail), rest.abs())
        } else {
            (mass, a[k], mass.abs())
        };
        let b = plus + 2.0 * z * ln_sum;
        let most = (most + 2.0 * z * size) * p;
        Exact {
            value: (b * p - minus) * slope(x[k]),
            size: most.max(minus.abs()) * slope(x[k]),
            slack: (2.0 * off * (most + minus.abs()) + 2.0 * z * off * p) * slope(x[k]),
        }
    });
    (loss, gradient.collect())
}

/// What scores are compared with.
#[derive(Clone, Copy)]
enum Against<'a> {
    Labels(&'a [u32]),
    Soft(Rows<'a>),
}

impl<'a> Against<'a> {
    fn kernel<I>(self, loss: CrossEntropy<'a>, scores: Scores<'a, I>) -> TargetLoss<'a, I> {
        match self {
            Self::Labels(labels) => TargetLoss::new(loss, scores, labels),
            Self::Soft(targets) => TargetLoss::new(loss, scores, targets),
        }
        .unwrap()
    }
}

/// Losses and gradients of all rows, the same in all forms.
fn run(
    backend: Backend,
    loss: CrossEntropy<'_>,
    x: Rows<'_>,
    against: Against<'_>,
) -> (Loss, Vec<f32>, Vec<f32>) {
    let mut in_place: Vec<f32> = x.iter().flatten().copied().collect();
    let (mut losses, mut gradient) = (vec![-7.0; x.rows()], vec![-7.0; in_place.len()]);
    let shape = |data| RowsMut::new(data, x.columns()).unwrap();
    let sum = backend.run(against.kernel(loss, Scores::new(x)));
    let others = [
        backend.run(against.kernel(loss, Scores::with_losses(x, &mut losses).unwrap())),
        backend.run(against.kernel(loss, Scores::with_gradient(x, shape(&mut gradient)).unwrap())),
        backend.run(against.kernel(loss, Scores::in_place(shape(&mut in_place)))),
    ];
    for other in others {
        assert!(same(other.sum, sum.sum) && same(other.weight, sum.weight), "{other:?}");
    }
    assert_same(&gradient, &in_place, &"in place");
    (sum, losses, gradient)
}

/// 1 at the labels.
fn one_hot(labels: &[u32], columns: usize) -> Vec<f32> {
    let mut t = vec![0.0; labels.len() * columns];
    for (row, &label) in t.chunks_mut(columns).zip(labels) {
        row[label as usize] = 1.0;
    }
    t
}

#[test]
fn every_combination_of_options_is_its_formula() {
    let mut random = Random::new(31);
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    for (i, columns) in [1, 2, 3, 5, 16, 17, 40, 100, 513].into_iter().enumerate() {
        let rows = if columns < 100 { 6 } else { 2 };
        let weights: Vec<f32> =
            (0..columns).map(|k| if k == 2 { 0.0 } else { 0.5 + random.unit() as f32 }).collect();
        for (j, options) in Options::all(&weights).into_iter().enumerate() {
            if columns > 100 && j % 3 != 0 {
                continue;
            }
            let sigma = [1.0, 4.0, 30.0, 400.0][(i + j) % 4];
            let x = random.normal(rows * columns, sigma);
            let mut soft = random.normal(rows * columns, 2.0);
            logits::rows::softmax_in_place(RowsMut::new(&mut soft, columns).unwrap());
            let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();
            let hot = one_hot(&labels, columns);
            for (labelled, t) in [(true, &hot), (false, &soft)] {
                let mut results: Vec<(Backend, Vec<f32>)> = Vec::new();
                for backend in backends() {
                    let scores = Rows::new(&x, columns).unwrap();
                    let against = if labelled {
                        Against::Labels(&labels)
                    } else {
                        Against::Soft(Rows::new(t, columns).unwrap())
                    };
                    let (sum, losses, gradient) = run(backend, options.loss(), scores, against);
                    let rows = x.chunks(columns).zip(t.chunks(columns));
                    for ((x, t), (loss, gradient)) in
                        rows.zip(losses.iter().zip(gradient.chunks(columns)))
                    {
                        let (exact_loss, exact_gradient) = exact(options, x, t);
                        let errors = [
                            exact_loss.error(*loss),
                            gradient
                                .iter()
                                .zip(exact_gradient)
                                .map(|(g, e)| e.error(*g))
                                .fold(0.0, f64::max),
                        ];
                        for (worst, error) in worst.iter_mut().zip(errors) {
                            if error > worst.0 {
                                *worst = (
                                    error,
                                    format!(
                                        "{options:?}, {columns} columns, sigma {sigma}, labels {labelled}, {backend:?}"
                                    ),
                                );
                            }
                        }
                    }
                    let exact: f64 = losses.iter().map(|&l| f64::from(l)).sum();
                    assert!(ulp(sum.sum, exact) <= 0.51);
                    let weight = |&y: &u32| options.weights.get(y as usize).copied().unwrap_or(1.0);
                    let weight: f64 = labels
                        .iter()
                        .map(|y| if labelled { f64::from(weight(y)) } else { 1.0 })
                        .sum();
                    assert!(ulp(sum.weight, weight) <= 0.5 && sum.count == labels.len());
                    results.push((backend, [losses, gradient].concat()));
                }
                for (a, x) in &results {
                    for (b, y) in &results {
                        if a.is_fused() == b.is_fused() {
                            assert_same(x, y, &format!("{a:?} and {b:?}, {options:?}"));
                        }
                    }
                }
            }
        }
    }
    let [(loss, at), (gradient, gradient_at)] = worst;
    println!("loss: {loss:.3} ULP at {at}");
    println!("gradient: {gradient:.3} ULP at {gradient_at}");
    assert!(loss <= TARGET_LOSS, "loss: {loss} ULP at {at}");
    assert!(gradient <= TARGET_GRADIENT, "gradient: {gradient} ULP at {gradient_at}");
}
