//! The JSON text of a position: the value of a raw record on channel `position`, on the topic `positions`.
//!
//! ```json
//! {"qty":"0.25","entry_price":"61850.5","equity":"100000"}
//! ```
//!
//! Written by whoever executes our orders; read by `normalize`. Amounts are exact decimal text. Contract:
//! docs/contracts/topics.md.

use opus2_types::{PositionEvent, Price, Qty, Scaled, parse_scaled};
use serde::{Deserialize, Serialize};

use crate::WireError;

/// Decimal places of equity: millionths of the quote asset.
pub const EQUITY_SCALE: u8 = 6;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PositionJson {
    /// Signed base quantity.
    qty: String,
    /// Average entry price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entry_price: Option<String>,
    /// Equity of the whole account in the quote asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    equity: Option<String>,
}

/// The position as one line of JSON, in an instrument's scales.
///
/// # Panics
/// Never: a struct of strings always serializes.
#[must_use]
pub fn encode_position(position: &PositionEvent, price_scale: u8, qty_scale: u8) -> String {
    let json = PositionJson {
        qty: Scaled::new(position.qty.0, qty_scale).to_string(),
        entry_price: position.entry_price.map(|price| Scaled::new(price.0, price_scale).to_string()),
        equity: position.equity_micros.map(|micros| Scaled::new(micros, EQUITY_SCALE).to_string()),
    };
    serde_json::to_string(&json).expect("a struct of strings always serializes")
}

/// Reads what [`encode_position`] wrote.
///
/// # Errors
/// Not JSON of this form, a number with more decimals than the instrument's scale, a price or an equity that is not
/// positive.
pub fn decode_position(text: &[u8], price_scale: u8, qty_scale: u8) -> Result<PositionEvent, WireError> {
    let json: PositionJson = serde_json::from_slice(text).map_err(|error| invalid(error.to_string()))?;
    let units = |field: &str, text: &str, scale: u8| {
        parse_scaled(text.as_bytes(), scale).map_err(|error| invalid(format!("{field} {text:?}: {error}")))
    };
    let positive = |field: &str, text: &Option<String>, scale: u8| {
        let Some(text) = text else { return Ok(None) };
        match units(field, text, scale)? {
            found if found > 0 => Ok(Some(found)),
            _ => Err(invalid(format!("{field} {text:?} is not positive"))),
        }
    };
    Ok(PositionEvent {
        qty: Qty(units("qty", &json.qty, qty_scale)?),
        entry_price: positive("entry_price", &json.entry_price, price_scale)?.map(Price),
        equity_micros: positive("equity", &json.equity, EQUITY_SCALE)?,
    })
}

fn invalid(reason: String) -> WireError {
    WireError::Invalid { what: "position", reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = decode_position(text.as_bytes(), 2, 3);
        let shown = found.map(|position| encode_position(&position, 2, 3));
        assert_eq!(shown.unwrap_or_else(|error| error.to_string()), expect);
    }

    #[test]
    fn a_position_survives_its_text() {
        check(r#"{"qty":"-0.250"}"#, r#"{"qty":"-0.25"}"#);
        let whole = r#"{"qty":"0.25","entry_price":"61850.5","equity":"100000"}"#;
        check(whole, whole);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_reason() {
        check(
            r#"{"qty":"0.0001"}"#,
            "position: qty \"0.0001\": more decimals than the instrument's scale of 3",
        );
        check(r#"{"qty":"1","entry_price":"0"}"#, "position: entry_price \"0\" is not positive");
        check(r#"{"qty":"1","equity":"-5"}"#, "position: equity \"-5\" is not positive");
        assert!(decode_position(b"{\"qty\":\"1\",\"leverage\":\"3\"}", 2, 3).is_err());
        assert!(decode_position(b"", 2, 3).is_err());
    }
}
