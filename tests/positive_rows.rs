//! Entropy, cross-entropy and divergences of rows that are no distributions: numbers of any size,
//! whose terms cancel, rise or fall, on every backend against f64.

mod common;

use common::{
    Random, TERM, backends, class_of_rows, distribution, js_term, kl_term, same, sum, ulp, unit,
    x_ln_y,
};
use logits::contract::{DISTRIBUTION, DIVERGENCE, ENTROPY_OF_SCORES};
use logits::{Backend, Rows};

/// A positive number of any exponent, subnormal ones included.
fn any_positive(random: &mut Random) -> f32 {
    f32::from_bits(1 + random.below(f32::MAX.to_bits() as usize) as u32)
}

/// Rows of numbers that are no distributions.
fn hostile_rows(random: &mut Random, kind: usize, n: usize) -> (Vec<f32>, Vec<f32>) {
    let near_1 = |random: &mut Random| {
        let bits = random.below(18);
        let d = random.below(1 << 5 << bits) as u32;
        f32::from_bits(if random.below(2) == 0 { 0x3F80_0000 + d } else { 0x3F80_0000 - d })
    };
    let mut p: Vec<_> = (0..n).map(|_| any_positive(random)).collect();
    let mut q: Vec<_> = (0..n).map(|_| any_positive(random)).collect();
    match kind {
        // Of any size.
        0 => {}
        // The largest terms last, or first.
        1 | 2 => {
            p.sort_by(f32::total_cmp);
            if kind == 2 {
                p.reverse();
            }
        }
        // Mostly nothing.
        3 => {
            for (p, q) in p.iter_mut().zip(&mut q) {
                *p = if random.below(16) == 0 { *p } else { 0.0 };
                *q = if *p == 0.0 {
                    [0.0, f32::NAN, -1.0, f32::INFINITY][random.below(4)]
                } else {
                    *q
                };
            }
        }
        // Logarithms of few digits, of both signs, some exactly 0.
        4 => q = (0..n).map(|_| near_1(random)).collect(),
        // The same beside terms that are far smaller.
        5 => {
            for q in &mut q {
                *q = if random.below(2) == 0 { near_1(random) } else { *q };
            }
            p = random.vector(n, 0.0, 1.0);
        }
        // Probabilities and their reciprocals: terms cancel.
        6 => {
            p = random.vector(n, 0.5, 1.0);
            let ends = [random.unit() as f32, random.between(1.0, 4.0)];
            q = (0..n).map(|i| if i % 2 == 0 { ends[0] } else { 1.0 / ends[0] }).collect();
            q[n / 2] = ends[1];
        }
        // Subnormal.
        7 => p = (0..n).map(|_| f32::from_bits(random.below(1 << 23) as u32)).collect(),
        8 => q = (0..n).map(|_| f32::from_bits(1 + random.below(1 << 23) as u32)).collect(),
        // As of softmax.
        _ => (p, q) = (distribution(random, n), random.vector(n, 0.01, 1.0)),
    }
    (p, q)
}

/// Numbers of every size and sign of the logarithm, in rows of any length, against f64.
#[test]
fn cross_entropies_of_what_is_no_distribution() {
    let mut random = Random::new(61);
    let mut worst = [0.0f64; 3];
    let lengths = (1..=20).chain([64, 100, 1000]).flat_map(|n| (0..10).map(move |kind| (n, kind)));
    let mut cases: Vec<_> = (0..8).flat_map(|_| lengths.clone()).collect();
    cases.extend((0..10).map(|kind| (70_000, kind)));
    for (n, kind) in cases {
        let (p, q) = hostile_rows(&mut random, kind, n);
        for (p, q) in [(&p, &q), (&q, &q), (&p, &p)] {
            if std::ptr::eq(p, q) && p.iter().any(|p| p.is_nan() || *p < 0.0 || p.is_infinite()) {
                continue;
            }
            let terms = || p.iter().zip(q).map(|(&p, &q)| x_ln_y(p, q));
            let exact = -sum(terms());
            let size = sum(terms().map(|term| if term == 0.0 { 0.0 } else { term.abs() + TERM }));
            for backend in backends() {
                let found = backend.cross_entropy(p, q).unwrap();
                let what = format!("{found:e} for {exact:e} on {backend:?}, n = {n}, kind {kind}");
                if (exact as f32).is_infinite() {
                    assert_eq!(found, exact as f32, "{what}");
                    continue;
                }
                let unit = if size == 0.0 { f64::MIN_POSITIVE } else { unit(size) };
                let error = (f64::from(found) - exact).abs() / unit;
                let worst = &mut worst[class_of_rows(backend)];
                *worst = worst.max(error);
                assert!(error <= DISTRIBUTION, "{what}: {error} ULP");
                assert!(std::ptr::eq(p, q).then(|| same(found, backend.entropy(p))) != Some(false));
            }
        }
    }
    println!("cross-entropy unfused, fused, scalar: {worst:?} ULP");
}

