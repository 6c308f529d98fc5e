//! Linear scores, their derivatives, and weighted sums of rows, on every backend: error against
//! f64, the same bits whatever the form, IEEE 754 for special values, and the derivative itself.

mod common;

use common::{Random, assert_same, backends, same, unit};
use logits::contract::{LINEAR, WEIGHTED_SUM};
use logits::loss::CrossEntropy;
use logits::{Backend, Error, Rows, RowsMut};

/// A matrix as it lies in memory: rows one after the other.
struct Matrix {
    data: Vec<f32>,
    columns: usize,
}

impl Matrix {
    fn new(data: Vec<f32>, columns: usize) -> Self {
        assert!(columns > 0 && data.len().is_multiple_of(columns));
        Self { data, columns }
    }

    fn rows(&self) -> Rows<'_> {
        Rows::new(&self.data, self.columns).unwrap()
    }

    fn transposed(&self) -> Self {
        let rows = self.data.len() / self.columns;
        let data = (0..self.data.len()).map(|i| self.data[i % rows * self.columns + i / rows]);
        Self::new(data.collect(), rows)
    }
}

/// x Wᵀ + b.
fn linear(backend: Backend, x: &Matrix, weights: &Matrix, bias: &[f32]) -> Vec<f32> {
    let mut out = vec![9.0; x.rows().rows() * bias.len()];
    let place = RowsMut::new(&mut out, bias.len()).unwrap();
    backend.rows_linear(x.rows(), weights.rows(), bias, place).unwrap();
    out
}

/// gᵀx, and the sums of g's columns.
fn backward(backend: Backend, x: &Matrix, g: &Matrix) -> (Vec<f32>, Vec<f32>) {
    let (mut weights, mut bias) = (vec![9.0; g.columns * x.columns], vec![9.0; g.columns]);
    let place = RowsMut::new(&mut weights, x.columns).unwrap();
    backend.rows_linear_backward(x.rows(), g.rows(), place, &mut bias).unwrap();
    (weights, bias)
}

/// weights · values.
fn weighted_sums(backend: Backend, weights: &Matrix, values: &Matrix) -> Vec<f32> {
    let mut out = vec![9.0; weights.rows().rows() * values.columns];
    let place = RowsMut::new(&mut out, values.columns).unwrap();
    backend.rows_weighted_sums(weights.rows(), values.rows(), place).unwrap();
    out
}

/// The error of a sum of products and a number, as the contract measures it.
fn error(found: f32, a: &[f32], b: &[f32], bias: f32) -> f64 {
    assert_eq!(a.len(), b.len());
    let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
    let least = f64::from(f32::MIN_POSITIVE);
    let of_product = |p: f64| if p == 0.0 { 0.0 } else { p.abs() + least };
    let size = products.clone().map(of_product).sum::<f64>() + f64::from(bias).abs();
    let exact = common::sum(products.chain([f64::from(bias)]));
    if size == 0.0 { f64::from(found).abs() } else { (f64::from(found) - exact).abs() / unit(size) }
}

/// Numbers of one kind.
fn numbers(random: &mut Random, n: usize) -> Vec<f32> {
    match random.below(5) {
        0 => random.normal(n, 1.0),
        // Mantissas just above 1, whose products are rounded by most of an ULP of theirs.
        1 => (0..n).map(|_| 1.0 + f32::EPSILON * random.below(1 << 12) as f32).collect(),
        // Any size, down to products that are subnormal.
        2 => {
            (0..n).map(|_| random.normal(1, 1.0)[0] * random.between(-80.0, 40.0).exp2()).collect()
        }
        3 => (0..n).map(|i| if i % 2 == 0 { 1e8 } else { -1e8 + i as f32 }).collect(),
        _ => random.vector(n, 0.0, 1.0),
    }
}

#[test]
fn errors_are_within_the_contract() {
    let mut random = Random::new(90);
    // Of scores, and of weighted sums.
    let mut largest = [0.0f64; 2];
    for round in 0..1500 {
        let terms = if round % 8 == 0 { 1 + random.below(700) } else { 1 + random.below(6) };
        let [m, n] = [(); 2].map(|()| 1 + random.below(40));
        // a has a row a result, b a column a result.
        let a = Matrix::new(numbers(&mut random, m * terms), terms);
        let b = Matrix::new(numbers(&mut random, terms * n), n);
        let (a_t, b_t) = (a.transposed(), b.transposed());
        let bias = numbers(&mut random, n);
        for backend in backends() {
            let scores = linear(backend, &a, &b_t, &bias);
            let (weights, sums) = backward(backend, &b, &a_t);
            let products = weighted_sums(backend, &a, &b);
            assert_same(&weights, &products, &"transposed");
            for (i, a) in a.rows().into_iter().enumerate() {
                for (k, b) in b_t.rows().into_iter().enumerate() {
                    largest[0] = largest[0].max(error(scores[i * n + k], a, b, bias[k]));
                    largest[1] = largest[1].max(error(weights[i * n + k], a, b, 0.0));
                }
                largest[1] = largest[1].max(error(sums[i], a, &vec![1.0; terms], 0.0));
            }
        }
    }
    println!("linear and weighted sums: {largest:.3?} ULP");
    assert!(largest[0] <= LINEAR && largest[1] <= WEIGHTED_SUM, "{largest:?}");
}

