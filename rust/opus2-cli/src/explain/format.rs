//! Numbers, bars, times and colours for a page of a hundred columns.

/// Columns of the page.
pub(super) const COLUMNS: usize = 100;

/// What stands for a number that is not known.
pub(super) const UNKNOWN: &str = "–";

const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint {
    pub(super) has_colours: bool,
}

/// What a text is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Strong,
    Faint,
}

impl Paint {
    pub(super) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Strong => "1",
            Tone::Faint => "2",
        };
        if self.has_colours && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// A number with so many digits after the point, or a dash.
pub(super) fn fixed(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.digits$}"))
}

/// A number as it is, shortened to six digits where it is longer.
pub(super) fn short(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if (1e-4..1e9).contains(&magnitude) {
        let whole = if magnitude < 1.0 { 0 } else { format!("{magnitude:.0}").len() };
        let text = format!("{value:.*}", 6usize.saturating_sub(whole).min(6));
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        text.to_owned()
    } else {
        format!("{value:.3e}")
    }
}

/// A bar of `share` of `width` columns, to an eighth of one.
pub(super) fn bar(share: f64, width: usize) -> String {
    let eighths = eighths_of(share, width);
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// A bar that begins where another of `from` ended, in a row of `width`.
pub(super) fn floating_bar(from: f64, to: f64, width: usize) -> String {
    let (from, to) = (eighths_of(from.min(to), width) / 8, eighths_of(from.max(to), width).div_ceil(8));
    if from >= to {
        return format!("{}▏", " ".repeat(from.min(width)));
    }
    format!("{}{}", " ".repeat(from), "█".repeat(to - from))
}

/// A value from `-limit` to `limit` as a bar to the left or the right of a middle, `2 half + 1` columns.
pub(super) fn signed_bar(value: f64, limit: f64, half: usize) -> String {
    let filled = (eighths_of(value.abs() / limit, half) + 4) / 8;
    let filled = if filled == 0 && value.abs() > 0.0 { 1 } else { filled };
    let (full, empty) = ("█".repeat(filled), "·".repeat(half - filled));
    let none = "·".repeat(half);
    if value < 0.0 { format!("{empty}{full}│{none}") } else { format!("{none}│{full}{empty}") }
}

/// How many eighths of a column a share of `width` columns has.
fn eighths_of(share: f64, width: usize) -> usize {
    let eighths = (width * 8).min(8 * COLUMNS);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a few hundred at most, and NaN becomes 0"
    )]
    let filled = (share.clamp(0.0, 1.0) * eighths as f64).round() as usize;
    filled.min(eighths)
}

/// `2024-08-09 00:00:01.500000000`, UTC.
pub(super) fn utc(nanos: i64) -> String {
    let seconds = nanos.div_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let (second, fraction) = (second % 60, nanos.rem_euclid(1_000_000_000));
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:09}")
}

/// The date of a day since the epoch.
///
/// # Source
/// H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `5 ms`, `1.5 s`.
pub(super) fn span(nanos: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let millis = nanos as f64 / 1e6;
    if millis.abs() < 1_000.0 {
        format!("{} ms", short(millis))
    } else {
        format!("{} s", short(millis / 1e3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.5, -0.25, 1.0 / 3.0, 60_060.123_456, 1e-7, 123_456_789.0].map(short);
        assert_eq!(shown, ["0", "0.5", "-0.25", "0.333333", "60060.1", "1.000e-7", "123456789"]);
        assert_eq!([fixed(Some(0.5), 3), fixed(None, 3)], ["0.500", "–"]);
    }

    #[test]
    fn bars_fill_their_width_and_no_more() {
        assert_eq!([bar(0.5, 4), bar(0.3, 4), bar(9.0, 4), bar(f64::NAN, 4)], ["██", "█▎", "████", ""]);
        let signed = [signed_bar(2.5, 5.0, 4), signed_bar(-5.0, 5.0, 4), signed_bar(0.01, 5.0, 4)];
        assert_eq!(signed, ["····│██··", "████│····", "····│█···"]);
        assert_eq!([floating_bar(0.25, 0.75, 4), floating_bar(0.5, 0.5, 4)], [" ██", "  ▏"]);
    }

    #[test]
    fn times_are_dates() {
        assert_eq!(utc(1_723_161_601_500_000_000), "2024-08-09 00:00:01.500000000");
        assert_eq!(utc(-1), "1969-12-31 23:59:59.999999999");
        assert_eq!([span(5_000_000), span(1_500_000_000)], ["5 ms", "1.5 s"]);
    }
}
