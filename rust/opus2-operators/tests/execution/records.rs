//! What a decision's record says.

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use opus2_hifa::context::Outlook;
use opus2_hifa::risk::{Assessment, BlockReason, PositionSource, RiskGate};
use opus2_operators::{Operator, Output};
use opus2_types::{EventBody, Level, QuoteEvent};
use opus2_wire::ContentHash;
use opus2_wire::audit::verify;
use serde_json::Value;

use super::frames::{MARKET, MILLI, assessment, book, event, frame, operator, outlook, records};

/// An operator that has seen the books of three venues.
struct Run {
    operator: Box<dyn Operator>,
    lines: Vec<String>,
    events: u64,
}

impl Run {
    fn new(config: &str) -> Self {
        let mut run = Self { operator: operator(config), lines: Vec::new(), events: 0 };
        for venue in 0..3 {
            assert_eq!(run.event(1, venue, &book(6_000_000, 8_000), None), None);
        }
        run
    }

    fn take(&mut self, bytes: &[u8]) -> Option<Value> {
        let mut out = Output::new();
        self.operator.process(MARKET, bytes, &mut out).unwrap();
        let mut found = records(&out);
        assert!(found.len() <= 1, "{found:?}");
        let line = found.pop()?;
        let record = serde_json::from_str(&line).unwrap();
        self.lines.push(line);
        Some(record)
    }

    /// A frame with an event.
    fn event(&mut self, ms: i64, venue: usize, body: &EventBody, p_up: Option<f64>) -> Option<Value> {
        self.events += 1;
        let event = event(self.events, ms * MILLI, venue, body);
        self.take(&frame(Some(&event), &outlook(ms * MILLI, p_up), &assessment()))
    }

    /// A frame at the end of a second.
    fn second(
        &mut self,
        ms: i64,
        p_up: Option<f64>,
        change: impl FnOnce(&mut Outlook, &mut Assessment),
    ) -> Option<Value> {
        let (mut outlook, mut assessment) = (outlook(ms * MILLI, p_up), assessment());
        outlook.bar_end = Some(ms * MILLI);
        change(&mut outlook, &mut assessment);
        self.take(&frame(None, &outlook, &assessment))
    }

    fn counter(&self, name: &str) -> u64 {
        let mut found = None;
        self.operator.counters(&mut |key, value| found = found.or((key == name).then_some(value)));
        found.unwrap()
    }
}

fn quote(bid: i64) -> EventBody {
    EventBody::Quote(QuoteEvent { bid: Level::new(bid, 9_000), ask: Level::new(bid + 1, 7_000) })
}

/// A refusal, an entry, a hold and an exit.
fn day() -> Run {
    let mut run = Run::new("");
    let blocked = |_: &mut Outlook, at: &mut Assessment| {
        at.gate = RiskGate::of(at.gate.parts, [BlockReason::StaleData].into_iter().collect());
        at.participation = Err(opus2_hifa::Absent::EmptySide);
    };
    run.second(1_000, Some(0.7), blocked).unwrap();
    run.event(1_500, 0, &quote(6_000_000), Some(0.7)).unwrap();
    run.second(2_000, Some(0.7), |_, _| {}).unwrap();
    let told = |_: &mut Outlook, at: &mut Assessment| {
        (at.position_source, at.held_qty) = (PositionSource::Told, 9_000);
    };
    run.second(3_000, None, told).unwrap();
    let stop = |outlook: &mut Outlook, at: &mut Assessment| {
        told(outlook, at);
        at.must_leave = true;
    };
    run.second(3_500, None, stop).unwrap();
    run
}

#[track_caller]
fn check(record: &Value, pointer: &str, expect: &str) {
    assert_eq!(record.pointer(pointer).unwrap_or(&Value::Null).to_string(), expect, "{pointer}");
}

