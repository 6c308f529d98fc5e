//! Entropy, cross-entropy and divergences, of distributions and of scores, on every backend:
//! error, special values, gradients, and the equality of all their forms.

mod common;

use common::{
    Random, TERM, assert_same, backends, class_of_rows, distribution, js_term, kl_term, same, ulp,
    unit, x_ln_y,
};
use logits::contract::{DISTRIBUTION, DIVERGENCE, ENTROPY_OF_SCORES, KL_DIVERGENCE_OF_SCORES};
use logits::{Backend, Rows, RowsMut, rows};

#[test]
fn divergences_stay_within_the_contract_and_agree() {
    let mut random = Random::new(13);
    let mut worst = [0.0f64; 4];
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
                backend.entropy(&p),
                backend.cross_entropy(&p, &q).unwrap(),
                backend.kl_divergence(&p, &q).unwrap(),
                backend.js_divergence(&p, &q).unwrap(),
            ];
            let exact = [entropy, cross, kl, js.min(core::f64::consts::LN_2)];
            for (i, (found, exact)) in found.into_iter().zip(exact).enumerate() {
                let error = ulp(found, exact);
                let bound = if i < 2 { DISTRIBUTION } else { DIVERGENCE };
                let size = exact + n as f64 * TERM;
                let error = if error == 0.0 { 0.0 } else { error * (unit(exact) / unit(size)) };
                worst[i] = worst[i].max(error);
                assert!(error <= bound, "{found} for {exact}: {error} ULP on {backend:?}, n = {n}");
            }
            assert!(same(found[3], backend.js_divergence(&q, &p).unwrap()));
            assert_eq!(backend.js_divergence(&p, &p).unwrap().to_bits(), 0);
            assert!(found[2] >= 0.0, "KL is {} on {backend:?}", found[2]);
            assert_eq!(backend.kl_divergence(&p, &p).unwrap().to_bits(), 0);
            let mut row = [9.0];
            backend.rows_entropy(Rows::new(&p, n).unwrap(), &mut row).unwrap();
            assert!(same(row[0], found[0]));
            let (p, q) = (Rows::new(&p, n).unwrap(), Rows::new(&q, n).unwrap());
            backend.rows_cross_entropy(p, q, &mut row).unwrap();
            assert!(same(row[0], found[1]));
            backend.rows_kl_divergence(p, q, &mut row).unwrap();
            assert!(same(row[0], found[2]));
            backend.rows_js_divergence(p, q, &mut row).unwrap();
            assert!(same(row[0], found[3]));
            results.push((backend, found));
        }
        for (a, x) in &results {
            for (b, y) in &results {
                if class_of_rows(*a) == class_of_rows(*b) {
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
    println!("entropy, cross-entropy, KL, JS: {worst:?} ULP");
}

/// Of sums that count as equal the value is Σ p·ln(p/q) + (q − p), else Σ p·ln(p/q).
#[test]
fn kl_divergence_of_sums_that_differ() {
    for backend in backends() {
        let kl = |p: &[f32], q: &[f32]| backend.kl_divergence(p, q).unwrap();
        for n in [1, 2, 17, 100] {
            // The sums differ by less than 2^-20 of themselves, and by more.
            for (p, q) in [(1.0, 1.000_000_4), (1.000_000_4, 1.0), (1.0, 1.000_004)] {
                let row = |last: f32| [vec![0.0; n - 1], vec![last]].concat();
                let (found, (p, q)) = (kl(&row(p), &row(q)), (f64::from(p), f64::from(q)));
                let is_equal = (q - p).abs() <= libm::exp2(-20.0) * p;
                let exact = -p * libm::log1p((q - p) / p) + if is_equal { q - p } else { 0.0 };
                assert!(ulp(found, exact) <= 1.0, "{found:e} for {exact:e} on {backend:?}");
                assert_eq!(is_equal, (0.0..1e-12).contains(&found));
            }
        }
        assert_eq!(kl(&[1.0], &[1.000_000_4]), 6.394_883e-14);
    }
}

/// What two words keep of ln q: every mantissa on both sides of 1, times 1.
#[test]
fn logarithms_in_two_words_leave_a_quarter() {
    for backend in backends() {
        let mut worst = (0.0, 0.0);
        for bits in (0.5f32.to_bits()..2f32.to_bits()).step_by(509) {
            let q = f32::from_bits(bits);
            let found = backend.cross_entropy(&[1.0], &[q]).unwrap();
            let error = ulp(found, -libm::log(q.into()));
            worst = if error > worst.0 { (error, q) } else { worst };
        }
        // Every one: 0.660 without FMA, 0.628 with, 0.579 on scalar.
        let most = [0.66, 0.628, 0.58][class_of_rows(backend)];
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
            let found_kl = backend.kl_divergence(&p, &q).unwrap();
            let found_js = backend.js_divergence(&p, &q).unwrap();
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
            let found = backend.entropy(&p);
            assert!(ulp(found, exact) <= DISTRIBUTION, "{found} for {exact} on {backend:?}");
        }
    }
}

#[test]
fn divergences_of_special_values() {
    const NAN: f32 = f32::NAN;
    const INF: f32 = f32::INFINITY;
    for backend in backends() {
        let entropy = |p: &[f32]| backend.entropy(p);
        let cross = |p: &[f32], q: &[f32]| backend.cross_entropy(p, q).unwrap();
        let kl = |p: &[f32], q: &[f32]| backend.kl_divergence(p, q).unwrap();
        let js = |p: &[f32], q: &[f32]| backend.js_divergence(p, q).unwrap();
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
    backend.rows_kl_divergence_of_scores_and_gradient(x, y, &mut out, place).unwrap();
    backend.rows_kl_divergence_of_scores(x, y, &mut alone).unwrap();
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

#[test]
fn entropy_of_scores_keeps_its_digits() {
    const INF: f32 = f32::INFINITY;
    let mut random = Random::new(37);
    let mut worst = [0.0f64; 3];
    for n in (1..=40).chain([100, 512, 513, 2000]) {
        for (sigma, offset) in [(1.0, 0.0), (5.0, 300.0), (30.0, -1e4), (100.0, 0.0), (1.0, -90.0)]
        {
            let mut x = random.normal(n, sigma);
            for x in &mut x {
                *x += offset;
            }
            x[random.below(n)] += random.between(0.0, 90.0);
            let top = x.iter().copied().fold(-INF, f32::max);
            let max = f64::from(top);
            let terms = || x.iter().map(|&x| (libm::exp(f64::from(x) - max), max - f64::from(x)));
            let sum: f64 = terms().map(|(e, _)| e).sum();
            // Without the one whose logarithm is 0.
            let tail: f64 = terms().filter(|&(_, d)| d > 0.0).map(|(e, _)| e).sum();
            let ties = terms().filter(|&(_, d)| d == 0.0).count() as f64 - 1.0;
            let exact = libm::log1p(tail + ties) + terms().map(|(e, d)| e * d).sum::<f64>() / sum;
            let mut results = Vec::new();
            for backend in backends() {
                let mut out = [9.0];
                backend.rows_entropy_of_scores(Rows::new(&x, n).unwrap(), &mut out).unwrap();
                let worst = &mut worst[class_of_rows(backend)];
                *worst = worst.max(ulp(out[0], exact));
                results.push((backend, out[0]));
            }
            for (a, x) in &results {
                for (b, y) in &results {
                    assert!(
                        class_of_rows(*a) != class_of_rows(*b) || same(*x, *y),
                        "{a:?} and {b:?}"
                    );
                }
            }
        }
    }
    println!("entropy, unfused, fused, scalar: {worst:?} ULP");
    assert!(worst.iter().all(|worst| *worst <= ENTROPY_OF_SCORES), "{worst:?} ULP");

    for backend in backends() {
        for n in [2, 16, 17, 600] {
            let of = |first: f32, last: f32, rest: f32| {
                let (mut x, mut out) = (vec![rest; n], [9.0]);
                (x[0], x[n - 1]) = (first, last);
                backend.rows_entropy_of_scores(Rows::new(&x, n).unwrap(), &mut out).unwrap();
                out[0]
            };
            for special in [f32::NAN, INF] {
                assert!(of(1.0, special, -1.0).is_nan() && of(special, -INF, -INF).is_nan());
            }
            assert!(of(-INF, -INF, -INF).is_nan());
            assert_eq!(of(3.0, -INF, -INF).to_bits(), 0);
            assert_eq!(of(-INF, -2e38, -INF).to_bits(), 0);
            assert_eq!(of(0.0, -3e38, -3e38).to_bits(), 0);
            assert_eq!(of(3e38, -3e38, -3e38).to_bits(), 0);
            assert_eq!(of(5.0, 5.0, -INF), core::f32::consts::LN_2);
        }
    }
}
