//! Stage 3 as published on `hifa_stage3_risk`. Contract: docs/contracts/risk.md.
//!
//! There are a few records a second of each market, so they are plain values that serde writes in the order of their fields:
//! numbers in their shortest exact form, amounts as exact decimal text, nothing on the heap.

use std::fmt;

use serde::ser::{SerializeSeq as _, SerializeStruct as _};
use serde::{Serialize, Serializer};

use super::json::{serialize_decimal, write_json};
use crate::ContentHash;

/// A finite number, or the name of the reason why there is none: `{"value":…,"reason":…}`, one of them null.
#[derive(Debug, Clone, Copy)]
pub struct ValueView(pub Result<f64, &'static str>);

impl Serialize for ValueView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ValueView", 2)?;
        fields.serialize_field("value", &self.0.ok())?;
        fields.serialize_field("reason", &self.0.err())?;
        fields.end()
    }
}

/// An amount as exact decimal text: `units * 10^-scale`.
#[derive(Debug, Clone, Copy)]
pub struct ExactView {
    /// The integer.
    pub units: i64,
    /// Its decimal places.
    pub scale: u8,
}

impl Serialize for ExactView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_decimal(self.units.into(), self.scale, serializer)
    }
}

/// What makes a record one of its own: `market:risk:recv_ts:number`.
#[derive(Debug, Clone, Copy)]
pub struct RiskId<'a> {
    /// The market.
    pub market: &'a str,
    /// The record's time, ns.
    pub recv_ts: i64,
    /// How many records of the same time were before it.
    pub number: u32,
}

impl fmt::Display for RiskId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:risk:{}:{}", self.market, self.recv_ts, self.number)
    }
}

impl Serialize for RiskId<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One record.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RiskView<'a> {
    /// Its identity, the same in every replay.
    pub id: RiskId<'a>,
    /// `bar` or `candidate`.
    pub kind: &'static str,
    /// The market.
    pub market: &'a str,
    /// The market's time, ns: that of the event, or the end of the second.
    pub recv_ts: i64,
    /// The identity of the event that triggered it; `None` for a bar.
    pub trigger: Option<&'a str>,
    /// The model in use.
    pub model: RiskModelView<'a>,
    /// The fees in force.
    pub fees: FeesView<'a>,
    /// What is held.
    pub position: PositionView,
    /// What stage 2 expects; `None` while it expects nothing.
    pub candidate: Option<RiskCandidateView>,
    /// How the quantity came about.
    pub sizing: SizingView,
    /// What the judged quantity costs.
    pub cost: CostView<'a>,
    /// What it is worth.
    pub edge: EdgeView,
    /// How much of what is wanted may be done.
    pub gate: GateView<'a>,
    /// What could be lost.
    pub tail: TailView,
    /// What the book bears.
    pub liquidity: LiquidityView,
    /// What trades at the instrument paid.
    pub spread: [SpreadView; 2],
    /// The kill switches.
    pub kill: KillView,
    /// What each instrument may be used for; those that are there.
    #[serde(serialize_with = "those_there")]
    pub venues: &'a [Option<VenueView<'a>>],
}

/// The model in use.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RiskModelView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its hash.
    pub hash: ContentHash,
    /// Whether it has shown that it can forecast.
    pub proven: bool,
}

/// The fees in force.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct FeesView<'a> {
    /// When the figures were read.
    pub as_of: &'a str,
    /// A taker's at the judged instrument, a share.
    pub taker: ValueView,
}

/// What is held.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PositionView {
    /// `told` or `assumed_flat`.
    pub source: &'static str,
    /// Signed, over all of the market.
    pub qty: ExactView,
    /// Average entry price.
    pub entry: ValueView,
    /// Equity: told, or configured.
    pub equity: ExactView,
    /// `told` or `configured`.
    pub equity_source: &'static str,
    /// Equity with what this market has earned since.
    pub equity_marked: ExactView,
}

/// What stage 2 expects.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RiskCandidateView {
    /// `up` or `down`.
    pub direction: &'static str,
    /// Its probability is large enough to be acted upon.
    pub active: bool,
    /// Probability of an upward move.
    pub p_up: f64,
    /// The lower bound of the direction's probability that sizing believes.
    pub p_lower: ValueView,
}

/// How the quantity came about.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SizingView {
    /// Kelly's whole fraction, as notional over equity.
    pub kelly_full: ValueView,
    /// What is used of it.
    pub kelly_used: ValueView,
    /// The probability at which the bet is worth nothing.
    pub breakeven: ValueView,
    /// Expected shortfall of one base unit, quote units.
    pub shortfall_per_unit: ValueView,
    /// The most that may be held, base units.
    pub inventory_limit: ValueView,
    /// What limits it.
    pub inventory_bound: Option<&'static str>,
    /// What bounds the quantity wanted.
    pub bound: &'static str,
    /// The quantity that costs and gate are of.
    pub judged_qty: ExactView,
    /// It is the probe: nothing is wanted.
    pub probe: bool,
    /// What may be traded.
    pub qty: ExactView,
}

