//! Time of stage 1 for one event, without decoding and JSON: see the bench of the same name in opus2-operators.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use opus2_hifa::SignalConfig;
use opus2_hifa::signal::{Detection, InstrumentState};
use opus2_types::{
    Aggressor, BookView, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, QuoteEvent, SeqRange,
    TradeEvent, UnixNanos, Venue,
};

const EVENTS: usize = 10_000;

/// A restless market: a quote every 2 ms, every 50th event a book of twenty levels and, `with_trades`, every fourth a trade.
fn bodies(with_trades: bool) -> Vec<EventBody> {
    let mut bodies = Vec::with_capacity(EVENTS);
    let (mut bid, mut random) = (6_000_000i64, 1u64);
    for index in 0..EVENTS {
        // Knuth's MMIX generator: cheap, and the same everywhere.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = i64::from(random.to_le_bytes()[6]) + 1;
        bid += [0, 0, 0, 0, 1, -1, 0, 0][usize::from(random.to_le_bytes()[7] % 8)];
        let level =
            |rank: i64, sign: i64, base: i64| Level::new(base + sign * rank, 1 + (draw * (rank + 3)) % 977);
        bodies.push(if index % 50 == 49 {
            let side = |sign, base| (0..20).map(move |rank| level(rank, sign, base));
            EventBody::Book(BookView::new(side(-1, bid), side(1, bid + 1)))
        } else if with_trades && index % 4 == 0 {
            let aggressor = if draw % 2 == 0 { Aggressor::Buy } else { Aggressor::Sell };
            let trade_id = index as u64;
            EventBody::Trade(TradeEvent { trade_id, price: Price(bid), qty: Qty(draw), aggressor })
        } else {
            EventBody::Quote(QuoteEvent { bid: level(0, 0, bid), ask: level(1, 0, bid + 1) })
        });
    }
    bodies
}

fn stage1(criterion: &mut Criterion) {
    for (name, with_trades) in [("event", false), ("event_with_trades", true)] {
        measure(criterion, name, &bodies(with_trades));
    }
}

fn measure(criterion: &mut Criterion, name: &str, bodies: &[EventBody]) {
    let config = SignalConfig::default();
    let mut state = InstrumentState::new(Venue::Binance, 2, 5);
    let (mut now, mut seq, mut index) = (1_700_000_000_000_000_000i64, 1u64, 0usize);
    let mut group = criterion.benchmark_group("stage1");
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            index = (index + 1) % EVENTS;
            now += 2_000_000;
            seq += 1;
            let event = MarketEvent {
                id: "binance:BTCUSDT:18c2f0a1b2c3-0-1:42",
                venue: Venue::Binance,
                symbol: "BTCUSDT",
                price_scale: 2,
                qty_scale: 5,
                tick: Price(1),
                lot: opus2_types::Qty(1),
                exch_ts: None,
                recv_ts: UnixNanos(now),
                seq: SeqRange { first: seq, last: seq },
                flags: QualityFlags::default(),
                body: bodies[index],
            };
            let applied = state.apply(black_box(&event), true, &config);
            let features = state.features(&config);
            let found = Detection::find(&features, &applied, &config).count();
            black_box((features, found))
        });
    });
    group.finish();
}

criterion_group!(benches, stage1);
criterion_main!(benches);
