//! The parameters of stage 4.

use serde::{Deserialize, Serialize};

use crate::ConfigError;
use crate::execution::maker_taker::OutflowSettings;
use crate::execution::schedule::SLICES_MAX;
use crate::risk::Survival;
use crate::risk::walk::SURVIVAL_BUCKETS;

/// The parameters of stage 4, with the defaults and bounds of the methods reference, sections 5 and 12.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExecutionConfig {
    /// The whole is sent at once while walking the books costs at most so many times what a schedule would.
    pub walk_factor_max: f64,
    /// The expected adverse share of a move while an order is under way.
    pub latency_phi: f64,
    /// What of the quantity shown is still there when an order arrives, parts per million, by distance from the mid: see
    /// [`Survival`].
    pub survival_ppm: [u32; SURVIVAL_BUCKETS],
    /// How many slices a schedule has at most.
    pub slices_max: u32,
    /// How far apart slices are at least, ms.
    pub slice_gap_ms_min: u32,
    /// By what part of their distance the moments of slices are moved at most.
    pub slice_jitter: f64,
    /// Up to this urgency, 0 to 1, a part may rest.
    pub resting_urgency_max: f64,
    /// What a resting order that is not filled costs beside half the spread and the fee, bps: the move against it.
    pub shortfall_bps: f64,
    /// How much worse than the worst price of the plan an order may be filled, bps.
    pub limit_slack_bps: f64,
    /// How long an order that takes is valid, ms.
    pub taker_expiry_ms: u32,
    /// How long an order that rests is valid, ms: the horizon of the outflow.
    pub resting_expiry_ms: u32,
    /// How the outflow of queues is remembered.
    pub outflow: OutflowSettings,
}

impl Default for ExecutionConfig {
    fn default() -> Self {
        Self {
            walk_factor_max: 1.2,
            latency_phi: 0.4,
            survival_ppm: Survival::default().ppm(),
            slices_max: 10,
            slice_gap_ms_min: 1_000,
            slice_jitter: 0.2,
            resting_urgency_max: 0.3,
            shortfall_bps: 2.0,
            limit_slack_bps: 1.0,
            taker_expiry_ms: 1_000,
            resting_expiry_ms: 5_000,
            outflow: OutflowSettings::default(),
        }
    }
}

impl ExecutionConfig {
    /// Checks every parameter against its bounds.
    ///
    /// # Errors
    /// The first parameter out of bounds, with its value and what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let within = |key, value: f64, low: f64, high: f64, expected| {
            // Written so that NaN is refused.
            if value >= low && value <= high { Ok(()) } else { Err(ConfigError { key, value, expected }) }
        };
        let slices = f64::from(u32::try_from(SLICES_MAX).unwrap_or(0));
        let (minute, day) = (60_000.0, 86_400.0);
        within("walk_factor_max", self.walk_factor_max, 0.0, 100.0, "0 to 100")?;
        within("latency_phi", self.latency_phi, 0.0, 10.0, "0 to 10")?;
        for share in self.survival_ppm {
            within("survival_ppm", share.into(), 0.0, 1e6, "0 to 1000000 each")?;
        }
        within("slices_max", self.slices_max.into(), 1.0, slices, "1 to 32")?;
        within("slice_gap_ms_min", self.slice_gap_ms_min.into(), 1.0, 60.0 * minute, "1 to 3600000")?;
        within("slice_jitter", self.slice_jitter, 0.0, 0.49, "0 to 0.49")?;
        within("resting_urgency_max", self.resting_urgency_max, 0.0, 1.0, "0 to 1")?;
        within("shortfall_bps", self.shortfall_bps, 0.0, 1_000.0, "0 to 1000")?;
        within("limit_slack_bps", self.limit_slack_bps, 0.0, 1_000.0, "0 to 1000")?;
        within("taker_expiry_ms", self.taker_expiry_ms.into(), 1.0, 10.0 * minute, "1 to 600000")?;
        within("resting_expiry_ms", self.resting_expiry_ms.into(), 1.0, 60.0 * minute, "1 to 3600000")?;
        within("outflow.half_life_secs", self.outflow.half_life_secs, 1.0, 7.0 * day, "1 to 604800")?;
        within("outflow.observations_min", self.outflow.observations_min, 1.0, 1e6, "1 to 1000000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: &str) {
        let found = serde_json::from_str::<ExecutionConfig>(json)
            .map_err(|error| error.to_string())
            .and_then(|config| config.validate().map_err(|error| error.to_string()))
            .err()
            .unwrap_or_default();
        assert!(if expect.is_empty() { found.is_empty() } else { found.starts_with(expect) }, "{found}");
    }

    #[test]
    fn a_parameter_out_of_bounds_is_named_with_its_value() {
        check("{}", "");
        check(r#"{"slices_max":33}"#, "slices_max = 33 is out of bounds; expected 1 to 32");
        check(
            r#"{"survival_ppm":[1,1,1,1,1,1,1000001]}"#,
            "survival_ppm = 1000001 is out of bounds; expected 0 to 1000000 each",
        );
        check(r#"{"slice_jitter":0.5}"#, "slice_jitter = 0.5 is out of bounds; expected 0 to 0.49");
        check(r#"{"outflow":{"half_life_secs":0}}"#, "outflow.half_life_secs = 0 is out of bounds");
        check(r#"{"slices":3}"#, "unknown field `slices`");
        let config = ExecutionConfig { walk_factor_max: f64::NAN, ..ExecutionConfig::default() };
        assert!(config.validate().is_err());
    }
}
