//! What a report must say.

use opus2_backtest::fit::config::FitConfig;
use opus2_backtest::fit::walk::{Fitted, Identity, walk_forward};
use opus2_hifa::SignalConfig;
use opus2_hifa::execution::fees::FeeSchedule;
use opus2_wire::model::{content_hash, read_model, write_model};

use super::super::collect::tests::{frame, outlook};
use super::super::collect::{Collected, Collector};
use super::*;
use crate::pipeline::chain::Sink;

const SECOND: i64 = 1_000_000_000;

/// An hour in which the mid goes where the only feature says, two times of three.
fn fitted() -> (Collected, Fitted) {
    let config = FitConfig { horizon_ms: 1_000, ..FitConfig::default() };
    let mut collector = Collector::new(&config, &SignalConfig::default());
    let (mut mid, mut state) = (20_000.0, 7u32);
    for second in 0..3_600i64 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let is_up = state >> 31 == 0;
        let sign = if is_up { 1.0 } else { -1.0 };
        collector.hand_on(&frame(&outlook(second * SECOND + 1, mid, &[Ok(sign)]))).unwrap();
        mid *= 1.0 + if (state >> 16) % 3 == 0 { -1e-4 * sign } else { 1e-4 * sign };
    }
    let collected = collector.finish();
    let identity = Identity {
        name: "SYNTHETIC BTC/USD*".to_owned(),
        market: "BTC/USD*".to_owned(),
        data_hash: "ab".repeat(32),
        trials: 3,
    };
    let fitted = walk_forward(&collected.samples, &["ofi_1s".to_owned()], &config, &identity).unwrap();
    (collected, fitted)
}

fn with_report<T>(is_synthetic: bool, look: impl FnOnce(&Report<'_>) -> T) -> T {
    let (collected, fitted) = fitted();
    look(&Report {
        is_synthetic,
        is_proven: fitted.model.is_proven(),
        dataset: Dataset::new("BTC/USD*", &collected, &fitted.report, &fitted.model.origin.data_hash),
        looks: Looks { trials: 3, sealed: 0 },
        trials_file: "fit_trials.jsonl".into(),
        model_file: "model.json".into(),
        model_hash: content_hash(&fitted.model).unwrap(),
        break_even: BreakEven::of(
            &fitted.report.out_of_sample,
            collected.main.as_deref().or(Some("binance:BTCUSDT")),
            &FeeSchedule::default(),
        ),
        stage_one: StageOne { cusum_h: Some(7.5), microprice: None, ofi_weights: Some([0.2; LIVE_RANKS]) },
        model: &fitted.model,
        fit: &fitted.report,
    })
}

#[track_caller]
fn check(is_synthetic: bool, says: &[&str], says_not: &[&str]) {
    let text = with_report(is_synthetic, |report| report.to_string());
    for part in says {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    for part in says_not {
        assert!(!text.contains(part), "{part:?} in\n{text}");
    }
}

#[test]
fn a_report_says_what_the_model_is_worth_and_what_not() {
    check(
        false,
        &[
            "BTC/USD*, predicted: binance:BTCUSDT 100 %",
            "1970-01-01 00:00:01 to 1970-01-01 01:00:00",
            "sealed, not looked at",
            "3 configurations tried on it, 0 looks",
            "embargo 15000 ms",
            "\nNOT PROVEN: skill 0.",
            "pays 10.0 bp each way",
            "no hit rate is enough",
            "none: a right direction does not earn its costs",
        ],
        &["SYNTHETIC"],
    );
}

#[test]
fn every_figure_of_synthetic_data_says_so() {
    check(
        true,
        &[
            "SYNTHETIC: the data come from a simulator",
            "data (SYNTHETIC)",
            "folds (SYNTHETIC)",
            "break-even (SYNTHETIC)",
            "model (SYNTHETIC)",
            "PROVEN (SYNTHETIC)",
        ],
        &[],
    );
}

#[test]
fn the_report_is_json_and_the_model_is_read_as_it_was_written() {
    with_report(true, |report| {
        let json = serde_json::to_value(report).unwrap();
        assert_eq!(json["is_synthetic"], true);
        assert_eq!(json["fit"]["folds"].as_array().unwrap().len(), 5);
        let text = write_model(report.model).unwrap();
        let (model, hash) = read_model::<Model>(text.as_bytes()).unwrap();
        assert!(model == *report.model && hash == report.model_hash);
    });
}

#[test]
fn the_picture_shows_both_marks() {
    assert_eq!(picture(0.0, 1.0), format!("|{}o", "·".repeat(39)));
    assert_eq!(picture(0.5, 0.5), format!("{}@{}", "·".repeat(20), "·".repeat(20)));
}

#[test]
fn times_are_utc_dates() {
    assert_eq!(date(0), "1970-01-01 00:00:00");
    assert_eq!(date(1_709_210_096_999_999_999), "2024-02-29 12:34:56");
    assert_eq!(date(-1), "1969-12-31 23:59:59");
}
