//! The entries of a signal record's `detections`. Contract: docs/contracts/signals.md.
//!
//! A feature beyond its threshold has the same five fields whatever the feature; an episode has what is known of its kind.

use opus2_types::{Aggressor, OrderId, Price, Qty, Side};
use serde::Serialize;

use super::signal::{put, write_decimal, write_name};

/// A feature beyond its threshold.
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

/// A level has become a wall.
#[derive(Debug, Clone, Copy)]
pub struct WallView {
    /// Its side of the book.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// What it shows.
    pub qty: Qty,
    /// How unusual that is.
    pub z: f64,
    /// Its distance from the mid, basis points.
    pub dist_bps: f64,
    /// Its share of its side's depth.
    pub depth_share: f64,
    /// The share is an upper bound.
    pub is_truncated: bool,
    /// Since when it has been there, ns.
    pub since: i64,
}

/// A wall has ended. Quantities in units of the scale; a ratio of nothing is `None`.
#[derive(Debug, Clone, Copy)]
pub struct WallEndView {
    /// Its side of the book.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// Why it has ended.
    pub end: &'static str,
    /// The most it has shown.
    pub peak: Qty,
    /// Traded at its price.
    pub executed: i128,
    /// Gone without a trade.
    pub cancelled: i128,
    /// Put back.
    pub refilled: i128,
    /// Cancelled over all that went.
    pub pull_ratio: Option<f64>,
    /// Put back over executed.
    pub refill_ratio: Option<f64>,
    /// Cancelled while the mid was near, over cancelled.
    pub near_fraction: Option<f64>,
    /// The likeness.
    pub spoof_likeness: f64,
    /// Since when it had been there, ns.
    pub since: i64,
    /// For how long, s.
    pub life_secs: f64,
}

/// Levels were laid on one side and taken away while the other side traded.
#[derive(Debug, Clone, Copy)]
pub struct LayeringView {
    /// The side they were laid on.
    pub side: Side,
    /// When the first of them appeared, ns.
    pub since: i64,
    /// When enough of them was cancelled, ns.
    pub until: i64,
    /// How many there were.
    pub levels: u32,
    /// The mean of their pull ratios.
    pub pull_ratio: f64,
    /// The share of volume that went into the other side.
    pub opposite_share: f64,
    /// Both together.
    pub score: f64,
}

/// A run of trades through several prices.
#[derive(Debug, Clone, Copy)]
pub struct SweepView {
    /// Who took.
    pub aggressor: Aggressor,
    /// Time of its first trade, ns.
    pub since: i64,
    /// Time of its last trade, ns.
    pub until: i64,
    /// Distinct prices.
    pub levels: u32,
    /// Traded, in units of the scale.
    pub volume: i128,
    /// Its first price.
    pub first: Price,
    /// Its last price.
    pub last: Price,
    /// Volume-weighted average price, quote units.
    pub vwap: Option<f64>,
    /// Volume over what was shown up to its last price; `None` when that was nothing, or not known.
    pub depth_ratio: Option<f64>,
    /// The ratio is an upper bound.
    pub is_truncated: bool,
}

/// A level is refilled as an iceberg would be.
#[derive(Debug, Clone, Copy)]
pub struct RefillView {
    /// Its side of the book.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// How often.
    pub refills: u32,
    /// What was refilled, in units of the scale.
    pub refilled: i128,
    /// What was traded, in units of the scale.
    pub traded: i128,
    /// Coefficient of variation of the refills.
    pub peak_cv: f64,
    /// Refilled over traded.
    pub refill_share: f64,
}

/// An order holds, or held, more than it shows.
#[derive(Debug, Clone, Copy)]
pub struct IcebergView {
    /// The order, named by a UUID.
    pub order: OrderId,
    /// Its side of the book.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// How often it showed again, or executed more than it showed.
    pub refills: u32,
    /// The most it showed at once, in units of the scale.
    pub peak: i64,
    /// What it has executed, in units of the scale.
    pub executed: i64,
}

/// One entry of `detections`.
#[derive(Debug, Clone, Copy)]
pub enum FindingView {
    /// `micro_move`, `cusum`, `burst`.
    Threshold(DetectionView),
    /// `wall_appeared`.
    Wall(WallView),
    /// `wall_ended`.
    WallEnd(WallEndView),
    /// `layering`.
    Layering(LayeringView),
    /// `sweep`.
    Sweep(SweepView),
    /// `refill`.
    Refill(RefillView),
    /// `iceberg`.
    Iceberg(IcebergView),
}

