//! Asking for channels: subscription messages, and how many instruments a connection may have.

use opus2_types::{FeedKind, UnixNanos};
use serde_json::{Map, Value, json};

use super::account::Account;
use crate::binance::subscribe::percent_encode;

/// The path of every connection.
pub const PATH: &str = "/";

/// The pause between two messages of ours. Advanced Trade allows eight a second without an account, Exchange ten.
pub const REQUEST_NANOS_MIN: i64 = 250_000_000;

/// How many products one message names. Their snapshots, up to 5 MiB each, come one after the other: a larger batch
/// would make the first updates wait for all of them.
pub const PRODUCTS_PER_REQUEST_MAX: usize = 20;

/// The most instruments of price levels that one connection of Exchange follows. The venue states no limit; one socket is
/// one ordered pipe, and a slow reader is disconnected.
pub const LEVELS_PER_CONNECTION_MAX: usize = 100;

/// The most instruments that one connection follows order by order. The venue asks for few.
pub const ORDERS_PER_CONNECTION_MAX: usize = 10;

/// The most products whose levels one connection of Advanced Trade may have; the next is refused with "too many L2 streams
/// requested in a single session". Measured by several projects in 2026, documented nowhere.
pub const ADVANCED_PER_CONNECTION_MAX: usize = 30;

/// The most instruments that one connection follows by this feed; `None` for a feed of another venue.
#[must_use]
pub const fn instruments_per_connection_max(feed: FeedKind) -> Option<usize> {
    match feed {
        FeedKind::CoinbaseLevel2 => Some(LEVELS_PER_CONNECTION_MAX),
        FeedKind::CoinbaseFull => Some(ORDERS_PER_CONNECTION_MAX),
        FeedKind::CoinbaseAdvanced => Some(ADVANCED_PER_CONNECTION_MAX),
        _ => None,
    }
}

/// The path and query of the book of every order: `/products/BTC-USD/book?level=3`.
#[must_use]
pub fn order_snapshot_path(symbol: &str) -> String {
    format!("/products/{}/book?level=3", percent_encode(symbol))
}

/// Which channel of the venue a connection's books come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BookChannel {
    /// Exchange, levels every 50 ms. Needs no account.
    LevelBatch,
    /// Exchange, levels in real time.
    Levels,
    /// Exchange, orders as objects: trades are among them.
    Full,
    /// Exchange, orders as short arrays: trades come by `matches`.
    Orders,
    /// Advanced Trade, levels in real time. Needs no account.
    Advanced,
}

impl BookChannel {
    /// The feed that an instrument has by this channel.
    #[must_use]
    pub const fn feed(self) -> FeedKind {
        match self {
            Self::LevelBatch | Self::Levels => FeedKind::CoinbaseLevel2,
            Self::Full | Self::Orders => FeedKind::CoinbaseFull,
            Self::Advanced => FeedKind::CoinbaseAdvanced,
        }
    }

    /// True when the venue refuses it without an account.
    #[must_use]
    pub const fn needs_account(self) -> bool {
        matches!(self, Self::Levels | Self::Full | Self::Orders)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::LevelBatch => "level2_batch",
            Self::Levels | Self::Advanced => "level2",
            Self::Full => "full",
            Self::Orders => "level3",
        }
    }
}

/// What a message of ours asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    /// Books, trades and signs of life of some instruments: Exchange takes them in one message.
    All,
    /// Books.
    Books,
    /// Trades.
    Trades,
    /// The connection's signs of life.
    Heartbeats,
}

/// A message of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) topic: Topic,
    pub(super) is_subscribe: bool,
    /// Indices in the session's list.
    pub(super) instruments: Vec<usize>,
}

impl Request {
    pub(super) fn text(
        &self,
        channel: BookChannel,
        symbols: &[&str],
        account: Option<&Account>,
        now: UnixNanos,
    ) -> String {
        let mut message = Map::new();
        message.insert("type".into(), if self.is_subscribe { "subscribe" } else { "unsubscribe" }.into());
        if !symbols.is_empty() {
            message.insert("product_ids".into(), json!(symbols));
        }
        if channel == BookChannel::Advanced {
            let name = match self.topic {
                Topic::Trades => "market_trades",
                Topic::Heartbeats => "heartbeats",
                Topic::All | Topic::Books => channel.name(),
            };
            message.insert("channel".into(), name.into());
            return Value::Object(message).to_string();
        }
        let names = match (self.topic, channel) {
            (Topic::Books, _) => vec![channel.name()],
            (Topic::Trades, _) => vec!["matches"],
            (Topic::Heartbeats, _) => vec!["heartbeat"],
            (Topic::All, BookChannel::Full) => vec!["full", "heartbeat"],
            (Topic::All, _) => vec![channel.name(), "matches", "heartbeat"],
        };
        message.insert("channels".into(), json!(names));
        if let Some(account) = account.filter(|_| self.is_subscribe) {
            message.extend(account.fields(now).map(|(name, value)| (name.to_owned(), Value::from(value))));
        }
        Value::Object(message).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(topic: Topic, is_subscribe: bool, channel: BookChannel, expect: &str) {
        let request = Request { topic, is_subscribe, instruments: Vec::new() };
        let symbols: &[&str] = if topic == Topic::Heartbeats { &[] } else { &["BTC-USD", "A\"B"] };
        let account = channel.needs_account().then(|| Account::new("k", "p", "c2VjcmV0").unwrap());
        let text = request.text(channel, symbols, account.as_ref(), UnixNanos(1_780_000_000_000_000_000));
        let (text, expect): (Value, Value) =
            (serde_json::from_str(&text).unwrap(), serde_json::from_str(expect).unwrap());
        assert_eq!(text, expect);
    }

    #[test]
    fn messages_are_those_of_the_documentation() {
        check(
            Topic::All,
            true,
            BookChannel::LevelBatch,
            r#"{"type":"subscribe","product_ids":["BTC-USD","A\"B"],"channels":["level2_batch","matches","heartbeat"]}"#,
        );
        check(
            Topic::Books,
            false,
            BookChannel::Levels,
            r#"{"type":"unsubscribe","product_ids":["BTC-USD","A\"B"],"channels":["level2"]}"#,
        );
        check(
            Topic::All,
            true,
            BookChannel::Full,
            r#"{"type":"subscribe","product_ids":["BTC-USD","A\"B"],"channels":["full","heartbeat"],"key":"k",
               "passphrase":"p","timestamp":"1780000000","signature":"dnK/EdqcgA2MOO6SIs/CfAzM0FH7SM9INp1XYupXY90="}"#,
        );
        check(
            Topic::Books,
            true,
            BookChannel::Advanced,
            r#"{"type":"subscribe","product_ids":["BTC-USD","A\"B"],"channel":"level2"}"#,
        );
        check(
            Topic::Heartbeats,
            true,
            BookChannel::Advanced,
            r#"{"type":"subscribe","channel":"heartbeats"}"#,
        );
        assert_eq!(order_snapshot_path("BTC-USD"), "/products/BTC-USD/book?level=3");
    }
}
