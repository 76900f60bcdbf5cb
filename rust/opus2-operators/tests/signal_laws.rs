//! Laws of the `signal` operator that hold for every input: methods reference section 13, architecture section 10.

#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

use opus2_operators::{Entry, Operator, Output, OutputChannel, create};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, MakerFill, MarketEvent, OrderId, Price, Qty,
    QualityFlags, QuoteEvent, SeqRange, StatusEvent, TradeEvent, UnixNanos, Venue,
};
use opus2_wire::blob::{encode_blob, open_blob};
use opus2_wire::event::encode_event;
use proptest::prelude::*;
use serde::Serialize;
use serde::ser::SerializeTuple as _;

const MARKET: &str = "BTC/USD*";
const MAGIC: [u8; 4] = *b"OSIG";
const VERSION: u16 = 5;
const MILLI: i64 = 1_000_000;

/// One event of a random session.
#[derive(Debug, Clone)]
struct Step {
    after_ms: i64,
    is_other: bool,
    kind: u8,
    bid: i64,
    spread: i64,
    qtys: [i64; 2],
    number: i64,
    flags: u16,
}

/// Sessions with everything that goes wrong: gaps, duplicates, numbers and clocks that go back, crossed and empty sides,
/// quantities of zero and below, prices that are not positive, extremes, and bursts within one millisecond.
fn sessions() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![6 => 0i64..40, 3 => Just(0), 2 => 40i64..3_000, 1 => -400i64..0];
    let price =
        prop_oneof![20 => 99_900i64..100_100, 1 => -5i64..5, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let qty = prop_oneof![20 => 1i64..1_000, 2 => Just(0), 1 => Just(-7), 1 => Just(i64::MAX)];
    let number = prop_oneof![10 => 1i64..3, 2 => Just(0), 1 => -50i64..0];
    let step = (after, any::<bool>(), 0u8..12, price, -3i64..6, [qty.clone(), qty], number, 0u16..40);
    let step = step.prop_map(|(after_ms, is_other, kind, bid, spread, qtys, number, flags)| Step {
        after_ms,
        is_other,
        kind,
        bid,
        spread,
        qtys,
        number,
        flags,
    });
    proptest::collection::vec(step, 1..120)
}

/// The events as `normalize` would write them, with their receive times.
fn events(session: &[Step]) -> Vec<(i64, Vec<u8>)> {
    let (mut now, mut number) = (1_700_000_000_000 * MILLI, 1_000i64);
    let mut events = Vec::new();
    for step in session {
        now += step.after_ms * MILLI;
        number += step.number;
        let symbol = if step.is_other { "BTCUSDC" } else { "BTCUSDT" };
        let bid = Level::new(step.bid, step.qtys[0]);
        let ask = Level::new(step.bid.saturating_add(step.spread), step.qtys[1]);
        let book = |bid: Option<Level>| EventBody::Book(BookView::new(bid, [ask]));
        let status = |to| EventBody::Status(StatusEvent { from: BookState::Live, to });
        let event = MarketEvent {
            id: &format!("binance:{symbol}:c:{}", events.len()),
            venue: Venue::Binance,
            symbol,
            // Now and then an instrument is announced again with other scales.
            price_scale: if step.flags == 39 { 4 } else { 2 },
            qty_scale: 5,
            tick: Price(i64::from(step.flags % 2)),
            lot: opus2_types::Qty(1),
            exch_ts: None,
            recv_ts: UnixNanos(now),
            seq: SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() },
            flags: match step.flags {
                4 => QualityFlags::TRADE_GAP,
                flags => QualityFlags(if flags < 4 { flags } else { 0 }),
            },
            body: match step.kind {
                0..=3 => EventBody::Quote(QuoteEvent { bid, ask }),
                4 | 5 => book(Some(bid)),
                6 => book(None),
                7 => status(if step.flags % 2 == 0 { BookState::Gap } else { BookState::Empty }),
                8 => status(BookState::Live),
                _ => EventBody::Trade(TradeEvent {
                    trade_id: 1,
                    price: bid.price,
                    qty: Qty(step.qtys[0]),
                    aggressor: if step.spread % 2 == 0 { Aggressor::Buy } else { Aggressor::Sell },
                    maker: (step.flags % 2 == 0).then(|| MakerFill {
                        order: OrderId(step.bid.unsigned_abs().into()),
                        shown: Qty(step.qtys[1]),
                    }),
                }),
            },
        };
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes).unwrap();
        events.push((now, bytes));
    }
    events
}

