//! Operators by name.

use crate::copy::Copy;
use crate::normalize::Normalize;
use crate::signal::Signal;
use crate::{Operator, OperatorError};

/// The operators there are.
pub const OPERATORS: [&str; 3] = ["copy", "normalize", "signal"];

/// The key of the validation rules in an operator's configuration: text, beside the tables of the operators.
///
/// The rules are a YAML file of their own (`config/validation_rules.yaml`); a host puts its text, unread, under this key,
/// so that they reach every task as part of the one configuration text.
pub const RULES_KEY: &str = "validation_rules";

/// `config` with the text of `config/validation_rules.yaml` added.
#[must_use]
pub fn with_validation_rules(config: &str, rules: &str) -> String {
    // A key must stand before the first table; a TOML string of one line holds any text.
    format!("{RULES_KEY} = {}\n{config}", toml::Value::from(rules))
}

/// Makes the operator `name`.
///
/// `config` is TOML text with one table for each operator that is not to run on its defaults (`[signal]`): a host gives
/// every operator the same text, and each reads its own table. Empty text means every default. Beside the tables stands
/// [`RULES_KEY`], which `normalize` reads.
///
/// # Errors
/// An unknown name, text that is not TOML, a table of no operator, or an unknown key or a value out of bounds in the
/// operator's own table.
pub fn create(name: &str, config: &str) -> Result<Box<dyn Operator>, OperatorError> {
    let Some(operator) = OPERATORS.into_iter().find(|known| *known == name) else {
        return Err(OperatorError::UnknownOperator { name: name.to_owned(), known: OPERATORS.join(", ") });
    };
    let config = own_table(operator, config)?;
    match operator {
        "copy" => Ok(Box::new(Copy::new(&config)?)),
        "signal" => Ok(Box::new(Signal::new(config)?)),
        _ => Ok(Box::new(Normalize::new(&config)?)),
    }
}

fn own_table(operator: &'static str, config: &str) -> Result<toml::Table, OperatorError> {
    let wrong = |reason: String| OperatorError::Config { operator, reason };
    let mut tables: toml::Table =
        config.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let rules = tables.remove(RULES_KEY);
    if let Some(stray) = tables.keys().find(|key| !OPERATORS.contains(&key.as_str())) {
        return Err(wrong(format!("[{stray}] is no operator; one of: {}", OPERATORS.join(", "))));
    }
    let mut own = match tables.remove(operator) {
        None => toml::Table::new(),
        Some(toml::Value::Table(table)) => table,
        Some(other) => return Err(wrong(format!("{operator} = {other} is not a table; write [{operator}]"))),
    };
    if let Some(rules) = rules.filter(|_| operator == crate::normalize::NAME) {
        own.insert(RULES_KEY.to_owned(), rules);
    }
    Ok(own)
}

/// Refuses every key: for an operator without configuration.
pub(crate) fn no_keys(operator: &'static str, config: &toml::Table) -> Result<(), OperatorError> {
    match config.keys().next() {
        None => Ok(()),
        Some(key) => {
            Err(OperatorError::Config { operator, reason: format!("unknown key {key:?}; there is none") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, config: &str, expect: &str) {
        assert_eq!(create(name, config).err().map(|error| error.to_string()).unwrap_or_default(), expect);
    }

    #[test]
    fn configuration_is_refused_by_name() {
        check("normalize", "", "");
        check("copy", "[normalize]", "");
        check("nose", "", "unknown operator \"nose\"; one of: copy, normalize, signal");
        check(
            "copy",
            "[nose]",
            "configuration of operator \"copy\": [nose] is no operator; one of: copy, normalize, signal",
        );
        check(
            "copy",
            "copy = 1",
            "configuration of operator \"copy\": copy = 1 is not a table; write [copy]",
        );
        check(
            "copy",
            "[copy]\nx = 1",
            "configuration of operator \"copy\": unknown key \"x\"; there is none",
        );
    }
}
