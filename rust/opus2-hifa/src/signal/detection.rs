//! Features beyond their thresholds.

use serde::{Deserialize, Serialize};

use super::{Applied, Features};
use crate::estimator::micro_move::LAGS_MS;
use crate::{Direction, SignalConfig};

/// What found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detector {
    /// The mid moved far for its volatility within a lag.
    MicroMove {
        /// The lag, ms.
        lag_ms: u32,
    },
    /// Returns of the mid lean one way.
    Cusum,
    /// Orders of one side come far faster than their long-run rate.
    Burst,
}

impl Detector {
    /// `"micro_move"`, `"cusum"` or `"burst"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MicroMove { .. } => "micro_move",
            Self::Cusum => "cusum",
            Self::Burst => "burst",
        }
    }

    /// The lag, where there is one.
    #[must_use]
    pub const fn lag_ms(self) -> Option<u32> {
        match self {
            Self::MicroMove { lag_ms } => Some(lag_ms),
            Self::Cusum | Self::Burst => None,
        }
    }
}

/// One finding.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// What found it.
    pub detector: Detector,
    /// Which way it points.
    pub direction: Direction,
    /// The value beyond the threshold: `|z|`, the sum that rang, or the ratio of intensity to long-run rate.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
}

/// The most that one event can detect.
pub const DETECTIONS_MAX: usize = LAGS_MS.len() + 3;

impl Detection {
    /// What `features`, and what the event did at which they were measured, detect.
    pub fn find(
        features: &Features,
        applied: &Applied,
        config: &SignalConfig,
    ) -> impl Iterator<Item = Self> + Clone {
        let moves = [features.micro_move_z_100ms, features.micro_move_z_250ms, features.micro_move_z_1000ms];
        let mut found = [None; DETECTIONS_MAX];
        let (of_moves, others) = found.split_at_mut(LAGS_MS.len());
        for ((slot, feature), lag_ms) in of_moves.iter_mut().zip(moves).zip(LAGS_MS) {
            *slot = feature.value.ok().filter(|z| z.abs() >= config.micro_move_z_min).map(|z| Self {
                detector: Detector::MicroMove { lag_ms },
                direction: Direction::of(z),
                value: z.abs(),
                threshold: config.micro_move_z_min,
            });
        }
        let cusum = applied.alarm.and_then(|step| {
            Some(Self {
                detector: Detector::Cusum,
                direction: step.alarm?,
                value: step.alarm_value(),
                threshold: config.cusum_h,
            })
        });
        let burst = |ratio: Option<f64>, direction| {
            let threshold = config.burst_ratio_min;
            ratio.map(|value| Self { detector: Detector::Burst, direction, value, threshold })
        };
        let [buys, sells] = applied.bursts;
        others.copy_from_slice(&[cusum, burst(buys, Direction::Up), burst(sells, Direction::Down)]);
        found.into_iter().flatten()
    }
}
