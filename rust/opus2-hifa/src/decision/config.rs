//! The thresholds of the decision rule.

use serde::{Deserialize, Serialize};

use super::hysteresis::HysteresisSettings;
use crate::ConfigError;
use crate::exact::MILLI;

/// The parameters of the decision rule, with the defaults of the methods reference, sections 6.3 and 12.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecisionConfig {
    /// The probability of a direction below which it is never entered.
    pub p_in_min: f64,
    /// How far the probability must exceed the break-even probability, when that is more.
    pub p_in_margin: f64,
    /// A held direction is left at this probability or below.
    pub p_out: f64,
    /// The expected net edge that an entry must exceed, basis points.
    pub edge_bps_min: f64,
    /// The risk gate that an entry must exceed.
    pub gate_min: f64,
    /// The share of the model's features that may be missing at an entry.
    pub missing_share_max: f64,
    /// How long nothing is entered after an exit, ms.
    pub cool_down_ms: u32,
    /// How long the probability alone cannot end a position, ms.
    pub min_hold_ms: u32,
    /// How long one is held at most, ms.
    pub max_hold_ms: u32,
    /// Only a model that proved itself on its last walk-forward test may enter.
    pub require_proven: bool,
}

impl Default for DecisionConfig {
    fn default() -> Self {
        Self {
            p_in_min: 0.60,
            p_in_margin: 0.05,
            p_out: 0.50,
            edge_bps_min: 0.0,
            gate_min: 0.3,
            missing_share_max: 0.5,
            cool_down_ms: 2_000,
            min_hold_ms: 1_000,
            max_hold_ms: 30_000,
            require_proven: true,
        }
    }
}

impl DecisionConfig {
    /// Checks every parameter against its bounds.
    ///
    /// # Errors
    /// The first parameter out of bounds, with its value and what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let within = |key, value: f64, low: f64, high: f64, expected| {
            // Written so that NaN is refused.
            if value >= low && value <= high { Ok(()) } else { Err(ConfigError { key, value, expected }) }
        };
        let day = 86_400_000.0;
        within("p_in_min", self.p_in_min, 0.5, 0.999, "0.5 to 0.999")?;
        within("p_in_margin", self.p_in_margin, 0.0, 0.5, "0 to 0.5")?;
        within("p_out", self.p_out, 0.0, self.p_in_min, "0 to p_in_min")?;
        within("edge_bps_min", self.edge_bps_min, 0.0, 10_000.0, "0 to 10000")?;
        within("gate_min", self.gate_min, 0.0, 1.0, "0 to 1")?;
        within("missing_share_max", self.missing_share_max, 0.0, 1.0, "0 to 1")?;
        within("cool_down_ms", self.cool_down_ms.into(), 0.0, day, "0 to 86400000")?;
        within("max_hold_ms", self.max_hold_ms.into(), 1.0, day, "1 to 86400000")?;
        within("min_hold_ms", self.min_hold_ms.into(), 0.0, self.max_hold_ms.into(), "0 to max_hold_ms")
    }

    /// The state machine's settings under an entry threshold.
    #[must_use]
    pub fn hysteresis(&self, p_in: f64) -> HysteresisSettings {
        HysteresisSettings {
            p_in,
            p_out: self.p_out,
            cool_down_ns: i64::from(self.cool_down_ms) * MILLI,
            min_hold_ns: i64::from(self.min_hold_ms) * MILLI,
            max_hold_ns: i64::from(self.max_hold_ms) * MILLI,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut DecisionConfig), expect: &str) {
        let mut config = DecisionConfig::default();
        change(&mut config);
        let found = config.validate().err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_threshold_out_of_bounds_is_named_with_its_value() {
        check(|_| {}, "");
        check(|config| config.p_in_min = f64::NAN, "p_in_min = NaN is out of bounds; expected 0.5 to 0.999");
        check(|config| config.p_out = 0.7, "p_out = 0.7 is out of bounds; expected 0 to p_in_min");
        check(
            |config| config.min_hold_ms = 40_000,
            "min_hold_ms = 40000 is out of bounds; expected 0 to max_hold_ms",
        );
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(serde_json::from_str::<DecisionConfig>(r#"{"p_out":0.4}"#).is_ok());
        assert!(serde_json::from_str::<DecisionConfig>(r#"{"p_exit":0.4}"#).is_err());
    }
}
