//! Learning an instrument's scales from its own messages, for recordings that came without metadata.
//!
//! The venue prints full precision, and the checksum covers what is printed: trailing zeros count, and an instrument's
//! scales are the most places seen.

use crate::Reject;
use crate::decimal::printed_decimals;
use crate::json::Scanner;

/// The most decimal places printed in an instrument's prices and quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scales {
    /// Of prices.
    pub price: u8,
    /// Of quantities.
    pub qty: u8,
}

impl Scales {
    /// Takes in every price and quantity of a message of one instrument: v1 or v2, books, trades, quotes.
    ///
    /// # Errors
    /// The message is not JSON. What had been seen before it is kept; numbers that cannot be read are left to the
    /// instrument's feed, which counts them.
    pub fn observe(&mut self, message: &[u8]) -> Result<(), Reject> {
        let mut scanner = Scanner::new(message);
        if scanner.peek() == b'[' {
            return scanner.array(|scanner| self.observe_v1(scanner));
        }
        scanner.object(|scanner, key| match (key, scanner.peek()) {
            (b"data", b'[') => scanner.array(|scanner| self.observe_entry(scanner)),
            _ => scanner.skip_value(),
        })
    }

    /// An entry of `data`, a level or an order.
    fn observe_entry(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Reject> {
        if scanner.peek() != b'{' {
            return scanner.skip_value();
        }
        scanner.object(|scanner, key| {
            let of_what = match key {
                b"bids" | b"asks" if scanner.peek() == b'[' => {
                    return scanner.array(|scanner| self.observe_entry(scanner));
                }
                b"price" | b"limit_price" | b"bid" | b"ask" => &mut self.price,
                b"qty" | b"order_qty" | b"bid_qty" | b"ask_qty" => &mut self.qty,
                _ => return scanner.skip_value(),
            };
            see(of_what, scanner.lexeme()?);
            Ok(())
        })
    }

    /// An element of a v1 message: an object of levels, an array of trades, or a spread.
    fn observe_v1(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Reject> {
        match scanner.peek() {
            b'{' => scanner.object(|scanner, key| match (key, scanner.peek()) {
                (b"as" | b"bs" | b"a" | b"b", b'[') => self.observe_v1_levels(scanner, [0, 0], [2, 2]),
                _ => scanner.skip_value(),
            }),
            b'[' => self.observe_v1_levels(scanner, [0, 1], [3, 4]),
            _ => scanner.skip_value(),
        }
    }

    /// An array of levels or trades; or one of strings (a spread, or a side of a ticker) with prices and quantities at
    /// these places.
    fn observe_v1_levels(
        &mut self,
        scanner: &mut Scanner<'_>,
        prices: [usize; 2],
        qtys: [usize; 2],
    ) -> Result<(), Reject> {
        let mut at = 0;
        scanner.array(|scanner| {
            match scanner.peek() {
                b'[' => self.observe_v1_level(scanner)?,
                b'"' if prices.contains(&at) => see(&mut self.price, scanner.string()?),
                b'"' if qtys.contains(&at) => see(&mut self.qty, scanner.string()?),
                _ => scanner.skip_value()?,
            }
            at += 1;
            Ok(())
        })
    }

    /// Price, quantity, and more.
    fn observe_v1_level(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Reject> {
        let mut at = 0;
        scanner.array(|scanner| {
            match (scanner.peek(), at) {
                (b'"', 0) => see(&mut self.price, scanner.string()?),
                (b'"', 1) => see(&mut self.qty, scanner.string()?),
                _ => scanner.skip_value()?,
            }
            at += 1;
            Ok(())
        })
    }
}

fn see(most: &mut u8, number: &[u8]) {
    *most = (*most).max(printed_decimals(number).unwrap_or(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_the_most_places_printed() {
        for (message, price, qty) in [
            (
                r#"{"channel":"book","data":[{"symbol":"A/B","bids":[{"price":1.50,"qty":0.10000000}],"asks":[]}]}"#,
                2,
                8,
            ),
            (r#"{"channel":"book","data":[{"asks":[{"qty":1e-08,"price":2}]}]}"#, 0, 8),
            (r#"{"channel":"trade","data":[{"price":1.1,"qty":2.20,"trade_id":17}]}"#, 1, 2),
            (
                r#"{"channel":"ticker","data":[{"bid":1.1,"bid_qty":2,"ask":1.10,"ask_qty":0.5,"low":0.0001}]}"#,
                2,
                1,
            ),
            (r#"{"channel":"level3","data":[{"bids":[{"limit_price":1.1,"order_qty":2.00}]}]}"#, 1, 2),
            (
                r#"[1,{"as":[["1.100","2.00","17.123456"]],"bs":[["1.1","2","3.0","r"]]},"book-10","A/B"]"#,
                3,
                2,
            ),
            (r#"[1,{"a":[]},{"b":[["1.1","2.000","3.0"]],"c":"1"},"book-10","A/B"]"#, 1, 3),
            (r#"[1,[["5.10","0.5","17.123456","s","l",""]],"trade","A/B"]"#, 2, 1),
            (r#"[1,["5.10","5.20","17.123456","0.5","0.55"],"spread","A/B"]"#, 2, 2),
            (r#"[1,{"a":["5.10",1,"1.000"],"b":["5.1",1,"1.0"],"v":["1","2"]},"ticker","A/B"]"#, 2, 3),
            (r#"{"channel":"heartbeat"}"#, 0, 0),
        ] {
            let mut scales = Scales::default();
            scales.observe(message.as_bytes()).unwrap();
            assert_eq!(scales, Scales { price, qty }, "{message}");
        }
        assert!(Scales::default().observe(b"nonsense").is_err());
    }
}
