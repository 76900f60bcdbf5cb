//! What a market decides, frame by frame.

use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, Price, Qty, QualityFlags, QuoteEvent, SeqRange,
    StatusEvent, UnixNanos, Venue,
};

use super::*;
use crate::context::{Candidate, InstrumentName};
use crate::decision::combine::FEATURES_MAX;
use crate::decision::config::DecisionConfig;
use crate::decision::model::{Payoff, Validation};
use crate::execution::plan::{Planner, Style};
use crate::risk::{
    ASSESSED_VENUES_MAX, BlockReason, Blocks, GateParts, PositionSource, RiskGate, RoundTripCost,
};
use crate::{Absent, Direction};

const MARKET: &str = "BTC/USD*";
const VENUES: [(Venue, &str); 3] =
    [(Venue::Binance, "BTCUSDT"), (Venue::Coinbase, "BTC-USD"), (Venue::Kraken, "BTC/USD")];

/// Terms under which a probability of 0.6 is enough: fees of a tenth of the entry tiers, a model that is proven.
fn terms() -> MarketTerms {
    let mut model = Model::unfitted();
    model.payoff = Payoff { gain_bps: 60.0, loss_bps: 20.0 };
    model.validation = Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 3, n_eff: 900.0 });
    MarketTerms {
        config: ExecutionConfig::default(),
        rule: DecisionRule::new(DecisionConfig::default()).unwrap(),
        fees: FeeSchedule::default(),
        min_notional: MinNotional::default(),
        model,
    }
}

fn assessment() -> Assessment {
    let all = GateParts {
        es_headroom: Ok(1.0),
        liquidity: Ok(1.0),
        health: Ok(1.0),
        quality: Ok(1.0),
        slippage: Ok(1.0),
    };
    let mut venues = [None; ASSESSED_VENUES_MAX];
    for (slot, (venue, symbol)) in venues.iter_mut().zip(VENUES) {
        *slot = Some(VenueAllowance {
            instrument: InstrumentName::from(&format!("{venue}:{symbol}")).unwrap(),
            share: 1.0,
            health: 100.0,
            quality: Ok(99.0),
            latency_secs: Ok(0.02),
        });
    }
    Assessment {
        direction: Some(Direction::Up),
        gate: RiskGate::of(all, Blocks::NONE),
        qty_scale: 5,
        qty: 10_000,
        held_qty: 0,
        position_source: PositionSource::AssumedFlat,
        equity_micros: 100_000_000_000,
        cost: Ok(RoundTripCost { spread_bps: 1.0, slippage_bps: 1.0, fee_bps: 5.0, latency_bps: 0.5 }),
        net_gain_bps: Ok(52.5),
        edge_bps: Ok(9.0),
        p_lower: Ok(0.6),
        kelly: Ok(0.1),
        shortfall_per_unit: Ok(100.0),
        participation: Ok(0.01),
        resilience_secs: Err(Absent::Cold),
        sqrt_law_bps: Ok(3.0),
        must_leave: false,
        venues,
    }
}

fn outlook(now: i64, p_up: Option<f64>) -> Outlook {
    let mut outlook = Outlook::unknown(now);
    outlook.volatility = Ok(1e-4);
    outlook.candidate = p_up.map(|p_up| Candidate {
        instrument: InstrumentName::from("binance:BTCUSDT").unwrap(),
        mid: 60_000.005,
        half_spread_bps: 0.001,
        logit: 1.0,
        p_raw: p_up,
        p_up,
        score: 2.0 * p_up - 1.0,
        missing: 0,
        features_count: 4,
        values: [Err(Absent::Cold); FEATURES_MAX],
    });
    outlook
}

/// A market that has seen three books.
struct Run {
    state: MarketExecution,
    planner: Planner,
    terms: MarketTerms,
    events: u64,
}

impl Run {
    fn new(terms: MarketTerms) -> Self {
        let planner = Planner::new(20);
        let mut run = Self { state: MarketExecution::default(), planner, terms, events: 0 };
        for at in 0..VENUES.len() {
            let side = |sign: i64, best: i64| (0..20).map(move |rank| Level::new(best + sign * rank, 8_000));
            let book = BookView::new(side(-1, 6_000_000), side(1, 6_000_001));
            assert!(run.event(0, at, &EventBody::Book(book)).is_none());
        }
        run
    }

