//! Laws of the `risk` operator that hold for every input: methods reference section 13, architecture section 10.

#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod risk_frames;

use opus2_hifa::risk::{Assessment, BindingConstraint, BlockReason, GateParts};
use opus2_hifa::{Absent, Measure};
use opus2_operators::{Operator, Output};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, PositionEvent, Price, Qty, QualityEvent, QualityFlags,
    QuoteEvent, StatusEvent, TradeEvent, Venue,
};
use opus2_wire::blob::{encode_blob, open_blob};
use opus2_wire::frame::{Frame, Section};
use proptest::prelude::*;
use risk_frames::{MARKET, MILLI, SECOND, Source, book, give, operator, proven};
use serde::Serialize;
use serde::ser::SerializeTuple as _;

const MAGIC: [u8; 4] = *b"ORSK";
const VERSION: u16 = 1;

/// One frame of a random session.
#[derive(Debug, Clone)]
struct Step {
    after_ms: i64,
    venue: usize,
    kind: u8,
    bid: i64,
    spread: i64,
    qtys: [i64; 2],
    flags: u16,
    p_up: f64,
}

/// Sessions with everything that goes wrong: gaps, duplicates, clocks that go back, crossed and empty sides, quantities of
/// zero and below, prices that are none, probabilities that are none, and bursts within one millisecond.
fn sessions() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![6 => 0i64..40, 6 => Just(0), 2 => 40i64..3_000, 1 => -400i64..0];
    let price = prop_oneof![
        20 => 5_999_000i64..6_001_000, 1 => -5i64..5, 1 => Just(i64::MAX), 1 => Just(i64::MIN)
    ];
    let qty = prop_oneof![20 => 1i64..50_000, 2 => Just(0), 1 => Just(-7), 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let p_up = prop_oneof![8 => 0.0..1.0f64, 1 => Just(f64::NAN), 1 => Just(2.0)];
    let step = (after, 0usize..3, 0u8..22, price, -3i64..6, [qty.clone(), qty], 0u16..40, p_up);
    let step = step.prop_map(|(after_ms, venue, kind, bid, spread, qtys, flags, p_up)| Step {
        after_ms,
        venue,
        kind,
        bid,
        spread,
        qtys,
        flags,
        p_up,
    });
    proptest::collection::vec(step, 1..80)
}

fn body(step: &Step) -> EventBody {
    let bid = Level::new(step.bid, step.qtys[0]);
    let ask = Level::new(step.bid.saturating_add(step.spread), step.qtys[1]);
    let status = |from, to| EventBody::Status(StatusEvent { from, to });
    match step.kind {
        0..=5 => book(step.bid.clamp(5_000_000, 7_000_000), step.qtys[0].clamp(1, 50_000)),
        6 => EventBody::Book(BookView::new([bid, bid], [ask])),
        7 => EventBody::Book(BookView::new([], [ask])),
        8 | 9 => EventBody::Quote(QuoteEvent { bid, ask }),
        10 => status(BookState::Live, BookState::Gap),
        11 => status(BookState::Live, BookState::Crossed),
        12 => status(BookState::Gap, BookState::Empty),
        13 => status(BookState::Empty, BookState::Live),
        14 => EventBody::Quality(QualityEvent {
            score_thousandths: u32::from(step.flags) * 3_000,
            is_fenced: step.flags < 10,
        }),
        15 => EventBody::Position(PositionEvent {
            qty: Qty(if step.flags == 1 { i64::MIN } else { step.qtys[0] % 20_000 }),
            entry_price: step.flags.is_multiple_of(2).then_some(Price(step.bid)),
            equity_micros: step.flags.is_multiple_of(3).then_some(step.qtys[1].saturating_mul(10_000_000)),
        }),
        _ => EventBody::Trade(TradeEvent {
            trade_id: 1,
            price: Price(step.bid),
            qty: Qty(step.qtys[0]),
            aggressor: if step.spread % 2 == 0 { Aggressor::Buy } else { Aggressor::Sell },
            maker: None,
        }),
    }
}

