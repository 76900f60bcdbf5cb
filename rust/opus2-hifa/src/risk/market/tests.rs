//! What frames become.

use opus2_types::{
    Aggressor, BookState, BookView, Level, PositionEvent, Price, Qty, QualityEvent, QualityFlags, QuoteEvent,
    SeqRange, StatusEvent, TradeEvent, UnixNanos, Venue,
};

use super::*;
use crate::SignalConfig;
use crate::context::{Candidate, InstrumentName};
use crate::decision::combine::FEATURES_MAX;
use crate::decision::model::{Model, Payoff, Validation};
use crate::execution::fees::FeeSchedule;
use crate::risk::{BlockReason, PositionSource, RiskConfig};
use crate::signal::{InstrumentState, Reading};

const START: i64 = 1_723_161_600_000_000_000;
const SECOND: i64 = 1_000_000_000;
const MARKET: &str = "BTC/USD*";

/// A market and the stage before it, played by hand.
struct Play {
    market: MarketRisk,
    settings: RiskSettings,
    stages: Vec<(Venue, InstrumentState)>,
    outlook: Outlook,
    may_trade: bool,
    at: i64,
}

/// A model that has shown that it gains 60 bp with a probability above 0.6.
fn proven() -> Model {
    Model {
        payoff: Payoff { gain_bps: 120.0, loss_bps: 60.0 },
        validation: Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 5, n_eff: 10_000.0 }),
        ..Model::unfitted()
    }
}

impl Play {
    fn new(model: &Model, config: &RiskConfig) -> Self {
        let settings = RiskSettings::new(config, model, &FeeSchedule::default()).unwrap();
        let may_trade = settings.may_trade(MARKET);
        let mut outlook = Outlook::unknown(START);
        outlook.volatility = Ok(1e-4);
        outlook.volume_rate = Ok(5.0);
        Self { market: MarketRisk::default(), settings, stages: Vec::new(), outlook, may_trade, at: START }
    }

    fn event(&mut self, venue: Venue, body: &EventBody) -> Taken {
        self.flagged(venue, body, QualityFlags::default())
    }

    fn flagged(&mut self, venue: Venue, body: &EventBody, flags: QualityFlags) -> Taken {
        let event = MarketEvent {
            id: "x",
            venue,
            symbol: "BTCUSD",
            price_scale: 2,
            qty_scale: 4,
            tick: Price(1),
            lot: Qty(10),
            exch_ts: Some(UnixNanos(self.at - 5_000_000)),
            recv_ts: UnixNanos(self.at),
            seq: SeqRange::default(),
            flags,
            body: *body,
        };
        let place = self.stages.iter().position(|(known, _)| *known == venue).unwrap_or_else(|| {
            self.stages.push((venue, InstrumentState::new(venue, 2, 4)));
            self.stages.len() - 1
        });
        let state = &mut self.stages[place].1;
        let applied = state.apply(&event, true, &SignalConfig::default());
        let reading = Reading::new(state, None, std::iter::empty(), applied.is_reset);
        self.outlook.now = self.at;
        let frame = RiskFrame {
            event: Some((&event, reading.head)),
            outlook: &self.outlook,
            may_trade: self.may_trade,
        };
        self.market.take(&frame, &self.settings)
    }

    fn second_end(&mut self) {
        let outlook = Outlook { now: self.at, bar_end: Some(self.at), ..self.outlook };
        let frame = RiskFrame { event: None, outlook: &outlook, may_trade: self.may_trade };
        self.market.take(&frame, &self.settings);
    }

    fn candidate(&mut self, p_up: Option<f64>) {
        self.outlook.candidate = p_up.map(|p_up| Candidate {
            instrument: InstrumentName::from("binance:BTCUSD").unwrap(),
            mid: 60_000.0,
            half_spread_bps: 0.1,
            logit: 0.0,
            p_raw: p_up,
            p_up,
            score: 2.0 * p_up - 1.0,
            missing: 0,
            features_count: 0,
            values: [Err(Absent::Cold); FEATURES_MAX],
        });
    }

