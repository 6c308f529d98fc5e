//! softmax and log-softmax with a scale on every backend, and with zeros for masked rows.

mod common;

use common::{Random, assert_same, backends, ulp};
use logits::contract::{LOG_SOFTMAX, SOFTMAX};
use logits::{Backend, Error, Rows, RowsMut, Softmax};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

/// softmax(s·x) or its logarithm, of one row.
fn row(backend: Backend, scale: f32, log: bool, x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.5; x.len()];
    let softmax = Softmax::new().scale(scale).on(backend);
    if log { softmax.log_softmax(x, &mut out) } else { softmax.softmax(x, &mut out) }.unwrap();
    out
}

/// The logarithms and probabilities in f64.
fn exact(scale: f32, x: &[f32]) -> (Vec<f64>, Vec<f64>) {
    let max = x.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(f64::from(b)));
    let top = x.iter().position(|&x| f64::from(x) == max).unwrap();
    // The difference is exact where it matters, the product near enough.
    let scaled = |x: f32| {
        if x == -INF { f64::NEG_INFINITY } else { f64::from(scale) * (f64::from(x) - max) }
    };
    let others = x.iter().enumerate().filter(|(i, _)| *i != top);
    let others = common::sum(others.map(|(_, &x)| libm::exp(scaled(x))));
    let ln = libm::log1p(others);
    let log = x.iter().map(|&x| scaled(x) - ln).collect();
    let p = x.iter().map(|&x| libm::exp(scaled(x)) / (1.0 + others)).collect();
    (log, p)
}

/// Scores for a scale: about as spread as ordinary ones once they are scaled, as they are,
/// and awkward ones.
fn vectors(scale: f32) -> Vec<(String, Vec<f32>)> {
    let mut random = Random::new(108);
    let mut vectors = Vec::new();
    for n in [1, 2, 3, 7, 15, 16, 17, 33, 64, 100, 257, 1000, 4097] {
        for sigma in [1.0, 4.0, 10.0, 30.0] {
            for (name, sigma) in [("normal", sigma), ("scaled normal", sigma / scale)] {
                vectors.push((format!("{name}, σ = {sigma}, n = {n}"), random.normal(n, sigma)));
            }
        }
        for base in [-1e30, -260.0, -100.0, 50.0, 215.0, 223.0, 225.0, 300.0, 1e5, 1e30] {
            let around = |x| (base + x) / scale;
            let x = random.normal(n, 3.0).into_iter().map(around).collect();
            vectors.push((format!("s·x around {base}, n = {n}"), x));
        }
        vectors.push((format!("all equal, n = {n}"), vec![random.between(-300.0, 300.0); n]));
        let mut alternating = vec![80.0; n];
        alternating.iter_mut().skip(1).step_by(2).for_each(|x| *x = -80.0);
        vectors.push((format!("alternating ±80, n = {n}"), alternating));
        vectors.push((format!("1e30 twice, n = {n}"), {
            let mut x = random.normal(n, 1e29);
            x[n / 2] = 1e30;
            x[n - 1] = 1e30;
            x
        }));
        for rest in [-20.0, -2.0 / scale, -16.0 / scale, -95.0 / scale, -INF] {
            let mut one = vec![3.0 + rest; n];
            one[random.below(n)] = 3.0;
            vectors.push((format!("{rest} below one, n = {n}"), one));
        }
        vectors.push((format!("wide, n = {n}"), random.vector(n, -1e4, 1e4)));
        vectors.push((format!("huge, n = {n}"), random.vector(n, -3e38, 3e38)));
        let subnormal = |_| f32::from_bits(random.below(1 << 24) as u32);
        vectors.push((format!("subnormal, n = {n}"), (0..n).map(subnormal).collect()));
        let mut masked = random.normal(n, 5.0 / scale);
        masked.iter_mut().step_by(3).skip(1).for_each(|x| *x = -INF);
        vectors.push((format!("every third masked, n = {n}"), masked));
    }
    vectors
}

const SCALES: [f32; 7] = [0.125, 0.1, 3.0, 1e-3, 1.0, 1e-37, 1e36];

