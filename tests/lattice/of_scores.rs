//! Entropy and divergence of the distributions that scores stand for.

use super::common::{assert_same, backends, same};
use super::{INF, SCORES, Scores, Tally, Want, all_rows, alone, pairs_of_rows};
use logits::Rows;
use logits::RowsMut;
use logits::contract::{ENTROPY_OF_SCORES, KL_DIVERGENCE_OF_SCORES};

/// H = ln(1 + tail) + Σ p·(max − x): no term is negative.
fn entropy(x: &[f32]) -> Want {
    let Some(scores) = Scores::of(x) else { return Want::Nan };
    let terms = (0..x.len()).filter(|&k| x[k] != -INF);
    let value =
        scores.rise() + terms.map(|k| scores.p(k) * (scores.max() - scores.s[k])).sum::<f64>();
    Want::near(value, ENTROPY_OF_SCORES)
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn entropies() {
    let mut tally = Tally::default();
    for n in 1..=4 {
        let x = all_rows(&SCORES, n);
        let wants: Vec<_> = x.chunks_exact(n).map(entropy).collect();
        tally.meet("entropy_of_scores", (&[&x], n), &wants, |backend| {
            let mut out = vec![9.0; wants.len()];
            backend.rows_entropy_of_scores(Rows::new(&x, n).unwrap(), &mut out).unwrap();
            for i in alone(out.len()) {
                let (row, mut own) = (Rows::new(&x[i * n..(i + 1) * n], n).unwrap(), [9.0]);
                backend.rows_entropy_of_scores(row, &mut own).unwrap();
                assert!(same(own[0], out[i]));
            }
            out
        });
    }
    tally.assert_none("entropy of scores");
}

/// ln 2⁻¹⁷⁵
const LEAST_LN: f64 = -175.0 * core::f64::consts::LN_2;

/// The divergence, and the derivatives.
fn kl_divergence(x: &[f32], y: &[f32]) -> Vec<Want> {
    let n = x.len();
    let (Some(of_p), Some(of_q)) = (Scores::of(x), Scores::of(y)) else {
        return vec![Want::Nan; n + 1];
    };
    // What is below 2⁻¹⁷⁵ of the largest counts 0.
    let [p, q] = [&of_p, &of_q].map(|of| {
        let p = |k: usize| if of.s[k] - of.max() < LEAST_LN { 0.0 } else { of.p(k) };
        (0..n).map(p).collect::<Vec<_>>()
    });
    let matters: Vec<_> = (0..n).filter(|&k| p[k].max(q[k]) > 0.0).collect();
    // By how much more x is above its largest than y is, relative to that class.
    let changes: Vec<_> =
        (0..n).map(|k| (of_p.s[k] - of_p.max()) - (of_q.s[k] - of_q.s[of_p.top])).collect();
    let are_close = matters.iter().all(|&k| changes[k].abs() < 0.6);
    let logs: Vec<f64> = if are_close {
        // ln Σ q·e^change, of which no digits are lost either.
        let shift = matters.iter().map(|&k| q[k] * libm::expm1(changes[k])).sum();
        changes.iter().map(|change| change - libm::log1p(shift)).collect()
    } else {
        (0..n).map(|k| of_p.ln_p(k) - of_q.ln_p(k)).collect()
    };
    // p·(L + e^-L − 1) with L = ln(p/q): never negative, and Σ p·L since p and q sum to 1.
    let term = |k: usize| {
        let l = logs[k];
        if l.abs() < 1e-2 {
            p[k] * l * l * (0.5 - l * (1.0 / 6.0 - l * (1.0 / 24.0 - l / 120.0)))
        } else if p[k] == 0.0 {
            q[k]
        } else if l > 40.0 {
            p[k] * (l - 1.0) + q[k]
        } else {
            p[k] * l + (q[k] - p[k])
        }
    };
    let is_possible = |k: usize, x: &[f32]| x[k] > -INF;
    let divergence = if (0..n).any(|k| is_possible(k, x) && !is_possible(k, y)) {
        Want::Bits(INF)
    } else if x == y {
        Want::Bits(0.0)
    } else {
        let value = matters.iter().map(|&k| term(k)).sum();
        Want::near(value, KL_DIVERGENCE_OF_SCORES[0])
    };
    let derivative = |k: usize| {
        let l = logs[k];
        let change = if l.abs() < 1.0 { p[k] * libm::expm1(-l) } else { q[k] - p[k] };
        let size = change.abs().max(p[k].max(q[k]) / 2.0);
        Want::Near { value: change, size, most: KL_DIVERGENCE_OF_SCORES[1] }
    };
    core::iter::once(divergence).chain((0..n).map(derivative)).collect()
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn divergences() {
    let mut tally = Tally::default();
    for n in 1..=3 {
        let [x, y] = &pairs_of_rows(&SCORES, &SCORES, n, if n < 3 { 300_000 } else { 60_000 });
        let pairs = || x.chunks_exact(n).zip(y.chunks_exact(n));
        let wants: Vec<_> = pairs().flat_map(|(x, y)| kl_divergence(x, y)).collect();
        tally.meet("kl_divergence_of_scores", (&[x, y], n), &wants, |backend| {
            let count = x.len() / n;
            let [x, y] = [x, y].map(|x| Rows::new(x, n).unwrap());
            let [mut out, mut again] = [(); 2].map(|()| vec![9.0; count]);
            let mut gradient = vec![9.0; count * n];
            let place = RowsMut::new(&mut gradient, n).unwrap();
            backend.rows_kl_divergence_of_scores(x, y, &mut out).unwrap();
            backend.rows_kl_divergence_of_scores_and_gradient(x, y, &mut again, place).unwrap();
            assert_same(&out, &again, &"with a gradient");
            for i in alone(count) {
                let [x, y] = [x, y].map(|x| Rows::new(x.row(i).unwrap(), n).unwrap());
                let (mut own, mut own_gradient) = ([9.0], vec![9.0; n]);
                let place = RowsMut::new(&mut own_gradient, n).unwrap();
                backend.rows_kl_divergence_of_scores_and_gradient(x, y, &mut own, place).unwrap();
                assert_same(&own, &out[i..=i], &"alone");
                assert_same(&own_gradient, &gradient[i * n..(i + 1) * n], &"gradient alone");
            }
            out.iter()
                .zip(gradient.chunks_exact(n))
                .flat_map(|(d, g)| [&[*d], g].concat())
                .collect()
        });
    }
    for backend in backends() {
        let nothing = Rows::new(&[], 3).unwrap();
        assert_eq!(backend.rows_kl_divergence_of_scores(nothing, nothing, &mut []), Ok(()));
    }
    tally.assert_none("divergence of scores");
}
