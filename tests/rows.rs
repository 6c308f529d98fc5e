//! log-sum-exp, softmax and log-softmax on every backend: error, special
//! values, and the equality of all their forms.

mod common;

use common::{Random, assert_same, backends, class_of_rows, same, ulp};
use logits::contract::{LOG_SOFTMAX, LOG_SUM_EXP, SOFTMAX, SOFTMAX_WORST};
use logits::loss::CrossEntropy;
use logits::{Backend, Error, Rows, RowsMut, Softmax, rows};
use std::fmt::Display;
use std::ops::Range;

type OfOne = fn(Backend, &[f32], &mut [f32]) -> Result<(), Error>;
type OfRows = fn(Backend, Rows<'_>, RowsMut<'_>) -> Result<(), Error>;

/// A function of each row, as [`Backend`] has it.
#[derive(Clone, Copy)]
struct Function {
    one: OfOne,
    one_in_place: fn(Backend, &mut [f32]),
    rows: OfRows,
    rows_in_place: fn(Backend, RowsMut<'_>),
}

const SOFTMAX_OF: Function = Function {
    one: Backend::softmax,
    one_in_place: Backend::softmax_in_place,
    rows: Backend::rows_softmax,
    rows_in_place: Backend::rows_softmax_in_place,
};

const LOG_SOFTMAX_OF: Function = Function {
    one: Backend::log_softmax,
    one_in_place: Backend::log_softmax_in_place,
    rows: Backend::rows_log_softmax,
    rows_in_place: Backend::rows_log_softmax_in_place,
};

/// Runs a row function on one vector.
fn row(backend: Backend, f: Function, x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.5; x.len()];
    (f.one)(backend, x, &mut out).unwrap();
    out
}

/// Vectors of ordinary and of awkward scores.
fn vectors() -> Vec<(String, Vec<f32>)> {
    let mut random = Random::new(4);
    let mut vectors = Vec::new();
    for n in (1..=67).chain([100, 255, 256, 257, 1000, 4096, 20_000]) {
        for sigma in [1.0, 4.0, 10.0, 30.0] {
            vectors.push((format!("normal, σ = {sigma}, n = {n}"), random.normal(n, sigma)));
        }
        for base in [-1e30, -3e4, -260.0, -200.0, -90.0, 50.0, 100.0, 255.0, 257.0, 1e6, 1e30] {
            let around = random.normal(n, 3.0).into_iter().map(|x| base + x).collect();
            vectors.push((format!("around {base}, n = {n}"), around));
        }
        vectors.push((format!("all equal, n = {n}"), vec![random.between(-300.0, 300.0); n]));
        let mut alternating = vec![80.0; n];
        alternating.iter_mut().skip(1).step_by(2).for_each(|x| *x = -80.0);
        vectors.push((format!("alternating ±80, n = {n}"), alternating));
        let mut rising: Vec<f32> = (0..n).map(|i| i as f32 * 7.0 - 250.0).collect();
        vectors.push((format!("rising, n = {n}"), rising.clone()));
        rising.reverse();
        vectors.push((format!("falling, n = {n}"), rising));
        for (name, rest) in [("dominated", -20.0), ("masked but one", f32::NEG_INFINITY)] {
            let mut one = vec![rest; n];
            one[random.below(n)] = 3.0;
            vectors.push((format!("{name}, n = {n}"), one));
        }
        vectors.push((format!("wide, n = {n}"), random.vector(n, -1e4, 1e4)));
        vectors.push((format!("huge, n = {n}"), random.vector(n, -3e38, 3e38)));
        let mut masked = random.normal(n, 5.0);
        masked.iter_mut().step_by(3).skip(1).for_each(|x| *x = f32::NEG_INFINITY);
        vectors.push((format!("every third masked, n = {n}"), masked));
    }
    vectors
}

/// The largest error met, and where.
struct Worst(f64, String);

impl Worst {
    fn meet(&mut self, error: f64, what: &str) {
        if error > self.0 {
            *self = Self(error, what.to_owned());
        }
    }

    #[track_caller]
    fn check(self, limit: f64, function: &str, backend: Backend) {
        let Self(error, what) = self;
        println!("{function} {backend:?}: {error:.3} ULP for {what}");
        assert!(error <= limit, "{function} {backend:?}: {error} > {limit} ULP for {what}");
    }
}

