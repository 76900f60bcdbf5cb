//! Stage 1 as published on `hifa_stage1_signals`. Contract: docs/contracts/signals.md.
//!
//! A record has eighteen features of four fields each, so their constant text is made once ([`FeatureFormat`]) and only
//! numbers are formatted per record. Numbers and strings are written by `serde_json`, so floats have their shortest
//! exact form, the same on every machine.

use std::io::Write as _;

use opus2_types::{Level, QualityFlags, SCALE_MAX, Scaled, UnixNanos, Venue};
use serde::Serialize;

/// What every published record begins with.
#[derive(Debug, Clone, Copy)]
pub struct SignalHead<'a> {
    /// Where it happened.
    pub venue: Venue,
    /// The venue's own symbol.
    pub symbol: &'a str,
    /// The instrument's market.
    pub market: &'a str,
    /// The venue's time of the triggering event; `None` for a bar.
    pub exch_ts: Option<UnixNanos>,
    /// The receive time of the triggering event; the end of a bar.
    pub recv_ts: UnixNanos,
    /// The book's state.
    pub state: &'a str,
    /// Decimal places of prices.
    pub price_scale: u8,
    /// Decimal places of quantities.
    pub qty_scale: u8,
}

/// One feature's value.
#[derive(Debug, Clone, Copy)]
pub struct FeatureView {
    /// The number, which is finite, or the name of the reason why there is none.
    pub value: Result<f64, &'static str>,
    /// The distance of the messages it rests on, ms; left out where it does not matter.
    pub conflation_ms: Option<u32>,
}

/// The best quote that the features rest on.
#[derive(Debug, Clone, Copy)]
pub struct BestView {
    /// Which feed showed it.
    pub source: &'static str,
    /// Its update number.
    pub seq: u64,
    /// Best bid; `None` for an empty side.
    pub bid: Option<Level>,
    /// Best ask; `None` for an empty side.
    pub ask: Option<Level>,
    /// Twice the mid, in price units; `None` when there is none.
    pub mid_doubled: Option<i64>,
}

/// One detection.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DetectionView {
    /// What found it.
    pub detector: &'static str,
    /// `up` or `down`.
    pub direction: &'static str,
    /// The lag, ms, of a detector that has one.
    pub lag_ms: Option<u32>,
    /// The value beyond the threshold.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
}

/// One signal record, beside its features and detections.
#[derive(Debug, Clone, Copy)]
pub struct SignalView<'a> {
    /// The head.
    pub head: SignalHead<'a>,
    /// The identity of the event that triggered it.
    pub event_id: &'a str,
    /// The kind of that event.
    pub trigger: &'static str,
    /// The flags of that event.
    pub flags: QualityFlags,
    /// What that event meant for the best quote.
    pub update: &'static str,
    /// The best quote; `None` while none is known.
    pub best: Option<BestView>,
}

/// Depth of both sides within a band, quantities in units of the scale.
#[derive(Debug, Clone, Copy)]
pub struct DepthView {
    /// The band, basis points.
    pub bps: u32,
    /// Bid quantity.
    pub bid: i128,
    /// Ask quantity.
    pub ask: i128,
    /// The bid quantity is a lower bound.
    pub bid_truncated: bool,
    /// The ask quantity is a lower bound.
    pub ask_truncated: bool,
}

/// One bar record, beside its features and depths.
#[derive(Debug, Clone, Copy)]
pub struct BarView<'a> {
    /// The head; its receive time is the bar's end.
    pub head: SignalHead<'a>,
    /// The bar's length, ns.
    pub length_ns: i64,
    /// Book events.
    pub books: u64,
    /// Quote events.
    pub quotes: u64,
    /// Trade events.
    pub trades: u64,
    /// Sum of the contributions to OFI, in quantity units.
    pub ofi: i128,
    /// How many contributions there were.
    pub ofi_events: i64,
    /// How many of them may hide others.
    pub ofi_conflated: i64,
    /// How often references were reset.
    pub resets: u64,
    /// Twice the mid at the beginning, in price units.
    pub mid_open_doubled: Option<i64>,
    /// Twice the mid at the end, in price units.
    pub mid_close_doubled: Option<i64>,
}

/// The constant text of a list of features.
#[derive(Debug, Clone)]
pub struct FeatureFormat {
    texts: Vec<(String, String)>,
}

