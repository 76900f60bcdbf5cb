//! Icebergs on a feed of every order: exact.

use opus2_types::{OrderId, Price, Qty, Side};
use serde::{Deserialize, Serialize};

use super::IcebergLife;
use crate::detector::bounded::Bounded;

/// How many filled orders of one book are remembered. The one that was heard of the longest ago gives way.
pub const ORDERS_MAX: usize = 128;
/// After how long without news an order that has shown nothing since its last fill is complete, nanoseconds.
const COMPLETE_AFTER_NANOS: i64 = 60 * 1_000_000_000;

/// A fill of a resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderFill {
    /// The order.
    pub id: OrderId,
    /// Its side of the book.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// What was executed of it.
    pub executed: Qty,
    /// What it showed before.
    pub shown_before: Qty,
}

/// An order that is known to be an iceberg, as far as it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderIceberg {
    /// The order.
    pub id: OrderId,
    /// Its side of the book.
    pub side: Side,
    /// Its price at its last fill.
    pub price: Price,
    /// The most it showed at once, in `Qty` units.
    pub peak: i64,
    /// What it has executed in all, in `Qty` units.
    pub executed: i64,
    /// How often it showed again, or executed more than it showed.
    pub refills: u32,
}

/// An iceberg that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderIcebergEnd {
    /// The iceberg as it ended.
    pub iceberg: OrderIceberg,
    /// What it adds to the estimate of [`Survival`](super::Survival).
    pub life: IcebergLife,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct FilledOrder {
    id: OrderId,
    side: Side,
    price: Price,
    peak: i64,
    executed: i64,
    refills: u32,
    /// What it shows; zero after it was filled to the end of that.
    shown: i64,
    heard: i64,
}

impl Default for FilledOrder {
    fn default() -> Self {
        Self {
            id: OrderId::default(),
            side: Side::Bid,
            price: Price(0),
            peak: 0,
            executed: 0,
            refills: 0,
            shown: 0,
            heard: 0,
        }
    }
}

impl FilledOrder {
    fn iceberg(&self) -> Option<OrderIceberg> {
        let Self { id, side, price, peak, executed, refills, .. } = *self;
        (refills > 0).then_some(OrderIceberg { id, side, price, peak, executed, refills })
    }

    fn end(&self, is_complete: bool) -> Option<OrderIcebergEnd> {
        let iceberg = self.iceberg()?;
        Some(OrderIcebergEnd { iceberg, life: IcebergLife { size: iceberg.executed, is_complete } })
    }
}

/// The filled orders of one instrument's book, and which of them are icebergs.
///
/// An order is followed from its first fill on. It is an iceberg once it executes more than it showed, or shows again
/// under the same id after all it showed was executed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OrderIcebergs {
    orders: Box<Orders>,
    /// Before this time no order can be complete.
    due: i64,
}

type Orders = Bounded<FilledOrder, ORDERS_MAX>;

impl OrderIcebergs {
    /// Takes a fill. Gives back the order when this fill shows that it is an iceberg. A quantity executed that is not
    /// positive is passed over.
    pub fn on_fill(&mut self, now: i64, fill: &OrderFill) -> Option<OrderIceberg> {
        if fill.executed.0 <= 0 {
            return None;
        }
        let shown_before = fill.shown_before.0.max(0);
        if self.at(fill.id).is_none() {
            let OrderFill { id, side, price, .. } = *fill;
            let peak = shown_before;
            self.make_room();
            self.orders.push(FilledOrder { id, side, price, peak, heard: now, ..FilledOrder::default() });
        }
        let order = self.at(fill.id)?;
        let is_hidden = fill.executed.0 > shown_before;
        order.peak = order.peak.max(shown_before);
        order.price = fill.price;
        order.executed = order.executed.saturating_add(fill.executed.0);
        order.refills = order.refills.saturating_add(u32::from(is_hidden));
        order.shown = shown_before.saturating_sub(fill.executed.0).max(0);
        order.heard = now;
        let (found, is_spent) = (order.iceberg(), order.shown == 0);
        if is_spent {
            self.due = self.due.min(complete_at(now));
        }
        if is_hidden { found } else { None }
    }

