//! Numbers and times as text. No float, no allocation beyond the text that is written to.

use std::fmt::Write;

use opus2_types::UnixNanos;

/// What the text of an instrument's frames needs.
#[derive(Debug, Clone)]
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) price_scale: u8,
    pub(crate) qty_scale: u8,
}

/// Appends formatted text.
pub(crate) fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string does not fail");
}

/// The longest number of [`write_scaled`]: 20 digits of a u64, a point, a leading zero.
const SCALED_MAX: usize = 24;

/// Writes `units * 10^-scale`, not negative, with exactly `scale` decimals: `61737.6`, `0.10000000`; no point at scale 0.
pub(crate) fn write_scaled(text: &mut String, units: i64, scale: u8) {
    debug_assert!(units >= 0 && scale <= 18, "{units} at scale {scale}");
    let mut buffer = [b'0'; SCALED_MAX];
    let mut at = buffer.len();
    let mut rest = units.unsigned_abs();
    for _ in 0..scale {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if scale > 0 {
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
    text.push_str(std::str::from_utf8(&buffer[at..]).expect("digits and a point"));
}

/// `units * 10^-scale` as a text of its own.
pub(crate) fn scaled(units: i64, scale: u8) -> String {
    let mut text = String::with_capacity(SCALED_MAX);
    write_scaled(&mut text, units, scale);
    text
}

const DAY_NANOS: i64 = 86_400 * 1_000_000_000;

/// Writes a time as RFC 3339 in UTC, cut to `digits` decimals of a second (1 … 9): `2026-11-22T14:00:00.123456Z`.
pub(crate) fn write_time(text: &mut String, time: UnixNanos, digits: usize) {
    let (days, nanos) = (time.0.div_euclid(DAY_NANOS), time.0.rem_euclid(DAY_NANOS));
    let (year, month, day) = civil(days);
    let seconds = nanos / 1_000_000_000;
    let mut buffer = *b"0000-00-00T00:00:00.000000000";
    put(&mut buffer[0..4], year);
    put(&mut buffer[5..7], month);
    put(&mut buffer[8..10], day);
    put(&mut buffer[11..13], seconds / 3600);
    put(&mut buffer[14..16], seconds / 60 % 60);
    put(&mut buffer[17..19], seconds % 60);
    put(&mut buffer[20..29], nanos % 1_000_000_000);
    text.push_str(std::str::from_utf8(&buffer[..20 + digits.clamp(1, 9)]).expect("digits and signs"));
    text.push('Z');
}

/// A time as a text of its own; see [`write_time`].
pub(crate) fn time_text(time: UnixNanos, digits: usize) -> String {
    let mut text = String::with_capacity(32);
    write_time(&mut text, time, digits);
    text
}

/// Fills a field with a number, from its end.
fn put(field: &mut [u8], mut number: i64) {
    for digit in field.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Year, month and day of a number of days since 1970-01-01.
///
/// # Source
/// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_decimals_of_their_scale() {
        for (units, scale, expect) in [
            (6_173_763, 2, "61737.63"),
            (452_852, 1, "45285.2"),
            (100_000, 8, "0.00100000"),
            (0, 8, "0.00000000"),
            (7, 0, "7"),
            (i64::MAX, 18, "9.223372036854775807"),
            (5, 18, "0.000000000000000005"),
        ] {
            assert_eq!(scaled(units, scale), expect);
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (nanos, digits, expect) in [
            (0, 6, "1970-01-01T00:00:00.000000Z"),
            (1_795_356_000_123_456_789, 6, "2026-11-22T14:00:00.123456Z"),
            (1_795_356_000_123_456_789, 9, "2026-11-22T14:00:00.123456789Z"),
            (1_709_251_199_999_999_999, 3, "2024-02-29T23:59:59.999Z"),
            (951_868_800_000_000_000, 1, "2000-03-01T00:00:00.0Z"),
        ] {
            assert_eq!(time_text(UnixNanos(nanos), digits), expect);
        }
    }
}
