//! The derivatives of softmax and its logarithm, and linear scores.

use super::common::{assert_same, backends};
use super::{INF, PROBABILITIES, SCORES, Tally, Want, alone, pairs_of_rows};
use logits::contract::{LOG_SOFTMAX_BACKWARD, SOFTMAX_BACKWARD};
use logits::{Backend, Error, Rows, RowsMut};

/// 2^-20.
const PART: f64 = 9.5367431640625e-7;

const MAX: f64 = f32::MAX as f64;

const LEAST: f64 = f32::MIN_POSITIVE as f64;

/// y·(g − Σ y·g), by IEEE 754, without what has y = 0. Where a y is no probability, products
/// that f32 does not hold are infinite or lose digits: nothing is promised then.
fn softmax_backward(y: &[f32], g: &[f32]) -> Vec<Want> {
    let are_probabilities = y.iter().all(|y| (0.0..=1.0).contains(y));
    let pairs = || y.iter().zip(g).map(|(&y, &g)| (f64::from(y), f64::from(g)));
    let sum: f64 = pairs().filter(|&(y, _)| y != 0.0).map(|(y, g)| y * g).sum();
    let size: f64 = pairs().filter(|&(y, _)| y != 0.0).map(|(y, g)| (y * g).abs()).sum();
    let has_max = y.contains(&f32::MAX);
    let derivative = |(y, g): (f64, f64)| {
        if y == 0.0 {
            return Want::Zero;
        }
        let value = y * (g - sum);
        let may_overflow = size.is_finite() && size > MAX || (g - sum).abs() > MAX;
        if !are_probabilities && (may_overflow || has_max || size < LEAST) {
            return Want::Anything;
        }
        if value.is_nan() {
            return Want::Nan;
        }
        let size = y.abs() * ((g - sum).abs() + PART * size);
        Want::Near { value, size, most: SOFTMAX_BACKWARD }
    };
    pairs().map(derivative).collect()
}

/// g − e^y·Σ g, by IEEE 754, but g for y = −∞. Of a y that is no logarithm of a probability,
/// e^y may overflow: nothing is promised then.
fn log_softmax_backward(y: &[f32], g: &[f32]) -> Vec<Want> {
    let sum: f64 = g.iter().map(|&g| f64::from(g)).sum();
    let all: f64 = g.iter().map(|&g| f64::from(g).abs()).sum();
    let derivative = |(&y, &g): (&f32, &f32)| {
        if y == -INF {
            return if g.is_nan() { Want::Nan } else { Want::Bits(g) };
        }
        let (y, g) = (f64::from(y), f64::from(g));
        let p = libm::exp(y);
        if y > 40.0 {
            return Want::Anything;
        }
        // Of an infinite sum any share is infinite.
        let value = if sum.is_infinite() { g - sum + 0.0 * y } else { g - p * sum };
        if value.is_nan() {
            return Want::Nan;
        }
        let size = if y <= -core::f64::consts::LN_2 {
            g.abs().max(p * sum.abs())
        } else {
            (libm::expm1(y) * sum).abs().max((sum - g).abs())
        };
        // What cancels is computed without it.
        let value = if y <= -core::f64::consts::LN_2 || value.is_infinite() {
            value
        } else {
            -libm::expm1(y) * sum - (sum - g)
        };
        let size = size.max(value.abs()) + PART * p * all;
        Want::Near { value, size, most: LOG_SOFTMAX_BACKWARD }
    };
    y.iter().zip(g).map(derivative).collect()
}

type Model = fn(&[f32], &[f32]) -> Vec<Want>;
type Root = fn(Backend, &[f32], &[f32], &mut [f32]) -> Result<(), Error>;
type InPlace = fn(Backend, &[f32], &mut [f32]) -> Result<(), Error>;
type OfRows = fn(Backend, Rows<'_>, Rows<'_>, RowsMut<'_>) -> Result<(), Error>;
type OfRowsInPlace = fn(Backend, Rows<'_>, RowsMut<'_>) -> Result<(), Error>;

/// A function of y, from such values, in all its forms.
fn meet(
    tally: &mut Tally,
    (name, values, model): (&str, &[f32], Model),
    (root, in_place): (Root, InPlace),
    (of_rows, rows_in_place): (OfRows, OfRowsInPlace),
) {
    for backend in backends() {
        assert_eq!(root(backend, &[], &[], &mut []), Ok(()));
    }
    for n in 1..=3 {
        let [y, g] = &pairs_of_rows(values, &SCORES, n, if n < 3 { 300_000 } else { 60_000 });
        let pairs = || y.chunks_exact(n).zip(g.chunks_exact(n));
        let wants: Vec<_> = pairs().flat_map(|(y, g)| model(y, g)).collect();
        tally.meet(name, (&[y, g], n), &wants, |backend| {
            let (mut out, mut other) = (vec![9.0; y.len()], g.clone());
            let [rows, upstream] = [y, g].map(|x| Rows::new(x, n).unwrap());
            of_rows(backend, rows, upstream, RowsMut::new(&mut out, n).unwrap()).unwrap();
            rows_in_place(backend, rows, RowsMut::new(&mut other, n).unwrap()).unwrap();
            assert_same(&out, &other, &"in place");
            for i in alone(rows.rows()) {
                let row = i * n..(i + 1) * n;
                let (y, g, mut own) = (&y[row.clone()], &g[row.clone()], vec![9.0; n]);
                root(backend, y, g, &mut own).unwrap();
                assert_same(&own, &out[row], &"alone");
                let mut own_in_place = g.to_vec();
                in_place(backend, y, &mut own_in_place).unwrap();
                assert_same(&own, &own_in_place, &"alone, in place");
            }
            out
        });
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn derivatives_of_softmax() {
    let mut tally = Tally::default();
    meet(
        &mut tally,
        ("softmax_backward", &PROBABILITIES, softmax_backward),
        (Backend::softmax_backward, Backend::softmax_backward_in_place),
        (Backend::rows_softmax_backward, Backend::rows_softmax_backward_in_place),
    );
    tally.assert_none("derivatives of softmax");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn derivatives_of_log_softmax() {
    let mut tally = Tally::default();
    meet(
        &mut tally,
        ("log_softmax_backward", &SCORES, log_softmax_backward),
        (Backend::log_softmax_backward, Backend::log_softmax_backward_in_place),
        (Backend::rows_log_softmax_backward, Backend::rows_log_softmax_backward_in_place),
    );
    tally.assert_none("derivatives of log-softmax");
}
