//! Which feed of a venue an instrument is followed by.

use std::fmt;

use crate::Venue;

/// How the raw records of an instrument are to be read: which of its venue's feeds they come from.
///
/// It is announced with the instrument, in the record that opens every connection, so that nobody has to guess it from
/// the text. An instrument is followed by one feed at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum FeedKind {
    /// Binance spot: `depth@100ms` over a REST snapshot, `trade`, `bookTicker`.
    BinanceDepth,
    /// Coinbase Exchange: `level2` or `level2_batch`, `matches`.
    CoinbaseLevel2,
    /// Coinbase Exchange: `full`, order by order, over a REST level 3 snapshot.
    CoinbaseFull,
    /// Coinbase Advanced Trade: `level2` (which arrives as `l2_data`), `market_trades`.
    CoinbaseAdvanced,
    /// Kraken v2: `book`, `trade`, `ticker`.
    KrakenBook {
        /// Price levels a side that the subscription asked for: the book is cut to it after each message.
        depth: u16,
    },
    /// Kraken v2: `level3`, order by order.
    KrakenOrders {
        /// Price levels a side that the subscription asked for.
        depth: u16,
    },
    /// Kraken v1: `book-N`, `trade`, `spread`. Recordings only.
    KrakenV1Book {
        /// The `N` of `book-N`.
        depth: u16,
    },
}

impl FeedKind {
    /// One of each, depths being those a venue takes by default.
    pub const ALL: [Self; 7] = [
        Self::BinanceDepth,
        Self::CoinbaseLevel2,
        Self::CoinbaseFull,
        Self::CoinbaseAdvanced,
        Self::KrakenBook { depth: 10 },
        Self::KrakenOrders { depth: 10 },
        Self::KrakenV1Book { depth: 10 },
    ];

    /// The name in specifications, configuration and metrics. Depth is not part of it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BinanceDepth => "binance_depth",
            Self::CoinbaseLevel2 => "coinbase_level2",
            Self::CoinbaseFull => "coinbase_full",
            Self::CoinbaseAdvanced => "coinbase_advanced",
            Self::KrakenBook { .. } => "kraken_book",
            Self::KrakenOrders { .. } => "kraken_orders",
            Self::KrakenV1Book { .. } => "kraken_v1_book",
        }
    }

    /// The feed of a name, with this depth where it has one; `None` for an unknown name.
    #[must_use]
    pub fn from_name(name: &str, depth: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name).map(|kind| kind.with_depth(depth))
    }

    const fn with_depth(self, depth: u16) -> Self {
        match self {
            Self::KrakenBook { .. } => Self::KrakenBook { depth },
            Self::KrakenOrders { .. } => Self::KrakenOrders { depth },
            Self::KrakenV1Book { .. } => Self::KrakenV1Book { depth },
            other => other,
        }
    }

    /// Price levels a side that the book is cut to; `None` where every level is kept.
    #[must_use]
    pub const fn depth(self) -> Option<u16> {
        match self {
            Self::KrakenBook { depth } | Self::KrakenOrders { depth } | Self::KrakenV1Book { depth } => {
                Some(depth)
            }
            _ => None,
        }
    }

    /// Whose feed it is.
    #[must_use]
    pub const fn venue(self) -> Venue {
        match self {
            Self::BinanceDepth => Venue::Binance,
            Self::CoinbaseLevel2 | Self::CoinbaseFull | Self::CoinbaseAdvanced => Venue::Coinbase,
            Self::KrakenBook { .. } | Self::KrakenOrders { .. } | Self::KrakenV1Book { .. } => Venue::Kraken,
        }
    }

    /// True when the venue numbers this instrument's book updates without holes, so that a missing one shows. (Coinbase
    /// Advanced Trade numbers the messages of a connection, not those of an instrument.)
    #[must_use]
    pub const fn has_update_numbers(self) -> bool {
        matches!(self, Self::BinanceDepth | Self::CoinbaseFull)
    }

    /// True when its messages name single orders (L3).
    #[must_use]
    pub const fn is_order_by_order(self) -> bool {
        matches!(self, Self::CoinbaseFull | Self::KrakenOrders { .. })
    }
}

impl fmt::Display for FeedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feed_survives_its_name() {
        for kind in FeedKind::ALL {
            assert_eq!(FeedKind::from_name(kind.as_str(), 10), Some(kind));
        }
        assert_eq!(FeedKind::from_name("kraken_book", 1000), Some(FeedKind::KrakenBook { depth: 1000 }));
        assert_eq!(FeedKind::from_name("binance", 0), None);
    }
}
