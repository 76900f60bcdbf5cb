//! What Kraken lists: `GET /0/public/AssetPairs`, and the v2 channel `instrument`.
//!
//! # Scales
//!
//! An instrument's scales are the venue's precisions, those in which it prints and computes checksums, not the decimals
//! of its increments, which may be coarser.

use std::collections::BTreeMap;

use opus2_types::{FeedKind, InstrumentSpec, SCALE_MAX, SpecOrigin, Venue};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;

use super::symbol::{split_symbol, v2_symbol};
use crate::decimal::parse_number;
use crate::listing::{
    InstrumentError, ListedInstrument, Listing, ListingError, ListingStatus, RefusedInstrument,
};

/// The path of the list.
pub const ASSET_PAIRS_PATH: &str = "/0/public/AssetPairs";

/// Reads the body of an `AssetPairs` answer: every pair by its v2 name, to be followed by `feed`.
///
/// Dark pools (`.d`) are left out. A pair without `status` is taken to be online, as all were before the venue sent one.
/// An entry that cannot be read is reported in [`Listing::refused`] and costs no other entry anything.
///
/// # Errors
/// The body as a whole is something else; among that, an error, which this venue sends with HTTP status 200.
///
/// # Source
/// Kraken REST API, "Get tradable asset pairs", read November 2026.
pub fn parse_asset_pairs(body: &[u8], feed: FeedKind) -> Result<Listing, ListingError> {
    let mut listing = Listing::default();
    for (name, entry) in read_result(body, "an object `result` of pairs")? {
        match parse_pair(&name, entry, feed) {
            Ok(Some(instrument)) => listing.instruments.push(instrument),
            Ok(None) => {}
            Err(reason) => listing.refused.push(RefusedInstrument { symbol: name, reason }),
        }
    }
    Ok(listing)
}

/// The entries of a public REST answer.
pub(super) fn read_result<'a>(
    body: &'a [u8],
    expected: &'static str,
) -> Result<BTreeMap<String, &'a RawValue>, ListingError> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(default)]
        error: Vec<String>,
        #[serde(borrow, default)]
        result: Option<BTreeMap<String, &'a RawValue>>,
    }
    let failed = |source| ListingError { venue: Venue::Kraken, expected, source };
    let answer: Answer<'a> = serde_json::from_slice(body).map_err(failed)?;
    match answer.result {
        _ if !answer.error.is_empty() => Err(failed(serde_json::Error::custom(answer.error.join(", ")))),
        Some(result) => Ok(result),
        None => Err(failed(serde_json::Error::custom("neither `result` nor `error`"))),
    }
}

/// The v2 name of each pair by its REST name; of pairs that have one.
pub(super) fn read_names(body: &[u8]) -> Result<BTreeMap<String, String>, ListingError> {
    #[derive(Deserialize)]
    struct Named {
        wsname: String,
    }
    let named = |(name, entry): (String, &RawValue)| {
        let pair: Named = serde_json::from_str(entry.get()).ok()?;
        Some((name, v2_symbol(&pair.wsname)?))
    };
    Ok(read_result(body, "an object `result` of pairs")?.into_iter().filter_map(named).collect())
}

#[derive(Deserialize)]
struct RestPair {
    altname: Option<String>,
    wsname: Option<String>,
    pair_decimals: u8,
    lot_decimals: u8,
    tick_size: Option<String>,
    status: Option<String>,
}

