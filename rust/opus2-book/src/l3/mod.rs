//! Every order of an instrument, in the order in which it will be executed.

mod index;
mod queue;
mod saved;
mod slab;

use std::fmt;

use opus2_types::{BookView, Level, Order, OrderId, Price, Qty, Side};

use crate::L2Book;
use index::Index;
pub use queue::OrderQueue;
use queue::{Node, Queue, level_qty};
pub use saved::{SavedOrders, SavedQueues};
use slab::{NONE, Slab};

/// How many orders a book may hold. Coinbase's largest, BTC-USD, has 110,000.
pub const ORDERS_MAX: usize = 1 << 22;

/// Every resting order of one instrument (market by order), first come first served at each price.
///
/// Like [`L2Book`] it holds what it is told: it may be one-sided, locked or crossed, and whether a change may be applied
/// at all is decided before it. The quantity at every price is kept beside the orders and is at hand as [`l2`](Self::l2).
///
/// # Who stands where in a queue
/// A new order goes to the end. An order that shrinks keeps its place; one that changes its price goes to the end of its
/// new queue; one that grows goes to the end of its own ([`modify`](Self::modify)). Venues agree on the first three; that
/// a growing order loses its place is the rule of almost every exchange, and where a venue does not say, assuming it
/// promises nobody a place they may not have. [`resize`](Self::resize) keeps the place whatever happens.
///
/// # Cost
/// A change touches the order, its two neighbours, its queue and one chunk of the [`Ladder`](crate::Ladder), whatever
/// the size of the book. Places are reused: a book that has seen its usual size allocates no more. Measured in
/// docs/performance.md.
///
/// ```
/// use opus2_book::L3Book;
/// use opus2_types::{Level, Order, OrderId, Qty, Side};
///
/// let mut book = L3Book::new();
/// book.insert(Side::Bid, Order::new(OrderId(1), 99, 5))?;
/// book.insert(Side::Bid, Order::new(OrderId(2), 99, 3))?;
/// assert_eq!(book.position(OrderId(2)).map(|position| position.qty_ahead), Some(Qty(5)));
/// book.reduce(OrderId(1), Qty(4));
/// assert_eq!(book.l2().side(Side::Bid).best(), Some(Level::new(99, 4)));
/// # Ok::<(), opus2_book::InsertRefused>(())
/// ```
#[derive(Clone)]
pub struct L3Book {
    orders: Slab<Node>,
    by_id: Index,
    queues: Slab<Queue>,
    by_price: Index,
    l2: L2Book,
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

impl Default for L3Book {
    fn default() -> Self {
        Self::new()
    }
}

impl L3Book {
    /// An empty book.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            orders: Slab::new(),
            by_id: Index::new(),
            queues: Slab::new(),
            by_price: Index::new(),
            l2: L2Book::new(),
        }
    }

    /// The quantity at every price. A sum beyond 64 bits shows as the largest number.
    #[must_use]
    pub const fn l2(&self) -> &L2Book {
        &self.l2
    }

    /// A copy of the best levels of each side.
    #[must_use]
    pub fn view(&self) -> BookView {
        self.l2.view()
    }

    /// How many orders there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.orders.len()
    }

    /// True without any order.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets every order, keeps the memory.
    pub fn clear(&mut self) {
        self.orders.clear();
        self.by_id.clear();
        self.queues.clear();
        self.by_price.clear();
        self.l2.clear();
    }

    /// Replaces the whole book. Orders of one price come in the order of their queue.
    ///
    /// Gives the number of orders refused: those whose id came before, and those of no quantity.
    pub fn replace(
        &mut self,
        bids: impl IntoIterator<Item = Order>,
        asks: impl IntoIterator<Item = Order>,
    ) -> usize {
        self.clear();
        let bids = bids.into_iter().map(|order| (Side::Bid, order));
        let asks = asks.into_iter().map(|order| (Side::Ask, order));
        bids.chain(asks).filter(|(side, order)| self.insert(*side, *order).is_err()).count()
    }

    /// Puts an order at the end of its price's queue. Gives that price's new quantity.
    ///
    /// # Errors
    /// [`InsertRefused`]; the book is as it was.
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
        let node = Node { id: order.id, qty: order.qty.0, queue: NONE, before: NONE, behind: NONE };
        let at = self.orders.insert(node);
        self.by_id.insert(hash, at);
        let queue = self.queue_for(side, order.price);
        self.push_last(at, queue);
        Ok(self.publish(queue))
    }

    /// Takes `by` from an order, as an execution does; it is gone when nothing is left. `None` when it is not there.
    ///
    /// Never takes more than there is: compare [`OrderChange::before`] with `by` to find out.
    #[inline]
    pub fn reduce(&mut self, id: OrderId, by: Qty) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        let qty = self.orders[at].qty.saturating_sub(by.0.max(0));
        Some(self.set_qty(at, qty))
    }

    /// Sets an order's quantity; its place is kept. Zero or less removes it. `None` when it is not there.
    pub fn resize(&mut self, id: OrderId, qty: Qty) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        Some(self.set_qty(at, qty.0))
    }

    /// Sets an order's price and quantity; see the type for the place it gets. Zero or less removes it. `None` when it
    /// is not there.
    pub fn modify(&mut self, id: OrderId, price: Price, qty: Qty) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        let before = self.order_at(at);
        if qty.0 <= before.qty.0 && (price == before.price || qty.0 <= 0) {
            return Some(self.set_qty(at, qty.0));
        }
        let from = self.orders[at].queue;
        let side = self.queues[from].side;
        self.unlink(at);
        self.orders[at].qty = qty.0;
        // The new queue first: the old one's place may fall free.
        let to = if price == before.price { from } else { self.queue_for(side, price) };
        self.push_last(at, to);
        let left = (to != from).then(|| self.publish(from));
        Some(OrderChange { side, before, qty, level: self.publish(to), left })
    }

    /// Removes an order. `None` when it is not there.
    #[inline]
    pub fn remove(&mut self, id: OrderId) -> Option<OrderChange> {
        let at = self.find(hash_id(id), id)?;
        Some(self.set_qty(at, 0))
    }

    /// Keeps the best `levels_max` prices of each side. Gives the number of orders that went with the others.
    pub fn truncate(&mut self, levels_max: usize) -> usize {
        let before = self.len();
        for side in [Side::Bid, Side::Ask] {
            while self.l2.side(side).len() > levels_max {
                let Some(level) = self.l2.remove_worst(side) else { break };
                let Some(queue) = self.find_queue(side, level.price) else { break };
                let mut at = self.queues[queue].first;
                while at != NONE {
                    let node = &self.orders[at];
                    let behind = node.behind;
                    self.by_id.remove(hash_id(node.id), at);
                    self.orders.remove(at);
                    at = behind;
                }
                self.drop_queue(queue);
            }
        }
        before - self.len()
    }

    /// An order and its side.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<(Side, Order)> {
        let at = self.find(hash_id(id), id)?;
        Some((self.queues[self.orders[at].queue].side, self.order_at(at)))
    }

    /// Where an order stands in its queue. Takes as long as the shorter of the ways to the two ends of the queue.
    #[must_use]
    pub fn position(&self, id: OrderId) -> Option<QueuePosition> {
        let at = self.find(hash_id(id), id)?;
        let node = &self.orders[at];
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
            let (one, other) = (&self.orders[before], &self.orders[behind]);
            qty_before += i128::from(one.qty);
            qty_behind += i128::from(other.qty);
            (before, behind) = (one.before, other.behind);
            steps += 1;
        }
    }

    /// The orders at a price of one side; `None` when there are none.
    #[must_use]
    pub fn queue(&self, side: Side, price: Price) -> Option<OrderQueue<'_>> {
        self.find_queue(side, price).map(|queue| OrderQueue::new(&self.orders, &self.queues[queue]))
    }

    /// The queues of one side, best price first.
    pub fn queues(&self, side: Side) -> impl Iterator<Item = OrderQueue<'_>> {
        self.l2.side(side).levels().filter_map(move |level| self.queue(side, level.price))
    }

    /// Every order of one side, best price first, and at one price in the order of the queue.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = Order> + '_ {
        self.queues(side).flat_map(OrderQueue::orders)
    }

    #[inline]
    fn find(&self, hash: u32, id: OrderId) -> Option<u32> {
        self.by_id.find(hash, |at| self.orders[at].id == id)
    }

    fn order_at(&self, at: u32) -> Order {
        let node = &self.orders[at];
        Order { id: node.id, price: self.queues[node.queue].price, qty: Qty(node.qty) }
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
        let queue = self.orders[at].queue;
        let side = self.queues[queue].side;
        let qty = qty.max(0);
        if qty > 0 {
            self.queues[queue].qty += i128::from(qty) - i128::from(before.qty.0);
            self.orders[at].qty = qty;
        } else {
            self.unlink(at);
            self.by_id.remove(hash_id(before.id), at);
            self.orders.remove(at);
        }
        OrderChange { side, before, qty: Qty(qty), level: self.publish(queue), left: None }
    }

    /// Puts a node that is in no queue at the end of one.
    #[inline]
    fn push_last(&mut self, at: u32, to: u32) {
        let queue = &mut self.queues[to];
        let last = std::mem::replace(&mut queue.last, at);
        queue.orders_count += 1;
        let node = &mut self.orders[at];
        queue.qty += i128::from(node.qty);
        (node.queue, node.before, node.behind) = (to, last, NONE);
        if last == NONE {
            queue.first = at;
        } else {
            self.orders[last].behind = at;
        }
    }

    /// Takes a node out of its queue, which may be empty then.
    #[inline]
    fn unlink(&mut self, at: u32) {
        let Node { qty, queue, before, behind, .. } = self.orders[at];
        let queue = &mut self.queues[queue];
        queue.orders_count -= 1;
        queue.qty -= i128::from(qty);
        if before == NONE {
            queue.first = behind;
        } else {
            self.orders[before].behind = behind;
        }
        if behind == NONE {
            queue.last = before;
        } else {
            self.orders[behind].before = before;
        }
    }

    /// Brings the quantities per price up to date with a queue; drops the queue when it is empty.
    #[inline]
    fn publish(&mut self, queue: u32) -> Level {
        let Queue { side, price, qty, orders_count, .. } = self.queues[queue];
        let level = Level { price, qty: level_qty(qty) };
        if orders_count == 0 {
            self.drop_queue(queue);
        }
        self.l2.apply(side, level);
        level
    }
}

#[expect(clippy::cast_possible_truncation, reason = "two halves")]
const fn hash_id(id: OrderId) -> u32 {
    index::hash(id.0 as u64, (id.0 >> 64) as u64)
}

const fn hash_price(side: Side, price: Price) -> u32 {
    index::hash(price.0.cast_unsigned(), side as u64)
}

/// Two books are equal when they hold the same orders in the same queues.
impl PartialEq for L3Book {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && [Side::Bid, Side::Ask].into_iter().all(|side| self.orders(side).eq(other.orders(side)))
    }
}

impl Eq for L3Book {}

impl fmt::Debug for L3Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("L3Book")
            .field("bids", &self.orders(Side::Bid).collect::<Vec<_>>())
            .field("asks", &self.orders(Side::Ask).collect::<Vec<_>>())
            .finish()
    }
}
