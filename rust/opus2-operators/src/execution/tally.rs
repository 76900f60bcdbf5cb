//! What `execution` counts.

use opus2_hifa::execution::market::{Action, Look, Verdict};

use crate::Counters;

#[derive(Debug, Clone, Copy)]
enum Count {
    Events,
    /// Frames at the end of a second.
    Seconds,
    Candidates,
    Enters,
    Exits,
    Holds,
    Rejects,
    /// Decisions with an order.
    Orders,
    /// Decisions that could not be planned, or needed no plan.
    Unplanned,
}

const NAMES: [&str; 9] =
    ["events", "seconds", "candidates", "enters", "exits", "holds", "rejects", "orders", "unplanned"];

#[derive(Debug)]
pub(super) struct Tally(Counters<{ NAMES.len() }>);

impl Tally {
    pub(super) const fn new() -> Self {
        Self(Counters::new(NAMES))
    }

    fn add(&mut self, count: Count) {
        self.0.add(count as usize, 1);
    }

    pub(super) fn frame(&mut self, look: &Look<'_>) {
        self.add(if look.event.is_some() { Count::Events } else { Count::Seconds });
        if look.outlook.candidate.is_some() {
            self.add(Count::Candidates);
        }
    }

    pub(super) fn verdict(&mut self, verdict: &Verdict) {
        self.add(match verdict.action {
            Action::Enter => Count::Enters,
            Action::Exit => Count::Exits,
            Action::Hold => Count::Holds,
            Action::Reject => Count::Rejects,
        });
        if verdict.order.is_some() {
            self.add(Count::Orders);
        }
        if verdict.grounds.fault.is_some() {
            self.add(Count::Unplanned);
        }
    }

    pub(super) fn visit(&self, visit: &mut dyn FnMut(&'static str, u64)) {
        self.0.visit(visit);
    }
}
