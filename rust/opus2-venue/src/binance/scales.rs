//! Learning an instrument's scales from its own messages, for recordings that came without `exchangeInfo`.

use opus2_types::significant_decimals;

use crate::Reject;
use crate::json::Scanner;

/// The most decimal places seen in an instrument's prices and quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scales {
    /// Of prices.
    pub price: u8,
    /// Of quantities.
    pub qty: u8,
}

impl Scales {
    /// Takes in every price and quantity of a message: deltas, trades, quotes, snapshots.
    ///
    /// # Errors
    /// The message is not JSON. What had been seen before it is kept; numbers that cannot be read are left to the
    /// instrument's feed, which counts them.
    pub fn observe(&mut self, message: &[u8]) -> Result<(), Reject> {
        Scanner::new(message).object(|scanner, key| self.observe_field(scanner, key))
    }

    fn observe_field(&mut self, scanner: &mut Scanner<'_>, key: &[u8]) -> Result<(), Reject> {
        match (key, scanner.peek()) {
            (b"data", b'{') => scanner.object(|scanner, key| self.observe_field(scanner, key)),
            (b"b" | b"a" | b"bids" | b"asks", b'[') => scanner.array(|scanner| self.observe_level(scanner)),
            (b"b" | b"a" | b"p", b'"') => {
                self.price = self.price.max(decimals(scanner)?);
                Ok(())
            }
            (b"B" | b"A" | b"q", b'"') => {
                self.qty = self.qty.max(decimals(scanner)?);
                Ok(())
            }
            _ => scanner.skip_value(),
        }
    }

    fn observe_level(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Reject> {
        scanner.expect(b'[')?;
        self.price = self.price.max(decimals(scanner)?);
        scanner.expect(b',')?;
        self.qty = self.qty.max(decimals(scanner)?);
        scanner.expect(b']')
    }
}

fn decimals(scanner: &mut Scanner<'_>) -> Result<u8, Reject> {
    Ok(significant_decimals(scanner.string()?).unwrap_or(0))
}

/// Base and quote of a concatenated symbol, by the quote assets this venue is known to use: a guess, for recordings
/// without metadata only. `None` when no known quote asset ends it.
#[must_use]
pub fn split_symbol(symbol: &str) -> Option<(&str, &'static str)> {
    /// Longer names first: `FDUSD` ends with `USD`, `BUSD` too.
    const QUOTES: &[&str] = &[
        "FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USDP", "BIDR", "DOGE", "EURI", "AEUR", "BKRW", "IDRT",
        "USDS", "USD1", "BTC", "ETH", "BNB", "XRP", "TRX", "DAI", "PAX", "EUR", "TRY", "GBP", "AUD", "BRL",
        "RUB", "UAH", "NGN", "ZAR", "VAI", "PLN", "RON", "ARS", "JPY", "MXN", "CZK", "COP", "SOL", "DOT",
        "USD",
    ];
    QUOTES.iter().find_map(|quote| {
        let base = symbol.strip_suffix(quote)?;
        (!base.is_empty()).then_some((base, *quote))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_the_finest_numbers_seen() {
        let mut scales = Scales::default();
        for message in [
            r#"{"stream":"x@depth","data":{"E":1,"b":[["61737.63000000","0.00000000"]],"a":[["1","0.00001000"]]}}"#,
            r#"{"e":"trade","p":"1.125","q":"2.5","m":true}"#,
            r#"{"lastUpdateId":1,"bids":[["1.1","2.000001"]],"asks":[]}"#,
        ] {
            scales.observe(message.as_bytes()).unwrap();
        }
        assert_eq!(scales, Scales { price: 3, qty: 6 });
        assert!(scales.observe(b"nonsense").is_err());
    }

    #[test]
    fn symbols_split_at_the_longest_known_quote() {
        for (symbol, expect) in [
            ("BTCUSDT", Some(("BTC", "USDT"))),
            ("BTCFDUSD", Some(("BTC", "FDUSD"))),
            ("AAVEUPUSDT", Some(("AAVEUP", "USDT"))),
            ("PERLBNB", Some(("PERL", "BNB"))),
            ("USDT", None),
            ("XYZ", None),
        ] {
            assert_eq!(split_symbol(symbol), expect);
        }
    }
}
