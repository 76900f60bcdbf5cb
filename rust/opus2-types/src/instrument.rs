//! Instruments, and the markets that group them.

use crate::{FeedKind, SCALE_MAX, Venue};

/// Quote assets that are the same money for a market, first the one that names the family.
///
/// A market compares order flow, not balances: a dollar and a coin that promises a dollar move together tick by tick.
/// Amounts are never added across members. Sources: the venues' own product lists, read November 2026.
const QUOTE_FAMILIES: &[(&str, &[&str])] = &[
    (
        "USD",
        &[
            "USD", "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "DAI", "PYUSD", "USD1", "RLUSD", "USDS",
            "XUSD",
        ],
    ),
    ("EUR", &["EUR", "EURI", "EURC", "EURT", "EURQ", "AEUR"]),
];

/// The family of a quote asset, if it belongs to one with several members.
#[must_use]
pub fn quote_family(quote: &str) -> Option<&'static str> {
    QUOTE_FAMILIES.iter().find(|(_, members)| members.contains(&quote)).map(|(family, _)| *family)
}

/// The market of an instrument: `BTC/USD*` for a quote family (the star says several quote assets), else `ETH/BTC`.
///
/// ```
/// assert_eq!(opus2_types::market_name("BTC", "USDT"), "BTC/USD*");
/// assert_eq!(opus2_types::market_name("ETH", "BTC"), "ETH/BTC");
/// ```
#[must_use]
pub fn market_name(base: &str, quote: &str) -> String {
    match quote_family(quote) {
        Some(family) => format!("{base}/{family}*"),
        None => format!("{base}/{quote}"),
    }
}

/// Where an instrument's scales come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SpecOrigin {
    /// The venue's own metadata.
    Venue,
    /// The numbers of a recording that came without metadata; the tick is unknown and the assets are guessed.
    Recording,
}

/// How one instrument counts: scales, tick and lot.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InstrumentSpec {
    /// Where it trades.
    pub venue: Venue,
    /// The venue's own symbol, unchanged (`BTCUSDT`, `BTC-USD`). May hold any UTF-8 text.
    pub symbol: String,
    /// Base asset by its common ticker.
    pub base: String,
    /// Quote asset by its common ticker.
    pub quote: String,
    /// Decimal places of a `Price`.
    pub price_scale: u8,
    /// Decimal places of a `Qty`.
    pub qty_scale: u8,
    /// Minimum price step in `Price` units; zero when unknown or not enforced.
    pub tick: i64,
    /// Minimum quantity step in `Qty` units; zero when unknown or not enforced.
    pub lot: i64,
    /// Where the numbers above come from.
    pub origin: SpecOrigin,
    /// Which feed of the venue its records come from.
    pub feed: FeedKind,
}

/// Why an instrument's specification cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A scale above [`SCALE_MAX`].
    #[error("{symbol}: scale {scale} is above the limit of {SCALE_MAX}")]
    Scale {
        /// The instrument.
        symbol: String,
        /// The offending scale.
        scale: u8,
    },
    /// An empty symbol, base or quote.
    #[error("{symbol:?}: {field} is empty")]
    Empty {
        /// The instrument.
        symbol: String,
        /// Which field is empty.
        field: &'static str,
    },
    /// A feed of another venue.
    #[error("{symbol}: feed {feed} is none of {venue}")]
    Feed {
        /// The instrument.
        symbol: String,
        /// Its venue.
        venue: Venue,
        /// The offending feed.
        feed: FeedKind,
    },
    /// A book that is cut to no levels at all.
    #[error("{symbol}: feed {feed} needs a depth of at least one level")]
    NoDepth {
        /// The instrument.
        symbol: String,
        /// The offending feed.
        feed: FeedKind,
    },
    /// A negative tick or lot.
    #[error("{symbol}: {field} of {value} is negative")]
    Negative {
        /// The instrument.
        symbol: String,
        /// Which field is negative.
        field: &'static str,
        /// Its value.
        value: i64,
    },
}

impl InstrumentSpec {
    /// Checks what every user of a specification relies on.
    ///
    /// # Errors
    /// [`SpecError`] names the field and its value.
    pub fn validate(&self) -> Result<(), SpecError> {
        let symbol = || self.symbol.clone();
        for (field, text) in [("symbol", &self.symbol), ("base", &self.base), ("quote", &self.quote)] {
            if text.is_empty() {
                return Err(SpecError::Empty { symbol: symbol(), field });
            }
        }
        for scale in [self.price_scale, self.qty_scale] {
            if scale > SCALE_MAX {
                return Err(SpecError::Scale { symbol: symbol(), scale });
            }
        }
        for (field, value) in [("tick", self.tick), ("lot", self.lot)] {
            if value < 0 {
                return Err(SpecError::Negative { symbol: symbol(), field, value });
            }
        }
        if self.feed.venue() != self.venue {
            return Err(SpecError::Feed { symbol: symbol(), venue: self.venue, feed: self.feed });
        }
        if self.feed.depth() == Some(0) {
            return Err(SpecError::NoDepth { symbol: symbol(), feed: self.feed });
        }
        Ok(())
    }

    /// The market this instrument belongs to.
    #[must_use]
    pub fn market(&self) -> String {
        market_name(&self.base, &self.quote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_and_their_coins_share_a_market() {
        for quote in ["USD", "USDT", "USDC", "FDUSD"] {
            assert_eq!(market_name("BTC", quote), "BTC/USD*");
        }
        assert_eq!(market_name("BTC", "EUR"), "BTC/EUR*");
        assert_eq!(market_name("BTC", "TRY"), "BTC/TRY");
    }

    #[test]
    fn a_spec_says_what_is_wrong_with_it() {
        let good = InstrumentSpec {
            venue: Venue::Binance,
            symbol: "BTCUSDT".into(),
            base: "BTC".into(),
            quote: "USDT".into(),
            price_scale: 2,
            qty_scale: 5,
            tick: 1,
            lot: 1,
            origin: SpecOrigin::Venue,
            feed: FeedKind::BinanceDepth,
        };
        assert_eq!(good.validate(), Ok(()));
        let bad = InstrumentSpec { price_scale: 19, ..good.clone() };
        assert_eq!(bad.validate().unwrap_err().to_string(), "BTCUSDT: scale 19 is above the limit of 18");
        let bad = InstrumentSpec { venue: Venue::Kraken, ..good.clone() };
        assert_eq!(bad.validate().unwrap_err().to_string(), "BTCUSDT: feed binance_depth is none of kraken");
        let bad = InstrumentSpec { base: String::new(), ..good };
        assert_eq!(bad.validate().unwrap_err().to_string(), "\"BTCUSDT\": base is empty");
    }
}
