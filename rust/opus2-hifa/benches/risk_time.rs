//! Time of stage 3 for one frame, without decoding and JSON: three venues, books of twenty levels a side.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opus2_hifa::context::{Candidate, InstrumentName, Outlook};
use opus2_hifa::decision::combine::FEATURES_MAX;
use opus2_hifa::decision::model::{Model, Payoff, Validation};
use opus2_hifa::execution::fees::FeeSchedule;
use opus2_hifa::risk::{MarketRisk, RiskConfig, RiskFrame, RiskSettings};
use opus2_hifa::signal::{InstrumentState, Reading};
use opus2_hifa::{Absent, SignalConfig};
use opus2_types::{
    Aggressor, BookView, EventBody, Level, MarketEvent, Price, Qty, QualityEvent, QualityFlags, QuoteEvent,
    SeqRange, TradeEvent, UnixNanos, Venue,
};

const EVENTS: usize = 3_000;
const START: i64 = 1_700_000_000_000_000_000;

/// What stage 1 knows at an event, and stage 2 makes of it.
struct Step {
    event: MarketEvent<'static>,
    reading: Reading,
    outlook: Outlook,
}

/// A restless market: an event every 2 ms at one of three venues, `books` of ten of them a book, one a trade, else quotes;
/// the probability is another at each quote and book, and above one half for a hundred of them after each other.
fn steps(books: usize) -> Vec<Step> {
    let mut states = Venue::ALL.map(|venue| InstrumentState::new(venue, 2, 5));
    let mut random = 1u64;
    let mut outlook = Outlook { volatility: Ok(1e-4), volume_rate: Ok(5.0), ..Outlook::unknown(START) };
    (0..EVENTS)
        .map(|index| {
            // Knuth's MMIX generator: cheap, and the same everywhere.
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let draw = i64::from(random.to_le_bytes()[6]) + 1;
            let bid = 6_000_000 + draw % 5;
            let level = |rank: i64, sign: i64, base: i64| {
                Level::new(base + 100 * sign * rank, 200_000 + (draw * (rank + 3)) % 9_770)
            };
            let is_trade = index % 10 == 9;
            let body = if index < 3 {
                EventBody::Quality(QualityEvent { score_thousandths: 97_000, is_fenced: false })
            } else if is_trade {
                let aggressor = if draw % 2 == 0 { Aggressor::Buy } else { Aggressor::Sell };
                EventBody::Trade(TradeEvent {
                    trade_id: 1,
                    price: Price(bid),
                    qty: Qty(draw),
                    aggressor,
                    maker: None,
                })
            } else if index % 10 < books {
                let side = |sign, base| (0..20).map(move |rank| level(rank, sign, base));
                EventBody::Book(BookView::new(side(-1, bid), side(1, bid + 1)))
            } else {
                EventBody::Quote(QuoteEvent { bid: level(0, 0, bid), ask: level(1, 0, bid + 1) })
            };
            let recv_ts = START + i64::try_from(index).unwrap_or(0) * 2_000_000;
            let event = MarketEvent {
                id: "binance:BTCUSD:18c2f0a1b2c3-0-1:42",
                venue: Venue::ALL[index % 3],
                symbol: "BTCUSD",
                price_scale: 2,
                qty_scale: 5,
                tick: Price(1),
                lot: Qty(1),
                exch_ts: Some(UnixNanos(recv_ts - draw * 100_000)),
                recv_ts: UnixNanos(recv_ts),
                seq: SeqRange::default(),
                flags: QualityFlags::default(),
                body,
            };
            let state = &mut states[index % 3];
            let applied = state.apply(&event, true, &SignalConfig::default());
            let reading = Reading::new(state, None, std::iter::empty(), applied.is_reset);
            let is_likely = index / 100 % 2 == 0;
            let p_up = if is_likely { 0.6 } else { 0.4 } + f64::from(i32::try_from(draw).unwrap_or(0)) / 2e3;
            if !is_trade {
                outlook.candidate = Some(candidate(p_up));
            }
            outlook.now = recv_ts;
            Step { event, reading, outlook }
        })
        .collect()
}

fn candidate(p_up: f64) -> Candidate {
    Candidate {
        instrument: InstrumentName::from("binance:BTCUSD").unwrap_or_default(),
        mid: 60_000.0,
        half_spread_bps: 0.1,
        logit: 0.0,
        p_raw: p_up,
        p_up,
        score: 2.0 * p_up - 1.0,
        missing: 0,
        features_count: 4,
        values: [Err(Absent::Cold); FEATURES_MAX],
    }
}

/// One model that sizes every likely candidate, and the one that nobody has fitted.
fn models() -> [(&'static str, Model); 2] {
    let proven = Model {
        payoff: Payoff { gain_bps: 120.0, loss_bps: 60.0 },
        validation: Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 5, n_eff: 10_000.0 }),
        ..Model::unfitted()
    };
    [("proven", proven), ("unfitted", Model::unfitted())]
}

fn stage3(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stage3");
    group.throughput(Throughput::Elements(1));
    for (name, model) in models() {
        let settings = RiskSettings::new(&RiskConfig::default(), &model, &FeeSchedule::default());
        let settings = settings.expect("the defaults are within their bounds");
        for books in [1, 5] {
            let steps = steps(books);
            let (mut market, mut index, mut laps) = (MarketRisk::default(), 0, 0i64);
            group.bench_function(format!("{name}/{books}_of_10_books"), |bencher| {
                bencher.iter(|| {
                    let step = &steps[index];
                    let later = laps * i64::try_from(EVENTS).unwrap_or(0) * 2_000_000;
                    let mut event = step.event;
                    event.recv_ts.0 += later;
                    event.exch_ts = event.exch_ts.map(|ts| UnixNanos(ts.0 + later));
                    let mut outlook = step.outlook;
                    outlook.now += later;
                    if index % 500 == 499 {
                        let ended = Outlook { bar_end: Some(outlook.now), ..outlook };
                        market.take(&RiskFrame { event: None, outlook: &ended, may_trade: true }, &settings);
                    }
                    index = (index + 1) % EVENTS;
                    laps += i64::from(index == 0);
                    let frame = RiskFrame {
                        event: Some((&event, step.reading.head)),
                        outlook: &outlook,
                        may_trade: true,
                    };
                    let taken = market.take(black_box(&frame), &settings);
                    black_box((taken, market.assessment().map(|assessment| assessment.qty)))
                });
            });
            let gate = market.assessment().map(|assessment| assessment.gate);
            assert!(gate.is_some_and(|gate| gate.parts.health.is_ok()), "the market was assessed: {gate:?}");
        }
    }
    group.finish();
}

criterion_group!(benches, stage3);
criterion_main!(benches);
