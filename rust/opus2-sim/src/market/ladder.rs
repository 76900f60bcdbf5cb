//! The book of one instrument, by price level. It is the truth that the venue's feed must lead a client to.

use std::collections::BTreeMap;

use opus2_types::{Aggressor, Level, Price, Qty, Side};

use super::order::{Change, Effects, Fill, Order};

/// A taking order leaves at least this many levels, so that neither side is ever empty.
const SIDE_LEVELS_MIN: usize = 3;

/// Both sides of a book. Never crossed, never locked, no level without quantity.
#[derive(Debug, Default)]
pub(crate) struct Ladder {
    bids: BTreeMap<Price, Qty>,
    asks: BTreeMap<Price, Qty>,
}

impl Ladder {
    fn side(&self, side: Side) -> &BTreeMap<Price, Qty> {
        match side {
            Side::Bid => &self.bids,
            Side::Ask => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Qty> {
        match side {
            Side::Bid => &mut self.bids,
            Side::Ask => &mut self.asks,
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

    /// The quantity resting at a price; zero when there is no level.
    pub(crate) fn qty(&self, side: Side, price: Price) -> Qty {
        self.side(side).get(&price).copied().unwrap_or_default()
    }

    /// How many levels a side has.
    pub(crate) fn count(&self, side: Side) -> usize {
        self.side(side).len()
    }

    /// The best `limit` levels of a side, best first.
    pub(crate) fn levels(&self, side: Side, limit: usize) -> Vec<Level> {
        match side {
            Side::Bid => self.bids.iter().rev().take(limit).map(to_level).collect(),
            Side::Ask => self.asks.iter().take(limit).map(to_level).collect(),
        }
    }

    /// Carries an order out and appends what it did to `effects`.
    ///
    /// An order that finds nothing to do (a cancel of an empty level, a take whose limit reaches nothing) does nothing.
    pub(crate) fn apply(&mut self, order: Order, effects: &mut Effects) {
        match order {
            Order::Add { side, price, qty } => self.add(side, price, qty, effects),
            Order::Cancel { side, price, qty } => self.cancel(side, price, qty, effects),
            Order::Take { aggressor, qty, limit } => self.take(aggressor, qty, limit, effects),
        }
    }

    fn add(&mut self, side: Side, price: Price, qty: Qty, effects: &mut Effects) {
        debug_assert!(qty.0 > 0, "an order rests with quantity");
        debug_assert!(
            self.best(side.opposite()).is_none_or(|best| match side {
                Side::Bid => price < best.price,
                Side::Ask => price > best.price,
            }),
            "a resting order does not reach the other side"
        );
        let resting = self.side_mut(side).entry(price).or_default();
        *resting = Qty(resting.0.saturating_add(qty.0));
        let level = Level { price, qty: *resting };
        effects.changes.push(Change { side, level });
    }

    fn cancel(&mut self, side: Side, price: Price, qty: Qty, effects: &mut Effects) {
        if self.count(side) <= SIDE_LEVELS_MIN {
            return;
        }
        let resting = self.qty(side, price);
        if resting.0 > 0 {
            self.reduce(side, Level { price, qty: resting }, qty, effects);
        }
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
            let taken = left.min(best.qty.0);
            effects.fills.push(Fill { price: best.price, qty: Qty(taken), aggressor });
            self.reduce(side, best, Qty(taken), effects);
            left -= taken;
        }
    }

    fn reduce(&mut self, side: Side, level: Level, by: Qty, effects: &mut Effects) {
        let left = Qty((level.qty.0 - by.0).max(0));
        if left.0 == 0 {
            self.side_mut(side).remove(&level.price);
        } else {
            self.side_mut(side).insert(level.price, left);
        }
        effects.changes.push(Change { side, level: Level { price: level.price, qty: left } });
    }
}

fn to_level((price, qty): (&Price, &Qty)) -> Level {
    Level { price: *price, qty: *qty }
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
            ladder.apply(Order::Add { side: Side::Bid, price: bid, qty: Qty(10) }, &mut effects);
            ladder.apply(Order::Add { side: Side::Ask, price: ask, qty: Qty(10) }, &mut effects);
        }
        ladder
    }

    #[track_caller]
    fn check(order: Order, changes: &[(Side, i64, i64)], fills: &[(i64, i64)]) {
        let mut effects = Effects::default();
        ladder().apply(order, &mut effects);
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
        check(Order::Cancel { side: Ask, price: Price(101), qty: Qty(1) }, &[], &[]);
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
        (0..3, side, 1i64..40, 1i64..30).prop_map(|(kind, side, offset, qty)| match (kind, side) {
            // Bids below 100, asks above: additions that never cross, as the flow promises.
            (0, Side::Bid) => Order::Add { side, price: Price(100 - offset), qty: Qty(qty) },
            (0, Side::Ask) => Order::Add { side, price: Price(100 + offset), qty: Qty(qty) },
            (1, _) => Order::Cancel { side, price: Price(80 + offset), qty: Qty(qty) },
            (_, Side::Bid) => {
                Order::Take { aggressor: Aggressor::Buy, qty: Qty(qty), limit: Price(100 + offset) }
            }
            (_, Side::Ask) => {
                Order::Take { aggressor: Aggressor::Sell, qty: Qty(qty), limit: Price(100 - offset) }
            }
        })
    }

    proptest! {
        #[test]
        fn changes_alone_rebuild_the_book(orders in prop::collection::vec(order(), 1..200)) {
            let mut ladder = ladder();
            let mut copy: BTreeMap<(Side, Price), Qty> = [Side::Bid, Side::Ask]
                .into_iter()
                .flat_map(|side| ladder.levels(side, usize::MAX).into_iter().map(move |l| ((side, l.price), l.qty)))
                .collect();
            let mut effects = Effects::default();
            for order in orders {
                effects.clear();
                ladder.apply(order, &mut effects);
                for Change { side, level } in &effects.changes {
                    prop_assert!(level.qty.0 >= 0);
                    match level.qty.0 {
                        0 => copy.remove(&(*side, level.price)),
                        _ => copy.insert((*side, level.price), level.qty),
                    };
                }
                for side in [Side::Bid, Side::Ask] {
                    let levels = ladder.levels(side, usize::MAX);
                    prop_assert_eq!(levels.len(), copy.keys().filter(|key| key.0 == side).count());
                    prop_assert!(levels.iter().all(|level| copy.get(&(side, level.price)) == Some(&level.qty)));
                }
                prop_assert!(ladder.best(Side::Bid).unwrap().price < ladder.best(Side::Ask).unwrap().price);
            }
        }
    }

    #[test]
    fn a_take_never_empties_a_side() {
        let mut ladder = ladder();
        let everything =
            Order::Take { aggressor: Aggressor::Buy, qty: Qty(i64::MAX), limit: Price(i64::MAX) };
        ladder.apply(everything, &mut Effects::default());
        assert_eq!(ladder.count(Side::Ask), SIDE_LEVELS_MIN);
    }
}
