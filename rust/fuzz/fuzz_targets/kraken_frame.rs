//! `cargo fuzz run kraken_frame seeds/kraken_frame`; see docs/recipes/fuzz.md.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| opus2_fuzz::kraken_frame(bytes));
