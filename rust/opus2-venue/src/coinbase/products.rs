//! What Coinbase lists: `GET /products` of Exchange, `GET /api/v3/brokerage/market/products` of Advanced Trade.
//!
//! # Scales
//!
//! The venue states increments only. An instrument's scales have two more places (up to eight): when an increment becomes
//! coarser, orders on the old grid rest on, and a book that could not hold their prices would be wrong until the last of
//! them had gone.

use opus2_types::{
    FeedKind, InstrumentSpec, SCALE_MAX, SpecOrigin, Venue, parse_scaled, significant_decimals,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::listing::{
    InstrumentError, ListedInstrument, Listing, ListingError, ListingStatus, RefusedInstrument,
};
use crate::turnover::Turnover;

/// The path of Exchange's list.
pub const PRODUCTS_PATH: &str = "/products";

/// The path of Advanced Trade's list. It also says what is traded of each product.
pub const ADVANCED_PRODUCTS_PATH: &str = "/api/v3/brokerage/market/products";

/// More places than the increment has.
const GUARD_PLACES: u8 = 2;
/// The most places that guards lead to.
const GUARDED_PLACES_MAX: u8 = 8;

/// Reads the body of either list: every product, to be followed by `feed`.
///
/// A product that shares its book with another (`BTC-USDC` with `BTC-USD`) has [`ListedInstrument::alias_of`] set: only
/// the other one may be subscribed to. An entry that cannot be read is reported in [`Listing::refused`] and costs no other
/// entry anything. Fields we do not know are skipped.
///
/// # Errors
/// The body as a whole is something else, for example an error object.
///
/// # Source
/// Coinbase Exchange, "Get all known trading pairs"; Advanced Trade, "List Public Products"; read November 2026.
pub fn parse_products(body: &[u8], feed: FeedKind) -> Result<Listing, ListingError> {
    let mut listing = Listing::default();
    for (index, entry) in read_entries(body)?.into_iter().enumerate() {
        match parse_product(entry, feed) {
            Ok(instrument) => listing.instruments.push(instrument),
            Err(reason) => {
                let symbol = symbol_of(entry).unwrap_or_else(|| format!("number {index}"));
                listing.refused.push(RefusedInstrument { symbol, reason });
            }
        }
    }
    Ok(listing)
}

/// Reads what was traded of each product from the body of an answer to [`ADVANCED_PRODUCTS_PATH`]; its names are those of
/// both feeds. A product that says nothing of it is left out.
///
/// # Errors
/// The body is something else.
pub fn parse_turnovers(body: &[u8]) -> Result<Vec<Turnover>, ListingError> {
    #[derive(Deserialize)]
    struct Traded {
        product_id: String,
        price: String,
        approximate_quote_24h_volume: String,
    }
    let turnover = |entry: &RawValue| {
        let traded: Traded = serde_json::from_str(entry.get()).ok()?;
        let number = |text: &str| text.parse::<Decimal>().ok();
        Some(Turnover {
            last_price: number(&traded.price)?,
            quote_volume: number(&traded.approximate_quote_24h_volume)?,
            symbol: traded.product_id,
        })
    };
    Ok(read_entries(body)?.into_iter().filter_map(turnover).collect())
}

/// Exchange answers with a list, Advanced Trade with an object that has one.
fn read_entries(body: &[u8]) -> Result<Vec<&RawValue>, ListingError> {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        products: Vec<&'a RawValue>,
    }
    let failed = |source| ListingError {
        venue: Venue::Coinbase,
        expected: "a list of products, or an object with the list `products`",
        source,
    };
    if body.trim_ascii_start().first() == Some(&b'[') {
        return serde_json::from_slice(body).map_err(failed);
    }
    serde_json::from_slice::<Answer<'_>>(body).map(|answer| answer.products).map_err(failed)
}

