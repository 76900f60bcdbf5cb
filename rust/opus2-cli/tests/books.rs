//! `opus2 books` against the independent measurements of the recordings.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

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

/// What a measurement says of each of its instruments, by the venue's symbol: under the names of `opus2 books` where the
/// measurement uses others.
fn measured(expected: &Value, measurement: &str) -> BTreeMap<String, Value> {
    let whole = &expected["files"][measurement];
    let of = |key: &str| {
        let instruments = whole[key].as_object()?;
        Some(instruments.iter().map(|(symbol, fields)| (symbol.clone(), fields.clone())).collect())
    };
    let single = |symbol: &Value| BTreeMap::from([(symbol.as_str().unwrap().to_owned(), whole.clone())]);
    let mut instruments: BTreeMap<String, Value> = of("symbols")
        .or_else(|| of("per_product"))
        .or_else(|| of("pairs"))
        .or_else(|| of("final"))
        .unwrap_or_else(|| {
            let symbol = ["symbol", "pair"].iter().map(|key| &whole[*key]).find(|symbol| symbol.is_string());
            single(symbol.unwrap_or(&json!("BTC-USD")))
        });
    for fields in instruments.values_mut() {
        for (theirs, ours) in [
            ("levels", "final_levels"),
            ("top10", "final_top10"),
            ("resting_orders_at_end", "resting_orders"),
            ("sequence_gaps", "stream_gaps"),
            ("crossed", "crossed_after_apply"),
            ("crossed_after_message", "crossed_after_apply"),
            ("l2update", "applied"),
            ("updates_with_checksum", "applied"),
        ] {
            if let Some(value) = fields.get(theirs).cloned() {
                fields[ours] = value;
            }
        }
        if let Some(updates) = fields["messages"]["book update"].as_u64() {
            fields["applied"] = json!(updates);
            fields["snapshots"] = fields["messages"]["book snapshot"].clone();
        }
    }
    instruments
}

/// Every field that both the measurement and the command have must be equal, and there must be so many of them at least.
#[track_caller]
fn check(measurement: &str, files: &[&str], compared_min: usize) {
    let Some(folder) = recordings() else { return };
    let expected: Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let instruments = measured(&expected, measurement);
    let files: Vec<PathBuf> = files.iter().map(|file| folder.join(file)).collect();
    let rows = books(&files);
    assert_eq!(rows.len(), instruments.len(), "{measurement}: instruments");
    for row in rows {
        let symbol = row["instrument"].as_str().unwrap();
        let expect = instruments[symbol].as_object().unwrap();
        let mut compared = 0;
        for (field, value) in row.as_object().unwrap() {
            if let Some(expect) = expect.get(field).filter(|_| !value.is_null()) {
                assert_eq!(value, expect, "{measurement}, {symbol}: {field}");
                compared += 1;
            }
        }
        assert!(compared >= compared_min, "{measurement}, {symbol}: only {compared} fields compared");
    }
}

#[test]
fn a_binance_recording_with_a_snapshot_gives_the_measured_book() {
    let file = "binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz";
    check(file, &[file], 9);
}

#[test]
fn a_binance_recording_without_a_snapshot_has_no_book() {
    let file = "binance_spot/hftbacktest_btcusdt_20240809.jsonl.gz";
    check(file, &[file], 7);
}

#[test]
fn two_files_are_played_as_one() {
    check(
        "binance_spot/hftbacktest_btcusdt_20240808 + 20240809 played as one",
        &[
            "binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz",
            "binance_spot/hftbacktest_btcusdt_20240809.jsonl.gz",
        ],
        9,
    );
}

#[test]
fn recordings_of_several_instruments_give_every_measured_book() {
    for file in [
        "binance_spot/cryptofeed_20211012_4pairs.jsonl.gz",
        "binance_spot/cryptofeed_20210417_10pairs.jsonl.gz",
    ] {
        check(file, &[file], 9);
    }
}

#[test]
fn the_venues_own_metadata_gives_the_same_books() {
    check(
        "binance_spot/cryptofeed_20211012_4pairs.jsonl.gz",
        &[
            "binance_spot/cryptofeed_20211012_exchangeInfo.jsonl.gz",
            "binance_spot/cryptofeed_20211012_4pairs.jsonl.gz",
        ],
        9,
    );
}

#[test]
fn documents_of_messages_are_played_too() {
    check(
        "binance_spot/deep_orderbook_ethbtc_20201101T09_*",
        &[
            "binance_spot/deep_orderbook_ethbtc_20201101T09_snapshot.json.gz",
            "binance_spot/deep_orderbook_ethbtc_20201101T09_update.json.gz",
            "binance_spot/deep_orderbook_ethbtc_20201101T09_trades.json.gz",
        ],
        5,
    );
}

#[test]
fn every_kraken_message_has_the_venues_checksum() {
    for file in [
        "kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz",
        "kraken/crossbook_v2_book25_ethusd_20260802.jsonl.gz",
        "kraken/crossbook_v2_book10_btcusd_20260801_resubscribes.jsonl.gz",
        "kraken/cryptofeed_v1_book1000_20210417_7pairs.jsonl.gz",
        "kraken/python_kraken_sdk_v1_book10_xbtusd_20230830.json.gz",
    ] {
        check(file, &[file], 6);
    }
    let file = "kraken/gocryptotrader_v2_level3_btcusd_documented_example.jsonl";
    let Some(folder) = recordings() else { return };
    let row = &books(&[folder.join(file)])[0];
    assert_eq!((&row["checksums_ok"], &row["checksums_bad"]), (&json!(4), &json!(0)));
    assert_eq!(row["resting_orders"], 21 + 12);
}

#[test]
fn coinbase_books_by_levels_are_the_measured_ones() {
    let file = "coinbase/cryptofeed_level2_20210417_7products.jsonl.gz";
    check(file, &[file], 4);
    let file = "coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz";
    check(file, &[file], 2);
}

#[test]
fn coinbase_books_order_by_order_are_the_measured_ones() {
    for part in ["part0", "part1"] {
        let file = format!("coinbase/pyalgotrade_full_btcusd_20160312_{part}.jsonl.gz");
        check(&file, &[&file], 4);
    }
}

#[test]
fn a_rest_book_of_every_order_is_a_book() {
    let file = "coinbase/orderbook_rest_l3_snapshot_btcusd_20260807.json.gz";
    let Some(folder) = recordings() else { return };
    let rows = books(&[folder.join(file)]);
    assert_eq!(rows[0]["resting_orders"], 57_419 + 53_187);
    assert_eq!(rows[0]["final_levels"], json!([18_395, 27_019]));
    assert_eq!(rows[0]["final_top10"]["bids"][0], json!(["64934.31", "0.0536205"]));
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