/// An operator that gets warm in a short session.
fn operator() -> Box<dyn Operator> {
    create("signal", "[signal]\nvolatility_warm_up_secs = 1\nqueue_imbalance_ewma_ms = 20").unwrap()
}

/// Adds the records of `out` to `all`, and its timers to `timers`.
fn collect(out: &mut Output, all: &mut Vec<u8>, timers: &mut Vec<i64>) {
    for entry in out.entries() {
        match entry {
            Entry::Record { key, payload, .. } => {
                all.extend_from_slice(key.as_bytes());
                all.extend_from_slice(payload);
                all.push(b'\n');
            }
            Entry::Timer(time) => timers.push(time.0),
        }
    }
    out.clear();
}

fn save(operator: &mut dyn Operator) -> Vec<u8> {
    let mut blob = Vec::new();
    operator.save(MARKET, &mut blob).unwrap();
    blob
}

/// The records of a session that are published.
fn published(events: &[(i64, Vec<u8>)]) -> Vec<serde_json::Value> {
    let (mut operator, mut out, mut all) = (operator(), Output::new(), Vec::new());
    for (_, event) in events {
        operator.process(MARKET, event, &mut out).unwrap();
        for entry in out.entries() {
            if let Entry::Record { channel: OutputChannel::Signals, payload, .. } = entry {
                all.push(serde_json::from_slice(payload).unwrap());
            }
        }
        out.clear();
    }
    all
}

