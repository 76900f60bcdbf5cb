//! One instrument: its book, and its place in the venue's numbering.

pub(crate) mod core;
mod counts;
mod protocol;

use opus2_book::{L2Book, Orders};
use opus2_types::{BookState, Channel, InstrumentSpec, Level, QualityFlags, QuoteEvent, SeqRange, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::Reject;
use crate::feed::core::Core;
pub use crate::feed::core::{CROSSED_NANOS_MAX, Levels, Trade};
pub use crate::feed::counts::FeedCounts;
use crate::feed::protocol::Protocol;

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
    /// Trades and nothing else: see [`Feed::trades`]. A message that changes the book may hold trades as well.
    Trades,
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

/// One instrument of a venue: book, the venue's rules, counts.
///
/// Feed it every message of the instrument in the order received, with [`connected`](Self::connected) and
/// [`disconnected`](Self::disconnected) in between. It answers what each message did, keeps the book right or says that
/// it is not ([`state`](Self::state)), and says when it wants a snapshot. It never panics on what a venue sends.
///
/// Which venue's rules it goes by is its specification's [`FeedKind`](opus2_types::FeedKind). The states are the same
/// for all:
///
/// | state | deltas | leaves it by |
/// | --- | --- | --- |
/// | `Empty` | refused | `connected` → `Syncing` |
/// | `Syncing` | kept, or refused where nothing can be done with them | a snapshot that joins → `Live` |
/// | `Live` | applied | a hole, a wrong checksum or a bad delta → `Gap`; a cross → `Crossed` |
/// | `Gap` | as `Syncing` | a snapshot that joins → `Live` |
/// | `Crossed` | applied | uncrossed → `Live`; once it has lasted as long as the venue may show it → `Gap` |
#[derive(Debug, Clone)]
pub struct Feed {
    core: Core,
    protocol: Protocol,
    exch_ts: Option<UnixNanos>,
}

/// Everything of a [`Feed`] that outlives a message: what a host saves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    core: Core,
    protocol: Protocol,
}

impl Feed {
    /// A feed without a connection.
    #[must_use]
    pub fn new(spec: InstrumentSpec) -> Self {
        let protocol = Protocol::new(spec.feed);
        Self { core: Core::new(spec), protocol, exch_ts: None }
    }

    /// How the instrument counts.
    #[must_use]
    pub const fn spec(&self) -> &InstrumentSpec {
        &self.core.spec
    }

    /// Whether the book is in step.
    #[must_use]
    pub const fn state(&self) -> BookState {
        self.core.state
    }

    /// The book. To be trusted only while [`state`](Self::state) is `Live`.
    #[must_use]
    pub const fn book(&self) -> &L2Book {
        &self.core.book
    }

    /// Every order of the book, in its queue; `None` of a feed that does not name orders. To be trusted as the book is.
    #[must_use]
    pub fn orders(&self) -> Option<&Orders> {
        self.protocol.orders()
    }

    /// The levels of the message applied last, in the venue's order.
    #[must_use]
    pub fn changes(&self) -> (&[Level], &[Level]) {
        (&self.core.levels.bids, &self.core.levels.asks)
    }

    /// The trades of the message applied last, in the venue's order, without those that had been seen before.
    #[must_use]
    pub fn trades(&self) -> &[Trade] {
        &self.core.trades
    }

    /// What has been seen.
    #[must_use]
    pub const fn counts(&self) -> &FeedCounts {
        &self.core.counts
    }

    /// The receive time of the newest message; [`UnixNanos::MIN`] before the first.
    #[must_use]
    pub const fn recv_ts(&self) -> UnixNanos {
        self.core.recv_ts
    }

    /// The venue's own time of the message applied last, where it gave one. Not saved.
    #[must_use]
    pub const fn exch_ts(&self) -> Option<UnixNanos> {
        self.exch_ts
    }

    /// True while only a snapshot can bring the book back in step.
    #[must_use]
    pub const fn wants_snapshot(&self) -> bool {
        matches!(self.core.state, BookState::Syncing | BookState::Gap)
    }

    /// A connection is up and subscribed: the book begins anew.
    pub fn connected(&mut self) {
        self.core.forget_book();
        self.protocol.restart();
        self.core.state = BookState::Syncing;
    }

    /// The connection is gone, and with it the book.
    pub fn disconnected(&mut self) {
        self.core.forget_book();
        self.protocol.restart();
        self.core.state = BookState::Empty;
    }

    /// Something outside the venue's numbering was lost (a record between broker and us): the book is unsure.
    pub fn lost(&mut self) {
        if self.core.state != BookState::Empty {
            self.resync();
        }
    }

    fn resync(&mut self) {
        self.core.lose_book();
        self.protocol.restart();
    }

    /// Takes one message.
    pub fn apply(&mut self, channel: Channel, bytes: &[u8], recv_ts: UnixNanos) -> Applied {
        let core = &mut self.core;
        let before = core.state;
        let mut flags = QualityFlags::default();
        if recv_ts < core.recv_ts {
            flags = flags.with(QualityFlags::CLOCK_WENT_BACK);
        }
        core.recv_ts = recv_ts.max(core.recv_ts);
        core.trades.clear();
        let mut applied = Applied {
            what: What::Other,
            before,
            state: before,
            exch_ts: None,
            recv_ts: core.recv_ts,
            seq: SeqRange::default(),
            flags,
        };
        let result = match channel {
            _ if before == BookState::Empty => Err(Reject::NotConnected),
            Channel::Instrument => Ok(What::Other),
            _ => self.protocol.apply(core, channel, bytes, &mut applied),
        };
        applied.what = result.unwrap_or_else(|reject| {
            self.core.counts.rejected += 1;
            // A delta that cannot be read is an update that is missing.
            if channel == Channel::Depth && matches!(before, BookState::Live | BookState::Crossed) {
                self.core.is_lost = true;
            }
            What::Rejected(reject)
        });
        if std::mem::take(&mut self.core.is_lost) {
            self.resync();
        }
        if applied.exch_ts.is_none() {
            applied.flags = applied.flags.with(QualityFlags::NO_EXCH_TS);
        }
        applied.state = self.core.state;
        self.exch_ts = applied.exch_ts;
        applied
    }

    /// What to save. Equal feeds give equal states.
    #[must_use]
    pub fn to_state(&self) -> FeedState {
        let mut state = FeedState { core: self.core.clone(), protocol: self.protocol.clone() };
        state.core.pack();
        state.protocol.pack(&state.core);
        state
    }

    /// The feed as it was when [`to_state`](Self::to_state) was called; `None` for a state that no feed can have.
    #[must_use]
    pub fn from_state(state: FeedState) -> Option<Self> {
        let FeedState { mut core, mut protocol } = state;
        (core.unpack() && protocol.unpack(&core)).then_some(Self { core, protocol, exch_ts: None })
    }

    /// How many orders rest in the book; `None` for a feed without orders (L2).
    #[must_use]
    pub fn resting_orders(&self) -> Option<usize> {
        self.protocol.resting_orders()
    }

    /// How many deltas are kept until a snapshot comes.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.protocol.pending_count()
    }
}
