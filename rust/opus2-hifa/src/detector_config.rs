//! The parameters of the detectors, which are tables of their own within those of stage 1.

use opus2_types::Venue;
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, SignalConfig};
use crate::detector::DetectorSettings;
use crate::detector::layering::NEW_LEVELS_MAX;
use crate::detector::sweep::SweepSettings;
use crate::exact::MILLI;

/// The longest gap within a run of trades, by how finely a venue stamps them, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepGap {
    /// Binance.
    pub binance: u32,
    /// Coinbase.
    pub coinbase: u32,
    /// Kraken.
    pub kraken: u32,
}

impl Default for SweepGap {
    /// Binance stamps whole milliseconds, the others finer.
    fn default() -> Self {
        Self { binance: 50, coinbase: 20, kraken: 20 }
    }
}

/// The parameters of sweeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepConfig {
    /// The longest gap within a run, ms.
    pub gap_ms: SweepGap,
    /// The least number of distinct prices.
    pub levels_min: u32,
    /// For how long after the gap, by receive time, a trade of the run may still be on its way, ms.
    pub patience_ms: u32,
}

impl Default for SweepConfig {
    fn default() -> Self {
        Self { gap_ms: SweepGap::default(), levels_min: 3, patience_ms: 100 }
    }
}

impl SweepConfig {
    const fn of(&self, venue: Venue) -> SweepSettings {
        let gap_ms = match venue {
            Venue::Coinbase => self.gap_ms.coinbase,
            Venue::Kraken => self.gap_ms.kraken,
            // The longest: of a venue that is not known, nobody knows how it stamps.
            _ => self.gap_ms.binance,
        };
        SweepSettings {
            gap_nanos: gap_ms as i64 * MILLI,
            levels_min: self.levels_min,
            patience_nanos: self.patience_ms as i64 * MILLI,
        }
    }
}

impl SignalConfig {
    /// What the detectors of one venue's instruments go by.
    #[must_use]
    #[inline]
    pub const fn detector_settings(&self, venue: Venue) -> DetectorSettings {
        DetectorSettings {
            conflation_ms: self.book_conflation_ms.of(venue),
            walls: self.walls,
            layering: self.layering,
            sweeps: self.sweeps.of(venue),
            refills: self.refills,
            absorption: self.absorption,
        }
    }

