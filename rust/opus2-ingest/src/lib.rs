//! The ingest daemon: venues' frames in, raw records on the broker out, nothing lost in silence.
//!
//! A connection is one task. It reads a frame, stamps it, gives it to the venue's [`Session`], and does what the session
//! says: publish, subscribe, fetch a snapshot, close. The session decides and this crate moves; the order in which an
//! instrument's session saw its messages is the order on the topic.
//!
//! ```text
//! roster ─► shards        one roster a venue: reads its list, selects, keeps the shards up to date
//!             │           one shard a connection, one connection after the other
//! sockets ─► merge ─► Session ─► Publisher ─► broker             one producer per process
//!                ▲       │
//!                └ snapshots ◄┘                                  one weight budget, quota and breaker per venue
//! ```
//!
//! Venues share the way to the broker and nothing else: one that is down, slow or banned does not touch the others.
//!
//! Back-pressure goes backwards along the same line: at the publisher's limits a connection stops reading its socket, and
//! after `kafka.full_secs_max` gives the connection up, counted. A record that the broker did not take costs its
//! instrument a new snapshot. Every wait has a limit, every limit a key in config/ingest.toml.
//!
//! [`Session`]: opus2_venue::session::Session

mod access;
pub mod backoff;
pub mod breaker;
pub mod clock;
pub mod config;
mod connection;
mod daemon;
mod end;
mod endpoint;
mod error;
mod exchange;
mod health;
mod leg;
mod members;
pub mod metrics;
pub mod partition;
pub mod publisher;
pub mod rest;
mod roster;
pub mod selection;
mod shard;
pub mod snapshots;
mod summary;
pub mod topics;
pub mod weight;

pub use daemon::{listen, run};
pub use end::End;
pub use error::IngestError;
pub use summary::Summary;
