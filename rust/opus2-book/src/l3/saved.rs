//! What of an L3 book is kept between two runs of a program.

use opus2_types::{Order, OrderId, Price, Qty, Side};
use serde::{Deserialize, Serialize};

use super::L3Book;

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

impl L3Book {
    /// What to save.
    #[must_use]
    pub fn save(&self) -> SavedOrders {
        SavedOrders { bids: self.save_side(Side::Bid), asks: self.save_side(Side::Ask) }
    }

    fn save_side(&self, side: Side) -> SavedQueues {
        let mut saved = SavedQueues::default();
        for queue in self.queues(side) {
            saved.prices.push((queue.level().price, queue.orders_count()));
            saved.orders.extend(queue.orders().map(|order| (order.id, order.qty)));
        }
        saved
    }

    /// The book that [`save`](Self::save) was called on; `None` for what no book can have saved.
    #[must_use]
    pub fn restore(saved: &SavedOrders) -> Option<Self> {
        let mut book = Self::new();
        book.restore_side(Side::Bid, &saved.bids)?;
        book.restore_side(Side::Ask, &saved.asks)?;
        Some(book)
    }

    fn restore_side(&mut self, side: Side, saved: &SavedQueues) -> Option<()> {
        let mut orders = saved.orders.iter();
        for (price, count) in &saved.prices {
            if *count == 0 || self.queue(side, *price).is_some() {
                return None;
            }
            for _ in 0..*count {
                let (id, qty) = *orders.next()?;
                self.insert(side, Order { id, price: *price, qty }).ok()?;
            }
        }
        let is_best_first = saved.prices.windows(2).all(|pair| match side {
            Side::Bid => pair[0].0 > pair[1].0,
            Side::Ask => pair[0].0 < pair[1].0,
        });
        (is_best_first && orders.next().is_none()).then_some(())
    }
}
