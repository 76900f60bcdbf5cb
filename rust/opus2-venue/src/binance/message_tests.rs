//! What each message of the venue means, and what is refused.

use opus2_types::{FeedKind, SpecOrigin, Venue};

use super::*;

fn spec() -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: "BNBBTC".into(),
        base: "BNB".into(),
        quote: "BTC".into(),
        price_scale: 4,
        qty_scale: 2,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    }
}

#[track_caller]
fn check_frame(text: &str, expect: Result<Frame<'_>, &str>) {
    assert_eq!(classify(text.as_bytes()).map_err(|reject| reject.as_str()), expect, "{text}");
}

#[test]
fn frames_say_whose_they_are() {
    let instrument = |symbol, channel| Ok(Frame::Instrument { symbol, channel });
    check_frame(r#"{"stream":"bnbbtc@depth@100ms","data":{}}"#, instrument("bnbbtc", Channel::Depth));
    check_frame(
        r#"{"data":{"x":[1,{"y":"}"}]},"stream":"bnbbtc@trade"}"#,
        instrument("bnbbtc", Channel::Trade),
    );
    check_frame(
        r#" { "stream" : "币安人生usdt@bookTicker","data":{}}"#,
        instrument("币安人生usdt", Channel::Quote),
    );
    check_frame(r#"{"stream":"bnbbtc@kline_1m","data":{}}"#, instrument("bnbbtc", Channel::Other));
    // Partial depth has no place in the path of the deltas.
    check_frame(r#"{"stream":"bnbbtc@depth20@100ms","data":{}}"#, instrument("bnbbtc", Channel::Other));
    check_frame(r#"{"e":"depthUpdate","s":"BNBBTC"}"#, instrument("BNBBTC", Channel::Depth));
    check_frame(
        r#"{"u":1,"s":"BNBBTC","b":"1","B":"1","a":"2","A":"1"}"#,
        instrument("BNBBTC", Channel::Quote),
    );
}

#[test]
fn control_messages_come_in_every_documented_and_seen_form() {
    check_frame(r#"{"result":null,"id":1}"#, Ok(Frame::Control(Control::Reply { id: "1" })));
    check_frame(r#"{"result":["a@trade"],"id":"x"}"#, Ok(Frame::Control(Control::Reply { id: "x" })));
    let error = |code, message| Ok(Frame::Control(Control::Error { code, message }));
    check_frame(r#"{"code":2,"msg":"Invalid request","id":7}"#, error(2, "Invalid request"));
    check_frame(r#"{"error":{"code":4,"msg":"Too many"},"id":19}"#, error(4, "Too many"));
    let shutdown = Ok(Frame::Control(Control::ServerShutdown));
    check_frame(r#"{"e":"serverShutdown","E":1770123456789}"#, shutdown);
    check_frame(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}"#, shutdown);
}

#[test]
fn frames_of_no_known_form_are_refused() {
    for (text, reason) in [
        ("", "bad_json"),
        ("[]", "bad_json"),
        ("{", "bad_json"),
        ("{}", "missing_field"),
        (r#"{"stream":"#, "bad_json"),
        (r#"{"a":1}"#, "missing_field"),
        (r#"{"id":1}x"#, "bad_json"),
    ] {
        check_frame(text, Err(reason));
    }
    assert_eq!(classify(b"{\"stream\":\"\xff\"}").unwrap_err(), Reject::NotUtf8);
    assert_eq!(classify(&vec![b' '; FRAME_BYTES_MAX + 1]).unwrap_err().as_str(), "oversize");
    let nested = format!("{{\"x\":{}{}}}", "[".repeat(500), "]".repeat(500));
    check_frame(&nested, Err("bad_json"));
}

#[track_caller]
fn check_delta(text: &str, expect: Result<(Delta, &[Level], &[Level]), &str>) {
    let mut levels = Levels::default();
    let delta = read_delta(text.as_bytes(), &spec(), &mut levels);
    let result = delta.map(|delta| (delta, levels.bids.as_slice(), levels.asks.as_slice()));
    assert_eq!(result.map_err(|reject| reject.as_str()), expect, "{text}");
}

#[test]
fn a_delta_is_read_in_both_forms_both_units_and_any_key_order() {
    let seq = SeqRange { first: 157, last: 160 };
    let ms = Delta { exch_ts: UnixNanos(1_780_000_000_123_000_000), seq };
    let us = Delta { exch_ts: UnixNanos(1_780_000_000_123_456_000), seq };
    let bids = &[Level::new(24, 1000)][..];
    let asks = &[Level::new(26, 0)][..];
    check_delta(
        r#"{"stream":"bnbbtc@depth@100ms","data":{"e":"depthUpdate","E":1780000000123,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[["0.00260000","0.00"]]}}"#,
        Ok((ms, bids, asks)),
    );
    check_delta(
        r#" {"a": [ [ "0.0026" , "0" ] ] ,"b":[["0.0024","10"]],"new":{"x":[null,true,-1.5e3]},"u":160,"U":157,"s":"BNBBTC","E":1780000000123456,"e":"depthUpdate"} "#,
        Ok((us, bids, asks)),
    );
}

#[test]
fn a_bad_delta_is_refused_with_its_reason() {
    let with = |from: &str, to: &str| {
        r#"{"e":"depthUpdate","E":1780000000123,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[]}"#
            .replace(from, to)
    };
    for (from, to, reason) in [
        ("BNBBTC", "BNBUSDT", "wrong_symbol"),
        (r#""s":"BNBBTC","#, "", "missing_field"),
        (r#""U":157,"#, "", "missing_field"),
        (r#","a":[]"#, "", "missing_field"),
        ("157", "161", "bad_sequence"),
        ("157", "-157", "bad_json"),
        ("157", "1.5", "bad_json"),
        ("0.0024", "0.00241", "number_too_fine"),
        ("0.0024", "-0.0024", "non_positive_price"),
        ("0.0024", "0", "non_positive_price"),
        ("0.0024", "1e-3", "number_malformed"),
        ("0.0024", "99999999999999999999", "number_too_large"),
        (r#""10""#, r#""-1""#, "bad_quantity"),
        (r#""10""#, "10", "bad_json"),
        ("1780000000123", "1780000000", "bad_time"),
        ("]}", "]", "bad_json"),
        (r#","10"]"#, "]", "bad_json"),
    ] {
        check_delta(&with(from, to), Err(reason));
    }
}

#[test]
fn a_delta_cut_anywhere_is_refused() {
    let text = r#"{"stream":"bnbbtc@depth@100ms","data":{"e":"depthUpdate","E":1780000000123,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[]}}"#;
    for end in 0..text.len() {
        assert!(
            read_delta(&text.as_bytes()[..end], &spec(), &mut Levels::default()).is_err(),
            "cut at {end}"
        );
    }
}

#[test]
fn buyer_is_maker_means_that_the_aggressor_sold() {
    let text = r#"{"e":"trade","E":1780000000125,"s":"BNBBTC","t":12345,"p":"0.0025","q":"100","T":1780000000124,"m":true,"M":true}"#;
    let trade = |aggressor| TradeEvent {
        trade_id: 12345,
        price: Price(25),
        qty: Qty(10_000),
        aggressor,
        maker: None,
    };
    let exch_ts = UnixNanos(1_780_000_000_124_000_000);
    let read = |text: &str| read_trade(text.as_bytes(), &spec()).map_err(|reject| reject.as_str());
    assert_eq!(read(text), Ok((trade(Aggressor::Sell), exch_ts)));
    assert_eq!(read(&text.replace(r#""m":true"#, r#""m":false"#)), Ok((trade(Aggressor::Buy), exch_ts)));
    assert_eq!(read(&text.replace(r#""q":"100""#, r#""q":"0.00""#)), Err("bad_quantity"));
    assert_eq!(read(&text.replace(r#""m":true,"#, "")), Err("missing_field"));
}

#[test]
fn a_quote_with_an_empty_side_is_no_quote() {
    let text = r#"{"u":160,"s":"BNBBTC","b":"0.0024","B":"10","a":"0.0027","A":"40"}"#;
    let read = |text: &str| read_quote(text.as_bytes(), &spec()).map_err(|reject| reject.as_str());
    assert_eq!(read(text), Ok((Level::new(24, 1000), Level::new(27, 4000), 160)));
    let empty = text.replace("0.0027", "0.00000000").replace(r#""40""#, r#""0.00000000""#);
    assert_eq!(read(&empty), Err("one_sided_quote"));
}

#[test]
fn a_snapshot_is_sorted_or_refused() {
    let read = |text: &str| {
        let mut levels = Levels::default();
        read_snapshot(text.as_bytes(), &spec(), &mut levels)
            .map(|id| (id, levels.bids.len(), levels.asks.len()))
            .map_err(|reject| reject.as_str())
    };
    let text =
        r#"{"lastUpdateId":1027024,"bids":[["4.0","431"],["3.9","1"]],"asks":[["4.1","12"],["4.2","1"]]}"#;
    assert_eq!(read(text), Ok((Some(1_027_024), 2, 2)));
    assert_eq!(read(&text.replace("1027024", "-1")), Ok((None, 2, 2)));
    assert_eq!(read(&text.replace("3.9", "4.0")), Err("levels_out_of_order"));
    assert_eq!(read(&text.replace("4.2", "4.05")), Err("levels_out_of_order"));
    assert_eq!(read(r#"{"code":-1121,"msg":"Invalid symbol."}"#), Err("missing_field"));
}
