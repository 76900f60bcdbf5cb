//! `cargo fuzz run raw_record seeds/raw_record`; see docs/recipes/fuzz.md.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| opus2_fuzz::raw_record(bytes));
