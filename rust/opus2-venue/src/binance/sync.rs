//! Following Binance's update numbers.

use serde::{Deserialize, Serialize};

/// What to do with a delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeltaStep {
    /// Apply it to the book.
    Apply,
    /// Keep it until a snapshot comes.
    Keep,
    /// Everything kept so far is useless: forget it, then keep this one.
    KeepAfterHole,
    /// The book has it already: ignore it.
    Covered,
    /// Updates were missed: the book is lost. Keep this one and ask for a snapshot.
    Gap,
}

/// What to do with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotStep {
    /// Load it, then apply every kept delta whose last number is above `last_update_id`.
    Join,
    /// It is from before the first delta kept: ask again.
    TooOld,
    /// The book is already at or beyond it: step 7, or ignore it.
    Covered,
}

/// The numbering half of a Binance book: which deltas and snapshots may be used, and when.
///
/// # Procedure
///
/// From the venue's "How to manage a local order book correctly", as corrected on 2025-11-12 (read 2026-07-21). Code
/// elsewhere refers to these steps by number.
///
/// 1. Subscribe to `<symbol>@depth@100ms` and keep every delta.
/// 2. Fetch a snapshot over REST.
/// 3. If the snapshot's `lastUpdateId + 1` is below the first number `U` of the first delta kept, it is too old: go to 2.
/// 4. Of the deltas kept, drop those whose last number `u` is not above `lastUpdateId`.
/// 5. Load the snapshot; the book is now at `lastUpdateId`.
/// 6. For each delta kept, then for each that arrives, one of three:
///    - `u` not above the book's number: ignore it;
///    - `U` above the book's number + 1: updates were missed. The book is lost; keep this delta and go to 2 with the
///      stream still open, for this instrument only;
///    - else apply it; the book is now at `u`.
/// 7. (Ours.) A snapshot for a book in step, asked for because it is deeper: load it in the book's place, then apply the
///    deltas since `lastUpdateId` a second time, from a bounded ring of those applied last. When the ring does not
///    reach back so far, ignore the snapshot. The book's number stays.
///
/// Step 3 as printed by the venue compares with `lastUpdateId` itself. Contiguous deltas may start exactly one above
/// the snapshot, so the test used here, and by other implementations, is `U <= lastUpdateId + 1 <= u`.
///
/// Deltas that are kept are contiguous (a hole makes all before it useless), so two numbers describe them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DepthSync {
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Phase {
    /// Steps 1 to 3. The numbers covered by the deltas kept, if there are any.
    Waiting { kept: Option<(u64, u64)> },
    /// Step 6. The number the book is at; `None` for a new instrument that had no update when its snapshot was taken
    /// (`lastUpdateId` = -1): any delta may follow.
    Live { book_id: Option<u64> },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Waiting { kept: None }
    }
}

impl DepthSync {
    /// True when the book is in step.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// The number the book is at, when it is in step and has one.
    #[must_use]
    pub const fn book_id(&self) -> Option<u64> {
        match self.phase {
            Phase::Live { book_id } => book_id,
            Phase::Waiting { .. } => None,
        }
    }

    /// The book is lost, or the connection was: back to step 1 with nothing kept.
    pub fn restart(&mut self) {
        *self = Self::default();
    }

    /// The oldest deltas kept have been dropped for want of room; `first` is the first number still kept.
    pub fn forget_before(&mut self, first: u64) {
        if let Phase::Waiting { kept: Some((oldest, _)) } = &mut self.phase {
            *oldest = first.max(*oldest);
        }
    }

