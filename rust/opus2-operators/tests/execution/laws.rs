//! Laws that hold for every input: methods reference section 13.

use opus2_hifa::context::Outlook;
use opus2_hifa::risk::{Assessment, BlockReason, PositionSource, RiskGate, RoundTripCost};
use opus2_hifa::{Absent, Direction};
use opus2_operators::{Operator, Output};
use opus2_types::{
    Aggressor, BookState, BookView, EventBody, Level, Price, Qty, QualityEvent, QuoteEvent, StatusEvent,
    TradeEvent, parse_scaled,
};
use opus2_wire::audit::verify;
use proptest::prelude::*;
use serde_json::Value;

use super::frames::{MARKET, MILLI, assessment, book, event, frame, operator, outlook, records};
use super::records::contract;

/// One frame of a random session.
#[derive(Debug, Clone)]
struct Step {
    after_ms: i64,
    kind: u8,
    venue: usize,
    price: i64,
    qty: i64,
    p: f64,
    circumstance: u8,
    /// Any float at all, where faults are injected.
    number: f64,
}

/// Sessions in which everything that is decided happens: likely and unlikely candidates, thin and deep books, gaps, fences,
/// gates that shut, positions told, all that must be left.
fn sessions() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![5 => 0i64..60, 3 => 60i64..1_500, 1 => 1_500i64..12_000];
    let price = 5_999_990i64..6_000_010;
    let qty = prop_oneof![6 => 50i64..20_000, 1 => 1i64..50];
    let p = prop_oneof![3 => 0.55..0.95, 3 => 0.05..0.45, 2 => 0.45..0.55];
    session(after, price, qty, p, Just(1.0))
}

/// The same with everything that goes wrong: clocks that go back, crossed and empty sides, quantities of zero and below,
/// prices that are not positive, extremes, and numbers that are none.
fn broken_sessions() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![6 => 0i64..60, 3 => 60i64..3_000, 1 => -400i64..0];
    let price =
        prop_oneof![9 => 5_999_990i64..6_000_010, 1 => -5i64..5, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    let qty = prop_oneof![9 => 1i64..20_000, 1 => Just(0), 1 => Just(-7), 1 => Just(i64::MAX)];
    let p = prop_oneof![6 => 0.0..1.0, 1 => Just(f64::NAN), 1 => Just(7.0), 1 => Just(-0.5)];
    let number =
        prop_oneof![4 => 0.0..50.0, 2 => any::<f64>(), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    session(after, price, qty, p, number)
}

fn session(
    after: impl Strategy<Value = i64>,
    price: impl Strategy<Value = i64>,
    qty: impl Strategy<Value = i64>,
    p: impl Strategy<Value = f64>,
    number: impl Strategy<Value = f64>,
) -> impl Strategy<Value = Vec<Step>> {
    let step = (after, 0u8..12, 0usize..3, price, qty, p, 0u8..24, number);
    let step = step.prop_map(|(after_ms, kind, venue, price, qty, p, circumstance, number)| Step {
        after_ms,
        kind,
        venue,
        price,
        qty,
        p,
        circumstance,
        number,
    });
    proptest::collection::vec(step, 1..100)
}

/// The frames of a session; when `is_broken`, with its numbers in them.
fn frames(session: &[Step], is_broken: bool) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut now = 1_700_000_000_000 * MILLI;
    for (venue, number) in [(0, 1), (1, 2), (2, 3)] {
        let event = event(number, now, venue, &book(6_000_000, 9_000));
        frames.push(frame(Some(&event), &outlook(now, None), &assessment()));
    }
    for (step, number) in session.iter().zip(4u64..) {
        now += step.after_ms * MILLI;
        let (mut outlook, mut assessment) =
            (outlook(now, Some(step.p).filter(|_| step.kind != 11)), assessment());
        assessment.direction = Some(Direction::of(step.p - 0.5));
        // From a few lots to more than any book holds.
        assessment.qty = 3 * step.qty.clamp(0, 1_000_000);
        circumstances(step, &mut outlook, &mut assessment);
        if is_broken {
            break_numbers(step, &mut outlook, &mut assessment);
        }
        let event = body(step).map(|body| event(number, now, step.venue, &body));
        if event.is_none() {
            outlook.bar_end = Some(now);
        }
        frames.push(frame(event.as_deref(), &outlook, &assessment));
    }
    frames
}

