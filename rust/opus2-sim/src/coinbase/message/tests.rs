//! The texts are the documented ones.

use std::collections::BTreeSet;

use super::*;

fn place(symbol: &Symbol) -> Place<'_> {
    Place { symbol, instrument: 3, time: UnixNanos(1_795_356_000_123_456_789) }
}

fn symbol() -> Symbol {
    Symbol { name: "BTC-USD".into(), price_scale: 2, qty_scale: 8 }
}

fn id(number: u64) -> String {
    let mut text = String::new();
    write_order_id(&mut text, 3, number);
    text
}

#[track_caller]
fn check(event: FullEvent, full: &str, level3: &str) {
    let (symbol, mut text) = (symbol(), String::new());
    let with_ids = |expect: &str| expect.replace("ID7", &id(7)).replace("ID8", &id(8));
    write_full(&mut text, &event, 12, place(&symbol));
    assert_eq!(text, with_ids(full));
    let _: serde_json::Value = serde_json::from_str(&text).unwrap();
    text.clear();
    write_level3(&mut text, &event, 12, place(&symbol));
    assert_eq!(text, with_ids(level3));
    let _: serde_json::Value = serde_json::from_str(&text).unwrap();
}

#[test]
fn events_of_orders_are_the_documented_ones() {
    let (price, qty) = (Price(50_210), Qty(100_000_000));
    let level = Level { price, qty };
    let head = r#""time":"2026-11-22T14:00:00.123456Z","product_id":"BTC-USD","sequence":12"#;
    check(
        FullEvent::ReceivedLimit { id: 7, side: Side::Bid, price, qty },
        &format!(
            r#"{{"type":"received",{head},"order_id":"ID7","size":"1.00000000","price":"502.10","side":"buy","order_type":"limit"}}"#
        ),
        r#"["noop","BTC-USD","12","2026-11-22T14:00:00.123456Z"]"#,
    );
    check(
        FullEvent::Open { id: 7, side: Side::Ask, price, qty },
        &format!(
            r#"{{"type":"open",{head},"order_id":"ID7","price":"502.10","remaining_size":"1.00000000","side":"sell"}}"#
        ),
        r#"["open","BTC-USD","12","ID7","sell","502.10","1.00000000","2026-11-22T14:00:00.123456Z"]"#,
    );
    check(
        FullEvent::Done { id: 7, side: Side::Ask, is_filled: false, rest: Some(level) },
        &format!(
            r#"{{"type":"done",{head},"order_id":"ID7","reason":"canceled","side":"sell","price":"502.10","remaining_size":"1.00000000"}}"#
        ),
        r#"["done","BTC-USD","12","ID7","2026-11-22T14:00:00.123456Z"]"#,
    );
    let smaller = Level { price, qty: Qty(25_000_000) };
    check(
        FullEvent::Change { id: 7, side: Side::Bid, from: level, to: smaller },
        &format!(
            r#"{{"type":"change",{head},"reason":"STP","side":"buy","order_id":"ID7","old_size":"1.00000000","new_size":"0.25000000","price":"502.10"}}"#
        ),
        r#"["change","BTC-USD","12","ID7","502.10","0.25000000","2026-11-22T14:00:00.123456Z"]"#,
    );
    let moved = Level { price: Price(50_200), qty };
    check(
        FullEvent::Change { id: 8, side: Side::Bid, from: level, to: moved },
        &format!(
            r#"{{"type":"change",{head},"reason":"modify_order","side":"buy","order_id":"ID8","old_size":"1.00000000","new_size":"1.00000000","old_price":"502.10","new_price":"502.00"}}"#
        ),
        r#"["change","BTC-USD","12","ID8","502.00","1.00000000","2026-11-22T14:00:00.123456Z"]"#,
    );
    let matched = Match {
        trade_id: 90,
        sequence: 12,
        maker: 7,
        taker: 8,
        price,
        qty,
        maker_side: Side::Ask,
        time: place(&symbol()).time,
    };
    check(
        FullEvent::Match(matched),
        r#"{"type":"match","trade_id":90,"maker_order_id":"ID7","taker_order_id":"ID8","side":"sell","size":"1.00000000","price":"502.10","product_id":"BTC-USD","sequence":12,"time":"2026-11-22T14:00:00.123456Z"}"#,
        r#"["match","BTC-USD","12","ID7","ID8","502.10","1.00000000","2026-11-22T14:00:00.123456Z"]"#,
    );
}

#[test]
fn an_order_that_crosses_is_received_matched_and_done() {
    let maker = |id, left, traded| OrderEvent {
        id,
        side: Side::Ask,
        stamp: 0,
        kind: OrderEventKind::Filled { at: Level::new(100, left), traded: Qty(traded) },
    };
    let taker = Taker { id: 9, aggressor: Aggressor::Buy, qty: Qty(30), left: Qty(0), limit: Price(101) };
    let mut events = Vec::new();
    full_events(&[maker(1, 0, 20), maker(2, 5, 10)], Some(&taker), 70, &mut events);
    let kinds: Vec<String> = events
        .iter()
        .map(|event| match event {
            FullEvent::Match(matched) => {
                format!("match {} {} {} {}", matched.trade_id, matched.maker, matched.taker, matched.qty.0)
            }
            FullEvent::Done { id, is_filled, .. } => format!("done {id} {is_filled}"),
            FullEvent::ReceivedLimit { id, side, .. } => format!("received {id} {side:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    let expect = ["received 9 Bid", "match 70 1 9 20", "done 1 true", "match 71 2 9 10", "done 9 true"];
    assert_eq!(kinds, expect);
}

#[test]
fn ids_of_orders_are_distinct_uuids() {
    let mut seen = BTreeSet::new();
    for instrument in 0..30 {
        for number in 0..300 {
            let mut text = String::new();
            write_order_id(&mut text, instrument, 180_000_000_000 + number);
            assert_eq!(text.len(), 36);
            assert!(text.as_bytes()[14] == b'4' && text.as_bytes()[19] == b'8', "{text}");
            assert!(seen.insert(text));
        }
    }
}

#[test]
fn levels_are_the_documented_ones() {
    let (symbol, mut text) = (symbol(), String::new());
    let changes = [(Side::Bid, Level::new(50_208, 125_000_000)), (Side::Ask, Level::new(50_210, 0))];
    write_l2update(&mut text, &changes, place(&symbol));
    let expect = r#"{"type":"l2update","product_id":"BTC-USD","changes":[["buy","502.08","1.25000000"],["sell","502.10","0.00000000"]],"time":"2026-11-22T14:00:00.123456Z"}"#;
    assert_eq!(text, expect);
}
