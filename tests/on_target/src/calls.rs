//! The calls: every function of the crate, every form of it, every option.

use crate::inputs::Input;
use logits::loss::{BinaryCrossEntropy, CrossEntropy, Loss};
use logits::{Backend, Error, LogSumExp, Rows, RowsMut, Softmax, scalar};

/// Up to three numbers beside those in the place of results, or an error.
pub type Outcome = Result<[f32; 3], Error>;

/// A call, given two rows' place for results that holds their scores.
pub type Call = fn(Backend, &Input<'_>, &mut [f32]) -> Outcome;

const NONE: [f32; 3] = [0.0; 3];

fn nothing(result: Result<(), Error>) -> Outcome {
    result.map(|()| NONE)
}

fn number(result: Result<f32, Error>) -> Outcome {
    result.map(|x| [x, 0.0, 0.0])
}

fn loss(result: Result<Loss, Error>) -> Outcome {
    result.map(|loss| [loss.sum, loss.weight, loss.mean()])
}

/// A number for each row, into the place of results.
fn each_row(out: &mut [f32], call: impl FnOnce(&mut [f32]) -> Result<(), Error>) -> Outcome {
    nothing(call(out.get_mut(..2).unwrap_or(&mut [])))
}

/// The place of the first row.
fn first<'a>(input: &Input<'_>, out: &'a mut [f32]) -> &'a mut [f32] {
    out.get_mut(..input.columns).unwrap_or(&mut [])
}

/// For a call that must fail, a place of a length that is wrong.
fn short(out: &mut [f32]) -> &mut [f32] {
    out.split_last_mut().map_or(&mut [], |(_, rest)| rest)
}

fn one_by_one(f: fn(f32) -> f32, x: &[f32], out: &mut [f32]) -> Outcome {
    for (out, x) in out.iter_mut().zip(x) {
        *out = f(*x);
    }
    Ok(NONE)
}

/// All options at once but those that a soft cap forbids to be fast.
fn some_options<'a>(input: &Input<'a>) -> CrossEntropy<'a> {
    CrossEntropy::new()
        .label_smoothing(0.1)
        .class_weights(input.first(input.p))
        .z_loss(0.01)
        .temperature(1.5)
}

macro_rules! rows {
    ($x:expr, $input:expr) => {
        Rows::new($x, $input.columns)?
    };
}

macro_rules! rows_mut {
    ($x:expr, $input:expr) => {
        RowsMut::new($x, $input.columns)?
    };
}

