//! The handle table: the only place where an integer becomes a reference.
//!
//! A handle is `generation << 12 | slot`, always positive. A slot has one atomic word that says whether it is free, idle
//! or entered, whether it is poisoned, and in which generation. Entering is one compare-and-swap from *idle in the
//! handle's generation* to *entered*: it fails for a stale handle, for a second thread, and for a poisoned slot, and
//! whoever succeeds is alone with the slot's value until it leaves. There are no locks and no waiting.
//!
//! Nothing here knows what the values are. `tests/table_model.rs` runs this file under every interleaving of two and
//! three threads.

#![expect(unsafe_code, reason = "a slot's value is reached through an UnsafeCell guarded by the slot's word")]

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};

use crate::ErrorCode;
use crate::atomic::{AtomicU64, AtomicUsize, Ordering};

const SLOT_BITS: u32 = 12;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;

// A slot's word: generation, poisoned flag, state.
const STATE_MASK: u64 = 0b011;
const FREE: u64 = 0b000;
const IDLE: u64 = 0b001;
const ENTERED: u64 = 0b010;
const POISONED: u64 = 0b100;
const GENERATION_SHIFT: u32 = 3;

/// The last generation that fits a positive handle. A slot that has lived them all is never used again.
const GENERATION_MAX: u64 = (i64::MAX as u64) >> SLOT_BITS;

/// Values named by handles. `SLOTS` is at most 4096.
#[derive(Debug)]
pub(crate) struct Table<T, const SLOTS: usize> {
    slots: [Slot<T>; SLOTS],
    /// Where the next search for a free slot begins, so that a slot rests before it is used again.
    next: AtomicUsize,
}

/// Two cache lines, because processors fetch lines in pairs: threads in neighbouring slots must not slow each other.
#[derive(Debug)]
#[repr(align(128))]
struct Slot<T> {
    word: AtomicU64,
    value: UnsafeCell<Option<Box<T>>>,
}

// SAFETY: `value` is touched only by the thread that moved `word` to ENTERED, with acquire, and that moves it on, with
// release, when it is done. So at most one thread at a time reaches the value, which may move between threads.
unsafe impl<T: Send> Sync for Slot<T> {}

/// Whether a poisoned slot may be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poison {
    Refuse,
    Allow,
}

impl<T, const SLOTS: usize> Table<T, SLOTS> {
    /// All slots free.
    pub(crate) const fn new() -> Self {
        assert!(SLOTS > 0 && SLOTS <= 1 << SLOT_BITS, "slots must be 1 to 4096");
        Self { slots: [const { Slot::new() }; SLOTS], next: AtomicUsize::new(0) }
    }

    /// Puts `value` into a free slot; gives it back when there is none.
    pub(crate) fn insert(&self, value: Box<T>) -> Result<i64, Box<T>> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        for offset in 0..SLOTS {
            let index = start.wrapping_add(offset) % SLOTS;
            if let Some(generation) = self.slots[index].claim() {
                self.slots[index].fill(generation, value);
                return Ok(handle_of(index, generation));
            }
        }
        Err(value)
    }

    /// Enters the slot of `handle`, alone.
    pub(crate) fn enter(&self, handle: i64, poison: Poison) -> Result<Entered<'_, T>, ErrorCode> {
        let (slot, generation) = self.find(handle)?;
        let is_poisoned = slot.enter(generation, poison)?;
        Ok(Entered { slot, generation, is_poisoned, is_freed: false })
    }

    /// Frees the slot of `handle`, poisoned or not, and gives its value.
    pub(crate) fn remove(&self, handle: i64) -> Result<Box<T>, ErrorCode> {
        let mut entered = self.enter(handle, Poison::Allow)?;
        entered.is_freed = true;
        // SAFETY: `entered` is alone with the slot until it is dropped at the end of this function, and this is the
        // only reference made from it.
        let value = unsafe { (*entered.slot.value.get()).take() };
        value.ok_or(ErrorCode::BadHandle)
    }

    fn find(&self, handle: i64) -> Result<(&Slot<T>, u64), ErrorCode> {
        let bits = u64::try_from(handle).map_err(|_| ErrorCode::BadHandle)?;
        let index = usize::try_from(bits & SLOT_MASK).map_err(|_| ErrorCode::BadHandle)?;
        let slot = self.slots.get(index).ok_or(ErrorCode::BadHandle)?;
        Ok((slot, bits >> SLOT_BITS))
    }
}

