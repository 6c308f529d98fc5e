//! Log-sum-exp of what comes in pieces, on every backend: error however it is grouped,
//! the bits of whole blocks, special and extreme values.

mod common;

use common::{Random, backends, log_sum_exp, same, ulp, unit};
use logits::contract::{LOG_ADD_EXP, LOG_DOT_EXP, LOG_SUM_EXP, LOG_SUM_EXP_RISE};
use logits::{Backend, LogSumExp, Rows};

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;
const BLOCK: usize = LogSumExp::BLOCK;

fn of_slice(backend: Backend, x: &[f32]) -> LogSumExp {
    backend.extend(LogSumExp::new(), x)
}

fn of_one(x: f32) -> LogSumExp {
    of_slice(Backend::best(), &[x])
}

fn push(backend: Backend, sum: LogSumExp, x: f32) -> LogSumExp {
    backend.merge(sum, of_one(x))
}

/// Whether both words are the same.
fn equal(a: LogSumExp, b: LogSumExp) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

/// What is added to a logarithm is accurate from here on: 2⁻¹⁰⁰.
const LEAST_RISE: f64 = 1.0 / (1_u128 << 100) as f64;

/// The error in ULP of the larger of 1 and the result.
fn error(found: f32, exact: f64) -> f64 {
    if exact.is_finite() {
        (f64::from(found) - exact).abs() / unit(exact.abs().max(1.0))
    } else {
        ulp(found, exact)
    }
}

/// A tree of random shape over the elements; its leaves are elements or short slices.
fn tree(backend: Backend, random: &mut Random, x: &[f32]) -> LogSumExp {
    match (x.len(), random.below(8)) {
        (0, _) => LogSumExp::new(),
        (_, 0) => of_slice(backend, x),
        (1, _) => of_one(x[0]),
        (n, 1) => push(backend, tree(backend, random, &x[..n - 1]), x[n - 1]),
        (n, 2) => {
            let (a, b) = x.split_at(random.below(n + 1));
            backend.extend(tree(backend, random, a), b)
        }
        (n, _) => {
            let (a, b) = x.split_at(random.below(n + 1));
            let (a, b) = (tree(backend, random, a), tree(backend, random, b));
            backend.merge(a, b)
        }
    }
}

/// Scores of one kind, as they come or as hostile as they get.
fn scores(random: &mut Random, n: usize) -> Vec<f32> {
    let base = random.between(-500.0, 500.0);
    match random.below(10) {
        0 => random.normal(n, 1.0),
        1 => random.normal(n, 30.0),
        2 => random.normal(n, 1.0).into_iter().map(|x| x + base).collect(),
        3 => vec![base; n],
        4 => random.vector(n, -1e4, 1e4),
        5 => random.normal(n, 3.0).into_iter().map(|x| x * 1e-3 - libm::logf(n as f32)).collect(),
        6 => random.vector(n, -3e38, 3e38),
        7 => (0..n).map(|i| base + i as f32 * random.between(0.0, 9.0)).collect(),
        // Blocks that are centred and such that are not.
        8 => (0..n).map(|i| if i / 7 % 2 == 0 { 256.5 } else { 254.0 }).collect(),
        _ => (0..n)
            .map(|_| if random.below(4) == 0 { -INF } else { random.between(-9.0, 9.0) })
            .collect(),
    }
}

#[test]
fn every_grouping_is_accurate() {
    let mut random = Random::new(20);
    for backend in backends() {
        let (mut worst, mut at) = (0.0, 0.0);
        for _ in 0..600 {
            let n = 1 + random.below(120);
            let x = scores(&mut random, n);
            let exact = log_sum_exp(&x);
            let found = tree(backend, &mut random, &x).value();
            let error = error(found, exact);
            assert!(
                error <= LOG_SUM_EXP,
                "{found:e} for {exact:e}, {error} ULP on {backend:?}: {x:?}"
            );
            if error > worst {
                (worst, at) = (error, exact);
            }
        }
        println!("{backend:?}: {worst:.3} ULP at {at}");
    }
}

/// One backend of each class.
fn classes() -> Vec<Backend> {
    let mut classes = backends();
    classes.reverse();
    classes.dedup_by_key(|backend| common::class_of_rows(*backend));
    classes
}

