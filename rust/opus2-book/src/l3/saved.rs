//! What of an L3 book is kept between two runs of a program.

use opus2_types::{Level, Order, OrderId, Price, Qty, Side};
use serde::{Deserialize, Serialize};

use super::Orders;
use crate::L2Book;

/// Every order of a book. Equal books give equal values.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SavedOrders {
    /// The bids.
    pub bids: SavedQueues,
    /// The asks.
    pub asks: SavedQueues,
}

/// Every order of one side. A price is written once, not with each of its orders.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SavedQueues {
    /// Each price with the number of its orders, best first.
    pub prices: Vec<(Price, u32)>,
    /// The orders of all these prices, each price's in the order of its queue.
    pub orders: Vec<(OrderId, Qty)>,
}

impl Orders {
    /// What to save. The prices are in the order of `l2`, the book of these orders' sums.
    #[must_use]
    pub fn save(&self, l2: &L2Book) -> SavedOrders {
        SavedOrders { bids: self.save_side(l2, Side::Bid), asks: self.save_side(l2, Side::Ask) }
    }

    fn save_side(&self, l2: &L2Book, side: Side) -> SavedQueues {
        let mut saved = SavedQueues::default();
        for queue in self.queues(l2, side) {
            saved.prices.push((queue.level().price, queue.orders_count()));
            saved.orders.extend(queue.orders().map(|order| (order.id, order.qty)));
        }
        saved
    }

    /// The orders that [`save`](Self::save) was called on; `None` for what no book can have saved. `publish` is told the
    /// quantity at each price.
    pub fn restore(saved: &SavedOrders, mut publish: impl FnMut(Side, Level)) -> Option<Self> {
        let mut orders = Self::new();
        for (side, saved) in [(Side::Bid, &saved.bids), (Side::Ask, &saved.asks)] {
            orders.restore_side(side, saved, |level| publish(side, level))?;
        }
        Some(orders)
    }

    fn restore_side(
        &mut self,
        side: Side,
        saved: &SavedQueues,
        mut publish: impl FnMut(Level),
    ) -> Option<()> {
        let mut orders = saved.orders.iter();
        for (price, count) in &saved.prices {
            let mut level = None;
            for _ in 0..*count {
                let (id, qty) = *orders.next()?;
                level = self.insert(side, Order { id, price: *price, qty }).ok();
                level?;
            }
            publish(level?);
        }
        let is_best_first = saved.prices.windows(2).all(|pair| match side {
            Side::Bid => pair[0].0 > pair[1].0,
            Side::Ask => pair[0].0 < pair[1].0,
        });
        (is_best_first && orders.next().is_none()).then_some(())
    }
}
