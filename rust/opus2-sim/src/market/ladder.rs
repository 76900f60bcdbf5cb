//! The book of one instrument, order by order. It is the truth that the venue's feed must lead a client to.

use std::collections::BTreeMap;

use opus2_types::{Aggressor, Level, Price, Qty, Side};

use super::order::{Change, Effects, Fill, Order, OrderEvent, OrderEventKind, Taker};
use super::queue::{Queue, RestingOrder, Slab};

/// A taking order leaves at least this many levels, so that neither side is ever empty.
const SIDE_LEVELS_MIN: usize = 3;

/// Both sides of a book: levels in order of price, orders in order of time. Never crossed, never locked, no level
/// without an order.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    bids: BTreeMap<Price, Queue>,
    asks: BTreeMap<Price, Queue>,
    orders: Slab,
    /// Number of the latest order.
    last_id: u64,
}

impl Ladder {
    /// An empty book whose first order has the number after `last_id`.
    pub(crate) fn new(last_id: u64) -> Self {
        Self { last_id, ..Self::default() }
    }

    fn side(&self, side: Side) -> &BTreeMap<Price, Queue> {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    /// A side, to be changed, and the orders of both.
    fn side_mut(&mut self, side: Side) -> (&mut BTreeMap<Price, Queue>, &mut Slab) {
        match side {
            Side::Bid => (&mut self.bids, &mut self.orders),
            Side::Ask => (&mut self.asks, &mut self.orders),
        }
    }

    /// The best level of a side.
    pub(crate) fn best(&self, side: Side) -> Option<Level> {
        let entry = match side {
            Side::Bid => self.bids.last_key_value(),
            Side::Ask => self.asks.first_key_value(),
        };
        entry.map(to_level)
    }

    /// The level furthest from the spread.
    pub(crate) fn worst(&self, side: Side) -> Option<Level> {
        let entry = match side {
            Side::Bid => self.bids.first_key_value(),
            Side::Ask => self.asks.last_key_value(),
        };
        entry.map(to_level)
    }

    /// The first level at this price or further from the spread.
    pub(crate) fn at_or_beyond(&self, side: Side, price: Price) -> Option<Level> {
        match side {
            Side::Bid => self.bids.range(..=price).next_back().map(to_level),
            Side::Ask => self.asks.range(price..).next().map(to_level),
        }
    }

    /// The last level before this price, coming from the spread.
    pub(crate) fn before(&self, side: Side, price: Price) -> Option<Level> {
        match side {
            Side::Bid => self.bids.range(Price(price.0 + 1)..).next().map(to_level),
            Side::Ask => self.asks.range(..price).next_back().map(to_level),
        }
    }

    /// The quantity resting at a price; zero when there is no level.
    pub(crate) fn qty(&self, side: Side, price: Price) -> Qty {
        Qty(self.side(side).get(&price).map_or(0, |queue| queue.qty))
    }

    /// The orders resting at a price, in the order in which they trade.
    pub(crate) fn queue(&self, side: Side, price: Price) -> impl Iterator<Item = &RestingOrder> {
        self.side(side).get(&price).into_iter().flat_map(|queue| self.orders.iter(queue))
    }

    /// How many orders rest at a price.
    pub(crate) fn queue_len(&self, side: Side, price: Price) -> usize {
        self.side(side).get(&price).map_or(0, |queue| queue.count as usize)
    }

    /// How many levels a side has.
    pub(crate) fn count(&self, side: Side) -> usize {
        self.side(side).len()
    }

    /// The levels of a side, best first.
    pub(crate) fn iter(&self, side: Side) -> Box<dyn Iterator<Item = Level> + '_> {
        match side {
            Side::Bid => Box::new(self.bids.iter().rev().map(to_level)),
            Side::Ask => Box::new(self.asks.iter().map(to_level)),
        }
    }

