//! From a hash to the place where the thing is kept.

/// A hash table of places.
///
/// Linear probing over words of (hash, place), at most half full. It holds no keys: the caller compares with the thing
/// itself, whose cache line it needs anyway. Removing shifts what follows back instead of leaving a mark behind, so that
/// a table whose content turns over for ever never has to be cleaned up: no message is ever slower because of those
/// before it. The table is never iterated.
///
/// The hash is fixed: the keys are made by venues, not by whoever trades there.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// The hash above, the place below.
    entries: Vec<u64>,
    len: usize,
    /// What is left of a hash after this shift is its home.
    shift: u32,
}

const EMPTY: u64 = u64::MAX;
const ENTRIES_MIN: usize = 64;

/// Mixes 128 bits into 32 of which the upper ones are as good as any.
#[inline]
pub(super) const fn hash(low: u64, high: u64) -> u32 {
    // The multiply-and-fold of wyhash; the constants are its secrets.
    let wide = (low ^ 0x2d35_8dcc_aa6c_78a5) as u128 * (high ^ 0x8bb8_4b93_962e_acc9) as u128;
    #[expect(clippy::cast_possible_truncation, reason = "folding is the point")]
    let folded = wide as u64 ^ (wide >> 64) as u64;
    (folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is the place")]
const fn place(entry: u64) -> u32 {
    entry as u32
}

const fn entry(hash: u32, place: u32) -> u64 {
    (hash as u64) << 32 | place as u64
}

impl Index {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), len: 0, shift: 0 }
    }

    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.entries.fill(EMPTY);
        self.len = 0;
    }

    #[inline]
    const fn home(&self, entry: u64) -> usize {
        (entry >> 32 >> self.shift) as usize
    }

    /// The place with this hash of which `is_it` says that it is the one.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.entries.len().checked_sub(1)?;
        let mut at = self.home(entry(hash, 0));
        loop {
            let found = self.entries[at & mask];
            if found == EMPTY {
                return None;
            }
            if found >> 32 == u64::from(hash) && is_it(place(found)) {
                return Some(place(found));
            }
            at += 1;
        }
    }

    /// Adds a place that is not there.
    #[inline]
    pub(super) fn insert(&mut self, hash: u32, place: u32) {
        if (self.len + 1) * 2 > self.entries.len() {
            self.grow();
        }
        self.put(entry(hash, place));
        self.len += 1;
    }

    #[inline]
    fn put(&mut self, entry: u64) {
        let mask = self.entries.len() - 1;
        let mut at = self.home(entry);
        while self.entries[at & mask] != EMPTY {
            at += 1;
        }
        self.entries[at & mask] = entry;
    }

    #[cold]
    fn grow(&mut self) {
        let entries_count = (self.entries.len() * 2).max(ENTRIES_MIN);
        let old = std::mem::replace(&mut self.entries, vec![EMPTY; entries_count]);
        self.shift = 32 - entries_count.trailing_zeros();
        for entry in old.into_iter().filter(|entry| *entry != EMPTY) {
            self.put(entry);
        }
    }

    /// Takes a place out. Does nothing when it is not there.
    #[inline]
    pub(super) fn remove(&mut self, hash: u32, place: u32) {
        let Some(mask) = self.entries.len().checked_sub(1) else { return };
        let wanted = entry(hash, place);
        let mut hole = self.home(wanted);
        loop {
            match self.entries[hole & mask] {
                EMPTY => return,
                found if found == wanted => break,
                _ => hole += 1,
            }
        }
        // What follows without a break may stand behind its home; it may move back to the hole, but not before its home.
        let mut next = hole;
        loop {
            next += 1;
            let entry = self.entries[next & mask];
            if entry == EMPTY {
                break;
            }
            let behind_home = next.wrapping_sub(self.home(entry)) & mask;
            if behind_home >= next - hole {
                self.entries[hole & mask] = entry;
                hole = next;
            }
        }
        self.entries[hole & mask] = EMPTY;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few homes, many collisions, and homes at the end that wrap around.
        #[test]
        fn it_finds_what_is_there_and_nothing_else(
            steps in prop::collection::vec((any::<bool>(), 0u32..200, prop_oneof![0u32..3, 0xffff_fff0u32..=u32::MAX]), 0..600),
        ) {
            let mut index = Index::new();
            let mut model = std::collections::BTreeSet::new();
            for (is_insert, place, spread) in steps {
                let hash = spread.wrapping_add(place % 7);
                if !is_insert {
                    index.remove(hash, place);
                    model.remove(&(hash, place));
                } else if model.insert((hash, place)) {
                    index.insert(hash, place);
                }
                prop_assert_eq!(index.len, model.len());
                let is_there = model.contains(&(hash, place));
                prop_assert_eq!(index.find(hash, |at| at == place), is_there.then_some(place));
            }
            for (hash, place) in &model {
                prop_assert_eq!(index.find(*hash, |at| at == *place), Some(*place));
            }
            index.clear();
            prop_assert!(model.iter().all(|(hash, _)| index.find(*hash, |_| true).is_none()));
        }
    }

    #[test]
    fn numbers_in_a_row_spread_over_the_table() {
        let mut homes: Vec<u32> = (0..1024).map(|id| hash(id, 0) >> 20).collect();
        homes.sort_unstable();
        homes.dedup();
        // Of 1024 balls in 4096 boxes, 906 boxes are expected to be hit.
        assert!(homes.len() > 850, "{}", homes.len());
    }
}
