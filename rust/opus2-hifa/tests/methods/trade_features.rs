//! What trades and a model add to the features of an instrument, event by event.

use opus2_hifa::estimator::microprice::{MicropriceTable, SavedTable};
use opus2_hifa::signal::{Detection, Detector, InstrumentState, SignalModel};
use opus2_hifa::{Absent, Direction, SignalConfig};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MarketEvent, Price, Qty, QualityEvent, QualityFlags,
    QuoteEvent, SeqRange, StatusEvent, TradeEvent, UnixNanos, Venue,
};

const MILLI: i64 = 1_000_000;

/// One instrument, its time and its number of events.
struct Market {
    state: InstrumentState,
    config: SignalConfig,
    ms: i64,
    number: u64,
    detections: Vec<Detection>,
}

impl Market {
    fn new() -> Self {
        Self {
            state: InstrumentState::new(Venue::Binance, 0, 0),
            config: SignalConfig::default(),
            ms: 0,
            number: 0,
            detections: Vec::new(),
        }
    }

    fn event(
        &mut self,
        ms: i64,
        exch_ms: Option<i64>,
        flags: QualityFlags,
        body: &EventBody,
    ) -> Option<Absent> {
        self.ms = ms;
        self.number += 1;
        let applied = self.state.apply(
            &MarketEvent {
                id: "binance:BTCUSDT:c:1",
                venue: Venue::Binance,
                symbol: "BTCUSDT",
                price_scale: 0,
                qty_scale: 0,
                tick: Price(1),
                lot: Qty(1),
                exch_ts: exch_ms.map(|ms| UnixNanos(ms * MILLI)),
                recv_ts: UnixNanos(ms * MILLI),
                seq: SeqRange { first: self.number, last: self.number },
                flags,
                body: *body,
            },
            true,
            &self.config,
        );
        self.detections =
            Detection::find(&self.state.features(&self.config), &applied, &self.config).collect();
        applied.unusable
    }

    fn trade(&mut self, ms: i64, qty: i64) {
        self.flagged_trade(ms, qty, QualityFlags::default());
    }

    /// Positive quantities are bought, negative ones sold.
    fn flagged_trade(&mut self, ms: i64, qty: i64, flags: QualityFlags) {
        let aggressor = if qty > 0 { Aggressor::Buy } else { Aggressor::Sell };
        let trade =
            TradeEvent { trade_id: 1, price: Price(100), qty: Qty(qty.abs()), aggressor, maker: None };
        self.event(ms, None, flags, &EventBody::Trade(trade));
    }

    fn quote(&mut self, ms: i64) {
        let quote = QuoteEvent { bid: Level::new(100, 30), ask: Level::new(101, 10) };
        self.event(ms, None, QualityFlags::default(), &EventBody::Quote(quote));
    }

    fn book(&mut self, ms: i64, bid_qty: i64) {
        let bids = [Level::new(100, bid_qty), Level::new(99, 20)];
        let view = BookView::new(bids, [Level::new(101, 10), Level::new(102, 20)]);
        self.event(ms, None, QualityFlags::default(), &EventBody::Book(view));
    }

    fn status(&mut self, ms: i64, to: BookState) {
        let status = StatusEvent { from: BookState::Live, to };
        self.event(ms, None, QualityFlags::default(), &EventBody::Status(status));
    }

    #[track_caller]
    fn check_volume(&self, signed: Result<f64, Absent>, imbalance: Result<f64, Absent>) {
        let features = self.state.features(&self.config);
        assert_eq!(
            (features.signed_volume_1s.value, features.volume_imbalance_1s.value),
            (signed, imbalance)
        );
    }

    fn bursts(&self) -> Vec<Direction> {
        let bursts = self.detections.iter().filter(|found| found.detector == Detector::Burst);
        bursts.map(|found| found.direction).collect()
    }
}

