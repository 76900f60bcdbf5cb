//! The clocks: the only file that reads them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use opus2_types::UnixNanos;

/// The moment a message was read from its socket, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Wall clock, guarded against going back. What records carry.
    pub recv_ts: UnixNanos,
    /// Monotonic clock. For measuring how long something took.
    pub instant: Instant,
}

/// The wall clock with a guard: within one process it never goes back.
///
/// When the operating system steps its clock back, the last time given is held until the clock has caught up, and each
/// reading held is counted. Times are then equal, never reversed; `recv_ts` orders an instrument's records.
#[derive(Debug, Default)]
pub struct Clock {
    last: AtomicI64,
    held: AtomicU64,
}

impl Clock {
    /// A clock that has not been read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Stamp {
        // In this order: what was given out before the clock was read can only be later if the clock went back. The
        // other way round, another thread may have been faster.
        let last = self.last.load(Ordering::Acquire);
        Stamp { recv_ts: self.guard(last, wall()), instant: Instant::now() }
    }

    /// How many readings were held, because the wall clock had gone back, since this was last asked.
    pub fn take_held_count(&self) -> u64 {
        self.held.swap(0, Ordering::Relaxed)
    }

    fn guard(&self, last: i64, wall: UnixNanos) -> UnixNanos {
        if last > wall.0 {
            self.held.fetch_add(1, Ordering::Relaxed);
        }
        UnixNanos(self.last.fetch_max(wall.0, Ordering::AcqRel).max(wall.0))
    }
}

/// Before 1970 and after 2262 the clock is set wrongly; the nearest time there is stands for it.
#[expect(clippy::disallowed_methods, reason = "this is clock.rs")]
fn wall() -> UnixNanos {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_is_held_and_counted() {
        let clock = Clock::new();
        let guarded = [10, 11, 5, 10, 12]
            .map(|wall| clock.guard(clock.last.load(Ordering::Acquire), UnixNanos(wall)).0);
        assert_eq!(guarded, [10, 11, 11, 11, 12]);
        assert_eq!(clock.take_held_count(), 2);
        assert_eq!(clock.take_held_count(), 0);
    }

    #[test]
    fn now_is_this_century() {
        assert!(Clock::new().now().recv_ts.as_millis() > 1_700_000_000_000);
    }
}
