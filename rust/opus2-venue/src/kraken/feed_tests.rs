//! Messages through [`Feed`](crate::Feed): what they do, and what is refused of them.

use opus2_types::{BookState, Channel, FeedKind, InstrumentSpec, SpecOrigin, UnixNanos, Venue};
use proptest::prelude::*;

use crate::kraken::classify;
use crate::{Feed, Reject, What};

const BOOK: FeedKind = FeedKind::KrakenBook { depth: 10 };
const ORDERS: FeedKind = FeedKind::KrakenOrders { depth: 10 };
const V1: FeedKind = FeedKind::KrakenV1Book { depth: 10 };

const SNAPSHOT: &str = r#"{"channel":"book","type":"snapshot","data":[{"symbol":"A/USD",
    "bids":[{"price":99.9,"qty":1.00}],"asks":[{"price":100.1,"qty":1.00}],"checksum":CRC}]}"#;
const ORDER_SNAPSHOT: &str = r#"{"channel":"level3","type":"snapshot","data":[{"symbol":"A/USD","checksum":CRC,"timestamp":"2026-08-01T02:53:53Z",
    "bids":[{"order_id":"B1","limit_price":99.9,"order_qty":1.00,"timestamp":"2026-08-01T02:53:53Z"}],
    "asks":[{"order_id":"A2","limit_price":100.1,"order_qty":3.00,"timestamp":"2026-08-01T02:53:52Z"},
            {"order_id":"A1","limit_price":100.1,"order_qty":2.00,"timestamp":"2026-08-01T02:53:51Z"}]}]}"#;
const V1_SNAPSHOT: &str =
    r#"[1,{"as":[["100.1","1.00","1600000000.1"]],"bs":[["99.9","1.00","1600000000.2"]]},"book-10","A/USD"]"#;

fn spec(feed: FeedKind) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Kraken,
        symbol: "A/USD".into(),
        base: "A".into(),
        quote: "USD".into(),
        price_scale: 1,
        qty_scale: 2,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed,
    }
}

/// `text` with the checksum of `covered` for `CRC`.
fn with_checksum(text: &str, covered: &str) -> String {
    text.replace("CRC", &crc32fast::hash(covered.as_bytes()).to_string())
}

fn live(feed: FeedKind) -> Feed {
    let text = match feed {
        FeedKind::KrakenOrders { .. } => with_checksum(ORDER_SNAPSHOT, "10012001001300999100"),
        FeedKind::KrakenV1Book { .. } => V1_SNAPSHOT.to_owned(),
        _ => with_checksum(SNAPSHOT, "1001100999100"),
    };
    let mut feed = Feed::new(spec(feed));
    feed.connected();
    let applied = feed.apply(Channel::Snapshot, text.as_bytes(), UnixNanos(1));
    assert_eq!(applied.what, What::Snapshot);
    feed
}

/// What a message does to a book in step: its outcome, the state after it, the trades it gave.
#[track_caller]
fn check(kind: FeedKind, text: &str, expect: &str) {
    let mut feed = live(kind);
    let found = apply(&mut feed, text);
    assert_eq!(found, expect, "{text}");
}

fn apply(feed: &mut Feed, text: &str) -> String {
    let channel = match classify(text.as_bytes()) {
        Ok(crate::kraken::Frame::Instrument { channel, .. }) => channel,
        _ => Channel::Depth,
    };
    let applied = feed.apply(channel, text.as_bytes(), UnixNanos(2));
    let what = match applied.what {
        What::Rejected(Reject::BadJson { .. }) => "bad_json".to_owned(),
        What::Rejected(reject) => format!("{}: {reject}", reject.as_str()),
        What::Quote(quote) => format!("quote {} {}", quote.bid.price.0, quote.ask.price.0),
        What::Trades => {
            let ids: Vec<String> =
                feed.trades().iter().map(|trade| trade.event.trade_id.to_string()).collect();
            format!("trades {}", ids.join(" "))
        }
        other => format!("{other:?}"),
    };
    format!("{what} ({})", applied.state.as_str())
}

