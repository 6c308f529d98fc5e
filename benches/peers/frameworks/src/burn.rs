//! burn: `burn-flex`, a backend of burn for CPUs, called through the trait of the backends.

use crate::{Bind, Bound, Call, Input};
use burn_backend::TensorData;
use burn_backend::ops::{ActivationOps, FloatTensorOps};
use burn_flex::{Flex, FlexDevice, FlexTensor};

pub const FUNCTIONS: [(&str, Bind); 7] = [
    ("exp", |input| of(input, Flex::float_exp)),
    ("ln", |input| of(input, Flex::float_log)),
    ("ln_1p", |input| of(input, Flex::float_log1p)),
    ("sigmoid", |input| of(input, Flex::sigmoid)),
    ("log_sigmoid", |input| of(input, Flex::log_sigmoid)),
    ("softmax", |input| of(input, |x| Flex::softmax(x, 1))),
    ("log_softmax", |input| of(input, |x| Flex::log_softmax(x, 1))),
];

/// A clone of a tensor shares its numbers: a function that has its own would overwrite them.
fn of(input: &Input, function: impl Fn(FlexTensor) -> FlexTensor + 'static) -> Box<dyn Call> {
    let data = TensorData::new(input.x.clone(), [input.rows, input.columns]);
    Box::new(Bound {
        x: Flex::float_from_data(data, &FlexDevice),
        function: move |x: &FlexTensor| function(x.clone()),
        read: |result: FlexTensor| result.into_data().try_into_vec().expect("numbers in f32"),
    })
}
