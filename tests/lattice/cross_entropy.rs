//! Cross-entropy with its options, on labels and on rows of targets.

use super::common::Random;
use super::common::{assert_same, backends, same};
use super::{INF, PROBABILITIES, SCORES, Scores, Tally, Want, all_rows, alone, pairs_of_rows};
use logits::contract::{
    CAPPED_GRADIENT, CAPPED_LOSS, GRADIENT, LOSS, SMOOTH_GRADIENT, SMOOTH_LOSS,
};
use logits::loss::{CrossEntropy, Loss};
use logits::{Rows, RowsMut};
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug)]
struct Options {
    smoothing: f32,
    weights: bool,
    z: f32,
    cap: Option<f32>,
    temperature: f32,
}

const PLAIN: Options =
    Options { smoothing: 0.0, weights: false, z: 0.0, cap: None, temperature: 1.0 };

/// Of classes, where there are weights.
const WEIGHTS: [f32; 4] = [0.5, 2.0, 0.0, 1.5];

/// Every option alone, other temperatures, and options with others.
const ALL: [Options; 15] = [
    PLAIN,
    Options { smoothing: 0.1, ..PLAIN },
    Options { weights: true, ..PLAIN },
    Options { z: 0.5, ..PLAIN },
    Options { cap: Some(8.0), ..PLAIN },
    Options { temperature: 0.7, ..PLAIN },
    Options { temperature: 1e3, ..PLAIN },
    Options { temperature: 1e-6, ..PLAIN },
    Options { weights: true, temperature: 0.7, ..PLAIN },
    Options { smoothing: 0.1, z: 0.01, temperature: 4.0, ..PLAIN },
    Options { smoothing: 0.1, weights: true, ..PLAIN },
    Options { weights: true, z: 0.01, ..PLAIN },
    Options { z: 0.01, cap: Some(100.0), ..PLAIN },
    Options { weights: true, cap: Some(15.0), temperature: 0.7, ..PLAIN },
    Options { smoothing: 0.5, weights: true, z: 0.3, cap: Some(30.0), temperature: 2.0 },
];

impl Options {
    fn loss(self, columns: usize) -> CrossEntropy<'static> {
        let mut loss = CrossEntropy::new()
            .label_smoothing(self.smoothing)
            .z_loss(self.z)
            .temperature(self.temperature);
        if self.weights {
            loss = loss.class_weights(&WEIGHTS[..columns]);
        }
        self.cap.map_or(loss, |cap| loss.soft_cap(cap))
    }

    /// aₖ
    fn coefficients(self, t: &[f32]) -> Vec<f64> {
        let epsilon = f64::from(self.smoothing);
        let uniform = epsilon / t.len() as f64;
        let weight = |k: usize| if self.weights { f64::from(WEIGHTS[k]) } else { 1.0 };
        let one = |(k, &t): (usize, &f32)| weight(k) * ((1.0 - epsilon) * f64::from(t) + uniform);
        t.iter().enumerate().map(one).collect()
    }
}

/// The contract's figures for a loss and its gradient, and what an |L| below counts as; None
/// where errors are measured by the results themselves.
struct Figures {
    loss: f64,
    gradient: f64,
    least: Option<f64>,
}

impl Figures {
    fn of(options: Options, on_labels: bool) -> Self {
        let Options { smoothing, z, cap, .. } = options;
        if on_labels && smoothing == 0.0 && z == 0.0 && cap.is_none() {
            Self { loss: LOSS, gradient: GRADIENT, least: None }
        } else if cap.is_none() {
            Self { loss: SMOOTH_LOSS, gradient: SMOOTH_GRADIENT, least: Some(1.0) }
        } else {
            Self { loss: CAPPED_LOSS, gradient: CAPPED_GRADIENT, least: Some(0.125) }
        }
    }
}

/// 2^40: the contract's figures are for what is between it and its inverse.
const MOST: f64 = (1_u64 << 40) as f64;
/// 2^-100: and for targets that are 0 or at least this.
const LEAST_TARGET: f64 = 1.0 / (1_u128 << 100) as f64;