#[test]
fn errors_stay_within_the_contract() {
    let mut vectors = vectors();
    // Those that err most.
    let worst: [&[f32]; 9] = [
        &[1.5370584, -1.2530344],
        &[1.5378047, -1.5381485],
        &[-0.62419224, -2.051758, 1.5375311],
        &[-0.5432974, 0.15002821],
        &[1.4962894, -1.644952],
        &[85.96866, 99.92397, 92.39999, 186.63435, 99.04113, 99.28398, 94.78759],
        &[-184.34384, -174.82793, -177.62883, -191.96835, -87.4112],
        &[130.06964, 43.36312],
        &[-0.64651006, 0.7506963, -0.38698632, -0.78432566],
    ];
    vectors.extend(worst.map(|x| (format!("{x:?}"), x.to_vec())));
    // One element far above many that are equal.
    for (n, others, at, one) in [
        (66_176, -10.1942, 8526, 1.0493737),
        (187_172, 125.89785, 4316, 140.09714),
        (1025, 100.407364, 29, 110.2236),
    ] {
        let mut x = vec![others; n];
        x[at] = one;
        vectors.push((format!("{n} of {others}, but {one} at {at}"), x));
    }
    // Or almost equal: the longer the row, the nearer are probabilities to their worst.
    let mut x = Random::new(26).normal(110_000, 0.3);
    x[17_145] = 13.0;
    vectors.push(("110000 near 0, but one is 13".to_owned(), x));
    let exact: Vec<_> = vectors
        .iter()
        .map(|(_, x)| (common::log_sum_exp(x), common::softmax(x), common::log_softmax(x)))
        .collect();
    for backend in backends() {
        let mut worst = [(); 3].map(|()| Worst(0.0, String::new()));
        for ((what, x), (lse, softmax, log_softmax)) in vectors.iter().zip(&exact) {
            let found = backend.log_sum_exp(x);
            worst[0].meet((f64::from(found) - lse).abs() / common::unit(lse.abs().max(1.0)), what);
            for (&found, &exact) in row(backend, SOFTMAX_OF, x).iter().zip(softmax) {
                worst[1].meet(ulp(found, exact), what);
            }
            for (&found, &exact) in row(backend, LOG_SOFTMAX_OF, x).iter().zip(log_softmax) {
                worst[2].meet(ulp(found, exact), what);
            }
        }
        let [log_sum_exp, softmax, log_softmax] = worst;
        log_sum_exp.check(LOG_SUM_EXP, "log_sum_exp", backend);
        softmax.check(SOFTMAX, "softmax", backend);
        log_softmax.check(LOG_SOFTMAX, "log_softmax", backend);
    }
}

/// A probability just below a power of two that is rounded to the number above that: there the last
/// place is twice as large, and rounding is an ULP of the probability instead of half of one.
#[test]
fn probabilities_rounded_across_a_power_of_two() {
    // Found for scalar, portable and avx2; -500 makes rows long enough to be kept in one word.
    let rows: [(f32, &[f32], usize); 4] = [
        (1.0, &[1.2512912e-6, 1.2512912e-6, 1.2500411e-6, 1.2487911e-6], 4),
        (
            1.4090708,
            &[-34.43233, -32.0075, -34.919975, -37.046036, -39.172104, -41.29813, -43.424126],
            137,
        ),
        (
            1.0477147,
            &[161.47849, 164.009, 161.24951, 158.39014, 155.53069, 152.67139, 149.81207],
            137,
        ),
        (
            1.9457564,
            &[-0.34165385, 1.023058, -0.50276417, -2.0423877, -3.5820107, -5.1216354, -6.661263],
            137,
        ),
    ];
    for backend in backends() {
        let mut worst = 0.0f64;
        for (scale, first, n) in rows {
            let mut x = first.to_vec();
            x.resize(n, -500.0);
            let s = f64::from(scale);
            let e = |x: &f32| libm::exp(s * (f64::from(*x) - f64::from(first[0])));
            let sum: f64 = x.iter().map(e).sum();
            let mut y = vec![7.0; n];
            Softmax::new().scale(scale).on(backend).softmax(&x, &mut y).unwrap();
            let errors = x.iter().zip(&y).map(|(x, y)| ulp(*y, e(x) / sum));
            worst = errors.fold(worst, f64::max);
        }
        println!("across a power of two on {backend:?}: {worst:.3} ULP");
        // More than where no power is crossed: the rows are of some use.
        assert!(worst > 2.0 && worst <= SOFTMAX_WORST, "{worst} ULP on {backend:?}");
    }
}

