//! Laws of the `context` operator that hold for every sequence of events, however broken.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod session;
mod steady;

use boon::{Compiler, SchemaIndex, Schemas};
use opus2_hifa::context::{CONTEXT_FEATURES, Outlook};
use opus2_hifa::decision::model::{Model, ModelFeature};
use opus2_operators::{Entry, Operator, Output, OutputChannel, create, with_model};
use opus2_types::UnixNanos;
use opus2_wire::blob::{encode_blob, open_blob};
use opus2_wire::frame::{Frame, Section};
use proptest::prelude::*;
use serde::Serialize;
use serde::ser::SerializeTuple as _;

use session::{frame_of, frames, sessions};
use steady::{MARKET, steady};

const MAGIC: [u8; 4] = *b"OCTX";
const SCHEMA: &str = include_str!("../../../docs/contracts/schemas/hifa_stage2_context.schema.json");

/// An operator whose model asks for everything that stage 2 knows.
fn operator() -> Box<dyn Operator> {
    let mut model = Model::unfitted();
    model.features.extend(CONTEXT_FEATURES.iter().map(|name| ModelFeature {
        name: (*name).to_owned(),
        mean: 0.0,
        sd: 1.0,
        weight: 0.1,
    }));
    let model = serde_json::to_string(&model).unwrap();
    create("context", &with_model("[context]\nvpin_horizon = \"hour\"", &model)).unwrap()
}

