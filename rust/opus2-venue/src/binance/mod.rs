//! Binance spot.
//!
//! Numbers, field names and rules: the venue's API documentation as of 2026-07-21. Market data of this venue has no
//! order ids: its books are L2.

pub mod exchange_info;
mod follower;
pub mod message;
mod numbering;
mod pending;
mod quotes;
pub mod scales;
mod session;
pub mod subscribe;
pub mod sync;
mod ticker;

pub use exchange_info::{
    EXCHANGE_INFO_WEIGHT, SNAPSHOT_LEVELS_MAX, depth_request_weight, parse_exchange_info,
};
pub(crate) use follower::Follower;
pub use message::{Control, FRAME_BYTES_MAX, Frame, classify};
pub use numbering::numbering;
pub use pending::{PENDING_DELTAS_MAX, PENDING_LEVELS_MAX, RECENT_DELTAS_MAX, RECENT_LEVELS_MAX};
pub use session::{Session, SessionSettings};
pub use subscribe::{
    CONTROL_FRAMES_PER_SEC_MAX, EXCHANGE_INFO_PATH, INSTRUMENTS_PER_CONNECTION_MAX, STREAMS,
    STREAMS_PER_CONNECTION_MAX, Subscription, TooManyStreams, snapshot_path,
};
pub use ticker::{TICKERS_PATH, TICKERS_WEIGHT, parse_tickers};
