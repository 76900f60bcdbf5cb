//! A market of three venues in good order.

use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, QuoteEvent,
    SeqRange, StatusEvent, TradeEvent, UnixNanos, Venue,
};
use opus2_wire::event::encode_event;

pub(crate) const MARKET: &str = "BTC/USD*";
const MILLI: i64 = 1_000_000;
const START: i64 = 1_700_000_000_000 * MILLI;
const INSTRUMENTS: [(Venue, &str); 3] =
    [(Venue::Coinbase, "BTC-USD"), (Venue::Binance, "BTCUSDT"), (Venue::Kraken, "XBT/USD")];

/// Event `number` of a market in good order: quotes, books and trades of three venues, `every_ms` apart, the mid wandering.
pub(crate) fn steady(number: i64, every_ms: i64) -> Vec<u8> {
    let (venue, symbol) = INSTRUMENTS[usize::try_from(number % 3).unwrap()];
    // Knuth's MMIX generator, by number: the same mid at all venues, each with a little of its own.
    let random = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 33;
    let wander = (number / 97) % 400 + (number / 31) % 40 - (number / 13) % 20;
    let bid = 6_000_000 + wander + random % 3;
    let level = |price| Level::new(price, 1 + random % 977);
    let body = match number % 401 {
        0 => EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap }),
        rank if rank % 20 == 0 => EventBody::Book(BookView::new(
            (0..20).map(|rank| level(bid - rank)),
            (0..20).map(|rank| level(bid + 1 + rank)),
        )),
        rank if rank % 7 == 0 => EventBody::Trade(TradeEvent {
            trade_id: number.unsigned_abs(),
            price: Price(bid),
            qty: Qty(1 + random % 977),
            aggressor: if random % 5 < 3 { Aggressor::Buy } else { Aggressor::Sell },
            maker: None,
        }),
        _ => EventBody::Quote(QuoteEvent { bid: level(bid), ask: level(bid + 1) }),
    };
    let recv_ts = START + number * every_ms * MILLI;
    let event = MarketEvent {
        id: &format!("{venue}:{symbol}:18c2f0a1b2c3-0-1:{number:08}"),
        venue,
        symbol,
        price_scale: 2,
        qty_scale: 5,
        tick: Price(1),
        lot: Qty(1),
        exch_ts: Some(UnixNanos(recv_ts - (5 + number % 3) * MILLI)),
        recv_ts: UnixNanos(recv_ts),
        seq: SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() },
        flags: QualityFlags::default(),
        body,
    };
    let mut bytes = Vec::new();
    encode_event(&event, &mut bytes).unwrap();
    bytes
}
