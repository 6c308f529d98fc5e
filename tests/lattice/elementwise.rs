//! Functions of each element, on slices, one number and lanes.

use super::common::{assert_same, backends, elementwise, same};
use super::{SCORES, Tally, Want, all_rows, alone, pairs_of_rows};
use logits::{contract, scalar, vector};
use wide::f32x8;

/// What is documented: [`contract`]'s special values, and near 0 the argument itself.
fn wants(f: &contract::Elementwise, exact: fn(f64) -> f64, x: f32, ulp: f64) -> Want {
    let bits = |value: f32| if value.is_nan() { Want::Nan } else { Want::Bits(value) };
    if let Some((_, value)) = f.special.iter().find(|(at, _)| same(*at, x)) {
        // Infinities, zeros and ones are exact; a value in the table is within the bound.
        return if value.is_finite() && *value != 0.0 && value.abs() != 1.0 {
            Want::near(exact(x.into()), ulp)
        } else {
            bits(*value)
        };
    }
    let itself = ["exp_m1", "ln_1p"].contains(&f.name) && x.abs() < f32::MIN_POSITIVE;
    if itself {
        return Want::Bits(x);
    }
    match exact(x.into()) {
        value if value.is_nan() => Want::Nan,
        value => Want::near(value, ulp),
    }
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn elementwise_functions() {
    let mut tally = Tally::default();
    for f in elementwise() {
        for n in 0..=4 {
            let [x, _] = if n < 4 {
                [all_rows(&SCORES, n), Vec::new()]
            } else {
                pairs_of_rows(&SCORES, &SCORES, n, 20_000)
            };
            for backend in backends() {
                // What is promised depends on whether it fuses.
                let ulp = f.contract.error(backend).ulp;
                let of_value = SCORES.map(|x| wants(&f.contract, f.exact, x, ulp));
                let index = |x: &f32| SCORES.iter().position(|y| same(*x, *y)).unwrap();
                let wanted: Vec<_> = x.iter().map(|x| of_value[index(x)]).collect();
                let mut out = vec![9.0; x.len()];
                (f.map)(backend, &x, &mut out).unwrap();
                let mut in_place = x.clone();
                (f.in_place)(backend, &mut in_place);
                assert_same(&out, &in_place, &f.contract.name);
                for i in alone(x.len() / n.max(1)) {
                    let row = i * n..(i + 1) * n;
                    let mut alone = vec![9.0; n];
                    (f.map)(backend, &x[row.clone()], &mut alone).unwrap();
                    assert_same(&alone, &out[row], &f.contract.name);
                }
                tally.meet_one(f.contract.name, backend, (&[&x], n), &wanted, &out);
            }
        }
    }
    tally.assert_none("elementwise functions");
}

#[test]
#[cfg_attr(debug_assertions, ignore = "takes a minute unoptimised")]
fn elementwise_functions_of_a_number_and_of_lanes() {
    type OfOne = fn(f32) -> f32;
    type OfLanes = fn(f32x8) -> f32x8;
    let functions: [(&str, OfOne, OfLanes); 7] = [
        ("exp", scalar::exp, vector::exp),
        ("exp_m1", scalar::exp_m1, vector::exp_m1),
        ("ln", scalar::ln, vector::ln),
        ("ln_1p", scalar::ln_1p, vector::ln_1p),
        ("sigmoid", scalar::sigmoid, vector::sigmoid),
        ("log_sigmoid", scalar::log_sigmoid, vector::log_sigmoid),
        ("softplus", scalar::softplus, vector::softplus),
    ];
    let named = |name| backends().into_iter().find(|backend| backend.name() == name).unwrap();
    let mut tally = Tally::default();
    for (f, (name, of_one, of_lanes)) in elementwise().into_iter().zip(functions) {
        assert_eq!(f.contract.name, name);
        let wants = |backend| {
            let ulp = f.contract.error(backend).ulp;
            SCORES.map(|x| wants(&f.contract, f.exact, x, ulp))
        };
        let (one, lanes) = (named("scalar"), named("portable"));
        let found = SCORES.map(of_one);
        tally.meet_one(&format!("scalar::{name}"), one, (&[&SCORES], 1), &wants(one), &found);
        let mut found = Vec::new();
        for x in SCORES.chunks(8) {
            let mut lanes = [1.0; 8];
            lanes[..x.len()].copy_from_slice(x);
            found.extend_from_slice(&of_lanes(f32x8::from(lanes)).to_array()[..x.len()]);
        }
        tally.meet_one(&format!("vector::{name}"), lanes, (&[&SCORES], 1), &wants(lanes), &found);
    }
    tally.assert_none("elementwise functions of a number and of lanes");
}
