//! Stage 4 as published on `trading_signals_final`. Contract: docs/contracts/decisions.md.
//!
//! One object is one decision with everything that led to it. Decisions are rare, so the views are plain structures whose
//! fields are written in the order of their declaration; the record is then sealed by [`AuditChain`](crate::audit::AuditChain).

use opus2_types::Level;
use serde::ser::{SerializeMap, SerializeTuple};
use serde::{Serialize, Serializer};

use super::json::{serialize_decimal, write_json};
use crate::ContentHash;

/// Levels of each side that a record shows.
pub const SHOWN_LEVELS: usize = 5;

/// One decision.
#[derive(Debug, Clone, Serialize)]
pub struct DecisionView<'a> {
    /// The record's identity, the same in every replay: `<market>:decision:<number>`.
    pub id: &'a str,
    /// The market.
    pub market: &'a str,
    /// `enter`, `exit`, `hold` or `reject`.
    pub action: &'static str,
    /// `up` or `down`.
    pub direction: &'static str,
    /// Why.
    pub reasons: &'a [&'static str],
    /// The identity of the entry that is held or left.
    pub entry_id: Option<&'a str>,
    /// The receive time of the triggering event; the end of the second without one.
    pub recv_ts: i64,
    /// The identity of the triggering event.
    pub event_id: Option<&'a str>,
    /// Its kind; `second` without one.
    pub trigger: &'static str,
    /// The SHA-256 of the operators' configuration text.
    pub config_hash: ContentHash,
    /// The model.
    pub model: ModelView<'a>,
    /// When the fees were read.
    pub fees_as_of: &'a str,
    /// The data that led here.
    pub data: DataView,
    /// What the model says; `None` without a candidate.
    pub forecast: Option<ForecastView<'a>>,
    /// The model's features.
    pub features: Features<'a>,
    /// The circumstances.
    pub context: ContextView,
    /// The rule.
    pub decision: RuleView,
    /// The risk gate.
    pub gate: GateView<'a>,
    /// The quantity.
    pub size: SizeView,
    /// What a round trip is expected to cost.
    pub round_trip_bps: RoundTripView,
    /// How it is traded.
    pub plan: Option<PlanView<'a>>,
    /// The venues and the books that were seen.
    pub venues: &'a [VenueView<'a>],
}

/// A number, or the name of the reason why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeasureView {
    /// The number, which is finite.
    pub value: Option<Number>,
    /// Why there is none.
    pub reason: Option<&'static str>,
}

impl MeasureView {
    /// Of a number or a reason; a number that is not finite is `bad_number`.
    #[must_use]
    pub const fn new(value: Result<f64, &'static str>) -> Self {
        match value {
            Ok(value) if value.is_finite() => Self { value: Some(Number(value)), reason: None },
            Ok(_) => Self { value: None, reason: Some("bad_number") },
            Err(reason) => Self { value: None, reason: Some(reason) },
        }
    }
}

/// A float that is written in its shortest exact form; never as minus zero, and `null` when it is not finite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 + 0.0)
    }
}

/// An exact amount, written as decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    /// In units of `10^-scale`.
    pub units: i64,
    /// Decimal places.
    pub scale: u8,
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_decimal(self.units.into(), self.scale, serializer)
    }
}

/// Which model.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ModelView<'a> {
    /// Its name.
    pub name: &'a str,
    /// The SHA-256 that names it.
    pub hash: ContentHash,
    /// Whether it may trade.
    pub proven: bool,
    /// How far ahead it looks, ms.
    pub horizon_ms: u32,
    /// The logit without features.
    pub bias: Number,
}

/// Which data.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DataView {
    /// Events of the market so far.
    pub events: u64,
    /// Running FNV-1a of their identities, 64 bits.
    #[serde(serialize_with = "hexadecimal")]
    pub hash: u64,
}

/// What the model says.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ForecastView<'a> {
    /// The instrument whose mid is predicted.
    pub instrument: &'a str,
    /// Its mid, quote units.
    pub mid: Number,
    /// Half its spread.
    pub half_spread_bps: Number,
    /// The logit before the context multiplier.
    pub logit: Number,
    /// The context multiplier.
    pub multiplier: Number,
    /// Probability of an upward move before calibration.
    pub p_raw: Number,
    /// The same, calibrated.
    pub p_up: Number,
    /// `2 p_up - 1`.
    pub score: Number,
    /// The share of the model's features that were missing.
    pub missing_share: Number,
}

/// The features in the model's order: an object by name.
#[derive(Debug, Clone, Copy)]
pub struct Features<'a>(pub &'a [FeatureRow<'a>]);

/// One feature of the model.
#[derive(Debug, Clone, Copy)]
pub struct FeatureRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it was and what it did.
    pub view: FeatureValue,
}

