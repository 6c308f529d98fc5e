//! What is compared: each function's exact value, and data for it.

use crate::{Aligned, Input, Peer, Shape};

/// A function of vectors or of rows.
pub struct Function {
    /// `logits`' name of it.
    pub name: &'static str,
    /// All results, far better than `f32` can hold.
    pub exact: fn(Input) -> Vec<f64>,
    results: Results,
    data: Kind,
}

#[derive(Clone, Copy)]
enum Results {
    AnElement,
    ARow,
    One,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Numbers in ±6.
    Scores,
    /// Their absolute values.
    Positive,
    /// Scores, and a class a row.
    Labelled,
    /// Scores, and a target of 0 or 1 each.
    Targeted,
    /// Scores, and a distribution a row.
    Soft,
    /// Two distributions: e^x, normalised.
    Distributions,
}

use Kind::{Distributions, Labelled, Positive, Scores, Soft, Targeted};
use Results::{ARow, AnElement, One};

/// All that is compared.
pub static FUNCTIONS: [Function; 19] = [
    Function::new("exp", |i| each(i, f64::exp), AnElement, Scores),
    Function::new("exp_m1", |i| each(i, f64::exp_m1), AnElement, Scores),
    Function::new("ln", |i| each(i, f64::ln), AnElement, Positive),
    Function::new("ln_1p", |i| each(i, f64::ln_1p), AnElement, Positive),
    Function::new("sigmoid", |i| each(i, sigmoid), AnElement, Scores),
    Function::new("log_sigmoid", |i| each(i, |x| -softplus(-x)), AnElement, Scores),
    Function::new("softplus", |i| each(i, softplus), AnElement, Scores),
    Function::new("softmax", |i| i.rows().flat_map(softmax).collect(), AnElement, Scores),
    Function::new("scaled_softmax", scaled_softmax, AnElement, Scores),
    Function::new("log_softmax", |i| i.rows().flat_map(log_softmax).collect(), AnElement, Scores),
    Function::new("log_sum_exp", |i| i.rows().map(log_sum_exp).collect(), ARow, Scores),
    Function::new("loss", |i| vec![loss(i)], One, Labelled),
    Function::new("loss_and_gradient", gradient, AnElement, Labelled),
    Function::new("smooth_loss_and_gradient", smooth_gradient, AnElement, Labelled),
    Function::new("cold_loss_and_gradient", cold_gradient, AnElement, Labelled),
    Function::new("soft_loss_and_gradient", soft_gradient, AnElement, Soft),
    Function::new("binary_loss_and_gradient", binary_gradient, AnElement, Targeted),
    Function::new("entropy", |i| vec![entropy(i.x)], One, Distributions),
    Function::new("kl_divergence", |i| vec![kl_divergence(i.x, i.y)], One, Distributions),
];

impl Function {
    const fn new(
        name: &'static str,
        exact: fn(Input) -> Vec<f64>,
        results: Results,
        data: Kind,
    ) -> Self {
        Self { name, exact, results, data }
    }