#[test]
fn volume_is_what_takers_bought_less_what_they_sold() {
    let mut market = Market::new();
    market.quote(0);
    market.check_volume(Err(Absent::Cold), Err(Absent::Cold));
    market.trade(10, 5);
    market.trade(500, -2);
    market.trade(600, 6);
    market.quote(1_010);
    market.check_volume(Ok(4.0), Ok(0.5));
    market.quote(1_600);
    market.check_volume(Ok(0.0), Err(Absent::NoEvents));
    let bar = market.state.bar_features(1_600 * MILLI, &market.config);
    assert_eq!((bar.signed_volume_1s.value, bar.signed_volume_5s.value), (Ok(0.0), Err(Absent::Cold)));
    let features = market.state.features(&market.config);
    assert_eq!(features.volume_imbalance_shrunk_15s.value, Err(Absent::Cold));
}

#[test]
fn only_lost_trades_interrupt_what_is_measured_on_trades() {
    let warm = || {
        let mut market = Market::new();
        market.trade(0, 5);
        market.trade(900, 1);
        market.quote(1_000);
        market.check_volume(Ok(1.0), Ok(1.0));
        market
    };
    let mut market = warm();
    market.status(1_100, BookState::Gap);
    market.check_volume(Ok(1.0), Ok(1.0));
    for to in [BookState::Empty, BookState::Stale] {
        let mut market = warm();
        market.status(1_100, to);
        market.check_volume(Err(Absent::Resync), Err(Absent::Resync));
        market.trade(1_200, -1);
        market.quote(2_200);
        market.check_volume(Ok(0.0), Err(Absent::NoEvents));
    }
    for flags in [QualityFlags::TRADE_GAP, QualityFlags::AFTER_GAP] {
        let mut market = warm();
        market.flagged_trade(1_100, -1, flags);
        market.check_volume(Err(Absent::Resync), Err(Absent::Resync));
        market.quote(2_099);
        market.check_volume(Err(Absent::Resync), Err(Absent::Resync));
        market.quote(2_100);
        market.check_volume(Ok(0.0), Err(Absent::NoEvents));
    }
    for is_fenced in [true, false] {
        let quality = EventBody::Quality(QualityEvent { score_thousandths: 0, is_fenced });
        market.event(1_200, None, QualityFlags::default(), &quality);
    }
    market.check_volume(Err(Absent::Resync), Err(Absent::Resync));
}

