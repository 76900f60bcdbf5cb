//! What `risk` counts.

use opus2_hifa::risk::{BlockReason, RiskGate, Taken};

use crate::Counters;

/// Everything that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    Frames,
    Events,
    SecondEnds,
    /// Assessments made; the other frames have the one before.
    Assessments,
    Bars,
    Candidates,
    /// Frames at which a change of a candidate was not published, because one had just been.
    HeldBack,
    /// Events whose receive time is below the market's own time.
    Late,
    SkippedInstrumentLimit,
    /// Frames that stage 2 has not been at.
    WithoutContext,
    /// Events that stage 1 has not been at: nothing of them is known.
    WithoutSignal,
    /// Frames whose gate is shut.
    Blocked,
}

const COUNTS: usize = Count::Blocked as usize + 1;

const NAMES: [&str; COUNTS + BlockReason::ALL.len()] = [
    "frames",
    "events",
    "second_ends",
    "assessments",
    "bars",
    "candidates",
    "held_back",
    "late",
    "skipped_instrument_limit",
    "without_context",
    "without_signal",
    "blocked",
    "blocked_no_book",
    "blocked_unfilled",
    "blocked_participation",
    "blocked_stale_data",
    "blocked_daily_loss",
    "blocked_drawdown",
    "blocked_rejects",
    "blocked_health",
    "blocked_quality_fence",
    "blocked_no_volatility",
    "blocked_model_unproven",
    "blocked_cost_exceeds_edge",
    "blocked_min_size",
    "blocked_inventory",
];

#[derive(Debug)]
pub(crate) struct Tally(Counters<{ NAMES.len() }>);

impl Tally {
    pub(super) const fn new() -> Self {
        Self(Counters::new(NAMES))
    }

    pub(super) fn add(&mut self, count: Count) {
        self.0.add(count as usize, 1);
    }

    pub(super) fn taken(&mut self, taken: Taken) {
        let facts = [
            (taken.is_assessed, Count::Assessments),
            (taken.is_late, Count::Late),
            (taken.is_beyond_limit, Count::SkippedInstrumentLimit),
        ];
        facts.into_iter().filter(|(is_so, _)| *is_so).for_each(|(_, count)| self.add(count));
    }

    /// A frame's gate.
    pub(super) fn gate(&mut self, gate: &RiskGate) {
        if gate.blocks.is_empty() {
            return;
        }
        self.add(Count::Blocked);
        for (index, reason) in BlockReason::ALL.into_iter().enumerate() {
            self.0.add(COUNTS + index, u64::from(gate.blocks.contains(reason)));
        }
    }

    pub(super) fn visit(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.0.visit(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_a_counter_of_its_name() {
        for (reason, name) in BlockReason::ALL.into_iter().zip(&NAMES[COUNTS..]) {
            assert_eq!(*name, format!("blocked_{}", reason.as_str()));
        }
    }
}