fn update(levels: &str, covered: &str) -> String {
    let text = format!(
        r#"{{"channel":"book","type":"update","data":[{{"symbol":"A/USD",{levels},"checksum":CRC}}]}}"#
    );
    with_checksum(&text, covered)
}

#[test]
fn updates_change_the_book_and_their_checksum_is_compared() {
    for (levels, covered, expect) in [
        (r#""bids":[{"price":99.8,"qty":2.00}],"asks":[]"#, "1001100999100998200", "Book (live)"),
        // The last of one price wins; removing what is absent is nothing; any order of fields will do.
        (
            r#""asks":[{"qty":5,"price":100.1},{"price":100.1,"qty":2e-2},{"price":100.2,"qty":0.00}]"#,
            "10012999100",
            "Book (live)",
        ),
        (r#""bids":[{"price":100.2,"qty":2.00}],"asks":[]"#, "10011001002200999100", "Crossed (crossed)"),
    ] {
        check(BOOK, &update(levels, covered), expect);
    }
    let wrong = update(r#""bids":[{"price":99.8,"qty":2.00}],"asks":[]"#, "nothing");
    let found = apply(&mut live(BOOK), &wrong);
    assert!(found.starts_with("bad_checksum: ") && found.ends_with("(gap)"), "{found}");
}

#[test]
fn messages_that_are_none_are_refused_by_their_reason() {
    let message = |data: &str| format!(r#"{{"channel":"book","type":"update","data":[{data}]}}"#);
    for (data, expect) in [
        (r#"{"symbol":"B/USD","bids":[],"asks":[],"checksum":1}"#, "wrong_symbol: message of another symbol"),
        (r#"{"symbol":"A/USD","bids":[],"asks":[]}"#, r#"missing_field: field "checksum" is missing"#),
        (r#"{"symbol":"A/USD","checksum":1}"#, r#"missing_field: field "bids or asks" is missing"#),
        (r#"{"bids":[],"asks":[],"checksum":1}"#, r#"missing_field: field "symbol" is missing"#),
        (
            r#"{"symbol":"A/USD","bids":[{"price":1.0}],"checksum":1}"#,
            r#"missing_field: field "qty" is missing"#,
        ),
        (
            r#"{"symbol":"A/USD","bids":[{"price":0.0,"qty":1}],"checksum":1}"#,
            "non_positive_price: price is not positive",
        ),
        (
            r#"{"symbol":"A/USD","bids":[{"price":-1,"qty":1}],"checksum":1}"#,
            "non_positive_price: price is not positive",
        ),
        (
            r#"{"symbol":"A/USD","bids":[{"price":1,"qty":-1}],"checksum":1}"#,
            "bad_quantity: quantity is negative, or zero in a trade",
        ),
        (r#"{"symbol":"A/USD","bids":[{"price":1.05,"qty":1}],"checksum":1}"#, "number_too_fine: bad number"),
        (
            r#"{"symbol":"A/USD","bids":[{"price":1,"qty":1e99}],"checksum":1}"#,
            "number_too_large: bad number",
        ),
        (r#"{"symbol":"A/USD","bids":[{"price":1.,"qty":1}],"checksum":1}"#, "number_malformed: bad number"),
        (r#"{"symbol":"A/USD","bids":[{"price":"1","qty":1}],"checksum":1}"#, "bad_json"),
        (r#"{"symbol":"A/USD","bids":[],"checksum":4294967296}"#, "bad_json"),
        (
            r#"{"symbol":"A/USD","bids":[],"checksum":1,"timestamp":"yesterday"}"#,
            "bad_time: time is not RFC 3339 text of the years 1970 to 2262",
        ),
    ] {
        check(BOOK, &message(data), &format!("{expect} (gap)"));
    }
    check(BOOK, r#"{"channel":"book","type":"update","data":[{"symbol":"A/USD""#, "bad_json (gap)");
    check(BOOK, &message(""), "wrong_symbol: message of another symbol (gap)");
}

#[test]
fn updates_without_a_book_mean_nothing_until_the_snapshot() {
    let mut feed = live(BOOK);
    let good = update(r#""bids":[{"price":99.8,"qty":2.00}],"asks":[]"#, "1001100999100998200");
    let bad = update(r#""bids":[{"price":99.8,"qty":2.00}],"asks":[]"#, "");
    assert!(apply(&mut feed, &bad).ends_with("(gap)"));
    assert_eq!(apply(&mut feed, &good), "Covered (gap)");
    let wrong = SNAPSHOT.replace("CRC", "1");
    assert!(apply(&mut feed, &wrong).starts_with("bad_checksum"));
    assert_eq!(feed.state(), BookState::Gap);
    assert_eq!(apply(&mut feed, &with_checksum(SNAPSHOT, "1001100999100")), "Snapshot (live)");
    assert_eq!(apply(&mut feed, &good), "Book (live)");
    // A snapshot that cannot be trusted leaves nobody knowing what the book is.
    assert!(apply(&mut feed, &wrong).ends_with("(gap)"));
    let counts = feed.counts();
    assert_eq!((counts.checksums_ok, counts.checksums_bad), (3, 3));
    assert_eq!((counts.dropped_before_snapshot, counts.resyncs, counts.rejected), (1, 3, 3));
}

#[test]
fn trades_are_given_once_and_holes_are_counted() {
    let trade = |id: u64| {
        format!(
            r#"{{"symbol":"A/USD","side":"sell","price":100.0,"qty":0.5,"ord_type":"limit","trade_id":{id},"timestamp":"2026-08-01T02:53:53.398143Z"}}"#
        )
    };
    let message = |kind: &str, ids: &[u64]| {
        let trades: Vec<String> = ids.iter().map(|id| trade(*id)).collect();
        format!(r#"{{"channel":"trade","type":"{kind}","data":[{}]}}"#, trades.join(","))
    };
    let mut feed = live(BOOK);
    for (kind, ids, expect) in [
        ("update", &[5, 6][..], "trades 5 6 (live)"),
        ("update", &[6, 7], "trades 7 (live)"),
        ("snapshot", &[1, 2, 3, 8], "Other (live)"),
        ("update", &[7], "Covered (live)"),
        ("update", &[10], "trades 10 (live)"),
    ] {
        assert_eq!(apply(&mut feed, &message(kind, ids)), expect, "{ids:?}");
    }
    assert_eq!((feed.counts().trades, feed.counts().trade_gaps), (4, 2));
    for (from, to, expect) in [
        (r#""side":"sell""#, r#""side":"short""#, "bad_json (live)"),
        (r#""qty":0.5"#, r#""qty":0.0"#, "bad_quantity: quantity is negative, or zero in a trade (live)"),
        (r#""price":100.0"#, r#""price":0"#, "non_positive_price: price is not positive (live)"),
        (r#""trade_id":11"#, r#""id":11"#, r#"missing_field: field "trade_id" is missing (live)"#),
        ("A/USD", "B/USD", "wrong_symbol: message of another symbol (live)"),
    ] {
        let text = message("update", &[11]).replace(from, to);
        assert_eq!(apply(&mut feed, &text), expect);
    }
    assert_eq!(feed.counts().trades, 4);
}

#[test]
fn quotes_of_the_year_1970_and_of_empty_sides_are_left_out() {
    let ticker = |bid: &str, rest: &str| {
        format!(
            r#"{{"channel":"ticker","type":"update","data":[{{"symbol":"A/USD","bid":{bid},"bid_qty":1,"ask":100.1,"ask_qty":1,"last":0.001{rest}}}]}}"#
        )
    };
    for (text, expect) in [
        (ticker("99.9", ""), "quote 999 1001 (live)"),
        (ticker("99.9", r#","timestamp":"2026-08-01T02:53:53.398143Z""#), "quote 999 1001 (live)"),
        (ticker("99.9", r#","timestamp":"1970-01-01T00:00:00Z""#), "Other (live)"),
        (ticker("0", ""), "one_sided_quote: quote with an empty side (live)"),
    ] {
        check(BOOK, &text, expect);
    }
}

fn orders(bids: &str, asks: &str, covered: &str) -> String {
    let text = format!(
        r#"{{"channel":"level3","type":"update","data":[{{"symbol":"A/USD","bids":[{bids}],"asks":[{asks}],"checksum":CRC}}]}}"#
    );
    with_checksum(&text, covered)
}

fn event(event: &str, id: &str, price: &str, qty: &str, second: u8) -> String {
    format!(
        r#"{{"event":"{event}","order_id":"{id}","limit_price":{price},"order_qty":{qty},"timestamp":"2026-08-01T02:54:{second:02}Z"}}"#
    )
}

#[test]
fn orders_keep_their_place_unless_their_price_changes() {
    let asks = "10012001001300";
    for (bids, covered, expect) in [
        (vec![event("add", "B2", "99.9", "5", 1)], "999100999500", "Book (live)"),
        // Two that come together stand by their times.
        (
            vec![event("add", "B3", "99.9", "6", 2), event("add", "B2", "99.9", "5", 1)],
            "999100999500999600",
            "Book (live)",
        ),
        // More or less: the place stays.
        (
            vec![event("add", "B2", "99.9", "5", 1), event("modify", "B1", "99.9", "9", 2)],
            "999900999500",
            "Book (live)",
        ),
        (
            vec![event("add", "B2", "99.8", "5", 1), event("modify", "B1", "99.8", "1", 2)],
            "998500998100",
            "Book (live)",
        ),
        (
            vec![event("delete", "B9", "99.9", "5", 1), event("modify", "B8", "99.9", "5", 1)],
            "999100",
            "Book (live)",
        ),
        (
            vec![event("add", "B1", "99.9", "5", 1)],
            "999100",
            "duplicate_order: an order with this id rests already (gap)",
        ),
        (
            vec![event("add", "B2", "99.9", "0", 1)],
            "999100",
            "bad_quantity: quantity is negative, or zero in a trade (gap)",
        ),
        (vec![event("vanish", "B2", "99.9", "1", 1)], "999100", "bad_json (gap)"),
        (vec![event("add", "B_2", "99.9", "1", 1)], "999100", "bad_json (gap)"),
    ] {
        check(ORDERS, &orders(&bids.join(","), "", &format!("{asks}{covered}")), expect);
    }
    check(
        ORDERS,
        &orders(
            "",
            r#"{"event":"delete","order_id":"A1","timestamp":"2026-08-01T02:54:00Z"}"#,
            "1001300999100",
        ),
        "Book (live)",
    );
}

#[test]
fn orders_beyond_the_depth_are_forgotten() {
    let mut feed = live(ORDERS);
    let bids: Vec<String> =
        (0..12).map(|at| event("add", &format!("C{at}"), &format!("{}.0", 90 - at), "1", 1)).collect();
    let covered: String = (0..9).map(|at| (900 - at * 10).to_string() + "100").collect();
    let text = orders(&bids.join(","), "", &format!("10012001001300999100{covered}"));
    assert_eq!(apply(&mut feed, &text), "Book (live)");
    assert_eq!(feed.book().side(opus2_types::Side::Bid).len(), 10);
    assert_eq!(feed.resting_orders(), Some(12));
}

#[test]
fn a_v1_message_may_hold_both_sides_in_two_objects() {
    let tail =
        |object: &str, covered: &str| with_checksum(&format!(r#"[1,{object},"book-10","A/USD"]"#), covered);
    for (text, expect) in [
        (
            tail(
                r#"{"a":[["100.1","2.00","1600000001.5"]]},{"b":[["99.9","3.00","1600000001.5","r"]],"c":"CRC"}"#,
                "1001200999300",
            ),
            "Book (live)",
        ),
        (tail(r#"{"a":[["100.1","2.00","1600000001.5"]],"c":"CRC"}"#, "1001200999100"), "Book (live)"),
        (tail(r#"{"a":[["100.1","2.00"]],"c":"CRC"}"#, ""), "bad_json (gap)"),
        (tail(r#"{"a":[["100.1","2.00","x"]],"c":"CRC"}"#, ""), "number_malformed: bad number (gap)"),
        (
            tail(r#"{"a":[["0","2.00","1.0"]],"c":"CRC"}"#, ""),
            "non_positive_price: price is not positive (gap)",
        ),
        (tail(r#"{"c":"CRC"}"#, ""), r#"missing_field: field "a, b, as or bs" is missing (gap)"#),
        (tail(r#"{"a":[],"c":"x"}"#, ""), "bad_json (gap)"),
        (r#"[1,{"a":[]},"book-10","B/USD"]"#.to_owned(), "wrong_symbol: message of another symbol (gap)"),
        (r#"[1,[["100.0","1.00","1.5","b","l",""]],"trade","A/USD"]"#.to_owned(), "trades 0 (live)"),
        (r#"[1,[["100.0","1.00","1.5","x","l",""]],"trade","A/USD"]"#.to_owned(), "bad_json (live)"),
        (r#"[1,["99.9","100.1","1.5","1.00","2.00"],"spread","A/USD"]"#.to_owned(), "quote 999 1001 (live)"),
        (
            r#"[1,["0","100.1","1.5","0","2.00"],"spread","A/USD"]"#.to_owned(),
            "one_sided_quote: quote with an empty side (live)",
        ),
    ] {
        check(V1, &text, expect);
    }
}

/// Texts near to messages, and texts that are not.
fn text() -> impl Strategy<Value = String> {
    let good = prop_oneof![
        Just(with_checksum(SNAPSHOT, "1001100999100")),
        Just(with_checksum(ORDER_SNAPSHOT, "10012001001300999100")),
        Just(V1_SNAPSHOT.to_owned()),
        Just(update(r#""bids":[{"price":99.8,"qty":2.00}],"asks":[]"#, "1001100999100998200")),
        Just(orders(&event("modify", "B1", "99.8", "2e1", 3), "", "")),
    ];
    let bent = (good, any::<prop::sample::Index>(), "[ -~]{0,3}", any::<prop::sample::Index>()).prop_map(
        |(text, at, insert, end)| {
            let (at, end) = (at.index(text.len()), end.index(text.len() + 1));
            let text = format!("{}{insert}{}", &text[..at], &text[at..]);
            text[..end.max(at)].to_owned()
        },
    );
    prop_oneof![4 => bent, 1 => "[ -~]{0,80}"]
}

proptest! {
    #[test]
    fn nothing_a_venue_sends_panics_or_makes_a_live_book_crossed(
        texts in prop::collection::vec((text(), 0usize..4), 0..12),
        kind in prop_oneof![Just(BOOK), Just(ORDERS), Just(V1)],
    ) {
        let mut feed = live(kind);
        for (text, channel) in texts {
            classify(text.as_bytes()).ok();
            super::scales::Scales::default().observe(text.as_bytes()).ok();
            drop(super::read_pairs(text.as_bytes(), BOOK));
            drop(super::parse_asset_pairs(text.as_bytes(), BOOK));
            let channel = [Channel::Depth, Channel::Snapshot, Channel::Trade, Channel::Quote][channel];
            feed.apply(channel, text.as_bytes(), UnixNanos(3));
            prop_assert!(feed.state() != BookState::Live || !feed.book().is_crossed());
            let state = feed.to_state();
            let loaded = Feed::from_state(state.clone());
            prop_assert_eq!(loaded.map(|feed| feed.to_state()), Some(state));
        }
    }
}
