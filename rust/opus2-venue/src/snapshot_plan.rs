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
/// How long a book has been good before it is made deeper, and the pause after a try in vain.
const DEEPEN_NANOS_MIN: i64 = 2_000_000_000;
/// After so many tries in vain the book stays as deep as it is until it is lost.
const DEEPEN_TRIES_MAX: u32 = 5;

/// One instrument's snapshots on one connection: whether to ask, when, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SnapshotPlan {
    phase: Phase,
    tries: u32,
    /// The stream's first delta has come.
    has_begun: bool,
    /// The book has been good before.
    was_good: bool,
    is_deepened: bool,
    deep: Deep,
}

/// The second, larger snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deep {
    /// To be asked for once the book has been good for a while since then, after so many tries in vain.
    Due { since: UnixNanos, tries: u32 },
    /// An answer is awaited.
    Asked { tries: u32 },
    /// The book is deep enough, or cannot be made so.
    Done,
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
    /// `is_deepened`: whether first snapshots are smaller than a book shall be.
    pub(crate) const fn new(is_deepened: bool) -> Self {
        let deep = if is_deepened { Deep::Due { since: UnixNanos(i64::MAX), tries: 0 } } else { Deep::Done };
        Self { phase: Phase::Open, tries: 0, has_begun: false, was_good: false, is_deepened, deep }
    }

    /// A delta of the instrument has come: its stream is open.
    pub(crate) fn stream_has_begun(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true)
            && let Phase::Due { at } = &mut self.phase
            && self.tries == 0
        {
            *at = UnixNanos::MIN;
        }
    }

    /// The answer to a request has come, of whatever kind. While two are awaited, the first that comes is taken for the
    /// one that is needed more; at worst something is asked for once more than necessary.
    pub(crate) fn answered(&mut self, now: UnixNanos) {
        if self.phase == Phase::Asked {
            self.phase = Phase::Open;
        } else if let Deep::Asked { tries } = self.deep {
            self.deep = Deep::Due { since: now, tries: tries + 1 };
        }
    }

    /// A snapshot was loaded into a book that was in step: it is as deep as it will be.
    pub(crate) fn deepened(&mut self) {
        self.deep = Deep::Done;
    }

    fn poll_deep(&mut self, now: UnixNanos) -> Option<SnapshotPurpose> {
        let Deep::Due { since, tries } = self.deep else { return None };
        if tries >= DEEPEN_TRIES_MAX || now.since(since) < DEEPEN_NANOS_MIN << tries {
            return None;
        }
        self.deep = Deep::Asked { tries };
        Some(SnapshotPurpose::Deepen)
    }

    /// Says whether to ask now.
    pub(crate) fn poll(&mut self, now: UnixNanos, is_wanted: bool) -> Option<SnapshotPurpose> {
        match self.phase {
            Phase::Asked => return None,
            Phase::Good { .. } if !is_wanted => return self.poll_deep(now),
            Phase::Open | Phase::Due { .. } if !is_wanted => {
                self.was_good = true;
                self.phase = Phase::Good { since: now };
                // It comes from a small snapshot, whatever it was before.
                match &mut self.deep {
                    Deep::Due { since, .. } => *since = now,
                    Deep::Done if self.is_deepened => self.deep = Deep::Due { since: now, tries: 0 },
                    Deep::Asked { .. } | Deep::Done => {}
                }
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
                plan.answered(UnixNanos(0));
            }
        }
        asked
    }

    #[test]
    fn five_tries_with_doubling_pauses_then_a_minute() {
        let mut plan = SnapshotPlan::new(false);
        plan.stream_has_begun();
        assert_eq!(asked_ms(&mut plan, 0, 64_500), [0, 260, 770, 1780, 3790, 63_800, 64_060]);
    }

    #[test]
    fn the_first_delta_is_awaited_but_not_for_ever() {
        let mut plan = SnapshotPlan::new(false);
        assert_eq!(plan.poll(UnixNanos(0), true), None);
        plan.stream_has_begun();
        assert_eq!(plan.poll(UnixNanos(5 * MS), true), Some(SnapshotPurpose::Start));
        assert_eq!(asked_ms(&mut SnapshotPlan::new(false), 0, 2100), [2000]);
    }

    /// Polls a good book every 10 ms, answering in vain; gives the times of the requests.
    fn deepened_ms(plan: &mut SnapshotPlan, until_ms: i64) -> Vec<i64> {
        let mut asked = Vec::new();
        for ms in (0..until_ms).step_by(10) {
            if plan.poll(UnixNanos(ms * MS), false) == Some(SnapshotPurpose::Deepen) {
                asked.push(ms);
                plan.answered(UnixNanos(ms * MS));
            }
        }
        asked
    }

    #[test]
    fn a_good_book_is_deepened_with_a_bounded_number_of_tries() {
        assert_eq!(deepened_ms(&mut SnapshotPlan::new(false), 100_000), [0; 0]);
        let mut plan = SnapshotPlan::new(true);
        assert_eq!(deepened_ms(&mut plan, 100_000), [2000, 6000, 14_000, 30_000, 62_000]);
        let mut plan = SnapshotPlan::new(true);
        assert_eq!(plan.poll(UnixNanos(0), false), None);
        assert_eq!(plan.poll(UnixNanos(2000 * MS), false), Some(SnapshotPurpose::Deepen));
        plan.answered(UnixNanos(2100 * MS));
        plan.deepened();
        assert_eq!(plan.poll(UnixNanos(i64::MAX), false), None);
    }

    #[test]
    fn a_book_lost_while_it_is_deepened_does_not_wait_for_the_answer() {
        let mut plan = SnapshotPlan::new(true);
        plan.stream_has_begun();
        assert_eq!(plan.poll(UnixNanos(0), false), None);
        assert_eq!(plan.poll(UnixNanos(2000 * MS), false), Some(SnapshotPurpose::Deepen));
        assert_eq!(plan.poll(UnixNanos(2010 * MS), true), Some(SnapshotPurpose::Resync));
    }

    #[test]
    fn nothing_is_asked_twice() {
        let mut plan = SnapshotPlan::new(false);
        plan.stream_has_begun();
        assert_eq!(plan.poll(UnixNanos(0), true), Some(SnapshotPurpose::Start));
        assert_eq!(plan.poll(UnixNanos(i64::MAX), true), None);
    }

    #[test]
    fn a_book_lost_soon_after_waits_and_one_lost_late_does_not() {
        for (good_secs, expect_ms) in [(29, 29_250), (31, 31_000)] {
            let mut plan = SnapshotPlan::new(false);
            plan.stream_has_begun();
            assert!(plan.poll(UnixNanos(0), true).is_some());
            plan.answered(UnixNanos(0));
            assert_eq!(plan.poll(UnixNanos(0), false), None);
            let lost_ms = good_secs * 1000;
            let asked = (lost_ms..lost_ms + 5000).find(|ms| plan.poll(UnixNanos(ms * MS), true).is_some());
            assert_eq!(asked, Some(expect_ms));
        }
    }
}
