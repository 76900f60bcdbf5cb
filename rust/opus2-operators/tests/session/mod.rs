//! A market of three venues with everything that goes wrong, and the operators it goes through.

use opus2_hifa::detector::DetectorEvent;
use opus2_hifa::detector::iceberg::{OrderIceberg, RefillFound};
use opus2_hifa::detector::layering::LayeringFound;
use opus2_hifa::detector::sweep::Sweep;
use opus2_hifa::detector::wall::{WallEnd, WallEnded, WallEpisode};
use opus2_hifa::signal::{AbsorbedFlow, Reading};
use opus2_operators::{Entry, Operator, Output, OutputChannel, create};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MarketEvent, OrderId, Price, Qty, QualityEvent,
    QualityFlags, QuoteEvent, SeqRange, Side, StatusEvent, TradeEvent, UnixNanos, Venue,
};
use opus2_wire::event::encode_event;
use opus2_wire::frame::{Frame, Section, append_bytes, append_section, begin_frame};
use proptest::prelude::*;

use crate::steady::MARKET;

const MILLI: i64 = 1_000_000;
const START: i64 = 1_700_000_000_000 * MILLI;

/// One event of a random session.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    after_ms: i64,
    instrument: usize,
    kind: u8,
    bid: i64,
    spread: i64,
    qtys: [i64; 2],
    number: i64,
    flags: u16,
    /// What the detectors find at it, for stage 1 seldom finds something in a session so short.
    found: u8,
}

const INSTRUMENTS: [(Venue, &str); 4] = [
    (Venue::Coinbase, "BTC-USD"),
    (Venue::Binance, "BTCUSDT"),
    (Venue::Kraken, "XBT/USD"),
    (Venue::Binance, "BTCUSDC"),
];

/// Sessions with gaps, duplicates, numbers and clocks that go back, crossed and empty sides, quantities of zero and
/// below, prices that are not positive, extremes, fences, bursts within one millisecond, and silences up to minutes.
pub(crate) fn sessions() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![
        12 => 0i64..40,
        6 => Just(0),
        4 => 40i64..3_000,
        2 => -400i64..0,
        1 => 3_000i64..200_000,
    ];
    let price =
        prop_oneof![20 => 99_900i64..100_100, 1 => -5i64..5, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let qty = prop_oneof![20 => 1i64..1_000, 2 => Just(0), 1 => Just(-7), 1 => Just(i64::MAX)];
    let number = prop_oneof![10 => 1i64..3, 2 => Just(0), 1 => -50i64..0];
    let step = (after, 0usize..4, 0u8..12, price, -3i64..6, [qty.clone(), qty], number, 0u16..40, 0u8..30);
    let step = step.prop_map(|(after_ms, instrument, kind, bid, spread, qtys, number, flags, found)| Step {
        after_ms,
        instrument,
        kind,
        bid,
        spread,
        qtys,
        number,
        flags,
        found,
    });
    proptest::collection::vec(step, 1..160)
}

/// The events as `normalize` would write them, with their receive times and what the detectors find at each.
fn events(session: &[Step]) -> Vec<(i64, Vec<u8>, u8)> {
    let (mut now, mut number) = (START, 1_000i64);
    let mut events = Vec::new();
    for step in session {
        now += step.after_ms * MILLI;
        number += step.number;
        let (venue, symbol) = INSTRUMENTS[step.instrument];
        let bid = Level::new(step.bid, step.qtys[0]);
        let ask = Level::new(step.bid.saturating_add(step.spread), step.qtys[1]);
        let book = |bid: Option<Level>| EventBody::Book(BookView::new(bid, [ask]));
        let status = |to| EventBody::Status(StatusEvent { from: BookState::Live, to });
        let quality = |is_fenced| EventBody::Quality(QualityEvent { score_thousandths: 99_000, is_fenced });
        let event = MarketEvent {
            id: &format!("{venue}:{symbol}:c:{}", events.len()),
            venue,
            symbol,
            // Now and then an instrument is announced again with other scales.
            price_scale: if step.flags == 39 { 4 } else { 2 },
            qty_scale: 5,
            tick: Price(i64::from(step.flags % 2)),
            lot: Qty(1),
            exch_ts: (step.flags % 3 > 0).then_some(UnixNanos(now - i64::from(step.flags) * MILLI)),
            recv_ts: UnixNanos(now),
            seq: SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() },
            flags: QualityFlags(if step.flags < 32 && step.flags % 4 == 0 { step.flags } else { 0 }),
            body: match step.kind {
                0..=3 => EventBody::Quote(QuoteEvent { bid, ask }),
                4 | 5 => book(Some(bid)),
                6 => book(None),
                7 => status(if step.flags % 2 == 0 { BookState::Gap } else { BookState::Empty }),
                8 => status(BookState::Live),
                9 => quality(step.flags % 4 == 0),
                _ => EventBody::Trade(TradeEvent {
                    trade_id: 1,
                    price: bid.price,
                    qty: bid.qty,
                    aggressor: if step.flags % 2 == 0 { Aggressor::Buy } else { Aggressor::Sell },
                    maker: None,
                }),
            },
        };
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes).unwrap();
        events.push((now, bytes, step.found));
    }
    events
}

