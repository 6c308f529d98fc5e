//! Cross-entropy on labels on every backend: error, special values, gradients, and the
//! equality of all their forms.

mod common;

use common::{Random, assert_same, backends, same, ulp};
use logits::contract::{GRADIENT, LOSS};
use logits::{Backend, Rows, RowsMut, loss};

/// The loss of one row and its gradient.
fn loss_and_gradient(backend: Backend, scores: &[f32], label: usize) -> (f32, Vec<f32>) {
    weighted_loss_and_gradient(backend, scores, label, 1.0, loss::CrossEntropy::new())
}

/// With the weight that the label's class has.
fn weighted_loss_and_gradient(
    backend: Backend,
    scores: &[f32],
    label: usize,
    weight: f32,
    of: loss::CrossEntropy<'_>,
) -> (f32, Vec<f32>) {
    let mut gradient = vec![0.5; scores.len()];
    let rows = Rows::new(scores, scores.len()).unwrap();
    let target = RowsMut::new(&mut gradient, scores.len()).unwrap();
    let labels = [label as u32];
    let loss = of.on(backend).loss_and_gradient(rows, &labels, target).unwrap();
    let alone = of.on(backend).loss(rows, &labels).unwrap();
    assert!(same(loss.sum, alone.sum) && loss.count == 1 && loss.weight == weight);
    (loss.sum, gradient)
}

/// The same in f64, from the tail, of scores by a temperature.
fn exact(scores: &[f32], label: usize, temperature: f32) -> (f64, Vec<f64>) {
    let scores: Vec<_> = scores.iter().map(|&x| f64::from(x) / f64::from(temperature)).collect();
    let own = scores[label];
    let others = scores.iter().enumerate().filter(|&(j, _)| j != label);
    let max = others.clone().fold(f64::NEG_INFINITY, |max, (_, &x)| max.max(x));
    let sum: f64 = others.map(|(_, &x)| libm::exp(x - max)).sum();
    // tail = sum · e^(max − own), which may overflow where the loss does not.
    let exponent = max - own;
    let tail = sum * libm::exp(exponent);
    let loss = if exponent > 600.0 { exponent + libm::log(sum) } else { libm::log1p(tail) };
    let top = max.max(own);
    let all = sum * libm::exp(max - top) + libm::exp(own - top);
    let mut gradient: Vec<_> = scores.iter().map(|x| libm::exp(x - top) / all).collect();
    gradient[label] = if tail.is_infinite() { -1.0 } else { -tail / (1.0 + tail) };
    for gradient in &mut gradient {
        *gradient /= f64::from(temperature);
    }
    (loss, gradient)
}

