//! What can go wrong in an operator, and what the host should do about it.

use opus2_wire::WireError;

/// What a caller should do after an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Skip this message and count it.
    Drop,
    /// Stop: a bug or a broken environment. In Flink the task fails and a checkpoint is restored.
    Fatal,
}

/// An operator's error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// No operator has this name.
    #[error("unknown operator {name:?}; one of: {known}")]
    UnknownOperator {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// The operator's configuration cannot be used.
    #[error("configuration of operator {operator:?}: {reason}")]
    Config {
        /// The operator.
        operator: &'static str,
        /// What is wrong, with the key and its value.
        reason: String,
    },
    /// A record that only another operator can have written is unreadable.
    #[error("operator {operator:?} cannot read its input")]
    Input {
        /// The operator.
        operator: &'static str,
        /// Why.
        #[source]
        source: WireError,
    },
    /// State cannot be saved or loaded.
    #[error("operator {operator:?}: state of key {key:?}")]
    State {
        /// The operator.
        operator: &'static str,
        /// The key.
        key: String,
        /// Why.
        #[source]
        source: WireError,
    },
    /// An output record cannot be written.
    #[error("operator {operator:?} cannot write its output")]
    Write {
        /// The operator.
        operator: &'static str,
        /// Why.
        #[source]
        source: WireError,
    },
}

impl OperatorError {
    /// What the host should do.
    #[must_use]
    pub const fn disposition(&self) -> Disposition {
        match self {
            Self::UnknownOperator { .. }
            | Self::Config { .. }
            | Self::Input { .. }
            | Self::State { .. }
            | Self::Write { .. } => Disposition::Fatal,
        }
    }
}