/// What the scalar backend adds up exactly: terms that cancel leave the rest.
#[test]
fn terms_that_cancel_leave_nothing() {
    for backend in backends() {
        let cross = |p: &[f32], q: &[f32]| backend.cross_entropy(p, q).unwrap();
        for p in [f32::from_bits(1), 1e-40, 0.3, 1.0, f32::MAX] {
            for q in [1.0, 0.5, 0.25, 1e-38] {
                let found = cross(&[p, p], &[q, 1.0 / q]);
                let exact = -f64::from(p) * (libm::log(q.into()) + libm::log((1.0 / q).into()));
                let size = 2.0 * (x_ln_y(p, q).abs() + TERM);
                assert!(
                    (f64::from(found) - exact).abs() <= DISTRIBUTION * unit(size),
                    "{p:e}, {q:e}"
                );
            }
            assert_eq!(cross(&[p; 5], &[1.0; 5]).to_bits(), 0);
        }
    }
}

/// Two rows of numbers below 2^100: of far larger ones the sum overflows.
fn pairs_of(random: &mut Random, kind: usize, n: usize) -> (Vec<f32>, Vec<f32>) {
    let size = |random: &mut Random| f32::from_bits(1 + random.below(0x7180_0000) as u32);
    let mut p: Vec<_> = (0..n).map(|_| size(random)).collect();
    let mut q: Vec<_> = (0..n).map(|_| size(random)).collect();
    let close = |random: &mut Random, most: f32| {
        let d = most * random.unit().powi(random.below(6) as i32) as f32;
        1.0 + if random.below(2) == 0 { d } else { -d }
    };
    match kind {
        0 => {}
        1 => p.sort_by(f32::total_cmp),
        2 => q = p.iter().map(|p| p * close(random, 0.5)).collect(),
        3 => (p, q) = (distribution(random, n), distribution(random, n)),
        4 => {
            p = distribution(random, n);
            q = p.iter().map(|p| p * close(random, 0.5)).collect();
        }
        5 => q = p.iter().rev().copied().collect(),
        6 => {
            p = (0..n).map(|_| f32::from_bits(random.below(1 << 24) as u32)).collect();
            q = (0..n).map(|_| f32::from_bits(1 + random.below(1 << 24) as u32)).collect();
        }
        7 => {
            p = random.vector(n, 0.5, 1.0);
            q = p.iter().map(|p| p * close(random, 0.9)).collect();
        }
        // Equal sums of pairs in another order, in ratios around the end of a series.
        _ => {
            for i in (1..n).step_by(2) {
                p[i - 1] = random.between(0.5, 1.0);
                p[i] = p[i - 1] * random.between(0.5, 0.9);
                (q[i - 1], q[i]) = (p[i], p[i - 1]);
            }
            if n % 2 == 1 {
                q[n - 1] = p[n - 1];
            }
        }
    }
    (p, q)
}

/// Divergences of single elements and of rows, of any size.
#[test]
fn divergences_of_what_is_no_distribution() {
    let mut random = Random::new(62);
    let mut worst = [[0.0f64; 3]; 3];
    let kinds = 9;
    let lengths = (1..=20).chain([64, 1000]).flat_map(|n| (0..kinds).map(move |kind| (n, kind)));
    let mut cases: Vec<_> = (0..100).flat_map(|_| (0..kinds).map(|kind| (1, kind))).collect();
    cases.extend((0..8).flat_map(|_| lengths.clone()));
    cases.extend((0..kinds).map(|kind| (70_000, kind)));
    for (n, kind) in cases {
        let (p, q) = pairs_of(&mut random, kind, n);
        let pairs = || p.iter().copied().zip(q.iter().copied());
        let masses = [sum(p.iter().map(|&p| p.into())), sum(q.iter().map(|&q| q.into()))];
        let gap = (masses[1] - masses[0]).abs() / masses[0];
        let is_equal = gap <= libm::exp2(-20.0);
        let count = |term: f64| if term == 0.0 { 0.0 } else { term.abs() + TERM };
        let kl_terms = || {
            pairs().map(|(p, q)| {
                let term = kl_term(p, q);
                if is_equal {
                    term
                } else if p == 0.0 {
                    0.0
                } else {
                    let ratio = f64::from(q) / f64::from(p);
                    let d = (f64::from(q) - f64::from(p)) / f64::from(p);
                    -f64::from(p) * if d.abs() < 0.5 { libm::log1p(d) } else { libm::log(ratio) }
                }
            })
        };
        let js_terms = || pairs().map(|(p, q)| js_term(p, q));
        // An infinite term is an infinite sum, not one of compensations that are NaN.
        let is_infinite = pairs().any(|(p, q)| p > 0.0 && q == 0.0);
        let kl = if is_infinite { f64::INFINITY } else { sum(kl_terms()) };
        let js = sum(js_terms());
        let sizes = [sum(kl_terms().map(count)), sum(js_terms().map(count))];
        for backend in backends() {
            let found =
                [backend.kl_divergence(&p, &q).unwrap(), backend.js_divergence(&p, &q).unwrap()];
            assert!(same(found[1], backend.js_divergence(&q, &p).unwrap()), "{backend:?}");
            let worst = &mut worst[class_of_rows(backend)];
            for (i, (found, exact)) in found.into_iter().zip([kl, js]).enumerate() {
                // Where the sums of both may count as equal or not, either is right.
                if i == 0 && (gap * libm::exp2(20.0) - 1.0).abs() < 1e-3 {
                    continue;
                }
                let what = format!("{found:e} for {exact:e} on {backend:?}, n = {n}, kind {kind}");
                let (bound, kind) = match i {
                    0 if !is_equal => (DISTRIBUTION, 0),
                    0 => (DIVERGENCE, 1),
                    _ => (DIVERGENCE, 2),
                };
                if exact.is_infinite() {
                    assert!(same(found, f32::INFINITY), "{what}");
                    continue;
                }
                let exact =
                    if i == 1 && (found == core::f32::consts::LN_2) { found.into() } else { exact };
                let unit = if sizes[i] == 0.0 { f64::MIN_POSITIVE } else { unit(sizes[i]) };
                let error = (f64::from(found) - exact).abs() / unit;
                worst[kind] = worst[kind].max(error);
                assert!(
                    error <= bound,
                    "{what}: {error} ULP, {:?}",
                    pairs().take(4).collect::<Vec<_>>()
                );
            }
        }
    }
    println!("unfused, fused, scalar; KL of other sums, KL, JS: {worst:?} ULP");
}