impl FeatureFormat {
    /// For features of these names and windows in milliseconds, in this order.
    pub fn new<'a>(features: impl IntoIterator<Item = (&'a str, Option<u32>)>) -> Self {
        let texts = features.into_iter().map(|(name, window_ms)| {
            let window = window_ms.map_or_else(|| "null".to_owned(), |window| window.to_string());
            (format!(",\"{name}\":{{\"value\":"), format!(",\"window_ms\":{window}"))
        });
        Self { texts: texts.collect() }
    }

    fn write(&self, features: impl Iterator<Item = FeatureView>, bytes: &mut Vec<u8>) {
        let start = bytes.len();
        for ((before, after), feature) in self.texts.iter().zip(features) {
            bytes.extend_from_slice(before.as_bytes());
            match feature.value {
                Ok(value) => put(&value, bytes),
                Err(_) => bytes.extend_from_slice(b"null"),
            }
            bytes.extend_from_slice(after.as_bytes());
            if let Some(conflation_ms) = feature.conflation_ms {
                bytes.extend_from_slice(b",\"conflation_ms\":");
                put(&conflation_ms, bytes);
            }
            match feature.value {
                Ok(_) => bytes.extend_from_slice(b",\"reason\":null}"),
                Err(reason) => {
                    bytes.extend_from_slice(b",\"reason\":\"");
                    bytes.extend_from_slice(reason.as_bytes());
                    bytes.extend_from_slice(b"\"}");
                }
            }
        }
        // The first comma opens the object.
        match bytes.get_mut(start) {
            Some(first) => *first = b'{',
            None => bytes.push(b'{'),
        }
        bytes.push(b'}');
    }
}

/// Appends one signal record.
pub fn write_signal(
    view: &SignalView<'_>,
    format: &FeatureFormat,
    features: impl Iterator<Item = FeatureView>,
    detections: impl Iterator<Item = DetectionView>,
    bytes: &mut Vec<u8>,
) {
    let head = &view.head;
    bytes.extend_from_slice(b"{\"id\":");
    put(view.event_id, bytes);
    bytes.pop();
    bytes.extend_from_slice(b":s1\"");
    write_head(head, "signal", bytes);
    bytes.extend_from_slice(b",\"trigger\":");
    put(view.trigger, bytes);
    bytes.extend_from_slice(b",\"flags\":[");
    separated(view.flags.names(), bytes, |name, bytes| put(name, bytes));
    bytes.extend_from_slice(b"],\"update\":");
    put(view.update, bytes);
    bytes.extend_from_slice(b",\"bbo\":");
    match &view.best {
        None => bytes.extend_from_slice(b"null"),
        Some(best) => {
            bytes.extend_from_slice(b"{\"source\":");
            put(best.source, bytes);
            bytes.extend_from_slice(b",\"seq\":");
            put(&best.seq, bytes);
            for (name, level) in [(&b",\"bid\":"[..], best.bid), (b",\"ask\":", best.ask)] {
                bytes.extend_from_slice(name);
                write_level(level, head, bytes);
            }
            bytes.extend_from_slice(b",\"mid\":");
            write_mid(best.mid_doubled, head.price_scale, bytes);
            bytes.push(b'}');
        }
    }
    bytes.extend_from_slice(b",\"features\":");
    format.write(features, bytes);
    bytes.extend_from_slice(b",\"detections\":[");
    separated(detections, bytes, |detection, bytes| put(&detection, bytes));
    bytes.extend_from_slice(b"]}");
}

/// Appends one bar record.
pub fn write_bar(
    view: &BarView<'_>,
    format: &FeatureFormat,
    features: impl Iterator<Item = FeatureView>,
    depths: impl Iterator<Item = DepthView>,
    bytes: &mut Vec<u8>,
) {
    let head = &view.head;
    bytes.extend_from_slice(b"{\"id\":");
    put(head.venue.as_str(), bytes);
    bytes.pop();
    bytes.push(b':');
    let symbol_at = bytes.len();
    put(head.symbol, bytes);
    // The two strings become one: the second's opening quote goes.
    bytes.remove(symbol_at);
    bytes.pop();
    bytes.extend_from_slice(b":bar:");
    put(&head.recv_ts.0, bytes);
    bytes.push(b'"');
    write_head(head, "bar", bytes);
    for (name, count) in [
        (&b",\"bar_start\":"[..], i128::from(head.recv_ts.0.saturating_sub(view.length_ns))),
        (b",\"bar_end\":", head.recv_ts.0.into()),
        (b",\"books\":", view.books.into()),
        (b",\"quotes\":", view.quotes.into()),
        (b",\"trades\":", view.trades.into()),
        (b",\"resets\":", view.resets.into()),
        (b",\"ofi_events\":", view.ofi_events.into()),
        (b",\"ofi_conflated\":", view.ofi_conflated.into()),
    ] {
        bytes.extend_from_slice(name);
        put(&count, bytes);
    }
    bytes.extend_from_slice(b",\"ofi\":");
    write_decimal(view.ofi, head.qty_scale, bytes);
    bytes.extend_from_slice(b",\"mid_open\":");
    write_mid(view.mid_open_doubled, head.price_scale, bytes);
    bytes.extend_from_slice(b",\"mid_close\":");
    write_mid(view.mid_close_doubled, head.price_scale, bytes);
    bytes.extend_from_slice(b",\"depth\":[");
    separated(depths, bytes, |depth, bytes| {
        bytes.extend_from_slice(b"{\"bps\":");
        put(&depth.bps, bytes);
        bytes.extend_from_slice(b",\"bid\":");
        write_decimal(depth.bid, head.qty_scale, bytes);
        bytes.extend_from_slice(b",\"ask\":");
        write_decimal(depth.ask, head.qty_scale, bytes);
        bytes.extend_from_slice(b",\"bid_truncated\":");
        put(&depth.bid_truncated, bytes);
        bytes.extend_from_slice(b",\"ask_truncated\":");
        put(&depth.ask_truncated, bytes);
        bytes.push(b'}');
    });
    bytes.extend_from_slice(b"],\"features\":");
    format.write(features, bytes);
    bytes.push(b'}');
}

