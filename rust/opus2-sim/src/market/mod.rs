//! The simulated market: assets with a value, instruments with a book, orders that arrive in bursts. Pure.
//!
//! Nothing here knows a venue's protocol, a clock or a socket. Time is a [`SimTime`], randomness comes from one seed,
//! and the same configuration gives the same events, on the same build, forever.
//!
//! ```text
//! assets     a value per asset on a 10 ms grid: a common factor, an own walk, jumps. BTC/USDT and ETH/BTC agree.
//! arrivals   when the next order of an instrument comes: a self-exciting point process
//! flow       which order it is: looks at the ladder and at the fair price
//! ladder     applies an order, to single orders in queues: changed levels, touched orders and fills come out
//! pace       scales the arrivals so that the messages of an instrument come at its rate
//! world      all instruments, in the order of time
//! laboratory other participants instead of assets, arrivals and flow: a market whose truth is known
//! ```
//!
//! A venue is a set of [`Listing`]s over the common assets: with its own symbols and scales, a `lag` behind the common
//! value, a basis, and a noise of its own. Books of several venues therefore move together, some ahead of others.

mod arrivals;
mod assets;
mod flow;
mod laboratory;
mod ladder;
mod listing;
mod number;
mod order;
mod pace;
mod queue;
mod time;
mod world;

pub(crate) use flow::ORDER_QTY_MAX;
pub(crate) use laboratory::check as check_laboratory;
pub use laboratory::{
    Injected, InjectionKind, Injections, Laboratory, TruthLine, TruthMarket, TruthSettings,
};
pub(crate) use ladder::Ladder;
#[cfg(test)]
pub(crate) use ladder::test_book;
#[cfg(test)]
pub(crate) use listing::list_instruments;
pub(crate) use listing::{Listing, VENUE_INSTRUMENTS_LIMIT, VenueListings};
pub(crate) use order::{Change, OrderEvent, OrderEventKind, Taker};
pub(crate) use time::SimTime;
#[cfg(test)]
pub(crate) use world::test_config;
pub(crate) use world::{Book, Step, World, WorldConfig};
