//! Laws of the formats: what is written is read, whatever is read is a value or an error.

use opus2_types::{
    Aggressor, BookState, BookView, Channel, EventBody, Level, MakerFill, MarketEvent, OrderId, Price, Qty,
    QualityEvent, QualityFlags, QuoteEvent, SeqRange, StatusEvent, TradeEvent, UnixNanos, VIEW_LEVELS, Venue,
};
use opus2_wire::event::{decode_event, encode_event};
use opus2_wire::raw::RawRecord;
use proptest::prelude::*;

fn level() -> impl Strategy<Value = Level> {
    (any::<i64>(), any::<i64>()).prop_map(|(price, qty)| Level::new(price, qty))
}

fn maker() -> impl Strategy<Value = Option<MakerFill>> {
    prop::option::of((any::<u128>(), any::<i64>()))
        .prop_map(|maker| maker.map(|(order, shown)| MakerFill { order: OrderId(order), shown: Qty(shown) }))
}

fn body() -> impl Strategy<Value = EventBody> {
    let side = || prop::collection::vec(level(), 0..=VIEW_LEVELS);
    let state = || prop::sample::select(BookState::ALL.to_vec());
    prop_oneof![
        (side(), side()).prop_map(|(bids, asks)| EventBody::Book(BookView::new(bids, asks))),
        (any::<u64>(), level(), any::<bool>(), maker()).prop_map(|(trade_id, level, is_buy, maker)| {
            let aggressor = if is_buy { Aggressor::Buy } else { Aggressor::Sell };
            EventBody::Trade(TradeEvent { trade_id, price: level.price, qty: level.qty, aggressor, maker })
        }),
        (level(), level()).prop_map(|(bid, ask)| EventBody::Quote(QuoteEvent { bid, ask })),
        (state(), state()).prop_map(|(from, to)| EventBody::Status(StatusEvent { from, to })),
        (any::<u32>(), any::<bool>()).prop_map(|(score_thousandths, is_fenced)| {
            EventBody::Quality(QualityEvent { score_thousandths, is_fenced })
        }),
    ]
}

proptest! {
    #[test]
    fn an_event_survives_its_bytes_and_every_truncation_is_an_error(
        body in body(),
        id in ".{0,40}",
        symbol in ".{1,20}",
        times in (any::<Option<i64>>(), any::<i64>()),
        numbers in (any::<u64>(), any::<u64>(), any::<u16>(), any::<i64>()),
        venue in prop::sample::select(Venue::ALL.to_vec()),
    ) {
        let event = MarketEvent {
            id: &id,
            venue,
            symbol: &symbol,
            price_scale: 2,
            qty_scale: 8,
            tick: Price(numbers.3),
            lot: opus2_types::Qty(1),
            exch_ts: times.0.map(UnixNanos),
            recv_ts: UnixNanos(times.1),
            seq: SeqRange { first: numbers.0, last: numbers.1 },
            flags: QualityFlags(numbers.2),
            body,
        };
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes).unwrap();
        prop_assert_eq!(decode_event(&bytes), Ok(event));
        for end in 0..bytes.len() {
            prop_assert!(decode_event(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn a_raw_record_survives_its_bytes(
        symbol in ".{1,20}",
        market in ".{1,20}",
        conn in ".{1,20}",
        number in any::<u64>(),
        recv_ts in any::<i64>(),
        channel in prop::sample::select(Channel::ALL.to_vec()),
        value in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let record = RawRecord {
            symbol: &symbol,
            venue: Venue::Kraken,
            channel,
            market: &market,
            conn: &conn,
            number,
            recv_ts: UnixNanos(recv_ts),
            value: &value,
        };
        let mut bytes = Vec::new();
        record.encode(&mut bytes).unwrap();
        prop_assert_eq!(RawRecord::decode(&bytes), Ok(record));
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        // Whatever is accepted can be written again.
        if let Ok(event) = decode_event(&bytes) {
            prop_assert!(encode_event(&event, &mut Vec::new()).is_ok());
        }
        if let Ok(record) = RawRecord::decode(&bytes) {
            prop_assert!(record.encode(&mut Vec::new()).is_ok());
        }
    }
}

/// A quantity of a venue may be as large as the type.
#[test]
fn the_largest_numbers_survive() {
    let level = Level { price: Price(i64::MAX), qty: Qty(i64::MAX) };
    let view = BookView::new([level; VIEW_LEVELS], [Level::new(i64::MIN, 0); VIEW_LEVELS]);
    let event = MarketEvent {
        id: "",
        venue: Venue::Binance,
        symbol: "X",
        price_scale: 18,
        qty_scale: 18,
        tick: Price(0),
        lot: opus2_types::Qty(1),
        exch_ts: None,
        recv_ts: UnixNanos::MIN,
        seq: SeqRange { first: u64::MAX, last: u64::MAX },
        flags: QualityFlags(u16::MAX),
        body: EventBody::Book(view),
    };
    let mut bytes = Vec::new();
    encode_event(&event, &mut bytes).unwrap();
    assert_eq!(decode_event(&bytes), Ok(event));
}