/// What a feature was and what it did.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FeatureValue {
    /// Its value, before standardising; `None` when missing.
    pub value: Option<Number>,
    /// Why it is missing.
    pub reason: Option<&'static str>,
    /// It had no value that could be used, and the training mean stood in.
    pub missing: bool,
    /// Standard deviations from the training mean.
    pub x: Number,
    /// What it added to the logit.
    pub contribution: Number,
}

impl Serialize for Features<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for row in self.0 {
            map.serialize_entry(row.name, &row.view)?;
        }
        map.end()
    }
}

/// The circumstances of the market.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ContextView {
    /// VPIN's percentile of its own history.
    pub toxicity: MeasureView,
    /// Whether the last quarter of an hour had a jump.
    pub has_jump: bool,
    /// Per square root of a second, the fast one.
    pub volatility: MeasureView,
    /// The slow one.
    pub volatility_slow: MeasureView,
    /// Kyle's lambda.
    pub lambda: MeasureView,
    /// Base units per second.
    pub volume_rate: MeasureView,
    /// Return per million quote units.
    pub illiquidity: MeasureView,
}

/// The rule, of the direction that was judged.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RuleView {
    /// What is held from now on: `flat`, `long` or `short`.
    pub position: &'static str,
    /// Since when, ns.
    pub held_since: Option<i64>,
    /// Its probability.
    pub p: MeasureView,
    /// The lower bound that sizing believes.
    pub p_lower: MeasureView,
    /// The break-even probability.
    pub break_even: MeasureView,
    /// The entry threshold.
    pub p_in: MeasureView,
    /// The exit threshold.
    pub p_out: Number,
    /// Expected net edge.
    pub edge_bps: MeasureView,
    /// What a right trade gains net of costs.
    pub net_gain_bps: MeasureView,
    /// Entries and exits an hour.
    pub flips_per_hour: MeasureView,
}

/// The risk gate.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GateView<'a> {
    /// From 0, nothing, to 1, all.
    pub value: Number,
    /// The smallest part.
    pub binding: &'static str,
    /// The hard blocks.
    pub blocks: &'a [&'static str],
    /// The parts.
    pub parts: GatePartsView,
}

/// The parts of the risk gate.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GatePartsView {
    /// Expected shortfall.
    pub es_headroom: MeasureView,
    /// Depth and resilience.
    pub liquidity: MeasureView,
    /// Health of the venue.
    pub health: MeasureView,
    /// Quality of the data.
    pub quality: MeasureView,
    /// Slippage.
    pub slippage: MeasureView,
}

/// The quantity and what it rests on.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SizeView {
    /// What is entered, held, left, or would have been allowed.
    pub qty: Decimal,
    /// What is held in all of the market, signed, as stage 3 knows it.
    pub held_qty: Decimal,
    /// Where that came from.
    pub position_source: &'static str,
    /// Equity of the account, quote units.
    pub equity: Decimal,
    /// Kelly's fraction as used.
    pub kelly: MeasureView,
    /// Expected shortfall of one base unit, quote units.
    pub shortfall_per_unit: MeasureView,
    /// The quantity over the depth within 10 bps.
    pub participation: MeasureView,
    /// Half-life of the book's recovery, s.
    pub resilience_secs: MeasureView,
}

/// Costs in basis points of the mid, positive when bad.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CostView {
    /// From the mid to the best prices.
    pub spread: Number,
    /// From the best prices to the average.
    pub slippage: Number,
    /// What the venues take.
    pub fee: Number,
    /// What moves against the orders on their way.
    pub latency: Number,
    /// All of it.
    pub total: Number,
}

/// The expected cost of a round trip, or why it is not known.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RoundTripView {
    /// The cost.
    pub value: Option<CostView>,
    /// Why there is none.
    pub reason: Option<&'static str>,
}

/// How it is traded.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PlanView<'a> {
    /// `buy` or `sell`.
    pub side: &'static str,
    /// What is traded in all.
    pub qty: Decimal,
    /// What is below a lot and not traded.
    pub left_out: Decimal,
    /// `now`, `maker_taker`, `almgren_chriss` or `twap`.
    pub style: &'static str,
    /// Why that.
    pub reason: &'static str,
    /// The price that costs are measured against, quote units.
    pub mid: Number,
    /// What it is expected to cost.
    pub expected_bps: CostView,
    /// What walking the books would cost before fees; `None` when they do not hold it.
    pub walk_bps: Option<Number>,
    /// What a schedule would cost before fees; `None` when that is not known.
    pub schedule_bps: Option<Number>,
    /// What is taken first, by venue; venues that take nothing are left out.
    pub route: &'a [RouteView<'a>],
    /// What a unit costs (a sale brings) with fees, quote units.
    pub average_all_in: Option<Number>,
    /// What one unit more would cost at least, with fees and latency risk.
    pub marginal_price: Option<Number>,
    /// The best venue that could do the first part alone.
    pub best_single: Option<SingleView<'a>>,
    /// What the split is expected to save against it.
    pub saving_bps: Option<Number>,
    /// The slices by time.
    pub slices: &'a [SliceView],
    /// The part that waits.
    pub resting: Option<RestingView<'a>>,
    /// When nothing of it is valid any more, ns.
    pub expiry_ts: i64,
}

