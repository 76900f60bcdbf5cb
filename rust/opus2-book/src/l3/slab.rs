//! Numbered places for things that come and go.

use std::ops::{Index, IndexMut};

/// No place.
pub(super) const NONE: u32 = u32::MAX;

/// Things in numbered places. A place that falls free is the next to be used, while it is still in the cache.
#[derive(Debug, Clone)]
pub(super) struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }

    pub(super) const fn len(&self) -> usize {
        self.items.len() - self.free.len()
    }

    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.items.clear();
        self.free.clear();
    }

    #[inline]
    pub(super) fn insert(&mut self, item: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self[at] = item;
            return at;
        }
        let at = u32::try_from(self.items.len()).expect("the caller's limit is far below 2^32");
        if self.items.len() == self.items.capacity() {
            // Both grow together, so that giving back never allocates.
            self.items.reserve(1);
            self.free.reserve_exact(self.items.capacity());
        }
        self.items.push(item);
        at
    }

    /// Gives a place back. Only one that is in use.
    #[inline]
    pub(super) fn remove(&mut self, at: u32) {
        self.free.push(at);
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        &self.items[at as usize]
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.items[at as usize]
    }
}
