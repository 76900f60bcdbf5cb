//! Every Coinbase recording through [`Feed`], against what is known of it: counts, trades, final books.

#![expect(clippy::unwrap_used, reason = "a test's own reading of the recordings")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use opus2_types::{
    Aggressor, BookState, Channel, FeedKind, InstrumentSpec, Level, Scaled, Side, SpecOrigin, UnixNanos,
    Venue,
};
use opus2_venue::coinbase::recording::SnapshotRows;
use opus2_venue::coinbase::scales::{Scales, split_symbol};
use opus2_venue::coinbase::{
    AdvancedFrame, Frame, classify, classify_advanced, parse_products, parse_turnovers, read_advanced_trades,
};
use opus2_venue::{Feed, What};
use serde_json::Value;

fn data() -> Option<PathBuf> {
    let root = std::env::var_os("OPUS2_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let data = root.join("data");
    if !data.is_dir() {
        eprintln!("SKIPPED: no recordings in {}; set OPUS2_SHARED", data.display());
        return None;
    }
    Some(data)
}

/// A message of an instrument, as it would be published.
struct Message {
    symbol: String,
    channel: Channel,
    recv_ts: UnixNanos,
    text: String,
}

/// A recording's messages, and what was measured of it.
fn recording(name: &str, feed: FeedKind) -> Option<(Vec<Message>, Value)> {
    let data = data()?;
    let mut text = String::new();
    let file = std::fs::File::open(data.join(name)).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let all: Value = serde_json::from_slice(&std::fs::read(data.join("expected.json")).unwrap()).unwrap();
    let (mut messages, mut rows) = (Vec::new(), SnapshotRows::default());
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let recv_ts = UnixNanos(line["received_ns"].as_i64().unwrap());
        let text = line["raw"].as_str().unwrap();
        if line["kind"] == "snapshot_row" {
            rows.push(text.as_bytes()).unwrap();
            continue;
        }
        if let Some((symbol, text)) = rows.take() {
            messages.push(Message { symbol, channel: Channel::Snapshot, recv_ts, text });
        }
        if line["kind"] == "ws" {
            for (symbol, channel) in touched(text, feed) {
                messages.push(Message { symbol, channel, recv_ts, text: text.to_owned() });
            }
        }
    }
    Some((messages, all["files"][name].clone()))
}

fn touched(text: &str, feed: FeedKind) -> Vec<(String, Channel)> {
    if feed == FeedKind::CoinbaseAdvanced {
        let mut symbols = Vec::new();
        let frame = classify_advanced(text.as_bytes(), |symbol| symbols.push(symbol)).unwrap();
        symbols.dedup();
        let AdvancedFrame::Message { kind, .. } = frame else { panic!("{text}") };
        return symbols.into_iter().map(|symbol| (symbol.to_owned(), kind.channel())).collect();
    }
    match classify(text.as_bytes()).unwrap() {
        Frame::Instrument { symbol, kind } => vec![(symbol.to_owned(), kind.channel(feed))],
        _ => Vec::new(),
    }
}

fn feeds(messages: &[Message], kind: FeedKind) -> BTreeMap<String, Feed> {
    let mut seen: BTreeMap<&str, Scales> = BTreeMap::new();
    for Message { symbol, text, .. } in messages {
        seen.entry(symbol).or_default().observe(text.as_bytes(), symbol).unwrap();
    }
    seen.into_iter()
        .map(|(symbol, scales)| {
            let (base, quote) = split_symbol(symbol).unwrap();
            let mut feed = Feed::new(InstrumentSpec {
                venue: Venue::Coinbase,
                symbol: symbol.to_owned(),
                base: base.to_owned(),
                quote: quote.to_owned(),
                price_scale: scales.price,
                qty_scale: scales.qty,
                tick: 0,
                lot: 0,
                origin: SpecOrigin::Recording,
                feed: kind,
            });
            feed.connected();
            (symbol.to_owned(), feed)
        })
        .collect()
}

/// Plays the messages, saving and restoring every feed now and then.
fn play(messages: &[Message], kind: FeedKind) -> BTreeMap<String, Feed> {
    let mut feeds = feeds(messages, kind);
    for (index, message) in messages.iter().enumerate() {
        let feed = feeds.get_mut(&message.symbol).unwrap();
        let applied = feed.apply(message.channel, message.text.as_bytes(), message.recv_ts);
        assert!(!matches!(applied.what, What::Rejected(_)), "{applied:?}: {:.300}", message.text);
        if index % 1999 == 0 {
            let state = feed.to_state();
            *feed = Feed::from_state(state.clone()).unwrap();
            assert_eq!(feed.to_state(), state);
        }
    }
    feeds
}

