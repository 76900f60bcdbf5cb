//! Reading short decimal numbers eight bytes at a time.
//!
//! A depth message is hundreds of strings like `"61737.63000000"`, or of JSON numbers like `61737.6`. [`read_quoted`] and
//! [`read_bare`] handle the common form, at most eight digits on either side of the point, without a loop over bytes;
//! everything else is left to [`parse_scaled`] and [`parse_number`], which also decide what is an error. Property tests
//! hold them equal.

use opus2_types::{NumberError, parse_scaled, significant_decimals};

/// The largest scale read here: eight digits times ten to this power fit into 64 bits.
const SCALE_MAX: u8 = 10;

const POWERS: [i64; SCALE_MAX as usize + 1] = {
    let mut powers = [1i64; SCALE_MAX as usize + 1];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Reads `"123.4500"` at the start of `text` as a count of `10^-scale` units: the number, and how many bytes it took
/// with its quotes. `None` for every other form, right or wrong.
#[inline]
pub(crate) fn read_quoted(text: &[u8], scale: u8) -> Option<(i64, usize)> {
    if *text.first()? != b'"' {
        return None;
    }
    let (units, end) = read_plain(text, 1, scale)?;
    (*text.get(end)? == b'"').then_some((units, end + 1))
}

/// Reads the JSON number `123.4500` at the start of `text`, as [`read_quoted`] does a string.
#[inline]
pub(crate) fn read_bare(text: &[u8], scale: u8) -> Option<(i64, usize)> {
    let (units, end) = read_plain(text, 0, scale)?;
    matches!(*text.get(end)?, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r').then_some((units, end))
}

/// Reads digits, with or without a point and more digits, from `from` on: the number, and where it ends.
#[inline]
fn read_plain(text: &[u8], from: usize, scale: u8) -> Option<(i64, usize)> {
    let power = *POWERS.get(usize::from(scale))?;
    let whole = load(text, from)?;
    let whole_len = digits(whole);
    if whole_len == 0 {
        return None;
    }
    let units = value(whole, whole_len) * power;
    let point = from + whole_len;
    if *text.get(point)? != b'.' {
        return Some((units, point));
    }
    let fraction = load(text, point + 1)?;
    let len = digits(fraction);
    if len == 0 {
        return None;
    }
    let kept = len.min(usize::from(scale));
    // What is beyond the scale must be zeros; shifting it to the bottom leaves nothing else.
    if len > kept && ((fraction ^ ZEROS) << (64 - 8 * len)) >> (64 - 8 * (len - kept)) != 0 {
        return None;
    }
    let part = if kept == 0 { 0 } else { value(fraction, kept) * POWERS[usize::from(scale) - kept] };
    Some((units + part, point + 1 + len))
}

/// Reads `["61737.63000000","0.00000000"]` at the start of `text`: price and quantity, and how many bytes they took.
/// `None` for every other form, right or wrong.
#[inline]
pub(crate) fn read_pair(text: &[u8], price_scale: u8, qty_scale: u8) -> Option<(i64, i64, usize)> {
    let (b'[', rest) = text.split_first()? else { return None };
    let (price, price_len) = read_quoted(rest, price_scale)?;
    let (b',', rest) = rest.get(price_len..)?.split_first()? else { return None };
    let (qty, qty_len) = read_quoted(rest, qty_scale)?;
    (*rest.get(qty_len)? == b']').then_some((price, qty, price_len + qty_len + 3))
}

/// Reads the text of a JSON number, exponent forms like `1e-08` among them, as a count of `10^-scale` units.
///
/// # Errors
/// As [`parse_scaled`]; an exponent is no reason to refuse a number, only its value is.
pub(crate) fn parse_number(text: &[u8], scale: u8) -> Result<i64, NumberError> {
    let Some(at) = text.iter().position(|byte| matches!(byte, b'e' | b'E')) else {
        return parse_scaled(text, scale);
    };
    let (mantissa, exponent) = (&text[..at], parse_exponent(&text[at + 1..])?);
    // The mantissa's own digits as a whole number; what its point and the exponent say is a shift.
    let (whole, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(point) if point + 1 < mantissa.len() => (&mantissa[..point], &mantissa[point + 1..]),
        Some(_) => return Err(NumberError::Malformed),
        None => (mantissa, &[][..]),
    };
    let (is_negative, whole) = match whole {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, whole),
    };
    if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(NumberError::Malformed);
    }
    let too_large = NumberError::TooLarge { scale };
    let mut value: u128 = 0;
    for digit in whole.iter().chain(fraction) {
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(u128::from(digit - b'0')))
            .ok_or(too_large)?;
    }
    let shift =
        i64::from(exponent) + i64::from(scale) - i64::try_from(fraction.len()).map_err(|_| too_large)?;
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|shift| 10u128.checked_pow(shift));
    let units = match power {
        _ if value == 0 => 0,
        Some(power) if shift >= 0 => value.checked_mul(power).ok_or(too_large)?,
        None if shift >= 0 => return Err(too_large),
        Some(power) if value.is_multiple_of(power) => value / power,
        _ => return Err(NumberError::TooFine { scale }),
    };
    let units = i64::try_from(units).map_err(|_| too_large)?;
    Ok(if is_negative { -units } else { units })
}

/// How many decimals the text of a JSON number has, trailing zeros included: the number of places in which a venue that
/// prints full precision counts. `None` when it is no number.
pub(crate) fn printed_decimals(text: &[u8]) -> Option<u8> {
    let at = text.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match at {
        Some(at) => (&text[..at], i64::from(parse_exponent(&text[at + 1..]).ok()?)),
        None => (text, 0),
    };
    significant_decimals(mantissa)?;
    let fraction =
        mantissa.iter().position(|byte| *byte == b'.').map_or(0, |point| mantissa.len() - point - 1);
    u8::try_from((i64::try_from(fraction).ok()? - exponent).max(0)).ok()
}