fn write_head(head: &SignalHead<'_>, kind: &str, bytes: &mut Vec<u8>) {
    for (name, text) in [
        (&b",\"kind\":"[..], kind),
        (b",\"venue\":", head.venue.as_str()),
        (b",\"instrument\":", head.symbol),
        (b",\"market\":", head.market),
    ] {
        bytes.extend_from_slice(name);
        put(text, bytes);
    }
    bytes.extend_from_slice(b",\"exch_ts\":");
    put(&head.exch_ts.map(|ts| ts.0), bytes);
    bytes.extend_from_slice(b",\"recv_ts\":");
    put(&head.recv_ts.0, bytes);
    bytes.extend_from_slice(b",\"state\":");
    put(head.state, bytes);
}

fn write_level(level: Option<Level>, head: &SignalHead<'_>, bytes: &mut Vec<u8>) {
    let Some(level) = level else { return bytes.extend_from_slice(b"null") };
    bytes.push(b'[');
    write_decimal(level.price.0.into(), head.price_scale, bytes);
    bytes.push(b',');
    write_decimal(level.qty.0.into(), head.qty_scale, bytes);
    bytes.push(b']');
}

/// The mid of two prices may have one decimal place more than they.
fn write_mid(doubled: Option<i64>, scale: u8, bytes: &mut Vec<u8>) {
    match doubled {
        None => bytes.extend_from_slice(b"null"),
        Some(doubled) if doubled % 2 == 0 => write_decimal(i128::from(doubled / 2), scale, bytes),
        Some(doubled) => write_decimal(5 * i128::from(doubled), scale.saturating_add(1), bytes),
    }
}

/// Exact decimal text in quotes.
fn write_decimal(units: i128, scale: u8, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    match i64::try_from(units) {
        Ok(units) if scale <= SCALE_MAX => {
            write!(bytes, "{}", Scaled::new(units, scale)).expect("memory takes every byte");
        }
        _ => write_wide_decimal(units, scale, bytes),
    }
    bytes.push(b'"');
}

/// For sums beyond 64 bits, or the mid at the finest scale: rare, so plain.
fn write_wide_decimal(units: i128, scale: u8, bytes: &mut Vec<u8>) {
    let scale = usize::from(scale);
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let fraction = fraction.trim_end_matches('0');
    if units < 0 {
        bytes.push(b'-');
    }
    bytes.extend_from_slice(whole.as_bytes());
    if !fraction.is_empty() {
        bytes.push(b'.');
        bytes.extend_from_slice(fraction.as_bytes());
    }
}

fn separated<T>(items: impl Iterator<Item = T>, bytes: &mut Vec<u8>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write(item, bytes);
    }
}

fn put<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    serde_json::to_writer(bytes, value).expect("numbers and text are JSON, and memory takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(units: i128, scale: u8, expect: &str) {
        let mut bytes = Vec::new();
        write_decimal(units, scale, &mut bytes);
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("\"{expect}\""));
    }

    #[test]
    fn decimals_are_exact_at_every_width() {
        check(-1_230, 2, "-12.3");
        check(i128::from(i64::MAX) + 1, 18, "9.223372036854775808");
        check(-10_i128.pow(30), 29, "-10");
        check(15, 19, "0.0000000000000000015");
        check(0, 19, "0");
    }

    #[test]
    fn a_mid_between_two_ticks_has_one_place_more() {
        let check = |doubled, scale, expect: &str| {
            let mut bytes = Vec::new();
            write_mid(doubled, scale, &mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), expect);
        };
        check(Some(20_001), 2, "\"100.005\"");
        check(Some(20_000), 2, "\"100\"");
        check(Some(i64::MAX), 18, "\"4.6116860184273879035\"");
        check(None, 2, "null");
    }
}
