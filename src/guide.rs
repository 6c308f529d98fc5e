//! Which function to use, and what to expect of it.

#[doc = include_str!("../docs/choosing.md")]
pub mod choosing {}

#[doc = include_str!("../docs/accuracy.md")]
pub mod accuracy {}

#[doc = include_str!("../docs/method.md")]
pub mod method {}

#[doc = include_str!("../docs/reproducibility.md")]
pub mod reproducibility {}

#[doc = include_str!("../docs/embedded.md")]
pub mod embedded {}

#[doc = include_str!("../docs/coming_from.md")]
pub mod coming_from {}
