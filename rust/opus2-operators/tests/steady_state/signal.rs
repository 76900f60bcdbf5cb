//! A record costs the `signal` operator no heap memory once it knows its instruments.

use allocation_counter::measure;
use opus2_operators::{Output, create};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MakerFill, MarketEvent, OrderId, Price, Qty,
    QualityFlags, QuoteEvent, SeqRange, StatusEvent, TradeEvent, UnixNanos, Venue,
};
use opus2_wire::event::encode_event;

/// Event `number` of a market of two instruments: quotes, books of twenty levels, trades, one gap every 400 events, a
/// jump now and then, 3 ms apart.
fn event(number: i64) -> Vec<u8> {
    let symbol = if number % 3 == 0 { "BTCUSDC" } else { "BTCUSDT" };
    let bid = 6_000_000 + number % 5 + if number % 5_000 > 4_990 { 5_000 } else { 0 };
    let level = |price| Level::new(price, 1 + number % 977);
    let body = match number % 400 {
        0 => EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap }),
        rank if rank % 20 == 0 => EventBody::Book(BookView::new(
            (0..20).map(|rank| level(bid - rank)),
            (0..20).map(|rank| level(bid + 1 + rank)),
        )),
        rank if rank % 7 == 0 => EventBody::Trade(TradeEvent {
            trade_id: number.unsigned_abs(),
            price: Price(bid),
            qty: Qty(1),
            aggressor: Aggressor::Buy,
            // A few orders, filled to the end again and again: each time, one has shown again and is told of.
            maker: Some(MakerFill { order: OrderId((number % 11).unsigned_abs().into()), shown: Qty(1) }),
        }),
        _ => EventBody::Quote(QuoteEvent { bid: level(bid), ask: level(bid + 1) }),
    };
    let event = MarketEvent {
        id: &format!("binance:{symbol}:18c2f0a1b2c3-0-1:{number:08}"),
        venue: Venue::Binance,
        symbol,
        price_scale: 2,
        qty_scale: 5,
        tick: Price(1),
        lot: opus2_types::Qty(1),
        exch_ts: None,
        recv_ts: UnixNanos(1_700_000_000_000_000_000 + number * 3_000_000),
        seq: SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() },
        flags: QualityFlags::default(),
        body,
    };
    let mut bytes = Vec::new();
    encode_event(&event, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_record_allocates_nothing_in_steady_state() {
    let mut operator = create("signal", "").unwrap();
    let mut out = Output::new();
    let events: Vec<_> = (1..20_000).map(event).collect();
    let (warm_up, measured) = events.split_at(8_000);
    let mut icebergs = 0;
    for event in warm_up {
        out.clear();
        operator.process("BTC/USD*", event, &mut out).unwrap();
        icebergs += usize::from(String::from_utf8_lossy(out.as_bytes()).contains(r#""detector":"iceberg""#));
    }
    assert!(icebergs > 100, "orders showed again: {icebergs}");
    let mut bytes = 0;
    let counted = measure(|| {
        for event in measured {
            out.clear();
            operator.process("BTC/USD*", event, &mut out).unwrap();
            bytes += out.as_bytes().len();
        }
    });
    assert_eq!(counted.count_total, 0);
    assert!(bytes > measured.len() * 1_000, "the records were written: {bytes}");
    let mut seen = Vec::new();
    operator.counters(&mut |name, value| {
        if ["bars", "detections", "resets", "trades"].contains(&name) {
            seen.push(value);
        }
    });
    assert!(seen.iter().all(|value| *value > 10), "every path was taken: {seen:?}");
}
