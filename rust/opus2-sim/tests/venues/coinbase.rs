//! The Exchange feed and its REST interface.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use opus2_sim::{CoinbaseRules, SimConfig};
use opus2_types::Venue as VenueName;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::venue::{Client, Seen, Venue, with_rules};

/// A busy Coinbase alone.
pub(crate) fn config() -> SimConfig {
    SimConfig {
        venues: vec![VenueName::Coinbase],
        instruments: 3,
        messages_per_sec: 600.0,
        ..with_rules(opus2_sim::VenueRules::default())
    }
}

/// A subscribe message, signed with the test credentials as the venue documents.
pub(crate) fn signed(mut message: Value, epoch_secs: i64) -> String {
    let rules = CoinbaseRules::default();
    let timestamp = epoch_secs.to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(&rules.secret).unwrap()).unwrap();
    mac.update(format!("{timestamp}GET/users/self/verify").as_bytes());
    message["key"] = rules.key.into();
    message["passphrase"] = rules.passphrase.into();
    message["signature"] = STANDARD.encode(mac.finalize().into_bytes()).into();
    message["timestamp"] = timestamp.into();
    message.to_string()
}

async fn server_secs(venue: &Venue) -> i64 {
    let time = venue.get_json("/time").await;
    time["epoch"].as_f64().map(|secs| format!("{secs:.0}").parse().unwrap()).unwrap()
}

/// Price and size, as integers of 10^-8.
fn units(text: &Value) -> i128 {
    let text = text.as_str().unwrap();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<8}").parse().unwrap()
}

/// One side of a book, size by price.
type Levels = BTreeMap<i128, i128>;

pub(crate) fn levels(rows: &Value) -> Levels {
    rows.as_array().unwrap().iter().map(|row| (units(&row[0]), units(&row[1]))).collect()
}

#[derive(Debug, Default, PartialEq)]
struct Book {
    bids: Levels,
    asks: Levels,
}

impl Book {
    fn of(value: &Value) -> Self {
        Self { bids: levels(&value["bids"]), asks: levels(&value["asks"]) }
    }

    fn change(&mut self, change: &Value) {
        let side = if change[0] == "buy" { &mut self.bids } else { &mut self.asks };
        match units(&change[2]) {
            0 => side.remove(&units(&change[1])),
            amount => side.insert(units(&change[1]), amount),
        };
    }
}

async fn follow_levels(client: &mut Client, venue: &Venue, product: &str) {
    let mut book = None;
    let mut updates = 0;
    while updates < 20 {
        let message = client.next_json().await;
        match message["type"].as_str().unwrap() {
            "snapshot" => book = Some(Book::of(&message)),
            "l2update" => {
                let book = book.as_mut().expect("a snapshot comes first");
                message["changes"].as_array().unwrap().iter().for_each(|change| book.change(change));
                updates += 1;
            }
            _ => {}
        }
    }
    venue.pause().await;
    let truth = Book::of(&venue.truth(product).await);
    let mut book = book.unwrap();
    while book != truth {
        let message = client.next_json().await;
        if message["type"] == "l2update" {
            message["changes"].as_array().unwrap().iter().for_each(|change| book.change(change));
        }
    }
}

