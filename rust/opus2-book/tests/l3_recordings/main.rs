//! The L3 book driven by real order-by-order recordings, against what was measured of them independently.
//!
//! None of these venues is one of ours: small adapters read their files here and nowhere else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bitstamp;
mod coinbase;
mod lobster;

use std::io::Read;
use std::path::Path;

use opus2_types::parse_scaled;
use serde_json::Value;

/// A file of the recordings' folder, unpacked; `None`, with a note, when it is not there.
fn read(name: &str) -> Option<String> {
    let shared = std::env::var_os("OPUS2_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), Into::into);
    let path = shared.join("data").join(name);
    let Ok(file) = std::fs::File::open(&path) else {
        eprintln!(
            "SKIPPED: no recording at {}; set OPUS2_SHARED to the folder that has data/",
            path.display()
        );
        return None;
    };
    let mut text = String::new();
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    } else {
        std::io::BufReader::new(file).read_to_string(&mut text).unwrap();
    }
    Some(text)
}

/// What was measured of a recording.
fn expected(name: &str) -> Option<Value> {
    let expected: Value = serde_json::from_str(&read("expected.json")?).unwrap();
    Some(expected["files"][name].clone())
}

fn units(text: &str, scale: u8) -> i64 {
    parse_scaled(text.as_bytes(), scale).unwrap()
}
