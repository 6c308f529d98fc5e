//! A row's results are the same bits whatever the form of the call: alone or among other
//! rows, in place or not, with a gap between rows, anywhere in memory, on every backend of a
//! class; of every length and with the label anywhere. And rows that become extreme late are
//! as accurate as others.

mod common;

use common::{
    Random, assert_same, backends, class_of_rows, log_softmax, log_sum_exp, same, softmax, ulp,
    unit,
};
use logits::contract::{
    GRADIENT, LOG_SOFTMAX, LOG_SUM_EXP, LOSS, SMOOTH_GRADIENT, SMOOTH_LOSS, SOFTMAX,
};
use logits::loss::CrossEntropy;
use logits::{Backend, Rows, RowsMut};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// What surrounds rows: no result has these bits.
const GUARD: f32 = f32::from_bits(0x7FC0_1234);

const SMOOTHING: f32 = 0.1;

/// A function that writes a number for each score.
#[derive(Clone, Copy, Debug)]
enum Function {
    Softmax,
    LogSoftmax,
    /// The gradient of the loss of labels.
    Labels,
    /// The same with label smoothing.
    Smoothing,
    /// The gradient of the loss of distributions.
    Soft,
}

const FUNCTIONS: [Function; 5] = [
    Function::Softmax,
    Function::LogSoftmax,
    Function::Labels,
    Function::Smoothing,
    Function::Soft,
];

/// What rows of scores are compared with.
#[derive(Clone, Copy)]
struct Against<'a> {
    labels: &'a [u32],
    targets: Rows<'a>,
}

impl Function {
    fn loss(self, backend: Backend) -> CrossEntropy<'static> {
        let loss = CrossEntropy::new().on(backend);
        if let Self::Smoothing = self { loss.label_smoothing(SMOOTHING) } else { loss }
    }

    /// The loss of each row, if the function is the gradient of one.
    fn losses(self, backend: Backend, x: Rows<'_>, against: Against<'_>) -> Option<Vec<f32>> {
        let (loss, mut out) = (self.loss(backend), vec![0.5; x.rows()]);
        match self {
            Self::Softmax | Self::LogSoftmax => return None,
            Self::Soft => loss.losses_soft(x, against.targets, &mut out).unwrap(),
            Self::Labels | Self::Smoothing => loss.losses(x, against.labels, &mut out).unwrap(),
        };
        Some(out)
    }

    /// Gives the sum of the losses, if the function is the gradient of one.
    fn write(
        self,
        backend: Backend,
        x: Rows<'_>,
        against: Against<'_>,
        out: RowsMut<'_>,
    ) -> Option<f32> {
        let loss = self.loss(backend);
        match self {
            Self::Softmax => {
                backend.rows_softmax(x, out).unwrap();
                return None;
            }
            Self::LogSoftmax => {
                backend.rows_log_softmax(x, out).unwrap();
                return None;
            }
            Self::Soft => loss.loss_and_gradient_soft(x, against.targets, out),
            Self::Labels | Self::Smoothing => loss.loss_and_gradient(x, against.labels, out),
        }
        .map(|loss| loss.sum)
        .ok()
    }

    fn write_in_place(self, backend: Backend, x: RowsMut<'_>, against: Against<'_>) {
        let loss = self.loss(backend);
        match self {
            Self::Softmax => return backend.rows_softmax_in_place(x),
            Self::LogSoftmax => return backend.rows_log_softmax_in_place(x),
            Self::Soft => loss.gradient_in_place_soft(x, against.targets),
            Self::Labels | Self::Smoothing => loss.gradient_in_place(x, against.labels),
        }
        .unwrap();
    }
}

/// A row of scores with a label and a distribution to compare it with.
struct Case {
    x: Vec<f32>,
    label: usize,
    t: Vec<f32>,
}

impl Case {
    /// The distribution has most at the label.
    fn new(random: &mut Random, x: Vec<f32>, label: usize) -> Self {
        let mut t = random.normal(x.len(), 2.0);
        t[label] += 4.0 + libm::logf(x.len() as f32);
        logits::softmax_in_place(&mut t);
        Self { x, label, t }
    }
}

