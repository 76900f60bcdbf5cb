//! One side of a book.

use opus2_types::{Level, Price, Qty, Side};

use crate::chunk::{CHUNK_LEVELS, Chunk};

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

/// One side's levels, sorted, in chunks of at most 64.
///
/// Four of five changes of a real book add or remove a price, half of them more than a hundred prices away from the best.
/// In one sorted array each of them moves kilobytes; in a tree each is a walk through scattered nodes. Here it is a
/// binary search over the chunks' last keys (a few cache lines), one inside a chunk, and a move of half a chunk at
/// most, whatever the depth of the book. Chunks that fall empty are kept for the next split: a book that has seen its
/// usual depth allocates no more. Measured in docs/performance.md.
///
/// Prices are kept as rising keys, **the best last** (a bid's key is its price, an ask's its negation), so that both
/// sides share one code path.
#[derive(Debug, Clone)]
pub struct Ladder {
    side: Side,
    len: usize,
    /// The largest key of each chunk, rising.
    last_keys: Vec<i64>,
    /// The chunks, none of them empty.
    #[expect(
        clippy::vec_box,
        reason = "a split moves the pointers behind it, not the kilobyte each chunk is"
    )]
    chunks: Vec<Box<Chunk>>,
    /// Chunks out of use.
    #[expect(clippy::vec_box, reason = "they go into `chunks` and come from there")]
    spare: Vec<Box<Chunk>>,
}

/// Two ladders are equal when their levels are: how they are cut into chunks does not count.
impl PartialEq for Ladder {
    fn eq(&self, other: &Self) -> bool {
        self.side == other.side && self.len == other.len && self.levels().eq(other.levels())
    }
}

impl Eq for Ladder {}

impl Ladder {
    /// An empty side.
    #[must_use]
    pub const fn new(side: Side) -> Self {
        Self { side, len: 0, last_keys: Vec::new(), chunks: Vec::new(), spare: Vec::new() }
    }

    /// How many prices there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True without any price.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets every level, keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
        self.last_keys.clear();
        self.spare.append(&mut self.chunks);
    }

    /// Sets the quantity at a price; zero (or less) removes the price.
    #[inline]
    pub fn apply(&mut self, level: Level) -> Change {
        let key = self.key(level.price);
        let index = self.last_keys.partition_point(|last| *last < key);
        let Some(chunk) = self.chunks.get_mut(index) else {
            return self.apply_beyond_best(key, level.qty.0);
        };
        let at = chunk.search(key);
        match (chunk.key(at) == key, level.qty.0 > 0) {
            (true, true) => {
                chunk.set_qty(at, level.qty.0);
                Change::Updated
            }
            (true, false) => {
                chunk.remove(at);
                self.len -= 1;
                self.shrink(index);
                Change::Removed
            }
            (false, true) => {
                self.insert(index, at, key, level.qty.0);
                Change::Added
            }
            (false, false) => Change::Absent,
        }
    }

    /// A price better than every other.
    fn apply_beyond_best(&mut self, key: i64, qty: i64) -> Change {
        if qty <= 0 {
            return Change::Absent;
        }
        if let Some(chunk) = self.chunks.last() {
            self.insert(self.chunks.len() - 1, chunk.len(), key, qty);
        } else {
            let mut chunk = self.spare.pop().unwrap_or_default();
            chunk.reset(key, qty);
            self.chunks.push(chunk);
            self.last_keys.push(key);
            self.len = 1;
        }
        Change::Added
    }

    fn insert(&mut self, index: usize, at: usize, key: i64, qty: i64) {
        let (mut index, mut at) = (index, at);
        if self.chunks[index].len() == CHUNK_LEVELS {
            let mut upper = self.spare.pop().unwrap_or_default();
            let lower = &mut self.chunks[index];
            lower.split_into(&mut upper);
            let lower_len = lower.len();
            self.last_keys.insert(index, lower.last_key());
            self.chunks.insert(index + 1, upper);
            if at > lower_len {
                index += 1;
                at -= lower_len;
            }
        }
        let chunk = &mut self.chunks[index];
        chunk.insert(at, key, qty);
        self.last_keys[index] = chunk.last_key();
        self.len += 1;
    }

    /// Removes the worst level: the lowest bid, the highest ask.
    pub fn remove_worst(&mut self) -> Option<Level> {
        let chunk = self.chunks.first_mut()?;
        let worst = (chunk.key(0), chunk.qty(0));
        chunk.remove(0);
        self.len -= 1;
        self.shrink(0);
        Some(self.level(worst.0, worst.1))
    }

    /// After a removal: drops a chunk that is empty, joins one that is nearly so with the one before it.
    fn shrink(&mut self, index: usize) {
        let len = self.chunks[index].len();
        let before = index.checked_sub(1).map(|before| self.chunks[before].len());
        match before {
            _ if len == 0 => {
                self.last_keys.remove(index);
                self.spare.push(self.chunks.remove(index));
            }
            Some(before) if len + before <= CHUNK_LEVELS / 2 => {
                let chunk = self.chunks.remove(index);
                self.chunks[index - 1].append(&chunk);
                self.last_keys.remove(index - 1);
                self.spare.push(chunk);
            }
            _ => self.last_keys[index] = self.chunks[index].last_key(),
        }
    }

    /// Replaces every level. Of levels with one price the last counts; a zero quantity removes it.
    ///
    /// Levels that come best first, as snapshots do, are taken from back to front, so that each is one more at the end.
    pub fn replace(&mut self, levels: &[Level]) {
        self.clear();
        let keys_fall = levels.windows(2).all(|pair| self.key(pair[0].price) > self.key(pair[1].price));
        let mut apply = |level: &Level| {
            self.apply(*level);
        };
        if keys_fall {
            levels.iter().rev().for_each(&mut apply);
        } else {
            levels.iter().for_each(&mut apply);
        }
    }

    /// The best level: the highest bid, the lowest ask.
    #[must_use]
    pub fn best(&self) -> Option<Level> {
        self.levels().next()
    }

    /// The quantity at a price; zero when there is none.
    #[must_use]
    pub fn qty_at(&self, price: Price) -> Qty {
        let key = self.key(price);
        let index = self.last_keys.partition_point(|last| *last < key);
        let Some(chunk) = self.chunks.get(index) else { return Qty(0) };
        let at = chunk.search(key);
        if chunk.key(at) == key { Qty(chunk.qty(at)) } else { Qty(0) }
    }

    /// Every level, best first.
    pub fn levels(&self) -> impl Iterator<Item = Level> + Clone {
        self.chunks
            .iter()
            .rev()
            .flat_map(|chunk| chunk.entries().rev())
            .map(|(key, qty)| self.level(key, qty))
    }

    #[inline]
    const fn key(&self, price: Price) -> i64 {
        match self.side {
            Side::Bid => price.0,
            // `i64::MIN` has no negation; it is not a price, and saturating keeps this total.
            Side::Ask => price.0.saturating_neg(),
        }
    }

    const fn level(&self, key: i64, qty: i64) -> Level {
        match self.side {
            Side::Bid => Level::new(key, qty),
            Side::Ask => Level::new(key.saturating_neg(), qty),
        }
    }
}