#[test]
fn many_pushes_do_not_drift() {
    const N: usize = 1 << 17;
    let mut random = Random::new(21);
    // The sum ends near 0, where nothing hides what is lost on the way.
    let equal = vec![-11.78; N];
    let falling: Vec<_> = (0..N).map(|i| -libm::log(1.6 * (i + 1) as f64) as f32 - 2.0).collect();
    let normal: Vec<_> = random.normal(N, 1.5).into_iter().map(|x| x - 13.0).collect();
    for x in [equal, falling, normal] {
        let exact = log_sum_exp(&x);
        for backend in classes() {
            let mut sum = LogSumExp::new();
            for &x in &x {
                sum = push(backend, sum, x);
            }
            let error = (f64::from(sum.value()) - exact) / unit(1.0);
            println!("{backend:?}: {error:.3} units of 1 for {exact}");
            // 0.0314, on scalar 0.0405.
            let most = [0.033, 0.033, 0.0425][common::class_of_rows(backend)];
            assert!(error.abs() <= most, "{error} ULP on {backend:?}");
        }
    }
}

#[test]
fn chunks_of_whole_blocks_give_the_bits_of_all() {
    let mut random = Random::new(22);
    let mut x = random.normal(5 * BLOCK + 1, 4.0);
    // A block that is masked, one that rises late, and an extreme one among others.
    x[BLOCK..2 * BLOCK].fill(-INF);
    x[2 * BLOCK..][BLOCK / 2..][..5].fill(250.0);
    x[4 * BLOCK..5 * BLOCK].iter_mut().for_each(|x| *x += 300.0);
    for n in [0, 1, 777, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 777, 5 * BLOCK + 1] {
        let x = &x[..n];
        let exact = log_sum_exp(x);
        let mut of_class = [None; 3];
        for backend in backends() {
            let whole = of_slice(backend, x);
            assert!(same(whole.value(), backend.log_sum_exp(x)));
            let error = error(whole.value(), exact);
            assert!(error <= LOG_SUM_EXP, "{n} elements on {backend:?}: {error} ULP");
            let first = of_class[common::class_of_rows(backend)].get_or_insert(whole);
            assert!(equal(*first, whole), "{n} on {backend:?}: {first:?} and {whole:?}");
            for blocks in [1, 2] {
                let mut sum = LogSumExp::new();
                for chunk in x.chunks(blocks * BLOCK) {
                    sum = backend.extend(sum, chunk);
                }
                assert!(equal(sum, whole), "{n} by {blocks} blocks: {sum:?} and {whole:?}");
            }
        }
    }
}

#[test]
fn nothing_changes_nothing_and_one_is_itself() {
    let mut random = Random::new(23);
    let nothing = LogSumExp::new();
    assert!(equal(nothing, LogSumExp::default()) && nothing.value() == -INF);
    for backend in backends() {
        assert!(equal(backend.merge(nothing, nothing), nothing));
        assert!(equal(of_slice(backend, &[]), nothing));
        assert!(equal(of_slice(backend, &[-INF; 99]), nothing));
        for i in 0..4000 {
            let special = [0.0, -0.0, 1e-45, 3e38, INF, -INF, NAN];
            let x = special.get(i).copied().unwrap_or_else(|| random.any());
            for one in [of_slice(backend, &[x]), push(backend, nothing, x)] {
                assert!(same(one.value(), x), "{x:e} on {backend:?}: {one:?}");
            }
            assert!(same(backend.log_add_exp(x, -INF), x), "{x:e} on {backend:?}");
            let n = 1 + random.below(20);
            let sum = of_slice(backend, &scores(&mut random, n));
            for same in [backend.merge(sum, nothing), backend.merge(nothing, sum)] {
                assert!(equal(same, sum), "{same:?} and {sum:?} on {backend:?}");
            }
            assert!(equal(backend.extend(sum, &[]), sum));
            assert!(equal(push(backend, sum, -INF), sum));
        }
    }
}

