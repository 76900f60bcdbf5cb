//! A frame without a decision costs the `execution` operator no heap memory once it knows its instruments.

#![expect(unsafe_code, reason = "an allocator that counts can only be written so; it passes every call on")]
#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

#[path = "execution/frames.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod frames;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use frames::{MARKET, MILLI, assessment, book, event, frame, operator, outlook};
use opus2_operators::Output;
use opus2_types::{EventBody, Level, QuoteEvent};

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

/// Frame `number`: books and quotes of three venues, a candidate that is not likely enough, now and then the end of a second.
fn input(number: u64) -> Vec<u8> {
    let signed = i64::try_from(number).unwrap();
    let now = signed * 3 * MILLI;
    let (bid, venue) = (6_000_000 + signed % 5, usize::try_from(number % 3).unwrap());
    let body = if number.is_multiple_of(10) {
        book(bid, 1 + signed % 977)
    } else {
        EventBody::Quote(QuoteEvent { bid: Level::new(bid, 9), ask: Level::new(bid + 1, 1 + signed % 97) })
    };
    let event = event(number, now, venue, &body);
    let event = Some(event.as_slice()).filter(|_| !number.is_multiple_of(333));
    let mut outlook = outlook(now, Some(0.45 + 0.01 * f64::from(u8::try_from(number % 10).unwrap())));
    outlook.bar_end = event.is_none().then_some(now);
    frame(event, &outlook, &assessment())
}

#[test]
fn a_frame_without_a_decision_allocates_nothing() {
    let mut operator = operator("");
    let mut out = Output::new();
    let frames: Vec<_> = (1..6_000).map(input).collect();
    let (warm_up, measured) = frames.split_at(1_000);
    for frame in warm_up {
        operator.process(MARKET, frame, &mut out).unwrap();
    }
    let before = ALLOCATIONS.get();
    for frame in measured {
        out.clear();
        operator.process(MARKET, frame, &mut out).unwrap();
        assert!(out.as_bytes().is_empty());
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}
