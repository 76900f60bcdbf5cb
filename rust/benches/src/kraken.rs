//! A recording of Kraken's `book` channel.

use std::io::Read;
use std::path::{Path, PathBuf};

use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, Venue};
use opus2_venue::Levels;
use opus2_venue::kraken::book::{BookHead, read_book};
use opus2_venue::kraken::{Frame, classify};

/// One `book` message.
pub struct BookMessage {
    /// Snapshot or update.
    pub channel: Channel,
    /// As the venue sent it.
    pub frame: String,
    /// Its levels.
    pub levels: Levels,
    /// Its checksum and time.
    pub head: BookHead,
}

/// How the BTC/USD and ETH/USD recordings count.
pub fn spec(symbol: &str, price_scale: u8, depth: u16) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Kraken,
        symbol: symbol.into(),
        base: symbol.into(),
        quote: "USD".into(),
        price_scale,
        qty_scale: 8,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Recording,
        feed: FeedKind::KrakenBook { depth },
    }
}

/// The messages of a shared recording; `None`, with a note, when it is not there.
pub fn recording(file: &str, spec: &InstrumentSpec) -> Option<Vec<BookMessage>> {
    let shared = std::env::var_os("OPUS2_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = shared.join("data/kraken").join(file);
    let Ok(gz) = std::fs::File::open(&path) else {
        eprintln!("skipped: no recording at {}; set OPUS2_SHARED", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(gz).read_to_string(&mut text).expect("the recording is gzip");
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON lines"));
    let message = |line: serde_json::Value| {
        let frame = line["raw"].as_str()?.to_owned();
        let Ok(Frame::Instrument { channel, .. }) = classify(frame.as_bytes()) else { return None };
        let mut levels = Levels::default();
        let head = read_book(frame.as_bytes(), spec, &mut levels).expect("a good message");
        Some(BookMessage { channel, frame, levels, head })
    };
    Some(lines.filter_map(message).collect())
}
