//! A record costs the `normalize` operator no heap memory once it knows its instruments, windows of data quality included.

use allocation_counter::measure;
use opus2_operators::{Output, create};
use opus2_types::{Channel, FeedKind, InstrumentSpec, SpecOrigin, UnixNanos, Venue};
use opus2_wire::raw::RawRecord;
use opus2_wire::spec::encode_spec;

const MARKET: &str = "BTC/USD*";
const START: i64 = 1_700_000_000_000_000_000;

fn spec(symbol: &str) -> String {
    encode_spec(&InstrumentSpec {
        venue: Venue::Binance,
        symbol: symbol.into(),
        base: "BTC".into(),
        quote: symbol[3..].into(),
        price_scale: 2,
        qty_scale: 3,
        tick: 10,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    })
}

/// Record `number` of an instrument: announced, snapshot, then deltas, trades and quotes in turns; some deltas are crossed,
/// some locked, off tick or repeated.
fn record(symbol: &str, number: u64) -> Vec<u8> {
    let at = i64::try_from(number).unwrap() * 5_000_000;
    let millis = (START + at) / 1_000_000 - 20;
    let update = number / 3 + 1;
    let (channel, value) = match number {
        1 => (Channel::Instrument, spec(symbol)),
        2 => (
            Channel::Snapshot,
            r#"{"lastUpdateId":1,"bids":[["99.90","1"],["99.80","2"]],"asks":[["100.10","1"],["100.20","2"]]}"#.into(),
        ),
        _ => match number % 3 {
            0 => {
                let last = if update.is_multiple_of(97) { update - 1 } else { update };
                let locking = u8::from(update % 10 == 1);
                let qty = update % 2 * (1 + update % 7);
                let first = if update % 97 == 1 { update - 1 } else { last };
                (
                    Channel::Depth,
                    format!(
                        r#"{{"e":"depthUpdate","E":{millis},"s":"{symbol}","U":{first},"u":{last},"b":[["99.85","{qty}"]],"a":[["99.90","{locking}"]]}}"#
                    ),
                )
            }
            1 => (
                Channel::Trade,
                format!(
                    r#"{{"e":"trade","E":{millis},"s":"{symbol}","t":{update},"p":"99.90","q":"1","T":{millis},"m":true}}"#
                ),
            ),
            _ => (
                Channel::Quote,
                format!(r#"{{"u":{update},"s":"{symbol}","b":"99.90","B":"1","a":"100.10","A":"1"}}"#),
            ),
        },
    };
    let mut bytes = Vec::new();
    let record = RawRecord {
        symbol,
        venue: Venue::Binance,
        channel,
        market: MARKET,
        conn: "18c2f0a1b2c3-0-1",
        number,
        recv_ts: UnixNanos(START + at),
        value: value.as_bytes(),
    };
    record.encode(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_record_allocates_nothing_in_steady_state() {
    let mut operator = create("normalize", "validation_rules = \"window_secs: 1\"").unwrap();
    let mut out = Output::new();
    let records: Vec<_> =
        (1..20_000).flat_map(|number| ["BTCUSDT", "BTCUSDC"].map(|symbol| record(symbol, number))).collect();
    let (warm_up, measured) = records.split_at(16_000);
    for record in warm_up {
        out.clear();
        operator.process(MARKET, record, &mut out).unwrap();
    }
    let mut counters = Vec::new();
    operator.counters(&mut |name, value| counters.push((name, value)));
    let counted = measure(|| {
        for record in measured {
            out.clear();
            operator.process(MARKET, record, &mut out).unwrap();
        }
    });
    assert_eq!(counted.count_total, 0);
    let mut at = 0;
    operator.counters(&mut |name, value| {
        if ["books", "quality_windows_binance", "quality_locked", "quality_off_tick"].contains(&name) {
            assert!(value > counters[at].1 + 10, "the path was taken: {name} {value}");
        }
        at += 1;
    });
}