    /// The best `limit` levels of a side, best first.
    pub(crate) fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        self.iter(side).take(limit).collect()
    }

    /// Carries an order out and appends what it did to `effects`. `stamp` becomes the time of what it enters or amends.
    ///
    /// An order that finds nothing to do (a cancel of an empty level, a take whose limit reaches nothing) does nothing.
    pub(crate) fn apply(&mut self, order: Order, stamp: i64, effects: &mut Effects) {
        match order {
            Order::Add { side, price, qty } => {
                self.last_id += 1;
                self.add(RestingOrder::new(self.last_id, side, price, qty, stamp), effects);
            }
            Order::Cancel { side, price, qty } => self.cancel(side, price, qty, effects),
            Order::Move { side, from, to } => self.relocate(side, from, to, stamp, effects),
            Order::Take { aggressor, qty, limit } => self.take(aggressor, qty, limit, effects),
        }
    }

    fn add(&mut self, order: RestingOrder, effects: &mut Effects) {
        let (side, price) = (order.side, order.price);
        self.enqueue(order, effects);
        let kind = OrderEventKind::Added { at: Level { price, qty: order.qty } };
        effects.orders.push(OrderEvent { id: order.id, side, stamp: order.stamp, kind });
    }

    fn enqueue(&mut self, order: RestingOrder, effects: &mut Effects) {
        let (side, price) = (order.side, order.price);
        debug_assert!(order.qty.0 > 0, "an order rests with quantity");
        debug_assert!(
            self.best(side.opposite()).is_none_or(|best| match side {
                Side::Bid => price < best.price,
                Side::Ask => price > best.price,
            }),
            "a resting order does not reach the other side"
        );
        let (levels, orders) = self.side_mut(side);
        let queue = levels.entry(price).or_default();
        let before = Qty(queue.qty);
        orders.push(queue, order);
        let level = Level { price, qty: Qty(queue.qty) };
        effects.changes.push(Change { side, level, before });
    }

    /// Starts somewhere in the queue (a whole level: at its end) and goes towards the older orders.
    fn cancel(&mut self, side: Side, price: Price, qty: Qty, effects: &mut Effects) {
        if self.count(side) <= SIDE_LEVELS_MIN {
            return;
        }
        let (levels, orders) = self.side_mut(side);
        let Some(queue) = levels.get_mut(&price) else { return };
        let before = Qty(queue.qty);
        let mut next = Slab::youngest(queue);
        if qty < before {
            for _ in 0..qty.0 % i64::from(queue.count) {
                next = next.and_then(|slot| orders.older(slot));
            }
        }
        let mut left = qty.0.min(before.0);
        while let Some(slot) = next.filter(|_| left > 0) {
            next = orders.older(slot);
            let whole = *orders.get(slot);
            if whole.qty.0 > left.saturating_mul(2) {
                let order = orders.reduce(queue, slot, Qty(left));
                let kind = OrderEventKind::Reduced { at: Level { price, qty: order.qty }, before: whole.qty };
                effects.orders.push(OrderEvent { id: order.id, side, stamp: order.stamp, kind });
                break;
            }
            left -= whole.qty.0;
            orders.remove(queue, slot);
            let kind = OrderEventKind::Canceled { at: Level { price, qty: whole.qty } };
            effects.orders.push(OrderEvent { id: whole.id, side, stamp: whole.stamp, kind });
        }
        let level = Level { price, qty: Qty(queue.qty) };
        effects.changes.push(Change { side, level, before });
        self.drop_empty(side, price);
    }

    fn relocate(&mut self, side: Side, from: Price, to: Price, stamp: i64, effects: &mut Effects) {
        if from == to || self.count(side) <= SIDE_LEVELS_MIN {
            return;
        }
        let (levels, orders) = self.side_mut(side);
        let Some(queue) = levels.get_mut(&from) else { return };
        let Some(slot) = Slab::youngest(queue) else { return };
        let before = Qty(queue.qty);
        let order = orders.remove(queue, slot);
        let level = Level { price: from, qty: Qty(queue.qty) };
        effects.changes.push(Change { side, level, before });
        self.drop_empty(side, from);
        self.enqueue(RestingOrder::new(order.id, side, to, order.qty, stamp), effects);
        let kind = OrderEventKind::Moved {
            from: Level { price: from, qty: order.qty },
            to: Level { price: to, qty: order.qty },
        };
        effects.orders.push(OrderEvent { id: order.id, side, stamp, kind });
    }

    fn take(&mut self, aggressor: Aggressor, qty: Qty, limit: Price, effects: &mut Effects) {
        let side = match aggressor {
            Aggressor::Buy => Side::Ask,
            Aggressor::Sell => Side::Bid,
        };
        let mut left = qty.0;
        while left > 0 && self.count(side) > SIDE_LEVELS_MIN {
            let Some(best) = self.best(side) else { break };
            let is_reachable = match aggressor {
                Aggressor::Buy => best.price <= limit,
                Aggressor::Sell => best.price >= limit,
            };
            if !is_reachable {
                break;
            }
            left -= self.trade_level(side, best, aggressor, left, effects);
        }
        if left < qty.0 {
            self.last_id += 1;
            let id = self.last_id;
            effects.taker = Some(Taker { id, aggressor, qty, left: Qty(left), limit });
        }
    }

    /// Trades up to `wanted` against the queue of the best level; how much it was.
    fn trade_level(
        &mut self,
        side: Side,
        best: Level,
        aggressor: Aggressor,
        wanted: i64,
        effects: &mut Effects,
    ) -> i64 {
        let (price, mut traded) = (best.price, 0);
        let (levels, orders) = self.side_mut(side);
        let Some(queue) = levels.get_mut(&price) else { return 0 };
        while traded < wanted
            && let Some(slot) = Slab::oldest(queue)
        {
            let maker = *orders.get(slot);
            let qty = maker.qty.0.min(wanted - traded);
            traded += qty;
            if qty == maker.qty.0 {
                orders.remove(queue, slot);
            } else {
                orders.reduce(queue, slot, Qty(qty));
            }
            effects.fills.push(Fill { price, qty: Qty(qty), aggressor });
            let at = Level { price, qty: Qty(maker.qty.0 - qty) };
            let kind = OrderEventKind::Filled { at, traded: Qty(qty) };
            effects.orders.push(OrderEvent { id: maker.id, side, stamp: maker.stamp, kind });
        }
        let level = Level { price, qty: Qty(queue.qty) };
        effects.changes.push(Change { side, level, before: best.qty });
        self.drop_empty(side, price);
        traded
    }

    fn drop_empty(&mut self, side: Side, price: Price) {
        let (levels, _) = self.side_mut(side);
        if levels.get(&price).is_some_and(|queue| queue.count == 0) {
            levels.remove(&price);
        }
    }
}

