//! When to connect again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long connections to one venue may follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffSettings {
    /// The first retry comes within this time.
    pub min: Duration,
    /// No retry is put off longer than this.
    pub max: Duration,
    /// Only after so much healthy data does the count of failures start again: connect-then-close loops would
    /// otherwise burn the venue's quota of connections.
    pub healthy_min: Duration,
}

/// One connection's failures in a row.
#[derive(Debug)]
pub struct Backoff {
    settings: BackoffSettings,
    failures: u32,
}

impl Backoff {
    /// No failures yet.
    #[must_use]
    pub const fn new(settings: BackoffSettings) -> Self {
        Self { settings, failures: 0 }
    }

    /// A connection has ended after `healthy` of data. How long to wait before the next: "full jitter", a random time
    /// up to a limit that doubles with every failure in a row. `random` is uniform in `0..1`.
    ///
    /// With `at_once` (the venue asked for it, or the connection had reached its age) a connection that had been healthy
    /// is replaced without waiting.
    pub fn after(&mut self, healthy: Duration, at_once: bool, random: f64) -> Duration {
        let was_healthy = healthy >= self.settings.healthy_min;
        if was_healthy {
            self.failures = 0;
        }
        let limit = self.settings.min.saturating_mul(1 << self.failures.min(16)).min(self.settings.max);
        self.failures = self.failures.saturating_add(1);
        if at_once && was_healthy { Duration::ZERO } else { limit.mul_f64(random.clamp(0.0, 1.0)) }
    }
}

/// The venue's quota of connection attempts from one address, shared by all connections of the process.
#[derive(Debug)]
pub struct AttemptQuota {
    attempts_max: usize,
    window: Duration,
    attempts: VecDeque<Instant>,
}

impl AttemptQuota {
    /// At most `attempts_max` in any `window`.
    #[must_use]
    pub fn new(attempts_max: usize, window: Duration) -> Self {
        Self { attempts_max: attempts_max.max(1), window, attempts: VecDeque::with_capacity(attempts_max) }
    }

    /// Takes one attempt, or says how long to wait until there may be one.
    ///
    /// # Errors
    /// The time to wait, when the quota is used up.
    pub fn take(&mut self, now: Instant) -> Result<(), Duration> {
        while self.attempts.front().is_some_and(|oldest| now.duration_since(*oldest) >= self.window) {
            self.attempts.pop_front();
        }
        match self.attempts.front() {
            Some(oldest) if self.attempts.len() >= self.attempts_max => {
                Err(self.window.saturating_sub(now.duration_since(*oldest)))
            }
            _ => {
                self.attempts.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BackoffSettings = BackoffSettings {
        min: Duration::from_millis(250),
        max: Duration::from_secs(30),
        healthy_min: Duration::from_secs(30),
    };

    #[test]
    fn the_limit_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(SETTINGS);
        let delays: Vec<u128> =
            (0..9).map(|_| backoff.after(Duration::ZERO, false, 1.0).as_millis()).collect();
        assert_eq!(delays, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    }

    #[test]
    fn only_healthy_data_resets_the_count() {
        let mut backoff = Backoff::new(SETTINGS);
        for _ in 0..5 {
            backoff.after(Duration::from_secs(29), false, 1.0);
        }
        assert_eq!(backoff.after(Duration::from_secs(29), false, 1.0).as_millis(), 8000);
        assert_eq!(backoff.after(Duration::from_secs(30), false, 1.0).as_millis(), 250);
    }

    #[test]
    fn at_once_is_for_connections_that_were_healthy() {
        let mut backoff = Backoff::new(SETTINGS);
        assert_eq!(backoff.after(Duration::from_secs(60), true, 1.0), Duration::ZERO);
        assert_ne!(backoff.after(Duration::from_secs(1), true, 1.0), Duration::ZERO);
    }

    #[test]
    fn jitter_is_full() {
        let mut backoff = Backoff::new(SETTINGS);
        assert_eq!(backoff.after(Duration::ZERO, false, 0.0), Duration::ZERO);
    }

    #[test]
    fn the_quota_holds_in_every_window() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut quota = AttemptQuota::new(2, Duration::from_secs(300));
        assert_eq!(quota.take(at(0)), Ok(()));
        assert_eq!(quota.take(at(10)), Ok(()));
        assert_eq!(quota.take(at(20)), Err(Duration::from_secs(280)));
        assert_eq!(quota.take(at(300)), Ok(()));
        assert_eq!(quota.take(at(300)), Err(Duration::from_secs(10)));
    }
}
