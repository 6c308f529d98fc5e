//! Cross-entropy with every combination of options, on labels and on distributions, on
//! every backend: against f64, against its parts, and in all its forms.

mod common;

use common::{Random, assert_same, backends, same, ulp, unit};
use logits::contract::{
    CAPPED_GRADIENT, CAPPED_LOSS, GRADIENT, LOSS, SMOOTH_GRADIENT, SMOOTH_LOSS,
};
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

/// A value, and the size its error is measured by.
#[derive(Clone, Copy)]
struct Exact {
    value: f64,
    size: f64,
}

impl Exact {
    /// The error in ULP of the size; infinite for a NaN.
    fn error(self, found: f32) -> f64 {
        let error = (f64::from(found) - self.value).abs() / unit(self.size);
        if error.is_nan() { f64::INFINITY } else { error }
    }

    /// Measured by itself.
    fn of_itself(self) -> Self {
        Self { size: self.value.abs(), ..self }
    }
}

/// The bounds of the contract for a loss and its gradient.
#[derive(Clone, Copy)]
struct Bounds {
    what: &'static str,
    loss: f64,
    gradient: f64,
    /// An |L| below this counts as this; nothing if errors are measured by the results.
    least: Option<f64>,
}

const OF_LABELS: Bounds = Bounds { what: "labels", loss: LOSS, gradient: GRADIENT, least: None };
const OF_SMOOTH: Bounds = Bounds {
    what: "smoothing, z-loss, distributions",
    loss: SMOOTH_LOSS,
    gradient: SMOOTH_GRADIENT,
    least: Some(1.0),
};
const OF_CAPPED: Bounds =
    Bounds { what: "a soft cap", loss: CAPPED_LOSS, gradient: CAPPED_GRADIENT, least: Some(0.125) };

impl Bounds {
    /// What the contract promises for these options, on labels or on distributions.
    fn of(options: Options<'_>, on_labels: bool) -> Self {
        let Options { smoothing, z, cap, .. } = options;
        if cap.is_some() {
            OF_CAPPED
        } else if on_labels && smoothing == 0.0 && z == 0.0 {
            OF_LABELS
        } else {
            OF_SMOOTH
        }
    }

    /// The loss of a row and its gradient, for scores below +∞.
    fn exact(self, options: Options<'_>, x: &[f32], t: &[f32]) -> (Exact, Vec<Exact>) {
        let (loss, gradient) = exact_with(options, x, t, self.least.unwrap_or(0.0));
        match self.least {
            Some(_) => (loss, gradient),
            None => (loss.of_itself(), gradient.into_iter().map(Exact::of_itself).collect()),
        }
    }
}

/// The loss of a row and its gradient, for scores below +∞; an |L| below `least` counts as
/// that.
fn exact_with(options: Options<'_>, x: &[f32], t: &[f32], least: f64) -> (Exact, Vec<Exact>) {
    let a = options.coefficients(t);
    let temperature = f64::from(options.temperature);
    let score = |x: f32| match options.cap.map(f64::from) {
        Some(cap) => cap * libm::tanh(f64::from(x) / cap) / temperature,
        None => f64::from(x) / temperature,
    };
    let s: Vec<_> = x.iter().map(|&x| score(x)).collect();
    let top = (0..s.len()).max_by(|&i, &j| x[i].total_cmp(&x[j])).unwrap();
    let max = s[top];
    // Of scores without a cap, before they are divided: f64 has all digits of those.
    let below = |k: usize| match options.cap {
        Some(_) => max - s[k],
        None => (f64::from(x[top]) - f64::from(x[k])) / temperature,
    };
    let tail: f64 = (0..s.len()).filter(|&k| k != top).map(|k| libm::exp(-below(k))).sum();
    let surprise = libm::log1p(tail);
    let (z, ln_sum) = (f64::from(options.z), max + surprise);
    let size = ln_sum.abs().max(least);

    let mass: f64 = a.iter().sum();
    let term = |k: usize| if a[k] == 0.0 { 0.0 } else { a[k] * (surprise + below(k)) };
    let terms = || (0..s.len()).map(term);
    let square = z * ln_sum * ln_sum;
    let loss = Exact {
        value: terms().sum::<f64>() + square,
        size: terms().map(f64::abs).sum::<f64>() + z * size * size,
    };

    let slope = |x: f32| match options.cap.map(f64::from) {
        Some(cap) => {
            let u = libm::exp(-2.0 * (f64::from(x) / cap).abs());
            4.0 * u / ((1.0 + u) * (1.0 + u)) / temperature
        }
        None => 1.0 / temperature,
    };
    let gradient = (0..s.len()).map(|k| {
        let p = libm::exp(-below(k)) / (1.0 + tail);
        let (plus, minus, most) = if k == top {
            let rest: f64 = (0..s.len()).filter(|&j| j != top).map(|j| a[j]).sum();
            (rest, a[k] * tail / (1.0 + tail), rest.abs())
        } else {
            (mass, a[k], mass.abs())
        };
        let b = plus + 2.0 * z * ln_sum;
        let most = (most + 2.0 * z * size) * p;
        let difference = b * p - minus;
        let size = difference.abs().max(most.max(minus.abs()) / 2.0);
        Exact { value: difference * slope(x[k]), size: size * slope(x[k]) }
    });
    (loss, gradient.collect())
}

