//! The functions of each element on every backend: error, special values, lengths,
//! offsets, and the equality of all their forms.

mod common;

use common::{Elementwise, Random, assert_same, backends, class_of_rows, elementwise, same, ulp};
use logits::{Backend, Error, scalar, vector};

/// The forms of a function that need no backend to be named.
struct Public {
    root: fn(&[f32], &mut [f32]) -> Result<(), Error>,
    in_place: fn(&mut [f32]),
    vector: fn(wide::f32x8) -> wide::f32x8,
    scalar: fn(f32) -> f32,
}

fn public(name: &str) -> Public {
    macro_rules! forms {
        ($name:ident, $in_place:ident) => {
            Public {
                root: logits::$name,
                in_place: logits::$in_place,
                vector: vector::$name,
                scalar: scalar::$name,
            }
        };
    }
    match name {
        "exp" => forms!(exp, exp_in_place),
        "exp_m1" => forms!(exp_m1, exp_m1_in_place),
        "ln" => forms!(ln, ln_in_place),
        "ln_1p" => forms!(ln_1p, ln_1p_in_place),
        "sigmoid" => forms!(sigmoid, sigmoid_in_place),
        "log_sigmoid" => forms!(log_sigmoid, log_sigmoid_in_place),
        "softplus" => forms!(softplus, softplus_in_place),
        _ => panic!("no public form of {name}"),
    }
}

/// Runs a function whose slices are known to be of one length.
fn map(case: &Elementwise, backend: Backend, x: &[f32], out: &mut [f32]) {
    (case.map)(backend, x, out).unwrap();
}

/// Every exponent and a dense sample of mantissas; `tests/exhaustive` proves the
/// same for all inputs.
#[test]
fn errors_stay_within_the_contract() {
    for case in elementwise() {
        let name = case.contract.name;
        for backend in backends() {
            let x: Vec<f32> = (0..=u32::MAX).step_by(4093).map(f32::from_bits).collect();
            let mut y = vec![0.0; x.len()];
            map(&case, backend, &x, &mut y);
            let errors = x.iter().zip(&y).map(|(&x, &y)| (ulp(y, (case.exact)(f64::from(x))), x));
            let (error, at) = errors.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            let limit = case.contract.error(backend).ulp;
            println!("{name} {backend:?}: {error:.4} ULP at {at:e}");
            assert!(error <= limit, "{name} {backend:?}: {error} > {limit} ULP at {at:e}");
        }
    }
}

/// The contract's largest errors are real, and not rounded up by more than the
/// thousandth it says.
#[test]
fn the_largest_errors_are_where_the_contract_says() {
    for case in elementwise() {
        for backend in backends() {
            let largest = case.contract.error(backend);
            let mut y = [0.0];
            map(&case, backend, &[largest.at], &mut y);
            let error = ulp(y[0], (case.exact)(f64::from(largest.at)));
            let slack = largest.ulp - error;
            let name = case.contract.name;
            assert!((0.0..0.001).contains(&slack), "{name} {backend:?}: {error}, not {largest:?}");
        }
    }
}

/// The README's table is the contract's.
#[test]
fn the_readme_states_the_contract() {
    for case in elementwise() {
        let row = case.contract;
        let scalar = row.scalar.ulp;
        let [fused, unfused] = [row.fused.ulp, row.unfused.ulp];
        let line = format!("| `{}` | {fused:.3} | {unfused:.3} | {scalar:.3} |", row.name);
        assert!(include_str!("../README.md").contains(&line), "the README lacks {line}");
    }
}

/// Outside its domain a function is infinite or NaN, at its ends it is finite.
#[test]
fn domains_end_where_the_contract_says() {
    for case in elementwise() {
        let (least, most) = case.contract.domain;
        let inside = [least, most].map(|x| if x.is_finite() { x } else { 0.0 });
        let outside = [least.next_down(), most.next_up()];
        for backend in backends() {
            let (mut y, mut beyond) = ([0.0; 2], [0.0; 2]);
            map(&case, backend, &inside, &mut y);
            map(&case, backend, &outside, &mut beyond);
            let name = case.contract.name;
            assert!(y.iter().all(|y| y.is_finite()), "{name}{inside:?} = {y:?} on {backend:?}");
            for (x, y) in outside.into_iter().zip(beyond) {
                let unbounded = x == least || x == most; // nothing lies beyond ±∞
                assert!(unbounded || !y.is_finite(), "{name}({x:e}) = {y:e} on {backend:?}");
            }
        }
    }
}

#[test]
fn special_values_are_exact() {
    for case in elementwise() {
        for backend in backends() {
            for &(x, expected) in case.contract.special {
                let mut out = [0.0];
                map(&case, backend, &[x], &mut out);
                let name = case.contract.name;
                assert!(same(out[0], expected), "{name}({x:e}) = {:e} on {backend:?}", out[0]);
            }
        }
    }
}