#[test]
fn an_entry_tells_everything_that_led_to_it() {
    let run = day();
    let record: Value = serde_json::from_str(&run.lines[1]).unwrap();
    for (pointer, expect) in [
        ("/id", r#""BTC/USD*:decision:2""#),
        ("/action", r#""enter""#),
        ("/direction", r#""up""#),
        ("/reasons", "[]"),
        ("/entry_id", "null"),
        ("/recv_ts", "1500000000"),
        ("/event_id", r#""binance:BTCUSDT:18c2f0a1b2c3-0-1:4""#),
        ("/trigger", r#""quote""#),
        ("/model/proven", "true"),
        ("/data/events", "4"),
        ("/forecast/multiplier", "1.25"),
        ("/forecast/p_up", "0.7"),
        ("/features/queue_imbalance_ewma/x", "1.0"),
        ("/features/queue_imbalance_ewma/contribution", "0.4"),
        ("/features/ofi_normalised_5s/missing", "true"),
        ("/features/ofi_normalised_5s/reason", r#""cold""#),
        ("/decision/position", r#""long""#),
        ("/decision/held_since", "1500000000"),
        ("/decision/p_in/value", "0.6"),
        ("/gate/binding", r#""liquidity""#),
        ("/gate/value", "0.9"),
        ("/size/qty", r#""0.1""#),
        ("/size/equity", r#""100000""#),
        ("/round_trip_bps/value/total", "7.5"),
        ("/plan/side", r#""buy""#),
        ("/plan/style", r#""now""#),
        ("/plan/qty", r#""0.1""#),
        ("/plan/route/0/instrument", r#""binance:BTCUSDT""#),
        ("/plan/route/0/qty", r#""0.1""#),
        // Of 0.07 in the quote 80 % are expected to be there still, so the next level is needed.
        ("/plan/route/0/worst_price", r#""60000.02""#),
        ("/plan/slices", r#"[{"after_ns":0,"qty":"0.1"}]"#),
        ("/plan/best_single/instrument", r#""binance:BTCUSDT""#),
        ("/plan/saving_bps", "0.0"),
        ("/plan/expiry_ts", "2500000000"),
        ("/venues/0/exch_ts", "1495000000"),
        ("/venues/0/asks/0", r#"["60000.01","0.07"]"#),
        ("/venues/1/bids/4", r#"["59999.96","0.08004"]"#),
    ] {
        check(&record, pointer, expect);
    }
    assert_eq!(record["venues"][2]["asks"].as_array().map(Vec::len), Some(5));
}

#[test]
fn a_refusal_a_hold_and_an_exit_say_why() {
    let run = day();
    let record = |at: usize| serde_json::from_str::<Value>(&run.lines[at]).unwrap();
    check(&record(0), "/reasons", r#"["low_gate"]"#);
    check(&record(0), "/gate/blocks", r#"["stale_data"]"#);
    check(&record(0), "/size/participation", r#"{"reason":"empty_side","value":null}"#);
    check(&record(0), "/event_id", "null");
    check(&record(0), "/trigger", r#""second""#);
    check(&record(2), "/action", r#""hold""#);
    check(&record(2), "/entry_id", r#""BTC/USD*:decision:2""#);
    check(&record(3), "/size/qty", r#""0.09""#);
    check(&record(3), "/forecast", "null");
    check(&record(3), "/features", "{}");
    check(&record(4), "/action", r#""exit""#);
    check(&record(4), "/reasons", r#"["stop"]"#);
    check(&record(4), "/entry_id", r#""BTC/USD*:decision:2""#);
    check(&record(4), "/plan/side", r#""sell""#);
    check(&record(4), "/plan/reason", r#""no_time""#);
    check(&record(4), "/decision/position", r#""flat""#);
    let counted = ["events", "seconds", "enters", "exits", "holds", "rejects", "orders", "unplanned"];
    assert_eq!(counted.map(|name| run.counter(name)), [4, 4, 1, 1, 2, 1, 2, 0]);
}

/// The schema that is part of the contract.
pub(crate) fn contract() -> (Schemas, SchemaIndex) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/contracts/schemas/trading_signals_final.schema.json");
    let mut schemas = Schemas::new();
    let index = Compiler::new().compile(path.to_str().unwrap(), &mut schemas).unwrap();
    (schemas, index)
}

#[test]
fn records_are_those_of_the_contract() {
    let (schemas, index) = contract();
    let mut records: Vec<Value> =
        day().lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for record in &records {
        schemas.validate(record, index).unwrap_or_else(|error| panic!("{error:#}"));
    }
    // What is not of the contract is found.
    records[0]["extra"] = Value::Null;
    records[1]["plan"] = Value::Null;
    records[2]["size"]["qty"] = 0.1.into();
    records[3]["reasons"] = Value::from(vec!["mood"]);
    records[4]["gate"].as_object_mut().unwrap().remove("binding");
    for record in &records {
        assert!(schemas.validate(record, index).is_err(), "{record}");
    }
}

#[test]
fn records_name_their_versions_and_are_sealed() {
    let run = day();
    let summary = verify(run.lines.iter().map(String::as_bytes)).unwrap();
    assert_eq!((summary.records, summary.chains.len()), (5, 1));
    let mut hashes = Vec::new();
    for config in ["", "[signal]\n"] {
        let mut run = Run::new(config);
        hashes.push(run.second(1_000, Some(0.7), |_, _| {}).unwrap());
    }
    assert_ne!(hashes[0]["config_hash"], hashes[1]["config_hash"]);
    assert_eq!(hashes[0]["model"]["hash"], hashes[1]["model"]["hash"]);
    let model = opus2_wire::model::content_hash(&super::frames::model()).unwrap();
    assert_eq!(hashes[0]["model"]["hash"], model.to_string());
    let zeros = ContentHash::default().to_string();
    assert_eq!(hashes[0]["prev"], zeros);
}

#[test]
fn configuration_reaches_the_decisions() {
    let mut run = Run::new("[execution.decision]\np_in_min = 0.8\n[fees]\nas_of = \"2026-05\"\n");
    assert_eq!(run.second(1_000, Some(0.7), |_, _| {}), None);
    check(&run.second(2_000, Some(0.85), |_, _| {}).unwrap(), "/fees_as_of", r#""2026-05""#);
    // An order of 6000 units is below the smallest that any venue takes.
    let mut run = Run::new("[execution.min_notional]\nbinance = 7000\ncoinbase = 7000\nkraken = \"7000\"\n");
    check(&run.second(1_000, Some(0.7), |_, _| {}).unwrap(), "/reasons", r#"["unfilled"]"#);
}

#[test]
fn a_frame_of_another_stage_is_an_error() {
    let mut bytes = Vec::new();
    opus2_wire::frame::begin_frame(&mut bytes);
    let error = operator("").process(MARKET, &bytes, &mut Output::new()).unwrap_err();
    assert!(format!("{error:?}").contains("no section Context"), "{error:?}");
}
