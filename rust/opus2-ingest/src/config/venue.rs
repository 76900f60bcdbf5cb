//! A venue's part of the configuration, checked.

use std::path::Path;
use std::time::Duration;

use opus2_types::{FeedKind, Venue};
use opus2_venue::binance::{INSTRUMENTS_PER_CONNECTION_MAX, SNAPSHOT_LEVELS_MAX};
use opus2_venue::{coinbase, kraken};

use super::checked::{bad, base_url, secs, within};
use super::{ConfigError, Credentials, Secrets, VenueTable, VenuesTable};
use crate::selection::Selection;

/// A venue to listen to.
#[derive(Debug, Clone)]
pub struct VenueConfig {
    /// Which.
    pub venue: Venue,
    /// Which of its feeds.
    pub feed: FeedChoice,
    /// Where its REST interface is, without a slash at the end.
    pub rest_url: String,
    /// Where its streams are, without a slash at the end.
    pub ws_url: String,
    /// The account, where there is one.
    pub credentials: Option<Credentials>,
    /// Which instruments.
    pub selection: Selection,
    /// How often the list of instruments is read.
    pub listing_every: Duration,
    /// How many share a connection.
    pub instruments_per_connection: usize,
    /// Sockets a connection.
    pub sockets_per_connection: usize,
    /// Levels a side of first snapshots.
    pub snapshot_levels_first: u16,
    /// Levels a side of later ones.
    pub snapshot_levels: u16,
    /// When something is taken for dead.
    pub liveness: LivenessSettings,
    /// How old a connection may become.
    pub age_max: Duration,
    /// How much younger it may be ended, at random.
    pub age_jitter_max: Duration,
    /// How long the old and the new socket run side by side.
    pub overlap: Duration,
    /// Connection attempts in a window.
    pub attempts_limit: usize,
    /// That window.
    pub attempts_window: Duration,
    /// How much of the venue's REST limit to use.
    pub weight_percent: u32,
}

/// When something is taken for dead.
#[derive(Debug, Clone, Copy)]
pub struct LivenessSettings {
    /// How long a connection may be silent.
    pub silence_max: Duration,
    /// How long it may bring no message of an instrument.
    pub data_silence_max: Duration,
    /// How long an instrument may be silent.
    pub instrument_silence_max: Duration,
}

/// One of a venue's feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedChoice {
    /// Binance: `depth@100ms`, trades, best quotes.
    BinanceDepth,
    /// Coinbase Exchange: `level2_batch`, no account needed.
    CoinbaseLevel2Batch,
    /// Coinbase Exchange: `level2`.
    CoinbaseLevel2,
    /// Coinbase Exchange: `full`, order by order, as objects.
    CoinbaseFull,
    /// Coinbase Exchange: `level3`, order by order, as short arrays.
    CoinbaseLevel3,
    /// Coinbase Advanced Trade: `level2`.
    CoinbaseAdvanced,
    /// Kraken: `book`.
    KrakenBook {
        /// Levels a side.
        depth: u16,
    },
    /// Kraken: `level3`, order by order.
    KrakenLevel3 {
        /// Levels a side.
        depth: u16,
    },
}

impl FeedChoice {
    fn of(venue: Venue, table: &VenueTable, key: &dyn Fn(&str) -> String) -> Result<Self, ConfigError> {
        let unknown = |expected| Err(bad(key("feed"), &table.feed, expected));
        Ok(match (venue, table.feed.as_str()) {
            (Venue::Binance, "depth") => Self::BinanceDepth,
            (Venue::Binance, _) => return unknown("depth"),
            (Venue::Coinbase, "level2_batch") => Self::CoinbaseLevel2Batch,
            (Venue::Coinbase, "level2") => Self::CoinbaseLevel2,
            (Venue::Coinbase, "full") => Self::CoinbaseFull,
            (Venue::Coinbase, "level3") => Self::CoinbaseLevel3,
            (Venue::Coinbase, "advanced") => Self::CoinbaseAdvanced,
            (Venue::Coinbase, _) => return unknown("level2_batch, level2, full, level3 or advanced"),
            (_, "book") => Self::KrakenBook { depth: depth(table, &[10, 25, 100, 500, 1000], key)? },
            (_, "level3") => Self::KrakenLevel3 { depth: depth(table, &[10, 100, 1000], key)? },
            _ => return unknown("book or level3"),
        })
    }

