//! Properties of the crate as functions of raw bytes: they panic if one fails.
//!
//! The fuzz targets call them with whatever the fuzzer invents, `corpus.rs`
//! with the committed seeds. Both declare [`crate::common`] beside this module.
#![allow(dead_code, unreachable_pub)] // each binary uses its own part

use crate::common::{
    Elementwise, TERM, assert_same, backends, class_of_rows, elementwise as elementwise_functions,
    js_term, kl_term, log_softmax, log_sum_exp as log_sum_exp_exact, same, softmax, ulp, unit,
    x_ln_x_over_y, x_ln_y,
};
use logits::loss::{BinaryCrossEntropy, CrossEntropy, Loss};
use logits::{Backend, Error, LogSumExp, Rows, RowsMut, contract, rows};
use std::fmt::Display;

/// The largest error of a mean loss, in ULP of the mean of the losses found.
const MEAN_LOSS: f64 = 1.6; // 1.35

/// Asserts that `found` lies within `tolerance` units in the last place of
/// `size`, which is |exact| for a relative error. A size of 0 asks for 0, an
/// infinity or NaN for itself.
#[track_caller]
fn within(what: &dyn Display, found: f32, exact: f64, size: f64, tolerance: f64) {
    let error = ulp(found, exact);
    if error > 0.0 {
        let error = error * (unit(exact) / unit(size));
        assert!(
            size != 0.0 && error <= tolerance,
            "{what}: {found:e} for {exact:e}, {error} ULP off"
        );
    }
}

/// Little-endian `f32`, any bit pattern; up to three bytes at the end are left.
fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// What surrounds the memory under test: no result has these bits.
const GUARD: f32 = f32::from_bits(0x7FD5_5AA5);

/// Rows that start anywhere within a vector, in memory of which nothing else
/// may change.
#[derive(Clone)]
struct Matrix {
    memory: Vec<f32>,
    original: Vec<f32>,
    start: usize,
    length: usize,
    columns: usize,
    stride: usize,
}

impl Matrix {
    fn new(start: usize, values: &[f32], columns: usize, stride: usize) -> Self {
        let guard = |n| std::iter::repeat_n(GUARD, n);
        let memory: Vec<_> = guard(start).chain(values.iter().copied()).chain(guard(16)).collect();
        Self { original: memory.clone(), memory, start, length: values.len(), columns, stride }
    }

    fn vector(start: usize, values: &[f32]) -> Self {
        Self::new(start, values, values.len(), values.len())
    }

    fn slice(&self) -> &[f32] {
        &self.memory[self.start..][..self.length]
    }

    fn slice_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.start..][..self.length]
    }

    fn rows(&self) -> Rows<'_> {
        Rows::with_stride(self.slice(), self.columns, self.stride).expect("a valid shape")
    }

    fn rows_mut(&mut self) -> RowsMut<'_> {
        let (columns, stride) = (self.columns, self.stride);
        RowsMut::with_stride(self.slice_mut(), columns, stride).expect("a valid shape")
    }

    /// The elements of all rows, and the assertion that nothing else changed.
    #[track_caller]
    fn elements(&self) -> Vec<f32> {
        let inside = self.start..self.start + self.length;
        let mut elements = Vec::with_capacity(self.length);
        for (i, (now, before)) in self.memory.iter().zip(&self.original).enumerate() {
            if inside.contains(&i) && (i - self.start) % self.stride < self.columns {
                elements.push(*now);
            } else {
                assert_eq!(now.to_bits(), before.to_bits(), "[{i}] of {inside:?} was written");
            }
        }
        elements
    }

    #[track_caller]
    fn assert_untouched(&self) {
        assert!(bits(&self.memory).eq(bits(&self.original)), "a rejected call wrote");
    }
}

fn bits(x: &[f32]) -> impl Iterator<Item = u32> {
    x.iter().map(|x| x.to_bits())
}

/// Backends of a class agree in every bit: the results of the first of each.
#[derive(Default)]
struct Classes([Option<Vec<f32>>; 3]);

impl Classes {
    #[track_caller]
    fn check(&mut self, what: &dyn Display, class: usize, backend: Backend, found: &[f32]) {
        let first = self.0[class].get_or_insert_with(|| found.to_vec());
        assert_same(first, found, &format_args!("{what}, first of its class and {backend:?}"));
    }
}