#[test]
fn errors_stay_within_the_contract() {
    let mut random = Random::new(11);
    let mut cases = Vec::new();
    for n in (2..=40).chain([100, 1000, 10_000]) {
        for sigma in [1.0, 4.0, 10.0, 30.0, 1000.0] {
            for offset in [0.0, -300.0, 250.0, 1e5] {
                let mut scores = random.normal(n, sigma);
                for x in &mut scores {
                    *x += offset;
                }
                cases.push((random.below(n), scores));
            }
        }
        // Margins of the right answer, far beyond where ln Σ e^x − x cancels.
        for margin in -20..=20 {
            let label = random.below(n);
            let mut scores = random.normal(n, 1.0);
            scores[label] += margin as f32 * 5.0 + random.between(0.0, 5.0);
            cases.push((label, scores));
        }
    }
    // The one that errs most, and labels far above many that are equal.
    cases.push((1, vec![-4.1036873, 12.585439]));
    for (n, others, label, score) in [
        (66_176, -10.1942, 8526, 1.0493737),
        (187_172, 125.89785, 4316, 140.09714),
        (1025, 100.407364, 29, 110.2236),
    ] {
        let mut scores = vec![others; n];
        scores[label] = score;
        cases.push((label, scores));
    }
    for backend in backends() {
        let mut worst = [(0.0, String::new()), (0.0, String::new())];
        for (i, (label, scores)) in cases.iter().enumerate() {
            // Every other row without a weight, and two of three without a temperature.
            let n = scores.len();
            let octaves = if i % 3 < 2 { 0.0 } else { random.between(-10.0, 10.0) };
            let (least, most) = (-13.0, 24.0 - libm::log2f(n as f32));
            let temperature = libm::exp2f(octaves.max(-most));
            let power = random.between(least + octaves.max(0.0), most + octaves.min(0.0));
            let weight = if i % 2 == 0 { 1.0 } else { libm::exp2f(power) };
            let weights = vec![weight; n];
            let of = loss::CrossEntropy::new();
            let of = if i % 2 == 0 { of } else { of.class_weights(&weights) };
            let of = of.temperature(temperature);
            let (loss, gradient) = weighted_loss_and_gradient(backend, scores, *label, weight, of);
            let (exact_loss, exact_gradient) = exact(scores, *label, temperature);
            let exact_loss = exact_loss * f64::from(weight);
            let what = format!("n = {n}, {weight:e}, {temperature:e}, loss {exact_loss:e}");
            let errors = gradient.iter().zip(&exact_gradient);
            let errors = errors.map(|(&g, &e)| ulp(g, e * f64::from(weight)));
            let errors = [ulp(loss, exact_loss), errors.fold(0.0, f64::max)];
            for (worst, error) in worst.iter_mut().zip(errors) {
                if error > worst.0 {
                    *worst = (error, what.clone());
                }
            }
        }
        let [(loss, at), (gradient, gradient_at)] = worst;
        println!("loss {backend:?}: {loss:.3} ULP at {at}");
        println!("gradient {backend:?}: {gradient:.3} ULP at {gradient_at}");
        assert!(loss <= LOSS, "loss on {backend:?}: {loss} ULP at {at}");
        assert!(gradient <= GRADIENT, "gradient on {backend:?}: {gradient} ULP at {gradient_at}");
    }
}

#[test]
fn special_values() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    for backend in backends() {
        for n in [2, 5, 16, 17, 40] {
            for (label, other) in [(0, n - 1), (n - 1, 0), (n / 2, n / 2 - 1)] {
                let with = |base: f32, own: f32, special: f32| {
                    let mut x = vec![base; n];
                    (x[label], x[other]) = (own, special);
                    loss_and_gradient(backend, &x, label)
                };
                let undefined = [
                    (1.0, NAN, 1.0),
                    (1.0, 1.0, NAN),
                    (1.0, INF, 1.0),
                    (1.0, 1.0, INF),
                    (-INF, -INF, -INF),
                    (-INF, INF, NAN),
                ];
                for (base, own, special) in undefined {
                    let (loss, gradient) = with(base, own, special);
                    assert!(loss.is_nan() && gradient.iter().all(|g| g.is_nan()), "{backend:?}");
                }
                // Nothing but the label is possible.
                let (loss, gradient) = with(-INF, 3.0, -INF);
                assert!(loss.to_bits() == 0 && gradient.iter().all(|&g| g == 0.0));
                // The label is impossible: infinite loss, finite gradient.
                let (loss, gradient) = with(-INF, -INF, 2.0);
                assert!(loss == INF && gradient[label] == -1.0 && gradient[other] == 1.0);
                // A masked class takes no gradient.
                let (loss, gradient) = with(1.0, 1.0, -INF);
                assert!(loss.is_finite() && gradient[other].to_bits() == 0);
                // Beyond every exponent.
                assert_eq!(with(0.0, 1e30, 0.0).0, 0.0);
                assert_eq!(with(0.0, -1e30, 0.0).0, 1e30);
                assert_eq!(with(-3e38, -3e38, 3e38).0, INF);
            }
        }
    }
    assert!(loss::Loss::default().mean().is_nan());
    assert_eq!(loss::Loss::default().mean_or(0.0), 0.0);
}