/// What the functions give for a row alone.
struct Alone {
    log_sum_exp: f32,
    /// The loss, if it is one, and the other results of each function.
    of: Vec<(Option<f32>, Vec<f32>)>,
}

impl Alone {
    fn new(backend: Backend, Case { x, label, t }: &Case) -> Self {
        let n = x.len();
        let (labels, rows) = ([*label as u32], Rows::new(x, n).unwrap());
        let against = Against { labels: &labels, targets: Rows::new(t, n).unwrap() };
        let of = FUNCTIONS.map(|function| {
            let mut out = vec![0.5; n];
            let place = RowsMut::new(&mut out, n).unwrap();
            (function.write(backend, rows, against, place), out)
        });
        let alone = Self { log_sum_exp: backend.log_sum_exp(x), of: of.into() };
        // A vector is a row.
        let mut out = vec![0.5; n];
        backend.softmax(x, &mut out).unwrap();
        assert_same(&out, &alone.of[0].1, &format_args!("softmax of a vector, {backend:?}"));
        backend.log_softmax(x, &mut out).unwrap();
        assert_same(&out, &alone.of[1].1, &format_args!("log_softmax of a vector, {backend:?}"));
        out.copy_from_slice(x);
        backend.softmax_in_place(&mut out);
        assert_same(&out, &alone.of[0].1, &format_args!("softmax of a vector, {backend:?}"));
        out.copy_from_slice(x);
        backend.log_softmax_in_place(&mut out);
        assert_same(&out, &alone.of[1].1, &format_args!("log_softmax of a vector, {backend:?}"));
        alone
    }
}

/// Where rows lie.
#[derive(Clone, Copy, Debug)]
struct Layout {
    rows: usize,
    /// The row under test.
    at: usize,
    /// Elements between rows.
    gap: usize,
    /// Elements from an address that is a multiple of 64.
    offset: usize,
    /// Elements of the gap that belong to the matrix after its last row.
    tail: usize,
}

impl Layout {
    /// Alone and among others, with a gap and without, aligned and not.
    fn some(random: &mut Random, n: usize) -> [Self; 4] {
        let mut several = || 2 + random.below(if n <= 64 { 20 } else { 2 });
        let (few, more) = (several(), several());
        let alone = Self { rows: 1, at: 0, gap: 0, offset: 0, tail: 0 };
        let gap = 1 + random.below(5);
        [
            alone,
            Self { offset: 1 + random.below(15), ..alone },
            Self { rows: few, at: random.below(few), ..alone },
            Self {
                rows: more,
                at: random.below(more),
                gap,
                offset: random.below(16),
                tail: random.below(gap + 1),
            },
        ]
    }
}

/// Rows somewhere in memory, of which nothing else may change.
struct Placed {
    memory: Vec<f32>,
    start: usize,
    columns: usize,
    layout: Layout,
}

impl Placed {
    fn new(rows: &[&[f32]], layout: Layout) -> Self {
        let (columns, gap) = (rows[0].len(), layout.gap);
        let mut memory = vec![GUARD; layout.offset + rows.len() * (columns + gap) + 32];
        let start = memory.as_ptr().align_offset(64) + layout.offset;
        for (place, row) in memory[start..].chunks_mut(columns + gap).zip(rows) {
            place[..columns].copy_from_slice(row);
        }
        Self { memory, start, columns, layout }
    }

    fn stride(&self) -> usize {
        self.columns + self.layout.gap
    }

    fn length(&self) -> usize {
        (self.layout.rows - 1) * self.stride() + self.columns + self.layout.tail
    }

    fn rows(&self) -> Rows<'_> {
        let data = &self.memory[self.start..][..self.length()];
        Rows::with_stride(data, self.columns, self.stride()).unwrap()
    }

    fn rows_mut(&mut self) -> RowsMut<'_> {
        let (length, columns, stride) = (self.length(), self.columns, self.stride());
        let data = &mut self.memory[self.start..][..length];
        RowsMut::with_stride(data, columns, stride).unwrap()
    }

    /// The row under test, and the assertion that nothing between rows or around them changed.
    #[track_caller]
    fn row(&self) -> &[f32] {
        let end = self.start + self.layout.rows * self.stride();
        for (i, x) in self.memory.iter().enumerate() {
            let is_inside =
                (self.start..end).contains(&i) && (i - self.start) % self.stride() < self.columns;
            assert!(is_inside || x.to_bits() == GUARD.to_bits(), "[{i}] was written");
        }
        &self.memory[self.start + self.layout.at * self.stride()..][..self.columns]
    }
}

