//! The streams of an instrument: what can be subscribed to, whatever a venue calls it.

use opus2_types::Venue;
use serde::{Deserialize, Serialize};

/// What a stream carries. Its text is the name in statistics, faults and the fault log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamKind {
    /// Binance `<symbol>@depth@100ms`: changed levels, every 100 ms in which something changed.
    #[serde(rename = "depth@100ms")]
    Depth100Ms,
    /// Binance `<symbol>@depth`: the same, every second.
    #[serde(rename = "depth")]
    Depth1000Ms,
    /// Binance `<symbol>@trade`: every trade.
    #[serde(rename = "trade")]
    Trade,
    /// Binance `<symbol>@bookTicker`: every change of the best price or quantity.
    #[serde(rename = "bookTicker")]
    BookTicker,
    /// Coinbase Exchange `level2_batch`: a snapshot, then changed levels every 50 ms.
    #[serde(rename = "level2_batch")]
    Level2Batch,
    /// Coinbase Exchange `level2`: a snapshot, then changed levels at once.
    #[serde(rename = "level2")]
    Level2,
    /// Coinbase Exchange `full`: what happens to every order.
    #[serde(rename = "full")]
    Full,
    /// Coinbase Exchange `level3`: the same as compact arrays.
    #[serde(rename = "level3")]
    Level3,
    /// Coinbase Exchange `matches`: every trade.
    #[serde(rename = "matches")]
    Matches,
    /// Coinbase Exchange `ticker`: one message per taking order.
    #[serde(rename = "ticker")]
    Ticker,
    /// Coinbase Exchange `heartbeat`: every second.
    #[serde(rename = "heartbeat")]
    Heartbeat,
    /// Coinbase Advanced Trade `level2`.
    #[serde(rename = "advanced_level2")]
    AdvancedLevel2,
    /// Coinbase Advanced Trade `market_trades`, every 250 ms in which somebody traded.
    #[serde(rename = "advanced_trades")]
    AdvancedTrades,
    /// Coinbase Advanced Trade `ticker`.
    #[serde(rename = "advanced_ticker")]
    AdvancedTicker,
    /// Kraken `book` with this many levels a side.
    #[serde(rename = "book10")]
    Book10,
    /// See [`StreamKind::Book10`].
    #[serde(rename = "book25")]
    Book25,
    /// See [`StreamKind::Book10`].
    #[serde(rename = "book100")]
    Book100,
    /// See [`StreamKind::Book10`].
    #[serde(rename = "book500")]
    Book500,
    /// See [`StreamKind::Book10`].
    #[serde(rename = "book1000")]
    Book1000,
    /// Kraken `level3` with this many levels a side.
    #[serde(rename = "orders10")]
    Orders10,
    /// See [`StreamKind::Orders10`].
    #[serde(rename = "orders100")]
    Orders100,
    /// See [`StreamKind::Orders10`].
    #[serde(rename = "orders1000")]
    Orders1000,
    /// Kraken `trade`.
    #[serde(rename = "kraken_trade")]
    KrakenTrade,
    /// Kraken `ticker` with `event_trigger` `trades`.
    #[serde(rename = "ticker_trades")]
    TickerTrades,
    /// Kraken `ticker` with `event_trigger` `bbo`.
    #[serde(rename = "ticker_bbo")]
    TickerBbo,
}

/// What kind of news a stream brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamGroup {
    /// Changes of the book, by level or by order.
    Book,
    /// Trades.
    Trades,
    /// Best quotes and summaries.
    Quotes,
}

use StreamKind as Kind;

impl StreamKind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        Kind::Depth100Ms,
        Kind::Depth1000Ms,
        Kind::Trade,
        Kind::BookTicker,
        Kind::Level2Batch,
        Kind::Level2,
        Kind::Full,
        Kind::Level3,
        Kind::Matches,
        Kind::Ticker,
        Kind::Heartbeat,
        Kind::AdvancedLevel2,
        Kind::AdvancedTrades,
        Kind::AdvancedTicker,
        Kind::Book10,
        Kind::Book25,
        Kind::Book100,
        Kind::Book500,
        Kind::Book1000,
        Kind::Orders10,
        Kind::Orders100,
        Kind::Orders1000,
        Kind::KrakenTrade,
        Kind::TickerTrades,
        Kind::TickerBbo,
    ];

    /// The stream's name in statistics, faults and the fault log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Depth100Ms => "depth@100ms",
            Kind::Depth1000Ms => "depth",
            Kind::Trade => "trade",
            Kind::BookTicker => "bookTicker",
            Kind::Level2Batch => "level2_batch",
            Kind::Level2 => "level2",
            Kind::Full => "full",
            Kind::Level3 => "level3",
            Kind::Matches => "matches",
            Kind::Ticker => "ticker",
            Kind::Heartbeat => "heartbeat",
            Kind::AdvancedLevel2 => "advanced_level2",
            Kind::AdvancedTrades => "advanced_trades",
            Kind::AdvancedTicker => "advanced_ticker",
            Kind::Book10 => "book10",
            Kind::Book25 => "book25",
            Kind::Book100 => "book100",
            Kind::Book500 => "book500",
            Kind::Book1000 => "book1000",
            Kind::Orders10 => "orders10",
            Kind::Orders100 => "orders100",
            Kind::Orders1000 => "orders1000",
            Kind::KrakenTrade => "kraken_trade",
            Kind::TickerTrades => "ticker_trades",
            Kind::TickerBbo => "ticker_bbo",
        }
    }

    /// The venue that has it.
    #[must_use]
    pub const fn venue(self) -> Venue {
        match self {
            Kind::Depth100Ms | Kind::Depth1000Ms | Kind::Trade | Kind::BookTicker => Venue::Binance,
            Kind::Level2Batch
            | Kind::Level2
            | Kind::Full
            | Kind::Level3
            | Kind::Matches
            | Kind::Ticker
            | Kind::Heartbeat
            | Kind::AdvancedLevel2
            | Kind::AdvancedTrades
            | Kind::AdvancedTicker => Venue::Coinbase,
            _ => Venue::Kraken,
        }
    }

    /// What kind of news it brings.
    #[must_use]
    pub const fn group(self) -> StreamGroup {
        match self {
            Kind::Trade | Kind::Matches | Kind::AdvancedTrades | Kind::KrakenTrade => StreamGroup::Trades,
            Kind::BookTicker
            | Kind::Ticker
            | Kind::Heartbeat
            | Kind::AdvancedTicker
            | Kind::TickerTrades
            | Kind::TickerBbo => StreamGroup::Quotes,
            _ => StreamGroup::Book,
        }
    }

    /// Whether its messages carry a checksum of the book.
    #[must_use]
    pub const fn has_checksum(self) -> bool {
        matches!(self.group(), StreamGroup::Book) && matches!(self.venue(), Venue::Kraken)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// One stream of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StreamId {
    pub(crate) instrument: usize,
    pub(crate) kind: StreamKind,
}

impl StreamId {
    /// How many streams an instrument has, most of them another venue's.
    pub(crate) const PER_INSTRUMENT: usize = StreamKind::ALL.len();

    /// A dense number: streams of instrument 0, then those of 1, …
    pub(crate) const fn index(self) -> usize {
        self.instrument * Self::PER_INSTRUMENT + self.kind.index()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_index_and_its_name() {
        for (index, kind) in StreamKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
