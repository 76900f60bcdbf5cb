//! What a window says of a feed: clean, and with each kind of damage.

use std::collections::BTreeMap;

use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, UnixNanos, Venue, market_name};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;
use serde_json::Value;

use super::*;
use crate::{Entry, OutputChannel, with_validation_rules};

/// A little after a whole minute.
const START: i64 = 1_780_000_020_010_000_000;
const MILLI: i64 = 1_000_000;
const WINDOW: i64 = 60_000 * MILLI;
/// Deltas come ten a second, a trade after each.
const STEP: i64 = 100 * MILLI;

/// One message of the clean feed, and what may be done to it.
#[derive(Debug, Clone)]
struct Frame {
    symbol: &'static str,
    channel: Channel,
    recv_ts: i64,
    exch_ts: i64,
    first: u64,
    bid: i64,
    ask: i64,
    qty: i64,
    /// Added to the record's number and those after it.
    skip: u64,
    is_repeated: bool,
    text: Option<&'static str>,
}

/// Two minutes of one instrument: bid and ask wander by a tick, mid about 100.
fn clean(symbol: &'static str, phase: i64) -> Vec<Frame> {
    let frame = |channel, at: i64, first: u64| Frame {
        symbol,
        channel,
        recv_ts: START + at + phase,
        exch_ts: START + at + phase - 20 * MILLI,
        first,
        bid: 9_990,
        ask: 10_010,
        qty: 1_000,
        skip: 0,
        is_repeated: false,
        text: None,
    };
    let mut frames = vec![frame(Channel::Instrument, 0, 0), frame(Channel::Snapshot, 1, 1)];
    for step in 1..1_250 {
        let number = u64::try_from(step).unwrap();
        frames.push(Frame { qty: 1_000 + step % 7, ..frame(Channel::Depth, step * STEP, number + 1) });
        frames.push(frame(Channel::Trade, step * STEP + MILLI, number));
    }
    frames
}

fn spec(symbol: &str) -> InstrumentSpec {
    let (base, quote) = symbol.split_at(3);
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: symbol.into(),
        base: base.into(),
        quote: quote.into(),
        price_scale: 2,
        qty_scale: 3,
        tick: 10,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    }
}

fn text(frame: &Frame) -> String {
    let millis = frame.exch_ts / MILLI;
    let price = |units: i64| format!("{}.{:02}", units / 100, units % 100);
    let qty = |units: i64| format!("{}.{:03}", units / 1_000, units % 1_000);
    let (symbol, number, amount) = (frame.symbol, frame.first, qty(frame.qty));
    let (bid, ask) = (price(frame.bid), price(frame.ask));
    match frame.channel {
        Channel::Instrument => encode_spec(&spec(symbol)),
        Channel::Snapshot => {
            format!(
                r#"{{"lastUpdateId":{number},"bids":[["{bid}","{amount}"]],"asks":[["{ask}","{amount}"]]}}"#
            )
        }
        // Whatever else is quoted goes, so that a moved price is the best one.
        Channel::Depth => format!(
            r#"{{"e":"depthUpdate","E":{millis},"s":"{symbol}","U":{number},"u":{number},"b":[["99.90","0"],["100.10","0"],["{bid}","{amount}"]],"a":[["99.90","0"],["100.10","0"],["{ask}","{amount}"]]}}"#
        ),
        _ => format!(
            r#"{{"e":"trade","E":{millis},"s":"{symbol}","t":{number},"p":"{bid}","q":"{amount}","T":{millis},"m":true}}"#
        ),
    }
}

