//! What the crate refuses, in which words and with outputs untouched; and what
//! it must accept: nothing at all, and last rows without padding.

mod common;

use common::backends;
use logits::loss::{BinaryCrossEntropy, CrossEntropy, Label};
use logits::{Error, Rows, RowsMut, Softmax, rows};

/// A NaN that no function returns: outputs hold it until they are written.
const SENTINEL: f32 = f32::from_bits(0x7FC0_1234);

fn is_sentinel(x: f32) -> bool {
    x.to_bits() == SENTINEL.to_bits()
}

/// Asserts that a call with an output of `length` elements fails with `expected`,
/// whose text is `display`, and writes nothing.
#[track_caller]
fn refuses(
    length: usize,
    expected: Error,
    display: &str,
    call: impl FnOnce(&mut [f32]) -> Result<(), Error>,
) {
    let mut out = vec![SENTINEL; length];
    assert_eq!(call(&mut out), Err(expected));
    assert_eq!(expected.to_string(), display);
    assert!(out.iter().copied().all(is_sentinel), "written in spite of {expected}: {out:?}");
}

/// `rows` rows of `columns` zeros.
fn zeros(rows: usize, columns: usize) -> Vec<f32> {
    vec![0.0; rows * columns]
}

type Elementwise = fn(&[f32], &mut [f32]) -> Result<(), Error>;
type RowByRow = fn(Rows<'_>, RowsMut<'_>) -> Result<(), Error>;
type RowToNumber = fn(Rows<'_>, &mut [f32]) -> Result<(), Error>;
type OfTwo = fn(&[f32], &[f32]) -> Result<f32, Error>;
type RowsOfTwo = fn(Rows<'_>, Rows<'_>, &mut [f32]) -> Result<(), Error>;

const ELEMENTWISE: [Elementwise; 5] =
    [logits::exp, logits::ln, logits::sigmoid, logits::softmax, logits::log_softmax];
const ROW_BY_ROW: [RowByRow; 2] = [rows::softmax, rows::log_softmax];
const ROW_TO_NUMBER: [RowToNumber; 3] = [rows::log_sum_exp, rows::entropy, rows::entropy_of_scores];
const OF_TWO: [OfTwo; 3] = [logits::cross_entropy, logits::kl_divergence, logits::js_divergence];
const ROWS_OF_TWO: [RowsOfTwo; 5] = [
    rows::cross_entropy,
    rows::kl_divergence,
    rows::js_divergence,
    rows::kl_divergence_of_scores,
    |p, q, out| {
        let mut gradient = zeros(q.rows(), q.columns());
        let gradient = RowsMut::new(&mut gradient, q.columns())?;
        rows::kl_divergence_of_scores_and_gradient(p, q, out, gradient)
    },
];

#[test]
fn out_has_the_length_of_x() {
    for f in ELEMENTWISE {
        for (expected, found) in [(20, 19), (20, 21), (20, 0), (0, 1)] {
            let error = Error::Length { argument: "out", expected, found };
            let display = format!("`out` has length {found}, expected {expected}");
            refuses(found, error, &display, |out| f(&zeros(1, expected), out));
        }
    }
}

#[test]
fn q_has_the_length_of_p() {
    for f in OF_TWO {
        for (expected, found) in [(20, 19), (20, 21), (20, 0), (0, 1)] {
            let error = Error::Length { argument: "q", expected, found };
            let display = format!("`q` has length {found}, expected {expected}");
            refuses(0, error, &display, |_| f(&zeros(1, expected), &zeros(1, found)).map(|_| ()));
        }
    }
}

#[test]
fn out_has_one_element_a_row() {
    for f in ROW_TO_NUMBER {
        for (expected, found) in [(3, 2), (3, 4), (3, 0), (0, 1)] {
            let error = Error::Length { argument: "out", expected, found };
            let display = format!("`out` has length {found}, expected {expected}");
            refuses(found, error, &display, |out| {
                f(Rows::new(&zeros(expected, 5), 5).unwrap(), out)
            });
        }
    }
}

#[test]
fn q_has_the_shape_of_p() {
    for f in ROWS_OF_TWO {
        let refuses = |shape: [usize; 2], out, error, display: &str| {
            refuses(out, error, display, |out| {
                let (p, q) = (zeros(3, 5), zeros(shape[0], shape[1]));
                f(Rows::new(&p, 5)?, Rows::new(&q, shape[1])?, out)
            });
        };
        let error = Error::RowCount { argument: "q", expected: 3, found: 2 };
        refuses([2, 5], 3, error, "`q` has 2 rows, expected 3");
        let error = Error::ColumnCount { argument: "q", expected: 5, found: 4 };
        refuses([3, 4], 3, error, "`q` has 4 columns, expected 5");
        for found in [0, 2, 4] {
            let error = Error::Length { argument: "out", expected: 3, found };
            refuses([3, 5], found, error, &format!("`out` has length {found}, expected 3"));
        }
    }
}

#[test]
fn out_has_the_shape_of_x() {
    for f in ROW_BY_ROW {
        for (expected, found) in [(3, 2), (3, 4), (3, 0), (0, 1)] {
            let error = Error::RowCount { argument: "out", expected, found };
            let display = format!("`out` has {found} rows, expected {expected}");
            refuses(found * 5, error, &display, |out| {
                f(Rows::new(&zeros(expected, 5), 5)?, RowsMut::new(out, 5)?)
            });
        }
        // Even where there is no row.
        for (rows, expected, found) in [(3, 5, 4), (3, 5, 6), (0, 5, 4), (0, 0, 1)] {
            let error = Error::ColumnCount { argument: "out", expected, found };
            let display = format!("`out` has {found} columns, expected {expected}");
            refuses(rows * found, error, &display, |out| {
                f(Rows::new(&zeros(rows, expected), expected)?, RowsMut::new(out, found)?)
            });
        }
    }
}

#[test]
fn linear_names_the_argument_that_does_not_fit() {
    // Two examples of three features, four classes; one number off at a time.
    let linear = |weights: [usize; 2], bias, out: [usize; 2], error, display: &str| {
        refuses(out[0] * out[1], error, display, |data| {
            rows::linear(
                Rows::new(&zeros(2, 3), 3)?,
                Rows::new(&zeros(weights[0], weights[1]), weights[1])?,
                &zeros(1, bias),
                RowsMut::new(data, out[1])?,
            )
        });
    };
    linear(
        [4, 2],
        4,
        [2, 4],
        Error::ColumnCount { argument: "weights", expected: 3, found: 2 },
        "`weights` has 2 columns, expected 3",
    );
    linear(
        [4, 3],
        5,
        [2, 4],
        Error::Length { argument: "bias", expected: 4, found: 5 },
        "`bias` has length 5, expected 4",
    );
    linear(
        [4, 3],
        4,
        [3, 4],
        Error::RowCount { argument: "out", expected: 2, found: 3 },
        "`out` has 3 rows, expected 2",
    );
    linear(
        [4, 3],
        4,
        [2, 5],
        Error::ColumnCount { argument: "out", expected: 4, found: 5 },
        "`out` has 5 columns, expected 4",
    );
}

/// Nothing is written to the bias either.
#[test]
fn linear_backward_names_the_argument_that_does_not_fit() {
    // Two examples of three features, four classes; one number off at a time.
    let backward =
        |upstream: [usize; 2], weights: [usize; 2], bias: usize, error, display: &str| {
            let mut sums = vec![SENTINEL; bias];
            refuses(weights[0] * weights[1], error, display, |data| {
                rows::linear_backward(
                    Rows::new(&zeros(2, 3), 3)?,
                    Rows::new(&zeros(upstream[0], upstream[1]), upstream[1])?,
                    RowsMut::new(data, weights[1])?,
                    &mut sums,
                )
            });
            assert!(sums.into_iter().all(is_sentinel), "{display}");
        };
    backward(
        [3, 4],
        [4, 3],
        4,
        Error::RowCount { argument: "upstream", expected: 2, found: 3 },
        "`upstream` has 3 rows, expected 2",
    );
    backward(
        [2, 4],
        [5, 3],
        4,
        Error::RowCount { argument: "weight_gradient", expected: 4, found: 5 },
        "`weight_gradient` has 5 rows, expected 4",
    );
    backward(
        [2, 4],
        [4, 2],
        4,
        Error::ColumnCount { argument: "weight_gradient", expected: 3, found: 2 },
        "`weight_gradient` has 2 columns, expected 3",
    );
    backward(
        [2, 4],
        [4, 3],
        3,
        Error::Length { argument: "bias_gradient", expected: 4, found: 3 },
        "`bias_gradient` has length 3, expected 4",
    );
}

#[test]
fn weighted_sums_name_the_argument_that_does_not_fit() {
    // Two results, the sums of three rows of four columns; one number off at a time.
    let sums = |values: [usize; 2], out: [usize; 2], error, display: &str| {
        refuses(out[0] * out[1], error, display, |data| {
            rows::weighted_sums(
                Rows::new(&zeros(2, 3), 3)?,
                Rows::new(&zeros(values[0], values[1]), values[1])?,
                RowsMut::new(data, out[1])?,
            )
        });
    };
    let error = Error::RowCount { argument: "values", expected: 3, found: 2 };
    sums([2, 4], [2, 4], error, "`values` has 2 rows, expected 3");
    let error = Error::RowCount { argument: "out", expected: 2, found: 3 };
    sums([3, 4], [3, 4], error, "`out` has 3 rows, expected 2");
    let error = Error::ColumnCount { argument: "out", expected: 4, found: 5 };
    sums([3, 4], [2, 5], error, "`out` has 5 columns, expected 4");
}

#[test]
fn log_dot_exp_names_the_argument_that_does_not_fit() {
    let error = Error::Length { argument: "b", expected: 3, found: 2 };
    assert_eq!(logits::log_dot_exp(&[0.0; 3], &[0.0; 2]), Err(error));
    let dot = |b: usize, out: usize, error, display: &str| {
        refuses(out, error, display, |out| {
            rows::log_dot_exp(Rows::new(&zeros(2, 3), 3)?, &zeros(1, b), out)
        });
    };
    dot(
        4,
        2,
        Error::Length { argument: "b", expected: 3, found: 4 },
        "`b` has length 4, expected 3",
    );
    let error = Error::Length { argument: "out", expected: 2, found: 3 };
    dot(3, 3, error, "`out` has length 3, expected 2");
}

#[test]
fn gradient_has_the_shape_of_scores() {
    let gradient = |shape: [usize; 2], error, display: &str| {
        refuses(shape[0] * shape[1], error, display, |out| {
            let (x, mut each) = (zeros(2, 3), [0.0; 2]);
            let (x, gradient) = (Rows::new(&x, 3)?, RowsMut::new(out, shape[1])?);
            rows::kl_divergence_of_scores_and_gradient(x, x, &mut each, gradient)
        });
        refuses(shape[0] * shape[1], error, display, |out| {
            let gradient = RowsMut::new(out, shape[1])?;
            let scores = zeros(2, 3);
            CrossEntropy::new()
                .loss_and_gradient(Rows::new(&scores, 3)?, &[0, 1], gradient)
                .map(|_| ())
        });
    };
    gradient(
        [3, 3],
        Error::RowCount { argument: "gradient", expected: 2, found: 3 },
        "`gradient` has 3 rows, expected 2",
    );
    gradient(
        [2, 4],
        Error::ColumnCount { argument: "gradient", expected: 3, found: 4 },
        "`gradient` has 4 columns, expected 3",
    );
}

/// Asserts that every form of a loss refuses `labels` for three rows of four scores.
#[track_caller]
fn refuses_loss<L: Label>(loss: CrossEntropy<'_>, labels: &[L], error: Error, display: &str) {
    let scores = zeros(3, 4);
    let x = Rows::new(&scores, 4).unwrap();
    refuses(0, error, display, |_| loss.loss(x, labels).map(|_| ()));
    refuses(3, error, display, |out| loss.losses(x, labels, out).map(|_| ()));
    refuses(12, error, display, |out| {
        loss.loss_and_gradient(x, labels, RowsMut::new(out, 4)?).map(|_| ())
    });
    refuses(12, error, display, |out| {
        loss.gradient_in_place(RowsMut::new(out, 4)?, labels).map(|_| ())
    });
}

/// The same, with options and without.
#[track_caller]
fn refuses_labels<L: Label>(labels: &[L], error: Error, display: &str) {
    refuses_loss(CrossEntropy::new(), labels, error, display);
    refuses_loss(CrossEntropy::new().label_smoothing(0.1), labels, error, display);
}

#[test]
fn there_is_one_label_a_row() {
    for found in [0, 2, 4] {
        let error = Error::Length { argument: "labels", expected: 3, found };
        let display = format!("`labels` has length {found}, expected 3");
        refuses_labels(&vec![0u32; found], error, &display);
    }
}

#[test]
fn labels_are_below_the_number_of_columns() {
    // The first row at fault is named, though the last is worse.
    for (labels, row, label) in
        [([0, 4, 5], 1, 4), ([3, 3, u32::MAX], 2, u32::MAX), ([u32::MAX, 9, 9], 0, u32::MAX)]
    {
        let error = Error::Label { row, label: label.into(), columns: 4 };
        let display = format!("label of row {row} is {label}, expected less than 4 columns");
        refuses_labels(&labels, error, &display);
    }
}

#[test]
fn labels_are_not_negative_but_may_be_ignored() -> Result<(), Error> {
    let negative = |row, label| Error::Label { row, label, columns: 4 };
    let display = "label of row 1 is -1, expected less than 4 columns";
    refuses_labels(&[0i32, -1, 4], negative(1, -1), display);
    refuses_labels(&[0i64, -1, i64::MIN], negative(1, -1), display);
    let display = format!("label of row 2 is {}, expected less than 4 columns", i64::MAX);
    refuses_labels(&[0, 0, usize::MAX], negative(2, i64::MAX), &display);
    refuses_labels(&[0, 0, i64::MAX], negative(2, i64::MAX), &display);
    // Without columns no label is right, not even 0.
    let error = CrossEntropy::new().loss(Rows::without_columns(2), &[0u8, 0]);
    assert_eq!(error, Err(Error::Label { row: 0, label: 0, columns: 0 }));
    // Another than the one that is ignored.
    let (scores, loss) = (zeros(3, 4), CrossEntropy::new().ignored_label(-100));
    let display = "label of row 2 is -1, expected less than 4 columns";
    refuses_loss(loss, &[0, -100, -1], negative(2, -1), display);
    assert_eq!(loss.loss(Rows::new(&scores, 4)?, &[0, -100, 3])?.count, 2);
    // Of `usize` the largest, as which -1 is often written.
    let loss = CrossEntropy::new().ignored_label(usize::MAX as i64);
    assert_eq!(loss.loss(Rows::new(&scores, 4)?, &[0, usize::MAX, 3])?.count, 2);
    refuses_loss(
        loss,
        &[0, 4, usize::MAX],
        Error::Label { row: 1, label: 4, columns: 4 },
        "label of row 1 is 4, expected less than 4 columns",
    );
    Ok(())
}

#[test]
fn targets_have_the_shape_of_scores() {
    for loss in [CrossEntropy::new(), CrossEntropy::new().z_loss(0.1)] {
        for (shape, error, display) in [
            (
                [2, 4],
                Error::RowCount { argument: "targets", expected: 3, found: 2 },
                "`targets` has 2 rows, expected 3",
            ),
            (
                [3, 5],
                Error::ColumnCount { argument: "targets", expected: 4, found: 5 },
                "`targets` has 5 columns, expected 4",
            ),
        ] {
            let (scores, targets) = (zeros(3, 4), zeros(shape[0], shape[1]));
            let x = Rows::new(&scores, 4).unwrap();
            let t = Rows::new(&targets, shape[1]).unwrap();
            refuses(0, error, display, |_| loss.loss_soft(x, t).map(|_| ()));
            refuses(3, error, display, |out| loss.losses_soft(x, t, out).map(|_| ()));
            refuses(12, error, display, |out| {
                loss.loss_and_gradient_soft(x, t, RowsMut::new(out, 4)?).map(|_| ())
            });
            refuses(12, error, display, |out| {
                loss.gradient_in_place_soft(RowsMut::new(out, 4)?, t).map(|_| ())
            });
        }
    }
}

#[test]
fn there_is_one_loss_a_row() {
    let scores = zeros(3, 4);
    let x = Rows::new(&scores, 4).unwrap();
    for found in [0, 2, 4] {
        let error = Error::Length { argument: "out", expected: 3, found };
        let display = format!("`out` has length {found}, expected 3");
        let loss = CrossEntropy::new();
        refuses(found, error, &display, |out| loss.losses(x, &[0, 1, 2], out).map(|_| ()));
        refuses(found, error, &display, |out| loss.losses_soft(x, x, out).map(|_| ()));
    }
}

#[test]
fn options_are_in_range() -> Result<(), Error> {
    const INF: f32 = f32::INFINITY;
    let plain = CrossEntropy::new();
    let refuses_option = |loss: CrossEntropy<'_>, name, expected, found: f32| {
        let error = Error::Parameter { name, expected, found };
        let display = format!("`{name}` is {found}, expected {expected}");
        refuses_loss(loss, &[0, 1, 2], error, &display);
        let scores = zeros(3, 4);
        let x = Rows::new(&scores, 4).unwrap();
        refuses(0, error, &display, |_| loss.loss_soft(x, x).map(|_| ()));
    };
    for x in [-0.1, 1.0, 2.0, INF, -INF] {
        let expected = "a number of at least 0 and below 1";
        refuses_option(plain.label_smoothing(x), "label_smoothing", expected, x);
    }
    for x in [-0.1, 1.16e18, INF, -INF] {
        let expected = "a number from 0 to 2^60";
        refuses_option(plain.z_loss(x), "z_loss", expected, x);
        for k in 0..4 {
            let mut weights = [1.0; 4];
            weights[k] = x;
            refuses_option(plain.class_weights(&weights), "class_weights", expected, x);
            let smooth = plain.class_weights(&weights).label_smoothing(0.5);
            refuses_option(smooth, "class_weights", expected, x);
        }
    }
    for x in [0.0, -0.0, -1.0, INF, 8.6e-19, 1.16e18] {
        let expected = "a number from 2^-60 to 2^60";
        refuses_option(plain.soft_cap(x), "soft_cap", expected, x);
        refuses_option(plain.temperature(x), "temperature", expected, x);
    }
    for found in [0, 3, 5] {
        let (weights, error) =
            (zeros(1, found), Error::Length { argument: "class_weights", expected: 4, found });
        let display = format!("`class_weights` has length {found}, expected 4");
        refuses_loss(plain.class_weights(&weights), &[0, 1, 2], error, &display);
        let smooth = plain.class_weights(&weights).label_smoothing(0.5);
        refuses_loss(smooth, &[0, 1, 2], error, &display);
    }
    // NaN is not equal to itself.
    let scores = zeros(3, 4);
    let x = Rows::new(&scores, 4)?;
    let weights = [1.0, f32::NAN, 1.0, 1.0];
    for loss in [
        plain.label_smoothing(f32::NAN),
        plain.z_loss(f32::NAN),
        plain.soft_cap(f32::NAN),
        plain.temperature(f32::NAN),
        plain.class_weights(&weights),
    ] {
        let error = loss.loss(x, &[0, 1, 2]).unwrap_err();
        assert!(matches!(error, Error::Parameter { found, .. } if found.is_nan()));
    }
    Ok(())
}

