//! What `context` counts.

use opus2_hifa::context::{ClosedSecond, Observed};

use crate::Counters;

/// Everything that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Events,
    Seconds,
    /// Seconds without any trade, book or quote that was believed of the primary instrument.
    SecondsWithoutCandidate,
    /// Readings of primary instruments at which the model had an opinion.
    Candidates,
    Detections,
    /// Detections of a second that there was no room for.
    DetectionsDropped,
    /// Seconds at whose end the primary instrument or those compared with it changed.
    Rearrangements,
    /// Events whose receive time is below the market's own time.
    Late,
    SkippedInstrumentLimit,
}

const NAMES: [&str; 9] = [
    "events",
    "seconds",
    "seconds_without_candidate",
    "candidates",
    "detections",
    "detections_dropped",
    "rearrangements",
    "late",
    "skipped_instrument_limit",
];

#[derive(Debug)]
pub(crate) struct Tally(Counters<{ NAMES.len() }>);

impl Tally {
    pub(super) const fn new() -> Self {
        Self(Counters::new(NAMES))
    }

    fn add(&mut self, count: Count, amount: u64) {
        self.0.add(count as usize, amount);
    }

    /// What an event did.
    pub(super) fn observed(&mut self, observed: Observed) {
        self.add(Count::Events, 1);
        self.add(Count::Late, observed.is_late.into());
        self.add(Count::SkippedInstrumentLimit, observed.is_skipped.into());
        self.add(Count::Candidates, observed.has_candidate.into());
        self.add(Count::Detections, observed.found.into());
    }

    /// What the end of a second brought.
    pub(super) fn closed(&mut self, second: &ClosedSecond) {
        self.add(Count::Seconds, 1);
        self.add(Count::SecondsWithoutCandidate, second.direction.is_none().into());
        self.add(Count::DetectionsDropped, second.found_dropped.into());
        self.add(Count::Rearrangements, second.is_rearranged.into());
    }

    pub(super) fn visit(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.0.visit(visit);
    }
}
