//! Snapshot and stream lead to the true book; every frame is accounted for.

use std::collections::BTreeMap;

use opus2_sim::SimConfig;
use serde_json::Value;

use crate::book::{Applied, Book, units};
use crate::venue::{Venue, busy};

const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];

fn all_streams() -> String {
    let streams: Vec<String> = SYMBOLS
        .iter()
        .flat_map(|symbol| {
            ["depth@100ms", "trade", "bookTicker"].map(|kind| format!("{}@{kind}", symbol.to_lowercase()))
        })
        .collect();
    format!("/stream?streams={}&timeUnit=MICROSECOND", streams.join("/"))
}

/// A client that follows one symbol by the documented procedure, and notes what else it sees.
#[derive(Debug, Default)]
struct Follower {
    waiting: Vec<Value>,
    book: Option<Book>,
    /// The last update id that a batch has covered, applied or not.
    covered: u64,
    stale: u32,
    ticker: Option<(u64, [(i64, i64); 2])>,
    tickers_compared: u32,
    trade_id: Option<u64>,
    frames: u64,
}

impl Follower {
    fn hear(&mut self, stream: &str, data: &Value) {
        self.frames += 1;
        if stream.ends_with("@depth@100ms") {
            assert!(self.covered == 0 || data["U"].as_u64() == Some(self.covered + 1), "batches are chained");
            self.covered = data["u"].as_u64().unwrap();
            match &mut self.book {
                None => self.waiting.push(data.clone()),
                Some(_) => self.apply(data),
            }
        } else if stream.ends_with("@trade") {
            let id = data["t"].as_u64().unwrap();
            assert!(self.trade_id.is_none_or(|before| id == before + 1), "trade ids have no holes");
            self.trade_id = Some(id);
            assert!(data["T"].as_i64().unwrap() <= data["E"].as_i64().unwrap());
        } else {
            let best = [("b", "B"), ("a", "A")].map(|(price, qty)| (units(&data[price]), units(&data[qty])));
            let update_id = data["u"].as_u64().unwrap();
            assert!(update_id > self.covered, "a ticker comes before the batch that covers it");
            self.ticker = Some((update_id, best));
        }
    }

    fn apply(&mut self, event: &Value) {
        let Some(book) = &mut self.book else { return };
        match book.apply(event) {
            Applied::Stale => self.stale += 1,
            Applied::Gap => panic!("gap after {}: {event}", book.update_id),
            Applied::Yes => {
                // No ticker since means that the best has not changed since: equal at every batch, not only at equal ids.
                if let Some((update_id, best)) = self.ticker {
                    assert!(update_id <= book.update_id);
                    assert_eq!(book.best(), best);
                    self.tickers_compared += 1;
                }
            }
        }
    }

    fn join(&mut self, snapshot: &Value) {
        let first = self.waiting[0]["U"].as_u64().unwrap();
        let book = Book::from_snapshot(snapshot);
        assert!(book.update_id >= first, "the snapshot is not older than the buffer");
        self.book = Some(book);
        for event in std::mem::take(&mut self.waiting) {
            self.apply(&event);
        }
    }

    fn update_id(&self) -> u64 {
        self.book.as_ref().map_or(0, |book| book.update_id)
    }
}

#[tokio::test]
async fn joining_snapshot_and_stream_gives_the_true_book() {
    let venue = Venue::start(busy()).await;
    let mut client = venue.connect(&all_streams()).await;
    let mut followers: BTreeMap<&str, Follower> = SYMBOLS.map(|symbol| (symbol, Follower::default())).into();
    let hear = |followers: &mut BTreeMap<&str, Follower>, frame: Value| {
        let (stream, data) = (frame["stream"].as_str().unwrap(), &frame["data"]);
        followers.get_mut(data["s"].as_str().unwrap()).unwrap().hear(stream, data);
    };
    // Join each symbol once two batches wait, go on until every book has lived through five more, then stop the market.
    while followers.values().any(|follower| follower.book.is_none() || follower.tickers_compared < 5) {
        hear(&mut followers, client.next_json().await);
        for symbol in SYMBOLS {
            let follower = followers.get_mut(symbol).unwrap();
            if follower.book.is_none() && follower.waiting.len() >= 2 {
                follower.join(&venue.get_json(&format!("/api/v3/depth?symbol={symbol}&limit=5000")).await);
            }
        }
    }
    venue.pause().await;
    for symbol in SYMBOLS {
        let truth = Book::from_snapshot(&venue.truth(symbol).await);
        while followers[symbol].update_id() < truth.update_id {
            hear(&mut followers, client.next_json().await);
        }
        assert_eq!(followers[symbol].book, Some(truth), "{symbol}");
        assert!(followers[symbol].stale > 0, "{symbol}: batches before the snapshot were dropped");
    }
    // Every frame is accounted for: published = sent = received.
    let stats = venue.stats().await;
    let sent = stats["connections"][0]["sent"].as_u64().unwrap();
    let mut received: u64 = followers.values().map(|follower| follower.frames).sum();
    while received < sent {
        hear(&mut followers, client.next_json().await);
        received += 1;
    }
    assert_eq!(stats["connections"][0]["queued"], 0);
    assert_eq!((received, stats["sent"].as_u64().unwrap()), (sent, sent));
    // Nobody but this client listened, and it from the start on: what was published to it is what was sent.
    for instrument in stats["instruments"].as_array().unwrap() {
        assert_eq!(instrument["sent"]["depth"], 0);
        let symbol = instrument["symbol"].as_str().unwrap();
        let sent: u64 = ["depth@100ms", "trade", "bookTicker"]
            .iter()
            .map(|kind| instrument["sent"][kind].as_u64().unwrap())
            .sum();
        assert_eq!(sent, followers[symbol].frames, "{symbol}");
        assert_eq!(instrument["last_trade_id"].as_u64(), followers[symbol].trade_id, "{symbol}");
    }
    venue.resume().await;
    client.next_json().await;
    venue.stop().await;
}

#[tokio::test]
async fn stopping_sends_what_is_queued_and_closes_properly() {
    let venue = Venue::start(busy()).await;
    let mut client = venue.connect(&all_streams()).await;
    client.next_json().await;
    let stopping = tokio::spawn(venue.stop());
    let mut received = 1;
    let end = loop {
        match client.next().await {
            crate::venue::Seen::Text(_) => received += 1,
            crate::venue::Seen::Ping(_) => {}
            end => break end,
        }
    };
    assert_eq!(end, crate::venue::Seen::Close(1001));
    let stats = stopping.await.unwrap();
    assert_eq!(stats.sent, received);
    assert_eq!(stats.connections_closed.get(opus2_sim::CloseReason::Stopped).sent, received);
    assert!(stats.is_paused);
}

#[tokio::test]
async fn the_slow_depth_stream_leads_to_the_same_book() {
    let venue = Venue::start(SimConfig { instruments: 1, ..busy() }).await;
    let mut client = venue.connect("/ws/btcusdt@depth").await;
    client.next_json().await;
    let snapshot = venue.get_json("/api/v3/depth?symbol=BTCUSDT&limit=5000").await;
    let mut book = Book::from_snapshot(&snapshot);
    venue.pause().await;
    let truth = Book::from_snapshot(&venue.truth("BTCUSDT").await);
    while book.update_id < truth.update_id {
        assert_eq!(book.apply(&client.next_json().await), Applied::Yes);
    }
    assert_eq!(book, truth);
}
