//! Operators by name.

use crate::copy::Copy;
use crate::{Operator, OperatorError};

/// The operators there are.
pub const OPERATORS: [&str; 1] = ["copy"];

/// Makes the operator `name` with its configuration as TOML text; empty text means every default.
///
/// # Errors
/// An unknown name, or a configuration with an unknown key or a value out of bounds.
pub fn create(name: &str, config: &str) -> Result<Box<dyn Operator>, OperatorError> {
    let _ = config;
    match name {
        "copy" => Ok(Box::new(Copy::new())),
        _ => Err(OperatorError::UnknownOperator { name: name.to_owned(), known: OPERATORS.join(", ") }),
    }
}