    /// Books of one venue with `qty` at each of twenty levels, the best at `bid` and one tick above.
    fn book(&mut self, venue: Venue, bid: i64, qty: i64) {
        let side = |sign: i64, best: i64| (0..20).map(move |rank| Level::new(best + sign * 100 * rank, qty));
        self.event(venue, &EventBody::Book(BookView::new(side(-1, bid), side(1, bid + 1))));
    }

    /// Ten books a second of one venue for `secs` seconds, then time for its health to be known.
    fn warm(&mut self, venues: &[Venue], secs: i64) {
        for venue in venues {
            let score = EventBody::Quality(QualityEvent { score_thousandths: 97_000, is_fenced: false });
            self.event(*venue, &score);
        }
        for _ in 0..secs {
            for _ in 0..10 {
                self.at += SECOND / 10;
                for venue in venues {
                    self.book(*venue, 6_000_000, 20_000);
                }
            }
            self.second_end();
        }
    }

    fn blocks(&self) -> Vec<&'static str> {
        self.assessment().gate.blocks.iter().map(BlockReason::as_str).collect()
    }

    fn assessment(&self) -> &Assessment {
        self.market.assessment().unwrap()
    }

    fn sizing(&self) -> &Sizing {
        self.market.sizing().unwrap()
    }
}

/// A market at Binance that is ready to trade upwards.
fn ready() -> Play {
    let mut play = Play::new(&proven(), &RiskConfig::default());
    play.warm(&[Venue::Binance], 65);
    play.candidate(Some(0.7));
    play.book(Venue::Binance, 6_000_000, 20_000);
    play
}

#[test]
fn a_proven_candidate_in_a_good_market_is_sized_by_its_smallest_bound() {
    let play = ready();
    let (assessment, sizing) = (play.assessment(), play.sizing());
    assert_eq!(play.blocks(), [""; 0]);
    assert!((assessment.gate.value - 1.0).abs() < 1e-12, "{:?}", assessment.gate);
    // Kelly would take its cap, 10 % of 100,000, which are 0.1666… units; the depth within ten basis points is 40 there
    // and back, so the cap binds. In lots of 0.001.
    assert_eq!(sizing.bound, SizeBound::KellyCap);
    assert_eq!((assessment.qty, assessment.qty_scale, sizing.is_probe), (1_660, 4, false));
    assert_eq!(sizing.judged_qty, 1_660);
    let cost = assessment.cost.unwrap();
    assert!((cost.fee_bps - 20.0).abs() < 1e-9, "a taker at Binance, both ways");
    assert!(cost.latency_bps > 0.0 && cost.slippage_bps >= 0.0);
    assert!(assessment.edge_bps.unwrap() > 40.0);
    assert!(!assessment.must_leave);
}

#[test]
fn without_a_candidate_or_a_tested_model_the_probe_is_judged_and_nothing_traded() {
    let mut play = ready();
    play.candidate(None);
    play.book(Venue::Binance, 6_000_000, 20_000);
    assert_eq!((play.assessment().qty, play.sizing().bound), (0, SizeBound::NoCandidate));
    assert!(play.sizing().is_probe && play.assessment().cost.is_ok());
    assert_eq!(play.assessment().direction, None);
    assert_eq!(play.blocks(), [""; 0]);

    let mut play = Play::new(&Model::unfitted(), &RiskConfig::default());
    play.warm(&[Venue::Binance], 65);
    play.candidate(Some(0.9));
    play.book(Venue::Binance, 6_000_000, 20_000);
    assert_eq!(play.blocks(), ["model_unproven", "cost_exceeds_edge"]);
    assert_eq!(play.assessment().p_lower, Err(Absent::NoModel));
    // 1000 quote units at 60,000, in lots of 0.001, rounded up.
    assert_eq!((play.assessment().qty, play.sizing().judged_qty), (0, 170));
}

