//! The simulated Binance, seen through real sockets: does it behave as the venue's documentation says?

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod book;
mod control;
mod faults;
mod join;
mod life;
mod rest;
mod venue;
