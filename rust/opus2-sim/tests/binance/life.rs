//! How connections live and end: pings, lifetime, slow readers.

use std::collections::BTreeMap;
use std::time::Duration;

use opus2_sim::{SimConfig, VenueRules};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::venue::{Client, Seen, Venue, busy, with_rules};

#[tokio::test]
async fn a_client_that_answers_pings_stays() {
    let rules = VenueRules {
        ping_interval: Duration::from_millis(150),
        pong_timeout: Duration::from_secs(1),
        client_messages_per_sec: 100,
        ..VenueRules::default()
    };
    let venue = Venue::start(with_rules(rules)).await;
    let mut client = venue.connect("/ws").await;
    // Longer than the timeout.
    for _ in 0..9 {
        assert!(matches!(client.next().await, Seen::Ping(payload) if !payload.is_empty()));
    }
    let stats = venue.stats().await;
    assert!(stats["connections"][0]["pongs_received"].as_u64().unwrap() >= 7, "{stats}");
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings_is_disconnected() {
    let rules = VenueRules {
        ping_interval: Duration::from_millis(50),
        pong_timeout: Duration::from_millis(200),
        ..VenueRules::default()
    };
    let venue = Venue::start(with_rules(rules)).await;
    // A hand-made client: it upgrades, then only reads.
    let mut socket = tokio::net::TcpStream::connect(venue.address).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        venue.address
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut received));
    read.await.expect("the venue ends the connection").unwrap();
    let text = String::from_utf8_lossy(&received);
    assert!(text.starts_with("HTTP/1.1 101"), "{text}");
    assert!(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "the accept key of RFC 6455");
    assert!(text.ends_with("Pong timeout"), "{text}");
    venue.stop().await;
}

#[tokio::test]
async fn a_connection_is_announced_to_end_and_ends_at_its_lifetime() {
    let rules = VenueRules {
        connection_lifetime: Duration::from_millis(400),
        shutdown_notice: Duration::from_millis(200),
        ..VenueRules::default()
    };
    let venue = Venue::start(with_rules(rules)).await;
    for (path, wrapped) in [("/stream", true), ("/ws", false)] {
        let mut client = venue.connect(path).await;
        let frame = client.next_json().await;
        assert_eq!(frame.get("stream").is_some_and(|stream| stream == "!serverShutdown"), wrapped, "{frame}");
        let notice = if wrapped { &frame["data"] } else { &frame };
        assert_eq!((&notice["e"], notice["E"].to_string().len()), (&"serverShutdown".into(), 13));
        assert_eq!(client.end().await, Seen::Close(1001));
    }
    let stats = venue.stats().await;
    assert_eq!(stats["connections_closed"]["lifetime"]["connections"], 2);
}

#[tokio::test]
async fn a_slow_reader_is_cut_and_nobody_else_notices() {
    let rules = VenueRules { queue_bytes_limit: 64 << 10, ..VenueRules::default() };
    let config = SimConfig { instruments: 3, messages_per_sec: 10_000.0, ..with_rules(rules) };
    // Small buffers in the operating system, so that slowness shows soon.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(8 << 10).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let venue = Venue::start_on(socket.listen(16).unwrap(), config);
    let path = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade";

    let slow = TcpSocket::new_v4().unwrap();
    slow.set_recv_buffer_size(8 << 10).unwrap();
    let slow = slow.connect(venue.address).await.unwrap();
    let url = format!("ws://{}{path}", venue.address);
    let (slow, _) = tokio_tungstenite::client_async(url, slow).await.unwrap();
    let mut quick = venue.connect(path).await;
    let mut trade_id = None;
    let slow_reader = loop {
        let frame = quick.next_json().await;
        let Some(id) = frame["data"]["t"].as_u64() else { continue };
        assert!(trade_id.is_none_or(|before| id == before + 1), "the quick reader misses nothing");
        trade_id = Some(id);
        if id % 50 == 0 {
            let stats = venue.stats().await;
            if stats["connections_closed"]["slow_reader"]["connections"] == 1 {
                break stats["connections_closed"]["slow_reader"].clone();
            }
        }
    };
    assert!(slow_reader["discarded"].as_u64().unwrap() > 0, "{slow_reader}");
    drop(slow);
}

/// Price, quantity and side of the next trades, by trade id.
async fn trades(client: &mut Client, count: usize) -> BTreeMap<u64, [Value; 3]> {
    let mut trades = BTreeMap::new();
    while trades.len() < count {
        let frame = client.next_json().await;
        if let Some(id) = frame["t"].as_u64() {
            trades.insert(id, ["p", "q", "m"].map(|field| frame[field].clone()));
        }
    }
    trades
}

#[tokio::test]
async fn the_market_is_the_same_whoever_listens() {
    let alone = {
        let venue = Venue::start(busy()).await;
        trades(&mut venue.connect("/ws/btcusdt@trade").await, 80).await
    };
    let in_company = {
        let venue = Venue::start(busy()).await;
        let path = "/ws/btcusdt@trade/btcusdt@depth@100ms/btcusdt@bookTicker/ethusdt@depth/solusdt@trade";
        let mut clients = [venue.connect(path).await, venue.connect(path).await, venue.connect(path).await];
        trades(&mut clients[1], 80).await
    };
    let mut in_both = 0;
    for (id, trade) in &in_company {
        in_both += u32::from(alone.get(id).inspect(|same| assert_eq!(*same, trade)).is_some());
    }
    assert!(in_both > 20, "{in_both}");
}
