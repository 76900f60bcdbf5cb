//! Features beyond their thresholds.

use serde::{Deserialize, Serialize};

use super::Features;
use crate::estimator::cusum::CusumStep;
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
}

impl Detector {
    /// `"micro_move"` or `"cusum"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MicroMove { .. } => "micro_move",
            Self::Cusum => "cusum",
        }
    }

    /// The lag, where there is one.
    #[must_use]
    pub const fn lag_ms(self) -> Option<u32> {
        match self {
            Self::MicroMove { lag_ms } => Some(lag_ms),
            Self::Cusum => None,
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
    /// The value beyond the threshold: `|z|`, or the sum that rang.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
}

/// The most that one event can detect.
pub const DETECTIONS_MAX: usize = LAGS_MS.len() + 1;

impl Detection {
    /// What `features`, and the alarm of the event they were measured at, detect.
    pub fn find(
        features: &Features,
        alarm: Option<CusumStep>,
        config: &SignalConfig,
    ) -> impl Iterator<Item = Self> + Clone {
        let moves = [features.micro_move_z_100ms, features.micro_move_z_250ms, features.micro_move_z_1000ms];
        let mut found = [None; DETECTIONS_MAX];
        for ((slot, feature), lag_ms) in found.iter_mut().zip(moves).zip(LAGS_MS) {
            *slot = feature.value.ok().filter(|z| z.abs() >= config.micro_move_z_min).map(|z| Self {
                detector: Detector::MicroMove { lag_ms },
                direction: Direction::of(z),
                value: z.abs(),
                threshold: config.micro_move_z_min,
            });
        }
        found[DETECTIONS_MAX - 1] = alarm.and_then(|step| {
            Some(Self {
                detector: Detector::Cusum,
                direction: step.alarm?,
                value: step.alarm_value(),
                threshold: config.cusum_h,
            })
        });
        found.into_iter().flatten()
    }
}
