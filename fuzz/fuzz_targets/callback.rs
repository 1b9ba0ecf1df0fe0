//! The target `callback`: what must hold is in `tests/it/fuzz/targets.rs`.

#![no_main]

#[path = "../../tests/it/fuzz/targets.rs"]
#[allow(dead_code, reason = "each fuzz target is a binary of its own")]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::callback(input));
