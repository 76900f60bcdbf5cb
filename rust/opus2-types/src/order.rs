//! Resting orders, and the compact form of the ids that venues give them.

use crate::{Price, Qty};

/// A venue's order id in 16 bytes.
///
/// Venues name orders by UUIDs (Coinbase), by text such as `OABCDE-FGHIJ-KLMNOP` (Kraken) or by whole numbers
/// (Bitstamp). All of these fit without loss, so that equal ids are equal orders and there is nothing to hash, box or
/// compare as text. The three forms share one space: ids are comparable only within one venue, which uses one form.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct OrderId(pub u128);

/// The longest text that [`OrderId::from_text`] holds: 21 characters of six bits.
pub const ORDER_ID_TEXT_MAX: usize = 21;

const NO_DIGIT: u8 = 0xff;

/// The value of a hexadecimal digit, [`NO_DIGIT`] of every other byte.
const HEX: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut digit = 0u8;
    while digit < 16 {
        table[b"0123456789abcdef"[digit as usize] as usize] = digit;
        table[b"0123456789ABCDEF"[digit as usize] as usize] = digit;
        digit += 1;
    }
    table
};

impl OrderId {
    /// From a UUID in its usual form, 36 characters with dashes, in either case.
    ///
    /// ```
    /// use opus2_types::OrderId;
    /// let id = OrderId::from_uuid(b"60de12d8-f80b-4848-adbc-2b17375a9216");
    /// assert_eq!(id, Some(OrderId(0x60de12d8_f80b_4848_adbc_2b17375a9216)));
    /// assert_eq!(OrderId::from_uuid(b"60de12d8"), None);
    /// ```
    #[inline]
    #[must_use]
    pub fn from_uuid(text: &[u8]) -> Option<Self> {
        let text: &[u8; 36] = text.try_into().ok()?;
        if [text[8], text[13], text[18], text[23]] != *b"----" {
            return None;
        }
        let mut all = 0;
        let mut group = |range: std::ops::Range<usize>| {
            text[range].iter().fold(0u64, |value, byte| {
                let digit = HEX[usize::from(*byte)];
                all |= digit;
                value << 4 | u64::from(digit & 0xf)
            })
        };
        let high = group(0..8) << 32 | group(9..13) << 16 | group(14..18);
        let low = group(19..23) << 48 | group(24..36);
        (all < 16).then(|| Self(u128::from(high) << 64 | u128::from(low)))
    }

    /// The usual form of the UUID that it is, in lower case: what [`from_uuid`](Self::from_uuid) has read. Of an id of
    /// another form these are only its bits.
    ///
    /// ```
    /// use opus2_types::OrderId;
    /// let uuid = b"60de12d8-f80b-4848-adbc-2b17375a9216";
    /// assert_eq!(OrderId::from_uuid(uuid).map(OrderId::to_uuid), Some(*uuid));
    /// ```
    #[must_use]
    pub fn to_uuid(self) -> [u8; 36] {
        let mut text = [b'-'; 36];
        let mut at = 0;
        for byte in self.0.to_be_bytes() {
            if matches!(at, 8 | 13 | 18 | 23) {
                at += 1;
            }
            for digit in [byte >> 4, byte & 0xf] {
                text[at] = b"0123456789abcdef"[usize::from(digit)];
                at += 1;
            }
        }
        text
    }

    /// From 1 to [`ORDER_ID_TEXT_MAX`] characters of `0-9`, `A-Z`, `a-z` and `-`.
    ///
    /// ```
    /// use opus2_types::OrderId;
    /// assert!(OrderId::from_text(b"OTCFZG-YOE2Q-LQKNM3").is_some());
    /// assert_ne!(OrderId::from_text(b"0"), OrderId::from_text(b"00"));
    /// assert_eq!(OrderId::from_text(b"an id of other characters"), None);
    /// ```
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > ORDER_ID_TEXT_MAX {
            return None;
        }
        // No character is zero, so that texts of different length differ.
        text.iter()
            .try_fold(0u128, |value, byte| {
                let code = match byte {
                    b'0'..=b'9' => byte - b'0' + 1,
                    b'A'..=b'Z' => byte - b'A' + 11,
                    b'a'..=b'z' => byte - b'a' + 37,
                    b'-' => 63,
                    _ => return None,
                };
                Some(value << 6 | u128::from(code))
            })
            .map(Self)
    }
}

impl From<u64> for OrderId {
    fn from(number: u64) -> Self {
        Self(u128::from(number))
    }
}

/// An order that rests in a book: the part of it that has not been executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Order {
    /// The venue's id.
    pub id: OrderId,
    /// Its limit price.
    pub price: Price,
    /// What is left of it.
    pub qty: Qty,
}

impl Order {
    /// An order from its id and its two integers.
    #[must_use]
    pub const fn new(id: OrderId, price: i64, qty: i64) -> Self {
        Self { id, price: Price(price), qty: Qty(qty) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_its_128_bits() {
        let id = OrderId(0x60de_12d8_f80b_4848_adbc_2b17_375a_9216);
        assert_eq!(OrderId::from_uuid(b"60de12d8-f80b-4848-adbc-2b17375a9216"), Some(id));
        assert_eq!(OrderId::from_uuid(b"60DE12D8-F80B-4848-ADBC-2B17375A9216"), Some(id));
        let ones = OrderId::from_uuid(b"ffffffff-ffff-ffff-ffff-ffffffffffff");
        assert_eq!(ones, Some(OrderId(u128::MAX)));
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in [
            "",
            "60de12d8-f80b-4848-adbc-2b17375a921",
            "60de12d8-f80b-4848-adbc-2b17375a92160",
            "60de12d8-f80b-4848-adbc-2b17375a921g",
            "60de12d8-f80b-4848-adbc-2b17375a921 ",
            "60de12d8-f80b-4848-adbc+2b17375a9216",
            "60de12d80f80b-4848-adbc-2b17375a9216",
            "60de12d8-f80b-4848-adbc-2b17375a921\u{e9}",
        ] {
            assert_eq!(OrderId::from_uuid(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn texts_of_the_venues_alphabet_are_told_apart() {
        let texts = ["0", "00", "A", "a", "-", "A-", "-A", "OTCFZG-YOE2Q-LQKNM3", "zzzzzzzzzzzzzzzzzzzzz"];
        let mut ids: Vec<_> = texts.iter().map(|text| OrderId::from_text(text.as_bytes()).unwrap()).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), texts.len());
        for text in ["", "zzzzzzzzzzzzzzzzzzzzzz", "a b", "a_b", "\u{e9}"] {
            assert_eq!(OrderId::from_text(text.as_bytes()), None, "{text:?}");
        }
    }
}
