//! Time of the `signal` operator for one event, with decoding and JSON.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use opus2_operators::{Output, create};
use opus2_types::{
    BookView, EventBody, Level, MarketEvent, Price, QualityFlags, QuoteEvent, SeqRange, UnixNanos, Venue,
};
use opus2_wire::event::encode_event;

/// A restless market, an event every 2 ms.
const EVENTS: u64 = 120_000;

/// Encoded events; every `book_every`th is a book of twenty levels.
fn events(book_every: u64) -> Vec<Vec<u8>> {
    let (mut bid, mut random) = (6_000_000i64, 1u64);
    let event = |number: u64| {
        // Knuth's MMIX generator: cheap, and the same everywhere.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = i64::from(random.to_le_bytes()[6]) + 1;
        bid += [0, 0, 0, 0, 1, -1, 0, 0][usize::from(random.to_le_bytes()[7] % 8)];
        let level = |rank: i64, price: i64| Level::new(price, 1 + (draw * (rank + 3) * 101) % 977_003);
        let event = MarketEvent {
            id: &format!("binance:BTCUSDT:18c2f0a1b2c3-0-1:{number}"),
            venue: Venue::Binance,
            symbol: "BTCUSDT",
            price_scale: 2,
            qty_scale: 5,
            tick: Price(1),
            lot: opus2_types::Qty(1),
            exch_ts: None,
            recv_ts: UnixNanos(1_700_000_000_000_000_000 + i64::try_from(number).unwrap() * 2_000_000),
            seq: SeqRange { first: number, last: number },
            flags: QualityFlags::NO_EXCH_TS,
            body: if number.is_multiple_of(book_every) {
                EventBody::Book(BookView::new(
                    (0..20).map(|rank| level(rank, bid - rank)),
                    (0..20).map(|rank| level(rank, bid + 1 + rank)),
                ))
            } else {
                EventBody::Quote(QuoteEvent { bid: level(0, bid), ask: level(1, bid + 1) })
            },
        };
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes).unwrap();
        bytes
    };
    (1..=EVENTS).map(event).collect()
}

fn signal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("signal");
    group.throughput(Throughput::Elements(1));
    for (name, book_every) in [("quotes", u64::MAX), ("one_book_in_50", 50), ("books", 1)] {
        let events = events(book_every);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_custom(|iterations| {
                // Every pass over the events begins with an operator that has got warm on the first of them.
                let (mut elapsed, mut left) = (std::time::Duration::ZERO, iterations);
                while left > 0 {
                    let mut operator = create("signal", "").unwrap();
                    let mut out = Output::new();
                    let (warm_up, measured) = events.split_at(20_000);
                    for event in warm_up {
                        out.clear();
                        operator.process("BTC/USD*", event, &mut out).unwrap();
                    }
                    let count = usize::try_from(left).unwrap_or(usize::MAX).min(measured.len());
                    let start = std::time::Instant::now();
                    for event in &measured[..count] {
                        out.clear();
                        operator.process("BTC/USD*", black_box(event), &mut out).unwrap();
                        black_box(out.as_bytes());
                    }
                    elapsed += start.elapsed();
                    left -= count as u64;
                }
                elapsed
            });
        });
    }
    group.finish();
}

criterion_group!(benches, signal);
criterion_main!(benches);
