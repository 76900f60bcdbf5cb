//! What the followers of every venue share: book, state, counts, and what the newest message held.

use opus2_book::{Change, L2Book};
use opus2_types::{BookState, InstrumentSpec, Level, QualityFlags, SeqRange, Side, TradeEvent, UnixNanos};
use serde::{Deserialize, Serialize};

use super::{Applied, FeedCounts, What};
use crate::Reject;

/// How long a book whose checksum agrees with the venue's may stay crossed before it is taken for wrong.
pub const CROSSED_NANOS_MAX: i64 = 100_000_000;

/// The levels of the message read last. Reused from message to message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Levels {
    /// Bids, in the venue's order.
    pub bids: Vec<Level>,
    /// Asks, in the venue's order.
    pub asks: Vec<Level>,
}

impl Levels {
    /// Forgets the levels, keeps the memory.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
    }

    /// The levels of one side.
    pub const fn side_mut(&mut self, side: Side) -> &mut Vec<Level> {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
        }
    }
}

/// One trade of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// What was traded, and who took.
    pub event: TradeEvent,
    /// When the venue says so.
    pub exch_ts: Option<UnixNanos>,
    /// [`QualityFlags::TRADE_GAP`] when trades before it are missing.
    pub flags: QualityFlags,
}

/// What was lost and has not been said by anything published since.
///
/// Saved as one byte, so that what was saved when there was only `book_gap`, as a `bool`, reads the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
struct Unsaid {
    /// The next usable book is the first after a gap.
    book_gap: bool,
    /// The next trade is the first after missing ones.
    trade_gap: bool,
}

impl From<Unsaid> for u8 {
    fn from(unsaid: Unsaid) -> Self {
        Self::from(unsaid.book_gap) | Self::from(unsaid.trade_gap) << 1
    }
}

impl TryFrom<u8> for Unsaid {
    type Error = &'static str;

    fn try_from(bits: u8) -> Result<Self, Self::Error> {
        if bits > 0b11 {
            return Err("no feed can have this left to say");
        }
        Ok(Self { book_gap: bits & 1 != 0, trade_gap: bits & 2 != 0 })
    }
}

/// The venue-independent half of a [`Feed`](super::Feed): a follower reads messages into it and decides by the venue's
/// numbering; the core keeps the book, its state and the counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Core {
    pub(crate) spec: InstrumentSpec,
    pub(crate) state: BookState,
    /// The book's levels while the feed is saved; empty otherwise.
    bids: Vec<Level>,
    asks: Vec<Level>,
    #[serde(skip)]
    pub(crate) book: L2Book,
    pub(crate) counts: FeedCounts,
    pub(crate) recv_ts: UnixNanos,
    crossed_since: UnixNanos,
    trade_id: Option<u64>,
    unsaid: Unsaid,
    /// The book was found wrong by what [`settle`](Self::settle) saw: the feed starts it again after this message.
    #[serde(skip)]
    pub(crate) is_lost: bool,
    #[serde(skip)]
    pub(crate) levels: Levels,
    #[serde(skip)]
    pub(crate) trades: Vec<Trade>,
}

impl Core {
    pub(crate) fn new(spec: InstrumentSpec) -> Self {
        Self {
            spec,
            state: BookState::Empty,
            bids: Vec::new(),
            asks: Vec::new(),
            book: L2Book::new(),
            counts: FeedCounts::default(),
            recv_ts: UnixNanos::MIN,
            crossed_since: UnixNanos::MIN,
            trade_id: None,
            unsaid: Unsaid::default(),
            is_lost: false,
            levels: Levels::default(),
            trades: Vec::new(),
        }
    }

    pub(crate) fn forget_book(&mut self) {
        self.book.clear();
        self.unsaid.book_gap = true;
    }

    /// The book is lost: counted, and in [`BookState::Gap`] until a snapshot comes. What the follower keeps is its own
    /// affair.
    pub(crate) fn lose_book(&mut self) {
        self.forget_book();
        self.counts.resyncs += 1;
        self.state = BookState::Gap;
    }

    /// Applies one level outside of [`levels`](Self::levels).
    #[inline]
    pub(crate) fn apply_level(&mut self, side: Side, level: Level) {
        if self.book.apply(side, level) == Change::Absent {
            self.counts.absent_removed += 1;
        }
        self.counts.levels_applied += 1;
    }

    /// Applies the message's levels, in the venue's order, and counts one delta.
    pub(crate) fn apply_levels(&mut self) {
        let Self { book, counts, levels, .. } = self;
        for (side, levels) in [(Side::Bid, &levels.bids), (Side::Ask, &levels.asks)] {
            for level in levels {
                if book.apply(side, *level) == Change::Absent {
                    counts.absent_removed += 1;
                }
            }
            counts.levels_applied += levels.len() as u64;
        }
        counts.applied += 1;
    }

    /// Makes the message's levels the whole book, and counts one snapshot.
    pub(crate) fn replace_book(&mut self) {
        self.book.replace(&self.levels.bids, &self.levels.asks);
        self.counts.snapshots += 1;
    }