/// The functions of each element, and the binary loss of each: error, special values, in place, backends, memory.
///
/// | Byte | Meaning                                              |
/// |------|------------------------------------------------------|
/// | 0    | low nibble: offset of the input; high: of the output |
/// | 1..  | the input, `f32` little-endian                       |
pub fn elementwise(data: &[u8]) {
    let (&offsets, values) = data.split_first().unwrap_or((&0, &[]));
    let (x_offset, out_offset) = (usize::from(offsets % 16), usize::from(offsets / 16));
    let x = Matrix::vector(x_offset, &floats(values));
    let blank = Matrix::vector(out_offset, &vec![GUARD; x.length]);

    binary(&x, &blank);
    for Elementwise { contract, map, in_place, exact } in elementwise_functions() {
        let (name, mut classes) = (contract.name, Classes::default());
        for backend in backends() {
            let tolerance = contract.error(backend).ulp;
            let mut out = blank.clone();
            map(backend, x.slice(), out.slice_mut()).expect("equal lengths");
            let y = out.elements();
            for (i, (&x, &y)) in x.slice().iter().zip(&y).enumerate() {
                let exact = exact(f64::from(x));
                let what = format_args!("{name} on {backend:?}, [{i}], x = {x:e}");
                within(&what, y, exact, exact.abs(), tolerance);
                let signs_agree = y.is_sign_negative() == exact.is_sign_negative();
                assert!(signs_agree || y.is_nan(), "{what}: {y:e} for {exact:e}");
            }
            classes.check(&name, class_of_rows(backend), backend, &y);

            let mut out = x.clone();
            in_place(backend, out.slice_mut());
            assert_same(&y, &out.elements(), &format_args!("{name} on {backend:?}, in place"));

            let mut out = blank.clone();
            if let Some((_, shorter)) = out.slice_mut().split_first_mut() {
                assert!(map(backend, x.slice(), shorter).is_err());
            }
            out.assert_untouched();
        }
    }
}

/// What the bytes mean to [`elementwise`], to read.
pub fn describe_elementwise(data: &[u8]) -> String {
    let (&offsets, values) = data.split_first().unwrap_or((&0, &[]));
    let (x, out) = (offsets % 16, offsets / 16);
    format!("input at offset {x}, output at {out}\n{}", describe(&floats(values)))
}

/// Numbers, each by the digits that tell it from its neighbours; NaN by its bits.
fn describe(numbers: &[f32]) -> String {
    let number = |x: &f32| {
        if x.is_nan() {
            format!(" NaN:{:08x}", x.to_bits())
        } else if *x == 0.0 || (1e-3..1e6).contains(&x.abs()) {
            format!(" {x}")
        } else {
            format!(" {x:e}")
        }
    };
    format!("   {}\n", numbers.iter().map(number).collect::<String>())
}

/// Binary cross-entropy of each value, against targets made of the others: error,
/// special values, forms, backends, memory.
fn binary(x: &Matrix, blank: &Matrix) {
    let scores = x.slice();
    let target = |(i, x): (usize, &f32)| match i % 4 {
        0 | 1 => (i % 4) as f32,
        2 => 1.0 / (1.0 + x.abs()),
        _ => *x,
    };
    let targets: Vec<_> = scores.iter().rev().enumerate().map(target).collect();
    let mut classes = Classes::default();
    for backend in backends() {
        let (mut losses, mut gradient, mut in_place) = (blank.clone(), blank.clone(), x.clone());
        let f = BinaryCrossEntropy::new().on(backend);
        let sum = f.losses(scores, &targets, losses.slice_mut()).expect("equal lengths");
        f.loss_and_gradient(scores, &targets, gradient.slice_mut()).expect("equal lengths");
        f.gradient_in_place(in_place.slice_mut(), &targets).expect("equal lengths");
        let (losses, gradient) = (losses.elements(), gradient.elements());
        assert_same(&gradient, &in_place.elements(), &format_args!("{backend:?}, in place"));
        for (i, (&x, &t)) in scores.iter().zip(&targets).enumerate() {
            let what = format_args!("binary loss on {backend:?}, [{i}], x = {x:e}, t = {t:e}");
            if x.is_nan() || !(0.0..=1.0).contains(&t) {
                assert!(losses[i].is_nan() && gradient[i].is_nan(), "{what}");
                continue;
            }
            let (x, t) = (f64::from(x), f64::from(t));
            let z = libm::exp(-x.abs());
            let (wrong, other) = if x < 0.0 { (t, 1.0 - t) } else { (1.0 - t, t) };
            let distance = if wrong == 0.0 { 0.0 } else { wrong * x.abs() };
            let exact = distance + libm::log1p(z);
            within(&what, losses[i], exact, exact, contract::BINARY_LOSS[0]);
            let (plus, minus) = (wrong / (1.0 + z), other * z / (1.0 + z));
            let exact = if x < 0.0 { minus - plus } else { plus - minus };
            let size = exact.abs().max(plus.max(minus) / 8.0);
            within(&what, gradient[i], exact, size, contract::BINARY_GRADIENT[0]);
        }
        classes.check(
            &"binary",
            usize::from(backend.is_fused()),
            backend,
            &[losses, gradient, vec![sum.sum]].concat(),
        );
    }
}