/// The `feed` of an iceberg that was seen among orders: exact.
pub const ICEBERG_ORDERS: &str = "orders";
/// The `feed` of an iceberg that was seen on levels: an upper bound.
pub const ICEBERG_LEVELS: &str = "levels";

/// Decimal places of prices and quantities.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scales {
    pub(super) price: u8,
    pub(super) qty: u8,
}

/// One object under way.
struct Fields<'a> {
    scales: Scales,
    bytes: &'a mut Vec<u8>,
}

pub(super) fn write_finding(finding: &FindingView, scales: Scales, bytes: &mut Vec<u8>) {
    match finding {
        FindingView::Threshold(view) => put(view, bytes),
        FindingView::Wall(view) => {
            let mut fields = Fields::begin("wall_appeared", Some(view.side), None, scales, bytes);
            fields.price("price", view.price);
            fields.qty("qty", view.qty.0.into());
            fields.number("z", view.z);
            fields.number("dist_bps", view.dist_bps);
            fields.number("depth_share", view.depth_share);
            fields.number("truncated", view.is_truncated);
            fields.number("since", view.since);
            fields.end();
        }
        FindingView::WallEnd(view) => write_wall_end(view, scales, bytes),
        FindingView::Layering(view) => {
            let mut fields = Fields::begin("layering", Some(view.side), None, scales, bytes);
            fields.number("levels", view.levels);
            fields.number("pull_ratio", view.pull_ratio);
            fields.number("opposite_share", view.opposite_share);
            fields.number("score", view.score);
            fields.number("since", view.since);
            fields.number("until", view.until);
            fields.end();
        }
        FindingView::Sweep(view) => {
            let mut fields = Fields::begin("sweep", None, Some(view.aggressor), scales, bytes);
            fields.number("levels", view.levels);
            fields.price("first", view.first);
            fields.price("last", view.last);
            fields.qty("volume", view.volume);
            fields.number("vwap", view.vwap);
            fields.number("depth_ratio", view.depth_ratio);
            fields.number("truncated", view.is_truncated);
            fields.number("since", view.since);
            fields.number("until", view.until);
            fields.end();
        }
        FindingView::Refill(view) => {
            let mut fields = Fields::begin("refill", Some(view.side), None, scales, bytes);
            fields.price("price", view.price);
            fields.number("refills", view.refills);
            fields.qty("refilled", view.refilled);
            fields.qty("traded", view.traded);
            fields.number("peak_cv", view.peak_cv);
            fields.number("refill_share", view.refill_share);
            fields.name("feed", ICEBERG_LEVELS);
            fields.end();
        }
        FindingView::Iceberg(view) => {
            let mut fields = Fields::begin("iceberg", Some(view.side), None, scales, bytes);
            fields.uuid("order", view.order);
            fields.price("price", view.price);
            fields.number("refills", view.refills);
            fields.qty("peak", view.peak.into());
            fields.qty("executed", view.executed.into());
            fields.name("feed", ICEBERG_ORDERS);
            fields.end();
        }
    }
}

fn write_wall_end(view: &WallEndView, scales: Scales, bytes: &mut Vec<u8>) {
    let mut fields = Fields::begin("wall_ended", Some(view.side), None, scales, bytes);
    fields.price("price", view.price);
    fields.name("end", view.end);
    fields.qty("peak", view.peak.0.into());
    fields.qty("executed", view.executed);
    fields.qty("cancelled", view.cancelled);
    fields.qty("refilled", view.refilled);
    fields.number("pull_ratio", view.pull_ratio);
    fields.number("refill_ratio", view.refill_ratio);
    fields.number("near_fraction", view.near_fraction);
    fields.number("spoof_likeness", view.spoof_likeness);
    fields.number("since", view.since);
    fields.number("life_secs", view.life_secs);
    fields.end();
}

impl<'a> Fields<'a> {
    /// The beginning, with the direction that goes with a side or an aggressor: bids and buyers are `up`.
    fn begin(
        detector: &'static str,
        side: Option<Side>,
        aggressor: Option<Aggressor>,
        scales: Scales,
        bytes: &'a mut Vec<u8>,
    ) -> Self {
        let is_up = side == Some(Side::Bid) || aggressor == Some(Aggressor::Buy);
        write_name("{\"detector\":", detector, bytes);
        write_name(",\"direction\":", if is_up { "up" } else { "down" }, bytes);
        if let Some(side) = side {
            write_name(",\"side\":", if side == Side::Bid { "bid" } else { "ask" }, bytes);
        }
        if let Some(aggressor) = aggressor {
            write_name(",\"aggressor\":", aggressor.as_str(), bytes);
        }
        Self { scales, bytes }
    }

