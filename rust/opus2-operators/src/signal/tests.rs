//! What events become.

use std::fmt::Write as _;

use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MakerFill, MarketEvent, OrderId, Price, Qty,
    QualityEvent, QualityFlags, QuoteEvent, SeqRange, StatusEvent, TradeEvent, Venue,
};
use opus2_wire::event::encode_event;

use super::*;
use crate::{Entry, OutputChannel, create};

const MARKET: &str = "BTC/USD*";
/// 2024-08-09 00:00:00 UTC.
const START: i64 = 1_723_161_600_000_000_000;

/// An operator and what it has given.
struct Run {
    operator: Box<dyn Operator>,
    records: Vec<String>,
    timers: Vec<i64>,
    frames: usize,
}

/// One word is one event of an instrument (BTCUSDT; with a leading `~`, BTCUSDC), its update number one higher than the
/// last: `q100x5/101x3` a quote, `b100x5/101x3` a book whose deeper levels follow, `b/101x3` one without bids, `t` a
/// trade, `m7x4/10` one that fills 4 of order 7, which showed 10, `live`, `gap`, `empty` a status, `bad`, `poor` and `good` a verdict, `!q…`, `!b…` one flagged `after_gap`. `@1500` sets the receive time to
/// 1500 ms after the start, `#7` the next update number, `timer2000` fires the host's timer for 2000 ms, `restart` saves and
/// loads.
fn run(script: &str) -> Run {
    let mut run =
        Run { operator: create("signal", "").unwrap(), records: Vec::new(), timers: Vec::new(), frames: 0 };
    let (mut ms, mut number) = (0, 0);
    for word in script.split_whitespace() {
        let mut out = Output::new();
        if let Some(rest) = word.strip_prefix('@') {
            ms = rest.parse::<i64>().unwrap();
        } else if let Some(rest) = word.strip_prefix('#') {
            number = rest.parse::<u64>().unwrap() - 1;
        } else if let Some(rest) = word.strip_prefix("timer") {
            let at = START + rest.parse::<i64>().unwrap() * 1_000_000;
            run.operator.on_timer(MARKET, UnixNanos(at), &mut out).unwrap();
        } else if word == "restart" {
            let mut blob = Vec::new();
            run.operator.save(MARKET, &mut blob).unwrap();
            run.operator = create("signal", "").unwrap();
            run.operator.load(MARKET, &blob).unwrap();
        } else {
            number += 1;
            run.operator.process(MARKET, &event(word, ms, number), &mut out).unwrap();
        }
        run.take(&out);
    }
    run
}

