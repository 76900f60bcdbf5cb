//! What became of a wall: how much of it was executed, cancelled and put back.

use opus2_types::Qty;
use serde::{Deserialize, Serialize};

use crate::exact::{seconds, to_f64};
use crate::{Absent, Measure, measure::finite};

/// The account of one wall, from its appearance on.
///
/// Each update brings the size shown now and the volume `T` traded there since the update before. What is left without
/// anybody else acting is `base = max(0, size before - T)`: less than that was cancelled, more was put back.
/// `first + refilled - executed - cancelled` is the size now, unless more was traded than was shown.
///
/// It describes a likeness, nobody's intent: a market maker also cancels.
///
/// # Source
/// Methods reference 2.8 (project definition).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct WallEpisode {
    since: i64,
    last: i64,
    size: i64,
    peak: i64,
    executed: i128,
    cancelled: i128,
    cancelled_near: i128,
    refilled: i128,
    /// The newest cancellation happened near.
    was_near: bool,
}

impl WallEpisode {
    /// A wall of `size` appears at `now`.
    #[must_use]
    pub const fn new(now: i64, size: Qty) -> Self {
        let size = if size.0 > 0 { size.0 } else { 0 };
        Self {
            since: now,
            last: now,
            size,
            peak: size,
            executed: 0,
            cancelled: 0,
            cancelled_near: 0,
            refilled: 0,
            was_near: false,
        }
    }

    /// It shows `size` at `now`, after `traded` at its price since the last update. `is_near`: the mid was near it, so
    /// that it might have been executed. Negative quantities count as zero.
    pub fn update(&mut self, now: i64, size: Qty, traded: Qty, is_near: bool) {
        let (size, traded) = (size.0.max(0), traded.0.max(0));
        let base = self.size.saturating_sub(traded).max(0);
        let cancelled = i128::from(base.saturating_sub(size).max(0));
        self.executed = self.executed.saturating_add(traded.into());
        self.cancelled = self.cancelled.saturating_add(cancelled);
        self.refilled = self.refilled.saturating_add(size.saturating_sub(base).max(0).into());
        if cancelled > 0 {
            self.was_near = is_near;
        }
        if is_near {
            self.cancelled_near = self.cancelled_near.saturating_add(cancelled);
        }
        self.set_size(now, size);
    }

    /// `traded` has turned out to explain what had been taken for cancelled. What exceeds that must have been put back.
    pub fn explain(&mut self, traded: Qty) {
        let traded = i128::from(traded.0.max(0));
        let explained = traded.min(self.cancelled);
        self.executed = self.executed.saturating_add(traded);
        self.refilled = self.refilled.saturating_add(traded - explained);
        self.cancelled -= explained;
        if self.was_near {
            self.cancelled_near = (self.cancelled_near - explained).max(0);
        }
        self.cancelled_near = self.cancelled_near.min(self.cancelled);
    }

    /// Data was lost: it shows `size` at `now`, and nobody knows why.
    pub fn rebase(&mut self, now: i64, size: Qty) {
        self.set_size(now, size.0.max(0));
    }

    fn set_size(&mut self, now: i64, size: i64) {
        self.last = self.last.max(now);
        self.size = size;
        self.peak = self.peak.max(size);
    }

    /// When it appeared.
    #[must_use]
    pub const fn since(&self) -> i64 {
        self.since
    }

    /// What it shows now.
    #[must_use]
    pub const fn size(&self) -> Qty {
        Qty(self.size)
    }

    /// The most it has shown.
    #[must_use]
    pub const fn peak(&self) -> Qty {
        Qty(self.peak)
    }

    /// Volume traded at its price, in `Qty` units.
    #[must_use]
    pub const fn executed(&self) -> i128 {
        self.executed
    }

    /// What went without a trade, in `Qty` units.
    #[must_use]
    pub const fn cancelled(&self) -> i128 {
        self.cancelled
    }

    /// What was put back, in `Qty` units.
    #[must_use]
    pub const fn refilled(&self) -> i128 {
        self.refilled
    }

    /// From its appearance to the newest update, s.
    #[must_use]
    pub fn life_secs(&self) -> f64 {
        seconds(self.last.saturating_sub(self.since))
    }

    /// The share of what went that was cancelled, in `[0, 1]`.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] while nothing has gone.
    pub fn pull_ratio(&self) -> Measure {
        ratio(self.cancelled, self.cancelled.saturating_add(self.executed))
    }