#[test]
fn errors_stay_within_the_contract() {
    let backends = backends();
    let mut worst = vec![[(0.0, String::new()), (0.0, String::new())]; 4];
    for scale in SCALES {
        for (what, x) in vectors(scale) {
            let what = format!("scale {scale}, {what}");
            if !x.iter().copied().fold(-INF, f32::max).is_finite() {
                continue; // divided by a small scale
            }
            let (log, p) = exact(scale, &x);
            for (backend, worst) in backends.iter().zip(&mut worst) {
                let mut meet = |i: usize, error: f64| {
                    if error > worst[i].0 {
                        worst[i] = (error, what.clone());
                    }
                };
                for (&found, &exact) in row(*backend, scale, false, &x).iter().zip(&p) {
                    meet(0, ulp(found, exact));
                }
                for (i, found) in row(*backend, scale, true, &x).into_iter().enumerate() {
                    if log[i] < f64::from(f32::MIN) {
                        assert_eq!(found, -INF, "{backend:?} {what} [{i}]: {:e}", log[i]);
                    } else {
                        meet(1, ulp(found, log[i]));
                    }
                }
            }
        }
    }
    for (backend, worst) in backends.iter().zip(worst) {
        println!("{backend:?}: {worst:?}");
        for ((error, what), limit) in worst.into_iter().zip([SOFTMAX, LOG_SOFTMAX]) {
            assert!(error <= limit, "{backend:?}: {error} > {limit} ULP for {what}");
        }
    }
}

/// Where s·max is 224 or more, the largest score is subtracted: what that rounds off once was up to
/// an ULP of a logarithm. A search that climbs found 1.223 ULP.
#[test]
fn logarithms_of_extreme_scores_err_no_more_than_others() {
    let mut random = Random::new(109);
    let known = [0x4558_BA5D, 0x4559_658F, 0x4557_74E5, 0xC41B_4FF8].map(f32::from_bits);
    let mut rows = vec![(f32::from_bits(0x3EFF_283E), known.to_vec())];
    for _ in 0..20_000 {
        let scale = random.between(-10.0, 10.0).exp2();
        // What is beyond 2^30 is taken another way.
        let scale = scale
            * if random.below(4) == 0 { 2f32.powi(30 + random.below(80) as i32) } else { 1.0 };
        let max = random.between(224.0, 2000.0);
        let n = 2 + random.below(3);
        let mut x = random.vector(n, max - 2.0, max);
        x[0] = max - random.between(90.0, 3000.0);
        rows.push((scale, x.iter().map(|x| x / scale).collect()));
    }
    let mut largest = 0.0f64;
    for (scale, x) in rows {
        let (log, _) = exact(scale, &x);
        for backend in backends() {
            for (found, &exact) in row(backend, scale, true, &x).into_iter().zip(&log) {
                largest = largest.max(ulp(found, exact));
            }
        }
    }
    println!("logarithms of extreme scores: {largest:.3} ULP");
    assert!(largest <= 1.28, "{largest}");
}

/// A row's results are the same on every backend of a class, wherever it lies and
/// whatever lies around it, in place and not.
#[test]
fn every_form_gives_the_same_bits() {
    let mut random = Random::new(32);
    for n in (1..=50).chain([64, 127, 129, 511, 513, 1025]) {
        let x = random.normal(n, 80.0);
        let hostile = random.vector(n, -3e38, 3e38);
        for (scale, log) in [(0.125, false), (0.125, true), (3.0, false), (3.0, true)] {
            let mut classes: [Option<Vec<f32>>; 3] = [None, None, None];
            for backend in backends() {
                let alone = row(backend, scale, log, &x);
                let first = classes[common::class_of_rows(backend)].get_or_insert(alone.clone());
                assert_same(first, &alone, &format_args!("{backend:?}, n = {n}"));

                let (stride, offset) = (n + random.below(4), random.below(16));
                let mut matrix = vec![NAN; offset + 4 * stride];
                for (i, x) in [&hostile, &x, &hostile, &x].into_iter().enumerate() {
                    matrix[offset + i * stride..][..n].copy_from_slice(x);
                }
                let what = format_args!("{backend:?}, n = {n}, in a matrix");
                let mut out = vec![NAN; 4 * n];
                let rows = Rows::with_stride(&matrix[offset..], n, stride).unwrap();
                let target = RowsMut::new(&mut out, n).unwrap();
                let softmax = Softmax::new().scale(scale).on(backend);
                let result = if log {
                    softmax.log_softmax_rows(rows, target)
                } else {
                    softmax.softmax_rows(rows, target)
                };
                result.unwrap();
                assert_same(&alone, &out[n..2 * n], &what);
                assert_same(&alone, &out[3 * n..], &what);
                let rows = RowsMut::with_stride(&mut matrix[offset..], n, stride).unwrap();
                let result = if log {
                    softmax.log_softmax_rows_in_place(rows)
                } else {
                    softmax.softmax_rows_in_place(rows)
                };
                result.unwrap();
                for i in 0..4 {
                    let (row, gap) = matrix[offset + i * stride..][..stride].split_at(n);
                    assert_same(&out[i * n..][..n], row, &what);
                    assert!(gap.iter().all(|x| x.is_nan()), "written between rows");
                }
            }
        }
    }
}