/// Special values among others: every backend finds a NaN or an infinity where another does.
#[test]
fn special_values_of_rows_are_those_of_every_backend() {
    const SPECIAL: [f32; 14] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::from_bits(1),
        -f32::from_bits(1),
        f32::MIN_POSITIVE,
        0.5,
        2.0,
        1e-38,
        1e30,
    ];
    let mut random = Random::new(63);
    for i in 0..20_000 {
        let n = 1 + random.below(if i % 8 == 0 { 40 } else { 4 });
        // Rows of few specials, and of any.
        let few = 1 + random.below(SPECIAL.len());
        let row = |random: &mut Random| -> Vec<f32> {
            (0..n)
                .map(|_| match random.below(3) {
                    0 => SPECIAL[random.below(few)],
                    1 => SPECIAL[random.below(SPECIAL.len())].abs(),
                    _ => random.unit() as f32,
                })
                .collect()
        };
        let (p, q) = (row(&mut random), row(&mut random));
        let of = |backend: Backend| {
            [
                backend.entropy(&p),
                backend.cross_entropy(&p, &q).unwrap(),
                backend.kl_divergence(&p, &q).unwrap(),
                backend.js_divergence(&p, &q).unwrap(),
            ]
        };
        let backends = backends();
        let first = of(backends[0]);
        for &backend in &backends[1..] {
            for (i, (found, first)) in of(backend).into_iter().zip(first).enumerate() {
                let is_same = same(found, first) || (found.is_finite() && first.is_finite());
                assert!(is_same, "{i}: {found:e} and {first:e} on {backend:?}, {p:?}, {q:?}");
            }
        }
    }
}

/// The entropy of few scores, at distances of all sizes: tiny ones keep their digits.
#[test]
fn entropies_of_few_scores() {
    let mut random = Random::new(64);
    let mut worst = [0.0f64; 3];
    for i in 0..60_000 {
        let n = 2 + random.below(3);
        let far = [1e-6, 0.03, 1.0, 10.0, 104.0][i % 5];
        let offset = [0.0, 0.0, 7.3, -300.0, 1e6, -1e10][i / 5 % 6];
        let x: Vec<f32> = (0..n).map(|_| (random.unit() * far + offset) as f32).collect();
        let top = (0..n).max_by(|&a, &b| x[a].total_cmp(&x[b])).unwrap();
        let distance = |k: usize| f64::from(x[top]) - f64::from(x[k]);
        let others = || (0..n).filter(|&k| k != top).map(distance);
        let tail: f64 = others().map(|d| libm::exp(-d)).sum();
        let exact =
            libm::log1p(tail) + others().map(|d| libm::exp(-d) * d).sum::<f64>() / (1.0 + tail);
        for backend in backends() {
            let mut out = [9.0];
            backend.rows_entropy_of_scores(Rows::new(&x, n).unwrap(), &mut out).unwrap();
            let error = ulp(out[0], exact);
            let worst = &mut worst[class_of_rows(backend)];
            *worst = worst.max(error);
            assert!(error <= ENTROPY_OF_SCORES, "{error} ULP, {x:?} on {backend:?}");
        }
    }
    println!("entropy of few scores, unfused, fused, scalar: {worst:?} ULP");
}
