//! What a result is worth: performance over 24/7 markets, its sampling error, the tests that a backtest must survive, and
//! what recordings say about the methods themselves.
//!
//! Pure functions over returns, trades and trials ([`statistics`]; sections 8 and 9 of the methods reference), a model
//! fitted to recorded features by walk-forward rules ([`fit`]; section 6), and regressions and routing over recorded books
//! ([`study`]; sections 2 and 5).

pub mod fit;
pub mod statistics;
pub mod study;
