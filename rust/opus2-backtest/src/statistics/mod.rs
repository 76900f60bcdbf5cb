//! Performance, its sampling error, and the tests that a backtest must survive.
//!
//! | module | answers |
//! | --- | --- |
//! | [`grid`] | what was the equity at each step of a fixed grid |
//! | [`performance`] | what was earned, at what risk |
//! | [`drawdown`] | how far and how long below the peak |
//! | [`activity`] | how much was traded for it, at what cost |
//! | [`sample`] | moments and autocorrelations of returns |
//! | [`proportion`] | how sure is a win rate, and which one is needed |
//! | [`sharpe`] | how sure is a Sharpe ratio, also after many trials |
//! | [`overfitting`] | is the best in sample any good out of sample |
//! | [`block_length`] | how long do returns remember |
//! | [`bootstrap`] | which results would the same returns have given as well |
//! | [`monte_carlo`] | how much of the drawdown is the order of the trades |
//! | [`walk_forward`] | which periods train and which test, and do the parameters hold still |
//!
//! Returns, probabilities and ratios are `f64`, annualised for markets that never close. What has no value is `None`: never
//! zero, infinity or NaN.

pub mod activity;
pub mod block_length;
pub mod bootstrap;
pub mod drawdown;
pub mod grid;
pub mod monte_carlo;
pub(crate) mod normal;
pub mod overfitting;
pub mod performance;
pub mod proportion;
pub(crate) mod random;
pub mod sample;
pub mod sharpe;
pub mod walk_forward;
