//! What could not be used, as published on `dead_letters`. Contract: docs/contracts/topics.md.

use serde::Serialize;

use crate::WireError;

/// How much of the offending text is shown. The raw topic has all of it.
pub const EXCERPT_BYTES_MAX: usize = 512;

/// A message that was not used.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeadLetter<'a> {
    /// The raw record's identity, `venue:symbol:connection:number`, as far as it is known.
    pub id: &'a str,
    /// Always `dead_letter`.
    pub kind: &'static str,
    /// The step that refused it: `follow` (ingest) or `normalize`.
    pub step: &'static str,
    /// The reason's name, as counted.
    pub reason: &'a str,
    /// The reason in words.
    pub error: &'a str,
    /// The record's channel, when known.
    pub channel: Option<&'static str>,
    /// When it was received, when known.
    pub recv_ts: Option<i64>,
    /// How long the offending text is.
    pub bytes: usize,
    /// Its beginning; what is not UTF-8 is replaced.
    pub excerpt: &'a str,
}

/// Appends the dead letter as one JSON object.
///
/// # Errors
/// None of its own.
pub fn write_dead_letter(letter: &DeadLetter<'_>, bytes: &mut Vec<u8>) -> Result<(), WireError> {
    serde_json::to_writer(bytes, letter)
        .map_err(|error| WireError::Invalid { what: "dead letter", reason: error.to_string() })
}

/// The first [`EXCERPT_BYTES_MAX`] bytes as text.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(EXCERPT_BYTES_MAX)])
}