/// Asserts that all forms on all backends of a class give the row the same bits. Gives those
/// of each class.
fn check_forms(random: &mut Random, case: &Case, what: &str) -> Vec<(Backend, Alone)> {
    let n = case.x.len();
    let others = [(); 4].map(|()| {
        let (x, label) = (scores(random, n), random.below(n));
        Case::new(random, x, label)
    });
    let mut classes: Vec<(Backend, Alone)> = Vec::new();
    for backend in backends() {
        if !classes.iter().any(|(first, _)| class_of_rows(*first) == class_of_rows(backend)) {
            classes.push((backend, Alone::new(backend, case)));
        }
        let class =
            classes.iter().find(|(first, _)| class_of_rows(*first) == class_of_rows(backend));
        let (_, alone) = class.unwrap();
        for layout in Layout::some(random, n) {
            let mut labels = vec![0; layout.rows];
            let (mut rows, mut targets) = (Vec::new(), Vec::new());
            for (i, label) in labels.iter_mut().enumerate() {
                let other = &others[random.below(others.len())];
                let row = if i == layout.at { case } else { other };
                *label = row.label as u32;
                rows.push(&row.x[..]);
                targets.push(&row.t[..]);
            }
            let x = Placed::new(&rows, layout);
            let t = Placed::new(&targets, Layout { offset: random.below(16), ..layout });
            let against = Against { labels: &labels, targets: t.rows() };
            let what = format_args!("{what}, label {}: {layout:?} on {backend:?}", case.label);
            let mut sums = vec![0.5; layout.rows];
            backend.rows_log_sum_exp(x.rows(), &mut sums).unwrap();
            let sum = sums[layout.at];
            assert!(same(sum, alone.log_sum_exp), "{what}: log_sum_exp {sum:e}");
            for (function, (loss, expected)) in FUNCTIONS.into_iter().zip(&alone.of) {
                let what = format_args!("{function:?}, {what}");
                let losses = function.losses(backend, x.rows(), against);
                assert_eq!(losses.is_some(), loss.is_some());
                for (losses, &loss) in losses.iter().zip(loss) {
                    let found = losses[layout.at];
                    assert!(same(found, loss), "{what}: loss {found:e}, alone {loss:e}");
                }
                let blank = vec![0.5; n];
                let elsewhere =
                    Layout { gap: random.below(3), offset: random.below(16), tail: 0, ..layout };
                let mut out = Placed::new(&vec![&blank[..]; layout.rows], elsewhere);
                function.write(backend, x.rows(), against, out.rows_mut());
                assert_same(out.row(), expected, &what);
                let mut out = Placed::new(&rows, layout);
                function.write_in_place(backend, out.rows_mut(), against);
                assert_same(out.row(), expected, &format_args!("{what}, in place"));
            }
        }
    }
    classes
}

/// Scores of one kind, most of them ordinary.
fn scores(random: &mut Random, n: usize) -> Vec<f32> {
    let mut x = match random.below(8) {
        0 => random.normal(n, 30.0),
        1 => random.vector(n, -400.0, 400.0),
        2 => random.normal(n, 3.0).into_iter().map(|x| x + 300.0).collect(),
        3 => (0..n).map(|i| i as f32 * (100.0 / n as f32) - 50.0).collect(),
        _ => random.normal(n, 3.0),
    };
    match random.below(8) {
        0 => x.iter_mut().step_by(3).skip(1).for_each(|x| *x = -INF),
        1 => x[random.below(n)] = [NAN, INF, -INF, 1e30][random.below(4)],
        _ => {}
    }
    x
}

