//! HIFA, the decision engine: primitives of a book, estimators, and the stages built of them.
//!
//! A market event goes into one instrument's [`signal::InstrumentState`]; out come [`signal::Features`]: each a number or
//! the reason why there is none, never a zero in place of a gap in knowledge.
//!
//! | module | holds |
//! | --- | --- |
//! | [`primitive`] | what one look at a book says: mid, spread, depth, weighted mid |
//! | [`cross_venue`] | stage 2 across venues: correlation, lead and lag, price discovery |
//! | [`estimator`] | what a sequence of looks says; one file each, no clock, no allocation per event |
//! | [`detector`] | what begins, goes on and ends: walls, layering, sweeps, icebergs, absorption |
//! | [`execution`] | stage 4: routing, maker or taker, schedules, fees, and the plan made of them |
//! | [`quality`] | how far a feed can be trusted: the data quality score |
//! | [`decision`] | one probability, its calibration, the decision rule, the model that holds what was fitted |
//! | [`risk`] | stage 3: costs, limits, sizing, and the risk gate |
//! | [`signal`] | stage 1: the estimators of one instrument, wired to its events |
//! | [`context`] | stage 2: what the circumstances of a venue say of a signal |
//!
//! Prices and quantities stay integers up to a feature's final division. Sums over windows are integers, so that adding
//! and removing cannot drift. Time is the receive time of the instrument's own events, in nanoseconds.
//!
//! To add an estimator: one file in `estimator/`, a field of [`signal::InstrumentState`] that is fed in its `apply`, and
//! one line in the table of [`signal::Features`]; the compiler then asks for the value, and the JSON view has it.

mod config;
pub mod context;
pub mod cross_venue;
pub mod decision;
pub mod detector;
mod detector_config;
pub mod estimator;
mod exact;
pub mod execution;
mod health;
mod measure;
pub mod primitive;
pub mod quality;
pub mod risk;
pub mod signal;

pub use config::{BookConflation, ConfigError, SignalConfig};
pub use detector_config::{SweepConfig, SweepGap};
pub use health::{ExchangeHealth, ExchangeVitals, HEALTH_COMPONENTS, HealthSettings, exchange_health};
pub use measure::{Absent, Direction, Measure};