    fn event(&mut self, ms: i64, venue: usize, body: &EventBody) -> Option<Verdict> {
        self.events += 1;
        let recv_ts = UnixNanos(ms * 1_000_000);
        let (venue, symbol) = VENUES[venue];
        let event = MarketEvent {
            id: &format!("{venue}:{symbol}:c:{}", self.events),
            venue,
            symbol,
            price_scale: 2,
            qty_scale: 5,
            tick: Price(1),
            lot: Qty(1),
            exch_ts: None,
            recv_ts,
            seq: SeqRange { first: self.events, last: self.events },
            flags: QualityFlags::default(),
            body: *body,
        };
        self.frame(Some(&event), &outlook(recv_ts.0, None), &assessment())
    }

    fn frame(
        &mut self,
        event: Option<&MarketEvent<'_>>,
        outlook: &Outlook,
        assessment: &Assessment,
    ) -> Option<Verdict> {
        let look = Look { market: MARKET, event, outlook, assessment };
        let verdict = self.state.step(&look, &mut self.planner, &self.terms);
        assert!(self.state.is_consistent(), "{:?}", self.state);
        verdict
    }

    /// A frame without an event; `change` says what is out of the ordinary.
    fn at(
        &mut self,
        ms: i64,
        p_up: Option<f64>,
        change: impl FnOnce(&mut Outlook, &mut Assessment),
    ) -> Option<Verdict> {
        let (mut outlook, mut assessment) = (outlook(ms * 1_000_000, p_up), assessment());
        if p_up.is_some_and(|p| p < 0.5) {
            assessment.direction = Some(Direction::Down);
        }
        change(&mut outlook, &mut assessment);
        self.frame(None, &outlook, &assessment)
    }

    /// What is decided in one word: `7 enter up`, `exit up probability`, or nothing.
    #[track_caller]
    fn check(
        &mut self,
        ms: i64,
        p_up: Option<f64>,
        change: impl FnOnce(&mut Outlook, &mut Assessment),
        expect: &str,
    ) -> Option<Verdict> {
        let verdict = self.at(ms, p_up, change);
        let said = verdict.as_ref().map_or_else(String::new, |verdict| {
            let names: Vec<&str> = [verdict.action.as_str(), verdict.direction.as_str()]
                .into_iter()
                .chain(verdict.grounds.names())
                .collect();
            format!("{} {}", verdict.number, names.join(" "))
        });
        assert_eq!(said, expect);
        verdict
    }
}

fn plain(_: &mut Outlook, _: &mut Assessment) {}

fn second(outlook: &mut Outlook, _: &mut Assessment) {
    outlook.bar_end = Some(outlook.now);
}

#[test]
fn a_position_is_entered_held_and_left() {
    let mut run = Run::new(terms());
    run.check(10, Some(0.55), plain, "");
    let entered = run.check(20, Some(0.7), plain, "1 enter up").unwrap();
    assert_eq!((entered.qty, entered.entry), (Amount { units: 10_000, scale: 5 }, None));
    let order = entered.order.unwrap();
    assert_eq!((order.side, order.plan.style), (Aggressor::Buy, Style::Now));
    // A better price after fees: all of it is taken where it is cheapest.
    assert_eq!(
        order.venues.iter().map(|venue| venue.instrument.as_str()).collect::<Vec<_>>(),
        ["binance:BTCUSDT", "coinbase:BTC-USD", "kraken:BTC/USD"]
    );
    assert_eq!(order.plan.first.venues[0].qty, Qty(10_000));
    run.check(30, Some(0.7), plain, "");
    let held = run.check(1_000, Some(0.7), second, "2 hold up").unwrap();
    assert_eq!((held.entry, held.qty.units), (Some(1), 10_000));
    run.check(1_010, Some(0.5), plain, "");
    let left = run.check(1_020, Some(0.5), plain, "3 exit up probability").unwrap();
    assert_eq!((left.entry, left.order.unwrap().side), (Some(1), Aggressor::Sell));
    run.check(1_030, Some(0.2), plain, "4 reject down cool_down");
    run.check(3_020, Some(0.2), plain, "5 enter down");
}

