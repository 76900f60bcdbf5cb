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
