//! Every Kraken recording through [`Feed`], against what is known of it: checksums, snapshots, final books.

#![expect(clippy::unwrap_used, reason = "a test's own reading of the recordings")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use opus2_book::L2Book;
use opus2_types::{
    BookState, Channel, FeedKind, InstrumentSpec, Level, Side, SpecOrigin, UnixNanos, Venue, parse_scaled,
};
use opus2_venue::kraken::checksum::Checksum;
use opus2_venue::kraken::scales::Scales;
use opus2_venue::kraken::symbol::split_symbol;
use opus2_venue::kraken::{Ack, Book, Control, Frame, classify, parse_asset_pairs};
use opus2_venue::{Feed, What};
use serde_json::Value;
use serde_json::value::RawValue;

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

fn gunzip(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// What the venue sent, with the times of receipt.
fn frames(path: &Path) -> Vec<(i64, String)> {
    let text = gunzip(path);
    if path.extension().is_some_and(|ext| ext == "gz") && path.to_str().unwrap().contains(".json.") {
        #[derive(serde::Deserialize)]
        struct Whole<'a> {
            #[serde(borrow)]
            init: Vec<&'a RawValue>,
            #[serde(borrow)]
            updates: Vec<&'a RawValue>,
        }
        let whole: Whole<'_> = serde_json::from_str(&text).unwrap();
        return (1..).zip(whole.init.iter().chain(&whole.updates).map(|raw| raw.get().to_owned())).collect();
    }
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .filter(|line| line["kind"] == "ws")
        .map(|line| (line["received_ns"].as_i64().unwrap(), line["raw"].as_str().unwrap().to_owned()))
        .collect()
}

/// The feeds of a recording: scales as printed, depths as acknowledged or as their channels are named.
fn feeds(frames: &[(i64, String)]) -> BTreeMap<String, Feed> {
    let mut seen: BTreeMap<String, (Scales, Option<FeedKind>)> = BTreeMap::new();
    let mut depths: BTreeMap<String, u16> = BTreeMap::new();
    for (_, frame) in frames {
        match classify(frame.as_bytes()).unwrap() {
            Frame::Instrument { symbol, book, .. } => {
                let of = seen.entry(symbol.to_owned()).or_default();
                of.0.observe(frame.as_bytes()).unwrap();
                let kind = match book {
                    Some(Book::Levels) => Some(FeedKind::KrakenBook { depth: depths[symbol] }),
                    Some(Book::Orders) => Some(FeedKind::KrakenOrders { depth: depths[symbol] }),
                    Some(Book::V1 { depth }) => Some(FeedKind::KrakenV1Book { depth }),
                    None => None,
                };
                of.1 = kind.or(of.1);
            }
            Frame::Control(Control::Ack(Ack { symbol: Some(symbol), depth: Some(depth), .. })) => {
                depths.insert(symbol.to_owned(), depth);
            }
            _ => {}
        }
    }
    let feed = |(symbol, (scales, kind)): (String, (Scales, Option<FeedKind>))| {
        let (base, quote) = split_symbol(&symbol).unwrap();
        let spec = InstrumentSpec {
            venue: Venue::Kraken,
            base: base.to_owned(),
            quote: quote.to_owned(),
            price_scale: scales.price,
            qty_scale: scales.qty,
            tick: 0,
            lot: 0,
            origin: SpecOrigin::Recording,
            feed: kind.unwrap_or(FeedKind::KrakenV1Book { depth: 10 }),
            symbol: symbol.clone(),
        };
        let mut feed = Feed::new(spec);
        feed.connected();
        (symbol, feed)
    };
    seen.into_iter().map(feed).collect()
}

fn play(frames: &[(i64, String)], mut visit: impl FnMut(&Feed, Channel, What)) -> BTreeMap<String, Feed> {
    let mut feeds = feeds(frames);
    for (recv_ts, frame) in frames {
        if let Frame::Instrument { symbol, channel, .. } = classify(frame.as_bytes()).unwrap() {
            let feed = feeds.get_mut(symbol).unwrap();
            let applied = feed.apply(channel, frame.as_bytes(), UnixNanos(*recv_ts));
            visit(feed, channel, applied.what);
        }
    }
    feeds
}

fn expect(data: &Path, file: &str) -> Value {
    let all: Value = serde_json::from_slice(&std::fs::read(data.join("expected.json")).unwrap()).unwrap();
    all["files"][file].clone()
}

