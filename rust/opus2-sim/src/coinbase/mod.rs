//! The simulated venue's Coinbase face: what a client of `ws-feed.exchange.coinbase.com`, `advanced-trade-ws.coinbase.com`
//! and their REST interfaces would see.
//!
//! ```text
//! message    the Exchange feed's texts: orders, trades, levels. Pure
//! advanced   the Advanced Trade feed's texts. Pure
//! ticker     figures of the day. Pure
//! auth       the signature of a subscription. Pure
//! rules      limits, times, test credentials
//! subscribe  requests of clients of both feeds, and the replies
//! face       what is published and remembered, as the engine uses it
//! rest       `/products…` and `/api/v3/brokerage/market/…`
//! ```

pub(crate) mod advanced;
pub(crate) mod auth;
pub(crate) mod face;
pub(crate) mod message;
pub(crate) mod rest;
pub(crate) mod rules;
pub(crate) mod subscribe;
pub(crate) mod ticker;
