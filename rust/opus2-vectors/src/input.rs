//! Reading the inputs of a vector: each says by name what is wrong with it.

use opus2_types::{Level, SCALE_MAX, parse_scaled, significant_decimals};
use serde_json::Value;

/// The most units that the largest of some amounts is counted in: 17 digits tell any two doubles apart, and twice as many
/// still fit 64 bits.
const UNITS_MAX: f64 = 9e17;
/// The same where prices are multiplied by quantities and by fees: the product must fit a decimal of 28 digits.
const MONEY_UNITS_MAX: f64 = 1e13;
/// The most decimal places of such an amount.
const MONEY_SCALE_MAX: u8 = 14;

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

/// The same for amounts that are multiplied exactly.
pub(crate) fn money_scale_of(values: impl IntoIterator<Item = f64>) -> Result<u8, String> {
    scale_within(values, MONEY_UNITS_MAX, MONEY_SCALE_MAX)
}

fn scale_within(values: impl IntoIterator<Item = f64>, units_max: f64, scale_max: u8) -> Result<u8, String> {
    let (mut needed, mut largest) = (0, 0.0f64);
    for value in values {
        // The shortest decimal text, without exponent.
        let decimals = significant_decimals(value.to_string().as_bytes());
        needed = needed.max(decimals.ok_or_else(|| format!("{value} is not a decimal number"))?);
        largest = largest.max(value.abs());
    }
    let fits = |scale: &u8| largest * 10f64.powi(i32::from(*scale)) <= units_max;
    Ok((0..=needed.min(scale_max)).rev().find(fits).unwrap_or(0))
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

/// Seconds as the nearest nanosecond, the core's unit of time.
pub(crate) fn nanos(secs: f64) -> Result<i64, String> {
    let nanos = (secs * 1e9).round();
    if nanos.is_finite() && nanos.abs() < 9e18 {
        #[expect(clippy::cast_possible_truncation, reason = "within 64 bits, and whole")]
        return Ok(nanos as i64);
    }
    Err(format!("{secs} s is no time"))
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
    let (price_scale, qty_scale) = (scale_of(column(0))?, scale_of(column(1))?);
    Ok(Book {
        bids: ladder(&bids, price_scale, qty_scale)?,
        asks: ladder(&asks, price_scale, qty_scale)?,
        price_scale,
        qty_scale,
    })
}