fn event(word: &str, ms: i64, number: u64) -> Vec<u8> {
    let (word, symbol) = word.strip_prefix('~').map_or((word, "BTCUSDT"), |word| (word, "BTCUSDC"));
    let (word, flags) =
        word.strip_prefix('!').map_or((word, QualityFlags(0)), |word| (word, QualityFlags::AFTER_GAP));
    let status = |to| EventBody::Status(StatusEvent { from: BookState::Live, to });
    let body = match word {
        "live" => status(BookState::Live),
        "gap" => status(BookState::Gap),
        "empty" => status(BookState::Empty),
        "bad" | "poor" | "good" => EventBody::Quality(QualityEvent {
            score_thousandths: if word == "good" { 99_500 } else { 43_210 },
            is_fenced: word != "good",
        }),
        "t" => EventBody::Trade(TradeEvent {
            trade_id: number,
            price: Price(100),
            qty: Qty(1),
            aggressor: Aggressor::Buy,
            maker: None,
        }),
        _ if word.starts_with('m') => {
            let (order, qtys) = word[1..].split_once('x').unwrap();
            let (qty, shown) = qtys.split_once('/').unwrap();
            let order = OrderId::from(order.parse::<u64>().unwrap());
            EventBody::Trade(TradeEvent {
                trade_id: number,
                price: Price(101),
                qty: Qty(qty.parse().unwrap()),
                aggressor: Aggressor::Buy,
                maker: Some(MakerFill { order, shown: Qty(shown.parse().unwrap()) }),
            })
        }
        _ => {
            let (bid, ask) = word[1..].split_once('/').unwrap();
            let level = |text: &str| {
                let (price, qty) = text.split_once('x')?;
                Some(Level::new(price.parse().unwrap(), qty.parse().unwrap()))
            };
            let (bid, ask) = (level(bid), level(ask));
            if word.starts_with('q') {
                EventBody::Quote(QuoteEvent { bid: bid.unwrap_or_default(), ask: ask.unwrap_or_default() })
            } else {
                let deep = |best: Level, sign: i64| {
                    (1..8).map(move |rank| Level::new(best.price.0 + sign * rank, 10 + rank))
                };
                EventBody::Book(BookView::new(
                    bid.into_iter().chain(bid.into_iter().flat_map(|bid| deep(bid, -1))),
                    ask.into_iter().chain(ask.into_iter().flat_map(|ask| deep(ask, 1))),
                ))
            }
        }
    };
    let mut bytes = Vec::new();
    let event = MarketEvent {
        id: &format!("binance:{symbol}:c:{number}"),
        venue: Venue::Binance,
        symbol,
        price_scale: 1,
        qty_scale: 3,
        tick: Price(1),
        lot: opus2_types::Qty(1),
        exch_ts: None,
        recv_ts: UnixNanos(START + ms * 1_000_000),
        seq: SeqRange { first: number, last: number },
        flags,
        body,
    };
    encode_event(&event, &mut bytes).unwrap();
    bytes
}

impl Run {
    fn take(&mut self, out: &Output) {
        for entry in out.entries() {
            match entry {
                Entry::Record { channel, key, event_time, payload } => {
                    if channel == OutputChannel::Main {
                        self.frames += 1;
                        continue;
                    }
                    assert_eq!(channel, OutputChannel::Signals);
                    let record: serde_json::Value = serde_json::from_slice(payload).unwrap();
                    assert_eq!(record["recv_ts"], event_time.0);
                    assert!(key.ends_with(record["instrument"].as_str().unwrap()));
                    self.records.push(String::from_utf8(payload.to_vec()).unwrap());
                }
                Entry::Timer(time) => self.timers.push((time.0 - START) / 1_000_000),
            }
        }
    }

    /// One field of every record of a kind, by JSON pointer.
    fn fields(&self, kind: &str, pointer: &str) -> Vec<String> {
        let records =
            self.records.iter().map(|text| serde_json::from_str::<serde_json::Value>(text).unwrap());
        records
            .filter(|record| record["kind"] == kind)
            .map(|record| record.pointer(pointer).unwrap().to_string().replace('"', ""))
            .collect()
    }

    fn counter(&self, name: &str) -> u64 {
        let mut found = None;
        self.operator.counters(&mut |counter, value| {
            if counter == name {
                found = Some(value);
            }
        });
        found.unwrap()
    }
}

#[track_caller]
fn check(script: &str, kind: &str, pointer: &str, expect: &[&str]) {
    assert_eq!(run(script).fields(kind, pointer), expect, "{script}");
}

