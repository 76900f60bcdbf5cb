//! Reading the inputs of a vector: each says by name what is wrong with it.

use opus2_types::{Level, SCALE_MAX, parse_scaled, significant_decimals};
use serde_json::Value;

/// The most units that the largest of some amounts is counted in: 17 digits tell any two doubles apart, and twice as many
/// still fit 64 bits.
const UNITS_MAX: f64 = 9e17;
/// The most units of the largest quantity: 15 digits. What sums of doubles leave behind in the 17th is no quantity.
const QTY_UNITS_MAX: f64 = 1e15;
/// The same where prices are multiplied by quantities and by fees: the product must fit a decimal of 28 digits.
const MONEY_UNITS_MAX: f64 = 1e13;
/// The most decimal places of such an amount.
const MONEY_SCALE_MAX: u8 = 14;

/// About 146 years: two of them still fit 64 bits.
const NANOS_MAX: f64 = 4.6e18;

/// The input `key` as a number.
pub(crate) fn number(inputs: &Value, key: &str) -> Result<f64, String> {
    inputs[key].as_f64().ok_or_else(|| format!("input {key:?} is not a number"))
}

/// The input `key` as a number; `None` for null or nothing.
pub(crate) fn optional(inputs: &Value, key: &str) -> Result<Option<f64>, String> {
    if inputs[key].is_null() { Ok(None) } else { number(inputs, key).map(Some) }
}

/// The input `key` as a count.
pub(crate) fn count(inputs: &Value, key: &str) -> Result<usize, String> {
    let count = whole(&inputs[key]).and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| format!("input {key:?} is not a count"))
}

/// The input `key` as an integer.
pub(crate) fn integer(inputs: &Value, key: &str) -> Result<i64, String> {
    whole(&inputs[key]).ok_or_else(|| format!("input {key:?} is not an integer"))
}

/// An integer, also when it is written as a float (`8.0`).
pub(crate) fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let float = value.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= UNITS_MAX)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within 64 bits")]
        Some(float as i64)
    })
}

/// The input `key` as a list.
pub(crate) fn list<'a>(inputs: &'a Value, key: &str) -> Result<&'a [Value], String> {
    inputs[key].as_array().map(Vec::as_slice).ok_or_else(|| format!("input {key:?} is not a list"))
}

/// The input `key` as a list of numbers.
pub(crate) fn numbers(inputs: &Value, key: &str) -> Result<Vec<f64>, String> {
    list(inputs, key)?.iter().map(|value| to_number(value, key)).collect()
}

/// The input `key` as a list of lists of numbers.
pub(crate) fn rows(inputs: &Value, key: &str) -> Result<Vec<Vec<f64>>, String> {
    let row = |row: &Value| {
        let row = row.as_array().ok_or_else(|| format!("a row of input {key:?} is not a list"))?;
        row.iter().map(|value| to_number(value, key)).collect()
    };
    list(inputs, key)?.iter().map(row).collect()
}

/// The input `key` as rows of exactly `N` numbers.
pub(crate) fn rows_of<const N: usize>(inputs: &Value, key: &str) -> Result<Vec<[f64; N]>, String> {
    let row = |row: Vec<f64>| {
        <[f64; N]>::try_from(row.as_slice())
            .map_err(|_| format!("a row of input {key:?} has not {N} numbers"))
    };
    rows(inputs, key)?.into_iter().map(row).collect()
}

fn to_number(value: &Value, key: &str) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("an element of input {key:?} is not a number"))
}

/// The decimal places in which some amounts are counted: as many as all of them need, as a venue's metadata would say; where
/// a file has numbers with every digit of a double, as many as the largest of them leaves room for.
pub(crate) fn scale_of(values: impl IntoIterator<Item = f64>) -> Result<u8, String> {
    scale_within(values, UNITS_MAX, SCALE_MAX)
}

/// The same for quantities, from which other quantities are taken.
pub(crate) fn qty_scale_of(values: impl IntoIterator<Item = f64>) -> Result<u8, String> {
    scale_within(values, QTY_UNITS_MAX, SCALE_MAX)
}

/// The same for amounts that are multiplied exactly.
pub(crate) fn money_scale_of(values: impl IntoIterator<Item = f64>) -> Result<u8, String> {
    scale_within(values, MONEY_UNITS_MAX, MONEY_SCALE_MAX)
}

/// The finest scale in which quantities can be counted.
pub(crate) fn finest_qty_scale_of(values: impl IntoIterator<Item = f64>) -> u8 {
    let largest = values.into_iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    finest_scale(largest, QTY_UNITS_MAX, SCALE_MAX)
}

