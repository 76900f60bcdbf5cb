//! The operators a host drives: one record in, zero or more out. Pure, deterministic, and the same in every host.
//!
//! A host (Flink through `opus2-jni`, `opus2 pipeline`, later the backtester) moves bytes and time; an [`Operator`]
//! decides what they mean. The contract is [`Operator`]'s documentation; [`create`] makes one by name.

mod context;
mod copy;
mod counters;
mod create;
mod error;
mod execution;
mod normalize;
mod operator;
mod output;
mod risk;
mod signal;
mod stage;

pub use counters::Counters;
pub use create::{MODEL_KEY, OPERATORS, RULES_KEY, create, with_model, with_validation_rules};
pub use error::{Disposition, OperatorError};
pub use operator::Operator;
pub use output::{Entry, Output, OutputChannel};
