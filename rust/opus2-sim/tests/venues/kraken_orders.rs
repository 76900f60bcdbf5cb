//! Kraken's `level3`: tokens, queues, and the checksum over every order.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use opus2_sim::KrakenRules;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::kraken::{config, connect, digits, next_text};
use crate::venue::Venue;

const TOKEN_PATH: &str = "/0/private/GetWebSocketsToken";

/// Asks for a token as the venue documents it.
async fn token(venue: &Venue, nonce: u64) -> Value {
    let rules = KrakenRules::default();
    let body = format!("nonce={nonce}");
    let mut mac = Hmac::<Sha512>::new_from_slice(&STANDARD.decode(&rules.secret).unwrap()).unwrap();
    mac.update(TOKEN_PATH.as_bytes());
    mac.update(&Sha256::digest(format!("{nonce}{body}")));
    let request = reqwest::Client::new()
        .post(format!("http://{}{TOKEN_PATH}", venue.address))
        .header("API-Key", rules.key)
        .header("API-Sign", STANDARD.encode(mac.finalize().into_bytes()))
        .body(body);
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

#[derive(serde::Deserialize)]
#[expect(clippy::struct_field_names, reason = "the venue's names")]
struct Order<'a> {
    event: Option<&'a str>,
    order_id: &'a str,
    #[serde(borrow)]
    limit_price: &'a RawValue,
    #[serde(borrow)]
    order_qty: &'a RawValue,
    timestamp: &'a str,
}

#[derive(serde::Deserialize)]
struct Update<'a> {
    #[serde(borrow)]
    bids: Vec<Order<'a>>,
    #[serde(borrow)]
    asks: Vec<Order<'a>>,
    checksum: u32,
}

#[derive(serde::Deserialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    data: Vec<Update<'a>>,
}

/// Id, price digits, quantity digits and time of every order, in the order of the queue, best price first.
type Side = BTreeMap<i64, Vec<[String; 4]>>;

#[derive(Default)]
struct Book {
    sides: [Side; 2],
    events: BTreeMap<String, u32>,
}

impl Book {
    fn hear(&mut self, text: &str, depth: usize) {
        let message: Message<'_> = serde_json::from_str(text).unwrap();
        let update = &message.data[0];
        if message.kind == "snapshot" {
            self.sides = Default::default();
        }
        for (side, orders, sign) in [(0, &update.bids, -1), (1, &update.asks, 1)] {
            let side = &mut self.sides[side];
            for order in orders {
                let event = order.event.unwrap_or("add");
                *self.events.entry(event.to_owned()).or_default() += 1;
                apply(side, order, event, sign);
            }
            side.retain(|_, queue| !queue.is_empty());
            while side.len() > depth {
                side.pop_last();
            }
        }
        assert_eq!(self.checksum(), update.checksum, "{text}");
    }

    fn checksum(&self) -> u32 {
        let [bids, asks] = &self.sides;
        let side = |side: &Side| -> String {
            side.values().take(10).flatten().flat_map(|[_, price, qty, _]| [price.as_str(), qty]).collect()
        };
        crc32fast::hash((side(asks) + &side(bids)).as_bytes())
    }
}

fn apply(side: &mut Side, order: &Order<'_>, event: &str, sign: i64) {
    let price = digits(order.limit_price.get(), 1);
    let queue = side.entry(sign * price.parse::<i64>().unwrap()).or_default();
    let known = queue.iter().position(|known| known[0] == order.order_id);
    let qty = digits(order.order_qty.get(), 8);
    match (event, known) {
        ("add", None) => {
            // Arrival order is the order of time: a client may sort by either.
            assert!(queue.last().is_none_or(|last| last[3].as_str() < order.timestamp));
            queue.push([order.order_id.to_owned(), price, qty, order.timestamp.to_owned()]);
        }
        ("modify", Some(at)) => queue[at][2] = qty,
        ("delete", Some(at)) => drop(queue.remove(at)),
        (event, known) => panic!("{event} of an order that is known: {}", known.is_some()),
    }
}

#[tokio::test]
async fn orders_of_every_depth_agree_with_their_checksums_and_with_the_truth() {
    let venue = Venue::start(config()).await;
    for (nonce, depth) in [(1, 10), (2, 100), (3, 1000)] {
        let token = token(&venue, nonce).await;
        assert_eq!(token["result"]["expires"], 900);
        let mut client = connect(&venue).await;
        let params = json!({
            "channel": "level3", "symbol": ["BTC/USD"], "depth": depth, "token": token["result"]["token"],
        });
        client.send(&json!({ "method": "subscribe", "params": params }).to_string()).await;
        let ack = client.next_json().await;
        assert_eq!((&ack["success"], ack["result"].get("token")), (&true.into(), None));
        let mut book = Book::default();
        for _ in 0..400 {
            let text = next_text(&mut client).await;
            if text.contains(r#""channel":"level3""#) {
                book.hear(&text, depth);
            }
        }
        assert!(["add", "modify", "delete"].iter().all(|event| book.events.contains_key(*event)));
        venue.pause().await;
        let truth = venue.get_json("/sim/truth?symbol=BTC/USD&orders=true").await;
        let ids = |side: &str| -> Vec<String> {
            let orders = truth["orders"][side].as_array().unwrap();
            orders.iter().map(|order| order[2].as_str().unwrap().to_owned()).collect()
        };
        let truth = [ids("bids"), ids("asks")];
        let is_same = |book: &Book| {
            book.sides.iter().zip(&truth).all(|(side, truth)| {
                let ids: Vec<&String> = side.values().flatten().map(|order| &order[0]).collect();
                // A limited book has the first orders of the truth.
                ids.iter().copied().eq(truth.iter().take(ids.len())) && side.len() <= depth
            })
        };
        while !is_same(&book) {
            book.hear(&next_text(&mut client).await, depth);
        }
        venue.resume().await;
    }
    let again = token(&venue, 3).await;
    assert_eq!(again["error"], json!(["EAPI:Invalid nonce"]));
}
