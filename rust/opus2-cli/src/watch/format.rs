//! Numbers as people read them, in few columns.

use std::time::Duration;

/// What stands where a number is not known.
pub(super) const UNKNOWN: &str = "–";

/// `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count, or a dash.
pub(super) fn count(number: Option<u64>) -> String {
    number.map_or_else(|| UNKNOWN.to_owned(), grouped)
}

/// `5,012/s`, below ten `4.2/s`.
pub(super) fn rate(per_second: Option<f64>) -> String {
    match per_second {
        None => UNKNOWN.to_owned(),
        Some(rate) if rate > 0.0 && rate < 9.95 => format!("{rate:.1}/s"),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; a rate is positive"
        )]
        Some(rate) => format!("{}/s", grouped(rate.round() as u64)),
    }
}

/// `850 µs`, `4.21 ms`, `42.1 ms`, `421 ms`, `1.25 s`.
pub(super) fn latency(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let value = micros as f64;
    match micros {
        0..=999 => format!("{micros} µs"),
        1_000..=9_994 => format!("{:.2} ms", value / 1e3),
        9_995..=99_949 => format!("{:.1} ms", value / 1e3),
        99_950..=999_499 => format!("{:.0} ms", value / 1e3),
        _ => format!("{:.2} s", value / 1e6),
    }
}

/// `1.2 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let value = bytes as f64;
    match bytes {
        0..=999 => format!("{bytes} B"),
        1_000..=999_999 => format!("{:.1} kB", value / 1e3),
        _ => format!("{:.1} MB", value / 1e6),
    }
}

/// `00:01:42`.
pub(super) fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Time of day, UTC, with tenths: `12:00:01.1`.
pub(super) fn time_of_day(nanos: i64) -> String {
    let tenths = nanos.div_euclid(100_000_000).rem_euclid(864_000);
    let seconds = tenths / 10;
    format!("{:02}:{:02}:{:02}.{}", seconds / 3600, seconds / 60 % 60, seconds % 60, tenths % 10)
}

/// A signed number in at most seven columns: `+12.35`, `-1.25k`, `+3.10M`.
pub(super) fn signed(value: f64) -> String {
    let size = value.abs();
    match size {
        size if size < 99.995 => format!("{value:+.2}"),
        size if size < 999.95 => format!("{value:+.1}"),
        size if size < 999_995.0 => format!("{:+.2}k", value / 1e3),
        size if size < 999_995_000.0 => format!("{:+.2}M", value / 1e6),
        _ => format!("{value:+.1e}"),
    }
}

/// Counts by reason, the largest first: `3 (gap 2, crossed 1)`; `none` when there is none.
pub(super) fn reasons<'a>(reasons: impl IntoIterator<Item = (&'a String, &'a u64)>) -> String {
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    if reasons.is_empty() {
        return "none".to_owned();
    }
    reasons.sort_by(|(name, count), (other_name, other)| other.cmp(count).then(name.cmp(other_name)));
    let sum = reasons.iter().map(|(_, count)| **count).sum();
    let parts: Vec<_> = reasons.iter().map(|(name, count)| format!("{name} {}", grouped(**count))).collect();
    format!("{} ({})", grouped(sum), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shown: &[String], expect: &str) {
        assert_eq!(shown.join(" | "), expect);
    }

    #[test]
    fn numbers_are_short_and_never_misleading() {
        check(&[0, 999, 1000, 1_234_567].map(grouped), "0 | 999 | 1,000 | 1,234,567");
        check(
            &[None, Some(0.0), Some(0.04), Some(4.2), Some(9.96), Some(5012.4)].map(rate),
            "– | 0/s | 0.0/s | 4.2/s | 10/s | 5,012/s",
        );
        check(
            &[0, 999, 1000, 9_994, 9_995, 99_949, 99_950, 999_499, 999_500, 61_000_000].map(latency),
            "0 µs | 999 µs | 1.00 ms | 9.99 ms | 10.0 ms | 99.9 ms | 100 ms | 999 ms | 1.00 s | 61.00 s",
        );
        check(&[12, 1_234, 7_654_321].map(bytes), "12 B | 1.2 kB | 7.7 MB");
        check(
            &[0.0, -0.5, 99.99, -345.67, 12_345.0, -2.5e6, 1e12].map(signed),
            "+0.00 | -0.50 | +99.99 | -345.7 | +12.35k | -2.50M | +1.0e12",
        );
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(clock(Duration::from_secs(3_702)), "01:01:42");
        assert_eq!(time_of_day(1_723_161_253_937_085_768), "23:54:13.9");
        assert_eq!(time_of_day(-1), "23:59:59.9");
    }

    #[test]
    fn reasons_are_ordered_by_weight() {
        let counts =
            [("gap", 2), ("crossed", 1), ("bad_json", 1200)].map(|(name, count)| (name.to_owned(), count));
        let map: std::collections::BTreeMap<_, _> = counts.into();
        assert_eq!(reasons(&map), "1,203 (bad_json 1,200, gap 2, crossed 1)");
        assert_eq!(reasons(&std::collections::BTreeMap::new()), "none");
    }
}
