//! What `normalize` counts.

use opus2_types::Venue;
use opus2_venue::{FeedCounts, Reject};

use super::quality::{FenceStep, REASONS, Reason, Verdict};
use crate::Counters;

/// Counted beside the reasons of [`Reject::NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Records,
    Books,
    Trades,
    Quotes,
    Statuses,
    RepeatedRecords,
    LostRecords,
    Snapshots,
    Gaps,
    Resyncs,
    CrossedBooks,
    DeadLetters,
    BadRecords,
    BadSpecs,
    UnknownInstruments,
    Positions,
    BadPositions,
    FencesClosed,
    FencesOpened,
}

const OWN: [&str; 19] = [
    "records",
    "books",
    "trades",
    "quotes",
    "statuses",
    "repeated_records",
    "lost_records",
    "snapshots",
    "gaps",
    "resyncs",
    "crossed_books",
    "dead_letters",
    "bad_records",
    "bad_specs",
    "unknown_instruments",
    "positions",
    "bad_positions",
    "quality_fences_closed",
    "quality_fences_opened",
];
/// Of each venue, in the order of its code: windows judged, and the thousandths of a point they had together.
const VENUES: [[&str; 2]; Venue::ALL.len()] = [
    ["quality_windows_binance", "quality_score_thousandths_binance"],
    ["quality_windows_coinbase", "quality_score_thousandths_coinbase"],
    ["quality_windows_kraken", "quality_score_thousandths_kraken"],
];
const REJECTS_AT: usize = OWN.len();
const VENUES_AT: usize = REJECTS_AT + Reject::NAMES.len();
const REASONS_AT: usize = VENUES_AT + 2 * VENUES.len();
const COUNT: usize = REASONS_AT + REASONS;

#[derive(Debug)]
pub(super) struct Tally(Counters<COUNT>);

impl Tally {
    pub(super) fn new() -> Self {
        let mut names = [""; COUNT];
        let reasons = Reason::ALL.map(Reason::counter_name);
        let all = OWN.into_iter().chain(Reject::NAMES).chain(VENUES.into_iter().flatten()).chain(reasons);
        for (slot, name) in names.iter_mut().zip(all) {
            *slot = name;
        }
        Self(Counters::new(names))
    }

    pub(super) fn record(&mut self) {
        self.add(Count::Records, 1);
    }

    pub(super) fn add(&mut self, count: Count, amount: u64) {
        self.0.add(count as usize, amount);
    }

    pub(super) fn reject(&mut self, reject: &Reject) {
        self.0.add(REJECTS_AT + reject.index(), 1);
    }

    /// What a window has come to.
    pub(super) fn verdict(&mut self, venue: Venue, verdict: &Verdict) {
        let at = VENUES_AT + 2 * usize::from(venue.code());
        self.0.add(at, 1);
        self.0.add(at + 1, verdict.thousandths().into());
        match verdict.fence {
            FenceStep::Closes => self.add(Count::FencesClosed, 1),
            FenceStep::Opens => self.add(Count::FencesOpened, 1),
            FenceStep::Stays => {}
        }
        for reason in Reason::ALL {
            self.0.add(REASONS_AT + reason as usize, verdict.count(reason));
        }
    }

    /// What one message changed in its feed's own counts.
    pub(super) fn feed(&mut self, before: &FeedCounts, after: &FeedCounts) {
        for (count, before, after) in [
            (Count::Snapshots, before.snapshots, after.snapshots),
            (Count::Gaps, before.stream_gaps, after.stream_gaps),
            (Count::Resyncs, before.resyncs, after.resyncs),
            (Count::CrossedBooks, before.crossed_after_apply, after.crossed_after_apply),
        ] {
            self.add(count, after.saturating_sub(before));
        }
    }

    pub(super) fn visit(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.0.visit(visit);
    }
}
