//! What the operators make of a recorded session, summed up in a few lines that a change of behaviour changes.
//!
//! When a change is meant, look at the new lines and accept them: `INSTA_UPDATE=always cargo test -p opus2-e2e --test golden`.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its files has failed")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const RECORDINGS: [&str; 3] = [
    "hftbacktest_btcusdt_20240808.jsonl.gz",
    "cryptofeed_20211012_4pairs.jsonl.gz",
    "cryptofeed_20210417_10pairs.jsonl.gz",
];

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn recording(name: &str) -> Option<PathBuf> {
    let shared =
        std::env::var_os("OPUS2_SHARED").map_or_else(|| repository().join("../shared"), PathBuf::from);
    let path = shared.join("data/binance_spot").join(name);
    if !path.is_file() {
        eprintln!("SKIPPED: no recording at {}; set OPUS2_SHARED", path.display());
        return None;
    }
    Some(path)
}

/// One line for each topic: records, bytes, CRC-32.
fn pipeline(recording: &Path) -> String {
    let opus2 = repository().join("target/release/opus2");
    assert!(opus2.is_file(), "{} is missing; build it with scripts/build", opus2.display());
    let out = tempfile::tempdir().unwrap();
    let output =
        Command::new(opus2).arg("pipeline").arg(recording).arg("--out").arg(out.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut files: Vec<_> =
        std::fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut lines = String::new();
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let records = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
        let topic = file.file_stem().unwrap().to_string_lossy().into_owned();
        let (length, crc) = (bytes.len(), crc32fast::hash(&bytes));
        writeln!(lines, "{topic:<24} {records:>7} records {length:>10} bytes  crc32 {crc:08x}").unwrap();
    }
    lines
}

#[test]
fn a_session_gives_the_same_bytes_as_ever_and_every_time() {
    for name in RECORDINGS {
        let Some(recording) = recording(name) else { return };
        let first = pipeline(&recording);
        assert_eq!(first, pipeline(&recording), "{name}: two runs differ");
        insta::assert_snapshot!(name.split('.').next().unwrap(), first);
    }
}
