//! Sessions step by step.

use std::fmt::Write as _;

use opus2_book::L2Book;
use opus2_types::{Level, Side, SpecOrigin, Venue};
use serde_json::Value;

use super::*;
use crate::kraken::checksum::Checksum;
use crate::resubscription::{QUARANTINE_NANOS, SNAPSHOT_NANOS_MAX};
use crate::session::Session as _;

#[path = "session_recovery_tests.rs"]
mod recovery;

const MS: i64 = 1_000_000;
const DEPTH: u16 = 10;
const SETTINGS: SessionSettings = SessionSettings {
    age_nanos_max: 24 * 3_600_000 * MS,
    silence_nanos_max: 10_000 * MS,
    refresh_nanos: None,
};

fn spec(symbol: &str, feed: FeedKind) -> InstrumentSpec {
    let (base, quote) = symbol.split_once('/').unwrap();
    InstrumentSpec {
        venue: Venue::Kraken,
        symbol: symbol.into(),
        base: base.into(),
        quote: quote.into(),
        price_scale: 1,
        qty_scale: 2,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed,
    }
}

fn session_of(settings: SessionSettings, symbols: &[&str]) -> Session {
    let feed = FeedKind::KrakenBook { depth: DEPTH };
    Session::new(settings, symbols.iter().map(|symbol| spec(symbol, feed)).collect()).unwrap()
}

/// A book message with a checksum that is right for `book`, or wrong by `error`.
fn message(kind: &str, symbol: &str, levels: [&[Level]; 2], book: &L2Book, error: u32) -> String {
    let checksum = Checksum::default().of_levels(book).wrapping_add(error);
    let side = |levels: &[Level]| {
        let level = |level: &Level| {
            let (price, qty) = (level.price.0, level.qty.0);
            format!(r#"{{"price":{}.{},"qty":{}.{:02}}}"#, price / 10, price % 10, qty / 100, qty % 100)
        };
        levels.iter().map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(levels[0]), side(levels[1]));
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{bids}],"asks":[{asks}],"checksum":{checksum},"timestamp":"2026-08-01T02:53:53.398143Z"}}]}}"#
    )
}

/// A snapshot of one level a side.
fn snapshot(symbol: &str, error: u32) -> String {
    let (bids, asks) = ([Level::new(999, 100)], [Level::new(1001, 100)]);
    let mut book = L2Book::new();
    book.replace(&bids, &asks);
    message("snapshot", symbol, [&bids, &asks], &book, error)
}

/// An update that changes the best bid of [`snapshot`].
fn update(symbol: &str, error: u32) -> String {
    let (bids, asks) = ([Level::new(999, 50)], [Level::new(1001, 100)]);
    let mut book = L2Book::new();
    book.replace(&bids, &asks);
    message("update", symbol, [&bids, &[]], &book, error)
}

const PAIRS: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[]}}"#;

fn ack(method: &str, symbol: &str, request: u64) -> String {
    format!(
        r#"{{"method":"{method}","result":{{"channel":"book","symbol":"{symbol}","depth":10}},"success":true,"req_id":{request}}}"#
    )
}

fn refusal(symbol: &str, request: u64) -> String {
    format!(r#"{{"method":"subscribe","success":false,"error":"No","symbol":"{symbol}","req_id":{request}}}"#)
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
            Action::Send(message) => sent(message),
            Action::Fetch { .. } => "fetch".to_owned(),
            Action::FetchToken(request) => format!("token {}", request.body),
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
            Action::Note(Note::Quarantined { instrument, .. }) => format!("quarantined {instrument}"),
            Action::Note(Note::VenueError { message, .. }) => format!("words {message:?}"),
        };
        write!(text, "{separator}{word}").unwrap();
    }
    text
}

/// `+` for subscribe, `-` for unsubscribe: channel, symbols, token, number.
fn sent(message: &str) -> String {
    let message: Value = serde_json::from_str(message).unwrap();
    let sign = match message["method"].as_str().unwrap() {
        "subscribe" => "+",
        "unsubscribe" => "-",
        other => return other.to_owned(),
    };
    let params = &message["params"];
    let symbols = params["symbol"].as_array().map_or(String::new(), |symbols| {
        symbols.iter().map(|symbol| format!(" {}", symbol.as_str().unwrap())).collect::<Vec<_>>().concat()
    });
    let token = params["token"].as_str().map_or(String::new(), |token| format!(" with {token}"));
    format!("{sign}{}{symbols}{token} #{}", params["channel"].as_str().unwrap(), message["req_id"])
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

fn frame(text: &str) -> Input<'_> {
    Input::Frame(text.as_bytes())
}

