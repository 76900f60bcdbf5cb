//! The simulated venue's Binance face: what a client of `stream.binance.com` and `api.binance.com` would see.
//!
//! ```text
//! stream         the streams there are, and their names
//! publisher      orders in, publications out: trades, best quotes, chained depth batches. Pure
//! frame          a publication as the venue's JSON text. Pure
//! control        SUBSCRIBE and its relatives: requests, replies, error frames. Pure
//! rules          limits of the venue, and the windows that count requests. Pure
//! exchange_info  the metadata document. Pure
//! rest           `/api/v3/…`
//! face           all of it, as the engine uses it
//! ```
//!
//! The protocol facts are those of the venue's documentation (`binance-spot-api-docs`, read November 2026); where the
//! documentation is silent and clients report a behaviour, the comment says so.

pub(crate) mod control;
pub(crate) mod exchange_info;
pub(crate) mod face;
pub(crate) mod frame;
pub(crate) mod publisher;
pub(crate) mod rest;
pub(crate) mod rules;
pub(crate) mod stream;