#[test]
fn a_refusal_is_told_once_and_again_when_its_reasons_change() {
    let mut run = Run::new(terms());
    let low = |_: &mut Outlook, assessment: &mut Assessment| assessment.gate.value = 0.1;
    run.check(10, Some(0.7), low, "1 reject up low_gate");
    run.check(20, Some(0.8), low, "");
    run.check(900, Some(0.7), low, "");
    let blocked = |_: &mut Outlook, assessment: &mut Assessment| {
        let stale = [BlockReason::StaleData].into_iter().collect();
        assessment.gate = RiskGate::of(assessment.gate.parts, stale);
    };
    run.check(910, Some(0.7), blocked, "2 reject up low_gate");
    // Not more often than four times a second.
    run.check(920, Some(0.7), low, "");
    run.check(1_159, Some(0.7), low, "");
    run.check(1_160, Some(0.7), low, "3 reject up low_gate");
    // A candidate that comes back is a new one.
    run.check(1_500, Some(0.55), low, "");
    run.check(1_510, Some(0.7), low, "4 reject up low_gate");
    run.check(1_520, None, low, "");
    let costly = |_: &mut Outlook, assessment: &mut Assessment| assessment.cost = Err(Absent::Cold);
    run.check(2_000, Some(0.7), costly, "5 reject up bad_number cost_above_gain");
}

#[test]
fn what_cannot_be_bought_is_refused_and_not_held() {
    let mut run = Run::new(terms());
    let none = |_: &mut Outlook, assessment: &mut Assessment| assessment.qty = 0;
    run.check(10, Some(0.7), none, "1 reject up no_quantity");
    let other = |_: &mut Outlook, assessment: &mut Assessment| assessment.direction = Some(Direction::Down);
    run.check(300, Some(0.8), other, "");
    let much = |_: &mut Outlook, assessment: &mut Assessment| assessment.qty = 100_000_000;
    run.check(600, Some(0.7), much, "2 reject up unfilled");
    let small = |_: &mut Outlook, assessment: &mut Assessment| assessment.qty = 1;
    run.check(900, Some(0.7), small, "");
    let shut = |_: &mut Outlook, assessment: &mut Assessment| {
        assessment.venues.iter_mut().flatten().for_each(|venue| venue.share = 0.0);
    };
    run.check(1_200, Some(0.7), shut, "3 reject up no_book");
    assert_eq!(run.state.hysteresis().flips(), 0);
    run.check(1_210, Some(0.7), plain, "4 enter up");
}

#[test]
fn a_venue_takes_no_more_than_its_share() {
    let mut run = Run::new(terms());
    let half = |_: &mut Outlook, assessment: &mut Assessment| {
        for (venue, share) in assessment.venues.iter_mut().flatten().zip([0.25, 0.0, 1.0]) {
            venue.share = share;
        }
    };
    let order = run.check(10, Some(0.7), half, "1 enter up").unwrap().order.unwrap();
    let taken: Vec<(&str, i64)> = order
        .venues
        .iter()
        .zip(&order.plan.first.venues)
        .map(|(venue, slice)| (venue.instrument.as_str(), slice.qty.0))
        .collect();
    assert_eq!(taken, [("binance:BTCUSDT", 2_500), ("kraken:BTC/USD", 7_500)]);
}

#[test]
fn what_cannot_be_sold_is_held_until_it_can() {
    let mut run = Run::new(terms());
    run.check(10, Some(0.7), plain, "1 enter up");
    for at in 0..VENUES.len() {
        let gap = StatusEvent { from: BookState::Live, to: BookState::Gap };
        assert!(run.event(20, at, &EventBody::Status(gap)).is_none());
    }
    let stop = |_: &mut Outlook, assessment: &mut Assessment| assessment.must_leave = true;
    run.check(30, Some(0.7), stop, "2 hold up stop no_book");
    run.check(40, Some(0.7), stop, "");
    let stop_at_end = |outlook: &mut Outlook, assessment: &mut Assessment| {
        second(outlook, assessment);
        assessment.must_leave = true;
    };
    run.check(1_000, None, stop_at_end, "3 hold up stop no_book");
    let side = |sign: i64, best: i64| (0..20).map(move |rank| Level::new(best + sign * rank, 8_000));
    run.event(1_010, 2, &EventBody::Book(BookView::new(side(-1, 5_999_000), side(1, 5_999_001))));
    let left = run.check(1_020, None, stop, "4 exit up stop").unwrap();
    assert_eq!(left.order.unwrap().plan.style, Style::Now);
    run.check(4_000, Some(0.8), stop, "5 reject up stop");
}

