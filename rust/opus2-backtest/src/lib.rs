//! What a result is worth: performance over 24/7 markets, its sampling error, and the tests that a backtest must survive.
//!
//! Pure functions over returns, trades and trials ([`statistics`]; sections 8 and 9 of the methods reference), and a model
//! fitted to recorded features by walk-forward rules ([`fit`]; section 6).

pub mod fit;
pub mod statistics;
