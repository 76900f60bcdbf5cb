//! Stage 1 as published on `hifa_stage1_signals`. Contract: docs/contracts/signals.md.
//!
//! A record has some thirty features of four fields each, and is written at every quote. So what is constant of an
//! instrument ([`InstrumentText`]) and of the features ([`FeatureFormat`]) is made once, and only numbers are formatted
//! per record. Numbers and strings are `serde_json`'s, so floats have their shortest exact form, the same on every machine.

use opus2_types::{Level, QualityFlags, UnixNanos, Venue};
use serde::Serialize;

use super::detection::{FindingView, Scales, write_finding};

/// What is constant in the records of one instrument.
#[derive(Debug, Clone)]
pub struct InstrumentText {
    /// `"binance:BTCUSDT`, without the closing quote: how the `id` of a bar begins.
    id: Vec<u8>,
    /// `,"venue":…,"instrument":…,"market":…,"exch_ts":`.
    names: Vec<u8>,
}

impl InstrumentText {
    /// Of an instrument by venue, symbol and market.
    #[must_use]
    pub fn new(venue: Venue, symbol: &str, market: &str) -> Self {
        let (mut id, mut names) = (Vec::new(), Vec::new());
        put(&format!("{venue}:{symbol}"), &mut id);
        id.pop();
        let fields =
            [(",\"venue\":", venue.as_str()), (",\"instrument\":", symbol), (",\"market\":", market)];
        for (name, text) in fields {
            names.extend_from_slice(name.as_bytes());
            put(text, &mut names);
        }
        names.extend_from_slice(b",\"exch_ts\":");
        Self { id, names }
    }
}

/// What every published record begins with, after its identity.
#[derive(Debug, Clone, Copy)]
pub struct SignalHead<'a> {
    /// Which instrument.
    pub text: &'a InstrumentText,
    /// The venue's time of the triggering event; `None` for a bar.
    pub exch_ts: Option<UnixNanos>,
    /// The receive time of the triggering event; the end of a bar.
    pub recv_ts: UnixNanos,
    /// The book's state.
    pub state: &'static str,
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

/// One record of a fence that was closed or opened.
#[derive(Debug, Clone, Copy)]
pub struct FenceView<'a> {
    /// The head; its receive time is the end of the window that was judged.
    pub head: SignalHead<'a>,
    /// The identity of the score.
    pub event_id: &'a str,
    /// Whether the instrument is kept from signals from here on.
    pub is_fenced: bool,
    /// The data quality score, points.
    pub score: f64,
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
    /// Up to the first value.
    open: String,
    texts: Vec<FeatureText>,
}

/// What stands between the value of one feature and that of the next.
#[derive(Debug, Clone)]
struct FeatureText {
    /// After the value: `,"window_ms":1000`.
    window: String,
    /// From the end of this feature to the value of the next.
    next: String,
    /// `window`, no reason, and `next` in one piece, with a conflation of zero and without any: nearly every feature.
    whole: String,
    whole_event_level: String,
}

impl FeatureFormat {
    /// For features of these names and windows in milliseconds, in this order.
    pub fn new<'a>(features: impl IntoIterator<Item = (&'a str, Option<u32>)>) -> Self {
        let features: Vec<_> = features.into_iter().collect();
        let open = |name: &str| format!("\"{name}\":{{\"value\":");
        let texts = features.iter().enumerate().map(|(index, (_, window_ms))| {
            let window = window_ms.map_or_else(|| "null".to_owned(), |window| window.to_string());
            let window = format!(",\"window_ms\":{window}");
            let next = features
                .get(index + 1)
                .map_or_else(|| "}}".to_owned(), |(name, _)| format!("}},{}", open(name)));
            FeatureText {
                whole: format!("{window},\"reason\":null{next}"),
                whole_event_level: format!("{window},\"conflation_ms\":0,\"reason\":null{next}"),
                window,
                next,
            }
        });
        Self {
            open: features.first().map(|(name, _)| open(name)).unwrap_or_default(),
            texts: texts.collect(),
        }
    }

    /// Writes the object; `features` are as many as there are names.
    fn write(&self, features: impl Iterator<Item = FeatureView>, bytes: &mut Vec<u8>) {
        bytes.push(b'{');
        bytes.extend_from_slice(self.open.as_bytes());
        for (text, feature) in self.texts.iter().zip(features) {
            match feature.value {
                Ok(value) => put(&value, bytes),
                Err(_) => bytes.extend_from_slice(b"null"),
            }
            match (feature.value, feature.conflation_ms) {
                (Ok(_), None) => bytes.extend_from_slice(text.whole.as_bytes()),
                (Ok(_), Some(0)) => bytes.extend_from_slice(text.whole_event_level.as_bytes()),
                (value, conflation_ms) => {
                    bytes.extend_from_slice(text.window.as_bytes());
                    if let Some(conflation_ms) = conflation_ms {
                        bytes.extend_from_slice(b",\"conflation_ms\":");
                        put(&conflation_ms, bytes);
                    }
                    bytes.extend_from_slice(b",\"reason\":");
                    put(&value.err(), bytes);
                    bytes.extend_from_slice(text.next.as_bytes());
                }
            }
        }
        if self.texts.is_empty() {
            bytes.push(b'}');
        }
    }
}

