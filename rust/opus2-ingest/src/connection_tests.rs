//! A connection against a server on loopback that says what it likes. There is no broker: what is published waits in the
//! publisher's queue, which is what back-pressure is made of.

use std::sync::Mutex;

use futures_util::{SinkExt as _, StreamExt as _};
use opus2_types::{FeedKind, InstrumentSpec, SpecOrigin, Venue};
use opus2_venue::session::CloseReason;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use tokio_tungstenite::connect_async_with_config;

use super::*;
use crate::backoff::AttemptQuota;
use crate::breaker::Breaker;
use crate::clock::Clock;
use crate::config::RawConfig;
use crate::metrics::{Metrics, ProcessMetrics};
use crate::publisher::{Publisher, Route};
use crate::rest::RestClient;

const DEPTH: &str = r#"{"stream":"ausdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,"s":"AUSDT","U":1,"u":1,"b":[["1","1"]],"a":[]}}"#;

/// A message of the server: through the WebSocket library, or bytes past it.
enum Says {
    Message(Message),
    Bytes(Vec<u8>),
}

fn text(text: impl Into<String>) -> Says {
    Says::Message(Message::text(text.into()))
}

/// A text frame as it stands on the wire, with any payload below 126 bytes.
fn text_frame(payload: &[u8]) -> Says {
    let length = u8::try_from(payload.len()).unwrap();
    Says::Bytes([&[0x81, length], payload].concat())
}

async fn say(listener: TcpListener, says: Vec<Says>) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
    for said in says {
        // A client that has had enough hangs up in the middle.
        let result = match said {
            Says::Message(message) => socket.send(message).await.is_ok(),
            Says::Bytes(bytes) => socket.get_mut().write_all(&bytes).await.is_ok(),
        };
        if !result {
            return;
        }
    }
    // Until the client is gone.
    while let Some(Ok(_)) = socket.next().await {}
}

struct Outcome {
    end: End,
    metrics: Arc<Metrics>,
    process: Arc<ProcessMetrics>,
    /// Dropping it would give up what is in its queue, and count that.
    _publisher: Arc<Publisher>,
}

/// Follows one instrument, `AUSDT`, on a server that says these things, with this configuration on top of the defaults.
async fn outcome(configuration: &str, says: Vec<Says>, stop: bool) -> Outcome {
    outcome_of_changes(configuration, says, stop, Vec::new()).await
}

/// The same, while the venue's list changes: before anything is said.
async fn outcome_of_changes(configuration: &str, says: Vec<Says>, stop: bool, news: Vec<Change>) -> Outcome {
    let raw = RawConfig::parse(configuration).unwrap();
    let mut config =
        RawConfig { kafka: crate::config::KafkaTable { brokers: "127.0.0.1:1".into(), ..raw.kafka }, ..raw };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    config.venue.binance.ws_url = format!("ws://{}", listener.local_addr().unwrap());
    config.venue.binance.age_jitter_secs_max = 0;
    let config = config.validate().unwrap();
    let metrics = Arc::new(Metrics::new(Venue::Binance));
    let process = Arc::new(ProcessMetrics::default());
    let publisher = Arc::new(Publisher::new(&config.publish, Arc::clone(&process)).unwrap());
    let (snapshots, _requests) = mpsc::channel(1);
    let clock = Arc::new(Clock::new());
    let limit = (crate::exchange::request_limit(Venue::Binance), 80);
    let nobody = "http://127.0.0.1:1".to_owned();
    let rest = RestClient::new(nobody, config.rest, limit, Arc::clone(&clock), Arc::clone(&metrics)).unwrap();
    let venue = config.venues[0].clone();
    let shared = Arc::new(Access {
        quota: Mutex::new(AttemptQuota::new(venue.attempts_limit, venue.attempts_window)),
        breaker: Breaker::new(3, Duration::from_secs(1)),
        config: venue,
        topic: "binance_l2_raw",
        settings: config.connection,
        full_max: config.publish.full_max,
        clock,
        metrics: Arc::clone(&metrics),
        publisher: Arc::clone(&publisher),
        rest: Arc::new(rest),
        snapshots,
    });
    metrics.books_begin(1);
    let spec = spec(1);
    let (_sender, stop) = watch::channel(stop);
    let (sender, mut changes) = mpsc::channel(news.len().max(1));
    for change in news {
        sender.try_send(change).unwrap();
    }
    let server = tokio::spawn(say(listener, says));
    let mut members = Members::new(vec![Route::new(spec, 1, 0)]);
    let ended = follow(&shared, &mut members, "test-0-1", &mut changes, &stop).await;
    server.abort();
    assert_eq!(metrics.connections_open.get(), 0);
    let books = i64::try_from(members.active()).unwrap();
    assert_eq!(metrics.books_in(BookState::Empty), books, "a book ends where it began");
    assert_eq!(BookState::ALL.iter().map(|state| metrics.books_in(*state)).sum::<i64>(), books);
    assert_eq!(metrics.sockets_open.get(), 0);
    Outcome { end: ended.end, metrics, process, _publisher: publisher }
}

