//! Sessions step by step.

use std::fmt::Write as _;

use opus2_types::{SpecOrigin, Venue};

use super::*;
use crate::session::Session as _;

const MS: i64 = 1_000_000;
const SETTINGS: SessionSettings =
    SessionSettings { age_nanos_max: 3_600_000 * MS, silence_nanos_max: 10_000 * MS };

fn spec(symbol: &str, feed: FeedKind) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Coinbase,
        symbol: symbol.into(),
        base: symbol.into(),
        quote: "USD".into(),
        price_scale: 2,
        qty_scale: 0,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed,
    }
}

fn session(channel: BookChannel, symbols: &[&str]) -> Session {
    let account = channel.needs_account().then(|| Account::new("k", "p", "c2VjcmV0").unwrap());
    let specs = symbols.iter().map(|symbol| spec(symbol, channel.feed())).collect();
    Session::new(SETTINGS, channel, account, specs).unwrap()
}

/// Actions as words: what a person would say of them.
fn words(actions: &[Action]) -> String {
    let mut text = String::new();
    for action in actions {
        let separator = if text.is_empty() { "" } else { ", " };
        let word = match action {
            Action::PublishSpec { instrument, number } => format!("spec {instrument}#{number}"),
            Action::Publish { instrument, channel, number } => format!("{channel} {instrument}#{number}"),
            Action::DeadLetter(letter) => format!("dead {}", letter.as_str()),
            Action::Send(message) => {
                let message: serde_json::Value = serde_json::from_str(message).unwrap();
                let list = |key: &str| message[key].as_array().map_or(0, Vec::len);
                let name = message["channel"].as_str().or(message["channels"][0].as_str()).unwrap();
                format!("{} {name} {}", message["type"].as_str().unwrap(), list("product_ids"))
            }
            Action::Fetch { request, purpose, .. } => format!("fetch {} {purpose:?}", request.path),
            Action::FetchToken(_) => "token".to_owned(),
            Action::Close(reason) => format!("close {}", reason.as_str()),
            Action::Note(Note::State { instrument, from, to }) => {
                format!("{instrument}:{}>{}", from.as_str(), to.as_str())
            }
            Action::Note(Note::Resync { instrument, reason }) => {
                format!("resync {instrument} {}", reason.as_str())
            }
            Action::Note(Note::Rejected { instrument, reject }) => {
                format!("bad {instrument} {}", reject.as_str())
            }
            Action::Note(Note::Quarantined { instrument, .. }) => format!("quarantine {instrument}"),
            Action::Note(Note::VenueError { message, .. }) => format!("error {message}"),
        };
        write!(text, "{separator}{word}").unwrap();
    }
    text
}

