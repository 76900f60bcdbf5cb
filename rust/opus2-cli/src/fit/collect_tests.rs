//! Frames made by hand: what the collector makes of them.

use opus2_backtest::fit::walk::{Identity, walk_forward};
use opus2_hifa::decision::combine::FEATURES_MAX;
use opus2_hifa::{Absent, Measure};
use opus2_wire::frame::{append_section, begin_frame};

use super::*;

const SECOND: i64 = 1_000_000_000;

pub(in crate::fit) fn outlook(now: i64, mid: f64, values: &[Measure]) -> Outlook {
    let mut all = [Err(Absent::Cold); FEATURES_MAX];
    all[..values.len()].copy_from_slice(values);
    let candidate = Candidate {
        instrument: InstrumentName::from("binance:BTCUSDT").unwrap(),
        mid,
        half_spread_bps: 0.25,
        logit: 0.0,
        p_raw: 0.5,
        p_up: 0.5,
        score: 0.0,
        missing: 0,
        features_count: u8::try_from(values.len()).unwrap(),
        values: all,
    };
    Outlook { candidate: Some(candidate), ..Outlook::unknown(now) }
}

pub(in crate::fit) fn frame(outlook: &Outlook) -> Vec<u8> {
    let mut bytes = Vec::new();
    begin_frame(&mut bytes);
    append_section(Section::Context, outlook, &mut bytes).unwrap();
    bytes
}

fn collector() -> Collector {
    Collector::new(&FitConfig { horizon_ms: 1_000, ..FitConfig::default() }, &SignalConfig::default())
}

/// Frames a tenth of a second apart; gives rows, labelled rows and gaps.
#[track_caller]
fn check(outlooks: impl Fn(i64) -> Outlook, expect: (usize, usize, u64)) {
    let mut collector = collector();
    for tenth in 0..100 {
        collector.hand_on(&frame(&outlooks(tenth * SECOND / 10))).unwrap();
    }
    let found = collector.finish();
    let labelled = found.samples.iter().filter(|sample| sample.move_bps.is_some()).count();
    assert_eq!((found.samples.len(), labelled, found.counts.gaps), expect);
}

#[test]
fn frames_become_rows_with_labels() {
    check(|now| outlook(now, 100.0, &[Ok(1.0)]), (10, 9, 0));
}

#[test]
fn a_market_without_a_candidate_has_a_gap_and_the_end_of_a_second_has_none() {
    check(
        |now| {
            if (5 * SECOND..6 * SECOND).contains(&now) {
                Outlook::unknown(now)
            } else {
                outlook(now, 100.0, &[])
            }
        },
        (9, 7, 1),
    );
    check(
        |now| {
            let end = Outlook { bar_end: Some(now), ..Outlook::unknown(now) };
            if now % SECOND == 0 { end } else { outlook(now, 100.0, &[]) }
        },
        (9, 8, 0),
    );
    check(Outlook::unknown, (0, 0, 0));
}

#[test]
fn a_frame_without_an_outlook_is_an_error() {
    let mut bytes = Vec::new();
    begin_frame(&mut bytes);
    let error = collector().hand_on(&bytes).unwrap_err().to_string();
    assert!(error.contains("is `context` the last one?"), "{error}");
    assert!(collector().hand_on(&[9]).is_err());
}

#[test]
fn quality_is_the_mean_of_the_instruments() {
    let mut collector = collector();
    for (channel, text) in [
        (OutputChannel::Quality, r#"{"kind":"instrument","score":90.0,"x":1}"#),
        (OutputChannel::Quality, r#"{"kind":"instrument","score":100.0}"#),
        (OutputChannel::Quality, r#"{"kind":"venue","score":1.0}"#),
        (OutputChannel::Signals, r#"{"kind":"instrument","score":1.0}"#),
    ] {
        collector.publish(channel, text.as_bytes()).unwrap();
    }
    assert_eq!(collector.finish().quality.map(|quality| quality.to_string()).as_deref(), Some("95"));
}

#[test]
fn a_signal_in_frames_becomes_a_model_that_has_it() {
    let mut collector = collector();
    let (mut mid, mut state) = (20_000.0, 1u32);
    for second in 0..3_000i64 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let up = f64::from(state >> 16) / 65_536.0 - 0.5;
        let outlook = outlook(second * SECOND + SECOND / 3, mid, &[Ok(10.0 * up), Err(Absent::NoModel)]);
        collector.hand_on(&frame(&outlook)).unwrap();
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = f64::from(state >> 16) / 65_536.0 - 0.5;
        mid *= 1.0 + 1e-4 * (up + noise);
    }
    let found = collector.finish();
    let config = FitConfig { horizon_ms: 1_000, ..FitConfig::default() };
    let names = ["ofi_1s", "microprice"].map(str::to_owned);
    let identity = Identity {
        name: "test".to_owned(),
        market: "BTC/USD*".to_owned(),
        data_hash: String::new(),
        trials: 1,
    };
    let fitted = walk_forward(&found.samples, &names, &config, &identity).unwrap();
    let model = &fitted.model;
    assert!(model.features[0].weight > 0.5 && model.features[1].weight.to_bits() == 0, "{model:?}");
    assert!(fitted.report.out_of_sample.skill > 0.1);
    model.bind(&super::super::features::known()).unwrap();
}

#[test]
fn the_silent_model_is_one_that_operators_take() {
    let names = ["ofi_1s".to_owned(), "queue_imbalance".to_owned()];
    let model = silent_model("BTC/USD*", &names, &FitConfig::default());
    assert_eq!(model.bind(&super::super::features::known()).unwrap().len(), 2);
    assert!(!model.is_proven());
}
