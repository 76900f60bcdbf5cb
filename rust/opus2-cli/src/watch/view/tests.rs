//! The whole screen, as a person sees it.

use std::time::Duration;

use opus2_types::UnixNanos;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::{Choice, draw};
use crate::watch::snapshot::{JobStatus, Snapshot, Source, SourceState, Step};
use crate::watch::state::{Losses, State};

const START: i64 = 1_723_161_253_937_085_768;

fn screen(width: u16, height: u16, snapshot: &Snapshot) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, snapshot, Choice::default())).unwrap();
    terminal.backend().to_string()
}

fn up(state: &mut State, source: Source, address: &str) {
    state.set_source(source, address, SourceState::Up { note: String::new() });
}

/// A minute of a system in which all is well but one book.
fn running() -> Snapshot {
    let mut state = State::new(Duration::from_secs(10));
    for second in 0..=60u64 {
        let now = Duration::from_secs(second);
        for (step, rate) in Step::ALL.into_iter().zip([5012, 5012, 5012, 5011, 5008, 5020, 4310]) {
            state.observe_step(now, step, second * rate + second % 7 * 300, false);
        }
        state.tick(now);
    }
    let now = Duration::from_secs(60);
    for (index, symbol) in ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"].into_iter().enumerate() {
        let number = i64::try_from(index).unwrap();
        let recv_ts = START + number * 1_000_000;
        let book = if symbol == "XRPUSDT" { "gap" } else { "live" };
        let book = format!(
            r#"{{"kind":"book","venue":"binance","instrument":"{symbol}","exch_ts":null,"recv_ts":{recv_ts},"state":"{book}"}}"#
        );
        state.take_normalized(&serde_json::from_str(&book).unwrap());
        let signal = SIGNAL
            .replace("SYMBOL", symbol)
            .replace("EXCH_TS", &(recv_ts - 210_000).to_string())
            .replace("RECV_TS", &recv_ts.to_string())
            .replace("IMBALANCE", ["-0.4", "0", "0.4", "0.8"][index]);
        let read_ts = UnixNanos(recv_ts + 4_200_000 + number * 900_000);
        state.take_signal(now, read_ts, &serde_json::from_str(&signal).unwrap());
    }
    state.set_losses(Losses { resyncs: [("gap".to_owned(), 2)].into(), ..Losses::default() });
    state.set_job(Some(JobStatus {
        name: "hifa".into(),
        state: "RUNNING".into(),
        restarts_count: Some(0),
        checkpoints_count: 6,
        checkpoint_ms: Some(45),
        checkpoint_bytes: Some(1_240_000),
        ..JobStatus::default()
    }));
    up(&mut state, Source::Simulator, "http://127.0.0.1:9470");
    up(&mut state, Source::Ingest, "http://127.0.0.1:9464/metrics");
    up(&mut state, Source::Broker, "127.0.0.1:9092");
    up(&mut state, Source::Flink, "http://127.0.0.1:8081");
    state.snapshot(now, UnixNanos(START))
}

const SIGNAL: &str = r#"{"id":"i","kind":"signal","venue":"binance","instrument":"SYMBOL","market":"m","exch_ts":EXCH_TS,
    "recv_ts":RECV_TS,"state":"live","bbo":{"source":"quote","seq":1,"bid":["1","1"],"ask":null,"mid":"61234.565"},
    "features":{"queue_imbalance":{"value":IMBALANCE,"window_ms":null,"reason":null},
    "ofi_1s":{"value":-12.5,"window_ms":1000,"reason":null},"ofi_5s":{"value":null,"window_ms":5000,"reason":"cold"}},
    "detections":[{"detector":"micro_move","direction":"up","lag_ms":250,"value":3.1,"threshold":3.0}]}"#;

/// Nothing answers, nothing is known.
fn alone() -> Snapshot {
    let mut state = State::new(Duration::from_secs(10));
    let missing = SourceState::Missing {
        reason: "connection refused".into(),
        todo: "start it with scripts/run, or name it with --flink".into(),
    };
    state.set_source(Source::Flink, "http://127.0.0.1:8081", missing);
    state.set_source(Source::Broker, "127.0.0.1:9092", SourceState::Waiting);
    state.set_source(Source::Ingest, "", SourceState::Off);
    state.snapshot(Duration::ZERO, UnixNanos(START))
}

