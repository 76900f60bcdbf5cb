//! The operator `context`, given frames made by hand.

use opus2_hifa::context::Outlook;
use opus2_hifa::signal::{Features, Reading};
use opus2_types::{
    Aggressor, EventBody, Level, MarketEvent, Price, Qty, QualityFlags, QuoteEvent, SeqRange, TradeEvent,
    UnixNanos, Venue,
};
use opus2_wire::event::encode_event;
use opus2_wire::frame::{Frame, Section, append_section, begin_frame};

use crate::{Entry, Operator, Output, OutputChannel, create, with_model};

const MARKET: &str = "BTC/USD*";
/// 2024-08-09 00:00:00 UTC.
const START: i64 = 1_723_161_600_000_000_000;

/// Both operators, and what the second one has given.
struct Run {
    signal: Box<dyn Operator>,
    context: Box<dyn Operator>,
    records: Vec<String>,
    /// `event` or `end`, and the time in ms.
    frames: Vec<String>,
    timers: Vec<i64>,
}

impl Run {
    fn new() -> Self {
        Self {
            signal: create("signal", "").unwrap(),
            context: create("context", "").unwrap(),
            records: Vec::new(),
            frames: Vec::new(),
            timers: Vec::new(),
        }
    }

    /// Words are events: `b100/101` a quote of Binance, `c100/101` one of Coinbase, `b+5` and `b-5` a trade; `@1500` sets
    /// the time to 1500 ms, `timer2000` fires the host's timer.
    fn play(&mut self, script: &str) {
        let mut ms = 0;
        for word in script.split_whitespace() {
            if let Some(rest) = word.strip_prefix('@') {
                ms = rest.parse::<i64>().unwrap();
            } else if let Some(rest) = word.strip_prefix("timer") {
                let mut out = Output::new();
                let at = START + rest.parse::<i64>().unwrap() * 1_000_000;
                self.context.on_timer(MARKET, UnixNanos(at), &mut out).unwrap();
                self.take(&out);
            } else {
                let mut frames = Output::new();
                self.signal.process(MARKET, &event(word, ms), &mut frames).unwrap();
                for entry in frames.entries() {
                    let Entry::Record { channel: OutputChannel::Main, payload, .. } = entry else { continue };
                    let mut out = Output::new();
                    self.context.process(MARKET, payload, &mut out).unwrap();
                    self.take(&out);
                }
            }
        }
    }

    fn take(&mut self, out: &Output) {
        for entry in out.entries() {
            match entry {
                Entry::Timer(time) => self.timers.push((time.0 - START) / 1_000_000),
                Entry::Record { channel: OutputChannel::Context, key, event_time, payload } => {
                    let text = String::from_utf8(payload.to_vec()).unwrap();
                    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
                    assert_eq!((record["recv_ts"].as_i64(), key), (Some(event_time.0), MARKET));
                    self.records.push(text);
                }
                Entry::Record { event_time, payload, .. } => {
                    let frame = Frame::decode(payload).unwrap();
                    let outlook: Outlook = frame.value(Section::Context).unwrap().unwrap();
                    assert_eq!(outlook.now, event_time.0);
                    let has_event = frame.bytes(Section::Event).is_some();
                    assert_eq!((has_event, outlook.bar_end.is_some()), (has_event, !has_event));
                    assert_eq!(frame.bytes(Section::Signal).is_some(), has_event);
                    let kind = if has_event { "event" } else { "end" };
                    self.frames.push(format!("{kind}{}", (event_time.0 - START) / 1_000_000));
                }
            }
        }
    }
}

