//! Laws of the book, against a naive one.

use std::collections::BTreeMap;

use opus2_book::{Change, L2Book, Ladder};
use opus2_types::{Level, Side};
use proptest::prelude::*;

fn level() -> impl Strategy<Value = Level> {
    (1i64..400, prop_oneof![Just(0i64), 1i64..50]).prop_map(|(price, qty)| Level::new(price, qty))
}

/// The same side as a map from price: slow and obviously right.
#[derive(Default)]
struct Naive(BTreeMap<i64, i64>);

impl Naive {
    fn apply(&mut self, level: Level) -> Change {
        if level.qty.0 > 0 {
            match self.0.insert(level.price.0, level.qty.0) {
                Some(_) => Change::Updated,
                None => Change::Added,
            }
        } else {
            match self.0.remove(&level.price.0) {
                Some(_) => Change::Removed,
                None => Change::Absent,
            }
        }
    }

    fn levels(&self, side: Side) -> Vec<Level> {
        let rising = self.0.iter().map(|(price, qty)| Level::new(*price, *qty));
        match side {
            Side::Bid => rising.rev().collect(),
            Side::Ask => rising.collect(),
        }
    }
}

proptest! {
    #[test]
    fn a_ladder_equals_a_naive_one_after_every_change(
        side in prop_oneof![Just(Side::Bid), Just(Side::Ask)],
        changes in prop::collection::vec(level(), 0..1500),
    ) {
        let mut ladder = Ladder::new(side);
        let mut naive = Naive::default();
        for change in changes {
            prop_assert_eq!(ladder.apply(change), naive.apply(change));
            prop_assert_eq!(ladder.qty_at(change.price), change.qty);
        }
        prop_assert_eq!(ladder.levels().collect::<Vec<_>>(), naive.levels(side));
        prop_assert_eq!(ladder.best(), naive.levels(side).first().copied());
        prop_assert_eq!(ladder.len(), naive.0.len());
    }

    #[test]
    fn a_snapshot_in_any_order_equals_its_levels_applied_one_by_one(
        side in prop_oneof![Just(Side::Bid), Just(Side::Ask)],
        mut levels in prop::collection::vec(level(), 0..100),
        is_sorted in any::<bool>(),
    ) {
        if is_sorted {
            levels.sort_by_key(|level| if side == Side::Bid { -level.price.0 } else { level.price.0 });
        }
        let mut replaced = Ladder::new(side);
        replaced.apply(Level::new(7, 7));
        replaced.replace(&levels);
        let mut naive = Naive::default();
        for level in levels {
            naive.apply(level);
        }
        prop_assert_eq!(replaced.levels().collect::<Vec<_>>(), naive.levels(side));
    }

    #[test]
    fn snapshot_and_deltas_give_the_later_snapshot(
        first in prop::collection::vec(level(), 0..60),
        changes in prop::collection::vec((any::<bool>(), level()), 0..200),
    ) {
        let mut book = L2Book::new();
        book.replace(&first, &first);
        for (is_bid, change) in changes {
            book.apply(if is_bid { Side::Bid } else { Side::Ask }, change);
        }
        let bids: Vec<_> = book.side(Side::Bid).levels().collect();
        let asks: Vec<_> = book.side(Side::Ask).levels().collect();
        let mut later = L2Book::new();
        later.replace(&bids, &asks);
        prop_assert_eq!(&later, &book);
        let view = later.view();
        prop_assert_eq!(view.bids(), &bids[..bids.len().min(opus2_types::VIEW_LEVELS)]);
        prop_assert!(bids.windows(2).all(|pair| pair[0].price > pair[1].price));
        prop_assert!(asks.windows(2).all(|pair| pair[0].price < pair[1].price));
    }

    #[test]
    fn the_worst_level_is_the_last_of_a_naive_one(
        side in prop_oneof![Just(Side::Bid), Just(Side::Ask)],
        changes in prop::collection::vec(level(), 0..300),
        removed in 0usize..300,
    ) {
        let mut ladder = Ladder::new(side);
        for change in changes {
            ladder.apply(change);
        }
        let mut levels: Vec<_> = ladder.levels().collect();
        for _ in 0..removed {
            prop_assert_eq!(ladder.remove_worst(), levels.pop());
            prop_assert_eq!(ladder.len(), levels.len());
        }
        prop_assert_eq!(ladder.levels().collect::<Vec<_>>(), levels);
    }
}
