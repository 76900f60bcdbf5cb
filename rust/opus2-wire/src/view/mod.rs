//! The JSON views of what operators publish: one object a record, one line a record. Contracts: docs/contracts/.
//!
//! Written straight into the output buffer, without a tree and without heap memory. Prices and quantities are exact
//! decimal text, times are integers in nanoseconds, keys stand in one fixed order: equal events give equal bytes.

pub mod context;
pub mod dead_letter;
pub mod decision;
pub mod detection;
mod json;
pub mod normalized;
pub mod quality;
pub mod risk;
pub mod signal;
pub mod value;
