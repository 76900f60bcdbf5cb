//! `GET /api/v3/exchangeInfo`: which instruments there are, how they count, and how much we may ask.
//!
//! # Scales
//!
//! An instrument's scales are the decimals in which Binance *prints* its numbers (`quoteAssetPrecision` for prices,
//! `baseAssetPrecision` for quantities, eight for almost every asset), or those of the tick or step if these were ever
//! finer. They are not the decimals of the tick: when a tick becomes coarser, orders placed on the old grid rest on, and
//! a book that could not hold their prices would be wrong until the last of them had gone. With eight places an `i64`
//! holds every quantity the venue can print, because the venue counts in 64 bits and eight places itself
//! (92233720368.54775807 is where its quantities saturate). Sums over levels need 128 bits.

use opus2_types::{
    FeedKind, InstrumentSpec, SCALE_MAX, SpecOrigin, Venue, parse_scaled, significant_decimals,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::listing::{
    InstrumentError, ListedInstrument, Listing, ListingError, ListingStatus, RefusedInstrument, WeightLimit,
};

/// Reads the body of an exchangeInfo answer.
///
/// Filters are found by `filterType`; a missing filter, or a tick or step of zero, means that the venue enforces none.
/// An entry that cannot be read is reported in [`Listing::refused`] and costs no other entry anything. Symbols are
/// any UTF-8 text. Fields we do not know are skipped.
///
/// # Errors
/// The body as a whole is something else, for example an error object.
///
/// # Source
/// Binance spot REST API, "Exchange information", and `filters.md`, read November 2026.
pub fn parse_exchange_info(body: &[u8]) -> Result<Listing, ListingError> {
    let answer: Answer<'_> = serde_json::from_slice(body).map_err(|source| ListingError {
        venue: Venue::Binance,
        expected: "an exchangeInfo answer: an object with the lists `symbols` and `rateLimits`",
        source,
    })?;
    let mut info = Listing { request_weight: request_weight(&answer.rate_limits), ..Default::default() };
    for (index, entry) in answer.symbols.iter().enumerate() {
        match parse_instrument(entry) {
            Ok(instrument) => info.instruments.push(instrument),
            Err(reason) => info.refused.push(RefusedInstrument { symbol: symbol_of(entry, index), reason }),
        }
    }
    Ok(info)
}

/// The weight that a snapshot of `levels` levels a side costs.
///
/// # Source
/// Binance spot REST API, "Order book", weights since 2023-08-25, read November 2026.
#[must_use]
pub const fn depth_request_weight(levels: u16) -> u32 {
    match levels {
        0..=100 => 5,
        101..=500 => 25,
        501..=1000 => 50,
        _ => 250,
    }
}

/// The weight of one exchangeInfo request.
pub const EXCHANGE_INFO_WEIGHT: u32 = 20;

/// The most levels a side that a depth snapshot can have.
pub const SNAPSHOT_LEVELS_MAX: u16 = 5000;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default, rename = "rateLimits")]
    rate_limits: Vec<RateLimit>,
    #[serde(borrow)]
    symbols: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimit {
    #[serde(rename = "rateLimitType")]
    kind: String,
    interval: String,
    interval_num: u32,
    limit: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    symbol: String,
    status: String,
    base_asset: String,
    base_asset_precision: u8,
    quote_asset: String,
    quote_asset_precision: u8,
    #[serde(default = "spot_unless_said_otherwise")]
    is_spot_trading_allowed: bool,
    #[serde(default)]
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    #[serde(rename = "filterType")]
    kind: String,
    tick_size: Option<String>,
    step_size: Option<String>,
}

fn spot_unless_said_otherwise() -> bool {
    true
}

fn request_weight(limits: &[RateLimit]) -> Option<WeightLimit> {
    let limit = limits.iter().find(|limit| limit.kind == "REQUEST_WEIGHT")?;
    let unit_secs: u32 = match limit.interval.as_str() {
        "SECOND" => 1,
        "MINUTE" => 60,
        "HOUR" => 3_600,
        "DAY" => 86_400,
        _ => return None,
    };
    let interval_secs = unit_secs.checked_mul(limit.interval_num).filter(|secs| *secs > 0)?;
    Some(WeightLimit { weight: limit.limit, interval_secs })
}

fn parse_instrument(entry: &RawValue) -> Result<ListedInstrument, InstrumentError> {
    let entry: Entry =
        serde_json::from_str(entry.get()).map_err(|error| InstrumentError::Unreadable(error.to_string()))?;
    let tick = entry.filter("PRICE_FILTER").and_then(|filter| filter.tick_size.as_deref()).unwrap_or("0");
    let lot = entry.filter("LOT_SIZE").and_then(|filter| filter.step_size.as_deref()).unwrap_or("0");
    let (price_scale, tick) = scale_and_step("tickSize", tick, entry.quote_asset_precision)?;
    let (qty_scale, lot) = scale_and_step("stepSize", lot, entry.base_asset_precision)?;
    let status = match entry.status.as_str() {
        "TRADING" => ListingStatus::Trading,
        _ => ListingStatus::NotTrading(entry.status),
    };
    let spec = InstrumentSpec {
        venue: Venue::Binance,
        symbol: entry.symbol,
        base: entry.base_asset,
        quote: entry.quote_asset,
        price_scale,
        qty_scale,
        tick,
        lot,
        origin: SpecOrigin::Venue,
        feed: FeedKind::BinanceDepth,
    };
    spec.validate()?;
    Ok(ListedInstrument { spec, status, is_spot: entry.is_spot_trading_allowed, alias_of: None })
}