fn to_level((price, queue): (&Price, &Queue)) -> Level {
    Level { price: *price, qty: Qty(queue.qty) }
}

/// A book of these orders, price and quantity, in the order of time.
#[cfg(test)]
pub(crate) fn test_book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Ladder {
    let mut ladder = Ladder::default();
    let mut effects = Effects::default();
    for (side, orders) in [(Side::Bid, bids), (Side::Ask, asks)] {
        for (price, qty) in orders {
            ladder.apply(Order::Add { side, price: Price(*price), qty: Qty(*qty) }, 0, &mut effects);
        }
    }
    ladder
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ladder() -> Ladder {
        let mut ladder = Ladder::default();
        let mut effects = Effects::default();
        for step in 0..5 {
            let (bid, ask) = (Price(100 - step), Price(102 + step));
            ladder.apply(Order::Add { side: Side::Bid, price: bid, qty: Qty(10) }, 0, &mut effects);
            ladder.apply(Order::Add { side: Side::Ask, price: ask, qty: Qty(10) }, 0, &mut effects);
        }
        ladder
    }

    #[track_caller]
    fn check(order: Order, changes: &[(Side, i64, i64)], fills: &[(i64, i64)]) {
        let mut effects = Effects::default();
        ladder().apply(order, 0, &mut effects);
        let got: Vec<_> = effects.changes.iter().map(|c| (c.side, c.level.price.0, c.level.qty.0)).collect();
        assert_eq!(got, changes, "{order:?}");
        let got: Vec<_> = effects.fills.iter().map(|fill| (fill.price.0, fill.qty.0)).collect();
        assert_eq!(got, fills, "{order:?}");
    }

    #[test]
    fn an_order_changes_the_levels_it_touches() {
        use Side::{Ask, Bid};
        check(Order::Add { side: Bid, price: Price(101), qty: Qty(3) }, &[(Bid, 101, 3)], &[]);
        check(Order::Add { side: Ask, price: Price(102), qty: Qty(3) }, &[(Ask, 102, 13)], &[]);
        check(Order::Cancel { side: Ask, price: Price(102), qty: Qty(3) }, &[(Ask, 102, 7)], &[]);
        check(Order::Cancel { side: Ask, price: Price(102), qty: Qty(99) }, &[(Ask, 102, 0)], &[]);
        check(Order::Cancel { side: Ask, price: Price(102), qty: Qty(6) }, &[(Ask, 102, 0)], &[]);
        check(Order::Cancel { side: Ask, price: Price(101), qty: Qty(1) }, &[], &[]);
        check(
            Order::Move { side: Bid, from: Price(97), to: Price(100) },
            &[(Bid, 97, 0), (Bid, 100, 20)],
            &[],
        );
    }

    #[test]
    fn a_take_walks_the_other_side_up_to_its_limit() {
        use Side::{Ask, Bid};
        let take = |aggressor, qty, limit| Order::Take { aggressor, qty: Qty(qty), limit: Price(limit) };
        check(take(Aggressor::Buy, 4, 110), &[(Ask, 102, 6)], &[(102, 4)]);
        check(take(Aggressor::Buy, 14, 110), &[(Ask, 102, 0), (Ask, 103, 6)], &[(102, 10), (103, 4)]);
        check(take(Aggressor::Buy, 14, 102), &[(Ask, 102, 0)], &[(102, 10)]);
        check(take(Aggressor::Sell, 14, 99), &[(Bid, 100, 0), (Bid, 99, 6)], &[(100, 10), (99, 4)]);
        check(take(Aggressor::Sell, 14, 101), &[], &[]);
    }

    fn order() -> impl Strategy<Value = Order> {
        let side = prop_oneof![Just(Side::Bid), Just(Side::Ask)];
        (0..4, side, 1i64..40, 1i64..30).prop_map(|(kind, side, offset, qty)| match (kind, side) {
            // Bids below 100, asks above: additions that never cross, as the flow promises.
            (0, Side::Bid) => Order::Add { side, price: Price(100 - offset), qty: Qty(qty) },
            (0, Side::Ask) => Order::Add { side, price: Price(100 + offset), qty: Qty(qty) },
            (1, _) => Order::Cancel { side, price: Price(80 + offset), qty: Qty(qty) },
            (3, Side::Bid) => Order::Move { side, from: Price(100 - offset), to: Price(100 - qty) },
            (3, Side::Ask) => Order::Move { side, from: Price(100 + offset), to: Price(100 + qty) },
            (_, Side::Bid) => {
                Order::Take { aggressor: Aggressor::Buy, qty: Qty(qty), limit: Price(100 + offset) }
            }
            (_, Side::Ask) => {
                Order::Take { aggressor: Aggressor::Sell, qty: Qty(qty), limit: Price(100 - offset) }
            }
        })
    }

    /// A client that believes the changes of levels, and one that believes what happened to orders.
    #[derive(Default)]
    struct Clients {
        levels: BTreeMap<(Side, Price), Qty>,
        queues: BTreeMap<(Side, Price), Vec<(u64, i64)>>,
    }

    impl Clients {
        fn of(ladder: &Ladder) -> Self {
            let mut clients = Self::default();
            for side in [Side::Bid, Side::Ask] {
                for level in ladder.iter(side) {
                    clients.levels.insert((side, level.price), level.qty);
                    let queue =
                        ladder.queue(side, level.price).map(|order| (order.id, order.qty.0)).collect();
                    clients.queues.insert((side, level.price), queue);
                }
            }
            clients
        }

        fn hear(&mut self, effects: &Effects) {
            for Change { side, level, before } in &effects.changes {
                assert_eq!(self.levels.get(&(*side, level.price)).copied().unwrap_or_default(), *before);
                match level.qty.0 {
                    0 => self.levels.remove(&(*side, level.price)),
                    _ => self.levels.insert((*side, level.price), level.qty),
                };
            }
            for event in &effects.orders {
                let mut set = |price: Price, qty: i64| {
                    let queue = self.queues.entry((event.side, price)).or_default();
                    match queue.iter().position(|(id, _)| *id == event.id) {
                        Some(at) if qty == 0 => drop(queue.remove(at)),
                        Some(at) => queue[at].1 = qty,
                        None => queue.push((event.id, qty)),
                    }
                };
                match event.kind {
                    OrderEventKind::Canceled { at } => set(at.price, 0),
                    OrderEventKind::Added { at }
                    | OrderEventKind::Reduced { at, .. }
                    | OrderEventKind::Filled { at, .. } => set(at.price, at.qty.0),
                    OrderEventKind::Moved { from, to } => {
                        set(from.price, 0);
                        set(to.price, to.qty.0);
                    }
                }
            }
            self.queues.retain(|_, queue| !queue.is_empty());
        }
    }

    proptest! {
        #[test]
        fn what_happened_to_levels_and_to_orders_each_rebuilds_the_book(
            orders in prop::collection::vec(order(), 1..200),
        ) {
            let mut ladder = ladder();
            let mut clients = Clients::of(&ladder);
            let mut effects = Effects::default();
            for order in orders {
                effects.clear();
                ladder.apply(order, 0, &mut effects);
                clients.hear(&effects);
                let truth = Clients::of(&ladder);
                prop_assert_eq!(&clients.levels, &truth.levels);
                prop_assert_eq!(&clients.queues, &truth.queues);
                for (key, queue) in &truth.queues {
                    prop_assert_eq!(truth.levels[key].0, queue.iter().map(|order| order.1).sum::<i64>());
                }
                prop_assert!(ladder.best(Side::Bid).unwrap().price < ladder.best(Side::Ask).unwrap().price);
                let traded: i64 = effects.fills.iter().map(|fill| fill.qty.0).sum();
                prop_assert_eq!(traded, effects.taker.map_or(0, |taker| taker.qty.0 - taker.left.0));
            }
        }
    }

    #[test]
    fn a_take_never_empties_a_side() {
        let mut ladder = ladder();
        let everything =
            Order::Take { aggressor: Aggressor::Buy, qty: Qty(i64::MAX), limit: Price(i64::MAX) };
        ladder.apply(everything, 0, &mut Effects::default());
        assert_eq!(ladder.count(Side::Ask), SIDE_LEVELS_MIN);
    }
}
