//! Operators by name.

use opus2_hifa::decision::model::Model;
use opus2_hifa::execution::fees::FeeSchedule;
use opus2_wire::ContentHash;
use opus2_wire::model::{content_hash, read_model};
use serde::Deserialize as _;

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

/// The key of the decision model in the operators' configuration: text, as the validation rules are.
///
/// The model is a JSON file of its own (`config/model.json`, or what `opus2 fit` wrote).
pub const MODEL_KEY: &str = "model";

/// The table of the venues' fees, which stages 3 and 4 share.
const FEES_KEY: &str = "fees";

/// What stands beside the operators' own tables, and who reads it.
const SHARED: [(&str, &[&str]); 3] = [
    (RULES_KEY, &["normalize"]),
    (MODEL_KEY, &["signal", "context", "risk", "execution"]),
    (FEES_KEY, &["risk", "execution"]),
];

/// `config` with the text of a decision model added.
#[must_use]
pub fn with_model(config: &str, model: &str) -> String {
    format!("{MODEL_KEY} = {}\n{config}", toml::Value::from(model))
}

/// `config` with the text of `config/validation_rules.yaml` added.
#[must_use]
pub fn with_validation_rules(config: &str, rules: &str) -> String {
    // A key must stand before the first table; a TOML string of one line holds any text.
    format!("{RULES_KEY} = {}\n{config}", toml::Value::from(rules))
}

/// Makes the operator `name`.
///
/// `config` is TOML text with one table for each operator that is not to run on its defaults (`[signal]`): a host gives
/// every operator the same text, and each reads its own table. Empty text means every default. Beside the tables stand
/// [`RULES_KEY`], which `normalize` reads, and [`MODEL_KEY`], which the stages read: `signal` its micro-price, its weights
/// and its calibrated threshold, for the market that the model is for.
///
/// # Errors
/// An unknown name, text that is not TOML, a table of no operator, or an unknown key or a value out of bounds in the
/// operator's own table.
pub fn create(name: &str, config: &str) -> Result<Box<dyn Operator>, OperatorError> {
    let Some(operator) = OPERATORS.into_iter().find(|known| *known == name) else {
        return Err(OperatorError::UnknownOperator { name: name.to_owned(), known: OPERATORS.join(", ") });
    };
    let mut config = own_table(operator, config)?;
    match operator {
        "copy" => Ok(Box::new(Copy::new(&config)?)),
        "signal" => {
            let (model, _) = take_model(operator, &mut config)?;
            Ok(Box::new(Signal::new(config, &model)?))
        }
        _ => Ok(Box::new(Normalize::new(&config)?)),
    }
}

fn own_table(operator: &'static str, config: &str) -> Result<toml::Table, OperatorError> {
    let wrong = |reason: String| OperatorError::Config { operator, reason };
    let mut tables: toml::Table =
        config.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let shared = SHARED.map(|(key, users)| (key, users, tables.remove(key)));
    if let Some(stray) = tables.keys().find(|key| !OPERATORS.contains(&key.as_str())) {
        return Err(wrong(format!("[{stray}] is no operator; one of: {}", OPERATORS.join(", "))));
    }
    let mut own = match tables.remove(operator) {
        None => toml::Table::new(),
        Some(toml::Value::Table(table)) => table,
        Some(other) => return Err(wrong(format!("{operator} = {other} is not a table; write [{operator}]"))),
    };
    for (key, users, value) in shared {
        if let Some(value) = value.filter(|_| users.contains(&operator)) {
            own.insert(key.to_owned(), value);
        }
    }
    Ok(own)
}

/// Takes the decision model out of an operator's configuration, with the hash that names it; without one, the prior that
/// is never proven.
pub(crate) fn take_model(
    operator: &'static str,
    config: &mut toml::Table,
) -> Result<(Model, ContentHash), OperatorError> {
    let wrong = |reason: String| OperatorError::Config { operator, reason };
    match config.remove(MODEL_KEY) {
        None => {
            let model = Model::unfitted();
            let hash = content_hash(&model).map_err(|error| wrong(error.to_string()))?;
            Ok((model, hash))
        }
        Some(toml::Value::String(text)) => {
            let (model, hash) = read_model::<Model>(text.as_bytes())
                .map_err(|error| wrong(format!("{MODEL_KEY}: {error}")))?;
            model.validate().map_err(|error| wrong(error.to_string()))?;
            Ok((model, hash))
        }
        Some(other) => {
            Err(wrong(format!("{MODEL_KEY} = {other} is no text; give the model's JSON as one string")))
        }
    }
}

/// Takes the venues' fees out of an operator's configuration; without any, those of the entry tiers.
#[expect(dead_code, reason = "stages 3 and 4 are its users")]
pub(crate) fn take_fees(
    operator: &'static str,
    config: &mut toml::Table,
) -> Result<FeeSchedule, OperatorError> {
    let wrong = |reason: String| OperatorError::Config { operator, reason };
    let Some(table) = config.remove(FEES_KEY) else { return Ok(FeeSchedule::default()) };
    let fees = FeeSchedule::deserialize(table).map_err(|error| wrong(format!("[{FEES_KEY}]: {error}")))?;
    fees.validate().map_err(|error| wrong(error.to_string()))?;
    Ok(fees)
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