    /// Takes a fill on a feed that tells of an order only when it is filled. One that had been filled to the end of what
    /// it showed, and shows something now, has shown again in between. Gives back the order when this fill, or that,
    /// shows that it is an iceberg.
    pub fn on_fill_alone(&mut self, now: i64, fill: &OrderFill) -> Option<OrderIceberg> {
        if fill.executed.0 <= 0 {
            return None;
        }
        let is_again = self.on_shown(now, fill.id, fill.shown_before).is_some();
        let is_hidden = self.on_fill(now, fill).is_some();
        if is_again || is_hidden { self.at(fill.id)?.iceberg() } else { None }
    }

    /// Takes an order that now shows `qty`: new, changed, or shown again. Gives back the order when that shows that it is
    /// an iceberg.
    pub fn on_shown(&mut self, now: i64, id: OrderId, qty: Qty) -> Option<OrderIceberg> {
        let order = self.at(id)?;
        let is_again = order.shown == 0 && qty.0 > 0;
        order.shown = qty.0.max(0);
        order.peak = order.peak.max(order.shown);
        order.heard = now;
        order.refills = order.refills.saturating_add(u32::from(is_again));
        if is_again { order.iceberg() } else { None }
    }

    /// Takes an order's cancellation. Gives back an iceberg that has ended by it, censored.
    pub fn on_cancelled(&mut self, id: OrderId) -> Option<OrderIcebergEnd> {
        let index = self.orders.as_slice().iter().position(|order| order.id == id)?;
        let end = self.orders.as_slice().get(index)?.end(false);
        self.orders.remove(index);
        end
    }

    /// Lets time pass: visits every iceberg that has shown nothing for a minute since its last fill, and is complete.
    pub fn advance(&mut self, now: i64, mut visit: impl FnMut(OrderIcebergEnd)) {
        if now < self.due {
            return;
        }
        let mut due = i64::MAX;
        self.orders.retain(|order| {
            let is_over = order.shown == 0 && now >= complete_at(order.heard);
            if is_over && let Some(end) = order.end(true) {
                visit(end);
            }
            if !is_over && order.shown == 0 {
                due = due.min(complete_at(order.heard));
            }
            !is_over
        });
        self.due = due;
    }

    /// Orders were lost: all are forgotten, for nobody saw how they ended.
    pub fn reset_reference(&mut self) {
        self.orders.clear();
    }

    /// The icebergs that are being followed.
    pub fn icebergs(&self) -> impl Iterator<Item = OrderIceberg> {
        self.orders.as_slice().iter().filter_map(FilledOrder::iceberg)
    }

    /// False for a loaded state that no orders can have led to.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let mut orders = self.orders.as_slice().iter();
        orders.all(|order| {
            let is_awaited = order.shown > 0 || complete_at(order.heard) >= self.due;
            order.shown >= 0 && order.peak >= order.shown && order.executed >= 0 && is_awaited
        })
    }

    fn at(&mut self, id: OrderId) -> Option<&mut FilledOrder> {
        self.orders.as_mut_slice().iter_mut().find(|order| order.id == id)
    }

    fn make_room(&mut self) {
        if !self.orders.is_full() {
            return;
        }
        let oldest = self.orders.as_slice().iter().enumerate().min_by_key(|(_, order)| order.heard);
        let oldest = oldest.map_or(0, |(index, _)| index);
        self.orders.remove(oldest);
    }
}

