//! A busy market of three venues whose books change as recorded ones do: SYNTHETIC, seeded, for measuring cost alone.

use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MarketEvent, Price, Qty, QualityEvent, QualityFlags,
    QuoteEvent, SeqRange, StatusEvent, TradeEvent, UnixNanos, Venue,
};
use opus2_wire::event::encode_event;

/// The market's key.
pub(crate) const MARKET: &str = "BTC/USD*";

/// The time of the first event, ns.
pub(crate) const START: i64 = 1_700_000_000_000_000_000;

/// Its instruments.
pub(crate) const INSTRUMENTS: [(Venue, &str); 3] =
    [(Venue::Binance, "BTCUSDT"), (Venue::Coinbase, "BTC-USD"), (Venue::Kraken, "BTC/USD")];

/// Of twelve events of an instrument, by `b`ook, `q`uote and `t`rade: as in 346 s of BTCUSDT, `depth@100ms`.
const TWELVE: &[u8; 12] = b"qqtqqtqqtqqb";

/// How many of a book's forty levels change from one to the next, in that recording.
const CHANGES: u64 = 10;

/// Levels of a side in a book event.
const LEVELS: usize = 20;

/// Prices of a simulated book, around the first bid.
const PRICES: usize = 4_096;

const BASE: i64 = 6_000_000;

/// The market: an event of one of the first `venues` instruments every `every_ns`.
pub(crate) struct Market {
    random: u64,
    bid: usize,
    books: Vec<Book>,
    every_ns: i64,
    number: i64,
}

/// One instrument: how much rests at each price, which of its events is next, and how far its bid is from the market's.
struct Book {
    qtys: Vec<i64>,
    events: usize,
    away: usize,
}

impl Market {
    pub(crate) fn new(venues: usize, every_ns: i64) -> Self {
        let mut market = Self { random: 1, bid: PRICES / 2, books: Vec::new(), every_ns, number: 0 };
        for _ in INSTRUMENTS.iter().take(venues) {
            let qtys = (0..PRICES).map(|_| market.qty()).collect();
            market.books.push(Book { qtys, events: 0, away: 0 });
        }
        market
    }

    fn draw(&mut self, below: u64) -> usize {
        // Knuth's MMIX generator: cheap, and the same everywhere.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.random >> 33) % below).unwrap_or(0)
    }

    /// Spread over three decades.
    fn qty(&mut self) -> i64 {
        let decade = [100, 1_000, 10_000][self.draw(3)];
        decade + i64::try_from(self.draw(9_000)).unwrap_or(0) * decade / 1_000
    }

    /// The next event.
    pub(crate) fn next<R>(&mut self, take: impl FnOnce(&MarketEvent<'_>) -> R) -> R {
        let count = self.books.len();
        let place = usize::try_from(self.number).unwrap_or(0) % count;
        let body = self.body(place);
        let (venue, symbol) = INSTRUMENTS[place];
        let recv_ts = START + self.number * self.every_ns;
        self.number += 1;
        let number = self.number.unsigned_abs();
        take(&MarketEvent {
            id: &format!("{venue}:{symbol}:18c2f0a1b2c3-0-1:{number:09}"),
            venue,
            symbol,
            price_scale: 2,
            qty_scale: 5,
            tick: Price(1),
            lot: Qty(1),
            exch_ts: Some(UnixNanos(recv_ts - 5_000_000 - i64::from(venue.code()) * 1_000_000)),
            recv_ts: UnixNanos(recv_ts),
            seq: SeqRange { first: number, last: number },
            flags: QualityFlags::default(),
            body,
        })
    }

    fn body(&mut self, place: usize) -> EventBody {
        let events = self.books[place].events;
        self.books[place].events += 1;
        match events {
            0 => return EventBody::Status(StatusEvent { from: BookState::Empty, to: BookState::Live }),
            1 => return EventBody::Quality(QualityEvent { score_thousandths: 98_000, is_fenced: false }),
            // The first book.
            2 => return self.book(place),
            _ => {}
        }
        match self.draw(96) {
            0 => self.bid = (self.bid + 1).min(PRICES - 24),
            1 => self.bid = (self.bid - 1).max(24),
            // The others follow the market when they next move.
            2..=8 => self.books[place].away = self.draw(2),
            _ => {}
        }
        match TWELVE[events % TWELVE.len()] {
            b'b' => self.book(place),
            b't' => {
                let side = self.draw(2);
                let level = self.level(place, self.best(place) + side);
                let aggressor = if side == 1 { Aggressor::Buy } else { Aggressor::Sell };
                let qty = Qty(1 + level.qty.0 / 10);
                EventBody::Trade(TradeEvent {
                    trade_id: events as u64,
                    price: level.price,
                    qty,
                    aggressor,
                    maker: None,
                })
            }
            _ => {
                let best = self.best(place);
                let side = self.draw(2);
                self.books[place].qtys[best + side] = self.qty();
                EventBody::Quote(QuoteEvent {
                    bid: self.level(place, best),
                    ask: self.level(place, best + 1),
                })
            }
        }
    }

    fn best(&self, place: usize) -> usize {
        self.bid + self.books[place].away
    }

    fn level(&self, place: usize, index: usize) -> Level {
        Level::new(BASE + i64::try_from(index).unwrap_or(0), self.books[place].qtys[index])
    }

    fn book(&mut self, place: usize) -> EventBody {
        let best = self.best(place);
        for _ in 0..CHANGES {
            let rank = self.draw(2 * LEVELS as u64);
            self.books[place].qtys[best + 1 + rank - LEVELS] = self.qty();
        }
        let bids = (0..LEVELS).map(|rank| self.level(place, best - rank));
        let asks = (1..=LEVELS).map(|rank| self.level(place, best + rank));
        EventBody::Book(BookView::new(bids, asks))
    }

    /// The next event as `normalize` writes it, with its receive time.
    pub(crate) fn encoded(&mut self) -> (i64, Vec<u8>) {
        self.next(|event| {
            let mut bytes = Vec::new();
            encode_event(event, &mut bytes).unwrap();
            (event.recv_ts.0, bytes)
        })
    }
}
