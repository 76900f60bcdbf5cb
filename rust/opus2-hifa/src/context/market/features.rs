//! The features that a model may ask for: those of stage 1, and those of stage 2.

use serde::{Deserialize, Serialize};

use crate::context::{ContextEvidence, WINDOWS_COUNT};
use crate::signal::Features;
use crate::{Absent, Measure};

/// How many features stage 1 has.
pub(super) const SIGNAL_FEATURES: usize = Features::SPECS.len();

/// The features of stage 2, in the order in which they follow those of stage 1.
///
/// | feature | unit and sign |
/// | --- | --- |
/// | `market_ofi` | mean of `ofi_normalised_1s` over the market's instruments |
/// | `agreement_ofi` | how far the windows of `ofi_normalised` agree, -1 to 1 |
/// | `agreement_flow` | the same of the volume imbalance |
/// | `lead_signal` | log return of the primary's next 50 ms, as the venue that goes with it most foretells it |
/// | `lead_z` | the same in its own standard deviations |
/// | `vpin` | 0 to 1 |
/// | `vpin_percentile` | 0 to 1 |
/// | `lambda_bps_per_100k` | basis points per 100 000 quote units |
/// | `volatility_ratio` | fast over slow volatility |
/// | `relative_jump` | share of the realised variance that is jumps |
/// | `sweep_pressure` | sweeps up less sweeps down, fading |
/// | `absorption` | score of the newest absorption, against the aggressor, fading; -1 to 1 |
/// | `refill_pressure` | refilled bids less refilled asks, fading |
///
/// Those of one instrument are the primary one's.
pub const CONTEXT_FEATURES: &[&str] = &[
    "market_ofi",
    "agreement_ofi",
    "agreement_flow",
    "lead_signal",
    "lead_z",
    "vpin",
    "vpin_percentile",
    "lambda_bps_per_100k",
    "volatility_ratio",
    "relative_jump",
    "sweep_pressure",
    "absorption",
    "refill_pressure",
];

/// How many features stage 2 has.
pub const CONTEXT_FEATURES_COUNT: usize = CONTEXT_FEATURES.len();

/// How many features there are.
pub(super) const FEATURES_COUNT: usize = SIGNAL_FEATURES + CONTEXT_FEATURES_COUNT;

/// The features that are followed over several windows.
pub const FRAMES: [&str; 2] = ["ofi_normalised", "volume_imbalance"];

/// What is appended to a frame's name for each of its windows.
pub const WINDOW_NAMES: [&str; WINDOWS_COUNT] = ["1s", "5s", "15s"];

/// The names of every feature that a model may ask for: those of stage 1, then those of stage 2.
#[must_use]
pub fn feature_names() -> Vec<&'static str> {
    Features::SPECS.iter().map(|spec| spec.name).chain(CONTEXT_FEATURES.iter().copied()).collect()
}

/// What changes within a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FastContext {
    pub(super) market_ofi: Measure,
    pub(super) lead_signal: Measure,
    pub(super) lead_z: Measure,
    pub(super) sweep_pressure: Measure,
    pub(super) absorption: Measure,
    pub(super) refill_pressure: Measure,
}

/// What is measured at the end of every second and stands until the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct SlowContext {
    pub(super) agreement: Measure,
    pub(super) agreement_ofi: Measure,
    pub(super) agreement_flow: Measure,
    pub(super) lead_z: Measure,
    pub(super) vpin: Measure,
    pub(super) vpin_percentile: Measure,
    pub(super) lambda: Measure,
    pub(super) lambda_bps_per_100k: Measure,
    pub(super) volatility: Measure,
    pub(super) volatility_slow: Measure,
    pub(super) volatility_ratio: Measure,
    pub(super) relative_jump: Measure,
    pub(super) is_jump: Result<bool, Absent>,
    pub(super) illiquidity: Measure,
    pub(super) volume_rate: Measure,
}

impl SlowContext {
    /// Nothing is known, for one reason.
    pub(super) const fn absent(reason: Absent) -> Self {
        let none = Err(reason);
        Self {
            agreement: none,
            agreement_ofi: none,
            agreement_flow: none,
            lead_z: none,
            vpin: none,
            vpin_percentile: none,
            lambda: none,
            lambda_bps_per_100k: none,
            volatility: none,
            volatility_slow: none,
            volatility_ratio: none,
            relative_jump: none,
            is_jump: Err(reason),
            illiquidity: none,
            volume_rate: none,
        }
    }

    /// What the multiplier is made of, positive for up.
    pub(super) const fn evidence(&self) -> ContextEvidence {
        ContextEvidence {
            agreement: self.agreement,
            lead_z: self.lead_z,
            vpin_percentile: self.vpin_percentile,
            is_jump: self.is_jump,
        }
    }

    /// The values of [`CONTEXT_FEATURES`], in its order.
    pub(super) const fn features(&self, fast: &FastContext) -> [Measure; CONTEXT_FEATURES_COUNT] {
        [
            fast.market_ofi,
            self.agreement_ofi,
            self.agreement_flow,
            fast.lead_signal,
            fast.lead_z,
            self.vpin,
            self.vpin_percentile,
            self.lambda_bps_per_100k,
            self.volatility_ratio,
            self.relative_jump,
            fast.sweep_pressure,
            fast.absorption,
            fast.refill_pressure,
        ]
    }

    /// False for loaded numbers that are none.
    pub(super) fn is_consistent(&self) -> bool {
        let found = [
            self.agreement,
            self.agreement_ofi,
            self.agreement_flow,
            self.lead_z,
            self.vpin,
            self.vpin_percentile,
            self.lambda,
            self.lambda_bps_per_100k,
            self.volatility,
            self.volatility_slow,
            self.volatility_ratio,
            self.relative_jump,
            self.illiquidity,
            self.volume_rate,
        ];
        found.into_iter().flatten().all(f64::is_finite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_there_twice() {
        let mut names = feature_names();
        assert_eq!(names.len(), FEATURES_COUNT);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FEATURES_COUNT);
    }

    #[test]
    fn values_stand_under_their_names() {
        let fast = FastContext {
            market_ofi: Ok(1.0),
            lead_signal: Ok(2.0),
            lead_z: Ok(3.0),
            sweep_pressure: Ok(4.0),
            absorption: Ok(5.0),
            refill_pressure: Ok(6.0),
        };
        let slow = SlowContext {
            agreement_ofi: Ok(7.0),
            agreement_flow: Ok(8.0),
            vpin: Ok(9.0),
            vpin_percentile: Ok(10.0),
            lambda_bps_per_100k: Ok(11.0),
            volatility_ratio: Ok(12.0),
            relative_jump: Ok(13.0),
            ..SlowContext::absent(Absent::Cold)
        };
        let found: Vec<_> = CONTEXT_FEATURES
            .iter()
            .zip(slow.features(&fast))
            .map(|(name, value)| (*name, value.unwrap()))
            .collect();
        for (name, value) in [
            ("market_ofi", 1.0),
            ("lead_signal", 2.0),
            ("lead_z", 3.0),
            ("sweep_pressure", 4.0),
            ("absorption", 5.0),
            ("refill_pressure", 6.0),
            ("agreement_ofi", 7.0),
            ("agreement_flow", 8.0),
            ("vpin", 9.0),
            ("vpin_percentile", 10.0),
            ("lambda_bps_per_100k", 11.0),
            ("volatility_ratio", 12.0),
            ("relative_jump", 13.0),
        ] {
            assert!(found.contains(&(name, value)), "{name}");
        }
    }
}
