//! A run of neighbouring prices.

/// How many prices a chunk holds: its keys fill eight cache lines, a move inside it is a few dozen cycles.
pub(crate) const CHUNK_PRICES: usize = 64;

/// The key of a place that is not in use: above every price.
const FREE: i64 = i64::MAX;

/// Up to [`CHUNK_PRICES`] keys, rising, and the quantity at each.
///
/// A price that is removed keeps its place with a quantity of zero: four of ten levels that a venue sends remove a price
/// and many of these come back, so most removals and returns move nothing. Such places go when room is needed.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    len: usize,
    /// How many quantities are above zero.
    live: usize,
    keys: [i64; CHUNK_PRICES],
    qtys: [i64; CHUNK_PRICES],
}

impl Default for Chunk {
    fn default() -> Self {
        Self { len: 0, live: 0, keys: [FREE; CHUNK_PRICES], qtys: [0; CHUNK_PRICES] }
    }
}

impl Chunk {
    /// Makes it hold one level.
    pub(crate) fn reset(&mut self, key: i64, qty: i64) {
        self.keys[1..].fill(FREE);
        self.len = 1;
        self.live = 1;
        self.keys[0] = key;
        self.qtys[0] = qty;
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn live(&self) -> usize {
        self.live
    }

    pub(crate) const fn key(&self, at: usize) -> i64 {
        self.keys[at]
    }

    pub(crate) const fn qty(&self, at: usize) -> i64 {
        self.qtys[at]
    }

    /// Sets the quantity (zero or more) at a place and gives the one before.
    #[inline]
    pub(crate) const fn set_qty(&mut self, at: usize, qty: i64) -> i64 {
        let before = self.qtys[at];
        self.qtys[at] = qty;
        self.live = self.live + (qty > 0) as usize - (before > 0) as usize;
        before
    }

    /// The largest key. Only of a chunk that is not empty.
    pub(crate) const fn last_key(&self) -> i64 {
        self.keys[self.len - 1]
    }

    /// How many keys are smaller.
    ///
    /// The same number of steps whatever the chunk holds, and no branch in them: which way a search goes cannot be
    /// guessed, and a wrong guess costs more than a step.
    #[inline]
    pub(crate) const fn search(&self, key: i64) -> usize {
        let mut at = 0;
        let mut half = CHUNK_PRICES / 2;
        while half > 0 {
            at += half * (self.keys[at + half - 1] < key) as usize;
            half /= 2;
        }
        at + (self.keys[at] < key) as usize
    }

    /// Makes room at `at`. Only of a chunk that is not full, and for a quantity above zero.
    #[inline]
    pub(crate) fn insert(&mut self, at: usize, key: i64, qty: i64) {
        self.keys.copy_within(at..self.len, at + 1);
        self.qtys.copy_within(at..self.len, at + 1);
        self.keys[at] = key;
        self.qtys[at] = qty;
        self.len += 1;
        self.live += 1;
    }

    /// Forgets the places without quantity.
    pub(crate) fn compact(&mut self) {
        let mut kept = 0;
        for at in 0..self.len {
            self.keys[kept] = self.keys[at];
            self.qtys[kept] = self.qtys[at];
            kept += usize::from(self.qtys[at] > 0);
        }
        self.keys[kept..self.len].fill(FREE);
        self.len = kept;
    }

    /// Forgets the places without quantity beyond the largest key that has one. Only of a chunk with a level.
    pub(crate) const fn trim(&mut self) {
        while self.qtys[self.len - 1] <= 0 {
            self.len -= 1;
            self.keys[self.len] = FREE;
        }
    }

    /// Moves the upper half to `upper`, whatever that held. Only of a chunk without places to forget.
    pub(crate) fn split_into(&mut self, upper: &mut Self) {
        let half = self.len / 2;
        upper.len = self.len - half;
        upper.live = upper.len;
        upper.keys[..upper.len].copy_from_slice(&self.keys[half..self.len]);
        upper.qtys[..upper.len].copy_from_slice(&self.qtys[half..self.len]);
        upper.keys[upper.len..].fill(FREE);
        self.keys[half..self.len].fill(FREE);
        self.len = half;
        self.live = half;
    }

    /// Adds the places of the chunk that follows. Only when both fit into one.
    pub(crate) fn append(&mut self, next: &Self) {
        let end = self.len + next.len;
        self.keys[self.len..end].copy_from_slice(&next.keys[..next.len]);
        self.qtys[self.len..end].copy_from_slice(&next.qtys[..next.len]);
        self.len = end;
        self.live += next.live;
    }

    /// The levels, keys rising.
    pub(crate) fn levels(&self) -> impl DoubleEndedIterator<Item = (i64, i64)> + Clone {
        let places = self.keys[..self.len].iter().copied().zip(self.qtys[..self.len].iter().copied());
        places.filter(|(_, qty)| *qty > 0)
    }
}
