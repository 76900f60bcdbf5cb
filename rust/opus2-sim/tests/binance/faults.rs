//! Things that go wrong on purpose, as a client sees them.

use std::time::Duration;

use opus2_sim::VenueRules;
use serde_json::json;

use crate::book::Applied;
use crate::book::Book;
use crate::venue::{Seen, Venue, busy};

async fn venue_and_client(stream: &str) -> (Venue, crate::venue::Client) {
    let mut config = busy();
    config.rules = VenueRules { shutdown_notice: Duration::from_millis(50), ..config.rules };
    let venue = Venue::start(config).await;
    let client = venue.connect(&format!("/ws/{stream}")).await;
    (venue, client)
}

async fn request(venue: &Venue, fault: serde_json::Value) -> serde_json::Value {
    let (status, body) = venue.post("/sim/fault", &fault.to_string()).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn a_dropped_batch_is_a_gap() {
    let (venue, mut client) = venue_and_client("btcusdt@depth@100ms").await;
    client.next_json().await;
    let mut book = Book::from_snapshot(&venue.get_json("/api/v3/depth?symbol=BTCUSDT&limit=5000").await);
    let done = request(&venue, json!({ "kind": "drop", "symbol": "BTCUSDT", "stream": "depth@100ms" })).await;
    assert_eq!(done, json!({ "waiting": true }));
    while book.apply(&client.next_json().await) != Applied::Gap {}
    assert_eq!(venue.stats().await["faults"], json!({ "drop": 1 }));
}

#[tokio::test]
async fn a_duplicate_comes_twice_and_counts_twice() {
    let (venue, mut client) = venue_and_client("btcusdt@trade").await;
    request(&venue, json!({ "kind": "duplicate", "symbol": "BTCUSDT" })).await;
    let mut before = client.next_json().await;
    let mut received = 1;
    loop {
        let next = client.next_json().await;
        received += 1;
        if next == before {
            break;
        }
        before = next;
    }
    venue.pause().await;
    let stats = venue.stats().await;
    let published = stats["instruments"][0]["published"]["trade"].as_u64().unwrap();
    let sent = stats["connections"][0]["sent"].as_u64().unwrap();
    while received < sent {
        client.next_json().await;
        received += 1;
    }
    // Trades from before the connection were published to nobody.
    assert!(sent <= published + 1);
    assert_eq!(stats["faults"], json!({ "duplicate": 1 }));
}

#[tokio::test]
async fn garbage_is_not_json() {
    let (venue, mut client) = venue_and_client("btcusdt@trade").await;
    request(&venue, json!({ "kind": "garbage", "count": 2 })).await;
    let mut garbage = 0;
    while garbage < 2 {
        let Seen::Text(text) = client.next().await else { panic!("no text") };
        garbage += u32::from(serde_json::from_str::<serde_json::Value>(&text).is_err());
    }
    client.next_json().await;
}

#[tokio::test]
async fn connections_of_a_symbol_end_with_and_without_notice() {
    let (venue, mut client) = venue_and_client("btcusdt@trade").await;
    let mut other = venue.connect("/ws/ethusdt@trade").await;
    client.next_json().await;
    other.next_json().await;
    let done = request(&venue, json!({ "kind": "disconnect", "symbol": "BTCUSDT" })).await;
    assert_eq!(done, json!({ "waiting": false, "connections": 1 }));
    assert_eq!(client.end().await, Seen::End);
    other.next_json().await;

    let done = request(&venue, json!({ "kind": "server_shutdown" })).await;
    assert_eq!(done["connections"], 1);
    while other.next_json().await["e"] != "serverShutdown" {}
    assert_eq!(other.end().await, Seen::Close(1001));
}

#[tokio::test]
async fn a_stalled_connection_is_silent_and_then_catches_up() {
    let (venue, mut client) = venue_and_client("btcusdt@trade").await;
    let before = client.next_json().await;
    request(&venue, json!({ "kind": "stall", "millis": 300 })).await;
    let mut id = before["t"].as_u64().unwrap();
    let mut late_micros_max = 0;
    while late_micros_max < 200_000 {
        let frame = client.next_json().await;
        assert_eq!(frame["t"].as_u64().unwrap(), id + 1, "nothing is lost");
        id += 1;
        let sent = frame["E"].as_i64().unwrap() * 1000;
        let now = venue.get_json("/api/v3/time").await["serverTime"].as_i64().unwrap() * 1000;
        late_micros_max = late_micros_max.max(now - sent);
    }
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused_with_a_reason() {
    let (venue, _client) = venue_and_client("btcusdt@trade").await;
    for (body, reason) in [
        (r#"{"kind":"flood"}"#, "unknown variant `flood`"),
        (r#"{"kind":"drop","symbol":"NOSUCH"}"#, "unknown symbol"),
        (r#"{"kind":"drop","count":0}"#, "count is 0"),
        (r#"{"kind":"drop","colour":"red"}"#, "unknown field"),
        ("drop", "parse"),
    ] {
        let (status, answer) = venue.post("/sim/fault", body).await;
        assert_eq!(status, 400, "{body}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(reason), "{body}: {error}");
    }
}