/// The session's frames, after a market that is ready to trade.
fn frames(session: &[Step], is_warm: bool) -> Vec<Vec<u8>> {
    let mut source = Source::new();
    let mut frames = if is_warm { source.warm(&Venue::ALL, 65) } else { Vec::new() };
    for step in session {
        source.at += step.after_ms * MILLI;
        source.latency_ns = i64::from(step.flags) * 3 * MILLI - 10 * MILLI;
        source.expect((step.flags % 5 > 0).then_some(step.p_up));
        source.outlook.volatility = match step.flags {
            37 => Err(Absent::Cold),
            38 => Ok(f64::NAN),
            39 => Ok(0.0),
            _ => Ok(1e-4),
        };
        source.outlook.volume_rate = if step.flags == 36 { Ok(0.0) } else { Ok(3.0) };
        if step.kind == 21 {
            source.at = (source.at / SECOND + 1) * SECOND;
            frames.push(source.second_end());
            continue;
        }
        let flags = QualityFlags(if step.flags < 4 { step.flags } else { 0 });
        let frame = source.frame(Venue::ALL[step.venue], &body(step), flags);
        if step.flags == 35 {
            frames.push(frame.clone());
        }
        frames.push(frame);
    }
    frames
}

fn fresh() -> Box<dyn Operator> {
    operator(&proven(), "")
}

fn save(operator: &mut dyn Operator) -> Vec<u8> {
    let mut blob = Vec::new();
    operator.save(MARKET, &mut blob).unwrap();
    blob
}

fn is_finite(value: Measure) -> bool {
    value.map_or(true, f64::is_finite)
}

