//! Time of stage 4 for one frame, without decoding and JSON.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opus2_hifa::context::{Candidate, InstrumentName, Outlook};
use opus2_hifa::decision::combine::FEATURES_MAX;
use opus2_hifa::decision::model::{Model, Payoff, Validation};
use opus2_hifa::decision::rule::DecisionRule;
use opus2_hifa::execution::MinNotional;
use opus2_hifa::execution::fees::FeeSchedule;
use opus2_hifa::execution::market::{Look, MarketExecution, MarketTerms};
use opus2_hifa::execution::plan::{ExecutionConfig, Planner};
use opus2_hifa::risk::{
    ASSESSED_VENUES_MAX, Assessment, Blocks, GateParts, PositionSource, RiskGate, RoundTripCost,
    VenueAllowance,
};
use opus2_hifa::{Absent, Direction};
use opus2_types::{
    BookView, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, QuoteEvent, SeqRange, UnixNanos, Venue,
};

const VENUES: [(Venue, &str); 3] =
    [(Venue::Binance, "BTCUSDT"), (Venue::Coinbase, "BTC-USD"), (Venue::Kraken, "BTC/USD")];

fn terms() -> MarketTerms {
    let mut model = Model::unfitted();
    model.payoff = Payoff { gain_bps: 60.0, loss_bps: 20.0 };
    model.validation = Some(Validation { skill: 0.1, ece: 0.01, brier: 0.2, folds: 3, n_eff: 900.0 });
    MarketTerms {
        config: ExecutionConfig::default(),
        rule: DecisionRule::default(),
        fees: FeeSchedule::default(),
        min_notional: MinNotional::default(),
        model,
    }
}

fn assessment() -> Assessment {
    let parts = GateParts {
        es_headroom: Ok(1.0),
        liquidity: Ok(1.0),
        health: Ok(1.0),
        quality: Ok(1.0),
        slippage: Ok(1.0),
    };
    let mut venues = [None; ASSESSED_VENUES_MAX];
    for (slot, (venue, symbol)) in venues.iter_mut().zip(VENUES) {
        let instrument = InstrumentName::from(&format!("{venue}:{symbol}")).unwrap();
        let quality = Ok(99.0);
        *slot =
            Some(VenueAllowance { instrument, share: 0.7, health: 100.0, quality, latency_secs: Ok(0.02) });
    }
    Assessment {
        direction: Some(Direction::Up),
        gate: RiskGate::of(parts, Blocks::NONE),
        qty_scale: 5,
        qty: 120_000,
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

fn outlook(now: i64, p_up: f64) -> Outlook {
    let mut outlook = Outlook::unknown(now);
    outlook.volatility = Ok(1e-4);
    outlook.candidate = Some(Candidate {
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

fn event(number: i64, body: &EventBody) -> MarketEvent<'static> {
    let (venue, symbol) = VENUES[usize::try_from(number % 3).unwrap()];
    MarketEvent {
        id: "binance:BTCUSDT:18c2f0a1b2c3-0-1:42000000",
        venue,
        symbol,
        price_scale: 2,
        qty_scale: 5,
        tick: Price(1),
        lot: Qty(1),
        exch_ts: None,
        recv_ts: UnixNanos(number * 1_000_000),
        seq: SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() },
        flags: QualityFlags::default(),
        body: *body,
    }
}

/// Twenty levels of a side hold what is wanted four times.
fn book(number: i64) -> EventBody {
    let bid = 6_000_000 + number % 5;
    let side =
        |sign: i64, best: i64| (0..20).map(move |rank| Level::new(best + sign * rank, 9_000 + number % 97));
    EventBody::Book(BookView::new(side(-1, bid), side(1, bid + 1)))
}

fn quote(number: i64) -> EventBody {
    let bid = 6_000_000 + number % 5;
    EventBody::Quote(QuoteEvent { bid: Level::new(bid, 9_000 - number % 97), ask: Level::new(bid + 1, 500) })
}

fn idle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stage4");
    group.throughput(Throughput::Elements(1));
    let (terms, assessment) = (terms(), assessment());
    for (name, body) in [("idle_quote", quote as fn(i64) -> EventBody), ("idle_book", book)] {
        let (mut state, mut planner, mut number) = (MarketExecution::default(), Planner::new(20), 1i64);
        // Made beforehand: the bench is not about writing events.
        let mut events: Vec<MarketEvent<'_>> = (0..999).map(|number| event(number, &body(number))).collect();
        let mut outlook = outlook(0, 0.55);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number += 1;
                outlook.now = number * 1_000_000;
                let event = &mut events[usize::try_from(number % 999).unwrap()];
                event.recv_ts = UnixNanos(outlook.now);
                event.seq = SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() };
                let look = Look {
                    market: "BTC/USD*",
                    event: Some(black_box(event)),
                    outlook: &outlook,
                    assessment: &assessment,
                };
                assert!(state.step(&look, &mut planner, &terms).is_none());
            });
        });
    }
    group.finish();
}

fn enter(criterion: &mut Criterion) {
    let (terms, assessment) = (terms(), assessment());
    let (mut state, mut planner) = (MarketExecution::default(), Planner::new(20));
    for number in 0..3 {
        let event = event(number, &book(number));
        let outlook = outlook(number, 0.55);
        let look =
            Look { market: "BTC/USD*", event: Some(&event), outlook: &outlook, assessment: &assessment };
        state.step(&look, &mut planner, &terms);
    }
    let outlook = outlook(1_000_000_000, 0.8);
    let look = Look { market: "BTC/USD*", event: None, outlook: &outlook, assessment: &assessment };
    criterion.benchmark_group("stage4").bench_function("enter_3_venues_20_levels", |bencher| {
        bencher.iter_batched_ref(
            || state.clone(),
            |state| assert!(state.step(black_box(&look), &mut planner, &terms).is_some()),
            criterion::BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, idle, enter);
criterion_main!(benches);
