//! What `normalize` says happened.

use crate::{Aggressor, BookView, Level, OrderId, Price, Qty, UnixNanos, Venue};

/// The venue's update numbers covered by a message, both ends included. `0..=0` where the venue sends none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct SeqRange {
    /// The first update number covered.
    pub first: u64,
    /// The last update number covered.
    pub last: u64,
}

/// Whether a book is in step with its venue. Only [`BookState::Live`] feeds the stages.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[non_exhaustive]
pub enum BookState {
    /// Nothing seen yet, or the connection was lost.
    #[default]
    Empty,
    /// Deltas are being kept while a snapshot is awaited.
    Syncing,
    /// In step with the venue.
    Live,
    /// An update was missed; a snapshot is awaited.
    Gap,
    /// Best bid above best ask; waits for the venue to resolve it, then for a snapshot.
    Crossed,
    /// Nothing heard for longer than the venue's quiet behaviour explains.
    Stale,
}

impl BookState {
    /// Every state, in the order of [`BookState::code`].
    pub const ALL: [Self; 6] =
        [Self::Empty, Self::Syncing, Self::Live, Self::Gap, Self::Crossed, Self::Stale];

    /// The lower-case name used in JSON, metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Syncing => "syncing",
            Self::Live => "live",
            Self::Gap => "gap",
            Self::Crossed => "crossed",
            Self::Stale => "stale",
        }
    }

    /// A number that never changes, for binary encodings.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Syncing => 1,
            Self::Live => 2,
            Self::Gap => 3,
            Self::Crossed => 4,
            Self::Stale => 5,
        }
    }

    /// The state of a [`code`](Self::code).
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Facts about an event's trustworthiness that would otherwise be lost in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct QualityFlags(pub u16);

impl QualityFlags {
    /// The event is, or was rebuilt from, a snapshot: nothing may be differenced across it.
    pub const SNAPSHOT: Self = Self(1);
    /// Updates were lost between this event and the one before it.
    pub const AFTER_GAP: Self = Self(1 << 1);
    /// The receive clock went back; `recv_ts` was held at its previous value.
    pub const CLOCK_WENT_BACK: Self = Self(1 << 2);
    /// The venue sent no time of its own for this event.
    pub const NO_EXCH_TS: Self = Self(1 << 3);
    /// Trade numbers were skipped before this trade.
    pub const TRADE_GAP: Self = Self(1 << 4);

    /// Every flag with its name, in bit order.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::SNAPSHOT, "snapshot"),
        (Self::AFTER_GAP, "after_gap"),
        (Self::CLOCK_WENT_BACK, "clock_went_back"),
        (Self::NO_EXCH_TS, "no_exch_ts"),
        (Self::TRADE_GAP, "trade_gap"),
    ];

    /// These flags and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True when every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags set, in bit order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }
}

/// The resting order that a trade filled. Its side is the opposite of the aggressor's, its price the trade's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MakerFill {
    /// The order.
    pub order: OrderId,
    /// What it showed in the book before the trade.
    pub shown: Qty,
}

/// A trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TradeEvent {
    /// The venue's number of the trade.
    pub trade_id: u64,
    /// Execution price.
    pub price: Price,
    /// Executed quantity.
    pub qty: Qty,
    /// Who took liquidity.
    pub aggressor: Aggressor,
    /// The order that was filled; `None` on feeds that do not tell it, and while the book that would know what it showed
    /// is not live.
    pub maker: Option<MakerFill>,
}

/// A change of the best bid or offer, from the venue's own best-quote channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuoteEvent {
    /// Best bid.
    pub bid: Level,
    /// Best ask.
    pub ask: Level,
}

/// A book changed its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusEvent {
    /// The state before.
    pub from: BookState,
    /// The state now.
    pub to: BookState,
}

/// A window of data quality has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityEvent {
    /// The data quality score, thousandths of a point: 0 to 100,000.
    pub score_thousandths: u32,
    /// The instrument is kept from signals until a later event says otherwise.
    pub is_fenced: bool,
}

/// What we hold of one instrument, as whoever executes our orders says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct PositionEvent {
    /// Signed quantity: positive is long, negative short, zero flat.
    pub qty: Qty,
    /// Average entry price; `None` when flat or not told.
    pub entry_price: Option<Price>,
    /// Equity of the whole account in millionths of the quote asset; `None` when not told.
    pub equity_micros: Option<i64>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "events live on the stack, one at a time; a box would allocate per event"
)]
pub enum EventBody {
    /// The book changed; these are its best levels after the change.
    Book(BookView),
    /// A trade.
    Trade(TradeEvent),
    /// The venue's best quote.
    Quote(QuoteEvent),
    /// The book's state changed.
    Status(StatusEvent),
    /// The feed was judged.
    Quality(QualityEvent),
    /// Our own position changed, or was told again.
    Position(PositionEvent),
}

impl EventBody {
    /// The name used in JSON: `book`, `trade`, `quote`, `status`, `quality` or `position`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Book(_) => "book",
            Self::Trade(_) => "trade",
            Self::Quote(_) => "quote",
            Self::Status(_) => "status",
            Self::Quality(_) => "quality",
            Self::Position(_) => "position",
        }
    }
}

/// One thing that happened to one instrument: what `normalize` hands to the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarketEvent<'a> {
    /// The event's identity, the same in every replay: `venue:symbol:connection:number`, with `:status` appended for
    /// the second event of a record.
    pub id: &'a str,
    /// Where it happened.
    pub venue: Venue,
    /// The venue's own symbol.
    pub symbol: &'a str,
    /// Decimal places of every price in the event.
    pub price_scale: u8,
    /// Decimal places of every quantity in the event.
    pub qty_scale: u8,
    /// The venue's minimum price step in `Price` units; zero when it is unknown.
    pub tick: Price,
    /// The venue's minimum quantity step in `Qty` units; zero when it is unknown.
    pub lot: Qty,
    /// When the venue says it happened.
    pub exch_ts: Option<UnixNanos>,
    /// When our socket read returned. Never goes back within an instrument.
    pub recv_ts: UnixNanos,
    /// The venue's update numbers.
    pub seq: SeqRange,
    /// What to know before trusting it.
    pub flags: QualityFlags,
    /// What happened.
    pub body: EventBody,
}
