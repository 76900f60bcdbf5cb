//! `opus2 pipeline` over recordings of every feed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Runs the pipeline; gives each output file's name and bytes.
fn pipeline(recording: &Path, options: &[&str]) -> Vec<(String, Vec<u8>)> {
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_opus2"))
        .arg("pipeline")
        .arg(recording)
        .arg("--out")
        .arg(out.path())
        .args(options)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<_> = std::fs::read_dir(out.path())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn restarted_anywhere_every_feed_gives_the_same_output() {
    let Some(folder) = recordings() else { return };
    for (recording, every) in [
        ("binance_spot/cryptofeed_20210417_10pairs.jsonl.gz", "97"),
        ("coinbase/cryptofeed_level2_20210417_7products.jsonl.gz", "1013"),
        ("coinbase/cryptofeed_advanced_20260809_first15s.jsonl.gz", "101"),
        ("coinbase/pyalgotrade_full_btcusd_20160312_part0.jsonl.gz", "499"),
        ("kraken/crossbook_v2_book25_btcusd_20260802.jsonl.gz", "173"),
        ("kraken/crossbook_v2_book10_btcusd_20260801_resubscribes.jsonl.gz", "7"),
        ("kraken/cryptofeed_v1_book1000_20210417_7pairs.jsonl.gz", "401"),
        ("kraken/gocryptotrader_v2_level3_btcusd_documented_example.jsonl", "1"),
    ] {
        let recording = folder.join(recording);
        let whole = pipeline(&recording, &[]);
        assert!(whole.iter().any(|(_, bytes)| !bytes.is_empty()));
        for ((name, expect), (_, bytes)) in
            whole.iter().zip(pipeline(&recording, &["--restart-every", every]))
        {
            assert!(bytes == *expect, "{}: {name} differs", recording.display());
        }
    }
}

/// SYNTHETIC messages of Coinbase's `full` channel, from raw text to the detection.
#[test]
fn an_order_that_shows_again_after_its_fill_is_an_iceberg() {
    let id = |order: u8| format!("00000000-0000-0000-0000-00000000000{order}");
    let open = |sequence: u32, order: u8, side: &str, price: &str, size: &str| {
        let id = id(order);
        format!(
            r#""type":"open","sequence":{sequence},"order_id":"{id}","side":"{side}","price":"{price}","remaining_size":"{size}""#
        )
    };
    let fill = |sequence: u32, trade: u32, order: u8, side: &str, price: &str, size: &str| {
        let (id, taker) = (id(order), id(9));
        format!(
            r#""type":"match","sequence":{sequence},"trade_id":{trade},"maker_order_id":"{id}","taker_order_id":"{taker}","side":"{side}","price":"{price}","size":"{size}""#
        )
    };
    let rows = [
        open(10, 1, "sell", "101.00", "10.5"),
        open(10, 2, "sell", "102.00", "4.0"),
        open(10, 3, "buy", "99.00", "5.0"),
    ];
    let messages = [
        // An ordinary order, filled in parts.
        fill(11, 1, 3, "buy", "99.00", "2.0"),
        open(12, 4, "buy", "98.00", "1.0"),
        fill(13, 2, 3, "buy", "99.00", "3.0"),
        // One that is filled to the end and is there again.
        fill(14, 3, 1, "sell", "101.00", "10.5"),
        open(15, 1, "sell", "101.00", "10.5"),
        fill(16, 4, 1, "sell", "101.00", "3.0"),
        open(17, 5, "buy", "98.00", "1.0"),
    ];
    let lines = rows.iter().map(|row| ("snapshot_row", row)).chain(messages.iter().map(|row| ("ws", row)));
    let text: String = lines
        .zip(1_750_000_000_000i64..)
        .map(|((kind, fields), ms)| {
            let raw = format!(r#"{{"product_id":"BTC-USD","time":"2025-06-15T15:06:40.000000Z",{fields}}}"#);
            let raw = serde_json::to_string(&raw).unwrap();
            format!(
                r#"{{"received_ns":{ms}000000,"exchange":"coinbase_exchange","kind":"{kind}","raw":{raw}}}"#
            ) + "\n"
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("full.jsonl");
    std::fs::write(&recording, text).unwrap();
    let outputs = pipeline(&recording, &[]);
    assert!(outputs == pipeline(&recording, &["--restart-every", "1"]));
    let records = |name: &str| -> Vec<serde_json::Value> {
        let (_, bytes) = outputs.iter().find(|(file, _)| file == name).unwrap();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    };
    let shown: Vec<_> = records("market_data_normalized.jsonl")
        .iter()
        .filter(|record| record["kind"] == "trade")
        .map(|trade| {
            format!("{} {} {}", trade["maker_order"], trade["maker_shown"], trade["qty"]).replace('"', "")
        })
        .collect();
    let expect = [(3, "5 2"), (3, "3 3"), (1, "10.5 10.5"), (1, "10.5 3")];
    assert_eq!(shown, expect.map(|(order, qtys)| format!("{} {qtys}", id(order))));
    let detections: Vec<_> = records("hifa_stage1_signals.jsonl")
        .iter()
        .filter_map(|record| record["detections"].as_array().cloned())
        .flatten()
        .collect();
    let expect = serde_json::json!([{
        "detector": "iceberg", "direction": "down", "side": "ask", "order": id(1), "price": "101", "refills": 1,
        "peak": "10.5", "executed": "13.5", "feed": "orders",
    }]);
    assert_eq!(serde_json::Value::from(detections), expect);
}