fn body(step: &Step) -> Option<EventBody> {
    let level = |price: i64| Level::new(price, step.qty);
    let ask = step.price.saturating_add(1);
    Some(match step.kind {
        0..=3 => EventBody::Quote(QuoteEvent { bid: level(step.price), ask: level(ask) }),
        4 | 5 => {
            let side = |sign: i64, best: i64| {
                (0..12).map(move |rank| Level::new(best.saturating_add(sign * rank * 2), step.qty))
            };
            EventBody::Book(BookView::new(side(-1, step.price), side(1, ask)))
        }
        6 => EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap }),
        7 => EventBody::Quality(QualityEvent {
            score_thousandths: 40_000,
            is_fenced: step.circumstance.is_multiple_of(3),
        }),
        8 => EventBody::Trade(TradeEvent {
            trade_id: 1,
            price: Price(step.price),
            qty: Qty(step.qty),
            aggressor: Aggressor::Buy,
            maker: None,
        }),
        9 => EventBody::Book(BookView::new([level(ask)], [])),
        _ => return None,
    })
}

fn circumstances(step: &Step, outlook: &mut Outlook, assessment: &mut Assessment) {
    match step.circumstance {
        0 => assessment.must_leave = true,
        1 => {
            let stale = [BlockReason::StaleData].into_iter().collect();
            assessment.gate = RiskGate::of(assessment.gate.parts, stale);
        }
        2 => assessment.cost = Err(Absent::Cold),
        3..=6 => {
            let held = step.qty.clamp(-500_000, 500_000);
            assessment.held_qty = if step.kind.is_multiple_of(2) { held } else { -held };
            assessment.position_source = PositionSource::Told;
        }
        7 => assessment
            .venues
            .iter_mut()
            .flatten()
            .zip([0.3, 0.7, 0.0])
            .for_each(|(at, share)| at.share = share),
        8 => (outlook.volatility, assessment.sqrt_law_bps) = (Err(Absent::Cold), Err(Absent::Cold)),
        9 => assessment.sqrt_law_bps = Ok(0.001),
        10 => assessment.direction = None,
        11 => assessment.venues[1] = None,
        _ => {}
    }
}

fn break_numbers(step: &Step, outlook: &mut Outlook, assessment: &mut Assessment) {
    let number = step.number;
    match step.circumstance {
        12 => outlook.volatility = Ok(number),
        13 => assessment.sqrt_law_bps = Ok(number),
        14 => {
            let (spread_bps, slippage_bps) = (number, 1.0);
            assessment.cost = Ok(RoundTripCost { spread_bps, slippage_bps, fee_bps: 5.0, latency_bps: 0.0 });
        }
        15 => assessment.gate.value = number,
        16 => assessment.venues.iter_mut().flatten().for_each(|venue| venue.share = number),
        17 => assessment.venues.iter_mut().flatten().for_each(|venue| venue.latency_secs = Ok(number)),
        18 => assessment.held_qty = i64::MIN,
        19 => assessment.qty = i64::MAX,
        20 => assessment.qty_scale = 18,
        21 => {
            if let Some(candidate) = &mut outlook.candidate {
                (candidate.mid, candidate.half_spread_bps) = (number, number);
            }
        }
        22 => (assessment.position_source, assessment.held_qty) = (PositionSource::Told, i64::MAX),
        23 => assessment.qty_scale = 255,
        _ => {}
    }
}

