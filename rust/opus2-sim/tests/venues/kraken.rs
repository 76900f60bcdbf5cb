//! Kraken's `book`, `trade`, `ticker` and `instrument`, and its REST interface.

use std::collections::BTreeMap;

use opus2_sim::SimConfig;
use opus2_types::Venue as VenueName;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::venue::{Client, Seen, Venue, with_rules};

/// A busy Kraken alone.
pub(crate) fn config() -> SimConfig {
    SimConfig {
        venues: vec![VenueName::Kraken],
        instruments: 2,
        messages_per_sec: 800.0,
        ..with_rules(opus2_sim::VenueRules::default())
    }
}

/// Digits of a number as the checksum wants them: formatted with the precision, without point and leading zeros.
pub(crate) fn digits(text: &str, precision: usize) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert_eq!(fraction.len(), precision, "{text} has all its decimals");
    format!("{whole}{fraction}").trim_start_matches('0').to_owned()
}

/// One level as it is on the wire: numbers are read as text.
#[derive(serde::Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    price: &'a RawValue,
    #[serde(borrow)]
    qty: &'a RawValue,
}

#[derive(serde::Deserialize)]
struct Update<'a> {
    symbol: &'a str,
    #[serde(borrow)]
    bids: Vec<Level<'a>>,
    #[serde(borrow)]
    asks: Vec<Level<'a>>,
    checksum: u32,
}

#[derive(serde::Deserialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    data: Vec<Update<'a>>,
}

/// Price and quantity digits, by a key that puts the best first.
type Side = BTreeMap<i64, (String, String)>;

#[derive(Default, Debug, PartialEq, Clone)]
pub(crate) struct Book {
    bids: Side,
    asks: Side,
}

/// BTC/USD at the simulated venue, as at the real one.
const PRECISIONS: (usize, usize) = (1, 8);

impl Book {
    /// The documented procedure: replace or apply in order, truncate, compare the checksum.
    pub(crate) fn hear(&mut self, text: &str, depth: usize) {
        let message: Message<'_> = serde_json::from_str(text).unwrap();
        for update in message.data {
            assert_eq!(update.symbol, "BTC/USD");
            if message.kind == "snapshot" {
                *self = Self::default();
            }
            for (sign, side, levels) in
                [(-1, &mut self.bids, &update.bids), (1, &mut self.asks, &update.asks)]
            {
                for level in levels {
                    let price = digits(level.price.get(), PRECISIONS.0);
                    let qty = digits(level.qty.get(), PRECISIONS.1);
                    let key = sign * price.parse::<i64>().unwrap();
                    if qty.is_empty() {
                        side.remove(&key);
                    } else {
                        side.insert(key, (price, qty));
                    }
                }
                while side.len() > depth {
                    side.pop_last();
                }
            }
            assert_eq!(self.checksum(), update.checksum, "{text}");
        }
    }

    fn checksum(&self) -> u32 {
        let side = |side: &Side| -> String {
            side.values().take(10).flat_map(|(price, qty)| [price.as_str(), qty]).collect()
        };
        crc32fast::hash((side(&self.asks) + &side(&self.bids)).as_bytes())
    }

    /// The best levels of the truth.
    fn of_truth(truth: &Value, depth: usize) -> Self {
        let side = |rows: &Value, sign: i64| {
            rows.as_array()
                .unwrap()
                .iter()
                .take(depth)
                .map(|row| {
                    let digits = |text: &Value, cut: usize| {
                        let text = text.as_str().unwrap();
                        digits(&text[..text.len() - cut], 8 - cut)
                    };
                    // The truth has eight decimals.
                    let (price, qty) = (digits(&row[0], 7), digits(&row[1], 0));
                    (sign * price.parse::<i64>().unwrap(), (price, qty))
                })
                .collect()
        };
        Self { bids: side(&truth["bids"], -1), asks: side(&truth["asks"], 1) }
    }
}

