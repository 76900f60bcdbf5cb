//! What happens to an order that is sent: latency, queue position, fills, fees, round trips. Pure.
//!
//! The backtester and paper trading put orders of stage 4 through this crate; nothing in it reads a clock.
//!
//! | module | holds |
//! | --- | --- |
//! | [`latency`] | when an order reaches the venue and when its answer is seen |
//! | [`taker`] | an order that takes: the book in force at the venue's time, walked |
//! | [`overlay`] | liquidity that was taken and is not there to be taken again |
//! | [`queue`] | how much of a level stands before a resting order |
//! | [`maker`] | a resting order: its queue, and what fills it |
//! | [`gap`] | what an open position is worth after data was lost |
//! | [`money`] | from integer amounts to cash |
//! | [`round_trips`] | fills to flat-to-flat trades, first in first out |
//!
//! Prices and quantities are the integers of `opus2-types`. Cash is a [`rust_decimal::Decimal`]: fees are decimal rates of
//! integer notionals, and cash adds up across instruments of different scales, where integers would need one scale for
//! all and floats would make the ledger depend on the order of addition. The one estimate among the amounts, the front of
//! a probabilistic queue, is a float because the published model divides and takes powers at every step.

pub mod gap;
pub mod latency;
pub mod maker;
pub mod money;
pub mod overlay;
pub mod queue;
pub mod round_trips;
pub mod taker;
