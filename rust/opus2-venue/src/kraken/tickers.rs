//! `GET /0/public/Ticker`: what was traded of every pair.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::asset_pairs::{read_names, read_result};
use crate::listing::ListingError;
use crate::turnover::Turnover;

/// The path of the statistics of all pairs.
pub const TICKERS_PATH: &str = "/0/public/Ticker";

#[derive(Deserialize)]
struct Ticker {
    /// Last trade: price, quantity.
    c: (String, String),
    /// Quantity traded today, and in the last 24 hours.
    v: (String, String),
    /// Mean price weighted by quantity, of the same spans.
    p: (String, String),
}

/// Reads the body of the answer. It names pairs by REST names only, which `asset_pairs`, the body of an answer to
/// [`ASSET_PAIRS_PATH`](super::ASSET_PAIRS_PATH), translates. A pair that cannot be read, or translated, is left out.
///
/// # Errors
/// One of the bodies is something else.
///
/// # Source
/// Kraken REST API, "Get ticker information", read November 2026.
pub fn parse_tickers(body: &[u8], asset_pairs: &[u8]) -> Result<Vec<Turnover>, ListingError> {
    let names: BTreeMap<String, String> = read_names(asset_pairs)?;
    let turnover = |(name, entry): (String, &serde_json::value::RawValue)| {
        let ticker: Ticker = serde_json::from_str(entry.get()).ok()?;
        let number = |text: &str| text.parse::<Decimal>().ok();
        Some(Turnover {
            symbol: names.get(&name)?.clone(),
            last_price: number(&ticker.c.0)?,
            quote_volume: number(&ticker.v.1)?.checked_mul(number(&ticker.p.1)?)?,
        })
    };
    Ok(read_result(body, "an object `result` of tickers")?.into_iter().filter_map(turnover).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turnovers_have_v2_names_and_bad_entries_cost_no_other() {
        let pairs =
            br#"{"error":[],"result":{"XXBTZUSD":{"wsname":"XBT/USD","pair_decimals":1,"lot_decimals":8},
            "ADAXBT":{"wsname":"ADA/XBT","pair_decimals":8,"lot_decimals":8}}}"#;
        let tickers = br#"{"error":[],"result":{
            "XXBTZUSD":{"a":["1","2","3"],"c":["50000.1","0.1"],"v":["1.0","2.5"],"p":["1","40000.0"],"o":"1"},
            "ADAXBT":{"c":["?","0.1"],"v":["1.0","2.5"],"p":["1","2"]},
            "NEWUSD":{"c":["1","0.1"],"v":["1.0","2.5"],"p":["1","2"]}}}"#;
        let found: Vec<String> = parse_tickers(tickers, pairs)
            .unwrap()
            .iter()
            .map(|turnover| format!("{} {} {}", turnover.symbol, turnover.last_price, turnover.quote_volume))
            .collect();
        assert_eq!(found, ["BTC/USD 50000.1 100000.00"]);
        assert!(parse_tickers(br#"{"error":["EGeneral:Too many requests"]}"#, pairs).is_err());
        assert!(parse_tickers(tickers, b"").is_err());
    }
}
