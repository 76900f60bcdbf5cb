//! What Kraken may send.

use opus2_types::{BookState, Channel, FeedKind, InstrumentSpec, UnixNanos, Venue};
use opus2_venue::session::{Input, Session as _};
use opus2_venue::{Feed, kraken};

use crate::spec;

/// Kraken's text, on every channel of feeds of levels, of orders and of v1 that wait and that are live, and through a
/// session. The book never ends up live and crossed.
pub fn kraken_frame(bytes: &[u8]) {
    const BOOK: &[u8] = include_bytes!("../seeds/kraken_frame/book_snapshot.json");
    const ORDERS: &[u8] = include_bytes!("../seeds/kraken_frame/level3_snapshot.json");
    const V1: &[u8] = include_bytes!("../seeds/kraken_frame/v1_snapshot.json");
    let _ = kraken::parse_tickers(bytes, bytes);
    let _ = kraken::scales::Scales::default().observe(bytes);
    for (feed, snapshot) in [
        (FeedKind::KrakenBook { depth: 10 }, BOOK),
        (FeedKind::KrakenOrders { depth: 10 }, ORDERS),
        (FeedKind::KrakenV1Book { depth: 10 }, V1),
    ] {
        let _ = kraken::parse_asset_pairs(bytes, feed);
        let spec = kraken_spec(feed);
        for is_live in [false, true] {
            for channel in [Channel::Depth, Channel::Trade, Channel::Quote, Channel::Snapshot] {
                let mut feed = Feed::new(spec.clone());
                feed.connected();
                if is_live {
                    feed.apply(Channel::Snapshot, snapshot, UnixNanos(1));
                    assert_eq!(feed.state(), BookState::Live);
                }
                feed.apply(channel, bytes, UnixNanos(2));
                feed.apply(channel, bytes, UnixNanos(1));
                assert!(feed.state() != BookState::Live || !feed.book().is_crossed());
                assert!(Feed::from_state(feed.to_state()).is_some());
            }
        }
    }
    kraken_session(bytes, BOOK);
}

/// The bytes as a frame of a connection, before and after there is a book.
fn kraken_session(bytes: &[u8], snapshot: &[u8]) {
    let settings = kraken::SessionSettings {
        age_nanos_max: i64::MAX,
        silence_nanos_max: 10_000_000_000,
        refresh_nanos: Some(60_000_000_000),
    };
    let specs = vec![kraken_spec(FeedKind::KrakenBook { depth: 10 })];
    let mut session = kraken::Session::new(settings, specs).expect("one instrument of one feed");
    let mut actions = Vec::new();
    let inputs = [
        Input::Connected,
        Input::Frame(bytes),
        Input::Timer,
        Input::Frame(snapshot),
        Input::Frame(bytes),
        Input::TokenBody(bytes),
        Input::Timer,
        Input::Frame(bytes),
        Input::Disconnected,
    ];
    for (at, input) in (0..).zip(inputs) {
        session.handle(UnixNanos(at * 6_000_000_000), input, &mut actions);
    }
}

fn kraken_spec(feed: FeedKind) -> InstrumentSpec {
    InstrumentSpec {
        venue: Venue::Kraken,
        symbol: "BTC/USD".into(),
        price_scale: 1,
        qty_scale: 8,
        feed,
        ..spec()
    }
}
