//! Why a call fails, before it becomes a number.

use std::borrow::Cow;
use std::error::Error;

use opus2_operators::OperatorError;

use crate::ErrorCode;

/// Why a call fails: a code for the host, a text for people.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Not an error: the output waits. It has no text, so that a full target costs nothing.
    OutputFull,
    /// The host is at fault; the handle is unharmed.
    Refused { code: ErrorCode, text: Cow<'static, str> },
    /// The operator cannot go on; the handle is poisoned.
    Fatal { code: ErrorCode, text: String },
}

impl Failure {
    pub(crate) fn bad_argument(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { code: ErrorCode::BadArgument, text: text.into() }
    }

    /// The operator failed and must not be used again.
    pub(crate) fn fatal(error: &OperatorError) -> Self {
        Self::Fatal { code: ErrorCode::Operator, text: chain(error) }
    }

    /// The operator refused, and is as it was before.
    pub(crate) fn refused(error: &OperatorError) -> Self {
        Self::Refused { code: ErrorCode::Operator, text: chain(error).into() }
    }

    pub(crate) const fn code(&self) -> ErrorCode {
        match self {
            Self::OutputFull => ErrorCode::OutputFull,
            Self::Refused { code, .. } | Self::Fatal { code, .. } => *code,
        }
    }

    /// `None` for what is not an error.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::OutputFull => None,
            Self::Refused { text, .. } => Some(text),
            Self::Fatal { text, .. } => Some(text),
        }
    }

    pub(crate) const fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal { .. })
    }
}

/// The error and its sources: `operator "x": state of key "k": state blob is damaged: …`.
fn chain(error: &OperatorError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