fn scale_within(values: impl IntoIterator<Item = f64>, units_max: f64, scale_max: u8) -> Result<u8, String> {
    let (mut needed, mut largest) = (0, 0.0f64);
    for value in values {
        // The shortest decimal text, without exponent.
        let decimals = significant_decimals(value.to_string().as_bytes());
        needed = needed.max(decimals.ok_or_else(|| format!("{value} is not a decimal number"))?);
        largest = largest.max(value.abs());
    }
    Ok(finest_scale(largest, units_max, needed.min(scale_max)))
}

fn finest_scale(largest: f64, units_max: f64, scale_max: u8) -> u8 {
    let fits = |scale: &u8| largest * 10f64.powi(i32::from(*scale)) <= units_max;
    (0..=scale_max).rev().find(fits).unwrap_or(0)
}

/// A number in units of a scale: the nearest, which is exact when the scale holds it.
pub(crate) fn units(value: f64, scale: u8) -> Result<i64, String> {
    let text = format!("{value:.*}", usize::from(scale));
    parse_scaled(text.as_bytes(), scale).map_err(|error| format!("{value}: {error}"))
}

/// Units of a scale, or of a product of two scales, as a number.
#[expect(clippy::cast_precision_loss, reason = "the comparison is of doubles")]
pub(crate) fn decimal(units: i128, scale: u8) -> f64 {
    units as f64 / 10f64.powi(i32::from(scale))
}

/// Seconds as the nearest nanosecond, the core's unit of time. What is longer than the core counts is as long as it counts.
pub(crate) fn nanos(secs: f64) -> Result<i64, String> {
    if secs.is_nan() {
        return Err(format!("{secs} s is no time"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within 64 bits")]
    Ok((secs * 1e9).round().clamp(-NANOS_MAX, NANOS_MAX) as i64)
}

/// One side of a book, best first.
pub(crate) fn ladder(rows: &[[f64; 2]], price_scale: u8, qty_scale: u8) -> Result<Vec<Level>, String> {
    let level = |row: &[f64; 2]| Ok(Level::new(units(row[0], price_scale)?, units(row[1], qty_scale)?));
    rows.iter().map(level).collect()
}

/// Both sides of a book with their scales.
pub(crate) struct Book {
    pub(crate) bids: Vec<Level>,
    pub(crate) asks: Vec<Level>,
    pub(crate) price_scale: u8,
    pub(crate) qty_scale: u8,
}

/// The inputs `bids` and `asks`, in the smallest scales that hold every number of theirs.
pub(crate) fn book(inputs: &Value) -> Result<Book, String> {
    let (bids, asks) = (rows_of::<2>(inputs, "bids")?, rows_of::<2>(inputs, "asks")?);
    let column = |at: usize| bids.iter().chain(&asks).map(move |row| row[at]);
    let (price_scale, qty_scale) = (scale_of(column(0))?, qty_scale_of(column(1))?);
    Ok(Book {
        bids: ladder(&bids, price_scale, qty_scale)?,
        asks: ladder(&asks, price_scale, qty_scale)?,
        price_scale,
        qty_scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[f64], scales: [u8; 3]) {
        let values = || values.iter().copied();
        let found = [scale_of(values()), qty_scale_of(values()), money_scale_of(values())];
        assert_eq!(found, scales.map(Ok));
    }

    #[test]
    fn a_scale_holds_what_is_written_as_far_as_it_fits() {
        check(&[], [0, 0, 0]);
        check(&[5.0, -0.25, 1e-8], [8, 8, 8]);
        check(&[61_685.99, 0.1], [2, 2, 2]);
        check(&[0.1 + 0.2], [17, 15, 13]);
        check(&[1e20, 0.5], [0, 0, 0]);
        check(&[1e-25], [18, 18, 14]);
        assert!(scale_of([f64::INFINITY]).is_err());
    }

    #[test]
    fn units_are_the_nearest() {
        assert_eq!(units(0.1 + 0.2, 15), Ok(300_000_000_000_000));
        assert_eq!(units(0.1 + 0.2, 17), Ok(30_000_000_000_000_004));
        assert_eq!(units(-2.5, 1), Ok(-25));
        assert!(units(1e20, 0).is_err());
        assert!(units(f64::NAN, 0).is_err());
    }

    #[test]
    fn whole_floats_are_integers() {
        let whole = |text: &str| whole(&serde_json::from_str(text).unwrap());
        assert_eq!(
            [whole("8"), whole("8.0"), whole("-1e3"), whole("8.5"), whole("1e30")],
            [Some(8), Some(8), Some(-1000), None, None]
        );
    }

    #[test]
    fn no_time_is_too_long() {
        assert_eq!(nanos(1.5), Ok(1_500_000_000));
        assert_eq!(nanos(f64::INFINITY), nanos(1e12));
        assert!(nanos(f64::NAN).is_err());
    }
}