/// The scale of printed numbers with `precision` decimals whose step is `text`, and the step in units of that scale.
fn scale_and_step(field: &'static str, text: &str, precision: u8) -> Result<(u8, i64), InstrumentError> {
    let number = |source| InstrumentError::Number { field, text: text.to_owned(), source };
    let decimals = significant_decimals(text.as_bytes()).unwrap_or(0);
    let scale = precision.max(decimals);
    // A precision above the limit is left for `InstrumentSpec::validate` to name.
    let step = parse_scaled(text.as_bytes(), scale.min(SCALE_MAX)).map_err(number)?;
    Ok((scale, step))
}

fn symbol_of(entry: &RawValue, index: usize) -> String {
    #[derive(Deserialize)]
    struct Named {
        symbol: String,
    }
    match serde_json::from_str::<Named>(entry.get()) {
        Ok(named) if !named.symbol.is_empty() => named.symbol,
        _ => format!("number {index}"),
    }
}

impl Entry {
    fn filter(&self, kind: &str) -> Option<&Filter> {
        self.filters.iter().find(|filter| filter.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = r#"{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","baseAssetPrecision":8,
        "quoteAsset":"USDT","quotePrecision":8,"quoteAssetPrecision":8,"isSpotTradingAllowed":true,"filters":[
        {"filterType":"LOT_SIZE","minQty":"0.00001","maxQty":"9000","stepSize":"0.00001000"},
        {"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000","tickSize":"0.01000000"}]}"#;

    /// One line an entry: what it became.
    #[track_caller]
    fn check(entries: &[String], expect: &[&str]) {
        let body = format!(r#"{{"timezone":"UTC","symbols":[{}]}}"#, entries.join(","));
        let info = parse_exchange_info(body.as_bytes()).unwrap();
        let listed = info.instruments.iter().map(|listed| {
            let ListedInstrument { spec, status, .. } = listed;
            let InstrumentSpec { symbol, price_scale, qty_scale, tick, lot, .. } = spec;
            let market = spec.market();
            let trading = listed.is_trading();
            format!("{symbol} {market} {price_scale}/{qty_scale} {tick}/{lot} {status} {trading}")
        });
        let refused = info.refused.iter().map(|refused| format!("{}: {}", refused.symbol, refused.reason));
        assert_eq!(listed.chain(refused).collect::<Vec<_>>(), expect);
    }

    fn with(from: &str, to: &str) -> String {
        let changed = ENTRY.replace(from, to);
        assert_ne!(changed, ENTRY, "{from:?} is not in the entry");
        changed
    }

    #[test]
    fn scales_are_the_printed_decimals_and_the_tick_is_in_their_units() {
        check(&[ENTRY.to_owned()], &["BTCUSDT BTC/USD* 8/8 1000000/1000 TRADING true"]);
        check(
            &[with(r#""quoteAssetPrecision":8"#, r#""quoteAssetPrecision":2"#)],
            &["BTCUSDT BTC/USD* 2/8 1/1000 TRADING true"],
        );
    }

    #[test]
    fn a_step_finer_than_the_precision_wins() {
        let finer = with(r#""stepSize":"0.00001000""#, r#""stepSize":"0.0000000001""#);
        check(&[finer], &["BTCUSDT BTC/USD* 8/10 1000000/1 TRADING true"]);
    }

    #[test]
    fn a_zero_tick_or_a_missing_filter_means_none_is_enforced() {
        check(
            &[with("0.01000000", "0.00000000"), with("PRICE_FILTER", "PERCENT_PRICE")],
            &["BTCUSDT BTC/USD* 8/8 0/1000 TRADING true"; 2],
        );
    }

    #[test]
    fn an_unknown_status_is_kept_and_not_trading() {
        check(
            &[with("TRADING", "CANCEL_ONLY"), with(":true", ":false")],
            &[
                "BTCUSDT BTC/USD* 8/8 1000000/1000 CANCEL_ONLY false",
                "BTCUSDT BTC/USD* 8/8 1000000/1000 TRADING false",
            ],
        );
    }

    #[test]
    fn a_symbol_is_any_text() {
        check(&[with("BTCUSDT", "币安人生USDT")], &["币安人生USDT BTC/USD* 8/8 1000000/1000 TRADING true"]);
    }

    #[test]
    fn a_bad_entry_is_named_and_costs_no_other() {
        check(
            &[
                with("0.01000000", "a penny"),
                with(r#""baseAsset":"BTC""#, r#""baseAsset":"""#),
                with(r#""baseAssetPrecision":8"#, r#""baseAssetPrecision":30"#),
                with(r#""quoteAsset":"USDT","#, ""),
                "17".to_owned(),
                ENTRY.to_owned(),
            ],
            &[
                "BTCUSDT BTC/USD* 8/8 1000000/1000 TRADING true",
                r#"BTCUSDT: tickSize "a penny": not a plain decimal number"#,
                r#"BTCUSDT: "BTCUSDT": base is empty"#,
                "BTCUSDT: BTCUSDT: scale 30 is above the limit of 18",
                "BTCUSDT: unreadable: missing field `quoteAsset` at line 4 column 102",
                "number 4: unreadable: invalid type: integer `17`, expected struct Entry at line 1 column 2",
            ],
        );
    }

    #[test]
    fn an_error_object_is_an_error() {
        for body in [r#"{"code":-1003,"msg":"Too much request weight used"}"#, "", "[]", "{\"symbols\":3}"] {
            assert!(parse_exchange_info(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn the_weight_limit_is_found_by_its_type() {
        let body = r#"{"symbols":[],"rateLimits":[
            {"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50},
            {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}]}"#;
        let limit = parse_exchange_info(body.as_bytes()).unwrap().request_weight;
        assert_eq!(limit, Some(WeightLimit { weight: 6000, interval_secs: 60 }));
    }
}
