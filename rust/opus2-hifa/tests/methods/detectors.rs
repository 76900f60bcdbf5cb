//! Whole episodes, from a book's first change to the event that reports them.

use opus2_hifa::Absent;
use opus2_hifa::detector::iceberg::OrderIceberg;
use opus2_hifa::detector::level_flow::Stamp;
use opus2_hifa::detector::{DetectorEvent, DetectorSettings, Detectors, Units};
use opus2_types::{Aggressor, BookView, Level, MakerFill, OrderId, Price, Qty, Side, TradeEvent};

const MILLI: i64 = 1_000_000;
const UNITS: Units = Units { price_scale: 2, qty_scale: 0, tick: Price(10) };
/// The best ask. The mid is 100 000: a tick is one basis point.
const BEST_ASK: i64 = 100_010;
const BEST_BID: i64 = 99_990;
/// Where walls are built: three and a half basis points from the mid would be between ticks, four is not.
const WALL_ASK: i64 = 100_040;

/// A market whose book is told every 100 ms, with about a hundred at every tick.
struct Market {
    detectors: Detectors,
    settings: DetectorSettings,
    now: i64,
    books: i64,
    events: Vec<String>,
}

impl Market {
    /// After ten quiet seconds.
    fn warm() -> Self {
        let settings = DetectorSettings { conflation_ms: 100, ..DetectorSettings::default() };
        let mut market =
            Self { detectors: Detectors::default(), settings, now: 0, books: 0, events: Vec::new() };
        assert_eq!(market.detectors.signal(), Err(Absent::Cold));
        for _ in 0..100 {
            market.book(&[]);
        }
        assert_eq!(market.detectors.signal(), Ok(0.0), "warm, and no wall stands");
        market
    }

    /// The next book, 100 ms after the one before; `other` replaces or adds asks.
    fn book(&mut self, other: &[[i64; 2]]) {
        self.now += 100 * MILLI;
        self.books += 1;
        let usual = |price: i64| 80 + (price * 7 + self.books * 130) % 61;
        let mut asks: Vec<[i64; 2]> =
            (0..20).map(|rank| BEST_ASK + 10 * rank).map(|price| [price, usual(price)]).collect();
        asks.retain(|[price, _]| other.iter().all(|[replaced, _]| replaced != price));
        asks.extend(other.iter().filter(|[_, qty]| *qty > 0));
        asks.sort_unstable();
        let bids = (0..20).map(|rank| BEST_BID - 10 * rank).map(|price| Level::new(price, usual(price)));
        let view = BookView::new(bids, asks.into_iter().map(|[price, qty]| Level::new(price, qty)));
        let stamp = Stamp { now: self.now, venue: Some(self.now) };
        self.detectors.on_book(stamp, &view, UNITS, &self.settings);
        self.take_events();
    }

    /// A trade `after_ms` after the newest book.
    fn trade(&mut self, after_ms: i64, price: i64, qty: i64, aggressor: Aggressor) {
        self.late_trade(after_ms, after_ms, price, qty, aggressor);
    }

    /// A trade that is received `after_ms` after the newest book, and happened `venue_ms` after it.
    fn late_trade(&mut self, after_ms: i64, venue_ms: i64, price: i64, qty: i64, aggressor: Aggressor) {
        let [now, venue] = [after_ms, venue_ms].map(|after| self.now + after * MILLI);
        let trade = TradeEvent { trade_id: 1, price: Price(price), qty: Qty(qty), aggressor, maker: None };
        self.detectors.on_trade(Stamp { now, venue: Some(venue) }, &trade, &self.settings);
        self.take_events();
    }

    /// A trade of a feed that tells the order it fills, and what that showed.
    fn fill(&mut self, after_ms: i64, order: u64, qty: i64, shown: i64) {
        let now = self.now + after_ms * MILLI;
        let maker = Some(MakerFill { order: OrderId::from(order), shown: Qty(shown) });
        let (price, qty, aggressor) = (Price(BEST_ASK), Qty(qty), Aggressor::Buy);
        let trade = TradeEvent { trade_id: 1, price, qty, aggressor, maker };
        self.detectors.on_trade(Stamp { now, venue: Some(now) }, &trade, &self.settings);
        self.take_events();
    }