fn top10(feed: &Feed) -> Value {
    let text = |level: Level| {
        let spec = feed.spec();
        let price = Scaled::new(level.price.0, spec.price_scale).to_string();
        serde_json::json!([price, Scaled::new(level.qty.0, spec.qty_scale).to_string()])
    };
    let side = |side| feed.book().side(side).levels().take(10).map(text).collect::<Vec<_>>();
    serde_json::json!({"bids": side(Side::Bid), "asks": side(Side::Ask)})
}

fn levels(feed: &Feed) -> Value {
    serde_json::json!([feed.book().side(Side::Bid).len(), feed.book().side(Side::Ask).len()])
}

#[test]
fn the_exchange_feed_of_2021_gives_the_measured_books() {
    const NAME: &str = "coinbase/cryptofeed_level2_20210417_7products.jsonl.gz";
    let Some((messages, expect)) = recording(NAME, FeedKind::CoinbaseLevel2) else { return };
    let feeds = play(&messages, FeedKind::CoinbaseLevel2);
    let products = expect["per_product"].as_object().unwrap();
    assert_eq!(feeds.len(), products.len());
    for (symbol, feed) in feeds {
        let (expect, counts) = (&products[&symbol], feed.counts());
        assert_eq!(feed.state(), BookState::Live, "{symbol}");
        assert_eq!(levels(&feed), expect["final_levels"], "{symbol}");
        assert_eq!(top10(&feed), expect["final_top10"], "{symbol}");
        assert_eq!(counts.crossed_after_apply, expect["crossed_after_apply"], "{symbol}");
        assert_eq!(counts.applied, expect["l2update"], "{symbol}");
        // The last match from before the subscription is no trade of ours.
        assert_eq!(counts.trades, expect.get("match").and_then(Value::as_u64).unwrap_or(0), "{symbol}");
        assert_eq!((counts.trade_gaps, counts.snapshots, counts.resyncs), (0, 1, 0), "{symbol}");
    }
}

#[test]
fn the_advanced_feed_of_2026_gives_the_measured_books() {
    const NAME: &str = "coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz";
    let Some((messages, expect)) = recording(NAME, FeedKind::CoinbaseAdvanced) else { return };
    let feeds = play(&messages, FeedKind::CoinbaseAdvanced);
    let (mut absent, mut crossed) = (0, 0);
    for (symbol, feed) in &feeds {
        let (of, counts) = (&expect["final"][symbol], feed.counts());
        assert_eq!(feed.state(), BookState::Live, "{symbol}");
        assert_eq!(levels(feed), of["levels"], "{symbol}");
        assert_eq!(top10(feed), of["top10"], "{symbol}");
        let count = |what: &str| &expect["counts"][format!("{symbol} {what}")];
        assert_eq!(counts.snapshots, *count("snapshot messages"), "{symbol}");
        assert_eq!(counts.applied, *count("update messages"), "{symbol}");
        assert_eq!(counts.levels_applied, *count("update level changes"), "{symbol}");
        assert_eq!(counts.trades, expect["trades"][format!("{symbol} update")]["n"], "{symbol}");
        assert_eq!((counts.trade_gaps, counts.resyncs), (0, 0), "{symbol}");
        absent += counts.absent_removed;
        crossed += counts.crossed_after_apply;
    }
    assert_eq!(absent, expect["removes_of_absent_level"]);
    assert_eq!(crossed, expect["crossed_after_apply"]);
    assert_eq!(feeds.len(), 2);
}

#[test]
fn the_connection_of_2026_is_numbered_without_a_hole() {
    const NAME: &str = "coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz";
    let Some(data) = data() else { return };
    let mut text = String::new();
    let file = std::fs::File::open(data.join(NAME)).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut next = 0;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["kind"] == "ws" {
            let frame = classify_advanced(line["raw"].as_str().unwrap().as_bytes(), |_| {}).unwrap();
            let AdvancedFrame::Message { sequence, .. } = frame else { panic!("{line}") };
            assert_eq!(sequence, next);
            next += 1;
        }
    }
    assert_eq!(next, 630);
}

