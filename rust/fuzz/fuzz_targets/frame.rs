//! `cargo fuzz run frame seeds/frame`; see docs/recipes/fuzz.md.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| opus2_fuzz::frame(bytes));
