//! The metadata document: `GET /api/v3/exchangeInfo`.

use serde_json::{Value, json};

use super::frame::write_fixed;
use crate::market::{Listing, ORDER_QTY_MAX};

/// The venue's largest price and quantity, in units of the venue's eight decimals.
const PRICE_MAX: i64 = 1_000_000 * 100_000_000;
const QTY_MAX: i64 = ORDER_QTY_MAX * 100_000_000;

/// The venue's head of the document: clock and limits.
pub(crate) fn head(server_time: i64, weight_limit: u32, symbols: &[Value]) -> Value {
    let limit = |kind: &str, interval: &str, number: u32, limit: u32| json!({ "rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit });
    json!({
        "timezone": "UTC",
        "serverTime": server_time,
        "rateLimits": [
            limit("REQUEST_WEIGHT", "MINUTE", 1, weight_limit),
            limit("ORDERS", "SECOND", 10, 100),
            limit("ORDERS", "DAY", 1, 200_000),
            // Never reached before the weight: every request weighs at least 1.
            limit("RAW_REQUESTS", "MINUTE", 5, 300_000),
        ],
        "exchangeFilters": [],
        "symbols": symbols,
    })
}

/// One instrument, with every field the venue documents (November 2026).
pub(crate) fn symbol(listing: &Listing, with_permission_sets: bool) -> Value {
    let spec = listing;
    let is_dollar = opus2_types::quote_family(&spec.quote) == Some("USD");
    let mut symbol = json!({
        "symbol": spec.symbol,
        "status": "TRADING",
        "baseAsset": spec.base,
        "baseAssetPrecision": 8,
        "quoteAsset": spec.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"],
        "icebergAllowed": true,
        "ocoAllowed": true,
        "otoAllowed": true,
        "opoAllowed": true,
        "quoteOrderQtyMarketAllowed": true,
        "allowTrailingStop": true,
        "cancelReplaceAllowed": true,
        "amendAllowed": true,
        "pegInstructionsAllowed": true,
        "isSpotTradingAllowed": true,
        "isMarginTradingAllowed": is_dollar,
        "filters": filters(listing),
        "permissions": [],
        "permissionSets": [["SPOT", "MARGIN"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"],
    });
    if !with_permission_sets && let Some(fields) = symbol.as_object_mut() {
        fields.remove("permissionSets");
    }
    symbol
}

fn filters(listing: &Listing) -> Value {
    let tick = decimal(1, listing.price_scale);
    let lot = decimal(1, listing.qty_scale);
    json!([
        { "filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": decimal(PRICE_MAX, 8), "tickSize": tick },
        { "filterType": "LOT_SIZE", "minQty": lot, "maxQty": decimal(QTY_MAX, 8), "stepSize": lot },
        { "filterType": "ICEBERG_PARTS", "limit": 10 },
        { "filterType": "MARKET_LOT_SIZE", "minQty": decimal(0, 8), "maxQty": decimal(QTY_MAX, 8), "stepSize": decimal(0, 8) },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "5", "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5", "askMultiplierDown": "0.2", "avgPriceMins": 5,
        },
        {
            "filterType": "NOTIONAL", "minNotional": decimal(listing.notional_min, 8), "applyMinToMarket": true,
            "maxNotional": "9000000.00000000", "applyMaxToMarket": false, "avgPriceMins": 5,
        },
        { "filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200 },
        { "filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5 },
    ])
}

fn decimal(units: i64, scale: u8) -> String {
    let mut text = String::new();
    write_fixed(&mut text, units, scale);
    text
}

#[cfg(test)]
mod tests {
    use opus2_types::Venue;

    use super::*;
    use crate::market::{VenueListings, list_instruments};

    #[test]
    fn tick_and_lot_are_those_of_the_book() {
        let (listings, _) =
            list_instruments(&[VenueListings { venue: Venue::Binance, count: 5, lag_nanos: 0 }]);
        let find = |symbol: &Value, kind: &str, field: &str| {
            let filters = symbol["filters"].as_array().unwrap();
            filters.iter().find(|filter| filter["filterType"] == kind).unwrap()[field].clone()
        };
        let btcusdt = symbol(&listings[0], true);
        assert_eq!(find(&btcusdt, "PRICE_FILTER", "tickSize"), "0.01000000");
        assert_eq!(find(&btcusdt, "LOT_SIZE", "stepSize"), "0.00001000");
        assert_eq!(find(&btcusdt, "NOTIONAL", "minNotional"), "5.00000000");
        let ethbtc = symbol(&listings[3], false);
        assert_eq!(ethbtc["symbol"], "ETHBTC");
        assert_eq!(find(&ethbtc, "PRICE_FILTER", "tickSize"), "0.00001000");
        assert_eq!(find(&ethbtc, "NOTIONAL", "minNotional"), "0.00010000");
        assert!(ethbtc.get("permissionSets").is_none());
    }
}
