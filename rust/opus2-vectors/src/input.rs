//! Reading the inputs of a vector: each says by name what is wrong with it.

use opus2_types::{Level, parse_scaled, significant_decimals};
use serde_json::Value;

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
    let count = inputs[key].as_u64().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| format!("input {key:?} is not a count"))
}

/// The input `key` as an integer.
pub(crate) fn integer(inputs: &Value, key: &str) -> Result<i64, String> {
    inputs[key].as_i64().ok_or_else(|| format!("input {key:?} is not an integer"))
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

/// The decimal places that all of some numbers need, as a venue's metadata would say.
pub(crate) fn scale_of(values: impl IntoIterator<Item = f64>) -> Result<u8, String> {
    let mut scale = 0;
    for value in values {
        let decimals = significant_decimals(value.to_string().as_bytes());
        scale = scale.max(decimals.ok_or_else(|| format!("{value} is not a decimal number"))?);
    }
    Ok(scale)
}

/// A number in units of a scale, exactly.
pub(crate) fn units(value: f64, scale: u8) -> Result<i64, String> {
    // The shortest decimal text, without exponent.
    parse_scaled(value.to_string().as_bytes(), scale).map_err(|error| format!("{value}: {error}"))
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
