//! The Advanced Trade feed.

use std::collections::BTreeMap;

use opus2_sim::SimConfig;
use serde_json::{Value, json};

use crate::coinbase::{config, levels};
use crate::venue::Venue;

/// Checks that no number is missing, and gives the events.
struct Numbered {
    next: u64,
}

impl Numbered {
    fn check<'a>(&mut self, message: &'a Value) -> (&'a str, &'a Value) {
        assert_eq!(message["sequence_num"].as_u64().unwrap(), self.next, "{message}");
        self.next += 1;
        (message["channel"].as_str().unwrap(), &message["events"])
    }
}

#[tokio::test]
async fn every_message_of_a_connection_is_numbered_and_the_levels_lead_to_the_book() {
    let venue = Venue::start(config()).await;
    let mut client = venue.connect("/advanced").await;
    for channel in ["heartbeats", "level2", "market_trades"] {
        let request =
            json!({ "type": "subscribe", "channel": channel, "product_ids": ["BTC-USD", "ETH-USDC"] });
        client.send(&request.to_string()).await;
    }
    let mut numbered = Numbered { next: 0 };
    let mut books: BTreeMap<String, [BTreeMap<String, String>; 2]> = BTreeMap::new();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut hear = |books: &mut BTreeMap<String, [BTreeMap<String, String>; 2]>, message: &Value| {
        let (channel, events) = numbered.check(message);
        for event in events.as_array().unwrap() {
            *seen.entry(channel.to_owned()).or_default() += 1;
            if channel != "l2_data" {
                continue;
            }
            let book = books.entry(event["product_id"].as_str().unwrap().to_owned()).or_default();
            if event["type"] == "snapshot" {
                *book = Default::default();
            }
            for update in event["updates"].as_array().unwrap() {
                let side = &mut book[usize::from(update["side"] == "offer")];
                let text = |name: &str| update[name].as_str().unwrap().to_owned();
                if text("new_quantity").bytes().all(|byte| byte == b'0' || byte == b'.') {
                    side.remove(&text("price_level"));
                } else {
                    side.insert(text("price_level"), text("new_quantity"));
                }
            }
        }
        seen.clone()
    };
    loop {
        let seen = hear(&mut books, &client.next_json().await);
        let has = |channel: &str, count: u32| seen.get(channel).is_some_and(|seen| *seen >= count);
        if has("l2_data", 300) && has("market_trades", 5) && has("heartbeats", 1) {
            assert_eq!(seen["subscriptions"], 3);
            break;
        }
    }
    venue.pause().await;
    let truths = [venue.truth("BTC-USD").await, venue.truth("ETH-USD").await];
    let expect = truths.map(|truth| [levels(&truth["bids"]), levels(&truth["asks"])]);
    loop {
        let got = ["BTC-USD", "ETH-USD"].map(|product| {
            books[product].clone().map(|side| {
                let rows: Vec<Value> = side.iter().map(|(price, size)| json!([price, size])).collect();
                levels(&rows.into())
            })
        });
        if got == expect {
            break;
        }
        hear(&mut books, &client.next_json().await);
    }
}

#[tokio::test]
async fn the_31st_product_is_refused() {
    let venue = Venue::start(SimConfig { instruments: 40, ..config() }).await;
    let listed = venue.get_json("/api/v3/brokerage/market/products").await;
    let products: Vec<&str> = listed["products"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|product| product["alias"] == "")
        .map(|product| product["product_id"].as_str().unwrap())
        .take(31)
        .collect();
    let mut client = venue.connect("/advanced").await;
    let request = json!({ "type": "subscribe", "channel": "level2", "product_ids": products });
    client.send(&request.to_string()).await;
    let mut snapshots = 0;
    loop {
        let message = client.next_json().await;
        if message["type"] == "error" {
            assert_eq!(message["message"], "too many L2 streams requested in a single session");
            break;
        }
        snapshots += u32::from(message["events"][0]["type"] == "snapshot");
    }
    assert_eq!(snapshots, 30);
    let twin =
        listed["products"].as_array().unwrap().iter().find(|product| product["product_id"] == "BTC-USDC");
    assert_eq!(twin.unwrap()["alias"], "BTC-USD");
}