/// A function of each row.
struct RowWise {
    name: &'static str,
    map: fn(Backend, Rows<'_>, RowsMut<'_>) -> Result<(), Error>,
    in_place: fn(Backend, RowsMut<'_>),
}

const SOFTMAX: RowWise = RowWise {
    name: "softmax",
    map: Backend::rows_softmax,
    in_place: Backend::rows_softmax_in_place,
};

const LOG_SOFTMAX: RowWise = RowWise {
    name: "log_softmax",
    map: Backend::rows_log_softmax,
    in_place: Backend::rows_log_softmax_in_place,
};

/// A matrix of scores with labels, and where results go.
struct Case {
    scores: Matrix,
    labels: Vec<u32>,
    /// Which the loss has.
    options: usize,
    /// Of another stride than `scores`, and at another offset.
    blank: Matrix,
}

impl Case {
    fn decode(data: &[u8]) -> Self {
        let byte = |i| usize::from(data.get(i).copied().unwrap_or(0));
        let mut values = floats(data.get(3..).unwrap_or(&[]));
        let columns = if byte(0) == 255 { values.len() } else { byte(0) % 71 };
        let (padding, out_padding) = (byte(1) % 4, byte(1) / 4 % 4);
        let (stride, out_stride) = (columns + padding, columns + out_padding);
        let offset = byte(1) / 16;

        let rest = values.len() % stride.max(1);
        let is_matrix = values.is_empty() || columns > 0 && (rest == 0 || rest >= columns);
        assert_eq!(Rows::with_stride(&values, columns, stride).is_ok(), is_matrix);
        assert_eq!(RowsMut::with_stride(&mut values, columns, stride).is_ok(), is_matrix);
        if !is_matrix {
            values.truncate(if columns == 0 { 0 } else { values.len() - rest });
        }

        let scores = Matrix::new(offset, &values, columns, stride);
        let rows = scores.rows().rows();
        let label = |row| ((byte(2) + row) % columns) as u32;
        Self {
            labels: (0..rows).map(label).collect(),
            options: byte(2),
            blank: Matrix::new(15 - offset, &vec![GUARD; rows * out_stride], columns, out_stride),
            scores,
        }
    }

    fn rows(&self) -> impl Iterator<Item = (&[f32], usize)> {
        self.scores.rows().into_iter().zip(self.labels.iter().map(|&label| label as usize))
    }

    /// The function's results, the same in all its forms.
    fn map(&self, backend: Backend, RowWise { name, map, in_place }: &RowWise) -> Vec<f32> {
        let mut out = self.blank.clone();
        map(backend, self.scores.rows(), out.rows_mut()).expect("equal shapes");
        let results = out.elements();

        let mut out = self.scores.clone();
        in_place(backend, out.rows_mut());
        assert_same(&results, &out.elements(), &format_args!("{name} on {backend:?}, in place"));

        for ((x, _), expected) in self.rows().zip(results.chunks(self.scores.columns.max(1))) {
            let mut out = vec![GUARD; x.len()];
            map(backend, one_row(x), RowsMut::new(&mut out, x.len()).expect("one row"))
                .expect("equal shapes");
            assert_same(expected, &out, &format_args!("{name} on {backend:?}, row alone"));
        }
        results
    }
}

fn one_row(x: &[f32]) -> Rows<'_> {
    Rows::new(x, x.len()).expect("one row")
}

/// What a row of scores and its label should give.
struct Expected {
    softmax: Vec<f64>,
    log_softmax: Vec<f64>,
    log_sum_exp: f64,
    loss: f64,
    gradient: Vec<f64>,
}

impl Expected {
    fn new(x: &[f32], label: usize) -> Self {
        let has_nan = x.iter().any(|x| x.is_nan());
        let top = x.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        if has_nan || top.is_infinite() {
            let nan = vec![f64::NAN; x.len()];
            return Self {
                softmax: nan.clone(),
                log_softmax: nan.clone(),
                log_sum_exp: if has_nan { f64::NAN } else { f64::from(top) },
                loss: f64::NAN,
                gradient: nan,
            };
        }
        let softmax = softmax(x);
        let (loss, at_label) = exact_label_loss(x, label);
        let mut gradient = softmax.clone();
        gradient[label] = at_label;
        Self {
            softmax,
            log_softmax: log_softmax(x),
            log_sum_exp: log_sum_exp_exact(x),
            loss,
            gradient,
        }
    }
}

