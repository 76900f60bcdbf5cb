//! Exact numbers: scaled integers in, scaled integers out.

use std::fmt;

use rust_decimal::Decimal;

/// The largest number of decimal places an instrument may have.
///
/// With 18 places an `i64` still holds 9.2 units; no venue has more, and Binance prints 8.
pub const SCALE_MAX: u8 = 18;

/// A price: a count of `10^-price_scale` quote units of its instrument.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Price(pub i64);

/// A quantity: a count of `10^-qty_scale` base units of its instrument.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Qty(pub i64);

/// One price of a book with the quantity resting there.
///
/// In a delta, `qty` is the new absolute quantity and zero removes the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Level {
    /// The level's price.
    pub price: Price,
    /// The quantity at that price.
    pub qty: Qty,
}

impl Level {
    /// A level from its two integers.
    #[must_use]
    pub const fn new(price: i64, qty: i64) -> Self {
        Self { price: Price(price), qty: Qty(qty) }
    }
}

/// Why a decimal text is not a number of the instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NumberError {
    /// No digits at all, or a character that is not part of a plain decimal number.
    #[error("not a plain decimal number")]
    Malformed,
    /// A non-zero digit stands after the instrument's last decimal place.
    #[error("more decimals than the instrument's scale of {scale}")]
    TooFine {
        /// The instrument's number of decimal places.
        scale: u8,
    },
    /// The number does not fit into 64 bits at this scale.
    #[error("too large for 64 bits at scale {scale}")]
    TooLarge {
        /// The instrument's number of decimal places.
        scale: u8,
    },
}

/// Reads plain decimal text (`-12.3400`) as a count of `10^-scale` units.
///
/// Exact or refused: trailing zeros beyond the scale are fine, any other digit there is [`NumberError::TooFine`].
/// A sign is accepted, an exponent, a leading `+`, blanks, or a bare `.` are not.
///
/// # Errors
/// [`NumberError`] says which of the three ways the text is not a number of this scale.
///
/// ```
/// use opus2_types::{parse_scaled, NumberError};
/// assert_eq!(parse_scaled(b"61685.99000000", 2), Ok(6_168_599));
/// assert_eq!(parse_scaled(b"0.001", 2), Err(NumberError::TooFine { scale: 2 }));
/// ```
#[inline]
pub fn parse_scaled(text: &[u8], scale: u8) -> Result<i64, NumberError> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let magnitude = parse_magnitude(digits, scale)?;
    Ok(if negative { -magnitude } else { magnitude })
}

#[inline]
fn parse_magnitude(digits: &[u8], scale: u8) -> Result<i64, NumberError> {
    let too_large = NumberError::TooLarge { scale };
    let mut value: u64 = 0;
    let mut index = 0;
    while let Some(digit) = digits.get(index).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
    {
        value = push_digit(value, digit).ok_or(too_large)?;
        index += 1;
    }
    if index == 0 {
        return Err(NumberError::Malformed);
    }
    let fraction = match &digits[index..] {
        [] => &[][..],
        [b'.', fraction @ ..] if !fraction.is_empty() => fraction,
        _ => return Err(NumberError::Malformed),
    };
    let kept = fraction.len().min(usize::from(scale));
    for byte in &fraction[..kept] {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(NumberError::Malformed);
        }
        value = push_digit(value, digit).ok_or(too_large)?;
    }
    for byte in &fraction[kept..] {
        match byte {
            b'0' => {}
            b'1'..=b'9' => return Err(NumberError::TooFine { scale }),
            _ => return Err(NumberError::Malformed),
        }
    }
    for _ in kept..usize::from(scale) {
        value = push_digit(value, 0).ok_or(too_large)?;
    }
    i64::try_from(value).map_err(|_| too_large)
}

#[inline]
fn push_digit(value: u64, digit: u8) -> Option<u64> {
    value.checked_mul(10)?.checked_add(u64::from(digit))
}

/// How many decimal places a plain decimal text needs: trailing zeros do not count. `None` when it is no number.
///
/// Used to learn the scales of a recording that carries no instrument metadata.
#[must_use]
pub fn significant_decimals(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let dot = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match dot {
        Some(dot) => (&digits[..dot], &digits[dot + 1..]),
        None => (digits, &[][..]),
    };
    let is_plain = whole.iter().chain(fraction).all(u8::is_ascii_digit);
    if !is_plain || whole.is_empty() || (dot.is_some() && fraction.is_empty()) {
        return None;
    }
    let trailing = fraction.iter().rev().take_while(|byte| **byte == b'0').count();
    u8::try_from(fraction.len() - trailing).ok()
}