fn spec(tick: i64) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: "AUSDT".into(),
        base: "A".into(),
        quote: "USDT".into(),
        price_scale: 8,
        qty_scale: 8,
        tick,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    }
}

fn close() -> Says {
    Says::Message(Message::Close(None))
}

#[tokio::test]
async fn hostile_frames_are_counted_by_reason_and_cost_nothing_else() {
    let big = format!(r#"{{"stream":"ausdt@depth@100ms","data":"{}"}}"#, "x".repeat(20 << 20));
    let says = vec![
        text(DEPTH),
        text("not JSON"),
        text(&DEPTH[..30]),
        text(DEPTH.replace("ausdt", "zusdt")),
        Says::Message(Message::binary(b"\xff\xfe".to_vec())),
        text(big),
        Says::Message(Message::Ping(vec![1].into())),
        text(DEPTH.replace("\"1\",\"1\"", "\"-1\",\"1\"")),
        text(DEPTH),
        close(),
    ];
    let Outcome { end, metrics, _publisher, .. } = outcome("", says, false).await;
    assert_eq!(end, End::ClosedByVenue);
    let dropped = metrics.dropped.not_zero();
    assert_eq!(
        dropped.into_iter().collect::<Vec<_>>(),
        [("bad_json", 1), ("not_utf8", 1), ("oversize", 1), ("unknown_symbol", 1)]
    );
    assert_eq!(metrics.dead_letters.get(), 4);
    assert_eq!(
        metrics.rejected.not_zero().into_iter().collect::<Vec<_>>(),
        [("bad_json", 1), ("non_positive_price", 1)]
    );
    assert_eq!(metrics.records_published.get(Channel::Instrument), 1);
    assert_eq!(metrics.records_published.get(Channel::Depth), 4);
}

#[tokio::test]
async fn a_changed_specification_is_announced_and_its_instrument_begins_again() {
    let says = vec![text(DEPTH), close()];
    let changed = vec![Change::Respecify(spec(5))];
    let Outcome { metrics, _publisher, .. } = outcome_of_changes("", says, false, changed).await;
    assert_eq!(metrics.records_published.get(Channel::Instrument), 2);
    assert_eq!(metrics.resyncs.not_zero().into_iter().collect::<Vec<_>>(), [("refresh", 1)]);
    assert_eq!(metrics.records_published.get(Channel::Depth), 1);
}

#[tokio::test]
async fn of_a_retired_instrument_nothing_more_is_published() {
    let says = vec![text(DEPTH), close()];
    let changed = vec![Change::Retire { symbol: "AUSDT".into() }];
    let Outcome { metrics, _publisher, .. } = outcome_of_changes("", says, false, changed).await;
    assert_eq!(metrics.records_published.get(Channel::Instrument), 1);
    assert_eq!(metrics.records_published.get(Channel::Depth), 0);
}

#[tokio::test]
async fn a_message_above_the_limit_ends_the_connection() {
    let says = vec![text("x".repeat(70_000))];
    let Outcome { end, .. } = outcome("connection.message_bytes_limit = 65536", says, false).await;
    assert_eq!(end, End::MessageTooLarge);
}

#[tokio::test]
async fn a_text_frame_that_is_not_utf8_ends_the_connection() {
    let Outcome { end, .. } = outcome("", vec![text_frame(b"\xff\xfe")], false).await;
    assert_eq!(end, End::NotUtf8);
}

#[tokio::test]
async fn a_masked_frame_breaks_the_protocol() {
    let Outcome { end, .. } = outcome("", vec![Says::Bytes(vec![0x81, 0x80, 0, 0, 0, 0])], false).await;
    assert_eq!(end, End::Protocol);
}

#[tokio::test]
async fn the_venues_notice_and_its_errors_end_the_connection() {
    let notice = r#"{"e":"serverShutdown","E":1770123456789}"#;
    // Until the venue closes it, the socket is of use: another takes its place meanwhile, if it can.
    let Outcome { end, .. } = outcome("", vec![text(notice), close()], false).await;
    assert_eq!(end, End::Session(CloseReason::ServerShutdown));
    let error = r#"{"error":{"code":4,"msg":"Too many subscriptions"},"id":1}"#;
    let Outcome { end, metrics, _publisher, .. } = outcome("", vec![text(error)], false).await;
    assert_eq!(end, End::Session(CloseReason::Refused));
    assert_eq!(metrics.venue_errors.get(), 1);
}

#[tokio::test]
async fn a_broker_that_takes_nothing_costs_the_connection_after_a_time_and_the_loss_is_counted() {
    let says = (0..10).map(|_| text(DEPTH)).collect();
    let configuration = "kafka.in_flight_records_limit = 4\nkafka.full_secs_max = 1";
    let Outcome { end, metrics, process, _publisher } = outcome(configuration, says, false).await;
    assert_eq!(end, End::Backpressure);
    assert_eq!(process.queue_records.get(), 4);
    assert_eq!(metrics.queue_full.get(), 1);
    assert_eq!(metrics.dropped.not_zero().into_iter().collect::<Vec<_>>(), [("backpressure", 1)]);
}

#[tokio::test]
async fn a_record_above_the_limit_is_lost_and_counted_and_the_instrument_resyncs() {
    let large = DEPTH.replace("\"1\",\"1\"", &format!("\"1\",\"1{}\"", "0".repeat(2_000)));
    let says = vec![text(DEPTH), text(large), text(DEPTH), close()];
    let Outcome { end, metrics, _publisher, .. } =
        outcome("kafka.record_bytes_limit = 1000", says, false).await;
    assert_eq!(end, End::ClosedByVenue);
    assert_eq!(metrics.dropped.get("record_too_large"), 1);
    assert_eq!(metrics.records_published.get(Channel::Depth), 2);
}

#[tokio::test]
async fn stopping_ends_a_connection_at_once() {
    let Outcome { end, metrics, _publisher, .. } = outcome("", vec![], true).await;
    assert_eq!(end, End::Stopped);
    assert!(metrics.reconnects.not_zero().is_empty());
}

#[tokio::test]
async fn nobody_there_is_a_failed_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let attempt = connect_async_with_config(format!("ws://{address}/stream"), None, true).await;
    assert_eq!(End::of_error(&attempt.unwrap_err()), End::Io);
}

#[test]
fn every_end_has_a_name_that_is_counted() {
    let ends = CloseReason::ALL.map(End::Session).into_iter().chain([
        End::DataSilent,
        End::ClosedByVenue,
        End::Io,
        End::Protocol,
        End::MessageTooLarge,
        End::NotUtf8,
        End::Backpressure,
        End::ConnectFailed,
    ]);
    assert_eq!(ends.map(End::as_str).collect::<Vec<_>>(), End::NAMES);
    assert_eq!(End::Stopped.as_str(), "stopped");
}