#[test]
fn what_is_told_is_closed_and_what_is_left_over_again() {
    let mut run = Run::new(terms());
    let told = |qty: i64| {
        move |_: &mut Outlook, assessment: &mut Assessment| {
            (assessment.position_source, assessment.held_qty) = (PositionSource::Told, qty);
        }
    };
    run.check(10, Some(0.7), told(0), "1 enter up");
    let left = run.check(1_100, Some(0.45), told(6_000), "2 exit up probability").unwrap();
    assert_eq!(left.qty.units, 6_000);
    // Its orders may be filled until they expire; then what is left is sold again, and nothing is entered before.
    run.check(1_200, Some(0.45), told(500), "");
    let again = run.check(2_100, Some(0.45), told(500), "3 exit up left_over").unwrap();
    assert_eq!((again.entry, again.qty.units), (Some(1), 500));
    run.check(2_800, Some(0.8), told(500), "4 reject up cool_down");
    run.check(3_100, Some(0.8), told(500), "5 exit up left_over");
    run.check(3_400, Some(0.8), told(500), "6 reject up left_over");
    run.check(3_700, Some(0.8), told(0), "7 enter up");
    run.check(4_800, Some(0.1), told(0), "8 exit up probability nothing_held");
}

#[test]
fn whatever_is_held_is_left_when_all_must_be() {
    let mut run = Run::new(terms());
    let foreign = |must_leave: bool| {
        move |_: &mut Outlook, assessment: &mut Assessment| {
            (assessment.position_source, assessment.held_qty) = (PositionSource::Told, -700);
            assessment.must_leave = must_leave;
        }
    };
    run.check(10, Some(0.55), foreign(false), "");
    let left = run.check(20, None, foreign(true), "1 exit down left_over").unwrap();
    assert_eq!((left.entry, left.order.unwrap().side), (None, Aggressor::Buy));
}

#[test]
fn a_sell_entry_sells_and_a_quote_is_seen() {
    let mut run = Run::new(terms());
    let quote = QuoteEvent { bid: Level::new(6_000_010, 500), ask: Level::new(6_000_011, 500) };
    run.event(5, 0, &EventBody::Quote(quote));
    let entered = run.check(10, Some(0.2), plain, "1 enter down").unwrap();
    let order = entered.order.unwrap();
    assert_eq!(order.side, Aggressor::Sell);
    assert_eq!(run.state.books().next().unwrap().best(opus2_types::Side::Bid), Some(quote.bid));
    assert!(order.plan.first.venues[0].worst.is_some_and(|worst| worst <= Price(6_000_010)));
}

#[test]
fn an_unproven_model_is_shown_and_never_entered() {
    let mut terms = terms();
    terms.model.validation = None;
    let mut run = Run::new(terms);
    run.check(10, Some(0.9), plain, "1 reject up unproven");
    let mut terms = self::terms();
    terms.model.market = "ETH/USD*".to_owned();
    Run::new(terms).check(10, Some(0.9), plain, "1 reject up unproven");
}

#[test]
fn a_saved_market_goes_on_as_if_never_stopped() {
    let (mut whole, mut halves) = (Run::new(terms()), Run::new(terms()));
    for step in 0..400i64 {
        let p = 0.5 + 0.4 * f64::from(i32::try_from(step % 37).unwrap() - 18) / 18.0;
        let ms = 50 * step;
        let bid = 6_000_000 + step % 7;
        let quote =
            QuoteEvent { bid: Level::new(bid, 9_000 - 20 * step), ask: Level::new(bid + 1, 100 + step) };
        let venue = usize::try_from(step % 3).unwrap();
        for run in [&mut whole, &mut halves] {
            run.event(ms, venue, &EventBody::Quote(quote));
        }
        let (left, right) = (whole.at(ms, Some(p), plain), halves.at(ms, Some(p), plain));
        assert_eq!(left, right);
        let text = serde_json::to_string(&halves.state).unwrap();
        halves.state = serde_json::from_str(&text).unwrap();
        assert_eq!(halves.state, whole.state);
        assert!(text.len() < 32 << 10);
    }
    assert!(whole.state.hysteresis().flips() > 4, "{:?}", whole.state.hysteresis());
}
