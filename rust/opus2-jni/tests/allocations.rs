//! A record costs no heap memory once the buffers have grown.

#![expect(unsafe_code, reason = "counts through a global allocator, and calls the exported C functions")]
#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use opus2_jni::{ErrorCode, opus2_counters, opus2_create, opus2_destroy, opus2_process, opus2_take_output};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting what each thread asks of it.
struct Counting;

// SAFETY: everything is the system allocator's doing; counting touches a thread-local number without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn length(bytes: &[u8]) -> i32 {
    i32::try_from(bytes.len()).unwrap()
}

/// 300 bytes of the market `BTC/USD*`.
fn record() -> Vec<u8> {
    [&[8, 0][..], b"BTC/USD*", &[7; 300]].concat()
}

fn create_copy() -> i64 {
    // SAFETY: the name is four readable bytes, and no bytes are read of an empty configuration.
    let handle = unsafe { opus2_create(b"copy".as_ptr(), 4, std::ptr::null(), 0) };
    assert!(handle > 0, "{handle}");
    handle
}

fn process(handle: i64, input: &[u8], target: &mut [u8]) -> i32 {
    // SAFETY: both are slices.
    unsafe { opus2_process(handle, input.as_ptr(), length(input), target.as_mut_ptr(), length(target)) }
}

/// How often `work` asks for memory when it is repeated, after a first time.
fn allocations(mut work: impl FnMut()) -> u64 {
    work();
    let before = ALLOCATIONS.get();
    for _ in 0..10_000 {
        work();
    }
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7u64)))), 10_000);
}

#[test]
fn a_record_of_a_known_key_allocates_nothing() {
    let handle = create_copy();
    let input = record();
    let mut target = vec![0; 1024];
    assert_eq!(allocations(|| assert_eq!(process(handle, &input, &mut target), 16 + 8 + 300)), 0);
    assert_eq!(opus2_destroy(handle), 0);
}

#[test]
fn output_that_waits_allocates_nothing() {
    let handle = create_copy();
    let input = record();
    let mut target = vec![0; 1024];
    let work = || {
        assert_eq!(process(handle, &input, &mut []), ErrorCode::OutputFull.code());
        // SAFETY: the target is a slice.
        assert_eq!(unsafe { opus2_take_output(handle, target.as_mut_ptr(), length(&target)) }, 16 + 8 + 300);
    };
    assert_eq!(allocations(work), 0);
    assert_eq!(opus2_destroy(handle), 0);
}

#[test]
fn reading_counters_allocates_nothing() {
    let handle = create_copy();
    let mut target = vec![0; 1024];
    // SAFETY: the target is a slice.
    let work = || assert!(unsafe { opus2_counters(handle, target.as_mut_ptr(), length(&target)) } > 0);
    assert_eq!(allocations(work), 0);
    assert_eq!(opus2_destroy(handle), 0);
}
