//! Whose messages a recording holds, and what each is about.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use opus2_types::{Channel, FeedKind, Venue};
use opus2_venue::{binance, coinbase, kraken};

use super::line::{Kind, Line};

/// How one recorder's lines are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dialect {
    Binance,
    CoinbaseExchange,
    CoinbaseAdvanced,
    Kraken,
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// A message of an instrument, by the venue's symbol, and the feed it proves.
    Instrument { symbol: String, channel: Channel, feed: Option<FeedKind> },
    /// A message of several instruments.
    Instruments { symbols: BTreeSet<String>, channel: Channel },
    /// One order of a REST book.
    SnapshotRow { symbol: String },
    /// A REST snapshot that does not say whose it is.
    Orphan,
    /// What feed of an instrument was subscribed to.
    Subscribed { symbol: String, feed: FeedKind },
    /// The venue's own list of instruments.
    Listing,
    /// A new connection.
    Open,
    /// A message about the connection.
    Control,
    /// None of the venue's messages.
    Unreadable,
    /// Nothing of the venue's.
    Nothing,
}

/// The depth of a Kraken book whose subscription was not recorded: what the venue grants when nobody asks.
const KRAKEN_DEPTH: u16 = 10;

impl Dialect {
    pub(super) fn of(line: &Line<'_>) -> Result<Self> {
        match line.exchange.as_ref() {
            "binance" => Ok(Self::Binance),
            "coinbase_exchange" => Ok(Self::CoinbaseExchange),
            "coinbase_advanced" => Ok(Self::CoinbaseAdvanced),
            "kraken" => Ok(Self::Kraken),
            other => bail!(
                "recordings of {other:?} cannot be played; those of binance, coinbase_exchange, coinbase_advanced and kraken can"
            ),
        }
    }

    pub(super) const fn venue(self) -> Venue {
        match self {
            Self::Binance => Venue::Binance,
            Self::CoinbaseExchange | Self::CoinbaseAdvanced => Venue::Coinbase,
            Self::Kraken => Venue::Kraken,
        }
    }

    /// The feed of an instrument that no message has named one for.
    pub(super) const fn usual_feed(self) -> FeedKind {
        match self {
            Self::Binance => FeedKind::BinanceDepth,
            Self::CoinbaseExchange => FeedKind::CoinbaseLevel2,
            Self::CoinbaseAdvanced => FeedKind::CoinbaseAdvanced,
            Self::Kraken => FeedKind::KrakenBook { depth: KRAKEN_DEPTH },
        }
    }

    /// What a line is about. `feed_of` tells an instrument's feed where it is known: the same message may be a trade in
    /// one feed and a change of the book in another.
    pub(super) fn about(self, line: &Line<'_>, feed_of: impl Fn(&str) -> Option<FeedKind>) -> About {
        match (self, line.kind()) {
            (_, Kind::Open) => About::Open,
            (Self::Binance, Kind::Frame) => binance_frame(line.raw()),
            (Self::Binance, Kind::Body) => binance_body(line),
            (Self::CoinbaseExchange, Kind::Frame) => exchange_frame(line.raw(), feed_of),
            (Self::CoinbaseExchange, Kind::SnapshotRow) => exchange_row(line.raw()),
            (Self::CoinbaseExchange | Self::CoinbaseAdvanced, Kind::Body) => coinbase_body(line),
            (Self::CoinbaseAdvanced, Kind::Frame) => advanced_frame(line.raw()),
            (Self::Kraken, Kind::Frame) => kraken_frame(line.raw()),
            (Self::Kraken, Kind::Body) if line.url_path().ends_with("/AssetPairs") => About::Listing,
            (_, Kind::Body | Kind::SnapshotRow | Kind::Other) => About::Nothing,
        }
    }
}

fn binance_frame(frame: &[u8]) -> About {
    match binance::classify(frame) {
        Ok(binance::Frame::Instrument { symbol, channel }) => {
            About::Instrument { symbol: symbol.to_uppercase(), channel, feed: None }
        }
        Ok(binance::Frame::Control(_)) => About::Control,
        Err(_) => About::Unreadable,
    }
}

fn binance_body(line: &Line<'_>) -> About {
    if line.url_path().ends_with("/exchangeInfo") {
        return About::Listing;
    }
    match line.url_parameter("symbol") {
        Some(symbol) => {
            About::Instrument { symbol: symbol.to_uppercase(), channel: Channel::Snapshot, feed: None }
        }
        None => About::Orphan,
    }
}

fn exchange_frame(frame: &[u8], feed_of: impl Fn(&str) -> Option<FeedKind>) -> About {
    match coinbase::classify(frame) {
        Ok(coinbase::Frame::Instrument { symbol, kind }) => {
            let proof = (kind == coinbase::Kind::Order).then_some(FeedKind::CoinbaseFull);
            let feed = feed_of(symbol).or(proof).unwrap_or(FeedKind::CoinbaseLevel2);
            About::Instrument { symbol: symbol.to_owned(), channel: kind.channel(feed), feed: proof }
        }
        Ok(_) => About::Control,
        Err(_) => About::Unreadable,
    }
}

fn exchange_row(row: &[u8]) -> About {
    match coinbase::classify(row) {
        Ok(coinbase::Frame::Instrument { symbol, .. }) => About::SnapshotRow { symbol: symbol.to_owned() },
        _ => About::Unreadable,
    }
}

fn coinbase_body(line: &Line<'_>) -> About {
    let path = line.url_path();
    if path.ends_with("/products") {
        return About::Listing;
    }
    let product = path.strip_suffix("/book").and_then(|path| path.rsplit_once("/products/"));
    match (product, line.url_parameter("level")) {
        (Some((_, symbol)), Some("3")) => About::Instrument {
            symbol: symbol.to_owned(),
            channel: Channel::Snapshot,
            feed: Some(FeedKind::CoinbaseFull),
        },
        _ => About::Nothing,
    }
}

fn advanced_frame(frame: &[u8]) -> About {
    let mut symbols = BTreeSet::new();
    let classified = coinbase::classify_advanced(frame, |symbol| {
        if !symbols.contains(symbol) {
            symbols.insert(symbol.to_owned());
        }
    });
    match classified {
        Ok(coinbase::AdvancedFrame::Message { kind, .. }) if !symbols.is_empty() => {
            About::Instruments { symbols, channel: kind.channel() }
        }
        Ok(_) => About::Control,
        Err(_) => About::Unreadable,
    }
}

fn kraken_frame(frame: &[u8]) -> About {
    match kraken::classify(frame) {
        Ok(kraken::Frame::Instrument { symbol, channel, book }) => {
            let feed = match book {
                Some(kraken::Book::V1 { depth }) => Some(FeedKind::KrakenV1Book { depth }),
                Some(kraken::Book::Orders) => Some(FeedKind::KrakenOrders { depth: KRAKEN_DEPTH }),
                _ => None,
            };
            About::Instrument { symbol: symbol.to_owned(), channel, feed }
        }
        Ok(kraken::Frame::Control(kraken::Control::Ack(ack))) if ack.is_subscribe && ack.is_success => {
            let feed = match (ack.channel, ack.depth) {
                (Some("book"), Some(depth)) => FeedKind::KrakenBook { depth },
                (Some("level3"), Some(depth)) => FeedKind::KrakenOrders { depth },
                _ => return About::Control,
            };
            match ack.symbol {
                // A v1 subscription names its book in every message, too.
                Some(symbol) => About::Subscribed { symbol: symbol.to_owned(), feed },
                None => About::Control,
            }
        }
        Ok(_) => About::Control,
        Err(_) => About::Unreadable,
    }
}
