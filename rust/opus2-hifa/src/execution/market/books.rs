//! The newest live books of a market's instruments.

use arrayvec::ArrayVec;
use opus2_types::{BookState, EventBody, Level, MarketEvent, QuoteEvent, Side, VIEW_LEVELS, Venue};
use serde::{Deserialize, Serialize};

use crate::context::InstrumentName;
use crate::exact::scaled;
use crate::risk::{ASSESSED_VENUES_MAX, VenueAllowance};

/// The levels of one side, best first.
pub type Ladder = ArrayVec<Level, VIEW_LEVELS>;

/// One instrument: its newest live book, and when it was last heard of.
///
/// Best quotes with a higher update number than the book's are laid over it, so that between two books the ladder begins
/// at the best price in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VenueBook {
    venue: Venue,
    name: InstrumentName,
    price_scale: u8,
    qty_scale: u8,
    tick: i64,
    lot: i64,
    exch_ts: Option<i64>,
    recv_ts: i64,
    is_fenced: bool,
    /// The highest update number among the book's and the quote's.
    seq: u64,
    bids: Ladder,
    asks: Ladder,
    /// A quote that is newer than the book.
    quote: Option<(Level, Level)>,
}

impl VenueBook {
    fn new(event: &MarketEvent<'_>, name: InstrumentName) -> Self {
        Self {
            venue: event.venue,
            name,
            price_scale: event.price_scale,
            qty_scale: event.qty_scale,
            tick: 0,
            lot: 0,
            exch_ts: None,
            recv_ts: event.recv_ts.0,
            is_fenced: false,
            seq: 0,
            bids: Ladder::new(),
            asks: Ladder::new(),
            quote: None,
        }
    }

    fn apply(&mut self, event: &MarketEvent<'_>) {
        if (self.price_scale, self.qty_scale) != (event.price_scale, event.qty_scale) {
            (self.price_scale, self.qty_scale) = (event.price_scale, event.qty_scale);
            self.forget();
        }
        (self.tick, self.lot) = (event.tick.0.max(0), event.lot.0.max(0));
        self.exch_ts = event.exch_ts.map(|ts| ts.0).or(self.exch_ts);
        self.recv_ts = event.recv_ts.0;
        match &event.body {
            EventBody::Book(view) => {
                for (levels, side) in [(&mut self.bids, view.bids()), (&mut self.asks, view.asks())] {
                    levels.clear();
                    levels.try_extend_from_slice(side).expect("a ladder holds as many levels as a view");
                }
                if event.seq.last >= self.seq {
                    (self.seq, self.quote) = (event.seq.last, None);
                }
            }
            EventBody::Quote(quote) if event.seq.last > self.seq && is_sound(quote) => {
                (self.seq, self.quote) = (event.seq.last, Some((quote.bid, quote.ask)));
            }
            EventBody::Status(status) if status.to != BookState::Live => self.forget(),
            EventBody::Quality(quality) => self.is_fenced = quality.is_fenced,
            EventBody::Quote(_) | EventBody::Status(_) | EventBody::Trade(_) | EventBody::Position(_) => {}
        }
    }

    /// The book is not in step any more.
    fn forget(&mut self) {
        self.bids.clear();
        self.asks.clear();
        (self.quote, self.seq) = (None, 0);
    }

    /// The venue.
    #[must_use]
    pub const fn venue(&self) -> Venue {
        self.venue
    }

    /// The instrument, `venue:symbol`.
    #[must_use]
    pub const fn name(&self) -> &InstrumentName {
        &self.name
    }

    /// Decimal places of prices and of quantities.
    #[must_use]
    pub const fn scales(&self) -> (u8, u8) {
        (self.price_scale, self.qty_scale)
    }

    /// The smallest step of prices and of quantities, in their units; zero when unknown.
    #[must_use]
    pub const fn steps(&self) -> (i64, i64) {
        (self.tick, self.lot)
    }

    /// The venue's time of its newest event that had one, ns.
    #[must_use]
    pub const fn exch_ts(&self) -> Option<i64> {
        self.exch_ts
    }

    /// The receive time of its newest event, ns.
    #[must_use]
    pub const fn recv_ts(&self) -> i64 {
        self.recv_ts
    }

