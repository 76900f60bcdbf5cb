//! Where a monitor's numbers come from: one file per source, each optional, none able to stop the others.

pub(super) mod flink;
pub(super) mod http;
pub(super) mod ingest;
pub(super) mod offsets;
pub(super) mod prometheus_text;
pub(super) mod reader;
pub(super) mod simulator;

use super::snapshot::SourceState;

/// What a source says when it does not do what it should: why, and what a person can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) reason: String,
    pub(super) todo: &'static str,
}

impl From<Missing> for SourceState {
    fn from(missing: Missing) -> Self {
        Self::Missing { reason: missing.reason, todo: missing.todo.to_owned() }
    }
}