/// What scores are compared with.
#[derive(Clone, Copy)]
enum Against<'a> {
    Labels(&'a [u32]),
    Soft(Rows<'a>),
}

impl Against<'_> {
    /// Of one row.
    fn row(self, i: usize) -> Self {
        match self {
            Self::Labels(labels) => Self::Labels(&labels[i..=i]),
            Self::Soft(t) => Self::Soft(Rows::new(t.row(i).unwrap(), t.columns()).unwrap()),
        }
    }

    fn loss(self, loss: CrossEntropy<'_>, x: Rows<'_>) -> Loss {
        match self {
            Self::Labels(labels) => loss.loss(x, labels),
            Self::Soft(targets) => loss.loss_soft(x, targets),
        }
        .unwrap()
    }

    fn losses(self, loss: CrossEntropy<'_>, x: Rows<'_>, out: &mut [f32]) -> Loss {
        match self {
            Self::Labels(labels) => loss.losses(x, labels, out),
            Self::Soft(targets) => loss.losses_soft(x, targets, out),
        }
        .unwrap()
    }

    fn gradient(self, loss: CrossEntropy<'_>, x: Rows<'_>, out: &mut [f32]) -> Loss {
        let out = RowsMut::new(out, x.columns()).unwrap();
        match self {
            Self::Labels(labels) => loss.loss_and_gradient(x, labels, out),
            Self::Soft(targets) => loss.loss_and_gradient_soft(x, targets, out),
        }
        .unwrap()
    }

    fn in_place(self, loss: CrossEntropy<'_>, x: RowsMut<'_>) -> Loss {
        match self {
            Self::Labels(labels) => loss.gradient_in_place(x, labels),
            Self::Soft(targets) => loss.gradient_in_place_soft(x, targets),
        }
        .unwrap()
    }
}

