//! Data quality of the recordings: clean feeds have nearly every point.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Short, because most recordings are shorter than a minute.
const WINDOW_SECS: u32 = 10;

/// The recordings' folder, or `None` with a visible note.
fn recordings() -> Option<PathBuf> {
    let shared = std::env::var_os("OPUS2_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data");
    if folder.join("expected.json").is_file() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no recordings at {}; set OPUS2_SHARED to the folder that has data/",
        folder.display()
    );
    None
}

fn scores(files: &[PathBuf]) -> Vec<Value> {
    let out = tempfile::tempdir().unwrap();
    let rules = out.path().join("rules.yaml");
    std::fs::write(&rules, format!("window_secs: {WINDOW_SECS}\n")).unwrap();
    let mut opus2 = Command::new(env!("CARGO_BIN_EXE_opus2"));
    opus2.arg("pipeline").args(files).arg("--out").arg(out.path()).arg("--rules").arg(rules);
    let output = opus2.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(out.path().join("quality_scores.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every whole window of every instrument has more than 90 points, and nobody is fenced.
#[track_caller]
fn check(files: &[&str], windows_min: usize) {
    let Some(folder) = recordings() else { return };
    let files: Vec<PathBuf> = files.iter().map(|file| folder.join(file)).collect();
    let mut windows = 0;
    for score in scores(&files).iter().filter(|score| score["kind"] == "instrument") {
        assert_eq!(score["fenced"], false, "{score}");
        if score["partial"] == false {
            windows += 1;
            assert!(score["score"].as_f64().unwrap() > 90.0, "{score}");
        }
    }
    assert!(windows >= windows_min, "{files:?}: only {windows} windows");
}

#[test]
fn clean_recordings_of_binance_have_more_than_90_points() {
    check(
        &[
            "binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz",
            "binance_spot/hftbacktest_btcusdt_20240809.jsonl.gz",
        ],
        64,
    );
    check(&["binance_spot/cryptofeed_20211012_4pairs.jsonl.gz"], 4);
    check(&["binance_spot/cryptofeed_20210417_10pairs.jsonl.gz"], 8);
}

#[test]
fn the_rules_of_the_repository_are_the_defaults() {
    let Some(folder) = recordings() else { return };
    let (with, without) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/validation_rules.yaml");
    for (out, rules) in [(with.path(), Some(&rules)), (without.path(), None)] {
        let mut opus2 = Command::new(env!("CARGO_BIN_EXE_opus2"));
        opus2.arg("pipeline").arg(folder.join("binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz"));
        opus2.arg("--out").arg(out);
        if let Some(rules) = rules {
            opus2.arg("--rules").arg(rules);
        }
        let output = opus2.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let read = |out: &Path| std::fs::read_to_string(out.join("quality_scores.jsonl")).unwrap();
    assert_eq!(read(with.path()), read(without.path()));
    assert!(!read(with.path()).is_empty());
}
