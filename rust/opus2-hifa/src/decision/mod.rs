//! From features to one probability, and from it to a decision that can be audited.
//!
//! | module | holds |
//! | --- | --- |
//! | [`combine`] | standardised features to one logit and probability; the three classes of a move |
//! | [`logistic`] | the weights: learnt one label at a time, or fitted to a training window |
//! | [`labels`] | what was predicted and is not known yet: no label is used before its time |
//! | [`calibration`] | from a stated probability to the share that came true: Platt, isotonic |
//! | [`reliability`] | how good stated probabilities were: Brier, Murphy's parts, ECE |
//! | [`hysteresis`] | flat, long or short, without chattering |
//! | [`rule`] | when to enter, and every reason not to |
//! | [`config`] | the thresholds of the rule |
//! | [`model`] | everything fitted, in one value that a file holds and a hash names |
//!
//! All of it is pure. What is fed an event at a time allocates nothing after construction; fits allocate what they need.

pub mod calibration;
mod cholesky;
pub mod combine;
pub mod config;
mod fit_error;
pub mod hysteresis;
pub mod labels;
pub mod logistic;
pub mod model;
pub mod reliability;
pub mod rule;

pub use fit_error::FitError;