/// What the documentation of [`SOFTMAX`] tells: a row made to err most where multiplication
/// is fused. All errors of one element have the same sign.
#[test]
fn the_worst_row_known_errs_as_stated() {
    let mut x = [-50.0; 1000];
    x[..59].fill(8.426203);
    (x[500], x[501]) = (-14.529589, -0.48604143);
    let exact = common::softmax(&x);
    for backend in backends() {
        let errors = row(backend, SOFTMAX_OF, &x).into_iter().zip(&exact);
        let error = errors.map(|(found, &exact)| ulp(found, exact)).fold(0.0, f64::max);
        println!("worst row on {backend:?}: {error:.3} ULP");
        assert!(
            error <= 2.072,
            "{SOFTMAX_WORST} holds, but the documentation tells this row's error"
        );
        assert_eq!(SOFTMAX < error, class_of_rows(backend) == 1);
    }
    // And with a scale: on scalar it was 2.222, when products of `f32` were rounded.
    let (scale, mut x) = (f32::from_bits(0x3F9F_2045), [f32::from_bits(0xC329_7853); 5]);
    x[4] = f32::from_bits(0xC368_7A9F);
    let exact = libm::exp(f64::from(scale) * (f64::from(x[4]) - f64::from(x[0]))) / 4.0;
    for backend in backends() {
        let mut y = [7.0; 5];
        Softmax::new().scale(scale).on(backend).softmax(&x, &mut y).unwrap();
        let error = ulp(y[4], exact);
        println!("worst row with a scale on {backend:?}: {error:.3} ULP");
        assert!(error <= 0.78, "{error} on {backend:?}");
    }
}

#[test]
fn long_sums_do_not_drift() {
    let mut random = Random::new(5);
    let x = random.normal(1 << 20, 2.0);
    let exact = common::log_sum_exp(&x);
    for backend in backends() {
        let found = backend.log_sum_exp(&x);
        assert!(ulp(found, exact) <= LOG_SUM_EXP, "{found} for {exact} on {backend:?}");
        let sum: f64 = row(backend, SOFTMAX_OF, &x).into_iter().map(f64::from).sum();
        // The reciprocal is off by at most 2^-24, each element by as much at random.
        assert!((sum - 1.0).abs() <= 6e-8, "Σ softmax = 1 + {:e} on {backend:?}", sum - 1.0);
    }
}

#[test]
fn softmax_sums_to_one() {
    let mut random = Random::new(12);
    for sigma in [1.0, 4.0, 10.0, 30.0] {
        let x = random.normal(131_072, sigma);
        for backend in backends() {
            let sum = common::sum(row(backend, SOFTMAX_OF, &x).into_iter().map(f64::from));
            println!("σ = {sigma}, {backend:?}: Σ softmax = 1 + {:e}", sum - 1.0);
            assert!((sum - 1.0).abs() <= f64::from(f32::EPSILON), "{sum} for {sigma} {backend:?}");
        }
    }
}