pub(crate) async fn next_text(client: &mut Client) -> String {
    loop {
        match client.next().await {
            Seen::Text(text) => return text,
            Seen::Ping(_) => {}
            end => panic!("{end:?} instead of a message"),
        }
    }
}

pub(crate) async fn connect(venue: &Venue) -> Client {
    let mut client = venue.connect("/v2").await;
    let status = client.next_json().await;
    assert_eq!((&status["channel"], &status["data"][0]["system"]), (&"status".into(), &"online".into()));
    assert!(status["data"][0]["connection_id"].as_u64().unwrap() > i64::MAX.unsigned_abs());
    client
}

#[tokio::test]
async fn books_of_every_depth_agree_with_their_checksums_and_with_the_truth() {
    let venue = Venue::start(config()).await;
    for depth in [10, 25, 100, 500, 1000] {
        let mut client = connect(&venue).await;
        let params = json!({ "channel": "book", "symbol": ["BTC/USD"], "depth": depth, "snapshot": true });
        client.send(&json!({ "method": "subscribe", "params": params, "req_id": 5 }).to_string()).await;
        let ack = client.next_json().await;
        assert_eq!(
            (&ack["success"], &ack["req_id"], &ack["result"]["depth"]),
            (&true.into(), &5.into(), &depth.into())
        );
        let depth = usize::try_from(depth).unwrap();
        let mut book = Book::default();
        let mut messages = 0;
        while messages < 300 {
            let text = next_text(&mut client).await;
            if text.contains(r#""channel":"book""#) {
                assert_eq!(messages == 0, text.contains(r#""type":"snapshot""#));
                book.hear(&text, depth);
                messages += 1;
            }
        }
        venue.pause().await;
        let truth = Book::of_truth(&venue.truth("BTC/USD").await, depth);
        while book != truth {
            let text = next_text(&mut client).await;
            if text.contains(r#""channel":"book""#) {
                book.hear(&text, depth);
            }
        }
        venue.resume().await;
    }
}

#[tokio::test]
async fn every_symbol_is_acknowledged_or_refused_for_itself() {
    let venue = Venue::start(config()).await;
    let mut client = connect(&venue).await;
    let params = json!({ "channel": "book", "symbol": ["BTC/USD", "FOO/USD", "ETH/USD"], "depth": 10, "snapshot": false });
    client.send(&json!({ "method": "subscribe", "params": params, "req_id": 7 }).to_string()).await;
    let mut acks = Vec::new();
    while acks.len() < 3 {
        let message = client.next_json().await;
        if message["method"] == "subscribe" {
            assert_eq!(message["req_id"], 7);
            assert!(message["time_in"].is_string() && message["time_out"].is_string());
            acks.push((message["success"].clone(), message["error"].clone()));
        }
    }
    let accepted = (true.into(), Value::Null);
    let refused = (false.into(), "Currency pair not supported FOO/USD".into());
    assert_eq!(acks, [accepted.clone(), refused, accepted]);
    for (params, error) in [
        (json!({ "channel": "book", "symbol": ["BTC/USD"], "depth": 10 }), "Already subscribed"),
        (
            json!({ "channel": "book", "symbol": ["BTC/USD"], "depth": 11 }),
            "Subscription depth not supported",
        ),
        (json!({ "channel": "colours", "symbol": ["BTC/USD"] }), "Channel not supported"),
        (
            json!({ "channel": "level3", "symbol": ["BTC/USD"], "token": "made up" }),
            "EGeneral:Permission denied",
        ),
    ] {
        client.send(&json!({ "method": "subscribe", "params": params }).to_string()).await;
        let refusal = loop {
            let message = client.next_json().await;
            if message["method"] == "subscribe" {
                break message;
            }
        };
        assert_eq!((&refusal["success"], &refusal["error"]), (&false.into(), &error.into()));
    }
    let params = json!({ "channel": "book", "symbol": ["BTC/USD", "ETH/USD"], "depth": 10 });
    client.send(&json!({ "method": "unsubscribe", "params": params }).to_string()).await;
    let mut left = 0;
    while left < 2 {
        left += u32::from(client.next_json().await["method"] == "unsubscribe");
    }
    // Nothing is subscribed to any more, and the ping is all there is to answer.
    client.send(r#"{"method":"ping","req_id":101}"#).await;
    let pong = client.next_json().await;
    assert_eq!((&pong["method"], &pong["req_id"]), (&"pong".into(), &101.into()));
}

#[tokio::test]
async fn trades_count_on_and_tickers_follow_the_best() {
    let venue = Venue::start(config()).await;
    let mut client = connect(&venue).await;
    for params in [
        json!({ "channel": "trade", "symbol": ["BTC/USD"], "snapshot": true }),
        json!({ "channel": "ticker", "symbol": ["BTC/USD"], "event_trigger": "bbo" }),
        json!({ "channel": "instrument" }),
    ] {
        client.send(&json!({ "method": "subscribe", "params": params }).to_string()).await;
    }
    let (mut trade_id, mut trades, mut tickers, mut pairs) = (None, 0, 0, 0);
    while trades < 20 || tickers < 20 || pairs == 0 {
        let message = client.next_json().await;
        match message["channel"].as_str().unwrap_or_default() {
            "trade" => {
                for trade in message["data"].as_array().unwrap() {
                    let id = trade["trade_id"].as_u64().unwrap();
                    assert!(trade_id.is_none_or(|before| id == before + 1));
                    trade_id = Some(id);
                    trades += 1;
                }
            }
            "ticker" => {
                let data = &message["data"][0];
                assert!(data["bid"].as_f64() < data["ask"].as_f64());
                tickers += 1;
            }
            "instrument" => {
                let bitcoin = &message["data"]["pairs"][0];
                assert_eq!((&bitcoin["symbol"], &bitcoin["price_precision"]), (&"BTC/USD".into(), &1.into()));
                assert_eq!(bitcoin["qty_increment"].as_f64(), Some(1e-8));
                pairs = message["data"]["pairs"].as_array().unwrap().len();
            }
            _ => {}
        }
    }
    assert_eq!(pairs, 2);
}

#[tokio::test]
async fn heartbeats_come_when_it_is_quiet_and_only_to_who_subscribed() {
    let mut config = config();
    config.kraken.idle_timeout = std::time::Duration::from_millis(1_500);
    let venue = Venue::start(config).await;
    let mut subscribed = connect(&venue).await;
    let mut idle = connect(&venue).await;
    let request = json!({ "method": "subscribe", "params": { "channel": "instrument", "snapshot": false } });
    subscribed.send(&request.to_string()).await;
    subscribed.next_json().await;
    for _ in 0..2 {
        assert_eq!(subscribed.next_json().await, json!({ "channel": "heartbeat" }));
    }
    // Nothing for who did not subscribe, until the connection is closed.
    assert_eq!(idle.next().await, Seen::Close(1000));
}

#[tokio::test]
async fn rest_errors_are_http_200() {
    let venue = Venue::start(config()).await;
    let pairs = venue.get_json("/0/public/AssetPairs").await;
    let bitcoin = &pairs["result"]["XXBTZUSD"];
    assert_eq!((&bitcoin["wsname"], &bitcoin["pair_decimals"]), (&"XBT/USD".into(), &1.into()));
    let depth = venue.get_json("/0/public/Depth?pair=XBTUSD&count=5").await;
    assert_eq!(depth["result"]["XXBTZUSD"]["bids"].as_array().unwrap().len(), 5);
    assert!(venue.get_json("/0/public/Ticker").await["result"]["XETHZUSD"]["a"].is_array());
    let unknown = venue.get_json("/0/public/Depth?pair=NOSUCH").await;
    assert_eq!(unknown["error"], json!(["EQuery:Unknown asset pair"]));
    let mut limited = 0;
    for _ in 0..40 {
        let answer = venue.get_json("/0/public/Time").await;
        limited += u32::from(answer["error"] == json!(["EGeneral:Too many requests"]));
    }
    assert!(limited > 5, "{limited}");
}