/// A product of either list.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the venue's own fields")]
struct Product {
    #[serde(rename = "product_id", alias = "id")]
    symbol: String,
    #[serde(alias = "base_currency")]
    base_currency_id: String,
    #[serde(alias = "quote_currency")]
    quote_currency_id: String,
    base_increment: String,
    quote_increment: String,
    /// Advanced Trade's price step; Exchange calls its own `quote_increment`.
    price_increment: Option<String>,
    status: String,
    #[serde(default)]
    trading_disabled: bool,
    #[serde(default)]
    is_disabled: bool,
    #[serde(default)]
    cancel_only: bool,
    #[serde(default)]
    view_only: bool,
    #[serde(rename = "product_type")]
    kind: Option<String>,
    #[serde(default)]
    alias: String,
}

fn parse_product(entry: &RawValue, feed: FeedKind) -> Result<ListedInstrument, InstrumentError> {
    let product: Product =
        serde_json::from_str(entry.get()).map_err(|error| InstrumentError::Unreadable(error.to_string()))?;
    let (field, tick) = match &product.price_increment {
        Some(tick) if !tick.is_empty() => ("price_increment", tick),
        _ => ("quote_increment", &product.quote_increment),
    };
    let (price_scale, tick) = scale_and_step(field, tick)?;
    let (qty_scale, lot) = scale_and_step("base_increment", &product.base_increment)?;
    let status = product.listing_status();
    let spec = InstrumentSpec {
        venue: Venue::Coinbase,
        symbol: product.symbol,
        base: product.base_currency_id,
        quote: product.quote_currency_id,
        price_scale,
        qty_scale,
        tick,
        lot,
        origin: SpecOrigin::Venue,
        feed,
    };
    spec.validate()?;
    let is_spot = product.kind.is_none_or(|kind| kind == "SPOT");
    let alias_of = (!product.alias.is_empty()).then_some(product.alias);
    Ok(ListedInstrument { spec, status, is_spot, alias_of })
}

impl Product {
    fn listing_status(&self) -> ListingStatus {
        let hindrances = [
            (self.trading_disabled, "trading_disabled"),
            (self.is_disabled, "is_disabled"),
            (self.view_only, "view_only"),
            (self.cancel_only, "cancel_only"),
        ];
        match hindrances.iter().find(|(is_there, _)| *is_there) {
            _ if self.status != "online" => ListingStatus::NotTrading(self.status.clone()),
            Some((_, name)) => ListingStatus::NotTrading((*name).to_owned()),
            None => ListingStatus::Trading,
        }
    }
}

/// The scale of numbers whose step is `text`, and the step in units of that scale.
fn scale_and_step(field: &'static str, text: &str) -> Result<(u8, i64), InstrumentError> {
    let number = |source| InstrumentError::Number { field, text: text.to_owned(), source };
    let places = significant_decimals(text.as_bytes()).unwrap_or(0);
    let scale = places.max(places.saturating_add(GUARD_PLACES).min(GUARDED_PLACES_MAX));
    // A precision above the limit is left for `InstrumentSpec::validate` to name.
    let step = parse_scaled(text.as_bytes(), scale.min(SCALE_MAX)).map_err(number)?;
    Ok((scale, step))
}

