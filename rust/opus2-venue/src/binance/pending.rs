//! Deltas kept: until a snapshot comes, or for one that will.

use std::collections::VecDeque;

use opus2_types::{Level, SeqRange, UnixNanos};
use serde::{Deserialize, Serialize};

/// How many deltas are kept while a snapshot is awaited: over three minutes of Binance's ten a second.
pub const PENDING_DELTAS_MAX: usize = 2_000;
/// How many levels they may hold together.
pub const PENDING_LEVELS_MAX: usize = 200_000;

/// How many of the deltas applied last are kept for a deeper snapshot of a book in step: over six seconds of Binance's
/// ten a second, more than an answer takes.
pub const RECENT_DELTAS_MAX: usize = 64;
/// How many levels they may hold together.
pub const RECENT_LEVELS_MAX: usize = 4_096;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    deltas: usize,
    levels: usize,
}

impl Limits {
    /// While a snapshot is awaited.
    pub(crate) const PENDING: Self = Self { deltas: PENDING_DELTAS_MAX, levels: PENDING_LEVELS_MAX };
    /// While the book is in step.
    pub(crate) const RECENT: Self = Self { deltas: RECENT_DELTAS_MAX, levels: RECENT_LEVELS_MAX };
}

/// One delta kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PendingDelta {
    pub(crate) exch_ts: UnixNanos,
    pub(crate) seq: SeqRange,
    bids_count: u32,
    asks_count: u32,
}

/// Deltas in order of arrival, with their levels in one queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Pending {
    deltas: VecDeque<PendingDelta>,
    levels: VecDeque<Level>,
}

impl Pending {
    pub(crate) fn len(&self) -> usize {
        self.deltas.len()
    }

    pub(crate) fn clear(&mut self) {
        self.deltas.clear();
        self.levels.clear();
    }

    /// Keeps a delta. The number of old ones that had to go for it is returned; one too large for the limit stays alone.
    pub(crate) fn keep(
        &mut self,
        limits: Limits,
        exch_ts: UnixNanos,
        seq: SeqRange,
        bids: &[Level],
        asks: &[Level],
    ) -> u64 {
        let count = |levels: &[Level]| u32::try_from(levels.len()).unwrap_or(u32::MAX);
        self.deltas.push_back(PendingDelta {
            exch_ts,
            seq,
            bids_count: count(bids),
            asks_count: count(asks),
        });
        self.levels.extend(bids);
        self.levels.extend(asks);
        let mut dropped = 0;
        while self.deltas.len() > limits.deltas
            || (self.levels.len() > limits.levels && self.deltas.len() > 1)
        {
            self.take(|_, _, _| {});
            dropped += 1;
        }
        dropped
    }

    /// The first number of the oldest delta kept.
    pub(crate) fn first(&self) -> Option<u64> {
        self.deltas.front().map(|delta| delta.seq.first)
    }

    /// Takes the oldest delta: `visit(delta, level, is_bid)` at each of its levels.
    pub(crate) fn take(&mut self, mut visit: impl FnMut(&PendingDelta, Level, bool)) -> Option<PendingDelta> {
        let delta = self.deltas.pop_front()?;
        for (count, is_bid) in [(delta.bids_count, true), (delta.asks_count, false)] {
            for _ in 0..count {
                if let Some(level) = self.levels.pop_front() {
                    visit(&delta, level, is_bid);
                }
            }
        }
        Some(delta)
    }

    /// The levels of every delta whose last number is above `after`, oldest first: `visit(level, is_bid)`.
    pub(crate) fn replay(&self, after: u64, mut visit: impl FnMut(Level, bool)) {
        let mut levels = self.levels.iter();
        for delta in &self.deltas {
            for (count, is_bid) in [(delta.bids_count, true), (delta.asks_count, false)] {
                for level in levels.by_ref().take(count as usize) {
                    if delta.seq.last > after {
                        visit(*level, is_bid);
                    }
                }
            }
        }
    }

    /// False when counts and levels do not agree: state that was not written by us.
    pub(crate) fn is_consistent(&self) -> bool {
        let counted: u64 =
            self.deltas.iter().map(|delta| u64::from(delta.bids_count) + u64::from(delta.asks_count)).sum();
        self.deltas.len() <= PENDING_DELTAS_MAX && u64::try_from(self.levels.len()) == Ok(counted)
    }
}
