//! SUBSCRIBE and its relatives, stream limits, time units, forms.

use opus2_sim::VenueRules;
use serde_json::{Value, json};

use crate::venue::{Seen, Venue, busy, with_rules};

#[tokio::test]
async fn subscriptions_are_made_listed_and_ended() {
    let venue = Venue::start(busy()).await;
    let mut client = venue.connect("/stream").await;
    let subscribe =
        r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","ethusdt@bookTicker","nosuch@trade"],"id":1}"#;
    assert_eq!(client.call(subscribe).await, json!({ "result": null, "id": 1 }));
    let list = r#"{"method":"LIST_SUBSCRIPTIONS","id":"abc"}"#;
    let names = json!(["btcusdt@trade", "ethusdt@bookTicker", "nosuch@trade"]);
    assert_eq!(client.call(list).await, json!({ "result": names, "id": "abc" }));
    let unsubscribe = r#"{"method":"UNSUBSCRIBE","params":["ethusdt@bookTicker"],"id":null}"#;
    assert_eq!(client.call(unsubscribe).await, json!({ "result": null, "id": null }));
    for _ in 0..10 {
        assert_eq!(client.next_json().await["stream"], "btcusdt@trade");
    }
}

#[tokio::test]
async fn wrong_requests_get_the_documented_errors_and_the_connection_lives() {
    let venue = Venue::start(busy()).await;
    let mut client = venue.connect("/ws").await;
    let cases = [
        ("{", 3, false),
        (r#"{"method":"SUBSCRIPE","params":["btcusdt@trade"],"id":2}"#, 2, true),
        (r#"{"method":"SET_PROPERTY","params":["combined",7],"id":3}"#, 1, true),
        (r#"{"method":"GET_PROPERTY","params":["colour"],"id":4}"#, 0, true),
    ];
    for (request, code, has_id) in cases {
        let reply = client.call(request).await;
        assert_eq!(reply["code"], code, "{request}");
        assert_eq!(reply.get("id").is_some(), has_id, "{request}: {reply}");
    }
    let list = client.call(r#"{"method":"LIST_SUBSCRIPTIONS","id":5}"#).await;
    assert_eq!(list, json!({ "result": [], "id": 5 }));
}

#[tokio::test]
async fn a_connection_listens_to_at_most_1024_streams() {
    let venue = Venue::start(busy()).await;
    let names = |range: std::ops::Range<u32>| range.map(|n| format!("x{n}@trade")).collect::<Vec<_>>();
    let subscribe =
        |names: Vec<String>, id: u32| json!({ "method": "SUBSCRIBE", "params": names, "id": id }).to_string();
    let mut client = venue.connect(&format!("/stream?streams={}", names(0..1000).join("/"))).await;
    assert_eq!(client.call(&subscribe(names(990..1024), 1)).await["result"], Value::Null);
    let refused = client.call(&subscribe(names(1023..1025), 2)).await;
    assert_eq!(refused, json!({ "error": { "code": 4, "msg": "Too many subscriptions" }, "id": 2 }));
    let list = client.call(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#).await;
    assert_eq!(list["result"].as_array().unwrap().len(), 1024);
    assert!(venue.try_connect(&format!("/stream?streams={}", names(0..1025).join("/"))).await.is_err());
}

#[tokio::test]
async fn times_have_the_unit_that_was_asked_for() {
    let venue = Venue::start(busy()).await;
    let cases = [
        ("", 13),
        ("&timeUnit=MILLISECOND", 13),
        ("&timeUnit=MICROSECOND", 16),
        ("&timeUnit=microsecond", 16),
    ];
    for (option, digits) in cases {
        let mut client = venue.connect(&format!("/stream?streams=btcusdt@trade{option}")).await;
        let frame = client.next_json().await;
        for field in ["E", "T"] {
            assert_eq!(frame["data"][field].to_string().len(), digits, "{option} {frame}");
        }
    }
    assert!(venue.try_connect("/stream?streams=btcusdt@trade&timeUnit=SECOND").await.is_err());
}

#[tokio::test]
async fn raw_and_combined_forms_differ_in_the_wrapper_only() {
    let venue = Venue::start(busy()).await;
    let mut raw = venue.connect("/ws/btcusdt@depth@100ms/ethusdt@depth@100ms").await;
    assert_eq!(raw.next_json().await["e"], "depthUpdate");
    let get = r#"{"method":"GET_PROPERTY","params":["combined"],"id":1}"#;
    assert_eq!(raw.call(get).await, json!({ "result": false, "id": 1 }));
    let set = r#"{"method":"SET_PROPERTY","params":["combined",true],"id":2}"#;
    assert_eq!(raw.call(set).await, json!({ "result": null, "id": 2 }));
    let wrapped = raw.next_json().await;
    assert_eq!(wrapped["data"]["e"], "depthUpdate");
    // An address may be percent-encoded.
    let mut encoded = venue.connect("/stream?streams=btcusdt%40trade%2Fethusdt%40trade").await;
    assert_eq!(encoded.next_json().await["data"]["e"], "trade");
}

#[tokio::test]
async fn too_many_messages_in_a_second_end_the_connection() {
    let venue = Venue::start(with_rules(VenueRules::default())).await;
    let mut client = venue.connect("/ws").await;
    for id in 1..=6 {
        client.send(&format!(r#"{{"method":"LIST_SUBSCRIPTIONS","id":{id}}}"#)).await;
    }
    assert_eq!(client.end().await, Seen::Close(1008));
}