    /// After the book has changed: may it be used? [`What::Book`] or [`What::Crossed`].
    ///
    /// `crossed_nanos_max` is how long the venue may show a crossed book before it is taken for wrong; `None` where
    /// crossed books are its normal way (auctions).
    pub(crate) fn settle(&mut self, applied: &mut Applied, crossed_nanos_max: Option<i64>) -> What {
        if self.book.is_crossed() {
            self.counts.crossed_after_apply += 1;
            if self.state != BookState::Crossed {
                self.state = BookState::Crossed;
                self.crossed_since = applied.recv_ts;
            }
            if crossed_nanos_max.is_some_and(|max| applied.recv_ts.since(self.crossed_since) >= max) {
                self.is_lost = true;
            }
            self.unsaid.book_gap = true;
            return What::Crossed;
        }
        self.state = BookState::Live;
        if std::mem::take(&mut self.unsaid.book_gap) {
            applied.flags = applied.flags.with(QualityFlags::AFTER_GAP);
        }
        What::Book
    }

    /// [`settle`](Self::settle) after a snapshot: [`What::Snapshot`] or [`What::Crossed`].
    pub(crate) fn settle_snapshot(&mut self, applied: &mut Applied, crossed_nanos_max: Option<i64>) -> What {
        applied.flags = applied.flags.with(QualityFlags::SNAPSHOT);
        match self.settle(applied, crossed_nanos_max) {
            What::Book => What::Snapshot,
            other => other,
        }
    }

    /// True while updates mean nothing, until a snapshot comes: no book, or a lost one.
    pub(crate) const fn is_waiting(&self) -> bool {
        !matches!(self.state, BookState::Live | BookState::Crossed)
    }

    /// Drops the levels beyond the best `depth` of each side.
    pub(crate) fn cut_to(&mut self, depth: u16) {
        for side in [Side::Bid, Side::Ask] {
            while self.book.side(side).len() > usize::from(depth) {
                self.book.remove_worst(side);
            }
        }
    }

    /// Compares the book's checksum with the venue's, and counts it.
    ///
    /// # Errors
    /// [`Reject::BadChecksum`]: the book is not the venue's.
    pub(crate) const fn take_checksum(&mut self, ours: u32, venue: u32) -> Result<(), Reject> {
        if ours == venue {
            self.counts.checksums_ok += 1;
            return Ok(());
        }
        self.counts.checksums_bad += 1;
        Err(Reject::BadChecksum { ours, venue })
    }

    /// Takes a trade whose number rises by one from trade to trade, and says whether it is new. One that was seen before
    /// (venues repeat trades after a reconnect) is left out; numbers that were skipped are counted. The first after missing
    /// trades says so, whoever found out about them.
    pub(crate) fn take_trade(&mut self, event: TradeEvent, exch_ts: Option<UnixNanos>) -> bool {
        let mut flags = QualityFlags::default();
        match self.trade_id {
            Some(last) if event.trade_id <= last => return false,
            Some(last) if event.trade_id > last.saturating_add(1) => {
                self.counts.trade_gaps += event.trade_id - last - 1;
                flags = flags.with(QualityFlags::TRADE_GAP);
            }
            _ => {}
        }
        if std::mem::take(&mut self.unsaid.trade_gap) {
            flags = flags.with(QualityFlags::TRADE_GAP);
        }
        self.trade_id = Some(event.trade_id);
        self.counts.trades += 1;
        self.trades.push(Trade { event, exch_ts, flags });
        true
    }

    /// True once a trade's number is known.
    pub(crate) const fn knows_trades(&self) -> bool {
        self.trade_id.is_some()
    }

    /// The trades that we want begin after this one.
    pub(crate) fn begin_trades_after(&mut self, trade_id: u64) {
        self.trade_id = self.trade_id.max(Some(trade_id));
    }

    /// The venue says that it has had this trade. Gives, and counts, how many of those up to it have not come: the next
    /// trade is the one that says so to those who see only trades.
    pub(crate) fn miss_trades_until(&mut self, trade_id: u64) -> u64 {
        let missed = self.trade_id.map_or(0, |last| trade_id.saturating_sub(last));
        self.counts.trade_gaps += missed;
        self.unsaid.trade_gap |= missed > 0;
        self.begin_trades_after(trade_id);
        missed
    }

    /// What to answer for a message of trades: their range of numbers, the time of the newest.
    pub(crate) fn settle_trades(&self, applied: &mut Applied) -> What {
        let (Some(first), Some(last)) = (self.trades.first(), self.trades.last()) else {
            return What::Covered;
        };
        applied.seq = SeqRange { first: first.event.trade_id, last: last.event.trade_id };
        applied.exch_ts = last.exch_ts;
        What::Trades
    }

    /// The best quote of the venue against the book's own best levels.
    pub(crate) fn compare_best(&mut self, bid: Level, ask: Level) {
        self.counts.bbo_checks += 1;
        self.counts.bbo_matches += u64::from(self.book.best() == Some((bid, ask)));
    }

    /// Puts the book's levels where they are saved.
    pub(super) fn pack(&mut self) {
        self.bids = self.book.side(Side::Bid).levels().collect();
        self.asks = self.book.side(Side::Ask).levels().collect();
    }

    /// The reverse of [`pack`](Self::pack); false for a state that no feed can have.
    pub(super) fn unpack(&mut self) -> bool {
        let levels_are_positive =
            self.bids.iter().chain(&self.asks).all(|level| level.qty.0 > 0 && level.price.0 > 0);
        self.book.replace(&self.bids, &self.asks);
        self.bids = Vec::new();
        self.asks = Vec::new();
        levels_are_positive && self.spec.validate().is_ok()
    }
}
