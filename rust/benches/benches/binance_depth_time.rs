//! Binance depth, per level: parse + sequence check + apply, the parts of it, and others on the same messages.
//!
//! Criterion's throughput is levels, so its `time` is for the whole recording and `thrpt` is levels a second.

use barter_data::books::OrderBook as BarterBook;
use barter_data::exchange::binance::spot::l2::BinanceSpotOrderBookL2Update;
use barter_data::subscription::book::OrderBookEvent;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nautilus_model::data::{BookOrder, OrderBookDelta, OrderBookDeltas};
use nautilus_model::enums::{BookAction, BookType, OrderSide};
use nautilus_model::identifiers::InstrumentId as NautilusInstrument;
use nautilus_model::orderbook::OrderBook as NautilusBook;
use nautilus_model::types::{Price, Quantity};
use std::hint::black_box;

use opus2_benches::{Recording, recording};
use opus2_book::L2Book;
use opus2_types::{Channel, Level, Side, UnixNanos, parse_scaled};
use opus2_venue::binance::message::read_delta;
use opus2_venue::{Feed, Levels};
use serde::Deserialize;

fn live_feed(recording: &Recording) -> Feed {
    let mut feed = Feed::new(recording.spec.clone());
    feed.connected();
    feed.apply(Channel::Snapshot, recording.snapshot.as_bytes(), UnixNanos(1));
    feed
}

fn whole_path(criterion: &mut Criterion) {
    let Some(recording) = recording() else { return };
    let mut group = criterion.benchmark_group("binance_depth/parse_check_apply");
    group.throughput(Throughput::Elements(recording.levels_count as u64)).sample_size(20);
    group.bench_function("opus2", |bencher| {
        bencher.iter_batched_ref(
            || live_feed(&recording),
            |feed| {
                for message in &recording.messages {
                    black_box(feed.apply(Channel::Depth, message.frame.as_bytes(), UnixNanos(2)));
                }
            },
            BatchSize::LargeInput,
        );
    });
    let levels = |levels: &[Level]| -> Vec<barter_data::books::Level> {
        levels.iter().map(|level| barter_level(*level)).collect()
    };
    let book = BarterBook::new(
        0,
        None,
        levels(&recording.snapshot_levels.bids),
        levels(&recording.snapshot_levels.asks),
    );
    group.bench_function("barter-data", |bencher| {
        bencher.iter_batched_ref(
            || book.clone(),
            |book| {
                let mut last = None;
                for message in &recording.messages {
                    let update: BinanceSpotOrderBookL2Update =
                        serde_json::from_str(&message.payload).expect("barter reads it");
                    assert!(last.is_none_or(|last: u64| update.first_update_id == last + 1));
                    last = Some(update.last_update_id);
                    let event = OrderBookEvent::Update(BarterBook::new(
                        update.last_update_id,
                        None,
                        update.bids,
                        update.asks,
                    ));
                    book.update(&event);
                }
            },
            BatchSize::LargeInput,
        );
    });
}

fn barter_level(level: Level) -> barter_data::books::Level {
    let decimal = |units, scale| opus2_types::Scaled::new(units, scale).to_decimal();
    barter_data::books::Level::new(decimal(level.price.0, 2), decimal(level.qty.0, 8))
}

fn book_alone(criterion: &mut Criterion) {
    let Some(recording) = recording() else { return };
    let mut group = criterion.benchmark_group("binance_depth/book_alone");
    group.throughput(Throughput::Elements(recording.levels_count as u64)).sample_size(20);
    let mut book = L2Book::new();
    book.replace(&recording.snapshot_levels.bids, &recording.snapshot_levels.asks);
    group.bench_function("opus2", |bencher| {
        bencher.iter_batched_ref(
            || book.clone(),
            |book| {
                for message in &recording.messages {
                    for level in &message.bids {
                        black_box(book.apply(Side::Bid, *level));
                    }
                    for level in &message.asks {
                        black_box(book.apply(Side::Ask, *level));
                    }
                }
            },
            BatchSize::LargeInput,
        );
    });
    let id = NautilusInstrument::from("BTCUSDT.BINANCE");
    let snapshot = nautilus_deltas(id, &recording.snapshot_levels.bids, &recording.snapshot_levels.asks);
    let deltas: Vec<_> =
        recording.messages.iter().map(|message| nautilus_deltas(id, &message.bids, &message.asks)).collect();
    group.bench_function("nautilus-model", |bencher| {
        bencher.iter_batched_ref(
            || {
                let mut book = NautilusBook::new(id, BookType::L2_MBP);
                book.apply_deltas(&snapshot).expect("nautilus takes the snapshot");
                book
            },
            |book| {
                for deltas in &deltas {
                    black_box(book.apply_deltas(deltas)).expect("nautilus takes the deltas");
                }
            },
            BatchSize::LargeInput,
        );
    });
}

