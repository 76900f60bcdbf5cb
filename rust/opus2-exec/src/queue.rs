//! How much of a level stands before a resting order, when only the level's sum is seen.
//!
//! Two models beside each other, because the choice changes results materially: the risk-averse one for headlines, a
//! probabilistic one as sensitivity. Both are told trades at the order's price, and changes of the level's quantity.

use opus2_types::{Qty, SCALE_MAX, Scaled};
use serde::{Deserialize, Serialize};

/// Only trades advance the order, and the level's whole quantity bounds what stands before it. Exact.
///
/// # Source
/// hftbacktest `RiskAdverseQueueModel` (public source); methods reference 7.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskAverseQueue {
    front: i64,
}

impl RiskAverseQueue {
    /// Behind all that is shown at the level.
    #[must_use]
    pub const fn join(shown: Qty) -> Self {
        Self { front: if shown.0 < 0 { 0 } else { shown.0 } }
    }

    /// A trade at the order's price. A quantity that is not positive is passed over.
    pub fn on_trade(&mut self, qty: Qty) {
        self.front = self.front.saturating_sub(qty.0.max(0));
    }

    /// The level's quantity became `after`. A negative one counts as zero.
    pub fn on_depth(&mut self, after: Qty) {
        self.front = self.front.min(after.0.max(0));
    }

    /// What stands before the order, in units; below zero, the quantity that traded through to it.
    #[must_use]
    pub const fn front_units(&self) -> i64 {
        self.front
    }

    /// What trades have left for the order, in units.
    #[must_use]
    pub const fn fillable(&self) -> Qty {
        Qty(if self.front < 0 { self.front.saturating_neg() } else { 0 })
    }
}

/// The probability `p` that a quantity which left the level without a trade stood behind the order.
///
/// `f`, `b` are what stands before and behind it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum BehindShare {
    /// `b^n / (b^n + f^n)`.
    Power(f64),
    /// `ln(1+b) / (ln(1+b) + ln(1+f))`. Depends upon the unit: base units.
    Log,
    /// `b^n / (b+f)^n`.
    Power2(f64),
    /// `ln(1+b) / ln(1+b+f)`. Depends upon the unit: base units.
    Log2,
    /// `1 - (f / (f+b))^n`.
    Power3(f64),
}

impl Default for BehindShare {
    /// The sensitivity case of the methods reference.
    fn default() -> Self {
        Self::Power(3.0)
    }
}

impl BehindShare {
    /// Between 0 and 1. Where the formula has no value (nothing on either side, a quantity below zero) all that left
    /// stood behind: 1, which never advances the order.
    #[must_use]
    pub fn probability(self, front: f64, back: f64) -> f64 {
        let log = |x: f64| x.ln_1p();
        let p = match self {
            Self::Power(n) => back.powf(n) / (back.powf(n) + front.powf(n)),
            Self::Log => log(back) / (log(back) + log(front)),
            Self::Power2(n) => back.powf(n) / (back + front).powf(n),
            Self::Log2 => log(back) / log(back + front),
            Self::Power3(n) => 1.0 - (front / (front + back)).powf(n),
        };
        if p.is_finite() { p.clamp(0.0, 1.0) } else { 1.0 }
    }
}

/// Trades advance the order, and so does its likely share of what left the level without a trade.
///
/// The front is an estimate, not an amount: the model splits quantities by powers and logarithms, so it is a float in base
/// units from the start. What it fills is an amount again ([`QueuePosition::fillable`]).
///
/// # Source
/// Rigtorp (2013), "Estimating order queue position"; hftbacktest `ProbQueueModel` (public source); methods reference 7.4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProbabilisticQueue {
    share: BehindShare,
    qty_scale: u8,
    front: f64,
    /// Traded since the level's quantity was last told: it will be told again as part of the next change.
    traded: f64,
}

impl ProbabilisticQueue {
    /// Behind all that is shown at the level.
    #[must_use]
    pub fn join(shown: Qty, share: BehindShare, qty_scale: u8) -> Self {
        let mut queue = Self { share, qty_scale: qty_scale.min(SCALE_MAX), front: 0.0, traded: 0.0 };
        queue.front = queue.base_units(shown);
        queue
    }

    fn base_units(&self, qty: Qty) -> f64 {
        Scaled::new(qty.0.max(0), self.qty_scale).to_f64()
    }

    /// A trade at the order's price. A quantity that is not positive is passed over.
    pub fn on_trade(&mut self, qty: Qty) {
        let qty = self.base_units(qty);
        self.front -= qty;
        self.traded += qty;
    }

    /// The level's quantity changed from `before` to `after`. Negative ones count as zero.
    ///
    /// What was traded in between is not counted twice. An increase never moves the order back, and once trades have gone
    /// through it, nothing that leaves the level changes what they left for it.
    pub fn on_depth(&mut self, before: Qty, after: Qty) {
        let (before, after) = (self.base_units(before), self.base_units(after));
        let left = before - after - std::mem::take(&mut self.traded);
        let moved = if left < 0.0 {
            self.front
        } else {
            let back = before - self.front;
            let p = self.share.probability(self.front, back);
            self.front - (1.0 - p) * left + (back - p * left).min(0.0)
        };
        self.front = self.front.min(moved).min(after);
    }

