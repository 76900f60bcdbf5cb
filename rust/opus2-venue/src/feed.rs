//! One instrument: its book, and its place in the venue's numbering.

use opus2_book::{Change, L2Book};
use opus2_types::{
    BookState, Channel, InstrumentSpec, Level, QualityFlags, QuoteEvent, SeqRange, Side, TradeEvent,
    UnixNanos,
};
use serde::{Deserialize, Serialize};

use crate::Reject;
use crate::binance::message::{self, Levels};
use crate::binance::sync::{DeltaStep, DepthSync, SnapshotStep};
pub use crate::counts::FeedCounts;
use crate::pending::Pending;
pub use crate::pending::{PENDING_DELTAS_MAX, PENDING_LEVELS_MAX};
use crate::quotes::RecentQuotes;

/// How long a book may stay crossed before it is taken for wrong.
///
/// A venue that publishes every 100 ms can show a cross between two halves of one match; the next message resolves it.
pub const CROSSED_NANOS_MAX: i64 = 100_000_000;

/// What a message did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The book changed and may be used: see [`Feed::book`] and [`Feed::changes`].
    Book,
    /// A snapshot was loaded, with the deltas kept: the book is new.
    Snapshot,
    /// The book changed but is crossed, so that nobody may use it.
    Crossed,
    /// A delta was kept until a snapshot comes.
    Kept,
    /// The book had it already.
    Covered,
    /// A trade.
    Trade(TradeEvent),
    /// The venue's best quote.
    Quote(QuoteEvent),
    /// A message that nobody reads.
    Other,
    /// Not used, and why.
    Rejected(Reject),
}

/// What [`Feed::apply`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// What the message did.
    pub what: What,
    /// The book's state before.
    pub before: BookState,
    /// The book's state now.
    pub state: BookState,
    /// The venue's own time, where it gives one.
    pub exch_ts: Option<UnixNanos>,
    /// The receive time; never before that of an earlier message.
    pub recv_ts: UnixNanos,
    /// The venue's update numbers.
    pub seq: SeqRange,
    /// What to know before trusting it.
    pub flags: QualityFlags,
}

/// One instrument of a venue: book, sync machine, counts.
///
/// Feed it every message of the instrument in the order received, with [`connected`](Self::connected) and
/// [`disconnected`](Self::disconnected) in between. It answers what each message did, keeps the book right or says that
/// it is not ([`state`](Self::state)), and says when it wants a snapshot. It never panics on what a venue sends.
///
/// | state | deltas | leaves it by |
/// | --- | --- | --- |
/// | `Empty` | refused | `connected` → `Syncing` |
/// | `Syncing` | kept | a snapshot that joins → `Live` |
/// | `Live` | applied | a hole, or a bad delta → `Gap`; a cross → `Crossed` |
/// | `Gap` | kept | a snapshot that joins → `Live` |
/// | `Crossed` | applied | uncrossed → `Live`; for longer than [`CROSSED_NANOS_MAX`] → `Gap` |
#[derive(Debug, Clone)]
pub struct Feed {
    state: FeedState,
    levels: Levels,
}

/// Everything of a [`Feed`] that outlives a message: what a host saves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    spec: InstrumentSpec,
    state: BookState,
    sync: DepthSync,
    bids: Vec<Level>,
    asks: Vec<Level>,
    #[serde(skip)]
    book: L2Book,
    pending: Pending,
    counts: FeedCounts,
    recv_ts: UnixNanos,
    crossed_since: UnixNanos,
    quotes: RecentQuotes,
    /// The last number of the delta applied last, while nothing else has changed the book since: quotes with this
    /// number must equal its best levels.
    delta_id: Option<u64>,
    trade_id: Option<u64>,
    is_after_gap: bool,
}

impl Feed {
    /// A feed without a connection.
    #[must_use]
    pub fn new(spec: InstrumentSpec) -> Self {
        let state = FeedState {
            spec,
            state: BookState::Empty,
            sync: DepthSync::default(),
            bids: Vec::new(),
            asks: Vec::new(),
            book: L2Book::new(),
            pending: Pending::default(),
            counts: FeedCounts::default(),
            recv_ts: UnixNanos::MIN,
            crossed_since: UnixNanos::MIN,
            quotes: RecentQuotes::default(),
            delta_id: None,
            trade_id: None,
            is_after_gap: false,
        };
        Self { state, levels: Levels::default() }
    }

    /// How the instrument counts.
    #[must_use]
    pub const fn spec(&self) -> &InstrumentSpec {
        &self.state.spec
    }

    /// Whether the book is in step.
    #[must_use]
    pub const fn state(&self) -> BookState {
        self.state.state
    }

    /// The book. To be trusted only while [`state`](Self::state) is `Live`.
    #[must_use]
    pub const fn book(&self) -> &L2Book {
        &self.state.book
    }

    /// The levels of the message applied last, in the venue's order.
    #[must_use]
    pub fn changes(&self) -> (&[Level], &[Level]) {
        (&self.levels.bids, &self.levels.asks)
    }

