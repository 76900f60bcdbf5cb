//! The L3 book, per message, with 110,606 orders resting.
//!
//! Criterion's throughput is messages, so its `time` is for the whole stream and `thrpt` is messages a second.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use nautilus_model::data::BookOrder;
use nautilus_model::enums::{BookType, OrderSide};
use nautilus_model::identifiers::InstrumentId as NautilusInstrument;
use nautilus_model::orderbook::OrderBook as NautilusBook;
use nautilus_model::types::{Price as NautilusPrice, Quantity};
use std::collections::HashMap;
use std::hint::black_box;

use opus2_benches::orders::{Cancelled, OrderMessage, frames, order_snapshot, resting_orders, stream};
use opus2_book::L3Book;
use opus2_types::{
    Channel, FeedKind, InstrumentSpec, Order, OrderId, Price, Qty, Side, SpecOrigin, UnixNanos, Venue,
};
use opus2_venue::Feed;
use opus2_venue::coinbase::order::read_full;

const MESSAGES: usize = 200_000;

fn apply(book: &mut L3Book, message: OrderMessage) {
    match message {
        OrderMessage::Open(side, order) => drop(black_box(book.insert(side, order))),
        OrderMessage::Done(id) => drop(black_box(book.remove(id))),
        OrderMessage::Match(id, qty) => drop(black_box(book.reduce(id, qty))),
        OrderMessage::Change(id, price, qty) => drop(black_box(book.modify(id, price, qty))),
    }
}

/// A book that has the orders and, unlike a clone, room for as many more as it grew by.
fn loaded(bids: &[Order], asks: &[Order]) -> L3Book {
    let mut book = L3Book::new();
    book.replace(bids.iter().copied(), asks.iter().copied());
    book
}

fn nautilus_order(side: Side, id: u64, price: Price, qty: Qty) -> BookOrder {
    let side = if side == Side::Bid { OrderSide::Buy } else { OrderSide::Sell };
    let decimal = |units, scale| opus2_types::Scaled::new(units, scale).to_f64();
    BookOrder::new(side, NautilusPrice::new(decimal(price.0, 2), 2), Quantity::new(decimal(qty.0, 8), 8), id)
}

/// What nautilus is told: the same changes, with its own form of order made beforehand.
enum NautilusMessage {
    Add(BookOrder),
    Update(BookOrder),
    Delete(BookOrder),
}

/// Its ids are numbers of 64 bits, and it is told quantities as they are afterwards.
fn nautilus_stream(resting: &[(Side, Order)], messages: &[OrderMessage]) -> (Vec<BookOrder>, Vec<NautilusMessage>) {
    let mut live: HashMap<OrderId, (Side, Order)> = resting.iter().map(|of| (of.1.id, *of)).collect();
    let to = |side: Side, order: Order| nautilus_order(side, order.id.0 as u64, order.price, order.qty);
    let initial = resting.iter().map(|(side, order)| to(*side, *order)).collect();
    let stream = messages
        .iter()
        .filter_map(|message| match *message {
            OrderMessage::Open(side, order) => {
                live.insert(order.id, (side, order));
                Some(NautilusMessage::Add(to(side, order)))
            }
            OrderMessage::Done(id) => live.remove(&id).map(|(side, order)| NautilusMessage::Delete(to(side, order))),
            OrderMessage::Match(id, by) => {
                let (side, order) = live.get_mut(&id)?;
                order.qty.0 -= by.0;
                let (side, order) = (*side, *order);
                if order.qty.0 > 0 {
                    return Some(NautilusMessage::Update(to(side, order)));
                }
                live.remove(&id);
                Some(NautilusMessage::Delete(to(side, order)))
            }
            OrderMessage::Change(id, price, qty) => {
                let (side, order) = live.get_mut(&id)?;
                (order.price, order.qty) = (price, qty);
                Some(NautilusMessage::Update(to(*side, *order)))
            }
        })
        .collect();
    (initial, stream)
}

