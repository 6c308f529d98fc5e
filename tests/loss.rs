//! Cross-entropy on labels and the divergences on every backend: error, special
//! values, gradients, and the equality of all their forms.

mod common;

use common::{
    Random, TERM, assert_same, backends, js_term, kl_term, label_loss_and_gradient, same, ulp,
    unit, x_ln_y,
};
use logits::contract::{DISTRIBUTION, DIVERGENCE, GRADIENT, KL_DIVERGENCE_OF_SCORES, LOSS};
use logits::kernel::{
    CrossEntropy, Entropy, JsDivergence, KlDivergence, KlDivergenceOfScores, LabelLoss,
    RowsEntropy, RowsOfTwo, Scores,
};
use logits::{Backend, Rows, RowsMut, loss, rows};

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
    let with_gradient = Scores::with_gradient(rows, target).unwrap();
    let loss = backend.run(LabelLoss::new(of, with_gradient, &labels).unwrap());
    let alone = backend.run(LabelLoss::new(of, Scores::new(rows), &labels).unwrap());
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
            let loss = backend.run(label_loss_and_gradient(x, &labels, target).unwrap());
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
                if a.is_fused() == b.is_fused() {
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

/// Probabilities: a softmax of scores, or sparse ones that sum to 1.
fn distribution(random: &mut Random, n: usize) -> Vec<f32> {
    let mut p = random.normal(n, 3.0);
    logits::softmax_in_place(&mut p);
    if random.below(3) == 0 {
        p = vec![0.0; n];
        p[random.below(n)] += 0.25;
        p[random.below(n)] += 0.75;
    }
    p
}

#[test]
fn divergences_stay_within_the_contract_and_agree() {
    let mut random = Random::new(13);
    for n in (1..=67).chain([300, 5000]) {
        let (p, q) = (distribution(&mut random, n), distribution(&mut random, n));
        let pairs = || p.iter().copied().zip(q.iter().copied());
        let entropy: f64 = -p.iter().map(|&p| x_ln_y(p, p)).sum::<f64>();
        let cross: f64 = -pairs().map(|(p, q)| x_ln_y(p, q)).sum::<f64>();
        let kl: f64 = pairs().map(|(p, q)| kl_term(p, q)).sum();
        let js: f64 = pairs().map(|(p, q)| js_term(p, q)).sum();
        let mut results = Vec::new();
        for backend in backends() {
            let found = [
                backend.run(Entropy::new(&p)),
                backend.run(CrossEntropy::new(&p, &q).unwrap()),
                backend.run(KlDivergence::new(&p, &q).unwrap()),
                backend.run(JsDivergence::new(&p, &q).unwrap()),
            ];
            let exact = [entropy, cross, kl, js.min(core::f64::consts::LN_2)];
            for (i, (found, exact)) in found.into_iter().zip(exact).enumerate() {
                let error = ulp(found, exact);
                let bound = if i < 2 { DISTRIBUTION } else { DIVERGENCE };
                let size = exact + n as f64 * TERM;
                assert!(
                    error == 0.0 || error * (unit(exact) / unit(size)) <= bound,
                    "{found} for {exact}: {error} ULP on {backend:?}, n = {n}"
                );
            }
            assert!(same(found[3], backend.run(JsDivergence::new(&q, &p).unwrap())));
            assert_eq!(backend.run(JsDivergence::new(&p, &p).unwrap()).to_bits(), 0);
            assert!(found[2] >= 0.0, "KL is {} on {backend:?}", found[2]);
            assert_eq!(backend.run(KlDivergence::new(&p, &p).unwrap()).to_bits(), 0);
            let mut row = [9.0];
            backend.run(RowsEntropy::new(Rows::new(&p, n).unwrap(), &mut row).unwrap());
            assert!(same(row[0], found[0]));
            let (p, q) = (Rows::new(&p, n).unwrap(), Rows::new(&q, n).unwrap());
            backend.run(RowsOfTwo::<CrossEntropy<'_>>::new(p, q, &mut row).unwrap());
            assert!(same(row[0], found[1]));
            backend.run(RowsOfTwo::<KlDivergence<'_>>::new(p, q, &mut row).unwrap());
            assert!(same(row[0], found[2]));
            backend.run(RowsOfTwo::<JsDivergence<'_>>::new(p, q, &mut row).unwrap());
            assert!(same(row[0], found[3]));
            results.push((backend, found));
        }
        for (a, x) in &results {
            for (b, y) in &results {
                if a.is_fused() == b.is_fused() {
                    assert_same(x, y, &format!("{a:?} and {b:?}, n = {n}"));
                }
            }
        }
        assert!(same(logits::entropy(&p), results[0].1[0]));
        assert!(same(logits::cross_entropy(&p, &q).unwrap(), results[0].1[1]));
        assert!(same(logits::kl_divergence(&p, &q).unwrap(), results[0].1[2]));
        let mut row = [9.0];
        assert!(same(logits::js_divergence(&p, &q).unwrap(), results[0].1[3]));
        let (p, q) = (Rows::new(&p, n).unwrap(), Rows::new(&q, n).unwrap());
        rows::entropy(p, &mut row).unwrap();
        assert!(same(row[0], results[0].1[0]));
        for (i, f) in
            [rows::cross_entropy, rows::kl_divergence, rows::js_divergence].into_iter().enumerate()
        {
            f(p, q, &mut row).unwrap();
            assert!(same(row[0], results[0].1[i + 1]));
        }
    }
}

/// What two words keep of ln q: every mantissa on both sides of 1, times 1.
#[test]
fn logarithms_in_two_words_leave_a_quarter() {
    for backend in backends() {
        let mut worst = (0.0, 0.0);
        for bits in (0.5f32.to_bits()..2f32.to_bits()).step_by(509) {
            let q = f32::from_bits(bits);
            let found = backend.run(CrossEntropy::new(&[1.0], &[q]).unwrap());
            let error = ulp(found, -libm::log(q.into()));
            worst = if error > worst.0 { (error, q) } else { worst };
        }
        // Every one: 0.628 fused, 0.660 not.
        let most = if backend.is_fused() { 0.628 } else { 0.66 };
        assert!(worst.0 <= most, "{backend:?}: {} ULP at {:e}", worst.0, worst.1);
    }
}

/// Two equal distributions of two classes but for their order: one ratio, where the
/// series ends and around, and close to 1.
#[test]
fn divergences_of_close_distributions_keep_their_digits() {
    let mut random = Random::new(14);
    for backend in backends() {
        for i in 0..5000 {
            let d = if i % 2 == 0 {
                random.between(0.1, 0.3)
            } else {
                0.3 * random.unit().powi(9) as f32
            };
            let half = random.between(0.25, 1.0);
            let (a, b) = (half + half * d, half - half * d);
            let (p, q) = ([a, b], [b, a]);
            let kl = kl_term(a, b) + kl_term(b, a);
            let js = js_term(a, b) + js_term(b, a);
            let found_kl = backend.run(KlDivergence::new(&p, &q).unwrap());
            let found_js = backend.run(JsDivergence::new(&p, &q).unwrap());
            assert!(ulp(found_kl, kl) <= 1.5, "KL {found_kl:e} for {kl:e}, {a:e} and {b:e}");
            assert!(ulp(found_js, js) <= 1.5, "JS {found_js:e} for {js:e}, {a:e} and {b:e}");
        }
    }
}

/// Sums of many equal terms, whose roundings all go one way.
#[test]
fn entropy_of_many_equal_probabilities() {
    for n in [1 << 14, (1 << 18) - 77] {
        let p = vec![1.0 / n as f32; n];
        let exact = -(n as f64) * x_ln_y(p[0], p[0]);
        for backend in backends() {
            let found = backend.run(Entropy::new(&p));
            assert!(ulp(found, exact) <= DISTRIBUTION, "{found} for {exact} on {backend:?}");
        }
    }
}

#[test]
fn divergences_of_special_values() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    for backend in backends() {
        let entropy = |p: &[f32]| backend.run(Entropy::new(p));
        let cross = |p: &[f32], q: &[f32]| backend.run(CrossEntropy::new(p, q).unwrap());
        let kl = |p: &[f32], q: &[f32]| backend.run(KlDivergence::new(p, q).unwrap());
        let js = |p: &[f32], q: &[f32]| backend.run(JsDivergence::new(p, q).unwrap());
        for lanes in [1, 7, 8, 16, 33] {
            // The special pair at the end of a vector of impossible outcomes.
            let with = |x: f32| [vec![0.0; lanes - 1], vec![x]].concat();
            assert_eq!(entropy(&with(1.0)).to_bits(), 0);
            assert_eq!(entropy(&with(0.0)).to_bits(), 0);
            assert!(entropy(&with(-0.5)).is_nan() && entropy(&with(NAN)).is_nan());
            for q in [0.0, 1.0, -1.0, INF, NAN] {
                assert_eq!(cross(&with(0.0), &with(q)).to_bits(), 0, "0·ln {q}");
            }
            assert_eq!(cross(&with(0.5), &with(0.0)), INF);
            assert!(cross(&with(0.5), &with(-0.5)).is_nan());
            assert!(cross(&with(-0.5), &with(0.5)).is_nan());
            assert_eq!(kl(&with(0.0), &with(0.0)).to_bits(), 0);
            assert_eq!(kl(&with(0.0), &with(0.5)).to_bits(), 0, "p = 0 whatever q");
            assert_eq!(kl(&with(0.5), &with(0.0)), INF);
            for bad in [-0.5, NAN, INF] {
                assert!(kl(&with(bad), &with(0.5)).is_nan(), "{bad}");
                assert!(kl(&with(0.5), &with(bad)).is_nan(), "{bad}");
                for other in [0.0, 0.5, bad] {
                    assert!(js(&with(bad), &with(other)).is_nan(), "{bad} and {other}");
                    assert!(js(&with(other), &with(bad)).is_nan(), "{bad} and {other}");
                }
            }
            for q in [1.0, 3e-39, f32::from_bits(1), f32::MAX] {
                let half = 0.5 * core::f64::consts::LN_2 * f64::from(q);
                assert!(ulp(js(&with(0.0), &with(q)), half) <= DIVERGENCE, "{q:e}");
                assert_eq!(js(&with(q), &with(q)).to_bits(), 0, "{q:e}");
            }
            assert_eq!(js(&with(0.0), &with(0.0)).to_bits(), 0);
            // Sums that overflow, quotients that do.
            let (p, q) =
                ([vec![0.0; lanes], vec![0.0, 1.0]], [vec![f32::MAX; lanes], vec![f32::MAX, 1.0]]);
            assert_eq!(kl(&p.concat(), &q.concat()).to_bits(), 0);
            let exact = libm::log(2f64.powi(149));
            assert!(ulp(kl(&with(1.0), &with(1e-45)), exact) <= DISTRIBUTION);
        }
        assert_eq!(entropy(&[]).to_bits(), 0);
        assert_eq!(cross(&[], &[]).to_bits(), 0);
        assert_eq!(kl(&[], &[]).to_bits(), 0);
        assert_eq!(js(&[], &[]).to_bits(), 0);
    }
}

/// The divergence of two rows of scores and its gradient, the same in both forms.
fn kl_of_scores(backend: Backend, x: &[f32], y: &[f32]) -> (f32, Vec<f32>) {
    let (mut out, mut alone, mut gradient) = ([9.0], [9.0], vec![9.0; y.len()]);
    let (x, y) = (Rows::new(x, x.len()).unwrap(), Rows::new(y, y.len()).unwrap());
    let place = RowsMut::new(&mut gradient, y.columns()).unwrap();
    backend.run(KlDivergenceOfScores::with_gradient(x, y, &mut out, place).unwrap());
    backend.run(KlDivergenceOfScores::new(x, y, &mut alone).unwrap());
    assert!(same(out[0], alone[0]));
    (out[0], gradient)
}

/// The same in f64: the divergence, the probabilities of x, and ln(p/q).
fn exact_kl_of_scores(x: &[f32], y: &[f32]) -> (f64, Vec<(f64, f64)>) {
    let p = common::softmax(x);
    let differences: Vec<_> = x.iter().zip(y).map(|(&x, &y)| f64::from(x) - f64::from(y)).collect();
    // Of what P is sure of, nothing is rounded.
    let top = (0..x.len()).max_by(|&i, &j| x[i].total_cmp(&x[j])).unwrap();
    let first = differences[top];
    let rest: f64 = p.iter().zip(&differences).map(|(p, d)| p * (d - first)).sum();
    let v = || differences.iter().map(|d| (d - first) - rest);
    let f = |v: f64| {
        if v.abs() < 0.01 {
            v * v * (0.5 - v * (1.0 / 6.0 - v * (1.0 / 24.0 - v * (1.0 / 120.0 - v / 720.0))))
        } else {
            libm::expm1(-v) + v
        }
    };
    let divergence = if v().all(|v| v > -600.0) {
        libm::log1p(p.iter().zip(v()).map(|(p, v)| p * f(v)).sum())
    } else {
        first + rest + common::log_sum_exp(y) - common::log_sum_exp(x)
    };
    (divergence, p.into_iter().zip(v().map(|v| v + divergence)).collect())
}

#[test]
fn divergences_of_scores_stay_within_the_contract() {
    let mut random = Random::new(15);
    let mut worst = [(0.0, String::new()), (0.0, String::new())];
    for n in (1..=40).chain([100, 513, 2000]) {
        for i in 0..24 {
            let mut x = random.normal(n, [1.0, 4.0, 15.0, 30.0][i % 4]);
            let offset = [0.0, 0.0, -300.0, 1e4][i / 3 % 4];
            for x in &mut x {
                *x += offset;
            }
            let step = [1e-5, 1e-3, 0.1, 3.0, 10.0, 40.0][i % 6];
            let mut y: Vec<_> = x.iter().zip(random.normal(n, step)).map(|(x, d)| x + d).collect();
            if i > 20 {
                y[random.below(n)] -= 1000.0;
            }
            let (exact, pairs) = exact_kl_of_scores(&x, &y);
            let mut results: Vec<(Backend, Vec<f32>)> = Vec::new();
            for backend in backends() {
                let (found, mut gradient) = kl_of_scores(backend, &x, &y);
                let errors = pairs.iter().zip(&gradient).map(|(&(p, log), &g)| {
                    let (change, q) = (p * libm::expm1(-log), p * libm::exp(-log));
                    (f64::from(g) - change).abs() / unit(change.abs().max(p.max(q) / 2.0))
                });
                let errors = [ulp(found, exact), errors.fold(0.0, f64::max)];
                for (worst, error) in worst.iter_mut().zip(errors) {
                    if error > worst.0 {
                        *worst = (error, format!("n = {n}, step {step}, {exact:e}, {backend:?}"));
                    }
                }
                gradient.push(found);
                results.push((backend, gradient));
            }
            for (a, x) in &results {
                for (b, y) in &results {
                    if a.is_fused() == b.is_fused() {
                        assert_same(x, y, &format!("{a:?} and {b:?}, n = {n}"));
                    }
                }
            }
            let mut out = [9.0];
            let (x, y) = (Rows::new(&x, n).unwrap(), Rows::new(&y, n).unwrap());
            rows::kl_divergence_of_scores(x, y, &mut out).unwrap();
            assert!(same(out[0], results[0].1[n]));
        }
    }
    println!("divergence of scores, gradient: {worst:?}");
    assert!(worst[0].0 <= KL_DIVERGENCE_OF_SCORES[0], "{worst:?}");
    assert!(worst[1].0 <= KL_DIVERGENCE_OF_SCORES[1], "{worst:?}");
}

#[test]
fn divergences_of_special_scores() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    const LN_2: f32 = core::f32::consts::LN_2;
    for backend in backends() {
        for n in [2, 3, 16, 17, 600] {
            // Two possible classes, the first and the last.
            let of = |x: [f32; 2], y: [f32; 2]| {
                let row = |[first, last]: [f32; 2]| {
                    let mut row = vec![-INF; n];
                    (row[0], row[n - 1]) = (first, last);
                    row
                };
                let (divergence, gradient) = kl_of_scores(backend, &row(x), &row(y));
                assert!(gradient[1..n - 1].iter().all(|&g| g == 0.0 || divergence.is_nan()));
                (divergence, [gradient[0], gradient[n - 1]])
            };
            for bad in [[NAN, 1.0], [1.0, INF], [-INF, -INF], [INF, NAN]] {
                for (divergence, gradient) in [of(bad, [1.0, 2.0]), of([1.0, 2.0], bad)] {
                    assert!(divergence.is_nan() && gradient.iter().all(|g| g.is_nan()));
                }
            }
            // The teacher is certain.
            assert_eq!(of([3.0, -INF], [5.0, 5.0]), (LN_2, [-0.5, 0.5]));
            assert_eq!(of([3.0, -1e9], [5.0, 5.0]), (LN_2, [-0.5, 0.5]));
            assert_eq!(of([3.0, -INF], [5.0, -INF]), (0.0, [0.0, 0.0]));
            // What the student holds impossible.
            assert_eq!(of([4.0, 4.0], [1.0, -INF]), (INF, [0.5, -0.5]));
            assert_eq!(of([4.0, 4.0], [-INF, 1.0]), (INF, [-0.5, 0.5]));
            assert_eq!(of([4.0, -300.0], [1.0, -INF]), (INF, [0.0, 0.0]));
            // Or all but impossible.
            assert_eq!(of([4.0, 4.0], [0.0, -1e9]), (0.5e9, [0.5, -0.5]));
            assert_eq!(of([4.0, 4.0], [0.0, -2e38]), (1e38, [0.5, -0.5]));
            assert_eq!(of([1e38, -1e38], [-1e38, 1e38]), (2e38, [-1.0, 1.0]));
            // Both certain of the same, and of different classes.
            let (divergence, gradient) = of([60.0, 0.0], [50.0, 0.0]);
            let exact = libm::exp(-50.0) - 11.0 * libm::exp(-60.0);
            assert!(ulp(divergence, exact) <= 1.0 && gradient[0] < 0.0 && gradient[1] > 0.0);
            assert_eq!(of([60.0, 0.0], [0.0, 60.0]), (60.0, [-1.0, 1.0]));
        }
        // All differ by the same.
        let x = [1.0, 2.5, -3.0, 0.125];
        let (divergence, gradient) = kl_of_scores(backend, &x, &x.map(|x| x + 1024.0));
        assert!(divergence.to_bits() == 0 && gradient.iter().all(|g| *g == 0.0));
    }
}
