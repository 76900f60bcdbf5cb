//! A list that lives in place and never grows beyond its limit.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Up to `N` values in the order in which they were added, without heap memory. Only what it holds is compared and saved.
#[derive(Clone, Copy)]
pub struct Bounded<T, const N: usize> {
    items: [T; N],
    len: usize,
}

impl<T: Copy + Default, const N: usize> Default for Bounded<T, N> {
    fn default() -> Self {
        Self { items: [T::default(); N], len: 0 }
    }
}

impl<T: Copy + Default, const N: usize> Bounded<T, N> {
    /// What it holds, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.items[..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items[..self.len]
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.len == N
    }

    pub(crate) const fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds `item`; false, and nothing is changed, when it is full.
    pub(crate) fn push(&mut self, item: T) -> bool {
        let Some(free) = self.items.get_mut(self.len) else { return false };
        *free = item;
        self.len += 1;
        true
    }

    /// Adds `item`, and gives back the oldest one when that had to make room.
    pub(crate) fn push_evicting(&mut self, item: T) -> Option<T> {
        if self.push(item) {
            return None;
        }
        let oldest = self.items.first().copied();
        self.items.rotate_left(1);
        if let Some(last) = self.items.last_mut() {
            *last = item;
        }
        oldest
    }

    /// Takes out the item at `index`; those after it move up. Nothing happens beyond the end.
    pub(crate) fn remove(&mut self, index: usize) {
        if index < self.len {
            self.items.copy_within(index + 1..self.len, index);
            self.len -= 1;
        }
    }

    /// Keeps those for which `keep` is true, in their order. Nothing is moved before the first that is not.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let Some(mut kept) = self.as_slice().iter().position(|item| !keep(item)) else { return };
        for index in kept + 1..self.len {
            if keep(&self.items[index]) {
                self.items[kept] = self.items[index];
                kept += 1;
            }
        }
        self.len = kept;
    }

    /// Becomes the first `N` of `source`.
    pub(crate) fn fill(&mut self, source: &[T]) {
        self.len = source.len().min(N);
        self.items[..self.len].copy_from_slice(&source[..self.len]);
    }
}

impl<T: Copy + Default + PartialEq, const N: usize> PartialEq for Bounded<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Copy + Default + fmt::Debug, const N: usize> fmt::Debug for Bounded<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

impl<T: Copy + Default + Serialize, const N: usize> Serialize for Bounded<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.as_slice())
    }
}

impl<'de, T: Copy + Default + Deserialize<'de>, const N: usize> Deserialize<'de> for Bounded<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Copy + Default + Deserialize<'de>, const N: usize> Visitor<'de> for Reader<T, N> {
            type Value = Bounded<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {N}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Bounded::default();
                while let Some(item) = items.next_element()? {
                    if !list.push(item) {
                        return Err(serde::de::Error::invalid_length(N + 1, &self));
                    }
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(Reader(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_refuses_or_lets_go_of_its_oldest() {
        let mut list = Bounded::<u8, 3>::default();
        assert!(list.push(1) && list.push(2) && list.push(3));
        assert!(!list.push(4));
        assert_eq!(list.push_evicting(4), Some(1));
        assert_eq!(list.as_slice(), [2, 3, 4]);
        list.remove(1);
        list.remove(9);
        assert_eq!(list.as_slice(), [2, 4]);
        list.retain(|item| *item > 2);
        assert_eq!(list.as_slice(), [4]);
    }

    #[test]
    fn a_saved_list_beyond_the_limit_is_refused() {
        let list: Bounded<u8, 2> = serde_json::from_str("[1,2]").unwrap();
        assert_eq!(serde_json::to_string(&list).unwrap(), "[1,2]");
        assert!(serde_json::from_str::<Bounded<u8, 2>>("[1,2,3]").is_err());
    }
}
