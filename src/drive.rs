//! Drivers: which tiles, which passes, in what order.
//!
//! Ordinary safe code, compiled once for all backends. A driver holds control flow, copies and
//! exact operations; arithmetic that rounds belongs to a [pass](crate::pass), so that no bit
//! depends on who compiled the driver.

mod log_softmax;
mod log_sum_exp;
mod map;
mod softmax;
mod sum;
mod unfinished;
