//! Entropy, cross-entropy and divergences of distributions.

use super::common::{TERM, backends, js_term, kl_term, same, x_ln_y};
use super::{INF, PROBABILITIES, Tally, Want, all_rows, pairs_of_rows};
use logits::contract::{DISTRIBUTION, DIVERGENCE};
use logits::{Backend, Error, Rows};

/// A sum of terms, measured by their magnitudes.
fn sum(terms: impl Iterator<Item = f64>) -> Want {
    let (mut value, mut size) = (0.0, 0.0);
    for term in terms.filter(|&term| term != 0.0) {
        value += term;
        size += term.abs() + TERM;
    }
    match value {
        value if value.is_nan() => Want::Nan,
        value if size == 0.0 => Want::Near { value, size, most: 0.0 },
        value => Want::Near { value, size, most: DISTRIBUTION },
    }
}

/// −Σ p·ln p, by IEEE 754 of an infinite p.
fn entropy(p: &[f32]) -> Want {
    if p.iter().any(|&p| p < 0.0 || p.is_nan()) {
        return Want::Nan;
    }
    sum(p.iter().map(|&p| -x_ln_y(p, p)))
}

/// −Σ p·ln q, by IEEE 754 where one is infinite.
fn cross_entropy(p: &[f32], q: &[f32]) -> Want {
    let is_wrong =
        |(&p, &q): (&f32, &f32)| p < 0.0 || p.is_nan() || p > 0.0 && (q < 0.0 || q.is_nan());
    if p.iter().zip(q).any(is_wrong) {
        return Want::Nan;
    }
    // −0 is 0: its logarithm is −∞ too.
    sum(p.iter().zip(q).map(|(&p, &q)| -x_ln_y(p, q.abs())))
}

/// A negative, infinite or NaN element.
fn is_no_probability(p: f32) -> bool {
    !(0.0..INF).contains(&p)
}

fn kl_divergence(p: &[f32], q: &[f32]) -> Want {
    if p.iter().chain(q).any(|&p| is_no_probability(p)) {
        return Want::Nan;
    }
    if p == q {
        return Want::Bits(0.0);
    }
    let pairs = || p.iter().zip(q).map(|(&p, &q)| (p.abs(), q.abs()));
    if pairs().any(|(p, q)| p > 0.0 && q == 0.0) {
        return Want::Bits(INF);
    }
    let [of_p, of_q] = [p, q].map(|x| x.iter().map(|&x| f64::from(x)).sum::<f64>());
    if (of_q - of_p).abs() > of_p / f64::from(1 << 20) {
        let term = |(p, q): (f32, f32)| match (f64::from(p), f64::from(q)) {
            (0.0, _) => 0.0,
            (p, q) => p * (libm::log(p) - libm::log(q)),
        };
        return sum(pairs().map(term));
    }
    // No term is negative.
    let (mut value, mut size) = (0.0, 0.0);
    for term in pairs().map(|(p, q)| kl_term(p, q)).filter(|&term| term != 0.0) {
        value += term;
        size += term + TERM;
    }
    Want::Near { value, size, most: DIVERGENCE }
}

fn js_divergence(p: &[f32], q: &[f32]) -> Want {
    if p.iter().chain(q).any(|&p| is_no_probability(p)) {
        return Want::Nan;
    }
    if p == q {
        return Want::Bits(0.0);
    }
    let (mut value, mut size) = (0.0, 0.0);
    let terms = p.iter().zip(q).map(|(p, q)| js_term(p.abs(), q.abs()));
    for term in terms.filter(|&term| term != 0.0) {
        value += term;
        size += term + TERM;
    }
    Want::Near { value, size, most: DIVERGENCE }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn entropies() {
    let mut tally = Tally::default();
    for backend in backends() {
        assert_eq!(backend.entropy(&[]).to_bits(), 0);
    }
    for n in 1..=4 {
        let p = all_rows(&PROBABILITIES, n);
        let wants: Vec<_> = p.chunks_exact(n).map(entropy).collect();
        tally.meet("entropy", (&[&p], n), &wants, |backend| {
            let mut out = vec![9.0; wants.len()];
            backend.rows_entropy(Rows::new(&p, n).unwrap(), &mut out).unwrap();
            for (p, out) in p.chunks_exact(n).zip(&out) {
                assert!(same(backend.entropy(p), *out));
            }
            out
        });
    }
    tally.assert_none("entropy");
}

type Model = fn(&[f32], &[f32]) -> Want;
type OfTwo = fn(Backend, &[f32], &[f32]) -> Result<f32, Error>;
type OfRows = fn(Backend, Rows<'_>, Rows<'_>, &mut [f32]) -> Result<(), Error>;

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn cross_entropies_and_divergences() {
    let functions: [(&str, Model, OfTwo, OfRows); 3] = [
        ("cross_entropy", cross_entropy, Backend::cross_entropy, Backend::rows_cross_entropy),
        ("kl_divergence", kl_divergence, Backend::kl_divergence, Backend::rows_kl_divergence),
        ("js_divergence", js_divergence, Backend::js_divergence, Backend::rows_js_divergence),
    ];
    let mut tally = Tally::default();
    for (name, model, of_two, of_rows) in functions {
        for backend in backends() {
            assert_eq!(of_two(backend, &[], &[]).map(f32::to_bits), Ok(0));
        }
        for n in 1..=3 {
            let [p, q] = &pairs_of_rows(&PROBABILITIES, &PROBABILITIES, n, 100_000);
            let pairs = || p.chunks_exact(n).zip(q.chunks_exact(n));
            let wants: Vec<_> = pairs().map(|(p, q)| model(p, q)).collect();
            tally.meet(name, (&[p, q], n), &wants, |backend| {
                let mut out = vec![9.0; wants.len()];
                let [rows_p, rows_q] = [p, q].map(|x| Rows::new(x, n).unwrap());
                of_rows(backend, rows_p, rows_q, &mut out).unwrap();
                for ((p, q), &out) in pairs().zip(&out) {
                    assert!(same(of_two(backend, p, q).unwrap(), out), "{name}");
                    if name == "js_divergence" {
                        assert!(same(of_two(backend, q, p).unwrap(), out), "{name}");
                        let are_normal = [p, q].iter().all(|x| x.iter().sum::<f32>() == 1.0);
                        let range = 0.0..=core::f32::consts::LN_2;
                        assert!(!are_normal || out.is_nan() || range.contains(&out), "{out}");
                    }
                }
                out
            });
        }
    }
    tally.assert_none("cross-entropy and divergences");
}
