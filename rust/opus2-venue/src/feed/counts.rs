//! What a feed has seen.

use serde::{Deserialize, Serialize};

/// What one instrument's feed has seen since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FeedCounts {
    /// Snapshots loaded.
    pub snapshots: u64,
    /// Deltas that a snapshot, or the book, covered already.
    pub dropped_before_snapshot: u64,
    /// Deltas applied to the book.
    pub applied: u64,
    /// Levels in them.
    pub levels_applied: u64,
    /// Holes in the numbering of the deltas.
    pub stream_gaps: u64,
    /// Deltas after which the best bid stood above the best ask.
    pub crossed_after_apply: u64,
    /// Levels removed that were not in the book: normal where a snapshot shows only part of it.
    pub absent_removed: u64,
    /// Levels of snapshots that had no quantity that makes sense: left out.
    pub levels_left_out: u64,
    /// Trades.
    pub trades: u64,
    /// Trades skipped, by their numbers.
    pub trade_gaps: u64,
    /// Best quotes.
    pub quotes: u64,
    /// Quotes whose update number was the book's, and that were therefore compared with it.
    pub bbo_checks: u64,
    /// Those that were equal to the book's best levels in price and quantity.
    pub bbo_matches: u64,
    /// Kept deltas given up for want of room.
    pub pending_dropped: u64,
    /// Times the book was lost: gaps, wrong checksums, bad deltas, crossed books.
    pub resyncs: u64,
    /// Checksums of the venue that were equal to that of our book.
    pub checksums_ok: u64,
    /// Those that were not.
    pub checksums_bad: u64,
    /// Messages not used, of every reason.
    pub rejected: u64,
}
