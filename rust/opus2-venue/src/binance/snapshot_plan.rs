//! When to ask for an instrument's snapshot.

use opus2_types::UnixNanos;

use crate::session::SnapshotPurpose;

/// The pause before the second try. Doubles with every further one.
const RETRY_NANOS_MIN: i64 = 250_000_000;
/// No pause between tries is longer.
const RETRY_NANOS_MAX: i64 = 3_000_000_000;
/// After so many tries in a row the instrument is parked.
const TRIES_MAX: u32 = 5;
/// How long an instrument is parked before its tries begin anew.
const PARK_NANOS: i64 = 60_000_000_000;
/// How long to wait for the first delta of a quiet instrument. A snapshot from before its stream is open is useless.
const FIRST_DELTA_NANOS_MAX: i64 = 2_000_000_000;
/// Only a book that was good for so long starts its tries anew: one that is lost every few seconds must not cost a
/// snapshot every few seconds.
const GOOD_NANOS_MIN: i64 = 30_000_000_000;

/// One instrument's snapshots on one connection: whether to ask, when, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SnapshotPlan {
    phase: Phase,
    tries: u32,
    /// The stream's first delta has come.
    has_begun: bool,
    /// The book has been good before.
    was_good: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    /// No one has looked yet, or an answer has just come.
    #[default]
    Open,
    /// The book has been good since then.
    Good { since: UnixNanos },
    /// Ask then.
    Due { at: UnixNanos },
    /// An answer is awaited.
    Asked,
}

impl SnapshotPlan {
    /// A delta of the instrument has come: its stream is open.
    pub(super) fn stream_has_begun(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true)
            && let Phase::Due { at } = &mut self.phase
            && self.tries == 0
        {
            *at = UnixNanos::MIN;
        }
    }

    /// The answer to a request has come, of whatever kind.
    pub(super) fn answered(&mut self) {
        if self.phase == Phase::Asked {
            self.phase = Phase::Open;
        }
    }

    /// Says whether to ask now.
    pub(super) fn poll(&mut self, now: UnixNanos, is_wanted: bool) -> Option<SnapshotPurpose> {
        match self.phase {
            Phase::Asked => return None,
            Phase::Good { .. } if !is_wanted => return None,
            Phase::Open | Phase::Due { .. } if !is_wanted => {
                self.was_good = true;
                self.phase = Phase::Good { since: now };
                return None;
            }
            Phase::Good { since } => {
                if now.since(since) >= GOOD_NANOS_MIN {
                    self.tries = 0;
                }
                self.phase = Phase::Due { at: now.plus(self.pause_nanos()) };
            }
            Phase::Open => self.phase = Phase::Due { at: now.plus(self.pause_nanos()) },
            Phase::Due { .. } => {}
        }
        match self.phase {
            Phase::Due { at } if at <= now => {
                // The five tries after a park begin with a fresh count.
                self.tries = if self.tries >= TRIES_MAX { 1 } else { self.tries + 1 };
                self.phase = Phase::Asked;
                Some(if self.was_good { SnapshotPurpose::Resync } else { SnapshotPurpose::Start })
            }
            _ => None,
        }
    }

    fn pause_nanos(&self) -> i64 {
        match self.tries {
            0 if self.has_begun => 0,
            0 => FIRST_DELTA_NANOS_MAX,
            tries if tries >= TRIES_MAX => PARK_NANOS,
            tries => (RETRY_NANOS_MIN << (tries - 1)).min(RETRY_NANOS_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Polls every 10 ms until `until_ms`, answering every request at once in vain; gives the times of the requests.
    fn asked_ms(plan: &mut SnapshotPlan, from_ms: i64, until_ms: i64) -> Vec<i64> {
        let mut asked = Vec::new();
        for ms in (from_ms..until_ms).step_by(10) {
            if plan.poll(UnixNanos(ms * MS), true).is_some() {
                asked.push(ms);
                plan.answered();
            }
        }
        asked
    }

    #[test]
    fn five_tries_with_doubling_pauses_then_a_minute() {
        let mut plan = SnapshotPlan::default();
        plan.stream_has_begun();
        assert_eq!(asked_ms(&mut plan, 0, 64_500), [0, 260, 770, 1780, 3790, 63_800, 64_060]);
    }

    #[test]
    fn the_first_delta_is_awaited_but_not_for_ever() {
        let mut plan = SnapshotPlan::default();
        assert_eq!(plan.poll(UnixNanos(0), true), None);
        plan.stream_has_begun();
        assert_eq!(plan.poll(UnixNanos(5 * MS), true), Some(SnapshotPurpose::Start));
        assert_eq!(asked_ms(&mut SnapshotPlan::default(), 0, 2100), [2000]);
    }

    #[test]
    fn nothing_is_asked_twice() {
        let mut plan = SnapshotPlan::default();
        plan.stream_has_begun();
        assert_eq!(plan.poll(UnixNanos(0), true), Some(SnapshotPurpose::Start));
        assert_eq!(plan.poll(UnixNanos(i64::MAX), true), None);
    }

    #[test]
    fn a_book_lost_soon_after_waits_and_one_lost_late_does_not() {
        for (good_secs, expect_ms) in [(29, 29_250), (31, 31_000)] {
            let mut plan = SnapshotPlan::default();
            plan.stream_has_begun();
            assert!(plan.poll(UnixNanos(0), true).is_some());
            plan.answered();
            assert_eq!(plan.poll(UnixNanos(0), false), None);
            let lost_ms = good_secs * 1000;
            let asked = (lost_ms..lost_ms + 5000).find(|ms| plan.poll(UnixNanos(ms * MS), true).is_some());
            assert_eq!(asked, Some(expect_ms));
        }
    }
}
