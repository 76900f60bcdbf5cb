//! The parameters of stage 1, with the defaults and bounds of the methods reference, section 12.

use opus2_types::Venue;
use serde::{Deserialize, Serialize};

use crate::detector::absorption::AbsorptionSettings;
use crate::detector::iceberg::RefillSettings;
use crate::detector::layering::LayeringSettings;
use crate::detector::wall::WallSettings;
use crate::detector_config::SweepConfig;
use crate::estimator::hawkes::HawkesRules;
use crate::estimator::mid_path::SAMPLE_MS;
use crate::estimator::multi_level_ofi::LIVE_RANKS;

/// How far apart a venue's book messages are, in milliseconds; 0 when every change is a message of its own.
///
/// Binance `depth@100ms`, Coinbase `level2_batch`, Kraken `book`: see the venues' documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BookConflation {
    /// Binance.
    pub binance: u32,
    /// Coinbase.
    pub coinbase: u32,
    /// Kraken.
    pub kraken: u32,
}

impl Default for BookConflation {
    fn default() -> Self {
        Self { binance: 100, coinbase: 50, kraken: 0 }
    }
}

impl BookConflation {
    /// The interval of one venue; 0 for a venue without one.
    #[must_use]
    pub const fn of(&self, venue: Venue) -> u32 {
        match venue {
            Venue::Binance => self.binance,
            Venue::Coinbase => self.coinbase,
            Venue::Kraken => self.kraken,
            _ => 0,
        }
    }
}

/// The parameters of stage 1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignalConfig {
    /// Time constant of the smoothed queue imbalance, ms.
    pub queue_imbalance_ewma_ms: u32,
    /// Weight decay per rank of the multi-level imbalances: level `i` counts `exp(-decay * i)`.
    pub depth_imbalance_decay: f64,
    /// Time constant of the variance rate, s.
    pub volatility_tau_secs: u32,
    /// Time over which the first variance rate is a plain average, s; before it there is none.
    pub volatility_warm_up_secs: u32,
    /// `|z|` from which a micro-move is a detection.
    pub micro_move_z_min: f64,
    /// Length of one return of the CUSUM, ms; a multiple of the 10 ms at which mids are sampled.
    pub cusum_step_ms: u32,
    /// Slack of the CUSUM, in standard deviations of one step.
    pub cusum_k: f64,
    /// Threshold of the CUSUM, in standard deviations of one step.
    pub cusum_h: f64,
    /// After how long without a newer best quote a lower update number is taken for a restart of the numbering, ms.
    pub bbo_stale_ms: u32,
    /// How far apart the venues' book messages are, ms.
    pub book_conflation_ms: BookConflation,
    /// Weight of each rank in the integrated OFI, best first; absolute values sum to one. A fitted model has its own.
    pub ofi_integrated_weights: [f64; LIVE_RANKS],
    /// How fast the excitement of orders fades, per second.
    pub hawkes_beta_per_sec: f64,
    /// How many orders one order excites in the mean.
    pub hawkes_branching: f64,
    /// Memory of the long-run rate of orders, s.
    pub hawkes_rate_tau_secs: u32,
    /// From how many times their long-run rate on orders are in a burst.
    pub burst_ratio_min: f64,
    /// For how long they must have been, ms.
    pub burst_ms: u32,
    /// How many orders a burst must have.
    pub burst_orders_min: u32,
    /// Walls.
    pub walls: WallSettings,
    /// Layering.
    pub layering: LayeringSettings,
    /// Sweeps.
    pub sweeps: SweepConfig,
    /// Refills.
    pub refills: RefillSettings,
    /// Absorption.
    pub absorption: AbsorptionSettings,
}

impl Default for SignalConfig {
    fn default() -> Self {
        Self {
            queue_imbalance_ewma_ms: 200,
            depth_imbalance_decay: 0.5,
            volatility_tau_secs: 60,
            volatility_warm_up_secs: 10,
            micro_move_z_min: 4.0,
            cusum_step_ms: 100,
            cusum_k: 0.5,
            cusum_h: 5.0,
            bbo_stale_ms: 5_000,
            book_conflation_ms: BookConflation::default(),
            ofi_integrated_weights: [0.2; LIVE_RANKS],
            hawkes_beta_per_sec: 2.0,
            hawkes_branching: 0.6,
            hawkes_rate_tau_secs: 600,
            burst_ratio_min: 3.0,
            burst_ms: 100,
            burst_orders_min: 3,
            walls: WallSettings::default(),
            layering: LayeringSettings::default(),
            sweeps: SweepConfig::default(),
            refills: RefillSettings::default(),
            absorption: AbsorptionSettings::default(),
        }
    }
}

/// A parameter out of its bounds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{key} = {value} is out of bounds; expected {expected}")]
pub struct ConfigError {
    /// The parameter.
    pub key: &'static str,
    /// Its value.
    pub value: f64,
    /// What is allowed.
    pub expected: &'static str,
}

