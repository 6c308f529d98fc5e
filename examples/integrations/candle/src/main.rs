//! Cross-entropy of `logits` as an operation of `candle`, with its gradient.

use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, Var, bail};
use logits::loss::CrossEntropy;
use logits::{Rows, RowsMut};

/// The mean loss of scores [n, classes] against labels [n] of type u32; its gradient by scores.
struct Loss(CrossEntropy<'static>);
/// That gradient.
struct Gradient(CrossEntropy<'static>);

/// The scores, how many classes they have, and the labels: where they lie in memory.
fn arguments<'a>(
    (scores, scores_layout): (&'a CpuStorage, &Layout),
    (labels, labels_layout): (&'a CpuStorage, &Layout),
) -> Result<(&'a [f32], usize, &'a [u32])> {
    let (Some((start, end)), Some(of_labels)) =
        (scores_layout.contiguous_offsets(), labels_layout.contiguous_offsets())
    else {
        bail!("cross-entropy needs contiguous scores and labels");
    };
    let (_, classes) = scores_layout.shape().dims2()?;
    Ok((&scores.as_slice()?[start..end], classes, &labels.as_slice()?[of_labels.0..of_labels.1]))
}

impl CustomOp2 for Loss {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(
        &self,
        scores: &CpuStorage,
        scores_layout: &Layout,
        labels: &CpuStorage,
        labels_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (scores, classes, labels) =
            arguments((scores, scores_layout), (labels, labels_layout))?;
        let scores = Rows::new(scores, classes).map_err(candle_core::Error::wrap)?;
        let loss = self.0.loss(scores, labels).map_err(candle_core::Error::wrap)?;
        Ok((CpuStorage::F32(vec![loss.mean()]), ().into()))
    }

    fn bwd(
        &self,
        scores: &Tensor,
        labels: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let gradient = scores.apply_op2_no_bwd(labels, &Gradient(self.0))?;
        Ok((Some(gradient.broadcast_mul(upstream)?), None))
    }
}

impl CustomOp2 for Gradient {
    fn name(&self) -> &'static str {
        "gradient of cross-entropy"
    }

    fn cpu_fwd(
        &self,
        scores: &CpuStorage,
        scores_layout: &Layout,
        labels: &CpuStorage,
        labels_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (scores, classes, labels) =
            arguments((scores, scores_layout), (labels, labels_layout))?;
        let mut gradient = scores.to_vec();
        let rows = RowsMut::new(&mut gradient, classes).map_err(candle_core::Error::wrap)?;
        let loss = self.0.gradient_in_place(rows, labels).map_err(candle_core::Error::wrap)?;
        loss.mean_gradient(&mut gradient);
        Ok((CpuStorage::F32(gradient), scores_layout.shape().clone()))
    }
}

fn main() -> Result<()> {
    let cpu = &Device::Cpu;
    let x =
        Tensor::new(&[[1f32, 0.0, 0.5], [0.0, 1.0, -0.5], [1.0, 1.0, 0.0], [0.2, 0.1, 2.0]], cpu)?;
    let labels = Tensor::new(&[0u32, 1, 1, 0], cpu)?;
    let weights = Var::zeros((3, 2), DType::F32, cpu)?;

    let mut last = f32::INFINITY;
    for step in 0..=50 {
        let scores = x.matmul(&weights)?;
        let loss = scores.apply_op2(&labels, Loss(CrossEntropy::new()))?;
        let gradients = loss.backward()?;
        let gradient = gradients.get(&weights).expect("the loss depends on the weights");

        // The same without the crate: softmax, the label's logarithm, and candle's own gradient.
        let exp = scores.exp()?;
        let p = exp.broadcast_div(&exp.sum_keepdim(1)?)?;
        let own = p.gather(&labels.unsqueeze(1)?, 1)?.log()?.neg()?.mean_all()?;
        let own_gradients = own.backward()?;
        let own_gradient = own_gradients.get(&weights).expect("so does this");
        let apart = (gradient - own_gradient)?.abs()?.max_all()?.to_scalar::<f32>()?;
        assert!(apart < 1e-6, "gradients are {apart} apart");

        let value = loss.to_scalar::<f32>()?;
        assert!((value - own.to_scalar::<f32>()?).abs() < 1e-6 && value < last);
        last = value;
        if step % 10 == 0 {
            println!("step {step:2}: loss {value:.6}, gradients at most {apart:.0e} apart");
        }
        weights.set(&(weights.as_tensor() - gradient)?)?;
    }
    Ok(())
}