    /// A delta covering `first..=last` has arrived: step 1 or 6.
    pub fn on_delta(&mut self, first: u64, last: u64) -> DeltaStep {
        match &mut self.phase {
            Phase::Waiting { kept: kept @ None } => {
                *kept = Some((first, last));
                DeltaStep::Keep
            }
            Phase::Waiting { kept: Some((_, newest)) } if last <= *newest => DeltaStep::Covered,
            Phase::Waiting { kept: Some((_, newest)) } if first <= newest.saturating_add(1) => {
                *newest = last;
                DeltaStep::Keep
            }
            Phase::Waiting { kept } => {
                *kept = Some((first, last));
                DeltaStep::KeepAfterHole
            }
            Phase::Live { book_id: Some(id) } if last <= *id => DeltaStep::Covered,
            Phase::Live { book_id: Some(id) } if first > id.saturating_add(1) => {
                self.phase = Phase::Waiting { kept: Some((first, last)) };
                DeltaStep::Gap
            }
            Phase::Live { book_id } => {
                *book_id = Some(last);
                DeltaStep::Apply
            }
        }
    }

    /// A snapshot has arrived: steps 3 to 5. `None` stands for a `lastUpdateId` of -1.
    pub fn on_snapshot(&mut self, last_update_id: Option<u64>) -> SnapshotStep {
        let snapshot_id = last_update_id;
        match self.phase {
            Phase::Waiting { kept: Some((oldest, newest)) } => {
                if snapshot_id.is_some_and(|id| id.saturating_add(1) < oldest) {
                    return SnapshotStep::TooOld;
                }
                self.phase = Phase::Live { book_id: Some(snapshot_id.map_or(newest, |id| id.max(newest))) };
                SnapshotStep::Join
            }
            Phase::Live { book_id: Some(id) } if snapshot_id.is_none_or(|snapshot| snapshot <= id) => {
                SnapshotStep::Covered
            }
            Phase::Waiting { kept: None } | Phase::Live { .. } => {
                self.phase = Phase::Live { book_id: snapshot_id };
                SnapshotStep::Join
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `"10-12"` is a delta, `"s11"` a snapshot; the expectation has one word for each.
    #[track_caller]
    fn check(input: &str, expect: &str) {
        let mut sync = DepthSync::default();
        let steps: Vec<String> = input
            .split_whitespace()
            .map(|word| {
                if let Some(id) = word.strip_prefix('s') {
                    return format!("{:?}", sync.on_snapshot(id.parse().ok()));
                }
                let (first, last) = word.split_once('-').unwrap();
                format!("{:?}", sync.on_delta(first.parse().unwrap(), last.parse().unwrap()))
            })
            .collect();
        assert_eq!(steps.join(" "), expect, "{input}");
    }

    #[test]
    fn snapshot_inside_the_deltas_kept_joins() {
        check("10-12 13-15 s13 16-16", "Keep Keep Join Apply");
    }

    #[test]
    fn snapshot_one_before_the_first_delta_joins() {
        check("10-12 s9 13-13", "Keep Join Apply");
    }

    #[test]
    fn snapshot_older_than_the_first_delta_is_refused() {
        check("10-12 s8 s9", "Keep TooOld Join");
    }

    #[test]
    fn snapshot_newer_than_every_delta_waits_for_the_stream_to_catch_up() {
        check("10-12 s20 13-18 19-22 23-23", "Keep Join Covered Apply Apply");
    }

    #[test]
    fn snapshot_before_any_delta_joins_and_a_later_start_is_a_gap() {
        check("s20 21-22", "Join Apply");
        check("s20 22-23", "Join Gap");
    }

    #[test]
    fn missed_update_is_a_gap_until_the_next_snapshot() {
        check("10-10 s10 12-12 13-13 s12 14-14", "Keep Join Gap Keep Join Apply");
    }

    #[test]
    fn hole_while_waiting_makes_earlier_deltas_useless() {
        check("10-10 12-12 s10 s11", "Keep KeepAfterHole TooOld Join");
    }

    #[test]
    fn repeated_delta_is_covered() {
        check("10-10 10-10 s10 10-10 11-11 11-11", "Keep Covered Join Covered Apply Covered");
    }

    #[test]
    fn snapshot_of_a_live_book_is_covered_unless_it_is_ahead() {
        check("s10 11-12 s12 s15 13-15 16-16", "Join Apply Covered Join Covered Apply");
    }

    #[test]
    fn a_new_instrument_accepts_any_first_delta() {
        check("s-1 5-6 8-8", "Join Apply Gap");
    }
}