/// When an order is complete that was heard of last at `heard` and shows nothing.
const fn complete_at(heard: i64) -> i64 {
    heard.saturating_add(COMPLETE_AFTER_NANOS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: OrderId = OrderId(7);

    fn fill(id: OrderId, executed: i64, shown_before: i64) -> OrderFill {
        let (executed, shown_before) = (Qty(executed), Qty(shown_before));
        OrderFill { id, side: Side::Ask, price: Price(100), executed, shown_before }
    }

    #[test]
    fn an_order_that_executes_more_than_it_shows_is_an_iceberg() {
        let mut orders = OrderIcebergs::default();
        assert_eq!(orders.on_fill(0, &fill(ID, 5, 10)), None);
        assert_eq!(orders.on_fill(0, &fill(ID, 5, 5)), None);
        let found = orders.on_fill(0, &fill(OrderId(8), 12, 10)).unwrap();
        assert_eq!((found.peak, found.executed, found.refills), (10, 12, 1));
        assert_eq!(orders.icebergs().count(), 1);
    }

    #[test]
    fn an_order_that_shows_again_after_a_fill_is_an_iceberg() {
        let mut orders = OrderIcebergs::default();
        assert_eq!(orders.on_shown(0, ID, Qty(10)), None, "no fill so far");
        assert_eq!(orders.on_fill(1, &fill(ID, 4, 10)), None);
        assert_eq!(orders.on_shown(2, ID, Qty(8)), None, "changed, with some of it left");
        assert_eq!(orders.on_fill(3, &fill(ID, 8, 8)), None);
        let found = orders.on_shown(4, ID, Qty(10)).unwrap();
        assert_eq!((found.peak, found.executed, found.refills), (10, 12, 1));
        let end = orders.on_cancelled(ID).unwrap();
        assert_eq!(end.life, IcebergLife { size: 12, is_complete: false });
        assert_eq!(orders.on_cancelled(ID), None);
    }

    #[test]
    fn an_order_that_is_filled_again_has_shown_again() {
        let mut orders = OrderIcebergs::default();
        for (now, executed, shown, expect) in [
            (0, 4, 10, None),
            (1, 6, 6, None),
            (2, 3, 10, Some((10, 13, 1))),
            (3, 7, 7, None),
            (4, 12, 10, Some((10, 32, 3))),
            (5, 0, 10, None),
            (6, 10, 10, Some((10, 42, 4))),
        ] {
            let found = orders.on_fill_alone(now, &fill(ID, executed, shown));
            assert_eq!(found.map(|found| (found.peak, found.executed, found.refills)), expect, "{now}");
            assert!(orders.is_consistent());
        }
        assert_eq!(orders.on_fill_alone(7, &fill(OrderId(8), 4, 10)), None);
        assert_eq!(orders.on_fill_alone(8, &fill(OrderId(8), 6, 6)), None, "filled in parts");
    }

    #[test]
    fn orders_are_complete_each_at_its_time() {
        let mut orders = OrderIcebergs::default();
        let mut ended = Vec::new();
        for (now, id) in [(0, 1u64), (5, 2), (9, 3)] {
            orders.on_fill(now, &fill(OrderId::from(id), 12, 10));
            orders.advance(now, |end| ended.push(end.iceberg.id.0));
        }
        orders.on_shown(10, OrderId(2), Qty(10));
        for (after, expect) in [(-1, &[][..]), (0, &[1]), (8, &[1]), (9, &[1, 3]), (500, &[1, 3])] {
            orders.advance(COMPLETE_AFTER_NANOS + after, |end| ended.push(end.iceberg.id.0));
            assert_eq!(ended, expect, "{after}");
            assert!(orders.is_consistent());
        }
    }

    #[test]
    fn an_iceberg_that_shows_no_more_is_complete_after_a_minute() {
        let mut orders = OrderIcebergs::default();
        orders.on_fill(0, &fill(ID, 12, 10));
        orders.on_fill(0, &fill(OrderId(8), 10, 10));
        let mut ended = Vec::new();
        orders.advance(COMPLETE_AFTER_NANOS - 1, |end| ended.push(end));
        assert_eq!(ended, []);
        orders.advance(COMPLETE_AFTER_NANOS, |end| ended.push(end));
        assert_eq!(ended.len(), 1, "the other was an ordinary order");
        assert!(ended[0].life.is_complete && orders.is_consistent());
    }

    #[test]
    fn only_so_many_orders_are_remembered() {
        let mut orders = OrderIcebergs::default();
        for (now, id) in (0..).zip(0..1_000u64) {
            orders.on_fill(now, &fill(OrderId::from(id), 12, 10));
        }
        assert_eq!(orders.icebergs().count(), ORDERS_MAX);
        assert!(orders.icebergs().all(|order| order.id >= OrderId(1_000 - 128)));
    }
}