/// What must be so of every assessment.
fn check(assessment: &Assessment) -> Result<(), TestCaseError> {
    let gate = &assessment.gate;
    prop_assert!((0.0..=1.0).contains(&gate.value));
    prop_assert!(gate.blocks.is_empty() || (gate.value == 0.0 && assessment.qty == 0), "{:?}", gate);
    prop_assert!(assessment.qty >= 0 && assessment.qty % 10 == 0, "whole lots");
    prop_assert!(assessment.qty == 0 || assessment.direction.is_some());
    let GateParts { es_headroom, liquidity, health, quality, slippage } = gate.parts;
    let parts = [es_headroom, liquidity, health, quality, slippage];
    let known = parts.map(|part| part.unwrap_or(0.0));
    let smallest = known.into_iter().fold(f64::INFINITY, f64::min);
    let place = BindingConstraint::ALL.iter().position(|constraint| *constraint == gate.binding).unwrap();
    prop_assert!(known[place] <= smallest && known.iter().all(|part| (0.0..=1.0).contains(part)));
    prop_assert!(
        parts.iter().all(Result::is_ok) || !gate.blocks.is_empty(),
        "what is not known shuts the gate"
    );
    if gate.blocks.is_empty() {
        prop_assert!((gate.value - smallest).abs() < 1e-12);
    }
    let measures = [
        assessment.net_gain_bps,
        assessment.edge_bps,
        assessment.p_lower,
        assessment.kelly,
        assessment.shortfall_per_unit,
        assessment.participation,
        assessment.resilience_secs,
        assessment.sqrt_law_bps,
        assessment.cost.map(|cost| cost.total_bps()),
    ];
    prop_assert!(measures.into_iter().chain(parts).all(is_finite));
    for venue in assessment.venues.iter().flatten() {
        prop_assert!((0.0..=1.0).contains(&venue.share) && (0.0..=100.0).contains(&venue.health));
        prop_assert!(is_finite(venue.quality) && is_finite(venue.latency_secs));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn whatever_comes_every_frame_has_a_gate_that_is_sound(session in sessions(), is_warm: bool) {
        let schema = include_str!("../../../docs/contracts/schemas/hifa_stage3_risk.schema.json");
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler.add_resource("risk.json", serde_json::from_str(schema).unwrap()).unwrap();
        let schema = compiler.compile("risk.json", &mut schemas).unwrap();
        let (mut operator, mut out) = (fresh(), Output::new());
        let mut ids = std::collections::BTreeSet::new();
        let mut times = Vec::new();
        for frame in frames(&session, is_warm) {
            let (record, next) = give(operator.as_mut(), &frame, &mut out);
            check(&Frame::decode(&next).unwrap().value(Section::Risk).unwrap().unwrap())?;
            let Some(record) = record else { continue };
            let record = serde_json::from_str(&record).unwrap();
            if let Err(error) = schemas.validate(&record, schema) {
                return Err(TestCaseError::fail(format!("{error:#}\n{record}")));
            }
            prop_assert!(ids.insert(record["id"].to_string()), "{}", record["id"]);
            if record["kind"] == "candidate" {
                times.push(record["recv_ts"].as_i64().unwrap());
            }
        }
        prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 100 * MILLI), "{times:?}");
    }

    #[test]
    fn saved_and_loaded_at_any_point_is_as_never_stopped(session in sessions(), is_warm: bool, at in any::<prop::sample::Index>()) {
        let (mut plain, mut moved) = (fresh(), fresh());
        let mut out = [Output::new(), Output::new()];
        let frames = frames(&session, is_warm);
        let at = at.index(frames.len());
        for (index, frame) in frames.iter().enumerate() {
            if index == at {
                let blob = save(moved.as_mut());
                moved = fresh();
                if !blob.is_empty() {
                    moved.load(MARKET, &blob).unwrap();
                    prop_assert!(save(moved.as_mut()) == blob, "equal state gives equal bytes");
                }
            }
            plain.process(MARKET, frame, &mut out[0]).unwrap();
            moved.process(MARKET, frame, &mut out[1]).unwrap();
        }
        prop_assert!(out[0].as_bytes() == out[1].as_bytes());
        prop_assert!(save(plain.as_mut()) == save(moved.as_mut()));
    }

    #[test]
    fn a_damaged_state_is_an_error_or_a_state(
        session in sessions(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let frames = frames(&session, false);
        let mut whole = fresh();
        for frame in &frames {
            whole.process(MARKET, frame, &mut Output::new()).unwrap();
        }
        let blob = save(whole.as_mut());
        prop_assert!(fresh().load(MARKET, &blob[..cut.index(blob.len())]).is_err());
        let mut payload = open_blob(MAGIC, VERSION..=VERSION, &blob).unwrap().1.to_vec();
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        // With a checksum that agrees: it must be refused, or be safe to go on with.
        let mut damaged = Vec::new();
        encode_blob(MAGIC, VERSION, &Bare(&payload), &mut damaged).unwrap();
        let mut other = fresh();
        if other.load(MARKET, &damaged).is_ok() {
            let mut out = Output::new();
            for frame in &frames {
                let (_, next) = give(other.as_mut(), frame, &mut out);
                let assessment: Assessment = Frame::decode(&next).unwrap().value(Section::Risk).unwrap().unwrap();
                prop_assert!((0.0..=1.0).contains(&assessment.gate.value));
            }
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

/// One fault in a market that is ready to trade; the names of the blocks right after it, and after `then` good books.
#[track_caller]
fn fault(bodies: &[(i64, EventBody)], expect: &[&str]) {
    let mut source = Source::new();
    let (mut operator, mut out) = (fresh(), Output::new());
    for frame in source.warm(&[Venue::Binance], 65) {
        give(operator.as_mut(), &frame, &mut out);
    }
    source.expect(Some(0.7));
    let mut assess = |source: &mut Source, body: &EventBody| -> Assessment {
        let frame = source.frame(Venue::Binance, body, QualityFlags::default());
        let (_, next) = give(operator.as_mut(), &frame, &mut out);
        Frame::decode(&next).unwrap().value(Section::Risk).unwrap().unwrap()
    };
    let mut found = None;
    for (after_ms, body) in bodies {
        source.at += after_ms * MILLI;
        found = Some(assess(&mut source, body));
    }
    let names: Vec<_> = found.unwrap().gate.blocks.iter().map(BlockReason::as_str).collect();
    assert_eq!(names, expect);
    let after = assess(&mut source, &book(6_000_000, 20_000));
    assert!(after.qty > 0 || after.gate.parts.health.is_ok_and(|health| health < 1.0), "{:?}", after.gate);
}

#[test]
fn every_fault_shuts_the_gate_for_its_own_reason_and_only_as_long_as_it_lasts() {
    let no_book = ["no_book", "health", "quality_fence", "no_volatility"];
    let level = Level::new;
    let one = |bid: Option<Level>, ask: Option<Level>| (10, EventBody::Book(BookView::new(bid, ask)));
    fault(&[(10, EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap }))], &no_book);
    fault(&[one(Some(level(6_000_002, 9)), Some(level(6_000_001, 9)))], &no_book);
    fault(&[one(None, Some(level(6_000_001, 9)))], &no_book);
    fault(&[one(Some(level(i64::MIN, 9)), Some(level(6_000_001, 9)))], &no_book);
    let zero = one(Some(level(6_000_000, 0)), Some(level(6_000_001, 0)));
    fault(&[zero], &["no_book", "unfilled", "cost_exceeds_edge", "inventory"]);
    let good = (10, book(6_000_000, 20_000));
    fault(&[good, good], &[]);
    fault(&[(-5_000, good.1)], &[]);
    fault(&vec![(0, good.1); 10_000], &[]);
    let trade = EventBody::Trade(TradeEvent {
        trade_id: 1,
        price: Price(6_000_000),
        qty: Qty(1),
        aggressor: Aggressor::Buy,
        maker: None,
    });
    fault(&[(2_001, trade)], &["stale_data"]);
}