/// ln(1 + tail) and −tail/(1 + tail) with tail = Σ_{j≠label} e^(x[j] − x[label]),
/// neither by cancellation nor through overflow.
fn exact_label_loss(x: &[f32], label: usize) -> (f64, f64) {
    if x[label] == f32::NEG_INFINITY {
        return (f64::INFINITY, -1.0);
    }
    let differences = || {
        let others = x.iter().enumerate().filter(move |&(j, _)| j != label);
        others.map(|(_, &other)| f64::from(other) - f64::from(x[label]))
    };
    // tail = sum · e^shift
    let shift = differences().fold(0.0, f64::max);
    let sum: f64 = differences().map(|difference| libm::exp(difference - shift)).sum();
    let loss =
        if shift == 0.0 { libm::log1p(sum) } else { shift + libm::log(libm::exp(-shift) + sum) };
    (loss, -sum / (libm::exp(-shift) + sum))
}

/// What the bytes mean to [`rows`], to read.
pub fn describe_rows(data: &[u8]) -> String {
    let all = floats(data.get(3..).unwrap_or(&[])).len();
    let Case { scores, labels, options, blank } = Case::decode(data);
    let is_cut = if all == scores.length { String::new() } else { refused(all) };
    let options: Vec<_> = ["label smoothing", "soft cap"]
        .into_iter()
        .enumerate()
        .filter_map(|(bit, name)| (options >> bit & 1 != 0).then_some(name))
        .collect();
    // With what lies between rows.
    let rows: String = scores.slice().chunks(scores.stride.max(1)).map(describe).collect();
    format!(
        "{} × {}, input at offset {}, gaps of {}, output at {}, gaps of {}\n{is_cut}\
         labels {labels:?}, options: {options:?}\n{rows}",
        labels.len(),
        scores.columns,
        scores.start,
        scores.stride - scores.columns,
        blank.start,
        blank.stride - blank.columns,
    )
}

fn refused(values: usize) -> String {
    format!("{values} values must be refused, these are left:\n")
}

/// Everything on rows of scores: error, special values, forms, backends,
/// memory, and shapes that must be rejected.
///
/// | Byte | Meaning                                                         |
/// |------|-----------------------------------------------------------------|
/// | 0    | columns, modulo 71; 255: all values are one row                 |
/// | 1    | bits 0-1: padding between the input's rows; 2-3: the output's;  |
/// |      | 4-7: offset of the input                                        |
/// | 2    | label of the first row, modulo columns; each next row: one more |
/// |      | bits 0 and 1: options of the loss                               |
/// | 3..  | the input, `f32` little-endian                                  |
///
/// Values that are no matrix of this shape must be rejected; they are then cut
/// down to one that is.
pub fn rows(data: &[u8]) {
    let case = Case::decode(data);
    rejects_invalid_arguments(&case);
    let expected: Vec<_> = case.rows().map(|(x, label)| Expected::new(x, label)).collect();

    let mut classes = Classes::default();
    for backend in backends() {
        let softmax = check_softmax(&case, backend, &expected);
        let log_softmax = check_log_softmax(&case, backend, &expected);
        let sums = check_log_sum_exp(&case, backend, &expected);
        let losses = check_loss(&case, backend, &expected);
        let with_options = check_loss_with_options(&case, backend, &expected);
        let divergences = check_distributions(&case, backend, &softmax);
        let specials = check_not_distributions(&case, backend);
        let all =
            [softmax, log_softmax, sums, losses, with_options, divergences, specials].concat();
        classes.check(&"rows", class_of_rows(backend), backend, &all);
    }
}

fn check_softmax(case: &Case, backend: Backend, expected: &[Expected]) -> Vec<f32> {
    let found = case.map(backend, &SOFTMAX);
    let exact = expected.iter().flat_map(|row| &row.softmax);
    for (i, (&p, &exact)) in found.iter().zip(exact).enumerate() {
        let what = format_args!("softmax on {backend:?}, [{i}]");
        within(&what, p, exact, exact.abs(), contract::SOFTMAX);
    }
    found
}

fn check_log_softmax(case: &Case, backend: Backend, expected: &[Expected]) -> Vec<f32> {
    let found = case.map(backend, &LOG_SOFTMAX);
    let exact = expected.iter().flat_map(|row| &row.log_softmax);
    for (i, (&y, &exact)) in found.iter().zip(exact).enumerate() {
        let what = format_args!("log_softmax on {backend:?}, [{i}]");
        within(&what, y, exact, exact.abs(), contract::LOG_SOFTMAX);
    }
    found
}