#[test]
fn the_cheapest_venue_is_chosen_fees_included() {
    let mut play = Play::new(&proven(), &RiskConfig::default());
    play.warm(&[Venue::Kraken, Venue::Binance, Venue::Coinbase], 65);
    play.candidate(Some(0.7));
    play.book(Venue::Kraken, 6_000_000, 20_000);
    assert_eq!(play.sizing().instrument.unwrap().as_str(), "binance:BTCUSD");
    let names: Vec<_> = play.market.assessed().map(|instrument| instrument.name().to_string()).collect();
    assert_eq!(names, ["binance:BTCUSD", "coinbase:BTCUSD", "kraken:BTCUSD"]);
    assert_eq!(play.assessment().venues.iter().flatten().count(), 3);
    // Behind a fence Binance is of no use, and Kraken is the next.
    play.event(
        Venue::Binance,
        &EventBody::Quality(QualityEvent { score_thousandths: 40_000, is_fenced: true }),
    );
    assert_eq!(play.sizing().instrument.unwrap().as_str(), "kraken:BTCUSD");
    let share = play.assessment().venues[0].unwrap().share;
    assert!(share.abs() < 1e-12);
}

#[test]
fn what_is_held_leaves_less_room_one_way_and_more_the_other() {
    let mut play = ready();
    let hold = |play: &mut Play, qty: i64| {
        play.event(
            Venue::Binance,
            &EventBody::Position(PositionEvent {
                qty: Qty(qty),
                entry_price: Some(Price(6_000_000)),
                equity_micros: Some(50_000_000_000),
            }),
        );
    };
    // Half of 50,000 may be held at the venue: 0.4166… units.
    hold(&mut play, 3_500);
    let (assessment, sizing) = (play.assessment(), play.sizing());
    assert_eq!(assessment.position_source, PositionSource::Told);
    assert_eq!((assessment.held_qty, assessment.equity_micros), (3_500, 50_000_000_000));
    assert_eq!((assessment.qty, sizing.bound), (660, SizeBound::VenueCap));
    hold(&mut play, 4_500);
    assert_eq!(play.blocks(), ["inventory"]);
    assert_eq!(play.assessment().qty, 0);
    play.candidate(Some(0.2));
    play.book(Venue::Binance, 6_000_000, 20_000);
    assert_eq!(play.assessment().direction, Some(Direction::Down));
    assert!(play.assessment().qty > 0, "closing is not held against it: {:?}", play.blocks());
}

#[test]
fn a_thin_book_is_not_emptied() {
    let mut play = ready();
    // Within ten basis points 20 levels of 0.02 units.
    play.book(Venue::Binance, 6_000_000, 200);
    assert_eq!(play.sizing().bound, SizeBound::Depth);
    assert_eq!(play.assessment().qty, 400, "a tenth of what is there to get out by");
    // The probe of 0.017 units is too much of 0.04, and more than there is of 0.016.
    play.candidate(None);
    play.book(Venue::Binance, 6_000_000, 20);
    assert_eq!(play.blocks(), ["participation"]);
    play.book(Venue::Binance, 6_000_000, 8);
    assert_eq!(play.blocks(), ["unfilled", "participation"]);
}

#[test]
fn blocks_come_at_once_and_go_with_their_causes() {
    let mut play = ready();
    let status = |to| EventBody::Status(StatusEvent { from: BookState::Live, to });
    play.event(Venue::Binance, &status(BookState::Gap));
    assert_eq!(play.blocks(), ["no_book", "health", "quality_fence", "no_volatility"]);
    assert_eq!((play.assessment().qty, play.assessment().cost), (0, Err(Absent::Resync)));
    play.book(Venue::Binance, 6_000_000, 20_000);
    assert_eq!(play.blocks(), [""; 0]);
    play.at += 2_100_000_000;
    play.event(
        Venue::Binance,
        &EventBody::Trade(TradeEvent {
            trade_id: 1,
            price: Price(6_000_000),
            qty: Qty(1),
            aggressor: Aggressor::Buy,
            maker: None,
        }),
    );
    assert_eq!(play.blocks(), ["stale_data"]);
    assert!(play.assessment().must_leave);
    play.book(Venue::Binance, 6_000_000, 20_000);
    assert_eq!(play.blocks(), [""; 0]);
    play.outlook.volatility = Err(Absent::Cold);
    play.book(Venue::Binance, 6_000_000, 20_000);
    assert!(play.blocks().contains(&"no_volatility"));
}

