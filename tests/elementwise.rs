//! exp, ln and sigmoid on every backend: error, special values, lengths,
//! offsets, and the equality of all their forms.

mod common;

use common::{Random, assert_same, backends, same, ulp};
use logits::contract::ELEMENTWISE;
use logits::kernel::{Exp, Function, Ln, Map, MapInPlace, Sigmoid};
use logits::{Backend, Error, scalar, vector};

/// One function in all its forms, with its oracle.
struct Case {
    name: &'static str,
    map: fn(Backend, &[f32], &mut [f32]),
    in_place: fn(Backend, &mut [f32]),
    root: fn(&[f32], &mut [f32]) -> Result<(), Error>,
    root_in_place: fn(&mut [f32]),
    vector: fn(wide::f32x8) -> wide::f32x8,
    scalar: fn(f32) -> f32,
    oracle: fn(f64) -> f64,
}

fn map(backend: Backend, f: impl Function, x: &[f32], out: &mut [f32]) {
    backend.run(Map::new(f, x, out).unwrap());
}

const CASES: [Case; 3] = [
    Case {
        name: "exp",
        map: |backend, x, out| map(backend, Exp, x, out),
        in_place: |backend, x| backend.run(MapInPlace::new(Exp, x)),
        root: logits::exp,
        root_in_place: logits::exp_in_place,
        vector: vector::exp,
        scalar: scalar::exp,
        oracle: libm::exp,
    },
    Case {
        name: "ln",
        map: |backend, x, out| map(backend, Ln, x, out),
        in_place: |backend, x| backend.run(MapInPlace::new(Ln, x)),
        root: logits::ln,
        root_in_place: logits::ln_in_place,
        vector: vector::ln,
        scalar: scalar::ln,
        oracle: libm::log,
    },
    Case {
        name: "sigmoid",
        map: |backend, x, out| map(backend, Sigmoid, x, out),
        in_place: |backend, x| backend.run(MapInPlace::new(Sigmoid, x)),
        root: logits::sigmoid,
        root_in_place: logits::sigmoid_in_place,
        vector: vector::sigmoid,
        scalar: scalar::sigmoid,
        oracle: |x| 1.0 / (1.0 + libm::exp(-x)),
    },
];

/// The function's row of the contract.
fn contract(name: &str) -> logits::contract::Elementwise {
    ELEMENTWISE.into_iter().find(|row| row.name == name).unwrap()
}

#[test]
fn every_function_has_a_contract_and_a_case() {
    assert!(CASES.iter().map(|case| case.name).eq(ELEMENTWISE.iter().map(|row| row.name)));
}

/// Every exponent and a dense sample of mantissas; all 2^32 inputs with
/// `LOGITS_STEP=1`.
#[test]
fn errors_stay_within_the_contract() {
    let step = std::env::var("LOGITS_STEP").map_or(4093, |step| step.parse().unwrap());
    for case in CASES {
        let limit = contract(case.name).ulp;
        for backend in backends() {
            let mut bits = (0..=u32::MAX).step_by(step);
            let (mut x, mut y) = (vec![0.0; 4096], vec![0.0; 4096]);
            let mut worst = (0.0, 0.0);
            loop {
                let read = x.iter_mut().zip(&mut bits).map(|(x, b)| *x = f32::from_bits(b)).count();
                (case.map)(backend, &x[..read], &mut y[..read]);
                for (&x, &y) in x.iter().zip(&y[..read]) {
                    let error = ulp(y, (case.oracle)(f64::from(x)));
                    if error > worst.0 {
                        worst = (error, x);
                    }
                }
                if read < x.len() {
                    break;
                }
            }
            let (error, at) = worst;
            println!("{} {backend:?}: {error:.4} ULP at {at:e}", case.name);
            assert!(error <= limit, "{} {backend:?}: {error} > {limit} ULP at {at:e}", case.name);
        }
    }
}

#[test]
fn special_values_are_exact() {
    for case in CASES {
        for backend in backends() {
            for &(x, expected) in contract(case.name).special {
                let mut out = [0.0];
                (case.map)(backend, &[x], &mut out);
                let name = case.name;
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
    for case in CASES {
        for backend in backends() {
            for length in 0..=67 {
                for offset in 0..16 {
                    let x = hostile(&mut random, offset + length);
                    let expected: Vec<f32> = x[offset..]
                        .iter()
                        .map(|&x| {
                            let mut one = [0.0];
                            (case.map)(backend, &[x], &mut one);
                            one[0]
                        })
                        .collect();
                    let guard = f32::from_bits(0x7FC0_1234);
                    let mut out = vec![guard; offset + length + 16];
                    (case.map)(backend, &x[offset..], &mut out[offset..][..length]);
                    let what = format!("{} {backend:?} {length} at {offset}", case.name);
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

#[test]
fn backends_of_a_class_agree_to_the_bit() {
    let mut random = Random::new(2);
    let x = hostile(&mut random, 1 << 16);
    for case in CASES {
        let results: Vec<_> = backends()
            .into_iter()
            .map(|backend| {
                let mut out = vec![0.0; x.len()];
                (case.map)(backend, &x, &mut out);
                (backend, out)
            })
            .collect();
        for (a, x) in &results {
            for (b, y) in &results {
                if a.is_fused() == b.is_fused() {
                    assert_same(x, y, &format!("{} on {a:?} and {b:?}", case.name));
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
    let on = |case: &Case, name: &str| {
        let backend = backends().into_iter().find(|backend| backend.name() == name).unwrap();
        let mut out = vec![0.0; x.len()];
        (case.map)(backend, &x, &mut out);
        out
    };
    for case in CASES {
        let name = case.name;
        let expected = on(&case, Backend::best().name());
        let mut out = vec![0.0; x.len()];
        (case.root)(&x, &mut out).unwrap();
        assert_same(&out, &expected, &name);
        out.copy_from_slice(&x);
        (case.root_in_place)(&mut out);
        assert_same(&out, &expected, &name);

        out.copy_from_slice(&x);
        for x in &mut out {
            *x = (case.scalar)(*x);
        }
        assert_same(&out, &on(&case, "scalar"), &name);

        out.copy_from_slice(&x);
        for lanes in out.as_chunks_mut::<8>().0 {
            *lanes = (case.vector)(wide::f32x8::new(*lanes)).to_array();
        }
        assert_same(&out, &on(&case, "portable"), &name);
    }
}
