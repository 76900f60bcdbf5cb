//! Kraken spot: WebSocket v2, and the messages of v1 that old recordings hold.
//!
//! Rules and field names: the venue's API documentation as of 2026. Books have no numbering; each message carries a
//! checksum of the book after it, and every one is compared. Prices and quantities are JSON numbers whose text counts.

pub mod account;
pub mod asset_pairs;
pub mod book;
pub mod checksum;
mod follower;
pub mod level3;
pub mod message;
mod order_follower;
pub mod scales;
pub mod session;
pub mod subscribe;
pub mod symbol;
pub mod tickers;
pub mod v1;
mod v1_follower;

pub use account::{Account, BadSecret};
pub use asset_pairs::{ASSET_PAIRS_PATH, parse_asset_pairs, read_pairs};
pub(crate) use follower::BookFollower;
pub use message::{Ack, Book, Control, FRAME_BYTES_MAX, Frame, classify};
pub(crate) use order_follower::OrderFollower;
pub use session::{Session, SessionError, SessionSettings};
pub use subscribe::INSTRUMENTS_PER_CONNECTION_MAX;
pub use tickers::{TICKERS_PATH, parse_tickers};
pub(crate) use v1_follower::V1BookFollower;

#[cfg(test)]
mod feed_tests;