#[test]
fn special_values() {
    for backend in backends() {
        for (scale, log) in [(0.0, false), (0.1, false), (7.0, true), (-0.0, true)] {
            for n in [1, 2, 16, 17, 300] {
                for at in [0, n / 2, n - 1] {
                    let what = format!("{backend:?}, scale {scale}, {n} elements, [{at}]");
                    for (ordinary, special) in [(1.0, NAN), (1.0, INF), (-INF, NAN), (NAN, INF)] {
                        let mut x = vec![ordinary; n];
                        x[at] = special;
                        let y = row(backend, scale, log, &x);
                        assert!(y.iter().all(|y| y.is_nan()), "{what}");
                    }
                    // One element has everything, whatever the scale.
                    let mut x = vec![-INF; n];
                    x[at] = -5.0;
                    let (own, others) = if log { (0.0, -INF) } else { (1.0, 0.0) };
                    let mut expected = vec![others; n];
                    expected[at] = own;
                    assert_same(&expected, &row(backend, scale, log, &x), &what);
                    assert!(row(backend, scale, log, &vec![-INF; n]).iter().all(|y| y.is_nan()));
                }
            }
        }
        // A scale of 0 makes all equal that count.
        let x = [-INF, 3e38, -3e38, 7.0, 1e-40];
        assert_eq!(row(backend, 0.0, false, &x), [0.0, 0.25, 0.25, 0.25, 0.25]);
        let ln = -4f32.ln();
        assert_eq!(row(backend, 0.0, true, &x), [-INF, ln, ln, ln, ln]);
        // Neither s·x nor x − max overflows here, but for the last.
        assert_eq!(row(backend, 1e-36, true, &[3e38, -3e38]), [0.0, -600.0]);
        assert_eq!(row(backend, 1e36, true, &[3e38, 3e38, 1e38]), [-2f32.ln(), -2f32.ln(), -INF]);
        assert_eq!(row(backend, f32::MAX, false, &[0.0, -1e-36]), [1.0, 0.0]);
    }
}