    /// What stands before the order, in base units; below zero, the quantity that traded through to it.
    #[must_use]
    pub const fn front(&self) -> f64 {
        self.front
    }

    /// What trades have left for the order, in base units.
    #[must_use]
    pub fn fillable(&self) -> f64 {
        (-self.front).max(0.0)
    }

    /// [`Self::fillable`] to the nearest unit.
    #[expect(clippy::cast_possible_truncation, reason = "rounded, and a cast saturates; NaN gives nothing")]
    fn fillable_units(&self) -> i64 {
        (self.fillable() * 10f64.powi(i32::from(self.qty_scale))).round() as i64
    }
}

/// Which model a resting order's queue follows.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub enum QueueModel {
    /// For headline results.
    #[default]
    RiskAverse,
    /// For sensitivity.
    Probabilistic(BehindShare),
}

/// A resting order's place, under the model it was placed with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum QueuePosition {
    /// Only trades advance it.
    RiskAverse(RiskAverseQueue),
    /// Its likely share of cancellations does, too.
    Probabilistic(ProbabilisticQueue),
}

impl QueuePosition {
    /// Behind all that is shown at the level.
    #[must_use]
    pub fn join(shown: Qty, model: QueueModel, qty_scale: u8) -> Self {
        match model {
            QueueModel::RiskAverse => Self::RiskAverse(RiskAverseQueue::join(shown)),
            QueueModel::Probabilistic(share) => {
                Self::Probabilistic(ProbabilisticQueue::join(shown, share, qty_scale))
            }
        }
    }

    /// A trade at the order's price.
    pub fn on_trade(&mut self, qty: Qty) {
        match self {
            Self::RiskAverse(queue) => queue.on_trade(qty),
            Self::Probabilistic(queue) => queue.on_trade(qty),
        }
    }

    /// The level's quantity changed from `before` to `after`.
    pub fn on_depth(&mut self, before: Qty, after: Qty) {
        match self {
            Self::RiskAverse(queue) => queue.on_depth(after),
            Self::Probabilistic(queue) => queue.on_depth(before, after),
        }
    }

    /// What trades have left for the order, to the nearest unit.
    #[must_use]
    pub fn fillable(&self) -> Qty {
        match self {
            Self::RiskAverse(queue) => queue.fillable(),
            Self::Probabilistic(queue) => Qty(queue.fillable_units()),
        }
    }

    /// The order is first in its queue from now on, and what went past it is gone.
    pub fn forget_excess(&mut self) {
        match self {
            Self::RiskAverse(queue) => queue.front = queue.front.max(0),
            Self::Probabilistic(queue) => queue.front = queue.front.max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    enum Seen {
        Trade(i64),
        Depth(i64, i64),
    }
    use Seen::{Depth, Trade};

    #[track_caller]
    fn check(model: QueueModel, shown: i64, seen: &[Seen], expect: i64) {
        let mut queue = QueuePosition::join(Qty(shown), model, 0);
        for event in seen {
            match *event {
                Trade(qty) => queue.on_trade(Qty(qty)),
                Depth(before, after) => queue.on_depth(Qty(before), Qty(after)),
            }
        }
        assert_eq!(queue.fillable(), Qty(expect));
    }

    const RISK_AVERSE: QueueModel = QueueModel::RiskAverse;
    const CUBE: QueueModel = QueueModel::Probabilistic(BehindShare::Power(3.0));

    #[test]
    fn a_trade_fills_what_it_leaves_after_the_front() {
        for model in [RISK_AVERSE, CUBE] {
            check(model, 5, &[Trade(5)], 0);
            check(model, 5, &[Trade(7)], 2);
            check(model, 5, &[Trade(3), Trade(4)], 2);
            check(model, 0, &[Trade(4)], 4);
        }
    }

    #[test]
    fn cancellations_advance_the_risk_averse_order_only_when_the_level_is_smaller_than_its_front() {
        check(RISK_AVERSE, 10, &[Depth(20, 11), Trade(11)], 1);
        check(RISK_AVERSE, 10, &[Depth(20, 4), Trade(5)], 1);
    }

    #[test]
    fn a_change_of_the_level_that_a_trade_explains_is_not_counted_twice() {
        check(CUBE, 10, &[Trade(4), Depth(20, 16), Trade(7)], 1);
    }

    #[test]
    fn half_of_what_leaves_stood_before_an_order_in_the_middle() {
        check(CUBE, 10, &[Depth(10, 20), Depth(20, 16), Trade(9)], 1);
    }

    #[test]
    fn an_increase_moves_no_order_back() {
        for model in [RISK_AVERSE, CUBE] {
            check(model, 5, &[Depth(5, 500), Trade(6)], 1);
        }
    }

    #[test]
    fn every_share_is_a_probability_also_where_its_formula_has_no_value() {
        for share in [
            BehindShare::Power(3.0),
            BehindShare::Log,
            BehindShare::Power2(0.5),
            BehindShare::Log2,
            BehindShare::Power3(3.0),
            BehindShare::Power(f64::NAN),
            BehindShare::Power(-1.0),
        ] {
            for [front, back] in
                [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-3.0, 5.0], [5.0, -3.0], [1e300, 1e300]]
            {
                let p = share.probability(front, back);
                assert!((0.0..=1.0).contains(&p), "{share:?} {front} {back}: {p}");
            }
        }
    }
}