/// An integer with its scale, for printing exact decimal text without trailing zeros.
///
/// ```
/// use opus2_types::Scaled;
/// assert_eq!(Scaled::new(6_168_600, 2).to_string(), "61686");
/// assert_eq!(Scaled::new(-5, 3).to_string(), "-0.005");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaled {
    units: i64,
    scale: u8,
}

impl Scaled {
    /// `units * 10^-scale`. A scale above [`SCALE_MAX`] is printed as [`SCALE_MAX`].
    #[must_use]
    pub const fn new(units: i64, scale: u8) -> Self {
        Self { units, scale: if scale > SCALE_MAX { SCALE_MAX } else { scale } }
    }

    /// The same number as a decimal, for money and for people.
    #[must_use]
    pub fn to_decimal(self) -> Decimal {
        Decimal::new(self.units, u32::from(self.scale))
    }

    /// The nearest `f64`: for the final division of a feature, never for an amount.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a feature is an estimate; amounts stay integers")]
    pub fn to_f64(self) -> f64 {
        self.units as f64 / 10f64.powi(i32::from(self.scale))
    }
}

impl fmt::Display for Scaled {
    /// Writes digits from the back into a fixed buffer: this is on the path of every JSON record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 19 digits, a sign, a point, and leading zeros of the smallest fraction.
        let mut buffer = [0u8; 40];
        let mut at = buffer.len();
        let mut rest = self.units.unsigned_abs();
        // `{:#}` keeps every place of the scale.
        let mut written = f.alternate() && self.scale > 0;
        for _ in 0..self.scale {
            let digit = (rest % 10) as u8;
            rest /= 10;
            if written || digit != 0 {
                at -= 1;
                buffer[at] = b'0' + digit;
                written = true;
            }
        }
        if written {
            at -= 1;
            buffer[at] = b'.';
        }
        loop {
            at -= 1;
            buffer[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if self.units < 0 {
            at -= 1;
            buffer[at] = b'-';
        }
        f.write_str(std::str::from_utf8(&buffer[at..]).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, scale: u8, expect: Result<i64, NumberError>) {
        assert_eq!(parse_scaled(text.as_bytes(), scale), expect, "{text:?} at scale {scale}");
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        check("0", 0, Ok(0));
        check("1.5", 1, Ok(15));
        check("1.5", 3, Ok(1500));
        check("1.50000000", 1, Ok(15));
        check("-2.5", 1, Ok(-25));
        check("92233720368.54775807", 8, Ok(i64::MAX));
        check("92233720368.54775808", 8, Err(NumberError::TooLarge { scale: 8 }));
        check("99999999999999999999999", 0, Err(NumberError::TooLarge { scale: 0 }));
        check("1.55", 1, Err(NumberError::TooFine { scale: 1 }));
        for malformed in
            ["", "-", ".", ".5", "5.", "1e5", "+1", " 1", "1 ", "1,5", "NaN", "0x1", "1.2.3", "--1"]
        {
            check(malformed, 8, Err(NumberError::Malformed));
        }
    }

    #[test]
    fn significant_decimals_ignore_trailing_zeros() {
        for (text, expect) in
            [("61737.63000000", Some(2)), ("1", Some(0)), ("0.00001000", Some(5)), ("x", None), ("1.", None)]
        {
            assert_eq!(significant_decimals(text.as_bytes()), expect, "{text}");
        }
    }

    #[test]
    fn text_has_no_trailing_zeros() {
        assert_eq!(
            format!("{:#} {:#} {:#}", Scaled::new(100, 3), Scaled::new(5, 0), Scaled::new(0, 2)),
            "0.100 5 0.00"
        );
        for (units, scale, expect) in [
            (0, 8, "0"),
            (100, 2, "1"),
            (1, 18, "0.000000000000000001"),
            (i64::MIN, 0, "-9223372036854775808"),
        ] {
            assert_eq!(Scaled::new(units, scale).to_string(), expect);
        }
    }
}