#[test]
fn an_element_depends_on_its_row_and_column_alone() {
    let mut random = Random::new(91);
    for [terms, m, n] in [[1, 1, 1], [5, 3, 7], [33, 6, 17], [100, 11, 64], [70, 4, 37]] {
        let (x, g) = (random.normal(terms * n, 1.0), random.normal(terms * m, 1.0));
        let (x, g) = (Matrix::new(x, n), Matrix::new(g, m));
        let (expected, of_bias) = backward(backends()[0], &x, &g);
        for backend in backends() {
            // Products and sums only: nothing to fuse, so all backends agree.
            let (weights, bias) = backward(backend, &x, &g);
            assert_same(&weights, &expected, &backend.name());
            assert_same(&bias, &of_bias, &backend.name());
            // One column of each, out of the middle of the matrices.
            for k in 0..m {
                let j = random.below(n);
                let window = Rows::with_stride(&x.data[j..], 1, n).unwrap();
                let of_class = Rows::with_stride(&g.data[k..], 1, m).unwrap();
                let (mut one, mut bias) = ([9.0; 4], [9.0]);
                let place = RowsMut::with_stride(&mut one, 1, 4).unwrap();
                backend.rows_linear_backward(window, of_class, place, &mut bias).unwrap();
                assert_same(&[one[0], bias[0]], &[expected[k * n + j], of_bias[k]], &"alone");
                assert_eq!(one[1..], [9.0; 3], "between rows");
            }
        }
    }
}

/// Two products are rounded, and their sum is: that is all there is to round.
#[test]
fn special_values_follow_ieee_754() {
    const INF: f32 = f32::INFINITY;
    let values = [0.0, -0.0, 1.0, -1.5, f32::from_bits(1), f32::MAX, f32::MIN, INF, -INF, f32::NAN];
    let pairs = || values.into_iter().flat_map(|a| values.map(|b| [a, b]));
    let backends = backends();
    for w in pairs() {
        for x in pairs() {
            // + 0.0: a sum is +0 before there is anything in it.
            let expected = (0.0 + w[0] * x[0]) + w[1] * x[1];
            let (w, x) = (Matrix::new(w.to_vec(), 2), Matrix::new(x.to_vec(), 1));
            for &backend in &backends {
                let found = weighted_sums(backend, &w, &x)[0];
                let (by_weights, by_bias) = backward(backend, &x, &w.transposed());
                assert!(same(found, expected), "{:?}·{:?}: {found:e}", w.data, x.data);
                assert!(same(by_weights[0], expected), "{:?}·{:?}", w.data, x.data);
                assert!(same(by_bias[0], (0.0 + w.data[0]) + w.data[1]), "{:?}", w.data);
            }
        }
    }
}

#[test]
fn sums_of_nothing_are_zero() -> Result<(), Error> {
    for backend in backends() {
        let (mut weights, mut bias, mut out) = ([9.0; 6], [9.0; 2], [9.0; 6]);
        let (x, g) = (Rows::new(&[], 3)?, Rows::new(&[], 2)?);
        backend.rows_linear_backward(x, g, RowsMut::new(&mut weights, 3)?, &mut bias)?;
        backend.rows_weighted_sums(Rows::without_columns(2), x, RowsMut::new(&mut out, 3)?)?;
        assert_eq!((weights, bias, out), ([0.0; 6], [0.0; 2], [0.0; 6]));
        // No classes, and no features.
        let (x, none) = (Rows::new(&[1.0; 6], 3)?, Rows::without_columns(2));
        backend.rows_linear_backward(x, none, RowsMut::new(&mut [], 3)?, &mut [])?;
        backend.rows_linear_backward(none, x, RowsMut::without_columns(3), &mut [9.0; 3])?;
    }
    Ok(())
}

