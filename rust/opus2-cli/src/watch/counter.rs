//! A counter somebody else keeps, followed from outside: how much it grew, and how fast.

use std::collections::VecDeque;
use std::time::Duration;

/// How far back a rate looks.
const RATE_WINDOW: Duration = Duration::from_secs(5);
/// Changes kept for the rate: more than a source polled every second can bring in the window.
const CHANGES_LIMIT: usize = 16;
/// Rates kept for the picture, one per [`Counter::tick`].
const HISTORY_LIMIT: usize = 120;

/// Where the count of a counter that is seen for the first time begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Baseline {
    /// The counter's owner was there before us: only what comes from now on counts.
    FirstSeen,
    /// Its owner began after us: everything counts.
    Zero,
}

/// Growth and rate of one increasing number that is read now and then.
///
/// A value below the one before means that the owner started again from zero. Some sources (Flink) renew their numbers
/// only every few seconds, so the rate is taken between *changes*; it is zero once `stale_after` passes without one.
#[derive(Debug)]
pub(super) struct Counter {
    stale_after: Duration,
    last: Option<u64>,
    /// Growth since the baseline, and how much of it was before the last restart.
    grown: u64,
    restarted_at: u64,
    /// When the growth was seen to change, oldest first; the first entry is the first sight.
    changes: VecDeque<(Duration, u64)>,
    history: VecDeque<u64>,
}

impl Counter {
    pub(super) fn new(stale_after: Duration) -> Self {
        Self {
            stale_after,
            last: None,
            grown: 0,
            restarted_at: 0,
            changes: VecDeque::new(),
            history: VecDeque::new(),
        }
    }

    /// Takes a reading of the counter at `at`, a time since the monitor began.
    pub(super) fn observe(&mut self, at: Duration, value: u64, baseline: Baseline) {
        let grown = match (self.last, baseline) {
            (None, Baseline::FirstSeen) => 0,
            (Some(last), _) if value >= last => value - last,
            (None, Baseline::Zero) | (Some(_), _) => value,
        };
        let is_first = self.last.is_none();
        self.last = Some(value);
        self.grown = self.grown.saturating_add(grown);
        if is_first || grown > 0 {
            if self.changes.len() == CHANGES_LIMIT {
                self.changes.pop_front();
            }
            self.changes.push_back((at, self.grown));
        }
    }

    /// The owner is another one from now on, which counts from zero again.
    pub(super) fn owner_changed(&mut self) {
        if self.last.is_some() {
            self.last = Some(0);
        }
    }

    /// Counts from zero again. The rate goes on.
    pub(super) fn restart(&mut self) {
        self.restarted_at = self.grown;
    }

    /// What was counted since the baseline or the last restart; `None` before the first reading.
    pub(super) fn count(&self) -> Option<u64> {
        self.last.map(|_| self.grown - self.restarted_at)
    }

    /// Counts per second at `now`; `None` before the first reading.
    pub(super) fn rate(&self, now: Duration) -> Option<f64> {
        let &(latest_at, latest) = self.changes.back()?;
        if now.saturating_sub(latest_at) > self.stale_after {
            return Some(0.0);
        }
        // The oldest change inside the window, or the one before the latest when the window holds no other.
        let before = self.changes.iter().rev().skip(1);
        let &(then_at, then) = before
            .clone()
            .take_while(|(at, _)| latest_at.saturating_sub(*at) <= RATE_WINDOW)
            .last()
            .or_else(|| before.clone().next())?;
        let seconds = latest_at.saturating_sub(then_at).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for display; counts stay far below 2^52")]
        let grown = latest.saturating_sub(then) as f64;
        (seconds > 0.0).then(|| grown / seconds)
    }

    /// Notes the present rate for the picture; called once a second.
    pub(super) fn tick(&mut self, now: Duration) {
        if self.history.len() == HISTORY_LIMIT {
            self.history.pop_front();
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is finite and positive"
        )]
        self.history.push_back(self.rate(now).unwrap_or(0.0).round() as u64);
    }

    /// Rates, one a second, oldest first.
    pub(super) fn history(&self) -> Vec<u64> {
        self.history.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(baseline: Baseline, readings: &[(u64, u64)], now_s: u64, expect: &str) {
        let mut counter = Counter::new(Duration::from_secs(12));
        for &(at, value) in readings {
            counter.observe(Duration::from_secs(at), value, baseline);
        }
        let now = Duration::from_secs(now_s);
        assert_eq!(format!("{:?} {:?}", counter.count(), counter.rate(now)), expect, "{readings:?}");
    }

    #[test]
    fn nothing_is_known_before_the_first_reading_and_no_rate_after_it() {
        check(Baseline::FirstSeen, &[], 5, "None None");
        check(Baseline::FirstSeen, &[(1, 700)], 1, "Some(0) None");
        check(Baseline::Zero, &[(1, 700)], 1, "Some(700) None");
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let readings: Vec<_> =
            (0..20).map(|s| (s, if s < 10 { s * 1000 } else { 9000 + (s - 9) * 10 })).collect();
        check(Baseline::FirstSeen, &readings, 19, "Some(9100) Some(10.0)");
    }

    #[test]
    fn a_source_that_renews_its_number_every_ten_seconds_has_a_steady_rate() {
        let readings: Vec<_> = (0..=25).map(|s| (s, s / 10 * 1000)).collect();
        check(Baseline::FirstSeen, &readings, 25, "Some(2000) Some(100.0)");
        check(Baseline::FirstSeen, &readings, 33, "Some(2000) Some(0.0)");
    }

    #[test]
    fn a_restarted_owner_goes_on_from_zero() {
        check(Baseline::FirstSeen, &[(0, 500), (1, 600), (2, 40)], 2, "Some(140) Some(70.0)");
    }

    #[test]
    fn a_new_owner_counts_from_zero_even_when_it_is_ahead_of_the_old_one() {
        let mut counter = Counter::new(Duration::from_secs(12));
        counter.observe(Duration::ZERO, 100, Baseline::Zero);
        counter.owner_changed();
        counter.observe(Duration::from_secs(1), 150, Baseline::Zero);
        assert_eq!(counter.count(), Some(250));
    }

    #[test]
    fn a_restart_begins_the_count_anew_and_leaves_the_rate_alone() {
        let mut counter = Counter::new(Duration::from_secs(12));
        counter.observe(Duration::ZERO, 100, Baseline::Zero);
        counter.observe(Duration::from_secs(1), 150, Baseline::Zero);
        counter.restart();
        counter.observe(Duration::from_secs(2), 170, Baseline::Zero);
        assert_eq!(counter.count(), Some(20));
        assert_eq!(counter.rate(Duration::from_secs(2)), Some(35.0));
    }
}