    /// True when there is a live book of two sides that may be believed.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.is_fenced && !self.bids.is_empty() && !self.asks.is_empty()
    }

    /// One side, best first, as far as it is known.
    #[must_use]
    pub fn ladder(&self, side: Side) -> Ladder {
        let levels = self.levels(side);
        let Some(best) = self.quoted(side) else { return levels.clone() };
        let is_behind = |level: &&Level| match side {
            Side::Bid => level.price < best.price,
            Side::Ask => level.price > best.price,
        };
        let rest = levels.iter().filter(is_behind).copied();
        std::iter::once(best).chain(rest).take(VIEW_LEVELS).collect()
    }

    /// The best level in force.
    #[must_use]
    pub fn best(&self, side: Side) -> Option<Level> {
        self.quoted(side).or_else(|| self.levels(side).first().copied())
    }

    /// The levels of the newest book, whatever quotes say.
    pub(super) fn levels(&self, side: Side) -> &Ladder {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    fn quoted(&self, side: Side) -> Option<Level> {
        let (bid, ask) = self.quote?;
        Some(match side {
            Side::Bid => bid,
            Side::Ask => ask,
        })
    }

    /// Twice the mid, in price units; `None` when there is none above zero.
    #[must_use]
    pub fn mid_doubled(&self) -> Option<i64> {
        let (bid, ask) = (self.best(Side::Bid)?, self.best(Side::Ask)?);
        bid.price.0.checked_add(ask.price.0).filter(|doubled| *doubled > 0)
    }

    /// The mid in quote units.
    pub(super) fn mid(&self) -> Option<f64> {
        self.mid_doubled().map(|doubled| scaled(doubled.into(), self.price_scale) / 2.0)
    }
}

/// A quote of two sides whose prices could be ones.
const fn is_sound(quote: &QuoteEvent) -> bool {
    quote.bid.price.0 > 0 && quote.ask.price.0 > 0 && quote.bid.qty.0 > 0 && quote.ask.qty.0 > 0
}

/// The instruments of a market that stage 3 has judged, in the order of their names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Books(Vec<VenueBook>);

impl Default for Books {
    fn default() -> Self {
        Self(Vec::with_capacity(ASSESSED_VENUES_MAX))
    }
}

impl Books {
    /// Takes an event of an instrument that is among `judged`; gives the instrument then. One that is not judged any more
    /// gives way.
    pub(super) fn apply(
        &mut self,
        event: &MarketEvent<'_>,
        judged: &[Option<VenueAllowance>],
    ) -> Option<&VenueBook> {
        let name = instrument_name(event.venue, event.symbol);
        let at = match self.0.binary_search_by(|book| book.name.cmp(&name)) {
            Ok(at) => at,
            Err(_) => self.insert(event, name, judged)?,
        };
        let book = self.0.get_mut(at)?;
        book.apply(event);
        Some(book)
    }

    fn insert(
        &mut self,
        event: &MarketEvent<'_>,
        name: InstrumentName,
        judged: &[Option<VenueAllowance>],
    ) -> Option<usize> {
        let is_judged = |name: &InstrumentName| judged.iter().flatten().any(|at| at.instrument == *name);
        if !is_judged(&name) {
            return None;
        }
        if self.0.len() >= ASSESSED_VENUES_MAX {
            self.0.retain(|book| is_judged(&book.name));
        }
        let at = self.0.partition_point(|book| book.name < name);
        if self.0.len() >= ASSESSED_VENUES_MAX {
            return None;
        }
        self.0.insert(at, VenueBook::new(event, name));
        Some(at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &VenueBook> {
        self.0.iter()
    }

    /// False for a state that no market can have.
    pub(super) fn is_consistent(&self) -> bool {
        let are_named = self.0.is_sorted_by(|left, right| left.name < right.name);
        let has_steps = self.0.iter().all(|book| book.tick >= 0 && book.lot >= 0);
        are_named && has_steps && self.0.len() <= ASSESSED_VENUES_MAX
    }
}

/// `venue:symbol`, cut to what a name holds.
fn instrument_name(venue: Venue, symbol: &str) -> InstrumentName {
    let mut name = InstrumentName::new();
    for part in [venue.as_str(), ":", symbol] {
        let room = name.remaining_capacity().min(part.len());
        let end = (0..=room).rev().find(|end| part.is_char_boundary(*end)).unwrap_or(0);
        // It fits: it was cut to the room there is.
        name.push_str(part.get(..end).unwrap_or_default());
    }
    name
}

#[cfg(test)]
mod tests {
    use opus2_types::{BookView, Price, Qty, QualityEvent, QualityFlags, SeqRange, StatusEvent, UnixNanos};

    use super::*;
    use crate::Absent;

    fn event<'a>(symbol: &'a str, seq: u64, body: &EventBody) -> MarketEvent<'a> {
        MarketEvent {
            id: "id",
            venue: Venue::Kraken,
            symbol,
            price_scale: 2,
            qty_scale: 0,
            tick: Price(1),
            lot: Qty(1),
            exch_ts: None,
            recv_ts: UnixNanos(7),
            seq: SeqRange { first: seq, last: seq },
            flags: QualityFlags::default(),
            body: *body,
        }
    }

