//! What the configuration says.

use opus2_hifa::decision::config::DecisionConfig;
use opus2_hifa::decision::rule::DecisionRule;
use opus2_hifa::execution::MinNotional;
use opus2_hifa::execution::market::MarketTerms;
use opus2_hifa::execution::plan::ExecutionConfig;
use opus2_wire::ContentHash;
use serde::de::DeserializeOwned;

use super::NAME;
use crate::OperatorError;
use crate::create::{take_fees, take_model};

/// The table of the decision rule within the operator's.
const DECISION_KEY: &str = "decision";

/// The table of the venues' smallest orders within the operator's.
const MIN_NOTIONAL_KEY: &str = "min_notional";

/// The configuration, and the hashes that name it in every decision.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) terms: MarketTerms,
    pub(super) config_hash: ContentHash,
    pub(super) model_hash: ContentHash,
}

impl Settings {
    pub(super) fn new(mut config: toml::Table, text: &str) -> Result<Self, OperatorError> {
        let (model, model_hash) = take_model(NAME, &mut config)?;
        let fees = take_fees(NAME, &mut config)?;
        let decision: DecisionConfig = take(&mut config, DECISION_KEY)?;
        let min_notional: MinNotional = take(&mut config, MIN_NOTIONAL_KEY)?;
        let config: ExecutionConfig = read(toml::Value::Table(config), "")?;
        config.validate().map_err(|error| wrong(error.to_string()))?;
        let rule = DecisionRule::new(decision)
            .map_err(|error| wrong(format!("[{NAME}.{DECISION_KEY}]: {error}")))?;
        let terms = MarketTerms { config, rule, fees, min_notional, model };
        Ok(Self { terms, config_hash: ContentHash::of(text.as_bytes()), model_hash })
    }
}

/// Takes a table out of the operator's own; without it, the defaults.
fn take<T: DeserializeOwned + Default>(config: &mut toml::Table, key: &str) -> Result<T, OperatorError> {
    config.remove(key).map_or_else(|| Ok(T::default()), |value| read(value, key))
}

fn read<T: DeserializeOwned>(value: toml::Value, key: &str) -> Result<T, OperatorError> {
    let place = if key.is_empty() { String::new() } else { format!("[{NAME}.{key}]: ") };
    T::deserialize(value).map_err(|error| wrong(format!("{place}{}", error.to_string().trim_end())))
}

fn wrong(reason: String) -> OperatorError {
    OperatorError::Config { operator: NAME, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = Settings::new(text.parse().unwrap(), text).err();
        let found = found.map(|error| error.to_string()).unwrap_or_default();
        let found = found.strip_prefix("configuration of operator \"execution\": ").unwrap_or(&found);
        assert!(found.starts_with(expect) && found.is_empty() == expect.is_empty(), "{found}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check("", "");
        check(
            "slices_max = 5\n[decision]\np_in_min = 0.7\n[min_notional]\nkraken = 10\nbinance = \"0.5\"",
            "",
        );
        check("slices_max = 99", "slices_max = 99 is out of bounds; expected 1 to 32");
        check("slices = 9", "unknown field `slices`");
        check("decision = 1", "[execution.decision]: ");
        check("[decision]\np_in_min = 0.3", "[execution.decision]: p_in_min = 0.3 is out of bounds");
        check("[min_notional]\nbybit = 1", "[execution.min_notional]: unknown field `bybit`");
        check("[min_notional]\nkraken = -1", "[execution.min_notional]: \"-1\" is not an amount");
        check("[fees]\nas_of = \"soon\"", "fees.as_of = \"soon\" is no date");
        check("model = 1", "model = 1 is no text");
    }

    #[test]
    fn the_hash_is_of_the_whole_text() {
        let of = |text: &str| Settings::new(toml::Table::new(), text).unwrap().config_hash;
        assert_eq!(of("[signal]\n"), ContentHash::of(b"[signal]\n"));
        assert_ne!(of("[signal]\n"), of(""));
    }
}