fn parse_pair(
    name: &str,
    entry: &RawValue,
    feed: FeedKind,
) -> Result<Option<ListedInstrument>, InstrumentError> {
    let unreadable = |what: &str| InstrumentError::Unreadable(what.to_owned());
    let pair: RestPair = serde_json::from_str(entry.get()).map_err(|error| unreadable(&error.to_string()))?;
    if [Some(name), pair.altname.as_deref()]
        .into_iter()
        .flatten()
        .any(|name| name.strip_suffix(".d").is_some())
    {
        return Ok(None);
    }
    let wsname = pair.wsname.as_deref().ok_or_else(|| unreadable("no `wsname`"))?;
    let (base, quote) =
        split_symbol(wsname).ok_or_else(|| unreadable("`wsname` is not two names with a stroke between"))?;
    let tick = match pair.tick_size.as_deref() {
        Some(text) => step("tick_size", text.as_bytes(), pair.pair_decimals)?,
        None => 1,
    };
    let spec = InstrumentSpec {
        venue: Venue::Kraken,
        symbol: format!("{base}/{quote}"),
        base: base.to_owned(),
        quote: quote.to_owned(),
        price_scale: pair.pair_decimals,
        qty_scale: pair.lot_decimals,
        tick,
        lot: 1,
        origin: SpecOrigin::Venue,
        feed,
    };
    spec.validate()?;
    let status = status_of(pair.status.unwrap_or_else(|| ONLINE.to_owned()));
    Ok(Some(ListedInstrument { spec, status, is_spot: true, alias_of: None }))
}

const ONLINE: &str = "online";

fn status_of(status: String) -> ListingStatus {
    if status == ONLINE { ListingStatus::Trading } else { ListingStatus::NotTrading(status) }
}

fn step(field: &'static str, text: &[u8], scale: u8) -> Result<i64, InstrumentError> {
    // A precision above the limit is left for `InstrumentSpec::validate` to name.
    parse_number(text, scale.min(SCALE_MAX)).map_err(|source| InstrumentError::Number {
        field,
        text: String::from_utf8_lossy(text).into_owned(),
        source,
    })
}

/// Reads a message of the channel `instrument`, snapshot or update: pairs as in [`parse_asset_pairs`].
///
/// # Errors
/// Not a message of that channel.
///
/// # Source
/// Kraken WebSocket v2, "Instruments", read November 2026.
pub fn read_pairs(frame: &[u8], feed: FeedKind) -> Result<Listing, ListingError> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow)]
        data: Data<'a>,
    }
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow, default)]
        pairs: Vec<&'a RawValue>,
    }
    let message: Message<'_> = serde_json::from_slice(frame).map_err(|source| ListingError {
        venue: Venue::Kraken,
        expected: "an object `data` with a list `pairs`",
        source,
    })?;
    let mut listing = Listing::default();
    for (index, entry) in message.data.pairs.into_iter().enumerate() {
        match read_pair(entry, feed) {
            Ok(instrument) => listing.instruments.push(instrument),
            Err(reason) => {
                listing.refused.push(RefusedInstrument { symbol: format!("number {index}"), reason });
            }
        }
    }
    Ok(listing)
}

