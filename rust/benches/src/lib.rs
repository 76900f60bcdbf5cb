//! What the benchmarks read: recordings, as text and as numbers.

pub mod kraken;
pub mod orders;

use std::io::Read;
use std::path::{Path, PathBuf};

use opus2_types::{FeedKind, InstrumentSpec, Level, SpecOrigin, Venue};
use opus2_venue::Levels;
use opus2_venue::binance::message::{read_delta, read_snapshot};

/// One depth message.
pub struct Message {
    /// As the venue sent it on a combined stream.
    pub frame: String,
    /// Its `data` object alone: what a client of the venue's plain streams reads.
    pub payload: String,
    /// Its levels.
    pub bids: Vec<Level>,
    /// Its levels.
    pub asks: Vec<Level>,
}

/// A recording's snapshot and the depth messages after it.
pub struct Recording {
    /// How the instrument counts.
    pub spec: InstrumentSpec,
    /// The body of the REST snapshot.
    pub snapshot: String,
    /// Its levels.
    pub snapshot_levels: Levels,
    /// The messages that apply on top of it.
    pub messages: Vec<Message>,
    /// Levels in all messages together.
    pub levels_count: usize,
}

/// The shared BTCUSDT recording; `None`, with a note, when it is not there.
pub fn recording() -> Option<Recording> {
    let shared = std::env::var_os("OPUS2_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz");
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("skipped: no recording at {}; set OPUS2_SHARED", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("the recording is gzip");
    Some(parse(&text))
}

fn parse(text: &str) -> Recording {
    let spec = InstrumentSpec {
        venue: Venue::Binance,
        symbol: "BTCUSDT".into(),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        qty_scale: 8,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Recording,
        feed: FeedKind::BinanceDepth,
    };
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON lines"));
    let (mut snapshot, mut frames) = (String::new(), Vec::new());
    for line in lines {
        let raw = line["raw"].as_str().unwrap_or_default().to_owned();
        match line["kind"].as_str() {
            Some("http") => snapshot = raw,
            Some("ws") if raw.contains("@depth") => frames.push(raw),
            _ => {}
        }
    }
    let mut snapshot_levels = Levels::default();
    let id = read_snapshot(snapshot.as_bytes(), &spec, &mut snapshot_levels).expect("a snapshot").expect("an id");
    let mut levels = Levels::default();
    let messages: Vec<Message> = frames
        .into_iter()
        .filter_map(|frame| {
            let delta = read_delta(frame.as_bytes(), &spec, &mut levels).expect("a delta");
            let payload = frame[frame.find(r#""data":"#)? + 7..frame.len() - 1].to_owned();
            let (bids, asks) = (levels.bids.clone(), levels.asks.clone());
            (delta.seq.last > id).then_some(Message { frame, payload, bids, asks })
        })
        .collect();
    let levels_count = messages.iter().map(|message| message.bids.len() + message.asks.len()).sum();
    Recording { spec, snapshot, snapshot_levels, messages, levels_count }
}