impl<T> Slot<T> {
    const fn new() -> Self {
        Self { word: AtomicU64::new(FREE), value: UnsafeCell::new(None) }
    }

    /// Moves a free slot to ENTERED in its next generation, which no handle names yet.
    fn claim(&self) -> Option<u64> {
        let word = self.word.load(Ordering::Relaxed);
        let generation = (word >> GENERATION_SHIFT) + 1;
        if word & STATE_MASK != FREE || generation > GENERATION_MAX {
            return None;
        }
        let entered = generation << GENERATION_SHIFT | ENTERED;
        self.word.compare_exchange(word, entered, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(generation)
    }

    fn fill(&self, generation: u64, value: Box<T>) {
        debug_assert_eq!(self.word.load(Ordering::Relaxed), generation << GENERATION_SHIFT | ENTERED);
        // SAFETY: this thread moved the word to ENTERED in `claim`, so it is alone with the value until the store below.
        unsafe { *self.value.get() = Some(value) };
        self.word.store(generation << GENERATION_SHIFT | IDLE, Ordering::Release);
    }

    /// Moves an idle slot to ENTERED; says whether it is poisoned.
    fn enter(&self, generation: u64, poison: Poison) -> Result<bool, ErrorCode> {
        let swap = |flag| {
            let idle = generation << GENERATION_SHIFT | IDLE | flag;
            let entered = generation << GENERATION_SHIFT | ENTERED | flag;
            self.word.compare_exchange(idle, entered, Ordering::Acquire, Ordering::Relaxed)
        };
        let Err(word) = swap(0) else { return Ok(false) };
        if word >> GENERATION_SHIFT != generation || word & STATE_MASK == FREE {
            return Err(ErrorCode::BadHandle);
        }
        if word & STATE_MASK == ENTERED {
            return Err(ErrorCode::Busy);
        }
        match poison {
            Poison::Refuse => Err(ErrorCode::Poisoned),
            // A poisoned slot stays poisoned: all that can have changed is that another thread is in it or freed it.
            Poison::Allow => swap(POISONED).map(|_| true).map_err(|word| {
                let is_same = word >> GENERATION_SHIFT == generation && word & STATE_MASK != FREE;
                if is_same { ErrorCode::Busy } else { ErrorCode::BadHandle }
            }),
        }
    }
}

/// A thread's stay in a slot. Dropping it leaves the slot, in the state it should have from then on.
#[derive(Debug)]
pub(crate) struct Entered<'t, T> {
    slot: &'t Slot<T>,
    generation: u64,
    is_poisoned: bool,
    is_freed: bool,
}

impl<T> Entered<'_, T> {
    /// Refuses everyone but [`Poison::Allow`] from when this is dropped.
    pub(crate) fn poison(&mut self) {
        self.is_poisoned = true;
    }
}

impl<T> Deref for Entered<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the word is ENTERED by this object, which is not dropped while the reference lives; a `&mut` from
        // `deref_mut` cannot live at the same time, because both borrow this object.
        let value = unsafe { &*self.slot.value.get() };
        value.as_ref().expect("a slot is filled before its handle exists and emptied only by `remove`")
    }
}

impl<T> DerefMut for Entered<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and this borrow is exclusive.
        let value = unsafe { &mut *self.slot.value.get() };
        value.as_mut().expect("a slot is filled before its handle exists and emptied only by `remove`")
    }
}

