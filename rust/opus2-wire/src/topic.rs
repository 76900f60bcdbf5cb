//! The names of the topics.

use opus2_types::{FeedKind, Venue};

/// Normalized market events, JSON.
pub const MARKET_DATA_NORMALIZED: &str = "market_data_normalized";
/// Stage 1 features and detections, JSON.
pub const HIFA_STAGE1_SIGNALS: &str = "hifa_stage1_signals";
/// Data quality of every instrument and window, JSON.
pub const QUALITY_SCORES: &str = "quality_scores";
/// What could not be read, with the reason, JSON.
pub const DEAD_LETTERS: &str = "dead_letters";

/// The raw topics, in the order of the venues, L2 before L3.
pub const RAW: [&str; 5] =
    ["binance_l2_raw", "coinbase_l2_raw", "coinbase_l3_raw", "kraken_l2_raw", "kraken_l3_raw"];

/// The raw topic of a feed: one for each venue and level.
///
/// ```
/// use opus2_types::FeedKind;
///
/// assert_eq!(opus2_wire::topic::raw(FeedKind::CoinbaseFull), "coinbase_l3_raw");
/// ```
#[must_use]
pub const fn raw(feed: FeedKind) -> &'static str {
    match (feed.venue(), feed.is_order_by_order()) {
        (Venue::Coinbase, true) => RAW[2],
        (Venue::Kraken, true) => RAW[4],
        (venue, _) => raw_l2(venue),
    }
}

/// The raw topic of a venue's L2 feed.
#[must_use]
pub const fn raw_l2(venue: Venue) -> &'static str {
    match venue {
        Venue::Coinbase => RAW[1],
        Venue::Kraken => RAW[3],
        _ => RAW[0],
    }
}
