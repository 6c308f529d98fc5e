//! Softmax, its logarithm and log-sum-exp, with a scale, for masked rows, and in pieces.

use super::common::{assert_same, backends, same};
use super::{INF, SCORES, Scores, Tally, Want, all_rows, alone};
use logits::contract::{LOG_ADD_EXP, LOG_SOFTMAX, LOG_SUM_EXP, LOG_SUM_EXP_RISE, SOFTMAX};
use logits::{Backend, LogSumExp, Rows, RowsMut, Softmax};

/// What is added to a logarithm is accurate from here on.
const LEAST_RISE: f64 = 1.0 / (1_u128 << 100) as f64;

fn log_sum_exp(x: &[f32]) -> Want {
    if x.iter().any(|x| x.is_nan()) {
        return Want::Nan;
    }
    if x.contains(&INF) {
        return Want::Bits(INF);
    }
    if let [x] = x {
        return Want::Bits(*x);
    }
    let Some(scores) = Scores::of(x) else { return Want::Bits(-INF) };
    let (value, rise) = (scores.ln_sum(), scores.rise());
    let is_near_0 = value.abs() <= 1.0 && scores.tail < 1.0 / 3.0;
    if is_near_0 && rise >= LEAST_RISE {
        return Want::Near { value, size: value.abs().max(rise), most: LOG_SUM_EXP_RISE };
    }
    Want::Near { value, size: value.abs().max(1.0), most: LOG_SUM_EXP }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn log_sum_exp_of_slices_and_rows() {
    let mut tally = Tally::default();
    for n in 0..=4 {
        let x = all_rows(&SCORES, n);
        let rows = || x.chunks_exact(n.max(1));
        if n == 0 {
            tally.meet("log_sum_exp", (&[&x], n), &[Want::Bits(-INF)], |backend| {
                vec![backend.log_sum_exp(&x)]
            });
            continue;
        }
        let wants: Vec<_> = rows().map(log_sum_exp).collect();
        tally.meet("log_sum_exp", (&[&x], n), &wants, |backend| {
            let mut out = vec![9.0; wants.len()];
            backend.rows_log_sum_exp(Rows::new(&x, n).unwrap(), &mut out).unwrap();
            let of_slices: Vec<_> = rows().map(|x| backend.log_sum_exp(x)).collect();
            assert_same(&out, &of_slices, &"slices");
            out
        });
        if n == 4 {
            continue;
        }
        // In pieces, of which the best backend makes one.
        let pieces = |x: &[f32]| {
            let mut pushed = LogSumExp::new();
            for &x in x {
                pushed.push(x);
            }
            let (a, b) = x.split_at(n / 2);
            let halves = [a, b].map(|half| half.iter().collect::<LogSumExp>());
            let merged = halves[0].merge(halves[1]);
            assert!(same(merged.value(), halves[1].merge(halves[0]).value()), "{x:?}");
            let mut extended = LogSumExp::default();
            extended.extend_from_slice(a);
            extended.extend(b.iter().copied());
            [pushed, merged, extended].map(LogSumExp::value)
        };
        let all: Vec<_> = rows().flat_map(pieces).collect();
        let of_pieces: Vec<_> = wants.iter().flat_map(|want| [*want; 3]).collect();
        tally.meet_one("LogSumExp", Backend::best(), (&[&x], n), &of_pieces, &all);
        tally.meet("Backend::extend and merge", (&[&x], n), &wants, |backend| {
            let nothing = LogSumExp::new();
            let of = |x: &[f32]| {
                let (a, b) = x.split_at(n / 2);
                backend.merge(backend.extend(nothing, a), backend.extend(nothing, b)).value()
            };
            rows().map(of).collect()
        });
    }
    tally.assert_none("log-sum-exp");
}

fn log_add_exp(a: f32, b: f32) -> Want {
    if a.is_nan() || b.is_nan() {
        return Want::Nan;
    }
    if a == -INF || b == -INF {
        return Want::Bits(if a == -INF { b } else { a });
    }
    if a == INF || b == INF {
        return Want::Bits(INF);
    }
    let scores = Scores::of(&[a, b]).unwrap();
    let (value, rise) = (scores.ln_sum(), scores.rise());
    let size = value.abs().max(rise);
    if size >= LEAST_RISE {
        Want::Near { value, size, most: LOG_ADD_EXP }
    } else {
        // So near 0 that no digits are promised.
        Want::Near { value, size: LEAST_RISE, most: LOG_ADD_EXP }
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn log_add_exp_of_pairs() {
    let x = all_rows(&SCORES, 2);
    let pairs = || x.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
    let wants: Vec<_> = pairs().map(|[a, b]| log_add_exp(a, b)).collect();
    let mut tally = Tally::default();
    tally.meet("log_add_exp", (&[&x], 2), &wants, |backend| {
        pairs()
            .map(|[a, b]| {
                let found = backend.log_add_exp(a, b);
                assert!(same(found, backend.log_add_exp(b, a)), "{a:e} and {b:e}, {backend:?}");
                found
            })
            .collect()
    });
    let scalar: Vec<_> = pairs().map(|[a, b]| logits::scalar::log_add_exp(a, b)).collect();
    let backend = backends().into_iter().find(|backend| backend.name() == "scalar").unwrap();
    tally.meet_one("scalar::log_add_exp", backend, (&[&x], 2), &wants, &scalar);
    tally.assert_none("log_add_exp");
}

/// Softmax of s·x, or its logarithm.
fn softmax(x: &[f32], scale: f32, zeros_where_masked: bool, log: bool) -> Vec<Want> {
    if zeros_where_masked && x.iter().all(|&x| x == -INF) {
        return vec![if log { Want::Bits(-INF) } else { Want::Bits(0.0) }; x.len()];
    }
    // −∞ stays that whatever the scale, and +∞ makes NaN.
    let scaled =
        |&x: &f32| if x.is_infinite() { x.into() } else { f64::from(scale) * f64::from(x) };
    let Some(scores) = Scores::new(x.iter().map(scaled).collect()) else {
        return vec![Want::Nan; x.len()];
    };
    (0..x.len())
        .map(|k| match (x[k] == -INF, log) {
            (true, true) => Want::Bits(-INF),
            (true, false) => Want::Bits(0.0),
            (false, true) => Want::near(scores.ln_p(k), LOG_SOFTMAX),
            (false, false) => Want::near(scores.p(k), SOFTMAX),
        })
        .collect()
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn plain_softmax() {
    let mut tally = Tally::default();
    for n in 1..=4 {
        let x = all_rows(&SCORES, n);
        for log in [false, true] {
            let wants: Vec<_> =
                x.chunks_exact(n).flat_map(|x| softmax(x, 1.0, false, log)).collect();
            let name = if log { "log_softmax" } else { "softmax" };
            tally.meet(name, (&[&x], n), &wants, |backend| {
                let (mut out, mut in_place) = (vec![9.0; x.len()], x.clone());
                let rows = Rows::new(&x, n).unwrap();
                let to = RowsMut::new(&mut out, n).unwrap();
                let to_itself = RowsMut::new(&mut in_place, n).unwrap();
                if log {
                    backend.rows_log_softmax(rows, to).unwrap();
                    backend.rows_log_softmax_in_place(to_itself);
                } else {
                    backend.rows_softmax(rows, to).unwrap();
                    backend.rows_softmax_in_place(to_itself);
                }
                assert_same(&out, &in_place, &name);
                for i in alone(rows.rows()) {
                    let (row, mut own) = (i * n..(i + 1) * n, vec![9.0; n]);
                    let mut own_in_place = x[row.clone()].to_vec();
                    if log {
                        backend.log_softmax(&x[row.clone()], &mut own).unwrap();
                        backend.log_softmax_in_place(&mut own_in_place);
                    } else {
                        backend.softmax(&x[row.clone()], &mut own).unwrap();
                        backend.softmax_in_place(&mut own_in_place);
                    }
                    assert_same(&own, &out[row], &name);
                    assert_same(&own, &own_in_place, &name);
                }
                out
            });
        }
    }
    for backend in backends() {
        assert_eq!(backend.softmax(&[], &mut []), Ok(()));
        assert_eq!(backend.log_softmax(&[], &mut []), Ok(()));
    }
    tally.assert_none("softmax");
}

/// "A NaN … makes every result of its row NaN", and does in the plain functions; here another
/// element's result is −∞ where it is −∞, or so far below the largest that its logarithm would
/// be, in a row that has a NaN and a number.

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn softmax_with_options() {
    let mut tally = Tally::default();
    for scale in [0.0, f32::from_bits(1), 0.125, 1.0, 3.7, f32::MAX] {
        for (zeros_where_masked, log) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let mut f = Softmax::new().scale(scale);
            if zeros_where_masked {
                f = f.zeros_where_masked();
            }
            let name = format!("{f:?}, log: {log}");
            for n in 1..=3 {
                let x = all_rows(&SCORES, n);
                let wants: Vec<_> = x
                    .chunks_exact(n)
                    .flat_map(|x| softmax(x, scale, zeros_where_masked, log))
                    .collect();
                tally.meet(&name, (&[&x], n), &wants, |backend| {
                    let f = f.on(backend);
                    let (mut out, mut in_place) = (vec![9.0; x.len()], x.clone());
                    let rows = Rows::new(&x, n).unwrap();
                    let to = RowsMut::new(&mut out, n).unwrap();
                    let to_itself = RowsMut::new(&mut in_place, n).unwrap();
                    if log {
                        f.log_softmax_rows(rows, to).unwrap();
                        f.log_softmax_rows_in_place(to_itself).unwrap();
                    } else {
                        f.softmax_rows(rows, to).unwrap();
                        f.softmax_rows_in_place(to_itself).unwrap();
                    }
                    assert_same(&out, &in_place, &name);
                    for i in alone(rows.rows()).step_by(7) {
                        let (row, mut own) = (i * n..(i + 1) * n, vec![9.0; n]);
                        let mut own_in_place = x[row.clone()].to_vec();
                        if log {
                            f.log_softmax(&x[row.clone()], &mut own).unwrap();
                            f.log_softmax_in_place(&mut own_in_place).unwrap();
                        } else {
                            f.softmax(&x[row.clone()], &mut own).unwrap();
                            f.softmax_in_place(&mut own_in_place).unwrap();
                        }
                        assert_same(&own, &out[row], &name);
                        assert_same(&own, &own_in_place, &name);
                    }
                    out
                });
            }
        }
    }
    tally.assert_none("softmax with options");
}
