//! One consistent stream of best quotes out of two feeds.

use opus2_types::{BookView, Level, QuoteEvent};
use serde::{Deserialize, Serialize};

use crate::Absent;
use crate::exact::MILLI;
use crate::primitive::{Bbo, shown};

/// Where a best quote came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuoteSource {
    /// The venue's own best-quote channel: every change.
    Quote,
    /// The top of the book: as often as the venue publishes depth.
    Book,
}

impl QuoteSource {
    /// `"quote"` or `"book"`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::Book => "book",
        }
    }
}

/// What an event meant for the best quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteUpdate {
    /// It is the newest best quote: the estimators have taken it.
    Taken,
    /// As [`QuoteUpdate::Taken`], of a venue whose numbering has started again.
    Restarted,
    /// A book, newer, with the best quote that we had: only the update number moved.
    Confirmed,
    /// It has the update number that we had.
    Repeated,
    /// An older update number than has been shown: not used.
    Older,
    /// A quote without an update number, of an instrument that has a book: the two cannot be put in order, and the
    /// book is used.
    Unnumbered,
}

impl QuoteUpdate {
    /// Every meaning, in the order of their declaration.
    pub const ALL: [Self; 6] =
        [Self::Taken, Self::Restarted, Self::Confirmed, Self::Repeated, Self::Older, Self::Unnumbered];

    /// The name used in JSON and in counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Restarted => "restarted",
            Self::Confirmed => "confirmed",
            Self::Repeated => "repeated",
            Self::Older => "older",
            Self::Unnumbered => "unnumbered",
        }
    }
}

/// The newest best quote that an instrument has shown, from whichever feed showed it first.
///
/// Venues publish the best quote twice: as an event of its own at every change, and as the top of a book whose messages
/// are conflated (Binance: every 100 ms). Both carry the number of the book's last update, so they can be put into one
/// order, and OFI, queue imbalance and mid are measured on that one stream:
///
/// 1. Whatever has a higher update number than everything before is the new best quote ([`QuoteUpdate::Taken`]).
/// 2. A book with a higher number but the same top moves only the number ([`QuoteUpdate::Confirmed`]): its changes were
///    deeper. This is the ordinary case while quotes flow, because quotes come first. A quote always counts, as one event.
/// 3. Everything else is in the past and is not used: the same number ([`QuoteUpdate::Repeated`]), or a lower one
///    ([`QuoteUpdate::Older`]), such as a quote that arrives after a book that contains it, or a snapshot that was taken
///    before the newest quote. Time never goes back, so no change is counted twice or with the wrong sign.
/// 4. So a book that moves the best quote means that quotes are missing, late, or not subscribed; its change may hide
///    others and is marked as conflated. An instrument without quotes is measured on book tops alone, all so marked.
/// 5. A lower number after `stale` without a newer one is a restart of the venue's numbering: the stream starts again
///    ([`QuoteUpdate::Restarted`]).
/// 6. Without numbers (zero) the two feeds cannot be ordered: books are used in order of arrival, and quotes only until
///    the first book.
///
/// Memory of the numbers ends with the connection (status `empty`); data loss within one keeps it, and forgets only what
/// was shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BestQuote {
    bid: Option<Level>,
    ask: Option<Level>,
    seq: u64,
    at: i64,
    source: Option<QuoteSource>,
    has_book: bool,
}

impl BestQuote {
    /// The best bid, as shown.
    #[must_use]
    pub const fn bid(&self) -> Option<Level> {
        self.bid
    }

    /// The best ask, as shown.
    #[must_use]
    pub const fn ask(&self) -> Option<Level> {
        self.ask
    }

    /// The update number of the newest best quote; zero before the first.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Which feed showed it; `None` while nothing is known.
    #[must_use]
    pub const fn source(&self) -> Option<QuoteSource> {
        self.source
    }

    /// Both levels, if they can be used; `None` while nothing is known.
    #[must_use]
    pub fn bbo(&self) -> Option<Result<Bbo, Absent>> {
        self.source.map(|_| Bbo::new(self.bid, self.ask))
    }

    pub(super) fn take_quote(
        &mut self,
        now: i64,
        seq: u64,
        quote: &QuoteEvent,
        stale_ms: u32,
    ) -> QuoteUpdate {
        if seq == 0 && self.has_book {
            return QuoteUpdate::Unnumbered;
        }
        self.take(now, seq, (shown(quote.bid), shown(quote.ask)), QuoteSource::Quote, stale_ms)
    }

