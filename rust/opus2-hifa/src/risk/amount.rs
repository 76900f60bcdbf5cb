//! Amounts of money in a configuration.

use std::fmt;

use opus2_types::{Scaled, parse_scaled};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::exact::scaled;

/// Decimal places of a [`QuoteAmount`]: millionths, as equity is told in.
pub const AMOUNT_SCALE: u8 = 6;

/// An exact amount of the quote asset.
///
/// Read from decimal text (`"2500.5"`) or a whole number; a float is refused, because it may not be what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuoteAmount {
    micros: i64,
}

impl QuoteAmount {
    /// So many millionths.
    #[must_use]
    pub const fn of_micros(micros: i64) -> Self {
        Self { micros }
    }

    /// Millionths.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.micros
    }

    /// The amount, for estimates.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        scaled(self.micros.into(), AMOUNT_SCALE)
    }
}

impl Serialize for QuoteAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Scaled::new(self.micros, AMOUNT_SCALE))
    }
}

impl<'de> Deserialize<'de> for QuoteAmount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Amount;

        impl serde::de::Visitor<'_> for Amount {
            type Value = QuoteAmount;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an amount as a whole number, or as decimal text with at most six decimals")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<QuoteAmount, E> {
                let micros = parse_scaled(text.as_bytes(), AMOUNT_SCALE)
                    .map_err(|error| E::custom(format_args!("amount {text:?}: {error}")))?;
                Ok(QuoteAmount { micros })
            }

            fn visit_i64<E: serde::de::Error>(self, whole: i64) -> Result<QuoteAmount, E> {
                let micros = whole.checked_mul(1_000_000);
                micros
                    .map(QuoteAmount::of_micros)
                    .ok_or_else(|| E::custom(format_args!("amount {whole} is too large")))
            }

            fn visit_u64<E: serde::de::Error>(self, whole: u64) -> Result<QuoteAmount, E> {
                self.visit_i64(i64::try_from(whole).unwrap_or(i64::MAX))
            }
        }

        deserializer.deserialize_any(Amount)
    }
}

impl fmt::Display for QuoteAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Scaled::new(self.micros, AMOUNT_SCALE).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expect: Option<&str>) {
        let found = serde_json::from_str::<QuoteAmount>(json).ok().map(|amount| amount.to_string());
        assert_eq!(found.as_deref(), expect, "{json}");
    }

    #[test]
    fn an_amount_is_exact_or_refused() {
        check("100000", Some("100000"));
        check("\"2500.50\"", Some("2500.5"));
        check("\"0.000001\"", Some("0.000001"));
        check("\"0.0000001\"", None);
        check("2500.5", None);
        check("9223372036855", None);
        check("18446744073709551615", None);
        check("\"many\"", None);
        check("-1", Some("-1"));
    }
}
