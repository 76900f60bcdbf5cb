//! When one instrument's book is subscribed to, left, and subscribed to again.

use opus2_types::UnixNanos;

/// The pause before the first resubscription after a loss; each further one in a row waits twice as long.
pub const RESUBSCRIBE_NANOS: i64 = 500_000_000;
/// The longest pause.
pub const RESUBSCRIBE_NANOS_MAX: i64 = 8_000_000_000;
/// How many resubscriptions in a row may fail before the instrument is quarantined.
pub const RESUBSCRIBES_MAX: u32 = 3;
/// How long a quarantined instrument waits for its next chance.
pub const QUARANTINE_NANOS: i64 = 3_600_000_000_000;
/// A book that was in step for so long had recovered: its next loss is a first one.
pub const HEALTHY_NANOS: i64 = 30_000_000_000;
/// How long a snapshot may take after its subscription was sent: the venue is slow with hundreds at a time.
pub const SNAPSHOT_NANOS_MAX: i64 = 30_000_000_000;
/// How long the venue may take to acknowledge the end of a subscription.
pub const LEAVE_NANOS_MAX: i64 = 5_000_000_000;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Send the end of the subscription; then call [`Plan::sent_unsubscribe`].
    Unsubscribe,
    /// Send the subscription; then call [`Plan::sent_subscribe`].
    Subscribe,
    /// No snapshot came: the book is lost. Call [`Plan::lost`].
    GiveUp,
}

/// What became of a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It will be mended by a resubscription.
    Planned,
    /// It was one too many: nothing happens for [`QUARANTINE_NANOS`].
    Quarantined,
    /// A resubscription is under way already.
    Known,
}

/// The place of one instrument between subscriptions.
///
/// A resubscription ends the old one first, because the venue refuses a second subscription and would send no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    stage: Stage,
    /// Losses in a row.
    losses: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Never subscribed, or a request is in the queue.
    Queued,
    /// Subscribed; the snapshot has not come.
    Asked { at: UnixNanos },
    /// The snapshot has come.
    On { since: UnixNanos },
    /// To be left and subscribed again.
    Pausing { until: UnixNanos },
    /// The end of the subscription was sent.
    Leaving { at: UnixNanos },
}

impl Default for Plan {
    fn default() -> Self {
        Self { stage: Stage::Queued, losses: 0 }
    }
}

impl Plan {
    pub(crate) fn sent_subscribe(&mut self, now: UnixNanos) {
        self.stage = Stage::Asked { at: now };
    }

    pub(crate) fn sent_unsubscribe(&mut self, now: UnixNanos) {
        self.stage = Stage::Leaving { at: now };
    }

    /// A good snapshot came.
    pub(crate) fn arrived(&mut self, now: UnixNanos) {
        self.stage = Stage::On { since: now };
    }

    /// The end of the subscription is acknowledged, or refused because there was none: true when a subscription is to
    /// follow.
    pub(crate) fn left(&mut self) -> bool {
        let was_leaving = matches!(self.stage, Stage::Leaving { .. });
        if was_leaving {
            self.stage = Stage::Queued;
        }
        was_leaving
    }

    /// Subscribe again without anything being wrong. False when that is about to happen anyway.
    pub(crate) fn refresh(&mut self, now: UnixNanos) -> bool {
        let can_refresh = matches!(self.stage, Stage::Asked { .. } | Stage::On { .. });
        if can_refresh {
            self.stage = Stage::Pausing { until: now };
        }
        can_refresh
    }

    /// True when a snapshot has come and nothing is under way.
    pub(crate) const fn is_on(&self) -> bool {
        matches!(self.stage, Stage::On { .. })
    }