/// Appends one signal record.
pub fn write_signal(
    view: &SignalView<'_>,
    format: &FeatureFormat,
    features: impl Iterator<Item = FeatureView>,
    detections: impl Iterator<Item = FindingView>,
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
    separated(view.flags.names(), bytes, put);
    bytes.extend_from_slice(b"],\"update\":");
    put(view.update, bytes);
    bytes.extend_from_slice(b",\"bbo\":");
    match &view.best {
        None => bytes.extend_from_slice(b"null"),
        Some(best) => {
            write_name("{\"source\":", best.source, bytes);
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
    let scales = Scales { price: head.price_scale, qty: head.qty_scale };
    separated(detections, bytes, |finding, bytes| write_finding(&finding, scales, bytes));
    bytes.extend_from_slice(b"]}");
}

/// Appends one fence record.
pub fn write_fence(view: &FenceView<'_>, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(b"{\"id\":");
    put(view.event_id, bytes);
    bytes.pop();
    bytes.extend_from_slice(b":s1\"");
    write_head(&view.head, "fence", bytes);
    bytes.extend_from_slice(b",\"fenced\":");
    put(&view.is_fenced, bytes);
    bytes.extend_from_slice(b",\"score\":");
    put(&view.score, bytes);
    bytes.push(b'}');
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
    bytes.extend_from_slice(&head.text.id);
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

fn write_head(head: &SignalHead<'_>, kind: &'static str, bytes: &mut Vec<u8>) {
    write_name(",\"kind\":", kind, bytes);
    bytes.extend_from_slice(&head.text.names);
    put(&head.exch_ts.map(|ts| ts.0), bytes);
    bytes.extend_from_slice(b",\"recv_ts\":");
    put(&head.recv_ts.0, bytes);
    write_name(",\"state\":", head.state, bytes);
}

/// One of our own names: nothing in it needs an escape.
pub(super) fn write_name(before: &'static str, name: &'static str, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(before.as_bytes());
    bytes.push(b'"');
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'"');
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

/// Exact decimal text in quotes, without trailing zeros, as [`Scaled`](opus2_types::Scaled) prints it: written into the
/// buffer, because a record has five of them.
pub(super) fn write_decimal(units: i128, scale: u8, bytes: &mut Vec<u8>) {
    let scale = usize::from(scale);
    bytes.push(b'"');
    if units < 0 {
        bytes.push(b'-');
    }
    let start = bytes.len();
    match u64::try_from(units.unsigned_abs()) {
        Ok(magnitude) => put(&magnitude, bytes),
        Err(_) => put(&units.unsigned_abs(), bytes),
    }
    let digits = bytes.len() - start;
    if digits <= scale {
        // 0.00…: zeros up to and including the one before the point.
        bytes.splice(start..start, std::iter::repeat_n(b'0', scale + 1 - digits));
    }
    let point = bytes.len() - scale;
    while bytes.len() > point && bytes.last() == Some(&b'0') {
        bytes.pop();
    }
    if bytes.len() > point {
        bytes.insert(point, b'.');
    }
    bytes.push(b'"');
}

fn separated<T>(items: impl Iterator<Item = T>, bytes: &mut Vec<u8>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write(item, bytes);
    }
}

pub(super) fn put<T: Serialize + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
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
    fn decimals_are_printed_as_everywhere() {
        for units in [0, 1, -1, 5, 10, 1_050, -99_999, i64::MAX, i64::MIN] {
            for scale in 0..=opus2_types::SCALE_MAX {
                check(units.into(), scale, &opus2_types::Scaled::new(units, scale).to_string());
            }
        }
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