/// The logarithm of each row's sum, then what it is in pieces.
fn check_log_sum_exp(case: &Case, backend: Backend, expected: &[Expected]) -> Vec<f32> {
    let mut out = Matrix::vector(3, &vec![GUARD; expected.len()]);
    let result = backend.rows_log_sum_exp(case.scores.rows(), out.slice_mut());
    result.expect("an element a row");
    let mut found = out.elements();
    for (i, ((x, _), Expected { log_sum_exp: exact, .. })) in case.rows().zip(expected).enumerate()
    {
        let what = format_args!("log_sum_exp on {backend:?}, row {i}");
        let pieces = in_pieces(backend, x);
        for found in [found[i], pieces] {
            within(&what, found, *exact, exact.abs().max(1.0), contract::LOG_SUM_EXP);
        }
        found.push(pieces);
        if let [x] = *x {
            assert!(same(found[i], x), "{what}: {:e} for only {x:e}", found[i]);
        }
        let alone = backend.log_sum_exp(x);
        assert!(same(found[i], alone), "{what}: {:e}, alone {alone:e}", found[i]);
    }
    found
}

/// ln Σ e^x of two slices, and of single elements added to both.
fn in_pieces(backend: Backend, x: &[f32]) -> f32 {
    let of = |x: &[f32]| backend.extend(LogSumExp::new(), x);
    let merge = |a, b| backend.merge(a, b);
    let (slices, elements) = x.split_at(x.len() - x.len() / 3);
    let (a, b) = slices.split_at(slices.len() / 2);
    let mut sum = merge(of(a), of(b));
    assert!(same(sum.value(), merge(of(b), of(a)).value()), "{a:?} and {b:?} on {backend:?}");
    for &x in elements {
        sum = merge(of(&[x]), sum);
    }
    sum.value()
}

/// The loss of each row, then the gradient.
fn check_loss(case: &Case, backend: Backend, expected: &[Expected]) -> Vec<f32> {
    let scores = case.scores.rows();
    let mut out = case.blank.clone();
    let label_loss = CrossEntropy::new().on(backend);
    let total = label_loss.loss_and_gradient(scores, &case.labels, out.rows_mut());
    let total = total.expect("valid labels, equal shapes");
    let gradient = out.elements();
    let plain = label_loss.loss(scores, &case.labels).expect("valid labels");
    assert!(same(total.sum, plain.sum) && same(total.mean(), plain.mean()));

    let mut found = Vec::new();
    for (i, (x, label)) in case.rows().enumerate() {
        let Expected { loss: exact, gradient: exact_gradient, .. } = &expected[i];
        let what = format_args!("loss on {backend:?}, row {i}, label {label}");

        let loss = label_loss.loss(one_row(x), &case.labels[i..=i]).expect("a valid label").sum;
        within(&what, loss, *exact, exact.abs(), contract::LOSS);
        found.push(loss);

        let row = &gradient[i * x.len()..][..x.len()];
        for (k, (&g, &exact)) in row.iter().zip(exact_gradient).enumerate() {
            let what = format_args!("{what}: gradient[{k}]");
            within(&what, g, exact, exact.abs(), contract::GRADIENT);
        }
        if x[label] == f32::NEG_INFINITY {
            assert!(row[label] == -1.0 || row[label].is_nan(), "{what}: {row:?}");
        }

        let mut alone = vec![GUARD; x.len()];
        let out = RowsMut::new(&mut alone, x.len()).expect("one row");
        let with_gradient = label_loss.loss_and_gradient(one_row(x), &case.labels[i..=i], out);
        let with_gradient = with_gradient.expect("a valid label").sum;
        assert!(same(loss, with_gradient), "{what}: with gradient {with_gradient:e}");
        assert_same(row, &alone, &format_args!("{what}: gradient alone"));
    }

    assert_eq!(total.count, found.len());
    assert_eq!(total.weight, found.len() as f32);
    let sum: f64 = found.iter().map(|&loss| f64::from(loss)).sum();
    let count = found.len() as f64;
    // The sum may overflow where the mean would not.
    let mean = if (sum as f32).is_finite() { sum / count } else { f64::from(sum as f32) };
    let what = format_args!("mean loss on {backend:?}");
    within(&what, total.mean(), mean, mean.abs(), MEAN_LOSS);
    found.extend(gradient);
    found
}

/// Losses against labels in all forms, then the gradient.
fn loss_of_labels(case: &Case, loss: CrossEntropy<'_>, what: &dyn Display) -> [Vec<f32>; 2] {
    let (scores, labels) = (case.scores.rows(), &case.labels[..]);
    let mut losses = vec![GUARD; labels.len()];
    let (mut gradient, mut in_place) = (case.blank.clone(), case.scores.clone());
    let sums = [
        loss.loss(scores, labels),
        loss.losses(scores, labels, &mut losses),
        loss.loss_and_gradient(scores, labels, gradient.rows_mut()),
        loss.gradient_in_place(in_place.rows_mut(), labels),
    ];
    all_forms_agree(sums, losses, [gradient, in_place], what)
}