    fn take_events(&mut self) {
        let shown = |event: DetectorEvent| match event {
            DetectorEvent::WallAppeared(wall) => {
                format!("wall {:?} {} {}", wall.side, wall.price.0, wall.qty.0)
            }
            DetectorEvent::WallEnded(wall) => format!(
                "{} {} executed {} cancelled {} spoof {:.2}",
                wall.end.as_str(),
                wall.price.0,
                wall.episode.executed(),
                wall.episode.cancelled(),
                wall.spoof_likeness
            ),
            DetectorEvent::Layering(found) => {
                format!("layering {:?} {} {:.2}", found.side, found.levels, found.score)
            }
            DetectorEvent::Sweep(sweep) => {
                format!("sweep {:?} {} {}", sweep.aggressor, sweep.levels, sweep.volume)
            }
            DetectorEvent::Refill(found) => {
                format!(
                    "refill {:?} {} {} {:.2}",
                    found.side, found.price.0, found.refills, found.refill_share
                )
            }
            DetectorEvent::Iceberg(found) => {
                let OrderIceberg { id, side, price, peak, executed, refills } = found;
                format!("iceberg {} {side:?} {} {peak} {executed} {refills}", id.0, price.0)
            }
            _ => "another".to_owned(),
        };
        self.events.extend(self.detectors.drain_events().map(shown));
        assert!(self.detectors.is_consistent());
    }

    #[track_caller]
    fn check(&mut self, expect: &[&str]) {
        assert_eq!(self.events, expect);
        let saved = serde_json::to_string(&self.detectors).expect("JSON");
        assert!(saved.len() < 64 * 1024, "{} bytes", saved.len());
    }

    fn wall(&mut self, books: usize, qty: i64) {
        for _ in 0..books {
            self.book(&[[WALL_ASK, qty]]);
        }
    }
}

#[test]
fn a_wall_that_is_pulled_is_reported_and_remembered() {
    let mut market = Market::warm();
    market.wall(20, 5_000);
    market.check(&[]);
    market.wall(5, 5_000);
    market.check(&["wall Ask 100040 5000"]);
    // Far above z = 8, four basis points away: asks hold the price down.
    let signal = market.detectors.signal().unwrap();
    assert!((signal + (-4.0f64 / 5.0).exp()).abs() < 1e-9, "{signal}");
    market.wall(3, 0);
    market.check(&["wall Ask 100040 5000", "shrunk 100040 executed 0 cancelled 5000 spoof 0.92"]);
    assert_eq!(market.detectors.signal(), Ok(0.0));
    let spoof = market.detectors.walls().spoof_likeness(Side::Ask, market.now);
    assert!((spoof - (-2.5f64 / 30.0).exp()).abs() < 1e-6, "{spoof}");
    // The next wall counts for less.
    market.wall(25, 5_000);
    let signal = market.detectors.signal().unwrap();
    assert!((signal + (1.0 - spoof) * (-4.0f64 / 5.0).exp()).abs() < 1e-6, "{signal}");
}

#[test]
fn a_wall_that_is_traded_away_is_executed() {
    let mut market = Market::warm();
    market.wall(25, 5_000);
    market.trade(30, WALL_ASK, 1_500, Aggressor::Buy);
    market.trade(60, WALL_ASK, 3_000, Aggressor::Buy);
    market.wall(3, 500);
    market.check(&["wall Ask 100040 5000", "shrunk 100040 executed 4500 cancelled 0 spoof 0.00"]);
    assert_eq!((market.detectors.flow().attributed(), market.detectors.flow().unattributed()), (4_500, 0));
}

#[test]
fn trades_that_are_told_after_their_book_still_count_as_executed() {
    let mut market = Market::warm();
    market.wall(25, 5_000);
    market.wall(1, 500);
    market.late_trade(20, -5, WALL_ASK, 4_500, Aggressor::Buy);
    market.wall(3, 500);
    market.check(&["wall Ask 100040 5000", "shrunk 100040 executed 4500 cancelled 0 spoof 0.00"]);
}

#[test]
fn what_is_gone_within_two_seconds_was_no_wall() {
    let mut market = Market::warm();
    market.wall(15, 5_000);
    market.wall(3, 0);
    market.wall(15, 5_000);
    market.wall(3, 0);
    market.check(&[]);
}

#[test]
fn a_wall_that_is_gone_after_lost_data_is_nobodys() {
    let mut market = Market::warm();
    market.wall(25, 5_000);
    market.detectors.reset_reference();
    assert_eq!(market.detectors.signal(), Err(Absent::Resync));
    market.wall(3, 0);
    market.check(&["wall Ask 100040 5000", "lost 100040 executed 0 cancelled 0 spoof 0.00"]);
    assert!(market.detectors.walls().spoof_likeness(Side::Ask, market.now) <= 0.0);
}

#[test]
fn levels_laid_and_pulled_while_the_other_side_trades_are_layering() {
    let laid = [[100_015, 3_000], [100_025, 3_000], [100_035, 3_000]];
    // Sells go into the bids, the side opposite of the asks that were laid.
    for (aggressor, price, expect) in
        [(Aggressor::Sell, BEST_BID, &["layering Ask 3 1.00"][..]), (Aggressor::Buy, BEST_ASK, &[][..])]
    {
        let mut market = Market::warm();
        market.book(&laid);
        for _ in 0..5 {
            market.book(&laid);
            market.trade(50, price, 20, aggressor);
        }
        for _ in 0..3 {
            market.book(&[]);
        }
        // The bids' sizes change as they please, which may look like a refill.
        market.events.retain(|event| event.starts_with("layering"));
        market.check(expect);
        let score = market.detectors.layering_score(Side::Ask, &market.settings).unwrap();
        assert_eq!(score > 0.0, !expect.is_empty());
        assert_eq!(market.detectors.layering_score(Side::Bid, &market.settings), Ok(0.0));
    }
}

