//! Which levels of a side a client with a limited depth sees, and which come into its sight.

use opus2_types::{Level, Price, Side};

use crate::market::{Change, Ladder};

/// The best levels of one side, up to a depth.
///
/// A client cuts its book to the depth after every message. It is told of every change of a level that it keeps, and of
/// a level that comes within the depth because a better one has gone; of one that is pushed out it is not told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    side: Side,
    depth: usize,
    /// Levels within the depth.
    count: usize,
    /// The worst of them, when there are as many as the depth; otherwise everything is in sight.
    edge: Option<Price>,
}

/// What a step does to a client's sight of a side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    side: Side,
    before: Option<Price>,
    after: Option<Price>,
}

impl Sight {
    /// Whether a level at this price was within the depth, or would have been.
    pub(crate) fn had(&self, price: Price) -> bool {
        is_within(self.side, price, self.before)
    }

    /// Whether a level at this price is within the depth now, and changes of it are told: a level that has just come
    /// into sight is told as a whole instead.
    pub(crate) fn keeps(&self, price: Price) -> bool {
        self.had(price) && is_within(self.side, price, self.after)
    }
}

fn is_within(side: Side, price: Price, edge: Option<Price>) -> bool {
    edge.is_none_or(|edge| match side {
        Side::Bid => price >= edge,
        Side::Ask => price <= edge,
    })
}

/// The next price further from the spread.
fn beyond(side: Side, price: Price) -> Price {
    match side {
        Side::Bid => Price(price.0 - 1),
        Side::Ask => Price(price.0 + 1),
    }
}

impl Scope {
    /// The sight of a client that gets the book as it is now.
    pub(crate) fn new(ladder: &Ladder, side: Side, depth: usize) -> Self {
        let (mut count, mut edge) = (0, None);
        for level in ladder.iter(side).take(depth) {
            count += 1;
            edge = Some(level.price);
        }
        Self { side, depth, count, edge: edge.filter(|_| count == depth) }
    }

    /// Goes along with a step. Levels that come into sight are appended to `entered`, best first.
    pub(crate) fn advance(&mut self, ladder: &Ladder, changes: &[Change], entered: &mut Vec<Level>) -> Sight {
        let (side, before) = (self.side, self.edge);
        let mut count = self.count;
        for change in changes.iter().filter(|change| change.side == side) {
            if is_within(side, change.level.price, before) {
                count += usize::from(change.before.0 == 0);
                count -= usize::from(change.level.qty.0 == 0);
            }
        }
        // The worst level of those counted.
        let worst = match before {
            None => ladder.worst(side).map(|level| level.price),
            Some(edge) if ladder.qty(side, edge).0 > 0 => Some(edge),
            Some(edge) => ladder.before(side, edge).map(|level| level.price),
        };
        let mut edge = worst;
        while count > self.depth {
            edge = edge.and_then(|edge| ladder.before(side, edge)).map(|level| level.price);
            count -= 1;
        }
        if let Some(old_edge) = before {
            let mut next = beyond(side, old_edge);
            while count < self.depth
                && let Some(level) = ladder.at_or_beyond(side, next)
            {
                entered.push(level);
                count += 1;
                edge = Some(level.price);
                next = beyond(side, level.price);
            }
        }
        self.count = count;
        self.edge = edge.filter(|_| count == self.depth);
        Sight { side, before, after: self.edge }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use opus2_types::{Qty, Venue};
    use proptest::prelude::*;

    use super::*;
    use crate::market::{World, test_config};

    /// A client's side: quantity by distance from the spread.
    type Levels = BTreeMap<i64, Qty>;

    fn key(side: Side, price: Price) -> i64 {
        if side == Side::Bid { -price.0 } else { price.0 }
    }

    fn truth(ladder: &Ladder, side: Side, depth: usize) -> Levels {
        ladder.iter(side).take(depth).map(|level| (key(side, level.price), level.qty)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

        #[test]
        fn a_client_that_truncates_always_has_the_best_levels(seed: u64, depth in 1usize..40) {
            let mut world = World::new(&test_config(seed, Venue::Kraken, 1, 200.0), 0);
            // Depths up to more than there are levels.
            let depth = if depth > 35 { depth * 20 } else { depth };
            let sides = [Side::Bid, Side::Ask];
            let mut scopes = sides.map(|side| Scope::new(world.ladder(0), side, depth));
            let mut clients = sides.map(|side| truth(world.ladder(0), side, depth));
            let mut entered = Vec::new();
            let mut entered_count = 0;
            for _ in 0..3_000 {
                world.step(0);
                let (step, ladder) = (world.latest(), world.ladder(0));
                for ((side, scope), client) in sides.into_iter().zip(&mut scopes).zip(&mut clients) {
                    entered.clear();
                    let sight = scope.advance(ladder, &step.effects.changes, &mut entered);
                    for change in step.effects.changes.iter().filter(|change| change.side == side) {
                        let price = change.level.price;
                        if change.level.qty.0 == 0 && sight.had(price) {
                            client.remove(&key(side, price));
                        } else if change.level.qty.0 > 0 && sight.keeps(price) {
                            client.insert(key(side, price), change.level.qty);
                        }
                    }
                    for level in &entered {
                        prop_assert!(client.insert(key(side, level.price), level.qty).is_none(), "told once");
                    }
                    entered_count += entered.len();
                    while client.len() > depth {
                        client.pop_last();
                    }
                    prop_assert_eq!(&*client, &truth(ladder, side, depth));
                }
            }
            prop_assert!(depth > 40 || entered_count > 0);
        }
    }
}
