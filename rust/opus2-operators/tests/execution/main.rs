//! The `execution` operator: what it decides, what its records say, and the laws that hold for every input.

#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod frames;
mod laws;
mod records;