    /// The one of that name.
    pub fn of(name: &str) -> &'static Self {
        FUNCTIONS.iter().find(|f| f.name == name).expect("one of FUNCTIONS")
    }

    /// How many results there are. Of loss and gradient the latter counts: the
    /// loss by itself is another function.
    pub fn results(&self, shape: Shape) -> usize {
        match self.results {
            AnElement => shape.elements(),
            ARow => shape.rows,
            One => 1,
        }
    }

    /// Input of that shape, the same on every machine.
    pub fn data(&self, shape: Shape) -> Data {
        let mut state = 1u32;
        let mut next = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        let mut scores = |n| {
            let mut data = Aligned::new(n);
            data.fill_with(|| next() * 12.0 - 6.0);
            data
        };
        let (mut x, mut y) = (scores(shape.elements()), Aligned::new(0));
        let mut labels = vec![];
        match self.data {
            Scores => {}
            Positive => x.iter_mut().for_each(|x| *x = x.abs()),
            Labelled => {
                let last = shape.columns as u32 - 1;
                let label = |_| ((next() * shape.columns as f32) as u32).min(last);
                labels = (0..shape.rows).map(label).collect();
            }
            Targeted => {
                y = Aligned::new(shape.elements());
                y.fill_with(|| next().round());
            }
            Soft => {
                y = scores(shape.elements());
                y.chunks_mut(shape.columns).for_each(normalize);
            }
            Distributions => {
                y = scores(shape.elements());
                normalize(&mut x);
                normalize(&mut y);
            }
        }
        Data { shape, x, labels, y }
    }

    /// The largest error of a peer on some data: it tells a wrongly wired peer, not
    /// how good one is.
    pub fn error(&self, peer: &mut Peer) -> f64 {
        // A tail whatever the vector, in all elements and in each row.
        self.error_on(peer, Shape { rows: 17, columns: 59 })
    }

    /// The same on data of that shape.
    pub fn error_on(&self, peer: &mut Peer, shape: Shape) -> f64 {
        let data = self.data(shape);
        let mut out = vec![f32::NAN; self.results(shape)];
        peer.call(data.input(), &mut out);
        let exact = (self.exact)(data.input());
        let errors = out.into_iter().zip(exact).map(|(found, exact)| error(found, exact, exact));
        errors.fold(0.0, |worst, error| if error <= worst { worst } else { error })
    }
}

/// An error in ULP that only a wrongly wired peer has; the worst of the others,
/// tract's sigmoid, has 306.
pub const WIRED: f64 = 1000.0;

/// How far a result is off, in units in the last place of a number of the given
/// size; infinite for NaN.
pub fn error(found: f32, exact: f64, size: f64) -> f64 {
    let power = f64::from_bits(size.to_bits() & f64::INFINITY.to_bits());
    let unit = power.max(f32::MIN_POSITIVE.into()) * f64::from(f32::EPSILON);
    let error = (f64::from(found) - exact).abs() / unit;
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Input, and what it is kept in.
pub struct Data {
    pub shape: Shape,
    pub x: Aligned,
    pub labels: Vec<u32>,
    pub y: Aligned,
}

impl Data {
    pub fn input(&self) -> Input<'_> {
        Input { shape: self.shape, x: &self.x, labels: &self.labels, y: &self.y }
    }
}

fn normalize(x: &mut [f32]) {
    let p: Vec<f64> = softmax(x).collect();
    x.iter_mut().zip(p).for_each(|(x, p)| *x = p as f32);
}

fn each(input: Input, f: impl Fn(f64) -> f64) -> Vec<f64> {
    input.x.iter().map(|&x| f(x.into())).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The largest element m of a row, and the sum of e^(x − m) over the others. Their
/// logarithms keep what 1 + tail would lose.
fn maximum_and_tail(row: &[f32]) -> (f64, f64) {
    let at = (0..row.len()).max_by(|&i, &j| row[i].total_cmp(&row[j])).expect("an element");
    let max = f64::from(row[at]);
    let (before, after) = (&row[..at], &row[at + 1..]);
    (max, sum(before.iter().chain(after).map(|&x| (f64::from(x) - max).exp())))
}

/// With what rounding takes in a second word (Neumaier).
pub fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let (sum, low) = terms.fold((0.0f64, 0.0f64), |(sum, low), x| {
        let next = sum + x;
        let (large, small) = if sum.abs() < x.abs() { (x, sum) } else { (sum, x) };
        (next, low + ((large - next) + small))
    });
    sum + low
}

fn log_sum_exp(row: &[f32]) -> f64 {
    let (max, tail) = maximum_and_tail(row);
    max + tail.ln_1p()
}

fn softmax(row: &[f32]) -> impl Iterator<Item = f64> + '_ {
    let (max, tail) = maximum_and_tail(row);
    row.iter().map(move |&x| (f64::from(x) - max).exp() / (1.0 + tail))
}

