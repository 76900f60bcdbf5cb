//! One side of a book.

use opus2_types::{Level, Price, Qty, Side};

use crate::chunk::{CHUNK_PRICES, Chunk};

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
    /// The chunks, each with a level at least. The last place of the last is a level: the best.
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

/// By whether a price was there and whether it is now.
const CHANGES: [Change; 4] = [Change::Absent, Change::Added, Change::Removed, Change::Updated];

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
        let (key, qty) = (self.key(level.price), level.qty.0.max(0));
        let index = self.last_keys.partition_point(|last| *last < key);
        let Some(chunk) = self.chunks.get_mut(index) else {
            return self.apply_beyond_best(key, qty);
        };
        let at = chunk.search(key);
        if chunk.key(at) != key {
            if qty == 0 {
                return Change::Absent;
            }
            self.insert(index, at, key, qty);
            return Change::Added;
        }
        let before = chunk.set_qty(at, qty);
        let live = chunk.live();
        self.len = self.len + usize::from(qty > 0) - usize::from(before > 0);
        if qty == 0 && (live <= CHUNK_PRICES / 4 || index + 1 == self.last_keys.len()) {
            self.tidy(index);
        }
        CHANGES[usize::from(before > 0) * 2 + usize::from(qty > 0)]
    }

    /// A price better than every other.
    fn apply_beyond_best(&mut self, key: i64, qty: i64) -> Change {
        if qty == 0 {
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
        if self.chunks[index].len() == CHUNK_PRICES {
            index = self.make_room(index, key);
            at = self.chunks[index].search(key);
        }
        let chunk = &mut self.chunks[index];
        chunk.insert(at, key, qty);
        self.last_keys[index] = chunk.last_key();
        self.len += 1;
    }

    /// Removes the worst level: the lowest bid, the highest ask.
    pub fn remove_worst(&mut self) -> Option<Level> {
        let (key, qty) = self.chunks.first()?.levels().next()?;
        let worst = self.level(key, qty);
        self.apply(Level { qty: Qty(0), ..worst });
        Some(worst)
    }

    /// Makes room in a full chunk, by forgetting or by splitting; gives the index of the chunk that `key` belongs to.
    fn make_room(&mut self, index: usize, key: i64) -> usize {
        let chunk = &mut self.chunks[index];
        chunk.compact();
        if chunk.len() > CHUNK_PRICES * 3 / 4 {
            let mut upper = self.spare.pop().unwrap_or_default();
            chunk.split_into(&mut upper);
            self.last_keys.insert(index, chunk.last_key());
            self.chunks.insert(index + 1, upper);
            return index + usize::from(key > self.last_keys[index]);
        }
        index
    }

    /// After a removal: the best level must be the last place, a chunk without levels goes, and one with few is joined with
    /// the one before it.
    fn tidy(&mut self, index: usize) {
        let live = self.chunks[index].live();
        let before = index.checked_sub(1).map(|before| self.chunks[before].live());
        match before {
            _ if live == 0 => {
                self.last_keys.remove(index);
                self.spare.push(self.chunks.remove(index));
            }
            Some(before) if live + before <= CHUNK_PRICES / 2 => {
                let mut chunk = self.chunks.remove(index);
                chunk.compact();
                self.chunks[index - 1].compact();
                self.chunks[index - 1].append(&chunk);
                self.last_keys.remove(index);
                self.last_keys[index - 1] = self.chunks[index - 1].last_key();
                self.spare.push(chunk);
            }
            _ => {}
        }
        if let (Some(chunk), Some(last)) = (self.chunks.last_mut(), self.last_keys.last_mut()) {
            chunk.trim();
            *last = chunk.last_key();
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
        self.chunks.iter().rev().flat_map(|chunk| chunk.levels().rev()).map(|(key, qty)| self.level(key, qty))
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
