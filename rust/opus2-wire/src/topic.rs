//! The names of the topics.

use opus2_types::{FeedKind, Venue};

/// Normalized market events, JSON.
pub const MARKET_DATA_NORMALIZED: &str = "market_data_normalized";
/// Stage 1 features and detections, JSON.
pub const HIFA_STAGE1_SIGNALS: &str = "hifa_stage1_signals";
/// Stage 2: context of every market and second, JSON.
pub const HIFA_STAGE2_CONTEXT: &str = "hifa_stage2_context";
/// Stage 3: what a candidate would cost and risk, and which gate binds, JSON.
pub const HIFA_STAGE3_RISK: &str = "hifa_stage3_risk";
/// Stage 4: decisions with their plans and audit chain, JSON.
pub const TRADING_SIGNALS_FINAL: &str = "trading_signals_final";
/// Our own positions, raw records of channel `position`: read by the job, written by whoever executes.
pub const POSITIONS: &str = "positions";
/// Data quality of every instrument and window, JSON.
pub const QUALITY_SCORES: &str = "quality_scores";
/// What could not be read, with the reason, JSON.
pub const DEAD_LETTERS: &str = "dead_letters";

/// The raw topics, in the order of the venues, L2 before L3.
pub const RAW: [&str; 5] =
    ["binance_l2_raw", "coinbase_l2_raw", "coinbase_l3_raw", "kraken_l2_raw", "kraken_l3_raw"];

/// Every topic that the job reads: the raw ones, and our positions.
pub const SOURCES: [&str; 6] = [RAW[0], RAW[1], RAW[2], RAW[3], RAW[4], POSITIONS];

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