/// What is taken at one venue.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RouteView<'a> {
    /// Where.
    pub instrument: &'a str,
    /// How much.
    pub qty: Decimal,
    /// The worst price allowed.
    pub limit_price: Option<Decimal>,
    /// The worst price planned.
    pub worst_price: Option<Decimal>,
    /// What a unit costs (a sale brings) with fees, quote units.
    pub average_all_in: Option<Number>,
}

/// One venue alone.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SingleView<'a> {
    /// Which.
    pub instrument: &'a str,
    /// What a unit would cost (a sale bring) with fees, quote units.
    pub average_all_in: Option<Number>,
}

/// One slice of a schedule.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SliceView {
    /// When it is due, ns after the decision.
    pub after_ns: u64,
    /// How much.
    pub qty: Decimal,
}

/// An order that waits.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RestingView<'a> {
    /// Where.
    pub instrument: &'a str,
    /// At which price.
    pub price: Decimal,
    /// How much.
    pub qty: Decimal,
}

/// One venue as it was seen.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct VenueView<'a> {
    /// The instrument.
    pub instrument: &'a str,
    /// The venue's time of its newest event that had one, ns.
    pub exch_ts: Option<i64>,
    /// The receive time of its newest event, ns.
    pub recv_ts: i64,
    /// Whether there was a live book that may be believed.
    pub usable: bool,
    /// The share of an entry that it may take; `None` when it was not judged.
    pub share: Option<Number>,
    /// Its health.
    pub health: Option<Number>,
    /// The quality of its data.
    pub quality: MeasureView,
    /// Receive time less the venue's time.
    pub latency_secs: MeasureView,
    /// The best bids.
    pub bids: LevelsView<'a>,
    /// The best asks.
    pub asks: LevelsView<'a>,
}

/// The best levels of a side as pairs of price and quantity, [`SHOWN_LEVELS`] at most.
#[derive(Debug, Clone, Copy)]
pub struct LevelsView<'a> {
    /// Best first.
    pub levels: &'a [Level],
    /// Decimal places of prices.
    pub price_scale: u8,
    /// Decimal places of quantities.
    pub qty_scale: u8,
}

impl Serialize for LevelsView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.levels.iter().take(SHOWN_LEVELS).map(|level| {
            Pair(
                Decimal { units: level.price.0, scale: self.price_scale },
                Decimal { units: level.qty.0, scale: self.qty_scale },
            )
        }))
    }
}

struct Pair(Decimal, Decimal);

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.0)?;
        pair.serialize_element(&self.1)?;
        pair.end()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn hexadecimal<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:016x}"))
}

/// Appends one decision; it is not sealed.
///
/// # Panics
/// Never: numbers and text are JSON, and memory takes every byte.
pub fn write_decision(view: &DecisionView<'_>, bytes: &mut Vec<u8>) {
    write_json(view, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: Serialize>(value: T, expect: &str) {
        assert_eq!(serde_json::to_string(&value).unwrap(), expect);
    }

    #[test]
    fn what_is_not_a_number_has_a_reason() {
        check(MeasureView::new(Ok(0.1)), r#"{"value":0.1,"reason":null}"#);
        check(MeasureView::new(Ok(-0.0)), r#"{"value":0.0,"reason":null}"#);
        check(MeasureView::new(Ok(f64::NAN)), r#"{"value":null,"reason":"bad_number"}"#);
        check(MeasureView::new(Err("cold")), r#"{"value":null,"reason":"cold"}"#);
        check(Number(f64::INFINITY), "null");
    }

    #[test]
    fn amounts_are_exact_text() {
        let level = [Level::new(6_000_001, 120_000); 9];
        let levels = LevelsView { levels: &level[..1], price_scale: 2, qty_scale: 5 };
        check(levels, r#"[["60000.01","1.2"]]"#);
        let all = serde_json::to_value(LevelsView { levels: &level, ..levels }).unwrap();
        assert_eq!(all.as_array().map(Vec::len), Some(SHOWN_LEVELS));
        check(Decimal { units: i64::MIN, scale: 18 }, r#""-9.223372036854775808""#);
        check(DataView { events: 3, hash: 0xab }, r#"{"events":3,"hash":"00000000000000ab"}"#);
    }
}
