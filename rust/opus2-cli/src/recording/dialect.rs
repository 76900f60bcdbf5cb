//! Whose messages a recording holds, and what each is about.

use anyhow::{Result, bail};
use opus2_types::{Channel, FeedKind, Venue};
use opus2_venue::{binance, kraken};

use super::line::{Kind, Line};

/// How one recorder's lines are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Dialect {
    Binance,
    Kraken,
}

/// What a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// A message of an instrument, by the venue's symbol.
    Instrument { symbol: String, channel: Channel, feed: Option<FeedKind> },
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
            "kraken" => Ok(Self::Kraken),
            other => bail!("recordings of {other:?} cannot be played; those of binance and kraken can"),
        }
    }

    pub(super) const fn venue(self) -> Venue {
        match self {
            Self::Binance => Venue::Binance,
            Self::Kraken => Venue::Kraken,
        }
    }

    /// The feed of an instrument that no message has named one for.
    pub(super) const fn usual_feed(self) -> FeedKind {
        match self {
            Self::Binance => FeedKind::BinanceDepth,
            Self::Kraken => FeedKind::KrakenBook { depth: KRAKEN_DEPTH },
        }
    }

    pub(super) fn about(self, line: &Line<'_>) -> About {
        match (self, line.kind()) {
            (_, Kind::Open) => About::Open,
            (Self::Binance, Kind::Frame) => binance_frame(line.raw()),
            (Self::Binance, Kind::Body) => binance_body(line),
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
