//! Venues without I/O: their messages, what the messages mean, and the state machines that stay in step with them.
//!
//! Two hosts run this code on the same bytes. `opus2 ingest` follows a connection with it, to know when a snapshot is
//! needed and when a connection is no longer to be trusted. The `normalize` operator runs it again on what ingest
//! published, to build books and events. Because both see the same records in the same order, both come to the same
//! verdicts, and a recording of the raw topic is a complete test case.
//!
//! - [`Feed`] is one instrument: its book, its place in the venue's numbering, its counts.
//! - [`session`] is one connection: what to publish, what to ask for, when to give up.
//! - [`listing`] is what a venue lists: which instruments there are and how they count.
//! - [`binance`], [`coinbase`] and [`kraken`] have the venues' own text: frames, numbering rules, subscriptions, connections.
//! - [`json`] scans that text.

pub mod binance;
pub mod coinbase;
mod decimal;
mod feed;
mod followed;
pub mod json;
pub mod kraken;
pub mod listing;
pub mod merge;
mod reject;
pub mod resubscription;
mod rfc3339;
pub mod session;
mod snapshot_plan;
pub mod turnover;

pub use feed::{Applied, CROSSED_NANOS_MAX, Feed, FeedCounts, FeedState, Levels, Trade, What};
pub use reject::Reject;