fn nautilus_deltas(id: NautilusInstrument, bids: &[Level], asks: &[Level]) -> OrderBookDeltas {
    let delta = |side, level: &Level| {
        let action = if level.qty.0 == 0 { BookAction::Delete } else { BookAction::Update };
        let decimal = |units, scale| opus2_types::Scaled::new(units, scale).to_f64();
        let price = Price::new(decimal(level.price.0, 2), 2);
        let size = Quantity::new(decimal(level.qty.0, 8), 8);
        OrderBookDelta::new(id, action, BookOrder::new(side, price, size, 0), 0, 0, 0.into(), 0.into())
    };
    let bids = bids.iter().map(|level| delta(OrderSide::Buy, level));
    let asks = asks.iter().map(|level| delta(OrderSide::Sell, level));
    OrderBookDeltas::new(id, bids.chain(asks).collect())
}

#[derive(Deserialize)]
struct Plain<'a> {
    #[serde(borrow)]
    data: PlainDelta<'a>,
}

#[derive(Deserialize)]
#[expect(non_snake_case, reason = "the venue's own letters")]
struct PlainDelta<'a> {
    U: u64,
    u: u64,
    #[serde(borrow)]
    b: Vec<[&'a str; 2]>,
    #[serde(borrow)]
    a: Vec<[&'a str; 2]>,
}

impl PlainDelta<'_> {
    fn sum(&self) -> i64 {
        let side = |levels: &[[&str; 2]]| -> i64 {
            levels
                .iter()
                .map(|[price, qty]| {
                    parse_scaled(price.as_bytes(), 2).expect("a price") ^ parse_scaled(qty.as_bytes(), 8).expect("a qty")
                })
                .fold(0, |sum, value| sum ^ value)
        };
        side(&self.b) ^ side(&self.a) ^ self.U.cast_signed() ^ self.u.cast_signed()
    }
}

/// The scanner against general parsers, each up to integers.
fn parse_alone(criterion: &mut Criterion) {
    let Some(recording) = recording() else { return };
    let mut group = criterion.benchmark_group("binance_depth/parse_alone");
    group.throughput(Throughput::Elements(recording.levels_count as u64)).sample_size(20);
    let mut levels = Levels::default();
    group.bench_function("opus2", |bencher| {
        bencher.iter(|| {
            for message in &recording.messages {
                black_box(read_delta(message.frame.as_bytes(), &recording.spec, &mut levels).expect("a delta"));
            }
        });
    });
    group.bench_function("serde_json", |bencher| {
        bencher.iter(|| {
            for message in &recording.messages {
                let plain: Plain<'_> = serde_json::from_str(&message.frame).expect("serde_json reads it");
                black_box(plain.data.sum());
            }
        });
    });
    group.bench_function("sonic-rs", |bencher| {
        bencher.iter(|| {
            for message in &recording.messages {
                let plain: Plain<'_> = sonic_rs::from_str(&message.frame).expect("sonic-rs reads it");
                black_box(plain.data.sum());
            }
        });
    });
    group.bench_function("simd-json", |bencher| {
        let mut buffers = simd_json::Buffers::default();
        let mut text = Vec::new();
        bencher.iter(|| {
            for message in &recording.messages {
                // It parses in place, so a live feed would have to copy too, unless it owns the frame.
                text.clear();
                text.extend_from_slice(message.frame.as_bytes());
                let plain: Plain<'_> =
                    simd_json::serde::from_slice_with_buffers(&mut text, &mut buffers).expect("simd-json reads it");
                black_box(plain.data.sum());
            }
        });
    });
}

criterion_group!(benches, whole_path, book_alone, parse_alone);
criterion_main!(benches);