/// Those against distributions.
fn loss_of_targets(
    case: &Case,
    loss: CrossEntropy<'_>,
    targets: Rows<'_>,
    what: &dyn Display,
) -> [Vec<f32>; 2] {
    let scores = case.scores.rows();
    let mut losses = vec![GUARD; case.labels.len()];
    let (mut gradient, mut in_place) = (case.blank.clone(), case.scores.clone());
    let sums = [
        loss.loss_soft(scores, targets),
        loss.losses_soft(scores, targets, &mut losses),
        loss.loss_and_gradient_soft(scores, targets, gradient.rows_mut()),
        loss.gradient_in_place_soft(in_place.rows_mut(), targets),
    ];
    all_forms_agree(sums, losses, [gradient, in_place], what)
}

/// The losses and the gradient, if all sums are one and so are both gradients.
fn all_forms_agree(
    sums: [Result<Loss, Error>; 4],
    losses: Vec<f32>,
    gradients: [Matrix; 2],
    what: &dyn Display,
) -> [Vec<f32>; 2] {
    let [sum, others @ ..] = sums.map(|sum| sum.expect("valid arguments"));
    for other in others {
        assert!(same(sum.sum, other.sum) && sum.count == other.count, "{what}: {other:?}");
    }
    let [gradient, in_place] = gradients.map(|gradient| gradient.elements());
    assert_same(&gradient, &in_place, &format_args!("{what}, in place"));
    [losses, gradient]
}

/// The losses with options and their gradients, on labels and on distributions with
/// everything at the label: without options those of the label, with some as defined as
/// that; the same bits in all forms.
fn check_loss_with_options(case: &Case, backend: Backend, expected: &[Expected]) -> Vec<f32> {
    let columns = case.scores.columns;
    let mut targets = vec![0.0; case.labels.len() * columns];
    for (row, &label) in targets.chunks_mut(columns.max(1)).zip(&case.labels) {
        row[label as usize] = 1.0;
    }
    let targets = Rows::new(&targets, columns).expect("a valid shape");

    let what = format_args!("loss on distributions, {backend:?}");
    let plain = CrossEntropy::new().on(backend);
    let [losses, gradient] = loss_of_targets(case, plain, targets, &what);
    for (i, ((x, label), row)) in case.rows().zip(expected).enumerate() {
        let what = format_args!("{what}, row {i}, label {label}");
        within(&what, losses[i], row.loss, row.loss.abs(), contract::SMOOTH_LOSS);
        for (k, &found) in gradient[i * columns..][..columns].iter().enumerate() {
            let what = format_args!("{what}: gradient[{k}]");
            let is_wrong = k == label && x.iter().any(|&other| other > x[k]);
            let size = if is_wrong { 1.0 } else { row.gradient[k].abs() };
            within(&what, found, row.gradient[k], size, contract::SMOOTH_GRADIENT);
        }
    }
    let mut found = [losses, gradient].concat();

    let mut loss = CrossEntropy::new().z_loss(0.01).temperature(0.5);
    if case.options & 1 != 0 {
        loss = loss.label_smoothing(0.1);
    }
    if case.options & 2 != 0 {
        loss = loss.soft_cap(20.0);
    }
    let loss = loss.on(backend);
    let what = format_args!("loss with options on {backend:?}");
    let of_labels = loss_of_labels(case, loss, &what);
    let of_targets = loss_of_targets(case, loss, targets, &what);
    for [losses, gradient] in [&of_labels, &of_targets] {
        for (i, (x, _)) in case.rows().enumerate() {
            let what = format_args!("{what}: {:e} of {x:?}", losses[i]);
            let has_nan = x.iter().any(|x| x.is_nan());
            let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let is_defined = !has_nan && (max.is_finite() || case.options & 2 != 0);
            assert_eq!(losses[i].is_nan(), !is_defined, "{what}");
            assert!(losses[i] >= 0.0 || !is_defined, "{what}");
            for g in &gradient[i * columns..][..columns] {
                assert_eq!(g.is_nan(), !is_defined, "{what}: gradient {g:e}");
            }
        }
    }
    let (of_labels, of_targets) = (of_labels.concat(), of_targets.concat());
    assert_near(case, &of_labels, &of_targets, &what);
    found.extend(of_labels);
    found.extend(of_targets);
    found
}

/// Losses and gradient within four last bits of the others, or of what a coefficient and
/// z-loss add to them at least.
fn assert_near(case: &Case, found: &[f32], expected: &[f32], what: &dyn Display) {
    let columns = case.scores.columns;
    for (at, (&a, &b)) in found.iter().zip(expected).enumerate() {
        let least = match at.checked_sub(case.labels.len()) {
            Some(at) if case.labels[at / columns] as usize == at % columns => 1.0,
            Some(_) => 0.1 / columns as f32,
            None => 0.01 / 64.0,
        };
        let is_near = same(a, b) || (a - b).abs() <= 4.8e-7 * b.abs().max(least);
        assert!(is_near, "{what}, [{at}]: {a:e} for {b:e}");
    }
}