/// The sum, losses and gradients of all rows, the same in all forms and of each row alone.
fn run(
    backend: Backend,
    loss: CrossEntropy<'_>,
    x: Rows<'_>,
    against: Against<'_>,
) -> (Loss, Vec<f32>, Vec<f32>) {
    let (loss, columns) = (loss.on(backend), x.columns());
    let mut in_place: Vec<f32> = x.iter().flatten().copied().collect();
    let (mut losses, mut gradient) = (vec![-7.0; x.rows()], vec![-7.0; in_place.len()]);
    let sum = against.loss(loss, x);
    let others = [
        against.losses(loss, x, &mut losses),
        against.gradient(loss, x, &mut gradient),
        against.in_place(loss, RowsMut::new(&mut in_place, columns).unwrap()),
    ];
    for other in others {
        assert!(same(other.sum, sum.sum) && same(other.weight, sum.weight), "{other:?}");
        assert_eq!(other.count, sum.count);
    }
    assert_same(&gradient, &in_place, &"in place");
    for (i, (x, gradient)) in x.iter().zip(gradient.chunks(columns)).enumerate() {
        let (mut own, mut own_loss) = (vec![-7.0; columns], [-7.0]);
        let (row, against) = (Rows::new(x, columns).unwrap(), against.row(i));
        against.gradient(loss, row, &mut own);
        against.losses(loss, row, &mut own_loss);
        let t = if let Against::Soft(t) = against { t.row(0) } else { None };
        let what = format!("row {i} alone on {backend:?}: {loss:?} of {x:?}, {t:?}");
        assert_same(&own, gradient, &what);
        assert_same(&own_loss, &losses[i..=i], &what);
    }
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

/// The largest errors of losses and of gradients, and where they are.
#[derive(Default)]
struct Worst([(f64, String); 2]);

impl Worst {
    /// Meets what is made of rows of scores on every backend, the same on those of a class.
    /// `t` is 1 at the labels if there are labels.
    fn meet(
        &mut self,
        (options, sigma): (Options<'_>, f32),
        columns: usize,
        [x, t]: [&[f32]; 2],
        labels: Option<&[u32]>,
    ) {
        let bounds = Bounds::of(options, labels.is_some());
        let mut results: Vec<(Backend, Vec<f32>)> = Vec::new();
        for backend in backends() {
            let [scores, targets] = [x, t].map(|x| Rows::new(x, columns).unwrap());
            let against = labels.map_or(Against::Soft(targets), Against::Labels);
            let (sum, losses, gradient) = run(backend, options.loss(), scores, against);
            let rows = x.chunks(columns).zip(t.chunks(columns));
            let found = losses.iter().zip(gradient.chunks(columns));
            for ((x, t), (loss, gradient)) in rows.zip(found) {
                let (exact_loss, exact_gradient) = bounds.exact(options, x, t);
                let errors = gradient.iter().zip(exact_gradient).map(|(g, e)| e.error(*g));
                let errors = [exact_loss.error(*loss), errors.fold(0.0, f64::max)];
                for (worst, error) in self.0.iter_mut().zip(errors) {
                    if error > worst.0 {
                        let at = format!("{columns}, {options:?}, sigma {sigma}, {backend:?}");
                        *worst = (error, at);
                    }
                }
            }
            let exact: f64 = losses.iter().map(|&l| f64::from(l)).sum();
            assert!(ulp(sum.sum, exact) <= 0.51);
            let weight = |&y: &u32| options.weights.get(y as usize).copied().unwrap_or(1.0);
            let weight: f64 = match labels {
                Some(labels) => labels.iter().map(|y| f64::from(weight(y))).sum(),
                None => losses.len() as f64,
            };
            assert!(ulp(sum.weight, weight) <= 0.5 && sum.count == losses.len());
            results.push((backend, [losses, gradient].concat()));
        }
        for (a, x) in &results {
            for (b, y) in &results {
                if common::class_of_rows(*a) == common::class_of_rows(*b) {
                    assert_same(x, y, &format!("{a:?} and {b:?}, {options:?}, {columns}"));
                }
            }
        }
    }

    #[track_caller]
    fn assert_within(self, bounds: Bounds) {
        let limits = [("loss", bounds.loss), ("gradient", bounds.gradient)];
        for ((name, limit), (error, at)) in limits.into_iter().zip(self.0) {
            println!("{}, {name}: {error:.3} ULP at {at}", bounds.what);
            assert!(error <= limit, "{}, {name}: {error} ULP at {at}", bounds.what);
        }
    }
}

/// The largest errors for each of the contract's bounds.
struct WorstOfEach([(Bounds, Worst); 3]);

impl WorstOfEach {
    fn new() -> Self {
        Self([OF_LABELS, OF_SMOOTH, OF_CAPPED].map(|bounds| (bounds, Worst::default())))
    }

    /// Meets rows of scores on labels, and on distributions.
    fn meet(
        &mut self,
        what: (Options<'_>, f32),
        columns: usize,
        [x, soft]: [&[f32]; 2],
        labels: &[u32],
    ) {
        let hot = one_hot(labels, columns);
        for (labels, t) in [(Some(labels), &hot[..]), (None, soft)] {
            let bounds = Bounds::of(what.0, labels.is_some());
            let of_bounds = self.0.iter_mut().find(|(other, _)| other.what == bounds.what);
            let (_, worst) = of_bounds.expect("all bounds");
            worst.meet(what, columns, [x, t], labels);
        }
    }

    #[track_caller]
    fn assert_within(self) {
        for (bounds, worst) in self.0 {
            worst.assert_within(bounds);
        }
    }
}

#[test]
fn every_combination_of_options_is_its_formula() {
    let mut random = Random::new(31);
    let mut worst = WorstOfEach::new();
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
            worst.meet((options, sigma), columns, [&x, &soft], &labels);
        }
    }
    worst.assert_within();
}

/// Each option within the range that the contract names, scores in proportion to a cap or a
/// temperature.
#[test]
fn options_of_any_size_are_their_formula() {
    let mut random = Random::new(37);
    let mut worst = WorstOfEach::new();
    for i in 0..600 {
        let columns = [2, 3, 10, 40, 150][i % 5];
        // A number between two powers of two, its logarithm uniform.
        let mut power = |low: f64, high: f64| libm::exp2(low + (high - low) * random.unit()) as f32;
        let temperature = power(-39.0, 39.0);
        let cap = (power(0.0, 1.0) < 1.6).then(|| power(-10.0, 5.0) * temperature);
        let cap = cap.map(|cap| cap.clamp(1e-12, 1e12));
        let is_plain = power(0.0, 1.0) < 1.3;
        let z = if is_plain { 0.0 } else { power(-30.0, 20.0) };
        let smoothing = if is_plain { 0.0 } else { power(-10.0, -0.1) };
        // Of labels without other options, w/T is at least 2^-13 and at most 2^24.
        let middle = if is_plain && cap.is_none() {
            power(-12.0, 23.0) * temperature
        } else {
            power(-38.0, 34.0)
        };
        let middle = if is_plain { middle.clamp(2e-4, 1e5) } else { middle };
        let weights: Vec<f32> = (0..columns).map(|_| middle * power(-1.0, 1.0)).collect();
        let weights = if power(0.0, 1.0) < 1.3 { &[][..] } else { &weights };
        let options = Options { smoothing, weights, z, cap, temperature };
        let unit = cap.filter(|_| i % 4 != 0).unwrap_or(temperature);
        let sigma = [0.3, 3.0, 10.0][i % 3];
        let mut x = random.normal(3 * columns, sigma);
        // Farther than 64 caps from 0, the slope counts as 0.
        let most = (40.0 * unit).min(60.0 * cap.unwrap_or(unit));
        for x in &mut x {
            *x = (*x * unit).clamp(-most, most);
        }
        let mut soft = random.normal(3 * columns, 2.0);
        logits::rows::softmax_in_place(RowsMut::new(&mut soft, columns).unwrap());
        let labels: Vec<u32> = (0..3).map(|_| random.below(columns) as u32).collect();
        worst.meet((options, sigma), columns, [&x, &soft], &labels);
    }
    worst.assert_within();
}

#[test]
fn smoothing_z_loss_and_temperature_are_their_formula() {
    let (mut random, mut worst) = (Random::new(33), Worst::default());
    let shapes = [(40, 2), (35, 3), (150, 10), (7, 31), (40, 32), (20, 50), (20, 100), (3, 128)];
    let longer = [(2, 129), (18, 160), (3, 513), (2, 3000)];
    for (i, (rows, columns)) in shapes.into_iter().chain(longer).enumerate() {
        let options = [1e-6, 0.01, 0.1, 0.5, 0.9].map(|smoothing| Options { smoothing, ..PLAIN });
        let sharp = Options { smoothing: 0.0, z: 0.01, temperature: 0.7, ..PLAIN };
        let with_z = Options { smoothing: 0.1, z: 1e-4, ..PLAIN };
        let warm = Options { smoothing: 0.1, z: 0.3, temperature: 4.0, ..PLAIN };
        let cold = Options { smoothing: 0.2, temperature: 0.1, ..PLAIN };
        let all = options.into_iter().chain([sharp, with_z, warm, cold]);
        for (j, options) in all.enumerate() {
            let sigma = [1.0, 4.0, 10.0, 30.0][(i + j) % 4];
            let mut x = random.normal(rows * columns, sigma);
            let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();
            for (row, &label) in x.chunks_mut(columns).zip(&labels) {
                match random.below(6) {
                    0 => row[label as usize] += 20.0 * random.unit() as f32,
                    1 => row.iter_mut().for_each(|x| *x += 5.0),
                    2 => row.iter_mut().for_each(|x| *x += 3000.0),
                    _ => {}
                }
            }
            let (hot, what) = (one_hot(&labels, columns), (options, sigma));
            worst.meet(what, columns, [&x, &hot], Some(&labels));
        }
    }
    worst.assert_within(OF_SMOOTH);
}

#[test]
fn distributions_with_z_loss_and_temperature_are_their_formula() {
    let (mut random, mut worst) = (Random::new(35), Worst::default());
    let shapes = [(40, 2), (35, 3), (150, 10), (7, 31), (40, 32), (20, 50), (20, 100), (3, 128)];
    let longer = [(2, 129), (18, 160), (3, 513), (2, 3000)];
    for (i, (rows, columns)) in shapes.into_iter().chain(longer).enumerate() {
        let with_z = Options { z: 0.01, ..PLAIN };
        let warm = Options { z: 0.3, temperature: 4.0, ..PLAIN };
        let cold = Options { temperature: 0.1, ..PLAIN };
        for (j, options) in [PLAIN, with_z, warm, cold].into_iter().enumerate() {
            let sigma = [1.0, 4.0, 10.0, 30.0][(i + j) % 4];
            let mut x = random.normal(rows * columns, sigma);
            let mut t = random.normal(rows * columns, [0.5, 3.0, 20.0][(i + j) % 3]);
            logits::rows::softmax_in_place(RowsMut::new(&mut t, columns).unwrap());
            for (x, t) in x.chunks_mut(columns).zip(t.chunks_mut(columns)) {
                let at = random.below(columns);
                match random.below(8) {
                    0 => x[at] += 20.0 * random.unit() as f32,
                    1 => x.iter_mut().for_each(|x| *x += 3000.0),
                    2 => t.iter_mut().for_each(|t| *t *= 3.0),
                    3 => t[at] = 0.0,
                    4 => {
                        // Certain, and all but right.
                        for t in &mut *t {
                            *t *= 1e-5;
                        }
                        t[at] = 1.0;
                        x[at] += 25.0 * options.temperature;
                    }
                    _ => {}
                }
            }
            worst.meet((options, sigma), columns, [&x, &t], None);
        }
    }
    worst.assert_within(OF_SMOOTH);
}

/// Targets of both signs, some of them large, whose sum is not: gradients at the others have it as
/// their factor.
#[test]
fn targets_of_both_signs_are_their_formula() {
    let (mut random, mut worst) = (Random::new(41), Worst::default());
    for round in 0..200 {
        let (rows, columns) = (1 + round % 5, 3 + random.below(40));
        let x = random.normal(rows * columns, 2.0);
        let mut t = random.normal(rows * columns, 1.0);
        for t in t.chunks_mut(columns) {
            let (at, large) = (random.below(columns - 1), random.between(1.0, 1e6));
            (t[at], t[at + 1]) = (large, -large);
        }
        worst.meet((PLAIN, 2.0), columns, [&x, &t], None);
    }
    worst.assert_within(OF_SMOOTH);
}

/// Asserts that a row has the loss and gradient of the formula within 4 ULP of their size,
/// and of at least 1.5·|t|; NaN for a NaN, for +∞, and for nothing but −∞.
#[track_caller]
fn assert_formula(
    options: Options<'_>,
    [x, t]: [&[f32]; 2],
    loss: f32,
    gradient: &[f32],
    what: &str,
) {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if x.iter().chain(t).any(|x| x.is_nan()) || max.is_infinite() {
        assert!(loss.is_nan() && gradient.iter().all(|g| g.is_nan()), "{what}: {loss:e}");
        return;
    }
    // Scores that the temperature makes infinite.
    if (max / options.temperature).is_infinite() {
        assert!(!loss.is_finite(), "{what}: {loss:e}");
        return;
    }
    // The contract knows no targets above 2⁴⁰.
    if t.iter().any(|t| t.abs() > 1.1e12) {
        return;
    }
    let close = |found: f32, exact: Exact, least: f64| {
        let nearest = exact.value as f32;
        let exact = Exact { size: exact.size.max(least), ..exact };
        (nearest.is_infinite() && found == nearest) || exact.error(found) <= 4.0
    };
    let (exact_loss, exact_gradient) = OF_SMOOTH.exact(options, x, t);
    let exact = exact_loss.value;
    assert!(close(loss, exact_loss, 0.0), "{what}: {loss:e} for {exact:e}");
    // A gradient has 2λ·ln Σ e^s as a factor, which must not be enormous.
    if options.z > 0.0 && max.abs() > 1e12 {
        return;
    }
    for (k, (&g, exact)) in gradient.iter().zip(exact_gradient).enumerate() {
        let value = exact.value;
        let least = 1.5 * f64::from(t[k].abs());
        assert!(close(g, exact, least), "{what}: gradient[{k}] {g:e} for {value:e}");
    }
}

/// Large scores that differ little, with a temperature: a score over T has a rounding of its own
/// that is many times the last bit of the loss.
#[test]
fn temperatures_leave_differences_of_large_scores() {
    // Found with label smoothing, when the second word of a difference was not renormalised.
    let found = [
        (0.7, [16e6, 16_000_001.0, 15_999_997.0], 1.741_296_76, [-1.057_89, 1.101_72, -0.043_83]),
        (0.1, [8e6, 8_000_000.5, 7_999_999.5], 5.006_760_37, [-9.266_41, 9.599_29, -0.332_88]),
    ];
    for backend in backends() {
        for (temperature, x, loss, gradient) in found {
            let options = Options { smoothing: 0.1, temperature, ..PLAIN };
            let scores = Rows::new(&x, 3).unwrap();
            let (_, losses, g) = run(backend, options.loss(), scores, Against::Labels(&[0]));
            assert!((f64::from(losses[0]) - loss).abs() < 1e-7 * loss, "{losses:?}");
            assert!(g.iter().zip(gradient).all(|(g, exact)| (g - exact).abs() < 1e-5), "{g:?}");
        }
    }
    let mut random = Random::new(40);
    let mut worst = [OF_LABELS, OF_SMOOTH].map(|bounds| (bounds, Worst::default()));
    for base in [0.0, 300.0, 1e5, -8e6, 16e6, 3e9, -1e12] {
        for temperature in [0.01, 0.1, 0.7, 1.0, 30.0, 1e9] {
            let columns = [2, 3, 10, 40, 130][random.below(5)];
            let weights: Vec<f32> = (0..columns).map(|_| 0.5 + random.unit() as f32).collect();
            // A power of two that scores around the base are multiples of.
            let step = unit(f64::from(base)).max(f64::from(temperature) / 1024.0) as f32;
            let spread = (4.0 * temperature / step).max(3.0);
            let x: Vec<f32> = random
                .normal(4 * columns, spread)
                .iter()
                .map(|x| base + x.round() * step)
                .collect();
            let mut soft = random.normal(x.len(), 2.0);
            logits::rows::softmax_in_place(RowsMut::new(&mut soft, columns).unwrap());
            let labels: Vec<u32> = (0..4).map(|_| random.below(columns) as u32).collect();
            let hot = one_hot(&labels, columns);
            for options in Options::all(&weights) {
                if options.cap.is_some() {
                    continue;
                }
                let options = Options { temperature, ..options };
                for (labels, t) in [(Some(&labels[..]), &hot), (None, &soft)] {
                    let bounds = Bounds::of(options, labels.is_some());
                    let of_bounds = worst.iter_mut().find(|(other, _)| other.what == bounds.what);
                    let (_, worst) = of_bounds.expect("all bounds");
                    worst.meet((options, base), columns, [&x, t], labels);
                }
            }
        }
    }
    for (bounds, worst) in worst {
        worst.assert_within(bounds);
    }
}

/// One score of a row that is infinite, no number, or far from the others.
#[test]
fn extreme_scores_follow_the_formula() {
    let mut random = Random::new(34);
    let infinity = f32::INFINITY;
    let extremes = [-infinity, infinity, f32::NAN, 1e30, -1e30, 41.0, -300.0, f32::MAX, 1e-40];
    for (rows, columns) in [(1, 1), (3, 1), (50, 2), (40, 10), (9, 100), (4, 300)] {
        for extreme in extremes {
            let mut x = random.normal(rows * columns, 3.0);
            let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();
            let at: Vec<usize> = (0..rows).map(|_| random.below(columns)).collect();
            for (i, row) in x.chunks_mut(columns).enumerate().filter(|(i, _)| i % 3 != 1) {
                row[at[i]] = extreme;
            }
            let smooth = Options { smoothing: 0.1, ..PLAIN };
            let others = Options { z: 0.01, temperature: 0.3, ..PLAIN };
            let hot = one_hot(&labels, columns);
            for (options, ignored) in [(smooth, Some(0)), (others, None)] {
                let mut loss = options.loss();
                if let Some(label) = ignored {
                    loss = loss.ignored_label(label);
                }
                for backend in backends() {
                    let (scores, against) =
                        (Rows::new(&x, columns).unwrap(), Against::Labels(&labels));
                    let (_, losses, gradient) = run(backend, loss, scores, against);
                    let what = format!("{extreme} in {columns} columns, {backend:?}");
                    for (i, (x, t)) in x.chunks(columns).zip(hot.chunks(columns)).enumerate() {
                        let (loss, gradient) = (losses[i], &gradient[i * columns..][..columns]);
                        if ignored == Some(labels[i].into()) {
                            assert!(loss == 0.0 && gradient.iter().all(|&g| g == 0.0), "{what}");
                        } else {
                            assert_formula(options, [x, t], loss, gradient, &what);
                        }
                    }
                }
            }
        }
    }
}

/// So do a score or a target of a distribution.
#[test]
fn extreme_distributions_follow_the_formula() {
    let mut random = Random::new(36);
    let infinity = f32::INFINITY;
    let extremes = [-infinity, infinity, f32::NAN, 1e30, -1e30, 41.0, -300.0, f32::MAX, 1e-40, 0.0];
    for (rows, columns) in [(1, 1), (3, 1), (50, 2), (40, 10), (9, 100), (4, 300)] {
        for (extreme, of_targets) in extremes.iter().flat_map(|x| [(*x, false), (*x, true)]) {
            let mut x = random.normal(rows * columns, 3.0);
            let mut t = random.normal(rows * columns, 2.0);
            logits::rows::softmax_in_place(RowsMut::new(&mut t, columns).unwrap());
            let changed = if of_targets { &mut t } else { &mut x };
            for row in changed.chunks_mut(columns).step_by(2) {
                row[random.below(columns)] = extreme;
            }
            // So little that it does not cancel targets.
            let with_z = Options { z: 1e-7, temperature: 0.3, ..PLAIN };
            for options in [PLAIN, with_z] {
                for backend in backends() {
                    let [scores, targets] = [&x, &t].map(|x| Rows::new(x, columns).unwrap());
                    let against = Against::Soft(targets);
                    let (_, losses, gradient) = run(backend, options.loss(), scores, against);
                    let what = format!("{extreme} in {columns} columns, {of_targets}, {backend:?}");
                    for (i, (x, t)) in scores.iter().zip(targets).enumerate() {
                        let gradient = &gradient[i * columns..][..columns];
                        assert_formula(options, [x, t], losses[i], gradient, &what);
                    }
                }
            }
        }
    }
}

fn softmax_loss(x: &[f32], k: usize) -> f64 {
    let one_hot: Vec<_> = (0..x.len()).map(|j| f32::from(u8::from(j == k))).collect();
    OF_LABELS.exact(PLAIN, x, &one_hot).0.value
}

/// A label's loss keeps its digits however confident the answer, right or wrong.
#[test]
fn margins_keep_their_digits() {
    let (mut random, mut worst) = (Random::new(32), 0.0f64);
    for n in [2, 3, 10, 33, 600] {
        let weights = random.vector(n, 0.5, 2.0);
        for margin in -100..=100 {
            let (mut x, label) = (random.normal(n, 1.0), random.below(n));
            x[label] += margin as f32;
            let (rows, labels) = (Rows::new(&x, n).unwrap(), [label as u32]);
            for options in [
                PLAIN,
                Options { weights: &weights, ..PLAIN },
                Options { temperature: 0.7, ..PLAIN },
                Options { temperature: 3.0, ..PLAIN },
                Options { cap: Some(32.0), ..PLAIN },
                Options { smoothing: 0.1, z: 0.01, ..PLAIN },
            ] {
                let (t, bounds) = (one_hot(&labels, n), Bounds::of(options, true));
                let exact = bounds.exact(options, &x, &t).0.value;
                for backend in backends() {
                    let loss = options.loss().on(backend).loss(rows, &labels).unwrap();
                    let error = ulp(loss.sum, exact);
                    worst = worst.max(error);
                    let most = bounds.loss;
                    assert!(error <= most, "{error} ULP at {margin}, {options:?}, {backend:?}");
                }
            }
        }
    }
    println!("margins, with options: {worst:.3} ULP");
}

/// The mean of a batch as `PyTorch` defines it.
#[test]
fn means_divide_by_the_weights_of_the_labels() -> Result<(), Error> {
    let (columns, epsilon) = (4, 0.2f32);
    let x = Random::new(33).normal(5 * columns, 3.0);
    let (weights, labels) = ([0.5, 2.0, 0.0, 1.5], [1i32, 0, -100, 2, 3]);
    let loss = CrossEntropy::new().class_weights(&weights).ignored_label(-100);
    let scores = Rows::new(&x, columns)?;

    let (mut sum, mut uniform, mut weight) = (0.0, 0.0, 0.0);
    for (x, &label) in x.chunks(columns).zip(&labels).filter(|&(_, &label)| label != -100) {
        let w = f64::from(weights[label as usize]);
        sum += w * softmax_loss(x, label as usize);
        uniform += (0..columns).map(|k| f64::from(weights[k]) * softmax_loss(x, k)).sum::<f64>();
        weight += w;
    }
    let found = loss.loss(scores, &labels)?;
    assert_eq!((found.weight, found.count), (4.0, 4));
    assert!(ulp(found.mean(), sum / weight) <= 2.0, "{found:?}");

    // Rows that count, and whose weight is 0; and none at all.
    for labels in [[2; 5], [-100; 5]] {
        let mut gradient = x.clone();
        let nothing =
            loss.loss_and_gradient(scores, &labels, RowsMut::new(&mut gradient, columns)?)?;
        assert!(nothing.mean().is_nan() && nothing.mean_or(7.0) == 7.0, "{nothing:?}");
        nothing.mean_gradient(&mut gradient);
        assert_eq!(gradient, [0.0; 20]);
    }

    let epsilon_wide = f64::from(epsilon);
    let exact = (1.0 - epsilon_wide) * sum + epsilon_wide / columns as f64 * uniform;
    let found = loss.label_smoothing(epsilon).loss(scores, &labels)?;
    assert_eq!((found.weight, found.count), (4.0, 4));
    assert!(ulp(found.mean(), exact / weight) <= 2.0, "{found:?}");
    Ok(())
}

/// Smoothing is a mixture, a distribution with everything at a label is that label, and a
/// loss against P is the entropy of P and its divergence from softmax.
#[test]
fn parts_and_whole_agree() -> Result<(), Error> {
    let mut random = Random::new(34);
    for n in [2, 10, 40, 700] {
        let (x, label) = (random.normal(n, 3.0), random.below(n));
        let (mut p, mut q) = (random.normal(n, 1.0), x.clone());
        logits::softmax_in_place(&mut p);
        logits::softmax_in_place(&mut q);
        let scores = Rows::new(&x, n)?;
        let (plain, smooth) = (CrossEntropy::new(), CrossEntropy::new().label_smoothing(0.25));

        let of_label = plain.loss(scores, &[label])?;
        let hot = one_hot(&[label as u32], n);
        let of_hot = plain.loss_soft(scores, Rows::new(&hot, n)?)?;
        assert!(ulp(of_hot.sum, of_label.sum.into()) <= 3.0, "{of_hot:?} and {of_label:?}");

        let uniform = vec![1.0 / n as f32; n];
        let of_uniform = plain.loss_soft(scores, Rows::new(&uniform, n)?)?;
        let mixture = 0.75 * f64::from(of_label.sum) + 0.25 * f64::from(of_uniform.sum);
        assert!(ulp(smooth.loss(scores, &[label])?.sum, mixture) <= 5.0);

        let found = plain.loss_soft(scores, Rows::new(&p, n)?)?.sum;
        let sum = f64::from(logits::entropy(&p)) + f64::from(logits::kl_divergence(&p, &q)?);
        assert!((f64::from(found) - sum).abs() <= 2e-6 * sum, "{found} and {sum}");

        // Without z-loss and cap the gradient sums to 0, whatever the targets.
        let mut gradient = vec![0.0; n];
        let out = RowsMut::new(&mut gradient, n)?;
        smooth.loss_and_gradient_soft(scores, Rows::new(&p, n)?, out)?;
        let sum: f64 = gradient.iter().map(|&g| f64::from(g)).sum();
        let size: f64 = gradient.iter().zip(&p).map(|(g, p)| f64::from(g.abs() + p)).sum();
        assert!(sum.abs() <= 2e-7 * size, "the gradient sums to {sum}");
    }
    Ok(())
}

/// The f64 gradient that the others are compared with, as a difference quotient.
#[test]
fn gradients_are_slopes() {
    let mut random = Random::new(35);
    let n = 7;
    let weights = random.vector(n, 0.5, 2.0);
    let (x, t) = (random.normal(n, 4.0), random.vector(n, 0.0, 0.3));
    let h = 0.0078125;
    for options in Options::all(&weights) {
        // Rounding x/T would be seen.
        let options =
            Options { temperature: if options.temperature == 1.0 { 1.0 } else { 2.0 }, ..options };
        let (_, gradient) = OF_CAPPED.exact(options, &x, &t);
        for k in 0..n {
            let at = |x_k: f32| {
                let mut x = x.clone();
                x[k] = x_k;
                OF_CAPPED.exact(options, &x, &t).0.value
            };
            let (below, above) = (x[k] - h, x[k] + h);
            let slope = (at(above) - at(below)) / f64::from(above - below);
            let error = (slope - gradient[k].value).abs();
            assert!(error <= 2e-5, "{slope} and {} with {options:?}", gradient[k].value);
        }
    }
}

#[test]
fn labels_of_every_type_are_the_same() -> Result<(), Error> {
    fn check<L: Label + TryFrom<u8>>(x: Rows<'_>, expected: (Loss, &[f32])) -> Result<(), Error> {
        let labels = [2u8, 7, 0].map(|label| L::try_from(label).ok().unwrap());
        let (loss, mut gradient) = (CrossEntropy::new().ignored_label(7), [9.0; 9]);
        assert_eq!(loss.loss(x, &labels)?, expected.0);
        let out = RowsMut::new(&mut gradient, 3)?;
        assert_eq!(loss.loss_and_gradient(x, &labels, out)?, expected.0);
        assert_same(&gradient, expected.1, &core::any::type_name::<L>());
        Ok(())
    }
    let mut gradient = [3.0, 1.0, 2.0, f32::NAN, 1.0, f32::INFINITY, -1.0, 0.5, 9.0];
    let x = gradient;
    let x = Rows::new(&x, 3)?;
    // The ignored row is not read, and its gradient is +0.
    let loss = CrossEntropy::new()
        .ignored_label(7)
        .gradient_in_place(RowsMut::new(&mut gradient, 3)?, &[2u32, 7, 0])?;
    assert_eq!(loss.count, 2);
    assert!(loss.sum.is_finite() && gradient[3..6].iter().all(|g| g.to_bits() == 0));
    let expected = (loss, &gradient[..]);
    check::<u8>(x, expected)?;
    check::<u16>(x, expected)?;
    check::<u32>(x, expected)?;
    check::<usize>(x, expected)?;
    check::<i32>(x, expected)?;
    check::<i64>(x, expected)
}

#[test]
fn special_values() -> Result<(), Error> {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    let plain = CrossEntropy::new();
    let z_loss = plain.z_loss(0.5);
    for backend in backends() {
        for n in [2, 16, 40] {
            // A score and a target at the end of a row of zeros and a first score.
            let with = |loss, first: f32, special: f32, t: [f32; 2]| {
                let (mut x, mut targets) = (vec![0.0; n], vec![0.0; n]);
                (x[0], x[n - 1]) = (first, special);
                (targets[0], targets[n - 1]) = (t[0], t[1]);
                let targets = Against::Soft(Rows::new(&targets, n).unwrap());
                let (sum, _, gradient) = run(backend, loss, Rows::new(&x, n).unwrap(), targets);
                (sum.sum, gradient)
            };
            for loss in [plain, z_loss, plain.label_smoothing(0.1)] {
                for (first, special) in
                    [(1.0, NAN), (NAN, 1.0), (INF, 1.0), (1.0, INF), (-INF, NAN)]
                {
                    let (loss, gradient) = with(loss, first, special, [1.0, 0.0]);
                    assert!(loss.is_nan() && gradient.iter().all(|g| g.is_nan()), "{backend:?}");
                }
                assert!(with(loss, 1.0, 1.0, [1.0, NAN]).0.is_nan());
                assert!(with(loss, 1.0, 1.0, [NAN, 0.0]).0.is_nan());
            }
            // A masked class, without a target and with one.
            let (loss, gradient) = with(plain, 1.0, -INF, [1.0, 0.0]);
            assert!(loss.is_finite() && gradient[n - 1].to_bits() == 0, "{gradient:?}");
            let (loss, gradient) = with(plain, 1.0, -INF, [0.5, 0.5]);
            assert!(loss == INF && gradient[n - 1] == -0.5 && gradient[0].is_finite());
            // Nothing to be surprised by.
            let (loss, gradient) = with(plain, 1.0, 2.0, [0.0, 0.0]);
            assert!(loss.to_bits() == 0 && gradient.iter().all(|&g| g == 0.0), "{gradient:?}");
            // Soft-capped, every score is finite; at the cap nothing moves it.
            let (loss, gradient) = with(plain.soft_cap(8.0), INF, -INF, [1.0, 0.0]);
            assert!((0.0..1.0).contains(&loss) && gradient[0] == 0.0 && gradient[n - 1] == 0.0);
            let (loss, gradient) = with(plain.soft_cap(8.0), NAN, 1.0, [1.0, 0.0]);
            assert!(loss.is_nan() && gradient.iter().all(|g| g.is_nan()));

            // Rows that do not count, and classes without a weight.
            let mut weights = vec![1.0; n];
            weights[0] = 0.0;
            for loss in [plain, plain.label_smoothing(0.5)] {
                let x = vec![NAN; n];
                let (rows, labels) = (Rows::new(&x, n)?, Against::Labels(&[0]));
                let (sum, losses, gradient) = run(backend, loss.ignored_label(0), rows, labels);
                assert_eq!((sum.sum.to_bits(), sum.weight, sum.count), (0, 0.0, 0));
                assert!(losses[0].to_bits() == 0 && gradient.iter().all(|g| g.to_bits() == 0));
                let (sum, ..) = run(backend, loss.class_weights(&weights), rows, labels);
                assert!(sum.sum.is_nan() && sum.weight == 0.0 && sum.count == 1);
            }
            let mut x = vec![0.0; n];
            x[0] = -INF;
            let (rows, labels) = (Rows::new(&x, n)?, Against::Labels(&[0]));
            let (sum, _, gradient) = run(backend, plain.class_weights(&weights), rows, labels);
            assert!(sum.sum.to_bits() == 0 && gradient.iter().all(|&g| g == 0.0));
        }
    }
    Ok(())
}

/// Ten million rows, a batch at a time.
#[test]
fn sums_keep_every_digit() -> Result<(), Error> {
    let (columns, count, batches) = (2, 1 << 14, 611);
    let mut random = Random::new(36);
    let (mut total, mut exact) = (Loss::default(), 0.0);
    for _ in 0..3 {
        let x = random.normal(count * columns, 2.0);
        let labels: Vec<u8> = (0..count).map(|_| random.below(columns) as u8).collect();
        let mut losses = vec![0.0; count];
        let loss = CrossEntropy::new().losses(Rows::new(&x, columns)?, &labels, &mut losses)?;
        let sum: f64 = losses.iter().map(|&x| f64::from(x)).sum();
        assert!(ulp(loss.sum, sum) <= 0.51);
        // As many more batches, merged one by one and all at once.
        let mut merged = Loss::default();
        for _ in 0..batches {
            merged += loss;
        }
        total += merged;
        exact += sum * f64::from(batches);
    }
    assert_eq!(total.count, 3 * 611 * (1 << 14));
    assert!(ulp(total.sum, exact) <= 0.51, "{total:?} for {exact}");
    assert_eq!(total.weight, total.count as f32);
    Ok(())
}

/// Finite scores never give NaN, however large, with any accepted option: of weights, targets and
/// z-loss up to 2⁴⁰, beyond which their products may be infinite.
#[test]
fn finite_scores_never_give_nan() {
    fn any(random: &mut Random, of: &[f32]) -> f32 {
        of[random.below(of.len())]
    }
    const MAX: f32 = f32::MAX;
    let (least, most) = (libm::exp2f(-60.0), libm::exp2f(60.0));
    let scales = [1.0, 0.7, 30.0, 1e-9, 1e9, least, most];
    let factors = [0.0, 1e-45, 1e-30, 0.01, 1.0, 1e12, most];
    let targets = [0.0, 1e-45, 1e-30, 0.01, 1.0, 1e12, 1e20, 1e30, MAX];
    let sizes = [0.0, 1e-45, 1.0, 40.0, 224.0, 1e9, 1e30, MAX];
    let mut random = Random::new(39);
    for round in 0..1500 {
        let (rows, columns) = [(1, 1), (1, 2), (1, 20), (3, 5), (2, 130), (1, 2050)]
            [random.below(if round % 50 == 0 { 6 } else { 5 })];
        let signs = random.normal(rows * columns, 1.0);
        let size = any(&mut random, &sizes);
        let x: Vec<f32> = signs
            .iter()
            .map(|&x| match random.below(3) {
                0 => x.signum() * any(&mut random, &sizes),
                1 => x.signum() * size,
                _ => x.clamp(-1.0, 1.0) * size,
            })
            .collect();
        let weights: Vec<f32> = (0..columns).map(|_| any(&mut random, &factors)).collect();
        let options = Options {
            smoothing: any(&mut random, &[0.0, 0.0, 1e-9, 0.1, 1.0 - f32::EPSILON]),
            weights: if random.below(2) == 0 { &[] } else { &weights },
            z: if random.below(2) == 0 { 0.0 } else { any(&mut random, &factors) },
            cap: (random.below(2) == 0).then(|| any(&mut random, &scales)),
            temperature: any(&mut random, &scales),
        };
        let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();
        let soft: Vec<f32> = (0..x.len()).map(|_| any(&mut random, &targets)).collect();
        let [scores, soft] = [&x, &soft].map(|x| Rows::new(x, columns).unwrap());
        for against in [Against::Labels(&labels), Against::Soft(soft)] {
            let is_soft = matches!(against, Against::Soft(_));
            for backend in backends() {
                let (_, losses, gradient) = run(backend, options.loss(), scores, against);
                let is_nan = losses.iter().chain(&gradient).any(|x| x.is_nan());
                assert!(!is_nan, "{is_soft}, {options:?} on {backend:?}: {x:?}");
            }
        }
    }
}

/// What a subnormal number loses does not depend on whether another row is far from 0.
#[test]
fn nearly_subnormal_gradients_do_not_depend_on_other_rows() {
    let mut random = Random::new(77);
    let known = [[0x4820_8011, 0x489B_2A50, 0xC89A_4F44], [0x489A_9986, 0xC89A_1CD7, 0x470C_9F78]];
    let mut rows: Vec<(f32, f32, Vec<f32>)> =
        known.map(|x| (8192.0, 1.0, x.map(f32::from_bits).to_vec())).into();
    for _ in 0..20_000 {
        let temperature = random.between(-30.0, 30.0).exp2();
        let (weight, n) = (random.between(-100.0, 20.0).exp2(), 2 + random.below(4));
        let x = random.vector(n, -39.0, 39.0).into_iter().map(|x| x * temperature).collect();
        rows.push((temperature, weight, x));
    }
    for (temperature, weight, x) in rows {
        let n = x.len();
        let (weights, both) = (vec![weight; n], [&x[..], &vec![60.0 * temperature; n]].concat());
        let loss = CrossEntropy::new().temperature(temperature).class_weights(&weights);
        for backend in backends() {
            for loss in [loss, loss.z_loss(0.01), loss.label_smoothing(0.1)] {
                let (mut alone, mut beside) = (vec![9.0; n], vec![9.0; 2 * n]);
                let of = |x: &[f32], labels: &[u8], out: &mut [f32]| {
                    let (x, out) = (Rows::new(x, n).unwrap(), RowsMut::new(out, n).unwrap());
                    loss.on(backend).loss_and_gradient(x, labels, out).unwrap();
                };
                of(&x, &[0], &mut alone);
                of(&both, &[0, 0], &mut beside);
                let what = format!("{x:?}, T = {temperature:e}, w = {weight:e} on {backend:?}");
                common::assert_same(&alone, &beside[..n], &what);
            }
        }
    }
}