fn parse_exponent(text: &[u8]) -> Result<i32, NumberError> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    // Four digits are beyond every number that anybody means.
    if digits.is_empty() || digits.len() > 4 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NumberError::Malformed);
    }
    let value = digits.iter().fold(0, |value, digit| value * 10 + i32::from(digit - b'0'));
    Ok(if is_negative { -value } else { value })
}

#[inline]
fn load(text: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(text.get(at..at + 8)?.try_into().ok()?))
}

/// How many of the eight bytes are digits before the first that is not.
#[inline]
fn digits(word: u64) -> usize {
    let bent = word ^ ZEROS;
    // A byte above nine carries into its top bit, or has it set already. Carries beyond the first such byte do not count.
    let others = (bent.wrapping_add(0x7676_7676_7676_7676) | bent) & 0x8080_8080_8080_8080;
    others.trailing_zeros() as usize / 8
}

/// The number that the first `len` (1 to 8) bytes spell.
#[inline]
fn value(word: u64, len: usize) -> i64 {
    // The last digit goes into the highest byte; what is shifted in below counts as leading zeros.
    let word = (word << (64 - 8 * len)) & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = word.wrapping_mul(2561) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(6_553_601) >> 16 & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(42_949_672_960_001) >> 32).cast_signed()
}

#[cfg(test)]
mod tests {
    use opus2_types::Scaled;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, scale: u8) {
        let quoted = format!("\"{text}\",\"0.1\"]]");
        if let Some((units, used)) = read_quoted(quoted.as_bytes(), scale) {
            assert_eq!(Ok(units), parse_scaled(text.as_bytes(), scale), "{text:?} at scale {scale}");
            assert_eq!(used, text.len() + 2);
        }
        let bare = format!("{text},\"qty\":0.1}}");
        if let Some((units, used)) = read_bare(bare.as_bytes(), scale) {
            let number = &bare.as_bytes()[..used];
            assert_eq!(Ok(units), parse_number(number, scale), "{text:?} at scale {scale}");
            assert!(text[used..].starts_with([' ']) || used == text.len(), "{text:?}");
        }
    }

    #[track_caller]
    fn check_number(text: &str, scale: u8, units: Result<i64, NumberError>, decimals: Option<u8>) {
        assert_eq!(parse_number(text.as_bytes(), scale), units, "{text:?} at scale {scale}");
        assert_eq!(printed_decimals(text.as_bytes()), decimals, "{text:?}");
    }

    #[test]
    fn exponents_are_exact_or_refused() {
        let (fine, large) = (NumberError::TooFine { scale: 8 }, NumberError::TooLarge { scale: 8 });
        for (text, units, decimals) in [
            ("1e-08", Ok(1), Some(8)),
            ("1E-8", Ok(1), Some(8)),
            ("1e2", Ok(10_000_000_000), Some(0)),
            ("1.50e+1", Ok(1_500_000_000), Some(1)),
            ("-1.5e-1", Ok(-15_000_000), Some(2)),
            ("100e-10", Ok(1), Some(10)),
            ("1e-09", Err(fine), Some(9)),
            ("1e-99", Err(fine), Some(99)),
            ("0e-9999", Ok(0), None),
            ("0e9999", Ok(0), Some(0)),
            ("1e9999", Err(large), Some(0)),
            ("9e11", Err(large), Some(0)),
            ("99999999999999999999999999999999999999999e-30", Err(large), Some(30)),
            ("0.00000000", Ok(0), Some(8)),
        ] {
            check_number(text, 8, units, decimals);
        }
        for malformed in ["e5", "1e", "1e+", "1e1.5", "1.e5", ".5e1", "--1e5", "1e12345", "1e5e5", "NaN", ""]
        {
            check_number(malformed, 8, Err(NumberError::Malformed), None);
        }
    }

    #[test]
    fn the_common_form_is_read_and_the_rest_is_left() {
        for (text, scale, expect) in [
            ("61737.63000000", 2, Some(6_173_763)),
            ("61737.63000000", 8, Some(6_173_763_000_000)),
            ("0.00000001", 8, Some(1)),
            ("12345678.12345678", 8, Some(1_234_567_812_345_678)),
            ("7", 3, Some(7000)),
            ("7.000", 0, Some(7)),
            ("7.001", 2, None),
            ("123456789.1", 1, None),
            ("1.123456789", 9, None),
            ("-1", 0, None),
            ("1.", 0, None),
            (".1", 1, None),
            ("1e5", 0, None),
            ("", 0, None),
        ] {
            let quoted = format!("\"{text}\",\"0.1\"]]");
            assert_eq!(read_quoted(quoted.as_bytes(), scale).map(|read| read.0), expect, "{text}");
            check(text, scale);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_exact_parser_reads(text in "[0-9]{0,10}(\\.[0-9]{0,10})?", scale in 0u8..12) {
            check(&text, scale);
        }

        #[test]
        fn an_exponent_only_moves_the_point(units in 0i64..1_000_000_000, places in 0u32..9) {
            let plain = Scaled::new(units, 8).to_string();
            let (mantissa, exponent) = (units / 10i64.pow(places), 8 - places);
            if mantissa * 10i64.pow(places) == units {
                let text = format!("{mantissa}e-{exponent:02}");
                prop_assert_eq!(parse_number(text.as_bytes(), 8), parse_scaled(plain.as_bytes(), 8));
            }
        }

        #[test]
        fn any_text_is_read_right_or_left(text in "[-+.0-9eE x:/]{0,12}", scale in 0u8..12) {
            check(&text, scale);
        }
    }
}