/// One input a line: its time in ms, the input, and what the session answers.
#[track_caller]
fn check(session: &mut Session, steps: &[(i64, Input<'_>, &str)]) {
    for (at_ms, input, expect) in steps {
        let mut actions = Vec::new();
        session.handle(UnixNanos(at_ms * MS), *input, &mut actions);
        assert_eq!(words(&actions), *expect, "at {at_ms} ms: {input:?}");
    }
}

const SUBSCRIPTIONS: Input<'_> = Input::Frame(br#"{"type":"subscriptions","channels":[]}"#);
const SNAPSHOT: Input<'_> =
    Input::Frame(br#"{"type":"snapshot","product_id":"A-USD","bids":[["99","1"]],"asks":[["101","1"]]}"#);
const UPDATE: Input<'_> = Input::Frame(
    br#"{"type":"l2update","product_id":"A-USD","changes":[["buy","98","1"]],"time":"2026-11-22T14:00:00Z"}"#,
);
const BAD_UPDATE: Input<'_> =
    Input::Frame(br#"{"type":"l2update","product_id":"A-USD","changes":[["buy","98"]]}"#);
const HEARTBEAT: Input<'_> = Input::Frame(
    br#"{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"A-USD","time":"2026-11-22T14:00:01Z"}"#,
);

#[test]
fn levels_are_subscribed_to_and_a_lost_book_is_subscribed_to_anew_alone() {
    let mut session = session(BookChannel::LevelBatch, &["A-USD", "B-USD"]);
    check(
        &mut session,
        &[
            (0, SNAPSHOT, ""),
            (
                0,
                Input::Connected,
                "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing, subscribe level2_batch 2",
            ),
            (10, SUBSCRIPTIONS, ""),
            (20, UPDATE, "depth 0#2"),
            (30, SNAPSHOT, "snapshot 0#3, 0:syncing>live"),
            (40, UPDATE, "depth 0#4"),
            (50, BAD_UPDATE, "depth 0#5, bad 0 bad_json, resync 0 bad_delta, 0:live>gap"),
            (300, UPDATE, "depth 0#6"),
            (540, Input::Timer, ""),
            (550, Input::Timer, "unsubscribe level2_batch 1"),
            (560, SUBSCRIPTIONS, ""),
            (800, Input::Timer, "subscribe level2_batch 1"),
            (900, SNAPSHOT, "snapshot 0#7, 0:gap>live"),
            (910, Input::Lost { instrument: 0 }, "spec 0#8, resync 0 lost, 0:live>gap"),
            (920, Input::Disconnected, "0:gap>empty, 1:syncing>empty"),
            (930, Input::Timer, ""),
        ],
    );
}

#[test]
fn a_heartbeat_that_stays_away_costs_its_instrument_the_book() {
    let mut session = session(BookChannel::LevelBatch, &["A-USD", "B-USD"]);
    let other: &[u8] =
        br#"{"type":"heartbeat","sequence":1,"last_trade_id":1,"product_id":"B-USD","time":"2026-11-22T14:00:01Z"}"#;
    check(
        &mut session,
        &[
            (
                0,
                Input::Connected,
                "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing, subscribe level2_batch 2",
            ),
            (30, SNAPSHOT, "snapshot 0#2, 0:syncing>live"),
            (1_000, HEARTBEAT, "other 0#3"),
            (5_990, Input::Frame(other), "other 1#2"),
            (5_999, Input::Timer, ""),
            // The number that is left out tells the readers.
            (6_000, Input::Timer, "resync 0 heartbeat, 0:live>gap"),
            (6_001, HEARTBEAT, "other 0#5"),
            (15_999, Input::Timer, "unsubscribe level2_batch 1"),
            (16_001, Input::Timer, "0:gap>empty, 1:syncing>empty, close silent"),
        ],
    );
}

#[test]
fn an_unknown_product_costs_no_other_and_any_other_error_closes() {
    let mut session = session(BookChannel::LevelBatch, &["A-USD", "B-USD", "C-USD"]);
    let unknown: &[u8] =
        br#"{"type":"error","message":"Failed to subscribe","reason":"B-USD is not a valid product"}"#;
    check(
        &mut session,
        &[
            (
                0,
                Input::Connected,
                "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing, spec 2#1, 2:empty>syncing, subscribe level2_batch 3",
            ),
            (
                10,
                Input::Frame(unknown),
                "error Failed to subscribe: B-USD is not a valid product, quarantine 1",
            ),
            (260, Input::Timer, "subscribe level2_batch 2"),
            (
                300,
                Input::Frame(br#"{"type":"error","message":"Failed to subscribe","reason":"slow down"}"#),
                "error Failed to subscribe: slow down, 0:syncing>empty, 1:syncing>empty, 2:syncing>empty, close refused",
            ),
        ],
    );
}

fn order(sequence: u64, rest: &str) -> String {
    format!(
        r#"{{"type":"open","sequence":{sequence},"product_id":"A-USD","time":"2026-11-22T14:00:00Z",{rest}}}"#
    )
}

const OPEN: &str =
    r#""order_id":"60de12d8-f80b-4848-adbc-2b17375a9217","price":"99","remaining_size":"2","side":"buy""#;

fn body(sequence: u64) -> String {
    format!(
        r#"{{"sequence":{sequence},"bids":[["99","1","60de12d8-f80b-4848-adbc-2b17375a9216"]],"asks":[]}}"#
    )
}

#[test]
fn orders_join_a_rest_book_and_a_hole_asks_for_another() {
    let mut session = session(BookChannel::Full, &["A-USD"]);
    let (open5, open7) = (order(5, OPEN), order(7, OPEN));
    let heartbeat9: &[u8] =
        br#"{"type":"heartbeat","sequence":9,"last_trade_id":20,"product_id":"A-USD","time":"2026-11-22T14:00:01Z"}"#;
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, subscribe full 1"),
            (10, Input::Frame(open5.as_bytes()), "depth 0#2, fetch /products/A-USD/book?level=3 Start"),
            (
                20,
                Input::SnapshotBody { instrument: 0, body: body(3).as_bytes() },
                "snapshot 0#3, bad 0 snapshot_too_old",
            ),
            (270, Input::Timer, "fetch /products/A-USD/book?level=3 Start"),
            (
                280,
                Input::SnapshotBody { instrument: 0, body: body(4).as_bytes() },
                "snapshot 0#4, 0:syncing>live",
            ),
            (290, Input::Frame(open7.as_bytes()), "depth 0#5, resync 0 gap, 0:live>gap"),
            (790, Input::Timer, "fetch /products/A-USD/book?level=3 Resync"),
            (800, Input::SnapshotFailed { instrument: 0 }, ""),
            (1_800, Input::Timer, "fetch /products/A-USD/book?level=3 Resync"),
            (
                1_810,
                Input::SnapshotBody { instrument: 0, body: body(7).as_bytes() },
                "snapshot 0#6, 0:gap>live",
            ),
            // Number 8 and 9 are announced, and have not come by the next heartbeat.
            (2_000, Input::Frame(heartbeat9), "other 0#7"),
            (3_000, Input::Frame(heartbeat9), "other 0#8, resync 0 heartbeat, 0:live>gap"),
        ],
    );
    assert!(session.feed(0).is_some_and(|feed| feed.orders().is_some_and(opus2_book::Orders::is_empty)));
}

#[test]
fn short_arrays_are_read_by_the_schema_that_comes_first() {
    let mut session = session(BookChannel::Orders, &["A-USD"]);
    let schema: &[u8] = br#"{"type":"level3","schema":{
        "change":["type","product_id","sequence","order_id","price","size","time"],
        "done":["type","product_id","sequence","order_id","time"],
        "match":["type","product_id","sequence","maker_order_id","taker_order_id","price","size","time"],
        "noop":["type","product_id","sequence","time"],
        "open":["type","product_id","sequence","order_id","side","price","size","time"]}}"#;
    let array = |text: &str| {
        let id = "60de12d8-f80b-4848-adbc-2b17375a9216";
        text.replace("ID", id).replace("TIME", "2026-11-22T14:00:00Z")
    };
    let done = array(r#"["done","A-USD","5","ID","TIME"]"#);
    let noop = array(r#"["noop","A-USD","6","TIME"]"#);
    let open = array(r#"["open","A-USD","7","ID","sell","101.00","2","TIME"]"#);
    let change = array(r#"["change","A-USD","8","ID","102.00","3","TIME"]"#);
    let matched = array(r#"["match","A-USD","9","ID","ID","102.00","2","TIME"]"#);
    let trade: &[u8] =
        br#"{"type":"match","trade_id":7,"maker_order_id":"x","taker_order_id":"y","side":"sell",
        "size":"2","price":"102","product_id":"A-USD","sequence":9,"time":"2026-11-22T14:00:00Z"}"#;
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, subscribe level3 1"),
            (10, Input::Frame(schema), "other 0#2"),
            (20, Input::Frame(done.as_bytes()), "depth 0#3, fetch /products/A-USD/book?level=3 Start"),
            (
                30,
                Input::SnapshotBody { instrument: 0, body: body(4).as_bytes() },
                "snapshot 0#4, 0:syncing>live",
            ),
            (40, Input::Frame(noop.as_bytes()), "depth 0#5"),
            (50, Input::Frame(open.as_bytes()), "depth 0#6"),
            (60, Input::Frame(change.as_bytes()), "depth 0#7"),
            (70, Input::Frame(matched.as_bytes()), "depth 0#8"),
            (80, Input::Frame(trade), "trade 0#9"),
        ],
    );
    let feed = session.feed(0).unwrap();
    let levels: Vec<_> = feed.book().side(opus2_types::Side::Ask).levels().collect();
    assert_eq!(levels, [opus2_types::Level::new(10_200, 1)]);
}

fn advanced(sequence: u64, channel: &str, events: &str) -> String {
    format!(
        r#"{{"channel":"{channel}","client_id":"","timestamp":"2026-11-22T14:00:00.1Z","sequence_num":{sequence},"events":[{events}]}}"#
    )
}

fn levels(product: &str, kind: &str) -> String {
    format!(
        r#"{{"type":"{kind}","product_id":"{product}","updates":[{{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"99","new_quantity":"1"}}]}}"#
    )
}

#[test]
fn a_message_is_published_once_for_each_instrument_and_none_after_a_hole() {
    let mut session = session(BookChannel::Advanced, &["A-USD", "B-USD"]);
    let both = format!(
        "{},{},{}",
        levels("A-USD", "snapshot"),
        levels("B-USD", "snapshot"),
        levels("A-USD", "update")
    );
    let both = advanced(0, "l2_data", &both);
    let nobody = advanced(1, "l2_data", &levels("C-USD", "update"));
    let heartbeat = advanced(
        2,
        "heartbeats",
        r#"{"current_time":"2026-11-22 14:00:01.0 +0000 UTC m=+1.0","heartbeat_counter":"1"}"#,
    );
    let hole = advanced(4, "l2_data", &levels("A-USD", "update"));
    check(
        &mut session,
        &[
            (
                0,
                Input::Connected,
                "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing, subscribe heartbeats 0",
            ),
            (250, Input::Timer, "subscribe level2 2"),
            (260, Input::Frame(both.as_bytes()), "depth 0#2, 0:syncing>live, depth 1#2, 1:syncing>live"),
            (270, Input::Frame(nobody.as_bytes()), "dead unknown_symbol"),
            (500, Input::Timer, "subscribe market_trades 2"),
            (510, Input::Frame(heartbeat.as_bytes()), ""),
            (520, Input::Frame(hole.as_bytes()), "0:live>empty, 1:live>empty, close connection_gap"),
            (530, Input::Frame(hole.as_bytes()), ""),
        ],
    );
}

#[test]
fn a_connection_without_heartbeats_is_left() {
    let mut session = session(BookChannel::Advanced, &["A-USD"]);
    let heartbeat = advanced(0, "heartbeats", "{}");
    let trades = advanced(1, "market_trades", r#"{"type":"update","trades":[]}"#);
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, subscribe heartbeats 0"),
            (1_000, Input::Frame(heartbeat.as_bytes()), ""),
            (5_500, Input::Frame(trades.as_bytes()), ""),
            (5_990, Input::Timer, "subscribe level2 1"),
            (6_000, Input::Timer, "0:syncing>empty, close silent"),
        ],
    );
    let error: &[u8] = br#"{"type":"error","message":"too many L2 streams requested in a single session"}"#;
    let mut session = self::session(BookChannel::Advanced, &["A-USD"]);
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, subscribe heartbeats 0"),
            (
                10,
                Input::Frame(error),
                "error too many L2 streams requested in a single session, 0:syncing>empty, close refused",
            ),
        ],
    );
}

#[test]
fn what_one_connection_cannot_do_is_refused_beforehand() {
    let specs = |count: usize, feed| (0..count).map(|index| spec(&format!("C{index}-USD"), feed)).collect();
    let refuse = |channel, specs| Session::new(SETTINGS, channel, None, specs).err().unwrap().to_string();
    assert_eq!(
        refuse(BookChannel::Advanced, specs(31, FeedKind::CoinbaseAdvanced)),
        "31 instruments; a connection by coinbase_advanced follows at most 30"
    );
    assert_eq!(
        refuse(BookChannel::LevelBatch, specs(1, FeedKind::CoinbaseFull)),
        "C0-USD is followed by coinbase_full; this connection follows coinbase_level2"
    );
    assert_eq!(
        refuse(BookChannel::Full, specs(1, FeedKind::CoinbaseFull)),
        "this channel needs an account; set a key, or take level2_batch or Advanced Trade"
    );
}
