//! The simulated market: assets with a value, instruments with a book, orders that arrive in bursts. Pure.
//!
//! Nothing here knows a venue's protocol, a clock or a socket. Time is a [`SimTime`], randomness comes from one seed,
//! and the same configuration gives the same events, on the same build, forever.
//!
//! ```text
//! assets     a value per asset on a 10 ms grid: a common factor, an own walk, jumps. BTC/USDT and ETH/BTC agree.
//! arrivals   when the next order of an instrument comes: a self-exciting point process
//! flow       which order it is: looks at the ladder and at the fair price
//! ladder     applies an order: changed levels and fills come out
//! pace       scales the arrivals so that the messages of an instrument come at its rate
//! world      all instruments, in the order of time
//! ```
//!
//! Where it grows: an order-by-order model replaces [`ladder`] behind [`Order`] and [`Effects`] (an `Order` is already
//! one order, only its resting place is a price level); another venue is another set of [`Listing`]s over the same
//! assets, with a `lag` of its own behind the common value.

mod arrivals;
mod assets;
mod flow;
mod ladder;
mod listing;
mod number;
mod order;
mod pace;
mod time;
mod world;

#[cfg(test)]
pub(crate) use listing::list_instruments;
pub(crate) use listing::{INSTRUMENTS_LIMIT, Listing};
pub(crate) use time::SimTime;
pub(crate) use world::{Book, Step, World, WorldConfig};