/// First, last, in the middle, and on both sides of where a multiple of 128, of 2048 or of 4096
/// elements ends.
fn labels(n: usize) -> Vec<usize> {
    let borders = [127, 128, 129, 2047, 2048, 2049, 4095, 4096, 4097];
    let mut labels: Vec<_> =
        [0, n / 2, n - 1].into_iter().chain(borders).filter(|&label| label < n).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

/// With every label of those places, or with every third.
fn every_form_gives_the_same_bits(lengths: impl Iterator<Item = usize>, step: usize) {
    let mut random = Random::new(41);
    for n in lengths {
        let labels = labels(n);
        let first = n % step % labels.len();
        for label in labels.into_iter().skip(first).step_by(step) {
            let x = scores(&mut random, n);
            let case = Case::new(&mut random, x, label);
            check_forms(&mut random, &case, &format!("{n} scores"));
        }
    }
}

#[test]
fn forms_of_some_lengths_give_the_same_bits() {
    let borders = [32, 64, 128, 256, 2048].into_iter().flat_map(|n: usize| n - 1..=n + 1);
    every_form_gives_the_same_bits((1..=18).chain(borders).chain([700, 2176, 4097]), 3);
}

/// Every so many lengths, or with `LOGITS_LENGTHS=all` all of them, which takes half an hour.
fn step(some: usize, all: usize) -> usize {
    let is_all = std::env::var("LOGITS_LENGTHS").is_ok_and(|lengths| lengths == "all");
    if is_all { all } else { some }
}

/// `cargo test --release --test forms -- --ignored`
#[test]
#[ignore = "takes minutes of a release build"]
fn forms_of_all_lengths_give_the_same_bits() {
    every_form_gives_the_same_bits((1..=4200).step_by(step(61, 1)), 1);
}

/// What a loss with coefficients a should be, and the size its error is measured by; the same
/// for each element of its gradient. An |L| below 1 counts as 1.
type Sized = (f64, f64);

fn exact_loss(x: &[f32], a: &[f64]) -> (Sized, Vec<Sized>) {
    let log = log_softmax(x);
    let top = (0..x.len()).fold(0, |top, k| if x[k] > x[top] { k } else { top });
    let terms = || a.iter().zip(&log).map(|(&a, &log)| if a == 0.0 { 0.0 } else { -a * log });
    let p: Vec<_> = log.iter().map(|&log| libm::exp(log)).collect();
    let others = |values: &[f64]| {
        common::sum(values.iter().enumerate().filter(|&(k, _)| k != top).map(|(_, &x)| x))
    };
    let (mass, rest, tail) = (common::sum(a.iter().copied()), others(a), others(&p));
    let gradient = (0..x.len()).map(|k| {
        // For the likeliest class without the part of both terms that cancels.
        let (plus, minus) = if k == top { (rest * p[k], a[k] * tail) } else { (mass * p[k], a[k]) };
        let difference = plus - minus;
        (difference, difference.abs().max(plus.max(minus) / 2.0))
    });
    let loss: f64 = terms().sum();
    ((loss, loss), gradient.collect())
}

/// Asserts that what is found for a row alone keeps the contract.
#[track_caller]
fn check_accuracy(backend: Backend, alone: &Alone, case: &Case, what: &str) {
    let Case { x, label, t } = case;
    let what = format!("{what}, label {label}, {backend:?}");
    let max = x.iter().copied().fold(-INF, f32::max);
    let has_nan = x.iter().any(|x| x.is_nan());
    if has_nan || max.is_infinite() {
        let sum = if has_nan { NAN } else { max };
        assert!(same(alone.log_sum_exp, sum), "{what}: {:e}", alone.log_sum_exp);
        for (function, (loss, values)) in FUNCTIONS.into_iter().zip(&alone.of) {
            assert!(loss.is_none_or(f32::is_nan), "{what}: {function:?}, loss {loss:?}");
            assert!(values.iter().all(|x| x.is_nan()), "{what}: {function:?}");
        }
        return;
    }
    let sum = log_sum_exp(x);
    let error = (f64::from(alone.log_sum_exp) - sum).abs() / unit(sum.abs().max(1.0));
    assert!(error <= LOG_SUM_EXP, "{what}: log_sum_exp, {error} ULP");

    let n = x.len();
    let mut hot = vec![0.0; n];
    hot[*label] = 1.0;
    let epsilon = f64::from(SMOOTHING);
    let smooth: Vec<_> = hot.iter().map(|hot| (1.0 - epsilon) * hot + epsilon / n as f64).collect();
    let soft: Vec<_> = t.iter().map(|&t| f64::from(t)).collect();
    for (function, (loss, values)) in FUNCTIONS.into_iter().zip(&alone.of) {
        let itself = |x: &f64| (*x, x.abs());
        let (exact, bounds): ((Sized, Vec<Sized>), [f64; 2]) = match function {
            Function::Softmax => {
                (((0.0, 0.0), softmax(x).iter().map(itself).collect()), [0.0, SOFTMAX])
            }
            Function::LogSoftmax => {
                (((0.0, 0.0), log_softmax(x).iter().map(itself).collect()), [0.0, LOG_SOFTMAX])
            }
            Function::Labels => {
                let ((loss, _), gradient) = exact_loss(x, &hot);
                let gradient = gradient.iter().map(|(g, _)| itself(g)).collect();
                (((loss, loss), gradient), [LOSS, GRADIENT])
            }
            Function::Smoothing => (exact_loss(x, &smooth), [SMOOTH_LOSS, SMOOTH_GRADIENT]),
            Function::Soft => (exact_loss(x, &soft), [SMOOTH_LOSS, SMOOTH_GRADIENT]),
        };
        let ((exact_loss, size), exact) = exact;
        let error = |found: f32, exact: f64, size: f64| {
            let error = ulp(found, exact);
            if error == 0.0 { 0.0 } else { error * (unit(exact) / unit(size)) }
        };
        if let Some(loss) = *loss {
            let error = error(loss, exact_loss, size);
            assert!(error <= bounds[0], "{what}: {function:?}, loss {loss:e}: {error} ULP");
        }
        for (k, (&found, (exact, size))) in values.iter().zip(exact).enumerate() {
            let error = error(found, exact, size);
            assert!(
                error <= bounds[1],
                "{what}: {function:?} [{k}], {found:e} for {exact:e}: {error} ULP"
            );
        }
    }
}

/// How a row changes late.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// From there on, all scores are higher by this; e^32 is above 2^46.
    Rise(f32),
    /// One score is higher.
    Peak(f32),
    /// One score is this.
    One(f32),
    /// All scores before are this.
    Before(f32),
}