/// A session as stage 1 hands it on: receive times and frames.
pub(crate) fn frames(session: &[Step]) -> Vec<(i64, Vec<u8>)> {
    let mut signal = create("signal", "[signal]\nvolatility_warm_up_secs = 1").unwrap();
    let mut frames = Vec::new();
    for (now, event, found) in events(session) {
        let frame = frame_of(signal.as_mut(), &event).expect("every event is handed on");
        frames.push((now, with_found(&frame, now, found)));
    }
    frames
}

/// What stage 1 hands on of an event.
pub(crate) fn frame_of(signal: &mut dyn Operator, event: &[u8]) -> Option<Vec<u8>> {
    let mut out = Output::new();
    signal.process(MARKET, event, &mut out).unwrap();
    out.entries().find_map(|entry| match entry {
        Entry::Record { channel: OutputChannel::Main, payload, .. } => Some(payload.to_vec()),
        _ => None,
    })
}

/// The frame with something that the detectors of stage 1 have found.
fn with_found(frame: &[u8], now: i64, found: u8) -> Vec<u8> {
    let frame = Frame::decode(frame).unwrap();
    let mut reading: Reading = frame.value(Section::Signal).unwrap().unwrap();
    let aggressor = if found.is_multiple_of(2) { Aggressor::Buy } else { Aggressor::Sell };
    let side = if found.is_multiple_of(2) { Side::Bid } else { Side::Ask };
    reading.events[0] = match found {
        0..=3 => Some(DetectorEvent::Sweep(Sweep {
            aggressor,
            since: now,
            until: now,
            received: now,
            levels: 3,
            volume: i128::from(i64::MAX) * i128::from(found),
            notional: i128::from(i64::MAX),
            first: Price(100),
            last: Price(103),
            shown_before: Some(i128::from(found)),
            is_shown_cut: false,
        })),
        4 => Some(DetectorEvent::Iceberg(OrderIceberg {
            id: OrderId(u128::MAX),
            side,
            price: Price(100),
            peak: 10,
            executed: i64::MAX,
            refills: 3,
        })),
        5 => Some(DetectorEvent::Refill(RefillFound {
            side,
            price: Price(100),
            refills: 3,
            refilled: 7,
            traded: 9,
            peak_cv: 0.1,
            refill_share: 0.7,
        })),
        6 | 7 => {
            let mut episode = WallEpisode::new(now, Qty(50));
            episode.update(now + 3, Qty(7), Qty(5), true);
            let end = WallEnd::Shrunk;
            Some(DetectorEvent::WallEnded(WallEnded {
                side,
                price: Price(99),
                end,
                episode,
                spoof_likeness: 0.5,
            }))
        }
        8 | 9 => Some(DetectorEvent::Layering(LayeringFound {
            side,
            since: now,
            until: now + 9,
            levels: 3,
            pull_ratio: 0.9,
            opposite_share: 0.8,
            score: 0.72,
        })),
        _ => None,
    };
    if (10..14).contains(&found) {
        let volume = f64::from(found);
        reading.absorbed =
            Ok(AbsorbedFlow { aggressor, volume, signed_move: 0.1, added: 3.0, executed: volume });
    }
    let mut bytes = Vec::new();
    begin_frame(&mut bytes);
    append_bytes(Section::Event, frame.bytes(Section::Event).unwrap(), &mut bytes).unwrap();
    append_section(Section::Signal, &reading, &mut bytes).unwrap();
    bytes
}