/// s, and ds/dx.
fn score(options: Options, x: f32) -> (f64, f64) {
    let (x, t) = (f64::from(x), f64::from(options.temperature));
    let Some(cap) = options.cap.map(f64::from) else { return (x / t, 1.0 / t) };
    let u = libm::exp(-2.0 * (x / cap).abs());
    (cap * libm::tanh(x / cap) / t, 4.0 * u / ((1.0 + u) * (1.0 + u)) / t)
}

/// The loss of a row against targets, and its gradient.
fn of_row(options: Options, x: &[f32], t: &[f32], on_labels: bool) -> Vec<Want> {
    let n = x.len();
    let (s, slopes): (Vec<_>, Vec<_>) = x.iter().map(|&x| score(options, x)).unzip();
    let scores = Scores::new(s).filter(|_| t.iter().all(|t| t.is_finite()));
    let Some(scores) = scores else { return vec![Want::Nan; n + 1] };
    let a = options.coefficients(t);
    let impossible = |sign: f64| (0..n).any(|k| a[k] * sign > 0.0 && scores.s[k].is_infinite());
    let infinite = if impossible(1.0) { Want::Bits(INF) } else { Want::Bits(-INF) };
    let is_infinite = impossible(1.0) != impossible(-1.0);

    let figures = Figures::of(options, on_labels);
    let (z, ln_sum) = (f64::from(options.z), scores.ln_sum());
    let size_of_l = ln_sum.abs().max(figures.least.unwrap_or(0.0));
    let mass: f64 = a.iter().sum();
    let b = (mass + 2.0 * z * ln_sum).abs();
    let is_extreme = |&t: &f32| t != 0.0 && !(LEAST_TARGET..=MOST).contains(&f64::from(t).abs());
    let has_figures = figures.least.is_none()
        || (b == 0.0 || (1.0 / MOST..=MOST).contains(&b)) && !t.iter().any(is_extreme);

    let terms = || (0..n).filter(|&k| a[k] != 0.0).map(|k| -a[k] * scores.ln_p(k));
    let value = terms().sum::<f64>() + z * ln_sum * ln_sum;
    let size = terms().map(f64::abs).sum::<f64>() + z * size_of_l * size_of_l;
    let size = if figures.least.is_none() { value.abs() } else { size };
    let loss = match (is_infinite, value.is_nan()) {
        (true, _) => infinite,
        // Infinities of both signs.
        (false, true) => Want::Nan,
        (false, false) if has_figures => Want::Near { value, size, most: figures.loss },
        (false, false) => Want::NotNan,
    };

    let derivative = |k: usize| {
        let (p, is_top) = (scores.p(k), scores.s[k] == scores.max());
        // Of a likeliest class, without aₖ·pₖ on either side.
        let (plus, minus) = if is_top {
            let others: f64 = (0..n).filter(|&j| j != k).map(|j| a[j]).sum();
            (others, a[k] * scores.tail / (1.0 + scores.tail))
        } else {
            (mass, a[k])
        };
        let value = (plus + 2.0 * z * ln_sum) * p - minus;
        // Of several likeliest classes any may be the one.
        let mut most = (plus.abs() + 2.0 * z * size_of_l) * p;
        let mut least = minus.abs();
        if is_top {
            most = most.max(
                (mass.abs() + 2.0 * z * size_of_l) * p * f64::from(u8::from(scores.tail >= 1.0)),
            );
            least = least.max(a[k].abs() * f64::from(u8::from(scores.tail >= 1.0)));
        }
        let size = match figures.least {
            None => value.abs(),
            Some(_) => value.abs().max(most.max(least) / 2.0),
        };
        let (value, size) = (value * slopes[k], size * slopes[k]);
        if slopes[k] == 0.0 {
            return Want::Zero;
        }
        if has_figures { Want::Near { value, size, most: figures.gradient } } else { Want::NotNan }
    };
    core::iter::once(loss).chain((0..n).map(derivative)).collect()
}

