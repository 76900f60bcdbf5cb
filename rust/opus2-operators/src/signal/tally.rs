//! What `signal` counts.

use opus2_hifa::Absent;
use opus2_hifa::signal::{Applied, QuoteUpdate};
use opus2_types::EventBody;

use crate::Counters;

/// Everything that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Events,
    Books,
    Quotes,
    Trades,
    Statuses,
    Scores,
    Positions,
    Signals,
    Bars,
    Detections,
    /// Events whose receive time is below the market's own time.
    Late,
    /// Late events whose bar had been published: in the features, but in no bar.
    LateForBar,
    ClockWentBack,
    Resets,
    Rescales,
    Restarts,
    SkippedConfirmed,
    SkippedRepeated,
    SkippedOlder,
    SkippedUnnumbered,
    SkippedEmptySide,
    SkippedCrossed,
    SkippedBadNumber,
    SkippedInstrumentLimit,
    FencesClosed,
    FencesOpened,
    /// Books and quotes of instruments behind a fence: measured, but nothing was published.
    FencedSignals,
    FencedBars,
    /// Findings of the detectors that nobody was told.
    EventsDropped,
}

const NAMES: [&str; 29] = [
    "events",
    "books",
    "quotes",
    "trades",
    "statuses",
    "scores",
    "positions",
    "signals",
    "bars",
    "detections",
    "late",
    "late_for_bar",
    "clock_went_back",
    "resets",
    "rescales",
    "number_restarts",
    "skipped_confirmed",
    "skipped_repeated",
    "skipped_older",
    "skipped_unnumbered",
    "skipped_empty_side",
    "skipped_crossed",
    "skipped_bad_number",
    "skipped_instrument_limit",
    "fences_closed",
    "fences_opened",
    "fenced_signals",
    "fenced_bars",
    "events_dropped",
];

#[derive(Debug)]
pub(super) struct Tally(Counters<{ NAMES.len() }>);

impl Tally {
    pub(super) const fn new() -> Self {
        Self(Counters::new(NAMES))
    }

    pub(super) fn add(&mut self, count: Count) {
        self.add_all(count, 1);
    }

    pub(super) fn add_all(&mut self, count: Count, amount: u64) {
        self.0.add(count as usize, amount);
    }

    pub(super) fn body(&mut self, body: &EventBody) {
        self.add(match body {
            EventBody::Book(_) => Count::Books,
            EventBody::Quote(_) => Count::Quotes,
            EventBody::Trade(_) => Count::Trades,
            EventBody::Status(_) => Count::Statuses,
            EventBody::Quality(_) => Count::Scores,
            EventBody::Position(_) => Count::Positions,
        });
    }

    /// What an event did, and why it did nothing.
    pub(super) fn applied(&mut self, applied: &Applied) {
        let skipped = match applied.update {
            None | Some(QuoteUpdate::Taken) => None,
            Some(QuoteUpdate::Restarted) => Some(Count::Restarts),
            Some(QuoteUpdate::Confirmed) => Some(Count::SkippedConfirmed),
            Some(QuoteUpdate::Repeated) => Some(Count::SkippedRepeated),
            Some(QuoteUpdate::Older) => Some(Count::SkippedOlder),
            Some(QuoteUpdate::Unnumbered) => Some(Count::SkippedUnnumbered),
        };
        let unusable = applied.unusable.map(|reason| match reason {
            Absent::EmptySide => Count::SkippedEmptySide,
            Absent::Crossed => Count::SkippedCrossed,
            _ => Count::SkippedBadNumber,
        });
        let facts = [
            (applied.is_reset, Count::Resets),
            (applied.is_rescaled, Count::Rescales),
            (applied.clock_went_back, Count::ClockWentBack),
            (applied.fence_moved == Some(true), Count::FencesClosed),
            (applied.fence_moved == Some(false), Count::FencesOpened),
        ];
        let facts = facts.into_iter().filter_map(|(is_so, count)| is_so.then_some(count));
        for count in facts.chain(skipped).chain(unusable) {
            self.add(count);
        }
        self.add_all(Count::EventsDropped, applied.findings_dropped.into());
    }

    pub(super) fn visit(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.0.visit(visit);
    }
}