#[test]
fn losses_marked_to_the_mid_stop_everything() {
    let mut play = ready();
    let position = |equity| {
        EventBody::Position(PositionEvent { qty: Qty(10_000), entry_price: None, equity_micros: equity })
    };
    play.event(Venue::Binance, &position(Some(100_000_000_000)));
    play.at += SECOND;
    play.book(Venue::Binance, 5_990_000, 20_000);
    play.second_end();
    assert_eq!(play.market.marked_equity_micros(&play.settings), 99_900_000_000);
    assert!(!play.blocks().contains(&"daily_loss"));
    play.at += SECOND;
    play.book(Venue::Binance, 5_790_000, 20_000);
    play.second_end();
    assert!(play.blocks().contains(&"daily_loss") && play.assessment().must_leave);
}

#[test]
fn a_mid_far_from_the_others_halves_what_its_currency_may_hold() {
    let mut play = Play::new(&proven(), &RiskConfig::default());
    play.warm(&Venue::ALL, 3);
    play.book(Venue::Kraken, 5_950_000, 20_000);
    play.second_end();
    let pegs: Vec<_> = play.market.assessed().map(InstrumentRisk::peg_factor).collect();
    assert_eq!(pegs, [1.0, 1.0, 0.5]);
}

#[test]
fn an_assessment_is_used_again_while_nothing_has_happened_to_it() {
    let mut play = ready();
    let trade = EventBody::Trade(TradeEvent {
        trade_id: 1,
        price: Price(6_000_000),
        qty: Qty(1),
        aggressor: Aggressor::Sell,
        maker: None,
    });
    let quote = EventBody::Quote(QuoteEvent { bid: Level::new(6_000_000, 1), ask: Level::new(6_000_001, 1) });
    assert!(!play.event(Venue::Binance, &trade).is_assessed);
    assert!(!play.event(Venue::Binance, &quote).is_assessed);
    play.candidate(Some(0.71));
    assert!(play.event(Venue::Binance, &quote).is_assessed, "stage 2 says something else");
    play.at += 99_000_000;
    assert!(!play.event(Venue::Binance, &trade).is_assessed);
    play.at += 1_000_000;
    assert!(play.event(Venue::Binance, &trade).is_assessed, "ages grow");
    play.at -= 50_000_000;
    assert!(play.event(Venue::Binance, &trade).is_late);
}

#[test]
fn a_market_of_many_instruments_assesses_eight_and_follows_a_limited_number() {
    let mut play = Play::new(&proven(), &RiskConfig::default());
    let mut stage = InstrumentState::new(Venue::Binance, 2, 4);
    for number in 0..=INSTRUMENTS_MAX {
        let symbol = format!("A{number:03}");
        let event = MarketEvent {
            id: "x",
            venue: Venue::Binance,
            symbol: &symbol,
            price_scale: 2,
            qty_scale: 4,
            tick: Price(1),
            lot: Qty(1),
            exch_ts: None,
            recv_ts: UnixNanos(START),
            seq: SeqRange::default(),
            flags: QualityFlags::default(),
            body: EventBody::Trade(TradeEvent {
                trade_id: 1,
                price: Price(100),
                qty: Qty(i64::try_from(number % 20).unwrap() + 1),
                aggressor: Aggressor::Buy,
                maker: None,
            }),
        };
        stage.apply(&event, true, &SignalConfig::default());
        let reading = Reading::new(&mut stage, None, std::iter::empty(), false);
        let frame =
            RiskFrame { event: Some((&event, reading.head)), outlook: &play.outlook, may_trade: true };
        let taken = play.market.take(&frame, &play.settings);
        assert_eq!(taken.is_beyond_limit, number == INSTRUMENTS_MAX);
    }
    play.second_end();
    let names: Vec<_> = play.market.assessed().map(|instrument| instrument.name()[9..].to_owned()).collect();
    assert_eq!(names, ["017", "018", "019", "037", "038", "039", "058", "059"], "those that traded most");
    assert!(play.market.restore(&play.settings));
}
