//! `cargo fuzz run state_blob seeds/state_blob`; see docs/recipes/fuzz.md.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| opus2_fuzz::state_blob(bytes));
