//! exp, ln and sigmoid: error, special values, lengths, offsets, forms.

mod common;

use common::{Random, assert_same, backends, same, ulp};
use logits::kernel::{Exp, Kernel, Ln, Map, MapInPlace, Sigmoid};
use logits::{Backend, Error, scalar, vector};

/// One function in all its forms, with its oracle and its largest error.
struct Case {
    name: &'static str,
    map: fn(Backend, &[f32], &mut [f32]),
    in_place: fn(Backend, &mut [f32]),
    root: fn(&[f32], &mut [f32]) -> Result<(), Error>,
    root_in_place: fn(&mut [f32]),
    vector: fn(wide::f32x8) -> wide::f32x8,
    scalar: fn(f32) -> f32,
    oracle: fn(f64) -> f64,
    ulp: f64,
}

fn map<F>(backend: Backend, f: F, x: &[f32], out: &mut [f32])
where
    for<'a> Map<'a, F>: Kernel<Output = ()>,
    F: logits::kernel::Function,
{
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
        ulp: 0.60,
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
        ulp: 0.85,
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
        ulp: 2.5,
    },
];

#[test]
fn error_over_a_sample_of_all_inputs() {
    for case in CASES {
        for backend in backends() {
            let mut worst = (0.0, 0.0);
            let step = 997; // prime: every mantissa and exponent is met
            let mut bits = (0..u32::MAX).step_by(step);
            let mut x = vec![0.0; 4096];
            let mut y = vec![0.0; 4096];
            loop {
                let n = x.iter_mut().zip(&mut bits).map(|(x, b)| *x = f32::from_bits(b)).count();
                if n == 0 {
                    break;
                }
                (case.map)(backend, &x, &mut y);
                for (&x, &y) in x.iter().zip(&y) {
                    let error = ulp(y, (case.oracle)(f64::from(x)));
                    if error > worst.0 {
                        worst = (error, x);
                    }
                }
            }
            println!("{} {backend:?}: {:.4} ULP at {:e}", case.name, worst.0, worst.1);
        }
    }
}