#[test]
fn upstream_has_the_shape_of_y() {
    type Root = fn(&[f32], &[f32], &mut [f32]) -> Result<(), Error>;
    type InPlace = fn(&[f32], &mut [f32]) -> Result<(), Error>;
    let root: [Root; 2] = [logits::softmax_backward, logits::log_softmax_backward];
    let in_place: [InPlace; 2] =
        [logits::softmax_backward_in_place, logits::log_softmax_backward_in_place];
    for found in [0, 19, 21] {
        let length = |argument| Error::Length { argument, expected: 20, found };
        let display = |argument| format!("`{argument}` has length {found}, expected 20");
        for f in root {
            refuses(20, length("upstream"), &display("upstream"), |out| {
                f(&zeros(1, 20), &zeros(1, found), out)
            });
            refuses(found, length("out"), &display("out"), |out| {
                f(&zeros(1, 20), &zeros(1, 20), out)
            });
        }
        for f in in_place {
            refuses(found, length("upstream"), &display("upstream"), |out| f(&zeros(1, 20), out));
        }
    }
    let scores = zeros(3, 4);
    let y = Rows::new(&scores, 4).unwrap();
    let short = Rows::new(&scores[..8], 4).unwrap();
    for f in [rows::softmax_backward, rows::log_softmax_backward] {
        let error = |argument| Error::RowCount { argument, expected: 3, found: 2 };
        refuses(12, error("upstream"), "`upstream` has 2 rows, expected 3", |out| {
            f(y, short, RowsMut::new(out, 4)?)
        });
        refuses(8, error("out"), "`out` has 2 rows, expected 3", |out| {
            f(y, y, RowsMut::new(out, 4)?)
        });
    }
    for f in [rows::softmax_backward_in_place, rows::log_softmax_backward_in_place] {
        let error = Error::ColumnCount { argument: "upstream", expected: 4, found: 5 };
        refuses(15, error, "`upstream` has 5 columns, expected 4", |out| {
            f(y, RowsMut::new(out, 5)?)
        });
    }
}