/// The slope of the loss between two near weights, in f64.
#[test]
fn the_gradient_is_the_slope_of_the_loss() -> Result<(), Error> {
    let (examples, features, classes) = (9, 5, 4);
    let mut random = Random::new(92);
    let x = Matrix::new(random.normal(examples * features, 1.0), features);
    let weights = random.normal(classes * features, 1.0);
    let bias = random.normal(classes, 1.0);
    let labels: Vec<u8> = (0..examples).map(|i| (i % classes) as u8).collect();
    // The mean loss with one of the weights, or of the bias, moved.
    let mean = |moved: usize, by: f64| {
        let score = |x: &[f32], k: usize| {
            let w = |at: usize, w: f32| f64::from(w) + if at == moved { by } else { 0.0 };
            let products = x.iter().enumerate().map(|(j, &x)| {
                let at = k * features + j;
                w(at, weights[at]) * f64::from(x)
            });
            products.sum::<f64>() + w(weights.len() + k, bias[k])
        };
        let loss = |(x, label): (&[f32], &u8)| {
            let scores: Vec<f64> = (0..classes).map(|k| score(x, k)).collect();
            libm::log(scores.iter().map(|&s| libm::exp(s)).sum()) - scores[usize::from(*label)]
        };
        x.rows().into_iter().zip(&labels).map(loss).sum::<f64>() / examples as f64
    };
    for backend in backends() {
        let mut scores = linear(backend, &x, &Matrix::new(weights.clone(), features), &bias);
        let rows = RowsMut::new(&mut scores, classes)?;
        let loss = CrossEntropy::new().on(backend).gradient_in_place(rows, &labels)?;
        loss.mean_gradient(&mut scores);
        let (by_weights, by_bias) = backward(backend, &x, &Matrix::new(scores, classes));
        for (i, &found) in by_weights.iter().chain(&by_bias).enumerate() {
            let slope = (mean(i, 1e-4) - mean(i, -1e-4)) / 2e-4;
            assert!((f64::from(found) - slope).abs() < 2e-7, "{i}: {found}, {slope}");
        }
    }
    Ok(())
}

/// Partial sums overflow, and next to the largest number the error of an addition is no number;
/// the sums are numbers all the same, or the infinity that they round to.
#[test]
fn sums_overflow_where_their_values_do() {
    const MAX: f32 = f32::MAX;
    const INF: f32 = f32::INFINITY;
    let (small, half) = (f32::from_bits(0xF3C0_0000), f32::from_bits(0x7300_0000));
    let mut many = vec![MAX; 70];
    many.extend([-MAX; 69]);
    for (terms, expected) in [
        (vec![small, MAX], (f64::from(small) + f64::from(MAX)) as f32),
        (vec![MAX, small], (f64::from(small) + f64::from(MAX)) as f32),
        (vec![MAX, MAX, -MAX], MAX),
        (vec![MAX, -MAX, MAX], MAX),
        (vec![-MAX, -MAX, MAX, 1.0, MAX, 2.0], 3.0),
        (vec![MAX, MAX, -INF], -INF),
        (vec![MAX, MAX, 0.0], INF),
        // Half a unit in the last place of the largest number more rounds to infinity, less does not.
        (vec![MAX, half], INF),
        (vec![MAX, half, -1e24], MAX),
        (vec![-MAX, -MAX, half, MAX, -1e30], -MAX),
        (many, MAX),
    ] {
        let n = terms.len();
        let ones = Matrix::new(vec![1.0; n], n);
        // By themselves, and as the last of several results.
        let values = Matrix::new(terms.clone(), n);
        let several = Matrix::new([vec![1.0; 4 * n], terms.clone()].concat(), n);
        let first = Matrix::new(vec![terms[0]], 1);
        for backend in backends() {
            let near = |found: f32, what: &str| {
                assert_eq!(found, expected, "{what} of {terms:?} on {backend:?}");
            };
            near(linear(backend, &ones, &values, &[0.0])[0], "scores");
            near(linear(backend, &ones, &several, &[0.0; 5])[4], "a score");
            near(linear(backend, &ones, &values, &[-0.0])[0], "scores");
            near(weighted_sums(backend, &ones, &values.transposed())[0], "sums");
            near(weighted_sums(backend, &several, &ones.transposed())[4], "a sum");
            let (by_weights, by_bias) =
                backward(backend, &ones.transposed(), &several.transposed());
            near(by_weights[4], "a derivative");
            near(by_bias[4], "a derivative by a bias");
            // The first term is the bias.
            if n > 1 {
                let rest = Matrix::new(terms[1..].to_vec(), n - 1);
                let ones = Matrix::new(vec![1.0; n - 1], n - 1);
                near(linear(backend, &ones, &rest, &first.data)[0], "a score with a bias");
            }
        }
    }
}

/// The errors of hundreds of thousands of additions, one like the other, have digits of their own.
#[test]
fn a_long_sum_that_overflows_on_its_way_is_within_the_contract() {
    let n = 1 << 18;
    let mut terms = vec![f32::MAX / n as f32 * 1.2; n];
    terms.push(-f32::MAX);
    let ones = Matrix::new(vec![1.0; n + 1], n + 1);
    let values = Matrix::new(terms, n + 1);
    let transposed = values.transposed();
    for backend in backends() {
        let score = linear(backend, &ones, &values, &[0.0])[0];
        let sum = weighted_sums(backend, &ones, &transposed)[0];
        assert!(error(score, &ones.data, &values.data, 0.0) <= LINEAR, "{score:e} on {backend:?}");
        assert!(
            error(sum, &ones.data, &values.data, 0.0) <= WEIGHTED_SUM,
            "{sum:e} on {backend:?}"
        );
    }
}
