//! A venue's part of the configuration as people write it.

use serde::{Deserialize, Serialize};

/// The venues, each with a table of its own: `[venue.binance]`, `[venue.coinbase]`, `[venue.kraken]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VenuesTable {
    /// Binance spot.
    pub binance: VenueTable,
    /// Coinbase, Exchange or Advanced Trade.
    pub coinbase: VenueTable,
    /// Kraken spot.
    pub kraken: VenueTable,
}

impl Default for VenuesTable {
    fn default() -> Self {
        Self { binance: binance(), coinbase: coinbase(), kraken: kraken() }
    }
}

/// One venue: whether to listen to it, to what, and within which limits of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VenueTable {
    /// Whether to listen to it at all.
    pub enabled: bool,
    /// Which of its feeds. Binance: `depth`. Coinbase: `level2_batch`, `level2`, `full`, `level3`,
    /// `advanced`. Kraken: `book`,
    /// `level3`.
    pub feed: String,
    /// Levels a side (Kraken alone): `book` 10, 25, 100, 500 or 1000; `level3` 10, 100 or 1000. Zero elsewhere.
    pub depth: u32,
    /// Where its REST interface is, without a path. Empty: the venue's own address for the feed.
    pub rest_url: String,
    /// Where its WebSocket streams are, without a path. Empty: the venue's own address for the feed.
    pub ws_url: String,
    /// A TOML file with `key`, `secret` and (Coinbase) `passphrase`. Empty: the environment, or no account.
    pub credentials_file: String,
    /// The instruments: symbols of the venue (`BTCUSDT`), canonical names (`BTC/USDT`), or patterns of either with `*`
    /// and `?` (`BTC*`, `*/USDT`). Those named come first, in this order.
    pub instruments: Vec<String>,
    /// And every instrument with one of these quote assets.
    pub quotes: Vec<String>,
    /// And those with the most traded in 24 hours, so many of all. Zero: none.
    pub top_by_volume: usize,
    /// But none of these: names and patterns as above.
    pub exclude: Vec<String>,
    /// Never more instruments than this; those least traded are left out.
    pub instruments_limit: usize,
    /// How often the venue's list is read again, for what has been listed, delisted, halted or changed.
    pub listing_secs: u64,
    /// How many instruments share a connection; fewer where the feed allows no more.
    pub instruments_per_connection: usize,
    /// Sockets a connection: 2 loses nothing when one of them is cut. Only for feeds that number their messages.
    pub sockets_per_connection: usize,
    /// Levels a side of an instrument's first snapshot, where the venue has snapshots over REST and prices them by
    /// size. Small ones bring every book in step soon.
    pub snapshot_levels_first: u16,
    /// Levels a side of the later snapshot that makes a book deep.
    pub snapshot_levels: u16,
    /// A connection on which nothing is heard for so long, not even a ping, is given up.
    pub silence_secs_max: u64,
    /// A connection that brings no message of any instrument for so long is given up, pings or not.
    pub data_silence_secs_max: u64,
    /// An instrument of which nothing is heard for so long is counted as stale. Quiet ones are silent for minutes.
    pub instrument_silence_secs_max: u64,
    /// A connection of this age is replaced.
    pub age_secs_max: u64,
    /// Up to so much earlier, at random, so that connections do not all end together.
    pub age_jitter_secs_max: u64,
    /// How long the old and the new socket run side by side, where messages are numbered.
    pub overlap_secs: u64,
    /// Connection attempts in `attempts_secs`.
    pub attempts_limit: usize,
    /// The window in which the venue counts attempts.
    pub attempts_secs: u64,
    /// How much of the venue's REST limit this process may use.
    pub weight_percent: u32,
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

fn binance() -> VenueTable {
    VenueTable {
        enabled: true,
        feed: "depth".into(),
        instruments: words(&["BTCUSDT", "ETHUSDT", "SOLUSDT", "BNBUSDT", "XRPUSDT", "ETHBTC"]),
        instruments_limit: 1_500,
        listing_secs: 300,
        instruments_per_connection: 50,
        sockets_per_connection: 1,
        snapshot_levels_first: 100,
        snapshot_levels: 1_000,
        silence_secs_max: 45,
        data_silence_secs_max: 60,
        instrument_silence_secs_max: 900,
        age_secs_max: 82_800,
        age_jitter_secs_max: 1_800,
        overlap_secs: 10,
        attempts_limit: 200,
        attempts_secs: 300,
        weight_percent: 80,
        ..VenueTable::default()
    }
}

fn coinbase() -> VenueTable {
    VenueTable {
        enabled: false,
        feed: "level2_batch".into(),
        instruments: words(&["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD", "ETH-BTC"]),
        instruments_per_connection: 25,
        silence_secs_max: 10,
        data_silence_secs_max: 120,
        attempts_limit: 4,
        attempts_secs: 1,
        ..binance()
    }
}

fn kraken() -> VenueTable {
    VenueTable {
        enabled: false,
        feed: "book".into(),
        depth: 100,
        instruments: words(&["BTC/USD", "ETH/USD", "SOL/USD", "XRP/USD", "ETH/BTC"]),
        silence_secs_max: 15,
        data_silence_secs_max: 300,
        attempts_limit: 100,
        attempts_secs: 600,
        ..binance()
    }
}