fn read_pair(entry: &RawValue, feed: FeedKind) -> Result<ListedInstrument, InstrumentError> {
    #[derive(Deserialize)]
    struct Pair<'a> {
        symbol: String,
        base: String,
        quote: String,
        status: String,
        price_precision: u8,
        qty_precision: u8,
        /// Numbers by their text: `1e-08` is one of them.
        #[serde(borrow)]
        price_increment: Option<&'a RawValue>,
        #[serde(borrow)]
        qty_increment: Option<&'a RawValue>,
    }
    let pair: Pair<'_> =
        serde_json::from_str(entry.get()).map_err(|error| InstrumentError::Unreadable(error.to_string()))?;
    let step_of = |field, value: Option<&RawValue>, scale| {
        value.map_or(Ok(1), |value| step(field, value.get().as_bytes(), scale))
    };
    let spec = InstrumentSpec {
        venue: Venue::Kraken,
        tick: step_of("price_increment", pair.price_increment, pair.price_precision)?,
        lot: step_of("qty_increment", pair.qty_increment, pair.qty_precision)?,
        symbol: pair.symbol,
        base: pair.base,
        quote: pair.quote,
        price_scale: pair.price_precision,
        qty_scale: pair.qty_precision,
        origin: SpecOrigin::Venue,
        feed,
    };
    spec.validate()?;
    Ok(ListedInstrument { spec, status: status_of(pair.status), is_spot: true, alias_of: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a pair: what it became.
    #[track_caller]
    fn check(listing: &Listing, expect: &[&str]) {
        let listed = listing.instruments.iter().map(|listed| {
            let InstrumentSpec { symbol, price_scale, qty_scale, tick, lot, .. } = &listed.spec;
            let market = listed.spec.market();
            format!("{symbol} {market} {price_scale}/{qty_scale} {tick}/{lot} {}", listed.status)
        });
        let refused = listing.refused.iter().map(|refused| format!("{}: {}", refused.symbol, refused.reason));
        assert_eq!(listed.chain(refused).collect::<Vec<_>>(), expect);
    }

    const FEED: FeedKind = FeedKind::KrakenBook { depth: 100 };

    #[test]
    fn pairs_get_their_v2_names_and_dark_pools_are_left_out() {
        let body = r#"{"error":[],"result":{
            "XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT\/USD","base":"XXBT","quote":"ZUSD","pair_decimals":1,"lot_decimals":8,"tick_size":"0.1","status":"online"},
            "XXBTZUSD.d":{"altname":"XBTUSD.d","pair_decimals":3,"lot_decimals":8},
            "AAPLxUSD":{"altname":"AAPLxUSD","wsname":"AAPLx/USD","aclass_base":"tokenized_asset","pair_decimals":2,"lot_decimals":8,"tick_size":"0.05","status":"post_only"},
            "XDGEUR":{"wsname":"XDG/EUR","pair_decimals":7,"lot_decimals":8}}}"#;
        check(
            &parse_asset_pairs(body.as_bytes(), FEED).unwrap(),
            &[
                "AAPLx/USD AAPLx/USD* 2/8 5/1 post_only",
                "DOGE/EUR DOGE/EUR* 7/8 1/1 TRADING",
                "BTC/USD BTC/USD* 1/8 1/1 TRADING",
            ],
        );
    }

    #[test]
    fn a_bad_pair_is_named_and_costs_no_other() {
        let body = r#"{"error":[],"result":{
            "A":{"wsname":"A/B","pair_decimals":1,"lot_decimals":8,"tick_size":"a penny"},
            "B":{"pair_decimals":1,"lot_decimals":8},
            "C":{"wsname":"CUSD","pair_decimals":1,"lot_decimals":8},
            "D":{"wsname":"D/USD","pair_decimals":30,"lot_decimals":8},
            "E":{"wsname":"E/USD","pair_decimals":1,"lot_decimals":8}}}"#;
        check(
            &parse_asset_pairs(body.as_bytes(), FEED).unwrap(),
            &[
                "E/USD E/USD* 1/8 1/1 TRADING",
                r#"A: tick_size "a penny": not a plain decimal number"#,
                "B: unreadable: no `wsname`",
                "C: unreadable: `wsname` is not two names with a stroke between",
                "D: D/USD: scale 30 is above the limit of 18",
            ],
        );
    }

    #[test]
    fn an_error_with_status_200_is_an_error() {
        let source = |body: &[u8]| parse_asset_pairs(body, FEED).unwrap_err().source.to_string();
        assert_eq!(source(br#"{"error":["EGeneral:Too many requests"]}"#), "EGeneral:Too many requests");
        assert_eq!(source(br#"{"error":[]}"#), "neither `result` nor `error`");
        assert!(parse_asset_pairs(b"<html>", FEED).is_err());
    }

    #[test]
    fn the_instrument_channel_is_read_by_the_text_of_its_numbers() {
        let frame = br#"{"channel":"instrument","type":"snapshot","data":{
            "assets":[{"id":"BTC","status":"enabled","precision":10}],
            "pairs":[{"symbol":"BTC/USD","base":"BTC","quote":"USD","status":"online","qty_precision":8,"qty_increment":1e-08,
                "qty_min":0.00005,"price_precision":1,"price_increment":0.1,"cost_precision":5,"cost_min":"0.5"},
                {"symbol":"OLD/USD","base":"OLD","quote":"USD","status":"delisted","qty_precision":5,"price_precision":2},
                {"symbol":"BAD/USD"}]}}"#;
        check(
            &read_pairs(frame, FEED).unwrap(),
            &[
                "BTC/USD BTC/USD* 1/8 1/1 TRADING",
                "OLD/USD OLD/USD* 2/5 1/1 delisted",
                "number 2: unreadable: missing field `base` at line 1 column 20",
            ],
        );
        assert!(read_pairs(br#"{"channel":"instrument","data":7}"#, FEED).is_err());
    }
}