#[test]
fn special_values() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    for backend in backends() {
        let lse = |x: &[f32]| backend.log_sum_exp(x);
        assert_eq!(lse(&[]), -INF);
        for n in [1, 2, 15, 16, 17, 33, 300] {
            for at in [0, n / 2, n - 1] {
                // A row of scores with one special value, in any place.
                let with = |base: f32, special: f32| {
                    let mut x = vec![base; n];
                    x[at] = special;
                    x
                };
                assert_eq!(lse(&with(-INF, -INF)), -INF);
                assert_eq!(lse(&with(1.0, INF)), INF);
                assert_eq!(lse(&with(-INF, INF)), INF);
                assert!(lse(&with(1.0, NAN)).is_nan());
                assert!(lse(&with(INF, NAN)).is_nan());
                assert!(lse(&with(-INF, NAN)).is_nan());
                let undefined =
                    [(-INF, -INF), (1.0, INF), (1.0, NAN), (-INF, INF), (INF, NAN), (1e30, NAN)];
                for (base, special) in undefined {
                    let x = with(base, special);
                    for out in [row(backend, SOFTMAX_OF, &x), row(backend, LOG_SOFTMAX_OF, &x)] {
                        assert!(out.iter().all(|y| y.is_nan()), "{base} {special} {backend:?}");
                    }
                }
                let masked = with(2.0, -INF);
                if n > 1 {
                    assert_eq!(row(backend, SOFTMAX_OF, &masked)[at].to_bits(), 0);
                    assert_eq!(row(backend, LOG_SOFTMAX_OF, &masked)[at], -INF);
                }
                let certain = with(-INF, -3.0);
                let mut one_hot = vec![0.0; n];
                one_hot[at] = 1.0;
                assert_same(&row(backend, SOFTMAX_OF, &certain), &one_hot, &"one-hot");
            }
        }
        for x in [0.0, -0.0, 1.0, -87.5, 1e-45, 3e38, -3e38, 88.9, 1234.5] {
            assert!(same(lse(&[x]), x), "one element is itself: {x:e} {backend:?}");
            assert_eq!(row(backend, SOFTMAX_OF, &[x]), [1.0], "{x:e} {backend:?}");
        }
    }
}

/// Elements of a row: mostly scores, some special.
fn scores(random: &mut Random, n: usize) -> Vec<f32> {
    let special = [f32::NEG_INFINITY, f32::NAN, f32::INFINITY, 300.0, -300.0, 1e30, 0.0];
    let kind = random.below(12);
    (0..n)
        .map(|_| match kind {
            0 if random.below(20) == 0 => special[random.below(special.len())],
            1 if random.below(3) == 0 => special[0],
            2 => random.between(-400.0, 400.0),
            3 => random.any(),
            _ => random.between(-20.0, 20.0),
        })
        .collect()
}

const GUARD: f32 = f32::from_bits(0x7FC0_1234);

/// A matrix somewhere in a buffer, between guards.
struct Placed {
    buffer: Vec<f32>,
    matrix: Range<usize>,
}

impl Placed {
    fn new(matrix: &[f32], offset: usize) -> Self {
        let mut buffer = vec![GUARD; offset];
        buffer.extend(matrix);
        buffer.extend([GUARD; 16]);
        Self { buffer, matrix: offset..offset + matrix.len() }
    }

    fn rows(&self, columns: usize) -> Rows<'_> {
        Rows::new(&self.buffer[self.matrix.clone()], columns).unwrap()
    }

    fn rows_mut(&mut self, columns: usize) -> RowsMut<'_> {
        RowsMut::new(&mut self.buffer[self.matrix.clone()], columns).unwrap()
    }

    #[track_caller]
    fn check(&self, at: usize, row: &[f32], what: &dyn Display) {
        assert_same(&self.buffer[self.matrix.start + at * row.len()..][..row.len()], row, what);
        let outside =
            self.buffer[..self.matrix.start].iter().chain(&self.buffer[self.matrix.end..]);
        assert!(outside.into_iter().all(|x| x.to_bits() == GUARD.to_bits()), "{what}: outside");
    }
}

/// Whether row `at` of a matrix has the expected results, in place or not.
fn forms_agree(
    (backend, f): (Backend, Function),
    x: &Placed,
    at: usize,
    expected: &[f32],
    what: &dyn Display,
) {
    let columns = expected.len();
    let mut out = Placed::new(&vec![0.5; x.matrix.len()], x.matrix.start);
    (f.rows)(backend, x.rows(columns), out.rows_mut(columns)).unwrap();
    out.check(at, expected, what);
    out.buffer.copy_from_slice(&x.buffer);
    (f.rows_in_place)(backend, out.rows_mut(columns));
    out.check(at, expected, &format_args!("{what}, in place"));
}

