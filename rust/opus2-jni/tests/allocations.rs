//! A record costs no heap memory once the buffers have grown.

#![expect(unsafe_code, reason = "calls the exported C functions")]
#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

use allocation_counter::measure;
use opus2_jni::{ErrorCode, opus2_counters, opus2_create, opus2_destroy, opus2_process, opus2_take_output};

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
    measure(|| (0..10_000).for_each(|_| work())).count_total
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