/// All records of a session; before event `i`, timers that the watermark may have passed fire when `fires[i]`.
fn play(events: &[(i64, Vec<u8>)], fires: &[bool]) -> Vec<u8> {
    let mut operator = operator();
    let (mut out, mut all, mut timers) = (Output::new(), Vec::new(), Vec::new());
    for at in 0..=events.len() {
        // What a host promises: no event up to the watermark is still to come.
        let watermark = events[at..].iter().map(|(time, _)| time - 1).min().unwrap_or(i64::MAX);
        if at == events.len() || fires.get(at).copied().unwrap_or(false) {
            for timer in timers.clone().into_iter().filter(|timer| *timer <= watermark) {
                operator.on_timer(MARKET, UnixNanos(timer), &mut out).unwrap();
                collect(&mut out, &mut all, &mut timers);
            }
        }
        if let Some((_, event)) = events.get(at) {
            operator.process(MARKET, event, &mut out).unwrap();
            collect(&mut out, &mut all, &mut timers);
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn timers_may_fire_whenever_the_watermark_allows(
        session in sessions(),
        fires in proptest::collection::vec(any::<bool>(), 120),
    ) {
        let events = events(&session);
        let (never, sometimes, always) =
            (play(&events, &[]), play(&events, &fires), play(&events, &[true; 120]));
        prop_assert!(never == sometimes && never == always);
    }

    #[test]
    fn saved_and_loaded_at_any_point_is_as_never_stopped(session in sessions(), at in 0usize..120) {
        let (mut plain, mut moved) = (operator(), operator());
        let mut out = [Output::new(), Output::new()];
        for (index, (_, event)) in events(&session).iter().enumerate() {
            if index == at {
                let blob = save(moved.as_mut());
                moved = operator();
                if !blob.is_empty() {
                    moved.load(MARKET, &blob).unwrap();
                    prop_assert!(save(moved.as_mut()) == blob, "equal state gives equal bytes");
                }
            }
            plain.process(MARKET, event, &mut out[0]).unwrap();
            moved.process(MARKET, event, &mut out[1]).unwrap();
        }
        prop_assert!(out[0].as_bytes() == out[1].as_bytes());
        prop_assert!(save(plain.as_mut()) == save(moved.as_mut()));
    }

    #[test]
    fn whatever_comes_every_number_is_finite_and_within_its_range(session in sessions()) {
        for record in published(&events(&session)) {
            for (name, feature) in record["features"].as_object().unwrap() {
                let value = feature["value"].as_f64();
                prop_assert!(value.is_some() != feature["reason"].is_string(), "{name}: {feature}");
                prop_assert!(value.is_none_or(f64::is_finite), "{name}: {feature}");
                let is_imbalance = name.contains("imbalance");
                prop_assert!(!is_imbalance || value.is_none_or(|value| value.abs() <= 1.0), "{name}: {feature}");
            }
        }
    }

    #[test]
    fn a_damaged_state_is_an_error_or_a_state(
        session in sessions(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let events = events(&session);
        let mut whole = operator();
        for (_, event) in &events {
            whole.process(MARKET, event, &mut Output::new()).unwrap();
        }
        let blob = save(whole.as_mut());
        prop_assert!(operator().load(MARKET, &blob[..cut.index(blob.len())]).is_err());
        let mut payload = open_blob(MAGIC, VERSION..=VERSION, &blob).unwrap().1.to_vec();
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        // With a checksum that agrees: it must be refused, or be safe to go on with.
        let mut damaged = Vec::new();
        encode_blob(MAGIC, VERSION, &Bare(&payload), &mut damaged).unwrap();
        let mut other = operator();
        if other.load(MARKET, &damaged).is_ok() {
            let mut out = Output::new();
            for (_, event) in &events {
                other.process(MARKET, event, &mut out).unwrap();
            }
            other.on_timer(MARKET, UnixNanos(i64::MAX), &mut out).unwrap();
            save(other.as_mut());
        }
    }
}

/// Bytes as they are, without a length before them.
struct Bare<'a>(&'a [u8]);

impl Serialize for Bare<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for byte in self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

/// What version 4 itself wrote, of a book, a quote and a trade of one instrument.
#[test]
fn a_state_of_the_version_before_is_read() {
    let old = include_bytes!("../../fuzz/seeds/state_blob/signal-4");
    assert!(open_blob(MAGIC, 4..=4, old).is_ok());
    let mut operator = operator();
    operator.load(MARKET, old).unwrap();
    let blob = save(operator.as_mut());
    let (_, payload) = open_blob(MAGIC, VERSION..=VERSION, &blob).unwrap();
    let (_, before) = open_blob(MAGIC, 4..=4, old).unwrap();
    // An empty list of orders, and the time when the first of them is due.
    assert_eq!(payload.len(), before.len() + 2);
}

#[test]
fn a_burst_costs_no_more_state_than_a_trickle() {
    let blob_of = |gap_ns: i64| {
        let mut operator = operator();
        let mut out = Output::new();
        for number in 1..=20_000i64 {
            let level = |price| Level::new(price, 1 + number % 7);
            let mut bytes = Vec::new();
            let event = MarketEvent {
                id: "binance:BTCUSDT:c:1",
                venue: Venue::Binance,
                symbol: "BTCUSDT",
                price_scale: 2,
                qty_scale: 5,
                tick: Price(1),
                lot: opus2_types::Qty(1),
                exch_ts: None,
                recv_ts: UnixNanos(1_700_000_000_000 * MILLI + number * gap_ns),
                seq: SeqRange { first: number.unsigned_abs(), last: number.unsigned_abs() },
                flags: QualityFlags::default(),
                body: EventBody::Quote(QuoteEvent {
                    bid: level(100_000 + number % 3),
                    ask: level(100_001 + number % 3),
                }),
            };
            encode_event(&event, &mut bytes).unwrap();
            out.clear();
            operator.process(MARKET, &bytes, &mut out).unwrap();
        }
        save(operator.as_mut()).len()
    };
    let (trickle, burst) = (blob_of(MILLI), blob_of(MILLI / 1_000));
    assert!(burst <= trickle && trickle < 8_192, "{burst} {trickle}");
}
