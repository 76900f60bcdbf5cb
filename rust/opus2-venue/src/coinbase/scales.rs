//! Learning an instrument's scales from its own messages, for recordings that came without a product list.

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
    /// Takes in every price and quantity that a message has of the instrument: of either feed, and of REST books.
    ///
    /// # Errors
    /// The message is not JSON. What had been seen before it is kept; numbers that cannot be read are left to the
    /// instrument's feed, which counts them.
    pub fn observe(&mut self, message: &[u8], symbol: &str) -> Result<(), Reject> {
        let mut scanner = Scanner::new(message);
        self.observe_value(&mut scanner, symbol)?;
        scanner.finish()
    }

    fn observe_value(&mut self, scanner: &mut Scanner<'_>, symbol: &str) -> Result<(), Reject> {
        if scanner.peek() != b'{' {
            return scanner.skip_value();
        }
        let mut is_another = false;
        let mut ahead = *scanner;
        ahead.object(|scanner, key| {
            if key == b"product_id" && scanner.peek() == b'"' {
                is_another = scanner.string()? != symbol.as_bytes();
                return Ok(());
            }
            scanner.skip_value()
        })?;
        if is_another {
            return scanner.skip_value();
        }
        scanner.object(|scanner, key| match (key, scanner.peek()) {
            (b"price" | b"new_price" | b"price_level", b'"') => grow(&mut self.price, scanner),
            (b"size" | b"remaining_size" | b"new_size" | b"new_quantity", b'"') => {
                grow(&mut self.qty, scanner)
            }
            (b"bids" | b"asks" | b"changes", b'[') => scanner.array(|scanner| self.observe_level(scanner)),
            (b"events" | b"updates" | b"trades", b'[') => {
                scanner.array(|scanner| self.observe_value(scanner, symbol))
            }
            _ => scanner.skip_value(),
        })
    }

    /// `[price, size, …]`, or `[side, price, size]`.
    fn observe_level(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Reject> {
        let mut at = 0;
        scanner.array(|scanner| {
            if scanner.peek() != b'"' {
                return scanner.skip_value();
            }
            let text = scanner.string()?;
            if at == 0 && matches!(text, b"buy" | b"sell") {
                return Ok(());
            }
            match at {
                0 => self.price = self.price.max(significant_decimals(text).unwrap_or(0)),
                1 => self.qty = self.qty.max(significant_decimals(text).unwrap_or(0)),
                _ => {}
            }
            at += 1;
            Ok(())
        })
    }
}

fn grow(scale: &mut u8, scanner: &mut Scanner<'_>) -> Result<(), Reject> {
    *scale = (*scale).max(significant_decimals(scanner.string()?).unwrap_or(0));
    Ok(())
}

/// Base and quote of a product's name, `BTC-USD`; `None` for other text.
#[must_use]
pub fn split_symbol(symbol: &str) -> Option<(&str, &str)> {
    symbol.split_once('-').filter(|(base, quote)| !base.is_empty() && !quote.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_the_finest_numbers_seen_of_the_instrument() {
        let mut scales = Scales::default();
        for message in [
            r#"{"type":"l2update","product_id":"A-B","changes":[["buy","1.10","2.000"],["sell","1.2","0.00010"]]}"#,
            r#"{"type":"open","product_id":"A-B","price":"1.125","remaining_size":"2"}"#,
            r#"{"price":"9.99999999","product_id":"C-D"}"#,
            r#"{"channel":"l2_data","events":[{"updates":[{"price_level":"1.00001","new_quantity":"1"}],"product_id":"C-D"}]}"#,
            r#"{"channel":"l2_data","events":[{"product_id":"A-B","updates":[{"price_level":"1","new_quantity":"1.00001"}]}]}"#,
            r#"{"channel":"market_trades","events":[{"trades":[{"product_id":"C-D","size":"1.0000001"}]}]}"#,
            r#"{"sequence":1,"bids":[["1.1","2.000001","60de12d8-f80b-4848-adbc-2b17375a9216"]],"asks":[]}"#,
        ] {
            scales.observe(message.as_bytes(), "A-B").unwrap();
        }
        assert_eq!(scales, Scales { price: 3, qty: 6 });
        assert!(scales.observe(b"nonsense!", "A-B").is_err());
    }

    #[test]
    fn a_symbol_names_its_assets() {
        for (symbol, expect) in
            [("BTC-USD", Some(("BTC", "USD"))), ("BTC", None), ("-USD", None), ("BTC-", None)]
        {
            assert_eq!(split_symbol(symbol), expect);
        }
    }
}