/// Runs frames; with `restart_every`, in a new operator with the old one's state after so many.
fn run(frames: &[Vec<u8>], restart_every: Option<usize>) -> Vec<String> {
    let mut current = operator("");
    let mut lines = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let mut out = Output::new();
        current.process(MARKET, frame, &mut out).unwrap();
        lines.extend(records(&out));
        if restart_every.is_some_and(|every| at % every == every - 1) {
            current = restarted(current);
        }
    }
    lines
}

fn restarted(mut old: Box<dyn Operator>) -> Box<dyn Operator> {
    let mut new = operator("");
    let mut blob = Vec::new();
    old.save(MARKET, &mut blob).unwrap();
    new.load(MARKET, &blob).unwrap();
    let mut again = Vec::new();
    new.save(MARKET, &mut again).unwrap();
    assert_eq!(blob, again, "equal state gives equal bytes");
    new
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Decimal text at 9 places.
fn units(value: &Value) -> i64 {
    parse_scaled(value.as_str().unwrap().as_bytes(), 9).unwrap()
}

/// Direction and position never change but by an entry from flat or an exit, one a frame, apart by the cool-down.
fn check_order(records: &[Value]) {
    let mut held: Option<(String, String)> = None;
    let mut left_at = i64::MIN;
    for (at, record) in records.iter().enumerate() {
        let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(text("/id").unwrap(), format!("{MARKET}:decision:{}", at + 1));
        let is_left_over = record["reasons"].as_array().unwrap().contains(&Value::from("left_over"));
        match record["action"].as_str().unwrap() {
            "enter" => {
                assert_eq!(held, None, "{record}");
                let now = record["recv_ts"].as_i64().unwrap();
                assert!(now >= left_at.saturating_add(2_000 * MILLI), "{record}");
                held = text("/id").zip(text("/direction"));
            }
            "exit" | "hold" if is_left_over => assert_eq!(held, None, "{record}"),
            "exit" => {
                assert_eq!(text("/entry_id").zip(text("/direction")), held, "{record}");
                (held, left_at) = (None, record["recv_ts"].as_i64().unwrap());
            }
            "hold" => assert_eq!(text("/entry_id").zip(text("/direction")), held, "{record}"),
            _ => assert_eq!(held, None, "{record}"),
        }
        let position = held.as_ref().map_or("flat", |(_, way)| if way == "up" { "long" } else { "short" });
        assert_eq!(record["decision"]["position"], position, "{record}");
    }
}

/// An entry has passed every gate.
fn check_gates(record: &Value) {
    if record["action"] != "enter" {
        return;
    }
    let number = |pointer: &str| record.pointer(pointer).and_then(Value::as_f64).unwrap();
    assert!(number("/gate/value") > 0.3, "{record}");
    assert!(number("/decision/p/value") >= number("/decision/p_in/value"), "{record}");
    assert!(number("/decision/edge_bps/value") > 0.0, "{record}");
    assert_eq!(record["model"]["proven"], true);
    assert!(!record["plan"].is_null() && record["reasons"] == Value::Array(Vec::new()), "{record}");
}

/// Slices and what rests add up to the plan; the split is not worse than the best venue alone.
fn check_plan(record: &Value) {
    let Some(plan) = record.get("plan").filter(|plan| !plan.is_null()) else { return };
    let all = |list: &Value| list.as_array().unwrap().iter().map(|part| units(&part["qty"])).sum::<i64>();
    let rests = if plan["resting"].is_null() { 0 } else { units(&plan["resting"]["qty"]) };
    assert_eq!(all(&plan["slices"]) + rests, units(&plan["qty"]), "{plan}");
    let first = plan["slices"].as_array().unwrap().first().map_or(0, |slice| units(&slice["qty"]));
    assert_eq!(all(&plan["route"]), first, "{plan}");
    assert!(plan["saving_bps"].as_f64().is_none_or(|saving| saving >= 0.0), "{plan}");
    let is_without_latency = plan["expected_bps"]["latency"] == 0.0;
    let alone = plan["best_single"]["average_all_in"].as_f64();
    if let Some((split, alone)) = plan["average_all_in"].as_f64().zip(alone).filter(|_| is_without_latency) {
        let sign = if plan["side"] == "buy" { 1.0 } else { -1.0 };
        assert!(sign * (split - alone) <= 1e-9 * alone, "{plan}");
    }
    for part in plan["expected_bps"].as_object().unwrap().values() {
        assert!(part.is_number(), "{plan}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn a_session_obeys_every_law(session in sessions(), every in 1usize..40) {
        let frames = frames(&session, false);
        let lines = run(&frames, None);
        // A restart anywhere is as if never stopped, and a replay gives the same chain.
        prop_assert_eq!(&run(&frames, Some(every)), &lines);
        verify(lines.iter().map(String::as_bytes)).unwrap();
        let records = parsed(&lines);
        check_order(&records);
        for record in &records {
            check_gates(record);
            check_plan(record);
        }
    }

    #[test]
    fn whatever_breaks_is_gated(session in broken_sessions()) {
        let lines = run(&frames(&session, true), None);
        verify(lines.iter().map(String::as_bytes)).unwrap();
        for record in parsed(&lines) {
            check_gates(&record);
            let plan = &record["plan"];
            let parts = plan["expected_bps"].as_object();
            prop_assert!(parts.is_none_or(|parts| parts.values().all(Value::is_number)), "{}", record);
        }
    }

    #[test]
    fn any_changed_byte_is_found(session in sessions(), at in any::<prop::sample::Index>(), bit in 0u8..7) {
        let lines = run(&frames(&session, false), None);
        let mut bytes = lines.join("\n").into_bytes();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(verify(bytes.split(|byte| *byte == b'\n')).is_err());
    }
}

#[test]
fn sessions_reach_everything_and_keep_the_contract() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (schemas, index) = contract();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for _ in 0..150 {
        let session = sessions().new_tree(&mut runner).unwrap().current();
        for record in parsed(&run(&frames(&session, false), None)) {
            schemas.validate(&record, index).unwrap_or_else(|error| panic!("{error:#}"));
            let words = [&record["action"], &record["plan"]["style"]];
            let reasons = record["reasons"].as_array().unwrap();
            for word in words.into_iter().chain(reasons).filter_map(Value::as_str) {
                *seen.entry(word.to_owned()).or_default() += 1;
            }
        }
    }
    for word in [
        "enter",
        "exit",
        "hold",
        "reject",
        "now",
        "almgren_chriss",
        "stop",
        "max_hold",
        "probability",
        "low_gate",
        "cool_down",
        "no_quantity",
        "unfilled",
        "no_book",
        "left_over",
        "nothing_held",
    ] {
        assert!(seen.contains_key(word), "{word}: {seen:?}");
    }
}

#[test]
fn the_state_of_three_venues_is_small_and_a_damaged_one_is_refused() {
    let mut operator = operator("");
    let now = 1_700_000_000_000 * MILLI;
    for (venue, number) in (0..300).map(|number| (usize::try_from(number % 3).unwrap(), number)) {
        let now = now + i64::try_from(number).unwrap() * 40 * MILLI;
        let event = event(number, now, venue, &book(6_000_000, 1_234_567_890_123));
        let frame = frame(Some(&event), &outlook(now, Some(0.7)), &assessment());
        operator.process(MARKET, &frame, &mut Output::new()).unwrap();
    }
    let mut blob = Vec::new();
    operator.save(MARKET, &mut blob).unwrap();
    eprintln!("state of three venues: {} bytes", blob.len());
    assert!(blob.len() <= 32 << 10, "{}", blob.len());
    let mut damaged = blob.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    assert!(self::operator("").load(MARKET, &damaged).is_err());
    assert!(self::operator("").load(MARKET, &blob[..blob.len() - 1]).is_err());
}
