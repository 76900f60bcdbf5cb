//! Times as text: RFC 3339, as venues write them.

use opus2_types::UnixNanos;

/// Reads `2026-11-22T14:00:00.123456Z`: any number of decimals (those beyond the ninth are dropped), or none; `Z` or a
/// numeric offset.
///
/// `None` for other text, a date that is not in the calendar, or one before 1970 or after 2262 (venues send the year 1
/// for "no time").
pub(crate) fn parse_rfc3339(text: &[u8]) -> Option<UnixNanos> {
    let digit = |at: usize| {
        text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10).map(i64::from)
    };
    let two = |at: usize| Some(digit(at)? * 10 + digit(at + 1)?);
    let is_punctuated =
        [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')].iter().all(|(at, byte)| text.get(*at) == Some(byte))
            && matches!(text.get(10), Some(b'T' | b't' | b' '));
    if !is_punctuated {
        return None;
    }
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    if year < 1970 || day < 1 || day > days_of(year, month)? || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if text.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        let mut unit = 100_000_000;
        while let Some(digit) = digit(at) {
            nanos += digit * unit;
            unit /= 10;
            at += 1;
        }
        if at == start {
            return None;
        }
    }
    let offset_secs = match text.get(at..)? {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let (hours, minutes) = (two(at + 1)?, two(at + 4)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3_600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    let secs = days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_secs;
    secs.checked_mul(1_000_000_000)?.checked_add(nanos).filter(|nanos| *nanos >= 0).map(UnixNanos)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_of(year: i64, month: i64) -> Option<i64> {
    Some(match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    })
}

/// Days of the Gregorian calendar, counted in years that begin with March so that the leap day is the last.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_to_the_nanosecond_or_refused() {
        for (text, expect) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T23:59:59.5Z", Some(951_868_799_500_000_000)),
            ("2026-08-01T02:53:53.398143Z", Some(1_785_552_833_398_143_000)),
            ("2024-01-08T12:26:39.526146327Z", Some(1_704_716_799_526_146_327)),
            ("2024-01-08T12:26:39.5261463279Z", Some(1_704_716_799_526_146_327)),
            ("2024-01-08T13:26:39+01:00", Some(1_704_716_799_000_000_000)),
            ("2024-01-08T11:56:39-00:30", Some(1_704_716_799_000_000_000)),
            ("2100-02-29T00:00:00Z", None),
            ("2023-02-29T00:00:00Z", None),
            ("2023-00-10T00:00:00Z", None),
            ("2023-13-10T00:00:00Z", None),
            ("2023-04-31T00:00:00Z", None),
            ("2023-04-00T00:00:00Z", None),
            ("2023-04-30T24:00:00Z", None),
            ("2023-04-30T23:60:00Z", None),
            ("2023-04-30T23:59:60Z", None),
            ("2023-04-30T23:59:59", None),
            ("2023-04-30T23:59:59.Z", None),
            ("2023-04-30T23:59:59ZZ", None),
            ("2023-04-30", None),
            ("0001-01-01T00:00:00Z", None),
            ("1969-12-31T23:59:59Z", None),
            ("1970-01-01T00:00:00+01:00", None),
            ("2263-01-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(parse_rfc3339(text.as_bytes()), expect.map(UnixNanos), "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expect = 0;
        for year in 1970..2262 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month).unwrap() {
                    assert_eq!(days_since_1970(year, month, day), expect);
                    expect += 1;
                }
            }
        }
    }
}
