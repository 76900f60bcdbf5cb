//! The names of the topics.

use opus2_types::Venue;

/// Normalized market events, JSON.
pub const MARKET_DATA_NORMALIZED: &str = "market_data_normalized";
/// Stage 1 features and detections, JSON.
pub const HIFA_STAGE1_SIGNALS: &str = "hifa_stage1_signals";
/// What could not be read, with the reason, JSON.
pub const DEAD_LETTERS: &str = "dead_letters";

/// The raw topic of a venue's L2 feed.
#[must_use]
pub const fn raw_l2(venue: Venue) -> &'static str {
    match venue {
        Venue::Coinbase => "coinbase_l2_raw",
        Venue::Kraken => "kraken_l2_raw",
        _ => "binance_l2_raw",
    }
}
