//! The derivatives of softmax and log-softmax on every backend: error, special values,
//! and the equality of all their forms.

mod common;

use common::{Random, assert_same, backends, ulp, unit};
use logits::contract::{LOG_SOFTMAX_BACKWARD, SOFTMAX_BACKWARD};
use logits::{Backend, Error, Rows, RowsMut, rows};

/// 2^-20.
const PART: f64 = 9.5367431640625e-7;

type Root = fn(Backend, &[f32], &[f32], &mut [f32]) -> Result<(), Error>;
type InPlace = fn(Backend, &[f32], &mut [f32]) -> Result<(), Error>;
type OfRows = fn(Backend, Rows<'_>, Rows<'_>, RowsMut<'_>) -> Result<(), Error>;
type OfRowsInPlace = fn(Backend, Rows<'_>, RowsMut<'_>) -> Result<(), Error>;

/// A function in all its forms.
#[derive(Clone, Copy)]
struct Function {
    root: Root,
    in_place: InPlace,
    rows: OfRows,
    rows_in_place: OfRowsInPlace,
}

const SOFTMAX: Function = Function {
    root: Backend::softmax_backward,
    in_place: Backend::softmax_backward_in_place,
    rows: Backend::rows_softmax_backward,
    rows_in_place: Backend::rows_softmax_backward_in_place,
};
const LOG_SOFTMAX: Function = Function {
    root: Backend::log_softmax_backward,
    in_place: Backend::log_softmax_backward_in_place,
    rows: Backend::rows_log_softmax_backward,
    rows_in_place: Backend::rows_log_softmax_backward_in_place,
};

fn run(backend: Backend, f: Function, y: &[f32], g: &[f32]) -> Vec<f32> {
    let n = y.len();
    let mut out = vec![9.0; n];
    (f.root)(backend, y, g, &mut out).unwrap();
    let mut other = g.to_vec();
    (f.in_place)(backend, y, &mut other).unwrap();
    assert_same(&out, &other, &"in place");
    other.fill(9.0);
    let (y, g) = (Rows::new(y, n).unwrap(), Rows::new(g, n).unwrap());
    (f.rows)(backend, y, g, RowsMut::new(&mut other, n).unwrap()).unwrap();
    assert_same(&out, &other, &"rows");
    other.copy_from_slice(g.row(0).unwrap());
    (f.rows_in_place)(backend, y, RowsMut::new(&mut other, n).unwrap()).unwrap();
    assert_same(&out, &other, &"rows in place");
    out
}

/// Values and sizes in f64.
fn softmax_backward(y: &[f32], g: &[f32]) -> Vec<(f64, f64)> {
    let pairs = || y.iter().zip(g).map(|(&y, &g)| (f64::from(y), f64::from(g)));
    let sum: f64 = pairs().map(|(y, g)| y * g).sum();
    let size: f64 = pairs().map(|(y, g)| (y * g).abs()).sum();
    pairs().map(|(y, g)| (y * (g - sum), y * ((g - sum).abs() + PART * size))).collect()
}

fn log_softmax_backward(y: &[f32], g: &[f32]) -> Vec<(f64, f64)> {
    let pairs = || y.iter().zip(g).map(|(&y, &g)| (f64::from(y), f64::from(g)));
    let sum: f64 = pairs().map(|(_, g)| g).sum();
    let size: f64 = pairs().map(|(_, g)| g.abs()).sum();
    let one = |(y, g): (f64, f64)| {
        let p = libm::exp(y);
        if y <= -core::f64::consts::LN_2 {
            (g - p * sum, g.abs().max(p * sum.abs()).max((g - p * sum).abs()) + PART * p * size)
        } else {
            let (a, b) = (-libm::expm1(y) * sum, sum - g);
            (a - b, a.abs().max(b.abs()).max((a - b).abs()) + PART * p * size)
        }
    };
    pairs().map(one).collect()
}

#[test]
fn errors_stay_within_the_contract_on_every_backend_alike() {
    let mut random = Random::new(41);
    let mut worst = [0.0f64; 2];
    let often = (1..=40).chain([64, 100]).cycle().take(8 * 42);
    for n in often.chain([1000, 5000]) {
        for sigma in [1.0, 5.0, 30.0] {
            let scores = random.normal(n, sigma);
            let rounded = |x: Vec<f64>| x.into_iter().map(|x| x as f32).collect::<Vec<_>>();
            let p = rounded(common::softmax(&scores));
            let ln_p = rounded(common::log_softmax(&scores));
            let mut g = random.normal(n, 1.0);
            if n % 3 == 0 {
                g.fill(0.0);
                g[random.below(n)] = -1.0;
            }
            let mut results: Vec<(Backend, Vec<f32>)> = Vec::new();
            for backend in backends() {
                let softmax = run(backend, SOFTMAX, &p, &g);
                let log_softmax = run(backend, LOG_SOFTMAX, &ln_p, &g);
                let exact = [softmax_backward(&p, &g), log_softmax_backward(&ln_p, &g)];
                for ((found, exact), worst) in
                    [&softmax, &log_softmax].into_iter().zip(exact).zip(&mut worst)
                {
                    for (&found, (exact, size)) in found.iter().zip(exact) {
                        *worst = worst.max(ulp(found, exact) * (unit(exact) / unit(size)));
                    }
                }
                results.push((backend, [softmax, log_softmax].concat()));
            }
            for (a, x) in &results {
                for (b, y) in &results {
                    if a.is_fused() == b.is_fused() {
                        assert_same(x, y, &format!("{a:?} and {b:?}, n = {n}"));
                    }
                }
            }
        }
    }
    println!("{worst:?} ULP");
    assert!(worst[0] <= SOFTMAX_BACKWARD, "softmax: {} ULP", worst[0]);
    assert!(worst[1] <= LOG_SOFTMAX_BACKWARD, "log-softmax: {} ULP", worst[1]);
}

/// The gradient of cross-entropy, by the long way.
#[test]
fn compose_to_the_gradient_of_cross_entropy() -> Result<(), Error> {
    let mut random = Random::new(42);
    for n in [2, 10, 33, 200] {
        for margin in [-60.0, -10.0, 0.0, 10.0, 60.0] {
            let (mut scores, label) = (random.normal(n, 1.0), random.below(n));
            scores[label] += margin;
            let (mut exact, own) = (common::softmax(&scores), f64::from(scores[label]));
            let others = scores.iter().enumerate().filter(|&(k, _)| k != label);
            let tail: f64 = others.map(|(_, &x)| libm::exp(f64::from(x) - own)).sum();
            exact[label] = -tail / (1.0 + tail);
            let y: Vec<_> = common::log_softmax(&scores).iter().map(|&y| y as f32).collect();
            let mut g = vec![0.0; n];
            g[label] = -1.0;
            logits::log_softmax_backward_in_place(&y, &mut g)?;
            for (k, (&found, exact)) in g.iter().zip(exact).enumerate() {
                // The logarithm's rounding multiplies e^y.
                let tolerance = 4.0 + f64::from(y[k].abs()) * 2.0;
                let error = ulp(found, exact);
                assert!(error <= tolerance, "[{k}]: {found:e} for {exact:e}, margin {margin}");
            }
        }
    }
    Ok(())
}

#[test]
fn special_values() {
    const INF: f32 = f32::INFINITY;
    for backend in backends() {
        for n in [2, 16, 17, 40] {
            for special in [f32::NAN, INF, -INF] {
                // Of a masked class, at the end of the row.
                let (mut y, mut g) = (vec![0.5; n], vec![2.0; n]);
                (y[n - 1], g[n - 1]) = (0.0, special);
                let out = run(backend, SOFTMAX, &y, &g);
                assert_eq!(out[n - 1].to_bits(), 0);
                assert!(out[..n - 1].iter().all(|x| x.is_finite()), "{out:?} on {backend:?}");
                y[n - 1] = 0.25;
                assert!(run(backend, SOFTMAX, &y, &g)[n - 1].is_nan());
                // An impossible class.
                let out = run(backend, LOG_SOFTMAX, &vec![-INF; n], &g);
                assert!(common::same(out[n - 1], special) && out[0] == 2.0);
            }
            for f in [SOFTMAX, LOG_SOFTMAX] {
                assert_eq!((f.root)(backend, &[], &[], &mut []), Ok(()));
                assert_eq!((f.in_place)(backend, &[], &mut []), Ok(()));
            }
            for f in [0.0, 1.0] {
                let out = run(backend, LOG_SOFTMAX, &vec![f32::NAN; n], &vec![f; n]);
                assert!(out.iter().all(|x| x.is_nan()));
            }
        }
    }
}

type BestRoot = fn(&[f32], &[f32], &mut [f32]) -> Result<(), Error>;
type BestOfRows = fn(Rows<'_>, Rows<'_>, RowsMut<'_>) -> Result<(), Error>;
type Reference<'a> = &'a dyn Fn(&[f32], &[f32]) -> Vec<f32>;

#[test]
fn root_and_rows_run_on_the_best_backend() -> Result<(), Error> {
    let mut random = Random::new(43);
    let (count, columns, stride) = (3, 21, 24);
    let (y, g) = (random.vector(count * stride, -2.0, 0.0), random.normal(count * stride, 1.0));
    let of = |data| Rows::with_stride(data, columns, stride);
    let backend = backends()[0];
    let check = |root: BestRoot, of_rows: BestOfRows, expected: Reference<'_>| {
        let mut out = vec![9.0; g.len()];
        of_rows(of(&y)?, of(&g)?, RowsMut::with_stride(&mut out, columns, stride)?)?;
        for (i, out) in out.chunks(stride).enumerate() {
            let (y, g) = (of(&y)?.row(i).unwrap(), of(&g)?.row(i).unwrap());
            let (mut alone, expected) = (vec![9.0; columns], expected(y, g));
            root(y, g, &mut alone)?;
            assert_same(&alone, &expected, &"root");
            assert_same(&out[..columns], &expected, &"rows");
            assert!(out[columns..].iter().all(|&x| x == 9.0), "padding is written");
        }
        Ok::<(), Error>(())
    };
    check(logits::softmax_backward, rows::softmax_backward, &|y, g| run(backend, SOFTMAX, y, g))?;
    check(logits::log_softmax_backward, rows::log_softmax_backward, &|y, g| {
        run(backend, LOG_SOFTMAX, y, g)
    })?;
    let in_place = |y: Rows<'_>, g: Rows<'_>, mut out: RowsMut<'_>| {
        for (g, out) in g.iter().zip(&mut out) {
            out.copy_from_slice(g);
        }
        rows::softmax_backward_in_place(y, out)
    };
    check(
        |y, g, out| {
            out.copy_from_slice(g);
            logits::softmax_backward_in_place(y, out)
        },
        in_place,
        &|y, g| run(backend, SOFTMAX, y, g),
    )?;
    let in_place = |y: Rows<'_>, g: Rows<'_>, mut out: RowsMut<'_>| {
        for (g, out) in g.iter().zip(&mut out) {
            out.copy_from_slice(g);
        }
        rows::log_softmax_backward_in_place(y, out)
    };
    check(
        |y, g, out| {
            out.copy_from_slice(g);
            logits::log_softmax_backward_in_place(y, out)
        },
        in_place,
        &|y, g| run(backend, LOG_SOFTMAX, y, g),
    )
}