/// Asserts that every form of the binary loss refuses scores and targets of these
/// lengths.
#[track_caller]
fn refuses_binary(
    loss: BinaryCrossEntropy,
    targets: usize,
    out: usize,
    argument: [&'static str; 2],
    error: impl Fn(&'static str) -> Error,
) {
    let (x, t) = (zeros(1, 20), zeros(1, targets));
    let [losses, gradient] = argument.map(error);
    let text = |error: Error| error.to_string();
    refuses(out, losses, &text(losses), |out| loss.losses(&x, &t, out).map(|_| ()));
    let both = |out: &mut [f32]| loss.loss_and_gradient(&x, &t, out).map(|_| ());
    refuses(out, gradient, &text(gradient), both);
    let both = |out: &mut [f32]| loss.loss_and_gradient_of_probabilities(&x, &t, out).map(|_| ());
    refuses(out, gradient, &text(gradient), both);
    if out == 20 {
        refuses(0, losses, &text(losses), |_| loss.loss(&x, &t).map(|_| ()));
        refuses(0, losses, &text(losses), |_| loss.loss_of_probabilities(&x, &t).map(|_| ()));
        refuses(20, losses, &text(losses), |x| loss.gradient_in_place(x, &t).map(|_| ()));
    }
}

#[test]
fn there_is_one_target_a_score() {
    for found in [0, 19, 21] {
        let length = |argument| Error::Length { argument, expected: 20, found };
        let plain = BinaryCrossEntropy::new();
        refuses_binary(plain, found, 20, ["targets"; 2], length);
        refuses_binary(plain, 20, found, ["out", "gradient"], length);
    }
}

#[test]
fn binary_parameters_are_in_range() {
    let plain = BinaryCrossEntropy::new();
    for found in [-1.0, f32::INFINITY, -f32::from_bits(1), f32::MIN] {
        let error =
            |name| Error::Parameter { name, expected: "a finite number of at least 0", found };
        refuses_binary(plain.pos_weight(found), 20, 20, ["pos_weight"; 2], error);
        refuses_binary(plain.focal(found), 20, 20, ["gamma"; 2], error);
    }
    for found in [-0.5, 1.5, f32::INFINITY] {
        let error = |name| Error::Parameter { name, expected: "a number from 0 to 1", found };
        refuses_binary(plain.alpha(found), 20, 20, ["alpha"; 2], error);
    }
    // A NaN is not itself: look at the name.
    for (loss, expected) in [
        (plain.pos_weight(f32::NAN), "pos_weight"),
        (plain.focal(f32::NAN), "gamma"),
        (plain.alpha(f32::NAN), "alpha"),
    ] {
        let error = loss.loss(&[0.0], &[0.0]).unwrap_err();
        assert!(matches!(error, Error::Parameter { name, .. } if name == expected), "{error}");
    }
    let error = Error::Parameter { name: "gamma", expected: "0", found: 2.0 };
    refuses(0, error, "`gamma` is 2, expected 0", |_| {
        plain.focal(2.0).loss_of_probabilities(&[0.5], &[1.0]).map(|_| ())
    });
}

/// Asserts that neither kind of matrix takes data of such a shape.
#[track_caller]
fn refuses_shape(length: usize, columns: usize, stride: usize, error: Error, display: &str) {
    let mut data = zeros(1, length);
    refuses(0, error, display, |_| Rows::with_stride(&data, columns, stride).map(|_| ()));
    refuses(0, error, display, |_| RowsMut::with_stride(&mut data, columns, stride).map(|_| ()));
    if columns == stride {
        refuses(0, error, display, |_| Rows::new(&data, columns).map(|_| ()));
        refuses(0, error, display, |_| RowsMut::new(&mut data, columns).map(|_| ()));
    }
}

#[test]
fn data_has_columns() {
    for stride in [0, 1, 5] {
        let display = "`columns` is 0, expected 1 or more for `data` of length 5";
        refuses_shape(5, 0, stride, Error::NoColumns { length: 5 }, display);
    }
}

#[test]
fn data_ends_where_a_row_ends() {
    // With stride 5, the last row is whole from three elements on; one and two are less.
    for (length, columns, stride) in [
        (1, 2, 2),
        (7, 3, 3),
        (1, 3, 5),
        (2, 3, 5),
        (6, 3, 5),
        (7, 3, 5),
        (12, 3, 5),
        (2, 3, usize::MAX),
    ] {
        let display = format!(
            "`data` has length {length}, expected rows of {columns} columns, {stride} apart"
        );
        let error = Error::PartialRow { length, columns, stride };
        refuses_shape(length, columns, stride, error, &display);
    }
}

#[test]
fn rows_do_not_overlap() {
    for (length, columns, stride) in [(6, 3, 2), (6, 3, 0), (0, 3, 2), (6, usize::MAX, 6)] {
        let display = format!("`stride` is {stride}, expected {columns} columns or more");
        let error = Error::Stride { expected: columns, found: stride };
        refuses_shape(length, columns, stride, error, &display);
    }
}

#[test]
fn every_backend_checks_what_the_functions_check() {
    let x = zeros(3, 4);
    let rows = Rows::new(&x, 4).unwrap();
    let length = |argument, expected, found| Error::Length { argument, expected, found };
    let label = Error::Label { row: 2, label: 4, columns: 4 };
    for backend in backends() {
        refuses(11, length("out", 12, 11), "`out` has length 11, expected 12", |out| {
            backend.exp(&x, out)
        });
        refuses(11, length("out", 12, 11), "`out` has length 11, expected 12", |out| {
            Softmax::new().on(backend).softmax(&x, out)
        });
        refuses(
            8,
            Error::RowCount { argument: "out", expected: 3, found: 2 },
            "`out` has 2 rows, expected 3",
            |out| backend.rows_softmax(rows, RowsMut::new(out, 4)?),
        );
        refuses(0, length("q", 12, 11), "`q` has length 11, expected 12", |_| {
            backend.cross_entropy(&x, &x[1..]).map(|_| ())
        });
        refuses(0, label, "label of row 2 is 4, expected less than 4 columns", |_| {
            CrossEntropy::new().on(backend).loss(rows, &[0, 3, 4]).map(|_| ())
        });
        let loss = BinaryCrossEntropy::new().on(backend);
        refuses(11, length("gradient", 12, 11), "`gradient` has length 11, expected 12", |out| {
            loss.loss_and_gradient(&x, &x, out).map(|_| ())
        });
    }
}

#[test]
fn errors_are_errors() {
    let error: Box<dyn std::error::Error> = Box::from(logits::exp(&[], &mut [0.0]).unwrap_err());
    assert_eq!(error.to_string(), "`out` has length 1, expected 0");
    assert!(error.source().is_none());
}

#[test]
fn nothing_is_accepted() -> Result<(), Error> {
    for f in ELEMENTWISE {
        f(&[], &mut [])?;
    }
    for f in OF_TWO {
        assert_eq!(f(&[], &[])?.to_bits(), 0); // +0
    }
    assert_eq!(logits::log_sum_exp(&[]), f32::NEG_INFINITY);
    assert_eq!(logits::entropy(&[]).to_bits(), 0);
    for f in [logits::exp_in_place, logits::ln_in_place, logits::sigmoid_in_place]
        .into_iter()
        .chain([logits::softmax_in_place, logits::log_softmax_in_place])
    {
        f(&mut []);
    }
    Ok(())
}

#[test]
fn no_rows_are_accepted() -> Result<(), Error> {
    for (columns, stride) in [(0, 0), (0, 2), (3, 3), (3, 5), (usize::MAX, usize::MAX)] {
        let x = Rows::with_stride(&[], columns, stride)?;
        let out = || RowsMut::with_stride(&mut [], columns, stride);
        assert_eq!((x.rows(), x.columns(), x.row(0), x.iter().len()), (0, columns, None, 0));
        assert_eq!((out()?.rows(), out()?.columns()), (0, columns));
        assert_eq!((out()?.row(0), out()?.iter_mut().len()), (None, 0));

        for f in ROW_BY_ROW {
            f(x, out()?)?;
        }
        for f in ROW_TO_NUMBER {
            f(x, &mut [])?;
        }
        for f in ROWS_OF_TWO {
            f(x, x, &mut [])?;
        }
        rows::softmax_in_place(out()?);
        rows::log_softmax_in_place(out()?);

        let loss = CrossEntropy::new();
        for loss in [loss.loss::<u8>(x, &[])?, loss.loss_and_gradient::<i64>(x, &[], out()?)?] {
            assert_eq!((loss.sum.to_bits(), loss.weight, loss.count), (0, 0.0, 0));
            assert!(loss.mean().is_nan());
            assert_eq!(loss.mean_or(-1.0), -1.0);
        }
    }
    Ok(())
}

#[test]
fn linear_accepts_no_examples_and_no_classes() -> Result<(), Error> {
    let weights = zeros(4, 3);
    let x = Rows::new(&[], 3)?;
    rows::linear(x, Rows::new(&weights, 3)?, &[0.0; 4], RowsMut::new(&mut [], 4)?)?;
    rows::linear(x, x, &[], RowsMut::new(&mut [], 0)?)
}

#[test]
fn the_last_row_need_not_be_padded() -> Result<(), Error> {
    let data: Vec<_> = (0u8..15).map(f32::from).collect();
    let expected = [[0.0, 1.0, 2.0], [5.0, 6.0, 7.0], [10.0, 11.0, 12.0]];
    for length in [13, 14, 15] {
        let mut data = data[..length].to_vec();
        let rows = Rows::with_stride(&data, 3, 5)?;
        assert_eq!((rows.rows(), rows.columns()), (3, 3));
        assert!(rows.iter().eq(expected));
        assert!((0..3).map_while(|i| rows.row(i)).eq(expected));

        let mut rows = RowsMut::with_stride(&mut data, 3, 5)?;
        assert_eq!((rows.rows(), rows.columns()), (3, 3));
        assert!(rows.iter_mut().eq(expected));
        assert!(rows.as_rows().iter().eq(expected));
        assert!(rows.reborrow().iter_mut().eq(expected));
        for (i, expected) in expected.iter().enumerate() {
            assert_eq!(rows.row(i).as_deref(), Some(&expected[..]));
        }
    }
    Ok(())
}

/// Columns that begin anywhere and end before the stride: what lies on either side is neither
/// read nor written.
#[test]
fn a_window_of_columns_is_rows() -> Result<(), Error> {
    let (count, stride) = (4, 9);
    for first in 0..stride {
        for columns in 1..=stride - first {
            // NaN, which would show if it were read, everywhere but in the window.
            let mut data = vec![SENTINEL; count * stride];
            for (i, row) in data.chunks_mut(stride).enumerate() {
                for (k, x) in row[first..][..columns].iter_mut().enumerate() {
                    *x = (i * k % 5) as f32;
                }
            }
            let window = Rows::with_stride(&data[first..], columns, stride)?;
            assert_eq!((window.rows(), window.columns()), (count, columns));
            assert_eq!(window.iter().len(), count);
            for (i, row) in data.chunks(stride).enumerate() {
                assert_eq!(window.row(i), Some(&row[first..][..columns]));
            }
            assert_eq!(window.row(count), None);

            let mut expected = data.clone();
            let mut sums = vec![0.0; count];
            rows::log_sum_exp(window, &mut sums)?;
            for (row, sum) in expected.chunks_mut(stride).zip(sums) {
                let row = &mut row[first..][..columns];
                assert_eq!(sum, logits::log_sum_exp(row));
                logits::softmax_in_place(row);
            }
            rows::softmax_in_place(RowsMut::with_stride(&mut data[first..], columns, stride)?);
            let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&data), bits(&expected), "{columns} columns from {first} on");
        }
    }
    Ok(())
}

