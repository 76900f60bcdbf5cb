//! `cargo fuzz run coinbase_frame seeds/coinbase_frame`; see docs/recipes/fuzz.md.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| opus2_fuzz::coinbase_frame(bytes));
