//! A run of neighbouring levels.

/// How many levels a chunk holds: its keys fill eight cache lines, a move inside it is a few dozen cycles.
pub(crate) const CHUNK_LEVELS: usize = 64;

/// Up to [`CHUNK_LEVELS`] keys, rising, and their quantities.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    len: usize,
    keys: [i64; CHUNK_LEVELS],
    qtys: [i64; CHUNK_LEVELS],
}

impl Default for Chunk {
    fn default() -> Self {
        Self { len: 0, keys: [0; CHUNK_LEVELS], qtys: [0; CHUNK_LEVELS] }
    }
}

impl Chunk {
    /// Makes it hold one level.
    pub(crate) fn reset(&mut self, key: i64, qty: i64) {
        self.len = 1;
        self.keys[0] = key;
        self.qtys[0] = qty;
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn key(&self, at: usize) -> i64 {
        self.keys[at]
    }

    pub(crate) const fn qty(&self, at: usize) -> i64 {
        self.qtys[at]
    }

    pub(crate) const fn set_qty(&mut self, at: usize, qty: i64) {
        self.qtys[at] = qty;
    }

    /// The largest key. Only of a chunk that is not empty.
    pub(crate) const fn last_key(&self) -> i64 {
        self.keys[self.len - 1]
    }

    /// How many keys are smaller.
    #[inline]
    pub(crate) fn search(&self, key: i64) -> usize {
        self.keys[..self.len].partition_point(|other| *other < key)
    }

    /// Makes room at `at`. Only of a chunk that is not full.
    #[inline]
    pub(crate) fn insert(&mut self, at: usize, key: i64, qty: i64) {
        self.keys.copy_within(at..self.len, at + 1);
        self.qtys.copy_within(at..self.len, at + 1);
        self.keys[at] = key;
        self.qtys[at] = qty;
        self.len += 1;
    }

    #[inline]
    pub(crate) fn remove(&mut self, at: usize) {
        self.keys.copy_within(at + 1..self.len, at);
        self.qtys.copy_within(at + 1..self.len, at);
        self.len -= 1;
    }

    /// Moves the upper half to `upper`, whatever that held.
    pub(crate) fn split_into(&mut self, upper: &mut Self) {
        let half = self.len / 2;
        upper.len = self.len - half;
        upper.keys[..upper.len].copy_from_slice(&self.keys[half..self.len]);
        upper.qtys[..upper.len].copy_from_slice(&self.qtys[half..self.len]);
        self.len = half;
    }

    /// Adds the levels of the chunk that follows. Only when both fit into one.
    pub(crate) fn append(&mut self, next: &Self) {
        let end = self.len + next.len;
        self.keys[self.len..end].copy_from_slice(&next.keys[..next.len]);
        self.qtys[self.len..end].copy_from_slice(&next.qtys[..next.len]);
        self.len = end;
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = (i64, i64)> + Clone {
        self.keys[..self.len].iter().copied().zip(self.qtys[..self.len].iter().copied())
    }
}
