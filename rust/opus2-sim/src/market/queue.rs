//! The orders of one book: a slab, linked into a first-in-first-out queue per price level.

use opus2_types::{Price, Qty, Side};

/// "No order", as a slot number.
const NONE: u32 = u32::MAX;

/// One resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RestingOrder {
    /// Its number, unique in its instrument.
    pub(crate) id: u64,
    pub(crate) side: Side,
    pub(crate) price: Price,
    /// Above zero.
    pub(crate) qty: Qty,
    /// When it was entered or last moved, in nanoseconds: increasing along a queue.
    pub(crate) stamp: i64,
    older: u32,
    younger: u32,
}

impl RestingOrder {
    pub(crate) const fn new(id: u64, side: Side, price: Price, qty: Qty, stamp: i64) -> Self {
        Self { id, side, price, qty, stamp, older: NONE, younger: NONE }
    }
}

/// The queue of one price level. It is worth nothing without its [`Slab`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queue {
    /// Sum over the orders.
    pub(crate) qty: i64,
    pub(crate) count: u32,
    oldest: u32,
    youngest: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self { qty: 0, count: 0, oldest: NONE, youngest: NONE }
    }
}

/// Where an order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    const fn of(number: u32) -> Option<Self> {
        if number == NONE { None } else { Some(Self(number)) }
    }
}

/// All orders of a book. Freed slots are used again.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    orders: Vec<RestingOrder>,
    free: Vec<u32>,
}

impl Slab {
    pub(crate) fn get(&self, slot: Slot) -> &RestingOrder {
        &self.orders[slot.0 as usize]
    }

    /// The first in the queue.
    pub(crate) const fn oldest(queue: &Queue) -> Option<Slot> {
        Slot::of(queue.oldest)
    }

    /// The last in the queue.
    pub(crate) const fn youngest(queue: &Queue) -> Option<Slot> {
        Slot::of(queue.youngest)
    }

    /// The order before this one in its queue.
    pub(crate) fn older(&self, slot: Slot) -> Option<Slot> {
        Slot::of(self.get(slot).older)
    }

    /// The orders of a queue, oldest first.
    pub(crate) fn iter<'a>(&'a self, queue: &Queue) -> impl Iterator<Item = &'a RestingOrder> + use<'a> {
        let mut next = Self::oldest(queue);
        std::iter::from_fn(move || {
            let order = self.get(next?);
            next = Slot::of(order.younger);
            Some(order)
        })
    }

    /// Puts an order at the end of a queue.
    pub(crate) fn push(&mut self, queue: &mut Queue, mut order: RestingOrder) {
        order.older = queue.youngest;
        order.younger = NONE;
        let number = if let Some(number) = self.free.pop() {
            self.orders[number as usize] = order;
            number
        } else {
            self.orders.push(order);
            u32::try_from(self.orders.len() - 1).expect("fewer orders than 2^32 in a book")
        };
        match Slot::of(queue.youngest) {
            Some(last) => self.orders[last.0 as usize].younger = number,
            None => queue.oldest = number,
        }
        queue.youngest = number;
        queue.qty = queue.qty.saturating_add(order.qty.0);
        queue.count += 1;
    }

    /// Takes an order out of its queue.
    pub(crate) fn remove(&mut self, queue: &mut Queue, slot: Slot) -> RestingOrder {
        let gone = *self.get(slot);
        match Slot::of(gone.older) {
            Some(older) => self.orders[older.0 as usize].younger = gone.younger,
            None => queue.oldest = gone.younger,
        }
        match Slot::of(gone.younger) {
            Some(younger) => self.orders[younger.0 as usize].older = gone.older,
            None => queue.youngest = gone.older,
        }
        queue.qty -= gone.qty.0;
        queue.count -= 1;
        self.free.push(slot.0);
        gone
    }

    /// Makes an order smaller by less than its quantity; it keeps its place, and its time, which tells of the place.
    pub(crate) fn reduce(&mut self, queue: &mut Queue, slot: Slot, by: Qty) -> RestingOrder {
        let order = &mut self.orders[slot.0 as usize];
        debug_assert!(by.0 < order.qty.0, "an order without quantity is removed");
        order.qty.0 -= by.0;
        queue.qty -= by.0;
        *order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_keep_their_place_until_they_leave() {
        let (mut slab, mut queue) = (Slab::default(), Queue::default());
        let order = |id| RestingOrder::new(id, Side::Bid, Price(100), Qty(10), 0);
        let check = |slab: &Slab, queue: &Queue, expect: &[(u64, i64)]| {
            let got: Vec<_> = slab.iter(queue).map(|order| (order.id, order.qty.0)).collect();
            assert_eq!(got, expect);
            assert_eq!(queue.qty, expect.iter().map(|(_, qty)| qty).sum::<i64>());
            assert_eq!(queue.count as usize, expect.len());
        };
        for id in 1..=4 {
            slab.push(&mut queue, order(id));
        }
        check(&slab, &queue, &[(1, 10), (2, 10), (3, 10), (4, 10)]);
        let youngest = Slab::youngest(&queue).unwrap();
        let third = slab.older(youngest).unwrap();
        slab.reduce(&mut queue, third, Qty(4));
        let second = slab.older(third).unwrap();
        assert_eq!(slab.remove(&mut queue, second).id, 2);
        check(&slab, &queue, &[(1, 10), (3, 6), (4, 10)]);
        let oldest = Slab::oldest(&queue).unwrap();
        slab.remove(&mut queue, oldest);
        slab.remove(&mut queue, youngest);
        check(&slab, &queue, &[(3, 6)]);
        slab.push(&mut queue, order(5));
        check(&slab, &queue, &[(3, 6), (5, 10)]);
        assert_eq!(slab.orders.len(), 4, "freed slots are used again");
    }
}