/// Adds the records of `out` to `all`, and its timers to `timers`.
fn collect(out: &mut Output, all: &mut Vec<(OutputChannel, Vec<u8>)>, timers: &mut Vec<i64>) {
    for entry in out.entries() {
        match entry {
            Entry::Record { channel, key, payload, .. } => {
                assert_eq!(key, MARKET);
                all.push((channel, payload.to_vec()));
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

/// All records of a session; before frame `i`, timers that the watermark may have passed fire when `fires[i]`.
fn play(frames: &[(i64, Vec<u8>)], fires: &[bool]) -> Vec<(OutputChannel, Vec<u8>)> {
    let mut operator = operator();
    let (mut out, mut all, mut timers) = (Output::new(), Vec::new(), Vec::new());
    for at in 0..=frames.len() {
        // What a host promises: no event up to the watermark is still to come.
        let watermark = frames[at..].iter().map(|(time, _)| time - 1).min().unwrap_or(i64::MAX);
        if at == frames.len() || fires.get(at).copied().unwrap_or(false) {
            // Those that are set by one that fires may be due too.
            while let Some(first) = timers.iter().copied().filter(|timer| *timer <= watermark).min() {
                timers.retain(|timer| *timer != first);
                operator.on_timer(MARKET, UnixNanos(first), &mut out).unwrap();
                collect(&mut out, &mut all, &mut timers);
            }
        }
        if let Some((_, frame)) = frames.get(at) {
            operator.process(MARKET, frame, &mut out).unwrap();
            collect(&mut out, &mut all, &mut timers);
        }
    }
    all
}

/// The published schema, ready to check records with.
struct Checker {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Checker {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("schema.json", serde_json::from_str(SCHEMA).unwrap()).unwrap();
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    fn check(&self, payload: &[u8]) {
        let record = serde_json::from_slice(payload).unwrap();
        if let Err(error) = self.schemas.validate(&record, self.index) {
            panic!("{error:#} in {record:#}");
        }
    }
}

/// Every number of an outlook.
fn numbers(outlook: &Outlook) -> Vec<f64> {
    let measures =
        [outlook.toxicity, outlook.volatility, outlook.volatility_slow, outlook.lambda, outlook.volume_rate];
    let mut numbers = vec![outlook.multiplier];
    numbers.extend(measures.into_iter().chain([outlook.illiquidity]).flatten());
    if let Some(candidate) = &outlook.candidate {
        numbers.extend(candidate.values().iter().flatten());
        numbers.extend([candidate.mid, candidate.half_spread_bps, candidate.logit, candidate.score]);
        numbers.extend([candidate.p_raw, candidate.p_up]);
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn timers_may_fire_whenever_the_watermark_allows(
        session in sessions(),
        fires in proptest::collection::vec(any::<bool>(), 160),
    ) {
        let frames = frames(&session);
        let (never, sometimes, always) =
            (play(&frames, &[]), play(&frames, &fires), play(&frames, &[true; 160]));
        prop_assert!(never == sometimes && never == always);
    }

    #[test]
    fn saved_and_loaded_at_any_point_is_as_never_stopped(session in sessions(), at in 0usize..160) {
        let (mut plain, mut moved) = (operator(), operator());
        let mut out = [Output::new(), Output::new()];
        for (index, (_, frame)) in frames(&session).iter().enumerate() {
            if index == at {
                let blob = save(moved.as_mut());
                moved = operator();
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
    fn whatever_comes_every_frame_is_answered_and_every_number_is_finite(session in sessions()) {
        let checker = Checker::new();
        let (mut answers, mut ends, mut records) = (0, Vec::new(), Vec::new());
        for (channel, payload) in play(&frames(&session), &[]) {
            if channel == OutputChannel::Context {
                checker.check(&payload);
                let record: serde_json::Value = serde_json::from_slice(&payload).unwrap();
                records.push(record["bar_end"].as_i64().unwrap());
                continue;
            }
            prop_assert_eq!(channel, OutputChannel::Main);
            let frame = Frame::decode(&payload).unwrap();
            let outlook: Outlook = frame.value(Section::Context).unwrap().unwrap();
            prop_assert!(numbers(&outlook).into_iter().all(f64::is_finite), "{:?}", outlook);
            prop_assert!((0.25..=1.5).contains(&outlook.multiplier));
            match outlook.bar_end {
                None => answers += 1,
                Some(end) => {
                    prop_assert!(frame.bytes(Section::Event).is_none() && outlook.now == end);
                    // The record of a second comes before its frame.
                    prop_assert_eq!(records.last(), Some(&end));
                    ends.push(end);
                }
            }
        }
        prop_assert_eq!(answers, session.len());
        prop_assert!(ends.is_sorted_by(|a, b| a < b) && ends == records);
    }

    #[test]
    fn a_damaged_state_is_an_error_or_a_state(
        session in sessions(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let frames = frames(&session);
        let mut whole = operator();
        for (_, frame) in &frames {
            whole.process(MARKET, frame, &mut Output::new()).unwrap();
        }
        let blob = save(whole.as_mut());
        prop_assert!(operator().load(MARKET, &blob[..cut.index(blob.len())]).is_err());
        let mut payload = open_blob(MAGIC, 1..=1, &blob).unwrap().1.to_vec();
        for (at, byte) in damage {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        // With a checksum that agrees: it must be refused, or be safe to go on with.
        let mut damaged = Vec::new();
        encode_blob(MAGIC, 1, &Bare(&payload), &mut damaged).unwrap();
        let mut other = operator();
        if other.load(MARKET, &damaged).is_ok() {
            let mut out = Output::new();
            for (_, frame) in &frames {
                other.process(MARKET, frame, &mut out).unwrap();
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

/// Half an hour of a market of three venues: its records, and what its state takes.
#[test]
fn a_market_of_three_venues_is_small_and_its_records_are_as_published() {
    let checker = Checker::new();
    let (mut signal, mut context) =
        (create("signal", "").unwrap(), create("context", "[context]\nlead_lag_units = 1").unwrap());
    let (mut out, mut seconds, mut warm) = (Output::new(), 0, 0);
    for number in 1..=36_000 {
        let frame = frame_of(signal.as_mut(), &steady(number, 50)).unwrap();
        out.clear();
        context.process(MARKET, &frame, &mut out).unwrap();
        for entry in out.entries() {
            let Entry::Record { channel: OutputChannel::Context, payload, .. } = entry else { continue };
            seconds += 1;
            if seconds % 50 == 0 {
                checker.check(payload);
            }
            let record: serde_json::Value = serde_json::from_slice(payload).unwrap();
            warm += u32::from(record["pairs"][0]["lead_lag"]["theta_ms"]["value"].is_number());
        }
    }
    assert!(seconds > 1_790, "{seconds}");
    let size = save(context.as_mut()).len();
    eprintln!("state of a market of three venues: {size} bytes; {warm} of {seconds} seconds with a lead");
    assert!(size <= 128 << 10, "{size}");
}
