//! A frame costs the `risk` operator no heap memory once it knows its instruments, and its state stays small.

#![expect(
    clippy::print_stdout,
    reason = "the size of the state is worth knowing, not only that it is small enough"
)]
use crate::risk_frames::{MARKET, MILLI, SECOND, Source, book, give, operator, proven};
use allocation_counter::measure;
use opus2_operators::Output;
use opus2_types::{
    Aggressor, BookState, EventBody, Level, PositionEvent, Price, Qty, QualityFlags, QuoteEvent, StatusEvent,
    TradeEvent, Venue,
};

/// The largest state of a market at three venues, bytes.
const STATE_BYTES_MAX: usize = 48 << 10;

/// From here on nothing goes wrong.
const QUIET_FROM: i64 = 36_000;

/// Frames 3 ms apart of three venues: quotes, books, trades, now and then a gap and a position, every second's end, a
/// candidate that comes and goes.
fn frames(count: i64) -> Vec<Vec<u8>> {
    let mut source = Source::new();
    let mut frames = source.warm(&Venue::ALL, 1);
    for number in 1..=count {
        source.at += 3 * MILLI;
        if source.at / SECOND != (source.at - 3 * MILLI) / SECOND {
            frames.push(source.second_end());
        }
        let random =
            number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 33;
        source.expect(
            (number % 1_000 > 100).then_some(0.5 + f64::from(i32::try_from(random % 400).unwrap()) / 1e3),
        );
        source.latency_ns = (5 + random.abs() % 90) * MILLI;
        let bid = 6_000_000 + number % 7;
        // No gap in the last minute: everything that waits for its time does.
        let body = match if number < QUIET_FROM { number % 401 } else { number % 400 + 2 } {
            0 => EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap }),
            1 => EventBody::Position(PositionEvent {
                qty: Qty(random % 300),
                entry_price: None,
                equity_micros: None,
            }),
            rank if rank % 5 == 0 => book(bid, if number % 2_000 < 60 { 300 } else { 20_000 }),
            rank if rank % 7 == 0 => EventBody::Trade(TradeEvent {
                trade_id: number.unsigned_abs(),
                price: Price(bid),
                qty: Qty(1 + random.abs() % 977),
                aggressor: Aggressor::Buy,
                maker: None,
            }),
            _ => EventBody::Quote(QuoteEvent { bid: Level::new(bid, 5), ask: Level::new(bid + 1, 5) }),
        };
        let venue = Venue::ALL[usize::try_from(number % 3).unwrap()];
        frames.push(source.frame(venue, &body, QualityFlags::default()));
    }
    frames
}

#[test]
fn a_frame_allocates_nothing_in_steady_state_and_the_state_stays_small() {
    let mut operator = operator(&proven(), "");
    let mut out = Output::new();
    let frames = frames(60_000);
    let (warm_up, measured) = frames.split_at(30_000);
    for frame in warm_up {
        give(operator.as_mut(), frame, &mut out);
    }
    let mut bytes = 0;
    let counted = measure(|| {
        for frame in measured {
            out.clear();
            operator.process(MARKET, frame, &mut out).unwrap();
            bytes += out.as_bytes().len();
        }
    });
    assert_eq!(counted.count_total, 0);
    assert!(bytes > measured.len() * 500, "assessments were written: {bytes}");
    let mut seen = Vec::new();
    operator.counters(&mut |name, value| {
        if ["bars", "candidates", "assessments", "blocked", "held_back"].contains(&name) {
            seen.push((name, value));
        }
    });
    assert!(seen.iter().all(|(_, value)| *value > 10), "every path was taken: {seen:?}");
    let mut blob = Vec::new();
    operator.save(MARKET, &mut blob).unwrap();
    println!("state of a market at three venues: {} bytes", blob.len());
    assert!(blob.len() <= STATE_BYTES_MAX, "{}", blob.len());
}
