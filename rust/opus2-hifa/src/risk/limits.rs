//! The parameters of stage 3, with the defaults and bounds of the methods reference, section 12.

use serde::{Deserialize, Serialize};

use super::amount::QuoteAmount;
use super::health_gate::{HealthLines, PEG_DEVIATION_MAX};
use super::kelly::KellySettings;
use super::kill_switch::KillLimits;
use super::parts::{LiquidityLimits, QualityLimits, SlippageLimits};
use super::position::InventorySettings;
use super::resilience::ResilienceSettings;
use super::spread_decomposition::SpreadMemory;
use super::tail::TailLimits;
use super::walk::Survival;
use crate::ConfigError;

/// The parameters of stage 3.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskConfig {
    /// Equity of the account while nobody has told it, quote units.
    pub equity_quote: QuoteAmount,
    /// What costs are judged for when nothing is wanted, quote units.
    pub probe_notional_quote: QuoteAmount,
    /// The most that may be held at one venue, as a share of equity.
    pub venue_cap_share: f64,
    /// An order is never faster than this, ms.
    pub latency_floor_ms: u32,
    /// Only a model that proved itself on its last walk-forward test may trade.
    pub require_proven: bool,
    /// The share of what is shown that is still there when an order arrives, in parts per million by distance.
    pub survival_ppm: Survival,
    /// Factor of the square-root law of impact.
    pub impact_factor: f64,
    /// Memory of effective and realised spreads, and of the usual spread.
    pub spread: SpreadMemory,
    /// When a book counts as depleted, and how its recovery is watched.
    pub resilience: ResilienceSettings,
    /// Expected shortfall.
    pub tail: TailLimits,
    /// Inventory.
    pub inventory: InventorySettings,
    /// Kill switches.
    pub kill: KillLimits,
    /// Kelly's fraction.
    pub kelly: KellySettings,
    /// Venues' health.
    pub health: HealthLines,
    /// How far from one a currency pegged to the dollar may trade, as a fraction.
    pub peg_deviation_max: f64,
    /// Participation and resilience.
    pub liquidity: LiquidityLimits,
    /// Data quality.
    pub quality: QualityLimits,
    /// Slippage.
    pub slippage: SlippageLimits,
}

impl Default for RiskConfig {
    fn default() -> Self {
        Self {
            equity_quote: QuoteAmount::of_micros(100_000_000_000),
            probe_notional_quote: QuoteAmount::of_micros(1_000_000_000),
            venue_cap_share: 0.5,
            latency_floor_ms: 10,
            require_proven: true,
            survival_ppm: Survival::default(),
            impact_factor: 1.0,
            spread: SpreadMemory::default(),
            resilience: ResilienceSettings::default(),
            tail: TailLimits::default(),
            inventory: InventorySettings::default(),
            kill: KillLimits::default(),
            kelly: KellySettings::default(),
            health: HealthLines::default(),
            peg_deviation_max: PEG_DEVIATION_MAX,
            liquidity: LiquidityLimits::default(),
            quality: QualityLimits::default(),
            slippage: SlippageLimits::default(),
        }
    }
}

/// A parameter, its value, the least and the most it may be, and how that is said.
type Bound = (&'static str, f64, f64, f64, &'static str);

const SHARE: (f64, f64, &str) = (1e-6, 1.0, "above 0 up to 1");

const fn share(key: &'static str, value: f64) -> Bound {
    (key, value, SHARE.0, SHARE.1, SHARE.2)
}

