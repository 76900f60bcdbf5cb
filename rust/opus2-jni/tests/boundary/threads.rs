//! Two threads in one handle: one of them is refused, and no memory is ever shared.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Barrier};

use crate::caller::{code, keyed};
use opus2_jni::{ErrorCode, Host, Source, Target};
use opus2_operators::{Operator, OperatorError, Output};
use opus2_types::UnixNanos;

/// Calls `inside` for each record.
struct Probe<I: FnMut() + Send> {
    inside: I,
}

impl<I: FnMut() + Send> Operator for Probe<I> {
    fn process(&mut self, _: &str, _: &[u8], _: &mut Output) -> Result<(), OperatorError> {
        (self.inside)();
        Ok(())
    }
    fn on_timer(&mut self, _: &str, _: UnixNanos, _: &mut Output) -> Result<(), OperatorError> {
        Ok(())
    }
    fn save(&mut self, _: &str, _: &mut Vec<u8>) -> Result<(), OperatorError> {
        Ok(())
    }
    fn load(&mut self, _: &str, _: &[u8]) -> Result<(), OperatorError> {
        Ok(())
    }
    fn drain_dirty(&mut self, _: &mut dyn FnMut(&str)) {}
    fn counters(&self, _: &mut dyn FnMut(&'static str, u64)) {}
}

fn process(host: &Host<4>, handle: i64) -> Result<i64, ErrorCode> {
    let input = keyed("k", b"record");
    code(i64::from(host.process(handle, Source::from(&*input), Target::from(&mut [][..]))))
}

#[test]
fn a_second_thread_is_busy_in_every_call() {
    let host = Host::<4>::new();
    let (entered, is_inside): (SyncSender<()>, Receiver<()>) = sync_channel(0);
    let (release, may_leave): (SyncSender<()>, Receiver<()>) = sync_channel(0);
    let inside = move || {
        entered.send(()).unwrap();
        may_leave.recv().unwrap();
    };
    let handle = host.insert(Box::new(Probe { inside }));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| process(&host, handle));
        is_inside.recv().unwrap();
        let key = || Source::from(&b"\x01\0k"[..]);
        let none = || Target::from(&mut [][..]);
        let results = [
            host.process(handle, key(), none()),
            host.on_timer(handle, key(), 0, none()),
            host.take_output(handle, none()),
            host.output_length(handle),
            host.save(handle, key(), none()),
            host.load(handle, key()),
            host.drain_dirty(handle, none()),
            host.counters(handle, none()),
            host.last_error(handle, none()),
            host.destroy(handle),
        ];
        assert_eq!(results, [ErrorCode::Busy.code(); 10]);
        release.send(()).unwrap();
        assert_eq!(first.join().unwrap(), Ok(0));
    });
    assert_eq!(host.destroy(handle), 0);
}

/// Lehmer's generator: small, seeded, good enough to mix the threads.
fn next(random: &mut u64) -> u64 {
    *random = *random * 48271 % 2_147_483_647;
    *random
}

#[test]
fn threads_that_use_create_and_destroy_never_meet() {
    const THREADS: u64 = 4;
    const STEPS: u64 = 20_000;
    let host = Host::<4>::new();
    let total = Arc::new(AtomicU64::new(0));
    // Counts without atomics: two threads inside at once would lose some, and the sum would not agree.
    let create = || {
        let mut counter = Counter { records: 0, sum: total.clone() };
        code(host.insert(Box::new(Probe { inside: move || counter.count() }))).unwrap()
    };
    let handles: [AtomicI64; 3] = [0; 3].map(|_| AtomicI64::new(create()));
    let barrier = Barrier::new(usize::try_from(THREADS).unwrap());
    let successes: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=THREADS)
            .map(|seed| {
                let (host, handles, barrier, create) = (&host, &handles, &barrier, &create);
                scope.spawn(move || {
                    barrier.wait();
                    let mut random = seed;
                    (0..STEPS).filter(|_| visit(host, handles, &mut random, create)).count() as u64
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    for handle in &handles {
        assert_eq!(host.destroy(handle.load(Ordering::Relaxed)), 0);
    }
    assert!(successes > 0);
    assert_eq!(total.load(Ordering::Relaxed), successes);
}

struct Counter {
    records: u64,
    sum: Arc<AtomicU64>,
}

impl Counter {
    fn count(&mut self) {
        self.records += 1;
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        self.sum.fetch_add(self.records, Ordering::Relaxed);
    }
}

/// Gives a record to some operator, or puts a new one in its place; says whether a record was taken.
fn visit(host: &Host<4>, handles: &[AtomicI64; 3], random: &mut u64, create: &impl Fn() -> i64) -> bool {
    let at = usize::try_from(next(random) % 3).unwrap();
    let handle = handles[at].load(Ordering::Relaxed);
    if next(random).is_multiple_of(50) && host.destroy(handle) == 0 {
        handles[at].store(create(), Ordering::Relaxed);
        return false;
    }
    match process(host, handle) {
        Ok(_) => true,
        Err(error) => {
            assert!(matches!(error, ErrorCode::Busy | ErrorCode::BadHandle), "{error:?}");
            false
        }
    }
}
