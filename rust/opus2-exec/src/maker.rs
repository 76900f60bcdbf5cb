//! A resting order: its queue, and what fills it.

use opus2_types::{Price, Qty, Side};
use serde::{Deserialize, Serialize};

use crate::queue::{QueueModel, QueuePosition};

/// A limit order that rests at a venue.
///
/// It is filled by what trades at its price leave after its queue's front, and completely when a trade prints through its
/// price or the opposite best crosses it. What is cancelled before it makes it first, and never fills it.
///
/// # Source
/// Methods reference 7.4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RestingOrder {
    side: Side,
    price: Price,
    remaining: Qty,
    queue: QueuePosition,
}

impl RestingOrder {
    /// An order that reached the venue behind `shown` at its price. A quantity below zero counts as zero.
    #[must_use]
    pub fn place(side: Side, price: Price, qty: Qty, shown: Qty, model: QueueModel, qty_scale: u8) -> Self {
        let remaining = Qty(qty.0.max(0));
        Self { side, price, remaining, queue: QueuePosition::join(shown, model, qty_scale) }
    }

    /// Which side it rests on.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// Its price.
    #[must_use]
    pub const fn price(&self) -> Price {
        self.price
    }

    /// What is still to be filled.
    #[must_use]
    pub const fn remaining(&self) -> Qty {
        self.remaining
    }

    /// Where it stands.
    #[must_use]
    pub const fn queue(&self) -> &QueuePosition {
        &self.queue
    }

    /// A trade of any aggressor on the order's venue; gives what it fills, at the order's own price.
    pub fn on_trade(&mut self, price: Price, qty: Qty) -> Qty {
        if qty.0 <= 0 {
            return Qty(0);
        }
        if self.is_beyond(price) {
            return self.fill_all();
        }
        if price != self.price {
            return Qty(0);
        }
        self.queue.on_trade(qty);
        // Never more than was traded: a front that rounding or cancellations put below zero gives nothing.
        let filled = self.queue.fillable().min(self.remaining).min(qty);
        self.queue.forget_excess();
        self.remaining.0 -= filled.0;
        filled
    }

    /// The quantity at the order's price changed, without the order itself.
    pub fn on_depth(&mut self, before: Qty, after: Qty) {
        self.queue.on_depth(before, after);
        self.queue.forget_excess();
    }

    /// The best price of the other side; gives what it fills when it crosses the order: all, since whoever stands there
    /// would have met the order first.
    pub fn on_opposite_best(&mut self, best: Price) -> Qty {
        if self.is_beyond(best) { self.fill_all() } else { Qty(0) }
    }

    /// Whether a price is worse for the order than its own: lower for a bid.
    fn is_beyond(&self, price: Price) -> bool {
        match self.side {
            Side::Bid => price < self.price,
            Side::Ask => price > self.price,
        }
    }

    fn fill_all(&mut self) -> Qty {
        std::mem::take(&mut self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(side: Side) -> RestingOrder {
        RestingOrder::place(side, Price(100), Qty(10), Qty(5), QueueModel::RiskAverse, 0)
    }

    #[track_caller]
    fn check(side: Side, trades: &[[i64; 2]], fills: &[i64]) {
        let mut order = order(side);
        let found: Vec<i64> =
            trades.iter().map(|&[price, qty]| order.on_trade(Price(price), Qty(qty)).0).collect();
        assert_eq!(found, fills);
        assert_eq!(order.remaining().0, 10 - fills.iter().sum::<i64>());
    }

    #[test]
    fn trades_at_the_price_fill_what_they_leave_after_the_front() {
        for side in [Side::Bid, Side::Ask] {
            check(side, &[[100, 5], [100, 4], [100, 3], [100, 30]], &[0, 4, 3, 3]);
            check(side, &[[100, 7], [100, -7]], &[2, 0]);
        }
    }

    #[test]
    fn a_trade_through_the_price_fills_all_and_one_short_of_it_nothing() {
        check(Side::Bid, &[[101, 50], [99, 1]], &[0, 10]);
        check(Side::Ask, &[[99, 50], [101, 1]], &[0, 10]);
    }

    #[test]
    fn the_opposite_best_fills_all_once_it_crosses() {
        let mut bid = order(Side::Bid);
        assert_eq!(bid.on_opposite_best(Price(100)), Qty(0));
        assert_eq!(bid.on_opposite_best(Price(99)), Qty(10));
        assert_eq!(bid.on_opposite_best(Price(98)), Qty(0));
    }

    #[test]
    fn what_is_cancelled_before_an_order_never_fills_it() {
        let mut bid = order(Side::Bid);
        bid.on_depth(Qty(5), Qty(0));
        assert_eq!(bid.remaining(), Qty(10));
        assert_eq!(bid.on_trade(Price(100), Qty(2)), Qty(2));
    }
}
