//! Cross-entropy of `logits` on tensors of `burn`, in its automatic differentiation.
//!
//! The loss is linear in the scores near where they are: Σ g·s, with the crate's gradient g as a
//! constant, has the gradient g. So no operation of the backend needs to be written. The value
//! that it lacks is added, without a gradient.

use burn_tensor::{Device, Int, Tensor, TensorData};
use logits::RowsMut;
use logits::loss::CrossEntropy;
use std::error::Error;

/// The mean loss of scores [n, classes] against labels [n].
fn cross_entropy(
    loss: CrossEntropy<'_>,
    scores: &Tensor<2>,
    labels: &Tensor<1, Int>,
) -> Result<Tensor<1>, Box<dyn Error>> {
    let device = scores.device();
    let [n, classes] = scores.dims();
    let labels: Vec<i64> = labels.to_data().iter().collect();
    let mut gradient: Vec<f32> = scores.to_data().iter().collect();
    let found = loss.gradient_in_place(RowsMut::new(&mut gradient, classes)?, &labels)?;
    found.mean_gradient(&mut gradient);

    let gradient = Tensor::<2>::from_data(TensorData::new(gradient, [n, classes]), &device);
    let linear = (scores.clone() * gradient).sum();
    Ok(linear.clone() - linear.detach() + found.mean())
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::flex().autodiff();
    let x = Tensor::<2>::from_floats(
        [[1.0, 0.0, 0.5], [0.0, 1.0, -0.5], [1.0, 1.0, 0.0], [0.2, 0.1, 2.0]],
        &device,
    );
    let labels = Tensor::<1, Int>::from_ints([0, 1, 1, 0], &device);
    let mut weights = Tensor::<2>::zeros([3, 2], &device).require_grad();

    let mut last = f32::INFINITY;
    for step in 0..=50 {
        let scores = x.clone().matmul(weights.clone());
        let loss = cross_entropy(CrossEntropy::new(), &scores, &labels)?;
        let gradient = weights.grad(&loss.backward()).ok_or("the loss has no gradient")?;

        // The same without the crate, in a graph of its own: `backward` consumes one.
        let exp = x.clone().matmul(weights.clone()).exp();
        let p = exp.clone() / exp.sum_dim(1);
        let own = p.gather(1, labels.clone().unsqueeze_dim(1)).log().mean().neg();
        let own_gradient = weights.grad(&own.backward()).ok_or("nor has this")?;
        let apart: f32 = (gradient.clone() - own_gradient).abs().max().into_scalar();
        let value: f32 = loss.into_scalar();
        assert!(apart < 1e-6, "gradients are {apart} apart");
        assert!((value - own.into_scalar::<f32>()).abs() < 1e-6 && value < last);
        last = value;
        if step % 10 == 0 {
            println!("step {step:2}: loss {value:.6}, gradients at most {apart:.0e} apart");
        }
        weights = Tensor::from_inner(weights.inner() - gradient).require_grad();
    }
    Ok(())
}