/// The calls with their names.
#[rustfmt::skip]
pub const CALLS: &[(&str, Call)] = &[
    ("exp", |b, i, out| nothing(b.exp(i.x, out))),
    ("exp_in_place", |b, _, out| { b.exp_in_place(out); Ok(NONE) }),
    ("exp_m1", |b, i, out| nothing(b.exp_m1(i.x, out))),
    ("exp_m1_in_place", |b, _, out| { b.exp_m1_in_place(out); Ok(NONE) }),
    ("ln", |b, i, out| nothing(b.ln(i.p, out))),
    ("ln_in_place", |b, _, out| { b.ln_in_place(out); Ok(NONE) }),
    ("ln_1p", |b, i, out| nothing(b.ln_1p(i.p, out))),
    ("ln_1p_in_place", |b, _, out| { b.ln_1p_in_place(out); Ok(NONE) }),
    ("sigmoid", |b, i, out| nothing(b.sigmoid(i.x, out))),
    ("sigmoid_in_place", |b, _, out| { b.sigmoid_in_place(out); Ok(NONE) }),
    ("log_sigmoid", |b, i, out| nothing(b.log_sigmoid(i.x, out))),
    ("log_sigmoid_in_place", |b, _, out| { b.log_sigmoid_in_place(out); Ok(NONE) }),
    ("softplus", |b, i, out| nothing(b.softplus(i.x, out))),
    ("softplus_in_place", |b, _, out| { b.softplus_in_place(out); Ok(NONE) }),

    ("scalar::exp", |_, i, out| one_by_one(scalar::exp, i.x, out)),
    ("scalar::exp_m1", |_, i, out| one_by_one(scalar::exp_m1, i.x, out)),
    ("scalar::ln", |_, i, out| one_by_one(scalar::ln, i.p, out)),
    ("scalar::ln_1p", |_, i, out| one_by_one(scalar::ln_1p, i.p, out)),
    ("scalar::sigmoid", |_, i, out| one_by_one(scalar::sigmoid, i.x, out)),
    ("scalar::log_sigmoid", |_, i, out| one_by_one(scalar::log_sigmoid, i.x, out)),
    ("scalar::softplus", |_, i, out| one_by_one(scalar::softplus, i.x, out)),
    ("scalar::log_add_exp", |_, i, out| {
        for (out, (x, y)) in out.iter_mut().zip(i.x.iter().zip(i.y)) {
            *out = scalar::log_add_exp(*x, *y);
        }
        Ok(NONE)
    }),
    ("log_add_exp", |b, i, out| {
        for (out, (x, y)) in out.iter_mut().zip(i.x.iter().zip(i.y)) {
            *out = b.log_add_exp(*x, *y);
        }
        Ok(NONE)
    }),

    ("log_dot_exp", |b, i, _| number(b.log_dot_exp(i.x, i.y))),
    ("rows::log_dot_exp", |b, i, out| {
        each_row(out, |out| b.rows_log_dot_exp(rows!(i.x, i), i.first(i.y), out))
    }),
    ("log_sum_exp", |b, i, _| number(Ok(b.log_sum_exp(i.first(i.x))))),
    ("rows::log_sum_exp", |b, i, out| each_row(out, |out| b.rows_log_sum_exp(rows!(i.x, i), out))),
    ("rows::log_sum_exp without columns", |b, _, out| {
        each_row(out, |out| b.rows_log_sum_exp(Rows::without_columns(2), out))
    }),
    ("LogSumExp::extend_from_slice", |b, i, _| {
        let (first, rest) = i.first(i.x).split_at(i.columns / 2);
        let sum = b.extend(b.extend(LogSumExp::new(), first), rest);
        number(Ok(sum.value()))
    }),
    ("LogSumExp::merge", |b, i, _| {
        let sum = |x| b.extend(LogSumExp::new(), x);
        number(Ok(b.merge(sum(i.first(i.x)), sum(i.first(i.y))).value()))
    }),

    ("softmax", |b, i, out| nothing(b.softmax(i.first(i.x), first(i, out)))),
    ("softmax_in_place", |b, i, out| { b.softmax_in_place(first(i, out)); Ok(NONE) }),
    ("rows::softmax", |b, i, out| nothing(b.rows_softmax(rows!(i.x, i), rows_mut!(out, i)))),
    ("rows::softmax_in_place", |b, i, out| {
        b.rows_softmax_in_place(rows_mut!(out, i));
        Ok(NONE)
    }),
    ("rows::softmax_in_place with a gap", |b, i, out| {
        b.rows_softmax_in_place(RowsMut::with_stride(out, i.columns.div_ceil(2), i.columns)?);
        Ok(NONE)
    }),
    ("log_softmax", |b, i, out| nothing(b.log_softmax(i.first(i.x), first(i, out)))),
    ("log_softmax_in_place", |b, i, out| { b.log_softmax_in_place(first(i, out)); Ok(NONE) }),
    ("rows::log_softmax", |b, i, out| nothing(b.rows_log_softmax(rows!(i.x, i), rows_mut!(out, i)))),
    ("rows::log_softmax_in_place", |b, i, out| {
        b.rows_log_softmax_in_place(rows_mut!(out, i));
        Ok(NONE)
    }),

    ("Softmax::softmax", |b, i, out| {
        nothing(Softmax::new().scale(0.125).on(b).softmax(i.first(i.x), first(i, out)))
    }),
    ("Softmax::softmax_in_place", |b, i, out| {
        nothing(Softmax::new().scale(3.0).on(b).softmax_in_place(first(i, out)))
    }),
    ("Softmax::log_softmax", |b, i, out| {
        nothing(Softmax::new().scale(0.7).on(b).log_softmax(i.first(i.x), first(i, out)))
    }),
    ("Softmax::log_softmax_in_place", |b, i, out| {
        nothing(Softmax::new().zeros_where_masked().on(b).log_softmax_in_place(first(i, out)))
    }),
    ("Softmax::softmax_rows", |b, i, out| {
        let softmax = Softmax::new().zeros_where_masked().on(b);
        nothing(softmax.softmax_rows(rows!(i.x, i), rows_mut!(out, i)))
    }),
    ("Softmax::softmax_rows_in_place", |b, i, out| {
        nothing(Softmax::new().scale(0.0).on(b).softmax_rows_in_place(rows_mut!(out, i)))
    }),
    ("Softmax::log_softmax_rows", |b, i, out| {
        let softmax = Softmax::new().scale(1e-30).on(b);
        nothing(softmax.log_softmax_rows(rows!(i.x, i), rows_mut!(out, i)))
    }),
    ("Softmax::log_softmax_rows_in_place", |b, i, out| {
        let softmax = Softmax::new().scale(10.0).zeros_where_masked().on(b);
        nothing(softmax.log_softmax_rows_in_place(rows_mut!(out, i)))
    }),

    ("softmax_backward", |b, i, out| nothing(b.softmax_backward(i.first(i.p), i.first(i.x), first(i, out)))),
    ("softmax_backward_in_place", |b, i, out| nothing(b.softmax_backward_in_place(i.first(i.p), first(i, out)))),
    ("rows::softmax_backward", |b, i, out| {
        nothing(b.rows_softmax_backward(rows!(i.p, i), rows!(i.y, i), rows_mut!(out, i)))
    }),
    ("rows::softmax_backward_in_place", |b, i, out| {
        nothing(b.rows_softmax_backward_in_place(rows!(i.p, i), rows_mut!(out, i)))
    }),
    ("log_softmax_backward", |b, i, out| nothing(b.log_softmax_backward(i.first(i.x), i.first(i.p), first(i, out)))),
    ("log_softmax_backward_in_place", |b, i, out| nothing(b.log_softmax_backward_in_place(i.first(i.y), first(i, out)))),
    ("rows::log_softmax_backward", |b, i, out| {
        nothing(b.rows_log_softmax_backward(rows!(i.x, i), rows!(i.p, i), rows_mut!(out, i)))
    }),
    ("rows::log_softmax_backward_in_place", |b, i, out| {
        nothing(b.rows_log_softmax_backward_in_place(rows!(i.y, i), rows_mut!(out, i)))
    }),

    ("entropy", |b, i, _| number(Ok(b.entropy(i.first(i.p))))),
    ("rows::entropy", |b, i, out| each_row(out, |out| b.rows_entropy(rows!(i.p, i), out))),
    ("rows::entropy_of_scores", |b, i, out| {
        each_row(out, |out| b.rows_entropy_of_scores(rows!(i.x, i), out))
    }),
    ("cross_entropy", |b, i, _| number(b.cross_entropy(i.first(i.p), i.first(i.q)))),
    ("rows::cross_entropy", |b, i, out| {
        each_row(out, |out| b.rows_cross_entropy(rows!(i.p, i), rows!(i.q, i), out))
    }),
    ("kl_divergence", |b, i, _| number(b.kl_divergence(i.first(i.p), i.first(i.q)))),
    ("rows::kl_divergence", |b, i, out| {
        each_row(out, |out| b.rows_kl_divergence(rows!(i.p, i), rows!(i.q, i), out))
    }),
    ("js_divergence", |b, i, _| number(b.js_divergence(i.first(i.p), i.first(i.q)))),
    ("rows::js_divergence", |b, i, out| {
        each_row(out, |out| b.rows_js_divergence(rows!(i.p, i), rows!(i.q, i), out))
    }),
    ("rows::kl_divergence_of_scores", |b, i, out| {
        each_row(out, |out| b.rows_kl_divergence_of_scores(rows!(i.x, i), rows!(i.y, i), out))
    }),
    ("rows::kl_divergence_of_scores_and_gradient", |b, i, out| {
        let mut values = [0.0; 2];
        let (x, y, gradient) = (rows!(i.x, i), rows!(i.y, i), rows_mut!(out, i));
        b.rows_kl_divergence_of_scores_and_gradient(x, y, &mut values, gradient)?;
        let [first, second] = values;
        Ok([first, second, 0.0])
    }),
    ("rows::linear", |b, i, out| {
        let (first, out) = (rows!(i.first(i.x), i), RowsMut::new(out.get_mut(..2).unwrap_or(&mut []), 2)?);
        nothing(b.rows_linear(first, rows!(i.y, i), &[0.5, -2.0], out))
    }),

    ("rows::linear_backward", |b, i, out| {
        let upstream = Rows::new(i.y.get(..2).unwrap_or(&[]), 1)?;
        let (weights, mut bias) = (rows_mut!(first(i, out), i), [0.0]);
        b.rows_linear_backward(rows!(i.x, i), upstream, weights, &mut bias)?;
        number(Ok(bias[0]))
    }),
    ("rows::weighted_sums", |b, i, out| {
        let weights = Rows::new(i.y.get(..2).unwrap_or(&[]), 2)?;
        nothing(b.rows_weighted_sums(weights, rows!(i.x, i), rows_mut!(first(i, out), i)))
    }),

    ("CrossEntropy::loss", |b, i, _| loss(CrossEntropy::new().on(b).loss(rows!(i.x, i), &i.labels))),
    ("CrossEntropy::losses", |b, i, out| {
        let out = out.get_mut(..2).unwrap_or(&mut []);
        loss(CrossEntropy::new().on(b).losses(rows!(i.x, i), &i.labels, out))
    }),
    ("CrossEntropy::loss_and_gradient", |b, i, out| {
        loss(CrossEntropy::new().on(b).loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("CrossEntropy::loss_and_gradient of one row", |b, i, out| {
        let (x, out) = (rows!(i.first(i.x), i), out.get_mut(..i.columns).unwrap_or(&mut []));
        loss(CrossEntropy::new().on(b).loss_and_gradient(x, &[i.labels[1]], rows_mut!(out, i)))
    }),
    ("CrossEntropy::gradient_in_place", |b, i, out| {
        loss(CrossEntropy::new().on(b).gradient_in_place(rows_mut!(out, i), &i.labels))
    }),
    ("CrossEntropy of u8", |b, i, _| {
        loss(CrossEntropy::new().on(b).loss(rows!(i.y, i), &i.labels.map(|label| label as u8)))
    }),
    ("CrossEntropy of u16", |b, i, _| {
        loss(CrossEntropy::new().on(b).loss(rows!(i.y, i), &i.labels.map(|label| label as u16)))
    }),
    ("CrossEntropy of usize", |b, i, _| {
        loss(CrossEntropy::new().on(b).loss(rows!(i.y, i), &i.labels.map(|label| label as usize)))
    }),
    ("CrossEntropy of i32", |b, i, _| {
        loss(CrossEntropy::new().on(b).loss(rows!(i.y, i), &i.labels.map(|label| label as i32)))
    }),
    ("CrossEntropy of i64", |b, i, _| {
        loss(CrossEntropy::new().on(b).loss(rows!(i.y, i), &i.labels.map(i64::from)))
    }),
    ("ignored_label", |b, i, out| {
        let entropy = CrossEntropy::new().ignored_label(-100).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &[-100, 0], rows_mut!(out, i)))
    }),
    ("label_smoothing", |b, i, out| {
        let entropy = CrossEntropy::new().label_smoothing(0.1).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("class_weights", |b, i, out| {
        let entropy = CrossEntropy::new().class_weights(i.first(i.p)).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("z_loss", |b, i, out| {
        let entropy = CrossEntropy::new().z_loss(0.25).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("soft_cap", |b, i, out| {
        let entropy = CrossEntropy::new().soft_cap(30.0).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("temperature", |b, i, out| {
        let entropy = CrossEntropy::new().temperature(2.5).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("some options", |b, i, out| {
        let entropy = some_options(i).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("all options", |b, i, out| {
        let entropy = some_options(i).soft_cap(15.0).ignored_label(0).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("CrossEntropy::loss_soft", |b, i, _| {
        loss(CrossEntropy::new().on(b).loss_soft(rows!(i.x, i), rows!(i.p, i)))
    }),
    ("CrossEntropy::losses_soft", |b, i, out| {
        let out = out.get_mut(..2).unwrap_or(&mut []);
        loss(CrossEntropy::new().on(b).losses_soft(rows!(i.x, i), rows!(i.p, i), out))
    }),
    ("CrossEntropy::loss_and_gradient_soft", |b, i, out| {
        let (x, p, out) = (rows!(i.x, i), rows!(i.p, i), rows_mut!(out, i));
        loss(CrossEntropy::new().on(b).loss_and_gradient_soft(x, p, out))
    }),
    ("CrossEntropy::gradient_in_place_soft, some options", |b, i, out| {
        loss(some_options(i).on(b).gradient_in_place_soft(rows_mut!(out, i), rows!(i.q, i)))
    }),
    ("Loss", |b, i, out| {
        let entropy = CrossEntropy::new().on(b);
        let first = entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i))?;
        let second = entropy.loss(rows!(i.y, i), &i.labels)?;
        first.mean_gradient(out);
        let all: Loss = [first, first + second].into_iter().sum();
        Ok([all.sum, all.weight, all.mean_or(-1.0)])
    }),

    ("BinaryCrossEntropy::loss", |b, i, _| loss(BinaryCrossEntropy::new().on(b).loss(i.x, i.p))),
    ("BinaryCrossEntropy::losses", |b, i, out| loss(BinaryCrossEntropy::new().on(b).losses(i.x, i.p, out))),
    ("BinaryCrossEntropy::loss_and_gradient", |b, i, out| {
        loss(BinaryCrossEntropy::new().on(b).loss_and_gradient(i.x, i.p, out))
    }),
    ("BinaryCrossEntropy::gradient_in_place", |b, i, out| {
        loss(BinaryCrossEntropy::new().pos_weight(3.0).on(b).gradient_in_place(out, i.q))
    }),
    ("BinaryCrossEntropy::alpha", |b, i, out| {
        loss(BinaryCrossEntropy::new().alpha(0.25).on(b).loss_and_gradient(i.x, i.p, out))
    }),
    ("BinaryCrossEntropy::focal", |b, i, out| {
        let focal = BinaryCrossEntropy::new().alpha(0.25).pos_weight(2.0).focal(2.0).on(b);
        loss(focal.loss_and_gradient(i.x, i.p, out))
    }),
    ("BinaryCrossEntropy::focal, losses", |b, i, out| {
        loss(BinaryCrossEntropy::new().focal(0.5).on(b).losses(i.x, i.q, out))
    }),
    ("BinaryCrossEntropy::loss_of_probabilities", |b, i, _| {
        loss(BinaryCrossEntropy::new().on(b).loss_of_probabilities(i.p, i.q))
    }),
    ("BinaryCrossEntropy::loss_and_gradient_of_probabilities", |b, i, out| {
        let entropy = BinaryCrossEntropy::new().pos_weight(2.0).on(b);
        loss(entropy.loss_and_gradient_of_probabilities(i.p, i.q, out))
    }),

    // What is refused, and that nothing is written.
    ("a length", |b, i, out| nothing(b.softmax(i.x, short(out)))),
    ("another length", |b, i, out| number(b.kl_divergence(i.p, short(out)))),
    ("a row count", |b, i, out| nothing(b.rows_softmax(rows!(i.first(i.x), i), rows_mut!(out, i)))),
    ("a column count", |b, i, out| nothing(b.rows_softmax(Rows::new(i.x, 2 * i.columns)?, rows_mut!(out, i)))),
    ("no columns", |b, i, out| nothing(b.rows_softmax(Rows::new(i.x, 0)?, rows_mut!(out, i)))),
    ("part of a row", |b, i, out| nothing(b.rows_softmax(Rows::new(i.x, i.columns + 1)?, rows_mut!(out, i)))),
    ("a stride", |b, i, out| nothing(b.rows_softmax(Rows::with_stride(i.x, 3, 2)?, rows_mut!(out, i)))),
    ("a label", |b, i, out| {
        let labels = [0, i.columns];
        loss(CrossEntropy::new().on(b).loss_and_gradient(rows!(i.x, i), &labels, rows_mut!(out, i)))
    }),
    ("a negative label", |b, i, out| {
        loss(CrossEntropy::new().on(b).loss_and_gradient(rows!(i.x, i), &[-1, 0], rows_mut!(out, i)))
    }),
    ("a scale", |b, i, out| nothing(Softmax::new().scale(-1.0).on(b).softmax(i.x, out))),
    ("a smoothing", |b, i, out| {
        let entropy = CrossEntropy::new().label_smoothing(1.0).on(b);
        loss(entropy.loss_and_gradient(rows!(i.x, i), &i.labels, rows_mut!(out, i)))
    }),
    ("a temperature", |b, i, _| {
        loss(CrossEntropy::new().temperature(f32::NAN).on(b).loss(rows!(i.x, i), &i.labels))
    }),
    ("a focus", |b, i, _| loss(BinaryCrossEntropy::new().focal(f32::INFINITY).on(b).loss(i.x, i.p))),
];
