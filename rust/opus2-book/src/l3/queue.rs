//! The orders of one price.

use opus2_types::{Level, Order, OrderId, Price, Qty, Side};

use super::slab::{NONE, Slab};

/// An order with its neighbours in the queue. Price and side are the queue's: having them here too lets the search for
/// the price begin before the queue has come from memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) id: OrderId,
    pub(super) qty: i64,
    pub(super) price: Price,
    pub(super) side: Side,
    pub(super) queue: u32,
    /// The neighbour that is executed earlier.
    pub(super) before: u32,
    /// The neighbour that is executed later.
    pub(super) behind: u32,
}

/// The orders of one price of one side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    pub(super) side: Side,
    pub(super) price: Price,
    /// Exact: many orders of 64 bits each.
    pub(super) qty: i128,
    pub(super) orders_count: u32,
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Queue {
    pub(super) const fn new(side: Side, price: Price) -> Self {
        Self { side, price, qty: 0, orders_count: 0, first: NONE, last: NONE }
    }
}

/// A sum as a quantity; the largest there is when it is beyond that.
pub(super) fn level_qty(sum: i128) -> Qty {
    Qty(i64::try_from(sum).unwrap_or(i64::MAX))
}

/// The orders waiting at one price.
#[derive(Debug, Clone, Copy)]
pub struct OrderQueue<'a> {
    nodes: &'a Slab<Node>,
    queue: &'a Queue,
}

impl<'a> OrderQueue<'a> {
    pub(super) const fn new(nodes: &'a Slab<Node>, queue: &'a Queue) -> Self {
        Self { nodes, queue }
    }

    /// The price and the quantity of all its orders; a sum beyond 64 bits shows as the largest number.
    #[must_use]
    pub fn level(&self) -> Level {
        Level { price: self.queue.price, qty: level_qty(self.queue.qty) }
    }

    /// How many orders wait; never zero.
    #[must_use]
    pub const fn orders_count(&self) -> u32 {
        self.queue.orders_count
    }

    /// The orders, the one to be executed first in front.
    pub fn orders(self) -> impl Iterator<Item = Order> + 'a {
        let Self { nodes, queue } = self;
        let mut at = queue.first;
        std::iter::from_fn(move || {
            let node = (at != NONE).then(|| &nodes[at])?;
            at = node.behind;
            Some(Order { id: node.id, price: queue.price, qty: Qty(node.qty) })
        })
    }
}