#[test]
fn infinities_and_nan_win() {
    let values = [-INF, -3e38, -1e30, -90.0, -0.0, 2.0, 1e30, f32::MAX, INF, NAN];
    for backend in backends() {
        for x in values {
            for y in values {
                for z in values {
                    let all = [x, y, z];
                    let wins = all
                        .iter()
                        .any(|x| x.is_nan())
                        .then_some(NAN)
                        .or(all.contains(&INF).then_some(INF));
                    let exact = wins.map_or_else(
                        || if all == [-INF; 3] { f64::from(-INF) } else { log_sum_exp(&all) },
                        f64::from,
                    );
                    let [a, b, c] = all.map(of_one);
                    let left = backend.merge(backend.merge(a, b), c).value();
                    let right = backend.merge(a, backend.merge(b, c)).value();
                    let slices = backend.extend(of_slice(backend, &[x]), &[y, z]).value();
                    for found in [left, right, slices, of_slice(backend, &all).value()] {
                        assert!(
                            error(found, exact) <= LOG_SUM_EXP,
                            "{found} for {all:?} on {backend:?}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn log_add_exp_is_symmetric_and_accurate() {
    let mut random = Random::new(24);
    let mut pairs =
        vec![[f32::MAX, f32::MAX], [f32::MIN, f32::MIN], [f32::MAX, f32::MIN], [0.0, -0.0]];
    pairs.push([0.0, -0.9057453]); // errs most
    for _ in 0..20_000 {
        let center = [0.0, 1.0, 20.0, 300.0, 1e6, 1e30][random.below(6)];
        let spread = [1e-6, 0.1, 1.0, 10.0, 100.0][random.below(5)];
        let a = random.between(-1.0, 1.0) * center;
        pairs.push([a, a + random.between(-1.0, 1.0) * spread]);
    }
    pairs.extend((0..20_000).map(|_| [random.any(), random.any()]));
    for backend in backends() {
        let mut worst = (0.0, [0.0; 2]);
        for &[a, b] in &pairs {
            let found = backend.log_add_exp(a, b);
            assert!(same(found, backend.log_add_exp(b, a)), "{a:e} and {b:e} on {backend:?}");
            let merged = backend.merge(of_one(a), of_one(b)).value();
            assert!(same(found, merged), "{a:e} and {b:e} on {backend:?}");
            let rise = libm::log1p(libm::exp(-(f64::from(a) - f64::from(b)).abs()));
            if a.is_finite() && b.is_finite() && rise > LEAST_RISE {
                let exact = f64::from(a.max(b)) + rise;
                let error = (f64::from(found) - exact).abs() / unit(exact.abs().max(rise));
                if error > worst.0 {
                    worst = (error, [a, b]);
                }
            }
        }
        println!("{backend:?}: {worst:?}");
        assert!(worst.0 <= LOG_ADD_EXP, "{worst:?} on {backend:?}");
    }
}

#[test]
fn log_add_exp_with_0_is_softplus() {
    let mut random = Random::new(25);
    let x: Vec<_> = (0..20_000)
        .map(|i| if i % 2 == 0 { random.any() } else { random.between(-110.0, 30.0) })
        .collect();
    for backend in backends() {
        let mut softplus = vec![0.0; x.len()];
        backend.softplus(&x, &mut softplus).unwrap();
        for (&x, softplus) in x.iter().zip(softplus) {
            let found = backend.log_add_exp(x, 0.0);
            let exact = f64::from(x).max(0.0) + libm::log1p(libm::exp(-f64::from(x).abs()));
            let error = ulp(found, exact);
            assert!(
                error <= LOG_ADD_EXP || exact < LEAST_RISE && error <= 1.0,
                "{found:e} for {exact:e}, {error} ULP at {x:e} on {backend:?}"
            );
            assert!(
                found.is_nan() || ulp(found, f64::from(softplus)) <= 1.0,
                "{found:e} and {softplus:e} at {x:e}"
            );
        }
    }
}

/// What the others add to one element is not lost beside it, in a slice or in pieces.
#[test]
fn what_little_is_added_near_0_is_accurate() {
    let mut random = Random::new(26);
    for backend in backends() {
        let mut worst = [0.0_f64; 2];
        for round in 0..600 {
            let n = match round % 200 {
                0 => BLOCK + random.below(BLOCK),
                _ => 2 + random.below(100),
            };
            let own = match round % 3 {
                0 => 0.0,
                _ => random.between(-1.28, 1.0) * libm::powf(10.0, random.between(-9.0, 0.0)),
            };
            let top = own - random.between(1.0, 65.0) - libm::logf(n as f32);
            let spread = random.between(-2.0, 3.0).max(0.0);
            let mut x: Vec<_> = (0..n).map(|_| top - random.between(0.0, spread)).collect();
            let at = random.below(n);
            x[at] = -INF;
            let rise = libm::log1p(libm::exp(log_sum_exp(&x) - f64::from(own)));
            let exact = f64::from(own) + rise;
            x[at] = own;
            if rise >= libm::log(4.0 / 3.0) || exact.abs() >= 1.0 {
                continue;
            }
            for (worst, found) in
                worst.iter_mut().zip([of_slice(backend, &x), tree(backend, &mut random, &x)])
            {
                let error = (f64::from(found.value()) - exact).abs();
                *worst = worst.max(error / unit(exact.abs().max(rise)));
            }
        }
        println!("{backend:?}: {worst:.3?} ULP");
        assert!(worst[0].max(worst[1]) <= LOG_SUM_EXP_RISE, "{worst:?} ULP on {backend:?}");
    }
}

/// What is subnormal too, of a slice whose other elements are summed at once.
#[test]
fn what_is_added_to_0_is_accurate_down_to_subnormals() {
    for backend in backends() {
        let tenths = (50..1100).map(|tenths| -tenths as f32 / 10.0);
        let mut worst = [0.0_f64; 2];
        // The last two err most.
        for distance in tenths.chain([-1.9708102, -51.18441]) {
            for n in [1, 2, 7, 40] {
                let others = n as f64 * libm::exp(f64::from(distance));
                if others > 1.0 / 3.0 {
                    continue;
                }
                let mut x = vec![distance; n + 1];
                x[n] = 0.0;
                let worst = &mut worst[usize::from(others < LEAST_RISE)];
                *worst = worst.max(ulp(of_slice(backend, &x).value(), libm::log1p(others)));
            }
        }
        println!("{backend:?}: {worst:.3?} ULP");
        assert!(worst[0] <= LOG_SUM_EXP_RISE, "{worst:?} ULP on {backend:?}");
        assert!(worst[1] <= 1.0, "{worst:?} ULP on {backend:?}");
    }
}

#[test]
fn backends_of_a_class_agree_to_the_bit() {
    for seed in 0..2000 {
        let mut of_class = [None; 3];
        for backend in backends() {
            let mut random = Random::new(seed);
            let n = random.below(100);
            let mut x = scores(&mut random, n);
            if seed % 10 == 0 && n > 0 {
                x[random.below(n)] = random.any();
            }
            let sum = tree(backend, &mut random, &x);
            let first = of_class[common::class_of_rows(backend)].get_or_insert(sum);
            assert!(equal(*first, sum), "{first:?} and {sum:?} on {backend:?}: {x:?}");
        }
    }
}

#[test]
fn all_forms_run_on_the_best_backend() {
    let mut random = Random::new(27);
    let (a, b) = (random.normal(1000, 3.0), random.normal(300, 3.0));
    let best = Backend::best();
    let (of_a, of_b) = (of_slice(best, &a), of_slice(best, &b));
    let both = best.merge(of_a, of_b);

    assert!(same(logits::log_sum_exp(&a), of_a.value()));
    let mut sum = LogSumExp::new();
    sum.extend_from_slice(&a);
    assert!(equal(sum, of_a));
    assert!(equal(sum.merge(of_b), both) && equal(of_b.merge(sum), both));
    sum.push(1.5);
    assert!(equal(sum, push(best, of_a, 1.5)));
    assert!(same(logits::log_add_exp(1.0, 2.5), best.log_add_exp(1.0, 2.5)));
    let scalar = backends().into_iter().find(|backend| backend.name() == "scalar").unwrap();
    for x in &a {
        let expected = scalar.log_add_exp(0.3, *x);
        assert!(same(logits::scalar::log_add_exp(0.3, *x), expected));
    }

    // Iterators are gathered.
    let mut gathered = LogSumExp::new();
    a.chunks(256).for_each(|chunk| gathered.extend_from_slice(chunk));
    assert!(equal(a.iter().collect(), gathered) && equal(a.iter().copied().collect(), gathered));
    let mut sum = LogSumExp::new();
    sum.extend(&a);
    sum.extend(b.iter().copied());
    b.chunks(256).for_each(|chunk| gathered.extend_from_slice(chunk));
    assert!(equal(sum, gathered));
    assert!(equal(a[..512].iter().collect(), a[..512].iter().copied().collect()));

    // Long rows are folded as long vectors are.
    let long = random.normal(2 * (BLOCK + 5), 3.0);
    let mut sums = [0.0; 2];
    logits::rows::log_sum_exp(Rows::new(&long, BLOCK + 5).unwrap(), &mut sums).unwrap();
    for (row, sum) in long.chunks(BLOCK + 5).zip(sums) {
        assert!(same(sum, logits::log_sum_exp(row)));
    }
}

/// ln Σ e^(a + b) in f64, and the size that its error is measured by.
fn log_dot_exp(a: &[f32], b: &[f32]) -> (f64, f64) {
    let sums: Vec<f64> = a.iter().zip(b).map(|(&a, &b)| f64::from(a) + f64::from(b)).collect();
    let max = sums.iter().fold(f64::MIN, |a, &b| a.max(b));
    let sum = common::sum(sums.iter().map(|s| libm::exp(s - max)));
    let p = sums.iter().map(|s| libm::exp(s - max) / sum);
    let mean = sums.iter().zip(p).filter(|(_, p)| *p > 0.0).map(|(s, p)| p * s.abs()).sum::<f64>();
    let exact = max + libm::log(sum);
    (exact, mean.max(exact.abs()).max(1.0))
}

#[test]
fn errors_of_log_dot_exp_are_within_the_contract() {
    let mut random = Random::new(80);
    let mut largest = 0.0f64;
    for round in 0..4000 {
        let n = match round % 40 {
            0 => 1 + random.below(7000),
            1..8 => 1 + random.below(300),
            _ => 1 + random.below(20),
        };
        let (a, mut b) = (scores(&mut random, n), scores(&mut random, n));
        if round % 4 == 0 {
            // What is left where both nearly cancel.
            b.iter_mut().zip(&a).for_each(|(b, a)| *b = *b * 1e-3 - a);
        }
        let (exact, size) = log_dot_exp(&a, &b);
        for backend in backends() {
            let found = backend.log_dot_exp(&a, &b).unwrap();
            let mut rows = [9.0; 2];
            let both = [&a[..], &b[..]].concat();
            backend.rows_log_dot_exp(Rows::new(&both, n).unwrap(), &b, &mut rows).unwrap();
            assert!(same(rows[0], found), "{rows:?}, {found:e}");
            if exact.is_finite() && found.is_finite() {
                largest = largest.max((f64::from(found) - exact).abs() / unit(size));
            } else {
                // −∞ + ∞ is NaN, and sums that f32 does not hold are infinite.
                let sums = a.iter().zip(&b).map(|(a, b)| a + b);
                let most =
                    if sums.clone().any(f32::is_nan) { NAN } else { sums.fold(-INF, f32::max) };
                assert!(!most.is_finite() && same(found, most), "{found:e} is not {exact:e}");
            }
        }
    }
    println!("log_dot_exp: {largest:.3} ULP");
    assert!(largest <= LOG_DOT_EXP, "{largest}");
}

/// What follows from sums that are rounded to f32.
#[test]
fn log_dot_exp_of_special_values_is_log_sum_exp_of_their_sums() {
    let values = [0.0, -0.0, 1.0, -700.0, f32::MAX, f32::MIN, INF, -INF, NAN];
    let pairs = || values.into_iter().flat_map(|a| values.map(|b| [a, b]));
    for backend in backends() {
        assert_eq!(backend.log_dot_exp(&[], &[]), Ok(-INF));
        for a in pairs() {
            for b in pairs() {
                let found = backend.log_dot_exp(&a, &b).unwrap();
                let expected = backend.log_sum_exp(&[a[0] + b[0], a[1] + b[1]]);
                assert!(same(found, expected), "{a:?} · {b:?}: {found:e}, {expected:e}");
            }
        }
        // A state that is impossible, and one that is not reached.
        assert_eq!(backend.log_dot_exp(&[-INF, 1.0, 3.0], &[9.0, -INF, -2.0]), Ok(1.0));
        let mut none = [9.0; 3];
        backend.rows_log_dot_exp(Rows::without_columns(3), &[], &mut none).unwrap();
        assert_eq!(none, [-INF; 3]);
    }
}
