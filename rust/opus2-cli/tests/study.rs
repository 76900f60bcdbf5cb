//! `opus2 study` against an independent implementation with numpy, and on small recordings.
//!
//! The reference is `study/ofi_reference.py`: its own parsing, its own books, its own flow, its own least squares. numpy
//! comes from `scripts/python-env`; where it cannot be had, the test fails.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The bound on a difference of R².
const R2_BOUND: f64 = 0.05;
/// What is really expected: both compute the same, in another order.
const CLOSE: f64 = 1e-9;

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

fn opus2(arguments: &[&str], files: &[PathBuf]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_opus2")).arg("study").args(arguments).args(files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What the reference makes of the files.
fn reference(form: &str, files: &[PathBuf]) -> Value {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let environment = Command::new(repository.join("scripts/python-env")).output().unwrap();
    assert!(environment.status.success(), "{}", String::from_utf8_lossy(&environment.stderr));
    let output = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/study/ofi_reference.py"))
        .arg(form)
        .args(files)
        .env("PYTHONPATH", String::from_utf8(environment.stdout).unwrap().trim())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn near(what: &str, ours: &Value, theirs: &Value, bound: f64) {
    let (ours, theirs) = (ours.as_f64().unwrap(), theirs.as_f64().unwrap());
    assert!((ours - theirs).abs() <= bound * theirs.abs().max(1.0), "{what}: {ours}, numpy {theirs}");
}

/// Every bar and every regression of the reference must be ours; `named` is the one that decides.
#[track_caller]
fn check(form: &str, arguments: &[&str], files: &[&str], bars: usize, rows: usize, named: &str) {
    let Some(folder) = recordings() else { return };
    let files: Vec<PathBuf> = files.iter().map(|file| folder.join(file)).collect();
    let ours: Value = serde_json::from_str(&opus2(arguments, &files)).unwrap();
    let theirs = reference(form, &files);

    let (our_bars, their_bars) = (ours["bars"].as_array().unwrap(), theirs["bars"].as_array().unwrap());
    assert_eq!((our_bars.len(), their_bars.len()), (bars, bars));
    for (ours, theirs) in our_bars.iter().zip(their_bars) {
        assert_eq!(ours["end_ns"], theirs["end_ns"]);
        assert_eq!(ours["ofi"], theirs["ofi"], "{}", theirs["end_ns"]);
        assert_eq!(ours["flow"], theirs["flow"], "{}", theirs["end_ns"]);
        near("change of the mid", &ours["mid_change_ticks"], &theirs["mid_change_ticks"], CLOSE);
    }

    let of = |name: &str| ours["regressions"].as_array().unwrap().iter().find(|row| row["name"] == name);
    let regressions = theirs["regressions"].as_object().unwrap();
    assert_eq!((regressions.len(), ours["regressions"].as_array().unwrap().len()), (rows, rows));
    for (name, theirs) in regressions {
        let ours = of(name).unwrap_or_else(|| panic!("no regression {name}"));
        for (field, theirs) in theirs.as_object().unwrap() {
            let what = format!("{name}, {field}");
            match theirs.as_array() {
                Some(theirs) => {
                    let ours = ours[field].as_array().unwrap();
                    assert_eq!(ours.len(), theirs.len(), "{what}");
                    ours.iter().zip(theirs).for_each(|(ours, theirs)| near(&what, ours, theirs, CLOSE));
                }
                None => near(&what, &ours[field], theirs, CLOSE),
            }
        }
    }
    let (ours, theirs) = (&of(named).unwrap()["r2"], &regressions[named]["r2"]);
    near(&format!("{named}, R²"), ours, theirs, R2_BOUND);
    eprintln!("{named}: R² {ours}, numpy {theirs}");
}

#[test]
fn the_ten_second_regressions_of_amzn_are_those_of_numpy() {
    check(
        "lobster",
        &["ofi", "--json", "--bar-secs", "10", "--lobster"],
        &["lobster/AMZN_2012-06-21_level1_first_two_thirds.csv.gz"],
        1_031,
        5,
        "ofi",
    );
}

#[test]
fn the_five_level_regressions_of_ethbtc_are_those_of_numpy() {
    check(
        "binance",
        &["ofi", "--json", "--bar-secs", "10", "--levels", "5", "--binance-depth"],
        &[
            "binance_spot/deep_orderbook_ethbtc_20201101T09_snapshot.json.gz",
            "binance_spot/deep_orderbook_ethbtc_20201101T09_update.json.gz",
            "binance_spot/deep_orderbook_ethbtc_20201101T09_trades.json.gz",
        ],
        359,
        8,
        "levels_ols",
    );
}

#[test]
fn recordings_of_different_days_have_nothing_to_route() {
    let Some(folder) = recordings() else { return };
    let files = [
        "binance_spot/hftbacktest_btcusdt_20240808.jsonl.gz",
        "kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz",
    ];
    let found = opus2(&["routing", "--json"], &files.map(|file| folder.join(file)));
    let rows: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 6, "two fee tables, three notionals");
    for row in rows {
        assert_eq!(row["market"], "BTC/USD*");
        assert_eq!((&row["shared_seconds"], &row["filled"]), (&Value::from(0), &Value::from(0)));
        assert_eq!(row["saving_mean_bps"], Value::Null);
    }
}

/// A line of a recording.
fn line(second: i64, exchange: &str, kind: &str, raw: &Value) -> String {
    let received_ns = 1_700_000_000_000_000_000 + second * 1_000_000_000 + 500_000_000;
    let line = serde_json::json!({
        "received_ns": received_ns, "exchange": exchange, "kind": kind, "raw": raw.to_string(),
    });
    format!("{line}\n")
}

#[test]
fn two_venues_in_the_same_seconds_are_routed_over() {
    // Each holds 5 at 101 and 50 at 103: alone, ten cost 2 more a unit for the second half than split.
    let snapshot = |product: &str| {
        serde_json::json!({
            "type": "snapshot", "product_id": product,
            "bids": [["99.00", "50.0"]], "asks": [["101.00", "5.0"], ["103.00", "50.0"]],
        })
    };
    let update = |product: &str| {
        serde_json::json!({
            "type": "l2update", "product_id": product, "time": "2023-11-14T22:13:25.000000Z",
            "changes": [["buy", "98.00", "1.0"]],
        })
    };
    let mut text = String::new();
    for product in ["BTC-USD", "BTC-USDT"] {
        text += &line(0, "coinbase_exchange", "ws", &snapshot(product));
    }
    for second in 1..=4 {
        for product in ["BTC-USD", "BTC-USDT"] {
            text += &line(second, "coinbase_exchange", "ws", &update(product));
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.jsonl");
    std::fs::write(&path, text).unwrap();
    let found = opus2(&["routing", "--json", "--synthetic", "--notional", "1000"], &[path]);
    let rows: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let free = rows.iter().find(|row| row["fees"] == "none").unwrap();
    // Four seconds end between the five messages; bought and sold.
    assert_eq!((&free["shared_seconds"], &free["filled"]), (&Value::from(4), &Value::from(8)));
    assert_eq!(free["is_synthetic"], true);
    // Bought: 10 saved of 1000, 100 bps; sold: nothing, each bid holds it all.
    near("mean saving", &free["saving_mean_bps"], &Value::from(50.0), CLOSE);
    near("share split", &free["split_share"], &Value::from(0.5), CLOSE);
}

#[test]
fn what_cannot_be_studied_says_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_opus2")).args(["study", "ofi"]).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("--lobster <FILE>"), "{error}");
}
