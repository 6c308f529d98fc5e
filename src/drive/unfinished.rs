//! What is still to be written.
#![allow(missing_docs, unused, clippy::missing_errors_doc)]
use crate::{Backend, Error, LogSumExp, Rows, RowsMut};
impl Backend {
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn log_sum_exp(self, x: &[f32]) -> f32 { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn log_add_exp(self, a: f32, b: f32) -> f32 { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn extend(self, state: LogSumExp, x: &[f32]) -> LogSumExp { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn merge(self, a: LogSumExp, b: LogSumExp) -> LogSumExp { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn softmax(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn softmax_in_place(self, x: &mut [f32]) { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_softmax(self, x: Rows<'_>, out: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_softmax_in_place(self, x: RowsMut<'_>) { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn softmax_backward(self, y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn softmax_backward_in_place(self, y: &[f32], upstream: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_softmax_backward(self, y: Rows<'_>, upstream: Rows<'_>, out: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_softmax_backward_in_place(self, y: Rows<'_>, upstream: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn log_softmax(self, x: &[f32], out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn log_softmax_in_place(self, x: &mut [f32]) { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_log_softmax(self, x: Rows<'_>, out: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_log_softmax_in_place(self, x: RowsMut<'_>) { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn log_softmax_backward(self, y: &[f32], upstream: &[f32], out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn log_softmax_backward_in_place(self, y: &[f32], upstream: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_log_softmax_backward(self, y: Rows<'_>, upstream: Rows<'_>, out: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_log_softmax_backward_in_place(self, y: Rows<'_>, upstream: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_log_sum_exp(self, x: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_linear(self, x: Rows<'_>, weights: Rows<'_>, bias: &[f32], out: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn entropy(self, p: &[f32]) -> f32 { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_entropy(self, p: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_entropy_of_scores(self, scores: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn cross_entropy(self, p: &[f32], q: &[f32]) -> Result<f32, Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_cross_entropy(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn kl_divergence(self, p: &[f32], q: &[f32]) -> Result<f32, Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_kl_divergence(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn js_divergence(self, p: &[f32], q: &[f32]) -> Result<f32, Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_js_divergence(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_kl_divergence_of_scores(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
    /// Unfinished.
    #[allow(missing_docs, unused, clippy::missing_errors_doc)]
    pub fn rows_kl_divergence_of_scores_and_gradient(self, p: Rows<'_>, q: Rows<'_>, out: &mut [f32], gradient: RowsMut<'_>) -> Result<(), Error> { unimplemented!() }
}
