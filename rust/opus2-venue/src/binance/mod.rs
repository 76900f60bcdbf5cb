//! Binance spot.
//!
//! Numbers, field names and rules: the venue's API documentation as of 2026-07-21. Market data of this venue has no
//! order ids: its books are L2.

pub mod message;
pub mod sync;

pub use message::{Control, FRAME_BYTES_MAX, Frame, classify};
