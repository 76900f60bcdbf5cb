//! What frames are taken for.

use super::*;

#[track_caller]
fn check(frame: &str, expect: &str) {
    let found = match classify(frame.as_bytes()) {
        Ok(Frame::Instrument { symbol, channel, book }) => match book {
            Some(book) => format!("{symbol} {channel} {book:?}"),
            None => format!("{symbol} {channel}"),
        },
        Ok(Frame::Pairs) => "pairs".to_owned(),
        Ok(Frame::Control(Control::Ack(ack))) => {
            let done = if ack.is_success { "done" } else { "refused" };
            let what = if ack.is_subscribe { "subscribe" } else { "unsubscribe" };
            format!(
                "{what} {} {} {:?} {done} {} {:?}",
                ack.channel.unwrap_or("-"),
                ack.symbol.unwrap_or("-"),
                ack.depth,
                ack.error.unwrap_or("-"),
                ack.request
            )
        }
        Ok(Frame::Control(control)) => format!("{control:?}"),
        Err(reject) => format!("{} {reject}", reject.as_str()),
    };
    assert_eq!(found, expect, "{frame}");
}

#[test]
fn books_are_found_with_their_symbol_in_any_order_of_keys() {
    for (frame, expect) in [
        (
            r#"{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[]"#,
            "BTC/USD depth Levels",
        ),
        (
            r#"{"channel":"book","type":"snapshot","data":[{"symbol":"AAPLx/USD","bids":[]"#,
            "AAPLx/USD snapshot Levels",
        ),
        (
            r#"{ "data" : [ { "bids":[{"price":1}], "symbol" : "A/B" } ], "type":"update", "channel":"book" }"#,
            "A/B depth Levels",
        ),
        (r#"{"channel":"level3","type":"snapshot","data":[{"symbol":"A/B"}]}"#, "A/B snapshot Orders"),
        (r#"{"channel":"level3","type":"update","data":[{"symbol":"A/B"}]}"#, "A/B depth Orders"),
        (r#"{"channel":"trade","type":"update","data":[{"symbol":"A/B"},{"symbol":"A/B"}]}"#, "A/B trade"),
        (r#"{"channel":"trade","type":"snapshot","data":[{"symbol":"A/B"}]}"#, "A/B other"),
        (r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"A/B"}]}"#, "A/B quote"),
        (r#"{"channel":"ohlc","type":"update","data":[{"symbol":"A/B"}]}"#, "A/B other"),
        (r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[]}}"#, "pairs"),
    ] {
        check(frame, expect);
    }
}

#[test]
fn what_is_said_about_the_connection_is_told_apart() {
    for (frame, expect) in [
        (r#"{"channel":"heartbeat"}"#, "Heartbeat"),
        (r#"{"channel":"heartbeat"} "#, "Heartbeat"),
        (r#"{"method":"pong","time_in":"x","time_out":"y","req_id":101}"#, "Pong"),
        (
            r#"{"channel":"status","type":"update","data":[{"system":"online","connection_id":13834774380200032777}]}"#,
            r#"Status { system: "online" }"#,
        ),
        (
            r#"{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"BTC/USD","warnings":[]},"success":true,"req_id":7}"#,
            "subscribe book BTC/USD Some(10) done - Some(7)",
        ),
        (
            r#"{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"BTC/USD"},"success":true}"#,
            "unsubscribe book BTC/USD Some(10) done - None",
        ),
        (
            r#"{"method":"subscribe","success":false,"error":"Currency pair not supported FOO/USD","symbol":"FOO/USD","req_id":1}"#,
            "subscribe - FOO/USD None refused Currency pair not supported FOO/USD Some(1)",
        ),
        (
            r#"{"error":"Exceeded msg rate","method":"subscribe","success":false}"#,
            "subscribe - - None refused Exceeded msg rate None",
        ),
        (r#"{"error":"Unsupported event","success":false}"#, r#"Error { message: "Unsupported event" }"#),
        (
            r#"{"event":"systemStatus","status":"online","connectionID":17843232920108168701}"#,
            r#"Status { system: "online" }"#,
        ),
        (r#"{"event":"heartbeat"}"#, "Heartbeat"),
        (r#"{"event":"pong","reqid":1}"#, "Pong"),
        (
            r#"{"channelID":1664,"channelName":"book-1000","event":"subscriptionStatus","pair":"XBT/EUR","status":"subscribed","subscription":{"depth":1000,"name":"book"}}"#,
            "subscribe book XBT/EUR Some(1000) done - None",
        ),
        (
            r#"{"errorMessage":"Currency pair not supported","event":"subscriptionStatus","pair":"FOO/EUR","status":"error","subscription":{"name":"book"},"reqid":5}"#,
            "subscribe book FOO/EUR None refused Currency pair not supported Some(5)",
        ),
    ] {
        check(frame, expect);
    }
}

#[test]
fn arrays_are_messages_of_v1() {
    for (frame, expect) in [
        (r#"[1,{"as":[],"bs":[]},"book-1000","XBT/USD"]"#, "XBT/USD snapshot V1 { depth: 1000 }"),
        (r#"[1,{"a":[],"c":"1"},"book-10","XBT/USD"]"#, "XBT/USD depth V1 { depth: 10 }"),
        (r#"[1,{"a":[]},{"b":[],"c":"1"},"book-10","XBT/USD"]"#, "XBT/USD depth V1 { depth: 10 }"),
        (r#"[1,[["1","2","3","b","l",""]],"trade","XBT/USD"]"#, "XBT/USD trade"),
        (r#"[1,["1","2","3","4","5"],"spread","XBT/USD"]"#, "XBT/USD quote"),
        (r#"[1,{"a":["1",1,"1"]},"ticker","XBT/USD"]"#, "XBT/USD quote"),
        (r#"[1,["1","2"],"ohlc-5","XBT/USD"]"#, "XBT/USD other"),
        (r#"[1,{},"book-","XBT/USD"]"#, r#"missing_field field "channelName" is missing"#),
        (r#"[1,{},"book-10"]"#, r#"missing_field field "channelName" is missing"#),
        ("[]", r#"missing_field field "channelName" is missing"#),
    ] {
        check(frame, expect);
    }
}

#[test]
fn what_is_no_message_is_refused() {
    for (frame, expect) in [
        ("", "bad_json not valid JSON at byte 0"),
        ("17", "bad_json not valid JSON at byte 0"),
        ("{}", r#"missing_field field "channel, method or event" is missing"#),
        (r#"{"channel":"book","type":"update","data":[]}"#, r#"missing_field field "symbol" is missing"#),
        (r#"{"channel":"status","data":[{}]}"#, r#"missing_field field "system" is missing"#),
        (r#"{"channel":"heartbeat"}x"#, "bad_json not valid JSON at byte 23"),
        (r#"{"channel":"trade","data":[{"symbol":"A/B"}"#, "bad_json not valid JSON at byte 43"),
        (r#"{"method":"place_order"}"#, r#"missing_field field "channel, method or event" is missing"#),
    ] {
        check(frame, expect);
    }
    assert_eq!(classify(b"{\"channel\":\"\xff\"}"), Err(Reject::NotUtf8));
    let long = vec![b' '; FRAME_BYTES_MAX + 1];
    assert!(matches!(classify(&long), Err(Reject::Oversize { .. })));
}
