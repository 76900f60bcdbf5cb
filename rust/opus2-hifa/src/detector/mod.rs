//! Detections with an episode: something begins, goes on, and ends.
//!
//! An estimator has a value at every moment; a detector follows something with a beginning and an end, and gives an
//! account of it. [`Detectors`] holds those of one instrument, fed with its books and trades.
//!
//! | module | detects |
//! | --- | --- |
//! | [`wall`] | levels far larger than is usual, and whether they were traded away or pulled |
//! | [`layering`] | several of them laid on one side and pulled while the other side trades |
//! | [`sweep`] | one aggressor that walks through several prices, on one venue or on several at once |
//! | [`iceberg`] | levels that are refilled, orders that hold more than they show, and how much of them is left |
//! | [`absorption`] | much volume that does not move the price |
//!
//! | module | what they share |
//! | --- | --- |
//! | [`level_flow`] | what was shown, traded and shown at each price; trades attributed to levels |
//! | [`log_histogram`] | what sizes have been usual lately |
//! | [`bounded`] | lists with a limit, without heap memory |
//!
//! What is spoof-like or layered here is a likeness of a pattern. There is no ground truth for it in public data: it may
//! weigh on a signal, and must never be taken for a statement about anybody. Methods reference, sections 2.8 and 10.

pub mod absorption;
pub mod bounded;
mod detectors;
mod event;
pub mod iceberg;
pub mod layering;
pub mod level_flow;
pub mod log_histogram;
mod look;
pub mod sweep;
pub mod wall;

pub use detectors::{DetectorSettings, Detectors, DetectorsV4};
pub use event::{DetectorEvent, EVENTS_MAX};
pub use look::Units;
