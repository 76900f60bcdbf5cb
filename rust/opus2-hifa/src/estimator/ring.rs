//! The newest few of a sequence.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many items a ring can be made to keep.
pub const RING_LEN_MAX: u16 = 1_024;

/// Keeps the newest `capacity` items. Allocates once.
///
/// Two rings are equal when they keep equal items in equal order, wherever they begin in memory, and equal rings are
/// saved as equal bytes: oldest first.
#[derive(Debug, Clone)]
pub struct Ring<T> {
    items: Box<[T]>,
    /// Where the oldest lies.
    start: usize,
    len: usize,
}

impl<T: Copy + Default> Ring<T> {
    /// An empty ring of `capacity` items, at least one and at most [`RING_LEN_MAX`].
    #[must_use]
    pub fn new(capacity: u16) -> Self {
        let capacity = capacity.clamp(1, RING_LEN_MAX);
        Self { items: vec![T::default(); capacity.into()].into_boxed_slice(), start: 0, len: 0 }
    }

    /// Takes the next item; gives the one that had to go.
    pub fn push(&mut self, item: T) -> Option<T> {
        let capacity = self.items.len();
        let at = (self.start + self.len) % capacity;
        let old = std::mem::replace(&mut self.items[at], item);
        if self.len < capacity {
            self.len += 1;
            return None;
        }
        self.start = (self.start + 1) % capacity;
        Some(old)
    }

    /// The items, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        let (newer, older) = self.items.split_at(self.start);
        older.iter().chain(newer).take(self.len).copied()
    }

    /// The item pushed last.
    #[must_use]
    pub fn newest(&self) -> Option<T> {
        let at = (self.start + self.len.checked_sub(1)?) % self.items.len();
        self.items.get(at).copied()
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True when there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many it can keep.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.items.len()
    }

    /// True when the next item drives out the oldest.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len == self.items.len()
    }
}

impl<T: Copy + Default + PartialEq> PartialEq for Ring<T> {
    fn eq(&self, other: &Self) -> bool {
        self.capacity() == other.capacity() && self.iter().eq(other.iter())
    }
}

#[derive(Serialize, Deserialize)]
struct Saved<T> {
    capacity: u16,
    items: Vec<T>,
}

impl<T: Copy + Default + Serialize> Serialize for Ring<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let capacity = u16::try_from(self.capacity()).unwrap_or(RING_LEN_MAX);
        Saved { capacity, items: self.iter().collect() }.serialize(serializer)
    }
}

impl<'de, T: Copy + Default + Deserialize<'de>> Deserialize<'de> for Ring<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = Saved::<T>::deserialize(deserializer)?;
        let is_ring = (1..=RING_LEN_MAX).contains(&saved.capacity);
        if !is_ring || saved.items.len() > usize::from(saved.capacity) {
            return Err(serde::de::Error::custom("a ring that cannot be"));
        }
        let mut ring = Self::new(saved.capacity);
        for item in saved.items {
            ring.push(item);
        }
        Ok(ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pushed: i32, expect: &[i32]) {
        let mut ring = Ring::new(3);
        for item in 0..pushed {
            let gone = ring.push(item);
            assert_eq!(gone, (item >= 3).then_some(item - 3));
        }
        assert_eq!(ring.iter().collect::<Vec<_>>(), expect);
        assert_eq!((ring.len(), ring.is_full()), (expect.len(), expect.len() == 3));
        let saved = serde_json::to_string(&ring).unwrap();
        let loaded: Ring<i32> = serde_json::from_str(&saved).unwrap();
        assert_eq!(loaded, ring);
        assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
    }

    #[test]
    fn the_newest_are_kept_oldest_first() {
        check(0, &[]);
        check(2, &[0, 1]);
        check(3, &[0, 1, 2]);
        check(5, &[2, 3, 4]);
    }

    #[test]
    fn a_saved_ring_that_cannot_be_is_refused() {
        for saved in [
            r#"{"capacity":0,"items":[]}"#,
            r#"{"capacity":2,"items":[1,2,3]}"#,
            r#"{"capacity":65535,"items":[]}"#,
        ] {
            assert!(serde_json::from_str::<Ring<i32>>(saved).is_err(), "{saved}");
        }
    }
}
