//! What an execution is expected to cost, part by part.

use serde::Serialize;

use crate::exact::to_f64;
use crate::execution::route::Route;

/// Expected cost in basis points of the mid, positive when bad.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct CostSplit {
    /// From the mid to the best prices.
    pub spread_bps: f64,
    /// From the best prices to the average: walking the books, or the square-root law.
    pub slippage_bps: f64,
    /// What the venues take, fixed costs with it.
    pub fee_bps: f64,
    /// What moves against the orders on their way.
    pub latency_bps: f64,
}

impl CostSplit {
    /// All of it.
    #[must_use]
    pub fn total_bps(&self) -> f64 {
        self.spread_bps + self.slippage_bps + self.fee_bps + self.latency_bps
    }

    /// The cost of a route against a mid above zero; all zero when nothing is taken.
    #[must_use]
    pub fn of(route: &Route, mid: f64) -> Self {
        let worth = route.quantity(route.filled) * mid;
        if route.filled <= 0 || !(worth.is_finite() && worth > 0.0) {
            return Self::default();
        }
        let sign = to_f64(route.side.sign().into());
        let at_touch: i128 = route.venues.iter().map(|slice| slice.notional_at_touch).sum();
        let bps = |amount: f64| 1e4 * amount / worth;
        Self {
            spread_bps: bps(sign * (route.amount(at_touch) - worth)),
            slippage_bps: bps(sign * route.amount(route.cost.notional - at_touch)),
            fee_bps: bps(route.amount(route.cost.fees + route.cost.fixed)),
            latency_bps: bps(route.amount(route.cost.latency_risk)),
        }
    }

    /// What is paid to trade at all, without fees and latency.
    pub(super) fn market_bps(&self) -> f64 {
        self.spread_bps + self.slippage_bps
    }

    pub(super) fn weighted(&self, share: f64) -> Self {
        Self {
            spread_bps: self.spread_bps * share,
            slippage_bps: self.slippage_bps * share,
            fee_bps: self.fee_bps * share,
            latency_bps: self.latency_bps * share,
        }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            spread_bps: self.spread_bps + other.spread_bps,
            slippage_bps: self.slippage_bps + other.slippage_bps,
            fee_bps: self.fee_bps + other.fee_bps,
            latency_bps: self.latency_bps + other.latency_bps,
        }
    }

    pub(super) fn is_finite(&self) -> bool {
        [self.spread_bps, self.slippage_bps, self.fee_bps, self.latency_bps]
            .iter()
            .all(|part| part.is_finite())
    }
}
