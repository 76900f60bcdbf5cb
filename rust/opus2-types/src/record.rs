//! What a raw record carries.

use std::fmt;

/// The kind of venue text in one raw record, written in the record header `channel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Channel {
    /// Incremental changes of the book (Binance `depth@100ms`).
    Depth,
    /// Trades.
    Trade,
    /// Best bid and offer (Binance `bookTicker`).
    Quote,
    /// A full book: the body of a REST answer, or a snapshot message.
    Snapshot,
    /// An [`InstrumentSpec`](crate::InstrumentSpec), in our own JSON.
    Instrument,
    /// Our own position in the instrument, in our own JSON, from whoever executes our orders.
    Position,
    /// A message that belongs to an instrument but that no operator reads (klines, aggregated trades).
    Other,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 7] = [
        Self::Depth,
        Self::Trade,
        Self::Quote,
        Self::Snapshot,
        Self::Instrument,
        Self::Position,
        Self::Other,
    ];

    /// The name written in record headers, metrics and JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::Trade => "trade",
            Self::Quote => "quote",
            Self::Snapshot => "snapshot",
            Self::Instrument => "instrument",
            Self::Position => "position",
            Self::Other => "other",
        }
    }

    /// The channel of a name; `None` when the name is unknown.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