/// What rows are compared with.
#[derive(Clone, Copy)]
enum Against<'a> {
    Labels(&'a [u32]),
    Targets(Rows<'a>),
}

impl Against<'_> {
    fn row(self, i: usize) -> Self {
        match self {
            Self::Labels(labels) => Self::Labels(&labels[i..=i]),
            Self::Targets(t) => Self::Targets(Rows::new(t.row(i).unwrap(), t.columns()).unwrap()),
        }
    }

    fn losses(self, loss: CrossEntropy<'_>, x: Rows<'_>, out: &mut [f32]) -> Loss {
        match self {
            Self::Labels(labels) => loss.losses(x, labels, out),
            Self::Targets(t) => loss.losses_soft(x, t, out),
        }
        .unwrap()
    }

    /// The sum by itself, and with gradients, in place and elsewhere: the same.
    fn gradient(self, loss: CrossEntropy<'_>, x: Rows<'_>, out: &mut [f32]) -> Loss {
        let mut in_place: Vec<_> = x.iter().flatten().copied().collect();
        let n = x.columns();
        let to = RowsMut::new(out, n).unwrap();
        let to_itself = RowsMut::new(&mut in_place, n).unwrap();
        let [sum, of_gradient, of_in_place] = match self {
            Self::Labels(labels) => [
                loss.loss(x, labels),
                loss.loss_and_gradient(x, labels, to),
                loss.gradient_in_place(to_itself, labels),
            ],
            Self::Targets(t) => [
                loss.loss_soft(x, t),
                loss.loss_and_gradient_soft(x, t, to),
                loss.gradient_in_place_soft(to_itself, t),
            ],
        }
        .map(Result::unwrap);
        for other in [of_gradient, of_in_place] {
            assert!(same(other.sum, sum.sum) && same(other.weight, sum.weight));
            assert_eq!(other.count, sum.count);
        }
        assert_same(out, &in_place, &"in place");
        sum
    }
}

/// The losses and gradients of all rows: each row's loss, then its gradient.
fn run(loss: CrossEntropy<'_>, x: Rows<'_>, against: Against<'_>) -> Vec<f32> {
    let n = x.columns();
    let (mut losses, mut gradient) = (vec![9.0; x.rows()], vec![9.0; x.rows() * n]);
    let sum = against.losses(loss, x, &mut losses);
    let again = against.gradient(loss, x, &mut gradient);
    assert!(same(sum.sum, again.sum) && sum.count == again.count);
    for i in alone(x.rows()).step_by(5) {
        let (row, against) = (Rows::new(x.row(i).unwrap(), n).unwrap(), against.row(i));
        let (mut own, mut own_gradient) = ([9.0], vec![9.0; n]);
        let sum = against.losses(loss, row, &mut own);
        against.gradient(loss, row, &mut own_gradient);
        assert_same(&own, &losses[i..=i], &"alone");
        assert_same(&own_gradient, &gradient[i * n..(i + 1) * n], &"gradient alone");
        assert!(same(sum.sum, own[0]), "a sum of one");
    }
    losses.iter().zip(gradient.chunks_exact(n)).flat_map(|(l, g)| [&[*l], g].concat()).collect()
}

/// All rows with each label, or of 4 elements some of them.
fn rows_and_labels(n: usize) -> (Vec<f32>, Vec<u32>) {
    if n == 4 {
        let [x, _] = pairs_of_rows(&SCORES, &SCORES, n, 10_000);
        let mut random = Random::new(52);
        let labels = (0..x.len() / n).map(|_| random.below(n) as u32).collect();
        return (x, labels);
    }
    let rows = all_rows(&SCORES, n);
    let of_label = |label: usize| (rows.clone(), vec![label as u32; rows.len() / n]);
    let (x, labels): (Vec<_>, Vec<_>) = (0..n).map(of_label).unzip();
    (x.concat(), labels.concat())
}

/// 1 at the label.
fn one_hot(label: u32, n: usize) -> Vec<f32> {
    (0..n).map(|k| f32::from(u8::from(k == label as usize))).collect()
}

/// How each of [`ALL`] is written.
static NAMES: LazyLock<Vec<String>> =
    LazyLock::new(|| ALL.iter().map(|options| format!("{options:?}")).collect());

