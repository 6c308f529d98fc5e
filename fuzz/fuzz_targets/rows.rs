#![no_main]

#[path = "../../tests/checks/mod.rs"]
mod checks;
#[path = "../../tests/common/mod.rs"]
mod common;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::rows(data));