    fn key(&mut self, key: &'static str) {
        self.bytes.extend_from_slice(b",\"");
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.extend_from_slice(b"\":");
    }

    fn number(&mut self, key: &'static str, value: impl Serialize) {
        self.key(key);
        put(&value, self.bytes);
    }

    fn name(&mut self, key: &'static str, name: &'static str) {
        self.key(key);
        put(name, self.bytes);
    }

    fn uuid(&mut self, key: &'static str, id: OrderId) {
        self.key(key);
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(&id.to_uuid());
        self.bytes.push(b'"');
    }

    fn price(&mut self, key: &'static str, price: Price) {
        self.key(key);
        write_decimal(price.0.into(), self.scales.price, self.bytes);
    }

    fn qty(&mut self, key: &'static str, qty: i128) {
        self.key(key);
        write_decimal(qty, self.scales.qty, self.bytes);
    }

    fn end(self) {
        self.bytes.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(finding: FindingView, expect: &str) {
        let mut bytes = Vec::new();
        write_finding(&finding, Scales { price: 2, qty: 3 }, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
        assert_eq!(text, expect);
    }

    #[test]
    fn walls_have_their_own_fields() {
        let (side, price) = (Side::Bid, Price(10_050));
        check(
            FindingView::Wall(WallView {
                side,
                price,
                qty: Qty(90_000),
                z: 5.5,
                dist_bps: 2.0,
                depth_share: 0.25,
                is_truncated: true,
                since: 7,
            }),
            r#"{"detector":"wall_appeared","direction":"up","side":"bid","price":"100.5","qty":"90","z":5.5,"dist_bps":2.0,"depth_share":0.25,"truncated":true,"since":7}"#,
        );
        check(
            FindingView::WallEnd(WallEndView {
                side: Side::Ask,
                price,
                end: "shrunk",
                peak: Qty(90_000),
                executed: 0,
                cancelled: 80_000,
                refilled: 1,
                pull_ratio: Some(1.0),
                refill_ratio: None,
                near_fraction: Some(0.5),
                spoof_likeness: 0.25,
                since: 7,
                life_secs: 4.5,
            }),
            r#"{"detector":"wall_ended","direction":"down","side":"ask","price":"100.5","end":"shrunk","peak":"90","executed":"0","cancelled":"80","refilled":"0.001","pull_ratio":1.0,"refill_ratio":null,"near_fraction":0.5,"spoof_likeness":0.25,"since":7,"life_secs":4.5}"#,
        );
    }

    #[test]
    fn other_episodes_have_theirs() {
        let (side, price) = (Side::Bid, Price(10_050));
        check(
            FindingView::Layering(LayeringView {
                side,
                since: 7,
                until: 9,
                levels: 4,
                pull_ratio: 1.0,
                opposite_share: 0.75,
                score: 0.75,
            }),
            r#"{"detector":"layering","direction":"up","side":"bid","levels":4,"pull_ratio":1.0,"opposite_share":0.75,"score":0.75,"since":7,"until":9}"#,
        );
        check(
            FindingView::Sweep(SweepView {
                aggressor: Aggressor::Sell,
                since: 7,
                until: 9,
                levels: 3,
                volume: 2_500,
                first: price,
                last: Price(10_000),
                vwap: Some(100.25),
                depth_ratio: None,
                is_truncated: false,
            }),
            r#"{"detector":"sweep","direction":"down","aggressor":"sell","levels":3,"first":"100.5","last":"100","volume":"2.5","vwap":100.25,"depth_ratio":null,"truncated":false,"since":7,"until":9}"#,
        );
        check(
            FindingView::Refill(RefillView {
                side,
                price,
                refills: 3,
                refilled: 15_000,
                traded: 20_000,
                peak_cv: 0.0,
                refill_share: 0.75,
            }),
            r#"{"detector":"refill","direction":"up","side":"bid","price":"100.5","refills":3,"refilled":"15","traded":"20","peak_cv":0.0,"refill_share":0.75,"feed":"levels"}"#,
        );
        check(
            FindingView::Iceberg(IcebergView {
                order: OrderId(0x60de_12d8_f80b_4848_adbc_2b17_375a_9216),
                side,
                price,
                refills: 3,
                peak: 10_000,
                executed: 32_500,
            }),
            r#"{"detector":"iceberg","direction":"up","side":"bid","order":"60de12d8-f80b-4848-adbc-2b17375a9216","price":"100.5","refills":3,"peak":"10","executed":"32.5","feed":"orders"}"#,
        );
    }
}