    /// The book is lost, the snapshot was of no use, or the venue refused the subscription.
    pub(crate) fn lost(&mut self, now: UnixNanos) -> Loss {
        match self.stage {
            Stage::Queued | Stage::Pausing { .. } | Stage::Leaving { .. } => return Loss::Known,
            Stage::On { since } if now.since(since) >= HEALTHY_NANOS => self.losses = 0,
            Stage::On { .. } | Stage::Asked { .. } => {}
        }
        self.losses += 1;
        if self.losses > RESUBSCRIBES_MAX {
            // One chance an hour: the next failure leads here again.
            self.losses = RESUBSCRIBES_MAX;
            self.stage = Stage::Pausing { until: now.plus(QUARANTINE_NANOS) };
            return Loss::Quarantined;
        }
        let pause = (RESUBSCRIBE_NANOS << (self.losses - 1)).min(RESUBSCRIBE_NANOS_MAX);
        self.stage = Stage::Pausing { until: now.plus(pause) };
        Loss::Planned
    }

    /// What time alone makes due.
    pub(crate) fn poll(&mut self, now: UnixNanos) -> Option<Step> {
        match self.stage {
            Stage::Pausing { until } if now >= until => {
                self.stage = Stage::Queued;
                Some(Step::Unsubscribe)
            }
            // Nobody answers: perhaps there was no subscription. The new one will tell.
            Stage::Leaving { at } if now.since(at) >= LEAVE_NANOS_MAX => {
                self.stage = Stage::Queued;
                Some(Step::Subscribe)
            }
            Stage::Asked { at } if now.since(at) >= SNAPSHOT_NANOS_MAX => Some(Step::GiveUp),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: i64 = 1_000_000_000;

    /// Plays a book whose snapshots come at once and that is lost again `good_secs` later, `times` times: the pauses
    /// before each resubscription, in milliseconds.
    fn pauses(good_secs: i64, times: usize) -> Vec<i64> {
        let mut plan = Plan::default();
        let mut now = UnixNanos(0);
        let mut pauses = Vec::new();
        for _ in 0..times {
            plan.sent_subscribe(now);
            plan.arrived(now);
            now = now.plus(good_secs * SEC);
            assert_eq!(plan.lost(now), Loss::Planned);
            assert_eq!(plan.lost(now), Loss::Known);
            let lost_at = now;
            while plan.poll(now).is_none() {
                now = now.plus(50_000_000);
            }
            pauses.push(now.since(lost_at) / 1_000_000);
            plan.sent_unsubscribe(now);
            assert!(plan.left());
        }
        pauses
    }

    #[test]
    fn losses_in_a_row_wait_longer_each_time() {
        assert_eq!(pauses(29, 3), [500, 1000, 2000]);
    }

    #[test]
    fn a_loss_after_a_good_time_is_a_first_one() {
        assert_eq!(pauses(31, 5), [500; 5]);
    }

    #[test]
    fn the_fourth_loss_in_a_row_is_quarantined_and_so_is_each_after_it() {
        use Loss::{Planned, Quarantined};

        let mut plan = Plan::default();
        let mut now = UnixNanos(0);
        let mut losses = Vec::new();
        for _ in 0..6 {
            plan.sent_subscribe(now);
            losses.push(plan.lost(now));
            now = now.plus(QUARANTINE_NANOS);
            assert_eq!(plan.poll(now), Some(Step::Unsubscribe));
        }
        assert_eq!(losses, [Planned, Planned, Planned, Quarantined, Quarantined, Quarantined]);
    }

    #[test]
    fn silence_of_the_venue_ends_every_wait() {
        let mut plan = Plan::default();
        plan.sent_subscribe(UnixNanos(0));
        assert_eq!(plan.poll(UnixNanos(SNAPSHOT_NANOS_MAX - 1)), None);
        assert_eq!(plan.poll(UnixNanos(SNAPSHOT_NANOS_MAX)), Some(Step::GiveUp));
        plan.sent_unsubscribe(UnixNanos(0));
        assert_eq!(plan.poll(UnixNanos(LEAVE_NANOS_MAX - 1)), None);
        assert_eq!(plan.poll(UnixNanos(LEAVE_NANOS_MAX)), Some(Step::Subscribe));
        assert!(!plan.left(), "an acknowledgement that comes too late changes nothing");
    }
}
