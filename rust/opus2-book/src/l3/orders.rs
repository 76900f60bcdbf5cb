//! Orders by id, and queues of them by price.

use opus2_types::{Level, Order, OrderId, Price, Qty, Side};

use crate::L2Book;

use super::index::{self, Index};
use super::queue::{Node, OrderQueue, Queue, level_qty};
use super::slab::{NONE, Slab};

/// How many orders a book may hold. Coinbase's largest, BTC-USD, has 110,000.
pub const ORDERS_MAX: usize = 1 << 22;

/// Every resting order of one instrument, each in the queue of its price, without the order of the prices.
///
/// [`L3Book`](super::L3Book) has it beside an L2 book and keeps the two in step. Whoever has an L2 book already takes
/// this and applies to it the levels that every change gives.
#[derive(Debug, Clone)]
pub struct Orders {
    nodes: Slab<Node>,
    by_id: Index,
    queues: Slab<Queue>,
    by_price: Index,
}

/// Why an order was not put into the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InsertRefused {
    /// An order with this id is there. It was left as it was.
    #[error("an order with this id is in the book already")]
    Duplicate,
    /// A quantity of zero or less.
    #[error("an order of no quantity cannot rest")]
    NoQuantity,
    /// There are [`ORDERS_MAX`] orders.
    #[error("the book holds its limit of {ORDERS_MAX} orders")]
    Full,
}

/// What became of an order that was in the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderChange {
    /// Its side.
    pub side: Side,
    /// The order as it was.
    pub before: Order,
    /// Its quantity now; zero when it is gone.
    pub qty: Qty,
    /// The price where it is, or was last, with the quantity there now.
    pub level: Level,
    /// The price that it left for another, with the quantity there now.
    pub left: Option<Level>,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// How many orders of its price will be executed before it.
    pub orders_ahead: u32,
    /// Their quantity; saturates.
    pub qty_ahead: Qty,
}

impl Default for Orders {
    fn default() -> Self {
        Self::new()
    }
}

impl Orders {
    /// No orders.
    #[must_use]
    pub const fn new() -> Self {
        Self { nodes: Slab::new(), by_id: Index::new(), queues: Slab::new(), by_price: Index::new() }
    }