#[test]
fn a_trade_that_cannot_be_is_not_used() {
    let mut market = Market::new();
    for (price, qty) in [(0, 1), (-1, 1), (1, 0), (1, -1), (i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
        let trade = TradeEvent {
            trade_id: 1,
            price: Price(price),
            qty: Qty(qty),
            aggressor: Aggressor::Buy,
            maker: None,
        };
        let unusable = market.event(0, None, QualityFlags::default(), &EventBody::Trade(trade));
        assert_eq!(unusable, Some(Absent::BadNumber));
    }
    market.quote(20_000);
    market.check_volume(Err(Absent::Cold), Err(Absent::Cold));
    assert_eq!(market.state.bar().trades, 6, "it came all the same");
}

/// A buy and a sell every 500 ms for two minutes, then `orders` buys 5 ms apart, of which `prints` have one time at the
/// venue; then quotes. The bursts at the quotes.
fn bursts(orders: i64, prints: i64) -> Vec<Vec<Direction>> {
    let mut market = Market::new();
    for half in 0..240 {
        market.trade(half * 500, 1);
        market.trade(half * 500, -1);
    }
    let start = 120_001;
    for order in 0..orders {
        let exch_ms = start + 5 * (order / prints);
        let trade = TradeEvent {
            trade_id: 1,
            price: Price(100),
            qty: Qty(1),
            aggressor: Aggressor::Buy,
            maker: None,
        };
        market.event(start + 5 * order, Some(exch_ms), QualityFlags::default(), &EventBody::Trade(trade));
    }
    [60, 200, 5_000]
        .map(|ms| {
            market.quote(start + ms);
            market.bursts()
        })
        .into()
}

#[test]
fn a_burst_is_detected_with_its_direction_while_it_lasts() {
    assert_eq!(bursts(10, 1), [vec![], vec![Direction::Up], vec![]]);
    assert_eq!(bursts(10, 10), [vec![], vec![], vec![]], "the prints of one order");
}

#[test]
fn intensities_are_told_apart_by_side() {
    let mut market = Market::new();
    for step in 0..300 {
        market.trade(step * 400, if step % 4 == 0 { -1 } else { 1 });
    }
    let features = market.state.features(&market.config);
    // Three buys to a sell, and a buy was last.
    assert!((0.4..0.9).contains(&features.hawkes_imbalance.value.unwrap()), "{features:?}");
    assert!(features.hawkes_buy_ratio.value.unwrap() > 0.5);
    market.flagged_trade(120_001, 1, QualityFlags::TRADE_GAP);
    let features = market.state.features(&market.config);
    assert_eq!(features.hawkes_imbalance.value, Err(Absent::Resync));
}

#[test]
fn integrated_ofi_is_of_books_alone_and_says_how_far_apart_they_are() {
    let mut market = Market::new();
    market.book(0, 10);
    market.quote(100);
    market.book(500, 30);
    market.book(1_000, 40);
    let features = market.state.features(&market.config);
    let integrated = features.ofi_integrated_1s;
    // 30 units over two ranks of (30 + 10) / 2 and 20, then (40 + 10) / 2 and 20; the first of five ranks.
    let depth = (20.0 + 20.0 + 25.0 + 20.0) / 4.0;
    assert!((integrated.value.unwrap() - 0.2 * 30.0 / depth).abs() < 1e-12, "{integrated:?}");
    assert_eq!(integrated.conflation_ms, Some(100));
    assert_eq!(features.ofi_integrated_5s.value, Err(Absent::Cold));
    let model = SignalModel { ofi_weights: Some([1.0, 0.0, 0.0, 0.0, 0.0]), ..SignalModel::NONE };
    let fitted = market.state.features_with(&market.config, &model).ofi_integrated_1s;
    assert!((fitted.value.unwrap() - 30.0 / depth).abs() < 1e-12, "{fitted:?}");
    market.status(1_100, BookState::Gap);
    market.book(1_200, 40);
    market.quote(2_100);
    assert_eq!(market.state.features(&market.config).ofi_integrated_1s.value, Err(Absent::Resync));
}

#[test]
fn a_micro_price_needs_a_model() {
    let mut market = Market::new();
    market.quote(0);
    assert_eq!(market.state.features(&market.config).microprice.value, Err(Absent::NoModel));
    let saved = SavedTable { thin_share_edges: vec![], lean_half_ticks: vec![0.5], visits: vec![1_000] };
    let model =
        SignalModel { microprice: Some(MicropriceTable::try_from(saved).unwrap()), ..SignalModel::NONE };
    // Bids are heavier: half of half a tick up.
    assert_eq!(market.state.features_with(&market.config, &model).microprice.value, Ok(100.75));
    market.status(1, BookState::Empty);
    assert_eq!(market.state.features_with(&market.config, &model).microprice.value, Err(Absent::Resync));
}

#[test]
fn what_is_saved_is_loaded_and_state_that_cannot_be_is_refused() {
    let mut market = Market::new();
    for step in 0..400 {
        market.trade(step * 100, 1 + step % 7);
        market.book(step * 100 + 50, 10 + step % 5);
    }
    let state_end = market.ms * MILLI;
    let text = serde_json::to_string(&market.state).unwrap();
    let loaded: InstrumentState = serde_json::from_str(&text).unwrap();
    assert!(loaded.is_consistent());
    let volume = |state: &InstrumentState| state.bar_features(state_end, &market.config);
    assert_eq!(volume(&loaded), volume(&market.state));
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["trade_flow"]["hawkes"]["secs"] = serde_json::json!(-1.0);
    assert!(!serde_json::from_value::<InstrumentState>(value).unwrap().is_consistent());
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["trade_flow"]["volume"]["quarters"]["count"] = serde_json::json!(200);
    assert!(!serde_json::from_value::<InstrumentState>(value).unwrap().is_consistent());
}
