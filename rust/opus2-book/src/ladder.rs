//! One side of a book.

use opus2_types::{Level, Price, Qty, Side};

/// What applying a level did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A new price.
    Added,
    /// A price that was there has another quantity (or the same one again).
    Updated,
    /// A price is gone.
    Removed,
    /// A price that was not there was removed again: normal where a snapshot shows only part of the book.
    Absent,
}

/// One side's levels in two sorted arrays, **the best at the end**.
///
/// Most changes of a real book happen near its best price. With the best at the end, the search gallops from there
/// and an insertion moves only what lies between it and the end: a few dozen bytes, whatever the depth. Prices are
/// kept as rising keys (a bid's key is its price, an ask's its negation), so that both sides share one code path, and
/// apart from the quantities, so that a search touches half the cache lines.
///
/// A sorted array beats a tree on every measured feed (docs/performance.md); its worst case, insertions far from the
/// best in a book of tens of thousands of levels, costs a `memmove` of the levels in front of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    side: Side,
    keys: Vec<i64>,
    qtys: Vec<i64>,
}

impl Ladder {
    /// An empty side.
    #[must_use]
    pub const fn new(side: Side) -> Self {
        Self { side, keys: Vec::new(), qtys: Vec::new() }
    }

    /// How many prices there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True without any price.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Forgets every level, keeps the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.qtys.clear();
    }

    /// Sets the quantity at a price; zero (or less) removes the price.
    #[inline]
    pub fn apply(&mut self, level: Level) -> Change {
        let key = self.key(level.price);
        let at = self.search(key);
        let is_present = self.keys.get(at) == Some(&key);
        match (is_present, level.qty.0 > 0) {
            (true, true) => {
                self.qtys[at] = level.qty.0;
                Change::Updated
            }
            (true, false) => {
                self.keys.remove(at);
                self.qtys.remove(at);
                Change::Removed
            }
            (false, true) => {
                self.keys.insert(at, key);
                self.qtys.insert(at, level.qty.0);
                Change::Added
            }
            (false, false) => Change::Absent,
        }
    }

    /// Replaces every level. Of levels with one price the last counts; a zero quantity removes it.
    pub fn replace(&mut self, levels: &[Level]) {
        self.clear();
        // Snapshots arrive best first, which is our order from back to front: then every level is a push.
        for level in levels.iter().rev() {
            let key = self.key(level.price);
            if level.qty.0 > 0 && self.keys.last().is_none_or(|last| *last < key) {
                self.keys.push(key);
                self.qtys.push(level.qty.0);
            } else {
                return self.replace_unsorted(levels);
            }
        }
    }

    #[cold]
    fn replace_unsorted(&mut self, levels: &[Level]) {
        self.clear();
        for level in levels {
            self.apply(*level);
        }
    }

    /// The best level: the highest bid, the lowest ask.
    #[must_use]
    pub fn best(&self) -> Option<Level> {
        Some(self.level(*self.keys.last()?, *self.qtys.last()?))
    }

    /// The quantity at a price; zero when there is none.
    #[must_use]
    pub fn qty_at(&self, price: Price) -> Qty {
        let key = self.key(price);
        let at = self.search(key);
        if self.keys.get(at) == Some(&key) { Qty(self.qtys[at]) } else { Qty(0) }
    }

    /// Every level, best first.
    pub fn levels(&self) -> impl DoubleEndedIterator<Item = Level> + ExactSizeIterator + Clone {
        self.keys.iter().zip(&self.qtys).rev().map(|(key, qty)| self.level(*key, *qty))
    }

    #[inline]
    fn key(&self, price: Price) -> i64 {
        match self.side {
            Side::Bid => price.0,
            // `i64::MIN` has no negation; it is not a price, and saturating keeps this total.
            Side::Ask => price.0.saturating_neg(),
        }
    }

    fn level(&self, key: i64, qty: i64) -> Level {
        match self.side {
            Side::Bid => Level::new(key, qty),
            Side::Ask => Level::new(key.saturating_neg(), qty),
        }
    }

    /// Where `key` is, or would be: the number of smaller keys. Gallops from the best, then halves.
    #[inline]
    fn search(&self, key: i64) -> usize {
        let len = self.keys.len();
        let mut step = 8;
        let mut high = len;
        while step < len {
            let low = len - step;
            if self.keys[low] < key {
                return low + 1 + self.keys[low + 1..high].partition_point(|other| *other < key);
            }
            high = low + 1;
            step *= 4;
        }
        self.keys[..high].partition_point(|other| *other < key)
    }
}