/// Entropy, cross-entropy and divergences of each row of softmax results, from
/// the next row and from itself reversed.
fn check_distributions(case: &Case, backend: Backend, softmax: &[f32]) -> Vec<f32> {
    let columns = case.scores.columns.max(1);
    let mut found = Vec::new();
    for (i, p) in softmax.chunks(columns).enumerate() {
        let what = format_args!("{backend:?}, row {i}");
        let terms = || p.iter().map(|&p| x_ln_y(p, p));
        let entropy = backend.entropy(p);
        let size = terms().map(size).sum();
        let exact = -terms().sum::<f64>();
        within(&format_args!("entropy, {what}"), entropy, exact, size, contract::DISTRIBUTION);
        found.push(entropy);

        let own = divergence(backend, p, p);
        let zero = if p[0].is_nan() { f32::NAN } else { 0.0 };
        assert!(same(own, zero), "divergence from itself, {what}: {own:e}");

        let next = softmax.chunks(columns).nth(i + 1).unwrap_or(&softmax[..columns]);
        let reversed: Vec<_> = p.iter().rev().copied().collect();
        for q in [next, &reversed] {
            found.push(check_cross_entropy(backend, p, q));
            found.push(check_divergence(backend, p, q));
            found.push(check_symmetric_divergence(backend, p, q));
        }
    }
    found
}

fn cross_entropy(backend: Backend, p: &[f32], q: &[f32]) -> f32 {
    backend.cross_entropy(p, q).expect("equal lengths")
}

fn divergence(backend: Backend, p: &[f32], q: &[f32]) -> f32 {
    backend.kl_divergence(p, q).expect("equal lengths")
}

fn pairs<'a>(p: &'a [f32], q: &'a [f32]) -> impl Iterator<Item = (f32, f32)> {
    p.iter().copied().zip(q.iter().copied())
}

/// A term's part in the size of a sum: it may be rounded as a subnormal.
fn size(term: f64) -> f64 {
    if term == 0.0 { 0.0 } else { term.abs() + TERM }
}

fn check_cross_entropy(backend: Backend, p: &[f32], q: &[f32]) -> f32 {
    let found = cross_entropy(backend, p, q);
    let terms = || pairs(p, q).map(|(p, q)| x_ln_y(p, q));
    let what = format_args!("cross-entropy on {backend:?} of {p:?} and {q:?}");
    let size = terms().map(size).sum();
    within(&what, found, -terms().sum::<f64>(), size, contract::DISTRIBUTION);
    found
}

/// Sums of P and Q that differ by less, relative to P's, count as equal: 2^-20.
const NORMALIZED: f32 = 9.536_743_164_062_5e-7;

/// The sum of p·ln(p/q) and, for normalised inputs, of q − p, which makes every
/// term ≥ 0.
fn check_divergence(backend: Backend, p: &[f32], q: &[f32]) -> f32 {
    let found = divergence(backend, p, q);
    let surplus = pairs(p, q).map(|(p, q)| f64::from(q - p)).sum::<f64>() as f32;
    let mass = p.iter().map(|&p| f64::from(p)).sum::<f64>() as f32;
    let is_normalized = surplus.abs() <= NORMALIZED * mass;
    let wide = |p, q| x_ln_x_over_y(f64::from(p), f64::from(q));
    let term = if is_normalized { kl_term } else { wide };
    let tolerance = if is_normalized { contract::DIVERGENCE } else { contract::DISTRIBUTION };
    let terms = || pairs(p, q).map(|(p, q)| term(p, q));
    let what = format_args!("divergence on {backend:?} of {p:?} from {q:?}");
    within(&what, found, terms().sum(), terms().map(size).sum(), tolerance);
    assert!(!is_normalized || found >= 0.0 || found.is_nan(), "{what}: {found:e}");
    found
}

fn symmetric_divergence(backend: Backend, p: &[f32], q: &[f32]) -> f32 {
    let divergence = |p, q| backend.js_divergence(p, q).expect("equal lengths");
    let found = divergence(p, q);
    assert!(same(found, divergence(q, p)), "symmetric on {backend:?}: {p:?} and {q:?}");
    found
}

fn check_symmetric_divergence(backend: Backend, p: &[f32], q: &[f32]) -> f32 {
    let found = symmetric_divergence(backend, p, q);
    let terms = || pairs(p, q).map(|(p, q)| js_term(p, q));
    // Of rounded probabilities it may be more than ln 2.
    let sum: f64 = terms().sum();
    let exact = if sum > core::f64::consts::LN_2 { core::f64::consts::LN_2 } else { sum };
    let what = format_args!("symmetric divergence on {backend:?} of {p:?} and {q:?}");
    within(&what, found, exact, terms().map(size).sum(), contract::DIVERGENCE);
    assert!(
        found.is_nan() || (0.0..=core::f32::consts::LN_2).contains(&found),
        "{what}: {found:e}"
    );
    found
}

