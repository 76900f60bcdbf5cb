//! What several views are made of: numbers that may not be known, exact decimals, names.

use std::fmt;

use serde::{Serialize, Serializer};

use super::json::serialize_decimal;

/// A finite number, or the name of the reason why there is none: `{"value":…,"reason":…}`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasureView(pub Result<f64, &'static str>);

impl Serialize for MeasureView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Known { value: self.0.ok(), reason: self.0.err() }.serialize(serializer)
    }
}

/// Yes or no, or the name of the reason why nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactView(pub Result<bool, &'static str>);

impl Serialize for FactView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Known { value: self.0.ok(), reason: self.0.err() }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Known<T> {
    value: Option<T>,
    reason: Option<&'static str>,
}

/// `units * 10^-scale` as exact decimal text in quotes, without trailing zeros. Sums and products of amounts fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecimalView {
    /// How many units.
    pub units: i128,
    /// Decimal places of a unit.
    pub scale: u8,
}

impl DecimalView {
    /// Half of `doubled` units.
    #[must_use]
    pub fn half(doubled: i64, scale: u8) -> Self {
        if doubled % 2 == 0 {
            Self { units: i128::from(doubled / 2), scale }
        } else {
            Self { units: 5 * i128::from(doubled), scale: scale.saturating_add(1) }
        }
    }
}

/// The same where it is long: beyond 64 bits, or of more places than any venue has.
pub(super) struct LongDecimal {
    pub(super) units: i128,
    pub(super) scale: u8,
}

impl fmt::Display for LongDecimal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A number of 128 bits has 39 digits at most, and a scale of a u8 255 places.
        let mut digits = [b'0'; 300];
        let (mut at, mut rest) = (digits.len(), self.units.unsigned_abs());
        while rest > 0 {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        let point = digits.len() - usize::from(self.scale);
        let whole = &digits[at.min(point - 1)..point];
        let fraction = &digits[point..];
        let places = fraction.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
        if self.units < 0 {
            out.write_str("-")?;
        }
        let text = |digits| std::str::from_utf8(digits).map_err(|_| fmt::Error);
        out.write_str(text(whole)?)?;
        if places > 0 {
            out.write_str(".")?;
            out.write_str(text(&fraction[..places])?)?;
        }
        Ok(())
    }
}

impl Serialize for DecimalView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_decimal(self.units, self.scale, serializer)
    }
}

/// An instrument's name: `venue:symbol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameView<'a> {
    /// The venue.
    pub venue: &'static str,
    /// Its own symbol.
    pub symbol: &'a str,
}

impl Serialize for NameView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}:{}", self.venue, self.symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(units: i128, scale: u8, expect: &str) {
        let text = serde_json::to_string(&DecimalView { units, scale }).unwrap();
        assert_eq!(text, format!("\"{expect}\""));
    }

    #[test]
    fn decimals_are_exact_at_every_width() {
        for units in [0, 1, -1, 5, 10, 1_050, -99_999, i64::MAX, i64::MIN] {
            for scale in 0..=opus2_types::SCALE_MAX {
                check(units.into(), scale, &opus2_types::Scaled::new(units, scale).to_string());
            }
        }
        check(i128::MIN, 36, "-170.141183460469231731687303715884105728");
        check(-15, 255, &format!("-0.{}15", "0".repeat(253)));
        check(10_i128.pow(38), 38, "1");
    }

    #[test]
    fn a_mid_between_two_ticks_has_one_place_more() {
        let text = |view: DecimalView| serde_json::to_string(&view).unwrap();
        assert_eq!(text(DecimalView::half(20_001, 2)), "\"100.005\"");
        assert_eq!(text(DecimalView::half(20_000, 2)), "\"100\"");
    }

    #[test]
    fn what_is_not_known_has_a_reason() {
        let text = |value| serde_json::to_string(&MeasureView(value)).unwrap();
        assert_eq!(text(Ok(1e-7)), r#"{"value":1e-7,"reason":null}"#);
        assert_eq!(text(Err("cold")), r#"{"value":null,"reason":"cold"}"#);
        assert_eq!(serde_json::to_string(&FactView(Ok(true))).unwrap(), r#"{"value":true,"reason":null}"#);
    }
}
