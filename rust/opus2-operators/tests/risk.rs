//! What the operator `risk` publishes and hands on.

#![expect(clippy::unwrap_used, reason = "this is a test, helpers included")]

mod risk_frames;

use opus2_hifa::decision::model::Model;
use opus2_hifa::risk::Assessment;
use opus2_hifa::signal::{Reading, ReadingHead};
use opus2_operators::{Operator, Output, create};
use opus2_types::{BookState, EventBody, PositionEvent, Price, Qty, QualityFlags, StatusEvent, Venue};
use opus2_wire::blob::encode_blob;
use opus2_wire::frame::{Frame, Section, begin_frame};
use risk_frames::{MARKET, MILLI, SECOND, START, Source, book, give, operator, proven};
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../docs/contracts/schemas/hifa_stage3_risk.schema.json");

/// The operator, what comes before it, and its records.
struct Run {
    operator: Box<dyn Operator>,
    source: Source,
    records: Vec<String>,
    out: Output,
}

impl Run {
    fn new(model: &Model, config: &str) -> Self {
        let operator = operator(model, config);
        Self { operator, source: Source::new(), records: Vec::new(), out: Output::new() }
    }

    /// A market at three venues that is ready to trade.
    fn ready() -> Self {
        let mut run = Self::new(&proven(), "");
        for frame in run.source.warm(&Venue::ALL, 65) {
            run.give(&frame);
        }
        run.records.clear();
        run
    }

    fn give(&mut self, frame: &[u8]) -> Assessment {
        let (record, next) = give(self.operator.as_mut(), frame, &mut self.out);
        self.records.extend(record);
        let next = Frame::decode(&next).unwrap();
        let before = Frame::decode(frame).unwrap();
        for section in [Section::Event, Section::Signal, Section::Context] {
            assert_eq!(next.bytes(section), before.bytes(section), "what was known goes on");
        }
        next.value(Section::Risk).unwrap().unwrap()
    }

    fn event(&mut self, venue: Venue, body: &EventBody) -> Assessment {
        let frame = self.source.frame(venue, body, QualityFlags::default());
        self.give(&frame)
    }

    fn book_at(&mut self, after_ms: i64, p_up: Option<f64>) -> Assessment {
        self.source.at += after_ms * MILLI;
        self.source.expect(p_up);
        self.event(Venue::Binance, &book(6_000_000, 20_000))
    }

    fn second_end(&mut self) -> Assessment {
        let frame = self.source.second_end();
        self.give(&frame)
    }

    fn fields(&self, pointer: &str) -> Vec<String> {
        let records = self.records.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
        records.map(|record| record.pointer(pointer).unwrap().to_string().replace('"', "")).collect()
    }

    fn counter(&self, name: &str) -> u64 {
        let mut found = None;
        self.operator.counters(&mut |counter, value| {
            if counter == name {
                found = Some(value);
            }
        });
        found.unwrap()
    }
}