impl ConfigError {
    /// Whether `value` lies within its bounds; written so that NaN does not.
    pub(crate) fn check(
        key: &'static str,
        value: f64,
        low: f64,
        high: f64,
        expected: &'static str,
    ) -> Result<(), Self> {
        if value >= low && value <= high { Ok(()) } else { Err(Self { key, value, expected }) }
    }
}

impl SignalConfig {
    /// What the intensity of orders goes by.
    pub(crate) fn hawkes_rules(&self) -> HawkesRules {
        HawkesRules {
            beta: self.hawkes_beta_per_sec,
            branching: self.hawkes_branching,
            rate_tau_secs: self.hawkes_rate_tau_secs.into(),
            burst_ratio_min: self.burst_ratio_min,
            burst_ms: self.burst_ms,
            burst_orders_min: self.burst_orders_min,
        }
    }

    /// Checks every parameter against its bounds.
    ///
    /// # Errors
    /// The first parameter out of bounds, with its value and what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let within = ConfigError::check;
        let conflation = &self.book_conflation_ms;
        let minute = 60_000.0;
        within("queue_imbalance_ewma_ms", self.queue_imbalance_ewma_ms.into(), 1.0, minute, "1 to 60000")?;
        within("depth_imbalance_decay", self.depth_imbalance_decay, 0.0, 10.0, "0 to 10")?;
        within("volatility_tau_secs", self.volatility_tau_secs.into(), 1.0, 86_400.0, "1 to 86400")?;
        within("volatility_warm_up_secs", self.volatility_warm_up_secs.into(), 1.0, 3_600.0, "1 to 3600")?;
        within("micro_move_z_min", self.micro_move_z_min, 0.1, 1_000.0, "0.1 to 1000")?;
        within("cusum_step_ms", self.cusum_step_ms.into(), 10.0, minute, "a multiple of 10 up to 60000")?;
        within("cusum_k", self.cusum_k, 0.0, 100.0, "0 to 100")?;
        within("cusum_h", self.cusum_h, 0.1, 1_000.0, "0.1 to 1000")?;
        within("bbo_stale_ms", self.bbo_stale_ms.into(), 100.0, 3_600_000.0, "100 to 3600000")?;
        within("book_conflation_ms.binance", conflation.binance.into(), 0.0, minute, "0 to 60000")?;
        within("book_conflation_ms.coinbase", conflation.coinbase.into(), 0.0, minute, "0 to 60000")?;
        within("book_conflation_ms.kraken", conflation.kraken.into(), 0.0, minute, "0 to 60000")?;
        within("hawkes_beta_per_sec", self.hawkes_beta_per_sec, 0.01, 1_000.0, "0.01 to 1000")?;
        within("hawkes_branching", self.hawkes_branching, 0.0, 0.99, "0 to 0.99")?;
        within("hawkes_rate_tau_secs", self.hawkes_rate_tau_secs.into(), 60.0, 86_400.0, "60 to 86400")?;
        within("burst_ratio_min", self.burst_ratio_min, 1.0, 1_000.0, "1 to 1000")?;
        within("burst_ms", self.burst_ms.into(), 0.0, minute, "0 to 60000")?;
        within("burst_orders_min", self.burst_orders_min.into(), 1.0, 1_000.0, "1 to 1000")?;
        let weights: f64 = self.ofi_integrated_weights.iter().map(|weight| weight.abs()).sum();
        within("ofi_integrated_weights", weights, 1.0 - 1e-6, 1.0 + 1e-6, "absolute values that sum to 1")?;
        if !self.cusum_step_ms.is_multiple_of(SAMPLE_MS) {
            return Err(ConfigError {
                key: "cusum_step_ms",
                value: self.cusum_step_ms.into(),
                expected: "a multiple of 10 up to 60000",
            });
        }
        self.validate_detectors()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut SignalConfig), expect: &str) {
        let mut config = SignalConfig::default();
        change(&mut config);
        let found = config.validate().err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_parameter_out_of_bounds_is_named_with_its_value() {
        check(|_| {}, "");
        check(|config| config.cusum_h = -1.0, "cusum_h = -1 is out of bounds; expected 0.1 to 1000");
        check(|config| config.cusum_k = f64::NAN, "cusum_k = NaN is out of bounds; expected 0 to 100");
        check(
            |config| config.cusum_step_ms = 15,
            "cusum_step_ms = 15 is out of bounds; expected a multiple of 10 up to 60000",
        );
        check(
            |config| config.ofi_integrated_weights[4] = 0.1,
            "ofi_integrated_weights = 0.9 is out of bounds; expected absolute values that sum to 1",
        );
        check(
            |config| config.hawkes_branching = 1.0,
            "hawkes_branching = 1 is out of bounds; expected 0 to 0.99",
        );
        check(
            |config| config.book_conflation_ms.kraken = 70_000,
            "book_conflation_ms.kraken = 70000 is out of bounds; expected 0 to 60000",
        );
    }
}
