//! Which side of the book, and which side took liquidity.

/// A side of an order book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Side {
    /// Orders to buy; the best bid is the highest.
    Bid,
    /// Orders to sell; the best ask is the lowest.
    Ask,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }
}

/// The side that took liquidity in a trade.
///
/// Venues disagree about what their own field means: Binance sends "buyer is maker" (`true` means the aggressor
/// **sold**), Coinbase sends the *maker's* side, Kraken the *taker's*. Only the venue's decoder knows; everybody else
/// sees an `Aggressor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Aggressor {
    /// The buyer crossed the spread.
    Buy,
    /// The seller crossed the spread.
    Sell,
}

impl Aggressor {
    /// `+1` for a buy, `-1` for a sell: the sign convention of every signed volume.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }

    /// `"buy"` or `"sell"`, as written in every JSON view.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
        }
    }
}