    pub(crate) fn validate_detectors(&self) -> Result<(), ConfigError> {
        let Self { walls, layering, sweeps, refills, absorption, .. } = self;
        let hour_ms = 3_600_000.0;
        for (key, value, low, high, expected) in [
            ("walls.z_min", walls.z_min, 0.1, 100.0, "0.1 to 100"),
            ("walls.z_full", walls.z_full, 0.1, 100.0, "0.1 to 100"),
            ("walls.depth_share_min", walls.depth_share_min, 0.0, 1.0, "0 to 1"),
            ("walls.band_bps", walls.band_bps.into(), 1.0, 50.0, "1 to 50"),
            ("walls.notional_min", walls.notional_min, 0.0, 1e12, "0 to 1000000000000"),
            ("walls.alive_secs", walls.alive_secs, 0.0, 3_600.0, "0 to 3600"),
            ("walls.half_life_secs", walls.half_life_secs, 1.0, 86_400.0, "1 to 86400"),
            ("walls.end_share", walls.end_share, 0.0, 1.0, "0 to 1"),
            ("walls.near_bps", walls.near_bps, 0.0, 50.0, "0 to 50"),
            ("walls.tau_secs", walls.tau_secs, 0.1, 86_400.0, "0.1 to 86400"),
            ("walls.reach_bps", walls.reach_bps, 0.1, 1_000.0, "0.1 to 1000"),
            ("layering.z_min", layering.z_min, 0.1, 100.0, "0.1 to 100"),
            ("layering.band_bps", layering.band_bps, 0.1, 50.0, "0.1 to 50"),
            ("layering.appear_ms", layering.appear_ms.into(), 1.0, hour_ms, "1 to 3600000"),
            ("layering.cancel_ms", layering.cancel_ms.into(), 1.0, hour_ms, "1 to 3600000"),
            ("layering.cancelled_share_min", layering.cancelled_share_min, 0.01, 1.0, "0.01 to 1"),
            ("layering.hold_ms", layering.hold_ms.into(), 0.0, hour_ms, "0 to 3600000"),
            ("sweeps.gap_ms.binance", sweeps.gap_ms.binance.into(), 0.0, 60_000.0, "0 to 60000"),
            ("sweeps.gap_ms.coinbase", sweeps.gap_ms.coinbase.into(), 0.0, 60_000.0, "0 to 60000"),
            ("sweeps.gap_ms.kraken", sweeps.gap_ms.kraken.into(), 0.0, 60_000.0, "0 to 60000"),
            ("sweeps.levels_min", sweeps.levels_min.into(), 2.0, 1_000.0, "2 to 1000"),
            ("sweeps.patience_ms", sweeps.patience_ms.into(), 0.0, 60_000.0, "0 to 60000"),
            ("refills.window_secs", refills.window_secs.into(), 1.0, 3_600.0, "1 to 3600"),
            ("refills.refills_min", refills.refills_min.into(), 2.0, 16.0, "2 to 16"),
            ("refills.cv_max", refills.cv_max, 0.0, 10.0, "0 to 10"),
            ("refills.share_min", refills.share_min, 0.0, 10.0, "0 to 10"),
            ("refills.delay_ms", refills.delay_ms.into(), 0.0, 60_000.0, "0 to 60000"),
            ("absorption.volume_quantile", absorption.volume_quantile, 0.0, 1.0, "0 to 1"),
            ("absorption.half_life_secs", absorption.half_life_secs, 1.0, 604_800.0, "1 to 604800"),
            ("absorption.windows_min", absorption.windows_min, 1.0, 10_000.0, "1 to 10000"),
        ] {
            ConfigError::check(key, value, low, high, expected)?;
        }
        let levels = u32::try_from(layering.levels_min).unwrap_or(u32::MAX);
        let levels_max = u32::try_from(NEW_LEVELS_MAX).unwrap_or(u32::MAX);
        ConfigError::check("layering.levels_min", levels.into(), 1.0, levels_max.into(), "1 to 16")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let config: SignalConfig = serde_json::from_str(text).unwrap();
        let found = config.validate().err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn a_parameter_out_of_bounds_is_named_with_its_table() {
        check(r#"{"walls":{"z_min":5,"notional_min":5e4},"sweeps":{"gap_ms":{"kraken":10}}}"#, "");
        check(r#"{"walls":{"z_min":0}}"#, "walls.z_min = 0 is out of bounds; expected 0.1 to 100");
        check(r#"{"walls":{"band_bps":51}}"#, "walls.band_bps = 51 is out of bounds; expected 1 to 50");
        check(
            r#"{"layering":{"levels_min":17}}"#,
            "layering.levels_min = 17 is out of bounds; expected 1 to 16",
        );
        check(
            r#"{"refills":{"refills_min":1}}"#,
            "refills.refills_min = 1 is out of bounds; expected 2 to 16",
        );
    }

    #[test]
    fn an_unknown_parameter_is_refused() {
        for table in ["walls", "layering", "sweeps", "refills", "absorption"] {
            let error = serde_json::from_str::<SignalConfig>(&format!(r#"{{"{table}":{{"nose":1}}}}"#));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("unknown field `nose`"), "{error}");
        }
    }

    #[test]
    fn settings_are_of_the_venue() {
        let config = SignalConfig::default();
        let of = |venue| {
            let settings = config.detector_settings(venue);
            (settings.conflation_ms, settings.sweeps.gap_nanos / MILLI)
        };
        assert_eq!(of(Venue::Binance), (100, 50));
        assert_eq!(of(Venue::Coinbase), (50, 20));
        assert_eq!(of(Venue::Kraken), (0, 20));
        let binance = config.detector_settings(Venue::Binance);
        assert_eq!(binance.sweeps, SweepSettings::for_millisecond_stamps());
    }
}
