//! Planted and null markets, and injected episodes, from the simulator to the studies, by the command itself.
//!
//! Seeds are fixed, so nothing here is left to chance; docs/methods-results.md has more seeds, and how often their
//! intervals hold what they should. SYNTHETIC throughout.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn opus2(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_opus2")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A recording and its truth.
fn record(folder: &Path, name: &str, options: &[&str]) -> [PathBuf; 2] {
    let paths = [folder.join(format!("{name}.jsonl.gz")), folder.join(format!("{name}.truth.jsonl"))];
    let [recording, truth] = paths.each_ref().map(|path| path.to_str().unwrap());
    let mut arguments = vec!["simulate", "--record", recording, "--truth", truth];
    arguments.extend(options);
    let told = opus2(&arguments);
    assert!(told.starts_with("SYNTHETIC: recorded"), "{told}");
    paths
}

fn study(what: &str, [recording, truth]: &[PathBuf; 2], options: &[&str]) -> Value {
    let mut arguments =
        vec!["study", what, recording.to_str().unwrap(), "--truth", truth.to_str().unwrap(), "--json"];
    arguments.extend(options);
    let found: Value = serde_json::from_str(&opus2(&arguments)).unwrap();
    assert_eq!(found["synthetic"], true);
    found
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Twenty-five minutes of a market with this edge.
fn planted(edge_bps: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let options =
        ["--for", "1500", "--instruments", "1", "--rate", "30", "--seed", "3", "--edge-bps", edge_bps];
    let paths = record(folder.path(), "planted", &options);
    study("planted", &paths, &["--resamples", "300"])
}

#[test]
fn a_planted_edge_is_recovered_with_sign_and_size() {
    for (edge, sign) in [("0.3", 1.0), ("-0.3", -1.0)] {
        let found = planted(edge);
        let combined = &found["report"]["combined"];
        let (ic, size) = (&combined["correlation"], &combined["edge_bps"]);
        assert!(number(&ic["lo"]) > 0.0, "a prediction goes with what it predicts: {ic}");
        let features = found["report"]["features"].as_array().unwrap();
        let imbalance = features.iter().find(|row| row["name"] == "queue_imbalance").unwrap();
        let [lo, hi] = ["lo", "hi"].map(|end| sign * number(&imbalance["correlation"][end]));
        assert!(lo.min(hi) > 0.0, "what tells of the signal goes with the edge's sign: {imbalance}");
        let edge: f64 = edge.parse().unwrap();
        assert!(number(&size["lo"]) <= edge && edge <= number(&size["hi"]), "{edge} in {size}");
        let [lo, hi] = ["lo", "hi"].map(|end| sign * number(&size[end]));
        assert!(lo.min(hi) > 0.0, "and has its sign: {size}");
        let hit_rate = &combined["hit_rate"];
        assert!(number(&hit_rate["lo"]) > 0.5, "predictions point the right way either way: {hit_rate}");
        let verdict = &found["verdict"];
        assert_eq!((&verdict["sign_recovered"], &verdict["size_recovered"]), (&true.into(), &true.into()));
    }
}

#[test]
fn without_an_edge_nothing_is_told_from_zero() {
    let found = planted("0");
    let report = &found["report"];
    let holds = |found: &Value, number_: f64, ends: [&str; 2]| {
        number(&found[ends[0]]) <= number_ && number_ <= number(&found[ends[1]])
    };
    let combined = &report["combined"];
    assert!(holds(&combined["hit_rate"], 0.5, ["lo", "hi"]), "{combined}");
    assert!(holds(&combined["correlation"], 0.0, ["lo", "hi"]), "{combined}");
    let features = report["features"].as_array().unwrap();
    assert_eq!(features.len(), 17);
    for row in features {
        assert!(holds(&row["hit_rate"], 0.5, ["joint_lo", "joint_hi"]), "{row}");
        assert!(holds(&row["correlation"], 0.0, ["joint_lo", "joint_hi"]), "{row}");
    }
    // It is not for want of a signal: the flow tells of it, and it foretells nothing.
    let imbalance = features.iter().find(|row| row["name"] == "queue_imbalance").unwrap();
    assert!(number(&imbalance["signal_correlation"]["lo"]) > 0.3, "{imbalance}");
    let verdict = &found["verdict"];
    assert_eq!(
        (&verdict["combination_is_null"], &verdict["features_are_null"]),
        (&true.into(), &true.into())
    );
}

#[test]
fn injected_walls_and_sweeps_are_detected() {
    let folder = tempfile::tempdir().unwrap();
    let inject = "walls=240,sweeps=240,icebergs,layering";
    let options = [
        "--for",
        "1500",
        "--instruments",
        "1",
        "--rate",
        "30",
        "--seed",
        "3",
        "--jumps-per-sec",
        "0.3",
        "--inject",
        inject,
    ];
    let paths = record(folder.path(), "detectors", &options);
    let found = study("detectors", &paths, &[]);
    let kinds = found["kinds"].as_array().unwrap();
    assert_eq!(kinds.len(), 4);
    for kind in ["wall", "sweep"] {
        let row = kinds.iter().find(|row| row["kind"] == kind).unwrap();
        assert!(number(&row["events"]) >= 60.0, "{row}");
        assert!(number(&row["recall"]) >= 0.90, "{row}");
        assert!(number(&row["precision"]) >= 0.95, "{row}");
    }
}

#[test]
fn a_recording_depends_on_its_options_alone_and_every_book_stands() {
    let folder = tempfile::tempdir().unwrap();
    let options = [
        "--for",
        "40",
        "--venues",
        "binance,coinbase,kraken",
        "--instruments",
        "6",
        "--rate",
        "200",
        "--edge-bps",
        "0.1",
        "--inject",
        "walls,sweeps",
        "--seed",
        "5",
    ];
    let first = record(folder.path(), "first", &options);
    let second = record(folder.path(), "second", &options);
    for (one, other) in first.iter().zip(&second) {
        assert!(std::fs::read(one).unwrap() == std::fs::read(other).unwrap(), "{}", one.display());
    }
    let recording = first[0].to_str().unwrap();
    let books = opus2(&["books", "--json", recording]);
    let rows: Vec<Value> = books.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 6);
    for row in &rows {
        assert_eq!(row["state"], "live", "{row}");
        assert_eq!(row["crossed_after_apply"], 0, "{row}");
        assert_eq!(row["rejected"], 0, "{row}");
    }
    let out = folder.path().join("out");
    let written = opus2(&["pipeline", recording, "--out", out.to_str().unwrap()]);
    assert!(written.contains("hifa_stage2_context.jsonl"), "{written}");
    let signals = std::fs::read_to_string(out.join("hifa_stage1_signals.jsonl")).unwrap();
    assert!(signals.lines().count() > 1_000);
    assert_eq!(std::fs::metadata(out.join("dead_letters.jsonl")).unwrap().len(), 0);
}

