//! The venue's own best quotes, kept to prove the book right.

use std::collections::VecDeque;

use opus2_types::Level;
use serde::{Deserialize, Serialize};

/// How many quotes are kept for the delta that will cover them. A burst may bring more between two deltas; the oldest
/// go, and with them a chance to compare, never a wrong verdict.
const QUOTES_KEPT_MAX: usize = 256;

/// Best quotes that the book has not reached yet, oldest first.
///
/// The venue sends a quote the moment its best price changes, and the delta that has the same change up to 100 ms later.
/// Both carry the update number, so when a delta ends exactly at a quote's number, the book's best must be that quote.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct RecentQuotes {
    quotes: VecDeque<(u64, Level, Level)>,
}

impl RecentQuotes {
    pub(crate) fn clear(&mut self) {
        self.quotes.clear();
    }

    pub(crate) fn keep(&mut self, update_id: u64, bid: Level, ask: Level) {
        if self.quotes.len() == QUOTES_KEPT_MAX {
            self.quotes.pop_front();
        }
        self.quotes.push_back((update_id, bid, ask));
    }

    /// Forgets the quotes up to the book's number; gives the newest that has just this number.
    pub(crate) fn reach(&mut self, book_id: u64) -> Option<(Level, Level)> {
        let mut equal = None;
        while let Some((update_id, bid, ask)) =
            self.quotes.front().copied().filter(|quote| quote.0 <= book_id)
        {
            self.quotes.pop_front();
            if update_id == book_id {
                equal = Some((bid, ask));
            }
        }
        equal
    }
}