    /// How the records of this feed are read.
    #[must_use]
    pub const fn kind(self) -> FeedKind {
        match self {
            Self::BinanceDepth => FeedKind::BinanceDepth,
            Self::CoinbaseLevel2Batch | Self::CoinbaseLevel2 => FeedKind::CoinbaseLevel2,
            Self::CoinbaseFull | Self::CoinbaseLevel3 => FeedKind::CoinbaseFull,
            Self::CoinbaseAdvanced => FeedKind::CoinbaseAdvanced,
            Self::KrakenBook { depth } => FeedKind::KrakenBook { depth },
            Self::KrakenLevel3 { depth } => FeedKind::KrakenOrders { depth },
        }
    }

    /// True when the venue gives this feed to accounts only.
    #[must_use]
    pub const fn needs_account(self) -> bool {
        matches!(
            self,
            Self::CoinbaseLevel2 | Self::CoinbaseFull | Self::CoinbaseLevel3 | Self::KrakenLevel3 { .. }
        )
    }

    /// True when every message has a number by which copies are recognised.
    #[must_use]
    pub const fn is_numbered(self) -> bool {
        matches!(self, Self::BinanceDepth)
    }

    /// The most instruments that one connection may follow.
    fn instruments_max(self) -> usize {
        match self {
            Self::BinanceDepth => INSTRUMENTS_PER_CONNECTION_MAX,
            Self::KrakenBook { .. } | Self::KrakenLevel3 { .. } => kraken::INSTRUMENTS_PER_CONNECTION_MAX,
            other => coinbase::instruments_per_connection_max(other.kind()).unwrap_or(1),
        }
    }

    /// The venue's own addresses for the feed: REST, streams.
    const fn urls(self) -> (&'static str, &'static str) {
        match self {
            Self::BinanceDepth => ("https://data-api.binance.vision", "wss://data-stream.binance.vision"),
            Self::CoinbaseLevel2Batch | Self::CoinbaseLevel2 | Self::CoinbaseFull | Self::CoinbaseLevel3 => {
                ("https://api.exchange.coinbase.com", "wss://ws-feed.exchange.coinbase.com")
            }
            Self::CoinbaseAdvanced => ("https://api.coinbase.com", "wss://advanced-trade-ws.coinbase.com"),
            Self::KrakenBook { .. } => ("https://api.kraken.com", "wss://ws.kraken.com"),
            Self::KrakenLevel3 { .. } => ("https://api.kraken.com", "wss://ws-l3.kraken.com"),
        }
    }
}

fn depth(table: &VenueTable, allowed: &[u16], key: &dyn Fn(&str) -> String) -> Result<u16, ConfigError> {
    let words: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    u16::try_from(table.depth)
        .ok()
        .filter(|depth| allowed.contains(depth))
        .ok_or_else(|| bad(key("depth"), &table.depth, format!("one of {}", words.join(", "))))
}

impl VenuesTable {
    /// The enabled venues, checked, in the order of [`Venue::ALL`].
    pub(super) fn checked(&self, secrets: &Secrets) -> Result<Vec<VenueConfig>, ConfigError> {
        [(Venue::Binance, &self.binance), (Venue::Coinbase, &self.coinbase), (Venue::Kraken, &self.kraken)]
            .into_iter()
            .filter(|(_, table)| table.enabled)
            .map(|(venue, table)| table.checked(venue, secrets))
            .collect()
    }
}

