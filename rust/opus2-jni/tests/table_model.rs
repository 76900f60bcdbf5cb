//! The handle table under every interleaving of its threads, and under every value its atomics may give: `loom` runs the
//! same source with its own atomics in place of the processor's.
//!
//! The value behind a handle is a cell that fails the model when two threads are in it, or when one enters it without
//! seeing what the other wrote.

#![expect(unsafe_code, reason = "the table itself, and a cell that checks who is in it")]

#[path = "../src/table.rs"]
mod table;

/// What the table finds under `crate::atomic` in this crate.
mod atomic {
    use std::sync::OnceLock;

    use loom::sync::atomic;
    pub(crate) use loom::sync::atomic::Ordering;

    /// An atomic of the model that can be made in a constant: the model's own begin with the first use.
    #[derive(Debug)]
    pub(crate) struct Modelled<A, V> {
        atomic: OnceLock<A>,
        first: V,
    }

    pub(crate) type AtomicU64 = Modelled<atomic::AtomicU64, u64>;
    pub(crate) type AtomicUsize = Modelled<atomic::AtomicUsize, usize>;

    impl<A, V> Modelled<A, V> {
        pub(crate) const fn new(first: V) -> Self {
            Self { atomic: OnceLock::new(), first }
        }
    }

    impl AtomicU64 {
        fn get(&self) -> &atomic::AtomicU64 {
            self.atomic.get_or_init(|| atomic::AtomicU64::new(self.first))
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            self.get().load(order)
        }

        pub(crate) fn store(&self, value: u64, order: Ordering) {
            self.get().store(value, order);
        }

        pub(crate) fn compare_exchange(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            self.get().compare_exchange(current, new, success, failure)
        }
    }

    impl AtomicUsize {
        pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
            self.atomic.get_or_init(|| atomic::AtomicUsize::new(self.first)).fetch_add(value, order)
        }
    }

    pub(crate) fn run(test: impl Fn() + Send + Sync + 'static) {
        loom::model(test);
    }
}

use atomic::run;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use opus2_jni::ErrorCode;
use table::{Poison, Table};

/// A number that only one thread at a time may be in.
type Guarded = UnsafeCell<u64>;

fn guarded() -> Guarded {
    UnsafeCell::new(0)
}

/// Enters the handle and adds one; `Err` says why not.
fn add<const SLOTS: usize>(
    table: &Table<Guarded, SLOTS>,
    handle: i64,
    poison: Poison,
) -> Result<(), ErrorCode> {
    let mut entered = table.enter(handle, poison)?;
    // SAFETY: the model fails when anybody else is in the cell.
    entered.with_mut(|number| unsafe { *number += 1 });
    if poison == Poison::Refuse {
        entered.poison();
    }
    Ok(())
}

#[test]
fn two_threads_and_a_poisoner_are_never_inside_together() {
    run(|| {
        let table = Arc::new(Table::<Guarded, 1>::new());
        let handle = table.insert(Box::new(guarded())).expect("a slot is free");
        let threads = [Poison::Allow, Poison::Refuse].map(|poison| {
            let table = table.clone();
            thread::spawn(move || add(&table, handle, poison))
        });
        let mine = add(&table, handle, Poison::Allow);
        let [theirs, poisoners] = threads.map(|thread| thread.join().expect("no panic"));
        for result in [mine, theirs, poisoners] {
            assert!(matches!(result, Ok(()) | Err(ErrorCode::Busy)), "{result:?}");
        }
        let entered = [mine, theirs, poisoners].iter().filter(|result| result.is_ok()).count();
        let number = table.remove(handle).expect("everyone has left").into_inner();
        assert_eq!(number, entered as u64);
    });
}

#[test]
fn a_poisoned_handle_that_is_removed_is_busy_or_gone() {
    run(|| {
        let table = Arc::new(Table::<Guarded, 1>::new());
        let handle = table.insert(Box::new(guarded())).expect("a slot is free");
        add(&table, handle, Poison::Refuse).expect("nobody is inside");
        let other = {
            let table = table.clone();
            thread::spawn(move || add(&table, handle, Poison::Allow))
        };
        let is_removed = table.remove(handle).is_ok();
        let theirs = other.join().expect("no panic");
        assert!(matches!(theirs, Ok(()) | Err(ErrorCode::Busy | ErrorCode::BadHandle)), "{theirs:?}");
        assert!(is_removed || theirs.is_ok());
    });
}

#[test]
fn a_handle_removed_and_its_slot_used_again_is_stale_for_everyone() {
    run(|| {
        let table = Arc::new(Table::<Guarded, 1>::new());
        let stale = table.insert(Box::new(guarded())).expect("a slot is free");
        let user = {
            let table = table.clone();
            thread::spawn(move || add(&table, stale, Poison::Allow))
        };
        if table.remove(stale).is_ok() {
            let fresh = table.insert(Box::new(guarded())).expect("a slot is free");
            assert_ne!(fresh, stale);
            add(&table, fresh, Poison::Allow).expect("nobody else has this handle");
            assert_eq!(add(&table, stale, Poison::Allow), Err(ErrorCode::BadHandle));
        }
        let theirs = user.join().expect("no panic");
        assert!(matches!(theirs, Ok(()) | Err(ErrorCode::Busy | ErrorCode::BadHandle)), "{theirs:?}");
    });
}

#[test]
fn a_handle_is_removed_once() {
    run(|| {
        let table = Arc::new(Table::<Guarded, 1>::new());
        let handle = table.insert(Box::new(guarded())).expect("a slot is free");
        let other = {
            let table = table.clone();
            thread::spawn(move || table.remove(handle).is_ok())
        };
        let mine = table.remove(handle).is_ok();
        assert_ne!(mine, other.join().expect("no panic"));
    });
}

#[test]
fn the_last_slot_is_given_once() {
    run(|| {
        let table = Arc::new(Table::<Guarded, 1>::new());
        // The model's atomics begin with their first use: let that be before there are threads.
        let first = table.insert(Box::new(guarded())).expect("a slot is free");
        table.remove(first).expect("nobody is inside");
        let other = {
            let table = table.clone();
            thread::spawn(move || table.insert(Box::new(guarded())).ok())
        };
        let mine = table.insert(Box::new(guarded())).ok();
        let theirs = other.join().expect("no panic");
        assert_ne!(mine.is_some(), theirs.is_some());
        let handle = mine.or(theirs).expect("one of them");
        add(&table, handle, Poison::Allow).expect("it is alive");
    });
}