#[test]
fn a_level_that_is_put_back_again_and_again_is_a_refill() {
    let mut market = Market::warm();
    for _ in 0..5 {
        market.book(&[[BEST_ASK, 100]]);
        market.trade(50, BEST_ASK, 50, Aggressor::Buy);
    }
    market.check(&["refill Ask 100010 3 1.00"]);
}

#[test]
fn a_run_through_the_book_is_a_sweep() {
    let mut market = Market::warm();
    for rank in 0..4 {
        market.trade(10 + rank, BEST_ASK + 10 * rank, 100, Aggressor::Buy);
    }
    market.check(&[]);
    market.book(&[]);
    market.book(&[]);
    market.check(&["sweep Buy 4 400"]);
}

#[test]
fn much_volume_that_does_not_move_the_price_is_absorbed() {
    let mut market = Market::warm();
    let measure = |market: &Market| market.detectors.absorption(Ok(1e-3), UNITS);
    assert!(matches!(measure(&market), Err(Absent::Cold)));
    // Small trades of different sizes, at a level that is not put back but as it pleases.
    for window in 0..70 {
        for book in 0..50 {
            market.book(&[]);
            if book == 10 {
                market.trade(50, BEST_BID, 1 + window % 9, Aggressor::Sell);
            }
        }
    }
    assert!(matches!(measure(&market), Err(Absent::NoEvents)));
    for _ in 0..10 {
        market.book(&[[BEST_ASK, 100]]);
        market.trade(50, BEST_ASK, 90, Aggressor::Buy);
    }
    market.book(&[[BEST_ASK, 100]]);
    let reading = measure(&market).unwrap();
    assert_eq!((reading.aggressor, reading.absorption.resistance), (Aggressor::Buy, Ok(1.0)));
    assert!(reading.absorption.score.unwrap() > 0.9, "{reading:?}");
    assert!(reading.signal().unwrap() < -0.9, "against the buyer");
    market.detectors.reset_reference();
    assert!(matches!(measure(&market), Err(Absent::Resync)));
}

#[test]
fn a_loaded_state_goes_on_as_the_saved_one() {
    let mut market = Market::warm();
    let mut loaded = Market::warm();
    for step in 0..60 {
        let saved = serde_json::to_value(&market.detectors).unwrap();
        loaded.detectors = serde_json::from_value(saved).unwrap();
        (loaded.now, loaded.books) = (market.now, market.books);
        for market in [&mut market, &mut loaded] {
            market.trade(50, WALL_ASK, 10 * (step % 4), Aggressor::Buy);
            market.wall(1, if step < 40 { 5_000 - 100 * step } else { 0 });
        }
        assert_eq!(market.detectors, loaded.detectors);
    }
    assert_eq!(market.events, loaded.events);
    assert!(!market.events.is_empty());
}

#[test]
fn an_order_that_holds_more_than_it_shows_is_told_of_at_every_refill() {
    let mut market = Market::warm();
    for (after_ms, order, qty, shown) in
        [(1, 7, 4, 10), (2, 7, 6, 6), (3, 8, 5, 5), (4, 7, 10, 10), (5, 9, 12, 10), (6, 7, 1, 10)]
    {
        market.fill(after_ms, order, qty, shown);
    }
    market.check(&[
        "iceberg 7 Ask 100010 10 20 1",
        "iceberg 9 Ask 100010 10 12 1",
        "iceberg 7 Ask 100010 10 21 2",
    ]);
    assert_eq!(market.detectors.icebergs().icebergs().count(), 2);
    market.detectors.reset_reference();
    market.fill(7, 9, 3, 10);
    assert_eq!(market.events.len(), 3, "nobody saw what became of it");
}

#[test]
fn an_iceberg_that_is_complete_is_forgotten() {
    let mut market = Market::warm();
    market.fill(1, 7, 12, 10);
    market.fill(2, 8, 12, 30);
    let at = market.now + 60_000 * MILLI;
    for (now, left) in [(at, 1), (at + MILLI, 0)] {
        market.detectors.advance(now, &market.settings);
        assert_eq!(market.detectors.icebergs().icebergs().count(), left);
    }
    market.fill(60_100, 7, 3, 10);
    market.check(&["iceberg 7 Ask 100010 10 12 1"]);
}
