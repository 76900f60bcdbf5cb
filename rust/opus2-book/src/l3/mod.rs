//! Every order of an instrument, in the order in which it will be executed.

mod index;
mod orders;
mod queue;
mod saved;
mod slab;

use std::fmt;

use opus2_types::{BookView, Level, Order, OrderId, Price, Qty, Side};

use crate::L2Book;
pub use orders::{InsertRefused, ORDERS_MAX, OrderChange, Orders, QueuePosition};
pub use queue::OrderQueue;
pub use saved::{SavedOrders, SavedQueues};

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
    orders: Orders,
    l2: L2Book,
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
        Self { orders: Orders::new(), l2: L2Book::new() }
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
        self.orders.is_empty()
    }

    /// Forgets every order, keeps the memory.
    pub fn clear(&mut self) {
        self.orders.clear();
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
        let level = self.orders.insert(side, order)?;
        self.l2.apply(side, level);
        Ok(level)
    }

    /// Takes `by` from an order, as an execution does; it is gone when nothing is left. `None` when it is not there.
    ///
    /// Never takes more than there is: compare [`OrderChange::before`] with `by` to find out.
    #[inline]
    pub fn reduce(&mut self, id: OrderId, by: Qty) -> Option<OrderChange> {
        let change = self.orders.reduce(id, by)?;
        self.l2.apply_change(&change);
        Some(change)
    }

    /// Sets an order's quantity; its place is kept. Zero or less removes it. `None` when it is not there.
    pub fn resize(&mut self, id: OrderId, qty: Qty) -> Option<OrderChange> {
        let change = self.orders.resize(id, qty)?;
        self.l2.apply_change(&change);
        Some(change)
    }

    /// Sets an order's price and quantity; see the type for the place it gets. Zero or less removes it. `None` when it
    /// is not there.
    pub fn modify(&mut self, id: OrderId, price: Price, qty: Qty) -> Option<OrderChange> {
        let change = self.orders.modify(id, price, qty)?;
        self.l2.apply_change(&change);
        Some(change)
    }

    /// Removes an order. `None` when it is not there.
    #[inline]
    pub fn remove(&mut self, id: OrderId) -> Option<OrderChange> {
        let change = self.orders.remove(id)?;
        self.l2.apply_change(&change);
        Some(change)
    }

    /// Keeps the best `levels_max` prices of each side. Gives the number of orders that went with the others.
    pub fn truncate(&mut self, levels_max: usize) -> usize {
        self.orders.truncate(&mut self.l2, levels_max)
    }

    /// An order and its side.
    #[must_use]
    pub fn order(&self, id: OrderId) -> Option<(Side, Order)> {
        self.orders.order(id)
    }

    /// Where an order stands in its queue. Takes as long as the shorter of the ways to the two ends of the queue.
    #[must_use]
    pub fn position(&self, id: OrderId) -> Option<QueuePosition> {
        self.orders.position(id)
    }

    /// The orders at a price of one side; `None` when there are none.
    #[must_use]
    pub fn queue(&self, side: Side, price: Price) -> Option<OrderQueue<'_>> {
        self.orders.queue(side, price)
    }

    /// The queues of one side, best price first.
    pub fn queues(&self, side: Side) -> impl Iterator<Item = OrderQueue<'_>> {
        self.orders.queues(&self.l2, side)
    }

    /// Every order of one side, best price first, and at one price in the order of the queue.
    pub fn orders(&self, side: Side) -> impl Iterator<Item = Order> + '_ {
        self.queues(side).flat_map(OrderQueue::orders)
    }

    /// What to save.
    #[must_use]
    pub fn save(&self) -> SavedOrders {
        self.orders.save(&self.l2)
    }

    /// The book that [`save`](Self::save) was called on; `None` for what no book can have saved.
    #[must_use]
    pub fn restore(saved: &SavedOrders) -> Option<Self> {
        let mut book = Self::new();
        book.orders = Orders::restore(saved, |side, level| {
            book.l2.apply(side, level);
        })?;
        Some(book)
    }
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
