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
    pub fn rows_log_sum_exp(self, x: Rows<'_>, out: &mut [f32]) -> Result<(), Error> { unimplemented!() }
}
