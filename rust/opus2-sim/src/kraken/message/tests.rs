//! Checksums are those of the venue's own examples; texts are the documented ones.

use std::collections::BTreeSet;

use super::*;
use crate::market::test_book;

/// Official vector A of the book checksum guide (BTC/USD, price precision 1, quantity precision 8).
const ASKS: [(i64, i64); 10] = [
    (452_852, 100_000),
    (452_864, 154_571_953),
    (452_866, 154_571_109),
    (452_896, 154_560_911),
    (452_902, 15_890_660),
    (452_918, 154_553_491),
    (452_947, 4_454_749),
    (452_961, 35_380_000),
    (452_975, 9_945_542),
    (452_995, 18_772_827),
];
const BIDS: [(i64, i64); 10] = [
    (452_835, 10_000_000),
    (452_834, 154_582_015),
    (452_821, 10_000_000),
    (452_810, 10_000_000),
    (452_803, 154_592_586),
    (452_790, 7_990_000),
    (452_776, 3_310_103),
    (452_775, 30_000_000),
    (452_773, 154_602_737),
    (452_766, 15_445_238),
];

#[test]
fn the_book_checksum_is_that_of_the_venues_example() {
    let mut ladder = test_book(&BIDS, &ASKS);
    assert_eq!(book_checksum(&ladder), 3_310_070_434);
    // One order a level: both checksums cover the same.
    assert_eq!(orders_checksum(&ladder), 3_310_070_434);
    // An eleventh level is not covered.
    ladder = test_book(&[&BIDS[..], &[(452_000, 5)]].concat(), &ASKS);
    assert_eq!(book_checksum(&ladder), 3_310_070_434);
}

#[test]
fn the_orders_checksum_is_that_of_the_venues_example() {
    let asks = [
        (449_395, 452_308_393),
        (449_395, 111_261),
        (449_395, 100_000),
        (449_395, 1_000_000),
        (449_500, 10_334_926),
        (449_530, 64_537),
        (449_550, 250_000),
        (449_596, 35_630_000),
        (449_596, 35_630_000),
        (449_601, 338_072),
        (449_602, 88_967_575),
        (449_670, 314_392_283),
        (449_785, 6_778_960),
        (449_792, 35_630_000),
    ];
    let bids = [
        (449_394, 88_968_699),
        (449_394, 45_210_000),
        (449_394, 10_000_000),
        (449_394, 14_296_323),
        (449_394, 25_000_000),
        (449_394, 10_292_988),
        (449_394, 33_880_000),
        (449_394, 128_140_860),
        (449_371, 3_346_877),
        (449_347, 35_630_000),
        (449_302, 22_734_299),
        (449_302, 1_000_000),
        (449_302, 5_550_000),
        (449_302, 70_000_000),
        (449_302, 15_000_000),
        (449_280, 105_240),
        (449_196, 33_870_000),
        (449_195, 7_610_000),
        (449_120, 35_630_000),
        (449_097, 6_690_000),
        (449_019, 88_982),
    ];
    assert_eq!(orders_checksum(&test_book(&bids, &asks)), 1_063_832_831);
}

#[test]
fn fewer_levels_than_ten_are_not_padded() {
    // Vector C: price precision 8, quantity precision 5.
    let ladder = test_book(&[(4530, 123_456_710_000)], &[(4532, 10_000_000), (4533, 50_000)]);
    assert_eq!(book_checksum(&ladder), 3_485_566_740);
}

fn symbol() -> Symbol {
    Symbol { name: "BTC/USD".into(), price_scale: 1, qty_scale: 8 }
}

const NOW: UnixNanos = UnixNanos(1_795_356_000_123_456_789);

#[track_caller]
fn check(write: impl FnOnce(&mut String, &Symbol), expect: &str) {
    let mut text = String::new();
    write(&mut text, &symbol());
    assert_eq!(text, expect);
    let _: serde_json::Value = serde_json::from_str(&text).unwrap();
}

#[test]
fn messages_are_the_documented_ones() {
    let (bid, ask) = (Level::new(452_835, 10_000_000), Level::new(452_852, 0));
    check(
        |text, symbol| write_book(text, false, [&[bid], &[ask]], 7, (symbol, NOW)),
        r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":45283.5,"qty":0.10000000}],"asks":[{"price":45285.2,"qty":0.00000000}],"checksum":7,"timestamp":"2026-11-22T14:00:00.123456Z"}]}"#,
    );
    let trade = Trade {
        id: 62_838_001,
        price: Price(452_835),
        qty: Qty(30_000),
        aggressor: Aggressor::Sell,
        is_market: true,
        time: NOW,
    };
    check(
        |text, symbol| write_trades(text, false, [trade].iter(), symbol),
        r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"sell","price":45283.5,"qty":0.00030000,"ord_type":"market","trade_id":62838001,"timestamp":"2026-11-22T14:00:00.123456Z"}]}"#,
    );
    let mut id = String::new();
    write_order_id(&mut id, 3, 9);
    let entry =
        OrderEntry { event: Some("add"), id: 9, price: Price(449_394), qty: Qty(10_000_000), stamp: NOW.0 };
    check(
        |text, symbol| write_orders(text, false, [&[entry], &[]], 1, (symbol, 3, NOW)),
        &r#"{"channel":"level3","type":"update","data":[{"symbol":"BTC/USD","checksum":1,"bids":[{"event":"add","order_id":"ID","limit_price":44939.4,"order_qty":0.10000000,"timestamp":"2026-11-22T14:00:00.123456789Z"}],"asks":[],"timestamp":"2026-11-22T14:00:00.123456Z"}]}"#
            .replace("ID", &id),
    );
    let figures = Figures {
        last: Price(449_000),
        low: Price(440_000),
        high: Price(455_000),
        open: Price(450_000),
        volume: 5,
    };
    check(
        |text, symbol| {
            write_ticker(text, false, [bid, Level::new(452_852, 100_000)], &figures, (symbol, NOW));
        },
        r#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":45283.5,"bid_qty":0.10000000,"ask":45285.2,"ask_qty":0.00100000,"last":44900.0,"volume":0.00000005,"vwap":44750.0,"low":44000.0,"high":45500.0,"change":-100.0,"change_pct":-0.22,"timestamp":"2026-11-22T14:00:00.123456Z"}]}"#,
    );
}

#[test]
fn ids_of_orders_are_distinct() {
    let mut seen = BTreeSet::new();
    for instrument in 0..30 {
        for number in 0..300 {
            let mut text = String::new();
            write_order_id(&mut text, instrument, 180_000_000_000 + number);
            assert_eq!((text.len(), &text[6..7], &text[12..13]), (19, "-", "-"), "{text}");
            assert!(seen.insert(text));
        }
    }
}
