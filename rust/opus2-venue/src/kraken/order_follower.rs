//! Following one instrument by v2 `level3`: every order of the levels within its depth.

use opus2_book::{InsertRefused, Orders, SavedOrders};
use opus2_types::{Channel, Level, Side};
use serde::{Deserialize, Serialize};

use super::book::BookHead;
use super::checksum::Checksum;
use super::level3::{OrderAction, OrderEvent, read_orders};
use crate::Reject;
use crate::feed::core::{CROSSED_NANOS_MAX, Core};
use crate::feed::{Applied, What};

/// Kraken's half of a [`Feed`](crate::Feed) of orders: the procedure of [`BookFollower`](super::BookFollower), and
///
/// 1. inside one price the older order comes first. The venue tells of orders in this order; orders that it tells of
///    together, in a snapshot or as a level comes back into scope, are put into it by their times;
/// 2. an order whose quantity is modified keeps its place; one whose price is modified goes to the end of its new queue;
/// 3. no removal comes for orders that fall out of scope, so a modification or removal may be of an order that is not
///    there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OrderFollower {
    depth: u16,
    #[serde(skip)]
    orders: Orders,
    /// The orders while the feed is saved; empty otherwise.
    saved: SavedOrders,
    #[serde(skip)]
    checksum: Checksum,
    #[serde(skip)]
    events: Vec<OrderEvent>,
}

/// Of followers that are saved: their orders are in `saved`.
impl PartialEq for OrderFollower {
    fn eq(&self, other: &Self) -> bool {
        self.depth == other.depth && self.saved == other.saved
    }
}

impl Eq for OrderFollower {}

impl OrderFollower {
    pub(crate) fn new(depth: u16) -> Self {
        Self {
            depth,
            orders: Orders::new(),
            saved: SavedOrders::default(),
            checksum: Checksum::default(),
            events: Vec::new(),
        }
    }

    pub(crate) const fn depth(&self) -> u16 {
        self.depth
    }

    pub(crate) const fn orders(&self) -> &Orders {
        &self.orders
    }

    pub(crate) fn restart(&mut self) {
        self.orders.clear();
        self.checksum.reset();
    }

    pub(crate) fn pack(&mut self, core: &Core) {
        self.saved = self.orders.save(&core.book);
        self.orders = Orders::new();
    }

    /// The reverse of [`pack`](Self::pack); false for a state that no feed can have.
    pub(crate) fn unpack(&mut self, core: &Core) -> bool {
        let saved = std::mem::take(&mut self.saved);
        let (mut levels_count, mut are_equal) = (0, true);
        let restored = Orders::restore(&saved, |side, level| {
            levels_count += 1;
            are_equal &= core.book.qty_at(side, level.price) == level.qty;
        });
        let Some(orders) = restored else { return false };
        self.orders = orders;
        are_equal && levels_count == core.book.side(Side::Bid).len() + core.book.side(Side::Ask).len()
    }

    pub(crate) fn apply(
        &mut self,
        core: &mut Core,
        channel: Channel,
        bytes: &[u8],
        applied: &mut Applied,
    ) -> Result<What, Reject> {
        match channel {
            Channel::Depth if core.is_waiting() => {
                core.counts.dropped_before_snapshot += 1;
                Ok(What::Covered)
            }
            Channel::Depth => {
                self.apply_update(core, bytes, applied)?;
                Ok(core.settle(applied, Some(CROSSED_NANOS_MAX)))
            }
            Channel::Snapshot => {
                // A snapshot that is of no use leaves nobody knowing what the book is.
                self.apply_snapshot(core, bytes, applied).inspect_err(|_| core.is_lost = true)?;
                Ok(core.settle_snapshot(applied, Some(CROSSED_NANOS_MAX)))
            }
            _ => Ok(What::Other),
        }
    }

    fn apply_update(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<(), Reject> {
        core.levels.clear();
        let head = self.read(core, bytes, applied)?;
        for at in 0..self.events.len() {
            self.apply_event(core, self.events[at])?;
        }
        core.counts.applied += 1;
        self.finish(core, head)
    }

    fn apply_snapshot(&mut self, core: &mut Core, bytes: &[u8], applied: &mut Applied) -> Result<(), Reject> {
        self.restart();
        core.levels.clear();
        let head = self.read(core, bytes, applied)?;
        core.book.clear();
        for OrderEvent { side, order, .. } in &self.events {
            let level = self.orders.insert(*side, *order).map_err(refused)?;
            core.book.apply(*side, level);
        }
        for side in [Side::Bid, Side::Ask] {
            core.levels.side_mut(side).extend(core.book.side(side).levels());
        }
        core.counts.snapshots += 1;
        self.finish(core, head)
    }

    /// Reads a message; orders that it adds one after the other are put into the order of their times.
    fn read(&mut self, core: &Core, bytes: &[u8], applied: &mut Applied) -> Result<BookHead, Reject> {
        let head = read_orders(bytes, &core.spec, &mut self.events)?;
        applied.exch_ts = head.exch_ts;
        let is_run = |one: &OrderEvent, next: &OrderEvent| {
            one.side == next.side && one.action == OrderAction::Add && next.action == OrderAction::Add
        };
        for run in self.events.chunk_by_mut(is_run) {
            run.sort_by_key(|event| event.order_ts);
        }
        Ok(head)
    }

    fn apply_event(&mut self, core: &mut Core, event: OrderEvent) -> Result<(), Reject> {
        let OrderEvent { action, side, order, .. } = event;
        let change = match action {
            OrderAction::Add => {
                let level = self.orders.insert(side, order).map_err(refused)?;
                self.touch(core, side, level);
                return Ok(());
            }
            OrderAction::Modify => match self.orders.order(order.id) {
                Some((_, before)) if before.price == order.price => self.orders.resize(order.id, order.qty),
                _ => self.orders.modify(order.id, order.price, order.qty),
            },
            OrderAction::Delete => self.orders.remove(order.id),
        };
        let Some(change) = change else {
            core.counts.absent_removed += 1;
            return Ok(());
        };
        if let Some(left) = change.left {
            self.touch(core, change.side, left);
        }
        self.touch(core, change.side, change.level);
        Ok(())
    }

    /// A level has another quantity now.
    fn touch(&mut self, core: &mut Core, side: Side, level: Level) {
        self.checksum.touch(side, level.price);
        core.levels.side_mut(side).push(level);
        core.apply_level(side, level);
    }

    /// Steps 3 and 4.
    fn finish(&mut self, core: &mut Core, head: BookHead) -> Result<(), Reject> {
        self.orders.truncate(&mut core.book, usize::from(self.depth));
        let ours = self.checksum.of_orders(&self.orders, &core.book);
        core.take_checksum(ours, head.checksum)
    }
}

const fn refused(refused: InsertRefused) -> Reject {
    match refused {
        InsertRefused::Duplicate => Reject::DuplicateOrder,
        InsertRefused::NoQuantity => Reject::BadQuantity,
        _ => Reject::TooManyOrders,
    }
}