#[test]
fn no_row_lies_past_the_last() -> Result<(), Error> {
    let mut data = zeros(3, 5);
    for (length, columns, stride) in [(15, 5, 5), (15, 3, 5), (14, 3, 5), (13, 3, 5)] {
        // From the last on: one row more, one whose start is past the data, and
        // those whose place does not fit a usize.
        for i in [3, 4, usize::MAX / 5, usize::MAX / 5 + 1, usize::MAX] {
            let rows = Rows::with_stride(&data[..length], columns, stride)?;
            assert_eq!(rows.row(i), None);
            let mut rows = RowsMut::with_stride(&mut data[..length], columns, stride)?;
            assert_eq!(rows.row(i), None);
        }
    }
    Ok(())
}

/// Asserts that an iterator of `count` rows knows at every step how many are
/// left, and stays at its end.
#[track_caller]
fn counts_down<I: ExactSizeIterator>(mut rows: I, count: usize) {
    for left in (0..=count).rev() {
        assert_eq!((rows.size_hint(), rows.len()), ((left, Some(left)), left));
        assert_eq!(rows.next().is_some(), left > 0);
    }
    assert!(rows.next().is_none());
}

#[test]
fn iterators_know_how_many_rows_are_left() -> Result<(), Error> {
    let mut data = zeros(3, 5);
    for (length, columns, stride, count) in
        [(15, 5, 5, 3), (15, 3, 5, 3), (13, 3, 5, 3), (3, 3, 5, 1), (15, 1, 1, 15), (0, 3, 5, 0)]
    {
        let rows = Rows::with_stride(&data[..length], columns, stride)?;
        counts_down(rows.iter(), count);
        counts_down((&rows).into_iter(), count);
        counts_down(rows.into_iter(), count);
        let mut rows = RowsMut::with_stride(&mut data[..length], columns, stride)?;
        counts_down(rows.iter_mut(), count);
        counts_down((&mut rows).into_iter(), count);
    }
    Ok(())
}

