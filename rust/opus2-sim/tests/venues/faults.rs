//! Every fault that happens is in the log, and what it loses can be found by the venue's own means.

use std::collections::BTreeMap;

use opus2_sim::SimConfig;
use opus2_types::Venue as VenueName;
use serde_json::{Value, json};

use crate::kraken::{connect, next_text};
use crate::venue::{Seen, Venue, with_rules};

async fn log(venue: &Venue, from: u64) -> Vec<Value> {
    let lines = venue.get(&format!("/sim/faults?from={from}")).await.text().await.unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn config(faults: &str) -> SimConfig {
    SimConfig {
        venues: vec![VenueName::Coinbase],
        instruments: 2,
        messages_per_sec: 400.0,
        faults: faults.parse().unwrap(),
        ..with_rules(opus2_sim::VenueRules::default())
    }
}

#[tokio::test]
async fn the_log_has_every_lost_message_and_no_other() {
    let folder = std::env::temp_dir().join(format!("opus2-sim-faults-{}", std::process::id()));
    let faults = "seed=5; drop 0.05; duplicate 0.05; truncate 0.02; garbage 0.02; reorder 0.05";
    let venue = Venue::start(SimConfig { fault_log: Some(folder.clone()), ..config(faults) }).await;
    let mut client = venue.connect("/").await;
    client.send(r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["matches"]}"#).await;
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    let (mut garbled, mut first) = (0, None);
    while counts.len() < 600 {
        let Seen::Text(text) = client.next().await else { continue };
        let Ok(message) = serde_json::from_str::<Value>(&text) else {
            garbled += 1;
            continue;
        };
        if message["type"] == "match" {
            let id = message["trade_id"].as_u64().unwrap();
            first.get_or_insert(id);
            *counts.entry(id).or_default() += 1;
        }
    }
    let (first, last) = (first.unwrap(), *counts.last_key_value().unwrap().0);
    let entries = log(&venue, 1).await;
    assert_eq!(entries[0]["number"], 1);
    // A message that is late may be the very last; those near the end are left out.
    let of = |kinds: &[&str]| -> Vec<u64> {
        let is_wanted = |entry: &&Value| kinds.contains(&entry["kind"].as_str().unwrap());
        let ids = entries.iter().filter(is_wanted).map(|entry| entry["sequence"][0].as_u64().unwrap());
        ids.filter(|id| (first..last - 5).contains(id)).collect()
    };
    let missing: Vec<u64> = (first..last - 5).filter(|id| !counts.contains_key(id)).collect();
    assert_eq!(missing, of(&["drop", "truncate", "garbage"]));
    assert!(entries.iter().all(|entry| {
        entry["loses"] == ["drop", "truncate", "garbage"].contains(&entry["kind"].as_str().unwrap())
    }));
    let twice: Vec<u64> =
        counts.iter().filter(|(id, count)| **count == 2 && **id < last - 5).map(|(id, _)| *id).collect();
    assert_eq!(twice, of(&["duplicate"]));
    assert!(garbled > 5 && !of(&["reorder"]).is_empty());
    let stats = venue.stop().await;
    let total: u64 = stats.faults.values().sum();
    let lines = std::fs::read_to_string(&folder).unwrap();
    assert_eq!(lines.lines().count() as u64, total, "the file has every fault");
    std::fs::remove_file(folder).unwrap();
}

#[tokio::test]
async fn a_wrong_checksum_and_a_crossed_book_are_told_on_request() {
    let venue = Venue::start(SimConfig { venues: vec![VenueName::Kraken], ..config("") }).await;
    let mut client = connect(&venue).await;
    let params = json!({ "channel": "book", "symbol": ["BTC/USD"], "depth": 10 });
    client.send(&json!({ "method": "subscribe", "params": params }).to_string()).await;
    let mut book = crate::kraken::Book::default();
    let mut heard = 0;
    while heard < 20 {
        let text = next_text(&mut client).await;
        if text.contains("checksum") {
            book.hear(&text, 10);
            heard += 1;
        }
    }
    for kind in ["wrong_checksum", "crossed_book"] {
        let fault = json!({ "kind": kind, "venue": "kraken", "symbol": "BTC/USD" });
        assert_eq!(venue.post("/sim/fault", &fault.to_string()).await.0, 200);
        let before = book.clone();
        let wrong = loop {
            let text = next_text(&mut client).await;
            if !text.contains("checksum") {
                continue;
            }
            let mut next = book.clone();
            let heard = std::panic::AssertUnwindSafe(|| next.hear(&text, 10));
            if std::panic::catch_unwind(heard).is_err() {
                break text;
            }
            book = next;
        };
        assert!(wrong.contains("checksum"));
        drop(before);
        // Only that message was wrong; a fresh snapshot is right again.
        for method in ["unsubscribe", "subscribe"] {
            let params = json!({ "channel": "book", "symbol": ["BTC/USD"], "depth": 10 });
            client.send(&json!({ "method": method, "params": params }).to_string()).await;
        }
        loop {
            let text = next_text(&mut client).await;
            if text.contains(r#""type":"snapshot""#) {
                book.hear(&text, 10);
                break;
            }
        }
    }
    let kinds: Vec<Value> = log(&venue, 0).await.into_iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds, ["wrong_checksum", "crossed_book"]);
}