const CHANGES: [Change; 19] = [
    Change::Rise(32.0),
    Change::Rise(33.0),
    Change::Rise(100.0),
    Change::Rise(1000.0),
    Change::Peak(32.0),
    Change::Peak(64.0),
    Change::Peak(200.0),
    Change::One(223.99),
    Change::One(224.0),
    Change::One(-224.0),
    Change::One(1e30),
    Change::One(-1e30),
    Change::One(f32::MAX),
    Change::One(f32::MIN),
    Change::One(-INF),
    Change::One(INF),
    Change::One(NAN),
    Change::Before(-INF),
    Change::Before(-300.0),
];

/// Of each length, every change somewhere from the 2049th score on.
fn late_changes_are_accurate(lengths: impl Iterator<Item = usize>) {
    let mut random = Random::new(42);
    for n in lengths {
        for (i, change) in CHANGES.into_iter().enumerate() {
            let places = [2048, n - 1, (n & !127).max(2048).min(n - 1), 2048 + (n - 2048) / 2];
            let at = places[(n + i) % places.len()];
            let mut x = random.normal(n, [1.0, 4.0][i % 2]);
            match change {
                Change::Rise(by) => x[at..].iter_mut().for_each(|x| *x += by),
                Change::Peak(by) => x[at] += by,
                Change::One(value) => x[at] = value,
                Change::Before(value) => x[..at].fill(value),
            }
            let label = [0, at, n - 1, random.below(n)][(n / 7 + i) % 4];
            let case = Case::new(&mut random, x, label);
            let what = format!("{change:?} at {at} of {n}");
            for (backend, alone) in check_forms(&mut random, &case, &what) {
                check_accuracy(backend, &alone, &case, &what);
            }
        }
    }
}

#[test]
fn some_late_changes_are_accurate() {
    late_changes_are_accurate([2049, 4100].into_iter());
}

/// `cargo test --release --test forms -- --ignored`
#[test]
#[ignore = "takes minutes of a release build"]
fn late_changes_of_many_lengths_are_accurate() {
    late_changes_are_accurate((2049..=10_000).step_by(step(997, 29)));
}