/// A row's results depend neither on its length's remainder, its place in memory or in a
/// matrix, nor on the form of the call, and are those of every backend of the class.
fn same_bits<Offsets: Iterator<Item = usize>>(
    lengths: impl Iterator<Item = usize>,
    offsets: impl Fn(usize) -> Offsets,
) {
    let mut random = Random::new(6);
    for n in lengths {
        // Alone, and as one of a few rows; more where rows are short.
        let count = 2 + random.below(if n <= 64 { 20 } else { 2 });
        let of_many = random.below(count);
        let x = scores(&mut random, n);
        let rows: Vec<_> = (0..count).map(|_| scores(&mut random, n)).collect();
        let many = [&rows[..of_many], std::slice::from_ref(&x), &rows[of_many + 1..]].concat();
        let mut of_class = [None, None, None];
        for backend in backends() {
            let (softmax, log_softmax, lse) =
                of_class[class_of_rows(backend)].get_or_insert_with(|| {
                    let rows = (row(backend, SOFTMAX_OF, &x), row(backend, LOG_SOFTMAX_OF, &x));
                    (rows.0, rows.1, backend.log_sum_exp(&x))
                });
            for offset in offsets(n) {
                for (rows, at) in [(std::slice::from_ref(&x), 0), (&many[..], of_many)] {
                    let what = format_args!(
                        "{backend:?}: row {at} of {}, {n} columns, {offset} elements from the start",
                        rows.len()
                    );
                    let matrix = Placed::new(&rows.concat(), offset);
                    forms_agree((backend, SOFTMAX_OF), &matrix, at, softmax, &what);
                    forms_agree((backend, LOG_SOFTMAX_OF), &matrix, at, log_softmax, &what);
                    let x = matrix.rows(n);
                    let mut sums = vec![0.0; x.rows()];
                    backend.rows_log_sum_exp(x, &mut sums).unwrap();
                    assert!(sums.get(at).is_none_or(|sum| same(*sum, *lse)), "{what}: sum");
                }
            }
        }
    }
}

#[test]
fn every_length_offset_and_form_gives_the_same_bits() {
    same_bits(0..=64, |_| 0..16);
    same_bits((65..200).chain((200..=4096).step_by(243)), |n| (n % 4..16).step_by(4));
}

/// `cargo test --release --test rows -- --ignored`
#[test]
#[ignore = "takes a minute of a release build"]
fn odd_lengths_and_all_offsets_give_the_same_bits() {
    same_bits((1..=4096).step_by(2), |_| 0..16);
}

/// `cargo test --release --test rows -- --ignored`
#[test]
#[ignore = "takes a minute of a release build"]
fn even_lengths_and_all_offsets_give_the_same_bits() {
    same_bits((0..=4096).step_by(2), |_| 0..16);
}

/// Rows of more tiles than one.
#[test]
fn large_matrices_give_the_same_bits() {
    let mut random = Random::new(11);
    for (count, columns) in [(1000, 2), (700, 9), (300, 65), (200, 100), (50, 1000), (9, 5000)] {
        let data: Vec<f32> = (0..count).flat_map(|_| scores(&mut random, columns)).collect();
        for backend in backends() {
            for offset in [0, 1, 7] {
                let x = Placed::new(&data, offset);
                for at in [0, 1, count / 2, count - 1] {
                    let what =
                        format_args!("{backend:?}: row {at} of {count}x{columns} at {offset}");
                    let alone = x.rows(columns).row(at).unwrap();
                    let softmax = in_place(backend, SOFTMAX_OF, alone);
                    forms_agree((backend, SOFTMAX_OF), &x, at, &softmax, &what);
                    let log_softmax = in_place(backend, LOG_SOFTMAX_OF, alone);
                    forms_agree((backend, LOG_SOFTMAX_OF), &x, at, &log_softmax, &what);
                }
            }
        }
    }
}

/// [`row`] in place.
fn in_place(backend: Backend, f: Function, x: &[f32]) -> Vec<f32> {
    let mut out = x.to_vec();
    (f.one_in_place)(backend, &mut out);
    out
}

/// Of short rows, which are taken together, what is likely in one says nothing of another's.
#[test]
fn short_rows_have_their_own_likely_elements() {
    for columns in [2, 17, 64, 65, 66, 100, 128] {
        let data: Vec<f32> = (0..5 * columns).map(|i| (i / columns * 5 + i % 3) as f32).collect();
        for backend in backends() {
            let x = Rows::new(&data, columns).unwrap();
            rows_agree(
                backend,
                LOG_SOFTMAX_OF,
                x,
                columns,
                &format!("{backend:?}, {columns} columns"),
            );
        }
    }
}

