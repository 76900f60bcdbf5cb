//! `opus2 books` against the independent measurements of the recordings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The recordings' folder, or `None` with a visible note.
fn recordings() -> Option<PathBuf> {
    let shared = std::env::var_os("OPUS2_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("data");
    if folder.join("expected.json").is_file() {
        return Some(folder);
    }
    eprintln!(
        "skipped: no recordings at {}; set OPUS2_SHARED to the folder that has data/",
        folder.display()
    );
    None
}

fn books(files: &[PathBuf]) -> Vec<Value> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_opus2")).arg("books").arg("--json").args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every field that both the measurement and the command have must be equal.
#[track_caller]
fn check(measurement: &str, files: &[&str]) {
    let Some(folder) = recordings() else { return };
    let expected: Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let symbols = expected["files"][measurement]["symbols"].as_object().expect(measurement);
    let files: Vec<PathBuf> = files.iter().map(|file| folder.join("binance_spot").join(file)).collect();
    let rows = books(&files);
    assert_eq!(rows.len(), symbols.len(), "{measurement}: instruments");
    for row in rows {
        let symbol = row["instrument"].as_str().unwrap();
        let expect = symbols[symbol].as_object().unwrap();
        let mut compared = 0;
        for (field, value) in row.as_object().unwrap() {
            if let Some(expect) = expect.get(field) {
                assert_eq!(value, expect, "{measurement}, {symbol}: {field}");
                compared += 1;
            }
        }
        assert!(compared >= 7, "{measurement}, {symbol}: only {compared} fields compared");
    }
}

#[test]
fn a_recording_with_a_snapshot_gives_the_measured_book() {
    check("binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz", &["hftbacktest_btcusdt_20240808.jsonl.gz"]);
}

#[test]
fn a_recording_without_a_snapshot_has_no_book() {
    check("binance_spot/hftbacktest_btcusdt_20240809.jsonl.gz", &["hftbacktest_btcusdt_20240809.jsonl.gz"]);
}

#[test]
fn two_files_are_played_as_one() {
    check(
        "binance_spot/hftbacktest_btcusdt_20240808 + 20240809 played as one",
        &["hftbacktest_btcusdt_20240808.jsonl.gz", "hftbacktest_btcusdt_20240809.jsonl.gz"],
    );
}

#[test]
fn recordings_of_several_instruments_give_every_measured_book() {
    check("binance_spot/cryptofeed_20211012_4pairs.jsonl.gz", &["cryptofeed_20211012_4pairs.jsonl.gz"]);
    check("binance_spot/cryptofeed_20210417_10pairs.jsonl.gz", &["cryptofeed_20210417_10pairs.jsonl.gz"]);
}

#[test]
fn the_venues_own_metadata_gives_the_same_books() {
    check(
        "binance_spot/cryptofeed_20211012_4pairs.jsonl.gz",
        &["cryptofeed_20211012_exchangeInfo.jsonl.gz", "cryptofeed_20211012_4pairs.jsonl.gz"],
    );
}

#[test]
fn what_is_no_recording_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "hello\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_opus2")).arg("books").arg(&path).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("notes.txt, line 1 is not a recorded message"), "{error}");
}
