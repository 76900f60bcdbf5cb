//! What hostile bytes may do: nothing but be refused. Each function is a fuzz target; `tests/seeds.rs` replays the seeds
//! through the same functions as ordinary tests.

mod kraken;

use opus2_operators::{Output, create};
use opus2_types::{FeedKind, Channel, InstrumentSpec, SpecOrigin, UnixNanos, Venue};
use opus2_venue::binance::exchange_info::parse_exchange_info;
use opus2_venue::{Feed, binance, coinbase};
use opus2_wire::event::{decode_event, encode_event};
use opus2_wire::raw::RawRecord;

pub use crate::kraken::kraken_frame;

/// The operators whose state is loaded from bytes.
const STATEFUL: [&str; 6] = ["copy", "normalize", "signal", "context", "risk", "execution"];

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

/// Coinbase's text: both feeds, by levels and by orders, on every channel of a feed that is waiting and of one that is
/// live. The book never ends up live and crossed, and what is saved is what is loaded.
pub fn coinbase_frame(bytes: &[u8]) {
    let _ = coinbase::classify(bytes);
    let _ = coinbase::classify_advanced(bytes, |_| {});
    let _ = coinbase::parse_products(bytes, FeedKind::CoinbaseLevel2);
    let _ = coinbase::parse_turnovers(bytes);
    let _ = coinbase::scales::Scales::default().observe(bytes, "BTC-USD");
    let levels = br#"{"type":"snapshot","product_id":"BTC-USD","bids":[["502.09","3.7"]],"asks":[["502.10","1.5"]]}"#;
    let orders = br#"{"sequence":1,"bids":[["502.00","1","60de12d8-f80b-4848-adbc-2b17375a9216"]],"asks":[]}"#;
    let advanced = br#"{"channel":"l2_data","timestamp":"2026-11-22T14:00:00Z","sequence_num":0,"events":[{"type":"snapshot",
        "product_id":"BTC-USD","updates":[{"side":"bid","price_level":"502.09","new_quantity":"0.5"}]}]}"#;
    let schema: &[u8] = include_bytes!("../seeds/coinbase_frame/schema.json");
    for (feed_kind, channel, snapshot) in [
        (FeedKind::CoinbaseLevel2, Channel::Snapshot, &levels[..]),
        (FeedKind::CoinbaseFull, Channel::Snapshot, &orders[..]),
        (FeedKind::CoinbaseAdvanced, Channel::Depth, &advanced[..]),
    ] {
        let spec = InstrumentSpec { venue: Venue::Coinbase, symbol: "BTC-USD".into(), feed: feed_kind, ..spec() };
        for is_live in [false, true] {
            for of in Channel::ALL {
                let mut feed = Feed::new(spec.clone());
                feed.connected();
                feed.apply(Channel::Other, schema, UnixNanos(1));
                if is_live {
                    feed.apply(channel, snapshot, UnixNanos(1));
                    assert_eq!(feed.state(), opus2_types::BookState::Live);
                }
                feed.apply(of, bytes, UnixNanos(2));
                feed.apply(of, bytes, UnixNanos(1));
                assert!(feed.state() != opus2_types::BookState::Live || !feed.book().is_crossed());
                let state = feed.to_state();
                assert_eq!(Feed::from_state(state.clone()).map(|feed| feed.to_state()), Some(state));
            }
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
