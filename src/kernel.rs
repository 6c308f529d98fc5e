//! Every function as a value that has been checked and not yet run.
//!
//! `logits::exp(x, out)` is `Backend::best().run(Map::new(Exp, x, out)?)`. Write
//! the long form to choose the [`Backend`](crate::Backend). A kernel's
//! constructor checks every argument; running it cannot fail.
//!
//! Each file of this module is one kernel: a struct of arguments, its checks,
//! and one body for all instruction sets.

mod backward;
mod binary_cross_entropy;
mod cross_entropy;
mod distribution;
mod elementwise;
mod entropy_of_scores;
pub(crate) mod exp_sum;
mod focal;
mod kl_divergence_of_scores;
mod linear;
pub(crate) mod log_sum_exp;
mod panel;
pub(crate) mod row;
mod row_map;
mod scaled_softmax;
mod smooth_loss;
mod soft_loss;
mod softmax;
mod target_loss;

pub use crate::math::{
    exp::Exp,
    exp_m1::ExpM1,
    ln::Ln,
    ln_1p::Ln1p,
    sigmoid::Sigmoid,
    softplus::{LogSigmoid, Softplus},
};
pub use crate::simd::Kernel;
pub use crate::sweep::Function;
pub use backward::{Backward, BackwardFunction, LogSoftmaxBackward, SoftmaxBackward};
pub use binary_cross_entropy::{BinaryFunction, BinaryLoss, OnProbabilities, OnScores};
pub use cross_entropy::{InPlace, LabelLoss, Read, Scores, WithGradient};
pub use distribution::{
    CrossEntropy, Entropy, JsDivergence, KlDivergence, OfTwo, RowsEntropy, RowsOfTwo,
};
pub use elementwise::{Map, MapInPlace};
pub use entropy_of_scores::EntropyOfScores;
pub use kl_divergence_of_scores::KlDivergenceOfScores;
pub use linear::Linear;
pub use log_sum_exp::{ExtendLogSumExp, LogAddExp, LogSumExp, RowsLogSumExp};
pub use row_map::{RowFunction, RowMap, RowMapInPlace};
pub use scaled_softmax::ScaledSoftmax;
pub use smooth_loss::SmoothLoss;
pub use soft_loss::SoftLoss;
pub use softmax::{LogSoftmax, Softmax};
pub use target_loss::{AnyRows, TargetLoss, Targets};
pub(crate) use target_loss::{Coefficients, Formula, Link};
