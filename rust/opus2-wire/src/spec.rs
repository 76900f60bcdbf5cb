//! The JSON text of an [`InstrumentSpec`]: the value of a raw record on channel `instrument`.

use opus2_types::{FeedKind, InstrumentSpec, Scaled, SpecOrigin, Venue, parse_scaled};
use serde::{Deserialize, Serialize};

use crate::WireError;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpecJson {
    venue: String,
    symbol: String,
    base: String,
    quote: String,
    price_scale: u8,
    qty_scale: u8,
    /// Decimal text; `"0"` when unknown.
    tick: String,
    lot: String,
    /// `venue` or `recording`.
    origin: String,
    /// A [`FeedKind`]'s name.
    feed: String,
    /// Only of feeds whose books are cut to a depth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depth: Option<u16>,
}

/// The specification as one line of JSON.
///
/// # Panics
/// Never: a struct of strings and integers always serializes.
#[must_use]
pub fn encode_spec(spec: &InstrumentSpec) -> String {
    let json = SpecJson {
        venue: spec.venue.to_string(),
        symbol: spec.symbol.clone(),
        base: spec.base.clone(),
        quote: spec.quote.clone(),
        price_scale: spec.price_scale,
        qty_scale: spec.qty_scale,
        tick: Scaled::new(spec.tick, spec.price_scale).to_string(),
        lot: Scaled::new(spec.lot, spec.qty_scale).to_string(),
        origin: match spec.origin {
            SpecOrigin::Venue => "venue".into(),
            SpecOrigin::Recording => "recording".into(),
        },
        feed: spec.feed.to_string(),
        depth: spec.feed.depth(),
    };
    serde_json::to_string(&json).expect("a struct of strings and integers always serializes")
}

/// Reads what [`encode_spec`] wrote and validates it.
///
/// # Errors
/// Not JSON of this form, an unknown venue, a tick or lot that is no number of the scale, or an invalid specification.
pub fn decode_spec(text: &[u8]) -> Result<InstrumentSpec, WireError> {
    let invalid = |reason: String| WireError::Invalid { what: "instrument specification", reason };
    let json: SpecJson = serde_json::from_slice(text).map_err(|error| invalid(error.to_string()))?;
    let venue: Venue = json.venue.parse().map_err(|error| invalid(format!("{error}")))?;
    let units = |field: &str, text: &str, scale: u8| {
        parse_scaled(text.as_bytes(), scale).map_err(|error| invalid(format!("{field} {text:?}: {error}")))
    };
    let spec = InstrumentSpec {
        tick: units("tick", &json.tick, json.price_scale)?,
        lot: units("lot", &json.lot, json.qty_scale)?,
        venue,
        symbol: json.symbol,
        base: json.base,
        quote: json.quote,
        price_scale: json.price_scale,
        qty_scale: json.qty_scale,
        origin: match json.origin.as_str() {
            "venue" => SpecOrigin::Venue,
            "recording" => SpecOrigin::Recording,
            other => return Err(invalid(format!("origin {other:?} is neither venue nor recording"))),
        },
        feed: FeedKind::from_name(&json.feed, json.depth.unwrap_or(0))
            .ok_or_else(|| invalid(format!("unknown feed {:?}", json.feed)))?,
    };
    spec.validate().map_err(|error| invalid(error.to_string()))?;
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_survives_its_text() {
        let spec = InstrumentSpec {
            venue: Venue::Binance,
            symbol: "BTCUSDT".into(),
            base: "BTC".into(),
            quote: "USDT".into(),
            price_scale: 2,
            qty_scale: 5,
            tick: 1,
            lot: 1,
            origin: SpecOrigin::Venue,
            feed: FeedKind::BinanceDepth,
        };
        let text = encode_spec(&spec);
        insta::assert_snapshot!(text, @r#"{"venue":"binance","symbol":"BTCUSDT","base":"BTC","quote":"USDT","price_scale":2,"qty_scale":5,"tick":"0.01","lot":"0.00001","origin":"venue","feed":"binance_depth"}"#);
        assert_eq!(decode_spec(text.as_bytes()), Ok(spec.clone()));
        let spec = InstrumentSpec {
            venue: Venue::Kraken,
            symbol: "BTC/USDT".into(),
            feed: FeedKind::KrakenBook { depth: 1000 },
            ..spec
        };
        let text = encode_spec(&spec);
        insta::assert_snapshot!(text, @r#"{"venue":"kraken","symbol":"BTC/USDT","base":"BTC","quote":"USDT","price_scale":2,"qty_scale":5,"tick":"0.01","lot":"0.00001","origin":"venue","feed":"kraken_book","depth":1000}"#);
        assert_eq!(decode_spec(text.as_bytes()), Ok(spec));
    }

    #[test]
    fn a_bad_spec_is_an_error() {
        for text in ["", "{}", "[]", r#"{"venue":"binance"}"#] {
            assert!(decode_spec(text.as_bytes()).is_err(), "{text}");
        }
    }
}
