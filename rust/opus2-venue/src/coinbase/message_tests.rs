//! What each message of the venue means, and what is refused.

use opus2_types::{Order, OrderId, SeqRange, SpecOrigin, Venue};

use super::advanced::{
    AdvancedFrame, AdvancedKind, classify_advanced, read_advanced_levels, read_advanced_trades,
};
use super::message::*;
use super::order::{OrderEvent, OrderMessage, Schema, read_full, read_order_snapshot};
use crate::feed::Levels;
use crate::{Feed, Reject};
use opus2_types::{
    Aggressor, Channel, FeedKind, InstrumentSpec, Level, Price, Qty, Side, TradeEvent, UnixNanos,
};
use proptest::prelude::*;

fn spec(feed: FeedKind) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Coinbase,
        symbol: "A-USD".into(),
        base: "A".into(),
        quote: "USD".into(),
        price_scale: 2,
        qty_scale: 2,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed,
    }
}

const ID: &str = "60de12d8-f80b-4848-adbc-2b17375a9216";
const ORDER_ID: OrderId = OrderId(0x60de_12d8_f80b_4848_adbc_2b17_375a_9216);

#[track_caller]
fn check_frame(text: &str, expect: Result<Frame<'_>, &str>) {
    assert_eq!(classify(text.as_bytes()).map_err(|reject| reject.as_str()), expect, "{text}");
}