/// Of many rows, all without an option, else every eleventh; all of 3 with smoothing and weights,
/// of which few are known exceptions.
fn part(i: usize, x: &[f32], n: usize) -> Vec<f32> {
    let Options { smoothing, weights, .. } = ALL[i];
    let is_whole = i == 0 || n == 3 && smoothing > 0.0 && weights;
    let step = if is_whole || x.len() / n <= 4000 { 1 } else { 11 };
    x.chunks_exact(n).step_by(step).flatten().copied().collect()
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn losses_against_labels() {
    let mut tally = Tally::default();
    for n in 1..=4 {
        let (all, labels) = rows_and_labels(n);
        let all_hot: Vec<_> = labels.iter().flat_map(|&label| one_hot(label, n)).collect();
        for (i, options) in ALL.iter().enumerate() {
            let [x, t] = [&all, &all_hot].map(|x| part(i, x, n));
            let label = |t: &[f32]| t.iter().position(|&t| t == 1.0).unwrap() as u32;
            let labels: Vec<_> = t.chunks_exact(n).map(label).collect();
            let rows = Rows::new(&x, n).unwrap();
            let of = |(x, t)| of_row(*options, x, t, true);
            let wants: Vec<_> = rows.iter().zip(t.chunks_exact(n)).flat_map(of).collect();
            tally.meet(&format!("labels, {}", NAMES[i]), (&[&x, &t], n), &wants, |backend| {
                run(options.loss(n).on(backend), rows, Against::Labels(&labels))
            });
        }
    }
    tally.assert_none("cross-entropy against labels");
}

/// Ignored rows are +0 whatever they hold and do not count; the others have the same bits.
#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn ignored_rows() {
    for n in [1, 2, 4] {
        let (x, labels) = rows_and_labels(n);
        let rows = Rows::new(&x, n).unwrap();
        for (options, backend) in
            ALL.iter().step_by(3).flat_map(|o| backends().into_iter().map(move |b| (o, b)))
        {
            let loss = options.loss(n).on(backend);
            let all = run(loss, rows, Against::Labels(&labels));
            let ignoring = run(loss.ignored_label(1), rows, Against::Labels(&labels));
            for (i, &label) in labels.iter().enumerate() {
                let row = i * (n + 1)..(i + 1) * (n + 1);
                let zeros = vec![0.0; n + 1];
                let wanted = if label == 1 { &zeros } else { &all[row.clone()] };
                assert_same(&ignoring[row], wanted, &"ignored, or beside such rows");
            }
            let sum = loss.ignored_label(1).loss(rows, &labels).unwrap();
            let counted = labels.iter().filter(|&&label| label != 1);
            let weight = |&label: &u32| if options.weights { WEIGHTS[label as usize] } else { 1.0 };
            assert_eq!(sum.count, counted.clone().count());
            assert_eq!(sum.weight, counted.map(weight).sum::<f32>());
        }
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn losses_against_targets() {
    let mut tally = Tally::default();
    for n in 1..=3 {
        let most = if n < 3 { 70_000 } else { 10_000 };
        let all = pairs_of_rows(&SCORES, &PROBABILITIES, n, most);
        for (i, options) in ALL.iter().enumerate() {
            let [x, t] = [&all[0], &all[1]].map(|x| part(i, x, n));
            let [rows, targets] = [&x, &t].map(|x| Rows::new(x, n).unwrap());
            let pairs = rows.iter().zip(targets);
            let wants: Vec<_> = pairs.flat_map(|(x, t)| of_row(*options, x, t, false)).collect();
            tally.meet(&format!("targets, {}", NAMES[i]), (&[&x, &t], n), &wants, |backend| {
                let loss = options.loss(n).on(backend);
                let sum = loss.loss_soft(rows, targets).unwrap();
                assert_eq!((sum.weight, sum.count), (rows.rows() as f32, rows.rows()));
                run(loss, rows, Against::Targets(targets))
            });
        }
    }
    tally.assert_none("cross-entropy against targets");
}