    fn judged(symbols: &[&str]) -> Vec<Option<VenueAllowance>> {
        let allowance = |symbol: &&str| VenueAllowance {
            instrument: instrument_name(Venue::Kraken, symbol),
            share: 1.0,
            health: 100.0,
            quality: Ok(100.0),
            latency_secs: Err(Absent::Cold),
        };
        symbols.iter().map(|symbol| Some(allowance(symbol))).collect()
    }

    fn book(bid: i64) -> EventBody {
        let side = |sign: i64, best: i64| (0..3).map(move |rank| Level::new(best + sign * rank, 5));
        EventBody::Book(BookView::new(side(-1, bid), side(1, bid + 1)))
    }

    fn quote(bid: i64) -> EventBody {
        EventBody::Quote(QuoteEvent { bid: Level::new(bid, 9), ask: Level::new(bid + 1, 9) })
    }

    /// Applies events with update numbers; gives the prices of the bids.
    #[track_caller]
    fn check(events: &[(u64, EventBody)], expect: &[i64]) {
        let mut books = Books::default();
        for (seq, body) in events {
            books.apply(&event("X", *seq, body), &judged(&["X"])).unwrap();
        }
        let book = books.iter().next().unwrap();
        let found: Vec<i64> = book.ladder(Side::Bid).iter().map(|level| level.price.0).collect();
        assert_eq!(found, expect);
        assert_eq!(book.is_usable(), !expect.is_empty());
    }

    #[test]
    fn a_newer_quote_is_laid_over_the_book() {
        check(&[(5, book(100))], &[100, 99, 98]);
        check(&[(5, book(100)), (6, quote(99))], &[99, 98]);
        check(&[(5, book(100)), (6, quote(101))], &[101, 100, 99, 98]);
        check(&[(5, book(100)), (5, quote(101))], &[100, 99, 98]);
        check(&[(5, book(100)), (7, quote(99)), (6, book(100))], &[99, 98]);
        check(&[(5, book(100)), (7, quote(99)), (7, book(90))], &[90, 89, 88]);
        let nothing = EventBody::Quote(QuoteEvent { bid: Level::new(0, 0), ask: Level::new(9, 9) });
        check(&[(5, book(100)), (6, nothing)], &[100, 99, 98]);
    }

    #[test]
    fn a_book_out_of_step_is_forgotten() {
        let status = |to| EventBody::Status(StatusEvent { from: BookState::Live, to });
        check(&[(5, book(100)), (0, status(BookState::Gap))], &[]);
        check(&[(5, book(100)), (0, status(BookState::Live))], &[100, 99, 98]);
        check(&[(9, book(100)), (0, status(BookState::Stale)), (1, book(90))], &[90, 89, 88]);
    }

    #[test]
    fn a_fenced_instrument_is_not_used() {
        let verdict = |is_fenced| EventBody::Quality(QualityEvent { score_thousandths: 1, is_fenced });
        let mut books = Books::default();
        for (body, expect) in [(verdict(true), false), (book(100), false), (verdict(false), true)] {
            let found = books.apply(&event("X", 1, &body), &judged(&["X"])).unwrap();
            assert_eq!(found.is_usable(), expect);
        }
    }

    #[test]
    fn only_instruments_that_are_judged_have_a_place() {
        let mut books = Books::default();
        let all = ["A", "B", "C", "D", "E", "F", "G", "H"];
        assert!(books.apply(&event("Z", 1, &book(9)), &judged(&all)).is_none());
        for symbol in all {
            assert!(books.apply(&event(symbol, 1, &book(9)), &judged(&all)).is_some());
        }
        let mut others = all;
        others[3] = "Z";
        assert!(books.apply(&event("Z", 1, &book(9)), &judged(&others)).is_some());
        let names: Vec<&str> = books.iter().map(|book| book.name().as_str()).collect();
        assert_eq!(names.len(), 8);
        assert!(names.contains(&"kraken:Z") && !names.contains(&"kraken:D") && books.is_consistent());
    }

    #[test]
    fn a_name_too_long_is_cut_between_letters() {
        let long = "é".repeat(40);
        let name = instrument_name(Venue::Kraken, &long);
        assert!(name.starts_with("kraken:é") && name.len() <= name.capacity() && name.len() >= 47);
        assert_eq!(instrument_name(Venue::Binance, "BTCUSDT").as_str(), "binance:BTCUSDT");
    }
}