/// What the judged quantity costs there and back, basis points of the mid.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CostView<'a> {
    /// The instrument, `venue:symbol`.
    pub instrument: Option<&'a str>,
    /// Both half-spreads.
    pub spread_bps: ValueView,
    /// Walking the books beyond them.
    pub slippage_bps: ValueView,
    /// Both fees.
    pub fee_bps: ValueView,
    /// What the price runs away while orders are on their way.
    pub latency_bps: ValueView,
    /// All of it.
    pub total_bps: ValueView,
    /// The entry alone, half-spread included, before fees.
    pub entry_bps: ValueView,
    /// What the square-root law says of the quantity.
    pub sqrt_law_bps: ValueView,
}

/// What the trade is worth, basis points.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct EdgeView {
    /// What a right trade gains net of costs.
    pub net_gain_bps: ValueView,
    /// The expected net edge.
    pub edge_bps: ValueView,
}

/// The gate.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GateView<'a> {
    /// 0, nothing, to 1, all of what is wanted.
    pub value: f64,
    /// The smallest part.
    pub binding: &'static str,
    /// Why it is shut.
    pub blocks: &'a [&'static str],
    /// Its parts, 0 to 1 each.
    pub parts: GatePartsView,
}

/// The parts of the gate.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GatePartsView {
    /// Expected shortfall.
    pub es_headroom: ValueView,
    /// Depth and resilience.
    pub liquidity: ValueView,
    /// Health of the venue.
    pub health: ValueView,
    /// Quality of the data.
    pub quality: ValueView,
    /// Slippage.
    pub slippage: ValueView,
}

/// What could be lost of one unit of notional over the horizon, basis points.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TailView {
    /// Of value at risk and expected shortfall.
    pub confidence: f64,
    /// Degrees of freedom of Student's t.
    pub degrees: f64,
    /// Volatility, log return per square root of a second.
    pub sigma: ValueView,
    /// How long, s.
    pub horizon_secs: ValueView,
    /// Of normal returns.
    pub normal: TailOfView,
    /// Of Student's t, which limits rest upon.
    pub student: TailOfView,
}

/// One tail, basis points.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TailOfView {
    /// Value at risk.
    pub var_bps: ValueView,
    /// Expected shortfall.
    pub es_bps: ValueView,
}

/// What the book of the judged instrument bears.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LiquidityView {
    /// The judged quantity over the depth within 10 bps.
    pub participation: ValueView,
    /// Half-life of its recovery, s.
    pub resilience_secs: ValueView,
    /// How unusual its spread is, standard deviations.
    pub spread_z: ValueView,
}

/// What trades of the judged instrument paid, basis points of the mid before them.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SpreadView {
    /// After how long the mid was looked at again, s.
    pub horizon_secs: u32,
    /// What aggressors paid.
    pub effective_bps: ValueView,
    /// What whoever rested there kept.
    pub realised_bps: ValueView,
    /// How far the mid went with the aggressors.
    pub impact_bps: ValueView,
}

/// The kill switches.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct KillView {
    /// Loss since the day began, as a share of the equity then; negative for a gain.
    pub daily_loss_share: f64,
    /// Loss since the highest equity, as a share of it.
    pub drawdown_share: f64,
    /// Whatever is held must be left.
    pub must_leave: bool,
}

/// What one instrument may be used for.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct VenueView<'a> {
    /// The instrument, `venue:symbol`.
    pub instrument: &'a str,
    /// The share of a wanted quantity that it may take, 0 to 1.
    pub share: f64,
    /// Its health.
    pub health: HealthView,
    /// Factor of its quote currency's peg.
    pub peg: f64,
    /// Data quality, 0 to 100.
    pub quality: ValueView,
    /// Median of receive time less the venue's own time, s.
    pub latency_secs: ValueView,
    /// Age of its newest book or quote, s.
    pub age_secs: ValueView,
}

/// Health of a venue as its own feed shows it: components 0 to 1 each.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct HealthView {
    /// 0 to 100.
    pub score: f64,
    /// Age of the newest message.
    pub staleness: f64,
    /// Books lost.
    pub gaps: f64,
    /// Latency.
    pub latency: f64,
    /// Crossed books.
    pub crossed: f64,
    /// Rejected orders; not known from here, so 1.
    pub rejects: f64,
    /// Connections lost.
    pub reconnects: f64,
}

fn those_there<S: Serializer>(venues: &[Option<VenueView<'_>>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(None)?;
    for venue in venues.iter().flatten() {
        list.serialize_element(venue)?;
    }
    list.end()
}

/// Appends one record.
///
/// # Panics
/// Never: numbers and text are JSON, and memory takes every byte.
pub fn write_risk(view: &RiskView<'_>, bytes: &mut Vec<u8>) {
    write_json(view, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &impl Serialize, expect: &str) {
        assert_eq!(serde_json::to_string(value).unwrap(), expect);
    }

    #[test]
    fn a_number_is_there_or_its_reason_is() {
        check(&ValueView(Ok(0.1 + 0.2)), r#"{"value":0.30000000000000004,"reason":null}"#);
        check(&ValueView(Err("cold")), r#"{"value":null,"reason":"cold"}"#);
    }

    #[test]
    fn amounts_are_exact_and_identities_are_escaped() {
        check(&ExactView { units: -1_050, scale: 3 }, r#""-1.05""#);
        let id = RiskId { market: "\"odd\"/USD*", recv_ts: -5, number: 2 };
        check(&id, r#""\"odd\"/USD*:risk:-5:2""#);
    }
}