    /// What was put back per executed quantity.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] while nothing was executed.
    pub fn refill_ratio(&self) -> Measure {
        ratio(self.refilled, self.executed)
    }

    /// The share of what was cancelled that was cancelled while the mid was near, in `[0, 1]`.
    ///
    /// # Errors
    /// [`Absent::NoEvents`] while nothing was cancelled.
    pub fn near_fraction(&self) -> Measure {
        ratio(self.cancelled_near, self.cancelled)
    }

    /// `pull_ratio * near_fraction * exp(-life / tau)`, in `[0, 1]`; zero when nothing was cancelled.
    #[must_use]
    pub fn spoof_likeness(&self, tau_secs: f64) -> f64 {
        let (Ok(pulled), Ok(near)) = (self.pull_ratio(), self.near_fraction()) else { return 0.0 };
        let likeness = pulled * near * (-self.life_secs() / tau_secs).exp();
        if likeness.is_finite() { likeness.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// True when less than `share` of its peak is left.
    #[must_use]
    pub fn is_below(&self, share: f64) -> bool {
        to_f64(self.size.into()) < share * to_f64(self.peak.into())
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.size >= 0
            && self.peak >= self.size
            && self.executed >= 0
            && self.refilled >= 0
            && (0..=self.cancelled).contains(&self.cancelled_near)
    }
}

fn ratio(part: i128, whole: i128) -> Measure {
    if whole <= 0 { Err(Absent::NoEvents) } else { finite(to_f64(part) / to_f64(whole)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Updates of `[size, traded, is near]`, one a second, to `[executed, cancelled, refilled, peak]`.
    #[track_caller]
    fn check(first: i64, updates: &[[i64; 3]], expect: [i128; 4]) -> WallEpisode {
        let mut episode = WallEpisode::new(0, Qty(first));
        for (at, [size, traded, near]) in (1..).zip(updates) {
            episode.update(at * SECOND, Qty(*size), Qty(*traded), *near > 0);
        }
        let found = [episode.executed, episode.cancelled, episode.refilled, i128::from(episode.peak)];
        assert_eq!(found, expect);
        assert!(episode.is_consistent());
        episode
    }

    #[test]
    fn a_wall_that_is_pulled_counts_as_cancelled() {
        let episode = check(50, &[[50, 0, 0], [0, 0, 1]], [0, 50, 0, 50]);
        assert_eq!((episode.pull_ratio(), episode.near_fraction()), (Ok(1.0), Ok(1.0)));
        assert!((episode.spoof_likeness(30.0) - (-2.0f64 / 30.0).exp()).abs() < 1e-12);
    }

    #[test]
    fn a_wall_that_is_traded_away_counts_as_executed() {
        let episode = check(50, &[[20, 30, 1], [0, 20, 1]], [50, 0, 0, 50]);
        assert_eq!((episode.pull_ratio(), episode.near_fraction()), (Ok(0.0), Err(Absent::NoEvents)));
        assert!(episode.spoof_likeness(30.0) <= 0.0);
    }

    #[test]
    fn what_comes_back_after_a_trade_is_refilled() {
        check(50, &[[50, 30, 0], [60, 0, 0]], [30, 0, 40, 60]);
        // More was traded than was shown.
        check(50, &[[50, 80, 0]], [80, 0, 50, 50]);
    }

    #[test]
    fn a_trade_that_is_told_late_takes_back_a_cancellation() {
        let mut episode = check(50, &[[20, 0, 1]], [0, 30, 0, 50]);
        episode.explain(Qty(10));
        assert_eq!((episode.executed, episode.cancelled, episode.cancelled_near), (10, 20, 20));
        episode.explain(Qty(25));
        assert_eq!((episode.executed, episode.cancelled, episode.refilled), (35, 0, 5));
        assert!(episode.is_consistent());
    }

    #[test]
    fn nothing_is_accounted_across_lost_data() {
        let mut episode = check(50, &[[50, 0, 0]], [0, 0, 0, 50]);
        episode.rebase(5 * SECOND, Qty(5));
        assert_eq!((episode.cancelled, episode.size), (0, 5));
        assert!(episode.is_below(0.2));
        assert_eq!(episode.pull_ratio(), Err(Absent::NoEvents));
    }
}
