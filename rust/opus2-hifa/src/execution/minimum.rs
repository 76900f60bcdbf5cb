//! The smallest orders that venues take, by what they are worth.

use std::fmt;
use std::str::FromStr;

use opus2_types::{Scaled, Venue, parse_scaled};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Decimal places of a [`QuoteAmount`].
const AMOUNT_SCALE: u8 = 6;

/// An exact amount of quote currency, in millionths; not negative, at most a million units.
///
/// Read from decimal text or a decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct QuoteAmount(i64);

/// A million units.
const MICROS_MAX: i64 = 1_000_000_000_000;

impl QuoteAmount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Millionths of a unit.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The amount in units of `10^-price_scale`, rounded up: an order worth as much is not below the minimum. What does not
    /// fit 64 bits is the largest there is, which no order reaches.
    #[must_use]
    pub fn at_scale(self, price_scale: u8) -> i64 {
        let places = i32::from(price_scale) - i32::from(AMOUNT_SCALE);
        let factor = 10i64.checked_pow(places.unsigned_abs());
        let amount = match factor {
            Some(factor) if places >= 0 => self.0.checked_mul(factor),
            Some(factor) => Some(self.0 / factor + i64::from(self.0 % factor != 0)),
            None => None,
        };
        amount.unwrap_or(i64::MAX)
    }
}

/// A text that is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an amount from 0 to 1000000 with at most six decimals")]
pub struct QuoteAmountError {
    text: String,
}

impl FromStr for QuoteAmount {
    type Err = QuoteAmountError;

    fn from_str(text: &str) -> Result<Self, QuoteAmountError> {
        parse_scaled(text.as_bytes(), AMOUNT_SCALE)
            .ok()
            .filter(|micros| (0..=MICROS_MAX).contains(micros))
            .map(Self)
            .ok_or_else(|| QuoteAmountError { text: text.to_owned() })
    }
}

impl fmt::Display for QuoteAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Scaled::new(self.0, AMOUNT_SCALE).fmt(f)
    }
}

impl Serialize for QuoteAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for QuoteAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A number's shortest text is the one that was written.
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(f64),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::Number(number) => number.to_string(),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The smallest order that each venue takes, by price times quantity.
///
/// The defaults are what the venues' rules asked of the common dollar pairs in 2026; they are to be checked against the
/// venues before money depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MinNotional {
    /// Binance.
    pub binance: QuoteAmount,
    /// Coinbase.
    pub coinbase: QuoteAmount,
    /// Kraken.
    pub kraken: QuoteAmount,
}

impl Default for MinNotional {
    fn default() -> Self {
        let units = |units: i64| QuoteAmount(units * 1_000_000);
        Self { binance: units(5), coinbase: units(1), kraken: units(5) }
    }
}

impl MinNotional {
    /// Of a venue; nothing for one that is not in the table.
    #[must_use]
    pub const fn of(&self, venue: Venue) -> QuoteAmount {
        match venue {
            Venue::Binance => self.binance,
            Venue::Coinbase => self.coinbase,
            Venue::Kraken => self.kraken,
            _ => QuoteAmount::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Result<[i64; 3], &str>) {
        let found = serde_json::from_str::<MinNotional>(json);
        match (found, expect) {
            (Ok(found), Ok(expect)) => {
                assert_eq!([found.binance, found.coinbase, found.kraken].map(QuoteAmount::micros), expect);
            }
            (Err(found), Err(expect)) => assert!(found.to_string().contains(expect), "{found}"),
            (found, expect) => panic!("{found:?}, not {expect:?}"),
        }
    }

    #[test]
    fn amounts_are_read_exactly() {
        check("{}", Ok([5_000_000, 1_000_000, 5_000_000]));
        check(r#"{"kraken":0.5,"coinbase":"0.000001","binance":10}"#, Ok([10_000_000, 1, 500_000]));
        check(r#"{"kraken":-1}"#, Err("is not an amount from 0"));
        check(r#"{"kraken":"1e3"}"#, Err("is not an amount from 0"));
        check(r#"{"kraken":0.0000001}"#, Err("at most six decimals"));
        check(r#"{"bybit":1}"#, Err("unknown field"));
    }

    #[test]
    fn an_amount_is_rounded_up_to_the_scale() {
        let amount: QuoteAmount = "5.000001".parse().unwrap();
        assert_eq!(
            [2, 6, 8, 18].map(|scale| amount.at_scale(scale)),
            [501, 5_000_001, 500_000_100, 5_000_001_000_000_000_000]
        );
        assert_eq!("1000000".parse::<QuoteAmount>().unwrap().at_scale(18), i64::MAX);
        assert_eq!(serde_json::to_string(&amount).unwrap(), "\"5.000001\"");
    }
}
