//! Drivers: which tiles, which passes, in what order.
//!
//! Ordinary safe code, compiled once for all backends. A driver holds control flow, copies and
//! exact operations; arithmetic that rounds belongs to a [pass](crate::pass), so that no bit
//! depends on who compiled the driver.

mod backward;
mod distribution;
mod linear;
mod map;
mod of_scores;
mod unfinished;
