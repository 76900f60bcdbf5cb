//! A decision's record as it is read again. Contract: docs/contracts/decisions.md.
//!
//! Only what is shown is read; what is not there any more or not yet does not matter.

use std::collections::BTreeMap;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are the record's own")]
pub(super) struct Decision {
    pub(super) id: String,
    pub(super) action: String,
    pub(super) direction: String,
    pub(super) reasons: Vec<String>,
    pub(super) entry_id: Option<String>,
    pub(super) recv_ts: i64,
    pub(super) event_id: Option<String>,
    pub(super) trigger: String,
    pub(super) config_hash: String,
    pub(super) model: Model,
    pub(super) fees_as_of: String,
    pub(super) data: Data,
    pub(super) forecast: Option<Forecast>,
    pub(super) features: BTreeMap<String, Feature>,
    pub(super) decision: Rule,
    pub(super) gate: Gate,
    pub(super) size: Size,
    pub(super) round_trip_bps: RoundTrip,
    pub(super) plan: Option<Plan>,
    pub(super) venues: Vec<Venue>,
    pub(super) prev: String,
    pub(super) hash: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Measure {
    pub(super) value: Option<f64>,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) hash: String,
    pub(super) proven: bool,
    pub(super) horizon_ms: u32,
    pub(super) bias: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Data {
    pub(super) events: u64,
    pub(super) hash: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Forecast {
    pub(super) instrument: String,
    pub(super) mid: f64,
    pub(super) logit: f64,
    pub(super) multiplier: f64,
    pub(super) p_raw: f64,
    pub(super) p_up: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Feature {
    pub(super) value: Option<f64>,
    pub(super) reason: Option<String>,
    pub(super) missing: bool,
    pub(super) x: f64,
    pub(super) contribution: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    pub(super) position: String,
    pub(super) p: Measure,
    pub(super) p_lower: Measure,
    pub(super) break_even: Measure,
    pub(super) p_in: Measure,
    pub(super) p_out: f64,
    pub(super) edge_bps: Measure,
}

#[derive(Debug, Deserialize)]
pub(super) struct Gate {
    pub(super) value: f64,
    pub(super) binding: String,
    pub(super) blocks: Vec<String>,
    pub(super) parts: Parts,
}

#[derive(Debug, Deserialize)]
pub(super) struct Parts {
    pub(super) es_headroom: Measure,
    pub(super) liquidity: Measure,
    pub(super) health: Measure,
    pub(super) quality: Measure,
    pub(super) slippage: Measure,
}

#[derive(Debug, Deserialize)]
pub(super) struct Size {
    pub(super) qty: String,
    pub(super) held_qty: String,
    pub(super) position_source: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Cost {
    pub(super) spread: f64,
    pub(super) slippage: f64,
    pub(super) fee: f64,
    pub(super) latency: f64,
    pub(super) total: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoundTrip {
    pub(super) value: Option<Cost>,
    pub(super) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    pub(super) side: String,
    pub(super) qty: String,
    pub(super) left_out: String,
    pub(super) style: String,
    pub(super) reason: String,
    pub(super) expected_bps: Cost,
    pub(super) walk_bps: Option<f64>,
    pub(super) schedule_bps: Option<f64>,
    pub(super) route: Vec<Taken>,
    pub(super) average_all_in: Option<f64>,
    pub(super) marginal_price: Option<f64>,
    pub(super) best_single: Option<Single>,
    pub(super) saving_bps: Option<f64>,
    pub(super) slices: Vec<Slice>,
    pub(super) resting: Option<Resting>,
    pub(super) expiry_ts: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) instrument: String,
    pub(super) qty: String,
    pub(super) limit_price: Option<String>,
    pub(super) worst_price: Option<String>,
    pub(super) average_all_in: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Single {
    pub(super) instrument: String,
    pub(super) average_all_in: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Slice {
    pub(super) after_ns: u64,
    pub(super) qty: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resting {
    pub(super) instrument: String,
    pub(super) price: String,
    pub(super) qty: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Venue {
    pub(super) instrument: String,
    pub(super) exch_ts: Option<i64>,
    pub(super) recv_ts: i64,
    pub(super) usable: bool,
    pub(super) share: Option<f64>,
    pub(super) health: Option<f64>,
    pub(super) quality: Measure,
    pub(super) bids: Vec<(String, String)>,
    pub(super) asks: Vec<(String, String)>,
}
