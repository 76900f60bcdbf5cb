//! How readings become a snapshot.

use super::*;

const START: i64 = 1_723_161_253_937_085_768;

fn at(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn state() -> State {
    State::new(Duration::from_secs(10))
}

fn signal(exch_ts: Option<i64>, recv_ts: i64, kind: &str) -> String {
    let exch_ts = exch_ts.map_or("null".to_owned(), |ts| ts.to_string());
    format!(
        r#"{{"id":"i","kind":"{kind}","venue":"binance","instrument":"BTCUSDT","market":"m","exch_ts":{exch_ts},"recv_ts":{recv_ts}}}"#
    )
}

fn take(state: &mut State, text: &str, read_ts: i64) {
    state.take_signal(at(1), UnixNanos(read_ts), &serde_json::from_str(text).unwrap());
}

#[test]
fn a_signal_is_timed_from_the_venue_and_from_our_socket() {
    let mut state = state();
    take(&mut state, &signal(Some(START), START + 200_000, "signal"), START + 5_200_000);
    let latency = state.snapshot(at(1), UnixNanos(0)).latency;
    let counts = [latency.venue_to_receive, latency.receive_to_read, latency.end_to_end].map(|way| way.count);
    assert_eq!(counts, [1, 1, 1]);
    // Two significant digits.
    assert_eq!(latency.venue_to_receive.p50_us, 200);
    assert!((5_000..=5_050).contains(&latency.receive_to_read.p50_us), "{latency:?}");
    assert!((5_200..=5_252).contains(&latency.end_to_end.p50_us), "{latency:?}");
}

#[test]
fn a_signal_without_venue_time_is_timed_from_our_socket_only() {
    let mut state = state();
    take(&mut state, &signal(None, START, "signal"), START + 1_000_000);
    let latency = state.snapshot(at(1), UnixNanos(0)).latency;
    assert_eq!(
        (latency.venue_to_receive.count, latency.receive_to_read.count, latency.end_to_end.count),
        (0, 1, 0)
    );
}

#[test]
fn a_venue_clock_ahead_of_ours_is_counted_and_shows_no_negative_latency() {
    let mut state = state();
    take(&mut state, &signal(Some(START), START - 1, "signal"), START - 1);
    let snapshot = state.snapshot(at(1), UnixNanos(0));
    assert_eq!((snapshot.ahead_count, snapshot.latency.end_to_end.max_us), (1, 0));
}

#[test]
fn a_bar_is_no_signal() {
    let mut state = state();
    take(&mut state, &signal(Some(START), START, "bar"), START);
    let snapshot = state.snapshot(at(1), UnixNanos(0));
    assert_eq!((snapshot.signals.len(), snapshot.latency.end_to_end.count), (0, 0));
}

#[test]
fn without_a_daemon_the_raw_topics_tell_what_was_acked() {
    let mut state = state();
    state.observe_raw(at(0), 100);
    state.observe_raw(at(1), 150);
    assert_eq!(state.snapshot(at(1), UnixNanos(0)).count(Step::Acked), Some(50));
    state.observe_step(at(1), Step::Acked, 7, true);
    assert_eq!(state.snapshot(at(1), UnixNanos(0)).count(Step::Acked), Some(7));
}

#[test]
fn a_topic_counts_since_the_monitor_began() {
    let mut state = state();
    state.observe_topic(at(0), "old", None, 40);
    state.observe_topic(at(0), "new", Some(Step::Signals), 0);
    state.observe_topic(at(1), "old", None, 45);
    state.observe_topic(at(1), "new", Some(Step::Signals), 8);
    let snapshot = state.snapshot(at(1), UnixNanos(0));
    assert_eq!(snapshot.topics, [("new".to_owned(), 8), ("old".to_owned(), 5)].into());
    assert_eq!(snapshot.count(Step::Signals), Some(8));
    state.restart();
    assert_eq!(state.snapshot(at(2), UnixNanos(0)).count(Step::Signals), Some(0));
}

#[test]
fn books_are_counted_by_their_last_state() {
    let mut state = state();
    for (symbol, book) in [("A", "syncing"), ("A", "live"), ("B", "live"), ("C", "gap")] {
        let text = format!(
            r#"{{"kind":"book","venue":"binance","instrument":"{symbol}","exch_ts":null,"recv_ts":1,"state":"{book}"}}"#
        );
        state.take_normalized(&serde_json::from_str(&text).unwrap());
    }
    let books = state.snapshot(at(1), UnixNanos(0)).books;
    assert_eq!(books, [("gap".to_owned(), 1), ("live".to_owned(), 2)].into());
}

#[test]
fn reasons_instruments_and_detections_are_limited() {
    let mut state = state();
    for number in 0..2 * REASONS_LIMIT {
        let text = format!(r#"{{"step":"normalize","reason":"r{number}"}}"#);
        state.take_dead_letter(&serde_json::from_str(&text).unwrap());
    }
    let detections = r#","detections":[{"detector":"cusum","direction":"up","lag_ms":null},{"detector":"micro_move","direction":"down","lag_ms":250}]}"#;
    for number in 0..INSTRUMENTS_LIMIT + 10 {
        let text = signal(None, 1, "signal").replace("BTCUSDT", &number.to_string()).replace('}', detections);
        take(&mut state, &text, 1);
    }
    let snapshot = state.snapshot(at(1), UnixNanos(0));
    assert_eq!(snapshot.dead_letters.values().sum::<u64>(), 2 * REASONS_LIMIT as u64);
    assert_eq!(snapshot.dead_letters.len(), REASONS_LIMIT + 1);
    assert_eq!(snapshot.signals.len(), INSTRUMENTS_LIMIT);
    assert_eq!(snapshot.detections.len(), DETECTIONS_LIMIT);
    assert_eq!(snapshot.detections[0].text, "↓ micro_move 250 ms");
}

#[test]
fn a_move_seen_by_many_events_is_one_episode() {
    let mut state = state();
    let up = r#","detections":[{"detector":"micro_move","direction":"up","lag_ms":100}]}"#;
    for millis in [0, 400, 1300, 2400] {
        take(&mut state, &signal(None, START + millis * 1_000_000, "signal").replace('}', up), START);
    }
    let detections = state.snapshot(at(1), UnixNanos(0)).detections;
    let shown: Vec<_> =
        detections.iter().map(|seen| ((seen.recv_ts - START) / 1_000_000, seen.count)).collect();
    assert_eq!(shown, [(2400, 1), (0, 3)]);
}

#[test]
fn the_busiest_instruments_come_first() {
    let mut state = state();
    for (symbol, count) in [("A", 1), ("B", 9), ("C", 8), ("D", 40)] {
        for _ in 0..count {
            take(&mut state, &signal(None, START, "signal").replace("BTCUSDT", symbol), START);
        }
    }
    let order: Vec<_> =
        state.snapshot(at(1), UnixNanos(0)).signals.into_iter().map(|last| last.instrument).collect();
    assert_eq!(order, ["binance:D", "binance:B", "binance:C", "binance:A"]);
}

#[test]
fn the_first_step_that_stands_still_is_named() {
    let mut state = state();
    for second in 0..=5 {
        state.observe_step(at(second), Step::Received, second * 10, false);
        state.observe_step(at(second), Step::Acked, second * 10, false);
        state.observe_step(at(second), Step::Normalized, 3, false);
    }
    assert_eq!(state.snapshot(at(5), UnixNanos(0)).stalled(), Some((Step::Acked, Step::Normalized)));
    assert_eq!(state.snapshot(at(60), UnixNanos(0)).stalled(), None);
}
