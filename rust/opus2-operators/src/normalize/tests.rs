//! What records become.

use std::fmt::Write;

use opus2_types::{Channel, EventBody, FeedKind, InstrumentSpec, SpecOrigin, UnixNanos, Venue};
use opus2_wire::event::decode_event;
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;
use proptest::prelude::*;

use super::*;
use crate::{Entry, OutputChannel};

const MARKET: &str = "BNB/BTC";
const SYMBOL: &str = "BNBBTC";

fn announcement() -> String {
    encode_spec(&InstrumentSpec {
        venue: Venue::Binance,
        symbol: SYMBOL.into(),
        base: "BNB".into(),
        quote: "BTC".into(),
        price_scale: 4,
        qty_scale: 2,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    })
}

/// One word is one record: `i` announces, `s10` is a snapshot at 10 with bid 0.0024 and ask 0.0026, `d11-12` a delta
/// that sets bid 0.0024 to 12, `x13-13` one that crosses, `b14-14` one that cannot be read, `t1` a trade, `q12` the
/// quote 0.0024 x 12 / 0.0026 x 10, `#2` skips two numbers, `=` repeats the last number, `@c2` changes the connection,
/// `+200` lets 200 ms pass.
fn records(script: &str) -> Vec<Vec<u8>> {
    let (mut number, mut conn, mut ts) = (0u64, "c1".to_owned(), 1_780_000_000_000_000_000i64);
    let mut records = Vec::new();
    for word in script.split_whitespace() {
        let (head, rest) = word.split_at(1);
        let range = || rest.split_once('-').unwrap();
        let delta = |bids: &str| {
            let (first, last) = range();
            format!(
                r#"{{"e":"depthUpdate","E":1780000000000,"s":"{SYMBOL}","U":{first},"u":{last},"b":[{bids}],"a":[]}}"#
            )
        };
        let (channel, value) = match head {
            "i" => (Channel::Instrument, announcement()),
            "s" => (
                Channel::Snapshot,
                format!(r#"{{"lastUpdateId":{rest},"bids":[["0.0024","10"]],"asks":[["0.0026","10"]]}}"#),
            ),
            "d" => (Channel::Depth, delta(&format!(r#"["0.0024","{}"]"#, range().1))),
            "x" => (Channel::Depth, delta(r#"["0.0027","1"]"#)),
            "u" => (Channel::Depth, delta(r#"["0.0027","0"]"#)),
            "b" => (Channel::Depth, delta(r#"["0.00241","1"]"#)),
            "t" => (
                Channel::Trade,
                format!(
                    r#"{{"e":"trade","E":1780000000000,"s":"{SYMBOL}","t":{rest},"p":"0.0025","q":"1","T":1780000000000,"m":true}}"#
                ),
            ),
            "q" => (
                Channel::Quote,
                format!(r#"{{"u":{rest},"s":"{SYMBOL}","b":"0.0024","B":"12","a":"0.0026","A":"10"}}"#),
            ),
            "#" => {
                number += rest.parse::<u64>().unwrap();
                continue;
            }
            "=" => {
                number -= 1;
                continue;
            }
            "@" => {
                (conn, number) = (rest.to_owned(), 0);
                continue;
            }
            _ => {
                ts += rest.parse::<i64>().unwrap() * 1_000_000;
                continue;
            }
        };
        number += 1;
        let mut bytes = Vec::new();
        RawRecord {
            symbol: SYMBOL,
            venue: Venue::Binance,
            channel,
            market: MARKET,
            conn: &conn,
            number,
            recv_ts: UnixNanos(ts),
            value: value.as_bytes(),
        }
        .encode(&mut bytes)
        .unwrap();
        records.push(bytes);
    }
    records
}

/// What reached the stages, a word an event; dead letters as their reason.
fn run(operator: &mut dyn Operator, records: &[Vec<u8>]) -> String {
    let mut words = Vec::new();
    let mut out = Output::new();
    for record in records {
        out.clear();
        operator.process(MARKET, record, &mut out).unwrap();
        for entry in out.entries() {
            match entry {
                Entry::Record { channel: OutputChannel::Main, payload, .. } => {
                    let event = decode_event(payload).unwrap();
                    let word = match event.body {
                        EventBody::Book(view) => format!("book:{}", view.bids()[0].qty.0 / 100),
                        EventBody::Trade(trade) => format!("trade:{}", trade.trade_id),
                        EventBody::Quote(_) => "quote".to_owned(),
                        EventBody::Status(status) => status.to.as_str().to_owned(),
                        EventBody::Quality(_) | EventBody::Position(_) => continue,
                    };
                    let mut word = word;
                    for flag in event.flags.names().filter(|flag| *flag != "no_exch_ts") {
                        word.push('/');
                        word.push_str(flag);
                    }
                    words.push(word);
                }
                Entry::Record { channel: OutputChannel::DeadLetters, payload, .. } => {
                    let letter = String::from_utf8(payload.to_vec()).unwrap();
                    let (_, rest) = letter.split_once(r#""reason":""#).unwrap();
                    words.push(format!("!{}", rest.split_once('"').unwrap().0));
                }
                _ => {}
            }
        }
    }
    words.join(" ")
}

fn operator() -> Normalize {
    Normalize::new(&toml::Table::new()).unwrap()
}

#[track_caller]
fn check(script: &str, expect: &str) {
    assert_eq!(run(&mut operator(), &records(script)), expect, "{script}");
}

#[test]
fn stages_see_nothing_before_a_snapshot_joins() {
    check("i d11-11 t1 q11 s11 d12-12", "syncing live book:10/snapshot/after_gap book:12");
}

#[test]
fn deltas_kept_are_applied_with_the_snapshot() {
    check("i d10-11 d12-12 s11 d13-13", "syncing live book:12/snapshot/after_gap book:13");
}

#[test]
fn trades_and_quotes_of_a_live_book_reach_the_stages() {
    check(
        "i s10 t1 t2 q11 d11-12 q12",
        "syncing live book:10/snapshot/after_gap trade:1 trade:2 quote book:12 quote",
    );
}

#[test]
fn a_missed_update_fences_the_book_until_the_next_snapshot() {
    check(
        "i s10 d12-12 d13-13 t1 s12 d14-14",
        "syncing live book:10/snapshot/after_gap gap live book:13/snapshot/after_gap book:14",
    );
}

#[test]
fn an_unreadable_delta_is_a_missed_update() {
    check(
        "i s10 b11-11 d12-12 s12",
        "syncing live book:10/snapshot/after_gap gap !number_too_fine live book:10/snapshot/after_gap",
    );
}

#[test]
fn a_snapshot_older_than_the_first_delta_is_refused() {
    check("i d11-11 s9 s10", "syncing !snapshot_too_old live book:11/snapshot/after_gap");
}

#[test]
fn a_cross_loses_the_book() {
    check("i s10 x11-11 +50 u12-12", "syncing live book:10/snapshot/after_gap gap");
    check(
        "i s10 x11-11 d12-12 s12",
        "syncing live book:10/snapshot/after_gap gap live book:10/snapshot/after_gap",
    );
}

#[test]
fn a_repeated_record_does_nothing_and_a_skipped_one_loses_the_book() {
    check("i s10 d11-11 = d11-11 d12-12", "syncing live book:10/snapshot/after_gap book:11 book:12");
    check("i s10 #1 d12-12", "syncing live book:10/snapshot/after_gap gap");
}

#[test]
fn a_new_connection_starts_the_book_again() {
    check(
        "i s10 @c2 i d11-11 s11",
        "syncing live book:10/snapshot/after_gap syncing live book:10/snapshot/after_gap",
    );
}

#[test]
fn skipped_trades_are_flagged_and_repeated_ones_dropped() {
    check("i s10 t1 t1 t4", "syncing live book:10/snapshot/after_gap trade:1 trade:4/trade_gap");
}

#[test]
fn what_was_never_announced_is_a_dead_letter() {
    check("d1-1 s1", "!unknown_instrument !unknown_instrument");
    let mut out = Output::new();
    operator().process(MARKET, b"no record", &mut out).unwrap();
    let Some(Entry::Record { channel: OutputChannel::DeadLetters, payload, .. }) = out.entries().next()
    else {
        panic!("no dead letter");
    };
    insta::assert_snapshot!(String::from_utf8_lossy(payload), @r#"{"id":"","kind":"dead_letter","step":"normalize","reason":"bad_record","error":"key: 28526 bytes needed at offset 2, 7 left","channel":null,"recv_ts":null,"bytes":9,"excerpt":"no record"}"#);
}

#[test]
fn published_records_are_exact_and_readable() {
    let mut operator = operator();
    let mut lines = Vec::new();
    for record in records("i s10 d11-12 t7 q13") {
        let mut out = Output::new();
        operator.process(MARKET, &record, &mut out).unwrap();
        lines.extend(out.entries().filter_map(|entry| match entry {
            Entry::Record { channel: OutputChannel::Normalized, payload, .. } => {
                Some(String::from_utf8(payload.to_vec()).unwrap())
            }
            _ => None,
        }));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"id":"binance:BNBBTC:c1:1:status","kind":"status","venue":"binance","instrument":"BNBBTC","market":"BNB/BTC","exch_ts":null,"recv_ts":1780000000000000000,"first":0,"last":0,"flags":[],"state":"syncing","from":"empty"}
    {"id":"binance:BNBBTC:c1:2:status","kind":"status","venue":"binance","instrument":"BNBBTC","market":"BNB/BTC","exch_ts":null,"recv_ts":1780000000000000000,"first":0,"last":0,"flags":[],"state":"live","from":"syncing"}
    {"id":"binance:BNBBTC:c1:2","kind":"book","venue":"binance","instrument":"BNBBTC","market":"BNB/BTC","exch_ts":null,"recv_ts":1780000000000000000,"first":10,"last":10,"flags":["snapshot","after_gap","no_exch_ts"],"state":"live","is_snapshot":true,"bids":[["0.0024","10"]],"asks":[["0.0026","10"]],"view":{"bids":[["0.0024","10"]],"asks":[["0.0026","10"]]}}
    {"id":"binance:BNBBTC:c1:3","kind":"book","venue":"binance","instrument":"BNBBTC","market":"BNB/BTC","exch_ts":1780000000000000000,"recv_ts":1780000000000000000,"first":11,"last":12,"flags":[],"state":"live","is_snapshot":false,"bids":[["0.0024","12"]],"asks":[],"view":{"bids":[["0.0024","12"]],"asks":[["0.0026","10"]]}}
    {"id":"binance:BNBBTC:c1:4","kind":"trade","venue":"binance","instrument":"BNBBTC","market":"BNB/BTC","exch_ts":1780000000000000000,"recv_ts":1780000000000000000,"first":7,"last":7,"flags":[],"state":"live","trade_id":7,"price":"0.0025","qty":"1","aggressor":"sell"}
    {"id":"binance:BNBBTC:c1:5","kind":"quote","venue":"binance","instrument":"BNBBTC","market":"BNB/BTC","exch_ts":null,"recv_ts":1780000000000000000,"first":13,"last":13,"flags":["no_exch_ts"],"state":"live","quote":{"bid":["0.0024","12"],"ask":["0.0026","10"]}}
    "#);
}

proptest! {
    /// Saving and loading at any point is the same as never having stopped.
    #[test]
    fn a_saved_and_loaded_operator_goes_on_as_if_nothing_had_been(cut in 0usize..16) {
        let records = records("i d10-11 d12-12 s11 d13-13 t1 q14 d14-14 x15-15 +50 u16-16 d18-18 d19-19 s18 t3 d20-20 d21-21");
        let (before, after) = records.split_at(cut.min(records.len()));
        let mut straight = operator();
        run(&mut straight, before);
        let mut blob = Vec::new();
        straight.save(MARKET, &mut blob).unwrap();
        let mut restored = operator();
        if !blob.is_empty() {
            restored.load(MARKET, &blob).unwrap();
            let mut again = Vec::new();
            restored.save(MARKET, &mut again).unwrap();
            prop_assert_eq!(&again, &blob, "equal state gives equal bytes");
        }
        prop_assert_eq!(run(&mut restored, after), run(&mut straight, after));
    }

    /// Whatever is lost, repeated or reordered, the book is right or fenced, never wrong and quiet: every book the
    /// stages see ends with the quantity that the last update number covered says.
    #[test]
    fn a_book_is_right_or_fenced(order in prop::collection::vec(0usize..20, 0..60)) {
        let mut script = String::from("i s10");
        for index in order {
            let first = 11 + index * 2;
            write!(script, " d{first}-{}", first + 1).unwrap();
            if index == 19 {
                script.push_str(" s60");
            }
        }
        let mut operator = operator();
        let mut out = Output::new();
        let mut last = 0;
        for record in records(&script) {
            out.clear();
            operator.process(MARKET, &record, &mut out).unwrap();
            for entry in out.entries() {
                if let Entry::Record { channel: OutputChannel::Main, payload, .. } = entry {
                    let event = decode_event(payload).unwrap();
                    if let EventBody::Book(view) = event.body {
                        let qty = u64::try_from(view.bids()[0].qty.0 / 100).unwrap();
                        let is_snapshot = event.flags.contains(opus2_types::QualityFlags::SNAPSHOT);
                        prop_assert!(qty == event.seq.last || (is_snapshot && qty == 10));
                        prop_assert!(is_snapshot || last == 0 || event.seq.first == last + 1);
                        last = event.seq.last;
                    }
                }
            }
        }
    }

    #[test]
    fn any_bytes_at_all_are_a_dead_letter_or_an_event(record in prop::collection::vec(any::<u8>(), 0..200)) {
        operator().process(MARKET, &record, &mut Output::new()).unwrap();
    }
}

#[test]
fn states_of_this_version_and_of_the_one_before_are_read_and_older_ones_refused_by_name() {
    let mut before = operator();
    run(&mut before, &records("i s10 t1 d11-11"));
    let mut blob = Vec::new();
    before.save(MARKET, &mut blob).unwrap();
    let (_, payload) = blob::open_blob(MAGIC, VERSION..=VERSION, &blob).unwrap();
    let payload = payload.to_vec();
    for version in 1..=VERSION + 1 {
        // The header is: magic, version, checksum of the payload.
        let mut old = blob.clone();
        old[4..6].copy_from_slice(&version.to_le_bytes());
        let mut after = operator();
        let error = after.load(MARKET, &old).err();
        if (2..=3).contains(&version) {
            assert!(error.is_none(), "{version}");
            let mut again = Vec::new();
            after.save(MARKET, &mut again).unwrap();
            assert_eq!(again[10..], payload);
        } else {
            let error = error.unwrap();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains(&format!("version {version}, this build reads 2 to 3")), "{source}");
        }
    }
}
