//! What `normalize` counts.

use opus2_venue::{FeedCounts, Reject};

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
}

const OWN: [&str; 15] = [
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
];
const COUNT: usize = OWN.len() + Reject::NAMES.len();

#[derive(Debug)]
pub(super) struct Tally(Counters<COUNT>);

impl Tally {
    pub(super) fn new() -> Self {
        let mut names = [""; COUNT];
        for (slot, name) in names.iter_mut().zip(OWN.into_iter().chain(Reject::NAMES)) {
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
        self.0.add(OWN.len() + reject.index(), 1);
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
