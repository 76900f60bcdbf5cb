//! What a campaign came to.

use std::collections::BTreeMap;

use opus2_sim::{FaultKind, LogEntry};
use serde::Serialize;

/// Examples kept of what went wrong.
const EXAMPLES_MAX: usize = 10;

/// The faults of one kind.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct OfKind {
    /// How many there were.
    pub(super) injected: u64,
    /// After how many the book was given up and joined anew.
    pub(super) resynced: u64,
    /// How many cost nothing: the book was right without.
    pub(super) harmless: u64,
    /// How many lost or falsified something that nobody noticed.
    pub(super) missed: u64,
    /// Milliseconds from the fault to its detection, of those that were resynced.
    #[serde(skip)]
    pub(super) delays_ms: Vec<f64>,
}

/// Counts of a campaign.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Tally {
    pub(super) rounds: u64,
    /// Raw records that clients published.
    pub(super) records: u64,
    /// Book events to stage 1 that were compared with the truth at their number.
    pub(super) stage1_checked: u64,
    /// Those that were not the venue's book.
    pub(super) stage1_wrong: u64,
    /// Books that were not live, or not the venue's, at the end of a round.
    pub(super) not_recovered: u64,
    /// Books that were given up though nothing had happened to them.
    pub(super) others: u64,
    /// Connections that ended though nobody had cut them.
    pub(super) connections_ended: u64,
    pub(super) kinds: BTreeMap<FaultKind, OfKind>,
    pub(super) examples: Vec<String>,
}

impl Tally {
    pub(super) fn injected(&self) -> u64 {
        self.kinds.values().map(|of| of.injected).sum()
    }

    pub(super) fn missed(&self) -> u64 {
        self.kinds.values().map(|of| of.missed).sum()
    }

    /// True when every promise was kept.
    pub(super) fn is_clean(&self) -> bool {
        self.missed() + self.stage1_wrong + self.not_recovered + self.others + self.connections_ended == 0
    }

    /// One fault: how long until it was seen, if it was, and whether its book was right in the end.
    pub(super) fn judge(&mut self, entry: &LogEntry, seen_after_nanos: Option<i64>, is_right: bool) {
        let of = self.kinds.entry(entry.kind).or_default();
        of.injected += 1;
        match seen_after_nanos {
            // A message sent twice must not cost a book; if one was lost, another fault did it.
            Some(nanos) if entry.loses || entry.falsifies || entry.kind == FaultKind::Reorder => {
                of.resynced += 1;
                #[expect(clippy::cast_precision_loss, reason = "a delay for people")]
                of.delays_ms.push(nanos as f64 / 1e6);
            }
            _ if is_right => of.harmless += 1,
            _ => {
                of.missed += 1;
                self.example(format!("missed: {entry:?}"));
            }
        }
    }

    pub(super) fn example(&mut self, text: String) {
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(text);
        }
    }
}

/// The value below which this share of the delays lies, ms.
pub(super) fn quantile(delays_ms: &[f64], share: f64) -> Option<f64> {
    let mut sorted = delays_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into a list of delays"
    )]
    let index = ((sorted.len().checked_sub(1)?) as f64 * share).round() as usize;
    sorted.get(index).copied()
}