/// A session with one instrument in step, at 1000 ms. Requests 1 to 4 are sent.
fn live() -> Session {
    let mut session = session_of(SETTINGS, &["A/USD"]);
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, +instrument #1"),
            (50, Input::Timer, ""),
            (100, frame(PAIRS), ""),
            (100, Input::Timer, "+book A/USD #2"),
            (200, frame(&ack("subscribe", "A/USD", 2)), "+trade A/USD #3"),
            (300, Input::Timer, "+ticker A/USD #4"),
            (1000, frame(&snapshot("A/USD", 0)), "snapshot 0#2, 0:syncing>live"),
        ],
    );
    session
}

#[test]
fn the_list_of_pairs_comes_first_then_books_trades_and_quotes() {
    check(
        &mut live(),
        &[
            (1010, frame(&update("A/USD", 0)), "depth 0#3"),
            (1020, frame(r#"{"channel":"heartbeat"}"#), ""),
            (1030, frame(&update("X/USD", 0)), "dead unknown_symbol"),
            (1040, frame("nonsense"), "dead bad_json"),
            (
                1050,
                frame(r#"{"channel":"status","type":"update","data":[{"system":"maintenance"}]}"#),
                r#"words "the trading system is in state \"maintenance\"""#,
            ),
            (1060, Input::Disconnected, "0:live>empty"),
            (1070, frame(&update("A/USD", 0)), ""),
        ],
    );
}

#[test]
fn books_do_not_wait_for_ever_for_the_list_of_pairs() {
    check(
        &mut session_of(SETTINGS, &["A/USD"]),
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, +instrument #1"),
            (4950, Input::Timer, ""),
            (5000, Input::Timer, "+book A/USD #2"),
        ],
    );
}

#[test]
fn a_wrong_checksum_costs_its_book_a_new_subscription() {
    check(
        &mut live(),
        &[
            (
                1010,
                frame(&update("A/USD", 1)),
                "depth 0#3, bad 0 bad_checksum, resync 0 checksum, 0:live>gap",
            ),
            (1020, frame(&update("A/USD", 0)), "depth 0#4"),
            (1500, Input::Timer, ""),
            (1510, Input::Timer, "-book A/USD #5"),
            (1700, frame(&ack("unsubscribe", "A/USD", 5)), "+book A/USD #6"),
            (1800, frame(&ack("subscribe", "A/USD", 6)), ""),
            (1900, frame(&snapshot("A/USD", 0)), "snapshot 0#5, 0:gap>live"),
            (9000, Input::Timer, ""),
        ],
    );
}

#[test]
fn a_pair_that_keeps_failing_is_quarantined_for_an_hour() {
    let mut session = live();
    let mut now = 1_010;
    let bad = snapshot("A/USD", 1);
    check(
        &mut session,
        &[(now, frame(&update("A/USD", 1)), "depth 0#3, bad 0 bad_checksum, resync 0 checksum, 0:live>gap")],
    );
    for (pause, request, number, outcome) in
        [(500, 5, 4, ""), (1000, 7, 5, ""), (2000, 9, 6, ", quarantined 0")]
    {
        now += pause;
        check(
            &mut session,
            &[
                (now, Input::Timer, &format!("-book A/USD #{request}")),
                (
                    now + 200,
                    frame(&ack("unsubscribe", "A/USD", request)),
                    &format!("+book A/USD #{}", request + 1),
                ),
                (now + 300, frame(&bad), &format!("snapshot 0#{number}, bad 0 bad_checksum{outcome}")),
            ],
        );
        now += 300;
    }
    let until = now + QUARANTINE_NANOS / MS;
    check(
        &mut session,
        &[
            (now + 5_000, Input::Alive, ""),
            (now + 5_000, frame(&update("A/USD", 0)), "depth 0#7"),
            (until - 50, Input::Alive, ""),
            (until - 50, Input::Timer, ""),
            (until, Input::Timer, "-book A/USD #11"),
            (until + 200, frame(&ack("unsubscribe", "A/USD", 11)), "+book A/USD #12"),
            (until + 300, frame(&snapshot("A/USD", 0)), "snapshot 0#8, 0:gap>live"),
        ],
    );
}

#[test]
fn a_refused_subscription_is_tried_again_and_the_others_go_on() {
    let mut session = session_of(SETTINGS, &["A/USD", "B/USD"]);
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing, +instrument #1"),
            (100, frame(PAIRS), ""),
            (100, Input::Timer, "+book A/USD B/USD #2"),
            (200, frame(&ack("subscribe", "A/USD", 2)), "+trade A/USD B/USD #3"),
            (210, frame(&refusal("B/USD", 2)), r#"words "No (B/USD)""#),
            (300, frame(&snapshot("A/USD", 0)), "snapshot 0#2, 0:syncing>live"),
            (310, Input::Timer, "+ticker A/USD B/USD #4"),
            (710, Input::Timer, "-book B/USD #5"),
            (
                720,
                frame(
                    r#"{"method":"unsubscribe","success":false,"error":"Subscription Not Found","req_id":5}"#,
                ),
                r#"words "Subscription Not Found (no symbol given)""#,
            ),
            (810, Input::Timer, "+book B/USD #6"),
            (900, frame(&snapshot("B/USD", 0)), "snapshot 1#2, 1:syncing>live"),
            (1000, frame(&refusal("B/USD", 3)), r#"words "No (B/USD)""#),
            (9000, Input::Timer, "+trade B/USD #7"),
        ],
    );
}

#[test]
fn silence_is_answered_by_a_ping_and_then_by_the_end() {
    check(
        &mut live(),
        &[
            (10_950, Input::Timer, ""),
            (11_000, Input::Timer, "ping"),
            (11_100, frame(r#"{"method":"pong","req_id":5}"#), ""),
            (21_100, Input::Timer, "ping"),
            (26_050, Input::Timer, ""),
            (26_100, Input::Timer, "0:live>empty, close silent"),
            (26_150, Input::Timer, ""),
        ],
    );
}

#[test]
fn a_venue_that_acknowledges_nothing_is_left_and_not_before() {
    let mut session = session_of(SETTINGS, &[]);
    check(
        &mut session,
        &[
            (0, Input::Connected, "+instrument #1"),
            (10_000, Input::Timer, "ping"),
            (29_950, Input::Timer, ""),
            (30_000, Input::Timer, "close silent"),
        ],
    );
}

#[test]
fn books_are_refreshed_in_turn_and_a_refresh_without_a_snapshot_is_a_loss() {
    let period = 60_000 * MS;
    let mut session =
        session_of(SessionSettings { refresh_nanos: Some(period), ..SETTINGS }, &["A/USD", "B/USD"]);
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing, +instrument #1"),
            (0, frame(PAIRS), ""),
            (100, Input::Timer, "+book A/USD B/USD #2"),
            (200, frame(&ack("subscribe", "A/USD", 2)), "+trade A/USD B/USD #3"),
            (300, frame(&snapshot("A/USD", 0)), "snapshot 0#2, 0:syncing>live"),
            (300, Input::Timer, "+ticker A/USD B/USD #4"),
            (310, frame(&snapshot("B/USD", 0)), "snapshot 1#2, 1:syncing>live"),
            (89_950, Input::Alive, ""),
            (89_950, Input::Timer, ""),
            (90_000, Input::Timer, "resync 0 refresh, -book A/USD #5"),
            (90_100, frame(&ack("unsubscribe", "A/USD", 5)), "+book A/USD #6"),
            (90_200, frame(&snapshot("A/USD", 0)), "snapshot 0#3"),
            (119_900, Input::Alive, ""),
            (120_000, Input::Timer, "resync 1 refresh, -book B/USD #7"),
            (120_100, frame(&ack("unsubscribe", "B/USD", 7)), "+book B/USD #8"),
        ],
    );
    let gives_up = 120_100 + SNAPSHOT_NANOS_MAX / MS;
    check(
        &mut session,
        &[
            (gives_up, Input::Alive, ""),
            // The number 3 is left out: who reads the records sees the loss.
            (gives_up, Input::Timer, "resync 0 refresh, resync 1 gap, 1:live>gap, -book A/USD #9"),
            (gives_up + 500, Input::Timer, "-book B/USD #10"),
            (gives_up + 600, frame(&ack("unsubscribe", "B/USD", 10)), "+book B/USD #11"),
            (gives_up + 700, frame(&snapshot("B/USD", 0)), "snapshot 1#4, 1:gap>live"),
        ],
    );
}

#[test]
fn a_changed_precision_announces_the_instrument_anew() {
    let pairs = r#"{"channel":"instrument","type":"update","data":{"assets":[],"pairs":[{"symbol":"A/USD","base":"A",
        "quote":"USD","status":"online","price_precision":2,"qty_precision":2,"price_increment":0.01,"qty_increment":0.01}]}}"#;
    let mut session = live();
    check(
        &mut session,
        &[
            (1500, frame(pairs), "spec 0#3, 0:live>syncing, resync 0 refresh"),
            (1550, frame(&update("A/USD", 0)), "depth 0#4"),
            (1600, Input::Timer, "-book A/USD #5"),
            (1700, frame(&ack("unsubscribe", "A/USD", 5)), "+book A/USD #6"),
        ],
    );
    assert_eq!(session.feed(0).unwrap().spec().price_scale, 2);
    check(&mut session, &[(1800, frame(pairs), "")]);
}

