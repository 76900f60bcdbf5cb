//! A fitted model as a file, and the hash that names it in every decision.
//!
//! What is in a model is not known here: it is any serde value. The file is JSON, laid out as people like. The hash is over
//! the value's *canonical bytes*: JSON without white space, fields in the order of their declaration, floats in their shortest
//! exact form. So layout does not change the hash, and one bit of one weight does.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{ContentHash, WireError};

/// The largest file, bytes.
pub const MODEL_BYTES_MAX: usize = 1 << 20;

const WHAT: &str = "model file";

/// Reads a model and its hash from a file's bytes. The value is to be validated by its own type.
///
/// # Errors
/// More than [`MODEL_BYTES_MAX`] bytes, or not JSON of the type, with line and column; see [`content_hash`].
pub fn read_model<M: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<(M, ContentHash), WireError> {
    if bytes.len() > MODEL_BYTES_MAX {
        let reason = format!("{} bytes; at most {MODEL_BYTES_MAX} are read", bytes.len());
        return Err(WireError::Invalid { what: WHAT, reason });
    }
    let model: M = serde_json::from_slice(bytes).map_err(invalid)?;
    let hash = content_hash(&model)?;
    Ok((model, hash))
}

/// The text of a model's file, for people to read, with a line's end at its end.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn write_model<M: Serialize>(model: &M) -> Result<String, WireError> {
    let mut text = serde_json::to_string_pretty(model).map_err(invalid)?;
    text.push('\n');
    Ok(text)
}

/// The SHA-256 of a value's canonical bytes.
///
/// JSON has no word for a float that is not finite; a value must be validated before, or all such floats look alike.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn content_hash<M: Serialize>(value: &M) -> Result<ContentHash, WireError> {
    let canonical = serde_json::to_vec(value).map_err(invalid)?;
    Ok(ContentHash::of(&canonical))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err asks for")]
fn invalid(error: serde_json::Error) -> WireError {
    WireError::Invalid { what: WHAT, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        name: String,
        weights: Vec<f64>,
    }

    fn check(text: &str, expect: &str) {
        let found = read_model::<Small>(text.as_bytes());
        assert_eq!(found.err().map(|error| error.to_string()).unwrap_or_default(), expect);
    }

    #[test]
    fn the_hash_is_of_the_value_and_not_of_its_layout() {
        let bytes = br#"{ "weights" : [0.10, 1e-7], "name":"a" }"#;
        let (small, hash) = read_model::<Small>(bytes).unwrap();
        assert_eq!(hash, ContentHash::of(br#"{"name":"a","weights":[0.1,1e-7]}"#));
        let written = write_model(&small).unwrap();
        assert_eq!(read_model::<Small>(written.as_bytes()).unwrap(), (small, hash));
        let other = read_model::<Small>(br#"{"name":"a","weights":[0.10000000000000002,1e-7]}"#).unwrap();
        assert_ne!(other.1, hash);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        check(r#"{"name":"a","weights":[]}"#, "");
        check("{", "model file: EOF while parsing an object at line 1 column 1");
        check(
            r#"{"nam":1}"#,
            "model file: unknown field `nam`, expected `name` or `weights` at line 1 column 6",
        );
        check(r#"{"name":"a","weights":[1e999]}"#, "model file: number out of range at line 1 column 28");
        let long = format!("\"{}\"", "x".repeat(MODEL_BYTES_MAX));
        check(&long, "model file: 1048578 bytes; at most 1048576 are read");
    }
}