/// Fails for a record that is not as the contract says.
fn validate(records: &[String]) {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("risk.json", serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let schema = compiler.compile("risk.json", &mut schemas).unwrap();
    assert!(!records.is_empty());
    for record in records {
        let value = serde_json::from_str(record).unwrap();
        if let Err(error) = schemas.validate(&value, schema) {
            panic!("{error:#}\n{record}");
        }
    }
}

#[test]
fn a_candidate_that_becomes_active_is_one_record() {
    let mut run = Run::ready();
    let assessment = run.book_at(10, Some(0.7));
    assert!(assessment.qty > 0);
    validate(&run.records);
    insta::assert_snapshot!(run.records.concat(), @r#"{"id":"BTC/USD*:risk:1723161665010000000:0","kind":"candidate","market":"BTC/USD*","recv_ts":1723161665010000000,"trigger":"binance:BTCUSD:c:1954","model":{"name":"proven","hash":"b694b9e60ab5dea0010d036157a4ef1665a71165774adee9bf3a15eb4bf80fc4","proven":true},"fees":{"as_of":"2026","taker":{"value":0.001,"reason":null}},"position":{"source":"assumed_flat","qty":"0","entry":{"value":null,"reason":"no_events"},"equity":"100000","equity_source":"configured","equity_marked":"100000"},"candidate":{"direction":"up","active":true,"p_up":0.7,"p_lower":{"value":0.6961291520392375,"reason":null}},"sizing":{"kelly_full":{"value":56.010676461655336,"reason":null},"kelly_used":{"value":0.1,"reason":null},"breakeven":{"value":0.4469215136987435,"reason":null},"shortfall_per_unit":{"value":65.62084344909326,"reason":null},"inventory_limit":{"value":0.8333332638888947,"reason":null},"inventory_bound":"venue_cap","bound":"kelly_cap","judged_qty":"0.166","probe":false,"qty":"0.166"},"cost":{"instrument":"binance:BTCUSD","spread_bps":{"value":0.0016666665277777894,"reason":null},"slippage_bps":{"value":0.36441734316577196,"reason":null},"fee_bps":{"value":20.0,"reason":null},"latency_bps":{"value":0.07978845608028655,"reason":null},"total_bps":{"value":20.445872465773835,"reason":null},"entry_bps":{"value":0.18304200484677488,"reason":null},"sqrt_law_bps":{"value":0.18220867158288598,"reason":null}},"edge":{"net_gain_bps":{"value":99.55412753422617,"reason":null},"edge_bps":{"value":45.55412753422617,"reason":null}},"gate":{"value":1.0,"binding":"es_headroom","blocks":[],"parts":{"es_headroom":{"value":1.0,"reason":null},"liquidity":{"value":1.0,"reason":null},"health":{"value":1.0,"reason":null},"quality":{"value":1.0,"reason":null},"slippage":{"value":1.0,"reason":null}}},"tail":{"confidence":0.975,"degrees":4.0,"sigma":{"value":0.0001,"reason":null},"horizon_secs":{"value":15.0,"reason":null},"normal":{"var_bps":{"value":7.59090787128996,"reason":null},"es_bps":{"value":9.054271280913275,"reason":null}},"student":{"var_bps":{"value":7.6036080689581835,"reason":null},"es_bps":{"value":10.936806330115015,"reason":null}}},"liquidity":{"participation":{"value":0.00415,"reason":null},"resilience_secs":{"value":null,"reason":"cold"},"spread_z":{"value":0.0,"reason":null}},"spread":[{"horizon_secs":5,"effective_bps":{"value":null,"reason":"cold"},"realised_bps":{"value":null,"reason":"cold"},"impact_bps":{"value":null,"reason":"cold"}},{"horizon_secs":60,"effective_bps":{"value":null,"reason":"cold"},"realised_bps":{"value":null,"reason":"cold"},"impact_bps":{"value":null,"reason":"cold"}}],"kill":{"daily_loss_share":0.0,"drawdown_share":0.0,"must_leave":false},"venues":[{"instrument":"binance:BTCUSD","share":1.0,"health":{"score":100.0,"staleness":1.0,"gaps":1.0,"latency":1.0,"crossed":1.0,"rejects":1.0,"reconnects":1.0},"peg":1.0,"quality":{"value":97.0,"reason":null},"latency_secs":{"value":0.004983479633266411,"reason":null},"age_secs":{"value":0.0,"reason":null}},{"instrument":"coinbase:BTCUSD","share":1.0,"health":{"score":100.0,"staleness":1.0,"gaps":1.0,"latency":1.0,"crossed":1.0,"rejects":1.0,"reconnects":1.0},"peg":1.0,"quality":{"value":97.0,"reason":null},"latency_secs":{"value":0.004983479633266411,"reason":null},"age_secs":{"value":0.01,"reason":null}},{"instrument":"kraken:BTCUSD","share":1.0,"health":{"score":100.0,"staleness":1.0,"gaps":1.0,"latency":1.0,"crossed":1.0,"rejects":1.0,"reconnects":1.0},"peg":1.0,"quality":{"value":97.0,"reason":null},"latency_secs":{"value":0.004983479633266411,"reason":null},"age_secs":{"value":0.01,"reason":null}}]}"#);
}

#[test]
fn a_second_is_one_record_whether_anything_is_known_or_not() {
    let mut run = Run::new(&Model::unfitted(), "");
    run.source.at += SECOND;
    run.second_end();
    for frame in run.source.warm(&[Venue::Kraken], 2) {
        run.give(&frame);
    }
    validate(&run.records);
    assert_eq!(run.fields("/kind"), ["bar"; 3]);
    assert_eq!(run.fields("/trigger"), ["null"; 3]);
    insta::assert_snapshot!(run.records[0], @r#"{"id":"BTC/USD*:risk:1723161601000000000:0","kind":"bar","market":"BTC/USD*","recv_ts":1723161601000000000,"trigger":null,"model":{"name":"unfitted","hash":"364195c6510bf526707821541d8e21a4637280085590c93ef77186a9c6c1b665","proven":false},"fees":{"as_of":"2026","taker":{"value":null,"reason":"cold"}},"position":{"source":"assumed_flat","qty":"0","entry":{"value":null,"reason":"no_events"},"equity":"100000","equity_source":"configured","equity_marked":"100000"},"candidate":null,"sizing":{"kelly_full":{"value":null,"reason":"cold"},"kelly_used":{"value":null,"reason":"cold"},"breakeven":{"value":null,"reason":"cold"},"shortfall_per_unit":{"value":null,"reason":"cold"},"inventory_limit":{"value":null,"reason":"cold"},"inventory_bound":null,"bound":"unknown","judged_qty":"0","probe":true,"qty":"0"},"cost":{"instrument":null,"spread_bps":{"value":null,"reason":"cold"},"slippage_bps":{"value":null,"reason":"cold"},"fee_bps":{"value":null,"reason":"cold"},"latency_bps":{"value":null,"reason":"cold"},"total_bps":{"value":null,"reason":"cold"},"entry_bps":{"value":null,"reason":"cold"},"sqrt_law_bps":{"value":null,"reason":"cold"}},"edge":{"net_gain_bps":{"value":null,"reason":"cold"},"edge_bps":{"value":null,"reason":"cold"}},"gate":{"value":0.0,"binding":"es_headroom","blocks":["no_book","stale_data","health","quality_fence","no_volatility","model_unproven"],"parts":{"es_headroom":{"value":null,"reason":"cold"},"liquidity":{"value":null,"reason":"cold"},"health":{"value":null,"reason":"cold"},"quality":{"value":null,"reason":"cold"},"slippage":{"value":null,"reason":"cold"}}},"tail":{"confidence":0.975,"degrees":4.0,"sigma":{"value":0.0001,"reason":null},"horizon_secs":{"value":null,"reason":"cold"},"normal":{"var_bps":{"value":null,"reason":"cold"},"es_bps":{"value":null,"reason":"cold"}},"student":{"var_bps":{"value":null,"reason":"cold"},"es_bps":{"value":null,"reason":"cold"}}},"liquidity":{"participation":{"value":null,"reason":"cold"},"resilience_secs":{"value":null,"reason":"cold"},"spread_z":{"value":null,"reason":"cold"}},"spread":[{"horizon_secs":5,"effective_bps":{"value":null,"reason":"cold"},"realised_bps":{"value":null,"reason":"cold"},"impact_bps":{"value":null,"reason":"cold"}},{"horizon_secs":60,"effective_bps":{"value":null,"reason":"cold"},"realised_bps":{"value":null,"reason":"cold"},"impact_bps":{"value":null,"reason":"cold"}}],"kill":{"daily_loss_share":0.0,"drawdown_share":0.0,"must_leave":true},"venues":[]}"#);
    assert_eq!(run.fields("/cost/instrument"), ["null", "kraken:BTCUSD", "kraken:BTCUSD"]);
    assert_eq!((run.counter("bars"), run.counter("second_ends"), run.counter("candidates")), (3, 3, 0));
}

#[test]
fn candidates_are_published_when_they_turn_or_their_blocks_change_and_not_more_often_than_ten_times_a_second()
{
    let mut run = Run::ready();
    for (after_ms, p_up) in
        [(10, 0.59), (10, 0.61), (10, 0.65), (200, 0.59), (200, 0.3), (10, 0.7), (50, 0.7)]
    {
        run.book_at(after_ms, Some(p_up));
    }
    assert_eq!(run.fields("/candidate/direction"), ["up", "up", "down"], "up again is held back so far");
    assert_eq!(run.fields("/candidate/active"), ["true", "false", "true"]);
    assert_eq!(run.counter("held_back"), 2);
    run.book_at(50, Some(0.7));
    assert_eq!(run.fields("/candidate/direction")[3..], ["up"], "what still stands is published");
    let gap = EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap });
    for venue in Venue::ALL {
        run.source.at += 200 * MILLI;
        run.event(venue, &gap);
    }
    assert_eq!(
        run.fields("/gate/blocks")[4..],
        ["[cost_exceeds_edge]", "[no_book,health,quality_fence,no_volatility]"],
        "elsewhere it is dearer, and dearer still changes nothing"
    );
    validate(&run.records);
}

#[test]
fn a_reading_begins_with_its_head() {
    let mut source = Source::new();
    let gap = EventBody::Status(StatusEvent { from: BookState::Live, to: BookState::Gap });
    for body in [gap, book(6_000_000, 20_000)] {
        let bytes = source.frame(Venue::Binance, &body, QualityFlags::default());
        let frame = Frame::decode(&bytes).unwrap();
        let reading = frame.value::<Reading>(Section::Signal).unwrap().unwrap();
        assert_eq!(frame.head::<ReadingHead>(Section::Signal), Ok(Some(reading.head)));
    }
}

#[test]
fn identities_differ_even_at_one_time() {
    let mut run = Run::ready();
    run.second_end();
    run.book_at(0, Some(0.7));
    run.book_at(0, Some(0.7));
    run.second_end();
    let at = START + 65 * SECOND;
    assert_eq!(
        run.fields("/id"),
        // The end of the last second of warming up was the first record of this time.
        [1, 2, 3].map(|number| format!("{MARKET}:risk:{at}:{number}"))
    );
}

#[test]
fn a_position_that_is_told_is_kept_and_assumed_flat_before() {
    let mut run = Run::ready();
    run.second_end();
    let position = PositionEvent {
        qty: Qty(1_500),
        entry_price: Some(Price(5_900_000)),
        equity_micros: Some(25_000_500_000),
    };
    run.event(Venue::Coinbase, &EventBody::Position(position));
    run.source.at += SECOND;
    run.second_end();
    let position = |pointer: &str| run.fields(&format!("/position/{pointer}"));
    assert_eq!(position("source"), ["assumed_flat", "told"]);
    assert_eq!(position("qty"), ["0", "0.15"]);
    assert_eq!(position("entry/value"), ["null", "59000.0"]);
    assert_eq!(position("equity"), ["100000", "25000.5"]);
    assert_eq!(position("equity_source"), ["configured", "told"]);
    assert_eq!(position("equity_marked"), ["100000", "25000.5"], "it was told with what it had earned");
    validate(&run.records);
}

#[test]
fn the_configured_equity_is_exact_text_or_a_whole_number() {
    let equity = |config: &str| {
        let mut run = Run::new(&proven(), config);
        run.second_end();
        run.fields("/position/equity")
    };
    assert_eq!(equity("[risk]\nequity_quote = \"2500.25\""), ["2500.25"]);
    assert_eq!(equity("[risk]\nequity_quote = 2500"), ["2500"]);
}

#[test]
fn configuration_is_refused_by_key_and_value() {
    let check = |config: &str, expect: &str| {
        let error = create("risk", config).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            if expect.is_empty() { error.is_empty() } else { error.contains(expect) },
            "{config}: {error}"
        );
    };
    check("[risk]\nimpact_factor = 0.8\n[risk.kill]\nrejects_in_a_row = 3\n[fees]\nas_of = \"2026-03\"", "");
    check("[risk]\nequity_quote = 2500.5", "an amount as a whole number");
    check("[risk]\nequity_quote = 0", "equity_quote = 0 is out of bounds; expected 1 to 1000000000000");
    check("[risk]\nprobe_notional_quote = \"x\"", "not a plain decimal number");
    check("[risk]\nequity = 1", "unknown field `equity`");
    check("[risk.kelly]\ncap = 2.0", "kelly.cap = 2 is out of bounds; expected above 0 up to 1");
    check("[fees]\nas_of = \"x\"", "fees.as_of");
    check("model = \"{\"", "model: ");
}

#[test]
fn frames_without_what_other_stages_know_are_counted_and_assessed_all_the_same() {
    let mut run = Run::new(&proven(), "");
    let mut bare = Vec::new();
    begin_frame(&mut bare);
    assert_eq!(run.give(&bare).qty, 0);
    assert_eq!((run.counter("frames"), run.counter("without_context"), run.records.len()), (1, 1, 0));
    let error = run.operator.process(MARKET, b"{}", &mut Output::new()).unwrap_err();
    assert_eq!(error.to_string(), "operator \"risk\" cannot read its input");
}

#[test]
fn a_state_that_no_market_can_have_is_refused() {
    let mut blob = Vec::new();
    encode_blob(*b"ORSK", 1, &(7u64, 9u64), &mut blob).unwrap();
    create("risk", "").unwrap().load(MARKET, &blob).unwrap_err();
}