/// The venue's documentation says that `side` is the maker's. So the trades at the best ask must be those that we call
/// buys, as far as the book of the moment can tell: trades come every 250 ms and may be behind it.
#[test]
fn trades_of_2026_at_the_best_ask_are_buys() {
    const NAME: &str = "coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz";
    let kind = FeedKind::CoinbaseAdvanced;
    let Some((messages, _)) = recording(NAME, kind) else { return };
    let mut feeds = feeds(&messages, kind);
    let (mut agree, mut differ) = (0, 0);
    for message in &messages {
        let feed = feeds.get_mut(&message.symbol).unwrap();
        if message.channel == Channel::Trade && feed.state() == BookState::Live {
            let mut trades = Vec::new();
            read_advanced_trades(message.text.as_bytes(), feed.spec(), &mut trades).unwrap();
            let (bid, ask) = feed.book().best().unwrap();
            for trade in trades {
                let is_nearer_ask = trade.event.price.0 * 2 > bid.price.0 + ask.price.0;
                *(if is_nearer_ask == (trade.event.aggressor == Aggressor::Buy) {
                    &mut agree
                } else {
                    &mut differ
                }) += 1;
            }
        }
        feed.apply(message.channel, message.text.as_bytes(), message.recv_ts);
    }
    assert!(agree > 3 * differ, "{agree} agree, {differ} differ");
}

#[track_caller]
fn check_full(part: &str) {
    let name = format!("coinbase/pyalgotrade_full_btcusd_20160312_{part}.jsonl.gz");
    let Some((messages, expect)) = recording(&name, FeedKind::CoinbaseFull) else { return };
    let feeds = play(&messages, FeedKind::CoinbaseFull);
    let (feed, counts) = (&feeds["BTC-USD"], feeds["BTC-USD"].counts());
    assert_eq!(feed.state(), BookState::Live);
    assert_eq!(top10(feed), expect["final_top10"]);
    assert_eq!(feed.orders().unwrap().len(), expect["resting_orders_at_end"]);
    assert_eq!(counts.applied, expect["by_kind"]["ws"]);
    assert_eq!(counts.stream_gaps, expect["sequence_gaps"]);
    assert_eq!(counts.absent_removed, expect["unknown"]["done of an order never in book"]);
    assert_eq!(counts.crossed_after_apply, expect["crossed_after_message"]);
    assert_eq!(counts.trades, expect["types"]["match"]);
    // The independent answer: fifty levels of each side.
    let path = name.replace(".jsonl.gz", ".expected_book.json");
    let book: Value = serde_json::from_slice(&std::fs::read(data().unwrap().join(path)).unwrap()).unwrap();
    for (side, key) in [(Side::Bid, "bids"), (Side::Ask, "asks")] {
        let number = |value: &Value| value.as_f64().unwrap();
        let expect = book[key].as_array().unwrap().iter().map(|level| (number(&level[0]), number(&level[1])));
        let ours = feed.book().side(side).levels().take(50).map(|level| {
            let spec = feed.spec();
            let price = Scaled::new(level.price.0, spec.price_scale).to_f64();
            (price, Scaled::new(level.qty.0, spec.qty_scale).to_f64())
        });
        assert_eq!(ours.collect::<Vec<_>>(), expect.collect::<Vec<_>>(), "{key}");
    }
}

#[test]
fn the_full_channel_of_2016_gives_the_measured_books() {
    check_full("part0");
    check_full("part1");
}

#[test]
fn the_product_list_of_2026_is_read_whole() {
    let Some(data) = data() else { return };
    let mut text = String::new();
    let file =
        std::fs::File::open(data.join("coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let body = lines.into_iter().find(|line| line["kind"] == "http").unwrap();
    let body = body["raw"].as_str().unwrap().as_bytes();
    let listing = parse_products(body, FeedKind::CoinbaseAdvanced).unwrap();
    assert_eq!((listing.instruments.len(), listing.refused.len()), (920, 0));
    let trading = listing.instruments.iter().filter(|listed| listed.is_trading());
    assert_eq!(trading.count(), 912);
    let find = |symbol: &str| listing.instruments.iter().find(|listed| listed.spec.symbol == symbol).unwrap();
    assert_eq!(find("BTC-USDC").alias_of.as_deref(), Some("BTC-USD"));
    assert_eq!(find("BTC-USD").alias_of, None);
    let (btc, volumes) = (&find("BTC-USD").spec, parse_turnovers(body).unwrap());
    assert_eq!((btc.price_scale, btc.qty_scale, btc.tick, btc.lot), (4, 8, 100, 1));
    let most = volumes.iter().max_by_key(|turnover| turnover.quote_volume).unwrap();
    assert_eq!(most.symbol, "BTC-USD");
}