#[test]
fn rows_backends_and_forms_agree_to_the_bit() {
    let mut random = Random::new(12);
    for columns in [1, 2, 10, 16, 17, 33, 100] {
        let (count, stride) = (5, columns + 3);
        let data = random.normal(count * stride, 9.0);
        let labels: Vec<u32> = (0..count).map(|_| random.below(columns) as u32).collect();
        let x = Rows::with_stride(&data, columns, stride).unwrap();
        let mut results: Vec<(Backend, Vec<f32>)> = Vec::new();
        for backend in backends() {
            let mut out = vec![-7.0; data.len()];
            let target = RowsMut::with_stride(&mut out, columns, stride).unwrap();
            let plain = loss::CrossEntropy::new().on(backend);
            let loss = plain.loss_and_gradient(x, &labels, target).unwrap();
            let mut sum = 0.0;
            for ((x, &label), out) in x.iter().zip(&labels).zip(out.chunks(stride)) {
                let (loss, gradient) = loss_and_gradient(backend, x, label as usize);
                sum += f64::from(loss);
                assert_same(&out[..columns], &gradient, &"rows and one row");
                assert!(out[columns..].iter().all(|&x| x == -7.0), "padding is written");
            }
            assert!(ulp(loss.sum, sum) <= 0.51, "the losses add up");
            // Of the sum ½ ULP, twice that of the quotient, and ½ more.
            assert!(ulp(loss.mean(), sum / count as f64) <= 1.5);
            assert_eq!((loss.count, loss.weight), (count, count as f32));
            out.push(loss.sum);
            results.push((backend, out));
        }
        for (a, x) in &results {
            for (b, y) in &results {
                if common::class_of_rows(*a) == common::class_of_rows(*b) {
                    assert_same(x, y, &format!("{a:?} and {b:?}, {columns} columns"));
                }
            }
        }
        // The public builder runs on the best backend.
        let mut out = vec![-7.0; data.len()];
        let target = RowsMut::with_stride(&mut out, columns, stride).unwrap();
        let both = loss::CrossEntropy::new().loss_and_gradient(x, &labels, target).unwrap();
        let alone = loss::CrossEntropy::new().loss(x, &labels).unwrap();
        out.push(both.sum);
        assert_eq!(both, alone);
        assert_same(&out, &results[0].1, &"CrossEntropy");
    }
}

/// Tiles have from 1 to 64 rows, by the length of these, and losses are added up 16 at a time: the
/// sum has each of them once, wherever tiles end.
#[test]
fn sums_have_every_row_once() {
    let mut random = Random::new(13);
    for columns in [1, 2, 31, 32, 33, 40, 50, 70, 100, 128, 150, 300, 700, 1400] {
        for count in [1, 2, 15, 16, 17, 20, 33, 40, 63, 64, 65, 90, 130] {
            let scores = random.normal(count * columns, 3.0);
            let scores = Rows::new(&scores, columns).unwrap();
            let weights = random.vector(columns, 0.5, 2.0);
            let labels: Vec<_> = (0..count).map(|_| random.below(columns) as i64).collect();
            let ignored = labels[0];
            let plain = loss::CrossEntropy::new();
            let cases = [
                (plain, false, None),
                (plain.class_weights(&weights), true, None),
                (plain.ignored_label(ignored), false, Some(ignored)),
            ];
            for (of, is_weighted, ignored) in cases {
                let counted = || labels.iter().filter(|&&label| Some(label) != ignored);
                let of_label = |&label: &i64| f64::from(weights[label as usize]);
                let kept = counted().count();
                let weight = if is_weighted { counted().map(of_label).sum() } else { kept as f64 };
                for backend in backends() {
                    let mut losses = vec![f32::NAN; count];
                    let all = of.on(backend).losses(scores, &labels, &mut losses).unwrap();
                    let what = format!("{count} × {columns} on {backend:?}: {all:?}");
                    let sum: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
                    assert_eq!(all.count, kept, "{what}");
                    // Both are sums in two words, rounded.
                    assert!(ulp(all.sum, sum) <= 0.51, "{what}, {sum:e}");
                    assert!(ulp(all.weight, weight) <= 0.51, "{what}, {weight:e}");
                }
            }
        }
    }
}
