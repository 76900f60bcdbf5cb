//! The ingest daemon: a venue's frames in, raw records on the broker out, nothing lost in silence.
//!
//! A connection is one task. It reads a frame, stamps it, gives it to the venue's [`Session`], and does what the session
//! says: publish, subscribe, fetch a snapshot, close. The session decides and this crate moves; the order in which an
//! instrument's session saw its messages is the order on the topic.
//!
//! ```text
//! socket ─► connection ─► Session ─► Publisher ─► broker          one task per connection, one producer per process
//!               ▲            │
//!               └─ snapshots ◄┘ (one weight budget per process)
//! ```
//!
//! Back-pressure goes backwards along the same line: at the publisher's limits a connection stops reading its socket, and
//! after `kafka.full_secs_max` gives the connection up, counted. A record that the broker did not take costs its
//! instrument a new snapshot. Every wait has a limit, every limit a key in config/ingest.toml.
//!
//! [`Session`]: opus2_venue::session::Session

pub mod backoff;
pub mod clock;
pub mod config;
pub mod connection;
mod daemon;
mod endpoint;
mod error;
pub mod metrics;
pub mod partition;
pub mod publisher;
pub mod rest;
mod shard;
pub mod snapshots;
mod summary;
pub mod topics;
pub mod weight;

pub use daemon::{listen, run};
pub use error::IngestError;
pub use summary::Summary;