#[test]
fn a_running_system_on_a_wide_screen() {
    insta::assert_snapshot!(screen(100, 30, &running()), @r#"
    " OPUS 2   00:01:00                                  q quit   r restart counts   p pause   ↑↓ scroll "
    " steps ─────────────────────────────────────────────────────────────────────────────────────────────"
    " simulated ›   received ›    published ›   acked ›       consumed ›    normalized ›  signals        "
    " 4,892/s       4,892/s       4,892/s       4,891/s       4,888/s       4,900/s       4,190/s        "
    " 301,920       301,920       301,920       301,860       301,680       302,400       259,800        "
    " ▆▆▆▆▆██▆▆▆▆▆  ▆▆▆▆▆██▆▆▆▆▆  ▆▆▆▆▆██▆▆▆▆▆  ▆▆▆▆▆██▆▆▆▆▆  ▆▆▆▆▆██▆▆▆▆▆  ▆▆▆▆▆██▆▆▆▆▆  ▆▆▆▆▆██▆▆▆▆▆   "
    " ████████████  ████████████  ████████████  ████████████  ████████████  ████████████  ████████████   "
    " latency of signals, last 10 s ────────────────────────── health ───────────────────────────────────"
    "                     p50     p90     p99   p99.9     max  books   3 live 1 gap                      "
    " venue → socket   210 µs  210 µs  210 µs  210 µs  210 µs  resyncs 2 (gap 2)                         "
    " socket → signal 5.12 ms 6.91 ms 6.91 ms 6.91 ms 6.91 ms  drops   none                              "
    " venue → signal  5.31 ms 7.13 ms 7.13 ms 7.13 ms 7.13 ms  refused none                              "
    "                                                          job     running, checkpoint 45 ms 1.2 MB  "
    " signals of binance ──────────────────────────────────── detections and decisions, newest first ────"
    "   instrument             mid queue imbalance   OFI 1 s  23:54:13.9 XRPUSDT ↑ micro_move 250 ms     "
    " ● BTCUSDT          61234.565   ▐█│     -0.40    -12.50  23:54:13.9 SOLUSDT ↑ micro_move 250 ms     "
    " ● ETHUSDT          61234.565     │     +0.00    -12.50  23:54:13.9 ETHUSDT ↑ micro_move 250 ms     "
    " ● SOLUSDT          61234.565     │█▌   +0.40    -12.50  23:54:13.9 BTCUSDT ↑ micro_move 250 ms     "
    " ◌ XRPUSDT          61234.565 book: gap          -12.50                                             "
    "                                                                                                    "
    "                                                                                                    "
    "                                                                                                    "
    "                                                                                                    "
    "                                                                                                    "
    "                                                                                                    "
    "                                                                                                    "
    "                                                                                                    "
    " links ─────────────────────────────────────────────────────────────────────────────────────────────"
    " ● simulator http://127.0.0.1:9470                ● ingest http://127.0.0.1:9464/metrics            "
    " ● broker 127.0.0.1:9092                          ● flink http://127.0.0.1:8081                     "
    "#);
}

#[test]
fn a_running_system_on_a_small_screen() {
    insta::assert_snapshot!(screen(80, 24, &running()), @r#"
    " OPUS 2   00:01:00              q quit   r restart counts   p pause   ↑↓ scroll "
    " steps ─────────────────────────────────────────────────────────────────────────"
    " simulated  received   published  acked       consumed   normalized signals     "
    " 4,892/s    4,892/s    4,892/s    4,891/s     4,888/s    4,900/s    4,190/s     "
    " 301,920    301,920    301,920    301,860     301,680    302,400    259,800     "
    " latency of signals, last 10 s ────────────────── health ───────────────────────"
    "                     p50     p90     p99     max  books   3 live 1 gap          "
    " venue → socket   210 µs  210 µs  210 µs  210 µs  resyncs 2 (gap 2)             "
    " socket → signal 5.12 ms 6.91 ms 6.91 ms 6.91 ms  drops   none                  "
    " venue → signal  5.31 ms 7.13 ms 7.13 ms 7.13 ms  refused none                  "
    "                                                  job     running, ckpt 45 ms   "
    " signals of binance ────────────────────────────────────────────────────────────"
    "   instrument                mid queue imbalance   OFI 1 s last detection       "
    " ● BTCUSDT             61234.565   ▐█│     -0.40    -12.50 ↑ micro_move 250 ms  "
    " ● ETHUSDT             61234.565     │     +0.00    -12.50 ↑ micro_move 250 ms  "
    " ● SOLUSDT             61234.565     │█▌   +0.40    -12.50 ↑ micro_move 250 ms  "
    " ◌ XRPUSDT             61234.565 book: gap          -12.50 ↑ micro_move 250 ms  "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    " links ─────────────────────────────────────────────────────────────────────────"
    " ● simulator http://127.0.0.1:9470      ● ingest http://127.0.0.1:9464/metrics  "
    " ● broker 127.0.0.1:9092                ● flink http://127.0.0.1:8081           "
    "#);
}

#[test]
fn a_missing_source_says_what_to_do() {
    insta::assert_snapshot!(screen(80, 24, &alone()), @r#"
    " OPUS 2   00:00:00              q quit   r restart counts   p pause   ↑↓ scroll "
    " steps ─────────────────────────────────────────────────────────────────────────"
    " simulated  received   published  acked       consumed   normalized signals     "
    " –          –          –          –           –          –          –           "
    " –          –          –          –           –          –          –           "
    " latency of signals, last 10 s ────────────────── health ───────────────────────"
    "                     p50     p90     p99     max  books   –                     "
    " venue → socket        –       –       –       –  resyncs none                  "
    " socket → signal       –       –       –       –  drops   none                  "
    " venue → signal        –       –       –       –  refused none                  "
    "                                                  job     –                     "
    " signals ───────────────────────────────────────────────────────────────────────"
    " none yet                                                                       "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    "                                                                                "
    " links ─────────────────────────────────────────────────────────────────────────"
    " ○ broker 127.0.0.1:9092                                                        "
    " ✗ flink connection refused; start it with scripts/run, or name it with --flink "
    "#);
}

#[test]
fn a_screen_of_any_size_is_drawn() {
    let (running, alone) = (running(), alone());
    for width in [1, 2, 10, 40, 79, 97, 300] {
        for height in [1, 2, 7, 15, 27, 90] {
            screen(width, height, &running);
            screen(width, height, &alone);
        }
    }
}