#[test]
fn what_lies_between_rows_is_neither_read_nor_written() -> Result<(), Error> {
    // A NaN that is read would show in its row.
    let x = [0.0, 0.0, SENTINEL, 0.0, 0.0];
    let x = Rows::with_stride(&x, 2, 3)?;
    let is_whole = |out: &[f32]| {
        out.iter().enumerate().all(|(i, x)| if i % 4 < 2 { x.is_finite() } else { is_sentinel(*x) })
    };
    for f in ROW_BY_ROW {
        let mut out = [SENTINEL; 8];
        f(x, RowsMut::with_stride(&mut out, 2, 4)?)?;
        assert!(is_whole(&out), "{out:?}");
    }
    let mut out = [SENTINEL; 8];
    let gradient = RowsMut::with_stride(&mut out, 2, 4)?;
    let loss = CrossEntropy::new().loss_and_gradient(x, &[0, 1], gradient)?;
    assert!(loss.sum.is_finite() && is_whole(&out), "{loss:?} {out:?}");
    for f in ROW_TO_NUMBER {
        let mut out = [SENTINEL; 2];
        f(x, &mut out)?;
        assert!(out.iter().all(|x| x.is_finite()), "{out:?}");
    }
    for f in ROWS_OF_TWO {
        let mut out = [SENTINEL; 2];
        f(x, x, &mut out)?;
        assert_eq!(out, [0.0; 2]);
    }
    Ok(())
}
