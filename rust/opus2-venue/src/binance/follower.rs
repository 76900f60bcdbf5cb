//! Following one instrument: update numbers, snapshots, quotes that prove the book right.

use opus2_types::{BookState, Channel, Level, QuoteEvent, SeqRange, Side};
use serde::{Deserialize, Serialize};

use super::message;
use super::pending::{Limits, Pending};
use super::quotes::RecentQuotes;
use super::sync::{DeltaStep, DepthSync, SnapshotStep};
use crate::Reject;
use crate::feed::core::{Core, Levels};
use crate::feed::{Applied, What};

/// How long the venue shows a crossed book: never. None of the recordings does, and to wait for the next message is no
/// remedy: the market may move past the wrong level, and leave it in a book that looks right.
const NEVER_CROSSED: i64 = 0;

/// Binance's half of a [`Feed`](crate::Feed).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Follower {
    sync: DepthSync,
    pending: Pending,
    /// The deltas applied last, without a hole up to the book: what a deeper snapshot of a book in step is joined with.
    recent: Pending,
    quotes: RecentQuotes,
    /// The last number of the delta applied last, while nothing else has changed the book since: quotes with this
    /// number must equal its best levels.
    delta_id: Option<u64>,
}

impl Follower {
    pub(crate) fn apply(
        &mut self,
        core: &mut Core,
        channel: Channel,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        match channel {
            Channel::Depth => self.apply_delta(core, bytes, applied),
            Channel::Snapshot => self.apply_snapshot(core, bytes, applied),
            Channel::Trade => apply_trade(core, bytes, applied),
            Channel::Quote => self.apply_quote(core, bytes, applied),
            _ => Ok(What::Other),
        }
    }

    pub(crate) fn restart(&mut self) {
        self.pending.clear();
        self.recent.clear();
        self.quotes.clear();
        self.delta_id = None;
        self.sync.restart();
    }

    pub(crate) fn pending_count(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn is_consistent(&self) -> bool {
        self.pending.is_consistent() && self.recent.is_consistent()
    }

    fn apply_delta(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        let delta = message::read_delta(bytes, &core.spec, &mut core.levels)?;
        applied.exch_ts = Some(delta.exch_ts);
        applied.seq = delta.seq;
        match self.sync.on_delta(delta.seq.first, delta.seq.last) {
            DeltaStep::Apply => {
                core.apply_levels();
                let Levels { bids, asks } = &core.levels;
                self.recent.keep(Limits::RECENT, delta.exch_ts, delta.seq, bids, asks);
                self.delta_id = Some(delta.seq.last);
                if let Some((bid, ask)) = self.quotes.reach(delta.seq.last) {
                    core.compare_best(bid, ask);
                }
                Ok(core.settle(applied, Some(NEVER_CROSSED)))
            }
            DeltaStep::Covered => {
                core.counts.dropped_before_snapshot += 1;
                Ok(What::Covered)
            }
            DeltaStep::Keep => Ok(self.keep(core, applied)),
            DeltaStep::KeepAfterHole => {
                core.counts.stream_gaps += 1;
                self.pending.clear();
                Ok(self.keep(core, applied))
            }
            DeltaStep::Gap => {
                // The delta that shows the hole is the first of those kept for the next snapshot.
                core.counts.stream_gaps += 1;
                core.lose_book();
                self.recent.clear();
                self.quotes.clear();
                self.delta_id = None;
                Ok(self.keep(core, applied))
            }
        }
    }

    fn keep(&mut self, core: &mut Core, applied: &Applied) -> What {
        let exch_ts = applied.exch_ts.unwrap_or(applied.recv_ts);
        let dropped =
            self.pending.keep(Limits::PENDING, exch_ts, applied.seq, &core.levels.bids, &core.levels.asks);
        if dropped > 0 {
            core.counts.pending_dropped += dropped;
            if let Some(first) = self.pending.first() {
                self.sync.forget_before(first);
            }
        }
        What::Kept
    }

    fn apply_snapshot(
        &mut self,
        core: &mut Core,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        let last_update_id = message::read_snapshot(bytes, &core.spec, &mut core.levels)?;
        let id = last_update_id.unwrap_or_default();
        applied.seq = SeqRange { first: id, last: id };
        match self.sync.on_snapshot(last_update_id) {
            SnapshotStep::Covered => return Ok(self.deepen(core, id, applied)),
            SnapshotStep::TooOld => return Err(Reject::SnapshotTooOld),
            SnapshotStep::Join => {}
        }
        // The book may have jumped ahead of them.
        self.recent.clear();
        core.replace_book();
        while let Some(delta) = self.pending.take(|delta, level, is_bid| {
            // Steps 4 and 6: what the snapshot covers is dropped.
            if last_update_id.is_none_or(|id| delta.seq.last > id) {
                core.apply_level(if is_bid { Side::Bid } else { Side::Ask }, level);
            }
        }) {
            if last_update_id.is_some_and(|id| delta.seq.last <= id) {
                core.counts.dropped_before_snapshot += 1;
            } else {
                core.counts.applied += 1;
                applied.exch_ts = Some(delta.exch_ts);
                applied.seq.last = delta.seq.last;
            }
        }
        self.quotes.reach(applied.seq.last);
        self.delta_id = None;
        Ok(core.settle_snapshot(applied, Some(NEVER_CROSSED)))
    }

    /// A snapshot of a book in step that is at or beyond it: step 7. The message's levels are the snapshot's.
    fn deepen(&mut self, core: &mut Core, snapshot_id: u64, applied: &mut Applied) -> What {
        let Some(book_id) = self.sync.book_id() else { return What::Covered };
        // Without deltas kept, the snapshot must be the book's own.
        let first = self.recent.first().unwrap_or_else(|| book_id.saturating_add(1));
        if first > snapshot_id.saturating_add(1) || core.state != BookState::Live {
            return What::Covered;
        }
        core.replace_book();
        self.recent.replay(snapshot_id, |level, is_bid| {
            core.apply_level(if is_bid { Side::Bid } else { Side::Ask }, level);
        });
        applied.seq.last = book_id;
        core.settle_snapshot(applied, Some(NEVER_CROSSED))
    }

    fn apply_quote(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        let (bid, ask, update_id): (Level, Level, u64) = message::read_quote(bytes, &core.spec)?;
        applied.seq = SeqRange { first: update_id, last: update_id };
        core.counts.quotes += 1;
        match self.delta_id {
            Some(id) if update_id == id => core.compare_best(bid, ask),
            Some(id) if update_id < id => {}
            _ => self.quotes.keep(update_id, bid, ask),
        }
        Ok(What::Quote(QuoteEvent { bid, ask }))
    }
}

fn apply_trade(core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
    let (trade, exch_ts) = message::read_trade(bytes, &core.spec)?;
    if !core.take_trade(trade, Some(exch_ts)) {
        applied.exch_ts = Some(exch_ts);
        applied.seq = SeqRange { first: trade.trade_id, last: trade.trade_id };
        return Ok(What::Covered);
    }
    Ok(core.settle_trades(applied))
}
