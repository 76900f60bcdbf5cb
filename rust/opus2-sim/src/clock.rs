//! The only place that reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};

use opus2_types::UnixNanos;
use tokio::time::{Duration, Instant};

use crate::market::SimTime;

/// The wall clock, kept from going back: a venue's event times never do.
#[derive(Debug, Default)]
pub(crate) struct WallClock {
    latest: UnixNanos,
    /// It shows what it was last set to, not what the machine's clock shows.
    is_set_by_hand: bool,
}

impl WallClock {
    /// The present, or the latest reading when the machine's clock was set back.
    pub(crate) fn now(&mut self) -> UnixNanos {
        if !self.is_set_by_hand {
            self.latest = self.latest.max(wall_now());
        }
        self.latest
    }

    /// From now on the clock shows what it is set to; it does not go back.
    pub(crate) fn set(&mut self, now: UnixNanos) {
        self.is_set_by_hand = true;
        self.latest = self.latest.max(now);
    }
}

/// The machine's wall clock.
#[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
pub(crate) fn wall_now() -> UnixNanos {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

/// Maps the monotonic clock to simulated time. Can be stopped and started.
#[derive(Debug)]
pub(crate) struct SimClock {
    base: Instant,
    base_time: SimTime,
    is_running: bool,
}

impl SimClock {
    /// A running clock that shows zero now.
    pub(crate) fn start() -> Self {
        Self { base: Instant::now(), base_time: SimTime(0), is_running: true }
    }

    /// Simulated time now.
    pub(crate) fn now(&self) -> SimTime {
        if !self.is_running {
            return self.base_time;
        }
        self.base_time.plus(u64::try_from(self.base.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// When the clock will show `time`; `None` while it stands still.
    pub(crate) fn instant_of(&self, time: SimTime) -> Option<Instant> {
        self.is_running.then(|| self.base + Duration::from_nanos(time.since(self.base_time).min(FAR_NANOS)))
    }

    /// Stops or starts the clock, or sets a running one to `time`.
    pub(crate) fn set(&mut self, time: SimTime, is_running: bool) {
        *self = Self { base: Instant::now(), base_time: time, is_running };
    }

    pub(crate) const fn is_running(&self) -> bool {
        self.is_running
    }
}

/// A day: nothing is scheduled further ahead than the engine looks.
const FAR_NANOS: u64 = 86_400 * SimTime::SECOND;
