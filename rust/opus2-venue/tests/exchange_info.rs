//! The venue's own instrument list, as recorded on 2021-10-12.

use std::io::Read;
use std::path::PathBuf;

use opus2_types::InstrumentSpec;
use opus2_venue::binance::parse_exchange_info;
use opus2_venue::listing::{Listing, WeightLimit};

const RECORDING: &str = "data/binance_spot/cryptofeed_20211012_exchangeInfo.jsonl.gz";

/// The recorded answer; `None`, and a line that says so, where the recordings are not.
fn recorded() -> Option<Listing> {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting, not configuration")]
    let shared = std::env::var("OPUS2_SHARED").map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = shared.join(RECORDING);
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!("SKIPPED: no recording at {}; set OPUS2_SHARED", path.display());
        return None;
    };
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("the recording is gzip");
    let line: serde_json::Value = serde_json::from_str(text.trim()).expect("a line is JSON");
    let body = line["raw"].as_str().expect("a line has its raw text");
    Some(parse_exchange_info(body.as_bytes()).expect("the answer is readable"))
}

#[test]
fn every_recorded_instrument_is_read() {
    let Some(info) = recorded() else { return };
    assert_eq!(info.refused, []);
    assert_eq!(info.instruments.len(), 1695);
    assert_eq!(info.instruments.iter().filter(|listed| listed.is_trading()).count(), 1222);
    assert_eq!(info.request_weight, Some(WeightLimit { weight: 1200, interval_secs: 60 }));
}

#[test]
fn recorded_scales_are_those_in_which_the_venue_prints() {
    let Some(info) = recorded() else { return };
    let of = |symbol: &str| {
        let listed = info.instruments.iter().find(|listed| listed.spec.symbol == symbol).unwrap();
        let InstrumentSpec { price_scale, qty_scale, tick, lot, .. } = listed.spec;
        (listed.spec.market(), price_scale, qty_scale, tick, lot)
    };
    assert_eq!(of("BTCUSDT"), ("BTC/USD*".into(), 8, 8, 1_000_000, 1_000));
    assert_eq!(of("ETHBTC"), ("ETH/BTC".into(), 8, 8, 100, 10_000));
    // Quoted in rupiah, printed with two decimals.
    assert_eq!(of("BTCIDRT"), ("BTC/IDRT".into(), 2, 8, 100, 1_000));
}
