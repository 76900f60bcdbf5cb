//! Data quality of the recordings: clean feeds have nearly every point.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Short windows, because most recordings are shorter than a minute.
const RULES: &str = "window_secs: 5\n";

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

fn scores(files: &[PathBuf], rules_text: &str) -> Vec<Value> {
    let out = tempfile::tempdir().unwrap();
    let rules = out.path().join("rules.yaml");
    std::fs::write(&rules, rules_text).unwrap();
    let mut opus2 = Command::new(env!("CARGO_BIN_EXE_opus2"));
    opus2.arg("pipeline").args(files).arg("--out").arg(out.path()).arg("--rules").arg(rules);
    let output = opus2.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(out.path().join("quality_scores.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every whole window of every instrument has more than 90 points, and nobody is fenced.
#[track_caller]
fn check(files: &[&str], rules: &str, windows_min: usize) {
    let Some(folder) = recordings() else { return };
    let files: Vec<PathBuf> = files.iter().map(|file| folder.join(file)).collect();
    let mut windows = 0;
    for score in scores(&files, rules).iter().filter(|score| score["kind"] == "instrument") {
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
        RULES,
        128,
    );
    check(&["binance_spot/cryptofeed_20211012_4pairs.jsonl.gz"], RULES, 4);
    check(&["binance_spot/cryptofeed_20210417_10pairs.jsonl.gz"], RULES, 15);
}

#[test]
fn clean_recordings_of_coinbase_have_more_than_90_points() {
    check(&["coinbase/cryptofeed_level2_20210417_7products.jsonl.gz"], RULES, 38);
    check(&["coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz"], RULES, 4);
    // These two are read by a program that was seconds behind, catching up with what had waited behind its snapshot: with the
    // ordinary limit they are late, every message of them.
    let patient = format!("{RULES}venues: {{ coinbase: {{ latency_ms_max: 20000 }} }}\n");
    for part in ["part0", "part1"] {
        check(&[&format!("coinbase/pyalgotrade_full_btcusd_20160312_{part}.jsonl.gz")], &patient, 1);
    }
}

#[test]
fn clean_recordings_of_kraken_have_more_than_90_points() {
    check(&["kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz"], RULES, 10);
    check(&["kraken/crossbook_v2_book25_ethusd_20260802.jsonl.gz"], RULES, 7);
    check(&["kraken/crossbook_v2_book10_btcusd_20260801_resubscribes.jsonl.gz"], RULES, 4);
    check(&["kraken/cryptofeed_v1_book1000_20210417_7pairs.jsonl.gz"], RULES, 25);
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

/// The recording with one message changed: `change` gets the lines in order until it gives another one in place.
fn damaged(recording: &Path, change: impl Fn(&str) -> Option<String>) -> tempfile::NamedTempFile {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(std::fs::File::open(recording).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let mut is_done = false;
    let lines = text.lines().map(|line| match change(line).filter(|_| !is_done) {
        Some(other) => {
            is_done = true;
            other
        }
        None => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    assert!(is_done, "{}: no line to damage", recording.display());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.join("\n").as_bytes()).unwrap();
    file
}

/// The reason is in some window of the damaged recording and costs points there; in none of the whole one.
#[track_caller]
fn check_damage(recording: &str, rules: &str, change: impl Fn(&str) -> Option<String>, expect: &str) {
    let Some(folder) = recordings() else { return };
    let recording = folder.join(recording);
    let file = damaged(&recording, change);
    let points = |files: &[PathBuf]| -> Vec<f64> {
        let scores = scores(files, rules);
        let deductions = scores.iter().filter_map(|score| score["deductions"].as_array()).flatten();
        let found = deductions.filter(|deduction| deduction["reason"] == expect);
        found.map(|deduction| deduction["points"].as_f64().unwrap()).collect()
    };
    assert!(points(&[recording]).is_empty(), "{expect} is in the whole recording");
    let found = points(&[file.path().to_path_buf()]);
    assert!(found.len() == 1 && found[0] > 0.0, "{expect}: {found:?}");
}

#[test]
fn a_wrong_checksum_is_found_in_a_feed_that_has_them() {
    let change = |line: &str| {
        let (before, rest) = line.split_once(r#"\"type\":\"update\",\"data\":[{\"symbol\":\"BTC/USD\""#)?;
        let (middle, rest) = rest.split_once(r#"\"checksum\":"#)?;
        let (_, after) = rest.split_once(',')?;
        Some(format!(
            r#"{before}\"type\":\"update\",\"data\":[{{\"symbol\":\"BTC/USD\"{middle}\"checksum\":1,{after}"#
        ))
    };
    check_damage("kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz", RULES, change, "checksum_wrong");
}

#[test]
fn an_order_that_is_there_already_is_found_in_a_feed_of_orders() {
    // The best bid of the snapshot.
    const RESTING: &str = "db32e2a2-aa29-43e6-bcc2-418882e4d90d";
    let change = |line: &str| {
        let is_open = line.contains(r#""kind":"ws""#) && line.contains(r#"\"type\":\"open\""#);
        let (before, rest) = line.split_once(r#"\"order_id\":\""#).filter(|_| is_open)?;
        let (_, after) = rest.split_once('\\')?;
        Some(format!(r#"{before}\"order_id\":\"{RESTING}\{after}"#))
    };
    let recording = "coinbase/pyalgotrade_full_btcusd_20160312_part0.jsonl.gz";
    check_damage(recording, RULES, change, "order_repeated");
}