#[test]
fn rows_equal_single_vectors_whatever_the_stride() {
    let mut random = Random::new(7);
    for columns in [1, 2, 3, 7, 8, 10, 15, 16, 17, 31, 33, 64, 100] {
        for padding in [0, 1, 5] {
            let (count, stride) = (1 + random.below(9), columns + padding);
            let data: Vec<f32> = (0..count).flat_map(|_| scores(&mut random, stride)).collect();
            let x = Rows::with_stride(&data, columns, stride).unwrap();
            assert_eq!((x.rows(), x.iter().count()), (count, count));
            for backend in backends() {
                let what = format!("{backend:?} {count}x{columns}+{padding}");
                let mut lse = vec![0.0; count];
                backend.rows_log_sum_exp(x, &mut lse).unwrap();
                for (x, lse) in x.iter().zip(&lse) {
                    assert!(same(backend.log_sum_exp(x), *lse), "{what}");
                }
                rows_agree(backend, SOFTMAX_OF, x, stride, &what);
                rows_agree(backend, LOG_SOFTMAX_OF, x, stride, &what);
            }
        }
    }
}

fn rows_agree(backend: Backend, f: Function, x: Rows<'_>, stride: usize, what: &str) {
    let columns = x.columns();
    let mut out = vec![-7.0; x.rows() * stride];
    let target = RowsMut::with_stride(&mut out, columns, stride).unwrap();
    (f.rows)(backend, x, target).unwrap();
    for (x, out) in x.iter().zip(out.chunks(stride)) {
        assert_same(&out[..columns], &row(backend, f, x), &what);
        assert!(out[columns..].iter().all(|&x| x == -7.0), "{what}: padding is written");
    }
}

#[test]
fn backends_of_a_class_agree_to_the_bit() {
    let mut random = Random::new(8);
    let mut data: Vec<Vec<f32>> = (0..600).map(|n| scores(&mut random, n)).collect();
    data.extend(vectors().into_iter().map(|(_, x)| x));
    for x in &data {
        let results: Vec<_> = backends()
            .into_iter()
            .map(|backend| {
                let mut all = row(backend, SOFTMAX_OF, x);
                all.extend(row(backend, LOG_SOFTMAX_OF, x));
                all.push(backend.log_sum_exp(x));
                (backend, all)
            })
            .collect();
        for (a, x) in &results {
            for (b, y) in &results {
                if class_of_rows(*a) == class_of_rows(*b) {
                    assert_same(x, y, &format!("{a:?} and {b:?}, n = {}", x.len() / 2));
                }
            }
        }
    }
}

#[test]
fn root_and_rows_run_on_the_best_backend() -> Result<(), Error> {
    let mut random = Random::new(9);
    let data = random.normal(7 * 13, 5.0);
    let x = Rows::new(&data, 13)?;
    let best = Backend::best();
    let mut out = vec![0.0; data.len()];
    let expect = |f: fn(&[f32]) -> Vec<f32>| x.iter().flat_map(f).collect::<Vec<_>>();
    let softmax = expect(|x| row(Backend::best(), SOFTMAX_OF, x));
    let log_softmax = expect(|x| row(Backend::best(), LOG_SOFTMAX_OF, x));

    rows::softmax(x, RowsMut::new(&mut out, 13)?)?;
    assert_same(&out, &softmax, &"rows::softmax");
    rows::log_softmax(x, RowsMut::new(&mut out, 13)?)?;
    assert_same(&out, &log_softmax, &"rows::log_softmax");
    out.copy_from_slice(&data);
    rows::softmax_in_place(RowsMut::new(&mut out, 13)?);
    assert_same(&out, &softmax, &"rows::softmax_in_place");
    out.copy_from_slice(&data);
    rows::log_softmax_in_place(RowsMut::new(&mut out, 13)?);
    assert_same(&out, &log_softmax, &"rows::log_softmax_in_place");

    let (first, mut out) = (&data[..13], vec![0.0; 13]);
    logits::softmax(first, &mut out)?;
    assert_same(&out, &softmax[..13], &"softmax");
    logits::log_softmax(first, &mut out)?;
    assert_same(&out, &log_softmax[..13], &"log_softmax");
    out.copy_from_slice(first);
    logits::softmax_in_place(&mut out);
    assert_same(&out, &softmax[..13], &"softmax_in_place");
    out.copy_from_slice(first);
    logits::log_softmax_in_place(&mut out);
    assert_same(&out, &log_softmax[..13], &"log_softmax_in_place");

    let mut sums = [0.0; 7];
    rows::log_sum_exp(x, &mut sums)?;
    for (x, sum) in x.iter().zip(sums) {
        assert!(same(sum, best.log_sum_exp(x)));
        assert!(same(sum, logits::log_sum_exp(x)));
    }
    Ok(())
}

