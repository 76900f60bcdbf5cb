//! Reading short decimal strings eight bytes at a time.
//!
//! A depth message is hundreds of strings like `"61737.63000000"`. [`read_quoted`] handles the common form, at most eight
//! digits on either side of the point, without a loop over bytes; everything else is left to
//! [`parse_scaled`](opus2_types::parse_scaled), which also decides what is an error. A property test holds the two equal.

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
    let power = *POWERS.get(usize::from(scale))?;
    if *text.first()? != b'"' {
        return None;
    }
    let whole = load(text, 1)?;
    let whole_len = digits(whole);
    if whole_len == 0 {
        return None;
    }
    let units = value(whole, whole_len) * power;
    let point = 1 + whole_len;
    match *text.get(point)? {
        b'"' => Some((units, point + 1)),
        b'.' => {
            let fraction = load(text, point + 1)?;
            let len = digits(fraction);
            if len == 0 || *text.get(point + 1 + len)? != b'"' {
                return None;
            }
            let kept = len.min(usize::from(scale));
            // What is beyond the scale must be zeros; shifting it to the bottom leaves nothing else.
            if len > kept && ((fraction ^ ZEROS) << (64 - 8 * len)) >> (64 - 8 * (len - kept)) != 0 {
                return None;
            }
            let part = if kept == 0 { 0 } else { value(fraction, kept) * POWERS[usize::from(scale) - kept] };
            Some((units + part, point + 2 + len))
        }
        _ => None,
    }
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
    use opus2_types::parse_scaled;
    use proptest::prelude::*;

    use super::read_quoted;

    #[track_caller]
    fn check(text: &str, scale: u8) {
        let quoted = format!("\"{text}\",\"0.1\"]]");
        if let Some((units, used)) = read_quoted(quoted.as_bytes(), scale) {
            assert_eq!(Ok(units), parse_scaled(text.as_bytes(), scale), "{text:?} at scale {scale}");
            assert_eq!(used, text.len() + 2);
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
        fn any_text_is_read_right_or_left(text in "[-+.0-9eE x:/]{0,12}", scale in 0u8..12) {
            check(&text, scale);
        }
    }
}