#[test]
fn exchange_frames_say_whose_they_are() {
    let instrument = |symbol, kind| Ok(Frame::Instrument { symbol, kind });
    check_frame(r#"{"type":"l2update","product_id":"A-USD","changes":"#, instrument("A-USD", Kind::Levels));
    check_frame(
        r#" {"product_id":"币-USD","x":[{}],"type":"snapshot"}"#,
        instrument("币-USD", Kind::Snapshot),
    );
    check_frame(r#"{"type":"match","product_id":"A-USD"}"#, instrument("A-USD", Kind::Match));
    check_frame(r#"{"type":"last_match","product_id":"A-USD"}"#, instrument("A-USD", Kind::LastMatch));
    check_frame(r#"{"type":"done","product_id":"A-USD"}"#, instrument("A-USD", Kind::Order));
    check_frame(r#"{"type":"heartbeat","product_id":"A-USD"}"#, instrument("A-USD", Kind::Heartbeat));
    check_frame(r#"{"type":"ticker","product_id":"A-USD"}"#, instrument("A-USD", Kind::Other));
    check_frame(r#"{"type":"invented later","product_id":"A-USD"}"#, instrument("A-USD", Kind::Other));
    check_frame(r#" [ "open","A-USD","57560479456"]"#, instrument("A-USD", Kind::Order));
    let control = |control| Ok(Frame::Control(control));
    check_frame(r#"{"type":"subscriptions","channels":[]}"#, control(Control::Subscriptions));
    check_frame(r#"{"type":"status","products":[],"currencies":[]}"#, control(Control::Other));
    check_frame(
        r#"{"type":"error","message":"Failed to subscribe","reason":"A-USD is not a valid product"}"#,
        control(Control::Error { message: "Failed to subscribe", reason: "A-USD is not a valid product" }),
    );
    check_frame(r#"{"message":"x","type":"error"}"#, control(Control::Error { message: "x", reason: "" }));
    check_frame(r#"{"type":"level3","schema":{}}"#, Ok(Frame::Schema));
}

#[test]
fn frames_of_no_known_form_are_refused() {
    for (text, reason) in [
        ("", "bad_json"),
        ("[]", "bad_json"),
        ("[1]", "bad_json"),
        ("{", "bad_json"),
        ("{}", "missing_field"),
        (r#"{"a":1}"#, "missing_field"),
        (r#"{"product_id":"A-USD"}"#, "missing_field"),
        (r#"{"type":"error"}x"#, "bad_json"),
        (r#"{"type":7,"product_id":"A-USD"}"#, "bad_json"),
    ] {
        check_frame(text, Err(reason));
    }
    assert_eq!(classify(b"{\"type\":\"\xff\"}").unwrap_err(), Reject::NotUtf8);
    assert_eq!(classify(&vec![b' '; FRAME_BYTES_MAX + 1]).unwrap_err().as_str(), "oversize");
    let nested = format!("{{\"x\":{}{}}}", "[".repeat(500), "]".repeat(500));
    check_frame(&nested, Err("bad_json"));
}

#[test]
fn what_a_match_is_depends_on_the_feed() {
    for (kind, level2, full) in [
        (Kind::Snapshot, Channel::Snapshot, Channel::Other),
        (Kind::Levels, Channel::Depth, Channel::Other),
        (Kind::Match, Channel::Trade, Channel::Depth),
        (Kind::LastMatch, Channel::Trade, Channel::Trade),
        (Kind::Order, Channel::Other, Channel::Depth),
        (Kind::Heartbeat, Channel::Other, Channel::Other),
        (Kind::Other, Channel::Other, Channel::Other),
    ] {
        assert_eq!(kind.channel(FeedKind::CoinbaseLevel2), level2, "{kind:?}");
        assert_eq!(kind.channel(FeedKind::CoinbaseFull), full, "{kind:?}");
    }
}

const TIME: UnixNanos = UnixNanos(1_795_356_000_123_456_000);

/// Time, levels left out, bids, asks.
type ReadLevels<'a> = (Option<UnixNanos>, u64, &'a [Level], &'a [Level]);

#[track_caller]
fn check_levels(text: &str, expect: Result<ReadLevels<'_>, &str>) {
    let mut levels = Levels::default();
    let read = read_levels(text.as_bytes(), &spec(FeedKind::CoinbaseLevel2), &mut levels);
    let read = read.map(|(time, left_out)| (time, left_out, &levels.bids[..], &levels.asks[..]));
    assert_eq!(read.map_err(|reject| reject.as_str()), expect, "{text}");
}

#[test]
fn levels_come_as_snapshots_and_as_changes() {
    let (bid, ask) = (Level::new(50_209, 50), Level::new(50_210, 0));
    check_levels(
        r#"{"type":"snapshot","product_id":"A-USD","asks":[["502.10","0.00000"]],"bids":[["502.09","0.5",3]]}"#,
        Ok((None, 0, &[bid], &[ask])),
    );
    check_levels(
        r#"{"type":"l2update","product_id":"A-USD","time":"2026-11-22T14:00:00.123456Z","changes":[["sell","502.10","0"],["buy","502.09","0.5"]]}"#,
        Ok((Some(TIME), 0, &[bid], &[ask])),
    );
    for time in [r#""0001-01-01T00:00:00.000000Z""#, r#""1970-01-01T00:00:00Z""#, r#""""#, "null"] {
        let text = format!(r#"{{"product_id":"A-USD","time":{time},"changes":[]}}"#);
        check_levels(&text, Ok((None, 0, &[], &[])));
    }
}

#[test]
fn a_snapshots_levels_without_sense_are_left_out() {
    check_levels(
        r#"{"product_id":"A-USD","bids":[["502.09","NaN"],["502.08","-1.5"],["502.07","1"]],"asks":[]}"#,
        Ok((None, 2, &[Level::new(50_207, 100)], &[])),
    );
}

#[test]
fn bad_levels_are_refused_with_their_reason() {
    let good = r#"{"type":"l2update","product_id":"A-USD","time":"2026-11-22T14:00:00Z","changes":[["buy","502.09","0.5"]]}"#;
    for (from, to, reason) in [
        ("A-USD", "B-USD", "wrong_symbol"),
        (r#""product_id":"A-USD","#, "", "missing_field"),
        (r#","changes":[["buy","502.09","0.5"]]"#, "", "missing_field"),
        ("buy", "bye", "bad_json"),
        ("502.09", "502.091", "number_too_fine"),
        ("502.09", "-502.09", "non_positive_price"),
        ("502.09", "0", "non_positive_price"),
        ("502.09", "1e3", "number_malformed"),
        ("502.09", "99999999999999999999", "number_too_large"),
        (r#""0.5""#, "0.5", "bad_json"),
        ("0.5", "-0.5", "bad_quantity"),
        (r#","0.5""#, "", "bad_json"),
        ("2026-11-22T14", "yesterday", "bad_time"),
        ("]]}", "]]", "bad_json"),
        ("]]}", "]]}}", "bad_json"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        check_levels(&bad, Err(reason));
    }
    check_levels(r#"{"product_id":"A-USD","bids":[]}"#, Err("missing_field"));
    check_levels(r#"{"product_id":"A-USD","asks":[]}"#, Err("missing_field"));
}

#[test]
fn the_makers_side_is_turned_round() {
    let text = |side: &str| {
        format!(
            r#"{{"type":"match","trade_id":20,"maker_order_id":"{ID}","taker_order_id":"x","side":"{side}","size":"0.01","price":"502.10","product_id":"A-USD","sequence":89,"time":"2026-11-22T14:00:00.123456Z"}}"#
        )
    };
    for (side, aggressor) in [("sell", Aggressor::Buy), ("buy", Aggressor::Sell), ("SELL", Aggressor::Buy)] {
        let trade = TradeEvent { trade_id: 20, price: Price(50_210), qty: Qty(1), aggressor, maker: None };
        let read = read_match(text(side).as_bytes(), &spec(FeedKind::CoinbaseLevel2));
        assert_eq!(read, Ok((trade, Some(TIME))));
    }
    for (from, to, reason) in [
        (r#""trade_id":20,"#, "", "missing_field"),
        (r#""side":"sell","#, "", "missing_field"),
        ("0.01", "0", "bad_quantity"),
        ("502.10", "0", "non_positive_price"),
        (":20,", ":-20,", "bad_json"),
    ] {
        let bad = text("sell").replacen(from, to, 1);
        let read = read_match(bad.as_bytes(), &spec(FeedKind::CoinbaseLevel2));
        assert_eq!(read.map_err(|reject| reject.as_str()), Err(reason), "{bad}");
    }
}

#[track_caller]
fn check_order(text: &str, expect: Result<Option<OrderEvent>, &str>) {
    let text = text.replace("ID", ID);
    let read = read_full(text.as_bytes(), &spec(FeedKind::CoinbaseFull));
    let read = read.map(|read| read.map(|(message, _)| message.event));
    assert_eq!(read.map_err(|reject| reject.as_str()), expect, "{text}");
}

#[test]
fn every_message_of_the_full_channel_has_its_effect() {
    let open = OrderEvent::Open(Side::Bid, Order { id: ORDER_ID, price: Price(50_210), qty: Qty(100) });
    let change = |price: Option<i64>, qty| Ok(Some(OrderEvent::Change(ORDER_ID, price.map(Price), Qty(qty))));
    let nothing = Ok(Some(OrderEvent::Nothing));
    for (rest, expect) in [
        (
            r#""type":"received","order_id":"ID","size":"1.34","price":"502.1","side":"buy","order_type":"limit""#,
            nothing,
        ),
        (
            r#""type":"received","order_id":"not one","funds":"3000.234","side":"buy","order_type":"market""#,
            nothing,
        ),
        (
            r#""type":"open","order_id":"ID","price":"502.1","remaining_size":"1.00","side":"buy""#,
            Ok(Some(open)),
        ),
        (
            r#""type":"match","trade_id":90,"maker_order_id":"ID","taker_order_id":"b7","size":"0.25","price":"502.1","side":"buy""#,
            Ok(Some(OrderEvent::Match(ORDER_ID, Qty(25)))),
        ),
        (
            r#""type":"change","reason":"STP","order_id":"ID","side":"buy","old_size":"0.75","new_size":"0.50","price":"502.1""#,
            change(Some(50_210), 50),
        ),
        (
            r#""type":"change","reason":"modify_order","order_id":"ID","side":"buy","old_size":"0.50","new_size":"0.40","old_price":"502.1","new_price":"502.0""#,
            change(Some(50_200), 40),
        ),
        (r#""type":"change","order_id":"ID","side":"buy","new_size":"5.23","price":null"#, change(None, 523)),
        (
            r#""type":"change","order_id":"ID","side":"buy","old_funds":"12.2","new_funds":"3.4","price":null"#,
            nothing,
        ),
        (
            r#""type":"done","price":"502.0","order_id":"ID","reason":"canceled","side":"buy","remaining_size":"0.40""#,
            Ok(Some(OrderEvent::Done(ORDER_ID))),
        ),
        (
            r#""type":"done","order_id":"ID","reason":"filled","side":"sell""#,
            Ok(Some(OrderEvent::Done(ORDER_ID))),
        ),
        (r#""type":"invented later","x":[]"#, nothing),
        (r#""type":"heartbeat","last_trade_id":1"#, Ok(None)),
        (
            r#""type":"open","order_id":"a1","price":"502.1","remaining_size":"1","side":"buy""#,
            Err("bad_order_id"),
        ),
        (
            r#""type":"open","order_id":"ID","price":"502.1","remaining_size":"0","side":"buy""#,
            Err("bad_quantity"),
        ),
        (r#""type":"open","order_id":"ID","price":null,"remaining_size":"1","side":"buy""#, Err("bad_json")),
        (r#""type":"open","order_id":"ID","remaining_size":"1","side":"buy""#, Err("missing_field")),
        (r#""type":"open","order_id":"ID","price":"502.1","side":"buy""#, Err("missing_field")),
        (r#""type":"done""#, Err("missing_field")),
        (r#""type":"match","maker_order_id":"ID","size":"1","price":"1","side":"buy""#, Err("missing_field")),
    ] {
        check_order(
            &format!(r#"{{"product_id":"A-USD","sequence":10,"time":"2026-11-22T14:00:00Z",{rest}}}"#),
            expect,
        );
    }
    check_order(r#"{"type":"done","product_id":"A-USD","order_id":"ID"}"#, Err("missing_field"));
    check_order(
        r#"{"type":"activate","product_id":"A-USD","timestamp":"1483736448.299000","order_id":"ID"}"#,
        Ok(None),
    );
    check_order(r#"{"type":"done","product_id":"B-USD","sequence":1,"order_id":"ID"}"#, Err("wrong_symbol"));
}

#[test]
fn a_schema_may_be_in_any_order_and_must_be_whole() {
    let schema = r#"{"type":"level3","schema":{"change":["type","time","product_id","sequence","order_id","price","size"],
        "done":["type","product_id","sequence","order_id","time"],"noop":["type","product_id","sequence","time"],
        "match":["type","product_id","sequence","maker_order_id","taker_order_id","price","size","time"],
        "open":["type","product_id","new field","sequence","size","price","side","order_id"]}}"#;
    let read = Schema::read(schema.as_bytes()).unwrap();
    let array = format!(r#"["open","A-USD",{{"x":1}},"57560479456","0.02","27268.09","sell","{ID}"]"#);
    let order = Order { id: ORDER_ID, price: Price(2_726_809), qty: Qty(2) };
    let message =
        OrderMessage { sequence: 57_560_479_456, exch_ts: None, event: OrderEvent::Open(Side::Ask, order) };
    let spec = spec(FeedKind::CoinbaseFull);
    assert_eq!(read.read_array(array.as_bytes(), &spec), Ok(message));
    for (from, to, reason) in [
        ("A-USD", "B-USD", "wrong_symbol"),
        ("sell", "seal", "bad_json"),
        ("57560479456", "1.5", "bad_json"),
        (r#""0.02""#, r#""0""#, "bad_quantity"),
        (r#""0.02""#, "null", "missing_field"),
        (ID, "short", "bad_order_id"),
    ] {
        let bad = array.replacen(from, to, 1);
        let refused = read.read_array(bad.as_bytes(), &spec);
        assert_eq!(refused.map_err(|reject| reject.as_str()), Err(reason), "{bad}");
    }
    for (from, to) in [("sequence", "number"), ("\"size\"", "\"amount\""), ("noop", "nothing")] {
        let bad = schema.replace(from, to);
        assert!(Schema::read(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn a_rest_book_is_whole_and_sorted_or_refused() {
    let good = format!(
        r#"{{"sequence":13,"time":"2026-11-22T14:00:00.123456Z","auction_mode":false,"bids":[["2.00","1","{ID}"],["1.00","1","{ID}"]],"asks":[["3","1","{ID}"]]}}"#
    );
    let (mut bids, mut asks) = (Vec::new(), Vec::new());
    let spec = spec(FeedKind::CoinbaseFull);
    let head = read_order_snapshot(good.as_bytes(), &spec, &mut bids, &mut asks).unwrap();
    assert_eq!((head.sequence, head.exch_ts, bids.len(), asks.len()), (13, Some(TIME), 2, 1));
    for (from, to, reason) in [
        (r#""sequence":13,"#, "", "missing_field"),
        (r#""asks""#, r#""ask""#, "missing_field"),
        (r#"["2.00""#, r#"["0.50""#, "levels_out_of_order"),
        (r#""2.00","1""#, r#""2.00","0""#, "bad_quantity"),
        (ID, "x", "bad_order_id"),
        ("]]}", "]]", "bad_json"),
    ] {
        let bad = good.replacen(from, to, 1);
        let refused = read_order_snapshot(bad.as_bytes(), &spec, &mut bids, &mut asks);
        assert_eq!(refused.map_err(|reject| reject.as_str()), Err(reason), "{bad}");
    }
    let error = br#"{"message":"NotFound"}"#;
    assert!(read_order_snapshot(error, &spec, &mut bids, &mut asks).is_err());
}

const ADVANCED: &str = r#"{"channel":"l2_data","client_id":"","timestamp":"2026-11-22T14:00:00.123456Z","sequence_num":7,"events":[
 {"type":"snapshot","product_id":"A-USD","updates":[{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"502.09","new_quantity":"0.5"},{"side":"offer","event_time":"1970-01-01T00:00:00Z","price_level":"502.10","new_quantity":"0.1"}]},
 {"type":"update","product_id":"B-USD","updates":[{"side":"bid","event_time":"x","price_level":"0.000001","new_quantity":"?"}]},
 {"updates":[{"new_quantity":"0","price_level":"502.09","event_time":"1970-01-01T00:00:00Z","side":"bid"}],"product_id":"A-USD","type":"update"}]}"#;

#[test]
fn an_envelope_may_have_events_of_several_products() {
    let mut products = Vec::new();
    let frame = classify_advanced(ADVANCED.as_bytes(), |product| products.push(product));
    assert_eq!(frame, Ok(AdvancedFrame::Message { sequence: 7, kind: AdvancedKind::Levels }));
    assert_eq!(products, ["A-USD", "B-USD", "A-USD"]);
    let mut levels = Levels::default();
    let read =
        read_advanced_levels(ADVANCED.as_bytes(), &spec(FeedKind::CoinbaseAdvanced), &mut levels).unwrap();
    assert!(read.is_snapshot && read.is_ours && read.exch_ts == Some(TIME) && read.sequence == 7);
    assert_eq!(levels.bids, [Level::new(50_209, 50), Level::new(50_209, 0)]);
    assert_eq!(levels.asks, [Level::new(50_210, 10)]);
}

#[test]
fn bad_envelopes_are_refused_with_their_reason() {
    for (from, to, reason) in [
        (r#""sequence_num":7,"#, "", "missing_field"),
        (r#""type":"snapshot","#, "", "missing_field"),
        (r#""product_id":"A-USD","updates""#, r#""updates""#, "missing_field"),
        ("502.09", "502.091", "number_too_fine"),
        ("502.09", "0", "non_positive_price"),
        ("bid", "left", "bad_json"),
        (r#""price_level":"502.09","#, "", "missing_field"),
        (r#""timestamp":"2026"#, r#""timestamp":"x"#, "bad_time"),
    ] {
        let bad = ADVANCED.replacen(from, to, 1);
        let mut levels = Levels::default();
        let read = read_advanced_levels(bad.as_bytes(), &spec(FeedKind::CoinbaseAdvanced), &mut levels);
        assert_eq!(read.map_err(|reject| reject.as_str()), Err(reason), "{bad}");
    }
    for (text, reason) in [("", "bad_json"), ("{}", "missing_field"), (r#"{"channel":"x"}"#, "missing_field")]
    {
        assert_eq!(classify_advanced(text.as_bytes(), |_| {}).map_err(|reject| reject.as_str()), Err(reason));
    }
    let error = classify_advanced(br#"{"type":"error","message":"too many"}"#, |_| {});
    assert_eq!(error, Ok(AdvancedFrame::Error { message: "too many" }));
}

#[test]
fn trades_of_an_envelope_come_oldest_first_and_without_those_of_others() {
    let text = br#"{"channel":"market_trades","timestamp":"2026-11-22T14:00:00Z","sequence_num":1,"events":[{"type":"snapshot","trades":[
        {"trade_id":"22","product_id":"A-USD","price":"502.10","size":"0.01","side":"SELL","time":"2026-11-22T14:00:00.123456Z"},
        {"trade_id":"x","product_id":"B-USD","price":"x","size":"x","side":"x","time":"x"},
        {"trade_id":"21","product_id":"A-USD","price":"502.10","size":"0.01","side":"BUY","time":"1970-01-01T00:00:00Z"}]}]}"#;
    let mut trades = Vec::new();
    read_advanced_trades(text, &spec(FeedKind::CoinbaseAdvanced), &mut trades).unwrap();
    let seen: Vec<_> = trades
        .iter()
        .map(|trade| (trade.event.trade_id, trade.event.aggressor, trade.exch_ts, trade.is_of_the_past))
        .collect();
    assert_eq!(seen, [(21, Aggressor::Sell, None, true), (22, Aggressor::Buy, Some(TIME), true)]);
}

/// Pieces of messages put together at random: nearer to what could go wrong than random bytes.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "-1",
        "1e9",
        "\"A-USD\"",
        "\"type\":",
        "\"product_id\":",
        "\"open\"",
        "\"match\"",
        "\"sequence\":",
        "1",
        "\"time\":",
        "\"2026-11-22T14:00:00Z\"",
        "\"order_id\":",
        "\"60de12d8-f80b-4848-adbc-2b17375a9216\"",
        "\"price\":\"1.5\"",
        "\"remaining_size\":\"1\"",
        "\"side\":\"buy\"",
        "\"changes\":[[\"buy\",\"1\",\"1\"]]",
        "\"events\":[",
        "\"updates\":[",
        "\"channel\":\"l2_data\"",
        "\"bids\":[[\"1\",\"1\",",
        "\"asks\":[]",
        "\\",
        "\u{e9}",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

fn survive(bytes: &[u8]) {
    classify(bytes).ok();
    classify_advanced(bytes, |_| {}).ok();
    Schema::read(bytes).ok();
    for feed in [FeedKind::CoinbaseLevel2, FeedKind::CoinbaseFull, FeedKind::CoinbaseAdvanced] {
        let mut feed = Feed::new(spec(feed));
        feed.connected();
        let rest = br#"{"sequence":0,"bids":[],"asks":[]}"#;
        feed.apply(Channel::Snapshot, rest, UnixNanos(1));
        for channel in Channel::ALL {
            let applied = feed.apply(channel, bytes, UnixNanos(2));
            assert!(applied.seq.first <= applied.seq.last || applied.seq == SeqRange::default());
        }
        let state = feed.to_state();
        assert_eq!(Feed::from_state(state.clone()).map(|feed| feed.to_state()), Some(state));
    }
}

proptest! {
    #[test]
    fn no_bytes_do_more_than_be_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        survive(&bytes);
    }

    #[test]
    fn no_pieces_of_messages_do_more_than_be_refused(bytes in pieces()) {
        survive(&bytes);
    }
}