type Plain = fn(Rows<'_>, RowsMut<'_>) -> Result<(), Error>;
type Options = fn(Softmax, Rows<'_>, RowsMut<'_>) -> Result<(), Error>;
type InPlace = fn(Softmax, RowsMut<'_>) -> Result<(), Error>;
const FORMS: [(f32, Plain, Options, InPlace); 2] = [
    (0.0, logits::rows::softmax, Softmax::softmax_rows, Softmax::softmax_rows_in_place),
    (
        -INF,
        logits::rows::log_softmax,
        Softmax::log_softmax_rows,
        Softmax::log_softmax_rows_in_place,
    ),
];

/// Masked rows anywhere among others give zeros, and all others what they give without
/// them; with scale 1 the bits of the plain functions.
#[test]
fn masked_rows_give_zeros() -> Result<(), Error> {
    let mut random = Random::new(33);
    for columns in [1, 5, 40, 300] {
        for masked in [0, 1, 0b10110, 0b10001, 0b11111] {
            let (stride, rows) = (columns + columns % 3, 5);
            let mut x = vec![NAN; rows * stride];
            for i in 0..rows {
                let row = &mut x[i * stride..][..columns];
                row.copy_from_slice(&random.normal(columns, 9.0));
                row[..columns / 2].fill(-INF);
                if masked >> i & 1 == 1 {
                    row.fill(-INF);
                }
            }
            for (nothing, plain, options, in_place) in FORMS {
                for scale in [1.0, 0.25] {
                    let softmax = Softmax::new().scale(scale);
                    let read = Rows::with_stride(&x, columns, stride)?;
                    let mut expected = vec![9.0; rows * columns];
                    options(softmax, read, RowsMut::new(&mut expected, columns)?)?;
                    if scale == 1.0 {
                        let mut same = vec![9.0; rows * columns];
                        plain(read, RowsMut::new(&mut same, columns)?)?;
                        assert_same(&same, &expected, &"scale 1");
                    }
                    for (i, row) in expected.chunks_mut(columns).enumerate() {
                        assert_eq!(row.iter().any(|x| x.is_nan()), masked >> i & 1 == 1);
                        if masked >> i & 1 == 1 {
                            row.fill(nothing);
                        }
                    }
                    let softmax = softmax.zeros_where_masked();
                    let mut out = vec![9.0; rows * columns];
                    options(softmax, read, RowsMut::new(&mut out, columns)?)?;
                    let what = format_args!("{masked:b}, {columns} columns, scale {scale}");
                    assert_same(&expected, &out, &what);
                    let mut out = x.clone();
                    in_place(softmax, RowsMut::with_stride(&mut out, columns, stride)?)?;
                    for (row, out) in expected.chunks(columns).zip(out.chunks(stride)) {
                        assert_same(row, &out[..columns], &what);
                        assert!(out[columns..].iter().all(|x| x.is_nan()), "between rows");
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn vectors_are_rows() -> Result<(), Error> {
    let x = Random::new(34).normal(37, 20.0);
    for scale in [1.0, 0.125] {
        let softmax = Softmax::new().scale(scale);
        let (mut a, mut b) = (vec![9.0; 37], vec![9.0; 37]);
        softmax.softmax_rows(Rows::new(&x, 37)?, RowsMut::new(&mut a, 37)?)?;
        softmax.softmax(&x, &mut b)?;
        assert_same(&a, &b, &"softmax");
        b.copy_from_slice(&x);
        softmax.softmax_in_place(&mut b)?;
        assert_same(&a, &b, &"softmax in place");
        softmax.log_softmax_rows(Rows::new(&x, 37)?, RowsMut::new(&mut a, 37)?)?;
        softmax.log_softmax(&x, &mut b)?;
        assert_same(&a, &b, &"log_softmax");
        b.copy_from_slice(&x);
        softmax.log_softmax_in_place(&mut b)?;
        assert_same(&a, &b, &"log_softmax in place");
        // Nothing at all.
        softmax.zeros_where_masked().softmax(&[], &mut [])?;
        softmax.zeros_where_masked().log_softmax_in_place(&mut [])?;
    }
    Ok(())
}

#[test]
fn arguments_are_checked_before_anything_is_written() -> Result<(), Error> {
    let x = [1.0, 2.0, 3.0, 4.0];
    for found in [-1.0, -1e-40, INF, -INF, NAN] {
        let softmax = Softmax::new().scale(found).zeros_where_masked();
        let (mut y, mut out) = (x, [9.0; 4]);
        let results = [
            softmax.softmax(&x, &mut out),
            softmax.softmax_in_place(&mut y),
            softmax.log_softmax(&x, &mut out),
            softmax.log_softmax_in_place(&mut y),
            softmax.softmax_rows(Rows::new(&x, 2)?, RowsMut::new(&mut out, 2)?),
            softmax.softmax_rows_in_place(RowsMut::new(&mut y, 2)?),
            softmax.log_softmax_rows(Rows::new(&x, 2)?, RowsMut::new(&mut out, 2)?),
            softmax.log_softmax_rows_in_place(RowsMut::new(&mut y, 2)?),
            softmax.on(Backend::best()).softmax(&x, &mut out),
        ];
        for result in results {
            let error = result.unwrap_err();
            let Error::Parameter { name: "scale", found: value, .. } = error else {
                panic!("{error}")
            };
            assert_eq!(value.to_bits(), found.to_bits());
            let expected = "a finite number of at least 0";
            assert_eq!(error.to_string(), format!("`scale` is {found}, expected {expected}"));
        }
        assert_eq!((y, out), (x, [9.0; 4]));
    }
    for scale in [1.0, 2.0] {
        let (softmax, mut out) = (Softmax::new().scale(scale), [9.0; 3]);
        let error = Error::Length { argument: "out", expected: 4, found: 3 };
        assert_eq!(softmax.softmax(&x, &mut out), Err(error));
        assert_eq!(softmax.log_softmax(&x, &mut out), Err(error));
        let rows = |n| Rows::new(&x, n);
        let error = Error::ColumnCount { argument: "out", expected: 4, found: 3 };
        assert_eq!(softmax.softmax_rows(rows(4)?, RowsMut::new(&mut out, 3)?), Err(error));
        let error = Error::RowCount { argument: "out", expected: 2, found: 1 };
        assert_eq!(softmax.log_softmax_rows(rows(2)?, RowsMut::new(&mut out[..2], 2)?), Err(error));
        assert_eq!(out, [9.0; 3]);
    }
    Ok(())
}