#[tokio::test]
async fn batched_levels_need_no_key_and_lead_to_the_book() {
    let venue = Venue::start(config()).await;
    let mut client = venue.connect("/").await;
    let subscribe = json!({ "type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["level2_batch"] });
    client.send(&subscribe.to_string()).await;
    let reply = client.next_json().await;
    let expect =
        json!({ "type": "subscriptions", "channels": [{ "name": "level2_50", "product_ids": ["BTC-USD"] }] });
    assert_eq!(reply, expect);
    follow_levels(&mut client, &venue, "BTC-USD").await;
}

#[tokio::test]
async fn levels_in_real_time_need_a_signature() {
    let venue = Venue::start(config()).await;
    let mut client = venue.connect("/").await;
    let subscribe =
        json!({ "type": "subscribe", "product_ids": ["ETH-USD"], "channels": ["level2", "heartbeat"] });
    client.send(&subscribe.to_string()).await;
    let refusal = client.next_json().await;
    assert_eq!((&refusal["type"], &refusal["message"]), (&"error".into(), &"Failed to subscribe".into()));
    assert!(refusal["reason"].as_str().unwrap().starts_with("level2, level3, and full channels now require"));
    let now = server_secs(&venue).await;
    client.send(&signed(subscribe.clone(), now - 60)).await;
    assert_eq!(client.next_json().await["message"], "Authentication Failed");
    client.send(&signed(subscribe, now)).await;
    assert_eq!(client.next_json().await["type"], "subscriptions");
    follow_levels(&mut client, &venue, "ETH-USD").await;
}

/// A client's book order by order: the queue of every price, by id and size.
#[derive(Debug, Default, PartialEq)]
struct Orders {
    bids: BTreeMap<i128, Vec<(String, i128)>>,
    asks: BTreeMap<i128, Vec<(String, i128)>>,
}

impl Orders {
    /// Rows of price, size and id.
    fn of(bids: &Value, asks: &Value) -> Self {
        let side = |rows: &Value| {
            let mut side: BTreeMap<i128, Vec<(String, i128)>> = BTreeMap::new();
            for row in rows.as_array().unwrap() {
                let order = (row[2].as_str().unwrap().to_owned(), units(&row[1]));
                side.entry(units(&row[0])).or_default().push(order);
            }
            side
        };
        Self { bids: side(bids), asks: side(asks) }
    }

    /// Section "Maintaining a real-time order book" of the documentation.
    fn apply(&mut self, message: &Value) {
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        let side = if message["side"] == "buy" { &mut self.bids } else { &mut self.asks };
        let remove = |side: &mut BTreeMap<i128, Vec<(String, i128)>>, id: &str| {
            for queue in side.values_mut() {
                queue.retain(|(known, _)| known != id);
            }
            side.retain(|_, queue| !queue.is_empty());
        };
        match message["type"].as_str().unwrap() {
            "open" => {
                let order = (text("order_id"), units(&message["remaining_size"]));
                side.entry(units(&message["price"])).or_default().push(order);
            }
            "match" => {
                let queue = side.get_mut(&units(&message["price"])).unwrap();
                assert_eq!(queue[0].0, text("maker_order_id"), "the first in the queue trades");
                queue[0].1 -= units(&message["size"]);
                assert!(queue[0].1 >= 0);
                if queue[0].1 == 0 {
                    queue.remove(0);
                }
                side.retain(|_, queue| !queue.is_empty());
            }
            "done" => remove(side, &text("order_id")),
            "change" => {
                let (id, amount) = (text("order_id"), units(&message["new_size"]));
                if message["reason"] == "modify_order" && message["old_price"] != message["new_price"] {
                    remove(side, &id);
                    side.entry(units(&message["new_price"])).or_default().push((id, amount));
                } else {
                    let order = side.values_mut().flatten().find(|(known, _)| *known == id);
                    order.unwrap().1 = amount;
                }
            }
            other => assert_eq!(other, "received"),
        }
    }

    fn levels(&self) -> Book {
        let side = |side: &BTreeMap<i128, Vec<(String, i128)>>| {
            side.iter().map(|(price, queue)| (*price, queue.iter().map(|order| order.1).sum())).collect()
        };
        Book { bids: side(&self.bids), asks: side(&self.asks) }
    }
}

#[tokio::test]
async fn orders_one_by_one_lead_to_every_queue_and_sum_up_to_the_levels() {
    let venue = Venue::start(config()).await;
    let mut client = venue.connect("/").await;
    let subscribe = json!({ "type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["full"] });
    client.send(&signed(subscribe, server_secs(&venue).await)).await;
    assert_eq!(client.next_json().await["type"], "subscriptions");
    let mut waiting = vec![client.next_json().await];
    let snapshot = venue.get_json("/products/BTC-USD/book?level=3").await;
    let mut sequence = snapshot["sequence"].as_u64().unwrap();
    let mut orders = Orders::of(&snapshot["bids"], &snapshot["asks"]);
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    let mut hear = |orders: &mut Orders, message: Value| {
        let number = message["sequence"].as_u64().unwrap();
        if number > sequence {
            assert_eq!(number, sequence + 1, "no number is missing");
            sequence = number;
            orders.apply(&message);
            *kinds.entry(message["type"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        sequence
    };
    for message in waiting.drain(..) {
        hear(&mut orders, message);
    }
    for _ in 0..3_000 {
        let message = client.next_json().await;
        hear(&mut orders, message);
    }
    venue.pause().await;
    let truth = venue.get_json("/sim/truth?symbol=BTC-USD&orders=true").await;
    let last = truth["lastUpdateId"].as_u64().unwrap();
    while hear(&mut orders, json!({ "sequence": 0 })) < last {
        let message = client.next_json().await;
        hear(&mut orders, message);
    }
    assert_eq!(orders, Orders::of(&truth["orders"]["bids"], &truth["orders"]["asks"]));
    assert_eq!(orders.levels(), Book::of(&truth), "levels are sums of orders");
    for kind in ["received", "open", "match", "done", "change"] {
        assert!(kinds.contains_key(kind), "{kinds:?}");
    }
}

#[tokio::test]
async fn the_compact_orders_say_the_same_with_the_same_numbers() {
    let venue = Venue::start(config()).await;
    let mut client = venue.connect("/").await;
    let subscribe =
        json!({ "type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["level3", "full"] });
    client.send(&signed(subscribe, server_secs(&venue).await)).await;
    assert_eq!(client.next_json().await["type"], "subscriptions");
    let schema = client.next_json().await;
    let mut full: BTreeMap<u64, Value> = BTreeMap::new();
    let mut compared = 0;
    while compared < 300 {
        let message = client.next_json().await;
        let Some(array) = message.as_array() else {
            full.insert(message["sequence"].as_u64().unwrap(), message);
            continue;
        };
        let kind = array[0].as_str().unwrap();
        let names = schema["schema"][kind].as_array().unwrap();
        let field = |name: &str| &array[names.iter().position(|known| known == name).unwrap()];
        assert_eq!(names.len(), array.len());
        let sequence: u64 = field("sequence").as_str().unwrap().parse().unwrap();
        let twin = full.remove(&sequence).expect("full says it first");
        assert_eq!(field("time"), &twin["time"]);
        match kind {
            "noop" => assert_eq!(twin["type"], "received"),
            "open" => assert_eq!((field("size"), field("side")), (&twin["remaining_size"], &twin["side"])),
            "match" => assert_eq!(field("maker_order_id"), &twin["maker_order_id"]),
            "change" => assert_eq!(field("size"), &twin["new_size"]),
            _ => assert_eq!(field("order_id"), &twin["order_id"]),
        }
        compared += 1;
    }
}

#[tokio::test]
async fn trades_and_heartbeats_count_on_and_name_the_makers_side() {
    let venue = Venue::start(config()).await;
    let mut client = venue.connect("/").await;
    let subscribe = json!({
        "type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches", "heartbeat", "ticker"],
    });
    client.send(&subscribe.to_string()).await;
    assert_eq!(client.next_json().await["type"], "subscriptions");
    let before = client.next_json().await;
    assert_eq!(before["type"], "last_match");
    let mut trade_id = before["trade_id"].as_u64().unwrap();
    let (mut beats, mut tickers) = (0, 0);
    while beats < 2 || tickers < 2 {
        let message = client.next_json().await;
        match message["type"].as_str().unwrap() {
            "match" => {
                assert_eq!(message["trade_id"].as_u64().unwrap(), trade_id + 1);
                trade_id += 1;
            }
            "heartbeat" => {
                assert_eq!(message["last_trade_id"].as_u64().unwrap(), trade_id);
                beats += 1;
            }
            "ticker" => {
                assert_eq!(message["trade_id"].as_u64().unwrap(), trade_id, "a ticker follows its trades");
                tickers += 1;
            }
            other => panic!("{other}"),
        }
    }
    let trades = venue.get_json("/products/BTC-USD/trades?limit=5").await;
    assert_eq!(trades.as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn wrong_requests_get_errors_and_no_request_ends_the_connection() {
    let mut config = config();
    config.coinbase.subscribe_within = std::time::Duration::from_millis(400);
    let venue = Venue::start(config).await;
    let mut client = venue.connect("/").await;
    for (request, reason) in [
        (
            json!({ "type": "subscribe", "product_ids": ["NO-SUCH"], "channels": ["matches"] }),
            "NO-SUCH is not a valid product",
        ),
        (
            json!({ "type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["colours"] }),
            "colours is not a valid channel",
        ),
        (json!({ "type": "subscribe", "product_ids": ["BTC-USD"], "channels": [] }), "no channels provided"),
        (json!({ "type": "subscribe", "channels": ["matches"] }), "no product ids provided"),
    ] {
        client.send(&request.to_string()).await;
        assert_eq!(client.next_json().await["reason"], reason);
    }
    client.send("hello").await;
    assert_eq!(client.next_json().await["message"], "Malformed JSON");
    assert_eq!(client.end().await, Seen::Close(1008));
    let closed = venue.stop().await.connections_closed;
    assert_eq!(closed.get(opus2_sim::CloseReason::NoSubscription).connections, 1);
}

#[tokio::test]
async fn rest_describes_products_and_limits_requests() {
    let venue = Venue::start(config()).await;
    let products = venue.get_json("/products").await;
    let bitcoin = products.as_array().unwrap().iter().find(|product| product["id"] == "BTC-USD").unwrap();
    assert_eq!(
        (&bitcoin["quote_increment"], &bitcoin["base_increment"]),
        (&"0.01".into(), &"0.00000001".into())
    );
    let best = venue.get_json("/products/BTC-USD/book?level=1").await;
    let book = venue.get_json("/products/BTC-USD/book?level=2").await;
    assert_eq!(best["bids"].as_array().unwrap().len(), 1);
    assert!(book["bids"].as_array().unwrap().len() > 100);
    assert!(book["bids"][0][2].as_u64().unwrap() > 0);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(venue.get("/products/BTC-USD").await.status().as_u16());
    }
    assert!(statuses.contains(&429) && statuses[0] == 200, "{statuses:?}");
    let (status, _) = venue.post("/sim/fault", r#"{"kind":"refuse_snapshot","venue":"coinbase"}"#).await;
    assert_eq!(status, 200);
}
