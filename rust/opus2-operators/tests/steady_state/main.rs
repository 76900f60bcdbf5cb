//! What operators do not do once they know their instruments: ask for memory. One program, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "../chain_host/mod.rs"]
mod chain_host;
#[path = "../execution/frames.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod frames;
#[path = "../risk_frames/mod.rs"]
mod risk_frames;
#[path = "../steady/mod.rs"]
mod steady;
#[path = "../three_venues/mod.rs"]
mod three_venues;
#[path = "../venue_records/mod.rs"]
mod venue_records;

mod chain;
mod context;
mod execution;
mod normalize;
mod risk;
mod signal;
