//! The simulated venue's Kraken face: what a client of `ws.kraken.com/v2`, `ws-l3.kraken.com/v2` and `api.kraken.com` would
//! see.
//!
//! ```text
//! message    texts: levels, orders, trades, tickers; the checksums. Pure
//! scope      what a client of a limited depth sees. Pure
//! auth       signed requests and tokens. Pure
//! names      the venue's older names of assets and pairs. Pure
//! rules      limits, times, test credentials
//! subscribe  requests of clients, and the replies
//! face       what is published and remembered, as the engine uses it
//! rest       `/0/public/…`, `/0/private/GetWebSocketsToken`
//! ```

pub(crate) mod auth;
pub(crate) mod face;
pub(crate) mod message;
pub(crate) mod names;
pub(crate) mod rest;
pub(crate) mod rules;
pub(crate) mod scope;
pub(crate) mod subscribe;