/// Special values of the same functions where `p` and `q` are no distributions
/// but the raw scores of neighbouring rows.
fn check_not_distributions(case: &Case, backend: Backend) -> Vec<f32> {
    let rows = || case.scores.rows().into_iter();
    let mut found = Vec::new();
    for (p, q) in rows().zip(rows().skip(1).chain(rows())) {
        let what = format_args!("{backend:?}, p = {p:?}, q = {q:?}");
        let invalid = |x: f32| x.is_nan() || x < 0.0;

        let entropy = backend.entropy(p);
        assert_eq!(entropy.is_nan(), p.iter().any(|&p| invalid(p)), "{what}: {entropy:e}");

        let cross_entropy = cross_entropy(backend, p, q);
        if pairs(p, q).any(|(p, q)| invalid(p) || p > 0.0 && invalid(q)) {
            assert!(cross_entropy.is_nan(), "{what}: {cross_entropy:e}");
        }

        let divergence = divergence(backend, p, q);
        if p.iter().chain(q).any(|&x| invalid(x) || x == f32::INFINITY) {
            assert!(divergence.is_nan(), "{what}: {divergence:e}");
        } else if pairs(p, q).any(|(p, q)| p > 0.0 && q == 0.0) {
            assert!(divergence == f32::INFINITY, "{what}: {divergence:e}");
        } else if p.iter().all(|&p| p == 0.0) {
            assert!(divergence.to_bits() == 0, "{what}: {divergence:e}");
        }

        let symmetric = symmetric_divergence(backend, p, q);
        let is_valid = !p.iter().chain(q).any(|&x| invalid(x) || x == f32::INFINITY);
        assert_eq!(symmetric.is_nan(), !is_valid, "{what}: {symmetric:e}");
        assert!(symmetric >= 0.0 || !is_valid, "{what}: {symmetric:e}");
        assert!(p != q || symmetric == 0.0 || !is_valid, "{what}: {symmetric:e}");
        found.extend([entropy, cross_entropy, divergence, symmetric]);
    }
    found
}

/// Arguments whose shapes do not fit give an error and write nothing.
fn rejects_invalid_arguments(case: &Case) {
    let Case { scores, labels, blank, .. } = case;
    let (x, columns) = (scores.rows(), scores.columns);
    let count = x.rows();
    if count == 0 {
        return;
    }
    let values = scores.slice();
    assert_eq!(
        Rows::with_stride(values, columns + 1, columns).err(),
        Some(Error::Stride { expected: columns + 1, found: columns })
    );
    assert_eq!(Rows::new(values, 0).err(), Some(Error::NoColumns { length: values.len() }));
    assert!(Rows::new(values, values.len() + 1).is_err(), "less than a row");
    assert!(Rows::new(values, usize::MAX).is_err(), "less than a row");

    let mut sums = vec![GUARD; count + 1];
    assert!(rows::log_sum_exp(x, &mut sums).is_err());
    assert!(rows::log_sum_exp(x, &mut sums[2..]).is_err());
    assert!(bits(&sums).all(|sum| sum == GUARD.to_bits()));
    assert!(logits::cross_entropy(values, &values[1..]).is_err());
    assert!(logits::kl_divergence(values, &values[1..]).is_err());
    assert!(logits::js_divergence(values, &values[1..]).is_err());

    let loss = CrossEntropy::new();
    let mut out = blank.clone();
    let row = count - 1;
    for label in [columns as u32, u32::MAX] {
        let mut labels = labels.clone();
        labels[row] = label;
        let error = Some(Error::Label { row, label: label.into(), columns });
        assert_eq!(loss.loss(x, &labels).err(), error);
        assert_eq!(loss.loss_and_gradient(x, &labels, out.rows_mut()).err(), error);
    }
    assert!(loss.loss(x, &labels[1..]).is_err());
    assert!(loss.loss_and_gradient(x, &labels[1..], out.rows_mut()).is_err());
    out.assert_untouched();

    for (count, columns) in [(count - 1, columns), (count + 1, columns), (count, columns + 1)] {
        let mut out = Matrix::new(0, &vec![GUARD; count * columns], columns, columns);
        for backend in backends() {
            assert!((SOFTMAX.map)(backend, x, out.rows_mut()).is_err());
            assert!((LOG_SOFTMAX.map)(backend, x, out.rows_mut()).is_err());
        }
        assert!(loss.loss_and_gradient(x, labels, out.rows_mut()).is_err());
        out.assert_untouched();
    }
}