/// Compares a feed with a recording's entry.
#[track_caller]
fn check(feed: &Feed, expect: &Value, snapshots_with_checksum: bool) {
    let counts = feed.counts();
    let symbol = &feed.spec().symbol;
    assert_eq!(feed.state(), BookState::Live, "{symbol}");
    assert_eq!(counts.rejected, 0, "{symbol}");
    assert_eq!(counts.checksums_ok, expect["checksums_ok"].as_u64().unwrap(), "{symbol}");
    assert_eq!(counts.checksums_bad, expect["checksums_bad"].as_u64().unwrap(), "{symbol}");
    assert_eq!(counts.crossed_after_apply, expect["crossed"].as_u64().unwrap(), "{symbol}");
    assert_eq!(counts.resyncs, 0, "{symbol}");
    let snapshots = expect["snapshots"].as_u64().or(expect["messages"]["book snapshot"].as_u64()).unwrap();
    assert_eq!(counts.snapshots, snapshots, "{symbol}");
    assert_eq!(counts.applied + if snapshots_with_checksum { snapshots } else { 0 }, counts.checksums_ok);
    for (side, name) in [(Side::Bid, "bids"), (Side::Ask, "asks")] {
        let levels: Vec<Level> = expect["final_top10"][name]
            .as_array()
            .unwrap()
            .iter()
            .map(|level| {
                let units =
                    |at: usize, scale| parse_scaled(level[at].as_str().unwrap().as_bytes(), scale).unwrap();
                Level::new(units(0, feed.spec().price_scale), units(1, feed.spec().qty_scale))
            })
            .collect();
        let ours: Vec<Level> = feed.book().side(side).levels().take(10).collect();
        assert_eq!(ours, levels, "{symbol} {name}");
    }
}

#[test]
fn every_v2_book_has_every_checksum_right() {
    let Some(data) = data() else { return };
    for file in [
        "kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz",
        "kraken/crossbook_v2_book25_ethusd_20260802.jsonl.gz",
        "kraken/crossbook_v2_book10_btcusd_20260801_resubscribes.jsonl.gz",
    ] {
        let expect = expect(&data, file);
        let feeds = play(&frames(&data.join(file)), |feed, _, _| {
            let depth = usize::from(feed.spec().feed.depth().unwrap());
            assert!(feed.book().side(Side::Bid).len() <= depth && feed.book().side(Side::Ask).len() <= depth);
        });
        check(&feeds[expect["symbol"].as_str().unwrap()], &expect, true);
    }
}

#[test]
fn every_v1_book_has_every_checksum_right() {
    let Some(data) = data() else { return };
    let file = "kraken/cryptofeed_v1_book1000_20210417_7pairs.jsonl.gz";
    let expect_file = expect(&data, file);
    let feeds = play(&frames(&data.join(file)), |_, _, _| {});
    let pairs = expect_file["pairs"].as_object().unwrap();
    assert_eq!(pairs.len(), 7);
    for (pair, expect) in pairs {
        check(&feeds[pair], expect, false);
        let sizes = [Side::Bid, Side::Ask].map(|side| feeds[pair].book().side(side).len() as u64);
        assert_eq!(Some(sizes), serde_json::from_value(expect["final_levels"].clone()).ok(), "{pair}");
    }
    let file = "kraken/python_kraken_sdk_v1_book10_xbtusd_20230830.json.gz";
    let expect = expect(&data, file);
    let feeds = play(&frames(&data.join(file)), |_, _, _| {});
    check(&feeds["XBT/USD"], &expect, false);
}

#[test]
fn v1_trades_and_quotes_are_read() {
    let Some(data) = data() else { return };
    for (file, trades, quotes) in [
        ("kraken/cryptofeed_v1_trade_20210417_7pairs.jsonl.gz", 4, 0),
        ("kraken/cryptofeed_v1_ticker_20210417_7pairs.jsonl.gz", 0, 10),
    ] {
        let mut seen = 0;
        let feeds = play(&frames(&data.join(file)), |feed, _, what| {
            seen += feed.trades().len() as u64;
            assert!(matches!(what, What::Trades | What::Quote(_)), "{what:?}");
        });
        let sum = |of: fn(&Feed) -> u64| feeds.values().map(of).sum::<u64>();
        assert_eq!((sum(|feed| feed.counts().trades), sum(|feed| feed.counts().quotes)), (trades, quotes));
        assert_eq!(seen, trades);
    }
}