    /// What has been seen.
    #[must_use]
    pub const fn counts(&self) -> &FeedCounts {
        &self.state.counts
    }

    /// The receive time of the newest message; [`UnixNanos::MIN`] before the first.
    #[must_use]
    pub const fn recv_ts(&self) -> UnixNanos {
        self.state.recv_ts
    }

    /// True while only a snapshot can bring the book back in step.
    #[must_use]
    pub const fn wants_snapshot(&self) -> bool {
        matches!(self.state.state, BookState::Syncing | BookState::Gap)
    }

    /// A connection is up and subscribed: step 1 begins.
    pub fn connected(&mut self) {
        self.forget_book();
        self.state.state = BookState::Syncing;
    }

    /// The connection is gone, and with it the book.
    pub fn disconnected(&mut self) {
        self.forget_book();
        self.state.state = BookState::Empty;
    }

    /// Something outside the venue's numbering was lost (a record between broker and us): the book is unsure.
    pub fn lost(&mut self) {
        if self.state.state != BookState::Empty {
            self.resync();
        }
    }

    fn forget_book(&mut self) {
        self.state.book.clear();
        self.state.pending.clear();
        self.state.quotes.clear();
        self.state.delta_id = None;
        self.state.sync.restart();
        self.state.is_after_gap = true;
    }

    fn resync(&mut self) {
        self.forget_book();
        self.state.counts.resyncs += 1;
        self.state.state = BookState::Gap;
    }

    /// Takes one message.
    pub fn apply(&mut self, channel: Channel, bytes: &[u8], recv_ts: UnixNanos) -> Applied {
        let before = self.state.state;
        let mut flags = QualityFlags::default();
        if recv_ts < self.state.recv_ts {
            flags = flags.with(QualityFlags::CLOCK_WENT_BACK);
        }
        self.state.recv_ts = recv_ts.max(self.state.recv_ts);
        let mut applied = Applied {
            what: What::Other,
            before,
            state: before,
            exch_ts: None,
            recv_ts: self.state.recv_ts,
            seq: SeqRange::default(),
            flags,
        };
        let result = match channel {
            _ if before == BookState::Empty => Err(Reject::NotConnected),
            Channel::Depth => self.apply_delta(bytes, &mut applied),
            Channel::Snapshot => self.apply_snapshot(bytes, &mut applied),
            Channel::Trade => self.apply_trade(bytes, &mut applied),
            Channel::Quote => self.apply_quote(bytes, &mut applied),
            _ => Ok(What::Other),
        };
        applied.what = result.unwrap_or_else(|reject| {
            self.state.counts.rejected += 1;
            // A delta that cannot be read is an update that is missing.
            if channel == Channel::Depth && matches!(before, BookState::Live | BookState::Crossed) {
                self.resync();
            }
            What::Rejected(reject)
        });
        if applied.exch_ts.is_none() {
            applied.flags = applied.flags.with(QualityFlags::NO_EXCH_TS);
        }
        applied.state = self.state.state;
        applied
    }

    fn apply_delta(&mut self, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        let delta = message::read_delta(bytes, &self.state.spec, &mut self.levels)?;
        applied.exch_ts = Some(delta.exch_ts);
        applied.seq = delta.seq;
        match self.state.sync.on_delta(delta.seq.first, delta.seq.last) {
            DeltaStep::Apply => {
                self.apply_levels();
                self.state.delta_id = Some(delta.seq.last);
                if let Some((bid, ask)) = self.state.quotes.reach(delta.seq.last) {
                    self.compare_best(bid, ask);
                }
                Ok(self.settle(applied))
            }
            DeltaStep::Covered => {
                self.state.counts.dropped_before_snapshot += 1;
                Ok(What::Covered)
            }
            DeltaStep::Keep => Ok(self.keep(applied)),
            DeltaStep::KeepAfterHole => {
                self.state.counts.stream_gaps += 1;
                self.state.pending.clear();
                Ok(self.keep(applied))
            }
            DeltaStep::Gap => {
                self.state.counts.stream_gaps += 1;
                self.state.counts.resyncs += 1;
                self.state.book.clear();
                self.state.quotes.clear();
                self.state.delta_id = None;
                self.state.is_after_gap = true;
                self.state.state = BookState::Gap;
                Ok(self.keep(applied))
            }
        }
    }

    fn keep(&mut self, applied: &Applied) -> What {
        let exch_ts = applied.exch_ts.unwrap_or(applied.recv_ts);
        let dropped = self.state.pending.keep(exch_ts, applied.seq, &self.levels.bids, &self.levels.asks);
        if dropped > 0 {
            self.state.counts.pending_dropped += dropped;
            if let Some(first) = self.state.pending.first() {
                self.state.sync.forget_before(first);
            }
        }
        What::Kept
    }

    fn apply_levels(&mut self) {
        let FeedState { book, counts, .. } = &mut self.state;
        for (side, levels) in [(Side::Bid, &self.levels.bids), (Side::Ask, &self.levels.asks)] {
            for level in levels {
                if book.apply(side, *level) == Change::Absent {
                    counts.absent_removed += 1;
                }
            }
            counts.levels_applied += levels.len() as u64;
        }
        counts.applied += 1;
    }