#[test]
fn a_quote_becomes_one_record() {
    let run = run("@1 b1000x5000/1001x3000 @800 q1000x6000/1001x3000");
    insta::assert_snapshot!(run.records[1], @r#"{"id":"binance:BTCUSDT:c:2:s1","kind":"signal","venue":"binance","instrument":"BTCUSDT","market":"BTC/USD*","exch_ts":null,"recv_ts":1723161600800000000,"state":"live","trigger":"quote","flags":[],"update":"taken","bbo":{"source":"quote","seq":2,"bid":["100","6"],"ask":["100.1","3"],"mid":"100.05"},"features":{"spread_bps":{"value":9.995002498750624,"window_ms":null,"reason":null},"weighted_mid":{"value":100.06666666666666,"window_ms":null,"reason":null},"microprice":{"value":null,"window_ms":null,"reason":"no_model"},"queue_imbalance":{"value":0.3333333333333333,"window_ms":null,"reason":null},"queue_imbalance_ewma":{"value":0.25,"window_ms":200,"reason":null},"depth_imbalance_5":{"value":0.2490113144832421,"window_ms":null,"reason":null},"depth_imbalance_10":{"value":0.24885384140814115,"window_ms":null,"reason":null},"ofi_1s":{"value":null,"window_ms":1000,"conflation_ms":0,"reason":"cold"},"ofi_5s":{"value":null,"window_ms":5000,"conflation_ms":0,"reason":"cold"},"ofi_15s":{"value":null,"window_ms":15000,"conflation_ms":0,"reason":"cold"},"ofi_normalised_1s":{"value":null,"window_ms":1000,"conflation_ms":0,"reason":"cold"},"ofi_normalised_5s":{"value":null,"window_ms":5000,"conflation_ms":0,"reason":"cold"},"ofi_normalised_15s":{"value":null,"window_ms":15000,"conflation_ms":0,"reason":"cold"},"ofi_integrated_1s":{"value":null,"window_ms":1000,"conflation_ms":100,"reason":"cold"},"ofi_integrated_5s":{"value":null,"window_ms":5000,"conflation_ms":100,"reason":"cold"},"ofi_integrated_15s":{"value":null,"window_ms":15000,"conflation_ms":100,"reason":"cold"},"signed_volume_1s":{"value":null,"window_ms":1000,"reason":"cold"},"signed_volume_5s":{"value":null,"window_ms":5000,"reason":"cold"},"signed_volume_15s":{"value":null,"window_ms":15000,"reason":"cold"},"volume_imbalance_1s":{"value":null,"window_ms":1000,"reason":"cold"},"volume_imbalance_5s":{"value":null,"window_ms":5000,"reason":"cold"},"volume_imbalance_15s":{"value":null,"window_ms":15000,"reason":"cold"},"volume_imbalance_shrunk_15s":{"value":null,"window_ms":15000,"reason":"cold"},"hawkes_buy_ratio":{"value":null,"window_ms":null,"reason":"cold"},"hawkes_sell_ratio":{"value":null,"window_ms":null,"reason":"cold"},"hawkes_imbalance":{"value":null,"window_ms":null,"reason":"cold"},"micro_move_z_100ms":{"value":null,"window_ms":100,"reason":"cold"},"micro_move_z_250ms":{"value":null,"window_ms":250,"reason":"cold"},"micro_move_z_1000ms":{"value":null,"window_ms":1000,"reason":"cold"},"cusum_up":{"value":null,"window_ms":null,"reason":"cold"},"cusum_down":{"value":null,"window_ms":null,"reason":"cold"},"volatility":{"value":null,"window_ms":60000,"reason":"cold"},"wall_signal":{"value":null,"window_ms":null,"reason":"cold"},"layering":{"value":null,"window_ms":10000,"reason":"cold"},"spoof_likeness":{"value":null,"window_ms":3600000,"reason":"cold"}},"detections":[]}"#);
}

#[test]
fn a_second_becomes_one_record_an_instrument() {
    let run =
        run("@1 b1000x5000/1001x3000 @400 q1000x6000/1001x3000 t ~t @1000 q1001x1000/1002x3000 @1001 t");
    insta::assert_snapshot!(run.records[4], @r#"{"id":"binance:BTCUSDT:bar:1723161601000000000","kind":"bar","venue":"binance","instrument":"BTCUSDT","market":"BTC/USD*","exch_ts":null,"recv_ts":1723161601000000000,"state":"live","bar_start":1723161600000000000,"bar_end":1723161601000000000,"books":1,"quotes":2,"trades":1,"resets":0,"ofi_events":2,"ofi_conflated":0,"ofi":"5","mid_open":"100.05","mid_close":"100.15","depth":[{"bps":1,"bid":"0","ask":"0","bid_truncated":false,"ask_truncated":false},{"bps":5,"bid":"5","ask":"3","bid_truncated":false,"ask_truncated":false},{"bps":10,"bid":"5","ask":"3","bid_truncated":false,"ask_truncated":false},{"bps":25,"bid":"5.023","ask":"3.023","bid_truncated":false,"ask_truncated":false},{"bps":50,"bid":"5.05","ask":"3.05","bid_truncated":false,"ask_truncated":false}],"features":{"ofi_1s":{"value":null,"window_ms":1000,"conflation_ms":0,"reason":"cold"},"ofi_5s":{"value":null,"window_ms":5000,"conflation_ms":0,"reason":"cold"},"ofi_15s":{"value":null,"window_ms":15000,"conflation_ms":0,"reason":"cold"},"ofi_normalised_1s":{"value":null,"window_ms":1000,"conflation_ms":0,"reason":"cold"},"ofi_normalised_5s":{"value":null,"window_ms":5000,"conflation_ms":0,"reason":"cold"},"ofi_normalised_15s":{"value":null,"window_ms":15000,"conflation_ms":0,"reason":"cold"},"signed_volume_1s":{"value":null,"window_ms":1000,"reason":"cold"},"signed_volume_5s":{"value":null,"window_ms":5000,"reason":"cold"},"signed_volume_15s":{"value":null,"window_ms":15000,"reason":"cold"},"volume_imbalance_1s":{"value":null,"window_ms":1000,"reason":"cold"},"volume_imbalance_5s":{"value":null,"window_ms":5000,"reason":"cold"},"volume_imbalance_15s":{"value":null,"window_ms":15000,"reason":"cold"}}}"#);
    assert_eq!(run.records.len(), 5);
    assert_eq!(run.frames, 6, "every event goes on to stage 2, trades too");
    assert_eq!(run.timers, [1000, 2000]);
}

#[test]
fn bars_close_once_whoever_is_first() {
    let ids = |script: &str| run(script).fields("bar", "/bar_end").len();
    assert_eq!(ids("@100 q100x1/101x1 @1000 q100x2/101x1"), 0, "the end belongs to the bar");
    assert_eq!(ids("@100 q100x1/101x1 @1001 q100x2/101x1"), 1);
    assert_eq!(ids("@100 q100x1/101x1 timer1000"), 1);
    assert_eq!(ids("@100 q100x1/101x1 timer1000 timer1000 @1001 q100x2/101x1"), 1);
    assert_eq!(ids("@100 q100x1/101x1 @1001 q100x2/101x1 timer1000"), 1);
    assert_eq!(ids("@100 q100x1/101x1 timer999"), 0);
    assert_eq!(ids("timer1000"), 0);
    assert_eq!(ids("@100 q100x1/101x1 @9000 t timer9000"), 2, "seconds without events have no bar");
    assert_eq!(ids("@100 gap @1100 gap @2100 t timer3000"), 1, "a status alone is no event of a bar");
}

#[test]
fn a_bar_opens_with_the_mid_before_it() {
    let script = "@100 q100x1/102x1 @900 q102x1/104x1 @1100 t @1200 q103x1/104x1 timer2000";
    check(script, "bar", "/mid_open", &["10.1", "10.3"]);
    check(script, "bar", "/mid_close", &["10.3", "10.35"]);
    check(script, "bar", "/ofi", &["0.002", "0.001"]);
}

#[test]
fn a_late_event_reopens_no_bar() {
    let run = run("@100 q100x1/101x1 @1100 ~t @900 q100x9/101x1 @1200 q100x10/101x1 timer2000");
    assert_eq!(
        run.fields("bar", "/id"),
        [
            "binance:BTCUSDT:bar:1723161601000000000",
            "binance:BTCUSDC:bar:1723161602000000000",
            "binance:BTCUSDT:bar:1723161602000000000",
        ]
    );
    assert_eq!(run.fields("bar", "/ofi"), ["0", "0", "0.001"], "what came late is in no bar");
    assert_eq!((run.counter("late"), run.counter("late_for_bar"), run.counter("signals")), (1, 1, 3));
}

#[test]
fn quotes_and_books_are_one_stream_in_the_order_of_their_numbers() {
    let script =
        "#10 q100x1/101x1 #9 b99x1/101x1 #10 b100x1/101x1 #12 b100x1/101x1 #11 q90x1/101x1 #13 q100x4/101x1";
    check(script, "signal", "/update", &["taken", "older", "repeated", "confirmed", "older", "taken"]);
    check(script, "signal", "/bbo/seq", &["10", "10", "10", "12", "12", "13"]);
    check(script, "signal", "/bbo/source", &["quote"; 6]);
    let run = run(script);
    let skipped = ["skipped_older", "skipped_repeated", "skipped_confirmed"].map(|name| run.counter(name));
    assert_eq!(skipped, [2, 1, 1]);
}

#[test]
fn ofi_says_whether_changes_may_be_hidden() {
    let quotes = "q100x1/101x1 @1000 q100x2/101x1";
    check(quotes, "signal", "/features/ofi_1s/conflation_ms", &["0", "0"]);
    check(quotes, "signal", "/features/ofi_1s/value", &["null", "0.001"]);
    let books = "b100x1/101x1 @1000 b100x2/101x1 @1010 q100x2/101x1";
    check(books, "signal", "/features/ofi_1s/conflation_ms", &["100", "100", "100"]);
}

#[test]
fn nothing_is_differenced_across_lost_data() {
    let script =
        "q100x1/101x1 @1000 q100x2/101x1 gap @1100 q100x90/101x1 @1200 q100x91/101x1 @2100 q100x91/101x1";
    check(script, "signal", "/features/ofi_1s/value", &["null", "0.001", "null", "null", "0.001"]);
    check(script, "signal", "/features/ofi_1s/reason", &["cold", "null", "resync", "resync", "null"]);
    check(script, "signal", "/state", &["empty", "empty", "gap", "gap", "gap"]);
    let flagged = "q100x1/101x1 @1000 q100x2/101x1 !b200x1/201x1 @1100 b200x2/201x1 timer1000 timer2000";
    check(flagged, "signal", "/features/ofi_1s/reason", &["cold", "null", "resync", "resync"]);
    check(flagged, "bar", "/resets", &["0", "1", "0"]);
    check(flagged, "bar", "/ofi", &["0", "0.001", "0.001"]);
}

#[test]
fn trades_are_summed_between_the_records_that_show_them() {
    let script = "@1 t @2 q100x1/101x1 @900 t t @1010 q100x1/101x1 @1920 q100x1/101x1 timer2000";
    check(script, "signal", "/features/signed_volume_1s/value", &["null", "0.002", "0.0"]);
    check(script, "signal", "/features/volume_imbalance_1s/value", &["null", "1.0", "null"]);
    check(script, "signal", "/features/volume_imbalance_1s/reason", &["cold", "null", "no_events"]);
    check(script, "bar", "/features/signed_volume_1s/value", &["null", "0.0"]);
}

#[test]
fn a_fenced_instrument_says_that_it_is_and_nothing_else() {
    let script = "@100 q100x1/101x1 @1000 q100x2/101x1 good bad @1100 q100x3/101x1 b100x3/101x1 ~q100x1/101x1 \
                  @2000 poor @2100 q100x4/101x1 @3000 good @3200 q100x5/101x1 @4200 q100x6/101x1 timer5000";
    let run = run(script);
    assert_eq!(
        run.fields("signal", "/id"),
        ["c:1", "c:2", "c:7", "c:11", "c:12"].map(|id| {
            let symbol = if id == "c:7" { "BTCUSDC" } else { "BTCUSDT" };
            format!("binance:{symbol}:{id}:s1")
        })
    );
    assert_eq!(
        run.fields("fence", "/fenced"),
        ["true", "false"],
        "a verdict that changes nothing is no record"
    );
    insta::assert_snapshot!(run.records.iter().find(|record| record.contains("\"fence\"")).unwrap(), @r#"{"id":"binance:BTCUSDT:c:4:s1","kind":"fence","venue":"binance","instrument":"BTCUSDT","market":"BTC/USD*","exch_ts":null,"recv_ts":1723161601000000000,"state":"empty","fenced":true,"score":43.21}"#);
    let resync = ["cold", "cold", "cold", "resync", "null"];
    assert_eq!(
        run.fields("signal", "/features/ofi_1s/reason"),
        resync,
        "nothing is measured across the fence"
    );
    let ends = [2_000, 4_000, 5_000].map(|ms| (START + ms * 1_000_000).to_string());
    assert_eq!(
        run.fields("bar", "/bar_end"),
        ends,
        "of the other instrument, then of this one after the fence"
    );
    let counted = ["fenced_signals", "fenced_bars", "fences_closed", "fences_opened", "scores"];
    assert_eq!(counted.map(|name| run.counter(name)), [3, 2, 1, 1, 4]);
}

#[test]
fn a_book_that_is_not_live_has_no_levels() {
    let script = "q100x1/101x1 gap q100x1/101x1 live b100x1/101x1 gap q100x1/101x1";
    check(script, "signal", "/features/depth_imbalance_5/reason", &["data_type", "cold", "null", "resync"]);
}

#[test]
fn empty_and_crossed_sides_have_reasons() {
    let script = "b100x1/ b/101x1 b/ b100x1/101x1 q102x1/101x1 q100x0/101x1 q-5x1/101x1";
    check(
        script,
        "signal",
        "/features/queue_imbalance/value",
        &["1.0", "-1.0", "null", "0.0", "null", "null", "null"],
    );
    check(
        script,
        "signal",
        "/features/queue_imbalance/reason",
        &["null", "null", "empty_side", "null", "crossed", "zero_size", "bad_number"],
    );
    check(
        script,
        "signal",
        "/features/spread_bps/reason",
        &["empty_side", "empty_side", "empty_side", "null", "crossed", "null", "bad_number"],
    );
    let run = run(script);
    let skipped =
        ["skipped_empty_side", "skipped_crossed", "skipped_bad_number"].map(|name| run.counter(name));
    assert_eq!(skipped, [3, 1, 1]);
}

#[test]
fn a_jump_is_detected_with_its_direction() {
    // Eleven quiet seconds to know the volatility, then a hundred ticks within 50 ms.
    let mut script = String::new();
    for step in 0..=110 {
        let (ms, bid) = (step * 100, 60_000 + step % 2);
        write!(script, "@{ms} q{bid}x1/{}x1 ", bid + 1).unwrap();
    }
    let run = run(&(script + "@11050 q59900x1/59901x1 @11200 q59900x1/59901x1"));
    let detections = run.fields("signal", "/detections");
    insta::assert_snapshot!(detections[111], @r#"[{detector:micro_move,direction:down,lag_ms:100,threshold:4.0,value:101.17561843917919},{detector:micro_move,direction:down,lag_ms:250,threshold:4.0,value:63.32975069479425},{detector:micro_move,direction:down,lag_ms:1000,threshold:4.0,value:31.678439109301223}]"#);
    assert!(detections[..111].iter().all(|found| found == "[]"), "nothing before");
    assert!(detections[112].contains("detector:cusum,direction:down"), "the step of the CUSUM has ended");
}

/// What the record after each of `parts` says of icebergs.
#[track_caller]
fn check_icebergs(parts: &[&str], expect: &[&str]) {
    let told = |between: &str| {
        let script = format!("b100x5/101x5 {}", parts.join(&format!(" {between} q100x5/101x5 ")));
        run(&format!("{script} {between} q100x5/101x5")).fields("signal", "/detections").split_off(1)
    };
    let plain = told("");
    assert_eq!(plain, told("restart"), "saved and loaded in between");
    let said = plain.iter().map(|found| {
        let parsed = found.trim_matches(['[', ']', '{', '}']).split(',').map(|field| field.split_once(':'));
        let said =
            |name: &str| parsed.clone().flatten().find(|(key, _)| *key == name).map(|(_, value)| value);
        ["detector", "feed", "side", "price", "peak", "executed", "refills"]
            .map(|name| said(name).unwrap_or(""))
            .join(" ")
    });
    assert_eq!(said.map(|said| said.trim().to_owned()).collect::<Vec<_>>(), expect, "{parts:?}");
}

#[test]
fn orders_that_hold_more_than_they_show_are_icebergs() {
    check_icebergs(&["m9x4/10", "m9x6/6", "m8x5/5 t"], &["", "", ""]);
    check_icebergs(
        &["m7x4/10 m7x6/6", "m7x3/10", "m7x7/7", "m7x1/10"],
        &["", "iceberg orders ask 10.1 0.01 0.013 1", "", "iceberg orders ask 10.1 0.01 0.021 2"],
    );
    check_icebergs(
        &["m7x12/10", "m7x2/10"],
        &["iceberg orders ask 10.1 0.01 0.012 1", "iceberg orders ask 10.1 0.01 0.014 2"],
    );
    check_icebergs(&["m7x10/10 gap live m7x1/10", "m7x9/9 !t m7x1/10"], &["", ""]);
    let run = run("b100x5/101x5 m7x12/10 q100x5/101x5");
    assert!(run.records[1].contains(r#""order":"00000000-0000-0000-0000-000000000007""#));
}

#[test]
fn configuration_is_refused_by_key_and_value() {
    let check = |config: &str, expect: &str| {
        let error = create("signal", config).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(expect), "{config}: {error}");
    };
    check("[signal]\ncusum_h = 6.0\n[signal.book_conflation_ms]\nbinance = 1000", "");
    check("[signal]\ncusum_h = -1.0", "cusum_h = -1 is out of bounds; expected 0.1 to 1000");
    check("[signal]\ncusum = 1.0", "unknown field `cusum`, expected one of `queue_imbalance_ewma_ms`");
    check("[signal]\ncusum_step_ms = \"fast\"", "cusum_step_ms");
    check("[signal.book_conflation_ms]\nnasdaq = 1", "unknown field `nasdaq`");
}

#[test]
fn instruments_of_a_market_have_a_limit() {
    let mut operator = create("signal", "").unwrap();
    let mut records = 0;
    for number in 0..=market::INSTRUMENTS_MAX {
        let (mut bytes, mut out) = (Vec::new(), Output::new());
        let symbol = format!("BTC{number}");
        let template = event("q100x1/101x1", 0, 1);
        let event = MarketEvent { symbol: &symbol, ..decode_event(&template).unwrap() };
        encode_event(&event, &mut bytes).unwrap();
        operator.process(MARKET, &bytes, &mut out).unwrap();
        records += out
            .entries()
            .filter(|entry| matches!(entry, Entry::Record { channel: OutputChannel::Signals, .. }))
            .count();
    }
    assert_eq!(records, market::INSTRUMENTS_MAX);
}

#[test]
fn a_record_that_is_no_event_is_the_hosts_fault() {
    let mut operator = create("signal", "").unwrap();
    let error = operator.process(MARKET, b"{}", &mut Output::new()).unwrap_err();
    assert_eq!(error.to_string(), "operator \"signal\" cannot read its input");
}