/// Without cutting the book to its depth the checksums of this recording are wrong nine times in ten, so a follower that
/// forgot it would be found out; so would one that forgot to look.
#[test]
fn a_follower_of_another_depth_is_found_out_at_the_first_wrong_checksum() {
    let Some(data) = data() else { return };
    let file = "kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz";
    let frames: Vec<_> = frames(&data.join(file))
        .into_iter()
        .map(|(at, frame)| (at, frame.replace("\"depth\":25", "\"depth\":100")))
        .collect();
    let feeds = play(&frames, |feed, _, what| {
        assert!(what != What::Book || feed.state() == BookState::Live);
    });
    let feed = &feeds["BTC/USD"];
    assert_eq!(feed.counts().checksums_bad, 1);
    assert_eq!(feed.state(), BookState::Gap);
    assert!(feed.counts().dropped_before_snapshot > 1_500);
}

#[test]
fn the_published_vectors_agree() {
    let Some(data) = data() else { return };
    let file = std::fs::read(data.join("vectors/kraken_book_checksums.json")).unwrap();
    let vectors: Value = serde_json::from_slice(&file).unwrap();
    let vectors = vectors["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let mut book = L2Book::new();
        for (side, name) in [(Side::Bid, "bids"), (Side::Ask, "asks")] {
            for level in vector[name].as_array().unwrap() {
                // Every number of a vector is printed with the same places: without its point it counts in them.
                let units = |at: usize| level[at].as_str().unwrap().replace('.', "").parse().unwrap();
                book.apply(side, Level::new(units(0), units(1)));
            }
        }
        let ours = u64::from(Checksum::default().of_levels(&book));
        assert_eq!(ours, vector["checksum"].as_u64().unwrap(), "{}", vector["name"]);
    }
}

#[test]
fn the_recorded_list_has_every_pair_that_is_no_dark_pool() {
    let Some(data) = data() else { return };
    let text = gunzip(&data.join("kraken/cryptofeed_20210417_AssetPairs.jsonl.gz"));
    let line: Value = serde_json::from_str(text.trim()).unwrap();
    let body = line["raw"].as_str().unwrap();
    let listing = parse_asset_pairs(body.as_bytes(), FeedKind::KrakenBook { depth: 100 }).unwrap();
    let all: Value = serde_json::from_str(body).unwrap();
    let is_dark = |name: &&String| name.strip_suffix(".d").is_some();
    let names: Vec<&String> = all["result"].as_object().unwrap().keys().collect();
    assert_eq!(listing.refused, []);
    assert_eq!(listing.instruments.len(), names.len() - names.iter().copied().filter(is_dark).count());
    let scales = |symbol: &str| {
        let listed = listing.instruments.iter().find(|listed| listed.spec.symbol == symbol).unwrap();
        (listed.spec.price_scale, listed.spec.qty_scale, listed.is_trading())
    };
    assert_eq!(scales("BTC/USD"), (1, 8, true));
    assert_eq!(scales("ADA/BTC"), (8, 8, true));
    assert_eq!(scales("DOGE/EUR"), (7, 8, true));
}

#[test]
fn the_documented_orders_have_the_documented_checksums() {
    let Some(data) = data() else { return };
    let file = "kraken/gocryptotrader_v2_level3_btcusd_documented_example.jsonl";
    let expect = expect(&data, file);
    let text = std::fs::read_to_string(data.join(file)).unwrap();
    let spec = InstrumentSpec {
        venue: Venue::Kraken,
        symbol: "BTC/USD".into(),
        base: "BTC".into(),
        quote: "USD".into(),
        price_scale: 1,
        qty_scale: 8,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Recording,
        feed: FeedKind::KrakenOrders { depth: 10 },
    };
    let mut feed = Feed::new(spec);
    feed.connected();
    let mut orders_count = Vec::new();
    for (at, line) in (1..).zip(text.lines().filter(|line| !line.is_empty())) {
        let Frame::Instrument { symbol, channel, book } = classify(line.as_bytes()).unwrap() else {
            panic!("no message of an instrument: {line}")
        };
        assert_eq!((symbol, book), ("BTC/USD", Some(Book::Orders)));
        let applied = feed.apply(channel, line.as_bytes(), UnixNanos(at));
        assert!(matches!(applied.what, What::Book | What::Snapshot), "{:?}", applied.what);
        let count = |side| {
            let queues = feed.orders().unwrap().queues(feed.book(), side);
            queues.map(|queue| u64::from(queue.orders_count())).sum::<u64>()
        };
        orders_count.push([count(Side::Bid), count(Side::Ask)]);
        // A feed that is saved and loaded goes on as if nothing had been.
        feed = Feed::from_state(feed.to_state()).unwrap();
    }
    assert_eq!(feed.counts().checksums_ok, expect["checksums_ok"].as_u64().unwrap());
    assert_eq!(feed.counts().checksums_bad, 0);
    let expect: Vec<[u64; 2]> = serde_json::from_value(expect["orders_after_each_message"].clone()).unwrap();
    assert_eq!(orders_count, expect);
}
