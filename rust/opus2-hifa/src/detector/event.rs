//! What the detectors have to report.

use serde::{Deserialize, Deserializer, Serialize};

use super::iceberg::{OrderIceberg, RefillFound};
use super::layering::LayeringFound;
use super::sweep::Sweep;
use super::wall::{WallAppeared, WallEnded};

/// How many events wait to be taken at most. A newer one is then counted and let go.
pub const EVENTS_MAX: usize = 64;

/// Something was detected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum DetectorEvent {
    /// A level has become a wall.
    WallAppeared(WallAppeared),
    /// A wall has ended; its account is closed.
    WallEnded(WallEnded),
    /// Levels were laid on one side and taken away while the other side traded.
    Layering(LayeringFound),
    /// A run of trades through several prices has ended.
    Sweep(Sweep),
    /// A level is refilled as an iceberg would be: an upper bound.
    Refill(RefillFound),
    /// An order has executed more than it showed, or has shown again after a fill: exact. Told of at every such time.
    Iceberg(OrderIceberg),
}

impl DetectorEvent {
    /// False for a loaded event that nothing can have led to.
    pub(crate) fn is_consistent(&self) -> bool {
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        match self {
            Self::WallAppeared(wall) => {
                [wall.z, wall.dist_bps, wall.depth_share].into_iter().all(f64::is_finite)
            }
            Self::WallEnded(wall) => wall.episode.is_consistent() && is_share(wall.spoof_likeness),
            Self::Layering(found) => {
                [found.pull_ratio, found.opposite_share, found.score].into_iter().all(is_share)
            }
            Self::Sweep(sweep) => sweep.volume > 0 && sweep.levels > 0,
            Self::Refill(found) => found.peak_cv.is_finite() && found.refill_share.is_finite(),
            Self::Iceberg(found) => found.peak >= 0 && found.executed > 0 && found.refills > 0,
        }
    }
}

/// Events that wait to be taken, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct EventQueue {
    waiting: Vec<DetectorEvent>,
    dropped: u64,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self { waiting: Vec::with_capacity(EVENTS_MAX), dropped: 0 }
    }
}

impl EventQueue {
    pub(crate) fn push(&mut self, event: DetectorEvent) {
        if self.waiting.len() < EVENTS_MAX {
            self.waiting.push(event);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = DetectorEvent> {
        self.waiting.drain(..)
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.waiting.iter().all(DetectorEvent::is_consistent)
    }

    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl<'de> Deserialize<'de> for EventQueue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Saved {
            waiting: Vec<DetectorEvent>,
            dropped: u64,
        }
        let saved = Saved::deserialize(deserializer)?;
        if saved.waiting.len() > EVENTS_MAX {
            return Err(serde::de::Error::custom("more events than may wait"));
        }
        let mut queue = Self { dropped: saved.dropped, ..Self::default() };
        queue.waiting.extend(saved.waiting);
        Ok(queue)
    }
}
