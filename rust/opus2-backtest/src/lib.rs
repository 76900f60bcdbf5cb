//! What a result is worth: performance over 24/7 markets, its sampling error, and the tests that a backtest must survive.
//!
//! Pure functions over returns, trades and trials. Sections 8 and 9 of the methods reference.

pub mod statistics;
