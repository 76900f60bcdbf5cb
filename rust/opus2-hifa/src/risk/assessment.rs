//! What stage 3 tells stage 4.

use serde::{Deserialize, Serialize};

use super::gate::RiskGate;
use crate::context::InstrumentName;
use crate::{Absent, Direction, Measure};

/// The most instruments of a market among which an order may be split.
pub const ASSESSED_VENUES_MAX: usize = 8;

/// What one instrument of the market may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VenueAllowance {
    /// The instrument, `venue:symbol`.
    pub instrument: InstrumentName,
    /// The share of the wanted quantity that it may take, 0 to 1: its health, its quote currency's peg, its data's quality.
    pub share: f64,
    /// Health of the venue as its own feed shows it, 0 to 100.
    pub health: f64,
    /// Data quality, 0 to 100; why it is not known.
    pub quality: Measure,
    /// Median of receive time less the venue's own time, s; why it is not known.
    pub latency_secs: Measure,
}

/// Where a position came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionSource {
    /// Told on the topic `positions`.
    Told,
    /// Nobody has told any: flat is assumed.
    AssumedFlat,
}

impl PositionSource {
    /// The name used in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::AssumedFlat => "assumed_flat",
        }
    }
}

/// What a round trip is expected to cost, basis points of the mid, positive when bad.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct RoundTripCost {
    /// Both half-spreads.
    pub spread_bps: f64,
    /// What walking the books costs beyond them, both ways.
    pub slippage_bps: f64,
    /// Takers' fees, both ways.
    pub fee_bps: f64,
    /// What the price is expected to run away while orders are on their way, both ways.
    pub latency_bps: f64,
}

impl RoundTripCost {
    /// All of it.
    #[must_use]
    pub fn total_bps(&self) -> f64 {
        self.spread_bps + self.slippage_bps + self.fee_bps + self.latency_bps
    }
}

/// What may be done about a candidate, and at what cost.
///
/// There is one for every frame of stage 2. Quantities are in units of `10^-qty_scale` of the base asset, the finest scale
/// among the market's instruments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The direction that was judged: the candidate's; `None` without one.
    pub direction: Option<Direction>,
    /// How much of what is wanted may be done, and what binds.
    pub gate: RiskGate,
    /// Decimal places of the quantities here.
    pub qty_scale: u8,
    /// What may be traded towards `direction`: sized by Kelly, expected shortfall, inventory and gate; 0 for nothing.
    pub qty: i64,
    /// What is held in all of the market, signed.
    pub held_qty: i64,
    /// Where that came from.
    pub position_source: PositionSource,
    /// Equity of the account, millionths of the quote asset: told, or configured.
    pub equity_micros: i64,
    /// Cost of a round trip of what is wanted before the gate, or of the configured probe when nothing is, at the cheapest
    /// instrument that may be used; why it is not known.
    pub cost: Result<RoundTripCost, Absent>,
    /// What a right trade gains net of costs, basis points.
    pub net_gain_bps: Measure,
    /// Expected net edge, basis points.
    pub edge_bps: Measure,
    /// The lower bound of the probability of `direction` that sizing believes, 0 to 1.
    pub p_lower: Measure,
    /// Kelly's fraction as used, of equity.
    pub kelly: Measure,
    /// Expected shortfall of one base unit over the holding time, quote units.
    pub shortfall_per_unit: Measure,
    /// The quantity that `cost` is of over the depth within 10 bps.
    pub participation: Measure,
    /// Half-life of the book's recovery, s.
    pub resilience_secs: Measure,
    /// What the square-root law says of the quantity that `cost` is of over the model's horizon, without the half-spread, basis points.
    pub sqrt_law_bps: Measure,
    /// Whether whatever is held must be left: a kill switch, or no data.
    pub must_leave: bool,
    /// What each instrument may be used for, in the order of venue and symbol.
    pub venues: [Option<VenueAllowance>; ASSESSED_VENUES_MAX],
}