#[test]
fn linear_scores() {
    let mut random = Random::new(10);
    for (examples, features, classes) in [(1, 1, 1), (3, 5, 2), (4, 64, 10), (2, 700, 3)] {
        let x = random.normal(examples * features, 1.0);
        let weights = random.normal(classes * features, 1.0);
        let bias = random.normal(classes, 1.0);
        let mut results = Vec::new();
        for backend in backends() {
            let mut out = vec![0.0; examples * classes];
            let result = backend.rows_linear(
                Rows::new(&x, features).unwrap(),
                Rows::new(&weights, features).unwrap(),
                &bias,
                RowsMut::new(&mut out, classes).unwrap(),
            );
            result.unwrap();
            for (i, scores) in out.chunks(classes).enumerate() {
                for (k, &score) in scores.iter().enumerate() {
                    let pairs = x[i * features..].iter().zip(&weights[k * features..][..features]);
                    let products = pairs.map(|(&x, &w)| f64::from(x) * f64::from(w));
                    let (exact, size) =
                        products.fold((f64::from(bias[k]), 1.0), |(s, a), p| (s + p, a + p.abs()));
                    let error = (f64::from(score) - exact).abs();
                    assert!(error <= 2e-7 * size, "{error:e} of {size} on {backend:?}");
                }
            }
            results.push(out);
        }
        // Products and sums only: nothing to fuse, so all classes agree.
        for out in &results {
            assert_same(out, &results[0], &"linear");
        }
    }
}

/// n rows of no columns are n rows: what is one number a row has n.
#[test]
fn rows_of_no_columns_keep_their_number() -> Result<(), Error> {
    type OfRows = fn(Backend, Rows<'_>, &mut [f32]) -> Result<(), Error>;
    let (x, out) = (Rows::without_columns(70), || RowsMut::without_columns(70));
    assert_eq!((x.rows(), x.columns(), x.iter().len(), out().into_iter().count()), (70, 0, 70, 70));
    assert!(x.iter().all(<[f32]>::is_empty) && x.row(69).is_some() && x.row(70).is_none());
    for backend in backends() {
        backend.rows_softmax(x, out())?;
        backend.rows_log_softmax(x, out())?;
        backend.rows_softmax_in_place(out());
        backend.rows_softmax_backward(x, x, out())?;
        let mut all = [7.0; 70];
        backend.rows_log_sum_exp(x, &mut all)?;
        assert_eq!(all, [f32::NEG_INFINITY; 70]);
        let of_rows: [OfRows; 4] = [
            Backend::rows_entropy,
            |b, x, out| b.rows_cross_entropy(x, x, out),
            |b, x, out| b.rows_kl_divergence(x, x, out),
            |b, x, out| b.rows_js_divergence(x, x, out),
        ];
        for f in of_rows {
            all.fill(7.0);
            f(backend, x, &mut all)?;
            assert_eq!(all, [0.0; 70]);
        }
        backend.rows_linear(
            x,
            Rows::without_columns(2),
            &[1.0, 2.0],
            RowsMut::new(&mut [0.0; 140], 2)?,
        )?;
        let error = backend.rows_log_sum_exp(x, &mut [0.0; 69]).unwrap_err();
        assert_eq!(error, Error::Length { argument: "out", expected: 70, found: 69 });

        let loss = CrossEntropy::new().on(backend);
        let error = loss.loss(x, &[0; 70]).unwrap_err();
        assert_eq!(error, Error::Label { row: 0, label: 0, columns: 0 });
        assert_eq!(loss.ignored_label(0).loss_and_gradient(x, &[0; 70], out())?.count, 0);
        let found = loss.loss_and_gradient_soft(x, x, out())?;
        assert!(found.sum.is_nan() && found.count == 70, "{found:?}");
    }
    Ok(())
}