impl RiskConfig {
    /// Checks every parameter against its bounds.
    ///
    /// # Errors
    /// The first parameter out of bounds, with its value and what is allowed.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let bounds = self
            .of_account()
            .into_iter()
            .chain(self.of_measurement())
            .chain(self.of_limits())
            .chain(self.of_gates());
        for (key, value, low, high, expected) in bounds {
            // Written so that NaN is refused.
            if !(value >= low && value <= high) {
                return Err(ConfigError { key, value, expected });
            }
        }
        Ok(())
    }

    fn of_account(&self) -> [Bound; 4] {
        let amount = |key, amount: QuoteAmount| (key, amount.to_f64(), 1.0, 1e12, "1 to 1000000000000");
        [
            amount("equity_quote", self.equity_quote),
            amount("probe_notional_quote", self.probe_notional_quote),
            share("venue_cap_share", self.venue_cap_share),
            ("latency_floor_ms", self.latency_floor_ms.into(), 0.0, 60_000.0, "0 to 60000"),
        ]
    }

    fn of_measurement(&self) -> [Bound; 9] {
        let (spread, resilience) = (&self.spread, &self.resilience);
        [
            ("impact_factor", self.impact_factor, 0.1, 10.0, "0.1 to 10"),
            ("spread.half_life_secs", spread.half_life_secs, 1.0, 86_400.0, "1 to 86400"),
            ("spread.n_eff_min", spread.n_eff_min, 1.0, 1e6, "1 to 1000000"),
            ("resilience.depletion_share", resilience.depletion_share, 0.05, 0.95, "0.05 to 0.95"),
            (
                "resilience.recovered_share",
                resilience.recovered_share,
                1.0 - resilience.depletion_share,
                0.999,
                "more than a depletion leaves, up to 0.999",
            ),
            ("resilience.usual_tau_secs", resilience.usual_tau_secs, 1.0, 86_400.0, "1 to 86400"),
            ("resilience.sample_ms", resilience.sample_ms.into(), 1.0, 60_000.0, "1 to 60000"),
            ("resilience.episode_secs", resilience.episode_secs, 1.0, 3_600.0, "1 to 3600"),
            ("resilience.keep", resilience.keep, 0.0, 1.0, "0 to 1"),
        ]
    }

    fn of_limits(&self) -> [Bound; 14] {
        let Self { tail, inventory, kill, kelly, .. } = self;
        [
            ("tail.confidence", tail.confidence, 0.5, 0.9999, "0.5 to 0.9999"),
            ("tail.degrees", tail.degrees, 2.1, 1e9, "2.1 to 1000000000"),
            share("tail.position_share_max", tail.position_share_max),
            (
                "tail.total_share_max",
                tail.total_share_max,
                tail.position_share_max,
                1.0,
                "tail.position_share_max up to 1",
            ),
            share("inventory.volume_share", inventory.volume_share),
            share("inventory.depth_share", inventory.depth_share),
            ("inventory.depth_refills", inventory.depth_refills, 0.1, 1_000.0, "0.1 to 1000"),
            share("kill.daily_loss_share", kill.daily_loss_share),
            share("kill.drawdown_share", kill.drawdown_share),
            ("kill.rejects_in_a_row", kill.rejects_in_a_row.into(), 1.0, 1_000.0, "1 to 1000"),
            ("kill.stale_data_ms", kill.stale_data_ms.into(), 10.0, 3_600_000.0, "10 to 3600000"),
            share("kelly.fraction", kelly.fraction),
            share("kelly.cap", kelly.cap),
            ("kelly.confidence", kelly.confidence, 0.5, 0.9999, "0.5 to 0.9999"),
        ]
    }

    fn of_gates(&self) -> [Bound; 12] {
        let Self { health, liquidity, quality, slippage, .. } = self;
        [
            ("health.flatten", health.flatten, 0.0, 99.0, "0 to 99"),
            ("health.half", health.half, health.flatten, 99.5, "health.flatten up to 99.5"),
            ("health.full", health.full, health.half + 0.1, 100.0, "above health.half up to 100"),
            ("health.recovery_secs", health.recovery_secs.into(), 0.0, 86_400.0, "0 to 86400"),
            ("health.silence_secs", health.silence_secs.into(), 1.0, 3_600.0, "1 to 3600"),
            ("peg_deviation_max", self.peg_deviation_max, 0.0, 1.0, "0 to 1"),
            share("liquidity.participation_max", liquidity.participation_max),
            ("liquidity.half_life_secs", liquidity.half_life_secs, 0.1, 3_600.0, "0.1 to 3600"),
            ("quality.fence", quality.fence, 0.0, 99.0, "0 to 99"),
            ("quality.full", quality.full, quality.fence + 0.1, 100.0, "above quality.fence up to 100"),
            ("slippage.full_bps", slippage.full_bps, 0.0, 10_000.0, "0 to 10000"),
            (
                "slippage.none_bps",
                slippage.none_bps,
                slippage.full_bps + 0.001,
                10_001.0,
                "above slippage.full_bps up to 10001",
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut RiskConfig), expect: &str) {
        let mut config = RiskConfig::default();
        change(&mut config);
        let found = config.validate().err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_parameter_out_of_bounds_is_named_with_its_value() {
        check(|_| {}, "");
        check(
            |config| config.tail.degrees = 2.0,
            "tail.degrees = 2 is out of bounds; expected 2.1 to 1000000000",
        );
        check(
            |config| config.equity_quote = QuoteAmount::of_micros(999_999),
            "equity_quote = 0.999999 is out of bounds; expected 1 to 1000000000000",
        );
        check(
            |config| config.kelly.cap = f64::NAN,
            "kelly.cap = NaN is out of bounds; expected above 0 up to 1",
        );
        check(
            |config| config.health.half = 85.0,
            "health.full = 80 is out of bounds; expected above health.half up to 100",
        );
        check(
            |config| config.tail.total_share_max = 0.001,
            "tail.total_share_max = 0.001 is out of bounds; expected tail.position_share_max up to 1",
        );
    }

    #[test]
    fn what_is_not_given_is_the_default_and_what_is_not_known_is_refused() {
        let read = serde_json::from_str::<RiskConfig>;
        assert_eq!(read("{}").unwrap(), RiskConfig::default());
        let config =
            read(r#"{"kill": {"rejects_in_a_row": 3}, "survival_ppm": [900000,1,2,3,4,5,2000000]}"#).unwrap();
        assert_eq!((config.kill.rejects_in_a_row, config.kill.stale_data_ms), (3, 2_000));
        assert_eq!(config.survival_ppm.ppm()[6], 1_000_000);
        assert!(read(r#"{"kill": {"rejects": 3}}"#).is_err());
        assert!(read(r#"{"killer": 3}"#).is_err());
    }
}
