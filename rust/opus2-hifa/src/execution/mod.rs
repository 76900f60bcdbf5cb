//! Stage 4: how a decided quantity is traded at the least cost. Methods reference, section 5.
//!
//! | module | answers |
//! | --- | --- |
//! | [`fees`] | what a venue takes, and what a round trip costs |
//! | [`route`] | how much to take where, now |
//! | [`maker_taker`] | how much to take and how much to leave resting |
//! | [`schedule`] | how to spread a quantity over time |
//! | [`plan`] | which of these, and what it is expected to cost |
//! | [`market`] | stage 4 of one market: what is decided at each frame, and how it is traded |
//!
//! Quantities are integers and add up exactly. Nothing here reads a clock: times are offsets from the decision.

pub mod fees;
pub mod maker_taker;
pub mod market;
mod minimum;
pub mod plan;
pub mod route;
pub mod schedule;
mod seeded;

pub use minimum::{MinNotional, QuoteAmount, QuoteAmountError};
pub use seeded::seed_of;
