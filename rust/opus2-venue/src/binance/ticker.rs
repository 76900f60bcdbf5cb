//! `GET /api/v3/ticker/24hr`: what was traded of every instrument.

use opus2_types::Venue;
use rust_decimal::Decimal;
use serde::Deserialize;

use crate::listing::ListingError;
use crate::turnover::Turnover;

/// The path and query of the statistics of all instruments; `type=MINI` leaves out what we do not read.
pub const TICKERS_PATH: &str = "/api/v3/ticker/24hr?type=MINI";

/// The weight of that request: for all instruments it does not depend on their number.
///
/// # Source
/// Binance spot REST API, "24hr ticker price change statistics", read November 2026.
pub const TICKERS_WEIGHT: u32 = 80;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Ticker {
    symbol: String,
    last_price: String,
    quote_volume: String,
}

/// Reads the body of the answer. An entry whose numbers cannot be read counts as not traded.
///
/// # Errors
/// The body is not a list of statistics.
pub fn parse_tickers(body: &[u8]) -> Result<Vec<Turnover>, ListingError> {
    let tickers: Vec<Ticker> = serde_json::from_slice(body).map_err(|source| ListingError {
        venue: Venue::Binance,
        expected: "a list of objects with `symbol`, `lastPrice` and `quoteVolume`",
        source,
    })?;
    let number = |text: &str| text.parse::<Decimal>().unwrap_or_default();
    Ok(tickers
        .into_iter()
        .map(|ticker| Turnover {
            last_price: number(&ticker.last_price),
            quote_volume: number(&ticker.quote_volume),
            symbol: ticker.symbol,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unreadable_number_costs_its_entry_alone() {
        let body = br#"[{"symbol":"BTCUSDT","openPrice":"1","lastPrice":"50000.10","volume":"2","quoteVolume":"99.5"},
            {"symbol":"ETHUSDT","lastPrice":"?","quoteVolume":"7"}]"#;
        let found: Vec<String> = parse_tickers(body)
            .unwrap()
            .iter()
            .map(|ticker| format!("{} {} {}", ticker.symbol, ticker.last_price, ticker.quote_volume))
            .collect();
        assert_eq!(found, ["BTCUSDT 50000.10 99.5", "ETHUSDT 0 7"]);
        assert!(parse_tickers(br#"{"code":-1,"msg":"x"}"#).is_err());
    }
}