#[test]
fn orders_are_asked_for_with_a_token_and_within_the_budget() {
    let feed = FeedKind::KrakenOrders { depth: 1000 };
    let account = Account::new("key", "c2VjcmV0").unwrap();
    let specs = ["A/USD", "B/USD", "C/USD"].map(|symbol| spec(symbol, feed)).to_vec();
    let mut session = Session::with_account(SETTINGS, account, specs).unwrap();
    let started = "spec 0#1, 0:empty>syncing, spec 1#1, 1:empty>syncing, spec 2#1, 2:empty>syncing";
    check(
        &mut session,
        &[
            (1000, Input::Connected, &format!("{started}, token nonce=1000000000")),
            (1100, Input::Timer, ""),
            (1200, Input::TokenFailed, r#"words "no answer to the token request""#),
            (6150, Input::Timer, ""),
            (6200, Input::Timer, "token nonce=6200000000"),
            (
                6300,
                Input::TokenBody(br#"{"error":[],"result":{"token":"t0"}}"#),
                "+level3 A/USD B/USD with t0 #1",
            ),
            (7350, Input::Timer, ""),
            (7400, Input::Timer, "+level3 C/USD with t0 #2"),
        ],
    );
    let (refused, gone) = (br#"{"error":["EAPI:Invalid key"]}"#, r#"words "EAPI:Invalid key""#);
    let account = Account::new("key", "c2VjcmV0").unwrap();
    let mut session = Session::with_account(SETTINGS, account, vec![spec("A/USD", feed)]).unwrap();
    check(
        &mut session,
        &[
            (0, Input::Connected, "spec 0#1, 0:empty>syncing, token nonce=1"),
            (100, Input::TokenBody(refused), gone),
            (5100, Input::Timer, "token nonce=5100000000"),
            (5200, Input::TokenBody(refused), gone),
            (10_200, Input::Timer, "ping, token nonce=10200000000"),
            (10_300, Input::TokenBody(refused), &format!("{gone}, 0:syncing>empty, close refused")),
        ],
    );
}

#[test]
fn what_one_connection_cannot_follow_is_refused() {
    let book = FeedKind::KrakenBook { depth: 10 };
    let orders = FeedKind::KrakenOrders { depth: 10 };
    let make = |specs| Session::new(SETTINGS, specs).err().map(|error| error.to_string());
    for (specs, expect) in [
        (vec![spec("A/USD", book); 201], "201 instruments; one connection follows at most 200"),
        (
            vec![spec("A/USD", book), spec("B/USD", FeedKind::KrakenBook { depth: 25 })],
            "B/USD is followed by kraken_book; a connection follows kraken_book of one depth",
        ),
        (
            vec![spec("A/USD", orders)],
            "A/USD is followed by kraken_orders; a connection follows kraken_book of one depth",
        ),
    ] {
        assert_eq!(make(specs).as_deref(), Some(expect));
    }
    assert_eq!(make(vec![spec("A/USD", book); 200]), None);
}