    /// How many orders there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True without any order.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets every order, keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.by_id.clear();
        self.queues.clear();
        self.by_price.clear();
    }

    /// Puts an order at the end of its price's queue. Gives that price's new quantity.
    ///
    /// # Errors
    /// [`InsertRefused`]; nothing has changed.
    #[inline]
    pub fn insert(&mut self, side: Side, order: Order) -> Result<Level, InsertRefused> {
        if order.qty.0 <= 0 {
            return Err(InsertRefused::NoQuantity);
        }
        let hash = hash_id(order.id);
        if self.find(hash, order.id).is_some() {
            return Err(InsertRefused::Duplicate);
        }
        if self.len() >= ORDERS_MAX {
            return Err(InsertRefused::Full);
        }
        let Order { id, price, qty } = order;
        let node = Node { id, qty: qty.0, price, side, queue: NONE, before: NONE, behind: NONE };
        let at = self.nodes.insert(node);
        self.by_id.insert(hash, at);
        let queue = self.queue_for(side, order.price);
        self.push_last(at, queue);
        Ok(self.level_of(queue))
    }

    /// Takes `by` from an order, as an execution does; it is gone when nothing is left. `None` when it is not there.
    ///
    /// Never takes more than there is: compare [`OrderChange::before`] with `by` to find out.
    #[inline]
    pub fn reduce(&mut self, id: OrderId, by: Qty) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        let qty = self.nodes[at].qty.saturating_sub(by.0.max(0));
        Some(self.set_qty(at, qty))
    }

    /// Sets an order's quantity; its place is kept. Zero or less removes it. `None` when it is not there.
    pub fn resize(&mut self, id: OrderId, qty: Qty) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        Some(self.set_qty(at, qty.0))
    }

    /// Sets an order's price and quantity; see [`L3Book`](super::L3Book) for the place it gets. Zero or less removes it. `None` when it
    /// is not there.
    pub fn modify(&mut self, id: OrderId, price: Price, qty: Qty) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        let before = self.order_at(at);
        if qty.0 <= before.qty.0 && (price == before.price || qty.0 <= 0) {
            return Some(self.set_qty(at, qty.0));
        }
        let from = self.nodes[at].queue;
        let side = self.nodes[at].side;
        self.unlink(at);
        (self.nodes[at].qty, self.nodes[at].price) = (qty.0, price);
        // The new queue first: the old one's place may fall free.
        let to = if price == before.price { from } else { self.queue_for(side, price) };
        self.push_last(at, to);
        let left = (to != from).then(|| self.level_of(from));
        Some(OrderChange { side, before, qty, level: self.level_of(to), left })
    }

    /// Removes an order. `None` when it is not there.
    #[inline]
    pub fn remove(&mut self, id: OrderId) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        Some(self.set_qty(at, 0))
    }

    /// Removes every order of a price. Gives their number.
    pub fn remove_price(&mut self, side: Side, price: Price) -> usize {
        let Some(queue) = self.find_queue(side, price) else { return 0 };
        let before = self.len();
        let mut at = self.queues[queue].first;
        while at != NONE {
            let node = &self.nodes[at];
            let behind = node.behind;
            self.by_id.remove(hash_id(node.id), at);
            self.nodes.remove(at);
            at = behind;
        }
        self.drop_queue(queue);
        before - self.len()
    }

    /// An order and its side.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<(Side, Order)> {
        let at = self.find(hash_id(id), id)?;
        Some((self.nodes[at].side, self.order_at(at)))
    }

    /// Where an order stands in its queue. Takes as long as the shorter of the ways to the two ends of the queue.
    #[must_use]
    pub fn position(&self, id: OrderId) -> Option<QueuePosition> {
        let at = self.find(hash_id(id), id)?;
        let node = &self.nodes[at];
        let queue = &self.queues[node.queue];
        let (mut before, mut behind) = (node.before, node.behind);
        let (mut steps, mut qty_before, mut qty_behind) = (0, 0i128, i128::from(node.qty));
        loop {
            if before == NONE {
                return Some(QueuePosition { orders_ahead: steps, qty_ahead: level_qty(qty_before) });
            }
            if behind == NONE {
                let orders_ahead = queue.orders_count - 1 - steps;
                return Some(QueuePosition { orders_ahead, qty_ahead: level_qty(queue.qty - qty_behind) });
            }
            let (one, other) = (&self.nodes[before], &self.nodes[behind]);
            qty_before += i128::from(one.qty);
            qty_behind += i128::from(other.qty);
            (before, behind) = (one.before, other.behind);
            steps += 1;
        }
    }

    /// The orders at a price of one side; `None` when there are none.
    #[must_use]
    pub fn queue(&self, side: Side, price: Price) -> Option<OrderQueue<'_>> {
        self.find_queue(side, price).map(|queue| OrderQueue::new(&self.nodes, &self.queues[queue]))
    }

    /// The queues of one side, best price first, which is what `l2`, the book of these orders' sums, is asked for.
    pub fn queues<'a>(&'a self, l2: &'a L2Book, side: Side) -> impl Iterator<Item = OrderQueue<'a>> {
        l2.side(side).levels().filter_map(move |level| self.queue(side, level.price))
    }

    /// Keeps the best `levels_max` prices of each side, here and in `l2`, the book of these orders' sums. Gives the
    /// number of orders that went with the others.
    pub fn truncate(&mut self, l2: &mut L2Book, levels_max: usize) -> usize {
        let before = self.len();
        for side in [Side::Bid, Side::Ask] {
            while l2.side(side).len() > levels_max {
                let Some(level) = l2.remove_worst(side) else { break };
                self.remove_price(side, level.price);
            }
        }
        before - self.len()
    }

    #[inline]
    fn find(&self, hash: u32, id: OrderId) -> Option<u32> {
        self.by_id.find(hash, |at| self.nodes[at].id == id)
    }

    fn order_at(&self, at: u32) -> Order {
        let node = &self.nodes[at];
        Order { id: node.id, price: node.price, qty: Qty(node.qty) }
    }

    #[inline]
    fn find_queue(&self, side: Side, price: Price) -> Option<u32> {
        self.by_price.find(hash_price(side, price), |at| {
            let queue = &self.queues[at];
            queue.price == price && queue.side == side
        })
    }

    /// The queue of a price, made when there is none.
    #[inline]
    fn queue_for(&mut self, side: Side, price: Price) -> u32 {
        self.find_queue(side, price).unwrap_or_else(|| {
            let queue = self.queues.insert(Queue::new(side, price));
            self.by_price.insert(hash_price(side, price), queue);
            queue
        })
    }

    fn drop_queue(&mut self, queue: u32) {
        let Queue { side, price, .. } = self.queues[queue];
        self.by_price.remove(hash_price(side, price), queue);
        self.queues.remove(queue);
    }

    /// Sets a quantity in place, or takes the order out when nothing is left.
    #[inline]
    fn set_qty(&mut self, at: u32, qty: i64) -> OrderChange {
        let before = self.order_at(at);
        let Node { queue, side, .. } = self.nodes[at];
        let qty = qty.max(0);
        if qty > 0 {
            self.queues[queue].qty += i128::from(qty) - i128::from(before.qty.0);
            self.nodes[at].qty = qty;
        } else {
            self.unlink(at);
            self.by_id.remove(hash_id(before.id), at);
            self.nodes.remove(at);
        }
        let level = Level { price: before.price, qty: self.level_of(queue).qty };
        OrderChange { side, before, qty: Qty(qty), level, left: None }
    }

    /// Puts a node that is in no queue at the end of one.
    #[inline]
    fn push_last(&mut self, at: u32, to: u32) {
        let queue = &mut self.queues[to];
        let last = std::mem::replace(&mut queue.last, at);
        queue.orders_count += 1;
        let node = &mut self.nodes[at];
        queue.qty += i128::from(node.qty);
        (node.queue, node.before, node.behind) = (to, last, NONE);
        if last == NONE {
            queue.first = at;
        } else {
            self.nodes[last].behind = at;
        }
    }

    /// Takes a node out of its queue, which may be empty then.
    #[inline]
    fn unlink(&mut self, at: u32) {
        let Node { qty, queue, before, behind, .. } = self.nodes[at];
        let queue = &mut self.queues[queue];
        queue.orders_count -= 1;
        queue.qty -= i128::from(qty);
        if before == NONE {
            queue.first = behind;
        } else {
            self.nodes[before].behind = behind;
        }
        if behind == NONE {
            queue.last = before;
        } else {
            self.nodes[behind].before = before;
        }
    }

    /// What is at a queue's price after a change; drops the queue when it is empty.
    #[inline]
    fn level_of(&mut self, queue: u32) -> Level {
        let Queue { price, qty, orders_count, .. } = self.queues[queue];
        if orders_count == 0 {
            self.drop_queue(queue);
        }
        Level { price, qty: level_qty(qty) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "two halves")]
const fn hash_id(id: OrderId) -> u32 {
    index::hash(id.0 as u64, (id.0 >> 64) as u64)
}

const fn hash_price(side: Side, price: Price) -> u32 {
    index::hash(price.0.cast_unsigned(), side as u64)
}