#[test]
fn the_usual_market_is_recorded_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usual.jsonl");
    let path = path.to_str().unwrap();
    opus2(&["simulate", "--record", path, "--for", "10", "--instruments", "2", "--rate", "100"]);
    let books = opus2(&["books", "--json", path]);
    assert_eq!(books.matches("\"live\"").count(), 2, "{books}");
}

#[test]
fn what_cannot_be_recorded_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept.jsonl");
    std::fs::write(&path, "kept").unwrap();
    let path = path.to_str().unwrap();
    let beyond = folder.path().join("no").join("truth.jsonl");
    for (truth, error) in [(path, "name the same file"), (beyond.to_str().unwrap(), "cannot write")] {
        let arguments = ["simulate", "--record", path, "--truth", truth, "--for", "5", "--instruments", "1"];
        let output = Command::new(env!("CARGO_BIN_EXE_opus2")).args(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(error), "{told}");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "kept");
    }
}

#[test]
fn what_cannot_be_studied_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--for", "10", "--instruments", "1", "--rate", "30"];
    let [recording, truth] = record(folder.path(), "short", &options);
    let fails = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_opus2")).args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let (recording, truth) = (recording.to_str().unwrap(), truth.to_str().unwrap());
    let error = fails(&["study", "planted", recording, "--truth", truth]);
    assert!(error.contains("too little to judge"), "{error}");
    let error = fails(&["study", "detectors", recording, "--truth", truth]);
    assert!(error.contains("nothing was injected"), "{error}");
    let error = fails(&["study", "planted", recording, "--truth", recording]);
    assert!(error.contains("line 1 is no line of truth"), "{error}");
    let error = fails(&["study", "planted", recording, "--truth", truth, "--market", "BTC"]);
    assert!(error.contains("the truth has no market BTC; it has BTC/USD*"), "{error}");
    let [another, _] = record(folder.path(), "another", &[&options[..], &["--seed", "9"]].concat());
    let error = fails(&["study", "planted", another.to_str().unwrap(), "--truth", truth]);
    assert!(error.contains("is of another recording") && error.contains("written together"), "{error}");
    let lines = std::fs::read_to_string(truth).unwrap();
    let (head, _) = lines.trim_end().rsplit_once('\n').unwrap();
    let cut = folder.path().join("cut.jsonl");
    std::fs::write(&cut, head).unwrap();
    let error = fails(&["study", "planted", recording, "--truth", cut.to_str().unwrap()]);
    assert!(error.contains("not complete; record again"), "{error}");
    let error = fails(&["simulate", "--record", recording]);
    assert!(error.contains("--for <SECONDS>"), "{error}");
}
