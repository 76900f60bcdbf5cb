//! The methods reference's own test vectors, through the production code.
//!
//! The file is not part of the repository: it is read from `OPUS2_SHARED`, else from `../shared` beside the checkout,
//! and the test says on standard error that it was skipped when it is not there.

use std::io::Write as _;
use std::path::PathBuf;

#[test]
fn every_vector_agrees() {
    let path = vectors_path();
    let Ok(text) = std::fs::read_to_string(&path) else {
        let mut stderr = std::io::stderr();
        writeln!(stderr, "SKIPPED: no vectors at {}; set OPUS2_SHARED to have them", path.display()).unwrap();
        return;
    };
    let report = opus2_vectors::run(&text).unwrap();
    let shown: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(shown.is_empty(), "{} passed, {} failed\n{}", report.passed, report.failed, shown.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "where the shared files are is a matter of the machine")]
fn vectors_path() -> PathBuf {
    let shared = std::env::var("OPUS2_SHARED")
        .map_or_else(|_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    shared.join("docs/hifa-vectors.json")
}