fn event(word: &str, ms: i64) -> Vec<u8> {
    let (who, what) = word.split_at(1);
    let (venue, symbol) = match who {
        "b" => (Venue::Binance, "BTCUSDT"),
        _ => (Venue::Coinbase, "BTC-USD"),
    };
    let body = if let Some((bid, ask)) = what.split_once('/') {
        let level = |price: &str, qty| Level::new(price.parse().unwrap(), qty);
        EventBody::Quote(QuoteEvent { bid: level(bid, 2_000), ask: level(ask, 3_000) })
    } else {
        let qty: i64 = what.parse().unwrap();
        let aggressor = if qty > 0 { Aggressor::Buy } else { Aggressor::Sell };
        EventBody::Trade(TradeEvent {
            trade_id: 1,
            price: Price(1_000),
            qty: Qty(qty.abs()),
            aggressor,
            maker: None,
        })
    };
    let recv_ts = START + ms * 1_000_000;
    let event = MarketEvent {
        id: &format!("{venue}:{symbol}:c:{ms}"),
        venue,
        symbol,
        price_scale: 1,
        qty_scale: 3,
        tick: Price(1),
        lot: Qty(1),
        exch_ts: Some(UnixNanos(recv_ts - 4_500_000)),
        recv_ts: UnixNanos(recv_ts),
        seq: SeqRange::default(),
        flags: QualityFlags::default(),
        body,
    };
    let mut bytes = Vec::new();
    encode_event(&event, &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn check(script: &str, frames: &str, timers: &[i64]) {
    let mut run = Run::new();
    run.play(script);
    assert_eq!(run.frames.join(" "), frames, "{script}");
    assert_eq!(run.timers, timers, "{script}");
    assert_eq!(run.records.len(), run.frames.iter().filter(|frame| frame.starts_with("end")).count());
}

#[test]
fn every_event_goes_on_and_every_second_has_a_frame_of_its_own() {
    check("@100 b1000/1001 b+5", "event100 event100", &[1_000]);
    check("@100 b1000/1001 @1000 b+5 @1001 b+5", "event100 event1000 end1000 event1001", &[1_000, 2_000]);
    check("@100 b1000/1001 @3500 b+5", "event100 end1000 end2000 end3000 event3500", &[1_000, 4_000]);
    check(
        "@100 b1000/1001 timer1000 timer2000 @3500 b+5",
        "event100 end1000 end2000 end3000 event3500",
        &[1_000, 2_000, 3_000, 4_000],
    );
}

#[test]
fn a_second_becomes_one_record() {
    let mut run = Run::new();
    run.play("@100 b1000/1001 c1000/1002 b+5000 b-1500 @1200 b1000/1001 c+250 timer2000");
    insta::assert_snapshot!(run.records[1], @r#"{"id":"BTC/USD*:context:1723161602000000000","kind":"context","market":"BTC/USD*","recv_ts":1723161602000000000,"bar_start":1723161601000000000,"bar_end":1723161602000000000,"model":{"name":"unfitted","hash":"364195c6510bf526707821541d8e21a4637280085590c93ef77186a9c6c1b665"},"primary":"binance:BTCUSDT","leader":null,"volume_rate":{"value":null,"reason":"cold"},"windows":{"ofi_normalised":{"1s":{"value":{"value":0.0,"reason":null},"z":{"value":null,"reason":"cold"}},"5s":{"value":{"value":null,"reason":"cold"},"z":{"value":null,"reason":"cold"}},"15s":{"value":{"value":null,"reason":"cold"},"z":{"value":null,"reason":"cold"}},"agreement":{"value":null,"reason":"cold"}},"volume_imbalance":{"1s":{"value":{"value":null,"reason":"no_events"},"z":{"value":null,"reason":"no_events"}},"5s":{"value":{"value":null,"reason":"cold"},"z":{"value":null,"reason":"cold"}},"15s":{"value":{"value":null,"reason":"cold"},"z":{"value":null,"reason":"cold"}},"agreement":{"value":null,"reason":"cold"}}},"features":{"market_ofi":{"value":0.0,"reason":null},"agreement_ofi":{"value":null,"reason":"cold"},"agreement_flow":{"value":null,"reason":"cold"},"lead_signal":{"value":null,"reason":"cold"},"lead_z":{"value":null,"reason":"cold"},"vpin":{"value":null,"reason":"cold"},"vpin_percentile":{"value":null,"reason":"cold"},"lambda_bps_per_100k":{"value":null,"reason":"cold"},"volatility_ratio":{"value":null,"reason":"cold"},"relative_jump":{"value":null,"reason":"cold"},"sweep_pressure":{"value":0.0,"reason":null},"absorption":{"value":null,"reason":"cold"},"refill_pressure":{"value":0.0,"reason":null}},"instruments":[{"instrument":"binance:BTCUSDT","state":"empty","fenced":false,"mid":"100.05","signed_volume":"0","volume":"0","notional":"0","trades":0,"broken":false,"vpin":{"value":null,"reason":"cold"},"vpin_percentile":{"value":null,"reason":"cold"},"lambda":{"value":null,"reason":"cold"},"lambda_bps_per_100k":{"value":null,"reason":"cold"},"lambda_r2":{"value":null,"reason":"cold"},"amihud_per_million":{"value":null,"reason":"cold"},"realised_variance":{"value":null,"reason":"cold"},"bipower_variation":{"value":null,"reason":"cold"},"relative_jump":{"value":null,"reason":"cold"},"jump_z":{"value":null,"reason":"cold"},"jump":{"value":null,"reason":"cold"},"volatility":{"value":null,"reason":"cold"},"volatility_slow":{"value":null,"reason":"cold"},"volume_rate":{"value":null,"reason":"cold"},"feed_latency_ms":{"value":4.5,"reason":null}},{"instrument":"coinbase:BTC-USD","state":"empty","fenced":false,"mid":"100.1","signed_volume":"0.25","volume":"0.25","notional":"25","trades":1,"broken":false,"vpin":{"value":null,"reason":"cold"},"vpin_percentile":{"value":null,"reason":"cold"},"lambda":{"value":null,"reason":"cold"},"lambda_bps_per_100k":{"value":null,"reason":"cold"},"lambda_r2":{"value":null,"reason":"cold"},"amihud_per_million":{"value":null,"reason":"cold"},"realised_variance":{"value":null,"reason":"cold"},"bipower_variation":{"value":null,"reason":"cold"},"relative_jump":{"value":null,"reason":"cold"},"jump_z":{"value":null,"reason":"cold"},"jump":{"value":null,"reason":"cold"},"volatility":{"value":null,"reason":"cold"},"volatility_slow":{"value":null,"reason":"cold"},"volume_rate":{"value":null,"reason":"cold"},"feed_latency_ms":{"value":4.5,"reason":null}}],"pairs":[{"instrument":"coinbase:BTC-USD","correlation":{"value":null,"reason":"cold"},"correlation_resolution_ms":null,"lead_lag":{"theta_ms":{"value":null,"reason":"cold"},"correlation":{"value":null,"reason":"cold"},"llr":{"value":null,"reason":"cold"},"significant":{"value":null,"reason":"cold"},"as_of":null,"resolution_ms":null},"lagged":[{"bin_ms":10,"lag_ms":{"value":null,"reason":"cold"},"correlation":{"value":null,"reason":"cold"},"standard_error":{"value":null,"reason":"cold"},"significant":{"value":null,"reason":"cold"}},{"bin_ms":50,"lag_ms":{"value":null,"reason":"cold"},"correlation":{"value":null,"reason":"cold"},"standard_error":{"value":null,"reason":"cold"},"significant":{"value":null,"reason":"cold"}},{"bin_ms":100,"lag_ms":{"value":null,"reason":"cold"},"correlation":{"value":null,"reason":"cold"},"standard_error":{"value":null,"reason":"cold"},"significant":{"value":null,"reason":"cold"}}],"price_discovery":{"component":{"value":null,"reason":"cold"},"information":{"value":null,"reason":"cold"},"information_lower":{"value":null,"reason":"cold"},"information_upper":{"value":null,"reason":"cold"},"leadership":{"value":null,"reason":"cold"},"determined":{"value":null,"reason":"cold"},"pull_errors":{"value":null,"reason":"cold"}},"feed_latency_ms_difference":{"value":0.0,"reason":null}}],"detections":[],"detections_dropped":0,"multiplier":{"value":1.0,"unclamped":1.0,"clamped":false,"direction":"down","parts":{"agreement":{"value":null,"reason":"cold"},"lead":{"value":null,"reason":"cold"},"toxicity":{"value":null,"reason":"cold"},"jump":{"value":null,"reason":"cold"}}},"candidate":{"instrument":"binance:BTCUSDT","mid":100.05,"half_spread_bps":4.997501249375312,"logit":-0.16000000000000003,"p_raw":0.4600851154444343,"p_up":0.4600851154444343,"score":-0.07982976911113138,"missing":["depth_imbalance_5","ofi_normalised_5s"]}}"#);
}

#[test]
fn a_frame_without_an_event_is_answered_too() {
    let mut context = create("context", "").unwrap();
    let (mut frame, mut out) = (Vec::new(), Output::new());
    begin_frame(&mut frame);
    append_section(Section::Risk, &7u64, &mut frame).unwrap();
    context.process(MARKET, &frame, &mut out).unwrap();
    let entries: Vec<_> = out.entries().collect();
    let [Entry::Record { channel: OutputChannel::Main, payload, .. }] = entries[..] else {
        panic!("{entries:?}")
    };
    let frame = Frame::decode(payload).unwrap();
    assert!(frame.value::<Outlook>(Section::Context).unwrap().unwrap().candidate.is_none());
    assert!(frame.value::<Reading>(Section::Signal).unwrap().is_none());
}

#[track_caller]
fn check_config(config: &str, expect: &str) {
    let found = create("context", config).err().map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(found.lines().next().unwrap_or_default(), expect);
}

#[test]
fn a_configuration_or_a_model_that_cannot_be_used_is_refused_by_name() {
    check_config("", "");
    check_config("[context]\nvpin_horizon = \"hour\"\nlead_lag_units = 16", "");
    check_config(
        "[context]\nlead_lag_units = 0",
        "configuration of operator \"context\": lead_lag_units = 0 is out of bounds; expected 1 to 1000",
    );
    check_config(
        "[context]\nmoon = 1",
        "configuration of operator \"context\": unknown field `moon`, expected one of `vpin_horizon`, \
         `lambda_half_life_secs`, `frame_half_life_secs`, `primary_half_life_secs`, `primary_margin`, \
         `pressure_half_life_secs`, `lag_half_life_secs`, `lead_lag_every_secs`, `lead_lag_units`",
    );
    let model = include_str!("../../../../config/model.json");
    check_config(&with_model("", model), "");
    check_config(&with_model("", &model.replace("depth_imbalance_5", "vpin")), "");
    check_config(
        &with_model("", &model.replace("depth_imbalance_5", "moon_phase")),
        "configuration of operator \"context\": model feature \"moon_phase\" is not one that is computed; remove it \
         or correct its name",
    );
}

#[test]
fn the_features_of_stage_1_are_known_by_their_names() {
    let mut names = opus2_hifa::context::feature_names().into_iter();
    assert!(Features::SPECS.iter().all(|spec| names.next() == Some(spec.name)));
    assert_eq!(names.next(), Some("market_ofi"));
}
