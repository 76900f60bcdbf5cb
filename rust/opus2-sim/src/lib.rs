//! A simulated market, and servers that speak the venues' own protocols on loopback.
//!
//! The simulator is the default world of `scripts/run`, of the tests, and of the benchmarks: seeded, so that a run can be
//! repeated; open-loop, so that a slow consumer shows as latency and not as a slower market; and able to tell the truth
//! afterwards, so that a book can be compared with what it should be and every frame can be accounted for.
//!
//! - [`SimConfig`]: seed, number of instruments, messages per second, and the venue's rules
//! - [`serve`]: a listener and a shutdown signal in, the final [`SimStats`] out
//! - `docs/contracts/simulator.md`: what is served, and how faithfully
//!
//! Inside, a pure model (`market`) plays orders in simulated time; the venues' faces (`binance`, `coinbase`, `kraken`, put
//! together by `floor`) turn them into the venues' messages; one task (`engine`) owns them all, keeps the schedule, and
//! offers every frame through the `desk`, where faults happen, to bounded queues (`hub`) without ever waiting for a reader.

mod admin;
mod binance;
mod clock;
mod coinbase;
mod config;
mod desk;
mod dialect;
pub mod embedded;
mod engine;
mod error;
mod fault;
mod floor;
mod history;
mod hub;
mod kraken;
mod limits;
mod market;
mod server;
mod socket;
mod stats;
mod stream;
mod text;
mod upgrade;

pub use binance::rules::VenueRules;
pub use coinbase::rules::CoinbaseRules;
pub use config::SimConfig;
pub use error::SimError;
pub use fault::{FaultKind, FaultPlan, FaultRequest, FaultRule, LogEntry, PlanError};
pub use hub::CloseReason;
pub use kraken::rules::KrakenRules;
pub use limits::Allowance;
pub use market::{Injected, InjectionKind, Injections, Laboratory, TruthLine, TruthMarket, TruthSettings};
pub use server::serve;
pub use stats::{ClosedCounts, ClosedSum, ConnectionStats, InstrumentStats, LagStats, SimStats, VenueStats};
pub use stream::{StreamGroup, StreamKind};