    pub(super) fn take_book(&mut self, now: i64, seq: u64, view: &BookView, stale_ms: u32) -> QuoteUpdate {
        self.has_book = true;
        let top = (view.bids().first().copied(), view.asks().first().copied());
        self.take(now, seq, top, QuoteSource::Book, stale_ms)
    }

    fn take(
        &mut self,
        now: i64,
        seq: u64,
        (bid, ask): (Option<Level>, Option<Level>),
        source: QuoteSource,
        stale_ms: u32,
    ) -> QuoteUpdate {
        let is_behind = seq != 0 && seq < self.seq;
        let is_stale = now.saturating_sub(self.at) > i64::from(stale_ms) * MILLI;
        if is_behind && !is_stale {
            return QuoteUpdate::Older;
        }
        if seq != 0 && seq == self.seq && self.source.is_some() {
            return QuoteUpdate::Repeated;
        }
        let is_same = self.source.is_some() && (self.bid, self.ask) == (bid, ask);
        self.at = now;
        if seq != 0 {
            self.seq = seq;
        }
        if is_same && source == QuoteSource::Book && !is_behind {
            return QuoteUpdate::Confirmed;
        }
        (self.bid, self.ask, self.source) = (bid, ask, Some(source));
        if is_behind { QuoteUpdate::Restarted } else { QuoteUpdate::Taken }
    }

    /// Data was lost: what was shown is not known to hold any more, but numbers still are in order.
    pub(super) fn reset_reference(&mut self) {
        (self.bid, self.ask, self.source) = (None, None, None);
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Feed {
        Quote,
        Book,
    }

    /// Plays `(feed, ms, number, bid, ask)` and compares what each meant.
    #[track_caller]
    fn check(events: &[(Feed, i64, u64, i64, i64)], expect: &[QuoteUpdate]) {
        let mut best = BestQuote::default();
        let mut found = Vec::new();
        for (feed, ms, number, bid, ask) in events {
            let (bid, ask) = (Level::new(*bid, 1), Level::new(*ask, 1));
            found.push(match feed {
                Feed::Quote => best.take_quote(ms * MILLI, *number, &QuoteEvent { bid, ask }, 5_000),
                Feed::Book => best.take_book(ms * MILLI, *number, &BookView::new([bid], [ask]), 5_000),
            });
        }
        assert_eq!(found, expect);
    }

    use Feed::{Book, Quote};
    use QuoteUpdate::{Confirmed, Older, Repeated, Restarted, Taken, Unnumbered};

    #[test]
    fn a_book_behind_or_beside_the_quotes_changes_nothing() {
        check(
            &[
                (Quote, 0, 10, 100, 101),
                (Quote, 1, 12, 100, 102),
                (Book, 2, 11, 100, 101),
                (Book, 3, 12, 100, 102),
            ],
            &[Taken, Taken, Older, Repeated],
        );
        check(
            &[(Quote, 0, 10, 100, 101), (Book, 1, 15, 100, 101), (Quote, 2, 16, 99, 101)],
            &[Taken, Confirmed, Taken],
        );
    }

    #[test]
    fn a_quote_older_than_the_book_is_not_used() {
        check(
            &[
                (Quote, 0, 10, 100, 101),
                (Book, 1, 20, 105, 106),
                (Quote, 2, 15, 103, 104),
                (Quote, 3, 21, 105, 107),
            ],
            &[Taken, Taken, Older, Taken],
        );
    }

    #[test]
    fn books_alone_are_used_in_order() {
        check(
            &[(Book, 0, 10, 100, 101), (Book, 100, 20, 100, 101), (Book, 200, 30, 101, 102)],
            &[Taken, Confirmed, Taken],
        );
    }

    #[test]
    fn a_lower_number_after_a_long_silence_is_a_new_numbering() {
        check(
            &[
                (Book, 0, 1_000, 100, 101),
                (Book, 4_000, 3, 100, 101),
                (Book, 6_000, 4, 100, 101),
                (Book, 6_100, 5, 100, 102),
            ],
            &[Taken, Older, Restarted, Taken],
        );
    }

    #[test]
    fn without_numbers_the_book_is_used_once_there_is_one() {
        check(
            &[
                (Quote, 0, 0, 100, 101),
                (Quote, 1, 0, 100, 102),
                (Book, 2, 0, 100, 101),
                (Quote, 3, 0, 90, 91),
                (Book, 4, 0, 99, 100),
            ],
            &[Taken, Taken, Taken, Unnumbered, Taken],
        );
    }
}