impl VenueTable {
    fn checked(&self, venue: Venue, secrets: &Secrets) -> Result<VenueConfig, ConfigError> {
        let key = |name: &str| format!("venue.{venue}.{name}");
        let feed = FeedChoice::of(venue, self, &key)?;
        within(&key("instruments_limit"), self.instruments_limit, 1, 10_000)?;
        let per_connection = self.instruments_per_connection;
        within(&key("instruments_per_connection"), per_connection, 1, INSTRUMENTS_PER_CONNECTION_MAX)?;
        within(&key("sockets_per_connection"), self.sockets_per_connection, 1, 2)?;
        if self.sockets_per_connection > 1 && !feed.is_numbered() {
            let expected = format!(
                "1, because feed = {:?} does not number its messages: copies could not be told from repetitions",
                self.feed
            );
            return Err(bad(key("sockets_per_connection"), &self.sockets_per_connection, expected));
        }
        within(&key("snapshot_levels_first"), self.snapshot_levels_first, 1, SNAPSHOT_LEVELS_MAX)?;
        within(
            &key("snapshot_levels"),
            self.snapshot_levels,
            self.snapshot_levels_first,
            SNAPSHOT_LEVELS_MAX,
        )?;
        within(&key("attempts_limit"), self.attempts_limit, 1, 300)?;
        within(&key("weight_percent"), self.weight_percent, 1, 100)?;
        let (rest_url, ws_url) = feed.urls();
        let or = |text: &str, default: &str| if text.is_empty() { default } else { text }.to_owned();
        Ok(VenueConfig {
            venue,
            feed,
            rest_url: base_url(&key("rest_url"), &or(&self.rest_url, rest_url), ["http://", "https://"])?,
            ws_url: base_url(&key("ws_url"), &or(&self.ws_url, ws_url), ["ws://", "wss://"])?,
            credentials: self.checked_credentials(venue, feed, secrets, &key)?,
            selection: Selection::new(self, &key)?,
            listing_every: secs(&key("listing_secs"), self.listing_secs, 1, 86_400)?,
            // Some feeds allow fewer than is asked for.
            instruments_per_connection: per_connection.min(feed.instruments_max()),
            sockets_per_connection: self.sockets_per_connection,
            snapshot_levels_first: self.snapshot_levels_first,
            snapshot_levels: self.snapshot_levels,
            liveness: LivenessSettings {
                silence_max: secs(&key("silence_secs_max"), self.silence_secs_max, 1, 600)?,
                data_silence_max: secs(&key("data_silence_secs_max"), self.data_silence_secs_max, 1, 86_400)?,
                instrument_silence_max: secs(
                    &key("instrument_silence_secs_max"),
                    self.instrument_silence_secs_max,
                    1,
                    86_400,
                )?,
            },
            age_max: secs(&key("age_secs_max"), self.age_secs_max, 10, 86_000)?,
            age_jitter_max: secs(
                &key("age_jitter_secs_max"),
                self.age_jitter_secs_max,
                0,
                self.age_secs_max / 2,
            )?,
            overlap: secs(&key("overlap_secs"), self.overlap_secs, 1, 600)?,
            attempts_limit: self.attempts_limit,
            attempts_window: secs(&key("attempts_secs"), self.attempts_secs, 1, 3_600)?,
            weight_percent: self.weight_percent,
        })
    }

    /// A file wins over the environment.
    fn checked_credentials(
        &self,
        venue: Venue,
        feed: FeedChoice,
        secrets: &Secrets,
        key: &dyn Fn(&str) -> String,
    ) -> Result<Option<Credentials>, ConfigError> {
        let credentials = if self.credentials_file.is_empty() {
            secrets.of(venue)
        } else {
            Some(Credentials::read(Path::new(&self.credentials_file))?)
        };
        if credentials.is_none() && feed.needs_account() {
            let prefix = format!("OPUS2_{}", venue.as_str().to_ascii_uppercase());
            let expected = format!(
                "an account for this feed: {prefix}_KEY and {prefix}_SECRET in the environment, or credentials_file"
            );
            return Err(bad(key("feed"), &self.feed, expected));
        }
        Ok(credentials)
    }
}
