//! A frame without a decision costs the `execution` operator no heap memory once it knows its instruments.

use crate::frames::{MARKET, MILLI, assessment, book, event, frame, operator, outlook};
use allocation_counter::measure;
use opus2_operators::Output;
use opus2_types::{EventBody, Level, QuoteEvent};

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
    let counted = measure(|| {
        for frame in measured {
            out.clear();
            operator.process(MARKET, frame, &mut out).unwrap();
            assert!(out.as_bytes().is_empty());
        }
    });
    assert_eq!(counted.count_total, 0);
}
