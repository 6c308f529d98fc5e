//! What one writes without a library: plain loops over `f32`, with std's exp and ln.

/// e^(x − max) to `out`; returns max and their sum.
fn exponentials(x: &[f32], out: &mut [f32]) -> (f32, f32) {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    out.iter_mut().zip(x).for_each(|(out, x)| *out = (x - max).exp());
    (max, out.iter().sum())
}

pub fn softmax(x: &[f32], out: &mut [f32]) {
    let (_, sum) = exponentials(x, out);
    out.iter_mut().for_each(|p| *p /= sum);
}

pub fn log_sum_exp(x: &[f32]) -> f32 {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    max + x.iter().map(|x| (x - max).exp()).sum::<f32>().ln()
}

/// The loss of one row, and its gradient to `out`.
pub fn loss_and_gradient(x: &[f32], label: usize, out: &mut [f32]) -> f32 {
    let (max, sum) = exponentials(x, out);
    out.iter_mut().for_each(|p| *p /= sum);
    out[label] -= 1.0;
    max + sum.ln() - x[label]
}
