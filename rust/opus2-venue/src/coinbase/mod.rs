//! Coinbase: the Exchange feed by levels or order by order, and the Advanced Trade feed.
//!
//! Rules and field names: the venue's documentation as of November 2026. The two feeds show the same books. Exchange has
//! every order and both order ids of a trade, numbers by instrument, and needs credentials for its real-time channels;
//! Advanced Trade has real-time levels without credentials, numbered by connection, for thirty products a connection.

pub mod account;
mod advanced;
mod advanced_follower;
mod crossing;
mod level_follower;
pub mod message;
pub mod order;
mod order_follower;
pub mod products;
pub mod recording;
pub mod scales;
pub mod session;
pub mod subscribe;

#[cfg(test)]
mod message_tests;
#[cfg(test)]
mod order_tests;

pub use account::{Account, BadSecret};
pub use advanced::{
    AdvancedFrame, AdvancedKind, AdvancedLevels, AdvancedTrade, classify_advanced, read_advanced_levels,
    read_advanced_trades,
};
pub(crate) use advanced_follower::AdvancedFollower;
pub(crate) use level_follower::LevelFollower;
pub use message::{Control, FRAME_BYTES_MAX, Frame, Kind, classify};
pub(crate) use order_follower::OrderFollower;
pub use order_follower::PENDING_ORDERS_MAX;
pub use products::{ADVANCED_PRODUCTS_PATH, PRODUCTS_PATH, parse_products, parse_turnovers};
pub use session::{Session, SessionError, SessionSettings};
pub use subscribe::{BookChannel, instruments_per_connection_max, order_snapshot_path};