fn symbol_of(entry: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(alias = "id")]
        product_id: String,
    }
    let named: Named = serde_json::from_str(entry.get()).ok()?;
    (!named.product_id.is_empty()).then_some(named.product_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXCHANGE: &str = r#"{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD",
        "quote_increment":"0.01","base_increment":"0.00000001","display_name":"BTC/USD","min_market_funds":"1",
        "margin_enabled":false,"post_only":false,"limit_only":false,"cancel_only":false,"status":"online",
        "status_message":"","trading_disabled":false,"fx_stablecoin":false,"auction_mode":false}"#;
    const ADVANCED: &str = r#"{"product_id":"BTC-USDC","price":"65086.18","base_increment":"0.00000001",
        "quote_increment":"0.01","price_increment":"0.001","status":"online","trading_disabled":false,
        "is_disabled":false,"view_only":false,"cancel_only":false,"product_type":"SPOT","quote_currency_id":"USDC",
        "base_currency_id":"BTC","alias":"BTC-USD","alias_to":[],"approximate_quote_24h_volume":"186637571.25"}"#;

    /// One line an entry: what it became.
    #[track_caller]
    fn check(body: &str, expect: &[&str]) {
        let listing = parse_products(body.as_bytes(), FeedKind::CoinbaseLevel2).unwrap();
        let listed = listing.instruments.iter().map(|listed| {
            let InstrumentSpec { symbol, price_scale, qty_scale, tick, lot, .. } = &listed.spec;
            let (market, alias) = (listed.spec.market(), listed.alias_of.as_deref().unwrap_or("itself"));
            let trading = listed.is_trading();
            let status = &listed.status;
            format!("{symbol} {market} {price_scale}/{qty_scale} {tick}/{lot} {status} {trading} {alias}")
        });
        let refused = listing.refused.iter().map(|refused| format!("{}: {}", refused.symbol, refused.reason));
        assert_eq!(listed.chain(refused).collect::<Vec<_>>(), expect);
    }

    #[track_caller]
    fn with(entry: &str, from: &str, to: &str) -> String {
        let changed = entry.replace(from, to);
        assert_ne!(changed, entry, "{from:?} is not in the entry");
        format!("[{changed}]")
    }

    #[test]
    fn both_lists_are_read() {
        check(&format!("[{EXCHANGE}]"), &["BTC-USD BTC/USD* 4/8 100/1 TRADING true itself"]);
        let body = format!(r#"{{"products":[{ADVANCED}],"num_products":1}}"#);
        check(&body, &["BTC-USDC BTC/USD* 5/8 100/1 TRADING true BTC-USD"]);
    }

    #[test]
    fn scales_leave_room_for_a_finer_past_and_keep_what_is_finer() {
        let body = with(EXCHANGE, r#""quote_increment":"0.01""#, r#""quote_increment":"0.0000000001""#);
        check(&body, &["BTC-USD BTC/USD* 10/8 1/1 TRADING true itself"]);
        let body = with(EXCHANGE, "0.00000001", "1");
        check(&body, &["BTC-USD BTC/USD* 4/2 100/100 TRADING true itself"]);
    }

    #[test]
    fn what_does_not_trade_says_why() {
        for (from, to, expect) in [
            ("online", "delisted", "delisted"),
            (r#""trading_disabled":false"#, r#""trading_disabled":true"#, "trading_disabled"),
            (r#""cancel_only":false"#, r#""cancel_only":true"#, "cancel_only"),
        ] {
            let expect = format!("BTC-USD BTC/USD* 4/8 100/1 {expect} false itself");
            check(&with(EXCHANGE, from, to), &[&expect]);
        }
        let future = with(ADVANCED, "SPOT", "FUTURE");
        check(&future, &["BTC-USDC BTC/USD* 5/8 100/1 TRADING false BTC-USD"]);
    }

    #[test]
    fn a_bad_entry_is_named_and_costs_no_other() {
        let bad = with(EXCHANGE, r#""quote_increment":"0.01""#, r#""quote_increment":"a penny""#);
        let body = format!("[17,{EXCHANGE},{}", &bad[1..]);
        check(
            &body,
            &[
                "BTC-USD BTC/USD* 4/8 100/1 TRADING true itself",
                "number 0: unreadable: invalid type: integer `17`, expected struct Product at line 1 column 2",
                r#"BTC-USD: quote_increment "a penny": not a plain decimal number"#,
            ],
        );
        check(
            &with(EXCHANGE, r#""base_currency":"BTC""#, r#""base_currency":"""#),
            &[r#"BTC-USD: "BTC-USD": base is empty"#],
        );
    }

    #[test]
    fn an_error_object_is_an_error() {
        for body in [r#"{"message":"Public rate limit exceeded"}"#, "", "17", r#"{"products":3}"#] {
            assert!(parse_products(body.as_bytes(), FeedKind::CoinbaseLevel2).is_err(), "{body}");
        }
    }

    #[test]
    fn turnovers_come_from_the_advanced_list() {
        let body = format!(r#"{{"products":[{ADVANCED},{EXCHANGE}]}}"#);
        let turnovers = parse_turnovers(body.as_bytes()).unwrap();
        assert_eq!(turnovers.len(), 1);
        assert_eq!(turnovers[0].symbol, "BTC-USDC");
        assert_eq!(turnovers[0].quote_volume.to_string(), "186637571.25");
    }
}