#[tokio::test]
async fn a_frozen_instrument_is_silent_while_the_connection_lives() {
    let venue = Venue::start(config("")).await;
    let mut client = venue.connect("/").await;
    let channels = r#"["level2_batch","heartbeat"]"#;
    let products = r#"["BTC-USD","ETH-USD"]"#;
    client.send(&format!(r#"{{"type":"subscribe","product_ids":{products},"channels":{channels}}}"#)).await;
    client.next_json().await;
    let fault = json!({ "kind": "freeze", "symbol": "BTC-USD", "millis": 60_000 });
    assert_eq!(venue.post("/sim/fault", &fault.to_string()).await.0, 200);
    while log(&venue, 0).await.is_empty() {
        client.next_json().await;
    }
    let mut heard: BTreeMap<String, u32> = BTreeMap::new();
    // What was queued before may still come; after a heartbeat nothing does.
    while heard.get("heartbeat BTC-USD").is_none_or(|beats| *beats < 2) {
        let message = client.next_json().await;
        let key =
            format!("{} {}", message["type"].as_str().unwrap(), message["product_id"].as_str().unwrap());
        *heard.entry(key).or_default() += 1;
        if heard.len() == 1 && heard.contains_key("heartbeat BTC-USD") {
            heard.remove("l2update BTC-USD");
        }
    }
    assert!(heard.contains_key("l2update ETH-USD"), "{heard:?}");
    let entries = log(&venue, 0).await;
    assert_eq!(entries.len(), 1);
    assert_eq!((&entries[0]["kind"], &entries[0]["loses"]), (&"freeze".into(), &true.into()));
}

#[tokio::test]
async fn the_truth_of_an_earlier_number_can_be_asked() {
    let venue = Venue::start(config("")).await;
    let mut client = venue.connect("/").await;
    client.send(r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}"#).await;
    client.next_json().await;
    venue.pause().await;
    let earlier = venue.truth("BTC-USD").await;
    venue.resume().await;
    for _ in 0..20 {
        client.next_json().await;
    }
    let sequence = earlier["lastUpdateId"].as_u64().unwrap();
    let again = venue.get_json(&format!("/sim/truth?symbol=BTC-USD&sequence={sequence}")).await;
    assert_eq!((&again["bids"], &again["asks"]), (&earlier["bids"], &earlier["asks"]));
    let now = venue.truth("BTC-USD").await;
    assert_ne!(now["lastUpdateId"], earlier["lastUpdateId"]);
    assert!(now["bids"] != earlier["bids"] || now["asks"] != earlier["asks"]);
}

#[tokio::test]
async fn a_refused_snapshot_is_an_answer_of_the_server() {
    let venue =
        Venue::start(SimConfig { venues: VenueName::ALL.to_vec(), instruments: 3, ..config("") }).await;
    let refused = r#"{"kind":"refuse_snapshot","count":3}"#;
    assert_eq!(venue.post("/sim/fault", refused).await.0, 200);
    // Other requests are not snapshots.
    assert_eq!(venue.get("/api/v3/ping").await.status(), 200);
    assert_eq!(venue.get("/api/v3/depth?symbol=BTCUSDT").await.status(), 503);
    assert_eq!(venue.get("/products/BTC-USD/book?level=3").await.status(), 503);
    assert_eq!(venue.get_json("/0/public/Depth?pair=XBTUSD").await["error"], json!(["EService:Unavailable"]));
    assert_eq!(venue.post("/sim/fault", r#"{"kind":"banned","venue":"binance"}"#).await.0, 200);
    let banned = venue.get("/api/v3/ping").await;
    assert_eq!((banned.status().as_u16(), banned.headers()["retry-after"].to_str().unwrap()), (418, "1"));
    assert_eq!(log(&venue, 0).await.len(), 4);
}