/// Elements from every class: ordinary, subnormal, infinite, NaN, zero.
fn hostile(random: &mut Random, n: usize) -> Vec<f32> {
    let special = [f32::NAN, f32::INFINITY, -f32::INFINITY, -0.0, 1e-45, -1e-40, 3e38, -3e38];
    (0..n)
        .map(|_| match random.below(4) {
            0 => special[random.below(special.len())],
            1 => random.any(),
            _ => random.between(-100.0, 100.0),
        })
        .collect()
}

/// The value of an element depends neither on its lane, nor on its neighbours,
/// nor on length, alignment, or form.
#[test]
fn every_length_offset_and_form_gives_the_same_bits() {
    let mut random = Random::new(1);
    for case in elementwise() {
        for backend in backends() {
            for length in 0..=67 {
                for offset in 0..16 {
                    let x = hostile(&mut random, offset + length);
                    let expected: Vec<f32> = x[offset..]
                        .iter()
                        .map(|&x| {
                            let mut one = [0.0];
                            map(&case, backend, &[x], &mut one);
                            one[0]
                        })
                        .collect();
                    let guard = f32::from_bits(0x7FC0_1234);
                    let mut out = vec![guard; offset + length + 16];
                    map(&case, backend, &x[offset..], &mut out[offset..][..length]);
                    let what = format!("{} {backend:?} {length} at {offset}", case.contract.name);
                    assert_same(&out[offset..][..length], &expected, &what);
                    let outside = out[..offset].iter().chain(&out[offset + length..]);
                    assert!(outside.into_iter().all(|x| x.to_bits() == guard.to_bits()), "{what}");

                    let mut in_place = x.clone();
                    (case.in_place)(backend, &mut in_place[offset..]);
                    assert_same(&in_place[offset..], &expected, &what);
                    assert_same(&in_place[..offset], &x[..offset], &what);
                }
            }
        }
    }
}

/// An extreme neighbour makes a vector go the long way, which must be the same.
#[test]
fn an_extreme_neighbour_changes_nothing() {
    let mut random = Random::new(7);
    // Where products that make up e^x begin to be subnormal, if not fused.
    let x: Vec<f32> = random.vector(40_000, -85.0, -65.0);
    let beside: Vec<f32> = x.iter().flat_map(|&x| [x, 1e30]).collect();
    for case in elementwise() {
        for backend in backends() {
            let (mut out, mut found) = (vec![0.0; x.len()], vec![0.0; beside.len()]);
            for (x, out) in x.iter().zip(&mut out) {
                map(&case, backend, &[*x], core::slice::from_mut(out));
            }
            map(&case, backend, &beside, &mut found);
            let found: Vec<f32> = found.into_iter().step_by(2).collect();
            assert_same(&found, &out, &format!("{} {backend:?}", case.contract.name));
        }
    }
}

#[test]
fn backends_of_a_class_agree_to_the_bit() {
    let mut random = Random::new(2);
    let x = hostile(&mut random, 1 << 16);
    for case in elementwise() {
        let results: Vec<_> = backends()
            .into_iter()
            .map(|backend| {
                let mut out = vec![0.0; x.len()];
                map(&case, backend, &x, &mut out);
                (backend, out)
            })
            .collect();
        for (a, x) in &results {
            for (b, y) in &results {
                if class_of_rows(*a) == class_of_rows(*b) {
                    assert_same(x, y, &format!("{} on {a:?} and {b:?}", case.contract.name));
                }
            }
        }
    }
}

/// The root functions, `vector` and `scalar` are the backends' own.
#[test]
fn public_forms_agree_with_their_backends() {
    let mut random = Random::new(3);
    let x = hostile(&mut random, 4096);
    for case in elementwise() {
        let on = |name: &str| {
            let backend = backends().into_iter().find(|backend| backend.name() == name).unwrap();
            let mut out = vec![0.0; x.len()];
            map(&case, backend, &x, &mut out);
            out
        };
        let (name, forms) = (case.contract.name, public(case.contract.name));
        let expected = on(Backend::best().name());
        let mut out = vec![0.0; x.len()];
        (forms.root)(&x, &mut out).unwrap();
        assert_same(&out, &expected, &name);
        out.copy_from_slice(&x);
        (forms.in_place)(&mut out);
        assert_same(&out, &expected, &name);

        out.copy_from_slice(&x);
        for x in &mut out {
            *x = (forms.scalar)(*x);
        }
        assert_same(&out, &on("scalar"), &name);

        out.copy_from_slice(&x);
        for lanes in out.as_chunks_mut::<8>().0 {
            *lanes = (forms.vector)(wide::f32x8::new(*lanes)).to_array();
        }
        assert_same(&out, &on("portable"), &name);
    }
}