/// Every instrument's frames through one operator, in the order of their places in the lists, then of time.
fn run(operator: &mut dyn Operator, frames: &[Frame]) -> Vec<Value> {
    let mut numbers = BTreeMap::<&str, u64>::new();
    let mut scores = Vec::new();
    let mut out = Output::new();
    for frame in frames {
        let number = numbers.entry(frame.symbol).or_default();
        *number += 1 + frame.skip;
        let value = frame.text.map_or_else(|| text(frame), str::to_owned);
        let mut bytes = Vec::new();
        let market = market_name(&frame.symbol[..3], &frame.symbol[3..]);
        let record = RawRecord {
            symbol: frame.symbol,
            venue: Venue::Binance,
            channel: frame.channel,
            market: &market,
            conn: "c",
            number: *number,
            recv_ts: UnixNanos(frame.recv_ts),
            value: value.as_bytes(),
        };
        record.encode(&mut bytes).unwrap();
        for _ in 0..=u8::from(frame.is_repeated) {
            out.clear();
            operator.process(&market, &bytes, &mut out).unwrap();
            scores.extend(quality_records(&out));
        }
    }
    scores
}

fn quality_records(out: &Output) -> Vec<Value> {
    out.entries()
        .filter_map(|entry| match entry {
            Entry::Record { channel: OutputChannel::Quality, payload, .. } => {
                Some(serde_json::from_slice(payload).unwrap())
            }
            _ => None,
        })
        .collect()
}

fn operator(rules: &str) -> Box<dyn Operator> {
    crate::create(NAME, &with_validation_rules("", rules)).unwrap()
}

/// The records of an instrument.
fn of<'a>(scores: &'a [Value], instrument: &str) -> Vec<&'a Value> {
    scores.iter().filter(|score| score["instrument"] == instrument).collect()
}

/// The second window of the first instrument, after `damage` to the frames, as score and `reason count` of every deduction.
fn second_window(rules: &str, damage: impl FnOnce(&mut Vec<Frame>)) -> (f64, Vec<String>, Value) {
    let mut frames = clean("BTCUSDT", 0);
    damage(&mut frames);
    let scores = run(&mut *operator(rules), &frames);
    let scores = of(&scores, "BTCUSDT");
    let second = scores.get(1).expect("two windows have ended");
    assert_adds_up(second);
    let reasons = second["deductions"].as_array().unwrap().iter();
    let reasons = reasons
        .map(|deduction| format!("{} {}", deduction["reason"].as_str().unwrap(), deduction["count"]))
        .collect();
    (second["score"].as_f64().unwrap(), reasons, (*second).clone())
}

