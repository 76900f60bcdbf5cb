//! The parameters of stage 2, with the defaults and bounds of the methods reference, section 12.

use serde::{Deserialize, Serialize};

use super::{ContextSettings, FrameSettings};
use crate::ConfigError;
use crate::cross_venue::CrossVenueSettings;
use crate::estimator::vpin::VpinSettings;

/// Whose volume makes VPIN's buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VpinHorizon {
    /// That of a day: fifty buckets, about a day of memory.
    #[default]
    Day,
    /// That of an hour: twenty buckets.
    Hour,
}

/// The parameters of stage 2.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextConfig {
    /// Whose volume makes VPIN's buckets.
    pub vpin_horizon: VpinHorizon,
    /// Half-life of lambda, s.
    pub lambda_half_life_secs: u32,
    /// Half-life of what is usual of a feature when the model does not say it, s.
    pub frame_half_life_secs: u32,
    /// Half-life of the traded notional by which the primary instrument is chosen, s.
    pub primary_half_life_secs: u32,
    /// By which share another instrument must trade more than the primary to take its place.
    pub primary_margin: f64,
    /// Half-life of the pressure of sweeps, refills and absorption, s.
    pub pressure_half_life_secs: f64,
    /// Half-life of the lagged correlations, s; below 60 nothing of them is acted upon.
    pub lag_half_life_secs: u32,
    /// After how long a round of lead-lag evaluations begins again, s.
    pub lead_lag_every_secs: u32,
    /// Units of the lead-lag evaluation that a second does. A unit costs about 80 us where both venues have all the
    /// changes that are kept, and a lead that is believed takes 15 477 of them.
    pub lead_lag_units: u32,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self {
            vpin_horizon: VpinHorizon::Day,
            lambda_half_life_secs: 600,
            frame_half_life_secs: 600,
            primary_half_life_secs: 600,
            primary_margin: 0.2,
            pressure_half_life_secs: 5.0,
            lag_half_life_secs: 60,
            lead_lag_every_secs: 1_800,
            lead_lag_units: 8,
        }
    }
}

impl ContextConfig {
    /// Checks every parameter against its bounds.
    ///
    /// # Errors
    /// The first parameter out of bounds, with its value and what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let within = |key, value: f64, low: f64, high: f64, expected| {
            // Written so that NaN is refused.
            if value >= low && value <= high { Ok(()) } else { Err(ConfigError { key, value, expected }) }
        };
        let day = 86_400.0;
        within("lambda_half_life_secs", self.lambda_half_life_secs.into(), 60.0, day, "60 to 86400")?;
        within("frame_half_life_secs", self.frame_half_life_secs.into(), 60.0, day, "60 to 86400")?;
        within("primary_half_life_secs", self.primary_half_life_secs.into(), 10.0, day, "10 to 86400")?;
        within("primary_margin", self.primary_margin, 0.0, 10.0, "0 to 10")?;
        within("pressure_half_life_secs", self.pressure_half_life_secs, 0.1, 3_600.0, "0.1 to 3600")?;
        within("lag_half_life_secs", self.lag_half_life_secs.into(), 1.0, 3_600.0, "1 to 3600")?;
        within("lead_lag_every_secs", self.lead_lag_every_secs.into(), 60.0, day, "60 to 86400")?;
        within("lead_lag_units", self.lead_lag_units.into(), 1.0, 1_000.0, "1 to 1000")
    }

    /// What it comes to for an instrument.
    #[must_use]
    pub fn instrument(&self) -> ContextSettings {
        let vpin = match self.vpin_horizon {
            VpinHorizon::Day => VpinSettings::DAILY,
            VpinHorizon::Hour => VpinSettings::INTRADAY,
        };
        let mut settings = ContextSettings { vpin, ..ContextSettings::default() };
        settings.lambda.half_life_secs = self.lambda_half_life_secs.into();
        settings
    }

    /// What it comes to for a frame, which observes once a second.
    #[must_use]
    pub fn frames(&self) -> FrameSettings {
        FrameSettings { half_life_observations: self.frame_half_life_secs.into(), ..FrameSettings::default() }
    }

    /// What it comes to across venues.
    #[must_use]
    pub const fn cross_venue(&self) -> CrossVenueSettings {
        CrossVenueSettings {
            half_life_secs: self.lag_half_life_secs,
            lead_lag_every_secs: self.lead_lag_every_secs,
            lead_lag_units: self.lead_lag_units,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut ContextConfig), expect: &str) {
        let mut config = ContextConfig::default();
        change(&mut config);
        let found = config.validate().err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_parameter_out_of_bounds_is_named_with_its_value() {
        check(|_| {}, "");
        check(
            |config| config.primary_margin = f64::NAN,
            "primary_margin = NaN is out of bounds; expected 0 to 10",
        );
        check(
            |config| config.frame_half_life_secs = 59,
            "frame_half_life_secs = 59 is out of bounds; expected 60 to 86400",
        );
        check(|config| config.lead_lag_units = 0, "lead_lag_units = 0 is out of bounds; expected 1 to 1000");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let read = serde_json::from_str::<ContextConfig>;
        assert_eq!(read(r#"{"vpin_horizon":"hour"}"#).unwrap().vpin_horizon, VpinHorizon::Hour);
        assert!(read(r#"{"vpin_horizon":"week"}"#).is_err());
        assert!(read(r#"{"vpin_hours":1}"#).is_err());
    }
}