impl<T> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        let state = match (self.is_freed, self.is_poisoned) {
            (true, _) => FREE,
            (false, true) => IDLE | POISONED,
            (false, false) => IDLE,
        };
        self.slot.word.store(self.generation << GENERATION_SHIFT | state, Ordering::Release);
    }
}

fn handle_of(index: usize, generation: u64) -> i64 {
    let bits = generation << SLOT_BITS | index as u64;
    i64::try_from(bits).expect("GENERATION_MAX leaves the sign bit free")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atomic::run;

    #[test]
    fn an_entered_slot_is_busy_for_everyone_until_it_is_left() {
        run(|| {
            let table = Table::<u32, 2>::new();
            let handle = table.insert(Box::new(7)).unwrap();
            let mut entered = table.enter(handle, Poison::Refuse).unwrap();
            *entered += 1;
            for poison in [Poison::Refuse, Poison::Allow] {
                assert_eq!(table.enter(handle, poison).unwrap_err(), ErrorCode::Busy);
            }
            assert_eq!(table.remove(handle), Err(ErrorCode::Busy));
            drop(entered);
            assert_eq!(table.remove(handle), Ok(Box::new(8)));
        });
    }

    #[test]
    fn a_poisoned_slot_stays_poisoned_and_busy_comes_first() {
        run(|| {
            let table = Table::<u32, 1>::new();
            let handle = table.insert(Box::new(7)).unwrap();
            table.enter(handle, Poison::Refuse).unwrap().poison();
            for _ in 0..2 {
                assert_eq!(table.enter(handle, Poison::Refuse).unwrap_err(), ErrorCode::Poisoned);
                let entered = table.enter(handle, Poison::Allow).unwrap();
                assert_eq!(*entered, 7);
                assert_eq!(table.enter(handle, Poison::Refuse).unwrap_err(), ErrorCode::Busy);
                assert_eq!(table.enter(handle, Poison::Allow).unwrap_err(), ErrorCode::Busy);
            }
            assert_eq!(table.remove(handle), Ok(Box::new(7)));
            assert_eq!(table.remove(handle), Err(ErrorCode::BadHandle));
        });
    }

    #[test]
    fn a_slot_used_again_has_another_handle() {
        run(|| {
            let table = Table::<u32, 1>::new();
            let first = table.insert(Box::new(1)).unwrap();
            assert_eq!(table.insert(Box::new(2)), Err(Box::new(2)), "the only slot is taken");
            table.remove(first).unwrap();
            let second = table.insert(Box::new(3)).unwrap();
            assert_ne!(first, second);
            assert_eq!(table.enter(first, Poison::Allow).unwrap_err(), ErrorCode::BadHandle);
            assert_eq!(*table.enter(second, Poison::Refuse).unwrap(), 3);
        });
    }

    #[test]
    fn a_slot_out_of_generations_is_retired() {
        run(|| {
            let table = Table::<u32, 1>::new();
            table.slots[0].word.store((GENERATION_MAX - 1) << GENERATION_SHIFT, Ordering::Relaxed);
            let last = table.insert(Box::new(1)).unwrap();
            assert_eq!(last, i64::MAX & !(SLOT_MASK.cast_signed()));
            table.remove(last).unwrap();
            assert_eq!(table.insert(Box::new(2)), Err(Box::new(2)));
        });
    }

    #[test]
    fn integers_that_are_no_handles_are_refused() {
        run(|| {
            let table = Table::<u32, 2>::new();
            let handle = table.insert(Box::new(1)).unwrap();
            for forged in
                [0, -1, 1, i64::MIN, i64::MAX, handle + 1, handle + 2, handle + (1 << SLOT_BITS), -handle]
            {
                assert_eq!(table.enter(forged, Poison::Allow).unwrap_err(), ErrorCode::BadHandle, "{forged}");
            }
        });
    }
}