fn book_alone(criterion: &mut Criterion) {
    let Some((bids, asks)) = resting_orders() else { return };
    let mut group = criterion.benchmark_group("l3/book_alone");
    group.throughput(Throughput::Elements(MESSAGES as u64)).sample_size(20);
    for (name, cancelled) in [("young", Cancelled::Young), ("any", Cancelled::Any)] {
        let messages = stream(&bids, &asks, MESSAGES, cancelled);
        group.bench_function(format!("opus2/{name}"), |bencher| {
            bencher.iter_batched_ref(
                || loaded(&bids, &asks),
                |book| messages.iter().for_each(|message| apply(book, *message)),
                BatchSize::PerIteration,
            );
        });
        let resting: Vec<(Side, Order)> = bids
            .iter()
            .map(|order| (Side::Bid, *order))
            .chain(asks.iter().map(|order| (Side::Ask, *order)))
            .collect();
        let (initial, messages) = nautilus_stream(&resting, &messages);
        group.bench_function(format!("nautilus-model/{name}"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    let id = NautilusInstrument::from("BTC-USD.COINBASE");
                    let mut book = NautilusBook::new(id, BookType::L3_MBO);
                    initial.iter().for_each(|order| book.add(*order, 0, 0, 0.into()));
                    book
                },
                |book| {
                    for message in &messages {
                        match message {
                            NautilusMessage::Add(order) => book.add(*order, 0, 0, 0.into()),
                            NautilusMessage::Update(order) => book.update(*order, 0, 0, 0.into()),
                            NautilusMessage::Delete(order) => book.delete(*order, 0, 0, 0.into()),
                        }
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
}

/// What a book of a thousand orders costs, to see what the hundred thousand add.
fn small_book(criterion: &mut Criterion) {
    let Some((bids, asks)) = resting_orders() else { return };
    let mut group = criterion.benchmark_group("l3/small_book");
    group.throughput(Throughput::Elements(MESSAGES as u64)).sample_size(20);
    let (bids, asks) = (&bids[..500], &asks[..500]);
    let messages = stream(bids, asks, MESSAGES, Cancelled::Young);
    group.bench_function("opus2/young", |bencher| {
        bencher.iter_batched_ref(
            || loaded(bids, asks),
            |book| messages.iter().for_each(|message| apply(book, *message)),
            BatchSize::PerIteration,
        );
    });
}

/// The whole path of a message of the `full` channel: text, number, book, best quote.
fn feed(criterion: &mut Criterion) {
    let (Some(snapshot), Some((bids, asks))) = (order_snapshot(), resting_orders()) else { return };
    let mut group = criterion.benchmark_group("l3/feed");
    let frames = frames(&stream(&bids, &asks, MESSAGES / 2, Cancelled::Young));
    group.throughput(Throughput::Elements(frames.len() as u64)).sample_size(20);
    let spec = InstrumentSpec {
        venue: Venue::Coinbase,
        symbol: "BTC-USD".into(),
        base: "BTC".into(),
        quote: "USD".into(),
        price_scale: 2,
        qty_scale: 8,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Recording,
        feed: FeedKind::CoinbaseFull,
    };
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            for frame in &frames {
                black_box(read_full(frame.as_bytes(), &spec).expect("a message"));
            }
        });
    });
    group.bench_function("parse_check_apply", |bencher| {
        bencher.iter_batched_ref(
            || {
                let mut feed = Feed::new(spec.clone());
                feed.connected();
                feed.apply(Channel::Snapshot, snapshot.as_bytes(), UnixNanos(1));
                assert_eq!(feed.orders().map(opus2_book::Orders::len), Some(110_606));
                feed
            },
            |feed| {
                for frame in &frames {
                    black_box(feed.apply(Channel::Depth, frame.as_bytes(), UnixNanos(2)));
                }
                assert_eq!(feed.counts().rejected, 0);
            },
            BatchSize::PerIteration,
        );
    });
}

criterion_group!(benches, book_alone, small_book, feed);
criterion_main!(benches);