    /// After the book has changed: may it be used?
    fn settle(&mut self, applied: &mut Applied) -> What {
        if self.state.book.is_crossed() {
            self.state.counts.crossed_after_apply += 1;
            if self.state.state != BookState::Crossed {
                self.state.state = BookState::Crossed;
                self.state.crossed_since = applied.recv_ts;
            } else if applied.recv_ts.since(self.state.crossed_since) > CROSSED_NANOS_MAX {
                self.resync();
            }
            self.state.is_after_gap = true;
            return What::Crossed;
        }
        self.state.state = BookState::Live;
        if std::mem::take(&mut self.state.is_after_gap) {
            applied.flags = applied.flags.with(QualityFlags::AFTER_GAP);
        }
        What::Book
    }

    fn apply_snapshot(&mut self, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        let last_update_id = message::read_snapshot(bytes, &self.state.spec, &mut self.levels)?;
        let id = last_update_id.unwrap_or_default();
        applied.seq = SeqRange { first: id, last: id };
        match self.state.sync.on_snapshot(last_update_id) {
            SnapshotStep::Covered => return Ok(What::Covered),
            SnapshotStep::TooOld => return Err(Reject::SnapshotTooOld),
            SnapshotStep::Join => {}
        }
        self.state.counts.snapshots += 1;
        self.state.book.replace(&self.levels.bids, &self.levels.asks);
        let FeedState { pending, counts, book, .. } = &mut self.state;
        while let Some(delta) = pending.take(|delta, level, is_bid| {
            // Steps 4 and 6: what the snapshot covers is dropped.
            if last_update_id.is_none_or(|id| delta.seq.last > id) {
                let side = if is_bid { Side::Bid } else { Side::Ask };
                let change = book.apply(side, level);
                counts.absent_removed += u64::from(change == Change::Absent);
                counts.levels_applied += 1;
            }
        }) {
            if last_update_id.is_some_and(|id| delta.seq.last <= id) {
                counts.dropped_before_snapshot += 1;
            } else {
                counts.applied += 1;
                applied.exch_ts = Some(delta.exch_ts);
                applied.seq.last = delta.seq.last;
            }
        }
        self.state.quotes.reach(applied.seq.last);
        self.state.delta_id = None;
        applied.flags = applied.flags.with(QualityFlags::SNAPSHOT);
        Ok(match self.settle(applied) {
            What::Book => What::Snapshot,
            other => other,
        })
    }

    fn apply_trade(&mut self, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        let (trade, exch_ts) = message::read_trade(bytes, &self.state.spec)?;
        applied.exch_ts = Some(exch_ts);
        applied.seq = SeqRange { first: trade.trade_id, last: trade.trade_id };
        match self.state.trade_id {
            Some(last) if trade.trade_id <= last => return Ok(What::Covered),
            Some(last) if trade.trade_id > last.saturating_add(1) => {
                self.state.counts.trade_gaps += trade.trade_id - last - 1;
                applied.flags = applied.flags.with(QualityFlags::TRADE_GAP);
            }
            _ => {}
        }
        self.state.trade_id = Some(trade.trade_id);
        self.state.counts.trades += 1;
        Ok(What::Trade(trade))
    }

    fn apply_quote(&mut self, bytes: &[u8], applied: &mut Applied) -> Result<What, Reject> {
        let (bid, ask, update_id) = message::read_quote(bytes, &self.state.spec)?;
        applied.seq = SeqRange { first: update_id, last: update_id };
        self.state.counts.quotes += 1;
        match self.state.delta_id {
            Some(id) if update_id == id => self.compare_best(bid, ask),
            Some(id) if update_id < id => {}
            _ => self.state.quotes.keep(update_id, bid, ask),
        }
        Ok(What::Quote(QuoteEvent { bid, ask }))
    }

    fn compare_best(&mut self, bid: Level, ask: Level) {
        self.state.counts.bbo_checks += 1;
        self.state.counts.bbo_matches += u64::from(self.state.book.best() == Some((bid, ask)));
    }

    /// What to save. Equal feeds give equal states.
    #[must_use]
    pub fn to_state(&self) -> FeedState {
        let mut state = self.state.clone();
        state.bids = state.book.side(Side::Bid).levels().collect();
        state.asks = state.book.side(Side::Ask).levels().collect();
        state
    }

    /// The feed as it was when [`to_state`](Self::to_state) was called; `None` for a state that no feed can have.
    #[must_use]
    pub fn from_state(mut state: FeedState) -> Option<Self> {
        let levels_are_positive =
            state.bids.iter().chain(&state.asks).all(|level| level.qty.0 > 0 && level.price.0 > 0);
        if !levels_are_positive || !state.pending.is_consistent() || state.spec.validate().is_err() {
            return None;
        }
        state.book.replace(&state.bids, &state.asks);
        state.bids.clear();
        state.asks.clear();
        Some(Self { state, levels: Levels::default() })
    }

    /// How many deltas are kept until a snapshot comes.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.state.pending.len()
    }
}
