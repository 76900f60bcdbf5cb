//! What a direction must be worth before it pays.

use opus2_backtest::fit::judge::OutOfSample;
use opus2_backtest::statistics::proportion::{break_even, break_even_symmetric};
use opus2_hifa::execution::fees::{FeeSchedule, Role, round_trip_cost_bps};
use opus2_types::Venue;
use serde::Serialize;

/// The hit rate that breaks even, against a taker's costs at the tier in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct BreakEven {
    /// Whose fees.
    pub(super) venue: &'static str,
    /// Since when they are known.
    pub(super) as_of: String,
    /// The taker's fee of one way, basis points.
    pub(super) fee_bps: f64,
    /// In and out again: two fees, two half spreads, no slippage.
    pub(super) cost_bps: f64,
    /// Mean absolute move within the horizon, of those that moved.
    pub(super) mean_abs_move_bps: f64,
    /// `1/2 + cost / (2 E|r|)`; above 1 no hit rate is enough.
    pub(super) p_symmetric: Option<f64>,
    /// With the gain and the loss that the tests had; none when a right direction does not earn its costs.
    pub(super) p_payoff: Option<f64>,
}

impl BreakEven {
    /// `None` without an instrument, or for a venue without fees.
    pub(super) fn of(judged: &OutOfSample, instrument: Option<&str>, fees: &FeeSchedule) -> Option<Self> {
        let venue: Venue = instrument?.split_once(':')?.0.parse().ok()?;
        let rate = fees.rate(venue, Role::Taker)?;
        let cost_bps = round_trip_cost_bps(rate.to_f64(), rate.to_f64(), judged.half_spread_bps, 0.0).ok()?;
        let payoff = judged.payoff;
        Some(Self {
            venue: venue.as_str(),
            as_of: fees.as_of.clone(),
            fee_bps: rate.bps(),
            cost_bps,
            mean_abs_move_bps: judged.mean_abs_move_bps,
            p_symmetric: break_even_symmetric(cost_bps, judged.mean_abs_move_bps),
            p_payoff: break_even(payoff.gain_bps - cost_bps, payoff.loss_bps + cost_bps),
        })
    }
}