fn log_softmax(row: &[f32]) -> impl Iterator<Item = f64> + '_ {
    let (max, tail) = maximum_and_tail(row);
    row.iter().map(move |&x| (f64::from(x) - max) - tail.ln_1p())
}

fn loss(input: Input) -> f64 {
    let at_label = |(row, &label): (_, &u32)| log_softmax(row).nth(label as usize);
    -sum(input.rows().zip(input.labels).filter_map(at_label))
}

fn gradient(input: Input) -> Vec<f64> {
    let of_row = |(row, &label): (&[f32], &u32)| {
        let mut gradient: Vec<f64> = softmax(row).collect();
        gradient[label as usize] = log_softmax(row).nth(label as usize).unwrap().exp_m1();
        gradient
    };
    input.rows().zip(input.labels).flat_map(of_row).collect()
}

/// The label smoothing that is compared.
pub const SMOOTHING: f32 = 0.125;

fn smooth_gradient(input: Input) -> Vec<f64> {
    let columns = input.x.len() / input.labels.len();
    let (smoothing, of_label) = (f64::from(SMOOTHING), |label| label as usize);
    let labels =
        input.labels.iter().flat_map(|&label| (0..columns).map(move |k| k == of_label(label)));
    let change = |is_label| if is_label { smoothing } else { 0.0 } - smoothing / columns as f64;
    gradient(input).iter().zip(labels).map(|(g, is_label)| g + change(is_label)).collect()
}

/// The temperature that is compared.
pub const TEMPERATURE: f32 = 0.75;
/// The scale of softmax that is compared.
pub const SCALE: f32 = 1.25;

fn cold_gradient(input: Input) -> Vec<f64> {
    let temperature = f64::from(TEMPERATURE);
    let of_row = |(row, &label): (&[f32], &u32)| {
        let mut gradient = softmax_of_scaled(row, 1.0 / temperature);
        let label = label as usize;
        let others = gradient.iter().enumerate().filter(|(k, _)| *k != label);
        gradient[label] = -others.map(|(_, p)| p).sum::<f64>();
        gradient.into_iter().map(move |g| g / temperature)
    };
    input.rows().zip(input.labels).flat_map(of_row).collect()
}

fn scaled_softmax(input: Input) -> Vec<f64> {
    input.rows().flat_map(|row| softmax_of_scaled(row, SCALE.into())).collect()
}

fn softmax_of_scaled(row: &[f32], scale: f64) -> Vec<f64> {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // In f64: the difference of two f32, rounded, would itself be the largest error.
    let from_max = |x: &f32| scale * (f64::from(*x) - f64::from(max));
    let e: Vec<f64> = row.iter().map(|x| from_max(x).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.into_iter().map(|e| e / sum).collect()
}

fn soft_gradient(input: Input) -> Vec<f64> {
    let targets = input.y.chunks(input.shape.columns);
    let of_row = |(row, t): (&[f32], &[f32])| {
        let mass: f64 = t.iter().map(|&t| f64::from(t)).sum();
        let t = t.to_vec();
        softmax(row)
            .collect::<Vec<_>>()
            .into_iter()
            .zip(t)
            .map(move |(p, t)| mass * p - f64::from(t))
    };
    input.rows().zip(targets).flat_map(of_row).collect()
}

fn binary_gradient(input: Input) -> Vec<f64> {
    let of_pair = |(&x, &t): (&f32, &f32)| {
        let x = f64::from(x);
        if t == 0.0 { sigmoid(x) } else { -sigmoid(-x) }
    };
    input.x.iter().zip(input.y).map(of_pair).collect()
}

fn entropy(p: &[f32]) -> f64 {
    -sum(p.iter().map(|&p| f64::from(p)).filter(|&p| p > 0.0).map(|p| p * p.ln()))
}

fn kl_divergence(p: &[f32], q: &[f32]) -> f64 {
    let pairs = p.iter().zip(q).map(|(&p, &q)| (f64::from(p), f64::from(q)));
    sum(pairs.filter(|&(p, _)| p > 0.0).map(|(p, q)| p * (p / q).ln()))
}