#[track_caller]
fn assert_adds_up(score: &Value) {
    let points: f64 = score["deductions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|deduction| deduction["points"].as_f64().unwrap())
        .sum();
    let total = score["score"].as_f64().unwrap() + points + score["capped_points"].as_f64().unwrap();
    assert!((total - 100.0).abs() < 1e-4, "score and deductions add up to {total}: {score}");
}

/// The damage is done to the second window; the score must lie in the range, for these reasons alone.
#[track_caller]
fn check(damage: impl FnOnce(&mut Vec<Frame>), low: f64, high: f64, expect: &[&str]) {
    let (score, reasons, record) = second_window("", damage);
    assert_eq!(reasons, expect, "{record}");
    assert!((low..=high).contains(&score), "{score} is not within {low} to {high}: {record}");
}

/// A frame in the middle of the second window.
fn middle(frames: &[Frame], channel: Channel) -> usize {
    let is_there = |frame: &Frame| frame.channel == channel && frame.recv_ts > START + WINDOW * 3 / 2;
    frames.iter().position(is_there).unwrap()
}

/// Every frame of a channel in the second window.
fn each(frames: &mut [Frame], channel: Channel, change: impl Fn(&mut Frame)) {
    frames
        .iter_mut()
        .filter(|frame| frame.channel == channel && frame.recv_ts > START + WINDOW)
        .for_each(change);
}

#[test]
fn a_clean_feed_has_every_point() {
    check(|_| {}, 100.0, 100.0, &[]);
    let (_, _, record) = second_window("", |_| {});
    insta::assert_snapshot!(record.to_string(), @r#"{"capped_points":0.0,"components":{"completeness":1.0,"consistency":null,"ordering":1.0,"timeliness":1.0,"uniqueness":1.0,"validity":1.0},"deductions":[],"fence_below":70,"fenced":false,"id":"binance:BTCUSDT:quality:1780000140000000000","instrument":"BTCUSDT","kind":"instrument","market":"BTC/USD*","messages":1200,"partial":false,"recover_at":80,"score":100.0,"state":"live","venue":"binance","window_end":1780000140000000000,"window_start":1780000080000000000}"#);
}

/// Puts another frame of the feed, changed, before the middle of the second window.
fn insert(frames: &mut Vec<Frame>, channel: Channel, change: impl FnOnce(&mut Frame)) {
    let at = middle(frames, channel);
    let mut frame = frames[at - 2].clone();
    assert_eq!(frame.channel, channel);
    frame.recv_ts = frames[at - 1].recv_ts;
    change(&mut frame);
    frames.insert(at, frame);
}

/// Takes the frame out of the middle of the second window.
fn remove(frames: &mut Vec<Frame>, channel: Channel) {
    let at = middle(frames, channel);
    frames.remove(at);
}

/// Changes the frame in the middle of the second window.
fn change(frames: &mut [Frame], channel: Channel, change: impl FnOnce(&mut Frame)) {
    let at = middle(frames, channel);
    change(&mut frames[at]);
}

#[test]
fn what_is_lost_costs_completeness_and_the_time_without_a_book() {
    let lost = |f: &mut Vec<Frame>| remove(f, Channel::Depth);
    check(lost, 80.0, 92.0, &["updates_missing 1", "out_of_step 29790"]);
    let skipped = |f: &mut Vec<Frame>| change(f, Channel::Depth, |frame| frame.skip = 3);
    check(skipped, 80.0, 92.0, &["records_lost 3", "out_of_step 29989"]);
    let trade = |f: &mut Vec<Frame>| remove(f, Channel::Trade);
    check(trade, 99.9, 99.98, &["trades_missing 1"]);
}

#[test]
fn what_is_repeated_costs_uniqueness() {
    let record = |f: &mut Vec<Frame>| change(f, Channel::Depth, |frame| frame.is_repeated = true);
    check(record, 99.9, 99.995, &["record_repeated 1"]);
    let update = |f: &mut Vec<Frame>| insert(f, Channel::Depth, |_| {});
    check(update, 99.9, 99.995, &["update_repeated 1"]);
    let trade = |f: &mut Vec<Frame>| insert(f, Channel::Trade, |_| {});
    check(trade, 99.9, 99.995, &["trade_repeated 1"]);
}

#[test]
fn what_comes_in_the_wrong_order_costs_ordering() {
    let swapped = |f: &mut Vec<Frame>| {
        let at = middle(f, Channel::Depth);
        f.swap(at, at + 2);
        (f[at].recv_ts, f[at + 2].recv_ts) = (f[at + 2].recv_ts, f[at].recv_ts);
    };
    check(swapped, 80.0, 92.0, &["out_of_step 29890", "update_out_of_order 1"]);
    let exch = |f: &mut Vec<Frame>| change(f, Channel::Depth, |frame| frame.exch_ts -= 150 * MILLI);
    check(exch, 99.9, 99.995, &["exch_clock_back 1"]);
    let recv = |f: &mut Vec<Frame>| change(f, Channel::Depth, |frame| frame.recv_ts -= 150 * MILLI);
    check(recv, 99.9, 99.995, &["recv_clock_back 1"]);
}

#[test]
fn what_cannot_be_true_costs_validity() {
    // No delta makes good what one has spoiled: only a snapshot would, and none comes.
    let crossed = |f: &mut Vec<Frame>| change(f, Channel::Depth, |frame| frame.text = Some(CROSSING));
    check(crossed, 88.2, 88.3, &["out_of_step 29890", "crossed 1"]);
    let locked = |f: &mut Vec<Frame>| each(f, Channel::Depth, |frame| frame.bid = frame.ask);
    check(locked, 50.0, 50.0, &["locked 599"]);
    let wide = |f: &mut Vec<Frame>| each(f, Channel::Depth, |frame| frame.ask = 10_600);
    check(wide, 50.0, 50.0, &["wide_spread 599"]);
    let off_tick = |f: &mut Vec<Frame>| change(f, Channel::Depth, |frame| frame.ask = 10_012);
    check(off_tick, 99.9, 99.99, &["off_tick 1"]);
    let too_fine = |f: &mut Vec<Frame>| change(f, Channel::Trade, |frame| frame.text = Some(TOO_FINE));
    check(too_fine, 99.8, 99.99, &["trades_missing 1", "off_tick 1"]);
    let cut_off = |f: &mut Vec<Frame>| change(f, Channel::Trade, |frame| frame.text = Some("{"));
    check(cut_off, 99.8, 99.99, &["trades_missing 1", "unreadable 1"]);
    let volume = |f: &mut Vec<Frame>| change(f, Channel::Trade, |frame| frame.qty *= 1_000_000);
    check(volume, 99.9, 99.99, &["insane_volume 1"]);
    let level = |f: &mut Vec<Frame>| change(f, Channel::Depth, |frame| frame.qty *= 1_000_000);
    check(level, 99.9, 99.99, &["insane_volume 1"]);
}

const CROSSING: &str =
    r#"{"e":"depthUpdate","E":1780000110090,"s":"BTCUSDT","U":902,"u":902,"b":[["100.20","1"]],"a":[]}"#;
const TOO_FINE: &str = r#"{"e":"trade","E":1780000110090,"s":"BTCUSDT","t":901,"p":"99.901","q":"1","T":1780000110090,"m":true}"#;

#[test]
fn what_comes_late_or_not_at_all_costs_timeliness() {
    let late = |f: &mut Vec<Frame>| each(f, Channel::Depth, |frame| frame.exch_ts -= 300 * MILLI);
    check(late, 50.0, 50.0, &["late 599", "exch_clock_back 2"]);
    let silent = |f: &mut Vec<Frame>| {
        f.retain(|frame| {
            let at = frame.recv_ts - START;
            !(WINDOW..2 * WINDOW).contains(&at)
        });
    };
    let (score, reasons, record) = second_window("", silent);
    assert_eq!((score, reasons), (16.518_333, vec!["stale 50089".to_owned()]), "{record}");
    assert_eq!(record["fenced"], true, "most of a minute was silent");
}

/// Three instruments of one market; one of them says 101 where the others say 100.
#[test]
fn the_instrument_that_disagrees_is_the_one_that_loses_consistency() {
    let (mut wrong, right) = (clean("BTCUSDT", 0), clean("BTCUSDC", 7 * MILLI));
    each(&mut wrong, Channel::Depth, |frame| (frame.bid, frame.ask) = (10_090, 10_110));
    let third = clean("BTCTUSD", 13 * MILLI);
    let consistency = |feeds: Vec<Vec<Frame>>| {
        let mut frames = feeds.concat();
        frames.sort_by_key(|frame| frame.recv_ts);
        let scores = run(&mut *operator(""), &frames);
        scores.iter().filter(|score| score["kind"] == "instrument").for_each(assert_adds_up);
        ["BTCUSDT", "BTCUSDC", "BTCTUSD"].map(|instrument| {
            let score = of(&scores, instrument).get(1).copied().cloned().unwrap_or_default();
            (score["components"]["consistency"].as_f64(), score["fenced"].as_bool())
        })
    };
    let (good, bad, none) = ((Some(1.0), Some(false)), (Some(0.0), Some(true)), (None, None));
    assert_eq!(consistency(vec![wrong.clone(), right.clone(), third]), [bad, good, good]);
    assert_eq!(consistency(vec![wrong, right]), [bad, bad, none], "of two, nobody can say which is wrong");
}

/// A fence closes on the first bad window, stays closed while the score is between the thresholds, and opens after.
#[test]
fn the_stages_hear_of_the_fence() {
    let rules = "window_secs: 10\ndefaults: { fence_below: 75, recover_at: 95 }";
    let mut frames = clean("BTCUSDT", 0);
    for frame in &mut frames {
        let window = (frame.recv_ts - START) / (10_000 * MILLI);
        let (is_bad, is_poor) = (window == 4, window == 5 && frame.first % 2 == 0);
        if frame.channel == Channel::Depth && (is_bad || is_poor) {
            frame.bid = frame.ask;
        }
    }
    let mut operator = operator(rules);
    let scores = run(&mut *operator, &frames);
    let fenced: Vec<bool> =
        of(&scores, "BTCUSDT").iter().map(|score| score["fenced"].as_bool().unwrap()).collect();
    assert_eq!(fenced[3..8], [false, true, true, false, false]);
    let venue = scores.iter().filter(|score| score["kind"] == "venue").nth(4).unwrap();
    insta::assert_snapshot!(venue.to_string(), @r#"{"fenced":1,"id":"binance:BTC/USD*:quality:1780000070000000000","instruments":1,"kind":"venue","market":"BTC/USD*","score":50.0,"score_min":50.0,"venue":"binance","window_end":1780000070000000000,"window_start":1780000060000000000}"#);
    let mut counters = BTreeMap::new();
    operator.counters(&mut |name, value| {
        counters.insert(name, value);
    });
    let windows = u64::try_from(fenced.len()).unwrap();
    assert_eq!((counters["quality_fences_closed"], counters["quality_fences_opened"]), (1, 1));
    assert_eq!(counters["quality_windows_binance"], windows);
    assert!(counters["quality_score_thousandths_binance"] < windows * 100_000);
    assert!(counters["quality_locked"] > 100);
}

/// Timers may fire at any place where the records do not show their time yet, and a task may be restored anywhere.
#[test]
fn scores_are_the_same_whoever_closes_the_window_and_after_a_restore() {
    let mut frames = clean("BTCUSDT", 0);
    frames.remove(700);
    let expect = run(&mut *operator(""), &frames);
    for cut in [1, 599, 1_200, 1_201, 1_900] {
        let mut first = operator("");
        let mut scores = run(&mut *first, &frames[..cut]);
        let due = frames[cut].recv_ts.div_euclid(WINDOW) * WINDOW;
        let mut out = Output::new();
        first.on_timer("BTC/USD*", UnixNanos(due.min(frames[cut].recv_ts - 1)), &mut out).unwrap();
        scores.extend(quality_records(&out));
        let mut blob = Vec::new();
        first.save("BTC/USD*", &mut blob).unwrap();
        let mut second = operator("");
        second.load("BTC/USD*", &blob).unwrap();
        scores.extend(resume(&mut *second, &frames, cut));
        assert_eq!(scores, expect, "cut at {cut}");
    }
}

fn resume(operator: &mut dyn Operator, frames: &[Frame], cut: usize) -> Vec<Value> {
    let mut rest = frames[cut..].to_vec();
    // The numbers go on where they were.
    rest[0].skip += u64::try_from(cut).unwrap();
    run(operator, &rest)
}

/// One instrument falls silent in the first window, the other keeps the market awake.
#[test]
fn an_instrument_that_is_gone_is_judged_no_more_until_it_speaks() {
    let mut gone = clean("BTCUSDT", 0);
    let last = gone.pop().unwrap();
    gone.retain(|frame| frame.recv_ts < START + 2_000 * MILLI);
    gone.push(last);
    let mut frames = [gone, clean("BTCUSDC", 7 * MILLI)].concat();
    frames.sort_by_key(|frame| frame.recv_ts);
    let scores = run(&mut *operator("window_secs: 5"), &frames);
    let judged: Vec<i64> = of(&scores, "BTCUSDT")
        .iter()
        .map(|score| (score["window_end"].as_i64().unwrap() - START) / (5_000 * MILLI))
        .collect();
    assert_eq!(judged, (0..=10).collect::<Vec<_>>(), "one window with messages, ten without");
    assert_eq!(of(&scores, "BTCUSDC").len(), 24);
}

#[test]
fn wrong_rules_are_refused_by_key() {
    let error =
        crate::create(NAME, &with_validation_rules("[signal]\ncusum_h = 6.0", "window_secs: 0")).err();
    assert_eq!(
        error.unwrap().to_string(),
        "configuration of operator \"normalize\": validation_rules: window_secs = 0 is out of bounds; expected 1 to 3600"
    );
    assert!(
        crate::create("signal", &with_validation_rules("", "window_secs: 0")).is_ok(),
        "only normalize reads them"
    );
}
