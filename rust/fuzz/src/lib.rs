//! What hostile bytes may do: nothing but be refused. Each function is a fuzz target; `tests/seeds.rs` replays the seeds
//! through the same functions as ordinary tests.

use opus2_operators::{Output, create};
use opus2_types::{FeedKind, Channel, InstrumentSpec, SpecOrigin, UnixNanos, Venue};
use opus2_venue::binance::exchange_info::parse_exchange_info;
use opus2_venue::{Feed, binance};
use opus2_wire::event::{decode_event, encode_event};
use opus2_wire::raw::RawRecord;

/// The operators whose state is loaded from bytes.
const STATEFUL: [&str; 3] = ["copy", "normalize", "signal"];

fn spec() -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Binance,
        symbol: "BTCUSDT".into(),
        base: "BTC".into(),
        quote: "USDT".into(),
        price_scale: 2,
        qty_scale: 5,
        tick: 1,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    }
}

/// A venue's text, on every channel of a feed that is waiting and of one that is live. The book never ends up live and
/// crossed.
pub fn frame(bytes: &[u8]) {
    let _ = binance::classify(bytes);
    let _ = parse_exchange_info(bytes);
    let snapshot = br#"{"lastUpdateId":50093239218,"bids":[["61837.63","3.7"]],"asks":[["61837.64","1.5"]]}"#;
    for is_live in [false, true] {
        for channel in [Channel::Depth, Channel::Trade, Channel::Quote, Channel::Snapshot] {
            let mut feed = Feed::new(spec());
            feed.connected();
            if is_live {
                feed.apply(Channel::Snapshot, snapshot, UnixNanos(1));
            }
            feed.apply(channel, bytes, UnixNanos(2));
            feed.apply(channel, bytes, UnixNanos(1));
            assert!(feed.state() != opus2_types::BookState::Live || !feed.book().is_crossed());
            assert!(Feed::from_state(feed.to_state()).is_some());
        }
    }
}

/// A state blob for every operator, as it is and with its checksum made right: past that, only the operator's own checks
/// stand. What is accepted can be saved and loaded again.
pub fn state_blob(bytes: &[u8]) {
    let mut mended = bytes.to_vec();
    if let Some((head, payload)) = mended.split_at_mut_checked(10) {
        head[6..].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    }
    load_and_save(bytes);
    load_and_save(&mended);
}

fn load_and_save(bytes: &[u8]) {
    for name in STATEFUL {
        let mut operator = create(name, "").expect("its name is one of ours");
        if operator.load("BTC/USD*", bytes).is_ok() {
            let mut blob = Vec::new();
            operator.save("BTC/USD*", &mut blob).expect("what was loaded can be saved");
            let mut again = create(name, "").expect("its name is one of ours");
            again.load("BTC/USD*", &blob).expect("what was saved can be loaded");
        }
    }
}

/// A raw record, through `normalize`.
pub fn raw_record(bytes: &[u8]) {
    if let Ok(record) = RawRecord::decode(bytes) {
        let mut encoded = Vec::new();
        record.encode(&mut encoded).expect("what was decoded can be encoded");
        assert_eq!(RawRecord::decode(&encoded), Ok(record));
    }
    let mut operator = create("normalize", "").expect("its name is ours");
    operator.process("BTC/USD*", bytes, &mut Output::new()).expect("bad input is no error");
}

/// A market event's bytes, decoded and encoded again.
pub fn event(bytes: &[u8]) {
    if let Ok(event) = decode_event(bytes) {
        let mut encoded = Vec::new();
        encode_event(&event, &mut encoded).expect("what was decoded can be encoded");
        assert_eq!(decode_event(&encoded), Ok(event));
    }
}
